"""`tickproof topics`: create, list, check and delete the topics."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from commands.configuration import broker_options, read

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@click.group(name="topics")
def command() -> None:
    """Create, list, check and delete the topics of a run.

    Topics are never created automatically: replayed history needs retention by bytes. A prefix keeps runs apart.

    \b
    Examples:
      tickproof topics create --brokers 127.0.0.1:9092
      tickproof topics check --prefix replay-2014. --json
      tickproof topics delete --prefix replay-2014. --yes
    """


@command.command()
@broker_options
@click.option(
    "--partitions", type=click.IntRange(1, 1000), help="Number of partitions of the topics that have more than one by default."
)
@json_option
def create(brokers: str | None, prefix: str | None, partitions: int | None, as_json: bool) -> None:
    """Create the topics that do not exist yet.

    \b
    Examples:
      tickproof topics create
      tickproof topics create --prefix test. --partitions 8
    """
    from jobs.kafka import topics

    settings = read({"brokers": brokers, "prefix": prefix}).settings
    made = topics.create(settings.brokers, settings.prefix, partitions)
    _print(as_json, {"created": made}, [f"created {name}" for name in made] or ["all topics are there"])


@command.command(name="list")
@broker_options
@json_option
def list_topics(brokers: str | None, prefix: str | None, as_json: bool) -> None:
    """List the topics with their partitions and what each holds.

    \b
    Examples:
      tickproof topics list
      tickproof topics list --json
    """
    from jobs.kafka import topics

    settings = read({"brokers": brokers, "prefix": prefix}).settings
    there = topics.partitions(settings.brokers, settings.prefix)
    rows = [
        {"topic": name, "partitions": there.get(name), "key": topic.key, "meaning": topic.meaning}
        for name, topic in topics.named(settings.prefix)
    ]
    width = max(len(str(row["topic"])) for row in rows)
    lines = [f"{row['topic']:{width}}  {row['partitions'] or 'missing':>7}  {row['meaning']}" for row in rows]
    _print(as_json, {"topics": rows}, [f"{'topic':{width}}  partitions", *lines])


@command.command()
@broker_options
@json_option
@click.pass_context
def check(ctx: click.Context, brokers: str | None, prefix: str | None, as_json: bool) -> None:
    """Compare the topics with their definition; exit status 1 if one differs.

    \b
    Examples:
      tickproof topics check
      tickproof topics check --json
    """
    from jobs.kafka import topics

    settings = read({"brokers": brokers, "prefix": prefix}).settings
    wrong = topics.check(settings.brokers, settings.prefix)
    _print(
        as_json,
        {"deviations": [asdict(one) for one in wrong]},
        [str(one) for one in wrong] or ["all topics are as they should be"],
    )
    ctx.exit(1 if wrong else 0)


@command.command()
@broker_options
@click.option("--yes", is_flag=True, help="Confirm that the topics and all their records are to be deleted.")
@json_option
def delete(brokers: str | None, prefix: str | None, yes: bool, as_json: bool) -> None:
    """Delete the topics and all their records.

    \b
    Examples:
      tickproof topics delete --prefix test. --yes
    """
    if not yes:
        raise click.UsageError("this deletes the topics and all their records; give --yes if you mean it")
    from jobs.kafka import topics

    settings = read({"brokers": brokers, "prefix": prefix}).settings
    gone = topics.delete(settings.brokers, settings.prefix)
    _print(as_json, {"deleted": gone}, [f"deleted {name}" for name in gone] or ["no topic was there"])


def _print(as_json: bool, answer: dict[str, object], lines: list[str]) -> None:
    if as_json:
        click.echo(json.dumps(answer))
    else:
        click.echo("\n".join(lines))

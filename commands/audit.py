"""`tickproof audit`: is every published tick scored or dead-lettered, once?"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from commands.configuration import broker_options, read

if TYPE_CHECKING:
    from jobs.kafka.audit_account import Audit


@click.command()
@broker_options
@click.option(
    "--wait", "wait_s", type=click.FloatRange(0), default=0.0, help="Check again for up to this many seconds, until complete."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_context
def command(ctx: click.Context, brokers: str | None, prefix: str | None, wait_s: float, as_json: bool) -> None:
    """Prove from the topics alone that every tick is there exactly once.

    Raw messages are decoded again and compared, tick by tick and by content, with what is scored or in the dead letters; only
    committed records count. Exit status 1 if something is missing or duplicated. While a producer still writes, ticks on their
    way count as missing: --wait gives them time.

    \b
    Examples:
      tickproof audit
      tickproof audit --prefix replay-2014. --wait 60
      tickproof audit --json
    """
    from jobs.kafka.audit import audit

    settings = read({"brokers": brokers, "prefix": prefix}).settings
    shown = (-1, -1)

    def progress(decoded: int, settled: int) -> None:
        nonlocal shown
        if wait_s and (decoded, settled) != shown:
            shown = decoded, settled
            click.echo(f"{settled:,} of {decoded:,} ticks are scored or in the dead letters", err=True)

    answer = audit(settings.brokers, settings.prefix, wait_s=wait_s, progress=progress)
    click.echo(json.dumps(answer.to_dict()) if as_json else _text(answer))
    sys.stdout.flush()
    ctx.exit(0 if answer.complete else 1)


def _text(answer: Audit) -> str:
    ranges = ", ".join(f"{one.partition}: {one.first}–{one.end}" for one in answer.partitions)
    lines = [f"{answer.topic}: {answer.total('messages'):,} messages, offsets by partition {ranges}"]
    columns = ("messages", "decoded", "scored", "dead_ticks", "dead_messages", "missing", "duplicated")
    width = max([len(one.channel) for one in answer.channels] + [len("(unknown)")])
    heads = [name.replace("_", " ") for name in columns]
    lines.append(f"{'channel':{width}}  " + "  ".join(f"{head:>13}" for head in heads))
    for one in answer.channels:
        values = "  ".join(f"{getattr(one, name):13,}" for name in columns)
        lines.append(f"{one.channel or '(unknown)':{width}}  {values}")
    lines.append(f"{'all':{width}}  " + "  ".join(f"{answer.total(name):13,}" for name in columns))
    lines.append(f"besides {answer.heartbeats:,} capture heartbeats; overtaken by the watermark: {answer.overtaken:,} ticks")
    if answer.complete:
        lines.append("complete: every tick is scored or in the dead letters, once, and so is every payload that is not a tick")
    return "\n".join(lines + answer.problems())

"""`tickproof doctor`: what is wrong with this installation and its services, and what to do next."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from commands.configuration import broker_options, read


@click.command(name="doctor")
@broker_options
@click.option("--cluster", metavar="HOST:PORT", help="REST address of a session cluster to check.")
@click.option("--model", help="Alias or folder of a model; by default the setting `model`.")
@click.option("--compile", "compiled", is_flag=True, help="First compile the kernels whose sources have changed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_context
def command(ctx: click.Context, /, *, cluster: str | None, compiled: bool, as_json: bool, **options: str | None) -> None:
    """Check Python, Java, jars, versions, ports, disk, broker, topics, cluster and model, and say what to do next.

    Kernels that are not compiled yet are compiled at their first use, which takes a minute or two; --compile does it now.
    Exit status 1 if something failed, else 0. A check that could not run is `skipped`, never `ok`.

    \b
    Examples:
      tickproof doctor
      tickproof doctor --brokers 127.0.0.1:9092 --cluster 127.0.0.1:8081 --json
    """
    from jobs.checks.check import State, Subject
    from jobs.checks.doctor import examine, kernels

    rows = ([kernels()] if compiled else []) + examine(Subject(read(options), cluster))
    if as_json:
        click.echo(json.dumps({"checks": [asdict(row) for row in rows]}))
    else:
        for row in rows:
            click.echo(f"{row.state:8} {row.name:12} {row.found}")
            if row.action:
                click.echo(f"{'':21} → {row.action}")
    ctx.exit(1 if any(row.state == State.FAIL for row in rows) else 0)

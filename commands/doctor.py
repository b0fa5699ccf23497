"""`tickproof doctor`: what is wrong with this installation and its services, and what to do next."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from commands.configuration import broker_options, read
from jobs.checks.check import State, Subject
from jobs.checks.doctor import examine


@click.command(name="doctor")
@broker_options
@click.option("--cluster", metavar="HOST:PORT", help="REST address of a session cluster to look at.")
@click.option("--model", help="Alias or folder of a model; by default the setting `model`.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_context
def command(
    ctx: click.Context, brokers: str | None, prefix: str | None, cluster: str | None, model: str | None, as_json: bool
) -> None:
    """Look at Python, Java, jars, versions, ports, disk, broker, topics, cluster and model, and say what to do next.

    Exit status 1 if something failed, else 0. A check that could not run is `skipped`, never `ok`.

    \b
    Examples:
      tickproof doctor
      tickproof doctor --brokers 127.0.0.1:9092 --cluster 127.0.0.1:8081 --json
    """
    rows = examine(Subject(read({"brokers": brokers, "prefix": prefix, "model": model}), cluster))
    if as_json:
        click.echo(json.dumps({"checks": [asdict(row) for row in rows]}))
    else:
        for row in rows:
            click.echo(f"{row.state:8} {row.name:12} {row.found}")
            if row.action:
                click.echo(f"{'':21} → {row.action}")
    ctx.exit(1 if any(row.state == State.FAIL for row in rows) else 0)

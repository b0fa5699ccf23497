"""`tickproof watch`: findings on a terminal as the job publishes them, one line a revision."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal, cast

import click

from commands import configuration
from commands.configuration import broker_options
from tickproof.codes.code import Severity

if TYPE_CHECKING:
    from tickproof.findings.finding import Finding

STYLES = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.INFO: "dim"}


@click.command()
@broker_options
@click.option(
    "--severity",
    type=click.Choice([severity.value for severity in Severity]),
    default=Severity.INFO.value,
    show_default=True,
    help="Only findings of at least this severity.",
)
@click.option(
    "--from",
    "start",
    type=click.Choice(["beginning", "now"]),
    default="now",
    show_default=True,
    help="Include findings published before, or only new ones.",
)
@click.option("--once", is_flag=True, help="Stop at the end of the topic; implies --from beginning.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines, one finding each.")
def command(*, brokers: str | None, prefix: str | None, severity: str, start: str, once: bool, as_json: bool) -> None:
    """Follow findings: one line each time one opens, changes or closes, until Ctrl-C.

    \b
    Examples:
      tickproof watch
      tickproof watch --severity warning --from beginning
      tickproof watch --once --json | jq -r .code | sort | uniq -c
    """
    from rich.console import Console
    from rich.text import Text

    from jobs.kafka.findings_client import FindingsClient, Unreadable
    from tickproof.findings.finding import encode
    from tickproof.findings.incident import rank

    settings = configuration.read({"brokers": brokers, "prefix": prefix}).settings
    least = rank(Severity(severity))
    where = cast(Literal["beginning", "now"], "beginning" if once else start)
    console = Console(highlight=False)
    with FindingsClient(settings.brokers, settings.prefix, where) as client:
        while True:
            for found in client.poll():
                if isinstance(found, Unreadable):
                    click.echo(f"no finding: partition {found.partition}, offset {found.offset}: {found.reason}", err=True)
                elif rank(found.severity) < least:
                    continue
                elif as_json:
                    click.echo(encode(found))
                elif console.is_terminal:
                    console.print(Text(line(found), STYLES[found.severity], no_wrap=True, overflow="ellipsis"))
                else:
                    click.echo(line(found))
            sys.stdout.flush()
            if once and client.is_caught_up:
                return


def line(finding: Finding) -> str:
    """Format one revision of a finding: when, severity, code, where, how many, and what was measured."""
    from tickproof.ticks.rfc3339 import iso, span

    where = f"{finding.symbol}@{finding.venue}" if finding.symbol else finding.channel or finding.feed
    lasts = finding.last_ts - finding.first_ts
    many = f" ×{finding.count:,}" if finding.count > 1 else ""
    said = f"{iso(finding.first_ts)} {finding.severity.value:<8} {finding.code:<18} {where:<18} {finding.state}{many}"
    if lasts:
        said += f" for {span(lasts)}"
    if finding.measured is not None:
        said += f", {_value(finding.measured, finding.unit)}"
        if finding.threshold:
            said += f" against {_value(finding.threshold, finding.unit)}"
    return f"{said}  {finding.id}.{finding.revision}"


def _value(value: float, unit: str) -> str:
    from tickproof.ticks.rfc3339 import span

    return span(value) if unit == "ns" else f"{value:,.9g} {unit}".rstrip()

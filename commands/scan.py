"""`tickproof scan`: recordings in, a folder of scored ticks, findings, statistics and a report out; no Kafka, no Flink."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.configuration import mapping_option


@click.command()
@click.argument("recordings", metavar="IN...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write to; created if needed."
)
@click.option("--model", metavar="ALIAS|PATH|none", help="Model, or `none` for rules only; by default the setting `model`.")
@click.option("--reference", type=click.Path(dir_okay=False, path_type=Path), metavar="F", help="Reference data, JSON or TOML.")
@mapping_option
@click.option("--symbol", "symbols", multiple=True, help="Only this symbol. May be repeated.")
@click.option("--no-report", is_flag=True, help="Leave report.html out.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Check every tick of recordings, offline, with the steps of the Flink job.

    IN are recordings, Parquet files of ticks, or folders of them, merged by capture time. What their formats imply of channels
    is assumed (whether sequence numbers have no holes, say); entries of --reference override it. The folder --out gets
    scored.parquet (the input's rows in their order, with verdict columns; capture heartbeats have verdicts of zeros),
    findings.jsonl (the last revision of each), statistics.parquet, dead-letters.jsonl (what could not be scored, and why),
    scan.json (this summary) and report.html.

    A tick that a step fails on is left out of scored.parquet and written to dead-letters.jsonl; the others are scored. Exit
    status 1 means that there are such ticks; 5, with nothing written, that a step fails on everything. Both are bugs.

    A reference file has the optional tables `channels`, `instruments`, `sessions`, `actions` and `relations`. A relation ties
    prices to each other, such as a currency cross to its legs; a leg that leaves the others is a `cross_break`:

    \b
      [[relations]]
      name = "EURJPY by its legs"    # EURUSD x USDJPY / EURJPY = 1; learnt if left out
      constant = 1.0
      legs = [{symbol = "EURUSD"}, {symbol = "USDJPY"}, {symbol = "EURJPY", power = -1}]

    \b
    Examples:
      tickproof scan recording.parquet --out out
      tickproof scan lean/equity/usa/tick/ibm --out ibm --model none
      tickproof scan sim/ticks.parquet --out out --json
      tickproof scan mine.csv --mapping mapping.toml --out out
    """
    from commands.work.scan import run

    run(ctx, **options)

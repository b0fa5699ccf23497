"""`tickproof evaluate`: the quality of verdicts and findings, measured against labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--scored", required=True, multiple=True, type=FILE, metavar="F", help="Scored ticks (Parquet), as `scan` writes them."
)
@click.option(
    "--findings",
    required=True,
    multiple=True,
    type=FILE,
    metavar="F",
    help="Findings (JSON lines); all revisions or the last of each.",
)
@click.option("--labels", multiple=True, type=FILE, metavar="F", help="Labels (CSV), as `simulate` writes them.")
@click.option("--clean-scored", multiple=True, type=FILE, metavar="F", help="Scored ticks of the same stream without faults.")
@click.option("--clean-findings", multiple=True, type=FILE, metavar="F", help="Findings of the same stream without faults.")
@click.option("--baselines", is_flag=True, help="Also measure published cleaners; without --labels, what their flags fall on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(**options: Any) -> None:
    """Measure verdicts and findings against labels: recall by kind with what chance would find, false alarms per million
    ticks, genuine events called corrupt, and what the model adds to the rules.

    Several streams (days, seeds) are measured together: give each option once per stream, in the same order.

    \b
    Examples:
      tickproof evaluate --scored out/scored.parquet --findings out/findings.jsonl --labels sim/labels.csv
      tickproof evaluate --scored out/scored.parquet --findings out/findings.jsonl --labels sim/labels.csv \\
        --clean-scored clean/scored.parquet --clean-findings clean/findings.jsonl --json
      tickproof evaluate --scored out/scored.parquet --findings out/findings.jsonl --baselines
    """
    from commands.evaluation.work import run

    run(**options)

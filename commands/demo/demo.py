"""`tickproof demo`: a simulated market with faults through a real broker and a real Flink job, and what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command()
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True, help="Seed of the market and its faults.")
@click.option(
    "--minutes", type=click.FloatRange(0.2, 60), default=2.0, show_default=True, help="Length of the market that is streamed."
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep scored ticks, findings, statistics, labels and the report in this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def command(**options: Any) -> None:
    """Start a broker and a Flink job, stream a simulated market with labelled faults and a few broken payloads through them, and
    measure what was found.

    The model was not trained on this market. Nothing is left running afterwards, not even after Ctrl-C; the report stays.

    \b
    Examples:
      tickproof demo
      tickproof demo --seed 11 --minutes 5
      tickproof demo --keep out --json
    """
    from commands.demo.work import run

    run(**options)

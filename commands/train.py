"""`tickproof train`: a model from labelled simulated streams, computed by the same steps that will use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.options.tables import DEFAULT_PROFILE, PROFILES

LEAST_SYMBOLS = 4
TURNS = (DEFAULT_PROFILE, "fx", DEFAULT_PROFILE, "crypto")
"""Profiles of the streams, in turn, so that feeds without sizes or trades, fine grids and cheap coins are learnt as well. Their
number has no divisor in common with HELD_OUT_EVERY, so that each profile is both learnt from and held out."""


@click.command(name="train")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write the model to.")
@click.option("--seeds", type=click.IntRange(3), default=6, show_default=True, help="Number of streams with faults.")
@click.option("--first-seed", type=click.IntRange(0), default=1, show_default=True, help="Seed of the first stream.")
@click.option("--clean-seeds", type=click.IntRange(1), default=4, show_default=True, help="Number of streams without faults.")
@click.option("--minutes", type=click.FloatRange(0.5), default=2.0, show_default=True, help="Length of each stream.")
@click.option(
    "--symbols", type=click.IntRange(LEAST_SYMBOLS), default=48, show_default=True, help="Number of symbols of each stream."
)
@click.option(
    "--profile",
    "profiles",
    type=click.Choice(PROFILES),
    multiple=True,
    default=TURNS,
    show_default=True,
    help="Profile of the streams. If repeated, the profiles take turns.",
)
@click.option(
    "--faults-per-kind", type=click.IntRange(1), default=10, show_default=True, help="Episodes of each kind in a stream."
)
@click.option("--trees", type=click.IntRange(1), default=120, show_default=True, help="Number of boosting stages.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def command(**options: Any) -> None:
    """Train a model on labelled simulated streams of the `train` family and write it to a folder.

    The same command gives the same model, byte for byte, on one machine type. Streams of the `evaluate` family, whose parameters
    come from other ranges, are never used for training; they are for `tickproof evaluate`. Each stream is used four times: whole,
    its trades alone, its quotes with one side per message, and one of its venues alone (currencies have no trades, and are used
    twice). A quarter of the ticks lose their sizes.

    \b
    Examples:
      tickproof train --out my-model
      tickproof train --out quick --seeds 3 --clean-seeds 1 --minutes 1 --json
      tickproof train --out currencies --profile fx
      tickproof scan ticks.parquet --out result --model my-model
    """
    from commands.work.train import run

    run(**options)

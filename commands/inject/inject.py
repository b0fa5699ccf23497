"""`tickproof inject`: labelled faults and genuine twins put into a recording, to measure what is found on one's own feed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("recordings", metavar="RECORDING...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write to; created if needed."
)
@click.option("--faults", "names", multiple=True, metavar="NAME", help="Only this fault, slow ones too. May be repeated.")
@click.option("--per-kind", type=click.IntRange(0, 10_000), default=5, show_default=True, help="Episodes of each entry.")
@click.option("--prevalence", type=click.FloatRange(1e-6, 1e-2), help="Share of ticks that faults affect, instead of --per-kind.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--strength", type=click.FloatRange(0.05, 20), default=1.0, show_default=True, help="Factor on sizes of faults.")
@click.option(
    "--warm-up-s", type=click.FloatRange(0, 3600), default=60.0, show_default=True, help="Seconds without faults first."
)
@click.option("--symbol", "symbols", multiple=True, help="Only this symbol. May be repeated.")
@click.option("--reference", type=click.Path(dir_okay=False, path_type=Path), metavar="F", help="Reference data, JSON or TOML.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(**options: Any) -> None:
    """Put labelled faults into a recording and write ticks.parquet, labels.csv and reference.json to a folder.

    Any recording that `tickproof recordings` knows will do; choose one that is clean, because what is wrong with it already has
    no label. Faults keep clear of each other, and so do genuine twins of theirs: what looks alike and is right. Numbers and
    trade ids count on over what was added or lost, so that only faults of numbering show in them. The folder is for `scan`
    and `evaluate`, as one of `simulate` is. Entries that the feed cannot have, such as faults of sizes in a feed without
    sizes, are left out and named.

    \b
    Examples:
      tickproof inject my-day.parquet --out injected
      tickproof inject lean/equity/usa/tick/ibm --faults spike --faults frozen --per-kind 20 --seed 3 --out injected
      tickproof scan injected/ticks.parquet --reference injected/reference.json --out out
      tickproof evaluate --scored out/scored.parquet --findings out/findings.jsonl --labels injected/labels.csv
    """
    from commands.inject.work import run

    run(**options)

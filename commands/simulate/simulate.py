"""`tickproof simulate`: a simulated market with labelled faults, written to Parquet together with its labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.configuration import broker_options
from commands.options.tables import DEFAULT_PROFILE, FAULTS, PROFILES
from commands.options.types import Moment


class Axis(click.ParamType[tuple[str, float]]):
    """NAME=VALUE: a parameter of `Market` that has no option of its own, and its number."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """Return the parameter's name and value, whole where the parameter is."""
        # The parameters are those of a market, which takes a third of a second to import.
        from commands.simulate.work import AXES

        if isinstance(value, tuple):
            return value
        name, _, number = str(value).partition("=")
        if name not in AXES:
            self.fail(f"{value!r}: expected NAME=VALUE with one of {', '.join(AXES)}", param, ctx)
        try:
            return name, AXES[name](number)
        except ValueError:
            self.fail(f"{value!r}: expected a {'whole number' if AXES[name] is int else 'number'} after =", param, ctx)


@click.command()
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--minutes", type=float, default=2.0, show_default=True, help="Length of the stream.")
@click.option("--profile", type=click.Choice(PROFILES), default=DEFAULT_PROFILE, show_default=True, help="Kind of market.")
@click.option(
    "--start", "start_ns", type=Moment(), default=None, help="Start of the stream, UTC.  [default: 2024-03-05T15:00:00]"
)
@click.option(
    "--events",
    type=click.Choice(["thick", "usual"]),
    help="Genuine events: some of most kinds in two minutes (thick), or in a day (usual).  [default: thick up to an hour]",
)
@click.option("--symbols", type=click.IntRange(min=1), default=48, show_default=True, help="Number of symbols, on four venues.")
@click.option(
    "--aggregated-venues",
    type=click.IntRange(0, 4),
    default=0,
    show_default=True,
    help="Number of venues that show crossed books by habit.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder to write to; created if needed.")
@click.option(
    "--faults-per-kind", type=click.IntRange(min=0), default=5, show_default=True, help="Episodes of each kind of fault."
)
@click.option(
    "--prevalence", type=click.FloatRange(1e-6, 1e-2), help="Share of ticks that faults affect, instead of --faults-per-kind."
)
@click.option(
    "--audit", "is_audit", is_flag=True, help="Test whether a classifier recognises faults by format alone. Takes minutes."
)
@broker_options
@click.option("--no-faults", is_flag=True, help="Leave the faults out; the market stays the same.")
@click.option(
    "--family", type=click.Choice(["train", "evaluate"]), help="Range from which the seed draws the market's parameters."
)
@click.option(
    "--compare",
    "recordings",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Also write comparison.html: the first regular session next to this recording's. May be repeated.",
)
@click.option(
    "--axis",
    "axes",
    multiple=True,
    type=Axis(),
    help="A parameter of the market, such as venues=2; may be repeated.",
)
@click.option("--fault", "names", multiple=True, type=click.Choice(FAULTS), help="Only this fault; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(**options: Any) -> None:
    """Simulate a market and write ticks.parquet, labels.csv and reference.json to a folder.

    The stream holds quotes and trades of many symbols on four venues, genuine news, halts and unusual prints, and labelled faults
    of each kind. It may start at any time and span several sessions; a closed market sends nothing. reference.json holds
    what is known of channels and instruments. The seed decides everything.

    \b
    Examples:
      tickproof simulate --out out
      tickproof simulate --seed 7 --minutes 10 --faults-per-kind 20 --out out
      tickproof simulate --no-faults --json --out clean
      tickproof simulate --prevalence 1e-4 --minutes 30 --out rare
      tickproof simulate --brokers 127.0.0.1:9092 --prefix sim. --out labels
      tickproof simulate --profile crypto --minutes 5 --out crypto
      tickproof simulate --start 2024-07-03T08:00 --minutes 1000 --symbols 8 --no-faults --out half-day
      tickproof simulate --start 2024-03-05T14:30 --minutes 390 --no-faults --compare recordings/ibm --out day
      tickproof simulate --axis least_rate=0.3 --axis peak_rate=3 --axis block_s=400 --fault slow_silent --minutes 40 --out sparse
      tickproof simulate --audit --json
    """
    from commands.simulate.work import run

    run(**options)

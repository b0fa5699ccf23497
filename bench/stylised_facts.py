"""`python -m bench.stylised_facts [DAYS]`: the stylised facts of simulated days, each against the range it must keep to.

A fact is a mean over several days. One day has one path of the whole market, whose tail alone decides much of what is seen on it.
"""

from __future__ import annotations

from collections.abc import Iterable

import click
import numpy as np

from producers.market.parameters import Market, usual
from producers.realism.observed_ticks import observe
from producers.realism.stylised_facts import STYLISED, measure
from producers.simulation.day import simulate
from tickproof.ticks.schema import NS_PER_SECOND

OPEN_NS = 1_709_649_000 * NS_PER_SECOND
"""2024-03-05T14:30:00Z, the opening bell in New York."""
SYMBOLS = 24
DAYS = 4


def usual_day(seed: int) -> Market:
    """A regular session of a market of few and rather quiet names, so that a day of it is made in seconds."""
    return Market(seed=seed, start_ns=OPEN_NS, minutes=390, symbols=SYMBOLS, venues=2, peak_rate=8, eventfulness=usual(SYMBOLS))


def values(seeds: Iterable[int]) -> dict[str, list[float]]:
    """Each fact's value on each of some days."""
    found = [measure(observe(simulate(usual_day(seed)))) for seed in seeds]
    return {name: [one[name] for one in found] for name in STYLISED}


@click.command()
@click.argument("days", type=click.IntRange(min=1), default=DAYS)
def command(days: int) -> None:
    """Print the stylised facts of some simulated days, each against the range it must keep to."""
    print(f"{'fact':42} {'mean':>7}  {'range':>13}  days")
    for name, found in values(range(1, days + 1)).items():
        fact, mean = STYLISED[name], float(np.mean(found))
        note = "" if fact.holds(mean) else "  outside"
        print(f"{name:42} {mean:7.3f}  {fact.low:>5g} to {fact.high:<5g} {' '.join(f'{one:.3f}' for one in found)}{note}")


if __name__ == "__main__":
    command()

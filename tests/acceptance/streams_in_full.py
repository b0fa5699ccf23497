"""The streams of the acceptance tests: recordings of whole days, and a market with every code that ships."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from producers.recordings.registry import open_recordings
from tests.support import kill_guarantees as holds
from tickproof.ticks.schema import Ticks, concat

IBM = ("equity/usa/tick/ibm/20131007_quote.zip", "equity/usa/tick/ibm/20131007_trade.zip")
EURUSD = ("forex/oanda/tick/eurusd/20140501_quote.zip", "forex/fxcm/tick/eurusd/20140501_quote.zip")
SEEDS = (6, 7, 8, 9)


@cache
def recording(data: Path, files: tuple[str, ...]) -> Ticks:
    """Whole files, merged by capture time."""
    return concat(list(open_recordings([data / "lean" / file for file in files])))


@cache
def market() -> Ticks:
    """Minutes of several markets one after the other, with every fault and late ticks."""
    parts = [
        holds.faulty_market(minutes=2.0, symbols=16, rate=25.0, per_kind=8, seed=seed, start_minute=5 * number)
        for number, seed in enumerate(SEEDS)
    ]
    return holds.with_late_ticks(concat(parts))


def stream(name: str, data: Path) -> Ticks:
    """A stream by its name in a test's id."""
    return market() if name == "market" else recording(data, {"ibm": IBM, "eurusd": EURUSD}[name])

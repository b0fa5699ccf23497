"""Illiquid names without ticks for minutes although nothing is wrong: such stretches are labelled when they are over."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from producers.market.genuine_events import QUIET
from producers.market.universe import Array, Universe
from tickproof.findings.label import Label
from tickproof.ticks.schema import NS_PER_SECOND, Kind

QUIET_NS = 180 * NS_PER_SECOND
"""Least length of a stretch."""
RARE_PER_S = 0.1
"""Only series with fewer ticks a second than this have such stretches."""


@dataclass(slots=True)
class Quiet:
    """When each rare series had its last tick (ns of `ts_recv`; 0: not in this session)."""

    universe: Universe
    spoke: Array = field(init=False)
    rare: Array = field(init=False)

    def __post_init__(self) -> None:
        self.spoke = np.zeros(len(self.universe.series), np.int64)
        # Of all channels, venues and symbols, the symbols with a rare series: a quick look that spares most rows the exact one.
        self.rare = np.zeros(len(self.universe.names) + 1, np.bool_)
        self.rare[self.universe.series["symbol_code"][self.universe.series["rate"] < RARE_PER_S]] = True

    def step(self, rows: Array, *, is_last: bool) -> list[Label]:
        """Return labels of the stretches that ended in a block of clean rows; with `is_last`, a pause follows."""
        found = []
        few = rows[self.rare[rows["symbol"]] & (rows["kind"] <= Kind.TRADE)]
        for series, time in zip(self.universe.series_of(few).tolist(), few["ts_recv"].tolist(), strict=True):
            if self.spoke[series] and time - self.spoke[series] >= QUIET_NS:
                found.append(self._label(series, int(self.spoke[series]), time))
            self.spoke[series] = time
        if is_last:
            self.spoke[:] = 0
        return found

    def _label(self, series: int, onset: int, end: int) -> Label:
        names, line = self.universe.names, self.universe.series[series]
        channel, venue, symbol = (names[line[key]] for key in ("channel", "venue_code", "symbol_code"))
        stem = f"{QUIET.removeprefix('genuine_')}-{onset}-{channel}-{symbol}"
        return Label(stem, QUIET, "symbol", channel, venue, symbol, onset, end, end, round((end - onset) / NS_PER_SECOND, 6))

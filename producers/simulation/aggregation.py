"""Aggregating venues: feeds that combine the best prices of several sources, and therefore cross and lock routinely.

Shares and widths are those of FXCM's EURUSD on four days of May 2014 (`lean/forex/fxcm` of the recordings): of 366 166 quotes
10.1 % are crossed and 12.1 % locked, 42 % of crossed quotes are followed by another one, each price step of width is half as
frequent as the one before, and the widest is 1.6 basis points.
"""

from __future__ import annotations

import numpy as np

from producers.faults.editing.block import BOTH_SIDES
from producers.market.parameters import Market
from producers.market.universe import Array, Universe
from tickproof.findings.label import Label
from tickproof.ticks.schema import Kind

CROSSED, LOCKED, STAYS = 0.101, 0.121, 0.42
WIDTHS = 0.55
"""Share of the crossed quotes that are crossed by one step; each further step has this share of the rest."""
WIDEST = 1.6e-4
"""Largest cross as a fraction of the price; one step if that is up to twice as much. Symbols of coarser grids do not cross."""
TIGHT = 1e-3
"""Only quotes with a spread below this fraction of the price are made to cross."""
KIND = "genuine_crossed"


class Aggregation:
    """Crosses and locks quotes of a market's aggregating venues, block by block; the other venues stay as they are."""

    __slots__ = ("_market", "_seen", "_universe", "_widest")

    def __init__(self, market: Market, universe: Universe) -> None:
        self._market = market
        self._universe = universe
        self._seen: dict[int, tuple[int, int]] = {}
        self._widest: dict[int, float] = {}

    def step(self, rows: Array, number: int) -> None:
        """Edit the rows of a block in place; `ts_recv` is set."""
        if not self._universe.aggregated:
            return
        series = self._universe.series_of(rows)
        is_quote = (rows["kind"] == Kind.QUOTE) & ((rows["present"] & BOTH_SIDES) == BOTH_SIDES) & (series >= 0)
        mine = np.flatnonzero(is_quote & self._universe.is_aggregated(series) & (rows["ask_px"] > rows["bid_px"]))
        mine = mine[rows["ask_px"][mine] - rows["bid_px"][mine] < TIGHT * rows["bid_px"][mine]]
        mine = mine[self._universe.ticks_of(rows[mine]) <= 2 * WIDEST * rows["bid_px"][mine]]
        mine = mine[np.argsort(series[mine], kind="stable")]
        series = series[mine]
        rng = self._market.random(13, number)
        crossed = _runs(series, rng)
        locked = ~crossed & (rng.random(len(mine)) < LOCKED / (1.0 - CROSSED))
        bid, ask = rows["bid_px"][mine], rows["ask_px"][mine]
        tick = self._universe.ticks_of(rows[mine])
        most = np.maximum((WIDEST * ask / tick).astype(np.int64), 1)
        steps = np.minimum(rng.geometric(WIDTHS, len(mine)), most)
        # The sides meet somewhere between where they were.
        beyond = np.where(crossed, steps, 0)
        met = bid + np.rint(rng.random(len(mine)) * ((ask - bid) // tick)).astype(np.int64) * tick
        moved = crossed | locked
        rows["bid_px"][mine] = np.where(moved, met + (beyond + 1) // 2 * tick, bid)
        rows["ask_px"][mine] = np.where(moved, met - beyond // 2 * tick, ask)
        self._note(rows, mine, series)

    def _note(self, rows: Array, mine: Array, series: Array) -> None:
        width = (rows["bid_px"][mine] - rows["ask_px"][mine]) / rows["ask_px"][mine]
        for one in np.unique(series[width >= 0]).tolist():
            times = rows["ts_recv"][mine[series == one]]
            onset, _ = self._seen.get(one, (int(times.min()), 0))
            self._seen[one] = onset, int(times.max())
            self._widest[one] = max(self._widest.get(one, 0.0), float(width[series == one].max()))

    def labels(self) -> list[Label]:
        """Return a label for each symbol of such a venue over all its quotes so far; its magnitude is the widest cross."""
        names, found = self._universe.names, []
        for one, (onset, end) in sorted(self._seen.items()):
            channel, venue, symbol = (names[self._universe.series[one][key]] for key in ("channel", "venue_code", "symbol_code"))
            stem, widest = f"crossed-{onset}-{channel}-{symbol}", round(self._widest[one], 9)
            found.append(Label(stem, KIND, "symbol", channel, venue, symbol, onset, end, end, widest))
        return found


def _runs(series: Array, rng: np.random.Generator) -> Array:
    """Return which quotes, sorted by series, are crossed: their share is CROSSED, and a share STAYS of them continue."""
    enters = CROSSED * (1.0 - STAYS) / (1.0 - CROSSED)
    begins = rng.random(len(series)) < enters
    place = np.arange(len(series))
    # One run may begin within another one, which makes that longer.
    ends = np.where(begins, place + rng.geometric((1.0 - STAYS) / (1.0 - enters), len(series)), 0)
    # A run is its series' own.
    last = np.searchsorted(series, series, side="right")
    inside: Array = np.maximum.accumulate(np.minimum(ends, last)) > place
    return inside

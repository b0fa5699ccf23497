"""The efficient price of each symbol, and the climate around it: volatility, activity and spreads.

Log price = beta × market + sector + own, Gaussian at 10 ms given a volatility that clusters (logarithmic Ornstein-Uhlenbeck at
two speeds, after Bergomi's two-factor form), with small jumps. Volatility drives activity and spreads; genuine events come on
top.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from producers import genuine
from producers.genuine import Event
from producers.market import Market
from producers.universe import SECTORS, Array, Universe
from tickproof.tick import NS_PER_MS, NS_PER_SECOND

STEP_NS = 10 * NS_PER_MS
"""Spacing of the price path."""
BIN_NS = 100 * NS_PER_MS
"""Spacing of activity and spreads."""
HISTORY = 8
"""Steps of path before the block, for venues that lag."""
OPEN_NS, CLOSE_NS = 52_200 * NS_PER_SECOND, 75_600 * NS_PER_SECOND
"""14:30 and 21:00 UTC: the session that gives the intraday shape."""
DAY_NS = 86_400 * NS_PER_SECOND
VOLATILITY_SPREAD = 0.25, 0.35
"""Stationary deviation of log volatility, fast and slow part."""
VOLATILITY_DECAY_S = 5.0, 120.0


class Climate(NamedTuple):
    """One block's conditions.

    Parameters
    ----------
    path : array, shape (HISTORY + 2 + steps, symbols)
        Efficient price in price steps of the grid; row k is at `path_start + k × STEP_NS`, the last one STEP_NS before the end.
    path_start, start : int
        ns of the first row of `path`, and of the first bin.
    activity, extra : arrays, shape (bins, symbols)
        Factor on the usual rate of ticks, and ticks a second that come on top.
    width : array, shape (bins, symbols)
        Factor on the usual spread.
    """

    path: Array
    path_start: int
    start: int
    activity: Array
    extra: Array
    width: Array


@dataclass(slots=True)
class Prices:
    """State of the efficient prices between blocks."""

    market: Market
    universe: Universe
    tail: Array
    """Log prices of the last HISTORY + 2 steps."""
    own: Array
    """Log volatility parts of each symbol, shape (2, symbols); the last column is the market's."""

    @classmethod
    def open(cls, market: Market, universe: Universe) -> Prices:
        """The state before the first block."""
        rng = market.random(3)
        spread = np.array(VOLATILITY_SPREAD)[:, None]
        tail = np.repeat(np.log(universe.instruments["price"])[None, :], HISTORY + 2, axis=0)
        return cls(market, universe, tail, spread * rng.standard_normal((2, universe.symbols + 1)))

    def advance(self, number: int, start: int, end: int, events: list[Event]) -> Climate:
        """Walk the prices from `start` to `end` (ns)."""
        rng = self.market.random(4, number)
        bins = -(-(end - start) // BIN_NS)
        steps = bins * (BIN_NS // STEP_NS)
        symbols = self.universe.symbols
        own, common = self._volatility(bins, rng)
        bin_times = start + np.arange(bins) * BIN_NS + BIN_NS // 2
        shape = intraday(bin_times)[:, None]
        excited, extra = np.zeros((bins, symbols)), np.zeros((bins, symbols))
        for event in events:
            if event.kind != genuine.LATENCY_BURST:
                column = slice(None) if event.place < 0 else slice(event.place, event.place + 1)
                strength = genuine.excitement(event, bin_times)[:, None]
                excited[:, column] = np.maximum(excited[:, column], strength)
                # Even a name that hardly trades is quoted anew on all venues, hastily where the news is its own.
                extra[:, column] = np.maximum(extra[:, column], strength * (1.5 if event.place < 0 else 12.0))
        factor = np.exp(own + common[:, None]) * np.sqrt(shape)
        volatility = factor * (1.0 + 2.0 * excited)

        moves = self._moves(np.repeat(volatility, BIN_NS // STEP_NS, axis=0), np.repeat(np.exp(common), BIN_NS // STEP_NS), rng)
        times = start + np.arange(-1, steps) * STEP_NS
        for event in events:
            if event.kind == genuine.LATENCY_BURST:
                continue
            step = np.diff(genuine.level(event, times))
            if event.place < 0:
                moves += step[:, None] * self.universe.instruments["beta"]
            else:
                moves[:, event.place] += step
        path = np.vstack([self.tail, self.tail[-1] + np.cumsum(moves, axis=0)])
        self.tail = path[-(HISTORY + 2) :].copy()
        path_start = start - (HISTORY + 2) * STEP_NS
        return Climate(
            path=np.exp(path),
            path_start=path_start,
            start=start,
            activity=shape * np.exp(0.8 * (own + 0.7 * common[:, None])) * (1.0 + 7.0 * excited),
            extra=extra,
            width=(0.7 + 0.3 * factor) * (1.0 + 3.0 * excited),
        )

    def _volatility(self, bins: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Log volatility of the symbols, shape (bins, symbols), and of the market, shape (bins,); new values each second."""
        seconds = -(-bins * BIN_NS // NS_PER_SECOND)
        decay = np.exp(-1.0 / np.array(VOLATILITY_DECAY_S))[:, None]
        kick = np.array(VOLATILITY_SPREAD)[:, None] * np.sqrt(1.0 - decay**2)
        drawn = rng.standard_normal((seconds, *self.own.shape))
        state, values = self.own, np.zeros((seconds, self.own.shape[1]))
        for second in range(seconds):
            state = decay * state + kick * drawn[second]
            values[second] = state.sum(axis=0)
        self.own = state
        per_bin = np.repeat(values, NS_PER_SECOND // BIN_NS, axis=0)[:bins]
        return per_bin[:, :-1], per_bin[:, -1]

    def _moves(self, volatility: Array, common: Array, rng: np.random.Generator) -> Array:
        """Log price increments, shape (steps, symbols): 30 % of the variance is the market's, 20 % the sector's, jumps on top."""
        table = self.universe.instruments
        steps, symbols = volatility.shape
        scale = np.sqrt(STEP_NS / NS_PER_SECOND)
        market_move = rng.standard_normal(steps) * common
        sector_move = rng.standard_normal((steps, SECTORS))
        own_move = rng.standard_normal((steps, symbols))
        shared = np.sqrt(0.3) * table["beta"] * market_move[:, None] + np.sqrt(0.2) * sector_move[:, table["sector"]]
        unit = shared + np.sqrt(0.5) * own_move
        moves: Array = unit * (volatility * table["volatility"] * scale)
        # A jump of 3 to 8 times a second's volatility every two minutes a symbol, market or not: the tail of short returns.
        jumps = rng.random((steps, symbols)) < STEP_NS / (120 * NS_PER_SECOND)
        where = np.nonzero(jumps)
        size = rng.uniform(3.0, 8.0, len(where[0])) * np.where(rng.random(len(where[0])) < 0.5, 1.0, -1.0)
        moves[where] += size * (volatility[where] * table["volatility"][where[1]])
        return moves


def intraday(times: Array) -> Array:
    """Activity by time of day: highest after the open, lowest at midday, 1 half an hour after the open."""
    passed = np.clip((times % DAY_NS - OPEN_NS) / (CLOSE_NS - OPEN_NS), 0.0, 1.0)
    shape: Array = 0.7 + 1.4 * np.exp(-passed / 0.05) + 0.9 * np.exp(-(1.0 - passed) / 0.08)
    return shape

"""The efficient price of each symbol, and the conditions around it: volatility, activity and spreads.

Log price = beta × market + sector + own, Gaussian at 10 ms given a volatility that clusters, with small jumps. The logarithm of
volatility is a sum of Ornstein-Uhlenbeck processes from seconds to hours, whose autocorrelation decays as slowly as volatility's
(the multifractal random walk of Bacry, Delour and Muzy, Physical Review E 64 (2001) 026103, cut to five scales). One part is the
symbol's, one the market's. Volatility drives activity and spreads; genuine events come on top. A cross costs what its legs say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from producers.market import genuine_events
from producers.market.genuine_events import NATURES, Event
from producers.market.hours import HOUR_NS, Session
from producers.market.parameters import Market
from producers.market.universe import SECTORS, Array, Universe
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND, UNITS_PER_ONE

STEP_NS = 10 * NS_PER_MS
"""Spacing of the price path."""
BIN_NS = 100 * NS_PER_MS
"""Spacing of activity and spreads."""
HISTORY = 8
"""Steps of path before the block, for venues that lag."""
DECAYS_S = 5.0, 30.0, 240.0, 2400.0, 10_800.0
"""Decay times of the parts of log volatility."""
OWN_SPREAD = 0.08, 0.10, 0.12, 0.42, 0.20
COMMON_SPREAD = 0.08, 0.10, 0.12, 0.36, 0.15
"""Stationary deviations of the parts: of a symbol's own, and of the market's."""
LIVELINESS = 0.4, 0.6, 0.8, 0.6, 0.6
"""Effect of each part on activity: least for the fastest, which self-excitation of arrivals already provides."""
COMMON_LIVELINESS = 0.6
MARKET_SHARE, SECTOR_SHARE = 0.3, 0.2
"""Shares of a symbol's variance."""
JUMP_EVERY_S = 240.0
OVERNIGHT = 0.6
"""Standard deviation of the move between two sessions a night apart, in units of a day's move."""
NIGHT_NS = 8 * HOUR_NS


class Climate(NamedTuple):
    """One block's conditions.

    Parameters
    ----------
    path : array, shape (HISTORY + 2 + steps, symbols)
        Efficient price in price steps of each symbol's grid; row k is at `path_start + k × STEP_NS`, the last one STEP_NS before
        the end.
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


class _Excitement(NamedTuple):
    """The effects of events: factors on volatility, activity and width, and extra ticks a second; shapes (times, symbols)."""

    volatility: Array
    activity: Array
    width: Array
    extra: Array


@dataclass(slots=True)
class Prices:
    """The state of the efficient prices between blocks."""

    market: Market
    universe: Universe
    tail: Array
    """Log prices of the last HISTORY + 2 steps."""
    parts: Array
    """Parts of log volatility, shape (5, symbols + 1); the last column is the market's."""

    @classmethod
    def open(cls, market: Market, universe: Universe) -> Prices:
        """Return the state before the first block."""
        rng = market.random(3)
        tail = np.repeat(np.log(universe.instruments["price"])[None, :], HISTORY + 2, axis=0)
        drawn = rng.standard_normal((len(DECAYS_S), universe.symbols + 1))
        # The market's own parts begin at their mean, so that streams of one length hold about as many ticks.
        drawn[:, -1] = 0.0
        return cls(market, universe, tail, _deviations(universe.symbols) * drawn)

    def reopen(self, number: int, pause_ns: int, events: list[Event]) -> None:
        """Advance prices over the time between two sessions: common and own moves, and some splits."""
        rng = self.market.random(10, number)
        table = self.universe.instruments
        share = OVERNIGHT * np.sqrt(min(1.0, pause_ns / NIGHT_NS))
        deviation = share * table["volatility"] * np.sqrt(self.market.character.year_s / 252)
        shared = np.sqrt(MARKET_SHARE) * table["beta"] * rng.standard_normal()
        moved = deviation * (shared + np.sqrt(1.0 - MARKET_SHARE) * rng.standard_normal(self.universe.symbols))
        for event in events:
            if event.kind == genuine_events.SPLIT:
                moved[event.place] -= np.log(event.size)
        self.tail += moved

    def advance(self, number: int, block: tuple[int, int], session: Session, events: list[Event]) -> Climate:
        """Advance the prices from the beginning of a block to its end (ns)."""
        start, end = block
        rng = self.market.random(4, number)
        bins = -(-(end - start) // BIN_NS)
        steps = bins * (BIN_NS // STEP_NS)
        quick, lively = self._volatility(bins, rng)
        bin_times = start + np.arange(bins) * BIN_NS + BIN_NS // 2
        hours = self.market.character.hours
        shape = hours.activity(bin_times, session)[:, None]
        usual = hours.width(bin_times, session)[:, None]
        excited = self._excited(bin_times, events)
        factor = np.exp(quick[:, :-1] + quick[:, -1:])
        volatility = excited.volatility * (factor * np.sqrt(shape))

        repeat = BIN_NS // STEP_NS
        moves = self._moves(np.repeat(volatility, repeat, axis=0), np.repeat(np.exp(quick[:, -1]), repeat), rng)
        times = start + np.arange(-1, steps) * STEP_NS
        for event in events:
            if event.is_channel:
                continue
            step = np.diff(genuine_events.level(event, times))
            if event.place < 0:
                moves += step[:, None] * self.universe.instruments["beta"]
            else:
                base, as_far = self.universe.moved_by(event.place)[0]
                moves[:, base] += as_far * step
        path = np.vstack([self.tail, self.tail[-1] + np.cumsum(moves, axis=0)])
        self._tie(path)
        self.tail = path[-(HISTORY + 2) :].copy()
        path_start = start - (HISTORY + 2) * STEP_NS
        return Climate(
            path=np.exp(path),
            path_start=path_start,
            start=start,
            activity=shape * np.exp(lively[:, :-1] + COMMON_LIVELINESS * lively[:, -1:]) * excited.activity,
            extra=excited.extra,
            width=usual * (0.7 + 0.3 * factor) * excited.width,
        )

    def _tie(self, path: Array) -> None:
        """Set the log prices of crosses, in their price steps, to what their legs imply."""
        step = np.log(self.universe.instruments["tick"] / UNITS_PER_ONE)
        for tie in self.universe.ties:
            path[:, tie.place] = sum(power * (path[:, leg] + step[leg]) for leg, power in tie.legs) - step[tie.place]

    def _excited(self, times: Array, events: list[Event]) -> _Excitement:
        """Return what events do at some times."""
        shape = len(times), self.universe.symbols
        excited = _Excitement(np.ones(shape), np.ones(shape), np.ones(shape), np.zeros(shape))
        for event in events:
            if event.is_channel:
                continue
            nature = NATURES[event.kind]
            column = slice(None) if event.place < 0 else [place for place, _ in self.universe.moved_by(event.place)]
            strength = genuine_events.excitement(event, times)[:, None]
            for table, most in (
                (excited.volatility, nature.volatility),
                (excited.activity, nature.activity),
                (excited.width, nature.width),
            ):
                table[:, column] = np.maximum(table[:, column], 1.0 + most * strength)
            excited.extra[:, column] = np.maximum(excited.extra[:, column], nature.extra * strength)
        return excited

    def _volatility(self, bins: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return log volatility and its part in activity, each of shape (bins, symbols + 1); new values each second."""
        seconds = -(-bins * BIN_NS // NS_PER_SECOND)
        decay = np.exp(-1.0 / np.array(DECAYS_S))[:, None]
        kick = _deviations(self.universe.symbols) * np.sqrt(1.0 - decay**2)
        drawn = rng.standard_normal((seconds, *self.parts.shape))
        state, values = self.parts, np.zeros((2, seconds, self.parts.shape[1]))
        for second in range(seconds):
            state = decay * state + kick * drawn[second]
            values[0, second] = state.sum(axis=0)
            values[1, second] = LIVELINESS @ state
        self.parts = state
        per_bin = np.repeat(values, NS_PER_SECOND // BIN_NS, axis=1)[:, :bins]
        return per_bin[0], per_bin[1]

    def _moves(self, volatility: Array, common: Array, rng: np.random.Generator) -> Array:
        """Return log price increments, shape (steps, symbols): common and own moves, and jumps on top."""
        table = self.universe.instruments
        steps, symbols = volatility.shape
        scale = np.sqrt(STEP_NS / NS_PER_SECOND)
        market_move = rng.standard_normal(steps) * common
        sector_move = rng.standard_normal((steps, SECTORS))
        own_move = rng.standard_normal((steps, symbols), dtype=np.float32)
        shared = np.sqrt(MARKET_SHARE) * table["beta"] * market_move[:, None]
        shared += np.sqrt(SECTOR_SHARE) * sector_move[:, table["sector"]]
        unit = shared + np.sqrt(1.0 - MARKET_SHARE - SECTOR_SHARE) * own_move
        moves: Array = unit * (volatility * table["volatility"] * scale)
        # A jump of 3 to 8 times a second's volatility now and then, market or not: the tail of short returns.
        count = int(rng.poisson(steps * symbols * STEP_NS / (JUMP_EVERY_S * NS_PER_SECOND)))
        step, symbol = rng.integers(steps, size=count), rng.integers(symbols, size=count)
        size = rng.uniform(3.0, 8.0, count) * np.where(rng.random(count) < 0.5, 1.0, -1.0)
        moves[step, symbol] += size * (volatility[step, symbol] * table["volatility"][symbol])
        return moves


def _deviations(symbols: int) -> Array:
    """Return stationary deviations of the parts of log volatility, shape (5, symbols + 1)."""
    table = np.repeat(np.array(OWN_SPREAD)[:, None], symbols + 1, axis=1)
    table[:, -1] = COMMON_SPREAD
    return table

"""A stream, simulated or recorded, observed second by second: what stylised facts and comparisons are measured on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from producers.faults.editing.block import EXPLAINED
from tickproof.kernel import kernel
from tickproof.ticks.records import Records
from tickproof.ticks.schema import NS_PER_SECOND, Array, Condition, Kind, Present, Ticks

CHUNK_S = 1800
"""Seconds by which the columns grow."""
_STATE = np.dtype([("bid", "i8"), ("ask", "i8"), ("tick", "i8"), ("sign", "i8"), ("time", "i8"), ("symbol", "i4")])
_QUOTE, _TRADE = int(Kind.QUOTE), int(Kind.TRADE)
_BID, _ASK, _TIME, _PRICE = int(Present.BID_PX), int(Present.ASK_PX), int(Present.TS_EVENT), int(Present.PRICE)
_OFF_MARKET = EXPLAINED | int(Condition.OFFICIAL_PRICE)


class _Trade(IntEnum):
    """Columns of the trades that are gathered."""

    SERIES = 0
    PRICE = 1
    SIGN = 2
    SECOND = 3


_SERIES, _PRICE_ONES, _SIGN, _SECOND = int(_Trade.SERIES), int(_Trade.PRICE), int(_Trade.SIGN), int(_Trade.SECOND)


@dataclass(frozen=True, slots=True)
class Observation:
    """A stream as columns; a series is a symbol on a venue, `n` of them, and a second ends at `start_ns` + (k + 1) s.

    Parameters
    ----------
    series : list of (str, str)
        Venue and symbol.
    symbol : int array, shape (n,)
        Which row of `counts` a series belongs to.
    start_ns : int
    mids : array, shape (n, seconds)
        Middle of the last quote before each second's end, in ones; NaN before the first.
    spreads : array, shape (n, seconds)
        Its spread in price steps.
    ticks : int64 array, shape (n,)
        Price step: the largest that all quotes are multiples of, units of 1e-9.
    counts : int array, shape (symbols, seconds)
        Stamps at which a symbol had a message on any venue. Messages of one venue with one stamp count once.
    trades : list of array of (price in ones, sign, second), shape (trades, 3)
        Of each series, ordinary trades in order. The sign is by Lee and Ready (Journal of Finance 46 (1991) 733): 1 above the
        middle, −1 below, the last one on it.
    """

    series: list[tuple[str, str]]
    symbol: Array
    start_ns: int
    mids: Array
    spreads: Array
    ticks: Array
    counts: Array
    trades: list[Array]

    @property
    def seconds(self) -> int:
        """Length of the stream."""
        return int(self.mids.shape[1])

    def within(self, start_ns: int, end_ns: int) -> Observation:
        """Return what was observed in [start, end)."""
        first, last = (min(max((bound - self.start_ns) // NS_PER_SECOND, 0), self.seconds) for bound in (start_ns, end_ns))
        part = slice(first, last)
        cuts = [np.searchsorted(trades[:, 2], (first, last)) for trades in self.trades]
        return replace(
            self,
            start_ns=self.start_ns + first * NS_PER_SECOND,
            mids=self.mids[:, part],
            spreads=self.spreads[:, part],
            counts=self.counts[:, part],
            trades=[trades[low:high] - (0, 0, first) for trades, (low, high) in zip(self.trades, cuts, strict=True)],
        )

    def main(self) -> Array:
        """The series of each symbol that has quotes in most seconds, and of these the one with most trades."""
        quoted = np.isfinite(self.mids).sum(axis=1) * 1_000_000 + np.array([len(trades) for trades in self.trades])
        best = [max(np.flatnonzero(self.symbol == symbol), key=lambda one: quoted[one]) for symbol in np.unique(self.symbol)]
        return np.array([one for one in best if quoted[one] >= 1_000_000], np.int64)


@dataclass(slots=True)
class Observer:
    """Observes one batch of ticks after another; memory is that of the result.

    Times are the venue's, or those of capture where it gives none.
    """

    _series: dict[tuple[str, str], int] = field(default_factory=dict)
    _symbols: dict[str, int] = field(default_factory=dict)
    _state: Array = field(default_factory=lambda: np.zeros(0, _STATE))
    _start_ns: int = -1
    _latest: int = -1
    _mids: Array = field(default_factory=lambda: np.zeros((0, 0)))
    _spreads: Array = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    _counts: Array = field(default_factory=lambda: np.zeros((0, 0), np.int32))
    _trades: list[Array] = field(default_factory=list)

    def step(self, ticks: Ticks) -> None:
        """Observe the next ticks."""
        rows = ticks.rows[(ticks.rows["kind"] <= _TRADE) & (ticks.rows["symbol"] >= 0)]
        if not len(rows):
            return
        times = np.where(rows["present"] & _TIME, rows["ts_event"], rows["ts_recv"])
        if self._start_ns < 0:
            self._start_ns = int(times[0]) // NS_PER_SECOND * NS_PER_SECOND
        pairs, at = np.unique(rows["venue"].astype(np.int64) * len(ticks.names) + rows["symbol"], return_inverse=True)
        series = np.array([self._place(ticks.names, *divmod(int(pair), len(ticks.names))) for pair in pairs])[at]
        seconds = np.maximum((times - self._start_ns) // NS_PER_SECOND, 0)
        self._latest = max(self._latest, int(seconds.max()))
        self._grow()
        trades = np.zeros((len(rows), len(_Trade)))
        kept = _Kept(self._mids, self._spreads, self._counts)
        count = _observe(rows, _When(times, seconds, series), self._state, kept, trades)
        self._trades.append(trades[:count].copy())

    def result(self) -> Observation:
        """Return all that was observed."""
        length = self._latest + 1
        mids, spreads = self._mids[:, :length], self._spreads[:, :length]
        _hold(mids, spreads)
        trades = np.concatenate([np.zeros((0, len(_Trade))), *self._trades])
        order = np.argsort(trades[:, _SERIES], kind="stable")
        edges = np.searchsorted(trades[order, _SERIES], np.arange(1, len(self._series)))
        return Observation(
            list(self._series),
            self._state["symbol"].copy(),
            self._start_ns,
            mids,
            spreads,
            self._state["tick"].copy(),
            self._counts[:, :length],
            np.split(trades[order, _PRICE_ONES:], edges),
        )

    def _place(self, names: tuple[str, ...], venue: int, symbol: int) -> int:
        key = names[venue], names[symbol]
        if key not in self._series:
            self._series[key] = len(self._series)
            self._state = np.append(self._state, np.zeros(1, _STATE))
            self._state["symbol"][-1] = self._symbols.setdefault(key[1], len(self._symbols))
        return self._series[key]

    def _grow(self) -> None:
        length = self._mids.shape[1]
        wanted = length if self._latest < length else (self._latest // CHUNK_S + 1) * CHUNK_S
        for name, count, empty in (
            ("_mids", len(self._series), np.nan),
            ("_spreads", len(self._series), np.nan),
            ("_counts", len(self._symbols), 0),
        ):
            table = getattr(self, name)
            if table.shape != (count, wanted):
                new = np.full((count, wanted), empty, table.dtype)
                new[: table.shape[0], : table.shape[1]] = table
                setattr(self, name, new)


def observe(batches: Iterable[Ticks]) -> Observation:
    """Observe a stream."""
    observer = Observer()
    for batch in batches:
        observer.step(batch)
    return observer.result()


class _When(NamedTuple):
    """Of each tick: its stamp in ns, the second it lies in, and its series."""

    times: Array
    seconds: Array
    series: Array


class _Kept(NamedTuple):
    """What is kept a second: by series, and `counts` by symbol."""

    mids: Array
    spreads: Array
    counts: Array


@kernel()
def _gcd(a: int, b: int) -> int:
    """Return the greatest common divisor."""
    while b:
        a, b = b, a % b
    return a


@kernel()
def _observe(rows: Records, when: _When, state: Records, kept: _Kept, trades: Array) -> int:
    """Observe ticks, and write the ordinary trades among them; return how many those are."""
    found = 0
    for n in range(len(rows)):
        row = rows[n]
        series, second = when.series[n], when.seconds[n]
        own = state[series]
        if when.times[n] != own.time:
            kept.counts[own.symbol, second] += 1
            own.time = when.times[n]
        if row.kind == _QUOTE:
            if row.present & _BID and row.bid_px > 0:
                own.bid = row.bid_px
                own.tick = _gcd(row.bid_px, own.tick)
            if row.present & _ASK and row.ask_px > 0:
                own.ask = row.ask_px
                own.tick = _gcd(row.ask_px, own.tick)
            # Stubs and crossed moments are no market.
            if own.bid > 0 and own.bid <= own.ask and own.ask < 1.05 * own.bid:
                kept.mids[series, second] = 0.5e-9 * (own.bid + own.ask)
                kept.spreads[series, second] = (own.ask - own.bid) / own.tick
        elif row.present & _PRICE and row.price > 0 and not row.conditions & _OFF_MARKET:
            side = 2 * row.price - own.bid - own.ask
            if own.bid > 0 and own.ask > 0 and side != 0:
                own.sign = 1 if side > 0 else -1
            trades[found, _SERIES] = series
            trades[found, _PRICE_ONES] = 1e-9 * row.price
            trades[found, _SIGN] = own.sign
            trades[found, _SECOND] = second
            found += 1
    return found


@kernel()
def _hold(mids: Array, spreads: Array) -> None:
    """Let each value hold until the next one."""
    for series in range(mids.shape[0]):
        for second in range(1, mids.shape[1]):
            if np.isnan(mids[series, second]):
                mids[series, second] = mids[series, second - 1]
                spreads[series, second] = spreads[series, second - 1]

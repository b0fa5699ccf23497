"""What is seen of a stream, simulated or recorded, second by second: what stylised facts and comparisons are measured on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from producers.faults.editing.block import EXPLAINED
from tickproof.kernel import array_kernel
from tickproof.ticks.schema import NS_PER_SECOND, Array, Condition, Kind, Present, Ticks

CHUNK_S = 1800
"""Seconds by which the columns grow."""
_STATE = np.dtype([("bid", "i8"), ("ask", "i8"), ("tick", "i8"), ("sign", "i8"), ("time", "i8"), ("symbol", "i4")])
_QUOTE, _TRADE = int(Kind.QUOTE), int(Kind.TRADE)
_BID, _ASK, _TIME, _PRICE = int(Present.BID_PX), int(Present.ASK_PX), int(Present.TS_EVENT), int(Present.PRICE)
_ODD = EXPLAINED | int(Condition.OFFICIAL_PRICE)


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
        Moments at which something was said of a symbol on any venue. Messages of one venue with one stamp are one.
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
        """How long the stream was."""
        return int(self.mids.shape[1])

    def within(self, start_ns: int, end_ns: int) -> Observation:
        """What was seen in [start, end)."""
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
    """Sees one batch of ticks after another; memory is that of the result.

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
        """See the next ticks."""
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
        trades = np.zeros((len(rows), 4))
        tables = self._mids, self._spreads, self._counts
        count = _see(rows, (times, seconds, series), self._state, tables, trades)
        self._trades.append(trades[:count].copy())

    def result(self) -> Observation:
        """All that was seen."""
        length = self._latest + 1
        mids, spreads = self._mids[:, :length], self._spreads[:, :length]
        _hold(mids, spreads)
        trades = np.concatenate([np.zeros((0, 4)), *self._trades])
        order = np.argsort(trades[:, 0], kind="stable")
        edges = np.searchsorted(trades[order, 0], np.arange(1, len(self._series)))
        return Observation(
            list(self._series),
            self._state["symbol"].copy(),
            self._start_ns,
            mids,
            spreads,
            self._state["tick"].copy(),
            self._counts[:, :length],
            np.split(trades[order, 1:], edges),
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
    """What is seen of a stream."""
    observer = Observer()
    for batch in batches:
        observer.step(batch)
    return observer.result()


@array_kernel()
def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


@array_kernel()
def _see(rows: Any, at: Any, state: Any, tables: Any, trades: Any) -> int:
    times, seconds, series = at
    mids, spreads, counts = tables
    found = 0
    for n in range(len(rows)):
        row = rows[n]
        own = state[series[n]]
        second = seconds[n]
        if times[n] != own.time:
            counts[own.symbol, second] += 1
            own.time = times[n]
        if row.kind == _QUOTE:
            if row.present & _BID and row.bid_px > 0:
                own.bid = row.bid_px
                own.tick = _gcd(row.bid_px, own.tick)
            if row.present & _ASK and row.ask_px > 0:
                own.ask = row.ask_px
                own.tick = _gcd(row.ask_px, own.tick)
            # Stubs and crossed moments are no market.
            if own.bid > 0 and own.bid <= own.ask and own.ask < 1.05 * own.bid:
                mids[series[n], second] = 0.5e-9 * (own.bid + own.ask)
                spreads[series[n], second] = (own.ask - own.bid) / own.tick
        elif row.present & _PRICE and row.price > 0 and not row.conditions & _ODD:
            side = 2 * row.price - own.bid - own.ask
            if own.bid > 0 and own.ask > 0 and side != 0:
                own.sign = 1 if side > 0 else -1
            trades[found, 0] = series[n]
            trades[found, 1] = 1e-9 * row.price
            trades[found, 2] = own.sign
            trades[found, 3] = second
            found += 1
    return found


@array_kernel()
def _hold(mids: Any, spreads: Any) -> None:
    """Let each value hold until the next one."""
    for one in range(mids.shape[0]):
        for second in range(1, mids.shape[1]):
            if np.isnan(mids[one, second]):
                mids[one, second] = mids[one, second - 1]
                spreads[one, second] = spreads[one, second - 1]

"""A block of ticks under the hands of faults: rows to edit, to drop and to insert, found by series or channel and time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from producers.universe import Array, Universe
from tickproof.tick import ROW, Condition, Kind, Present

BOTH_SIDES = int(Present.BID_PX | Present.BID_SZ | Present.ASK_PX | Present.ASK_SZ)
PRINT = int(Present.PRICE | Present.SIZE)
EXPLAINED = int(
    Condition.AUCTION_OPEN
    | Condition.AUCTION_CLOSE
    | Condition.AVERAGE_PRICE
    | Condition.DERIVATIVELY_PRICED
    | Condition.SOLD_LATE
    | Condition.OUT_OF_SEQUENCE
    | Condition.PRIOR_REFERENCE_PRICE
    | Condition.CONTINGENT
)
"""Conditions that explain a price away from the market."""


class Target(NamedTuple):
    """Where an episode may happen: the window [start, stop) of `ts_recv`, and the rows in it.

    `series` is −1 for a channel's episode.
    """

    channel: int
    series: int
    start: int
    stop: int
    where: Array


class Span(NamedTuple):
    """What a fault did: first and last `ts_recv` (ns, inclusive) and its magnitude."""

    onset: int
    end: int
    magnitude: float


@dataclass(slots=True)
class Block:
    """Rows between venue and capture, in each channel's order.

    Parameters
    ----------
    rows : array of ROW, shape (n,)
        Edited in place.
    universe : Universe
    """

    rows: Array
    universe: Universe
    keep: Array = field(init=False)
    """Rows that stay."""
    used: Array = field(init=False)
    """Rows that an episode has changed; no other one touches them."""
    inserted: list[tuple[int, Array]] = field(init=False)
    """(row, rows to come after it)."""
    _order: Array = field(init=False)
    _offsets: Array = field(init=False)
    _channels: list[Array] = field(init=False)

    def __post_init__(self) -> None:
        self.keep = np.ones(len(self.rows), np.bool_)
        self.used = np.zeros(len(self.rows), np.bool_)
        self.inserted = []
        series = self.universe.series_of(self.rows)
        # numpy sorts 16-bit integers by radix.
        self._order = np.argsort(series.astype(np.int16 if len(self.universe.series) < 1 << 15 else np.int32), kind="stable")
        self._offsets = np.searchsorted(series[self._order], np.arange(len(self.universe.series) + 1))
        self._channels = [np.flatnonzero(self.rows["channel"] == channel) for channel in range(len(self.universe.channels))]

    def of_series(self, series: int, start: int, stop: int) -> Array:
        """Rows of a series with `start` <= ts_recv < `stop`."""
        return self._between(self._order[self._offsets[series] : self._offsets[series + 1]], start, stop)

    def of_channel(self, channel: int, start: int, stop: int) -> Array:
        """Rows of a channel with `start` <= ts_recv < `stop`."""
        return self._between(self._channels[channel], start, stop)

    def count(self, series: int) -> int:
        """How many rows a series has."""
        return int(self._offsets[series + 1] - self._offsets[series])

    def _between(self, where: Array, start: int, stop: int) -> Array:
        times = self.rows["ts_recv"][where]
        found: Array = where[np.searchsorted(times, start) : np.searchsorted(times, stop)]
        return found

    def quotes(self, where: Array) -> Array:
        """Those of some rows that are untouched two-sided quotes, neither locked nor one-sided."""
        rows = self.rows[where]
        whole = (rows["kind"] == Kind.QUOTE) & ((rows["present"] & BOTH_SIDES) == BOTH_SIDES) & (rows["ask_px"] > rows["bid_px"])
        found: Array = where[whole & ~self.used[where] & self.keep[where]]
        return found

    def trades(self, where: Array) -> Array:
        """Those of some rows that are untouched trades without a condition that explains an odd price."""
        rows = self.rows[where]
        plain = (rows["kind"] == Kind.TRADE) & ((rows["present"] & PRINT) == PRINT) & ((rows["conditions"] & EXPLAINED) == 0)
        found: Array = where[plain & ~self.used[where] & self.keep[where]]
        return found

    def quote_before(self, series: int, row: int, start: int) -> int:
        """The last two-sided quote of a series before `row`, captured at `start` or later; −1 if there is none."""
        where = self.of_series(series, start, int(self.rows["ts_recv"][row]) + 1)
        quotes = self.quotes(where[where < row])
        return int(quotes[-1]) if len(quotes) else -1

    def compact(self) -> None:
        """Forget dropped rows: they are found no more, so that what is left can be numbered."""
        self._channels = [where[self.keep[where]] for where in self._channels]
        self._order, self._offsets = np.zeros(0, np.int64), np.zeros(len(self._offsets), np.int64)

    def outcome(self) -> tuple[Array, Array]:
        """Which rows remain, in order, and the inserted rows, whose indices begin at the number of rows."""
        remaining = np.flatnonzero(self.keep)
        if not self.inserted:
            return remaining, np.zeros(0, ROW)
        # Stable: what was inserted first after a row comes first.
        self.inserted.sort(key=lambda item: item[0])
        extra = np.concatenate([rows for _, rows in self.inserted])
        after = np.repeat([row for row, _ in self.inserted], [len(rows) for _, rows in self.inserted])
        places = np.searchsorted(remaining, after, side="right")
        return np.insert(remaining, places, len(self.rows) + np.arange(len(extra))), extra

"""One block of ticks while faults edit it: rows to change, drop and insert, found by series or channel and time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from producers.market.universe import Array, Universe
from producers.streams.word_copy import gathered, joined
from tickproof.ticks.schema import NS_PER_SECOND, ROW, Condition, Kind, Present

Random = np.random.Generator
PRICES = ("bid_px", "ask_px", "price")
BOTH_SIDES = int(Present.BID_PX | Present.ASK_PX)
"""The fields of a two-sided quote; a feed without sizes has only the prices."""
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
RESERVED = -1
"""In `Block.touched`: a row that an episode leaves unchanged and no other episode may change."""


def tick_of(universe: Universe, instruments: Array | int) -> Array:
    """Return the price step of one or more instruments, in units of 1e-9."""
    found: Array = universe.instruments["tick"][instruments]
    return found


def lot_of(universe: Universe, instruments: Array | int) -> Array:
    """Return the round lot of one or more instruments, in units of 1e-9."""
    found: Array = universe.instruments["lot"][instruments]
    return found


class Target(NamedTuple):
    """The place of one episode: the window [start, stop) of `ts_recv` in ns, and the rows in it.

    `channels` and `series` are the ones concerned; `series` is empty for a channel's episode.
    """

    channels: tuple[int, ...]
    series: tuple[int, ...]
    start: int
    stop: int
    where: Array


class Span(NamedTuple):
    """What a fault did: first and last `ts_recv` in ns (inclusive), its magnitude, and the symbol if it introduced one.

    `symbol` is the code of a name; −1: the target's.
    """

    onset: int
    end: int
    magnitude: float
    symbol: int = -1


@dataclass(slots=True)
class Block:
    """The rows of one block after the venue and before capture, in each channel's order.

    Parameters
    ----------
    rows : array of ROW, shape (n,)
        The rows of the block, edited in place.
    universe : Universe
    marked : bool
        Write the number of the episode that changed a row into its field `row`, which is not part of the tick.
    """

    rows: Array
    universe: Universe
    marked: bool = False
    keep: Array = field(init=False)
    """Whether each row stays."""
    touched: Array = field(init=False)
    """By row: the number of the episode that changed it, RESERVED, or 0."""
    episode: int = field(init=False, default=1)
    """The number of the episode that is being injected."""
    is_open: bool = field(init=False, default=False)
    """Whether other episodes may change the same rows: a genuine move that lasts is part of the market."""
    changed: int = field(init=False, default=0)
    """Rows changed, dropped and inserted so far."""
    spare: list[int] = field(init=False, default_factory=list)
    """Codes of names that no symbol has used yet."""
    _inserted: list[tuple[Array, Array]] = field(init=False, default_factory=list)
    """Rows, and the rows after which they are inserted."""
    _links: list[tuple[int, int]] = field(init=False, default_factory=list)
    """(place among all inserted rows, row whose trade id it gets)."""
    _order: Array | None = field(init=False, default=None)
    _offsets: Array = field(init=False)
    _channels: list[Array] | None = field(init=False, default=None)
    _sorted: Array = field(init=False)
    """For each inserted row, its place among them in row order."""

    def __post_init__(self) -> None:
        self.keep = np.ones(len(self.rows), np.bool_)
        self.touched = np.zeros(len(self.rows), np.int32)

    def of_series(self, series: tuple[int, ...], start: int, stop: int) -> Array:
        """Return the rows of some series with `start` <= ts_recv < `stop`, in order."""
        self._index()
        assert self._order is not None
        parts = [self._between(self._order[self._offsets[one] : self._offsets[one + 1]], start, stop) for one in series]
        return parts[0] if len(parts) == 1 else np.sort(np.concatenate(parts))

    def of_channels(self, channels: tuple[int, ...], start: int, stop: int) -> Array:
        """Return the rows of some channels with `start` <= ts_recv < `stop`, in order."""
        if self._channels is None:
            of = self.rows["channel"]
            # numpy sorts 16-bit integers by radix.
            order = np.argsort(np.where(self.keep, of, len(self.universe.channels)).astype(np.int16), kind="stable")
            cuts = np.cumsum(np.bincount(of[self.keep], minlength=len(self.universe.channels)))
            self._channels = np.split(order, cuts)[:-1]
        parts = [self._between(self._channels[one], start, stop) for one in channels]
        return parts[0] if len(parts) == 1 else np.sort(np.concatenate(parts))

    def counts(self) -> Array:
        """Return the number of rows of each series."""
        self._index()
        found: Array = np.diff(self._offsets)
        return found

    def _index(self) -> None:
        if self._order is None:
            count = len(self.universe.series)
            series = self.universe.series_of(self.rows)
            # A new symbol has a name of its own and no series.
            series = np.where(self.rows["symbol"] < len(self.universe.names), series, -1)
            self._order = np.argsort(series.astype(np.int16 if count < 1 << 15 else np.int32), kind="stable")
            per_series = np.bincount(np.maximum(series, -1) + 1, minlength=count + 1)
            self._offsets = np.cumsum(per_series)

    def _between(self, where: Array, start: int, stop: int) -> Array:
        times = self.rows["ts_recv"]
        return where[_first(times, where, start) : _first(times, where, stop)]

    def is_free(self, where: Array) -> Array:
        """Return which of some rows are kept and untouched."""
        free: Array = self.keep[where] & (self.touched[where] == 0)
        return free

    def quotes(self, where: Array) -> Array:
        """Return those of some rows that are untouched two-sided quotes, not locked and not one-sided."""
        rows = self.rows
        where = where[self.is_free(where)]
        where = where[(rows["kind"][where] == Kind.QUOTE) & ((rows["present"][where] & BOTH_SIDES) == BOTH_SIDES)]
        found: Array = where[rows["ask_px"][where] > rows["bid_px"][where]]
        return found

    def trades(self, where: Array) -> Array:
        """Return those of some rows that are untouched trades without a condition that explains an odd price."""
        rows = self.rows
        where = where[self.is_free(where)]
        where = where[(rows["kind"][where] == Kind.TRADE) & ((rows["present"][where] & PRINT) == PRINT)]
        found: Array = where[(rows["conditions"][where] & EXPLAINED) == 0]
        return found

    def plain(self, where: Array) -> Array:
        """Return the two-sided quotes and ordinary trades among some rows, in order."""
        return np.sort(np.concatenate([self.quotes(where), self.trades(where)]))

    def one(self, where: Array, rng: Random) -> int:
        """Draw one plain row, trades and quotes equally often where there are both; −1 if there is none."""
        choices = [found for found in (self.quotes(where), self.trades(where)) if len(found)]
        return int(rng.choice(choices[int(rng.integers(len(choices)))])) if choices else -1

    def quote_before(self, series: int, row: int, start: int) -> int:
        """Return the last two-sided quote of a series before `row`, captured at `start` or later; −1 if there is none."""
        where = self.of_series((series,), start, int(self.rows["ts_recv"][row]) + 1)
        quotes = self.quotes(where[where < row])
        return int(quotes[-1]) if len(quotes) else -1

    def market_at(self, target: Target, row: int) -> tuple[int, int]:
        """Return mid (or price) and spread around a row of one series: its own quote, or the last within ten seconds.

        Both are 0 if there is none.
        """
        is_quote = self.rows["kind"][row] == Kind.QUOTE
        quote = row if is_quote else self.quote_before(target.series[0], row, target.start - 10 * NS_PER_SECOND)
        if quote < 0:
            return 0, 0
        bid, ask = int(self.rows["bid_px"][quote]), int(self.rows["ask_px"][quote])
        return (bid + ask) // 2, ask - bid

    def tick(self, target: Target) -> int:
        """Return the price step of the target's symbol, in units of 1e-9."""
        return int(tick_of(self.universe, int(self.universe.series["instrument"][target.series[0]])))

    def lot(self, target: Target) -> int:
        """Return the round lot of the target's symbol, in units of 1e-9."""
        return int(lot_of(self.universe, int(self.universe.series["instrument"][target.series[0]])))

    def move(self, where: Array, steps: int, tick: int) -> None:
        """Move all prices of some rows by price steps; upwards where they would not stay positive."""
        rows = self.rows
        lowest = min(int(rows[name][where][rows[name][where] != 0].min(initial=1 << 62)) for name in PRICES)
        if lowest + steps * tick < tick:
            steps = -steps
        for name in PRICES:
            values = rows[name][where]
            rows[name][where] = np.where(values != 0, values + steps * tick, 0)

    def touch(self, where: Array) -> None:
        """Record that the current episode has changed some rows; a row keeps the first episode that changed it."""
        self.changed += len(where)
        mine = where[self.touched[where] <= 0]
        if not self.is_open:
            self.touched[mine] = self.episode
        if self.marked:
            self.rows["row"][mine] = self.episode

    def rename(self, where: Array, symbol: int) -> None:
        """Give some rows another symbol and remove them from their series."""
        self.rows["symbol"][where] = symbol
        self.touch(where)
        self._order = None

    def reserve(self, where: Array) -> None:
        """Keep other episodes from changing some untouched rows."""
        self.touched[where] = np.where(self.touched[where] == 0, RESERVED, self.touched[where])

    def drop(self, where: Array) -> None:
        """Remove some rows."""
        self.keep[where] = False
        self.touched[where] = self.episode
        self.changed += len(where)

    def insert(self, after: Array, rows: Array) -> None:
        """Insert each row after the row at the same place of `after`, and after what was inserted there no later."""
        self._inserted.append((after, rows))
        self.changed += len(rows)
        rows["row"] = self.episode if self.marked else 0

    def link(self, back: int, original: int) -> None:
        """Give the `back`-th last inserted row the trade id of another row, once that has one."""
        self._links.append((sum(len(rows) for _, rows in self._inserted) - back, original))

    def done(self, where: Array, magnitude: float) -> Span:
        """Touch some rows and return the span of their times."""
        self.touch(where)
        times = self.rows["ts_recv"][where]
        return Span(int(times.min()), int(times.max()), magnitude)

    def settle(self, *, free: bool = False) -> list[tuple[int, int]]:
        """Remove the dropped rows and merge the inserted ones, so that all rows can be numbered.

        Parameters
        ----------
        free : bool
            Whether other episodes may change what was inserted.

        Returns
        -------
        list of (int, int)
            Pairs of rows: the first gets the trade id of the second once that is numbered.
        """
        self._order = self._channels = None
        if not self._inserted:
            return []
        index, extra = self.outcome()
        whole = len(self.rows)
        place = np.full(whole + len(extra), -1, np.int64)
        place[index] = np.arange(len(index))
        # Insertions were sorted by row; links count them in the order in which they came.
        links = [(int(place[whole + self._sorted[number]]), int(place[original])) for number, original in self._links]
        touched = np.concatenate([self.touched, np.full(len(extra), 0 if free else RESERVED, np.int32)])[index]
        self.rows = gathered(joined([self.rows, extra]), index)
        self.keep, self.touched = np.ones(len(index), np.bool_), touched
        self._inserted, self._links = [], []
        return links

    def outcome(self) -> tuple[Array, Array]:
        """Return the kept rows in order, and the inserted rows, whose indices begin at the number of rows."""
        remaining = np.flatnonzero(self.keep)
        if not self._inserted:
            return remaining, np.zeros(0, ROW)
        after = np.concatenate([after for after, _ in self._inserted])
        extra = joined([rows for _, rows in self._inserted])
        # Insertions after one row are ordered by time, then by the order of insertion.
        order = np.lexsort((extra["ts_recv"], after))
        self._sorted = np.empty(len(order), np.int64)
        self._sorted[order] = np.arange(len(order))
        places = np.searchsorted(remaining, after[order], side="right")
        return np.insert(remaining, places, len(self.rows) + np.arange(len(extra))), gathered(extra, order)


def _first(times: Array, where: Array, bound: int) -> int:
    """Return the first place in `where` whose time is at least `bound`, without copying the times."""
    low, high = 0, len(where)
    while low < high:
        middle = (low + high) // 2
        if times[where[middle]] < bound:
            low = middle + 1
        else:
            high = middle
    return low

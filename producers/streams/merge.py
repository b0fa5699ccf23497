"""Merging of streams of ticks by capture time: exact, stable, and with no more in memory than a batch a stream.

A tick's key is event time in its own stream, the running maximum of `ts_recv`. So a stream that goes back in time keeps its
arrival order; its late ticks follow the tick that they arrived behind. Equal keys: the earlier stream first, then arrival order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from producers.streams.event_time import EARLIEST, running
from producers.streams.word_copy import copied, gathered, joined
from tickproof.ticks.schema import NAMES, ROW, Array, Ticks

BATCH_ROWS = 65_536
"""Most ticks in a merged batch."""


def merge(streams: Sequence[Iterable[Ticks]], starts: Sequence[int | None] | None = None) -> Iterator[Ticks]:
    """Merge streams of ticks into one, ordered by key.

    Parameters
    ----------
    streams : sequence of iterables of Ticks
        Each in arrival order.
    starts : sequence of int or None, optional
        A lower bound of each stream's `ts_recv` in ns: a stream is not begun before the others have come that far, so that a
        year of daily files does not open them all. None: not known.

    Yields
    ------
    Ticks
        At most `BATCH_ROWS` at a time, over a table of names that only grows.
    """
    names: dict[str, int] = {}
    bounds = [EARLIEST if start is None else start for start in starts or [None] * len(streams)]
    waiting = sorted(range(len(streams)), key=lambda index: (bounds[index], index))
    heads: dict[int, _Head] = {}
    while True:
        for index in [index for index, head in heads.items() if not head.fill()]:
            del heads[index]
        if heads:
            slowest = min(heads, key=lambda index: (heads[index].last, index))
            horizon = heads[slowest].last
        elif waiting:
            horizon = bounds[waiting[0]]
        else:
            return
        begun = [index for index in waiting if bounds[index] <= horizon]
        if begun:
            waiting = [index for index in waiting if bounds[index] > horizon]
            heads.update((index, _Head(iter(streams[index]), names)) for index in begun)
            continue
        # The slowest stream may go on at the horizon itself: what streams after it hold there has to wait for that.
        parts = [heads[index].take(horizon, "right" if index <= slowest else "left") for index in sorted(heads)]
        yield from _in_batches(_interleave(parts), tuple(names))


def _interleave(parts: list[tuple[Array, Array]]) -> Array:
    """Return the rows of all parts by key; parts are sorted by key and stand in the order that breaks ties."""
    parts = [part for part in parts if len(part[0])]
    if len(parts) == 1:
        return parts[0][0]
    order = np.argsort(np.concatenate([keys for _, keys in parts]), kind="stable")
    return gathered(joined([rows for rows, _ in parts]), order)


def _in_batches(rows: Array, names: tuple[str, ...]) -> Iterator[Ticks]:
    for first in range(0, len(rows), BATCH_ROWS):
        yield Ticks(rows[first : first + BATCH_ROWS], names)


class _Head:
    """The part of one stream that has been read and is not merged yet."""

    __slots__ = ("_batches", "_codes", "_known", "_names", "keys", "last", "rows")

    def __init__(self, batches: Iterator[Ticks], names: dict[str, int]) -> None:
        self._batches = batches
        self._names = names
        self._known: tuple[str, ...] = ()
        self._codes = np.array([-1], np.int32)
        self.rows: Array = np.zeros(0, ROW)
        self.keys: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self.last = EARLIEST

    def fill(self) -> bool:
        """Read on if nothing is left; return False at the end of the stream."""
        while not len(self.keys):
            batch = next(self._batches, None)
            if batch is None:
                return False
            self.rows = self._renamed(batch)
            if len(self.rows):
                self.keys = running(self.rows["ts_recv"], self.last)
                self.last = int(self.keys[-1])
        return True

    def take(self, horizon: int, side: Literal["left", "right"]) -> tuple[Array, Array]:
        """Return rows and keys up to the horizon, itself included if `side` is right."""
        count = int(np.searchsorted(self.keys, horizon, side))
        rows, keys = self.rows[:count], self.keys[:count]
        self.rows, self.keys = self.rows[count:], self.keys[count:]
        return rows, keys

    def _renamed(self, batch: Ticks) -> Array:
        """Return the batch's rows over the shared table of names."""
        if batch.names is not self._known:
            codes = [self._names.setdefault(name, len(self._names)) for name in batch.names]
            # One slot more than there are names, so that -1 (null) maps to itself.
            self._codes = np.array([*codes, -1], np.int32)
            self._known = batch.names
        if np.array_equal(self._codes[:-1], np.arange(len(self._codes) - 1)):
            return batch.rows
        rows = copied(batch.rows)
        for column in NAMES:
            rows[column] = self._codes[rows[column]]
        return rows

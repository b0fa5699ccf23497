"""Sequence numbers and trade ids of a recording that messages were added to or taken from: the counters run on over both.

A message that never was, or was lost before it was numbered, leaves no trace in the numbers. What the recording itself lost, set
back or skipped stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from producers.injection.feed import RecordedFeed
from producers.market.universe import Array
from tickproof.ticks.schema import Kind, Present

HASH_BITS = 62
UNNUMBERED = (Kind.HEARTBEAT,)
"""Kinds that carry the next number and use none."""


@dataclass(slots=True)
class Numbering:
    """The counters of a stream that grows out of a recording.

    Rows of the recording carry their place in the block, from 1 on, in the field `row`; rows that were added have 0 there.

    Parameters
    ----------
    feed : RecordedFeed
    counters : array of int64, shape (channels,)
        The stream's last number on each channel.
    """

    feed: RecordedFeed
    counters: Array = field(init=False)
    _recorded: Array = field(init=False)
    """The recording's last number on each channel; -1: none yet."""
    _shift: Array = field(init=False)
    """By venue, how far the stream's trade ids are above the recording's."""
    _steps: list[list[tuple[int, int]]] = field(init=False)
    """By venue, (recorded id, shift from there on)."""

    def __post_init__(self) -> None:
        channels = len(self.feed.universe.channels)
        self.counters = np.full(channels, -1, np.int64)
        self._recorded = np.full(channels, -1, np.int64)
        self._shift = np.zeros(self.feed.universe.venues, np.int64)
        self._steps = [[] for _ in range(self.feed.universe.venues)]

    def deltas(self, rows: Array) -> Array:
        """Return by how much the number of each row is above the one before it on its channel, before any edit.

        Of unnumbered kinds and rows without a number it is 0. Remembers the last number of each channel.
        """
        found = np.zeros(len(rows), np.int64)
        counts = self._counts(rows)
        for channel in range(len(self.counters)):
            mine = np.flatnonzero(counts & (rows["channel"] == channel))
            if not len(mine):
                continue
            numbers = rows["sequence"][mine].astype(np.int64)
            before = self._recorded[channel]
            if before < 0:
                before = self.counters[channel] = numbers[0] - 1
            found[mine] = np.diff(numbers, prepend=before)
            self._recorded[channel] = numbers[-1]
        return found

    def number(self, rows: Array, keep: Array, deltas: Array) -> None:
        """Number the kept rows of a block: recorded ones by their `deltas`, added ones by 1, or 0 where numbers are shared."""
        counts = self._counts(rows) & keep
        ahead = (rows["kind"] == Kind.HEARTBEAT) & ((rows["present"] & Present.SEQUENCE) != 0) & keep
        places = rows["row"].astype(np.int64)
        for channel, mode in enumerate(self.feed.modes):
            on_channel = rows["channel"] == channel
            mine = np.flatnonzero(counts & on_channel)
            if not len(mine):
                continue
            added = 0 if mode == "shared" else 1
            steps = np.where(places[mine] > 0, deltas[places[mine] - 1], added)
            numbers = self.counters[channel] + np.cumsum(steps)
            rows["sequence"][mine] = numbers
            beats = np.flatnonzero(ahead & on_channel)
            last = np.searchsorted(mine, beats) - 1
            rows["sequence"][beats] = np.where(last >= 0, numbers[np.maximum(last, 0)], self.counters[channel]) + 1
            self.counters[channel] = numbers[-1]

    def name_trades(self, rows: Array, keep: Array, rng: np.random.Generator) -> None:
        """Give ids to added trades, and move the ids after them where a venue's ids count; amended trades follow."""
        has_id = ((rows["present"] & Present.TRADE_ID) != 0) & keep
        first = len(self.feed.universe.channels)
        for venue in range(self.feed.universe.venues):
            mine = np.flatnonzero(has_id & (rows["venue"] == first + venue))
            trades = mine[rows["kind"][mine] == Kind.TRADE]
            added = rows["row"][trades] == 0
            if not self.feed.has_ascending_ids[venue]:
                rows["trade_id"][trades[added]] = rng.integers(1 << HASH_BITS, size=int(added.sum()))
                continue
            recorded = rows["trade_id"][trades]
            shift = self._shift[venue] + np.cumsum(added)
            if added.any():
                # An added trade counts on from the recorded one before it.
                before = np.maximum.accumulate(np.where(added, np.iinfo(np.int64).min, recorded))
                recorded = np.where(added & (before > 0), before, recorded)
                self._steps[venue] += list(zip(recorded[added].tolist(), shift[added].tolist(), strict=True))
            rows["trade_id"][trades] = recorded + shift
            self._shift[venue] = shift[-1] if len(shift) else self._shift[venue]
            amended = mine[np.isin(rows["kind"][mine], (Kind.TRADE_CANCEL, Kind.TRADE_CORRECTION))]
            if len(amended) and self._steps[venue]:
                since, shifts = np.array(self._steps[venue]).T
                # A trade with the id of a step was there before what was added behind it.
                place = np.searchsorted(since, rows["trade_id"][amended], side="left") - 1
                rows["trade_id"][amended] += np.where(place >= 0, shifts[np.maximum(place, 0)], 0)

    def _counts(self, rows: Array) -> Array:
        """Return which rows have a number of their own."""
        found: Array = ((rows["present"] & Present.SEQUENCE) != 0) & ~np.isin(rows["kind"], UNNUMBERED)
        return found

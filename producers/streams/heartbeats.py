"""Capture heartbeats: our own ticks, which move event time where a channel is silent. The job consumes and does not score them.

Each channel gets one at each whole second of event time, once it has spoken. A partition that no channel of the stream has spoken
on yet gets a channel of its own, `capture.<partition>`: a partition that says nothing holds back the watermark of all.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from producers.streams.event_time import EARLIEST, running
from producers.streams.partitioning import capture_channel, partition_of
from producers.streams.word_copy import inserted
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND, ROW, Array, Flag, Kind, Ticks

VENUE = "capture"
"""The venue of capture heartbeats; their symbol is null."""
DENSE_S = 60
"""In a gap of the whole stream longer than twice this, only its first and last seconds, this many each, get heartbeats. A night
would hold more heartbeats than the day holds ticks, without further information. Several are needed at the end, because a
channel's event time does not follow a single jump of hours: they confirm it before the first tick."""
UNRECORDED_S, UNRECORDED_BETWEEN_FILES_S = 72 * 3_600, 6 * 3_600
"""In a longer gap of the whole stream nothing was recorded: it is longer than a weekend, or than six hours where one file ends
and another begins. Its heartbeats say so, and nothing is missing or silent."""
_AHEAD = np.iinfo(np.int64).max


class Heartbeats:
    """Inserts capture heartbeats into an ordered stream of ticks, and seals it.

    Parameters
    ----------
    partitions : int
        How many partitions the topic has.
    """

    __slots__ = ("_channels", "_given", "_last_file", "_partitions", "_silent", "_table", "latest_ns")

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._channels: dict[str, None] = {}
        self._silent = list(range(partitions))
        self._given: tuple[str, ...] = ()
        self._table: tuple[str, ...] = ()
        self._last_file = -1
        self.latest_ns = EARLIEST
        """Event time so far."""

    def step(self, ticks: Ticks) -> Ticks:
        """Return the ticks with heartbeats among them, each before the first tick that is at least as late."""
        if not len(ticks):
            return ticks
        times = running(ticks.rows["ts_recv"], self.latest_ns)
        before = np.concatenate([[times[0] if self.latest_ns == EARLIEST else self.latest_ns], times[:-1]])
        self.latest_ns = int(times[-1])
        is_unrecorded = self._unrecorded(ticks.rows["partition"], times - before)
        # Each source of heartbeats with the rows between which it beats: after its first tick, or until its partition speaks.
        reach = dict.fromkeys(self._channels, (-1, _AHEAD))
        silent = dict.fromkeys(self._silent, _AHEAD)
        for channel, row in self._newcomers(ticks).items():
            reach[channel] = (row, _AHEAD)
            partition = partition_of(channel, self._partitions)
            silent[partition] = min(row, silent.get(partition, _AHEAD))
            self._channels[channel] = None
        reach |= {capture_channel(partition): (-1, silent[partition]) for partition in self._silent}
        self._silent = [partition for partition in self._silent if silent[partition] == _AHEAD]
        positions, seconds = _crossings(before // NS_PER_SECOND, times // NS_PER_SECOND)
        if not len(positions):
            return ticks
        chosen = [np.flatnonzero((positions > first) & (positions <= last)) for first, last in reach.values()]
        which = np.concatenate(chosen)
        sources = np.repeat(np.arange(len(chosen)), [len(part) for part in chosen])
        order = np.lexsort((sources, seconds[which], positions[which]))
        which, sources = which[order], sources[order]
        names = self._names(ticks.names, list(reach))
        beats = _beats(seconds[which] * NS_PER_SECOND, np.array([names.index(name) for name in reach], np.int32)[sources], names)
        beats["flags"][is_unrecorded[positions[which]]] |= np.uint8(Flag.UNRECORDED)
        return Ticks(inserted(ticks.rows, positions[which], beats), names)

    def seal(self, lookahead_ns: int, out_of_orderness_ns: int) -> Ticks:
        """Return one last heartbeat for each channel and silent partition, late enough to make all ticks before it final.

        The millisecond on top is what record timestamps and watermarks may round away. To be sent as records of their own: a
        record's timestamp is its first tick's.
        """
        sources = [*self._channels, *map(capture_channel, self._silent)]
        if self.latest_ns == EARLIEST:
            return Ticks(np.zeros(0, ROW), ())
        time = self.latest_ns + lookahead_ns + out_of_orderness_ns + NS_PER_MS
        names = (*sources, VENUE)
        return Ticks(_beats(np.full(len(sources), time), np.arange(len(sources), dtype=np.int32), names), names)

    def _unrecorded(self, files: npt.NDArray[np.int32], gaps: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return before which ticks nothing was recorded, by the gap before each and whether its file is another one."""
        is_other = np.diff(files, prepend=self._last_file if self._last_file >= 0 else files[:1]) != 0
        self._last_file = int(files[-1])
        least = np.where(is_other, UNRECORDED_BETWEEN_FILES_S, UNRECORDED_S) * NS_PER_SECOND
        long: npt.NDArray[np.bool_] = gaps > least
        return long

    def _newcomers(self, ticks: Ticks) -> dict[str, int]:
        """Return channels without earlier ticks, with their first rows, in order of appearance."""
        known = np.array([name in self._channels for name in ticks.names])
        codes = ticks.rows["channel"]
        fresh = np.flatnonzero(~known[codes])
        found, first = np.unique(codes[fresh], return_index=True)
        return {ticks.names[found[index]]: int(fresh[first[index]]) for index in np.argsort(first)}

    def _names(self, given: tuple[str, ...], sources: list[str]) -> tuple[str, ...]:
        """Return the table with the names that heartbeats need; the same object as long as nothing changes."""
        wanted = (VENUE, *sources)
        if given is not self._given or not set(wanted) <= set(self._table):
            self._given = given
            self._table = tuple(dict.fromkeys((*given, *wanted)))
        return self._table


def beat(channel: str, time_ns: int) -> Ticks:
    """Return one capture heartbeat."""
    names = (channel, VENUE)
    return Ticks(_beats(np.array([time_ns]), np.zeros(1, np.int32), names), names)


def _beats(times: npt.NDArray[np.int64], channels: npt.NDArray[np.int32], names: tuple[str, ...]) -> Array:
    rows = np.zeros(len(times), ROW)
    rows["ts_recv"] = times
    rows["channel"] = channels
    rows["venue"] = names.index(VENUE)
    rows["symbol"] = -1
    rows["kind"] = Kind.HEARTBEAT
    rows["flags"] = Flag.CAPTURE_HEARTBEAT
    return rows


def _crossings(
    before: npt.NDArray[np.int64], after: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where whole seconds begin: the row behind, and the second; long gaps thinned out as `DENSE_S` says."""
    rows = np.flatnonzero(after > before)
    counts = np.minimum(after[rows] - before[rows], 2 * DENSE_S)
    positions = np.repeat(rows, counts)
    ends = np.repeat(np.cumsum(counts), counts)
    from_end = ends - np.arange(len(positions))
    from_start = np.repeat(counts, counts) - from_end
    seconds = np.where(from_start < DENSE_S, before[positions] + 1 + from_start, after[positions] + 1 - from_end)
    return positions, seconds

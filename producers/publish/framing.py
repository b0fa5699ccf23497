"""Framing: an ordered stream of ticks, cut into frames that are sent as one record each.

Frames hold one channel each. Within one span of event time they are sent in the order of their first ticks, so the timestamps of
the records, which are those of the first ticks, do not go back however long the span is, except by as much as the stream itself
does; a watermark only advances later. JSON ticks keep the stream's own order, a record each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from producers.streams.event_time import EARLIEST, running
from producers.streams.word_copy import gathered
from tickproof.ticks.schema import NS_PER_MS, Ticks


@dataclass(frozen=True, slots=True)
class Frame:
    """Ticks that are sent together.

    Parameters
    ----------
    channel : str or None
        Channel of all its ticks; None: several channels, to be sent as JSON ticks.
    ticks : Ticks
        In arrival order.
    first_ns : int
        `ts_recv` of the first tick; event time where that is implausibly ahead of it.
    due_ns : int
        Event time when its last tick has arrived.
    """

    channel: str | None
    ticks: Ticks
    first_ns: int
    due_ns: int

    @property
    def timestamp_ms(self) -> int:
        """Return the record's timestamp, in ms."""
        return self.first_ns // NS_PER_MS


class Framing:
    """Cuts batches into frames; a frame does not reach across batches.

    Parameters
    ----------
    rows : int
        Most ticks in a frame.
    span_ns : int
        A frame stays within one span of event time; spans begin at multiples of this.
    by_channel : bool
        False: frames of all channels, for JSON ticks.
    """

    __slots__ = ("_by_channel", "_latest_ns", "_rows", "_span_ns")

    def __init__(self, rows: int, span_ns: int, *, by_channel: bool = True) -> None:
        self._rows = rows
        self._span_ns = span_ns
        self._by_channel = by_channel
        self._latest_ns = EARLIEST

    def step(self, ticks: Ticks) -> Iterator[Frame]:
        """Return the frames of the next batch."""
        if not len(ticks):
            return
        rows = ticks.rows
        times = running(rows["ts_recv"], self._latest_ns)
        self._latest_ns = int(times[-1])
        channels = rows["channel"] if self._by_channel else np.zeros(len(rows), np.int32)
        spans = times // self._span_ns
        single = bool((channels == channels[0]).all())
        order = None if single else np.lexsort((channels, spans))
        starts, ends = _cuts(spans, channels, order, self._rows)
        first = starts if order is None else order[starts]
        last = ends - 1 if order is None else order[ends - 1]
        sorted_rows = rows if order is None else gathered(rows, order)
        sequence = np.argsort(first)
        # Event time instead of a stamp that was not believed: a record far ahead would move the watermark of all.
        columns = (starts, ends, np.minimum(rows["ts_recv"], times)[first], times[last], channels[first])
        for start, end, first_ns, due_ns, channel in zip(*(column[sequence].tolist() for column in columns), strict=True):
            name = ticks.names[channel] if self._by_channel else None
            yield Frame(name, Ticks(sorted_rows[start:end], ticks.names), first_ns, due_ns)


def _cuts(
    spans: npt.NDArray[np.int64], channels: npt.NDArray[np.int32], order: npt.NDArray[np.int64] | None, limit: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the first rows of the frames in sorted order, and one behind their last rows."""
    if order is not None:
        spans, channels = spans[order], channels[order]
    changed = np.flatnonzero((spans[1:] != spans[:-1]) | (channels[1:] != channels[:-1])) + 1
    groups = np.concatenate([[0], changed])
    sizes = np.diff(groups, append=len(spans))
    counts = -(-sizes // limit)
    ends = np.cumsum(counts)
    within = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
    starts = np.repeat(groups, counts) + within * limit
    return starts, np.append(starts[1:], len(spans))

"""The reorder buffer of a shard: it holds ticks until no earlier one can come, and releases them in the shard's order.

The order is (event time, channel, arrival).
"""

from __future__ import annotations

import heapq
from operator import itemgetter

import numpy as np

from tickproof.ticks.schema import Ticks, concat


class ReorderBuffer:
    """Ticks of many channels above the watermark; each channel's ticks are added in its arrival order."""

    __slots__ = ("_count", "_parts")

    def __init__(self) -> None:
        # A heap by the earliest event time, so that ticks that are not due cost nothing; the number keeps the order of arrival.
        self._parts: list[tuple[int, int, Ticks]] = []
        self._count = 0

    def __len__(self) -> int:
        return sum(len(part) for _, _, part in self._parts)

    def add(self, ticks: Ticks) -> None:
        """Add ticks, stamped with their event time."""
        if len(ticks):
            heapq.heappush(self._parts, (int(ticks.rows["event_time"].min()), self._count, ticks))
            self._count += 1

    def release(self, before_ns: int) -> Ticks:
        """Remove and return, in the shard's order, the ticks whose event time in ns is below `before_ns`."""
        due: list[tuple[int, Ticks]] = []
        rests: list[tuple[int, int, Ticks]] = []
        while self._parts and self._parts[0][0] < before_ns:
            _, number, part = heapq.heappop(self._parts)
            times = part.rows["event_time"]
            now = times < before_ns
            if now.all():
                due.append((number, part))
            else:
                due.append((number, part.take(now)))
                rests.append((int(times[~now].min()), number, part.take(~now)))
        for rest in rests:
            heapq.heappush(self._parts, rest)
        return in_order(concat([part for _, part in sorted(due, key=itemgetter(0))]))

    def all(self) -> Ticks:
        """Return the ticks in the buffer, in the order in which they were added."""
        return concat([part for _, _, part in sorted(self._parts, key=itemgetter(1))])

    def first_ns(self) -> int | None:
        """Return the event time in ns of the earliest tick in the buffer; None where it is empty."""
        return self._parts[0][0] if self._parts else None


def in_order(ticks: Ticks) -> Ticks:
    """Return ticks by (event time, channel's name, arrival)."""
    if not len(ticks):
        return ticks
    by_name = sorted(range(len(ticks.names)), key=ticks.names.__getitem__)
    rank = np.empty(len(by_name), np.int32)
    rank[by_name] = np.arange(len(by_name), dtype=np.int32)
    times = ticks.rows["event_time"]
    # lexsort is stable: equal keys keep their arrival order.
    return ticks.take(np.lexsort((rank[ticks.rows["channel"]], times)))

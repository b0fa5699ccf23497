"""A shard's order: (event time, channel, arrival). Ticks wait here until no earlier one can come."""

from __future__ import annotations

import numpy as np

from tickproof.tick import Ticks, concat


class Waiting:
    """Ticks of many channels that wait for the watermark. Each channel's ticks are added in its arrival order."""

    __slots__ = ("_first_ns", "_parts")

    def __init__(self) -> None:
        # Each with the range of its event times, so that what is not due costs nothing.
        self._parts: list[tuple[int, int, Ticks]] = []
        self._first_ns: int | None = None

    def __len__(self) -> int:
        return sum(len(part) for _, _, part in self._parts)

    def add(self, ticks: Ticks) -> None:
        """Take more ticks, stamped with their event time."""
        if len(ticks):
            times = ticks.rows["event_time"]
            first = int(times.min())
            self._parts.append((first, int(times.max()), ticks))
            self._first_ns = first if self._first_ns is None else min(first, self._first_ns)

    def release(self, before_ns: int) -> Ticks:
        """Take out, in the shard's order, the ticks whose event time is below `before_ns`."""
        waiting, self._parts = self._parts, []
        due: list[Ticks] = []
        for first, last, part in waiting:
            if last < before_ns:
                due.append(part)
            elif first >= before_ns:
                self._parts.append((first, last, part))
            else:
                now = part.rows["event_time"] < before_ns
                due.append(part.take(now))
                rest = part.take(~now)
                self._parts.append((int(rest.rows["event_time"].min()), last, rest))
        self._first_ns = min((first for first, _, _ in self._parts), default=None)
        return in_order(concat(due))

    def all(self) -> Ticks:
        """The waiting ticks, as they were added."""
        return concat([part for _, _, part in self._parts])

    def first_ns(self) -> int | None:
        """Event time of the earliest waiting tick."""
        return self._first_ns


def in_order(ticks: Ticks) -> Ticks:
    """Ticks by (event time, channel's name, arrival)."""
    if not len(ticks):
        return ticks
    by_name = sorted(range(len(ticks.names)), key=ticks.names.__getitem__)
    rank = np.empty(len(by_name), np.int32)
    rank[by_name] = np.arange(len(by_name), dtype=np.int32)
    times = ticks.rows["event_time"]
    # lexsort is stable: equal keys keep their arrival order.
    return ticks.take(np.lexsort((rank[ticks.rows["channel"]], times)))

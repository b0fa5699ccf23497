"""Pacing: when event time is due on the wall clock, and how well that was kept. Only `WallClock` reads a clock."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Clock(Protocol):
    """The wall clock, as far as a replay needs it."""

    def now_ns(self) -> int:
        """Return monotonic ns since any origin."""

    def sleep(self, seconds: float) -> None:
        """Sleep for about `seconds`."""


class WallClock:
    """The machine's monotonic clock."""

    def now_ns(self) -> int:
        """Return monotonic ns."""
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        """Sleep as `time.sleep` does."""
        time.sleep(seconds)


class Pace:
    """A linear map from event time to wall time.

    Parameters
    ----------
    speed : float
        Event time per unit of wall time: 1 is as recorded.
    event_ns, wall_ns : int
        An event time, and the wall time at which it is due.
    """

    __slots__ = ("_event_ns", "_wall_ns", "speed")

    def __init__(self, speed: float, event_ns: int, wall_ns: int) -> None:
        self.speed = speed
        self._event_ns = event_ns
        self._wall_ns = wall_ns

    def wait_ns(self, due_ns: int, now_ns: int) -> int:
        """Return how long until event time `due_ns` is due, in wall ns; negative: it has been due for so long."""
        return self._wall_ns + round((due_ns - self._event_ns) / self.speed) - now_ns

    def event_ns(self, now_ns: int) -> int:
        """Return the event time that is due at a wall time, in ns."""
        return self._event_ns + round((now_ns - self._wall_ns) * self.speed)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How well a schedule was kept: `frames` that had one, and the wall ns by which they were sent late."""

    frames: int
    p50_ns: int
    p99_ns: int
    max_ns: int


class Errors:
    """The distribution of schedule errors in a fixed size: 32 bins an octave, so a quantile is at most 2.2 % too large."""

    _PER_OCTAVE = 32
    __slots__ = ("_bins", "_worst")

    def __init__(self) -> None:
        self._bins = np.zeros(64 * self._PER_OCTAVE, np.int64)
        self._worst = 0

    def add(self, error_ns: int) -> None:
        """Count one error, of 0 ns or more."""
        self._worst = max(self._worst, error_ns)
        self._bins[int(np.log2(error_ns + 1) * self._PER_OCTAVE)] += 1

    def summary(self) -> Schedule:
        """Return the figures so far; all 0 if nothing was counted."""
        return Schedule(int(self._bins.sum()), self._quantile(0.5), self._quantile(0.99), self._worst)

    def _quantile(self, share: float) -> int:
        counts = np.cumsum(self._bins)
        reached = int(np.searchsorted(counts, max(1, counts[-1] * share)))
        # The upper edge of the bin, and never more than the largest that was counted.
        return min(int(2 ** ((reached + 1) / self._PER_OCTAVE)) - 1 if counts[-1] else 0, self._worst)

"""When event time is due on the wall, and how well that was kept. No clock is read here but by `WallClock`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Clock(Protocol):
    """The wall's time, as far as a replay needs it."""

    def now_ns(self) -> int:
        """Monotone ns, from any origin."""

    def sleep(self, seconds: float) -> None:
        """Come back after about so long."""


class WallClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Monotone ns."""
        return time.monotonic_ns()

    def sleep(self, seconds: float) -> None:
        """As `time.sleep`."""
        time.sleep(seconds)


class Pace:
    """Event time against the wall's.

    Parameters
    ----------
    speed : float
        Event time a unit of wall time: 1 is as recorded.
    event_ns, wall_ns : int
        Two times that belong together.
    """

    __slots__ = ("_event_ns", "_wall_ns", "speed")

    def __init__(self, speed: float, event_ns: int, wall_ns: int) -> None:
        self.speed = speed
        self._event_ns = event_ns
        self._wall_ns = wall_ns

    def wait_ns(self, due_ns: int, now_ns: int) -> int:
        """How long until event time `due_ns`; negative: it has been due for so long."""
        return self._wall_ns + round((due_ns - self._event_ns) / self.speed) - now_ns

    def event_ns(self, now_ns: int) -> int:
        """The event time that the wall has come to."""
        return self._event_ns + round((now_ns - self._wall_ns) * self.speed)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a schedule was kept: `frames` that had one, and the wall ns that they were sent after they were due."""

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
        """Count one, of 0 or more."""
        self._worst = max(self._worst, error_ns)
        self._bins[int(np.log2(error_ns + 1) * self._PER_OCTAVE)] += 1

    def summary(self) -> Schedule:
        """The figures so far; all 0 if nothing was counted."""
        return Schedule(int(self._bins.sum()), self._quantile(0.5), self._quantile(0.99), self._worst)

    def _quantile(self, share: float) -> int:
        counts = np.cumsum(self._bins)
        reached = int(np.searchsorted(counts, max(1, counts[-1] * share)))
        # The upper edge of the bin, and never more than the largest that was counted.
        return min(int(2 ** ((reached + 1) / self._PER_OCTAVE)) - 1 if counts[-1] else 0, self._worst)

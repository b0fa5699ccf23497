"""How a compiled step notes what it saw: one record of EVENT after the other."""

from __future__ import annotations

import numpy as np

from tickproof.findings.finding import BY_NAME
from tickproof.kernel import array_kernel

HELD = -2
"""`row` of an event about a tick that was held in mind: HELD is place 0, HELD − 1 place 1, and so on."""


def bit(name: str) -> int:
    """The number of a code's bit."""
    return BY_NAME[name].bit


@array_kernel()
def note(events, n, at, code, mode, measured):  # type: ignore[no-untyped-def]
    """Append one event; `at` is (row, time, first_ts, threshold, reference). Returns the new number of events."""
    event = events[n]
    event.row = at[0]
    event.subject = -1
    event.time = at[1]
    event.first_ts = at[2]
    event.measured = measured
    event.threshold = at[3]
    event.reference = at[4]
    event.code = code
    event.mode = mode
    return n + 1


@array_kernel()
def since(earlier, later):  # type: ignore[no-untyped-def]
    """ns from one time to another, negative if that is before it; infinite where 64 bits do not hold it."""
    apart = float(later) - float(earlier)
    if abs(apart) >= 9.0e18:
        return np.inf if apart > 0.0 else -np.inf
    return float(later - earlier)


@array_kernel()
def mark(code):  # type: ignore[no-untyped-def]
    """The bit of a code in `reasons`."""
    return np.uint64(1) << np.uint64(code)

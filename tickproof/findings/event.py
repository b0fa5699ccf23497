"""Events: what a compiled step noticed at one tick. A tracker turns them into findings."""

from __future__ import annotations

import numpy as np

EVENT = np.dtype(
    [
        ("row", "<i8"),
        ("subject", "<i8"),
        ("time", "<i8"),
        ("first_ts", "<i8"),
        ("measured", "<f8"),
        ("threshold", "<f8"),
        ("reference", "<f8"),
        ("code", "u1"),
        ("mode", "u1"),
    ],
    align=True,
)
"""`row` in the step's ticks, `subject` the instrument (-1: the channel), `time` when it was known (event time),
`first_ts` since when it lasts, `code` the taxonomy's bit, `mode` below."""

MOMENT, OPENS, CLOSES, ANNOUNCED, AMENDS, HOLDS, REBASES = 0, 1, 2, 3, 4, 5, 6
"""Modes: a moment; a condition that lasts until it CLOSES; a moment that was announced or is tolerated (info, a finding apart);
what an open finding whose values are sums turns out to be; a tick to keep in mind for an event to come, in place `subject` + 1;
event time went back, so that nothing open goes on."""

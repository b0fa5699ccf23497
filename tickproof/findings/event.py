"""Events: what a compiled step noticed, one record each. A tracker turns them into findings."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

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
"""One event, see `Event` for the meaning of its fields."""


class Event(NamedTuple):
    """An EVENT record in Python; fields in its order.

    Attributes
    ----------
    row : int
        The tick that it is about, by its row in the step's ticks, or a NoRow.
    subject : int
        Of a shard's event the instrument. Of a channel's silence the row at which it was noticed. Else NO_SUBJECT.
    time : int
        Event time at which it was known, ns.
    first_ts : int
        Event time since when it lasts, ns.
    measured, threshold, reference : float
        In the unit of the code, see `tickproof.codes`.
    code : int
        The code's bit in `reasons`.
    mode : int
        A Mode.
    """

    row: int
    subject: int
    time: int
    first_ts: int
    measured: float
    threshold: float
    reference: float
    code: int
    mode: int


class NoRow(IntEnum):
    """`row` of an event that is about none of the step's ticks."""

    CHANNEL = -1
    """The event has no tick: it is about the channel or the instrument."""
    KEPT_TICK = -2
    """It is about the tick that an earlier KEEPS event asked to keep."""


NO_SUBJECT = -1
"""`subject` of an event that needs none."""


class Mode(IntEnum):
    """What an event does to the finding of its code and scope.

    ============  ==================  ======================================================================
    mode          finding before      finding after
    ============  ==================  ======================================================================
    MOMENT        none or open        open, one member more; closes after 5 s without a member
    OPENS         none                open until CLOSES
    CLOSES        open                closed, `measured` is the event's
    ANNOUNCED     none or open        as MOMENT, in a finding of its own that is information: it was announced
                                      or is within tolerance
    AMENDS        open                `measured` and `reference` (codes that are sums) changed by the event's;
                                      closed as information when nothing is left
    KEEPS         any                 unchanged; the tick is kept for an event to come
    REBASES       any                 all closed: event time went back
    ============  ==================  ======================================================================
    """

    MOMENT = 0
    OPENS = 1
    CLOSES = 2
    ANNOUNCED = 3
    AMENDS = 4
    KEEPS = 5
    REBASES = 6

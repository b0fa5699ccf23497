"""A channel's event time, compiled: the running maximum of `ts_recv`, kept from stamps that nothing confirms.

A jump of more than an hour is believed when JUMP_CONFIRMED_BY messages in a row agree on it. What was believed wrongly, at the
channel's very first message or after a run of wrong stamps, is taken back when as many messages in a row say so as had said
it, SETTLED at most: event time then goes back, once.
"""

from __future__ import annotations

import numpy as np

from tickproof.findings.emit import since
from tickproof.kernel import array_kernel
from tickproof.ticks.schema import Flag, Kind, Present

ARRIVAL = np.dtype(
    [
        ("event_time", "<i8"),
        ("last_ts", "<i8"),
        ("ordinal", "<i8"),
        ("regressed", "<i8"),
        ("started", "<i8"),
        ("jump_count", "<i8"),
        ("jump_level", "<i8"),
        ("agreed", "<i8"),
        ("back_count", "<i8"),
        ("back_level", "<i8"),
    ]
)
"""`agreed`: messages since event time began or jumped, SETTLED at most; `back_*`: messages in a row from long before it."""

SECOND_NS = 1_000_000_000
JUMP_NS = 3_600 * SECOND_NS
JUMP_CONFIRMED_BY = 3
SETTLED = 64
EARLIEST_NS, LATEST_NS = -(1 << 62), (1 << 62) - (1 << 40)
"""Event time ends here, the years 1823 and 2116, whatever a stamp says: so a duration between two event times, and a lookahead
after one, fit into 64 bits, and every tick is final before the end of all times, 2^62."""
UNBELIEVED_NS = 26 * JUMP_NS
"""A first message captured so long after it was sent has a wrong stamp; what is less may be a clock of another zone."""
_BACK_ORDINAL = 0x40000000
_REGRESSED_ORDINAL = 0x80000000
_HEARTBEAT, _TS_EVENT = int(Kind.HEARTBEAT), int(Present.TS_EVENT)
_CAPTURE, _BAD = int(Flag.CAPTURE_HEARTBEAT), int(Flag.BAD_TS_RECV)
FOLLOWS, JUMPS, HEALS = 0, 1, 2


@array_kernel()
def bounded(time):  # type: ignore[no-untyped-def]
    """A time that event time may have."""
    return min(max(time, EARLIEST_NS), LATEST_NS)


@array_kernel()
def _begin(row, a):  # type: ignore[no-untyped-def]
    level = bounded(row.ts_recv)
    wrong = (row.flags & _BAD) != 0 or since(row.ts_event, row.ts_recv) > UNBELIEVED_NS
    if (row.present & _TS_EVENT) != 0 and row.ts_event > 0 and wrong:
        level = bounded(row.ts_event)
    a.started = 1
    a.event_time = level
    a.last_ts = level
    a.ordinal = -1


@array_kernel()
def _is_back(row, a, current):  # type: ignore[no-untyped-def]
    """Is this message, far behind event time, the one that shows event time to be wrong?"""
    t = bounded(row.ts_recv)
    if since(t, a.event_time) <= JUMP_NS or (row.flags & _BAD) != 0:
        a.back_count = 0
        return False
    if not current:
        return False
    a.back_count = a.back_count + 1 if abs(since(a.back_level, t)) <= JUMP_NS else 1
    a.back_level = t
    return a.back_count >= min(max(a.agreed + 1, 2), SETTLED)


@array_kernel()
def arrive(row, a, current):  # type: ignore[no-untyped-def]
    """Move event time by one row and give the row its position.

    `current` says that the row is not known to be old by its number. Returns FOLLOWS, JUMPS (kept out of event time) or HEALS
    (event time went back).
    """
    if a.started == 0:
        _begin(row, a)
    t = bounded(row.ts_recv)
    capture = row.kind == _HEARTBEAT and (row.flags & _CAPTURE) != 0
    outcome = FOLLOWS
    if since(a.event_time, t) > JUMP_NS or (t > a.event_time and (row.flags & _BAD) != 0):
        outcome = JUMPS
        if (row.flags & _BAD) == 0:
            a.jump_count = a.jump_count + 1 if abs(since(a.jump_level, t)) <= JUMP_NS else 1
            a.jump_level = t
            if a.jump_count >= JUMP_CONFIRMED_BY:
                outcome = FOLLOWS
                a.agreed = 0
    if outcome == FOLLOWS:
        a.jump_count = 0
        if t > a.event_time:
            a.event_time = t
            a.ordinal = -1
            a.back_count = 0
        elif _is_back(row, a, current):
            a.event_time = t
            a.ordinal = _BACK_ORDINAL
            a.agreed = a.back_count
            a.back_count = 0
            outcome = HEALS
        if not capture and a.back_count == 0:
            a.agreed = min(a.agreed + 1, SETTLED)
    if capture:
        # Ours, and not the same live and in a replay: it takes no ordinal from the channel's ticks.
        row.ordinal = 0
    elif t == a.event_time:
        a.ordinal += 1
        row.ordinal = a.ordinal
    else:
        a.regressed += 1
        row.ordinal = np.uint32(_REGRESSED_ORDINAL + a.regressed)
    row.event_time = a.event_time
    return outcome

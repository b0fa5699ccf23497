"""A channel's event time: the running maximum of `ts_recv`, kept from stamps that nothing confirms.

=============================  =====================================  ===========================================================
message                        event time                             Move
=============================  =====================================  ===========================================================
later, by an hour at most      moves to it                            FOLLOWS
earlier                        stays                                  FOLLOWS
later, by more than an hour    stays                                  JUMPS (kept out)
the JUMP_CONFIRMED_BY-th such  moves to it                            FOLLOWS
in a row that agrees
earlier, by more than an hour  goes back to it, once as many in a     REBASES
                               row say so as had said what was
                               believed, SETTLED at most
=============================  =====================================  ===========================================================

A first stamp, or a run of wrong ones, is thus taken back by the messages that follow.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from tickproof.kernel import kernel
from tickproof.ticks.records import Record
from tickproof.ticks.schema import Flag, Kind, Present

EVENT_TIME = np.dtype(
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
"""Times in ns. `last_ts`: `ts_recv` of the last message that followed; `ordinal`: of the last tick at event time; `regressed`:
ticks before event time; `jump_*`: messages in a row kept out, and the last one's time; `agreed`: messages since event time began
or jumped, SETTLED at most; `back_*`: messages in a row from long before it, and the last one's time."""

SECOND_NS = 1_000_000_000
JUMP_NS = 3_600 * SECOND_NS
JUMP_CONFIRMED_BY = 3
SETTLED = 64
EARLIEST_NS, LATEST_NS = -(1 << 62), (1 << 62) - (1 << 40)
"""Event time ends here, the years 1823 and 2116, whatever a stamp says: so a duration between two event times, and a lookahead
after one, fit into 64 bits, and every tick is final before the end of all times, 2^62."""
UNBELIEVED_NS = 26 * JUMP_NS
"""A first message captured so long after it was sent has a wrong stamp; what is less may be a clock of another zone."""
UNREPRESENTABLE_NS = 9.0e18
"""Durations from this on do not fit into 64 bits."""
_REBASED_ORDINAL = 0x40000000
"""Ordinals after event time went back begin here, lest they repeat those that its times had before."""
_REGRESSED_ORDINAL = 0x80000000
"""Ordinals of ticks before event time begin here: they are counted over all such times."""
_HEARTBEAT, _TS_EVENT = int(Kind.HEARTBEAT), int(Present.TS_EVENT)
_CAPTURE, _BAD = int(Flag.CAPTURE_HEARTBEAT), int(Flag.BAD_TS_RECV)


class Move(IntEnum):
    """What a message did to event time."""

    FOLLOWS = 0
    """It moved event time ahead, or left it."""
    JUMPS = 1
    """It is too far ahead, and was kept out."""
    REBASES = 2
    """Event time went back to it."""


@kernel()
def ns_between(earlier: int, later: int) -> float:
    """Return the ns from one time to another, negative if that is before it; infinite where 64 bits do not hold it."""
    distance = float(later) - float(earlier)
    if abs(distance) >= UNREPRESENTABLE_NS:
        return np.inf if distance > 0.0 else -np.inf
    return float(later - earlier)


@kernel()
def second_of(time: int) -> int:
    """Return the number of the second (second − 1 s, second] that a time in ns lies in."""
    return (time + SECOND_NS - 1) // SECOND_NS


@kernel()
def bounded(time: int) -> int:
    """Return the nearest time that event time may have, ns."""
    return min(max(time, EARLIEST_NS), LATEST_NS)


@kernel()
def advance_event_time(row: Record, state: Record, is_current: bool) -> Move:
    """Move event time by one message and give the message its position.

    Parameters
    ----------
    row : record of ROW
        Gets `event_time` and `ordinal`.
    state : record of EVENT_TIME
    is_current : bool
        The message is not known to be old by its number.
    """
    if state.started == 0:
        _begin(row, state)
    time = bounded(row.ts_recv)
    is_capture = row.kind == _HEARTBEAT and (row.flags & _CAPTURE) != 0
    move = _move(row, state, time, is_current)
    if move != Move.JUMPS and not is_capture and state.back_count == 0:
        state.agreed = min(state.agreed + 1, SETTLED)
    _stamp(row, state, time, is_capture)
    return move


@kernel()
def _begin(row: Record, state: Record) -> None:
    """Begin event time with a channel's first message, by the venue's time where its own is wrong."""
    time = bounded(row.ts_recv)
    is_wrong = (row.flags & _BAD) != 0 or ns_between(row.ts_event, row.ts_recv) > UNBELIEVED_NS
    if (row.present & _TS_EVENT) != 0 and row.ts_event > 0 and is_wrong:
        time = bounded(row.ts_event)
    state.started = 1
    state.event_time = time
    state.last_ts = time
    state.ordinal = -1


@kernel()
def _move(row: Record, state: Record, time: int, is_current: bool) -> Move:
    """Move event time by one message at `time`."""
    if _is_implausible(row, state, time) and not _is_confirmed(row, state, time):
        return Move.JUMPS
    state.jump_count = 0
    if time > state.event_time:
        state.event_time = time
        state.ordinal = -1
        state.back_count = 0
        return Move.FOLLOWS
    if not _refutes(row, state, time, is_current):
        return Move.FOLLOWS
    state.event_time = time
    state.ordinal = _REBASED_ORDINAL
    state.agreed = state.back_count
    state.back_count = 0
    return Move.REBASES


@kernel()
def _is_implausible(row: Record, state: Record, time: int) -> bool:
    """Return whether a message is too far ahead to be believed alone."""
    is_bad = (row.flags & _BAD) != 0
    return ns_between(state.event_time, time) > JUMP_NS or (time > state.event_time and is_bad)


@kernel()
def _is_confirmed(row: Record, state: Record, time: int) -> bool:
    """Count a message that is too far ahead; return whether enough of them agree."""
    if (row.flags & _BAD) != 0:
        return False
    state.jump_count = state.jump_count + 1 if abs(ns_between(state.jump_level, time)) <= JUMP_NS else 1
    state.jump_level = time
    if state.jump_count < JUMP_CONFIRMED_BY:
        return False
    state.agreed = 0
    return True


@kernel()
def _refutes(row: Record, state: Record, time: int, is_current: bool) -> bool:
    """Count a message far behind event time; return whether enough of them show event time to be wrong."""
    if ns_between(time, state.event_time) <= JUMP_NS or (row.flags & _BAD) != 0:
        state.back_count = 0
        return False
    if not is_current:
        return False
    state.back_count = state.back_count + 1 if abs(ns_between(state.back_level, time)) <= JUMP_NS else 1
    state.back_level = time
    return state.back_count >= min(max(state.agreed + 1, 2), SETTLED)


@kernel()
def _stamp(row: Record, state: Record, time: int, is_capture: bool) -> None:
    """Write a message's position and event time into its row."""
    if is_capture:
        # Ours, and not the same live and in a replay: it takes no ordinal from the channel's ticks.
        row.ordinal = 0
    elif time == state.event_time:
        state.ordinal += 1
        row.ordinal = state.ordinal
    else:
        state.regressed += 1
        row.ordinal = np.uint32(_REGRESSED_ORDINAL + state.regressed)
    row.event_time = state.event_time

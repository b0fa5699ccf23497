"""A channel's sequence numbers: what is missing, what comes again, what comes late, and a counter that starts again.

A message is measured against the main sequence, and then decided on by the first row that applies:

======================================  ==============================================================================
message                                 outcome
======================================  ==============================================================================
heartbeat                               see `_check_heartbeat`: it carries the expected number and consumes none
session start, no copy                  main sequence continues, or an announced `sequence_reset`
expected number, or ahead of it         main sequence continues; skipped numbers are a `sequence_gap`
last number again, mode SHARED          part of the same message
number that a heartbeat announced       announced `sequence_reset`
remembered number of another trade      a message of its own: the venue gives several trades one number
remembered number                       `duplicate` or `duplicate_changed`, see `out_of_order`
missing, or before the first, within    order within a time stamp: `out_of_order` as information, fills its gap
one time stamp
missing, or within what is remembered   late arrival: `out_of_order`, fills its gap
further behind                          unknown number, see `out_of_order`
======================================  ==============================================================================
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from tickproof.channel.message import Message, has_other_id
from tickproof.channel.sequence.gaps import MOST_LOST, NO_GAP, Skipped, fill_gap, fill_untold, find_gap, is_untold, open_gap
from tickproof.channel.sequence.history import (
    RING_SIZE,
    RunKind,
    SequenceMode,
    SequenceState,
    advance,
    is_old,
    is_remembered,
    numbers_between,
    remember,
    slot_of,
)
from tickproof.channel.sequence.out_of_order import (
    RUN_STEP,
    check_behind,
    continues_run,
    end_run,
    follow_run,
    restart,
    restart_with_run,
)
from tickproof.findings.emit import EventLog, Occurrence, code_bit, emit
from tickproof.findings.event import Mode
from tickproof.kernel import kernel
from tickproof.ticks.records import Record
from tickproof.ticks.schema import Flag, Kind

RESTART_DISTANCE = 64
"""A heartbeat whose number is this far back was not merely overtaken."""
STRAY_RUN = 3
"""So many missing numbers one after the other show that what leapt ahead was one message with a wrong number."""
TOLERATED_NUMBERS = 5
TOLERATED_NS = 5_000_000
"""A message that was overtaken by no more than this is information and no anomaly: networks do that."""

_GAP, _RESET, _ORDER = code_bit("sequence_gap"), code_bit("sequence_reset"), code_bit("out_of_order")
_HEARTBEAT, _SESSION, _TRADE = int(Kind.HEARTBEAT), int(Kind.SESSION), int(Kind.TRADE)
_SECOND = int(Flag.SECOND_RECORDER)
_DUPLICATE = code_bit("duplicate")


class NoCode(IntEnum):
    """`code` of a message that its number gives none."""

    IN_ORDER = 255
    OLD = 254
    """It was sent long ago, and nothing may be learnt from it."""


_IN_ORDER, _OLD = int(NoCode.IN_ORDER), int(NoCode.OLD)


class SequenceCheck(NamedTuple):
    """What a message's number says about it.

    Attributes
    ----------
    code : int
        The code that marks the message, or a NoCode.
    is_late : bool
        It was overtaken. The caller reports it: its capture time may have gone back, too.
    waited_ns : float
        How long its number was missing; NaN if that is not known.
    is_tolerated : bool
        It was overtaken by so little that it is no anomaly.
    """

    code: int
    is_late: bool
    waited_ns: float
    is_tolerated: bool


class Position(NamedTuple):
    """A message against the main sequence.

    Attributes
    ----------
    behind : int
        Numbers from it to the expected one; negative: it is ahead.
    is_known : bool
        A message with its number is remembered.
    is_copy : bool
        And says the same.
    gap : int
        The range that its number is missing from, or NO_GAP.
    """

    behind: int
    is_known: bool
    is_copy: bool
    gap: int


@kernel()
def marked(code: int) -> SequenceCheck:
    """Return the check of a message that was not overtaken."""
    return SequenceCheck(code, False, np.nan, False)


@kernel()
def _measure(row: Record, content: np.uint64, state: SequenceState) -> Position:
    """Return where a message stands against the main sequence."""
    behind = numbers_between(row.sequence, state.counter.expected)
    is_known = behind > 0 and is_remembered(state.ring, row.sequence)
    is_copy = is_known and (state.mode == SequenceMode.SHARED or slot_of(state.ring, row.sequence).content == content)
    gap = find_gap(state.gaps, row.sequence) if behind != 0 else NO_GAP
    return Position(behind, is_known, is_copy, gap)


@kernel()
def check_number(message: Message, content: np.uint64, state: SequenceState, log: EventLog) -> SequenceCheck:
    """Check one message's number and move the counter on.

    Parameters
    ----------
    message : Message
        One that carries a number.
    content : uint64
        `content_hash` of its row.
    state : SequenceState
        Written to.
    log : EventLog
        Gets every event but that of a late arrival.
    """
    row, counter = message.row, state.counter
    if counter.started == 0:
        counter.started = 1
        counter.expected = counter.start = row.sequence
    position = _measure(row, content, state)
    if row.kind == _HEARTBEAT:
        return marked(_check_heartbeat(message, position, state, log))
    is_resent = position.is_copy or (position.behind > 0 and is_old(row, counter))
    if row.kind == _SESSION and not is_resent:
        return marked(_start_session(message, content, position, state, log))
    if position.behind == 0 or (position.behind < 0 and position.gap == NO_GAP):
        return marked(_continue(message, content, position, state, log))
    if state.mode == SequenceMode.SHARED and position.behind == 1:
        return marked(_IN_ORDER)
    is_announced = counter.run.kind == RunKind.HEARTBEAT and row.sequence == counter.run.first
    if is_announced and not position.is_copy and not is_old(row, counter):
        restart_with_run(message, content, state, Mode.ANNOUNCED, log)
        return marked(_RESET)
    if _is_other_trade(row, content, position, state):
        return marked(_IN_ORDER)
    if position.is_copy and (row.flags & _SECOND) != 0:
        state.counts.duplicates += 1
        what = Occurrence(message.row_index, message.now, message.now, float(row.sequence), 0.0, float(counter.expected))
        emit(log, _DUPLICATE, Mode.OPENS, what)
        return marked(_DUPLICATE)
    if position.is_known:
        kind = RunKind.COPIES if position.is_copy else RunKind.CHANGED
        return marked(check_behind(message, content, kind, state, log))
    if _is_within_stamp(message, position, state):
        return _take_within_stamp(message, content, position, state, log)
    if position.gap != NO_GAP or _is_within_memory(position, counter):
        return _fill_in(message, content, position, state, log)
    return marked(check_behind(message, content, RunKind.UNKNOWN, state, log))


@kernel()
def _is_other_trade(row: Record, content: np.uint64, position: Position, state: SequenceState) -> bool:
    """Return whether a number that came just before belongs to another trade, by the ids of the two: late prints share one."""
    if row.kind != _TRADE or not position.is_known or position.is_copy or position.behind > RUN_STEP:
        return False
    return has_other_id(slot_of(state.ring, row.sequence).content, content)


@kernel()
def _is_within_memory(position: Position, counter: Record) -> bool:
    """Return whether a number is one that would be remembered, had it come."""
    return position.behind <= RING_SIZE and position.behind <= numbers_between(counter.start, counter.expected)


@kernel()
def _is_within_stamp(message: Message, position: Position, state: SequenceState) -> bool:
    """Return whether a message behind the main sequence has the time stamp of those before it: their order says nothing."""
    is_first = message.row.ordinal == 0 or message.row.ts_recv != message.now
    if is_first or position.behind <= 0 or position.behind > RING_SIZE:
        return False
    if position.gap != NO_GAP:
        return is_untold(state.gaps[position.gap], state.gaps, state.counter)
    return not _is_within_memory(position, state.counter)


@kernel()
def _take_within_stamp(
    message: Message, content: np.uint64, position: Position, state: SequenceState, log: EventLog
) -> SequenceCheck:
    """Take a message whose number goes back within one time stamp: information, once."""
    remember(state.ring, message.row.sequence, content)
    if position.gap != NO_GAP:
        fill_untold(state.gaps[position.gap])
    emit(log, _ORDER, Mode.ANNOUNCED, Occurrence(message.row_index, message.now, message.now, 0.0, 0.0, np.nan))
    return marked(_IN_ORDER)


@kernel()
def _continue(message: Message, content: np.uint64, position: Position, state: SequenceState, log: EventLog) -> int:
    """Continue the main sequence with a message; return its code."""
    code = _IN_ORDER
    if state.counter.run.kind != RunKind.NONE:
        end_run(state.counter, message.now, log)
    if position.behind < 0 and state.mode != SequenceMode.INCREASING:
        code = _skip(message, state, log)
    advance(message.row, state.counter, state.ring, content)
    return code


@kernel()
def _start_session(message: Message, content: np.uint64, position: Position, state: SequenceState, log: EventLog) -> int:
    """Start a session with its message, whatever its number; return its code."""
    end_run(state.counter, message.now, log)
    if position.behind == 0:
        advance(message.row, state.counter, state.ring, content)
        return _IN_ORDER
    restart(message, content, state, Mode.ANNOUNCED, log)
    return _RESET


@kernel()
def _skip(message: Message, state: SequenceState, log: EventLog) -> int:
    """Open a gap for the numbers that were skipped before a message, if any was not seen; return its code."""
    expected, number = state.counter.expected, message.row.sequence
    distance = numbers_between(expected, number)
    # A flipped top bit gives the lowest integer, whose negative does not fit.
    missing = MOST_LOST if distance < 0 or distance > MOST_LOST else distance
    if distance >= 0 and distance <= RING_SIZE:
        for k in range(distance):
            if is_remembered(state.ring, expected + np.uint64(k)):
                missing -= 1
    if missing == 0:
        return _IN_ORDER
    open_gap(state, Skipped(expected, number, missing), message.now, log)
    # It is reported once event time moves on: numbers may be in any order within one time stamp.
    emit(log, 0, Mode.KEEPS, Occurrence(message.row_index, message.now, message.now, 0.0, 0.0, 0.0))
    return _GAP


@kernel()
def _fill_in(message: Message, content: np.uint64, position: Position, state: SequenceState, log: EventLog) -> SequenceCheck:
    """Take a message that comes after later ones."""
    row, counter = message.row, state.counter
    counter.fill_run = counter.fill_run + 1 if counter.fill_run > 0 and row.sequence == counter.fill_next else 1
    counter.fill_next = row.sequence + np.uint64(1)
    remember(state.ring, row.sequence, content)
    is_near = position.behind <= TOLERATED_NUMBERS
    if position.gap == NO_GAP:
        return SequenceCheck(_ORDER, True, np.nan, is_near)
    gap = state.gaps[position.gap]
    waited_ns = message.now - gap.since
    end = gap.end
    fill_gap(gap, 1, message.now, log)
    is_far = position.behind > RING_SIZE or position.behind < 0
    if is_far and counter.fill_run >= STRAY_RUN and gap.missing > 0 and end + np.uint64(1) == counter.expected:
        _take_back_stray(gap, message.now, state, log)
    return SequenceCheck(_ORDER, True, float(waited_ns), is_near and waited_ns <= TOLERATED_NS)


@kernel()
def _take_back_stray(gap: Record, now: int, state: SequenceState, log: EventLog) -> None:
    """Continue the main sequence before one message whose wrong number had leapt ahead: nothing after it is missing."""
    counter = state.counter
    gap.end = counter.fill_next
    width = numbers_between(gap.first, gap.end)
    missing = 0
    for k in range(RING_SIZE if width > RING_SIZE else width):
        if not is_remembered(state.ring, gap.first + np.uint64(k)):
            missing += 1
    fill_gap(gap, gap.missing - missing, now, log)
    counter.expected = counter.fill_next
    counter.fill_run = 0


@kernel()
def _check_heartbeat(message: Message, position: Position, state: SequenceState, log: EventLog) -> int:
    """Check the number of a venue's heartbeat, which is the one that comes next; return its code or a NoCode.

    Expected: nothing. Ahead: the numbers before it are missing. Behind: part of a block that was sent again, or merely
    overtaken; or, where counters begin or the second time far behind, the counter started again.
    """
    row, counter = message.row, state.counter
    if position.behind <= 0:
        end_run(counter, message.now, log)
        code = _IN_ORDER
        if position.behind < 0:
            if state.mode != SequenceMode.INCREASING:
                code = _skip(message, state, log)
            counter.expected = row.sequence
        return code
    in_run = counter.run.kind != RunKind.NONE and counter.run.kind != RunKind.HEARTBEAT
    if (in_run and continues_run(row.sequence, counter, state.mode)) or is_old(row, counter):
        return _OLD
    is_first = row.sequence <= 1
    if not is_first and position.behind <= RESTART_DISTANCE:
        return _IN_ORDER
    if counter.run.kind == RunKind.HEARTBEAT and (is_first or counter.run.first == row.sequence):
        restart_with_run(message, np.uint64(0), state, Mode.ANNOUNCED, log)
        return _RESET
    if is_first:
        restart(message, np.uint64(0), state, Mode.ANNOUNCED, log)
        return _RESET
    follow_run(message, RunKind.HEARTBEAT, False, state, log)
    counter.run.next = row.sequence
    return _IN_ORDER

"""When a channel is silent: no message of the venue at all, or heartbeats and no ticks of any of its symbols.

Heartbeats show that a channel lives. If they go on and all its symbols stop at once, that is one finding of the channel and not
one a symbol: `has_quiet_symbols` says that a heartbeat is no sign of life of its symbols then. Of a channel with one symbol only,
that symbol is silent, and not the channel.

==================  ====================  ==================================================================================
state               becomes               when
==================  ====================  ==================================================================================
ACTIVE              SILENT                no message for the threshold of all messages (opens)
ACTIVE              HEARTBEATS_ONLY       messages, but no tick for the threshold of ticks, of several symbols (opens)
SILENT              ACTIVE                a message (closes)
HEARTBEATS_ONLY     ACTIVE                a tick (closes)
any                 ACTIVE                event time went back
==================  ====================  ==================================================================================
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from tickproof.channel.message import LAST_TICK_KIND, Message
from tickproof.findings.emit import EventLog, Occurrence, code_bit, emit
from tickproof.findings.event import Mode, NoRow
from tickproof.instrument.silence import longest_after, threshold_ns
from tickproof.kernel import kernel
from tickproof.ticks.records import Record
from tickproof.ticks.schema import Condition, Kind

LIVENESS = np.dtype([("count", "<i8"), ("last", "<i8"), ("longest_gap_ns", "<f8"), ("count_at_silence", "<i8")])
"""Messages of one kind so far, the last one's event time in ns, their longest usual gap, and how many there were when the last
silence ended."""
BREAKS = 4
QUIET = np.dtype(
    [
        ("any", LIVENESS),
        ("ticks", LIVENESS),
        ("state", "<i8"),
        ("first_symbol", "<u8"),
        ("has_several", "<i8"),
        ("closed_at", "<i8"),
        ("halted_at", "<i8"),
        ("close", "<i8"),
        ("reopen", "<i8"),
        ("breaks", "<i8", (BREAKS, 2)),
        ("break_next", "<i8"),
    ]
)
"""Times in ns of event time. `any`: all messages of the venue; `ticks`: those of its symbols; `state`: a QuietState;
`first_symbol`: hash of the first one, `has_several`: 1 if there are others; `closed_at`, `halted_at`: when a status message last
said that a symbol's session closed, or that it is halted, 0 if it goes on; `close`, `reopen`: by the venue's calendar, 0 unknown;
`breaks`: when the last long pauses began and ended."""


class QuietState(IntEnum):
    """What a channel does, as far as its findings say."""

    ACTIVE = 0
    SILENT = 1
    HEARTBEATS_ONLY = 2


class Overdue(NamedTuple):
    """Whether a silence is due, since when it lasts (event time, ns), and its threshold in ns."""

    is_due: bool
    since: int
    threshold_ns: float


DAY_NS = 86_400_000_000_000
BREAK_NS = 300_000_000_000
"""Pauses of five minutes and more may be a break of each day: one that began at the same time of another day, give or take
BREAK_SHIFT_NS, is none of the feed's failures until it lasts longer than that one and twice the shift."""
BREAK_SHIFT_NS = 120_000_000_000
BREAK_KEPT_NS = 8 * DAY_NS
WARMUP = 50
FLOOR_NS = 1.5e9
LEAST_GAP_NS = 1e6
_SILENT = code_bit("silent")
_CHANNEL = int(NoRow.CHANNEL)
_STATUS = int(Kind.STATUS)
_CLOSED, _HALTED = int(Condition.SESSION_CLOSED), int(Condition.HALTED)
_GOES_ON = int(Condition.RESUMED | Condition.SESSION_OPENED)


@kernel()
def _threshold(liveness: Record) -> float:
    return threshold_ns(liveness.longest_gap_ns, 0.0, liveness.count, FLOOR_NS)


@kernel()
def _is_same_time_of_day(one: int, other: int) -> bool:
    distance = (one - other) % DAY_NS
    return min(distance, DAY_NS - distance) <= BREAK_SHIFT_NS


@kernel()
def _daily_break(quiet: Record, last: int) -> float:
    """Return how long a pause that begins at `last` may be by a break of another day, ns; 0 if there was none."""
    most = 0.0
    for k in range(BREAKS):
        began, ended = quiet.breaks[k, 0], quiet.breaks[k, 1]
        if ended > 0 and last > ended and _is_same_time_of_day(last, began) and last - began <= BREAK_KEPT_NS:
            most = max(most, float(ended - began) + 2.0 * BREAK_SHIFT_NS)
    return most


@kernel()
def _remember_break(quiet: Record, began: int, ended: int) -> None:
    """Keep a long pause, in place of the same one of another day, or of the oldest."""
    oldest = quiet.break_next % BREAKS
    place = oldest
    for k in range(BREAKS):
        if quiet.breaks[k, 1] > 0 and _is_same_time_of_day(began, quiet.breaks[k, 0]):
            place = k
    if place == oldest:
        quiet.break_next += 1
    quiet.breaks[place, 0] = began
    quiet.breaks[place, 1] = ended


@kernel()
def _overdue(quiet: Record, liveness: Record, excused: int, now: int) -> Overdue:
    """Return whether a silence is due at `now`; `excused` is when a status message last said that none is to be expected."""
    threshold = max(_threshold(liveness), _daily_break(quiet, liveness.last))
    last = liveness.last
    if quiet.reopen > last and now >= quiet.reopen:
        last = quiet.reopen
    due = last + int(threshold)
    if liveness.count < WARMUP or now < due or excused > last - int(threshold):
        return Overdue(False, last, threshold)
    is_shut = quiet.close > 0 and due > quiet.close and now < quiet.reopen
    return Overdue(not is_shut, last, threshold)


@kernel()
def may_be_silent(quiet: Record, now: int) -> bool:
    """Return whether there may be a silence to open: no threshold is below the floor."""
    if quiet.state != QuietState.ACTIVE:
        return False
    return float(now - quiet.any.last) >= FLOOR_NS or float(now - quiet.ticks.last) >= FLOOR_NS


@kernel()
def open_silence(quiet: Record, index: int, now: int, log: EventLog) -> None:
    """Open a silence that is due at event time `now`, which row `index` brought."""
    if not may_be_silent(quiet, now):
        return
    # A channel of one symbol has nothing to say while that is halted.
    excused = quiet.closed_at if quiet.has_several == 1 else max(quiet.closed_at, quiet.halted_at)
    overdue = _overdue(quiet, quiet.any, excused, now)
    if overdue.is_due:
        _open(quiet, quiet.any, QuietState.SILENT, overdue, index, log)
    elif quiet.has_several == 1 and quiet.any.last > quiet.ticks.last:
        overdue = _overdue(quiet, quiet.ticks, max(quiet.closed_at, quiet.halted_at), now)
        if overdue.is_due:
            _open(quiet, quiet.ticks, QuietState.HEARTBEATS_ONLY, overdue, index, log)


@kernel()
def _open(quiet: Record, liveness: Record, state: QuietState, overdue: Overdue, index: int, log: EventLog) -> None:
    quiet.state = state
    # In integers: as floats, two times less than 256 ns apart are the same.
    due = overdue.since + int(overdue.threshold_ns)
    threshold = overdue.threshold_ns
    what = Occurrence(_CHANNEL, due, overdue.since, threshold, threshold, liveness.longest_gap_ns)
    emit(log, _SILENT, Mode.OPENS, what).subject = index


@kernel()
def observe_message(message: Message, quiet: Record, log: EventLog) -> None:
    """Take a message of the venue as a sign of life: close the silence that it ends, and learn the gap before it."""
    row, now = message.row, message.now
    if quiet.has_several == 0 and quiet.halted_at > 0 and quiet.halted_at >= quiet.any.last and quiet.state == QuietState.ACTIVE:
        # How long a halt lasts says nothing of usual gaps.
        quiet.any.last = quiet.ticks.last = now
    if row.kind == _STATUS:
        _observe_status(row, quiet, now)
    if row.kind <= LAST_TICK_KIND:
        if quiet.ticks.count == 0:
            quiet.first_symbol = message.symbol
        elif message.symbol != quiet.first_symbol:
            quiet.has_several = 1
        _observe(message, quiet, quiet.ticks, QuietState.HEARTBEATS_ONLY, log)
    _observe(message, quiet, quiet.any, QuietState.SILENT, log)


@kernel()
def _observe_status(row: Record, quiet: Record, now: int) -> None:
    """Take what a status message says about sessions and halts."""
    if (row.conditions & _CLOSED) != 0:
        quiet.closed_at = now
    elif (row.conditions & _HALTED) != 0:
        quiet.halted_at = now
    elif (row.conditions & _GOES_ON) != 0:
        quiet.closed_at = quiet.halted_at = 0


@kernel()
def _observe(message: Message, quiet: Record, liveness: Record, ends: QuietState, log: EventLog) -> None:
    """Take one sign of life; it ends the state `ends`."""
    now = message.now
    if liveness.count > 0:
        gap = max(now - liveness.last, 0)
        is_usual = _is_usual_gap(quiet, liveness, gap, now)
        if quiet.state == ends:
            # A gap that ended a silence is not learnt, unless silences follow so fast that this is usual now.
            is_usual = liveness.count - liveness.count_at_silence < WARMUP
            gap = _close(message, quiet, liveness, gap, log)
        if is_usual:
            liveness.longest_gap_ns = longest_after(liveness.longest_gap_ns, float(gap))
        is_long = ends == QuietState.SILENT and BREAK_NS <= now - liveness.last < DAY_NS
        if is_long and not _was_shut(quiet, liveness.last):
            _remember_break(quiet, liveness.last, now)
    liveness.count += 1
    liveness.last = now


@kernel()
def _is_usual_gap(quiet: Record, liveness: Record, gap: int, now: int) -> bool:
    """Return whether a gap is one that the day has more of: no night, and no break of each day."""
    is_night = quiet.close > 0 and liveness.last < quiet.close and now >= quiet.reopen
    if is_night or (gap >= BREAK_NS and _was_shut(quiet, liveness.last)):
        return False
    return gap < BREAK_NS or _daily_break(quiet, liveness.last) == 0.0


@kernel()
def _was_shut(quiet: Record, last: int) -> bool:
    """Return whether the venue was shut at the last message: what it does then says nothing of its hours."""
    return quiet.close > 0 and last >= quiet.close and last < quiet.reopen


@kernel()
def _close(message: Message, quiet: Record, liveness: Record, gap: int, log: EventLog) -> int:
    """Close the silence; return the part of the gap that may be learnt, ns."""
    quiet.state = QuietState.ACTIVE
    threshold = _threshold(liveness)
    liveness.count_at_silence = liveness.count
    what = Occurrence(message.row_index, message.now, liveness.last, float(gap), threshold, liveness.longest_gap_ns)
    emit(log, _SILENT, Mode.CLOSES, what)
    return min(gap, int(threshold))


@kernel()
def observe_plain_tick(row: Record, quiet: Record, now: int, symbol: np.uint64) -> bool:
    """Do what `observe_message` does for a tick that ends no silence, where no hours are known; False: it is not so simple."""
    if quiet.state != QuietState.ACTIVE or quiet.close > 0 or quiet.halted_at > 0 or row.kind > LAST_TICK_KIND:
        return False
    if quiet.ticks.count == 0 or now - quiet.ticks.last >= BREAK_NS:
        return False
    if symbol != quiet.first_symbol:
        quiet.has_several = 1
    _learn_gap(quiet.ticks, now)
    _learn_gap(quiet.any, now)
    return True


@kernel()
def _learn_gap(liveness: Record, now: int) -> None:
    liveness.longest_gap_ns = longest_after(liveness.longest_gap_ns, float(max(now - liveness.last, 0)))
    liveness.count += 1
    liveness.last = now


@kernel()
def has_quiet_symbols(quiet: Record, now: int) -> bool:
    """Return whether all of a channel's symbols are quieter than usual, so that its heartbeats are no sign of life of theirs."""
    if quiet.has_several == 0 or quiet.ticks.count < WARMUP:
        return False
    return float(now - quiet.ticks.last) > max(quiet.ticks.longest_gap_ns, LEAST_GAP_NS)


@kernel()
def leave_unrecorded(quiet: Record, now: int) -> None:
    """Expect nothing before `now`, and nothing of a channel that does not speak again: nothing was recorded."""
    if quiet.state == QuietState.ACTIVE:
        quiet.any.last = quiet.ticks.last = quiet.closed_at = now


@kernel()
def rebase_silence(quiet: Record, now: int) -> None:
    """Begin anew at `now`: event time went back."""
    quiet.state = QuietState.ACTIVE
    quiet.any.last = quiet.ticks.last = now
    quiet.closed_at = quiet.halted_at = quiet.close = quiet.reopen = 0

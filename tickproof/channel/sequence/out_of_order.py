"""Messages behind the main sequence: copies, a block of old ones, changed copies, or a counter that started again.

One message does not tell these apart. So messages that are behind are followed as a run of their own; what it is becomes known
when the main sequence continues, when the run is long enough, or when RUN_NS of event time are over. Ticks are marked at once by
what is likely; findings wait for that.

==========================  =============================  ===============================================================
run                         becomes                        when
==========================  =============================  ===============================================================
none, or of another kind    NOT_YET reported               a message is behind; a run before it is reported singly
NOT_YET                     SINGLY                         the main sequence continues, RUN_NS are over, or another run begins
NOT_YET, SINGLY             AS_BLOCK (`replayed_block`)    REPLAY_RUN copies, or two messages or more that are all old
NOT_YET, SINGLY             none (`sequence_reset`)        RESTART_RUN changed messages with new times, CHANGED_RUN of any,
                                                           or unknown numbers that continue with new times
any                         none                           the main sequence continues
==========================  =============================  ===============================================================
"""

from __future__ import annotations

import numpy as np

from tickproof.channel.message import Message
from tickproof.channel.sequence.gaps import give_up_all
from tickproof.channel.sequence.history import (
    Reported,
    RunKind,
    SequenceMode,
    SequenceState,
    begin_again,
    is_old,
    numbers_between,
)
from tickproof.findings.emit import EventLog, Occurrence, code_bit, emit
from tickproof.findings.event import Mode, NoRow
from tickproof.kernel import kernel
from tickproof.ticks.records import Record

REPLAY_RUN = 24
"""So many remembered messages in a row are a block that was sent again."""
CHANGED_RUN = 64
RESTART_RUN = 3
"""So many remembered numbers in a row with other content and new times are a counter that started again."""
RUN_STEP = 16
"""A run continues with a number at most so far ahead: copies may be lost, too."""
RUN_NS = 250_000_000

_RESET, _ORDER = code_bit("sequence_reset"), code_bit("out_of_order")
_DUPLICATE, _CHANGED, _REPLAYED = code_bit("duplicate"), code_bit("duplicate_changed"), code_bit("replayed_block")
_KEPT = int(NoRow.KEPT_TICK)


@kernel()
def report(counter: Record, row: int, code: int, now: int, log: EventLog) -> None:
    """Report the run as `code`: all of its messages if none was reported yet, else one; `row` is the tick to show."""
    run = counter.run
    measured, reference = float(run.first), float(counter.expected)
    if code == _REPLAYED:
        measured, reference = float(run.behind), np.nan
    elif code == _ORDER:
        measured, reference = np.nan, np.nan
    for _ in range(run.count if run.reported == Reported.NOT_YET else 1):
        emit(log, code, Mode.MOMENT, Occurrence(row, now, run.since, measured, 0.0, reference))


@kernel()
def report_as_block(counter: Record, now: int, log: EventLog) -> None:
    """Report the whole run as a block that was sent again, with its first tick."""
    counter.run.reported = Reported.NOT_YET
    report(counter, _KEPT, _REPLAYED, now, log)
    counter.run.reported = Reported.AS_BLOCK


@kernel()
def code_of_run(kind: RunKind) -> int:
    """Return the code of a single message of a run."""
    if kind == RunKind.COPIES:
        return _DUPLICATE
    return _CHANGED if kind == RunKind.CHANGED else _ORDER


@kernel()
def report_singly(counter: Record, now: int, log: EventLog) -> None:
    """Report a run that is no block and no restart, as far as is known at `now`."""
    run = counter.run
    if run.reported == Reported.NOT_YET:
        if run.kind == RunKind.COPIES or run.kind == RunKind.CHANGED or run.kind == RunKind.UNKNOWN:
            report(counter, _KEPT, code_of_run(run.kind), now, log)
        run.reported = Reported.SINGLY


@kernel()
def end_run(counter: Record, now: int, log: EventLog) -> None:
    """Report what is left of the run and forget it: the main sequence continues."""
    report_singly(counter, now, log)
    counter.run.kind = RunKind.NONE


@kernel()
def keep_first(message: Message, log: EventLog) -> None:
    """Keep the first tick of a run, to be shown when the run is reported."""
    emit(log, 0, Mode.KEEPS, Occurrence(message.row_index, message.now, message.now, 0.0, 0.0, 0.0))


@kernel()
def restart(message: Message, content: np.uint64, state: SequenceState, mode: Mode, log: EventLog) -> None:
    """Start the main sequence anew with a message: one finding about it."""
    counter, number, now = state.counter, message.row.sequence, message.now
    give_up_all(state, now, log)
    emit(log, _RESET, mode, Occurrence(message.row_index, now, now, float(number), 0.0, float(counter.expected)))
    begin_again(message.row, counter, state.ring, content)


@kernel()
def restart_with_run(message: Message, content: np.uint64, state: SequenceState, mode: Mode, log: EventLog) -> None:
    """Start the main sequence anew where the run began: one finding about the run's first message."""
    counter, now = state.counter, message.now
    first, since = counter.run.first, counter.run.since
    give_up_all(state, now, log)
    emit(log, _RESET, mode, Occurrence(_KEPT, now, since, float(first), 0.0, float(counter.expected)))
    begin_again(message.row, counter, state.ring, content)
    counter.start = first


@kernel()
def continues_run(number: np.uint64, counter: Record, mode: int) -> bool:
    """Return whether a number is the next of the run."""
    ahead = numbers_between(counter.run.next, number)
    if mode == SequenceMode.SHARED and ahead == -1:
        return True
    return ahead >= 0 and (ahead <= RUN_STEP or mode == SequenceMode.INCREASING)


@kernel()
def follow_run(message: Message, kind: RunKind, is_sent_before: bool, state: SequenceState, log: EventLog) -> bool:
    """Add a message to the run, or begin another with it; return whether the run continued."""
    counter, number, now = state.counter, message.row.sequence, message.now
    run = counter.run
    # A block may begin before what is remembered, and end within it.
    same_kind = run.kind == kind or run.reported == Reported.AS_BLOCK
    continued = same_kind and run.kind != RunKind.NONE and continues_run(number, counter, state.mode)
    if continued:
        run.kind = kind
        run.count += 1
        run.old += is_sent_before
    else:
        report_singly(counter, now, log)
        run.kind = kind
        run.first = number
        run.count = 1
        run.old = 1 if is_sent_before else 0
        run.behind = numbers_between(number, counter.expected)
        run.since = now
        run.reported = Reported.NOT_YET
        keep_first(message, log)
    run.next = number + np.uint64(1)
    return continued


@kernel()
def _is_block(run: Record, kind: RunKind, continued: bool) -> bool:
    """Return whether the run is a block that was sent again."""
    if kind == RunKind.COPIES:
        return run.count >= REPLAY_RUN
    if run.old != run.count:
        return False
    return run.count >= REPLAY_RUN if kind == RunKind.CHANGED else continued


@kernel()
def _is_restart(run: Record, kind: RunKind, continued: bool) -> bool:
    """Return whether a run that is no block shows that the counter started again."""
    if kind == RunKind.CHANGED:
        return (run.old == 0 and run.count >= RESTART_RUN) or run.count >= CHANGED_RUN
    return kind == RunKind.UNKNOWN and continued


@kernel()
def check_behind(message: Message, content: np.uint64, kind: RunKind, state: SequenceState, log: EventLog) -> int:
    """Follow a message that is behind the main sequence and fills no gap; return the code that marks it."""
    row, counter, now = message.row, state.counter, message.now
    run = counter.run
    is_sent_before = is_old(row, counter)
    # Counters begin with 0 or 1.
    if kind != RunKind.COPIES and row.sequence <= 1 and not is_sent_before:
        report_singly(counter, now, log)
        restart(message, content, state, Mode.MOMENT, log)
        return _RESET
    continued = follow_run(message, kind, is_sent_before, state, log)
    is_block = _is_block(run, kind, continued)
    if not is_block and run.reported != Reported.AS_BLOCK and _is_restart(run, kind, continued):
        restart_with_run(message, content, state, Mode.MOMENT, log)
        return _RESET
    if kind != RunKind.UNKNOWN:
        state.counts.duplicates += 1
    return _report_message(message, kind, is_block, counter, log)


@kernel()
def _report_message(message: Message, kind: RunKind, is_block: bool, counter: Record, log: EventLog) -> int:
    """Report a message of the run as far as the run is known; return the code that marks it."""
    run = counter.run
    if is_block and run.reported != Reported.AS_BLOCK:
        report_as_block(counter, message.now, log)
    elif run.reported == Reported.AS_BLOCK:
        report(counter, message.row_index, _REPLAYED, message.now, log)
    elif run.reported == Reported.SINGLY:
        report(counter, message.row_index, code_of_run(kind), message.now, log)
    return _REPLAYED if run.reported == Reported.AS_BLOCK else code_of_run(kind)

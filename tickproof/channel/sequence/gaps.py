"""Numbers that are missing: counted when a later one arrives, and given up when the time to come after all is over.

A missing number may still come within REORDER_NS and REORDER_NUMBERS later ones; what has not come then is lost.

=========  ==========================================  =========================================================
range      becomes                                     when
=========  ==========================================  =========================================================
free       waiting, untold                             a number is skipped
untold     waiting (finding `sequence_gap`)            event time moves on, or the range is given up
untold     free                                        all of its numbers came within the same time stamp
waiting    free, finding amended by what came          all of its numbers came
waiting    free, amended; the rest counted as lost     it waited long enough, a later range needs its place, or
                                                       the counter started again
=========  ==========================================  =========================================================
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from tickproof.channel.sequence.history import SequenceState
from tickproof.findings.emit import EventLog, Occurrence, code_bit, emit
from tickproof.findings.event import Mode, NoRow
from tickproof.kernel import kernel
from tickproof.ticks.records import Record, Records

GAP = np.dtype([("first", "<u8"), ("end", "<u8"), ("missing", "<i8"), ("came", "<i8"), ("since", "<i8")])
"""Numbers [first, end), of which `missing` are still to come and `came` have come since the finding was last amended; `since`:
event time at which they were skipped, ns. A range with `first` = `end` is free."""


class OpenGaps(IntEnum):
    """`open_gaps` of a counter."""

    NONE = 0
    TOLD = 1
    """Ranges wait, and all of them are reported."""
    UNTOLD = 2
    """The youngest were skipped within the time stamp that event time still stands at: their numbers may come within it, too."""


GAPS = 16
"""So many ranges wait at once; for one more, the oldest is given up."""
NO_GAP = -1
"""Index of a range where there is none."""

REORDER_NS = 1_000_000_000
REORDER_NUMBERS = 4096
MOST_LOST = 2**61
"""More missing numbers than this are counted as this many."""
_GAP = code_bit("sequence_gap")
_NONE, _TOLD, _UNTOLD = int(OpenGaps.NONE), int(OpenGaps.TOLD), int(OpenGaps.UNTOLD)
_NEVER = int(np.iinfo(np.int64).min)
_CHANNEL, _KEPT = int(NoRow.CHANNEL), int(NoRow.KEPT_TICK)


class Skipped(NamedTuple):
    """Numbers [first, end) that were skipped, `missing` of them not seen before."""

    first: np.uint64
    end: np.uint64
    missing: int


@kernel()
def is_waiting(gap: Record) -> bool:
    """Return whether a range waits for numbers."""
    return gap.end != gap.first


@kernel()
def _free(gap: Record) -> None:
    gap.first = gap.end = 0
    gap.missing = gap.came = 0


@kernel()
def _amend(gap: Record, now: int, log: EventLog) -> None:
    """Take what came after all from what the finding says is missing."""
    emit(log, _GAP, Mode.AMENDS, Occurrence(_CHANNEL, now, gap.since, -float(gap.came), 0.0, 0.0))


@kernel()
def _youngest(gaps: Records) -> int:
    """Return when the last of the ranges that wait was skipped, event time in ns; the lowest integer where none waits."""
    since = _NEVER
    for k in range(len(gaps)):
        if is_waiting(gaps[k]):
            since = max(since, gaps[k].since)
    return since


@kernel()
def is_untold(gap: Record, gaps: Records, counter: Record) -> bool:
    """Return whether a range is not reported yet: those are the youngest."""
    return counter.open_gaps == _UNTOLD and gap.since == _youngest(gaps)


@kernel()
def _tell(gap: Record, log: EventLog) -> None:
    """Report the numbers that are missing from a range, with the tick that skipped them."""
    missing = float(gap.missing)
    emit(log, _GAP, Mode.MOMENT, Occurrence(_KEPT, gap.since, gap.since, missing, 0.0, missing))


@kernel()
def tell_gaps(gaps: Records, counter: Record, now: int, log: EventLog) -> None:
    """Report the ranges that were skipped before event time `now` and that nothing of their time stamp filled."""
    youngest = _youngest(gaps)
    if counter.open_gaps != _UNTOLD or youngest >= now:
        return
    for k in range(len(gaps)):
        if is_waiting(gaps[k]) and gaps[k].since == youngest:
            _tell(gaps[k], log)
    counter.open_gaps = _TOLD


@kernel()
def _give_up(gap: Record, counts: Record, now: int, log: EventLog) -> None:
    """Count what is still missing from a range as lost, and free it."""
    if gap.came > 0:
        _amend(gap, now, log)
    counts.lost = min(counts.lost + gap.missing, MOST_LOST)
    _free(gap)


@kernel()
def _place_for(gaps: Records) -> int:
    """Return the index of the first free range, or of the one that waited longest."""
    oldest = 0
    for k in range(len(gaps)):
        if not is_waiting(gaps[k]):
            return k
        if gaps[k].since < gaps[oldest].since:
            oldest = k
    return oldest


@kernel()
def open_gap(state: SequenceState, skipped: Skipped, now: int, log: EventLog) -> None:
    """Wait for the numbers that were skipped."""
    gap = state.gaps[_place_for(state.gaps)]
    if is_waiting(gap):
        if is_untold(gap, state.gaps, state.counter):
            _tell(gap, log)
        _give_up(gap, state.counts, now, log)
    gap.first = skipped.first
    gap.end = skipped.end
    gap.missing = skipped.missing
    gap.came = 0
    gap.since = now
    state.counter.open_gaps = _UNTOLD
    state.counts.gaps += 1


@kernel()
def find_gap(gaps: Records, number: np.uint64) -> int:
    """Return the index of the range that a number is missing from, or NO_GAP."""
    for k in range(len(gaps)):
        # Differences, because numbers wrap at 64 bits.
        if is_waiting(gaps[k]) and number - gaps[k].first < gaps[k].end - gaps[k].first:
            return k
    return NO_GAP


@kernel()
def fill_untold(gap: Record) -> None:
    """Count a number of a range as arrived of which nothing was reported."""
    gap.missing -= 1
    if gap.missing <= 0:
        _free(gap)


@kernel()
def fill_gap(gap: Record, count: int, now: int, log: EventLog) -> None:
    """Count `count` numbers of a range as arrived; amend the finding when nothing is missing any more."""
    gap.missing = max(gap.missing - count, 0)
    gap.came += count
    if gap.missing == 0:
        _amend(gap, now, log)
        _free(gap)


@kernel()
def expire_gaps(gaps: Records, counts: Record, counter: Record, now: int, log: EventLog) -> None:
    """Give up the ranges that have waited long enough."""
    waiting = _NONE
    for k in range(len(gaps)):
        gap = gaps[k]
        if not is_waiting(gap):
            continue
        due = gap.since + REORDER_NS
        if now > due or counter.expected - gap.end > np.uint64(REORDER_NUMBERS):
            _give_up(gap, counts, min(now, due), log)
        else:
            waiting = max(counter.open_gaps, _TOLD)
    counter.open_gaps = waiting


@kernel()
def give_up_all(state: SequenceState, now: int, log: EventLog) -> None:
    """Give up every range that waits: the counter started again."""
    for k in range(len(state.gaps)):
        if is_waiting(state.gaps[k]):
            if is_untold(state.gaps[k], state.gaps, state.counter):
                _tell(state.gaps[k], log)
            _give_up(state.gaps[k], state.counts, now, log)
    state.counter.open_gaps = _NONE

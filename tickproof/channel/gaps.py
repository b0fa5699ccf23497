"""Numbers that are missing, compiled: counted when a later one arrives, and again when the time to come after all is over.

A missing number may still come within REORDER_NS and REORDER_NUMBERS later ones; what has not come then is lost.
"""

from __future__ import annotations

import numpy as np

from tickproof.findings.emit import bit, note
from tickproof.findings.event import AMENDS
from tickproof.kernel import array_kernel

GAP = np.dtype([("first", "<u8"), ("end", "<u8"), ("missing", "<i8"), ("came", "<i8"), ("since", "<i8")])
"""Numbers [first, end) of which `missing` are still to come and `came` have come since the finding was last told of it."""
GAPS = 16
"""So many ranges wait at once; of one more, the oldest is counted as lost at once."""

REORDER_NS = 1_000_000_000
REORDER_NUMBERS = 4096
MOST_LOST = 2**61
"""More missing numbers than this are counted as this many."""
_GAP = bit("sequence_gap")


@array_kernel()
def _settle(gap, counts, n, now, events):  # type: ignore[no-untyped-def]
    """A range waits no longer."""
    if gap.came > 0:
        n = note(events, n, (-1, now, gap.since, 0.0, 0.0), _GAP, AMENDS, -float(gap.came))
    counts.lost = min(counts.lost + gap.missing, MOST_LOST)
    gap.first = gap.end = 0
    gap.missing = gap.came = 0
    return n


@array_kernel()
def open_gap(gaps, counts, span, now, events, n):  # type: ignore[no-untyped-def]
    """Numbers of `span` (first, end, how many of them) are missing from now on. Returns the number of events."""
    slot = 0
    for k in range(len(gaps)):
        if gaps[k].end == gaps[k].first:
            slot = k
            break
        if gaps[k].since < gaps[slot].since:
            slot = k
    gap = gaps[slot]
    if gap.end != gap.first:
        n = _settle(gap, counts, n, now, events)
    gap.first, gap.end = span[0], span[1]
    gap.missing, gap.came = span[2], 0
    gap.since = now
    counts.gaps += 1
    return n


@array_kernel()
def find_gap(gaps, number):  # type: ignore[no-untyped-def]
    """The range that a number is missing from; −1: none."""
    for k in range(len(gaps)):
        # Differences, because numbers go round at 64 bits.
        if gaps[k].end != gaps[k].first and number - gaps[k].first < gaps[k].end - gaps[k].first:
            return k
    return -1


@array_kernel()
def fill(gap, count, now, events, n):  # type: ignore[no-untyped-def]
    """So many numbers of a range came after all; tells of it when nothing is missing any more."""
    gap.missing = max(gap.missing - count, 0)
    gap.came += count
    if gap.missing == 0:
        n = note(events, n, (-1, now, gap.since, 0.0, 0.0), _GAP, AMENDS, -float(gap.came))
        gap.first = gap.end = 0
        gap.came = 0
    return n


@array_kernel()
def expire_gaps(gaps, counts, counter, now, events, n):  # type: ignore[no-untyped-def]
    """Settle what has waited long enough; returns the number of events."""
    waiting = 0
    for k in range(len(gaps)):
        gap = gaps[k]
        if gap.end == gap.first:
            continue
        due = gap.since + REORDER_NS
        if now > due or counter.expected - gap.end > np.uint64(REORDER_NUMBERS):
            n = _settle(gap, counts, n, min(now, due), events)
        else:
            waiting = 1
    counter.open_gaps = waiting
    return n


@array_kernel()
def settle_all(gaps, counts, now, events, n):  # type: ignore[no-untyped-def]
    """Nothing waits any more: the counter started again."""
    for k in range(len(gaps)):
        if gaps[k].end != gaps[k].first:
            n = _settle(gaps[k], counts, n, now, events)
    return n

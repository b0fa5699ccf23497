"""A channel's counter, and what is remembered of its last messages.

The *main sequence* is the line of numbers that goes forward: `expected` comes next on it. Messages behind it are followed as an
out-of-order run, see `out_of_order`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from tickproof.kernel import kernel
from tickproof.ticks.records import Record, Records
from tickproof.ticks.schema import Kind, Present

RUN = np.dtype(
    [
        ("kind", "<i8"),
        ("first", "<u8"),
        ("next", "<u8"),
        ("count", "<i8"),
        ("old", "<i8"),
        ("behind", "<i8"),
        ("since", "<i8"),
        ("reported", "<i8"),
    ]
)
"""A run of messages behind the main sequence. `kind`: a RunKind; `first`, `next`: the number it began with, and the one that
continues it; `count`: its messages, `old` of them sent before the main sequence's last; `behind`: how far behind the expected
number it began; `since`: event time of its first message, ns; `reported`: a Reported."""
COUNTER = np.dtype(
    [
        ("expected", "<u8"),
        ("start", "<u8"),
        ("started", "<i8"),
        ("open_gaps", "<i8"),
        ("event_before", "<i8"),
        ("event_last", "<i8"),
        ("fill_next", "<u8"),
        ("fill_run", "<i8"),
        ("run", RUN),
    ]
)
"""The number `expected` next and the one that the main sequence had at its `start`; 1 once `started`; `open_gaps`: a
`gaps.OpenGaps`; venue times of the last two messages, ns. `fill_*`: missing numbers that came one after the other."""
RING = np.dtype([("sequence", "<u8"), ("content", "<u8")])
"""One message that is remembered; `content` is its hash, 0 where the place is free."""
RING_SIZE = 4096
"""Messages that are remembered, in the place of their number modulo this."""


class SequenceMode(IntEnum):
    """What a channel's `sequence` is, as in the reference data."""

    CONTIGUOUS = 0
    INCREASING = 1
    """A subset of a channel: larger steps are no gaps."""
    SHARED = 2
    """Equal neighbours are parts of one message."""
    NONE = 3


class RunKind(IntEnum):
    """What the out-of-order run consists of."""

    NONE = 0
    """There is no run."""
    COPIES = 1
    CHANGED = 2
    """Remembered numbers with other content."""
    UNKNOWN = 3
    """Numbers that are not remembered."""
    HEARTBEAT = 4
    """One heartbeat of the venue, which may announce that the counter starts again."""


class Reported(IntEnum):
    """How far the out-of-order run was reported."""

    NOT_YET = 0
    SINGLY = 1
    """Message by message."""
    AS_BLOCK = 2
    """As a block that was sent again."""


class SequenceState(NamedTuple):
    """What a channel knows about its numbers.

    Attributes
    ----------
    counter : record of COUNTER
    ring : array of RING, shape (RING_SIZE,)
    gaps : array of `gaps.GAP`
    counts : record
        Counts of the second that is not over: `gaps`, `lost` and `duplicates`.
    mode : int
        A SequenceMode.
    """

    counter: Record
    ring: Records
    gaps: Records
    counts: Record
    mode: int


SENT_BEFORE_NS = 1_000_000
"""Venue times by more than this before those of the main sequence are old."""
_HEARTBEAT, _SESSION = int(Kind.HEARTBEAT), int(Kind.SESSION)
_TS_EVENT, _SEQUENCE = int(Present.TS_EVENT), int(Present.SEQUENCE)


@kernel()
def numbers_between(number: np.uint64, other: np.uint64) -> int:
    """Return how many numbers `other` is after `number`, negative if before it; numbers wrap at 64 bits."""
    distance: Record = np.int64(other - number)
    return distance


@kernel()
def slot_of(ring: Records, number: np.uint64) -> Record:
    """Return the place of the ring in which a number's message is remembered."""
    return ring[number & np.uint64(RING_SIZE - 1)]


@kernel()
def is_remembered(ring: Records, number: np.uint64) -> bool:
    """Return whether the message with this number is in the ring."""
    slot = slot_of(ring, number)
    return slot.content != 0 and slot.sequence == number


@kernel()
def remember(ring: Records, number: np.uint64, content: np.uint64) -> None:
    """Write a message into the ring."""
    slot = slot_of(ring, number)
    slot.sequence = number
    slot.content = content


@kernel()
def advance(row: Record, counter: Record, ring: Records, content: np.uint64) -> None:
    """Move the main sequence past one message, and past those after it that came before their turn."""
    remember(ring, row.sequence, content)
    counter.expected = row.sequence + np.uint64(1)
    for _ in range(RING_SIZE):
        if not is_remembered(ring, counter.expected):
            break
        counter.expected += np.uint64(1)
    counter.fill_run = 0
    if (row.present & _TS_EVENT) != 0:
        counter.event_before = counter.event_last
        counter.event_last = row.ts_event


@kernel()
def begin_again(row: Record, counter: Record, ring: Records, content: np.uint64) -> None:
    """Start the main sequence anew with this message, or with the next one where this is a heartbeat; forget the ring."""
    ring["content"][:] = 0
    counter.start = row.sequence
    counter.run.kind = RunKind.NONE
    if row.kind == _HEARTBEAT:
        counter.expected = row.sequence
        counter.fill_run = 0
    else:
        advance(row, counter, ring, content)


@kernel()
def is_old(row: Record, counter: Record) -> bool:
    """Return whether a message was sent before the last two of the main sequence: two, for one may have a wrong time."""
    if (row.present & _TS_EVENT) == 0 or counter.event_before == 0:
        return False
    return float(row.ts_event) < min(float(counter.event_before), float(counter.event_last)) - float(SENT_BEFORE_NS)


@kernel()
def is_expected(row: Record, counter: Record) -> bool:
    """Return whether a message is a tick or status with the expected number, while no out-of-order run is open."""
    continues = counter.started == 1 and counter.run.kind == RunKind.NONE and row.sequence == counter.expected
    return continues and (row.present & _SEQUENCE) != 0 and row.kind != _HEARTBEAT and row.kind != _SESSION

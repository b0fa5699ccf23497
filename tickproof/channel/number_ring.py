"""A channel's counter and what is remembered of its last messages, compiled."""

from __future__ import annotations

import numpy as np

from tickproof.kernel import array_kernel
from tickproof.ticks.schema import Kind, Present

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
        ("aside", "<i8"),
        ("aside_first", "<u8"),
        ("aside_next", "<u8"),
        ("aside_count", "<i8"),
        ("aside_old", "<i8"),
        ("aside_behind", "<i8"),
        ("aside_since", "<i8"),
        ("aside_told", "<i8"),
    ]
)
"""The main line: the number `expected` next, the one it had at its `start`, is there a gap, the venue's times of its last two
messages. `fill_*`: missing numbers that came one after the other. `aside_*`: the line that goes back, see NONE to UNKNOWN."""
RING = np.dtype([("sequence", "<u8"), ("content", "<u8")])
"""`content` is the hash of the message, 0 where nothing is remembered."""
RING_SIZE = 4096

CONTIGUOUS, INCREASING, SHARED, UNCOUNTED = 0, 1, 2, 3
"""What a channel's `sequence` is, see the reference data."""
NONE, COPY, CHANGED, UNKNOWN, BEAT = 0, 1, 2, 3, 4
"""What the aside is made of: copies, known numbers with other content, numbers that are not remembered, one heartbeat."""
UNTOLD, TOLD, BLOCK = 0, 1, 2
"""Whether findings were told of the aside: not yet, of its messages one by one, or as a replayed block."""

OLD_NS = 1_000_000
"""Venue times so much before those of the main line are old."""
_HEARTBEAT, _SESSION = int(Kind.HEARTBEAT), int(Kind.SESSION)
_TS_EVENT, _SEQUENCE = int(Present.TS_EVENT), int(Present.SEQUENCE)


@array_kernel()
def mix(h, value):  # type: ignore[no-untyped-def]
    """One round of splitmix64."""
    h = (h ^ np.uint64(value)) + np.uint64(0x9E3779B97F4A7C15)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@array_kernel()
def content_of(row, name_hash):  # type: ignore[no-untyped-def]
    """Hash of what two copies of one message share; never 0."""
    h = mix(np.uint64(row.kind), row.present)
    h = mix(h, row.ts_event)
    h = mix(h, row.bid_px)
    h = mix(h, row.bid_sz)
    h = mix(h, row.ask_px)
    h = mix(h, row.ask_sz)
    h = mix(h, row.price)
    h = mix(h, row.size)
    h = mix(h, row.trade_id)
    h = mix(h, row.conditions)
    h = mix(h, name_hash[row.venue])
    h = mix(h, name_hash[row.symbol])
    return h | np.uint64(1)


@array_kernel()
def key_of(row, name_hash):  # type: ignore[no-untyped-def]
    """Hash of a trade's venue, symbol and id."""
    return mix(mix(name_hash[row.venue], name_hash[row.symbol]), row.trade_id)


@array_kernel()
def prices_of(row, name_hash):  # type: ignore[no-untyped-def]
    """Hash of a quote's venue, symbol and prices; its lowest byte is of venue and symbol alone."""
    key = name_hash[row.venue] ^ (name_hash[row.symbol] * np.uint64(3))
    prices = mix(mix(key, row.bid_px), row.ask_px)
    return (prices & ~np.uint64(255)) | (key & np.uint64(255))


@array_kernel()
def is_known(ring, number):  # type: ignore[no-untyped-def]
    """Is the message with this number remembered?"""
    slot = ring[number & np.uint64(RING_SIZE - 1)]
    return slot.content != 0 and slot.sequence == number


@array_kernel()
def remember(ring, number, content):  # type: ignore[no-untyped-def]
    slot = ring[number & np.uint64(RING_SIZE - 1)]
    slot.sequence = number
    slot.content = content


@array_kernel()
def go_on(row, c, ring, content):  # type: ignore[no-untyped-def]
    """The main line has one message more."""
    remember(ring, row.sequence, content)
    c.expected = row.sequence + np.uint64(1)
    for _ in range(RING_SIZE):
        # What came before its turn is there.
        if not is_known(ring, c.expected):
            break
        c.expected += np.uint64(1)
    c.fill_run = 0
    if (row.present & _TS_EVENT) != 0:
        c.event_before, c.event_last = c.event_last, row.ts_event


@array_kernel()
def begin(row, c, ring, content):  # type: ignore[no-untyped-def]
    """The counter starts again with this message, or with the next where this is a heartbeat."""
    ring["content"][:] = 0
    c.start = row.sequence
    c.aside = NONE
    if row.kind == _HEARTBEAT:
        c.expected = row.sequence
        c.fill_run = 0
    else:
        go_on(row, c, ring, content)


@array_kernel()
def is_old(row, c):  # type: ignore[no-untyped-def]
    """Was it sent before the main line's last messages? Two of them, for one may have a wrong time."""
    if (row.present & _TS_EVENT) == 0 or c.event_before == 0:
        return False
    return float(row.ts_event) < min(float(c.event_before), float(c.event_last)) - float(OLD_NS)


@array_kernel()
def is_next_of_all(row, c):  # type: ignore[no-untyped-def]
    """Is it just the message that comes next on the main line, with nothing beside it?"""
    plain = c.started == 1 and c.aside == NONE and row.sequence == c.expected and (row.present & _SEQUENCE) != 0
    return plain and row.kind != _HEARTBEAT and row.kind != _SESSION

"""A channel's counter, compiled: what is missing, what comes again, what comes late, and a counter that starts again.

A number that goes back may be one of four things, and one message does not tell them apart: a copy, a block of old messages, a
message that was overtaken, or a counter that started again. So messages that go back are followed as a line of their own, the
*aside*, beside the main line; what it is becomes known when the main line goes on, when the aside is long enough, or when
ASIDE_NS of event time are over. Ticks are marked at once by what is likely; findings wait for that.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from tickproof.event import ANNOUNCED, HOLDS, MOMENT
from tickproof.gaps import MOST_LOST, fill, find_gap, open_gap, settle_all
from tickproof.noting import HELD, bit, note
from tickproof.tick import Kind, Present

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

REPLAY_RUN = 24
"""So many known messages in a row are a block that was sent again."""
CHANGED_RUN = 64
RESTART_DISTANCE = 64
"""A heartbeat whose number is this far back was not merely overtaken."""
ASIDE_STEP = 16
"""An aside goes on with a number at most so far ahead: copies may be lost, too."""
ASIDE_NS = 250_000_000
OLD_NS = 1_000_000
"""Venue times so much before those of the main line are old."""
STRAY_RUN = 3
TOLERATED_NUMBERS = 3
TOLERATED_NS = 1_000_000
"""A message that was overtaken by no more than this is information and no anomaly: networks do that."""

_GAP, _RESET, _ORDER = bit("sequence_gap"), bit("sequence_reset"), bit("out_of_order")
_DUPLICATE, _CHANGED, _REPLAYED = bit("duplicate"), bit("duplicate_changed"), bit("replayed_block")
_HEARTBEAT, _SESSION, _TS_EVENT = int(Kind.HEARTBEAT), int(Kind.SESSION), int(Present.TS_EVENT)
NOTHING = 255


@nb.njit(cache=True, nogil=True)
def _mix(h, value):  # type: ignore[no-untyped-def]
    """One round of splitmix64."""
    h = (h ^ np.uint64(value)) + np.uint64(0x9E3779B97F4A7C15)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@nb.njit(cache=True, nogil=True)
def content_of(row, name_hash):  # type: ignore[no-untyped-def]
    """Hash of what two copies of one message share; never 0."""
    h = _mix(np.uint64(row.kind), row.present)
    h = _mix(h, row.ts_event)
    h = _mix(h, row.bid_px)
    h = _mix(h, row.bid_sz)
    h = _mix(h, row.ask_px)
    h = _mix(h, row.ask_sz)
    h = _mix(h, row.price)
    h = _mix(h, row.size)
    h = _mix(h, row.trade_id)
    h = _mix(h, row.conditions)
    h = _mix(h, name_hash[row.venue])
    h = _mix(h, name_hash[row.symbol])
    return h | np.uint64(1)


@nb.njit(cache=True, nogil=True)
def key_of(row, name_hash):  # type: ignore[no-untyped-def]
    """Hash of a trade's venue, symbol and id."""
    return _mix(_mix(name_hash[row.venue], name_hash[row.symbol]), row.trade_id)


@nb.njit(cache=True, nogil=True)
def is_known(ring, number):  # type: ignore[no-untyped-def]
    """Is the message with this number remembered?"""
    slot = ring[number & np.uint64(RING_SIZE - 1)]
    return slot.content != 0 and slot.sequence == number


@nb.njit(cache=True, nogil=True)
def _remember(ring, number, content):  # type: ignore[no-untyped-def]
    slot = ring[number & np.uint64(RING_SIZE - 1)]
    slot.sequence = number
    slot.content = content


@nb.njit(cache=True, nogil=True)
def _go_on(row, c, ring, content):  # type: ignore[no-untyped-def]
    """The main line has one message more."""
    _remember(ring, row.sequence, content)
    c.expected = row.sequence + np.uint64(1)
    for _ in range(RING_SIZE):
        # What came before its turn is there.
        if not is_known(ring, c.expected):
            break
        c.expected += np.uint64(1)
    c.fill_run = 0
    if (row.present & _TS_EVENT) != 0:
        c.event_before, c.event_last = c.event_last, row.ts_event


@nb.njit(cache=True, nogil=True)
def _begin(row, c, ring, content):  # type: ignore[no-untyped-def]
    """The counter starts again with this message, or with the next where this is a heartbeat."""
    ring["content"][:] = 0
    c.start = row.sequence
    c.aside = NONE
    if row.kind == _HEARTBEAT:
        c.expected = row.sequence
        c.fill_run = 0
    else:
        _go_on(row, c, ring, content)


@nb.njit(cache=True, nogil=True)
def _is_old(row, c):  # type: ignore[no-untyped-def]
    """Was it sent before the main line's last messages? Two of them, for one may have a wrong time."""
    if (row.present & _TS_EVENT) == 0 or c.event_before == 0:
        return False
    return float(row.ts_event) < min(float(c.event_before), float(c.event_last)) - float(OLD_NS)


@nb.njit(cache=True, nogil=True)
def _tell(c, row, code, now, events, n):  # type: ignore[no-untyped-def]
    """Tell of the aside's messages; `row` is −1 − k for the one that is held in place k."""
    count = c.aside_count if c.aside_told == UNTOLD else 1
    measured = float(c.aside_behind) if code == _REPLAYED else float(c.aside_first)
    if code == _ORDER:
        measured = np.nan
    reference = np.nan if code in (_ORDER, _REPLAYED) else float(c.expected)
    for _ in range(count):
        n = note(events, n, (row, now, c.aside_since, 0.0, reference), code, MOMENT, measured)
    return n


@nb.njit(cache=True, nogil=True)
def settle_aside(c, now, events, n):  # type: ignore[no-untyped-def]
    """Tell of an aside that is no block and no new line, as far as one can see at `now`. Returns the number of events."""
    if c.aside_told == UNTOLD:
        if c.aside == COPY:
            n = _tell(c, HELD, _DUPLICATE, now, events, n)
        elif c.aside == CHANGED:
            n = _tell(c, HELD, _CHANGED, now, events, n)
        elif c.aside == UNKNOWN:
            n = _tell(c, HELD, _ORDER, now, events, n)
        c.aside_told = TOLD
    return n


@nb.njit(cache=True, nogil=True)
def _restart(row, i, c, state, content, at):  # type: ignore[no-untyped-def]
    """A counter that started again: one finding, about the first message of its new line."""
    ring, gaps, counts = state
    now, mode, held, events, n = at
    n = settle_all(gaps, counts, now, events, n)
    c.open_gaps = 0
    first = c.aside_first if held else row.sequence
    since = c.aside_since if held else now
    place = HELD if held else i
    n = note(events, n, (place, now, since, 0.0, float(c.expected)), _RESET, mode, float(first))
    _begin(row, c, ring, content)
    if held:
        c.start = first
    return n


@nb.njit(cache=True, nogil=True)
def _goes_on(number, c, mode):  # type: ignore[no-untyped-def]
    """Is this number the aside's next?"""
    ahead = np.int64(number - c.aside_next)
    if mode == SHARED and ahead == -1:
        return True
    return ahead >= 0 and (ahead <= ASIDE_STEP or mode == INCREASING)


@nb.njit(cache=True, nogil=True)
def _follow_aside(row, i, c, kind, old, at):  # type: ignore[no-untyped-def]
    """One message more of the aside, or the first of another one. Returns (number of events, does it go on)."""
    now, mode, events, n = at
    # A block may begin before what is remembered, and end within it.
    goes_on = (c.aside == kind or c.aside_told == BLOCK) and c.aside != NONE and _goes_on(row.sequence, c, mode)
    if goes_on:
        c.aside = kind
        c.aside_count += 1
        c.aside_old += old
    else:
        n = settle_aside(c, now, events, n)
        c.aside = kind
        c.aside_first = row.sequence
        c.aside_count = 1
        c.aside_old = 1 if old else 0
        c.aside_behind = np.int64(c.expected - row.sequence)
        c.aside_since = now
        c.aside_told = UNTOLD
        n = note(events, n, (i, now, now, 0.0, 0.0), 0, HOLDS, 0.0)
    c.aside_next = row.sequence + np.uint64(1)
    return n, goes_on


@nb.njit(cache=True, nogil=True)
def _go_back(row, i, c, kind, state, content, at):  # type: ignore[no-untyped-def]
    """A message that goes back and fills no gap. Returns (code that marks it, number of events)."""
    now, _, events, n = at
    old = _is_old(row, c)
    if kind != COPY and row.sequence <= 1 and not old:
        # Where counters begin.
        n = settle_aside(c, now, events, n)
        return _RESET, _restart(row, i, c, state, content, (now, MOMENT, False, events, n))
    n, goes_on = _follow_aside(row, i, c, kind, old, at)
    all_old = c.aside_old == c.aside_count
    if kind == COPY:
        state[2].duplicates += 1
        block = c.aside_count >= REPLAY_RUN
    elif kind == CHANGED:
        block = all_old and c.aside_count >= REPLAY_RUN
        new = (c.aside_old == 0 and c.aside_count >= 3) or c.aside_count >= CHANGED_RUN
        if new and not block and c.aside_told != BLOCK:
            return _RESET, _restart(row, i, c, state, content, (now, MOMENT, True, events, n))
        state[2].duplicates += 1
    else:
        block = all_old and goes_on
        if goes_on and not block and c.aside_told != BLOCK:
            return _RESET, _restart(row, i, c, state, content, (now, MOMENT, True, events, n))
    if block and c.aside_told != BLOCK:
        c.aside_told = UNTOLD
        n = _tell(c, HELD, _REPLAYED, now, events, n)
        c.aside_told = BLOCK
    elif c.aside_told == BLOCK:
        n = _tell(c, i, _REPLAYED, now, events, n)
    elif c.aside_told == TOLD:
        n = _tell(c, i, _DUPLICATE if kind == COPY else _CHANGED if kind == CHANGED else _ORDER, now, events, n)
    if c.aside_told == BLOCK:
        return _REPLAYED, n
    return (_DUPLICATE if kind == COPY else _CHANGED if kind == CHANGED else _ORDER), n


@nb.njit(cache=True, nogil=True)
def _skip(row, c, state, at):  # type: ignore[no-untyped-def]
    """Numbers were left out before this one. Returns (code, number of events)."""
    ring, gaps, counts = state
    i, now, events, n = at
    distance = np.int64(row.sequence - c.expected)
    # The lowest integer has no negative; a flipped top bit gives just that.
    missing = MOST_LOST if distance < 0 or distance > MOST_LOST else distance
    if distance >= 0 and distance <= RING_SIZE:
        for k in range(distance):
            if is_known(ring, c.expected + np.uint64(k)):
                missing -= 1
    if missing == 0:
        return NOTHING, n
    c.open_gaps = 1
    n = open_gap(gaps, counts, (c.expected, row.sequence, missing), now, events, n)
    n = note(events, n, (i, now, now, 0.0, float(missing)), _GAP, MOMENT, float(missing))
    return _GAP, n


@nb.njit(cache=True, nogil=True)
def _fill_in(row, i, c, place, state, content, at):  # type: ignore[no-untyped-def]
    """A message comes after later ones. Returns (measured, does it go without an anomaly, number of events)."""
    ring, gaps, _ = state
    now, events, n = at
    behind = np.int64(c.expected - row.sequence)
    c.fill_run = c.fill_run + 1 if c.fill_run > 0 and row.sequence == c.fill_next else 1
    c.fill_next = row.sequence + np.uint64(1)
    _remember(ring, row.sequence, content)
    if place < 0:
        return np.nan, behind <= TOLERATED_NUMBERS, n
    gap = gaps[place]
    waited = now - gap.since
    end = gap.end
    n = fill(gap, 1, now, events, n)
    far = behind > RING_SIZE or behind < 0
    if far and c.fill_run >= STRAY_RUN and gap.missing > 0 and end + np.uint64(1) == c.expected:
        # The main line went on here: what leapt ahead was one message with a wrong number.
        gap.end = c.fill_next
        left = np.int64(0)
        width = np.int64(gap.end - gap.first)
        for k in range(RING_SIZE if width > RING_SIZE else width):
            if not is_known(ring, gap.first + np.uint64(k)):
                left += 1
        n = fill(gap, gap.missing - left, now, events, n)
        c.expected = c.fill_next
        c.fill_run = 0
    return float(waited), behind <= TOLERATED_NUMBERS and waited <= TOLERATED_NS, n


@nb.njit(cache=True, nogil=True)
def _hear_beat(row, i, c, state, at):  # type: ignore[no-untyped-def]
    """A heartbeat of the venue: it has the number that comes next. Returns (code, number of events)."""
    now, mode, events, n = at
    behind = np.int64(c.expected - row.sequence)
    code = NOTHING
    if behind == 0:
        n = settle_aside(c, now, events, n)
        c.aside = NONE
    elif behind < 0:
        n = settle_aside(c, now, events, n)
        c.aside = NONE
        if mode != INCREASING:
            code, n = _skip(row, c, state, (i, now, events, n))
        c.expected = row.sequence
    elif c.aside not in (NONE, BEAT) and _goes_on(row.sequence, c, mode):
        # It came with a block that was sent again.
        return NOTHING, n
    elif (behind > RESTART_DISTANCE or row.sequence <= 1) and not _is_old(row, c):
        if row.sequence <= 1 or (c.aside == BEAT and c.aside_first == row.sequence):
            held = c.aside == BEAT
            return _RESET, _restart(row, i, c, state, np.uint64(0), (now, ANNOUNCED, held, events, n))
        n, _ = _follow_aside(row, i, c, BEAT, False, (now, mode, events, n))
        c.aside_next = row.sequence
    return code, n


@nb.njit(cache=True, nogil=True)
def count(row, i, c, state, content, at):  # type: ignore[no-untyped-def]
    """Check one message's number and move the counter on.

    Parameters
    ----------
    c : record of COUNTER
    state : (array of RING, array of GAP, record of COUNTS)
    content : uint64
        `content_of` the row.
    at : (event time, mode of the channel, events, their number)

    Returns
    -------
    (code that marks the row or NOTHING, measured of an overtaken message, is it tolerated, number of events)
        An overtaken message (`out_of_order`, measured not −1) is left to the caller to tell of: its time may have gone back, too.
    """
    ring, gaps, _ = state
    now, mode, events, n = at
    number = row.sequence
    if c.started == 0:
        c.started = 1
        c.expected = c.start = number
    behind = np.int64(c.expected - number)
    known = behind > 0 and is_known(ring, number)
    same = known and (mode == SHARED or ring[number & np.uint64(RING_SIZE - 1)].content == content)
    if row.kind == _HEARTBEAT:
        code, n = _hear_beat(row, i, c, state, at)
        return code, -1.0, False, n
    if row.kind == _SESSION and not same:
        code = NOTHING
        n = settle_aside(c, now, events, n)
        if behind != 0:
            code = _RESET
            n = _restart(row, i, c, state, content, (now, ANNOUNCED, False, events, n))
        else:
            _go_on(row, c, ring, content)
        c.aside = NONE
        return code, -1.0, False, n
    place = find_gap(gaps, number) if behind != 0 else -1
    if behind == 0 or (behind < 0 and place < 0):
        code = NOTHING
        if c.aside != NONE:
            n = settle_aside(c, now, events, n)
            c.aside = NONE
        if behind < 0 and mode != INCREASING:
            code, n = _skip(row, c, state, (i, now, events, n))
        _go_on(row, c, ring, content)
        return code, -1.0, False, n
    if mode == SHARED and behind == 1:
        return NOTHING, -1.0, False, n
    if c.aside == BEAT and number == c.aside_first and not same and not _is_old(row, c):
        return _RESET, -1.0, False, _restart(row, i, c, state, content, (now, ANNOUNCED, True, events, n))
    if known:
        code, n = _go_back(row, i, c, COPY if same else CHANGED, state, content, at)
        return code, -1.0, False, n
    reach = np.int64(c.expected - c.start)
    if place >= 0 or (behind <= RING_SIZE and behind <= reach):
        measured, tolerated, n = _fill_in(row, i, c, place, state, content, (now, events, n))
        return _ORDER, measured, tolerated, n
    code, n = _go_back(row, i, c, UNKNOWN, state, content, at)
    return code, -1.0, False, n


@nb.njit(cache=True, nogil=True)
def count_id(row, i, c, state, key, content, at):  # type: ignore[no-untyped-def]
    """Check one trade's id where a feed has no numbers: `key` is a hash of venue, symbol and id. Arguments as of `count`.

    Returns (code or NOTHING, number of events).
    """
    ring, _, counts = state
    now, _, events, n = at
    slot = ring[key & np.uint64(RING_SIZE - 1)]
    known = slot.content != 0 and slot.sequence == key
    same = known and slot.content == content
    slot.sequence = key
    slot.content = content
    if not known:
        if c.aside != NONE:
            n = settle_aside(c, now, events, n)
            c.aside = NONE
        return NOTHING, n
    kind = COPY if same else CHANGED
    counts.duplicates += 1
    if c.aside == kind:
        c.aside_count += 1
    else:
        n = settle_aside(c, now, events, n)
        c.aside, c.aside_told, c.aside_count = kind, UNTOLD, 1
        c.aside_first = np.uint64(row.trade_id)
        c.aside_since = now
        n = note(events, n, (i, now, now, 0.0, 0.0), 0, HOLDS, 0.0)
    c.aside_behind = c.aside_count
    code = _DUPLICATE if same else _CHANGED
    if same and c.aside_count >= REPLAY_RUN:
        code = _REPLAYED
        if c.aside_told != BLOCK:
            c.aside_told = UNTOLD
            n = _tell(c, HELD, code, now, events, n)
            c.aside_told = BLOCK
            return code, n
    if c.aside_told != UNTOLD:
        n = _tell(c, i, code, now, events, n)
    return code, n

"""A channel's numbers, compiled: what is missing, what comes again, what comes late, and a counter that starts again."""

from __future__ import annotations

import numpy as np

from tickproof.channel.gaps import MOST_LOST, fill, find_gap, open_gap
from tickproof.channel.going_back import REPLAY_RUN, follow_aside, go_back, is_next, restart, settle_aside, tell
from tickproof.channel.number_ring import (
    BEAT,
    BLOCK,
    CHANGED,
    COPY,
    INCREASING,
    NONE,
    RING_SIZE,
    SHARED,
    UNKNOWN,
    UNTOLD,
    go_on,
    is_known,
    is_old,
    remember,
)
from tickproof.findings.emit import HELD, bit, note
from tickproof.findings.event import ANNOUNCED, HOLDS, MOMENT
from tickproof.kernel import array_kernel
from tickproof.ticks.schema import Kind

RESTART_DISTANCE = 64
"""A heartbeat whose number is this far back was not merely overtaken."""
STRAY_RUN = 3
TOLERATED_NUMBERS = 5
TOLERATED_NS = 5_000_000
"""A message that was overtaken by no more than this is information and no anomaly: networks do that."""

_GAP, _RESET, _ORDER = bit("sequence_gap"), bit("sequence_reset"), bit("out_of_order")
_DUPLICATE, _CHANGED, _REPLAYED = bit("duplicate"), bit("duplicate_changed"), bit("replayed_block")
_HEARTBEAT, _SESSION = int(Kind.HEARTBEAT), int(Kind.SESSION)
NOTHING, OLD = 255, 254
"""Instead of a code: nothing to mark; nothing to mark, and nothing to learn from what was sent long ago."""


@array_kernel()
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


@array_kernel()
def _fill_in(row, c, place, state, content, at):  # type: ignore[no-untyped-def]
    """A message comes after later ones. Returns (measured, does it go without an anomaly, number of events)."""
    ring, gaps, _ = state
    now, events, n = at
    behind = np.int64(c.expected - row.sequence)
    c.fill_run = c.fill_run + 1 if c.fill_run > 0 and row.sequence == c.fill_next else 1
    c.fill_next = row.sequence + np.uint64(1)
    remember(ring, row.sequence, content)
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


@array_kernel()
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
    elif c.aside not in (NONE, BEAT) and is_next(row.sequence, c, mode):
        # It came with a block that was sent again.
        return OLD, n
    elif is_old(row, c):
        return OLD, n
    elif behind > RESTART_DISTANCE or row.sequence <= 1:
        if row.sequence <= 1 or (c.aside == BEAT and c.aside_first == row.sequence):
            held = c.aside == BEAT
            return _RESET, restart(row, i, c, state, np.uint64(0), (now, ANNOUNCED, held, events, n))
        n, _ = follow_aside(row, i, c, BEAT, False, (now, mode, events, n))
        c.aside_next = row.sequence
    return code, n


@array_kernel()
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
    if row.kind == _SESSION and not same and not (behind > 0 and is_old(row, c)):
        code = NOTHING
        n = settle_aside(c, now, events, n)
        if behind != 0:
            code = _RESET
            n = restart(row, i, c, state, content, (now, ANNOUNCED, False, events, n))
        else:
            go_on(row, c, ring, content)
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
        go_on(row, c, ring, content)
        return code, -1.0, False, n
    if mode == SHARED and behind == 1:
        return NOTHING, -1.0, False, n
    if c.aside == BEAT and number == c.aside_first and not same and not is_old(row, c):
        return _RESET, -1.0, False, restart(row, i, c, state, content, (now, ANNOUNCED, True, events, n))
    if known:
        code, n = go_back(row, i, c, COPY if same else CHANGED, state, content, at)
        return code, -1.0, False, n
    reach = np.int64(c.expected - c.start)
    if place >= 0 or (behind <= RING_SIZE and behind <= reach):
        measured, tolerated, n = _fill_in(row, c, place, state, content, (now, events, n))
        return _ORDER, measured, tolerated, n
    code, n = go_back(row, i, c, UNKNOWN, state, content, at)
    return code, -1.0, False, n


@array_kernel()
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
            n = tell(c, HELD, code, now, events, n)
            c.aside_told = BLOCK
            return code, n
    if c.aside_told != UNTOLD:
        n = tell(c, i, code, now, events, n)
    return code, n

"""Messages whose number goes back, compiled: copies, a block of old ones, changed copies, or a counter that started again.

One message does not tell these apart. So messages that go back are followed as a line of their own, the *aside*, beside the
main line; what it is becomes known when the main line goes on, when the aside is long enough, or when ASIDE_NS of event time
are over. Ticks are marked at once by what is likely; findings wait for that.
"""

from __future__ import annotations

import numpy as np

from tickproof.channel.gaps import settle_all
from tickproof.channel.number_ring import BLOCK, CHANGED, COPY, INCREASING, NONE, SHARED, TOLD, UNKNOWN, UNTOLD, begin, is_old
from tickproof.findings.emit import HELD, bit, note
from tickproof.findings.event import HOLDS, MOMENT
from tickproof.kernel import array_kernel

REPLAY_RUN = 24
"""So many known messages in a row are a block that was sent again."""
CHANGED_RUN = 64
RESTART_RUN = 3
"""So many known numbers in a row with other content and new times are a counter that started again."""
ASIDE_STEP = 16
"""An aside goes on with a number at most so far ahead: copies may be lost, too."""
ASIDE_NS = 250_000_000

_RESET, _ORDER = bit("sequence_reset"), bit("out_of_order")
_DUPLICATE, _CHANGED, _REPLAYED = bit("duplicate"), bit("duplicate_changed"), bit("replayed_block")


@array_kernel()
def tell(c, row, code, now, events, n):  # type: ignore[no-untyped-def]
    """Tell of the aside's messages; `row` is −1 − k for the one that is held in place k."""
    count = c.aside_count if c.aside_told == UNTOLD else 1
    measured = float(c.aside_behind) if code == _REPLAYED else float(c.aside_first)
    if code == _ORDER:
        measured = np.nan
    reference = np.nan if code in (_ORDER, _REPLAYED) else float(c.expected)
    for _ in range(count):
        n = note(events, n, (row, now, c.aside_since, 0.0, reference), code, MOMENT, measured)
    return n


@array_kernel()
def settle_aside(c, now, events, n):  # type: ignore[no-untyped-def]
    """Tell of an aside that is no block and no new line, as far as one can see at `now`. Returns the number of events."""
    if c.aside_told == UNTOLD:
        if c.aside == COPY:
            n = tell(c, HELD, _DUPLICATE, now, events, n)
        elif c.aside == CHANGED:
            n = tell(c, HELD, _CHANGED, now, events, n)
        elif c.aside == UNKNOWN:
            n = tell(c, HELD, _ORDER, now, events, n)
        c.aside_told = TOLD
    return n


@array_kernel()
def restart(row, i, c, state, content, at):  # type: ignore[no-untyped-def]
    """A counter that started again: one finding, about the first message of its new line."""
    ring, gaps, counts = state
    now, mode, held, events, n = at
    n = settle_all(gaps, counts, now, events, n)
    c.open_gaps = 0
    first = c.aside_first if held else row.sequence
    since = c.aside_since if held else now
    place = HELD if held else i
    n = note(events, n, (place, now, since, 0.0, float(c.expected)), _RESET, mode, float(first))
    begin(row, c, ring, content)
    if held:
        c.start = first
    return n


@array_kernel()
def is_next(number, c, mode):  # type: ignore[no-untyped-def]
    """Is this number the aside's next?"""
    ahead = np.int64(number - c.aside_next)
    if mode == SHARED and ahead == -1:
        return True
    return ahead >= 0 and (ahead <= ASIDE_STEP or mode == INCREASING)


@array_kernel()
def follow_aside(row, i, c, kind, old, at):  # type: ignore[no-untyped-def]
    """One message more of the aside, or the first of another one. Returns (number of events, does it go on)."""
    now, mode, events, n = at
    # A block may begin before what is remembered, and end within it.
    goes_on = (c.aside == kind or c.aside_told == BLOCK) and c.aside != NONE and is_next(row.sequence, c, mode)
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


@array_kernel()
def go_back(row, i, c, kind, state, content, at):  # type: ignore[no-untyped-def]
    """A message that goes back and fills no gap. Returns (code that marks it, number of events)."""
    now, _, events, n = at
    old = is_old(row, c)
    if kind != COPY and row.sequence <= 1 and not old:
        # Where counters begin.
        n = settle_aside(c, now, events, n)
        return _RESET, restart(row, i, c, state, content, (now, MOMENT, False, events, n))
    n, goes_on = follow_aside(row, i, c, kind, old, at)
    all_old = c.aside_old == c.aside_count
    if kind == COPY:
        state[2].duplicates += 1
        block = c.aside_count >= REPLAY_RUN
    elif kind == CHANGED:
        block = all_old and c.aside_count >= REPLAY_RUN
        new = (c.aside_old == 0 and c.aside_count >= RESTART_RUN) or c.aside_count >= CHANGED_RUN
        if new and not block and c.aside_told != BLOCK:
            return _RESET, restart(row, i, c, state, content, (now, MOMENT, True, events, n))
        state[2].duplicates += 1
    else:
        block = all_old and goes_on
        if goes_on and not block and c.aside_told != BLOCK:
            return _RESET, restart(row, i, c, state, content, (now, MOMENT, True, events, n))
    if block and c.aside_told != BLOCK:
        c.aside_told = UNTOLD
        n = tell(c, HELD, _REPLAYED, now, events, n)
        c.aside_told = BLOCK
    elif c.aside_told == BLOCK:
        n = tell(c, i, _REPLAYED, now, events, n)
    elif c.aside_told == TOLD:
        n = tell(c, i, _DUPLICATE if kind == COPY else _CHANGED if kind == CHANGED else _ORDER, now, events, n)
    if c.aside_told == BLOCK:
        return _REPLAYED, n
    return (_DUPLICATE if kind == COPY else _CHANGED if kind == CHANGED else _ORDER), n

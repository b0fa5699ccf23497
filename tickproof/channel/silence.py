"""When a channel says nothing, compiled: nothing at all, or heartbeats and no ticks of any of its symbols.

Heartbeats show that a channel lives. If they go on and all its symbols stop at once, that is one finding of the channel and not
one a symbol: `is_mute` tells the symbols' stage that a heartbeat is no sign of life for them. Of a channel with one symbol only,
that symbol is silent, and not the channel.
"""

from __future__ import annotations

import numpy as np

from tickproof.findings.emit import bit, note
from tickproof.findings.event import CLOSES, OPENS
from tickproof.instrument.silence import longest_after, threshold_ns
from tickproof.kernel import array_kernel
from tickproof.ticks.schema import Condition, Kind

VOICE = np.dtype([("heard", "<i8"), ("last", "<i8"), ("longest_gap_ns", "<f8"), ("spoke", "<i8")])
"""Messages of a kind that were heard, the last one's event time, their longest usual gap, and how many there were when the last
silence ended."""
BREAKS = 4
QUIET = np.dtype(
    [
        ("life", VOICE),
        ("words", VOICE),
        ("silent", "<i8"),
        ("symbol", "<u8"),
        ("several", "<i8"),
        ("closed", "<i8"),
        ("stopped", "<i8"),
        ("close", "<i8"),
        ("reopen", "<i8"),
        ("breaks", "<i8", (BREAKS, 2)),
        ("break_next", "<i8"),
    ]
)
"""`silent`: see SPEAKS to MUTE; `symbol`: hash of the first one, `several`: there are others; `closed`, `stopped`: when a status
message last said that a symbol's session closed, or that it is halted; `close`, `reopen`: by the venue's calendar, 0 unknown;
`breaks`: when the last long pauses began and ended."""
SPEAKS, SILENT, MUTE = 0, 1, 2
DAY_NS = 86_400_000_000_000
BREAK_NS = 300_000_000_000
"""Pauses of five minutes and more may be a break of each day: one that began at the same time of another day, give or take
BREAK_SHIFT_NS, is none of the feed's failures until it lasts longer than that one and twice the shift."""
BREAK_SHIFT_NS = 120_000_000_000
BREAK_KEPT_NS = 8 * DAY_NS
WARMUP = 50
FLOOR_NS = 1.5e9
_SILENT = bit("silent")
_STATUS = int(Kind.STATUS)
_CLOSED, _HALTED = int(Condition.SESSION_CLOSED), int(Condition.HALTED)
_GOES_ON = int(Condition.RESUMED | Condition.SESSION_OPENED)


@array_kernel()
def _threshold(voice):  # type: ignore[no-untyped-def]
    return threshold_ns(voice.longest_gap_ns, 0.0, voice.heard, FLOOR_NS)


@array_kernel()
def _daily_break(q, last):  # type: ignore[no-untyped-def]
    """How long a pause that begins at `last` may be, ns, by one that began at this time of another day; 0: there was none."""
    most = 0.0
    for k in range(BREAKS):
        began, ended = q.breaks[k, 0], q.breaks[k, 1]
        if ended > 0 and last > ended:
            off = (last - began) % DAY_NS
            if min(off, DAY_NS - off) <= BREAK_SHIFT_NS and last - began <= BREAK_KEPT_NS:
                most = max(most, float(ended - began) + 2.0 * BREAK_SHIFT_NS)
    return most


@array_kernel()
def _remember_break(q, began, ended):  # type: ignore[no-untyped-def]
    """Keep a long pause in mind, in place of the same one of another day, or of the oldest."""
    place = q.break_next % BREAKS
    for k in range(BREAKS):
        off = (began - q.breaks[k, 0]) % DAY_NS
        if q.breaks[k, 1] > 0 and min(off, DAY_NS - off) <= BREAK_SHIFT_NS:
            place = k
    if place == q.break_next % BREAKS:
        q.break_next += 1
    q.breaks[place, 0] = began
    q.breaks[place, 1] = ended


@array_kernel()
def _due(q, voice, excused, now):  # type: ignore[no-untyped-def]
    """(is a silence due at `now`, since when, its threshold); what was closed or halted is expected to say nothing."""
    threshold = max(_threshold(voice), _daily_break(q, voice.last))
    last = voice.last
    if q.reopen > last and now >= q.reopen:
        last = q.reopen
    due = last + np.int64(threshold)
    if voice.heard < WARMUP or now < due or excused > last - np.int64(threshold):
        return False, last, threshold
    shut = q.close > 0 and due > q.close and now < q.reopen
    return not shut, last, threshold


@array_kernel()
def may_be_due(q, now):  # type: ignore[no-untyped-def]
    """Is there a silence to look for? No threshold is below the floor."""
    return q.silent == SPEAKS and (float(now - q.life.last) >= FLOOR_NS or float(now - q.words.last) >= FLOOR_NS)


@array_kernel()
def look(q, i, now, events, n):  # type: ignore[no-untyped-def]
    """Open a silence that is due at event time `now`, seen at row `i`; returns the number of events."""
    if not may_be_due(q, now):
        return n
    voice, state = q.life, SILENT
    late, last, threshold = _due(q, voice, q.closed, now)
    if not late and q.several == 1 and q.life.last > q.words.last:
        voice, state = q.words, MUTE
        late, last, threshold = _due(q, voice, max(q.closed, q.stopped), now)
    if late:
        q.silent = state
        # In integers: as floats, two times less than 256 ns apart are the same.
        at = (-1, last + np.int64(threshold), last, threshold, voice.longest_gap_ns)
        n = note(events, n, at, _SILENT, OPENS, threshold)
        events[n - 1].subject = i
    return n


@array_kernel()
def _hear_voice(q, voice, i, now, ended, events, n):  # type: ignore[no-untyped-def]
    """One message more of a voice; `ended`: the silence that it ends."""
    if voice.heard > 0:
        gap = max(now - voice.last, 0)
        learnt = not (q.close > 0 and voice.last < q.close and now >= q.reopen)
        if gap >= BREAK_NS:
            # A break is no gap that the day has more of.
            learnt &= _daily_break(q, voice.last) == 0.0
        if q.silent == ended:
            q.silent = SPEAKS
            threshold = _threshold(voice)
            learnt = voice.heard - voice.spoke < WARMUP
            voice.spoke = voice.heard
            at = (i, now, voice.last, threshold, voice.longest_gap_ns)
            n = note(events, n, at, _SILENT, CLOSES, float(gap))
            gap = min(gap, np.int64(threshold))
        if learnt:
            voice.longest_gap_ns = longest_after(voice.longest_gap_ns, float(gap))
    if ended == SILENT and voice.heard > 0 and BREAK_NS <= now - voice.last < DAY_NS:
        _remember_break(q, voice.last, now)
    voice.heard += 1
    voice.last = now
    return n


@array_kernel()
def hear(row, i, q, now, symbol, events, n):  # type: ignore[no-untyped-def]
    """A message of the venue: learn from it, and close a silence that it ends. Returns the number of events."""
    if row.kind == _STATUS:
        if (row.conditions & _CLOSED) != 0:
            q.closed = now
        elif (row.conditions & _HALTED) != 0:
            q.stopped = now
        elif (row.conditions & _GOES_ON) != 0:
            q.closed = q.stopped = 0
    if row.kind <= 3:
        if q.words.heard == 0:
            q.symbol = symbol
        elif symbol != q.symbol:
            q.several = 1
        n = _hear_voice(q, q.words, i, now, MUTE, events, n)
    return _hear_voice(q, q.life, i, now, SILENT, events, n)


@array_kernel()
def _listen(voice, now):  # type: ignore[no-untyped-def]
    voice.longest_gap_ns = longest_after(voice.longest_gap_ns, float(max(now - voice.last, 0)))
    voice.heard += 1
    voice.last = now


@array_kernel()
def hear_plainly(row, q, now, symbol):  # type: ignore[no-untyped-def]
    """`hear` where a tick ends no silence and no hours are known, which is nearly always; False: it is not so."""
    if q.silent != SPEAKS or q.close > 0 or q.words.heard == 0 or row.kind > 3 or now - q.words.last >= BREAK_NS:
        return False
    if symbol != q.symbol:
        q.several = 1
    _listen(q.words, now)
    _listen(q.life, now)
    return True


@array_kernel()
def is_mute(q, now):  # type: ignore[no-untyped-def]
    """Do its symbols say less than usual, all of them? Then its heartbeats are no sign of life of theirs."""
    return q.several == 1 and q.words.heard >= WARMUP and float(now - q.words.last) > max(q.words.longest_gap_ns, 1e6)


@array_kernel()
def rebase(q, now):  # type: ignore[no-untyped-def]
    """Event time went back."""
    q.silent = SPEAKS
    q.life.last = q.words.last = now
    q.closed = q.stopped = q.close = q.reopen = 0

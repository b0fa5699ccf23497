"""One channel's integrity, compiled: one pass over its ticks, each idea in a module of its own.

State is one `CHANNEL` record and six arrays: a ring of the last messages by sequence (or by trade id, where a feed has no
sequence), numbers that are missing, the lowest lags of the last seconds, a histogram of this second's latencies, prices that
stand, and how often symbols were heard this second.
"""

from __future__ import annotations

import numpy as np

from tickproof.channel import bursts, latency
from tickproof.channel import clock_offset as clocks
from tickproof.channel import event_time as arrival
from tickproof.channel import going_back as aside
from tickproof.channel import number_ring as counter
from tickproof.channel import numbering as sequence
from tickproof.channel import second_counts as activity
from tickproof.channel import silence as channel_silence
from tickproof.channel.gaps import expire_gaps
from tickproof.findings.emit import bit, mark, note, since
from tickproof.findings.event import ANNOUNCED, MOMENT, REBASES
from tickproof.instrument.silence import CHANNEL_ONLY
from tickproof.kernel import array_kernel
from tickproof.reference import sessions
from tickproof.ticks.schema import Condition, Flag, Kind, Present

COUNTS = np.dtype(
    [
        ("second", "<i8"),
        ("ticks", "<i8"),
        ("quotes", "<i8"),
        ("trades", "<i8"),
        ("gaps", "<i8"),
        ("lost", "<i8"),
        ("duplicates", "<i8"),
        ("listed", "<i8"),
        ("unlisted", "<i8"),
    ]
)
"""What is counted of the second that is not over; `listed` and `unlisted` of all ticks whose symbol is listed, and is not."""
CHANNEL = np.dtype(
    [
        ("arrival", arrival.ARRIVAL),
        ("counter", counter.COUNTER),
        ("clocks", clocks.CLOCKS),
        ("latency", latency.LATENCY),
        ("quiet", channel_silence.QUIET),
        ("burst", bursts.BURST),
        ("counts", COUNTS),
        ("activity", activity.ACTIVITY),
    ]
)
SETTINGS = np.dtype([("out_of_orderness_ns", "<i8"), ("mode", "<i8"), ("places", "<i8")])
"""`places`: 1 where a listing or hours are known."""

SECOND_ROW = np.dtype(
    [
        ("ts", "<i8"),
        ("ticks", "<i8"),
        ("quotes", "<i8"),
        ("trades", "<i8"),
        ("gaps", "<i8"),
        ("lost", "<i8"),
        ("duplicates", "<i8"),
        ("latency_p50", "<f8"),
        ("latency_p99", "<f8"),
        ("latency_p999", "<f8"),
        ("age", "<i8"),
        ("known_at", "<i8"),
        ("activity", activity.ACTIVITY),
    ]
)
"""One second (ts − 1 s, ts] of a channel, and the event time at which it was known to be over; latencies and age in ns, NaN
where no message had a venue time. `gaps` began in it, `lost` were given up in it."""

EVENTS_A_TICK, EVENTS_BESIDE = 8, 64
"""How many events a step may give: so many a tick, and what had been held back before it."""

SECOND_NS = 1_000_000_000
_ORDER, _LATE, _LATENCY = bit("out_of_order"), bit("late_tick"), bit("latency_spike")
_GAP, _RESET = bit("sequence_gap"), bit("sequence_reset")
_SEQUENCE, _TS_EVENT, _TRADE_ID = int(Present.SEQUENCE), int(Present.TS_EVENT), int(Present.TRADE_ID)
_TRADE, _HEARTBEAT = int(Kind.TRADE), int(Kind.HEARTBEAT)
_CAPTURE = int(Flag.CAPTURE_HEARTBEAT)
_NOTHING = sequence.NOTHING
_BURST = bit("burst")
_UNKNOWN, _SHUT = bit("unknown_symbol"), bit("out_of_session")
_EXTENDED = int(Condition.EXTENDED_HOURS)
LISTED, UNLISTED_AT_MOST = 20, 5
"""A list of symbols is believed after so many ticks of symbols in it, while at most one tick for so many of these is of none."""


@array_kernel()
def _close_second(c, histogram, seconds, n, now):  # type: ignore[no-untyped-def]
    """Write the row of the second that ended, and start to count anew."""
    row, counts, life = seconds[n], c.counts, c.quiet.life
    row.ts = counts.second * SECOND_NS
    row.ticks, row.quotes, row.trades = counts.ticks, counts.quotes, counts.trades
    row.gaps, row.lost, row.duplicates = counts.gaps, counts.lost, counts.duplicates
    row.age = row.ts - life.last if life.heard > 0 else -1
    total = 0
    for k in range(len(histogram)):
        total += histogram[k]
    row.latency_p50 = row.latency_p99 = row.latency_p999 = np.nan
    if total > 0:
        row.latency_p50 = latency.quantile(histogram, total, 0.5)
        row.latency_p99 = latency.quantile(histogram, total, 0.99)
        row.latency_p999 = latency.quantile(histogram, total, 0.999)
    histogram[:] = 0
    counts.ticks = counts.quotes = counts.trades = counts.gaps = counts.lost = counts.duplicates = 0
    row.known_at = now
    row.activity = c.activity
    activity.begin_anew(c.activity)
    return n + 1


@array_kernel()
def _is_due(c, now):  # type: ignore[no-untyped-def]
    """May anything become due by event time alone? Asked without arrays: to hand these on costs more than to ask."""
    line = c.counter
    waits = line.open_gaps == 1 or (line.aside != counter.NONE and line.aside_told == counter.UNTOLD)
    return waits or now > c.counts.second * SECOND_NS or channel_silence.may_be_due(c.quiet, now)


@array_kernel()
def _pass_time(c, i, arrays, now, out):  # type: ignore[no-untyped-def]
    """What becomes due by event time alone. Returns (number of events, number of second rows)."""
    _, gaps, _, histogram = arrays
    events, n, seconds, m = out
    second = (now + SECOND_NS - 1) // SECOND_NS
    if second > c.counts.second:
        m = _close_second(c, histogram, seconds, m, now)
        c.counts.second = second
    line = c.counter
    if line.open_gaps == 1:
        n = expire_gaps(gaps, c.counts, line, now, events, n)
    if line.aside != counter.NONE and line.aside_told == counter.UNTOLD:
        due = line.aside_since + aside.ASIDE_NS
        if now > due:
            n = aside.settle_aside(line, due, events, n)
    return channel_silence.look(c.quiet, i, now, events, n), m


@array_kernel()
def _number(row, i, c, arrays, hashes, at):  # type: ignore[no-untyped-def]
    """Number or id of one message. Returns (code or NOTHING, measured, is it tolerated, number of events)."""
    ring, gaps, _, _ = arrays
    n = at[3]
    state = (ring, gaps, c.counts)
    if (row.present & _SEQUENCE) != 0:
        return sequence.count(row, i, c.counter, state, counter.content_of(row, hashes), at)
    if (row.present & _TRADE_ID) != 0 and row.kind == _TRADE:
        # The id is the venue's: two venues of one channel may both use it.
        key = counter.key_of(row, hashes)
        code, n = sequence.count_id(row, i, c.counter, state, key, counter.content_of(row, hashes), at)
        return code, -1.0, False, n
    return _NOTHING, -1.0, False, n


@array_kernel()
def _is_current(row, c, mode):  # type: ignore[no-untyped-def]
    """Is a message not known to be old by its number?"""
    if mode == counter.UNCOUNTED or (row.present & _SEQUENCE) == 0 or c.counter.started == 0:
        return True
    return np.int64(c.counter.expected - row.sequence) <= 0


@array_kernel()
def _rebase(c, arrays, now):  # type: ignore[no-untyped-def]
    """Event time went back: all that counts time begins anew."""
    _, gaps, _, _ = arrays
    channel_silence.rebase(c.quiet, now)
    c.counts.second = (now + SECOND_NS - 1) // SECOND_NS
    c.arrival.last_ts = now
    c.latency.late_since = c.counter.aside_since = c.clocks.off_since = now
    for k in range(len(gaps)):
        gaps[k].since = now


@array_kernel()
def _place(row, c, listing, now):  # type: ignore[no-untyped-def]
    """Bits of a tick whose symbol is not listed, or whose venue is shut; keeps the venue's hours for silences."""
    listed, calendar_of, edges, regular, wide_edges, wide = listing
    bits = np.uint64(0)
    counts, quiet = c.counts, c.quiet
    if row.symbol >= 0 and row.kind <= 3:
        if listed[row.symbol]:
            counts.listed += 1
        else:
            counts.unlisted += 1
            # Where much is not listed, the list is no listing.
            if counts.listed >= LISTED and counts.unlisted * UNLISTED_AT_MOST <= counts.listed:
                bits |= mark(_UNKNOWN)
    k = calendar_of[row.venue]
    if k < 0:
        return bits
    _, quiet.close, quiet.reopen = sessions.search(regular[edges[k] : edges[k + 1]], now)
    if row.kind <= _TRADE and (row.conditions & _EXTENDED) == 0:
        hours = wide[wide_edges[k] : wide_edges[k + 1]]
        # What was sent in time and came late is in session.
        sent = row.ts_event if (row.present & _TS_EVENT) != 0 else now
        if sessions.search(hours, now)[0] == 0 and sessions.search(hours, sent)[0] == 0:
            bits |= mark(_SHUT)
    return bits


@array_kernel()
def walk(rows, hashes, state, settings, listing, out):  # type: ignore[no-untyped-def]
    """Stamp `rows` in place and move the state.

    Parameters
    ----------
    rows : array of ROW, shape (n,)
    hashes : array of uint64
        Hash of each name of the batch, and 0 behind them for null.
    state : (array of CHANNEL of one, array of RING, array of GAP, array of FLOOR, histogram, hashes of standing prices,
        counts of symbols)
    settings : array of SETTINGS of one
    listing : (is each name listed, and what `sessions.tables` gives)
    out : (array of EVENT, array of SECOND_ROW of at least n)
        Room for EVENTS_A_TICK × n + EVENTS_BESIDE events.

    Returns
    -------
    (number of events, number of second rows)
    """
    channels, ring, gaps, floors, histogram, standing, slots = state
    arrays = (ring, gaps, floors, histogram)
    events, seconds = out
    c = channels[0]
    mode, allowed, places = settings[0].mode, settings[0].out_of_orderness_ns, settings[0].places == 1
    n, m = 0, 0
    for i in range(len(rows)):
        row = rows[i]
        t = row.ts_recv
        begins = c.arrival.started == 0
        moved = arrival.arrive(row, c.arrival, _is_current(row, c, mode))
        now = c.arrival.event_time
        if begins:
            c.counts.second = (now + SECOND_NS - 1) // SECOND_NS
        if moved == arrival.HEALS:
            _rebase(c, arrays, now)
            n = note(events, n, (-1, now, now, 0.0, 0.0), 0, REBASES, 0.0)
        if _is_due(c, now):
            n, m = _pass_time(c, i, arrays, now, (events, n, seconds, m))
        row.reasons = 0
        if row.kind == _HEARTBEAT and (row.flags & _CAPTURE) != 0:
            continue
        symbol = hashes[row.symbol]
        if not channel_silence.hear_plainly(row, c.quiet, now, symbol):
            n = channel_silence.hear(row, i, c.quiet, now, symbol, events, n)
        reasons = _place(row, c, listing, now) if places else np.uint64(0)
        if row.kind == _HEARTBEAT and channel_silence.is_mute(c.quiet, now):
            reasons |= np.uint64(CHANNEL_ONLY)
        if t < now - allowed:
            reasons |= mark(_LATE)
            n = note(events, n, (i, now, t, float(allowed), 0.0), _LATE, MOMENT, since(t, now))
        code, measured, tolerated = _NOTHING, -1.0, False
        if counter.is_next_of_all(row, c.counter) and mode != counter.UNCOUNTED:
            counter.go_on(row, c.counter, ring, counter.content_of(row, hashes))
        elif mode != counter.UNCOUNTED:
            code, measured, tolerated, n = _number(row, i, c, arrays, hashes, (now, mode, events, n))
            if code not in (_NOTHING, sequence.OLD):
                reasons |= mark(code)
        beside = code not in (_NOTHING, _GAP, _RESET)
        back = t < c.arrival.last_ts
        if measured != -1.0 or (back and (not beside or code == _ORDER)):
            # A number and a time that go back together are one message out of order.
            reasons |= mark(_ORDER)
            if back:
                measured = since(t, c.arrival.last_ts)
                tolerated = measured <= sequence.TOLERATED_NS
            how = ANNOUNCED if tolerated else MOMENT
            n = note(events, n, (i, now, min(t, now), 0.0, np.nan), _ORDER, how, measured)
        if moved == arrival.FOLLOWS:
            c.arrival.last_ts = t
        if (row.present & _TS_EVENT) != 0 and not beside:
            usual = latency.usual(c.latency)
            plain, late = clocks.check_plainly(row, c.clocks, usual, now)
            if not plain:
                bits, late, n = clocks.check_clock(row, i, c.clocks, floors, usual, symbol, (now, events, n))
                reasons |= bits
            if not np.isnan(late):
                spike, limit = latency.check_latency(late, now, c.latency, histogram)
                if spike:
                    reasons |= mark(_LATENCY)
                    at = (i, now, c.latency.late_since, limit, latency.usual(c.latency))
                    n = note(events, n, at, _LATENCY, MOMENT, late)
        c.counts.ticks += 1
        c.activity.heard += 1
        if row.kind <= _TRADE:
            activity.count(row, c.activity, slots, symbol, c.counts.second)
        if row.kind == 0:
            c.counts.quotes += 1
            if not beside and bursts.is_burst(c.burst, c.activity, standing, counter.prices_of(row, hashes), symbol, now):
                reasons |= mark(_BURST)
                at = (i, now, c.burst.window * bursts.WINDOW_NS, bursts.MANY * c.burst.peak, c.burst.peak)
                n = note(events, n, at, _BURST, MOMENT, float(c.burst.quotes))
        elif row.kind == _TRADE:
            c.counts.trades += 1
        row.reasons = reasons
    return n, m

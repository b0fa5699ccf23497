"""One channel's integrity, compiled: sequence, duplicates, order, clocks, latency, silence, one pass over its ticks.

State is three arrays: one `CHANNEL` record, a `RING` of the last messages by sequence (or by trade id, where a feed has no
sequence), and a histogram of this second's latencies.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from tickproof.event import ANNOUNCED, CLOSES, MOMENT, OPENS
from tickproof.finding import BY_NAME
from tickproof.silence import longest_after, threshold_ns
from tickproof.tick import Flag, Kind, Present

CHANNEL = np.dtype(
    [
        ("event_time", "<i8"),
        ("last_ts", "<i8"),
        ("ordinal", "<i8"),
        ("regressed", "<i8"),
        ("jump_count", "<i8"),
        ("started", "<i8"),
        ("expected", "<u8"),
        ("has_sequence", "<i8"),
        ("messages", "<i8"),
        ("last_life", "<i8"),
        ("longest_gap_ns", "<f8"),
        ("silent", "<i8"),
        ("spoke", "<i8"),
        ("latency_count", "<i8"),
        ("latency_log_p99", "<f8"),
        ("late_run", "<i8"),
        ("late_since", "<i8"),
        ("second", "<i8"),
        ("ticks", "<i8"),
        ("quotes", "<i8"),
        ("trades", "<i8"),
        ("gaps", "<i8"),
        ("lost", "<i8"),
        ("duplicates", "<i8"),
    ]
)
RING = np.dtype([("sequence", "<u8"), ("content", "<u8")])
"""`content` is the hash of the message, 0 where nothing is remembered."""
RING_SIZE = 4096
LATENCY_BINS = 256
"""Eight bins an octave from 1 µs; the last holds everything from about 72 minutes on."""

SETTINGS = np.dtype([("out_of_orderness_ns", "<i8"), ("mode", "<i8")])
CONTIGUOUS, INCREASING, SHARED, NONE = 0, 1, 2, 3
"""What a channel's `sequence` is, see the reference data."""

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
    ]
)
"""One second (ts − 1 s, ts] of a channel; latencies and age in ns, NaN where no message had a venue time."""

SECOND_NS = 1_000_000_000
JUMP_NS = 3_600 * SECOND_NS
JUMP_CONFIRMED_BY = 3
MOST_LOST = 2**61
"""More missing numbers than this are counted as this many."""
RESTART_DISTANCE = 64
"""A number this far back, of which another content is remembered, is a counter that started again and not a changed copy."""
FUTURE_NS = SECOND_NS
PAST_NS = 3_600 * SECOND_NS
SILENCE_WARMUP = 50
LATENCY_WARMUP = 200
LATENCY_FACTOR = 8.0
LATENCY_FLOOR_NS = 50.0e6
LATE_RUN = 3
LATE_ACCEPTED_NS = 60 * SECOND_NS

_GAP = BY_NAME["sequence_gap"].bit
_RESET = BY_NAME["sequence_reset"].bit
_DUPLICATE = BY_NAME["duplicate"].bit
_CHANGED = BY_NAME["duplicate_changed"].bit
_ORDER = BY_NAME["out_of_order"].bit
_TIME = BY_NAME["time_implausible"].bit
_LATENCY = BY_NAME["latency_spike"].bit
_SILENT = BY_NAME["silent"].bit
_LATE = BY_NAME["late_tick"].bit
_SEQUENCE, _TS_EVENT, _TRADE_ID = int(Present.SEQUENCE), int(Present.TS_EVENT), int(Present.TRADE_ID)
_TRADE, _HEARTBEAT, _SESSION = int(Kind.TRADE), int(Kind.HEARTBEAT), int(Kind.SESSION)
_CAPTURE = int(Flag.CAPTURE_HEARTBEAT)


@nb.njit(cache=True, nogil=True)
def _mix(h, value):  # type: ignore[no-untyped-def]
    """One round of splitmix64."""
    h = (h ^ np.uint64(value)) + np.uint64(0x9E3779B97F4A7C15)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@nb.njit(cache=True, nogil=True)
def _content(row, name_hash):  # type: ignore[no-untyped-def]
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
def _since(earlier, later):  # type: ignore[no-untyped-def]
    """ns from one time to another that is not before it; infinite where 64 bits do not hold it."""
    return float(later - earlier) if float(later) - float(earlier) < 9.0e18 else np.inf


@nb.njit(cache=True, nogil=True)
def _emit(events, n, at, code, mode, measured):  # type: ignore[no-untyped-def]
    """Append one event; `at` is (row, time, first_ts, threshold, reference)."""
    event = events[n]
    event.row = at[0]
    event.subject = -1
    event.time = at[1]
    event.first_ts = at[2]
    event.measured = measured
    event.threshold = at[3]
    event.reference = at[4]
    event.code = code
    event.mode = mode
    return n + 1


@nb.njit(cache=True, nogil=True)
def _quantile(histogram, total, share):  # type: ignore[no-untyped-def]
    """Upper edge, in ns, of the bin that holds the quantile."""
    rank = math.ceil(share * total)
    seen = 0
    for k in range(len(histogram)):
        seen += histogram[k]
        if seen >= rank:
            return 1000.0 * 2.0 ** ((k + 1) / 8.0)
    return np.inf


@nb.njit(cache=True, nogil=True)
def _close_second(c, histogram, seconds, n):  # type: ignore[no-untyped-def]
    """Write the row of the second that ended, and start to count anew."""
    row = seconds[n]
    row.ts = c.second * SECOND_NS
    row.ticks, row.quotes, row.trades = c.ticks, c.quotes, c.trades
    row.gaps, row.lost, row.duplicates = c.gaps, c.lost, c.duplicates
    row.age = row.ts - c.last_life if c.messages > 0 else -1
    total = 0
    for k in range(len(histogram)):
        total += histogram[k]
    row.latency_p50 = row.latency_p99 = row.latency_p999 = np.nan
    if total > 0:
        row.latency_p50 = _quantile(histogram, total, 0.5)
        row.latency_p99 = _quantile(histogram, total, 0.99)
        row.latency_p999 = _quantile(histogram, total, 0.999)
    histogram[:] = 0
    c.ticks = c.quotes = c.trades = c.gaps = c.lost = c.duplicates = 0
    return n + 1


@nb.njit(cache=True, nogil=True)
def _check_sequence(row, c, ring, mode, content):  # type: ignore[no-untyped-def]
    """(code or 255, mode of the event, measured) of one message's number, and the counter moved on."""
    number = row.sequence
    heartbeat = row.kind == _HEARTBEAT
    slot = ring[number & np.uint64(RING_SIZE - 1)]
    if c.has_sequence == 0:
        c.has_sequence = 1
        c.expected = number
    behind = np.int64(c.expected - number)
    code, how, measured = 255, MOMENT, 0.0
    if row.kind == _SESSION:
        if behind != 0:
            code, how, measured = _RESET, ANNOUNCED, float(number)
            if behind > 0:
                ring["content"][:] = 0
    elif behind < 0:
        if mode != INCREASING:
            # The lowest integer has no negative; a flipped top bit gives just that.
            missing = MOST_LOST if behind < -MOST_LOST else -behind
            code, measured = _GAP, float(missing)
            c.gaps += 1
            c.lost = min(c.lost + missing, MOST_LOST)
    elif heartbeat:
        # A heartbeat consumes no number: one that is a little behind was only overtaken.
        if behind > RESTART_DISTANCE or (behind > 0 and number <= 1):
            code, measured = _RESET, float(number)
            ring["content"][:] = 0
        else:
            return code, how, measured
    elif behind > 0:
        if mode == SHARED and behind == 1:
            return code, how, measured
        if slot.sequence == number and slot.content != 0 and slot.content == content:
            c.duplicates += 1
            return _DUPLICATE, how, float(number)
        known = slot.sequence == number and slot.content != 0
        if (known and number <= 1) or (behind > RESTART_DISTANCE and (known or number <= 1)) or behind > RING_SIZE:
            code, measured = _RESET, float(number)
            ring["content"][:] = 0
        elif known:
            c.duplicates += 1
            return _CHANGED, how, float(number)
        else:
            # A missing number that came after all: it fills its place and the counter stays.
            slot.sequence = number
            slot.content = content
            return _ORDER, how, float(behind)
    if heartbeat:
        c.expected = number
    else:
        c.expected = number + np.uint64(1)
        slot.sequence = number
        slot.content = content
    return code, how, measured


@nb.njit(cache=True, nogil=True)
def _check_latency(row, c, histogram):  # type: ignore[no-untyped-def]
    """(is it a spike, latency, threshold), all in ns; learns the channel's own 99th percentile from what is no spike."""
    latency = float(row.ts_recv - row.ts_event)
    x = math.log(max(latency, 1000.0))
    histogram[min(max(int((x - math.log(1000.0)) * 8.0 / math.log(2.0)), 0), LATENCY_BINS - 1)] += 1
    c.latency_count += 1
    if c.latency_count <= LATENCY_WARMUP:
        c.latency_log_p99 = x if c.latency_count == 1 else max(c.latency_log_p99, x)
        return False, latency, 0.0
    level = math.exp(c.latency_log_p99)
    threshold = max(LATENCY_FACTOR * level, level + LATENCY_FLOOR_NS)
    if latency > threshold:
        c.late_run += 1
        if c.late_run == 1:
            c.late_since = c.event_time
        if c.event_time - c.late_since > LATE_ACCEPTED_NS:
            # It is the new usual. The run ends with it, or one late tick after the next warm-up would look like many.
            c.latency_count = 0
            c.late_run = 0
            return True, latency, threshold
        return c.late_run >= LATE_RUN, latency, threshold
    c.late_run = 0
    # Stochastic approximation of a quantile (Robbins and Monro 1951) on the logarithm.
    c.latency_log_p99 += 0.02 * 0.99 if x > c.latency_log_p99 else -0.02 * 0.01
    return False, latency, threshold


@nb.njit(cache=True, nogil=True)
def walk(rows, name_hash, state, settings, out):  # type: ignore[no-untyped-def]
    """Stamp `rows` in place and move the state.

    Parameters
    ----------
    rows : array of ROW, shape (n,)
    name_hash : array of uint64
        Hash of each name of the batch, and 0 behind them for null.
    state : (array of CHANNEL of one, array of RING, histogram)
    settings : array of SETTINGS of one
    out : (array of EVENT of at least 5 n, array of SECOND_ROW of at least n)

    Returns
    -------
    (number of events, number of second rows)
    """
    channels, ring, histogram = state
    events, seconds = out
    c = channels[0]
    mode = settings[0].mode
    allowed = settings[0].out_of_orderness_ns
    n, m = 0, 0
    for i in range(len(rows)):
        row = rows[i]
        t = row.ts_recv
        if c.started == 0:
            c.started = 1
            c.event_time = t
            c.last_ts = t
            c.ordinal = -1
            c.second = (t + SECOND_NS - 1) // SECOND_NS
        jumps = t > c.event_time + JUMP_NS and c.jump_count + 1 < JUMP_CONFIRMED_BY
        if jumps:
            c.jump_count += 1
        else:
            c.jump_count = 0
            if t > c.event_time:
                c.event_time = t
                c.ordinal = -1
        reasons = np.uint64(0)
        now = c.event_time
        capture = row.kind == _HEARTBEAT and (row.flags & _CAPTURE) != 0
        if capture:
            # Ours, and not the same live and in a replay: it takes no ordinal from the channel's ticks.
            row.ordinal = 0
        elif t == now:
            c.ordinal += 1
            row.ordinal = c.ordinal
        else:
            c.regressed += 1
            row.ordinal = np.uint32(0x80000000 + c.regressed)
        row.event_time = now
        second = (now + SECOND_NS - 1) // SECOND_NS
        if second > c.second:
            m = _close_second(c, histogram, seconds, m)
            c.second = second
        threshold = threshold_ns(c.longest_gap_ns, 0.0)
        # In integers: as floats, two times less than 256 ns apart are the same.
        due = c.last_life + np.int64(threshold)
        if c.messages >= SILENCE_WARMUP and c.silent == 0 and now >= due:
            c.silent = 1
            at = (-1, due, c.last_life, threshold, c.longest_gap_ns)
            n = _emit(events, n, at, _SILENT, OPENS, threshold)
        if capture:
            row.reasons = reasons
            continue
        gap = max(now - c.last_life, 0)
        if c.messages > 0:
            learnt = True
            if c.silent == 1:
                c.silent = 0
                learnt = c.messages - c.spoke < SILENCE_WARMUP
                c.spoke = c.messages
                n = _emit(events, n, (i, now, c.last_life, threshold, c.longest_gap_ns), _SILENT, CLOSES, float(gap))
                gap = min(gap, np.int64(threshold))
            if learnt:
                c.longest_gap_ns = longest_after(c.longest_gap_ns, float(gap))
        c.messages += 1
        c.last_life = now
        if t < now - allowed:
            reasons |= np.uint64(1) << np.uint64(_LATE)
            n = _emit(events, n, (i, now, t, float(allowed), 0.0), _LATE, MOMENT, _since(t, now))
        if t < c.last_ts:
            reasons |= np.uint64(1) << np.uint64(_ORDER)
            n = _emit(events, n, (i, now, t, 0.0, 0.0), _ORDER, MOMENT, _since(t, c.last_ts))
        if not jumps:
            c.last_ts = t
        code, how, measured = 255, MOMENT, 0.0
        if mode != NONE:
            if (row.present & _SEQUENCE) != 0:
                reference = float(c.expected) if c.has_sequence else float(row.sequence)
                code, how, measured = _check_sequence(row, c, ring, mode, _content(row, name_hash))
                if code != 255:
                    # A number and a time that go back together are one message out of order.
                    if code != _ORDER or (reasons & (np.uint64(1) << np.uint64(_ORDER))) == 0:
                        n = _emit(events, n, (i, now, now, 0.0, reference), code, how, measured)
                    reasons |= np.uint64(1) << np.uint64(code)
            elif (row.present & _TRADE_ID) != 0 and row.kind == _TRADE:
                content = _content(row, name_hash)
                # The id is the venue's: two venues of one channel may both use it.
                key = _mix(_mix(name_hash[row.venue], name_hash[row.symbol]), row.trade_id)
                slot = ring[key & np.uint64(RING_SIZE - 1)]
                if slot.content != 0 and slot.sequence == key:
                    code = _DUPLICATE if slot.content == content else _CHANGED
                    c.duplicates += 1
                    reasons |= np.uint64(1) << np.uint64(code)
                    n = _emit(events, n, (i, now, now, 0.0, 0.0), code, MOMENT, float(row.trade_id))
                slot.sequence = key
                slot.content = content
        copy = code in (_DUPLICATE, _CHANGED)
        if (row.present & _TS_EVENT) != 0 and not copy:
            ahead = row.ts_event - t
            if row.ts_event < 0 or ahead > FUTURE_NS or ahead < -PAST_NS:
                reasons |= np.uint64(1) << np.uint64(_TIME)
            else:
                spike, latency, limit = _check_latency(row, c, histogram)
                if spike:
                    reasons |= np.uint64(1) << np.uint64(_LATENCY)
                    n = _emit(events, n, (i, now, c.late_since, limit, math.exp(c.latency_log_p99)), _LATENCY, MOMENT, latency)
        c.ticks += 1
        if row.kind == 0:
            c.quotes += 1
        elif row.kind == _TRADE:
            c.trades += 1
        row.reasons = reasons
    return n, m

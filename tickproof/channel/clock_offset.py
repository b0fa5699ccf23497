"""The venue's clock against ours, compiled: single wrong stamps, a clock that is off by a constant, a clock that drifts.

The lag of a message is `ts_recv` − `ts_event`. Queues only add to it, so its lower envelope is the path's own delay plus what
the clocks differ by. Three things tell a clock from a queue:

- a lag below the envelope is no latency;
- a lag that grows by D while no time D passed between two messages means that the stamps went back: a queue cannot do that;
- a drift moves the lowest lag of each second by the same amount, second after second, and leaves the scatter about it alone.
"""

from __future__ import annotations

import numpy as np

from tickproof.findings.emit import bit, mark, note, since
from tickproof.findings.event import CLOSES, OPENS
from tickproof.kernel import array_kernel
from tickproof.ticks.schema import Present

CLOCKS = np.dtype(
    [
        ("warm", "<i8"),
        ("low", "<f8"),
        ("deep", "<f8"),
        ("centre", "<f8"),
        ("home", "<f8"),
        ("offset", "<f8"),
        ("has_offset", "<i8"),
        ("event_last", "<i8"),
        ("off_count", "<i8"),
        ("off_lag", "<f8"),
        ("off_low", "<f8"),
        ("off_since", "<i8"),
        ("off_event", "<i8"),
        ("off_symbol", "<u8"),
        ("off_varied", "<i8"),
        ("off_behind", "<i8"),
        ("back_count", "<i8"),
        ("second", "<i8"),
        ("floor", "<f8"),
        ("floor_count", "<i8"),
        ("filled", "<i8"),
        ("noise", "<f8"),
        ("drifts", "<i8"),
        ("slope", "<f8"),
        ("calm", "<i8"),
    ]
)
"""Lags in ns. `low`: the envelope, net of the accepted `offset`; `deep`: its lowest
before the last seconds; `centre`: how far above it a lag usually is; `home`: the envelope
before an offset or a drift; `off_*`: messages in a row whose lag is off in the same way; `back_count`: those in a row that are
back home; `floor`: the lowest lag of this second; `noise`: by how much that differs from one second to the next."""
FLOOR = np.dtype([("second", "<i8"), ("lag", "<f8")])
FLOORS = 32
"""So many seconds' lowest lags are kept."""

SECOND_NS = 1_000_000_000
FUTURE_NS = 1.0e9
PAST_NS = 3_600.0e9
"""A stamp so far ahead of its capture, or so far behind it, is wrong. Bounds included."""
WARM = 50
OFF_RUN, OFF_RUN_SLOW, OFF_RUN_SINGLE = 8, 4, 24
"""So many messages in a row make a clock's offset: of several symbols; of several symbols, for OFF_SLOW_NS; of one symbol."""
OFF_SLOW_NS = 500_000_000
BACK_RUN = 4
ROOM_NS = 50.0e6
AHEAD_NS = 2.0e6
BEHIND_NS = 20.0e6
DAY_NS = 93_600.0e9
"""26 hours: no zone is so far from another. A lag beyond is in wrong units, and no latency can be told from it."""
QUARTER_NS = 900.0e9
"""Zones differ by whole quarters of an hour."""
QUARTER_ROOM_NS = 60.0e9
FAR = 9.0e18

SHORT, LONG = 8, 16
"""Seconds over which a drift must show, once and once more for slow ones."""
LEAST_DRIFT_NS = 100.0e3
STEEPEST_NS = 20.0e6
"""No clock loses two parts in a hundred: a lag that grows faster, a second, is a queue's."""
ENDED = 2

_TIME, _OFFSET, _DRIFT = bit("time_implausible"), bit("clock_offset"), bit("clock_drift")
_TS_EVENT = int(Present.TS_EVENT)


@array_kernel()
def _trend(floors, filled, width):  # type: ignore[no-untyped-def]
    """(slope in ns a second, scatter about it, seconds, steps that go its way) of the last lowest lags, by Theil and Sen."""
    first = filled - width
    slopes = np.empty(width * (width - 1) // 2)
    m = 0
    for j in range(width):
        one = floors[(first + j) % FLOORS]
        for k in range(j + 1, width):
            other = floors[(first + k) % FLOORS]
            slopes[m] = (other.lag - one.lag) / max(float(other.second - one.second), 1.0)
            m += 1
    slope = np.median(slopes)
    start, last = floors[first % FLOORS], floors[(filled - 1) % FLOORS]
    rests = np.empty(width)
    steps = 0
    for j in range(width):
        one = floors[(first + j) % FLOORS]
        rests[j] = one.lag - slope * float(one.second - start.second)
        if j > 0 and (one.lag - floors[(first + j - 1) % FLOORS].lag) * slope > 0.0:
            steps += 1
    scatter = np.median(np.abs(rests - np.median(rests)))
    return slope, scatter, float(last.second - start.second), steps


@array_kernel()
def _drift(c, floors, width):  # type: ignore[no-untyped-def]
    """The slope of a drift that shows over the last `width` seconds with messages, 0 if none does."""
    if c.filled < width + 2:
        return 0.0
    slope, scatter, seconds, steps = _trend(floors, c.filled, width)
    moved = abs(slope) * seconds
    # A queue builds up less evenly than a clock drifts.
    least = max(LEAST_DRIFT_NS, (10.0 if slope > 0.0 else 6.0) * scatter, 5.0 * c.noise, c.centre)
    if slope > STEEPEST_NS:
        return 0.0
    if seconds > 3.0 * width or moved < least or steps < (width - 1) - width // 5:
        return 0.0
    # A queue that drains ends where it began; a drift goes below.
    below = floors[(c.filled - 1) % FLOORS].lag <= c.deep - 0.25 * moved
    return slope if slope > 0.0 or below else 0.0


@array_kernel()
def _close_second(c, floors, at):  # type: ignore[no-untyped-def]
    """The lowest lag of a second is known: move the envelope, and see whether the clock drifts, or does no longer."""
    i, now, events, n = at
    if c.floor_count >= 3:
        if c.filled > 0:
            step = abs(c.floor - floors[(c.filled - 1) % FLOORS].lag)
            c.noise += (min(step, 5.0 * c.noise + 1e3) - c.noise) * (0.1 if c.filled > 10 else 0.5)
        slot = floors[c.filled % FLOORS]
        slot.second, slot.lag = c.second, c.floor
        c.filled += 1
        if c.filled > SHORT:
            older = floors[(c.filled - 1 - SHORT) % FLOORS].lag
            c.deep = min(c.deep, older) if c.deep != 0.0 else older
        c.low = c.floor
        for k in range(max(c.filled - SHORT, 0), c.filled):
            c.low = min(c.low, floors[k % FLOORS].lag)
        if c.drifts == 0:
            slope = _drift(c, floors, SHORT)
            width = SHORT
            if slope == 0.0:
                slope = _drift(c, floors, LONG)
                width = LONG
            if slope != 0.0:
                first = floors[(c.filled - width) % FLOORS]
                c.drifts, c.slope, c.calm = 1, slope, 0
                c.home = first.lag + c.offset
                started = now - np.int64((c.second - first.second) * SECOND_NS)
                n = note(events, n, (i, now, started, c.centre, c.noise), _DRIFT, OPENS, slope)
        else:
            slope, _, _, _ = _trend(floors, c.filled, 4)
            over = slope * c.slope <= 0.0 or abs(slope) < 0.25 * abs(c.slope)
            c.calm = c.calm + 1 if over else 0
            if c.calm >= ENDED:
                n = _end_drift(c, (i, now, events, n))
    c.floor, c.floor_count = 0.0, 0
    return n


@array_kernel()
def _end_drift(c, at):  # type: ignore[no-untyped-def]
    i, now, events, n = at
    c.drifts, c.filled, c.deep = 0, 0, 0.0
    return note(events, n, (i, now, now, c.centre, c.noise), _DRIFT, CLOSES, c.slope)


@array_kernel()
def _is_home(c, lag, room):  # type: ignore[no-untyped-def]
    """Is a lag, offset and all, where it was before the clock went wrong?"""
    if c.drifts == 1:
        near = max(AHEAD_NS, 6.0 * c.centre)
        return abs(lag - c.home) <= near and abs(lag - c.offset - c.low) > near
    near = min(room, max(AHEAD_NS, 0.5 * abs(c.offset)))
    if c.has_offset == 0 or abs(lag - c.offset - c.low) <= near:
        return False
    return abs(lag - c.home) <= near if c.home < FAR else (lag >= -FUTURE_NS and lag <= QUARTER_ROOM_NS)


@array_kernel()
def _come_home(c, lag, at):  # type: ignore[no-untyped-def]
    """One message more that is back home; enough of them end the offset or the drift."""
    i, now, events, n = at
    c.back_count += 1
    if c.back_count >= BACK_RUN:
        if c.drifts == 1:
            n = _end_drift(c, at)
        else:
            n = note(events, n, (i, now, now, FUTURE_NS, 0.0), _OFFSET, CLOSES, c.offset)
            c.has_offset, c.offset = 0, 0.0
        c.low = lag - c.offset
        c.filled, c.floor, c.floor_count = 0, 0.0, 0
        c.off_count = c.back_count = 0
    return n


@array_kernel()
def _accept(c, at):  # type: ignore[no-untyped-def]
    """The clock is off by what the last messages agree on."""
    i, now, events, n = at
    shift = c.off_low - c.low
    if c.warm == 0:
        quarters = np.round(c.off_low / QUARTER_NS) * QUARTER_NS
        near = quarters != 0.0 and abs(c.off_low - quarters) <= QUARTER_ROOM_NS
        shift = quarters if near else c.off_low
        c.low = c.off_low - shift
    if c.has_offset == 1:
        n = note(events, n, (i, now, now, FUTURE_NS, 0.0), _OFFSET, CLOSES, c.offset)
        if abs(c.offset + shift) <= max(AHEAD_NS, 0.1 * abs(shift)):
            c.low = c.off_low + c.offset
            c.has_offset, c.offset, c.off_count = 0, 0.0, 0
            c.filled, c.floor, c.floor_count = 0, 0.0, 0
            return n
    elif c.drifts == 0:
        c.home = c.low if c.warm > 0 else FAR
    c.offset += shift
    c.has_offset = 1
    c.filled, c.floor, c.floor_count = 0, 0.0, 0
    c.off_count = 0
    reference = c.home if c.home < FAR else 0.0
    return note(events, n, (i, now, c.off_since, FUTURE_NS, reference), _OFFSET, OPENS, c.offset)


@array_kernel()
def _note_off(row, c, net, symbol, room, now):  # type: ignore[no-untyped-def]
    """One message more whose lag is off. Do the last ones agree on an offset of the clock?"""
    if c.off_count > 0:
        # Old messages that are sent again faster than once: their lag goes as their time does.
        moved, passed = abs(net - c.off_lag), abs(since(c.off_event, row.ts_event))
        if moved > max(1e6, 4.0 * c.centre) and moved > 0.5 * passed and abs(net) <= DAY_NS:
            c.off_count = 0
    match = max(room, 0.02 * abs(net) if abs(net) > DAY_NS else min(0.02 * abs(net), QUARTER_ROOM_NS))
    if c.off_count > 0 and abs(net - c.off_lag) <= match:
        c.off_count += 1
        c.off_low = min(c.off_low, net)
        if symbol != c.off_symbol:
            c.off_varied = 1
    else:
        c.off_count, c.off_lag, c.off_low = 1, net, net
        c.off_since, c.off_symbol, c.off_varied = now, symbol, 0
        c.off_event = row.ts_event
    if c.off_varied == 0:
        return c.off_count >= OFF_RUN_SINGLE
    return c.off_count >= OFF_RUN or (c.off_count >= OFF_RUN_SLOW and now - c.off_since >= OFF_SLOW_NS)


@array_kernel()
def _learn(row, c, net):  # type: ignore[no-untyped-def]
    """A lag as it should be."""
    c.warm += 1
    c.low = net if c.warm == 1 else min(c.low, net)
    above = net - c.low
    c.centre += (min(above, 10.0 * c.centre + 1e5) - c.centre) * max(0.01, 1.0 / float(min(c.warm, 100)))
    c.floor = min(c.floor, net) if c.floor_count > 0 else net
    c.floor_count += 1
    c.event_last = row.ts_event


@array_kernel()
def check_plainly(row, c, usual_ns, now):  # type: ignore[no-untyped-def]
    """`check_clock` where nothing is off and no second ends, which is nearly always: (is it so, latency in ns)."""
    settled = c.has_offset == 0 and c.drifts == 0 and c.off_count == 0 and c.back_count == 0 and c.warm >= WARM
    if not settled or (now + SECOND_NS - 1) // SECOND_NS != c.second or row.ts_event < 0:
        return False, 0.0
    lag = since(row.ts_event, row.ts_recv)
    # At least as strict as `check_clock`.
    if lag < min(c.low, 0.0) or lag > min(c.low + max(BEHIND_NS, 4.0 * usual_ns), PAST_NS):
        return False, 0.0
    _learn(row, c, lag)
    return True, lag


@array_kernel()
def check_clock(row, i, c, floors, usual_ns, symbol, at):  # type: ignore[no-untyped-def]
    """Judge the venue's time of one message that is no copy.

    Parameters
    ----------
    c, floors : record of CLOCKS, array of FLOOR
    usual_ns : float
        The latency that one message in a hundred exceeds.
    symbol : uint64
        Hash of the message's symbol.
    at : (event time, events, their number)

    Returns
    -------
    (bits of `reasons`, latency net of the accepted offset in ns or NaN, number of events)
    """
    now, events, n = at
    bits = np.uint64(0)
    second = (now + SECOND_NS - 1) // SECOND_NS
    if second != c.second:
        n = _close_second(c, floors, (i, now, events, n))
        c.second = second
    lag = FAR if row.ts_event < 0 else min(max(since(row.ts_event, row.ts_recv), -FAR), FAR)
    net = lag - c.offset
    room = max(ROOM_NS, 8.0 * usual_ns)
    if _is_home(c, lag, room):
        return bits, np.nan, _come_home(c, lag, (i, now, events, n))
    far = net < -FUTURE_NS or net > PAST_NS
    behind = False
    off = far
    if c.warm >= WARM and not far:
        lowest = min(c.low, c.deep) if c.deep != 0.0 else c.low
        # A queue that drains, or a shorter way, ends above nought.
        off = net < min(lowest, 0.0) - max(AHEAD_NS, 6.0 * c.centre)
        if net > c.low + max(BEHIND_NS, 4.0 * usual_ns):
            # Did the stamps go back, or did time pass? Those after the first are held against the first.
            behind = since(row.ts_event, c.event_last) >= 0.5 * (net - c.low)
            same = c.off_count > 0 and c.off_behind == 1 and abs(net - c.off_lag) <= room
            behind = behind or same
            off = off or behind
    if off:
        if _note_off(row, c, net, symbol, room, now):
            n = _accept(c, (i, now, events, n))
            if c.has_offset == 1:
                bits |= mark(_OFFSET)
            c.event_last = row.ts_event
            return bits, np.nan, n
        c.off_behind = 1 if behind else 0
        if far:
            bits |= mark(_TIME) if c.warm > 0 or c.has_offset == 1 else mark(_OFFSET)
        # Stamps that went back a little may be late for once, too.
        return bits, net if behind else np.nan, n
    c.off_count = c.back_count = 0
    if c.has_offset == 1:
        bits |= mark(_OFFSET)
    if c.drifts == 1:
        bits |= mark(_DRIFT)
    _learn(row, c, net)
    return bits, net if abs(c.offset) <= DAY_NS else np.nan, n

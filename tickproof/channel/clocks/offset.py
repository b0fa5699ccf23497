"""The venue's clock against ours: single wrong stamps, a clock that is off by a constant; with `clock_drift`, one that drifts.

The lag of a message is `ts_recv` − `ts_event`. Queues only add to it, so its lower envelope is the path's own delay plus what
the clocks differ by. Three things tell a clock from a queue:

- a lag below the envelope is no latency;
- a lag that grows by D while no time D passed between two messages means that the stamps went back: a queue cannot do that;
- a drift moves the lowest lag of each second by the same amount, second after second, and leaves the scatter about it alone.

====================  =============================================================  ==========================================
clock                 message                                                        becomes
====================  =============================================================  ==========================================
right                 lag is off, not yet as often as an offset needs                right; marked where a stamp is implausible
right                 lag is off as those before it, often enough                    offset (opens `clock_offset`)
offset                lag is off from the offset, often enough                       another offset, or right (closes, opens)
offset, drifting      lag is where it was before, BACK_RUN times in a row            right (closes)
any                   lag is plausible                                               as it was; the envelope learns it
====================  =============================================================  ==========================================
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from tickproof.channel.clocks.drift import LowestLags, close_second, end_drift
from tickproof.channel.event_time import ns_between, second_of
from tickproof.channel.message import Message
from tickproof.findings.emit import EventLog, Occurrence, code_bit, emit, reason
from tickproof.findings.event import Mode
from tickproof.kernel import kernel
from tickproof.ticks.records import Record

CLOCK = np.dtype(
    [
        ("learnt", "<i8"),
        ("envelope", "<f8"),
        ("deep", "<f8"),
        ("spread", "<f8"),
        ("envelope_before", "<f8"),
        ("offset", "<f8"),
        ("has_offset", "<i8"),
        ("event_last", "<i8"),
        ("off_count", "<i8"),
        ("off_lag", "<f8"),
        ("off_lowest", "<f8"),
        ("off_since", "<i8"),
        ("off_event", "<i8"),
        ("off_symbol", "<u8"),
        ("off_varied", "<i8"),
        ("off_stamps_back", "<i8"),
        ("back_count", "<i8"),
        ("second", "<i8"),
        ("second_lowest", "<f8"),
        ("second_count", "<i8"),
        ("filled", "<i8"),
        ("noise", "<f8"),
        ("is_drifting", "<i8"),
        ("slope", "<f8"),
        ("calm", "<i8"),
    ]
)
"""Lags in ns. `learnt`: plausible lags so far; `envelope`: the lowest lag of the last seconds, net of the accepted `offset`;
`deep`: its lowest before these; `spread`: how far above it a lag usually is; `envelope_before`: the envelope before an offset or
a drift, UNKNOWN_NS if there was none; `event_last`: venue time of the last plausible message. `off_*`: messages in a row whose
lag is off in the same way: how many, the first one's lag, their lowest, the first one's event time, venue time and symbol, 1 if
there are other symbols, and 1 if the last one's stamp went back. `back_count`: messages in a row that are back where they were.
`second_lowest`: the lowest lag of this second, of `second_count`; `filled`: seconds whose lowest lag was kept; `noise`: by how
much it differs from one second to the next; `slope` of a drift, ns a second; `calm`: seconds in a row without its trend."""

FUTURE_NS = 1.0e9
PAST_NS = 3_600.0e9
"""A stamp so far ahead of its capture, or so far behind it, is wrong. Bounds included."""
WARM_UP = 50
ESTABLISHED = 1_000
"""So many plausible lags show that the lowest of them is the way's own, and no queue that was there from the start."""
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
LARGEST_OTHER, EARLIEST_CAPTURE_NS = 5 * 10**15, 6 * 10**17
"""Any time of this century in µs is smaller, and any since 1990 in ns is larger."""
UNKNOWN_NS = 9.0e18
"""Larger than any lag."""

_TIME, _OFFSET, _DRIFT = code_bit("time_implausible"), code_bit("clock_offset"), code_bit("clock_drift")
_UNIT = code_bit("time_unit")


class LagKind(IntEnum):
    """What a lag says about its message's stamp."""

    PLAUSIBLE = 0
    IMPLAUSIBLE = 1
    """So far off that the stamp is wrong by itself."""
    TOO_LOW = 2
    """Below the envelope: no queue does that."""
    STAMPS_WENT_BACK = 3
    """The lag grew by more than the time that passed."""


class Lag(NamedTuple):
    """One message's lag, ns.

    Attributes
    ----------
    whole : float
        `ts_recv` − `ts_event`.
    net : float
        Net of the accepted offset.
    room : float
        By so much lags may differ and still be off in the same way.
    """

    whole: float
    net: float
    room: float


class ClockCheck(NamedTuple):
    """What a message's venue time says: bits of `reasons`, and the latency in ns, NaN where none can be told."""

    reasons: np.uint64
    latency_ns: float


class QuickCheck(NamedTuple):
    """Whether a message's venue time needs no further check, and then the latency in ns."""

    is_plain: bool
    latency_ns: float


@kernel()
def check_plain_clock(row: Record, clock: Record, usual_ns: float, now: int) -> QuickCheck:
    """Do what `check_clock` does where nothing is off and no second ends, which is nearly always."""
    is_settled = clock.has_offset == 0 and clock.is_drifting == 0 and clock.off_count == 0 and clock.back_count == 0
    if not is_settled or clock.learnt < WARM_UP or second_of(now) != clock.second or row.ts_event < 0:
        return QuickCheck(False, 0.0)
    lag = ns_between(row.ts_event, row.ts_recv)
    # At least as strict as `check_clock`.
    if lag < min(clock.envelope, 0.0) or lag > min(clock.envelope + max(BEHIND_NS, 4.0 * usual_ns), PAST_NS):
        return QuickCheck(False, 0.0)
    _learn(row, clock, lag)
    return QuickCheck(True, lag)


@kernel()
def check_clock(message: Message, clock: Record, lowest: LowestLags, usual_ns: float, log: EventLog) -> ClockCheck:
    """Check the venue's time of one message.

    Parameters
    ----------
    message : Message
        One with a venue time that is no copy.
    clock : record of CLOCK
    lowest : LowestLags
    usual_ns : float
        The latency that one message in a hundred exceeds, ns.
    log : EventLog
    """
    row, now = message.row, message.now
    factor = factor_of_unit(row)
    if factor > 0:
        # Told for as long as the channel goes on: such stamps come and go with the sender that writes them.
        emit(log, _UNIT, Mode.OPENS, Occurrence(message.row_index, now, now, float(factor), 0.0, np.nan))
        return ClockCheck(reason(_UNIT), np.nan)
    if second_of(now) != clock.second:
        close_second(clock, lowest, message.row_index, now, log)
        clock.second = second_of(now)
    lag = _measure(row, clock, usual_ns)
    if _is_back(clock, lag):
        _return_to_usual(message, clock, lag, log)
        return ClockCheck(np.uint64(0), np.nan)
    kind = _classify(row, clock, lag, usual_ns)
    if kind != LagKind.PLAUSIBLE:
        return _take_off(message, clock, lag, kind, log)
    clock.off_count = clock.back_count = 0
    reasons = np.uint64(0)
    if clock.has_offset == 1:
        reasons |= reason(_OFFSET)
    if clock.is_drifting == 1:
        reasons |= reason(_DRIFT)
    _learn(row, clock, lag.net)
    return ClockCheck(reasons, lag.net if abs(clock.offset) <= DAY_NS else np.nan)


@kernel()
def factor_of_unit(row: Record) -> int:
    """Return by what a venue's time has to be multiplied to lie within 26 hours of its capture; 0 where it is in ns.

    A stamp in µs, ms or s is wrong by itself: it says nothing of the venue's clock.
    """
    if row.ts_event <= 0 or row.ts_event > LARGEST_OTHER or row.ts_recv < EARLIEST_CAPTURE_NS:
        return 0
    factor = 1_000
    for _ in range(3):
        if abs(float(row.ts_event) * factor - float(row.ts_recv)) < DAY_NS:
            return factor
        factor *= 1_000
    return 0


@kernel()
def _measure(row: Record, clock: Record, usual_ns: float) -> Lag:
    whole = UNKNOWN_NS
    if row.ts_event >= 0:
        whole = min(max(ns_between(row.ts_event, row.ts_recv), -UNKNOWN_NS), UNKNOWN_NS)
    return Lag(whole, whole - clock.offset, max(ROOM_NS, 8.0 * usual_ns))


@kernel()
def _is_back(clock: Record, lag: Lag) -> bool:
    """Return whether a lag, offset and all, is where it was before the clock went wrong."""
    distance = abs(lag.whole - clock.offset - clock.envelope)
    if clock.is_drifting == 1:
        near = max(AHEAD_NS, 6.0 * clock.spread)
        return abs(lag.whole - clock.envelope_before) <= near and distance > near
    near = min(lag.room, max(AHEAD_NS, 0.5 * abs(clock.offset)))
    if clock.has_offset == 0 or distance <= near:
        return False
    if clock.envelope_before < UNKNOWN_NS:
        return abs(lag.whole - clock.envelope_before) <= near
    return lag.whole >= -FUTURE_NS and lag.whole <= QUARTER_ROOM_NS


@kernel()
def _return_to_usual(message: Message, clock: Record, lag: Lag, log: EventLog) -> None:
    """Count a message that is back where it was; enough of them end the offset or the drift."""
    clock.back_count += 1
    if clock.back_count < BACK_RUN:
        return
    if clock.is_drifting == 1:
        end_drift(clock, message.row_index, message.now, log)
    else:
        _close_offset(message, clock, log)
        clock.has_offset = 0
        clock.offset = 0.0
    clock.envelope = lag.whole - clock.offset
    _forget_lowest(clock)
    clock.off_count = clock.back_count = 0


@kernel()
def _classify(row: Record, clock: Record, lag: Lag, usual_ns: float) -> LagKind:
    """Return what a lag says about its stamp, by the envelope once that is known."""
    net = lag.net
    if net < -FUTURE_NS or net > PAST_NS:
        return LagKind.IMPLAUSIBLE
    if clock.learnt < WARM_UP:
        return LagKind.PLAUSIBLE
    lowest = min(clock.envelope, clock.deep) if clock.deep != 0.0 else clock.envelope
    # A queue that drains, or a shorter way, ends above nought.
    if net < min(lowest, 0.0) - max(AHEAD_NS, 6.0 * clock.spread):
        return LagKind.TOO_LOW
    if net > clock.envelope + max(BEHIND_NS, 4.0 * usual_ns):
        went_back = ns_between(row.ts_event, clock.event_last) >= 0.5 * (net - clock.envelope)
        # Those after the first are compared with the first.
        is_same = clock.off_count > 0 and clock.off_stamps_back == 1 and abs(net - clock.off_lag) <= lag.room
        if went_back or is_same:
            return LagKind.STAMPS_WENT_BACK
    return LagKind.PLAUSIBLE


@kernel()
def _take_off(message: Message, clock: Record, lag: Lag, kind: LagKind, log: EventLog) -> ClockCheck:
    """Take a message whose lag is off: the clock's offset if enough of them agree, else a wrong stamp or a late message."""
    if _follow_off(message, clock, lag):
        _accept_offset(message, clock, log)
        clock.event_last = message.row.ts_event
        return ClockCheck(reason(_OFFSET) if clock.has_offset == 1 else np.uint64(0), np.nan)
    reasons = np.uint64(0)
    if kind == LagKind.IMPLAUSIBLE:
        reasons = reason(_TIME) if clock.learnt > 0 or clock.has_offset == 1 else reason(_OFFSET)
    if kind == LagKind.STAMPS_WENT_BACK:
        clock.off_stamps_back = 1
        # Stamps that went back a little may be late for once, too.
        return ClockCheck(reasons, lag.net)
    clock.off_stamps_back = 0
    return ClockCheck(reasons, np.nan)


@kernel()
def _follow_off(message: Message, clock: Record, lag: Lag) -> bool:
    """Count a message whose lag is off; return whether the last ones agree on an offset of the clock."""
    net, ts_event = lag.net, message.row.ts_event
    if clock.off_count > 0:
        # Old messages that are sent again faster than once: their lag goes as their time does.
        moved, passed = abs(net - clock.off_lag), abs(ns_between(clock.off_event, ts_event))
        if moved > max(1e6, 4.0 * clock.spread) and moved > 0.5 * passed and abs(net) <= DAY_NS:
            clock.off_count = 0
    match = max(lag.room, 0.02 * abs(net) if abs(net) > DAY_NS else min(0.02 * abs(net), QUARTER_ROOM_NS))
    if clock.off_count > 0 and abs(net - clock.off_lag) <= match:
        clock.off_count += 1
        clock.off_lowest = min(clock.off_lowest, net)
        if message.symbol != clock.off_symbol:
            clock.off_varied = 1
    else:
        clock.off_count = 1
        clock.off_lag = clock.off_lowest = net
        clock.off_since = message.now
        clock.off_event = ts_event
        clock.off_symbol = message.symbol
        clock.off_varied = 0
    if clock.off_varied == 0:
        return clock.off_count >= OFF_RUN_SINGLE
    return clock.off_count >= OFF_RUN or (clock.off_count >= OFF_RUN_SLOW and message.now - clock.off_since >= OFF_SLOW_NS)


@kernel()
def _accept_offset(message: Message, clock: Record, log: EventLog) -> None:
    """Take the clock to be off by what the last messages agree on."""
    shift = clock.off_lowest - clock.envelope
    if clock.learnt < ESTABLISHED and clock.off_lowest < 0.0 < clock.envelope:
        # What was learnt so far may be a queue that drains: only what lies below nought is the clock's.
        shift = clock.off_lowest
        clock.envelope = 0.0
    if clock.learnt == 0:
        shift = _shift_of_zone(clock.off_lowest)
        clock.envelope = clock.off_lowest - shift
    if clock.has_offset == 1:
        _close_offset(message, clock, log)
        if abs(clock.offset + shift) <= max(AHEAD_NS, 0.1 * abs(shift)):
            clock.envelope = clock.off_lowest + clock.offset
            clock.has_offset = 0
            clock.offset = 0.0
            clock.off_count = 0
            _forget_lowest(clock)
            return
    elif clock.is_drifting == 0:
        clock.envelope_before = clock.envelope if clock.learnt > 0 else UNKNOWN_NS
    clock.offset += shift
    clock.has_offset = 1
    clock.off_count = 0
    _forget_lowest(clock)
    reference = clock.envelope_before if clock.envelope_before < UNKNOWN_NS else 0.0
    what = Occurrence(message.row_index, message.now, clock.off_since, clock.offset, FUTURE_NS, reference)
    emit(log, _OFFSET, Mode.OPENS, what)


@kernel()
def _shift_of_zone(lag: float) -> float:
    """Return the whole quarters of an hour that a first lag is near, ns, or the lag itself."""
    quarters = np.round(lag / QUARTER_NS) * QUARTER_NS
    return quarters if quarters != 0.0 and abs(lag - quarters) <= QUARTER_ROOM_NS else lag


@kernel()
def _close_offset(message: Message, clock: Record, log: EventLog) -> None:
    what = Occurrence(message.row_index, message.now, message.now, clock.offset, FUTURE_NS, 0.0)
    emit(log, _OFFSET, Mode.CLOSES, what)


@kernel()
def _forget_lowest(clock: Record) -> None:
    """Forget the lowest lags: they are of another offset."""
    clock.filled = 0
    clock.second_lowest = 0.0
    clock.second_count = 0


@kernel()
def _learn(row: Record, clock: Record, net: float) -> None:
    """Learn from a lag that is as it should be."""
    clock.learnt += 1
    clock.envelope = net if clock.learnt == 1 else min(clock.envelope, net)
    above = net - clock.envelope
    weight = max(0.01, 1.0 / float(min(clock.learnt, 100)))
    clock.spread += (min(above, 10.0 * clock.spread + 1e5) - clock.spread) * weight
    clock.second_lowest = min(clock.second_lowest, net) if clock.second_count > 0 else net
    clock.second_count += 1
    clock.event_last = row.ts_event

"""One channel's integrity: one compiled pass over its ticks, each idea in a module of its own.

For each message, in this order:

1. event time moves, or goes back (`event_time`);
2. what is due by event time alone is done: the second's row is written, gaps and out-of-order runs are given up, a silence opens;
3. a capture heartbeat ends here: it is ours, and says nothing about the venue;
4. the message is a sign of life (`silence`);
5. its place is checked: listed symbol, open venue, allowed lateness;
6. its number or trade id (`sequence`), and its capture time against the message before;
7. its venue time and latency (`clock_offset`, `clock_drift`, `latency`), unless it is not of the main sequence;
8. it is counted for the second (`second_counts`), and its burst checked (`bursts`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.channel import bursts, latency, second_counts, silence
from tickproof.channel import event_time as timing
from tickproof.channel.clocks.drift import LowestLags
from tickproof.channel.clocks.offset import check_clock, check_plain_clock, factor_of_unit
from tickproof.channel.clocks.shift import follow_shift
from tickproof.channel.event_time import SECOND_NS, Move, ns_between, second_of
from tickproof.channel.message import LAST_TICK_KIND, Hashes, Message, content_hash, price_key, trade_key
from tickproof.channel.second_rows import close_second
from tickproof.channel.sequence.gaps import OpenGaps, expire_gaps, tell_gaps
from tickproof.channel.sequence.history import (
    Reported,
    RunKind,
    SequenceMode,
    SequenceState,
    advance,
    is_expected,
    numbers_between,
)
from tickproof.channel.sequence.numbers import TOLERATED_NS, NoCode, SequenceCheck, check_number, marked
from tickproof.channel.sequence.out_of_order import RUN_NS, report_singly
from tickproof.channel.sequence.trade_ids import check_trade_id
from tickproof.channel.state import ChannelArrays
from tickproof.findings.emit import EventLog, Occurrence, code_bit, emit, reason
from tickproof.findings.event import Mode, NoRow
from tickproof.instrument.silence import CHANNEL_ONLY
from tickproof.kernel import Fields, kernel, plain
from tickproof.reference import sessions
from tickproof.ticks.records import Record, Records
from tickproof.ticks.schema import Condition, Flag, Kind, Present

EVENTS_A_TICK, EVENTS_BEFORE = 8, 64
"""How many events a pass may emit: so many a tick, and what an out-of-order run before it had not reported."""
LISTED, UNLISTED_AT_MOST = 20, 5
"""A list of symbols is believed after so many ticks of symbols in it, while at most one tick for so many of these is of none."""

_ORDER, _LATE, _LATENCY = code_bit("out_of_order"), code_bit("late_tick"), code_bit("latency_spike")
_GAP, _RESET, _BURST = code_bit("sequence_gap"), code_bit("sequence_reset"), code_bit("burst")
_UNKNOWN, _SHUT = code_bit("unknown_symbol"), code_bit("out_of_session")
_SEQUENCE, _TS_EVENT, _TRADE_ID = int(Present.SEQUENCE), int(Present.TS_EVENT), int(Present.TRADE_ID)
_QUOTE, _TRADE, _HEARTBEAT = int(Kind.QUOTE), int(Kind.TRADE), int(Kind.HEARTBEAT)
_CAPTURE, _UNRECORDED = int(Flag.CAPTURE_HEARTBEAT), int(Flag.UNRECORDED)
_REORDERED, _SECOND = int(Flag.REORDERED), int(Flag.SECOND_RECORDER)
_EXTENDED = int(Condition.EXTENDED_HOURS)
_IN_ORDER, _OLD = int(NoCode.IN_ORDER), int(NoCode.OLD)
_CHANNEL = int(NoRow.CHANNEL)


class Listing(NamedTuple):
    """What is known about the names of a step, by a name's code, with one more for null.

    Attributes
    ----------
    is_listed : uint8 array
        Whether a symbol is listed on the channel.
    calendar_of : int64 array
        The calendar of a venue, or −1.
    edges, hours : int64 arrays
        Sessions (open, close) in ns of all calendars; those of calendar k are `hours[edges[k] : edges[k + 1]]`.
    wide_edges, wide_hours : int64 arrays
        Likewise with the time around sessions in which venues trade, too.
    """

    is_listed: npt.NDArray[np.uint8]
    calendar_of: npt.NDArray[np.int64]
    edges: npt.NDArray[np.int64]
    hours: npt.NDArray[np.int64]
    wide_edges: npt.NDArray[np.int64]
    wide_hours: npt.NDArray[np.int64]


class FrameSettings(NamedTuple):
    """Settings of a channel.

    Attributes
    ----------
    mode : int
        A SequenceMode.
    out_of_orderness_ns : int
        How late a tick may be.
    has_listing : bool
        Symbols are listed, or hours are known.
    """

    mode: int
    out_of_orderness_ns: int
    has_listing: bool


class Outputs(NamedTuple):
    """Where a pass writes to.

    Attributes
    ----------
    log : EventLog
        With room for EVENTS_A_TICK × n + EVENTS_BEFORE events of n ticks.
    seconds : array of SECOND_ROW, shape (n + 1,)
    seconds_written : int64 array, shape (1,)
        How many of them are written.
    scratch : float64 array, shape (SCRATCH,)
        Room to compute in.
    """

    log: EventLog
    seconds: Records
    seconds_written: npt.NDArray[np.int64]
    scratch: npt.NDArray[np.float64]


def check_frame(
    rows: Records, names: Hashes, state: ChannelArrays, settings: FrameSettings, listing: Listing, out: Outputs
) -> None:
    """Stamp `rows` in place and move the state.

    Parameters
    ----------
    rows : array of ROW, shape (n,)
    names : uint64 array
        Hash of each name of the step, and 0 behind them for null.
    state : ChannelArrays
    settings : FrameSettings
    listing : Listing
        Read only where `settings.has_listing`.
    out : Outputs
    """
    _check_fields(rows, names, plain(state), plain(settings), plain(listing), plain(out))


@kernel()
def _check_fields(rows: Records, names: Hashes, state: Fields, settings: Fields, listing: Fields, out_fields: Fields) -> None:
    """Give the fields their names, and check the frame."""
    out = Outputs(EventLog(*out_fields[0]), out_fields[1], out_fields[2], out_fields[3])
    _check_messages(rows, names, ChannelArrays(*state), FrameSettings(*settings), Listing(*listing), out)


@kernel()
def _check_messages(
    rows: Records, names: Hashes, state: ChannelArrays, settings: FrameSettings, listing: Listing, out: Outputs
) -> None:
    """Take the messages of a frame one after the other, as the module's text says."""
    channel, log = state.header[0], out.log
    sequence = SequenceState(channel.counter, state.ring, state.gaps, channel.counts, settings.mode)
    lowest = LowestLags(state.lowest, out.scratch)
    is_numbered = settings.mode != SequenceMode.NONE
    for i in range(len(rows)):
        row = rows[i]
        # What nearly every message needs is asked here, with records only: to hand arrays on costs more than to ask.
        move = _advance_time(row, channel, is_numbered)
        now = channel.arrival.event_time
        if move == Move.REBASES:
            _rebase(channel, state.gaps, now)
            emit(log, 0, Mode.REBASES, Occurrence(_CHANNEL, now, now, 0.0, 0.0, 0.0))
        if _may_be_due(channel, now):
            _do_what_is_due(i, now, channel, state, out)
        row.reasons = 0
        if row.kind == _HEARTBEAT and (row.flags & _CAPTURE) != 0:
            if (row.flags & _UNRECORDED) != 0:
                _begin_another_recording(channel, state.ring, now)
            continue
        message = Message(row, i, now, names[row.symbol])
        if not silence.observe_plain_tick(row, channel.quiet, now, message.symbol):
            silence.observe_message(message, channel.quiet, log)
        reasons = _check_listing(row, channel, listing, now) if settings.has_listing else np.uint64(0)
        if row.kind == _HEARTBEAT and silence.has_quiet_symbols(channel.quiet, now):
            reasons |= np.uint64(CHANNEL_ONLY)
        if row.ts_recv < now - settings.out_of_orderness_ns:
            reasons |= _report_late(message, settings.out_of_orderness_ns, log)
        checked = marked(_IN_ORDER)
        if is_numbered and is_expected(row, channel.counter):
            advance(row, channel.counter, state.ring, content_hash(row, names))
        elif is_numbered:
            checked = _check_sequence(message, names, sequence, log)
            if (row.flags & _SECOND) != 0:
                # It waited for no path but for the other program.
                checked = SequenceCheck(checked.code, checked.is_late, checked.waited_ns, True)
        if checked.code != _IN_ORDER or row.ts_recv < channel.arrival.last_ts:
            reasons |= _check_order(message, channel.arrival, checked, log)
        if (row.flags & _REORDERED) != 0:
            reasons |= _report_reordered(message, log)
        if move == Move.FOLLOWS:
            channel.arrival.last_ts = row.ts_recv
        is_main = _is_of_main_sequence(checked.code)
        if is_main and (row.present & _TS_EVENT) != 0:
            usual_ns = latency.usual_latency(channel.latency)
            quick = check_plain_clock(row, channel.clock, usual_ns, now)
            latency_ns = quick.latency_ns
            if not quick.is_plain:
                clock = check_clock(message, channel.clock, lowest, usual_ns, log)
                reasons |= clock.reasons
                latency_ns = clock.latency_ns
            if quick.is_plain or factor_of_unit(row) == 0:
                follow_shift(message, channel.clock, state.shift[0], log)
            if not np.isnan(latency_ns):
                spike = latency.check_latency(latency_ns, now, channel.latency, state.histogram)
                if spike.is_spike:
                    reasons |= _report_spike(message, channel.latency, latency_ns, spike.threshold_ns, log)
        _count(row, channel, state.slots, message.symbol)
        if row.kind == _QUOTE and is_main:
            price = price_key(row, names)
            if bursts.is_burst(channel.burst, channel.activity, state.standing, price, message.symbol, now):
                reasons |= _report_burst(message, channel.burst, log)
        row.reasons = reasons


@kernel()
def _advance_time(row: Record, channel: Record, is_numbered: bool) -> Move:
    """Move event time by one message; the first one begins the seconds, too."""
    arrival, counter = channel.arrival, channel.counter
    is_first = arrival.started == 0
    is_old_number = is_numbered and (row.present & _SEQUENCE) != 0 and counter.started == 1
    if is_old_number:
        is_old_number = numbers_between(row.sequence, counter.expected) > 0
    move = timing.advance_event_time(row, arrival, not is_old_number)
    if is_first:
        channel.counts.second = second_of(arrival.event_time)
    return move


@kernel()
def _rebase(channel: Record, gaps: Records, now: int) -> None:
    """Begin anew everything that counts time: event time went back to `now`."""
    silence.rebase_silence(channel.quiet, now)
    channel.counts.second = second_of(now)
    channel.arrival.last_ts = now
    channel.latency.late_since = now
    channel.counter.run.since = now
    channel.clock.off_since = now
    for k in range(len(gaps)):
        gaps[k].since = now


@kernel()
def _begin_another_recording(channel: Record, ring: Records, now: int) -> None:
    """Forget numbers and the last messages: nothing was recorded up to `now`, so that nothing is missing or silent."""
    silence.leave_unrecorded(channel.quiet, now)
    if channel.counter.started == 1:
        channel.counter.started = 0
        channel.counter.run.kind = RunKind.NONE
        ring["content"][:] = 0


@kernel()
def _may_be_due(channel: Record, now: int) -> bool:
    """Return whether anything may be due by event time alone; asked of every message, so no array is handed on."""
    counter = channel.counter
    is_waiting = counter.open_gaps != OpenGaps.NONE or _is_run_open(counter)
    return is_waiting or now > channel.counts.second * SECOND_NS or silence.may_be_silent(channel.quiet, now)


@kernel()
def _is_run_open(counter: Record) -> bool:
    """Return whether there is an out-of-order run that is not reported."""
    return counter.run.kind != RunKind.NONE and counter.run.reported == Reported.NOT_YET


@kernel()
def _do_what_is_due(index: int, now: int, channel: Record, state: ChannelArrays, out: Outputs) -> None:
    """Do what event time alone makes due: close the second, give up gaps, report a run, open a silence."""
    second, counter = second_of(now), channel.counter
    if second > channel.counts.second:
        close_second(channel, state.histogram, out.seconds[out.seconds_written[0]], now)
        out.seconds_written[0] += 1
        channel.counts.second = second
    if counter.open_gaps != OpenGaps.NONE:
        tell_gaps(state.gaps, counter, now, out.log)
        expire_gaps(state.gaps, channel.counts, counter, now, out.log)
    if _is_run_open(counter):
        due = counter.run.since + RUN_NS
        if now > due:
            report_singly(counter, due, out.log)
    silence.open_silence(channel.quiet, index, now, out.log)


@kernel()
def _check_listing(row: Record, channel: Record, listing: Listing, now: int) -> np.uint64:
    """Return the reasons of a tick whose symbol is not listed, or whose venue is shut; keep the venue's hours for silences."""
    reasons = np.uint64(0)
    if row.symbol >= 0 and row.kind <= LAST_TICK_KIND and not _is_listed(row, channel.counts, listing):
        reasons |= reason(_UNKNOWN)
    k = listing.calendar_of[row.venue]
    if k < 0:
        return reasons
    hours = listing.hours[listing.edges[k] : listing.edges[k + 1]]
    _, channel.quiet.close, channel.quiet.reopen = sessions.search(hours, now)
    if row.kind <= _TRADE and (row.conditions & _EXTENDED) == 0:
        wide = listing.wide_hours[listing.wide_edges[k] : listing.wide_edges[k + 1]]
        # What was sent in time and came late is in session.
        sent = row.ts_event if (row.present & _TS_EVENT) != 0 else now
        if sessions.search(wide, now)[0] == 0 and sessions.search(wide, sent)[0] == 0:
            reasons |= reason(_SHUT)
    return reasons


@kernel()
def _is_listed(row: Record, counts: Record, listing: Listing) -> bool:
    """Count a tick by its symbol; return False if that is not listed, and the list is to be believed."""
    if listing.is_listed[row.symbol]:
        counts.listed += 1
        return True
    counts.unlisted += 1
    # Where much is not listed, the list is no listing.
    return counts.listed < LISTED or counts.unlisted * UNLISTED_AT_MOST > counts.listed


@kernel()
def _check_sequence(message: Message, names: Hashes, sequence: SequenceState, log: EventLog) -> SequenceCheck:
    """Check the number of one message, or its trade id where it has none."""
    row = message.row
    if (row.present & _SEQUENCE) != 0:
        return check_number(message, content_hash(row, names), sequence, log)
    if (row.present & _TRADE_ID) != 0 and row.kind == _TRADE:
        return marked(check_trade_id(message, trade_key(row, names), content_hash(row, names), sequence, log))
    return marked(_IN_ORDER)


@kernel()
def _is_of_main_sequence(code: int) -> bool:
    """Return whether a message continues the main sequence: no copy, no late arrival, nothing that was sent again."""
    return code in (_IN_ORDER, _GAP, _RESET)


@kernel()
def _check_order(message: Message, arrival: Record, checked: SequenceCheck, log: EventLog) -> np.uint64:
    """Return the reasons of a message by its number, and by its capture time against the message before.

    A number and a time that go back together are one message out of order.
    """
    reasons = np.uint64(0)
    if checked.code != _IN_ORDER and checked.code != _OLD:
        reasons |= reason(checked.code)
    time, now, last = message.row.ts_recv, message.now, arrival.last_ts
    # What is behind the main sequence and fills no gap is told with its run, once.
    if not (checked.is_late or (time < last and _is_of_main_sequence(checked.code))):
        return reasons
    behind_ns, is_tolerated = checked.waited_ns, checked.is_tolerated
    if time < last:
        behind_ns = ns_between(time, last)
        is_tolerated = behind_ns <= TOLERATED_NS
    mode = Mode.ANNOUNCED if is_tolerated else Mode.MOMENT
    emit(log, _ORDER, mode, Occurrence(message.row_index, now, min(time, now), behind_ns, 0.0, np.nan))
    return reasons | reason(_ORDER)


@kernel()
def _report_reordered(message: Message, log: EventLog) -> np.uint64:
    """Report a tick that stood behind a later one in a recording; return its reason."""
    emit(log, _ORDER, Mode.OPENS, Occurrence(message.row_index, message.now, message.row.ts_recv, np.nan, 0.0, np.nan))
    return reason(_ORDER)


@kernel()
def _report_late(message: Message, allowed_ns: int, log: EventLog) -> np.uint64:
    """Report a tick that is behind event time by more than is allowed; return its reason."""
    time, now = message.row.ts_recv, message.now
    emit(log, _LATE, Mode.MOMENT, Occurrence(message.row_index, now, time, ns_between(time, now), float(allowed_ns), 0.0))
    return reason(_LATE)


@kernel()
def _report_spike(message: Message, state: Record, latency_ns: float, threshold_ns: float, log: EventLog) -> np.uint64:
    """Report a latency spike; return its reason."""
    usual_ns = latency.usual_latency(state)
    what = Occurrence(message.row_index, message.now, state.late_since, latency_ns, threshold_ns, usual_ns)
    emit(log, _LATENCY, Mode.MOMENT, what)
    return reason(_LATENCY)


@kernel()
def _report_burst(message: Message, burst: Record, log: EventLog) -> np.uint64:
    """Report a quote in a burst; return its reason."""
    began, threshold = burst.window * bursts.WINDOW_NS, bursts.MANY * burst.peak
    what = Occurrence(message.row_index, message.now, began, float(burst.quotes), threshold, burst.peak)
    emit(log, _BURST, Mode.MOMENT, what)
    return reason(_BURST)


@kernel()
def _count(row: Record, channel: Record, slots: npt.NDArray[np.uint64], symbol: np.uint64) -> None:
    """Count a message for its second."""
    counts = channel.counts
    counts.ticks += 1
    channel.activity.messages += 1
    if row.kind <= _TRADE:
        second_counts.count_tick(row, channel.activity, slots, symbol, counts.second)
    if row.kind == _QUOTE:
        counts.quotes += 1
    elif row.kind == _TRADE:
        counts.trades += 1

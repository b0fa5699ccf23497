"""One pass over a shard's ticks in the shard's order, compiled: context and features of each, verdicts made final in passing.

A tick passes these phases: time moves on (ticks whose lookahead is over become final, silences open), the message is checked by
itself, the instrument's arrival is observed, then a price is measured, decided and learnt from.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tickproof.features.measure import learn_tick, measure_tick
from tickproof.features.state import Factors, TickMoment
from tickproof.features.table import INDEX
from tickproof.findings.emit import EventLog
from tickproof.instrument import level, silence
from tickproof.instrument.absence import observe_activity, sweep_absences
from tickproof.instrument.consensus import Instruments, others_ticks
from tickproof.instrument.one_based import ABSENT, to_index
from tickproof.kernel import Fields, kernel, plain
from tickproof.reference.tables import Tables
from tickproof.rules.bursts import check_burst
from tickproof.rules.context import TicksAfter
from tickproof.rules.corrections import apply_correction, apply_splits
from tickproof.rules.finalize_price import finalize_price
from tickproof.rules.message import check_message, check_unknown, placeholder
from tickproof.rules.reasons import BOTH_SIDES, LAST_INSTRUMENT_KIND, TRADE, has
from tickproof.rules.relations.breaks import check_relations
from tickproof.rules.sizes import finalize_sizes
from tickproof.rules.tick_grid import check_grid
from tickproof.rules.venue_habits import Origin, announce_habits
from tickproof.shard.arrays import PricedTick, ShardArrays, Slice, SliceTimes, named_arrays, named_slice
from tickproof.shard.check_price import check_price
from tickproof.shard.one_sided import check_one_sided
from tickproof.ticks.records import Record
from tickproof.ticks.schema import Condition, Kind, Present

SHARD = np.dtype([("second", "<i8"), ("time", "<i8")])
"""The last second of event time that began, rounded up; event time of the last tick, ns."""

SECOND_NS = 1_000_000_000
NO_INSTRUMENT = -1
USUAL_LIST = 0
"""The list of placeholders where a channel has none of its own."""
GAP_FLOOR_NS = 1e3
_STATUS = int(Kind.STATUS)
_TS_EVENT = int(Present.TS_EVENT)
_STOPPED = int(Condition.HALTED | Condition.SESSION_CLOSED)
_CONTINUED = int(Condition.RESUMED | Condition.SESSION_OPENED)
_CHANNEL_ONLY = np.uint64(silence.CHANNEL_ONLY)
_F_TRADE, _F_INTERVAL, _F_RATE = INDEX["is_trade"], INDEX["interval"], INDEX["rate_ratio"]


def score_slice(ticks: Slice, arrays: ShardArrays, times: SliceTimes, log: EventLog) -> int:
    """Score the rows from `times.start` on and make final what the horizon allows.

    Parameters
    ----------
    ticks : Slice
        Contexts and features of the scored rows are written to.
    arrays : ShardArrays
        Written to.
    times : SliceTimes
    log : EventLog
        Silences, and venues' habits.

    Returns
    -------
    int
        The first row that is not final.
    """
    return int(score_fields(plain(ticks), plain(arrays), plain(times), plain(log)))


@kernel()
def score_fields(ticks: Fields, arrays: Fields, times: Fields, log: Fields) -> int:
    """Give the fields their names, and score the slice."""
    return _score_rows(named_slice(ticks), named_arrays(arrays), SliceTimes(*times), EventLog(*log))


@kernel()
def _score_rows(ticks: Slice, arrays: ShardArrays, times: SliceTimes, log: EventLog) -> int:
    """Score the rows one after the other; return the first that is not final."""
    rows, tags, instruments = ticks.rows, ticks.tags, arrays.liveness.instruments
    final = times.final
    for i in range(times.start, len(rows)):
        row, context = rows[i], ticks.contexts[i]
        while final < i and rows[final].event_time + times.lookahead < row.event_time:
            _finalize(TicksAfter(rows, tags.instrument_of, final, i), ticks.contexts[final], times.lookahead, instruments)
            final += 1
        _advance_time(row, tags.channel_of[i], arrays, log)
        context.instrument = tags.instrument_of[i]
        context.x = np.nan
        ticks.features[i, :] = np.nan
        if not tags.is_liveness[i]:
            if context.instrument == NO_INSTRUMENT:
                check_unknown(row, context, _placeholder(row, USUAL_LIST, arrays.reference))
            else:
                _score_message(i, ticks, arrays, log)
    while final < len(rows) and rows[final].event_time + times.lookahead < times.horizon:
        _finalize(TicksAfter(rows, tags.instrument_of, final, len(rows)), ticks.contexts[final], times.lookahead, instruments)
        final += 1
    return final


@kernel(forceinline=True)
def _finalize(ticks: TicksAfter, context: Record, lookahead: int, instruments: Instruments) -> None:
    """Make one tick's verdict final; instruments hold everything up to its event time + lookahead, and nothing later."""
    context.final_bits = context.bits
    context.final_quality = context.quality
    if context.is_watched:
        finalize_price(ticks, context, lookahead, instruments)
    if context.doubtful_sizes != 0:
        finalize_sizes(ticks, context, instruments.rows[max(ticks.instrument_of[ticks.row], 0)])


@kernel(forceinline=True)
def _advance_time(row: Record, channel: int, arrays: ShardArrays, log: EventLog) -> None:
    """Move the shard's time and the channel's clock to a row, and look for silences at the end of each second."""
    shard, now = arrays.shard[0], row.event_time
    second = (now + SECOND_NS - 1) // SECOND_NS
    if second > shard.second:
        if shard.second > 0:
            silence.sweep(arrays.liveness, shard.second * SECOND_NS, log)
            sweep_absences(arrays.liveness, arrays.evidence, shard.second * SECOND_NS, log)
        shard.second = second
    shard.time = now
    if not has(row.reasons, _CHANNEL_ONLY):
        silence.advance_clock(arrays.liveness.clocks[channel], now)


@kernel(forceinline=True)
def _placeholder(row: Record, number: int, reference: Tables) -> int:
    """Return the message's placeholder by one of the lists; 0 for none."""
    lists = reference.lists
    return placeholder(row, reference.placeholders, (lists[number, 0], lists[number + 1, 0], lists[number, 1]))


@kernel(forceinline=True)
def _score_message(i: int, ticks: Slice, arrays: ShardArrays, log: EventLog) -> None:
    """Check a message of a known instrument, and score its price if it is a quote or trade."""
    row, context = ticks.rows[i], ticks.contexts[i]
    liveness, number, now = arrays.liveness, ticks.tags.instrument_of[i], row.event_time
    instruments, season = liveness.instruments, liveness.seasons[number]
    instrument = instruments.rows[number]
    venue = arrays.venues[instrument.venue]
    value = _placeholder(row, instrument.sentinels, arrays.reference)
    has_prices = check_message(row, context, instrument, venue, value)
    if arrays.reference.actions[instrument.action].ts <= now:
        apply_splits(instruments, number, now, arrays.reference.actions)
    was_halted = instrument.halted
    if row.kind == _STATUS:
        _follow_status(row, instrument)
    gap = level.gap_ns(instrument, now)
    if row.kind <= LAST_INSTRUMENT_KIND:
        observe_activity(liveness, arrays.evidence, number, now)
        silence.observe_message(liveness, number, i, gap, log)
        instrument.others_ticks = others_ticks(instruments.rows, instruments.heads[instrument.symbol], number)
    # Quotes and trades may come by two channels: an instrument goes by the clock of its primary one.
    clock_ns = liveness.clocks[liveness.channel_of[number]].alive_ns
    silence.observe_quarter(instrument, season, now, clock_ns, was_halted)
    instrument.last_clock = clock_ns
    if row.kind <= TRADE:
        _observe_tick(row, gap, instrument, ticks.features[i])
        is_late = (row.present & _TS_EVENT) != 0 and level.learn_lag(instrument, level.lag_ns(row))
        if has_prices:
            _score_prices(i, is_late, ticks, arrays, log)
        check_burst(now, context, instrument, instruments)
    else:
        if row.kind <= LAST_INSTRUMENT_KIND:
            apply_correction(row, now, context, instrument)
        instrument.last_time = now


@kernel()
def _follow_status(row: Record, instrument: Record) -> None:
    """Halt an instrument, or let it continue."""
    if (row.conditions & _STOPPED) != 0:
        instrument.halted = True
    elif (row.conditions & _CONTINUED) != 0:
        instrument.halted = False


@kernel(forceinline=True)
def _observe_tick(row: Record, gap: float, instrument: Record, vector: npt.NDArray[np.float64]) -> None:
    """Write the features of a quote's or trade's arrival, then learn it."""
    vector[_F_TRADE] = 1.0 if row.kind == TRADE else 0.0
    if instrument.ticks >= level.WARM:
        slow = instrument.gap_slow_ns + GAP_FLOOR_NS
        vector[_F_INTERVAL] = math.log((gap + GAP_FLOOR_NS) / slow)
        vector[_F_RATE] = math.log(slow / (instrument.gap_fast_ns + GAP_FLOOR_NS))
    level.observe_arrival(instrument, row.event_time)


@kernel(forceinline=True)
def _score_prices(i: int, is_late: bool, ticks: Slice, arrays: ShardArrays, log: EventLog) -> None:
    """Measure, decide and learn the prices of a quote or trade."""
    row, context = ticks.rows[i], ticks.contexts[i]
    number, now, tables = context.instrument, row.event_time, arrays.factors
    instruments = arrays.liveness.instruments
    instrument = instruments.rows[number]
    venue = arrays.venues[instrument.venue]
    check_grid(row, context, instrument, arrays.reference.bands)
    context.x = log_price(row)
    moment = TickMoment(now, context.x, i, level.effective_scale(instrument, now))
    measure, symbol = tables.measures[number], tables.symbols[instrument.symbol]
    factors = Factors(symbol, tables.groups[max(to_index(symbol.group), 0)], tables.market[0])
    before = measure_tick(row, moment, instrument, measure, factors, ticks.features)
    if math.isnan(context.x):
        instrument.quotes = min(instrument.quotes + 1, level.MOST)
        check_one_sided(row, is_late, context, instrument, venue)
    else:
        priced = PricedTick(row, context, ticks.features[i], instrument, venue, arrays.evidence[number])
        check_price(priced, moment, is_late, instruments)
    learn_tick(row, moment, instrument, measure, factors, before)
    first = arrays.relations.first_member[number]
    if first != ABSENT:
        check_relations(row, context, to_index(first), is_late, instruments, arrays.relations)
    announce_habits(venue, instrument.level, Origin(i, number, now), log)


@kernel()
def log_price(row: Record) -> float:
    """Return the log price of a trade, or the log mid of a two-sided quote, in units of 1e-9; NaN otherwise."""
    if row.kind == TRADE:
        return math.log(float(row.price))
    if (row.present & BOTH_SIDES) == BOTH_SIDES:
        return 0.5 * (math.log(float(row.bid_px)) + math.log(float(row.ask_px)))
    return np.nan

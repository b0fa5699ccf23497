"""A tick that has a price, compiled: measured against its level, its venue's quotes and the other venues, decided, learnt from.

Three phases, in this order, so that features and decisions use only what came before the tick: *measure* writes features and
what is known of the price, *decide* sets reasons and the causal quality, *learn* (`learn_price`) moves the references.
They are compiled into their caller: handing on the records that they share would cost as much as what they do.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tickproof.features import message as message_features
from tickproof.features.state import TickMoment
from tickproof.features.table import INDEX
from tickproof.instrument import level
from tickproof.instrument.consensus import Instruments, consensus_since, most_shifted_to, nearest_distance
from tickproof.instrument.level import usual_spread
from tickproof.instrument.standstill import FINE_SPREAD, FROZEN_NS, LEFT_BEHIND, is_frozen, others_price
from tickproof.kernel import kernel
from tickproof.rules import price_deviation as deviation_rules
from tickproof.rules import quote_sides, reasons, repeats, sizes
from tickproof.rules.context import CORRUPT, SUSPECT, SessionEdge, add_fact, prices_of
from tickproof.rules.error_cause import error_cause, fields_swapped
from tickproof.rules.price_deviation import Comparison, is_extended
from tickproof.rules.reasons import EXPLAINING, QUOTE, bit_of, has
from tickproof.rules.tick_grid import STEPS
from tickproof.rules.venue_divergence import FINE_SCALES, FINE_STEPS, follow_divergence, follow_ratio
from tickproof.shard.arrays import PricedTick
from tickproof.shard.learn_price import NO_SPREAD, Outcome, Sides, learn_price, learn_stub
from tickproof.ticks.records import Record

_F_DEVIATION, _F_RESIDUAL, _F_SOURCES, _F_TEN = INDEX["deviation"], INDEX["residual"], INDEX["sources"], INDEX["ten_distance"]
_F_OUTSIDE, _F_QUOTE_AGE, _F_LAST, _F_STEP = INDEX["outside"], INDEX["quote_age"], INDEX["last_deviation"], INDEX["step"]
_F_MOVE, _F_WIDTH = INDEX["others_move"], INDEX["others_width"]
_F_FLAGGED, _F_CONDITIONS, _F_SIZE = INDEX["flagged_run"], INDEX["conditions"], INDEX["size"]
_FIELDS, _FROZEN = bit_of("field_swap"), bit_of("frozen")
_REGULAR, _NEAR = int(SessionEdge.REGULAR), int(SessionEdge.NEAR)


class Deviation(NamedTuple):
    """How far a price is off its venue's own level, log (NaN: not known), and whether other venues' split explains it."""

    distance: float
    is_split: bool


@kernel()
def check_price(tick: PricedTick, moment: TickMoment, is_late: bool, instruments: Instruments) -> None:
    """Measure a tick's price, decide its causal reasons and quality, then learn from it."""
    tick.context.fact_quality = tick.context.quality
    comparison = _compare(tick, moment, is_late, instruments)
    deviation = _measure_deviation(tick, comparison, instruments)
    if tick.row.kind == QUOTE:
        sides = _check_quote(tick, comparison, instruments)
    else:
        sides = _check_trade(tick, comparison, deviation.distance)
    _check_size_and_run(tick, comparison)
    if _is_explained(tick.row):
        return
    is_off = _is_off(tick, comparison, sides)
    if sides.is_stub and not is_off:
        learn_stub(tick, sides.spread)
        return
    is_corroborated = is_off and (
        deviation.is_split
        or deviation_rules.is_move_corroborated(
            tick.context, tick.instrument, comparison.scale, comparison.consensus, instruments
        )
    )
    outcome = Outcome(is_off, is_corroborated)
    _decide(tick, comparison, sides, outcome, instruments)
    _count_flagged(tick, comparison, outcome, deviation.distance)
    learn_price(tick, comparison, sides, outcome)


@kernel(forceinline=True)
def _compare(tick: PricedTick, moment: TickMoment, is_late: bool, instruments: Instruments) -> Comparison:
    """Return what the price is held against: scale and consensus; set consensus and level of its context."""
    context, instrument, x = tick.context, tick.instrument, tick.context.x
    since = moment.now - level.FRESH_NS
    consensus = consensus_since(instruments, instrument.symbol, context.instrument, since, x)
    context.consensus = consensus.price
    context.nearest = nearest_distance(instruments, consensus.venues, x)
    if instrument.accepted >= level.WARM:
        context.level = instrument.level
    else:
        # A venue that is new here is held against what other venues agree on.
        context.level = consensus.price if consensus.width <= deviation_rules.AGREE else np.nan
    return Comparison(moment.now, moment.scale, is_late, consensus)


@kernel(forceinline=True)
def _measure_deviation(tick: PricedTick, comparison: Comparison, instruments: Instruments) -> Deviation:
    """Write the features of a price against its level, the consensus and the last price; return its deviation."""
    context, instrument, features = tick.context, tick.instrument, tick.features
    x, scale, consensus = context.x, comparison.scale, comparison.consensus
    is_warm = instrument.accepted >= level.WARM
    distance = x - instrument.level if is_warm else np.nan
    features[_F_DEVIATION] = distance / scale
    features[_F_RESIDUAL] = (x - consensus.price) / max(scale, instrument.residual_scale)
    features[_F_SOURCES] = consensus.venues
    features[_F_MOVE] = consensus.move / scale
    features[_F_WIDTH] = consensus.width / scale
    features[_F_LAST] = instrument.last_deviation
    features[_F_STEP] = (x - instrument.last_price) / scale if instrument.last_price != 0.0 else 0.0
    features[_F_CONDITIONS] = 1.0 if _is_explained(tick.row) else 0.0
    is_split = False
    if is_warm:
        exponent, features[_F_TEN] = deviation_rules.power_of_ten(distance, scale)
        if abs(distance) < 0.5 * deviation_rules.LN10:
            features[_F_TEN] = 1.0
        if exponent != 0:
            head, width = instruments.heads[instrument.symbol], deviation_rules.TEN_WIDTH
            is_split = most_shifted_to(instruments.rows, head, context.instrument, comparison.now, x, width)
    return Deviation(distance, is_split)


@kernel()
def _is_explained(row: Record) -> bool:
    """Return whether a trade's condition explains an off-market price."""
    return row.kind != QUOTE and (row.conditions & EXPLAINING) != 0


@kernel(forceinline=True)
def _check_quote(tick: PricedTick, comparison: Comparison, instruments: Instruments) -> Sides:
    """Measure a quote's sides, and decide what is wrong with them without its level."""
    row, context, instrument = tick.row, tick.context, tick.instrument
    now = comparison.now
    spread, is_one_sided = message_features.quote_features(row, instrument, context.x, comparison.scale, tick.features)
    is_stub = quote_sides.is_stub(spread, now, context, instrument, instruments)
    context.edge = quote_sides.session_edge(row, now, instrument)
    quote_sides.check_sides(row, spread, context, instrument, tick.venue)
    if not is_stub and not has(context.bits, reasons.COPY):
        repeats.check_repeat(row, now, context, instrument)
    return Sides(spread, is_one_sided, is_stub)


@kernel(forceinline=True)
def _check_trade(tick: PricedTick, comparison: Comparison, deviation: float) -> Sides:
    """Measure a trade against its venue's quotes, and decide whether it lies outside them, or these are stale."""
    row, context, instrument, features = tick.row, tick.context, tick.instrument, tick.features
    now, scale = comparison.now, comparison.scale
    context.edge = _NEAR if is_extended(row) else _REGULAR
    quote_sides.observe_auction(row, instrument)
    outside = message_features.outside(instrument, context.x, now)
    half = max(math.exp(instrument.spread_log), level.FLOOR) if instrument.spreads > 0 else scale
    features[_F_OUTSIDE] = outside / half
    if instrument.bid_time > 0 and instrument.ask_time > 0:
        age_ns = float(max(now - min(instrument.bid_time, instrument.ask_time), 0))
        features[_F_QUOTE_AGE] = math.log10(1e-6 + 1e-9 * age_ns)
    allowed = max(deviation_rules.OUTSIDE_SPREADS * half, deviation_rules.OUTSIDE_FLOOR)
    is_outside = outside > allowed
    if _is_explained(row):
        deviation_rules.decide_explained(context, scale, deviation, is_outside)
    else:
        if is_outside:
            deviation_rules.decide_outside(row, context, outside, comparison.consensus)
        repeats.check_trade_outside(row, now, context, instrument)
        if has(context.bits, reasons.OUTSIDE):
            # Last of these: where there is no room for its values it reports none.
            deviation_rules.keep_outside(context, instrument, allowed)
    return Sides(NO_SPREAD, False, False)


@kernel(forceinline=True)
def _check_size_and_run(tick: PricedTick, comparison: Comparison) -> None:
    """Measure a tick's sizes and its run of equal prices, and decide about sizes far too large."""
    message_features.sizes(tick.row, tick.instrument, tick.features)
    if tick.features[_F_SIZE] > sizes.DOUBTFUL:
        sizes.check_sizes(tick.row, tick.context, tick.instrument)
    message_features.equal_run(tick.row, tick.instrument, comparison.consensus.price, comparison.scale, tick.features)


@kernel(forceinline=True)
def _is_off(tick: PricedTick, comparison: Comparison, sides: Sides) -> bool:
    """Return whether a price is off its level by more than its limit and what its spread explains."""
    context, instrument = tick.context, tick.instrument
    if not deviation_rules.is_off_level(context, instrument, comparison.scale):
        return False
    if sides.is_stub:
        slack = 0.5 * sides.spread
    elif sides.spread >= 0.0:
        slack = deviation_rules.slack_of_quote(instrument, sides.spread)
    else:
        slack = deviation_rules.slack_of_trade(instrument)
    return abs(context.x - context.level) - slack > context.limit


@kernel(forceinline=True)
def _decide(tick: PricedTick, comparison: Comparison, sides: Sides, outcome: Outcome, instruments: Instruments) -> None:
    """Set the causal reasons and quality of a price: off its level, or diverging from other venues."""
    row, context, instrument = tick.row, tick.context, tick.instrument
    if outcome.is_off and outcome.is_corroborated:
        # Where one side moved alone the middle is no price.
        if not sides.is_one_sided:
            deviation_rules.decide_corroborated(context)
    elif outcome.is_off:
        _decide_off(tick, comparison, sides, instruments)
    elif row.kind == instrument.ratio_kind:
        instrument.ratio_count = 0
    if not outcome.is_off or outcome.is_corroborated:
        _follow_standstill(tick, comparison, instruments)
        follow_divergence(row, context, instrument, comparison, instruments)


@kernel()
def _follow_standstill(tick: PricedTick, comparison: Comparison, instruments: Instruments) -> None:
    """Gather evidence that a quote's price is frozen, and decide whether it is enough."""
    row, context, instrument = tick.row, tick.context, tick.instrument
    price = comparison.consensus.price
    if row.kind != QUOTE or comparison.consensus.venues == 0 or instrument.halted or comparison.is_late:
        return
    step = float(STEPS[instrument.grid]) / float(row.bid_px)
    unit = max(instrument.basis_scale, FINE_SCALES * comparison.scale, FINE_STEPS * step, FINE_SPREAD * usual_spread(instrument))
    away = instrument.level - price - instrument.basis
    others = others_price(instruments, context.instrument)
    if is_frozen(tick.evidence, others, abs(away), unit, instrument.run) and comparison.now - instrument.run_since >= FROZEN_NS:
        expected = price + instrument.basis
        bound = expected + math.copysign(LEFT_BEHIND * unit, away)
        add_fact(context, _FROZEN, SUSPECT, prices_of(context.x, bound, expected))


@kernel()
def _decide_off(tick: PricedTick, comparison: Comparison, sides: Sides, instruments: Instruments) -> None:
    """Decide a price that is off its level and that nobody corroborates."""
    row, context, instrument = tick.row, tick.context, tick.instrument
    scale = comparison.scale
    if fields_swapped(row, context, instrument, scale):
        add_fact(context, _FIELDS, CORRUPT, prices_of(context.x, context.level, context.level))
    elif not sides.is_one_sided:
        cause = error_cause(row, comparison.now, context, instrument, scale, instruments.rows)
        deviation_rules.decide_deviating(context, scale, comparison.consensus.venues, is_extended(row), cause)
        if comparison.consensus.venues > 0:
            follow_ratio(row, comparison.now, context, instrument)
        elif deviation_rules.is_gross_step(row, comparison.now, context, instrument):
            context.quality = CORRUPT


@kernel(forceinline=True)
def _count_flagged(tick: PricedTick, comparison: Comparison, outcome: Outcome, deviation: float) -> None:
    """Count ticks in a row that are off their level, and choose what is decided again when it is final."""
    context, instrument = tick.context, tick.instrument
    instrument.flagged_run = min(instrument.flagged_run + 1, level.MOST) if outcome.is_off else 0
    tick.features[_F_FLAGGED] = math.log(1.0 + instrument.flagged_run) if outcome.is_off else 0.0
    context.run = instrument.flagged_run
    # What no other venue is there to contradict is decided again, too.
    is_alone = comparison.consensus.venues == 0
    context.is_watched = context.is_watched or is_alone or has(context.bits, reasons.OUTSIDE)
    instrument.last_deviation = deviation / comparison.scale if instrument.accepted >= level.WARM else 0.0

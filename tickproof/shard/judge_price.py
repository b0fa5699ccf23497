"""A tick that has a price, compiled: held against its level, its venue's quotes and the other venues, then learnt from."""

from __future__ import annotations

import math

import numpy as np

from tickproof.features import message as feature_kernel
from tickproof.features.table import INDEX
from tickproof.findings.finding import BY_NAME
from tickproof.instrument import level as rolling
from tickproof.instrument.level import accept, learn_spread, others, see, settle, share_shift
from tickproof.kernel import kernel
from tickproof.rules import corrections, sizes
from tickproof.rules import error_cause as naming
from tickproof.rules import quote_sides as sides
from tickproof.rules import repeats as still
from tickproof.rules import settle_price as price_rules
from tickproof.rules import table as rules
from tickproof.rules import tick_grid as grid
from tickproof.rules import venue_divergence as apart

_F_DEVIATION, _F_RESIDUAL, _F_SOURCES, _F_TEN = INDEX["deviation"], INDEX["residual"], INDEX["sources"], INDEX["ten_distance"]
_F_OUTSIDE, _F_QUOTE_AGE, _F_LAST, _F_STEP = INDEX["outside"], INDEX["quote_age"], INDEX["last_deviation"], INDEX["step"]
_F_MOVE, _F_WIDTH, _F_FLAGGED, _F_CONDITIONS = (
    INDEX["others_move"],
    INDEX["others_width"],
    INDEX["flagged_run"],
    INDEX["conditions"],
)
_F_SIZE = INDEX["size"]
_FIELDS = BY_NAME["field_swap"].bit
_ELSEWHERE = rules.CROSSED | rules.COPY | rules.DRIFT | rules.RUN | rules.FIELDS
"""What must not be learnt from: the price is wrong, or the message is."""


@kernel()
def judge(row, seen, context, features, state, shared_state):  # type: ignore[no-untyped-def]
    """Judge a tick that has a price, then learn from it: features use only what came before.

    `seen` is (event time, did it come late, the scale at that time).
    """
    now, late, scale = seen
    instruments, heads, venues, scratch = shared_state
    x = context.x
    context.base = context.rule
    since = now - rolling.FRESH_NS
    middle, sources, width, move = others(instruments, heads[state.symbol], context.instrument, since, x, scratch)
    context.others = middle
    context.nearest = rolling.nearest(scratch, min(sources, rolling.MAX_OTHERS), x)
    warm = state.accepted >= rolling.WARM
    # What is new here is held against what other venues agree on.
    context.level = state.level if warm else (middle if width <= rules.AGREE else np.nan)
    quote = row.kind == rules.QUOTE
    explained = (not quote) and (row.conditions & rules.EXPLAINING) != 0
    deviation = x - state.level if warm else np.nan
    features[_F_DEVIATION] = deviation / scale
    features[_F_RESIDUAL] = (x - middle) / max(scale, state.residual_scale)
    features[_F_SOURCES] = sources
    features[_F_MOVE] = move / scale
    features[_F_WIDTH] = width / scale
    features[_F_LAST] = state.last_deviation
    features[_F_STEP] = (x - state.last_price) / scale if state.last_price != 0.0 else 0.0
    features[_F_CONDITIONS] = 1.0 if explained else 0.0
    split = False
    if warm:
        k, features[_F_TEN] = price_rules.power_of_ten(deviation, scale)
        if abs(deviation) < 0.5 * rules.LN10:
            features[_F_TEN] = 1.0
        if k != 0:
            split = share_shift(instruments, heads[state.symbol], context.instrument, now, x, rules.TEN_WIDTH)
    spread, alone, stub = -1.0, False, False
    if quote:
        spread, alone = feature_kernel.quote_features(row, state, x, scale, features)
        stub = sides.is_stub(spread, now, context, state, shared_state)
        context.edge = sides.edge_of(row, now, state)
        sides.judge(row, spread, context, state, venues[state.venue])
        if not stub and (context.bits & np.uint64(rules.COPY)) == 0:
            still.check_repeat(row, now, context, state)
    else:
        context.edge = (row.conditions & rules.EXTENDED) != 0
        sides.see_auction(row, state)
        _judge_trade(row, now, (scale, middle, sources, deviation), context, features, state)
    feature_kernel.sizes(row, state, features)
    if features[_F_SIZE] > sizes.DOUBTFUL:
        sizes.check(row, context, state)
    feature_kernel.equal_run(row, state, middle, scale, features)
    if explained:
        return
    off = price_rules.is_far(context, state, scale)
    if off:
        slack = 0.5 * spread if stub else _slack(state, spread)
        off = abs(x - context.level) - slack > context.limit
    if stub and not off:
        context.stub = 1
        _pass_stub(row, spread, context, state)
        return
    shared = off and (split or _shared(context, state, (scale, middle, sources), shared_state))
    if off:
        _judge_off(row, now, (scale, shared, sources, alone), context, state, instruments)
    elif row.kind == state.ratio_kind:
        state.ratio_count = 0
    if not off or shared:
        apart.follow(row, now, context, state, (scale, middle, sources, late), shared_state)
    state.flagged_run = min(state.flagged_run + 1, rolling.MOST) if off else 0
    features[_F_FLAGGED] = math.log(1.0 + state.flagged_run) if off else 0.0
    context.run = state.flagged_run
    # What no other venue is there to refuse is looked at again.
    context.watch = context.watch or sources == 0 or (context.bits & np.uint64(rules.OUTSIDE)) != 0
    state.last_deviation = deviation / scale if warm else 0.0
    _learn(row, now, context, state, (spread, scale, middle, sources, off, shared, late))
    state.last_price, state.last_price_time = x, now
    context.accepted = state.accepted


@kernel()
def _pass_stub(row, spread, context, state):  # type: ignore[no-untyped-def]
    """A stub stands at a venue and says nothing of the price: no trade is held against it, either."""
    still.new_sides(state, row.bid_px, row.ask_px)
    state.bid_time = state.ask_time = 0
    if (context.bits & np.uint64(rules.WIDE)) == 0:
        learn_spread(state, spread)
    context.accepted = state.accepted


@kernel()
def _judge_trade(row, now, view, context, features, state):  # type: ignore[no-untyped-def]
    """A trade against its venue's quotes; `view` is (scale, the others' median, how many they are, deviation)."""
    scale, middle, sources, deviation = view
    x = context.x
    outside = feature_kernel.outside(state, x, now)
    half = max(math.exp(state.spread_log), rolling.FLOOR) if state.spreads > 0 else scale
    features[_F_OUTSIDE] = outside / half
    if state.bid_time > 0 and state.ask_time > 0:
        features[_F_QUOTE_AGE] = math.log10(1e-6 + 1e-9 * float(max(now - min(state.bid_time, state.ask_time), 0)))
    far = outside > max(rules.OUTSIDE_SPREADS * half, rules.OUTSIDE_FLOOR)
    if (row.conditions & rules.EXPLAINING) != 0:
        context.limit = max(5.0 * scale, 10.0e-4)
        if far or abs(deviation) > context.limit:
            context.bits |= np.uint64(rules.EXPLAINED)
        return
    if far and not (sources > 0 and abs(x - middle) <= rules.SHARED * outside):
        context.bits |= np.uint64(rules.OUTSIDE)
        extended = (row.conditions & rules.EXTENDED) != 0
        context.rule = max(context.rule, 2 if sources > 0 and not extended else 1)
    still.check_trade(row, now, context, state)


@kernel()
def _judge_off(row, now, seen, context, state, instruments):  # type: ignore[no-untyped-def]
    """A price off its level; `seen` is (scale, do others share it, how many they are, did one side move alone)."""
    scale, shared, sources, alone = seen
    extended = (row.conditions & rules.EXTENDED) != 0
    if shared:
        if not alone:
            price_rules.judge(context, (scale, True, sources, extended, np.uint64(0)))
        return
    if naming.fields_swapped(row, context, state, scale):
        price = rules.price_of(context.x)
        level = rules.price_of(context.level)
        rules.note(context, _FIELDS, 2, (price, level, level))
    elif not alone:
        name = naming.cause(row, now, context, state, (scale, instruments, grid.step_of(state)))
        price_rules.judge(context, (scale, False, sources, extended, name))
        apart.hold_ratio(row, now, context, state)


@kernel()
def _slack(state, spread):  # type: ignore[no-untyped-def]
    """What the spread explains of a deviation: a trade stands at either side, the middle of a quote moves with its width.

    `spread` is the quote's, relative; −1 for a trade.
    """
    usual = math.exp(state.spread_log) if state.spreads > 0 else 0.0
    if spread >= 0.0:
        return 0.5 * abs(spread - usual)
    if 0 < state.bid < state.ask:
        usual = max(usual, float(state.ask - state.bid) / float(state.bid))
    return 0.5 * usual


@kernel()
def _shared(context, state, seen, shared_state):  # type: ignore[no-untyped-def]
    """Do other venues share the move? All that spoke lately, or those that spoke since this one's level: they know more."""
    scale, middle, sources = seen
    instruments, heads, _, scratch = shared_state
    if sources == 0 or price_rules.shares(middle, context, state, scale):
        return sources > 0
    newer, count, _, _ = others(instruments, heads[state.symbol], context.instrument, state.level_time + 1, context.x, scratch)
    return count > 0 and price_rules.shares(newer, context, state, scale)


@kernel()
def _learn(row, now, context, state, seen):  # type: ignore[no-untyped-def]
    """Move the references, if this price may move them.

    `seen` is (relative spread, scale, the others' median, how many they are, is it off, do others share it, was it late).
    """
    spread, scale, middle, sources, off, shared, late = seen
    x, quote = context.x, row.kind == rules.QUOTE
    bad = (context.bits & np.uint64(_ELSEWHERE | rules.WIDE)) != 0
    if (context.bits & np.uint64(rules.TEN | rules.UNIT)) != 0:
        # Remembered apart from what is seen, and a new level only after long, where no venue says otherwise.
        state.shifted, state.shifted_time = x, now
        if not bad and sources == 0 and settle(state, x, now, max(6.0 * scale, 15.0e-4), rules.NEW_LEVEL_TEN):
            accept(state, x, now, quote)
        return
    if bad:
        return
    see(state, x, now, late, quote)
    if state.accepted < rolling.WARM:
        off = off or (state.accepted > 2 and abs(x - state.level) > 0.05)
        shared = False
    if off and not shared:
        patience = rules.NEW_LEVEL if sources > 0 else rules.NEW_LEVEL_ALONE
        if not settle(state, x, now, max(6.0 * scale, 15.0e-4), patience):
            return
        if sources > 0:
            state.basis = x - middle
    if not quote:
        corrections.remember(row, state)
    accept(state, x, now, quote)
    if off and not shared and now - state.quoted_time > rolling.FRESH_NS:
        # A level that trades alone have made new is theirs, and not a part of the way there.
        state.level = x
    if sources > 0:
        state.residual_scale += 0.03 * (min(abs(x - middle), 4.0 * max(state.residual_scale, scale)) - state.residual_scale)
    if quote:
        still.new_sides(state, row.bid_px, row.ask_px)
        state.opened = min(state.opened + 1, sides.OPENED)
        state.bid, state.ask = row.bid_px, row.ask_px
        state.bid_time = state.ask_time = now
        if spread > 0.0:
            learn_spread(state, spread)
    elif x != state.last_price:
        state.burst_moves += 1

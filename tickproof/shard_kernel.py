"""One shard's walk, compiled: ticks in the shard's order in, context and features of each out, verdicts made final in passing."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from tickproof import measures, rolling, rules, silence
from tickproof.features import INDEX
from tickproof.rolling import accept, arrive, effective_scale, learn_size, learn_spread, others, see, settle, share_shift
from tickproof.tick import Condition, Kind, Present

SHARD = np.dtype([("second", "<i8"), ("time", "<i8")])
TIMES = np.dtype([("lookahead", "<i8"), ("horizon", "<i8"), ("start", "<i8"), ("final", "<i8")])
"""`horizon`: no tick below it is to come; `start`: the first row to walk; `final`: the first row that is not final yet."""

SECOND_NS = 1_000_000_000
_QUOTE, _TRADE, _STATUS = int(Kind.QUOTE), int(Kind.TRADE), int(Kind.STATUS)
_TS_EVENT, _BID_SZ, _ASK_SZ, _SIZE = int(Present.TS_EVENT), int(Present.BID_SZ), int(Present.ASK_SZ), int(Present.SIZE)
_STOPPED = int(Condition.HALTED | Condition.SESSION_CLOSED)
_GOES_ON = int(Condition.RESUMED | Condition.SESSION_OPENED)

_F_TRADE, _F_DEVIATION, _F_RESIDUAL, _F_SOURCES = INDEX["is_trade"], INDEX["deviation"], INDEX["residual"], INDEX["sources"]
_F_OUTSIDE, _F_QUOTE_AGE = INDEX["outside"], INDEX["quote_age"]
_F_SPREAD_BP, _F_SPREAD_RATIO = INDEX["spread_bp"], INDEX["spread_ratio"]
_F_BID_MOVE, _F_ASK_MOVE = INDEX["bid_move"], INDEX["ask_move"]
_F_SIZE, _F_BALANCE, _F_INTERVAL, _F_RATE = INDEX["size"], INDEX["size_balance"], INDEX["interval"], INDEX["rate_ratio"]
_F_EQUAL, _F_MISSED, _F_TEN = INDEX["equal_run"], INDEX["missed_move"], INDEX["ten_distance"]
_F_LAST, _F_STEP, _F_MOVE, _F_WIDTH = INDEX["last_deviation"], INDEX["step"], INDEX["others_move"], INDEX["others_width"]
_F_FLAGGED, _F_VOLUME, _F_CONDITIONS = INDEX["flagged_run"], INDEX["volume_ratio"], INDEX["conditions"]


@nb.njit(cache=True, nogil=True)
def _quote_features(row, state, x, scale, features):  # type: ignore[no-untyped-def]
    """Features of the sides. Returns (relative spread, does one side move alone)."""
    bid_move = math.log(float(row.bid_px) / float(state.bid)) if state.bid > 0 else 0.0
    ask_move = math.log(float(row.ask_px) / float(state.ask)) if state.ask > 0 else 0.0
    spread = float(row.ask_px - row.bid_px) / math.exp(x)
    features[_F_BID_MOVE] = bid_move / scale
    features[_F_ASK_MOVE] = ask_move / scale
    features[_F_SPREAD_BP] = 1e4 * spread
    if state.spreads >= rules.SPREADS_NEEDED and spread > 0.0:
        features[_F_SPREAD_RATIO] = math.log(spread) - state.spread_log
    if (row.present & _BID_SZ) != 0 and (row.present & _ASK_SZ) != 0 and row.bid_sz > 0 and row.ask_sz > 0:
        features[_F_BALANCE] = math.log(float(row.bid_sz) / float(row.ask_sz))
    larger = max(abs(bid_move), abs(ask_move))
    alone = larger > rules.DEVIATION_FLOOR and (bid_move * ask_move <= 0.0 or min(abs(bid_move), abs(ask_move)) < 0.25 * larger)
    return spread, alone


@nb.njit(cache=True, nogil=True)
def _outside(row, state, x, now):  # type: ignore[no-untyped-def]
    """How far a trade lies outside its venue's fresh quotes of earlier stamps, log; NaN where there are none."""
    if state.bid <= 0 or state.ask <= 0 or state.bid > state.ask:
        return np.nan
    oldest = min(state.bid_time, state.ask_time)
    if now - oldest > rules.QUOTE_FRESH_NS or max(state.bid_time, state.ask_time) >= now:
        return np.nan
    return max(math.log(float(state.bid)) - x, x - math.log(float(state.ask)), 0.0)


@nb.njit(cache=True, nogil=True)
def _price(row):  # type: ignore[no-untyped-def]
    """Log price of a trade, log mid of a two-sided quote, NaN otherwise; in units of 1e-9."""
    if row.kind == _TRADE:
        return math.log(float(row.price))
    if (row.present & rules.BID) != 0 and (row.present & rules.ASK) != 0:
        return 0.5 * (math.log(float(row.bid_px)) + math.log(float(row.ask_px)))
    return np.nan


@nb.njit(cache=True, nogil=True)
def _sizes(row, state, features):  # type: ignore[no-untyped-def]
    """Size features; learns sizes."""
    if row.kind == _TRADE:
        features[_F_SIZE] = learn_size(state, 1, row.size)
        size = max(float(row.size), 0.0)
        if state.trades == 0:
            state.volume_fast = size
            state.volume_slow = size
        state.volume_fast += 0.2 * (size - state.volume_fast)
        state.volume_slow += 0.01 * (size - state.volume_slow)
        if state.volume_fast > 0.0 and state.volume_slow > 0.0:
            features[_F_VOLUME] = math.log(state.volume_fast / state.volume_slow)
        state.trades += 1
        return
    state.quotes += 1
    largest = np.int64(-1)
    if (row.present & _BID_SZ) != 0:
        largest = max(largest, row.bid_sz)
    if (row.present & _ASK_SZ) != 0:
        largest = max(largest, row.ask_sz)
    if largest >= 0:
        features[_F_SIZE] = learn_size(state, 0, largest)


@nb.njit(cache=True, nogil=True)
def _equal_run(row, state, middle, scale, features):  # type: ignore[no-untyped-def]
    """Count how long the price stands still, and what the others did meanwhile."""
    price = row.price if row.kind == _TRADE else row.bid_px + row.ask_px
    if row.kind == _QUOTE or state.quotes == 0:
        if price == state.run_price:
            state.run += 1
        else:
            state.run = 1
            state.run_price = price
            state.run_others = middle
    if math.isnan(state.run_others):
        state.run_others = middle
    features[_F_EQUAL] = math.log(float(max(state.run, 1)))
    features[_F_MISSED] = (middle - state.run_others) / scale


@nb.njit(cache=True, nogil=True)
def _priced(i, row, now, late, context, features, state, shared_state):  # type: ignore[no-untyped-def]
    """Judge a tick that has a price, then learn from it: features use only what came before."""
    instruments, heads, venues, scratch = shared_state
    x = context.x
    context.base = context.rule
    scale = effective_scale(state, now)
    since = now - rolling.FRESH_NS
    middle, sources, width, move = others(instruments, heads[state.symbol], context.instrument, since, scratch)
    context.others = middle
    warm = state.accepted >= rolling.WARM
    # What is new here is held against what other venues agree on.
    context.level = state.level if warm else (middle if width <= rules.AGREE else np.nan)
    quote = row.kind == _QUOTE
    explained = (not quote) and (row.conditions & rules.EXPLAINING) != 0
    extended = (row.conditions & rules.EXTENDED) != 0
    deviation = x - state.level if warm else np.nan
    features[_F_DEVIATION] = deviation / scale
    features[_F_RESIDUAL] = (x - middle) / max(scale, state.residual_scale)
    features[_F_SOURCES] = sources
    features[_F_MOVE] = move / scale
    features[_F_WIDTH] = width / scale
    features[_F_LAST] = state.last_deviation
    features[_F_STEP] = (x - state.last_price) / scale if state.last_price != 0.0 else 0.0
    split = False
    if warm:
        k, features[_F_TEN] = rules.power_of_ten(deviation, scale)
        if abs(deviation) < 0.5 * rules.LN10:
            features[_F_TEN] = 1.0
        if k != 0:
            split = share_shift(instruments, heads[state.symbol], context.instrument, now, x, rules.TEN_WIDTH)
    spread, alone, wide = 0.0, False, False
    if quote:
        spread, alone = _quote_features(row, state, x, scale, features)
        crossed, quality = rules.check_crossed(row.bid_px, row.ask_px, venues[state.venue], state.crosses)
        if crossed:
            context.bits |= np.uint64(rules.CROSSED)
            context.rule = quality
        elif state.spreads >= rules.SPREADS_NEEDED and spread > rules.WIDE_FLOOR:
            context.ratio = spread / math.exp(state.spread_log)
            wide = context.ratio > rules.WIDE_RATIO
            if wide:
                context.bits |= np.uint64(rules.WIDE)
                context.rule = max(context.rule, 1)
                # The median learns from these too, or a spread that stays wide would be flagged for ever.
                learn_spread(state, spread)
        context.base = context.rule
    else:
        outside = _outside(row, state, x, now)
        half = max(math.exp(state.spread_log), rolling.FLOOR) if state.spreads > 0 else scale
        features[_F_OUTSIDE] = outside / half
        if state.bid_time > 0 and state.ask_time > 0:
            features[_F_QUOTE_AGE] = math.log10(1e-6 + 1e-9 * float(max(now - min(state.bid_time, state.ask_time), 0)))
        far = outside > max(rules.OUTSIDE_SPREADS * half, rules.OUTSIDE_FLOOR)
        if explained:
            context.limit = max(5.0 * scale, 10.0e-4)
            if far or abs(deviation) > context.limit:
                context.bits |= np.uint64(rules.EXPLAINED)
        elif far and not (sources > 0 and abs(x - middle) <= rules.SHARED * outside):
            context.bits |= np.uint64(rules.OUTSIDE)
            context.rule = max(context.rule, 2 if sources > 0 and not extended else 1)
    _sizes(row, state, features)
    _equal_run(row, state, middle, scale, features)
    features[_F_CONDITIONS] = 1.0 if explained else 0.0
    if explained:
        return
    off = rules.is_off(context, state, scale, _slack(state, spread if quote else -1.0))
    shared = off and (split or _shared(context, state, (scale, middle, sources), shared_state))
    if off and not alone:
        rules.judge(context, (scale, shared, sources, extended))
    state.flagged_run = state.flagged_run + 1 if off else 0
    features[_F_FLAGGED] = math.log(1.0 + state.flagged_run)
    context.run = state.flagged_run
    context.watch = context.watch or (context.bits & np.uint64(rules.OUTSIDE)) != 0
    state.last_deviation = deviation / scale if warm else 0.0
    state.last_price, state.last_price_time = x, now
    bad = (context.bits & np.uint64(rules.CROSSED | rules.COPY)) != 0 or wide
    if (context.bits & np.uint64(rules.TEN)) != 0:
        # Remembered apart from what is seen, and a new level only after long, where no venue says otherwise.
        state.shifted, state.shifted_time = x, now
        if not bad and sources == 0 and settle(state, x, now, max(6.0 * scale, 15.0e-4), rules.NEW_LEVEL_TEN):
            accept(state, x, now, quote)
    elif not bad:
        _learn(row, now, state, (x, spread, scale, middle, sources, off, shared, late))
    context.accepted = state.accepted


@nb.njit(cache=True, nogil=True)
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


@nb.njit(cache=True, nogil=True)
def _shared(context, state, seen, shared_state):  # type: ignore[no-untyped-def]
    """Do other venues share the move? All that spoke lately, or those that spoke since this one's level: they know more."""
    scale, middle, sources = seen
    instruments, heads, _, scratch = shared_state
    if sources == 0 or rules.shares(middle, context, state, scale):
        return sources > 0
    newer, count, _, _ = others(instruments, heads[state.symbol], context.instrument, state.level_time + 1, scratch)
    return count > 0 and rules.shares(newer, context, state, scale)


@nb.njit(cache=True, nogil=True)
def _learn(row, now, state, seen):  # type: ignore[no-untyped-def]
    """Move the references, if this price may move them."""
    x, spread, scale, middle, sources, off, shared, late = seen
    quote = row.kind == _QUOTE
    see(state, x, now, late, quote)
    if state.accepted < rolling.WARM:
        off = off or (state.accepted > 2 and abs(x - state.level) > 0.05)
        shared = False
    if off and not shared:
        patience = rules.NEW_LEVEL if sources > 0 else rules.NEW_LEVEL_ALONE
        if not settle(state, x, now, max(6.0 * scale, 15.0e-4), patience):
            return
    accept(state, x, now, quote)
    if sources > 0:
        state.residual_scale += 0.03 * (min(abs(x - middle), 4.0 * max(state.residual_scale, scale)) - state.residual_scale)
    if quote:
        state.bid, state.ask = row.bid_px, row.ask_px
        state.bid_time = state.ask_time = now
        if spread > 0.0:
            learn_spread(state, spread)


@nb.njit(cache=True, nogil=True)
def _one_sided(row, now, late, context, state, venue):  # type: ignore[no-untyped-def]
    """A message with one side moves that side alone; it is judged against the other only where the channel's sides merge."""
    if (row.present & rules.BID) != 0:
        state.bid, state.bid_time = row.bid_px, now
    if (row.present & rules.ASK) != 0:
        state.ask, state.ask_time = row.ask_px, now
    fresh = min(state.bid_time, state.ask_time) > 0 and now - min(state.bid_time, state.ask_time) <= 10 * SECOND_NS
    if fresh and state.merges and min(state.bid, state.ask) > 0:
        crossed, quality = rules.check_crossed(state.bid, state.ask, venue, state.crosses)
        if crossed:
            context.bits |= np.uint64(rules.CROSSED)
            context.rule = max(context.rule, quality)
        elif state.spreads >= rules.SPREADS_NEEDED and state.ask > state.bid:
            spread = float(state.ask - state.bid) / float(state.bid)
            context.ratio = spread / math.exp(state.spread_log)
            if spread > rules.WIDE_FLOOR and context.ratio > rules.WIDE_RATIO:
                context.bits |= np.uint64(rules.WIDE)
                context.rule = max(context.rule, 1)
    if fresh and 0 < state.bid < state.ask:
        x = 0.5 * (math.log(float(state.bid)) + math.log(float(state.ask)))
        spread = float(state.ask - state.bid) / math.exp(x)
        learn_spread(state, spread)
        # A stub is no price.
        if spread < 0.005 and (state.accepted < rolling.WARM or abs(x - state.level) < 0.01):
            see(state, x, now, late, True)
            accept(state, x, now, True)


@nb.njit(cache=True, nogil=True)
def _finish(row, context, state, shared_state, lookahead):  # type: ignore[no-untyped-def]
    """Make one tick's verdict final; the state holds everything up to its event time + lookahead, and nothing later."""
    context.final_bits = context.bits
    context.final_rule = context.rule
    if context.watch:
        instruments, heads, _, scratch = shared_state
        now = row.event_time + lookahead
        head, index = heads[state.symbol], context.instrument
        middle, sources, _, _ = others(instruments, head, index, now - rolling.FRESH_NS, scratch)
        newer, newer_sources, _, _ = others(instruments, head, index, row.event_time + 1, scratch)
        extended = (row.conditions & rules.EXTENDED) != 0
        split = False
        if (context.bits & np.uint64(rules.TEN)) != 0:
            split = share_shift(instruments, head, index, now, context.x, rules.TEN_WIDTH)
        rules.settle_verdict(context, row, state, (middle, sources, newer, newer_sources, extended, split))


@nb.njit(cache=True, nogil=True)
def walk(rows, tags, context, features, state, times, events):  # type: ignore[no-untyped-def]
    """Walk the rows from `times.start` on and make final what the horizon allows.

    Parameters
    ----------
    rows : array of ROW, shape (n,)
        Ticks that are not final yet, then the new ones, in the shard's order.
    tags : (instrument of each row or -1, channel of each row, 1 where a row only shows life; channel by instrument)
    context, features : arrays of CONTEXT, shape (n,), and float64, shape (n, features)
    state : (array of INSTRUMENT, first instrument by symbol, array of VENUE, array of CLOCK, array of SHARD of one, scratch,
        arrays of MEASURE, SYMBOL, GROUP, and MARKET of one)
    times : array of TIMES of one
    events : array of EVENT

    Returns
    -------
    (first row that is not final, number of events)
    """
    instrument_of, row_channel, life, channel_of = tags
    instruments, heads, venues, clocks, shards, scratch, measured, symbols, groups, markets = state
    shared_state = (instruments, heads, venues, scratch)
    shard, market = shards[0], markets[0]
    lookahead, horizon, final = times[0].lookahead, times[0].horizon, times[0].final
    n = 0
    for i in range(times[0].start, len(rows)):
        row = rows[i]
        now = row.event_time
        while final < i and rows[final].event_time + lookahead < now:
            k = instrument_of[final]
            _finish(rows[final], context[final], instruments[max(k, 0)], shared_state, lookahead)
            final += 1
        second = (now + SECOND_NS - 1) // SECOND_NS
        if second > shard.second:
            if shard.second > 0:
                n = silence.sweep(instruments, heads, clocks, shard.second * SECOND_NS, (channel_of, events, n))
            shard.second = second
        shard.time = now
        clock = clocks[row_channel[i]]
        silence.tell_time(clock, now)
        k = instrument_of[i]
        mine = context[i]
        mine.instrument = k
        mine.x = np.nan
        features[i, :] = np.nan
        if life[i]:
            continue
        mine.bits = rules.stateless(row, row.symbol >= 0)
        not_positive = (mine.bits & np.uint64(rules.POSITIVE)) != 0
        if not_positive and k >= 0 and instruments[k].may_be_negative:
            mine.bits &= ~np.uint64(rules.POSITIVE)
        if (mine.bits & np.uint64(rules.ALWAYS_CORRUPT)) != 0:
            mine.rule = 2
        elif (mine.bits & np.uint64(rules.SUSPECT)) != 0:
            mine.rule = 1
        if k < 0:
            continue
        one = instruments[k]
        # Quotes and trades may come by two channels: an instrument goes by the clock of its first one.
        home = clocks[channel_of[k]]
        if row.kind == _STATUS:
            if (row.conditions & _STOPPED) != 0:
                one.halted = 1
            elif (row.conditions & _GOES_ON) != 0:
                one.halted = 0
        if row.kind <= 3:
            gap = float(max(now - one.last_time, 0)) if one.ticks > 0 else 0.0
            n = silence.hear(instruments, heads, gap, home.alive_ns, (i, k, events, n))
            one.others_ticks = rolling.ticks_of_others(instruments, heads[one.symbol], k)
        one.last_clock = home.alive_ns
        if row.kind > _TRADE:
            one.last_time = now
            continue
        features[i, _F_TRADE] = 1.0 if row.kind == _TRADE else 0.0
        if one.ticks >= rolling.WARM:
            features[i, _F_INTERVAL] = math.log((gap + 1e3) / (one.gap_slow_ns + 1e3))
            features[i, _F_RATE] = math.log((one.gap_slow_ns + 1e3) / (one.gap_fast_ns + 1e3))
        arrive(one, now)
        late = (row.present & _TS_EVENT) != 0 and rolling.learn_lag(one, float(row.ts_recv - row.ts_event))
        if (mine.bits & np.uint64(rules.MISSING)) != 0 or not_positive:
            # Nothing here can be said of a price that has no logarithm, allowed or not.
            continue
        mine.x = _price(row)
        seen = (now, mine.x, i)
        symbol = symbols[one.symbol]
        factors = (symbol, groups[max(symbol.group - 1, 0)], market)
        before = measures.look(row, seen, one, measured[k], factors, features)
        if math.isnan(mine.x):
            one.quotes += 1
            _one_sided(row, now, late, mine, one, venues[one.venue])
        else:
            _priced(i, row, now, late, mine, features[i], one, shared_state)
        measures.learn(row, seen, one, measured[k], factors, before)
    while final < len(rows) and rows[final].event_time + lookahead < horizon:
        k = instrument_of[final]
        _finish(rows[final], context[final], instruments[max(k, 0)], shared_state, lookahead)
        final += 1
    return final, n

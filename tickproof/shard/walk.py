"""One shard's walk, compiled: ticks in the shard's order in, context and features of each out, verdicts made final in passing."""

from __future__ import annotations

import math

import numpy as np

from tickproof.features.measure import learn_tick, measure_tick
from tickproof.features.state import Factors, TickMoment
from tickproof.features.table import INDEX
from tickproof.findings.event import ANNOUNCED
from tickproof.findings.finding import BY_NAME
from tickproof.instrument import level as rolling
from tickproof.instrument import silence
from tickproof.instrument.level import accept, arrive, learn_spread, others, see, share_shift
from tickproof.kernel import kernel
from tickproof.rules import corrections, sizes
from tickproof.rules import message as message_rules
from tickproof.rules import quote_sides as sides
from tickproof.rules import relations as crosses
from tickproof.rules import repeats as still
from tickproof.rules import settle_price as price_rules
from tickproof.rules import table as rules
from tickproof.rules import tick_grid as grid
from tickproof.shard import judge_price as priced
from tickproof.ticks.schema import Condition, Kind, Present

SHARD = np.dtype([("second", "<i8"), ("time", "<i8")])
TIMES = np.dtype([("lookahead", "<i8"), ("horizon", "<i8"), ("start", "<i8"), ("final", "<i8")])
"""`horizon`: no tick below it is to come; `start`: the first row to walk; `final`: the first row that is not final yet."""

SECOND_NS = 1_000_000_000
_QUOTE, _TRADE, _STATUS = int(Kind.QUOTE), int(Kind.TRADE), int(Kind.STATUS)
_TS_EVENT = int(Present.TS_EVENT)
_STOPPED = int(Condition.HALTED | Condition.SESSION_CLOSED)
_GOES_ON = int(Condition.RESUMED | Condition.SESSION_OPENED)

_CROSSED, _LOCKED, _WIDE = BY_NAME["crossed"].bit, BY_NAME["locked"].bit, BY_NAME["wide_spread"].bit
_SENTINEL, _SIZE = BY_NAME["sentinel_value"].bit, BY_NAME["size_outlier"].bit
NEAR = 0.5
"""A placeholder so near a symbol's level, log, is its price."""

_F_TRADE, _F_INTERVAL, _F_RATE = INDEX["is_trade"], INDEX["interval"], INDEX["rate_ratio"]


@kernel()
def _price(row):  # type: ignore[no-untyped-def]
    """Log price of a trade, log mid of a two-sided quote, NaN otherwise; in units of 1e-9."""
    if row.kind == _TRADE:
        return math.log(float(row.price))
    if (row.present & rules.BID) != 0 and (row.present & rules.ASK) != 0:
        return 0.5 * (math.log(float(row.bid_px)) + math.log(float(row.ask_px)))
    return np.nan


@kernel()
def _one_sided(row, now, late, context, state, venue):  # type: ignore[no-untyped-def]
    """A message with one side moves that side alone; it is judged against the other only where the channel's sides merge."""
    bid, ask = (row.present & rules.BID) != 0, (row.present & rules.ASK) != 0
    still.new_sides(state, row.bid_px if bid else state.bid, row.ask_px if ask else state.ask)
    if bid:
        state.bid, state.bid_time = row.bid_px, now
    if ask:
        state.ask, state.ask_time = row.ask_px, now
    fresh = min(state.bid_time, state.ask_time) > 0 and now - min(state.bid_time, state.ask_time) <= 10 * SECOND_NS
    if fresh and state.merges and min(state.bid, state.ask) > 0:
        crossed, quality = message_rules.check_crossed(state.bid, state.ask, venue, state.crosses)
        bid, ask = float(state.bid) * 1e-9, float(state.ask) * 1e-9
        if crossed:
            rules.note(context, _CROSSED, quality, (bid, ask, ask))
        elif state.ask > state.bid:
            context.edge = sides.edge_of(row, now, state)
            spread = float(state.ask - state.bid) / float(state.bid)
            sides.is_wide(spread, (state.bid, state.ask), context, state, venue)
    if fresh and 0 < state.bid < state.ask:
        x = 0.5 * (math.log(float(state.bid)) + math.log(float(state.ask)))
        spread = float(state.ask - state.bid) / math.exp(x)
        learn_spread(state, spread)
        # A stub is no price.
        if spread < 0.005 and (state.accepted < rolling.WARM or abs(x - state.level) < 0.01):
            see(state, x, now, late, True)
            accept(state, x, now, True)


@kernel()
def _finish(at, rows, context, view, shared_state):  # type: ignore[no-untyped-def]
    """Make one tick's verdict final; the state holds everything up to its event time + lookahead, and nothing later.

    `view` is (instrument of each row, lookahead, the first row past it).
    """
    instrument_of, lookahead, end = view
    instruments, heads, _, scratch = shared_state
    row, mine = rows[at], context[at]
    mine.final_bits = mine.bits
    mine.final_rule = mine.rule
    state = instruments[max(instrument_of[at], 0)]
    if mine.watch:
        now = row.event_time + lookahead
        head, index = heads[state.symbol], mine.instrument
        middle, sources, width, _ = others(instruments, head, index, now - rolling.FRESH_NS, mine.x, scratch)
        newer, newer_sources, _, _ = others(instruments, head, index, row.event_time + 1, mine.x, scratch)
        extended = (row.conditions & rules.EXTENDED) != 0
        split = False
        if (mine.bits & np.uint64(rules.TEN | rules.UNIT)) != 0:
            split = share_shift(instruments, head, index, now, mine.x, rules.TEN_WIDTH)
        _, recent, _, _ = others(instruments, head, index, row.event_time - lookahead, mine.x, scratch)
        away = np.inf
        if row.kind == _TRADE and (mine.bits & np.uint64(rules.SPIKES | rules.OUTSIDE)) != 0:
            away = price_rules.walked(rows, at, end, (instrument_of, now, mine.x, mine.level))
        view = (middle, sources, width, newer, newer_sources, recent, extended, split, away)
        price_rules.settle_verdict(mine, row, state, view)
    if mine.size_watch:
        sizes.settle(rows, at, end, mine, (instrument_of, state))


@kernel()
def _facts(row, context, state, k, view):  # type: ignore[no-untyped-def]
    """What the message alone tells, with the instrument's switches; `k` is −1 where there is no instrument. Returns whether it
    has prices that can be judged.

    `view` is (VENUE of the instrument, placeholders, their lists).
    """
    venue, placeholders, lists = view
    mine = state.sentinels if k >= 0 else 0
    context.bits = message_rules.stateless(row, row.symbol >= 0)
    not_positive = (context.bits & np.uint64(rules.POSITIVE)) != 0
    negative = k >= 0 and state.may_be_negative
    if not_positive and negative:
        context.bits &= ~np.uint64(rules.POSITIVE)
    value = message_rules.placeholder(row, placeholders, (lists[mine, 0], lists[mine + 1, 0], lists[mine, 1]))
    if value != 0:
        # Where a symbol trades at such a price, or below zero, it is one.
        near = k >= 0 and value > 0 and state.accepted >= rolling.WARM and abs(math.log(float(value)) - state.level) < NEAR
        if not near and not (negative and value == -rules.ONE):
            rules.note(context, _SENTINEL, 2, (float(value) * 1e-9, float(value) * 1e-9, np.nan))
    wrong = rules.ALWAYS_CORRUPT
    if k >= 0 and row.kind == _TRADE:
        venue.trades += 1
        if (context.bits & np.uint64(rules.SIZE)) != 0 and row.size == 0:
            rules.keep(context, _SIZE, (0.0, 0.0, np.nan))
            if venue.trades <= rules.EMPTY_NEEDED or message_rules.prints_empty(venue):
                wrong &= ~rules.SIZE
                if venue.trades > rules.HABIT_QUOTES:
                    context.bits &= ~np.uint64(rules.SIZE)
                else:
                    context.rule = 1
            venue.empty += 1
    if (context.bits & np.uint64(wrong)) != 0:
        context.rule = 2
    elif (context.bits & np.uint64(rules.SUSPECT)) != 0:
        context.rule = 1
    return (context.bits & np.uint64(rules.MISSING | rules.SENTINEL)) == 0 and not not_positive


@kernel()
def _habits(i, k, now, venue, level, at):  # type: ignore[no-untyped-def]
    """Tell once what a venue does by habit; `at` is (events, their number). Returns the number."""
    events, n = at
    price = rules.price_of(level)
    if (venue.told & 1) == 0 and message_rules.crosses_by_habit(venue):
        venue.told |= 1
        n = _habit(_CROSSED, (i, k, now, price * venue.width), (venue.crossed, venue.quotes), events, n)
    if (venue.told & 2) == 0 and message_rules.locks_by_habit(venue):
        venue.told |= 2
        n = _habit(_LOCKED, (i, k, now, price), (venue.locked, venue.quotes), events, n)
    if (venue.told & 4) == 0 and venue.trades >= rules.HABIT_QUOTES and message_rules.prints_empty(venue):
        venue.told |= 4
        n = _habit(_SIZE, (i, k, now, 0.0), (venue.empty, venue.trades), events, n)
    if (venue.told & 8) == 0 and venue.quotes >= rules.HABIT_QUOTES and message_rules.is_wide_by_habit(venue):
        venue.told |= 8
        n = _habit(_WIDE, (i, k, now, np.nan), (venue.wide, venue.quotes), events, n)
    return n


@kernel()
def _habit(code, at, counts, events, n):  # type: ignore[no-untyped-def]
    event = events[n]
    event.row, event.subject, event.time, event.measured = at
    event.first_ts = event.time
    event.threshold, event.reference = counts
    event.code, event.mode = code, ANNOUNCED
    return n + 1


@kernel()
def walk(rows, tags, context, features, state, times, events):  # type: ignore[no-untyped-def]
    """Walk the rows from `times.start` on and make final what the horizon allows.

    Parameters
    ----------
    rows : array of ROW, shape (n,)
        Ticks that are not final yet, then the new ones, in the shard's order.
    tags : (instrument of each row or -1, channel of each row, 1 where a row only shows life; channel by instrument)
    context, features : arrays of CONTEXT, shape (n,), and float64, shape (n, features)
    state : (INSTRUMENT and SEASON by instrument, first instrument by symbol, VENUE by venue, CLOCK by channel, one SHARD,
        scratch, (MEASURE, SYMBOL, GROUP, one MARKET), Tables, (first member by instrument, what `crosses.follow` takes))
    times : array of TIMES of one
    events : array of EVENT

    Returns
    -------
    (first row that is not final, number of events)
    """
    instrument_of, row_channel, life, channel_of = tags
    (instruments, seasons), heads, venues, clocks, shards, scratch, (measured, symbols, groups, markets), switches, tied = state
    placeholders, lists, bands, actions, _, _ = switches
    member_of, crossing = tied
    shared_state = (instruments, heads, venues, scratch)
    shard, market = shards[0], markets[0]
    lookahead, horizon, final = times[0].lookahead, times[0].horizon, times[0].final
    n = 0
    for i in range(times[0].start, len(rows)):
        row = rows[i]
        now = row.event_time
        while final < i and rows[final].event_time + lookahead < now:
            _finish(final, rows, context, (instrument_of, lookahead, i), shared_state)
            final += 1
        second = (now + SECOND_NS - 1) // SECOND_NS
        if second > shard.second:
            if shard.second > 0:
                n = silence.sweep(instruments, seasons, heads, clocks, shard.second * SECOND_NS, (channel_of, events, n))
            shard.second = second
        shard.time = now
        clock = clocks[row_channel[i]]
        if (row.reasons & np.uint64(silence.MUTE)) == 0:
            silence.tell_time(clock, now)
        k = instrument_of[i]
        mine = context[i]
        mine.instrument = k
        mine.x = np.nan
        features[i, :] = np.nan
        if life[i]:
            continue
        one = instruments[max(k, 0)]
        judged = _facts(row, mine, one, k, (venues[one.venue], placeholders, lists))
        if k < 0:
            continue
        if actions[one.action].ts <= now:
            corrections.act(instruments, heads, k, now, actions)
        # Quotes and trades may come by two channels: an instrument goes by the clock of its first one.
        home = clocks[channel_of[k]]
        was_halted = one.halted == 1
        if row.kind == _STATUS:
            if (row.conditions & _STOPPED) != 0:
                one.halted = 1
            elif (row.conditions & _GOES_ON) != 0:
                one.halted = 0
        if row.kind <= 3:
            gap = float(max(now - one.last_time, 0)) if one.ticks > 0 else 0.0
            n = silence.hear(instruments, seasons, heads, gap, home.alive_ns, (i, k, events, n))
            one.others_ticks = rolling.ticks_of_others(instruments, heads[one.symbol], k)
        silence.tell_quarter(one, seasons[k], now, home.alive_ns, was_halted)
        one.last_clock = home.alive_ns
        if row.kind > _TRADE:
            if row.kind <= 3:
                corrections.take_back(row, now, mine, one)
            one.last_time = now
            continue
        features[i, _F_TRADE] = 1.0 if row.kind == _TRADE else 0.0
        if one.ticks >= rolling.WARM:
            features[i, _F_INTERVAL] = math.log((gap + 1e3) / (one.gap_slow_ns + 1e3))
            features[i, _F_RATE] = math.log((one.gap_slow_ns + 1e3) / (one.gap_fast_ns + 1e3))
        arrive(one, now)
        late = (row.present & _TS_EVENT) != 0 and rolling.learn_lag(one, rolling.lag_ns(row))
        if judged:
            grid.check(row, mine, one, bands)
            mine.x = _price(row)
            scale = rolling.effective_scale(one, now)
            moment = TickMoment(now, mine.x, i, scale)
            symbol = symbols[one.symbol]
            factors = Factors(symbol, groups[max(symbol.group - 1, 0)], market)
            before = measure_tick(row, moment, one, measured[k], factors, features)
            if math.isnan(mine.x):
                one.quotes = min(one.quotes + 1, rolling.MOST)
                _one_sided(row, now, late, mine, one, venues[one.venue])
            else:
                priced.judge(row, (now, late, scale), mine, features[i], one, shared_state)
            learn_tick(row, moment, one, measured[k], factors, before)
            if member_of[k] > 0:
                crosses.follow(row, now, mine, one, (member_of[k] - 1, late), (shared_state, crossing))
            venue = venues[one.venue]
            if venue.told != 15:
                n = _habits(i, k, now, venue, one.level, (events, n))
        still.check_rate(now, mine, one, instruments, heads[one.symbol])
    while final < len(rows) and rows[final].event_time + lookahead < horizon:
        _finish(final, rows, context, (instrument_of, lookahead, len(rows)), shared_state)
        final += 1
    return final, n

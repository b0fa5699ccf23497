"""The two phases of a tick in the feature kernels: measure it, and learn from it once the rules have decided.

`measure_tick` writes the features of a tick from what came before it, and learns when it came. `learn_tick` runs after the rules
and moves a reference only if they accepted the price. A price that jumps by more than `RESTART` and is accepted all the same,
because its level held, restarts the price statistics: their warm-up begins again.

Windows and decays are those of `windows.py`.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.features.arrivals import LAG_FLOOR_MS, decay_since, learn_lag, measure_arrival
from tickproof.features.market import SEASON_NEEDED, learn_season, market_move, move_symbol, peer_move, season_of
from tickproof.features.prices import learn_means, learn_return, measure_price, remember_price, restart
from tickproof.features.state import Arrival, Before, Factors, TickMoment
from tickproof.features.table import INDEX, Floats
from tickproof.features.windows import FAST_PART_NS, FULL, PARTS, SECOND_BITS, SLOW_BITS, coarser, eighth_power, part_of
from tickproof.instrument.level import SIZE_FLOOR, WARM, lag_ns
from tickproof.kernel import kernel
from tickproof.rules.price_deviation import QUOTE_FRESH_NS
from tickproof.ticks.records import Record
from tickproof.ticks.schema import Kind, Present

RESTART = 0.05
"""An accepted price that jumps by more, in natural logarithms, is another level."""
SIZE_MEMORY = 1_024

_QUOTE, _TRADE = int(Kind.QUOTE), int(Kind.TRADE)
_TS_EVENT, _BID_SZ, _ASK_SZ = int(Present.TS_EVENT), int(Present.BID_SZ), int(Present.ASK_SZ)
_LATENCY = INDEX["latency"]
_SPREAD, _SEASON, _POSITION = INDEX["spread_64s"], INDEX["size_season"], INDEX["quote_position"]
_MARKET, _MARKET_RESIDUAL = INDEX["market_move"], INDEX["market_residual"]
_PEERS, _PEER_RESIDUAL = INDEX["peer_move"], INDEX["peer_residual"]


@kernel(error_model="numpy")
def measure_tick(row: Record, moment: TickMoment, one: Record, mine: Record, factors: Factors, features: Floats) -> Before:
    """Write the features of a tick, and learn when it came.

    Parameters
    ----------
    row : record of ROW
        A quote or trade none of whose prices is missing or refused.
    moment : TickMoment
    one : record of INSTRUMENT
        As it was before the tick's price.
    mine : record of MEASURE
    factors : Factors
    features : float64 array, shape (n, n_features)

    Returns
    -------
    Before
        What `learn_tick` takes.
    """
    now = moment.now
    previous = mine.last_time if mine.arrivals > 0 else now
    arrival = Arrival(now, previous, decay_since(previous, now), part_of(now, FAST_PART_NS))
    measure_arrival(arrival, moment.place, one, mine, features)
    if (row.present & _TS_EVENT) != 0 and mine.lags >= WARM:
        lag_ms = 1e-6 * lag_ns(row)
        features[moment.place, _LATENCY] = (lag_ms - mine.lag_ms) / max(mine.lag_scale_ms, LAG_FLOOR_MS)
    log_size, season = np.nan, 0
    if not math.isnan(moment.log_price):
        _measure_market(moment, coarser(arrival.part, SECOND_BITS), one, factors, features)
        _measure_sides(row, moment, one, mine, features)
        season = season_of(now, row.kind)
        log_size = _log_size(row)
        market = factors.market
        if mine.sizes[row.kind] >= WARM and market.season_count[season] >= SEASON_NEEDED:
            usual = mine.size[row.kind]
            features[moment.place, _SEASON] = (log_size - usual - market.season_level[season]) / SIZE_FLOOR
        if mine.known >= WARM:
            measure_price(moment, one, mine, market, features)
    return Before(one.accepted, one.last_accepted, one.level_time, one.quoted_time, one.slow_level, log_size, season, arrival)


@kernel(error_model="numpy")
def _measure_market(moment: TickMoment, second: int, one: Record, factors: Factors, features: Floats) -> None:
    """Write the moves of the shard's other symbols and of the peers, and the symbol's own move against both."""
    place = moment.place
    own = (moment.log_price - one.slow_level) / moment.scale if one.accepted >= WARM else np.nan
    market = market_move(factors.symbol, second, factors.market)
    features[place, _MARKET] = market
    features[place, _MARKET_RESIDUAL] = own - market
    if factors.symbol.group > 0:
        peers = peer_move(factors.symbol, factors.group, second)
        features[place, _PEERS] = peers
        features[place, _PEER_RESIDUAL] = own - peers


@kernel(error_model="numpy")
def _measure_sides(row: Record, moment: TickMoment, one: Record, mine: Record, features: Floats) -> None:
    """Write a quote's spread over its usual; a trade's place within its venue's fresh quotes of earlier stamps."""
    if row.kind == _QUOTE:
        if mine.spread > 0.0:
            features[moment.place, _SPREAD] = _spread(row.bid_px, row.ask_px) / mine.spread
        return
    fresh = moment.now - min(one.bid_time, one.ask_time) <= QUOTE_FRESH_NS and max(one.bid_time, one.ask_time) < moment.now
    if fresh and 0 < one.bid < one.ask:
        position = (float(row.price) - float(one.bid)) / (float(one.ask) - float(one.bid))
        features[moment.place, _POSITION] = min(max(position, -100.0), 100.0)


@kernel(error_model="numpy", inline="always")
def _spread(bid: int, ask: int) -> float:
    """Return the spread over the mid."""
    return 2.0 * (float(ask) - float(bid)) / (float(ask) + float(bid))


@kernel(error_model="numpy")
def _log_size(row: Record) -> float:
    """Return the log size, in units of 1e-9, of a trade or of a quote's larger side; at least 0, NaN where there is none."""
    if row.kind == _TRADE:
        return math.log(max(float(row.size), 1.0))
    largest = np.int64(-1)
    if (row.present & _BID_SZ) != 0:
        largest = max(largest, row.bid_sz)
    if (row.present & _ASK_SZ) != 0:
        largest = max(largest, row.ask_sz)
    return math.log(max(float(largest), 1.0)) if largest >= 0 else np.nan


@kernel(error_model="numpy")
def learn_tick(row: Record, moment: TickMoment, one: Record, mine: Record, factors: Factors, before: Before) -> None:
    """Move the references by a tick if the rules accepted its price.

    Parameters
    ----------
    row, moment, mine, factors
        As `measure_tick` had them.
    one : record of INSTRUMENT
        As the rules left it.
    before : Before
        What `measure_tick` returned for this tick.
    """
    if one.accepted == before.accepted:
        return
    price, market = one.last_accepted, factors.market
    # That of the arrival unless the last accepted price, or quote, is not the last tick.
    decay_512s = before.arrival.decay
    if before.accepted == 0 or mine.known == 0 or abs(price - before.last_accepted) > RESTART:
        restart(mine, price)
    else:
        if before.level_time != before.arrival.previous:
            decay_512s = decay_since(before.level_time, moment.now)
        learn_return(price - before.last_accepted, mine, market)
        learn_means(price - mine.anchor, decay_512s, mine)
    remember_price(price - mine.anchor, coarser(before.arrival.part, SLOW_BITS) % PARTS, mine)
    if row.kind == _QUOTE and not math.isnan(moment.log_price) and row.ask_px > row.bid_px:
        if mine.spread > 0.0 and before.quoted_time != before.level_time:
            decay_512s = decay_since(before.quoted_time, moment.now)
        _learn_spread(_spread(row.bid_px, row.ask_px), decay_512s, mine)
    move = (price - before.slow_level) / moment.scale if before.accepted > 0 else 0.0
    move_symbol(factors.symbol, factors.group, market, move, coarser(before.arrival.part, SECOND_BITS))
    if not math.isnan(before.log_size):
        _learn_size(row.kind, before.log_size, before.season, mine, market)
    if (row.present & _TS_EVENT) != 0:
        learn_lag(1e-6 * lag_ns(row), mine)


@kernel(error_model="numpy")
def _learn_spread(spread: float, decay_512s: float, mine: Record) -> None:
    """Move the mean of relative spreads, which decays over 64 s, by that of an accepted quote."""
    if mine.spread > 0.0:
        mine.spread = spread + (mine.spread - spread) * eighth_power(decay_512s)
    else:
        mine.spread = spread


@kernel(error_model="numpy")
def _learn_size(kind: int, log_size: float, season: int, mine: Record, market: Record) -> None:
    """Learn a log size, and how far its time of day is from the instrument's usual; `kind` is QUOTE or TRADE."""
    if mine.sizes[kind] >= WARM:
        learn_season(market, season, log_size - mine.size[kind])
    mine.sizes[kind] = min(mine.sizes[kind] + 1, FULL)
    count = mine.sizes[kind]
    mine.size[kind] += (1.0 / count if count < SIZE_MEMORY else 1.0 / SIZE_MEMORY) * (log_size - mine.size[kind])

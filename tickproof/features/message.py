"""Features of one message against its instrument's state, compiled: sides, sizes, runs of equal prices."""

from __future__ import annotations

import math

import numpy as np

from tickproof.features.table import INDEX, Floats
from tickproof.instrument import level
from tickproof.instrument.level import learn_size
from tickproof.kernel import kernel
from tickproof.rules.price_deviation import DEVIATION_FLOOR, QUOTE_FRESH_NS
from tickproof.rules.quote_sides import SPREADS_NEEDED
from tickproof.rules.reasons import QUOTE, TRADE
from tickproof.ticks.records import Record
from tickproof.ticks.schema import Present

_BID_SZ, _ASK_SZ = int(Present.BID_SZ), int(Present.ASK_SZ)
_F_SPREAD_BP, _F_SPREAD_RATIO = INDEX["spread_bp"], INDEX["spread_ratio"]
_F_BID_MOVE, _F_ASK_MOVE = INDEX["bid_move"], INDEX["ask_move"]
_F_SIZE, _F_BALANCE, _F_VOLUME = INDEX["size"], INDEX["size_balance"], INDEX["volume_ratio"]
_F_EQUAL, _F_MISSED = INDEX["equal_run"], INDEX["missed_move"]
FAST_WEIGHT, SLOW_WEIGHT = 0.2, 0.01
"""Weights of a trade in the exponential means of traded size."""


@kernel()
def quote_features(row: Record, state: Record, x: float, scale: float, features: Floats) -> tuple[float, bool]:
    """Write the features of a quote of log mid `x`; return its relative spread, and whether one side moves alone."""
    bid_move = math.log(float(row.bid_px) / float(state.bid)) if state.bid > 0 else 0.0
    ask_move = math.log(float(row.ask_px) / float(state.ask)) if state.ask > 0 else 0.0
    spread = float(row.ask_px - row.bid_px) / math.exp(x)
    features[_F_BID_MOVE] = bid_move / scale
    features[_F_ASK_MOVE] = ask_move / scale
    features[_F_SPREAD_BP] = 1e4 * spread
    if state.spreads >= SPREADS_NEEDED and spread > 0.0:
        features[_F_SPREAD_RATIO] = math.log(spread) - state.spread_log
    if (row.present & _BID_SZ) != 0 and (row.present & _ASK_SZ) != 0 and row.bid_sz > 0 and row.ask_sz > 0:
        features[_F_BALANCE] = math.log(float(row.bid_sz) / float(row.ask_sz))
    larger = max(abs(bid_move), abs(ask_move))
    alone = larger > DEVIATION_FLOOR and (bid_move * ask_move <= 0.0 or min(abs(bid_move), abs(ask_move)) < 0.25 * larger)
    return spread, alone


@kernel()
def outside(state: Record, x: float, now: int) -> float:
    """Return how far a trade's log price `x` lies outside its venue's fresh quotes of earlier stamps; NaN without them."""
    if state.bid <= 0 or state.ask <= 0 or state.bid > state.ask:
        return np.nan
    oldest = min(state.bid_time, state.ask_time)
    if now - oldest > QUOTE_FRESH_NS or max(state.bid_time, state.ask_time) >= now:
        return np.nan
    return max(math.log(float(state.bid)) - x, x - math.log(float(state.ask)), 0.0)


@kernel()
def sizes(row: Record, state: Record, features: Floats) -> None:
    """Write the size features of a quote or trade, then learn its size."""
    if row.kind == TRADE:
        if row.size > 0:
            # A zero size is left to the rules: where a venue prints them by habit, each would be the most unusual size of all.
            features[_F_SIZE] = learn_size(state, TRADE, row.size)
        size = max(float(row.size), 0.0)
        if state.trades == 0:
            state.volume_fast = size
            state.volume_slow = size
        state.volume_fast += FAST_WEIGHT * (size - state.volume_fast)
        state.volume_slow += SLOW_WEIGHT * (size - state.volume_slow)
        if state.volume_fast > 0.0 and state.volume_slow > 0.0:
            features[_F_VOLUME] = math.log(state.volume_fast / state.volume_slow)
        state.trades = min(state.trades + 1, level.MOST)
        return
    state.quotes = min(state.quotes + 1, level.MOST)
    largest = np.int64(-1)
    if (row.present & _BID_SZ) != 0:
        largest = max(largest, row.bid_sz)
    if (row.present & _ASK_SZ) != 0:
        largest = max(largest, row.ask_sz)
    if largest >= 0:
        features[_F_SIZE] = learn_size(state, QUOTE, largest)


@kernel()
def equal_run(row: Record, state: Record, consensus: float, scale: float, features: Floats) -> None:
    """Count the run of equal prices, and write it and the move of the other venues' consensus, a log price, during it."""
    price = row.price if row.kind == TRADE else row.bid_px + row.ask_px
    if row.kind == QUOTE or state.quotes == 0:
        if price == state.run_price:
            state.run = min(state.run + 1, level.MOST)
        else:
            state.run = 1
            state.run_price = price
            state.run_others = consensus
    if math.isnan(state.run_others):
        state.run_others = consensus
    features[_F_EQUAL] = math.log(float(max(state.run, 1)))
    features[_F_MISSED] = (consensus - state.run_others) / scale

"""Features that are made of one message and its instrument's state, compiled: sides, sizes, runs of equal prices."""

from __future__ import annotations

import math

import numpy as np

from tickproof.features.table import INDEX
from tickproof.instrument import level as rolling
from tickproof.instrument.level import learn_size
from tickproof.kernel import kernel
from tickproof.rules import table as rules
from tickproof.ticks.schema import Present

_BID_SZ, _ASK_SZ = int(Present.BID_SZ), int(Present.ASK_SZ)
_F_SPREAD_BP, _F_SPREAD_RATIO, _F_BID_MOVE, _F_ASK_MOVE = (
    INDEX["spread_bp"],
    INDEX["spread_ratio"],
    INDEX["bid_move"],
    INDEX["ask_move"],
)
_F_SIZE, _F_BALANCE, _F_EQUAL, _F_MISSED = INDEX["size"], INDEX["size_balance"], INDEX["equal_run"], INDEX["missed_move"]
_F_VOLUME = INDEX["volume_ratio"]


@kernel()
def quote_features(row, state, x, scale, features):  # type: ignore[no-untyped-def]
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


@kernel()
def outside(state, x, now):  # type: ignore[no-untyped-def]
    """How far a trade lies outside its venue's fresh quotes of earlier stamps, log; NaN where there are none."""
    if state.bid <= 0 or state.ask <= 0 or state.bid > state.ask:
        return np.nan
    oldest = min(state.bid_time, state.ask_time)
    if now - oldest > rules.QUOTE_FRESH_NS or max(state.bid_time, state.ask_time) >= now:
        return np.nan
    return max(math.log(float(state.bid)) - x, x - math.log(float(state.ask)), 0.0)


@kernel()
def sizes(row, state, features):  # type: ignore[no-untyped-def]
    """Size features; learns sizes."""
    if row.kind == rules.TRADE:
        if row.size > 0:
            # No size is the rules' to judge: where it is a habit, it would be the oddest size of all.
            features[_F_SIZE] = learn_size(state, 1, row.size)
        size = max(float(row.size), 0.0)
        if state.trades == 0:
            state.volume_fast = size
            state.volume_slow = size
        state.volume_fast += 0.2 * (size - state.volume_fast)
        state.volume_slow += 0.01 * (size - state.volume_slow)
        if state.volume_fast > 0.0 and state.volume_slow > 0.0:
            features[_F_VOLUME] = math.log(state.volume_fast / state.volume_slow)
        state.trades = min(state.trades + 1, rolling.MOST)
        return
    state.quotes = min(state.quotes + 1, rolling.MOST)
    largest = np.int64(-1)
    if (row.present & _BID_SZ) != 0:
        largest = max(largest, row.bid_sz)
    if (row.present & _ASK_SZ) != 0:
        largest = max(largest, row.ask_sz)
    if largest >= 0:
        features[_F_SIZE] = learn_size(state, 0, largest)


@kernel()
def equal_run(row, state, middle, scale, features):  # type: ignore[no-untyped-def]
    """Count how long the price stands still, and what the others did meanwhile."""
    price = row.price if row.kind == rules.TRADE else row.bid_px + row.ask_px
    if row.kind == rules.QUOTE or state.quotes == 0:
        if price == state.run_price:
            state.run = min(state.run + 1, rolling.MOST)
        else:
            state.run = 1
            state.run_price = price
            state.run_others = middle
    if math.isnan(state.run_others):
        state.run_others = middle
    features[_F_EQUAL] = math.log(float(max(state.run, 1)))
    features[_F_MISSED] = (middle - state.run_others) / scale

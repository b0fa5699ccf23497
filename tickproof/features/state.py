"""MEASURE: what the statistics library remembers of one (venue, symbol), one array beside INSTRUMENT, and its pass over ticks.

`look` writes a tick's features from what came before it and learns when it came; `learn` is told afterwards, and moves a
reference only if the rules accepted the price. A price that jumps by more than `RESTART` and is accepted all the same, because
its level held, starts the price statistics anew: their warm-up begins again.

Windows and decays are those of `windows.py`. Offsets from `anchor` are kept in single precision: an accepted price within 5 % of
the anchor is known to 3e-9, a tenth of a thousandth of the smallest scale.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.features import market as measures_market
from tickproof.features.arrivals import LAG_FLOOR_MS, LONG_NS, arrive, learn_lag
from tickproof.features.market import season_of
from tickproof.features.prices import learn_return, prices, remember, restart
from tickproof.features.table import INDEX
from tickproof.features.windows import (
    FAST_PART_NS,
    FULL,
    LAST,
    PARTS,
    SECOND_BITS,
    SLOW_BITS,
    STEP_BINS,
    coarser,
    eighth_power,
    part_of,
)
from tickproof.instrument.level import SIZE_FLOOR, WARM, lag_ns
from tickproof.kernel import kernel
from tickproof.rules import table as rules
from tickproof.ticks.schema import Kind, Present

MEASURE = np.dtype(
    [
        ("last_time", "<i8"),
        ("anchor", "<f8"),
        ("excited", "<f8"),
        ("rate", "<f8"),
        ("weight_s", "<f8"),
        ("mark", "<i8"),
        ("part", "<i8"),
        ("known", "<u4"),
        ("rescaled", "<f4"),
        ("means", "<f4", (3,)),
        ("variances", "<f4", (2,)),
        ("sums", "<f4", (PARTS,)),
        ("squares", "<f4", (PARTS,)),
        ("ring", "<f4", (LAST,)),
        ("ordered", "<f4", (LAST,)),
        ("run_mean", "<f4"),
        ("market_gap", "<f4"),
        ("last_return", "<f4"),
        ("product", "<f4"),
        ("square", "<f4"),
        ("spread", "<f4"),
        ("size", "<f4", (2,)),
        ("lag_ms", "<f4"),
        ("lag_scale_ms", "<f4"),
        ("ticks", "<u2", (PARTS,)),
        ("prices", "<u2", (PARTS,)),
        ("fast", "<u2", (PARTS,)),
        ("sizes", "<u2", (2,)),
        ("run", "<u2"),
        ("changes", "<u2"),
        ("arrivals", "<u2"),
        ("lags", "<u2"),
        ("steps", "u1", (STEP_BINS,)),
    ]
)
"""288 bytes. `part` is the fast part of the last tick; `excited` and `rate` are sums of e^(−Δ / τ) over earlier ticks with τ of
1 s and 512 s, `weight_s` the integral of the latter's kernel since the first tick; `means` decay over the horizons of
`measures_prices`, `variances` over the first and the last of them; `ring` are the last accepted prices by turns, `ordered` the
same ascending; `known` counts accepted prices since the last restart."""

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
def look(row, seen, one, mine, factors, features):  # type: ignore[no-untyped-def]
    """Write the features of a tick, and learn when it came.

    Parameters
    ----------
    row : record of ROW
        A quote or trade of which no price is missing or refused.
    seen : (int, float, int, float)
        Event time, the tick's log price, NaN where it has none, its row in `features`, and the scale at that time.
    one : record of INSTRUMENT
        As it was before the tick's price.
    mine : record of MEASURE
    factors : (record of SYMBOL, record of GROUP, record of MARKET)
        Records, because an array costs an atomic count of references wherever it is handed on.
    features : float64 array, shape (n, n_features)

    Returns
    -------
    what `learn` wants to know: (accepted prices, the last of them and its time, that of the last quote among them, the level of a
    second ago, the decay over 512 s since the last tick and its time, (log size, its season, fast part))
    """
    now, x, i, scale = seen
    previous = mine.last_time if mine.arrivals > 0 else now
    decay = math.exp(-float(max(now - previous, 0)) / LONG_NS)
    part = part_of(now, FAST_PART_NS)
    arrive((now, previous, decay, part, i), one, mine, features)
    if (row.present & _TS_EVENT) != 0 and mine.lags >= WARM:
        lag_ms = 1e-6 * lag_ns(row)
        features[i, _LATENCY] = (lag_ms - mine.lag_ms) / max(mine.lag_scale_ms, LAG_FLOOR_MS)
    size, slot = np.nan, 0
    if not math.isnan(x):
        _market((coarser(part, SECOND_BITS), x, i, scale), one, factors, features)
        _sides(row, seen, one, mine, features)
        kind = 1 if row.kind == _TRADE else 0
        slot = season_of(now, kind)
        size = _log_size(row)
        market = factors[2]
        if mine.sizes[kind] >= WARM and market.season_count[slot] >= measures_market.SEASON_NEEDED:
            features[i, _SEASON] = (size - mine.size[kind] - market.season_level[slot]) / SIZE_FLOOR
        if mine.known >= WARM:
            prices(seen, one, mine, market, features)
    return (
        one.accepted,
        one.last_accepted,
        one.level_time,
        one.quoted_time,
        one.slow_level,
        decay,
        previous,
        (size, slot, part),
    )


@kernel(error_model="numpy")
def _market(seen, one, factors, features):  # type: ignore[no-untyped-def]
    """Moves of the shard's other symbols and of peers, and the symbol's own over them."""
    second, x, i, scale = seen
    symbol, group, market = factors
    move = measures_market.market_move(symbol, second, market)
    own = (x - one.slow_level) / scale if one.accepted >= WARM else np.nan
    features[i, _MARKET] = move
    features[i, _MARKET_RESIDUAL] = own - move
    if symbol.group > 0:
        peers = measures_market.peer_move(symbol, group, second)
        features[i, _PEERS] = peers
        features[i, _PEER_RESIDUAL] = own - peers


@kernel(error_model="numpy")
def _sides(row, seen, one, mine, features):  # type: ignore[no-untyped-def]
    """A quote's spread against that of the last minute; a trade's place within fresh quotes of earlier stamps."""
    now, _, i, _ = seen
    if row.kind == _QUOTE:
        if mine.spread > 0.0:
            features[i, _SPREAD] = _spread(row.bid_px, row.ask_px) / mine.spread
        return
    fresh = now - min(one.bid_time, one.ask_time) <= rules.QUOTE_FRESH_NS and max(one.bid_time, one.ask_time) < now
    if fresh and 0 < one.bid < one.ask:
        position = (float(row.price) - float(one.bid)) / (float(one.ask) - float(one.bid))
        features[i, _POSITION] = min(max(position, -100.0), 100.0)


@kernel(error_model="numpy", inline="always")
def _spread(bid, ask):  # type: ignore[no-untyped-def]
    return 2.0 * (float(ask) - float(bid)) / (float(ask) + float(bid))


@kernel(error_model="numpy")
def _log_size(row):  # type: ignore[no-untyped-def]
    """Log size of a trade or of a quote's larger side, at least 0; NaN where there is none."""
    if row.kind == _TRADE:
        return math.log(max(float(row.size), 1.0))
    largest = np.int64(-1)
    if (row.present & _BID_SZ) != 0:
        largest = max(largest, row.bid_sz)
    if (row.present & _ASK_SZ) != 0:
        largest = max(largest, row.ask_sz)
    return math.log(max(float(largest), 1.0)) if largest >= 0 else np.nan


@kernel(error_model="numpy")
def learn(row, seen, one, mine, factors, before):  # type: ignore[no-untyped-def]
    """Move the references by a tick that the rules accepted; `before` is what `look` gave, the others as there."""
    now, x, _, scale = seen
    accepted, last, last_time, quoted_time, slow_level, decay, previous, (size, slot, part) = before
    symbol, group, market = factors
    if one.accepted == accepted:
        return
    price = one.last_accepted
    if accepted == 0 or mine.known == 0 or abs(price - last) > RESTART:
        restart(mine, price)
    else:
        if last_time != previous:
            decay = math.exp(-float(max(now - last_time, 0)) / LONG_NS)
        learn_return(price - last, mine, market)
        middle = eighth_power(decay)
        y = price - mine.anchor
        mine.means[0] = y + (mine.means[0] - y) * eighth_power(middle)
        mine.means[1] = y + (mine.means[1] - y) * middle
        mine.means[2] = y + (mine.means[2] - y) * decay
    remember(price - mine.anchor, coarser(part, SLOW_BITS) % PARTS, mine)
    if row.kind == _QUOTE and not math.isnan(x) and row.ask_px > row.bid_px:
        spread = _spread(row.bid_px, row.ask_px)
        if mine.spread > 0.0:
            if quoted_time != last_time:
                decay = math.exp(-float(max(now - quoted_time, 0)) / LONG_NS)
            mine.spread = spread + (mine.spread - spread) * eighth_power(decay)
        else:
            mine.spread = spread
    move = (price - slow_level) / scale if accepted > 0 else 0.0
    measures_market.move_symbol(symbol, group, market, move, coarser(part, SECOND_BITS))
    if not math.isnan(size):
        _learn_size(slot % 2, size, slot, mine, market)
    if (row.present & _TS_EVENT) != 0:
        learn_lag(1e-6 * lag_ns(row), mine)


@kernel(error_model="numpy")
def _learn_size(kind, size, slot, mine, market):  # type: ignore[no-untyped-def]
    """Learn a log size, and what its time of day has to do with it."""
    if mine.sizes[kind] >= WARM:
        measures_market.learn_season(market, slot, size - mine.size[kind])
    mine.sizes[kind] = min(mine.sizes[kind] + 1, FULL)
    count = mine.sizes[kind]
    mine.size[kind] += (1.0 / count if count < SIZE_MEMORY else 1.0 / SIZE_MEMORY) * (size - mine.size[kind])

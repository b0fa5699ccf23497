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

from tickproof import measures_market, rules
from tickproof.features import INDEX
from tickproof.kernel import kernel
from tickproof.measures_market import season_of
from tickproof.rolling import SIZE_FLOOR, WARM, lag_ns
from tickproof.tick import Kind, Present
from tickproof.windows import (
    FAST_PART_NS,
    FULL,
    LAST,
    PARTS,
    SECOND_BITS,
    SLOW_BITS,
    STEP_BINS,
    absolute_deviation,
    coarser,
    count_step,
    eighth_power,
    exchange,
    insert,
    part_of,
    passed,
    step_bin,
)

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
1 s and 512 s, `weight_s` the integral of the latter's kernel since the first tick; `means` decay over `HORIZONS_S`, `variances`
over the first and the last of them; `ring` are the last accepted prices by turns, `ordered` the same ascending; `known` counts
accepted prices since the last restart."""

HORIZONS_S = (8.0, 64.0, 512.0)
LONG_NS = 512.0e9
RESTART = 0.05
"""An accepted price that jumps by more, in natural logarithms, is another level."""
EXCITATION = 0.7
"""Share of ticks that earlier ticks bring about, over the next second or so: market data has 0.6 to 0.9 (Filimonov and Sornette,
Physical Review E 85 (2012) 056108)."""
RESCALED_WEIGHT, RESCALED_MOST = 0.05, 20.0
KNOWN_MOST = 4_000_000_000
STILL = 1e-7
"""A step below this, a thousandth of a basis point, is none: middles of one level and different widths differ by so little."""
RUN_WEIGHT, RUN_CLIP = 0.05, 8.0
RETURN_WEIGHT = 0.05
SIZE_MEMORY = 1_024
LAG_WEIGHT, LAG_CLIP, LAG_FLOOR_MS = 0.05, 4.0, 0.1
TINY = 1e-30
"""A variance below this is none: numbers that are nearly zero are slow to compute with."""
QUANTILE = 0.05
BIN_MIDDLES = tuple(math.sqrt(0.5) * 2.0 ** (k - STEP_BINS + 1) for k in range(STEP_BINS))

_QUOTE, _TRADE = int(Kind.QUOTE), int(Kind.TRADE)
_TS_EVENT, _BID_SZ, _ASK_SZ = int(Present.TS_EVENT), int(Present.BID_SZ), int(Present.ASK_SZ)
_RATE_1S, _RATE_64S, _RESCALED, _LATENCY = INDEX["rate_1s"], INDEX["rate_64s"], INDEX["rescaled_gap"], INDEX["latency"]
_MEAN_9, _DEVIATION_9, _MEDIAN_9, _MAD_9 = INDEX["mean_9"], INDEX["deviation_9"], INDEX["median_9"], INDEX["mad_9"]
_MEAN_64S, _DEVIATION_64S = INDEX["mean_64s"], INDEX["deviation_64s"]
_EWMA_8S, _EWMA_64S, _EWMA_512S = INDEX["ewma_8s"], INDEX["ewma_64s"], INDEX["ewma_512s"]
_VOLATILITY, _TAIL, _P95 = INDEX["volatility_ratio"], INDEX["step_tail"], INDEX["step_p95"]
_AUTOCORRELATION, _RUN, _EXPECTED = INDEX["autocorrelation"], INDEX["run_ratio"], INDEX["expected_moves"]
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
    _arrive((now, previous, decay, part, i), one, mine, features)
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
            _prices(seen, one, mine, market, features)
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
def _arrive(seen, one, mine, features):  # type: ignore[no-untyped-def]
    """Rates over time, and the time since the last tick as a self-exciting process sees it; moves the windows on.

    `seen` is (event time, that of the last tick, the decay over 512 s between them, fast part, row in `features`).
    """
    now, previous, decay, fast_part, i = seen
    middle = eighth_power(decay)
    short = eighth_power(middle)
    second = eighth_power(short)
    slow_part = coarser(fast_part, SLOW_BITS)
    if mine.arrivals > 0:
        # The integral of the intensity since the last tick: exponential of mean 1 where arrivals are as expected (Papangelou;
        # Ogata, Journal of the American Statistical Association 83 (1988) 9).
        expected = EXCITATION * mine.excited * (1.0 - second)
        if mine.weight_s > 0.0:
            expected += (1.0 - EXCITATION) * 1e-9 * float(max(now - previous, 0)) * mine.rate / mine.weight_s
        if mine.arrivals >= WARM:
            mine.rescaled += RESCALED_WEIGHT * (min(expected, RESCALED_MOST) - mine.rescaled)
        else:
            mine.rescaled = 1.0
        if fast_part > mine.part:
            for k in range(passed(mine.part, fast_part)):
                mine.fast[(fast_part - k) % PARTS] = 0
            slow_passed = passed(coarser(mine.part, SLOW_BITS), slow_part)
            if slow_passed > 0:
                _pass(mine, slow_part, slow_passed)
                if mine.known > 0:
                    _anchor(mine, one.last_accepted)
    mine.fast[fast_part % PARTS] = min(mine.fast[fast_part % PARTS] + 1, FULL)
    mine.ticks[slow_part % PARTS] = min(mine.ticks[slow_part % PARTS] + 1, FULL)
    excited, rate = mine.excited * second, mine.rate * decay
    weight_s = mine.weight_s * decay + 1e-9 * LONG_NS * (1.0 - decay)
    if mine.arrivals >= WARM and weight_s > 0.0:
        usual = rate / weight_s
        fast = mine.fast[0] + mine.fast[1] + mine.fast[2] + mine.fast[3]
        slow = mine.ticks[0] + mine.ticks[1] + mine.ticks[2] + mine.ticks[3]
        features[i, _RATE_1S] = fast / (1.0 + usual)
        features[i, _RATE_64S] = slow / (1.0 + usual * min(64.0, weight_s))
        features[i, _RESCALED] = mine.rescaled
    mine.excited, mine.rate, mine.weight_s = excited + 1.0, rate + 1.0, weight_s
    if mine.variances[1] > 0.0:
        fading, lasting = mine.variances[0] * short, mine.variances[1] * decay
        mine.variances[0] = fading if fading > TINY else 0.0
        mine.variances[1] = lasting if lasting > TINY else 0.0
    mine.last_time, mine.part = now, fast_part
    mine.arrivals = min(mine.arrivals + 1, FULL)


@kernel(error_model="numpy")
def _pass(mine, part, count):  # type: ignore[no-untyped-def]
    """Empty the parts of the slow windows that time has passed over."""
    for k in range(count):
        place = (part - k) % PARTS
        mine.ticks[place] = mine.prices[place] = 0
        mine.sums[place] = mine.squares[place] = 0.0


@kernel(error_model="numpy")
def _anchor(mine, anchor):  # type: ignore[no-untyped-def]
    """Count offsets from another price, so that they stay small."""
    shift = anchor - mine.anchor
    mine.anchor = anchor
    if shift == 0.0:
        return
    for k in range(3):
        mine.means[k] -= shift
    for k in range(LAST):
        mine.ring[k] -= shift
        mine.ordered[k] -= shift
    for k in range(PARTS):
        n, total = 0.0 + mine.prices[k], 0.0 + mine.sums[k]
        mine.squares[k] = max(mine.squares[k] - 2.0 * shift * total + n * shift * shift, 0.0)
        mine.sums[k] = total - n * shift


@kernel(error_model="numpy")
def _prices(seen, one, mine, market, features):  # type: ignore[no-untyped-def]
    """The price against windows over counts and over time, decaying means, its own steps and its own runs."""
    _, x, i, scale = seen
    y = x - mine.anchor
    per_scale = 1.0 / scale
    total, squares = 0.0, 0.0
    for k in range(LAST):
        value = 0.0 + mine.ordered[k]  # in double precision
        total += value
        squares += value * value
    mean = total / LAST
    features[i, _MEAN_9] = (y - mean) * per_scale
    features[i, _DEVIATION_9] = math.sqrt(max(squares / LAST - mean * mean, 0.0)) * per_scale
    features[i, _MEDIAN_9] = (y - mine.ordered[LAST // 2]) * per_scale
    features[i, _MAD_9] = absolute_deviation(mine.ordered) * per_scale
    count, total, squares = 0, 0.0, 0.0
    for k in range(PARTS):
        count += mine.prices[k]
        total += mine.sums[k]
        squares += mine.squares[k]
    if count >= 2:
        mean = total / count
        features[i, _MEAN_64S] = (y - mean) * per_scale
        features[i, _DEVIATION_64S] = math.sqrt(max(squares / count - mean * mean, 0.0)) * per_scale
    features[i, _EWMA_8S] = (y - mine.means[0]) * per_scale
    features[i, _EWMA_64S] = (y - mine.means[1]) * per_scale
    features[i, _EWMA_512S] = (y - mine.means[2]) * per_scale
    if mine.variances[1] > 0.0 and mine.weight_s > 0.0:
        features[i, _VOLATILITY] = math.sqrt(mine.variances[0] * mine.weight_s / (HORIZONS_S[0] * mine.variances[1]))
    if mine.changes >= WARM:
        step = abs(x - one.last_accepted)
        tail, ratio = 1.0, 0.0
        if step >= STILL:
            tail, ratio = _against_steps(step, mine)
        features[i, _TAIL] = tail
        features[i, _P95] = ratio
        features[i, _AUTOCORRELATION] = min(max(mine.product / mine.square, -1.0), 1.0)
        features[i, _RUN] = mine.run / max(mine.run_mean, 1.0)
        features[i, _EXPECTED] = (market.changes - mine.mark) / max(mine.market_gap, 1.0)


@kernel(error_model="numpy")
def _against_steps(step, mine):  # type: ignore[no-untyped-def]
    """A step against the instrument's own: the share of steps in its bin and above, and its ratio to their 95 % quantile."""
    own = step_bin(math.frexp(step)[1])
    total, above, tail = 0, 0, 0
    for k in range(STEP_BINS):
        total += mine.steps[k]
        tail += mine.steps[k] if k >= own else 0
    k = STEP_BINS
    while k > 0 and above <= QUANTILE * total:
        k -= 1
        above += mine.steps[k]
    # The geometric middle of the bin that holds the quantile.
    return tail / total, step / BIN_MIDDLES[k]


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
        _restart(mine, price)
    else:
        if last_time != previous:
            decay = math.exp(-float(max(now - last_time, 0)) / LONG_NS)
        _step(price - last, mine, market)
        middle = eighth_power(decay)
        y = price - mine.anchor
        mine.means[0] = y + (mine.means[0] - y) * eighth_power(middle)
        mine.means[1] = y + (mine.means[1] - y) * middle
        mine.means[2] = y + (mine.means[2] - y) * decay
    _remember(price - mine.anchor, coarser(part, SLOW_BITS) % PARTS, mine)
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
        _learn_lag(1e-6 * lag_ns(row), mine)


@kernel(error_model="numpy")
def _restart(mine, price):  # type: ignore[no-untyped-def]
    """Begin with a level: nothing is known of prices but this one."""
    mine.anchor = price
    mine.known = 0
    for k in range(3):
        mine.means[k] = 0.0
    for k in range(PARTS):
        mine.prices[k] = 0
        mine.sums[k] = mine.squares[k] = 0.0
    mine.run = 0
    mine.last_return = 0.0


@kernel(error_model="numpy")
def _step(step, mine, market):  # type: ignore[no-untyped-def]
    """Learn a return: variances, and if the price changed, steps, their autocorrelation and what a run is."""
    if abs(step) < STILL:
        mine.run = min(mine.run + 1, FULL)
        return
    mine.variances[0] += step * step
    mine.variances[1] += step * step
    count_step(mine.steps, step_bin(math.frexp(abs(step))[1]))
    mine.product += RETURN_WEIGHT * (step * mine.last_return - mine.product)
    mine.square += RETURN_WEIGHT * (step * step - mine.square)
    mine.last_return = step
    gap, run = float(market.changes - mine.mark), float(mine.run)
    if mine.changes >= WARM:
        # A price that stood still for far too long does not teach that this is usual.
        gap = min(gap, RUN_CLIP * max(mine.market_gap, 1.0))
        run = min(run, RUN_CLIP * max(mine.run_mean, 1.0))
    weight = max(1.0 / (mine.changes + 1.0), RUN_WEIGHT)
    mine.market_gap += weight * (gap - mine.market_gap)
    mine.run_mean += weight * (run - mine.run_mean)
    mine.changes = min(mine.changes + 1, FULL)
    market.changes += 1
    mine.mark = market.changes
    mine.run = 1


@kernel(error_model="numpy")
def _remember(y, part, mine):  # type: ignore[no-untyped-def]
    """Put a price into the windows over counts and over time."""
    value = np.float32(y)
    place = mine.known % LAST
    if mine.known < LAST:
        insert(mine.ordered, mine.known, value)
    else:
        exchange(mine.ordered, mine.ring[place], value)
    mine.ring[place] = value
    # Counted for ever, it would start at 0 some day; taking whole windows off changes nothing.
    mine.known = mine.known + 1 if mine.known < KNOWN_MOST else mine.known + 1 - 9 * LAST
    if mine.prices[part] < FULL:
        mine.prices[part] += 1
        mine.sums[part] += value
        mine.squares[part] += y * y


@kernel(error_model="numpy")
def _learn_size(kind, size, slot, mine, market):  # type: ignore[no-untyped-def]
    """Learn a log size, and what its time of day has to do with it."""
    if mine.sizes[kind] >= WARM:
        measures_market.learn_season(market, slot, size - mine.size[kind])
    mine.sizes[kind] = min(mine.sizes[kind] + 1, FULL)
    count = mine.sizes[kind]
    mine.size[kind] += (1.0 / count if count < SIZE_MEMORY else 1.0 / SIZE_MEMORY) * (size - mine.size[kind])


@kernel(error_model="numpy")
def _learn_lag(lag_ms, mine):  # type: ignore[no-untyped-def]
    """Learn how late a message came: mean and mean absolute deviation, of which one message moves little."""
    away = lag_ms - mine.lag_ms
    if mine.lags >= WARM:
        most = LAG_CLIP * max(mine.lag_scale_ms, LAG_FLOOR_MS)
        away = min(max(away, -most), most)
    mine.lags = min(mine.lags + 1, FULL)
    weight = 1.0 / mine.lags if mine.lags < WARM else LAG_WEIGHT
    mine.lag_ms += weight * away
    mine.lag_scale_ms += weight * (abs(away) - mine.lag_scale_ms)

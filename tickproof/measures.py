"""MEASURE: what the statistics library remembers of one (venue, symbol), one array beside INSTRUMENT, and its pass over ticks.

`look` writes a tick's features from what came before it and learns when it came; `learn` is told afterwards, and moves a
reference only if the rules accepted the price. A price that jumps by more than `RESTART` and is accepted all the same, because
its level held, starts the price statistics anew: their warm-up begins again.

Windows and decays are those of `windows.py`. Offsets from `anchor` are kept in single precision: an accepted price within 5 % of
the anchor is known to 3e-9, a tenth of a thousandth of the smallest scale.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from tickproof import measures_market, rules
from tickproof.features import INDEX
from tickproof.measures_market import season_of
from tickproof.rolling import SIZE_FLOOR, WARM, effective_scale
from tickproof.tick import Kind, Present
from tickproof.windows import (
    FAST_PART_NS,
    FULL,
    LAST,
    PARTS,
    SLOW_PART_NS,
    STEP_BINS,
    absolute_deviation,
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
"""280 bytes. `excited` and `rate` are sums of e^(−Δ / τ) over earlier ticks with τ of 1 s and 512 s, `weight_s` the integral of
the latter's kernel since the first tick; `means` decay over `HORIZONS_S`, `variances` over the first and the last of them; `ring`
are the last accepted prices by turns, `ordered` the same ascending; `known` counts accepted prices since the last restart."""

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
SIZE_WEIGHT = 1.0 / 1024.0
LAG_WEIGHT, LAG_CLIP, LAG_FLOOR_MS = 0.05, 4.0, 0.1
TINY = 1e-30
"""A variance below this is none: numbers that are nearly zero are slow to compute with."""
QUANTILE = 0.05
ROOT_HALF = math.sqrt(0.5)

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


@nb.njit(cache=True, nogil=True)
def look(row, seen, one, mine, shared, features):  # type: ignore[no-untyped-def]
    """Write the features of a tick, and learn when it came.

    Parameters
    ----------
    row : record of ROW
        A quote or trade of which no price is missing or refused.
    seen : (int, float)
        Event time, and the tick's log price; NaN where it has none.
    one : record of INSTRUMENT
        As it was before the tick's price.
    mine : record of MEASURE
    shared : (array of SYMBOL, array of GROUP, array of MARKET of one, array of SEASON)
    features : float64 array, shape (n_features,)

    Returns
    -------
    what `learn` wants to know: (accepted prices, the last of them and its time, that of the last quote among them, the level of a
    second ago, the scale, the decay over 512 s since the last tick and its time)
    """
    now, x = seen
    previous = mine.last_time if mine.arrivals > 0 else now
    decay = math.exp(-float(max(now - previous, 0)) / LONG_NS)
    _arrive(now, previous, decay, one, mine, features)
    if (row.present & _TS_EVENT) != 0 and mine.lags >= WARM:
        lag_ms = 1e-6 * float(row.ts_recv - row.ts_event)
        features[_LATENCY] = (lag_ms - mine.lag_ms) / max(mine.lag_scale_ms, LAG_FLOOR_MS)
    scale = effective_scale(one, now)
    if not math.isnan(x):
        _market(now, x, one, scale, shared, features)
        _sides(row, now, one, mine, features)
        kind = 1 if row.kind == _TRADE else 0
        season = shared[3][season_of(now, kind)]
        size = _log_size(row)
        if mine.sizes[kind] >= WARM and season.count >= measures_market.SEASON_NEEDED:
            features[_SEASON] = (size - mine.size[kind] - season.level) / SIZE_FLOOR
        if mine.known >= WARM:
            _prices(x, one, scale, mine, shared[2][0], features)
    return one.accepted, one.last_accepted, one.level_time, one.quoted_time, one.slow_level, scale, decay, previous


@nb.njit(cache=True, nogil=True)
def _arrive(now, previous, decay, one, mine, features):  # type: ignore[no-untyped-def]
    """Rates over time, and the time since the last tick as a self-exciting process sees it; moves the windows on."""
    second = eighth_power(eighth_power(eighth_power(decay)))
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
        before = part_of(previous, FAST_PART_NS)
        part = part_of(now, FAST_PART_NS)
        for k in range(passed(before, part)):
            mine.fast[(part - k) % PARTS] = 0
        before = part_of(previous, SLOW_PART_NS)
        part = part_of(now, SLOW_PART_NS)
        if part > before:
            for k in range(passed(before, part)):
                place = (part - k) % PARTS
                mine.ticks[place] = mine.prices[place] = 0
                mine.sums[place] = mine.squares[place] = 0.0
            if mine.known > 0:
                _anchor(mine, one.last_accepted)
    mine.excited *= second
    mine.rate *= decay
    mine.weight_s = mine.weight_s * decay + 1e-9 * LONG_NS * (1.0 - decay)
    place = part_of(now, FAST_PART_NS) % PARTS
    mine.fast[place] = min(mine.fast[place] + 1, FULL)
    place = part_of(now, SLOW_PART_NS) % PARTS
    mine.ticks[place] = min(mine.ticks[place] + 1, FULL)
    if mine.arrivals >= WARM and mine.weight_s > 0.0:
        fast, slow = 0, 0
        for k in range(PARTS):
            fast += mine.fast[k]
            slow += mine.ticks[k]
        usual = mine.rate / mine.weight_s
        features[_RATE_1S] = fast / (1.0 + usual)
        features[_RATE_64S] = slow / (1.0 + usual * min(64.0, mine.weight_s))
        features[_RESCALED] = mine.rescaled
    mine.excited += 1.0
    mine.rate += 1.0
    for k in range(2):
        power = eighth_power(eighth_power(decay)) if k == 0 else decay
        variance = mine.variances[k] * power
        mine.variances[k] = variance if variance > TINY else 0.0
    mine.last_time = now
    mine.arrivals = min(mine.arrivals + 1, FULL)


@nb.njit(cache=True, nogil=True)
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


@nb.njit(cache=True, nogil=True)
def _prices(x, one, scale, mine, market, features):  # type: ignore[no-untyped-def]
    """The price against windows over counts and over time, decaying means, its own steps and its own runs."""
    y = x - mine.anchor
    per_scale = 1.0 / scale
    total, squares = 0.0, 0.0
    for k in range(LAST):
        value = 0.0 + mine.ordered[k]  # in double precision
        total += value
        squares += value * value
    mean = total / LAST
    features[_MEAN_9] = (y - mean) * per_scale
    features[_DEVIATION_9] = math.sqrt(max(squares / LAST - mean * mean, 0.0)) * per_scale
    features[_MEDIAN_9] = (y - mine.ordered[LAST // 2]) * per_scale
    features[_MAD_9] = absolute_deviation(mine.ordered) * per_scale
    count, total, squares = 0, 0.0, 0.0
    for k in range(PARTS):
        count += mine.prices[k]
        total += mine.sums[k]
        squares += mine.squares[k]
    if count >= 2:
        mean = total / count
        features[_MEAN_64S] = (y - mean) * per_scale
        features[_DEVIATION_64S] = math.sqrt(max(squares / count - mean * mean, 0.0)) * per_scale
    features[_EWMA_8S] = (y - mine.means[0]) * per_scale
    features[_EWMA_64S] = (y - mine.means[1]) * per_scale
    features[_EWMA_512S] = (y - mine.means[2]) * per_scale
    if mine.variances[1] > 0.0 and mine.weight_s > 0.0:
        features[_VOLATILITY] = math.sqrt(mine.variances[0] * mine.weight_s / (HORIZONS_S[0] * mine.variances[1]))
    if mine.changes >= WARM:
        _steps(abs(x - one.last_accepted), mine, features)
        features[_AUTOCORRELATION] = min(max(mine.product / mine.square, -1.0), 1.0)
        features[_RUN] = mine.run / max(mine.run_mean, 1.0)
        features[_EXPECTED] = (market.changes - mine.mark) / max(mine.market_gap, 1.0)


@nb.njit(cache=True, nogil=True)
def _steps(step, mine, features):  # type: ignore[no-untyped-def]
    """A step against the instrument's own: the share of steps in its bin and above, and its ratio to their 95 % quantile."""
    if step < STILL:
        step = 0.0
    _, exponent = math.frexp(step)
    own = step_bin(exponent) if step > 0.0 else -1
    total = 0
    for k in range(STEP_BINS):
        total += mine.steps[k]
    above, tail = 0, 0
    quantile = -1
    for j in range(STEP_BINS):
        k = STEP_BINS - 1 - j
        above += mine.steps[k]
        if k >= own:
            tail = above
        if quantile < 0 and above > QUANTILE * total:
            quantile = k
            if k <= own:
                break
        elif quantile >= 0 and k <= own:
            break
    features[_TAIL] = tail / total if own >= 0 else 1.0
    # The geometric middle of the bin that holds the quantile.
    features[_P95] = step / (math.ldexp(ROOT_HALF, quantile - STEP_BINS + 1))


@nb.njit(cache=True, nogil=True)
def _market(now, x, one, scale, shared, features):  # type: ignore[no-untyped-def]
    """Moves of the shard's other symbols and of peers, and the symbol's own over them."""
    symbols, groups, markets, _ = shared
    symbol = symbols[one.symbol]
    move = measures_market.market_move(symbol, now, markets[0])
    own = (x - one.slow_level) / scale if one.accepted >= WARM else np.nan
    features[_MARKET] = move
    features[_MARKET_RESIDUAL] = own - move
    peers = measures_market.peer_move(symbol, now, groups)
    features[_PEERS] = peers
    features[_PEER_RESIDUAL] = own - peers


@nb.njit(cache=True, nogil=True)
def _sides(row, now, one, mine, features):  # type: ignore[no-untyped-def]
    """A quote's spread against that of the last minute; a trade's place within fresh quotes of earlier stamps."""
    if row.kind == _QUOTE:
        if mine.spread > 0.0:
            features[_SPREAD] = _spread(row.bid_px, row.ask_px) / mine.spread
        return
    fresh = now - min(one.bid_time, one.ask_time) <= rules.QUOTE_FRESH_NS and max(one.bid_time, one.ask_time) < now
    if fresh and 0 < one.bid < one.ask:
        position = (float(row.price) - float(one.bid)) / (float(one.ask) - float(one.bid))
        features[_POSITION] = min(max(position, -100.0), 100.0)


@nb.njit(cache=True, nogil=True, inline="always")
def _spread(bid, ask):  # type: ignore[no-untyped-def]
    return 2.0 * (float(ask) - float(bid)) / (float(ask) + float(bid))


@nb.njit(cache=True, nogil=True)
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


@nb.njit(cache=True, nogil=True)
def learn(row, seen, one, mine, shared, before):  # type: ignore[no-untyped-def]
    """Move the references by a tick that the rules accepted; `before` is what `look` gave, the others as there."""
    now, x = seen
    accepted, last, last_time, quoted_time, slow_level, scale, decay, previous = before
    if one.accepted == accepted:
        return
    price = one.last_accepted
    if accepted == 0 or mine.known == 0 or abs(price - last) > RESTART:
        _restart(mine, price)
    else:
        if last_time != previous:
            decay = math.exp(-float(max(now - last_time, 0)) / LONG_NS)
        _step(price - last, mine, shared[2][0])
        middle = eighth_power(decay)
        y = price - mine.anchor
        mine.means[0] = y + (mine.means[0] - y) * eighth_power(middle)
        mine.means[1] = y + (mine.means[1] - y) * middle
        mine.means[2] = y + (mine.means[2] - y) * decay
    _remember(price - mine.anchor, now, mine)
    if row.kind == _QUOTE and not math.isnan(x) and row.ask_px > row.bid_px:
        spread = _spread(row.bid_px, row.ask_px)
        if mine.spread > 0.0:
            if quoted_time != last_time:
                decay = math.exp(-float(max(now - quoted_time, 0)) / LONG_NS)
            mine.spread = spread + (mine.spread - spread) * eighth_power(decay)
        else:
            mine.spread = spread
    measures_market.move_symbol(shared[0][one.symbol], (price - slow_level) / scale if accepted > 0 else 0.0, now, shared)
    if not math.isnan(x):
        _learn_size(row, now, mine, shared[3])
    if (row.present & _TS_EVENT) != 0:
        _learn_lag(1e-6 * float(row.ts_recv - row.ts_event), mine)


@nb.njit(cache=True, nogil=True)
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


@nb.njit(cache=True, nogil=True)
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


@nb.njit(cache=True, nogil=True)
def _remember(y, now, mine):  # type: ignore[no-untyped-def]
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
    place = part_of(now, SLOW_PART_NS) % PARTS
    if mine.prices[place] < FULL:
        mine.prices[place] += 1
        mine.sums[place] += value
        mine.squares[place] += y * y


@nb.njit(cache=True, nogil=True)
def _learn_size(row, now, mine, seasons):  # type: ignore[no-untyped-def]
    """Learn a size, and what its time of day has to do with it."""
    size = _log_size(row)
    if math.isnan(size):
        return
    kind = 1 if row.kind == _TRADE else 0
    if mine.sizes[kind] >= WARM:
        measures_market.learn_season(seasons[season_of(now, kind)], size - mine.size[kind])
    mine.sizes[kind] = min(mine.sizes[kind] + 1, FULL)
    mine.size[kind] += max(1.0 / mine.sizes[kind], SIZE_WEIGHT) * (size - mine.size[kind])


@nb.njit(cache=True, nogil=True)
def _learn_lag(lag_ms, mine):  # type: ignore[no-untyped-def]
    """Learn how late a message came: mean and mean absolute deviation, of which one message moves little."""
    away = lag_ms - mine.lag_ms
    if mine.lags >= WARM:
        most = LAG_CLIP * max(mine.lag_scale_ms, LAG_FLOOR_MS)
        away = min(max(away, -most), most)
    mine.lags = min(mine.lags + 1, FULL)
    weight = max(1.0 / mine.lags, LAG_WEIGHT)
    mine.lag_ms += weight * away
    mine.lag_scale_ms += weight * (abs(away) - mine.lag_scale_ms)

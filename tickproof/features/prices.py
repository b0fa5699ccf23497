"""What prices did, compiled: windows over counts and over time, decaying means, steps, runs of equal prices.

Works on the record MEASURE of `state`.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.features.state import TickMoment
from tickproof.features.table import INDEX, Floats
from tickproof.features.windows import (
    FULL,
    LAST,
    PARTS,
    STEP_BINS,
    absolute_deviation,
    count_step,
    eighth_power,
    exchange,
    insert,
    step_bin,
)
from tickproof.instrument.level import WARM
from tickproof.kernel import kernel
from tickproof.ticks.records import Record

HORIZONS_S = (8.0, 64.0, 512.0)
KNOWN_MOST = 4_000_000_000
UNCHANGED = 1e-7
"""A step below this, a thousandth of a basis point, counts as none: a wider spread moves the mid in logarithms by so little."""
RUN_WEIGHT, RUN_CLIP = 0.05, 8.0
RETURN_WEIGHT = 0.05
QUANTILE = 0.05
BIN_CENTRES = tuple(math.sqrt(0.5) * 2.0 ** (k - STEP_BINS + 1) for k in range(STEP_BINS))

_MEAN_9, _DEVIATION_9, _MEDIAN_9, _MAD_9 = INDEX["mean_9"], INDEX["deviation_9"], INDEX["median_9"], INDEX["mad_9"]
_MEAN_64S, _DEVIATION_64S = INDEX["mean_64s"], INDEX["deviation_64s"]
_EWMA_8S, _EWMA_64S, _EWMA_512S = INDEX["ewma_8s"], INDEX["ewma_64s"], INDEX["ewma_512s"]
_VOLATILITY, _TAIL, _P95 = INDEX["volatility_ratio"], INDEX["step_tail"], INDEX["step_p95"]
_AUTOCORRELATION, _RUN, _EXPECTED = INDEX["autocorrelation"], INDEX["run_ratio"], INDEX["expected_moves"]


@kernel(error_model="numpy")
def measure_price(moment: TickMoment, one: Record, mine: Record, market: Record, features: Floats) -> None:
    """Write the price against windows over counts and time, decaying means, and the instrument's own steps and runs."""
    i = moment.place
    y = moment.log_price - mine.anchor
    per_scale = 1.0 / moment.scale
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
        step = abs(moment.log_price - one.last_accepted)
        tail, ratio = 1.0, 0.0
        if step >= UNCHANGED:
            tail, ratio = _against_steps(step, mine)
        features[i, _TAIL] = tail
        features[i, _P95] = ratio
        features[i, _AUTOCORRELATION] = min(max(mine.product / mine.square, -1.0), 1.0)
        features[i, _RUN] = mine.run / max(mine.run_mean, 1.0)
        features[i, _EXPECTED] = (market.changes - mine.mark) / max(mine.market_gap, 1.0)


@kernel(error_model="numpy")
def _against_steps(step: float, mine: Record) -> tuple[float, float]:
    """Return the share of the instrument's steps in this step's bin and above, and the step over their 95 % quantile."""
    own = step_bin(math.frexp(step)[1])
    total, above, tail = 0, 0, 0
    for k in range(STEP_BINS):
        total += mine.steps[k]
        tail += mine.steps[k] if k >= own else 0
    k = STEP_BINS
    while k > 0 and above <= QUANTILE * total:
        k -= 1
        above += mine.steps[k]
    # The geometric centre of the bin that holds the quantile.
    return tail / total, step / BIN_CENTRES[k]


@kernel(error_model="numpy")
def restart(mine: Record, price: float) -> None:
    """Restart the price statistics at a log price: nothing is known of prices but this one."""
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
def move_anchor(mine: Record, anchor: float) -> None:
    """Take offsets from another log price, so that they stay small."""
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
def learn_return(step: float, mine: Record, market: Record) -> None:
    """Learn a log return: variances and, if the price changed, steps, their autocorrelation and the usual run."""
    if abs(step) < UNCHANGED:
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
        # A price frozen for far too long must not make that the usual.
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
def learn_means(y: float, decay_512s: float, mine: Record) -> None:
    """Move the decaying means by an accepted price, an offset from the anchor; e^(−Δ / 512 s) since the one before."""
    decay_64s = eighth_power(decay_512s)
    mine.means[0] = y + (mine.means[0] - y) * eighth_power(decay_64s)
    mine.means[1] = y + (mine.means[1] - y) * decay_64s
    mine.means[2] = y + (mine.means[2] - y) * decay_512s


@kernel(error_model="numpy")
def remember_price(y: float, part: int, mine: Record) -> None:
    """Put an accepted price, an offset from the anchor, into the windows over counts and over time."""
    value = np.float32(y)
    place = mine.known % LAST
    if mine.known < LAST:
        insert(mine.ordered, mine.known, value)
    else:
        exchange(mine.ordered, mine.ring[place], value)
    mine.ring[place] = value
    # So that the counter never overflows; taking whole windows off changes nothing.
    mine.known = mine.known + 1 if mine.known < KNOWN_MOST else mine.known + 1 - 9 * LAST
    if mine.prices[part] < FULL:
        mine.prices[part] += 1
        mine.sums[part] += value
        mine.squares[part] += y * y

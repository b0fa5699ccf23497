"""When ticks come, compiled: rates over time, the gap as a self-exciting process expects it, and latency.

Works on the record MEASURE of `state`, whose windows it moves on.
"""

from __future__ import annotations

import math

from tickproof.features.prices import move_anchor
from tickproof.features.state import Arrival
from tickproof.features.table import INDEX, Floats
from tickproof.features.windows import FULL, PARTS, SLOW_BITS, coarser, eighth_power, passed
from tickproof.instrument.level import WARM
from tickproof.kernel import kernel
from tickproof.ticks.records import Record

LONG_NS = 512.0e9
EXCITATION = 0.7
"""Share of ticks that earlier ticks cause, over the next second or so: 0.6 to 0.9 in market data (Filimonov and Sornette,
Physical Review E 85 (2012) 056108)."""
RESCALED_WEIGHT, RESCALED_MOST = 0.05, 20.0
LAG_WEIGHT, LAG_CLIP, LAG_FLOOR_MS = 0.05, 4.0, 0.1
TINY = 1e-30
"""A variance below this counts as zero: denormal numbers are slow to compute with."""

_RATE_1S, _RATE_64S, _RESCALED = INDEX["rate_1s"], INDEX["rate_64s"], INDEX["rescaled_gap"]


@kernel(error_model="numpy")
def decay_since(time: int, now: int) -> float:
    """Return e^(−Δ / 512 s) between two event times in ns; 1 where `now` is not after `time`."""
    return math.exp(-float(max(now - time, 0)) / LONG_NS)


@kernel(error_model="numpy")
def measure_arrival(arrival: Arrival, place: int, one: Record, mine: Record, features: Floats) -> None:
    """Write rates over time and the rescaled gap into row `place` of `features`, and learn the arrival."""
    decay_64s = eighth_power(arrival.decay)
    decay_8s = eighth_power(decay_64s)
    decay_1s = eighth_power(decay_8s)
    slow_part = coarser(arrival.part, SLOW_BITS)
    if mine.arrivals > 0:
        _learn_gap(arrival, decay_1s, mine)
        _move_windows(arrival.part, slow_part, one, mine)
    mine.fast[arrival.part % PARTS] = min(mine.fast[arrival.part % PARTS] + 1, FULL)
    mine.ticks[slow_part % PARTS] = min(mine.ticks[slow_part % PARTS] + 1, FULL)
    excited, rate = mine.excited * decay_1s, mine.rate * arrival.decay
    weight_s = mine.weight_s * arrival.decay + 1e-9 * LONG_NS * (1.0 - arrival.decay)
    if mine.arrivals >= WARM and weight_s > 0.0:
        usual = rate / weight_s
        fast = mine.fast[0] + mine.fast[1] + mine.fast[2] + mine.fast[3]
        slow = mine.ticks[0] + mine.ticks[1] + mine.ticks[2] + mine.ticks[3]
        features[place, _RATE_1S] = fast / (1.0 + usual)
        features[place, _RATE_64S] = slow / (1.0 + usual * min(64.0, weight_s))
        features[place, _RESCALED] = mine.rescaled
    mine.excited, mine.rate, mine.weight_s = excited + 1.0, rate + 1.0, weight_s
    if mine.variances[1] > 0.0:
        variance_8s, variance_512s = mine.variances[0] * decay_8s, mine.variances[1] * arrival.decay
        mine.variances[0] = variance_8s if variance_8s > TINY else 0.0
        mine.variances[1] = variance_512s if variance_512s > TINY else 0.0
    mine.last_time, mine.part = arrival.now, arrival.part
    mine.arrivals = min(mine.arrivals + 1, FULL)


@kernel(error_model="numpy")
def _learn_gap(arrival: Arrival, decay_1s: float, mine: Record) -> None:
    """Learn the gap in units of what a self-exciting process expects.

    The integral of the intensity since the last tick is exponential of mean 1 where arrivals are as expected (Papangelou; Ogata,
    Journal of the American Statistical Association 83 (1988) 9).
    """
    expected = EXCITATION * mine.excited * (1.0 - decay_1s)
    if mine.weight_s > 0.0:
        expected += (1.0 - EXCITATION) * 1e-9 * float(max(arrival.now - arrival.previous, 0)) * mine.rate / mine.weight_s
    if mine.arrivals >= WARM:
        mine.rescaled += RESCALED_WEIGHT * (min(expected, RESCALED_MOST) - mine.rescaled)
    else:
        mine.rescaled = 1.0


@kernel(error_model="numpy")
def _move_windows(fast_part: int, slow_part: int, one: Record, mine: Record) -> None:
    """Empty the parts of the windows that time has passed, and keep the anchor near the price."""
    if fast_part <= mine.part:
        return
    for k in range(passed(mine.part, fast_part)):
        mine.fast[(fast_part - k) % PARTS] = 0
    slow_passed = passed(coarser(mine.part, SLOW_BITS), slow_part)
    if slow_passed == 0:
        return
    for k in range(slow_passed):
        place = (slow_part - k) % PARTS
        mine.ticks[place] = mine.prices[place] = 0
        mine.sums[place] = mine.squares[place] = 0.0
    if mine.known > 0:
        move_anchor(mine, one.last_accepted)


@kernel(error_model="numpy")
def learn_lag(lag_ms: float, mine: Record) -> None:
    """Learn a latency in ms: its mean and mean absolute deviation, clipped so that one message moves little."""
    away = lag_ms - mine.lag_ms
    if mine.lags >= WARM:
        most = LAG_CLIP * max(mine.lag_scale_ms, LAG_FLOOR_MS)
        away = min(max(away, -most), most)
    mine.lags = min(mine.lags + 1, FULL)
    weight = 1.0 / mine.lags if mine.lags < WARM else LAG_WEIGHT
    mine.lag_ms += weight * away
    mine.lag_scale_ms += weight * (abs(away) - mine.lag_scale_ms)

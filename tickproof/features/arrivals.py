"""When ticks come, compiled: rates over time, the gap as a self-exciting process sees it, and how late messages are.

Works on the record MEASURE of `measures`, whose windows it moves on.
"""

from __future__ import annotations

from tickproof.features.prices import move_anchor
from tickproof.features.table import INDEX
from tickproof.features.windows import FULL, PARTS, SLOW_BITS, coarser, eighth_power, passed
from tickproof.instrument.level import WARM
from tickproof.kernel import kernel

LONG_NS = 512.0e9
EXCITATION = 0.7
"""Share of ticks that earlier ticks bring about, over the next second or so: market data has 0.6 to 0.9 (Filimonov and Sornette,
Physical Review E 85 (2012) 056108)."""
RESCALED_WEIGHT, RESCALED_MOST = 0.05, 20.0
LAG_WEIGHT, LAG_CLIP, LAG_FLOOR_MS = 0.05, 4.0, 0.1
TINY = 1e-30
"""A variance below this is none: numbers that are nearly zero are slow to compute with."""

_RATE_1S, _RATE_64S, _RESCALED = INDEX["rate_1s"], INDEX["rate_64s"], INDEX["rescaled_gap"]


@kernel(error_model="numpy")
def arrive(seen, one, mine, features):  # type: ignore[no-untyped-def]
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
                    move_anchor(mine, one.last_accepted)
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
def learn_lag(lag_ms, mine):  # type: ignore[no-untyped-def]
    """Learn how late a message came: mean and mean absolute deviation, of which one message moves little."""
    away = lag_ms - mine.lag_ms
    if mine.lags >= WARM:
        most = LAG_CLIP * max(mine.lag_scale_ms, LAG_FLOOR_MS)
        away = min(max(away, -most), most)
    mine.lags = min(mine.lags + 1, FULL)
    weight = 1.0 / mine.lags if mine.lags < WARM else LAG_WEIGHT
    mine.lag_ms += weight * away
    mine.lag_scale_ms += weight * (abs(away) - mine.lag_scale_ms)

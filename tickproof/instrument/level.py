"""Rolling statistics of one instrument, compiled: gated robust level and scale, spread, steps, sizes, gaps, lags.

Level and scale are *gated*: a rejected price moves neither, and a new level is accepted once it holds (`confirms_new_level`).
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.kernel import kernel
from tickproof.ticks.records import Record

MOST = 2**31 - 1
"""Where an instrument's counts saturate: they are only asked whether there were enough."""
SCALE_WEIGHT = 0.03
SCALE_CLIP = 4.0
FAST_WEIGHT, SLOW_WEIGHT = 0.1, 0.01
MEDIAN_STEP, MEDIAN_START = 0.02, 50
SLOW_LEVEL_NS = 1.0e9
FRESH_NS = 30_000_000_000
"""A price is fresh for this long."""
LAG_FLOOR_NS = 5e6
FARTHEST_NS = 9.0e18
"""Times that are farther apart have a difference that 64 bits do not hold."""
WARM = 20
"""Accepted ticks before a level means anything."""
FLOOR = 0.3e-4
"""No scale is below 0.3 bp."""
WANDER = 0.25e-4
"""A level older than `FRESH_NS` is worth less: the scale grows by so much per root of a second, which makes the 12 scales of a
spike three times what a price goes that goes 2 % in a day of 6.5 hours."""
SIZE_FLOOR = 0.67
"""No scale of log sizes is below this: their tail is a power law of exponent 1.5, however many trades are of one lot
(Gopikrishnan et al., Physical Review E 62 (2000) R4493)."""
SIZE_CLIP = 8.0
"""Sizes that are so many deviations off are not learnt from."""
STEP_SHARE = 0.25
"""Nor is a scale below this share of the median spread, or of the median step between different prices: after a price was
unchanged for long, its next step of one tick must not be an outlier, and where there are only trades nothing else shows how wide
a tick is."""


@kernel(inline="always")
def effective_scale(instrument: Record, now: int) -> float:
    """Return the scale that deviations are measured in at `now`: never below `FLOOR` and `STEP_SHARE`, wider for an old level."""
    wider = instrument.spread_log if instrument.spreads > 0 else -np.inf
    if instrument.steps >= WARM:
        wider = max(wider, instrument.step_log)
    floor = max(FLOOR, STEP_SHARE * math.exp(wider))
    unseen = float(max(now - instrument.level_time - FRESH_NS, 0))
    return max(instrument.scale, floor) + WANDER * math.sqrt(1e-9 * unseen)


@kernel()
def observe_price(instrument: Record, x: float, now: int, is_late: bool, is_quote: bool) -> None:
    """Remember a log price, accepted or not, as evidence for other venues.

    Trades bounce between the sides: they count only where there are no fresh quotes.
    """
    if is_quote or instrument.quotes == 0 or now - instrument.quoted_time > FRESH_NS:
        instrument.observed = x
        instrument.observed_time = now
        instrument.observed_late = is_late


@kernel()
def lag_ns(row: Record) -> float:
    """Return how long after its venue's stamp a message was captured, ns; at most `FARTHEST_NS`, as a stamp may be anything."""
    lag = float(row.ts_recv) - float(row.ts_event)
    if abs(lag) >= FARTHEST_NS:
        return math.copysign(FARTHEST_NS, lag)
    return float(row.ts_recv - row.ts_event)


@kernel()
def learn_lag(instrument: Record, lag: float) -> bool:
    """Return whether a message came later than usual, by its `lag` in ns behind the venue's clock; learn what is usual.

    A message is late beyond twice the usual lag and 5 ms. A constant clock offset becomes usual.
    """
    is_late = instrument.lags >= WARM and lag > LAG_FLOOR_NS and lag > 2.0 * math.exp(instrument.lag_log) + LAG_FLOOR_NS
    instrument.lags = min(instrument.lags + 1, MOST)
    instrument.lag_log = _median(instrument.lag_log, math.log(max(lag, 1e3)), instrument.lags)
    return is_late


@kernel()
def accept(instrument: Record, x: float, now: int, is_quote: bool) -> None:
    """Move level and scale by an accepted log price. Trades move the level only where there are no fresh quotes."""
    if instrument.accepted == 0:
        instrument.level = x
        instrument.slow_level = x
        instrument.scale = FLOOR
    elif x != instrument.last_accepted:
        learn_step(instrument, abs(x - instrument.last_accepted))
    instrument.last_accepted = x
    deviation = abs(x - instrument.level)
    scale = instrument.scale
    instrument.scale += SCALE_WEIGHT * (min(deviation, SCALE_CLIP * max(scale, FLOOR)) - scale)
    decay = math.exp(-float(max(now - instrument.level_time, 0)) / SLOW_LEVEL_NS)
    instrument.slow_level = x + (instrument.slow_level - x) * decay
    if is_quote:
        instrument.level = x
        instrument.quoted_time = now
    elif now - instrument.quoted_time > FRESH_NS or instrument.quotes == 0:
        instrument.level += 0.4 * (x - instrument.level)
    instrument.level_time = now
    instrument.accepted += 1
    instrument.candidate_count = 0


@kernel()
def confirms_new_level(instrument: Record, x: float, now: int, width: float, patience: tuple[int, int]) -> bool:
    """Count a rejected log price towards a new level; return whether `patience` of them, (ticks, ns), lay within `width`."""
    if instrument.candidate_count > 0 and abs(x - instrument.candidate) <= width:
        instrument.candidate_count = min(instrument.candidate_count + 1, MOST)
        instrument.candidate += (x - instrument.candidate) / instrument.candidate_count
    else:
        instrument.candidate = x
        instrument.candidate_count = 1
        instrument.candidate_since = now
    return instrument.candidate_count >= patience[0] and now - instrument.candidate_since >= patience[1]


@kernel()
def gap_ns(instrument: Record, now: int) -> float:
    """Return the time since the instrument's last message, ns; 0 for its first."""
    return float(max(now - instrument.last_time, 0)) if instrument.ticks > 0 else 0.0


@kernel()
def observe_arrival(instrument: Record, now: int) -> float:
    """Learn the gap that ends with this tick, and return it in ns."""
    gap = gap_ns(instrument, now)
    if instrument.ticks == 1:
        instrument.gap_fast_ns = gap
        instrument.gap_slow_ns = gap
    instrument.gap_fast_ns += FAST_WEIGHT * (gap - instrument.gap_fast_ns)
    instrument.gap_slow_ns += SLOW_WEIGHT * (gap - instrument.gap_slow_ns)
    instrument.ticks += 1
    instrument.last_time = now
    return gap


@kernel()
def learn_spread(instrument: Record, spread: float) -> None:
    """Move the streaming median of the relative spread."""
    instrument.spreads = min(instrument.spreads + 1, MOST)
    instrument.spread_log = _median(instrument.spread_log, math.log(max(spread, 1e-7)), instrument.spreads)


@kernel()
def usual_spread(instrument: Record) -> float:
    """Return the median relative spread; 0 before the first one."""
    return math.exp(instrument.spread_log) if instrument.spreads > 0 else 0.0


@kernel()
def learn_step(instrument: Record, step: float) -> None:
    """Move the streaming median of the steps between different accepted prices."""
    instrument.steps = min(instrument.steps + 1, MOST)
    instrument.step_log = _median(instrument.step_log, math.log(max(step, 1e-7)), instrument.steps)


@kernel()
def _median(middle: float, x: float, count: int) -> float:
    """Return the streaming median `middle` after its `count`-th value x: steps of fixed size towards the new value."""
    if count <= MEDIAN_START:
        # The mean of the first values is a start near the median.
        return middle + (x - middle) / count
    if x > middle:
        return middle + MEDIAN_STEP
    if x < middle:
        return middle - MEDIAN_STEP
    return middle


@kernel()
def learn_size(instrument: Record, which: int, size: int | np.int64) -> float:
    """Return the deviation of a log size, in mean absolute deviations, then learn it; `which`: 0 quotes, 1 trades."""
    x = math.log(max(float(size), 1.0))
    n = instrument.sizes[which]
    deviation = np.nan
    if n >= WARM:
        deviation = (x - instrument.size_level[which]) / max(instrument.size_scale[which], SIZE_FLOOR)
    weight = 0.0
    if n < WARM:
        weight = 1.0 / (n + 1)
    elif abs(deviation) < SIZE_CLIP:
        weight = SLOW_WEIGHT
    if weight > 0.0:
        instrument.size_level[which] += weight * (x - instrument.size_level[which])
        instrument.size_scale[which] += weight * (abs(x - instrument.size_level[which]) - instrument.size_scale[which])
    instrument.sizes[which] = min(n + 1, MOST)
    return deviation

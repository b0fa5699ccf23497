"""Drift of the venue's clock: the lowest lag of each second moves by the same amount, second after second.

A queue moves it, too, but scatters about its trend, rises steeply, or ends where it began. The trend is the median of the slopes
between all pairs of seconds (Theil, "A rank-invariant method of linear and polynomial regression analysis", 1950; Sen, 1968).

====================  ==============  =============================================================================
`is_drifting`         becomes         when
====================  ==============  =============================================================================
0                     1 (opens)       a drift shows over the last SHORT or LONG seconds with messages
1                     0 (closes)      the trend of the last seconds is flat for the CALM_S-th time in a row, or
                                      messages are back where they were before, see `clock_offset`
====================  ==============  =============================================================================
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.findings.emit import EventLog, Occurrence, code_bit, emit
from tickproof.findings.event import Mode
from tickproof.kernel import kernel
from tickproof.ticks.records import Record, Records

LOWEST = np.dtype([("second", "<i8"), ("lag", "<f8")])
"""The lowest lag of one second, ns."""
LOWEST_KEPT = 32
"""So many seconds' lowest lags are kept."""

SECOND_NS = 1_000_000_000
SHORT, LONG = 8, 16
"""Seconds over which a drift must show, once and once more for slow ones."""
SCRATCH = LONG * (LONG - 1) // 2
"""Numbers that the trend of LONG seconds needs room for: a slope a pair."""
RECENT = 4
"""Seconds whose trend says whether a drift has ended."""
LEAST_DRIFT_NS = 100.0e3
STEEPEST_NS = 20.0e6
"""No clock loses two parts in a hundred: a lag that grows faster, a second, is a queue's."""
CALM_S = 2
LEAST_MESSAGES = 3
"""Messages that a second needs for its lowest lag to count."""

_DRIFT = code_bit("clock_drift")
Floats = npt.NDArray[np.float64]


class LowestLags(NamedTuple):
    """Lowest lags of the last seconds, and room to compute in.

    Attributes
    ----------
    kept : array of LOWEST, shape (LOWEST_KEPT,)
        A ring; that of the k-th second with messages is in place k modulo its length.
    scratch : float64 array, shape (SCRATCH,)
        Overwritten.
    """

    kept: Records
    scratch: Floats


class Trend(NamedTuple):
    """The trend of lowest lags.

    Attributes
    ----------
    slope : float
        ns a second.
    scatter : float
        Median distance from it, ns.
    seconds : float
        From the first to the last.
    steps : int
        Steps from one second to the next that go its way.
    """

    slope: float
    scatter: float
    seconds: float
    steps: int


@kernel()
def lowest_of(lowest: LowestLags, k: int) -> Record:
    """Return the lowest lag of the k-th second with messages."""
    return lowest.kept[k % LOWEST_KEPT]


@kernel()
def median_in_place(values: Floats, count: int) -> float:
    """Return the median of the first `count` values, which it sorts; nothing is allocated."""
    for j in range(1, count):
        value = values[j]
        k = j
        while k > 0 and values[k - 1] > value:
            values[k] = values[k - 1]
            k -= 1
        values[k] = value
    half = count // 2
    return values[half] if count % 2 == 1 else (values[half - 1] + values[half]) / 2.0


@kernel()
def _slope(lowest: LowestLags, first: int, width: int) -> float:
    """Return the median of the slopes between all pairs of `width` seconds from the `first` on, ns a second."""
    count = 0
    for j in range(width):
        one = lowest_of(lowest, first + j)
        for k in range(j + 1, width):
            other = lowest_of(lowest, first + k)
            lowest.scratch[count] = (other.lag - one.lag) / max(float(other.second - one.second), 1.0)
            count += 1
    return median_in_place(lowest.scratch, count)


@kernel()
def _scatter(lowest: LowestLags, first: int, width: int, slope: float) -> float:
    """Return the median distance of `width` lowest lags from the line with a slope through their median, ns."""
    rests = lowest.scratch
    start = lowest_of(lowest, first).second
    for j in range(width):
        one = lowest_of(lowest, first + j)
        rests[j] = one.lag - slope * float(one.second - start)
    centre = median_in_place(rests, width)
    for j in range(width):
        rests[j] = abs(rests[j] - centre)
    return median_in_place(rests, width)


@kernel()
def trend(lowest: LowestLags, filled: int, width: int) -> Trend:
    """Return the trend of the last `width` lowest lags; `filled` of them were written so far."""
    first = filled - width
    slope = _slope(lowest, first, width)
    steps = 0
    for j in range(1, width):
        if (lowest_of(lowest, first + j).lag - lowest_of(lowest, first + j - 1).lag) * slope > 0.0:
            steps += 1
    seconds = float(lowest_of(lowest, filled - 1).second - lowest_of(lowest, first).second)
    return Trend(slope, _scatter(lowest, first, width, slope), seconds, steps)


@kernel()
def drift_slope(clock: Record, lowest: LowestLags, width: int) -> float:
    """Return the slope of a drift that shows over the last `width` seconds with messages, ns a second; 0 if none does."""
    if clock.filled < width + 2:
        return 0.0
    found = trend(lowest, clock.filled, width)
    slope, moved = found.slope, abs(found.slope) * found.seconds
    # A queue builds up less evenly than a clock drifts.
    least = max(LEAST_DRIFT_NS, (10.0 if slope > 0.0 else 6.0) * found.scatter, 5.0 * clock.noise, clock.spread)
    if slope > STEEPEST_NS:
        return 0.0
    if found.seconds > 3.0 * width or moved < least or found.steps < (width - 1) - width // 5:
        return 0.0
    # A queue that drains ends where it began; a drift goes below.
    is_below = lowest_of(lowest, clock.filled - 1).lag <= clock.deep - 0.25 * moved
    return slope if slope > 0.0 or is_below else 0.0


@kernel()
def close_second(clock: Record, lowest: LowestLags, index: int, now: int, log: EventLog) -> None:
    """Take the lowest lag of the second that is over: move the envelope, and look for a drift or its end."""
    if clock.second_count >= LEAST_MESSAGES:
        _learn_lowest(clock, lowest)
        if clock.is_drifting == 0:
            _look_for_drift(clock, lowest, index, now, log)
        else:
            _look_for_end(clock, lowest, index, now, log)
    clock.second_lowest = 0.0
    clock.second_count = 0


@kernel()
def _learn_lowest(clock: Record, lowest: LowestLags) -> None:
    """Keep the lowest lag of a second; the envelope is the least of the last SHORT."""
    if clock.filled > 0:
        step = abs(clock.second_lowest - lowest_of(lowest, clock.filled - 1).lag)
        clock.noise += (min(step, 5.0 * clock.noise + 1e3) - clock.noise) * (0.1 if clock.filled > 10 else 0.5)
    slot = lowest_of(lowest, clock.filled)
    slot.second = clock.second
    slot.lag = clock.second_lowest
    clock.filled += 1
    if clock.filled > SHORT:
        older = lowest_of(lowest, clock.filled - 1 - SHORT).lag
        clock.deep = min(clock.deep, older) if clock.deep != 0.0 else older
    clock.envelope = clock.second_lowest
    for k in range(max(clock.filled - SHORT, 0), clock.filled):
        clock.envelope = min(clock.envelope, lowest_of(lowest, k).lag)


@kernel()
def _look_for_drift(clock: Record, lowest: LowestLags, index: int, now: int, log: EventLog) -> None:
    """Open a drift if one shows over the last SHORT seconds, or over the last LONG."""
    width = SHORT
    slope = drift_slope(clock, lowest, SHORT)
    if slope == 0.0:
        width = LONG
        slope = drift_slope(clock, lowest, LONG)
    if slope == 0.0:
        return
    first = lowest_of(lowest, clock.filled - width)
    clock.is_drifting = 1
    clock.slope = slope
    clock.calm = 0
    clock.envelope_before = first.lag + clock.offset
    began = now - (clock.second - first.second) * SECOND_NS
    emit(log, _DRIFT, Mode.OPENS, Occurrence(index, now, began, slope, clock.spread, clock.noise))


@kernel()
def _look_for_end(clock: Record, lowest: LowestLags, index: int, now: int, log: EventLog) -> None:
    """End a drift whose trend has been flat, or turned, for CALM_S seconds with messages."""
    slope = trend(lowest, clock.filled, RECENT).slope
    is_flat = slope * clock.slope <= 0.0 or abs(slope) < 0.25 * abs(clock.slope)
    clock.calm = clock.calm + 1 if is_flat else 0
    if clock.calm >= CALM_S:
        end_drift(clock, index, now, log)


@kernel()
def end_drift(clock: Record, index: int, now: int, log: EventLog) -> None:
    """End a drift, and forget the lowest lags that it moved."""
    clock.is_drifting = 0
    clock.filled = 0
    clock.deep = 0.0
    emit(log, _DRIFT, Mode.CLOSES, Occurrence(index, now, now, clock.slope, clock.spread, clock.noise))

"""Windows and weights of rolling statistics, compiled: what a window over counts and a window over time hold, stated once.

A window of length w at time t is (t − w, t]: it holds its end and not its beginning. Over counts it is exact. Over time the state
cannot hold every tick, so a window has `PARTS` parts that lie on a grid of w / PARTS, and its beginning on the grid: it is
(T − w, t], T being t rounded up to the grid, and so between w (1 − 1 / PARTS) and w long. A decay e^(−Δ / τ) needs no grid.
"""

from __future__ import annotations

from typing import Any

from tickproof.kernel import kernel
from tickproof.ticks.schema import Array

PARTS = 4
"""Parts of a window over time."""
FAST_PART_NS, SLOW_PART_NS = 250_000_000, 16_000_000_000
"""Length of a part of the windows of 1 s and of 64 s."""
SECOND_BITS, SLOW_BITS = 2, 6
"""A second is 2^2 fast parts, a slow part 2^6."""
LAST = 9
"""Values of a window over counts: odd, so that its median is one of them."""
FULL = 65_535
"""A part counts up to this; once full, it learns nothing more."""
STEP_BINS = 24
"""Bins of a histogram of steps: bin k holds [2^(k − 24), 2^(k − 23)); the first also what is below, the last what is above."""
BIN_FULL = 255
"""When a bin reaches this, all are halved, so that old values count less."""


@kernel(error_model="numpy", inline="always")
def part_of(time: int, part_ns: int) -> int:
    """Return the number k of the part (k part_ns − part_ns, k part_ns] that a time in ns lies in."""
    return (time + part_ns - 1) // part_ns


@kernel(error_model="numpy", inline="always")
def coarser(part: int, bits: int) -> int:
    """Return the number of the part, 2^bits times as long, that a part lies in: dividing the time again would cost more."""
    return (part + (1 << bits) - 1) >> bits


@kernel(error_model="numpy", inline="always")
def passed(before: int, part: int) -> int:
    """Return how many parts to empty when a window moves from part `before` to `part`."""
    return min(max(part - before, 0), PARTS)


@kernel(error_model="numpy", inline="always")
def eighth_power(decay: float) -> float:
    """Return the decay over an eighth of the horizon: e^(−8 Δ / τ) from e^(−Δ / τ)."""
    square = decay * decay
    fourth = square * square
    return fourth * fourth


@kernel(error_model="numpy")
def insert(ordered: Array, count: int, value: Any) -> None:
    """Insert a value into the first `count` values, which ascend; there must be room for one more."""
    k = count
    while k > 0 and ordered[k - 1] > value:
        ordered[k] = ordered[k - 1]
        k -= 1
    ordered[k] = value


@kernel(error_model="numpy")
def exchange(ordered: Array, old: Any, value: Any) -> None:
    """Replace `old` by `value` in ascending values, and keep them ascending."""
    # Counting has no branches; a search would have one that no processor can predict.
    place, target = 0, 0
    for k in range(len(ordered)):
        place += 1 if ordered[k] < old else 0
        target += 1 if ordered[k] < value else 0
    if value > old:
        for k in range(place, target - 1):
            ordered[k] = ordered[k + 1]
        ordered[target - 1] = value
    elif value < old:
        for k in range(place, target, -1):
            ordered[k] = ordered[k - 1]
        ordered[target] = value


@kernel(error_model="numpy")
def absolute_deviation(ordered: Array) -> Any:
    """Return the median of |v − median| over an odd number of ascending values: the half nearest the median is a run of them."""
    half = len(ordered) // 2
    median = ordered[half]
    low, high = half, half
    farthest = median - median
    for _ in range(half):
        left = median - ordered[low - 1] if low > 0 else ordered[high + 1] - median
        right = ordered[high + 1] - median if high < len(ordered) - 1 else left
        if low > 0 and left <= right:
            low -= 1
            farthest = left
        else:
            high += 1
            farthest = right
    return farthest


@kernel(error_model="numpy", inline="always")
def step_bin(exponent: int) -> int:
    """Return the bin of a value with this binary exponent (`math.frexp`): 2^(exponent − 1) <= value < 2^exponent."""
    return min(max(exponent + STEP_BINS - 1, 0), STEP_BINS - 1)


@kernel(error_model="numpy")
def count_step(bins: Array, k: int) -> None:
    """Count one value in bin `k`; halve all bins, rounding down, when that one is full."""
    bins[k] += 1
    if bins[k] == BIN_FULL:
        for j in range(len(bins)):
            bins[j] = bins[j] >> 1

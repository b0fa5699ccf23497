"""How late a channel's messages are: a histogram a second, and spikes against the channel's own 99th percentile."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.kernel import kernel
from tickproof.ticks.records import Record

LATENCY = np.dtype([("count", "<i8"), ("log_p99", "<f8"), ("level", "<f8"), ("late_run", "<i8"), ("late_since", "<i8")])
"""Messages since the last warm-up began; the logarithm of the 99th percentile in ns, and that itself; messages in a row above the
threshold, and the first one's event time."""

BINS = 256
"""Eight bins an octave from 1 µs, edges the same for all, so that histograms add; the last holds all from about 72 minutes on."""
WARMUP = 200
FACTOR = 8.0
FLOOR_NS = 50.0e6
LATE_RUN = 3
ACCEPTED_NS = 60_000_000_000
"""A latency that lasts so long is the new usual one."""
STEP_UP, STEP_DOWN = 0.02 * 0.99, -0.02 * 0.01
"""Steps of the logarithm of the 99th percentile: they balance where one message in a hundred is above it."""
_LOG_1US = math.log(1000.0)


class SpikeCheck(NamedTuple):
    """Whether a latency is a spike, and the threshold in ns; 0 while warming up."""

    is_spike: bool
    threshold_ns: float


@kernel()
def quantile(histogram: npt.NDArray[np.int64], total: int, share: float) -> float:
    """Return the upper edge of the bin that holds the quantile, ns: at most an eighth of an octave above it."""
    rank = math.ceil(share * total)
    seen = 0
    for k in range(len(histogram)):
        seen += histogram[k]
        if seen >= rank:
            return 1000.0 * 2.0 ** ((k + 1) / 8.0)
    return np.inf


@kernel()
def usual_latency(state: Record) -> float:
    """Return the latency that one message in a hundred exceeds, ns; 0 while there were few."""
    return state.level if state.count > WARMUP else 0.0


@kernel()
def check_latency(latency_ns: float, now: int, state: Record, histogram: npt.NDArray[np.int64]) -> SpikeCheck:
    """Count one latency, check it against the usual one, and learn that from what is no spike."""
    x = math.log(max(latency_ns, 1000.0))
    histogram[min(max(int((x - _LOG_1US) * 8.0 / math.log(2.0)), 0), BINS - 1)] += 1
    state.count += 1
    if state.count <= WARMUP:
        _set_level(state, x if state.count == 1 else max(state.log_p99, x))
        return SpikeCheck(False, 0.0)
    threshold = max(FACTOR * state.level, state.level + FLOOR_NS)
    if latency_ns > threshold:
        return SpikeCheck(_is_spike(state, now), threshold)
    state.late_run = 0
    # Stochastic approximation of a quantile (Robbins and Monro, 1951) on the logarithm.
    _set_level(state, state.log_p99 + (STEP_UP if x > state.log_p99 else STEP_DOWN))
    return SpikeCheck(False, threshold)


@kernel()
def _set_level(state: Record, log_p99: float) -> None:
    state.log_p99 = log_p99
    state.level = math.exp(log_p99)


@kernel()
def _is_spike(state: Record, now: int) -> bool:
    """Count a latency above the threshold; return whether there were enough in a row."""
    state.late_run += 1
    if state.late_run == 1:
        state.late_since = now
    if now - state.late_since > ACCEPTED_NS:
        # The run ends with the warm-up, or one late tick after it would look like many.
        state.count = 0
        state.late_run = 0
        return True
    return state.late_run >= LATE_RUN

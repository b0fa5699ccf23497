"""How late a channel's messages are, compiled: a histogram a second, and spikes against the channel's own 99th percentile."""

from __future__ import annotations

import math

import numpy as np

from tickproof.kernel import array_kernel

LATENCY = np.dtype([("count", "<i8"), ("log_p99", "<f8"), ("level", "<f8"), ("late_run", "<i8"), ("late_since", "<i8")])
"""`level` is exp(`log_p99`), ns."""

BINS = 256
"""Eight bins an octave from 1 µs, edges the same for all, so that histograms add; the last holds all from about 72 minutes on."""
WARMUP = 200
FACTOR = 8.0
FLOOR_NS = 50.0e6
LATE_RUN = 3
ACCEPTED_NS = 60_000_000_000
_LOG_1US = math.log(1000.0)


@array_kernel()
def quantile(histogram, total, share):  # type: ignore[no-untyped-def]
    """Upper edge, in ns, of the bin that holds the quantile: at most an eighth of an octave above it."""
    rank = math.ceil(share * total)
    seen = 0
    for k in range(len(histogram)):
        seen += histogram[k]
        if seen >= rank:
            return 1000.0 * 2.0 ** ((k + 1) / 8.0)
    return np.inf


@array_kernel()
def usual(c):  # type: ignore[no-untyped-def]
    """The latency that one message in a hundred exceeds, ns; 0 while there were few."""
    return c.level if c.count > WARMUP else 0.0


@array_kernel()
def check_latency(latency, now, c, histogram):  # type: ignore[no-untyped-def]
    """(is it a spike, threshold in ns); learns the channel's own 99th percentile from what is no spike."""
    x = math.log(max(latency, 1000.0))
    histogram[min(max(int((x - _LOG_1US) * 8.0 / math.log(2.0)), 0), BINS - 1)] += 1
    c.count += 1
    if c.count <= WARMUP:
        c.log_p99 = x if c.count == 1 else max(c.log_p99, x)
        c.level = math.exp(c.log_p99)
        return False, 0.0
    level = c.level
    threshold = max(FACTOR * level, level + FLOOR_NS)
    if latency > threshold:
        c.late_run += 1
        if c.late_run == 1:
            c.late_since = now
        if now - c.late_since > ACCEPTED_NS:
            # It is the new usual. The run ends with it, or one late tick after the next warm-up would look like many.
            c.count = 0
            c.late_run = 0
            return True, threshold
        return c.late_run >= LATE_RUN, threshold
    c.late_run = 0
    # Stochastic approximation of a quantile (Robbins and Monro 1951) on the logarithm.
    c.log_p99 += 0.02 * 0.99 if x > c.log_p99 else -0.02 * 0.01
    c.level = math.exp(c.log_p99)
    return False, threshold

"""A channel's row a second, for `feed.statistics` and for where the channels meet."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tickproof.channel import latency, second_counts
from tickproof.channel.event_time import SECOND_NS
from tickproof.kernel import kernel
from tickproof.ticks.records import Record

SECOND_ROW = np.dtype(
    [
        ("ts", "<i8"),
        ("ticks", "<i8"),
        ("quotes", "<i8"),
        ("trades", "<i8"),
        ("gaps", "<i8"),
        ("lost", "<i8"),
        ("duplicates", "<i8"),
        ("latency_p50", "<f8"),
        ("latency_p99", "<f8"),
        ("latency_p999", "<f8"),
        ("age", "<i8"),
        ("known_at", "<i8"),
        ("activity", second_counts.ACTIVITY),
    ]
)
"""One second (ts − 1 s, ts] of a channel, and the event time at which it was known to be over; latencies and age in ns, NaN
where no message had a venue time. `gaps` began in it, `lost` were given up in it."""


@kernel()
def close_second(channel: Record, histogram: npt.NDArray[np.int64], row: Record, now: int) -> None:
    """Write the row of the second that ended, and start to count anew."""
    counts, liveness = channel.counts, channel.quiet.any
    row.ts = counts.second * SECOND_NS
    row.ticks = counts.ticks
    row.quotes = counts.quotes
    row.trades = counts.trades
    row.gaps = counts.gaps
    row.lost = counts.lost
    row.duplicates = counts.duplicates
    row.age = row.ts - liveness.last if liveness.count > 0 else -1
    _write_latencies(row, histogram)
    row.known_at = now
    row.activity = channel.activity
    histogram[:] = 0
    counts.ticks = counts.quotes = counts.trades = counts.gaps = counts.lost = counts.duplicates = 0
    second_counts.begin_second(channel.activity)


@kernel()
def _write_latencies(row: Record, histogram: npt.NDArray[np.int64]) -> None:
    """Write the quantiles of a second's latencies, ns; NaN where there are none."""
    total = 0
    for k in range(len(histogram)):
        total += histogram[k]
    row.latency_p50 = row.latency_p99 = row.latency_p999 = np.nan
    if total > 0:
        row.latency_p50 = latency.quantile(histogram, total, 0.5)
        row.latency_p99 = latency.quantile(histogram, total, 0.99)
        row.latency_p999 = latency.quantile(histogram, total, 0.999)

"""How large a share of an instrument's ticks is corrupt, compiled: past one per cent of a minute its findings are more severe."""

from __future__ import annotations

import numpy as np

from tickproof.findings.finding import Quality
from tickproof.kernel import array_kernel

MINUTE = np.dtype([("minute", "<i4"), ("ticks", "<i4"), ("before", "<i4"), ("corrupt", "<i4")])
"""An instrument's minute that is not over: its ticks, those of the minute before, and how many are corrupt."""

MINUTE_NS = 60_000_000_000
SHARE = 0.01
LEAST = 10
"""Corrupt ticks: one of an instrument that speaks twice a minute is no flood."""
_CORRUPT = int(Quality.CORRUPT)


@array_kernel()
def passed(rows, instrument_of, quality, minutes):  # type: ignore[no-untyped-def]
    """Count final ticks in the shard's order; for each, whether the share of its minute has passed `SHARE` by then.

    A minute that has just begun is held against the ticks of the one before.
    """
    out = np.zeros(len(rows), np.bool_)
    for i in range(len(rows)):
        k = instrument_of[i]
        if k < 0:
            continue
        one = minutes[k]
        minute = rows[i].event_time // MINUTE_NS
        if minute != one.minute:
            one.before = one.ticks if minute == one.minute + 1 else 0
            one.minute = minute
            one.ticks = 0
            one.corrupt = 0
        one.ticks += 1
        if quality[i] == _CORRUPT:
            one.corrupt += 1
        out[i] = one.corrupt >= LEAST and float(one.corrupt) > SHARE * float(max(one.ticks, one.before))
    return out

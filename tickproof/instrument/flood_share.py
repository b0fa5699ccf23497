"""How large a share of an instrument's ticks is corrupt, compiled: past one per cent of a minute its findings are more severe."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tickproof.findings.finding import Quality
from tickproof.kernel import array_kernel
from tickproof.ticks.records import Records

MINUTE = np.dtype([("minute", "<i4"), ("ticks", "<i4"), ("before", "<i4"), ("corrupt", "<i4")])
"""An instrument's minute that is not over: its ticks, those of the minute before, and how many are corrupt."""

MINUTE_NS = 60_000_000_000
SHARE = 0.01
LEAST = 10
"""Corrupt ticks that a flood has at least: one of an instrument with two ticks a minute is no flood."""
_CORRUPT = int(Quality.CORRUPT)


@array_kernel()
def flooded(
    rows: Records, instrument_of: npt.NDArray[np.int64], quality: npt.NDArray[np.uint8], minutes: Records
) -> npt.NDArray[np.bool_]:
    """Count final ticks in the shard's order; return for each whether the share of its minute has passed `SHARE` by then.

    A minute that has just begun is held against the ticks of the one before.
    """
    out = np.zeros(len(rows), np.bool_)
    for i in range(len(rows)):
        number = instrument_of[i]
        if number < 0:
            continue
        current = minutes[number]
        minute = rows[i].event_time // MINUTE_NS
        if minute != current.minute:
            current.before = current.ticks if minute == current.minute + 1 else 0
            current.minute = minute
            current.ticks = 0
            current.corrupt = 0
        current.ticks += 1
        if quality[i] == _CORRUPT:
            current.corrupt += 1
        out[i] = current.corrupt >= LEAST and float(current.corrupt) > SHARE * float(max(current.ticks, current.before))
    return out

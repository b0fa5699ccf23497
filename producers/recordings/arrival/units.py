"""In which unit a recording's times are: ns, or µs, ms or s in their place.

Times of this century in another unit lie in ranges that do not overlap: milliseconds of 2024 read as nanoseconds are of 1970.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.ticks.schema import NS_PER_SECOND

EARLIEST_NS, LATEST_NS = 631_152_000 * NS_PER_SECOND, 4_102_444_800 * NS_PER_SECOND
"""1990 and 2100: no feed is older, and none comes from there."""
FACTORS: dict[int, str] = {1_000: "microseconds", 1_000_000: "milliseconds", 1_000_000_000: "seconds"}
"""By what a time is too small, and the unit that it is in."""
FEWEST = 2
"""One such time alone may be any number."""
NEAR_NS = 93_600 * NS_PER_SECOND
"""26 hours: a venue's time that is so near to its capture once it is multiplied was in the other unit."""


class Wrong(NamedTuple):
    """Times in another unit.

    Attributes
    ----------
    factor : int
        They are so many times too small.
    rows : int64 array
        Whose times they are.
    """

    factor: int
    rows: npt.NDArray[np.int64]


def captures(times: npt.NDArray[np.int64]) -> list[Wrong]:
    """Return the capture times that are in another unit; none where a time is of no unit, as in made-up streams."""
    is_right = (times >= EARLIEST_NS) & (times < LATEST_NS)
    if is_right.all():
        return []
    found = [Wrong(factor, np.flatnonzero(_is_in(times, factor))) for factor in FACTORS]
    found = [wrong for wrong in found if len(wrong.rows)]
    explained = int(is_right.sum()) + sum(len(wrong.rows) for wrong in found)
    return [wrong for wrong in found if len(wrong.rows) >= FEWEST] if explained == len(times) else []


def events(events_ns: npt.NDArray[np.int64], captures_ns: npt.NDArray[np.int64]) -> list[Wrong]:
    """Return the venue's times that are in another unit than their capture times, which are in ns."""
    is_known = (captures_ns >= EARLIEST_NS) & (captures_ns < LATEST_NS)
    found = []
    for factor in FACTORS:
        scaled = np.where(_is_in(events_ns, factor), events_ns, 0) * factor
        rows = np.flatnonzero(is_known & (scaled > 0) & (np.abs(scaled - captures_ns) < NEAR_NS))
        if len(rows):
            found.append(Wrong(factor, rows))
    return found


def _is_in(times: npt.NDArray[np.int64], factor: int) -> npt.NDArray[np.bool_]:
    within: npt.NDArray[np.bool_] = (times >= EARLIEST_NS // factor) & (times < LATEST_NS // factor)
    return within

"""How often an instrument sends a message at each time of day, compiled.

The mean gap of a quarter of an hour is known once an earlier day has shown it, and is the shorter one of the last two days: an
outage of one day teaches nothing, and a pause that returns is expected from the third day on. Gaps are kept as quarters of an
octave in one byte, so that an instrument takes 208 bytes for all its day.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tickproof.kernel import kernel
from tickproof.ticks.records import Record

QUARTER_NS = 900_000_000_000
QUARTERS = 96
"""Quarters of an hour of a day, UTC: pauses begin and end on them."""
SEASON = np.dtype([("ticks", "<i8"), ("clock", "<i8"), ("gaps", "u1", (2, QUARTERS))])
"""Messages of the instrument, and its channel's time alive in ns, as this quarter began; mean gaps of the last two days by
quarter, newest first, as `encode_gap` gives them."""
UNKNOWN_GAP = 0
"""A mean gap that no day has shown yet."""
PER_OCTAVE = 4.0
LEAST_NS = 60_000_000_000
"""Time alive from which a part of a quarter says something about it."""


@kernel(error_model="numpy")
def encode_gap(gap_ns: float) -> np.uint8:
    """Return a gap in ns as quarters of an octave above 1 ns, 1 to 255: within 9 %."""
    return np.uint8(min(max(math.floor(PER_OCTAVE * math.log2(max(gap_ns, 1.0)) + 0.5), 1.0), 255.0))


@kernel(error_model="numpy")
def decode_gap(quarters_of_octave: int) -> float:
    """Return a gap in ns from quarters of an octave."""
    return 2.0 ** (quarters_of_octave / PER_OCTAVE)


@kernel(error_model="numpy")
def _shorter_gap(season: Record, quarter: int) -> int:
    """Return the shorter mean gap of the last two days in a quarter of an hour, encoded."""
    place = quarter % QUARTERS
    return min(season.gaps[0, place], season.gaps[1, place])


@kernel(error_model="numpy")
def usual_gap_ns(season: Record, last: int, now: int) -> float:
    """Return the instrument's mean gap at this time of day, ns; 0 where no earlier day has shown it.

    If the last message came before this quarter of an hour began, the longer gap of this quarter and the one before counts: a
    pause may end within a quarter.
    """
    quarter = now // QUARTER_NS
    gap = _shorter_gap(season, quarter)
    if gap != UNKNOWN_GAP and last // QUARTER_NS < quarter:
        gap = max(gap, _shorter_gap(season, quarter - 1))
    return decode_gap(gap) if gap != UNKNOWN_GAP else 0.0


@kernel(error_model="numpy")
def is_pause(season: Record, last: int, now: int) -> bool:
    """Return whether the instrument sent nothing during a quarter of an hour in which it usually sends nothing."""
    before = now // QUARTER_NS - 1
    gap = _shorter_gap(season, before)
    return last // QUARTER_NS < before and gap != UNKNOWN_GAP and decode_gap(gap) >= QUARTER_NS


@kernel(error_model="numpy")
def _learn(season: Record, quarter: int, gap_ns: float, is_usual: bool) -> None:
    """Learn one more day of a quarter; an unusual one must come twice, and the first usual day counts at once."""
    gap = encode_gap(gap_ns)
    season.gaps[1, quarter] = gap if is_usual and season.gaps[0, quarter] == UNKNOWN_GAP else season.gaps[0, quarter]
    season.gaps[0, quarter] = gap


class Activity(NamedTuple):
    """What an instrument did up to a message in another quarter of an hour than that of its last one.

    Attributes
    ----------
    ticks : int
        Its messages before this one.
    is_unusual : bool
        Was there a halt or a silence since the quarter began?
    alive_before_ns, alive_ns : int
        Its channel's time alive at its last message, and now.
    """

    ticks: int
    is_unusual: bool
    alive_before_ns: int
    alive_ns: int


@kernel(error_model="numpy")
def end_quarter(season: Record, last: int, now: int, activity: Activity) -> None:
    """Learn the quarter of an hour of the last message, and those that passed since without one.

    Quarters in which the channel itself sent nothing teach nothing.

    Parameters
    ----------
    season : record of SEASON
    last, now : int
        Event times of the instrument's last message and of this one, ns, in different quarters.
    activity : Activity
    """
    quarter, current = last // QUARTER_NS, now // QUARTER_NS
    alive = min(activity.alive_ns - season.clock, QUARTER_NS)
    if activity.ticks > season.ticks and alive >= LEAST_NS:
        _learn(season, quarter % QUARTERS, alive / float(activity.ticks - season.ticks), not activity.is_unusual)
    passed = min(current - quarter - 1, QUARTERS - 1)
    gap = activity.alive_ns - activity.alive_before_ns
    if passed > 0 and 2 * gap >= passed * QUARTER_NS:
        for k in range(passed):
            _learn(season, (current - 1 - k) % QUARTERS, float(gap), not activity.is_unusual)
    season.ticks, season.clock = activity.ticks, activity.alive_ns

"""How often an instrument speaks at each time of day, compiled.

The mean gap of a quarter of an hour is known once an earlier day has shown it, and is the shorter one of the last two days: an
outage of one day teaches nothing, and a pause that returns is expected from the third day on. It is kept in quarters of octaves,
so that an instrument takes 208 bytes for all its day.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.kernel import kernel

QUARTER_NS = 900_000_000_000
QUARTERS = 96
"""Quarters of an hour of a day, UTC: pauses begin and end on them."""
SEASON = np.dtype([("ticks", "<i8"), ("clock", "<i8"), ("gaps", "u1", (2, QUARTERS))])
"""Messages of the instrument, and its channel's time alive, as this quarter began; mean gaps of the last two days by quarter, as
`octaves_of`, 0 where they are not known."""
PER_OCTAVE = 4.0
LEAST_NS = 60_000_000_000
"""Time alive from which a part of a quarter says something of it."""


@kernel(error_model="numpy")
def octaves_of(gap_ns):  # type: ignore[no-untyped-def]
    """A gap in quarters of octaves above 1 ns: within 9 %."""
    return np.uint8(min(max(math.floor(PER_OCTAVE * math.log2(max(gap_ns, 1.0)) + 0.5), 1.0), 255.0))


@kernel(error_model="numpy")
def usual_gap_ns(season, last, now):  # type: ignore[no-untyped-def]
    """The instrument's mean gap at this time of day; 0 where no earlier day has shown it.

    Who said nothing since the quarter before this one is judged by the longer gap of the two: a pause may end within a quarter.
    """
    quarter = now // QUARTER_NS
    least = min(season.gaps[0, quarter % QUARTERS], season.gaps[1, quarter % QUARTERS])
    if least > 0 and last // QUARTER_NS < quarter:
        before = (quarter - 1) % QUARTERS
        least = max(least, min(season.gaps[0, before], season.gaps[1, before]))
    return 2.0 ** (least / PER_OCTAVE) if least > 0 else 0.0


@kernel(error_model="numpy")
def is_pause(season, last, now):  # type: ignore[no-untyped-def]
    """Did the instrument say nothing for a quarter of an hour in which it usually says nothing?"""
    before = now // QUARTER_NS - 1
    least = min(season.gaps[0, before % QUARTERS], season.gaps[1, before % QUARTERS])
    return last // QUARTER_NS < before and least > 0 and 2.0 ** (least / PER_OCTAVE) >= QUARTER_NS


@kernel(error_model="numpy")
def _learn(season, quarter, gap_ns, is_usual):  # type: ignore[no-untyped-def]
    """One more day of a quarter; what is unusual must come twice, and the first usual day counts at once."""
    seen = octaves_of(gap_ns)
    season.gaps[1, quarter] = seen if is_usual and season.gaps[0, quarter] == 0 else season.gaps[0, quarter]
    season.gaps[0, quarter] = seen


@kernel(error_model="numpy")
def turn(season, last, now, said, alive):  # type: ignore[no-untyped-def]
    """An instrument speaks in another quarter of an hour than that of its last message: learn that one, and those passed over.

    Parameters
    ----------
    season : SEASON
    last, now : int
        Event times of its last message and of this one, ns.
    said : (messages before this one, was there a halt or a silence since the quarter began)
    alive : (its channel's time alive at its last message, and now), ns
        Quarters in which the channel itself said nothing teach nothing.
    """
    ticks, is_unusual = said
    before, clock = alive
    quarter, current = last // QUARTER_NS, now // QUARTER_NS
    lived = min(clock - season.clock, QUARTER_NS)
    if ticks > season.ticks and lived >= LEAST_NS:
        _learn(season, quarter % QUARTERS, lived / float(ticks - season.ticks), not is_unusual)
    passed = min(current - quarter - 1, QUARTERS - 1)
    if passed > 0 and 2 * (clock - before) >= passed * QUARTER_NS:
        for k in range(passed):
            _learn(season, (current - 1 - k) % QUARTERS, float(clock - before), not is_unusual)
    season.ticks, season.clock = ticks, clock

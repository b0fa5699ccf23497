"""Steps of the clock by which a recording was captured, told from the venue's times.

The lag of a message is `ts_recv` − `ts_event`. A clock that is set moves the lags of all channels at once, by one amount, from
one message to the next, and they stay there; a queue grows and drains, and a venue's own clock moves its channels alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.ticks.schema import Array, Present

LEAST_NS = 500_000_000
"""Smaller steps are not told from a path that changed."""
FEWEST, FEWEST_OF_CHANNEL = 16, 4
"""Messages on either side of a step, of all channels and of each."""
SPANS = 2
"""For so many times its amount, a step is there: a queue would have drained by then."""
SCATTER = 0.1
"""By this share of the step its lags may differ, and channels among each other."""
MOST = 64
"""Places that may be steps; where there are more, stamps are wrong in another way."""


class Step(NamedTuple):
    """A step of the clock.

    Attributes
    ----------
    place : int
        The first row after it.
    ahead_ns : int
        By how much captures after it are later than by the clock before it; negative: it went back.
    """

    place: int
    ahead_ns: int


def steps(rows: Array) -> list[Step]:
    """Return the steps of the capture clock in a file's rows, in the file's order."""
    if len(rows) < 2 * FEWEST:
        return []
    is_known = (rows["present"] & Present.TS_EVENT) != 0
    moves = np.diff(rows["ts_recv"])
    found: list[Step] = []
    places = np.flatnonzero(np.abs(moves) >= LEAST_NS) + 1
    # Without a time of the venue nothing can be told, and a quiet feed pauses often.
    if len(places) == 0 or is_known.sum() < 2 * FEWEST:
        return []
    back = places[moves[places - 1] < 0]
    chosen = back if len(places) > MOST else places
    for place in chosen[:MOST].tolist():
        step = _step_at(rows, is_known, place)
        if step is not None:
            found.append(step)
    return found


def _step_at(rows: Array, is_known: npt.NDArray[np.bool_], place: int) -> Step | None:
    """Return the step before a row, or None if there is none."""
    amount_ns = abs(int(rows["ts_recv"][place]) - int(rows["ts_recv"][place - 1]))
    before = _window(rows[:place][::-1], is_known[:place][::-1], amount_ns)
    after = _window(rows[place:], is_known[place:], amount_ns)
    if before is None or after is None:
        return None
    shifts = []
    for channel in np.intersect1d(before["channel"], after["channel"]).tolist():
        was, now = (_lags(part[part["channel"] == channel]) for part in (before, after))
        if min(len(was), len(now)) < FEWEST_OF_CHANNEL:
            continue
        shift = float(np.median(now) - np.median(was))
        if abs(shift) < LEAST_NS or max(np.ptp(was), np.ptp(now)) > SCATTER * abs(shift):
            return None
        shifts.append(shift)
    if not shifts or np.ptp(shifts) > SCATTER * abs(shifts[0]):
        return None
    ahead_ns = round(float(np.median(shifts)))
    is_back = ahead_ns < 0 and rows["ts_recv"][place] < rows["ts_recv"][place - 1]
    # Ahead, a venue that lags looks alike: two channels of it at least.
    return Step(place, ahead_ns) if is_back or (ahead_ns > 0 and len(shifts) > 1) else None


def _window(rows: Array, is_known: npt.NDArray[np.bool_], amount_ns: int) -> Array | None:
    """Return the rows next to a step that have venue times, for as long as SPANS says, and None where there are too few."""
    near = rows[: 64 * FEWEST][is_known[: 64 * FEWEST]]
    if len(near) < FEWEST:
        return None
    passed = np.abs(near["ts_event"] - near["ts_event"][0])
    enough = max(int(np.searchsorted(passed, SPANS * amount_ns)) + 1, FEWEST)
    return near[:enough] if passed[min(enough, len(near)) - 1] >= amount_ns else None


def _lags(rows: Array) -> npt.NDArray[np.int64]:
    lags: npt.NDArray[np.int64] = rows["ts_recv"] - rows["ts_event"]
    return lags

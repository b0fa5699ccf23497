"""Ticks of one time stamp whose numbers say in which order they came."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tickproof.ticks.schema import Array, Present

FEWEST, SHARE = 3, 0.1
"""So many shuffled time stamps, and of a channel's time stamps with several ticks: then the file has lost their order."""
SAYS = "the order of ticks within one time stamp is lost"


def shuffled(rows: Array) -> npt.NDArray[np.int64]:
    """Return the places of one channel's rows with those of a time stamp by their number; as they are, if nothing is to be done.

    Only where the numbers of each stamp are all there: whatever else is wrong with a channel's numbers stays to be found.
    """
    count = len(rows)
    places = np.arange(count)
    if count < 2 or not (rows["present"] & Present.SEQUENCE).all():
        return places
    times, numbers = rows["ts_recv"], rows["sequence"]
    starts = np.flatnonzero(np.r_[True, np.diff(times) != 0])
    lengths = np.diff(np.r_[starts, count])
    if not (lengths > 1).any():
        return places
    which = np.repeat(np.arange(len(starts)), lengths)
    order = np.lexsort((numbers, which))
    is_back = np.r_[False, (numbers[1:] < numbers[:-1]) & (which[1:] == which[:-1])]
    # Sorted, the numbers of a stamp leave no hole and none comes twice.
    step = np.r_[np.uint64(1), np.diff(numbers[order])]
    step[starts] = 1
    is_whole = np.ones(len(starts), bool)
    np.logical_and.at(is_whole, which, step == 1)
    is_shuffled = np.zeros(len(starts), bool)
    np.logical_or.at(is_shuffled, which, is_back)
    chosen = is_shuffled & is_whole
    if chosen.sum() < FEWEST or chosen.sum() < SHARE * (lengths > 1).sum():
        return places
    taken = chosen[which]
    places[taken] = order[taken]
    return places

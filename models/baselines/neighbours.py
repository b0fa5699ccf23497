"""Neighbours of each observation on the same day, around it or before it: what published filters compare with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from models.baselines.columns import Floats, Integers

ROWS = 16_384
"""Windows that are copied and sorted at once: a block of 60 neighbours takes 8 MB."""


def neighbours(values: Floats, day: Integers, count: int, *, causal: bool) -> Iterator[tuple[slice, Floats]]:
    """Yield the neighbours of each observation, itself excluded, in ascending order.

    Two-sided, an observation has half of its neighbours before and half after it; the first ones of a day have the first `count`
    others of that day, the last ones the last. Causal, it has the `count` before it. A day that has no `count` others gives
    nothing, and so do, causally, the first `count` of a day.

    Parameters
    ----------
    values : float64 array, shape (n,)
        Without NaN, in order.
    day : int64 array, shape (n,)
    count : int
        Even.

    Yields
    ------
    rows : slice
        Of `values`.
    ordered : float64 array, shape (rows, count)
    """
    edges = np.concatenate([[0], np.flatnonzero(np.diff(day)) + 1, [len(values)]])
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if end - start <= count:
            continue
        width = count if causal else count + 1
        windows = sliding_window_view(values[start:end], width)
        for first in range(start + count if causal else start, end, ROWS):
            last = min(first + ROWS, end)
            at = np.arange(first, last) - start
            left = at - count if causal else np.clip(at - count // 2, 0, end - start - width)
            block = windows[left]
            if not causal:
                # Itself becomes the greatest, which is then cut off.
                block[np.arange(len(at)), at - left] = np.inf
            block.sort(axis=1)
            yield slice(first, last), block[:, :count]

"""In which order a recording's ticks stand: as they came, newest first, newest first in pages, or with others among them.

A late packet now and then is the feed's, and stays where it is. Where a quarter of a channel's steps go back, the file was put
together so: its times say how it was, and it is sorted by them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tickproof.ticks.schema import Array, Flag

FEWEST_BACK = 10
"""Steps back; fewer may be anything."""
BACK_SHARE, DESCENDING_SHARE = 0.25, 0.8
"""Of a channel's steps: as many back show that it is not in the order in which it came, and that it is newest first."""
LEAST_BACK_NS = 5_000_000
"""Two paths of one feed differ by less."""


class Order:
    """Names of orders, as statements say them."""

    DESCENDING = "newest first: the order is descending"
    PAGES = "newest first within pages: the order is descending, page by page"
    INTERLEAVED = "ticks of several times stand among each other: the order is broken"


def broken(times: npt.NDArray[np.int64]) -> str:
    """Return what order a channel's capture times are in, as a statement says it; empty: as they came."""
    steps = np.diff(times)
    back = steps[steps < 0]
    if len(back) < FEWEST_BACK or len(back) < BACK_SHARE * len(steps):
        return ""
    if len(back) < DESCENDING_SHARE * np.count_nonzero(steps):
        return Order.INTERLEAVED if -np.median(back) > LEAST_BACK_NS else ""
    return Order.PAGES if (steps > 0).any() else Order.DESCENDING


def behind(times: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which ticks of a channel stand behind a later one."""
    is_behind: npt.NDArray[np.bool_] = times < np.maximum.accumulate(times)
    return is_behind


def by_channel(rows: Array) -> list[npt.NDArray[np.int64]]:
    """Return the places of each channel's rows, by its code."""
    codes = rows["channel"]
    order = np.argsort(codes, kind="stable")
    edges = np.flatnonzero(np.diff(codes[order])) + 1
    return list(np.split(order, edges))


def marked(rows: Array, is_moved: npt.NDArray[np.bool_], is_descending: bool) -> Array:
    """Mark, in place, the rows that stood behind later ones; return where each row belongs.

    Ticks of one time stay in the file's order, or turn round as the whole file does.
    """
    rows["flags"][is_moved] |= np.uint8(Flag.REORDERED)
    if is_descending:
        last = len(rows) - 1
        turned: Array = last - np.argsort(rows["ts_recv"][::-1], kind="stable")
        return turned
    placed: Array = np.argsort(rows["ts_recv"], kind="stable")
    return placed

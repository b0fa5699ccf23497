"""Two programs that recorded one channel into one file: each message is there twice, but for what one of them lost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tickproof.ticks.schema import CONTENT, Array, Present

SHARE, FEWEST = 0.5, 20
"""So many of a channel's numbers come twice, and so many at least."""
LATEST_NS = 5_000_000_000
"""The second copy comes within this; what comes later was sent again."""
FEWEST_TURNS = 3
"""So often copies follow new messages: a block that was sent again is one turn."""
SAYS = "each message is there twice: two recorders of one channel, or one that wrote everything twice"


def of_second(rows: Array) -> npt.NDArray[np.bool_]:
    """Return which of a channel's rows, in the order of capture, are the second recorder's; none where there is one recorder."""
    nobody = np.zeros(len(rows), bool)
    if len(rows) < 2 * FEWEST or not (rows["present"] & Present.SEQUENCE).all():
        return nobody
    numbers = rows["sequence"]
    order = np.argsort(numbers, kind="stable")
    first, second = order[:-1], order[1:]
    pairs = np.flatnonzero(numbers[first] == numbers[second])
    distinct = len(rows) - len(pairs)
    if len(pairs) < FEWEST or len(pairs) < SHARE * distinct:
        return nobody
    early, late = first[pairs], second[pairs]
    waited = rows["ts_recv"][late] - rows["ts_recv"][early]
    is_copy = _same(rows[early], rows[late]) & (waited >= 0) & (waited <= LATEST_NS)
    if is_copy.sum() < SHARE * distinct:
        return nobody
    found = nobody.copy()
    found[late[is_copy]] = True
    if np.count_nonzero(np.diff(found.astype(np.int8)) == 1) < FEWEST_TURNS:
        return nobody
    # What the first recorder lost comes behind the numbers that it had by then.
    highest = np.maximum.accumulate(numbers)
    found |= numbers < highest
    return found


def _same(one: Array, other: Array) -> npt.NDArray[np.bool_]:
    same = np.ones(len(one), bool)
    for name in CONTENT.names or ():
        same &= one[name] == other[name]
    return same

"""What the other venues of a symbol show, compiled: the consensus price that one venue's price is held against."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.instrument.level import FRESH_NS, WARM
from tickproof.kernel import kernel
from tickproof.ticks.records import Records

MOST_VENUES = 32
"""Other venues that a consensus takes in at most."""


class Instruments(NamedTuple):
    """The instruments of a shard, linked by symbol.

    Attributes
    ----------
    rows : array of INSTRUMENT
    heads : int64 array
        First instrument of each symbol; field `next` leads to the others, `END_OF_LIST` ends them.
    scratch : float64 array, shape (MOST_VENUES,)
        Room for the prices that one consensus sorts.
    """

    rows: Records
    heads: npt.NDArray[np.int64]
    scratch: npt.NDArray[np.float64]


class Consensus(NamedTuple):
    """What other venues showed.

    Attributes
    ----------
    price : float
        Median of their log prices; NaN where there is none.
    venues : int
        How many venues it is made of.
    width : float
        How far they disagree, log; NaN for fewer than two.
    move : float
        Their mean move over about a second, log; NaN for none.
    """

    price: float
    venues: int
    width: float
    move: float


@kernel()
def consensus_since(instruments: Instruments, symbol: int, asking: int, since: int, x: float) -> Consensus:
    """Return the consensus of a symbol's venues other than instrument `asking`, of prices observed at `since` or later.

    Prices count whether they were accepted or not: if only accepted ones did, each venue would wait in fast news for the others
    to be accepted first. A venue whose last message came later than usual is left out: it knows nothing newer than that message.
    Of an even number of prices, any price between the two in the middle is a median: the one nearest to `x`, the log price in
    question, is taken, because where two venues disagree one of them is stale or wrong, and their mean is nobody's price.
    """
    rows, prices = instruments.rows, instruments.scratch
    count, move = 0, 0.0
    j = instruments.heads[symbol]
    while j >= 0 and count < MOST_VENUES:
        other = rows[j]
        if j != asking and other.accepted >= WARM and other.observed_time >= since and not other.observed_late:
            insert_sorted(prices, count, other.observed)
            count += 1
            move += other.observed - other.slow_level
        j = other.next
    if count == 0:
        return Consensus(np.nan, 0, np.nan, np.nan)
    price = min(max(x, prices[(count - 1) // 2]), prices[count // 2])
    width = prices[count - 1] - prices[0] if count > 1 else np.nan
    return Consensus(price, count, width, move / count)


@kernel(inline="always")
def insert_sorted(values: npt.NDArray[np.float64], count: int, value: float) -> None:
    """Insert a value into the first `count` values, which ascend."""
    k = count
    while k > 0 and values[k - 1] > value:
        values[k] = values[k - 1]
        k -= 1
    values[k] = value


@kernel()
def nearest_distance(instruments: Instruments, venues: int, x: float) -> float:
    """Return how far the nearest price of the consensus made last, which has so many `venues`, is from `x`; infinite for none."""
    distance = np.inf
    for k in range(min(venues, MOST_VENUES)):
        distance = min(distance, abs(instruments.scratch[k] - x))
    return distance


@kernel()
def others_ticks(rows: Records, head: int, asking: int) -> int:
    """Return how many ticks the symbol's venues other than instrument `asking` have sent so far."""
    count, j = 0, head
    while j >= 0:
        if j != asking:
            count += rows[j].ticks
        j = rows[j].next
    return count


@kernel()
def most_shifted_to(rows: Records, head: int, asking: int, now: int, x: float, width: float) -> bool:
    """Return whether at least half of the symbol's other venues with a fresh price went to log price `x`, within `width`.

    A price a power of ten away is not remembered as observed, or one venue's mistake would contradict every other venue. A split,
    which all venues make, is recognised here instead.
    """
    count, near = 0, 0
    j = head
    while j >= 0:
        other = rows[j]
        if j != asking and other.accepted >= WARM and now - max(other.observed_time, other.shifted_time) <= FRESH_NS:
            count += 1
            price = other.shifted if other.shifted_time > other.observed_time else other.observed
            if abs(price - x) <= width:
                near += 1
        j = other.next
    return count > 0 and 2 * near >= count

"""Bursts without information: many more quotes than ever, and fewer prices that move than usual.

News brings both: in the simulated markets a half second with more quotes than any before has a share of quotes that move their
price as large as ever, or larger. Stuffing and blocks that are played fast repeat what stands. So a half second counts as a
burst when both speak for it; what is only fast is none.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tickproof.channel.second_counts import BURST_REPORTED
from tickproof.kernel import kernel
from tickproof.ticks.records import Record

BURST = np.dtype(
    [
        ("window", "<i8"),
        ("quotes", "<i8"),
        ("moved", "<i8"),
        ("windows", "<i8"),
        ("peak", "<f8"),
        ("share", "<f8"),
        ("flagged", "<i8"),
        ("major", "<u8"),
        ("votes", "<i8"),
        ("accepted", "<i8"),
    ]
)
"""The half second `window`, its quotes, and those of them that moved a price; half seconds learnt from, the most quotes that one
had (it fades), and the usual share that moves; whether this one is a burst, and how many in a row were; the symbol that most of
its quotes may be of, and by how many votes (Boyer and Moore, "MJRTY", 1991)."""
STANDING = 256
"""Prices that stand, by a hash of venue and symbol. One that is pushed out counts as moved: rather no burst than a false one."""

WINDOW_NS = 500_000_000
WARM_UP = 30
LEAST_QUOTES = 400
MANY = 2.0
"""Times the most so far."""
FEW = 0.5
"""Times the usual share of quotes that move a price."""
MAJORITY = 0.2
"""Votes, as a share of the quotes, that say that one symbol sent three in five or more: its burst, and not its channel's.
Recorded quotes of one stock had half seconds of 2.4 times as many as any before without moving a price: sizes that change as the
market trades."""
ACCEPTED = 40
"""After so many half seconds it is the new usual."""
LEAST_WEIGHT = 0.05
_FADE = 2.0 ** (-0.5 / 600.0)


@kernel()
def is_burst(
    burst: Record, activity: Record, standing: npt.NDArray[np.uint64], price: np.uint64, symbol: np.uint64, now: int
) -> bool:
    """Count one quote, and return whether its half second is a burst so far.

    Parameters
    ----------
    burst : record of BURST
    activity : record of ACTIVITY
        Its `moved` is counted here, for the second.
    standing : uint64 array, shape (STANDING,)
    price : uint64
        `price_key` of the quote.
    symbol : uint64
        Hash of its symbol.
    now : int
        Event time, ns.
    """
    window = now // WINDOW_NS
    if window != burst.window:
        _close_window(burst)
        burst.window = window
    _count(burst, activity, standing, price, symbol)
    if not _is_busy_and_still(burst):
        return False
    burst.flagged = 1
    activity.moved = BURST_REPORTED
    return True


@kernel()
def _count(burst: Record, activity: Record, standing: npt.NDArray[np.uint64], price: np.uint64, symbol: np.uint64) -> None:
    """Count one quote: its symbol's vote, and whether it moved a price."""
    burst.quotes += 1
    if burst.votes == 0:
        burst.major = symbol
    burst.votes += 1 if burst.major == symbol else -1
    slot = price & np.uint64(STANDING - 1)
    if standing[slot] != price:
        standing[slot] = price
        burst.moved += 1
        activity.moved += 1


@kernel()
def _is_busy_and_still(burst: Record) -> bool:
    """Return whether a half second has many more quotes than any before, few that move a price, and no symbol with most."""
    quotes = float(burst.quotes)
    if burst.windows < WARM_UP or burst.quotes < LEAST_QUOTES or quotes <= MANY * burst.peak:
        return False
    return not (float(burst.moved) > FEW * burst.share * quotes or float(burst.votes) > MAJORITY * quotes)


@kernel()
def _close_window(burst: Record) -> None:
    """Learn from a half second that is over, unless it was a burst that is not yet the new usual."""
    burst.accepted = burst.accepted + 1 if burst.flagged == 1 else 0
    if burst.quotes > 0 and (burst.flagged == 0 or burst.accepted >= ACCEPTED):
        burst.peak = max(float(burst.quotes), burst.peak * _FADE)
        share = float(burst.moved) / float(burst.quotes)
        burst.share += (share - burst.share) * max(LEAST_WEIGHT, 1.0 / float(burst.windows + 1))
        burst.windows += 1
    burst.quotes = burst.moved = burst.flagged = burst.votes = 0

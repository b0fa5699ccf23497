"""Bursts without information, compiled: many more quotes than ever, and fewer prices that move than usual.

News brings both: in the simulated markets a half second with more quotes than any before has a share of quotes that move their
price as large as ever, or larger. Stuffing and blocks that are played fast repeat what stands. So a half second counts as a
burst when both speak for it; what is only fast is none.
"""

from __future__ import annotations

import numpy as np

from tickproof.channel.second_counts import TOLD
from tickproof.kernel import array_kernel

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
"""Quotes of this half second, and those of them that moved a price; the most that a half second had (it fades), the usual share
that moves; whether this half second is a burst, and how many in a row were; the symbol that most of its quotes may be of, and
by how many votes (Boyer and Moore, "MJRTY", 1991)."""
STANDING = 256
"""Prices that stand, by a hash of venue and symbol. One that is pushed out counts as moved: rather no burst than a false one."""

WINDOW_NS = 500_000_000
WARM = 30
LEAST = 400
MANY = 2.0
"""Times the most so far."""
FEW = 0.5
MAJORITY = 0.2
"""Votes, as a share of the quotes, that say that one symbol sent three in five or more: its burst, and not its channel's.
Recorded quotes of one stock had half seconds of 2.4 times as many as any before without moving a price: sizes that change as the
market trades."""
ACCEPTED = 40
"""After so many half seconds it is the new usual."""
_FADE = 2.0 ** (-0.5 / 600.0)


@array_kernel()
def _close(c):  # type: ignore[no-untyped-def]
    """A half second is over: learn from it, unless it was a burst."""
    c.accepted = c.accepted + 1 if c.flagged == 1 else 0
    if c.quotes > 0 and (c.flagged == 0 or c.accepted >= ACCEPTED):
        c.peak = max(float(c.quotes), c.peak * _FADE)
        share = float(c.moved) / float(c.quotes)
        c.share += (share - c.share) * max(0.05, 1.0 / float(c.windows + 1))
        c.windows += 1
    c.quotes = c.moved = c.flagged = c.votes = 0


@array_kernel()
def is_burst(c, a, standing, price, symbol, now):  # type: ignore[no-untyped-def]
    """Count one quote, whose venue, symbol and prices have the hash `price` (its lower bits those of venue and symbol) and whose
    symbol has the hash `symbol`; `a`, the second's ACTIVITY, hears of it."""
    window = now // WINDOW_NS
    if window != c.window:
        _close(c)
        c.window = window
    slot = price & np.uint64(STANDING - 1)
    c.quotes += 1
    if c.votes == 0:
        c.major = symbol
    c.votes += 1 if c.major == symbol else -1
    if standing[slot] != price:
        standing[slot] = price
        c.moved += 1
        a.moved += 1
    if c.windows < WARM or c.quotes < LEAST or float(c.quotes) <= MANY * c.peak:
        return False
    if float(c.moved) > FEW * c.share * float(c.quotes) or float(c.votes) > MAJORITY * float(c.quotes):
        return False
    c.flagged = 1
    a.moved = TOLD
    return True

"""What a message alone tells, compiled: what is missing, what no price can be, sides that cross."""

from __future__ import annotations

import numba as nb
import numpy as np

from tickproof import rolling, rules


@nb.njit(cache=True, nogil=True)
def stateless(row, has_symbol):  # type: ignore[no-untyped-def]
    """Bits of what the message alone tells."""
    bits = row.reasons
    if row.kind == rules.QUOTE and (row.present & rules.QUOTED) == 0:
        bits |= np.uint64(rules.MISSING)
    if row.kind == rules.TRADE and (row.present & rules.TRADED) != rules.TRADED:
        bits |= np.uint64(rules.MISSING)
    if not has_symbol and row.kind <= 3:
        bits |= np.uint64(rules.MISSING)
    for present, price in ((rules.BID, row.bid_px), (rules.ASK, row.ask_px), (64, row.price)):
        if (row.present & present) != 0 and price <= 0:
            bits |= np.uint64(rules.POSITIVE)
    return bits


@nb.njit(cache=True, nogil=True)
def stateless_all(rows):  # type: ignore[no-untyped-def]
    """`stateless` of each row."""
    bits = np.zeros(len(rows), np.uint64)
    for i in range(len(rows)):
        bits[i] = stateless(rows[i], rows[i].symbol >= 0)
    return bits


@nb.njit(cache=True, nogil=True)
def check_crossed(bid, ask, venue, known):  # type: ignore[no-untyped-def]
    """(crossed beyond the venue's habit, quality it deserves); learns the habit where `known` says nothing."""
    if known != rolling.CROSSING_LEARNT:
        return known == rolling.NEVER_CROSSES and bid > ask, 2
    width = float(bid - ask) / float(ask)
    habit = venue.quotes >= rules.HABIT_QUOTES and venue.crossed > rules.HABIT_SHARE * venue.quotes
    beyond = width > 0.0 and not (habit and width <= rules.HABIT_ROOM * venue.width)
    quality = 2 if venue.quotes >= rules.HABIT_QUOTES else 1
    venue.quotes += 1
    if width > 0.0:
        venue.crossed += 1
        # Half a percent is past any aggregate's habit.
        if width < 0.005:
            venue.width = max(venue.width, width)
    return beyond, quality

"""What a message alone tells, compiled: what is missing, what no price or size can be, sides that cross or lock."""

from __future__ import annotations

import numpy as np

from tickproof.instrument import level as rolling
from tickproof.kernel import array_kernel, kernel
from tickproof.rules import table as rules
from tickproof.ticks.schema import Present

_SIZES = (int(Present.BID_SZ), int(Present.ASK_SZ), int(Present.SIZE))
_PRICE, _SIZE = int(Present.PRICE), int(Present.SIZE)


@array_kernel()
def stateless(row, has_symbol):  # type: ignore[no-untyped-def]
    """Bits of what the message alone tells, placeholders apart."""
    bits = row.reasons & np.uint64(rules.TOLD)
    if row.kind == rules.QUOTE:
        # A size of zero without a price is an empty side, any other is a size for sale at no price.
        without = (row.present & rules.BID) == 0 and row.bid_sz > 0
        without = without or ((row.present & rules.ASK) == 0 and row.ask_sz > 0)
        if without or (row.present & rules.QUOTED) == 0:
            bits |= np.uint64(rules.MISSING)
    if row.kind == rules.TRADE and (row.present & rules.TRADED) != rules.TRADED:
        bits |= np.uint64(rules.MISSING)
    if not has_symbol and row.kind <= 3:
        bits |= np.uint64(rules.MISSING)
    for present, price in ((rules.BID, row.bid_px), (rules.ASK, row.ask_px), (_PRICE, row.price)):
        if (row.present & present) != 0 and price <= 0:
            bits |= np.uint64(rules.POSITIVE)
    if row.kind == rules.TRADE and (row.present & _SIZE) != 0 and row.size <= 0:
        # Official prices are told as prints of no size, and what is not current need not have traded now.
        if row.size < 0 or (row.conditions & rules.EXPLAINING) == 0:
            bits |= np.uint64(rules.SIZE)
    elif row.kind == rules.QUOTE and min(row.bid_sz, row.ask_sz) < 0:
        bits |= np.uint64(rules.SIZE)
    return bits


@kernel()
def placeholder(row, values, bounds):  # type: ignore[no-untyped-def]
    """A price or size of the message that stands for nothing, 0 if there is none.

    Parameters
    ----------
    row : record of ROW
    values : int64 array
        Placeholders, in units of 1e-9.
    bounds : (int, int, int)
        Where the list begins and ends, and its smallest positive value: most messages need no look at it.
    """
    first, last, floor = bounds
    largest = max(max(row.bid_px, row.ask_px, row.price), max(row.bid_sz, row.ask_sz, row.size))
    smallest = min(min(row.bid_px, row.ask_px, row.price), min(row.bid_sz, row.ask_sz, row.size))
    if (largest < floor and smallest >= 0) or row.kind > 3:
        return np.int64(0)
    for present, value in (
        (rules.BID, row.bid_px),
        (rules.ASK, row.ask_px),
        (_PRICE, row.price),
        (_SIZES[0], row.bid_sz),
        (_SIZES[1], row.ask_sz),
        (_SIZES[2], row.size),
    ):
        if (value >= floor or value < 0) and (row.present & present) != 0:
            for k in range(first, last):
                if value == values[k]:
                    return value
    return np.int64(0)


@array_kernel()
def stateless_all(rows, values, bounds):  # type: ignore[no-untyped-def]
    """`stateless` of each row, placeholders included."""
    bits = np.zeros(len(rows), np.uint64)
    for i in range(len(rows)):
        bits[i] = stateless(rows[i], rows[i].symbol >= 0)
        if placeholder(rows[i], values, bounds) != 0:
            bits[i] |= np.uint64(rules.SENTINEL)
    return bits


@array_kernel()
def check_crossed(bid, ask, venue, known):  # type: ignore[no-untyped-def]
    """(crossed beyond the venue's habit, quality it deserves); learns the habit where `known` says nothing."""
    if known != rolling.CROSSING_LEARNT:
        venue.quotes += 1
        return known == rolling.NEVER_CROSSES and bid > ask, 2
    width = float(bid - ask) / float(ask)
    habit = crosses_by_habit(venue)
    beyond = width > 0.0 and not (habit and width <= rules.HABIT_ROOM * venue.width)
    quality = 2 if venue.quotes >= rules.HABIT_QUOTES else 1
    venue.quotes += 1
    if width > 0.0:
        venue.crossed += 1
        # Half a percent is past any aggregate's habit.
        if width < 0.005:
            venue.width = max(venue.width, width)
    return beyond, quality


@array_kernel()
def crosses_by_habit(venue):  # type: ignore[no-untyped-def]
    """Whether a venue's quotes cross as a matter of course."""
    return venue.quotes >= rules.HABIT_QUOTES and venue.crossed > rules.HABIT_SHARE * venue.quotes


@array_kernel()
def prints_empty(venue):  # type: ignore[no-untyped-def]
    """Whether a venue's trades have no size now and then, by all that is known of it."""
    return venue.empty > rules.HABIT_EMPTY * venue.trades


@array_kernel()
def locks_by_habit(venue):  # type: ignore[no-untyped-def]
    """Whether a venue's quotes lock as a matter of course."""
    return venue.quotes >= rules.HABIT_QUOTES and venue.locked > rules.HABIT_SHARE * venue.quotes


@array_kernel()
def is_wide_by_habit(venue):  # type: ignore[no-untyped-def]
    """Whether a venue's quotes are wide as a matter of course."""
    return venue.wide >= rules.WIDE_NEEDED and venue.wide > rules.HABIT_SHARE * venue.quotes

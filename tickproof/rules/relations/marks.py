"""What the venues of a leg agree on, compiled: its mark, against which the other legs of its relations are held."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.instrument import level
from tickproof.instrument.consensus import MOST_VENUES, Instruments, insert_sorted
from tickproof.instrument.one_based import ABSENT, to_index
from tickproof.instrument.record import END_OF_LIST
from tickproof.kernel import kernel
from tickproof.ticks.records import Record, Records

MARK = np.dtype(
    [
        ("price", "<f8"),
        ("width", "<f8"),
        ("shift", "<f8"),
        ("gap_ns", "<f8"),
        ("time", "<i8"),
        ("changed", "<i8"),
        ("updates", "<i8"),
        ("dislocated", "<i8"),
        ("symbol", "<i4"),
        ("alone", "<i4"),
        ("action", "<i4"),
        ("spare", "<i4"),
    ]
)
"""The median of the venues' log prices, in units of 1e-9 and as before any split; their mean spread, relative; what splits have
moved; the mean time between updates, when the last was, and when the price last was another one; when a venue was last found to
have left the other legs with the market. `symbol`, and `alone`, the instrument where the leg is of one venue, are stored
`one_based`; `action` is the symbol's next split."""

FRESH_GAPS, FRESH_FLOOR_NS = 5.0, 1.0e9
"""A venue's last price is fresh for so many of its usual gaps, at least for a second and at most for `level.FRESH_NS`."""
GAP_WEIGHT = 0.05
EVER = -1
"""Before any event time."""


class Relations(NamedTuple):
    """All relations of a shard.

    Attributes
    ----------
    members, marks : arrays of MEMBER and MARK
    legs, relations, actions : arrays of LEG, RELATION and ACTION
        From the reference.
    first_member : int64 array
        By instrument, stored `one_based`.
    """

    members: Records
    marks: Records
    legs: Records
    relations: Records
    actions: Records
    first_member: npt.NDArray[np.int64]


class LegPrice(NamedTuple):
    """What a leg's venues agree on: median log price, mean relative spread, how far they disagree; NaN without a price."""

    price: float
    spread: float
    width: float


@kernel()
def spread_of(instrument: Record) -> float:
    """Return an instrument's relative spread: the usual one, or the last if wider; a price step where only trades are known."""
    usual = level.FLOOR
    if instrument.spreads > 0:
        usual = max(usual, math.exp(instrument.spread_log))
    elif instrument.steps >= level.WARM:
        usual = max(usual, math.exp(instrument.step_log))
    if 0 < instrument.bid < instrument.ask:
        usual = max(usual, float(instrument.ask - instrument.bid) / float(instrument.bid))
    return usual


@kernel()
def fresh_ns(gap_ns: float) -> float:
    """Return how long a price of a source with this usual gap is fresh, ns."""
    return min(max(FRESH_GAPS * gap_ns, FRESH_FLOOR_NS), float(level.FRESH_NS))


@kernel()
def apply_splits(mark: Record, now: int, actions: Records) -> None:
    """Apply the splits of a mark's symbol that are due."""
    while actions[mark.action].ts <= now:
        mark.shift += actions[mark.action].shift
        mark.action += 1


@kernel()
def leg_price(mark: Record, since: int, now: int, instruments: Instruments) -> LegPrice:
    """Return what those of a mark's venues agree on that sent a price after `since` which is fresh by their own gaps."""
    rows, prices = instruments.rows, instruments.scratch
    count, spread = 0, 0.0
    is_alone = mark.alone != ABSENT
    j = np.int64(to_index(mark.alone)) if is_alone else np.int64(instruments.heads[to_index(mark.symbol)])
    while j >= 0 and count < MOST_VENUES:
        venue = rows[j]
        is_fresh = venue.observed_time > since and float(now - venue.observed_time) <= fresh_ns(venue.gap_slow_ns)
        if is_fresh and venue.accepted >= level.WARM and not venue.observed_late and not venue.halted:
            insert_sorted(prices, count, venue.observed)
            count += 1
            spread += spread_of(venue)
        j = np.int64(END_OF_LIST) if is_alone else np.int64(venue.next)
    if count == 0:
        return LegPrice(np.nan, np.nan, np.nan)
    middle = prices[count // 2] if count % 2 else 0.5 * (prices[count // 2 - 1] + prices[count // 2])
    return LegPrice(middle - mark.shift, spread / count, prices[count - 1] - prices[0])


@kernel()
def renew(mark: Record, now: int, instruments: Instruments, actions: Records) -> None:
    """Move a mark after one of its venues sent a price."""
    apply_splits(mark, now, actions)
    found = leg_price(mark, EVER, now, instruments)
    if math.isnan(found.price):
        return
    if found.price != mark.price:
        mark.changed = now
    if mark.updates > 0:
        gap = float(min(max(now - mark.time, 0), level.FRESH_NS))
        mark.gap_ns += max(GAP_WEIGHT, 1.0 / mark.updates) * (gap - mark.gap_ns)
    mark.price, mark.width, mark.time = found.price, found.spread, now
    mark.updates += 1

"""The cleaning rules of Barndorff-Nielsen, Hansen, Lunde and Shephard that judge single rows.

O. E. Barndorff-Nielsen, P. R. Hansen, A. Lunde, N. Shephard, "Realized kernels in practice: trades and quotes", Econometrics
Journal 12 (2009), C1–C32, section 3. Those that select or merge rows of a TAQ file (P1, P3, Q1, T1 to T3) are only in the tests.
"""

from __future__ import annotations

import numpy as np

from models.baselines.brownlees_gallo import quotient
from models.baselines.columns import Columns, Floats, Integers, Mask, last_valid
from models.baselines.neighbours import neighbours

SPREADS = 50.0
"""Q3: the bound on a spread, as a multiple of the day's median."""
AROUND = 50
DEVIATIONS = 10.0
"""Q4: the bound in mean absolute deviations from the median of 50 neighbours."""


def is_not_positive(*prices: Floats) -> Mask:
    """Apply P2: a bid, ask or price of zero or below (the rule as written says zero). NaN is missing, not zero."""
    return np.asarray(np.logical_or.reduce([side <= 0.0 for side in prices]))


def is_crossed(bid: Floats, ask: Floats) -> Mask:
    """Apply Q2: a negative spread."""
    crossed: Mask = bid > ask
    return crossed


def spread_ratio(spread: Floats, day: Integers) -> Floats:
    """Apply Q3: the spread as a multiple of 50 times the day's median; 0 where that is not positive, or the spread NaN."""
    out = np.zeros(len(spread))
    for one in np.unique(day):
        rows = np.flatnonzero((day == one) & np.isfinite(spread))
        median = np.median(spread[rows]) if len(rows) else 0.0
        if median > 0.0:
            out[rows] = np.maximum(spread[rows], 0.0) / (SPREADS * median)
    return out


def deviation_ratio(mid: Floats, day: Integers, *, causal: bool = False) -> Floats:
    """Apply Q4: the distance of a mid from the median of 50 neighbours, over 10 times their mean distance from it.

    Parameters
    ----------
    mid : float64 array, shape (n,)
        Without NaN, in order.
    day : int64 array, shape (n,)
    causal : bool
        The 50 before, and not 25 on each side.

    Returns
    -------
    float64 array, shape (n,)
        Infinite where the neighbours are all equal and this one is not: the rule has no smallest scale.
    """
    out = np.zeros(len(mid))
    for rows, ordered in neighbours(mid, day, AROUND, causal=causal):
        median = (ordered[:, AROUND // 2 - 1] + ordered[:, AROUND // 2]) / 2
        scale = np.abs(ordered - median[:, None]).mean(axis=1)
        out[rows] = quotient(np.abs(mid[rows] - median), DEVIATIONS * scale)
    return out


def outside_ratio(price: Floats, bid: Floats, ask: Floats) -> Floats:
    """Apply T4: the distance of a price from the mid of the prevailing quote, over one and a half spreads.

    Above 1 it is above the ask plus the spread, or below the bid less the spread. 0 where one is NaN or the quote is crossed.
    """
    judged = np.isfinite(price) & (ask >= bid)
    distance = np.where(judged, np.abs(price - (bid + ask) / 2), 0.0)
    return quotient(distance, np.where(judged, 1.5 * (ask - bid), 1.0))


def zero(columns: Columns) -> Floats:
    """Apply P2."""
    return _yes(is_not_positive(columns.bid, columns.ask, columns.price))


def crossed(columns: Columns) -> Floats:
    """Apply Q2 to messages that carry both sides: sides sent one by one cross for an instant whenever a price moves."""
    return _yes(is_crossed(columns.bid, columns.ask))


def wide(columns: Columns) -> Floats:
    """Apply Q3."""
    return spread_ratio(columns.spread, columns.day)


def off_median(columns: Columns) -> Floats:
    """Apply Q4 as published."""
    return _off_median(columns, False)


def off_median_causal(columns: Columns) -> Floats:
    """Apply Q4 to the 50 neighbours before."""
    return _off_median(columns, True)


def abnormal(columns: Columns) -> Floats:
    """Apply T2: trades whose sale condition makes them no current price, whatever their price."""
    return _yes(np.isfinite(columns.price) & ~columns.regular)


def outside_quotes(columns: Columns) -> Floats:
    """Apply T4 with the day's last quote that P2 and Q2 leave.

    Sides that come one by one are merged, and for an instant too narrow or locked whenever a price moves: on such a feed many
    trades are outside.
    """
    usable = ~is_not_positive(columns.best_bid, columns.best_ask) & (columns.spread >= 0.0)
    last = last_valid(usable)
    day = columns.day
    known = (last >= 0) & (day[last] == day)
    bid, ask = (np.where(known, side[last], np.nan) for side in (columns.best_bid, columns.best_ask))
    return outside_ratio(columns.current, bid, ask)


def whole(columns: Columns) -> Floats:
    """Apply P2, Q2, Q3, Q4 and T4; trades that T2 leaves out are not flagged."""
    parts = [rule(columns) for rule in (zero, crossed, wide, off_median, outside_quotes)]
    return np.asarray(np.maximum.reduce(parts))


def _off_median(columns: Columns, causal: bool) -> Floats:
    out, mid = np.zeros(len(columns.time)), columns.mid
    rows = np.flatnonzero(np.isfinite(mid))
    out[rows] = deviation_ratio(mid[rows], columns.day[rows], causal=causal)
    return out


def _yes(mask: Mask) -> Floats:
    """Return the ratio of a rule without a measure: far above 1, or 0."""
    return np.where(mask, np.inf, 0.0)

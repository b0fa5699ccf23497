"""Bands around a recent price: limit up and limit down, and the thresholds of clearly erroneous trades. Both look back only.

Limit up, limit down: "Plan to Address Extraordinary Market Volatility" under Rule 608 of Regulation NMS, section V, appendix A.
Clearly erroneous: FINRA Rule 11892 (b), and NYSE Rule 7.10 (c). The bands' doubling near the open and the close, and the numbers
outside regular hours, need a calendar and are left out; the reference of the bands moves with each trade, and not only when it
has moved by one per cent. Nor is it gated: a price ten times too high is in the mean for five minutes.
"""

from __future__ import annotations

import numpy as np

from models.baselines.brownlees_gallo import quotient
from models.baselines.columns import Columns, Floats, Integers, each_series, last_valid
from tickproof.ticks.schema import NS_PER_SECOND

WINDOW_NS = 300 * NS_PER_SECOND


def mean_before(values: Floats, time: Integers, day: Integers, window_ns: int = WINDOW_NS) -> Floats:
    """Return the mean of the day's earlier values with a time in (t − window, t], shape (n,).

    Where there are none, the day's last mean; NaN before the first. The value itself and later arrivals are excluded.
    Out-of-order times do not narrow the window, which ends at the latest time so far.
    """
    if not len(values):
        return np.zeros(0)
    time, day = np.maximum.accumulate(time), np.maximum.accumulate(day)
    place = np.arange(len(values))
    first_of_day = np.searchsorted(day, day)
    first = np.maximum(np.searchsorted(time, time - window_ns, side="right"), first_of_day)
    total = np.concatenate([[0.0], np.cumsum(values)])
    count = place - first
    mean = np.where(count > 0, (total[place] - total[first]) / np.maximum(count, 1), np.nan)
    last = last_valid(count > 0)
    return np.where(last >= first_of_day, mean[last], np.nan)


def limit_share(reference: Floats, tier: int = 1) -> Floats:
    """Return the half-width of the limit bands, as a share of the reference price in dollars.

    Above 3: 5 % in tier 1 (large indices, exchange-traded products), 10 % in tier 2; from 0.75 to 3: 20 %; below: 0.15 dollars
    or 75 %, whichever is less.
    """
    low = np.minimum(0.15 / np.maximum(reference, 1e-9), 0.75)
    return np.select([reference > 3.0, reference >= 0.75], [0.05 if tier == 1 else 0.10, 0.20], low)


def erroneous_share(reference: Floats) -> Floats:
    """Return the distance of a clearly erroneous trade: 10 % up to 25 dollars, 5 % up to 50, 3 % above."""
    return np.select([reference <= 25.0, reference <= 50.0], [0.10, 0.05], 0.03)


def limit(columns: Columns) -> Floats:
    """Return the distance from the five-minute mean as a multiple of the band, tier 1."""

    def ratio(part: Columns, values: Floats) -> Floats:
        reference = mean_before(values, part.time, part.day)
        return _off(values, reference, limit_share(reference))

    return each_series(columns, ratio)


def erroneous(columns: Columns) -> Floats:
    """Return the distance from the day's previous price as a multiple of the threshold."""

    def ratio(part: Columns, values: Floats) -> Floats:
        reference = np.concatenate([[np.nan], values[:-1]])[: len(values)]
        reference[1:][np.diff(part.day) != 0] = np.nan
        return _off(values, reference, erroneous_share(reference))

    return each_series(columns, ratio)


def _off(values: Floats, reference: Floats, share: Floats) -> Floats:
    """Return |p − reference| / (share × reference); 0 where the reference is missing or not positive."""
    judged = reference > 0.0
    return quotient(np.where(judged, np.abs(values - reference), 0.0), np.where(judged, share * reference, 1.0))

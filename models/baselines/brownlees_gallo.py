"""The outlier filter of Brownlees and Gallo, as published and looking back only.

C. T. Brownlees, G. M. Gallo, "Financial econometric analysis at ultra-high frequency: Data handling concerns", Computational
Statistics & Data Analysis 51 (2006), 2232–2245: an observation is kept where |p − p̄| < 3 s + γ, with the δ-trimmed mean p̄ and
standard deviation s of its k neighbours on the same day, and a granularity γ that is a multiple of the price step: the next step
of an unchanged price is not an outlier.
"""

from __future__ import annotations

import numpy as np

from models.baselines.columns import Columns, Floats, Integers, each_series
from models.baselines.neighbours import neighbours

NEIGHBOURS = 60
TRIMMED = 0.1
"""δ: the share of neighbours left out at each end."""
STEPS = 2
"""γ in price steps."""


def ratio(
    values: Floats, day: Integers, granularity: float, *, count: int = NEIGHBOURS, trimmed: float = TRIMMED, causal: bool = False
) -> Floats:
    """Return |p − p̄| as a multiple of 3 s + γ: an outlier is above 1.

    Parameters
    ----------
    values : float64 array, shape (n,)
        Prices without NaN, in order.
    day : int64 array, shape (n,)
        The trading day of each.
    granularity : float
        γ, in the unit of the prices.
    count, trimmed : int, float
        k, and δ at each end.
    causal : bool
        The k neighbours are those before, and the first k of a day are not judged.

    Returns
    -------
    float64 array, shape (n,)
        0 where there are too few neighbours. Where s and γ are 0, a price that differs is infinitely far off.
    """
    out = np.zeros(len(values))
    cut = int(trimmed * count)
    for rows, ordered in neighbours(values, day, count, causal=causal):
        kept = ordered[:, cut : count - cut]
        middle = kept.mean(axis=1)
        out[rows] = quotient(np.abs(values[rows] - middle), 3.0 * kept.std(axis=1, ddof=1) + granularity)
    return out


def quotient(deviation: Floats, bound: Floats | float) -> Floats:
    """Return deviation / bound, where 0 / 0 is 0 and x / 0 is infinite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(deviation == 0.0, 0.0, deviation / bound)


def two_sided(columns: Columns) -> Floats:
    """Apply the filter as published."""
    return each_series(columns, lambda part, values: ratio(values, part.day, STEPS * part.step))


def unread(columns: Columns) -> Floats:
    """Apply the filter as published, ignoring sale conditions: shows what those conditions are worth."""
    return each_series(columns, lambda part, values: ratio(values, part.day, STEPS * part.step), regular=False)


def causal(columns: Columns) -> Floats:
    """Apply the filter to the 60 neighbours before."""
    return each_series(columns, lambda part, values: ratio(values, part.day, STEPS * part.step, causal=True))

"""Published cleaners of market data as baselines: what they call an outlier, to compare with what tickproof calls corrupt.

Each is a pure function of the columns of one symbol at one venue. It gives a ratio for each row: the measured deviation as a
multiple of the published bound. So a row is flagged above 1, and one filter can be compared at any rate of false alarms. A row
that a filter says nothing about has 0.

Filters for prices look at trades among trades and at quotes' middles among quotes. Most that are published look into the
future; causal variants do not, and a contract test holds them to it. All of them know days only by UTC, and γ of Brownlees and
Gallo, also in its causal variant, comes from the whole stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.baselines import bands, bnhls, brownlees_gallo
from models.baselines.columns import Columns, Floats, Mask, instruments, is_wild
from tickproof.ticks.schema import Ticks

HIGHEST = 1e30
"""Upper limit of ratios: a float32 holds it, and a division by a scale of 0 gives it."""


class Baseline(NamedTuple):
    """One published cleaner: its name, whether it looks back only, its source and method, and the ratio to its bound."""

    name: str
    causal: bool
    meaning: str
    ratio: Callable[[Columns], Floats]


BASELINES: tuple[Baseline, ...] = (
    Baseline("brownlees_gallo", False, "3 s + γ off the trimmed mean of 60 around (2006)", brownlees_gallo.two_sided),
    Baseline("brownlees_gallo_causal", True, "the same against the 60 before", brownlees_gallo.causal),
    Baseline("brownlees_gallo_unread", False, "the first without reading sale conditions", brownlees_gallo.unread),
    Baseline("bnhls", False, "P2, Q2, Q3, Q4 and T4 of Barndorff-Nielsen et al. (2009) after T1 and T2", bnhls.whole),
    Baseline("bnhls_p2", True, "a zero bid, ask or price", bnhls.zero),
    Baseline("bnhls_q2", True, "a negative spread", bnhls.crossed),
    Baseline("bnhls_q3", False, "a spread above 50 times the day's median", bnhls.wide),
    Baseline("bnhls_q4", False, "10 mean deviations off the median of 50 around", bnhls.off_median),
    Baseline("bnhls_q4_causal", True, "the same against the 50 before", bnhls.off_median_causal),
    Baseline("bnhls_t2", True, "a sale condition that makes a trade no current price", bnhls.abnormal),
    Baseline("bnhls_t4", True, "a trade more than a spread outside the quotes", bnhls.outside_quotes),
    Baseline("luld", True, "outside the limit bands around the five-minute mean, tier 1", bands.limit),
    Baseline("clearly_erroneous", True, "10, 5 or 3 % off the price before, by its level", bands.erroneous),
)


def ratios(ticks: Ticks, baselines: tuple[Baseline, ...] = BASELINES) -> dict[str, npt.NDArray[np.float32]]:
    """Return each baseline's ratio of each tick, shape (n,): flagged above 1, 0 where the filter does not apply.

    Parameters
    ----------
    ticks : Ticks
        In arrival order.
    """
    out = {baseline.name: np.zeros(len(ticks), np.float32) for baseline in baselines}
    for indices, columns in instruments(ticks):
        for baseline in baselines:
            out[baseline.name][indices] = np.minimum(baseline.ratio(columns), HIGHEST)
    return out


def in_wild_minutes(ticks: Ticks) -> Mask:
    """Return which ticks are in the widest hundredth of their instrument's minutes, shape (n,); see `columns.is_wild`."""
    out = np.zeros(len(ticks), bool)
    for indices, columns in instruments(ticks):
        out[indices] = is_wild(columns)
    return out


__all__ = ["BASELINES", "HIGHEST", "Baseline", "in_wild_minutes", "ratios"]

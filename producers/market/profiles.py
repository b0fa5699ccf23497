"""The kinds of markets that can be simulated: one entry a profile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from producers.market.hours import HOURS, Hours
from producers.market.listings import Listing, coins, pairs, shares


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of market. Factors are on what `Market` says, whose defaults are a US equity market's.

    Parameters
    ----------
    venues : tuple of str
        Names of the venues; a market uses the first ones.
    hours : Hours
    listing : callable
        (how many, random) -> names, prices, price steps and lots.
    volatility, spread, rate, trades : float
        Factors on the annual volatility, the spread, the rate of ticks and the share of trades.
    year_s : float
        Seconds of trading in a year, for the volatility.
    has_sizes : bool
        Whether quotes carry sizes.
    has_sequence : bool
        Whether channels have sequence numbers.
    has_conditions : bool
        Whether there are odd lots, sweeps, off-market prints with their conditions, halts, splits and stubs.
    """

    venues: tuple[str, ...]
    hours: Hours
    listing: Callable[[int, np.random.Generator], Listing]
    volatility: float
    spread: float
    rate: float
    trades: float
    year_s: float
    has_sizes: bool = True
    has_sequence: bool = True
    has_conditions: bool = True


PROFILES: dict[str, Profile] = {
    "us-equity": Profile(
        ("XSIM", "YSIM", "ZSIM", "WSIM", "VSIM", "USIM", "TSIM", "SSIM"),
        HOURS["us-equity"],
        shares,
        1.0,
        1.0,
        1.0,
        1.0,
        252 * 23_400,
    ),
    "fx": Profile(
        ("XCUR", "YCUR", "ZCUR", "WCUR", "VCUR", "UCUR", "TCUR", "SCUR"),
        HOURS["currencies"],
        pairs,
        0.28,
        0.15,
        0.3,
        0.0,
        252 * 86_100,
        has_sizes=False,
        has_sequence=False,
        has_conditions=False,
    ),
    "crypto": Profile(
        ("XCOIN", "YCOIN", "ZCOIN", "WCOIN", "VCOIN", "UCOIN", "TCOIN", "SCOIN"),
        HOURS["always"],
        coins,
        2.2,
        0.5,
        0.8,
        4.0,
        365 * 86_400,
        has_conditions=False,
    ),
}
"""Name -> profile."""
DEFAULT = "us-equity"

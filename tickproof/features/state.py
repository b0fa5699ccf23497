"""What the feature kernels remember of one (venue, symbol), and how they take a tick.

There is one record of MEASURE for each record of INSTRUMENT. Offsets from `anchor` are kept in single precision: an accepted
price within 5 % of the anchor is known to 3e-9, a tenth of a thousandth of the smallest scale.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tickproof.features.windows import LAST, PARTS, STEP_BINS
from tickproof.ticks.records import Record

MEASURE = np.dtype(
    [
        ("last_time", "<i8"),
        ("anchor", "<f8"),
        ("excited", "<f8"),
        ("rate", "<f8"),
        ("weight_s", "<f8"),
        ("mark", "<i8"),
        ("part", "<i8"),
        ("known", "<u4"),
        ("rescaled", "<f4"),
        ("means", "<f4", (3,)),
        ("variances", "<f4", (2,)),
        ("sums", "<f4", (PARTS,)),
        ("squares", "<f4", (PARTS,)),
        ("ring", "<f4", (LAST,)),
        ("ordered", "<f4", (LAST,)),
        ("run_mean", "<f4"),
        ("market_gap", "<f4"),
        ("last_return", "<f4"),
        ("product", "<f4"),
        ("square", "<f4"),
        ("spread", "<f4"),
        ("size", "<f4", (2,)),
        ("lag_ms", "<f4"),
        ("lag_scale_ms", "<f4"),
        ("ticks", "<u2", (PARTS,)),
        ("prices", "<u2", (PARTS,)),
        ("fast", "<u2", (PARTS,)),
        ("sizes", "<u2", (2,)),
        ("run", "<u2"),
        ("changes", "<u2"),
        ("arrivals", "<u2"),
        ("lags", "<u2"),
        ("steps", "u1", (STEP_BINS,)),
    ]
)
"""288 bytes.

`anchor` is a log price; `means`, `ring`, `ordered` and `sums` are offsets from it. `means` decay over the horizons of
`prices.HORIZONS_S`, `variances` over the first and the last of them. `ring` holds the last accepted prices by turns, `ordered`
the same in ascending order; `known` counts accepted prices since the last restart. `sums`, `squares` and `prices` (a count) are
the parts of the window of 64 s over accepted prices, `ticks` and `fast` those of the windows of 64 s and 1 s over all ticks;
`part` is the number of the last tick's part of 250 ms. `excited` and `rate` are sums of e^(−Δ / τ) over earlier ticks with τ of
1 s and 512 s, `weight_s` is the integral of the latter kernel since the first tick. `mark` is the market's count of price changes
at this instrument's last one. `size` and `sizes` go by `Kind`: quotes, trades."""


class TickMoment(NamedTuple):
    """A tick as the feature kernels take it.

    Attributes
    ----------
    now : int
        Event time, ns.
    log_price : float
        NaN where the tick has no price.
    place : int
        The tick's row in the matrix of features.
    scale : float
        The unit of deviations at `now`, a difference of log prices.
    """

    now: int
    log_price: float
    place: int
    scale: float


class Factors(NamedTuple):
    """What moves with a symbol: records, because handing on an array would cost an atomic count of references.

    Attributes
    ----------
    symbol : record of market.SYMBOL
    group : record of market.GROUP
        Of the symbol's peers; any where it has none.
    market : record of market.MARKET
    """

    symbol: Record
    group: Record
    market: Record


class Arrival(NamedTuple):
    """When a tick came.

    Attributes
    ----------
    now, previous : int
        Event time of the tick and of the one before it, ns.
    decay : float
        e^(−Δ / 512 s) between the two.
    part : int
        The number of the part of 250 ms that `now` lies in.
    """

    now: int
    previous: int
    decay: float
    part: int


class Before(NamedTuple):
    """What `learn_tick` needs of the state before the rules saw the tick.

    Attributes
    ----------
    accepted : int
        Accepted prices of the instrument.
    last_accepted : float
        The last of them, a log price.
    level_time, quoted_time : int
        Event time of that price and of the last accepted quote, ns.
    slow_level : float
        The level of about a second ago, a log price.
    log_size : float
        Of the tick; NaN where it has none.
    season : int
        The place of the tick's time of day among the market's seasons.
    arrival : Arrival
        Of the tick.
    """

    accepted: int
    last_accepted: float
    level_time: int
    quoted_time: int
    slow_level: float
    log_size: float
    season: int
    arrival: Arrival

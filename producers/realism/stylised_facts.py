"""Stylised facts of markets: how each is measured, its source, and the range that a believable stream keeps to.

Each is one number of an `Observation` of a regular session, simulated or recorded; NaN where the stream has too little to tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from producers.realism.observed_ticks import Observation
from tickproof.ticks.schema import Array

MINUTE_S = 60
LIQUID_PER_S = 1.0
"""Single names are measured if they have at least this many quotes a second."""
SPARSE_PER_S = 30.0
"""Branching is measured on names with at most this rate: outside changes of the rate add to the variance of counts as the square
of the rate."""
LARGE_TICK_BP = 8.0
"""A name is a large-tick one when its price step is at least this share of its price."""
TAIL_SHARE = 0.05
MOST_STILL = 0.2
"""Largest share of one-minute returns that may be 0."""
LEAST = 300
"""With fewer returns, trades or seconds, nothing is measured."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One stylised fact.

    Parameters
    ----------
    name, formula, source : str
    low, high : float
        What a believable stream gives, both inclusive.
    measure : callable
        Observation -> its value.
    """

    name: str
    formula: str
    source: str
    low: float
    high: float
    measure: Callable[[Observation], float]

    def holds(self, value: float) -> bool:
        """Return whether a value is in the range."""
        return bool(self.low <= value <= self.high)


def liquid(seen: Observation) -> Array:
    """Return the main series of names with enough quotes."""
    main = seen.main()
    found: Array = main[seen.counts[seen.symbol[main]].mean(axis=1) >= LIQUID_PER_S]
    return found


def returns(seen: Observation, series: Array, step_s: int) -> Array:
    """Return log returns of mids over `step_s` seconds, shape (series, steps); NaN before the first quote."""
    found: Array = np.diff(np.log(seen.mids[series, step_s - 1 :: step_s]), axis=1)
    return found


def autocorrelation(values: Array, lag: int) -> float:
    """Return the sample autocorrelation at a lag; NaN where values are too few or all alike."""
    values = values[np.isfinite(values)]
    if len(values) < max(2 * lag, LEAST) or not values.std():
        return float("nan")
    centred = values - values.mean()
    return float((centred[lag:] * centred[:-lag]).sum() / (centred**2).sum())


def hill(values: Array, share: float = TAIL_SHARE) -> float:
    """Return the tail exponent of absolute values: one over the mean excess of logs beyond the (1 − share) quantile.

    Hill: "A simple general approach to inference about the tail of a distribution", Annals of Statistics 3 (1975) 1163.
    """
    ordered = np.sort(np.abs(values[np.isfinite(values)]))[::-1]
    count = int(share * len(ordered))
    if len(ordered) < LEAST or not ordered[count]:
        return float("nan")
    return float(1.0 / np.mean(np.log(ordered[:count] / ordered[count])))


def allan_factor(counts: Array, window: int) -> float:
    """Return half the mean square of differences of neighbouring counts over their mean; slow changes of rate cancel.

    Lowen and Teich: "Fractal-Based Point Processes", Wiley (2005), section 3.4.3.
    """
    whole = counts[: len(counts) // window * window].reshape(-1, window).sum(axis=1).astype(np.float64)
    return float(0.5 * np.mean(np.diff(whole) ** 2) / whole.mean()) if len(whole) > 1 and whole.any() else float("nan")


def _minutes(seen: Observation) -> Array:
    """Return one-minute returns, without names whose price often does not change for a minute."""
    found = returns(seen, liquid(seen), MINUTE_S)
    if found.shape[1] < LEAST:
        return found[:0]
    moving: Array = found[np.mean(found == 0, axis=1) < MOST_STILL]
    return moving


def _tail_exponent(seen: Observation) -> float:
    minutes = _minutes(seen)
    return hill((minutes / np.sqrt(np.nanmean(minutes**2, axis=1))[:, None]).ravel())


def _linear_memory(seen: Observation) -> float:
    return _mean([autocorrelation(one, 1) for one in _minutes(seen)])


def _volatility_memory(seen: Observation) -> float:
    return _mean([autocorrelation(np.abs(one), 20) for one in _minutes(seen)])


def _branching(seen: Observation) -> float:
    rates = seen.counts.mean(axis=1)
    chosen = seen.counts[(rates >= LIQUID_PER_S) & (rates <= SPARSE_PER_S)]
    return _median([1.0 - 1.0 / np.sqrt(allan_factor(one, 10)) for one in chosen])


def _fano(seen: Observation) -> float:
    chosen = seen.counts[seen.counts.mean(axis=1) >= LIQUID_PER_S]
    return _median([one.var() / one.mean() for one in chosen])


def _sign_memory(seen: Observation) -> float:
    return _median([autocorrelation(trades[:, 1], 10) for trades in seen.trades])


def _bounce(seen: Observation) -> float:
    return _median([autocorrelation(np.diff(np.log(trades[:, 0])), 1) for trades in seen.trades])


def _large_tick(seen: Observation) -> float:
    chosen = liquid(seen)
    price = np.nanmedian(seen.mids[chosen], axis=1) if len(chosen) else np.zeros(0)
    large = chosen[seen.ticks[chosen] * 1e-9 / price * 1e4 >= LARGE_TICK_BP]
    return _mean([float(np.mean(seen.spreads[one][np.isfinite(seen.spreads[one])] < 1.5)) for one in large])


def correlation(seen: Observation, step_s: int) -> float:
    """Return the mean correlation of the returns of all pairs of liquid names over so many seconds."""
    every = returns(seen, liquid(seen), step_s)
    moves = [one for one in every if np.isfinite(one).sum() >= LEAST and np.nanstd(one)]
    found = []
    for one, other in combinations(moves, 2):
        both = np.isfinite(one) & np.isfinite(other)
        if both.sum() >= LEAST:
            found.append(float(np.corrcoef(one[both], other[both])[0, 1]))
    return _mean(found)


def _epps(seen: Observation) -> float:
    return correlation(seen, MINUTE_S) - correlation(seen, 1)


def day_parts(seen: Observation, values: Array) -> tuple[float, float, float]:
    """Return means in the first half hour, the middle two hours and the last half hour, each series scaled by its mean.

    NaN for a stream of less than six hours.
    """
    if seen.seconds < 6 * 3600:
        return (float("nan"),) * 3
    middle = seen.seconds // 2
    scaled = values / np.nanmean(values, axis=1)[:, None]
    parts = scaled[:, :1800], scaled[:, middle - 3600 : middle + 3600], scaled[:, -1800:]
    first, noon, last = (float(np.nanmean(part)) for part in parts)
    return first, noon, last


def _activity(seen: Observation) -> tuple[float, float, float]:
    return day_parts(seen, seen.counts[seen.counts.mean(axis=1) >= LIQUID_PER_S].astype(np.float64))


def _mean(values: list[float]) -> float:
    kept = [value for value in values if np.isfinite(value)]
    return float(np.mean(kept)) if kept else float("nan")


def _median(values: list[float]) -> float:
    kept = [value for value in values if np.isfinite(value)]
    return float(np.median(kept)) if kept else float("nan")


_INFINITE = float("inf")
_FACTS = (
    Fact(
        "tail exponent at one minute",
        "Hill's estimator on the largest 5 % of absolute returns, scaled by name",
        "Gopikrishnan, Plerou, Amaral, Meyer, Stanley, Physical Review E 60 (1999) 5305",
        2.5,
        4.0,
        _tail_exponent,
    ),
    Fact(
        "autocorrelation of one-minute returns",
        "first autocorrelation, mean over names",
        "Cont, Quantitative Finance 1 (2001) 223",
        -0.05,
        0.05,
        _linear_memory,
    ),
    Fact(
        "memory of volatility at 20 minutes",
        "autocorrelation of absolute one-minute returns at lag 20, mean over names",
        "Ding, Granger, Engle, Journal of Empirical Finance 1 (1993) 83",
        0.05,
        1.0,
        _volatility_memory,
    ),
    Fact(
        "activity after the open over midday",
        "moments a second in the first half hour over those in the two middle hours",
        "Admati, Pfleiderer, Review of Financial Studies 1 (1988) 3",
        1.3,
        6.0,
        lambda seen: _activity(seen)[0] / _activity(seen)[1],
    ),
    Fact(
        "activity before the close over midday",
        "moments a second in the last half hour over those in the two middle hours",
        "Admati, Pfleiderer, Review of Financial Studies 1 (1988) 3",
        1.2,
        6.0,
        lambda seen: _activity(seen)[2] / _activity(seen)[1],
    ),
    Fact(
        "spread after the open over midday",
        "mean spread in the first half hour over that in the two middle hours",
        "McInish, Wood, Journal of Finance 47 (1992) 753",
        1.1,
        5.0,
        lambda seen: (lambda parts: parts[0] / parts[1])(day_parts(seen, seen.spreads[liquid(seen)])),
    ),
    Fact(
        "branching ratio",
        "1 − 1 / √A, A being the Allan factor of moments in windows of 10 s, median over names",
        "Hardiman, Bouchaud, Physical Review E 90 (2014) 062807",
        0.7,
        0.9,
        _branching,
    ),
    Fact(
        "Fano factor at one second",
        "variance over mean of moments in a second, median over names",
        "Bacry, Mastromatteo, Muzy, Market Microstructure and Liquidity 1 (2015) 1550005",
        5.0,
        _INFINITE,
        _fano,
    ),
    Fact(
        "memory of order signs",
        "autocorrelation of signs of trades at lag 10, median over series",
        "Lillo, Farmer, Studies in Nonlinear Dynamics and Econometrics 8 (2004) 3",
        0.03,
        0.6,
        _sign_memory,
    ),
    Fact(
        "bounce of trades",
        "first autocorrelation of returns from trade to trade, median over series",
        "Roll, Journal of Finance 39 (1984) 1127",
        -0.5,
        0.0,
        _bounce,
    ),
    Fact(
        "large-tick spreads of one step",
        "share of seconds with a spread of one price step, mean over names whose step is 8 bp of the price or more",
        "Dayri, Rosenbaum, Market Microstructure and Liquidity 1 (2015) 1550003",
        0.5,
        1.0,
        _large_tick,
    ),
    Fact(
        "growth of correlation from 1 s to 1 min",
        "difference of the mean correlations of all pairs",
        "Epps, Journal of the American Statistical Association 74 (1979) 291",
        0.05,
        1.0,
        _epps,
    ),
)
STYLISED: dict[str, Fact] = {fact.name: fact for fact in _FACTS}
"""Name -> fact."""


def measure(seen: Observation) -> dict[str, float]:
    """Return each fact's value."""
    return {name: fact.measure(seen) for name, fact in STYLISED.items()}

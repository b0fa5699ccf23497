"""Listed instruments: names, first prices, price steps and lots of a profile's symbols."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.ticks.schema import UNITS_PER_ONE

Array = npt.NDArray[Any]


class Tie(NamedTuple):
    """A price that follows from others: at `place` it is the product of price^power over `legs`, each (place, power)."""

    place: int
    legs: tuple[tuple[int, float], ...]


class Listing(NamedTuple):
    """Columns of some symbols, shape (n,).

    Parameters
    ----------
    names : list of str
    price : array
        First price, in ones.
    tick, lot : arrays of int64
        Price step and round lot in units of 1e-9.
    odd : array
        Share of trades below a lot.
    ties : tuple of Tie
        Symbols whose price follows from others'.
    """

    names: list[str]
    price: Array
    tick: Array
    lot: Array
    odd: Array
    ties: tuple[Tie, ...] = ()


def _log_even(count: int, low: float, high: float, rng: np.random.Generator) -> Array:
    """Return values that fill a range evenly in logarithm, in random order, so that every stream covers the range."""
    place = (rng.permutation(count) + rng.random(count)) / count
    values: Array = low * (high / low) ** place
    return values


def _tickers(count: int, rng: np.random.Generator) -> list[str]:
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    found: dict[str, None] = {}
    while len(found) < count:
        found.setdefault("".join(letters[rng.integers(0, 26, int(rng.integers(3, 5)))]))
    return list(found)


def shares(count: int, rng: np.random.Generator) -> Listing:
    """Return US equities of $0.50 to $5 000.

    Steps are a cent, and a hundredth of one below a dollar (Regulation NMS, Rule 612); lots are 100, 40 or 10 shares by price
    (Rule 600(b)(93)).
    """
    price = _log_even(count, 0.5, 5000.0, rng)
    tick = np.where(price < 1.0, UNITS_PER_ONE // 10_000, UNITS_PER_ONE // 100)
    lot = np.select([price < 250, price < 1000], [100, 40], 10) * UNITS_PER_ONE
    odd = np.clip(0.1 + 0.12 * np.log10(price), 0.05, 0.6)
    return Listing(_tickers(count, rng), price, tick, lot, odd)


DOLLARS: dict[str, float] = {
    "EUR": 1.085,
    "GBP": 1.27,
    "AUD": 0.652,
    "NZD": 0.609,
    "USD": 1.0,
    "CAD": 0.736,
    "CHF": 1.13,
    "SGD": 0.745,
    "NOK": 0.0948,
    "SEK": 0.0963,
    "DKK": 0.1455,
    "PLN": 0.251,
    "ZAR": 0.0526,
    "MXN": 0.0591,
    "HKD": 0.1278,
    "CZK": 0.0428,
    "JPY": 0.00667,
    "HUF": 0.00275,
}
"""Approximate value of a unit of a currency in dollars at the beginning of 2024, in quoting order."""


FIRST = ("EURUSD", "USDJPY", "EURJPY", "GBPUSD", "EURGBP", "AUDUSD", "USDCHF", "EURCHF")
"""The pairs that even a small market has; three of them are crosses, listed after their legs."""


def pairs(count: int, _rng: np.random.Generator) -> Listing:
    """Return currency pairs, FIRST and the dollar's first; the price of a cross follows from its currencies' dollar prices.

    Steps are a tenth of a pip: 0.00001, and 0.001 where one costs more than twenty.
    """
    names = list(DOLLARS)
    crosses = [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]
    order = {name: place for place, name in enumerate(FIRST)}
    crosses.sort(key=lambda pair: order.get("".join(pair), len(order) + ("USD" not in pair)))
    # Beyond all pairs, further symbols are forwards: the same pair for a later day.
    wanted = [(crosses[k % len(crosses)], k // len(crosses)) for k in range(count)]
    price = np.array([DOLLARS[one] / DOLLARS[other] for (one, other), _ in wanted])
    tick = np.where(price > 20.0, UNITS_PER_ONE // 1000, UNITS_PER_ONE // 100_000)
    lot = np.full(count, 100_000 * UNITS_PER_ONE)
    listed = [f"{a}{b}{f'.{term}W' if term else ''}" for (a, b), term in wanted]
    return Listing(listed, price, tick, lot, np.zeros(count), _triangles(wanted))


def _triangles(wanted: list[tuple[tuple[str, str], int]]) -> tuple[Tie, ...]:
    """Return the crosses among some pairs, each with its term, whose dollar pairs of that term are present as well."""
    places = {key: place for place, key in enumerate(wanted)}
    ties = []
    for place, (pair, term) in enumerate(wanted):
        legs = []
        for name, power in zip(pair, (1.0, -1.0), strict=True):
            for dollar, sign in (((name, "USD"), power), (("USD", name), -power)):
                if (dollar, term) in places:
                    legs.append((places[dollar, term], sign))
        if "USD" not in pair and len(legs) == len(pair):
            ties.append(Tie(place, tuple(legs)))
    return tuple(ties)


def coins(count: int, rng: np.random.Generator) -> Listing:
    """Return crypto against the dollar, $0.0005 to $80 000: a grid of seven digits, lots worth ten cents to a dollar."""
    price = _log_even(count, 0.0005, 80_000.0, rng)
    exponent = np.clip(np.floor(np.log10(price)).astype(np.int64) - 6, -9, -2)
    tick = np.rint(10.0 ** (exponent + 9)).astype(np.int64)
    lot = np.rint(10.0 ** (9 - np.clip(np.floor(np.log10(price)) + 1, -4, 8))).astype(np.int64)
    return Listing([f"{name}-USD" for name in _tickers(count, rng)], price, tick, lot, np.zeros(count))

"""Ticks as the columns that published cleaners use: one symbol at one venue, both sides of the quote, regular trades."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tickproof.ticks.schema import NS_PER_SECOND, UNITS_PER_ONE, Array, Condition, Kind, Present, Ticks

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

DAY_NS = 86_400 * NS_PER_SECOND
MINUTE_NS = 60 * NS_PER_SECOND
REGULAR = int(Condition.ODD_LOT | Condition.INTERMARKET_SWEEP)
"""Conditions of trades that are current prices; published cleaners leave out trades with any other (T2 of Barndorff-Nielsen et
al.) before they look at prices."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Quotes and trades of one symbol at one venue, in order of arrival. Prices are in units of 1; NaN is missing.

    Attributes
    ----------
    time : int64 array, shape (n,)
        `ts_recv` in ns. A day is a day of UTC.
    bid, ask : float64 arrays
        What this message carries.
    best_bid, best_ask : float64 arrays
        The two sides after this message: feeds that send one side a message are merged. NaN at trades.
    price : float64 array
        Of a trade.
    regular : bool array
        Trades whose sale condition makes them a current price.
    step : float
        Price step: the change of price that is seen most often; 0 where none is seen.
    """

    time: Integers
    bid: Floats
    ask: Floats
    best_bid: Floats
    best_ask: Floats
    price: Floats
    regular: Mask
    step: float

    @property
    def day(self) -> Integers:
        """Return days since the epoch."""
        return self.time // DAY_NS

    @property
    def mid(self) -> Floats:
        """Return the mid of the two sides."""
        return (self.best_bid + self.best_ask) / 2

    @property
    def spread(self) -> Floats:
        """Return ask less bid."""
        return self.best_ask - self.best_bid

    @property
    def current(self) -> Floats:
        """Return the prices of regular trades."""
        return np.where(self.regular, self.price, np.nan)


def instruments(ticks: Ticks) -> Iterator[tuple[Integers, Columns]]:
    """Yield the quotes and trades of each (venue, symbol) of a stream, with their indices in it.

    Cancels, corrections (T1) and ticks that are neither quotes nor trades are left out.
    """
    rows = ticks.rows
    chosen = np.flatnonzero((rows["symbol"] >= 0) & (rows["kind"] <= Kind.TRADE))
    keys = rows["symbol"][chosen].astype(np.int64) * len(ticks.names) + rows["venue"][chosen]
    order = np.argsort(keys, kind="stable")
    keys, chosen = keys[order], chosen[order]
    for indices in np.split(chosen, np.flatnonzero(np.diff(keys)) + 1):
        if len(indices):
            yield indices, _columns(rows[indices])


def each_series(columns: Columns, ratio: Callable[[Columns, Floats], Floats], *, regular: bool = True) -> Floats:
    """Apply a ratio to trade prices among trades, and to mids among quotes.

    Parameters
    ----------
    ratio : callable
        Takes columns without gaps, and their prices, and gives a ratio for each.
    regular : bool
        Leave out trades whose sale condition makes them no current price.

    Returns
    -------
    float64 array, shape (n,)
        0 where there is no price.
    """
    out = np.zeros(len(columns.time))
    for values in (columns.current if regular else columns.price, columns.mid):
        place = np.flatnonzero(np.isfinite(values))
        out[place] = ratio(taken(columns, place), values[place])
    return out


def taken(columns: Columns, place: Array) -> Columns:
    """Return some of the rows."""
    names = ("time", "bid", "ask", "best_bid", "best_ask", "price", "regular")
    return replace(columns, **{name: getattr(columns, name)[place] for name in names})


def last_valid(valid: Mask) -> Integers:
    """Return for each row the index of the last valid row up to it; −1 before the first."""
    return np.maximum.accumulate(np.where(valid, np.arange(len(valid)), -1)) if len(valid) else np.zeros(0, np.int64)


def _columns(rows: Array) -> Columns:
    quote = rows["kind"] == Kind.QUOTE
    bid, ask = (_values(rows, name, bit) for name, bit in (("bid_px", Present.BID_PX), ("ask_px", Present.ASK_PX)))
    price = np.where(quote, np.nan, _values(rows, "price", Present.PRICE))
    bid, ask = np.where(quote, bid, np.nan), np.where(quote, ask, np.nan)
    # A side without price and with size 0 is empty from now on; without both it is as before.
    merged = [
        _merged(side, quote & (rows["present"] & int(bits) != 0))
        for side, bits in ((bid, Present.BID_PX | Present.BID_SZ), (ask, Present.ASK_PX | Present.ASK_SZ))
    ]
    best_bid, best_ask = (np.where(quote, side, np.nan) for side in merged)
    regular = ~quote & ((rows["conditions"] & ~np.uint32(REGULAR)) == 0)
    series = (rows["price"][regular & np.isfinite(price)], rows["bid_px"][np.isfinite(bid)])
    return Columns(rows["ts_recv"].astype(np.int64), bid, ask, best_bid, best_ask, price, regular, price_step(*series))


def is_wild(columns: Columns, share: float = 0.01) -> Mask:
    """Return the rows in the minutes with the widest price range relative to the median: `share` of them, at least one.

    The range is that from the first to the last decile of a minute's prices, so that single bad prices do not make a minute wild.
    """
    values = np.where(np.isfinite(columns.mid), columns.mid, columns.current)
    minutes = columns.time // MINUTE_NS
    rows = np.flatnonzero(values > 0.0)
    if not len(rows):
        return np.zeros(len(values), bool)
    rows = rows[np.lexsort((values[rows], minutes[rows]))]
    known, start, count = np.unique(minutes[rows], return_index=True, return_counts=True)
    low, middle, high = (values[rows[start + (count - 1) * part // 10]] for part in (1, 5, 9))
    widest = np.argsort(-(high - low) / middle, kind="stable")[: max(round(share * len(known)), 1)]
    return np.isin(minutes, known[widest])


def price_step(*series: Array) -> float:
    """Return the most frequent change between neighbouring prices, in units of 1; 0 if nothing changes.

    Parameters
    ----------
    *series : int64 arrays
        Prices in units of 1e-9, of which each change counts.
    """
    changes = np.concatenate([np.zeros(0), *(np.abs(np.diff(prices.astype(np.float64))) for prices in series)])
    steps, counts = np.unique(changes[changes > 0], return_counts=True)
    return float(steps[np.argmax(counts)]) / UNITS_PER_ONE if len(steps) else 0.0


def _values(rows: Array, name: str, bit: Present) -> Floats:
    return np.where(rows["present"] & int(bit) != 0, rows[name] / UNITS_PER_ONE, np.nan)


def _merged(side: Floats, carried: Mask) -> Floats:
    last = last_valid(carried)
    return np.where(last >= 0, side[last], np.nan)

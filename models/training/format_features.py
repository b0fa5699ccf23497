"""Features of a tick's format alone: decimals, residues of grid and lot, digits, parities, residues of times.

No feature says how large a price, a size, a spread or a delay is; a model that recognises faults by these has learnt how they
were made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tickproof.ticks.schema import Array, Kind, Present

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
PRICES = ("bid_px", "ask_px", "price")
SIZES = ("bid_sz", "ask_sz", "size")
_POWERS = 10 ** np.arange(1, 19, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to describe, and what is known around them.

    Attributes
    ----------
    rows : array of ROW, shape (n,)
    tick, lot : int64 arrays, shape (n,)
        The grid of prices and of quoted sizes of each row's symbol, in units of 1e-9; 0: unknown.
    ahead, behind : int64 arrays, shape (n,)
        How far each row's sequence number is from that of the channel's row before, and after.
    tied : bool array, shape (n,)
        Whether it was captured in the same ns as the channel's row before.
    """

    rows: Array
    tick: Integers
    lot: Integers
    ahead: Integers
    behind: Integers
    tied: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FormatFeature:
    """One feature: its group, and its value by row; NaN where the row has no such value."""

    name: str
    group: str
    of: Callable[[Rows], Floats]


def _value(rows: Array, name: str) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """Return absolute values of a column, and where there are any: null and 0 have no digits."""
    values = np.abs(rows[name].astype(np.int64))
    return values, ((rows["present"] & Present[name.upper()]) != 0) & (values > 0)


def zeros_at_the_end(values: Integers) -> Floats:
    """Return how many decimal zeros each number ends in; 0 has none."""
    zeros: Floats = ((values[:, None] % _POWERS) == 0).sum(axis=1).astype(np.float64)
    return np.where(values == 0, 0.0, zeros)


def _of_price(name: str, measure: Callable[[Integers, Integers], Integers | Floats]) -> Callable[[Rows], Floats]:
    def of(known: Rows) -> Floats:
        values, there = _value(known.rows, name)
        tick = np.maximum(known.tick, 1)
        return np.where(there & (known.tick > 0), measure(values, tick), np.nan)

    return of


def _of_size(name: str, measure: Callable[[Integers, Integers], Integers | Floats]) -> Callable[[Rows], Floats]:
    def of(known: Rows) -> Floats:
        values, there = _value(known.rows, name)
        lot = np.maximum(known.lot, 1)
        return np.where(there & (known.lot > 0), measure(values, lot), np.nan)

    return of


def _of_spread(measure: Callable[[Integers], Integers]) -> Callable[[Rows], Floats]:
    def of(known: Rows) -> Floats:
        bid, ask = known.rows["bid_px"].astype(np.int64), known.rows["ask_px"].astype(np.int64)
        there = (bid > 0) & (ask > 0) & (known.tick > 0)
        tick = np.maximum(known.tick, 1)
        return np.where(there, measure(ask // tick - bid // tick), np.nan)

    return of


def _of_time(name: str, measure: Callable[[Integers], Integers | Floats]) -> Callable[[Rows], Floats]:
    return lambda known: np.asarray(measure(known.rows[name].astype(np.int64)), np.float64)


def _features() -> list[FormatFeature]:
    found = []
    for name in PRICES:
        for what, measure in (
            ("decimals", lambda values, tick: 9.0 - np.minimum(zeros_at_the_end(values), 9.0)),
            ("tick_residue", lambda values, tick: values % tick / tick),
            ("odd", lambda values, tick: values // tick % 2),
            ("fifth", lambda values, tick: values // tick % 5),
            ("last_digit", lambda values, tick: values // tick % 10),
            ("last_two", lambda values, tick: values // tick % 100),
            ("zeros", lambda values, tick: zeros_at_the_end(values // tick)),
        ):
            found.append(FormatFeature(f"{name}_{what}", "price", _of_price(name, measure)))
    for name in SIZES:
        for what, measure in (
            ("decimals", lambda values, lot: 9.0 - np.minimum(zeros_at_the_end(values), 9.0)),
            ("lot_residue", lambda values, lot: values % lot / lot),
            ("odd_lots", lambda values, lot: values // lot % 2),
            ("last_lot_digit", lambda values, lot: values // lot % 10),
        ):
            found.append(FormatFeature(f"{name}_{what}", "size", _of_size(name, measure)))
    found.append(FormatFeature("spread_odd", "spread", _of_spread(lambda spread: spread % 2)))
    for name in ("ts_event", "ts_recv"):
        found += [
            FormatFeature(f"{name}_ns", "time", _of_time(name, lambda times: times % 1_000)),
            FormatFeature(f"{name}_us", "time", _of_time(name, lambda times: times // 1_000 % 1_000)),
            FormatFeature(f"{name}_zeros", "time", _of_time(name, zeros_at_the_end)),
        ]
    found += [
        FormatFeature("tied", "latency", lambda known: known.tied.astype(np.float64)),
        FormatFeature("latency_ns", "latency", lambda known: _latency(known) % 1_000.0),
        FormatFeature("latency_negative", "latency", lambda known: (_latency(known) < 0).astype(np.float64)),
        FormatFeature("sequence_ahead", "sequence", lambda known: known.ahead.astype(np.float64)),
        FormatFeature("sequence_behind", "sequence", lambda known: known.behind.astype(np.float64)),
        FormatFeature("present", "presence", lambda known: known.rows["present"].astype(np.float64)),
    ]
    return found


def _latency(known: Rows) -> Integers:
    found: Integers = known.rows["ts_recv"].astype(np.int64) - known.rows["ts_event"].astype(np.int64)
    return found


FORMAT_FEATURES: tuple[FormatFeature, ...] = tuple(_features())
"""All format features, in order; groups are those of `producers.faults.editing.fault.Aspect`."""
VALUES = {
    name: [place for place, one in enumerate(FORMAT_FEATURES) if one.name.startswith(name)]
    for name in (*PRICES, *SIZES, "ts_event", "ts_recv")
}
"""Column of a tick -> the features that are NaN without it."""


def describe(known: Rows) -> Floats:
    """Return the features of some rows, shape (n, len(FORMAT_FEATURES))."""
    return np.column_stack([feature.of(known) for feature in FORMAT_FEATURES])


def grids(rows: Array, codes: int) -> tuple[Integers, Integers]:
    """Return the tick and lot of each symbol code: greatest common divisors of its prices, and of its quoted sizes.

    Parameters
    ----------
    rows : array of ROW
        Clean ones, without prints whose price a condition explains.
    codes : int
        How many names there are.

    Returns
    -------
    tick, lot : int64 arrays, shape (codes,)
        0 for a symbol without any.
    """
    tick, lot = np.zeros(codes, np.int64), np.zeros(codes, np.int64)
    quotes = rows[(rows["kind"] == Kind.QUOTE) & (rows["symbol"] >= 0)]
    for columns, out in ((("bid_px", "ask_px"), tick), (("bid_sz", "ask_sz"), lot)):
        for name in columns:
            np.gcd.at(out, quotes["symbol"], quotes[name].astype(np.int64))
    return tick, lot

"""Reference data as arrays for the kernels: placeholders by channel, tick sizes by price, splits, relations of prices.

An instrument refers to its rows by number; row 0 holds where the reference data have no entry.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.reference.data import Instrument, Reference
from tickproof.ticks.schema import UNITS_PER_ONE, Array

I64_MAX, I64_MIN = 2**63 - 1, -(2**63)
SENTINELS: tuple[int, ...] = (
    I64_MIN,
    -UNITS_PER_ONE,
    -1,
    *(
        value * UNITS_PER_ONE // places
        # The largest 32-bit integers, of feeds that count in ones, hundredths and ten thousandths; LOBSTER's empty level.
        for value, scales in ((2**31 - 1, (1, 100, 10_000)), (2**32 - 1, (1, 100, 10_000)), (9_999_999_999, (10_000,)))
        for places in scales
    ),
    I64_MAX,
)
"""Placeholders of a channel that has no list of its own, in units of 1e-9."""

BAND = np.dtype([("above", "<i8"), ("tick", "<i8")])
"""From the price `above` on, prices are multiples of `tick`; both in 1e-9."""
ACTION = np.dtype([("ts", "<i8"), ("shift", "<f8")])
"""From event time `ts` on, `shift` is added to log prices."""
RELATION = np.dtype([("first", "<i4"), ("count", "<i4"), ("constant", "<f8"), ("tolerance", "<f8")])
"""Where a relation's legs are; the logarithms of its constant (NaN: to be learnt) and tolerance, for prices in units of 1e-9."""
LEG = np.dtype([("relation", "<i4"), ("mark", "<i4"), ("power", "<f8")])
"""One leg: `mark` is the number of its symbol's price, on the leg's venue or on all, see `Index.marks`."""


class _RelationRow(NamedTuple):
    """A row of RELATION."""

    first_leg: int
    legs: int
    constant: float
    tolerance: float


def usual_placeholders() -> tuple[npt.NDArray[np.int64], tuple[int, int, int]]:
    """Return `SENTINELS` as an array, and (where they begin, where they end, the smallest positive one)."""
    return np.array(SENTINELS, np.int64), (0, len(SENTINELS), min(value for value in SENTINELS if value > 0))


class Tables(NamedTuple):
    """Reference data as the kernels read them; never written to.

    Parameters
    ----------
    placeholders : int64 array
        All lists one after the other.
    lists : int64 array, shape (k + 1, 2)
        Where list k begins, and its smallest positive value; the last row ends the last list.
    bands : array of BAND
        Tick sizes, the bands of one instrument together, from the highest price down.
    actions : array of ACTION
        By symbol and time; row 0 and the row behind a symbol's last one are at the end of time.
    relations, legs : arrays of RELATION and LEG
        The legs of one relation together.
    """

    placeholders: npt.NDArray[np.int64]
    lists: npt.NDArray[np.int64]
    bands: Array
    actions: Array
    relations: Array
    legs: Array


class Index(NamedTuple):
    """Where an instrument's rows are: its channel's list of placeholders, (first, number) of its bands, its first action.

    `marks` are the (symbol, venue) whose prices are legs of relations, by number; venue None: all venues.
    """

    lists: dict[str, int]
    bands: dict[Instrument, tuple[int, int]]
    actions: dict[str, int]
    marks: dict[tuple[str, str | None], int]


def build(reference: Reference) -> tuple[Tables, Index]:
    """Return the arrays of reference data, and where each channel, instrument and symbol has its rows."""
    values, starts, lists = list(SENTINELS), [0], {}
    for name, channel in sorted(reference.channels.items()):
        if channel.sentinels is not None:
            lists[name] = len(starts)
            starts.append(len(values))
            values += channel.sentinels
    starts.append(len(values))
    floors = [min((value for value in values[a:b] if value > 0), default=I64_MAX) for a, b in pairwise(starts)]

    bands, of_instrument = [(0, 1)], {}
    for one in reference.instruments:
        steps = [(0, one.tick)] if isinstance(one.tick, int) else sorted(one.tick or (), reverse=True)
        if steps:
            of_instrument[one] = (len(bands), len(steps))
            bands += steps

    actions, of_symbol = [(I64_MAX, 0.0)], {}
    for symbol in sorted({action.symbol for action in reference.actions}):
        of_symbol[symbol] = len(actions)
        actions += [
            (one.ts, -float(np.log(one.ratio)))
            for one in sorted(reference.actions, key=lambda one: one.ts)
            if one.symbol == symbol
        ]
        actions.append((I64_MAX, 0.0))
    relations, legs, marks = _relations(reference)
    tables = Tables(
        np.array(values, np.int64),
        np.column_stack([np.array(starts, np.int64), np.array([*floors, I64_MAX], np.int64)]),
        np.array(bands, BAND),
        np.array(actions, ACTION),
        relations,
        legs,
    )
    return tables, Index(lists, of_instrument, of_symbol, marks)


def _relations(reference: Reference) -> tuple[Array, Array, dict[tuple[str, str | None], int]]:
    marks: dict[tuple[str, str | None], int] = {}
    relations: list[_RelationRow] = []
    legs: list[tuple[int, int, float]] = []
    for number, one in enumerate(reference.relations):
        # Prices are integers of 1e-9.
        unit = sum(leg.power for leg in one.legs) * math.log(UNITS_PER_ONE)
        constant = math.nan if one.constant is None else math.log(one.constant) + unit
        relations.append(_RelationRow(len(legs), len(one.legs), constant, one.tolerance_bp * 1e-4))
        legs += [(number, marks.setdefault((leg.symbol, leg.venue), len(marks)), leg.power) for leg in one.legs]
    return np.array(relations, RELATION), np.array(legs, LEG), marks

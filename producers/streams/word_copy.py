"""Copies of tick records as plain words: numpy copies a record field by field, which costs 10 to 25 times as much."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tickproof.ticks.schema import ROW, Array

_RECORD = np.dtype((np.void, ROW.itemsize))


def joined(parts: Sequence[Array]) -> Array:
    """Return the rows of all parts, one after the other, over one table of names."""
    whole: Array = np.concatenate([np.zeros(0, _RECORD), *map(_plain, parts)]).view(ROW)
    return whole


def gathered(rows: Array, index: npt.NDArray[np.int64]) -> Array:
    """Return the rows at `index`."""
    found: Array = _plain(rows).take(index).view(ROW)
    return found


def copied(rows: Array) -> Array:
    """Return a writable copy of the rows."""
    fresh: Array = _plain(rows).copy().view(ROW)
    return fresh


def inserted(rows: Array, positions: npt.NDArray[np.int64], others: Array) -> Array:
    """Return the rows with others among them, each before the row at its position; positions do not fall."""
    places = positions + np.arange(len(positions))
    result = np.empty(len(rows) + len(others), _RECORD)
    free = np.ones(len(result), bool)
    free[places] = False
    result[places] = _plain(others)
    result[free] = _plain(rows)
    found: Array = result.view(ROW)
    return found


def _plain(rows: Array) -> npt.NDArray[np.void]:
    plain: npt.NDArray[np.void] = np.ascontiguousarray(rows).view(_RECORD)
    return plain

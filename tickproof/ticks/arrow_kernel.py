"""Rows laid out as columns, compiled: one pass over a frame's records makes everything that Arrow needs of them.

All columns lie one behind the other in one piece of memory, each at a multiple of 8 bytes: those of 8 bytes, conditions, kinds,
flags, the validity bits of the nullable ones, the codes of the three names, the validity bits of those.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.kernel import array_kernel, kernel
from tickproof.ticks.schema import NAMES, NULLABLE, ROW


def _place(field: str) -> int:
    """Return where a field begins in a record, in bytes."""
    assert ROW.fields is not None
    return ROW.fields[field][1]


WIDE = tuple((ROW.names or ())[:10])
"""The columns of 8 bytes, in their order; a record begins with them."""
NARROW = ("conditions", "kind", "flags")
_WIDE, _NULLABLE, _NAMES = len(WIDE), len(NULLABLE), len(NAMES)
BITS = _WIDE + len(NARROW)
"""The place of the first nullable column's validity bits among all columns, in the order above."""
CODES = BITS + _NULLABLE
"""That of the first column of names; behind them come their validity bits."""
_COLUMNS = CODES + 2 * _NAMES


class _Name(IntEnum):
    """The columns of names, in the order of `NAMES`."""

    CHANNEL = 0
    VENUE = 1
    SYMBOL = 2


_CHANNEL, _VENUE = int(_Name.CHANNEL), int(_Name.VENUE)
# Words of a record that hold several fields: conditions and channel; venue and symbol; present, kind and flags.
_LOW, _MID, _HIGH = (_place(field) // 8 for field in ("conditions", "venue", "present"))
assert [_place(field) for field in WIDE] == [8 * place for place in range(_WIDE)]
assert [_place(field) - 8 * _LOW for field in ("conditions", "channel", "venue", "symbol")] == [0, 4, 8, 12]
assert [_place(field) - 8 * _HIGH for field in ("present", "kind", "flags")] == [0, 2, 3]
assert list(NULLABLE.values()) == [1 << place for place in range(_NULLABLE)]
assert [name.name.lower() for name in _Name] == list(NAMES)


class LaidOut(NamedTuple):
    """The columns of some ticks.

    Attributes
    ----------
    memory : array of uint8
        The columns, as the module's docstring orders them.
    places : array of int64, shape (columns + 1,)
        Where each of them begins; the last is where they end.
    nulls : array of int64, shape (nullable + 3,)
        Nulls of each nullable column, then of each column of names.
    used : array of int32, shape (3, names)
        The codes that each column of names uses, ascending; a code is written as its place here. Behind them lies nothing of use.
    counts : array of int64, shape (3,)
        How many codes each uses.
    """

    memory: npt.NDArray[np.uint8]
    places: npt.NDArray[np.int64]
    nulls: npt.NDArray[np.int64]
    used: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int64]


@array_kernel()
def lay_out(records: npt.NDArray[np.int64], names: int) -> LaidOut:
    """Lay out ticks as columns.

    Parameters
    ----------
    records : array of int64, shape (n, words of a record)
    names : int
        How many names there are.
    """
    count = len(records)
    places = _places(count)
    memory = np.zeros(places[_COLUMNS], np.uint8)
    nulls = np.full(_NULLABLE + _NAMES, count, np.int64)
    is_used = np.zeros((_NAMES, names), np.int32)
    wide = memory[: places[_WIDE]].view(np.int64)
    conditions = memory[places[_WIDE] : places[_WIDE + 1]].view(np.uint32)
    kinds, flags = memory[places[_WIDE + 1] :], memory[places[_WIDE + 2] :]
    for row in range(count):
        record = records[row]
        for column in range(_WIDE):
            wide[column * count + row] = record[column]
        low_word, mid_word, high_word = record[_LOW], record[_MID], record[_HIGH]
        conditions[row] = low_word & 0xFFFFFFFF
        kinds[row] = (high_word >> 16) & 0xFF
        flags[row] = (high_word >> 24) & 0xFF
        for column in range(_NULLABLE):
            if high_word >> column & 1:
                memory[places[BITS + column] + (row >> 3)] |= 1 << (row & 7)
                nulls[column] -= 1
        for column in range(_NAMES):
            code = _code(low_word, mid_word, column)
            if code >= 0:
                is_used[column, code] = 1
                memory[places[CODES + _NAMES + column] + (row >> 3)] |= 1 << (row & 7)
                nulls[_NULLABLE + column] -= 1
    used = np.empty((_NAMES, names), np.int32)
    counts = np.zeros(_NAMES, np.int64)
    for column in range(_NAMES):
        written_as = is_used[column]
        for code in range(names):
            if written_as[code]:
                used[column, counts[column]] = code
                written_as[code] = counts[column]
                counts[column] += 1
        codes = memory[places[CODES + column] : places[CODES + column + 1]].view(np.int32)
        for row in range(count):
            code = _code(records[row, _LOW], records[row, _MID], column)
            if code >= 0:
                codes[row] = written_as[code]
    return LaidOut(memory, places, nulls, used, counts)


@kernel()
def _code(low_word: int, mid_word: int, column: int) -> int:
    """Return the code of a record's channel, venue or symbol; codes are signed, -1 for null."""
    if column == _CHANNEL:
        return low_word >> 32
    return (mid_word << 32) >> 32 if column == _VENUE else mid_word >> 32


@array_kernel()
def _places(count: int) -> npt.NDArray[np.int64]:
    """Return where the columns of so many ticks begin, and where they end."""
    bits = (count + 7) // 8
    places = np.zeros(_COLUMNS + 1, np.int64)
    for column in range(_COLUMNS):
        if column < _WIDE:
            size = 8 * count
        elif column == _WIDE or CODES <= column < CODES + _NAMES:
            size = 4 * count
        else:
            size = count if column < BITS else bits
        places[column + 1] = places[column] + (size + 7) // 8 * 8
    return places

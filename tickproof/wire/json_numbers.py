"""The texts of JSON numbers and times to integers, compiled and exact: no float in between.

`parse` reads many small JSON texts, one a line, and gives each a value and a status. Every text gets one status: what is not
accepted is named, and nothing is raised.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from tickproof.kernel import kernel
from tickproof.ticks.schema import Array, Kind
from tickproof.wire.json_decimal import read_decimal
from tickproof.wire.json_digits import MALFORMED, OK, TOO_LARGE, Status, read_integer, read_unsigned
from tickproof.wire.json_time import read_time


class Form(IntEnum):
    """What a text may be."""

    TIME = 0
    DECIMAL = 1
    INT64 = 2
    UINT64 = 3
    UINT32 = 4
    UINT8 = 5
    KIND = 6


_NULL, _MISSING, _ESCAPED = int(Status.NULL), int(Status.MISSING), int(Status.ESCAPED)
_TIME, _DECIMAL, _KIND = int(Form.TIME), int(Form.DECIMAL), int(Form.KIND)
_UINT64, _UINT32, _UINT8 = int(Form.UINT64), int(Form.UINT32), int(Form.UINT8)
_QUOTE, _BACKSLASH, _NEWLINE = ord('"'), ord("\\"), ord("\n")

_KIND_NAMES = np.zeros((len(Kind), max(len(kind.name) for kind in Kind)), np.uint8)
for _kind in Kind:
    _KIND_NAMES[_kind, : len(_kind.name)] = np.frombuffer(_kind.name.encode(), np.uint8)
_KIND_LENGTHS = np.array([len(kind.name) for kind in Kind])


@kernel()
def parse(text: Array, forms: Array, values: Array, statuses: Array) -> bool:
    """Parse the lines of `text`, column after column.

    Parameters
    ----------
    text : array of uint8
        Lines without a newline at the end, one for each cell of `values`; an empty one is a value that is missing.
    forms : array of int64, shape (columns,)
        A `Form` for each column.
    values : array of int64, shape (columns, rows)
        Written: the integers; of an unsigned column, its bits.
    statuses : array of uint8, shape (columns, rows)
        Written: a `Status` each.

    Returns
    -------
    bool
        False if there are more or fewer lines than cells: nothing that was written means anything then.
    """
    columns, rows = values.shape
    start = 0
    for column in range(columns):
        for row in range(rows):
            if start > text.size:
                return False
            stop = start
            escaped = False
            while stop < text.size and text[stop] != _NEWLINE:
                escaped = escaped or text[stop] == _BACKSLASH
                stop += 1
            if escaped:
                value, status = 0, _ESCAPED
            else:
                value, status = _read_value(text[start:stop], forms[column])
            values[column, row] = value if status == OK else 0
            statuses[column, row] = status
            start = stop + 1
    return bool(start == text.size + 1)


@kernel()
def _read_value(text: Array, form: int) -> tuple[int, int]:
    """Return the value, and its status, of one text that is to be of a form."""
    if text.size == 0:
        return 0, _MISSING
    if text.size == 4 and text[0] == ord("n") and text[1] == ord("u"):
        return 0, _NULL
    quoted = text.size >= 2 and text[0] == _QUOTE and text[-1] == _QUOTE
    if form == _DECIMAL:
        return read_decimal(text[1:-1]) if quoted else read_decimal(text)
    if quoted:
        if form == _TIME:
            return read_time(text[1:-1])
        return _read_kind(text[1:-1]) if form == _KIND else (0, MALFORMED)
    if form == _UINT64:
        return read_unsigned(text)
    value, status = read_integer(text)
    if form == _UINT32 and not 0 <= value < 2**32:
        return 0, TOO_LARGE
    if form == _UINT8 and not 0 <= value < 2**8:
        return 0, TOO_LARGE
    if form == _KIND and not 0 <= value < _KIND_LENGTHS.size:
        return 0, TOO_LARGE
    return value, status


@kernel()
def _read_kind(text: Array) -> tuple[int, int]:
    """Return the number, and the status, of a kind's name in any case."""
    for kind in range(_KIND_LENGTHS.size):
        if text.size != _KIND_LENGTHS[kind]:
            continue
        same = True
        for place in range(text.size):
            character = text[place]
            upper = character - 32 if ord("a") <= character <= ord("z") else character
            same = same and upper == _KIND_NAMES[kind, place]
        if same:
            return kind, OK
    return 0, MALFORMED

"""CSV lines as Arrow tables, a block of whole lines at a time; lines that are not rows are counted by reason.

Numbers are parsed as decimals and end up as integers: nothing goes through a float.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from tickproof.ticks.schema import Array

PRICE, SIZE = pa.decimal128(28, 9), pa.decimal128(28, 9)
"""Exact: the integer behind each decimal is units of 1e-9."""
FLOATED = pa.decimal128(38, 18)
"""Values that were floats and have up to 17 digits: rounded to units of 1e-9."""
TEXT = pa.dictionary(pa.int32(), pa.string())
WHOLE = "found decimals, expected a whole number"
BLOCK_BYTES = 1_250_000
"""Size of a block; a longer line is rejected."""
NUMERIC = b"0123456789+-.eE \t"
_NUMBER = re.compile(rb"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
"""All characters that may occur in a number."""

Columns = Mapping[str, pa.DataType]
Numbers = npt.NDArray[np.int64]
Fits = npt.NDArray[np.bool_]


def blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a stream in blocks of whole lines; only the last, or a line longer than a block, may lack its line end."""
    rest = b""
    for piece in pieces:
        whole, newline, behind = piece.rpartition(b"\n")
        if newline:
            yield rest + whole + newline
            rest = behind
        elif len(rest) > BLOCK_BYTES:
            # No line end in sight: it fails as one line, and the file is not gathered in memory.
            yield rest + piece
            rest = b""
        else:
            rest += piece
    if rest:
        yield rest


def lines_of(block: bytes) -> int:
    """Return the number of lines in a block; the last may lack its line end."""
    return block.count(b"\n") + (not block.endswith(b"\n"))


def tables(block: bytes, columns: Columns, undecoded: Counter[str], blank: str = "line: empty") -> list[tuple[Numbers, pa.Table]]:
    """Yield a block as tables, with the numbers of their lines.

    Parameters
    ----------
    block : bytes
        Whole lines; the last may lack its line end.
    columns : mapping of str to DataType
        The columns in their order, and what they are parsed to.
    undecoded : Counter
        Gets the lines that are not rows, by reason.
    blank : str
        The reason of a line that is empty.
    """
    try:
        table = _table(block, columns)
        return [(np.arange(len(table)), table)]
    except pa.ArrowInvalid:
        # Arrow does not say which line is bad. Lines that are obviously not rows go first, so that little is left to search.
        lines = block.removesuffix(b"\n").split(b"\n")
    numbered = []
    for number, line in enumerate(lines):
        reason = _glance(line, columns, blank)
        if reason is None:
            numbered.append((number, line))
        else:
            undecoded[reason] += 1
    return list(_halves(numbered, columns, undecoded))


def _halves(numbered: list[tuple[int, bytes]], columns: Columns, undecoded: Counter[str]) -> Iterator[tuple[Numbers, pa.Table]]:
    """Yield numbered lines as tables, in order; lines that do not parse are halved until the bad ones are isolated."""
    spans = [(0, len(numbered))] if numbered else []
    while spans:
        first, last = spans.pop()
        part = numbered[first:last]
        try:
            table = _table(b"\n".join(line for _, line in part) + b"\n", columns)
        except pa.ArrowInvalid as error:
            if last - first == 1:
                undecoded[_reason(error, columns, part[0][1])] += 1
                continue
            middle = (first + last) // 2
            spans += [(middle, last), (first, middle)]
        else:
            yield np.array([number for number, _ in part]), table


def _glance(line: bytes, columns: Columns, blank: str) -> str | None:
    """Return why a line cannot be a row, as far as its number of cells and the characters of its numbers show it."""
    cells = line.removesuffix(b"\r").split(b",")
    if len(cells) != len(columns):
        return f"columns: found {len(cells)}, expected {len(columns)}" if line.removesuffix(b"\r") else blank
    for (name, type_), cell in zip(columns.items(), cells, strict=True):
        if _is_number(type_) and cell.translate(None, NUMERIC):
            return f"{name}: {_expected(type_, cell)}"
    return None


def _expected(type_: pa.DataType, cell: bytes) -> str:
    """Return what a cell should have held, as far as it shows why it does not."""
    if not _is_number(type_) or not _NUMBER.fullmatch(cell.strip()):
        return "not what the column holds"
    value = Decimal(cell.decode().strip())
    if pa.types.is_integer(type_):
        whole = value == value.to_integral_value()
        return f"expected at most {type_.bit_width} bits" if whole else WHOLE
    places = -int(value.normalize().as_tuple().exponent)
    return f"expected at most {type_.scale} decimals" if places > type_.scale else "expected at most 64 bits in units of 1e-9"


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(type_) or pa.types.is_integer(type_))


def _table(lines: bytes, columns: Columns) -> pa.Table:
    return pa.csv.read_csv(
        pa.BufferReader(lines),
        read_options=pa.csv.ReadOptions(column_names=list(columns), use_threads=False, block_size=len(lines) + 1),
        parse_options=pa.csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict(columns), null_values=[""], strings_can_be_null=False, timestamp_parsers=[pa.csv.ISO8601]
        ),
    )


def _reason(error: pa.ArrowInvalid, columns: Columns, line: bytes) -> str:
    """Return Arrow's message as a reason that is the same for all lines of its kind."""
    text = str(error)
    column = re.search(r"column #(\d+)", text)
    if column:
        place = int(column[1])
        name, type_ = list(columns.items())[place]
        cells = line.removesuffix(b"\r").split(b",")
        return f"{name}: {_expected(type_, cells[place] if place < len(cells) else b'')}"
    found = re.search(r"Expected (\d+) columns, got (\d+)", text)
    if found:
        return f"columns: found {found[2]}, expected {found[1]}"
    return "line: not CSV"


def counted(fits: Fits, reason: str, undecoded: Counter[str]) -> Fits:
    """Return the lines that fit, and count the others."""
    bad = len(fits) - int(np.count_nonzero(fits))
    if bad:
        undecoded[reason] += bad
    return fits


def integers(column: pa.Decimal128Array) -> tuple[Numbers, Fits]:
    """Return the integers behind decimals, and which of them fit 64 bits; nulls fit."""
    words = np.frombuffer(column.buffers()[1], "<i8").reshape(-1, 2)[column.offset : column.offset + len(column)]
    return words[:, 0], (words[:, 1] == words[:, 0] >> 63) | numpy(column.is_null())


def numpy(column: pa.Array) -> Array:
    """Return an Arrow array without nulls as a numpy array."""
    array: Array = column.to_numpy(zero_copy_only=False)
    return array


def filled(column: pa.Array, value: int = 0) -> tuple[Array, Fits]:
    """Return the values of an integer or time column, nulls replaced, and where there are values."""
    plain = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
    return numpy(pc.fill_null(plain, value)), numpy(column.is_valid())


def one_array(table: pa.Table, name: str) -> pa.Array:
    """Return a column of a table as one array."""
    column = table.column(name).combine_chunks()
    # A table without rows has no chunks to combine.
    return column if isinstance(column, pa.Array) else pa.array([], column.type)

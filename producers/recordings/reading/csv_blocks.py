"""CSV with a header as ticks: columns by name, in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from producers.recordings.reading.compressed import pieces
from producers.recordings.reading.delimited import (
    PRICE,
    TEXT,
    Columns,
    Fits,
    Numbers,
    blocks,
    counted,
    filled,
    integers,
    lines_of,
    one_array,
    tables,
)
from producers.recordings.reading.names import Names
from producers.recordings.reading.tally import Tally
from producers.streams.merge import BATCH_ROWS
from producers.streams.word_copy import gathered
from tickproof.errors import InputError
from tickproof.ticks.schema import NULLABLE, ROW, Array, Ticks

MOST = pa.scalar(Decimal(10) ** 15, pa.decimal128(38, 18))
UNITS = {1: "ns", 1_000: "µs", 1_000_000: "ms", 1_000_000_000: "s"}
"""Units of time by their length in ns."""


def out_of_range(column: str, unit_ns: int) -> str:
    """Return the reason of a time that is beyond what ns in 64 bits reach."""
    return f"{column}: out of range, expected {UNITS.get(unit_ns, 'times')} from 1677-09-21 to 2262-04-11; another unit?"


class Block:
    """Parsed lines on their way to rows. Each method fills one field and marks the rows that it cannot fill.

    Parameters
    ----------
    table : pyarrow.Table
        The parsed columns.
    numbers : array of int64
        The number of each row in the file.
    names : Names
        Of the recording.
    undecoded : Counter
        Gets the rows that are none, by reason.
    """

    __slots__ = ("_good", "_undecoded", "names", "rows", "table")

    def __init__(self, table: pa.Table, numbers: Numbers, names: Names, undecoded: Counter[str]) -> None:
        self.table = table
        self.names = names
        self.rows: Array = np.zeros(len(table), ROW)
        self.rows["row"] = numbers
        self._good = np.ones(len(table), bool)
        self._undecoded = undecoded

    def __contains__(self, column: str) -> bool:
        return column in self.table.column_names

    def time(self, column: str, field_: str = "ts_recv", unit_ns: int = 1) -> None:
        """Set a required time in ns; whole numbers count units of `unit_ns`."""
        values, there = filled(one_array(self.table, column))
        limit = np.iinfo(np.int64).max // unit_ns
        fits = there & (values >= -limit) & (values <= limit)
        self.require(there, f"{column}: none, or no time")
        self.require(fits | ~there, out_of_range(column, unit_ns))
        self.rows[field_] = np.where(fits, values, 0) * unit_ns
        if field_ in NULLABLE:
            self.rows["present"] |= np.where(there, np.uint16(NULLABLE[field_]), np.uint16(0))

    def units(self, column: str, field_: str) -> None:
        """Set a price or size from decimals, in units of 1e-9, where there is one."""
        array = one_array(self.table, column)
        if array.type.scale > PRICE.scale:
            # Beyond this nothing is a price, and rounding would be an error.
            small = pc.fill_null(pc.less(pc.abs(array), MOST), True)
            self.require(small.to_numpy(zero_copy_only=False), f"{column}: beyond 64 bits")
            array = pc.round(pc.if_else(small, array, pa.scalar(None, array.type)), PRICE.scale).cast(PRICE)
        values, fits = integers(array)
        self.require(fits, f"{column}: beyond 64 bits")
        self.put(field_, values, array.is_valid().to_numpy(zero_copy_only=False))

    def put(self, field_: str, values: Array, there: Fits) -> None:
        """Set a nullable field where there are values."""
        self.rows[field_] = np.where(there, values, 0)
        self.rows["present"] |= np.where(there, np.uint16(NULLABLE[field_]), np.uint16(0))

    def drop(self, field_: str, absent: Fits) -> None:
        """Set a nullable field to null where `absent`."""
        self.rows[field_][absent] = 0
        self.rows["present"][absent] &= ~np.uint16(NULLABLE[field_])

    def same(self, field_: str, name: str) -> None:
        """Set one channel, venue or symbol for all rows."""
        self.rows[field_] = self.names.code(name)

    def name(self, field_: str, column: str, spell: Callable[[str], str] = str) -> None:
        """Set a channel, venue or symbol from a column of words, respelled by `spell` if given."""
        self.rows[field_] = self.names.codes(one_array(self.table, column), spell)

    def by_word(self, column: str, value_of: Callable[[str], int]) -> Array:
        """Return the value of each row's word; a null is the empty word."""
        array = one_array(self.table, column)
        words = ["" if word is None else word for word in array.dictionary.to_pylist()]
        values = np.array([*map(value_of, words), value_of("")], np.int64)
        found: Array = values[pc.fill_null(array.indices, len(words)).to_numpy(zero_copy_only=False)]
        return found

    def require(self, fits: Fits, reason: str) -> None:
        """Reject and count the rows that do not fit."""
        self._good &= counted(fits | ~self._good, reason, self._undecoded)

    def ticks(self) -> Ticks:
        """Return the complete rows as ticks."""
        rows = self.rows if self._good.all() else gathered(self.rows, np.flatnonzero(self._good))
        return Ticks(rows, self.names.table)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One kind of file: its required and optional columns, and how they fill rows.

    A column of the file that is neither is read as text and left out.
    """

    required: Columns
    fill: Callable[[Block], None]
    optional: Columns = field(default_factory=dict)

    def fits(self, header: list[str]) -> bool:
        """Return whether a header has all required columns."""
        return len(set(header)) == len(header) and set(self.required) <= set(header)


def header_of(head: bytes) -> list[str] | None:
    """Return the names in the first line, or None if it is not a header."""
    line = head.split(b"\n", 1)[0].removesuffix(b"\r")
    try:
        names = line.decode("utf-8").split(",")
    except UnicodeDecodeError:
        return None
    return names if len(names) > 1 and all(name and not name[0].isdigit() for name in names) else None


def read(path: Path, sheet: Sheet, tally: Tally) -> Iterator[Ticks]:
    """Yield the ticks of a file with a header, in its order.

    Raises
    ------
    InputError
        The header is missing or another one.
    """
    names = Names()
    columns: dict[str, pa.DataType] | None = None
    row = 0
    for block in blocks(pieces(path, tally)):
        if columns is None:
            header = header_of(block)
            if header is None or not sheet.fits(header):
                raise InputError(f"{path}, line 1: found no header with the columns {','.join(sheet.required)}")
            columns = {name: sheet.required.get(name, sheet.optional.get(name, TEXT)) for name in header}
            block = block.partition(b"\n")[2]
            if not block:
                continue
        for numbers, table in tables(block, columns, tally.undecoded):
            part = Block(table, numbers + row, names, tally.undecoded)
            sheet.fill(part)
            ticks = part.ticks()
            for first in range(0, len(ticks), BATCH_ROWS):
                yield ticks.take(slice(first, first + BATCH_ROWS))
        lines = lines_of(block)
        row += lines
        tally.messages += lines

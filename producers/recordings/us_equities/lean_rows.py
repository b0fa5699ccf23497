"""Rows of LEAN's CSV as ticks: a block of lines at a time, by columns."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from producers.recordings.reading.delimited import PRICE, SIZE, TEXT, counted, integers, lines_of, numpy, tables
from producers.recordings.us_equities.lean_codes import conditions, exchange
from producers.streams.word_copy import gathered, joined
from tickproof.ticks.schema import ROW, Array, Flag, Kind, Present

TIME, DECI_CENTS = pa.decimal128(30, 6), pa.decimal128(28, 5)
"""Exact: the integer behind each decimal is ns, or units of 1e-9; of a price × 10 000 units of 1e-9 stand five places behind
the point."""
TIME_LIMIT_NS = 10 * 86_400 * 1_000_000_000
"""A time of day beyond this is none, whatever the day's length."""
_HEX = re.compile(r"[0-9A-Fa-f]{0,8}")


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one kind of file: their names in order, with the types that they are parsed to, and the kind of tick."""

    kind: Kind
    columns: dict[str, pa.DataType]


_MARKS = {"exchange": TEXT, "condition": TEXT, "suspicious": pa.uint8()}
EQUITY_TRADE = Layout(Kind.TRADE, {"time": TIME, "price": DECI_CENTS, "size": SIZE, **_MARKS})
FUTURE_TRADE = Layout(Kind.TRADE, {"time": TIME, "price": PRICE, "size": SIZE, **_MARKS})
EQUITY_QUOTE = Layout(
    Kind.QUOTE, {"time": TIME, "bid_px": DECI_CENTS, "bid_sz": SIZE, "ask_px": DECI_CENTS, "ask_sz": SIZE, **_MARKS}
)
TWO_SIDED_QUOTE = Layout(Kind.QUOTE, {"time": TIME, "bid_px": PRICE, "ask_px": PRICE})


class Names:
    """The table of names of one file: its channel, its symbol, and the venues that have turned up.

    Parameters
    ----------
    channel, symbol : str
        Of all rows.
    venue : str or None
        Of all rows; None: each row names an exchange.
    """

    __slots__ = ("_venues", "table", "venue")

    def __init__(self, channel: str, symbol: str, venue: str | None) -> None:
        self.table: tuple[str, ...] = (channel, symbol) if venue is None else (channel, symbol, venue)
        self.venue = venue
        self._venues: dict[str, int] = {}

    def venues(self, letters: list[str]) -> npt.NDArray[np.int32]:
        """Codes of the venues of some exchange letters."""
        for letter in letters:
            if letter not in self._venues:
                venue = exchange(letter)
                if venue not in self.table[2:]:
                    self.table = (*self.table, venue)
                self._venues[letter] = self.table.index(venue, 2)
        return np.array([self._venues[letter] for letter in letters], np.int32)


def parse(block: bytes, layout: Layout, names: Names, undecoded: Counter[str]) -> tuple[Array, int]:
    """The rows of some whole lines.

    Parameters
    ----------
    block : bytes
        Lines; the last may lack its line end.
    layout : Layout
        Their columns.
    names : Names
        Gets the venues that turn up.
    undecoded : Counter
        Gets the lines that are no rows, by reason.

    Returns
    -------
    rows : array of ROW
        `ts_recv` in ns since the file's midnight, `row` counted from the block's first line.
    lines : int
        How many lines there were, decoded or not.
    """
    found = tables(block, layout.columns, undecoded, "time: none, or none of a day")
    pieces = [_rows(table, numbers, layout, names, undecoded) for numbers, table in found]
    return (pieces[0] if len(pieces) == 1 else joined(pieces)), lines_of(block)


def _rows(table: pa.Table, numbers: npt.NDArray[np.int64], layout: Layout, names: Names, undecoded: Counter[str]) -> Array:
    """Ticks of a parsed table; values that are out of range make their rows undecoded."""
    rows = np.zeros(len(table), ROW)
    rows["kind"] = layout.kind
    rows["row"] = numbers
    rows["channel"], rows["symbol"], rows["venue"] = 0, 1, 2
    good = np.ones(len(table), bool)
    for name, type_ in layout.columns.items():
        column = table.column(name).combine_chunks()
        if type_ is TEXT:
            good &= _text(rows, name, column, names, undecoded)
        elif name == "suspicious":
            rows["flags"] = np.where(numpy(pc.fill_null(column, 0)) != 0, Flag.VENDOR_SUSPICIOUS, 0)
        else:
            values, fits = integers(column)
            good &= counted(fits, f"{name}: beyond 64 bits", undecoded)
            valid = numpy(column.is_valid())
            if name == "time":
                good &= counted(valid & (np.abs(values) < TIME_LIMIT_NS), "time: none, or none of a day", undecoded)
                rows["ts_recv"] = values
            else:
                rows[name] = np.where(valid, values, 0)
                rows["present"] |= np.where(valid, np.uint16(Present[name.upper()]), np.uint16(0))
    if layout is EQUITY_QUOTE:
        _drop_absent_sides(rows)
    return rows if good.all() else gathered(rows, np.flatnonzero(good))


def _drop_absent_sides(rows: Array) -> None:
    """A side whose price and size are both 0 is not in the message."""
    for price, size in (("bid_px", "bid_sz"), ("ask_px", "ask_sz")):
        absent = (rows[price] == 0) & (rows[size] == 0)
        sides = np.uint16(Present[price.upper()] | Present[size.upper()])
        rows["present"] &= np.where(absent, ~sides, np.uint16(0xFFFF))


def _text(rows: Array, name: str, column: pa.DictionaryArray, names: Names, undecoded: Counter[str]) -> npt.NDArray[np.bool_]:
    """Fill in what an exchange letter or a condition says; False where it says nothing that can be read."""
    words = ["" if word is None else word for word in column.dictionary.to_pylist()]
    codes = numpy(pc.fill_null(column.indices, len(words)))
    if name == "exchange":
        if names.venue is None:
            rows["venue"] = names.venues([*words, ""] if column.null_count else words)[codes]
        return np.ones(len(rows), bool)
    if rows["kind"][:1] != Kind.TRADE:
        return np.ones(len(rows), bool)
    readable = np.array([*(_HEX.fullmatch(word) is not None for word in words), True])
    bits = [conditions(int(word or "0", 16)) if _HEX.fullmatch(word) else 0 for word in words]
    rows["conditions"] = np.array([*bits, 0], np.uint32)[codes]
    return counted(readable[codes], "condition: not hexadecimal", undecoded)

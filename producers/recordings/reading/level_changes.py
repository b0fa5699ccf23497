"""Files of changes of a book by level, a row each: a quote wherever the top of the book changes with a message."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from producers.recordings.reading import csv_blocks
from producers.recordings.reading.compressed import pieces
from producers.recordings.reading.delimited import TEXT, Columns, blocks, lines_of, tables
from producers.recordings.reading.row_builder import Builder, units
from producers.recordings.reading.tally import Tally
from producers.recordings.reading.top_of_book import Book
from tickproof.errors import InputError
from tickproof.ticks.schema import Flag, Kind, Ticks

Row = Mapping[str, Any]
BATCH_TICKS = 10_000


@dataclass(frozen=True, slots=True)
class Changes:
    """The layout of one kind of file.

    Parameters
    ----------
    columns : mapping
        All that it must have; among them `symbol`, `price`, and `amount` or `qty`.
    time, unit_ns : str, int
        The column of `ts_recv`, and what its numbers count.
    event : str or None
        The column of `ts_event`, in the same unit.
    message : tuple of str
        Columns whose values rows of one message share.
    snapshot, is_bid : callable
        What a row says of itself.
    channel, venue : callable
        Names of a row.
    numbers : (str, str), optional
        Columns of a message's last number and of the last number of the message before it: a chain that is verified; where it
        breaks, quotes carry the flag MAYBE_BAD_BOOK until another snapshot.
    """

    columns: Columns
    time: str
    unit_ns: int
    event: str | None
    message: tuple[str, ...]
    snapshot: Callable[[Row], bool]
    channel: Callable[[Row], str]
    venue: Callable[[Row], str]
    is_bid: Callable[[Row], bool]
    numbers: tuple[str, str] | None = None

    def fits(self, header: list[str]) -> bool:
        """Return whether a header has all columns."""
        return len(set(header)) == len(header) and set(self.columns) <= set(header)


def read_changes(path: Path, kind: Changes, tally: Tally) -> Iterator[Ticks]:
    """Yield the ticks of one file.

    Raises
    ------
    InputError
        The header is another one.
    """
    reading: _Reading | None = None
    number = 0
    columns: Columns | None = None
    for block in blocks(pieces(path, tally)):
        if columns is None:
            header = csv_blocks.header_of(block)
            if header is None or not kind.fits(header):
                raise InputError(f"{path}, line 1: found no header with the columns {','.join(kind.columns)}")
            columns = {name: kind.columns.get(name, TEXT) for name in header}
            block = block.partition(b"\n")[2]
            if not block:
                continue
        for numbers, table in tables(block, columns, tally.undecoded):
            for at, row in zip(numbers.tolist(), table.to_pylist(), strict=True):
                reading = reading or _Reading(kind, kind.venue(row), tally)
                reading.take(row, number + at)
            if reading is not None and len(reading.builder) >= BATCH_TICKS:
                yield reading.builder.take()
        lines = lines_of(block)
        number += lines
        tally.messages += lines
    if reading is not None:
        reading.finish()
        if len(reading.builder):
            yield reading.builder.take()


LATEST = int(np.iinfo(np.int64).max)
"""ns."""


class _Reading:
    """The books, and the message that is being gathered."""

    __slots__ = ("_books", "_kind", "_last", "_message", "_numbers", "_rows", "_tally", "builder")

    def __init__(self, kind: Changes, venue: str, tally: Tally) -> None:
        self._kind = kind
        self._tally = tally
        self.builder = Builder(venue)
        self._books: dict[str, Book[int]] = {}
        self._message: tuple[Any, ...] = ()
        self._rows: list[tuple[Row, int]] = []
        self._numbers: dict[str, int] = {}
        self._last: str | None = None

    def take(self, row: Row, number: int) -> None:
        """Take one row."""
        amount = row["amount"] if "amount" in row else row["qty"]
        if row["price"] is None or amount is None or row[self._kind.time] is None or not row["symbol"]:
            self._tally.undecoded["price, amount, time or symbol: missing"] += 1
            return
        times = [(name, row[name]) for name in (self._kind.time, self._kind.event) if name is not None and row[name] is not None]
        for name, value in times:
            if abs(value) > LATEST // self._kind.unit_ns:
                self._tally.undecoded[csv_blocks.out_of_range(name, self._kind.unit_ns)] += 1
                return
        message = (row["symbol"], self._kind.snapshot(row), *(row[name] for name in self._kind.message))
        if message != self._message:
            self.finish()
            self._message = message
        self._rows.append((row, number))

    def finish(self) -> None:
        """Apply the complete message to its book, and report the top if it changed."""
        if not self._rows:
            return
        rows, self._rows = self._rows, []
        symbol, is_snapshot = self._message[:2]
        last = rows[-1][0]
        book = self._books.get(symbol)
        if not self._follows(last, is_snapshot) and book is not None:
            book.suspicious = True
        if is_snapshot and (book is None or self._last != f"snapshot {symbol}"):
            book = self._books[symbol] = Book()
        self._last = f"snapshot {symbol}" if is_snapshot else None
        if book is None:
            self._tally.without_ticks["book change before the first snapshot"] += len(rows)
            return
        for row, _ in rows:
            levels = book.bids if self._kind.is_bid(row) else book.asks
            try:
                price, amount = units(row["price"]), units(row["amount"] if "amount" in row else row["qty"])
            except ValueError:
                self._tally.undecoded["value: beyond 64 bits"] += 1
                continue
            if amount:
                levels.put(price, amount)
            else:
                levels.drop(price)
        top = book.changed()
        if top is None:
            self._tally.without_ticks["book change below the top"] += len(rows)
            return
        self._tally.without_ticks["book change reported with others"] += len(rows) - 1
        flags = (Flag.SNAPSHOT if is_snapshot else 0) | (Flag.MAYBE_BAD_BOOK if book.suspicious else 0)
        self._report(last, rows[-1][1], top, flags)

    def _report(self, row: Row, number: int, top: dict[str, int | None], flags: int) -> None:
        kind = self._kind
        self.builder.ts_recv, self.builder.row = row[kind.time] * kind.unit_ns, number
        is_old = bool(flags & Flag.SNAPSHOT)
        event = None if is_old or kind.event is None or row[kind.event] is None else row[kind.event] * kind.unit_ns
        try:
            self.builder.add(Kind.QUOTE, kind.channel(row), row["symbol"], {**top, "ts_event": event}, flags)
        except ValueError:
            self._tally.undecoded["value: beyond 64 bits"] += 1

    def _follows(self, row: Row, is_snapshot: bool) -> bool:
        """Return whether this message follows the last one of its symbol, as far as its numbers show it."""
        if self._kind.numbers is None:
            return True
        own, before = (row[name] for name in self._kind.numbers)
        expected = None if is_snapshot else self._numbers.get(row["symbol"])
        self._numbers[row["symbol"]] = own
        if expected is None:
            return True
        holds = bool(before == expected)
        self._tally.notes["depth chain verified" if holds else f"depth chain broken: {row['symbol']}"] += 1
        return holds

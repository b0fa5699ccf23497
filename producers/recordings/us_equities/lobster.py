"""LOBSTER: `<symbol>_<day>_<start>_<end>_message_<levels>.csv`, and the order book after each of its messages beside it.

Source: https://lobsterdata.com/info/DataStructure.php. Headerless; seconds after midnight in New York, prices × 10 000.

- **Clock.** One, Nasdaq's: it is `ts_recv`.
- **Channel.** `LOBSTER.XNAS`; no numbers, and order ids are no trade ids.
- **Messages.** Executions (4 visible, 5 hidden) and crosses (6) are trades, halts (7) a status. After each, the first level of
  the book is a quote if it is another one than before. Submissions and deletions deeper in the book have no tick.
- **9999999999** (or its negative) marks a level that nobody fills: the side is empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from producers.recordings.reading.compressed import pieces
from producers.recordings.reading.delimited import blocks, counted, filled, integers, lines_of, one_array, tables
from producers.recordings.reading.implied_reference import channels
from producers.recordings.reading.tally import Tally
from producers.streams.merge import BATCH_ROWS
from producers.streams.word_copy import gathered, joined
from tickproof.errors import InputError
from tickproof.reference.data import Reference
from tickproof.ticks.schema import NS_PER_SECOND, ROW, UNITS_PER_ONE, Array, Condition, Kind, Present, Ticks

CHANNEL, VENUE = "LOBSTER.XNAS", "XNAS"
PRICE_UNITS = UNITS_PER_ONE // 10_000
EMPTY = 9_999_999_999
_NAME = re.compile(r"([^_]+)_(\d{4}-\d\d-\d\d)_\d+_\d+_(message|orderbook)_(\d+)\.csv(\.gz|\.zst)?")
_MESSAGE = {
    "time": pa.decimal128(28, 9),
    "type": pa.int64(),
    "order": pa.int64(),
    "size": pa.int64(),
    "price": pa.int64(),
    "direction": pa.int64(),
}
_TOP = ("ask_px", "ask_sz", "bid_px", "bid_sz")
_EXECUTIONS, _HALT = (4, 5, 6), 7
_HALTS = {-1: Condition.HALTED, 0: Condition.HALTED, 1: Condition.RESUMED}
"""Price of a halt message -> canonical bit: halted, quoting again, trading again."""
_TYPES = {1: "submission", 2: "partial cancellation", 3: "deletion"}
_LARGEST = np.iinfo(np.int64).max // UNITS_PER_ONE


@dataclass(frozen=True, slots=True)
class _Name:
    symbol: str
    day: date
    levels: int
    is_message: bool


def _name(path: Path) -> _Name | None:
    found = _NAME.fullmatch(path.name)
    if found is None:
        return None
    try:
        return _Name(found[1], date.fromisoformat(found[2]), int(found[4]), found[3] == "message")
    except ValueError:
        return None


def recognises(path: Path, first: bytes) -> bool:
    """By its name: the files have no header."""
    return _name(path) is not None


def starts(path: Path) -> int | None:
    """Midnight of the file's day in New York, in ns."""
    name = _name(path)
    return None if name is None else _midnight_ns(name.day)


def reference(path: Path) -> Reference:
    """Nothing has a number."""
    return channels((CHANNEL,), "none")


def _midnight_ns(day: date) -> int:
    return int(datetime.combine(day, time(), ZoneInfo("America/New_York")).astimezone(UTC).timestamp()) * NS_PER_SECOND


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """The ticks of one message file, with its order book if that is there; of an order book alone none."""
    name = _name(path)
    if name is None:
        raise InputError(f"{path}: not LOBSTER's naming, expected <symbol>_<day>_<start>_<end>_message_<levels>.csv")
    if not name.is_message:
        count = sum(lines_of(block) for block in blocks(pieces(path, tally)))
        tally.messages += count
        reason = "order book rows, read with their message file"
        if path.with_name(path.name.replace("_orderbook_", "_message_")).exists():
            tally.without_ticks[reason] += count
        else:
            tally.undecoded["order book row without its message file"] += count
        return
    beside = path.with_name(path.name.replace("_message_", "_orderbook_"))
    books = _Books(beside, name.levels, tally) if beside.exists() else None
    if books is None:
        tally.notes["message file without an order book beside it: trades alone"] += 1
    row = 0
    for block in blocks(pieces(path, tally)):
        for numbers, table in tables(block, _MESSAGE, tally.undecoded):
            yield from _ticks(numbers + row, table, name, books, tally)
        lines = lines_of(block)
        row += lines
        tally.messages += lines


class _Books:
    """The first levels of the order book by row number, read along with the messages."""

    __slots__ = ("_numbers", "_parts", "_tops", "last")

    def __init__(self, path: Path, levels: int, tally: Tally) -> None:
        columns = dict.fromkeys(chain(_TOP, (f"deeper_{index}" for index in range(4 * (levels - 1)))), pa.int64())
        self._parts = _book_parts(path, columns, tally)
        self._numbers: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._tops: npt.NDArray[np.int64] = np.zeros((0, 4), np.int64)
        self.last: npt.NDArray[np.int64] | None = None
        """The top after the message before, or None."""

    def at(self, numbers: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """Which of some rows, in order, have a book, and the tops of all of them."""
        while not len(self._numbers) or self._numbers[-1] < numbers[-1]:
            part = next(self._parts, None)
            if part is None:
                break
            self._numbers = np.concatenate([self._numbers, part[0]])
            self._tops = np.concatenate([self._tops, part[1]])
        place = np.searchsorted(self._numbers, numbers)
        inside = np.minimum(place, max(len(self._numbers) - 1, 0))
        there = (place < len(self._numbers)) & (self._numbers[inside] == numbers) if len(self._numbers) else place < 0
        tops = self._tops[inside] if len(self._numbers) else np.zeros((len(numbers), 4), np.int64)
        used = int(np.searchsorted(self._numbers, numbers[-1], "right"))
        self._numbers, self._tops = self._numbers[used:], self._tops[used:]
        return there, tops


def _book_parts(
    path: Path, columns: dict[str, pa.DataType], tally: Tally
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    row = 0
    for block in blocks(pieces(path, tally)):
        for numbers, table in tables(block, columns, tally.undecoded, "order book row: empty"):
            yield numbers + row, np.stack([filled(one_array(table, name))[0] for name in _TOP], axis=1)
        row += lines_of(block)


def _ticks(numbers: npt.NDArray[np.int64], table: pa.Table, name: _Name, books: _Books | None, tally: Tally) -> Iterator[Ticks]:
    """The ticks of some messages: what happened, then the top of the book if that changed."""
    if not len(table):
        return
    times, fits = integers(one_array(table, "time"))
    good = counted(
        fits & np.asarray(one_array(table, "time").is_valid()) & (times >= 0), "time: none, or none of a day", tally.undecoded
    )
    values = {column: filled(one_array(table, column))[0] for column in ("type", "size", "price")}
    good &= counted((values["size"] >= 0) & (values["size"] < _LARGEST) | ~good, "size: beyond 64 bits", tally.undecoded)
    rows = np.zeros(len(table), ROW)
    rows["ts_recv"], rows["row"] = np.where(good, times, 0) + _midnight_ns(name.day), numbers
    rows["venue"], rows["symbol"] = 1, 2
    events, quotes = rows.copy(), rows
    traded = np.isin(values["type"], _EXECUTIONS)
    events["kind"] = np.where(traded, Kind.TRADE, Kind.STATUS)
    # Crosses outside the book may have a negative direction, never a price.
    events["price"] = np.where(traded, values["price"] * PRICE_UNITS, 0)
    events["size"] = np.where(traded, values["size"] * UNITS_PER_ONE, 0)
    events["present"] = np.where(traded, Present.PRICE | Present.SIZE, 0)
    for price, condition in _HALTS.items():
        events["conditions"][~traded & (values["price"] == price)] = condition
    at_events = np.flatnonzero(good & (traded | (values["type"] == _HALT)))
    at_quotes = np.zeros(0, np.int64)
    if books is not None:
        there, tops = books.at(numbers)
        counted(there | ~good, "message without its order book row", tally.undecoded)
        known = np.flatnonzero(good & there)
        before = (
            np.concatenate([[np.full(4, -1) if books.last is None else books.last], tops[known][:-1]]) if len(known) else tops[:0]
        )
        at_quotes = known[(tops[known] != before).any(axis=1)]
        if len(known):
            books.last = tops[known[-1]]
        _fill_quotes(quotes, tops)
    silent = good.copy()
    silent[at_events] = silent[at_quotes] = False
    for type_ in np.unique(values["type"][silent]).tolist():
        tally.without_ticks[_TYPES.get(type_, f"type {type_}")] += int((values["type"][silent] == type_).sum())
    whole = joined([gathered(events, at_events), gathered(quotes, at_quotes)])
    order = np.argsort(np.concatenate([at_events, at_quotes]), kind="stable")
    whole = gathered(whole, order)
    for first in range(0, len(whole), BATCH_ROWS):
        yield Ticks(whole[first : first + BATCH_ROWS], (CHANNEL, VENUE, name.symbol))


def _fill_quotes(rows: Array, tops: npt.NDArray[np.int64]) -> None:
    rows["kind"] = Kind.QUOTE
    for column, (price, size) in ((0, ("ask_px", "ask_sz")), (2, ("bid_px", "bid_sz"))):
        there = np.abs(tops[:, column]) != EMPTY
        rows[price] = np.where(there, tops[:, column] * PRICE_UNITS, 0)
        rows[size] = np.where(there, tops[:, column + 1] * UNITS_PER_ONE, 0)
        rows["present"] |= np.where(there, np.uint16(Present[price.upper()]), np.uint16(0)) | np.uint16(Present[size.upper()])

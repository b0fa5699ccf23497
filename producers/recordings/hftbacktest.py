"""Event files of hftbacktest, version 2: `npz` with an array `data` of events of 64 bytes.

Source: hftbacktest's documentation of its data format: `ev` (kind and flags), `exch_ts`, `local_ts`, `px`, `qty`, `order_id`,
`ival`, `fval`.

- **Clock.** `local_ts` is `ts_recv`, `exch_ts` is `ts_event`, both in ns. An event without the flag for the local side is the
  exchange's own view of one that comes elsewhere in the file: counted, no tick.
- **Books by level.** Events of one `local_ts` are one message: the top after them is a quote if it changed. Before a snapshot the
  book grows from nothing, so that its top is in doubt: the flag MAYBE_BAD_BOOK.
- **Names.** The symbol is what the file's name begins with; the venue is not known. Channels `HFTBACKTEST.<SYMBOL>.<TRADE|BOOK>`.
- **Prices** are floats: the shortest decimal that gives one, rounded to nine decimals.
"""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa

from producers.recordings.reading.cells import scaled
from producers.recordings.reading.facts import Facts
from producers.recordings.reading.implied_reference import channels
from producers.recordings.reading.row_builder import Builder
from producers.recordings.reading.tally import Tally
from producers.recordings.reading.top_of_book import Book
from producers.streams.merge import BATCH_ROWS
from tickproof.errors import InputError
from tickproof.reference.data import Reference
from tickproof.ticks.schema import Array, Flag, Kind, Ticks

VENUE = "HFTBACKTEST"
MEMBER = "data.npy"
_LEVEL = [("ev", "<u8"), ("exch_ts", "<i8"), ("local_ts", "<i8"), ("px", "<f8"), ("qty", "<f8")]
EVENT = np.dtype([*_LEVEL, ("order_id", "<u8"), ("ival", "<i8"), ("fval", "<f8")])
LOCAL, BUY, SELL = 1 << 30, 1 << 29, 1 << 28
DEPTH, TRADE, CLEAR, SNAPSHOT, BBO = 1, 2, 3, 4, 5
_KINDS = {10: "orders added", 11: "orders cancelled", 12: "orders modified", 13: "orders filled"}
_EVENTS = 65_536
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    # What a header of an array says is read as Python.
    SyntaxError,
    tokenize.TokenError,
)

FACTS = Facts(
    recognised_by="a zip archive whose name ends with `.npz` and which holds `data.npy`",
    clock="two, in ns: `local_ts`, `ts_recv`, and `exch_ts`, `ts_event`",
    sequence="`none`: events have no number",
    cannot_tell="venue, gaps, trade ids; the best price before a snapshot, marked with flag 4; decimals beyond a float's",
    sample="`btcusdt_20240808.npz`",
)


def recognises(path: Path, first: bytes) -> bool:
    """Return whether a file is an archive of arrays with one named data."""
    if path.suffix != ".npz" or not first.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return MEMBER in archive.namelist()
    except _BROKEN:
        # What is cut is told on reading.
        return MEMBER.encode() in first


def reference(path: Path) -> Reference:
    """Return the file's channels, which have no sequence numbers."""
    symbol = _symbol(path)
    return channels((_channel(symbol, "TRADE"), _channel(symbol, "BOOK")), "none")


def _symbol(path: Path) -> str:
    return path.name.partition("_2")[0].partition(".")[0].upper()


def _channel(symbol: str, what: str) -> str:
    return f"{VENUE}.{symbol}.{what}"


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """Yield the ticks of one file.

    Raises
    ------
    InputError
        The archive is not complete, or its events are other ones.
    """
    reader = _Reader(_symbol(path), tally)
    try:
        with zipfile.ZipFile(path) as archive, archive.open(MEMBER) as file:
            count = _count(path, file)
            for first in range(0, count, _EVENTS):
                want = min(_EVENTS, count - first) * EVENT.itemsize
                data = file.read(want)
                whole = len(data) - len(data) % EVENT.itemsize
                reader.take(np.frombuffer(data[:whole], EVENT), first)
                tally.reached[path] = int(path.stat().st_size * (first + _EVENTS) / max(count, first + _EVENTS))
                if len(reader.builder) >= BATCH_ROWS // 2:
                    yield reader.builder.take()
                if len(data) < want:
                    tally.undecoded[f"events truncated: {count - first - whole // EVENT.itemsize} are missing"] += 1
                    break
            reader.end()
    except InputError:
        raise
    except _BROKEN as error:
        raise InputError(f"{path}: not a complete npz archive ({' '.join(str(error).split())}); write it again") from error
    if len(reader.builder):
        yield reader.builder.take()


def _count(path: Path, file: IO[bytes]) -> int:
    """Read the header of an array; return how many events follow."""
    version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]  # numpy has no types for it
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read_header(file)  # type: ignore[no-untyped-call]  # as above
    if dtype != EVENT or len(shape) != 1 or is_fortran:
        names = ", ".join(dtype.names or [str(dtype)])
        raise InputError(f"{path}: found an array of {names}, expected events of {', '.join(EVENT.names or ())}")
    return int(shape[0])


class _Reader:
    """The events of one instrument on their way to ticks."""

    __slots__ = ("_book", "_in_doubt", "_message", "_pending", "_symbol", "_tally", "builder")

    def __init__(self, symbol: str, tally: Tally) -> None:
        self.builder = Builder(VENUE, tally.notes)
        self._symbol = symbol
        self._tally = tally
        self._book: Book[int] = Book()
        self._in_doubt = True
        self._message: int | None = None
        self._pending: tuple[int, int, int] | None = None
        """Row, `local_ts` and `exch_ts` of the last change of the book that no quote tells yet."""

    def take(self, events: Array, first: int) -> None:
        """Take events, the first of which is the file's event of that number."""
        self._tally.messages += len(events)
        prices, sizes = _units(events["px"]), _units(events["qty"])
        columns = (events["ev"].tolist(), events["exch_ts"].tolist(), events["local_ts"].tolist(), prices, sizes)
        for row, (ev, exchange, local, price, size) in enumerate(zip(*columns, strict=True), first):
            if local != self._message:
                self._report()
                self._message = local
            if not ev & LOCAL:
                self._tally.without_ticks["event of the exchange's side alone"] += 1
                continue
            self._one(row, ev, exchange, local, price, size)

    def _one(self, row: int, ev: int, exchange: int, local: int, price: int | None, size: int | None) -> None:
        kind = ev & 0xFF
        if kind == CLEAR:
            self._clear(ev, price)
            self._pending = row, local, exchange
        elif price is None or size is None:
            self._tally.undecoded["px or qty: not a number, or out of range, at most 9223372036.854775807"] += 1
        elif kind == TRADE:
            self._report()
            self._add(row, local, Kind.TRADE, "TRADE", {"price": price, "size": size, "ts_event": exchange}, 0)
        elif kind in (DEPTH, SNAPSHOT) and ev & (BUY | SELL):
            levels = self._book.bids if ev & BUY else self._book.asks
            if size:
                levels.put(price, size)
            else:
                levels.drop(price)
            self._in_doubt = self._in_doubt and kind != SNAPSHOT
            self._pending = row, local, exchange
            self._tally.without_ticks["change of a book"] += 1
        else:
            self._tally.without_ticks[_KINDS.get(kind, "best bid or offer" if kind == BBO else f"event of kind {kind}")] += 1

    def _clear(self, ev: int, price: int | None) -> None:
        """Remove the levels of a side from the best to a price; without a price all."""
        for is_side, levels, sign in ((ev & BUY, self._book.bids, 1), (ev & SELL, self._book.asks, -1)):
            if is_side or not ev & (BUY | SELL):
                for level, _ in levels.first(len(levels)):
                    if not price or sign * (level - price) >= 0:
                        levels.drop(level)
        self._tally.without_ticks["book cleared"] += 1

    def _report(self) -> None:
        """Give the top of the book as a quote if the last message changed it."""
        if self._pending is None:
            return
        row, local, exchange = self._pending
        self._pending = None
        self._book.suspicious = self._in_doubt
        top = self._book.changed()
        if top is not None:
            self._add(row, local, Kind.QUOTE, "BOOK", {**top, "ts_event": exchange}, Flag.MAYBE_BAD_BOOK if self._in_doubt else 0)

    def _add(self, row: int, local: int, kind: Kind, what: str, values: dict[str, int | None], flags: int) -> None:
        self.builder.ts_recv, self.builder.row = local, row
        self.builder.add(kind, _channel(self._symbol, what), self._symbol, values, flags)

    def end(self) -> None:
        """Take the end of the file."""
        self._report()


def _units(values: Array) -> list[int | None]:
    """Return floats in units of 1e-9 by their shortest decimal; None where that is no number within 64 bits."""
    cells = scaled(pa.array(values), 9)
    return [value if is_there else None for value, is_there in zip(cells.values.tolist(), cells.there.tolist(), strict=True)]

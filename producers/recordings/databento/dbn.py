"""DBN files of Databento, plain or zstd: trades, tops of book (mbp, tbbo, bbo, cmbp, cbbo) and books by order.

The package databento-dbn reads the metadata and names the layouts; records lie one behind the other in these layouts, so they
are read as columns.

- **Clock.** `ts_recv` is Databento's capture time, `ts_event` the venue's. In snapshots `ts_event` is when an order was placed,
  in sampled quotes (bbo, cbbo) when something last changed, perhaps hours ago: it is left out there.
- **Channel.** `<dataset>.<SCHEMA>`, as `GLBX.MDP3.MBO`. `sequence` is the venue's, whose channel holds more than what was asked
  of it: a file of one instrument has holes that are no gaps, so its mode is `increasing`. Several records of one number are one
  message: the first tick carries the number. A file of several instruments mixes channels that nothing tells apart: its ticks
  carry no number.
- **Books by order** are built, and their top is a quote where an event ends (flag LAST) with another top than before. A snapshot
  gives one quote, when it is whole.
- **tbbo** records are a quote as it stood before, then the trade.

Bars, definitions, statistics and the like are counted by type.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import databento_dbn as dbn
import numpy as np
import numpy.typing as npt

from producers.recordings.databento.codes import DECODED, HEADER, MAPPING, MAPPINGS, ORDERS, TYPE_NAMES, VENUES
from producers.recordings.databento.rows import of_type
from producers.recordings.reading.compressed import head, pieces
from producers.recordings.reading.implied_reference import channels
from producers.recordings.reading.names import Names
from producers.recordings.reading.tally import Tally
from producers.streams.merge import BATCH_ROWS
from producers.streams.word_copy import gathered, joined
from tickproof.errors import InputError
from tickproof.reference.data import Reference
from tickproof.ticks.schema import NS_PER_SECOND, Array, Present, Ticks

if TYPE_CHECKING:
    from producers.recordings.databento.book import Books

MAGIC = b"DBN"
BLOCK_BYTES = 2 << 20
MOST_METADATA_BYTES = 1 << 28


@dataclass(slots=True)
class _Reading:
    """What is known of a file while it is read."""

    metadata: dbn.Metadata
    names: Names = field(default_factory=Names)
    symbols: dict[int, list[tuple[int, int, str]]] = field(default_factory=dict)
    books: Books | None = None
    book_of: dict[int, int] = field(default_factory=dict)
    last_number: int = -1
    row: int = 0

    @property
    def numbered(self) -> bool:
        """Whether its numbers are of one channel."""
        return len(self.metadata.symbols) == 1


def recognises(path: Path, first: bytes) -> bool:
    """A DBN file, by its first bytes."""
    return first.startswith(MAGIC)


def reference(path: Path) -> Reference:
    """A file of one instrument has a part of its channel's numbers, of several none."""
    metadata, _ = _metadata(path, head(path, _head_bytes(path)))
    one = len(metadata.symbols) == 1
    names = {_channel(metadata, rtype) for rtype in DECODED}
    return channels(sorted(names), "increasing" if one else "none")


def _head_bytes(path: Path) -> int:
    first = head(path, 8)
    return 8 + min(int.from_bytes(first[4:8], "little"), MOST_METADATA_BYTES)


def _metadata(path: Path, first: bytes) -> tuple[dbn.Metadata, int]:
    """The metadata in front of the records, and how many bytes it takes."""
    length = 8 + int.from_bytes(first[4:8], "little")
    if len(first) < length or length > MOST_METADATA_BYTES:
        raise InputError(f"{path}: found {len(first)} bytes, expected the {length} of a DBN file's metadata; fetch it again")
    try:
        return dbn.Metadata.decode(first[:length]), length
    except Exception as error:
        # The decoder raises errors of several kinds; none says more than its text.
        raise InputError(f"{path}: found no DBN metadata ({' '.join(str(error).split())}); fetch it again") from error


def _channel(metadata: dbn.Metadata, rtype: int) -> str:
    schema = str(metadata.schema) if metadata.schema is not None else TYPE_NAMES[rtype].replace("_", "-")
    return f"{metadata.dataset}.{schema.upper()}"


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """The ticks of one file.

    Raises
    ------
    InputError
        Its metadata is not whole.
    """
    metadata, _ = _metadata(path, head(path, _head_bytes(path)))
    reading = _Reading(metadata)
    for symbol, intervals in metadata.mappings.items():
        for interval in intervals:
            _map(reading, interval["symbol"], symbol, (_midnight_ns(interval["start_date"]), _midnight_ns(interval["end_date"])))
    rest, skip = b"", _head_bytes(path)
    for piece in pieces(path, tally):
        data = rest + piece
        if skip >= len(data):
            skip, rest = skip - len(data), b""
            continue
        data, skip = data[skip:], 0
        end = 0
        offsets, end, broken = _offsets(data)
        yield from _block(np.frombuffer(data, np.uint8), offsets, reading, tally)
        rest = data[end:]
        if broken:
            tally.messages += 1
            tally.undecoded["record: found a length that is none, cut off there"] += 1
            return
    if rest:
        tally.messages += 1
        tally.undecoded["record truncated: cut off there"] += 1


def _map(reading: _Reading, instrument: str, symbol: str, span: tuple[int, int]) -> None:
    if instrument.isdigit():
        reading.symbols.setdefault(int(instrument), []).append((*span, symbol))


def _midnight_ns(day: Any) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * NS_PER_SECOND


def _offsets(data: bytes) -> tuple[npt.NDArray[np.int64], int, bool]:
    """Where the whole records of a block begin, where they end, and whether something there is no record."""
    whole = np.frombuffer(data, np.uint8)
    size = 4 * data[0]
    count = len(data) // size if size >= HEADER.itemsize else 0
    if count and (whole[: count * size : size] == data[0]).all():
        # All of one length, as in files of one schema.
        return np.arange(count) * size, count * size, False
    found: list[int] = []
    at = 0
    while at < len(data):
        size = 4 * data[at]
        if size < HEADER.itemsize:
            return np.array(found, np.int64), at, True
        if at + size > len(data):
            break
        found.append(at)
        at += size
    return np.array(found, np.int64), at, False


def _block(data: Array, offsets: npt.NDArray[np.int64], reading: _Reading, tally: Tally) -> Iterator[Ticks]:
    """The ticks of some whole records, type by type, put back in their order."""
    tally.messages += len(offsets)
    types = data[offsets + 1]
    parts, places = [], []
    for rtype in np.unique(types).tolist():
        at = np.flatnonzero(types == rtype)
        lengths = 4 * data[offsets[at]].astype(np.int64)
        if rtype == MAPPING:
            _take_mappings(data, offsets[at], lengths, reading)
        layout = DECODED.get(rtype)
        if layout is None:
            tally.without_ticks[TYPE_NAMES.get(rtype, f"record type {rtype}")] += len(at)
            continue
        # A capture may append the time of sending to each record.
        fits = lengths >= layout.itemsize
        if not fits.all():
            tally.undecoded[f"{TYPE_NAMES[rtype]}: record too short"] += int((~fits).sum())
            at = at[fits]
        records = data[offsets[at][:, None] + np.arange(layout.itemsize)].reshape(-1).view(layout)
        rows, of = _rows_of(rtype, records, reading, tally)
        rows["row"] = reading.row + at[of]
        parts.append(rows)
        places.append(at[of])
    reading.row += len(offsets)
    if not parts:
        return
    order = np.argsort(np.concatenate(places), kind="stable")
    rows = gathered(joined(parts), order)
    _number(rows, reading)
    for first in range(0, len(rows), BATCH_ROWS):
        yield Ticks(rows[first : first + BATCH_ROWS], reading.names.table)


def _rows_of(rtype: int, records: Array, reading: _Reading, tally: Tally) -> tuple[Array, Array]:
    """Rows of one type with their names, and the record of each."""
    books = None
    if rtype == ORDERS:
        if reading.books is None:
            # Compiled code: other files need not wait for numba.
            from producers.recordings.databento.book import Books

            reading.books = Books()
        books = reading.books, _coded(_keys(records), lambda key: reading.book_of.setdefault(key, len(reading.book_of)))
    before_trade = str(reading.metadata.schema) in ("tbbo", "tcbbo") or TYPE_NAMES[rtype] in ("tbbo", "tcbbo")
    rows, of = of_type(rtype, records, before_trade, books, tally)
    rows["channel"] = reading.names.code(_channel(reading.metadata, rtype))
    own = reading.metadata.dataset.partition(".")[0]
    rows["venue"] = _coded(records["publisher_id"], lambda key: reading.names.code(VENUES.get(key, own)))[of]
    rows["symbol"] = _symbols(records["instrument_id"], records["ts_recv"].view(np.int64), reading)[of]
    return rows, of


def _keys(records: Array) -> npt.NDArray[np.int64]:
    return records["publisher_id"].astype(np.int64) << 32 | records["instrument_id"].astype(np.int64)


def _coded(keys: Array, code_of: Any) -> npt.NDArray[np.int32]:
    """A code for each key, asked for once a distinct key in the order in which they turn up."""
    distinct, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    codes = np.zeros(len(distinct), np.int32)
    for index in np.argsort(first).tolist():
        codes[index] = code_of(int(distinct[index]))
    found: npt.NDArray[np.int32] = codes[inverse]
    return found


def _symbols(instruments: Array, times: npt.NDArray[np.int64], reading: _Reading) -> npt.NDArray[np.int32]:
    """Codes of the symbols: an instrument's may change from day to day, and one without a symbol goes by its number."""
    distinct, inverse = np.unique(instruments, return_inverse=True)
    codes = np.zeros(len(instruments), np.int32)
    for index, instrument in enumerate(distinct.tolist()):
        mine = inverse == index
        intervals = reading.symbols.get(instrument, [])
        if len(intervals) == 1:
            codes[mine] = reading.names.code(intervals[0][2])
            continue
        codes[mine] = reading.names.code(str(instrument)) if not intervals else reading.names.code(intervals[-1][2])
        for start, end, symbol in intervals:
            codes[mine & (times >= start) & (times < end)] = reading.names.code(symbol)
    return codes


def _take_mappings(data: Array, offsets: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], reading: _Reading) -> None:
    """Symbols that a live session was told."""
    for offset, length in zip(offsets.tolist(), lengths.tolist(), strict=True):
        layout = MAPPINGS.get(length)
        if layout is not None:
            mapping = data[offset : offset + length].view(layout)[0]
            symbol = bytes(mapping["stype_out_symbol"]).split(b"\0")[0].decode("ascii", "replace")
            reading.symbols[int(mapping["instrument_id"])] = [(0, np.iinfo(np.int64).max, symbol)]


def _number(rows: Array, reading: _Reading) -> None:
    """Leave the number to the first of several ticks of one message, and to none where several channels are mixed."""
    there = (rows["present"] & Present.SEQUENCE) != 0
    if not reading.numbered:
        drop = there
    else:
        at = np.flatnonzero(there)
        numbers = rows["sequence"][at].astype(np.int64)
        again = np.diff(numbers, prepend=reading.last_number) == 0
        drop = np.zeros(len(rows), bool)
        drop[at[again]] = True
        if len(numbers):
            reading.last_number = int(numbers[-1])
    rows["sequence"][drop] = 0
    rows["present"][drop] &= ~np.uint16(Present.SEQUENCE)

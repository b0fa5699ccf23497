"""Parquet of nautilus_trader's catalogs: quotes and trades, in both precisions.

Source: nautilus_trader's documentation of its data model and Arrow schemas. Prices and sizes are little-endian integers of fixed
width: 8 bytes in units of 1e-9, or 16 bytes in units of 1e-16. The instrument, `SYMBOL.VENUE`, is in the schema's metadata.

- **Clock.** `ts_init`, when the platform made the object, is `ts_recv`; `ts_event` is the venue's. Both in ns.
- **Channel.** `NAUTILUS.<VENUE>.<TRADE|QUOTE>`, no numbers. Trade ids that are no number become a hash of them.
- The largest integer of a width stands for a value that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from producers.recordings.reading.delimited import Fits, Numbers, counted
from producers.recordings.reading.facts import Facts
from producers.recordings.reading.implied_reference import channels
from producers.recordings.reading.names import Names
from producers.recordings.reading.row_builder import hashed
from producers.recordings.reading.tally import Tally
from producers.streams.merge import BATCH_ROWS
from producers.streams.word_copy import gathered
from tickproof.errors import InputError
from tickproof.reference.data import Reference
from tickproof.ticks.schema import NULLABLE, ROW, Kind, Ticks

MAGIC = b"PAR1"
_TRADE = {"price": "price", "size": "size"}
_QUOTE = {"bid_px": "bid_price", "bid_sz": "bid_size", "ask_px": "ask_price", "ask_sz": "ask_size"}
_TIMES = ("ts_init", "ts_event")
_WIDE_UNITS = 10**7
"""Units of 1e-16 in one of 1e-9."""
_MOST_HIGH = 4_999_000
"""Upper words of 128-bit numbers up to here are within 64 bits in units of 1e-9."""
_ABSENT_HIGH = (2**63 - 1, -(2**63), -1)
_OTHERS = {"open": "bars", "order": "order book changes", "bid_price_0": "books of ten levels", "mark_price": "mark prices"}
"""A column that only another kind of data has -> what that kind is."""

FACTS = Facts(
    recognised_by="a Parquet file with `ts_init`, prices of fixed width and `instrument_id` in the schema's metadata",
    clock="two, in ns: `ts_init`, `ts_recv`, and `ts_event`",
    sequence="`none`: rows have no number; ids of trades are text",
    cannot_tell="gaps; whether `ts_init` was when a message was received, or is a copy of `ts_event`",
    sample="`data/quote_tick/EURUSD.SIM/part-0.parquet`",
)


class _Amounts(NamedTuple):
    """Values in units of 1e-9, which are there, which are within 64 bits, and which have at most nine decimals."""

    values: Numbers
    there: Fits
    fits: Fits
    exact: Fits


def _fields(schema: pa.Schema) -> tuple[Kind, dict[str, str]] | None:
    if not _is_catalog(schema):
        return None
    for kind, fields in ((Kind.QUOTE, _QUOTE), (Kind.TRADE, _TRADE)):
        if set(fields.values()) <= set(schema.names):
            types = [schema.field(name).type for name in fields.values()]
            if all(pa.types.is_fixed_size_binary(type_) and type_.byte_width in (8, 16) for type_ in types):
                return kind, fields
    return None


def _schema(path: Path) -> pa.Schema | None:
    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError, ValueError):
        return None


def _is_catalog(schema: pa.Schema | None) -> bool:
    return schema is not None and b"instrument_id" in (schema.metadata or {}) and set(_TIMES) <= set(schema.names)


def recognises(path: Path, first: bytes) -> bool:
    """Return whether a Parquet file is of a catalog; what is no quote or trade in it is refused by name on reading."""
    return first.startswith(MAGIC) and _is_catalog(_schema(path))


def reference(path: Path) -> Reference:
    """Return the file's channel, which has no sequence numbers."""
    schema = _schema(path)
    found = None if schema is None else _fields(schema)
    if schema is None or found is None:
        return Reference()
    return channels((_channel(_instrument(schema)[1], found[0]),), "none")


def _instrument(schema: pa.Schema) -> tuple[str, str]:
    symbol, _, venue = schema.metadata[b"instrument_id"].decode("utf-8", "replace").rpartition(".")
    return symbol or venue, venue


def _channel(venue: str, kind: Kind) -> str:
    return f"NAUTILUS.{venue}.{kind.name}"


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """Yield the ticks of one file.

    Raises
    ------
    InputError
        The file is cut or broken, or holds other data.
    """
    names, row = Names(), 0
    try:
        with pq.ParquetFile(path) as file:
            found = _fields(file.schema_arrow)
            if found is None:
                what = next((what for column, what in _OTHERS.items() if column in file.schema_arrow.names), "other columns")
                raise InputError(f"{path}: found {what} of nautilus_trader, expected quotes or trades; leave the file out")
            symbol, venue = _instrument(file.schema_arrow)
            codes = {"symbol": names.code(symbol), "venue": names.code(venue), "channel": names.code(_channel(venue, found[0]))}
            for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
                ticks = _ticks(batch, found, row, names, tally)
                for column, code in codes.items():
                    ticks.rows[column] = code
                row += batch.num_rows
                tally.messages += batch.num_rows
                yield ticks
    except (pa.ArrowException, OSError, ValueError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"{path}, row {row}: the file is broken from here on ({said}); fetch it again") from error


def _ticks(batch: pa.RecordBatch, found: tuple[Kind, dict[str, str]], row: int, names: Names, tally: Tally) -> Ticks:
    kind, fields = found
    rows = np.zeros(batch.num_rows, ROW)
    rows["kind"], rows["row"] = kind, row + np.arange(len(rows))
    good = np.ones(len(rows), bool)
    for column, field in (("ts_init", "ts_recv"), ("ts_event", "ts_event")):
        array = batch.column(column)
        times = array.fill_null(0).to_numpy().astype(np.uint64)
        there = array.is_valid().to_numpy(zero_copy_only=False)
        good &= counted(~good | (there & (times < 2**63)), f"{column}: none, or beyond 64 bits with a sign", tally.undecoded)
        rows[field] = times.astype(np.int64)
    present = np.full(len(rows), int(NULLABLE["ts_event"]), np.uint16)
    for field, column in fields.items():
        amounts = _amounts(batch.column(column), is_price=not field.endswith(("sz", "size")))
        fits = ~amounts.there | amounts.fits
        good &= counted(~good | fits, f"{column}: out of range, at most 9221527757", tally.undecoded)
        exact = ~amounts.there | amounts.exact
        good &= counted(~good | exact, f"{column}: more than nine decimals", tally.undecoded)
        rows[field] = np.where(amounts.there, amounts.values, 0)
        present |= np.where(amounts.there, np.uint16(NULLABLE[field]), np.uint16(0))
    if kind == Kind.TRADE and "trade_id" in batch.schema.names:
        words = batch.column("trade_id").cast(pa.string()).to_pylist()
        rows["trade_id"] = [_identity(word) if word else 0 for word in words]
        present |= np.where([bool(word) for word in words], np.uint16(NULLABLE["trade_id"]), np.uint16(0))
    rows["present"] = present
    return Ticks(gathered(rows, np.flatnonzero(good)), names.table)


def _identity(word: str) -> int:
    return int(word) if word.isdecimal() and word.isascii() and len(word) < 19 else hashed(word)


def _amounts(array: pa.FixedSizeBinaryArray, *, is_price: bool) -> _Amounts:
    """Return fixed-width integers in units of 1e-9; sizes have no sign."""
    there = array.is_valid().to_numpy(zero_copy_only=False)
    width = array.type.byte_width
    raw = np.frombuffer(array.buffers()[1], np.uint8)[array.offset * width : (array.offset + len(array)) * width]
    always = np.ones(len(array), bool)
    if width == 8:
        values = raw.view("<i8")
        if is_price:
            return _Amounts(values, there & (values != 2**63 - 1) & (values != -(2**63)), always, always)
        # As a number with a sign, a size that is not there is -1, and one beyond 64 bits with a sign is below that.
        return _Amounts(values, there & (values != -1), values >= 0, always)
    words = raw.view("<i8").reshape(-1, 2)
    high, low = words[:, 1], words[:, 0].view(np.uint64)
    absent = np.isin(high, _ABSENT_HIGH[:2] if is_price else _ABSENT_HIGH)
    fits = (np.abs(high) <= _MOST_HIGH) & (is_price | (high >= 0))
    # high * 2**64 + low, divided by 10**7 without 128-bit numbers.
    kept = np.where(fits, high, 0)
    whole, rest = divmod(2**64, _WIDE_UNITS)
    remainder = kept * rest + (low % _WIDE_UNITS).astype(np.int64)
    values = kept * whole + (low // _WIDE_UNITS).astype(np.int64) + remainder // _WIDE_UNITS
    return _Amounts(values, there & ~absent, fits, remainder % _WIDE_UNITS == 0)

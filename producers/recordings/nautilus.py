"""Parquet samples of nautilus_trader: trades (`timestamp, trade_id, price, quantity`), quotes (`timestamp, bid, ask` and sizes).

One clock: `ts_recv`. Prices and sizes are floats: they become the nearest unit of 1e-9. The venue is the folder's name, a symbol
that is not in the rows what the file's name begins with; `BTC/USDT` and `BTCUSDT` are one. The channel is
`NAUTILUS.<VENUE>.<TRADE|QUOTE>`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from producers.recordings.reading.names import Names
from producers.recordings.reading.tally import Tally
from producers.streams.merge import BATCH_ROWS
from producers.streams.word_copy import gathered
from tickproof.errors import InputError
from tickproof.reference.data import Channel, Reference
from tickproof.ticks.schema import NULLABLE, ROW, UNITS_PER_ONE, Array, Kind, Ticks

MAGIC = b"PAR1"
_TRADE = {"price": "price", "size": "quantity"}
_QUOTE = {"bid_px": "bid", "bid_sz": "bid_size", "ask_px": "ask", "ask_sz": "ask_size"}
_LARGEST = 9.2e18


def _fields(schema: pa.Schema) -> tuple[Kind, dict[str, str]] | None:
    names = set(schema.names)
    if "timestamp" not in names or not pa.types.is_timestamp(schema.field("timestamp").type):
        return None
    for kind, fields in ((Kind.TRADE, _TRADE), (Kind.QUOTE, _QUOTE)):
        if set(fields.values()) <= names and all(pa.types.is_floating(schema.field(name).type) for name in fields.values()):
            return kind, fields
    return None


def recognises(path: Path, first: bytes) -> bool:
    """A Parquet file with these columns."""
    if not first.startswith(MAGIC):
        return False
    try:
        return _fields(pq.read_schema(path)) is not None
    except (pa.ArrowException, OSError, ValueError):
        return False


def _venue(path: Path) -> str:
    return path.absolute().parent.name.upper() or "NAUTILUS"


def _channel(path: Path, kind: Kind) -> str:
    return f"NAUTILUS.{_venue(path)}.{kind.name}"


def reference(path: Path) -> Reference:
    """Trades have ids, quotes have no number."""
    return Reference(
        channels={
            _channel(path, Kind.TRADE): Channel(sequence="increasing"),
            _channel(path, Kind.QUOTE): Channel(sequence="none"),
        }
    )


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """The ticks of one file.

    Raises
    ------
    InputError
        The file is cut or broken.
    """
    names, row = Names(), 0
    try:
        with pq.ParquetFile(path) as file:
            found = _fields(file.schema_arrow)
            if found is None:
                raise InputError(f"{path}: found other columns, expected those of trades or quotes")
            for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
                rows, good = _rows(batch, found, path, names)
                rows["row"] = row + np.arange(len(rows))
                row += len(rows)
                tally.messages += len(rows)
                if not good.all():
                    tally.undecoded["row: no time, or a value that is no number within 64 bits"] += int((~good).sum())
                yield Ticks(gathered(rows, np.flatnonzero(good)), names.table)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"{path}, row {row}: the file is broken from here on ({' '.join(str(error).split())}); fetch it again"
        ) from error


def _rows(batch: pa.RecordBatch, found: tuple[Kind, dict[str, str]], path: Path, names: Names) -> tuple[Array, Array]:
    kind, fields = found
    rows = np.zeros(batch.num_rows, ROW)
    rows["kind"] = kind
    times = batch.column("timestamp")
    good: Array = times.is_valid().to_numpy(zero_copy_only=False)
    rows["ts_recv"] = pc.fill_null(times.cast(pa.timestamp("ns", times.type.tz)).cast(pa.int64()), 0).to_numpy()
    for name, column in fields.items():
        values = batch.column(column)
        there = values.is_valid().to_numpy(zero_copy_only=False)
        units = np.rint(pc.fill_null(values, 0.0).to_numpy().astype(np.float64) * UNITS_PER_ONE)
        fits = np.isfinite(units) & (np.abs(units) < _LARGEST)
        good &= fits
        rows[name] = np.where(there & fits, units, 0).astype(np.int64)
        rows["present"] |= np.where(there, np.uint16(NULLABLE[name]), np.uint16(0))
    if kind == Kind.TRADE and "trade_id" in batch.schema.names and pa.types.is_integer(batch.schema.field("trade_id").type):
        ids = batch.column("trade_id")
        rows["trade_id"] = pc.fill_null(ids, 0).to_numpy()
        rows["present"] |= np.where(ids.is_valid().to_numpy(zero_copy_only=False), np.uint16(NULLABLE["trade_id"]), np.uint16(0))
    rows["channel"], rows["venue"] = names.code(_channel(path, kind)), names.code(_venue(path))
    if "symbol" in batch.schema.names:
        rows["symbol"] = names.codes(batch.column("symbol").dictionary_encode(), lambda word: word.replace("/", ""))
    else:
        rows["symbol"] = names.code(path.name.partition("-")[0].partition(".")[0].upper())
    return rows, good

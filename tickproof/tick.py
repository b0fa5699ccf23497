"""The canonical tick: one schema, as Arrow columns between programs and as one structured array inside.

A batch of ticks is a `Ticks`: an array of `ROW` records and a table of names that its `channel`, `venue` and `symbol` index.
Integers only. Times are nanoseconds since the UNIX epoch, prices and sizes are in units of 1e-9. A null is a cleared bit of
`present`; the value under it is 0. The fields of `ROW` from `ordinal` on are no part of a tick.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tickproof.errors import TickError

UNITS_PER_ONE = 1_000_000_000
"""Prices and sizes: 1.00 is this many units."""
NS_PER_SECOND = 1_000_000_000
NS_PER_MS = 1_000_000

Array = npt.NDArray[Any]


class Kind(IntEnum):
    """What a tick says."""

    QUOTE = 0
    TRADE = 1
    TRADE_CANCEL = 2
    TRADE_CORRECTION = 3
    HEARTBEAT = 4
    SESSION = 5
    STATUS = 6


class Condition(IntFlag):
    """Sale conditions of trades; the last four belong to kind STATUS."""

    AUCTION_OPEN = 1
    AUCTION_CLOSE = 2
    AVERAGE_PRICE = 4
    DERIVATIVELY_PRICED = 8
    SOLD_LATE = 16
    OUT_OF_SEQUENCE = 32
    ODD_LOT = 64
    EXTENDED_HOURS = 128
    PRIOR_REFERENCE_PRICE = 256
    CONTINGENT = 512
    INTERMARKET_SWEEP = 1024
    OFFICIAL_PRICE = 2048
    HALTED = 4096
    RESUMED = 8192
    SESSION_OPENED = 16384
    SESSION_CLOSED = 32768


class Flag(IntFlag):
    """What the source says of a message."""

    SNAPSHOT = 1
    BAD_TS_RECV = 2
    MAYBE_BAD_BOOK = 4
    VENDOR_SUSPICIOUS = 8
    CAPTURE_HEARTBEAT = 16


class Present(IntFlag):
    """Bits of `ROW.present`: the nullable values that this tick carries."""

    TS_EVENT = 1
    SEQUENCE = 2
    BID_PX = 4
    BID_SZ = 8
    ASK_PX = 16
    ASK_SZ = 32
    PRICE = 64
    SIZE = 128
    TRADE_ID = 256


NULLABLE: dict[str, Present] = {bit.name.lower(): bit for bit in Present if bit.name}
"""Nullable numeric column -> its bit in `present`."""

SCHEMA_VERSION = "1"
SCHEMA = pa.schema(
    [
        pa.field("ts_recv", pa.int64(), nullable=False),
        pa.field("ts_event", pa.int64()),
        pa.field("channel", pa.string(), nullable=False),
        pa.field("sequence", pa.uint64()),
        pa.field("venue", pa.string(), nullable=False),
        pa.field("symbol", pa.string()),
        pa.field("kind", pa.uint8(), nullable=False),
        pa.field("bid_px", pa.int64()),
        pa.field("bid_sz", pa.int64()),
        pa.field("ask_px", pa.int64()),
        pa.field("ask_sz", pa.int64()),
        pa.field("price", pa.int64()),
        pa.field("size", pa.int64()),
        pa.field("trade_id", pa.int64()),
        pa.field("conditions", pa.uint32(), nullable=False),
        pa.field("flags", pa.uint8(), nullable=False),
    ],
    metadata={"tickproof.schema": SCHEMA_VERSION},
)
"""The columns of a tick, in order; nullability says which may hold nulls."""

NAMES = ("channel", "venue", "symbol")
"""String columns; in `ROW` an index into `Ticks.names`, -1 for null."""

ROW = np.dtype(
    [
        ("ts_recv", "<i8"),
        ("ts_event", "<i8"),
        ("sequence", "<u8"),
        ("bid_px", "<i8"),
        ("bid_sz", "<i8"),
        ("ask_px", "<i8"),
        ("ask_sz", "<i8"),
        ("price", "<i8"),
        ("size", "<i8"),
        ("trade_id", "<i8"),
        ("conditions", "<u4"),
        ("channel", "<i4"),
        ("venue", "<i4"),
        ("symbol", "<i4"),
        ("present", "<u2"),
        ("kind", "u1"),
        ("flags", "u1"),
        # Stamped by the channel stage.
        ("ordinal", "<u4"),
        ("event_time", "<i8"),
        ("reasons", "<u8"),
        # Where it came from, for evidence only: Kafka's partition and offset, the row in the message or file.
        ("offset", "<i8"),
        ("partition", "<i4"),
        ("row", "<u4"),
    ]
)
"""One tick as a record of 136 bytes. `ordinal` completes the position, `event_time` is the channel's running maximum of
`ts_recv`, `reasons` are the codes that the channel stage found; `offset`, `partition` and `row` are no input of any decision."""

CONTENT = np.dtype([(name, ROW[name]) for name in (*NULLABLE, "conditions", "venue", "symbol", "present", "kind")])
"""What two copies of one message have in common: everything but capture time, channel and flags."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """A batch of ticks in arrival order.

    Parameters
    ----------
    rows : array of ROW, shape (n,)
        Not written to once it is in a `Ticks`.
    names : tuple of str
        What the `channel`, `venue` and `symbol` fields index.
    """

    rows: Array
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, index: Array | slice) -> Ticks:
        """The ticks at `index`, with the same names."""
        if isinstance(index, slice):
            return Ticks(self.rows[index], self.names)
        return Ticks(words(self.rows)[index].reshape(-1).view(ROW), self.names)

    def name(self, code: int) -> str | None:
        """The string behind a code of `channel`, `venue` or `symbol`."""
        return None if code < 0 else self.names[code]


def words(records: Array) -> npt.NDArray[np.int64]:
    """Records as rows of 8-byte words, the same memory: numpy copies those many times faster than field by field.

    Parameters
    ----------
    records : structured array, shape (n,)
        Of a type whose size is a multiple of 8 bytes.

    Returns
    -------
    array of int64, shape (n, words of a record)
    """
    return np.ascontiguousarray(records).view(np.int64).reshape(len(records), records.dtype.itemsize // 8)


def copied(records: Array) -> Array:
    """A copy of records that may be written to."""
    copy: Array = words(records).copy().reshape(-1).view(records.dtype)
    return copy


def joined(parts: Sequence[Array]) -> Array:
    """The records of all parts, which are of one type, one after the other."""
    whole: Array = np.concatenate([words(part) for part in parts]).reshape(-1).view(parts[0].dtype)
    return whole


def empty() -> Ticks:
    """No ticks."""
    return Ticks(np.zeros(0, ROW), ())


def is_scored(rows: Array) -> npt.NDArray[np.bool_]:
    """Which rows are ticks of the feed, and not capture heartbeats of our own."""
    scored: npt.NDArray[np.bool_] = ~((rows["kind"] == Kind.HEARTBEAT) & ((rows["flags"] & Flag.CAPTURE_HEARTBEAT) != 0))
    return scored


def concat(parts: Sequence[Ticks]) -> Ticks:
    """The ticks of all parts, one after the other, over one table of names."""
    if not parts:
        return empty()
    filled = [part for part in parts if len(part)]
    if len(filled) < 2:
        return filled[0] if filled else parts[0]
    rows = joined([part.rows for part in filled])
    if all(part.names == filled[0].names for part in filled):
        return Ticks(rows, filled[0].names)
    # All tables one after the other, each with a slot in front for -1 (null).
    codes: dict[str, int] = {}
    mapping: list[int] = []
    tables: dict[tuple[str, ...], int] = {}
    for part in filled:
        if part.names not in tables:
            tables[part.names] = len(mapping) + 1
            for name in part.names:
                if name not in codes:
                    codes[name] = len(codes)
            mapping += [-1, *map(codes.__getitem__, part.names)]
    starts = np.repeat([tables[part.names] for part in filled], [len(part) for part in filled])
    table = np.array(mapping, np.int32)
    for column in NAMES:
        rows[column] = table[rows[column] + starts]
    return Ticks(rows, tuple(codes))


def pruned(ticks: Ticks) -> Ticks:
    """The same ticks over those of their names that they use, in the same order."""
    # One slot more than there are names, for -1 (null).
    used = np.zeros(len(ticks.names) + 1, np.bool_)
    for column in NAMES:
        used[ticks.rows[column]] = True
    if used[:-1].all():
        return ticks
    kept = np.flatnonzero(used[:-1])
    moved = np.full(len(used), -1, np.int32)
    moved[kept] = np.arange(len(kept), dtype=np.int32)
    rows = copied(ticks.rows)
    for column in NAMES:
        rows[column] = moved[rows[column]]
    return Ticks(rows, tuple(ticks.names[code] for code in kept.tolist()))


def from_arrow(table: pa.Table | pa.RecordBatch) -> Ticks:
    """Ticks of an Arrow table or batch in the canonical schema; columns may come in any order.

    Raises
    ------
    TickError
        A column is missing, of another type, unknown, or holds a null that it may not hold.
    """
    check_schema(table.schema)
    return from_batches(table.to_batches() if isinstance(table, pa.Table) else [table])


def from_batches(batches: Sequence[pa.RecordBatch]) -> Ticks:
    """Ticks of Arrow batches, one after the other, whose schema `check_schema` has let pass; other columns are left out.

    Values are read from Arrow's buffers directly: a call to a compute function per column costs more than a frame's rows.

    Raises
    ------
    TickError
        A column holds a null that it may not hold.
    """
    rows = np.zeros(sum(batch.num_rows for batch in batches), ROW)
    names: dict[str, int] = {}
    start = 0
    for batch in batches:
        part = rows[start : start + batch.num_rows]
        present = np.zeros(len(part), np.uint16)
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        for name, _, nullable, bit in _COLUMNS:
            column = columns[name]
            valid = _valid(column)
            if name in NAMES:
                codes = _encode(column, valid, names)
                if not nullable:
                    _refuse_nulls(name, codes >= 0, start)
                part[name] = codes
                continue
            values = _values(column, ROW[name])
            if valid is None:
                part[name] = values
                present |= bit
            elif nullable:
                np.copyto(part[name], values, where=valid)
                np.bitwise_or(present, bit, out=present, where=valid)
            else:
                _refuse_nulls(name, valid, start)
        part["present"] = present
        start += batch.num_rows
    return Ticks(rows, tuple(names))


def check_schema(schema: pa.Schema) -> None:
    """Raise TickError unless `schema` has exactly the canonical columns; strings may be dictionary encoded."""
    wrong = []
    for field in SCHEMA:
        indices = schema.get_all_field_indices(field.name)
        if len(indices) != 1:
            wrong.append(f"column {field.name} is {'missing' if not indices else 'there twice'}, expected {field.type}")
            continue
        found = schema.field(indices[0]).type
        plain = found.value_type if pa.types.is_dictionary(found) else found
        if pa.types.is_dictionary(found) and field.name not in NAMES:
            plain = found
        if plain != field.type:
            wrong.append(f"column {field.name}: found {found}, expected {field.type}")
    known = set(SCHEMA.names)
    wrong += [f"column {name if name.isidentifier() else repr(name)} is unknown" for name in schema.names if name not in known]
    if wrong:
        raise TickError("; ".join(wrong))


def to_arrow(ticks: Ticks, extra: dict[str, Array] | None = None) -> pa.RecordBatch:
    """The ticks as one Arrow batch in the canonical schema, strings dictionary encoded, `extra` columns appended.

    A dictionary holds the names that its column uses and no other, in the order of `ticks.names`.
    """
    arrays = _arrays(ticks)
    if not extra:
        return pa.RecordBatch.from_arrays(arrays, schema=_ENCODED)
    added = [_array(values, pa.from_numpy_dtype(values.dtype), None) for values in extra.values()]
    fields = [pa.field(name, array.type, nullable=False) for name, array in zip(extra, added, strict=True)]
    return pa.RecordBatch.from_arrays([*arrays, *added], schema=pa.schema([*_ENCODED, *fields], metadata=SCHEMA.metadata))


_BY_WIDTH = {
    8: [name for name in ROW.names or () if ROW[name].itemsize == 8][:10],
    4: ["conditions"],
    1: ["kind", "flags"],
}
"""Columns of fixed width that stand side by side in `ROW`, by their bytes."""
_BITS = np.array(list(NULLABLE.values()), np.uint16)
_NULLABLE = {name: position for position, name in enumerate(NULLABLE)}
_COLUMNS = [(field.name, field.type, field.nullable, np.uint16(NULLABLE.get(field.name, 0))) for field in SCHEMA]
_ENCODED = pa.schema(
    [field.with_type(pa.dictionary(pa.int32(), pa.string())) if field.name in NAMES else field for field in SCHEMA],
    metadata=SCHEMA.metadata,
)


def _array(values: Array, kind: pa.DataType, valid: npt.NDArray[np.bool_] | None) -> pa.Array:
    """An Arrow array over a copy of `values`."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(values))]
    if valid is None or valid.all():
        return pa.Array.from_buffers(kind, len(values), buffers, 0)
    buffers[0] = pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), buffers)


def _arrays(ticks: Ticks) -> list[pa.Array]:
    """All columns in the order of the schema. Frames are small, so it is the number of calls that costs: columns of a width are
    copied at once."""
    rows, count = ticks.rows, len(ticks)
    records = words(rows)
    columns: dict[str, tuple[pa.Buffer, int]] = {}
    for width, names in _BY_WIDTH.items():
        matrix = records.view(f"u{width}").reshape(count, ROW.itemsize // width)
        first = ROW.fields[names[0]][1] // width  # type: ignore[index]  # a structured type has fields
        buffer = pa.py_buffer(np.ascontiguousarray(matrix[:, first : first + len(names)].T))
        columns |= {name: (buffer, position * count * width) for position, name in enumerate(names)}
    valid = (rows["present"] & _BITS[:, None]) != 0
    present = valid.sum(axis=1).tolist()
    bitmaps = np.packbits(valid, axis=1, bitorder="little")
    masks = pa.py_buffer(bitmaps)
    codes = np.stack([rows[name] for name in NAMES])
    strings = dict(zip(NAMES, _encoded(codes, ticks.names), strict=True))
    arrays = []
    for name, kind, nullable, _ in _COLUMNS:
        if name in strings:
            arrays.append(strings[name])
            continue
        buffer, start = columns[name]
        data = buffer.slice(start, count * ROW[name].itemsize)
        nulls = count - present[_NULLABLE[name]] if nullable else 0
        mask = masks.slice(_NULLABLE[name] * bitmaps.shape[1], bitmaps.shape[1]) if nulls else None
        arrays.append(pa.Array.from_buffers(kind, count, [mask, data], nulls))
    return arrays


def _encoded(codes: npt.NDArray[np.int32], names: tuple[str, ...]) -> list[pa.DictionaryArray]:
    """The string columns, a row of codes each, dictionary encoded."""
    # A table for each column, with a slot in front for -1 (null); all columns are looked up at once.
    width = len(names) + 1
    places = codes + (np.arange(len(codes)) * width + 1)[:, None]
    used = np.zeros((len(codes), width), np.bool_)
    used.reshape(-1)[places] = True
    moved = np.zeros(used.shape, np.int32)
    np.cumsum(used[:, 1:], axis=1, out=moved[:, 1:])
    moved[:, 1:] -= 1
    indices = moved.reshape(-1).take(places)
    arrays = []
    for row in range(len(codes)):
        valid = codes[row] >= 0 if used[row, 0] else None
        dictionary = _dictionary(tuple([names[code] for code in used[row, 1:].nonzero()[0].tolist()]))
        arrays.append(pa.DictionaryArray.from_arrays(_array(indices[row], pa.int32(), valid), dictionary))
    return arrays


@lru_cache(maxsize=1_000)
def _dictionary(found: tuple[str, ...]) -> pa.StringArray:
    # Not pa.array: given a list it imports pandas, to ask whether the list is one of its series.
    encoded = [word.encode() for word in found]
    offsets = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum([len(word) for word in encoded], out=offsets[1:])
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


def _refuse_nulls(name: str, valid: npt.NDArray[np.bool_], start: int) -> None:
    if not valid.all():
        first = start + int(np.argmin(valid))
        raise TickError(f"column {name}, row {first}: found null, expected a value (nulls in all: {np.count_nonzero(~valid)})")


def _valid(column: pa.Array) -> npt.NDArray[np.bool_] | None:
    """Which values of a column are not null; None where all are."""
    if column.null_count == 0:
        return None
    bits = np.frombuffer(column.buffers()[0], np.uint8)
    return np.unpackbits(bits, bitorder="little", count=column.offset + len(column))[column.offset :].view(np.bool_)


def _values(column: pa.Array, kind: np.dtype[np.generic]) -> Array:
    """The values of a column of fixed width, whatever stands under nulls included."""
    if len(column) == 0:
        return np.zeros(0, kind)
    return np.frombuffer(column.buffers()[1], kind, len(column), column.offset * kind.itemsize)


def _read_words(words: pa.StringArray) -> list[str | None]:
    """The strings of an array; Arrow's own conversions make an object of each first, or import pandas."""
    if len(words) == 0:
        return []
    _, offsets, data = words.buffers()
    ends = np.frombuffer(offsets, np.int32, len(words) + 1, words.offset * 4).tolist()
    text = b"" if data is None else data.to_pybytes()
    valid = _valid(words)
    if valid is None:
        return [text[start:stop].decode() for start, stop in pairwise(ends)]
    # What stands under a null need not be UTF-8.
    return [text[start:stop].decode() if has else None for (start, stop), has in zip(pairwise(ends), valid.tolist(), strict=True)]


def _encode(column: pa.Array, valid: npt.NDArray[np.bool_] | None, names: dict[str, int]) -> Array:
    """Codes of a string column, new names added to the table."""
    encoded = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
    words = _read_words(encoded.dictionary)
    # A dictionary may hold a null value, and an index may be null: both are -1.
    mapping = np.array([*(-1 if word is None else names.setdefault(word, len(names)) for word in words), -1], np.int32)
    # What stands under a null index is not promised to be in range.
    indices = _values(encoded.indices, np.dtype(str(encoded.indices.type)))
    codes: Array = mapping[indices if valid is None else np.where(valid, indices, len(words))]
    return codes

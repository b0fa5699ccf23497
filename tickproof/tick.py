"""The canonical tick: one schema, as Arrow columns between programs and as one structured array inside.

A batch of ticks is a `Ticks`: an array of `ROW` records and a table of names that the `channel`, `venue` and `symbol` fields index.
Integers only. Times are nanoseconds since the UNIX epoch, prices and sizes are in units of 1e-9. A null is a cleared bit of
`present`; the value under it is 0. The fields of `ROW` from `ordinal` on are no part of a tick.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tickproof.errors import TickError

UNITS_PER_ONE = 1_000_000_000
"""Prices and sizes: 1.00 is this many units."""
NS_PER_SECOND = 1_000_000_000
NS_PER_MS = 1_000_000

Array = npt.NDArray[np.generic]


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
        return Ticks(self.rows[index], self.names)

    def name(self, code: int) -> str | None:
        """The string behind a code of `channel`, `venue` or `symbol`."""
        return None if code < 0 else self.names[code]


def empty() -> Ticks:
    """No ticks."""
    return Ticks(np.zeros(0, ROW), ())


def is_scored(rows: Array) -> npt.NDArray[np.bool_]:
    """Which rows are ticks of the feed, and not capture heartbeats of our own."""
    return ~((rows["kind"] == Kind.HEARTBEAT) & ((rows["flags"] & Flag.CAPTURE_HEARTBEAT) != 0))


def concat(parts: Sequence[Ticks]) -> Ticks:
    """The ticks of all parts, one after the other, over one table of names."""
    if not parts:
        return empty()
    if all(part.names == parts[0].names for part in parts):
        return Ticks(np.concatenate([part.rows for part in parts]), parts[0].names)
    codes: dict[str, int] = {}
    moved = []
    for part in parts:
        # One slot more than there are names, so that -1 (null) maps to itself.
        mapping = np.array([*(codes.setdefault(name, len(codes)) for name in part.names), -1], np.int32)
        rows = part.rows.copy()
        for column in NAMES:
            rows[column] = mapping[rows[column]]
        moved.append(rows)
    return Ticks(np.concatenate(moved), tuple(codes))


def from_arrow(table: pa.Table | pa.RecordBatch) -> Ticks:
    """Ticks of an Arrow table or batch in the canonical schema; columns may come in any order.

    Raises
    ------
    TickError
        A column is missing, of another type, unknown, or holds a null that it may not hold.
    """
    check_schema(table.schema)
    rows = np.zeros(table.num_rows, ROW)
    names: dict[str, int] = {}
    for field in SCHEMA:
        column = table.column(field.name)
        if column.null_count and not field.nullable:
            raise TickError(f"column {field.name}: found {column.null_count} nulls, expected none")
        if field.name in NAMES:
            rows[field.name] = _encode(column, names)
            continue
        if field.name in NULLABLE:
            bit = NULLABLE[field.name]
            if column.null_count == 0:
                rows["present"] |= np.uint16(bit)
            elif column.null_count == len(column):
                continue
            else:
                rows["present"] |= np.where(_numpy(pc.is_valid(column)), np.uint16(bit), np.uint16(0))
                column = pc.fill_null(column, 0)
        rows[field.name] = _numpy(column)
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
    wrong += [f"column {name} is unknown" for name in schema.names if name not in known]
    if wrong:
        raise TickError("; ".join(wrong))


def to_arrow(ticks: Ticks, extra: dict[str, Array] | None = None) -> pa.RecordBatch:
    """The ticks as one Arrow batch in the canonical schema, strings dictionary encoded, `extra` columns appended."""
    rows = ticks.rows
    names = pa.array(ticks.names, pa.string())
    arrays: list[pa.Array] = []
    fields: list[pa.Field] = []
    for field in SCHEMA:
        values = rows[field.name]
        if field.name in NAMES:
            codes = pa.array(values, pa.int32(), mask=values < 0)
            arrays.append(pa.DictionaryArray.from_arrays(codes, names))
            fields.append(pa.field(field.name, pa.dictionary(pa.int32(), pa.string()), nullable=field.nullable))
            continue
        mask = (rows["present"] & NULLABLE[field.name]) == 0 if field.name in NULLABLE else None
        arrays.append(pa.array(np.ascontiguousarray(values), field.type, mask=mask))
        fields.append(field)
    for name, values in (extra or {}).items():
        arrays.append(pa.array(np.ascontiguousarray(values)))
        fields.append(pa.field(name, arrays[-1].type, nullable=False))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields, metadata=SCHEMA.metadata))


def _encode(column: pa.ChunkedArray | pa.Array, names: dict[str, int]) -> Array:
    """Codes of a string column, new names added to the table."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    codes = [np.zeros(0, np.int32)]
    for chunk in chunks:
        encoded = chunk if isinstance(chunk, pa.DictionaryArray) else chunk.dictionary_encode()
        words = encoded.dictionary.to_pylist()
        # A dictionary may hold a null value, and an index may be null: both are -1.
        mapping = np.array([*(-1 if word is None else names.setdefault(word, len(names)) for word in words), -1], np.int32)
        indices = encoded.indices
        if indices.null_count:
            indices = pc.fill_null(indices.cast(pa.int64()), len(words))
        codes.append(mapping[_numpy(indices)])
    return np.concatenate(codes)


def _numpy(column: pa.ChunkedArray | pa.Array) -> Array:
    array: Array = column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)
    return array

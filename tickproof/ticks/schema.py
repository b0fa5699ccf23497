"""The canonical tick: one schema, as Arrow columns between programs (`arrow.py`) and as one structured array within them.

A batch of ticks is a `Ticks`: an array of `ROW` records and a table of names that its `channel`, `venue` and `symbol` index.
Integers only. Times are nanoseconds since the UNIX epoch, prices and sizes are in units of 1e-9. A null is a cleared bit of
`present`; the value under it is 0. The fields of `ROW` from `ordinal` on are not part of a tick.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tickproof.ticks.word_copy import copied, joined, words

UNITS_PER_ONE = 1_000_000_000
"""Prices and sizes: 1.00 is this many units."""
NS_PER_SECOND = 1_000_000_000
NS_PER_MS = 1_000_000

Array = npt.NDArray[Any]


class Kind(IntEnum):
    """What a tick reports."""

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
    """What the source notes about a message."""

    SNAPSHOT = 1
    BAD_TS_RECV = 2
    MAYBE_BAD_BOOK = 4
    VENDOR_SUSPICIOUS = 8
    CAPTURE_HEARTBEAT = 16
    REORDERED = 32
    """It stood behind a later one in a recording that was put in order."""
    UNRECORDED = 64
    """Of a capture heartbeat: nothing was recorded since the tick before it."""
    SECOND_RECORDER = 128
    """Another program recorded it, too, or alone, in a recording that two wrote."""


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
`ts_recv`, `reasons` are the codes that the channel stage found; no decision depends on `offset`, `partition` or `row`."""

CONTENT = np.dtype([(name, ROW[name]) for name in (*NULLABLE, "conditions", "venue", "symbol", "present", "kind")])
"""What two copies of one message share: everything but capture time, channel and flags."""


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
        """Return the ticks at `index`, over the same names."""
        if isinstance(index, slice):
            return Ticks(self.rows[index], self.names)
        return Ticks(words(self.rows)[index].reshape(-1).view(ROW), self.names)

    def name(self, code: int) -> str | None:
        """Return the string that a code of `channel`, `venue` or `symbol` stands for; None for -1."""
        return None if code < 0 else self.names[code]


def empty() -> Ticks:
    """Return a batch without ticks."""
    return Ticks(np.zeros(0, ROW), ())


def is_scored(rows: Array) -> npt.NDArray[np.bool_]:
    """Return which rows are ticks of the feed, and not our own capture heartbeats."""
    scored: npt.NDArray[np.bool_] = ~((rows["kind"] == Kind.HEARTBEAT) & ((rows["flags"] & Flag.CAPTURE_HEARTBEAT) != 0))
    return scored


def concat(parts: Sequence[Ticks]) -> Ticks:
    """Return the ticks of all parts, one after the other, over one table of names."""
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
    """Return the same ticks over only the names that they use, in the same order."""
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

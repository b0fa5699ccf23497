"""Binance's historical depth of futures: `symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu`.

Snapshots (`snap`) and changes (`set`) of a book by level, ms, one clock: `ts_recv`. Channel `BINANCE.DEPTH`, no numbers
on ticks: that each message's `pu` is the last id of the message before it is verified and counted, and where it is not, quotes
carry the flag MAYBE_BAD_BOOK until another snapshot. Changes alone do not tell the top.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from producers.recordings.reading import csv_blocks as sheets
from producers.recordings.reading.delimited import PRICE, SIZE, TEXT
from producers.recordings.reading.implied_reference import channels
from producers.recordings.reading.level_changes import Changes, read_changes
from producers.recordings.reading.tally import Tally
from tickproof.reference.data import Reference
from tickproof.ticks.schema import NS_PER_MS, Ticks

CHANNEL = "BINANCE.DEPTH"
DEPTH = Changes(
    columns={
        "symbol": TEXT,
        "timestamp": pa.int64(),
        "last_update_id": pa.int64(),
        "side": TEXT,
        "update_type": TEXT,
        "price": PRICE,
        "qty": SIZE,
        "pu": pa.int64(),
    },
    time="timestamp",
    unit_ns=NS_PER_MS,
    event=None,
    message=("last_update_id",),
    snapshot=lambda row: row["update_type"] == "snap",
    channel=lambda row: CHANNEL,
    venue=lambda row: "BINANCE",
    is_bid=lambda row: row["side"] == "b",
    numbers=("last_update_id", "pu"),
)


def recognises(path: Path, first: bytes) -> bool:
    """Its header."""
    header = sheets.header_of(first)
    return header is not None and DEPTH.fits(header)


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """The ticks of one file."""
    return read_changes(path, DEPTH, tally)


def reference(path: Path) -> Reference:
    """Ticks have no numbers."""
    return channels((CHANNEL,), "none")

"""Binance's historical depth of futures: `symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu`.

Snapshots (`snap`) and changes (`set`) of a book by level, ms, one clock: `ts_recv`. Channel `BINANCE.DEPTH`, no numbers
on ticks: that each message's `pu` is the last id of the message before it is verified and counted, and where it is not, quotes
carry the flag MAYBE_BAD_BOOK until another snapshot. Changes alone do not tell the top.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from producers.recordings.reading import csv_blocks
from producers.recordings.reading.delimited import PRICE, SIZE, TEXT
from producers.recordings.reading.facts import Facts
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


FACTS = Facts(
    recognised_by="a header with `symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu`",
    clock="one, in ms; `ts_recv`",
    sequence="`none`: the chain of update ids is verified on reading, and a break marks the quotes after it as doubtful (flag 4)",
    cannot_tell="trades; latency; the best price before the first snapshot",
    sample="`BTCUSDT_T_DEPTH_2021-01-01.csv`: the header above",
)


def recognises(path: Path, first: bytes) -> bool:
    """Return whether the first line is the header of such a file."""
    header = csv_blocks.header_of(first)
    return header is not None and DEPTH.fits(header)


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """Yield the ticks of one file."""
    return read_changes(path, DEPTH, tally)


def reference(path: Path) -> Reference:
    """Return the channel, which has no sequence numbers."""
    return channels((CHANNEL,), "none")

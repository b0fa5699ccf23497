"""CSV of tardis.dev, and Binance's depth CSV: trades, quotes, snapshots of books, changes of books by level.

Source: https://docs.tardis.dev/downloadable-csv-files (`trades`, `quotes`, `book_snapshot_N`, `incremental_book_L2`).

- **Clock.** `local_timestamp` is when tardis received the message: `ts_recv`; `timestamp` is the exchange's. µs both.
- **Channel.** `TARDIS.<EXCHANGE>.<TRADE|QUOTE|BOOK|L2>`; nothing has a number. Trade ids are the exchange's, or a hash of them.
- **Changes of books** of one message have one `local_timestamp`: the top after them is a quote if it changed. Before a snapshot
  the book is not known, and there is no tick.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from producers.recordings.reading import csv_blocks as sheets
from producers.recordings.reading.compressed import head
from producers.recordings.reading.delimited import PRICE, SIZE, TEXT, one_array
from producers.recordings.reading.level_changes import Changes, read_changes
from producers.recordings.reading.row_builder import hashed
from producers.recordings.reading.tally import Tally
from tickproof.errors import InputError
from tickproof.reference.data import Channel, Reference
from tickproof.ticks.schema import Kind, Present, Ticks

_HEAD_BYTES = 1024
_US = 1_000
_SOURCE = {"exchange": TEXT, "symbol": TEXT, "timestamp": pa.int64(), "local_timestamp": pa.int64()}
_BOOK = {"bid_px": "bids[0].price", "bid_sz": "bids[0].amount", "ask_px": "asks[0].price", "ask_sz": "asks[0].amount"}
_QUOTE = {"bid_px": "bid_price", "bid_sz": "bid_amount", "ask_px": "ask_price", "ask_sz": "ask_amount"}


def _source(block: sheets.Block, what: str) -> None:
    block.time("local_timestamp", "ts_recv", _US)
    block.time("timestamp", "ts_event", _US)
    block.name("channel", "exchange", lambda exchange: _channel(exchange, what))
    block.name("venue", "exchange", str.upper)
    block.name("symbol", "symbol")


def _channel(exchange: str, what: str) -> str:
    return f"TARDIS.{exchange.upper()}.{what}"


def _trades(block: sheets.Block) -> None:
    _source(block, "TRADE")
    block.rows["kind"] = Kind.TRADE
    block.units("price", "price")
    block.units("amount", "size")
    words = one_array(block.table, "id").cast(pa.string())
    there = words.is_valid().to_numpy(zero_copy_only=False)
    block.put("trade_id", np.array([_identity(word or "") for word in words.to_pylist()], np.int64), there)


def _identity(word: str) -> int:
    return int(word) if word.isdecimal() and word.isascii() and len(word) < 19 else hashed(word)


def _quotes(block: sheets.Block, columns: dict[str, str], what: str) -> None:
    _source(block, what)
    block.rows["kind"] = Kind.QUOTE
    for name, column in columns.items():
        block.units(column, name)
    for side in ("BID", "ASK"):
        # A side that is not there has neither price nor amount: it is empty.
        empty = (block.rows["present"] & (Present[f"{side}_PX"] | Present[f"{side}_SZ"])) == 0
        block.rows["present"][empty] |= np.uint16(Present[f"{side}_SZ"])


SHEETS: dict[str, sheets.Sheet] = {
    "TRADE": sheets.Sheet({**_SOURCE, "id": TEXT, "side": TEXT, "price": PRICE, "amount": SIZE}, _trades),
    "QUOTE": sheets.Sheet({**_SOURCE, **dict.fromkeys(_QUOTE.values(), PRICE)}, lambda block: _quotes(block, _QUOTE, "QUOTE")),
    "BOOK": sheets.Sheet({**_SOURCE, **dict.fromkeys(_BOOK.values(), PRICE)}, lambda block: _quotes(block, _BOOK, "BOOK")),
}
"""What is in a file -> its columns; the first whose columns are there."""
L2 = Changes(
    columns={**_SOURCE, "is_snapshot": TEXT, "side": TEXT, "price": PRICE, "amount": SIZE},
    time="local_timestamp",
    unit_ns=_US,
    event="timestamp",
    message=("local_timestamp",),
    snapshot=lambda row: row["is_snapshot"] in ("true", "True", "1"),
    channel=lambda row: _channel(str(row["exchange"]), "L2"),
    venue=lambda row: str(row["exchange"]).upper(),
    is_bid=lambda row: row["side"] == "bid",
)


def _what(header: list[str] | None) -> str | None:
    if header is None:
        return None
    if L2.fits(header):
        return "L2"
    return next((what for what, sheet in SHEETS.items() if sheet.fits(header)), None)


def _header(path: Path) -> list[str] | None:
    # Books of many levels have long headers.
    return sheets.header_of(head(path, 64 * _HEAD_BYTES))


def recognises(path: Path, first: bytes) -> bool:
    """A header that begins with tardis' columns and has those of one of its files."""
    return first.startswith(",".join(_SOURCE).encode()) and _what(_header(path)) is not None


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """The ticks of one file.

    Raises
    ------
    InputError
        The header is another one.
    """
    what = _what(_header(path))
    if what is None:
        raise InputError(f"{path}, line 1: found no header of tardis, expected {','.join(_SOURCE)} and prices")
    return read_changes(path, L2, tally) if what == "L2" else sheets.read(path, SHEETS[what], tally)


def reference(path: Path) -> Reference:
    """Nothing has a number; trades have ids. The exchange stands in the first row."""
    what = _what(_header(path))
    lines = head(path, 64 * _HEAD_BYTES).split(b"\n", 2)
    exchange = lines[1].partition(b",")[0].decode("utf-8", "replace") if len(lines) > 1 else ""
    if what is None or not exchange:
        return Reference()
    return Reference(channels={_channel(exchange, what): Channel(sequence="increasing" if what == "TRADE" else "none")})

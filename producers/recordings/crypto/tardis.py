"""CSV of tardis.dev, and Binance's depth CSV: trades, quotes, snapshots of books, changes of books by level.

Source: https://docs.tardis.dev/downloadable-csv-files (`trades`, `quotes`, `book_snapshot_N`, `incremental_book_L2`,
`options_chain`, `liquidations`).

- **Clock.** `local_timestamp` is when tardis received the message: `ts_recv`; `timestamp` is the exchange's. µs both.
- **Channel.** `TARDIS.<EXCHANGE>.<TRADE|QUOTE|BOOK|L2>`; nothing has a number. Trade ids are the exchange's, or a hash of them.
- **Changes of books** of one message have one `local_timestamp`: the top after them is a quote if it changed. Before a snapshot
  the book is not known, and there is no tick.
- **Liquidations** have the columns of trades; the file's name tells them. They are counted, and are no ticks: what they led to is
  among the trades. `options_chain` gives quotes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from producers.recordings.reading import csv_blocks
from producers.recordings.reading.compressed import head, pieces
from producers.recordings.reading.delimited import PRICE, SIZE, TEXT, blocks, lines_of, one_array
from producers.recordings.reading.facts import Facts
from producers.recordings.reading.level_changes import Changes, read_changes
from producers.recordings.reading.row_builder import hashed
from producers.recordings.reading.tally import Tally
from tickproof.errors import InputError
from tickproof.reference.data import Channel, Reference
from tickproof.ticks.schema import Kind, Present, Ticks

_HEAD_BYTES = 1024
_US = 1_000
_LIQUIDATIONS = "_liquidations_"
"""In a file's name: its header is that of trades, and its rows are none."""
_SOURCE = {"exchange": TEXT, "symbol": TEXT, "timestamp": pa.int64(), "local_timestamp": pa.int64()}
_BOOK = {"bid_px": "bids[0].price", "bid_sz": "bids[0].amount", "ask_px": "asks[0].price", "ask_sz": "asks[0].amount"}
_QUOTE = {"bid_px": "bid_price", "bid_sz": "bid_amount", "ask_px": "ask_price", "ask_sz": "ask_amount"}


def _source(block: csv_blocks.Block, what: str) -> None:
    block.time("local_timestamp", "ts_recv", _US)
    block.time("timestamp", "ts_event", _US)
    block.name("channel", "exchange", lambda exchange: _channel(exchange, what))
    block.name("venue", "exchange", str.upper)
    block.name("symbol", "symbol")


def _channel(exchange: str, what: str) -> str:
    return f"TARDIS.{exchange.upper()}.{what}"


def _trades(block: csv_blocks.Block) -> None:
    _source(block, "TRADE")
    block.rows["kind"] = Kind.TRADE
    block.units("price", "price")
    block.units("amount", "size")
    words = one_array(block.table, "id").cast(pa.string())
    there = words.is_valid().to_numpy(zero_copy_only=False)
    block.put("trade_id", np.array([_identity(word or "") for word in words.to_pylist()], np.int64), there)


def _identity(word: str) -> int:
    return int(word) if word.isdecimal() and word.isascii() and len(word) < 19 else hashed(word)


def _quotes(block: csv_blocks.Block, columns: dict[str, str], what: str) -> None:
    _source(block, what)
    block.rows["kind"] = Kind.QUOTE
    for name, column in columns.items():
        block.units(column, name)
    for side in ("BID", "ASK"):
        # A side without a price is empty, whatever its amount: chains of options have a 0 there.
        empty = (block.rows["present"] & Present[f"{side}_PX"]) == 0
        block.rows[f"{side.lower()}_sz"][empty] = 0
        block.rows["present"][empty] |= np.uint16(Present[f"{side}_SZ"])


SHEETS: dict[str, csv_blocks.Sheet] = {
    "TRADE": csv_blocks.Sheet({**_SOURCE, "id": TEXT, "side": TEXT, "price": PRICE, "amount": SIZE}, _trades),
    "QUOTE": csv_blocks.Sheet(
        {**_SOURCE, **dict.fromkeys(_QUOTE.values(), PRICE)}, lambda block: _quotes(block, _QUOTE, "QUOTE")
    ),
    "BOOK": csv_blocks.Sheet({**_SOURCE, **dict.fromkeys(_BOOK.values(), PRICE)}, lambda block: _quotes(block, _BOOK, "BOOK")),
}
"""Kind of file -> its columns; the first whose columns are present applies."""
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
    return csv_blocks.header_of(head(path, 64 * _HEAD_BYTES))


FACTS = Facts(
    recognised_by="a header that begins with `exchange,symbol,timestamp,local_timestamp` and has the columns of one of its files",
    clock="two, in µs: `local_timestamp`, `ts_recv`, and `timestamp`, `ts_event`",
    sequence="`increasing` for trades, which have ids, `none` for quotes and books",
    cannot_tell="gaps; books before their first snapshot",
    sample="`deribit_trades_2020-04-01_OPTIONS.csv.gz`, whose header is "
    "`exchange,symbol,timestamp,local_timestamp,id,side,price,amount`",
)


def recognises(path: Path, first: bytes) -> bool:
    """Return whether a header begins with tardis' columns and has those of one of its files."""
    return first.startswith(",".join(_SOURCE).encode()) and _what(_header(path)) is not None


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """Yield the ticks of one file.

    Raises
    ------
    InputError
        The header is another one.
    """
    what = _what(_header(path))
    if what is None:
        raise InputError(f"{path}, line 1: found no header of tardis, expected {','.join(_SOURCE)} and prices")
    if _LIQUIDATIONS in path.name:
        return _counted(path, tally)
    return read_changes(path, L2, tally) if what == "L2" else csv_blocks.read(path, SHEETS[what], tally)


def _counted(path: Path, tally: Tally) -> Iterator[Ticks]:
    """Count liquidations: the trades that they led to are in the file of trades."""
    lines = sum(lines_of(block) for block in blocks(pieces(path, tally)))
    tally.messages += max(lines - 1, 0)
    tally.without_ticks["liquidation"] += max(lines - 1, 0)
    yield from ()


def reference(path: Path) -> Reference:
    """Return the channel, which has trade ids and no sequence numbers; the exchange is in the first row."""
    what = _what(_header(path))
    lines = head(path, 64 * _HEAD_BYTES).split(b"\n", 2)
    exchange = lines[1].partition(b",")[0].decode("utf-8", "replace") if len(lines) > 1 else ""
    if what is None or not exchange:
        return Reference()
    return Reference(channels={_channel(exchange, what): Channel(sequence="increasing" if what == "TRADE" else "none")})

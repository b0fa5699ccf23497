"""Coinbase's messages: https://docs.cdp.coinbase.com/exchange/docs/websocket-channels.

- `snapshot` and `l2update` are the book by level: a quote on `COINBASE.LEVEL2` where its top changes. They have no numbers.
- `match` is a trade on `COINBASE.<PRODUCT>.MATCH`. Its `sequence` counts all messages of the product; matches are a part of them:
  `increasing`. `last_match`, sent at the beginning, is the trade before: a snapshot, whose time and number say nothing of now.
- `ticker` tells the best prices at a match, without their sizes: a quote on `COINBASE.<PRODUCT>.TICKER` with the match's number,
  `increasing`. The first of a product is that of the match before: a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from producers.recordings.reading.row_builder import Builder, units
from producers.recordings.reading.tally import Tally
from producers.recordings.reading.timestamps import nanoseconds
from producers.recordings.reading.top_of_book import Book
from tickproof.reference.data import Channel, Reference
from tickproof.ticks.schema import Flag, Kind

LEVEL2 = "COINBASE.LEVEL2"


class Coinbase:
    """See the module."""

    venue = "COINBASE"

    def __init__(self, builder: Builder, tally: Tally) -> None:
        self._builder = builder
        self._books: dict[str, Book[int]] = {}
        self._tickers: set[str] = set()

    def received(self, message: Any) -> str | None:
        """Take a message of the session; its type if no tick came of it."""
        kind = str(message["type"])
        if kind == "l2update":
            try:
                return self._update(message)
            except Exception:
                # Whatever was wrong with the message, the book lacks it.
                if message.get("product_id") in self._books:
                    self._books[message["product_id"]].suspicious = True
                raise
        if kind in ("match", "last_match"):
            self._match(message, kind == "last_match")
            return None
        if kind == "ticker":
            self._ticker(message)
            return None
        if kind != "snapshot":
            return kind
        book: Book[int] = Book()
        for levels, side in ((book.bids, "bids"), (book.asks, "asks")):
            for price, size, *_ in message[side]:
                levels.put(units(price), units(size))
        self._books[message["product_id"]] = book
        return self._tell(message["product_id"], None, Flag.SNAPSHOT)

    def _update(self, message: dict[str, Any]) -> str | None:
        product = message["product_id"]
        book = self._books.get(product)
        if book is None:
            return "l2update before its snapshot"
        for side, price, text in message["changes"]:
            levels, size = book.bids if side == "buy" else book.asks, units(text)
            if size:
                levels.put(units(price), size)
            else:
                levels.drop(units(price))
        return self._tell(product, nanoseconds(message["time"]), 0)

    def _tell(self, product: str, time: int | None, flags: int) -> str | None:
        top = self._books[product].changed()
        if top is None:
            return "l2update below the top of the book"
        flags |= Flag.MAYBE_BAD_BOOK if self._books[product].suspicious else 0
        self._builder.add(Kind.QUOTE, LEVEL2, product, {**top, "ts_event": time}, flags)
        return None

    def _ticker(self, message: dict[str, Any]) -> None:
        product = message["product_id"]
        is_old = product not in self._tickers
        self._tickers.add(product)
        values = {
            "bid_px": self._builder.units(message["best_bid"]),
            "ask_px": self._builder.units(message["best_ask"]),
            "sequence": None if is_old else int(message["sequence"]),
            "ts_event": None if is_old else nanoseconds(message["time"]),
        }
        self._builder.add(Kind.QUOTE, f"COINBASE.{product}.TICKER", product, values, Flag.SNAPSHOT if is_old else 0)

    def _match(self, message: dict[str, Any], is_old: bool) -> None:
        product = message["product_id"]
        values = {
            "price": self._builder.units(message["price"]),
            "size": self._builder.units(message["size"]),
            "trade_id": int(message["trade_id"]),
            "sequence": None if is_old else int(message["sequence"]),
            "ts_event": None if is_old else nanoseconds(message["time"]),
        }
        self._builder.add(Kind.TRADE, f"COINBASE.{product}.MATCH", product, values, Flag.SNAPSHOT if is_old else 0)

    def answered(self, url: str, message: Any) -> str | None:
        """Answers hold no ticks."""
        return f"HTTP {url.rpartition('/')[2]}"

    def overheard(self, url: str, message: Any) -> None:
        """Answers tell nothing that a session needs."""

    @staticmethod
    def steps(message: Any) -> Iterator[tuple[str, str, str]]:
        """Symbols with the steps of their prices and sizes."""
        for one in message:
            yield one["id"], one["quote_increment"], one["base_increment"]

    @staticmethod
    def reference(url: str, sent: list[Any]) -> Reference:
        """Products are named in what was sent."""
        channels = {LEVEL2: Channel(sequence="none")}
        for message in sent:
            for product in message.get("product_ids", []) if isinstance(message, dict) else []:
                for what in ("MATCH", "TICKER"):
                    channels[f"COINBASE.{product}.{what}"] = Channel(sequence="increasing", feed="COINBASE")
        return Reference(channels=channels)

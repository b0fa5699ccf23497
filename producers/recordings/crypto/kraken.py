"""Kraken's messages, version 1: https://docs.kraken.com/api/docs/guides/spot-ws-book-v1.

One channel, `KRAKEN.WS`: nothing has a number, and a heartbeat comes when nothing else does. A book's top is a quote where it
changes. Each change carries a checksum over the best ten levels of both sides, CRC-32 of their digits: it is verified and
counted, and where it fails the quotes of that pair carry the flag MAYBE_BAD_BOOK until the book is told whole again.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from producers.recordings.reading.row_builder import Builder, units
from producers.recordings.reading.tally import Tally
from producers.recordings.reading.top_of_book import Book, Levels
from tickproof.reference.data import Channel, Reference
from tickproof.ticks.schema import Flag, Kind

CHANNEL = "KRAKEN.WS"
CHECKED_LEVELS = 10
Level = tuple[int, str]
"""Size, and the digits that stand for the level in a checksum."""


class Kraken:
    """See the module."""

    venue = "KRAKEN"

    def __init__(self, builder: Builder, tally: Tally) -> None:
        self._builder = builder
        self._tally = tally
        self._books: dict[str, Book[Level]] = {}

    def received(self, message: Any) -> str | None:
        """Take a message of the session; its type if no tick came of it."""
        if isinstance(message, dict):
            event = str(message["event"])
            if event == "heartbeat":
                self._builder.add(Kind.HEARTBEAT, CHANNEL, None, {})
                return None
            if event == "systemStatus" and message["status"] == "online":
                self._builder.add(Kind.SESSION, CHANNEL, None, {})
                return None
            return event
        *parts, name, pair = message[1:]
        if name.startswith("book"):
            try:
                return self._book(pair, int(name.partition("-")[2] or 10), parts)
            except Exception:
                # Whatever was wrong with the message, the book lacks it.
                if pair in self._books:
                    self._books[pair].suspicious = True
                raise
        if name != "trade":
            return str(name)
        for price, size, time, *_ in parts[0]:
            values = {"price": self._builder.units(price), "size": self._builder.units(size), "ts_event": units(time)}
            self._builder.add(Kind.TRADE, CHANNEL, pair, values)
        return None

    def _book(self, pair: str, depth: int, parts: list[dict[str, Any]]) -> str | None:
        flags, latest, checksum = 0, 0, None
        if any("as" in part or "bs" in part for part in parts):
            self._books[pair] = Book()
            flags |= Flag.SNAPSHOT
        book = self._books.get(pair)
        if book is None:
            return "book change before its snapshot"
        for part in parts:
            for levels, keys in ((book.asks, ("as", "a")), (book.bids, ("bs", "b"))):
                for key in keys:
                    latest = max(latest, _apply(levels, part.get(key, []), depth))
            checksum = part.get("c", checksum)
        if checksum is not None:
            holds = int(checksum) == checksum_of(book)
            self._tally.notes["book checksum verified" if holds else f"book checksum failed: {pair}"] += 1
            book.suspicious = book.suspicious or not holds
        top = book.changed()
        if top is None:
            return "book change below the top"
        flags |= Flag.MAYBE_BAD_BOOK if book.suspicious else 0
        # What a snapshot holds happened before.
        time = None if flags & Flag.SNAPSHOT else latest
        self._builder.add(Kind.QUOTE, CHANNEL, pair, {**top, "ts_event": time}, flags)
        return None

    def answered(self, url: str, message: Any) -> str | None:
        """Answers hold no ticks."""
        return f"HTTP {url.rpartition('/')[2]}"

    def overheard(self, url: str, message: Any) -> None:
        """Answers tell nothing that a session needs."""

    @staticmethod
    def steps(message: Any) -> Iterator[tuple[str, Decimal, Decimal]]:
        """Symbols with the steps of their prices and sizes; dark pools have no name in a session."""
        for one in message["result"].values():
            if "wsname" in one:
                yield one["wsname"], *(Decimal(1).scaleb(-int(one[name])) for name in ("pair_decimals", "lot_decimals"))

    @staticmethod
    def reference(url: str, sent: list[Any]) -> Reference:
        """Nothing has a number."""
        return Reference(channels={CHANNEL: Channel(sequence="none")})


def _apply(levels: Levels[Level], changes: list[list[str]], depth: int) -> int:
    """Change one side; the latest time of a change in ns."""
    latest = 0
    for price, size, time, *_ in changes:
        amount = units(size)
        if amount:
            levels.put(units(price), (amount, _digits(price) + _digits(size)))
        else:
            levels.drop(units(price))
        latest = max(latest, units(time))
    if changes:
        levels.keep(depth)
    return latest


def _digits(text: str) -> str:
    return text.replace(".", "").lstrip("0")


def checksum_of(book: Book[Level]) -> int:
    """CRC-32 over the digits of the best ten asks, then of the best ten bids."""
    best = [*book.asks.first(CHECKED_LEVELS), *book.bids.first(CHECKED_LEVELS)]
    return zlib.crc32("".join(level[1] for _, level in best).encode())

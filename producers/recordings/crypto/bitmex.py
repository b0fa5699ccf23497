"""BitMEX's messages: https://www.bitmex.com/app/wsAPI.

Nothing has a number; trades have ids. Sizes are contracts. A table is a channel, for each has a latency of its own: `trade` comes
at once on `BITMEX.TRADE`, `quote`, the best bid and ask, in parcels up to a second later on `BITMEX.QUOTE`. A `partial` of either
is what was before the session, a snapshot. `orderBookL2` is the book by level and ahead of the quotes: `cryptofeed_bitmex_book`.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from producers.recordings.crypto import bitmex_book as level2
from producers.recordings.reading.implied_reference import Sequence
from producers.recordings.reading.row_builder import Builder, hashed
from producers.recordings.reading.tally import Tally
from producers.recordings.reading.timestamps import nanoseconds
from tickproof.reference.data import Channel, Reference
from tickproof.ticks.schema import Flag, Kind

QUOTES, TRADES = "BITMEX.QUOTE", "BITMEX.TRADE"
_QUOTE = {"bid_px": "bidPrice", "bid_sz": "bidSize", "ask_px": "askPrice", "ask_sz": "askSize"}
_TRADE = {"price": "price", "size": "size"}


class Bitmex:
    """See the module."""

    venue = "BITMEX"

    def __init__(self, builder: Builder, tally: Tally) -> None:
        self._builder = builder
        self._level2 = level2.Level2(builder, tally)

    def received(self, message: Any) -> str | None:
        """Take a message of the session; its type if no tick came of it."""
        table = message.get("table")
        if table is None:
            return "subscription confirmed" if "subscribe" in message else next(iter(message))
        if table in level2.TABLES:
            return self._level2.received(message)
        action = message["action"]
        if table not in ("quote", "trade") or action not in ("partial", "insert"):
            return f"{table} {action}"
        for one in message["data"]:
            self._add(one, table == "trade", action == "partial")
        return None if message["data"] else f"{table} {action} without rows"

    def _add(self, one: dict[str, Any], is_trade: bool, is_old: bool) -> None:
        values = {name: self._value(one.get(field)) for name, field in (_TRADE if is_trade else _QUOTE).items()}
        if is_trade:
            values["trade_id"] = hashed(one["trdMatchID"])
        else:
            # A side without orders has neither price nor size.
            values |= {size: values[size] or 0 for price, size in (("bid_px", "bid_sz"), ("ask_px", "ask_sz"))}
        values["ts_event"] = None if is_old else nanoseconds(one["timestamp"])
        kind, channel = (Kind.TRADE, TRADES) if is_trade else (Kind.QUOTE, QUOTES)
        self._builder.add(kind, channel, one["symbol"], values, Flag.SNAPSHOT if is_old else 0)

    def _value(self, number: int | Decimal | None) -> int | None:
        return None if number is None else self._builder.units(number)

    def answered(self, url: str, message: Any) -> str | None:
        """Answers hold no ticks."""
        return f"HTTP {url.rpartition('/')[2]}"

    def overheard(self, url: str, message: Any) -> None:
        """Answers tell nothing that a session needs."""

    @staticmethod
    def steps(message: Any) -> Iterator[tuple[str, int | Decimal, int | Decimal]]:
        """Symbols with the steps of their prices and sizes."""
        for one in message:
            yield one["symbol"], one["tickSize"], one["lotSize"]

    @staticmethod
    def reference(url: str, sent: list[Any]) -> Reference:
        """No numbers; a trade that comes twice is known by its id."""
        kinds: dict[str, Sequence] = {TRADES: "increasing", QUOTES: "none", level2.CHANNEL: "none"}
        return Reference(channels={name: Channel(sequence=kind, feed="BITMEX") for name, kind in kinds.items()})

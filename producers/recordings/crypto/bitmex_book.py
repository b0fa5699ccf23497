"""BitMEX's books by level (`orderBookL2`, or its best 25 levels): https://www.bitmex.com/app/wsAPI#OrderBookL2.

A quote on `BITMEX.L2` where the top of a book changes with a message. Nothing has a number. Levels have ids, and an `update` or a
`delete` names no price: one whose id nobody knows shows that the book lacks something, and its quotes carry the flag
MAYBE_BAD_BOOK until a `partial` tells it whole again. The recorded sessions of 2021 give a level no time; where one has it, the
latest of a message is the quote's.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from producers.recordings.reading.row_builder import ROUNDED, Builder, units
from producers.recordings.reading.tally import Tally
from producers.recordings.reading.timestamps import nanoseconds
from producers.recordings.reading.top_of_book import Book, Levels
from tickproof.ticks.schema import Flag, Kind

CHANNEL = "BITMEX.L2"
TABLES = ("orderBookL2", "orderBookL2_25")
FINER = 1_000
"""Prices of a book are kept in units of 1e-12: instruments with steps of 1e-10 have levels that are one in units of 1e-9."""
_DECIMALS = 12


class Depth(Book[int]):
    """The book of one instrument, whose levels are known by an id; prices of its levels are in units of 1e-12."""

    __slots__ = ("_at",)

    def __init__(self) -> None:
        super().__init__()
        self._at: dict[int, tuple[Levels[int], int]] = {}

    def take(self, action: str, one: dict[str, Any]) -> bool:
        """Change one level; False if it is one that the book does not have."""
        identity = one["id"]
        if action in ("partial", "insert"):
            self._drop(identity)
            levels, price, size = self._side(one["side"]), _fine(one["price"]), units(one["size"])
            levels.put(price, size)
            self._at[identity] = levels, price
            return True
        if identity not in self._at:
            return False
        if action == "delete":
            self._drop(identity)
        else:
            levels, price = self._at[identity]
            if levels is not self._side(one["side"]):
                raise ValueError(f"side: found {one['side']}, expected the one that the level {identity} has")
            levels.put(price, units(one["size"]))
        return True

    def _drop(self, identity: int) -> None:
        levels, price = self._at.pop(identity, (self.bids, -1))
        levels.drop(price)

    def _side(self, name: str) -> Levels[int]:
        return {"Buy": self.bids, "Sell": self.asks}[name]

    def best(self) -> dict[str, int | None]:
        """The best prices as fields of a quote, rounded half to even to units of 1e-9."""
        values = super().best()
        for name in ("bid_px", "ask_px"):
            price = values[name]
            values[name] = None if price is None else round(Decimal(price) / FINER)
        return values

    def rounded(self) -> int:
        """How many prices of the top are finer than a unit."""
        return sum(price % FINER != 0 for levels in (self.bids, self.asks) for price, _ in levels.first(1))


class Level2:
    """Messages of TABLES."""

    def __init__(self, builder: Builder, tally: Tally) -> None:
        self._builder = builder
        self._tally = tally
        self._depths: dict[str, Depth] = {}

    def received(self, message: Any) -> str | None:
        """Take a message; its type if no tick came of it."""
        action, data = message["action"], message["data"]
        symbols = dict.fromkeys(one["symbol"] for one in data)
        if action == "partial":
            # An empty book has no rows, and its symbol stands in the filter.
            symbols |= dict.fromkeys(filter(None, [message.get("filter", {}).get("symbol")]))
            self._depths |= {symbol: Depth() for symbol in symbols}
        try:
            told = [self._change(symbol, action, [one for one in data if one["symbol"] == symbol]) for symbol in symbols]
        except Exception:
            # Whatever was wrong with the message, the books lack it.
            for symbol in symbols:
                if symbol in self._depths:
                    self._depths[symbol].suspicious = True
            raise
        unmoved = next((reason for reason in told if reason is not None), f"{action} without rows")
        return None if None in told else f"{message['table']} {unmoved}"

    def _change(self, symbol: str, action: str, rows: list[dict[str, Any]]) -> str | None:
        if action not in ("partial", "insert", "update", "delete"):
            return action
        depth = self._depths.get(symbol)
        if depth is None:
            return f"{action} before its partial"
        for one in rows:
            if not depth.take(action, one):
                depth.suspicious = True
                self._tally.notes[f"book change of an unknown level: {symbol}"] += 1
        top = depth.changed()
        if top is None:
            return f"{action} below the top of the book"
        if depth.rounded():
            self._tally.notes[ROUNDED] += depth.rounded()
        times = [nanoseconds(one["timestamp"]) for one in rows if "timestamp" in one]
        is_old = action == "partial"
        flags = (Flag.SNAPSHOT if is_old else 0) | (Flag.MAYBE_BAD_BOOK if depth.suspicious else 0)
        # What a snapshot holds happened before.
        values = {**top, "ts_event": max(times) if times and not is_old else None}
        self._builder.add(Kind.QUOTE, CHANNEL, symbol, values, flags)
        return None


def _fine(price: int | Decimal) -> int:
    """A price in units of 1e-12, exact."""
    found = Decimal(price).scaleb(_DECIMALS)
    if not found.is_finite() or found != found.to_integral_value():
        raise ValueError(f"found {price!r}, expected a price of at most {_DECIMALS} decimals")
    return int(found)

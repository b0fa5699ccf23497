"""Binance's messages: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams.

- `bookTicker` is the best bid and ask: a quote on `BINANCE.<SYMBOL>.QUOTE`, numbered by the book's update id, which skips what
  did not change the top: `increasing`. Spot gives no venue time.
- `aggTrade` is a trade on `BINANCE.<SYMBOL>.TRADE`, numbered by the aggregate id without holes: `contiguous`.
- `depthUpdate` changes the book by level, which begins with an order book that came over HTTP: `cryptofeed_binance_depth`.
- An order book over HTTP gives one quote with the flag SNAPSHOT, on `BINANCE.<SYMBOL>.BOOK`, where its file is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from producers.recordings.crypto.binance_depth import Depths
from producers.recordings.reading.row_builder import Builder, units
from producers.recordings.reading.tally import Tally
from tickproof.reference.data import Channel, Reference
from tickproof.ticks.schema import NS_PER_MS, Flag, Kind

_SEQUENCES = {
    "bookticker": ("QUOTE", "increasing"),
    "aggtrade": ("TRADE", "contiguous"),
    "trade": ("TRADE", "contiguous"),
    "depth": ("DEPTH", "contiguous"),
}


class Binance:
    """See the module."""

    venue = "BINANCE"

    def __init__(self, builder: Builder, tally: Tally) -> None:
        self._builder = builder
        self._depths = Depths(builder, tally)

    def received(self, message: Any) -> str | None:
        """Take a message of the session; its type if no tick came of it."""
        stream, data = message["stream"].partition("@")[2], message["data"]
        kind = data.get("e", stream)
        if kind == "bookTicker":
            self._quote(data)
            return None
        if kind in ("aggTrade", "trade"):
            self._trade(data)
            return None
        if kind == "depthUpdate":
            return self._depths.change(data)
        return str(kind)

    def _quote(self, data: dict[str, Any]) -> None:
        symbol = data["s"]
        values = {
            "sequence": int(data["u"]),
            "bid_px": self._builder.units(data["b"]),
            "bid_sz": self._builder.units(data["B"]),
            "ask_px": self._builder.units(data["a"]),
            "ask_sz": self._builder.units(data["A"]),
            "ts_event": int(data["T"]) * NS_PER_MS if "T" in data else None,
        }
        self._builder.add(Kind.QUOTE, f"BINANCE.{symbol}.QUOTE", symbol, values)

    def _trade(self, data: dict[str, Any]) -> None:
        symbol = data["s"]
        identity = int(data["a"] if "a" in data and data["e"] == "aggTrade" else data["t"])
        values = {
            "sequence": identity,
            "trade_id": identity,
            "price": self._builder.units(data["p"]),
            "size": self._builder.units(data["q"]),
            "ts_event": int(data["T"]) * NS_PER_MS,
        }
        self._builder.add(Kind.TRADE, f"BINANCE.{symbol}.TRADE", symbol, values)

    def answered(self, url: str, message: Any) -> str | None:
        """Take an answer over HTTP; its type if no tick came of it."""
        path = urlsplit(url).path.rpartition("/")[2]
        if path != "depth":
            return f"HTTP {path}"
        symbol = parse_qs(urlsplit(url).query)["symbol"][0]
        values: dict[str, int | None] = {}
        for side in ("bid", "ask"):
            best = message[f"{side}s"][:1]
            values[f"{side}_px"] = units(best[0][0]) if best else None
            values[f"{side}_sz"] = units(best[0][1]) if best else 0
        self._builder.add(Kind.QUOTE, f"BINANCE.{symbol}.BOOK", symbol, values, Flag.SNAPSHOT)
        return None

    def overheard(self, url: str, message: Any) -> None:
        """Learn from an answer that stands in a file beside."""
        if urlsplit(url).path.rpartition("/")[2] == "depth":
            self._depths.begin(parse_qs(urlsplit(url).query)["symbol"][0], message)

    @staticmethod
    def steps(message: Any) -> Iterator[tuple[str, str, str]]:
        """Symbols with the steps of their prices and sizes."""
        for one in message.get("symbols", []):
            filters = {item["filterType"]: item for item in one["filters"]}
            yield one["symbol"], filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]

    @staticmethod
    def reference(url: str, sent: list[Any]) -> Reference:
        """Streams are named in the address."""
        streams = parse_qs(urlsplit(url).query).get("streams", [""])[0].split("/")
        channels = {}
        for stream in streams:
            symbol, _, kind = stream.partition("@")
            known = _SEQUENCES.get(kind.lower().partition("@")[0])
            if known is not None:
                name = f"BINANCE.{symbol.upper()}.{known[0]}"
                channels[name] = Channel.model_validate({"sequence": known[1], "feed": "BINANCE"})
        symbol = parse_qs(urlsplit(url).query).get("symbol", [""])[0]
        if symbol:
            channels[f"BINANCE.{symbol}.BOOK"] = Channel(sequence="none", feed="BINANCE")
        return Reference(channels=channels)

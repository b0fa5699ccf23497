"""Raw sessions with crypto exchanges as the package cryptofeed records them: one line a message, `time: JSON`.

    wss://… <-> 1618677816.84            the connection was opened
    wss://… <- 1618677817.02: {…}        sent by us
    1618677817.06: {…}                   received
    https://… -> 1633998511.13: {…}      an answer over HTTP
    configuration: {…}                   what was asked for

`.ws.` files hold a websocket session, `.http.` files answers (order books of Binance), and files that end in `.0` alone the list
of instruments at the beginning. A session learns from the answers that came after it began and stand in the same folder, each at
its time. `ts_recv` is the time of the line. What the messages mean is in one module an exchange; lines and messages without ticks
are counted by type.
"""

from __future__ import annotations

import glob
import heapq
import re
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import msgspec

from producers.recordings.crypto.binance import Binance
from producers.recordings.crypto.bitmex import Bitmex
from producers.recordings.crypto.coinbase import Coinbase
from producers.recordings.crypto.kraken import Kraken
from producers.recordings.reading.compressed import pieces
from producers.recordings.reading.delimited import blocks
from producers.recordings.reading.implied_reference import merged
from producers.recordings.reading.row_builder import Builder, units
from producers.recordings.reading.tally import Tally
from tickproof.errors import TickproofError
from tickproof.reference.data import NOTHING, Instrument, Reference
from tickproof.ticks.schema import NS_PER_SECOND, Ticks

BATCH_TICKS = 10_000
HEAD_LINES = 64
"""Subscriptions are among so many first lines."""
_BEGINNING = re.compile(rb"(wss?|https?)://[^\s/]+")
_LINE = re.compile(
    rb"(?:(?P<url>(?:wss?|https?)://\S+) (?P<way><->|<-|->) )?(?P<time>\d{1,10}(?:\.\d{1,9})?)(?:: (?P<json>.*))?", re.S
)
_CONFIGURATION = b"configuration: "


Step = tuple[str, str | int | Decimal, str | int | Decimal]


class Exchange(Protocol):
    """What one exchange's messages mean."""

    venue: str

    def __init__(self, builder: Builder, tally: Tally) -> None: ...

    def received(self, message: Any) -> str | None:
        """Take a message of the session; its type if no tick came of it."""

    def answered(self, url: str, message: Any) -> str | None:
        """Take an answer over HTTP; its type if no tick came of it."""

    def overheard(self, url: str, message: Any) -> None:
        """Learn from an answer that came while the session went on and stands in another file; no tick comes of it."""

    @staticmethod
    def reference(url: str, sent: list[Any]) -> Reference:
        """What is known of the channels by the connection's address and what was sent."""

    @staticmethod
    def steps(message: Any) -> Iterator[Step]:
        """Symbols with the steps of their prices and sizes, of a list of instruments that came over HTTP."""


EXCHANGES: dict[str, type[Exchange]] = {"binance": Binance, "coinbase": Coinbase, "kraken": Kraken, "bitmex": Bitmex}
"""A word of the host's name -> the exchange."""
_UNEXPECTED = (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError)
"""What comes of a message that is JSON and not what it should be."""
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def recognises(path: Path, first: bytes) -> bool:
    """A file that begins with an address and what went to it or came from it."""
    if _BEGINNING.match(first) is None:
        return False
    address, space, rest = first.partition(b" ")
    # An address may be longer than what is looked at.
    return b"\n" not in address and (not space or rest.startswith((b"<-", b"->")))


def _exchange(line: bytes) -> type[Exchange] | None:
    host = line.partition(b"://")[2].partition(b"/")[0].partition(b" ")[0].decode("ascii", "replace")
    return next((exchange for word, exchange in EXCHANGES.items() if word in host), None)


def reference(path: Path) -> Reference:
    """Channels that a session subscribed to, with the sequence of each; tick and lot where a list of instruments says them."""
    instruments: list[Instrument] = []
    url = ""
    sent: list[Any] = []
    for _, line in zip(range(HEAD_LINES), _lines(path, Tally()), strict=False):
        found = _LINE.fullmatch(line)
        if found is None or found["url"] is None:
            continue
        url = url or found["url"].decode("ascii", "replace")
        exchange = _exchange(line)
        try:
            if found["way"] == b"<-" and found["json"]:
                sent.append(_decode(found["json"]))
            elif found["way"] == b"->" and found["json"] and exchange is not None:
                instruments += _instruments(exchange, _decode(found["json"]))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, *_UNEXPECTED):
            # Reading the file counts what is none.
            continue
    exchange = _exchange(url.encode())
    if exchange is None:
        return NOTHING
    return merged(exchange.reference(url, sent), Reference(instruments=tuple(instruments)))


def _instruments(exchange: type[Exchange], message: Any) -> list[Instrument]:
    """Instruments whose steps are whole units."""
    found = [(symbol, units(tick), units(lot)) for symbol, tick, lot in exchange.steps(message)]
    return [
        Instrument(symbol=symbol, venue=exchange.venue, tick=tick, lot=lot if lot > 0 else None)
        for symbol, tick, lot in found
        if tick > 0
    ]


def _lines(path: Path, tally: Tally) -> Iterator[bytes]:
    for block in blocks(pieces(path, tally)):
        yield from block.removesuffix(b"\n").split(b"\n")


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """The ticks of one file."""
    exchange: Exchange | None = None
    builder = Builder("")
    beside = _Beside(iter(()))
    for number, line in enumerate(_lines(path, tally)):
        if exchange is None and (kind := _exchange(line)) is not None:
            builder = Builder(kind.venue, tally.notes)
            exchange = kind(builder, tally)
            beside = _Beside(_answers(path, _time(line)))
        if exchange is not None and beside.has_more:
            beside.tell(exchange, _time(line))
        builder.row = number
        if line.strip():
            tally.messages += 1
            _take(line, exchange, builder, tally)
        if len(builder) >= BATCH_TICKS:
            yield builder.take()
    if len(builder):
        yield builder.take()


class _Beside:
    """Answers in other files, told to a session as it reaches their times."""

    __slots__ = ("_answers", "_next")

    def __init__(self, answers: Iterator[tuple[int, str, bytes]]) -> None:
        self._answers = answers
        self._next = next(answers, None)

    @property
    def has_more(self) -> bool:
        """Whether there are answers that were not told yet."""
        return self._next is not None

    def tell(self, exchange: Exchange, time: int | None) -> None:
        """Tell all up to a time."""
        while self._next is not None and time is not None and self._next[0] <= time:
            # Reading their own file counts what is none.
            with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError, *_UNEXPECTED):
                exchange.overheard(self._next[1], _decode(self._next[2]))
            self._next = next(self._answers, None)


def _answers(path: Path, start: int | None) -> Iterator[tuple[int, str, bytes]]:
    """(time, address, JSON) of the answers from `start` on that stand beside a session, by time."""
    name, is_session, _ = path.name.partition(".ws.")
    files = sorted(path.parent.glob(f"{glob.escape(name)}.http.*")) if is_session and start is not None else []
    for time, url, message in heapq.merge(*map(_answers_of, files)):
        if time >= (start or 0):
            yield time, url, message


def _answers_of(path: Path) -> Iterator[tuple[int, str, bytes]]:
    with suppress(TickproofError, OSError):
        for line in _lines(path, Tally()):
            found = _LINE.fullmatch(line)
            if found is not None and found["way"] == b"->" and found["json"]:
                yield _nanoseconds(found["time"]), found["url"].decode("ascii", "replace"), found["json"]


def _time(line: bytes) -> int | None:
    found = _LINE.fullmatch(line)
    return None if found is None else _nanoseconds(found["time"])


def _nanoseconds(time: bytes) -> int:
    whole, _, fraction = time.decode().partition(".")
    return int(whole) * NS_PER_SECOND + int(fraction.ljust(9, "0"))


def _take(line: bytes, exchange: Exchange | None, builder: Builder, tally: Tally) -> None:
    """Take one line."""
    if line.startswith(_CONFIGURATION):
        tally.without_ticks["configuration"] += 1
        return
    found = _LINE.fullmatch(line)
    if found is None:
        tally.undecoded["line: not `time: message`"] += 1
        return
    if found["way"] in (b"<->", b"<-"):
        tally.without_ticks["connection opened" if found["way"] == b"<->" else "message sent"] += 1
        return
    if exchange is None:
        tally.undecoded["exchange: not known"] += 1
        return
    builder.ts_recv = _nanoseconds(found["time"])
    try:
        message = _decode(found["json"] or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        tally.undecoded["message: not JSON"] += 1
        return
    try:
        if found["url"] is None:
            type_ = exchange.received(message)
        else:
            type_ = exchange.answered(found["url"].decode("ascii", "replace"), message)
    except _UNEXPECTED:
        tally.undecoded[f"{exchange.venue} message: fields missing or of another form"] += 1
        return
    if type_ is not None:
        tally.without_ticks[type_] += 1

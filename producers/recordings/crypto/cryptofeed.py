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
from producers.recordings.reading.facts import Facts
from producers.recordings.reading.implied_reference import merged
from producers.recordings.reading.row_builder import TOO_FINE, Builder, TooFineError, units
from producers.recordings.reading.tally import Tally
from tickproof.errors import InputError, TickproofError
from tickproof.reference.data import NOTHING, Instrument, Reference
from tickproof.ticks.schema import NS_PER_SECOND, Ticks

BATCH_TICKS = 10_000
HEAD_LINES = 64
"""Subscriptions are within this many first lines."""
_BEGINNING = re.compile(rb"(wss?|https?)://[^\s/]+")
_LINE = re.compile(
    rb"(?:(?P<url>(?:wss?|https?)://\S+) (?P<way><->|<-|->) )?(?P<time>\d{1,10}(?:\.\d{1,9})?)(?:: (?P<json>.*))?", re.S
)
_CONFIGURATION = b"configuration: "
UNKNOWN = "exchange: not known"


Step = tuple[str, str | int | Decimal, str | int | Decimal]


class Exchange(Protocol):
    """The messages of one exchange."""

    venue: str

    def __init__(self, builder: Builder, tally: Tally) -> None: ...

    def received(self, message: Any) -> str | None:
        """Take a message of the session; return its type if it gave no tick."""

    def answered(self, url: str, message: Any) -> str | None:
        """Take an HTTP answer; return its type if it gave no tick."""

    def learn(self, url: str, message: Any) -> None:
        """Learn from an HTTP answer in another file that came during the session; it gives no tick."""

    @staticmethod
    def reference(url: str, sent: list[Any]) -> Reference:
        """Return what the connection's address and the subscriptions imply of the channels."""

    @staticmethod
    def steps(message: Any) -> Iterator[Step]:
        """Return symbols with the steps of their prices and sizes from an HTTP list of instruments."""


EXCHANGES: dict[str, type[Exchange]] = {"binance": Binance, "coinbase": Coinbase, "kraken": Kraken, "bitmex": Bitmex}
"""A word of the host name -> the exchange."""
_UNEXPECTED = (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError)
"""Errors of a message that is JSON but not of the expected form."""
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


FACTS = Facts(
    recognised_by="a first line with a websocket or HTTP address and what was sent to it or received from it",
    clock="two: the time of the line, `ts_recv`, and the exchange's where the message has one, `ts_event`",
    sequence="by exchange and stream: `increasing` where messages carry ids of their own, `none` where ids are those of a book",
    cannot_tell="what a session that began in mid-stream missed; books before their first snapshot",
    sample='`COINBASE.ws.1.0`, lines such as `1618677817.06: {"type": "match", …}`',
)


def recognises(path: Path, first: bytes) -> bool:
    """Return whether a file begins with an address and a message to or from it."""
    if _BEGINNING.match(first) is None:
        return False
    address, space, rest = first.partition(b" ")
    # An address may be longer than what is looked at.
    return b"\n" not in address and (not space or rest.startswith((b"<-", b"->")))


def _exchange(line: bytes) -> type[Exchange] | None:
    host = line.partition(b"://")[2].partition(b"/")[0].partition(b" ")[0].decode("ascii", "replace")
    return next((exchange for word, exchange in EXCHANGES.items() if word in host), None)


def reference(path: Path) -> Reference:
    """Return the channels that a session subscribed to, their sequence, and ticks and lots where a list gives them."""
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
            # Lines that are not messages are counted when the file is read.
            continue
    exchange = _exchange(url.encode())
    if exchange is None:
        return NOTHING
    return merged(exchange.reference(url, sent), Reference(instruments=tuple(instruments)))


def _instruments(exchange: type[Exchange], message: Any) -> list[Instrument]:
    """Return the instruments whose steps are whole units."""
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
    """Yield the ticks of one file.

    Raises
    ------
    InputError
        It is of an exchange that is not read.
    """
    exchange: Exchange | None = None
    builder = Builder("")
    answers = _Answers(iter(()))
    for number, line in enumerate(_lines(path, tally)):
        if exchange is None and (kind := _exchange(line)) is not None:
            builder = Builder(kind.venue, tally.notes)
            exchange = kind(builder, tally)
            answers = _Answers(_answers(path, _time(line)))
        if exchange is not None and answers.has_more:
            answers.pass_on(exchange, _time(line))
        builder.row = number
        if line.strip():
            tally.messages += 1
            _take(line, exchange, builder, tally)
        if len(builder) >= BATCH_TICKS:
            yield builder.take()
    if len(builder):
        yield builder.take()
    if exchange is None:
        first = next(iter(_lines(path, Tally())), b"")
        host = first.partition(b"://")[2].partition(b"/")[0].partition(b" ")[0].decode("ascii", "replace")
        count = tally.undecoded.pop(UNKNOWN, 0)
        raise InputError(f"{path}: {count:,} messages of {host}, which is not read; expected one of {', '.join(EXCHANGES)}")


class _Answers:
    """HTTP answers in other files, passed on to a session as it reaches their times."""

    __slots__ = ("_answers", "_next")

    def __init__(self, answers: Iterator[tuple[int, str, bytes]]) -> None:
        self._answers = answers
        self._next = next(answers, None)

    @property
    def has_more(self) -> bool:
        """Return whether answers are left."""
        return self._next is not None

    def pass_on(self, exchange: Exchange, time: int | None) -> None:
        """Pass all answers up to a time on to the session."""
        while self._next is not None and time is not None and self._next[0] <= time:
            # What is not JSON is counted when their own file is read.
            with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError, *_UNEXPECTED):
                exchange.learn(self._next[1], _decode(self._next[2]))
            self._next = next(self._answers, None)


def _answers(path: Path, start: int | None) -> Iterator[tuple[int, str, bytes]]:
    """Yield (time, address, JSON) of the answers from `start` on in the files of a session's folder, by time."""
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
        tally.undecoded[UNKNOWN] += 1
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
    except TooFineError as error:
        tally.undecoded[TOO_FINE] += 1
        tally.first_undecoded = tally.first_undecoded or f"line {builder.row + 1}: {error}"
        return
    except _UNEXPECTED:
        tally.undecoded[f"{exchange.venue} message: fields missing or of another form"] += 1
        return
    if type_ is not None:
        tally.without_ticks[type_] += 1

"""NASDAQ TotalView-ITCH 5.0 files: trades, and the top of the book that the orders make.

A message stands behind two bytes of its length; in some files these are 0, and the type gives the length.

- **Clock.** One, ns since midnight in New York, of the day in the file's name: `01302019.NASDAQ_ITCH50`, `S081321-v50`, or
  `20190130` in front of ITCH. It is `ts_recv`.
- **Channels.** `NASDAQ.ITCH.TRADE`, `NASDAQ.ITCH.BOOK` and `NASDAQ.ITCH.STATUS`, no numbers: a file keeps none.
- **Trades** are executions of displayed orders, of hidden ones, and crosses; an execution that is not to be printed is counted, a
  cross of no shares, too. A broken trade is a cancel with the match number and no price.
- **Quotes** are the top after each message that changed it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from producers.recordings.reading.compressed import pieces
from producers.recordings.reading.facts import Facts
from producers.recordings.reading.implied_reference import channels
from producers.recordings.reading.row_builder import Builder
from producers.recordings.reading.tally import Tally
from producers.recordings.reading.top_of_book import Book
from producers.recordings.us_equities import itch_messages as itch
from tickproof.errors import InputError
from tickproof.reference.data import Reference
from tickproof.ticks.schema import NS_PER_SECOND, UNITS_PER_ONE, Flag, Kind, Ticks

VENUE = "XNAS"
TRADES, QUOTES, STATUSES = "NASDAQ.ITCH.TRADE", "NASDAQ.ITCH.BOOK", "NASDAQ.ITCH.STATUS"
_BATCH_ROWS = 32_768
_NEW_YORK = ZoneInfo("America/New_York")
_DAYS = (
    (re.compile(r"(?<!\d)((?:0[1-9]|1[0-2])\d\d20\d\d)(?!\d).*ITCH", re.IGNORECASE), "%m%d%Y"),
    (re.compile(r"(?<!\d)(20\d{6})(?!\d).*ITCH", re.IGNORECASE), "%Y%m%d"),
    (re.compile(r"S(\d{6})-v5", re.IGNORECASE), "%m%d%y"),
)

FACTS = Facts(
    recognised_by="a system event `O` at the beginning, behind its length, which may be 0",
    clock="one, ns since midnight in New York of the day in the file's name; `ts_recv`",
    sequence="`none`: a file keeps no numbers",
    cannot_tell="gaps, latency; orders from before the file, whose executions and cancels are counted",
    sample="`01302019.NASDAQ_ITCH50.gz`",
)


class _Order(NamedTuple):
    """An order in a book: the stock, the side, the price and the shares that are left, in units of 1e-9."""

    locate: int
    is_bid: bool
    price: int
    size: int


def recognises(path: Path, first: bytes) -> bool:
    """Return whether the first message is the system event that begins a day."""
    return first[:2] in (b"\0\0", b"\0\x0c") and first[2:5] == b"S\0\0" and first[13:14] == b"O"


def reference(path: Path) -> Reference:
    """Return the channels, which have no sequence numbers."""
    return channels((TRADES, QUOTES, STATUSES), "none")


def _midnight(path: Path) -> int:
    for expression, form in _DAYS:
        found = expression.search(path.name)
        if found is not None:
            try:
                return int(datetime.strptime(found[1], form).replace(tzinfo=_NEW_YORK).timestamp()) * NS_PER_SECOND
            except ValueError:
                continue
    raise InputError(f"{path}: found no day in the name, expected one such as 01302019.NASDAQ_ITCH50 or S013019-v50")


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """Yield the ticks of one file.

    Raises
    ------
    InputError
        The name does not say the day.
    """
    reader = _Reader(_midnight(path), tally)
    rest, row = b"", 0
    for piece in pieces(path, tally):
        data, at = rest + piece, 0
        while at + 3 <= len(data):
            length = data[at] << 8 | data[at + 1] or itch.LENGTHS.get(data[at + 2], 0)
            if not length:
                tally.undecoded[f"message type {data[at + 2 : at + 3]!r} without a length: the rest was not read"] += 1
                tally.messages += 1
                if len(reader.builder):
                    yield reader.builder.take()
                return
            if at + 2 + length > len(data):
                break
            reader.take(data[at + 2 : at + 2 + length], row)
            at += 2 + length
            row += 1
            if len(reader.builder) >= _BATCH_ROWS:
                yield reader.builder.take()
        rest = data[at:]
    if rest:
        tally.messages += 1
        tally.undecoded["message truncated: the file ends in it"] += 1
    if len(reader.builder):
        yield reader.builder.take()


class _Reader:
    """Messages of one day on their way to ticks."""

    def __init__(self, midnight: int, tally: Tally) -> None:
        self.builder = Builder(VENUE, tally.notes)
        self._midnight = midnight
        self._tally = tally
        self._symbols: dict[int, str] = {}
        self._orders: dict[int, _Order] = {}
        self._books: dict[int, Book[int]] = {}
        self._handlers: dict[int, Callable[[bytes, int], None]] = {
            ord("R"): self._directory,
            ord("H"): self._action,
            ord("A"): self._add,
            ord("F"): self._add,
            ord("E"): self._executed,
            ord("C"): self._executed_at,
            ord("X"): self._cancelled,
            ord("D"): self._deleted,
            ord("U"): self._replaced,
            ord("P"): self._trade,
            ord("Q"): self._cross,
            ord("B"): self._broken,
        }

    def take(self, message: bytes, row: int) -> None:
        """Take one message, its type first."""
        self._tally.messages += 1
        type_ = message[0]
        if len(message) < itch.LENGTHS.get(type_, 0):
            self._tally.undecoded[f"message type {chr(type_)}: {len(message)} bytes, expected {itch.LENGTHS[type_]}"] += 1
            return
        handler = self._handlers.get(type_)
        if handler is None:
            name = itch.NAMES.get(chr(type_))
            if name is None:
                self._tally.undecoded[f"message type {message[:1]!r}: not in ITCH 5.0"] += 1
            else:
                self._tally.without_ticks[name] += 1
            return
        locate, upper, lower = itch.LOCATE_AND_TIME.unpack_from(message)
        self.builder.ts_recv, self.builder.row = self._midnight + (upper << 32 | lower), row
        before = len(self.builder)
        handler(message, locate)
        if len(self.builder) == before:
            self._tally.without_ticks[
                itch.NAMES.get(chr(type_), f"{chr(type_)} that changes no best price and prints nothing")
            ] += 1

    def _give(
        self, kind: Kind, channel: str, locate: int, values: dict[str, int | None], conditions: int = 0, flags: int = 0
    ) -> None:
        symbol = self._symbols.get(locate, f"LOCATE.{locate}")
        self.builder.add(kind, channel, symbol, values, flags, conditions)

    def _directory(self, message: bytes, locate: int) -> None:
        (stock,) = itch.DIRECTORY.unpack_from(message)
        self._symbols[locate] = stock.decode("ascii", "replace").rstrip()

    def _action(self, message: bytes, locate: int) -> None:
        _, state = itch.ACTION.unpack_from(message)
        self._give(Kind.STATUS, STATUSES, locate, {}, itch.ACTIONS.get(state, 0))

    def _add(self, message: bytes, locate: int) -> None:
        number, side, shares, _, price = itch.ADD.unpack_from(message)
        self._orders[number] = order = _Order(locate, side == b"B", price * itch.PRICE_UNITS, shares * UNITS_PER_ONE)
        self._move(order, order.size)
        self._quote(locate)

    def _move(self, order: _Order, by: int) -> None:
        """Change the size at an order's price."""
        book = self._books.get(order.locate)
        if book is None:
            book = self._books[order.locate] = Book()
        levels = book.bids if order.is_bid else book.asks
        size = levels.size_at(order.price) + by
        if size > 0:
            levels.put(order.price, size)
        else:
            levels.drop(order.price)

    def _reduced(self, number: int, shares: int | None) -> _Order | None:
        """Take shares from an order, all of them for None; return the order as it was, None if it is not known."""
        order = self._orders.get(number)
        if order is None:
            self._tally.notes["order from before the file"] += 1
            return None
        taken = order.size if shares is None else min(shares * UNITS_PER_ONE, order.size)
        if taken == order.size:
            del self._orders[number]
        else:
            self._orders[number] = order._replace(size=order.size - taken)
        self._move(order, -taken)
        return order

    def _quote(self, locate: int) -> None:
        book = self._books.get(locate)
        top = None if book is None else book.changed()
        if top is not None:
            self._give(Kind.QUOTE, QUOTES, locate, top, flags=0 if locate in self._symbols else Flag.MAYBE_BAD_BOOK)

    def _executed(self, message: bytes, locate: int) -> None:
        number, shares, match = itch.EXECUTED.unpack_from(message)
        order = self._reduced(number, shares)
        if order is not None:
            self._print(locate, order.price, shares, match)
        self._quote(locate)

    def _executed_at(self, message: bytes, locate: int) -> None:
        number, shares, match, printable, price = itch.EXECUTED_AT.unpack_from(message)
        self._reduced(number, shares)
        if printable == b"Y":
            self._print(locate, price * itch.PRICE_UNITS, shares, match)
        self._quote(locate)

    def _print(self, locate: int, price: int, shares: int, match: int, conditions: int = 0) -> None:
        values: dict[str, int | None] = {"price": price, "size": shares * UNITS_PER_ONE, "trade_id": match}
        try:
            self._give(Kind.TRADE, TRADES, locate, values, conditions)
        except ValueError:
            self._tally.undecoded["shares or match number: beyond 64 bits"] += 1

    def _cancelled(self, message: bytes, locate: int) -> None:
        number, shares = itch.CANCEL.unpack_from(message)
        self._reduced(number, shares)
        self._quote(locate)

    def _deleted(self, message: bytes, locate: int) -> None:
        self._reduced(itch.DELETE.unpack_from(message)[0], None)
        self._quote(locate)

    def _replaced(self, message: bytes, locate: int) -> None:
        old, new, shares, price = itch.REPLACE.unpack_from(message)
        order = self._reduced(old, None)
        if order is not None:
            self._orders[new] = changed = order._replace(price=price * itch.PRICE_UNITS, size=shares * UNITS_PER_ONE)
            self._move(changed, changed.size)
        self._quote(locate)

    def _trade(self, message: bytes, locate: int) -> None:
        _, _, shares, _, price, match = itch.TRADE.unpack_from(message)
        self._print(locate, price * itch.PRICE_UNITS, shares, match)

    def _cross(self, message: bytes, locate: int) -> None:
        shares, _, price, match, type_ = itch.CROSS.unpack_from(message)
        if shares:
            self._print(locate, price * itch.PRICE_UNITS, shares, match, itch.CROSSES.get(type_, 0))

    def _broken(self, message: bytes, locate: int) -> None:
        (match,) = itch.BROKEN.unpack_from(message)
        if match < 2**63:
            self._give(Kind.TRADE_CANCEL, TRADES, locate, {"trade_id": match})

"""Binance's books by level: a snapshot over HTTP, and the changes since.

https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#how-to-manage-a-local-order-book-correctly

Every change of a book has an update id. A `depthUpdate` covers those from `U` to `u`, and its `U` follows the last one's `u`:
that chain is verified and counted. A snapshot covers all up to `lastUpdateId`; changes that it covers are left out. Where the top
of a book changes with a message there is a quote on `BINANCE.<SYMBOL>.DEPTH`.

- **Sequence.** Messages that merge many ids and change nothing at the top would leave holes in `u`, and holes that are none hide
  those that are. The quotes are counted on from the `u` of the first, by one, and by one more for each id that the chain lacks:
  `contiguous`, so that a broken chain is a gap of so many ids.
- **A broken chain** shows at once, as a quote with the flag MAYBE_BAD_BOOK, which stays until another snapshot.
- **A snapshot** is used from the time on at which it came, and only by a book that is not whole: none yet, or a broken chain.
  Changes that came before it and that it does not cover are kept until then, and then told with the next one.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from producers.recordings.reading.row_builder import Builder, units
from producers.recordings.reading.tally import Tally
from producers.recordings.reading.top_of_book import Book
from tickproof.ticks.schema import NS_PER_MS, Flag, Kind

WAITING = 1_000
"""How many changes of a symbol wait for its snapshot; Binance sends ten a second, and a snapshot takes about one."""


class Depth:
    """One symbol: its chain, its book once there is one, and what waits for it."""

    __slots__ = ("book", "covered", "last", "lost", "sequence", "waiting")

    def __init__(self) -> None:
        self.last: int | None = None
        """The last update id of the chain as it arrived."""
        self.book: Book[int] | None = None
        self.covered = 0
        """The last update id that the book knows."""
        self.sequence: int | None = None
        """Of the last quote."""
        self.lost = 0
        """Ids that the book lacks since then."""
        self.waiting: deque[dict[str, Any]] = deque(maxlen=WAITING)
        """What came while the book is not whole."""

    def follow(self, data: dict[str, Any]) -> bool:
        """Put a change into the book, if the book does not know it; whether it did not."""
        first, last = _reach(data)
        assert self.book is not None
        if last <= self.covered:
            return False
        if first > self.covered + 1:
            self.lost += first - self.covered - 1
            self.book.suspicious = True
        self.covered = last
        for levels, changes in ((self.book.bids, data["b"]), (self.book.asks, data["a"])):
            for price, size in changes:
                if amount := units(size):
                    levels.put(units(price), amount)
                else:
                    levels.drop(units(price))
        return True

    def begin(self, snapshot: dict[str, Any]) -> None:
        """A snapshot, and what waited for it."""
        book: Book[int] = Book()
        for levels, side in ((book.bids, "bids"), (book.asks, "asks")):
            for price, size in snapshot[side]:
                levels.put(units(price), units(size))
        # A doubt that was told is told to be over, too.
        book.told = None if self.book is None else self.book.told
        self.book, self.covered = book, int(snapshot["lastUpdateId"])
        for data in self.waiting:
            self.follow(data)
        self.waiting.clear()

    @property
    def is_whole(self) -> bool:
        """Whether there is a book, and nothing that it lacks."""
        return self.book is not None and not self.book.suspicious

    def number(self) -> int:
        """The sequence of the next quote."""
        self.sequence = self.covered if self.sequence is None else self.sequence + 1 + self.lost
        self.lost = 0
        return self.sequence


class Depths:
    """Books of one session, by symbol."""

    def __init__(self, builder: Builder, tally: Tally) -> None:
        self._builder = builder
        self._tally = tally
        self._depths: dict[str, Depth] = {}

    def begin(self, symbol: str, snapshot: dict[str, Any]) -> None:
        """A snapshot came; a book that is whole has no need of it."""
        depth = self._depths.setdefault(symbol, Depth())
        if not depth.is_whole:
            depth.begin(snapshot)

    def change(self, data: dict[str, Any]) -> str | None:
        """Take a change; its type if no tick came of it."""
        symbol = data["s"]
        depth = self._depths.setdefault(symbol, Depth())
        try:
            return self._change(symbol, depth, data)
        except Exception:
            # Whatever was wrong with the message, the book lacks it.
            if depth.book is not None:
                depth.book.suspicious = True
            raise

    def _change(self, symbol: str, depth: Depth, data: dict[str, Any]) -> str | None:
        first, last = _reach(data)
        if depth.last is not None and last <= depth.last:
            self._tally.notes[f"depth change that came before: {symbol}"] += 1
            return "depthUpdate that came before"
        if depth.last is not None:
            holds = first == depth.last + 1
            self._tally.notes["depth chain verified" if holds else f"depth chain broken: {symbol}"] += 1
        depth.last = last
        is_new = depth.book is not None and depth.follow(data)
        if not depth.is_whole:
            depth.waiting.append(data)
        if depth.book is None:
            return "depthUpdate before its snapshot"
        if not is_new:
            return "depthUpdate that the snapshot covers"
        top = depth.book.changed()
        if top is None:
            return "depthUpdate below the top of the book"
        flags = Flag.MAYBE_BAD_BOOK if depth.book.suspicious else 0
        values = {**top, "sequence": depth.number(), "ts_event": int(data["E"]) * NS_PER_MS}
        self._builder.add(Kind.QUOTE, f"BINANCE.{symbol}.DEPTH", symbol, values, flags)
        return None


def _reach(data: dict[str, Any]) -> tuple[int, int]:
    """The first and the last update id of a change. Futures say where the last message ended: their ids are not dense."""
    return int(data["pu"]) + 1 if "pu" in data else int(data["U"]), int(data["u"])

"""Venues at work: one compiled walk over all arrivals turns them into quotes, trades and status messages.

Each venue keeps one book a symbol: bid and ask on the grid, displayed lots. It follows the efficient price with its own lag and
noise, moves when the price has left its quote, and lets trades print at or inside its quotes. Order signs have memory and lean
towards the efficient price, which is what makes trades informative.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from producers.market.hours import Session
from producers.market.parameters import Market
from producers.market.universe import Array, Universe
from producers.simulation.order_book import BOOK, TAPE, Habits, refresh, requote, write_quote, write_trade
from producers.simulation.prices import BIN_NS, STEP_NS, Climate
from tickproof.kernel import array_kernel
from tickproof.ticks.schema import ROW, Condition, Kind, Present


class Role(IntEnum):
    """What an arrival is. The last two belong to a channel: their `series` is the channel."""

    QUOTE = 0
    TRADE = 1
    HALT = 2
    RESUME = 3
    AUCTION = 4
    OPENED = 5
    CLOSED = 6
    OPENING_CROSS = 7
    CLOSING_CROSS = 8
    CANCEL = 9
    CORRECTION = 10
    SESSION = 11
    HEARTBEAT = 12


class Happenings(NamedTuple):
    """Arrivals in time order: ns, series (or channel), `Role`; and uniform numbers, shape (n, DRAWS)."""

    times: Array
    series: Array
    roles: Array
    draws: Array


DRAWS = 12
MOST_FILLS = 5
"""Prints of one order at most."""
STATUS = np.zeros(len(Role), np.int64)
"""Role -> condition of its status message; 0: it is none."""
STATUS[[Role.HALT, Role.RESUME]] = Condition.HALTED, Condition.RESUMED
STATUS[[Role.OPENED, Role.CLOSED]] = Condition.SESSION_OPENED, Condition.SESSION_CLOSED
AUCTIONS = np.zeros(len(Role), np.int64)
"""Role -> condition of its auction's print; 0: it is none."""
AUCTIONS[[Role.AUCTION, Role.OPENING_CROSS, Role.CLOSING_CROSS]] = (
    Condition.AUCTION_OPEN,
    Condition.AUCTION_OPEN,
    Condition.AUCTION_CLOSE,
)
_TRADE, _AUCTION, _CANCEL, _CORRECTION = int(Role.TRADE), int(Role.AUCTION), int(Role.CANCEL), int(Role.CORRECTION)
_SESSION = int(Role.SESSION)
_PRINT = int(Present.PRICE | Present.SIZE | Present.TRADE_ID)
_OFFICIAL, _EXTENDED, _ODD_LOT = int(Condition.OFFICIAL_PRICE), int(Condition.EXTENDED_HOURS), int(Condition.ODD_LOT)
_KIND_TRADE, _KIND_CANCEL, _KIND_CORRECTION = int(Kind.TRADE), int(Kind.TRADE_CANCEL), int(Kind.TRADE_CORRECTION)
_KIND_SESSION, _KIND_STATUS, _KIND_HEARTBEAT = int(Kind.SESSION), int(Kind.STATUS), int(Kind.HEARTBEAT)


def habits_of(market: Market) -> Habits:
    """What the venues of a market do now and then."""
    profile = market.character
    if not profile.has_conditions:
        return Habits(market.venue_noise, 0.0, 0.0004, 0.0, 0.0, 0.12, 0.0, 0.08, 0.0, profile.has_sizes)
    return Habits(market.venue_noise, market.explained_share, 0.0004, 0.0003, 0.25, 0.12, 0.02, 0.06, 0.05, profile.has_sizes)


class Books:
    """All books of a market, and what venues do with them."""

    __slots__ = ("_books", "_habits", "_stamped", "_tapes", "_universe")

    def __init__(self, market: Market, universe: Universe) -> None:
        self._universe = universe
        self._habits = habits_of(market)
        self._stamped = int(Present.TS_EVENT | (Present.SEQUENCE if market.character.has_sequence else 0))
        self._books = np.zeros(len(universe.series), BOOK)
        self._books["unusual"] = 1
        self._tapes = np.zeros(universe.symbols, TAPE)
        self._tapes["sign"] = 1

    def reopen(self) -> None:
        """Begin a session: no quote of the last one stands."""
        self._books["unusual"] = 1
        self._books["bid_lots"] = self._books["ask_lots"] = 0

    def advance(self, happenings: Happenings, climate: Climate, session: Session) -> Array:
        """Rows of what the venues publish, in the order of `happenings`; `ts_event` is set, `ts_recv` and `sequence` are not.

        `trade_id` is set on cancels and corrections, and on the trades that they concern: one negative mark on both.
        """
        trades = int(np.count_nonzero(happenings.roles == Role.TRADE))
        rows = np.zeros(2 * len(happenings.times) + (MOST_FILLS - 1) * trades, ROW)
        universe = self._universe
        self._books["last"] = 0
        world = (universe.series, universe.instruments, universe.channels["venue_code"], self._habits, self._stamped)
        scene = (climate.path, climate.path_start, climate.width, climate.start, session.open, session.close)
        count = _walk(happenings, world, scene, (self._books, self._tapes), rows)
        return rows[:count]


@array_kernel()
def _address(row: Any, line: Any, time: int) -> None:
    row.ts_event = time
    row.channel = line.channel
    row.venue = line.venue_code
    row.symbol = line.symbol_code


@array_kernel()
def _amend(row: Any, old: Any, about: Any, draw: Any) -> None:
    """A cancel of an old trade, or its correction: another size, or a price one step off."""
    role, place, tick, stamped = about
    row.kind = _KIND_CANCEL if role == _CANCEL else _KIND_CORRECTION
    row.present = stamped | _PRINT
    row.price = old.price
    row.size = old.size
    row.trade_id = old.trade_id = -place
    if role == _CORRECTION and draw[0] < 0.5 and old.price > tick:
        row.price = old.price + tick if draw[1] < 0.5 else old.price - tick
    elif role == _CORRECTION:
        row.size = old.size * (2 + int(3 * draw[2]))


@array_kernel()
def _fills(rows: Any, count: int, draw: Any) -> int:
    """Spread the last print over several fills of one order, all at one time and price; some of one size as well.

    Sixteen in a hundred of recorded US trades are equal to another of the same millisecond in all that a feed without ids says.
    """
    more = 1 + int(draw[10] * draw[10] * (MOST_FILLS - 1))
    for k in range(more):
        row = rows[count + k]
        old = rows[count - 1]
        row.ts_event = old.ts_event
        row.channel = old.channel
        row.venue = old.venue
        row.symbol = old.symbol
        row.kind = old.kind
        row.present = old.present
        row.price = old.price
        row.conditions = old.conditions
        row.size = old.size if draw[11] < 0.8 or k % 2 or old.conditions & _ODD_LOT else 2 * old.size
    return more


@array_kernel()
def _break_quote(book: Any, target: float, habits: Any, is_early: bool, draw: Any) -> int:
    """Now and then lock a quote, empty a side, or leave a stub before the open; what is missing, as `write_quote` has it."""
    if is_early and draw[9] < habits.stub:
        book.bid = max(1, int(target * (1.0 - 0.1 - 0.8 * draw[3])))
        book.ask = int(target * (1.1 + draw[2])) + 1
        book.bid_lots = book.ask_lots = 1
        book.unusual = 1
    elif draw[8] < habits.locked:
        if draw[7] < 0.5:
            book.ask = book.bid
        else:
            book.bid = book.ask
        book.unusual = 1
    elif draw[8] > 1.0 - habits.one_sided:
        book.unusual = 1
        return 1 if draw[7] < 0.5 else 2
    return 0 if habits.has_sizes else 4


@array_kernel()
def _walk(happenings: Any, world: Any, scene: Any, state: Any, rows: Any) -> int:
    series, instruments, channel_venue, habits, stamped = world
    path, path_start, width, width_start, opening, closing = scene
    books, tapes = state
    count = 0
    for n in range(len(happenings.times)):
        time, at, role = happenings.times[n], happenings.series[n], happenings.roles[n]
        draw = happenings.draws[n]
        row = rows[count]
        if role >= _SESSION:
            count += 1
            row.ts_event = time
            row.kind = _KIND_SESSION if role == _SESSION else _KIND_HEARTBEAT
            row.channel = at
            row.venue = channel_venue[at]
            row.symbol = -1
            row.present = stamped
            continue
        line = series[at]
        book = books[at]
        symbol = line.instrument
        instrument = instruments[symbol]
        if role in (_CANCEL, _CORRECTION):
            if book.last > 0:
                _address(row, line, time)
                _amend(row, rows[book.last - 1], (role, book.last, instrument.tick, stamped), draw)
                book.last = 0
                count += 1
            continue
        _address(row, line, time)
        count += 1
        if STATUS[role] != 0:
            row.kind = _KIND_STATUS
            row.present = stamped
            row.conditions = STATUS[role]
            book.unusual = 1
            continue

        # One step back and the venue's lag: the path ends one step before the block does.
        place = (time - STEP_NS - line.lag - path_start) / STEP_NS
        step = int(place)
        part = place - step
        price = path[step, symbol] * (1.0 - part) + path[step + 1, symbol] * part
        is_early = time < opening
        if AUCTIONS[role] != 0:
            for official in range(1 if role == _AUCTION else 2):
                row = rows[count - 1 + official]
                _address(row, line, time)
                row.kind = _KIND_TRADE
                row.present = stamped | _PRINT
                row.price = max(1, int(np.rint(price))) * instrument.tick
                row.size = int((20 + int(200 * draw[0])) * (1.0 + 0.02 * instrument.rate)) * instrument.lot
                row.conditions = AUCTIONS[role] | (_OFFICIAL if official else 0)
            count += 0 if role == _AUCTION else 1
            continue
        spread = instrument.spread * line.width * width[min((time - width_start) // BIN_NS, len(width) - 1), symbol]
        half = 0.5 * max(1.0, spread)
        depth = instrument.depth * line.depth
        # Two uniform numbers, scaled to unit variance, give an AR(1) with the wanted stationary deviation.
        book.noise = 0.97 * book.noise + 0.243 * habits.noise * line.noise * 2.449 * (draw[10] + draw[11] - 1.0)
        target = price + book.noise * half
        away = target - 0.5 * (book.bid + book.ask)
        is_stale = abs(away) > 1.5 * (book.ask - book.bid) + 1.0
        if role == _TRADE and book.unusual == 0 and (not is_stale or draw[0] < 0.3):
            outcome = write_trade(row, book, tapes[symbol], (away, instrument, habits, stamped), draw)
            if is_early or time >= closing:
                row.conditions |= _EXTENDED
            if outcome > 0:
                book.last = count
                if draw[0] < habits.fills:
                    count += _fills(rows, count, draw)
            if is_stale:
                # Who takes a price that has been left leaves nothing of it.
                requote(book, target, spread, depth, draw)
            elif outcome < 2:
                continue
            row = rows[count]
            count += 1
            _address(row, line, time)
            write_quote(row, book, instrument, stamped, 0 if habits.has_sizes else 4)
            continue
        # A quote leaves its price when that has left the quote; the margin keeps large-tick names from flickering.
        tolerance = 0.5 * (book.ask - book.bid) * (0.3 + 0.7 / (1.0 + 0.2 * spread)) + 0.15
        if book.unusual != 0 or abs(away) > tolerance or draw[7] < 0.01:
            requote(book, target, spread, depth, draw)
        else:
            refresh(book, away, spread, depth, draw)
        write_quote(row, book, instrument, stamped, _break_quote(book, target, habits, is_early, draw))
    return count

"""Venues at work: one compiled walk over all arrivals turns them into quotes, trades and status messages.

Each venue keeps one book a symbol: bid and ask on the grid, displayed lots. It follows the efficient price with its own lag and
noise, moves when the price has left its quote, and lets trades print at or inside its quotes. Order signs have memory (orders are
split into runs with a heavy tail, Lillo, Mike and Farmer, 2005) and lean towards the efficient price, which is what makes trades
informative.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from producers.market import Market
from producers.prices import BIN_NS, STEP_NS, Climate
from producers.universe import TICK, Array, Universe
from tickproof.tick import ROW, UNITS_PER_ONE, Condition, Kind, Present


class Role(IntEnum):
    """What an arrival is. The last two belong to a channel: their `series` is the channel."""

    QUOTE = 0
    TRADE = 1
    HALT = 2
    RESUME = 3
    AUCTION = 4
    OPENED = 5
    SESSION = 6
    HEARTBEAT = 7


class Happenings(NamedTuple):
    """Arrivals in time order: ns, series (or channel), `Role`; and uniform numbers, shape (n, DRAWS)."""

    times: Array
    series: Array
    roles: Array
    draws: Array


class Habits(NamedTuple):
    """Probabilities of what venues do now and then, and the noise of their quotes in half spreads."""

    noise: float
    explained: float
    locked: float = 0.0004
    one_sided: float = 0.0003
    sweep: float = 0.25
    inside: float = 0.12


DRAWS = 12
BOOK = np.dtype(
    [
        ("bid", "i8"),  # ticks
        ("ask", "i8"),
        ("bid_lots", "i8"),
        ("ask_lots", "i8"),
        ("noise", "f8"),  # half spreads
        ("unusual", "i8"),  # 1: not a usual quote (none yet, locked, one-sided, just resumed), to be set right at the next chance
    ]
)
"""A symbol's quotes on one venue."""
TAPE = np.dtype([("sign", "i8"), ("run", "i8")])
"""A symbol's current run of orders of one sign."""

_QUOTE, _TRADE, _HALT, _RESUME = int(Role.QUOTE), int(Role.TRADE), int(Role.HALT), int(Role.RESUME)
_AUCTION, _OPENED, _SESSION, _HEARTBEAT = int(Role.AUCTION), int(Role.OPENED), int(Role.SESSION), int(Role.HEARTBEAT)
_STAMPED = int(Present.TS_EVENT | Present.SEQUENCE)
_BID, _ASK = int(Present.BID_PX | Present.BID_SZ), int(Present.ASK_PX | Present.ASK_SZ)
_PRINT = int(Present.PRICE | Present.SIZE | Present.TRADE_ID)
_BID_SZ, _ASK_SZ = int(Present.BID_SZ), int(Present.ASK_SZ)
_ODD_LOT, _SWEEP, _AUCTION_OPEN = int(Condition.ODD_LOT), int(Condition.INTERMARKET_SWEEP), int(Condition.AUCTION_OPEN)
EXPLAINING = np.array(
    [
        Condition.AVERAGE_PRICE,
        Condition.DERIVATIVELY_PRICED,
        Condition.SOLD_LATE,
        Condition.OUT_OF_SEQUENCE,
        Condition.PRIOR_REFERENCE_PRICE,
        Condition.CONTINGENT,
    ],
    np.int64,
)
"""Conditions of prints that may lie away from the market."""
_HALTED, _RESUMED, _WAS_OPENED = int(Condition.HALTED), int(Condition.RESUMED), int(Condition.SESSION_OPENED)
_KIND_TRADE, _KIND_HEARTBEAT = int(Kind.TRADE), int(Kind.HEARTBEAT)
_KIND_SESSION, _KIND_STATUS = int(Kind.SESSION), int(Kind.STATUS)


class Books:
    """All books of a market, and what venues do with them."""

    __slots__ = ("_books", "_habits", "_tapes", "_universe")

    def __init__(self, market: Market, universe: Universe) -> None:
        self._universe = universe
        self._habits = Habits(noise=market.venue_noise, explained=market.explained_share)
        self._books = np.zeros(len(universe.series), BOOK)
        self._books["unusual"] = 1
        self._tapes = np.zeros(universe.symbols, TAPE)
        self._tapes["sign"] = 1

    def advance(self, happenings: Happenings, climate: Climate) -> Array:
        """Rows of what the venues publish, in the order of `happenings`; `ts_event` is set, `ts_recv` and `sequence` are not."""
        rows = np.zeros(2 * len(happenings.times), ROW)
        universe = self._universe
        world = (universe.series, universe.instruments, universe.channels["venue_code"], self._habits)
        scene = (climate.path, climate.path_start, climate.width, climate.start)
        count = _walk(happenings, world, scene, (self._books, self._tapes), rows)
        return rows[:count]


@njit(cache=True)
def _lots(depth: float, draw: float) -> int:
    """Displayed lots: Pareto-like with the given scale, at least 1."""
    return 1 + int(0.6 * depth * ((1.0 - 0.999 * draw) ** -0.6 - 0.4))


@njit(cache=True)
def _requote(book: Any, target: float, spread: float, depth: float, draw: Any) -> None:
    """Put both sides around `target`."""
    width = max(1, int(spread * (0.7 + 0.6 * draw[3]) + 0.5))
    bid = max(1, int(np.rint(target - 0.5 * width)))
    if bid != book.bid or book.bid_lots == 0:
        book.bid_lots = _lots(depth, draw[4])
    if bid + width != book.ask or book.ask_lots == 0:
        book.ask_lots = _lots(depth, draw[5])
    book.bid = bid
    book.ask = bid + width
    book.unusual = 0


@njit(cache=True)
def _refresh(book: Any, away: float, spread: float, depth: float, draw: Any) -> None:
    """A small change: one side moves a step towards the usual spread, or only displayed lots change."""
    width = book.ask - book.bid
    if draw[6] < 0.3:
        if width > 1 and width > spread:
            if away > 0.0:
                book.bid += 1
                book.bid_lots = _lots(depth, draw[4])
            else:
                book.ask -= 1
                book.ask_lots = _lots(depth, draw[4])
            return
        if width + 1 <= 1.3 * spread:
            if away > 0.0:
                book.ask += 1
                book.ask_lots = _lots(depth, draw[4])
                return
            if book.bid > 1:
                book.bid -= 1
                book.bid_lots = _lots(depth, draw[4])
                return
    change = 1 + int(draw[4] * 0.5 * depth)
    if draw[7] < 0.5:
        book.bid_lots = book.bid_lots + change if draw[5] < 0.5 or book.bid_lots <= change else book.bid_lots - change
    else:
        book.ask_lots = book.ask_lots + change if draw[5] < 0.5 or book.ask_lots <= change else book.ask_lots - change


@njit(cache=True)
def _sign(tape: Any, lean: float, draw: Any) -> int:
    """Buy (1) or sell (−1): the symbol's current run, or towards the efficient price where that is far off."""
    if tape.run <= 0:
        tape.sign = 1 if draw[4] < 0.5 + max(-0.35, min(0.35, 0.3 * lean)) else -1
        tape.run = int((1.0 - 0.999 * draw[5]) ** -0.66)
    tape.run -= 1
    if draw[6] < 0.25:
        return 1 if draw[7] < 0.5 + max(-0.45, min(0.45, 0.4 * lean)) else -1
    return int(tape.sign)


@njit(cache=True)
def _write_quote(row: Any, book: Any, lot: int, missing: int) -> None:
    """The book as a quote message; `missing` 1: no bid, 2: no ask."""
    present = _STAMPED
    if missing == 1:
        present |= _BID_SZ
    else:
        present |= _BID
        row.bid_px = book.bid * TICK
        row.bid_sz = book.bid_lots * lot * UNITS_PER_ONE
    if missing == 2:
        present |= _ASK_SZ
    else:
        present |= _ASK
        row.ask_px = book.ask * TICK
        row.ask_sz = book.ask_lots * lot * UNITS_PER_ONE
    row.present = present


@njit(cache=True)
def _traded_lots(draw: float) -> int:
    """Lots of a trade: two in three are of one lot, and the tail is a power law of exponent 1.5.

    Gopikrishnan, Plerou, Gabaix, Stanley: "Statistical properties of share volume traded in financial markets", Physical Review
    E 62 (2000) R4493.
    """
    return int((1.0 - 0.999999 * draw) ** (-1.0 / 1.5))


@njit(cache=True)
def _trade(row: Any, book: Any, tape: Any, about: Any, draw: Any) -> bool:
    """Write one trade into `row` and take it from the book; whether the book changed."""
    away, lot, odd, habits = about
    middle = 0.5 * (book.bid + book.ask)
    sign = _sign(tape, away / (0.5 * (book.ask - book.bid) + 0.5), draw)
    row.kind = _KIND_TRADE
    row.present = _STAMPED | _PRINT
    price = book.ask if sign > 0 else book.bid
    width = book.ask - book.bid
    shown = book.ask_lots if sign > 0 else book.bid_lots
    if draw[1] < habits.explained:
        # Up to 2 % away, mostly little; such a print takes nothing from the book.
        share = draw[1] / habits.explained
        distance = 0.02 * draw[3] * draw[3] * (1.0 if draw[8] < 0.5 else -1.0)
        row.price = max(1, int(np.rint(middle * (1.0 + distance)))) * TICK
        row.size = _traded_lots(draw[9]) * lot * UNITS_PER_ONE
        row.conditions = EXPLAINING[min(int(share * len(EXPLAINING)), len(EXPLAINING) - 1)]
        return False
    if width > 1 and draw[8] < habits.inside:
        price = book.bid + 1 + int(draw[3] * (width - 1))
    row.price = price * TICK
    if draw[9] < odd:
        row.size = (1 + int(draw[9] / odd * draw[2] * (lot - 1))) * UNITS_PER_ONE
        row.conditions = _ODD_LOT
        return False
    # More than the book shows comes from orders that hide.
    taken = _traded_lots(draw[2])
    row.size = taken * lot * UNITS_PER_ONE
    if draw[1] > 1.0 - habits.sweep:
        row.conditions = _SWEEP
    left = shown - taken
    if left > 0 and sign > 0:
        book.ask_lots = left
    elif left > 0:
        book.bid_lots = left
    elif sign > 0:
        # The level is gone: the next one is a step away.
        book.ask += 1
        book.ask_lots = _lots(2.0, draw[3])
    elif book.bid > 1:
        book.bid -= 1
        book.bid_lots = _lots(2.0, draw[3])
    else:
        book.bid_lots = 1
    return True


@njit(cache=True)
def _walk(happenings: Any, world: Any, scene: Any, state: Any, rows: Any) -> int:
    series, instruments, channel_venue, habits = world
    path, path_start, width, width_start = scene
    books, tapes = state
    count = 0
    for n in range(len(happenings.times)):
        time, at, role = happenings.times[n], happenings.series[n], happenings.roles[n]
        draw = happenings.draws[n]
        row = rows[count]
        count += 1
        row.ts_event = time
        if role >= _SESSION:
            row.kind = _KIND_SESSION if role == _SESSION else _KIND_HEARTBEAT
            row.channel = at
            row.venue = channel_venue[at]
            row.symbol = -1
            row.present = _STAMPED
            continue
        line = series[at]
        row.channel = line.channel
        row.venue = line.venue_code
        row.symbol = line.symbol_code
        book = books[at]
        symbol = line.instrument
        instrument = instruments[symbol]
        if role in (_HALT, _RESUME, _OPENED):
            row.kind = _KIND_STATUS
            row.present = _STAMPED
            row.conditions = _HALTED if role == _HALT else (_RESUMED if role == _RESUME else _WAS_OPENED)
            book.unusual = 1
            continue

        # One step back and the venue's lag: the path ends one step before the block does.
        place = (time - STEP_NS - line.lag - path_start) / STEP_NS
        step = int(place)
        part = place - step
        price = path[step, symbol] * (1.0 - part) + path[step + 1, symbol] * part
        if role == _AUCTION:
            row.kind = _KIND_TRADE
            row.present = _STAMPED | _PRINT
            row.price = max(1, int(np.rint(price))) * TICK
            row.size = (20 + int(200 * draw[0])) * instrument.lot * UNITS_PER_ONE
            row.conditions = _AUCTION_OPEN
            continue
        spread = instrument.spread * line.width * width[min((time - width_start) // BIN_NS, len(width) - 1), symbol]
        half = 0.5 * max(1.0, spread)
        # Two uniform numbers, scaled to unit variance, give an AR(1) with the wanted stationary deviation.
        book.noise = 0.97 * book.noise + 0.243 * habits.noise * 2.449 * (draw[10] + draw[11] - 1.0)
        target = price + book.noise * half
        away = target - 0.5 * (book.bid + book.ask)
        is_stale = abs(away) > 1.5 * (book.ask - book.bid) + 1.0
        if role == _TRADE and book.unusual == 0 and (not is_stale or draw[0] < 0.3):
            about = (away, instrument.lot, instrument.odd, habits)
            if not _trade(row, book, tapes[symbol], about, draw):
                continue
            row = rows[count]
            count += 1
            row.ts_event = time
            row.channel = line.channel
            row.venue = line.venue_code
            row.symbol = line.symbol_code
            _write_quote(row, book, instrument.lot, 0)
            continue
        # A quote leaves its price when that has left the quote; the margin keeps large-tick names from flickering.
        tolerance = 0.5 * (book.ask - book.bid) * (0.4 + 0.6 / (1.0 + 0.2 * spread)) + 0.15
        if book.unusual != 0 or abs(away) > tolerance or draw[7] < 0.01:
            _requote(book, target, spread, instrument.depth, draw)
        else:
            _refresh(book, away, spread, instrument.depth, draw)
        missing = 0
        if draw[8] < habits.locked:
            if draw[7] < 0.5:
                book.ask = book.bid
            else:
                book.bid = book.ask
            book.unusual = 1
        elif draw[8] > 1.0 - habits.one_sided:
            missing = 1 if draw[7] < 0.5 else 2
            book.unusual = 1
        _write_quote(row, book, instrument.lot, missing)
    return count

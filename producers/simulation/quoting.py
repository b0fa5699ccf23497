"""Venues at work: one compiled pass over all arrivals turns them into quotes, trades and status messages.

Each venue keeps one quote a symbol: bid and ask on the grid, displayed lots. It follows the efficient price with its own lag and
noise, moves when the price has left its quote, and lets trades print at or inside its quotes. Order signs have memory and lean
towards the efficient price, which is what makes trades informative.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from producers.market.hours import Session
from producers.market.parameters import Market
from producers.market.universe import Array, Universe
from producers.simulation.prices import BIN_NS, STEP_NS, Climate
from producers.simulation.venue_quote import (
    NO_TRADE,
    TAPE,
    VENUE_QUOTE,
    Habits,
    Missing,
    Occasion,
    Outcome,
    refresh,
    requote,
    write_quote,
    write_trade,
)
from tickproof.kernel import kernel
from tickproof.ticks.records import Record, Records
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


class World(NamedTuple):
    """What stays the same while a market is simulated.

    Attributes
    ----------
    series : array of SERIES
    instruments : array of INSTRUMENT
    channel_venue : array, shape (channels,)
        Code of each channel's venue.
    habits : Habits
    stamped : int
        Bits of `Present` that every message has.
    """

    series: Records
    instruments: Records
    channel_venue: Array
    habits: Habits
    stamped: int


class Scene(NamedTuple):
    """One block: its climate (see `Climate` for `path`, `width` and their beginnings), the session's open and close in ns."""

    path: Array
    path_start: int
    width: Array
    width_start: int
    opening: int
    closing: int


DRAWS = 12
MOST_FILLS = 5
"""Prints of one order at most."""
STATUS = np.zeros(len(Role), np.int64)
"""Role -> condition of its status message; 0: it has none."""
STATUS[[Role.HALT, Role.RESUME]] = Condition.HALTED, Condition.RESUMED
STATUS[[Role.OPENED, Role.CLOSED]] = Condition.SESSION_OPENED, Condition.SESSION_CLOSED
AUCTIONS = np.zeros(len(Role), np.int64)
"""Role -> condition of its auction's print; 0: it has none."""
AUCTIONS[[Role.AUCTION, Role.OPENING_CROSS, Role.CLOSING_CROSS]] = (
    Condition.AUCTION_OPEN,
    Condition.AUCTION_OPEN,
    Condition.AUCTION_CLOSE,
)
_TRADE, _AUCTION, _SESSION = int(Role.TRADE), int(Role.AUCTION), int(Role.SESSION)
_CANCEL, _CORRECTION = int(Role.CANCEL), int(Role.CORRECTION)
_OFF_QUOTE, _CHANGED = int(Outcome.OFF_QUOTE), int(Outcome.CHANGED)
_NOTHING, _NO_BID, _NO_ASK, _NO_SIZES = int(Missing.NOTHING), int(Missing.BID), int(Missing.ASK), int(Missing.SIZES)
_PRINT = int(Present.PRICE | Present.SIZE | Present.TRADE_ID)
_OFFICIAL, _EXTENDED, _ODD_LOT = int(Condition.OFFICIAL_PRICE), int(Condition.EXTENDED_HOURS), int(Condition.ODD_LOT)
_KIND_TRADE, _KIND_CANCEL, _KIND_CORRECTION = int(Kind.TRADE), int(Kind.TRADE_CANCEL), int(Kind.TRADE_CORRECTION)
_KIND_SESSION, _KIND_STATUS, _KIND_HEARTBEAT = int(Kind.SESSION), int(Kind.STATUS), int(Kind.HEARTBEAT)


def habits_of(market: Market) -> Habits:
    """Return what the venues of a market do now and then."""
    profile = market.character
    if not profile.has_conditions:
        return Habits(market.venue_noise, 0.0, 0.0004, 0.0, 0.0, 0.12, 0.0, 0.08, 0.0, profile.has_sizes)
    return Habits(market.venue_noise, market.explained_share, 0.0004, 0.0003, 0.25, 0.12, 0.02, 0.06, 0.05, profile.has_sizes)


class Venues:
    """All venues of a market: their quotes, and what they publish."""

    __slots__ = ("_quotes", "_tapes", "_world")

    def __init__(self, market: Market, universe: Universe) -> None:
        stamped = int(Present.TS_EVENT | (Present.SEQUENCE if market.character.has_sequence else 0))
        codes = universe.channels["venue_code"]
        self._world = World(universe.series, universe.instruments, codes, habits_of(market), stamped)
        self._quotes = np.zeros(len(universe.series), VENUE_QUOTE)
        self._quotes["unusual"] = 1
        self._tapes = np.zeros(universe.symbols, TAPE)
        self._tapes["sign"] = 1

    def reopen(self) -> None:
        """Begin a session: no quote of the last one stands."""
        self._quotes["unusual"] = 1
        self._quotes["bid_lots"] = self._quotes["ask_lots"] = 0

    def advance(self, happenings: Happenings, climate: Climate, session: Session) -> Array:
        """Return rows of what the venues publish, in the order of `happenings`; only `ts_event` of their times is set.

        `sequence` is not set. `trade_id` is set on cancels and corrections, and on the trades that they concern: one negative
        mark on both.
        """
        trades = int(np.count_nonzero(happenings.roles == Role.TRADE))
        rows = np.zeros(2 * len(happenings.times) + (MOST_FILLS - 1) * trades, ROW)
        self._quotes["last"] = NO_TRADE
        scene = Scene(climate.path, climate.path_start, climate.width, climate.start, session.open, session.close)
        count = _publish(happenings, self._world, scene, self._quotes, self._tapes, rows)
        return rows[:count]


@kernel()
def _publish(happenings: Happenings, world: World, scene: Scene, quotes: Records, tapes: Records, rows: Records) -> int:
    """Write a row or more for each arrival, in order; return how many rows there are."""
    count = 0
    for n in range(len(happenings.times)):
        time, at, role = happenings.times[n], happenings.series[n], happenings.roles[n]
        draw = happenings.draws[n]
        row = rows[count]
        if role >= _SESSION:
            _write_channel(row, time, at, role, world)
            count += 1
            continue
        line = world.series[at]
        quote = quotes[at]
        instrument = world.instruments[line.instrument]
        if role in (_CANCEL, _CORRECTION):
            if quote.last != NO_TRADE:
                _address(row, line, time)
                _amend(row, rows[quote.last - 1], role, instrument.tick, draw)
                row.present = world.stamped | _PRINT
                row.trade_id = rows[quote.last - 1].trade_id = -quote.last
                quote.last = NO_TRADE
                count += 1
            continue
        _address(row, line, time)
        count += 1
        if STATUS[role] != 0:
            row.kind = _KIND_STATUS
            row.present = world.stamped
            row.conditions = STATUS[role]
            quote.unusual = 1
            continue
        price = _price(time, line, scene)
        if AUCTIONS[role] != 0:
            _write_auction(row, instrument, price, role, draw)
            row.present = world.stamped | _PRINT
            if role != _AUCTION:
                # The official price follows.
                rows[count] = row
                rows[count].conditions |= _OFFICIAL
                count += 1
            continue
        spread = _usual_spread(time, line, instrument, scene)
        target = _target(quote, line, price, spread, world.habits.noise, draw)
        away = target - 0.5 * (quote.bid + quote.ask)
        is_early = time < scene.opening
        # numba cannot return records from a function, so this is put together here.
        occasion = Occasion(
            time=time,
            line=line,
            instrument=instrument,
            habits=world.habits,
            stamped=world.stamped,
            target=target,
            away=away,
            spread=spread,
            depth=instrument.depth * line.depth,
            is_stale=abs(away) > 1.5 * (quote.ask - quote.bid) + 1.0,
            is_early=is_early,
            is_extended=is_early or time >= scene.closing,
        )
        if role == _TRADE and quote.unusual == 0 and (not occasion.is_stale or draw[0] < 0.3):
            count = _trade(rows, count, quote, tapes[line.instrument], occasion, draw)
        else:
            _update_quote(row, quote, occasion, draw)
    return count


@kernel()
def _write_channel(row: Record, time: int, channel: int, role: int, world: World) -> None:
    """Write a channel's session message or heartbeat."""
    row.ts_event = time
    row.kind = _KIND_SESSION if role == _SESSION else _KIND_HEARTBEAT
    row.channel = channel
    row.venue = world.channel_venue[channel]
    row.symbol = -1
    row.present = world.stamped


@kernel()
def _address(row: Record, line: Record, time: int) -> None:
    """Write whom a message is about, and the venue's time in ns."""
    row.ts_event = time
    row.channel = line.channel
    row.venue = line.venue_code
    row.symbol = line.symbol_code


@kernel()
def _amend(row: Record, old: Record, role: int, tick: int, draw: Array) -> None:
    """Write a cancel of an old trade, or its correction: another size, or a price one step off."""
    row.kind = _KIND_CANCEL if role == _CANCEL else _KIND_CORRECTION
    row.price = old.price
    row.size = old.size
    if role == _CORRECTION and draw[0] < 0.5 and old.price > tick:
        row.price = old.price + tick if draw[1] < 0.5 else old.price - tick
    elif role == _CORRECTION:
        row.size = old.size * (2 + int(3 * draw[2]))


@kernel()
def _price(time: int, line: Record, scene: Scene) -> float:
    """Return the efficient price, in price steps, as a venue knows it: one step of the path and the venue's lag ago."""
    # The path ends one step before the block does.
    place = (time - STEP_NS - line.lag - scene.path_start) / STEP_NS
    step = int(place)
    part = place - step
    symbol = line.instrument
    return float(scene.path[step, symbol] * (1.0 - part) + scene.path[step + 1, symbol] * part)


@kernel()
def _write_auction(row: Record, instrument: Record, price: float, role: int, draw: Array) -> None:
    """Write the print of an auction at a price in price steps."""
    row.kind = _KIND_TRADE
    row.price = max(1, int(np.rint(price))) * instrument.tick
    row.size = int((20 + int(200 * draw[0])) * (1.0 + 0.02 * instrument.rate)) * instrument.lot
    row.conditions = AUCTIONS[role]


@kernel()
def _usual_spread(time: int, line: Record, instrument: Record, scene: Scene) -> float:
    """Return the spread, in price steps, that a venue usually quotes at a time."""
    place = min((time - scene.width_start) // BIN_NS, len(scene.width) - 1)
    return float(instrument.spread * line.width * scene.width[place, line.instrument])


@kernel()
def _target(quote: Record, line: Record, price: float, spread: float, noise: float, draw: Array) -> float:
    """Move a quote's noise on; return where the venue sees the price, in price steps."""
    # Two uniform numbers, scaled to unit variance, give an AR(1) with the wanted stationary deviation.
    quote.noise = 0.97 * quote.noise + 0.243 * noise * line.noise * 2.449 * (draw[10] + draw[11] - 1.0)
    return float(price + quote.noise * (0.5 * max(1.0, spread)))


@kernel()
def _trade(rows: Records, count: int, quote: Record, tape: Record, occasion: Occasion, draw: Array) -> int:
    """Write a trade into the last of `count` rows, then its fills and the quote that it leaves; return the new count."""
    row = rows[count - 1]
    outcome = write_trade(row, quote, tape, occasion, draw)
    if occasion.is_extended:
        row.conditions |= _EXTENDED
    if outcome != _OFF_QUOTE:
        quote.last = count
        if draw[0] < occasion.habits.fills:
            count += _fills(rows, count, draw)
    if occasion.is_stale:
        # Who takes a price that has been left leaves nothing of it.
        requote(quote, occasion.target, occasion.spread, occasion.depth, draw)
    elif outcome != _CHANGED:
        return count
    row = rows[count]
    _address(row, occasion.line, occasion.time)
    write_quote(row, quote, occasion.instrument, occasion.stamped, _NOTHING if occasion.habits.has_sizes else _NO_SIZES)
    return count + 1


@kernel()
def _fills(rows: Records, count: int, draw: Array) -> int:
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


@kernel()
def _update_quote(row: Record, quote: Record, occasion: Occasion, draw: Array) -> None:
    """Quote anew where the price has left the quote, else refresh it, and write it."""
    # A quote leaves its price when that has left the quote; the margin keeps large-tick names from flickering.
    tolerance = 0.5 * (quote.ask - quote.bid) * (0.3 + 0.7 / (1.0 + 0.2 * occasion.spread)) + 0.15
    if quote.unusual != 0 or abs(occasion.away) > tolerance or draw[7] < 0.01:
        requote(quote, occasion.target, occasion.spread, occasion.depth, draw)
    else:
        refresh(quote, occasion.away, occasion.spread, occasion.depth, draw)
    missing = _break_quote(quote, occasion, draw)
    write_quote(row, quote, occasion.instrument, occasion.stamped, missing)


@kernel()
def _break_quote(quote: Record, occasion: Occasion, draw: Array) -> int:
    """Now and then lock a quote, empty a side, or leave a stub before the open; return the `Missing` of its message."""
    habits, target = occasion.habits, occasion.target
    if occasion.is_early and draw[9] < habits.stub:
        quote.bid = max(1, int(target * (1.0 - 0.1 - 0.8 * draw[3])))
        quote.ask = int(target * (1.1 + draw[2])) + 1
        quote.bid_lots = quote.ask_lots = 1
        quote.unusual = 1
    elif draw[8] < habits.locked:
        if draw[7] < 0.5:
            quote.ask = quote.bid
        else:
            quote.bid = quote.ask
        quote.unusual = 1
    elif draw[8] > 1.0 - habits.one_sided:
        quote.unusual = 1
        return _NO_BID if draw[7] < 0.5 else _NO_ASK
    return _NOTHING if habits.has_sizes else _NO_SIZES

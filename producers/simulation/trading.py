"""Trading block by block: rows in the order in which venues stamp them, before a channel has carried them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from producers.market import genuine_events
from producers.market.agenda import Agenda
from producers.market.genuine_events import Event
from producers.market.hours import Session
from producers.market.parameters import Market
from producers.market.universe import Array, Universe
from producers.simulation.arrivals import Arrivals
from producers.simulation.prices import Prices
from producers.simulation.quoting import DRAWS, Books, Happenings, Role
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND

HEARTBEAT_NS = NS_PER_SECOND
"""Interval at which venues announce the next sequence number on each channel."""
FIRST_QUOTES_NS = 500 * NS_PER_MS
CLOSING_NS = 20 * NS_PER_MS
"""How long before its end a session's end is announced."""
OPENING_CROSS_NS, CLOSING_CROSS_NS = 3 * NS_PER_SECOND, 1_500 * NS_PER_MS
"""Time from the bell within which symbols cross one after another."""
AMENDED_SHARE = 3e-4
"""Share of trades that their venue cancels or corrects a few seconds later; three in four are cancels."""
AMENDED_AFTER_S = 3.0

Messages = tuple[Array, Array, Array]
"""Times, series or channels, roles."""


@dataclass(frozen=True, slots=True)
class Trading:
    """What the venues published in [start, end).

    Parameters
    ----------
    number, start, end : int
        Which block, and its bounds in ns of venue time.
    rows : array of ROW
        In order of `ts_event`; `ts_recv`, `sequence` and `trade_id` are still empty.
    events : list of Event
        Genuine events that touch the block.
    is_last : bool
        Whether a pause follows, or the end of the stream.
    """

    number: int
    start: int
    end: int
    rows: Array
    events: list[Event]
    is_last: bool


def trade(market: Market, universe: Universe) -> Iterator[Trading]:
    """Yield the blocks of a market, in order."""
    agenda = Agenda(market, universe)
    prices = Prices.open(market, universe)
    arrivals = Arrivals(market, universe)
    books = Books(market, universe)
    blocks, sessions = market.blocks, iter(market.sessions)
    session = next(sessions)
    for number, (start, end) in enumerate(blocks):
        is_opening = number == 0 or start > blocks[number - 1][1] or start >= session.end
        if start >= session.end:
            session = next(sessions)
        events = agenda.plan(number, (start, end), session)
        if is_opening and number:
            prices.reopen(number, start - blocks[number - 1][1], events)
            books.reopen()
        climate = prices.advance(number, (start, end), session, events)
        times, series = arrivals.advance(number, end, climate, events)
        rng = market.random(6, number)
        is_trade = rng.random(len(times)) < universe.instruments["trades"][series % universe.symbols]
        parts = [
            (times, series, np.where(is_trade, Role.TRADE, Role.QUOTE).astype(np.int8)),
            *_heartbeats(market, universe, start, end),
            *_amendments(times[is_trade], series[is_trade], end, rng),
            *_halts(universe, events, start, end),
            *_resets(events, start, end),
        ]
        if market.character.hours.has_crosses:
            parts += _crosses(market, universe, session, (start, end))
        if is_opening:
            parts += _opening(universe, start, end, rng)
        if end == session.end:
            every = np.arange(len(universe.series))
            parts.append((end - CLOSING_NS + every * 1000, every, np.full(len(every), Role.CLOSED, np.int8)))
        times, series, roles = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(times, kind="stable")
        draws = rng.random((len(order), DRAWS), dtype=np.float32)
        happenings = Happenings(times[order], series[order].astype(np.int64), roles[order], draws)
        is_last = number + 1 == len(blocks) or blocks[number + 1][0] > end
        yield Trading(number, start, end, books.advance(happenings, climate, session), events, is_last)


def _heartbeats(market: Market, universe: Universe, start: int, end: int) -> list[Messages]:
    parts = []
    for channel, phase in enumerate(universe.channels["phase"]):
        first = market.start_ns + int(phase)
        begin = first + max(0, -(-(start - first) // HEARTBEAT_NS)) * HEARTBEAT_NS
        parts.append(_same(np.arange(begin, end, HEARTBEAT_NS), channel, Role.HEARTBEAT))
    return parts


def _amendments(times: Array, series: Array, end: int, rng: np.random.Generator) -> list[Messages]:
    """Return cancels and corrections; each concerns the last trade of its series before it, if its block has one."""
    count = int(rng.poisson(AMENDED_SHARE * len(times)))
    chosen = rng.integers(len(times), size=count) if count else np.zeros(0, np.int64)
    late = times[chosen] + (rng.exponential(AMENDED_AFTER_S, count) * NS_PER_SECOND).astype(np.int64)
    roles = np.where(rng.random(count) < 0.75, Role.CANCEL, Role.CORRECTION).astype(np.int8)
    inside = late < end
    return [(late[inside], series[chosen][inside], roles[inside])]


def _halts(universe: Universe, events: list[Event], start: int, end: int) -> list[Messages]:
    """Return halts and resumptions on all venues at nearly one time, an auction print on the first, then fresh quotes."""
    parts = []
    for event in events:
        if event.kind != genuine_events.HALT:
            continue
        for venue in range(universe.venues):
            series = venue * universe.symbols + event.place
            # Each venue a little later than the one before; quotes only once the auction has printed.
            own = venue * NS_PER_MS // 2
            messages = [(event.onset, Role.HALT), (event.end, Role.RESUME), (event.end + 8 * NS_PER_MS, Role.QUOTE)]
            if venue == 0:
                messages.append((event.end + 3 * NS_PER_MS, Role.AUCTION))
            parts += [_same(np.array([time + own]), series, role) for time, role in messages if start <= time + own < end]
    return parts


def _resets(events: list[Event], start: int, end: int) -> list[Messages]:
    """Return session restarts of channels, which are announced."""
    resets = [event for event in events if event.kind == genuine_events.SEQUENCE_RESET and start <= event.onset < end]
    return [_same(np.array([event.onset]), event.place, Role.SESSION) for event in resets]


def _crosses(market: Market, universe: Universe, session: Session, block: tuple[int, int]) -> list[Messages]:
    """Return auctions of a symbol's first venue at open and close; all venues requote right after the opening one."""
    parts = []
    start, end = block
    symbols = np.arange(universe.symbols)
    for bell, length, role in (
        (session.open, OPENING_CROSS_NS, Role.OPENING_CROSS),
        (session.close, CLOSING_CROSS_NS, Role.CLOSING_CROSS),
    ):
        if bell + length + NS_PER_SECOND < start or bell >= end:
            continue
        drawn = market.random(11, bell // NS_PER_SECOND % (1 << 31)).random(universe.symbols)
        times = bell + 50 * NS_PER_MS + (drawn * (length - 50 * NS_PER_MS)).astype(np.int64)
        messages = [(times, symbols, role)]
        if role == Role.OPENING_CROSS:
            messages += [
                (times + (venue + 1) * NS_PER_MS // 2, venue * universe.symbols + symbols, Role.QUOTE)
                for venue in range(universe.venues)
            ]
        for moments, series, what in messages:
            inside = (moments >= start) & (moments < end)
            parts.append((moments[inside], series[inside], np.full(np.count_nonzero(inside), what, np.int8)))
    return parts


def _opening(universe: Universe, start: int, end: int, rng: np.random.Generator) -> list[Messages]:
    """Return the session start on each channel, then each symbol's status, then its first quote."""
    count = len(universe.series)
    every = np.arange(count)
    channels = np.arange(len(universe.channels))
    first = start + 2 * NS_PER_MS + (rng.random(count) * min(FIRST_QUOTES_NS, (end - start) // 2)).astype(np.int64)
    return [
        (np.full(len(channels), start), channels, np.full(len(channels), Role.SESSION, np.int8)),
        (start + NS_PER_MS + every * 1000, every, np.full(count, Role.OPENED, np.int8)),
        (first, every, np.full(count, Role.QUOTE, np.int8)),
    ]


def _same(times: Array, at: int, role: Role) -> Messages:
    return times, np.full(len(times), at), np.full(len(times), role, np.int8)

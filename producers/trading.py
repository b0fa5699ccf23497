"""The market at work, block by block: rows in the order in which venues stamp them, before any channel has carried them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from producers import genuine
from producers.arrivals import Arrivals
from producers.genuine import Agenda, Event
from producers.market import Market
from producers.prices import Prices
from producers.quoting import DRAWS, Books, Happenings, Role
from producers.universe import Array, Universe
from tickproof.tick import NS_PER_MS, NS_PER_SECOND

HEARTBEAT_NS = NS_PER_SECOND
"""Venues say once a second on each channel which number comes next."""
FIRST_QUOTES_NS = 500 * NS_PER_MS


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
    """

    number: int
    start: int
    end: int
    rows: Array
    events: list[Event]


def trade(market: Market, universe: Universe) -> Iterator[Trading]:
    """The blocks of a market, in order."""
    agenda = Agenda(market, universe)
    prices = Prices.open(market, universe)
    arrivals = Arrivals(market, universe)
    books = Books(market, universe)
    for number, (start, end) in enumerate(market.blocks):
        events = agenda.plan(number, start, end)
        climate = prices.advance(number, start, end, events)
        times, series = arrivals.advance(number, end, climate, events)
        rng = market.random(6, number)
        is_trade = rng.random(len(times)) < universe.instruments["trades"][series % universe.symbols]
        parts = [
            (times, series, np.where(is_trade, Role.TRADE, Role.QUOTE).astype(np.int8)),
            *_channel_messages(market, universe, start, end),
            *_status_messages(universe, events, start, end),
        ]
        if number == 0:
            parts += _opening(universe, start, end, rng)
        times, series, roles = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(times, kind="stable")
        draws = rng.random((len(order), DRAWS), dtype=np.float32)
        happenings = Happenings(times[order], series[order].astype(np.int64), roles[order], draws)
        yield Trading(number, start, end, books.advance(happenings, climate), events)


def _channel_messages(market: Market, universe: Universe, start: int, end: int) -> list[tuple[Array, Array, Array]]:
    parts = []
    for channel, phase in enumerate(universe.channels["phase"]):
        first = market.start_ns + int(phase)
        begin = first + max(0, -(-(start - first) // HEARTBEAT_NS)) * HEARTBEAT_NS
        parts.append(_same(np.arange(begin, end, HEARTBEAT_NS), channel, Role.HEARTBEAT))
    return parts


def _status_messages(universe: Universe, events: list[Event], start: int, end: int) -> list[tuple[Array, Array, Array]]:
    """Halted and resumed on all venues at nearly the same time; an auction print on the first venue, then fresh quotes."""
    parts = []
    for event in events:
        if event.kind != genuine.HALT:
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


def _opening(universe: Universe, start: int, end: int, rng: np.random.Generator) -> list[tuple[Array, Array, Array]]:
    """Session start on each channel, then each symbol's status, then its first quote."""
    count = len(universe.series)
    every = np.arange(count)
    channels = np.arange(len(universe.channels))
    first = start + 2 * NS_PER_MS + (rng.random(count) * min(FIRST_QUOTES_NS, (end - start) // 2)).astype(np.int64)
    return [
        (np.full(len(channels), start), channels, np.full(len(channels), Role.SESSION, np.int8)),
        (start + NS_PER_MS + every * 1000, every, np.full(count, Role.OPENED, np.int8)),
        (first, every, np.full(count, Role.QUOTE, np.int8)),
    ]


def _same(times: Array, at: int, role: Role) -> tuple[Array, Array, Array]:
    return times, np.full(len(times), at), np.full(len(times), role, np.int8)

"""Genuine events: news, market-wide news, halts and queueing bursts. They look like corruption and are true.

An event is a function of absolute time, so it may run over several blocks. What it does to prices, volatility, activity, spreads
and latency is worked out here; labels say where it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from producers.market import Market
from producers.universe import Array, Universe
from tickproof.label import Label
from tickproof.tick import NS_PER_MS, NS_PER_SECOND

NEWS, MARKET_NEWS, HALT, LATENCY_BURST = "genuine_news", "genuine_market_news", "genuine_halt", "genuine_latency_burst"
STEADY_RATE_PER_S = 0.5
"""Halts and single-name news befall symbols that say at least this much on the first venue."""


@dataclass(frozen=True, slots=True)
class Event:
    """One genuine event.

    Parameters
    ----------
    kind : str
        Its label's kind.
    place : int
        The symbol; −1 for all; the channel of a latency burst.
    onset, length_ns, calm_ns : int
        When it begins, how long the move (or silence, or queue) lasts, and the decay time of what follows.
    size : float
        Logarithmic price move, signed; the peak latency in ns for a latency burst.
    """

    kind: str
    place: int
    onset: int
    length_ns: int
    calm_ns: int
    size: float

    @property
    def end(self) -> int:
        """The last ns of the move itself."""
        return self.onset + self.length_ns

    @property
    def effect_end(self) -> int:
        """Until when activity and spreads are unusual: 8 % of the excitement is left."""
        return self.end + 5 * self.calm_ns // 2


@dataclass(slots=True)
class Agenda:
    """Plans the events of one block after another; those of a symbol keep apart."""

    market: Market
    universe: Universe
    events: list[Event] = field(default_factory=list)

    def plan(self, number: int, start: int, end: int) -> list[Event]:
        """The events that touch [start, end), new ones included; also kept in `events` while they last."""
        market, rng = self.market, self.market.random(2, number)
        self.events = [event for event in self.events if event.effect_end + 5 * NS_PER_SECOND >= start]
        quiet_until = market.start_ns + min(10 * NS_PER_SECOND, (market.end_ns - market.start_ns) // 6)
        for kind, rate, phase in (
            (MARKET_NEWS, market.market_news_per_minute, 0.5),
            (LATENCY_BURST, market.latency_bursts_per_minute, 0.2),
            (HALT, market.halts_per_minute, 0.7),
            (NEWS, market.news_per_minute, 0.4),
        ):
            due = [int(rate * (edge - market.start_ns) / (60 * NS_PER_SECOND) + phase) for edge in (start, end)]
            for _ in range(due[1] - due[0]):
                for _attempt in range(20):
                    onset = int(rng.integers(max(start, quiet_until), end)) if quiet_until < end else -1
                    event = self._draw(kind, onset, rng)
                    if onset >= 0 and event is not None and self._is_free(event):
                        self.events.append(event)
                        break
        return [event for event in self.events if event.onset < end]

    def _draw(self, kind: str, onset: int, rng: np.random.Generator) -> Event | None:
        sign = 1.0 if rng.random() < 0.5 else -1.0
        if kind == LATENCY_BURST:
            length = int(rng.uniform(0.5, 2.0) * NS_PER_SECOND)
            return Event(kind, int(rng.integers(len(self.universe.channels))), onset, length, 0, rng.uniform(15, 80) * NS_PER_MS)
        if kind == MARKET_NEWS:
            size = sign * rng.uniform(0.003, 0.010)
            return Event(kind, -1, onset, int(rng.uniform(0.5, 2.0) * NS_PER_SECOND), 6 * NS_PER_SECOND, size)
        lively = np.flatnonzero(self.universe.instruments["rate"] >= STEADY_RATE_PER_S)
        if not len(lively):
            return None
        place = int(rng.choice(lively))
        size = sign * float(np.clip(self.market.news_move * np.exp(0.4 * rng.standard_normal()), 0.01, 0.05))
        if kind == HALT:
            return Event(kind, place, onset, int(rng.uniform(6, 15) * NS_PER_SECOND), 5 * NS_PER_SECOND, size)
        return Event(kind, place, onset, int(rng.uniform(0.1, 1.8) * NS_PER_SECOND), 7 * NS_PER_SECOND, size)

    def _is_free(self, new: Event) -> bool:
        margin = 5 * NS_PER_SECOND
        for old in self.events:
            is_same_domain = (old.kind == LATENCY_BURST) == (new.kind == LATENCY_BURST)
            is_same_place = old.place == new.place or (old.place < 0 and old.kind == new.kind)
            if is_same_domain and is_same_place and new.onset <= old.effect_end + margin and old.onset <= new.effect_end + margin:
                return False
        return True


def level(event: Event, times: Array) -> Array:
    """How far an event has moved the log price at `times`: all of it at once after a halt, within `length_ns` otherwise."""
    if event.kind == HALT:
        return np.where(times >= event.end - NS_PER_SECOND, event.size, 0.0)
    passed: Array = np.maximum(times - event.onset, 0) / max(event.length_ns, 1)
    # 95 % of the move lies within the length.
    moved: Array = event.size * (1.0 - np.exp(-3.0 * passed))
    return moved


def excitement(event: Event, times: Array) -> Array:
    """1 when the event strikes (or trading resumes), decaying to 0 with `calm_ns`; 0 before."""
    begin = event.end if event.kind == HALT else event.onset
    passed = (times - begin) / max(event.calm_ns, 1)
    return np.where(passed >= 0, np.exp(-np.maximum(passed, 0.0)), 0.0)


def delay(event: Event, times: Array) -> Array:
    """Extra latency in ns of a burst: it rises in a tenth of the length and drains evenly, always slower than time passes."""
    passed = (times - event.onset) / max(event.length_ns, 1)
    shape = np.where(passed < 0.1, passed * 10.0, (1.0 - passed) / 0.9)
    return event.size * np.clip(shape, 0.0, 1.0)


def labels(events: list[Event], universe: Universe, end_ns: int) -> list[Label]:
    """Labels of some events. Market-wide news gives one label a symbol, all with one stem, since a label names one symbol."""
    found = []
    offset = len(universe.channels) + universe.venues
    for event in events:
        onset, end, effect_end = (min(time, end_ns) for time in (event.onset, event.end, event.effect_end))
        stem = f"{event.kind.removeprefix('genuine_')}-{event.onset}"
        if event.kind == LATENCY_BURST:
            channel = universe.names[event.place]
            venue = universe.names[universe.channels["venue_code"][event.place]]
            magnitude = round(event.size / NS_PER_SECOND, 6)
            found.append(Label(f"{stem}-{channel}", event.kind, "channel", channel, venue, "", onset, end, effect_end, magnitude))
            continue
        for place in range(universe.symbols) if event.place < 0 else (event.place,):
            beta = float(universe.instruments["beta"][place]) if event.place < 0 else 1.0
            symbol = universe.names[offset + place]
            size = round(event.size * beta, 6)
            found.append(Label(f"{stem}-{symbol}", event.kind, "symbol", "", "", symbol, onset, end, effect_end, size))
    return found

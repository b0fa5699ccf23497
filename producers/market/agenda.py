"""The schedule of genuine events: at a steady rate in regular trading hours, and at the edges of sessions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from producers.market import genuine_events
from producers.market.genuine_events import Event
from producers.market.hours import Session
from producers.market.parameters import Market
from producers.market.universe import Universe
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND

STEADY_RATE_PER_S = 0.5
"""Halts, crashes and single-name news affect symbols with at least this many ticks a second on the first venue."""
MARGIN_NS = 5 * NS_PER_SECOND
"""Least distance between events at one place."""
RESET_DELAY_NS = 5 * NS_PER_MS
"""Time from a block's beginning to a reset, so that no fault's window of the block holds it."""
SPLIT_RATIOS = (2.0, 3.0, 4.0, 10.0, 1.5, 0.1, 0.2)
SPLITS_PER_EDGE = 2
"""Splits at the opening of each eventful session but the first; of usual sessions, one in ten has any."""


@dataclass(slots=True)
class Agenda:
    """Plans the events of one block after another; events at one place keep their distance."""

    market: Market
    universe: Universe
    events: list[Event] = field(default_factory=list)

    def plan(self, number: int, block: tuple[int, int], session: Session) -> list[Event]:
        """Return the events that touch a block, new ones included; they stay in `events` while they last."""
        market, rng = self.market, self.market.random(2, number)
        start, end = block
        self.events = [event for event in self.events if event.effect_end + 5 * NS_PER_SECOND >= start]
        self._plan_edges(start, end, session, rng)
        quiet_until = market.start_ns + min(10 * NS_PER_SECOND, (market.end_ns - market.start_ns) // 6)
        first, last = max(start, quiet_until), min(end, session.close)
        if not session.open <= start or first >= last:
            return [event for event in self.events if event.onset < end]
        has_halts = market.character.has_conditions
        has_sequence = market.character.has_sequence
        for kind, rate, phase in (
            (genuine_events.MARKET_NEWS, market.market_news_per_minute, 0.5),
            (genuine_events.LATENCY_BURST, market.latency_bursts_per_minute, 0.2),
            (genuine_events.SEQUENCE_RESET, market.resets_per_minute * has_sequence, 0.3),
            (genuine_events.HALT, market.halts_per_minute * has_halts, 0.7),
            (genuine_events.FLASH_CRASH, market.flash_crashes_per_minute, 0.6),
            (genuine_events.NEWS, market.news_per_minute, 0.4),
        ):
            rate *= market.eventfulness
            due = [int(rate * (edge - market.start_ns) / (60 * NS_PER_SECOND) + phase) for edge in (start, end)]
            for _ in range(due[1] - due[0]):
                for _attempt in range(20):
                    onset = start + RESET_DELAY_NS if kind == genuine_events.SEQUENCE_RESET else int(rng.integers(first, last))
                    event = self._draw(kind, onset, rng)
                    if event is not None and onset < last and self._is_free(event):
                        self.events.append(event)
                        break
        return [event for event in self.events if event.onset < end]

    def _plan_edges(self, start: int, end: int, session: Session, rng: np.random.Generator) -> None:
        """Add opening and closing crosses, and splits at the beginning of every session but the stream's first."""
        if not self.market.character.hours.has_crosses:
            return
        for kind, onset, calm_s in (
            (genuine_events.OPENING_CROSS, session.open, 20),
            (genuine_events.CLOSING_CROSS, session.close, 4),
        ):
            if start <= onset < end:
                self.events.append(Event(kind, -1, onset, 3 * NS_PER_SECOND, calm_s * NS_PER_SECOND, 0.0))
        if start == session.start > self.market.start_ns:
            share = min(1.0, self.market.eventfulness + 0.1)
            for place in rng.permutation(self.universe.symbols)[:SPLITS_PER_EDGE].tolist():
                if rng.random() < share:
                    ratio = SPLIT_RATIOS[int(rng.integers(len(SPLIT_RATIOS)))]
                    # As large as the size of a price step allows: what would become cheaper than fifty steps does not split.
                    if self.universe.instruments["price"][place] / ratio > 50:
                        self.events.append(
                            Event(genuine_events.SPLIT, place, start, session.open - start, 60 * NS_PER_SECOND, ratio)
                        )

    def _draw(self, kind: str, onset: int, rng: np.random.Generator) -> Event | None:
        sign = 1.0 if rng.random() < 0.5 else -1.0
        if genuine_events.NATURES[kind].is_channel:
            place = int(rng.integers(len(self.universe.channels)))
            if kind == genuine_events.SEQUENCE_RESET:
                return Event(kind, place, onset, 0, 0, 0.0)
            return Event(kind, place, onset, int(rng.uniform(0.5, 2.0) * NS_PER_SECOND), 0, rng.uniform(15, 80) * NS_PER_MS)
        if kind == genuine_events.MARKET_NEWS:
            size = sign * rng.uniform(0.003, 0.010) * self.market.character.volatility
            return Event(kind, -1, onset, int(rng.uniform(0.5, 2.0) * NS_PER_SECOND), 6 * NS_PER_SECOND, size)
        lively = np.flatnonzero(self.universe.instruments["rate"] >= STEADY_RATE_PER_S)
        if not len(lively):
            return None
        place = int(rng.choice(lively))
        drawn = float(np.clip(self.market.news_move * np.exp(0.4 * rng.standard_normal()), 0.01, 0.05))
        size = sign * drawn * self.market.character.volatility
        if kind == genuine_events.HALT:
            return Event(kind, place, onset, int(rng.uniform(6, 15) * NS_PER_SECOND), 5 * NS_PER_SECOND, size)
        if kind == genuine_events.FLASH_CRASH:
            return Event(kind, place, onset, int(rng.uniform(8, 30) * NS_PER_SECOND), 5 * NS_PER_SECOND, -2.0 * abs(size))
        return Event(kind, place, onset, int(rng.uniform(0.1, 1.8) * NS_PER_SECOND), 7 * NS_PER_SECOND, size)

    def _is_free(self, new: Event) -> bool:
        for old in self.events:
            is_same_place = old.place == new.place or (old.place < 0 and old.kind == new.kind)
            is_near = new.onset <= old.effect_end + MARGIN_NS and old.onset <= new.effect_end + MARGIN_NS
            if old.is_channel == new.is_channel and is_same_place and is_near:
                return False
        return True

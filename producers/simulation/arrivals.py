"""Arrival times: self-exciting arrivals on every series.

A linear Hawkes process in its branching form (Hawkes and Oakes, 1974): immigrants arrive by a Poisson process, and each arrival
has Poisson(branching) children after a delay drawn from three exponentials, most of them on its own venue. The form is exact,
needs no thinning and works on whole columns; children beyond the block wait for the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from producers.market import genuine_events
from producers.market.genuine_events import Event
from producers.market.parameters import Market
from producers.market.universe import Array, Universe
from producers.simulation.prices import BIN_NS, Climate
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND

DELAYS_NS = np.array([2.0, 50.0, 900.0]) * NS_PER_MS
DELAY_SHARES = np.array([0.5, 0.85])
"""Cumulative shares of the first two delays."""
STAY = 0.7
"""Share of children on their parent's venue."""


def _nothing() -> Array:
    return np.zeros(0, np.int64)


@dataclass(slots=True)
class Arrivals:
    """Generator of arrivals; holds the children that are due in later blocks."""

    market: Market
    universe: Universe
    times: Array = field(default_factory=_nothing)
    series: Array = field(default_factory=_nothing)

    def advance(self, number: int, end: int, climate: Climate, events: list[Event]) -> tuple[Array, Array]:
        """Return times (ns) and series of the arrivals from the climate's start to `end`, unsorted.

        Symbols have no arrivals while they are halted.
        """
        rng = self.market.random(5, number)
        times, series = self._immigrants(end, climate, rng)
        # Children that were due after a session's end are dropped.
        late, due = self.times >= end, (self.times >= climate.start) & (self.times < end)
        generation = np.concatenate([times, self.times[due]]), np.concatenate([series, self.series[due]])
        waiting = [(self.times[late], self.series[late])]
        born = [generation]
        while len(generation[0]):
            times, series = self._children(*generation, rng)
            late = times >= end
            waiting.append((times[late], series[late]))
            generation = times[~late], series[~late]
            born.append(generation)
        self.times, self.series = (np.concatenate(column) for column in zip(*waiting, strict=True))
        times, series = (np.concatenate(column) for column in zip(*born, strict=True))
        return _outside_halts(times, series, events, self.universe.symbols)

    def _immigrants(self, end: int, climate: Climate, rng: np.random.Generator) -> tuple[Array, Array]:
        table = self.universe.series
        symbol = table["instrument"]
        per_second = climate.activity[:, symbol] * table["rate"] + climate.extra[:, symbol]
        counts = rng.poisson(per_second * ((1.0 - self.market.branching) * BIN_NS / NS_PER_SECOND))
        where = np.repeat(np.arange(counts.size), counts.ravel())
        bins, series = np.divmod(where, len(table))
        times = climate.start + bins * BIN_NS + (rng.random(len(where)) * BIN_NS).astype(np.int64)
        inside = times < end
        return times[inside], series[inside]

    def _children(self, times: Array, series: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        count = rng.poisson(self.market.branching, len(times))
        times, series = np.repeat(times, count), np.repeat(series, count)
        draws = rng.random((3, len(times)))
        delay = rng.standard_exponential(len(times)) * DELAYS_NS[np.searchsorted(DELAY_SHARES, draws[0])]
        cumulated = np.cumsum(self.universe.shares) / self.universe.shares.sum()
        venue = np.minimum(np.searchsorted(cumulated, draws[1]), self.universe.venues - 1)
        moved = venue * self.universe.symbols + series % self.universe.symbols
        # At least a microsecond: a reaction is never simultaneous with its cause.
        return times + 1000 + delay.astype(np.int64), np.where(draws[2] < STAY, series, moved)


REOPENING_NS = 4 * NS_PER_MS
"""Time after a halt by which every venue has announced that trading resumes."""


def _outside_halts(times: Array, series: Array, events: list[Event], symbols: int) -> tuple[Array, Array]:
    for event in events:
        if event.kind == genuine_events.HALT:
            speaks = (series % symbols != event.place) | (times < event.onset) | (times > event.end + REOPENING_NS)
            times, series = times[speaks], series[speaks]
    return times, series

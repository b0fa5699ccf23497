"""A simulated stream: the market, with or without faults, as batches in capture order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from producers.faults.editing.block import Block
from producers.faults.injection import Injection
from producers.faults.table import Faults
from producers.market import genuine_events, universe
from producers.market.capture import Capture
from producers.market.parameters import Market
from producers.market.quiet_symbols import Quiet
from producers.simulation import trading
from producers.simulation.aggregation import Aggregation
from tickproof.findings.label import Label
from tickproof.ticks.schema import NS_PER_SECOND, Ticks, concat

BATCH_NS = 2 * NS_PER_SECOND
"""Market time of one batch."""


class Simulation:
    """A stream to iterate over once or again; its labels are complete when it has been iterated to the end.

    Parameters
    ----------
    market : Market
    faults : Faults or None
        None: the same market without faults.
    """

    __slots__ = ("_faults", "_labels", "_market", "_missing", "episodes", "names", "unfit")

    def __init__(self, market: Market, faults: Faults | None = None) -> None:
        self._market = market
        self._faults = faults
        self._labels: list[Label] = []
        self._missing: dict[str, int] = {}
        self.episodes: list[str] = []
        """Ids of labels, in the order of the numbers with which faults mark the ticks that they change."""
        self.names: tuple[str, ...] = universe.build(market).names
        self.unfit: frozenset[str] = frozenset()
        """Entries of FAULTS that need something the feed lacks: numbers, sizes or trades."""

    @property
    def has_faults(self) -> bool:
        """Return whether faults are wanted in it."""
        return self._faults is not None

    @property
    def labels(self) -> list[Label]:
        """Return faults and genuine events so far, by onset."""
        return sorted(self._labels, key=lambda label: (label.onset, label.fault_id))

    @property
    def missing(self) -> dict[str, int]:
        """Return the entries of FAULTS that got fewer episodes than wanted, and how many fewer."""
        return dict(self._missing)

    def __iter__(self) -> Iterator[Ticks]:
        """Yield batches of ticks in capture order, about two seconds of market each. Memory does not depend on the length."""
        market, world = self._market, universe.build(self._market)
        capture = Capture(market, world)
        injection = Injection(market, world, self._faults) if self._faults is not None else None
        quiet, aggregation = Quiet(world), Aggregation(market, world)
        self._labels, self._missing = [], {}
        names = world.names
        if injection is not None:
            names, self.episodes, self.unfit = injection.names, injection.episodes, injection.unfit
        for block in trading.trade(market, world):
            rows = block.rows
            capture.receive(rows, block.number, block.events)
            aggregation.step(rows, block.number)
            own = quiet.step(rows, is_last=block.is_last)
            own += genuine_events.labels([event for event in block.events if event.onset >= block.start], world, market.end_ns)
            if injection is None:
                capture.number(rows)
                outcome = np.arange(len(rows)), rows[:0]
            else:
                edited = Block(rows, world)
                injection.edit_content(edited, block.number, block.events)
                rows = edited.rows
                capture.number(rows, edited.keep)
                injection.edit_sequence(edited, block.number, capture.sequence)
                outcome = edited.outcome()
                self._labels += injection.labels
                own = injection.under_new_names(own)
                injection.labels.clear()
                self._missing = injection.missing()
            self._labels += own
            edges = np.append(np.arange(block.start + BATCH_NS, block.end, BATCH_NS), block.end)
            for part in capture.merge(rows, outcome, edges, last=block.is_last):
                yield Ticks(part, names)
        self._labels += aggregation.labels()


def simulate(market: Market, faults: Faults | None = None) -> Simulation:
    """Return the stream of a market; with `faults` None, the same market without them."""
    return Simulation(market, faults)


def simulate_all(market: Market, faults: Faults | None = None) -> tuple[Ticks, list[Label]]:
    """Return the whole stream at once, and its labels."""
    simulation = Simulation(market, faults)
    ticks = concat(list(simulation))
    return ticks, simulation.labels

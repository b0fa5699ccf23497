"""Streams of prices that are tied to each other, for tests.

Three currencies that make a triangle, each quoted by some venues every 100 ms at 1 bp of spread around one market that wanders by
a few basis points. So the spreads allow 1 + 1 + 1 = 3 bp, and a leg that steps by 4.5 bp is off at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jobs.pipeline.engine import Engine
from jobs.pipeline.settings import PipelineSettings
from tests.support.streams import Scored, Tape, merged, pieces
from tickproof.reference.data import parse
from tickproof.ticks.schema import Ticks, concat

BP = 1e-4
TRIANGLE = [{"symbol": "EURUSD"}, {"symbol": "USDJPY"}, {"symbol": "EURJPY", "power": -1}]
KNOWN = {"relations": [{"name": "euro in yen", "constant": 1, "legs": TRIANGLE}]}
LEARNT = {"relations": [{"name": "euro in yen", "legs": TRIANGLE}]}
SYMBOLS = ("EURUSD", "USDJPY", "EURJPY")
Move = Callable[[float, str, str], float]
"""(second, symbol, venue) -> how far the venue is from the market there, as a fraction."""


def market(t: float, symbol: str) -> float:
    """The market's price: it wanders by some basis points, and the cross follows from the other two."""
    euro = 1.1 * (1 + 4 * BP * math.sin(t / 6.0) + BP * math.sin(0.7 * t))
    yen = 150.0 * (1 + 3 * BP * math.sin(t / 8.0 + 1) + BP * math.sin(0.9 * t))
    return {"EURUSD": euro, "USDJPY": yen, "EURJPY": euro * yen}[symbol]


def nothing(_t: float, _symbol: str, _venue: str) -> float:
    return 0.0


@dataclass(slots=True)
class Streets:
    """Venues that quote the three symbols; `factor` is what the cross costs of what it should."""

    venues: tuple[str, ...] = ("V", "W", "X")
    step: float = 0.1
    factor: float = 1.0
    tapes: dict[str, Tape] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tapes = {venue: Tape(channel=f"{venue}.A", venue=venue) for venue in self.venues}

    def go_on(
        self, start: float, end: float, move: Move = nothing, *, symbols: tuple[str, ...] = SYMBOLS, bp: float = 1.0
    ) -> None:
        """Quote every `step`, one symbol and venue a few ms after the other, `bp` wide."""
        for k in range(round((end - start) / self.step)):
            for place, venue in enumerate(self.venues):
                for number, symbol in enumerate(SYMBOLS):
                    if symbol not in symbols:
                        continue
                    moment = start + k * self.step + 0.003 * place + 0.011 * number
                    price = market(moment, symbol) * (1 + move(moment, symbol, venue))
                    price *= self.factor if symbol == "EURJPY" else 1.0
                    self.tapes[venue].quote(moment, price * (1 - bp * BP / 2), price * (1 + bp * BP / 2), symbol=symbol)

    def ticks(self) -> Ticks:
        return merged(*self.tapes.values())


def scored(ticks: Ticks, reference: dict[str, Any] | None = None, cuts: Sequence[int] = (), shards: int = 1) -> Scored:
    """What the engine says of it, with the triangle known."""
    settings = PipelineSettings(shards, reference=parse(KNOWN if reference is None else reference, "test"))
    engine = Engine(settings)
    outputs = [engine.feed(piece) for piece in pieces(ticks, cuts)] + [engine.finish()]
    results = [result for _, result in sorted((pair for output in outputs for pair in output.scored), key=lambda pair: pair[0])]
    return Scored(
        concat([result.final for result in results]),
        np.concatenate([result.verdicts for result in results]),
        [finding for output in outputs for finding in output.findings] + engine.open_findings(),
        [row for output in outputs for row in output.statistics],
        np.concatenate([result.features for result in results]),
        [],
    )


def left(symbol: str, venues: tuple[str, ...], away: float = 4.5 * BP, start: float = 30.0, end: float = 36.0) -> Move:
    """A symbol is off on some venues from `start` to `end`."""
    return lambda t, s, venue: away if s == symbol and venue in venues and start <= t < end else 0.0


def shown(move: Move = nothing, until: float = 40.0, reference: dict[str, Any] | None = None, **streets: Any) -> Scored:
    all_venues = Streets(**streets)
    all_venues.go_on(0, until, move)
    return scored(all_venues.ticks(), reference)

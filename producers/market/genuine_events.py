"""Genuine events: news, crashes, halts, crosses, splits, bursts and resets. They look like corruption and are true.

An event is a function of absolute time, so it may run over several blocks. What it does to prices, volatility, activity, spreads
and latency is worked out here; labels say where it was. `producers/market/agenda.py` says when they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from producers.market.universe import Array, Universe
from tickproof.findings.label import Label
from tickproof.ticks.schema import NS_PER_SECOND

NEWS, MARKET_NEWS, HALT, LATENCY_BURST = "genuine_news", "genuine_market_news", "genuine_halt", "genuine_latency_burst"
FLASH_CRASH, SEQUENCE_RESET, SPLIT = "genuine_flash_crash", "genuine_sequence_reset", "genuine_split"
OPENING_CROSS, CLOSING_CROSS, QUIET = "genuine_opening_cross", "genuine_closing_cross", "genuine_quiet"

REBOUND_AT = 0.45
"""Share of a flash crash's length at which the price is lowest."""
REBOUND = 0.9
"""Share of the fall that is recovered at once."""


class Nature(NamedTuple):
    """The effects of one kind of event on the market.

    Parameters
    ----------
    is_channel : bool
        Whether it affects a channel, and not one or all symbols.
    volatility, activity, width : float
        Increases of the factors on volatility, rate of ticks and spread.
    extra : float
        Additional ticks a second on each venue: even an illiquid name is requoted, quickly where the news is its own.
    """

    is_channel: bool = False
    volatility: float = 0.0
    activity: float = 0.0
    width: float = 0.0
    extra: float = 0.0


NATURES: dict[str, Nature] = {
    NEWS: Nature(volatility=2.0, activity=7.0, width=3.0, extra=12.0),
    MARKET_NEWS: Nature(volatility=2.0, activity=7.0, width=3.0, extra=1.5),
    HALT: Nature(volatility=2.0, activity=7.0, width=3.0, extra=12.0),
    FLASH_CRASH: Nature(volatility=3.0, activity=9.0, width=8.0, extra=12.0),
    OPENING_CROSS: Nature(volatility=0.5, activity=1.0, width=0.5),
    CLOSING_CROSS: Nature(),
    SPLIT: Nature(),
    LATENCY_BURST: Nature(is_channel=True),
    SEQUENCE_RESET: Nature(is_channel=True),
}
"""Kind -> its nature. QUIET is not an event: it is known only when it is over."""


@dataclass(frozen=True, slots=True)
class Event:
    """One genuine event.

    Parameters
    ----------
    kind : str
        Kind of its label.
    place : int
        The symbol; −1 for all; the channel of a channel's event.
    onset, length_ns, calm_ns : int
        When it begins, how long the move (or silence, or queue) lasts, and the decay time of what follows.
    size : float
        Logarithmic price move, signed; the peak latency in ns for a latency burst; the ratio of a split.
    """

    kind: str
    place: int
    onset: int
    length_ns: int
    calm_ns: int
    size: float

    @property
    def is_channel(self) -> bool:
        """Return whether `place` is a channel."""
        return NATURES[self.kind].is_channel

    @property
    def end(self) -> int:
        """Return the last ns of the move itself."""
        return self.onset + self.length_ns

    @property
    def effect_end(self) -> int:
        """Return the ns until which activity and spreads are unusual: 8 % of the excitement is left."""
        return self.end + 5 * self.calm_ns // 2


def level(event: Event, times: Array) -> Array:
    """Return how far an event has moved the log price at `times`.

    All of it at once after a halt; faster and faster down and, slower and slower, most of the way back in a flash crash
    (Kirilenko, Kyle, Samadi and Tuzun, 2017); otherwise 95 % within `length_ns`, exponentially. Crosses and splits move nothing.
    """
    passed: Array = np.maximum(times - event.onset, 0) / max(event.length_ns, 1)
    moved: Array
    if event.kind == HALT:
        moved = np.where(times >= event.end - NS_PER_SECOND, event.size, 0.0)
    elif event.kind == FLASH_CRASH:
        fall = np.minimum(passed / REBOUND_AT, 1.0) ** 2
        back = REBOUND * (1.0 - np.exp(-4.0 * np.maximum(passed - REBOUND_AT, 0.0) / (1.0 - REBOUND_AT)))
        moved = event.size * (fall - back)
    elif event.kind in (NEWS, MARKET_NEWS):
        moved = event.size * (1.0 - np.exp(-3.0 * passed))
    else:
        moved = np.zeros(len(times))
    return moved


def excitement(event: Event, times: Array) -> Array:
    """Return 1 when the event strikes (or trading resumes), decaying to 0 with `calm_ns`; 0 before.

    A flash crash excites by how far the price has fallen, and is at its worst until the rebound ends.
    """
    begin = event.end if event.kind == HALT else event.onset
    if event.kind == FLASH_CRASH:
        rise = np.clip((times - begin) / (REBOUND_AT * max(event.length_ns, 1)), 0.0, 1.0)
        excited: Array = rise * np.exp(-np.maximum(times - event.end, 0) / max(event.calm_ns, 1))
        return excited
    passed = (times - begin) / max(event.calm_ns, 1)
    return np.where(passed >= 0, np.exp(-np.maximum(passed, 0.0)), 0.0)


def delay(event: Event, times: Array) -> Array:
    """Return the extra latency of a burst in ns: it rises in a tenth of the length and drains evenly, slower than time passes."""
    passed = (times - event.onset) / max(event.length_ns, 1)
    shape = np.where(passed < 0.1, passed * 10.0, (1.0 - passed) / 0.9)
    return event.size * np.clip(shape, 0.0, 1.0)


def labels(events: list[Event], universe: Universe, end_ns: int) -> list[Label]:
    """Return the labels of some events. An event of several symbols gives one label a symbol, all with one stem."""
    found = []
    for event in events:
        onset, end, effect_end = (min(time, end_ns) for time in (event.onset, event.end, event.effect_end))
        stem = f"{event.kind.removeprefix('genuine_')}-{event.onset}"
        if event.is_channel:
            channel = universe.names[event.place]
            venue = universe.names[universe.channels["venue_code"][event.place]]
            magnitude = round(event.size / NS_PER_SECOND, 6)
            found.append(Label(f"{stem}-{channel}", event.kind, "channel", channel, venue, "", onset, end, effect_end, magnitude))
            continue
        betas = enumerate(universe.instruments["beta"].tolist())
        # A split moves no price that another follows.
        for place, factor in betas if event.place < 0 else universe.moved_by(event.place):
            symbol = universe.symbol(place)
            size = round(event.size * factor, 6)
            found.append(Label(f"{stem}-{symbol}", event.kind, "symbol", "", "", symbol, onset, end, effect_end, size))
    return found

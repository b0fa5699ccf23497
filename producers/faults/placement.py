"""Where and when an episode may be: series with enough ticks, windows within a block or while the market is closed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from producers.faults.editing.block import Block, Random
from producers.faults.editing.fault import Fault
from producers.faults.stream import Stream
from producers.faults.table import Faults
from producers.market.genuine_events import Event
from producers.market.universe import Universe
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND

EDGE_NS = 300 * NS_PER_MS
"""No episode begins or ends this close to a block's bounds: latency carries ticks across them."""
LONGEST_SHARE = 0.10
"""A lasting episode takes at most this share of the stream."""
LEAST_SPOKEN = 5
"""Least ticks of a series in the last block before a close for `out_of_session`."""
SHUT_NS = 60 * NS_PER_SECOND
"""A gap of this length between two blocks means that the market is closed."""
SHUT_EDGE_NS = 10 * NS_PER_SECOND


@dataclass(slots=True)
class Places:
    """The places and windows that a block has for episodes.

    `shuts` says whether the market is ever shut, `bounds` are the earliest onset and the latest end in the block.
    """

    market: Stream
    universe: Universe
    faults: Faults
    shuts: bool = field(init=False)
    bounds: tuple[int, int] = field(init=False, default=(0, 0))
    _lively: list[int] = field(init=False, default_factory=list)
    """Series with enough ticks in the block."""
    _spoken: list[int] = field(init=False, default_factory=list)
    """Series with any ticks in the block."""
    _shut: tuple[int, int] = field(init=False, default=(0, 0))
    """When the market is closed behind the block."""
    _is_tied: list[bool] = field(init=False)
    """Whether the instrument of each series is in a relation."""
    _channel_of: list[int] = field(init=False)
    """The channel of each series."""
    _last_ns: int = field(init=False)
    """The latest end of any episode."""

    def __post_init__(self) -> None:
        self._channel_of = self.universe.series["channel"].tolist()
        tied = [bool(self.universe.relation(place)) for place in range(self.universe.symbols)]
        self._is_tied = [tied[place] for place in self.universe.series["instrument"].tolist()]
        self._last_ns = self.market.end_ns - EDGE_NS
        self.shuts = any(map(self._is_shut_after, range(len(self.market.blocks))))

    def enter(self, block: Block, number: int) -> None:
        """Find the series that have enough ticks in a block, and when episodes may happen."""
        start, end = self.market.blocks[number]
        self._shut = self._shut_after(number)
        counts = block.counts()
        self._lively = np.flatnonzero(counts >= self.faults.least_rate * self.market.lively_rows(end - start)).tolist()
        # Ticks repeated at night are those before the close, when few symbols have many.
        self._spoken = np.flatnonzero(counts >= LEAST_SPOKEN).tolist()
        quiet = min(int(self.faults.warm_up_s * NS_PER_SECOND), (self.market.end_ns - self.market.start_ns) // 6)
        self.bounds = max(start + EDGE_NS, self.market.start_ns + quiet), end - EDGE_NS

    def _shut_after(self, number: int) -> tuple[int, int]:
        """Return the span behind a block in which no venue is open; empty if the next block follows at once."""
        blocks = self.market.blocks
        return blocks[number][1], blocks[number + 1][0] if number + 1 < len(blocks) else self.market.end_ns

    def _is_shut_after(self, number: int) -> bool:
        first, last = self._shut_after(number)
        return last - first >= SHUT_NS

    def draw(self, fault: Fault, places: int, rng: Random) -> Iterator[tuple[int, int, int]]:
        """Yield random places, each with a window: well within the block, or lasting beyond it and over before the stream is."""
        length = int(fault.window_s * NS_PER_SECOND)
        first, last = self.bounds[0], self.bounds[1] - length
        if fault.lasts_s is not None:
            last = self.bounds[1] - NS_PER_SECOND
        if fault.when_shut:
            is_shut = self._shut[1] - self._shut[0] >= SHUT_NS
            first, last = (self._shut[0] + SHUT_EDGE_NS, self._shut[1] - SHUT_EDGE_NS - length) if is_shut else (0, -1)
        if first > last or not places:
            return
        starts = rng.integers(first, last + 1, self.market.attempts).tolist()
        for place, start in zip(rng.integers(places, size=self.market.attempts).tolist(), starts, strict=True):
            if fault.lasts_s is not None:
                length = self._length(fault, start, rng)
            if start + length <= self._last_ns:
                yield place, start, start + length

    def _length(self, fault: Fault, start: int, rng: Random) -> int:
        """Draw how long an episode lasts that begins at `start`, in ns."""
        assert fault.lasts_s is not None
        if fault.is_open_ended:
            return self._last_ns - start
        low, high = fault.lasts_s
        drawn = int(low * (high / low) ** rng.random() * NS_PER_SECOND)
        return min(drawn, int(LONGEST_SHARE * (self.market.end_ns - self.market.start_ns)))

    def series(self, fault: Fault) -> list[int]:
        """Return the series that a symbol's fault may affect."""
        found = self._spoken if fault.when_shut else self._lively
        if "relation" in fault.needs:
            return [one for one in found if self._is_tied[one]]
        if fault.is_genuine and fault.reach == "all":
            # A leg that moves alone, and all its venues with it, is not a genuine move but a broken relation.
            return [one for one in found if not self._is_tied[one]]
        return found

    def concerned(self, fault: Fault, place: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the channels and series of an episode at a place: a channel, or one of the series with enough ticks."""
        table = self.universe.series
        if fault.scope == "symbol":
            one = self.series(fault)[place]
            if fault.reach == "one":
                return (self._channel_of[one],), (one,)
            same = np.flatnonzero(table["instrument"] == table["instrument"][one]).tolist()
            series = (one, *(other for other in same if other != one))
            return tuple(dict.fromkeys(self._channel_of[each] for each in series)), series
        if fault.reach == "one":
            return (place,), ()
        venues = self.universe.channels["venue"]
        return tuple(range(len(venues)) if fault.reach == "all" else np.flatnonzero(venues == venues[place]).tolist()), ()

    def kept(self, fault: Fault, series: tuple[int, ...]) -> tuple[int, ...]:
        """Return the series closed to other episodes: all legs of a relation, or nothing could tell which of them left."""
        if "relation" not in fault.needs:
            return series
        table = self.universe.series["instrument"]
        legs = [place for place, _ in self.universe.relation(int(table[series[0]]))]
        return tuple(np.flatnonzero(np.isin(table, legs)).tolist())

    def is_genuine(self, events: list[Event], channels: tuple[int, ...], series: tuple[int, ...], start: int, stop: int) -> bool:
        """Return whether a genuine event of these channels, this symbol or all symbols is near."""
        symbol = int(self.universe.series["instrument"][series[0]]) if series else -1
        # What moves a cross, or a leg of it, moves others, too.
        near = (symbol,) if symbol < 0 else {symbol, *(place for place, _ in self.universe.moved_by(symbol))}
        return not self.faults.inside_genuine and any(
            _is_near(event, channels, one, start, stop) for event in events for one in near
        )


def _is_near(event: Event, channels: tuple[int, ...], symbol: int, start: int, stop: int) -> bool:
    """Return whether a genuine event touches a window, or a second around it, of channels (symbol −1) or of a symbol."""
    is_of_channel = event.is_channel
    # News on one name is no reason to keep a channel whole.
    of_symbol = event.place < 0 or event.place == symbol >= 0
    is_meant = symbol < 0 and event.place in channels if is_of_channel else of_symbol
    last = event.end if symbol < 0 and not is_of_channel else event.effect_end
    return is_meant and start <= last + NS_PER_SECOND and event.onset - NS_PER_SECOND <= stop

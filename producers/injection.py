"""Where faults go: windows that keep clear of each other and of genuine events, and a label for each episode.

Channel windows are taken first; symbols keep clear of their channel's. An episode lies wholly within one block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from producers.block import Block, Span, Target
from producers.capture import Capture
from producers.faults import Fault, Faults
from producers.genuine import Event
from producers.market import Market
from producers.symbol_faults import Random
from producers.universe import Universe
from tickproof.label import Label
from tickproof.tick import NS_PER_MS, NS_PER_SECOND

APART_NS = 2 * NS_PER_SECOND
"""Least time between the effect of one episode of a (venue, symbol) and the onset of the next."""
CHANNEL_APART_NS = 700 * NS_PER_MS
SAME_APART_NS = 6 * NS_PER_SECOND
"""Least time between two channel episodes that show in the same way: within five seconds they are one finding, and nothing tells
whether the second was seen."""
SHOWS_AS = {"out_of_order": "sequence_gap"}
"""Kind -> the kind that it also looks like, at first."""
EDGE_NS = 300 * NS_PER_MS
"""No episode this close to a block's bounds: latency carries ticks over them."""
ATTEMPTS = 300
"""Windows that are tried for one episode in one block."""
LIVELY_ROWS_PER_S = 1.0
"""Symbol faults befall series with at least this many ticks a second in the block."""

Spans = list[tuple[int, int]]


@dataclass(slots=True)
class Injection:
    """Puts faults into one block after another.

    `labels` are those of the blocks so far, in no order; `placed` counts episodes by entry.
    """

    market: Market
    universe: Universe
    faults: Faults
    labels: list[Label] = field(init=False)
    placed: dict[str, int] = field(init=False)
    _ticks: int = field(init=False, default=0)
    _series_busy: list[Spans] = field(init=False)
    _channel_busy: list[Spans] = field(init=False)
    _channel_shown: list[dict[str, Spans]] = field(init=False)
    """Spans of each channel's episodes, by how they show."""
    _lively: list[int] = field(init=False, default_factory=list)
    """Series that say enough in the block."""
    _bounds: tuple[int, int] = field(init=False, default=(0, 0))
    """Earliest onset and latest end in the block."""
    _pending: list[tuple[Fault, int, int]] = field(init=False)
    """Sequence faults with their channel and the beginning of their window."""

    def __post_init__(self) -> None:
        self.labels, self._pending = [], []
        self.placed = {fault.name: 0 for fault in self.faults.entries}
        self._series_busy = [[] for _ in self.universe.series]
        self._channel_busy = [[] for _ in self.universe.channels]
        self._channel_shown = [{} for _ in self.universe.channels]

    def missing(self) -> dict[str, int]:
        """Entries of which fewer episodes than `per_kind` could be placed, and how many fewer."""
        return {name: self.faults.per_kind - done for name, done in self.placed.items() if done < self.faults.per_kind}

    def edit_content(self, block: Block, number: int, events: list[Event]) -> None:
        """Inject the faults that come before numbering, and choose windows for the others."""
        rng = self._random(number, 0)
        start, end = self.market.blocks[number]
        self._ticks += len(block.rows)
        for spans in (*self._series_busy, *self._channel_busy):
            spans[:] = [span for span in spans if span[1] >= start - APART_NS]
        wanted = self._wanted(number)
        channels = [fault for fault in wanted if fault.scope == "channel"]
        symbols = [fault for fault in wanted if fault.scope == "symbol"]
        # Long windows first, as they are the hardest to place; ties by chance, so that no kind always comes last.
        for group in (channels, symbols):
            group[:] = [group[place] for place in rng.permutation(len(group))]
            group.sort(key=lambda fault: -fault.window_s)
        least = LIVELY_ROWS_PER_S * (end - start) / NS_PER_SECOND
        self._lively = [series for series in range(len(self.universe.series)) if block.count(series) >= least]
        quiet = min(int(self.faults.warm_up_s * NS_PER_SECOND), (self.market.end_ns - self.market.start_ns) // 6)
        self._bounds = max(start + EDGE_NS, self.market.start_ns + quiet), end - EDGE_NS
        full: set[str] = set()
        for fault in [*channels, *symbols]:
            # What found no place once finds none in this block; it comes again in the next one.
            if fault.name not in full:
                place = self._place_channel if fault.scope == "channel" else self._place_symbol
                if not place(fault, block, events, rng):
                    full.add(fault.name)

    def edit_sequence(self, block: Block, number: int, capture: Capture) -> None:
        """Inject the faults that come after numbering."""
        rng = self._random(number, 1)
        # Resets first and in time order: what is copied later must have its final number.
        self._pending.sort(key=lambda item: (item[0].name != "sequence_reset", item[2], item[1]))
        for fault, channel, start in self._pending:
            stop = start + int(fault.window_s * NS_PER_SECOND)
            target = Target(channel, -1, start, stop, block.of_channel(channel, start, stop))
            for _ in range(ATTEMPTS // 10):
                span = fault.inject(block, target, self.faults.size(fault, rng), rng)
                if span is not None:
                    self._record(fault, target, span)
                    if fault.name == "sequence_reset":
                        capture.sequence[channel] -= int(span.magnitude)
                    break
        self._pending = []

    def _random(self, number: int, stage: int) -> Random:
        return np.random.default_rng([self.market.seed, 9, self.faults.seed, number, stage])

    def _wanted(self, number: int) -> list[Fault]:
        """Entries to place in this block, one an episode: the share of the stream so far, less what is there already."""
        # A little ahead of time, so that a last block without room (market-wide news) leaves nothing undone.
        share = min(1.0, 1.25 * (number + 1) / len(self.market.blocks))
        wanted = []
        for fault in self.faults.entries:
            due = int(np.ceil(self.faults.per_kind * share)) + int(self.faults.per_million * self._ticks / 1e6)
            wanted += [fault] * (due - self.placed[fault.name])
        return wanted

    def _draw(self, fault: Fault, places: int, rng: Random) -> Iterator[tuple[int, int, int]]:
        """Random places, each with a window whose episode begins and ends well within the block."""
        length = int(fault.window_s * NS_PER_SECOND)
        first, last = self._bounds[0], self._bounds[1] - length
        if first > last or not places:
            return
        starts = rng.integers(first, last + 1, ATTEMPTS).tolist()
        for place, start in zip(rng.integers(places, size=ATTEMPTS).tolist(), starts, strict=True):
            yield place, start, start + length

    def _place_channel(self, fault: Fault, block: Block, events: list[Event], rng: Random) -> bool:
        effect = int(fault.effect_s * NS_PER_SECOND)
        for channel, start, stop in self._draw(fault, len(self.universe.channels), rng):
            reach = start, stop + effect
            shown = self._channel_shown[channel].setdefault(SHOWS_AS.get(fault.kind, fault.kind), [])
            if not _is_free(self._channel_busy[channel], reach, CHANNEL_APART_NS) or not _is_free(shown, reach, SAME_APART_NS):
                continue
            if self._is_genuine(events, channel, -1, reach):
                continue
            if fault.stage == "sequence":
                self._channel_busy[channel].append(reach)
                shown.append(reach)
                self._pending.append((fault, channel, start))
                return True
            target = Target(channel, -1, start, stop, block.of_channel(channel, start, stop))
            span = fault.inject(block, target, self.faults.size(fault, rng), rng)
            if span is not None:
                self._channel_busy[channel].append((span.onset, span.end + effect))
                shown.append((span.onset, span.end + effect))
                self._record(fault, target, span)
                return True
        return False

    def _place_symbol(self, fault: Fault, block: Block, events: list[Event], rng: Random) -> bool:
        effect = int(fault.effect_s * NS_PER_SECOND)
        for place, start, stop in self._draw(fault, len(self._lively), rng):
            series = self._lively[place]
            channel, symbol = int(self.universe.series["channel"][series]), int(self.universe.series["instrument"][series])
            if not _is_free(self._series_busy[series], (start, stop + effect), APART_NS):
                continue
            if not _is_free(self._channel_busy[channel], (start, stop), 0) or self._is_genuine(events, -1, symbol, (start, stop)):
                continue
            target = Target(channel, series, start, stop, block.of_series(series, start, stop))
            span = fault.inject(block, target, self.faults.size(fault, rng), rng)
            if span is not None:
                self._series_busy[series].append((span.onset, span.end + effect))
                self._record(fault, target, span)
                return True
        return False

    def _is_genuine(self, events: list[Event], channel: int, symbol: int, span: tuple[int, int]) -> bool:
        """Whether a genuine event of this channel or symbol, or one of all symbols, touches `span` or a second around it."""
        if self.faults.inside_genuine:
            return False
        for event in events:
            place = channel if event.is_channel else symbol
            # News on one name is no reason to keep a channel whole.
            is_meant = event.place < 0 if place < 0 and not event.is_channel else event.place in (place, -1)
            last = event.end if channel >= 0 and event.place < 0 else event.effect_end
            if is_meant and span[0] <= last + NS_PER_SECOND and event.onset - NS_PER_SECOND <= span[1]:
                return True
        return False

    def _record(self, fault: Fault, target: Target, span: Span) -> None:
        names, universe = self.universe.names, self.universe
        self.placed[fault.name] += 1
        symbol = names[int(universe.series["symbol_code"][target.series])] if fault.scope == "symbol" else ""
        self.labels.append(
            Label(
                fault_id=f"{fault.name}-{self.placed[fault.name]:04d}",
                kind=fault.kind,
                scope=fault.scope,
                channel=names[target.channel],
                venue=names[int(universe.channels["venue_code"][target.channel])],
                symbol=symbol,
                onset=span.onset,
                end=span.end,
                effect_end=span.end + int(fault.effect_s * NS_PER_SECOND),
                magnitude=round(span.magnitude, 9),
            )
        )


def _is_free(busy: Spans, span: tuple[int, int], apart: int) -> bool:
    return all(span[1] + apart < start or end + apart < span[0] for start, end in busy)

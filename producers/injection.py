"""Where faults go: windows that keep clear of each other and of genuine events, and a label for each episode.

Channel windows are taken first; symbols keep clear of their channel's. An episode lies wholly within one block.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from producers import genuine
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
EDGE_NS = 300 * NS_PER_MS
"""No episode this close to a block's bounds: latency carries ticks over them."""
ATTEMPTS = 60
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
    _pending: list[tuple[Fault, int, int]] = field(init=False)
    """Sequence faults with their channel and the beginning of their window."""

    def __post_init__(self) -> None:
        self.labels, self._pending = [], []
        self.placed = {fault.name: 0 for fault in self.faults.entries}
        self._series_busy = [[] for _ in self.universe.series]
        self._channel_busy = [[] for _ in self.universe.channels]

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
        lively = [series for series in range(len(self.universe.series)) if block.count(series) >= least]
        for fault in channels:
            self._place_channel(fault, block, number, events, rng)
        for fault in symbols if lively else []:
            self._place_symbol(fault, block, (number, lively), events, rng)

    def edit_sequence(self, block: Block, number: int, capture: Capture) -> None:
        """Inject the faults that come after numbering."""
        rng = self._random(number, 1)
        # Resets first and in time order: what is copied later must have its final number.
        self._pending.sort(key=lambda item: (item[0].name != "sequence_reset", item[2], item[1]))
        for fault, channel, start in self._pending:
            stop = start + int(fault.window_s * NS_PER_SECOND)
            target = Target(channel, -1, start, stop, block.of_channel(channel, start, stop))
            for _ in range(ATTEMPTS):
                span = fault.inject(block, target, self._size(fault, rng), rng)
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

    def _size(self, fault: Fault, rng: Random) -> float:
        low, high = fault.sizes
        return float(low * (high / low) ** rng.random()) * (self.faults.strength if high > low else 1.0)

    def _window(self, fault: Fault, number: int, rng: Random) -> tuple[int, int] | None:
        """A window for an episode whose effect ends within the block."""
        start, end = self.market.blocks[number]
        whole = self.market.end_ns - self.market.start_ns
        quiet = self.market.start_ns + min(int(self.faults.warm_up_s * NS_PER_SECOND), whole // 6)
        length = int(fault.window_s * NS_PER_SECOND)
        first, last = max(start + EDGE_NS, quiet), end - EDGE_NS - length
        if first > last:
            return None
        begin = int(rng.integers(first, last + 1))
        return begin, begin + length

    def _place_channel(self, fault: Fault, block: Block, number: int, events: list[Event], rng: Random) -> None:
        for _ in range(ATTEMPTS):
            window = self._window(fault, number, rng)
            if window is None:
                return
            channel = int(rng.integers(len(self.universe.channels)))
            start, stop = window
            reach = start, stop + int(fault.effect_s * NS_PER_SECOND)
            if not _is_free(self._channel_busy[channel], reach, CHANNEL_APART_NS) or self._is_genuine(events, channel, -1, reach):
                continue
            if fault.stage == "sequence":
                self._channel_busy[channel].append(reach)
                self._pending.append((fault, channel, start))
                return
            target = Target(channel, -1, start, stop, block.of_channel(channel, start, stop))
            span = fault.inject(block, target, self._size(fault, rng), rng)
            if span is not None:
                self._channel_busy[channel].append(reach)
                self._record(fault, target, span)
                return

    def _place_symbol(self, fault: Fault, block: Block, where: tuple[int, list[int]], events: list[Event], rng: Random) -> None:
        number, lively = where
        for _ in range(8 * ATTEMPTS):
            window = self._window(fault, number, rng)
            if window is None:
                return
            series = int(lively[int(rng.integers(len(lively)))])
            line = self.universe.series[series]
            start, stop = window
            effect = int(fault.effect_s * NS_PER_SECOND)
            reach = start, stop + effect
            channel = int(line["channel"])
            if not _is_free(self._series_busy[series], reach, APART_NS) or not _is_free(
                self._channel_busy[channel], (start, stop), 0
            ):
                continue
            if self._is_genuine(events, -1, int(line["instrument"]), (start, stop)):
                continue
            target = Target(channel, series, start, stop, block.of_series(series, start, stop))
            span = fault.inject(block, target, self._size(fault, rng), rng)
            if span is not None:
                self._series_busy[series].append((span.onset, span.end + effect))
                self._record(fault, target, span)
                return

    def _is_genuine(self, events: list[Event], channel: int, symbol: int, span: tuple[int, int]) -> bool:
        """Whether a genuine event of this channel or symbol, or one of all symbols, touches `span` or a second around it."""
        if self.faults.inside_genuine:
            return False
        for event in events:
            place = channel if event.kind == genuine.LATENCY_BURST else symbol
            # News on one name is no reason to keep a channel whole.
            is_meant = event.place < 0 if place < 0 and event.kind != genuine.LATENCY_BURST else event.place in (place, -1)
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

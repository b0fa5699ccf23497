"""Placement and injection of faults: windows that keep clear of each other and of genuine events, and a label for each episode.

Channel windows are taken first; symbols keep clear of their channel's. An episode lies wholly within one block, unless it lasts:
then it is carried on in each block with the same random numbers, so that it is one function of absolute time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from producers.faults.editing.block import Block, Random
from producers.faults.editing.episode import Episode
from producers.faults.editing.fault import Fault
from producers.faults.occupancy import Room
from producers.faults.placement import Places
from producers.faults.stream import Stream
from producers.faults.table import Faults
from producers.market.genuine_events import Event
from producers.market.universe import Array, Universe
from tickproof.findings.label import Label
from tickproof.ticks.schema import NS_PER_SECOND

RENAME = "genuine_rename"
NEW_NAMES = ("unknown_symbol", "genuine_listing", RENAME)
"""Entries that introduce a name no symbol has used yet."""
RESETS = ("sequence_reset", "genuine_sequence_reset")
SPARE_NAMES = 256
"""How many symbols a stream can be given besides its own."""


@dataclass(slots=True)
class Injection:
    """Injects faults into one block after another.

    `labels` are those of the blocks so far, in no order; `placed` counts episodes by entry; `episodes` are the ids of labels by
    the number of their episode, less one.
    """

    market: Stream
    universe: Universe
    faults: Faults
    names: tuple[str, ...] = field(init=False)
    """The universe's names, then the spare ones that faults may give to symbols."""
    labels: list[Label] = field(init=False, default_factory=list)
    placed: Counter[str] = field(init=False, default_factory=Counter)
    episodes: list[str] = field(init=False, default_factory=list)
    changed: int = field(init=False, default=0)
    """Ticks that faults have changed, removed or added."""
    _ticks: int = field(init=False, default=0)
    _room: Room = field(init=False)
    _places: Places = field(init=False)
    _pending: list[Episode] = field(init=False, default_factory=list)
    """Sequence faults that have a window and wait for numbering."""
    _running: list[Episode] = field(init=False, default_factory=list)
    """Episodes that continue in the next block."""
    _links: list[tuple[int, int]] = field(init=False, default_factory=list)
    _spare: int = field(init=False)
    _renamed: dict[str, tuple[int, str]] = field(init=False, default_factory=dict)
    """Old name -> the time of the renaming, and the new name."""
    _queue: list[Fault] = field(init=False, default_factory=list)
    """The next entries to place when a prevalence is wanted."""

    _fitting: tuple[Fault, ...] = field(init=False)
    """The wanted entries that this feed can have."""

    def __post_init__(self) -> None:
        self._places = Places(self.market, self.universe, self.faults)
        lacks = self.market.lacks | (frozenset() if self.universe.ties else {"relation"})
        self._fitting = tuple(fault for fault in self.faults.entries if lacks.isdisjoint(fault.needs))
        self._room = Room.of(self.universe, self.faults, self.market.end_ns - self.market.start_ns)
        self._spare = len(self.universe.names)
        rng = np.random.default_rng([self.market.seed, 9, self.faults.seed, 3])
        listed = set(self.universe.names)
        spare = [name for name in self.market.new_names(SPARE_NAMES, rng) if name not in listed]
        self.names = (*self.universe.names, *spare[:SPARE_NAMES])

    def missing(self) -> dict[str, int]:
        """Return the entries of which fewer than `per_kind` episodes could be placed, and how many are missing."""
        wanted = self.faults.per_kind
        entries = (fault for fault in self.faults.entries if self._places.shuts or not fault.when_shut)
        return {fault.name: wanted - self.placed[fault.name] for fault in entries if self.placed[fault.name] < wanted}

    @property
    def unfit(self) -> frozenset[str]:
        """Return the entries that need something this feed lacks."""
        return frozenset(fault.name for fault in self.faults.entries) - {fault.name for fault in self._fitting}

    def edit_content(self, block: Block, number: int, events: list[Event]) -> None:
        """Inject the faults that come before numbering, and choose windows for the others."""
        rng = self._random(number, 0)
        start, end = self.market.blocks[number]
        self._ticks += len(block.rows)
        block.marked = self.faults.marked
        self._carry_on(block, start)
        self._room.forget(start)
        self._room.passed_ns = end - self.market.start_ns
        wanted = self._wanted(number)
        if wanted:
            self._places.enter(block, number)
        if not len(block.rows):
            wanted = []
        # Channels first, then what is rarest so far, then long windows, which are the hardest to place; ties at random, so that
        # no kind always comes last.
        wanted = [wanted[place] for place in rng.permutation(len(wanted))]
        wanted.sort(key=lambda fault: (fault.scope != "channel", self.placed[fault.name], -fault.window_s))
        full: set[str] = set()
        for fault in wanted:
            # An entry that found no place is tried again in the next block.
            if fault.name not in full and not self._is_enough() and not self._place(fault, block, events, rng):
                full.add(fault.name)
        self._links = block.settle()

    def edit_sequence(self, block: Block, number: int, counters: Array) -> None:
        """Inject the faults that come after numbering; `counters`, by channel, go back where a counter is reset."""
        for row, original in self._links:
            block.rows["trade_id"][row] = block.rows["trade_id"][original]
        rng = self._random(number, 1)
        # Resets first and in time order: what is copied later must have its final number.
        self._pending.sort(key=lambda episode: (episode.fault.name not in RESETS, episode.start, episode.channels))
        for episode in self._pending:
            for _ in range(max(1, self.market.attempts // 10)):
                episode.seed, episode.number = int(rng.integers(1 << 62)), len(self.episodes) + 1
                if self._try(episode, block):
                    assert episode.span is not None
                    if episode.fault.name in RESETS:
                        counters[episode.channels[0]] -= int(episode.span.magnitude)
                    self._record(episode)
                    break
        self._pending = []
        if number == len(self.market.blocks) - 1:
            for episode in self._running:
                self._record(episode)
            self._running = []

    def under_new_names(self, labels: list[Label]) -> list[Label]:
        """Return labels of genuine events under the name that their symbol has by then."""
        found = []
        for one in labels:
            since, name = self._renamed.get(one.symbol, (0, ""))
            found.append(replace(one, symbol=name) if name and one.onset >= since else one)
        return found

    def _carry_on(self, block: Block, start: int) -> None:
        """Continue the episodes that began in earlier blocks, and end those that are over."""
        going = []
        for episode in self._running:
            if episode.stop <= start - NS_PER_SECOND:
                self._record(episode)
            else:
                going.append(episode)
                self._try(episode, block)
        self._running = going
        # A new symbol's ticks are subject to silences and delays like any others.
        block.settle(free=True)

    def _try(self, episode: Episode, block: Block) -> bool:
        before = block.changed
        span = episode.inject(block)
        if span is not None and not episode.fault.is_genuine:
            self.changed += block.changed - before
        return span is not None

    def _random(self, number: int, stage: int) -> Random:
        return np.random.default_rng([self.market.seed, 9, self.faults.seed, number, stage])

    def _wanted(self, number: int) -> list[Fault]:
        """Return the entries to place in this block, one an episode: the share of the stream so far, less what was placed."""
        # A little ahead of time, so that a last block without room (market-wide news) leaves nothing undone.
        share = min(1.0, 1.25 * (number + 1) / len(self.market.blocks))
        wanted = []
        for fault in self._fitting:
            due = int(np.ceil(self.faults.per_kind * share)) + int(self.faults.per_million * self._ticks / 1e6)
            if not self.faults.prevalence:
                wanted += [fault] * (due - self.placed[fault.name])
        return wanted + self._by_prevalence(number)

    def _is_enough(self) -> bool:
        """Return whether as many ticks are changed as wanted, where only a prevalence says how many episodes to place."""
        return self.faults.prevalence > 0 and not self.faults.per_kind and self.changed >= self.faults.prevalence * self._ticks

    def _by_prevalence(self, number: int) -> list[Fault]:
        """Yield the entries in turn, as long as fewer ticks are changed than there should be by now."""
        due = self.faults.prevalence * self._ticks
        if self.changed >= due:
            return []
        # An episode larger than a quarter of the wanted ticks would leave no room for others.
        total = due * len(self.market.blocks) / (number + 1)
        fitting = [fault for fault in self._fitting if fault.ticks <= max(1.0, total / 4)]
        wanted: list[Fault] = []
        expected = float(self.changed)
        while fitting and expected < due:
            if not self._queue:
                order = self._random(len(self.episodes), 2).permutation(len(fitting))
                self._queue = [fitting[place] for place in order]
            fault = self._queue.pop()
            wanted.append(fault)
            expected += 0 if fault.is_genuine else fault.ticks
            if all(one.is_genuine for one in fitting) and len(wanted) >= len(fitting):
                break
        return wanted

    def _place(self, fault: Fault, block: Block, events: list[Event], rng: Random) -> bool:
        places = len(self.universe.channels) if fault.scope == "channel" else len(self._places.series(fault))
        for place, start, stop in self._places.draw(fault, places, rng):
            channels, series = self._places.concerned(fault, place)
            kept = self._places.kept(fault, series)
            if not self._room.is_free(fault, channels, kept, (start, stop)) or self._places.is_genuine(
                events, channels, series, start, stop
            ):
                continue
            name = self._spare if fault.name in NEW_NAMES and self._spare < len(self.names) else -1
            seed, size = int(rng.integers(1 << 62)), self.faults.size(fault, rng)
            episode = Episode(fault, len(self.episodes) + 1, channels, series, start, stop, size, seed, name)
            if fault.stage == "sequence":
                self._room.take(fault, channels, series, (start, stop))
                self._pending.append(episode)
                return True
            if not self._try(episode, block):
                continue
            assert episode.span is not None
            self._spare += name >= 0
            if fault.name == RENAME:
                old = self.names[int(self.universe.series["symbol_code"][series[0]])]
                self._renamed[old] = start, self.names[name]
            lasts = fault.lasts_s is not None
            self._room.take(fault, channels, kept, (start, stop) if lasts else (episode.span.onset, episode.span.end))
            if lasts and stop > self._places.bounds[1] - NS_PER_SECOND:
                # Its number is taken now; its label comes when it is over.
                self._name(episode)
                self._running.append(episode)
            else:
                self._record(episode)
            return True
        return False

    def _name(self, episode: Episode) -> str:
        """Return the id of an episode's label, a new one if it has none yet."""
        if episode.number > len(self.episodes):
            self.placed[episode.fault.name] += 1
            self.episodes.append(f"{episode.fault.name}-{self.placed[episode.fault.name]:04d}")
        return self.episodes[episode.number - 1]

    def _record(self, episode: Episode) -> None:
        names, universe, fault, span = self.names, self.universe, episode.fault, episode.span
        assert span is not None
        symbol = ""
        if fault.scope == "symbol":
            symbol = names[span.symbol if span.symbol >= 0 else int(universe.series["symbol_code"][episode.series[0]])]
        channel = int(episode.channels[0])
        self.labels.append(
            Label(
                fault_id=self._name(episode),
                kind=fault.kind,
                scope=fault.scope,
                channel=names[channel] if fault.reach == "one" else "",
                venue=names[int(universe.channels["venue_code"][channel])] if fault.reach != "all" else "",
                symbol=symbol,
                onset=span.onset,
                end=span.end,
                effect_end=span.end + int(fault.effect_s * NS_PER_SECOND),
                magnitude=round(span.magnitude, 9),
            )
        )

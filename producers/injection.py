"""Where faults go: windows that keep clear of each other and of genuine events, and a label for each episode.

Channel windows are taken first; symbols keep clear of their channel's. An episode lies wholly within one block, unless it lasts:
then it is carried on in each block with the same random numbers, so that it is one function of absolute time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from producers.block import Block, Random, Span, Target
from producers.burst_faults import spare_names
from producers.capture import Capture
from producers.fault import Fault
from producers.faults import Faults
from producers.genuine import Event
from producers.market import Market
from producers.room import Room
from producers.universe import Universe
from tickproof.label import Label
from tickproof.tick import NS_PER_MS, NS_PER_SECOND

EDGE_NS = 300 * NS_PER_MS
"""No episode begins or ends this close to a block's bounds: latency carries ticks over them."""
ATTEMPTS = 200
"""Windows that are tried for one episode in one block."""
LIVELY_ROWS_PER_S = 1.0
"""Symbol faults befall series with at least this many ticks a second in the block."""
LONGEST_SHARE = 0.10
"""An episode that lasts takes at most this share of the stream."""
LEAST_SPOKEN = 5
"""Ticks of a series in the last block before a close that can come again."""
SHUT_NS = 60 * NS_PER_SECOND
"""A market that says nothing for so long between two blocks is shut."""
SHUT_EDGE_NS = 10 * NS_PER_SECOND
RENAME = "genuine_rename"
NEW_NAMES = ("unknown_symbol", "genuine_listing", RENAME)
"""Entries that bring a name that nobody has had yet."""
RESETS = ("sequence_reset", "genuine_sequence_reset")


@dataclass(slots=True)
class Episode:
    """One episode that has a place: what, where, when, and the seed of its random numbers.

    `name` is the code of a symbol's name that is free to be used, `span` what it has done so far.
    """

    fault: Fault
    number: int
    channels: tuple[int, ...]
    series: tuple[int, ...]
    start: int
    stop: int
    size: float
    seed: int
    name: int
    span: Span | None = None

    def inject(self, block: Block) -> Span | None:
        """Edit a block; whether and what it did there."""
        window = self.start, self.stop
        where = block.of_series(self.series, *window) if self.series else block.of_channels(self.channels, *window)
        block.episode, block.spare = self.number, [self.name] if self.name >= 0 else []
        block.is_open = self.fault.is_genuine and self.fault.lasts_s is not None
        rng = np.random.Generator(np.random.PCG64(self.seed))
        span = self.fault.inject(block, Target(self.channels, self.series, self.start, self.stop, where), self.size, rng)
        if span is not None:
            before = self.span or span
            self.span = span._replace(onset=min(before.onset, span.onset), end=max(before.end, span.end))
        return span


@dataclass(slots=True)
class Injection:
    """Puts faults into one block after another.

    `labels` are those of the blocks so far, in no order; `placed` counts episodes by entry; `episodes` are the ids of labels by
    the number of their episode, less one.
    """

    market: Market
    universe: Universe
    faults: Faults
    names: tuple[str, ...] = field(init=False)
    """The universe's, and behind them those that nobody has before a fault gives them away."""
    labels: list[Label] = field(init=False, default_factory=list)
    placed: Counter[str] = field(init=False, default_factory=Counter)
    episodes: list[str] = field(init=False, default_factory=list)
    changed: int = field(init=False, default=0)
    """Ticks that faults have changed, taken away or added."""
    _ticks: int = field(init=False, default=0)
    _room: Room = field(init=False)
    _lively: list[int] = field(init=False, default_factory=list)
    """Series that say enough in the block."""
    _spoken: list[int] = field(init=False, default_factory=list)
    """Series that say anything in it."""
    _bounds: tuple[int, int] = field(init=False, default=(0, 0))
    """Earliest onset and latest end in the block."""
    _shut: tuple[int, int] = field(init=False, default=(0, 0))
    """When the market is shut behind the block."""
    _pending: list[Episode] = field(init=False, default_factory=list)
    """Sequence faults whose window is taken."""
    _running: list[Episode] = field(init=False, default_factory=list)
    """Episodes that go on in the next block."""
    _links: list[tuple[int, int]] = field(init=False, default_factory=list)
    _spare: int = field(init=False)
    _renamed: dict[str, tuple[int, str]] = field(init=False, default_factory=dict)
    """Old name -> when it got its new one, and that."""
    _queue: list[Fault] = field(init=False, default_factory=list)
    """What comes next when a prevalence is wanted."""

    _is_tied: list[bool] = field(init=False)
    """Whether the instrument of each series is in a relation."""
    _channel_of: list[int] = field(init=False)
    """The channel of each series."""
    _last_ns: int = field(init=False)
    """No episode ends later."""
    _shuts: bool = field(init=False)
    """Whether the market is ever shut."""
    _fitting: tuple[Fault, ...] = field(init=False)
    """The wanted entries that the feed can suffer."""

    def __post_init__(self) -> None:
        self._channel_of = self.universe.series["channel"].tolist()
        tied = [bool(self.universe.relation(place)) for place in range(self.universe.symbols)]
        self._is_tied = [tied[place] for place in self.universe.series["instrument"].tolist()]
        self._last_ns = self.market.end_ns - EDGE_NS
        self._shuts = any(map(self._is_shut_after, range(len(self.market.blocks))))
        character = self.market.character
        lacks = {
            need
            for need, has in (
                ("sequence", character.has_sequence),
                ("sizes", character.has_sizes),
                ("trades", character.trades * self.market.trade_share > 0),
                ("relation", bool(self.universe.ties)),
            )
            if not has
        }
        self._fitting = tuple(fault for fault in self.faults.entries if lacks.isdisjoint(fault.needs))
        self._room = Room.of(self.universe, self.faults, self.market.end_ns - self.market.start_ns)
        self._spare = len(self.universe.names)
        self.names = (*self.universe.names, *spare_names(self.market, self.universe, [self.market.seed, 9, self.faults.seed]))

    def missing(self) -> dict[str, int]:
        """Entries of which fewer episodes than `per_kind` could be placed, and how many fewer."""
        wanted = self.faults.per_kind
        entries = (fault for fault in self.faults.entries if self._shuts or not fault.when_shut)
        return {fault.name: wanted - self.placed[fault.name] for fault in entries if self.placed[fault.name] < wanted}

    @property
    def unfit(self) -> frozenset[str]:
        """Entries that need what the feed has not."""
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
        wanted = self._wanted(number, block)
        self._shut = self._shut_after(number)
        if wanted:
            counts = block.counts()
            self._lively = np.flatnonzero(counts >= LIVELY_ROWS_PER_S * (end - start) / NS_PER_SECOND).tolist()
            # What comes again at night was said before the close, when few say much.
            self._spoken = np.flatnonzero(counts >= LEAST_SPOKEN).tolist()
            quiet = min(int(self.faults.warm_up_s * NS_PER_SECOND), (self.market.end_ns - self.market.start_ns) // 6)
            self._bounds = max(start + EDGE_NS, self.market.start_ns + quiet), end - EDGE_NS
        # Channels first, and what is rarest so far. Then long windows, as they are the hardest to place; ties by chance, so that
        # no kind always comes last.
        wanted = [wanted[place] for place in rng.permutation(len(wanted))]
        wanted.sort(key=lambda fault: (fault.scope != "channel", self.placed[fault.name], -fault.window_s))
        full: set[str] = set()
        for fault in wanted:
            # What found no place once finds none in this block; it comes again in the next one.
            if fault.name not in full and not self._is_enough() and not self._place(fault, block, events, rng):
                full.add(fault.name)
        self._links = block.settle()

    def edit_sequence(self, block: Block, number: int, capture: Capture) -> None:
        """Inject the faults that come after numbering."""
        for row, original in self._links:
            block.rows["trade_id"][row] = block.rows["trade_id"][original]
        rng = self._random(number, 1)
        # Resets first and in time order: what is copied later must have its final number.
        self._pending.sort(key=lambda episode: (episode.fault.name not in RESETS, episode.start, episode.channels))
        for episode in self._pending:
            for _ in range(ATTEMPTS // 10):
                episode.seed, episode.number = int(rng.integers(1 << 62)), len(self.episodes) + 1
                if self._try(episode, block):
                    assert episode.span is not None
                    if episode.fault.name in RESETS:
                        capture.sequence[episode.channels[0]] -= int(episode.span.magnitude)
                    self._record(episode)
                    break
        self._pending = []
        if number == len(self.market.blocks) - 1:
            for episode in self._running:
                self._record(episode)
            self._running = []

    def under_new_names(self, labels: list[Label]) -> list[Label]:
        """Labels of genuine events, under the name that their symbol has by then."""
        found = []
        for one in labels:
            since, name = self._renamed.get(one.symbol, (0, ""))
            found.append(replace(one, symbol=name) if name and one.onset >= since else one)
        return found

    def _carry_on(self, block: Block, start: int) -> None:
        """Continue the episodes that have begun in earlier blocks, and end those that are over."""
        going = []
        for episode in self._running:
            if episode.stop <= start - NS_PER_SECOND:
                self._record(episode)
            else:
                going.append(episode)
                self._try(episode, block)
        self._running = going
        # A new symbol's ticks are ticks like others: silences swallow them, and lateness delays them.
        block.settle(free=True)

    def _try(self, episode: Episode, block: Block) -> bool:
        before = block.changed
        span = episode.inject(block)
        if span is not None and not episode.fault.is_genuine:
            self.changed += block.changed - before
        return span is not None

    def _random(self, number: int, stage: int) -> Random:
        return np.random.default_rng([self.market.seed, 9, self.faults.seed, number, stage])

    def _wanted(self, number: int, block: Block) -> list[Fault]:
        """Entries to place in this block, one an episode: the share of the stream so far, less what is there already."""
        # A little ahead of time, so that a last block without room (market-wide news) leaves nothing undone.
        share = min(1.0, 1.25 * (number + 1) / len(self.market.blocks))
        wanted = []
        for fault in self._fitting:
            due = int(np.ceil(self.faults.per_kind * share)) + int(self.faults.per_million * self._ticks / 1e6)
            if not self.faults.prevalence:
                wanted += [fault] * (due - self.placed[fault.name])
        return wanted + self._by_prevalence(number)

    def _is_enough(self) -> bool:
        """Whether as many ticks are changed as there should be, where nothing else says how many episodes there are."""
        return self.faults.prevalence > 0 and not self.faults.per_kind and self.changed >= self.faults.prevalence * self._ticks

    def _by_prevalence(self, number: int) -> list[Fault]:
        """Entries in turn, as long as fewer ticks are changed than there should be by now."""
        due = self.faults.prevalence * self._ticks
        if self.changed >= due:
            return []
        # An episode larger than a quarter of all that there may be would leave no room for others.
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

    def _shut_after(self, number: int) -> tuple[int, int]:
        """From when to when nothing is open behind a block; an empty span if the next block follows at once."""
        blocks = self.market.blocks
        return blocks[number][1], blocks[number + 1][0] if number + 1 < len(blocks) else self.market.end_ns

    def _is_shut_after(self, number: int) -> bool:
        first, last = self._shut_after(number)
        return last - first >= SHUT_NS

    def _draw(self, fault: Fault, places: int, rng: Random) -> Iterator[tuple[int, int, int]]:
        """Random places, each with a window: well within the block, or begun there and over before the stream is."""
        length = int(fault.window_s * NS_PER_SECOND)
        first, last = self._bounds[0], self._bounds[1] - length
        if fault.lasts_s is not None:
            last = self._bounds[1] - NS_PER_SECOND
        if fault.when_shut:
            is_shut = self._shut[1] - self._shut[0] >= SHUT_NS
            first, last = (self._shut[0] + SHUT_EDGE_NS, self._shut[1] - SHUT_EDGE_NS - length) if is_shut else (0, -1)
        if first > last or not places:
            return
        starts = rng.integers(first, last + 1, ATTEMPTS).tolist()
        for place, start in zip(rng.integers(places, size=ATTEMPTS).tolist(), starts, strict=True):
            if fault.lasts_s is not None:
                length = self._length(fault, start, rng)
            if start + length <= self._last_ns:
                yield place, start, start + length

    def _length(self, fault: Fault, start: int, rng: Random) -> int:
        """How long an episode lasts that begins at `start`."""
        assert fault.lasts_s is not None
        if fault.is_open_ended:
            return self._last_ns - start
        low, high = fault.lasts_s
        drawn = int(low * (high / low) ** rng.random() * NS_PER_SECOND)
        return min(drawn, int(LONGEST_SHARE * (self.market.end_ns - self.market.start_ns)))

    def _place(self, fault: Fault, block: Block, events: list[Event], rng: Random) -> bool:
        places = len(self.universe.channels) if fault.scope == "channel" else len(self._series(fault))
        for place, start, stop in self._draw(fault, places, rng):
            channels, series = self._concerned(fault, place)
            kept = self._kept(fault, series)
            if not self._room.is_free(fault, channels, kept, (start, stop)) or self._is_genuine(
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
            if lasts and stop > self._bounds[1] - NS_PER_SECOND:
                # Its number is taken now; its label comes when it is over.
                self._name(episode)
                self._running.append(episode)
            else:
                self._record(episode)
            return True
        return False

    def _series(self, fault: Fault) -> list[int]:
        """The series that a symbol's fault may befall."""
        found = self._spoken if fault.when_shut else self._lively
        if "relation" in fault.needs:
            return [one for one in found if self._is_tied[one]]
        if fault.is_genuine and fault.reach == "all":
            # A leg that moves alone, and all its venues with it, is no genuine move but a relation that breaks.
            return [one for one in found if not self._is_tied[one]]
        return found

    def _concerned(self, fault: Fault, place: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The channels and series of an episode at a place: a channel, or one of the series that say enough."""
        table = self.universe.series
        if fault.scope == "symbol":
            one = self._series(fault)[place]
            if fault.reach == "one":
                return (self._channel_of[one],), (one,)
            same = np.flatnonzero(table["instrument"] == table["instrument"][one]).tolist()
            series = (one, *(other for other in same if other != one))
            return tuple(dict.fromkeys(self._channel_of[each] for each in series)), series
        if fault.reach == "one":
            return (place,), ()
        venues = self.universe.channels["venue"]
        return tuple(range(len(venues)) if fault.reach == "all" else np.flatnonzero(venues == venues[place]).tolist()), ()

    def _kept(self, fault: Fault, series: tuple[int, ...]) -> tuple[int, ...]:
        """The series that no other episode may have: of a relation all legs, or nothing would tell which of them left."""
        if "relation" not in fault.needs:
            return series
        table = self.universe.series["instrument"]
        legs = [place for place, _ in self.universe.relation(int(table[series[0]]))]
        return tuple(np.flatnonzero(np.isin(table, legs)).tolist())

    def _is_genuine(self, events: list[Event], channels: tuple[int, ...], series: tuple[int, ...], start: int, stop: int) -> bool:
        """Whether a genuine event of these channels or this symbol, or one of all symbols, is near."""
        symbol = int(self.universe.series["instrument"][series[0]]) if series else -1
        # What moves a cross, or a leg of it, moves others, too.
        near = (symbol,) if symbol < 0 else {symbol, *(place for place, _ in self.universe.moved_by(symbol))}
        return not self.faults.inside_genuine and any(
            _is_near(event, channels, one, start, stop) for event in events for one in near
        )

    def _name(self, episode: Episode) -> str:
        """The id of an episode's label; a new one if it has none yet."""
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


def _is_near(event: Event, channels: tuple[int, ...], symbol: int, start: int, stop: int) -> bool:
    """Whether a genuine event touches a window, or a second around it, of channels (symbol −1) or of a symbol."""
    is_of_channel = event.is_channel
    # News on one name is no reason to keep a channel whole.
    of_symbol = event.place < 0 or event.place == symbol >= 0
    is_meant = symbol < 0 and event.place in channels if is_of_channel else of_symbol
    last = event.end if symbol < 0 and not is_of_channel else event.effect_end
    return is_meant and start <= last + NS_PER_SECOND and event.onset - NS_PER_SECOND <= stop

"""What one shard remembers, and how its symbols are found."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tickproof import measures, measures_market, rolling, rules, shard_kernel, silence
from tickproof.features import NAMES
from tickproof.reference import NOTHING, Reference
from tickproof.statistics import ACCUMULATOR
from tickproof.tick import Array, Ticks, copied, empty
from tickproof.tracking import Tracker

LIFE = np.uint64(1 << 63)
"""Bit of `ROW.reasons`, inside only: this row is a copy that shows that its channel lives."""
TABLE_SIZE = 1 << 22


@dataclass(slots=True)
class Registry:
    """Names by index, in order of first sight. Only grows."""

    instruments: list[tuple[str, str]] = field(default_factory=list)
    symbols: list[str] = field(default_factory=list)
    venues: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    _index: dict[tuple[str, ...], int] = field(default_factory=dict)

    def find(self, kind: str, table: list[str], name: str) -> int:
        """Index of a name in one of the tables, added if new."""
        key = (kind, name)
        if key not in self._index:
            self._index[key] = len(table)
            table.append(name)
        return self._index[key]

    def instrument(self, venue: str, symbol: str) -> int:
        """Index of a (venue, symbol), added if new."""
        key = ("instrument", venue, symbol)
        if key not in self._index:
            self._index[key] = len(self.instruments)
            self.instruments.append((venue, symbol))
        return self._index[key]


@dataclass(slots=True)
class ShardState:
    """All that a shard remembers; about 560 bytes an instrument. `step` works on a copy.

    `block` holds the last second of final ticks and those that are not final yet, from row `final` on; `context`, `features`
    and `scores` lie beside it.
    """

    registry: Registry
    instruments: Array
    heads: Array
    venues: Array
    clocks: Array
    channel_of: Array
    shard: Array
    accumulators: Array
    measures: Array
    symbols: Array
    groups: Array
    market: Array
    tracker: Tracker
    block: Ticks
    context: Array
    features: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float32]
    final: int = 0
    reference: Reference = NOTHING

    @classmethod
    def new(cls, model_version: str = "none", reference: Reference = NOTHING) -> ShardState:
        """A shard that saw nothing yet."""
        return cls(
            registry=Registry(),
            instruments=np.zeros(1, rolling.INSTRUMENT),
            heads=np.full(1, -1, np.int64),
            venues=np.zeros(1, rules.VENUE),
            clocks=np.zeros(1, silence.CLOCK),
            channel_of=np.zeros(1, np.int64),
            shard=np.zeros(1, shard_kernel.SHARD),
            accumulators=np.zeros(1, ACCUMULATOR),
            measures=np.zeros(1, measures.MEASURE),
            symbols=np.zeros(1, measures_market.SYMBOL),
            groups=np.zeros(1, measures_market.GROUP),
            market=np.zeros(1, measures_market.MARKET),
            tracker=Tracker(rules.VERSION, model_version, reference.feeds()),
            block=empty(),
            context=np.zeros(0, rules.CONTEXT),
            features=np.zeros((0, len(NAMES))),
            scores=np.zeros(0, np.float32),
            reference=reference,
        )

    @property
    def count(self) -> int:
        """How many instruments are known."""
        return len(self.registry.instruments)

    def copy(self) -> ShardState:
        """A state that may be written to. The registry, which only grows, is shared."""
        return ShardState(
            self.registry,
            copied(self.instruments),
            self.heads.copy(),
            copied(self.venues),
            copied(self.clocks),
            self.channel_of.copy(),
            copied(self.shard),
            copied(self.accumulators),
            copied(self.measures),
            copied(self.symbols),
            copied(self.groups),
            copied(self.market),
            self.tracker.copy(),
            self.block,
            self.context,
            self.features,
            self.scores,
            self.final,
            self.reference,
        )

    def arrays(self) -> tuple[Array, ...]:
        """The arrays as the kernel takes them; known instruments only, but at least one."""
        known = max(self.count, 1)
        scratch = np.empty(rolling.MAX_OTHERS)
        measured = self.measures, self.symbols, self.groups, self.market
        return self.instruments[:known], self.heads, self.venues, self.clocks, self.shard, scratch, *measured


def tag(state: ShardState, block: Ticks) -> tuple[Array, Array, Array, Array]:
    """(instrument of each row, channel of each row, is it a sign of life only, channel by instrument); registers new names."""
    rows, names, registry = block.rows, block.names, state.registry
    width = len(names) + 1
    pairs = (rows["venue"].astype(np.int64) + 1) * width + rows["symbol"].astype(np.int64) + 1
    channels = rows["channel"]
    channel_table = np.zeros(width, np.int64)
    for code in _in_order_of_sight(channels, width)[0].tolist():
        channel_table[code] = registry.find("channel", registry.channels, names[code])
    # Registered in order of first sight, which does not depend on how the input was cut.
    seen, first = _in_order_of_sight(pairs, width * width)
    known = np.full(len(seen), -1, np.int64)
    for k, (pair, row) in enumerate(zip(seen.tolist(), first.tolist(), strict=True)):
        venue, symbol = pair // width - 1, pair % width - 1
        if venue >= 0 and symbol >= 0:
            known[k] = _instrument(state, names[venue], names[symbol], int(channel_table[channels[row]]))
    state.clocks = _grown(state.clocks, len(registry.channels))
    life = ((rows["reasons"] & LIFE) != 0).astype(np.uint8)
    return _translate(pairs, seen, known, width * width), channel_table[channels], life, state.channel_of


def _in_order_of_sight(codes: Array, bound: int) -> tuple[Array, Array]:
    """The different codes and the row where each stands first, by that row. A table beats sorting where codes are few."""
    if bound > TABLE_SIZE:
        seen, first = np.unique(codes, return_index=True)
    else:
        table = np.full(bound, -1, np.int64)
        table[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
        seen = np.flatnonzero(table >= 0)
        first = table[seen]
    order = np.argsort(first)
    return seen[order], first[order]


def _translate(codes: Array, seen: Array, values: Array, bound: int) -> Array:
    if bound > TABLE_SIZE:
        order = np.argsort(seen)
        return values[order][np.searchsorted(seen[order], codes)]
    table = np.empty(bound, np.int64)
    table[seen] = values
    return table[codes]


def _instrument(state: ShardState, venue: str, symbol: str, channel: int) -> int:
    registry = state.registry
    index = registry.instrument(venue, symbol)
    if index < len(state.instruments) and state.instruments["known"][index]:
        return index
    state.instruments = _grown(state.instruments, state.count)
    state.accumulators = _grown(state.accumulators, state.count)
    state.measures = _grown(state.measures, state.count)
    state.channel_of = _grown(state.channel_of, state.count)
    symbol_index = registry.find("symbol", registry.symbols, symbol)
    venue_index = registry.find("venue", registry.venues, venue)
    if symbol_index >= len(state.heads):
        room = max(symbol_index + 1 - len(state.heads), len(state.heads))
        state.heads = np.concatenate([state.heads, np.full(room, -1, np.int64)])
    state.symbols = _grown(state.symbols, symbol_index + 1)
    group = state.reference.peer_groups.get(symbol)
    if group is not None:
        group_index = registry.find("group", registry.groups, group)
        state.groups = _grown(state.groups, group_index + 1)
        state.symbols["group"][symbol_index] = group_index + 1
    state.venues = _grown(state.venues, venue_index + 1)
    state.channel_of[index] = channel
    one = state.instruments[index]
    one["known"], one["symbol"], one["venue"] = 1, symbol_index, venue_index
    one["next"] = state.heads[symbol_index]
    known = state.reference.instrument(venue, symbol)
    if known is not None:
        one["may_be_negative"] = known.may_be_negative
        if known.may_cross is not None:
            one["crosses"] = rolling.MAY_CROSS if known.may_cross else rolling.NEVER_CROSSES
    channel_known = state.reference.channels.get(registry.channels[channel])
    one["merges"] = channel_known is not None and channel_known.sides == "merge"
    state.heads[symbol_index] = index
    return index


def _grown(array: Array, size: int) -> Array:
    """The array with room for `size` records, doubled when full."""
    if size <= len(array):
        return array
    larger = np.zeros(max(size, 2 * len(array)), array.dtype)
    larger[: len(array)] = array
    return larger

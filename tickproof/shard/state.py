"""What one shard remembers, and how its symbols are found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tickproof.channel.control_rows import LIFE
from tickproof.features import market as measures_market
from tickproof.features import state as measures
from tickproof.features.table import NAMES
from tickproof.feeds.monitor import Watch
from tickproof.findings.second_statistics import ACCUMULATOR, SECOND_NS
from tickproof.findings.tracker import Tracker
from tickproof.instrument import flood_share as share
from tickproof.instrument import level as rolling
from tickproof.instrument import silence
from tickproof.instrument import time_of_day as season
from tickproof.reference.data import NOTHING, Reference
from tickproof.reference.tables import Index, Tables, build
from tickproof.rules import relation_marks as marking
from tickproof.rules import relations as crosses
from tickproof.rules import table as rules
from tickproof.shard import walk as shard_kernel
from tickproof.shard.versions import Table
from tickproof.ticks.schema import Array, Ticks, empty
from tickproof.ticks.word_copy import copied

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


NO_SECOND = 2**62
SWEPT = ("silent",)
"""Fields of INSTRUMENT that `silence.sweep` writes to in any row, whatever the ticks of a step."""


def _table(name: str) -> property:
    """The rows of one of `ShardState.tables`."""

    def get(state: ShardState) -> Array:
        return state.tables[name].rows

    def put(state: ShardState, rows: Array) -> None:
        state.tables[name] = Table(rows, EMPTY[name])

    return property(get, put)


EMPTY = dict.fromkeys(
    ("instruments", "seasons", "measures", "accumulators", "channel_of", "member_of", "symbols", "groups"), 0
) | {"heads": -1}
"""Tables that grow, and what their integers hold that nobody has written to."""


@dataclass(slots=True)
class ShardState:
    """All that a shard remembers; about 1 KB an instrument, and what is usual at its times of day.

    `tables` grow with instruments, symbols and groups of peers; versions of the state share their rows (see `versions.Table`).
    `block` holds the last second of final ticks and those that are not final yet, from row `final` on; `context`, `features`
    and `scores` lie beside the latter. `counted` are the instruments whose second of statistics is open, none of which is before
    `first_second`. `watch` is where the channels meet, in one shard of all.
    """

    registry: Registry
    tables: dict[str, Table]
    venues: Array
    clocks: Array
    shard: Array
    market: Array
    minutes: Array
    marks: Array
    members: Array
    tracker: Tracker
    block: Ticks
    context: Array
    features: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float32]
    switches: Tables
    index: Index
    counted: npt.NDArray[np.int64]
    first_second: int = NO_SECOND
    final: int = 0
    reference: Reference = NOTHING
    watch: Watch = field(default_factory=Watch)

    instruments = _table("instruments")
    seasons = _table("seasons")
    measures = _table("measures")
    accumulators = _table("accumulators")
    channel_of = _table("channel_of")
    member_of = _table("member_of")
    heads = _table("heads")
    symbols = _table("symbols")
    groups = _table("groups")

    @classmethod
    def new(cls, model_version: str = "none", reference: Reference = NOTHING) -> ShardState:
        """A shard that saw nothing yet."""
        switches, index = build(reference)
        tables = {
            "instruments": np.zeros(1, rolling.INSTRUMENT),
            "seasons": np.zeros(1, season.SEASON),
            "measures": np.zeros(1, measures.MEASURE),
            "accumulators": np.zeros(1, ACCUMULATOR),
            "channel_of": np.zeros(1, np.int64),
            "member_of": np.zeros(1, np.int64),
            "heads": np.full(1, -1, np.int64),
            "symbols": np.zeros(1, measures_market.SYMBOL),
            "groups": np.zeros(1, measures_market.GROUP),
        }
        return cls(
            registry=Registry(),
            tables={name: Table(rows, EMPTY[name]) for name, rows in tables.items()},
            venues=np.zeros(1, rules.VENUE),
            clocks=np.zeros(1, silence.CLOCK),
            shard=np.zeros(1, shard_kernel.SHARD),
            market=np.zeros(1, measures_market.MARKET),
            minutes=np.zeros(1, share.MINUTE),
            marks=np.zeros(len(index.marks), marking.MARK),
            members=np.zeros(0, crosses.MEMBER),
            tracker=Tracker(rules.VERSION, model_version, reference.feeds()),
            block=empty(),
            context=np.zeros(0, rules.CONTEXT),
            features=np.zeros((0, len(NAMES))),
            scores=np.zeros(0, np.float32),
            switches=switches,
            index=index,
            counted=np.zeros(0, np.int64),
            reference=reference,
            watch=Watch(rules.VERSION, reference.feeds()),
        )

    @property
    def count(self) -> int:
        """How many instruments are known."""
        return len(self.registry.instruments)

    def branch(
        self, instruments: npt.NDArray[np.int64], symbols: npt.NDArray[np.int64], counted: npt.NDArray[np.int64]
    ) -> ShardState:
        """A state that may be written to: rows of these instruments and symbols, and accumulators of the instruments `counted`.

        The registry, which only grows, is shared.
        """
        registry = self.registry
        grouped = self.symbols["group"][symbols[symbols < len(self.symbols)]]
        places = {"accumulators": counted, "heads": symbols, "symbols": symbols, "groups": np.unique(grouped[grouped > 0]) - 1}
        sizes = {"heads": len(registry.symbols), "symbols": len(registry.symbols), "groups": len(registry.groups)}
        return ShardState(
            registry,
            {
                name: table.branch(
                    places.get(name, instruments), sizes.get(name, self.count), SWEPT if name == "instruments" else ()
                )
                for name, table in self.tables.items()
            },
            copied(self.venues),
            copied(self.clocks),
            copied(self.shard),
            copied(self.market),
            copied(self.minutes),
            copied(self.marks),
            copied(self.members),
            self.tracker.copy(),
            self.block,
            self.context,
            self.features,
            self.scores,
            self.switches,
            self.index,
            self.counted,
            self.first_second,
            self.final,
            self.reference,
            self.watch,
        )

    def arrays(self) -> tuple[Any, ...]:
        """The arrays as the kernel takes them; known instruments only, but at least one."""
        known = max(self.count, 1)
        scratch = np.empty(rolling.MAX_OTHERS)
        measured = self.measures, self.symbols, self.groups, self.market
        crossing = self.members, self.marks, self.switches.legs, self.switches.relations, self.switches.actions
        tied = self.member_of, crossing
        spoken = self.instruments[:known], self.seasons
        return spoken, self.heads, self.venues, self.clocks, self.shard, scratch, measured, self.switches, tied


def begin(state: ShardState, block: Ticks, before_ns: int) -> tuple[ShardState, tuple[Array, Array, Array, Array]]:
    """A state that may be written to where new ticks lead, with their new names registered, and where they lead.

    Parameters
    ----------
    block : Ticks
        Those of the state, then the new ones.
    before_ns : int
        Seconds of statistics that end before it may be closed.

    Returns
    -------
    (state, (instrument of each row, channel of each row, is it a sign of life only, channel by instrument))
        Of rows that were final before, nothing is said.
    """
    start = len(state.block)
    rows, names, registry = block.rows[start:], block.names, state.registry
    width = len(names) + 1
    pairs = (rows["venue"].astype(np.int64) + 1) * width + rows["symbol"].astype(np.int64) + 1
    channels = rows["channel"]
    channel_table = np.zeros(width, np.int64)
    for code in _in_order_of_sight(channels, width)[0].tolist():
        channel_table[code] = registry.find("channel", registry.channels, names[code])
    # Registered in order of first sight, which does not depend on how the input was cut.
    seen, first = _in_order_of_sight(pairs, width * width)
    known = np.full(len(seen), -1, np.int64)
    symbols = np.full(len(seen), -1, np.int64)
    for k, pair in enumerate(seen.tolist()):
        venue, symbol = pair // width - 1, pair % width - 1
        if venue >= 0 and symbol >= 0:
            known[k] = registry.instrument(names[venue], names[symbol])
            symbols[k] = registry.find("symbol", registry.symbols, names[symbol])
    pending = state.context["instrument"].astype(np.int64)
    due = state.counted if state.first_second * SECOND_NS < before_ns else state.counted[:0]
    counted = np.concatenate([known, pending, due])
    mine = np.unique(known[known >= 0])
    if state.reference.actions:
        mine = _of_symbols(state, mine, symbols[symbols >= 0])
    work = state.branch(mine, np.unique(symbols[symbols >= 0]), np.unique(counted[counted >= 0]))
    # An instrument that the registry knows may still be new to this state.
    new = (known >= 0) & (work.instruments["known"][known] == 0)
    for k in np.flatnonzero(new).tolist():
        _register(work, int(known[k]), int(symbols[k]), int(channel_table[channels[first[k]]]))
    if work.index.marks:
        _tie(work, known[new], symbols[new])
    work.clocks = _grown(work.clocks, len(registry.channels))
    work.minutes = _grown(work.minutes, work.count)
    instrument_of, channel_of_row = np.full(len(block), -1, np.int64), np.zeros(len(block), np.int64)
    instrument_of[state.final : start] = pending
    instrument_of[start:] = _translate(pairs, seen, known, width * width)
    channel_of_row[start:] = channel_table[channels]
    life = np.zeros(len(block), np.uint8)
    life[state.final :] = (block.rows["reasons"][state.final :] & LIFE) != 0
    return work, (instrument_of, channel_of_row, life, work.channel_of)


def _of_symbols(state: ShardState, mine: npt.NDArray[np.int64], symbols: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Instruments, and all others of some symbols: a split is of all venues at once."""
    touched = np.zeros(len(state.registry.symbols), np.bool_)
    touched[symbols] = True
    instruments = state.instruments
    return np.union1d(mine, np.flatnonzero(touched[instruments["symbol"]] & (instruments["known"] == 1)))


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


def _register(state: ShardState, index: int, symbol: int, channel: int) -> None:
    """Write down a new instrument, whose rows there is room for."""
    registry, reference = state.registry, state.reference
    venue_name, symbol_name = registry.instruments[index]
    venue = registry.find("venue", registry.venues, venue_name)
    state.venues = _grown(state.venues, venue + 1)
    group = reference.peer_groups.get(symbol_name)
    if group is not None:
        number = registry.find("group", registry.groups, group)
        state.symbols["group"][symbol] = number + 1
        if number >= len(state.groups):
            state.groups = _grown(state.groups, number + 1)
    state.channel_of[index] = channel
    one = state.instruments[index]
    one["known"], one["symbol"], one["venue"] = 1, symbol, venue
    one["next"] = state.heads[symbol]
    known = reference.instrument(venue_name, symbol_name)
    if known is not None:
        one["may_be_negative"] = known.may_be_negative
        if known.may_cross is not None:
            one["crosses"] = rolling.MAY_CROSS if known.may_cross else rolling.NEVER_CROSSES
        one["bands"], one["band_count"] = state.index.bands.get(known, (0, 0))
        one["lot"] = known.lot or 0
    one["action"] = state.index.actions.get(symbol_name, 0)
    one["sentinels"] = state.index.lists.get(registry.channels[channel], 0)
    channel_known = reference.channels.get(registry.channels[channel])
    one["merges"] = channel_known is not None and channel_known.sides == "merge"
    state.heads[symbol] = index


def _tie(state: ShardState, instruments: npt.NDArray[np.int64], symbols: npt.NDArray[np.int64]) -> None:
    """Make new instruments members of the relations that they are legs of."""
    marks, actions = state.index.marks, state.index.actions
    newcomers = []
    for instrument, symbol in zip(instruments.tolist(), symbols.tolist(), strict=True):
        venue_name, symbol_name = state.registry.instruments[instrument]
        for venue in (None, venue_name):
            if (symbol_name, venue) in marks:
                mark = state.marks[marks[symbol_name, venue]]
                mark["symbol"], mark["action"] = symbol + 1, actions.get(symbol_name, 0)
                mark["alone"] = 0 if venue is None else instrument + 1
                newcomers.append((instrument, marks[symbol_name, venue]))
    state.members = crosses.enlisted(state.members, state.member_of, state.switches.legs, newcomers)


def _grown(array: Array, size: int) -> Array:
    """The array with room for `size` records, doubled when full."""
    if size <= len(array):
        return array
    larger = np.zeros(max(size, 2 * len(array)), array.dtype)
    larger[: len(array)] = array
    return larger

"""Names that new ticks bring: registered, with room for what is remembered of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.channel.control_rows import LIFE
from tickproof.findings.second_statistics import SECOND_NS
from tickproof.instrument.one_based import ABSENT, to_stored
from tickproof.instrument.record import Crossing
from tickproof.rules.relations.members import enlisted
from tickproof.shard.arrays import Tags
from tickproof.shard.registry import Registry
from tickproof.shard.score_slice import NO_INSTRUMENT, USUAL_LIST
from tickproof.shard.state import ShardState
from tickproof.ticks.schema import Array, Ticks

Integers = npt.NDArray[np.int64]
TABLE_SIZE = 1 << 22
"""Codes below this are looked up in a table; more of them are sorted."""


class _Names(NamedTuple):
    """The (venue, symbol) pairs and channels of new ticks.

    Attributes
    ----------
    pairs : int64 array
        A code of each row's pair, below `bound`.
    bound : int
    distinct, first : int64 arrays
        The different pairs in order of first sight, and the row where each stands first.
    instruments, symbols : int64 arrays
        Their numbers in the registry; -1 where venue or symbol is null.
    channels : int64 array
        Number of each row's channel in the registry.
    """

    pairs: Integers
    bound: int
    distinct: Integers
    first: Integers
    instruments: Integers
    symbols: Integers
    channels: Integers


def admit(state: ShardState, block: Ticks, before_ns: int) -> tuple[ShardState, Tags]:
    """Return a state that may be written to where new ticks lead, with their names registered, and where they lead.

    Parameters
    ----------
    block : Ticks
        Those of the state, then the new ones.
    before_ns : int
        Seconds of statistics that end before it may be closed.
    """
    start = len(state.block)
    names = _register_names(state.registry, Ticks(block.rows[start:], block.names))
    pending = state.context["instrument"].astype(np.int64)
    work = _branch(state, names, pending, before_ns)
    # An instrument that the registry knows may still be new to this state.
    new = (names.instruments >= 0) & ~work.instruments["known"][names.instruments]
    for k in np.flatnonzero(new).tolist():
        _add(work, int(names.instruments[k]), int(names.symbols[k]), int(names.channels[names.first[k]]))
    if work.index.marks:
        _tie(work, names.instruments[new], names.symbols[new])
    work.clocks = _grown(work.clocks, len(work.registry.channels))
    work.minutes = _grown(work.minutes, work.count)
    instrument_of, channel_of = np.full(len(block), NO_INSTRUMENT, np.int64), np.zeros(len(block), np.int64)
    instrument_of[state.final : start] = pending
    instrument_of[start:] = _translate(names.pairs, names.distinct, names.instruments, names.bound)
    channel_of[start:] = names.channels
    is_liveness = np.zeros(len(block), np.bool_)
    is_liveness[state.final :] = (block.rows["reasons"][state.final :] & LIFE) != 0
    return work, Tags(instrument_of, channel_of, is_liveness)


def _register_names(registry: Registry, ticks: Ticks) -> _Names:
    """Register names in order of first sight, which does not depend on how the input was cut."""
    rows, names = ticks.rows, ticks.names
    width = len(names) + 1
    channel_table = np.zeros(width, np.int64)
    for code in _in_order_of_sight(rows["channel"], width)[0].tolist():
        channel_table[code] = registry.find("channel", registry.channels, names[code])
    # Null is -1: codes count from 1 here.
    pairs = (rows["venue"].astype(np.int64) + 1) * width + rows["symbol"].astype(np.int64) + 1
    distinct, first = _in_order_of_sight(pairs, width * width)
    instruments, symbols = (np.array(numbers, np.int64) for numbers in registry.pairs(distinct.tolist(), names))
    return _Names(pairs, width * width, distinct, first, instruments, symbols, channel_table[rows["channel"]])


def _branch(state: ShardState, names: _Names, pending: Integers, before_ns: int) -> ShardState:
    """Return a state whose rows may be written to where new ticks, pending ones and seconds that are due lead."""
    due = state.counted if state.first_second * SECOND_NS < before_ns else state.counted[:0]
    counted = np.concatenate([names.instruments, pending, due])
    symbols = np.unique(names.symbols[names.symbols >= 0])
    touched = np.unique(names.instruments[names.instruments >= 0])
    if state.reference.actions:
        touched = _with_all_venues(state, touched, symbols)
    return state.branch(touched, symbols, np.unique(counted[counted >= 0]))


def _with_all_venues(state: ShardState, instruments: Integers, symbols: Integers) -> Integers:
    """Return instruments, and all others of some symbols: a split is of all venues at once."""
    # A table has a row before its first instrument.
    touched = np.zeros(max(len(state.registry.symbols), 1), np.bool_)
    touched[symbols] = True
    rows = state.instruments
    return np.union1d(instruments, np.flatnonzero(touched[rows["symbol"]] & rows["known"]))


def _in_order_of_sight(codes: Array, bound: int) -> tuple[Array, Array]:
    """Return the different codes, by the row where each stands first, and these rows. A table beats sorting few codes."""
    if bound > TABLE_SIZE:
        distinct, first = np.unique(codes, return_index=True)
    else:
        table = np.full(bound, -1, np.int64)
        table[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
        distinct = np.flatnonzero(table >= 0)
        first = table[distinct]
    order = np.argsort(first)
    return distinct[order], first[order]


def _translate(codes: Array, distinct: Array, values: Array, bound: int) -> Array:
    """Return the value of each code, `values` being those of the `distinct` ones."""
    if bound > TABLE_SIZE:
        order = np.argsort(distinct)
        return values[order][np.searchsorted(distinct[order], codes)]
    table = np.empty(bound, np.int64)
    table[distinct] = values
    return table[codes]


def _add(state: ShardState, number: int, symbol: int, channel: int) -> None:
    """Write down a new instrument, whose row there is room for."""
    registry, reference = state.registry, state.reference
    venue_name, symbol_name = registry.instruments[number]
    venue = registry.find("venue", registry.venues, venue_name)
    state.venues = _grown(state.venues, venue + 1)
    _join_group(state, symbol, symbol_name)
    state.channel_of[number] = channel
    instrument = state.instruments[number]
    instrument["known"], instrument["symbol"], instrument["venue"] = True, symbol, venue
    instrument["next"] = state.heads[symbol]
    known = reference.instrument(venue_name, symbol_name)
    if known is not None:
        instrument["may_be_negative"] = known.may_be_negative
        if known.may_cross is not None:
            instrument["crosses"] = Crossing.MAY if known.may_cross else Crossing.NEVER
        instrument["bands"], instrument["band_count"] = state.index.bands.get(known, (0, 0))
        instrument["lot"] = known.lot or 0
    instrument["action"] = state.index.actions.get(symbol_name, 0)
    instrument["sentinels"] = state.index.lists.get(registry.channels[channel], USUAL_LIST)
    known_channel = reference.channels.get(registry.channels[channel])
    instrument["merges"] = known_channel is not None and known_channel.sides == "merge"
    state.heads[symbol] = number


def _join_group(state: ShardState, symbol: int, name: str) -> None:
    """Give a symbol its group of peers, if the reference names one."""
    group = state.reference.peer_groups.get(name)
    if group is None:
        return
    number = state.registry.find("group", state.registry.groups, group)
    state.symbols["group"][symbol] = to_stored(number)
    if number >= len(state.groups):
        state.groups = _grown(state.groups, number + 1)


def _tie(state: ShardState, instruments: Integers, symbols: Integers) -> None:
    """Make new instruments members of the relations that they are legs of."""
    marks, actions = state.index.marks, state.index.actions
    newcomers = []
    for instrument, symbol in zip(instruments.tolist(), symbols.tolist(), strict=True):
        venue_name, symbol_name = state.registry.instruments[instrument]
        for venue in (None, venue_name):
            if (symbol_name, venue) in marks:
                mark = state.marks[marks[symbol_name, venue]]
                mark["symbol"], mark["action"] = to_stored(symbol), actions.get(symbol_name, 0)
                mark["alone"] = ABSENT if venue is None else to_stored(instrument)
                newcomers.append((instrument, marks[symbol_name, venue]))
    state.members = enlisted(state.members, state.member_of, state.switches.legs, newcomers)


def _grown(array: Array, size: int) -> Array:
    """Return the array with room for `size` records, doubled when full."""
    if size <= len(array):
        return array
    larger = np.zeros(max(size, 2 * len(array)), array.dtype)
    larger[: len(array)] = array
    return larger

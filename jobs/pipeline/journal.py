"""A shard's state as bytes, and the journal that keeps it in Flink's keyed state.

Writing the whole state at each slice would cost more than the ticks. So the state store holds a snapshot now and then, and
between snapshots the frames that came in since: on restore they are walked again, without output. A step does not care how its
input is cut, so this gives the state bit for bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np

from jobs.pipeline.guard import NO_STREAK, Streak
from jobs.pipeline.tick_bytes import pack, unpack
from tickproof.features import market
from tickproof.features import state as features_state
from tickproof.features.table import NAMES
from tickproof.feeds import rate_and_mix
from tickproof.findings.second_statistics import ACCUMULATOR
from tickproof.instrument.evidence import EVIDENCE
from tickproof.instrument.flood_share import MINUTE
from tickproof.instrument.record import INSTRUMENT
from tickproof.instrument.silence import CLOCK
from tickproof.instrument.time_of_day import SEASON
from tickproof.reference.data import NOTHING, Reference
from tickproof.rules.context import CONTEXT
from tickproof.rules.relations.marks import MARK
from tickproof.rules.relations.members import MEMBER
from tickproof.rules.venue_habits import VENUE
from tickproof.shard.registry import Registry
from tickproof.shard.score_slice import SHARD
from tickproof.shard.state import NO_SECOND, ShardState
from tickproof.ticks.reorder_buffer import ReorderBuffer
from tickproof.ticks.schema import Ticks

VERSION = 2
PAGE_BYTES = 1 << 20
SNAPSHOT_FACTOR = 4
"""A snapshot is written once the journal holds this many times its bytes, and at least SNAPSHOT_BYTES."""
SNAPSHOT_BYTES = 8 << 20
RELEASED, STREAK = -1, -2
"""Keys of the journal that are no frames."""

_ARRAYS: dict[str, np.dtype[Any]] = {
    "instruments": INSTRUMENT,
    "seasons": SEASON,
    "heads": np.dtype(np.int64),
    "venues": VENUE,
    "clocks": CLOCK,
    "channel_of": np.dtype(np.int64),
    "shard": SHARD,
    "accumulators": ACCUMULATOR,
    "minutes": MINUTE,
    "member_of": np.dtype(np.int64),
    "marks": MARK,
    "members": MEMBER,
    "measures": features_state.MEASURE,
    "symbols": market.SYMBOL,
    "groups": market.GROUP,
    "market": market.MARKET,
    "context": CONTEXT,
    "features": np.dtype(np.float64),
    "scores": np.dtype(np.float32),
}


_LATER: dict[str, np.dtype[Any]] = {"evidence": EVIDENCE}
"""Arrays by instrument that a state may lack, as it was written before there were any: they begin with zeros."""


class _Snapshot(msgspec.Struct):
    version: int
    layout: str
    registry: tuple[list[tuple[str, str]], list[str], list[str], list[str], list[str]]
    arrays: dict[str, bytes]
    tracker: bytes
    watch: bytes
    block: bytes
    final: int
    waiting: bytes


class Pages(Protocol):
    """Flink's MapState of int -> bytes, of the current key."""

    def get(self, key: int) -> bytes | None: ...

    def put(self, key: int, value: bytes) -> None: ...

    def items(self) -> Iterable[tuple[int, bytes]]: ...

    def clear(self) -> None: ...


def pack_shard(state: ShardState, waiting: Ticks) -> bytes:
    """The state and the ticks that wait, as bytes."""
    registry, used = state.registry, _rows_used(state)
    arrays = {name: np.ascontiguousarray(getattr(state, name)[: used.get(name)]).tobytes() for name in (*_ARRAYS, *_LATER)}
    tables = (registry.instruments, registry.symbols, registry.venues, registry.channels, registry.groups)
    snapshot = _Snapshot(
        VERSION,
        _layout(_LATER),
        tables,
        arrays,
        state.tracker.pack(),
        state.watch.pack(),
        pack(state.block),
        state.final,
        pack(waiting),
    )
    return msgspec.msgpack.encode(snapshot)


def unpack_shard(data: bytes, model_version: str, reference: Reference = NOTHING) -> tuple[ShardState, Ticks]:
    """What `pack_shard` gave.

    Raises
    ------
    ValueError
        It was written by another version of tickproof.
    """
    snapshot = msgspec.msgpack.decode(data, type=_Snapshot)
    known = [_digest(_layout(later)) for later in (_LATER, {})]
    if snapshot.version != VERSION or _digest(snapshot.layout) not in (*known, *_SAME_BYTES):
        raise ValueError("the savepoint holds a shard of another version of tickproof: start the job without it, from the topic")
    state = ShardState.new(model_version, reference)
    for name, dtype in _ARRAYS.items():
        setattr(state, name, np.frombuffer(snapshot.arrays[name], dtype).copy())
    for name, dtype in _LATER.items():
        kept = snapshot.arrays.get(name)
        setattr(state, name, np.zeros(len(state.instruments), dtype) if kept is None else np.frombuffer(kept, dtype).copy())
    state.features = state.features.reshape(-1, len(NAMES))
    state.counted = np.flatnonzero(state.accumulators["ticks"] > 0)
    state.first_second = int(state.accumulators["second"][state.counted].min(initial=NO_SECOND))
    registry = Registry()
    instruments, symbols, venues, channels, groups = snapshot.registry
    for venue, symbol in instruments:
        registry.instrument(venue, symbol)
    for kind, table, names in (
        ("symbol", registry.symbols, symbols),
        ("venue", registry.venues, venues),
        ("channel", registry.channels, channels),
        ("group", registry.groups, groups),
    ):
        for name in names:
            registry.find(kind, table, name)
    state.registry = registry
    state.tracker.unpack(snapshot.tracker)
    state.watch.unpack(snapshot.watch)
    state.block, state.final = unpack(snapshot.block), snapshot.final
    return state, unpack(snapshot.waiting)


def _rows_used(state: ShardState) -> dict[str, int]:
    """Rows in use of the tables that grow: they have room for up to twice as many. A table has one row at least."""
    registry = state.registry
    known = {
        **dict.fromkeys(
            ("instruments", "evidence", "seasons", "measures", "accumulators", "channel_of", "minutes"), registry.instruments
        ),
        **dict.fromkeys(("heads", "symbols"), registry.symbols),
        "groups": registry.groups,
        "venues": registry.venues,
        "clocks": registry.channels,
    }
    return {name: max(len(names), 1) for name, names in known.items()}


_SAME_BYTES = ("b1efe9809fefe199",)
"""Digests of earlier layouts whose records have the same bytes: those of the first form named fields, which have been renamed."""


def _layout(later: dict[str, np.dtype[Any]]) -> str:
    """Return the layout of all records, where a state of another one must not be read. Names of fields are no part of it."""
    records = {**_ARRAYS, "line": rate_and_mix.LINE, **later}
    return repr([(name, dtype.itemsize, _fields(dtype)) for name, dtype in records.items()]) + repr(NAMES)


def _fields(dtype: np.dtype[Any]) -> list[tuple[int, int]]:
    """Return the offset and size of each field, in bytes."""
    return [(offset, field.itemsize) for field, offset, *_ in (dtype.fields or {}).values()]


def _digest(layout: str) -> str:
    return hashlib.blake2b(layout.encode(), digest_size=8).hexdigest()


def pack_streak(streak: Streak) -> bytes:
    """Return how many ticks failed alike as bytes."""
    return msgspec.msgpack.encode(streak)


def unpack_streak(data: bytes | None) -> Streak:
    """Return what `pack_streak` gave; none where a state of before holds nothing."""
    return NO_STREAK if data is None else msgspec.msgpack.decode(data, type=Streak)


class Restored(NamedTuple):
    """What the state store holds of a shard.

    Parameters
    ----------
    state : ShardState
        Of the last snapshot; a new shard where there is none.
    waiting : ReorderBuffer
        All ticks since.
    released_ns : int, optional
        How far those were released; None: not yet.
    frames : int
        Frames since the snapshot.
    streak : Streak
        How many ticks failed alike, at the snapshot.
    """

    state: ShardState
    waiting: ReorderBuffer
    released_ns: int | None
    frames: int
    streak: Streak


class Journal:
    """The frames of one shard since its last snapshot, over two maps of Flink's keyed state.

    Parameters
    ----------
    frames : Pages
        Number -> packed ticks as they came in; -1 -> how far they were released, in ns; -2 -> the streak at the snapshot.
    snapshot : Pages
        The last snapshot, in pages.
    """

    def __init__(self, frames: Pages, snapshot: Pages) -> None:
        self._frames = frames
        self._snapshot = snapshot

    def restore(self, model_version: str, reference: Reference = NOTHING) -> Restored:
        """Return what is remembered of the current shard."""
        pages = dict(self._snapshot.items())
        waiting = ReorderBuffer()
        state = ShardState.new(model_version, reference)
        if pages:
            state, ticks = unpack_shard(b"".join(pages[k] for k in sorted(pages)), model_version, reference)
            waiting.add(ticks)
        frames = dict(self._frames.items())
        released, streak = frames.pop(RELEASED, None), frames.pop(STREAK, None)
        for number in sorted(frames):
            waiting.add(unpack(frames[number]))
        released_ns = None if released is None else int.from_bytes(released, "little", signed=True)
        return Restored(state, waiting, released_ns, len(frames), unpack_streak(streak))

    def append(self, number: int, data: bytes) -> None:
        """Remember a frame that came in."""
        self._frames.put(number, data)

    def released(self, before_ns: int) -> None:
        """Remember how far the ticks were walked."""
        self._frames.put(RELEASED, before_ns.to_bytes(8, "little", signed=True))

    def snapshot(self, data: bytes, released_ns: int, streak: Streak) -> None:
        """Replace everything by a snapshot."""
        self._frames.clear()
        self._snapshot.clear()
        for page, start in enumerate(range(0, len(data), PAGE_BYTES)):
            self._snapshot.put(page, data[start : start + PAGE_BYTES])
        self.released(released_ns)
        self._frames.put(STREAK, pack_streak(streak))

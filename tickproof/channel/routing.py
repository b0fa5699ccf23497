"""Which shard scores a tick. All venues of a symbol share a shard; a tick without a symbol goes by its channel."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise

import numpy as np

from tickproof.channel.control_rows import LIFE
from tickproof.ticks.schema import Array, Kind, Ticks, is_scored

NO_SHARD = -1
"""Shard of a row that none scores."""
MEETING = ""
"""The name whose shard gets the control rows of all channels."""


@lru_cache(maxsize=1 << 17)
def shard_of(name: str, shards: int) -> int:
    """Return the shard of a symbol, or of a channel: a property of the results, the same everywhere."""
    return zlib.crc32(name.encode()) % shards


def route(ticks: Ticks, shards: int, groups: Mapping[str, str] | None = None) -> list[tuple[int, Ticks]]:
    """Return the stamped ticks of one channel by shard, in arrival order.

    Capture heartbeats end here: they are not scored. A venue's heartbeat goes to every shard, as a sign of life of its channel,
    and is scored in one.

    Parameters
    ----------
    ticks : Ticks
    shards : int
    groups : mapping, optional
        Symbol -> the name by which it and its peers share a shard.
    """
    rows = ticks.rows
    heartbeats = np.flatnonzero(is_scored(rows) & (rows["kind"] == Kind.HEARTBEAT))
    # Small integers: numpy sorts them by counting.
    place = _shards_of(ticks, shards, groups or {}).astype(np.int16)
    index = np.arange(len(rows))
    if len(heartbeats):
        copies, targets = np.repeat(heartbeats, shards), np.tile(np.arange(shards, dtype=np.int16), len(heartbeats))
        elsewhere = targets != place[copies]
        index, place = np.append(index, copies[elsewhere]), np.append(place, targets[elsewhere])
        # By arrival first, so that the stable sort by shard keeps it.
        arrival = np.argsort(index, kind="stable")
        order = arrival[np.argsort(place[arrival], kind="stable")]
    else:
        order = np.argsort(place, kind="stable")
    ordered = ticks.take(index[order])
    if len(heartbeats):
        ordered.rows["reasons"][order >= len(rows)] |= LIFE
    # Rows that no shard scores stand in front: they are counted first, and begin no span.
    ends = np.cumsum(np.bincount(place - NO_SHARD, minlength=shards + 1)).tolist()
    spans = enumerate(pairwise(ends))
    return [(number, ordered.take(slice(start, end))) for number, (start, end) in spans if start < end]


def _shards_of(ticks: Ticks, shards: int, groups: Mapping[str, str]) -> Array:
    """Return the shard that scores each tick, or NO_SHARD."""
    rows = ticks.rows
    table = _table(ticks.names, shards, groups) if groups else _table_without_groups(ticks.names, shards)
    shard = table[np.where(rows["symbol"] >= 0, rows["symbol"], rows["channel"])]
    return np.where(is_scored(rows), shard, NO_SHARD)


def _table(names: tuple[str, ...], shards: int, groups: Mapping[str, str]) -> Array:
    """Return the shard of each name, and NO_SHARD for the null name at the end."""
    return np.array([*(shard_of(groups.get(name, name), shards) for name in names), NO_SHARD], np.int64)


@lru_cache(maxsize=8)
def _table_without_groups(names: tuple[str, ...], shards: int) -> Array:
    """Return the same; frames of a feed mostly share one tuple of names."""
    return _table(names, shards, {})


def route_signs(signs: Ticks, shards: int) -> list[tuple[int, Ticks]]:
    """Return the control rows of one channel (`ChannelResult.signs`) for the shard where all channels meet."""
    return [(shard_of(MEETING, shards), signs)] if len(signs) else []

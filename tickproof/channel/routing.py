"""Which shard scores a tick. All venues of a symbol share a shard; a tick without a symbol goes by its channel."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise

import numpy as np

from tickproof.channel.control_rows import LIFE
from tickproof.ticks.schema import Kind, Ticks, is_scored

MEETING = ""
"""The name by whose shard the signs of all channels go."""


@lru_cache(maxsize=1 << 17)
def shard_of(name: str, shards: int) -> int:
    """The shard of a symbol, or of a channel; a property of the results, the same everywhere."""
    return zlib.crc32(name.encode()) % shards


def route(ticks: Ticks, shards: int, groups: Mapping[str, str] | None = None) -> list[tuple[int, Ticks]]:
    """Stamped ticks of one channel by shard, in arrival order; `groups` gives the name that peers go by together.

    Capture heartbeats end here: they are not scored. A venue's heartbeat goes to every shard, as a sign of life of its channel,
    and is scored in one.
    """
    rows = ticks.rows
    wanted = is_scored(rows)
    together = groups or {}
    table = np.array([*(shard_of(together.get(name, name), shards) for name in ticks.names), -1], np.int64)
    shard = table[np.where(rows["symbol"] >= 0, rows["symbol"], rows["channel"])]
    # Small integers: numpy sorts them by counting. What no shard wants stands in front.
    place = np.where(wanted, shard, -1).astype(np.int16)
    index = np.arange(len(rows))
    beats = np.flatnonzero(wanted & (rows["kind"] == Kind.HEARTBEAT))
    if len(beats):
        copies, targets = np.repeat(beats, shards), np.tile(np.arange(shards, dtype=np.int16), len(beats))
        elsewhere = targets != place[copies]
        index, place = np.append(index, copies[elsewhere]), np.append(place, targets[elsewhere])
        # By arrival first, so that the stable sort by shard keeps it.
        arrival = np.argsort(index, kind="stable")
        order = arrival[np.argsort(place[arrival], kind="stable")]
    else:
        order = np.argsort(place, kind="stable")
    ordered = ticks.take(index[order])
    if len(beats):
        ordered.rows["reasons"][order >= len(rows)] |= LIFE
    ends = np.cumsum(np.bincount(place + 1, minlength=shards + 1)).tolist()
    spans = enumerate(pairwise(ends))
    return [(number, ordered.take(slice(start, end))) for number, (start, end) in spans if start < end]


def route_signs(signs: Ticks, shards: int) -> list[tuple[int, Ticks]]:
    """Signs of one channel (`ChannelResult.signs`), for the shard where all channels meet; nothing where there are none."""
    return [(shard_of(MEETING, shards), signs)] if len(signs) else []

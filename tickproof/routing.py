"""Which shard scores a tick. All venues of a symbol share a shard; a tick without a symbol goes by its channel."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from tickproof.shard import as_life
from tickproof.tick import Kind, Ticks, concat, is_scored


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
    beats = wanted & (rows["kind"] == Kind.HEARTBEAT)
    if not beats.any():
        # Sorted by shard in one pass; what no shard wants stands in front.
        place = np.where(wanted, shard, -1).astype(np.int16)
        ordered = ticks.take(np.argsort(place, kind="stable"))
        ends = np.cumsum(np.bincount(place + 1, minlength=shards + 1)).tolist()
        spans = enumerate(pairwise(ends))
        return [(index, ordered.take(slice(start, end))) for index, (start, end) in spans if start < end]
    out = []
    for index in range(shards):
        mine = wanted & (shard == index)
        chosen = mine | beats
        if not chosen.any():
            continue
        if not (beats & ~mine).any():
            out.append((index, ticks.take(mine)))
            continue
        # In arrival order, the heartbeats of other shards as signs of life.
        order = np.argsort(np.concatenate([np.flatnonzero(mine), np.flatnonzero(beats & ~mine)]), kind="stable")
        both = concat([ticks.take(mine), as_life(ticks.take(beats & ~mine))])
        out.append((index, both.take(order)))
    return out

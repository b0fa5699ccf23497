"""Faults of whole channels before messages are numbered: silence, latency, wrong clocks, shifts of rate and mix.

Each returns what it did, or None when the window does not suit it; nothing is changed then. Clocks and shifts may last over
several blocks: they are called once a block with the same source of random numbers, and depend on absolute time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from producers.faults.editing.block import Block, Random, Span, Target
from producers.market.universe import Array
from tickproof.ticks.schema import NS_PER_SECOND, Kind

ZONES_H = (-5, -4, -1, 1, 4, 5)
"""Hours by which a clock is wrong that mistakes one time zone for another, or winter for summer."""


def channel_silent(block: Block, target: Target, size: float, _rng: Random) -> Span | None:
    """Stop the channels for `size` seconds, heartbeats included; numbers continue, because nothing was sent."""
    rows = block.rows
    stop = target.start + int(size * NS_PER_SECOND)
    lost, edges = [], []
    for channel in target.channels:
        where = block.of_channels((channel,), target.start, stop)
        after = block.of_channels((channel,), stop, 1 << 62)
        is_plain = block.is_free(where).all() and np.all(rows["kind"][where] <= Kind.HEARTBEAT)
        if len(where) < 6 or not len(after) or not is_plain:
            return None
        lost.append(where[1:])
        edges.append((int(rows["ts_recv"][where[0]]), int(rows["ts_recv"][after[0]])))
    block.drop(np.concatenate(lost))
    onset, end = min(first for first, _ in edges), max(last for _, last in edges)
    return Span(onset, end, (end - onset) / NS_PER_SECOND)


def latency_spike(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Capture a channel late by `size` seconds, then let the queue drain; the venue's stamps stay right.

    Nothing arrives for `size` seconds at first. The queue drains slower than time passes, so that order is kept and no two
    messages arrive at once for it.
    """
    where = target.where
    if len(where) < 20 or not block.is_free(where).all():
        return None
    sent = block.rows["ts_event"][where]
    late, hold = int(size * NS_PER_SECOND), int(rng.uniform(0.5, 2.0) * NS_PER_SECOND)
    passed = sent - sent[0]
    extra = np.where(passed < hold, late, np.maximum(late - (passed - hold) * 7 // 10, 0))
    # The window must see the queue empty again.
    if extra[-1] > 0:
        return None
    usual = block.rows["ts_recv"][where]
    times = np.maximum.accumulate(usual + extra)
    changed = np.flatnonzero(times != usual)
    block.rows["ts_recv"][where] = times
    block.touch(where[changed])
    # From when the first late message was due.
    return Span(int(usual[0]), int(times[changed[-1]]), late / NS_PER_SECOND)


def genuine_conflation(block: Block, target: Target, size: float, _rng: Random) -> Span | None:
    """Send a channel's messages together every `size` seconds: late by design."""
    where = target.where
    if len(where) < 50 or not block.is_free(where).all():
        return None
    every = int(size * NS_PER_SECOND)
    usual = block.rows["ts_recv"][where]
    # The last batch leaves before the window ends.
    inside = usual <= target.start + (target.stop - target.start) // every * every
    times = np.where(inside, target.start - (target.start - usual) // every * every, usual)
    changed = np.flatnonzero(times != usual)
    if not len(changed):
        return None
    block.rows["ts_recv"][where] = times
    block.touch(where[changed])
    return Span(int(usual[changed[0]]), int(times[changed[-1]]), size)


def clock_zone(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Set a venue's clock wrong by whole hours."""
    hours = ZONES_H[int(rng.integers(len(ZONES_H)))]
    return _shift_clock(block, target, lambda sent: np.full(len(sent), hours * 3600 * NS_PER_SECOND), hours * 3600.0)


def clock_offset(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Set a venue's clock ahead or behind by `size` seconds."""
    offset = int(size * NS_PER_SECOND) * (1 if rng.random() < 0.5 else -1)
    return _shift_clock(block, target, lambda sent: np.full(len(sent), offset), offset / NS_PER_SECOND)


def clock_drift(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Let a venue's clock gain or lose `size` seconds a second, until it is set right."""
    rate = size if rng.random() < 0.5 else -size
    return _shift_clock(block, target, lambda sent: np.rint((sent - target.start) * rate).astype(np.int64), rate)


def _shift_clock(block: Block, target: Target, offset: Callable[[Array], Array], magnitude: float) -> Span | None:
    where = target.where[block.keep[target.where]]
    if len(where) < 2:
        return None
    sent = block.rows["ts_event"][where]
    moved = offset(sent)
    block.rows["ts_event"][where] = sent + moved
    changed = where[moved != 0]
    if not len(changed):
        return None
    return block.done(changed, magnitude)


def rate_shift(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Drop more and more messages, down to a share of 1 − `size`: the rate leaves its regime gradually."""
    return _thin(block, target, size, rng, Kind.TRADE, Kind.QUOTE)


def mix_shift(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Drop more and more trades, down to a share of 1 − `size`, while quotes continue as before."""
    return _thin(block, target, size, rng, Kind.TRADE, Kind.TRADE)


def _thin(block: Block, target: Target, size: float, rng: Random, *kinds: Kind) -> Span | None:
    """Drop a share of some kinds that grows over the first half of the window and then stays."""
    where = target.where
    where = where[block.is_free(where) & np.isin(block.rows["kind"][where], kinds)]
    if len(where) < 20:
        return None
    passed = (block.rows["ts_recv"][where] - target.start) / (target.stop - target.start)
    lost = where[rng.random(len(where)) < size * np.clip(2.0 * passed, 0.0, 1.0)]
    if not len(lost):
        return None
    block.drop(lost)
    # Of several channels, rows are in the venues' order and not in that of capture.
    times: Array = block.rows["ts_recv"][lost]
    return Span(int(times.min()), int(times.max()), size)

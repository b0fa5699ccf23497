"""Faults of whole channels: silence and lateness before messages are numbered, lost, repeated and reordered messages after.

Each returns what it did, or None when the window does not suit it; nothing is changed then.
"""

from __future__ import annotations

import numpy as np

from producers.block import Block, Span, Target
from producers.symbol_faults import Random
from producers.universe import TICK, Array
from tickproof.tick import NS_PER_SECOND, UNITS_PER_ONE, Kind, Present


def channel_silent(block: Block, target: Target, size: float, _rng: Random) -> Span | None:
    """A channel stops for `size` seconds, heartbeats and all, and goes on with the next number: nothing was sent meanwhile."""
    where = target.where[block.rows["ts_recv"][target.where] < target.start + size * NS_PER_SECOND]
    lost = where[1:-1]
    if len(lost) < 5 or np.any(block.rows["kind"][lost] > Kind.HEARTBEAT):
        return None
    block.keep[lost] = False
    block.used[where] = True
    onset, end = (int(time) for time in block.rows["ts_recv"][where[[0, -1]]])
    return Span(onset, end, (end - onset) / NS_PER_SECOND)


def latency_spike(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """A channel is captured late by `size` seconds, holds, and drains; the venue's stamps stay right.

    Nothing arrives for `size` seconds at first. The queue drains slower than time passes, so that order is kept and no two
    messages arrive at once for it.
    """
    where = target.where
    if len(where) < 20:
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
    block.used[where[changed]] = True
    # From when the first late message was due.
    return Span(int(usual[0]), int(times[changed[-1]]), late / NS_PER_SECOND)


def sequence_gap(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Some messages in a row are lost after they were numbered."""
    found = _stretch(block, target.where, max(1, round(size)), rng)
    if found is None:
        return None
    lost, before, after = found
    block.keep[lost] = False
    block.used[lost] = True
    times = block.rows["ts_recv"]
    numbered = int(np.count_nonzero(block.rows["kind"][lost] != Kind.HEARTBEAT))
    return Span(int(times[before]), int(times[after]), float(numbered))


def sequence_reset(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """The counter starts again at 1 without a word. The rest of the channel counts on from there."""
    if len(target.where) < 3:
        return None
    row = int(target.where[int(rng.integers(1, len(target.where) - 1))])
    rest = block.of_channel(target.channel, int(block.rows["ts_recv"][row]), 1 << 62)
    rest = rest[rest >= row]
    back = int(block.rows["sequence"][row]) - 1
    if back < 1:
        return None
    block.rows["sequence"][rest] -= np.uint64(back)
    onset = int(block.rows["ts_recv"][row])
    return Span(onset, onset, float(back))


def duplicate(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Some messages in a row come again a little later, number and content alike."""
    found = _stretch(block, target.where, max(1, round(size)), rng)
    return None if found is None else _insert(block, found[0], target, block.rows[found[0]].copy(), rng)


def duplicate_changed(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Some messages come again with their number and another content: a size, or a price that is a step off."""
    found = _stretch(block, target.where, max(1, round(size)), rng)
    if found is None:
        return None
    copies = block.rows[found[0]].copy()
    if np.any(copies["kind"] > Kind.TRADE):
        return None
    lots = 100 * UNITS_PER_ONE
    if rng.random() < 0.5:
        copies["bid_sz"] += np.where(copies["bid_sz"] > 0, lots, 0)
        copies["ask_sz"] += np.where((copies["ask_sz"] > 0) & (copies["bid_sz"] == 0), lots, 0)
        copies["size"] += np.where(copies["size"] > 0, lots, 0)
    else:
        # Away from the other side, so that the copy is not crossed.
        copies["ask_px"] += np.where((copies["present"] & Present.ASK_PX) != 0, TICK, 0)
        lone = (copies["present"] & (Present.ASK_PX | Present.BID_PX)) == Present.BID_PX
        copies["bid_px"] += np.where(lone, TICK, 0)
        copies["price"] += np.where(copies["price"] > 0, TICK, 0)
    return _insert(block, found[0], target, copies, rng)


def out_of_order(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Some messages in a row arrive behind many later ones: the number goes back, capture time does not."""
    behind = max(2, round(size))
    found = _stretch(block, target.where, int(rng.integers(1, 6)), rng)
    if found is None:
        return None
    moved, before, _ = found
    rest = target.where[target.where > moved[-1]]
    if len(rest) < behind + 1:
        return None
    last = int(rest[behind - 1])
    times = block.rows["ts_recv"]
    copies = block.rows[moved].copy()
    copies["ts_recv"] = times[last]
    block.keep[moved] = False
    block.inserted.append((last, copies))
    block.used[moved] = True
    block.used[rest[:behind]] = True
    return Span(int(times[before]), int(times[last]), float(behind))


def _stretch(block: Block, where: Array, length: int, rng: Random) -> tuple[Array, int, int] | None:
    """Consecutive messages of a channel without status or session messages and untouched, with the row before and after."""
    if len(where) < length + 3:
        return None
    first = int(rng.integers(1, len(where) - length - 1))
    run = where[first : first + length]
    around = where[first - 1 : first + length + 1]
    is_plain = block.keep[around].all() and not block.used[around].any() and np.all(block.rows["kind"][run] <= Kind.HEARTBEAT)
    if not is_plain or block.rows["kind"][run[0]] == Kind.HEARTBEAT:
        return None
    return run, int(around[0]), int(around[-1])


def _insert(block: Block, run: Array, target: Target, copies: Array, rng: Random) -> Span | None:
    """Put copies of numbered messages behind the channel's messages of the next 0 to 40 ms; heartbeats are not repeated."""
    copies = copies[copies["kind"] != Kind.HEARTBEAT]
    times = block.rows["ts_recv"]
    later = target.where[target.where >= run[-1]]
    limit = times[run[-1]] + int(rng.random() * 40_000_000)
    last = int(later[max(int(np.searchsorted(times[later], limit, side="right")) - 1, 0)])
    if not len(copies) or not block.keep[last]:
        return None
    copies["ts_recv"] = times[last]
    block.inserted.append((last, copies))
    block.used[run] = True
    return Span(int(times[run[0]]), int(times[last]), float(len(copies)))

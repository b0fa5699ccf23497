"""Faults of whole channels after messages are numbered: numbers lost, restarted, repeated, and out of order.

Each returns what it did, or None when the window does not suit it; nothing is changed then.
"""

from __future__ import annotations

import numpy as np

from producers.faults.editing.block import PRICES, Block, Random, Span, Target, lot_of, tick_of
from producers.market.universe import Array
from producers.streams.word_copy import gathered
from tickproof.ticks.schema import NS_PER_MS, ROW, Kind, Present

ANNOUNCED = int(Present.TS_EVENT | Present.SEQUENCE)


def sequence_gap(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Lose some messages in a row after they were numbered."""
    found = _stretch(block, target.where, max(1, round(size)), rng)
    if found is None:
        return None
    lost, before, after = found
    numbered = int(np.count_nonzero(block.rows["kind"][lost] != Kind.HEARTBEAT))
    if not numbered:
        return None
    block.drop(lost)
    block.reserve(np.array([before, after]))
    times = block.rows["ts_recv"]
    return Span(int(times[before]), int(times[after]), float(numbered))


def sequence_reset(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Restart the counter at 1 without announcing it. The rest of the channel counts on from there."""
    found = _restart(block, target, rng)
    if found is None:
        return None
    row, rest, back = found
    block.rows["sequence"][rest] -= np.uint64(back)
    block.changed += 1
    onset = int(block.rows["ts_recv"][row])
    return Span(onset, onset, float(back))


def genuine_sequence_reset(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Restart the counter with an announcement: a session message carries the first number."""
    found = _restart(block, target, rng)
    if found is None or found[2] < 2:
        return None
    row, rest, back = found
    # Number 1 is the session message's own.
    back -= 1
    said = np.zeros(1, ROW)
    for name in ("channel", "venue"):
        said[name] = block.rows[name][row]
    for name in ("ts_recv", "ts_event"):
        said[name] = block.rows[name][row]
    said["symbol"], said["kind"], said["present"], said["sequence"] = -1, Kind.SESSION, ANNOUNCED, 1
    mine = target.where[target.where < row]
    block.insert(mine[-1:], said)
    block.rows["sequence"][rest] -= np.uint64(back)
    onset = int(block.rows["ts_recv"][row])
    return Span(onset, onset, float(back))


def _restart(block: Block, target: Target, rng: Random) -> tuple[int, Array, int] | None:
    """Return a row in mid-window, the rest of the channel from there, and how far its number is above 1."""
    if len(target.where) < 3:
        return None
    row = int(target.where[int(rng.integers(1, len(target.where) - 1))])
    rest = block.of_channels(target.channels, int(block.rows["ts_recv"][row]), 1 << 62)
    rest = rest[rest >= row]
    back = int(block.rows["sequence"][row]) - 1
    return (row, rest, back) if back >= 1 else None


def duplicate(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Repeat some messages in a row a little later, number and content alike."""
    found = _stretch(block, target.where, max(1, round(size)), rng)
    return None if found is None else _insert(block, found[0], target, gathered(block.rows, found[0]), rng)


def duplicate_changed(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Repeat some messages with their number and another content: a size, or prices some steps off.

    Ten lots more, and both sides by as many steps: last digits of sizes and spreads stay.
    """
    found = _stretch(block, target.where, max(1, round(size)), rng)
    if found is None:
        return None
    copies = gathered(block.rows, found[0])
    # A status or heartbeat has no content to change, and a new name is in no table.
    if np.any(copies["kind"] > Kind.TRADE) or np.any(copies["symbol"] >= len(block.universe.names)):
        return None
    instruments = block.universe.series["instrument"][block.universe.series_of(copies)]
    if rng.random() < 0.5:
        lots = 10 * lot_of(block.universe, instruments)
        copies["bid_sz"] += np.where(copies["bid_sz"] > 0, lots, 0)
        copies["ask_sz"] += np.where((copies["ask_sz"] > 0) & (copies["bid_sz"] == 0), lots, 0)
        copies["size"] += np.where(copies["size"] > 0, lots, 0)
    else:
        steps = int(rng.integers(1, 6)) * tick_of(block.universe, instruments)
        for name in PRICES:
            copies[name] += np.where(copies[name] > 0, steps, 0)
    return _insert(block, found[0], target, copies, rng)


def replayed_block(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Repeat the last `size` messages at once after a reconnect, with their old numbers and times."""
    where = target.where
    count = round(size)
    if len(where) < count + 20:
        return None
    # Not behind the very last message: what follows shows that the block is over.
    last = int(rng.integers(count, len(where) - 10))
    old = where[last - count : last]
    around = where[last - 1 : last + 2]
    if not block.is_free(old).all() or not block.is_free(around).all() or np.any(block.rows["kind"][old] > Kind.HEARTBEAT):
        return None
    times = block.rows["ts_recv"]
    begins, ends = int(times[where[last]]), int(times[where[last + 1]])
    copies = gathered(block.rows, old)
    copies = gathered(copies, np.flatnonzero(copies["kind"] != Kind.HEARTBEAT))
    if not len(copies):
        return None
    # As fast as they can be sent, and all before the next live message.
    copies["ts_recv"] = begins + (ends - begins) * np.arange(1, len(copies) + 1) // (len(copies) + 1)
    block.insert(np.full(len(copies), where[last]), copies)
    block.reserve(np.concatenate([old, around]))
    return Span(begins, int(copies["ts_recv"][-1]), float(len(copies)))


def out_of_order(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Deliver some messages in a row behind many later ones: the number falls, capture time does not."""
    return _put_behind(block, target, max(2, round(size)), int(rng.integers(1, 6)), rng)


def genuine_reorder(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Let a message arrive behind the next few, within a millisecond, as packets overtake each other on a line."""
    return _put_behind(block, target, max(1, round(size)), 1, rng, within_ns=NS_PER_MS)


def _put_behind(block: Block, target: Target, behind: int, length: int, rng: Random, *, within_ns: int = 1 << 62) -> Span | None:
    found = _stretch(block, target.where, length, rng)
    if found is None:
        return None
    moved, before, _ = found
    rest = target.where[target.where > moved[-1]]
    times = block.rows["ts_recv"]
    if len(rest) < behind + 1 or not block.is_free(rest[:behind]).all():
        return None
    last = int(rest[behind - 1])
    if times[last] - times[moved[0]] > within_ns:
        return None
    copies = gathered(block.rows, moved)
    copies["ts_recv"] = _after(block, target, last, len(copies), rng)
    if copies["ts_recv"][-1] - times[moved[0]] > within_ns:
        return None
    block.drop(moved)
    block.insert(np.full(len(copies), last), copies)
    block.reserve(rest[:behind])
    return Span(int(times[before]), int(copies["ts_recv"][-1]), float(behind))


def _stretch(block: Block, where: Array, length: int, rng: Random) -> tuple[Array, int, int] | None:
    """Return consecutive untouched messages of a channel without status or session messages, with the rows around them."""
    if len(where) < length + 3:
        return None
    first = int(rng.integers(1, len(where) - length - 1))
    run = where[first : first + length]
    around = where[first - 1 : first + length + 1]
    is_plain = block.is_free(around).all() and np.all(block.rows["kind"][run] <= Kind.HEARTBEAT)
    if not is_plain or block.rows["kind"][run[0]] == Kind.HEARTBEAT:
        return None
    return run, int(around[0]), int(around[-1])


def _insert(block: Block, run: Array, target: Target, copies: Array, rng: Random) -> Span | None:
    """Insert copies of numbered messages behind the channel's messages of the next 0 to 40 ms; heartbeats are not repeated."""
    copies = gathered(copies, np.flatnonzero(copies["kind"] != Kind.HEARTBEAT))
    times = block.rows["ts_recv"]
    later = target.where[target.where >= run[-1]]
    limit = times[run[-1]] + int(rng.random() * 40_000_000)
    last = int(later[max(int(np.searchsorted(times[later], limit, side="right")) - 1, 0)])
    if not len(copies) or not block.keep[last]:
        return None
    copies["ts_recv"] = _after(block, target, last, len(copies), rng)
    block.insert(np.full(len(copies), last), copies)
    block.reserve(run)
    return Span(int(times[run[0]]), int(copies["ts_recv"][-1]), float(len(copies)))


def _after(block: Block, target: Target, last: int, count: int, rng: Random) -> Array:
    """Draw capture times between a row's and its channel's next one, so that no tie gives an inserted row away."""
    times = block.rows["ts_recv"]
    later = target.where[target.where > last]
    gap = int(times[later[0]] - times[last]) if len(later) else 0
    found: Array = times[last] + np.sort(rng.integers(0, gap + 1, count))
    return found

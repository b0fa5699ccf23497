"""Slow faults of sparse feeds, where an instrument says something a few times in a minute, and their genuine twins.

Each takes so many seconds of its window as its size says, and lies within one block. It returns what it did, or None when the
window does not suit it; nothing is changed then.
"""

from __future__ import annotations

import numpy as np

from producers.faults.editing.block import Block, Random, Span, Target
from producers.faults.kinds import channel
from producers.faults.kinds.level import hold
from producers.market.universe import Array
from tickproof.ticks.schema import NS_PER_SECOND, Kind

LEAST_QUOTES = 6
"""Least quotes that a frozen price is repeated by."""
LEAST_LOST = 8
"""Least messages that a silence takes away: below, no one could know that it was none."""
OFFSET_S = (50.0, 170.0)
"""How long a small offset of a clock lasts."""


def _part(block: Block, target: Target, seconds: float) -> Array:
    """Return the rows of the first seconds of a window."""
    times = block.rows["ts_recv"][target.where]
    return target.where[times < target.start + int(seconds * NS_PER_SECOND)]


def frozen(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Repeat one price while the market moves; in half of the episodes the displayed sizes, too; trades print at the price."""
    where = _part(block, target, size)
    held = _held(block, target, where)
    if held is None:
        return None
    held_row, whole = held
    rows = block.rows
    hold(block, whole, int(rows["bid_px"][held_row]), int(rows["ask_px"][held_row]))
    if rng.random() < 0.5:
        quotes = whole[rows["kind"][whole] == Kind.QUOTE]
        for name in ("bid_sz", "ask_sz"):
            rows[name][quotes] = np.where(rows[name][quotes] != 0, rows[name][held_row], rows[name][quotes])
    span = block.done(whole, size)
    return span._replace(onset=int(rows["ts_recv"][held_row]))


def stale_book(block: Block, target: Target, size: float, _rng: Random) -> Span | None:
    """Lose updates of the book upstream: quotes repeat an old price while trades follow the market."""
    where = _part(block, target, size)
    held = _held(block, target, where)
    if held is None:
        return None
    held_row, whole = held
    rows = block.rows
    bid, ask = int(rows["bid_px"][held_row]), int(rows["ask_px"][held_row])
    trades = block.trades(whole)
    # Without a trade that the old quotes could not have produced it would be a frozen price.
    if not np.any((rows["price"][trades] > ask) | (rows["price"][trades] < bid)):
        return None
    quotes = whole[rows["kind"][whole] == Kind.QUOTE]
    hold(block, quotes, bid, ask)
    block.touch(quotes)
    block.reserve(trades)
    times = rows["ts_recv"]
    return Span(int(times[held_row]), int(times[whole[-1]]), size)


def _held(block: Block, target: Target, where: Array) -> tuple[int, Array] | None:
    """Return the quote that is held and the rows after it, where the market moves away from it."""
    quotes = block.quotes(where)
    if len(quotes) <= LEAST_QUOTES:
        return None
    rows = block.rows
    held_row, run = int(quotes[0]), quotes[1:]
    bid, ask = int(rows["bid_px"][held_row]), int(rows["ask_px"][held_row])
    away = np.abs((rows["bid_px"][run] + rows["ask_px"][run]) - (bid + ask)) / 2
    if away.max() < max(2 * block.tick(target), 0.6 * (ask - bid)):
        return None
    whole = where[(where > held_row) & (where <= run[-1])]
    if not block.is_free(whole).all() or np.any(rows["kind"][whole] > Kind.TRADE):
        return None
    return held_row, whole


def silent(block: Block, target: Target, size: float, _rng: Random) -> Span | None:
    """Stop a symbol on one venue while its channel continues."""
    where = _part(block, target, size)
    lost = where[1:]
    after = target.where[len(where) :]
    if len(lost) < LEAST_LOST or not len(after) or not block.is_free(where).all():
        return None
    if np.any(block.rows["kind"][lost] > Kind.TRADE):
        return None
    block.drop(lost)
    block.reserve(where[:1])
    onset, end = int(block.rows["ts_recv"][where[0]]), int(block.rows["ts_recv"][after[0]])
    return Span(onset, end, (end - onset) / NS_PER_SECOND)


def channel_silent(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Stop a channel, heartbeats included; numbers continue, because nothing was sent."""
    return channel.channel_silent(block, target, size, rng)


def clock_offset(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Set a venue's clock ahead or behind by about a millisecond for a minute or three."""
    low, high = OFFSET_S
    stop = target.start + int((low + (high - low) * rng.random()) * NS_PER_SECOND)
    where = target.where[block.rows["ts_recv"][target.where] < stop]
    return channel.clock_offset(block, target._replace(where=where, stop=stop), size, rng)


def clock_drift(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Let a venue's clock gain or lose a few milliseconds in five minutes, until it is set right."""
    return channel.clock_drift(block, target, size, rng)


def pinned(block: Block, target: Target, size: float, _rng: Random) -> Span | None:
    """Pin a symbol's price on all venues: they go on quoting, and nothing moves."""
    rows, changed = block.rows, []
    for series in target.series:
        stop = target.start + int(size * NS_PER_SECOND)
        whole = block.of_series((series,), target.start, stop)
        if not block.is_free(whole).all() or np.any(rows["kind"][whole] > Kind.TRADE):
            return None
        quotes = block.quotes(block.of_series((series,), target.start - 60 * NS_PER_SECOND, target.start))
        if not len(quotes):
            return None
        changed.append((int(quotes[-1]), whole))
    if not changed:
        return None
    for first, whole in changed:
        hold(block, whole, int(rows["bid_px"][first]), int(rows["ask_px"][first]))
    return block.done(np.concatenate([whole for _, whole in changed]), size)


def lull(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Let a symbol rest on all venues: only one message in twenty is sent."""
    where = _part(block, target, size)
    if not block.is_free(where).all():
        # Where another episode keeps a venue's messages, it is no lull of all.
        return None
    lost = where[(block.rows["kind"][where] <= Kind.TRADE) & (rng.random(len(where)) < 0.95)]
    if len(lost) < LEAST_LOST:
        return None
    block.drop(lost)
    times = block.rows["ts_recv"][lost]
    return Span(int(times.min()), int(times.max()), size)

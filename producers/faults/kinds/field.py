"""Faults of single fields and of whole messages: missing, exchanged or absurd values, and another symbol's name."""

from __future__ import annotations

import numpy as np

from producers.faults.editing.block import Block, Random, Span, Target
from tickproof.ticks.schema import NS_PER_SECOND, UNITS_PER_ONE, Condition, Kind, Present

DAY_NS = 86_400 * NS_PER_SECOND
LARGEST_SIZE = 1_000_000_000 * UNITS_PER_ONE


def field_missing(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Remove price, size or both of a trade."""
    trades = block.trades(target.where)
    if not len(trades):
        return None
    row = int(rng.choice(trades))
    lost = [("price",), ("size",), ("price", "size")][int(rng.integers(3))]
    for name in lost:
        block.rows[name][row] = 0
        block.rows["present"][row] &= ~np.uint16(Present[name.upper()])
    return block.done(np.array([row]), float(len(lost)))


def size_outlier(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Give a round-lot trade, or one side of a quote, an absurd size.

    What is added is a multiple of a hundred lots, so that lots and last digits stay what they were.
    """
    row = block.one(target.where, rng)
    if row < 0 or block.rows["conditions"][row] & Condition.ODD_LOT:
        return None
    name = "size" if block.rows["kind"][row] == Kind.TRADE else str(rng.choice(["bid_sz", "ask_sz"]))
    own = int(block.rows[name][row])
    if own <= 0:
        return None
    # Against the larger of this size and the usual one, so that a small size does not hide it.
    usual = max(own, int(np.median(block.rows[name][target.where])))
    hundred = 100 * block.lot(target)
    added = min(max(1, round(usual * size / hundred)), LARGEST_SIZE // hundred) * hundred
    # In lots of thousands of coins the largest size may be a usual one.
    if added < 100 * usual:
        return None
    block.rows[name][row] = own + added
    return block.done(np.array([row]), (own + added) / usual)


def size_zero(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Set the size of a trade to 0."""
    trades = block.trades(target.where)
    if not len(trades):
        return None
    row = int(rng.choice(trades))
    block.rows["size"][row] = 0
    return block.done(np.array([row]), 0.0)


def field_swap(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Exchange price and size on both sides of a quote."""
    row = block.one(target.where, rng)
    if row < 0:
        return None
    pairs = [("price", "size")] if block.rows["kind"][row] == Kind.TRADE else [("bid_px", "bid_sz"), ("ask_px", "ask_sz")]
    price, size = (int(block.rows[name][row]) for name in pairs[0])
    if max(price, size) < 1.2 * min(price, size):
        return None
    _exchange(block, row, pairs)
    return block.done(np.array([row]), size / price)


def side_swap(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Exchange bid and ask, prices and sizes, of one to three quotes; not where quotes cross anyway."""
    if block.universe.is_aggregated(target.series[0]):
        return None
    quotes = block.quotes(target.where)
    if not len(quotes):
        return None
    first = int(rng.integers(len(quotes)))
    run = quotes[first : first + int(rng.integers(1, 4))]
    wide = int(block.rows["ask_px"][run[0]] - block.rows["bid_px"][run[0]])
    for row in run.tolist():
        _exchange(block, row, [("bid_px", "ask_px"), ("bid_sz", "ask_sz")])
    return block.done(run, wide / block.tick(target))


def _exchange(block: Block, row: int, pairs: list[tuple[str, str]]) -> None:
    for one, other in pairs:
        first, second = int(block.rows[one][row]), int(block.rows[other][row])
        block.rows[one][row], block.rows[other][row] = second, first


def symbol_swap(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Publish a tick of another symbol of the channel under this symbol's name."""
    own = block.quotes(target.where)
    if not len(own):
        return None
    others = block.of_channels(target.channels, target.start, target.stop)
    # A few of them will do: a channel's window may hold thousands.
    others = block.plain(rng.choice(others, min(len(others), 64), replace=False))
    symbols = block.rows["symbol"][others]
    others = others[(symbols != block.rows["symbol"][own[0]]) & (symbols >= 0) & (symbols < len(block.universe.names))]
    if not len(others):
        return None
    row = int(rng.choice(others))
    level = int(block.rows["price"][row]) if block.rows["kind"][row] == Kind.TRADE else int(block.rows["bid_px"][row])
    ratio = level / int(block.rows["bid_px"][own[0]])
    if 0.9 < ratio < 1.1:
        return None
    block.rows["symbol"][row] = block.rows["symbol"][own[0]]
    return block.done(np.array([row]), ratio)


def time_implausible(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Move the venue's time of one to five ticks by hours, to another day, or near the epoch."""
    where = block.plain(target.where)
    if not len(where):
        return None
    first = int(rng.integers(len(where)))
    run = where[first : first + int(rng.integers(1, 6))]
    way = int(rng.integers(4))
    stamp = block.rows["ts_event"][run]
    offset = (int(size * 3600) * NS_PER_SECOND, DAY_NS, -DAY_NS, 0)[way]
    block.rows["ts_event"][run] = stamp % DAY_NS if way == 3 else stamp + offset
    moved = int(block.rows["ts_event"][run[0]]) - int(stamp[0])
    return block.done(run, moved / NS_PER_SECOND)

"""Faults of a symbol's level that single ticks do not show: frozen and stale prices, silence, drift, another unit.

Each returns what it did, or None when the window does not suit it; nothing is changed then. `drift`, `unit_change` and
`lots_change` may last over several blocks: they are called once a block with the same source of random numbers, and
depend on absolute time.
"""

from __future__ import annotations

import numpy as np

from producers.faults.editing.block import PRICES, Block, Random, Span, Target
from producers.faults.kinds.symbol import scale
from producers.market.universe import Array
from tickproof.ticks.schema import NS_PER_SECOND, UNITS_PER_ONE, Kind, Present

SIZES = ("bid_sz", "ask_sz", "size")
LEAST_QUOTES = 16
"""Least quotes of a frozen or stale stretch."""
LEAST_LOST = 60
"""Least length of a silence, in usual intervals between ticks."""


def frozen(block: Block, target: Target, _size: float, _rng: Random) -> Span | None:
    """Repeat one quote, sizes included, while the market moves; trades print at its prices."""
    return _freeze(block, target, sizes=True)


def frozen_price(block: Block, target: Target, _size: float, _rng: Random) -> Span | None:
    """Repeat one price while the market moves and displayed sizes change; trades print at that price."""
    return _freeze(block, target, sizes=False)


def _freeze(block: Block, target: Target, *, sizes: bool) -> Span | None:
    held = _held(block, target)
    if held is None:
        return None
    held_row, whole, away = held
    rows = block.rows
    bid, ask = int(rows["bid_px"][held_row]), int(rows["ask_px"][held_row])
    hold(block, whole, bid, ask)
    if sizes:
        quotes = whole[rows["kind"][whole] == Kind.QUOTE]
        for name in ("bid_sz", "ask_sz"):
            rows[name][quotes] = np.where(rows[name][quotes] != 0, rows[name][held_row], rows[name][quotes])
    span = block.done(whole, away / ((bid + ask) / 2))
    return Span(int(rows["ts_recv"][held_row]), span.end, span.magnitude)


def _held(block: Block, target: Target) -> tuple[int, Array, float] | None:
    """Return the quote that is held, the rows after it, and the largest distance that the market moves from it."""
    quotes = block.quotes(target.where)
    if len(quotes) < LEAST_QUOTES:
        return None
    rows = block.rows
    held_row, run = int(quotes[0]), quotes[1:]
    bid, ask = int(rows["bid_px"][held_row]), int(rows["ask_px"][held_row])
    away = np.abs((rows["bid_px"][run] + rows["ask_px"][run]) - (bid + ask)) / 2
    tick = block.tick(target)
    # The last price must differ as well, or the end would not be visible.
    if away.max() < max(2 * tick, 0.6 * (ask - bid)) or away[-1] < tick:
        return None
    whole = target.where[(target.where > held_row) & (target.where <= run[-1])]
    if not block.is_free(whole).all() or np.any(rows["kind"][whole] > Kind.TRADE):
        return None
    return held_row, whole, float(away.max())


def hold(block: Block, where: Array, bid: int, ask: int) -> None:
    """Give some rows the prices of one quote: quotes the sides that they carry, plain trades the nearer side."""
    rows = block.rows
    sides = where[rows["kind"][where] == Kind.QUOTE]
    for name, value in (("bid_px", bid), ("ask_px", ask)):
        carried = (rows["present"][sides] & Present[name.upper()]) != 0
        rows[name][sides] = np.where(carried, value, rows[name][sides])
    trades = block.trades(where)
    rows["price"][trades] = np.where(rows["price"][trades] > (bid + ask) / 2, ask, bid)


def stale_book(block: Block, target: Target, _size: float, _rng: Random) -> Span | None:
    """Lose updates of the book upstream: quotes repeat an old price while trades follow the market."""
    return _leave_behind(block, target, stops=False)


def stale_book_mute(block: Block, target: Target, _size: float, _rng: Random) -> Span | None:
    """Stop the quotes after one while trades follow the market."""
    return _leave_behind(block, target, stops=True)


def _leave_behind(block: Block, target: Target, *, stops: bool) -> Span | None:
    held = _held(block, target)
    if held is None:
        return None
    held_row, whole, away = held
    rows = block.rows
    bid, ask = int(rows["bid_px"][held_row]), int(rows["ask_px"][held_row])
    trades = block.trades(whole)
    outside = (rows["price"][trades] > ask) | (rows["price"][trades] < bid)
    # A stale book shows by trades that the old quotes could not have produced.
    if np.count_nonzero(outside) < 3:
        return None
    quotes = whole[rows["kind"][whole] == Kind.QUOTE]
    if stops:
        block.drop(quotes)
        block.reserve(trades)
    else:
        hold(block, quotes, bid, ask)
        block.touch(quotes)
        block.reserve(trades)
    times = rows["ts_recv"]
    return Span(int(times[held_row]), int(times[whole[-1]]), away / ((bid + ask) / 2))


def silent(block: Block, target: Target, size: float, _rng: Random) -> Span | None:
    """Stop a symbol on one venue for `size` seconds, at least sixty times its usual interval; its channel continues."""
    # The first and the last row are the edges of the silence.
    where = target.where[block.rows["ts_recv"][target.where] < target.start + size * NS_PER_SECOND]
    lost = where[1:-1]
    if len(lost) < LEAST_LOST or not block.is_free(where).all() or np.any(block.rows["kind"][lost] > Kind.TRADE):
        return None
    block.drop(lost)
    block.reserve(where)
    onset, end = (int(time) for time in block.rows["ts_recv"][where[[0, -1]]])
    return Span(onset, end, (end - onset) / NS_PER_SECOND)


def drift(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Let the prices of one venue slide away from all others, up to a fraction of the price, then right themselves at once."""
    sign = 1.0 if rng.random() < 0.5 else -1.0
    where = priced(block, target.where)
    if len(where) < 5 or not is_visible(block, target, where, size):
        return None
    passed = (block.rows["ts_recv"][where] - target.start) / (target.stop - target.start)
    return slide(block, where, sign * size * passed, block.tick(target), size)


def priced(block: Block, where: Array) -> Array:
    """Return the untouched quotes and trades among some rows, odd ones included."""
    rows = block.rows
    where = where[block.is_free(where)]
    found: Array = where[rows["kind"][where] <= Kind.TRADE]
    return found


def is_visible(block: Block, target: Target, where: Array, size: float) -> bool:
    """Return whether a fraction of the price is at least three steps and two spreads of the first quote among some rows.

    True where there is no quote: a later block of an episode that has begun.
    """
    quotes = block.quotes(where[:64])
    if not len(quotes):
        return bool(block.rows["ts_recv"][where[0]] > target.start + NS_PER_SECOND)
    bid, ask = int(block.rows["bid_px"][quotes[0]]), int(block.rows["ask_px"][quotes[0]])
    return size * bid >= max(3 * block.tick(target), 2 * (ask - bid))


def slide(block: Block, where: Array, fractions: Array, tick: int, magnitude: float) -> Span | None:
    """Move each row by its fraction of its own price, in whole steps and both sides alike."""
    rows = block.rows
    level = np.where(rows["price"][where] != 0, rows["price"][where], rows["bid_px"][where])
    level = np.where(level != 0, level, rows["ask_px"][where])
    steps = np.rint(fractions * level / tick).astype(np.int64)
    lowest = np.where(rows["bid_px"][where] != 0, rows["bid_px"][where], level)
    moved = (steps != 0) & (level > 0) & (lowest + steps * tick >= tick)
    where, steps = where[moved], steps[moved]
    if not len(where):
        return None
    for name in PRICES:
        values = rows[name][where]
        rows[name][where] = np.where(values != 0, values + steps * tick, 0)
    return block.done(where, magnitude)


def unit_change(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Publish all prices in another unit for a while: a hundredth, a tenth, or a hundred times."""
    factor = float(rng.choice([100.0, 0.01, 0.1]))
    where = priced(block, target.where)
    if len(where) < 2:
        return None
    # Below ten steps rounding would change the price too much.
    level = np.maximum(block.rows["price"][where], block.rows["bid_px"][where])
    if factor < 1 and np.median(level) * factor < 10 * block.tick(target):
        return None
    scale(block, where, factor, block.tick(target))
    return block.done(where, factor)


def lots_change(block: Block, target: Target, _size: float, _rng: Random) -> Span | None:
    """Publish all sizes in lots instead of shares for a while, whole lots only."""
    lot = block.lot(target)
    where = priced(block, target.where)
    if len(where) < 2 or lot < 2 * UNITS_PER_ONE:
        return None
    for name in SIZES:
        sizes = block.rows[name][where]
        block.rows[name][where] = np.where(sizes > 0, np.maximum(sizes // lot, 1) * UNITS_PER_ONE, sizes)
    return block.done(where, UNITS_PER_ONE / lot)

"""Faults of prices: edits of what single ticks and short runs say. Each returns what it did, or None when the window does not
suit it.

All edits keep the price grid, lots, the parity and last digits of spreads, sequence and clocks, unless the kind is about just
that. A function has changed nothing when it returns None.
"""

from __future__ import annotations

import numpy as np

from producers.faults.editing.block import PRICES, Block, Random, Span, Target
from producers.market.universe import Array
from tickproof.ticks.schema import NS_PER_SECOND, UNITS_PER_ONE, Kind

SENTINELS = (0, -UNITS_PER_ONE, 999_999_999_900_000, 214_748_364_700_000, 429_496_729_500_000, np.iinfo(np.int64).max)
"""Placeholders for "no price" of some feeds, read as prices: 0, −1, LOBSTER's 9999999999, the largest 32-bit integers in units of
1e-4, and the largest 64-bit integer in ours."""
FINEST = 100
"""Off-grid prices are off by fractions of a step with these denominators; a step of one unit has none."""


def spike(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Move one trade, or both sides of one quote, by a fraction of the price; the next tick is back."""
    row = block.one(target.where, rng)
    if row < 0:
        return None
    steps, middle = _steps(block, target, row, size)
    if steps < 2:
        return None
    where, tick = np.array([row]), block.tick(target)
    block.move(where, steps if rng.random() < 0.5 else -steps, tick)
    return block.done(where, steps * tick / middle)


def bad_run(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Move 5 to 50 ticks in a row on one venue, trades and quotes, by one fraction."""
    where = block.plain(target.where)
    length = int(np.exp(rng.uniform(np.log(5), np.log(51))))
    if len(where) < length + 2:
        return None
    first = int(rng.integers(1, len(where) - length))
    run = where[first : first + length]
    steps, middle = _steps(block, target, int(run[0]), size)
    if steps < 2:
        return None
    tick = block.tick(target)
    block.move(run, steps if rng.random() < 0.5 else -steps, tick)
    return block.done(run, steps * tick / middle)


def decimal_shift(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Multiply the prices of one to three ticks by 10, 100, 1/10 or 1/100."""
    run = _short_run(block.plain(target.where), rng, 3)
    if not len(run):
        return None
    factor = float(rng.choice([10.0, 100.0, 0.1, 0.01]))
    scale(block, run, factor, block.tick(target))
    return block.done(run, factor)


def scale(block: Block, where: Array, factor: float, tick: int) -> None:
    """Multiply all prices of some rows, rounded back to the grid."""
    for name in PRICES:
        before = block.rows[name][where]
        scaled = np.maximum(np.rint(before / tick * factor), 1).astype(np.int64) * tick
        block.rows[name][where] = np.where(before != 0, scaled, 0)
    # Rounding a cheap symbol to the grid may cross its quote; the sides keep one step between them.
    quotes = where[(block.rows["bid_px"][where] != 0) & (block.rows["ask_px"][where] != 0)]
    block.rows["ask_px"][quotes] = np.maximum(block.rows["ask_px"][quotes], block.rows["bid_px"][quotes] + tick)


def price_not_positive(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Set a trade or one side of a quote to zero, or flip its sign."""
    row = block.one(target.where, rng)
    if row < 0:
        return None
    name = _one_price(block, row, rng)
    flipped = rng.random() < 0.5
    block.rows[name][row] = -block.rows[name][row] if flipped else 0
    return block.done(np.array([row]), -1.0 if flipped else 0.0)


def sentinel_value(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Set the price or prices of one to three ticks to one of SENTINELS."""
    run = _short_run(block.plain(target.where), rng, 3)
    if not len(run):
        return None
    value = SENTINELS[int(rng.integers(len(SENTINELS)))]
    both = rng.random() < 0.3
    side = str(rng.choice(["bid_px", "ask_px"]))
    for name in PRICES:
        carried = run[block.rows[name][run] != 0]
        block.rows[name][carried if both or name in ("price", side) else carried[:0]] = value
    return block.done(run, value / UNITS_PER_ONE)


def off_tick_grid(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Set the prices of one to three ticks between two steps."""
    run = _short_run(block.plain(target.where), rng, 3)
    return _off_grid(block, target, run, rng) if len(run) and block.tick(target) >= FINEST else None


def precision_change(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Give every price of the window two more decimals than the grid has."""
    run = block.plain(target.where)
    return _off_grid(block, target, run, rng) if len(run) >= 5 and block.tick(target) >= FINEST else None


def _off_grid(block: Block, target: Target, run: Array, rng: Random) -> Span:
    tick = block.tick(target)
    part = tick // FINEST
    for name in PRICES:
        before = block.rows[name][run]
        # The sides stay apart: each moves less than half a step.
        moved = rng.integers(1, FINEST // 2 - 1, len(run)) * np.where(rng.random(len(run)) < 0.5, 1, -1) * part
        block.rows[name][run] = np.where(before != 0, np.where(before > tick, before + moved, before + np.abs(moved)), 0)
    return block.done(run, float(len(run)))


def crossed(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Cross one to three quotes in a row by their own spread or an odd multiple of it.

    A venue whose quotes cross anyway has no such fault.
    """
    if block.universe.is_aggregated(target.series[0]):
        return None
    run = _short_run(block.quotes(target.where), rng, 3)
    if not len(run):
        return None
    bid, ask = block.rows["bid_px"][run], block.rows["ask_px"][run]
    # Odd multiples keep the parity of spreads, which is a habit of each symbol.
    wide = (ask - bid) * (2 * int(size / 2) + 1)
    if rng.random() < 0.5 and np.all(bid > wide):
        block.rows["ask_px"][run] = bid - wide
    else:
        block.rows["bid_px"][run] = ask + wide
    return block.done(run, float(wide[0] // block.tick(target)))


def wide_spread(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Move one side of two to six quotes in a row to a multiple of the spread."""
    quotes = block.quotes(target.where)
    length = int(rng.integers(2, 7))
    if len(quotes) < length:
        return None
    first = int(rng.integers(len(quotes) - length + 1))
    run = quotes[first : first + length]
    bid, ask = block.rows["bid_px"][run], block.rows["ask_px"][run]
    # 21, 31, … times keep the last digit of the spread.
    times = 10 * max(2, round(size / 10)) + 1
    wide = (ask - bid) * times
    if rng.random() < 0.5 and np.all(ask > wide + block.tick(target)):
        block.rows["bid_px"][run] = ask - wide
    else:
        block.rows["ask_px"][run] = bid + wide
    return block.done(run, float(times))


def outside_quotes(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Print a trade outside its venue's fresh quotes by a fraction of the price, without a condition."""
    trades = block.trades(target.where)
    if not len(trades):
        return None
    row = int(rng.choice(trades))
    quote = block.quote_before(target.series[0], row, int(block.rows["ts_recv"][row]) - NS_PER_SECOND)
    if quote < 0:
        return None
    tick = block.tick(target)
    bid, ask = int(block.rows["bid_px"][quote]), int(block.rows["ask_px"][quote])
    steps = round(size * ask / tick)
    if steps < 2 or steps * tick < ask - bid:
        return None
    block.rows["price"][row] = ask + steps * tick if rng.random() < 0.5 or bid <= steps * tick else bid - steps * tick
    return block.done(np.array([row]), steps * tick / ask)


def digit_error(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Exchange two neighbouring digits of the price, or replace one; a quote keeps its spread."""
    row = block.one(target.where, rng)
    if row < 0:
        return None
    middle, spread = block.market_at(target, row)
    tick = block.tick(target)
    is_trade = block.rows["kind"][row] == Kind.TRADE
    price = int(block.rows["price" if is_trade else "bid_px"][row]) // tick
    digits = list(str(price))
    if middle == 0 or len(digits) < 2:
        return None
    place = int(rng.integers(len(digits) - 1))
    if rng.random() < 0.5:
        digits[place], digits[place + 1] = digits[place + 1], digits[place]
    else:
        digits[place] = str(int(rng.integers(10)))
    steps = int("".join(digits)) - price
    if price + steps < 1 or abs(steps) * tick < 2 * spread or abs(steps) * tick < middle * 0.001:
        return None
    block.move(np.array([row]), steps, tick)
    return block.done(np.array([row]), abs(steps) * tick / middle)


def bit_flip(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Flip one bit of one price, counted in price steps as a feed would send it."""
    row = block.one(target.where, rng)
    if row < 0:
        return None
    middle, spread = block.market_at(target, row)
    tick = block.tick(target)
    name = _one_price(block, row, rng)
    price = int(block.rows[name][row]) // tick
    flipped = price ^ (1 << int(rng.integers(1, price.bit_length() + 3)))
    moved = abs(flipped - price) * tick
    if middle == 0 or flipped < 1 or moved < 2 * spread or moved < middle * 0.001:
        return None
    block.rows[name][row] = flipped * tick
    return block.done(np.array([row]), moved / middle)


def _one_price(block: Block, row: int, rng: Random) -> str:
    return "price" if block.rows["kind"][row] == Kind.TRADE else str(rng.choice(["bid_px", "ask_px"]))


def _short_run(where: Array, rng: Random, most: int) -> Array:
    """Return one to `most` neighbours among some rows; none if there are none."""
    if not len(where):
        return where
    first = int(rng.integers(len(where)))
    return where[first : first + int(rng.integers(1, most + 1))]


def _steps(block: Block, target: Target, row: int, size: float) -> tuple[int, int]:
    """Return a fraction of the price at a row in steps, and that price; 0 steps if below two, or twice the spread."""
    middle, spread = block.market_at(target, row)
    tick = block.tick(target)
    steps = round(size * middle / tick)
    return (0, middle) if steps < 2 or steps * tick < 2 * spread else (steps, middle)

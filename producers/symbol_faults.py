"""Faults of single symbols: edits of what a tick says. Each returns what it did, or None when the window does not suit it.

All edits keep the price grid, lots, sequence and clocks, unless the kind is about just that. A function has changed nothing when
it returns None.
"""

from __future__ import annotations

import numpy as np

from producers.block import Block, Span, Target
from producers.universe import TICK, Array
from tickproof.tick import NS_PER_SECOND, UNITS_PER_ONE, Kind, Present

Random = np.random.Generator
PRICES = ("bid_px", "ask_px", "price")
DAY_NS = 86_400 * NS_PER_SECOND


def spike(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """One trade, or both sides of one quote, away by a fraction of the price, and back at once."""
    row = _one(block, target, rng)
    if row < 0:
        return None
    middle, spread = _market_at(block, target, row)
    steps = round(size * middle / TICK)
    if middle == 0 or steps < 2 or steps * TICK < 2 * spread:
        return None
    _move(block.rows, np.array([row]), steps if rng.random() < 0.5 else -steps)
    return _done(block, np.array([row]), steps * TICK / middle)


def bad_run(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """5 to 50 ticks in a row on one venue, trades and quotes, off by one fraction."""
    where = _plain(block, target)
    length = int(np.exp(rng.uniform(np.log(5), np.log(51))))
    if len(where) < length + 2:
        return None
    first = int(rng.integers(1, len(where) - length))
    run = where[first : first + length]
    middle, spread = _market_at(block, target, int(run[0]))
    steps = round(size * middle / TICK)
    if middle == 0 or steps < 2 or steps * TICK < 2 * spread:
        return None
    _move(block.rows, run, steps if rng.random() < 0.5 else -steps)
    return _done(block, run, steps * TICK / middle)


def decimal_shift(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """One to three ticks with prices times 10, 100, 1/10 or 1/100."""
    where = _plain(block, target)
    if not len(where):
        return None
    first = int(rng.integers(len(where)))
    run = where[first : first + int(rng.integers(1, 4))]
    factor = float(rng.choice([10.0, 100.0, 0.1, 0.01]))
    shifted = {name: np.maximum(np.rint(block.rows[name][run] / TICK * factor), 1).astype(np.int64) * TICK for name in PRICES}
    for name, value in shifted.items():
        block.rows[name][run] = np.where(block.rows[name][run] != 0, value, 0)
    # Rounding a cheap symbol to the grid may cross its quote; the sides keep one step between them.
    quotes = run[block.rows["kind"][run] == Kind.QUOTE]
    block.rows["ask_px"][quotes] = np.maximum(block.rows["ask_px"][quotes], block.rows["bid_px"][quotes] + TICK)
    return _done(block, run, factor)


def price_not_positive(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """A trade or one side of a quote at zero, or with its sign flipped."""
    row = _one(block, target, rng)
    if row < 0:
        return None
    name = "price" if block.rows["kind"][row] == Kind.TRADE else str(rng.choice(["bid_px", "ask_px"]))
    flipped = rng.random() < 0.5
    block.rows[name][row] = -block.rows[name][row] if flipped else 0
    return _done(block, np.array([row]), -1.0 if flipped else 0.0)


def field_missing(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """A trade without price, size or both."""
    trades = block.trades(target.where)
    if not len(trades):
        return None
    row = int(rng.choice(trades))
    lost = [("price",), ("size",), ("price", "size")][int(rng.integers(3))]
    for name in lost:
        block.rows[name][row] = 0
        block.rows["present"][row] &= ~np.uint16(Present[name.upper()])
    return _done(block, np.array([row]), float(len(lost)))


def crossed(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """One to three quotes in a row with the bid above the ask by some price steps."""
    quotes = block.quotes(target.where)
    if not len(quotes):
        return None
    first = int(rng.integers(len(quotes)))
    run = quotes[first : first + int(rng.integers(1, 4))]
    steps = max(1, round(size))
    if rng.random() < 0.5 and np.all(block.rows["bid_px"][run] > steps * TICK):
        block.rows["ask_px"][run] = block.rows["bid_px"][run] - steps * TICK
    else:
        block.rows["bid_px"][run] = block.rows["ask_px"][run] + steps * TICK
    return _done(block, run, float(steps))


def wide_spread(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """One side of two to six quotes in a row runs off to a multiple of the spread."""
    quotes = block.quotes(target.where)
    length = int(rng.integers(2, 7))
    if len(quotes) < length:
        return None
    first = int(rng.integers(len(quotes) - length + 1))
    run = quotes[first : first + length]
    bid, ask = block.rows["bid_px"][run], block.rows["ask_px"][run]
    wide = round(float(np.median(ask - bid)) * size / TICK) * TICK
    if rng.random() < 0.5 and np.all(ask > wide + TICK):
        block.rows["bid_px"][run] = ask - wide
    else:
        block.rows["ask_px"][run] = bid + wide
    return _done(block, run, size)


def outside_quotes(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """A trade beyond fresh quotes of its venue by a fraction of the price, without a condition."""
    trades = block.trades(target.where)
    if not len(trades):
        return None
    row = int(rng.choice(trades))
    quote = block.quote_before(target.series, row, int(block.rows["ts_recv"][row]) - NS_PER_SECOND)
    if quote < 0:
        return None
    bid, ask = int(block.rows["bid_px"][quote]), int(block.rows["ask_px"][quote])
    steps = round(size * ask / TICK)
    if steps < 2 or steps * TICK < ask - bid:
        return None
    block.rows["price"][row] = ask + steps * TICK if rng.random() < 0.5 else max(bid - steps * TICK, TICK)
    return _done(block, np.array([row]), steps * TICK / ask)


def time_implausible(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """The venue's time of one to five ticks is hours ahead, on another day, or near the epoch."""
    where = _plain(block, target)
    if not len(where):
        return None
    first = int(rng.integers(len(where)))
    run = where[first : first + int(rng.integers(1, 6))]
    way = int(rng.integers(4))
    stamp = block.rows["ts_event"][run]
    offset = (int(size * 3600) * NS_PER_SECOND, DAY_NS, -DAY_NS, 0)[way]
    block.rows["ts_event"][run] = stamp % DAY_NS if way == 3 else stamp + offset
    moved = int(block.rows["ts_event"][run[0]]) - int(stamp[0])
    return _done(block, run, moved / NS_PER_SECOND)


def digit_error(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Two neighbouring digits of the price change places, or one digit is another; a quote keeps its spread."""
    row = _one(block, target, rng)
    if row < 0:
        return None
    middle, spread = _market_at(block, target, row)
    is_trade = block.rows["kind"][row] == Kind.TRADE
    price = int(block.rows["price" if is_trade else "bid_px"][row]) // TICK
    digits = list(str(price))
    if middle == 0 or len(digits) < 2:
        return None
    place = int(rng.integers(len(digits) - 1))
    if rng.random() < 0.5:
        digits[place], digits[place + 1] = digits[place + 1], digits[place]
    else:
        digits[place] = str(int(rng.integers(10)))
    steps = int("".join(digits)) - price
    if price + steps < 1 or abs(steps) * TICK < 2 * spread or abs(steps) * TICK < middle * 0.001:
        return None
    _move(block.rows, np.array([row]), steps)
    return _done(block, np.array([row]), abs(steps) * TICK / middle)


def bit_flip(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """One bit of one price flips, counted in price steps as a feed would send it."""
    row = _one(block, target, rng)
    if row < 0:
        return None
    middle, spread = _market_at(block, target, row)
    name = "price" if block.rows["kind"][row] == Kind.TRADE else str(rng.choice(["bid_px", "ask_px"]))
    price = int(block.rows[name][row]) // TICK
    flipped = price ^ (1 << int(rng.integers(1, price.bit_length() + 3)))
    moved = abs(flipped - price) * TICK
    if middle == 0 or flipped < 1 or moved < 2 * spread or moved < middle * 0.001:
        return None
    block.rows[name][row] = flipped * TICK
    return _done(block, np.array([row]), moved / middle)


def field_swap(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Price and size change places, on both sides of a quote."""
    row = _one(block, target, rng)
    if row < 0:
        return None
    pairs = [("price", "size")] if block.rows["kind"][row] == Kind.TRADE else [("bid_px", "bid_sz"), ("ask_px", "ask_sz")]
    price, size = (int(block.rows[name][row]) for name in pairs[0])
    if max(price, size) < 1.2 * min(price, size):
        return None
    for one, other in pairs:
        first, second = int(block.rows[one][row]), int(block.rows[other][row])
        block.rows[one][row], block.rows[other][row] = second, first
    return _done(block, np.array([row]), size / price)


def symbol_swap(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """A tick of another symbol of the channel carries this symbol's name."""
    own = block.quotes(target.where)
    if not len(own):
        return None
    others = block.of_channel(target.channel, target.start, target.stop)
    others = others[block.rows["symbol"][others] != block.rows["symbol"][own[0]]]
    others = np.concatenate([block.quotes(others), block.trades(others)])
    if not len(others):
        return None
    row = int(rng.choice(others))
    level = int(block.rows["price"][row]) if block.rows["kind"][row] == Kind.TRADE else int(block.rows["bid_px"][row])
    ratio = level / int(block.rows["bid_px"][own[0]])
    if 0.9 < ratio < 1.1:
        return None
    block.rows["symbol"][row] = block.rows["symbol"][own[0]]
    return _done(block, np.array([row]), ratio)


def frozen(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Quotes repeat one price while the market moves on; trades print at that price; sizes may go on or stand still."""
    quotes = block.quotes(target.where)
    if len(quotes) < 16:
        return None
    still, run = int(quotes[0]), quotes[1:]
    rows = block.rows
    bid, ask = int(rows["bid_px"][still]), int(rows["ask_px"][still])
    away = np.abs((rows["bid_px"][run] + rows["ask_px"][run]) - (bid + ask)) / 2
    # The last price must differ as well, or nothing tells the end.
    if away.max() < max(2 * TICK, 0.6 * (ask - bid)) or away[-1] < TICK:
        return None
    whole = target.where[(target.where > still) & (target.where <= run[-1])]
    trades = block.trades(whole)
    sides = whole[(rows["kind"][whole] == Kind.QUOTE) & ~block.used[whole]]
    if block.used[whole].any() or np.any(rows["kind"][whole] > Kind.TRADE):
        return None
    for name, value in (("bid_px", bid), ("ask_px", ask)):
        carried = (rows["present"][sides] & Present[name.upper()]) != 0
        rows[name][sides] = np.where(carried, value, rows[name][sides])
    middle = (bid + ask) / 2
    rows["price"][trades] = np.where(rows["price"][trades] > middle, ask, bid)
    if rng.random() < 0.5:
        for name in ("bid_sz", "ask_sz"):
            rows[name][run] = rows[name][still]
    span = _done(block, whole, float(away.max()) / middle)
    return Span(int(rows["ts_recv"][still]), span.end, span.magnitude)


def size_outlier(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """A trade of an absurd size, or of none; or a quote that shows an absurd size."""
    row = _one(block, target, rng)
    if row < 0:
        return None
    is_trade = block.rows["kind"][row] == Kind.TRADE
    name = "size" if is_trade else str(rng.choice(["bid_sz", "ask_sz"]))
    if is_trade and rng.random() < 0.2:
        block.rows["size"][row] = 0
        return _done(block, np.array([row]), 0.0)
    factor = round(size)
    # Against the larger of this size and the usual one, so that a small size does not hide it; 1e9 shares at most.
    usual = max(int(block.rows[name][row]), int(np.median(block.rows[name][target.where])))
    block.rows[name][row] = min(usual * factor, 1_000_000_000 * UNITS_PER_ONE)
    return _done(block, np.array([row]), float(factor))


def silent(block: Block, target: Target, size: float, _rng: Random) -> Span | None:
    """A symbol stops on one venue for `size` seconds, at least sixty times its usual interval; its channel goes on."""
    # The first and the last row are the edges of the silence.
    where = target.where[block.rows["ts_recv"][target.where] < target.start + size * NS_PER_SECOND]
    lost = where[1:-1]
    if len(lost) < 60 or block.used[where].any() or np.any(block.rows["kind"][lost] > Kind.TRADE):
        return None
    block.keep[lost] = False
    block.used[where] = True
    onset, end = (int(time) for time in block.rows["ts_recv"][where[[0, -1]]])
    return Span(onset, end, (end - onset) / NS_PER_SECOND)


def _plain(block: Block, target: Target) -> Array:
    """Two-sided quotes and ordinary trades of the window, in order."""
    return np.sort(np.concatenate([block.quotes(target.where), block.trades(target.where)]))


def _one(block: Block, target: Target, rng: Random) -> int:
    """One of them; trades and quotes equally often where both are there. −1: there is none."""
    choices = [where for where in (block.quotes(target.where), block.trades(target.where)) if len(where)]
    return int(rng.choice(choices[int(rng.integers(len(choices)))])) if choices else -1


def _market_at(block: Block, target: Target, row: int) -> tuple[int, int]:
    """Middle (or price) and spread around a row: its own quote, or the last one within ten seconds; 0, 0 if there is none."""
    is_quote = block.rows["kind"][row] == Kind.QUOTE
    quote = row if is_quote else block.quote_before(target.series, row, target.start - 10 * NS_PER_SECOND)
    if quote < 0:
        return 0, 0
    bid, ask = int(block.rows["bid_px"][quote]), int(block.rows["ask_px"][quote])
    return (bid + ask) // 2, ask - bid


def _move(rows: Array, where: Array, steps: int) -> None:
    """Move all prices that some rows carry by price steps; upwards where they would not stay positive."""
    lowest = min(int(rows[name][where][rows[name][where] != 0].min(initial=1 << 62)) for name in PRICES)
    if lowest + steps * TICK < TICK:
        steps = -steps
    for name in PRICES:
        values = rows[name][where]
        rows[name][where] = np.where(values != 0, values + steps * TICK, 0)


def _done(block: Block, where: Array, magnitude: float) -> Span:
    block.used[where] = True
    times = block.rows["ts_recv"][where]
    return Span(int(times.min()), int(times.max()), magnitude)

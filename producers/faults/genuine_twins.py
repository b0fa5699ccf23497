"""Genuine twins: events that look like a fault and are true. Their labels begin with `genuine_`; none may be called corrupt.

Those that a stream can be given afterwards. News, flash crashes with their volume, halts, splits and auctions are the market's
own. Each returns what it did, or None when the window does not suit it; nothing is changed then.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from producers.faults.editing.block import PRINT, Block, Random, Span, Target
from producers.faults.kinds.burst import STAMPED, insert_at_their_times
from producers.faults.kinds.field import LARGEST_SIZE
from producers.faults.kinds.level import LEAST_QUOTES, hold, is_visible, priced, slide
from producers.faults.kinds.symbol import FINEST
from producers.market.universe import Array
from producers.streams.word_copy import gathered
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND, UNITS_PER_ONE, Condition, Kind, Present

EXPLAINING = (Condition.AVERAGE_PRICE, Condition.DERIVATIVELY_PRICED, Condition.SOLD_LATE, Condition.PRIOR_REFERENCE_PRICE)
Shape = Callable[[Array], Array]
"""Elapsed share of an episode, 0 to 1 -> share of the move that is in effect."""


def genuine_excursion(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Move all venues by a fraction of the price within a tenth of the window, and back: the twin of a spike."""
    return _shared(block, target, size, rng, lambda passed: np.interp(passed, [0, 0.1, 0.3, 1], [0, 1, 1, 0]))


def genuine_jump(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Move all venues by a fraction of the price, hold, and return slowly: the twin of a bad run and a wrong digit."""
    return _shared(block, target, size, rng, lambda passed: np.interp(passed, [0, 0.01, 0.5, 1], [0, 1, 1, 0]))


def genuine_trend(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Let the prices of all venues slide, and slide back: the twin of drift."""
    return _shared(block, target, size, rng, lambda passed: np.interp(passed, [0, 0.6, 1], [0, 1, 0]))


def _shared(block: Block, target: Target, size: float, rng: Random, shape: Shape) -> Span | None:
    """Move the prices of a symbol on all its venues along a function of capture time, each venue with its own lag.

    Every venue is requoted ten times in the first tenth of the time, and trades follow on the first: a move without
    quotes would not look genuine.
    """
    sign = 1.0 if rng.random() < 0.5 else -1.0
    where = priced(block, target.where)
    # If some venues' channels are under a fault, the move would not be shared by all venues.
    if not len(where) or not is_visible(block, target, where, size) or not block.is_free(target.where).all():
        return None
    length = target.stop - target.start
    lags = {int(block.universe.series["venue_code"][one]): int(rng.uniform(0.2, 6.0) * NS_PER_MS) for one in target.series}

    def fractions(rows: Array) -> Array:
        # Not the venues' own times, which a clock's fault may have moved: a move of some venues only is not a twin.
        own = np.array([lags[code] for code in rows["venue"].tolist()], np.int64)
        return sign * size * shape(np.clip((rows["ts_recv"] - own - target.start) / length, 0.0, 1.0))

    begins = bool(np.any(block.rows["ts_recv"][where] < target.start + NS_PER_SECOND))
    spans = []
    if begins:
        for series in target.series:
            spans += _follow(block, target, series, fractions, rng)
    moved = slide(block, where, fractions(block.rows[where]), block.tick(target), sign * size)
    spans += [moved] if moved else []
    if not spans:
        return None
    return Span(min(span.onset for span in spans), max(span.end for span in spans), round(sign * size, 9))


def _follow(block: Block, target: Target, series: int, fractions: Callable[[Array], Array], rng: Random) -> list[Span]:
    """Insert quotes of a venue, and trades at them, soon after a move begins."""
    quotes = block.quotes(block.of_series((series,), target.start - 10 * NS_PER_SECOND, target.stop))
    reach = max((target.stop - target.start) // 10, 20 * NS_PER_MS)
    times = np.sort(target.start + rng.integers(reach // 20, reach, 10))
    base = np.searchsorted(block.rows["ts_recv"][quotes], times, side="right") - 1
    if not len(quotes) or base[0] < 0 or times[-1] >= target.stop:
        return []
    copies = gathered(block.rows, quotes[base])
    latency = copies["ts_recv"] - copies["ts_event"]
    copies["ts_recv"], copies["ts_event"] = times, times - latency
    has_trades = block.universe.instruments["trades"][block.universe.series["instrument"][series]] > 0
    trades = np.flatnonzero(rng.random(len(copies)) < (0.4 if has_trades else 0.0))
    side = rng.random(len(trades)) < 0.5
    quoted = gathered(copies, trades)
    copies["kind"][trades] = Kind.TRADE
    copies["present"][trades] = (quoted["present"] & STAMPED) | np.uint16(PRINT | Present.TRADE_ID)
    copies["price"][trades] = np.where(side, quoted["ask_px"], quoted["bid_px"])
    copies["size"][trades] = np.where(side, quoted["ask_sz"], quoted["bid_sz"])
    for name in ("bid_px", "bid_sz", "ask_px", "ask_sz"):
        copies[name][trades] = 0
    moved = Block(copies, block.universe)
    slide(moved, np.arange(len(copies)), fractions(copies), block.tick(target), 0.0)
    insert_at_their_times(block, int(block.universe.series["channel"][series]), copies)
    return [Span(int(times[0]), int(times[-1]), 0.0)]


def genuine_pinned(block: Block, target: Target, _size: float, _rng: Random) -> Span | None:
    """Hold a symbol's price on all venues while messages continue: the twin of a frozen price."""
    parts = []
    for series in target.series:
        where = block.of_series((series,), target.start, target.stop)
        quotes = block.quotes(where)
        if len(quotes) < 2 or not block.is_free(where).all() or np.any(block.rows["kind"][where] > Kind.TRADE):
            return None
        parts.append((int(quotes[0]), where[where > quotes[0]]))
    if sum(len(where) for _, where in parts) < 2 * LEAST_QUOTES:
        return None
    for held, where in parts:
        hold(block, where, int(block.rows["bid_px"][held]), int(block.rows["ask_px"][held]))
        block.touch(where)
    times = block.rows["ts_recv"]
    onset = min(int(times[held]) for held, _ in parts)
    end = max(int(times[where[-1]]) for _, where in parts if len(where))
    return Span(onset, end, (end - onset) / NS_PER_SECOND)


def genuine_one_sided(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Remove the bid, or the ask, of two to eight quotes in a row: the twin of a missing field."""
    quotes = block.quotes(target.where)
    length = int(rng.integers(2, 9))
    if len(quotes) < length:
        return None
    first = int(rng.integers(len(quotes) - length + 1))
    run = quotes[first : first + length]
    side = "bid" if rng.random() < 0.5 else "ask"
    # An empty side: price null, size 0.
    for name in (f"{side}_px", f"{side}_sz"):
        block.rows[name][run] = 0
    block.rows["present"][run] &= ~np.uint16(Present[f"{side.upper()}_PX"])
    block.rows["present"][run] |= np.uint16(Present[f"{side.upper()}_SZ"])
    return block.done(run, float(length))


def genuine_average_price(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Print a trade at an average price between two steps, with its condition: the twin of a price off the grid."""
    trades = block.trades(target.where)
    part = block.tick(target) // FINEST
    if not len(trades) or not part:
        return None
    row = int(rng.choice(trades))
    block.rows["price"][row] += int(rng.integers(1, FINEST)) * part
    block.rows["conditions"][row] = Condition.AVERAGE_PRICE
    return block.done(np.array([row]), 1.0)


def genuine_late_print(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Print a trade a fraction of the price away from the quotes, with its condition: the twin of `outside_quotes`."""
    trades = block.trades(target.where)
    if not len(trades):
        return None
    row, tick = int(rng.choice(trades)), block.tick(target)
    price = int(block.rows["price"][row])
    steps = round(size * price / tick)
    if steps < 2:
        return None
    block.rows["price"][row] = price + steps * tick if rng.random() < 0.5 or price <= (steps + 1) * tick else price - steps * tick
    block.rows["conditions"][row] = EXPLAINING[int(rng.integers(len(EXPLAINING)))]
    return block.done(np.array([row]), steps * tick / price)


def genuine_block_trade(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Multiply a trade's size by `size` at its price: the twin of an absurd size."""
    trades = block.trades(target.where)
    trades = trades[(block.rows["conditions"][trades] & Condition.ODD_LOT) == 0]
    if not len(trades):
        return None
    row = int(rng.choice(trades))
    block.rows["size"][row] = min(int(block.rows["size"][row]) * round(size), LARGEST_SIZE // UNITS_PER_ONE * UNITS_PER_ONE)
    return block.done(np.array([row]), float(round(size)))


def genuine_fills(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Fill an order in pieces, the same trade repeated in one instant with new ids: the twin of a duplicate."""
    trades = block.trades(target.where)
    if not len(trades):
        return None
    row = int(rng.choice(trades))
    more = max(1, round(size))
    block.insert(np.full(more, row), gathered(block.rows, np.full(more, row)))
    block.reserve(np.array([row]))
    onset = int(block.rows["ts_recv"][row])
    return Span(onset, onset, float(more))


def genuine_correction(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Correct a trade in another message with its id and another price: the twin of a changed duplicate."""
    return _amend(block, target, rng, Kind.TRADE_CORRECTION)


def genuine_cancel(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Print a trade far from the market and cancel it, as a venue busts a clearly erroneous trade."""
    return _amend(block, target, rng, Kind.TRADE_CANCEL)


def _amend(block: Block, target: Target, rng: Random, kind: Kind) -> Span | None:
    trades = block.trades(target.where)
    if len(trades) < 2:
        return None
    row = int(trades[int(rng.integers(len(trades) - 1))])
    later = target.where[(target.where > row) & block.keep[target.where]]
    after = int(later[int(rng.integers(min(len(later), 20)))])
    said = gathered(block.rows, np.array([row]))
    said["kind"] = kind
    said["conditions"] = 0
    for name in ("ts_recv", "ts_event"):
        said[name] = block.rows[name][after]
    if kind == Kind.TRADE_CORRECTION:
        said["price"] += block.tick(target) * int(rng.integers(1, 4))
    block.insert(np.array([after]), said)
    block.link(1, row)
    block.reserve(np.array([row, after]))
    times = block.rows["ts_recv"]
    return Span(int(times[row]), int(times[after]), float(kind))

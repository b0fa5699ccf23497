"""What a shard's other symbols do, compiled: the market's median move, the peers' mean move, and sizes by time of day.

A move is a symbol's last accepted price against its level of about a second ago (`rolling.INSTRUMENT.slow_level`), in scales. A
symbol counts with its last move within (S − 2 s, t], S being t rounded up to a second. The median is read from a histogram with
bins of a quarter scale and is within an eighth of a scale of the exact one; moves beyond 16 scales count as 16. Nothing here
grows with the symbols: a symbol takes 32 bytes, a group of peers 40, and the market and the seasons are of constant size.
"""

from __future__ import annotations

import numpy as np

from tickproof.kernel import kernel

MOST, BINS_PER_SCALE = 16.0, 4
BINS = 2 * int(MOST) * BINS_PER_SCALE + 1
MIDDLE = BINS // 2
SYMBOLS_NEEDED = 3
"""Other symbols that must have moved, or stood still, lately for a market to be known."""

SYMBOL = np.dtype([("second", "<i8"), ("move", "<f8"), ("bin", "<i8"), ("group", "<i8")])
"""A symbol's last move: the second it was in, the move, its bin and the group of peers; both counted from 1, 0 is none."""
GROUP = np.dtype([("second", "<i8"), ("sums", "<f8", (2,)), ("counts", "<i8", (2,))])
"""Moves of the symbols that are peers: of `second` and of the one before."""
SLOT_NS = 1_800_000_000_000
SLOTS = 48
"""Half hours of a day, UTC."""
MARKET = np.dtype(
    [
        ("second", "<i8"),
        ("changes", "<i8"),
        ("count", "<i8"),
        ("middle", "<i8"),
        ("below", "<i8"),
        ("now", "<i4", (BINS,)),
        ("before", "<i4", (BINS,)),
        ("spare", "<i4", (2,)),
        ("season_count", "<i8", (2 * SLOTS,)),
        ("season_level", "<f8", (2 * SLOTS,)),
    ]
)
"""A shard's histogram of moves, of `second` and of the one before. `below` of its `count` symbols lie below the bin `middle`,
where the last search ended; `changes` counts the accepted price changes of all instruments. `season_level` is
how much larger than an instrument's usual the sizes of a half hour are, natural logarithm; quotes and trades by turns."""

SEASON_NEEDED = 100
SEASON_CLIP, SEASON_MEMORY = 3.0, 1_000


@kernel(error_model="numpy")
def turn(market, second):  # type: ignore[no-untyped-def]
    """Go on to another second: what was now is before, or forgotten where more than a second has passed."""
    if second <= market.second:
        return
    follows = second == market.second + 1
    market.second = second
    market.count = market.below = 0
    market.middle = MIDDLE
    for k in range(BINS):
        kept = market.now[k] if follows else 0
        market.before[k] = kept
        market.now[k] = 0
        market.count += kept
        if k < MIDDLE:
            market.below += kept


@kernel(error_model="numpy")
def move_symbol(symbol, group, market, move, second):  # type: ignore[no-untyped-def]
    """A symbol's accepted price moved by so many scales; its earlier move no longer counts. `group` is its peers', if any."""
    turn(market, second)
    move = min(max(move, -MOST), MOST)
    k = np.int64(np.rint(move * BINS_PER_SCALE)) + MIDDLE
    if symbol.bin > 0 and symbol.second >= second - 1:
        old = symbol.bin - 1
        if symbol.second == second:
            market.now[old] -= 1
        else:
            market.before[old] -= 1
        market.count -= 1
        market.below -= 1 if old < market.middle else 0
    market.now[k] += 1
    market.count += 1
    market.below += 1 if k < market.middle else 0
    if symbol.group > 0:
        _turn_group(group, second)
        if symbol.bin > 0 and symbol.second >= second - 1:
            which = 0 if symbol.second == second else 1
            group.counts[which] -= 1
            group.sums[which] -= symbol.move
            if group.counts[which] == 0:
                group.sums[which] = 0.0
        group.counts[0] += 1
        group.sums[0] += move
    symbol.second, symbol.move, symbol.bin = second, move, k + 1


@kernel(error_model="numpy")
def _turn_group(group, second):  # type: ignore[no-untyped-def]
    if second > group.second:
        follows = second == group.second + 1
        group.counts[1] = group.counts[0] if follows else 0
        group.sums[1] = group.sums[0] if follows else 0.0
        group.counts[0] = 0
        group.sums[0] = 0.0
        group.second = second


@kernel(error_model="numpy")
def market_move(symbol, second, market):  # type: ignore[no-untyped-def]
    """Median move of the shard's other symbols, in scales; NaN where they are fewer than `SYMBOLS_NEEDED`."""
    turn(market, second)
    own = symbol.bin - 1 if symbol.bin > 0 and symbol.second >= second - 1 else -1
    count = market.count - (1 if own >= 0 else 0)
    if count < SYMBOLS_NEEDED:
        return np.nan
    k, below = market.middle, market.below
    below -= 1 if 0 <= own < k else 0
    # The two middle ranks are one where the number is odd. The search starts where the last one ended.
    low, high = (count - 1) // 2, count // 2
    while below > low:
        k -= 1
        below -= market.now[k] + market.before[k] - (1 if k == own else 0)
    here = market.now[k] + market.before[k] - (1 if k == own else 0)
    while below + here <= low:
        below += here
        k += 1
        here = market.now[k] + market.before[k] - (1 if k == own else 0)
    market.middle = k
    market.below = below + (1 if 0 <= own < k else 0)
    first = k
    while below + here <= high:
        below += here
        k += 1
        here = market.now[k] + market.before[k] - (1 if k == own else 0)
    return 0.5 * (first + k - 2 * MIDDLE) / BINS_PER_SCALE


@kernel(error_model="numpy")
def peer_move(symbol, group, second):  # type: ignore[no-untyped-def]
    """Mean move of the symbol's peers, in scales; NaN where it has none, or none that was heard lately."""
    if symbol.group == 0:
        return np.nan
    _turn_group(group, second)
    count, total = group.counts[0] + group.counts[1], group.sums[0] + group.sums[1]
    if symbol.bin > 0 and symbol.second >= second - 1:
        count -= 1
        total -= symbol.move
    return total / count if count > 0 else np.nan


@kernel(error_model="numpy", inline="always")
def season_of(now, kind):  # type: ignore[no-untyped-def]
    """Where the sizes of this time of day stand in a market's seasons; `kind` 0 quotes, 1 trades."""
    return 2 * ((now // SLOT_NS) % SLOTS) + kind


@kernel(error_model="numpy")
def learn_season(market, slot, away):  # type: ignore[no-untyped-def]
    """Learn that a log size lies so far from its instrument's usual: the mean, later one of the last thousand or so."""
    market.season_count[slot] += 1
    clipped = min(max(away, -SEASON_CLIP), SEASON_CLIP)
    level = market.season_level[slot]
    count = market.season_count[slot]
    market.season_level[slot] = level + (1.0 / count if count < SEASON_MEMORY else 1.0 / SEASON_MEMORY) * (clipped - level)

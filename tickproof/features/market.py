"""What a shard's other symbols do, compiled: the market's median move, the peers' mean move, and sizes by time of day.

A move is a symbol's last accepted price against its level of about a second ago (`slow_level` of INSTRUMENT), in scales. A
symbol counts with its last move within (S − 2 s, t], S being t rounded up to a second. The median is read from a histogram with
bins of a quarter scale and is within an eighth of a scale of the exact one; moves beyond 16 scales count as 16. A symbol takes 32
bytes, a group of peers 40; the market and its seasons do not grow with the symbols.
"""

from __future__ import annotations

import numpy as np

from tickproof.kernel import kernel
from tickproof.ticks.records import Record

MOST, BINS_PER_SCALE = 16.0, 4
BINS = 2 * int(MOST) * BINS_PER_SCALE + 1
MIDDLE = BINS // 2
SYMBOLS_NEEDED = 3
"""Other symbols with a move, which may be 0, in the last two seconds, before a market is known."""

SYMBOL = np.dtype([("second", "<i8"), ("move", "<f8"), ("bin", "<i8"), ("group", "<i8")])
"""A symbol's last move: the second it was in, the move, its bin and the group of peers; `bin` and `group` count from 1, and 0 is
none."""
GROUP = np.dtype([("second", "<i8"), ("sums", "<f8", (2,)), ("counts", "<i8", (2,))])
"""Sum and number of the peers' moves: those of `second` (`_NOW`) and of the second before (`_BEFORE`)."""
SLOT_NS = 1_800_000_000_000
SLOTS = 48
"""Half hours of a day, UTC."""
_NOW, _BEFORE = 0, 1
_NO_BIN = -1
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
"""A shard's histogram of moves, of `second` and of the second before. `below` of its `count` symbols lie below the bin `middle`,
where the last search ended; `changes` counts the accepted price changes of all instruments. `season_level` is by how much the log
sizes of a half hour exceed an instrument's usual, `season_count` over how many; quotes and trades by turns, see `season_of`."""

SEASON_NEEDED = 100
SEASON_CLIP, SEASON_MEMORY = 3.0, 1_000


@kernel(error_model="numpy")
def advance(market: Record, second: int) -> None:
    """Move the histogram on to a second: what was its own second is the one before, or forgotten if more has passed."""
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
def move_symbol(symbol: Record, group: Record, market: Record, move: float, second: int) -> None:
    """Replace a symbol's move, in scales, in the market's histogram and, if it has peers, in its group."""
    advance(market, second)
    move = min(max(move, -MOST), MOST)
    k = np.int64(np.rint(move * BINS_PER_SCALE)) + MIDDLE
    old = _counted_bin(symbol, second)
    if old != _NO_BIN:
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
        _move_peer(symbol, group, move, second)
    symbol.second, symbol.move, symbol.bin = second, move, k + 1


@kernel(error_model="numpy")
def _counted_bin(symbol: Record, second: int) -> int:
    """Return the bin of a symbol's last move if it still counts in `second`, else `_NO_BIN`."""
    return int(symbol.bin - 1) if symbol.bin > 0 and symbol.second >= second - 1 else _NO_BIN


@kernel(error_model="numpy")
def _move_peer(symbol: Record, group: Record, move: float, second: int) -> None:
    """Replace a symbol's move in the sums of its group."""
    _advance_group(group, second)
    if _counted_bin(symbol, second) != _NO_BIN:
        which = _NOW if symbol.second == second else _BEFORE
        group.counts[which] -= 1
        group.sums[which] -= symbol.move
        if group.counts[which] == 0:
            # So that no rounding error stays behind.
            group.sums[which] = 0.0
    group.counts[_NOW] += 1
    group.sums[_NOW] += move


@kernel(error_model="numpy")
def _advance_group(group: Record, second: int) -> None:
    """Move a group's sums on to a second, as `advance` does the market's histogram."""
    if second > group.second:
        follows = second == group.second + 1
        group.counts[_BEFORE] = group.counts[_NOW] if follows else 0
        group.sums[_BEFORE] = group.sums[_NOW] if follows else 0.0
        group.counts[_NOW] = 0
        group.sums[_NOW] = 0.0
        group.second = second


@kernel(error_model="numpy")
def market_move(symbol: Record, second: int, market: Record) -> float:
    """Return the median move of the shard's other symbols, in scales; NaN where they are fewer than `SYMBOLS_NEEDED`."""
    advance(market, second)
    own = _counted_bin(symbol, second)
    count = market.count - (1 if own != _NO_BIN else 0)
    if count < SYMBOLS_NEEDED:
        return np.nan
    k, below = market.middle, market.below
    below -= 1 if 0 <= own < k else 0
    # The two middle ranks are one where the number is odd. The search starts where the last one ended.
    low, high = (count - 1) // 2, count // 2
    while below > low:
        k -= 1
        below -= _others_in(market, k, own)
    here = _others_in(market, k, own)
    while below + here <= low:
        below += here
        k += 1
        here = _others_in(market, k, own)
    market.middle = k
    market.below = below + (1 if 0 <= own < k else 0)
    first = k
    while below + here <= high:
        below += here
        k += 1
        here = _others_in(market, k, own)
    return float(0.5 * (first + k - 2 * MIDDLE) / BINS_PER_SCALE)


@kernel(error_model="numpy", inline="always")
def _others_in(market: Record, k: int, own: int) -> int:
    """Return how many symbols have their move in bin `k`, but for the one whose move is in bin `own`."""
    return int(market.now[k] + market.before[k] - (1 if k == own else 0))


@kernel(error_model="numpy")
def peer_move(symbol: Record, group: Record, second: int) -> float:
    """Return the mean move of the symbol's peers, in scales; NaN where it has no peers, or none moved in the last two seconds."""
    if symbol.group == 0:
        return np.nan
    _advance_group(group, second)
    count, total = group.counts[_NOW] + group.counts[_BEFORE], group.sums[_NOW] + group.sums[_BEFORE]
    if _counted_bin(symbol, second) != _NO_BIN:
        count -= 1
        total -= symbol.move
    return float(total / count) if count > 0 else np.nan


@kernel(error_model="numpy", inline="always")
def season_of(now: int, kind: int) -> int:
    """Return the place of a time of day, in ns since the epoch, among a market's seasons; `kind` is QUOTE or TRADE."""
    return 2 * ((now // SLOT_NS) % SLOTS) + kind


@kernel(error_model="numpy")
def learn_season(market: Record, season: int, excess: float) -> None:
    """Learn by how much a log size exceeds its instrument's usual: the mean, later that of the last thousand or so."""
    market.season_count[season] += 1
    clipped = min(max(excess, -SEASON_CLIP), SEASON_CLIP)
    level = market.season_level[season]
    count = market.season_count[season]
    market.season_level[season] = level + (1.0 / count if count < SEASON_MEMORY else 1.0 / SEASON_MEMORY) * (clipped - level)

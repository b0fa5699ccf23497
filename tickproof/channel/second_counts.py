"""Activity of a channel's second, counted for the tests of its rate and mix; `feeds.rate_and_mix` says why these."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tickproof.kernel import kernel
from tickproof.ticks.records import Record
from tickproof.ticks.schema import Kind

SKETCH = 8
"""Least hashes of a channel's symbols so far: the share that two sketches have in common estimates that of the symbols (A.
Broder, "On the resemblance and containment of documents", 1997)."""
ACTIVITY = np.dtype(
    [
        ("roots", "<f8"),
        ("log_size", "<f8"),
        ("symbols", "<i8"),
        ("trades", "<i8"),
        ("ticks", "<i8"),
        ("explained", "<i8"),
        ("sized", "<i8"),
        ("moved", "<i8"),
        ("top", "<i8"),
        ("messages", "<i8"),
        ("sketch", "<u4", (SKETCH,)),
    ]
)
"""Of one second: sum over symbols of the roots of their counts, and of the logarithm of the first size of each; symbols, trades,
quotes and trades, trades with a condition, symbols whose first tick has a size, quotes that moved a price, ticks of the
busiest symbol. Of all seconds: messages, the sketch."""
BURST_REPORTED = 1 << 30
"""`moved` of a second whose burst the channel's own stage reported: no share of quotes that move is so large."""
SLOTS = 512
"""Counts of symbols by their hash; two that share one count as one symbol."""
_COUNT_BITS = np.uint64(16)
_MOST = 0xFFFF
"""A slot holds the second in its upper bits, and below how many ticks the symbol had in it."""
_ROOTS = np.sqrt(np.arange(_MOST + 2)) - np.sqrt(np.maximum(np.arange(_MOST + 2) - 1, 0))
"""How much the root grows by the n-th message."""
_TRADE = int(Kind.TRADE)


@kernel()
def count_tick(row: Record, activity: Record, slots: npt.NDArray[np.uint64], symbol: np.uint64, second: int) -> None:
    """Count one quote or trade of a symbol, given by its hash."""
    place = symbol & np.uint64(SLOTS - 1)
    stamp = np.uint64(second) << _COUNT_BITS
    count = slots[place] & np.uint64(_MOST)
    if (slots[place] >> _COUNT_BITS) << _COUNT_BITS != stamp:
        count = np.uint64(0)
        _count_symbol(row, activity, symbol)
    if count < np.uint64(_MOST):
        count += np.uint64(1)
    slots[place] = stamp | count
    activity.roots += _ROOTS[count]
    activity.top = max(activity.top, np.int64(count))
    activity.ticks += 1
    if row.kind == _TRADE:
        activity.trades += 1
        if row.conditions != 0:
            activity.explained += 1


@kernel()
def _count_symbol(row: Record, activity: Record, symbol: np.uint64) -> None:
    """Count a symbol with its first tick of the second, and add its hashes to the sketch."""
    activity.symbols += 1
    size = row.size if row.kind == _TRADE else max(row.bid_sz, row.ask_sz)
    if size > 0:
        activity.sized += 1
        activity.log_size += math.log(float(size))
    mixed = symbol
    for k in range(SKETCH):
        # A step of SplitMix64 a hash (Steele, Lea and Flood, 2014).
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x632BE59BD9B4E019)
        mine = np.uint32(mixed >> np.uint64(32))
        if activity.sketch[k] == 0 or mine < activity.sketch[k]:
            activity.sketch[k] = max(mine, np.uint32(1))


@kernel()
def begin_second(activity: Record) -> None:
    """Set everything that is counted of one second to 0."""
    activity.roots = activity.log_size = 0.0
    activity.symbols = activity.trades = activity.ticks = activity.explained = 0
    activity.sized = activity.moved = activity.top = 0

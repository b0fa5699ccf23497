"""What is counted of a channel's second for the tests of its rate and mix, compiled; `shifts` says why these."""

from __future__ import annotations

import math

import numpy as np

from tickproof.kernel import array_kernel

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
        ("heard", "<i8"),
        ("sketch", "<u4", (SKETCH,)),
    ]
)
"""Of one second: sum over symbols of the roots of their counts, and of the logarithm of the first size of each; symbols, trades,
quotes and trades, trades with a condition, symbols whose first tick has a size, quotes that moved a price, ticks of the
busiest symbol. Of all seconds: messages, the sketch."""
TOLD = 1 << 30
"""`moved` of a second whose burst the channel's own stage has told of."""
SLOTS = 512
"""Counts of symbols by their hash; two that share one count as one symbol."""
_MOST = 0xFFFF
_ROOTS = np.sqrt(np.arange(_MOST + 2)) - np.sqrt(np.maximum(np.arange(_MOST + 2) - 1, 0))
"""How much the root grows by the n-th message."""


@array_kernel()
def _first(row, a, symbol):  # type: ignore[no-untyped-def]
    """A symbol's first tick of the second."""
    a.symbols += 1
    size = row.size if row.kind == 1 else max(row.bid_sz, row.ask_sz)
    if size > 0:
        a.sized += 1
        a.log_size += math.log(float(size))
    mixed = symbol
    for k in range(SKETCH):
        # A step of SplitMix64 a hash (Steele, Lea and Flood, 2014).
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x632BE59BD9B4E019)
        mine = np.uint32(mixed >> np.uint64(32))
        if a.sketch[k] == 0 or mine < a.sketch[k]:
            a.sketch[k] = max(mine, np.uint32(1))


@array_kernel()
def count(row, a, slots, symbol, second):  # type: ignore[no-untyped-def]
    """Count one quote or trade; a slot holds the second in its upper bits, and how many ticks it had in that."""
    place = symbol & np.uint64(SLOTS - 1)
    stamp = np.uint64(second) << np.uint64(16)
    held = slots[place]
    n = held & np.uint64(_MOST)
    if (held >> np.uint64(16)) << np.uint64(16) != stamp:
        n = np.uint64(0)
        _first(row, a, symbol)
    if n < np.uint64(_MOST):
        n += np.uint64(1)
    slots[place] = stamp | n
    a.roots += _ROOTS[n]
    a.top = max(a.top, np.int64(n))
    a.ticks += 1
    if row.kind == 1:
        a.trades += 1
        if row.conditions != 0:
            a.explained += 1


@array_kernel()
def begin_anew(a):  # type: ignore[no-untyped-def]
    """The second is over."""
    a.roots = a.log_size = 0.0
    a.symbols = a.trades = a.ticks = a.explained = a.sized = a.moved = a.top = 0

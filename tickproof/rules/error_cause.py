"""What made a price that lies off its level, compiled: an exchange of digits, a bit, price and size, another symbol.

These name what other rules noticed. Only an exchange of price and size is evidence by itself: that both the price is off and the
size is the level does not happen by chance.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.instrument import level as rolling
from tickproof.kernel import array_kernel, kernel
from tickproof.rules import settle_price as price_rules
from tickproof.rules import table as rules
from tickproof.ticks.schema import Present

SWAP_RATIO = math.log(1.1)
CLEAR = 8.0
"""An error is named where it moved the price by so many times what the price is known to."""
KNOWN_SCALES = 4.0
DIGITS_BELOW = 10**18
SCANNED = 128
"""Other symbols of the venue that are looked at, so that the cost does not grow with their number."""
CHANCE = 0.05
"""If their levels cover more of the range of prices than this, any price is that of another symbol, and none is named."""
PRICES_RANGE = 3.0
"""ln of the range over which prices spread."""

_BOTH_SIZES = int(Present.BID_SZ | Present.ASK_SZ)


@array_kernel()
def tolerance(state, scale):  # type: ignore[no-untyped-def]
    """How well a price is known beforehand, log: some scales, or half a spread."""
    half = 0.5 * math.exp(state.spread_log) if state.spreads > 0 else 0.0
    return max(KNOWN_SCALES * scale, half)


@array_kernel()
def fields_swapped(row, context, state, scale):  # type: ignore[no-untyped-def]
    """Do price and size stand in each other's place?

    A hundred shares at about $100 are common: the price must be far off, and a whole number as sizes are.
    """
    usual = tolerance(state, scale)
    ratio = context.x - context.level
    if abs(ratio) < SWAP_RATIO or price_rules.power_of_ten(ratio, scale)[0] != 0:
        return False
    if row.kind == rules.TRADE:
        return row.size > 0 and row.price % rules.ONE == 0 and abs(math.log(float(row.size)) - context.level) <= usual
    if (row.present & _BOTH_SIZES) != _BOTH_SIZES or row.bid_sz <= 0 or row.ask_sz <= 0:
        return False
    middle = 0.5 * (math.log(float(row.bid_sz)) + math.log(float(row.ask_sz)))
    whole = row.bid_px % rules.ONE == 0 and row.ask_px % rules.ONE == 0
    return whole and row.bid_sz < row.ask_sz and abs(middle - context.level) <= usual


@kernel()
def cause(row, now, context, state, view):  # type: ignore[no-untyped-def]
    """The bit of the code that names a price off its level: `spike` where nothing more shows.

    `view` is (scale, instruments, step of the grid or 0).
    """
    scale, instruments, grid = view
    usual = tolerance(state, scale)
    if abs(context.x - context.level) < CLEAR * usual:
        return np.uint64(rules.SPIKE)
    if _is_foreign(now, context, state, instruments):
        return np.uint64(rules.SYMBOLS)
    quote = row.kind == rules.QUOTE
    price = row.bid_px if quote else row.price
    known = float(state.bid) if quote and state.bid > 0 else math.exp(context.level)
    if price < DIGITS_BELOW and known < DIGITS_BELOW:
        if _is_transposed(price, known, usual * known):
            return np.uint64(rules.DIGIT)
        if _is_flipped(price, known, usual * known, np.int64(1)) or (grid > 1 and _is_flipped(price, known, usual * known, grid)):
            return np.uint64(rules.FLIP)
    return np.uint64(rules.SPIKE)


@array_kernel()
def _is_transposed(price, known, width):  # type: ignore[no-untyped-def]
    """Is `price` what is known, but for two neighbouring decimal digits in each other's place?"""
    place = np.int64(1)
    for _ in range(17):
        low, high = (price // place) % 10, (price // (10 * place)) % 10
        moved = 9 * (low - high) * place
        if abs(float(moved)) > CLEAR * width and abs(float(price + moved) - known) <= width:
            return True
        place *= 10
    return False


@array_kernel()
def _is_flipped(price, known, width, step):  # type: ignore[no-untyped-def]
    """Is `price`, counted in steps, what is known, but for one bit?"""
    if price % step != 0:
        return False
    count = price // step
    for k in range(60):
        bit = np.int64(1) << np.int64(k)
        moved = float(bit) * float(step)
        if moved > CLEAR * width and moved < 1e18 and abs(float(count ^ bit) * float(step) - known) <= width:
            return True
    return False


@kernel()
def _is_foreign(now, context, state, instruments):  # type: ignore[no-untyped-def]
    """Is this the level of another symbol that the venue quoted lately? Those first seen next to this one are asked."""
    covered, found = 0.0, False
    for j in range(1, min(len(instruments), SCANNED + 1)):
        other = instruments[(context.instrument + j) % len(instruments)]
        if other.venue != state.venue or other.symbol == state.symbol or other.accepted < rolling.WARM:
            continue
        if now - other.level_time > rolling.FRESH_NS:
            continue
        width = tolerance(other, rolling.effective_scale(other, now))
        covered += 2.0 * width
        found = found or abs(context.x - other.level) <= width
    return found and covered < CHANCE * PRICES_RANGE

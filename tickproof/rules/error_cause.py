"""What made a price that lies off its level, compiled: an exchange of digits, a bit, price and size, another symbol.

These name what other rules found. Only an exchange of price and size is evidence by itself: that both the price is off and the
size is the level does not happen by chance.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.instrument import level
from tickproof.kernel import kernel
from tickproof.rules import reasons
from tickproof.rules.price_deviation import power_of_ten
from tickproof.rules.reasons import BOTH_SIZES, ONE, QUOTE, TRADE
from tickproof.rules.tick_grid import step_of
from tickproof.ticks.records import Record, Records

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


@kernel()
def tolerance(instrument: Record, scale: float) -> float:
    """Return how well a price is known beforehand, log: some scales, or half a spread."""
    return max(KNOWN_SCALES * scale, 0.5 * level.usual_spread(instrument))


@kernel()
def fields_swapped(row: Record, context: Record, instrument: Record, scale: float) -> bool:
    """Return whether price and size stand in each other's place.

    A hundred shares at about $100 are common: the price must be far off, and a whole number as sizes are.
    """
    width = tolerance(instrument, scale)
    ratio = context.x - context.level
    if abs(ratio) < SWAP_RATIO or power_of_ten(ratio, scale)[0] != 0:
        return False
    if row.kind == TRADE:
        return row.size > 0 and row.price % ONE == 0 and abs(math.log(float(row.size)) - context.level) <= width
    if (row.present & BOTH_SIZES) != BOTH_SIZES or row.bid_sz <= 0 or row.ask_sz <= 0:
        return False
    middle = 0.5 * (math.log(float(row.bid_sz)) + math.log(float(row.ask_sz)))
    is_whole = row.bid_px % ONE == 0 and row.ask_px % ONE == 0
    return is_whole and row.bid_sz < row.ask_sz and abs(middle - context.level) <= width


@kernel()
def error_cause(row: Record, now: int, context: Record, instrument: Record, scale: float, rows: Records) -> np.uint64:
    """Return the reason that names a price off its level: `spike` where no more is known; `rows` are all instruments."""
    width = tolerance(instrument, scale)
    if abs(context.x - context.level) < CLEAR * width:
        return reasons.SPIKE
    if _is_of_other_symbol(now, context, instrument, rows):
        return reasons.SYMBOLS
    is_quote = row.kind == QUOTE
    price = row.bid_px if is_quote else row.price
    known = float(instrument.bid) if is_quote and instrument.bid > 0 else math.exp(context.level)
    if price < DIGITS_BELOW and known < DIGITS_BELOW:
        if _is_transposed(price, known, width * known):
            return reasons.DIGIT
        step = step_of(instrument)
        if _is_flipped(price, known, width * known, 1) or (step > 1 and _is_flipped(price, known, width * known, step)):
            return reasons.FLIP
    return reasons.SPIKE


@kernel()
def _is_transposed(price: int, known: float, width: float) -> bool:
    """Return whether a price is the known one, but for two neighbouring decimal digits in each other's place."""
    place = np.int64(1)
    for _ in range(17):
        low, high = (price // place) % 10, (price // (10 * place)) % 10
        moved = 9 * (low - high) * place
        if abs(float(moved)) > CLEAR * width and abs(float(price + moved) - known) <= width:
            return True
        place *= 10
    return False


@kernel()
def _is_flipped(price: int, known: float, width: float, step: int) -> bool:
    """Return whether a price, counted in steps, is the known one, but for one bit."""
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
def _is_of_other_symbol(now: int, context: Record, instrument: Record, rows: Records) -> bool:
    """Return whether this is the level of another symbol with a fresh price on the venue, of those first seen near this one."""
    covered, is_found = 0.0, False
    for j in range(1, min(len(rows), SCANNED + 1)):
        other = rows[(context.instrument + j) % len(rows)]
        if other.venue != instrument.venue or other.symbol == instrument.symbol or other.accepted < level.WARM:
            continue
        if now - other.level_time > level.FRESH_NS:
            continue
        width = tolerance(other, level.effective_scale(other, now))
        covered += 2.0 * width
        is_found = is_found or abs(context.x - other.level) <= width
    return is_found and covered < CHANCE * PRICES_RANGE

"""What a message shows by itself, compiled: what is missing, what no price or size can be, placeholders."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tickproof.instrument.level import WARM
from tickproof.kernel import array_kernel, kernel
from tickproof.rules import reasons
from tickproof.rules.context import CORRUPT, SUSPECT, add_fact, keep_values
from tickproof.rules.reasons import QUOTE, TRADE, bit_of, has
from tickproof.rules.venue_habits import HABIT_QUOTES, ZERO_SIZE_NEEDED, prints_zero_sizes
from tickproof.ticks.records import Record, Records

NEAR = 0.5
"""A placeholder so near a symbol's level, log, is its price."""
_SENTINEL, _SIZE = bit_of("sentinel_value"), bit_of("size_outlier")


@kernel()
def stateless_reasons(row: Record, has_symbol: bool) -> np.uint64:
    """Return the reasons that a message gives by itself, without placeholders."""
    bits = row.reasons & reasons.REPORTED
    if row.kind == QUOTE:
        # A size of zero without a price is an empty side, any other is a size for sale at no price.
        without_price = (row.present & reasons.BID) == 0 and row.bid_sz > 0
        without_price = without_price or ((row.present & reasons.ASK) == 0 and row.ask_sz > 0)
        if without_price or (row.present & reasons.QUOTED) == 0:
            bits |= reasons.MISSING
    if row.kind == TRADE and (row.present & reasons.TRADED) != reasons.TRADED:
        bits |= reasons.MISSING
    if not has_symbol and row.kind <= reasons.LAST_INSTRUMENT_KIND:
        bits |= reasons.MISSING
    for present, price in ((reasons.BID, row.bid_px), (reasons.ASK, row.ask_px), (reasons.PRICE, row.price)):
        if (row.present & present) != 0 and price <= 0:
            bits |= reasons.NOT_POSITIVE
    if row.kind == TRADE and (row.present & reasons.TRADE_SIZE) != 0 and row.size <= 0:
        # Official prices come as prints of zero size, and what is not current need not have traded now.
        if row.size < 0 or (row.conditions & reasons.EXPLAINING) == 0:
            bits |= reasons.SIZE
    elif row.kind == QUOTE and min(row.bid_sz, row.ask_sz) < 0:
        bits |= reasons.SIZE
    return bits


@kernel()
def placeholder(row: Record, values: npt.NDArray[np.int64], bounds: tuple[int, int, int]) -> int:
    """Return a price or size of the message that is a placeholder; 0 if there is none.

    Parameters
    ----------
    row : record of ROW
    values : int64 array
        Placeholders, in units of 1e-9.
    bounds : (int, int, int)
        Where the channel's list begins and ends, and its smallest positive value: most messages need no look at it.
    """
    first, last, floor = bounds
    largest = max(max(row.bid_px, row.ask_px, row.price), max(row.bid_sz, row.ask_sz, row.size))
    smallest = min(min(row.bid_px, row.ask_px, row.price), min(row.bid_sz, row.ask_sz, row.size))
    if (largest < floor and smallest >= 0) or row.kind > reasons.LAST_INSTRUMENT_KIND:
        return 0
    for present, value in (
        (reasons.BID, row.bid_px),
        (reasons.ASK, row.ask_px),
        (reasons.PRICE, row.price),
        (reasons.BID_SIZE, row.bid_sz),
        (reasons.ASK_SIZE, row.ask_sz),
        (reasons.TRADE_SIZE, row.size),
    ):
        if (value >= floor or value < 0) and (row.present & present) != 0:
            for k in range(first, last):
                if value == values[k]:
                    return value
    return 0


@array_kernel()
def stateless_reasons_of(rows: Records, values: npt.NDArray[np.int64], bounds: tuple[int, int, int]) -> npt.NDArray[np.uint64]:
    """Return `stateless_reasons` of each row, placeholders included."""
    bits = np.zeros(len(rows), np.uint64)
    for i in range(len(rows)):
        bits[i] = stateless_reasons(rows[i], rows[i].symbol >= 0)
        value = placeholder(rows[i], values, bounds)
        if value != 0:
            bits[i] |= reasons.SENTINEL
            if _is_only_error(rows[i], value):
                bits[i] &= ~reasons.NOT_POSITIVE
    return bits


@kernel()
def check_message(row: Record, context: Record, instrument: Record, venue: Record, value: int) -> bool:
    """Set the reasons and the quality that follow from a message alone, by what its instrument and venue are known to do.

    `value` is the message's placeholder, 0 for none. Returns whether its prices can be held against a level.
    """
    context.bits = stateless_reasons(row, row.symbol >= 0)
    is_positive = not has(context.bits, reasons.NOT_POSITIVE)
    if instrument.may_be_negative:
        context.bits &= ~reasons.NOT_POSITIVE
    if value != 0 and not _is_price(value, instrument):
        _add_placeholder(row, context, value)
    corrupt = reasons.ALWAYS_CORRUPT
    if row.kind == TRADE:
        venue.trades += 1
        if has(context.bits, reasons.SIZE) and row.size == 0:
            corrupt = _check_zero_size(context, venue)
    _set_quality(context, corrupt)
    return is_positive and not has(context.bits, reasons.MISSING | reasons.SENTINEL)


@kernel()
def check_unknown(row: Record, context: Record, value: int) -> None:
    """Set the reasons and the quality that follow from a message alone, where its instrument is not known."""
    context.bits = stateless_reasons(row, row.symbol >= 0)
    if value != 0:
        _add_placeholder(row, context, value)
    _set_quality(context, reasons.ALWAYS_CORRUPT)


@kernel()
def _is_price(value: int, instrument: Record) -> bool:
    """Return whether a placeholder's value is a price of this instrument: it trades near it, or below zero."""
    if instrument.may_be_negative and value == -reasons.ONE:
        return True
    return value > 0 and instrument.accepted >= WARM and abs(math.log(float(value)) - instrument.level) < NEAR


@kernel()
def _is_only_error(row: Record, value: int) -> bool:
    """Return whether every price of a message that is not positive is its placeholder: then that is the one reason."""
    for present, price in ((reasons.BID, row.bid_px), (reasons.ASK, row.ask_px), (reasons.PRICE, row.price)):
        if (row.present & present) != 0 and price <= 0 and price != value:
            return False
    return True


@kernel()
def _add_placeholder(row: Record, context: Record, value: int) -> None:
    if _is_only_error(row, value):
        context.bits &= ~reasons.NOT_POSITIVE
    ones = float(value) * 1e-9
    add_fact(context, _SENTINEL, CORRUPT, (ones, ones, np.nan))


@kernel()
def _check_zero_size(context: Record, venue: Record) -> np.uint64:
    """Count a trade of zero size; return the reasons that are corrupt here: zero size is not where it is, or may be, a habit."""
    keep_values(context, _SIZE, (0.0, 0.0, np.nan))
    corrupt = reasons.ALWAYS_CORRUPT
    if venue.trades <= ZERO_SIZE_NEEDED or prints_zero_sizes(venue):
        corrupt = reasons.ALWAYS_CORRUPT & ~reasons.SIZE
        if venue.trades > HABIT_QUOTES:
            context.bits &= ~reasons.SIZE
        else:
            context.quality = SUSPECT
    venue.zero_sizes += 1
    return corrupt


@kernel()
def _set_quality(context: Record, corrupt: np.uint64) -> None:
    """Set the quality that a message's reasons give."""
    if has(context.bits, corrupt):
        context.quality = CORRUPT
    elif has(context.bits, reasons.SUSPECT):
        context.quality = SUSPECT

"""Sizes that no market gives, compiled.

Traded and displayed sizes have power-law tails; P(size > s) falls with s^-1.5 for trades (Gopikrishnan et al., Physical Review
E 62 (2000) R4493), and about so for orders. So a size is certain to be wrong only where the tail itself says so, and displayed
sizes also where a less absurd one is gone with the next message while its price stays. Auctions and what a condition explains are
not checked.
"""

from __future__ import annotations

import math
from enum import IntFlag

from tickproof.instrument.level import SIZE_FLOOR
from tickproof.kernel import kernel
from tickproof.rules import reasons
from tickproof.rules.context import CORRUPT, NEXT_ROWS, TicksAfter, add_fact, keep_values, price_of
from tickproof.rules.reasons import ASK_SIZE, BID_SIZE, QUOTE, TRADE, bit_of
from tickproof.ticks.records import Record


class Side(IntFlag):
    """Field `doubtful_sizes` of CONTEXT: sides of a quote."""

    BID = 1
    ASK = 2


CERTAIN = -math.log(1e-7)
DOUBTFUL = -math.log(1e-5)
USUAL = -math.log(1e-2)
"""−ln of the chance of so large a size."""
SIZES_NEEDED = 100
EXPONENTIAL = 0.736
"""Mean absolute deviation of an exponential variable, 2/e, in its means: log sizes beyond a power law's cut are exponential."""
LARGEST_LOG = 700.0
"""A log price above this has no price as a float."""

_SIZE = bit_of("size_outlier")
_UNCHECKED = reasons.EXPLAINING | reasons.AUCTIONS
_ON_BID, _ON_ASK = int(Side.BID), int(Side.ASK)


@kernel()
def check_sizes(row: Record, context: Record, instrument: Record) -> None:
    """Check the sizes of a quote or trade, causally. Only those 8 usual deviations off or more come here, and are not learnt."""
    if row.kind == TRADE:
        if (row.conditions & _UNCHECKED) == 0 and _surprise(row.size, instrument, TRADE) > CERTAIN:
            add_fact(context, _SIZE, CORRUPT, _values(row.size, instrument, TRADE))
        return
    for present, size, side in ((BID_SIZE, row.bid_sz, _ON_BID), (ASK_SIZE, row.ask_sz, _ON_ASK)):
        if (row.present & present) == 0:
            continue
        surprise = _surprise(size, instrument, QUOTE)
        if surprise > CERTAIN:
            add_fact(context, _SIZE, CORRUPT, _values(size, instrument, QUOTE))
        elif surprise > DOUBTFUL:
            context.doubtful_sizes |= side


@kernel()
def finalize_sizes(ticks: TicksAfter, context: Record, instrument: Record) -> None:
    """Call a doubtful displayed size corrupt if it was gone with the side's next message, while its price stayed."""
    row = ticks.rows[ticks.row]
    is_bid = (context.doubtful_sizes & _ON_BID) != 0
    for j in range(ticks.row + 1, min(ticks.end, ticks.row + NEXT_ROWS)):
        after = ticks.rows[j]
        if ticks.instrument_of[j] != ticks.instrument_of[ticks.row] or after.kind != QUOTE:
            continue
        if (after.present & (BID_SIZE if is_bid else ASK_SIZE)) == 0:
            continue
        size = after.bid_sz if is_bid else after.ask_sz
        is_same_price = after.bid_px == row.bid_px if is_bid else after.ask_px == row.ask_px
        if is_same_price and size > 0 and _surprise(size, instrument, QUOTE) < USUAL:
            # The causal verdict stays what it was.
            keep_values(context, _SIZE, _values(row.bid_sz if is_bid else row.ask_sz, instrument, QUOTE))
            context.final_bits |= reasons.SIZE
            context.final_quality = CORRUPT
        return


@kernel()
def _width(instrument: Record, kind: int) -> float:
    """Return the scale of the exponential tail of log sizes of a kind, quotes or trades."""
    return max(instrument.size_scale[kind] / EXPONENTIAL, SIZE_FLOOR)


@kernel()
def _surprise(size: int, instrument: Record, kind: int) -> float:
    """Return −ln of the chance of a size like this or larger; 0 where little is known."""
    if instrument.sizes[kind] < SIZES_NEEDED or size <= 0:
        return 0.0
    return (math.log(float(size)) - instrument.size_level[kind]) / _width(instrument, kind)


@kernel()
def _values(size: int, instrument: Record, kind: int) -> tuple[float, float, float]:
    """Return (measured, threshold, reference) of a size, in ones."""
    usual = instrument.size_level[kind]
    limit = usual + CERTAIN * _width(instrument, kind)
    return float(size) * 1e-9, price_of(min(limit, LARGEST_LOG)), price_of(usual)

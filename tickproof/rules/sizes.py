"""Sizes that no market gives, compiled.

Traded and displayed sizes have power-law tails; P(size > s) falls with s^-1.5 for trades (Gopikrishnan et al., Physical Review
E 62 (2000) R4493), and about so for orders. So a size is certain to be wrong only where the tail itself says so, and displayed
sizes also where a less absurd one is gone with the next message while its price stays. Auctions and what a condition explains are
not judged.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.findings.finding import BY_NAME
from tickproof.instrument.level import SIZE_FLOOR
from tickproof.kernel import array_kernel, kernel
from tickproof.rules import table as rules
from tickproof.ticks.schema import Condition, Present

CERTAIN = -math.log(1e-7)
DOUBTFUL = -math.log(1e-5)
USUAL = -math.log(1e-2)
"""−ln of the chance of so large a size."""
SIZES_NEEDED = 100
NEXT_ROWS = 400
"""So many rows are looked through for the next message of the side."""
EXPONENTIAL = 0.736
"""Mean absolute deviation of an exponential variable, 2/e, in its means: log sizes beyond a power law's cut are exponential."""

_SIZE = BY_NAME["size_outlier"].bit
_BID_SZ, _ASK_SZ = int(Present.BID_SZ), int(Present.ASK_SZ)
_AUCTIONS = int(Condition.AUCTION_OPEN | Condition.AUCTION_CLOSE)
_ON_BID, _ON_ASK = 1, 2


@array_kernel()
def check(row, context, state):  # type: ignore[no-untyped-def]
    """Judge the sizes of a quote or trade. Only those 8 usual deviations off and more are, and these are not learnt from."""
    if row.kind == rules.TRADE:
        if (row.conditions & (rules.EXPLAINING | _AUCTIONS)) == 0 and _surprise(row.size, state, 1) > CERTAIN:
            rules.note(context, _SIZE, 2, _values(row.size, state, 1))
        return
    for present, size, side in ((_BID_SZ, row.bid_sz, _ON_BID), (_ASK_SZ, row.ask_sz, _ON_ASK)):
        if (row.present & present) == 0:
            continue
        surprise = _surprise(size, state, 0)
        if surprise > CERTAIN:
            rules.note(context, _SIZE, 2, _values(size, state, 0))
        elif surprise > DOUBTFUL:
            context.size_watch |= side


@kernel()
def settle(rows, at, end, context, view):  # type: ignore[no-untyped-def]
    """Whether a doubtful displayed size was gone with the side's next message, while its price stayed.

    `at` is the tick's row, `end` the first row past the lookahead, `view` (instrument of each row, the instrument's state).
    """
    instrument_of, state = view
    row = rows[at]
    for j in range(at + 1, min(end, at + NEXT_ROWS)):
        if instrument_of[j] != instrument_of[at] or rows[j].kind != rules.QUOTE:
            continue
        bid = context.size_watch & _ON_BID
        if (rows[j].present & (_BID_SZ if bid else _ASK_SZ)) == 0:
            continue
        size = rows[j].bid_sz if bid else rows[j].ask_sz
        still = rows[j].bid_px == row.bid_px if bid else rows[j].ask_px == row.ask_px
        if still and size > 0 and _surprise(size, state, 0) < USUAL:
            # The causal verdict stays what it was.
            rules.keep(context, _SIZE, _values(row.bid_sz if bid else row.ask_sz, state, 0))
            context.final_bits |= np.uint64(rules.SIZE)
            context.final_rule = 2
        return


@array_kernel()
def _width(state, which):  # type: ignore[no-untyped-def]
    return max(state.size_scale[which] / EXPONENTIAL, SIZE_FLOOR)


@array_kernel()
def _surprise(size, state, which):  # type: ignore[no-untyped-def]
    """−ln of the chance of a size like this or larger; 0 where little is known."""
    if state.sizes[which] < SIZES_NEEDED or size <= 0:
        return 0.0
    return (math.log(float(size)) - state.size_level[which]) / _width(state, which)


@array_kernel()
def _values(size, state, which):  # type: ignore[no-untyped-def]
    """(measured, threshold, reference), in ones."""
    usual = state.size_level[which]
    limit = usual + CERTAIN * _width(state, which)
    return float(size) * 1e-9, rules.price_of(min(limit, 700.0)), rules.price_of(usual)

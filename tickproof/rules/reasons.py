"""The bits of `reasons` that a shard's rules set or ask for, and the parts of a tick that they look at."""

from __future__ import annotations

import numpy as np

from tickproof.findings.finding import BY_NAME, CODES
from tickproof.findings.finding import SUSPECT_BITS as _SUSPECT_BITS
from tickproof.kernel import kernel
from tickproof.ticks.schema import UNITS_PER_ONE, Condition, Kind, Present


def bit_of(name: str) -> int:
    """Return the number of a code's bit."""
    return BY_NAME[name].bit


def mask_of(*names: str) -> np.uint64:
    """Return the bits of some codes."""
    return np.uint64(sum(1 << bit_of(name) for name in names))


MISSING, NOT_POSITIVE, SENTINEL = mask_of("field_missing"), mask_of("price_not_positive"), mask_of("sentinel_value")
IMPLAUSIBLE, SIZE = mask_of("time_implausible"), mask_of("size_outlier")
CROSSED, WIDE = mask_of("crossed"), mask_of("wide_spread")
TEN, UNIT, DRIFT, RUN = mask_of("decimal_shift"), mask_of("unit_change"), mask_of("drift"), mask_of("bad_run")
SPIKE, DIGIT, FLIP = mask_of("spike"), mask_of("digit_error"), mask_of("bit_flip")
FIELDS, SYMBOLS = mask_of("field_swap"), mask_of("symbol_swap")
OUTSIDE, EXPLAINED, GENUINE = mask_of("outside_quotes"), mask_of("explained_print"), mask_of("genuine_move")

REPORTED = np.uint64((1 << len(CODES)) - 1)
"""The reasons of a tick that are codes; the bits above mark rows inside."""
COPY = mask_of("duplicate", "duplicate_changed", "replayed_block")
SPIKES = SPIKE | DIGIT | FLIP | SYMBOLS
"""A spike, and the names of spikes whose cause is known."""
SLIDES = UNIT | DRIFT
"""What `venue_divergence` finds, apart from steps."""
ALWAYS_CORRUPT = MISSING | NOT_POSITIVE | IMPLAUSIBLE | SENTINEL | SIZE
SUSPECT = np.uint64(_SUSPECT_BITS)

QUOTE, TRADE = int(Kind.QUOTE), int(Kind.TRADE)
LAST_INSTRUMENT_KIND = int(Kind.TRADE_CORRECTION)
"""Kinds up to this one are of an instrument: quotes, trades and what takes trades back."""
BID, ASK = int(Present.BID_PX), int(Present.ASK_PX)
PRICE, BID_SIZE, ASK_SIZE, TRADE_SIZE = int(Present.PRICE), int(Present.BID_SZ), int(Present.ASK_SZ), int(Present.SIZE)
BOTH_SIDES, BOTH_SIZES = BID | ASK, BID_SIZE | ASK_SIZE
QUOTED = BOTH_SIDES | BOTH_SIZES
TRADED = PRICE | TRADE_SIZE
EXPLAINING = int(
    Condition.AVERAGE_PRICE
    | Condition.DERIVATIVELY_PRICED
    | Condition.SOLD_LATE
    | Condition.OUT_OF_SEQUENCE
    | Condition.PRIOR_REFERENCE_PRICE
    | Condition.CONTINGENT
    | Condition.OFFICIAL_PRICE
)
"""Conditions that explain an off-market price."""
EXTENDED = int(Condition.EXTENDED_HOURS)
AUCTIONS = int(Condition.AUCTION_OPEN | Condition.AUCTION_CLOSE)
ONE = UNITS_PER_ONE


@kernel()
def has(bits: np.uint64, mask: np.uint64) -> bool:
    """Return whether any bit of a mask is set."""
    return (bits & mask) != 0

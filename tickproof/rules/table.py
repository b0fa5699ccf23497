"""The thresholds and records that the rules share, and the bits of their codes; `tickproof.codes` says how each is decided.

What a message alone tells is in `message_rules`, a price against its level in `price_rules`.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.findings.finding import BY_NAME, CODES, SUSPECT_BITS
from tickproof.kernel import array_kernel
from tickproof.ticks.schema import UNITS_PER_ONE, Condition, Kind, Present

VERSION = "3"

DEVIATION_SCALES = 12.0
DEVIATION_FLOOR = 25.0e-4
WATCH_SCALES = 2.0
"""A price so far off is looked at again when it is final: a model may call it corrupt, and what came after may support it."""
MARKET_FLOOR = 50.0e-4
OUTSIDE_SPREADS = 3.0
OUTSIDE_FLOOR = 20.0e-4
QUOTE_FRESH_NS = 2_000_000_000
WIDE_RATIO = 15.0
WIDE_FLOOR = 20.0e-4
SPREADS_NEEDED = 50
WIDE_SPREADS = 20
"""Spreads after which one may be far too wide."""
HABIT_QUOTES = 1_000
WIDE_NEEDED = 10
"""So many wide quotes, and more than `HABIT_SHARE` of all, are a venue's habit: it keeps stubs where it has no interest."""
HABIT_EMPTY = 0.001
EMPTY_NEEDED = 1_000
"""A trade of no size is only suspect until so many trades are known, and of a venue of which more than one in a thousand has
none: a recorded day of gold futures has 147 of 40 192, and may well have none in its first few hundred."""
HABIT_SHARE = 0.01
HABIT_ROOM = 2.0
"""A crossing by habit may be so many times as wide as the widest yet: a day of FXCM breaks its own record 7 to 22 times, each
time by less."""
TEN_WIDTH = 0.02
GROSS = 0.10
"""So far off is wrong unless somebody shares it: nobody need contradict it within the lookahead."""
STAND, STAND_WIDTH = 4.0, 0.25
"""So many times the limit of a spike away from at least two other venues, which disagree by at most this share of it, a print
that nobody follows within the lookahead, its own venue included, is wrong: it need not be denied."""
AGREE = 0.05
"""Other venues within this agree: their median is a level where there is none yet."""
SHARED = 0.5
"""A price that went at least half as far as the tick, the same way, shares its move."""
PARTLY = 0.25
"""So far it must have gone where the rest is within the usual distance between the venues."""
NEW_LEVEL = (20, 10_000_000_000)
"""(ticks, ns) until a level that other venues do not share is accepted."""
NEW_LEVEL_ALONE = (3, 0)
"""The same where there is no other venue to ask."""
NEW_LEVEL_TEN = (100, 60_000_000_000)
"""The same for a price off by a power of ten: a redenomination, or a split, of what trades on one venue."""

LN10 = math.log(10.0)
ONE = UNITS_PER_ONE


def _bit(name: str) -> int:
    return 1 << BY_NAME[name].bit


MISSING, POSITIVE, CROSSED = _bit("field_missing"), _bit("price_not_positive"), _bit("crossed")
TEN, SPIKE, RUN = _bit("decimal_shift"), _bit("spike"), _bit("bad_run")
WIDE, OUTSIDE, EXPLAINED = _bit("wide_spread"), _bit("outside_quotes"), _bit("explained_print")
GENUINE, IMPLAUSIBLE = _bit("genuine_move"), _bit("time_implausible")
TOLD = (1 << len(CODES)) - 1
"""What of a tick's reasons is told; the bits above mark rows inside."""
COPY = _bit("duplicate") | _bit("duplicate_changed") | _bit("replayed_block")
SENTINEL, GRID, LOCKED, SIZE = _bit("sentinel_value"), _bit("off_tick_grid"), _bit("locked"), _bit("size_outlier")
UNIT, DRIFT, DIGIT, FLIP = _bit("unit_change"), _bit("drift"), _bit("digit_error"), _bit("bit_flip")
FIELDS, SYMBOLS = _bit("field_swap"), _bit("symbol_swap")
CANCELLED, CORRECTED = _bit("cancelled"), _bit("corrected")
FROZEN, STALE, BURST = _bit("frozen"), _bit("stale_book"), _bit("burst")
SPIKES = SPIKE | DIGIT | FLIP | SYMBOLS
"""A spike, and the names of spikes whose cause shows."""
SLIDES = UNIT | DRIFT
"""Verdicts of `apart`."""
ALWAYS_CORRUPT = MISSING | POSITIVE | IMPLAUSIBLE | SENTINEL | SIZE
SUSPECT = SUSPECT_BITS
BID, ASK = int(Present.BID_PX), int(Present.ASK_PX)
QUOTED = BID | ASK | int(Present.BID_SZ) | int(Present.ASK_SZ)
TRADED = int(Present.PRICE) | int(Present.SIZE)
EXPLAINING = int(
    Condition.AVERAGE_PRICE
    | Condition.DERIVATIVELY_PRICED
    | Condition.SOLD_LATE
    | Condition.OUT_OF_SEQUENCE
    | Condition.PRIOR_REFERENCE_PRICE
    | Condition.CONTINGENT
    | Condition.OFFICIAL_PRICE
)
EXTENDED = int(Condition.EXTENDED_HOURS)
QUOTE, TRADE = int(Kind.QUOTE), int(Kind.TRADE)

NOTES = 2
"""Codes of one tick whose values are kept beside it."""

CONTEXT = np.dtype(
    [
        ("x", "<f8"),
        ("level", "<f8"),
        ("limit", "<f8"),
        ("others", "<f8"),
        ("nearest", "<f8"),
        ("ratio", "<f8"),
        ("accepted", "<i8"),
        ("bits", "<u8"),
        ("final_bits", "<u8"),
        ("instrument", "<i4"),
        ("run", "<i4"),
        ("relation", "<i4"),
        ("rule", "u1"),
        ("base", "u1"),
        ("final_rule", "u1"),
        ("supported", "u1"),
        ("watch", "u1"),
        ("size_watch", "u1"),
        ("expected", "u1"),
        ("edge", "u1"),
        ("stub", "u1"),
        ("noted", "u1", (NOTES,)),
        ("values", "<f8", (3 * NOTES,)),
    ],
    align=True,
)
"""What is remembered of a tick until it is final: its log price `x`, the `level` and `limit` it was held against, the median of
the `others`, how far the `nearest` of them was, the spread `ratio`, how many ticks its instrument had `accepted`, and the
quality that rules give: `base` by those that do not judge the price, `rule` and `final_rule` by all. `edge`: a quote of a
venue that has not opened yet, or has closed, and a trade out of regular hours (1), and the first quote for long (2); `stub`:
a quote whose middle is no price; `expected`: a wide spread that is one of these, or its venue's habit. `noted` are bits of
codes, one on, whose `values` (measured, threshold, reference) are not those of the price; see `note`. `relation` is the
number of the relation that is broken, one on."""

UNREFUTED = 3
"""In `supported` of CONTEXT: nobody else has spoken since, and the price did not snap back."""

VENUE = np.dtype(
    [
        ("quotes", "<i8"),
        ("crossed", "<i8"),
        ("width", "<f8"),
        ("locked", "<i8"),
        ("wide", "<i8"),
        ("trades", "<i8"),
        ("empty", "<i8"),
        ("told", "<i8"),
    ]
)
"""A venue's habits within the shard: crossing, locking, wide spreads, trades of no size; and which were told of, a bit each."""


@array_kernel(inline="always")
def worse(quality, other):  # type: ignore[no-untyped-def]
    """The worse of two qualities: corrupt is the worst, and a market event explains what is only suspect."""
    if quality == 2 or other == 2:
        return 2
    return max(quality, other)


@array_kernel()
def note(context, code, quality, values):  # type: ignore[no-untyped-def]
    """Say `code` (its bit's number) of a tick by a fact that no price mends; `values`: measured, threshold, reference."""
    context.bits |= np.uint64(1) << np.uint64(code)
    context.base = worse(context.base, quality)
    context.rule = worse(context.rule, quality)
    keep(context, code, values)


@array_kernel()
def keep(context, code, values):  # type: ignore[no-untyped-def]
    """Keep what `code` measured beside the tick, while there is room."""
    for k in range(NOTES):
        if context.noted[k] == 0 or context.noted[k] == code + 1:
            context.noted[k] = code + 1
            for j in range(3):
                context.values[3 * k + j] = values[j]
            return


@array_kernel(inline="always")
def price_of(x):  # type: ignore[no-untyped-def]
    """The price in ones of a log price in units of 1e-9."""
    return math.exp(x) * 1e-9

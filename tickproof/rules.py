"""RULES: the codes that a shard decides without a model, what each asks, and the thresholds and records that they share.

What a message alone tells is in `message_rules`, a price against its level in `price_rules`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tickproof.finding import BY_NAME
from tickproof.tick import Condition, Kind, Present

VERSION = "1"


class Rule(NamedTuple):
    """One code that is decided here, and how."""

    code: str
    how: str


RULES: tuple[Rule, ...] = (
    Rule("field_missing", "a trade without price or size, a quote without any side, a tick without a symbol"),
    Rule("price_not_positive", "any price of the message is zero or less"),
    Rule("crossed", "bid above ask in one message; a venue that does so in more than 1 % of 1 000 quotes does it by habit"),
    Rule("decimal_shift", "price over level within 2 % of a power of ten, and other venues do not share it"),
    Rule("spike", "12 scales and 25 bp from the level, and it comes back, or other venues move on without it"),
    Rule("bad_run", "the same, three ticks and more in a row"),
    Rule("wide_spread", "a spread over 15 times its median and 20 bp"),
    Rule("outside_quotes", "a trade 3 spreads and 20 bp outside fresh quotes of earlier stamps, to which no quote moves"),
    Rule("explained_print", "an off-market trade whose sale condition explains it"),
    Rule("genuine_move", "12 scales and 25 bp from the level, shared by other venues"),
)

DEVIATION_SCALES = 12.0
DEVIATION_FLOOR = 25.0e-4
MARKET_FLOOR = 50.0e-4
OUTSIDE_SPREADS = 3.0
OUTSIDE_FLOOR = 20.0e-4
QUOTE_FRESH_NS = 2_000_000_000
WIDE_RATIO = 15.0
WIDE_FLOOR = 20.0e-4
SPREADS_NEEDED = 50
HABIT_QUOTES = 1_000
HABIT_SHARE = 0.01
HABIT_ROOM = 2.0
"""A crossing by habit may be so many times as wide as the widest yet: a day of FXCM breaks its own record 7 to 22 times, each
time by less."""
TEN_WIDTH = 0.02
GROSS = 0.10
"""So far off is wrong unless somebody shares it: nobody need contradict it within the lookahead."""
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


def _bit(name: str) -> int:
    return 1 << BY_NAME[name].bit


MISSING, POSITIVE, CROSSED = _bit("field_missing"), _bit("price_not_positive"), _bit("crossed")
TEN, SPIKE, RUN = _bit("decimal_shift"), _bit("spike"), _bit("bad_run")
WIDE, OUTSIDE, EXPLAINED = _bit("wide_spread"), _bit("outside_quotes"), _bit("explained_print")
GENUINE, IMPLAUSIBLE = _bit("genuine_move"), _bit("time_implausible")
COPY = _bit("duplicate") | _bit("duplicate_changed")
ALWAYS_CORRUPT = MISSING | POSITIVE | IMPLAUSIBLE
SUSPECT = COPY | _bit("out_of_order") | WIDE
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

CONTEXT = np.dtype(
    [
        ("x", "<f8"),
        ("level", "<f8"),
        ("limit", "<f8"),
        ("others", "<f8"),
        ("ratio", "<f8"),
        ("accepted", "<i8"),
        ("bits", "<u8"),
        ("final_bits", "<u8"),
        ("instrument", "<i4"),
        ("run", "<i4"),
        ("rule", "u1"),
        ("base", "u1"),
        ("final_rule", "u1"),
        ("supported", "u1"),
        ("watch", "u1"),
    ],
    align=True,
)
"""What is remembered of a tick until it is final: its log price `x`, the `level` and `limit` it was held against, the median of
the `others`, the spread `ratio`, how many ticks its instrument had `accepted`, and the quality that rules give: `base` by those
that do not judge the price, `rule` and `final_rule` by all."""

VENUE = np.dtype([("quotes", "<i8"), ("crossed", "<i8"), ("width", "<f8")])
"""A venue's habit of crossing, within the shard."""

"""RULES: deterministic facts about single ticks, compiled, each with the threshold that it uses.

`judge` decides from what was known when the tick was released (causal), `settle_verdict` once the lookahead has passed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb
import numpy as np

from tickproof import rolling
from tickproof.finding import BY_NAME, CODES, SUSPECT_BITS
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
TOLD = (1 << len(CODES)) - 1
"""What of a tick's reasons is told; the bits above mark rows inside."""
COPY = _bit("duplicate") | _bit("duplicate_changed") | _bit("replayed_block")
ALWAYS_CORRUPT = MISSING | POSITIVE | IMPLAUSIBLE
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


@nb.njit(cache=True, nogil=True)
def stateless(row, has_symbol):  # type: ignore[no-untyped-def]
    """Bits of what the message alone tells."""
    bits = row.reasons & np.uint64(TOLD)
    if row.kind == QUOTE and (row.present & QUOTED) == 0:
        bits |= np.uint64(MISSING)
    if row.kind == TRADE and (row.present & TRADED) != TRADED:
        bits |= np.uint64(MISSING)
    if not has_symbol and row.kind <= 3:
        bits |= np.uint64(MISSING)
    for present, price in ((BID, row.bid_px), (ASK, row.ask_px), (64, row.price)):
        if (row.present & present) != 0 and price <= 0:
            bits |= np.uint64(POSITIVE)
    return bits


@nb.njit(cache=True, nogil=True)
def stateless_all(rows):  # type: ignore[no-untyped-def]
    """`stateless` of each row."""
    bits = np.zeros(len(rows), np.uint64)
    for i in range(len(rows)):
        bits[i] = stateless(rows[i], rows[i].symbol >= 0)
    return bits


@nb.njit(cache=True, nogil=True)
def check_crossed(bid, ask, venue, known):  # type: ignore[no-untyped-def]
    """(crossed beyond the venue's habit, quality it deserves); learns the habit where `known` says nothing."""
    if known != rolling.CROSSING_LEARNT:
        return known == rolling.NEVER_CROSSES and bid > ask, 2
    width = float(bid - ask) / float(ask)
    habit = venue.quotes >= HABIT_QUOTES and venue.crossed > HABIT_SHARE * venue.quotes
    beyond = width > 0.0 and not (habit and width <= HABIT_ROOM * venue.width)
    quality = 2 if venue.quotes >= HABIT_QUOTES else 1
    venue.quotes += 1
    if width > 0.0:
        venue.crossed += 1
        # Half a percent is past any aggregate's habit.
        if width < 0.005:
            venue.width = max(venue.width, width)
    return beyond, quality


@nb.njit(cache=True, nogil=True)
def power_of_ten(distance, scale):  # type: ignore[no-untyped-def]
    """(exponent, distance to it) of a log ratio; exponent 0 where it is near no other power of ten."""
    k = round(distance / LN10)
    rest = abs(distance - k * LN10)
    if k != 0 and rest > max(TEN_WIDTH, 20.0 * scale):
        k = 0
    return k, rest


@nb.njit(cache=True, nogil=True, inline="always")
def _follows(price, context, share):  # type: ignore[no-untyped-def]
    """Did this log price go along with the tick? In fast news it may by now be far beyond it."""
    distance = context.x - context.level
    moved = price - context.level
    return moved >= share * distance if distance > 0.0 else moved <= share * distance


@nb.njit(cache=True, nogil=True)
def shares(price, context, state, scale):  # type: ignore[no-untyped-def]
    """Does this log price of other venues share the tick's move? Half of it, or a part and the rest is usual between venues."""
    usual = max(DEVIATION_SCALES * max(scale, state.residual_scale), DEVIATION_FLOOR)
    return _follows(price, context, SHARED) or (abs(context.x - price) <= usual and _follows(price, context, PARTLY))


@nb.njit(cache=True, nogil=True)
def is_off(context, state, scale, slack):  # type: ignore[no-untyped-def]
    """Is a priced tick off its level by more than `slack`, what its spread explains? Sets limit and watch of `context`."""
    if math.isnan(context.level):
        return False
    distance = abs(context.x - context.level)
    context.limit = max(DEVIATION_SCALES * scale, DEVIATION_FLOOR) if state.accepted >= rolling.WARM else GROSS
    context.watch = distance > 0.25 * context.limit
    return distance - slack > context.limit


@nb.njit(cache=True, nogil=True)
def judge(context, view):  # type: ignore[no-untyped-def]
    """Causal verdict on a tick that is off its level; `view` is (scale, shared by other venues, sources, extended hours).

    Sets bits and rule of `context`.
    """
    scale, shared, sources, extended = view
    deviation = context.x - context.level
    k, _ = power_of_ten(deviation, scale)
    if shared:
        if abs(deviation) > MARKET_FLOOR:
            context.bits |= np.uint64(GENUINE)
            # A price that others share does not mend a message that is wrong in another way.
            if context.base != 2:
                context.rule = 3
    elif k != 0:
        context.bits |= np.uint64(TEN)
        context.rule = 2
    else:
        context.bits |= np.uint64(SPIKE)
        context.rule = max(context.rule, 2 if sources >= 2 and not extended else 1)


@nb.njit(cache=True, nogil=True)
def settle_verdict(context, row, state, view):  # type: ignore[no-untyped-def]
    """Final verdict of a watched tick; `view` is (others, sources, those who spoke since, how many they are, extended, do others
    share its power of ten) at the tick's event time + lookahead.

    Only who spoke since the tick can refuse it: a price from before, up to half a minute old, knows nothing of it.
    """
    middle, sources, newer, newer_sources, extended, split = view
    x, level = context.x, context.level
    distance = abs(x - level)
    moved_on = state.accepted > context.accepted
    held = moved_on and _follows(state.level, context, SHARED)
    returned = moved_on and not held
    scale = rolling.effective_scale(state, row.event_time)
    shared = split or (sources > 0 and shares(middle, context, state, scale))
    shared = shared or (newer_sources > 0 and shares(newer, context, state, scale))
    refused = newer_sources > 0 and not shared
    was_shared = (context.bits & np.uint64(GENUINE)) != 0
    # In a fast move that no other venue is there to tell of, the level stays behind while the venue's own prices go on.
    goes_on = state.last_price_time > row.event_time and _follows(state.last_price, context, SHARED)
    context.supported = 1 if shared or was_shared else (2 if (held or goes_on) and not refused else 0)
    price_bits = np.uint64(SPIKE) | np.uint64(RUN) | np.uint64(TEN) | np.uint64(OUTSIDE)
    if (context.bits & price_bits) == 0:
        return
    bits = context.bits
    rule = 0
    if shared:
        bits &= ~price_bits
        if distance > MARKET_FLOOR:
            bits |= np.uint64(GENUINE)
            rule = 3
    else:
        if (bits & np.uint64(TEN)) != 0:
            rule = 2
        if (bits & np.uint64(SPIKE)) != 0:
            if returned or refused:
                rule = 1 if extended else 2
                if context.run >= 3 or state.held_count >= 3:
                    bits = (bits & ~np.uint64(SPIKE)) | np.uint64(RUN)
            elif held:
                bits &= ~np.uint64(SPIKE)
            else:
                rule = max(rule, 2 if sources > 0 and distance > GROSS and not extended else 1)
        if (bits & np.uint64(OUTSIDE)) != 0:
            tolerance = max(0.25 * distance, OUTSIDE_FLOOR)
            quoted = min(state.bid_time, state.ask_time) > 0 and max(state.bid_time, state.ask_time) > row.event_time
            inside = quoted and x >= math.log(float(state.bid)) - tolerance and x <= math.log(float(state.ask)) + tolerance
            if inside or held:
                bits &= ~np.uint64(OUTSIDE)
            else:
                denied = quoted or refused or (sources > 0 and distance > GROSS)
                rule = max(rule, 2 if denied and not extended else 1)
    # What other rules said of the same tick stands.
    if context.base == 2:
        rule = 2
    elif context.base == 1 and rule == 0:
        rule = 1
    context.final_bits = bits
    context.final_rule = rule

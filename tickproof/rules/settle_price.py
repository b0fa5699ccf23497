"""A price against its level, compiled.

`judge` decides from what was known when the tick was released (causal), `settle_verdict` once the lookahead has passed.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.findings.finding import BY_NAME
from tickproof.instrument import level as rolling
from tickproof.kernel import array_kernel, kernel
from tickproof.rules import table as rules

FOLLOWERS, FOLLOWED = 5, 0.5
"""Accepted ticks that follow a move within the lookahead, and the part of the usual interval, or volume, that is news."""
NEXT_ROWS = 400
"""So many rows are looked through for the quotes that follow a trade."""
_PRICE_BITS = rules.SPIKES | rules.TEN | rules.OUTSIDE
_ELSEWHERE = rules.SLIDES | rules.RUN | rules.WIDE | rules.CROSSED | rules.COPY
_SPIKE = BY_NAME["spike"].bit
_SLIDE_BITS = rules.SLIDES | rules.RUN
"""A run is said at once by `apart` alone."""


@kernel()
def power_of_ten(distance, scale):  # type: ignore[no-untyped-def]
    """(exponent, distance to it) of a log ratio; exponent 0 where it is near no other power of ten."""
    k = round(distance / rules.LN10)
    rest = abs(distance - k * rules.LN10)
    if k != 0 and rest > max(rules.TEN_WIDTH, 20.0 * scale):
        k = 0
    return k, rest


@array_kernel(inline="always")
def _follows(price, context, share):  # type: ignore[no-untyped-def]
    """Did this log price go along with the tick? In fast news it may by now be far beyond it."""
    distance = context.x - context.level
    moved = price - context.level
    return moved >= share * distance if distance > 0.0 else moved <= share * distance


@kernel()
def shares(price, context, state, scale):  # type: ignore[no-untyped-def]
    """Does this log price of other venues share the tick's move? Half of it, or a part and the rest is usual between venues."""
    usual = max(rules.DEVIATION_SCALES * max(scale, state.residual_scale), rules.DEVIATION_FLOOR)
    return _follows(price, context, rules.SHARED) or (abs(context.x - price) <= usual and _follows(price, context, rules.PARTLY))


@kernel()
def is_far(context, state, scale):  # type: ignore[no-untyped-def]
    """Is a priced tick off its level, unless its spread explains it? Sets limit and watch of `context`."""
    if math.isnan(context.level):
        return False
    distance = abs(context.x - context.level)
    context.limit = max(rules.DEVIATION_SCALES * scale, rules.DEVIATION_FLOOR) if state.accepted >= rolling.WARM else rules.GROSS
    context.watch = distance > rules.WATCH_SCALES * scale
    return distance > context.limit


@kernel()
def judge(context, view):  # type: ignore[no-untyped-def]
    """Causal verdict on a tick that is off its level; `view` is (scale, shared by other venues, sources, extended hours, name).

    Sets bits and rule of `context`.
    """
    scale, shared, sources, extended, name = view
    deviation = context.x - context.level
    k, _ = power_of_ten(deviation, scale)
    if shared:
        if abs(deviation) > rules.MARKET_FLOOR:
            context.bits |= np.uint64(rules.GENUINE)
            # A price that others share does not mend a message that is wrong in another way.
            if context.base != 2:
                context.rule = 3
    elif k != 0:
        context.bits |= np.uint64(rules.TEN)
        context.rule = 2
    else:
        context.bits |= name
        context.rule = max(context.rule, 2 if sources >= 2 and not extended else 1)


@kernel()
def walked(rows, at, end, view):  # type: ignore[no-untyped-def]
    """How far from a trade the quotes stayed that its venue sent within the lookahead, at least; infinite where there are none.

    An order that walks through the book prints at its end, and quotes are there for a moment. `view` is (instrument of each row,
    last event time, log price, level).
    """
    instrument_of, last, x, level = view
    away = np.inf
    for j in range(at + 1, min(end, at + NEXT_ROWS)):
        row = rows[j]
        if row.event_time > last:
            break
        if instrument_of[j] != instrument_of[at] or row.kind != rules.QUOTE:
            continue
        if x < level and (row.present & rules.BID) != 0 and row.bid_px > 0:
            away = min(away, math.log(float(row.bid_px)) - x)
        elif x > level and (row.present & rules.ASK) != 0 and row.ask_px > 0:
            away = min(away, x - math.log(float(row.ask_px)))
    return away


@kernel()
def _is_followed(context, state):  # type: ignore[no-untyped-def]
    """Where no other venue can share a move: does the venue itself go on at the new level, faster or with more volume?"""
    faster = state.gap_fast_ns < FOLLOWED * state.gap_slow_ns
    more = FOLLOWED * state.volume_fast > state.volume_slow
    return state.accepted - context.accepted >= FOLLOWERS and (faster or more)


@kernel()
def settle_verdict(context, row, state, view):  # type: ignore[no-untyped-def]
    """Final verdict of a watched tick; `view` is (others, sources, how far they disagree, those who spoke since, how many they
    are, how many spoke since a lookahead before it, extended, do others share its power of ten, how far from a trade its venue's
    quotes stayed) at the tick's event time + lookahead.

    Only who spoke since the tick can refuse it: a price from before, up to half a minute old, knows nothing of it.
    """
    middle, sources, width, newer, newer_sources, recent, extended, split, away = view
    x, level = context.x, context.level
    distance = abs(x - level)
    moved_on = state.accepted > context.accepted
    # Trades that are accepted do not move the level where quotes do.
    held = moved_on and (_follows(state.level, context, rules.SHARED) or _follows(state.last_accepted, context, rules.SHARED))
    returned = moved_on and not held
    scale = rolling.effective_scale(state, row.event_time)
    shared = split or (sources > 0 and shares(middle, context, state, scale))
    shared = shared or (newer_sources > 0 and shares(newer, context, state, scale))
    refused = newer_sources > 0 and not shared
    was_shared = (context.bits & np.uint64(rules.GENUINE)) != 0
    # In a fast move that no other venue is there to tell of, the level stays behind while the venue's own prices go on.
    goes_on = state.last_price_time > row.event_time and _follows(state.last_price, context, rules.SHARED)
    context.supported = 1 if shared or was_shared else (2 if (held or goes_on) and not refused else 0)
    if context.supported == 0 and recent == 0 and not (returned and distance > 0.5 * context.limit):
        context.supported = rules.UNREFUTED
    context.final_bits, rule = _settle_slide(context, (middle, sources, newer, newer_sources))
    if (context.bits & np.uint64(_PRICE_BITS)) == 0:
        if returned and not shared and newer_sources > 0 and sources >= 2:
            _settle_small(context, row, state, (newer, scale))
        if (context.bits & np.uint64(_SLIDE_BITS)) != 0:
            context.final_rule = rules.worse(context.base, rule)
        return
    if shared:
        context.final_bits &= ~np.uint64(_PRICE_BITS)
        if abs(x - level) > rules.MARKET_FLOOR:
            context.final_bits |= np.uint64(rules.GENUINE)
            rule = rules.worse(rule, 3)
    else:
        if (context.bits & np.uint64(rules.TEN)) != 0:
            rule = 2
        if away <= max(0.25 * distance, rules.OUTSIDE_FLOOR):
            context.final_bits &= ~np.uint64(rules.OUTSIDE)
        if away <= 0.25 * distance:
            context.final_bits &= ~np.uint64(rules.SPIKES)
        lone = row.kind == rules.TRADE and context.run == 1 and not goes_on
        gross = (sources > 0 and distance > rules.GROSS) or (lone and _stand_against(context, middle, sources, width))
        rule = rules.worse(rule, _settle_spike(context, state, (returned or refused, held, gross, sources, extended)))
        quoted = min(state.bid_time, state.ask_time) > 0 and max(state.bid_time, state.ask_time) > row.event_time
        rule = rules.worse(rule, _settle_outside(context, (quoted, refused, held, sources, extended)))
    # What other rules said of the same tick stands.
    context.final_rule = rules.worse(context.base, rule)


@kernel()
def _settle_small(context, row, state, view):  # type: ignore[no-untyped-def]
    """A quote that went 12 scales away and back, though less than a spike must: what others that stood still say since is enough,
    if none of them showed that price before.

    `view` is (their price since, scale). A trade is none: one that walks through a book leaves it as it was.
    """
    newer, scale = view
    if row.kind != rules.QUOTE or (context.bits & np.uint64(_ELSEWHERE)) != 0:
        return
    distance = abs(context.x - context.level)
    spread = float(row.ask_px - row.bid_px) / float(row.bid_px)
    usual = math.exp(state.spread_log) if state.spreads > 0 else 0.0
    bound = rules.DEVIATION_SCALES * scale + 0.5 * abs(spread - usual)
    if context.nearest <= rules.SHARED * distance:
        return
    # Where there is no level yet, nothing is known.
    if not (distance > bound and abs(newer - context.level) <= rules.PARTLY * distance):
        return
    context.final_bits |= np.uint64(rules.SPIKE)
    context.final_rule = 2
    level = context.level
    edge = level + math.copysign(bound, context.x - level)
    rules.keep(context, _SPIKE, (rules.price_of(context.x), rules.price_of(edge), rules.price_of(level)))


@kernel()
def _settle_slide(context, view):  # type: ignore[no-untyped-def]
    """(bits, quality) of what `apart` said: it stands, unless the others have come at least half of the way since.

    `view` is (others, sources, those who spoke since, how many they are): who has not spoken since knows nothing of it.
    """
    middle, sources, newer, newer_sources = view
    if (context.bits & np.uint64(_SLIDE_BITS)) == 0:
        return context.bits, 0
    # In fast news they may have gone beyond it by now.
    way, gone = context.x - context.others, (newer if newer_sources > 0 else middle) - context.others
    if sources > 0 and gone * way > 0.0 and abs(gone) >= rules.SHARED * abs(way):
        return context.bits & ~np.uint64(_SLIDE_BITS), 0
    return context.bits, 2 if newer_sources > 0 else 1


@kernel()
def _settle_spike(context, state, view):  # type: ignore[no-untyped-def]
    """The quality that a spike has in the end; `view` is (is it denied, does it hold, is it so far off that nobody need deny it,
    sources, extended hours)."""
    denied, held, gross, sources, extended = view
    if (context.final_bits & np.uint64(rules.SPIKES)) == 0:
        return 0
    distance = abs(context.x - context.level)
    if denied:
        if (context.final_bits & np.uint64(rules.SPIKE)) != 0 and (context.run >= 3 or state.held_count >= 3):
            context.final_bits = (context.final_bits & ~np.uint64(rules.SPIKE)) | np.uint64(rules.RUN)
        return 1 if extended else 2
    if held:
        context.final_bits &= ~np.uint64(rules.SPIKES)
        if sources == 0 and distance > rules.MARKET_FLOOR and _is_followed(context, state):
            context.final_bits |= np.uint64(rules.GENUINE)
            return 3
        return 0
    return 2 if gross and not extended else 1


@kernel()
def _stand_against(context, middle, sources, width):  # type: ignore[no-untyped-def]
    """Do other venues that agree stand far from a lone print, so far that somebody would have spoken by now were it news?"""
    away = abs(context.x - middle)
    return sources >= 2 and width <= rules.STAND_WIDTH * away and away > rules.STAND * context.limit


@kernel()
def _settle_outside(context, view):  # type: ignore[no-untyped-def]
    """The quality of a trade outside quotes; `view` is (were there quotes since, refused, does it hold, sources, extended)."""
    quoted, refused, held, sources, extended = view
    if (context.final_bits & np.uint64(rules.OUTSIDE)) == 0:
        return 0
    if held:
        context.final_bits &= ~np.uint64(rules.OUTSIDE)
        return 0
    gross = sources > 0 and abs(context.x - context.level) > rules.GROSS
    return 2 if (quoted or refused or gross) and not extended else 1

"""A price against its level, compiled.

`judge` decides from what was known when the tick was released (causal), `settle_verdict` once the lookahead has passed.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from tickproof import rolling, rules


@nb.njit(cache=True, nogil=True)
def power_of_ten(distance, scale):  # type: ignore[no-untyped-def]
    """(exponent, distance to it) of a log ratio; exponent 0 where it is near no other power of ten."""
    k = round(distance / rules.LN10)
    rest = abs(distance - k * rules.LN10)
    if k != 0 and rest > max(rules.TEN_WIDTH, 20.0 * scale):
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
    usual = max(rules.DEVIATION_SCALES * max(scale, state.residual_scale), rules.DEVIATION_FLOOR)
    return _follows(price, context, rules.SHARED) or (abs(context.x - price) <= usual and _follows(price, context, rules.PARTLY))


@nb.njit(cache=True, nogil=True)
def is_off(context, state, scale, slack):  # type: ignore[no-untyped-def]
    """Is a priced tick off its level by more than `slack`, what its spread explains? Sets limit and watch of `context`."""
    if math.isnan(context.level):
        return False
    distance = abs(context.x - context.level)
    context.limit = max(rules.DEVIATION_SCALES * scale, rules.DEVIATION_FLOOR) if state.accepted >= rolling.WARM else rules.GROSS
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
        if abs(deviation) > rules.MARKET_FLOOR:
            context.bits |= np.uint64(rules.GENUINE)
            # A price that others share does not mend a message that is wrong in another way.
            if context.base != 2:
                context.rule = 3
    elif k != 0:
        context.bits |= np.uint64(rules.TEN)
        context.rule = 2
    else:
        context.bits |= np.uint64(rules.SPIKE)
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
    held = moved_on and _follows(state.level, context, rules.SHARED)
    returned = moved_on and not held
    scale = rolling.effective_scale(state, row.event_time)
    shared = split or (sources > 0 and shares(middle, context, state, scale))
    shared = shared or (newer_sources > 0 and shares(newer, context, state, scale))
    refused = newer_sources > 0 and not shared
    was_shared = (context.bits & np.uint64(rules.GENUINE)) != 0
    # In a fast move that no other venue is there to tell of, the level stays behind while the venue's own prices go on.
    goes_on = state.last_price_time > row.event_time and _follows(state.last_price, context, rules.SHARED)
    context.supported = 1 if shared or was_shared else (2 if (held or goes_on) and not refused else 0)
    price_bits = np.uint64(rules.SPIKE) | np.uint64(rules.RUN) | np.uint64(rules.TEN) | np.uint64(rules.OUTSIDE)
    if (context.bits & price_bits) == 0:
        return
    bits = context.bits
    rule = 0
    if shared:
        bits &= ~price_bits
        if distance > rules.MARKET_FLOOR:
            bits |= np.uint64(rules.GENUINE)
            rule = 3
    else:
        if (bits & np.uint64(rules.TEN)) != 0:
            rule = 2
        if (bits & np.uint64(rules.SPIKE)) != 0:
            if returned or refused:
                rule = 1 if extended else 2
                if context.run >= 3 or state.held_count >= 3:
                    bits = (bits & ~np.uint64(rules.SPIKE)) | np.uint64(rules.RUN)
            elif held:
                bits &= ~np.uint64(rules.SPIKE)
            else:
                rule = max(rule, 2 if sources > 0 and distance > rules.GROSS and not extended else 1)
        if (bits & np.uint64(rules.OUTSIDE)) != 0:
            tolerance = max(0.25 * distance, rules.OUTSIDE_FLOOR)
            quoted = min(state.bid_time, state.ask_time) > 0 and max(state.bid_time, state.ask_time) > row.event_time
            inside = quoted and x >= math.log(float(state.bid)) - tolerance and x <= math.log(float(state.ask)) + tolerance
            if inside or held:
                bits &= ~np.uint64(rules.OUTSIDE)
            else:
                denied = quoted or refused or (sources > 0 and distance > rules.GROSS)
                rule = max(rule, 2 if denied and not extended else 1)
    # What other rules said of the same tick stands.
    if context.base == 2:
        rule = 2
    elif context.base == 1 and rule == 0:
        rule = 1
    context.final_bits = bits
    context.final_rule = rule

"""A venue that leaves the others, compiled: who moved since they were last together tells frozen from drifting.

The distance to the median of the symbol's other venues has a usual value (`basis`) and a usual deviation from it. While a price
is further off than that, the venue is apart: it is frozen if the others moved and it did not, though it went on quoting; it
drifts if it moved and at least two others, which spoke since and agree, did not. A trend that all share is neither.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.findings.finding import BY_NAME
from tickproof.instrument import level as rolling
from tickproof.kernel import array_kernel, kernel
from tickproof.rules import table as rules
from tickproof.rules import tick_grid as grid

TOGETHER, APART = 1.5, 3.0
"""In usual deviations from the basis: the venues are together, apart."""
UNIT_SCALES = 4.0 / 3.0
"""A usual deviation is at least so many scales of the price: apart is a spread or a price step and more, as venues whose prices
have a coarse grid stand next to each other for long."""
DRIFT_UNITS, DRIFT_FLOOR = 9.0, 5.0e-4
"""A drift is so many usual deviations, thus 12 scales as a spike, and 5 bp."""
MOVED, STAYED = 0.5, 0.25
"""Shares of the distance: who went at least the one has moved, who went at most the other has stayed."""
BASES_NEEDED, BASES_KEPT = 100, 20_000
BASIS_NS = 120.0e9
"""A distance that lasts becomes usual with this time constant."""
APART_WEIGHT = 1.0e-3
APART_NS = 1_000_000_000
DRIFT_TICKS = 10
FINE_SCALES, FINE_STEPS = 0.5, 0.75
OFF = (1.5, 3.0, 6.0)
"""Classes of how far a price that is set stands off, each with its own chance of being repeated; in the largest of the usual
deviation, half a scale and three quarters of a step of the grid: where the spread is one step, venues stand a step apart for
long."""
FROZEN_UNITS = 2.0
FROZEN_QUOTES = 8
FROZEN_EVIDENCE = 16.0
"""−ln of the chance that a venue with this habit of following repeats its price so often."""
FROZEN_HISTORY = 500
"""Quotes until a habit is known."""
LONGEST_GROWTH = 3.0
"""Nor is a price frozen that repeats less than so many times what turned out to be nothing: messages are not independent."""
CHANCE_CAP = 0.7
HABIT_KEPT = 400.0
RUN_LEARNT = 50
"""Quotes of one run that teach how often a price is repeated: a frozen one must not become the habit."""
UNIT_RATIO = math.log(1.2)
UNIT_WIDTH = 0.02
UNIT_TICKS, UNIT_NS = 20, 2_000_000_000

_FROZEN = BY_NAME["frozen"].bit
_DRIFT, _RUN, _UNIT = BY_NAME["drift"].bit, BY_NAME["bad_run"].bit, BY_NAME["unit_change"].bit


@kernel()
def follow(row, now, context, state, view, shared_state):  # type: ignore[no-untyped-def]
    """Hold a price against what the other venues say; `view` is (scale, their median, how many they are, did this come late)."""
    scale, middle, sources, late = view
    quote = row.kind == rules.QUOTE
    if quote and state.run == 1:
        _begin_run(state, now)
    if sources == 0 or state.halted == 1 or late or (not quote and state.quotes > 0):
        return
    x = context.x
    away = x - middle - state.basis
    unit = max(state.basis_scale, UNIT_SCALES * scale)
    # The mean so far, then one that forgets with time and not with messages: many can tell of one distance.
    weight = float(min(max(now - state.last_price_time, 0), APART_NS)) / BASIS_NS
    if state.bases < BASES_KEPT:
        state.bases += 1
        weight = max(weight, 1.0 / state.bases)
    if state.bases < BASES_NEEDED:
        _learn(state, away, weight if abs(away) < rules.AGREE else 0.0, unit)
        _together(state, x, middle, now)
        return
    distance = abs(away)
    if quote:
        step = float(grid.STEPS[state.grid]) / float(row.bid_px)
        fine = max(state.basis_scale, FINE_SCALES * scale, FINE_STEPS * step)
        _habit(state, abs(state.level - middle - state.basis) / fine)
        if state.evidence >= FROZEN_EVIDENCE and distance > FROZEN_UNITS * fine:
            _judge_frozen(context, state, now, (middle, FROZEN_UNITS * fine))
    if distance < APART * unit:
        if distance < TOGETHER * unit:
            _together(state, x, middle, now)
        state.apart = 0
        _learn(state, away, weight, unit)
        return
    state.apart += 1
    state.leap = max(state.leap, abs(x - state.last_accepted))
    # What is far off teaches no more than what is just too far: one in another unit would become the usual distance at once.
    _learn(state, math.copysign(min(distance, 2.0 * APART * unit), away), min(weight, APART_WEIGHT), distance)
    if now - state.anchor_time < APART_NS:
        return
    if abs(x - middle) < MOVED * distance:
        # It is where the others are: the usual distance is what is wrong.
        return
    own, theirs = abs(x - state.anchor), abs(middle - state.anchor_others)
    if own >= MOVED * distance and theirs <= STAYED * distance and sources >= 2 and state.apart >= DRIFT_TICKS:
        bound = max(DRIFT_UNITS * unit, DRIFT_FLOOR)
        if distance > bound:
            _judge_drift(context, state, now, (distance, bound), shared_state)


@array_kernel()
def _learn(state, away, weight, width):  # type: ignore[no-untyped-def]
    """Move the usual distance and its usual deviation."""
    state.basis += weight * away
    state.basis_scale += weight * (min(abs(away), 4.0 * width) - state.basis_scale)


@array_kernel()
def _together(state, x, middle, now):  # type: ignore[no-untyped-def]
    """Remember where this venue and the others were when they were last together."""
    state.anchor, state.anchor_others, state.anchor_time = x, middle, now
    state.leap = 0.0


@array_kernel()
def _begin_run(state, now):  # type: ignore[no-untyped-def]
    """The price changed: so much evidence that it would not was nothing."""
    if state.evidence > state.longest:
        # What was told of as frozen does not become usual at once.
        state.longest = min(state.evidence, max(LONGEST_GROWTH * state.longest, FROZEN_EVIDENCE))
    state.evidence = 0.0
    state.run_since = now


@array_kernel()
def _habit(state, stood_off):  # type: ignore[no-untyped-def]
    """How often a quote whose price was `stood_off` deviations away is repeated; adds to the evidence where this one was."""
    if stood_off < OFF[0]:
        return
    repeated = state.run > 1
    far = 0 if stood_off < OFF[1] else (1 if stood_off < OFF[2] else 2)
    if repeated:
        chance = min((state.followed[far] + 1.0) / (state.stood[far] + 3.0), CHANCE_CAP)
        state.evidence -= math.log(1.0 - chance)
    if state.run <= RUN_LEARNT:
        state.stood[far] += 1.0
        if not repeated:
            state.followed[far] += 1.0
        if state.stood[far] > HABIT_KEPT:
            state.stood[far] *= 0.5
            state.followed[far] *= 0.5


@array_kernel()
def _judge_frozen(context, state, now, view):  # type: ignore[no-untyped-def]
    """Frozen if the others went away since the price was set; `view` is (their median, how far from it is usual)."""
    middle, usual = view
    x, expected = context.x, middle + state.basis
    moved = abs(middle - state.run_others) >= MOVED * abs(x - expected)
    known = state.quotes >= FROZEN_HISTORY and state.evidence >= LONGEST_GROWTH * state.longest
    if moved and known and state.run >= FROZEN_QUOTES and now - state.run_since >= APART_NS:
        bound = expected + math.copysign(usual, x - expected)
        rules.note(context, _FROZEN, 1, (rules.price_of(x), rules.price_of(bound), rules.price_of(expected)))


@kernel()
def _judge_drift(context, state, now, seen, shared_state):  # type: ignore[no-untyped-def]
    """Corrupt if at least two others spoke in the later half of the time apart, agree, and are as far off as the rest.

    `seen` is (distance, the bound that it is over).
    """
    instruments, heads, _, scratch = shared_state
    distance, allowed = seen
    since = state.anchor_time + (now - state.anchor_time) // 2
    middle, sources, width, _ = rolling.others(instruments, heads[state.symbol], context.instrument, since, context.x, scratch)
    if sources < 2 or width > MOVED * distance or abs(context.x - middle - state.basis) < (1.0 - STAYED) * distance:
        return
    # One step that made the distance is a wrong level; many are a slide.
    code = _RUN if state.leap >= MOVED * distance else _DRIFT
    context.bits |= np.uint64(1) << np.uint64(code)
    context.rule = 2
    context.watch = True
    x, expected = context.x, middle + state.basis
    bound = expected + math.copysign(allowed, x - expected)
    rules.keep(context, code, (rules.price_of(x), rules.price_of(bound), rules.price_of(expected)))


@array_kernel()
def hold_ratio(row, now, context, state):  # type: ignore[no-untyped-def]
    """Count how long one kind of message has been off its level by one ratio: from 20 ticks and 2 s on its unit has changed.

    Returns whether it has.
    """
    ratio = context.x - context.level
    if abs(ratio) < UNIT_RATIO:
        return False
    if state.ratio_count == 0 or state.ratio_kind != row.kind or abs(ratio - state.ratio) > UNIT_WIDTH:
        state.ratio, state.ratio_kind, state.ratio_count, state.ratio_since = ratio, row.kind, 0, now
    state.ratio_count += 1
    if state.ratio_count < UNIT_TICKS or now - state.ratio_since < UNIT_NS:
        return False
    context.bits = (context.bits & ~np.uint64(rules.TEN | rules.SPIKES)) | np.uint64(rules.UNIT)
    context.rule = 2
    context.watch = True
    x, level = context.x, context.level
    bound = level + math.copysign(UNIT_RATIO, ratio)
    rules.keep(context, _UNIT, (rules.price_of(x), rules.price_of(bound), rules.price_of(level)))
    return True

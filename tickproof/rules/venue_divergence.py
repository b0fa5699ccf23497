"""A venue that diverges from the others, compiled: who moved since they last agreed distinguishes frozen from drifting.

The distance to the consensus has a usual value (`basis`) and a usual deviation from it (the unit). States of a venue: it agrees
while its price is within `AGREES` units of the basis (where both are then is the anchor), and diverges beyond `DIVERGES` units. A
venue that diverges is frozen if the others moved and it did not, though it kept quoting; it drifts if it moved and at least two
others, which agree and have sent a price since, did not. A trend that all share is neither.
"""

from __future__ import annotations

import math

from tickproof.instrument.consensus import Instruments, consensus_since
from tickproof.kernel import kernel
from tickproof.rules import reasons
from tickproof.rules.context import SUSPECT, add_fact, add_watched, prices_of
from tickproof.rules.price_deviation import AGREE, Comparison
from tickproof.rules.reasons import QUOTE, bit_of
from tickproof.rules.tick_grid import STEPS
from tickproof.ticks.records import Record

AGREES, DIVERGES = 1.5, 3.0
"""In usual deviations from the basis."""
UNIT_SCALES = 4.0 / 3.0
"""A usual deviation is at least so many scales of the price: a venue diverges by a spread or a price step and more, as venues
whose prices have a coarse grid stand next to each other for long."""
DRIFT_UNITS, DRIFT_FLOOR = 9.0, 5.0e-4
"""A drift is so many usual deviations, thus 12 scales as a spike, and 5 bp."""
MOVED, STAYED = 0.5, 0.25
"""Shares of the distance: who went at least the one has moved, who went at most the other has stayed."""
BASES_NEEDED, BASES_KEPT = 100, 20_000
BASIS_NS = 120.0e9
"""A distance that lasts becomes usual with this time constant."""
SCALE_CLIP = 4.0
DIVERGED_WEIGHT = 1.0e-3
DIVERGED_NS = 1_000_000_000
DRIFT_TICKS = 10
FINE_SCALES, FINE_STEPS = 0.5, 0.75
OFF = (1.5, 3.0, 6.0)
"""Classes of how far off a price is set, each with its own chance of being repeated; in the largest of the usual deviation, half
a scale and three quarters of a step of the grid: where the spread is one step, venues stand a step apart for long."""
FROZEN_UNITS = 2.0
FROZEN_QUOTES = 8
FROZEN_EVIDENCE = 16.0
"""−ln of the chance that a venue with this habit of following repeats its price so often."""
FROZEN_HISTORY = 500
"""Quotes until a habit is known."""
EVIDENCE_GROWTH = 3.0
"""Nor is a price frozen that repeats less than so many times what turned out to be nothing: messages are not independent."""
CHANCE_CAP = 0.7
HABIT_KEPT = 400.0
RUN_LEARNT = 50
"""Quotes of one run that teach how often a price is repeated: a frozen one must not become the habit."""
UNIT_RATIO = math.log(1.2)
UNIT_WIDTH = 0.02
UNIT_TICKS, UNIT_NS = 20, 2_000_000_000

_FROZEN, _DRIFT, _RUN, _UNIT = bit_of("frozen"), bit_of("drift"), bit_of("bad_run"), bit_of("unit_change")


@kernel(forceinline=True)
def follow_divergence(row: Record, context: Record, instrument: Record, comparison: Comparison, instruments: Instruments) -> None:
    """Hold a price against the consensus of other venues: learn the basis while they agree, else decide frozen or drifting."""
    now, consensus = comparison.now, comparison.consensus
    is_quote = row.kind == QUOTE
    if is_quote and instrument.run == 1:
        _begin_run(instrument, now)
    if consensus.venues == 0 or instrument.halted or comparison.is_late or (not is_quote and instrument.quotes > 0):
        return
    x = context.x
    away = x - consensus.price - instrument.basis
    unit = max(instrument.basis_scale, UNIT_SCALES * comparison.scale)
    weight = _basis_weight(instrument, now)
    if instrument.bases < BASES_NEEDED:
        _learn_basis(instrument, away, weight if abs(away) < AGREE else 0.0, unit)
        _anchor(instrument, x, consensus.price, now)
        return
    distance = abs(away)
    if is_quote:
        _check_frozen(row, context, instrument, comparison, distance)
    if distance < DIVERGES * unit:
        if distance < AGREES * unit:
            _anchor(instrument, x, consensus.price, now)
        instrument.diverged = 0
        _learn_basis(instrument, away, weight, unit)
        return
    instrument.diverged += 1
    instrument.largest_step = max(instrument.largest_step, abs(x - instrument.last_accepted))
    # What is far off teaches no more than what is just too far: a price in another unit would become the usual distance at once.
    clipped = math.copysign(min(distance, 2.0 * DIVERGES * unit), away)
    _learn_basis(instrument, clipped, min(weight, DIVERGED_WEIGHT), distance)
    if _has_drifted(instrument, comparison, x, distance):
        bound = max(DRIFT_UNITS * unit, DRIFT_FLOOR)
        if distance > bound:
            _decide_drift(context, instrument, now, (distance, bound), instruments)


@kernel()
def _basis_weight(instrument: Record, now: int) -> float:
    """Return how much a price teaches about the basis: a mean so far, then one that forgets with time and not with messages, as
    many messages may repeat one distance."""
    weight = float(min(max(now - instrument.last_price_time, 0), DIVERGED_NS)) / BASIS_NS
    if instrument.bases < BASES_KEPT:
        instrument.bases += 1
        weight = max(weight, 1.0 / instrument.bases)
    return weight


@kernel()
def _has_drifted(instrument: Record, comparison: Comparison, x: float, distance: float) -> bool:
    """Return whether a venue that diverges moved away from at least two others since they agreed, in more than a few ticks."""
    price = comparison.consensus.price
    if comparison.now - instrument.anchor_time < DIVERGED_NS:
        return False
    if abs(x - price) < MOVED * distance:
        # It is where the others are: the usual distance is what is wrong.
        return False
    own, others = abs(x - instrument.anchor), abs(price - instrument.anchor_consensus)
    is_supported = comparison.consensus.venues >= 2 and instrument.diverged >= DRIFT_TICKS
    return own >= MOVED * distance and others <= STAYED * distance and is_supported


@kernel()
def _learn_basis(instrument: Record, away: float, weight: float, width: float) -> None:
    """Move the usual distance and its usual deviation."""
    instrument.basis += weight * away
    instrument.basis_scale += weight * (min(abs(away), SCALE_CLIP * width) - instrument.basis_scale)


@kernel()
def _anchor(instrument: Record, x: float, price: float, now: int) -> None:
    """Remember where this venue and the consensus were when they last agreed."""
    instrument.anchor, instrument.anchor_consensus, instrument.anchor_time = x, price, now
    instrument.largest_step = 0.0


@kernel()
def _begin_run(instrument: Record, now: int) -> None:
    """Begin a run of equal prices: the evidence that the last one would not end was wrong."""
    if instrument.frozen_evidence > instrument.frozen_evidence_most:
        # What was reported as frozen does not become usual at once.
        most = max(EVIDENCE_GROWTH * instrument.frozen_evidence_most, FROZEN_EVIDENCE)
        instrument.frozen_evidence_most = min(instrument.frozen_evidence, most)
    instrument.frozen_evidence = 0.0
    instrument.run_since = now


@kernel()
def _check_frozen(row: Record, context: Record, instrument: Record, comparison: Comparison, distance: float) -> None:
    """Gather evidence that a quote's price is frozen, and decide whether it is enough; `distance` from the basis."""
    price = comparison.consensus.price
    step = float(STEPS[instrument.grid]) / float(row.bid_px)
    fine = max(instrument.basis_scale, FINE_SCALES * comparison.scale, FINE_STEPS * step)
    _count_repeat(instrument, abs(instrument.level - price - instrument.basis) / fine)
    if instrument.frozen_evidence >= FROZEN_EVIDENCE and distance > FROZEN_UNITS * fine:
        _decide_frozen(context, instrument, comparison.now, (price, FROZEN_UNITS * fine))


@kernel()
def _count_repeat(instrument: Record, off: float) -> None:
    """Learn how often a quote whose price was `off` by so many units is repeated; add to the evidence where this one was."""
    if off < OFF[0]:
        return
    is_repeated = instrument.run > 1
    far = 0 if off < OFF[1] else (1 if off < OFF[2] else 2)
    if is_repeated:
        chance = min((instrument.off_quotes_moved[far] + 1.0) / (instrument.off_quotes[far] + 3.0), CHANCE_CAP)
        instrument.frozen_evidence -= math.log(1.0 - chance)
    if instrument.run <= RUN_LEARNT:
        instrument.off_quotes[far] += 1.0
        if not is_repeated:
            instrument.off_quotes_moved[far] += 1.0
        if instrument.off_quotes[far] > HABIT_KEPT:
            instrument.off_quotes[far] *= 0.5
            instrument.off_quotes_moved[far] *= 0.5


@kernel()
def _decide_frozen(context: Record, instrument: Record, now: int, usual: tuple[float, float]) -> None:
    """Add that a price is frozen if the others moved away since it was set; `usual`: (consensus, usual distance from it)."""
    price, width = usual
    x, expected = context.x, price + instrument.basis
    others_moved = abs(price - instrument.run_others) >= MOVED * abs(x - expected)
    is_enough = instrument.frozen_evidence >= EVIDENCE_GROWTH * instrument.frozen_evidence_most
    is_known = instrument.quotes >= FROZEN_HISTORY and is_enough
    if others_moved and is_known and instrument.run >= FROZEN_QUOTES and now - instrument.run_since >= DIVERGED_NS:
        bound = expected + math.copysign(width, x - expected)
        add_fact(context, _FROZEN, SUSPECT, prices_of(x, bound, expected))


@kernel()
def _decide_drift(context: Record, instrument: Record, now: int, off: tuple[float, float], instruments: Instruments) -> None:
    """Call a price corrupt if at least two others sent one in the later half of the divergence, agree, and are as far off.

    `off` is (distance, the bound that it is over).
    """
    distance, allowed = off
    since = instrument.anchor_time + (now - instrument.anchor_time) // 2
    consensus = consensus_since(instruments, instrument.symbol, context.instrument, since, context.x)
    if consensus.venues < 2 or consensus.width > MOVED * distance:
        return
    x, expected = context.x, consensus.price + instrument.basis
    if abs(x - consensus.price - instrument.basis) < (1.0 - STAYED) * distance:
        return
    # One step that made the distance is a wrong level; many are a slide.
    code = _RUN if instrument.largest_step >= MOVED * distance else _DRIFT
    bound = expected + math.copysign(allowed, x - expected)
    add_watched(context, code, prices_of(x, bound, expected))


@kernel()
def follow_ratio(row: Record, now: int, context: Record, instrument: Record) -> None:
    """Count how long one kind of message has been off its level by one ratio: from 20 ticks and 2 s on its unit has changed."""
    ratio = context.x - context.level
    if abs(ratio) < UNIT_RATIO:
        return
    is_same = instrument.ratio_kind == row.kind and abs(ratio - instrument.ratio) <= UNIT_WIDTH
    if instrument.ratio_count == 0 or not is_same:
        instrument.ratio, instrument.ratio_kind, instrument.ratio_count, instrument.ratio_since = ratio, row.kind, 0, now
    instrument.ratio_count += 1
    if instrument.ratio_count < UNIT_TICKS or now - instrument.ratio_since < UNIT_NS:
        return
    context.bits &= ~(reasons.TEN | reasons.SPIKES)
    bound = context.level + math.copysign(UNIT_RATIO, ratio)
    add_watched(context, _UNIT, prices_of(context.x, bound, context.level))

"""What a price teaches, compiled: which references it may move, after it was decided."""

from __future__ import annotations

from typing import NamedTuple

from tickproof.instrument import level
from tickproof.kernel import kernel
from tickproof.rules import corrections, quote_sides, reasons, repeats
from tickproof.rules.price_deviation import Comparison, is_after_pause, is_gross_step
from tickproof.rules.reasons import QUOTE, has
from tickproof.shard.arrays import PricedTick

NEW_LEVEL = (20, 10_000_000_000)
"""(ticks, ns) until a level that other venues do not share is accepted."""
NEW_LEVEL_ALONE = (3, 0)
"""The same where there is no other venue."""
NEW_LEVEL_TEN = (100, 60_000_000_000)
"""The same for a price off by a power of ten after a pause: a redenomination, or a split, of what trades on one venue."""
NEW_LEVEL_GROSS = (100, 7_200_000_000_000)
"""The same for a price that is at less than half, or more than double, without a pause: a unit may be wrong for an hour."""
NEW_LEVEL_SCALES, NEW_LEVEL_FLOOR = 6.0, 15.0e-4
"""Prices of a new level lie within so many scales, and so far, log, of each other."""
FIRST_STEP = 0.05
"""The first prices of an instrument are one level where they lie within this, log."""
RESIDUAL_WEIGHT, RESIDUAL_CLIP = 0.03, 4.0
NO_SPREAD = -1.0
"""The spread of a trade."""

_NOT_LEARNT = reasons.CROSSED | reasons.COPY | reasons.DRIFT | reasons.RUN | reasons.FIELDS | reasons.WIDE
"""What must not be learnt from: the price is wrong, or the message is."""


class Sides(NamedTuple):
    """The sides of a quote: relative spread (`NO_SPREAD` of a trade), does one side move alone, is it a stub?"""

    spread: float
    is_one_sided: bool
    is_stub: bool


class Outcome(NamedTuple):
    """What was decided about a price: is it off its level, and do other venues share that?"""

    is_off: bool
    is_corroborated: bool


@kernel(forceinline=True)
def learn_price(tick: PricedTick, comparison: Comparison, sides: Sides, outcome: Outcome) -> None:
    """Move the references by a price, if it may move them, and remember it as the last one."""
    _move_references(tick, comparison, sides, outcome)
    context, instrument = tick.context, tick.instrument
    instrument.last_price, instrument.last_price_time = context.x, comparison.now
    context.accepted = instrument.accepted


@kernel()
def learn_stub(tick: PricedTick, spread: float) -> None:
    """Forget a venue's quote after a stub, which is no price: no trade is held against it, either."""
    row, instrument = tick.row, tick.instrument
    tick.context.is_stub = True
    repeats.observe_sides(instrument, row.bid_px, row.ask_px)
    instrument.bid_time = instrument.ask_time = 0
    if not has(tick.context.bits, reasons.WIDE):
        level.learn_spread(instrument, spread)
    tick.context.accepted = instrument.accepted


@kernel(forceinline=True)
def _move_references(tick: PricedTick, comparison: Comparison, sides: Sides, outcome: Outcome) -> None:
    """Move level, scale and quote by a price that is accepted, or that confirms a new level."""
    row, context, instrument = tick.row, tick.context, tick.instrument
    x, now, consensus = context.x, comparison.now, comparison.consensus
    is_quote = row.kind == QUOTE
    is_bad = has(context.bits, _NOT_LEARNT)
    if is_after_pause(row, now, instrument):
        # What would be a new level before the pause says nothing about one after it.
        instrument.candidate_count = 0
    if has(context.bits, reasons.TEN | reasons.UNIT):
        # Remembered apart from what is observed, and a new level only after long, where no other venue is there.
        instrument.shifted, instrument.shifted_time = x, now
        patience = NEW_LEVEL_GROSS if is_gross_step(row, now, context, instrument) else NEW_LEVEL_TEN
        if not is_bad and consensus.venues == 0 and _confirms(tick, comparison, patience):
            level.accept(instrument, x, now, is_quote)
        return
    if is_bad:
        return
    level.observe_price(instrument, x, now, comparison.is_late, is_quote)
    is_rejected = outcome.is_off and not outcome.is_corroborated
    if instrument.accepted < level.WARM:
        is_rejected = outcome.is_off or (instrument.accepted > 2 and abs(x - instrument.level) > FIRST_STEP)
    if is_rejected:
        patience = NEW_LEVEL if consensus.venues > 0 else NEW_LEVEL_ALONE
        if consensus.venues == 0 and instrument.accepted >= level.WARM and is_gross_step(row, now, context, instrument):
            patience = NEW_LEVEL_GROSS
        if not _confirms(tick, comparison, patience):
            return
        if consensus.venues > 0:
            instrument.basis = x - consensus.price
    if not is_quote:
        corrections.remember_trade(row, instrument)
    level.accept(instrument, x, now, is_quote)
    if is_rejected and now - instrument.quoted_time > level.FRESH_NS:
        # A new level of a venue that only trades is the price itself, and not a part of the way there.
        instrument.level = x
    _learn_residual(tick, comparison)
    if is_quote:
        _take_quote(tick, now, sides.spread)
    elif x != instrument.last_price:
        instrument.burst_moves += 1


@kernel(forceinline=True)
def _confirms(tick: PricedTick, comparison: Comparison, patience: tuple[int, int]) -> bool:
    """Return whether a rejected price confirms a new level, after (ticks, ns)."""
    width = max(NEW_LEVEL_SCALES * comparison.scale, NEW_LEVEL_FLOOR)
    return level.confirms_new_level(tick.instrument, tick.context.x, comparison.now, width, patience)


@kernel(forceinline=True)
def _learn_residual(tick: PricedTick, comparison: Comparison) -> None:
    """Learn how far an accepted price usually lies from the consensus."""
    if comparison.consensus.venues > 0:
        instrument = tick.instrument
        most = RESIDUAL_CLIP * max(instrument.residual_scale, comparison.scale)
        residual = min(abs(tick.context.x - comparison.consensus.price), most)
        instrument.residual_scale += RESIDUAL_WEIGHT * (residual - instrument.residual_scale)


@kernel(forceinline=True)
def _take_quote(tick: PricedTick, now: int, spread: float) -> None:
    """Take an accepted quote as its venue's sides."""
    row, instrument = tick.row, tick.instrument
    repeats.observe_sides(instrument, row.bid_px, row.ask_px)
    instrument.session_quotes = min(instrument.session_quotes + 1, quote_sides.OPENED)
    instrument.bid, instrument.ask = row.bid_px, row.ask_px
    instrument.bid_time = instrument.ask_time = now
    if spread > 0.0:
        level.learn_spread(instrument, spread)

"""A price against its level, compiled: how far off it is, whether others share its move, and the causal decision.

A price within its limit is accepted. One beyond it is corroborated by other venues (a market event, if the move is large), or is
suspect or corrupt until `finalize_price` decides after the lookahead.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tickproof.instrument import level
from tickproof.instrument.consensus import Consensus, Instruments, consensus_since
from tickproof.instrument.level import usual_spread
from tickproof.kernel import kernel
from tickproof.rules import reasons
from tickproof.rules.context import CORRUPT, MARKET_EVENT, SUSPECT, keep_values, prices_of
from tickproof.rules.reasons import EXTENDED, bit_of
from tickproof.ticks.records import Record

DEVIATION_SCALES = 12.0
DEVIATION_FLOOR = 25.0e-4
WATCH_SCALES = 2.0
"""A price so far off is decided again when it is final: a model may call it corrupt, and what came after may support it."""
MARKET_FLOOR = 50.0e-4
GROSS = 0.10
"""So far off is wrong unless it is corroborated: it need not be contradicted within the lookahead."""
GROSS_STEP = math.log(2.0)
"""So far, log, the price of a venue that is alone does not go from one message to the next: half or double is an error, unless a
pause or the reference announced it."""
PAUSE_NS = 1_800_000_000_000
"""After half an hour without an accepted price, a venue may come back anywhere: a night, a halt, a split."""
TEN_WIDTH = 0.02
LN10 = math.log(10.0)
AGREE = 0.05
"""Other venues within this agree: their consensus is a level where there is none yet."""
CORROBORATES = 0.5
"""A price that went at least half as far as the tick, the same way, corroborates its move."""
PARTLY = 0.25
"""So far it must have gone where the rest is within the usual distance between the venues."""
CONTRADICTED_BY = 2
"""So many other venues that do not share a move make it corrupt at once."""
OUTSIDE_SPREADS = 3.0
OUTSIDE_FLOOR = 20.0e-4
"""A trade so many spreads, and so far, log, outside fresh quotes is outside them."""
QUOTE_FRESH_NS = 2_000_000_000
EXPLAINED_SCALES, EXPLAINED_FLOOR = 5.0, 10.0e-4
"""A trade whose condition explains its price is reported as such from so far off its level."""
_OUTSIDE = bit_of("outside_quotes")


class Comparison(NamedTuple):
    """What a price is held against.

    Attributes
    ----------
    now : int
        Its event time, ns.
    scale : float
        Its instrument's scale at that time.
    is_late : bool
        Did its message come later than usual?
    consensus : Consensus
        Of the symbol's other venues.
    """

    now: int
    scale: float
    is_late: bool
    consensus: Consensus


@kernel()
def power_of_ten(distance: float, scale: float) -> tuple[int, float]:
    """Return (exponent, distance to it) of a log ratio; exponent 0 where it is near no other power of ten."""
    exponent = round(distance / LN10)
    rest = abs(distance - exponent * LN10)
    if exponent != 0 and rest > max(TEN_WIDTH, 20.0 * scale):
        exponent = 0
    return exponent, rest


@kernel()
def follows(price: float, context: Record, share: float) -> bool:
    """Return whether a log price went at least this share of the tick's move. In fast news it may by now be far beyond it."""
    distance = context.x - context.level
    moved = price - context.level
    return moved >= share * distance if distance > 0.0 else moved <= share * distance


@kernel()
def corroborates(price: float, context: Record, instrument: Record, scale: float) -> bool:
    """Return whether a log price of other venues shares the tick's move: half of it, or a part if the rest is usual."""
    usual = max(DEVIATION_SCALES * max(scale, instrument.residual_scale), DEVIATION_FLOOR)
    return follows(price, context, CORROBORATES) or (abs(context.x - price) <= usual and follows(price, context, PARTLY))


@kernel()
def is_move_corroborated(
    context: Record, instrument: Record, scale: float, consensus: Consensus, instruments: Instruments
) -> bool:
    """Return whether other venues share the move: all with a fresh price, or those with a price since this venue's level, which
    know more."""
    if consensus.venues == 0 or corroborates(consensus.price, context, instrument, scale):
        return consensus.venues > 0
    since = instrument.level_time + 1
    newer = consensus_since(instruments, instrument.symbol, context.instrument, since, context.x)
    return newer.venues > 0 and corroborates(newer.price, context, instrument, scale)


@kernel()
def is_off_level(context: Record, instrument: Record, scale: float) -> bool:
    """Set the tick's limit, and whether it is watched; return whether it is beyond the limit, its spread not considered."""
    if math.isnan(context.level):
        return False
    distance = abs(context.x - context.level)
    is_warm = instrument.accepted >= level.WARM
    context.limit = max(DEVIATION_SCALES * scale, DEVIATION_FLOOR) if is_warm else GROSS
    context.is_watched = distance > WATCH_SCALES * scale
    return distance > context.limit


@kernel()
def slack_of_quote(instrument: Record, spread: float) -> float:
    """Return how much of a quote's deviation its relative spread explains: the middle moves with the width."""
    return 0.5 * abs(spread - usual_spread(instrument))


@kernel()
def slack_of_trade(instrument: Record) -> float:
    """Return how much of a trade's deviation the spread explains: it stands at either side."""
    usual = usual_spread(instrument)
    if 0 < instrument.bid < instrument.ask:
        usual = max(usual, float(instrument.ask - instrument.bid) / float(instrument.bid))
    return 0.5 * usual


@kernel()
def is_extended(row: Record) -> bool:
    """Return whether a tick is out of regular hours."""
    return (row.conditions & EXTENDED) != 0


@kernel()
def decide_corroborated(context: Record) -> None:
    """Decide a price that is off its level, and corroborated: a market event, if it is far off."""
    if abs(context.x - context.level) > MARKET_FLOOR:
        context.bits |= reasons.GENUINE
        # A corroborated price does not repair a message that is wrong in another way.
        if context.fact_quality != CORRUPT:
            context.quality = MARKET_EVENT


@kernel()
def is_after_pause(row: Record, now: int, instrument: Record) -> bool:
    """Return whether a tick is the first one after a pause. One from beyond what event time believes yet is judged by its own."""
    return max(now, row.ts_recv) - instrument.last_price_time >= PAUSE_NS


@kernel()
def is_gross_step(row: Record, now: int, context: Record, instrument: Record) -> bool:
    """Return whether a price is further off its level than a venue goes without a pause."""
    if abs(context.x - context.level) <= GROSS_STEP or is_after_pause(row, now, instrument):
        return False
    return instrument.candidate_count == 0 or instrument.candidate_since - instrument.level_time < PAUSE_NS


@kernel()
def decide_deviating(context: Record, scale: float, venues: int, is_extended: bool, cause: np.uint64) -> None:
    """Decide a price that is off its level, and not corroborated by `venues` other ones; `cause` is the reason that names it."""
    exponent, _ = power_of_ten(context.x - context.level, scale)
    if exponent != 0:
        context.bits |= reasons.TEN
        context.quality = CORRUPT
    else:
        context.bits |= cause
        is_certain = venues >= CONTRADICTED_BY and not is_extended
        context.quality = max(context.quality, CORRUPT if is_certain else SUSPECT)


@kernel()
def decide_outside(row: Record, context: Record, outside: float, consensus: Consensus) -> None:
    """Decide a trade that lies `outside` its venue's quotes, log, and that no sale condition explains."""
    if consensus.venues > 0 and abs(context.x - consensus.price) <= CORROBORATES * outside:
        return
    context.bits |= reasons.OUTSIDE
    is_certain = consensus.venues > 0 and not is_extended(row)
    context.quality = max(context.quality, CORRUPT if is_certain else SUSPECT)


@kernel()
def keep_outside(context: Record, instrument: Record, allowed: float) -> None:
    """Keep a trade outside quotes: its price, the side of the quote it is beyond, and the bound `allowed`, log, beyond that."""
    bid = math.log(float(instrument.bid))
    if context.x < bid:
        keep_values(context, _OUTSIDE, prices_of(context.x, bid - allowed, bid))
    else:
        ask = math.log(float(instrument.ask))
        keep_values(context, _OUTSIDE, prices_of(context.x, ask + allowed, ask))


@kernel()
def decide_explained(context: Record, scale: float, deviation: float, is_outside: bool) -> None:
    """Decide a trade whose sale condition explains an off-market price: that it is one is information."""
    context.limit = max(EXPLAINED_SCALES * scale, EXPLAINED_FLOOR)
    if is_outside or abs(deviation) > context.limit:
        context.bits |= reasons.EXPLAINED

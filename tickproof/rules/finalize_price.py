"""The final decision on a watched price, compiled, once the lookahead has passed.

Evidence -> decision. Corroborated by other venues: its price reasons go, and a large move is a market event. Else contradicted by
venues with a price since, or returned to where it was: corrupt. Else confirmed by the venue's own later prices: its price reasons
go. Else it stays suspect, or corrupt where it lies so far off that it need not be contradicted.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tickproof.instrument.consensus import Consensus, Instruments, consensus_since, most_shifted_to
from tickproof.instrument.level import FRESH_NS, effective_scale, usual_spread
from tickproof.kernel import kernel
from tickproof.rules import price_deviation, reasons
from tickproof.rules.context import (
    CORRUPT,
    GOOD,
    MARKET_EVENT,
    NEXT_ROWS,
    SUSPECT,
    Support,
    TicksAfter,
    keep_values,
    prices_of,
    worse,
)
from tickproof.rules.price_deviation import (
    CORROBORATES,
    GROSS,
    GROSS_STEP,
    MARKET_FLOOR,
    PARTLY,
    corroborates,
    follows,
    is_extended,
)
from tickproof.rules.reasons import QUOTE, TRADE, bit_of, has
from tickproof.ticks.records import Record

FOLLOWERS, FOLLOWED = 5, 0.5
"""Accepted ticks that follow a move within the lookahead, and the part of the usual interval, or volume, that is news."""
STAND, STAND_WIDTH = 4.0, 0.25
"""So many times the limit of a spike away from at least two other venues, which disagree by at most this share of it, a print
that nobody follows within the lookahead, its own venue included, is wrong: it need not be contradicted."""
RETURNED = 0.5
"""A price that was this share of its limit off, and came back, is not uncontradicted."""
WALKED = 0.25
"""Quotes that come within this share of a trade's distance show an order that walked through the book."""
RUN_TICKS = 3
"""Prices off in a row, or rejected at one level, from which a spike is a bad run."""
PRICE_REASONS = reasons.SPIKES | reasons.TEN | reasons.OUTSIDE
SLIDE_REASONS = reasons.SLIDES | reasons.RUN
"""Only `venue_divergence` adds a run at once."""
_OTHER_ERRORS = SLIDE_REASONS | reasons.WIDE | reasons.CROSSED | reasons.COPY
_SPIKE = bit_of("spike")
_NO_SUPPORT, _CORROBORATED = int(Support.NONE), int(Support.CORROBORATED)
_CONFIRMED, _UNCONTRADICTED = int(Support.CONFIRMED), int(Support.UNCONTRADICTED)


class Evidence(NamedTuple):
    """What is known of a watched tick's price at the end of its lookahead.

    Attributes
    ----------
    scale : float
        The instrument's scale at the tick.
    consensus : Consensus
        Of venues with a fresh price.
    newer : Consensus
        Of venues with a price since the tick. Only these can contradict it: a price from before, up to half a minute old, knows
        nothing of it.
    is_corroborated, is_contradicted : bool
        Do other venues share the move, or do those with a price since not share it?
    is_confirmed, is_returned : bool
        Has the venue accepted prices since, and did these stay with the tick, or come back?
    is_continued : bool
        Was the venue's last price, accepted or not, with the tick? In a fast move that no other venue is there to show, the level
        stays behind while the venue's own prices go on.
    quotes_away : float
        How far from a trade its venue's quotes stayed, log; infinite where there were none.
    is_extended : bool
        Was it out of regular hours?
    """

    scale: float
    consensus: Consensus
    newer: Consensus
    is_corroborated: bool
    is_contradicted: bool
    is_confirmed: bool
    is_returned: bool
    is_continued: bool
    quotes_away: float
    is_extended: bool


@kernel()
def finalize_price(ticks: TicksAfter, context: Record, lookahead: int, instruments: Instruments) -> None:
    """Decide a watched tick's price for good: measure the evidence, then apply it to slides, spikes and trades outside quotes.

    The instruments hold everything up to the tick's event time + lookahead, and nothing later.
    """
    row = ticks.rows[ticks.row]
    instrument = instruments.rows[max(ticks.instrument_of[ticks.row], 0)]
    evidence = _measure(ticks, context, lookahead, instruments)
    before = consensus_since(instruments, instrument.symbol, context.instrument, row.event_time - lookahead, context.x)
    context.support = _support_of(context, evidence, before.venues)
    quality = _finalize_slide(context, evidence)
    if has(context.bits, PRICE_REASONS):
        quality = worse(quality, _finalize_reasons(row, context, instrument, evidence))
    else:
        contradicted = evidence.newer.venues > 0 and evidence.consensus.venues >= 2
        if evidence.is_returned and not evidence.is_corroborated and contradicted:
            _add_small_spike(row, context, instrument, evidence)
        if not has(context.bits, SLIDE_REASONS):
            return
    # What other rules decided about the same tick stands.
    context.final_quality = worse(context.fact_quality, quality)


@kernel()
def _measure(ticks: TicksAfter, context: Record, lookahead: int, instruments: Instruments) -> Evidence:
    """Return the evidence on a tick's price at the end of its lookahead."""
    row = ticks.rows[ticks.row]
    instrument = instruments.rows[max(ticks.instrument_of[ticks.row], 0)]
    symbol, asking, x, now = instrument.symbol, context.instrument, context.x, row.event_time + lookahead
    consensus = consensus_since(instruments, symbol, asking, now - FRESH_NS, x)
    newer = consensus_since(instruments, symbol, asking, row.event_time + 1, x)
    scale = effective_scale(instrument, row.event_time)
    is_corroborated = consensus.venues > 0 and corroborates(consensus.price, context, instrument, scale)
    is_corroborated = is_corroborated or (newer.venues > 0 and corroborates(newer.price, context, instrument, scale))
    if has(context.bits, reasons.TEN | reasons.UNIT) and not is_corroborated:
        head = instruments.heads[symbol]
        is_corroborated = most_shifted_to(instruments.rows, head, asking, now, x, price_deviation.TEN_WIDTH)
    # Accepted trades do not move the level where quotes do.
    has_moved = instrument.accepted > context.accepted
    stays = follows(instrument.level, context, CORROBORATES) or follows(instrument.last_accepted, context, CORROBORATES)
    is_continued = instrument.last_price_time > row.event_time and follows(instrument.last_price, context, CORROBORATES)
    quotes_away = np.inf
    if row.kind == TRADE and has(context.bits, reasons.SPIKES | reasons.OUTSIDE):
        quotes_away = _quotes_away(ticks, context, now)
    return Evidence(
        scale,
        consensus,
        newer,
        is_corroborated,
        newer.venues > 0 and not is_corroborated,
        has_moved and stays,
        has_moved and not stays,
        is_continued,
        quotes_away,
        is_extended(row),
    )


@kernel()
def _quotes_away(ticks: TicksAfter, context: Record, last: int) -> float:
    """Return how far from a trade the quotes stayed, at least, that its venue sent until `last`; infinite where there are none.

    An order that walks through the book prints at its end, and quotes are there for a moment.
    """
    x, distance = context.x, np.inf
    for j in range(ticks.row + 1, min(ticks.end, ticks.row + NEXT_ROWS)):
        row = ticks.rows[j]
        if row.event_time > last:
            break
        if ticks.instrument_of[j] != ticks.instrument_of[ticks.row] or row.kind != QUOTE:
            continue
        if x < context.level and (row.present & reasons.BID) != 0 and row.bid_px > 0:
            distance = min(distance, math.log(float(row.bid_px)) - x)
        elif x > context.level and (row.present & reasons.ASK) != 0 and row.ask_px > 0:
            distance = min(distance, x - math.log(float(row.ask_px)))
    return distance


@kernel()
def _support_of(context: Record, evidence: Evidence, venues_before: int) -> int:
    """Return the support of a price; `venues_before` other venues sent one since a lookahead before the tick."""
    if evidence.is_corroborated or has(context.bits, reasons.GENUINE):
        return _CORROBORATED
    if (evidence.is_confirmed or evidence.is_continued) and not evidence.is_contradicted:
        return _CONFIRMED
    snapped_back = evidence.is_returned and abs(context.x - context.level) > RETURNED * context.limit
    return _UNCONTRADICTED if venues_before == 0 and not snapped_back else _NO_SUPPORT


@kernel()
def _finalize_slide(context: Record, evidence: Evidence) -> int:
    """Set the final reasons of what `venue_divergence` found, and return their quality.

    They stand, unless the other venues have come at least half of the way since. Venues without a price since do not confirm
    them.
    """
    context.final_bits = context.bits
    if not has(context.bits, SLIDE_REASONS):
        return GOOD
    newer = evidence.newer
    # In fast news the others may have gone beyond it by now.
    way = context.x - context.consensus
    gone = (newer.price if newer.venues > 0 else evidence.consensus.price) - context.consensus
    if evidence.consensus.venues > 0 and gone * way > 0.0 and abs(gone) >= CORROBORATES * abs(way):
        context.final_bits &= ~SLIDE_REASONS
        return GOOD
    return CORRUPT if newer.venues > 0 else SUSPECT


@kernel()
def _finalize_reasons(row: Record, context: Record, instrument: Record, evidence: Evidence) -> int:
    """Set the final reasons of a price with a causal one, and return their quality."""
    distance = abs(context.x - context.level)
    if evidence.is_corroborated:
        context.final_bits &= ~PRICE_REASONS
        if distance > MARKET_FLOOR:
            context.final_bits |= reasons.GENUINE
            return MARKET_EVENT
        return GOOD
    if evidence.quotes_away <= max(WALKED * distance, price_deviation.OUTSIDE_FLOOR):
        context.final_bits &= ~reasons.OUTSIDE
    if evidence.quotes_away <= WALKED * distance:
        context.final_bits &= ~reasons.SPIKES
    quality = CORRUPT if has(context.bits, reasons.TEN) else GOOD
    quality = worse(quality, _finalize_spike(row, context, instrument, evidence))
    return worse(quality, _finalize_outside(row, context, instrument, evidence))


@kernel()
def _add_small_spike(row: Record, context: Record, instrument: Record, evidence: Evidence) -> None:
    """Call a quote corrupt that went 12 scales away and back, though less than a causal spike must.

    That others, which stayed where they were, have sent a price since is enough, if none of them showed this price before. Trades
    are not looked at: one that walks through a book leaves it as it was.
    """
    if row.kind != QUOTE or has(context.bits, _OTHER_ERRORS):
        return
    distance = abs(context.x - context.level)
    spread = float(row.ask_px - row.bid_px) / float(row.bid_px)
    bound = price_deviation.DEVIATION_SCALES * evidence.scale + 0.5 * abs(spread - usual_spread(instrument))
    if context.nearest <= CORROBORATES * distance:
        return
    # Where there is no level yet, both are NaN, and nothing is known.
    if not (distance > bound and abs(evidence.newer.price - context.level) <= PARTLY * distance):
        return
    context.final_bits |= reasons.SPIKE
    context.final_quality = CORRUPT
    edge = context.level + math.copysign(bound, context.x - context.level)
    keep_values(context, _SPIKE, prices_of(context.x, edge, context.level))


@kernel()
def _finalize_spike(row: Record, context: Record, instrument: Record, evidence: Evidence) -> int:
    """Set the final reasons of a spike that is not corroborated, and return their quality."""
    if not has(context.final_bits, reasons.SPIKES):
        return GOOD
    if evidence.is_returned or evidence.is_contradicted:
        is_run = context.run >= RUN_TICKS or instrument.candidate_count >= RUN_TICKS
        if has(context.final_bits, reasons.SPIKE) and is_run:
            context.final_bits = (context.final_bits & ~reasons.SPIKE) | reasons.RUN
        return SUSPECT if evidence.is_extended else CORRUPT
    distance = abs(context.x - context.level)
    if evidence.is_confirmed:
        context.final_bits &= ~reasons.SPIKES
        if evidence.consensus.venues == 0 and distance > MARKET_FLOOR and _is_followed(context, instrument):
            context.final_bits |= reasons.GENUINE
            return MARKET_EVENT
        return GOOD
    return CORRUPT if _is_gross(row, context, evidence) and not evidence.is_extended else SUSPECT


@kernel()
def _is_gross(row: Record, context: Record, evidence: Evidence) -> bool:
    """Return whether a price is so far off that it need not be contradicted."""
    distance = abs(context.x - context.level)
    if evidence.consensus.venues > 0 and distance > GROSS:
        return True
    if evidence.consensus.venues == 0 and distance > GROSS_STEP and context.quality == CORRUPT:
        # Nobody is there to contradict it, and no venue goes so far without a pause.
        return True
    is_lone = row.kind == TRADE and context.run == 1 and not evidence.is_continued
    return is_lone and _others_stand_against(context, evidence.consensus)


@kernel()
def _others_stand_against(context: Record, consensus: Consensus) -> bool:
    """Return whether other venues that agree stand so far from a lone print that one would have moved by now were it news."""
    distance = abs(context.x - consensus.price)
    return consensus.venues >= 2 and consensus.width <= STAND_WIDTH * distance and distance > STAND * context.limit


@kernel()
def _is_followed(context: Record, instrument: Record) -> bool:
    """Return whether the venue itself, where it has no others, continues at the new level, faster or with more volume."""
    is_faster = instrument.gap_fast_ns < FOLLOWED * instrument.gap_slow_ns
    is_larger = FOLLOWED * instrument.volume_fast > instrument.volume_slow
    return instrument.accepted - context.accepted >= FOLLOWERS and (is_faster or is_larger)


@kernel()
def _finalize_outside(row: Record, context: Record, instrument: Record, evidence: Evidence) -> int:
    """Set the final reasons of a trade outside quotes that is not corroborated, and return their quality."""
    if not has(context.final_bits, reasons.OUTSIDE):
        return GOOD
    if evidence.is_confirmed:
        context.final_bits &= ~reasons.OUTSIDE
        return GOOD
    first, last = min(instrument.bid_time, instrument.ask_time), max(instrument.bid_time, instrument.ask_time)
    was_quoted = first > 0 and last > row.event_time
    is_gross = evidence.consensus.venues > 0 and abs(context.x - context.level) > GROSS
    is_certain = was_quoted or evidence.is_contradicted or is_gross
    return CORRUPT if is_certain and not evidence.is_extended else SUSPECT

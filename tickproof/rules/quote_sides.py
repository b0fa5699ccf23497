"""The two sides of one message, compiled: crossed, locked, wide, and stubs.

A stub is a side that stands where nobody trades, so that a venue has a quote at all: its middle is no price. It neither moves a
level nor counts in the consensus, and is wrong only where the level lies beyond its sides.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.instrument import level
from tickproof.instrument.consensus import Instruments
from tickproof.instrument.level import usual_spread
from tickproof.kernel import kernel
from tickproof.rules.context import CORRUPT, GOOD, SUSPECT, SessionEdge, add_fact
from tickproof.rules.reasons import AUCTIONS, bit_of
from tickproof.rules.venue_habits import check_crossed, is_wide_by_habit, locks_by_habit
from tickproof.ticks.records import Record
from tickproof.ticks.schema import Condition

EMPTY_RATIO = 2
"""An ask of so many times the bid is no quote: one side is a placeholder."""
STUB = 0.01
STUB_TIMES = 4.0
"""From this relative spread on a quote may be a stub, and is one if the venue itself, or another one, quotes so many times as
tightly."""
AROUND = 0.55
"""Within so many spreads of its middle a level lies between a quote's sides, or at one of them."""
STUB_KNOWN = 20
"""Spreads of a venue from which its usual one is known well enough for stubs."""
EDGE_NS = 1_800_000_000_000
"""A venue that gave no regular quote for so long has not opened yet: its quotes may cross as an auction's book does, and are as
wide as early participants like."""
WIDE_RATIO = 15.0
WIDE_FLOOR = 20.0e-4
WIDE_SPREADS = 20
"""Spreads after which one may be far too wide."""
SPREADS_NEEDED = 50
"""Spreads from which an instrument's usual one is known."""
OPENED = SPREADS_NEEDED
"""Regular quotes after the first of a session from which, until the closing auction, its spreads are those of the session."""

_CROSSED, _LOCKED, _FIELDS, _WIDE = bit_of("crossed"), bit_of("locked"), bit_of("field_swap"), bit_of("wide_spread")
_AT_AUCTION = AUCTIONS | int(Condition.OFFICIAL_PRICE)
_REGULAR, _NEAR, _FIRST_QUOTE = int(SessionEdge.REGULAR), int(SessionEdge.NEAR), int(SessionEdge.FIRST_QUOTE)


@kernel()
def is_stub(spread: float, now: int, context: Record, instrument: Record, instruments: Instruments) -> bool:
    """Return whether a quote of this relative spread is a stub."""
    if spread < STUB:
        return False
    tightest = math.exp(instrument.spread_log) if instrument.spreads >= STUB_KNOWN else np.inf
    j = instruments.heads[instrument.symbol]
    while j >= 0:
        other = instruments.rows[j]
        if j != context.instrument and other.spreads >= STUB_KNOWN and now - other.quoted_time <= level.FRESH_NS:
            tightest = min(tightest, math.exp(other.spread_log))
        j = other.next
    return spread >= STUB_TIMES * tightest


@kernel()
def session_edge(row: Record, now: int, instrument: Record) -> int:
    """Return FIRST_QUOTE if the instrument had regular quotes and none for long, NEAR if few since then or an auction."""
    # After a night event time may still lag behind the capture clock.
    if instrument.quoted_time > 0 and max(row.ts_recv, now) - instrument.quoted_time > EDGE_NS:
        instrument.session_quotes = 0
        return _FIRST_QUOTE
    return _NEAR if instrument.session_quotes < OPENED and instrument.spreads >= SPREADS_NEEDED else _REGULAR


@kernel()
def observe_auction(row: Record, instrument: Record) -> None:
    """Take an auction, or an official price, as the beginning or end of a session."""
    if (row.conditions & _AT_AUCTION) != 0:
        instrument.session_quotes = 0


@kernel()
def check_sides(row: Record, spread: float, context: Record, instrument: Record, venue: Record) -> None:
    """Check the two sides of one message: crossed, locked, wide, a stub by habit. Field `edge` of `context` is set before."""
    is_around = abs(context.x - context.level) <= AROUND * spread
    if spread > WIDE_FLOOR and is_around and is_wide_by_habit(venue):
        context.is_stub = True
    is_crossed, quality = check_crossed(row.bid_px, row.ask_px, venue, instrument.crosses)
    bid, ask = float(row.bid_px) * 1e-9, float(row.ask_px) * 1e-9
    if is_crossed:
        quality = SUSPECT if context.edge == _FIRST_QUOTE else quality
        add_fact(context, _CROSSED, quality, (bid, ask, ask))
        if quality == CORRUPT and row.bid_px == instrument.ask and row.ask_px == instrument.bid:
            add_fact(context, _FIELDS, CORRUPT, (bid, ask, ask))
    elif row.bid_px == row.ask_px:
        venue.locked += 1
        if not locks_by_habit(venue):
            add_fact(context, _LOCKED, GOOD, (bid, ask, ask))
    elif check_wide(spread, (row.bid_px, row.ask_px), context, instrument, venue):
        # The median learns from these too, or a spread that stays wide would be flagged for ever.
        level.learn_spread(instrument, spread)


@kernel()
def check_merged_sides(row: Record, now: int, context: Record, instrument: Record, venue: Record) -> None:
    """Check a side that came alone against the other one, on a channel whose sides merge."""
    is_crossed, quality = check_crossed(instrument.bid, instrument.ask, venue, instrument.crosses)
    if is_crossed:
        bid, ask = float(instrument.bid) * 1e-9, float(instrument.ask) * 1e-9
        add_fact(context, _CROSSED, quality, (bid, ask, ask))
    elif instrument.ask > instrument.bid:
        context.edge = session_edge(row, now, instrument)
        spread = float(instrument.ask - instrument.bid) / float(instrument.bid)
        check_wide(spread, (instrument.bid, instrument.ask), context, instrument, venue)


@kernel()
def check_wide(spread: float, sides: tuple[int, int], context: Record, instrument: Record, venue: Record) -> bool:
    """Return whether a spread is far wider than usual, add it, and set whether that is to be expected; `sides` are (bid, ask)."""
    if instrument.spreads < WIDE_SPREADS or spread <= WIDE_FLOOR:
        return False
    context.spread_ratio = spread / usual_spread(instrument)
    if context.spread_ratio <= WIDE_RATIO:
        return False
    add_fact(context, _WIDE, SUSPECT, (context.spread_ratio, WIDE_RATIO, 1.0))
    venue.wide += 1
    bid, ask = sides
    context.is_expected = context.edge != _REGULAR or is_wide_by_habit(venue) or ask // EMPTY_RATIO >= bid
    return True

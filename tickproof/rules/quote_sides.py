"""The two sides of one message, compiled: crossed, locked, wide, and stubs.

A stub is a side that stands where nobody trades, so that a venue has a quote at all: its middle is no price. It neither moves a
level nor tells other venues anything, and is wrong only where the level lies beyond its sides.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.findings.finding import BY_NAME
from tickproof.instrument import level as rolling
from tickproof.kernel import kernel
from tickproof.rules import message as message_rules
from tickproof.rules import table as rules
from tickproof.ticks.schema import Condition

EMPTY_RATIO = 2
"""An ask of so many times the bid is no quote: one side stands for nothing."""
STUB = 0.01
STUB_TIMES = 4.0
"""From this spread on a quote may be a stub, and is one if the venue itself, or another one, quotes so many times as tightly."""
AROUND = 0.55
"""Within so many spreads of its middle a level lies between a quote's sides, or at one of them."""
STUB_KNOWN = 20
"""Spreads of a venue that tell how tightly it quotes."""
EDGE_NS = 1_800_000_000_000
"""A venue that gave no regular quote for so long has not opened yet: what it shows may cross as an auction's book does, and is as
wide as who is up early likes."""
OPENED = rules.SPREADS_NEEDED
"""So many regular quotes later, and until its auction at the close, its spreads are those of its session."""

_CROSSED, _LOCKED, _FIELDS = BY_NAME["crossed"].bit, BY_NAME["locked"].bit, BY_NAME["field_swap"].bit
_WIDE = BY_NAME["wide_spread"].bit
_AUCTIONS = int(Condition.AUCTION_OPEN | Condition.AUCTION_CLOSE | Condition.OFFICIAL_PRICE)


@kernel()
def is_stub(spread, now, context, state, shared_state):  # type: ignore[no-untyped-def]
    """Is a quote of this relative spread a stub?"""
    if spread < STUB:
        return False
    instruments, heads, _, _ = shared_state
    tightest = math.exp(state.spread_log) if state.spreads >= STUB_KNOWN else np.inf
    j = heads[state.symbol]
    while j >= 0:
        other = instruments[j]
        if j != context.instrument and other.spreads >= STUB_KNOWN and now - other.quoted_time <= rolling.FRESH_NS:
            tightest = min(tightest, math.exp(other.spread_log))
        j = other.next
    return spread >= STUB_TIMES * tightest


@kernel()
def edge_of(row, now, state):  # type: ignore[no-untyped-def]
    """2 if an instrument that had regular quotes has given none for long, 1 if too few since then or an auction; else 0."""
    # Event time does not follow a night at once.
    if state.quoted_time > 0 and max(row.ts_recv, now) - state.quoted_time > EDGE_NS:
        state.opened = 0
        return 2
    return 1 if state.opened < OPENED and state.spreads >= rules.SPREADS_NEEDED else 0


@kernel()
def see_auction(row, state):  # type: ignore[no-untyped-def]
    """An auction, or an official price, is where a session begins or ends."""
    if (row.conditions & _AUCTIONS) != 0:
        state.opened = 0


@kernel()
def judge(row, spread, context, state, venue):  # type: ignore[no-untyped-def]
    """Crossed, locked and wide sides of one message; `context.edge` is set before."""
    around = abs(context.x - context.level) <= AROUND * spread
    if spread > rules.WIDE_FLOOR and around and message_rules.is_wide_by_habit(venue):
        context.stub = 1
    crossed, quality = message_rules.check_crossed(row.bid_px, row.ask_px, venue, state.crosses)
    bid, ask = float(row.bid_px) * 1e-9, float(row.ask_px) * 1e-9
    if crossed:
        quality = 1 if context.edge == 2 else quality
        rules.note(context, _CROSSED, quality, (bid, ask, ask))
        if quality == 2 and row.bid_px == state.ask and row.ask_px == state.bid:
            rules.note(context, _FIELDS, 2, (bid, ask, ask))
    elif row.bid_px == row.ask_px:
        venue.locked += 1
        if not message_rules.locks_by_habit(venue):
            rules.note(context, _LOCKED, 0, (bid, ask, ask))
    elif is_wide(spread, (row.bid_px, row.ask_px), context, state, venue):
        # The median learns from these too, or a spread that stays wide would be flagged for ever.
        rolling.learn_spread(state, spread)


@kernel()
def is_wide(spread, prices, context, state, venue):  # type: ignore[no-untyped-def]
    """Notes a spread that is far wider than usual, and whether that is to be expected; `prices` are (bid, ask)."""
    if state.spreads < rules.WIDE_SPREADS or spread <= rules.WIDE_FLOOR:
        return False
    context.ratio = spread / math.exp(state.spread_log)
    if context.ratio <= rules.WIDE_RATIO:
        return False
    rules.note(context, _WIDE, 1, (context.ratio, rules.WIDE_RATIO, 1.0))
    venue.wide += 1
    context.expected = context.edge > 0 or message_rules.is_wide_by_habit(venue) or prices[1] // EMPTY_RATIO >= prices[0]
    return True

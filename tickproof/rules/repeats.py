"""What does not change while it should, compiled: quotes that repeat the one before, and a quote outside which trades print.

Both are held against the instrument's own habit: on some feeds trades and quotes come by different lines, and one is always late.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.instrument.record import Direction
from tickproof.kernel import kernel
from tickproof.rules import reasons
from tickproof.rules.context import SUSPECT, add_fact, price_of
from tickproof.rules.reasons import bit_of
from tickproof.ticks.records import Record

REPEATS_NEEDED, REPEATS_GROWTH, REPEATS_EVIDENCE = 16, 3, 24.0
"""Quotes in a row that are the very message before, as a multiple of the most so far, and −ln of the chance of so many by the
share that usually are: recorded currencies had 5 in 178 556 quotes, a stock's venues up to 26."""
REPEATS_FLOOR, REPEATS_MOST, REPEATS_WEIGHT, REPEATS_LEARNT, REPEATS_HISTORY = 0.05, 0.5, 0.005, 50, 200
"""A feed most of whose quotes repeat the one before cannot be distinguished from one that is stuck."""
REPEATS_NS = 30_000_000_000
"""After so long it has been reported: from then on it may be how the feed is."""

TRADES_NEEDED = 50
OUTSIDE_NS = 1_000_000_000
OUTSIDE_STALE = 0.5
"""Share of the trades at a stale quote that print outside it, on one side: the others print at the near side of the market."""
STALE_EVIDENCE = 16.0
"""ln of how much more likely these trades are at a stale quote than usually; five trades in a row where none is usual."""
OUTSIDE_SHARE_FLOOR = 0.02
OUTSIDE_WEIGHT = 0.01
QUOTE_AGE_NS = 60_000_000_000
HALF_SPREAD = 0.5
SECOND_NS = 1_000_000_000

_STALE, _FROZEN = bit_of("stale_book"), bit_of("frozen")
_SPECIAL = reasons.EXPLAINING | reasons.EXTENDED | reasons.AUCTIONS
_NONE, _ABOVE, _BELOW = int(Direction.NONE), int(Direction.ABOVE), int(Direction.BELOW)


@kernel()
def observe_sides(instrument: Record, bid: int, ask: int) -> None:
    """Note whether a quote moves, before the instrument's quote becomes (bid, ask)."""
    if bid != instrument.bid or ask != instrument.ask:
        instrument.stale_evidence = 0.0
        instrument.burst_moves += 1


@kernel()
def check_repeat(row: Record, now: int, context: Record, instrument: Record) -> None:
    """Count quotes that are the very message before, accepted or not: a stuck feed shows by itself, without other venues."""
    # The mean so far, then one that forgets: a feed that has always repeated itself is not stuck.
    weight = max(REPEATS_WEIGHT, 1.0 / (instrument.quotes + 2.0))
    message_hash = _hash_of(row)
    if message_hash != instrument.message_hash:
        _end_repeats(instrument, weight)
        instrument.message_hash, instrument.repeats, instrument.repeats_since = message_hash, 0, now
        return
    instrument.repeats += 1
    evidence = -float(instrument.repeats) * math.log(max(instrument.repeats_share, REPEATS_FLOOR))
    if instrument.repeats <= REPEATS_LEARNT:
        instrument.repeats_share += weight * (1.0 - instrument.repeats_share)
    if _is_stuck(now, instrument, evidence):
        price = price_of(context.x)
        add_fact(context, _FROZEN, SUSPECT, (price, np.nan, price))


@kernel()
def _hash_of(row: Record) -> np.uint32:
    """Return 32 bits that differ between almost any two quotes."""
    whole = ((row.bid_px * 31 + row.ask_px) * 31 + row.bid_sz) * 31 + row.ask_sz
    return np.uint32((whole ^ (whole >> 32)) & 0xFFFFFFFF)


@kernel()
def _end_repeats(instrument: Record, weight: float) -> None:
    """Learn a run of repeats that ended. What was reported as frozen does not become usual at once."""
    most = max(REPEATS_GROWTH * instrument.repeats_most, REPEATS_NEEDED)
    instrument.repeats_most = max(instrument.repeats_most, min(instrument.repeats, most))
    instrument.repeats_share -= weight * instrument.repeats_share


@kernel()
def _is_stuck(now: int, instrument: Record, evidence: float) -> bool:
    """Return whether a run of repeats is too long for this instrument, for a time that is neither too short nor too long."""
    if instrument.repeats < REPEATS_NEEDED or instrument.repeats < REPEATS_GROWTH * instrument.repeats_most:
        return False
    if evidence < REPEATS_EVIDENCE or instrument.repeats_share > REPEATS_MOST:
        return False
    if instrument.quotes < REPEATS_HISTORY or instrument.halted:
        return False
    return SECOND_NS <= now - instrument.repeats_since <= REPEATS_NS


@kernel()
def check_trade_outside(row: Record, now: int, context: Record, instrument: Record) -> None:
    """Gather evidence that a quote is stale: trades outside it, less those inside.

    Its sum never falls below 0 (Page, Biometrika 41 (1954) 100).
    """
    if not _has_whole_quote(row, now, instrument) or row.price < instrument.bid // 2 or row.price // 2 > instrument.ask:
        # At less than half, or more than double, it is the trade that is wrong, and says nothing about the quote.
        return
    side = _NONE
    if row.price > instrument.ask:
        side = _ABOVE
    elif row.price < instrument.bid:
        side = _BELOW
    share = max(instrument.outside_share, OUTSIDE_SHARE_FLOOR)
    if side == _NONE:
        instrument.outside_share -= OUTSIDE_WEIGHT * instrument.outside_share
    elif instrument.stale_evidence < STALE_EVIDENCE:
        # A run that is reported must not become the habit.
        instrument.outside_share += OUTSIDE_WEIGHT * (1.0 - instrument.outside_share)
    if side == _NONE or (instrument.stale_evidence > 0.0 and instrument.outside_side != side):
        less = instrument.stale_evidence + math.log((1.0 - OUTSIDE_STALE) / (1.0 - share)) if share < OUTSIDE_STALE else 0.0
        instrument.stale_evidence = max(less, 0.0)
        return
    if instrument.stale_evidence <= 0.0:
        instrument.outside_side, instrument.outside_since = side, now
    instrument.stale_evidence += max(math.log(OUTSIDE_STALE / share), 0.0)
    _decide_stale(row, now, context, instrument)


@kernel()
def _has_whole_quote(row: Record, now: int, instrument: Record) -> bool:
    """Return whether a trade can be held against its venue's quote: both sides known, of an earlier stamp and not too old."""
    if not 0 < instrument.bid < instrument.ask or (row.conditions & _SPECIAL) != 0:
        return False
    last = max(instrument.bid_time, instrument.ask_time)
    # Where a message carries one side, a side that is not the best any more may never be reported again.
    is_whole = instrument.bid_time == instrument.ask_time or instrument.merges
    return is_whole and last < now and now - last <= QUOTE_AGE_NS


@kernel()
def _decide_stale(row: Record, now: int, context: Record, instrument: Record) -> None:
    """Add that the quote is stale where the evidence is enough and the trade lies half a spread outside it."""
    if instrument.stale_evidence < STALE_EVIDENCE or now - instrument.outside_since < OUTSIDE_NS:
        return
    if instrument.trades < TRADES_NEEDED:
        return
    edge = instrument.ask if instrument.outside_side == _ABOVE else instrument.bid
    if abs(float(row.price - edge)) >= HALF_SPREAD * float(instrument.ask - instrument.bid):
        middle = 0.5 * (float(instrument.bid) + float(instrument.ask))
        add_fact(context, _STALE, SUSPECT, (float(row.price) * 1e-9, float(edge) * 1e-9, middle * 1e-9))

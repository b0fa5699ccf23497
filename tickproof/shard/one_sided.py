"""A quote message with one side, compiled: it moves that side alone."""

from __future__ import annotations

import math

from tickproof.instrument import level
from tickproof.kernel import kernel
from tickproof.rules import reasons
from tickproof.rules.quote_sides import check_merged_sides
from tickproof.rules.repeats import observe_sides
from tickproof.ticks.records import Record

SIDES_NS = 10_000_000_000
"""Two sides that are this old at most make a quote."""
NEAR_LEVEL = 0.01
SPREAD_MOST = 0.005
"""A wider spread, relative, may be a stub's, which is no price."""


@kernel()
def check_one_sided(row: Record, is_late: bool, context: Record, instrument: Record, venue: Record) -> None:
    """Move the sides that a message carries; check and learn from both where they are fresh.

    They are checked against each other only where the channel's sides merge.
    """
    now = row.event_time
    _move_sides(row, now, instrument)
    oldest = min(instrument.bid_time, instrument.ask_time)
    if oldest <= 0 or now - oldest > SIDES_NS:
        return
    if instrument.merges and min(instrument.bid, instrument.ask) > 0:
        check_merged_sides(row, now, context, instrument, venue)
    if 0 < instrument.bid < instrument.ask:
        _learn(now, is_late, instrument)


@kernel()
def _move_sides(row: Record, now: int, instrument: Record) -> None:
    """Take the sides that a message carries as its venue's."""
    has_bid, has_ask = (row.present & reasons.BID) != 0, (row.present & reasons.ASK) != 0
    observe_sides(instrument, row.bid_px if has_bid else instrument.bid, row.ask_px if has_ask else instrument.ask)
    if has_bid:
        instrument.bid, instrument.bid_time = row.bid_px, now
    if has_ask:
        instrument.ask, instrument.ask_time = row.ask_px, now


@kernel()
def _learn(now: int, is_late: bool, instrument: Record) -> None:
    """Learn the spread of both sides, and their middle where it is near the level."""
    x = 0.5 * (math.log(float(instrument.bid)) + math.log(float(instrument.ask)))
    spread = float(instrument.ask - instrument.bid) / math.exp(x)
    level.learn_spread(instrument, spread)
    is_near = instrument.accepted < level.WARM or abs(x - instrument.level) < NEAR_LEVEL
    if spread < SPREAD_MOST and is_near:
        level.observe_price(instrument, x, now, is_late, True)
        level.accept(instrument, x, now, True)

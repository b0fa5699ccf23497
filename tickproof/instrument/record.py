"""INSTRUMENT: what a shard remembers of one (venue, symbol), and the codes of its small fields.

All averages are exponential, so that a record has a fixed size: 592 bytes an instrument. A record of zeros is an instrument that
was never seen.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Crossing(IntEnum):
    """Field `crosses`: may bid be above ask on this venue?"""

    LEARNT = 0
    NEVER = 1
    MAY = 2


class TradeKey(IntEnum):
    """Field `trade_key`: what identifies the last trade to a cancel or correction.

    NONE -> BY_ID or BY_PRICE when a trade is accepted, back to NONE once that trade was taken back.
    """

    NONE = 0
    BY_ID = 1
    BY_PRICE = 2


class Direction(IntEnum):
    """Field `outside_side`, and `side` of a relation's member: on which side of its reference a price lies."""

    NONE = 0
    ABOVE = 1
    BELOW = 2


END_OF_LIST = -1
"""In `next`, and in the first instrument of a symbol: no more venues."""

INSTRUMENT = np.dtype(
    [
        ("ticks", "<i8"),
        ("accepted", "<i8"),
        # Arrivals and silence: event time, the channel's time alive, and gaps. `ticks_at_reply` is what `ticks` was when the last
        # silence ended, `others_ticks` what the symbol's other venues had sent at the last message, `longest_missed` the most
        # ticks that were expected, by the other venues' activity, in a usual gap.
        ("last_time", "<i8"),
        ("last_clock", "<i8"),
        ("first_clock", "<i8"),
        ("longest_gap_ns", "<f8"),
        ("ticks_at_reply", "<i8"),
        ("others_ticks", "<i8"),
        ("gap_fast_ns", "<f8"),
        ("gap_slow_ns", "<f8"),
        # The last valid quote.
        ("bid", "<i8"),
        ("ask", "<i8"),
        ("bid_time", "<i8"),
        ("ask_time", "<i8"),
        # The accepted level, and the last price that other venues are held against, accepted or not.
        ("level", "<f8"),
        ("level_time", "<i8"),
        ("quoted_time", "<i8"),
        ("scale", "<f8"),
        ("slow_level", "<f8"),
        ("observed", "<f8"),
        ("observed_time", "<i8"),
        ("lag_log", "<f4"),
        # A new level that rejected prices are counted towards.
        ("candidate", "<f8"),
        ("candidate_since", "<i8"),
        ("shifted", "<f8"),
        ("shifted_time", "<i8"),
        # Usual spread, price step and sizes; those of quotes, then of trades.
        ("spread_log", "<f8"),
        ("step_log", "<f8"),
        ("size_level", "<f8", (2,)),
        ("size_scale", "<f8", (2,)),
        ("sizes", "<i4", (2,)),
        # Counts that saturate at `level.MOST`.
        ("quotes", "<i4"),
        ("trades", "<i4"),
        ("lags", "<i4"),
        ("candidate_count", "<i4"),
        ("spreads", "<i4"),
        ("steps", "<i4"),
        ("run", "<i4"),
        ("flagged_run", "<i4"),
        ("run_price", "<i8"),
        ("run_others", "<f8"),
        ("last_deviation", "<f4"),
        ("last_price", "<f8"),
        ("last_price_time", "<i8"),
        ("last_accepted", "<f8"),
        ("residual_scale", "<f4"),
        ("volume_fast", "<f4"),
        ("volume_slow", "<f4"),
        # `venue_divergence`: the usual distance to the consensus of other venues (basis), where both were when they last agreed
        # (anchor), a steady ratio to the level, and the evidence that a price is frozen: how often a quote that lay off was
        # followed by another price, by how far off it lay.
        ("basis", "<f8"),
        ("basis_scale", "<f4"),
        ("anchor", "<f8"),
        ("anchor_consensus", "<f8"),
        ("anchor_time", "<i8"),
        ("ratio", "<f4"),
        ("ratio_since", "<i8"),
        ("largest_step", "<f4"),
        ("frozen_evidence", "<f4"),
        ("frozen_evidence_most", "<f4"),
        ("off_quotes", "<f4", (3,)),
        ("off_quotes_moved", "<f4", (3,)),
        ("run_since", "<i8"),
        ("bases", "<i4"),
        ("diverged", "<i4"),
        ("ratio_count", "<i4"),
        # `tick_grid`: index of the grid that prices keep, and how many kept it; lots.
        ("on_grid", "<i2"),
        ("off_grid", "<i2"),
        ("on_lot", "<i2"),
        ("off_lot", "<i2"),
        # `repeats`: quotes that repeat the one before, and evidence that a quote is stale. `bursts`: the busiest second.
        ("repeats_since", "<i8"),
        ("repeats", "<i4"),
        ("repeats_most", "<i4"),
        ("repeats_share", "<f4"),
        ("message_hash", "<u4"),
        ("stale_evidence", "<f4"),
        ("outside_share", "<f4"),
        ("outside_since", "<i8"),
        ("burst_second", "<i8"),
        ("burst_ticks", "<i4"),
        ("burst_moves", "<i4"),
        ("busiest", "<f4"),
        ("moved_share", "<f4"),
        ("longest_missed", "<f4"),
        # `corrections`: the last trade's id or price, and the level before it.
        ("trade_id", "<i8"),
        ("level_before", "<f8"),
        # Its lot, and the numbers of its rows in `reference.tables`.
        ("lot", "<i8"),
        ("bands", "<i4"),
        ("sentinels", "<i4"),
        ("action", "<i4"),
        # Numbers of its symbol and venue in the registry, and of the symbol's next instrument.
        ("symbol", "<i4"),
        ("venue", "<i4"),
        ("next", "<i4"),
        ("halted", "?"),
        ("silent", "?"),
        ("known", "?"),
        ("crosses", "u1"),
        ("may_be_negative", "?"),
        ("merges", "?"),
        ("observed_late", "?"),
        ("ratio_kind", "u1"),
        ("outside_side", "u1"),
        ("trade_key", "u1"),
        ("grid", "u1"),
        ("band_count", "u1"),
        # `quote_sides`: regular quotes since the venue opened.
        ("session_quotes", "u1"),
        # Records are copied in words of 8 bytes.
        ("spare", "u1", (3,)),
    ]
)
"""Prices `bid`, `ask` and `run_price` are in 1e-9; `level`, `slow_level`, `observed`, `candidate`, `anchor` and the like natural
logarithms of a price; `scale` is of a log price. `shifted` is the last price rejected because it lay a power of ten away. What
comes from reference data is filled in when an instrument is first seen."""

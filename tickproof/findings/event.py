"""Events: what a compiled step noticed at one tick. A tracker turns them into findings."""

from __future__ import annotations

import numpy as np

from tickproof.findings.finding import BY_NAME

EVENT = np.dtype(
    [
        ("row", "<i8"),
        ("subject", "<i8"),
        ("time", "<i8"),
        ("first_ts", "<i8"),
        ("measured", "<f8"),
        ("threshold", "<f8"),
        ("reference", "<f8"),
        ("code", "u1"),
        ("mode", "u1"),
    ],
    align=True,
)
"""`row` in the step's ticks, `subject` the instrument (-1: the channel), `time` when it was known (event time),
`first_ts` since when it lasts, `code` the taxonomy's bit, `mode` below."""

MOMENT, OPENS, CLOSES, ANNOUNCED, AMENDS, HOLDS, REBASES = 0, 1, 2, 3, 4, 5, 6
"""Modes: a moment; a condition that lasts until it CLOSES; a moment that was announced or is tolerated (info, a finding apart);
what an open finding of SUMMED measured turns out to be; a tick to keep in mind for an event to come, in place `subject` + 1;
event time went back, so that nothing open goes on."""

UNITS: dict[int, str] = {
    BY_NAME[name].bit: unit
    for name, unit in {
        "payload_unreadable": "messages",
        "schema_changed": "messages",
        "field_missing": "fields",
        "price_not_positive": "price",
        "decimal_shift": "price",
        "digit_error": "price",
        "bad_run": "price",
        "spike": "price",
        "size_outlier": "size",
        "frozen": "price",
        "sentinel_value": "price",
        "off_tick_grid": "price",
        "unit_change": "price",
        "drift": "price",
        "bit_flip": "price",
        "field_swap": "price",
        "symbol_swap": "price",
        "locked": "price",
        "cancelled": "price",
        "corrected": "price",
        "stale_book": "price",
        "crossed": "price",
        "wide_spread": "ratio",
        "outside_quotes": "price",
        "explained_print": "price",
        "genuine_move": "price",
        "sequence_gap": "messages",
        "sequence_reset": "sequence",
        "duplicate": "sequence",
        "duplicate_changed": "sequence",
        "replayed_block": "messages",
        "out_of_order": "ns",
        "time_implausible": "ns",
        "clock_offset": "ns",
        "clock_drift": "ns/s",
        "latency_spike": "ns",
        "silent": "ns",
        "burst": "messages",
        "out_of_session": "",
        "unknown_symbol": "",
        "cross_break": "price",
        "late_tick": "ns",
        "rate_shift": "ratio",
        "mix_shift": "ratio",
    }.items()
}
"""Unit of `measured`, `threshold` and `reference` by code; its keys are the codes that this version can find."""

SUMMED = frozenset({BY_NAME["sequence_gap"].bit})
"""Codes whose `measured` and `reference` are sums over a finding's members: messages lost, and messages missing at arrival. A
finding of which nothing is left is information."""

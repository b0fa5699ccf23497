"""Events: what a compiled step noticed at one tick. A tracker turns them into findings."""

from __future__ import annotations

import numpy as np

from tickproof.finding import BY_NAME

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

MOMENT, OPENS, CLOSES, ANNOUNCED = 0, 1, 2, 3
"""Modes: a moment; a condition that lasts until it CLOSES; a moment that was announced (info)."""

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
        "burst": "ticks/s",
        "crossed": "price",
        "wide_spread": "ratio",
        "outside_quotes": "price",
        "explained_print": "price",
        "genuine_move": "price",
        "sequence_gap": "messages",
        "sequence_reset": "sequence",
        "duplicate": "sequence",
        "duplicate_changed": "sequence",
        "out_of_order": "ns",
        "time_implausible": "ns",
        "latency_spike": "ns",
        "silent": "ns",
        "late_tick": "ns",
    }.items()
}
"""Unit of `measured`, `threshold` and `reference` by code; its keys are the codes that this version can find."""

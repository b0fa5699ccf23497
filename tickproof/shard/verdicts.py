"""Verdicts: quality, score and reasons of ticks from what rules and model found."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tickproof.features.table import INDEX
from tickproof.findings.finding import BY_NAME, CORRUPT_BITS, RULE_SCORE, VERDICT, Quality
from tickproof.reference import tables as reference_tables
from tickproof.reference.data import NOTHING, Reference
from tickproof.rules import reasons
from tickproof.rules.message import stateless_reasons_of
from tickproof.ticks.schema import Array, Ticks

_RUN_TICKS = 3.0
"""Flagged ticks in a row beyond which an error of the price is a bad run."""


class Verdicts(NamedTuple):
    """Verdicts of n ticks, either causal or final: the columns of `VERDICT`, without their prefix."""

    quality: Array
    score: Array
    reasons: Array


def verdicts_of(bits: Array, rule_quality: Array, scores: Array, features: Array, threshold: float) -> Verdicts:
    """Return the verdicts of ticks from their reasons and the quality that rules give, and from a model's scores."""
    score = np.where(rule_quality == Quality.CORRUPT, np.float32(RULE_SCORE), scores).astype(np.float32)
    is_corrupt = score >= threshold
    is_suspect = (rule_quality == Quality.SUSPECT) | (score >= threshold - 1.0)
    quality = np.full(len(score), Quality.GOOD, np.uint8)
    # The later one wins.
    for value, rows in (
        (Quality.SUSPECT, is_suspect),
        (Quality.MARKET_EVENT, rule_quality == Quality.MARKET_EVENT),
        (Quality.CORRUPT, is_corrupt),
    ):
        quality[rows] = value
    all_bits = bits.copy()
    by_model = np.flatnonzero(is_corrupt & ((bits & np.uint64(CORRUPT_BITS)) == 0))
    if len(by_model):
        all_bits[by_model] |= _reason_by_features(features[by_model])
    return Verdicts(quality, score, all_bits)


def _reason_by_features(features: Array) -> Array:
    """Return the reason of each tick that only the model calls corrupt: by what about it is odd."""
    size = np.abs(features[:, INDEX["size"]])
    deviation = np.fmax(np.abs(features[:, INDEX["deviation"]]), np.abs(features[:, INDEX["residual"]]))
    is_run = features[:, INDEX["flagged_run"]] > np.log(_RUN_TICKS)
    names = np.select([np.nan_to_num(size) > np.nan_to_num(deviation), is_run], ["size_outlier", "bad_run"], "digit_error")
    bits = {name: np.uint64(1 << BY_NAME[name].bit) for name in ("size_outlier", "bad_run", "digit_error")}
    return np.array([bits[str(name)] for name in names], np.uint64)


def overtaken(ticks: Ticks, reference: Reference = NOTHING) -> Array:
    """Return verdicts (VERDICT) on ticks that the watermark has passed: rules about the message alone, and no state is moved."""
    verdicts = np.zeros(len(ticks), VERDICT)
    bits = stateless_reasons_of(ticks.rows, *reference_tables.usual_placeholders())
    allowed = reasons.NOT_POSITIVE | reasons.SENTINEL
    negative = [allowed if _may_be_negative(ticks, row, reference) else np.uint64(0) for row in np.flatnonzero(bits)]
    bits[bits != 0] &= ~np.array(negative, np.uint64)
    is_corrupt = (bits & reasons.ALWAYS_CORRUPT) != 0
    is_suspect = (bits & reasons.SUSPECT) != 0
    for prefix in ("", "final_"):
        verdicts[prefix + "reasons"] = bits
        verdicts[prefix + "quality"] = np.select([is_corrupt, is_suspect], [Quality.CORRUPT, Quality.SUSPECT], Quality.GOOD)
        verdicts[prefix + "score"] = np.where(is_corrupt, RULE_SCORE, 0.0)
    return verdicts


def _may_be_negative(ticks: Ticks, row: int, reference: Reference) -> bool:
    """Return whether the reference allows a tick's instrument to trade below zero."""
    venue, symbol = ticks.name(ticks.rows["venue"][row]), ticks.name(ticks.rows["symbol"][row])
    known = reference.instrument(venue or "", symbol or "")
    return known is not None and known.may_be_negative

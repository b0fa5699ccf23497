"""Findings: what was found, where, by which code, with what evidence."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import numpy as np

from tickproof.codes.code import Class, Code, Quality, Severity
from tickproof.codes.table import BY_NAME, CODES, CORRUPT_BITS, SUSPECT_BITS, mask, names_of
from tickproof.ticks.schema import Array

__all__ = [
    "BY_NAME",
    "CODES",
    "CORRUPT_BITS",
    "RULE_SCORE",
    "SUSPECT_BITS",
    "VERDICT",
    "VERDICTS",
    "Class",
    "Code",
    "Contribution",
    "Finding",
    "Quality",
    "Severity",
    "decode",
    "encode",
    "fact_score",
    "feed_of",
    "finding_id",
    "json_schema",
    "mask",
    "names_of",
    "verdict_columns",
]


RULE_SCORE = 99.0
"""The score of what a rule says: a fact, above all that a model can reach."""


def fact_score(code: Code) -> float:
    """The score of a finding that a rule makes: a feed anomaly is a fact, whatever quality its ticks have."""
    return RULE_SCORE if code.class_ == Class.FEED_ANOMALY else 0.0


class Contribution(msgspec.Struct, frozen=True):
    """How much of a model's score one feature explains."""

    feature: str
    value: float
    share: float


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False, rename={"class_": "class"}):
    """One finding, one revision of it. Times are ns of event time; `measured`, `threshold` and `reference` share `unit`."""

    id: str
    revision: int = 0
    class_: Class
    code: str
    severity: Severity
    state: str = "open"
    feed: str
    channel: str | None = None
    venue: str | None = None
    symbol: str | None = None
    first_ts: int
    last_ts: int
    count: int = 1
    detected_at: int
    causal: str = "good"
    current: str = "good"
    measured: float | None = None
    threshold: float | None = None
    reference: float | None = None
    unit: str = ""
    score: float = 0.0
    contributions: list[Contribution] = msgspec.field(default_factory=list)
    corroboration: list[str] = msgspec.field(default_factory=list)
    rules_version: str = ""
    model_version: str = ""
    evidence: dict[str, Any] = msgspec.field(default_factory=dict)


def finding_id(code: str, *scope_and_position: object) -> str:
    """A stable id: 16 hex digits of a hash over the code, the scope and the first tick's position."""
    text = "\x1f".join(["" if part is None else str(part) for part in (code, *scope_and_position)])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


_ENCODER = msgspec.json.Encoder(order="deterministic")


def encode(finding: Finding) -> bytes:
    """The finding as one line of JSON."""
    return _ENCODER.encode(finding)


def decode(payload: bytes) -> Finding:
    """The finding in one line of JSON; raises msgspec.ValidationError."""
    return msgspec.json.decode(payload, type=Finding)


def json_schema() -> dict[str, object]:
    """JSON Schema of a finding."""
    return msgspec.json.schema(Finding)


def feed_of(channel: str) -> str:
    """The feed of a channel without reference data: its name up to the last dot."""
    return channel.rpartition(".")[0] or channel


VERDICTS: dict[str, np.dtype[np.generic]] = {
    "quality": np.dtype(np.uint8),
    "score": np.dtype(np.float32),
    "reasons": np.dtype(np.uint64),
    "final_quality": np.dtype(np.uint8),
    "final_score": np.dtype(np.float32),
    "final_reasons": np.dtype(np.uint64),
}
"""The columns that verdicts add to a tick; none is ever null."""

VERDICT = np.dtype(list(VERDICTS.items()), align=True)
"""One verdict as a record, a row a tick."""


def verdict_columns(verdicts: Array) -> dict[str, Array]:
    """The verdicts of `VERDICT` records as columns for `columns.to_arrow`."""
    return {name: verdicts[name] for name in VERDICTS}

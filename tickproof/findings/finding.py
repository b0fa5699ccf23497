"""Findings: what was found, where, by which code, with what evidence. The codes are those of the taxonomy; bits are stable."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

import msgspec
import numpy as np

from tickproof.ticks.schema import Array


class Class(StrEnum):
    """What kind of statement a finding is."""

    CORRUPT_TICK = "corrupt_tick"
    FEED_ANOMALY = "feed_anomaly"
    MARKET_EVENT = "market_event"
    INFORMATION = "information"


class Severity(StrEnum):
    """How urgent a finding is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Quality(IntEnum):
    """The verdict on one tick."""

    GOOD = 0
    SUSPECT = 1
    CORRUPT = 2
    MARKET_EVENT = 3


RULE_SCORE = 99.0
"""The score of what a rule says: a fact, above all that a model can reach."""


class Code(NamedTuple):
    """One code: its bit in `reasons`, what a finding of it says, and the quality that it gives a tick by itself."""

    bit: int
    name: str
    scope: str
    class_: Class
    severity: Severity
    quality: int
    meaning: str


_C, _A, _I, _M = Class.CORRUPT_TICK, Class.FEED_ANOMALY, Class.INFORMATION, Class.MARKET_EVENT
_critical, _warning, _info = Severity.CRITICAL, Severity.WARNING, Severity.INFO
CODES: tuple[Code, ...] = (
    Code(0, "payload_unreadable", "channel", _A, _critical, 0, "bytes that are not ticks: truncated, flipped, wrong checksum"),
    Code(1, "schema_changed", "channel", _A, _critical, 0, "a column added, removed or retyped"),
    Code(2, "field_missing", "symbol", _C, _warning, 2, "null where the kind needs a value"),
    Code(3, "price_not_positive", "symbol", _C, _critical, 2, "zero, negative or sign-flipped price"),
    Code(4, "sentinel_value", "symbol", _C, _critical, 2, "a placeholder read as a value"),
    Code(5, "off_tick_grid", "symbol", _C, _warning, 2, "price off its tick size"),
    Code(6, "decimal_shift", "symbol", _C, _critical, 2, "price off by a power of ten"),
    Code(7, "unit_change", "symbol", _C, _critical, 2, "a persistent change of unit"),
    Code(8, "digit_error", "symbol", _C, _critical, 2, "transposed digits, small fat finger"),
    Code(9, "spike", "symbol", _C, _critical, 2, "one print away and back"),
    Code(10, "bad_run", "symbol", _C, _critical, 2, "a run of bad ticks"),
    Code(11, "drift", "symbol", _C, _critical, 2, "prices slide away from every other source"),
    Code(12, "bit_flip", "symbol", _C, _critical, 2, "a flipped bit that still parses"),
    Code(13, "field_swap", "symbol", _C, _critical, 2, "fields swapped"),
    Code(14, "symbol_swap", "symbol", _C, _critical, 2, "a tick of another symbol"),
    Code(15, "crossed", "symbol", _C, _warning, 2, "bid above ask on one venue"),
    Code(16, "locked", "symbol", _I, _info, 0, "bid equals ask"),
    Code(17, "wide_spread", "symbol", _A, _warning, 1, "a spread blown out"),
    Code(18, "size_outlier", "symbol", _C, _warning, 2, "absurd or zero size"),
    Code(19, "outside_quotes", "symbol", _C, _warning, 2, "trade far outside fresh quotes of its venue"),
    Code(20, "explained_print", "symbol", _I, _info, 0, "off-market print explained by its condition"),
    Code(21, "cancelled", "symbol", _I, _info, 0, "the venue's own bust"),
    Code(22, "corrected", "symbol", _I, _info, 0, "the venue's own correction"),
    Code(23, "sequence_gap", "channel", _A, _critical, 0, "sequence numbers missing"),
    Code(24, "sequence_reset", "channel", _A, _warning, 0, "the counter starts again"),
    Code(25, "duplicate", "channel", _A, _warning, 1, "the same id or sequence again"),
    Code(26, "duplicate_changed", "channel", _A, _critical, 1, "the same id or sequence with other content"),
    Code(27, "replayed_block", "channel", _A, _critical, 1, "a block of old messages"),
    Code(28, "out_of_order", "channel", _A, _warning, 1, "sequence or time goes back"),
    Code(29, "time_implausible", "symbol", _C, _warning, 2, "venue time in the future or far past"),
    Code(30, "clock_offset", "channel", _A, _critical, 1, "constant clock offset"),
    Code(31, "clock_drift", "channel", _A, _warning, 1, "clock lag trends"),
    Code(32, "latency_spike", "channel", _A, _warning, 0, "late or delayed feed"),
    Code(33, "frozen", "symbol", _A, _critical, 1, "messages flow, the price does not move"),
    Code(34, "silent", "symbol", _A, _critical, 0, "symbol, channel or feed stops"),
    Code(35, "stale_book", "symbol", _A, _critical, 1, "quotes no longer match trades"),
    Code(36, "burst", "symbol", _A, _warning, 1, "rate without information"),
    Code(37, "out_of_session", "symbol", _A, _warning, 1, "ticks when the venue is shut"),
    Code(38, "unknown_symbol", "symbol", _A, _warning, 1, "never listed"),
    Code(39, "rate_shift", "channel", _A, _warning, 0, "the rate drifts"),
    Code(40, "mix_shift", "channel", _A, _warning, 0, "the mix drifts"),
    Code(41, "cross_break", "symbol", _A, _warning, 1, "a triangle or pair breaks"),
    Code(42, "late_tick", "channel", _I, _info, 0, "arrived behind the watermark"),
    Code(43, "genuine_move", "symbol", _M, _info, 3, "a large move that other sources share"),
)
BY_NAME: dict[str, Code] = {code.name: code for code in CODES}


def mask(names: Iterable[str]) -> int:
    """The `reasons` bits of some codes."""
    return sum(1 << BY_NAME[name].bit for name in names)


def fact_score(code: Code) -> float:
    """The score of a finding that a rule makes: a feed anomaly is a fact, whatever quality its ticks have."""
    return RULE_SCORE if code.class_ == Class.FEED_ANOMALY else 0.0


CORRUPT_BITS = mask(code.name for code in CODES if code.quality == Quality.CORRUPT)
SUSPECT_BITS = mask(code.name for code in CODES if code.quality == Quality.SUSPECT)


def names_of(reasons: int) -> list[str]:
    """The codes in a `reasons` value, by bit."""
    return [code.name for code in CODES if reasons >> code.bit & 1]


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

"""What a scan gives, for files and notebooks: findings and statistics as Arrow tables, dead letters as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa

from jobs.pipeline.outputs import in_one_line
from jobs.pipeline.workers import FailedTick, Undecoded
from tickproof.findings.evidence import verbatim
from tickproof.findings.finding import Finding
from tickproof.findings.second_statistics import Row

_STATISTICS_TYPES = {"scope": pa.string(), "channel": pa.string(), "venue": pa.string(), "symbol": pa.string()}
_REQUIRED = {"ts", "scope", "ticks", "quotes", "trades"}
STATISTICS = pa.schema(
    [
        pa.field(
            name,
            pa.float64() if name == "volatility" else _STATISTICS_TYPES.get(name, pa.int64()),
            nullable=name not in _REQUIRED,
        )
        for name in Row.__struct_fields__
    ]
)
"""The columns of `statistics.parquet`; units as in `tickproof.findings.second_statistics.Row`."""

_FINDING_TYPES = {
    "revision": pa.int64(),
    "first_ts": pa.int64(),
    "last_ts": pa.int64(),
    "count": pa.int64(),
    "detected_at": pa.int64(),
    "measured": pa.float64(),
    "threshold": pa.float64(),
    "reference": pa.float64(),
    "score": pa.float64(),
}
_NESTED = ("contributions", "corroboration", "evidence")
FINDINGS = pa.schema(
    [pa.field(field.encode_name, _FINDING_TYPES.get(field.name, pa.string())) for field in msgspec.structs.fields(Finding)]
)
"""The columns of findings as a table; nested ones hold JSON."""


class DeadLetter(msgspec.Struct, frozen=True, omit_defaults=True):
    """What could not be scored, as one line of JSON.

    Parameters
    ----------
    stage : str
        As in the job's dead letters: VALUE_CONVERTER, a message that could not be decoded, or TRANSFORMATION, a tick that a step
        failed on.
    exception, reason : str
        The type of the exception, and what it says.
    row : int
        The tick's place in the input; of a message its place in its file, from 0.
    file : str, optional
        The recording of a message that could not be decoded.
    value : str, optional
        The message, bytes that are not UTF-8 escaped.
    tick : dict, optional
        The tick's columns, nulls left out.
    """

    stage: str
    exception: str
    reason: str
    row: int
    file: str | None = None
    value: str | None = None
    tick: dict[str, object] | None = None

    @classmethod
    def of_failed(cls, failed: FailedTick) -> DeadLetter:
        """Return the dead letter of a tick that a step failed on; `ROW.offset` is its place in the input."""
        row = int(failed.tick.rows["offset"][0])
        error = failed.error
        return cls("TRANSFORMATION", type(error).__name__, in_one_line(error), row, tick=verbatim(failed.tick, 0))

    @classmethod
    def of_undecoded(cls, undecoded: Undecoded) -> DeadLetter:
        """Return the dead letter of a message that could not be decoded."""
        record, error = undecoded
        value = (record.value or b"").decode("utf-8", "backslashreplace")
        return cls("VALUE_CONVERTER", type(error).__name__, in_one_line(error), record.offset, record.topic, value)

    @property
    def is_tick(self) -> bool:
        """Whether a step failed on it: a bug, which a message that is not ticks is not."""
        return self.tick is not None


def dead_letter_line(letter: DeadLetter) -> bytes:
    """Return a dead letter as a line of `dead-letters.jsonl`."""
    return msgspec.json.encode(letter) + b"\n"


def statistics_table(rows: Sequence[Row]) -> pa.Table:
    """Rows of statistics as a table of STATISTICS, in the order given."""
    columns = zip(*map(msgspec.structs.astuple, rows), strict=True) if rows else [[] for _ in STATISTICS]
    arrays = [pa.array(list(column), field.type) for column, field in zip(columns, STATISTICS, strict=True)]
    return pa.Table.from_arrays(arrays, schema=STATISTICS)


def finding_table(findings: Sequence[Finding]) -> pa.Table:
    """Findings as a table of FINDINGS, in the order given."""
    columns: dict[str, list[Any]] = {name: [] for name in FINDINGS.names}
    for finding in findings:
        plain = msgspec.to_builtins(finding)
        for name, values in columns.items():
            values.append(msgspec.json.encode(plain[name], order="deterministic").decode() if name in _NESTED else plain[name])
    return pa.table(columns, schema=FINDINGS)

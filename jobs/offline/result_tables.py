"""Findings and statistics as Arrow tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa

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

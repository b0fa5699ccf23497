"""Reading of a scan's folder in pieces: a report shows little, whatever the size of the scan."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tickproof.errors import InputError
from tickproof.findings.finding import VERDICTS, Finding, decode
from tickproof.ticks.schema import SCHEMA

SCORED, FINDINGS, STATISTICS, SUMMARY = "scored.parquet", "findings.jsonl", "statistics.parquet", "scan.json"
_DRAWN = (
    "ts_recv", "venue", "symbol", "kind", "bid_px", "ask_px", "price", "conditions", "final_quality", "final_score",
    "final_reasons",
)  # fmt: skip
_SECONDS = (
    "ts", "scope", "channel", "venue", "symbol", "ticks", "mid", "spread", "volatility", "latency_p50", "latency_p99", "lost",
)  # fmt: skip


class Excerpt(NamedTuple):
    """Ticks of one symbol, of all venues, with `start_ns <= ts_recv <= end_ns`."""

    symbol: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class ScanFolder:
    """A folder as `tickproof scan` writes it.

    Parameters
    ----------
    path : Path
    findings : list of Finding
        In the file's order.
    summary : dict
        What `scan.json` says; empty if it is not there.
    """

    path: Path
    findings: list[Finding]
    summary: dict[str, Any]

    @classmethod
    def open(cls, path: Path) -> ScanFolder:
        """Read the findings and the summary.

        Raises
        ------
        InputError
            A file is missing, or not what `scan` writes.
        """
        for name in (SCORED, FINDINGS, STATISTICS):
            if not (path / name).is_file():
                raise InputError(f"{path}: found no {name}; give the folder that `tickproof scan --out` wrote")
        findings = []
        for number, line in enumerate((path / FINDINGS).read_bytes().splitlines(), start=1):
            try:
                findings.append(decode(line))
            except msgspec.MsgspecError as error:
                raise InputError(f"{path / FINDINGS}, line {number}: not a finding ({error}); scan again") from error
        return cls(path, findings, _summary(path / SUMMARY))

    def excerpts(self, wanted: Sequence[Excerpt]) -> list[pa.Table]:
        """Return the ticks of each excerpt, in the file's order; only row groups that hold some are read."""
        with _parquet(self.path / SCORED, (*SCHEMA.names, *VERDICTS)) as file:
            found: list[list[pa.Table]] = [[] for _ in wanted]
            column = file.schema_arrow.get_field_index("ts_recv")
            for group in range(file.metadata.num_row_groups):
                statistics = file.metadata.row_group(group).column(column).statistics
                low, high = (statistics.min, statistics.max) if statistics is not None else (-(2**63), 2**63)
                near = [k for k, excerpt in enumerate(wanted) if excerpt.start_ns <= high and excerpt.end_ns >= low]
                if not near:
                    continue
                table = file.read_row_group(group, columns=list(_DRAWN), use_threads=False)
                for k in near:
                    excerpt = wanted[k]
                    times, symbols = table.column("ts_recv"), table.column("symbol")
                    inside = pc.and_(pc.greater_equal(times, excerpt.start_ns), pc.less_equal(times, excerpt.end_ns))
                    found[k].append(table.filter(pc.and_(inside, pc.equal(symbols, pa.scalar(excerpt.symbol)))))
            empty = file.schema_arrow.empty_table().select(list(_DRAWN))
        return [pa.concat_tables(parts).combine_chunks() if parts else empty for parts in found]

    def seconds(self, scopes: Sequence[str] | None) -> pa.Table:
        """Return the rows of statistics of some scopes, or of all channels, by time."""
        with _parquet(self.path / STATISTICS, _SECONDS) as file:
            parts = []
            for group in range(file.metadata.num_row_groups):
                table = file.read_row_group(group, columns=list(_SECONDS), use_threads=False)
                if scopes is None:
                    parts.append(table.filter(pc.is_valid(table.column("channel"))))
                else:
                    parts.append(table.filter(pc.is_in(table.column("scope"), pa.array(scopes, pa.string()))))
            empty = file.schema_arrow.empty_table().select(list(_SECONDS))
        return (pa.concat_tables(parts) if parts else empty).sort_by("ts")

    def busiest(self) -> str | None:
        """Return the scope of a symbol on a venue with the most ticks, ties by name; None without any."""
        ticks: Counter[str] = Counter()
        with _parquet(self.path / STATISTICS, _SECONDS) as file:
            for group in range(file.metadata.num_row_groups):
                table = file.read_row_group(group, columns=["scope", "symbol", "ticks"], use_threads=False)
                table = table.filter(pc.is_valid(table.column("symbol"))).group_by("scope", use_threads=False)
                for row in table.aggregate([("ticks", "sum")]).to_pylist():
                    ticks[row["scope"]] += row["ticks_sum"]
        return min(ticks, key=lambda scope: (-ticks[scope], scope), default=None)


def _summary(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}); scan again, or delete it") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: found no JSON object; scan again, or delete it")
    return found


def _parquet(path: Path, columns: Sequence[str]) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not readable as Parquet ({str(error).splitlines()[0]}); scan again") from error
    missing = [name for name in columns if name not in file.schema_arrow.names]
    if missing:
        raise InputError(f"{path}: found no column {', '.join(missing)}; scan again")
    return file

"""A scan as a folder: `scored.parquet`, `findings.jsonl`, `statistics.parquet`, `dead-letters.jsonl`.

Files get their names when all are whole.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq

from jobs.offline.result_tables import STATISTICS, dead_letter_line, statistics_table
from jobs.offline.scan import Slice
from tickproof.errors import SettingsError
from tickproof.findings.finding import CODES, VERDICT, Quality, Severity, decode, encode, verdict_columns
from tickproof.findings.second_statistics import Row
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import NAMES, Array, Ticks, concat, empty, is_scored

FILES = ("scored.parquet", "findings.jsonl", "statistics.parquet", "dead-letters.jsonl")
ROW_GROUP = 100_000
"""Least rows of a row group, but for the last one: a group is what a report reads at once."""


@dataclass(slots=True)
class Counts:
    """What a scan saw and found.

    `ticks` counts those that were scored, `dead_ticks` those that a step failed on, `failed_control_rows` reports of channels on
    which a step failed, and `dead_messages` messages that could not be decoded. `by_quality` counts `final_quality`; a finding
    counts once, as its last revision.
    """

    ticks: int = 0
    capture_heartbeats: int = 0
    overtaken: int = 0
    dead_ticks: int = 0
    failed_control_rows: int = 0
    dead_messages: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    by_quality: Counter[str] = field(default_factory=Counter)
    by_code: Counter[str] = field(default_factory=Counter)
    by_severity: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, for JSON; codes by bit."""
        out: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        by_code = {code.name: self.by_code[code.name] for code in CODES if self.by_code[code.name]}
        by_quality = {quality.name.lower(): self.by_quality[quality.name.lower()] for quality in Quality}
        by_severity = {severity.value: self.by_severity[severity.value] for severity in Severity}
        return out | {"by_quality": by_quality, "by_code": by_code, "by_severity": by_severity}


def write(
    slices: Iterable[Slice],
    folder: Path,
    progress: Callable[[Slice], None] = lambda part: None,
    place: Callable[[int, int], dict[str, object]] | None = None,
) -> Counts:
    """Write a scan. In memory stay only what is not final yet, and the last revision of each finding.

    Parameters
    ----------
    slices : iterable of Slice
        As `jobs.offline.scan.run` gives them.
    folder : Path
        Made if needed; files of an earlier scan are replaced when this one is whole.
    progress : callable, optional
        Called after each slice.
    place : callable, optional
        `(partition, row) -> where that is`, of ticks from files; by default evidence names partition, offset and row.

    Raises
    ------
    SettingsError
        The folder cannot be written to.
    """
    scored, findings, statistics, dead_letters = parts = [folder / f".{name}.part" for name in FILES]
    counts = Counts()
    last: dict[str, tuple[int, bytes]] = {}
    is_new = not folder.exists()
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _Scored(scored) as ticks, _Statistics(statistics) as seconds, dead_letters.open("wb") as letters:
                for part in slices:
                    counts.overtaken += part.overtaken
                    counts.failed_control_rows += part.failed_control_rows
                    for block in part.blocks:
                        _count_ticks(counts, *block)
                        ticks.add(*block)
                    seconds.add(part.statistics)
                    for letter in part.dead_letters:
                        counts.dead_ticks += letter.is_tick
                        counts.dead_messages += not letter.is_tick
                        letters.write(dead_letter_line(letter))
                    # As bytes: objects take several times the room.
                    last |= {finding.id: (finding.first_ts, encode(finding)) for finding in part.findings}
                    progress(part)
            _write_findings(findings, last, counts, place)
            for name, path in zip(FILES, parts, strict=True):
                os.replace(path, folder / name)
        except OSError as error:
            reason = error.strerror or error
            raise SettingsError(f"scan: cannot write to {folder} ({reason}); choose another --out or make room") from error
    finally:
        for path in parts:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        if is_new and sys.exc_info()[0] is not None:
            # Nothing is left of a scan that failed.
            with suppress(OSError):
                folder.rmdir()
    return counts


def remove(folder: Path) -> None:
    """Remove what `write` wrote, and the folder if nothing else is there."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


class _Scored:
    """`scored.parquet`, in row groups of a size that is good to read."""

    def __init__(self, path: Path) -> None:
        schema = to_arrow(empty(), verdict_columns(np.zeros(0, VERDICT))).schema
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=list(NAMES))
        self._waiting: list[tuple[Ticks, Array]] = []

    def __enter__(self) -> _Scored:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()

    def add(self, ticks: Ticks, verdicts: Array) -> None:
        """Take the next ticks of the input."""
        self._waiting.append((ticks, verdicts))
        if sum(len(waiting) for waiting, _ in self._waiting) >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            verdicts = np.concatenate([judged for _, judged in self._waiting])
            batch = to_arrow(concat([ticks for ticks, _ in self._waiting]), verdict_columns(verdicts))
            self._writer.write_batch(batch, row_group_size=2 * ROW_GROUP)
            self._waiting = []


class _Statistics:
    """`statistics.parquet`: by time and scope within a row group, and groups as they came."""

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, STATISTICS, compression="zstd")
        self._waiting: list[Row] = []

    def __enter__(self) -> _Statistics:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()

    def add(self, rows: list[Row]) -> None:
        """Take more rows."""
        self._waiting += rows
        if len(self._waiting) >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(statistics_table(sorted(self._waiting, key=lambda row: (row.ts, row.scope))))
            self._waiting = []


def _count_ticks(counts: Counts, ticks: Ticks, verdicts: Array) -> None:
    counted = is_scored(ticks.rows)
    number = int(counted.sum())
    counts.ticks += number
    counts.capture_heartbeats += len(ticks) - number
    qualities = np.bincount(verdicts["final_quality"][counted], minlength=len(Quality)).tolist()
    counts.by_quality.update({quality.name.lower(): qualities[quality] for quality in Quality})
    if number:
        times = ticks.rows["ts_recv"][counted]
        first, last = int(times.min()), int(times.max())
        counts.first_ns = first if counts.first_ns is None else min(first, counts.first_ns)
        counts.last_ns = last if counts.last_ns is None else max(last, counts.last_ns)


def _write_findings(
    path: Path,
    last: dict[str, tuple[int, bytes]],
    counts: Counts,
    place: Callable[[int, int], dict[str, object]] | None,
) -> None:
    with path.open("wb") as file:
        for identity in sorted(last, key=lambda identity: (last[identity][0], identity)):
            line = last[identity][1]
            finding = decode(line)
            counts.by_code[finding.code] += 1
            counts.by_severity[finding.severity.value] += 1
            origin = finding.evidence.get("origin")
            if place is not None and isinstance(origin, dict):
                where = place(origin["partition"], origin["row"])
                line = encode(msgspec.structs.replace(finding, evidence=finding.evidence | {"origin": where}))
            file.write(line + b"\n")


__all__ = ["FILES", "Counts", "write"]

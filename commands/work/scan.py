"""`tickproof scan`: recordings in, a folder of scored ticks, findings, statistics and a report out; no Kafka, no Flink."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from commands import configuration
from commands.work.report import write_report
from jobs.offline import scan as engine
from jobs.offline import scan_folder
from jobs.offline.recording_findings import with_statements
from jobs.pipeline.decoding import ORDINARY, RawRecord
from jobs.pipeline.outputs import encodable
from jobs.pipeline.settings import pipeline_settings
from jobs.pipeline.workers import Undecoded
from producers.recordings.mapping.specification import ColumnMapping
from producers.recordings.reading.statements import Fault, Statement
from producers.recordings.reading.tally import Rejected, nothing_read
from producers.recordings.registry import Tally, find, known, merged, open_recordings, places, with_mapping
from producers.streams.heartbeats import Heartbeats
from tickproof.errors import InputError, SettingsError, StepError
from tickproof.findings.finding import Quality
from tickproof.ticks.rfc3339 import iso
from tickproof.ticks.schema import NS_PER_MS

SUMMARY = "scan.json"
"""What was scanned, how, and what came out; a report reads it."""
LINE_EVERY_TICKS = 1_000_000
"""Without a terminal: a line of progress each so many ticks."""


def run(
    ctx: click.Context,
    *,
    recordings: tuple[Path, ...],
    out: Path,
    model: str | None,
    reference: Path | None,
    mapping: ColumnMapping | None,
    symbols: tuple[str, ...],
    no_report: bool,
    as_json: bool,
) -> None:
    """Scan recordings and write the folder."""
    effective = configuration.read({"model": model, "reference": reference})
    settings = pipeline_settings(effective.settings).opened()
    formats = with_mapping(mapping)
    # What a person says of a channel wins over what its format implies.
    settings = settings.with_reference(merged(settings.reference, known(recordings, formats)))
    broken: dict[Path, str] | None = {} if len(find(recordings, formats=formats)) > 1 else None
    tally = Tally(rejected=[], broken=broken)
    ticks = open_recordings(recordings, symbols=symbols or None, tally=tally, formats=formats)
    versions, begun = settings.versions, time.perf_counter()
    with _progress() as advance:
        slices = engine.run(ticks, settings, Heartbeats(1), lambda: _undecoded(tally))
        slices = with_statements(
            slices, tally.statements.all, (versions.rules, versions.model if settings.shard.detector else "")
        )
        counts = scan_folder.write(slices, out, advance, places(recordings, formats))
    seconds = time.perf_counter() - begun
    for line in (tally.broken or {}).values():
        click.echo(f"tickproof: {line}", err=True)
    if not counts.ticks and not counts.dead_ticks:
        # Nothing was judged: a report would look as if nothing were wrong.
        scan_folder.remove(out)
        raise InputError(nothing_read(recordings, tally))
    summary: dict[str, Any] = {
        "inputs": [encodable(str(path)) for path in recordings],
        **counts.to_dict(),
        "undecoded": dict(sorted(tally.undecoded.items())),
        "first_undecoded": encodable(tally.first_undecoded),
        "statements": [{**one.to_dict(), "path": encodable(one.path)} for one in tally.statements.all()],
        "without_ticks": dict(sorted(tally.without_ticks.items())),
        "files_of_no_known_format": len(tally.unknown),
        "files_broken": {encodable(str(path)): encodable(reason) for path, reason in sorted((tally.broken or {}).items())},
        "model": settings.model,
        "model_version": versions.model if settings.shard.detector else "",
        "rules_version": versions.rules,
        "threshold": settings.shard.threshold,
        "lookahead_ms": effective.settings.lookahead_ms,
        "out_of_orderness_ms": effective.settings.out_of_orderness_ms,
        "shards": settings.shards,
        "seconds": round(seconds, 3),
        "ticks_per_s": round(counts.ticks / seconds),
        "out": str(out),
    }
    _write_summary(out / SUMMARY, summary)
    if not no_report:
        summary["report"] = str(write_report(out))
    click.echo(json.dumps(summary) if as_json else text(summary))
    if counts.dead_ticks or counts.failed_control_rows:
        sys.stdout.flush()
        ctx.exit(1 if counts.ticks else StepError.exit_status)
    if tally.broken:
        sys.stdout.flush()
        ctx.exit(InputError.exit_status)


def _undecoded(tally: Tally) -> list[Undecoded]:
    """Take the messages that readers could not decode since the last call, as the records that they would be on a topic: JSON
    ticks without a key.

    The file stands for the topic, its place among the inputs for the partition, and the message's place in it for the offset.
    """
    found, tally.rejected = tally.rejected or [], []
    return [Undecoded(_record(one), one.error) for one in found]


def _record(one: Rejected) -> RawRecord:
    return RawRecord(encodable(one.path.name), one.file, one.row, max(one.after_ns, 0) // NS_PER_MS, None, one.value, ORDINARY)


def text(summary: dict[str, Any]) -> str:
    """The summary for people."""
    ticks = summary["ticks"]
    lines = [f"{ticks:,} ticks in {summary['seconds']:.1f} s ({summary['ticks_per_s']:,} a second)"]
    if ticks:
        lines.append(f"  {iso(summary['first_ns'])} to {iso(summary['last_ns'])}, model {summary['model']}")
        shares = ((quality.name.lower(), summary["by_quality"][quality.name.lower()]) for quality in Quality)
        lines.append("  " + ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in shares))
    severities = ", ".join(f"{summary['by_severity'].get(name, 0):,} {name}" for name in ("critical", "warning", "info"))
    lines.append(f"{sum(summary['by_code'].values()):,} findings: {severities}")
    often = sorted(summary["by_code"].items(), key=lambda item: (-item[1], item[0]))
    lines += [f"  {name:<20} {count:>8,}" for name, count in often]
    lines += [f"not decoded, {reason}: {count:,}" for reason, count in summary["undecoded"].items()]
    if summary["first_undecoded"]:
        lines.append(f"  the first: {summary['first_undecoded']}")
    lines += _said(summary["statements"])
    if summary["dead_ticks"]:
        lines.append(f"{summary['dead_ticks']:,} ticks that a step failed on were left out: a bug; dead-letters.jsonl names each")
    if summary["dead_ticks"] and not ticks:
        lines.append("a step failed on every tick: nothing was judged")
    if summary["failed_control_rows"]:
        rows = summary["failed_control_rows"]
        lines.append(f"{rows:,} reports of channels that a step failed on were left out of statistics and silences: a bug")
    if summary["overtaken"]:
        lines.append(f"{summary['overtaken']:,} ticks came behind the watermark and were judged by their message alone")
    if summary["files_of_no_known_format"]:
        lines.append(f"{summary['files_of_no_known_format']} files of no known format were left out")
    lines.append(summary.get("report", summary["out"]))
    return "\n".join(lines)


def _said(statements: Sequence[dict[str, Any]]) -> list[str]:
    """Return what is said of the recordings, a line each."""
    return [f"{Path(one['path']).name}: {Statement(**{**one, 'fault': Fault(one['fault'])}).text()}" for one in statements]


def _write_summary(path: Path, summary: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"scan: cannot write {path} ({error.strerror}); make room") from error


@contextmanager
def _progress() -> Iterator[Any]:
    """What to call after each slice: it moves a line on a terminal, and prints lines on standard error elsewhere."""
    seen = {"ticks": 0, "findings": 0}
    if sys.stderr.isatty():
        columns: Sequence[Any] = (
            SpinnerColumn(),
            TextColumn("scanning {task.fields[ticks]:,} ticks, {task.fields[findings]:,} revisions of findings"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=None, ticks=0, findings=0)

            def move(part: engine.Slice) -> None:
                seen["ticks"] += part.read
                seen["findings"] += len(part.findings)
                bar.update(task, ticks=seen["ticks"], findings=seen["findings"])

            yield move
        return

    def say(part: engine.Slice) -> None:
        before = seen["ticks"] // LINE_EVERY_TICKS
        seen["ticks"] += part.read
        if seen["ticks"] // LINE_EVERY_TICKS > before:
            click.echo(f"scanned {seen['ticks']:,} ticks", err=True)

    yield say


__all__ = ["SUMMARY", "run", "text"]

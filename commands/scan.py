"""`tickproof scan`: recordings in, a folder of scored ticks, findings, statistics and a report out; no Kafka, no Flink."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from commands import configuration
from commands.report import write_report
from jobs.offline import scan as engine
from jobs.offline import scan_folder
from jobs.pipeline.engine import EngineSettings
from jobs.pipeline.reference_file import load
from models.store import registry
from producers.recordings.registry import Tally, known, merged, open_recordings
from producers.streams.heartbeats import Heartbeats
from tickproof.errors import SettingsError
from tickproof.findings.finding import Quality
from tickproof.rules import table as rules
from tickproof.settings import Effective
from tickproof.ticks.rfc3339 import iso

SUMMARY = "scan.json"
"""What was scanned, how, and what came out; a report reads it."""
LINE_EVERY_TICKS = 1_000_000
"""Without a terminal: a line of progress each so many ticks."""


@click.command()
@click.argument("recordings", metavar="IN...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write to; created if needed."
)
@click.option("--model", metavar="ALIAS|PATH|none", help="Model, or `none` for rules only; by default the setting `model`.")
@click.option("--reference", type=click.Path(dir_okay=False, path_type=Path), metavar="F", help="Reference data, JSON or TOML.")
@click.option("--symbol", "symbols", multiple=True, help="Only this symbol. May be repeated.")
@click.option("--no-report", is_flag=True, help="Leave report.html out.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def command(
    *,
    recordings: tuple[Path, ...],
    out: Path,
    model: str | None,
    reference: Path | None,
    symbols: tuple[str, ...],
    no_report: bool,
    as_json: bool,
) -> None:
    """Check every tick of recordings, offline, with the steps of the Flink job.

    IN are recordings, Parquet files of ticks, or folders of them, merged by capture time. What their formats imply of channels
    is assumed (whether sequence numbers have no holes, say); entries of --reference override it. The folder --out gets
    scored.parquet (the input's rows in their order, with verdict columns; capture heartbeats have verdicts of zeros),
    findings.jsonl (the last revision of each), statistics.parquet, scan.json (this summary) and report.html.

    A reference file has the optional tables `channels`, `instruments`, `sessions`, `actions` and `relations`. A relation ties
    prices to each other, such as a currency cross to its legs; a leg that leaves the others is a `cross_break`:

    \b
      [[relations]]
      name = "EURJPY by its legs"    # EURUSD x USDJPY / EURJPY = 1; learnt if left out
      constant = 1.0
      legs = [{symbol = "EURUSD"}, {symbol = "USDJPY"}, {symbol = "EURJPY", power = -1}]

    \b
    Examples:
      tickproof scan recording.parquet --out out
      tickproof scan lean/equity/usa/tick/ibm --out ibm --model none
      tickproof scan sim/ticks.parquet --out out --json
    """
    effective = configuration.read({"model": model, "reference": reference})
    settings, name = settings_of(effective)
    # What a person says of a channel wins over what its format implies.
    settings = replace(settings, reference=merged(settings.reference, known(recordings)))
    tally = Tally()
    ticks = open_recordings(recordings, symbols=symbols or None, tally=tally)
    begun = time.perf_counter()
    with _progress() as advance:
        counts = scan_folder.write(engine.run(ticks, settings, Heartbeats(1)), out, advance)
    seconds = time.perf_counter() - begun
    detector = settings.shard.detector
    summary: dict[str, Any] = {
        "inputs": [str(path) for path in recordings],
        **counts.to_dict(),
        "undecoded": dict(sorted(tally.undecoded.items())),
        "without_ticks": dict(sorted(tally.without_ticks.items())),
        "files_of_no_known_format": len(tally.unknown),
        "model": name,
        "model_version": detector.version if detector else "",
        "rules_version": rules.VERSION,
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


def settings_of(effective: Effective) -> tuple[EngineSettings, str]:
    """The engine's settings and the model's name from the settings in force.

    Raises
    ------
    ModelError
        The model is not there, or does not fit.
    """
    settings = effective.settings
    name = settings.model
    if effective.sources["model"] == "default" and name not in registry.aliases():
        # Nobody asked for a model, and none ships: rules are what there is.
        name = registry.NONE
    chosen = engine.engine_settings(
        name,
        shards=settings.shards,
        out_of_orderness_ms=settings.out_of_orderness_ms,
        lookahead_ms=settings.lookahead_ms,
        threshold=None if effective.sources["threshold"] == "default" else settings.threshold,
        reference=load(settings.reference),
    )
    return chosen, name


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
    if summary["overtaken"]:
        lines.append(f"{summary['overtaken']:,} ticks came behind the watermark and were judged by their message alone")
    if summary["files_of_no_known_format"]:
        lines.append(f"{summary['files_of_no_known_format']} files of no known format were left out")
    lines.append(summary.get("report", summary["out"]))
    return "\n".join(lines)


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


__all__ = ["SUMMARY", "command", "settings_of", "text"]

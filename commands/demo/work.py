"""`tickproof demo`: a simulated market with faults through a real broker and a real Flink job, and what was found."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from commands import configuration
from commands.demo.run import REFERENCE, Demo, Played, play
from commands.demo.view import Status, View
from jobs.pipeline.settings import model_name, pipeline_settings
from jobs.services import processes
from tickproof.errors import ServiceError, SettingsError
from tickproof.settings import NO_MODEL, Settings

if TYPE_CHECKING:
    from models.evaluation.results import Evaluation

FOLDER = Path(".tickproof/demo")
"""Where the report is written unless --keep is given."""
REPORT = "report.html"
LOGS = "log"
CHECKPOINT_MS = 500
"""Scored ticks are seen when a checkpoint commits them."""


def run(*, seed: int, minutes: float, keep: Path | None, as_json: bool) -> None:
    """Carry out `tickproof demo`."""
    status = Status()
    with _scratch((keep or FOLDER) / LOGS) as folder, View(status, to_stderr=as_json) as view:
        demo = Demo(seed, minutes, _settings(folder / REFERENCE), folder)
        played = play(demo, view)
        view.show("measuring")
        result = _evaluate(demo, played)
        report = _report(demo, played, result, keep)
    summary: dict[str, Any] = {
        "seed": seed,
        "minutes": minutes,
        "ticks": played.follower.ticks,
        "seconds": round(status.elapsed_s, 1),
        "first_scored_s": round(status.first_scored_s or 0.0, 1),
        "first_committed_s": round(status.first_committed_s or 0.0, 1),
        "ticks_per_s": round(status.speed),
        "latency_p50_ms": _rounded(status.delay_ms(0.5)),
        "latency_p99_ms": _rounded(status.delay_ms(0.99)),
        "findings": dict(sorted(played.follower.by_code.items())),
        "dead_letters": played.audit.total("dead_messages"),
        "complete": played.audit.complete,
        "overtaken": played.audit.overtaken,
        "restarts": played.restarts,
        "model": demo.settings.model,
        "evaluation": result.to_dict(),
        "report": str(report),
    }
    if as_json:
        click.echo(json.dumps(summary))
    else:
        _print(summary, result)
    if not played.audit.complete:
        raise ServiceError(f"not every tick was scored once: {'; '.join(played.audit.problems())}")


@contextmanager
def _scratch(logs: Path) -> Iterator[Path]:
    """Yield a folder that is deleted afterwards; the services' logs stay in `logs` if a service failed."""
    with tempfile.TemporaryDirectory(prefix="tickproof-demo-", ignore_cleanup_errors=True) as name:
        try:
            yield Path(name)
        except ServiceError as error:
            said = str(error)
            # Not every file with this suffix: Kafka's data files have it too.
            for log in sorted(path for pattern in ("*.log", "*/*.log", "job/log/*.log") for path in Path(name).glob(pattern)):
                logs.mkdir(parents=True, exist_ok=True)
                said = said.replace(str(log), str(shutil.copy(log, logs)))
            raise ServiceError(said) from error


def _settings(reference: Path) -> Settings:
    """Return the settings in force with a broker and reference data of our own, and without a model where none ships."""
    address = f"127.0.0.1:{processes.free_ports(1)[0]}"
    # Our producer writes heartbeats on every partition: none is ever silent, however long Python workers take to start.
    ours = {"brokers": address, "checkpoint_interval_ms": CHECKPOINT_MS, "idle_after_s": 0}
    settings = configuration.read(ours).settings
    return settings.model_copy(update={"reference": reference, "model": model_name(settings)})


def _evaluate(demo: Demo, played: Played) -> Evaluation:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from models.evaluation.evaluate import Run, evaluate
    from tickproof.findings.finding import decode, verdict_columns
    from tickproof.ticks.arrow import to_arrow

    ticks, verdicts = played.follower.scored()
    table = pa.Table.from_batches([to_arrow(ticks, verdict_columns(verdicts))])
    clean_findings = [decode(line) for line in (demo.clean / "findings.jsonl").read_bytes().splitlines()]
    clean = Run.of(pq.read_table(demo.clean / "scored.parquet"), clean_findings)
    return evaluate(Run.of(table, played.follower.findings.values()), played.broadcast.labels, clean)


def _report(demo: Demo, played: Played, result: Evaluation, keep: Path | None) -> Path:
    """Write the run as a scan's folder, and the report on it; return the report's path."""
    from jobs.offline import scan_folder
    from jobs.offline.scan import Slice
    from reports import html
    from tickproof.findings.label import to_csv
    from tickproof.rules import VERSION

    follower, settings = played.follower, demo.settings
    folder = keep or demo.folder / "demo"
    run = Slice([follower.scored()], list(follower.findings.values()), follower.statistics(), follower.overtaken, follower.ticks)
    counts = scan_folder.write([run], folder)
    summary = {
        **counts.to_dict(),
        "undecoded": dict(sorted(follower.dead_by_reason.items())),
        "inputs": [f"a simulated market: tickproof demo --seed {demo.seed} --minutes {demo.minutes:g}"],
        "files_of_no_known_format": 0,
        "model": settings.model,
        "model_version": follower.model_version,
        "rules_version": VERSION,
        "threshold": pipeline_settings(settings).shard.threshold,
        "lookahead_ms": settings.lookahead_ms,
        "out_of_orderness_ms": settings.out_of_orderness_ms,
        "shards": settings.shards,
        "seconds": round(played.seconds, 1),
    }
    path = (keep or FOLDER) / REPORT
    try:
        (folder / "scan.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        (folder / "labels.csv").write_text(to_csv(played.broadcast.labels), encoding="ascii")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html.render(folder, recall=result.to_dict()), encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"demo: cannot write {error.filename} ({error.strerror}); choose another --keep, or make room"
        ) from error
    return path


def _print(summary: dict[str, Any], result: Evaluation) -> None:
    from commands.evaluation.tables import show

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=160, no_color=True, highlight=False)
    lost = "every tick once" if summary["complete"] else "NOT every tick once"
    console.print(
        f"{summary['ticks']:,} ticks scored in {summary['seconds']:.1f} s, the first after {summary['first_scored_s']:.1f} s "
        f"and committed after {summary['first_committed_s']:.1f} s; "
        f"{summary['ticks_per_s']:,} a second while they were made and sent at speed"
    )
    if summary["latency_p50_ms"] is not None:
        console.print(
            f"at the market's own pace, from publishing to scored and committed: p50 {summary['latency_p50_ms']:,} ms, "
            f"p99 {summary['latency_p99_ms']:,} ms"
        )
    console.print(
        f"audit: {lost}, {summary['dead_letters']} broken payloads in the dead letters, {summary['overtaken']} ticks overtaken, "
        f"{summary['restarts']} restarts\n"
    )
    show(result, console)
    macro = result.macro()
    if summary["model"] == NO_MODEL:
        console.print("\nno model ships with this version: rules only")
    elif macro["recall"] is not None and macro["rules"] is not None:
        false = result.false_alarms
        console.print(
            f"\nthe model {summary['model']} adds {macro['recall'] - macro['rules']:+.2f} to the rules' macro recall of "
            f"{macro['rules']:.2f}, and {false.ticks_by_model} false ticks to their {false.ticks_by_rules}"
        )
    console.print(f"report: {summary['report']}", soft_wrap=True)


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)

"""`python -m bench`: what the job, its parts and a plain PyFlink job do, side by side."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
import msgspec
from rich.console import Console

from bench import against, report, stream
from bench.context import Context
from jobs.kafka import topics
from jobs.services.broker import Broker

CASES: dict[str, tuple[str, str]] = {
    "decode_only": ("bench.parts", "a consumer that only decodes frames"),
    "job_frames": ("bench.pipeline", "the whole job, 1 000 ticks a frame"),
    "job_json": ("bench.pipeline", "the whole job, one JSON tick a message"),
    "pyflink_per_record": ("bench.per_record", "a plain PyFlink job, one JSON tick a record"),
    "decode_json_only": ("bench.parts", "a consumer that only decodes JSON ticks"),
    "channel_kernel": ("bench.parts", "channel integrity alone"),
    "shard_kernel": ("bench.parts", "features and rules of a shard alone"),
    "feature_pass": ("bench.parts", "the compiled pass of features and rules, without the step around it"),
    "model_score": ("bench.parts", "the model alone"),
    "engine_local": ("bench.parts", "the local engine, without Kafka and Flink"),
    "state_memory": ("bench.memory", "bytes a symbol"),
    "symbols": ("bench.memory", "time of a tick and of a slice by the number of symbols"),
    "generate": ("bench.producers", "the simulator alone"),
    "generate_publish": ("bench.producers", "the simulator to the broker, one process"),
    "read_lean": ("bench.producers", "reading LEAN zips of the shared recordings"),
    "read_parquet": ("bench.producers", "reading ticks in canonical Parquet"),
    "simulate_memory": ("bench.producers", "peak memory of the simulator, for a stream and for a longer one"),
    "read_memory": ("bench.producers", "peak memory of reading, for a file and for a longer one"),
    "sweep": ("bench.per_record", "the plain job with each of its bundle settings; only when asked for"),
}
"""Name -> its module and what it is. A case is the function of its name: Context -> results."""
BY_DEFAULT = tuple(name for name in CASES if name != "sweep")
TOPICS = {
    "frames": {"decode_only", "job_frames"},
    "json": {"decode_json_only", "job_json"},
    "record": {"pyflink_per_record", "sweep"},
}
"""What must be published for whom."""
ON_BROKER = {"generate_publish"}.union(*TOPICS.values())
"""Who needs a broker."""
SHARE = {"frames": 1.0, "json": 0.4, "record": 0.08}
"""How much of the stream each topic gets: a case should take tens of seconds."""
ROOT = Path(__file__).parents[1]
SWEPT = "TICKPROOF_BENCH_SWEEP"


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(CASES)), help="This case; may be repeated. Default: all but sweep.")
@click.option("--ticks", default=3_000_000, show_default=True, help="Length of the stream.")
@click.option(
    "--repeats",
    default=1,
    show_default=True,
    help="Runs of a case on the broker, or rounds with --against; the median counts.",
)
@click.option("--parallelism", default=1, show_default=True, help="Of the Flink jobs.")
@click.option("--rows", default=1_000, show_default=True, help="Ticks of a frame.")
@click.option("--setting", multiple=True, metavar="NAME=VALUE", help="A setting of the job.")
@click.option("--tuning", multiple=True, metavar="NAME=VALUE", help="A field of the job's Tuning.")
@click.option(
    "--against",
    "other",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="WORKTREE",
    help="Run each case in this build and in that one by turns, and print ratios of processor time.",
)
@click.option("--out", type=click.Path(path_type=Path), default=report.OUT / "latest.json", show_default=True)
@click.option("--case", "inner", hidden=True, help="Run this case here and now.")
@click.option("--context", hidden=True)
def main(
    only: tuple[str, ...],
    ticks: int,
    repeats: int,
    parallelism: int,
    rows: int,
    setting: tuple[str, ...],
    tuning: tuple[str, ...],
    other: Path | None,
    out: Path,
    inner: str | None,
    context: str | None,
) -> None:
    """Measure, print a table and write it as JSON."""
    if inner is not None:
        there = Context.unpack(str(context))
        results = getattr(importlib.import_module(CASES[inner][0]), inner)(there)
        (there.folder / "results.json").write_bytes(msgspec.json.encode(results))
        return
    console = Console()
    chosen = [name for name in CASES if name in (only or BY_DEFAULT)]
    settings: dict[str, object] = {"parallelism": parallelism} | dict(_pairs(setting))
    results = []
    with tempfile.TemporaryDirectory(prefix="tickproof-bench-") as name:
        base = Context(Path(name), ticks=ticks, settings=settings, tuning={key: int(value) for key, value in _pairs(tuning)})
        if any(CASES[case][0] != "bench.producers" for case in chosen):
            console.print(f"simulating {ticks:,} ticks")
            stream.save(stream.make(ticks), base.folder)
        with _broker(base, chosen, rows, console) as ready:
            if other is not None:
                cases = {case: CASES[case][0] for case in chosen}
                results = against.compare(cases, ready, (ROOT, other.resolve()), repeats, console)
            for case in chosen if other is None else ():
                console.print(f"{case}: {CASES[case][1]}")
                results += _measure(case, ready, repeats)
    if other is None:
        results = report.with_ratios(results)
        report.show(results, console)
    else:
        against.show(results, console)
    report.write(results, report.machine() | {"ticks": ticks, "rows": rows, "repeats": repeats}, out)
    console.print(f"written to {out}")


def _measure(case: str, context: Context, repeats: int) -> list[report.Result]:
    """The results of a case: the run of the median rate, where it has rates."""
    if case == "sweep":
        from bench.per_record import SWEEP

        return [result for number in range(len(SWEEP)) for result in _run(case, context, {SWEPT: str(number)})]
    needs_broker = case in ON_BROKER
    runs = [_run(case, context, {}) for _ in range(repeats if needs_broker else 1)]
    runs.sort(key=lambda results: results[0].get("ticks_per_s", 0) if results else 0)  # type: ignore[arg-type,return-value]
    middle = runs[len(runs) // 2]
    if repeats > 1 and needs_broker:
        middle[0]["all_ticks_per_s"] = [results[0]["ticks_per_s"] for results in runs]
    return middle


def _run(case: str, context: Context, environment: dict[str, str]) -> list[report.Result]:
    """One run of a case in a process of its own, with the load beside its results."""
    path = context.folder / "results.json"
    path.unlink(missing_ok=True)
    command = [sys.executable, "-m", "bench", "--case", case, "--context", context.pack()]
    log = context.folder / "case.log"
    with log.open("wb") as file:
        done = subprocess.run(
            command, env=os.environ | {"OMP_NUM_THREADS": "1"} | environment, stdout=file, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode or not path.exists():
        raise click.ClickException(f"{case} failed:\n" + log.read_text(encoding="utf-8", errors="replace")[-4000:])
    results: list[report.Result] = msgspec.json.decode(path.read_bytes())
    return [result | {"load": os.getloadavg()[0]} for result in results]


@contextmanager
def _broker(context: Context, chosen: list[str], rows: int, console: Console) -> Iterator[Context]:
    """A broker that holds what the chosen cases read; none where they read nothing."""
    wanted = [name for name, cases in TOPICS.items() if cases & set(chosen)]
    if not ON_BROKER & set(chosen):
        yield context
        return
    with Broker.start(context.folder / "broker") as broker:
        topics.create(broker.brokers, "simulated.")
        for name in wanted:
            ticks = context.stream()
            topics.create(broker.brokers, f"{name}.")
            part = ticks.take(slice(0, int(SHARE[name] * len(ticks))))
            encoding = "frames" if name == "frames" else "json"
            done = stream.publish(broker.brokers, f"{name}.ticks.raw", part, rows=rows, encoding=encoding)
            size = f"{done.messages:,} messages, {done.bytes / 1e6:.0f} MB"
            console.print(f"published {done.ticks:,} ticks as {size}, to {name}.ticks.raw")
        yield replace(context, brokers=broker.brokers, broker_pid=broker.service.pid)
    shutil.rmtree(context.folder / "broker", ignore_errors=True)


def _pairs(texts: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for text in texts:
        name, _, value = text.partition("=")
        yield name, value


if __name__ == "__main__":
    main()

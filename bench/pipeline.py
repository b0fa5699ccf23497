"""The whole job on a real broker: exactly-once sink, checkpoints, model, everything."""

from __future__ import annotations

import os
import shutil

from bench.context import Context
from bench.progress import Progress, messages, rows
from jobs.flink.embedded import JVM_ARGUMENTS
from jobs.flink.options import Tuning
from jobs.flink.submit import start_embedded
from jobs.kafka import topics
from models.store.registry import DEFAULT, aliases
from tickproof.settings import NO_MODEL, Settings

OUTPUTS = ("ticks.scored", "ticks.verdicts", "ticks.dead-letters", "feed.findings", "feed.statistics")


def model() -> str:
    """The model that ships, or rules only."""
    return DEFAULT if DEFAULT in aliases() else NO_MODEL


def job_frames(context: Context) -> list[dict[str, object]]:
    """The job over frames."""
    return [_run(context, "job_frames", "frames")]


def job_json(context: Context) -> list[dict[str, object]]:
    """The job over JSON ticks, one a message."""
    return [_run(context, "job_json", "json")]


def _run(context: Context, name: str, encoding: str) -> dict[str, object]:
    """Run the job over all that its topic holds."""
    prefix = f"{encoding}."
    topics.delete(context.brokers, prefix, OUTPUTS)
    topics.create(context.brokers, prefix)
    folder = context.folder / "flink"
    shutil.rmtree(folder, ignore_errors=True)
    fixed = {"brokers": context.brokers, "prefix": prefix, "group": "bench", "model": model()}
    settings = Settings.model_validate(fixed | context.settings)
    tuning = Tuning(**{"checkpoint_ms": settings.checkpoint_interval_ms} | context.tuning) if context.tuning else None
    # Java as the demo has it.
    os.environ.setdefault("JVM_ARGS", JVM_ARGUMENTS)
    with Progress(context.brokers, prefix + "ticks.scored", context.broker_pid) as progress:
        job = start_embedded(settings, folder, bounded=True, tuning=tuning)
        job.wait()
    steady = progress.steady(counted=True)
    done = messages(context.brokers, prefix + "ticks.scored", committed=True)
    return {
        "name": name,
        **steady.fields(),
        "ticks_committed": sum(map(rows, done)),
        "model": settings.model,
        "parallelism": settings.parallelism,
    }

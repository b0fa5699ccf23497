"""Flink's options and files: what a job is configured with, and where the wheel keeps a whole Flink. Imports no pyflink."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jobs.services import jars, processes
from tickproof.errors import ServiceError


@cache
def home() -> Path:
    """The Flink inside the package apache-flink: `lib`, `opt`, `conf`, `plugins`."""
    found = importlib.util.find_spec("pyflink")
    if found is None or found.origin is None:
        raise ServiceError("the package apache-flink is not installed; run `make setup`")
    return Path(found.origin).parent


def version() -> str:
    """Flink's version, from its main jar."""
    found = sorted((home() / "lib").glob("flink-dist-*.jar"))
    if not found:
        raise ServiceError(f"{home() / 'lib'} has no flink-dist jar; delete .venv and run `make setup`")
    return found[-1].stem.removeprefix("flink-dist-")


def python_jar() -> Path:
    """The operators that run Python. A cluster does not have them by itself; `flink run` sends them with a job, and so do we."""
    found = sorted((home() / "opt").glob("flink-python-*.jar"))
    if not found:
        raise ServiceError(f"{home() / 'opt'} has no flink-python jar; delete .venv and run `make setup`")
    return found[-1]


def java_options() -> str:
    """What the JVM has to open for Flink: `env.java.opts.all` of the wheel, and the security manager that Java 21 shuts."""
    text = (home() / "conf" / "config.yaml").read_text(encoding="utf-8")
    (line,) = (line for line in text.splitlines() if line.strip().startswith("all: --add-exports"))
    return line.partition("all: ")[2].strip() + " -Djava.security.manager=allow"


@dataclass(frozen=True, slots=True)
class Tuning:
    """What trades latency against throughput.

    Parameters
    ----------
    bundle_records, bundle_ms : int
        A Python stage works on up to so many records at once, and waits for them at most so long. As many as come in that time
        are gathered, so that it is the time that bounds them.
    buffer_ms : int
        How long records wait in a network buffer.
    checkpoint_ms : int
        Time between checkpoints; exactly-once output appears as much later.
    """

    bundle_records: int = 20_000
    bundle_ms: int = 20
    buffer_ms: int = 5
    checkpoint_ms: int = 2000


def job_options(checkpoints: Path, tuning: Tuning | None = None, pipeline_jars: Sequence[Path] | None = None) -> dict[str, str]:
    """Options of a job wherever it runs: Python, bundles, checkpoints, restarts, the connector.

    Parameters
    ----------
    checkpoints : Path
        Folder of checkpoints and savepoints, seen by every TaskManager.
    tuning : Tuning, optional
        By default for tens of milliseconds of latency.
    pipeline_jars : sequence of Path, optional
        By default the Kafka connector, hash checked.
    """
    tuning = tuning or Tuning()
    needed = [jars.connector()] if pipeline_jars is None else pipeline_jars
    return {
        "pipeline.jars": ";".join(path.resolve().as_uri() for path in needed),
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        "python.fn-execution.bundle.size": str(tuning.bundle_records),
        "python.fn-execution.arrow.batch.size": str(tuning.bundle_records),
        "python.fn-execution.bundle.time": str(tuning.bundle_ms),
        "execution.buffer-timeout.interval": f"{tuning.buffer_ms} ms",
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "execution.checkpointing.interval": f"{tuning.checkpoint_ms} ms",
        "execution.checkpointing.timeout": "60 s",
        "execution.checkpointing.tolerable-failed-checkpoints": "3",
        "execution.checkpointing.dir": (checkpoints / "checkpoints").resolve().as_uri(),
        "execution.checkpointing.savepoint-dir": (checkpoints / "savepoints").resolve().as_uri(),
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "execution.checkpointing.num-retained": "3",
        # A service that is away for a while is waited for; a fault that comes back at once ends the job instead of looping.
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.initial-backoff": "200 ms",
        "restart-strategy.exponential-delay.max-backoff": "5 s",
        "restart-strategy.exponential-delay.backoff-multiplier": "2.0",
        "restart-strategy.exponential-delay.jitter-factor": "0.0",
        "restart-strategy.exponential-delay.reset-backoff-threshold": "60 s",
        "restart-strategy.exponential-delay.attempts-before-reset-backoff": "20",
        # Upgrades and rescaling need the same number of key groups for ever.
        "pipeline.max-parallelism": "128",
    }


LOOPBACK = {
    "rest.address": "127.0.0.1",
    "rest.bind-address": "127.0.0.1",
    "web.submit.enable": "false",
    "web.cancel.enable": "true",
    # How old the metrics of the REST interface may be; its default is 10 s.
    "metrics.fetcher.update-interval": "1 s",
    "jobmanager.rpc.address": "127.0.0.1",
    "jobmanager.bind-host": "127.0.0.1",
    "taskmanager.host": "127.0.0.1",
    "taskmanager.bind-host": "127.0.0.1",
}
"""Flink's REST interface knows no users, so nothing listens elsewhere."""


def embedded_options(
    checkpoints: Path, parallelism: int = 1, rest_port: int | None = None, tuning: Tuning | None = None
) -> dict[str, str]:
    """Options of a job in a mini-cluster inside this process's own JVM.

    Parameters
    ----------
    checkpoints : Path
        Folder of checkpoints and savepoints; `tmp` in it takes Flink's scratch files.
    parallelism : int
        Subtasks of a stage, and slots.
    rest_port : int, optional
        By default a free one; `rest.port` of the answer says which.
    tuning : Tuning, optional
        See `job_options`.
    """
    return {
        **job_options(checkpoints, tuning),
        **LOOPBACK,
        "rest.port": str(rest_port or processes.free_ports(1)[0]),
        "parallelism.default": str(parallelism),
        "taskmanager.numberOfTaskSlots": str(parallelism),
        "taskmanager.memory.managed.size": f"{128 * parallelism}m",
        "taskmanager.memory.network.min": "64m",
        "taskmanager.memory.network.max": "64m",
        "io.tmp.dirs": str((checkpoints / "tmp").resolve()),
    }

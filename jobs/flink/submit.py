"""Starting a job: in a mini-cluster of this process (`embedded`) or on a session cluster (`session`). One graph."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path

from jobs.flink import options as flink
from jobs.flink.rest import Rest, deepest_cause
from jobs.flink.running_job import RunningJob
from jobs.services import jars, java
from tickproof.errors import ServiceError
from tickproof.settings import Settings

NAME = "tickproof"
WATERMARK_INTERVAL = {"pipeline.auto-watermark-interval": "50 ms"}


def start_embedded(
    settings: Settings,
    folder: Path,
    *,
    bounded: bool = False,
    savepoint: str | None = None,
    tuning: flink.Tuning | None = None,
    ready: Callable[[], None] = lambda: None,
) -> RunningJob:
    """Start the job in a mini-cluster inside this process's own JVM.

    Parameters
    ----------
    settings : Settings
        Brokers, topics, shards, parallelism, model and so on.
    folder : Path
        For checkpoints, savepoints and scratch files.
    bounded : bool
        End once the topic's present end is reached; everything becomes final.
    savepoint : str, optional
        Go on from here.
    tuning : Tuning, optional
        Latency against throughput.
    ready : callable, optional
        Called when the job is planned, which takes seconds and needs no broker, and comes back when it may start.
    """
    tuning = tuning or flink.Tuning(checkpoint_ms=settings.checkpoint_interval_ms)
    options = flink.embedded_options(folder, settings.parallelism, tuning=tuning)
    _log_to(folder / "log")
    where = f"127.0.0.1:{options['rest.port']}"
    return _start(settings, options, where, bounded=bounded, savepoint=savepoint, ready=ready)


def start_session(
    settings: Settings,
    cluster: str,
    *,
    bounded: bool = False,
    savepoint: str | None = None,
    tuning: flink.Tuning | None = None,
) -> RunningJob:
    """Submit the job to the session cluster at `HOST:PORT`."""
    host, _, port = cluster.rpartition(":")
    tuning = tuning or flink.Tuning(checkpoint_ms=settings.checkpoint_interval_ms)
    options = flink.job_options(settings.checkpoint_folder, tuning, [jars.connector(), flink.python_jar()]) | {
        "execution.target": "remote",
        "execution.attached": "false",
        "rest.address": host,
        "rest.port": port,
        "parallelism.default": str(settings.parallelism),
        # Where our packages are, for workers on this machine whose Python does not have them installed.
        "python.pythonpath": str(Path(__file__).resolve().parents[2]),
    }
    _log_to(settings.checkpoint_folder / "log")
    return _start(settings, options, cluster, bounded=bounded, savepoint=savepoint)


def _start(
    settings: Settings,
    options: dict[str, str],
    rest: str,
    *,
    bounded: bool,
    savepoint: str | None,
    ready: Callable[[], None] = lambda: None,
) -> RunningJob:
    # One thread a worker, and our own Java, both read when pyflink is imported.
    os.environ.update(java.environment())
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from py4j.protocol import Py4JJavaError
    from pyflink.util.exceptions import JavaException

    from jobs.flink.topology import build

    if savepoint is not None:
        options = options | {"execution.state-recovery.path": savepoint}
    # The same for the same topics and group: a job that goes on where another was killed must end that one's open transactions,
    # or readers of committed records would wait for them until they time out.
    transactions = f"{settings.prefix}{settings.group}"
    embedded = "execution.target" not in options
    if embedded and threading.excepthook is not _leave_readers_alone:
        global _excepthook
        _excepthook, threading.excepthook = threading.excepthook, _leave_readers_alone
    # Collection frees objects of the JVM in whatever thread it happens to run; in another than the planner's, planning fails.
    collects = gc.isenabled()
    gc.disable()
    try:
        env = build(options | WATERMARK_INTERVAL, settings, transactions, bounded=bounded)
        ready()
        client = env.execute_async(NAME)
    except (Py4JJavaError, JavaException) as error:
        raise ServiceError(f"the job was not started: {deepest_cause(str(error))}") from error
    finally:
        if collects:
            gc.enable()
    return RunningJob(Rest(rest), str(client.get_job_id()), client if embedded else None)


def _log_to(folder: Path) -> None:
    """Where the JVM of this process, which is started once, writes its log: by default that is inside Flink's own package."""
    if "FLINK_LOG_DIR" not in os.environ:
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["FLINK_LOG_DIR"] = str(folder.resolve())


BEAM_READERS = ("read_grpc_client_inputs", "read_state")
_excepthook = threading.excepthook


def _leave_readers_alone(args: threading.ExceptHookArgs) -> None:
    """In a mini-cluster the Python stages are threads of this process. Beam's readers of their connections, when the job has
    ended and the connections with it, would print a trace as if that were an error; errors of stages come through Flink."""
    if args.thread is None or not args.thread.name.startswith(BEAM_READERS):
        _excepthook(args)

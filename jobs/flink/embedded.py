"""The embedded job in a process of its own: its noise goes to a file, it starts while the broker does, and it ends at once.

A mini-cluster brings a JVM and daemon threads into the process that starts it; a program with a terminal keeps them out this way.
`EmbeddedJob.start` runs this module as a child process; it is no command for a person, who calls `tickproof submit --embedded`.
`EmbeddedJob.start` may be called before the broker answers: imports, the JVM and the compiled kernels, which take most of the
time, are got ready meanwhile.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from jobs.flink.rest import Rest
from jobs.flink.stop_job import step_error
from jobs.kafka import topics
from jobs.services import java, processes
from tickproof.errors import ModelError, ServiceError
from tickproof.settings import Settings

ANNOUNCEMENT = "job.json"
"""Written by the process when its job is submitted: where its REST interface is, and the job's id."""
TOPICS_S = 120.0
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UnlockDiagnosticVMOptions", "-XX:-BytecodeVerificationRemote")
"""For a JVM of minutes: its second compiler, and proving again what javac made of jars whose hashes are locked, cost more than
they give. A broker is ready with half the processor time."""
SWITCH_S = 0.0002
JVM_ARGUMENTS = " ".join(("-Xms512m", "-Xmx1g", "-XX:+UseSerialGC", "-XX:-UsePerfData", *SHORT_LIVED))


@dataclass(frozen=True, slots=True)
class EmbeddedJob:
    """A job in a mini-cluster of its own process.

    Parameters
    ----------
    service : Service
        The process; its JVM and Python workers are in its group.
    folder : Path
        Logs, checkpoints and scratch files.
    """

    service: processes.Service
    folder: Path

    @classmethod
    def start(cls, settings: Settings, folder: Path) -> EmbeddedJob:
        """Start the process; it submits the job as soon as the topics are there, and ends with this process.

        Raises
        ------
        ServiceError
            The process does not start.
        """
        scratch, logs = folder / "scratch", folder / "log"
        for path in (scratch, logs):
            path.mkdir(parents=True, exist_ok=True)
        environment = java.environment() | {
            "OMP_NUM_THREADS": "1",
            # Flink would write its log into its own package, and Java and Beam their files into the machine's scratch folder.
            "FLINK_LOG_DIR": str(logs.resolve()),
            "TMPDIR": str(scratch.resolve()),
            "JVM_ARGS": f"{JVM_ARGUMENTS} -Djava.io.tmpdir={scratch.resolve()}",
        }
        command = [sys.executable, "-m", "jobs.flink.embedded", settings.model_dump_json(exclude_unset=True), str(folder)]
        return cls(processes.Service.start("the job", command, folder / "job.log", environment=environment), folder)

    def rest(self) -> tuple[Rest, str] | None:
        """Flink's REST interface and the job's id; None until the job is submitted.

        Raises
        ------
        ServiceError
            The process has ended; the line says why.
        """
        try:
            said = json.loads((self.folder / ANNOUNCEMENT).read_text(encoding="utf-8"))
        except FileNotFoundError:
            self.check()
            return None
        return Rest(said["rest"]), said["job"]

    def check(self) -> None:
        """Raise ServiceError if the process has ended, StepError if it did because a step fails on everything."""
        if not self.service.running():
            cause = processes.last_cause(self.service.said())
            stopped = step_error(cause)
            if stopped is not None:
                raise stopped
            raise ServiceError(f"the job ended: {cause}; its log is {self.service.log}")

    def stop(self) -> None:
        """End it where it stands."""
        self.service.kill()


def main(settings: Settings, folder: Path) -> None:
    """Plan the job, wait for the topics, run it."""
    from pyflink.java_gateway import get_gateway

    java_starts = threading.Thread(target=get_gateway)
    java_starts.start()
    from jobs.flink.submit import start_embedded

    # Planning would import them. After these this thread mostly waits for Java, and the other one has Python to itself.
    importlib.import_module("jobs.flink.topology")
    importlib.import_module("pyflink.fn_execution.beam.beam_worker_pool_service")
    java_starts.join()
    _await_reference(settings)
    # Planning is many short calls to Java: each would wait for the other thread to let go, by default up to 5 ms. They have to
    # come by one connection, because the planner remembers things by Java's thread; a collection of garbage in the other thread
    # would take that connection to tell Java what is gone.
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    gc.disable()
    kernels = threading.Thread(target=_warm, args=[settings.model], daemon=True)
    kernels.start()
    job = start_embedded(settings, folder, ready=lambda: _await_topics(settings))
    kernels.join()
    gc.enable()
    sys.setswitchinterval(usual_s)
    part = folder / f".{ANNOUNCEMENT}.part"
    part.write_text(json.dumps({"rest": job.rest.address, "job": job.id}), encoding="utf-8")
    part.replace(folder / ANNOUNCEMENT)
    job.wait()


def _warm(model: str) -> None:
    """Load kernels and model while Java plans the job: the stages, which are threads of this process, find them there.

    A model that does not fit is an error of the stages, which say so.
    """
    from jobs.offline.compile_all import warm

    with contextlib.suppress(ModelError):
        warm(model)


def _await_reference(settings: Settings) -> None:
    """Reference data may be written while this process starts; if they never are, reading them says so."""
    deadline = time.monotonic() + TOPICS_S
    while settings.reference is not None and not settings.reference.exists() and time.monotonic() < deadline:
        time.sleep(processes.POLL_S)


def _await_topics(settings: Settings) -> None:
    deadline = time.monotonic() + TOPICS_S
    while True:
        try:
            if len(topics.partitions(settings.brokers, settings.prefix)) == len(topics.TOPICS):
                return
        except ServiceError:
            pass
        if time.monotonic() > deadline:
            raise ServiceError(f"no topics at {settings.brokers} after {TOPICS_S:.0f} s; run `tickproof topics create`")
        time.sleep(processes.POLL_S)


if __name__ == "__main__":
    main(Settings.model_validate_json(sys.argv[1]), Path(sys.argv[2]))

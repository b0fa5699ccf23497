"""A real Kafka broker for demos, tests and single machines: KRaft in one process, on loopback ports, over one data folder."""

from __future__ import annotations

import base64
import fcntl
import json
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from jobs.services import jars, java, processes
from tickproof.errors import ServiceError

READY_S = 120.0
"""How long a broker may take to answer: 3 s on an idle machine, 20 s were measured on a busy one."""
IDENTITY = "tickproof-broker.json"
"""File next to the data that says which Kafka wrote it; an older broker cannot read a newer metadata folder."""
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
OVERHEAD_BYTES = 64 * 1024
"""Bytes that a record batch adds to a message of the largest size: headers, key, framing."""

SETTINGS: dict[str, str | int] = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "auto.create.topics.enable": "false",
    # Flink's exactly-once sink asks for an hour by default, the broker's own default allows a quarter of one.
    "transaction.max.timeout.ms": 3_600_000,
    "message.max.bytes": MAX_MESSAGE_BYTES + OVERHEAD_BYTES,
    "replica.fetch.max.bytes": MAX_MESSAGE_BYTES + OVERHEAD_BYTES,
    # A single broker has no fail-over, so a killed one may come back at once.
    "broker.session.timeout.ms": 2_000,
    "broker.heartbeat.interval.ms": 500,
    # The cleaner takes this from the heap at start; its default is 128 MiB.
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    "file.delete.delay.ms": 1_000,
}
"""Everything but addresses and folders."""

LOGGING = """status=error
appender.console.type=Console
appender.console.name=CONSOLE
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %m (%c)%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=CONSOLE
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity stored next to a broker's data: Kafka's version, the cluster's id and the controller's port."""

    kafka: str
    cluster: str
    controller_port: int


class Broker:
    """A running broker; a context manager that stops it. It also stops when this process ends, however it ends.

    Parameters
    ----------
    service : Service
        Its process.
    folder : Path
        Configuration, log and data.
    port : int
        Where it listens on loopback.
    """

    def __init__(self, service: processes.Service, folder: Path, port: int) -> None:
        self.service = service
        self.folder = folder
        self.port = port

    @classmethod
    def start(
        cls,
        folder: Path,
        port: int | None = None,
        *,
        heap_mb: int = 512,
        tied: bool = True,
        java_options: Sequence[str] = (),
    ) -> Broker:
        """Start a broker over the data in `folder`, created if missing, and wait until it answers.

        Parameters
        ----------
        folder : Path
            Two brokers cannot share one.
        port : int, optional
            A loopback port; by default a free one.
        heap_mb : int
            Java's heap.
        tied : bool
            Whether it ends with this process.
        java_options : sequence of str
            Further options of its Java.

        Raises
        ------
        ServiceError
            The port is taken, the data is another Kafka's, jars are missing, or it does not start; the message says which.
        """
        class_path = ":".join(map(str, jars.broker()))
        if port is not None:
            processes.check_port(port, "the broker", "--port")
        with _locked(folder) as lock:
            identity = _identity(folder)
            port = port or processes.free_ports(1)[0]
            configuration = _configure(folder, identity, port)
            run = [
                str(java.JAVA),
                f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}",
                "-XX:+UseSerialGC",
                *java_options,
                "-cp",
                class_path,
            ]
            if not (folder / "data" / "meta.properties").exists():
                _format(run, identity, configuration)
            command = [*run[:-2], f"-Xms{min(128, heap_mb)}m", f"-Xmx{heap_mb}m", *run[-2:], "kafka.Kafka", str(configuration)]
            service = processes.Service.start(
                "the broker", command, folder / "broker.log", environment=java.environment(), tied=tied, inherited=[lock]
            )
        broker = cls(service, folder, port)
        try:
            broker._wait()
        except BaseException:
            service.kill()
            raise
        return broker

    @property
    def brokers(self) -> str:
        """Return `bootstrap.servers` for clients."""
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Stop the broker cleanly; its data stays and can be started again."""
        self.service.stop()

    def __enter__(self) -> Broker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if not self.service.running():
                raise ServiceError(f"the broker ended at start: {_why(self.service)}; its log is {self.service.log}")
            if processes.listening(self.brokers) and answers(self.brokers, 1.0):
                return
            time.sleep(processes.POLL_S)
        raise ServiceError(f"the broker did not answer within {READY_S:.0f} s; its log is {self.service.log}")


def client(brokers: str, timeout_s: float = 5.0) -> AdminClient:
    """Return an admin client that does not log connection errors: callers see them as errors of its calls."""
    return AdminClient(
        {
            "bootstrap.servers": brokers,
            "log_level": 0,
            "socket.timeout.ms": max(1000, int(timeout_s * 1000)),
            "reconnect.backoff.max.ms": 500,
        }
    )


def answers(brokers: str, timeout_s: float = 5.0) -> bool:
    """Return whether a broker answers a metadata request and lists itself."""
    try:
        return bool(client(brokers, timeout_s).list_topics(timeout=timeout_s).brokers)
    except KafkaException:
        return False


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Lock the folder. The broker inherits the lock and holds it until it ends; Kafka's own comes only after it has read data.

    Raises
    ------
    ServiceError
        Another broker holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ServiceError(f"another broker uses {folder}; stop it, or choose another folder") from error
        yield file.fileno()


def _identity(folder: Path) -> Identity:
    """Return the identity of the data in `folder`, or a new one where there is no data."""
    path = folder / IDENTITY
    if not path.exists():
        if (folder / "data").exists():
            raise ServiceError(f"{folder / 'data'} has no {IDENTITY} next to it; choose another folder, or delete this one")
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # A name that begins with a dash would be read as an option.
        return Identity(jars.KAFKA_VERSION, "t" + cluster[1:], 0)
    try:
        identity = Identity(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ServiceError(
            f"{path} is not what a broker of ours wrote ({error}); choose another folder, or delete this one"
        ) from error
    if identity.kafka != jars.KAFKA_VERSION:
        raise ServiceError(
            f"{folder} holds data of Kafka {identity.kafka}, this is Kafka {jars.KAFKA_VERSION}; "
            "choose another folder, or delete this one"
        )
    return identity


def _configure(folder: Path, identity: Identity, port: int) -> Path:
    """Write the configuration of this start; return the path of server.properties."""
    controller = identity.controller_port
    if not controller or processes.listening(f"127.0.0.1:{controller}"):
        (controller,) = processes.free_ports(1)
    settings = SETTINGS | {
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
        "log.dirs": str(folder / "data"),
    }
    (folder / "log4j2.properties").write_text(LOGGING, encoding="ascii")
    configuration = folder / "server.properties"
    configuration.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    text = {"kafka": identity.kafka, "cluster": identity.cluster, "controller_port": controller}
    (folder / IDENTITY).write_text(json.dumps(text) + "\n", encoding="utf-8")
    return configuration


def _format(run: list[str], identity: Identity, configuration: Path) -> None:
    command = [*run[:1], "-Xmx128m", "-XX:TieredStopAtLevel=1", *run[1:], "kafka.tools.StorageTool", "format", "--standalone"]
    command += ["--ignore-formatted", "-t", identity.cluster, "-c", str(configuration)]
    done = subprocess.run(command, capture_output=True, text=True, env=java.environment(), stdin=subprocess.DEVNULL)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise ServiceError(
            f"the broker's folder {configuration.parent} cannot be formatted: {lines[-1] if lines else 'no reason given'}"
        )


def _why(service: processes.Service) -> str:
    """Return the reason of a failed start in our words if it is known, else the log's."""
    text = service.said()
    if "Address already in use" in text:
        return "its port is taken; stop what uses it, or give another with --port"
    if "No space left" in text:
        return "the disk is full; make room"
    return processes.last_cause(text)

"""A standalone Flink session cluster from the wheel: a JobManager and TaskManagers as plain processes with known pids.

A run folder holds all that is ours: `conf`, `lib` (links to the wheel's jars, which are never written to, and the connector),
`log`, `tmp` and `cluster.json`, from which another process can stop the cluster. Everything listens on loopback.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from jobs.flink import standalone
from jobs.flink.rest import Rest
from jobs.services import processes
from tickproof.errors import ServiceError

STATE = "cluster.json"
READY_S = 90.0
JOB_MANAGER = "job-manager"


@dataclass(frozen=True, slots=True)
class Member:
    """A process of a cluster: its pid and when it started, so that a reused pid is not taken for it."""

    pid: int
    started_s: float

    def alive(self) -> bool:
        """Whether that very process still runs."""
        return processes.started_at(self.pid) == self.started_s


class Cluster:
    """A running session cluster; a context manager that stops it.

    Parameters
    ----------
    folder : Path
        The run folder.
    rest : str
        `HOST:PORT` of Flink's REST interface.
    slots : int
        Slots of a TaskManager.
    members : dict
        Name -> process: `job-manager`, `task-manager-1`, …
    tied : bool
        Whether what is started from here ends with this process.
    """

    def __init__(self, folder: Path, rest: str, slots: int, members: dict[str, Member], tied: bool) -> None:
        self.folder = folder
        self.rest = rest
        self.slots = slots
        self._members = members
        self._tied = tied
        self._services: dict[str, processes.Service] = {}

    @classmethod
    def start(
        cls,
        folder: Path,
        task_managers: int = 1,
        slots: int = 2,
        *,
        port: int | None = None,
        tied: bool = True,
        options: Mapping[str, str] | None = None,
    ) -> Cluster:
        """Start a cluster and wait until all its slots are there.

        Parameters
        ----------
        folder : Path
            The run folder; made if it is not there.
        task_managers, slots : int
            How many, and how many slots each.
        port : int, optional
            Of the REST interface; by default a free one.
        tied : bool
            Whether it ends with this process.
        options : mapping, optional
            Flink options besides; they win.

        Raises
        ------
        ServiceError
            A cluster runs in this folder, the port is taken, jars are wrong, or it does not come up.
        """
        folder = folder.resolve()
        if (folder / STATE).exists() and cls.attach(folder).alive():
            raise ServiceError(f"a cluster runs in {folder} already; `tickproof cluster stop --folder {folder}` stops it")
        if port is not None:
            processes.check_port(port, "Flink's REST interface", "--port")
        rest_port, rpc_port, blob_port = processes.free_ports(3)
        rest_port = port or rest_port
        ports = {
            "rest.port": rest_port,
            "rest.bind-port": rest_port,
            "jobmanager.rpc.port": rpc_port,
            "blob.server.port": blob_port,
        }
        standalone.prepare(
            folder,
            {**standalone.defaults(folder, slots), **{name: str(value) for name, value in ports.items()}, **(options or {})},
        )
        cluster = cls(folder, f"127.0.0.1:{rest_port}", slots, {}, tied)
        try:
            cluster._start_member(JOB_MANAGER, standalone.job_manager(folder))
            for _ in range(task_managers):
                cluster.start_task_manager()
            cluster.wait_ready()
        except BaseException:
            cluster.stop()
            raise
        return cluster

    @classmethod
    def attach(cls, folder: Path) -> Cluster:
        """The cluster that another process started in `folder`.

        Raises
        ------
        ServiceError
            None was, or its state cannot be read.
        """
        path = folder.resolve() / STATE
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
            members = {name: Member(**one) for name, one in state["members"].items()}
            return cls(folder.resolve(), state["rest"], state["slots"], members, tied=False)
        except FileNotFoundError:
            raise ServiceError(
                f"no cluster was started in {folder}; `tickproof cluster start --folder {folder}` starts one"
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise ServiceError(
                f"{path} is not what a cluster of ours wrote ({error}); delete it once its processes are gone"
            ) from error

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run, by name."""
        return {name: member.pid for name, member in self._members.items() if member.alive()}

    def alive(self) -> bool:
        """Whether the JobManager runs."""
        return JOB_MANAGER in self.pids

    def task_managers(self) -> list[str]:
        """Names of the TaskManagers that run, the oldest first."""
        return [name for name in self.pids if name != JOB_MANAGER]

    def start_task_manager(self) -> str:
        """Start one more TaskManager; returns its name. It is there after `wait_ready`."""
        numbers = [int(name.rpartition("-")[2]) for name in (*self._members, *self._services) if name != JOB_MANAGER]
        name = f"task-manager-{max(numbers, default=0) + 1}"
        self._start_member(name, standalone.task_manager(self.folder, name, self.slots))
        return name

    def kill_task_manager(self, number: int = signal.SIGKILL, name: str | None = None) -> int:
        """Send a signal to a TaskManager's whole group, Python workers included; returns its pid.

        Parameters
        ----------
        number : int
            The signal.
        name : str, optional
            Which; by default the oldest that runs.
        """
        running = self.task_managers()
        name = name or (running[0] if running else None)
        if name is None or name not in running:
            raise ServiceError(
                f"no TaskManager {name or ''} runs in {self.folder}; `tickproof cluster status` lists those that do"
            )
        member = self._members[name]
        if number == signal.SIGKILL and name in self._services:
            self._services[name].kill()
        else:
            processes.signal_group(member.pid, number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            del self._members[name]
            self._write()
        return member.pid

    def wait_ready(self, timeout_s: float = READY_S) -> None:
        """Wait until every TaskManager that runs is registered with the JobManager.

        Raises
        ------
        ServiceError
            A process ended, or it takes too long.
        """
        rest = Rest(self.rest)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for name, service in self._services.items():
                if name in self._members and not service.running():
                    why = _why(service, self.folder / "log" / f"{name}.log")
                    raise ServiceError(f"{name} ended at start: {why}; its log is {service.log}")
            wanted = set(self.task_managers())
            # A TaskManager is listed a moment before its slots are.
            if rest.answers() and wanted <= set(rest.task_managers()) and rest.slots()[1] >= len(wanted) * self.slots:
                return
            time.sleep(processes.POLL_S)
        raise ServiceError(f"the cluster was not there within {timeout_s:.0f} s; its logs are in {self.folder / 'log'}")

    def stop(self) -> list[str]:
        """Stop all processes, TaskManagers first; returns the names of those that ran. Checkpoints and logs stay."""
        stopped = []
        for name in sorted(self._members, key=lambda name: name == JOB_MANAGER):
            service = self._services.pop(name, None)
            if service is not None:
                stopped += [name] if service.running() else []
                service.stop(3.0)
            elif processes.stop_group(self._members[name].pid, self._members[name].started_s, 3.0):
                stopped.append(name)
        self._members = {}
        (self.folder / STATE).unlink(missing_ok=True)
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        return stopped

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _start_member(self, name: str, command: list[str]) -> None:
        log = self.folder / "log" / f"{name}.out"
        service = processes.Service.start(name, command, log, environment=standalone.environment(self.folder), tied=self._tied)
        self._services[name] = service
        self._members[name] = Member(service.pid, processes.started_at(service.pid) or 0.0)
        self._write()

    def _write(self) -> None:
        members = {name: {"pid": one.pid, "started_s": one.started_s} for name, one in self._members.items()}
        text = json.dumps({"rest": self.rest, "slots": self.slots, "members": members}, indent=2)
        # Replaced whole, so that a reader never sees half of it.
        draft = self.folder / f"{STATE}.{os.getpid()}"
        draft.write_text(text + "\n", encoding="utf-8")
        draft.replace(self.folder / STATE)


def _why(service: processes.Service, log: Path) -> str:
    """What a process said before it ended: its log, else its output."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return processes.last_cause(text or service.said())

"""Child processes that always end: each in its own process group, which ends with this process however that ends.

A *tied* service has a guard: a tiny Python process that holds the read end of a pipe. When this process ends,
even by `kill -9`, the pipe closes and the guard kills the service's whole group. (PR_SET_PDEATHSIG would not do: it fires
when the *thread* that started the child ends, and does not reach grandchildren such as Flink's Python workers.)
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from tickproof.errors import ServiceError

GUARD = """
import os, signal, sys, time
if not sys.stdin.buffer.read(1):
    for number, wait_s in ((signal.SIGTERM, 3), (signal.SIGKILL, 0)):
        for _ in range(wait_s * 20 + 1):
            try:
                os.killpg(int(sys.argv[1]), number if _ == 0 else 0)
            except OSError:
                sys.exit()
            time.sleep(0.05)
"""
POLL_S = 0.05
GRACE_S = 10.0
"""How long a service may take to end after SIGTERM."""


class Service:
    """A process of ours that leads its own process group.

    Parameters
    ----------
    name : str
        For messages.
    process : subprocess.Popen
        The running process.
    log : Path
        Where its output goes.
    log_start : int
        Where in `log` the output of this start begins.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, log_start: int = 0) -> None:
        self.name = name
        self.log = log
        self._log_start = log_start
        self._process = process
        self._guard: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str],
        tied: bool = True,
        inherited: Sequence[int] = (),
    ) -> Service:
        """Start `command` with output appended to `log`; a `tied` one ends with this process, another outlives it.

        File descriptors in `inherited`, such as a lock, stay open in it as long as it runs.

        Raises
        ------
        ServiceError
            The program or the log's folder is not there.
        """
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as output:
                start = output.tell()
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=dict(environment),
                    start_new_session=True,
                    pass_fds=inherited,
                )
        except OSError as error:
            raise ServiceError(
                f"{name} did not start: {error.filename or command[0]}: {error.strerror}; run `make setup`"
            ) from error
        service = cls(name, process, log, start)
        if tied:
            guard = [sys.executable, "-I", "-S", "-c", GUARD, str(process.pid)]
            service._guard = subprocess.Popen(guard, bufsize=0, stdin=subprocess.PIPE, start_new_session=True)
        return service

    @property
    def pid(self) -> int:
        """Return the id of the process and of its group."""
        return self._process.pid

    def running(self) -> bool:
        """Return whether the process is running."""
        return self._process.poll() is None

    def said(self) -> str:
        """Return what this start has written so far."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", "replace")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the whole group; after SIGKILL, wait until the process is gone."""
        signal_group(self.pid, number)
        if number == signal.SIGKILL:
            self._process.wait()
            self._release()

    def stop(self, grace_s: float = GRACE_S) -> None:
        """End the whole group: SIGTERM, then SIGKILL for what is left after `grace_s` or when the leader has gone."""
        if self.running():
            signal_group(self.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_s)
        signal_group(self.pid, signal.SIGKILL)
        self._process.wait()
        self._release()

    def _release(self) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._guard.stdin.write(b"x")
            self._guard.stdin.close()
            self._guard.wait()
            self._guard = None


def signal_group(group: int, number: int) -> None:
    """Send a signal to a process group; a group that has ended is ignored."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def started_at(pid: int) -> float | None:
    """Return when a process started, in s since the epoch, to recognise a reused pid; None if it has ended."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.NoSuchProcess:
        return None


def stop_group(pid: int, start_s: float, grace_s: float = GRACE_S) -> bool:
    """End the group of a process that another run of ours started; return False if it had ended already."""
    if started_at(pid) != start_s:
        return False
    signal_group(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while started_at(pid) == start_s and time.monotonic() < deadline:
        time.sleep(POLL_S)
    signal_group(pid, signal.SIGKILL)
    while started_at(pid) == start_s:
        time.sleep(POLL_S)
    return True


def free_ports(count: int) -> list[int]:
    """Return different free ports of the loopback interface."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def check_port(port: int, what: str, option: str) -> None:
    """Raise ServiceError if a loopback port that `what` needs is in use; `option` is how to choose another."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise ServiceError(
            f"port {port} for {what} is taken ({os.strerror(error.errno or 0)}); stop what uses it, or give another with {option}"
        ) from error


def listening(address: str) -> bool:
    """Return whether `host:port` accepts connections."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except (OSError, ValueError):
        return False
    return True


_CAUSE = re.compile(r"(?:Caused by: |ERROR |FATAL |Exception in thread|Error: |[\w.]+(?:Exception|Error): )")


def last_cause(said: str) -> str:
    """Return the line of a Java log that best explains its end: the last cause, else the last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    causes = [line for line in lines if _CAUSE.search(line) and not line.startswith("at ")]
    return (causes or lines or ["it left an empty log"])[-1][:300]

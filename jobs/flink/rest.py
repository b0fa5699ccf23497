"""A small client of Flink's REST interface: what runs, why it failed, stop, cancel, checkpoints, metrics."""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tickproof.errors import ServiceError

REQUEST_S = 10.0
POLL_S = 0.1
ENDED = frozenset({"FINISHED", "CANCELED", "FAILED"})
"""States that a job does not leave."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a cluster.

    Parameters
    ----------
    id : str
        32 hex digits.
    name : str
        As submitted.
    state : str
        INITIALIZING, CREATED, RUNNING, RESTARTING, FINISHED, CANCELED, FAILED, …
    duration_ms : int
        Since it started.
    """

    id: str
    name: str
    state: str
    duration_ms: int


class Rest:
    """Flink at `HOST:PORT`. Every call raises ServiceError when Flink does not answer or refuses.

    Parameters
    ----------
    address : str
        `HOST:PORT` of the JobManager's REST interface.
    """

    def __init__(self, address: str) -> None:
        self.address = address.removeprefix("http://").rstrip("/")

    def call(self, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> dict[str, Any]:
        """One request; POST if it has a body."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://{self.address}{path}",
            data,
            {"Content-Type": "application/json"},
            method=method or ("POST" if data else "GET"),
        )
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_S) as response:
                answer: dict[str, Any] = json.loads(response.read() or b"{}")
                return answer
        except urllib.error.HTTPError as error:
            said = error.read().decode("utf-8", "replace")
            raise ServiceError(f"Flink at {self.address} refused {path} ({error.code}): {_refusal(said)}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise ServiceError(
                f"no Flink answers at {self.address} ({reason}); `tickproof cluster start` starts one, or give another address"
            ) from error

    def answers(self) -> bool:
        """Whether Flink is there."""
        try:
            self.call("/config")
        except ServiceError:
            return False
        return True

    def version(self) -> str:
        """Flink's version."""
        return str(self.call("/config")["flink-version"])

    def slots(self) -> tuple[int, int]:
        """Free slots and all slots."""
        overview = self.call("/overview")
        return int(overview["slots-available"]), int(overview["slots-total"])

    def task_managers(self) -> list[str]:
        """Ids of the TaskManagers that are registered."""
        return [str(one["id"]) for one in self.call("/taskmanagers")["taskmanagers"]]

    def jobs(self) -> list[Job]:
        """All jobs that the cluster remembers, the newest first."""
        found = sorted(self.call("/jobs/overview")["jobs"], key=lambda job: (-job["start-time"], job["jid"]))
        return [Job(job["jid"], job["name"], job["state"], max(0, int(job["duration"]))) for job in found]

    def state(self, job: str) -> str:
        """A job's state."""
        return str(self.call(f"/jobs/{job}")["state"])

    def vertices(self, job: str) -> list[dict[str, Any]]:
        """A job's stages: `id`, `name`, `parallelism`, `status`, counts of subtasks by state in `tasks`."""
        return list(self.call(f"/jobs/{job}")["vertices"])

    def running(self, job: str) -> bool:
        """Whether every subtask of a job runs (a job is RUNNING before its Python workers have started)."""
        found = self.call(f"/jobs/{job}")
        return found["state"] == "RUNNING" and all(one["status"] in ("RUNNING", "FINISHED") for one in found["vertices"])

    def cause(self, job: str) -> str | None:
        """The deepest cause of a job's last failure in one line; None if nothing failed yet."""
        found = self.call(f"/jobs/{job}/exceptions")
        entries = found.get("exceptionHistory", {}).get("entries", [])
        trace = entries[0].get("stacktrace", "") if entries else found.get("root-exception")
        return deepest_cause(trace) if trace else None

    def failures(self, job: str) -> int:
        """How often a job has failed, so far as the cluster remembers."""
        return len(self.call(f"/jobs/{job}/exceptions").get("exceptionHistory", {}).get("entries", []))

    def checkpoints(self, job: str) -> dict[str, Any]:
        """Counts and the latest of a job's checkpoints: `counts`, `latest` as Flink gives them."""
        return self.call(f"/jobs/{job}/checkpoints")

    def completed_checkpoints(self, job: str) -> int:
        """How many checkpoints of a job have completed."""
        return int(self.checkpoints(job)["counts"]["completed"])

    def metrics(self, job: str, vertex: str, names: Sequence[str]) -> dict[str, dict[str, float]]:
        """Sums, minima and so on over a stage's subtasks, by metric name; metrics that are not there are left out."""
        path = f"/jobs/{job}/vertices/{vertex}/subtasks/metrics?get={','.join(names)}"
        answer: Any = self.call(path)
        return {one["id"]: {name: float(value) for name, value in one.items() if name != "id"} for one in answer}

    def cancel(self, job: str) -> None:
        """Ask a job to end where it stands; its last checkpoint is kept."""
        self.call(f"/jobs/{job}?mode=cancel", method="PATCH")

    def stop_with_savepoint(self, job: str, folder: str, timeout_s: float = 120.0, drain: bool = False) -> str:
        """Stop a job in order and return the path of its savepoint.

        Parameters
        ----------
        job : str
            Its id.
        folder : str
            Where savepoints go.
        timeout_s : float
            How long to wait.
        drain : bool
            Also send the final watermark, so that everything becomes final; such a job is not to be resumed.
        """
        trigger = self.call(f"/jobs/{job}/stop", {"targetDirectory": folder, "drain": drain})["request-id"]
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            found = self.call(f"/jobs/{job}/savepoints/{trigger}")
            if found["status"]["id"] == "COMPLETED":
                operation = found["operation"]
                if "location" in operation:
                    return str(operation["location"])
                reason = deepest_cause(operation.get("failure-cause", {}).get("stack-trace", ""))
                raise ServiceError(f"job {job} was not stopped: {reason}")
            time.sleep(POLL_S)
        raise ServiceError(f"job {job} took no savepoint within {timeout_s:.0f} s; see `tickproof jobs`, or cancel it")

    def wait_running(self, job: str, timeout_s: float = 120.0, failures: int = 1) -> None:
        """Wait until every subtask of a job runs, or it has finished.

        Parameters
        ----------
        job : str
            Its id.
        timeout_s : float
            How long to wait.
        failures : int
            A job that fails at start would be restarted over and over; after so many failures its cause is raised.

        Raises
        ------
        ServiceError
            It failed, or takes too long; the line has the deepest cause. The job is left as it is.
        """
        deadline = time.monotonic() + timeout_s
        while not self.running(job):
            state = self.state(job)
            if state == "FINISHED":
                return
            if state in ENDED or self.failures(job) >= failures:
                raise ServiceError(f"job {job} does not run ({state}): {self.cause(job) or 'no cause given'}")
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"job {job} is {state} after {timeout_s:.0f} s, expected every subtask to run; see `tickproof doctor`"
                )
            time.sleep(POLL_S)

    def wait(self, job: str, states: frozenset[str] = ENDED, timeout_s: float = 120.0) -> str:
        """Wait until a job is in one of `states`; returns which."""
        deadline = time.monotonic() + timeout_s
        while (state := self.state(job)) not in states:
            if time.monotonic() > deadline:
                raise ServiceError(f"job {job} is {state} after {timeout_s:.0f} s, expected {' or '.join(sorted(states))}")
            time.sleep(POLL_S)
        return state


_CAUSED = re.compile(r"^(?:Caused by: )?(?P<kind>[\w.$]+(?:Exception|Error|Throwable)\w*)(?:: (?P<text>.*))?$")
_PYTHON_END = re.compile(r"^(?P<kind>[A-Za-z_][\w.]*)(?:: (?P<text>.*))?$")


def deepest_cause(trace: str) -> str:
    """The innermost cause in a Java stack trace, in one line: a Python exception if there is one, else the last `Caused by`."""
    before, python, inner = trace.rpartition("Traceback (most recent call last):")
    if python:
        for line in inner.splitlines()[1:]:
            # The frames are indented; the first line that is not names the exception.
            if line and not line[0].isspace() and (found := _PYTHON_END.match(line)):
                return _named(found["kind"], found["text"])
    causes = [found for line in (before or trace).splitlines() if (found := _CAUSED.match(line.strip()))]
    if causes:
        return _named(causes[-1]["kind"], causes[-1]["text"])
    lines = [line.strip() for line in trace.splitlines() if line.strip()]
    return lines[0][:300] if lines else "no reason given"


def _named(kind: str, text: str | None) -> str:
    name = kind.rpartition(".")[2]
    return f"{name}: {text.strip()}"[:500] if text and text.strip() else name


def _refusal(said: str) -> str:
    try:
        errors = json.loads(said)["errors"]
        return deepest_cause(errors[-1])
    except (ValueError, KeyError, IndexError, TypeError):
        return " ".join(said.split())[:200] or "no reason given"

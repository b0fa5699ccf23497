"""A job whose step fails on everything is cancelled, and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from jobs.flink import stop_job
from jobs.flink.rest import Job, Rest
from jobs.flink.running_job import RunningJob
from jobs.flink.stop_job import job_is_stopped, step_error, stop_failed
from tickproof.errors import ServiceError, StepError

CAUSE = "StepError: shard 1: 1,000 ticks in a row failed alike"


@dataclass
class Cluster:
    """Flink's REST interface: jobs with a state and the cause of the last failure."""

    known: dict[str, tuple[str, str | None]]
    cancelled: list[str] = field(default_factory=list)
    refusals: int = 0
    then: Callable[[Cluster], None] = lambda cluster: None

    def jobs(self) -> list[Job]:
        if self.refusals:
            self.refusals -= 1
            raise ServiceError("no Flink answers")
        found = [Job(name, "tickproof", state, 1) for name, (state, _) in self.known.items()]
        self.then(self)
        return found

    def state(self, job: str) -> str:
        return self.known[job][0]

    def cause(self, job: str) -> str | None:
        return self.known[job][1]

    def cancel(self, job: str) -> None:
        self.cancelled.append(job)
        self.known[job] = ("CANCELED", self.known[job][1])


def rest(cluster: Cluster) -> Rest:
    return cast("Rest", cluster)


def test_only_such_a_job_is_cancelled_and_only_where_it_still_runs() -> None:
    cluster = Cluster(
        {
            "broken": ("RESTARTING", CAUSE),
            "fine": ("RUNNING", None),
            "waits for its broker": ("RESTARTING", "TimeoutException: no broker"),
            "was broken": ("CANCELED", CAUSE),
        }
    )
    assert stop_failed(rest(cluster)) == ["broken"]
    assert cluster.cancelled == ["broken"]


def test_it_waits_until_flink_has_written_down_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_job.time, "sleep", lambda seconds: None)

    def fails(cluster: Cluster) -> None:
        cluster.known["broken"] = ("RESTARTING", CAUSE)

    cluster = Cluster({"broken": ("RUNNING", None)}, refusals=2, then=fails)
    assert stop_failed(rest(cluster)) == ["broken"]


def test_it_gives_up_where_nothing_is_broken() -> None:
    assert stop_failed(rest(Cluster({"fine": ("RUNNING", None)})), wait_s=0) == []


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (CAUSE, "shard 1: 1,000 ticks in a row failed alike"),
        ("tickproof.errors.StepError: channel X: a step fails", "channel X: a step fails"),
        ("ValueError: boom", None),
        (None, None),
    ],
)
def test_the_cause_tells(cause: str | None, text: str | None) -> None:
    found = step_error(cause)
    assert (None if found is None else str(found)) == text


def test_who_watches_a_job_cancels_it_and_raises_the_reason() -> None:
    cluster = Cluster({"broken": ("RESTARTING", CAUSE), "fine": ("RESTARTING", "TimeoutException: no broker")})
    RunningJob(rest(cluster), "fine").check()
    for call in (RunningJob.check, RunningJob.wait, RunningJob.wait_running):
        cluster.known["broken"] = ("RESTARTING", CAUSE)
        with pytest.raises(StepError, match="shard 1: 1,000 ticks"):
            call(RunningJob(rest(cluster), "broken"))
    assert cluster.cancelled == ["broken"] * 3


def test_a_stage_on_a_cluster_starts_who_stops_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(stop_job.subprocess, "Popen", lambda command, **options: started.append(command))

    def stage(where: str | None, error: Exception) -> None:
        with job_is_stopped(where):
            raise error

    unwatched: list[tuple[Any, Exception]] = [("127.0.0.1:8081", ValueError()), (None, StepError("x"))]
    for where, error in unwatched:
        with pytest.raises(type(error)):
            stage(where, error)
    assert started == []
    with pytest.raises(StepError):
        stage("127.0.0.1:8081", StepError("x"))
    assert [command[1:] for command in started] == [["-m", "jobs.flink.stop_job", "127.0.0.1:8081"]]

"""The job on a session cluster, by its commands: a killed TaskManager costs time and nothing else."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from commands import program
from jobs.flink.cluster import Cluster
from jobs.flink.rest import ENDED, Rest
from jobs.flink.running_job import RunningJob
from jobs.kafka import topics
from jobs.services.broker import Broker
from tests.support import job_run as flow
from tests.support import kill_guarantees as holds
from tickproof.errors import ServiceError, SettingsError, StepError


def call(*arguments: str) -> Any:
    """What a command prints as JSON; its errors as they are raised."""
    result = CliRunner().invoke(program, [*arguments, "--json"], catch_exceptions=False, standalone_mode=False)
    return json.loads(result.stdout)


@pytest.mark.usefixtures("flink")
def test_a_job_on_a_session_cluster(broker: Broker, prefix: str, tmp_path: Path) -> None:
    run = broker.brokers, prefix
    topics.create(*run)
    stream = holds.faulty_market(minutes=0.5, symbols=10, rate=25.0, per_kind=1)
    sent = flow.framed(stream, 50)
    with Cluster.start(tmp_path / "cluster", task_managers=1, slots=2) as cluster:
        where = ["--cluster", cluster.rest]
        submit = ["submit", *where, "--brokers", run[0], "--prefix", prefix, "--model", flow.MODEL]
        submit += ["--checkpoint-interval-ms", "1000", "--checkpoint-folder", str(tmp_path / "state")]
        # The stream has heartbeats in every partition: after a slow restart none of them may be taken for idle.
        submit += ["--idle-after-s", "0"]
        with pytest.raises(ServiceError, match=r"Exception: .*no-such"):
            call(*submit, "--from-savepoint", str(tmp_path / "no-such"))
        with pytest.raises(SettingsError, match="found 0 jobs that run"):
            call("jobs", "stop", *where)

        job = RunningJob(Rest(cluster.rest), call(*submit)["job"])
        done = holds.killed(run, cluster, job, sent, kills=1)
        assert done.audit.problems() == []
        assert min(done.uncommitted) > 0
        stopped = call("jobs", "stop", *where, "--drain", "--savepoints", str(tmp_path / "savepoints"))
        assert (stopped["job"], str(tmp_path / "savepoints") in stopped["savepoint"]) == (job.id, True)
        job.wait_ended()
        listed = call("jobs", "list", *where)["jobs"][0]
        assert (listed["id"], listed["state"], listed["failures"] > 0) == (job.id, "FINISHED", True)
    assert flow.differences(flow.collect(*run), flow.expected(stream)) == []


BROKEN = """
try:
    from tickproof.shard import step as scoring
except ImportError:
    pass
else:
    def broken(*arguments):
        raise ArithmeticError("on purpose")
    scoring.step = broken
"""
"""A `sitecustomize` module: Python imports it when it starts, before any worker imports the steps."""


def test_a_job_on_a_cluster_that_nobody_watches_stops_where_a_step_fails_on_everything(
    broker: Broker, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow.keep_gateways()
    flow.publish(broker.brokers, prefix, flow.framed(holds.faulty_market(minutes=6.0, symbols=4, rate=10.0, per_kind=1)))
    (tmp_path / "sitecustomize.py").write_text(BROKEN)
    root = Path(__file__).resolve().parents[2]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), str(root))))
    with Cluster.start(tmp_path / "cluster", task_managers=1, slots=1) as cluster:
        where = ["--cluster", cluster.rest]
        submit = ["submit", *where, "--brokers", broker.brokers, "--prefix", prefix, "--model", "none", "--bounded"]
        submit += ["--checkpoint-folder", str(tmp_path / "state")]
        with suppress(StepError):
            # It may fail before the command has seen it run.
            call(*submit)
        flow.wait_until(lambda: all(job.state in ENDED for job in Rest(cluster.rest).jobs()))
        (listed,) = call("jobs", "list", *where)["jobs"]
        assert listed["state"] == "CANCELED"
        assert listed["cause"].startswith("StepError: shard ")
        assert "ArithmeticError: on purpose" in listed["cause"]
        # Cancelled, and not given up by Flink after as many restarts as it is allowed.
        assert 0 < listed["failures"] < 20
    assert flow.collect(broker.brokers, prefix).ticks == 0


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ([], click.UsageError, "choose one: --embedded or --cluster"),
        (["--embedded", "--bounded", "--from-savepoint", "x"], SettingsError, "leave one of them out"),
        (["--embedded", "--brokers", "127.0.0.1:1"], ServiceError, "no broker answers at"),
        (["--embedded", "--parallelism", "many"], SettingsError, "parallelism"),
    ],
)
def test_what_cannot_be_submitted(arguments: list[str], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call("submit", *arguments)

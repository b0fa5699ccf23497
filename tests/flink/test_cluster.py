"""A real session cluster: loopback only, a TaskManager killed and replaced, stopped by another process, nothing left behind."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from commands.cluster import command
from jobs.flink import options as flink
from jobs.flink import standalone
from jobs.flink.cluster import STATE, Cluster
from jobs.flink.rest import Rest
from jobs.services import jars
from tickproof.errors import ServiceError


@pytest.mark.usefixtures("flink")
def test_a_cluster_from_start_to_end(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(command, [*arguments, "--folder", str(folder)])
        return result.exit_code, result.output

    with Cluster.start(folder, task_managers=1, slots=2) as cluster:
        rest = Rest(cluster.rest)
        assert rest.slots() == (2, 2)
        assert rest.version() == flink.version()
        assert rest.jobs() == []
        connections = [one for pid in cluster.pids.values() for one in psutil.Process(pid).net_connections()]
        listening = {one.laddr.ip.removeprefix("::ffff:") for one in connections if one.status == psutil.CONN_LISTEN}
        assert listening == {"127.0.0.1"}

        with pytest.raises(ServiceError, match="a cluster runs in"):
            Cluster.start(folder)

        killed = cluster.kill_task_manager()
        assert not psutil.pid_exists(killed)
        assert cluster.start_task_manager() == "task-manager-2"
        cluster.wait_ready()

        status, said = run("status", "--json")
        assert (status, json.loads(said)["pids"]) == (0, cluster.pids)
        pids = list(cluster.pids.values())
        status, said = run("stop", "--json")
        assert (status, json.loads(said)["stopped"]) == (0, ["task-manager-2", "job-manager"])
    # Our own children are reaped when the context ends.
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not (folder / STATE).exists()
    assert not (folder / "tmp").exists()


def test_no_cluster_there(tmp_path: Path) -> None:
    for verb in ("stop", "status"):
        with pytest.raises(ServiceError, match="no cluster was started in"):
            CliRunner().invoke(command, [verb, "--folder", str(tmp_path)], catch_exceptions=False, standalone_mode=False)


def test_a_reused_pid_is_not_killed(tmp_path: Path) -> None:
    members = {"job-manager": {"pid": os.getpid(), "started_s": 1.0}}
    (tmp_path / STATE).write_text(json.dumps({"rest": "127.0.0.1:1", "slots": 1, "members": members}))
    cluster = Cluster.attach(tmp_path)
    assert not cluster.alive()
    assert cluster.stop() == []


@pytest.mark.parametrize("text", ["", "{}", '{"rest": "x", "slots": 1, "members": {"job-manager": {"pid": 1}}}'])
def test_a_state_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / STATE).write_text(text)
    with pytest.raises(ServiceError, match="is not what a cluster of ours wrote"):
        Cluster.attach(tmp_path)


def test_the_wheel_is_linked_and_never_written_to(tmp_path: Path) -> None:
    standalone.prepare(tmp_path, standalone.defaults(tmp_path, 1))
    standalone.prepare(tmp_path, standalone.defaults(tmp_path, 2))
    links = list((tmp_path / "lib").iterdir())
    assert all(link.is_symlink() for link in links)
    assert {link.name for link in links} == {path.name for path in (flink.home() / "lib").glob("*.jar")} | {jars.connector().name}
    assert 'taskmanager.numberOfTaskSlots: "2"' in (tmp_path / "conf" / "config.yaml").read_text()


def test_job_options(tmp_path: Path) -> None:
    options = flink.embedded_options(tmp_path, parallelism=2, tuning=flink.Tuning(checkpoint_ms=500))
    assert options["pipeline.jars"] == jars.connector().as_uri()
    assert options["python.executable"] == options["python.client.executable"] == sys.executable
    assert options["execution.checkpointing.interval"] == "500 ms"
    assert (options["rest.bind-address"], options["web.submit.enable"]) == ("127.0.0.1", "false")
    assert int(options["rest.port"]) > 0

"""Doctor and preflight: what is wrong, the next action, and that what could not be checked is not called right."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from commands.doctor import command
from jobs.checks import doctor, preflight
from jobs.checks.check import Check, Row, State, Subject, run
from jobs.kafka import topics
from jobs.offline import compile_all
from jobs.services import jars
from jobs.services.broker import Broker
from tickproof.errors import ServiceError
from tickproof.settings import resolve

NOBODY = "127.0.0.1:1"


def subject(cluster: str | None = None, **options: Any) -> Subject:
    return Subject(resolve({}, {}, {"model": "none", **options}), cluster)


@pytest.mark.parametrize("name", ["python", "java", "names", "jars", "pairing", "ports"])
def test_this_installation_is_right(name: str) -> None:
    row = run(name, doctor.CHECKS[name], subject())
    assert (row.state, row.action) == (State.OK, ""), row


@pytest.mark.parametrize(("name", "check"), [*doctor.CHECKS.items(), *preflight.CHECKS.items()])
def test_every_row_is_one_line_and_a_failure_has_an_action(name: str, check: Check, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    wrong = subject(
        NOBODY,
        brokers=NOBODY,
        model="no-such-model",
        reference=tmp_path / "none.json",
        checkpoint_folder=tmp_path / "file" / "none",
    )
    row = run(name, check, wrong)
    assert row.found
    assert "\n" not in str(row)
    assert (row.state in (State.OK, State.SKIPPED)) or row.action
    assert row.state == State.OK or name not in ("python", "connector")


def test_what_is_not_there_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    wrong = subject(
        NOBODY,
        brokers=NOBODY,
        model="no-such-model",
        reference=tmp_path / "none.json",
        checkpoint_folder=tmp_path / "file" / "none",
    )
    assert {row.name: row.state for row in preflight.rows(wrong)} == {
        "python": State.OK,
        "connector": State.OK,
        "broker": State.FAIL,
        "topics": State.SKIPPED,
        "cluster": State.FAIL,
        "model": State.FAIL,
        "reference": State.FAIL,
        "checkpoints": State.FAIL,
    }
    with pytest.raises(ServiceError) as caught:
        preflight.require(wrong)
    for part in ("no Flink answers", f"no broker answers at {NOBODY}", "no-such-model", "none.json", "file/none"):
        assert part in str(caught.value)


def test_a_broker_that_nobody_named_is_a_warning_but_keeps_a_job_from_running() -> None:
    bare = Subject(resolve({"model": "none"}, {}))
    row = Row("broker", State.WARN, "no broker answers at 127.0.0.1:9092")
    found = preflight.broker(bare)
    if found.state == State.OK:
        pytest.skip("a broker of somebody's listens at 127.0.0.1:9092")
    assert (found.name, found.state, found.found) == (row.name, row.state, row.found)
    assert [one.name for one in preflight.problems(bare)] == ["broker"]


@pytest.mark.slow
def test_something_else_on_the_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        row = preflight.broker(subject(brokers=f"127.0.0.1:{other.getsockname()[1]}"))
    assert (row.state, "does not answer as a broker" in row.found) == (State.FAIL, True)


def test_topics_of_a_real_broker(broker: Broker, prefix: str) -> None:
    there = subject(brokers=broker.brokers, prefix=prefix)
    missing = run("topics", preflight.topic_table, there)
    assert (missing.state, missing.action) == (State.FAIL, "run `tickproof topics create`")
    topics.create(broker.brokers, prefix)
    assert preflight.problems(there) == []
    preflight.require(there)


def test_a_missing_jar(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TICKPROOF_CACHE", str(tmp_path))
    row = run("jars", doctor.jar_files, subject())
    assert (row.state, row.action) == (State.FAIL, "run `make setup`, which fetches it again")
    assert row.found.startswith(f"{len(jars.locked())} of {len(jars.locked())} are missing or wrong")
    assert run("connector", preflight.connector, subject()).state == State.FAIL


def test_a_name_of_ours_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: {"models": ["django-models"]})
    row = doctor.names(subject())
    assert (row.state, row.found) == (State.FAIL, "django-models owns the top-level name models")


def test_versions_that_do_not_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PAIRING", {"apache-flink": "2.2.0"})
    row = doctor.pairing(subject())
    assert row.state == State.FAIL
    assert "expected 2.2.0" in row.found


@pytest.mark.slow
def test_the_command() -> None:
    result = CliRunner().invoke(command, ["--brokers", NOBODY, "--model", "none", "--json"])
    rows = {row["name"]: row for row in json.loads(result.output)["checks"]}
    assert list(rows) == list(doctor.CHECKS)
    assert rows["broker"]["state"] == "fail"
    assert rows["broker"]["action"]
    assert result.exit_code == 1
    plain = CliRunner().invoke(command, ["--brokers", NOBODY, "--model", "none"])
    assert plain.exit_code == 1
    assert f"no broker answers at {NOBODY}" in plain.output


def test_kernels_are_compiled_only_when_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(compile_all, "compile_all", lambda: calls.append("compiled"))
    arguments = ["--brokers", NOBODY, "--model", "none", "--json"]
    names = [row["name"] for row in json.loads(CliRunner().invoke(command, arguments).output)["checks"]]
    assert (calls, "kernels" in names) == ([], False)
    first = json.loads(CliRunner().invoke(command, [*arguments, "--compile"]).output)["checks"][0]
    assert calls == ["compiled"]
    assert (first["name"], first["state"]) == ("kernels", "ok")

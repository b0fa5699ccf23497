"""What every test may use: a real broker, Flink, a topic prefix of its own, the shared recordings; and the markers they imply.

A test that asks for the fixture `broker`, `flink` or `shared`, directly or through another fixture, carries the marker of that
name, so `make test-fast` leaves it out without anybody having marked it. A test that starts a service without asking fails. What
a test gives to `record_property("note", text)` is printed at the end of the run, whichever worker it ran in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

from jobs.services import processes
from jobs.services.broker import Broker

# How long an example takes depends on what else the machine does, and says nothing about the code.
settings.register_profile("tickproof", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tickproof")

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("broker", "flink")
MARKED_BY_FIXTURE = (*SERVICES, "shared")
"""Fixtures, each with the marker of its name."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by the fixtures that it uses, however indirectly."""
    for item in items:
        for name in MARKED_BY_FIXTURE:
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the notes of tests that passed."""
    notes = [value for one in terminalreporter.getreports("passed") for name, value in one.user_properties if name == "note"]
    if notes:
        terminalreporter.section("notes")
        for note in notes:
            terminalreporter.write_line(str(note))


@pytest.fixture(autouse=True)
def _no_service_without_its_marker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that starts a broker or a cluster in this process and is not marked for it."""
    if any(request.node.get_closest_marker(name) for name in SERVICES):
        return

    def refuse(name: str, *_: object, **__: object) -> NoReturn:
        pytest.fail(f"this test starts {name}: let it use the fixture `broker` or `flink`, so that it is marked")

    monkeypatch.setattr(processes.Service, "start", refuse)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Run a real broker, one for each worker of the test run, started when the first test asks for it."""
    with Broker.start(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="session")
def flink() -> None:
    """Let this process start Flink: its JVM is shared by the worker's jobs and ends with the worker."""
    # pyflink takes seconds to import, and most runs of a few tests have no use for it.
    from tests.support.job_run import keep_gateways

    keep_gateways()


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """Return a topic prefix of this test's own, so that tests share the broker and nothing else."""
    return f"test-{hashlib.blake2b(request.node.nodeid.encode(), digest_size=6).hexdigest()}."


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of shared files; the test is skipped where there is none."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the shared files are not at ../shared")
    return folder


@pytest.fixture(scope="session")
def data(shared: Path) -> Path:
    """Return the folder of shared recordings; the test is skipped where there is none."""
    folder = shared / "data"
    if not folder.is_dir():
        pytest.skip("the shared recordings are not at ../shared/data")
    return folder

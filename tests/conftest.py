"""Fixtures that many tests share: one real broker for the whole run, a topic prefix for each test, the shared recordings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.services.broker import Broker

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker, started when the first test asks for it."""
    with Broker.start(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A topic prefix of this test's own, so that tests share the broker and nothing else."""
    return f"test-{hashlib.blake2b(request.node.nodeid.encode(), digest_size=6).hexdigest()}."


@pytest.fixture(scope="session")
def data() -> Path:
    """The shared recordings; the test is skipped where they are not."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared recordings are not at ../shared/data")
    return folder

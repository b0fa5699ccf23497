"""Everything that must hold, in full: run by `make acceptance`, and left alone by a run of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
TIMEOUT_S = 7_200
"""A test here takes minutes, and on a crowded machine many."""
FIGURES: list[str] = []


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Only what is asked for by name."""
    asked = [Path(config.invocation_params.dir, argument.partition("::")[0]).resolve() for argument in config.args]
    wanted = any(one == HERE or HERE in one.parents for one in asked)
    return None if wanted else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test of this folder longer than others until it counts as hanging."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines for the end of the run: what was measured."""
    return FIGURES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures."""
    if FIGURES:
        terminalreporter.section("figures")
        for line in FIGURES:
            terminalreporter.line(line)

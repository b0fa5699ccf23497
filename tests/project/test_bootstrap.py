"""Set-up's own decisions: the machine, the disk, foreign packages, and one line for what pip and uv say."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from jobs.checks import doctor
from jobs.services import jars


@pytest.fixture(scope="module")
def bootstrap(root: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location("bootstrap", root / ".ci" / "bootstrap.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("version", "system", "machine"), [((3, 10), "Linux", "x86_64"), ((3, 13), "Linux", "x86_64"), ((3, 11), "Darwin", "arm64")]
)
def test_a_wrong_machine(bootstrap: ModuleType, version: tuple[int, int], system: str, machine: str) -> None:
    with pytest.raises(bootstrap.SetupError, match=r"found .* expected"):
        bootstrap.check_machine(version, system, machine)


def test_a_right_machine(bootstrap: ModuleType) -> None:
    for version in ((3, 11), (3, 12)):
        bootstrap.check_machine(version, "Linux", "x86_64")


def test_a_full_disk(bootstrap: ModuleType) -> None:
    bootstrap.check_disk(Path("/x"), 10, 10)
    with pytest.raises(bootstrap.SetupError, match="make room"):
        bootstrap.check_disk(Path("/x"), 10, 9)


def test_another_distribution_with_a_name_of_ours(bootstrap: ModuleType, tmp_path: Path) -> None:
    bootstrap.check_names(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "other-1.0.dist-info").mkdir()
    (tmp_path / "other-1.0.dist-info" / "RECORD").write_text("models/__init__.py,sha256=x,1\n")
    with pytest.raises(bootstrap.SetupError, match=r"other-1\.0\.dist-info owns the top-level name models"):
        bootstrap.check_names(tmp_path)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("error: Failed to fetch: `x`\n  cause: dns error", "check the network"),
        ("  cause: Hash mismatch for `six==1.17.0`\n", "another hash than the lock file: cause: Hash mismatch for `six==1.17.0`"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("The virtual environment was not created successfully because ensurepip is not available.", "python3-venv"),
        ("first\nlast words\n", "last words"),
        ("", "without a word"),
    ],
)
def test_what_a_tool_says_becomes_one_line(bootstrap: ModuleType, said: str, meant: str) -> None:
    line = bootstrap.meaning(said)
    assert meant in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "environment", [{"HOME": "/h"}, {"XDG_CACHE_HOME": "/c", "HOME": "/h"}, {"TICKPROOF_CACHE": "/t", "HOME": "/h"}]
)
def test_it_agrees_with_the_package_on_folders_and_names(bootstrap: ModuleType, environment: dict[str, str]) -> None:
    assert bootstrap.cache_folder(environment) == jars.cache_folder(environment)
    assert bootstrap.OUR_NAMES == doctor.OUR_NAMES


def test_everything_is_locked_with_hashes_and_without_addresses(bootstrap: ModuleType, root: Path) -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-uv.txt", "build-constraints.txt"):
        text = (root / name).read_text()
        assert "://" not in text
        pins = [block for block in re.split(r"\n(?=[a-z])", text) if "==" in block]
        assert pins
        assert all("--hash=sha256:" in pin for pin in pins), name


def test_what_the_project_asks_for_is_locked(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    for wanted, lock in (
        (project["project"]["dependencies"], "requirements.txt"),
        (project["dependency-groups"]["dev"], "requirements-dev.txt"),
    ):
        locked = set(re.findall(r"^([a-z0-9-]+)==", (root / lock).read_text(), re.MULTILINE))
        assert {re.split(r"[=<>\[ ]", name)[0] for name in wanted} <= locked

"""The jar lock: what it says, what is missing or changed, and that a wrong jar never comes into place. No network."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from requests.exceptions import ConnectionError

from jobs.services import jars
from jobs.services.jars import Jar
from tickproof.errors import ServiceError

CONTENT = b"a jar"
GOOD = Jar("org.example:thing:1.0", hashlib.sha256(CONTENT).hexdigest())


def test_the_lock_holds_each_root_once_and_no_address() -> None:
    locked = jars.locked()
    assert set(jars.ROOTS) <= {jar.coordinate for jar in locked}
    names = [jar.coordinate.rsplit(":", 1)[0] for jar in locked]
    assert len(names) == len(set(names)), "one version of each artifact"
    assert "//" not in jars.LOCK.read_text()
    assert [jar for jar in locked if jars.is_connector(jar)] == [
        Jar(jars.CONNECTOR_ROOT, "5605c691d11a501382c383fecba37a7a552467da5ab7ba904ef5d6f3d62c5616")
    ]


def test_files_are_named_as_maven_names_them() -> None:
    assert GOOD.file == "thing-1.0.jar"
    assert Jar("org.example:thing:1.0:linux-x86_64").file == "thing-1.0-linux-x86_64.jar"


def test_parse_skips_comments_and_refuses_anything_else() -> None:
    assert jars.parse(["# what", "", f"{GOOD.coordinate} {GOOD.sha256}  # why"]) == (GOOD,)
    for line in ("org.example:thing:1.0", "org.example:thing 00", f"thing {GOOD.sha256}"):
        with pytest.raises(ServiceError, match=r"jars\.lock, line 1"):
            jars.parse([line])


def test_missing_changed_and_whole(tmp_path: Path) -> None:
    assert "is not in" in str(jars.problem(GOOD, tmp_path))
    (tmp_path / GOOD.file).write_bytes(b"another jar")
    assert f"expected {GOOD.sha256}" in str(jars.problem(GOOD, tmp_path))
    (tmp_path / GOOD.file).write_bytes(CONTENT)
    assert jars.problem(GOOD, tmp_path) is None


def serve(monkeypatch: pytest.MonkeyPatch, answer: bytes | Exception) -> list[str]:
    """Replace the repository by one that always gives the same answer; returns what was asked for."""
    asked: list[str] = []

    def download(jar: Jar, work: Path) -> Path:
        asked.append(jar.coordinate)
        with jars._one_line(jar.coordinate):
            if isinstance(answer, Exception):
                raise answer
            path = work / jar.file
            path.write_bytes(answer)
            return path

    monkeypatch.setattr(jars, "download", download)
    return asked


def test_fetch_brings_what_is_missing_or_changed_and_only_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = serve(monkeypatch, CONTENT)
    assert jars.fetch([GOOD], tmp_path) == 1
    assert jars.fetch([GOOD], tmp_path) == 0
    (tmp_path / GOOD.file).write_bytes(b"half a j")
    assert jars.fetch([GOOD], tmp_path) == 1
    assert asked == [GOOD.coordinate] * 2
    assert [path.name for path in tmp_path.iterdir()] == [GOOD.file]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"another jar", "check what answers for Maven Central"),
        (ConnectionError("no route"), "check the network"),
        (RuntimeError("not found in remote repositories"), "not found in remote repositories"),
        (OSError(28, "No space left on device"), "No space left on device; make room"),
    ],
)
def test_a_fetch_that_fails_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: bytes | Exception, said: str
) -> None:
    serve(monkeypatch, answer)
    with pytest.raises(ServiceError, match=said) as caught:
        jars.fetch([GOOD], tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_jars_in_use_are_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TICKPROOF_CACHE", str(tmp_path))
    with pytest.raises(ServiceError, match=r"run `make setup`"):
        jars.broker()

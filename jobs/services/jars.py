"""Jars by Maven coordinate, each checked against `jars.lock`: the broker's runtime closure and Flink's Kafka connector.

The lock has a coordinate and a SHA-256 a line and no addresses. Jars are kept in one cache folder for all checkouts of a person,
so that only the first needs the network. `make setup` runs this module to fetch the jars that are missing, `make lock` runs it to
renew the lock; nobody needs to start it by hand.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tickproof.errors import ServiceError, TickproofError

LOCK = Path(__file__).resolve().parents[2] / "jars.lock"
BROKER_ROOT = "org.apache.kafka:kafka_2.13:4.2.0"
LOGGING_ROOT = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.3"
CONNECTOR_ROOT = "org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2"
ROOTS = (BROKER_ROOT, LOGGING_ROOT, CONNECTOR_ROOT)
"""The jars that are asked for. Each is resolved by itself: together, jgo mixed two versions of Kafka's classes."""
KAFKA_VERSION = BROKER_ROOT.rpartition(":")[2]
AGAIN = "run `make setup`, which fetches it again"
FETCHES = 6
"""Jars fetched at once."""


@dataclass(frozen=True, slots=True, order=True)
class Jar:
    """One line of the lock.

    Parameters
    ----------
    coordinate : str
        `group:artifact:version` or `group:artifact:version:classifier`.
    sha256 : str
        Lower-case hex; empty before it is locked.
    """

    coordinate: str
    sha256: str = ""

    @property
    def file(self) -> str:
        """Return the file name, as Maven names it."""
        _, artifact, version, *classifier = self.coordinate.split(":")
        return "-".join([artifact, version, *classifier]) + ".jar"


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the cache of all checkouts: TICKPROOF_CACHE, else `tickproof` in the user's cache (as .ci/bootstrap.py)."""
    if environment.get("TICKPROOF_CACHE"):
        return Path(environment["TICKPROOF_CACHE"])
    base = environment.get("XDG_CACHE_HOME") or os.path.join(environment.get("HOME", "~"), ".cache")
    return Path(base).expanduser() / "tickproof"


def folder() -> Path:
    """Return the folder of the jars."""
    return cache_folder() / "jars"


def parse(lines: Iterable[str]) -> tuple[Jar, ...]:
    """Return the jars of a lock.

    Raises
    ------
    ServiceError
        A line is not a coordinate and a SHA-256.
    """
    jars = []
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or words[0].count(":") not in (2, 3) or len(words[1]) != 64:
            raise ServiceError(
                f"jars.lock, line {number}: found {line.strip()!r}, expected group:artifact:version sha256; restore it from git"
            )
        jars.append(Jar(words[0], words[1]))
    return tuple(jars)


def locked() -> tuple[Jar, ...]:
    """Return the jars of `jars.lock`."""
    try:
        return parse(LOCK.read_text(encoding="ascii").splitlines())
    except OSError as error:
        raise ServiceError(f"{LOCK}: {error.strerror}; restore it from git") from error


def problem(jar: Jar, where: Path) -> str | None:
    """Return what is wrong with the copy of `jar` in `where`; None if it is there and has the locked hash."""
    path = where / jar.file
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return f"{jar.coordinate} is not in {where}; {AGAIN}"
    except OSError as error:
        return f"{path}: {error.strerror}; {AGAIN}"
    if found != jar.sha256:
        return f"{path} has SHA-256 {found}, expected {jar.sha256} (jars.lock); {AGAIN}"
    return None


def problems(jars: Iterable[Jar], where: Path) -> list[str]:
    """Return everything that is wrong with the copies of `jars`."""
    return [text for jar in jars if (text := problem(jar, where))]


def paths(jars: Iterable[Jar]) -> list[Path]:
    """Return the files of some jars, hashes checked.

    Raises
    ------
    ServiceError
        One is missing or has another hash.
    """
    jars = tuple(jars)
    wrong = problems(jars, folder())
    if wrong:
        raise ServiceError(wrong[0] if len(wrong) == 1 else f"{len(wrong)} jars are missing or wrong, the first: {wrong[0]}")
    return [folder() / jar.file for jar in jars]


def is_connector(jar: Jar) -> bool:
    """Return whether a jar is Flink's and not the broker's."""
    return jar.coordinate.startswith("org.apache.flink:")


def broker() -> list[Path]:
    """Return the broker's class path, hashes checked."""
    return paths(jar for jar in locked() if not is_connector(jar))


def connector() -> Path:
    """Return the path of Flink's Kafka connector, hash checked."""
    (path,) = paths(jar for jar in locked() if is_connector(jar))
    return path


def fetch(jars: Iterable[Jar], where: Path) -> int:
    """Fetch into `where` what is missing there or has another hash; return how many were fetched.

    A jar comes to its place whole or not at all, so an interrupted fetch is simply started again.

    Raises
    ------
    ServiceError
        No network, a full disk, or a fetched jar has another hash than the lock.
    """
    wanted = [jar for jar in jars if problem(jar, where)]
    if not wanted:
        return 0
    try:
        where.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=where, prefix="fetch-") as work, ThreadPoolExecutor(FETCHES) as pool:
            list(pool.map(lambda jar: _fetch(jar, Path(work), where), wanted))
    except OSError as error:
        raise ServiceError(
            f"{where}: {error.strerror or error}; make room or set TICKPROOF_CACHE, then run `make setup` again"
        ) from error
    return len(wanted)


def _fetch(jar: Jar, work: Path, where: Path) -> None:
    got = download(jar, work)
    with got.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != jar.sha256:
        raise ServiceError(
            f"{jar.coordinate} came with SHA-256 {found}, expected {jar.sha256} (jars.lock); it was not kept: "
            "check what answers for Maven Central on this machine"
        )
    os.replace(got, where / jar.file)


def download(jar: Jar, work: Path) -> Path:
    """Download one jar by its exact coordinate into a repository under `work`; its hash is not checked here."""
    group, artifact, version, *classifier = jar.coordinate.split(":")
    with _one_line(jar.coordinate):
        component = _repository(work).project(group, artifact).at_version(version)
        return Path(component.artifact(classifier[0] if classifier else "").resolve())


@contextmanager
def _one_line(coordinate: str) -> Iterator[None]:
    """Turn errors of jgo into one line. An OSError with a number is the disk's and passes, one without is an HTTP client's."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            raise
        raise ServiceError(
            f"{coordinate} was not fetched ({type(error).__name__}); check the network, run `make setup` again"
        ) from error
    except (RuntimeError, ValueError) as error:
        said = " ".join(str(error).split())[:160]
        raise ServiceError(f"{coordinate} was not fetched ({said}); run `make setup` again") from error


def _repository(work: Path) -> Any:
    # Imported late: it brings an HTTP client, and most callers only look at hashes.
    from jgo.maven import MavenContext

    return MavenContext(repo_cache=work, timeout=30)


def closure(root: str, work: Path) -> list[str]:
    """Return the coordinates of a root and its run-time dependencies, as Maven resolves them."""
    context = _repository(work)
    with _one_line(root):
        inputs, dependencies = context.resolver.resolve([context.create_dependency(root)])
    found = []
    for one in [*inputs, *dependencies]:
        if one.scope in (None, "compile", "runtime") and not one.optional:
            found.append(":".join(filter(None, [one.groupId, one.artifactId, one.version, one.artifact.classifier])))
    return found


def lock() -> tuple[Jar, ...]:
    """Resolve ROOTS and hash every jar; for maintainers.

    Raises
    ------
    ServiceError
        Two roots ask for two versions of one artifact, or there is no network.
    """
    with tempfile.TemporaryDirectory() as work:
        versions: dict[str, str] = {}
        for root in ROOTS:
            for coordinate in closure(root, Path(work)):
                group, artifact, _, *classifier = coordinate.split(":")
                name = ":".join([group, artifact, *classifier])
                if versions.setdefault(name, coordinate) != coordinate:
                    raise ServiceError(
                        f"{root} needs {coordinate}, another root {versions[name]}; choose versions of ROOTS that agree"
                    )
        jars = []
        for coordinate in sorted(versions.values()):
            content = download(Jar(coordinate), Path(work)).read_bytes()
            jars.append(Jar(coordinate, hashlib.sha256(content).hexdigest()))
    return tuple(jars)


def main(arguments: list[str]) -> int:
    """Fetch what is missing, or make the lock."""
    try:
        if arguments == ["lock"]:
            LOCK.write_text("".join(f"{jar.coordinate} {jar.sha256}\n" for jar in lock()), encoding="ascii")
        elif fetched := fetch(locked(), folder()):
            print(f"tickproof: fetched {fetched} jars into {folder()}")
    except TickproofError as error:
        print(f"tickproof: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

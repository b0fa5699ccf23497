"""Checks before a job is submitted. Flink itself would accept a job that lacks something, and restart it for ever."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from jobs.checks.check import Check, Row, State, Subject, run
from jobs.flink import options
from jobs.flink.rest import Rest
from jobs.kafka import topics
from jobs.pipeline.reference_file import load
from jobs.services import jars, processes
from jobs.services.broker import answers
from tickproof.errors import ServiceError

JOB_TOPICS = tuple(name for name in topics.BY_NAME if name != "replay.progress")
"""The topics that the job reads and writes."""


def python(_subject: Subject) -> Row:
    """Check that this Python, with which Flink starts its workers, is a supported version."""
    found = f"{sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]} at {sys.executable}"
    if sys.version_info[:2] not in ((3, 11), (3, 12)):
        return Row("python", State.FAIL, f"{found}, expected 3.11 or 3.12", "make setup PYTHON=/path/to/python3.12")
    if not os.access(sys.executable, os.X_OK):
        return Row("python", State.FAIL, f"{found} cannot be started", "run `make setup`")
    return Row("python", State.OK, found)


def connector(_subject: Subject) -> Row:
    """Check that Flink's Kafka connector is there and has the locked hash."""
    path = jars.connector()
    return Row("connector", State.OK, f"{path.name}, hash as locked")


def broker(subject: Subject) -> Row:
    """Check that a Kafka broker answers. Where no address was set, none is expected: embedded runs bring their own."""
    brokers = subject.effective.settings.brokers
    if answers(brokers, 3.0) if any(map(processes.listening, brokers.split(","))) else False:
        return Row("broker", State.OK, f"{brokers} answers")
    if any(map(processes.listening, brokers.split(","))):
        return Row(
            "broker", State.FAIL, f"something listens at {brokers} and does not answer as a broker", "give another with --brokers"
        )
    action = "start it, or give another with --brokers (`tickproof demo` brings its own)"
    state = State.WARN if subject.effective.is_default("brokers") else State.FAIL
    return Row("broker", state, f"no broker answers at {brokers}", action)


def topic_table(subject: Subject) -> Row:
    """Check that the job's topics exist with the configuration of the table."""
    settings = subject.effective.settings
    if broker(subject).state != State.OK:
        return Row("topics", State.SKIPPED, "no broker to ask")
    wrong = topics.check(settings.brokers, settings.prefix, JOB_TOPICS)
    if not wrong:
        return Row("topics", State.OK, f"{len(JOB_TOPICS)} topics with prefix {settings.prefix!r} are as defined")
    missing = any(one.setting == "topic" for one in wrong)
    action = (
        "run `tickproof topics create`" if missing else "fix them, or delete and create them: `tickproof topics check` lists all"
    )
    return Row(
        "topics", State.FAIL, "; ".join(map(str, wrong[:3])) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""), action
    )


def cluster(subject: Subject) -> Row:
    """Check that the session cluster answers, runs this version of Flink and has enough free slots."""
    if subject.cluster is None:
        return Row(
            "cluster",
            State.SKIPPED,
            "no session cluster was named",
            "`tickproof cluster start` starts one, --cluster HOST:PORT names it",
        )
    rest = Rest(subject.cluster)
    version, (free, total) = rest.version(), rest.slots()
    needed = subject.effective.settings.parallelism
    if version != options.version():
        action = "use a cluster of this version: `tickproof cluster start`"
        return Row("cluster", State.FAIL, f"Flink {version} at {subject.cluster}, this is {options.version()}", action)
    if free < needed:
        action = "cancel a job, start a TaskManager, or lower the parallelism"
        return Row(
            "cluster", State.FAIL, f"{free} of {total} slots at {subject.cluster} are free, the job needs {needed}", action
        )
    return Row("cluster", State.OK, f"Flink {version} at {subject.cluster}, {free} of {total} slots free")


def model(subject: Subject) -> Row:
    """Check that the model's folder exists and its files match its manifest. Whether it fits is checked on loading."""
    settings = subject.effective.settings
    if settings.is_rules_only:
        return Row("model", State.OK, "none: rules only")
    # Imported late: scikit-learn takes a second, and only this check needs it.
    from models.store.artifact import read_manifest
    from models.store.registry import find

    folder = find(settings.model)
    manifest = read_manifest(folder)
    for file, expected in manifest.files.items():
        try:
            found = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        except OSError as error:
            return Row("model", State.FAIL, f"{folder / file}: {error.strerror}", "train or copy the model again")
        if found != expected:
            return Row("model", State.FAIL, f"{folder / file} is not the file of its manifest", "train or copy the model again")
    return Row("model", State.OK, f"{settings.model}, version {manifest.version}")


def reference(subject: Subject) -> Row:
    """Check that the reference data, if given, can be loaded."""
    path = subject.effective.settings.reference
    if path is None:
        return Row("reference", State.OK, "none: tick sizes and crossing are learnt")
    load(path)
    return Row("reference", State.OK, str(path))


def checkpoints(subject: Subject) -> Row:
    """Check that checkpoints can be written."""
    folder = subject.effective.settings.checkpoint_folder
    there = next(path for path in (Path.cwd() / folder, *(Path.cwd() / folder).parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        return Row("checkpoints", State.FAIL, f"{folder} cannot be written to", "change the setting `checkpoint_folder`")
    return Row("checkpoints", State.OK, str(folder))


CHECKS: dict[str, Check] = {
    "python": python,
    "connector": connector,
    "broker": broker,
    "topics": topic_table,
    "cluster": cluster,
    "model": model,
    "reference": reference,
    "checkpoints": checkpoints,
}
"""The needs of a job, in the order in which problems should be fixed."""


def rows(subject: Subject) -> list[Row]:
    """Run all checks of a job."""
    return [run(name, check, subject) for name, check in CHECKS.items()]


def problems(subject: Subject) -> list[Row]:
    """Return what keeps a job from running: failures, and a missing broker even if no address was set."""
    return [row for row in rows(subject) if row.state == State.FAIL or (row.name == "broker" and row.state != State.OK)]


def require(subject: Subject) -> None:
    """Raise ServiceError with everything that keeps a job from running, each with its next action."""
    wrong = problems(subject)
    if wrong:
        raise ServiceError(" | ".join(map(str, wrong)))

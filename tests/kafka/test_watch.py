"""`tickproof watch` on a real broker: what is there, what comes, what is no finding, and a clean end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from confluent_kafka import Producer

from commands.watch import command, line
from jobs.kafka import topics
from jobs.kafka.findings_client import TOPIC, FindingsClient, Unreadable
from jobs.services.broker import Broker
from tickproof.errors import ServiceError
from tickproof.findings.finding import BY_NAME, Finding, encode

NS = 1_000_000_000


def found(identity: str, code: str = "spike", symbol: str | None = "IBM", revision: int = 0) -> Finding:
    kind = BY_NAME[code]
    return Finding(
        id=identity, revision=revision, class_=kind.class_, code=code, severity=kind.severity, feed="F", channel="F.A",
        venue="N" if symbol else None, symbol=symbol, first_ts=10 * NS, last_ts=12 * NS, detected_at=12 * NS, count=3,
        measured=101.5, threshold=100.25, unit="price",
    )  # fmt: skip


def publish(broker: Broker, prefix: str, *records: tuple[str, bytes | None]) -> None:
    producer = Producer({"bootstrap.servers": broker.brokers, "linger.ms": 0})
    for key, value in records:
        producer.produce(prefix + TOPIC, key=key, value=value)
    assert producer.flush(20) == 0


@pytest.fixture
def findings(broker: Broker, prefix: str) -> str:
    topics.create(broker.brokers, prefix, names=[TOPIC])
    return prefix


def watch(broker: Broker, prefix: str, *arguments: str) -> list[str]:
    result = CliRunner().invoke(command, ["--brokers", broker.brokers, "--prefix", prefix, *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout.splitlines()


def test_every_revision_is_a_line(broker: Broker, findings: str) -> None:
    first = found("a")
    closed = msgspec.structs.replace(first, revision=1, state="closed")
    publish(broker, findings, ("a", encode(first)), ("a", encode(closed)), ("b", None))
    assert watch(broker, findings, "--once") == [line(first), line(closed)]
    assert [msgspec.json.decode(text, type=Finding) for text in watch(broker, findings, "--once", "--json")] == [first, closed]


def test_severity_is_a_least(broker: Broker, findings: str) -> None:
    mixed = [found("a", "spike"), found("b", "crossed"), found("c", "locked")]
    publish(broker, findings, *((one.id, encode(one)) for one in mixed))
    said = [json.loads(text)["code"] for text in watch(broker, findings, "--once", "--json", "--severity", "warning")]
    assert said == ["spike", "crossed"]


def test_what_is_no_finding_is_said_and_passed_over(broker: Broker, findings: str) -> None:
    publish(broker, findings, ("x", b"{not json"), ("a", encode(found("a"))))
    result = CliRunner().invoke(command, ["--brokers", broker.brokers, "--prefix", findings, "--once"])
    assert result.stdout.splitlines() == [line(found("a"))]
    assert "no finding: partition 0, offset 0" in result.stderr


def test_now_leaves_out_what_was_there(broker: Broker, findings: str) -> None:
    publish(broker, findings, ("old", encode(found("old"))))
    with FindingsClient(broker.brokers, findings, "now") as client:
        assert client.is_caught_up
        publish(broker, findings, ("new", encode(found("new"))))
        got: list[Finding | Unreadable] = []
        while not got:
            got = client.poll()
        assert [one.id for one in got if isinstance(one, Finding)] == ["new"]


def test_an_empty_topic_ends_at_once(broker: Broker, findings: str) -> None:
    assert watch(broker, findings, "--once") == []


def test_a_missing_topic_says_what_to_do(broker: Broker, prefix: str) -> None:
    with pytest.raises(ServiceError, match="topics create"):
        FindingsClient(broker.brokers, prefix)


def test_no_broker_is_said() -> None:
    with pytest.raises(ServiceError, match="no broker answers at 127"):
        FindingsClient("127.0.0.1:1")


def test_control_c_is_quiet(broker: Broker, findings: str, root: Path) -> None:
    publish(broker, findings, ("a", encode(found("a"))))
    arguments = ["watch", "--brokers", broker.brokers, "--prefix", findings, "--from", "beginning"]
    with subprocess.Popen(
        [sys.executable, "-c", "from commands import main; main()", *arguments],
        cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == line(found("a")) + "\n"
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=30)
    # The shell shows ^C; what follows begins on a line of its own.
    assert (process.returncode, said, errors.strip()) == (130, "", "")


def test_a_line_says_what_was_measured() -> None:
    text = line(found("a"))
    assert text.startswith("1970-01-01T00:00:10.000Z critical spike ")
    assert "IBM@N" in text
    assert "×3 for 2 s, 101.5 price against 100.25 price" in text
    assert "F.A" in line(found("b", "sequence_gap", symbol=None))

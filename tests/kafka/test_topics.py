"""Topics against a real broker, and the comparison with the table without one."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from commands.topics import command
from jobs.kafka import topics
from jobs.services.broker import Broker
from tickproof.errors import ServiceError, SettingsError


def test_the_table_is_the_designs() -> None:
    assert list(topics.BY_NAME) == [
        "ticks.raw",
        "ticks.scored",
        "ticks.verdicts",
        "ticks.dead-letters",
        "feed.findings",
        "feed.statistics",
        "replay.progress",
    ]
    policies = {topic.name: topic.configuration()["cleanup.policy"] for topic in topics.TOPICS}
    assert {name for name, policy in policies.items() if policy == "compact"} == {"feed.findings", "replay.progress"}


@pytest.mark.parametrize("topic", topics.TOPICS, ids=lambda topic: topic.name)
def test_no_topic_forgets_history_by_its_timestamps(topic: topics.Topic) -> None:
    configuration = topic.configuration()
    assert configuration["retention.ms"] == "-1"
    assert configuration["message.timestamp.after.max.ms"] == str(2**63 - 1)
    assert int(configuration["max.message.bytes"]) == (8 if topic.name == "ticks.raw" else 16) * 1024 * 1024


def test_create_is_idempotent_and_what_it_makes_is_right(broker: Broker, prefix: str) -> None:
    made = topics.create(broker.brokers, prefix)
    assert made == [prefix + name for name in topics.BY_NAME]
    assert topics.create(broker.brokers, prefix) == []
    assert topics.check(broker.brokers, prefix) == []
    assert topics.delete(broker.brokers, prefix) == made
    assert {one.setting for one in topics.check(broker.brokers, prefix)} == {"topic"}


def test_partitions_are_of_topics_that_have_several(broker: Broker, prefix: str) -> None:
    topics.create(broker.brokers, prefix, partitions=2, names=["ticks.raw", "feed.findings"])
    assert topics.partitions(broker.brokers, prefix) == {prefix + "ticks.raw": 2, prefix + "feed.findings": 1}


def test_all_deviations_are_reported_at_once() -> None:
    topic = topics.BY_NAME["feed.findings"]
    found = topic.configuration() | {"cleanup.policy": "delete", "retention.ms": "604800000"}
    del found["max.message.bytes"]
    wrong = topics.deviations("x.feed.findings", topic, 3, found)
    assert [one.setting for one in wrong] == ["cleanup.policy", "retention.ms", "max.message.bytes", "partitions"]
    assert str(wrong[1]) == "topic x.feed.findings: retention.ms is 604800000, expected -1"


def test_old_future_and_large_messages_are_taken(broker: Broker, prefix: str) -> None:
    topics.create(broker.brokers, prefix, names=["ticks.dead-letters"])
    name = prefix + "ticks.dead-letters"
    producer = Producer({"bootstrap.servers": broker.brokers, "message.max.bytes": topics.DEAD_LETTER_MESSAGE_BYTES + 65536})
    failures: list[object] = []
    year_2014_ms, year_2100_ms = 1_400_000_000_000, 4_102_444_800_000
    # The largest message is the batch, so the value leaves room for its header.
    for timestamp, size in ((year_2014_ms, 10), (year_2100_ms, topics.DEAD_LETTER_MESSAGE_BYTES - 1024)):
        producer.produce(name, b"x" * size, timestamp=timestamp, on_delivery=lambda error, _: failures.append(error))
        assert producer.flush(30) == 0
    assert failures == [None, None]
    consumer = Consumer({"bootstrap.servers": broker.brokers, "group.id": prefix})
    consumer.assign([TopicPartition(name, 0, OFFSET_BEGINNING)])
    messages = consumer.consume(2, timeout=30)
    consumer.close()
    assert [message.timestamp()[1] for message in messages] == [year_2014_ms, year_2100_ms]


def test_a_topic_that_is_not_in_the_table() -> None:
    with pytest.raises(SettingsError, match="no such topic: ticks"):
        topics.named("", ["ticks"])


def test_no_broker() -> None:
    with pytest.raises(ServiceError, match=r"no broker answers at 127\.0\.0\.1:1;"):
        topics.check("127.0.0.1:1")


def test_the_command(broker: Broker, prefix: str) -> None:
    where = ["--brokers", broker.brokers, "--prefix", prefix]

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(command, [*arguments, *where])
        return result.exit_code, result.output

    status, said = run("check", "--json")
    assert status == 1
    assert json.loads(said)["deviations"][0] == {
        "topic": prefix + "ticks.raw",
        "setting": "topic",
        "found": "missing",
        "expected": "there",
    }
    status, said = run("create", "--json")
    assert (status, json.loads(said)["created"]) == (0, [prefix + name for name in topics.BY_NAME])
    assert run("check")[0] == 0
    status, said = run("list", "--json")
    assert {row["topic"] for row in json.loads(said)["topics"]} == {prefix + name for name in topics.BY_NAME}
    assert run("delete")[0] == 2, "deleting records needs --yes"
    assert run("delete", "--yes")[0] == 0

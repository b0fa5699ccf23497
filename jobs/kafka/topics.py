"""The table of topics with their configurations; creating them, and checking existing ones against the table."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]  # no __all__

from jobs.services.broker import client
from jobs.services.processes import POLL_S, listening
from tickproof.errors import ServiceError, SettingsError

MIB = 1024 * 1024
RAW_MESSAGE_BYTES = 8 * MIB
DEAD_LETTER_MESSAGE_BYTES = 16 * MIB
"""A dead letter holds a raw message of the largest size and the job's headers."""
FOREVER = "9223372036854775807"
COMPACTED = {"cleanup.policy": "compact"}
REQUEST_S = 15.0


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the design.

    Parameters
    ----------
    name : str
        Without a run's prefix.
    key : str
        Key of its records.
    meaning : str
        Content of its records.
    partitions : int
        Number created by default; more are allowed, fewer are reported.
    retention_bytes : int
        Size limit of a partition; there is no time limit, because replayed history keeps its old timestamps.
    message_bytes : int
        The largest message.
    others : dict
        Further configuration.
    """

    name: str
    key: str
    meaning: str
    partitions: int = 4
    retention_bytes: int = 8 * 1024 * MIB
    message_bytes: int = DEAD_LETTER_MESSAGE_BYTES
    others: dict[str, str] = field(default_factory=dict)

    def configuration(self) -> dict[str, str]:
        """Return the configuration that the broker is asked for."""
        return {
            "cleanup.policy": "delete",
            "retention.ms": "-1",
            "retention.bytes": str(self.retention_bytes),
            "message.timestamp.after.max.ms": FOREVER,
            "message.timestamp.before.max.ms": FOREVER,
            "message.timestamp.type": "CreateTime",
            "max.message.bytes": str(self.message_bytes),
        } | self.others


TOPICS: tuple[Topic, ...] = (
    Topic("ticks.raw", "channel", "ticks as they came: frames or JSON ticks", message_bytes=RAW_MESSAGE_BYTES),
    Topic("ticks.scored", "shard", "frames of ticks with their verdicts, each tick once, in order, when final"),
    Topic("ticks.verdicts", "shard", "verdicts of ticks judged 1 or more, at once"),
    Topic("ticks.dead-letters", "original", "payloads that are not ticks, untouched, with the reason", 1),
    Topic(
        "feed.findings",
        "finding id",
        "what was found; the last revision of an id wins",
        1,
        others={**COMPACTED, "retention.bytes": "-1"},
    ),
    Topic("feed.statistics", "scope", "a row a second and scope", 1),
    Topic(
        "replay.progress",
        "topic and replay",
        "how far a replay has come, committed with its ticks",
        1,
        others={**COMPACTED, "retention.bytes": "-1"},
    ),
)
"""All topics; none is created automatically. Order within ticks.dead-letters and feed.* is total: they have one partition."""
BY_NAME = {topic.name: topic for topic in TOPICS}


@dataclass(frozen=True, slots=True)
class Deviation:
    """One difference between a topic and the table."""

    topic: str
    setting: str
    found: str
    expected: str

    def __str__(self) -> str:
        if self.setting == "topic":
            return f"topic {self.topic} is not there"
        return f"topic {self.topic}: {self.setting} is {self.found}, expected {self.expected}"


def named(prefix: str, names: Iterable[str] | None = None) -> list[tuple[str, Topic]]:
    """Return full name and definition of the topics, or of some of them by their name without prefix.

    Raises
    ------
    SettingsError
        A name is not in the table.
    """
    wanted = list(BY_NAME) if names is None else list(names)
    unknown = [name for name in wanted if name not in BY_NAME]
    if unknown:
        raise SettingsError(f"no such topic: {', '.join(unknown)}; there are {', '.join(BY_NAME)}")
    return [(prefix + name, BY_NAME[name]) for name in wanted]


def create(brokers: str, prefix: str = "", partitions: int | None = None, names: Iterable[str] | None = None) -> list[str]:
    """Create the topics that do not exist; return the full names of those created.

    `partitions` replaces the default of the topics that have more than one.

    Raises
    ------
    ServiceError
        The broker does not answer or refuses.
    """
    admin = client(brokers)
    new = []
    for name, topic in named(prefix, names):
        count = topic.partitions if partitions is None or topic.partitions == 1 else partitions
        new.append(NewTopic(name, num_partitions=count, replication_factor=-1, config=topic.configuration()))
    _reach(admin, brokers)
    asked = admin.create_topics(new, request_timeout=REQUEST_S, operation_timeout=REQUEST_S)
    made = [name for name, _ in _settled(asked, "made", KafkaError.TOPIC_ALREADY_EXISTS)]
    _await(admin, made, there=True)
    return made


def delete(brokers: str, prefix: str = "", names: Iterable[str] | None = None) -> list[str]:
    """Delete the topics that exist, with all their records; return their full names."""
    admin = client(brokers)
    there = _reach(admin, brokers)
    doomed = [name for name, _ in named(prefix, names) if name in there]
    if doomed:
        list(_settled(admin.delete_topics(doomed, request_timeout=REQUEST_S, operation_timeout=REQUEST_S), "deleted"))
        _await(admin, doomed, there=False)
    return doomed


def partitions(brokers: str, prefix: str = "", names: Iterable[str] | None = None) -> dict[str, int]:
    """Return the number of partitions of the topics that exist, by full name."""
    there = _reach(client(brokers), brokers)
    return {name: there[name] for name, _ in named(prefix, names) if name in there}


def check(brokers: str, prefix: str = "", names: Iterable[str] | None = None) -> list[Deviation]:
    """Return all deviations of the topics from the table; more partitions than the table's are allowed.

    Raises
    ------
    ServiceError
        The broker does not answer.
    """
    admin = client(brokers)
    there = _reach(admin, brokers)
    wanted = named(prefix, names)
    found = _configurations(admin, [name for name, _ in wanted if name in there])
    return [one for name, topic in wanted for one in deviations(name, topic, there.get(name), found.get(name, {}))]


def deviations(name: str, topic: Topic, count: int | None, found: dict[str, str]) -> list[Deviation]:
    """Return how a topic with `count` partitions (None: missing) and the configuration `found` differs from the table."""
    if count is None:
        return [Deviation(name, "topic", "missing", "there")]
    wrong = [
        Deviation(name, setting, found.get(setting, "unset"), value)
        for setting, value in topic.configuration().items()
        if found.get(setting) != value
    ]
    if topic.partitions == 1 and count != 1:
        wrong.append(Deviation(name, "partitions", str(count), "1"))
    return wrong


def _await(admin: AdminClient, names: Sequence[str], there: bool) -> None:
    """Wait until the broker's metadata shows what its controller has done: all partitions are led, or the topics are gone."""
    deadline = time.monotonic() + REQUEST_S
    while True:
        known = _metadata(admin)
        leaders = {name: [one.leader for one in known[name].partitions.values()] for name in names if name in known}
        if all(min(leaders.get(name, []), default=-1) >= 0 for name in names) if there else not leaders:
            return
        if time.monotonic() > deadline:
            state = "led by the broker" if there else "gone"
            raise ServiceError(f"the topics are not all {state} after {REQUEST_S:.0f} s; see the broker's log")
        time.sleep(POLL_S)


def _configurations(admin: AdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in names], request_timeout=REQUEST_S)
    described = _settled({resource.name: future for resource, future in asked.items()}, "described")
    return {name: {setting: str(entry.value) for setting, entry in entries.items()} for name, entries in described}


def _settled(asked: dict[str, Future[Any]], done: str, tolerated: int | None = None) -> Iterator[tuple[str, Any]]:
    """Yield the answer about each topic, except those refused for the `tolerated` reason."""
    for name, future in asked.items():
        try:
            yield name, future.result()
        except KafkaException as error:
            reason = error.args[0]
            if reason.code() != tolerated:
                raise ServiceError(f"topic {name} was not {done}: {reason.str()}; see the broker's log") from error


def _reach(admin: AdminClient, brokers: str) -> dict[str, int]:
    """Return the number of partitions by topic, after checking that the broker answers."""
    # Asked first, because librdkafka waits for the whole time-out even if the connection is refused.
    if not any(map(listening, brokers.split(","))):
        raise ServiceError(f"no broker answers at {brokers}; start one, or give another with --brokers")
    return {name: len(topic.partitions) for name, topic in _metadata(admin).items()}


def _metadata(admin: AdminClient) -> dict[str, Any]:
    try:
        return dict(admin.list_topics(timeout=REQUEST_S).topics)
    except KafkaException as error:
        raise ServiceError(f"the broker gives no metadata ({error.args[0].str()}); see its log") from error

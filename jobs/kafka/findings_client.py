"""Reading of `feed.findings` as it grows: committed records only, no consumer group, no writes to the broker."""

from __future__ import annotations

from types import TracebackType
from typing import Literal, NamedTuple

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from jobs.kafka import topics
from tickproof.errors import ServiceError
from tickproof.findings.finding import Finding, decode

TOPIC = "feed.findings"
ANSWER_S = 10.0
GONE = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC)
AWAY = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN)
"""Errors of a broker that is restarting, which is waited for."""


class Unreadable(NamedTuple):
    """A record that is not a finding."""

    partition: int
    offset: int
    reason: str


class FindingsClient:
    """Revisions of findings, in the order of their partition. A context manager.

    Parameters
    ----------
    brokers, prefix : str
        Brokers, and the prefix of the topic's name.
    start : {"beginning", "now"}
        From the first record that is there, or only what comes after this call.

    Raises
    ------
    ServiceError
        No broker answers, or the topic is not there.
    """

    def __init__(self, brokers: str, prefix: str = "", start: Literal["beginning", "now"] = "now") -> None:
        name = prefix + TOPIC
        count = topics.partitions(brokers, prefix, [TOPIC]).get(name)
        if count is None:
            raise ServiceError(f"topic {name} is not there at {brokers}; run `tickproof topics create`, or give another --prefix")
        self._brokers = brokers
        self._consumer = Consumer(
            {
                "bootstrap.servers": brokers,
                "group.id": "tickproof-watch",  # asked for by the library; nothing is committed under it
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",  # where compaction or retention took the record away
                "enable.partition.eof": True,
                "log_level": 0,
            }
        )
        try:
            bounds = {
                partition: self._consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=ANSWER_S)
                for partition in range(count)
            }
        except KafkaException as error:
            self._consumer.close()
            raise ServiceError(f"no broker answers at {brokers} ({error.args[0].str()}); start it again") from error
        self._behind = {partition for partition, (low, high) in bounds.items() if start == "beginning" and high > low}
        self._consumer.assign(
            [TopicPartition(name, partition, low if start == "beginning" else high) for partition, (low, high) in bounds.items()]
        )

    def __enter__(self) -> FindingsClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def is_caught_up(self) -> bool:
        """Return whether everything that was there at the start has been read."""
        return not self._behind

    def poll(self, timeout_s: float = 0.2) -> list[Finding | Unreadable]:
        """Return new records, waiting for the first at most `timeout_s`. Tombstones of compaction are skipped.

        Raises
        ------
        ServiceError
            The topic was deleted, or the client cannot go on. A broker that is restarting is waited for.
        """
        out: list[Finding | Unreadable] = []
        for record in self._consumer.consume(num_messages=500, timeout=timeout_s):
            partition, offset = record.partition(), record.offset()
            error = record.error()
            if error is not None:
                self._fail(error, partition)
                continue
            value = record.value()
            if value is None or partition is None or offset is None:
                continue
            try:
                out.append(decode(value))
            except msgspec.MsgspecError as reason:
                out.append(Unreadable(partition, offset, str(reason)))
        return out

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    def _fail(self, error: KafkaError, partition: int | None) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            self._behind.discard(-1 if partition is None else partition)
        elif error.code() in GONE:
            raise ServiceError(f"the findings' topic at {self._brokers} was deleted ({error.str()}); create the topics again")
        elif not (error.retriable() or error.code() in AWAY):
            raise ServiceError(f"reading findings at {self._brokers} failed ({error.str()}); see the broker's log")

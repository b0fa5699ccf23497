"""Reading of whole topics, committed records only. A client of its own, because the job's source is Flink's."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from jobs.services.processes import POLL_S, listening
from tickproof.errors import ServiceError

MIB = 1024 * 1024
TIMEOUT_S = 30.0
BATCH = 1_000
NOT_YET = (
    KafkaError._UNKNOWN_PARTITION,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)
"""Errors of a topic that was created a moment ago."""
CONFIGURATION: dict[str, str | int | bool] = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    # The largest message of any topic; what is fetched ahead of the reader stays bounded.
    "message.max.bytes": 17 * MIB,
    "fetch.message.max.bytes": 17 * MIB,
    "fetch.max.bytes": 32 * MIB,
    "receive.message.max.bytes": 64 * MIB,
    "queued.max.messages.kbytes": 32 * 1024,
}

_LOG = logging.getLogger(__name__)
# Connection messages of librdkafka are not logged: errors come as exceptions.
_LOG.addHandler(logging.NullHandler())


class Reader:
    """Reads topics from their beginning, again and again: each `read` gives what came since the last. A context manager.

    Parameters
    ----------
    brokers : str
        `host:port,…`.
    topics : sequence of str
        Full names.

    Raises
    ------
    ServiceError
        No broker answers, a topic is not there, or (later) the broker stops answering.
    """

    def __init__(self, brokers: str, topics: Sequence[str]) -> None:
        # Asked first, because librdkafka waits for the whole time-out even if the connection is refused.
        if not any(map(listening, brokers.split(","))):
            raise ServiceError(f"no broker answers at {brokers}; start one, or give another with --brokers")
        # The library requires a group; nothing is committed under it.
        self._consumer = Consumer({**CONFIGURATION, "bootstrap.servers": brokers, "group.id": "tickproof-reading"}, logger=_LOG)
        self._brokers = brokers
        self._next: dict[tuple[str, int], int] = {}
        try:
            for topic in topics:
                found = self._consumer.list_topics(topic, TIMEOUT_S).topics[topic]
                if found.error is not None or not found.partitions:
                    raise ServiceError(f"topic {topic} on {brokers}: it is not there; create it with `tickproof topics create`")
                for partition in sorted(found.partitions):
                    self._next[topic, partition] = self._first_offset(TopicPartition(topic, partition))
        except KafkaException as error:
            self._consumer.close()
            raise ServiceError(f"the broker at {brokers} does not answer ({error.args[0].str()})") from error
        except BaseException:
            self._consumer.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()

    @property
    def next_offsets(self) -> dict[tuple[str, int], int]:
        """Return the next offset of each (topic, partition)."""
        return dict(self._next)

    def read(self, topics: Sequence[str] | None = None) -> Iterator[list[Message]]:
        """Yield all committed records of `topics` (default: all) that are new since the last call, in batches.

        Order holds within a partition.
        """
        wanted = [where for where in self._next if topics is None or where[0] in topics]
        # Assigned again, because the end of a partition is reported only once after an assignment.
        self._consumer.assign([TopicPartition(*where, self._next[where]) for where in wanted])
        open_ends = set(wanted)
        while open_ends:
            first = self._consumer.poll(TIMEOUT_S)
            if first is None:
                raise ServiceError(f"the broker at {self._brokers} has not answered for {TIMEOUT_S:.0f} s; see its log")
            batch = []
            # Asked for many at once, the client would wait until there are so many.
            for message in (first, *self._consumer.consume(BATCH, 0.0)):
                error = message.error()
                where = (str(message.topic()), int(message.partition() or 0))
                if error is None:
                    batch.append(message)
                    self._next[where] = int(message.offset() or 0) + 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_ends.discard(where)
                else:
                    raise ServiceError(f"topic {where[0]} on {self._brokers} cannot be read: {error.str()}")
            if batch:
                yield batch
        self._consumer.unassign()

    def _first_offset(self, where: TopicPartition) -> int:
        """Return the first offset of a partition, which the client may not know yet for a topic created a moment ago."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                low, _ = self._consumer.get_watermark_offsets(where, TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].code() not in NOT_YET or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_S)
            else:
                return int(low)

    def committed(self, group: str, topic: str) -> int:
        """Return how many records of `topic` a consumer group has committed; 0 if none."""
        partitions = [where for where in self._next if where[0] == topic]
        client = Consumer({**CONFIGURATION, "bootstrap.servers": self._brokers, "group.id": group}, logger=_LOG)
        try:
            found = client.committed([TopicPartition(*where) for where in partitions], TIMEOUT_S)
        except KafkaException:
            return 0
        finally:
            client.close()
        return sum(max(0, one.offset) for one in found)


def headers_of(message: Message) -> dict[str, bytes]:
    """Return the headers of a record by name, as Flink's connector gives them: null ones absent, the last of a repeated one."""
    headers: list[tuple[str, bytes | None]] = list(message.headers() or [])  # type: ignore[arg-type]  # its stubs say str | bytes
    return {name: value for name, value in headers if value is not None}

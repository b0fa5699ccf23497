"""The progress of a replay as a record of `replay.progress`, written in the transaction of the frames that it counts.

So it says neither more nor less than what readers of committed records see. The last record of a key is in force.
"""

from __future__ import annotations

import logging
from time import monotonic, sleep

import msgspec
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # no __all__

from tickproof.errors import InputError, ServiceError

TOPIC = "replay.progress"
ANSWER_S = 15.0
OTHERS_S = 90.0
"""How long records may be hidden by the open transaction of a replay that was killed: longer than its timeout."""
AGAIN_S = 0.2
Setting = str | int | bool | None

_LOG = logging.getLogger(__name__)
# Connection messages of librdkafka are not logged: errors come as exceptions.
_LOG.addHandler(logging.NullHandler())


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a replay has come, and what must not change for the rest to follow on.

    Parameters
    ----------
    topic, topic_id : str
        Topic that it writes to, and its id; a topic that was deleted and created again has another id.
    inputs : str
        Digest of the recordings: their paths, in order, and their bytes.
    settings : dict
        Option -> value: everything else that decides what is sent.
    span_ns : int
        Event time that a frame spans at most, from the first start on.
    now_ns : int or None
        Wall time to which the first tick was moved; None: times are not moved.
    frames, messages, ticks, heartbeats : int
        Counts committed so far; ticks without our own heartbeats.
    digest : int
        CRC-32C of the rows of those frames.
    is_complete : bool
        Whether nothing is left to send.
    """

    topic: str
    topic_id: str
    inputs: str
    settings: dict[str, Setting]
    span_ns: int
    now_ns: int | None = None
    frames: int = 0
    messages: int = 0
    ticks: int = 0
    heartbeats: int = 0
    digest: int = 0
    is_complete: bool = False


def encode(progress: Progress) -> bytes:
    """Return the record's value."""
    return msgspec.json.encode(progress, order="deterministic")


def read(brokers: str, topic: str, key: str) -> Progress | None:
    """Return the last committed progress under a key; None if there is none.

    Parameters
    ----------
    brokers, topic : str
        Brokers, and the full name of the topic.
    key : str

    Raises
    ------
    ServiceError
        The broker does not answer, the topic is not there, or another producer's transaction stays open.
    InputError
        The record under this key is not ours.
    """
    end = _end(brokers, topic)
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "tickproof-replay",  # asked for by the library; nothing is committed under it
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        },
        logger=_LOG,
    )
    found: bytes | None = None
    position = 0
    deadline = monotonic() + OTHERS_S
    try:
        while position < end:
            # Assigned again, because the end of a partition is reported only once after an assignment.
            consumer.assign([TopicPartition(topic, 0, position)])
            position, value = _read_on(consumer, brokers, topic, key)
            found = value or found
            if position < end:
                if monotonic() > deadline:
                    raise ServiceError(
                        f"topic {topic} on {brokers}: a transaction stays open at offset {position}, expected it to end within "
                        f"{OTHERS_S:.0f} s; see which replay hangs, and start this one again"
                    )
                sleep(AGAIN_S)
    finally:
        consumer.close()
    if found is None:
        return None
    try:
        return msgspec.json.decode(found, type=Progress)
    except msgspec.MsgspecError as error:
        raise InputError(
            f"topic {topic}, key {key}: found a record that is not the progress of a replay ({error}); give another --name"
        ) from error


def topic_id(brokers: str, topic: str) -> str:
    """Return the id that the broker gave a topic when it was created."""
    admin = _admin(brokers)
    try:
        described = admin.describe_topics(TopicCollection([topic]), request_timeout=ANSWER_S)[topic].result()
    except KafkaException as error:
        raise _silent(brokers, error) from error
    return str(described.topic_id)


def _read_on(consumer: Consumer, brokers: str, topic: str, key: str) -> tuple[int, bytes | None]:
    """Read up to where committed records end; return that offset and the last value of the key before it."""
    found: bytes | None = None
    while True:
        message = consumer.poll(ANSWER_S)
        if message is None:
            raise ServiceError(f"topic {topic} on {brokers}: the broker has not answered for {ANSWER_S:.0f} s; see its log")
        error = message.error()
        if error is None:
            if message.key() == key.encode():
                found = message.value()
        elif error.code() == KafkaError._PARTITION_EOF:
            return int(message.offset() or 0), found
        else:
            raise ServiceError(f"topic {topic} on {brokers} cannot be read: {error.str()}; see the broker's log")


def _end(brokers: str, topic: str) -> int:
    """Return the end offset of a topic, open transactions included, and check that it has one partition."""
    admin = _admin(brokers)
    try:
        there = admin.list_topics(topic, timeout=ANSWER_S).topics[topic]
    except KafkaException as error:
        raise _silent(brokers, error) from error
    if there.error is not None or not there.partitions:
        raise ServiceError(
            f"topic {topic} on {brokers}: it is not there; `tickproof topics create` with the same --prefix makes it"
        )
    where = TopicPartition(topic, 0)
    latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the library's
    asked = admin.list_offsets({where: latest}, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=ANSWER_S)
    try:
        return int(asked[where].result().offset)
    except KafkaException as error:
        raise _silent(brokers, error) from error


def _silent(brokers: str, error: KafkaException) -> ServiceError:
    return ServiceError(
        f"{brokers}: no broker answers ({error.args[0].str()}); start one, or name another with --brokers HOST:PORT"
    )


def _admin(brokers: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": brokers}, logger=_LOG)

"""Publishing of frames to Kafka: an idempotent producer that waits when the broker is slow and accounts for every record.

Nothing is believed before the broker has confirmed it: counts are those of delivery reports, and `close` fails if one is missing.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

import numpy as np
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from producers.publish.framing import Frame
from producers.streams.partitioning import CAPTURE_CHANNEL, PARTITIONER, partition_of
from tickproof.errors import ServiceError
from tickproof.ticks.schema import NS_PER_MS, Kind, Ticks, is_scored
from tickproof.wire import JSON_CONTENT_TYPE, encode_frame, encode_json
from tickproof.wire.record_headers import CONTENT_TYPE

HEARTBEAT = int(Kind.HEARTBEAT)
BY_KEY = -1
"""The partition number that leaves the choice to the partitioner."""
METADATA_TIMEOUT_S = 10.0
FLUSH_TIMEOUT_S = 130.0
"""Longer than librdkafka's own delivery timeout, so that an undelivered record ends in a report."""
REPORT_S = 1.0
"""The report of a record that ended a transaction may come after the error of the next call."""
ADVICE = {
    KafkaError.MSG_SIZE_TOO_LARGE: "raise the topic's max.message.bytes, or send smaller records: --frame-rows, --frame-span-ms",
}
DROPPED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)
CONFIGURATION: dict[str, str | int | bool] = {
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 10,
    "compression.type": "lz4",
    "batch.size": 1_000_000,
    "message.max.bytes": 8 * 1024 * 1024,
    "partitioner": PARTITIONER,
    "queue.buffering.max.messages": 200_000,
    "queue.buffering.max.kbytes": 64 * 1024,
    "delivery.timeout.ms": 120_000,
}
"""Settings of librdkafka. Idempotence keeps order and drops retried copies; the limits of the queue bound memory."""
LARGE_FRAMES: dict[str, str | int | bool] = {"compression.type": "none"}
"""For frames of hundreds of ticks, whose bodies are compressed already: compressing twice costs a tenth of the time."""
_Headers = list[tuple[str, str | bytes | None]]
_JSON_HEADERS: _Headers = [(CONTENT_TYPE, JSON_CONTENT_TYPE.encode())]
_Report = Callable[[KafkaError | None, Message], None]

_LOG = logging.getLogger(__name__)
# Unless another handler is set, connection messages of librdkafka are not logged: errors come as exceptions.
_LOG.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Published:
    """What the broker has confirmed. `ticks` and `by_channel` are without our own capture heartbeats, see `heartbeats`."""

    messages: int
    ticks: int
    heartbeats: int
    bytes: int
    by_channel: dict[str, int]


class Publisher:
    """Writes frames to one topic. A context manager: leaving it well waits for the last report, leaving it by an error does not.

    Parameters
    ----------
    brokers : str
        `host:port,…`.
    topic : str
        Full name of an existing topic.
    configuration : mapping, optional
        Overrides CONFIGURATION.
    metadata_timeout_s : float
        Time-out of the metadata request.

    Raises
    ------
    ServiceError
        No broker answers, the topic is not there, or (later, from any method) a record was not delivered.
    """

    def __init__(
        self,
        brokers: str,
        topic: str,
        configuration: Mapping[str, str | int | bool] | None = None,
        *,
        metadata_timeout_s: float = METADATA_TIMEOUT_S,
    ) -> None:
        self.brokers = brokers
        self.topic = topic
        self._errors: Counter[str] = Counter()
        self._ticks: Counter[str] = Counter()
        self._messages = self._heartbeats = self._bytes = 0
        self._sent = self._sent_ticks = self._sent_heartbeats = 0
        self._advice = "check the broker"
        self._fatal: KafkaError | None = None
        self._producer = Producer({**CONFIGURATION, **(configuration or {}), "bootstrap.servers": brokers, "logger": _LOG})
        self.partitions = self._find_partitions(metadata_timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.leave()

    def leave(self) -> None:
        """Drop the records that are not sent yet."""
        self._producer.purge()
        # The reason for leaving is known already.
        with contextlib.suppress(ServiceError):
            self._serve(self._producer.poll, 0.0)

    def send(self, frame: Frame) -> None:
        """Hand a frame to the producer: one record, or one a tick for frames of several channels. Blocks on a full queue."""
        if frame.channel is None:
            self._send_json(frame)
        else:
            payload = encode_frame(frame.ticks)
            beats = _heartbeats(frame.ticks)
            report = partial(self._delivered, frame.channel, len(frame.ticks) - beats, beats)
            self._produce(frame.channel, payload.value, frame.timestamp_ms, [*payload.headers.items()], report)
            self._sent_ticks += len(frame.ticks) - beats
            self._sent_heartbeats += beats
        self._serve(self._producer.poll, 0.0)
        self._check()

    def poll(self, timeout_s: float = 0.0) -> None:
        """Serve delivery reports for up to `timeout_s`."""
        self._serve(self._producer.poll, timeout_s)
        self._check()

    def close(self) -> Published:
        """Wait until every record is confirmed; return the counts."""
        missing = self._serve(self._producer.flush, FLUSH_TIMEOUT_S)
        self._check()
        if missing or self._messages != self._sent:
            raise ServiceError(
                f"{self._where}: found {self._messages} records confirmed, expected {self._sent}; "
                "check the broker, and publish again to an empty topic"
            )
        return self.published

    @property
    def published(self) -> Published:
        """Return the counts confirmed so far."""
        return Published(self._messages, self._ticks.total(), self._heartbeats, self._bytes, dict(sorted(self._ticks.items())))

    def _send_json(self, frame: Frame) -> None:
        rows = frame.ticks.rows
        beats = (~is_scored(rows)).tolist()
        times = (rows["ts_recv"] // NS_PER_MS).tolist()
        reports: dict[tuple[int, bool], _Report] = {}
        for value, code, time_ms, beat in zip(encode_json(frame.ticks), rows["channel"].tolist(), times, beats, strict=True):
            channel = frame.ticks.names[code]
            report = reports.get((code, beat))
            if report is None:
                report = reports[code, beat] = partial(self._delivered, channel, not beat, beat)
            self._produce(channel, value, time_ms, _JSON_HEADERS, report)
            self._sent_ticks += not beat
            self._sent_heartbeats += beat

    def _produce(self, channel: str, value: bytes, timestamp_ms: int, headers: _Headers, report: _Report) -> None:
        partition = partition_of(channel, self.partitions) if channel.startswith(CAPTURE_CHANNEL) else BY_KEY
        # To librdkafka, a timestamp of 0 means now.
        record = partial(self._producer.produce, self.topic, value, channel, partition, report, timestamp=timestamp_ms or 1)
        while True:
            try:
                record(headers=headers)
            except BufferError:
                # The queue is full: the broker is slower than we are. Reports make room; at last those of records that timed out.
                self._serve(self._producer.poll, 0.05)
                self._check()
            except KafkaException as error:
                self._check_reports()
                raise ServiceError(f"{self._where}: {error.args[0].str()}; check the broker") from error
            else:
                self._sent += 1
                return

    def _delivered(self, channel: str, ticks: int, heartbeats: int, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            # What was dropped because another record was refused tells nothing; `close` counts it as missing.
            if error.code() not in DROPPED:
                self._errors[error.str()] += 1
                self._advice = ADVICE.get(error.code(), self._advice)
            return
        self._messages += 1
        if ticks:
            self._ticks[channel] += ticks
        self._heartbeats += heartbeats
        self._bytes += len(message)

    def _serve(self, act: Callable[[float], int], timeout_s: float) -> int:
        """Serve delivery reports by `poll` or `flush`; return what that returns.

        A fatal error is raised from there, and where reports come behind it, the library trips over it in the first of them.
        """
        try:
            return act(timeout_s)
        except (KafkaException, SystemError) as error:
            fatal = error if isinstance(error, KafkaException) else error.__cause__
            if not isinstance(fatal, KafkaException):
                raise
            self._fatal = fatal.args[0]
            self._check()
            raise

    def _check_reports(self) -> None:
        """Raise what the reports say. Within a transaction a refused record stops all calls: its report says why, they do not."""
        deadline = time.monotonic() + REPORT_S
        while time.monotonic() < deadline:
            self._serve(self._producer.poll, 0.05)
            self._check()

    def _check(self) -> None:
        if self._fatal is not None:
            raise ServiceError(f"{self._where}: the producer failed fatally: {self._fatal.str()}; see the broker's log")
        if self._errors:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in sorted(self._errors.items()))
            raise ServiceError(f"{self._where}: records were not delivered: {reasons}; {self._advice}")

    @property
    def _where(self) -> str:
        return f"topic {self.topic} on {self.brokers}"

    def _find_partitions(self, timeout_s: float) -> int:
        """Return the number of the topic's partitions."""
        try:
            found = self._producer.list_topics(self.topic, timeout_s).topics[self.topic]
        except KafkaException as error:
            raise ServiceError(
                f"{self.brokers}: no broker answers ({error.args[0].str()}); start one, or name another with --brokers HOST:PORT"
            ) from error
        if found.error is not None or not found.partitions:
            raise ServiceError(f"{self._where}: it is not there; `tickproof topics create` with the same --prefix makes it")
        return len(found.partitions)


def _heartbeats(ticks: Ticks) -> int:
    """Return how many of the ticks are our own capture heartbeats."""
    if not (ticks.rows["kind"] == HEARTBEAT).any():
        return 0
    return int(np.count_nonzero(~is_scored(ticks.rows)))

"""Payloads that are not ticks, made from good frames in known ways and labelled: the dead letters of a demonstration.

Each copies a frame that is published as well, so no tick is lost with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from confluent_kafka import KafkaError, Message

from producers.publish.framing import Frame
from producers.publish.kafka import Publisher
from producers.streams.partitioning import CAPTURE_CHANNEL
from tickproof.findings.label import Label
from tickproof.ticks.schema import NS_PER_MS
from tickproof.wire import FRAME_CONTENT_TYPE, JSON_CONTENT_TYPE, encode_frame

Headers = Mapping[str, bytes]
Break = Callable[[bytes, Headers], tuple[bytes, Headers]]
"""(value, headers) of a good frame -> those of a broken one."""
_PLAIN: Headers = {"content-type": FRAME_CONTENT_TYPE.encode()}


def _truncated(value: bytes, headers: Headers) -> tuple[bytes, Headers]:
    return value[: len(value) // 2], headers


def _bit_flipped(value: bytes, headers: Headers) -> tuple[bytes, Headers]:
    middle = len(value) // 2
    return value[:middle] + bytes([value[middle] ^ 16]) + value[middle + 1 :], headers


def _wrong_checksum(value: bytes, headers: Headers) -> tuple[bytes, Headers]:
    return value, {**headers, "crc32c": b"00000000"}


def _column_missing(value: bytes, headers: Headers) -> tuple[bytes, Headers]:
    return _written(pa.ipc.open_stream(value).read_all().drop_columns(["price"])), _PLAIN


def _column_added(value: bytes, headers: Headers) -> tuple[bytes, Headers]:
    table = pa.ipc.open_stream(value).read_all()
    # Not by pa.array, which imports pandas: that takes as long as half a million ticks.
    ones = pa.Array.from_buffers(pa.int32(), len(table), [None, pa.py_buffer(np.ones(len(table), np.int32))], 0)
    return _written(table.append_column("venue_code", ones)), _PLAIN


def _column_retyped(value: bytes, headers: Headers) -> tuple[bytes, Headers]:
    table = pa.ipc.open_stream(value).read_all()
    place = table.schema.get_field_index("price")
    return _written(table.set_column(place, "price", table["price"].cast(pa.float64()))), _PLAIN


def _written(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def _not_a_number(value: bytes, headers: Headers) -> tuple[bytes, Headers]:
    return b'{"ts_recv": 1, "price": NaN}', {"content-type": JSON_CONTENT_TYPE.encode()}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to break a frame, and the code of the finding that it causes."""

    name: str
    code: str
    edit: Break


WAYS: tuple[Way, ...] = (
    Way("truncated", "payload_unreadable", _truncated),
    Way("bit flipped", "payload_unreadable", _bit_flipped),
    Way("wrong checksum", "payload_unreadable", _wrong_checksum),
    Way("column missing", "schema_changed", _column_missing),
    Way("column added", "schema_changed", _column_added),
    Way("column retyped", "schema_changed", _column_retyped),
    Way("not a number", "payload_unreadable", _not_a_number),
)


@dataclass(frozen=True, slots=True)
class Broken:
    """One broken payload, sent behind the frame that it was made from, and the label of its episode."""

    key: str
    value: bytes
    headers: Headers
    timestamp_ms: int
    label: Label


class Breaker:
    """Breaks a copy of the first fitting frame at or after each of some times, each in the next way of WAYS.

    Parameters
    ----------
    times_ns : iterable of int
        Event times, ascending.
    """

    __slots__ = ("_times", "_ways", "labels")

    def __init__(self, times_ns: Iterable[int]) -> None:
        self._times = list(times_ns)
        self._ways = 0
        self.labels: list[Label] = []

    def step(self, frame: Frame) -> Broken | None:
        """Return the broken payload to send behind `frame`, if one is due."""
        due = self._ways < len(self._times) and frame.first_ns >= self._times[self._ways]
        if not due or frame.channel is None or frame.channel.startswith(CAPTURE_CHANNEL):
            return None
        way = WAYS[self._ways % len(WAYS)]
        self._ways += 1
        payload = encode_frame(frame.ticks)
        value, headers = way.edit(payload.value, payload.headers)
        onset = frame.timestamp_ms * NS_PER_MS
        # The finding's time is the channel's event time, which the frame before has moved up to its last tick.
        label = Label(
            f"broken-{self._ways}", way.code, "channel", frame.channel, "", "", onset, frame.due_ns, frame.due_ns, len(value)
        )
        self.labels.append(label)
        return Broken(frame.channel, value, headers, frame.timestamp_ms, label)


class BreakingPublisher(Publisher):
    """A publisher that sends what its breaker makes of the frames behind them.

    Set `breaker` before the first frame.
    """

    breaker: Breaker = Breaker(())
    broken: int = 0

    def send(self, frame: Frame) -> None:
        """Hand a frame to the producer, and a broken payload behind it if one is due."""
        super().send(frame)
        made = self.breaker.step(frame)
        if made is not None:
            self.broken += 1
            headers: list[tuple[str, str | bytes | None]] = list(made.headers.items())
            self._produce(made.key, made.value, made.timestamp_ms, headers, lambda error, message: self._broken(error, message))

    def _broken(self, error: KafkaError | None, message: Message) -> None:
        self._delivered("", 0, 0, error, message)

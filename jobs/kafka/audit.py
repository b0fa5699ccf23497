"""The audit of a run from its topics alone: raw messages are decoded again and compared with what was scored or dead-lettered.

Not counts but contents are compared: each tick has a 64-bit hash, and two channels hold the same ticks if number, sum and a
second sum of the hashes agree. Only where they do not, the hashes themselves are compared. Capture heartbeats are not counted.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from confluent_kafka import Message

from jobs.kafka.audit_account import SHOWN, Audit, ChannelAudit, PartitionRange
from jobs.kafka.multiset import Hashes, Sums, by_channel, difference
from jobs.kafka.reader import Reader, headers_of
from jobs.pipeline.channel_key import channel_of
from jobs.pipeline.decoding import Batch, RawRecord, decode
from tickproof.ticks.schema import is_scored
from tickproof.wire import decode_frame, decode_scored

RAW, SCORED, DEAD = "ticks.raw", "ticks.scored", "ticks.dead-letters"
POLL_S = 0.5


def audit(
    brokers: str,
    prefix: str = "",
    *,
    wait_s: float = 0.0,
    progress: Callable[[int, int], None] = lambda decoded, settled: None,
) -> Audit:
    """Compare what was published with what was scored or dead-lettered.

    Parameters
    ----------
    brokers, prefix : str
        The run.
    wait_s : float
        How long to wait until it is complete. While a producer still writes, ticks in flight count as missing.
    progress : callable, optional
        Called with `(decoded, scored or dead-lettered)` ticks after each look.

    Raises
    ------
    ServiceError
        The broker does not answer, or a topic is not there.
    """
    deadline = time.monotonic() + wait_s
    with Auditor(brokers, prefix) as auditor:
        while True:
            auditor.look()
            progress(auditor.decoded, auditor.settled)
            if auditor.complete or time.monotonic() >= deadline:
                return auditor.result()
            time.sleep(POLL_S)


class Auditor:
    """Reads the topics of a run, each time what is new. A context manager."""

    def __init__(self, brokers: str, prefix: str = "") -> None:
        self._names = {name: prefix + name for name in (RAW, SCORED, DEAD)}
        self._brokers = brokers
        self._reader = Reader(brokers, list(self._names.values()))
        self._first = self._reader.next_offsets
        self._messages: Counter[str] = Counter()
        self._by_partition: Counter[int] = Counter()
        self._raw, self._scored, self._dead = Sums(), Sums(), Sums()
        self._heartbeats = self._overtaken = 0
        self._unreadable: dict[tuple[int, int], bytes] = {}
        self._dead_messages: dict[tuple[int, int], list[bytes]] = {}
        self._dead_by_channel: Counter[str] = Counter()

    def __enter__(self) -> Auditor:
        return self

    def __exit__(self, *_error: object) -> None:
        self._reader.close()

    def look(self) -> None:
        """Read what is new. Outputs are read first, so that nothing is there whose input was not read."""
        for batch in self._reader.read([self._names[SCORED]]):
            for message in batch:
                headers = headers_of(message)
                self._scored.add(decode_scored(message.value(), headers)[0])
                self._overtaken += int(headers.get("tickproof.overtaken", b"0"))
        for batch in self._reader.read([self._names[DEAD]]):
            for message in batch:
                self._take_dead_letter(message)
        for records, decoded in self._read_raw(self._reader):
            for record in records:
                self._by_partition[record.partition] += 1
                self._messages[channel_of(record.key, record.value, record.headers)] += 1
            scored = decoded.ticks.take(is_scored(decoded.ticks.rows))
            self._heartbeats += len(decoded.ticks) - len(scored)
            self._raw.add(scored)
            for record in (records[place] for place in decoded.errors):
                self._unreadable[record.partition, record.offset] = _fingerprint(record.value)

    @property
    def decoded(self) -> int:
        """Return the number of ticks decoded so far."""
        return self._raw.total

    @property
    def settled(self) -> int:
        """Return the number of ticks scored or dead-lettered so far."""
        return self._scored.total + self._dead.total

    @property
    def complete(self) -> bool:
        """Return whether what was read so far adds up."""
        return not self._wrong_channels() and self._dead_messages == {
            place: [fingerprint] for place, fingerprint in self._unreadable.items()
        }

    def result(self) -> Audit:
        """Return the figures of what was read so far; topics are read again where hashes have to be compared."""
        missing, duplicated, examples = self._compare(self._wrong_channels())
        channels = sorted({*self._messages, *self._raw.of, *self._scored.of, *self._dead.of, *self._dead_by_channel})
        ends = self._reader.next_offsets
        raw = self._names[RAW]
        return Audit(
            topic=raw,
            partitions=[
                PartitionRange(partition, self._first[raw, partition], ends[raw, partition], self._by_partition[partition])
                for topic, partition in sorted(ends)
                if topic == raw
            ],
            channels=[
                ChannelAudit(
                    channel=name,
                    messages=self._messages[name],
                    decoded=self._raw.count(name),
                    scored=self._scored.count(name),
                    dead_ticks=self._dead.count(name),
                    dead_messages=self._dead_by_channel[name],
                    missing=missing[name],
                    duplicated=duplicated[name],
                )
                for name in channels
            ],
            heartbeats=self._heartbeats,
            overtaken=self._overtaken,
            missing_messages=sorted(set(self._unreadable) - set(self._dead_messages)),
            duplicated_messages=sorted(
                place for place, found in self._dead_messages.items() if len(found) > 1 or place not in self._unreadable
            ),
            changed_messages=sorted(
                place
                for place, found in self._dead_messages.items()
                if place in self._unreadable and set(found) != {self._unreadable[place]}
            ),
            examples=examples,
        )

    def _take_dead_letter(self, message: Message) -> None:
        headers = headers_of(message)
        ours = {name: value for name, value in headers.items() if not name.startswith("__connect.errors.")}
        if headers.get("__connect.errors.stage") == b"TRANSFORMATION":
            ticks = decode_frame(message.value(), ours, message.key())
            self._dead.add(ticks.take(is_scored(ticks.rows)))
            return
        place = int(headers["__connect.errors.partition"]), int(headers["__connect.errors.offset"])
        self._dead_messages.setdefault(place, []).append(_fingerprint(message.value()))
        self._dead_by_channel[channel_of(message.key(), message.value(), ours)] += 1

    def _read_raw(self, reader: Reader) -> Iterator[tuple[list[RawRecord], Batch]]:
        for batch in reader.read([self._names[RAW]]):
            records = [_raw_record(message) for message in batch]
            yield records, decode(records)

    def _wrong_channels(self) -> set[str]:
        wrong = set()
        for name in {*self._raw.of, *self._scored.of, *self._dead.of}:
            expected, scored, dead = (sums.of.get(name, (0, 0, 0)) for sums in (self._raw, self._scored, self._dead))
            if any((one + other - whole) % 2**64 for whole, one, other in zip(expected, scored, dead, strict=True)):
                wrong.add(name)
        return wrong

    def _compare(self, wrong: set[str]) -> tuple[Counter[str], Counter[str], list[tuple[int, int]]]:
        """Return missing and duplicated ticks of the channels whose sums disagree, and where some of the missing ones are."""
        missing: Counter[str] = Counter()
        duplicated: Counter[str] = Counter()
        examples: list[tuple[int, int]] = []
        if not wrong:
            return missing, duplicated, examples
        found: dict[str, list[Hashes]] = {name: [] for name in wrong}
        raw: dict[str, list[tuple[Hashes, npt.NDArray[Any]]]] = {name: [] for name in wrong}
        with Reader(self._brokers, list(self._names.values())) as reader:
            for ticks in self._settled_again(reader):
                for name, hashes in by_channel(ticks):
                    if name in wrong:
                        found[name].append(hashes)
            for _, batch in self._read_raw(reader):
                scored = batch.ticks.take(is_scored(batch.ticks.rows))
                for name, hashes in by_channel(scored):
                    if name in wrong:
                        mine = scored.rows[scored.rows["channel"] == scored.names.index(name)]
                        raw[name].append((hashes, np.stack([mine["partition"].astype(np.int64), mine["offset"]], axis=1)))
        for name in sorted(wrong):
            lost, surplus = difference([hashes for hashes, _ in raw[name]], found[name])
            missing[name], duplicated[name] = int(lost[1].sum()), int(surplus[1].sum())
            for hashes, places in raw[name]:
                hit = np.isin(hashes, lost[0])
                examples += [(int(partition), int(offset)) for partition, offset in np.unique(places[hit], axis=0)[:SHOWN]]
        return missing, duplicated, sorted(set(examples))[:SHOWN]

    def _settled_again(self, reader: Reader) -> Any:
        for batch in reader.read([self._names[SCORED]]):
            yield from (decode_scored(message.value(), headers_of(message))[0] for message in batch)
        for batch in reader.read([self._names[DEAD]]):
            for message in batch:
                headers = headers_of(message)
                if headers.get("__connect.errors.stage") == b"TRANSFORMATION":
                    ticks = decode_frame(message.value(), {}, message.key())
                    yield ticks.take(is_scored(ticks.rows))


def _fingerprint(value: bytes | None) -> bytes:
    return b"" if value is None else hashlib.blake2b(value, digest_size=16).digest()


def _raw_record(message: Message) -> RawRecord:
    return RawRecord(
        str(message.topic()),
        int(message.partition() or 0),
        int(message.offset() or 0),
        message.timestamp()[1],
        message.key(),
        message.value(),
        headers_of(message),
    )

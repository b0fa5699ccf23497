"""Records that the job writes: what each topic's key, value, timestamp and headers are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from tickproof.findings.finding import Finding, encode, verdict_columns
from tickproof.findings.second_statistics import Row as StatisticsRow
from tickproof.ticks.schema import NS_PER_MS, Array, Ticks
from tickproof.wire import encode_frame
from tickproof.wire.verdicts import encode_verdicts

SCORED_ROWS = 20_000
"""Ticks in one message of `ticks.scored` at most: far below the topic's largest message."""
_JSON = msgspec.json.Encoder(order="deterministic")


class Record(NamedTuple):
    """One record for a topic; `sink` names the table."""

    sink: str
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: dict[str, bytes]


def scored(shard: int, ticks: Ticks, verdicts: Array, versions: tuple[str, str]) -> list[Record]:
    """Final ticks with their verdicts; `versions` of rules and model."""
    records = []
    for start in range(0, len(ticks), SCORED_ROWS):
        part = slice(start, start + SCORED_ROWS)
        payload = encode_frame(ticks.take(part), extra=verdict_columns(verdicts[part]))
        headers = {
            **payload.headers,
            "tickproof.rules.version": versions[0].encode(),
            "tickproof.model.version": versions[1].encode(),
        }
        at = int(ticks.rows["ts_recv"][start]) // NS_PER_MS
        records.append(Record("scored", str(shard).encode(), payload.value, max(at, 0), headers))
    return records


def urgent(shard: int, ticks: Ticks, verdicts: Array) -> list[Record]:
    """Positions and causal verdicts of ticks judged 1 or more."""
    if not len(ticks):
        return []
    payload = encode_verdicts(ticks, verdicts)
    at = int(ticks.rows["ts_recv"][0]) // NS_PER_MS
    return [Record("verdicts", str(shard).encode(), payload.value, max(at, 0), payload.headers)]


def findings(items: list[Finding]) -> list[Record]:
    """Findings by id; the broker keeps the last revision."""
    json = {"content-type": b"application/json"}
    return [Record("findings", item.id.encode(), encode(item), max(item.detected_at // NS_PER_MS, 0), json) for item in items]


def statistics(rows: list[StatisticsRow]) -> list[Record]:
    """Rows of statistics by scope."""
    json = {"content-type": b"application/json"}
    return [Record("statistics", row.scope.encode(), _JSON.encode(row), max(row.ts // NS_PER_MS, 0), json) for row in rows]


class Origin(NamedTuple):
    """The raw record that something came from."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    headers: Mapping[str, bytes]


def dead_letter(origin: Origin, value: bytes | None, stage: str, error: BaseException) -> Record:
    """The original bytes, with Kafka Connect's error headers beside the original ones."""
    said = " ".join(str(error).split())[:2000]
    headers = {
        **origin.headers,
        "__connect.errors.topic": origin.topic.encode(),
        "__connect.errors.partition": str(origin.partition).encode(),
        "__connect.errors.offset": str(origin.offset).encode(),
        "__connect.errors.connector.name": b"tickproof",
        "__connect.errors.task.id": b"0",
        "__connect.errors.stage": stage.encode(),
        "__connect.errors.class.name": b"tickproof",
        "__connect.errors.exception.class.name": type(error).__name__.encode(),
        "__connect.errors.exception.message": said.encode(),
    }
    return Record("dead_letters", origin.key, value, max(origin.timestamp_ms, 0), headers)


def dead_tick(ticks: Ticks, row: int, topic: str, error: BaseException) -> Record:
    """A decoded tick that a step failed on, as a frame of one: its message's other ticks go on."""
    payload = encode_frame(Ticks(ticks.rows[row : row + 1], ticks.names))
    record = ticks.rows[row]
    channel = ticks.names[record["channel"]].encode()
    at = int(record["ts_recv"]) // NS_PER_MS
    origin = Origin(topic, int(record["partition"]), int(record["offset"]), at, channel, payload.headers)
    return dead_letter(origin, payload.value, "TRANSFORMATION", error)

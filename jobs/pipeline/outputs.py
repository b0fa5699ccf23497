"""Records that the job writes: what each topic's key, value, timestamp and headers are.

The functions `of_…` take what a worker gives; the others, what goes to one topic.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from jobs.pipeline.decoding import RawRecord
from jobs.pipeline.settings import Versions
from jobs.pipeline.workers import ChannelOutput, FailedTick, Overtaken, ShardOutput, Undecoded
from tickproof.findings.finding import Finding, encode, verdict_columns
from tickproof.findings.second_statistics import Row as StatisticsRow
from tickproof.ticks.schema import NS_PER_MS, Array, Ticks
from tickproof.wire import encode_frame
from tickproof.wire.verdicts import encode_verdicts

SCORED_ROWS = 20_000
"""Ticks in one message of `ticks.scored` at most: far below the topic's largest message."""
REASON_CHARACTERS = 2_000
_JSON = msgspec.json.Encoder(order="deterministic")


class Record(NamedTuple):
    """One record for a topic; `sink` names the table."""

    sink: str
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: dict[str, bytes]


def of_channel(output: ChannelOutput, topic: str) -> list[Record]:
    """Return the records of what a channel's worker gave; `topic` is where its ticks came from."""
    dead = [dead_tick(one, topic) for one in output.failed]
    return dead + findings(output.findings) + statistics(output.statistics)


def of_undecoded(undecoded: Undecoded, found: list[Finding]) -> list[Record]:
    """Return the records of a record that could not be decoded, and of its findings."""
    return [dead_letter(undecoded.record, "VALUE_CONVERTER", undecoded.error), *findings(found)]


def of_shard(shard: int, output: ShardOutput, versions: Versions, topic: str) -> list[Record]:
    """Return the records of what a shard's worker released; `topic` is where its ticks came from."""
    records = [dead_tick(one, topic) for one in output.failed]
    for result in output.results:
        records += scored(shard, result.final, result.verdicts, versions)
        records += urgent(shard, result.urgent, result.urgent_verdicts)
        records += findings(result.findings)
        records += statistics(result.seconds)
    return records


def of_overtaken(shard: int, overtaken: Overtaken, versions: Versions) -> list[Record]:
    """Return the records of ticks that came behind the watermark; a header counts them."""
    count = {"tickproof.overtaken": str(len(overtaken.ticks)).encode()}
    return [record._replace(headers=record.headers | count) for record in scored(shard, *overtaken, versions)]


def scored(shard: int, ticks: Ticks, verdicts: Array, versions: Versions) -> list[Record]:
    """Return final ticks with their verdicts."""
    records = []
    for start in range(0, len(ticks), SCORED_ROWS):
        part = slice(start, start + SCORED_ROWS)
        payload = encode_frame(ticks.take(part), extra=verdict_columns(verdicts[part]))
        headers = {
            **payload.headers,
            "tickproof.rules.version": versions.rules.encode(),
            "tickproof.model.version": versions.model.encode(),
        }
        at = int(ticks.rows["ts_recv"][start]) // NS_PER_MS
        records.append(Record("scored", str(shard).encode(), payload.value, max(at, 0), headers))
    return records


def urgent(shard: int, ticks: Ticks, verdicts: Array) -> list[Record]:
    """Return positions and causal verdicts of ticks judged 1 or more."""
    if not len(ticks):
        return []
    payload = encode_verdicts(ticks, verdicts)
    at = int(ticks.rows["ts_recv"][0]) // NS_PER_MS
    return [Record("verdicts", str(shard).encode(), payload.value, max(at, 0), payload.headers)]


def findings(items: list[Finding]) -> list[Record]:
    """Return findings by id; the broker keeps the last revision."""
    json = {"content-type": b"application/json"}
    return [Record("findings", item.id.encode(), encode(item), max(item.detected_at // NS_PER_MS, 0), json) for item in items]


def statistics(rows: list[StatisticsRow]) -> list[Record]:
    """Return rows of statistics by scope."""
    json = {"content-type": b"application/json"}
    return [Record("statistics", row.scope.encode(), _JSON.encode(row), max(row.ts // NS_PER_MS, 0), json) for row in rows]


def dead_letter(record: RawRecord, stage: str, error: BaseException) -> Record:
    """Return the original bytes, with Kafka Connect's error headers beside the original ones."""
    headers = {
        **record.headers,
        "__connect.errors.topic": record.topic.encode(),
        "__connect.errors.partition": str(record.partition).encode(),
        "__connect.errors.offset": str(record.offset).encode(),
        "__connect.errors.connector.name": b"tickproof",
        "__connect.errors.task.id": b"0",
        "__connect.errors.stage": stage.encode(),
        "__connect.errors.class.name": b"tickproof",
        "__connect.errors.exception.class.name": type(error).__name__.encode(),
        "__connect.errors.exception.message": in_one_line(error).encode(),
    }
    return Record("dead_letters", record.key, record.value, max(record.timestamp_ms, 0), headers)


def dead_tick(failed: FailedTick, topic: str) -> Record:
    """Return a decoded tick that a step failed on, as a frame of one: its message's other ticks go on."""
    ticks = failed.tick
    payload = encode_frame(ticks)
    row = ticks.rows[0]
    channel = ticks.names[row["channel"]].encode()
    at = int(row["ts_recv"]) // NS_PER_MS
    record = RawRecord(topic, int(row["partition"]), int(row["offset"]), at, channel, payload.value, payload.headers)
    return dead_letter(record, "TRANSFORMATION", failed.error)


def in_one_line(error: BaseException) -> str:
    """Return what an exception says, in one line of bounded length that UTF-8 can hold."""
    return encodable(" ".join(str(error).split())[:REASON_CHARACTERS])


def encodable(text: str) -> str:
    """Return a text with what UTF-8 cannot hold, such as bytes of a file's name, written out as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")

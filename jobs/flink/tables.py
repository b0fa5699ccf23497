"""Kafka tables of the job, in SQL: only tables give key, headers, partition and offset, and write headers."""

from __future__ import annotations

from dataclasses import dataclass

from tickproof.settings import Settings

FETCH_BYTES = 256 * 1024
"""Of one partition at once. A consumer empties one partition's fetch before it turns to the next, and what runs ahead waits for
the watermark: small fetches keep that short. A longer record comes all the same."""
RAW_REQUEST_BYTES = 8 * 1024 * 1024
DEAD_LETTER_REQUEST_BYTES = 17 * 1024 * 1024
TRANSACTION_TIMEOUT_MS = 900_000


@dataclass(frozen=True, slots=True)
class Sink:
    """One topic that the job writes."""

    table: str
    topic: str
    exactly_once: bool
    request_bytes: int = RAW_REQUEST_BYTES
    compression: str = "lz4"


SCORED = Sink("scored", "ticks.scored", True, compression="none")
"""The bodies of its frames are compressed already."""
VERDICTS = Sink("verdicts", "ticks.verdicts", False)
DEAD = Sink("dead_letters", "ticks.dead-letters", True, DEAD_LETTER_REQUEST_BYTES)
FINDINGS = Sink("findings", "feed.findings", False)
STATISTICS = Sink("statistics", "feed.statistics", False)
SINKS = (SCORED, VERDICTS, DEAD, FINDINGS, STATISTICS)


def source(settings: Settings, *, bounded: bool) -> str:
    """DDL of `ticks.raw`. The watermark is the record timestamp less what a channel may go back, per partition."""
    seconds, millis = divmod(settings.out_of_orderness_ms, 1000)
    delay = f"0 {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{millis:03d}"
    options = {
        "connector": "kafka",
        "topic": settings.prefix + "ticks.raw",
        "properties.bootstrap.servers": settings.brokers,
        "properties.group.id": settings.group,
        "properties.isolation.level": "read_committed",
        "properties.max.partition.fetch.bytes": str(FETCH_BYTES),
        "key.format": "raw",
        "key.fields": "k",
        "value.format": "raw",
        "value.fields-include": "EXCEPT_KEY",
        "scan.startup.mode": "earliest-offset",
        # Throttles a partition that runs ahead. An hour, because a replay may not go faster than this a fifth of a second.
        "scan.watermark.alignment.group": "ticks",
        "scan.watermark.alignment.max-drift": "1h",
        "scan.watermark.alignment.update-interval": "200ms",
    }
    if bounded:
        options["scan.bounded.mode"] = "latest-offset"
    elif settings.idle_after_s:
        # Long: Flink counts the time that the source's thread spends in Python as a partition's silence (FLINK-40234), and once
        # all partitions are idle, the watermark jumps to the fastest one.
        options["scan.watermark.idle-timeout"] = f"{settings.idle_after_s}s"
    return f"""
      CREATE TEMPORARY TABLE raw_ticks (
        k BYTES, v BYTES,
        `partition` INT METADATA VIRTUAL, `offset` BIGINT METADATA VIRTUAL,
        ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
        headers MAP<STRING, BYTES> METADATA VIRTUAL,
        WATERMARK FOR ts AS ts - INTERVAL '{delay}' DAY TO SECOND(3))
      WITH ({_with(options)})"""


def sink(one: Sink, settings: Settings, job: str) -> str:
    """DDL of an output topic; `job` is unique to this job, so that no other shares its transactions."""
    options = {
        "connector": "kafka",
        "topic": settings.prefix + one.topic,
        "properties.bootstrap.servers": settings.brokers,
        "properties.max.request.size": str(one.request_bytes),
        "properties.compression.type": one.compression,
        "properties.linger.ms": "5",
        "key.format": "raw",
        "key.fields": "k",
        "value.format": "raw",
        "value.fields-include": "EXCEPT_KEY",
        "sink.delivery-guarantee": "exactly-once" if one.exactly_once else "at-least-once",
    }
    if one.exactly_once:
        options["sink.transactional-id-prefix"] = f"{job}.{one.topic}"
        options["properties.transaction.timeout.ms"] = str(TRANSACTION_TIMEOUT_MS)
    return f"""
      CREATE TEMPORARY TABLE {one.table} (
        k BYTES, v BYTES, ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp', headers MAP<STRING, BYTES> METADATA)
      WITH ({_with(options)})"""


def _with(options: dict[str, str]) -> str:
    quote = "'"
    return ", ".join(f"'{name}' = '{value.replace(quote, quote * 2)}'" for name, value in options.items())

"""Flows for tests: publish a stream, run the job over it, read what it wrote, compare that with the engine field by field."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import msgspec
import numpy as np
from confluent_kafka import Message

from jobs.flink.embedded import JVM_ARGUMENTS
from jobs.flink.running_job import RunningJob
from jobs.flink.submit import start_embedded
from jobs.kafka import topics
from jobs.kafka.reader import Reader, headers_of
from jobs.pipeline.engine import Engine
from models.store import registry
from producers.publish.framing import Frame
from producers.publish.kafka import Publisher
from producers.publish.replay import Plan, frames
from tests.support.streams import opened
from tickproof.findings.finding import VERDICT, Finding, decode
from tickproof.settings import Settings
from tickproof.ticks.schema import NAMES, ROW, Array, Ticks, concat
from tickproof.wire import decode_scored

ORIGINS = ("origin", "topic", "partition", "offset", "row")
"""Of a finding's evidence: where in the topic it was, which two runs need not share."""
CONTENT = tuple(
    name for name in ROW.names or () if name not in ("ordinal", "event_time", "reasons", "offset", "partition", "row")
)
MODEL = "default" if "default" in registry.aliases() else "none"
"""The model that ships; rules alone as long as none does."""
Shards = Mapping[int, tuple[Ticks, Array]]


@dataclass(frozen=True, slots=True)
class Flow:
    """What came out, of the job or of the engine.

    Parameters
    ----------
    scored : dict
        Shard -> its ticks in its order, and their verdicts.
    findings : dict
        Id -> the last revision.
    statistics : dict
        (scope, ts) -> the row, as JSON.
    overtaken : int
        Ticks that came behind the watermark.
    dead : list of Message
        Dead letters, by partition and offset.
    """

    scored: Shards
    findings: dict[str, Finding]
    statistics: dict[tuple[str, int], bytes]
    overtaken: int = 0
    dead: list[Message] = field(default_factory=list)

    @property
    def ticks(self) -> int:
        """How many were scored."""
        return sum(len(ticks) for ticks, _ in self.scored.values())

    def codes(self) -> dict[str, int]:
        """Findings by code."""
        found: dict[str, int] = {}
        for finding in self.findings.values():
            found[finding.code] = found.get(finding.code, 0) + 1
        return dict(sorted(found.items()))


# --- in ---------------------------------------------------------------------------------------------------------------------


def framed(ticks: Ticks, rows: int = 100, *, by_channel: bool = True, partitions: int = 4, **plan: Any) -> list[Frame]:
    """The frames of a bounded, sealed replay of ticks in capture order, capture heartbeats among them."""
    return list(frames([ticks], partitions, Plan(rows=rows, by_channel=by_channel, **plan)))


def interleaved(sent: Sequence[Frame], seed: int, disorder_ms: int = 900) -> list[Frame]:
    """The same frames, channels interleaved otherwise: each keeps its order, and timestamps go back at most so far."""
    delays = np.random.default_rng(seed).integers(0, disorder_ms, len({frame.channel for frame in sent}))
    delay = dict(zip(sorted({str(frame.channel) for frame in sent}), delays.tolist(), strict=True))
    latest: dict[str, int] = {}
    due = []
    for frame in sent:
        name = str(frame.channel)
        latest[name] = max(latest.get(name, 0), frame.timestamp_ms)
        due.append(latest[name] + delay[name])
    return [sent[index] for index in np.argsort(np.array(due), kind="stable")]


def publish(brokers: str, prefix: str, sent: Iterable[Frame]) -> int:
    """Create the topics if need be and publish; returns the ticks that the broker confirmed."""
    topics.create(brokers, prefix)
    with Publisher(brokers, prefix + "ticks.raw") as publisher:
        for frame in sent:
            publisher.send(frame)
    return publisher.published.ticks


# --- the job ----------------------------------------------------------------------------------------------------------------


def settings_of(brokers: str, prefix: str, **values: Any) -> Settings:
    """Settings of a test's job: the model that ships and a checkpoint each half second, unless they say otherwise.

    No partition is ever idle: streams of tests have heartbeats in each, and a busy machine starts slower than any time-out.
    """
    usual = {"model": MODEL, "checkpoint_interval_ms": 500, "idle_after_s": 0}
    return Settings(**{"brokers": brokers, "prefix": prefix, **usual, **values})


def wait_until(condition: Callable[[], bool], timeout_s: float = 120.0) -> None:
    """Look until something is so."""
    deadline = monotonic() + timeout_s
    while not condition():
        assert monotonic() < deadline, f"not so after {timeout_s:.0f} s"
        sleep(0.1)


@cache
def keep_gateways() -> None:
    """pyflink drops the process object of its JVM, which Python warns of when it is collected: it is kept, and ended at exit.

    The JVM is one that starts fast.
    """
    os.environ.setdefault("JVM_ARGS", JVM_ARGUMENTS)
    from pyflink import java_gateway

    launch = java_gateway.launch_gateway_server_process

    def kept(*arguments: Any) -> Any:
        process = launch(*arguments)
        atexit.register(end, process)
        return process

    def end(process: Any) -> None:
        if java_gateway._gateway is not None:
            java_gateway._gateway.shutdown()
        process.kill()
        process.communicate()

    java_gateway.launch_gateway_server_process = kept


@contextmanager
def running(settings: Settings, folder: Path, **options: Any) -> Iterator[RunningJob]:
    """An embedded job that runs, and is cancelled at the end if it still does."""
    keep_gateways()
    job = start_embedded(settings, folder, **options)
    try:
        job.wait_running()
        yield job
    finally:
        if not job.ended():
            job.cancel()
            job.wait_ended()


def run(settings: Settings, folder: Path, **options: Any) -> Flow:
    """Run the job to the present end of its topic and read what it wrote."""
    with running(settings, folder, bounded=True, **options) as job:
        job.wait()
    return collect(settings.brokers, settings.prefix)


# --- out --------------------------------------------------------------------------------------------------------------------


def records(brokers: str, topic: str) -> list[Message]:
    """All committed records of a topic, by partition and offset."""
    with Reader(brokers, [topic]) as reader:
        found = [message for batch in reader.read() for message in batch]
    return sorted(found, key=lambda message: (message.partition(), message.offset()))


def collect(brokers: str, prefix: str) -> Flow:
    """Everything that a job wrote."""
    parts: dict[int, list[tuple[Ticks, Array]]] = {}
    overtaken = 0
    for message in records(brokers, prefix + "ticks.scored"):
        headers = headers_of(message)
        parts.setdefault(int(message.key() or b""), []).append(decode_scored(message.value(), headers))
        overtaken += int(headers.get("tickproof.overtaken", b"0"))
    last: dict[str, Finding] = {}
    for message in records(brokers, prefix + "feed.findings"):
        _keep(last, decode(message.value() or b""))
    statistics = {}
    for message in records(brokers, prefix + "feed.statistics"):
        row = msgspec.json.decode(message.value() or b"")
        statistics[row["scope"], row["ts"]] = message.value() or b""
    return Flow(_joined(parts), last, statistics, overtaken, records(brokers, prefix + "ticks.dead-letters"))


def expected(stream: Ticks, model: str = MODEL, cut: int | None = None) -> Flow:
    """What the engine says of a sealed replay of a stream, fed at once or in pieces of `cut` frames.

    In capture order, as a scan reads it: frames of one channel run ahead of those of others by as much as they span.
    """
    held = framed(stream, by_channel=False)
    size = cut or max(1, len(held))
    walker = Engine(opened(model))
    outputs = [walker.feed(concat([frame.ticks for frame in held[start : start + size]])) for start in range(0, len(held), size)]
    outputs.append(walker.finish())
    parts: dict[int, list[tuple[Ticks, Array]]] = {}
    last: dict[str, Finding] = {}
    statistics = {}
    for output in outputs:
        for shard, result in output.scored:
            parts.setdefault(shard, []).append((result.final, result.verdicts))
        for finding in output.findings:
            _keep(last, finding)
        for row in output.statistics:
            statistics[row.scope, row.ts] = msgspec.json.encode(row, order="deterministic")
    return Flow(_joined(parts), last, statistics, sum(len(behind) for output in outputs for behind, _ in output.overtaken))


def _keep(last: dict[str, Finding], finding: Finding) -> None:
    if finding.id not in last or finding.revision >= last[finding.id].revision:
        last[finding.id] = finding


def _joined(parts: Mapping[int, Sequence[tuple[Ticks, Array]]]) -> dict[int, tuple[Ticks, Array]]:
    return {
        shard: (concat([ticks for ticks, _ in mine]), np.concatenate([np.zeros(0, VERDICT), *(part for _, part in mine)]))
        for shard, mine in sorted(parts.items())
        if any(len(ticks) for ticks, _ in mine)
    }


# --- compared ---------------------------------------------------------------------------------------------------------------


def differences(found: Flow, wanted: Flow, ignore: Callable[[Finding], bool] = lambda finding: False) -> list[str]:
    """Every way in which two flows differ, field by field: ticks in their shards' order, verdicts, findings, statistics."""
    if not (wanted.ticks or wanted.findings):
        return ["nothing was expected, so nothing is compared"]
    out = []
    if found.overtaken or wanted.overtaken:
        out.append(f"overtaken: {found.overtaken}, expected {wanted.overtaken} and 0")
    for shard in sorted({*found.scored, *wanted.scored}):
        if shard not in found.scored or shard not in wanted.scored:
            out.append(f"shard {shard} is in one of the two")
            continue
        out += _shard_differences(shard, found.scored[shard], wanted.scored[shard])
    mine, theirs = (_plain(flow, ignore) for flow in (found, wanted))
    for identity in sorted({*mine, *theirs}):
        one, other = mine.get(identity), theirs.get(identity)
        if one is None or other is None:
            out.append(f"finding {identity} ({(one or other or {}).get('code')}) is in one of the two")
        elif one != other:
            out.append(
                f"finding {identity} ({one['code']}): "
                + "; ".join(f"{k}: {one[k]}, expected {other[k]}" for k in one if one[k] != other[k])
            )
    for where in sorted({*found.statistics, *wanted.statistics}):
        if found.statistics.get(where) != wanted.statistics.get(where):
            out.append(f"statistics {where}: {found.statistics.get(where)!r}, expected {wanted.statistics.get(where)!r}")
    return out


def _shard_differences(shard: int, found: tuple[Ticks, Array], wanted: tuple[Ticks, Array]) -> list[str]:
    (ticks, verdicts), (other, expected_verdicts) = found, wanted
    if len(ticks) != len(other):
        return [f"shard {shard}: {len(ticks)} ticks, expected {len(other)}"]
    out = []
    for name in CONTENT:
        one, two = (_column(part, name) for part in (ticks, other))
        out += _unequal(f"shard {shard}, {name}", one, two)
    for name in VERDICT.names or ():
        out += _unequal(f"shard {shard}, {name}", verdicts[name], expected_verdicts[name])
    return out


def _column(ticks: Ticks, name: str) -> Array:
    if name not in NAMES:
        return ticks.rows[name]
    return np.array([*ticks.names, None], object)[ticks.rows[name]]


def _unequal(what: str, one: Array, two: Array) -> list[str]:
    rows = np.flatnonzero(one != two)
    if not len(rows):
        return []
    return [f"{what}: {len(rows)} differ, the first in row {rows[0]}: {one[rows[0]]}, expected {two[rows[0]]}"]


def _plain(flow: Flow, ignore: Callable[[Finding], bool]) -> dict[str, dict[str, Any]]:
    """Findings as plain values, without what §7 of the design leaves out."""
    out = {}
    for identity, finding in flow.findings.items():
        if ignore(finding):
            continue
        plain = msgspec.to_builtins(finding)
        plain["evidence"] = _without_origins(plain["evidence"])
        out[identity] = plain
    return out


def _without_origins(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_origins(item) for name, item in value.items() if name not in ORIGINS}
    return [_without_origins(item) for item in value] if isinstance(value, list) else value

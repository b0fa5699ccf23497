"""What must hold on a real broker and a real Flink: each function runs one case and returns its figures or what is wrong.

The tests run them on small streams, `make acceptance` runs them in full.
"""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
from confluent_kafka import IsolationLevel, Message, Producer, TopicPartition
from confluent_kafka.admin import OffsetSpec

from jobs.flink.cluster import Cluster
from jobs.flink.running_job import RunningJob
from jobs.kafka import topics
from jobs.kafka.audit import audit
from jobs.kafka.audit_account import Audit
from jobs.kafka.reader import headers_of
from jobs.pipeline.workers import ChannelOutput, ChannelWorker
from jobs.services.broker import client
from producers.faults.table import Faults
from producers.market.parameters import START_NS, Market
from producers.publish.framing import Frame
from producers.publish.kafka import CONFIGURATION, Publisher
from producers.recordings.registry import open_recordings
from producers.simulation.day import simulate_all
from producers.streams.partitioning import partition_of
from tests.support import job_run as flow
from tests.support.hostile_payloads import Hostile, hostile_payloads
from tests.support.job_run import Flow
from tickproof.channel import step as channels
from tickproof.findings.finding import CODES, Finding
from tickproof.shard import step as scoring
from tickproof.ticks.schema import NS_PER_SECOND, Kind, Ticks, concat
from tickproof.wire import encode_frame

SHIPPED = tuple(code.name for code in CODES if code.checks)
"""The codes that this version can find."""
BY_MODEL = ("digit_error", "size_outlier")
"""Those that only a model finds."""
NOT_SIMULATED = (
    "frozen", "off_tick_grid", "out_of_session", "unknown_symbol", "symbol_swap", "cross_break", "rate_shift", "mix_shift",
    "time_unit", "capture_clock",
)  # fmt: skip
"""Those of which no simulated stream is sure to have five: they need long histories, reference data, which are not given, or a
recording that is wrong as a whole."""
Run = tuple[str, str]
"""Brokers and prefix."""
PAYLOAD = ("payload_unreadable", "schema_changed")
"""Those of bytes that are no ticks, which the engine never sees."""


def is_of_payload(finding: Finding) -> bool:
    """Whether a finding is about a payload."""
    return finding.code in PAYLOAD


# --- streams ----------------------------------------------------------------------------------------------------------------


def faulty_market(*, minutes: float, symbols: int, rate: float, per_kind: int, seed: int = 6, start_minute: int = 0) -> Ticks:
    """A simulated market with faults, in capture order."""
    market = Market(
        seed=seed,
        minutes=minutes,
        start_ns=START_NS + 60 * start_minute * NS_PER_SECOND,
        symbols=symbols,
        peak_rate=rate,
        news_per_minute=6,
        market_news_per_minute=2,
        halts_per_minute=4,
    )
    ticks, _ = simulate_all(market, Faults(seed=seed, per_kind=per_kind, warm_up_s=min(10.0, minutes * 10)))
    return ticks


def with_late_ticks(ticks: Ticks, every_s: float = 7.0, late_s: float = 3.0) -> Ticks:
    """The stream with the capture stamp of a quote set back now and then: further than a channel's event time may go back."""
    rows = ticks.rows.copy()
    seconds = (rows["ts_recv"] - rows["ts_recv"][0]) / NS_PER_SECOND
    due = np.arange(2 * every_s, seconds[-1], every_s)
    at = np.searchsorted(seconds, due)
    at = at[rows["kind"][at] == Kind.QUOTE]
    rows["ts_recv"][at] -= round(late_s * NS_PER_SECOND)
    return Ticks(rows, ticks.names)


def recorded(data: Path, days: Sequence[tuple[Sequence[str], int | None, int | None]]) -> Ticks:
    """Recordings below the shared data's `lean` folder: of each entry its files between two times, merged."""
    parts = []
    for files, start_ns, end_ns in days:
        parts += list(open_recordings([data / "lean" / file for file in files], start_ns=start_ns, end_ns=end_ns))
    return concat(parts)


# --- 1: every tick once -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Audited:
    """What came of a stream that was scored while it was published."""

    flow: Flow
    audit: Audit
    failures: int
    places: dict[tuple[int, int], Hostile]


def audited(
    brokers: str, prefix: str, folder: Path, sent: Sequence[Frame], hostile: Sequence[Hostile] = (), **settings: Any
) -> Audited:
    """Publish to a job that runs, wait until every tick is there, and stop it."""
    topics.create(brokers, prefix)
    with flow.running(flow.settings_of(brokers, prefix, **settings), folder) as job:
        places = publish_among(brokers, prefix, sent, hostile)
        account = audit(brokers, prefix, wait_s=300)
        failures = job.failures()
        drain(job, folder)
    return Audited(flow.collect(brokers, prefix), account, failures, places)


def drain(job: RunningJob, folder: Path) -> None:
    """End a job as a bounded one ends: what waits for the end of its second is counted, too."""
    job.stop(str(folder / "savepoints"), drain=True)
    job.wait_ended()


# --- 2: the same as the engine says -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to send the same ticks and to run the same job.

    Parameters
    ----------
    rows : int
        Ticks in a frame.
    json : bool
        JSON ticks instead.
    parallelism : int
        Subtasks of a stage.
    interleaving : int, optional
        Seed of another interleaving of channels.
    stopped : bool
        Stop with a savepoint in the middle, and go on from it with the other parallelism.
    """

    rows: int = 100
    json: bool = False
    parallelism: int = 1
    interleaving: int | None = None
    stopped: bool = False

    def __str__(self) -> str:
        words = ["json" if self.json else f"frames of {self.rows}", f"parallelism {self.parallelism}"]
        words += [f"interleaving {self.interleaving}"] if self.interleaving is not None else []
        return ", ".join(words + (["stopped in the middle"] if self.stopped else []))


def send(ticks: Ticks, variant: Variant) -> list[Frame]:
    """The frames of a variant; JSON ticks go in frames of several channels."""
    if variant.json and variant.interleaving is None:
        return flow.framed(ticks, by_channel=False)
    sent = flow.framed(ticks, 1 if variant.json else variant.rows)
    if variant.interleaving is not None:
        sent = flow.interleaved(sent, variant.interleaving)
    return [Frame(None, frame.ticks, frame.first_ns, frame.due_ns) for frame in sent] if variant.json else sent


def scored_by_flink(brokers: str, prefix: str, folder: Path, ticks: Ticks, variant: Variant) -> Flow:
    """What the job says of a stream, in one go or across a savepoint."""
    sent = send(ticks, variant)
    settings = flow.settings_of(brokers, prefix, parallelism=variant.parallelism)
    if not variant.stopped:
        flow.publish(brokers, prefix, sent)
        return flow.run(settings, folder)
    half = len(sent) // 2
    topics.create(brokers, prefix)
    with flow.running(settings, folder) as job:
        flow.publish(brokers, prefix, sent[:half])
        # Some ticks are out, and others wait for what follows them.
        flow.wait_until(lambda: flow.collect(brokers, prefix).ticks > 0)
        savepoint = job.stop(str(folder / "savepoints"))
        job.wait_ended()
    assert 0 < flow.collect(brokers, prefix).ticks < len(ticks), "it was not stopped in the middle"
    flow.publish(brokers, prefix, sent[half:])
    other = settings.model_copy(update={"parallelism": 3 - variant.parallelism})
    with flow.running(other, folder / "second", savepoint=savepoint) as job:
        assert audit(brokers, prefix, wait_s=120).problems() == []
        drain(job, folder)
    return flow.collect(brokers, prefix)


def swapped(ticks: Ticks, row: int) -> Ticks:
    """The stream with two ticks of one channel, that at `row` and the channel's next, in each other's place."""
    channel = ticks.rows["channel"]
    after = row + 1 + int(np.argmax(channel[row + 1 :] == channel[row]))
    order = np.arange(len(ticks))
    order[[row, after]] = after, row
    return ticks.take(order)


# --- 3: hostile payloads, and steps that fail -------------------------------------------------------------------------------


Place = tuple[int, int]
"""Partition and offset."""


def publish_among(
    brokers: str, prefix: str, sent: Sequence[Frame], hostile: Sequence[Hostile], seed: int = 1
) -> dict[Place, Hostile]:
    """Publish frames with hostile records among them, on the partitions of the frames before them.

    Returns
    -------
    dict
        (partition, offset) -> the hostile record there.
    """
    topic = prefix + "ticks.raw"
    topics.create(brokers, prefix)
    if not hostile:
        flow.publish(brokers, prefix, sent)
        return {}
    with Publisher(brokers, topic) as publisher:
        partitions = publisher.partitions
    producer = Producer({**CONFIGURATION, "bootstrap.servers": brokers, "queue.buffering.max.kbytes": 1 << 20})
    places: dict[Place, Hostile] = {}

    def report(one: Hostile) -> Callable[[Any, Message], None]:
        def delivered(error: Any, message: Message) -> None:
            assert error is None, error
            places[int(message.partition() or 0), int(message.offset() or 0)] = one

        return delivered

    # Between frames, and before the seal: the last records are the heartbeats that end the replay.
    slots = np.sort(np.random.default_rng(seed).integers(1, max(2, len(sent) * 9 // 10), len(hostile)))
    waiting = iter(hostile)
    for number, frame in enumerate(sent):
        partition = partition_of(str(frame.channel), partitions)
        for _ in range(int(np.searchsorted(slots, number, "right") - np.searchsorted(slots, number, "left"))):
            one = next(waiting)
            producer.produce(
                topic,
                one.value,
                one.key,
                partition,
                report(one),
                timestamp=frame.timestamp_ms,
                headers=list(one.headers.items()),
            )
        payload = encode_frame(frame.ticks)
        key = str(frame.channel).encode()
        producer.produce(
            topic, payload.value, key, partition, timestamp=frame.timestamp_ms, headers=list(payload.headers.items())
        )
        producer.poll(0)
    assert producer.flush(120) == 0, "not everything was delivered"
    assert len(places) == len(hostile)
    return places


def hostile_among(sent: Sequence[Frame], count: int, seed: int = 7) -> list[Hostile]:
    """Hostile records made from some of the frames."""
    chosen = random.Random(seed).sample([frame for frame in sent if len(frame.ticks) > 1], 8)
    return list(hostile_payloads([(str(frame.channel).encode(), encode_frame(frame.ticks)) for frame in chosen], seed, count))


def dead_letter_faults(dead: Sequence[Message], places: dict[Place, Hostile]) -> list[str]:
    """What is wrong with the dead letters of hostile records: lost, repeated, changed, or with a reason that names nothing."""
    wrong = []
    found: dict[Place, Message] = {}
    for message in dead:
        headers = headers_of(message)
        place = int(headers["__connect.errors.partition"]), int(headers["__connect.errors.offset"])
        if place in found:
            wrong.append(f"{place} is there twice")
        found[place] = message
    wrong += [f"{place} is there and was not sent" for place in sorted(set(found) - set(places))]
    for place, sent in sorted(places.items(), key=lambda item: item[0]):
        if place not in found:
            wrong.append(f"{sent.kind} at {place} is missing")
            continue
        message = found[place]
        headers = headers_of(message)
        said = headers["__connect.errors.exception.message"].decode()
        if message.value() != sent.value or message.key() != sent.key:
            wrong.append(f"{sent.kind} at {place}: other bytes or another key")
        kept = {name: value for name, value in headers.items() if not name.startswith("__connect.errors.")}
        if kept != sent.headers:
            wrong.append(f"{sent.kind} at {place}: headers {kept}, expected {sent.headers}")
        # A whole tick under a key that is not its channel is refused for that.
        wrong_key = (sent.key or b"").startswith(b"WRONG.") and said.startswith("key: found")
        if sent.reason not in said and not wrong_key:
            wrong.append(f"{sent.kind} at {place}: said {said!r}, expected {sent.reason!r}")
    return wrong


@contextmanager
def failing_steps(patch: pytest.MonkeyPatch, in_channel: int, in_shard: int) -> Iterator[None]:
    """Steps that raise for the ticks of a certain sequence number: one in the channel's stage, one in the shard's."""
    channel_step, shard_step = channels.step, scoring.step

    def failing_channel(state: Any, ticks: Ticks, *rest: Any) -> Any:
        if (ticks.rows["sequence"] == in_channel).any():
            raise ArithmeticError("on purpose, in the channel's stage")
        return channel_step(state, ticks, *rest)

    def failing_shard(state: Any, ticks: Ticks, *rest: Any) -> Any:
        if (ticks.rows["sequence"] == in_shard).any():
            raise ArithmeticError("on purpose, in the shard's stage")
        return shard_step(state, ticks, *rest)

    with patch.context() as inner:
        inner.setattr(channels, "step", failing_channel)
        inner.setattr(scoring, "step", failing_shard)
        yield


@contextmanager
def broken_steps(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """A step of the shard's stage that raises for every tick."""
    shard_step = scoring.step

    def broken(state: Any, ticks: Ticks, *rest: Any) -> Any:
        if len(ticks):
            raise ArithmeticError("on purpose")
        return shard_step(state, ticks, *rest)

    with patch.context() as inner:
        inner.setattr(scoring, "step", broken)
        yield


@contextmanager
def blind_steps(patch: pytest.MonkeyPatch, in_channel: int, in_shard: int) -> Iterator[None]:
    """Steps that never see those ticks: what the others' verdicts must be like."""
    process, shard_step = ChannelWorker.process, scoring.step

    def blind_channel(worker: ChannelWorker, ticks: Ticks) -> ChannelOutput:
        seen = np.flatnonzero(ticks.rows["sequence"] != in_channel)
        output = process(worker, ticks.take(seen))
        return replace(output, rows=seen[output.rows])

    def blind_shard(state: Any, ticks: Ticks, *rest: Any) -> Any:
        return shard_step(state, ticks.take(ticks.rows["sequence"] != in_shard), *rest)

    with patch.context() as inner:
        inner.setattr(ChannelWorker, "process", blind_channel)
        inner.setattr(scoring, "step", blind_shard)
        yield


def plain_rows(ticks: Ticks, count: int) -> list[int]:
    """Rows of some quotes in the middle of a stream, of different numbers."""
    quotes = np.flatnonzero(ticks.rows["kind"] == Kind.QUOTE)
    return [int(quotes[len(quotes) * (k + 1) // (count + 2)]) for k in range(count)]


def rare_codes(found: Flow, least: int) -> dict[str, int]:
    """The codes that ship with fewer than so many findings; without a model, but for those that only one finds."""
    counts = found.codes()
    return {
        code: counts.get(code, 0)
        for code in SHIPPED
        if code not in NOT_SIMULATED
        if counts.get(code, 0) < least and (flow.MODEL != "none" or code not in BY_MODEL)
    }


# --- 4: a TaskManager that is killed ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Killed:
    """What came of a job whose TaskManagers were killed.

    Parameters
    ----------
    outages_s : list of float
        How long each time until a checkpoint was completed again.
    uncommitted : list of int
        Records that each time were written and not committed.
    """

    audit: Audit
    outages_s: list[float]
    uncommitted: list[int]


def killed(run: Run, cluster: Cluster, job: RunningJob, sent: Sequence[Frame], kills: int) -> Killed:
    """Kill the TaskManager of a job on a cluster again and again while the producer writes, then let the job score the rest."""
    outages_s, uncommitted = [], []
    with _Trickle(*run, sent, kills) as producer:
        for number in range(kills):
            done = job.rest.completed_checkpoints(job.id)
            # Output that a checkpoint has committed, and output that none has.
            flow.wait_until(lambda done=done: job.rest.completed_checkpoints(job.id) > done and _held_uncommitted(run, cluster))
            uncommitted.append(pending(*run))
            sent_before, begun = producer.sent, monotonic()
            cluster.kill_task_manager()
            cluster.start_task_manager()
            cluster.wait_ready()
            flow.wait_until(lambda number=number: job.failures() > number and job.rest.running(job.id))
            again = job.rest.completed_checkpoints(job.id)
            flow.wait_until(lambda again=again: job.rest.completed_checkpoints(job.id) > again)
            outages_s.append(monotonic() - begun)
            assert producer.sent > sent_before, "the producer did not write while the job was away"
        producer.finish()
    return Killed(audit(*run, wait_s=300), outages_s, uncommitted)


def _held_uncommitted(run: Run, cluster: Cluster) -> bool:
    """Stop the TaskManager in its tracks with uncommitted output; where there is none, it goes on."""
    if pending(*run) == 0:
        return False
    cluster.kill_task_manager(signal.SIGSTOP)
    # A commit that was on its way when it stopped still arrives.
    sleep(0.2)
    if pending(*run) > 0:
        return True
    cluster.kill_task_manager(signal.SIGCONT)
    return False


def pending(brokers: str, prefix: str, name: str = "ticks.scored") -> int:
    """Records of a topic that readers of committed records do not see yet."""
    every, committed = IsolationLevel.READ_UNCOMMITTED, IsolationLevel.READ_COMMITTED
    return sum(_ends(brokers, prefix, name, every)) - sum(_ends(brokers, prefix, name, committed))


def _ends(brokers: str, prefix: str, name: str, isolation: IsolationLevel) -> list[int]:
    asked = {
        TopicPartition(topic, partition): OffsetSpec.latest()
        for topic, count in topics.partitions(brokers, prefix, [name]).items()
        for partition in range(count)
    }
    # Held, because the answers come only as long as there is the client.
    admin = client(brokers)
    found = admin.list_offsets(asked, isolation_level=isolation, request_timeout=10)
    return [future.result().offset for future in found.values()]


class _Trickle:
    """A producer that writes a few frames at a time as long as it is asked to, and the rest at once. A context manager."""

    def __init__(self, brokers: str, prefix: str, sent: Sequence[Frame], kills: int) -> None:
        self._publisher = Publisher(brokers, prefix + "ticks.raw")
        self._frames = list(sent)
        # As long as a few restarts of a busy machine take; the job is killed well before the end.
        self._pause_s = 60.0 * kills / len(sent)
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._write, name="producer")
        self._error: BaseException | None = None
        self.sent = 0

    def __enter__(self) -> _Trickle:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._hurry.set()
        self._thread.join()

    def finish(self) -> None:
        """Write the rest at once, and wait until the broker has confirmed all."""
        self._hurry.set()
        self._thread.join()
        assert self._error is None, self._error
        assert self.sent == len(self._frames)

    def _write(self) -> None:
        try:
            for frame in self._frames:
                self._publisher.send(frame)
                self.sent += 1
                # The last tenth is kept back until the killing is over.
                while not self._hurry.wait(self._pause_s) and self.sent >= 0.9 * len(self._frames):
                    pass
            self._publisher.close()
        except BaseException as error:
            self._error = error

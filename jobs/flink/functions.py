"""The Flink shells of the two stages: they move bytes, state and timers between Flink and the workers, which decide."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pyflink.common import Row, Types
from pyflink.common.time import Instant
from pyflink.datastream import KeyedProcessFunction, OutputTag, RuntimeContext
from pyflink.datastream.state import MapStateDescriptor

from jobs.flink.batching import gathered_parts
from jobs.flink.stop_job import job_is_stopped
from jobs.pipeline import outputs
from jobs.pipeline.journal import SNAPSHOT_BYTES, SNAPSHOT_FACTOR, STREAK, Journal, pack_shard, pack_streak, unpack_streak
from jobs.pipeline.outputs import Record
from jobs.pipeline.settings import PipelineSettings
from jobs.pipeline.tick_bytes import pack, packed_by_shard, unpack
from jobs.pipeline.workers import END_NS, ChannelWorker, ShardWorker, routed, split
from tickproof.channel import step as channels
from tickproof.channel.step import ChannelState
from tickproof.rules import VERSION
from tickproof.ticks.schema import NS_PER_MS, Ticks

BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())
HEADERS = Types.MAP(Types.STRING(), BYTES)
OUTPUT = Types.ROW_NAMED(["k", "v", "ts", "headers"], [BYTES, BYTES, Types.INSTANT(), HEADERS])
"""A record for a topic."""
BATCH = Types.ROW_NAMED(["records"], [Types.OBJECT_ARRAY(Types.ROW_NAMED(["k", "v", "ts"], [BYTES, BYTES, Types.LONG()]))])
"""Many small records for a topic of JSON: a record by itself costs tens of microseconds on its way out of Python."""
HOP = Types.ROW_NAMED(["shard", "ticks"], [Types.STRING(), BYTES])
"""Stamped ticks on their way to a shard: its key, and they."""
PACKED = Types.ROW([Types.STRING(), BYTES, Types.INSTANT()])
"""A channel, some of its records, and the first one's time."""
SINKS = ("scored", "verdicts", "dead_letters", "findings", "statistics")
BATCHED = ("findings", "statistics")
TAGS = {name: OutputTag(name, BATCH if name in BATCHED else OUTPUT) for name in SINKS}
BATCH_RECORDS = 1_000
CHANNELS_IN_MEMORY = 2_048
SLICE_MS = 20
"""Event time that one release covers at least: no result depends on it."""


def as_rows(records: Sequence[Record]) -> Iterator[tuple[OutputTag, Row]]:
    """Records as Flink takes them, each for its sink, in the order of each sink."""
    batches: dict[str, list[Row]] = {name: [] for name in BATCHED}
    for record in records:
        if record.sink in BATCHED:
            batches[record.sink].append(Row(record.key, record.value, record.timestamp_ms))
        else:
            at = Instant.of_epoch_milli(record.timestamp_ms)
            yield TAGS[record.sink], Row(record.key, record.value, at, dict(record.headers))
    for name, rows in batches.items():
        for start in range(0, len(rows), BATCH_RECORDS):
            yield TAGS[name], Row(rows[start : start + BATCH_RECORDS])


class ChannelStage(KeyedProcessFunction):  # type: ignore[misc]
    """Keyed by channel: decoding, channel integrity, routing.

    Parameters
    ----------
    settings : PipelineSettings
    topic : str
        Where the ticks come from.
    shard_keys : list of str
        The key of each shard.
    rest : str, optional
        The REST interface of a cluster on which nobody watches the job.
    """

    def __init__(self, settings: PipelineSettings, topic: str, shard_keys: list[str], rest: str | None = None) -> None:
        self._settings = settings
        self._topic = topic
        self._shard_keys = shard_keys
        self._rest = rest

    def open(self, runtime_context: RuntimeContext) -> None:
        """Bind the state."""
        self._pages = runtime_context.get_map_state(MapStateDescriptor("channel", Types.INT(), BYTES))
        self._workers: OrderedDict[str, ChannelWorker] = OrderedDict()

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterator[Any]:
        """Take what was gathered of one channel."""
        worker = self._recall(ctx.get_current_key())
        before, streak = worker.state, worker.streak
        records: list[Record] = []
        hops: list[tuple[int, Ticks]] = []
        for part in gathered_parts(bytes(value)):
            for undecoded in part.undecoded:
                with job_is_stopped(self._rest):
                    records += outputs.of_undecoded(undecoded, worker.reject(undecoded))
            if len(part.ticks):
                with job_is_stopped(self._rest):
                    output = worker.process(part.ticks)
                records += outputs.of_channel(output, self._topic)
                hops += routed(output.ticks, output.control_rows, self._settings)
        self._remember(worker.state, before)
        if worker.streak != streak:
            self._pages.put(STREAK, pack_streak(worker.streak))
        yield from as_rows(records)
        for shard, data in packed_by_shard(hops):
            yield Row(self._shard_keys[shard], data)

    def _recall(self, channel: str) -> ChannelWorker:
        """Return the worker of the current key; the least recently used ones are forgotten, and made again from their pages."""
        if channel not in self._workers:
            pages = dict(self._pages.items())
            streak = unpack_streak(pages.pop(STREAK, None))
            feeds = self._settings.reference.feeds()
            state = channels.unpack(pages, VERSION, feeds) if pages else None
            self._workers[channel] = ChannelWorker(channel, self._settings, state, streak)
            if len(self._workers) > CHANNELS_IN_MEMORY:
                self._workers.popitem(last=False)
        self._workers.move_to_end(channel)
        return self._workers[channel]

    def _remember(self, state: ChannelState | None, before: ChannelState | None) -> None:
        if state is not None and state is not before:
            for page, data in channels.pack(state, before).items():
                self._pages.put(page, data)


@dataclass(slots=True)
class ShardMemory:
    """One shard between calls, and what the state store holds of it since the last snapshot.

    Parameters
    ----------
    worker : ShardWorker
    frames, journal_bytes : int
        Since the last snapshot.
    snapshot_at : int
        The length of the journal at which a snapshot may be worth its bytes: how many those are is only known by packing one,
        which must not happen at each release.
    timer_ms : int, optional
        The timer that is set.
    """

    worker: ShardWorker
    frames: int = 0
    journal_bytes: int = 0
    snapshot_at: int = SNAPSHOT_BYTES
    timer_ms: int | None = None


class ShardStage(KeyedProcessFunction):  # type: ignore[misc]
    """Keyed by shard: order by event time, features, rules, model, final verdicts.

    Parameters
    ----------
    settings : PipelineSettings
        The model is loaded where the stage runs.
    topic : str
        Where the ticks come from.
    rest : str, optional
        The REST interface of a cluster on which nobody watches the job.
    """

    def __init__(self, settings: PipelineSettings, topic: str, rest: str | None = None) -> None:
        self._settings = settings
        self._topic = topic
        self._rest = rest

    def open(self, runtime_context: RuntimeContext) -> None:
        """Bind the state and load the model."""
        self._settings = self._settings.opened()
        frames = runtime_context.get_map_state(MapStateDescriptor("frames", Types.LONG(), BYTES))
        snapshot = runtime_context.get_map_state(MapStateDescriptor("snapshot", Types.LONG(), BYTES))
        self._journal = Journal(frames, snapshot)
        self._memory: dict[str, ShardMemory] = {}
        self._overtaken = runtime_context.get_metrics_group().counter("ticks_overtaken")
        self._failed_control_rows = runtime_context.get_metrics_group().counter("control_rows_failed")

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterator[Any]:
        """Take ticks that came in: they wait for the watermark."""
        memory = self._recall(ctx.get_current_key())
        data = bytes(value)
        ticks = unpack(data)
        in_time, late = split(ticks, memory.worker.released_ns)
        memory.worker.add(in_time)
        if len(in_time):
            # A tick that was overtaken moves no state, so that it must not be walked at a restore either.
            data = data if in_time is ticks else pack(in_time)
            self._journal.append(memory.frames, data)
            memory.frames += 1
            memory.journal_bytes += len(data)
        if len(late):
            with job_is_stopped(self._rest):
                overtaken, failed = memory.worker.overtake(late)
            self._overtaken.inc(len(overtaken.ticks))
            yield from as_rows(outputs.of_overtaken(memory.worker.shard, overtaken, self._settings.versions))
            yield from as_rows([outputs.dead_tick(one, self._topic) for one in failed])
        self._set_timer(memory, ctx)

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Any]:
        """Release what the watermark has passed."""
        memory = self._recall(ctx.get_current_key())
        worker = memory.worker
        memory.timer_ms = None
        watermark_ms = min(ctx.timer_service().current_watermark(), END_NS // NS_PER_MS)
        with job_is_stopped(self._rest):
            output = worker.release(watermark_ms * NS_PER_MS)
        self._failed_control_rows.inc(output.failed_control_rows)
        yield from as_rows(outputs.of_shard(worker.shard, output, self._settings.versions, self._topic))
        self._journal.released(worker.released_ns)
        if memory.journal_bytes > memory.snapshot_at:
            data = pack_shard(worker.state, worker.waiting.all())
            memory.snapshot_at = max(SNAPSHOT_BYTES, SNAPSHOT_FACTOR * len(data))
            if memory.journal_bytes > memory.snapshot_at:
                self._journal.snapshot(data, worker.released_ns, worker.streak)
                memory.frames = memory.journal_bytes = 0
        self._set_timer(memory, ctx)

    def _recall(self, key: str) -> ShardMemory:
        if key not in self._memory:
            restored = self._journal.restore(self._settings.versions.model, self._settings.reference)
            worker = ShardWorker(shard_number(key), self._settings, restored.state, restored.waiting, restored.streak)
            if restored.released_ns is not None:
                # Scored again for the state; what it gives was written before.
                with job_is_stopped(self._rest):
                    worker.release(restored.released_ns)
            self._memory[key] = ShardMemory(worker, restored.frames)
        return self._memory[key]

    def _set_timer(self, memory: ShardMemory, ctx: KeyedProcessFunction.Context) -> None:
        due_ns = memory.worker.next_due_ns()
        if due_ns is None:
            return
        # A tick of T is released by a watermark above T.
        due_ms = (due_ns // NS_PER_MS + SLICE_MS) // SLICE_MS * SLICE_MS
        if memory.timer_ms is None or due_ms < memory.timer_ms:
            ctx.timer_service().register_event_time_timer(due_ms)
            memory.timer_ms = due_ms


def shard_number(key: str) -> int:
    """Return the shard that a key stands for: keys carry a suffix that spreads them over subtasks."""
    return int(key.partition(".")[0])

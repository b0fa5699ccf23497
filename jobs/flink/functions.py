"""The Flink shells of the two stages: they move bytes between Flink, the state store and the stages."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

from pyflink.common import Row, Types
from pyflink.common.time import Instant
from pyflink.datastream import KeyedProcessFunction, OutputTag, RuntimeContext
from pyflink.datastream.state import MapStateDescriptor

from jobs.flink.batching import gathered_parts
from jobs.pipeline.journal import SNAPSHOT_BYTES, SNAPSHOT_FACTOR, Journal, pack_shard
from jobs.pipeline.outputs import Record
from jobs.pipeline.stages import END_NS, ShardMemory, StageSettings, arrive, packed, process_channel, release
from jobs.pipeline.tick_bytes import pack, unpack
from tickproof.channel import step as channels
from tickproof.channel.step import ChannelState
from tickproof.rules import table as rules
from tickproof.shard.step import ShardSettings
from tickproof.ticks.schema import NS_PER_MS

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
    """Keyed by channel: decoding, channel integrity, routing."""

    def __init__(self, settings: StageSettings, shard_keys: list[str]) -> None:
        self._settings = settings
        self._shard_keys = shard_keys

    def open(self, runtime_context: RuntimeContext) -> None:
        """Bind the state."""
        self._pages = runtime_context.get_map_state(MapStateDescriptor("channel", Types.INT(), BYTES))
        self._memory: OrderedDict[str, ChannelState | None] = OrderedDict()

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterator[Any]:
        """Take what was gathered of one channel."""
        channel = ctx.get_current_key()
        before = self._recall(channel)
        state, output = process_channel(before, channel, gathered_parts(bytes(value)), self._settings)
        if state is not None and state is not before:
            for page, data in channels.pack(state, before).items():
                self._pages.put(page, data)
        self._memory[channel] = state
        self._memory.move_to_end(channel)
        if len(self._memory) > CHANNELS_IN_MEMORY:
            self._memory.popitem(last=False)
        yield from as_rows(output.records)
        for shard, data in packed(output.routed):
            yield Row(self._shard_keys[shard], data)

    def _recall(self, channel: str) -> ChannelState | None:
        if channel in self._memory:
            return self._memory[channel]
        pages = dict(self._pages.items())
        return channels.unpack(pages, rules.VERSION, self._settings.reference.feeds()) if pages else None


class ShardStage(KeyedProcessFunction):  # type: ignore[misc]
    """Keyed by shard: order by event time, features, rules, model, final verdicts."""

    def __init__(self, settings: StageSettings) -> None:
        self._settings = settings

    def open(self, runtime_context: RuntimeContext) -> None:
        """Bind the state and load the model."""
        from models.store.registry import open_model
        from tickproof.features.table import NAMES

        detector = open_model(self._settings.model, NAMES) if self._settings.model else None
        self._scoring = ShardSettings(self._settings.lookahead_ns, self._settings.threshold, detector)
        self._version = detector.version if detector else "none"
        frames = runtime_context.get_map_state(MapStateDescriptor("frames", Types.LONG(), BYTES))
        snapshot = runtime_context.get_map_state(MapStateDescriptor("snapshot", Types.LONG(), BYTES))
        self._journal = Journal(frames, snapshot)
        self._memory: dict[str, ShardMemory] = {}
        self._overtaken = runtime_context.get_metrics_group().counter("ticks_overtaken")

    def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> Iterator[Any]:
        """Take ticks that came in: they wait for the watermark."""
        key = ctx.get_current_key()
        memory = self._recall(key)
        data = bytes(value)
        ticks = unpack(data)
        kept, records = arrive(memory, shard_number(key), ticks, (rules.VERSION, self._version))
        if len(kept):
            # A tick that was overtaken moves no state, so that it must not be walked at a restore either.
            data = data if kept is ticks else pack(kept)
            self._journal.append(memory.frames, data)
            memory.frames += 1
            memory.journal_bytes += len(data)
        self._overtaken.inc(len(ticks) - len(kept))
        yield from as_rows(records)
        self._set_timer(memory, ctx)

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Any]:
        """Release what the watermark has passed."""
        key = ctx.get_current_key()
        memory = self._recall(key)
        memory.timer_ms = None
        watermark = ctx.timer_service().current_watermark()
        before_ns = min(watermark, END_NS // NS_PER_MS) * NS_PER_MS
        yield from as_rows(release(memory, shard_number(key), before_ns, self._scoring, self._settings))
        self._journal.released(memory.released_ns)
        if memory.journal_bytes > memory.snapshot_at:
            data = pack_shard(memory.state, memory.waiting.all())
            memory.snapshot_at = max(SNAPSHOT_BYTES, SNAPSHOT_FACTOR * len(data))
            if memory.journal_bytes > memory.snapshot_at:
                self._journal.snapshot(data, memory.released_ns)
                memory.frames = memory.journal_bytes = 0
        self._set_timer(memory, ctx)

    def _recall(self, key: str) -> ShardMemory:
        if key not in self._memory:
            state, waiting, released, frames = self._journal.restore(self._version, self._settings.reference)
            memory = ShardMemory(state, waiting, frames=frames)
            if released is not None:
                # Walked again for the state; what it gives was written before.
                release(memory, shard_number(key), released, self._scoring, self._settings)
            self._memory[key] = memory
        return self._memory[key]

    def _set_timer(self, memory: ShardMemory, ctx: KeyedProcessFunction.Context) -> None:
        due = memory.next_timer_ms(self._settings)
        if due is not None and (memory.timer_ms is None or due < memory.timer_ms):
            ctx.timer_service().register_event_time_timer(due)
            memory.timer_ms = due


def shard_number(key: str) -> int:
    """The shard that a key stands for: keys carry a suffix that spreads them over subtasks."""
    return int(key.partition(".")[0])

"""What is measured: the local engine, and the job's Python without Flink."""

from __future__ import annotations

from collections.abc import Callable

from bench import stream
from jobs.pipeline import outputs
from jobs.pipeline.engine import Engine
from jobs.pipeline.settings import PipelineSettings
from jobs.pipeline.tick_bytes import packed_by_shard, unpack
from jobs.pipeline.workers import END_NS, ChannelWorker, ShardWorker, routed
from tickproof.ticks.schema import Ticks
from tickproof.wire import decode_frame, encode_frame

FRAME = 1_000
FRAMES_A_RELEASE = 8
"""A release of all shards each so many frames: slices of 2 000 ticks in each of four shards."""
TOPIC = "ticks.raw"


def engine_local(ticks: Ticks, settings: PipelineSettings) -> Callable[[], None]:
    """Return what runs the local engine over the ticks."""

    def run() -> None:
        engine = Engine(settings)
        for batch in stream.batches(ticks):
            engine.feed(batch)
        engine.finish()

    return run


def job_frames(ticks: Ticks, settings: PipelineSettings) -> Callable[[], None]:
    """Return what takes the ticks from frames to the records that are written."""
    payloads = [(str(frame.channel), encode_frame(frame.ticks)) for frame in stream.frames_of(ticks, FRAME)]

    def run() -> None:
        channels: dict[str, ChannelWorker] = {}
        shards = [ShardWorker(shard, settings) for shard in range(settings.shards)]

        def release(before_ns: int) -> None:
            for worker in shards:
                outputs.of_shard(worker.shard, worker.release(before_ns), settings.versions, TOPIC)

        latest_ns = -END_NS
        for number, (name, payload) in enumerate(payloads, 1):
            worker = channels.setdefault(name, ChannelWorker(name, settings))
            output = worker.process(decode_frame(payload.value, payload.headers, name.encode()))
            outputs.of_channel(output, TOPIC)
            for shard, data in packed_by_shard(routed(output.ticks, output.control_rows, settings)):
                shards[shard].add(unpack(data))
            latest_ns = max(latest_ns, int(output.ticks.rows["event_time"].max()))
            if number % FRAMES_A_RELEASE == 0:
                release(latest_ns - settings.channel.out_of_orderness_ns)
        release(END_NS)

    return run

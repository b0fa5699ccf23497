"""Single parts, without Flink: what each could do alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from confluent_kafka import Consumer, TopicPartition

from bench import stream
from bench.context import Context
from bench.pipeline import model
from bench.progress import headers
from jobs.pipeline.engine import Engine
from jobs.pipeline.settings import pipeline_settings
from models.store.registry import open_model
from tickproof.channel import step as channels
from tickproof.channel.routing import route
from tickproof.channel.step import ChannelSettings, ChannelState
from tickproof.features.table import NAMES
from tickproof.settings import NO_MODEL, Settings
from tickproof.shard import score_slice as passes
from tickproof.shard import step as scoring
from tickproof.shard.state import ShardState
from tickproof.shard.step import ShardSettings
from tickproof.ticks.reorder_buffer import ReorderBuffer
from tickproof.ticks.schema import Ticks
from tickproof.wire import decode_frame, decode_json

REPEATS = 3
SLICE = 2_000
"""Ticks that a shard walks at once: what a watermark of 50 ms releases at 150 000 ticks a second, over four shards."""


def decode_only(context: Context) -> list[dict[str, object]]:
    """A consumer that decodes frames and does nothing else."""
    return [_consume(context, "decode_only", "frames.ticks.raw")]


def decode_json_only(context: Context) -> list[dict[str, object]]:
    """A consumer that decodes JSON ticks, as many as waited, and does nothing else."""
    return [_consume(context, "decode_json_only", "json.ticks.raw")]


def _consume(context: Context, name: str, topic: str) -> dict[str, object]:
    rates = []
    for _ in range(REPEATS):
        consumer = Consumer(
            {
                "bootstrap.servers": context.brokers,
                "group.id": "bench",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "queued.max.messages.kbytes": 65_536,
            }
        )
        known = consumer.list_topics(topic).topics[topic].partitions
        consumer.assign([TopicPartition(topic, part, 0) for part in known])
        ticks, ended, begun = 0, 0, time.perf_counter()
        while ended < len(known):
            found = consumer.consume(1_000, 0.5)
            good = [message for message in found if message.error() is None]
            # Nothing else is told of than the end of a partition.
            ended += len(found) - len(good)
            if topic.startswith("json"):
                ticks += len(decode_json([message.value() for message in good]).ticks)
                continue
            for message in good:
                ticks += len(decode_frame(message.value(), headers(message), message.key()))
        rates.append(ticks / (time.perf_counter() - begun))
        consumer.close()
    return {"name": name, "ticks": ticks, "ticks_per_s": float(np.median(rates))}


def channel_kernel(context: Context) -> list[dict[str, object]]:
    """Channel integrity of decoded frames."""
    frames = stream.frames_of(context.stream(1_000_000), 1_000)
    settings = ChannelSettings()

    def run() -> None:
        states: dict[str, ChannelState] = {}
        for frame in frames:
            name = str(frame.channel)
            states[name] = channels.step(states.get(name) or ChannelState.new(), frame.ticks, name, settings).state

    return [_timed("channel_kernel", sum(len(frame.ticks) for frame in frames), run)]


def shard_kernel(context: Context) -> list[dict[str, object]]:
    """Features and rules of one shard, ordered and with final verdicts, without a model and without output."""
    slices = list(_slices(context.stream(1_000_000)))

    def run() -> None:
        state = ShardState.new()
        for ticks, horizon in slices:
            state = scoring.step(state, ticks, horizon, ShardSettings()).state

    return [_timed("shard_kernel", sum(len(ticks) for ticks, _ in slices), run)]


def feature_pass(context: Context) -> list[dict[str, object]]:
    """The compiled walk alone, by the processor's clock: all features, rules, silences and final verdicts of one shard."""
    slices = list(_slices(context.stream(1_000_000)))
    count, rates = sum(len(ticks) for ticks, _ in slices), []
    with clocked_walk() as walked:
        for _ in range(REPEATS + 1):
            walked.clear()
            state = ShardState.new()
            for ticks, horizon in slices:
                state = scoring.step(state, ticks, horizon, ShardSettings()).state
            rates.append(count / sum(walked))
    return [{"name": "feature_pass", "ticks": count, "ticks_per_s": float(np.median(rates[1:])), "features": len(NAMES)}]


@contextmanager
def clocked_walk() -> Iterator[list[float]]:
    """Seconds of processor time of each call of the shard's kernel, as they are made."""
    score, walked = passes.score_slice, list[float]()

    def clocked(*arguments: object) -> object:
        begun = time.process_time()
        result = score(*arguments)
        walked.append(time.process_time() - begun)
        return result

    passes.score_slice = clocked
    try:
        yield walked
    finally:
        passes.score_slice = score


def model_score(context: Context) -> list[dict[str, object]]:
    """The model over the features of one shard, in slices."""
    if model() == NO_MODEL:
        return []
    detector = open_model(model(), NAMES)
    assert detector is not None
    state, features = ShardState.new(), []
    for ticks, horizon in _slices(context.stream(1_000_000)):
        result = scoring.step(state, ticks, horizon, ShardSettings())
        state = result.state
        features.append(np.ascontiguousarray(result.features))
    return [_timed("model_score", sum(map(len, features)), lambda: [detector.score(part) for part in features if len(part)])]


def engine_local(context: Context) -> list[dict[str, object]]:
    """The local engine, ticks in and verdicts out, in one process."""
    ticks = context.stream(1_000_000)
    settings = pipeline_settings(Settings(model=model())).opened()

    def run() -> None:
        engine = Engine(settings)
        for batch in stream.batches(ticks):
            engine.feed(batch)
        engine.finish()

    return [_timed("engine_local", len(ticks), run) | {"model": model()}]


def _slices(ticks: Ticks) -> Iterator[tuple[Ticks, int]]:
    """One shard's ticks as its step takes them: stamped, ordered, and the horizon that came with them."""
    states: dict[str, ChannelState] = {}
    waiting, settings = ReorderBuffer(), ChannelSettings()
    for frame in stream.frames_of(ticks, 1_000):
        name = str(frame.channel)
        result = channels.step(states.get(name) or ChannelState.new(), frame.ticks, name, settings)
        states[name] = result.state
        for shard, mine in route(result.ticks, 4):
            if shard == 0:
                waiting.add(mine)
        if len(waiting) > 2 * SLICE:
            horizon = int(result.ticks.rows["event_time"].min()) - settings.out_of_orderness_ns
            yield waiting.release(horizon), horizon
    yield waiting.release(2**62), 2**62


def _timed(name: str, ticks: int, run: Callable[[], object]) -> dict[str, object]:
    """The median of some runs, after one that compiles."""
    run()
    rates = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        run()
        rates.append(ticks / (time.perf_counter() - begun))
    return {"name": name, "ticks": ticks, "ticks_per_s": float(np.median(rates))}

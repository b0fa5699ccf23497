"""A plain PyFlink job, as a user writes it: one JSON tick a record, a keyed rolling mean and deviation, a record out for each.

The bundle settings are the best of a sweep: `python -m bench --only sweep`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from typing import Any

from bench.context import Context
from bench.progress import Progress
from jobs.flink import options as flink
from jobs.kafka import topics
from jobs.services import java

BUNDLE = (1_000, 1_000)
"""Records and milliseconds of a bundle."""
SWEEP = ((100, 10), (1_000, 100), (1_000, 1_000), (10_000, 1_000), (100_000, 1_000))
WEIGHT = 0.05
PREFIX = "record."


def pyflink_per_record(context: Context) -> list[dict[str, object]]:
    """The job with the best settings of the sweep."""
    return [_run(context, "pyflink_per_record", BUNDLE)]


def sweep(context: Context) -> list[dict[str, object]]:
    """The job with each setting; one process each, so this case is given one by its environment."""
    bundle = SWEEP[int(os.environ["TICKPROOF_BENCH_SWEEP"])]
    return [_run(context, f"pyflink_per_record bundle {bundle[0]} records {bundle[1]} ms", bundle)]


def _run(context: Context, name: str, bundle: tuple[int, int]) -> dict[str, object]:
    topics.delete(context.brokers, PREFIX, ["ticks.scored"])
    topics.create(context.brokers, PREFIX)
    folder = context.folder / "flink"
    shutil.rmtree(folder, ignore_errors=True)
    os.environ.update(java.environment())
    tuning = flink.Tuning(bundle_records=bundle[0], bundle_ms=bundle[1], buffer_ms=100)
    parallelism = int(str(context.settings.get("parallelism", 1)))
    options = flink.embedded_options(folder, parallelism, tuning=tuning)
    with Progress(context.brokers, PREFIX + "ticks.scored", context.broker_pid) as progress:
        _execute(options, context.brokers, parallelism)
    steady = progress.steady(counted=False)
    return {"name": name, **steady.fields(), "parallelism": parallelism}


def _execute(options: dict[str, str], brokers: str, parallelism: int) -> None:
    from pyflink.common import Configuration, SimpleStringSchema, Types, WatermarkStrategy
    from pyflink.datastream import KeyedProcessFunction, StreamExecutionEnvironment
    from pyflink.datastream.connectors.base import DeliveryGuarantee
    from pyflink.datastream.connectors.kafka import (
        KafkaOffsetsInitializer,
        KafkaRecordSerializationSchema,
        KafkaSink,
        KafkaSource,
    )
    from pyflink.datastream.state import ValueStateDescriptor

    class Rolling(KeyedProcessFunction):  # type: ignore[misc]
        """Exponentially weighted mean and deviation of each symbol's price."""

        def open(self, context: Any) -> None:
            self._state = context.get_state(ValueStateDescriptor("rolling", Types.ROW([Types.DOUBLE(), Types.DOUBLE()])))

        def process_element(self, value: Any, context: Any) -> Iterator[str]:
            from pyflink.common import Row

            symbol, price = value
            mean, variance = self._state.value() or (price, 0.0)
            deviation = price - mean
            score = abs(deviation) / variance**0.5 if variance > 0.0 else 0.0
            mean += WEIGHT * deviation
            variance = (1.0 - WEIGHT) * (variance + WEIGHT * deviation * deviation)
            self._state.update(Row(mean, variance))
            yield json.dumps({"symbol": symbol, "price": price, "mean": mean, "score": score})

    configuration = Configuration()
    for option, value in options.items():
        configuration.set_string(option, value)
    env = StreamExecutionEnvironment.get_execution_environment(configuration)
    env.set_parallelism(parallelism)
    source = (
        KafkaSource.builder()
        .set_bootstrap_servers(brokers)
        .set_topics(PREFIX + "ticks.raw")
        .set_group_id("bench")
        .set_starting_offsets(KafkaOffsetsInitializer.earliest())
        .set_bounded(KafkaOffsetsInitializer.latest())
        .set_value_only_deserializer(SimpleStringSchema())
        .build()
    )
    sink = (
        KafkaSink.builder()
        .set_bootstrap_servers(brokers)
        .set_record_serializer(
            KafkaRecordSerializationSchema.builder()
            .set_topic(PREFIX + "ticks.scored")
            .set_value_serialization_schema(SimpleStringSchema())
            .build()
        )
        .set_delivery_guarantee(DeliveryGuarantee.AT_LEAST_ONCE)
        .build()
    )
    (
        env.from_source(source, WatermarkStrategy.no_watermarks(), "ticks")
        .map(_parse, Types.TUPLE([Types.STRING(), Types.DOUBLE()]))
        .key_by(lambda tick: tick[0], Types.STRING())
        .process(Rolling(), Types.STRING())
        .sink_to(sink)
    )
    env.execute("per record")


def _parse(text: str) -> tuple[str, float]:
    """(symbol, price of a trade or middle of a quote)."""
    tick = json.loads(text)
    price = tick.get("price")
    if price is None:
        price = 0.5 * (float(tick.get("bid_px") or 0) + float(tick.get("ask_px") or 0))
    return tick.get("symbol") or "", float(price)

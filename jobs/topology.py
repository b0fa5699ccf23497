"""The job's graph: raw ticks -> channel integrity -> shards -> topics. Every operator has a uid, for upgrades."""

from __future__ import annotations

from typing import Any

from pyflink.common import Configuration, Types
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import DataTypes, Schema, StreamTableEnvironment

from jobs import tables
from jobs.channel_of import channel_of
from jobs.functions import HOP, RECORD, TAGS, ChannelStage, ShardStage
from jobs.gather import gather, gathered_channel
from jobs.reference_file import load
from jobs.stages import StageSettings
from tickproof.channel import ChannelSettings
from tickproof.settings import Settings
from tickproof.tick import NS_PER_MS

PLAIN = "SELECT k, v, `partition`, `offset`, ts, headers FROM raw_ticks"
GATHERED = """
  SELECT packed, ts FROM (
    SELECT gather(k, v, `partition`, `offset`, ts, MAP_KEYS(headers), MAP_VALUES(headers)) AS packed, ts FROM raw_ticks)
  WHERE packed IS NOT NULL"""
MAX_PARALLELISM = 128
"""Fixed, because keyed state is cut by it: a savepoint of another is refused."""


def stage_settings(settings: Settings) -> StageSettings:
    """What the stages need of the settings."""
    return StageSettings(
        topic=settings.prefix + "ticks.raw",
        shards=settings.shards,
        channel=ChannelSettings(out_of_orderness_ns=settings.out_of_orderness_ms * NS_PER_MS),
        lookahead_ns=settings.lookahead_ms * NS_PER_MS,
        threshold=settings.threshold,
        model=None if settings.model == "none" else settings.model,
        reference=load(settings.reference),
    )


def build(configuration: dict[str, str], settings: Settings, job: str, *, bounded: bool) -> StreamExecutionEnvironment:
    """The graph, ready to execute; `job` names this run's transactions."""
    conf = Configuration()
    for name, value in configuration.items():
        conf.set_string(name, value)
    env = StreamExecutionEnvironment.get_execution_environment(conf)
    env.set_parallelism(settings.parallelism)
    env.set_max_parallelism(MAX_PARALLELISM)
    sql = StreamTableEnvironment.create(env)
    sql.execute_sql(tables.source(settings, bounded=bounded))
    for one in tables.SINKS:
        sql.execute_sql(tables.sink(one, settings, job))
    stages = stage_settings(settings)
    keys = shard_keys(settings.shards)
    gathered = settings.encoding != "frames"
    if gathered:
        sql.create_temporary_function("gather", gather())
        rows = sql.to_data_stream(sql.sql_query(GATHERED)).key_by(gathered_key, Types.STRING())
    else:
        rows = sql.to_data_stream(sql.sql_query(PLAIN)).key_by(channel_key, Types.STRING())
    channel = rows.process(ChannelStage(stages, gathered), HOP).uid("channel-integrity").name("channel integrity")
    shard = (
        channel.key_by(lambda row: keys[int(row[0])], Types.STRING())
        .process(ShardStage(stages), RECORD)
        .uid("shard")
        .name("features, rules, model")
    )
    outputs = {
        "scored": [shard],
        "verdicts": [shard],
        "dead_letters": [channel, shard],
        "findings": [channel, shard],
        "statistics": [channel, shard],
    }
    statements = sql.create_statement_set()
    for name, sources in outputs.items():
        streams = [source.get_side_output(TAGS[name]) for source in sources]
        stream = streams[0].union(*streams[1:]) if len(streams) > 1 else streams[0]
        statements.add_insert(name, sql.from_data_stream(stream, _record_schema()))
    statements.attach_as_datastream()
    return env


def gathered_key(row: Any) -> str:
    """The channel of a gathered row."""
    return gathered_channel(bytes(row[0]))


def channel_key(row: Any) -> str:
    """The channel of a row of the source."""
    key, value, headers = row[0], row[1], row[5] or {}
    known = {name: bytes(data) for name, data in headers.items() if data is not None}
    return channel_of(None if key is None else bytes(key), None if value is None else bytes(value), known)


def shard_keys(shards: int) -> list[str]:
    """A key a shard, chosen so that the shards spread evenly over any number of subtasks.

    Flink assigns a key to one of MAX_PARALLELISM groups by a hash, and groups to subtasks in equal ranges: each shard takes the
    first suffix that puts it into the middle of its own range.
    """
    from pyflink.java_gateway import get_gateway

    group_of = get_gateway().jvm.org.apache.flink.runtime.state.KeyGroupRangeAssignment.assignToKeyGroup
    keys = []
    for shard in range(shards):
        low, high = shard * MAX_PARALLELISM // shards, (shard + 1) * MAX_PARALLELISM // shards
        suffix = 0
        while not low <= group_of(f"{shard}.{suffix}", MAX_PARALLELISM) < high:
            suffix += 1
        keys.append(f"{shard}.{suffix}")
    return keys


def _record_schema() -> Schema:
    return (
        Schema.new_builder()
        .column("k", DataTypes.BYTES())
        .column("v", DataTypes.BYTES())
        .column("ts", DataTypes.TIMESTAMP_LTZ(3))
        .column("headers", DataTypes.MAP(DataTypes.STRING(), DataTypes.BYTES()))
        .build()
    )

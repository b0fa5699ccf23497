"""The job's graph: raw ticks -> channel integrity -> shards -> topics. Every operator has a uid, for upgrades."""

from __future__ import annotations

from pyflink.common import Configuration, Types
from pyflink.datastream import DataStream, KeyedStream, OutputTag, StreamExecutionEnvironment
from pyflink.table import DataTypes, Schema, StreamTableEnvironment

from jobs.flink import tables
from jobs.flink.batching import gather
from jobs.flink.functions import BATCHED, HOP, OUTPUT, PACKED, TAGS, ChannelStage, ShardStage
from jobs.pipeline.settings import pipeline_settings
from tickproof.settings import Settings

GATHERED = """
  SELECT DECODE(pair[1], 'UTF-8') AS channel, pair[2] AS record, ts FROM (
    SELECT gather(k, v, `partition`, `offset`, ts, ordinary,
      CASE WHEN ordinary THEN NULL ELSE MAP_KEYS(headers) END,
      CASE WHEN ordinary THEN NULL ELSE MAP_VALUES(headers) END) AS pair, ts
    FROM (
      SELECT *, COALESCE(
        CARDINALITY(headers) = 1 AND headers['content-type'] = ENCODE('application/json', 'UTF-8'), FALSE) AS ordinary
      FROM raw_ticks))
  WHERE pair IS NOT NULL"""
UNPACKED = """
  INSERT INTO {name}
  SELECT k, v, TO_TIMESTAMP_LTZ(ts, 3), MAP['content-type', ENCODE('application/json', 'UTF-8')]
  FROM {name}_batches CROSS JOIN UNNEST(records) AS record (k, v, ts)"""
RAW = "ticks.raw"
MAX_PARALLELISM = 128
"""Fixed, because keyed state is cut by it: a savepoint of another is refused."""


def build(configuration: dict[str, str], settings: Settings, job: str, *, bounded: bool) -> StreamExecutionEnvironment:
    """Return the graph, ready to execute; `job` names this run's transactions."""
    conf = Configuration()
    for name, value in configuration.items():
        conf.set_string(name, value)
    env = _environment(conf)
    env.set_parallelism(settings.parallelism)
    env.set_max_parallelism(MAX_PARALLELISM)
    sql = StreamTableEnvironment.create(env)
    sql.execute_sql(tables.source(settings, bounded=bounded))
    for one in tables.SINKS:
        sql.execute_sql(tables.sink(one, settings, job))
    stages, topic = pipeline_settings(settings), settings.prefix + RAW
    # A job on a cluster goes on when this process has ended: nobody else stops it.
    rest = f"{configuration['rest.address']}:{configuration['rest.port']}" if "execution.target" in configuration else None
    keys = shard_keys(settings.shards)
    sql.create_temporary_function("gather", gather(topic))
    rows = sql.to_data_stream(sql.sql_query(GATHERED))
    # A table's stream has a type of its own, which keyed Python stages do not take; its values are those of this one.
    rows._j_data_stream.getTransformation().setOutputType(PACKED.get_java_type_info())
    channel = (
        _keyed(rows).process(ChannelStage(stages, topic, keys, rest), HOP).uid("channel-integrity").name("channel integrity")
    )
    shard = _keyed(channel).process(ShardStage(stages, topic, rest), OUTPUT).uid("shard").name("features, rules, model")
    outputs = {
        "scored": [shard],
        "verdicts": [shard],
        "dead_letters": [channel, shard],
        "findings": [channel, shard],
        "statistics": [channel, shard],
    }
    statements = sql.create_statement_set()
    for name, sources in outputs.items():
        streams = [_side_output(source, TAGS[name]) for source in sources]
        stream = streams[0].union(*streams[1:]) if len(streams) > 1 else streams[0]
        if name in BATCHED:
            sql.create_temporary_view(f"{name}_batches", sql.from_data_stream(stream, _batch_schema()))
            statements.add_insert_sql(UNPACKED.format(name=name))
        else:
            statements.add_insert(name, sql.from_data_stream(stream, _record_schema()))
    statements.attach_as_datastream()
    return env


def _environment(conf: Configuration) -> StreamExecutionEnvironment:
    """An environment for where `execution.target` says: by itself pyflink makes a mini-cluster outside `flink run`."""
    if not conf.contains_key("execution.target"):
        return StreamExecutionEnvironment.get_execution_environment(conf)
    from pyflink.java_gateway import get_gateway

    java = get_gateway().jvm.org.apache.flink.streaming.api.environment.StreamExecutionEnvironment
    return StreamExecutionEnvironment(java(conf._j_configuration))


def _keyed(stream: DataStream) -> KeyedStream:
    """The stream of (key, value) rows keyed by their first field, as values.

    `DataStream.key_by` sends each row to Python and back to have its key; this is what it does with the answer.
    """
    from pyflink.java_gateway import get_gateway

    selector = get_gateway().jvm.org.apache.flink.streaming.api.functions.python.KeyByKeySelector()
    keyed = stream._j_data_stream.keyBy(selector, Types.ROW([Types.STRING()]).get_java_type_info())
    return KeyedStream(keyed, None, stream)


def _side_output(stream: DataStream, tag: OutputTag) -> DataStream:
    """What `DataStream.get_side_output` gives, without the identity that it sends each record through in Python."""
    return DataStream(stream._j_data_stream.getSideOutput(tag.get_java_output_tag()))


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


def _batch_schema() -> Schema:
    record = [("k", DataTypes.BYTES()), ("v", DataTypes.BYTES()), ("ts", DataTypes.BIGINT())]
    fields = [DataTypes.FIELD(name, kind) for name, kind in record]
    return Schema.new_builder().column("records", DataTypes.ARRAY(DataTypes.ROW(fields))).build()


def _record_schema() -> Schema:
    return (
        Schema.new_builder()
        .column("k", DataTypes.BYTES())
        .column("v", DataTypes.BYTES())
        .column("ts", DataTypes.TIMESTAMP_LTZ(3))
        .column("headers", DataTypes.MAP(DataTypes.STRING(), DataTypes.BYTES()))
        .build()
    )

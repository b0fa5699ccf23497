"""Publishing to a real broker: every tick once, in order, where Java would put it, and every failure an error."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import NewTopic

import commands
from commands.recordings.recordings import command as recordings_command
from commands.replay import view as replay_view
from commands.replay.replay import command as replay_command
from jobs.kafka import topics
from jobs.services.broker import Broker, client
from producers.publish.framing import Frame
from producers.publish.kafka import Published, Publisher
from producers.publish.pacing import Schedule
from producers.publish.replay import Plan, frames, replay
from producers.publish.replay_extent import end_of
from producers.recordings.registry import Tally
from producers.streams.partitioning import CAPTURE_CHANNEL, partition_of
from tests.publish.test_replay import FakeClock, ticks_of
from tests.recordings.test_recordings import lean_zip, trades
from tickproof.errors import ServiceError
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import NS_PER_MS, ROW, Present, Ticks, concat, is_scored
from tickproof.wire import FRAME_CONTENT_TYPE, JSON_CONTENT_TYPE, decode_frame, decode_json
from tickproof.wire.limits import MAX_ROWS

PARTITIONS = 4
EVENTS = [(ms, ms % 3) for ms in range(1_000, 7_000, 7)]
"""(ms, channel) of the ticks that are published here."""


@pytest.fixture
def topic(broker: Broker, prefix: str) -> str:
    topics.create(broker.brokers, prefix, PARTITIONS, ["ticks.raw"])
    return prefix + "ticks.raw"


def consume(brokers: str, topic: str) -> list[Message]:
    """All records of a topic, by partition and offset."""
    consumer = Consumer(
        {"bootstrap.servers": brokers, "group.id": "test", "isolation.level": "read_committed", "enable.partition.eof": True}
    )
    found: list[Message] = []
    try:
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
        ended = 0
        while ended < PARTITIONS:
            message = consumer.poll(20.0)
            assert message is not None, "the broker fell silent"
            if message.error() is None:
                found.append(message)
            else:
                ended += 1
    finally:
        consumer.close()
    return sorted(found, key=lambda message: (message.partition(), message.offset()))


def headers(message: Message) -> dict[str, bytes]:
    return {name: value for name, value in dict(message.headers() or []).items() if isinstance(value, bytes)}


def key(message: Message) -> str:
    return (message.key() or b"").decode()


def stamp(message: Message) -> int:
    return int(message.timestamp()[1] or 0)


def decoded(messages: list[Message]) -> list[Ticks]:
    return [decode_frame(message.value(), headers(message), message.key()) for message in messages]


def sizes_by_channel(parts: list[Ticks]) -> dict[str, list[int]]:
    """The numbers of the ticks as they arrived, heartbeats left out."""
    found: dict[str, list[int]] = defaultdict(list)
    for part in parts:
        for row in part.rows[is_scored(part.rows)]:
            found[str(part.name(row["channel"]))].append(int(row["size"]))
    return dict(found)


def expected_sizes() -> dict[str, list[int]]:
    return sizes_by_channel([ticks_of(EVENTS)])


def test_frames_arrive_once_in_order_on_the_partition_of_their_channel(broker: Broker, topic: str) -> None:
    with Publisher(broker.brokers, topic) as publisher:
        assert publisher.partitions == PARTITIONS
        replay(frames([ticks_of(EVENTS)], PARTITIONS, Plan(rows=50, span_ns=1000 * NS_PER_MS)), publisher, None, FakeClock())
        published = publisher.close()
    messages = consume(broker.brokers, topic)
    assert sizes_by_channel(decoded(messages)) == expected_sizes()
    assert published.messages == len(messages)
    assert published.ticks == len(EVENTS)
    assert published.bytes == sum(len(message.value() or b"") for message in messages)
    assert published.by_channel == {channel: len(sizes) for channel, sizes in expected_sizes().items()}
    assert published.heartbeats == sum(len(part) for part in decoded(messages)) - len(EVENTS)
    stamps = defaultdict(list)
    for message, part in zip(messages, decoded(messages), strict=True):
        assert headers(message)["content-type"] == FRAME_CONTENT_TYPE.encode()
        assert message.partition() == partition_of(key(message), PARTITIONS)
        assert stamp(message) == part.rows["ts_recv"][0] // NS_PER_MS
        stamps[message.partition() or 0].append(stamp(message))
    assert sorted(stamps) == list(range(PARTITIONS))
    assert all(times == sorted(times) and times[-1] == EVENTS[-1][0] + 1_251 for times in stamps.values())


def test_json_ticks_arrive_once_with_a_time_each(broker: Broker, topic: str) -> None:
    with Publisher(broker.brokers, topic) as publisher:
        plan = Plan(rows=50, by_channel=False)
        replay(frames([ticks_of(EVENTS)], PARTITIONS, plan), publisher, None, FakeClock())
        published = publisher.close()
    messages = consume(broker.brokers, topic)
    payloads = [message.value() for message in messages]
    batch = decode_json(payloads, headers=list(map(headers, messages)), keys=list(map(Message.key, messages)))
    assert batch.errors == []
    assert sizes_by_channel([batch.ticks]) == expected_sizes()
    assert published.messages == len(messages) == published.ticks + published.heartbeats
    assert {headers(message)["content-type"] for message in messages} == {JSON_CONTENT_TYPE.encode()}
    for message, row in zip(messages, batch.ticks.rows, strict=True):
        assert stamp(message) == row["ts_recv"] // NS_PER_MS
        assert message.partition() == partition_of(key(message), PARTITIONS)


def test_a_full_queue_waits_for_the_broker(broker: Broker, topic: str) -> None:
    with Publisher(broker.brokers, topic, {"queue.buffering.max.messages": 10, "linger.ms": 20}) as publisher:
        for frame in frames([ticks_of(EVENTS)], PARTITIONS, Plan(rows=1, sealed=False)):
            publisher.send(frame)
        assert publisher.close().ticks == len(EVENTS)
    assert sizes_by_channel(decoded(consume(broker.brokers, topic))) == expected_sizes()


def test_a_record_that_is_refused_is_an_error(broker: Broker, topic: str) -> None:
    # More than the topic takes; random, so that nothing makes it small.
    rows = np.frombuffer(np.random.default_rng(1).bytes(MAX_ROWS * ROW.itemsize), ROW).copy()
    for name in ("channel", "venue", "symbol", "kind"):
        rows[name] = 0
    rows["present"] = sum(Present)
    publisher = Publisher(broker.brokers, topic, {"message.max.bytes": 60_000_000})
    publisher.send(Frame("A.1", Ticks(rows, ("A.1",)), 0, 0))
    with pytest.raises(ServiceError, match=r"records were not delivered: .*\(1\)"):
        publisher.close()
    publisher = Publisher(broker.brokers, topic, {"message.max.bytes": 1_000})
    with pytest.raises(ServiceError, match="too large"):
        publisher.send(Frame("A.1", Ticks(rows, ("A.1",)), 0, 0))


def test_no_topic_and_no_broker_say_what_to_do(broker: Broker, prefix: str) -> None:
    with pytest.raises(ServiceError, match="tickproof topics create"):
        Publisher(broker.brokers, prefix + "absent")
    with pytest.raises(ServiceError, match="no broker answers"):
        Publisher("127.0.0.1:1", "any", metadata_timeout_s=0.5)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    text = "\n".join(f"{ms},{10_000 + ms % 7},{ms},Q,0,0" for ms in range(34_200_000, 34_203_000, 10))
    trades(tmp_path, text)
    lean_zip(tmp_path, "equity/usa/tick/def/20131007_trade.zip", ("t.csv", text))
    (tmp_path / "README.md").write_text("no ticks")
    return tmp_path


@pytest.mark.parametrize("encoding", ["frames", "json"])
def test_the_command_replays_a_folder(broker: Broker, topic: str, prefix: str, recorded: Path, encoding: str) -> None:
    arguments = [
        str(recorded),
        "--brokers",
        broker.brokers,
        "--prefix",
        prefix,
        "--encoding",
        encoding,
        "--speed",
        "max",
        "--json",
    ]
    result = CliRunner().invoke(replay_command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["ticks"] == 600
    assert answer["by_channel"] == {"LEAN.EQUITY.USA.TRADE": 600}
    messages = consume(broker.brokers, topic)
    assert answer["messages"] == len(messages)
    if encoding == "frames":
        ticks = concat(decoded(messages))
        rows = ticks.rows[is_scored(ticks.rows)]
        assert [ticks.name(code) for code in rows["symbol"][:4]] == ["ABC", "DEF", "ABC", "DEF"]
        assert any(key(message).startswith(CAPTURE_CHANNEL) for message in messages)


def test_the_command_selects_shifts_and_paces(broker: Broker, topic: str, prefix: str, recorded: Path) -> None:
    window = ["--from", "2013-10-07T13:30:01Z", "--to", "2013-10-07T13:30:02Z", "--symbols", "DEF"]
    arguments = [
        str(recorded),
        "--brokers",
        broker.brokers,
        "--prefix",
        prefix,
        *window,
        "--speed",
        "10",
        "--shift-to-now",
        "--json",
    ]
    result = CliRunner().invoke(replay_command, arguments, catch_exceptions=False)
    answer = json.loads(result.stdout)
    assert answer["ticks"] == 100
    assert answer["schedule"]["frames"] > 0
    ticks = concat(decoded(consume(broker.brokers, topic)))
    rows = ticks.rows[is_scored(ticks.rows)]
    assert {ticks.name(code) for code in rows["symbol"]} == {"DEF"}
    assert int(rows["ts_recv"][-1] - rows["ts_recv"][0]) == 990 * NS_PER_MS
    assert rows["ts_recv"][0] > 1_700_000_000 * 10**9


def test_what_is_not_delivered_is_exit_status_4(
    broker: Broker, prefix: str, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = NewTopic(prefix + "small", num_partitions=PARTITIONS, config={"max.message.bytes": "500"})
    admin = client(broker.brokers)
    admin.create_topics([small])[prefix + "small"].result()
    topics.create(broker.brokers, prefix, names=["replay.progress"])
    arguments = ["replay", str(recorded), "--brokers", broker.brokers, "--prefix", prefix, "--topic", prefix + "small"]
    for mode in ([], ["--resume"]):
        with pytest.raises(SystemExit) as end:
            commands.main([*arguments, "--speed", "max", *mode])
        assert end.value.code == 4
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert said.startswith(f"tickproof: topic {prefix}small on {broker.brokers}: records were not delivered: ")
        assert "raise the topic's max.message.bytes, or send smaller records: --frame-rows, --frame-span-ms" in said


def test_progress_is_lines_with_rate_and_lag_where_there_is_no_terminal(
    broker: Broker, topic: str, prefix: str, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_view, "PLAIN_EVERY_S", 0.0)
    arguments = [str(recorded), "--brokers", broker.brokers, "--prefix", prefix, "--speed", "100", "--frame-rows", "50"]
    result = CliRunner().invoke(replay_command, arguments, catch_exceptions=False)
    lines = result.stderr.splitlines()
    assert len(lines) > 5
    assert all(re.fullmatch(r" *\d+%  2013-10-07 13:30:0\d  [\d,]+ ticks  [\d,]+ ticks/s  lag \d+ ms", line) for line in lines), (
        lines
    )
    assert re.search(r"^late by p50 [\d.]+ ms, p99 [\d.]+ ms, max [\d.]+ ms$", result.stdout, re.MULTILINE)


def test_what_was_read_and_is_no_tick_is_named() -> None:
    tally = Tally(messages=7)
    tally.without_ticks["depth below the top"] = 4
    tally.undecoded["line: not CSV"] = 2
    summary = replay_view.summary_of(Published(3, 1, 2, 500, {"X.A": 1}), Schedule(0, 0, 0, 0), tally, 1.0)
    assert (summary["messages_read"], summary["without_ticks"]) == (7, {"depth below the top": 4})
    lines = replay_view.text_of(summary, "there").splitlines()
    assert lines[-2:] == ["depth below the top without ticks: 4", "undecoded: line: not CSV (2)"]


def test_the_end_of_a_recording_is_known_from_its_statistics(tmp_path: Path, recorded: Path) -> None:
    for name, last in (("a", 5), ("b", 9)):
        pq.write_table(pa.Table.from_batches([to_arrow(ticks_of([(1, 0), (last, 1), (2, 0)]))]), tmp_path / f"{name}.parquet")
    both = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    assert end_of(both) == 9 * NS_PER_MS
    assert end_of(both, 7 * NS_PER_MS) == 7 * NS_PER_MS
    assert end_of(both, 70 * NS_PER_MS) == 9 * NS_PER_MS
    # A LEAN file does not say.
    assert end_of([recorded]) is None
    assert end_of([recorded], 7) == 7


def test_the_listing_names_what_it_does_not_know(recorded: Path) -> None:
    pq.write_table(pa.table({"bid": [1.5]}), recorded / "foreign.parquet")
    result = CliRunner().invoke(recordings_command, [str(recorded), "--json"], catch_exceptions=False)
    listed = json.loads(result.stdout)
    assert [(one["format"], one["ticks"]) for one in listed] == [("lean", 300), ("lean", 300), ("parquet", 0), (None, 0)]
    assert "column ts_recv is missing" in next(iter(listed[2]["undecoded"]))
    assert listed[0]["by_kind"] == {"trade": 300}
    plain = CliRunner().invoke(recordings_command, [str(recorded)], catch_exceptions=False)
    assert "600 ticks in 4 files" in plain.stdout

"""Replays that are killed: for readers of committed records the topic holds what an undisturbed replay sends, byte for byte."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from commands.replay.replay import command
from jobs.kafka import topics
from jobs.kafka.reader import NOT_YET
from jobs.services.broker import Broker, client
from producers.publish import committed_progress, transactions
from producers.publish.framing import Frame
from producers.publish.replay import Plan, frames
from producers.publish.transactions import ResumablePublisher
from tests.publish.test_publish import PARTITIONS, consume, decoded, headers, sizes_by_channel, stamp
from tests.publish.test_replay import CHANNELS, ticks_of
from tests.support import job_run as flow
from tests.support.kill_guarantees import pending
from tickproof.errors import InputError, ServiceError, SettingsError
from tickproof.ticks.arrow import from_arrow, to_arrow
from tickproof.ticks.schema import Ticks, concat, is_scored

NAMES = ["ticks.raw", "replay.progress"]
TICKS = 12_000
SPAN_MS = 30_000
FRAME_ROWS = 5
"""Small frames and short transactions, so that a kill meets all phases of them."""
OFTEN = "import producers.publish.transactions as t; t.COMMIT_EVERY_S = 0.03; import commands; commands.main()"
Record = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...], int]


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Ticks of three channels at uneven times, with a silence of some seconds among them."""
    random_ = np.random.default_rng(7)
    times = np.sort(random_.integers(0, SPAN_MS, TICKS))
    times[times > SPAN_MS // 2] += 4_000
    write(tmp_path / "ticks.parquet", ticks_of(list(zip(times.tolist(), random_.integers(0, 3, TICKS).tolist(), strict=True))))
    return tmp_path / "ticks.parquet"


def write(path: Path, ticks: Ticks) -> None:
    pq.write_table(pa.Table.from_batches([to_arrow(ticks)]), path)


@pytest.fixture
def run(broker: Broker, prefix: str) -> str:
    topics.create(broker.brokers, prefix, PARTITIONS, NAMES)
    return prefix


def arguments(broker: Broker, prefix: str, path: Path, *more: str) -> list[str]:
    where = ["--brokers", broker.brokers, "--prefix", prefix]
    return [str(path), *where, "--frame-rows", str(FRAME_ROWS), *more]


def call(broker: Broker, prefix: str, path: Path, *more: str) -> dict[str, Any]:
    """What the command prints, in this process; its errors as they are raised."""
    given = arguments(broker, prefix, path, *more, "--json")
    result = CliRunner().invoke(command, given, catch_exceptions=False, standalone_mode=False)
    assert result.exception is None
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def records(broker: Broker, topic: str) -> dict[int, list[Record]]:
    """Everything that a reader sees, by partition: key, value, headers, timestamp. A commit reaches readers a moment later."""
    flow.wait_until(lambda: pending(broker.brokers, topic.removesuffix("ticks.raw"), "ticks.raw") == 0)
    found: dict[int, list[Record]] = {partition: [] for partition in range(PARTITIONS)}
    for message in consume(broker.brokers, topic):
        seen = tuple(headers(message).items())
        found[int(message.partition() or 0)].append((message.key(), message.value(), seen, stamp(message)))
    return found


AWAY = (*NOT_YET, KafkaError._TRANSPORT, KafkaError._TIMED_OUT)
"""Errors of a topic that was made a moment ago, and of a broker that has too much to do to answer."""


class Written:
    """How many records a topic has, those of open transactions included."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self._brokers, self._topic = broker.brokers, topic
        self._consumer = self._connected()

    def count(self) -> int:
        deadline = time.monotonic() + 60
        while True:
            try:
                return sum(self._end(partition) for partition in range(PARTITIONS))
            except KafkaException as error:
                if error.args[0].code() not in AWAY or time.monotonic() > deadline:
                    raise
                # A client that has lost its leaders does not ask for them again by itself.
                self._consumer.close()
                self._consumer = self._connected()

    def _connected(self) -> Consumer:
        return Consumer({"bootstrap.servers": self._brokers, "group.id": "test", "isolation.level": "read_uncommitted"})

    def _end(self, partition: int) -> int:
        return int(self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), 10.0)[1])


def killed(broker: Broker, prefix: str, path: Path, at: int, *more: str) -> bool:
    """Start the command and kill it when the topic has grown by `at` records; whether it was still running."""
    written = Written(broker, prefix + "ticks.raw")
    goal = written.count() + at
    given = arguments(broker, prefix, path, *more, "--resume", "--json")
    with subprocess.Popen(
        [sys.executable, "-c", OFTEN, "replay", *given], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while process.poll() is None and written.count() < goal:
            pass
        process.kill()
        said = process.communicate()[1].decode()
    assert process.returncode in (0, -signal.SIGKILL), said
    return process.returncode != 0


@pytest.mark.parametrize(
    ("encoding", "speeds", "span_ms"),
    [
        ("frames", ["max"] * 4, None),
        # The first start says how long a frame may be: 20 ms of the wall's time at its speed.
        ("frames", ["20", "max", "7", "50"], 400),
        ("json", ["max", "max", "20"], None),
    ],
)
def test_killed_at_any_point_it_sends_what_it_would_have_sent(
    broker: Broker, run: str, recorded: Path, encoding: str, speeds: list[str], span_ms: int | None
) -> None:
    undisturbed = run + "undisturbed."
    topics.create(broker.brokers, undisturbed, PARTITIONS, NAMES)
    span = [] if span_ms is None else ["--frame-span-ms", str(span_ms)]
    whole = call(broker, undisturbed, recorded, "--speed", "max", "--encoding", encoding, *span)
    expected = records(broker, undisturbed + "ticks.raw")

    chance = random.Random(f"{encoding}{speeds}")
    share = whole["messages"] // (len(speeds) + 1)
    kills = sum(
        killed(broker, run, recorded, chance.randrange(1, share), "--speed", speed, "--encoding", encoding) for speed in speeds
    )
    assert kills == len(speeds)
    last = call(broker, run, recorded, "--speed", "max", "--encoding", encoding, "--resume")
    found = records(broker, run + "ticks.raw")
    assert found == expected
    earlier = last["resumed"]
    assert 0 < earlier["messages"] < whole["messages"]
    for counted in ("messages", "ticks", "heartbeats"):
        assert earlier[counted] + last[counted] == whole[counted]
    assert whole["ticks"] == TICKS

    # Everything is there: a further start adds nothing.
    again = call(broker, run, recorded, "--speed", "max", "--encoding", encoding, "--resume")
    assert (again["resumed"]["was_complete"], again["messages"]) == (True, 0)
    assert records(broker, run + "ticks.raw") == expected


REFUSED: tuple[tuple[list[str], str], ...] = (
    (["--encoding", "json"], "encoding: found json, expected frames"),
    (["--no-seal"], "seal: found False, expected True"),
    (["--frame-span-ms", "5"], "frame-span-ms: found 5, expected None"),
    (["--to", "2030-01-01T00:00:00Z"], "to: found 1893456000000000000, expected None"),
    (["--symbols", "ABC"], "symbols: found ABC, expected None"),
    (["--shift-to-now"], "shift-to-now: found True, expected False"),
)
"""Options that decide what is sent, and what is said when one is not as it was."""


def test_other_options_and_other_recordings_are_refused(broker: Broker, run: str, recorded: Path) -> None:
    assert killed(broker, run, recorded, 500, "--speed", "max", "--name", "mine")
    before = records(broker, run + "ticks.raw")
    for option, said in REFUSED:
        with pytest.raises(SettingsError, match=said):
            call(broker, run, recorded, "--speed", "max", "--name", "mine", "--resume", *option)
    ticks = from_arrow(pq.read_table(recorded).combine_chunks())
    # The last tick, far behind what is there.
    ticks.rows["size"][-1] += 1
    write(recorded, ticks)
    with pytest.raises(InputError, match=r"replay mine into topic .* the recordings are not those it was begun with"):
        call(broker, run, recorded, "--speed", "max", "--name", "mine", "--resume")
    assert records(broker, run + "ticks.raw") == before


def test_without_a_name_another_selection_is_another_replay(broker: Broker, run: str, recorded: Path) -> None:
    first = call(broker, run, recorded, "--speed", "max", "--to", "1970-01-01T00:00:10Z", "--resume")
    second = call(broker, run, recorded, "--speed", "max", "--from", "1970-01-01T00:00:10Z", "--resume")
    assert first["resumed"]["name"] != second["resumed"]["name"]
    assert (first["ticks"] > 0, first["ticks"] + second["ticks"]) == (True, TICKS)


def test_times_stay_where_the_first_start_moved_them(broker: Broker, run: str, recorded: Path) -> None:
    assert killed(broker, run, recorded, 500, "--speed", "max", "--shift-to-now")
    call(broker, run, recorded, "--speed", "max", "--shift-to-now", "--resume")
    ticks = concat(decoded(consume(broker.brokers, run + "ticks.raw")))
    rows = ticks.rows[is_scored(ticks.rows)]
    original = from_arrow(pq.read_table(recorded).combine_chunks()).rows
    moves = rows["ts_recv"][np.argsort(rows["size"])] - original["ts_recv"][np.argsort(original["size"])]
    assert len(moves) == TICKS
    assert np.unique(moves).size == 1
    assert moves[0] > 10**18


def test_a_topic_made_anew_is_filled_anew(broker: Broker, run: str, recorded: Path) -> None:
    call(broker, run, recorded, "--speed", "max", "--resume")
    expected = records(broker, run + "ticks.raw")
    assert all(expected.values())
    topics.delete(broker.brokers, run, ["ticks.raw"])
    topics.create(broker.brokers, run, PARTITIONS, ["ticks.raw"])
    assert call(broker, run, recorded, "--speed", "max", "--resume")["resumed"]["messages"] == 0
    assert records(broker, run + "ticks.raw") == expected


def some_frames() -> Iterator[Frame]:
    return frames([ticks_of([(ms, ms % len(CHANNELS)) for ms in range(3_000)])], PARTITIONS, Plan(rows=10))


def resumable(broker: Broker, run: str, name: str = "mine") -> ResumablePublisher:
    return ResumablePublisher(broker.brokers, run + "ticks.raw", run + committed_progress.TOPIC, name)


def test_of_two_starts_at_once_the_later_one_goes_on(broker: Broker, run: str) -> None:
    sent = list(some_frames())
    first = resumable(broker, run)
    first.begin("", {}, 1, None)
    for frame in sent[:50]:
        first.send(frame)
    with resumable(broker, run) as second:
        assert second.begin("", {}, 1, None).frames == 0
        for frame in second.rest(sent):
            second.send(frame)
    with pytest.raises(ServiceError, match="another process has taken over this replay; this one ends"):
        first.close()
    first.leave()
    parts = decoded(consume(broker.brokers, run + "ticks.raw"))
    assert sizes_by_channel(parts) == sizes_by_channel([frame.ticks for frame in sent])


def test_what_is_there_must_be_the_beginning(broker: Broker, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "COMMIT_EVERY_S", 0.0)
    sent = list(some_frames())
    first = resumable(broker, run)
    first.begin("", {}, 1, None)
    for frame in sent[:50]:
        first.send(frame)
    first.leave()
    for other in (sent[1:], sent[:30]):
        start = resumable(broker, run)
        assert start.begin("", {}, 1, None).frames == 50
        with pytest.raises(InputError, match="the first 50 frames that these recordings give are not those that are there"):
            list(start.rest(other))
        start.leave()


def test_progress_behind_somebody_elses_open_transaction_is_waited_for(
    broker: Broker, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Producer({"bootstrap.servers": broker.brokers, "transactional.id": run + "other"})
    other.init_transactions(20.0)
    other.begin_transaction()
    with resumable(broker, run) as publisher:
        publisher.begin("", {}, 1, None)
        other.produce(run + committed_progress.TOPIC, b"{}", "other")
        other.flush(20.0)
        for frame in publisher.rest(some_frames()):
            publisher.send(frame)
    ended: list[float] = []

    def end_it(seconds: float) -> None:
        if not ended:
            other.abort_transaction(20.0)
        ended.append(seconds)

    monkeypatch.setattr(committed_progress, "sleep", end_it)
    found = committed_progress.read(broker.brokers, run + committed_progress.TOPIC, f"{run}ticks.raw/mine")
    assert ended
    assert found is not None
    assert found.is_complete


def test_without_the_topic_for_progress_the_error_says_what_to_do(broker: Broker, prefix: str, recorded: Path) -> None:
    topics.create(broker.brokers, prefix, PARTITIONS, ["ticks.raw"])
    with pytest.raises(ServiceError, match=r"replay\.progress .*`tickproof topics create`"):
        call(broker, prefix, recorded, "--speed", "max", "--resume")


def test_a_refused_record_is_told_by_its_report_and_not_by_the_next_call(broker: Broker, run: str) -> None:
    """Within a transaction the call that follows fails, too, and says only that the state is wrong."""
    small = NewTopic(run + "small", num_partitions=PARTITIONS, config={"max.message.bytes": "100"})
    admin = client(broker.brokers)
    admin.create_topics([small])[run + "small"].result()
    flow.wait_until(lambda: len(admin.list_topics(run + "small").topics[run + "small"].partitions) == PARTITIONS)
    publisher = ResumablePublisher(broker.brokers, run + "small", run + committed_progress.TOPIC, "refused")
    # A record a tick: the first are refused while the last are still being handed over.
    times = [(row, row % 3) for row in range(60_000)]
    (frame, *_) = frames([ticks_of(times)], PARTITIONS, Plan(rows=60_000, by_channel=False))
    with pytest.raises(ServiceError, match="records were not delivered: Broker: Message size too large"):
        publisher.send(frame)
    publisher.leave()

"""The job on a real broker and in a real mini-cluster: every tick once, the engine's verdicts, and nothing stops it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import Producer

from commands import main
from jobs.kafka import topics
from jobs.kafka.reader import headers_of
from jobs.services.broker import Broker
from tests.support import job_run as flow
from tests.support import kill_guarantees as holds
from tests.support.job_run import Flow
from tests.support.kill_guarantees import Variant
from tickproof.errors import InputError, StepError
from tickproof.ticks.schema import Ticks, concat
from tickproof.wire import decode_frame

VARIANTS = (
    Variant(parallelism=2, rows=100, interleaving=1),
    Variant(json=True),
    Variant(rows=200, stopped=True),
)
"""Some ways to send one stream; `make acceptance` runs all."""
IBM = (
    ("equity/usa/tick/ibm/20131007_quote.zip", "equity/usa/tick/ibm/20131007_trade.zip"),
    1_381_153_500_000_000_000,
    1_381_153_680_000_000_000,
)
"""2013-10-07, 09:45 to 09:48 in New York."""
EURUSD = (
    ("forex/oanda/tick/eurusd/20140501_quote.zip", "forex/fxcm/tick/eurusd/20140501_quote.zip"),
    1_398_952_200_000_000_000,
    1_398_952_500_000_000_000,
)
"""2014-05-01, 13:50 to 13:55 UTC."""


@pytest.fixture(scope="module")
def stream() -> Ticks:
    """Half a minute with faults."""
    return holds.faulty_market(minutes=0.5, symbols=10, rate=25.0, per_kind=1)


@pytest.fixture(scope="module")
def wanted(stream: Ticks) -> Flow:
    """What the engine says of it."""
    return flow.expected(stream)


def test_the_stream_has_something_to_find(wanted: Flow) -> None:
    assert wanted.ticks > 10_000
    assert len(wanted.codes()) > 12


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.usefixtures("flink")
def test_the_job_says_what_the_engine_says(
    variant: Variant, stream: Ticks, wanted: Flow, broker: Broker, prefix: str, tmp_path: Path
) -> None:
    found = holds.scored_by_flink(broker.brokers, prefix, tmp_path, stream, variant)
    assert flow.differences(found, wanted) == []
    assert found.dead == []


@pytest.mark.slow
def test_the_engine_does_not_care_how_it_is_fed(stream: Ticks, wanted: Flow) -> None:
    assert flow.differences(flow.expected(stream, cut=3), wanted) == []


@pytest.mark.slow
def test_two_swapped_ticks_are_noticed(stream: Ticks, wanted: Flow) -> None:
    """The comparison sees it wherever it is, even where no verdict changes."""
    for row in np.random.default_rng(3).integers(0, len(stream) - 1_000, 5).tolist():
        other = flow.expected(holds.swapped(stream, row))
        assert flow.differences(other, wanted)


@pytest.mark.usefixtures("flink")
def test_recordings_and_every_code_are_scored_once(data: Path, broker: Broker, prefix: str, tmp_path: Path) -> None:
    market = holds.with_late_ticks(holds.faulty_market(minutes=2.0, symbols=16, rate=25.0, per_kind=8))
    stream = concat([holds.recorded(data, [IBM, EURUSD]), market])
    sent = flow.framed(stream, 1_000)
    hostile = holds.hostile_among(sent, 60)
    done = holds.audited(broker.brokers, prefix, tmp_path, sent, hostile)
    assert done.audit.problems() == []
    assert (done.failures, done.audit.overtaken) == (0, 0)
    assert done.audit.total("scored") == len(stream)
    assert done.audit.total("dead_messages") == len(hostile)
    assert flow.differences(done.flow, flow.expected(stream), holds.is_of_payload) == []
    # Five of each are for the larger stream of `make acceptance`.
    assert holds.rare_codes(done.flow, 1) == {}


@pytest.mark.usefixtures("flink")
def test_a_job_whose_step_fails_on_everything_is_stopped_and_says_why(
    stream: Ticks,
    broker: Broker,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By the command line: one line with the reason, exit status 5, and nothing that was committed."""
    flow.keep_gateways()
    flow.publish(broker.brokers, prefix, flow.framed(stream))
    options = ["--brokers", broker.brokers, "--prefix", prefix, "--model", "none", "--checkpoint-folder", str(tmp_path)]
    with holds.broken_steps(monkeypatch), pytest.raises(SystemExit) as ended:
        main(["submit", "--embedded", "--bounded", *options])
    assert ended.value.code == StepError.exit_status == 5
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tickproof: ")]
    assert len(said) == 1
    assert re.match(
        r"tickproof: shard \d: 1,000 ticks in a row failed alike, the last with ArithmeticError: on purpose;", said[0]
    )
    found = flow.collect(broker.brokers, prefix)
    assert (found.ticks, found.dead) == (0, [])


@pytest.mark.usefixtures("flink")
def test_a_job_whose_every_message_is_a_dead_letter_says_so(
    broker: Broker, prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not "done": whoever reads the exit status would take the feed for checked."""
    flow.keep_gateways()
    topics.create(broker.brokers, prefix)
    producer = Producer({"bootstrap.servers": broker.brokers})
    for number in range(20):
        producer.produce(prefix + "ticks.raw", b"no tick at all", f"X.{number % 3}", timestamp=1_700_000_000_000 + number)
    assert producer.flush(30) == 0
    del producer
    options = ["--brokers", broker.brokers, "--prefix", prefix, "--model", "none", "--checkpoint-folder", str(tmp_path)]
    with pytest.raises(SystemExit) as ended:
        main(["submit", "--embedded", "--bounded", *options])
    captured = capsys.readouterr()
    assert ended.value.code == InputError.exit_status
    assert "every message became a dead letter" in captured.err
    assert "done" not in captured.out
    assert len(flow.collect(broker.brokers, prefix).dead) == 20


@pytest.mark.usefixtures("flink")
def test_hostile_payloads_and_failing_steps_are_set_aside(
    stream: Ticks, broker: Broker, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = flow.framed(stream)
    hostile = holds.hostile_among(sent, 600)
    in_channel, in_shard = (int(stream.rows["sequence"][row]) for row in holds.plain_rows(stream, 2))
    with holds.failing_steps(monkeypatch, in_channel, in_shard):
        # Of either encoding: JSON is decoded where records are gathered, frames in the stage.
        done = holds.audited(broker.brokers, prefix, tmp_path, sent, hostile)
    assert done.failures == 0
    assert done.audit.problems() == []
    failed = [message for message in done.flow.dead if headers_of(message)["__connect.errors.stage"] == b"TRANSFORMATION"]
    rejected = [message for message in done.flow.dead if message not in failed]
    assert holds.dead_letter_faults(rejected, done.places) == []

    set_aside = {}
    for message in failed:
        headers = headers_of(message)
        said = headers.pop("__connect.errors.exception.message").decode()
        assert headers.pop("__connect.errors.exception.class.name") == b"ArithmeticError"
        ours = {name: value for name, value in headers.items() if not name.startswith("__connect.")}
        ticks = decode_frame(message.value(), ours, message.key())
        assert len(ticks) == 1
        set_aside.setdefault(int(ticks.rows["sequence"][0]), []).append(said)
    count = {number: int((stream.rows["sequence"] == number).sum()) for number in (in_channel, in_shard)}
    assert set_aside == {
        in_channel: ["on purpose, in the channel's stage"] * count[in_channel],
        in_shard: ["on purpose, in the shard's stage"] * count[in_shard],
    }
    with holds.blind_steps(monkeypatch, in_channel, in_shard):
        assert flow.differences(done.flow, flow.expected(stream), holds.is_of_payload) == []

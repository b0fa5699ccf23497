"""Audit: what is missing or there twice is found from the topics alone, by content and not by count."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from click.testing import CliRunner
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st

from commands.audit import command
from commands.dead_letters import command as dead_letters
from jobs.kafka import topics
from jobs.kafka.audit import audit
from jobs.kafka.multiset import Sums, by_channel, content_hashes, difference
from jobs.pipeline import outputs
from jobs.pipeline.decoding import RawRecord
from jobs.pipeline.outputs import Record
from jobs.pipeline.settings import Versions
from jobs.pipeline.workers import FailedTick
from jobs.services.broker import Broker
from producers.publish.kafka import CONFIGURATION
from tests.support.streams import Tape
from tickproof.errors import ServiceError, WireError
from tickproof.findings.finding import VERDICT
from tickproof.ticks.schema import ROW, Ticks, concat
from tickproof.wire import encode_frame, encode_json

VERSIONS = Versions("rules", "model")
JUNK = b"no tick"


def tape(channel: str = "XNAS.A", count: int = 20) -> Ticks:
    """Quotes and trades with a heartbeat of our own among them."""
    written = Tape(channel=channel)
    for k in range(count):
        written.quote(k, 99.0 + k % 3)
        written.trade(k + 0.5)
    written.capture_heartbeat(count)
    return written.ticks()


def scored(ticks: Ticks, shard: int = 0) -> list[Record]:
    """What the job writes of ticks."""
    return outputs.scored(shard, ticks.take(slice(0, len(ticks) - 1)), np.zeros(len(ticks) - 1, VERDICT), VERSIONS)


class Topics:
    """Writes to the topics of a run as producers and the job do."""

    def __init__(self, broker: Broker, prefix: str) -> None:
        topics.create(broker.brokers, prefix)
        self.brokers, self.prefix = broker.brokers, prefix
        self._producer = Producer({**CONFIGURATION, "bootstrap.servers": broker.brokers})

    def raw(self, channel: str, value: bytes | None, headers: dict[str, bytes] | None = None, partition: int = 0) -> None:
        self._producer.produce(
            self.prefix + "ticks.raw", value, channel.encode(), partition, timestamp=1_000, headers=list((headers or {}).items())
        )

    def frame(self, ticks: Ticks) -> None:
        payload = encode_frame(ticks)
        self.raw(ticks.names[ticks.rows["channel"][0]], payload.value, dict(payload.headers))

    def out(self, records: Sequence[Record], committed: bool = True) -> None:
        names = {"scored": "ticks.scored", "dead_letters": "ticks.dead-letters"}
        transactional = Producer({"bootstrap.servers": self.brokers, "transactional.id": f"{self.prefix}out"})
        transactional.init_transactions(30)
        transactional.begin_transaction()
        for record in records:
            transactional.produce(
                self.prefix + names[record.sink], record.value, record.key, headers=list(record.headers.items())
            )
        transactional.flush(30)
        if committed:
            transactional.commit_transaction(30)
        else:
            transactional.abort_transaction(30)

    def dead(self, offset: int, value: bytes | None = JUNK, partition: int = 0) -> Record:
        record = RawRecord(self.prefix + "ticks.raw", partition, offset, 1_000, b"XNAS.A", value, {})
        return outputs.dead_letter(record, "VALUE_CONVERTER", WireError("byte 0: found junk"))

    def flush(self) -> None:
        assert self._producer.flush(30) == 0

    def run(self, *arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(command, ["--brokers", self.brokers, "--prefix", self.prefix, *arguments])
        return result.exit_code, result.output


@pytest.fixture
def run(broker: Broker, prefix: str) -> Topics:
    return Topics(broker, prefix)


def test_a_complete_run(run: Topics) -> None:
    one, two = tape(), tape("XNYS.B")
    run.frame(one)
    for value in encode_json(two):
        run.raw("XNYS.B", value, {"content-type": b"application/json"}, 1)
    run.raw("XNAS.A", JUNK)
    run.raw("XNAS.A", None)
    run.flush()
    late = [
        record._replace(headers=record.headers | {"tickproof.overtaken": b"3"}) for record in scored(two.take(slice(0, 4)), 1)
    ]
    failed = outputs.dead_tick(FailedTick(two.take(slice(3, 4)), ArithmeticError("on purpose")), run.prefix + "ticks.raw")
    rest = scored(two.take(slice(4, None)), 1)
    run.out([*scored(one), *late, failed, *rest, run.dead(1), run.dead(2, None)])
    # What was never committed is not there.
    run.out(scored(one), committed=False)
    answer = audit(run.brokers, run.prefix)
    assert answer.problems() == []
    assert answer.complete
    assert (answer.heartbeats, answer.overtaken) == (2, 3)
    first, second = answer.channels
    assert (first.channel, first.messages, first.decoded, first.scored, first.dead_messages) == ("XNAS.A", 3, 40, 40, 2)
    assert (second.channel, second.messages, second.decoded, second.scored, second.dead_ticks) == ("XNYS.B", 41, 40, 39, 1)
    assert [(one.partition, one.first, one.end) for one in answer.partitions[:2]] == [(0, 0, 3), (1, 0, 41)]
    status, said = run.run("--json")
    assert status == 0
    assert json.loads(said)["complete"] is True
    status, said = run.run()
    assert (status, "complete" in said) == (0, True)


def test_as_many_as_expected_but_not_the_same(run: Topics) -> None:
    ticks = tape()
    run.frame(ticks)
    run.flush()
    rows = ticks.rows.copy()
    # The last tick of the feed is lost, and the first is there twice.
    rows[-2] = rows[0]
    run.out(scored(Ticks(rows, ticks.names)))
    answer = audit(run.brokers, run.prefix)
    (channel,) = answer.channels
    assert (channel.decoded, channel.scored) == (40, 40)
    assert (channel.missing, channel.duplicated) == (1, 1)
    assert answer.examples == [(0, 0)]
    status, said = run.run()
    assert status == 1
    assert "missing: 1 ticks, in XNAS.A (1)" in said
    assert "duplicated: 1 ticks, in XNAS.A (1)" in said


def test_what_is_on_its_way_is_missing(run: Topics) -> None:
    run.frame(tape())
    run.raw("XNAS.A", JUNK)
    run.flush()
    seen = []
    answer = audit(run.brokers, run.prefix, progress=lambda decoded, settled: seen.append((decoded, settled)))
    assert seen == [(40, 0)]
    assert not answer.complete
    assert answer.total("missing") == 40
    assert answer.missing_messages == [(0, 1)]


def test_dead_letters_that_are_wrong(run: Topics) -> None:
    run.frame(tape())
    for _ in range(3):
        run.raw("XNAS.A", JUNK)
    run.flush()
    run.out([*scored(tape()), run.dead(0), run.dead(1), run.dead(1), run.dead(2, b"other bytes")])
    answer = audit(run.brokers, run.prefix)
    assert answer.missing_messages == [(0, 3)]
    assert answer.duplicated_messages == [(0, 0), (0, 1)]
    assert answer.changed_messages == [(0, 2)]
    assert [line.partition(":")[0] for line in answer.problems()] == ["missing", "duplicated", "changed"]


def test_the_dead_letters_are_listed(run: Topics) -> None:
    run.out([run.dead(5), run.dead(6, None)])
    options = ["--brokers", run.brokers, "--prefix", run.prefix]
    result = CliRunner().invoke(dead_letters, options)
    assert result.exit_code == 0
    assert "byte 0: found junk" in result.output
    assert "partition 0 offset 5" in result.output
    result = CliRunner().invoke(dead_letters, [*options, "--json", "--limit", "1"])
    answer = json.loads(result.output)
    assert answer["total"] == 2
    assert [(one["offset"], one["bytes"]) for one in answer["dead_letters"]] == [(6, None)]


def test_topics_that_are_not_there(broker: Broker) -> None:
    with pytest.raises(ServiceError, match="is not there; create it"):
        audit(broker.brokers, "never.")
    with pytest.raises(ServiceError, match="no broker answers"):
        audit("127.0.0.1:1")


# --- multisets --------------------------------------------------------------------------------------------------------------


def test_every_column_counts_and_nothing_else() -> None:
    ticks = tape().take(slice(0, 1))
    (before,) = content_hashes(ticks).tolist()
    for name in ROW.names or ():
        rows = ticks.rows.copy()
        rows[name] ^= rows.dtype[name].type(1)
        (after,) = content_hashes(Ticks(rows, ("other", *ticks.names))).tolist()
        own = name in ("ordinal", "event_time", "reasons", "offset", "partition", "row")
        if own:
            # Names are compared as words, whatever their numbers.
            (after,) = content_hashes(Ticks(rows, ticks.names)).tolist()
        assert (after == before) == own, name
    numbered = concat([Tape(channel="Z", symbol="Y").ticks(), ticks])
    assert content_hashes(numbered).tolist() == [before]


def test_sums_do_not_depend_on_order_or_cuts() -> None:
    both = concat([tape(), tape("XNYS.B")])
    whole, parts = Sums(), Sums()
    whole.add(both)
    order = np.random.default_rng(1).permutation(len(both))
    for piece in np.array_split(order, 7):
        parts.add(both.take(piece))
    assert whole.of == parts.of
    assert [(name, len(hashes)) for name, hashes in by_channel(both)] == [("XNAS.A", 41), ("XNYS.B", 41)]


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_the_difference_of_multisets(expected: list[int], found: list[int]) -> None:
    lost, surplus = difference([np.array(expected, np.uint64)], [np.array(found, np.uint64)])
    balance = {value: expected.count(value) - found.count(value) for value in range(10)}
    assert dict(zip(*(part.tolist() for part in lost), strict=True)) == {k: n for k, n in balance.items() if n > 0}
    assert dict(zip(*(part.tolist() for part in surplus), strict=True)) == {k: -n for k, n in balance.items() if n < 0}

"""Must hold 3: ten thousand hostile payloads between good frames, and steps that fail on purpose."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from time import monotonic

import pytest

from jobs.services.broker import Broker
from tests.support import job_run as flow
from tests.support import kill_guarantees as holds
from tickproof.ticks.schema import Ticks

COUNT = 10_000


@pytest.fixture(scope="module")
def ticks() -> Ticks:
    """Two minutes with faults."""
    return holds.faulty_market(minutes=2.0, symbols=16, rate=25.0, per_kind=4)


@pytest.mark.parametrize("parallelism", [1, 2])
@pytest.mark.usefixtures("flink")
def test_hostile_payloads_are_set_aside(
    parallelism: int, ticks: Ticks, broker: Broker, prefix: str, tmp_path: Path, figures: list[str]
) -> None:
    sent = flow.framed(ticks, 100)
    hostile = holds.hostile_among(sent, COUNT)
    begun = monotonic()
    done = holds.audited(broker.brokers, prefix, tmp_path, sent, hostile, parallelism=parallelism)
    took_s = monotonic() - begun
    assert done.audit.problems() == []
    assert (done.failures, done.audit.overtaken) == (0, 0)
    assert holds.dead_letter_faults(done.flow.dead, done.places) == []
    assert flow.differences(done.flow, flow.expected(ticks), holds.is_of_payload) == []
    largest = max(len(one.value or b"") for one in hostile)
    kinds = Counter(one.kind for one in hostile)
    figures.append(
        f"3 parallelism {parallelism}: {len(done.flow.dead):,} of {COUNT:,} hostile payloads of {len(kinds)} kinds, "
        f"up to {largest:,} bytes, in the dead letters with bytes, key, headers and reason; {len(ticks):,} good ticks unchanged, "
        f"0 restarts, {took_s:.0f} s in all"
    )


@pytest.mark.usefixtures("flink")
def test_steps_that_fail_set_their_ticks_aside(
    ticks: Ticks, broker: Broker, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figures: list[str]
) -> None:
    sent = flow.framed(ticks, 100)
    in_channel, in_shard = (int(ticks.rows["sequence"][row]) for row in holds.plain_rows(ticks, 2))
    with holds.failing_steps(monkeypatch, in_channel, in_shard):
        done = holds.audited(broker.brokers, prefix, tmp_path, sent)
    assert done.failures == 0
    assert done.audit.problems() == []
    marked = int(((ticks.rows["sequence"] == in_channel) | (ticks.rows["sequence"] == in_shard)).sum())
    assert done.audit.total("dead_ticks") == len(done.flow.dead) == marked
    with holds.blind_steps(monkeypatch, in_channel, in_shard):
        assert flow.differences(done.flow, flow.expected(ticks)) == []
    figures.append(f"3 failing steps: {marked} ticks set aside alone, {done.flow.ticks:,} others unchanged, 0 restarts")

"""Must hold 1: recorded days and every code that ships, through Kafka and the embedded job: every tick once, no restart."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import pytest

from jobs.services.broker import Broker
from tests.acceptance.streams_in_full import stream
from tests.support import job_run as flow
from tests.support import kill_guarantees as holds


@pytest.mark.parametrize("name", ["ibm", "eurusd", "market"])
@pytest.mark.usefixtures("flink")
def test_every_tick_is_scored_once(
    name: str, data: Path, broker: Broker, prefix: str, tmp_path: Path, figures: list[str]
) -> None:
    ticks = stream(name, data)
    sent = flow.framed(ticks, 1_000)
    hostile = holds.hostile_among(sent, 400, seed=11) if name == "market" else []
    begun = monotonic()
    done = holds.audited(broker.brokers, prefix, tmp_path, sent, hostile)
    took_s = monotonic() - begun
    assert done.audit.problems() == []
    assert (done.failures, done.audit.overtaken) == (0, 0)
    assert done.audit.total("decoded") == done.audit.total("scored") == len(ticks)
    assert done.audit.total("dead_messages") == len(hostile)
    assert flow.differences(done.flow, flow.expected(ticks), holds.is_of_payload) == []
    codes = done.flow.codes()
    if name == "market":
        assert holds.rare_codes(done.flow, 5) == {}
    figures.append(
        f"1 {name}: {len(ticks):,} ticks decoded and scored once, {len(hostile)} dead letters, 0 overtaken, 0 restarts, "
        f"{sum(codes.values()):,} findings of {len(codes)} codes, {took_s:.0f} s with start and audit"
    )

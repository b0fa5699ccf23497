"""Must hold 4: kill -9 of a session cluster's TaskManager, three times, while the producer writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.flink.cluster import Cluster
from jobs.flink.submit import start_session
from jobs.kafka import topics
from jobs.services.broker import Broker
from tests.support import job_run as flow
from tests.support import kill_guarantees as holds

KILLS = 3


@pytest.mark.parametrize(("json", "parallelism"), [(False, 2), (True, 1)])
@pytest.mark.usefixtures("flink")
def test_nothing_is_lost_or_repeated(
    json: bool, parallelism: int, broker: Broker, prefix: str, tmp_path: Path, figures: list[str]
) -> None:
    ticks = holds.faulty_market(minutes=2.0, symbols=16, rate=25.0, per_kind=4)
    sent = holds.send(ticks, holds.Variant(rows=50, json=json, interleaving=1))
    run = broker.brokers, prefix
    topics.create(*run)
    values = {"parallelism": parallelism, "checkpoint_interval_ms": 2_000}
    settings = flow.settings_of(*run, checkpoint_folder=tmp_path / "state", **values)
    with Cluster.start(tmp_path / "cluster", task_managers=1, slots=2) as cluster:
        job = start_session(settings, cluster.rest)
        job.wait_running()
        done = holds.killed(run, cluster, job, sent, KILLS)
        holds.drain(job, tmp_path)
    found = flow.collect(*run)
    assert done.audit.problems() == []
    assert min(done.uncommitted) > 0
    assert flow.differences(found, flow.expected(ticks)) == []
    outages = ", ".join(f"{outage:.0f}" for outage in done.outages_s)
    figures.append(
        f"4 {'json' if json else 'frames'}, parallelism {parallelism}: {KILLS} kills of the TaskManager with {done.uncommitted} "
        f"records uncommitted: {found.ticks:,} ticks once each, verdicts as undisturbed; a checkpoint again after {outages} s"
    )

"""The job on a session cluster: a killed TaskManager costs time and nothing else; jobs are listed, stopped and gone on with."""

from __future__ import annotations

from pathlib import Path

import flow
import holds

from jobs.broker import Broker


def test_a_killed_task_manager_loses_and_repeats_nothing(broker: Broker, prefix: str, tmp_path: Path) -> None:
    sent = flow.framed(holds.faulty_market(minutes=0.5, symbols=10, rate=25.0, per_kind=1), 50)
    done = holds.killed(broker.brokers, prefix, tmp_path, sent, kills=1)
    assert done.audit.problems() == []
    assert min(done.uncommitted) > 0
    assert flow.differences(done.flow, flow.expected(sent)) == []

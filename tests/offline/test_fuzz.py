"""Ticks and payloads that no feed would send: nothing raises, everything is accounted for, and afterwards all is as before.

The same runs over a million of each are part of `make acceptance`.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.pipeline.engine import Engine
from tests.support import fuzz
from tests.support.fuzz import BLOCK, Plan, run
from tests.support.streams import opened
from tests.support.wire_ticks import ticks as arbitrary
from tickproof.ticks.schema import Ticks, is_scored


@pytest.mark.slow
@pytest.mark.parametrize("model", ["none", "default"])
def test_mutated_ticks_leave_nothing_behind(model: str) -> None:
    plan = Plan(seed=5, before=12 * BLOCK, hostile=3 * BLOCK, after=fuzz.RECOVERED + 2 * BLOCK)
    made = run(opened(model), plan)
    assert made.mutated_ticks > 4_000
    assert fuzz.faults_of(made, run(opened(model), fuzz.unharmed(plan)), plan) == []


@pytest.mark.slow
def test_what_is_left_behind_is_noticed() -> None:
    """Mutations to the end: the last ticks are not what they were."""
    plan = Plan(seed=5, before=4 * BLOCK, hostile=3 * BLOCK, after=0)
    made, wanted = (
        run(opened(), plan),
        run(opened(), fuzz.unharmed(plan)),
    )
    assert fuzz.faults_of(made, wanted, Plan(before=4 * BLOCK, hostile=0, after=3 * BLOCK)) != []
    made.engine._shards[0].state.instruments["level"][0] = np.nan
    made.fed += 1
    faults = fuzz.faults_of(made, wanted, plan)
    assert any("instruments.level" in fault for fault in faults)
    assert any(fault.startswith("1 ticks lost") for fault in faults)


@pytest.mark.slow
def test_mutated_payloads_are_refused_or_are_ticks() -> None:
    made = run(
        opened("default"),
        Plan(seed=6, before=BLOCK, hostile=2 * BLOCK, after=0, payloads=4.0),
    )
    assert fuzz.unaccounted(made) == 0
    assert fuzz.not_finite(made.engine) == []
    assert made.mutated_payloads > 800
    assert 0.7 * made.mutated_payloads < sum(made.refused.values()) < made.mutated_payloads
    assert set(made.refused) == {*fuzz.FRAME_MUTATIONS, *(f"JSON {kind}" for kind in fuzz.JSON_MUTATIONS)}


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.lists(arbitrary(channels=3), min_size=1, max_size=4))
def test_any_ticks_are_accounted_for(batches: list[Ticks]) -> None:
    """Of any channels, at any times: capture clocks at both ends included."""
    made = fuzz.Run(opened(), Engine(opened()))
    for batch in batches:
        made.fed += int(is_scored(batch.rows).sum())
        made.take(made.engine.feed(batch))
    made.take(made.engine.finish())
    assert fuzz.unaccounted(made) == 0
    assert fuzz.not_finite(made.engine) == []


@pytest.mark.parametrize("stamp", [2**63 - 1, -(2**63), 2**62, 2**62 - 1])
def test_a_tick_at_the_end_of_all_times_is_final(stamp: int) -> None:
    """Event time has ends of its own: a tick stamped 2^62 was never before the end of the input."""
    made = fuzz.Run(opened(), Engine(opened()))
    batch = fuzz.calm(0, 3 * len(fuzz.VENUES))
    rows = batch.rows.copy()
    rows["ts_recv"] = stamp
    made.fed = len(rows)
    made.take(made.engine.feed(Ticks(rows, batch.names)))
    made.take(made.engine.finish())
    assert fuzz.unaccounted(made) == 0
    assert made.scored == len(rows)

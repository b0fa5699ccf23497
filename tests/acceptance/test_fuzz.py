"""Must hold 5 of detection: a million mutated ticks, and a million mutated payloads, by the wire through the whole engine."""

from __future__ import annotations

from time import monotonic

import pytest

from tests.support import fuzz
from tests.support.fuzz import BLOCK, Plan, run
from tests.support.streams import opened

MILLION = 1_000_000
SHARE = 0.5


@pytest.mark.parametrize("model", ["none", "default"])
def test_a_million_mutated_ticks_leave_nothing_behind(model: str, figures: list[str]) -> None:
    plan = Plan(seed=101, hostile=BLOCK * round(1.02 * MILLION / SHARE / BLOCK), share=SHARE)
    begun = monotonic()
    made, wanted = (
        run(opened(model), plan),
        run(opened(model), fuzz.unharmed(plan)),
    )
    assert made.mutated_ticks >= MILLION
    assert fuzz.faults_of(made, wanted, plan) == []
    figures.append(
        f"fuzz, model {model}: {made.mutated_ticks:,} mutated ticks among {made.fed:,}, {made.findings:,} findings, no "
        f"exception, no NaN, every tick scored once; others and what came after judged as without, {monotonic() - begun:.0f} s"
    )


def test_a_million_mutated_payloads_are_refused_or_are_ticks(figures: list[str]) -> None:
    """In many runs: what can still be read may be stamped years ahead, and all that follows in its run is overtaken."""
    each, blocks, runs = 20.0, 5, 88
    begun, made = monotonic(), []
    for seed in range(runs):
        one = run(
            opened("default"),
            Plan(seed=seed, before=BLOCK, hostile=blocks * BLOCK, after=0, payloads=each),
        )
        assert fuzz.unaccounted(one) == 0
        assert fuzz.not_finite(one.engine) == []
        made.append(one)
    payloads, refused = sum(one.mutated_payloads for one in made), sum(sum(one.refused.values()) for one in made)
    assert payloads >= MILLION
    figures.append(
        f"fuzz: {payloads:,} mutated frames and JSON ticks, {refused:,} refused with a reason, the others' ticks among "
        f"{sum(one.fed for one in made):,} scored or overtaken ({sum(one.overtaken for one in made):,}), no exception, no NaN, "
        f"{monotonic() - begun:.0f} s"
    )

"""What is learnt from a stream: which rows are of a kind, which are clean, and which feeds are seen."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from commands.train import TURNS
from commands.work.train import BUSIER, HELD_OUT_EVERY, TAUGHT
from jobs.offline.training_rows import Judged, dataset, judge, poorer
from models.evaluation.episodes import GRACE_NS
from models.training.train import CLEAN, LEARNT, Dataset
from producers.faults.table import FAULTS, Faults
from producers.market.parameters import Market
from producers.market.profiles import PROFILES
from producers.simulation.day import simulate
from tickproof.features.table import INDEX
from tickproof.findings.label import Label
from tickproof.ticks.schema import Array, Kind, Ticks, concat

SYMBOLS = 12


def market(profile: str) -> Market:
    return Market(seed=12, profile=profile, minutes=0.5, symbols=SYMBOLS, illiquid_share=0)


@cache
def batches(profile: str, *names: str) -> tuple[list[Ticks], list[Label]]:
    simulation = simulate(market(profile), Faults(seed=3, per_kind=2, names=names))
    return list(simulation), simulation.labels


def learnt(profile: str, *names: str) -> tuple[Judged, list[Label], Dataset]:
    ticks, labels = batches(profile, *names)
    judged = judge(ticks)
    return judged, labels, dataset(judged, labels, held_out=False, seed=5)


def inside(ticks: Ticks, found: Label, last_ns: int) -> Array:
    """Which ticks of a symbol's label were captured from its onset up to `last_ns`."""
    rows = ticks.rows
    mask = (rows["ts_recv"] >= found.onset) & (rows["ts_recv"] <= last_ns) & (rows["symbol"] == ticks.names.index(found.symbol))
    return mask & (rows["venue"] == ticks.names.index(found.venue)) if found.venue else mask


@pytest.mark.slow
@pytest.mark.parametrize("profile", PROFILES)
def test_poorer_feeds_have_ticks_and_nothing_that_the_feed_has_not(profile: str) -> None:
    ticks, _ = batches(profile, "spike")
    versions = [concat(version).rows for version in poorer(ticks)]
    assert all(np.any(rows["kind"] <= Kind.TRADE) for rows in versions)
    # Trades alone, one side a message, one venue alone; only the last where there are no trades.
    assert len(versions) == (3 if PROFILES[profile].trades else 1)
    assert len(np.unique(versions[-1]["venue"])) == 1
    # Each version goes through the very engine.
    assert all(len(judge(version).ticks) for version in poorer(ticks))


@pytest.mark.parametrize("profile", PROFILES)
def test_rows_in_a_genuine_twin_are_clean(profile: str) -> None:
    judged, labels, rows = learnt(profile, "genuine_excursion", "genuine_trend")
    twins = [found for found in labels if found.fault_id.rsplit("-", 1)[0] in FAULTS]
    assert twins
    for found in twins:
        assert inside(judged.ticks, found, found.end).any()
        assert rows.clean[inside(judged.ticks, found, found.effect_end)].all()
    assert rows.clean.all()
    assert np.all(rows.kinds == CLEAN)


@pytest.mark.parametrize("profile", PROFILES)
def test_rows_of_a_fault_are_of_its_kind_and_its_aftermath_is_neither(profile: str) -> None:
    judged, labels, rows = learnt(profile, "spike", "frozen")
    faults = [found for found in labels if not found.is_genuine]
    assert {found.kind for found in faults} == {"spike", "frozen"}
    covered = np.zeros(len(judged.ticks), np.bool_)
    for found in faults:
        within, after = (inside(judged.ticks, found, last) for last in (found.end, found.effect_end + GRACE_NS))
        assert within.any()
        assert not rows.clean[after].any()
        covered |= after
        if found.kind in LEARNT:
            assert np.all(rows.kinds[within] == found.kind)
    assert rows.clean[~covered].all()
    # What single ticks do not show is not learnt.
    assert set(rows.kinds) == {CLEAN, "spike"}


def test_a_wrong_size_that_is_not_there_is_nothing_to_learn() -> None:
    judged, labels, rows = learnt("us-equity", "lots_change", "size_outlier")
    sizeless = np.isnan(rows.features[:, INDEX["size"]])
    wrong = np.zeros(len(sizeless), np.bool_)
    for found in labels:
        if not found.is_genuine:
            wrong |= inside(judged.ticks, found, found.end)
    assert np.any(wrong & sizeless)
    assert np.all(rows.kinds[wrong & ~sizeless] != CLEAN)
    assert np.all(rows.kinds[wrong & sizeless] == CLEAN)
    assert not rows.clean[wrong].any()


def test_each_profile_is_learnt_from_and_held_out() -> None:
    turns = range(HELD_OUT_EVERY * len(TURNS))
    for is_held_out in (True, False):
        seen = {TURNS[place % len(TURNS)] for place in turns if (place % HELD_OUT_EVERY == HELD_OUT_EVERY - 1) == is_held_out}
        assert seen == set(PROFILES)


@pytest.mark.parametrize("profile", [profile for profile in PROFILES if profile != TURNS[0]])
def test_no_stream_is_larger_than_one_of_equities(profile: str) -> None:
    """A profile's training stream has at most as many ticks as an equity stream of the same seeds, in all of them."""
    seeds = range(1, 5)

    def ticks(name: str) -> int:
        markets = (Market.varied(seed, "train", minutes=0.5, symbols=48 // BUSIER.get(name, 1), profile=name) for seed in seeds)
        return sum(len(batch) for one in markets for batch in simulate(one))

    assert 0 < ticks(profile) <= ticks("us-equity")


def test_what_is_taught_is_what_is_learnt_and_every_twin() -> None:
    """A stream of what is not learnt would be rows that are neither clean nor of a kind."""
    assert {FAULTS[name].kind for name in TAUGHT if not FAULTS[name].is_genuine} == set(LEARNT)
    assert {name for name in TAUGHT if FAULTS[name].is_genuine} == {name for name, fault in FAULTS.items() if fault.is_genuine}
    simulation = simulate(market("us-equity"), Faults(seed=3, per_kind=2, names=TAUGHT))
    rows = dataset(judge(simulation), simulation.labels, held_out=False, seed=5)
    assert rows.clean.mean() > 0.8

"""The audit of simulated faults: it sees format and nothing else, its interval minds clusters, and a leak is caught."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from commands.simulate import fault_audit
from commands.simulate.simulate import command
from models.training.format_audit import Leak, Sample, apart, audit, clustered_auc
from models.training.format_features import FORMAT_FEATURES, Rows, describe, grids, zeros_at_the_end
from producers.faults import table
from producers.faults.table import FAULTS, FORMAT_KINDS, Faults
from producers.market.parameters import Market
from tickproof.ticks.schema import ROW, UNITS_PER_ONE, Kind, Present

TICK = UNITS_PER_ONE // 100
MARKET = Market(seed=31, minutes=1.0, symbols=40, market_news_per_minute=0, news_per_minute=1)


def delong(scores: Any, positive: Any) -> tuple[float, float]:
    """The AUC and its standard error by the definition, pair by pair."""
    ones, noughts = scores[positive], scores[~positive]
    wins = (ones[:, None] > noughts[None, :]) + 0.5 * (ones[:, None] == noughts[None, :])
    above, below = wins.mean(axis=1), wins.mean(axis=0)
    return float(wins.mean()), float(np.sqrt(above.var(ddof=1) / len(ones) + below.var(ddof=1) / len(noughts)))


def test_with_a_group_a_row_it_is_delong() -> None:
    rng = np.random.default_rng(1)
    positive = rng.random(80) < 0.4
    scores = np.round(rng.normal(size=80) + positive, 1)
    auc, error = clustered_auc(scores, positive, np.arange(80))
    expected = delong(scores, positive)
    # Obuchowski divides by the clusters that have a side, DeLong by its rows; here these are the same.
    assert (auc, error) == pytest.approx(expected, rel=1e-9)


def test_copies_in_a_group_add_no_certainty() -> None:
    rng = np.random.default_rng(2)
    positive = np.tile([True, False], 30)
    scores = rng.normal(size=60) + 0.5 * positive
    groups = np.repeat(np.arange(30), 2)
    once = clustered_auc(scores, positive, groups)
    often = clustered_auc(np.tile(scores, 20), np.tile(positive, 20), np.tile(groups, 20))
    assert often == pytest.approx(once, rel=1e-9)
    alone = delong(np.tile(scores, 20), np.tile(positive, 20))
    assert alone[1] < once[1] / 3


@pytest.mark.slow
def test_noise_is_at_chance_and_a_tell_is_not() -> None:
    rng = np.random.default_rng(3)
    features = np.full((1200, len(FORMAT_FEATURES)), np.nan)
    for place in (0, 1, 2, 3, -1, -2):
        features[:, place] = rng.normal(size=1200)
    positive, groups, streams = np.tile([True, False], 600), np.repeat(np.arange(100), 12), np.repeat(np.arange(5), 240)
    noise = audit(Sample(features, positive, groups, streams), frozenset())
    assert noise.auc_low is not None
    assert noise.auc_low <= 0.55
    told = features.copy()
    told[:, 2] += 1.0 * positive
    found = audit(Sample(told, positive, groups, streams), frozenset())
    assert found.auc_low is not None
    assert found.auc_low > 0.6
    # Withheld, as what a kind is about.
    withheld = audit(Sample(told, positive, groups, streams), frozenset({FORMAT_FEATURES[2].group}))
    assert withheld.auc_low is not None
    assert withheld.auc_low <= 0.55


def test_too_few_groups_give_no_answer() -> None:
    features = np.zeros((40, len(FORMAT_FEATURES)))
    assert audit(Sample(features, np.tile([True, False], 20), np.repeat([0, 1], 20), np.repeat([0, 1], 20)), frozenset()) == Leak(
        20, 2, None, None
    )


def test_groups_of_streams_are_apart() -> None:
    part = Sample(np.zeros((2, 1)), np.array([True, False]), np.array([3, 5]), np.zeros(2, np.int64))
    both = apart([part, part])
    assert len(np.unique(both.groups)) == 4
    assert both.streams.tolist() == [0, 0, 1, 1]


def quotes(steps: int = 0) -> Any:
    rows = np.zeros(200, ROW)
    rng = np.random.default_rng(4)
    rows["kind"] = Kind.QUOTE
    rows["present"] = int(Present.BID_PX | Present.BID_SZ | Present.ASK_PX | Present.ASK_SZ)
    rows["bid_px"] = (5_000 + rng.integers(0, 300, 200) + steps) * TICK
    rows["ask_px"] = rows["bid_px"] + rng.integers(1, 4, 200) * TICK
    rows["bid_sz"] = rows["ask_sz"] = rng.integers(1, 50, 200) * 100 * UNITS_PER_ONE
    rows["ts_event"] = rng.integers(10**18, 10**18 + 10**10, 200)
    rows["ts_recv"] = rows["ts_event"] + 300_000
    return rows


def features_of(rows: Any) -> Any:
    tick, lot = grids(quotes(), 1)
    assert (tick[0], lot[0]) == (TICK, 100 * UNITS_PER_ONE)
    one, none = np.ones(len(rows), np.int64), np.zeros(len(rows), bool)
    return describe(Rows(rows, np.full(len(rows), tick[0]), np.full(len(rows), lot[0]), one, one, none))


def test_how_large_anything_is_does_not_show() -> None:
    """A price moved by whole hundreds of steps, a delay of whole seconds, a size of whole tens of lots more: nothing is seen."""
    rows = quotes(steps=20_000)
    rows["ts_recv"] += 3 * UNITS_PER_ONE
    rows["bid_sz"] += 70_000 * 100 * UNITS_PER_ONE
    plain, moved = features_of(quotes()), features_of(rows)
    for place, feature in enumerate(FORMAT_FEATURES):
        if not feature.name.endswith("zeros"):
            assert np.array_equal(plain[:, place], moved[:, place], equal_nan=True), feature.name


@pytest.mark.parametrize(
    ("edit", "group"),
    [
        (lambda rows: rows["bid_px"].__iadd__(TICK // 4), "price"),
        (lambda rows: rows["bid_sz"].__iadd__(UNITS_PER_ONE), "size"),
        (lambda rows: rows["ask_px"].__setitem__(slice(None), rows["bid_px"] + 2 * TICK), "spread"),
        (lambda rows: rows["ts_event"].__iadd__(-(rows["ts_event"] % 1000)), "time"),
    ],
)
def test_each_group_sees_what_it_is_for(edit: Any, group: str) -> None:
    rows = quotes()
    edit(rows)
    plain, changed = features_of(quotes()), features_of(rows)
    seen = {
        feature.group
        for place, feature in enumerate(FORMAT_FEATURES)
        if not np.array_equal(plain[:, place], changed[:, place], equal_nan=True)
    }
    assert group in seen


def test_zeros_at_the_end() -> None:
    assert zeros_at_the_end(np.array([0, 1, 10, 100, 1230, 10**17, 5])).tolist() == [0, 0, 1, 2, 1, 17, 0]


def test_groups_of_features_are_the_aspects_that_a_fault_may_be_about() -> None:
    groups = {feature.group for feature in FORMAT_FEATURES}
    assert {aspect for fault in FAULTS.values() for aspect in fault.about} <= groups
    # Only these may be about format itself.
    by_nature = {"sentinel_value", "off_tick_grid", "decimal_shift", "unit_change", "bit_flip", "field_swap", "symbol_swap"}
    assert by_nature >= FORMAT_KINDS


def leak_of(name: str, monkeypatch: pytest.MonkeyPatch) -> Leak:
    monkeypatch.setattr(fault_audit, "MOST_STREAMS", 3)
    monkeypatch.setattr(fault_audit, "ENOUGH", 250)
    monkeypatch.setattr(fault_audit, "EPISODES", {True: 100, False: 20})
    (found,) = fault_audit.audit_faults(MARKET, Faults(seed=1, names=(name,)), lambda line: None)
    assert found.leak.positives >= 150
    return found.leak


@pytest.mark.slow
def test_prices_on_odd_cents_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit that cannot be fooled: a spike that only ever lands on odd cents, however large it is."""
    clean = leak_of("spike", monkeypatch)
    assert clean.auc_low is not None
    assert clean.auc_low <= fault_audit.BOUND
    honest = FAULTS["spike"]

    def odd(block: Any, target: Any, size: float, rng: Any) -> Any:
        span = honest.inject(block, target, size, rng)
        if span is not None:
            row = np.flatnonzero(block.touched == block.episode)
            for column in ("bid_px", "price"):
                values = block.rows[column][row]
                step = np.where((values > 0) & (values // TICK % 2 == 0), TICK, 0)
                block.rows[column][row] = values + step
                if column == "bid_px":
                    block.rows["ask_px"][row] += step
        return span

    monkeypatch.setitem(table.FAULTS, "spike", replace(honest, inject=odd))
    leaky = leak_of("spike", monkeypatch)
    assert leaky.auc_low is not None
    assert leaky.auc_low > fault_audit.BOUND


def test_the_command_says_it_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_audit, "MOST_STREAMS", 1)
    monkeypatch.setattr(fault_audit, "EPISODES", {True: 4, False: 1})
    monkeypatch.setattr(fault_audit, "ROOM", 0)
    result = CliRunner().invoke(command, ["--audit", "--json", "--minutes", "0.5"], catch_exceptions=False)
    kinds = json.loads(result.stdout)["kinds"]
    # None of them only befalls a market that shuts.
    assert set(kinds) <= {fault.kind for fault in FAULTS.values() if not fault.is_genuine and not fault.when_shut}
    assert len(kinds) >= 30
    for kind, said in kinds.items():
        assert set(said) == {"auc", "auc_low", "format_kind", "positives"}
        assert said["format_kind"] == (kind in FORMAT_KINDS)

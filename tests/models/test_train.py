"""Training: what is learnt from which rows, and that it is the same every time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from models.training.train import LEARNT, Dataset, Parameters, balanced_weights, concat, recalibrate, train
from models.trees.calibration import calibrate
from tickproof.errors import ModelError
from tickproof.findings.finding import BY_NAME

NAMES = ("away", "spread", "rate")
SMALL = Parameters(trees=8, leaves=6)


def labelled(seed=1, rows=6000):
    """Clean rows near 0; spikes far in `away`, blow-outs far in `spread`; rows in their aftermath; a half of all held out."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, 3))
    kinds = np.full(rows, "", dtype="U12")
    kinds[:60], kinds[60:100] = "spike", "wide_spread"
    features[:60, 0] += 8
    features[60:100, 1] += 8
    clean = kinds == ""
    clean[100:200] = False
    order = random.permutation(rows)
    return Dataset(NAMES, features[order], kinds[order], clean[order], np.arange(rows) % 2 == 0)


def test_every_kind_weighs_alike_and_clean_rows_as_much_as_all_kinds():
    # 10 rows: 5 clean, 3 and 1 faulty, 1 neither. Half the total (5) for clean, 2.5 for each kind.
    kinds = np.array(["", "", "", "", "", "a", "a", "a", "b", ""])
    clean = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0], bool)
    weights = balanced_weights(kinds, clean)
    np.testing.assert_allclose(weights, [1, 1, 1, 1, 1, 2.5 / 3, 2.5 / 3, 2.5 / 3, 2.5, 0])


@pytest.mark.slow
def test_training_twice_gives_the_same_model():
    first, second = train(labelled(), SMALL, seed=3), train(labelled(), SMALL, seed=3)
    assert np.array_equal(first.forest.nodes, second.forest.nodes)
    assert (first.calibration, first.metrics) == (second.calibration, second.metrics)
    assert first.probes.tobytes() == second.probes.tobytes()


def test_faults_score_above_the_clean_rows_of_another_stream():
    fitted = train(labelled(1), Parameters(trees=40, leaves=6), seed=3)
    other = labelled(2)
    scores = fitted.calibration.quotes.apply(fitted.forest.margins(other.features))
    usual = np.quantile(scores[other.clean], 0.999)
    assert np.median(scores[other.kinds == "spike"]) > usual
    assert np.median(scores[other.kinds == "wide_spread"]) > usual


def test_held_out_and_unclean_rows_do_not_reach_the_trees():
    dataset = labelled()
    ignored = dataset.held_out | ~(dataset.clean | (dataset.kinds != ""))
    assert (ignored & ~dataset.held_out).any()
    features = np.where(ignored[:, None], 1e6, dataset.features)
    changed = train(dataclasses.replace(dataset, features=features), SMALL, seed=3)
    assert np.array_equal(changed.forest.nodes, train(dataset, SMALL, seed=3).forest.nodes)


def test_only_clean_rows_held_out_reach_the_calibration():
    dataset = labelled()
    used = dataset.held_out & dataset.clean
    unused = dataset.held_out & ~used
    assert unused.any()
    features = np.where(unused[:, None], 1e6, dataset.features)
    changed = train(dataclasses.replace(dataset, features=features), SMALL, seed=3)
    assert changed.calibration == train(dataset, SMALL, seed=3).calibration


def test_a_monotonic_feature_only_raises_the_margin():
    fitted = train(labelled(), Parameters(trees=8, leaves=6, monotonic=(("away", 1),)), seed=3)
    rows = np.zeros((200, 3))
    rows[:, 0] = np.linspace(-10, 10, 200)
    steps = np.diff(fitted.forest.margins(rows))
    assert (steps >= 0).all()
    assert (steps > 0).any()


def test_metrics_count_rows_by_kind():
    dataset = labelled()
    metrics = train(dataset, SMALL, seed=3).metrics
    held = int((dataset.held_out & (dataset.kinds == "spike")).sum())
    assert (metrics["kinds"]["spike"]["trained"], metrics["kinds"]["spike"]["held_out"]) == (60 - held, held)
    assert metrics["clean_trained"] + metrics["clean_held_out"] == 6000 - 60 - 40 - 100


def test_recalibration_changes_scores_and_not_trees():
    dataset = labelled()
    first = train(dataset, SMALL, seed=3)
    fresh = np.random.default_rng(9).normal(size=(5000, 3))
    second = recalibrate(first, dataset, fresh, np.zeros(5000, bool))
    assert second.calibration.quotes == calibrate(first.forest.margins(fresh))
    assert second.forest is first.forest
    assert second.metrics["clean_calibrated"] == 5000
    with pytest.raises(ModelError, match="found 0 clean margins"):
        recalibrate(first, dataset, fresh, np.ones(5000, bool))


def test_kinds_that_are_learnt_are_codes_that_a_tick_can_have():
    assert {BY_NAME[kind].scope for kind in LEARNT} == {"symbol"}


def test_parts_are_joined_in_order():
    first, second = labelled(1), labelled(2)
    joined = concat([first, second])
    np.testing.assert_array_equal(joined.features, np.concatenate([first.features, second.features]))
    np.testing.assert_array_equal(joined.kinds, np.concatenate([first.kinds, second.kinds]))


def broken(**changes):
    return dataclasses.replace(labelled(), **changes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: train(broken(kinds=np.full(6000, ""), clean=np.ones(6000, bool)), SMALL, 1), "0 faulty"),
        (lambda: train(broken(clean=np.zeros(6000, bool)), SMALL, 1), "0 clean"),
        (lambda: train(broken(held_out=np.zeros(6000, bool)), SMALL, 1), "found 0 clean margins held out"),
        (lambda: train(labelled(), Parameters(monotonic=(("nonsense", 1),)), 1), "unknown features nonsense"),
        (lambda: broken(clean=np.ones(6000, bool)), "one or the other"),
        (lambda: broken(clean=np.ones(5, bool)), "shapes"),
        (lambda: concat([]), "different features"),
        (lambda: concat([labelled(), broken(feature_names=("a", "b", "c"))]), "different features"),
    ],
)
def test_data_that_cannot_be_learnt_from_is_an_error(make, message):
    with pytest.raises(ModelError, match=message):
        make()


def test_a_feature_of_which_nothing_is_known_is_not_learnt():
    """As what peers do, where no reference data names any; its values change no score later on."""
    dataset = labelled()
    wide = Dataset(
        (*NAMES, "unknown"), np.column_stack([dataset.features, np.full(len(dataset.features), np.nan)]), dataset.kinds,
        dataset.clean, dataset.held_out,
    )  # fmt: skip
    fitted = train(wide, SMALL, seed=3)
    rows = wide.features[:50].copy()
    before = fitted.forest.margins(rows)
    rows[:, -1] = 7.0
    np.testing.assert_array_equal(fitted.forest.margins(rows), before)
    assert len(np.unique(before)) > 1

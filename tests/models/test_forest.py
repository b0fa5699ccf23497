"""Compiled trees against scikit-learn's own, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.ensemble import HistGradientBoostingClassifier

from models.trees.forest import MAX_LEAVES, Forest
from models.trees.probes import ODD, check_probes, make_probes
from tickproof.errors import ModelError

FEATURES = 6


def fitted(trees=12, leaves=15, seed=1, missing=0.1):
    """A classifier over rows with missing values, ties and one constant feature."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(3000, FEATURES))
    features[:, 1] = np.round(features[:, 1])
    features[:, 2] = 7.0
    target = (features[:, 0] * features[:, 1] + features[:, 3] > 0.4).astype(int)
    features[random.random(features.shape) < missing] = np.nan
    # Whether a value is missing says something in itself: splits on NaN alone, with an infinite threshold.
    target[np.isnan(features[:, 4])] = 1
    classifier = HistGradientBoostingClassifier(max_iter=trees, max_leaf_nodes=leaves, early_stopping=False, random_state=seed)
    return classifier.fit(features, target), features


def scikit_learn_margins(classifier, rows):
    return np.ascontiguousarray(classifier._raw_predict(rows)[:, 0])


@pytest.fixture(scope="module")
def pair():
    classifier, features = fitted()
    return classifier, Forest.of(classifier), features


@pytest.mark.parametrize(("trees", "leaves"), [(1, 2), (3, 8), (9, 9), (5, 31), (4, 64)])  # lanes of 8, 8, 16, 32 and 64 bits
def test_margins_are_scikit_learns_bits(trees, leaves):
    classifier, features = fitted(trees, leaves)
    assert Forest.of(classifier).margins(features).tobytes() == scikit_learn_margins(classifier, features).tobytes()


def test_a_threshold_goes_left_and_its_neighbour_above_goes_right(pair):
    classifier, forest, _ = pair
    inner = forest.nodes[forest.nodes["feature"] >= 0]
    assert np.isinf(inner["threshold"]).any(), "the data should force a split on missing alone"
    for node in inner:
        rows = np.zeros((3, FEATURES))
        at = node["threshold"]
        rows[:, node["feature"]] = (np.nextafter(at, -np.inf), at, np.nextafter(at, np.inf))
        assert forest.margins(rows).tobytes() == scikit_learn_margins(classifier, rows).tobytes()


value = st.one_of(st.sampled_from(ODD), st.floats(width=64), st.integers(-3, 3).map(float))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(rows=arrays(np.float64, st.tuples(st.integers(0, 20), st.just(FEATURES)), elements=value))
def test_any_float_scores_as_in_scikit_learn(pair, rows):
    classifier, forest, _ = pair
    expected = scikit_learn_margins(classifier, rows) if len(rows) else np.zeros(0)
    assert forest.margins(rows).tobytes() == expected.tobytes()


def test_a_row_scores_alike_alone_and_in_any_batch(pair):
    _, forest, features = pair
    whole = forest.margins(features[:100])
    assert np.concatenate([forest.margins(features[i : i + 1]) for i in range(100)]).tobytes() == whole.tobytes()
    assert np.concatenate([forest.margins(features[:37]), forest.margins(features[37:100])]).tobytes() == whole.tobytes()


def test_strided_rows_score_as_contiguous_ones(pair):
    _, forest, features = pair
    assert forest.margins(np.asfortranarray(features[:50])).tobytes() == forest.margins(features[:50]).tobytes()


def test_contributions_and_bias_add_up_to_the_margin(pair):
    _, forest, features = pair
    margins = forest.margins(features[:200])
    shares = np.array([forest.contributions(row) for row in features[:200]])
    np.testing.assert_allclose(forest.bias + shares.sum(axis=1), margins, rtol=0, atol=1e-9)
    assert shares.any()
    assert not shares[:, 2].any(), "a constant feature splits nothing and explains nothing"


def test_bias_is_the_mean_margin_of_the_rows_trained_on(pair):
    # Inner nodes hold the mean of their leaves weighted by training rows, so the roots hold the mean over all of them.
    _, forest, features = pair
    assert forest.bias == pytest.approx(forest.margins(features).mean(), abs=1e-9)


@pytest.mark.parametrize("shape", [(3,), (3, FEATURES - 1), (3, FEATURES + 1)])
def test_another_shape_is_an_error(pair, shape):
    with pytest.raises(ModelError, match="shape"):
        pair[1].margins(np.zeros(shape))
    with pytest.raises(ModelError, match="shape"):
        pair[1].contributions(np.zeros(FEATURES + 1))


def test_three_classes_are_an_error():
    features = np.random.default_rng(0).normal(size=(300, 2))
    classifier = HistGradientBoostingClassifier(max_iter=1, early_stopping=False).fit(features, np.arange(300) % 3)
    with pytest.raises(ModelError, match="two classes"):
        Forest.of(classifier)


def test_an_unfitted_classifier_is_an_error():
    with pytest.raises(ModelError, match="0 trees"):
        Forest.of(HistGradientBoostingClassifier())


def test_a_categorical_split_is_an_error():
    features = np.random.default_rng(0).integers(0, 4, (300, 1)).astype(float)
    classifier = HistGradientBoostingClassifier(max_iter=1, early_stopping=False, categorical_features=[0])
    with pytest.raises(ModelError, match="categorical"):
        Forest.of(classifier.fit(features, features[:, 0] % 2))


def test_too_many_leaves_are_an_error():
    random = np.random.default_rng(0)
    features = random.normal(size=(5000, 2))
    classifier = HistGradientBoostingClassifier(
        max_iter=1, max_leaf_nodes=MAX_LEAVES + 1, min_samples_leaf=1, early_stopping=False
    )
    with pytest.raises(ModelError, match="leaves"):
        Forest.of(classifier.fit(features, random.integers(0, 2, 5000)))


@pytest.mark.parametrize(
    ("field", "broken"),
    [("left", 0), ("right", 10_000), ("feature_idx", -1), ("feature_idx", FEATURES), ("num_threshold", np.nan)],
)
def test_nodes_that_are_no_tree_are_an_error(field, broken):
    # A stored file may hold anything; a cycle would hang and a wild index would read foreign memory.
    classifier, _ = fitted(trees=1)
    classifier._predictors[0][0].nodes[field][0] = broken
    with pytest.raises(ModelError, match="tree 0"):
        Forest.of(classifier)


def test_probes_hold_edges_of_every_feature_and_catch_a_changed_leaf(pair):
    classifier, forest, features = pair
    probes = make_probes(forest, features, seed=1)
    thresholds = forest.nodes["threshold"][forest.nodes["feature"] == 0]
    assert np.isin(probes[:, 0], thresholds).any()
    assert np.isnan(probes).any(axis=0).all()
    margins = check_probes(forest, classifier, probes)
    wrong = margins.copy()
    wrong[17] = np.nextafter(wrong[17], np.inf)
    with pytest.raises(ModelError, match="probe 17"):
        check_probes(forest, classifier, probes, wrong)
    other, _ = fitted(seed=2)
    with pytest.raises(ModelError, match="scikit-learn"):
        check_probes(forest, other, probes)

"""Training: labelled features to a calibrated model. The same data, parameters and seed give the same trees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from models.trees.calibration import SUPERVISED_SHARE, ByKind, calibrate_by_kind, trades_among
from models.trees.forest import Floats, Forest
from models.trees.probes import check_probes, make_probes
from tickproof.errors import ModelError

CLEAN = ""
"""The kind of a row that no fault touched."""
LEARNT = frozenset(
    {
        "bad_run",
        "bit_flip",
        "crossed",
        "decimal_shift",
        "digit_error",
        "drift",
        "field_swap",
        "outside_quotes",
        "size_outlier",
        "spike",
        "symbol_swap",
        "unit_change",
        "wide_spread",
    }
)
"""Kinds that single ticks can be learnt from: their content is wrong, and features see it. The ticks of a frozen or silent symbol
look like clean ones, and a price that is missing or not positive has no logarithm, like one side of an honest one-sided quote:
trained on these too, the model gave no fault a score of 4."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """The rows to learn from.

    Attributes
    ----------
    feature_names : tuple of str
    features : float64 array, shape (n, len(feature_names))
        NaN is missing.
    kinds : str array, shape (n,)
        The kind of fault that made the row wrong; "" for none.
    clean : bool array, shape (n,)
        Rows to learn or to calibrate clean traffic from. A row that is neither clean nor of a kind (the aftermath of a fault,
        say) is left out. Rows of genuine events are clean.
    held_out : bool array, shape (n,)
        Rows that trees do not see: clean ones calibrate the scores, faulty ones measure them. They must come from other streams
        (seeds, days) than the rest, because neighbouring ticks are nearly copies of each other.
    """

    feature_names: tuple[str, ...]
    features: Floats
    kinds: npt.NDArray[np.str_]
    clean: npt.NDArray[np.bool_]
    held_out: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        count = len(self.features)
        found = (self.features.shape, self.kinds.shape, self.clean.shape, self.held_out.shape)
        expected = ((count, len(self.feature_names)), (count,), (count,), (count,))
        if found != expected:
            raise ModelError(f"dataset: found shapes {found}, expected {expected}")
        if (self.clean & (self.kinds != CLEAN)).any():
            raise ModelError("dataset: found clean rows with a kind of fault; a row is one or the other")


def concat(parts: Sequence[Dataset]) -> Dataset:
    """Return the rows of all parts, which must have the same features."""
    if len({part.feature_names for part in parts}) != 1:
        raise ModelError("dataset: the parts have different features or there are none; compute all with one version")
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in ("features", "kinds", "clean", "held_out")
    }
    return Dataset(parts[0].feature_names, **joined)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The parameters that decide a model besides its data.

    Attributes
    ----------
    trees, leaves : int
        Boosting stages, and leaves a tree (at most 64).
    learning_rate, l2 : float
        Shrinkage, and the penalty on leaf values.
    min_rows : int
        Training rows a leaf needs.
    monotonic : tuple of (str, int)
        Features that may only raise (1) or lower (−1) the margin.
    share, threshold : float
        This part's share of the false-alarm budget; the score from which a tick counts as corrupt.
    """

    trees: int = 120
    leaves: int = 15
    learning_rate: float = 0.15
    l2: float = 1.0
    min_rows: int = 20
    monotonic: tuple[tuple[str, int], ...] = ()
    share: float = SUPERVISED_SHARE
    threshold: float = 4.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """The result of training, ready to be stored.

    Attributes
    ----------
    classifier : HistGradientBoostingClassifier
    forest : Forest
        The same trees, compiled.
    calibration : ByKind
    feature_names : tuple of str
    probes, margins : float64 arrays, shapes (m, n_features) and (m,)
        Rows that every loader scores, and the margins that must result.
    parameters : Parameters
    seed : int
    metrics : dict
        Counts of rows, and by kind the share of held-out rows that reach the threshold.
    """

    classifier: Any
    forest: Forest
    calibration: ByKind
    feature_names: tuple[str, ...]
    probes: Floats
    margins: Floats
    parameters: Parameters
    seed: int
    metrics: dict[str, Any]


def balanced_weights(kinds: npt.NDArray[np.str_], clean: npt.NDArray[np.bool_]) -> Floats:
    """Return weights with mean 1 that count every kind alike, clean rows as much as all kinds, and others 0.

    A kind with ten rows then counts as much as one with ten thousand, which gave 9 points of macro recall.
    """
    names, index, counts = np.unique(kinds, return_inverse=True, return_counts=True)
    faults = max(int((names != CLEAN).sum()), 1)
    weights = len(kinds) / 2.0 / faults / counts[index]
    return np.where(kinds != CLEAN, weights, np.where(clean, len(kinds) / 2.0 / max(int(clean.sum()), 1), 0.0))


def train(dataset: Dataset, parameters: Parameters, seed: int) -> Fitted:
    """Fit trees to the rows that are not held out, and calibrate them on the clean ones that are.

    Runs on one thread, so that sums have one order whatever the machine.

    Raises
    ------
    ModelError
        No clean or no faulty rows to learn from, too few clean rows held out, an unknown monotonic feature, or compiled trees
        that differ from scikit-learn's.
    """
    unknown = sorted({name for name, _ in parameters.monotonic} - set(dataset.feature_names))
    if unknown:
        raise ModelError(f"training: monotonic names unknown features {', '.join(unknown)}")
    faulty = dataset.kinds != CLEAN
    rows = ~dataset.held_out & (dataset.clean | faulty)
    if not (rows & faulty).any() or not (rows & dataset.clean).any():
        counts = f"{int((rows & faulty).sum())} faulty and {int((rows & dataset.clean).sum())} clean rows"
        raise ModelError(f"training: found {counts} that are not held out, expected some of both")
    order = dict(parameters.monotonic)
    classifier = HistGradientBoostingClassifier(
        max_iter=parameters.trees,
        max_leaf_nodes=parameters.leaves,
        learning_rate=parameters.learning_rate,
        l2_regularization=parameters.l2,
        min_samples_leaf=parameters.min_rows,
        monotonic_cst=[order.get(name, 0) for name in dataset.feature_names] if order else None,
        early_stopping=False,
        random_state=seed,
    )
    weights = balanced_weights(dataset.kinds[rows], dataset.clean[rows])
    # scikit-learn finds no bins for a feature of which nothing is known, as of peers where no reference data names any;
    # a constant has one bin and no split.
    learnt = dataset.features[rows]
    learnt = np.where(np.isnan(learnt).all(axis=0), 0.0, learnt)
    with threadpool_limits(1):
        classifier.fit(learnt, faulty[rows].astype(np.int64), sample_weight=weights)
        forest = Forest.of(classifier)
        probes = make_probes(forest, dataset.features[rows], seed)
        margins = check_probes(forest, classifier, probes)
    names = dataset.feature_names
    clean = dataset.features[dataset.held_out & dataset.clean]
    calibration = calibrate_by_kind(forest.margins(clean), trades_among(clean, names), parameters.share)
    scores = calibration.apply(forest.margins(dataset.features), trades_among(dataset.features, names))
    metrics = _metrics(dataset, scores, parameters.threshold)
    return Fitted(classifier, forest, calibration, dataset.feature_names, probes, margins, parameters, seed, metrics)


def recalibrate(fitted: Fitted, dataset: Dataset, features: Floats, lowered: npt.NDArray[np.bool_]) -> Fitted:
    """Calibrate the scores of the same trees on other clean rows, as deployment scores them.

    Parameters
    ----------
    dataset : Dataset
        What it was trained on: its held-out rows are measured again.
    features : float64 array, shape (n, n_features)
        Clean rows of streams that the trees have not seen; streams without faults are best.
    lowered : bool array, shape (n,)
        Rows whose `final_score` came out below their `score` when a first calibration was deployed on those streams.

    Raises
    ------
    ModelError
        Too few rows.
    """
    forest, names = fitted.forest, fitted.feature_names
    calibration = calibrate_by_kind(forest.margins(features), trades_among(features, names), fitted.parameters.share, lowered)
    scores = calibration.apply(forest.margins(dataset.features), trades_among(dataset.features, names))
    metrics = _metrics(dataset, scores, fitted.parameters.threshold)
    counts = {"clean_calibrated": len(features), "clean_lowered": int(lowered.sum())}
    return replace(fitted, calibration=calibration, metrics=metrics | counts)


def _metrics(dataset: Dataset, scores: npt.NDArray[np.float32], threshold: float) -> dict[str, Any]:
    """Return counts of rows and the scores of held-out ones; rows, not episodes, which `evaluate` measures."""
    reached = scores >= threshold
    clean = dataset.clean & dataset.held_out
    kinds = {}
    for kind in np.unique(dataset.kinds[dataset.kinds != CLEAN]):
        rows = dataset.kinds == kind
        held = rows & dataset.held_out
        share = round(float(reached[held].mean()), 4) if held.any() else None
        kinds[str(kind)] = {"trained": int((rows & ~held).sum()), "held_out": int(held.sum()), "held_out_flagged": share}
    return {
        "clean_trained": int((dataset.clean & ~dataset.held_out).sum()),
        "clean_held_out": int(clean.sum()),
        "clean_held_out_flagged": int((clean & reached).sum()),
        "kinds": kinds,
    }

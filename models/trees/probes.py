"""Rows on which compiled trees must score as scikit-learn does: real rows, and the edges of every split."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.trees.forest import Floats, Forest
from tickproof.errors import ModelError

REAL_ROWS = 128
EDGE_ROWS = 256
ODD = (np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, np.finfo(np.float64).max)
"""Values that are no threshold but that a feature may have."""


def make_probes(forest: Forest, features: Floats, seed: int) -> Floats:
    """Make rows to check a forest with.

    Evenly spaced real rows, then rows whose every value is a threshold of that feature, a neighbouring float64, or odd.

    Parameters
    ----------
    features : float64 array, shape (n, n_features)
        Rows of the kind that it was trained on; n may be 0.
    seed : int
        Of the choice of edges.

    Returns
    -------
    float64 array, shape (at most REAL_ROWS + EDGE_ROWS, n_features)
    """
    random = np.random.default_rng(seed)
    real = features[np.unique(np.linspace(0, len(features) - 1, REAL_ROWS).astype(np.int64))] if len(features) else features
    edges = np.empty((EDGE_ROWS, forest.n_features))
    inner = forest.nodes[forest.nodes["feature"] >= 0]
    for feature in range(forest.n_features):
        thresholds = np.unique(inner["threshold"][inner["feature"] == feature])
        choices = np.concatenate([thresholds, np.nextafter(thresholds, np.inf), np.nextafter(thresholds, -np.inf), ODD])
        edges[:, feature] = random.choice(choices, EDGE_ROWS)
    return np.concatenate([real, edges])


def check_probes(forest: Forest, classifier: Any, probes: Floats, expected: Floats | None = None) -> Floats:
    """Raise ModelError unless the compiled margins, scikit-learn's and the stored ones, if given, are the same bits.

    Returns
    -------
    float64 array, shape (n,)
        The margins of the probes.
    """
    compiled = forest.margins(probes)
    reference = np.ascontiguousarray(classifier._raw_predict(probes, n_threads=1)[:, 0])
    for name, other in (("scikit-learn's", reference), ("stored", expected)):
        if other is not None and compiled.tobytes() != other.tobytes():
            row = int(np.argmax(compiled != other)) if compiled.shape == other.shape else 0
            raise ModelError(
                f"model: probe {row} scores {compiled[row]!r} compiled, which is not its {name} margin;"
                " do not use this model here: train it again with this machine's libraries"
            )
    return compiled

"""The trees of a fitted binary `HistGradientBoostingClassifier`, scored by compiled code: scikit-learn's margins, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.trees.quickscorer import Table, score, tabulate
from tickproof.errors import ModelError
from tickproof.kernel import array_kernel

Floats = npt.NDArray[np.float64]

MAX_LEAVES = 64
"""A tree's reachable leaves are the bits of one machine word."""

NODE = np.dtype(
    [
        ("threshold", "<f8"),
        ("value", "<f8"),
        ("feature", "<i4"),
        ("left", "<i4"),
        ("right", "<i4"),
        ("leaf", "<i4"),
        ("missing_left", "u1"),
    ],
    align=True,
)
"""A node, root first in each tree. `feature` is -1 in a leaf, and `leaf` counts leaves from left to right (-1 elsewhere); `left`
and `right` index the forest's array. `value` is the value of a leaf, and of an inner node the mean of its leaves weighted by the
training rows that they hold."""


class Columns(NamedTuple):
    """The fields of `NODE`, an array each: numba takes 50 µs to look at an array of records, and 1 µs at these."""

    feature: npt.NDArray[np.int32]
    threshold: Floats
    value: Floats
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    missing_left: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees over `n_features` features.

    Attributes
    ----------
    nodes : array of NODE
        All trees, one after the other.
    roots : int64 array, shape (trees,)
        Where each tree begins.
    """

    nodes: npt.NDArray[np.void]
    roots: npt.NDArray[np.int64]
    n_features: int
    table: Table
    columns: Columns

    @classmethod
    def of(cls, classifier: Any) -> Forest:
        """The forest of a fitted `HistGradientBoostingClassifier` with two classes.

        Raises
        ------
        ModelError
            Unfitted, more than two classes, a categorical split, a tree of more than `MAX_LEAVES` leaves, or nodes that are not
            trees.
        """
        predictors = [tree for stage in getattr(classifier, "_predictors", ()) for tree in stage]
        if not predictors or classifier.n_trees_per_iteration_ != 1:
            raise ModelError(f"model: found {len(predictors)} trees, expected a fitted classifier with two classes")
        n_features = int(classifier.n_features_in_)
        trees = [_tree(predictor.nodes, n_features, number) for number, predictor in enumerate(predictors)]
        roots = np.cumsum([0, *(len(tree) for tree in trees)], dtype=np.int64)
        nodes = np.concatenate([np.zeros(0, NODE), *trees])
        offsets = np.repeat(roots[:-1], np.diff(roots))
        nodes["left"] += offsets
        nodes["right"] += offsets
        baseline = float(classifier._baseline_prediction[0, 0])
        columns = Columns(*(np.ascontiguousarray(nodes[name]) for name in Columns._fields))
        return cls(nodes, roots[:-1], n_features, tabulate(trees, baseline), columns)

    def over(self, columns: Sequence[int], width: int) -> Forest:
        """The same trees over a wider matrix, of which they read their own columns: nothing is gathered or copied a row.

        Parameters
        ----------
        columns : sequence of int, length n_features
            Where each of the forest's features stands in the wider matrix.
        width : int
            Columns of the wider matrix.
        """
        place = np.array([*columns, -1], np.int32)  # the last is for leaves, whose feature is -1
        nodes = self.nodes.copy()
        nodes["feature"] = place[nodes["feature"]]
        table = self.table._replace(features=place[self.table.features].astype(np.int64))
        return replace(
            self, nodes=nodes, n_features=width, table=table, columns=self.columns._replace(feature=place[self.columns.feature])
        )

    @property
    def bias(self) -> float:
        """The margin of the mean training row: the baseline and the values of all roots."""
        return self.table.baseline + float(self.nodes["value"][self.roots].sum())

    def margins(self, features: Floats) -> Floats:
        """Margins in log-odds, the same bits as scikit-learn's `_raw_predict`.

        Parameters
        ----------
        features : float64 array, shape (n, n_features)
            NaN is missing; infinities are compared as numbers.

        Raises
        ------
        ModelError
            Another shape.
        """
        if features.ndim != 2 or features.shape[1] != self.n_features:
            raise ModelError(f"model: found features of shape {features.shape}, expected (n, {self.n_features})")
        matrix = np.ascontiguousarray(features, np.float64)
        out = np.empty(len(matrix), np.float64)
        score(matrix, self.table, out)
        return out

    def contributions(self, row: Floats) -> Floats:
        """What each feature adds to the margin of one row, along the paths that it takes.

        A step from a node to its child adds the difference of their values to the split's feature (Saabas, "Interpreting random
        forests", 2014). The value of an inner node is the mean of its leaves, weighted by training rows; scikit-learn keeps
        none that are on the scale of the leaves. `bias` and the shares add up to the margin, but for rounding.

        Returns
        -------
        float64 array, shape (n_features,)
            In log-odds; above 0 speaks for corrupt.

        Raises
        ------
        ModelError
            Another shape.
        """
        if row.shape != (self.n_features,):
            raise ModelError(f"model: found a row of shape {row.shape}, expected ({self.n_features},)")
        shares = np.zeros(self.n_features, np.float64)
        _paths(np.ascontiguousarray(row, np.float64), self.columns, self.roots, shares)
        return shares


def _tree(source: npt.NDArray[np.void], n_features: int, number: int) -> npt.NDArray[np.void]:
    """One tree in `NODE` form, children indexed within the tree; a stored file is not trusted to hold a tree."""
    count = len(source)
    inner = source["is_leaf"] == 0
    left, right = source["left"].astype(np.int64), source["right"].astype(np.int64)
    here = np.arange(count)
    # Children come after their parent, and each node but the root is the child of exactly one: that is a tree, and walks end.
    children = np.sort(np.concatenate([left[inner], right[inner]]))
    forward = (left[inner] > here[inner]).all() and (right[inner] > here[inner]).all()
    known = ((source["feature_idx"][inner] >= 0) & (source["feature_idx"][inner] < n_features)).all()
    if not (forward and known and np.array_equal(children, np.arange(1, count))):
        raise ModelError(f"model: tree {number} has nodes that do not form a tree over {n_features} features; train it again")
    if source["is_categorical"].any():
        raise ModelError(f"model: tree {number} has a categorical split, expected numbers only")
    if np.isnan(source["num_threshold"][inner]).any():
        raise ModelError(f"model: tree {number} has a threshold that is not a number; train it again")
    if count - int(inner.sum()) > MAX_LEAVES:
        raise ModelError(f"model: tree {number} has {count - int(inner.sum())} leaves, expected at most {MAX_LEAVES}")
    tree = np.zeros(count, NODE)
    tree["threshold"] = source["num_threshold"]
    tree["value"] = source["value"]
    tree["feature"] = np.where(inner, source["feature_idx"], -1)
    tree["left"], tree["right"] = np.where(inner, left, 0), np.where(inner, right, 0)
    tree["missing_left"] = source["missing_go_to_left"] != 0
    tree["leaf"] = -1
    rows = source["count"].astype(np.float64)
    for node in range(count - 1, -1, -1):
        if inner[node]:
            weights = rows[[left[node], right[node]]] + 1e-300  # leaves without a training row count alike
            tree["value"][node] = np.average(tree["value"][[left[node], right[node]]], weights=weights)
            rows[node] = rows[left[node]] + rows[right[node]]
    pending, leaf = [0], 0
    while pending:
        node = pending.pop()
        if inner[node]:
            pending += [int(right[node]), int(left[node])]
        else:
            tree["leaf"][node] = leaf
            leaf += 1
    return tree


@array_kernel()
def _paths(row, nodes, roots, shares):  # type: ignore[no-untyped-def]
    """Add each feature's part of the margin to `shares`."""
    for root in roots:
        at = root
        while nodes.feature[at] >= 0:
            feature = nodes.feature[at]
            x = row[feature]
            left = nodes.missing_left[at] != 0 if x != x else x <= nodes.threshold[at]
            step = np.int64(nodes.left[at] if left else nodes.right[at])
            shares[feature] += nodes.value[step] - nodes.value[at]
            at = step

"""Trees as bitvectors: for each value of each feature, the leaves that stay reachable; and the kernel that scores with them.

Scoring does not traverse trees. Every split asks whether a feature is at most a threshold, and a forest has few thresholds a
feature, so a row is first binned by the forest's own thresholds, in float64, as scikit-learn compares. For each feature and
bin, a table holds one bit a leaf of every tree: the leaves that this value leaves reachable. The bitwise and over the features
leaves the exit leaf as the lowest bit of each tree (QuickScorer: Lucchese et al., "QuickScorer: a fast algorithm to rank
documents with additive ensembles of regression trees", SIGIR 2015, with its bitvectors combined ahead of time). Leaf values are
then added tree by tree in float64, in scikit-learn's order, so that the sum is the same number and not nearly the same.

With 30 features, 1 000 rows at a time: 2.1 M rows/s for 60 trees of 15 leaves and 0.7 M for 150 of 31, where traversing the same
trees gave 0.3 M and 0.09 M.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.extending import intrinsic

from tickproof.kernel import array_kernel

Floats = npt.NDArray[np.float64]
Nodes = npt.NDArray[np.void]

BLOCK = 8
"""Rows scored together: their additions do not wait for each other."""


class Table(NamedTuple):
    """Thresholds, reachable leaves and leaf values, as the scoring kernel reads them.

    Attributes
    ----------
    features : int64 array, shape (m,)
        The features that any split uses.
    starts : int64 array, shape (m + 1,)
        Where each one's thresholds begin in `thresholds`; ascending within a feature.
    thresholds : float64 array
    masks : uint64 array, shape (sum of bins, words)
        Reachable leaves of all trees, a row a bin. A feature with k thresholds has k + 2 bins: `x` is in bin j when j of the
        thresholds are below it, and in the last when it is NaN.
    leaves : float64 array, shape (trees × lane,)
        Leaf values, `lane` slots a tree.
    lane : int
        Bits a tree has in `masks`: 8, 16, 32 or 64.
    trees : int
    baseline : float
        The margin before the first tree.
    """

    features: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    thresholds: Floats
    masks: npt.NDArray[np.uint64]
    leaves: Floats
    lane: int
    trees: int
    baseline: float


def tabulate(trees: list[Nodes], baseline: float) -> Table:
    """Return the table of one or more trees in `forest.NODE` form, whose children are indexed from their own root."""
    most = max(int(tree["leaf"].max()) + 1 for tree in trees)
    lane = next(bits for bits in (8, 16, 32, 64) if bits >= most)
    words = -(-len(trees) * lane // 64)
    splits = np.concatenate([tree[tree["feature"] >= 0] for tree in trees])
    features = np.unique(splits["feature"]).astype(np.int64)
    by_feature = [np.unique(splits["threshold"][splits["feature"] == feature]) for feature in features]
    starts = np.cumsum([0, *(len(values) for values in by_feature)], dtype=np.int64)
    masks = np.full((int(starts[-1]) + 2 * len(features), words), np.uint64(2**64 - 1))
    place = {int(feature): index for index, feature in enumerate(features)}
    leaves = np.zeros(len(trees) * lane, np.float64)
    for number, tree in enumerate(trees):
        ends = tree["feature"] < 0
        leaves[number * lane + tree["leaf"][ends]] = tree["value"][ends]
        word, shift = divmod(number * lane, 64)
        for node, bits in _left_leaves(tree).items():
            index = place[int(tree["feature"][node])]
            first = int(starts[index]) + 2 * index
            missing = first + len(by_feature[index]) + 1
            # Bins above this threshold go right: the leaves on the left are out of reach.
            rank = int(np.searchsorted(by_feature[index], tree["threshold"][node]))
            keep = np.uint64(~(bits << shift) & (2**64 - 1))
            masks[first + rank + 1 : missing, word] &= keep
            if not tree["missing_left"][node]:
                masks[missing, word] &= keep
    thresholds = np.concatenate([np.zeros(0), *by_feature])
    return Table(features, starts, thresholds, masks, leaves, lane, len(trees), baseline)


def _left_leaves(tree: Nodes) -> dict[int, int]:
    """Return the bits of the leaves under the left child of each inner node."""
    under = [0] * len(tree)
    left = {}
    for node in range(len(tree) - 1, -1, -1):
        if tree["feature"][node] < 0:
            under[node] = 1 << int(tree["leaf"][node])
        else:
            left[node] = under[tree["left"][node]]
            under[node] = left[node] | under[tree["right"][node]]
    return left


@intrinsic
def _lowest_bit(typing: Any, word: Any) -> Any:
    """Return the index of the lowest set bit of a uint64 that is not 0, in one instruction."""

    def build(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return numba.types.uint64(numba.types.uint64), build


lowest_bit: Any = _lowest_bit
"""As Python code sees it: numba passes the typing context."""


@array_kernel()
def score(matrix: Floats, table: Table, out: Floats) -> None:
    """Write the margins of all rows, in log-odds, to `out`; the module's text says how.

    Parameters
    ----------
    matrix : float64 array, shape (n, n_features)
    table : Table
    out : float64 array, shape (n,)
        Written.
    """
    masks = table.masks
    n_rows, words = matrix.shape[0], masks.shape[1]
    lanes = 64 // table.lane
    width = np.uint64(table.lane)
    reachable = np.empty((BLOCK, words), np.uint64)
    for first in range(0, n_rows, BLOCK):
        size = min(BLOCK, n_rows - first)
        reachable[:] = np.uint64(0xFFFFFFFFFFFFFFFF)
        for index in range(table.features.shape[0]):
            feature = table.features[index]
            start, end = table.starts[index], table.starts[index + 1]
            thresholds = table.thresholds[start:end]
            for row in range(size):
                x = matrix[first + row, feature]
                # Comparing with every threshold is 4 times faster than a binary search: it is vectorised and does not branch.
                entry = start + 2 * index
                for rank in range(thresholds.shape[0]):
                    entry += np.int64(thresholds[rank] < x)
                if x != x:
                    entry = end + 2 * index + 1
                mask, left = masks[entry], reachable[row]
                for word in range(words):
                    left[word] &= mask[word]
        for row in range(size):
            out[first + row] = table.baseline
        for tree in range(table.trees):
            word = tree // lanes
            shift = np.uint64(tree % lanes) * width
            slot = tree * table.lane
            for row in range(size):
                leaf = lowest_bit(reachable[row, word] >> shift)
                out[first + row] += table.leaves[slot + np.int64(leaf)]

"""Audit of leaks: a classifier that sees only the format of ticks must not tell simulated faults from clean ticks.

Each corrupted tick is paired with a clean one of the same series, kind and conditions, shortly before its episode: what the tick
is and where it stands is the same for both, and only how it was made differs. Measured by the area under the ROC curve of
predictions for streams that the classifier has not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from models.evaluation.episodes import Places
from models.training.format_features import FORMAT_FEATURES, PRICES, SIZES, VALUES, Floats, Integers, Rows, describe, grids
from tickproof.findings.label import Label
from tickproof.ticks.schema import Array, Kind, Present, Ticks

FOLDS = 5
MOST_OF_EPISODE = 40
"""Most ticks used of one episode: each further one adds less."""
NEIGHBOURS = 10
"""How many ticks before and after are used where an episode has only removed ticks."""
TOGETHER = {"spread": ("bid_px", "ask_px"), "latency": ("ts_event", "ts_recv")}
"""Group of features -> two columns whose last digits together reveal their distance: a spread or a delay, which is not format."""
Z = 1.959964
"""The normal quantile of a two-sided interval of 95 %."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Corrupted ticks of one kind and as many clean ones.

    Attributes
    ----------
    features : float64 array, shape (n, len(FORMAT_FEATURES))
    positive : bool array, shape (n,)
    groups : int64 array, shape (n,)
        Rows of one group are not independent: a symbol of a stream, or a channel's episode.
    streams : int64 array, shape (n,)
        Rows of one stream are on one side of a split: symbols have their levels, and venues share them.
    """

    features: Floats
    positive: npt.NDArray[np.bool_]
    groups: Integers
    streams: Integers


@dataclass(frozen=True, slots=True)
class Leak:
    """The result for one kind: corrupted ticks, their groups, the AUC and the lower end of its 95 % interval.

    None: too few ticks to say.
    """

    positives: int
    groups: int
    auc: float | None
    auc_low: float | None


def samples(
    ticks: Ticks, labels: Sequence[Label], episodes: Sequence[str], about: Mapping[str, frozenset[str]]
) -> dict[str, Sample]:
    """Return corrupted and clean ticks of a stream, by kind.

    Parameters
    ----------
    ticks : Ticks
        The whole stream, whose field `row` holds the number of the episode that changed a tick, from 1 on; 0: none.
    labels : sequence of Label
        All of it, genuine events included.
    episodes : sequence of str
        Ids of labels, by number less one.
    about : mapping of str to set of str
        Kind -> groups of features that it is about. "presence": values that one tick of a pair lacks, or that are not positive,
        are withheld from both. Of each pair in TOGETHER only one is used.
    """
    stream = _Stream.of(ticks, labels)
    by_id = {label.fault_id: label for label in labels}
    order = np.argsort(ticks.rows["row"], kind="stable")
    starts = np.searchsorted(ticks.rows["row"][order], np.arange(1, len(episodes) + 2))
    pairs: dict[str, list[tuple[Integers, Integers, int]]] = {}
    for number, fault_id in enumerate(episodes):
        label = by_id.get(fault_id)
        if label is None or label.is_genuine:
            continue
        marked = order[starts[number] : starts[number + 1]]
        corrupted = stream.chosen(marked if len(marked) else stream.around(label), number)
        corrupted, clean = stream.matched(corrupted)
        if len(corrupted):
            pairs.setdefault(label.kind, []).append((corrupted, clean, _group(label, number, ticks.names)))
    return {kind: stream.sample(found, about.get(kind, frozenset())) for kind, found in pairs.items()}


def _group(label: Label, number: int, names: tuple[str, ...]) -> int:
    """Return the group of an episode: its symbol's, or else its own."""
    return names.index(label.symbol) if label.symbol else len(names) + number


def joined(parts: Sequence[Sample]) -> Sample:
    """Return the rows of all parts, with their groups unchanged."""
    columns = ([getattr(part, name) for part in parts] for name in ("features", "positive", "groups", "streams"))
    return Sample(*(np.concatenate(column) for column in columns))


def apart(parts: Sequence[Sample]) -> Sample:
    """Return the rows of samples of one stream each, with groups made distinct."""
    step = 1 + max(int(part.groups.max(initial=0)) for part in parts)
    return joined(
        [
            Sample(part.features, part.positive, part.groups + place * step, np.full(len(part.groups), place))
            for place, part in enumerate(parts)
        ]
    )


def audit(sample: Sample, withheld: frozenset[str], seed: int = 0) -> Leak:
    """Train on the format of some streams and predict which ticks of the others are corrupted.

    Parameters
    ----------
    withheld : frozenset of str
        Groups of features that the kind is about by its nature.
    """
    positives, groups = int(sample.positive.sum()), len(np.unique(sample.groups))
    folds = min(FOLDS, len(np.unique(sample.streams)))
    if folds < 2 or groups < FOLDS or positives < 2 * FOLDS:
        return Leak(positives, groups, None, None)
    seen = [place for place, feature in enumerate(FORMAT_FEATURES) if feature.group not in withheld]
    features = sample.features[:, seen]
    scores = np.zeros(len(features))
    with threadpool_limits(1):
        for train, test in GroupKFold(folds).split(features, groups=sample.streams):
            classifier = HistGradientBoostingClassifier(
                max_iter=80, max_leaf_nodes=15, learning_rate=0.1, min_samples_leaf=10, early_stopping=False, random_state=seed
            )
            # A column without a value has no thresholds.
            filled = ~np.isnan(features[train]).all(axis=0)
            classifier.fit(features[train][:, filled], sample.positive[train])
            scores[test] = classifier.decision_function(features[test][:, filled])
    auc, error = clustered_auc(scores, sample.positive, sample.groups)
    return Leak(positives, groups, auc, auc - Z * error)


def clustered_auc(scores: Floats, positive: npt.NDArray[np.bool_], groups: Integers) -> tuple[float, float]:
    """Return the area under the ROC curve and its standard error for clustered rows.

    N. A. Obuchowski: "Nonparametric analysis of clustered ROC curve data", Biometrics 53 (1997) 567-578. With a group a row this
    is DeLong, DeLong and Clarke-Pearson (1988). Undefined with fewer than two groups that have positives, or negatives.
    """
    ones, noughts = scores[positive], scores[~positive]
    all_ranks = rankdata(np.concatenate([ones, noughts]))
    # Structural components: for each positive the share of negatives below it, and the other way round.
    above = (all_ranks[: len(ones)] - rankdata(ones)) / len(noughts)
    below = 1.0 - (all_ranks[len(ones) :] - rankdata(noughts)) / len(ones)
    auc = float(above.mean())
    _, place = np.unique(groups, return_inverse=True)
    count = int(place.max()) + 1
    excess = {
        True: np.bincount(place[positive], above - auc, count),
        False: np.bincount(place[~positive], below - auc, count),
    }
    having = {side: len(np.unique(place[positive == side])) for side in (True, False)}
    size = {True: len(ones), False: len(noughts)}
    variance = 2.0 * count / (count - 1) * float((excess[True] * excess[False]).sum()) / (size[True] * size[False])
    for side in (True, False):
        variance += having[side] / (having[side] - 1) * float((excess[side] ** 2).sum()) / size[side] ** 2
    return auc, float(np.sqrt(max(variance, 0.0)))


@dataclass(frozen=True, slots=True)
class _Stream:
    """One stream, indexed to find clean counterparts of its ticks and to describe both."""

    ticks: Ticks
    places: Places
    key: Integers
    """By row: series (or channel), kind, conditions and what is present, as one number."""
    clean: Integers
    """Clean rows, by key and then in order, as key × n + row."""
    known: tuple[Integers, Integers]
    """Tick and lot by symbol code."""
    steps: tuple[Integers, Integers, npt.NDArray[np.bool_]]

    @classmethod
    def of(cls, ticks: Ticks, labels: Sequence[Label]) -> _Stream:
        rows, places = ticks.rows, Places.of(ticks)
        clean = np.flatnonzero(~places.covered(labels) & (rows["row"] == 0))
        listed = np.zeros(len(ticks.names) + 1, bool)
        listed[rows["symbol"][clean]] = True
        # A symbol without a clean tick is paired with others of its channel.
        place = np.where(listed[rows["symbol"]], rows["symbol"], -2).astype(np.int64) + 2
        _, conditions = np.unique(rows["conditions"], return_inverse=True)
        key = ((place * len(ticks.names) + rows["channel"]) * len(Kind) + rows["kind"]) * (conditions.max() + 1) + conditions
        # Each clean tick is also one of its channel, whatever its symbol.
        anywhere = (rows["channel"].astype(np.int64) * len(Kind) + rows["kind"]) * (conditions.max() + 1) + conditions
        count = len(rows)
        by_key = np.sort(np.concatenate([key[clean], anywhere[clean]]) * count + np.tile(clean, 2))
        known = grids(np.concatenate([rows[clean], rows[~listed[rows["symbol"]]]]), len(ticks.names))
        return cls(ticks, places, key, by_key, known, _steps(rows))

    def around(self, label: Label) -> Integers:
        """Return ticks of a label's scope in its window, and a few on both sides, that no episode has changed."""
        found: list[Integers] = []
        for timeline, start, end in self.places.ranges(label, label.onset - 10**9, label.end + 10**9):
            times = timeline.times[start:end]
            first, last = int(np.searchsorted(times, label.onset)), int(np.searchsorted(times, label.end, side="right"))
            found.append(timeline.order[start + max(first - NEIGHBOURS, 0) : min(start + last + NEIGHBOURS, end)])
        rows = np.concatenate([np.zeros(0, np.int64), *found])
        untouched: Integers = rows[self.ticks.rows["row"][rows] == 0]
        return untouched

    def chosen(self, rows: Integers, number: int) -> Integers:
        """Return at most MOST_OF_EPISODE of an episode's ticks, in order."""
        if len(rows) <= MOST_OF_EPISODE:
            return np.sort(rows)
        return np.sort(np.random.default_rng(number).choice(rows, MOST_OF_EPISODE, replace=False))

    def matched(self, rows: Integers) -> tuple[Integers, Integers]:
        """Pair an episode's ticks with the nearest clean counterparts before and after it, each used once."""
        count = len(self.ticks)
        found, counterparts = [], []
        for key in np.unique(self.key[rows]).tolist():
            mine = rows[self.key[rows] == key]
            first, end = np.searchsorted(self.clean, [key * count, (key + 1) * count])
            middle = int(np.searchsorted(self.clean, key * count + int(rows[0])))
            # Alternating between both sides, so that slow changes over time give nothing away.
            sides = np.arange(middle - 1, first - 1, -1), np.arange(middle, end)
            turn = np.concatenate([2 * np.arange(len(sides[0])), 2 * np.arange(len(sides[1])) + 1])
            near = np.concatenate(sides)[np.argsort(turn, kind="stable")][: len(mine)]
            found.append(mine[: len(near)])
            counterparts.append(self.clean[near] - key * count)
        return np.concatenate(found or [rows]), np.concatenate(counterparts or [rows])

    def sample(self, pairs: Sequence[tuple[Integers, Integers, int]], about: frozenset[str]) -> Sample:
        """Return the features of pairs of ticks, corrupted ones first."""
        corrupted, clean = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
        groups = np.repeat([group for _, _, group in pairs], [len(rows) for rows, _, _ in pairs])
        features = [self._describe(rows) for rows in (corrupted, clean)]
        for aspect, sides in TOGETHER.items():
            for side, name in enumerate(sides if aspect in about else ()):
                for part in features:
                    part[np.ix_(np.arange(side, len(part), 2), np.array(VALUES[name]))] = np.nan
        if "presence" in about:
            for name in (*PRICES, *SIZES):
                lacking = np.flatnonzero(self._lacks(corrupted, name))
                for part in features:
                    part[np.ix_(lacking, np.array(VALUES[name]))] = np.nan
        positive = np.repeat([True, False], [len(corrupted), len(clean)])
        return Sample(np.concatenate(features), positive, np.tile(groups, 2), np.zeros(len(positive), np.int64))

    def _lacks(self, rows: Integers, name: str) -> npt.NDArray[np.bool_]:
        ticks = self.ticks.rows[rows]
        lacks: npt.NDArray[np.bool_] = ((ticks["present"] & Present[name.upper()]) == 0) | (ticks[name] <= 0)
        return lacks

    def _describe(self, rows: Integers) -> Floats:
        ticks = self.ticks.rows[rows]
        symbols = ticks["symbol"]
        tick, lot = (np.where(symbols >= 0, column[symbols], 0) for column in self.known)
        ahead, behind, tied = self.steps[0][rows], self.steps[1][rows], self.steps[2][rows]
        return describe(Rows(ticks, tick, lot, ahead, behind, tied))


def _steps(rows: Array) -> tuple[Integers, Integers, npt.NDArray[np.bool_]]:
    """Return by row the sequence steps from the channel's row before and to the row after, and ties of capture time."""
    order = np.argsort(rows["channel"], kind="stable")
    sequence, times = rows["sequence"][order].astype(np.int64), rows["ts_recv"][order]
    same = np.diff(rows["channel"][order], prepend=-1) == 0
    step = np.where(same, np.diff(sequence, prepend=0), 1)
    ahead, behind = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    tied = np.zeros(len(rows), bool)
    ahead[order] = step
    behind[order] = np.append(step[1:], 1)
    tied[order] = same & (np.diff(times, prepend=-1) == 0)
    return ahead, behind, tied

"""Evaluation of verdicts and findings against labels as DESIGN §6 defines it: recall, false alarms, genuine twins.

Each stream is observed by itself (`observed_stream`), and any number of them are pooled: episodes, false alarms and
denominators are added up, thresholds hold for all, and intervals go by days of streams.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from models.evaluation import intervals
from models.evaluation.observed_stream import Observed, observe
from models.evaluation.results import BUDGETS, Evaluation, FalseAlarms, Genuine, Recall, per_million
from models.evaluation.scored_run import Run, Search
from tickproof.findings.label import Label
from tickproof.ticks.schema import NS_PER_SECOND

Floats = npt.NDArray[np.float32]
Clusters = dict[Hashable, tuple[int, int]]


def evaluate(run: Run, labels: Sequence[Label], clean: Run | None = None) -> Evaluation:
    """Measure a run against its labels.

    Parameters
    ----------
    run : Run
    labels : sequence of Label
        Faults, and genuine events, of the stream that was scored.
    clean : Run, optional
        The same stream without faults, scored: what chance finds in the same windows. Without it windows are shifted in time.
    """
    return conclude([observe(run, labels, clean)])


def conclude(streams: Sequence[Observed]) -> Evaluation:
    """Pool what some streams show; a day of a stream is a cluster of the intervals.

    Parameters
    ----------
    streams : sequence of Observed
        At least one; each with a clean run, or none.
    """
    false = {(place, day): count for place, stream in enumerate(streams) for day, count in stream.false.items()}
    ticks = sum(count for _, count in false.values())
    scores = np.concatenate([stream.false_scores for stream in streams])
    thresholds = {str(budget): _threshold(scores, budget * ticks // 1_000_000) for budget in BUDGETS}
    searches: dict[str, list[tuple[Hashable, Search]]] = {}
    windows: dict[str, list[Search]] = {}
    for place, stream in enumerate(streams):
        for kind, day, found in stream.searches:
            searches.setdefault(kind, []).append(((place, day), found))
        for kind, found in stream.chance:
            windows.setdefault(kind, []).append(found)
    clusters = [_clusters([(place, one.found) for place, one in searches[kind]]) for kind in sorted(searches)]
    return Evaluation(
        kinds=[_recall(kind, searches[kind], windows.get(kind, []), thresholds) for kind in sorted(searches)],
        false_alarms=_false_alarms(streams, list(false.values())),
        genuine=_twins(streams),
        thresholds=thresholds,
        chance_by="clean run" if all(stream.has_clean for stream in streams) else "shifted windows",
        calibration=_calibration(np.concatenate([stream.clean_scores for stream in streams])),
        streams=len(streams),
        days=len(false),
        macro_interval=intervals.of_mean(clusters),
    )


def _false_alarms(streams: Sequence[Observed], clusters: list[tuple[int, int]]) -> FalseAlarms:
    _, ticks = _sum(clusters)
    low, high = (bound * 1e6 for bound in intervals.of_rate(clusters)) if ticks else (0.0, 0.0)
    return FalseAlarms(
        ticks_by_rules=sum(stream.by_rule for stream in streams),
        ticks_by_model=sum(stream.by_model for stream in streams),
        findings=sum(stream.findings for stream in streams),
        denominator=ticks,
        calm=per_million(*_sum(stream.calm for stream in streams)),
        volatile=per_million(*_sum(stream.volatile for stream in streams)),
        low=low,
        high=high,
    )


def _threshold(scores: Floats, allowed: int) -> float | None:
    """Return the lowest score that at most `allowed` false alarms exceed; None if all that score above 0 are allowed."""
    positive = scores[scores > 0]
    if len(positive) <= allowed:
        return None
    place = len(positive) - 1 - allowed
    return float(np.partition(positive, place)[place])


def _recall(
    kind: str, searches: list[tuple[Hashable, Search]], windows: list[Search], thresholds: dict[str, float | None]
) -> Recall:
    found = [one for _, one in searches]
    total = len(found)
    delays = [one.delay_ns for one in found if one.delay_ns is not None]
    low, high = intervals.of_share(list(_clusters([(place, one.found) for place, one in searches]).values()))
    return Recall(
        kind,
        sum(one.found for one in found),
        total,
        low,
        high,
        chance=_mean([one.found for one in windows]),
        at={name: sum(one.exceeds(bound) for one in found) / total for name, bound in thresholds.items()},
        chance_at={name: _mean([one.exceeds(bound) for one in windows]) for name, bound in thresholds.items()},
        rules=sum(one.rules for one in found) / total,
        model=sum(one.model for one in found) / total,
        delay_s=float(np.median(delays)) / NS_PER_SECOND if delays else None,
    )


def _twins(streams: Sequence[Observed]) -> list[Genuine]:
    called: dict[str, list[tuple[Hashable, bool]]] = {}
    for place, stream in enumerate(streams):
        for kind, day, is_called in stream.genuine:
            called.setdefault(kind, []).append(((place, day), is_called))
    out = []
    for kind, rows in sorted(called.items()):
        bounds = intervals.of_share(list(_clusters(rows).values()))
        out.append(Genuine(kind, sum(is_called for _, is_called in rows), len(rows), *bounds))
    return out


def _clusters(rows: Iterable[tuple[Hashable, bool]]) -> Clusters:
    """Return for each cluster how many are true, and how many there are."""
    out: Clusters = {}
    for cluster, is_true in rows:
        found, total = out.get(cluster, (0, 0))
        out[cluster] = found + is_true, total + 1
    return out


def _sum(counts: Iterable[tuple[int, int]]) -> tuple[int, int]:
    pairs = list(counts)
    return sum(one for one, _ in pairs), sum(other for _, other in pairs)


def _mean(values: list[bool]) -> float | None:
    return sum(values) / len(values) if values else None


def _calibration(scores: Floats) -> dict[str, float]:
    return {str(s): float((scores >= s).mean()) * 10.0**s if len(scores) else 0.0 for s in range(1, 6)}


__all__ = ["Observed", "Run", "conclude", "evaluate", "observe"]

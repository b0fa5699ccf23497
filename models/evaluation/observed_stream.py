"""Observations of one scored stream against its labels, before streams are pooled.

Choices where DESIGN §6 leaves room: a finding touches an episode as `Alerts.touching` says; a channel's finding does not touch
the episode of one symbol; a genuine episode's window is [onset, effect_end + 1 s], and its ticks within a fault's window do not
count; findings that are right about a genuine episode (`alerts.RIGHT`) are not false alarms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.evaluation.alerts import Alerts
from models.evaluation.episodes import GRACE_NS, Integers, Mask
from models.evaluation.scored_run import Run, Search, chance, search
from tickproof.findings.label import Label
from tickproof.ticks.schema import NS_PER_SECOND

DAY_NS = 86_400 * NS_PER_SECOND
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Observed:
    """What one stream shows, to be pooled with others.

    Attributes
    ----------
    searches : list of (kind, day, Search)
        One entry for each fault; days are those of onsets.
    chance : list of (kind, Search)
        Windows without a fault.
    genuine : list of (kind, day, bool)
        One entry for each genuine episode: whether it was called corrupt or anomalous.
    false : dict of day to (int, int)
        False alarms, and ticks of kinds 0 to 3.
    by_rule, by_model, findings : int
        The same false alarms: ticks by rules, ticks by the model, findings.
    calm, volatile : (int, int)
        False ticks and ticks of kinds 0 to 3, outside and inside of genuine episodes.
    false_scores : float32 array
        Scores of everything that would be a false alarm at a low enough threshold.
    clean_scores : float32 array
        Scores of ticks outside faults that no rule called corrupt.
    has_clean : bool
        Whether chance was measured on a clean run.
    """

    searches: list[tuple[str, int, Search]]
    chance: list[tuple[str, Search]]
    genuine: list[tuple[str, int, bool]]
    false: dict[int, tuple[int, int]]
    by_rule: int
    by_model: int
    findings: int
    calm: tuple[int, int]
    volatile: tuple[int, int]
    false_scores: Floats
    clean_scores: Floats
    has_clean: bool


def observe(run: Run, labels: Sequence[Label], clean: Run | None = None) -> Observed:
    """Measure one run against its labels.

    Parameters
    ----------
    run : Run
    labels : sequence of Label
        Faults, and genuine events, of the stream that was scored.
    clean : Run, optional
        The same stream without faults, scored: what chance finds in the same windows. Without it windows are shifted in time.
    """
    faults = [label for label in labels if not label.is_genuine]
    genuine = [label for label in labels if label.is_genuine]
    covered, volatile = run.places.covered(faults), run.places.covered(genuine)
    groundless = run.alerts.loud & ~_any(run, faults, Alerts.touching)
    false = groundless & ~_any(run, genuine, lambda alerts, label: alerts.touching(label) & alerts.right(label))
    outside = run.counted & ~covered
    wrong = run.wrong & outside
    by_rule = int((wrong & run.by_rule).sum())
    alarms = Counter(_days(run.times[wrong])) + Counter(_days(run.alerts.detected_at[false]))
    ticks = Counter(_days(run.times[run.counted]))
    return Observed(
        searches=[(label.kind, label.onset // DAY_NS, search(run, label)) for label in faults],
        chance=chance(run, faults, clean),
        genuine=_genuine(run, genuine, covered, groundless),
        false={day: (alarms[day], ticks[day]) for day in sorted(alarms | ticks)},
        by_rule=by_rule,
        by_model=int(wrong.sum()) - by_rule,
        findings=int(false.sum()),
        calm=(int((wrong & ~volatile).sum()), int((run.counted & ~volatile).sum())),
        volatile=(int((wrong & volatile).sum()), int((run.counted & volatile).sum())),
        false_scores=np.concatenate([run.score[outside], run.alerts.score[false]]),
        clean_scores=run.score[outside & ~run.by_rule],
        has_clean=clean is not None,
    )


def _any(run: Run, labels: Sequence[Label], choose: Callable[[Alerts, Label], Mask]) -> Mask:
    """Return which alerts are chosen for any of the labels."""
    out = np.zeros(len(run.alerts.score), bool)
    for label in labels:
        out |= choose(run.alerts, label)
    return out


def _genuine(run: Run, genuine: Sequence[Label], covered: Mask, groundless: Mask) -> list[tuple[str, int, bool]]:
    wrong = run.wrong & ~covered
    out = []
    for label in genuine:
        last = label.effect_end + GRACE_NS
        ticks = run.places.indices(label, label.onset, last)
        alerts = groundless & run.alerts.of_scope(label) & run.alerts.detected_in(label.onset, last) & ~run.alerts.right(label)
        out.append((label.kind, label.onset // DAY_NS, bool(wrong[ticks].any() or alerts.any())))
    return out


def _days(times: Integers) -> dict[int, int]:
    """Count the times in each day of UTC."""
    days, counts = np.unique(times // DAY_NS, return_counts=True)
    return dict(zip(days.tolist(), counts.tolist(), strict=True))

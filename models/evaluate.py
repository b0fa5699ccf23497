"""How good verdicts and findings are, measured against labels as DESIGN §6 says: episodes found, false alarms, genuine twins.

Choices where the definition leaves room: a finding touches an episode as `Alerts.touching` says; a channel's finding does not
touch the episode of one symbol; a genuine episode's window is [onset, effect_end + 1 s], and its ticks within a fault's window do
not speak about it; findings that are right about a genuine episode (`alerts.RIGHT`) are no false alarms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.alerts import Alerts
from models.episodes import GRACE_NS, Mask, Places
from models.measures import BUDGETS, Evaluation, FalseAlarms, Genuine, Recall, per_million, wilson
from tickproof.errors import TickError
from tickproof.finding import RULE_SCORE, VERDICTS, Finding, Quality
from tickproof.label import Label
from tickproof.tick import NS_PER_SECOND, SCHEMA, Kind, from_arrow

SHIFTS = 7
"""Without a clean run, windows are shifted by so many eighths of the stream's length."""
NOTHING = -np.inf


@dataclass(frozen=True, slots=True)
class Run:
    """A scored stream and its findings, ready to be asked about.

    Attributes
    ----------
    times : int64 array, shape (n,)
        `ts_recv`.
    counted : bool array
        Ticks of kinds 0 to 3.
    wrong, by_rule : bool arrays
        `final_quality` 2; and with the score that a rule sets. Bits of `final_reasons` do not tell, for a verdict that the model
        gave alone is named by a code as well.
    score : float32 array
        `final_score`.
    """

    places: Places
    alerts: Alerts
    times: npt.NDArray[np.int64]
    counted: Mask
    wrong: Mask
    by_rule: Mask
    score: npt.NDArray[np.float32]

    @classmethod
    def of(cls, scored: pa.Table, findings: Iterable[Finding]) -> Run:
        """A run from scored ticks, canonical and verdict columns, and findings: all revisions, or only the last.

        Raises
        ------
        TickError
            A column is missing, of another type, or holds a null that it may not hold.
        """
        missing = [name for name in (*SCHEMA.names, *VERDICTS) if name not in scored.column_names]
        if missing:
            raise TickError(f"scored ticks: found no column {', '.join(missing)}; expected the output of `scan` or of the job")
        ticks = from_arrow(scored.select(SCHEMA.names))
        final = {}
        for name in ("final_quality", "final_score"):
            column = scored.column(name)
            if column.null_count or column.type != pa.from_numpy_dtype(VERDICTS[name]):
                found = f"{column.type} with {column.null_count} nulls"
                raise TickError(f"scored ticks, column {name}: found {found}, expected {VERDICTS[name]} without nulls")
            final[name] = column.to_numpy()
        wrong = final["final_quality"] == Quality.CORRUPT
        by_rule = wrong & (final["final_score"] >= RULE_SCORE)
        counted = ticks.rows["kind"] <= Kind.TRADE_CORRECTION
        times = ticks.rows["ts_recv"].astype(np.int64)
        return cls(Places.of(ticks), Alerts.of(findings), times, counted, wrong, by_rule, final["final_score"])


@dataclass(frozen=True, slots=True)
class Search:
    """What one episode's window holds: who found it, how long after the onset (ns; None if never), and the highest score."""

    rules: bool
    model: bool
    delay_ns: int | None
    best: float

    @property
    def found(self) -> bool:
        """As deployed."""
        return self.rules or self.model


def search(run: Run, label: Label) -> Search:
    """Look for an episode in [onset, end + 1 s], as deployed and by score."""
    last = label.end + GRACE_NS
    alerts = run.alerts.of_scope(label) & run.alerts.detected_in(label.onset, last)
    times = run.alerts.detected_at[alerts].tolist()
    best = float(run.alerts.score[alerts].max(initial=NOTHING))
    rules, model = bool(times), False
    if label.scope == "symbol":
        ticks = run.places.indices(label, label.onset, last)
        wrong = ticks[run.wrong[ticks]]
        times += run.times[wrong].tolist()
        best = max(best, float(run.score[ticks].max(initial=NOTHING)))
        rules, model = rules or bool(run.by_rule[wrong].any()), bool((~run.by_rule[wrong]).any())
    return Search(rules, model, min(times) - label.onset if times else None, best)


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
    faults = [label for label in labels if not label.is_genuine]
    genuine = [label for label in labels if label.is_genuine]
    covered = run.places.covered(faults)
    groundless = run.alerts.loud & ~_any(run, faults, Alerts.touching)
    false = groundless & ~_any(run, genuine, lambda alerts, label: alerts.touching(label) & alerts.right(label))
    outside = run.counted & ~covered
    scores = np.concatenate([run.score[outside], run.alerts.score[false]])
    thresholds = {str(budget): _threshold(scores, int(budget * int(run.counted.sum()) // 1_000_000)) for budget in BUDGETS}

    searches: dict[str, list[Search]] = {}
    for label in faults:
        searches.setdefault(label.kind, []).append(search(run, label))
    chance = _chance(run, faults, clean)
    kinds = [_recall(kind, searches[kind], chance[kind], thresholds) for kind in sorted(searches)]
    return Evaluation(
        kinds=kinds,
        false_alarms=_false_alarms(run, outside, int(false.sum()), run.places.covered(genuine)),
        genuine=_genuine(run, genuine, covered, groundless),
        thresholds=thresholds,
        chance_by="shifted windows" if clean is None else "clean run",
        calibration=_calibration(run.score[outside & ~run.by_rule]),
    )


def _any(run: Run, labels: Sequence[Label], choose: Callable[[Alerts, Label], Mask]) -> Mask:
    """Which alerts are chosen for any of the labels."""
    out = np.zeros(len(run.alerts.score), bool)
    for label in labels:
        out |= choose(run.alerts, label)
    return out


def _threshold(scores: npt.NDArray[np.float32], allowed: int) -> float | None:
    """The lowest score that at most `allowed` false alarms exceed; None when all that score above 0 fit in."""
    positive = scores[scores > 0]
    if len(positive) <= allowed:
        return None
    place = len(positive) - 1 - allowed
    return float(np.partition(positive, place)[place])


def _recall(kind: str, found: list[Search], chance: list[bool], thresholds: dict[str, float | None]) -> Recall:
    total, count = len(found), sum(one.found for one in found)
    delays = [one.delay_ns for one in found if one.delay_ns is not None]
    return Recall(
        kind,
        count,
        total,
        *wilson(count, total),
        chance=sum(chance) / len(chance) if chance else None,
        at={name: sum(one.best > (bound or 0.0) for one in found) / total for name, bound in thresholds.items()},
        rules=sum(one.rules for one in found) / total,
        model=sum(one.model for one in found) / total,
        delay_s=float(np.median(delays)) / NS_PER_SECOND if delays else None,
    )


def _chance(run: Run, faults: Sequence[Label], clean: Run | None) -> dict[str, list[bool]]:
    """By kind, whether each window without a fault counts as found."""
    out: dict[str, list[bool]] = {label.kind: [] for label in faults}
    if clean is not None:
        for label in faults:
            out[label.kind].append(search(clean, label).found)
        return out
    if not len(run.times):
        return out
    first, last = int(run.times.min()), int(run.times.max())
    for label in faults:
        near = [other for other in faults if _meet(label, other)]
        for shift in range(1, SHIFTS + 1):
            moved = _shifted(label, first, last, shift)
            # A window that reaches beyond the stream, or into a fault of the same place, says nothing about chance.
            if moved.end + GRACE_NS <= last and not any(
                moved.onset <= other.effect_end + GRACE_NS and other.onset <= moved.end + GRACE_NS for other in near
            ):
                out[label.kind].append(search(run, moved).found)
    return out


def _shifted(label: Label, first: int, last: int, shift: int) -> Label:
    """The label moved by some eighths of the stream, from its end on to its beginning."""
    span = max(last - first, 1)
    onset = first + (label.onset - first + span * shift // (SHIFTS + 1)) % span
    return replace(label, onset=onset, end=label.end - label.onset + onset, effect_end=label.effect_end - label.onset + onset)


def _meet(one: Label, other: Label) -> bool:
    """Whether the scopes of two labels have ticks in common, as far as their names tell."""
    pairs = [(one.venue, other.venue), (one.channel, other.channel)]
    if one.scope == other.scope == "symbol":
        pairs = [(one.venue, other.venue), (one.symbol, other.symbol)]
    return all(a == b or "" in (a, b) for a, b in pairs)


def _false_alarms(run: Run, outside: Mask, findings: int, volatile: Mask) -> FalseAlarms:
    wrong = run.wrong & outside
    rates = [per_million(int((wrong & regime).sum()), int((run.counted & regime).sum())) for regime in (~volatile, volatile)]
    by_rule = int((wrong & run.by_rule).sum())
    return FalseAlarms(by_rule, int(wrong.sum()) - by_rule, findings, int(run.counted.sum()), *rates)


def _genuine(run: Run, genuine: Sequence[Label], covered: Mask, groundless: Mask) -> list[Genuine]:
    wrong = run.wrong & ~covered
    called: dict[str, list[bool]] = {}
    for label in genuine:
        last = label.effect_end + GRACE_NS
        ticks = run.places.indices(label, label.onset, last)
        alerts = groundless & run.alerts.of_scope(label) & run.alerts.detected_in(label.onset, last) & ~run.alerts.right(label)
        called.setdefault(label.kind, []).append(bool(wrong[ticks].any() or alerts.any()))
    return [Genuine(kind, sum(rows), len(rows), *wilson(sum(rows), len(rows))) for kind, rows in sorted(called.items())]


def _calibration(scores: npt.NDArray[np.float32]) -> dict[str, float]:
    return {str(s): float((scores >= s).mean()) * 10.0**s if len(scores) else 0.0 for s in range(1, 6)}

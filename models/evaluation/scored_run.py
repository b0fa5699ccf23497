"""A scored stream with its findings, and the search for one episode in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.evaluation.alerts import Alerts
from models.evaluation.episodes import GRACE_NS, Mask, Places
from tickproof.errors import TickError
from tickproof.findings.finding import RULE_SCORE, VERDICTS, Finding, Quality
from tickproof.findings.label import Label
from tickproof.ticks.arrow import from_arrow
from tickproof.ticks.schema import SCHEMA, Kind, Ticks

SHIFTS = 7
"""Eighths of the stream's length by which windows are shifted where there is no clean run."""
NOTHING = -np.inf


@dataclass(frozen=True, slots=True)
class Run:
    """A scored stream and its findings.

    Attributes
    ----------
    times : int64 array, shape (n,)
        `ts_recv`.
    counted : bool array
        Ticks of kinds 0 to 3.
    wrong, by_rule : bool arrays
        `final_quality` 2; and with the score that a rule sets. Bits of `final_reasons` do not show this: a verdict that the
        model gave alone is named by a code as well.
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
        """Build a run from scored ticks (canonical and verdict columns) and findings, with all revisions or only the last.

        Raises
        ------
        TickError
            A column is missing, of another type, or holds a null that it may not hold.
        """
        ticks = ticks_of(scored)
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

    def flagged_by(self, ratio: npt.NDArray[np.float32]) -> Run:
        """Return the stream as a baseline judges it: ticks only, wrong where its ratio is above 1, the ratio as score."""
        wrong = ratio > 1.0
        return replace(self, alerts=Alerts.of([]), wrong=wrong, by_rule=wrong, score=ratio)


def ticks_of(scored: pa.Table) -> Ticks:
    """Return the ticks of a scored table.

    Raises
    ------
    TickError
        A column of ticks or verdicts is missing.
    """
    missing = [name for name in (*SCHEMA.names, *VERDICTS) if name not in scored.column_names]
    if missing:
        raise TickError(f"scored ticks: found no column {', '.join(missing)}; expected the output of `scan` or of the job")
    return from_arrow(scored.select(SCHEMA.names))


@dataclass(frozen=True, slots=True)
class Search:
    """The result for one window: who found it, how long after the onset (ns; None: never), and the highest score."""

    rules: bool
    model: bool
    delay_ns: int | None
    best: float

    @property
    def found(self) -> bool:
        """Return whether it was found as deployed."""
        return self.rules or self.model

    def exceeds(self, threshold: float | None) -> bool:
        """Return whether it is found at a threshold on scores; None: every score above 0 counts."""
        return self.best > (threshold or 0.0)


def search(run: Run, label: Label) -> Search:
    """Search for an episode in [onset, end + 1 s], as deployed and by score."""
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


def chance(run: Run, faults: Sequence[Label], clean: Run | None) -> list[tuple[str, Search]]:
    """Search windows without a fault, each with the kind of the fault that it stands for.

    They are the faults' own windows on a clean run of the same stream; without one, shifted in time.
    """
    if clean is not None:
        return [(label.kind, search(clean, label)) for label in faults]
    if not len(run.times):
        return []
    out = []
    first, last = int(run.times.min()), int(run.times.max())
    for label in faults:
        near = [other for other in faults if _meet(label, other)]
        for shift in range(1, SHIFTS + 1):
            moved = _shifted(label, first, last, shift)
            # A window that reaches beyond the stream, or into a fault of the same place, says nothing about chance.
            if moved.end + GRACE_NS <= last and not any(
                moved.onset <= other.effect_end + GRACE_NS and other.onset <= moved.end + GRACE_NS for other in near
            ):
                out.append((label.kind, search(run, moved)))
    return out


def _shifted(label: Label, first: int, last: int, shift: int) -> Label:
    """Return the label shifted by some eighths of the stream, wrapping from its end to its beginning."""
    span = max(last - first, 1)
    onset = first + (label.onset - first + span * shift // (SHIFTS + 1)) % span
    return replace(label, onset=onset, end=label.end - label.onset + onset, effect_end=label.effect_end - label.onset + onset)


def _meet(one: Label, other: Label) -> bool:
    """Return whether the scopes of two labels have ticks in common, as far as their names show."""
    pairs = [(one.venue, other.venue), (one.channel, other.channel)]
    if one.scope == other.scope == "symbol":
        pairs = [(one.venue, other.venue), (one.symbol, other.symbol)]
    return all(a == b or "" in (a, b) for a, b in pairs)

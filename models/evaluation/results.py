"""The results of an evaluation as records for programs and tables."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import asdict, dataclass
from typing import Any

BUDGETS = (10, 100, 1000)
"""False alarms per million ticks at which recall is compared."""


@dataclass(frozen=True, slots=True)
class Recall:
    """How many episodes of one kind of fault were found.

    Attributes
    ----------
    found, episodes : int
        As deployed: by `final_quality` and findings.
    low, high : float
        95 % interval of the share, over days and seeds where there are several.
    chance : float or None
        Share found in the same windows without the fault; None when no window was free.
    at : dict of str to float
        Share found at 10, 100 and 1 000 false alarms a million, by a threshold on scores.
    chance_at : dict of str to float or None
        Share found at the same thresholds in windows without the fault.
    rules, model : float
        Share that rules and findings find by themselves; share with a tick that only the model calls corrupt. What the model
        adds is the recall less `rules`.
    delay_s : float or None
        Median time from onset to the first tick or finding, of those found.
    """

    kind: str
    found: int
    episodes: int
    low: float
    high: float
    chance: float | None
    at: dict[str, float]
    chance_at: dict[str, float | None]
    rules: float
    model: float
    delay_s: float | None

    @property
    def share(self) -> float:
        """Return the recall as deployed."""
        return self.found / self.episodes


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """What was called wrong outside every fault.

    Attributes
    ----------
    ticks_by_rules, ticks_by_model : int
        Ticks of `final_quality` 2, with and without the score of 99 that a rule sets.
    findings : int
        Feed anomalies of severity warning or more that touch no fault.
    denominator : int
        Ticks of kinds 0 to 3.
    calm, volatile : float
        False ticks a million, outside and inside of genuine episodes.
    low, high : float
        95 % interval of `per_million`, over days and seeds where there are several.
    """

    ticks_by_rules: int
    ticks_by_model: int
    findings: int
    denominator: int
    calm: float
    volatile: float
    low: float
    high: float

    @property
    def count(self) -> int:
        """Return the number of false alarms."""
        return self.ticks_by_rules + self.ticks_by_model + self.findings

    @property
    def per_million(self) -> float:
        """Return the false alarms a million ticks."""
        return per_million(self.count, self.denominator)


@dataclass(frozen=True, slots=True)
class Genuine:
    """How many genuine episodes of one kind were called corrupt or anomalous."""

    kind: str
    called: int
    episodes: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scored runs against their labels.

    Attributes
    ----------
    thresholds : dict of str to float or None
        The score that must be exceeded at each budget; None where all scores above 0 fit in.
    chance_by : str
        "clean run" or "shifted windows".
    calibration : dict of str to float
        Score s -> share of the ticks outside faults whose `final_score` is at least s, times 10^s: at most 1 if scores keep
        their promise. Ticks that a rule called corrupt are left out.
    streams, days : int
        How many runs there are, and days of runs: the clusters of the intervals.
    macro_interval : (float, float)
        95 % interval of the macro averaged recall.
    """

    kinds: list[Recall]
    false_alarms: FalseAlarms
    genuine: list[Genuine]
    thresholds: dict[str, float | None]
    chance_by: str
    calibration: dict[str, float]
    streams: int
    days: int
    macro_interval: tuple[float, float]

    def macro(self, among: Container[str] | None = None) -> dict[str, float | None]:
        """Return means over kinds: `recall`, `chance`, `rules`, `model`, `at_10`, `at_100`, `at_1000`; None without kinds.

        Parameters
        ----------
        among : container of str, optional
            Only these kinds.
        """
        kinds = [row for row in self.kinds if among is None or row.kind in among]
        columns: dict[str, list[float]] = {
            "recall": [row.share for row in kinds],
            "chance": [row.chance for row in kinds if row.chance is not None],
            "rules": [row.rules for row in kinds],
            "model": [row.model for row in kinds],
            **{f"at_{budget}": [row.at[str(budget)] for row in kinds] for budget in BUDGETS},
        }
        return {name: sum(values) / len(values) if values else None for name, values in columns.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        out = asdict(self)
        for row, record in zip(out["kinds"], self.kinds, strict=True):
            row["recall"] = record.share
        out["false_alarms"] |= {"count": self.false_alarms.count, "per_million": self.false_alarms.per_million}
        return out | {"macro": self.macro()}


def per_million(count: int, total: int) -> float:
    """Return the false alarms a million ticks."""
    return count * 1e6 / total if total else 0.0

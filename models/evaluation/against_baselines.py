"""Published cleaners compared with tickproof on the same scored streams: against labels, or by what their flags fall on.

Baselines judge ticks and make no findings, so episodes of channels are out of their reach; they are compared on the kinds of
fault that are in single ticks (`TICK_KINDS`) as well as on all. A baseline's ratio serves as its score: its recall at a rate of
false alarms is that of the same filter with another multiple of its bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from models.baselines import BASELINES, in_wild_minutes, ratios
from models.evaluation.episodes import Mask, Places
from models.evaluation.evaluate import conclude
from models.evaluation.observed_stream import Observed, observe
from models.evaluation.results import Evaluation, per_million
from models.evaluation.scored_run import Run, ticks_of
from tickproof.findings.finding import CODES, Class, Finding, Quality, mask
from tickproof.findings.label import Label
from tickproof.ticks.schema import Kind

TICKPROOF = "tickproof"
TICK_KINDS = frozenset(code.name for code in CODES if code.quality == Quality.CORRUPT)
"""Kinds of fault that make the content of single ticks wrong."""
MEANINGS = {TICKPROOF: (False, "rules, model and findings; final verdicts, after the lookahead")} | {
    one.name: (one.causal, one.meaning) for one in BASELINES
}
"""Cleaner -> (whether it looks back only, what it does)."""


def observe_all(
    scored: pa.Table, run: Run, labels: Sequence[Label], clean: tuple[pa.Table, Run] | None = None
) -> dict[str, Observed]:
    """Return what tickproof and each baseline show on one stream.

    Parameters
    ----------
    scored : pa.Table
        The ticks of `run`.
    labels : sequence of Label
    clean : (pa.Table, Run), optional
        The same stream without faults.
    """
    out = {TICKPROOF: observe(run, labels, clean[1] if clean else None)}
    said = ratios(ticks_of(scored))
    without = ratios(ticks_of(clean[0])) if clean else {}
    for name, ratio in said.items():
        out[name] = observe(run.flagged_by(ratio), labels, clean[1].flagged_by(without[name]) if clean else None)
    return out


@dataclass(frozen=True, slots=True)
class Comparison:
    """Cleaners against the same labels, tickproof first."""

    evaluations: dict[str, Evaluation]

    @classmethod
    def of(cls, streams: Sequence[dict[str, Observed]]) -> Comparison:
        """Combine what `observe_all` gives for each stream."""
        return cls({name: conclude([stream[name] for stream in streams]) for name in streams[0]})

    def on_ticks(self, name: str) -> dict[str, float | None]:
        """Return a cleaner's macro averages over the kinds in TICK_KINDS."""
        return self.evaluations[name].macro(TICK_KINDS)

    def twins(self, name: str) -> tuple[int, int]:
        """Return how many genuine episodes a cleaner calls corrupt, and of how many."""
        genuine = self.evaluations[name].genuine
        return sum(one.called for one in genuine), sum(one.episodes for one in genuine)

    def to_dict(self) -> dict[str, Any]:
        """Return each cleaner's evaluation, without what only tickproof's scores promise, and its averages on tick kinds."""
        out = {}
        for name, evaluation in self.evaluations.items():
            causal, meaning = MEANINGS[name]
            plain = evaluation.to_dict()
            del plain["calibration"]
            out[name] = {"causal": causal, "meaning": meaning, **plain, "macro_tick_kinds": self.on_ticks(name)}
        return out


@dataclass(frozen=True, slots=True)
class Flags:
    """How tickproof judges the ticks that one cleaner flags; the parts up to `good` add up to `flags`.

    Attributes
    ----------
    corrupt : int
        Called corrupt by tickproof as well.
    market_event : int
        Not corrupt; `final_quality` 3, or of the scope and time of a finding of that class.
    explained : int
        Neither of these; a print that its sale condition explains.
    suspect, good : int
        The rest, by `final_quality`.
    wild : int
        Of all flags, those in the widest hundredth of their instrument's minutes, where a filter takes news for errors.
    """

    flags: int
    corrupt: int
    market_event: int
    explained: int
    suspect: int
    good: int
    wild: int

    def __add__(self, other: Flags) -> Flags:
        mine, others = asdict(self), asdict(other)
        return Flags(**{name: mine[name] + others[name] for name in mine})


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Cleaners on recordings without labels, tickproof first; `ticks` counts kinds 0 to 3."""

    ticks: int
    cleaners: dict[str, Flags]

    @classmethod
    def of(cls, scored: pa.Table, findings: Iterable[Finding]) -> Unlabelled:
        """Return the flags on one scored stream with its findings."""
        ticks = ticks_of(scored)
        quality = scored.column("final_quality").to_numpy()
        reasons = scored.column("final_reasons").to_numpy()
        counted = ticks.rows["kind"] <= Kind.TRADE_CORRECTION
        events = (quality == Quality.MARKET_EVENT) | Places.of(ticks).covered(_events(findings), 0)
        explained = (reasons & np.uint64(mask(["explained_print"]))) != 0
        flagged = {TICKPROOF: quality == Quality.CORRUPT} | {name: ratio > 1.0 for name, ratio in ratios(ticks).items()}
        parts = (quality == Quality.CORRUPT, events, explained, quality == Quality.SUSPECT)
        wild = in_wild_minutes(ticks)
        return cls(int(counted.sum()), {name: _flags(counted & flags, parts, wild) for name, flags in flagged.items()})

    def __add__(self, other: Unlabelled) -> Unlabelled:
        both = {name: flags + other.cleaners[name] for name, flags in self.cleaners.items()}
        return Unlabelled(self.ticks + other.ticks, both)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        cleaners = {
            name: dict(zip(("causal", "meaning"), MEANINGS[name], strict=True))
            | asdict(flags)
            | {"per_million": per_million(flags.flags, self.ticks)}
            for name, flags in self.cleaners.items()
        }
        return {"ticks": self.ticks, "cleaners": cleaners}


def _events(findings: Iterable[Finding]) -> list[Label]:
    """Return scopes and times of findings of class `market_event`, as labels without effect."""
    last = {finding.id: finding for finding in sorted(findings, key=lambda finding: finding.revision)}
    out = []
    for finding in last.values():
        if finding.class_ == Class.MARKET_EVENT:
            scope = "symbol" if finding.symbol else "channel"
            place = finding.channel or "", finding.venue or "", finding.symbol or ""
            times = finding.first_ts, finding.last_ts, finding.last_ts
            out.append(Label(finding.id, "genuine_move", scope, *place, *times, 0.0))
    return out


def _flags(flagged: Mask, parts: Sequence[Mask], wild: Mask) -> Flags:
    """Count each flagged tick in the first part that contains it, or as `good`; and those in wild minutes."""
    place = np.select([part[flagged] for part in parts], list(range(len(parts))), len(parts))
    counts = Counter(place.tolist())
    corrupt, market_event, explained, suspect, good = (counts[index] for index in range(len(parts) + 1))
    return Flags(int(flagged.sum()), corrupt, market_event, explained, suspect, good, int((flagged & wild).sum()))


__all__ = ["MEANINGS", "TICKPROOF", "TICK_KINDS", "Comparison", "Flags", "Unlabelled", "observe_all"]

"""The audit of `tickproof simulate --audit`: streams until each kind has enough corrupted ticks, and what gives them away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from models.training.format_audit import Leak, Sample, apart, audit, samples
from producers.faults.editing.fault import Fault
from producers.faults.table import FAULTS, FORMAT_KINDS, Faults
from producers.market.parameters import Market
from producers.simulation.day import simulate
from tickproof.ticks.schema import concat

ENOUGH = 600
"""Wanted corrupted ticks of a kind; below five hundred an AUC says little."""
LEAST_STREAMS, MOST_STREAMS = 4, 24
BOUND = 0.55
"""An AUC whose 95 % interval lies above this is a leak."""
FEW_TICKS = 5
"""Entries that change fewer ticks an episode get more episodes."""
EPISODES = {True: 40, False: 10}
"""Least episodes of an entry in a stream, by whether it changes few ticks."""
ROOM = 700
"""Most episodes of few ticks in a stream."""


@dataclass(frozen=True, slots=True)
class Audited:
    """The audit's result for one kind; `is_format`: no bound applies, because the kind is about format itself."""

    kind: str
    leak: Leak
    is_format: bool

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        auc, low = (None if value is None else round(value, 4) for value in (self.leak.auc, self.leak.auc_low))
        return {"auc": auc, "auc_low": low, "format_kind": self.is_format, "positives": self.leak.positives}


def table(found: list[Audited]) -> str:
    """Return the kinds as lines of text."""
    lines = [f"{'kind':20} {'ticks':>7} {'AUC':>7} {'low':>7}"]
    for one in found:
        numbers = " ".join(f"{value:7.3f}" if value is not None else "      -" for value in (one.leak.auc, one.leak.auc_low))
        leaks = one.leak.auc_low is not None and one.leak.auc_low > BOUND
        note = "about format" if one.is_format else "leaks" if leaks else ""
        lines.append(f"{one.kind:20} {one.leak.positives:7,} {numbers} {note}".rstrip())
    return "\n".join(lines)


def audit_faults(market: Market, faults: Faults, report: Callable[[str], None]) -> list[Audited]:
    """Simulate with faults, pair corrupted ticks with clean ones, and let a classifier try to tell them apart.

    Parameters
    ----------
    market : Market
        The first market; later streams have the following seeds and are otherwise alike.
    faults : Faults
        Which faults, and how strong; their number is ignored.
    report : callable
        Takes a line of progress.
    """
    entries = [fault for fault in faults.entries if not fault.is_genuine]
    gathered: dict[str, list[Sample]] = {fault.kind: [] for fault in entries}
    for number in range(MOST_STREAMS):
        lacking = [
            fault for fault in entries if _lacks(gathered[fault.kind]) and (gathered[fault.kind] or number < LEAST_STREAMS)
        ]
        if not lacking:
            break
        kinds = sorted({fault.kind for fault in lacking})
        report(
            f"stream {number + 1}: {len(kinds)} kinds lack corrupted ticks ({', '.join(kinds[:5])}{', …' if kinds[5:] else ''})"
        )
        for names, per_kind in _batches(lacking):
            wanted = replace(
                faults, seed=faults.seed + number, names=names, per_kind=per_kind, per_million=0, prevalence=0, marked=True
            )
            for kind, sample in _gather(replace(market, seed=market.seed + number), wanted).items():
                gathered[kind].append(sample)
    found = []
    for kind, parts in sorted(gathered.items()):
        if not parts:
            # It never applies in this market, such as a fault at night in a market that never closes.
            report(f"no {kind} in these streams")
            continue
        report(f"auditing {kind}")
        leak = audit(apart(parts), _about(entries)[kind])
        found.append(Audited(kind, leak, kind in FORMAT_KINDS))
    return found


def _lacks(parts: list[Sample]) -> bool:
    """Return whether there are too few corrupted ticks of a kind, or all are from a few streams."""
    return len(parts) < LEAST_STREAMS or sum(int(part.positive.sum()) for part in parts) < ENOUGH


def _batches(entries: list[Fault]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Return names of entries that share a stream, and the episodes of each: few-tick entries apart from many-tick ones."""
    for few, per_kind in EPISODES.items():
        names = tuple(fault.name for fault in entries if (fault.ticks < FEW_TICKS) == few)
        if names:
            yield names, max(per_kind, ROOM // len(names) if few else 0)


def _gather(market: Market, faults: Faults) -> dict[str, Sample]:
    simulation = simulate(market, faults)
    ticks = concat(list(simulation))
    return samples(ticks, simulation.labels, simulation.episodes, _about(tuple(FAULTS.values())))


def _about(entries: Sequence[Fault]) -> dict[str, frozenset[str]]:
    """Return for each kind what any of its entries is about."""
    return {
        fault.kind: frozenset(aspect for other in entries if other.kind == fault.kind for aspect in other.about)
        for fault in entries
    }

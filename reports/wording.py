"""Values as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.codes import entry
from tickproof.findings.finding import Finding
from tickproof.ticks.rfc3339 import iso, span
from tickproof.ticks.schema import UNITS_PER_ONE, Condition, Flag, Kind

WHOLE = "all channels of the recording"
"""Where a finding is about that names no channel and no feed."""
_COLUMNS = ("capture time", "venue time", "sequence", "kind", "bid", "bid size", "ask", "ask size", "price", "size", "marks")
_SCALED = {"bid_px": "bid", "bid_sz": "bid size", "ask_px": "ask", "ask_sz": "ask size", "price": "price", "size": "size"}


@dataclass(frozen=True, slots=True)
class TickTable:
    """Ticks as rows of text under `columns`; `subject` is the row that the finding is about."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    subject: int


def exact(units: int) -> str:
    """A price or size of units of 1e-9 as a decimal, nothing rounded."""
    whole, rest = divmod(abs(units), UNITS_PER_ONE)
    fraction = f"{rest:09d}".rstrip("0")
    return f"{'−' if units < 0 else ''}{whole:,}{'.' + fraction if fraction else ''}"


def quantity(value: float | None, unit: str) -> str:
    """A measured value with its unit; an en dash for none."""
    if value is None:
        return "–"
    if unit == "ns":
        return span(value)
    if unit == "ratio":
        return f"{value:,.3g}×"
    if unit in ("sequence", "messages", "fields"):
        return f"{value:,.0f} {unit}" if unit != "sequence" else f"{value:.0f}"
    return f"{value:,.9g} {'' if unit == 'price' else unit}".rstrip()


def facts(finding: Finding) -> list[tuple[str, str]]:
    """What was measured against what, and how it was judged; only what says something."""
    values = (finding.measured, finding.threshold, finding.reference)
    out = [
        (label, quantity(value, finding.unit))
        for label, value in zip(entry(finding.code).labels, values, strict=True)
        if label and value is not None
    ]
    if finding.causal != finding.current:
        out.append(("judged", f"{_words(finding.causal)} at once, {_words(finding.current)} in the end"))
    elif finding.current != "good":
        out.append(("judged", _words(finding.current)))
    if finding.score:
        out.append(("score", f"{finding.score:.1f}"))
    if finding.count > 1:
        lasts = finding.last_ts - finding.first_ts
        out.append(("ticks", f"{finding.count:,} in {span(lasts)}" if lasts else f"{finding.count:,}"))
    delay = finding.detected_at - finding.first_ts
    if delay > 0:
        out.append(("known after", span(delay)))
    if finding.state == "open":
        out.append(("state", "not over"))
    return out


def tick_table(evidence: Mapping[str, Any]) -> TickTable | None:
    """The tick of a finding's evidence between those before and after it; None where there is none."""
    tick = evidence.get("tick")
    if not isinstance(tick, Mapping):
        return None
    before, after = (_ticks(evidence.get(name)) for name in ("before", "after"))
    rows = [_row(one) for one in (*before, tick, *after)]
    used = [name for name in _COLUMNS if any(row.get(name) for row in rows)]
    return TickTable(tuple(used), tuple(tuple(row.get(name, "") for name in used) for row in rows), len(before))


def origin(evidence: Mapping[str, Any]) -> str:
    """Where the tick stood: topic, partition, offset, or file and line, and what a decoder said; empty where nothing is known."""
    error = evidence.get("error")
    found = evidence.get("origin") or evidence
    if not isinstance(found, Mapping):
        return ""
    words = [f"{name} {found[name]}" for name in ("file", "line", "topic", "partition", "offset", "row") if name in found]
    return ", ".join(words) + (f": {error}" if error else "")


def _ticks(found: Any) -> Sequence[Mapping[str, Any]]:
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _row(tick: Mapping[str, Any]) -> dict[str, str]:
    out = {"capture time": iso(int(tick.get("ts_recv", 0)), 9)}
    if "ts_event" in tick:
        lag = int(tick["ts_recv"]) - int(tick["ts_event"])
        out["venue time"] = f"{span(lag)} before" if lag >= 0 else f"{span(-lag)} after"
    if "sequence" in tick:
        out["sequence"] = str(tick["sequence"])
    kind = int(tick.get("kind", 0))
    out["kind"] = Kind(kind).name.lower().replace("_", " ") if kind in list(Kind) else f"kind {kind}"
    out |= {label: exact(int(tick[name])) for name, label in _SCALED.items() if name in tick}
    marks = [flag.name for flag in Condition if flag & int(tick.get("conditions", 0))]
    marks += [flag.name for flag in Flag if flag & int(tick.get("flags", 0))]
    out["marks"] = ", ".join(_words(str(name).lower()) for name in marks)
    return out


def _words(name: str) -> str:
    return name.replace("_", " ")

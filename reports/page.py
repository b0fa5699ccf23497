"""What a report says, as records that a template writes down: findings by code, incidents with their plots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from reports import rates_plot, ticks_plot
from reports.causes import CauseRow, cause_rows
from reports.codes import entry
from reports.folder import ScanFolder
from reports.selection import FEW_TICKS, REACHES_NS, excerpt, scopes, shown
from reports.ticks_plot import Drawing
from reports.wording import WHOLE, TickTable, facts, origin, tick_table
from tickproof.codes.code import Advice, Plot
from tickproof.features.table import FEATURES
from tickproof.findings.cause import by_cause
from tickproof.findings.finding import Finding
from tickproof.findings.incident import Incident, incidents, rank

FINDINGS_SHOWN = 4
"""Findings of one incident with all they have; further ones are named."""
CONTRIBUTIONS_SHOWN = 5
CAUSES_SHOWN = 30
"""Causes in the first table; further ones are counted."""
_MEANINGS = {feature.name: feature.meaning for feature in FEATURES}


@dataclass(frozen=True, slots=True)
class CodeRow:
    """All findings of one code."""

    code: str
    class_: str
    severity: str
    findings: int
    events: int
    meaning: str
    action: str


class PlaceRow(NamedTuple):
    """All findings of one place: how many, the worst severity, and the codes with their counts."""

    place: str
    findings: int
    severity: str
    codes: str


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding in full."""

    finding: Finding
    meaning: str
    advice: Advice
    facts: list[tuple[str, str]]
    ticks: TickTable | None
    origin: str
    first: bool
    contributions: list[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One incident: a plot of its ticks (`kind` "ticks") or of its rate ("rate", "latency"), and what was found."""

    incident: Incident
    place: str
    when: str
    kind: str
    plot: Drawing | None
    findings: list[FindingView]
    others: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page; `recall` is an evaluation's `to_dict`, None without labels."""

    title: str
    summary: Mapping[str, Any]
    causes: list[CauseRow]
    causes_total: int
    by_code: list[CodeRow]
    by_place: list[PlaceRow]
    places: int
    total: int
    severities: Mapping[str, int]
    overview: Drawing | None
    statistics: Drawing | None
    statistics_of: str
    incidents: list[IncidentView]
    hidden: list[tuple[str, int]]
    recall: Mapping[str, Any] | None


def page(folder: ScanFolder, limit: int, recall: Mapping[str, Any] | None = None) -> Page:
    """Return the page of a scan with at most `limit` incidents in full."""
    found = incidents(folder.findings)
    causes = by_cause(folder.findings).causes
    chosen = shown(found, limit)
    names = {incident.id for incident in chosen}
    hidden = Counter(incident.worst.code for incident in found if incident.id not in names)
    places = _by_place(folder.findings)
    channels = folder.seconds(None)
    busiest = folder.busiest()
    return Page(
        title=folder.path.resolve().name,
        summary=folder.summary,
        causes=cause_rows(causes, CAUSES_SHOWN),
        causes_total=len(causes),
        by_code=_by_code(folder.findings),
        by_place=places[:12],
        places=len(places),
        total=len(found),
        severities=Counter(incident.severity.value for incident in found),
        overview=rates_plot.overview(channels, found),
        statistics=rates_plot.statistics(folder.seconds([busiest])) if busiest else None,
        statistics_of=_place("", *_parts(busiest), None) if busiest else "",
        incidents=_views(folder, chosen, _extent(channels)),
        hidden=sorted(hidden.items(), key=lambda item: (-item[1], item[0])),
        recall=recall,
    )


def _by_code(findings: Sequence[Finding]) -> list[CodeRow]:
    rows = []
    for code in dict.fromkeys(finding.code for finding in findings):
        mine = [finding for finding in findings if finding.code == code]
        worst = max(mine, key=lambda finding: rank(finding.severity))
        known = entry(code)
        rows.append(
            CodeRow(
                code=code,
                class_=worst.class_.value,
                severity=worst.severity.value,
                findings=len(mine),
                events=sum(finding.count for finding in mine),
                meaning=known.meaning,
                action=known.advice.action,
            )
        )
    order = {severity: place for place, severity in enumerate(("critical", "warning", "info"))}
    return sorted(rows, key=lambda row: (order.get(row.severity, 3), -row.findings, row.code))


def _by_place(findings: Sequence[Finding]) -> list[PlaceRow]:
    """Return a row a place, the worst severity and the most findings first."""
    places: dict[str, list[Finding]] = {}
    for finding in findings:
        places.setdefault(_place(finding.feed, finding.venue, finding.symbol, finding.channel), []).append(finding)
    rows = []
    for place, mine in places.items():
        worst = max(mine, key=lambda finding: rank(finding.severity)).severity
        codes = Counter(finding.code for finding in mine)
        said = ", ".join(f"{code} {count:,}" for code, count in sorted(codes.items(), key=lambda item: (-item[1], item[0])))
        rows.append((-rank(worst), -len(mine), place, worst.value, said))
    return [PlaceRow(place, -count, severity, said) for _, count, place, severity, said in sorted(rows)]


def _place(feed: str, venue: str | None, symbol: str | None, channel: str | None) -> str:
    if symbol:
        return f"{symbol} on {venue}"
    return f"channel {channel}" if channel else f"feed {feed}" if feed else WHOLE


def _parts(scope: str) -> tuple[str, str]:
    """Return (venue, symbol) of a scope."""
    venue, _, symbol = scope.partition("|")
    return venue, symbol


def _extent(channels: pa.Table) -> tuple[int, int]:
    """Return the time from the beginning to the end of a scan, by its channels' seconds, in ns."""
    times = channels.column("ts").to_numpy()
    return (int(times.min()) - rates_plot.SECOND_NS, int(times.max())) if len(times) else (0, 0)


def _views(folder: ScanFolder, chosen: Sequence[Incident], extent: tuple[int, int]) -> list[IncidentView]:
    priced = [incident for incident in chosen if incident.symbol and entry(incident.worst.code).plot != Plot.RATE]
    tables = _excerpts(folder, priced)
    rated = {scopes(incident.worst) for incident in chosen if incident.id not in tables}
    seconds = folder.seconds(sorted(rated))
    views = []
    for incident in chosen:
        worst = incident.worst
        kind, drawing = "ticks", None
        if incident.id in tables:
            drawing = ticks_plot.draw(incident, *tables[incident.id])
        else:
            kind = "latency" if entry(worst.code).plot == Plot.LATENCY else "rate"
            mine = pc.equal(seconds.column("scope"), scopes(worst))
            drawing = rates_plot.draw(incident, seconds.filter(mine), extent)
        ordered = [worst, *(finding for finding in incident.findings if finding is not worst)]
        first, rest = _one_a_code(ordered)
        views.append(
            IncidentView(
                incident,
                _place(incident.feed, incident.venue, incident.symbol, worst.channel),
                rates_plot.caption(incident),
                kind,
                drawing,
                [_view(finding, first[:k]) for k, finding in enumerate(first)],
                ", ".join(f"{code} ({count})" for code, count in Counter(finding.code for finding in rest).items()),
            )
        )
    return views


def _excerpts(folder: ScanFolder, priced: Sequence[Incident]) -> dict[str, tuple[pa.Table, int]]:
    """Return by incident the ticks for its plot and how far they reach: further for illiquid instruments."""
    out: dict[str, tuple[pa.Table, int]] = {}
    for reach in REACHES_NS:
        tables = folder.excerpts([excerpt(incident, reach) for incident in priced])
        out |= {incident.id: (table, reach) for incident, table in zip(priced, tables, strict=True)}
        priced = [
            incident
            for incident in priced
            if len(out[incident.id][0].filter(pc.equal(out[incident.id][0].column("venue"), incident.venue))) < FEW_TICKS
        ]
    return out


def _one_a_code(findings: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Return one finding of each code, up to FINDINGS_SHOWN, and the rest."""
    first: dict[str, Finding] = {}
    for finding in findings:
        if len(first) < FINDINGS_SHOWN:
            first.setdefault(finding.code, finding)
    shown_ids = {finding.id for finding in first.values()}
    return list(first.values()), [finding for finding in findings if finding.id not in shown_ids]


def _view(finding: Finding, above: Sequence[Finding]) -> FindingView:
    """Return the view of a finding, without its ticks if one above it shows the same tick."""
    tick = finding.evidence.get("tick")
    repeated = tick is not None and any(other.evidence.get("tick") == tick for other in above)
    parts = sorted(finding.contributions, key=lambda part: (-abs(part.share), part.feature))[:CONTRIBUTIONS_SHOWN]
    known = entry(finding.code)
    return FindingView(
        finding=finding,
        meaning=known.meaning,
        advice=known.advice,
        facts=facts(finding),
        ticks=None if repeated else tick_table(finding.evidence),
        origin="the same tick" if repeated else origin(finding.evidence),
        first=not above,
        contributions=[(_MEANINGS.get(part.feature, part.feature), f"{part.value:.3g}", f"{part.share:+.0%}") for part in parts],
    )

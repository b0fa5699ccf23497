"""The choice of the incidents that a report shows, and of the ticks around each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reports.folder import Excerpt
from tickproof.findings.finding import Finding
from tickproof.findings.incident import Incident, worst_first

AT_FIRST = 4
"""Incidents of one code that are chosen before other codes have had their turn."""
REACHES_NS = (60_000_000_000, 1_800_000_000_000)
"""How far ticks are read on both sides; the second where the first holds too few of the instrument's own."""
FEW_TICKS = 12
LONGEST_NS = 120_000_000_000
"""Of a longer incident, a plot of ticks shows only the surroundings of its worst finding."""


def shown(incidents: Sequence[Incident], limit: int) -> list[Incident]:
    """Return at most `limit` incidents, worst first; a code with thousands of them leaves room for others."""
    ordered = worst_first(incidents)
    seen: Counter[str] = Counter()
    turns = []
    for place, incident in enumerate(ordered):
        code = incident.worst.code
        turns.append((seen[code] // AT_FIRST, place))
        seen[code] += 1
    return [ordered[place] for place in sorted(place for _, place in sorted(turns)[:limit])]


def core(incident: Incident) -> tuple[int, int, bool]:
    """Return (first, last, whole) of the time that a plot of ticks is about; `whole`: it is the entire incident."""
    if incident.last_ts - incident.first_ts <= LONGEST_NS:
        return incident.first_ts, incident.last_ts, True
    worst = incident.worst
    return worst.first_ts, min(worst.last_ts, worst.first_ts + LONGEST_NS // 2), False


def excerpt(incident: Incident, reach_ns: int) -> Excerpt:
    """Return the excerpt to be read for a plot of ticks."""
    first, last, _ = core(incident)
    return Excerpt(incident.symbol or "", first - reach_ns, last + reach_ns)


def scopes(finding: Finding) -> str:
    """Return the scope of a finding's statistics."""
    return f"{finding.venue}|{finding.symbol}" if finding.symbol else finding.channel or ""

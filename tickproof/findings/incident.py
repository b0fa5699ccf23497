"""Group findings into incidents: what a person looks at as one, with one finding or several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tickproof.findings.compare_runs import last_revisions
from tickproof.findings.finding import CODES, Class, Finding, Severity, finding_id

CLOSE_TOGETHER_NS = 5_000_000_000
"""Findings of one feed, venue and symbol form one incident where no more event time than this lies between them."""

SEVERITIES = (Severity.INFO, Severity.WARNING, Severity.CRITICAL)
"""From the least to the worst."""
_CLASSES = (Class.INFORMATION, Class.MARKET_EVENT, Class.FEED_ANOMALY, Class.CORRUPT_TICK)
_BIT = {code.name: code.bit for code in CODES}


@dataclass(frozen=True, slots=True)
class Incident:
    """Findings of one feed, venue and symbol that are close together in time.

    Parameters
    ----------
    id : str
        Stable as long as the incident's first finding is the same.
    feed : str
    venue, symbol : str or None
        None: the finding is about a channel.
    severity : Severity
        The worst of its findings.
    first_ts, last_ts : int
        Event time in ns, both inclusive.
    findings : tuple of Finding
        By `first_ts` and `id`; the last revision of each.
    """

    id: str
    feed: str
    venue: str | None
    symbol: str | None
    severity: Severity
    first_ts: int
    last_ts: int
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Finding:
        """The finding to look at first: the most severe, of the gravest class, with the highest score, the earliest."""
        return min(self.findings, key=_gravity)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of its findings, by bit."""
        return tuple(sorted({finding.code for finding in self.findings}, key=_bit))

    @property
    def count(self) -> int:
        """Members of all its findings; a tick with two codes counts twice."""
        return sum(finding.count for finding in self.findings)


def incidents(findings: Iterable[Finding]) -> list[Incident]:
    """Group findings into incidents, by `first_ts` and id; the order of the input does not matter.

    Findings share an incident when they share feed, venue and symbol, and no more than CLOSE_TOGETHER_NS lies between the end
    of those before and the beginning of the next. Of several revisions of a finding the last one counts.
    """
    last = last_revisions(findings)
    by_scope: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in sorted(last.values(), key=lambda finding: (finding.first_ts, finding.id)):
        by_scope.setdefault((finding.feed, finding.venue or "", finding.symbol or ""), []).append(finding)
    out: list[Incident] = []
    for members in by_scope.values():
        start, end = 0, members[0].last_ts
        for index, finding in enumerate(members):
            if finding.first_ts > end + CLOSE_TOGETHER_NS:
                out.append(_incident(members[start:index]))
                start = index
            end = max(end, finding.last_ts)
        out.append(_incident(members[start:]))
    return sorted(out, key=lambda incident: (incident.first_ts, incident.id))


def worst_first(found: Iterable[Incident]) -> list[Incident]:
    """Return incidents in the order in which a person should look at them."""
    return sorted(found, key=lambda incident: (*_gravity(incident.worst)[:3], incident.first_ts, incident.id))


def rank(severity: Severity) -> int:
    """Return a severity as a number, 0 for the least."""
    return SEVERITIES.index(severity)


def _incident(findings: list[Finding]) -> Incident:
    first = findings[0]
    return Incident(
        id=finding_id("incident", first.feed, first.venue, first.symbol, first.id),
        feed=first.feed,
        venue=first.venue,
        symbol=first.symbol,
        severity=max((finding.severity for finding in findings), key=rank),
        first_ts=first.first_ts,
        last_ts=max(finding.last_ts for finding in findings),
        findings=tuple(findings),
    )


def _gravity(finding: Finding) -> tuple[int, int, float, int, str]:
    return -rank(finding.severity), -_CLASSES.index(finding.class_), -finding.score, finding.first_ts, finding.id


def _bit(code: str) -> int:
    # A code of a later version has no bit here, and stands behind those that have.
    return _BIT.get(code, len(CODES))

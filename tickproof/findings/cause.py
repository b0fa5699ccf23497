"""Group findings by cause: the finding that explains others, and those that follow from it.

A fault of a channel upsets what is computed from it: a gap leaves a stale book, and trades outside its quotes. The table below
says which codes may follow from which; what it does not name stays an incident of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tickproof.findings.compare_runs import last_revisions
from tickproof.findings.finding import Finding, Severity, finding_id
from tickproof.findings.incident import CLOSE_TOGETHER_NS, Incident, incidents, rank

_OF_LOSS = frozenset(
    {
        "sequence_gap",
        "silent",
        "frozen",
        "stale_book",
        "outside_quotes",
        "wide_spread",
        "crossed",
        "locked",
        "rate_shift",
        "mix_shift",
    }
)
_OF_REPETITION = frozenset(
    {"duplicate", "out_of_order", "sequence_reset", "replayed_block", "late_tick", "outside_quotes", "burst"}
)
_OF_DELAY = frozenset(
    {"latency_spike", "clock_offset", "clock_drift", "late_tick", "out_of_order", "time_implausible", "stale_book"}
)
FOLLOWS = {
    "payload_unreadable": _OF_LOSS,
    "sequence_gap": _OF_LOSS,
    "frozen": _OF_LOSS,
    "silent": _OF_LOSS,
    "sequence_reset": _OF_REPETITION,
    "replayed_block": _OF_REPETITION,
    "clock_offset": _OF_DELAY,
    "clock_drift": _OF_DELAY,
    "latency_spike": _OF_DELAY,
}
"""By the code of a channel's finding: codes on that channel that may follow from it."""
STOPPED = frozenset({"silent", "frozen", "stale_book"})
"""Codes that say that a symbol stopped."""
TOGETHER_NS = 2_000_000_000
"""Symbols of a venue that stop no further apart than this, one after the other, stopped together."""
MOST_ROOTS = 64
"""So many of a channel's latest roots are asked whether a finding follows from them."""
FEWEST_SYMBOLS = 3
"""Fewer symbols that stop together are incidents of their own."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Findings that have one cause.

    Parameters
    ----------
    id : str
        Stable as long as the root is the same.
    root : Finding
        What explains the others: the channel's finding, the first symbol to stop, or the worst of one place.
    severity : Severity
        The worst of its findings.
    first_ts, last_ts : int
        Event time in ns, both inclusive.
    ongoing : bool
        Whether one of its findings is still open.
    venues, symbols : tuple of str
        Whom it concerns, by name; a channel's own finding names no symbol.
    findings : tuple of Finding
        By `first_ts` and `id`; the last revision of each.
    """

    id: str
    root: Finding
    severity: Severity
    first_ts: int
    last_ts: int
    ongoing: bool
    venues: tuple[str, ...]
    symbols: tuple[str, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Causes:
    """Causes by `first_ts` and id, and findings that are mere information and follow from none."""

    causes: tuple[Cause, ...]
    information: tuple[Finding, ...]


def by_cause(findings: Iterable[Finding]) -> Causes:
    """Group findings by cause; their order does not matter, and of several revisions of a finding the last one counts."""
    ordered = sorted(last_revisions(findings).values(), key=_by_time)
    joined, rest = _of_channels(ordered)
    places = [incident for incident in incidents(rest) if incident.severity is not Severity.INFO]
    stopped, single = _stopped_together(places)
    out = [_cause(root, members) for root, members in joined]
    out += [_cause(group[0].findings[0], [finding for one in group for finding in one.findings]) for group in stopped]
    out += [_cause(incident.worst, incident.findings) for incident in single]
    out = [cause for cause in out if cause.severity is not Severity.INFO]
    known = {finding.id for cause in out for finding in cause.findings}
    return Causes(
        tuple(sorted(out, key=lambda cause: (cause.first_ts, cause.id))),
        tuple(finding for finding in ordered if finding.id not in known),
    )


def _of_channels(ordered: Sequence[Finding]) -> tuple[list[tuple[Finding, list[Finding]]], list[Finding]]:
    """Return channels' findings with what follows from each, and the findings that follow from none.

    A finding follows from the latest root that began no later than it and ended no more than CLOSE_TOGETHER_NS before it.
    """
    roots: dict[tuple[str, str], list[tuple[Finding, list[Finding]]]] = {}
    rest: list[Finding] = []
    for finding in ordered:
        if finding.channel is None:
            rest.append(finding)
            continue
        here = roots.setdefault((finding.feed, finding.channel), [])
        begun = bisect_right(here, finding.first_ts, key=lambda one: one[0].first_ts)
        for root, members in reversed(here[max(0, begun - MOST_ROOTS) : begun]):
            if finding.code in FOLLOWS[root.code] and finding.first_ts <= root.last_ts + CLOSE_TOGETHER_NS:
                members.append(finding)
                break
        else:
            if finding.symbol is None and finding.code in FOLLOWS:
                here.append((finding, [finding]))
            else:
                rest.append(finding)
    return [one for here in roots.values() for one in here], rest


def _stopped_together(places: Sequence[Incident]) -> tuple[list[list[Incident]], list[Incident]]:
    """Return groups of places of one venue that stopped together, and all other places."""
    single = [one for one in places if one.symbol is None or not set(one.codes) <= STOPPED]
    kept = {one.id for one in single}
    by_venue: dict[tuple[str, str], list[list[Incident]]] = {}
    for one in places:
        if one.id in kept:
            continue
        groups = by_venue.setdefault((one.feed, one.venue or ""), [])
        if groups and one.first_ts <= groups[-1][-1].first_ts + TOGETHER_NS:
            groups[-1].append(one)
        else:
            groups.append([one])
    together = []
    for group in (group for groups in by_venue.values() for group in groups):
        if len({one.symbol for one in group}) >= FEWEST_SYMBOLS:
            together.append(group)
        else:
            single += group
    return together, single


def _cause(root: Finding, members: Iterable[Finding]) -> Cause:
    findings = tuple(sorted(members, key=_by_time))
    return Cause(
        id=finding_id("cause", root.id),
        root=root,
        severity=max((finding.severity for finding in findings), key=rank),
        first_ts=findings[0].first_ts,
        last_ts=max(finding.last_ts for finding in findings),
        ongoing=any(finding.state == "open" for finding in findings),
        venues=tuple(sorted({finding.venue for finding in findings if finding.venue})),
        symbols=tuple(sorted({finding.symbol for finding in findings if finding.symbol})),
        findings=findings,
    )


def _by_time(finding: Finding) -> tuple[int, bool, int, str]:
    # Where several begin at once, a channel's finding is first, and the longest of them.
    return finding.first_ts, finding.symbol is not None, -finding.last_ts, finding.id

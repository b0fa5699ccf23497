"""What was said of recordings as a whole, in a scan: as findings of its own, or as evidence of those that it explains."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from jobs.offline.scan import Slice
from producers.recordings.reading.statements import Fault, Statement
from tickproof.findings.finding import BY_NAME, Finding, Quality, Severity, fact_score, feed_of, finding_id

EXPLAINS = frozenset({Fault.ORDER, Fault.TWICE, Fault.EVENT_UNIT})
"""Faults whose ticks a channel's stage marks: its finding gets the statement as evidence."""
_CODES = {fault: fault.value for fault in Fault} | {
    Fault.TIES: Fault.ORDER.value,
    Fault.EVENT_UNIT: Fault.UNIT.value,
}
_EXPLAINED = frozenset(_CODES[fault] for fault in EXPLAINS)


def with_statements(
    slices: Iterator[Slice], statements: Callable[[], Sequence[Statement]], versions: tuple[str, str]
) -> Iterator[Slice]:
    """Yield the slices of a scan, and at the end one with what was said of its recordings.

    Parameters
    ----------
    slices : iterator of Slice
    statements : callable
        Asked when all slices have come.
    versions : tuple of str
        Of the rules and of the model, which every finding names.
    """
    # Findings that a statement may explain stay open for as long as the recording lasts: there are few.
    explained: dict[tuple[str, str], dict[str, Finding]] = {}
    for part in slices:
        for finding in part.findings:
            if finding.code in _EXPLAINED:
                explained.setdefault((finding.code, finding.channel or ""), {})[finding.id] = finding
        yield part
    found: list[Finding] = []
    for one in statements():
        of_engine = explained.get((_CODES[one.fault], one.channel), {}) if one.fault in EXPLAINS else {}
        for finding in of_engine.values():
            # A finding is the statement's from the first tick on that it names.
            if one.first_ns <= finding.last_ts and finding.first_ts <= one.last_ns:
                evidence = finding.evidence | {"recording": one.text(), "file": one.path}
                found.append(msgspec.structs.replace(finding, revision=finding.revision + 1, evidence=evidence))
        if one.fault not in EXPLAINS:
            found.append(finding_of(one, versions))
    yield Slice([], found, [], 0, 0)


def finding_of(one: Statement, versions: tuple[str, str] = ("", "")) -> Finding:
    """Return a statement as a finding."""
    code = BY_NAME[_CODES[one.fault]]
    is_information = one.fault is Fault.TIES
    return Finding(
        id=finding_id(code.name, one.path, one.channel, one.says, one.first_ns),
        class_=code.class_,
        code=code.name,
        severity=Severity.INFO if is_information else code.severity,
        state="closed",
        feed=feed_of(one.channel) if one.channel else "",
        channel=one.channel or None,
        first_ts=one.first_ns,
        last_ts=one.last_ns,
        count=one.count,
        detected_at=one.last_ns,
        causal=Quality.GOOD.name.lower(),
        current=Quality.GOOD.name.lower(),
        measured=one.measured or None,
        unit=code.unit,
        score=0.0 if is_information else fact_score(code),
        rules_version=versions[0],
        model_version=versions[1],
        evidence={"recording": one.text(), "file": one.path},
    )

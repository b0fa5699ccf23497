"""Findings become incidents by place and nearness, whatever their order."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickproof.findings.finding import BY_NAME, Finding, Severity
from tickproof.findings.incident import CLOSE_TOGETHER_NS, incidents, rank, worst_first

S = 1_000_000_000


def found(identity: str, first: int, last: int | None = None, code: str = "spike", symbol: str | None = "IBM") -> Finding:
    kind = BY_NAME[code]
    end = first if last is None else last
    return Finding(
        id=identity, class_=kind.class_, code=code, severity=kind.severity, feed="F", channel="F.A",
        venue="N" if symbol else None, symbol=symbol, first_ts=first, last_ts=end, detected_at=end,
    )  # fmt: skip


def test_nothing_gives_nothing() -> None:
    assert incidents([]) == []


@pytest.mark.parametrize(("gap", "expected"), [(CLOSE_TOGETHER_NS, 1), (CLOSE_TOGETHER_NS + 1, 2)])
def test_the_gap_is_inclusive(gap: int, expected: int) -> None:
    #   a----a   gap   b
    assert len(incidents([found("a", 0, 3 * S), found("b", 3 * S + gap)])) == expected


def test_a_long_finding_holds_together_what_lies_within_it() -> None:
    #   a--------------------a
    #      b            c
    one = incidents([found("a", 0, 60 * S), found("b", 10 * S), found("c", 55 * S)])
    assert [[finding.id for finding in incident.findings] for incident in one] == [["a", "b", "c"]]
    assert (one[0].first_ts, one[0].last_ts) == (0, 60 * S)


def test_places_do_not_mix() -> None:
    three = incidents([found("a", 0), found("b", 0, symbol="BAC"), found("c", 0, code="sequence_gap", symbol=None)])
    assert {(incident.venue, incident.symbol) for incident in three} == {("N", "IBM"), ("N", "BAC"), (None, None)}


def test_the_worst_counts() -> None:
    one = incidents([found("a", 0, code="locked"), found("b", S, code="crossed"), found("c", 2 * S, code="spike")])[0]
    assert one.severity == Severity.CRITICAL
    assert one.worst.code == "spike"
    assert one.codes == ("spike", "crossed", "locked")  # by bit


def test_worst_first_is_by_severity_then_class_then_score() -> None:
    def scored(finding: Finding, score: float) -> Finding:
        return msgspec.structs.replace(finding, score=score)

    places = [
        found("a", 0, code="locked", symbol="A"),
        found("b", S, code="silent", symbol="B"),
        scored(found("c", 2 * S, code="spike", symbol="C"), 5.0),
        scored(found("d", 3 * S, code="spike", symbol="D"), 99.0),
        found("e", 4 * S, code="crossed", symbol="E"),
    ]
    assert [incident.symbol for incident in worst_first(incidents(places))] == ["D", "C", "B", "E", "A"]


def test_the_last_revision_counts() -> None:
    old = found("a", 0, 0)
    new = msgspec.structs.replace(old, revision=2, last_ts=2 * S, count=7)
    assert incidents([new, old])[0].findings == (new,)


def test_severities_are_ordered() -> None:
    assert rank(Severity.INFO) < rank(Severity.WARNING) < rank(Severity.CRITICAL)


FINDINGS = st.lists(
    st.builds(
        lambda first, length, code, symbol: (first, first + length, code, symbol),
        st.integers(0, 60 * S),
        st.integers(0, 20 * S),
        st.sampled_from(sorted(BY_NAME)),
        st.sampled_from(["A", "B", None]),
    ),
    max_size=30,
)


@given(FINDINGS, st.randoms(use_true_random=False))
def test_every_finding_is_in_one_incident_and_order_does_not_matter(
    drawn: list[tuple[int, int, str, str | None]], order: random.Random
) -> None:
    findings = [found(str(k), first, last, code, symbol) for k, (first, last, code, symbol) in enumerate(drawn)]
    expected = incidents(findings)
    assert sorted(finding.id for incident in expected for finding in incident.findings) == sorted(f.id for f in findings)
    shuffled = findings.copy()
    order.shuffle(shuffled)
    assert incidents(shuffled) == expected
    for one in expected:
        for other in expected:
            if one is not other and (one.feed, one.venue, one.symbol) == (other.feed, other.venue, other.symbol):
                assert one.first_ts > other.last_ts + CLOSE_TOGETHER_NS or other.first_ts > one.last_ts + CLOSE_TOGETHER_NS

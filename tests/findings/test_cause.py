"""Findings become one incident by cause, whatever their order; what no table explains stays apart."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickproof.findings.cause import FEWEST_SYMBOLS, FOLLOWS, TOGETHER_NS, by_cause
from tickproof.findings.finding import BY_NAME, Finding, Severity
from tickproof.findings.incident import CLOSE_TOGETHER_NS

S = 1_000_000_000


def found(identity: str, code: str, first: int, last: int | None = None, symbol: str | None = "IBM") -> Finding:
    kind = BY_NAME[code]
    end = first if last is None else last
    return Finding(
        id=identity, class_=kind.class_, code=code, severity=kind.severity, feed="F", channel="F.A",
        venue="N" if symbol else None, symbol=symbol, first_ts=first, last_ts=end, detected_at=end, state="closed",
    )  # fmt: skip


def groups(findings: list[Finding]) -> list[list[str]]:
    return [[finding.id for finding in cause.findings] for cause in by_cause(findings).causes]


def test_a_gap_a_stale_book_and_trades_outside_quotes_are_one_with_the_gap_as_root() -> None:
    findings = [
        found("out", "outside_quotes", 4 * S),
        found("stale", "stale_book", 2 * S, 6 * S, symbol="BAC"),
        found("gap", "sequence_gap", S, symbol=None),
    ]
    (one,) = by_cause(findings).causes
    assert (one.root.id, one.symbols, one.venues) == ("gap", ("BAC", "IBM"), ("N",))
    assert (one.first_ts, one.last_ts, one.severity, one.ongoing) == (S, 6 * S, Severity.CRITICAL, False)


def test_a_wrong_price_during_a_gap_is_another_incident() -> None:
    assert groups([found("gap", "sequence_gap", 0, symbol=None), found("spike", "spike", S)]) == [["gap"], ["spike"]]


@pytest.mark.parametrize(("after", "expected"), [(CLOSE_TOGETHER_NS, 1), (CLOSE_TOGETHER_NS + 1, 2)])
def test_what_comes_long_after_a_gap_does_not_follow_from_it(after: int, expected: int) -> None:
    assert len(groups([found("gap", "sequence_gap", 0, S, symbol=None), found("stale", "stale_book", S + after)])) == expected


def test_what_came_before_a_gap_does_not_follow_from_it() -> None:
    assert len(groups([found("stale", "stale_book", 0), found("gap", "sequence_gap", S, symbol=None)])) == 2


def test_another_channel_is_another_cause() -> None:
    other = msgspec.structs.replace(found("stale", "stale_book", S), channel="F.B")
    assert len(groups([found("gap", "sequence_gap", 0, symbol=None), other])) == 2


@pytest.mark.parametrize(("symbols", "expected"), [(FEWEST_SYMBOLS - 1, FEWEST_SYMBOLS - 1), (FEWEST_SYMBOLS, 1), (100, 1)])
def test_symbols_of_a_venue_that_stop_together_are_one(symbols: int, expected: int) -> None:
    silent = [found(f"{k:03}", "silent", k * S // 10, 60 * S, symbol=f"S{k}") for k in range(symbols)]
    causes = by_cause(silent).causes
    assert len(causes) == expected
    assert causes[0].root.id == "000"


def test_symbols_that_stop_one_by_one_are_apart() -> None:
    silent = [found(str(k), "silent", k * (TOGETHER_NS + 1), 60 * S, symbol=f"S{k}") for k in range(5)]
    assert len(by_cause(silent).causes) == 5


def test_information_is_no_incident_of_its_own_and_is_kept() -> None:
    result = by_cause([found("a", "locked", 0)])
    assert (result.causes, [finding.id for finding in result.information]) == ((), ["a"])


def test_a_channel_s_finding_of_low_severity_is_information_too() -> None:
    low = msgspec.structs.replace(found("a", "latency_spike", 0, symbol=None), severity=Severity.INFO)
    result = by_cause([low])
    assert (result.causes, [finding.id for finding in result.information]) == ((), ["a"])


def test_an_open_finding_makes_it_ongoing_until_its_last_revision_closes_it() -> None:
    opened = msgspec.structs.replace(found("a", "silent", 0), state="open")
    closed = msgspec.structs.replace(opened, state="closed", revision=1)
    assert by_cause([opened]).causes[0].ongoing
    assert not by_cause([closed, opened]).causes[0].ongoing


def test_the_table_names_codes() -> None:
    assert set(FOLLOWS) <= set(BY_NAME)
    assert set().union(*FOLLOWS.values()) <= set(BY_NAME)


FINDINGS = st.lists(
    st.tuples(
        st.integers(0, 60), st.integers(0, 20), st.sampled_from(sorted(BY_NAME)), st.sampled_from(["A", "B", "C", "D", None])
    ),
    max_size=30,
)


@given(FINDINGS, st.randoms(use_true_random=False))
def test_every_finding_is_kept_once_and_order_and_repetition_do_not_matter(
    drawn: list[tuple[int, int, str, str | None]], order: random.Random
) -> None:
    findings = [
        found(str(k), code, first * S, (first + length) * S, symbol) for k, (first, length, code, symbol) in enumerate(drawn)
    ]
    expected = by_cause(findings)
    kept = [f.id for cause in expected.causes for f in cause.findings] + [f.id for f in expected.information]
    assert sorted(kept) == sorted(f.id for f in findings)
    again = findings + findings[:5]
    order.shuffle(again)
    assert by_cause(again) == expected

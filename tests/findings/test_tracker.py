"""Members become findings: runs, revisions, severity, conditions that last."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickproof.findings.event import Mode
from tickproof.findings.finding import BY_NAME, CODES, Class, Finding, Quality, Severity, finding_id
from tickproof.findings.tracker import Member, Scope, Tracker

SECOND = 1_000_000_000
CLOSE_AFTER_NS = 5 * SECOND
START = 1_700_000_000 * SECOND
NAN = float("nan")
SYMBOL = Scope("XNAS.A", "XNAS", "ABC")


def member(
    seconds: float, code: str = "spike", scope: Scope = SYMBOL, mode: int = Mode.MOMENT, quality: int = 2, score: float = 0.0
) -> Member:
    time = START + round(seconds * SECOND)
    return Member(BY_NAME[code].bit, mode, scope, (time, 0), time, time, (1.5, NAN, float("inf")), quality, 1, score)


def observe(tracker: Tracker, *members: Member) -> list[Finding]:
    return [finding for one in members for finding in tracker.observe(one, lambda: {"tick": {"ts_recv": 1}})]


def test_a_finding_opens_with_its_first_member() -> None:
    (finding,) = observe(Tracker("r1", "m1"), member(0))
    assert finding.id == finding_id("spike", "XNAS.A", "XNAS", "ABC", START, 0)
    assert (finding.revision, finding.state, finding.count) == (0, "open", 1)
    assert (finding.class_, finding.code, finding.severity) == (Class.CORRUPT_TICK, "spike", Severity.CRITICAL)
    assert (finding.feed, finding.channel, finding.venue, finding.symbol) == ("XNAS", "XNAS.A", "XNAS", "ABC")
    assert finding.first_ts == finding.last_ts == finding.detected_at == START
    assert (finding.measured, finding.threshold, finding.reference) == (1.5, None, None)  # JSON has no NaN and no infinity
    assert (finding.causal, finding.current) == ("suspect", "corrupt")
    assert (finding.rules_version, finding.model_version) == ("r1", "m1")
    assert finding.evidence == {"tick": {"ts_recv": 1}}


def test_a_channel_finding_has_no_venue_and_no_symbol() -> None:
    (finding,) = observe(Tracker(), member(0, "sequence_gap", Scope("GLBX.MDP3.7")))
    assert (finding.feed, finding.venue, finding.symbol) == ("GLBX.MDP3", None, None)


def test_evidence_is_asked_for_only_when_a_finding_opens() -> None:
    tracker, asked = Tracker(), []
    for seconds in (0, 0.1, 2, 3, 20):
        tracker.observe(member(seconds), lambda: asked.append(1) or {})  # type: ignore[func-returns-value]
    assert len(asked) == 2


@pytest.mark.parametrize(("pause_ns", "runs"), [(CLOSE_AFTER_NS - 1, 1), (CLOSE_AFTER_NS, 1), (CLOSE_AFTER_NS + 1, 2)])
def test_a_run_ends_more_than_five_seconds_after_its_last_member(pause_ns: int, runs: int) -> None:
    """
    member .......... 5 s .......... member: the same run, the bound belongs to it
    """
    tracker = Tracker()
    first = member(0)
    out = observe(
        tracker, first, first._replace(time=START + pause_ns, first_ts=START + pause_ns, position=(START + pause_ns, 0))
    )
    assert len({finding.id for finding in out}) == runs
    if runs == 2:
        assert [(finding.state, finding.revision, finding.count) for finding in out] == [
            ("open", 0, 1),
            ("closed", 1, 1),
            ("open", 0, 1),
        ]


@pytest.mark.parametrize(("now_ns", "closed"), [(CLOSE_AFTER_NS, False), (CLOSE_AFTER_NS + 1, True)])
def test_time_closes_at_the_same_point(now_ns: int, closed: bool) -> None:
    tracker = Tracker()
    observe(tracker, member(0))
    out = tracker.expire(START + now_ns)
    assert [finding.state for finding in out] == (["closed"] if closed else [])
    assert len(tracker.open_findings()) == (0 if closed else 1)
    assert tracker.expire(START + now_ns) == []


def test_the_five_seconds_count_from_the_last_member() -> None:
    tracker = Tracker()
    observe(tracker, member(0), member(4), member(8))
    assert tracker.expire(START + 13 * SECOND) == []
    (closed,) = tracker.expire(START + 13 * SECOND + 1)
    assert (closed.count, closed.last_ts) == (3, START + 8 * SECOND)


def test_codes_and_scopes_are_apart() -> None:
    out = observe(
        Tracker(),
        member(0),
        member(0, "crossed"),
        member(0, scope=Scope("XNAS.A", "XNAS", "DEF")),
        member(0, scope=Scope("XNAS.B", "XNAS", "ABC")),
        member(0, scope=Scope("XNAS.A", "ARCX", "ABC")),
    )
    assert len({finding.id for finding in out}) == 5


def test_a_revision_at_most_each_second() -> None:
    """
    0.0 open   0.1 … 0.9 nothing   1.0 revision 1   1.5 nothing   2.0 revision 2   3.7 revision 3
    """
    tracker = Tracker()
    seen = [
        (seconds, finding.revision, finding.count)
        for seconds in (0, 0.1, 0.9, 1.0, 1.5, 2.0, 3.7)
        for finding in observe(tracker, member(seconds))
    ]
    assert seen == [(0, 0, 1), (1.0, 1, 4), (2.0, 2, 6), (3.7, 3, 7)]


def test_time_publishes_the_members_since_the_last_revision() -> None:
    """A finding that is still open when its feed ends has the count of its ticks."""
    tracker = Tracker()
    observe(tracker, member(0), member(0.2), member(0.9))
    assert tracker.expire(START + SECOND) == []
    (revised,) = tracker.expire(START + SECOND + 1)
    assert (revised.revision, revised.count, revised.state) == (1, 3, "open")
    assert tracker.expire(START + 3 * SECOND) == []
    # A second after that, which is when the revision was due, the next is at once.
    assert [finding.count for finding in observe(tracker, member(1.5), member(2.0))] == [5]


def test_a_suspect_that_becomes_corrupt_rises_at_once() -> None:
    tracker = Tracker()
    suspected, risen = observe(tracker, member(0, quality=1), member(0.01, quality=1), member(0.02, quality=2))
    assert (suspected.severity, suspected.current) == (Severity.INFO, "suspect")
    assert (risen.severity, risen.current, risen.revision, risen.count) == (Severity.CRITICAL, "corrupt", 1, 3)
    assert risen.id == suspected.id
    assert risen.detected_at == suspected.detected_at
    assert observe(tracker, member(0.03, quality=1)) == []  # and does not fall
    assert tracker.open_findings()[0].current == "corrupt"


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_severity_is_the_code_s_unless_a_corrupt_tick_is_only_suspected(code) -> None:  # type: ignore[no-untyped-def]
    for quality in (Quality.GOOD, Quality.SUSPECT, Quality.CORRUPT):
        (finding,) = observe(Tracker(), member(0, code.name, quality=quality))
        suspected = code.class_ == Class.CORRUPT_TICK and quality != Quality.CORRUPT
        assert finding.severity == (Severity.INFO if suspected else code.severity)
        assert finding.class_ == code.class_


def test_what_was_announced_is_information() -> None:
    (finding,) = observe(Tracker(), member(0, "sequence_reset", mode=Mode.ANNOUNCED))
    assert finding.severity == Severity.INFO


def test_the_score_is_the_highest_of_the_run() -> None:
    tracker = Tracker()
    observe(tracker, *(member(k / 10, score=score) for k, score in enumerate((4.0, 9.0, 5.0))))
    assert tracker.open_findings()[0].score == 9.0


def test_a_condition_lasts_until_it_closes() -> None:
    """Nothing but its end closes it, however long it takes."""
    tracker = Tracker()
    (opened,) = observe(tracker, member(0, "silent", mode=Mode.OPENS))
    assert tracker.expire(START + 10_000 * SECOND) == []
    (closed,) = observe(tracker, member(9_000, "silent", mode=Mode.CLOSES)._replace(values=(9e12, NAN, NAN)))
    assert closed.id == opened.id
    assert (closed.state, closed.revision, closed.count, closed.measured) == ("closed", 1, 1, 9e12)
    assert closed.last_ts == START + 9_000 * SECOND
    assert tracker.open_findings() == []


def test_the_end_of_what_never_began_is_nothing() -> None:
    tracker = Tracker()
    assert observe(tracker, member(0, "silent", mode=Mode.CLOSES)) == []
    assert tracker.open_findings() == []


def test_a_copy_goes_on_alone() -> None:
    tracker = Tracker("r", "m")
    observe(tracker, member(0))
    twin = tracker.copy()
    observe(twin, member(2), member(2, "crossed"))
    assert [finding.count for finding in tracker.open_findings()] == [1]
    assert len(twin.open_findings()) == 2
    assert twin.open_findings()[1].rules_version == "r"


MEMBERS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.2, 1.0, 2.5, 5.0, 5.1]),
        st.sampled_from(["spike", "crossed", "duplicate"]),
        st.sampled_from(["ABC", "DEF"]),
        st.integers(0, 2),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(MEMBERS, st.sets(st.integers(0, 30)))
def test_findings_do_not_depend_on_where_a_step_ends(moves: list[tuple[float, str, str, int]], cuts: set[int]) -> None:
    """A step ends with `expire`, and its tracker is packed and unpacked."""
    now, members = 0.0, []
    for pause, code, symbol, quality in moves:
        now += pause
        members.append(member(now, code, Scope("XNAS.A", "XNAS", symbol), quality=quality))
    whole, parts = Tracker("r"), Tracker("r")
    expected = observe(whole, *members) + whole.expire(START + round(now * SECOND))
    found: list[Finding] = []
    for row, one in enumerate(members):
        found += observe(parts, one)
        if row in cuts:
            found += parts.expire(one.time)
            packed = parts.pack()
            parts = Tracker("r")
            parts.unpack(packed)
            assert parts.pack() == packed
    found += parts.expire(START + round(now * SECOND))

    def by_id(findings: list[Finding]) -> list[tuple[str, int]]:
        return sorted((finding.id, finding.revision) for finding in findings)

    assert by_id(found) == by_id(expected)
    assert sorted(found, key=lambda finding: (finding.id, finding.revision)) == sorted(
        expected, key=lambda finding: (finding.id, finding.revision)
    )
    assert parts.pack() == whole.pack()


@settings(deadline=None)
@given(MEMBERS)
def test_every_member_is_counted_once(moves: list[tuple[float, str, str, int]]) -> None:
    tracker, now = Tracker(), 0.0
    last: dict[str, Finding] = {}
    for pause, code, symbol, quality in moves:
        now += pause
        for finding in observe(tracker, member(now, code, Scope("XNAS.A", "XNAS", symbol), quality=quality)):
            assert finding.revision == (last[finding.id].revision + 1 if finding.id in last else 0)
            last[finding.id] = finding
    last |= {finding.id: finding for finding in tracker.open_findings()}
    assert sum(finding.count for finding in last.values()) == len(moves)
    assert np.all([finding.last_ts >= finding.first_ts for finding in last.values()])


# --- what a finding turns out to be -----------------------------------------------------------------------------------------


def gap(seconds: float, count: float, mode: int = Mode.MOMENT) -> Member:
    time = START + round(seconds * SECOND)
    values = (count, 0.0, 0.0 if mode == Mode.AMENDS else count)
    return Member(BY_NAME["sequence_gap"].bit, mode, Scope("XNAS.A"), (time, 0), time, time, values)


def test_a_run_of_gaps_sums_what_is_missing_and_what_is_lost() -> None:
    """
    3 missing .. 2 missing .. 1 of them came: 5 were missing at arrival, 4 are lost
    """
    tracker = Tracker()
    *_, last = observe(tracker, gap(0, 3), gap(0.5, 2), gap(1.2, -1, Mode.AMENDS))
    assert (last.measured, last.reference, last.count, last.severity) == (4.0, 5.0, 2, Severity.CRITICAL)
    (closed,) = tracker.expire(START + 60 * SECOND)
    assert (closed.measured, closed.reference, closed.state) == (4.0, 5.0, "closed")


def test_a_gap_of_which_nothing_is_left_ends_as_information() -> None:
    tracker = Tracker()
    first, last = observe(tracker, gap(0, 3), gap(0.2, -3, Mode.AMENDS))
    assert (last.id, last.revision, last.state, last.severity) == (first.id, 1, "closed", Severity.INFO)
    assert (last.measured, last.reference) == (0.0, 3.0)
    # The next one is another: it must be found by itself.
    (other,) = observe(tracker, gap(0.4, 2))
    assert other.id != first.id
    assert other.severity == Severity.CRITICAL


def test_what_is_amended_must_be_open() -> None:
    assert observe(Tracker(), gap(0, -3, Mode.AMENDS)) == []


def test_what_is_tolerated_does_not_hide_what_is_not() -> None:
    tracker, code = Tracker(), "out_of_order"
    first, second = observe(tracker, member(0, code, mode=Mode.ANNOUNCED, quality=1), member(0.1, code, quality=1))
    assert (first.severity, second.severity) == (Severity.INFO, Severity.WARNING)
    assert (first.id, second.detected_at) != (second.id, first.detected_at)
    twin = Tracker()
    twin.unpack(tracker.pack())
    assert [finding.severity for finding in twin.open_findings()] == [Severity.WARNING, Severity.INFO]


def test_everything_closes_when_event_time_goes_back() -> None:
    tracker = Tracker()
    observe(tracker, member(0), member(0, "silent", mode=Mode.OPENS))
    assert {finding.state for finding in tracker.close_all()} == {"closed"}
    assert tracker.open_findings() == []

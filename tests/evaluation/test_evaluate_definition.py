"""DESIGN §6, "How quality is measured", where tests/evaluation/test_evaluate.py has no case; and several streams together."""

from __future__ import annotations

import pytest

from models.evaluation.alerts import settled
from models.evaluation.evaluate import conclude, evaluate, observe
from models.evaluation.intervals import of_share, wilson
from tests.support.hand_counted import SPIKE, finding, label, ns, run_of, tick
from tickproof.findings.finding import Class, Severity

STREAM = [tick(0), tick(30)]


def found(rows, labels, findings=()):
    return {row.kind: row.found for row in evaluate(run_of(rows, findings), labels).kinds}


def false(rows, labels=(), findings=()):
    return evaluate(run_of(rows, findings), list(labels)).false_alarms.count


def gap(**changes):
    return label(10, 12, 14, kind="sequence_gap", scope="channel", **changes)


# "An empty venue means all venues."


def test_a_channel_episode_without_a_channel_covers_all_channels_of_its_venue():
    rows = [
        *STREAM,
        tick(11, 2, 99, SPIKE, channel="X.1"),
        tick(11, 2, 99, SPIKE, channel="X.2"),
        tick(11, 2, 99, SPIKE, venue="Y", channel="Y.1"),
    ]
    assert false(rows, [gap(channel="")]) == 1, "Y's"
    assert false(rows, [gap(channel="", venue="")]) == 0


def test_a_finding_at_one_venue_finds_an_episode_of_all_venues():
    episode = label(10, 12, kind="drift", venue="", channel="")
    assert found(STREAM, [episode], [finding(11, symbol="A", venue="Y", channel="Y.1")]) == {"drift": 1}
    assert found(STREAM, [episode], [finding(11, symbol="B", venue="Y", channel="Y.1")]) == {"drift": 0}


# "A finding of class feed_anomaly of exactly its scope (channel scope: its symbol is null; a venue or channel that it leaves null
# matches any)."


def test_a_feeds_finding_finds_an_episode_of_any_channel_and_of_no_symbol():
    feed = finding(11, channel=None, code="silent")
    assert found(STREAM, [gap(), label(10, 12)], [feed]) == {"sequence_gap": 1, "spike": 0}


def test_the_code_of_a_finding_does_not_matter():
    assert found(STREAM, [gap()], [finding(11, code="latency_spike")]) == {"sequence_gap": 1}


def test_a_finding_of_any_severity_finds_and_only_warnings_and_worse_are_false():
    quiet = finding(11, severity=Severity.INFO)
    assert found(STREAM, [gap()], [quiet]) == {"sequence_gap": 1}
    assert false(STREAM, [], [quiet]) == 0


# "A finding's last revision gives class and severity, the earliest revision of that class its detected_at."


def test_a_class_that_comes_back_dates_from_its_first_time():
    history = [
        finding(11, id="one"),
        finding(15, id="one", revision=1, class_=Class.INFORMATION),
        finding(20, id="one", revision=2),
    ]
    assert [one.detected_at for one in settled(history)] == [ns(11)]


def test_a_finding_that_ends_as_info_is_no_false_alarm_whatever_it_was():
    history = [finding(11, id="one"), finding(12, id="one", revision=1, severity=Severity.INFO)]
    assert false(STREAM, [], history) == 0
    assert false(STREAM, [], history[:1]) == 1


# "Ticks of kinds 0–3 with final_quality 2 outside [onset, effect_end + 1 s] of every episode of their channel or
# (venue, symbol)."


@pytest.mark.parametrize(
    ("place", "is_false"),
    [
        ({"channel": "X.9"}, 0),  # the instrument is (venue, symbol), on whichever channel
        ({"symbol": "B"}, 1),  # the channel of a symbol's episode is not its scope
        ({"venue": "Y", "channel": "X.1"}, 1),
        ({"symbol": None}, 1),
    ],
)
def test_a_symbols_episode_covers_its_symbol_at_its_venue(place, is_false):
    assert false([*STREAM, tick(11, 2, 99, SPIKE, **place)], [label(10, 12, 14)]) == is_false


def test_an_episode_that_covers_a_tick_is_enough():
    rows = [*STREAM, tick(16, 2, 99, SPIKE)]
    assert false(rows, [label(10, 12, 14), label(15, 15, 16, kind="drift")]) == 0


# "Ticks of genuine episodes are clean. A genuine episode is called corrupt when a tick of its scope has final_quality 2, or such
# a finding has its scope."


def news(**changes):
    return label(10, 12, 14, kind="genuine_news", **changes)


@pytest.mark.parametrize(
    ("rows", "findings", "called"),
    [
        ([tick(15, 2, 5.0)], [], 1),  # until effect_end + 1 s
        ([tick(15.001, 2, 5.0)], [], 0),
        ([tick(11, 1, 3.0)], [], 0),
        ([], [finding(11, symbol="A", severity=Severity.WARNING)], 1),
        ([], [finding(11, symbol="A", severity=Severity.INFO)], 0),
        ([], [finding(11, symbol="A", class_=Class.CORRUPT_TICK)], 0),
        ([], [finding(11, symbol="A", class_=Class.MARKET_EVENT)], 0),
        ([], [finding(11)], 0),  # the channel's, not the symbol's
    ],
)
def test_a_genuine_episode_is_called_corrupt_by_ticks_or_findings_of_its_scope(rows, findings, called):
    assert [twin.called for twin in evaluate(run_of([*STREAM, *rows], findings), [news()]).genuine] == [called]


def test_a_channels_genuine_episode_is_called_corrupt_by_its_ticks():
    burst = label(10, 12, kind="genuine_latency_burst", scope="channel")
    assert [twin.called for twin in evaluate(run_of([*STREAM, tick(11, 2, 5.0, symbol="B")]), [burst]).genuine] == [1]


def test_an_announced_reset_is_rightly_a_sequence_reset_and_nothing_else():
    reset = label(10, 12, kind="genuine_sequence_reset", scope="channel")
    for code, called in (("sequence_reset", 0), ("latency_spike", 1), ("sequence_gap", 1)):
        result = evaluate(run_of(STREAM, [finding(11, code=code)]), [reset])
        assert ([twin.called for twin in result.genuine], result.false_alarms.count) == ([called], called)


# "Recall at 10, 100, 1 000 false alarms a million (threshold on final_score; findings carry score on the same scale)."


def test_recall_at_a_budget_does_not_ask_for_a_verdict():
    # Without any false score all that is above 0 fits in: scores of 1 find, scores of 0 do not, and a finding's score counts.
    rows = [tick(0), tick(10, 0, 1.0), tick(20, 1, 0.0), tick(60)]
    labels = [label(at, at) for at in (10, 20, 30)]
    (row,) = evaluate(run_of(rows, [finding(30, symbol="A", score=0.5)]), labels).kinds
    assert (row.at["10"], row.share) == (pytest.approx(2 / 3), pytest.approx(1 / 3))


def test_chance_is_measured_at_the_same_thresholds():
    # The clean run's window of the first fault holds a score of 2, that of the second none. No false score sets a threshold.
    labels = [label(10, 10), label(20, 20)]
    clean = run_of([tick(0), tick(10.5, 0, 2.0), tick(80)])
    (row,) = evaluate(run_of([tick(0), tick(10, 2, 5.0), tick(20, 2, 5.0), tick(80)]), labels, clean).kinds
    assert (row.chance, row.chance_at) == (0.0, {"10": 0.5, "100": 0.5, "1000": 0.5})


# "Denominator: ticks of kinds 0–3"; "with intervals over days and seeds".


def test_streams_are_pooled():
    one = observe(run_of([tick(0), tick(10, 2, 5.0), tick(25, 2, 99, SPIKE), tick(30)]), [label(10, 10)])
    two = observe(run_of([tick(0), tick(10), tick(30, kind=4)], [finding(25)]), [label(10, 10), news()])
    both = conclude([one, two])
    (row,) = both.kinds
    assert (row.found, row.episodes) == (1, 2)
    assert (both.false_alarms.ticks_by_rules, both.false_alarms.findings, both.false_alarms.denominator) == (1, 1, 6)
    assert [(twin.called, twin.episodes) for twin in both.genuine] == [(0, 1)]
    assert (both.streams, both.days) == (2, 2)


def test_one_threshold_holds_for_all_streams():
    # A hundred thousand ticks together allow one false alarm at 10 a million: the lower of the two false scores is the threshold.
    calm = [tick(100 + index * 0.001) for index in range(49_998)]
    one = observe(run_of([*calm, tick(10, 0, 6.0), tick(90, 0, 7.0)]), [label(10, 10)])
    two = observe(run_of([*calm, tick(10, 0, 4.0), tick(90, 0, 5.0)]), [label(10, 10)])
    both = conclude([one, two])
    assert both.thresholds == {"10": 5.0, "100": None, "1000": None}
    assert both.kinds[0].at == {"10": 0.5, "100": 1.0, "1000": 1.0}
    assert conclude([two]).thresholds["10"] == 5.0, "alone it allows none"


def test_intervals_go_by_streams_and_days():
    day = 86_400
    # Four spikes: two on one day, found, and two on the next, missed.
    rows = [tick(0), tick(10, 2, 99, SPIKE), tick(20, 2, 99, SPIKE), tick(day + 10), tick(day + 20), tick(2 * day - 1)]
    labels = [label(at, at) for at in (10, 20, day + 10, day + 20)]
    (row,) = evaluate(run_of(rows), labels).kinds
    assert (row.low, row.high) == of_share([(2, 2), (0, 2)])
    assert row.low < wilson(2, 4)[0]
    # The same on one day has Wilson's interval; and so have two streams a cluster each.
    (near,) = evaluate(run_of([*rows[:3], tick(100), tick(110)]), [label(at, at) for at in (10, 20, 100, 110)]).kinds
    assert (near.low, near.high) == wilson(2, 4)
    one = observe(run_of(rows[:3]), labels[:2])
    two = observe(run_of([tick(10), tick(20)]), [label(10, 10), label(20, 20)])
    (pooled,) = conclude([one, two]).kinds
    assert (pooled.low, pooled.high) == of_share([(2, 2), (0, 2)])


def test_false_alarms_have_an_interval():
    # None in a million ticks of one day: up to 3.689 a million.
    alarms = evaluate(run_of([tick(index) for index in range(1000)]), []).false_alarms
    assert (alarms.low, alarms.high) == pytest.approx((0.0, 3688.9), abs=0.1)
    nothing = evaluate(run_of([]), []).false_alarms
    assert (nothing.low, nothing.high) == (0.0, 0.0)

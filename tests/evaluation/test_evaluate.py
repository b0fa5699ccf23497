"""Evaluation on streams small enough to count by hand. Times are in seconds; a tick stands at each named second."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from commands.evaluation.evaluate import command
from models.evaluation.alerts import Alerts, settled
from models.evaluation.episodes import row_kinds
from models.evaluation.evaluate import Run, evaluate
from models.evaluation.intervals import wilson
from tests.support.hand_counted import LOCKED, SPIKE, finding, label, ns, run_of, table_of, tick, ticks_of
from tickproof.errors import InputError, SettingsError, TickError
from tickproof.findings.finding import Class, Severity, encode
from tickproof.findings.label import to_csv


def found(rows, labels, findings=()):
    """How many episodes of each kind are found."""
    return {row.kind: row.found for row in evaluate(run_of(rows, findings), labels).kinds}


def false(rows, labels=(), findings=()):
    return evaluate(run_of(rows, findings), list(labels)).false_alarms.count


# Symbol episodes and ticks:   onset 10        end 12    end + 1 s = 13    effect_end 14    effect_end + 1 s = 15
#                                |-------- found ---------------|--------- neither ----------------|   false

EPISODE = label(10, 12, 14)
JUST = 1e-6
"""A microsecond in seconds; a nanosecond is below what a float64 of seconds holds."""


@pytest.mark.parametrize(
    ("at", "is_found", "is_false"),
    [
        (10 - JUST, 0, 1),
        (10, 1, 0),
        (13, 1, 0),
        (13 + JUST, 0, 0),
        (15, 0, 0),
        (15 + JUST, 0, 1),
    ],
)
def test_windows_of_ticks_include_both_ends(at, is_found, is_false):
    rows = [tick(0), tick(at, 2, 99, SPIKE), tick(30)]
    assert found(rows, [EPISODE]) == {"spike": is_found}
    assert false(rows, [EPISODE]) == is_false


@pytest.mark.parametrize(
    ("at", "is_found", "is_false"),
    [(10 - JUST, 0, 1), (10, 1, 0), (13, 1, 0), (13 + JUST, 0, 0), (15, 0, 0), (15 + JUST, 0, 1)],
)
@pytest.mark.parametrize("scope", ["symbol", "channel"])
def test_windows_of_findings_include_both_ends(at, is_found, is_false, scope):
    episode = label(10, 12, 14, kind="silent", scope=scope)
    alert = finding(at, symbol="A" if scope == "symbol" else None, venue="X", code="silent")
    assert found([tick(0), tick(30)], [episode], [alert]) == {"silent": is_found}
    assert false([tick(0), tick(30)], [episode], [alert]) == is_false


@pytest.mark.parametrize(
    ("place", "is_found"),
    [
        ({"symbol": "A", "venue": "X"}, 1),
        ({"symbol": "B", "venue": "X"}, 0),
        ({"symbol": "A", "venue": "Y"}, 0),
        ({"symbol": None, "venue": "X"}, 0),
    ],
)
def test_a_symbol_episode_needs_a_tick_of_its_symbol_and_venue(place, is_found):
    rows = [tick(0), tick(11, 2, 99, SPIKE, **place), tick(30)]
    assert found(rows, [EPISODE]) == {"spike": is_found}
    assert false(rows, [EPISODE]) == 1 - is_found


def test_an_empty_venue_means_all_venues():
    rows = [tick(0), tick(11, 2, 99, SPIKE, venue="Y", channel="Y.1"), tick(30)]
    episode = label(10, 12, venue="", channel="")
    assert found(rows, [episode]) == {"spike": 1}
    assert false(rows, [episode]) == 0


def test_a_channel_episode_is_not_found_by_ticks_but_its_ticks_are_not_false():
    episode = label(10, 12, kind="sequence_gap", scope="channel")
    rows = [tick(0), tick(11, 2, 99, SPIKE), tick(11, 2, 99, SPIKE, channel="X.2"), tick(30)]
    assert found(rows, [episode]) == {"sequence_gap": 0}
    assert false(rows, [episode]) == 1, "the other channel's tick"


@pytest.mark.parametrize(
    ("alert", "channel_found", "symbol_found"),
    [
        (finding(11), 1, 0),
        (finding(11, channel=None), 1, 0),
        (finding(11, venue="X"), 1, 0),
        (finding(11, venue="Y"), 0, 0),
        (finding(11, channel="X.2"), 0, 0),
        (finding(11, symbol="A", venue="X"), 0, 1),
        (finding(11, symbol="A", channel=None), 0, 1),
        (finding(11, symbol="B", venue="X"), 0, 0),
        (finding(11, class_=Class.INFORMATION), 0, 0),
        (finding(11, class_=Class.CORRUPT_TICK, symbol="A"), 0, 0),
    ],
)
def test_a_finding_finds_an_episode_of_exactly_its_scope(alert, channel_found, symbol_found):
    labels = [label(10, 12, kind="sequence_gap", scope="channel"), label(10, 12)]
    assert found([tick(0), tick(30)], labels, [alert]) == {"sequence_gap": channel_found, "spike": symbol_found}


def test_a_symbols_finding_inside_a_channels_episode_is_neither_found_nor_false():
    episode = label(10, 12, 14, kind="sequence_gap", scope="channel")
    alerts = [finding(11, symbol="A", venue="X", code="stale_book")]
    assert found([tick(0), tick(30)], [episode], alerts) == {"sequence_gap": 0}
    assert false([tick(0), tick(30)], [episode], alerts) == 0


def test_a_channels_finding_inside_a_symbols_episode_is_false():
    assert false([tick(0), tick(30)], [EPISODE], [finding(11)]) == 1


@pytest.mark.parametrize(
    ("begun", "detected", "is_false"),
    [
        (11, 20, 0),  # begun by the fault and found late
        (5, 11, 0),  # a silence that lasts since the tick before the fault
        (5, 9, 1),  # raised before there was a fault
        (16, 20, 1),
    ],
)
def test_a_finding_touches_an_episode_when_begun_or_detected_in_its_effect(begun, detected, is_false):
    episode = label(10, 12, 14, kind="silent", scope="channel")
    alert = finding(detected, code="silent", first_ts=ns(begun))
    assert false([tick(0), tick(30)], [episode], [alert]) == is_false
    assert found([tick(0), tick(30)], [episode], [alert]) == {"silent": int(detected == 11)}


def test_findings_of_severity_info_are_never_false():
    assert false([tick(0)], [], [finding(20, severity=Severity.INFO), finding(21, severity=Severity.WARNING)]) == 1


def test_the_last_revision_judges_and_the_earliest_of_its_class_dates():
    opened = finding(9, id="one", class_=Class.INFORMATION)
    risen = finding(11, id="one", revision=1)
    closed = finding(20, id="one", revision=2, severity=Severity.WARNING)
    assert [(one.detected_at, one.severity) for one in settled([closed, opened, risen])] == [(ns(11), Severity.WARNING)]
    episode = label(10, 12, kind="sequence_gap", scope="channel")
    assert found([tick(0)], [episode], [closed, opened, risen]) == {"sequence_gap": 1}
    # Lowered to information in the end: it neither finds nor alarms.
    lowered = finding(25, id="one", revision=3, class_=Class.INFORMATION)
    assert found([tick(0)], [episode], [opened, risen, closed, lowered]) == {"sequence_gap": 0}
    assert false([tick(0)], [], [risen, closed, lowered]) == 0


def test_only_quotes_trades_and_their_corrections_count():
    # Kinds 0 to 3 count; a heartbeat, a session start and a status do not, whatever their verdict.
    rows = [tick(index, 2, 99, SPIKE, kind=index) for index in range(7)]
    alarms = evaluate(run_of(rows), []).false_alarms
    assert (alarms.count, alarms.denominator, alarms.per_million) == (4, 4, 1e6)


def test_ticks_of_genuine_episodes_are_clean_and_calling_them_corrupt_shows():
    # Three pieces of news: A is called corrupt by a tick, B by a finding, C is left alone. Both calls are false alarms as well.
    labels = [label(10, 12, kind="genuine_news", symbol=symbol, venue="", channel="") for symbol in "ABC"]
    rows = [tick(0), tick(11, 2, 5.0), tick(11, symbol="C"), tick(30)]
    alerts = [finding(11, symbol="B", venue="X", code="frozen")]
    result = evaluate(run_of(rows, alerts), labels)
    assert [(twin.kind, twin.called, twin.episodes) for twin in result.genuine] == [("genuine_news", 2, 3)]
    assert result.false_alarms.count == 2
    assert result.kinds == []
    # A genuine window holds two ticks (one false), calm traffic two: 500 000 per million against 0.
    assert (result.false_alarms.volatile, result.false_alarms.calm) == (500_000.0, 0.0)


def test_a_fault_inside_a_genuine_episode_does_not_speak_about_it():
    labels = [label(10, 20, kind="genuine_news"), label(12, 13)]
    result = evaluate(run_of([tick(0), tick(12, 2, 99, SPIKE), tick(30)]), labels)
    assert [twin.called for twin in result.genuine] == [0]


def test_a_latency_spike_is_right_about_a_queueing_burst():
    burst = [label(10, 12, kind="genuine_latency_burst", scope="channel")]
    right = evaluate(run_of([tick(0)], [finding(11, code="latency_spike")]), burst)
    assert (right.genuine[0].called, right.false_alarms.count) == (0, 0)
    wrong = evaluate(run_of([tick(0)], [finding(11, code="clock_offset")]), burst)
    assert (wrong.genuine[0].called, wrong.false_alarms.count) == (1, 1)


def test_parts_are_told_by_the_score_that_a_rule_sets():
    # Four spikes: by a rule, by the model whose verdict is named a spike, by the model beside an information code, by nobody.
    labels = [label(at, at) for at in (10, 20, 30, 40)]
    rows = [tick(0), tick(10, 2, 99, SPIKE), tick(20, 2, 5.0, SPIKE), tick(30, 2, 5.0, LOCKED), tick(40, 1, 3.0, SPIKE), tick(60)]
    (row,) = evaluate(run_of(rows), labels).kinds
    assert (row.share, row.rules, row.model) == (0.75, 0.25, 0.5)


def test_recall_at_a_budget_takes_the_lowest_score_that_its_false_alarms_exceed():
    # 100 000 clean ticks: budgets 10, 100 and 1 000 a million allow 1, 10 and 100 false alarms.
    # False scores: one of 50, nine of 8 (ten above 5), ninety of 5 (a hundred above 3), then one of 3.
    scores = [50.0] + [8.0] * 9 + [5.0] * 90 + [3.0]
    rows = [tick(100 + index * 0.001, 0, score) for index, score in enumerate(scores + [0.0] * (100_000 - 4 - len(scores)))]
    # Four spikes score 9, 6, 4 and 3; the first false alarm beyond 10 has score 5, so that 9 and 6 remain at 100 a million.
    rows += [tick(at, 0, score) for at, score in ((10, 9.0), (20, 6.0), (30, 4.0), (40, 3.0))]
    result = evaluate(run_of(rows), [label(at, at) for at in (10, 20, 30, 40)])
    assert result.false_alarms.denominator == 100_000
    assert result.thresholds == {"10": 8.0, "100": 5.0, "1000": 3.0}
    (row,) = result.kinds
    assert row.at == {"10": 0.25, "100": 0.5, "1000": 0.75}
    assert row.share == 0.0, "as deployed nothing was called corrupt"


def test_findings_count_in_budgets_by_their_score():
    # 100 000 ticks allow 1, 10 and 100; two false findings of score 7: one too many for the first budget.
    rows = [tick(100 + index * 0.001) for index in range(100_000)]
    alerts = [finding(150, score=7.0), finding(151, score=7.0), finding(10, score=6.0), finding(20, score=8.0)]
    labels = [label(at, at, kind="sequence_gap", scope="channel") for at in (10, 20)]
    result = evaluate(run_of(rows, alerts), labels)
    assert result.thresholds == {"10": 7.0, "100": None, "1000": None}
    assert result.kinds[0].at == {"10": 0.5, "100": 1.0, "1000": 1.0}


def test_the_delay_is_the_median_from_onset_to_the_first_sign():
    # Found after 0.5 s (a tick), 0.25 s (a finding before the tick) and never: the median of the two found is 0.375 s.
    rows = [tick(0), tick(10.5, 2, 99, SPIKE), tick(10.7, 2, 99, SPIKE), tick(20.5, 2, 99, SPIKE), tick(50)]
    labels = [label(10, 12), label(20, 22), label(30, 32)]
    (row,) = evaluate(run_of(rows, [finding(20.25, symbol="A", code="frozen")]), labels).kinds
    assert row.delay_s == pytest.approx(0.375, abs=1e-9)


def test_the_macro_average_weighs_kinds_alike():
    # Spikes 1 of 3, drift 1 of 1: (1/3 + 1) / 2.
    rows = [tick(0), tick(10, 2, 99, SPIKE), tick(40, 2, 99, SPIKE), tick(60)]
    result = evaluate(run_of(rows), [label(10, 10), label(20, 20), label(30, 30), label(40, 40, kind="drift")])
    assert result.macro()["recall"] == pytest.approx((1 / 3 + 1) / 2)


def test_chance_is_what_the_same_windows_hold_without_faults():
    labels = [label(10, 10), label(20, 20)]
    clean = run_of([tick(0), tick(20.5, 2, 5.0), tick(80)])
    result = evaluate(run_of([tick(0), tick(10, 2, 5.0), tick(20, 2, 5.0), tick(80)]), labels, clean)
    assert (result.kinds[0].share, result.kinds[0].chance, result.chance_by) == (1.0, 0.5, "clean run")


def test_without_a_clean_run_chance_is_that_of_shifted_windows():
    # 80 s of stream, shifts of 10 … 70 s: windows [20, 21] … [70, 71], and [0, 1] as the stream's end goes on at its beginning.
    # False ticks at 20.5 and 41, the end of [40, 41]: 2 of 7 windows.
    rows = [tick(0), tick(10, 2, 99, SPIKE), tick(20.5, 2, 5.0), tick(41, 2, 5.0), tick(80)]
    (row,) = evaluate(run_of(rows), [label(10, 10)]).kinds
    assert row.chance == pytest.approx(2 / 7)


def test_shifted_windows_avoid_faults_of_the_same_place():
    # The windows of the first begin at 20, 30, 50, 60, 70 and 0, for 40 is the second's own; those of the second at 50, 60, 70,
    # 0, 20 and 30. The tick at 50.5 is in one window of each: 2 of 12.
    rows = [tick(0), tick(10, 2, 99, SPIKE), tick(40, 2, 99, SPIKE), tick(50.5, 2, 5.0), tick(80)]
    (row,) = evaluate(run_of(rows), [label(10, 10), label(40, 40)]).kinds
    assert row.chance == pytest.approx(2 / 12)


def test_calibration_compares_the_share_of_clean_ticks_with_the_promise():
    # 2 of 100 ticks reach score 2, where at most 1 may; 20 reach 1, where 10 may. Ticks of rules and of faults are left out.
    rows = [tick(20 + index * 0.1, 0, 2.5 if index < 2 else 1.0 if index < 20 else 0.0) for index in range(100)]
    rows += [tick(50, 2, 99, SPIKE), tick(10, 0, 9.0)]
    calibration = evaluate(run_of(rows), [label(10, 10)]).calibration
    assert calibration["1"] == pytest.approx(2.0)
    assert calibration["2"] == pytest.approx(2.0)
    assert calibration["3"] == 0.0


@pytest.mark.parametrize(
    # Wilson's interval at 95 %: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n) with z² = 3.8415.
    ("found", "total", "low", "high"),
    # 0 of 10: 3.8415 / 13.8415. 5 of 10: 0.5 ± 1.96 √(0.025 + 0.0096037) / 1.38415 = 0.5 ± 0.26341.
    [(0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (5, 10, 0.23659, 0.76341), (0, 0, 0.0, 1.0)],
)
def test_wilson_interval(found, total, low, high):
    assert wilson(found, total) == pytest.approx((low, high), abs=1e-5)


def test_nothing_to_find_and_nothing_to_alarm():
    result = evaluate(run_of([]), [EPISODE])
    assert (result.false_alarms.per_million, result.kinds[0].found, result.kinds[0].chance) == (0.0, 0, None)


def test_ticks_in_any_order_give_the_same():
    rows = [tick(0), tick(10, 2, 99, SPIKE), tick(20.5, 2, 5.0), tick(41, 2, 5.0, symbol="B"), tick(80)]
    assert evaluate(run_of(rows[::-1]), [label(10, 10)]) == evaluate(run_of(rows), [label(10, 10)])


def test_rows_to_learn_from_are_faulty_clean_or_neither():
    # One symbol's spike in [10, 12], upset until 14 + 1 s; one channel's gap in [20, 21]; news, which is clean.
    labels = [EPISODE, label(20, 21, kind="sequence_gap", scope="channel"), label(30, 31, kind="genuine_news")]
    rows = [tick(at) for at in (9, 10, 12, 12.5, 15, 15.5, 20, 22, 22.5, 30)] + [tick(11, symbol="B")]
    kinds, clean = row_kinds(ticks_of(rows), labels, {"spike"})
    assert kinds.tolist() == ["", "spike", "spike", "", "", "", "", "", "", "", ""]
    assert not (row_kinds(ticks_of(rows), labels, {"drift"})[0] != "").any(), "a kind that is not learnt is not marked"
    assert clean.tolist() == [True, False, False, False, False, True, False, False, True, True, True]


# The command.


@pytest.fixture
def files(tmp_path):
    pq.write_table(table_of([tick(0), tick(10, 2, 99, SPIKE), tick(80)]), tmp_path / "scored.parquet")
    (tmp_path / "findings.jsonl").write_bytes(encode(finding(50)) + b"\n")
    (tmp_path / "labels.csv").write_text(to_csv([label(10, 10)]))
    return tmp_path


def invoke(folder: Path, *more: str):
    paths = [("--scored", "scored.parquet"), ("--findings", "findings.jsonl"), ("--labels", "labels.csv")]
    arguments = [part for option, name in paths for part in (option, str(folder / name))]
    return CliRunner().invoke(command, [*arguments, *more], standalone_mode=False, catch_exceptions=True)


def test_the_command_prints_json(files):
    answer = json.loads(invoke(files, "--json").output)
    assert answer["kinds"][0]["recall"] == 1.0
    assert answer["false_alarms"]["count"] == 1
    assert set(answer["macro"]) == {"recall", "chance", "rules", "model", "at_10", "at_100", "at_1000"}


def test_the_command_prints_a_row_a_kind(files):
    output = invoke(files).output
    assert "1/1" in next(line for line in output.splitlines() if line.startswith("spike"))
    assert "1 in 3 ticks" in output


def test_the_command_compares_with_a_clean_run(files):
    clean = ("--clean-scored", str(files / "scored.parquet"), "--clean-findings", str(files / "findings.jsonl"))
    assert json.loads(invoke(files, *clean, "--json").output)["chance_by"] == "clean run"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("scored.parquet", b"not parquet", "not readable as Parquet"),
        ("findings.jsonl", b"\n{}\n", "line 2: not a finding"),
        ("findings.jsonl", b"{", "line 1: not a finding"),
        ("findings.jsonl", b"\xff", "not UTF-8"),
        ("labels.csv", b"nonsense", "labels.csv, line 1"),
    ],
)
def test_a_spoilt_file_is_an_error_that_names_it(files, name, content, message):
    (files / name).write_bytes(content)
    error = invoke(files).exception
    assert isinstance(error, InputError)
    assert name in str(error)
    assert message in str(error)


def test_half_a_clean_run_is_an_error(files):
    assert isinstance(invoke(files, "--clean-scored", str(files / "scored.parquet")).exception, SettingsError)


def test_columns_that_are_no_verdicts_are_an_error():
    whole = table_of([tick(0)])
    with pytest.raises(TickError, match="no column final_score"):
        Run.of(whole.drop_columns(["final_score"]), [])
    place = whole.column_names.index("final_score")
    with pytest.raises(TickError, match="found double"):
        Run.of(whole.set_column(place, "final_score", pa.array([0.0])), [])
    with pytest.raises(TickError, match="1 nulls"):
        Run.of(whole.set_column(place, "final_score", pa.array([None], pa.float32())), [])


def test_every_revision_of_a_file_is_read(files):
    lines = [encode(msgspec.structs.replace(finding(11), revision=number)) for number in range(3)]
    (files / "findings.jsonl").write_bytes(b"\n".join(lines))
    assert json.loads(invoke(files, "--json").output)["false_alarms"]["findings"] == 1


def test_a_finding_of_a_feed_matches_the_channels_of_that_feed_alone() -> None:
    of_x = finding(2, channel=None, code="silent", feed="X")
    silent = {name: label(1, 3, kind="silent", symbol="S", venue="", channel=name, scope="channel") for name in ("X.1", "Y.1")}
    alerts = Alerts.of([of_x])
    assert [alerts.of_scope(silent[name]).tolist() for name in ("X.1", "Y.1")] == [[True], [False]]

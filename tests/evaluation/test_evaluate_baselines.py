"""Published cleaners compared with tickproof: one stream worked by hand, against labels and without."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from commands.evaluation.evaluate import command
from models.baselines import BASELINES
from models.evaluation.against_baselines import TICKPROOF, Comparison, Flags, Unlabelled, observe_all
from models.evaluation.evaluate import Run
from tests.evaluation.test_baselines import quote, ticks_of, trade
from tests.support.hand_counted import finding, label, ns
from tickproof.errors import SettingsError
from tickproof.findings.finding import VERDICTS, Class, Quality, encode, mask
from tickproof.findings.label import to_csv
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import Condition

# A hundred trades a second apart, a cent up and down.  30: 13.00, a fault that tickproof finds.   50: 13.00, false to all but
# tickproof.   70: a genuine jump to 14.00 that holds.   90: a crossed quote, false.   95: a print that its condition explains.


def scored() -> pa.Table:
    messages = [trade(at, 10.00 + 0.01 * (at % 2) + 4 * (at >= 70)) for at in range(100)]
    messages[30], messages[50] = trade(30, 13.0), trade(50, 13.0)
    messages[90] = quote(90, 14.02, 14.01)
    messages[95] = trade(95, 20.0, Condition.AVERAGE_PRICE)
    verdicts = {name: np.zeros(100, kind) for name, kind in VERDICTS.items()}
    verdicts["final_quality"][[30, 70, 95]] = Quality.CORRUPT, Quality.MARKET_EVENT, Quality.GOOD
    verdicts["final_score"][30] = 99.0
    verdicts["final_reasons"][95] = mask(["explained_print"])
    verdicts["final_quality"][50] = Quality.SUSPECT
    return pa.Table.from_batches([to_arrow(ticks_of(messages), verdicts)])


FAULTS = [label(30, 30, 31), label(60, 62, 62, kind="silent")]
TWIN = label(70, 72, 72, kind="genuine_news")
ALERT = finding(61, symbol="A", code="silent")


@pytest.fixture
def comparison() -> Comparison:
    table = scored()
    return Comparison.of([observe_all(table, Run.of(table, [ALERT]), [*FAULTS, TWIN])])


def kinds(comparison, name):
    return {row.kind: row.found for row in comparison.evaluations[name].kinds}


def test_tickproof_stands_first_and_every_baseline_after_it(comparison):
    assert list(comparison.evaluations) == [TICKPROOF, *(one.name for one in BASELINES)]
    assert all(evaluation.false_alarms.denominator == 100 for evaluation in comparison.evaluations.values())


def test_a_baseline_finds_by_ticks_alone(comparison):
    # 13.00 after 10.00 is 30 % off, and the price that comes back is 23 % off; tickproof finds the silence by a finding.
    assert kinds(comparison, TICKPROOF) == {"spike": 1, "silent": 1}
    assert kinds(comparison, "clearly_erroneous") == {"spike": 1, "silent": 0}
    assert kinds(comparison, "bnhls_q2") == {"spike": 0, "silent": 0}


def test_false_alarms_and_twins_are_those_of_each(comparison):
    # At 50 and 51 and at 70; within the fault's effect and its second, at 30 and 31, nothing is false.
    false = {name: evaluation.false_alarms.count for name, evaluation in comparison.evaluations.items()}
    assert (false[TICKPROOF], false["clearly_erroneous"], false["bnhls_q2"], false["bnhls_t2"]) == (0, 3, 1, 1)
    assert (comparison.twins(TICKPROOF), comparison.twins("clearly_erroneous"), comparison.twins("bnhls_q2")) == (
        (0, 1),
        (1, 1),
        (0, 1),
    )


def test_recall_at_a_rate_scales_the_bound(comparison):
    # A hundred ticks allow no false alarm. 3 % of 10.00 is 10 % there: the jump to 14.00 is 40 % off, the fault only 30 %.
    (spike,) = [row for row in comparison.evaluations["clearly_erroneous"].kinds if row.kind == "spike"]
    assert (spike.share, spike.at["1000"]) == (1.0, 0.0)


def test_averages_over_tick_kinds_leave_out_what_no_tick_shows(comparison):
    assert comparison.on_ticks("clearly_erroneous")["recall"] == 1.0
    assert comparison.evaluations["clearly_erroneous"].macro()["recall"] == 0.5


def test_chance_on_a_clean_run_is_that_of_the_same_baseline():
    table, clean = scored(), scored()
    run = Run.of(table, [])
    both = Comparison.of([observe_all(table, run, FAULTS, (clean, Run.of(clean, [])))])
    # The "clean" run is the same stream, so that chance finds what the baseline finds.
    assert any(row.share for evaluation in both.evaluations.values() for row in evaluation.kinds)
    for name, evaluation in both.evaluations.items():
        assert [row.chance for row in evaluation.kinds] == [row.share for row in evaluation.kinds], name
        assert evaluation.chance_by == "clean run"


def test_flags_without_labels_are_parted_by_what_tickproof_says():
    found = Unlabelled.of(scored(), [])
    assert found.ticks == 100
    # Of two minutes the second, from 60 on, ranges from 10.00 to 14.01 and is wild.
    #             flags corrupt market explained suspect good wild
    expected = {
        TICKPROOF: (1, 1, 0, 0, 0, 0, 0),
        # 30 and 50, the prices after them, and the jump.
        "clearly_erroneous": (5, 1, 1, 0, 1, 2, 1),
        "bnhls_q2": (1, 0, 0, 0, 0, 1, 1),
        "bnhls_t2": (1, 0, 0, 1, 0, 0, 1),
    }
    assert {name: found.cleaners[name] for name in expected} == {name: Flags(*counts) for name, counts in expected.items()}


def test_a_finding_of_a_market_event_covers_its_scope_and_time():
    # From 50 to 51 at this symbol: what clearly_erroneous flags there becomes news. A revision that is none any more does not.
    event = finding(50, symbol="A", channel=None, class_=Class.MARKET_EVENT, id="event", last_ts=ns(51))
    assert Unlabelled.of(scored(), [event]).cleaners["clearly_erroneous"] == Flags(5, 1, 3, 0, 0, 1, 1)
    other = finding(50, symbol="B", channel=None, class_=Class.MARKET_EVENT, last_ts=ns(51))
    lowered = finding(50, symbol="A", channel=None, id="event", revision=1, last_ts=ns(51))
    for nothing in ([other], [lowered, event]):
        assert Unlabelled.of(scored(), nothing).cleaners["clearly_erroneous"] == Flags(5, 1, 1, 0, 1, 2, 1)


def test_streams_without_labels_add_up():
    one = Unlabelled.of(scored(), [])
    both = one + one
    assert both.ticks == 200
    assert both.cleaners["clearly_erroneous"] == Flags(10, 2, 2, 0, 2, 4, 2)


# The command.


@pytest.fixture
def files(tmp_path):
    pq.write_table(scored(), tmp_path / "scored.parquet")
    (tmp_path / "findings.jsonl").write_bytes(encode(ALERT) + b"\n")
    (tmp_path / "labels.csv").write_text(to_csv([*FAULTS, TWIN]))
    return tmp_path


def invoke(files, *more, labels=True, times=1):
    names = {"scored": "scored.parquet", "findings": "findings.jsonl"} | ({"labels": "labels.csv"} if labels else {})
    arguments = [part for option, name in names.items() for part in (f"--{option}", str(files / name))] * times
    return CliRunner().invoke(command, [*arguments, *more], standalone_mode=False, catch_exceptions=True)


def test_the_command_prints_published_cleaners(files):
    lines = invoke(files, "--baselines").output.splitlines()
    row = next(line for line in lines if line.startswith("clearly_erroneous"))
    assert row.split() == ["clearly_erroneous", "back", "1.00", "30000.0", "1/1", "0.00", "0.00", "0.00", "0.50"]
    assert any(line.startswith("tickproof ") for line in lines)


def test_the_command_gives_each_cleaner_as_json(files):
    answer = json.loads(invoke(files, "--baselines", "--json").output)
    assert answer["macro"]["recall"] == 1.0
    assert set(answer["baselines"]) == {TICKPROOF, *(one.name for one in BASELINES)}
    one = answer["baselines"]["clearly_erroneous"]
    assert (one["causal"], one["macro_tick_kinds"]["recall"], one["false_alarms"]["count"]) == (True, 1.0, 3)


def test_the_command_parts_flags_where_there_are_no_labels(files):
    row = next(line for line in invoke(files, "--baselines", labels=False).output.splitlines() if line.startswith("clearly"))
    assert row.split() == ["clearly_erroneous", "5", "50,000.0", "1", "1", "0", "1", "2", "1"]
    answer = json.loads(invoke(files, "--baselines", "--json", labels=False, times=2).output)
    assert answer["ticks"] == 200
    assert answer["cleaners"]["clearly_erroneous"]["flags"] == 10


def test_the_command_pools_streams(files):
    answer = json.loads(invoke(files, "--json", times=2).output)
    assert (answer["streams"], answer["days"]) == (2, 2)
    assert [row["episodes"] for row in answer["kinds"]] == [2, 2]
    assert "2 streams together" in invoke(files, times=2).output


@pytest.mark.parametrize(
    ("more", "labels", "message"),
    [
        ((), False, "--labels: found none"),
        (("--scored", "scored.parquet"), True, "--findings: found 1, expected one for each of 2 --scored"),
        (("--labels", "labels.csv"), True, "--labels: found 2, expected one for each of 1 --scored"),
        (("--clean-scored", "scored.parquet"), True, "--clean-scored and --clean-findings go together"),
        (("--clean-scored", "scored.parquet", "--clean-findings", "findings.jsonl") * 2, True, "--clean-scored: found 2"),
    ],
)
def test_options_that_do_not_fit_together_are_one_line(files, more, labels, message):
    paths = [part if part.startswith("--") else str(files / part) for part in more]
    error = invoke(files, *paths, labels=labels).exception
    assert isinstance(error, SettingsError)
    assert message in str(error)

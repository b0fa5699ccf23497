"""Verdicts from rules and a model: what the model is asked, what becomes of its answer, and what it may not overrule."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.streams import Features, Scored, Scripted, Tape, at, check, merged, score, units
from tickproof.features.table import INDEX, NAMES
from tickproof.findings.finding import VERDICT, Class, Severity, mask, names_of
from tickproof.rules import VERSION
from tickproof.shard import step as scoring
from tickproof.shard.state import ShardState
from tickproof.shard.step import SUPPORTED_SCORE, ShardSettings
from tickproof.shard.verdicts import verdicts_of
from tickproof.ticks.schema import Condition, Kind, concat

GOOD, SUSPECT, CORRUPT, MARKET = 0, 1, 2, 3
VENUES = ("XNAS", "ARCX", "BATS")


def away(scales: float) -> Callable[[Features], npt.NDArray[np.bool_]]:
    """Ticks that lie so far from their level."""
    return lambda features: np.nan_to_num(np.abs(features[:, INDEX["deviation"]])) > scales


def quotes(*prices: float, start: float = 10.0, tape: Tape | None = None, step: float = 0.01) -> Tape:
    """A calm tape of one venue, then quotes around these prices."""
    if tape is None:
        tape = Tape()
        for k in range(100):
            tape.quote(k * 0.1)
    for k, price in enumerate(prices):
        tape.quote(start + k * step, price - 0.01, price + 0.01)
    return tape


def scored_by(tape: Tape, model: Scripted | None, threshold: float = 4.0) -> Scored:
    return score(tape.ticks(), shard=ShardSettings(detector=model, threshold=threshold))


SMALL = (100.15, *[100.0] * 50)
"""15 bp away and back, 30 scales, which are a quarter of the spread: below every rule's limit."""


def test_a_model_alone_makes_a_tick_corrupt() -> None:
    scored = scored_by(quotes(*SMALL), Scripted(away(20)))
    verdict = scored.verdict(10.0)
    assert (verdict["quality"], verdict["score"]) == (CORRUPT, 6.0)
    assert (verdict["final_quality"], verdict["final_score"]) == (CORRUPT, 6.0)
    assert names_of(verdict["final_reasons"]) == ["digit_error"]
    (finding,) = scored.last()
    assert (finding.code, finding.class_, finding.severity) == ("digit_error", Class.CORRUPT_TICK, Severity.CRITICAL)
    assert (finding.score, finding.model_version) == (6.0, "scripted-1")
    assert scored_by(quotes(*SMALL), None).last() == []


@pytest.mark.parametrize(
    ("answer", "quality"), [(4.0, CORRUPT), (3.99, SUSPECT), (3.0, SUSPECT), (2.99, GOOD), (0.0, GOOD), (-1.0, GOOD)]
)
def test_the_threshold_is_inclusive_and_a_tenth_of_it_is_suspect(answer: float, quality: int) -> None:
    verdict = scored_by(quotes(*SMALL), Scripted(away(20), sure=answer)).verdict(10.0)
    assert (verdict["quality"], verdict["final_quality"]) == (quality, quality)
    assert verdict["score"] == pytest.approx(max(answer, 0.0))


def test_the_threshold_is_a_setting() -> None:
    assert scored_by(quotes(*SMALL), Scripted(away(20)), threshold=6.5).verdict(10.0)["final_quality"] == SUSPECT


def test_a_rule_that_says_corrupt_sets_99_whatever_the_model_says() -> None:
    scored = scored_by(quotes(110.0, *[100.0] * 50), Scripted(away(1e9)))
    verdict = scored.verdict(10.0)
    assert (verdict["final_quality"], verdict["final_score"]) == (CORRUPT, 99.0)
    assert names_of(verdict["final_reasons"]) == ["spike"]


def test_a_level_that_holds_lowers_the_model() -> None:
    scored = scored_by(quotes(*[100.15] * 50), Scripted(away(20)))
    verdict = scored.verdict(10.0)
    assert (verdict["quality"], verdict["score"]) == (CORRUPT, 6.0)
    assert (verdict["final_quality"], verdict["final_score"]) == (GOOD, SUPPORTED_SCORE)
    assert verdict["final_reasons"] == 0


def test_a_score_below_what_support_leaves_is_kept() -> None:
    verdict = scored_by(quotes(*[100.15] * 50), Scripted(away(20), sure=1.0)).verdict(10.0)
    assert verdict["final_score"] == 1.0


def market(*moves: float, others: float = 100.0) -> Scored:
    """Three venues; the first makes the moves, the others go to their own price 1 ms later."""
    tapes = [Tape(channel=f"{venue}.A", venue=venue) for venue in VENUES]
    for k in range(100):
        for j, tape in enumerate(tapes):
            tape.quote(k * 0.1 + j * 0.001)
    quotes(*moves, tape=tapes[0])
    for j, tape in enumerate(tapes[1:], 1):
        quotes(*[others] * len(moves), start=10 + j * 0.001, tape=tape)
    return score(merged(*tapes), shard=ShardSettings(detector=Scripted(away(20))))


def test_other_venues_that_follow_lower_the_model_and_others_that_do_not_leave_it() -> None:
    followed, lonely = market(*[100.15] * 30, others=100.15), market(100.15, *[100.0] * 30)
    assert followed.verdict(10.0)["quality"] == CORRUPT
    assert followed.verdict(10.0)["final_quality"] == GOOD
    assert lonely.verdict(10.0)["final_quality"] == CORRUPT


def test_other_venues_that_stay_behind_refute_a_level_that_holds() -> None:
    assert market(*[100.15] * 30, others=100.0).verdict(10.0)["final_quality"] == CORRUPT


def test_the_model_is_asked_once_about_every_priced_tick() -> None:
    """Not about heartbeats, single sides, copies, wrong messages, explained prints and shared moves."""
    model = Scripted(away(1e9))
    tape = quotes()
    asked = len(tape)
    tape.trade(10.0, 100.0)
    asked += 1
    tape.heartbeat(10.1)
    tape.quote(10.2, 99.99, None)
    tape.messages.append(tape.messages[asked - 1] | {"ts_recv": at(10.3)})
    tape.trade(10.4, -1)
    tape.trade(10.5, 102, conditions=int(Condition.SOLD_LATE))
    tape.status(10.6, Condition.HALTED)
    tape.write(Kind.TRADE_CANCEL, 10.7, price=units(100), size=units(1))
    scored = scored_by(tape, model)
    assert sum(len(features) for features in model.asked) == asked
    for features in model.asked:
        assert features.dtype == np.float64
        assert features.shape[1] == len(NAMES)
        assert features.flags.c_contiguous
    np.testing.assert_array_equal(np.concatenate(model.asked), scored.features[:asked])
    assert not scored.verdicts["score"][asked:][scored.verdicts["quality"][asked:] != CORRUPT].any()


def test_a_copy_is_suspect_and_not_scored() -> None:
    tape = quotes(100.15)
    tape.messages.append(tape.messages[-1] | {"ts_recv": at(10.005)})
    quotes(*[100.0] * 50, start=10.01, tape=tape)
    verdict = scored_by(tape, Scripted(away(20))).verdict(10.005)
    assert (verdict["final_quality"], verdict["final_score"]) == (SUSPECT, 0.0)
    assert names_of(verdict["final_reasons"]) == ["duplicate"]


@pytest.mark.parametrize("code", ["out_of_order", "late_tick"])
def test_codes_of_the_channel_are_reasons(code: str) -> None:
    """Sequence and clock codes give at most 1, information gives 0."""
    tape = quotes()
    tape.quote(15)
    tape.quote(13.5)
    verdict = scored_by(tape, None).verdict(13.5)
    assert verdict["final_reasons"] & mask([code])
    assert verdict["final_quality"] == SUSPECT


def test_gaps_and_latency_leave_a_tick_good() -> None:
    tape = quotes()
    tape.sequence = 500
    tape.quote(10)
    verdict = scored_by(tape, None).verdict(10)
    assert names_of(verdict["final_reasons"]) == ["sequence_gap"]
    assert verdict["final_quality"] == GOOD


def test_a_market_event_is_not_scored() -> None:
    scored = market(*[102.0] * 30, others=102.0)
    row = scored.rows_with("genuine_move", "reasons")[0]
    assert scored.verdicts["score"][row] == 0
    assert set(scored.verdicts["final_quality"].tolist()) <= {GOOD, MARKET}


def test_the_name_of_a_model_s_verdict_goes_by_what_is_odd() -> None:
    def named(**odd: float) -> list[str]:
        features = np.zeros((1, len(NAMES)))
        for name, value in odd.items():
            features[0, INDEX[name]] = value
        bits = np.zeros(1, np.uint64)
        _, _, reasons = verdicts_of(bits, np.zeros(1, np.uint8), np.full(1, 9, np.float32), features, 4.0)
        return names_of(int(reasons[0]))

    assert named(deviation=5) == ["digit_error"]
    assert named(size=9, deviation=5) == ["size_outlier"]
    assert named(size=np.nan, deviation=np.nan, residual=np.nan) == ["digit_error"]
    assert named(deviation=5, flagged_run=np.log(4)) == ["bad_run"]
    # That a price does not move is left to the rules: no tick is wrong by it.
    assert named(equal_run=3, missed_move=-5) == ["digit_error"]


def test_what_a_rule_named_is_not_named_again() -> None:
    bits = np.array([mask(["spike"]), mask(["wide_spread"])], np.uint64)
    features = np.zeros((2, len(NAMES)))
    _, _, reasons = verdicts_of(bits, np.array([1, 1], np.uint8), np.full(2, 9, np.float32), features, 4.0)
    assert [names_of(int(reason)) for reason in reasons] == [["spike"], ["digit_error", "wide_spread"]]


def test_an_overtaken_tick_is_checked_by_its_message_alone() -> None:
    tape = Tape()
    tape.quote(0)
    tape.quote(1, 200, 100)  # crossed needs to know the venue
    tape.trade(2, 0)
    tape.quote(3, ts_event=at(30))
    tape.messages.append(tape.messages[-2] | {"ts_recv": at(4)})
    ticks = check(tape.ticks()).ticks
    verdicts = scoring.overtaken(ticks)
    assert verdicts.dtype == VERDICT
    assert verdicts["final_quality"].tolist() == verdicts["quality"].tolist() == [GOOD, GOOD, CORRUPT, CORRUPT, CORRUPT]
    assert verdicts["final_score"].tolist() == [0, 0, 99, 99, 99]
    assert names_of(int(verdicts["final_reasons"][4])) == ["price_not_positive", "duplicate"]
    assert len(scoring.overtaken(concat([]))) == 0


def test_a_model_s_version_stands_in_findings() -> None:
    state = ShardState.new("m7")
    tape = Tape()
    tape.trade(0, -2)
    result = scoring.step(state, check(tape.ticks()).ticks, at(9), ShardSettings())
    assert [(finding.model_version, finding.rules_version) for finding in result.findings] == [("m7", VERSION)]


class Explaining(Scripted):
    """A scripted model that explains its score."""

    def contributions(self, row: Features) -> Features:
        """Three parts of the deviation, one against by the spread, none of what is missing."""
        parts = np.zeros(len(row))
        parts[INDEX["deviation"]], parts[INDEX["spread_bp"]], parts[INDEX["residual"]] = 3.0, -1.0, 4.0
        return parts


def test_a_finding_of_the_model_says_what_its_score_is_made_of() -> None:
    """Shares are of all contributions, for and against; `residual` is missing with one venue, so that it has no value to show."""
    scored = scored_by(quotes(*SMALL), Explaining(away(20)))
    (finding,) = scored.last()
    assert [(part.feature, part.share) for part in finding.contributions] == [("deviation", 0.375), ("spread_bp", -0.125)]
    assert finding.contributions[0].value == pytest.approx(1e4 * np.log(100.15 / 100.0) / 0.5, rel=1e-3)
    assert finding.corroboration == []


def test_what_a_rule_is_sure_of_needs_no_contributions() -> None:
    (finding,) = scored_by(quotes(110.0, *[100.0] * 50), Explaining(away(1e9))).last()
    assert (finding.score, finding.contributions) == (99.0, [])


def rising(*after: float, one_sided: bool = False) -> Scored:
    """A venue jumps by 1 %, while the others, whose last prices are a second old, send nothing; then its prices are `after`."""
    tapes = [Tape(channel=f"{venue}.A", venue=venue) for venue in VENUES]
    for k in range(100):
        for j, tape in enumerate(tapes):
            tape.quote(k * 0.1 + j * 0.001)
    quotes(101.0, start=11.0, tape=tapes[0])
    for k, price in enumerate(after):
        tapes[0].quote(11.05 + 0.05 * k, price, None if one_sided else price + 0.02)
    return score(merged(*tapes), shard=ShardSettings(detector=Scripted(away(20))))


def test_a_move_that_goes_on_unrefuted_lowers_the_model() -> None:
    verdict = rising(101.5, 102.0, 102.5).verdict(11.0)
    assert (verdict["quality"], verdict["score"]) == (CORRUPT, 99.0)
    assert (verdict["final_quality"], verdict["final_score"]) == (SUSPECT, SUPPORTED_SCORE)


def test_a_message_without_a_price_of_its_own_does_not_say_that_a_move_goes_on() -> None:
    """The model's 6 is not lowered as that of a supported tick; but where nobody has spoken since, it is suspect at most."""
    verdict = rising(101.0, one_sided=True).verdict(11.0)
    assert (verdict["final_quality"], verdict["final_score"]) == (SUSPECT, np.nextafter(np.float32(4.0), np.float32(0.0)))


def test_a_finding_says_whether_other_venues_agree() -> None:
    tapes = [Tape(venue=venue, channel=f"T.{venue}") for venue in VENUES]
    for tape in tapes:
        for k in range(150):
            tape.quote(k * 0.1)
    tapes[0].quote(12.02, 109.99, 110.01)
    said = [finding.corroboration for finding in score(merged(*tapes)).last() if finding.code == "spike"]
    assert said == [["the median of 2 other venues, 100 before the tick, disagrees"]]

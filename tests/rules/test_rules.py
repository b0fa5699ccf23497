"""Rules in detail: where each limit lies, what is only suspect, what is a habit, and what others share.

Three venues quote 99.99 / 100.01 from second 0 to 12; then it happens. The spread is 2 bp. A price is off its level from
25 bp on, a trade outside the quotes from 20 bp on, a spread wide from 15 × 2 bp on.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.support.streams import VENUES, Market, Scored, Tape, at, level_that_holds, quoting, score, spike, units
from tickproof.findings.finding import Class, Severity
from tickproof.rules.venue_habits import HABIT_QUOTES
from tickproof.ticks.schema import NS_PER_SECOND, Condition, Kind

GOOD, SUSPECT, CORRUPT, MARKET = 0, 1, 2, 3


def alone() -> Market:
    return Market(venues=VENUES[:1])


def qualities(scored: Scored, column: str = "final_quality") -> set[int]:
    return set(scored.verdicts[column].tolist())


# --- prices -----------------------------------------------------------------------------------------------------------------


def test_a_spike_that_snaps_back_is_corrupt() -> None:
    scored = spike()
    verdict = scored.verdict(12.02)
    assert (verdict["quality"], verdict["final_quality"], verdict["final_score"]) == (CORRUPT, CORRUPT, 99.0)
    assert len(scored.rows_with("spike")) == 1
    assert np.count_nonzero(scored.verdicts["final_quality"]) == 1
    (finding,) = scored.of("spike")
    assert (finding.class_, finding.severity, finding.unit) == (Class.CORRUPT_TICK, Severity.CRITICAL, "price")
    assert finding.measured == pytest.approx(101.0, rel=1e-6)
    assert finding.reference == pytest.approx(100.0, rel=1e-6)
    assert finding.threshold == pytest.approx(100.25, rel=1e-4)
    assert finding.detected_at == at(12.02)


def test_a_spike_on_a_lone_venue_is_corrupt_once_it_came_back() -> None:
    scored = spike(market=alone())
    verdict = scored.verdict(12.02)
    assert (verdict["quality"], verdict["final_quality"]) == (SUSPECT, CORRUPT)
    (finding,) = scored.of("spike")
    assert finding.detected_at == at(12.02) + 250_000_000


@pytest.mark.parametrize(("price", "found"), [(100.24, False), (99.76, False), (100.26, True), (99.74, True)])
def test_25_basis_points_are_the_limit_of_a_calm_market(price: float, found: bool) -> None:
    """Where no two other venues see a quote go and come back."""
    assert (qualities(spike(price, Market(VENUES[:2]))) == {GOOD, CORRUPT}) is found


def test_a_new_level_on_a_lone_venue_is_no_corruption() -> None:
    scored = level_that_holds()
    assert qualities(scored) == {GOOD}
    assert scored.of("spike") == []


def test_a_move_that_others_share_is_a_market_event() -> None:
    """One venue first, the others within milliseconds."""
    scored = level_that_holds(VENUES)
    assert qualities(scored) == {GOOD, MARKET}
    assert scored.verdict(12.0, venue="XNAS")["final_quality"] == MARKET
    assert not scored.of("spike")
    for finding in scored.of("genuine_move"):
        assert (finding.class_, finding.severity) == (Class.MARKET_EVENT, Severity.INFO)


def test_a_shared_move_below_half_a_percent_is_nothing() -> None:
    assert qualities(level_that_holds(VENUES, 100.4)) == {GOOD}


def test_fast_news_where_others_are_already_beyond() -> None:
    """
    two venues   100 … 101 102 103 104   (1 % every 50 ms)
    the third    100 ......... 102 ...   one step late, short of where the others are
    """
    market = Market()
    market.go_on(12, 12.3, lambda t: 100.0 + 20 * (t - 12 + 0.05), venues=("ARCX", "BATS"))
    for k in range(6):
        market.first.quote(12.02 + 0.05 * k, 99.99 + k, 100.01 + k)
    market.go_on(12.35, 16, 106.0)
    scored = market.scored()
    assert CORRUPT not in qualities(scored)
    assert scored.of("genuine_move")


def test_a_venue_that_leaves_the_others_is_a_bad_run() -> None:
    """The others stay at 100: the tenth wrong tick is as wrong as the first."""
    market = Market()
    for k in range(400):
        middle = 101.0 if 0 <= k < 20 else 100.0
        market.first.quote(12 + k * 0.05, middle - 0.01, middle + 0.01)
    market.go_on(12, 32, venues=("ARCX", "BATS"))
    scored = market.scored()
    wrong = [k for k in range(20) if scored.verdict(12 + k * 0.05, venue="XNAS")["final_quality"] == CORRUPT]
    assert wrong == list(range(20))
    assert len(scored.rows_with("bad_run")) >= 18
    assert np.count_nonzero(scored.verdicts["final_quality"]) == 20
    (finding,) = scored.of("bad_run")
    assert finding.severity == Severity.CRITICAL


def test_a_level_that_others_do_not_share_is_accepted_after_ten_seconds() -> None:
    market = Market()
    market.go_on(12, 40, 101.0, venues=("XNAS",))
    market.go_on(12, 40, 100.0, venues=("ARCX", "BATS"))
    scored = market.scored()
    mine = scored.where(venue="XNAS")
    wrong = scored.verdicts["final_quality"][mine] == CORRUPT
    moments = (scored.ticks.rows["ts_recv"][mine][wrong] - at(0)) / NS_PER_SECOND
    assert moments.min() == 12.0
    assert 21.5 < moments.max() <= 22.1


def test_a_spike_outside_hours_is_suspected_only() -> None:
    market = Market()
    market.first.trade(12.02, 101.0, conditions=int(Condition.EXTENDED_HOURS))
    market.go_on(12.05, 14)
    assert qualities(market.scored()) == {GOOD, SUSPECT}


def test_nothing_is_judged_before_twenty_ticks() -> None:
    market = Market(venues=VENUES[:1], warm_s=0.05 * 19)
    market.first.quote(1.0, 104.0, 104.02)
    assert qualities(market.scored()) == {GOOD}
    market.go_on(1.05, 1.3)
    market.first.quote(1.31, 104.0, 104.02)
    market.go_on(1.35, 2.0)
    assert market.scored().verdict(1.31)["final_quality"] == CORRUPT


# --- powers of ten ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [10.0, 100.0, 0.1, 0.001])
@pytest.mark.parametrize("trade", [False, True])
def test_a_decimal_shift_of_one_tick(factor: float, trade: bool) -> None:
    market = Market()
    if trade:
        market.first.trade(12.02, 100.0 * factor)
    else:
        market.first.quote(12.02, 99.99 * factor, 100.01 * factor)
    market.go_on(12.05, 14)
    scored = market.scored()
    assert scored.verdict(12.02)["final_quality"] == CORRUPT
    assert len(scored.rows_with("decimal_shift")) == 1
    assert len(scored.rows_with("spike")) == 0
    assert np.count_nonzero(scored.verdicts["final_quality"]) == 1


@pytest.mark.parametrize(("factor", "found"), [(10 * 1.015, True), (10 / 1.015, True), (10 * 1.025, False), (5.0, False)])
def test_two_percent_is_near_a_power_of_ten(factor: float, found: bool) -> None:
    market = Market()
    market.first.quote(12.02, 99.99 * factor, 100.01 * factor)
    market.go_on(12.05, 14)
    scored = market.scored()
    assert bool(scored.rows_with("decimal_shift")) is found
    assert bool(scored.rows_with("spike")) is not found


def test_a_split_that_every_venue_makes_is_a_market_event() -> None:
    scored = level_that_holds(VENUES, 10.0)
    assert qualities(scored) == {GOOD, MARKET}
    assert not scored.of("decimal_shift")


def test_a_split_of_a_lone_venue_is_accepted_a_minute_after_the_pause_that_it_came_with() -> None:
    market, night = alone(), 12 + 8 * 3600.0
    market.go_on(night, night + 90, 10.0)
    scored = market.scored()
    shifted = scored.rows_with("decimal_shift")
    moments = (scored.ticks.rows["ts_recv"][shifted] - at(night)) / NS_PER_SECOND
    assert moments[0] == 0.0
    assert moments[-1] == pytest.approx(60.0, abs=0.3)
    after = scored.ticks.rows["ts_recv"] > at(night + 61)
    assert not scored.verdicts["final_quality"][after].any()


@pytest.mark.parametrize("price", [10.0, 46.0, 210.0, 1_000.0])
def test_a_lone_venue_is_not_believed_at_half_or_double_of_its_price_without_a_pause(price: float) -> None:
    """However often it says so; and the first right price after it is good."""
    market = alone()
    market.go_on(12, 100, price)
    market.go_on(100, 110)
    scored = market.scored()
    times = scored.ticks.rows["ts_recv"]
    wrong = (times >= at(12)) & (times < at(100))
    assert set(scored.verdicts["final_quality"][wrong].tolist()) == {CORRUPT}
    assert not scored.verdicts["final_quality"][~wrong].any()


@pytest.mark.parametrize("price", [25.0, 340.0])
def test_a_lone_venue_is_believed_anywhere_after_a_night(price: float) -> None:
    """A split that nobody announced: its first prices are suspect, none is corrupt."""
    market, night = alone(), 12 + 8 * 3600.0
    market.go_on(night, night + 10, price)
    scored = market.scored()
    assert qualities(scored) <= {GOOD, SUSPECT, MARKET}
    assert not scored.verdicts["final_quality"][scored.ticks.rows["ts_recv"] > at(night + 1)].any()


def test_a_lone_venue_is_believed_at_two_thirds_of_its_price() -> None:
    market = alone()
    market.go_on(12, 40, 67.0)
    scored = market.scored()
    assert not scored.verdicts["final_quality"][scored.ticks.rows["ts_recv"] > at(13)].any()


@pytest.mark.slow
def test_a_shift_that_other_venues_contradict_is_never_accepted() -> None:
    market = Market()
    market.go_on(12, 100, 10.0, venues=("XNAS",))
    market.go_on(12, 100, 100.0, venues=("ARCX", "BATS"))
    scored = market.scored()
    mine = scored.where(venue="XNAS")[240:]
    assert len(mine) > 1_000
    assert (scored.verdicts["final_quality"][mine] == CORRUPT).all()
    assert not scored.verdicts["final_quality"][scored.where(venue="ARCX")].any()


# --- sides ------------------------------------------------------------------------------------------------------------------


def test_a_crossed_quote_of_a_venue_that_never_crosses_is_corrupt() -> None:
    tape = quoting(HABIT_QUOTES)
    tape.quote(10.0, 100.02, 99.98)
    tape.quote(10.01)
    scored = score(tape.ticks())
    assert scored.verdict(10.0)["final_quality"] == CORRUPT
    (finding,) = scored.of("crossed")
    assert (finding.severity, finding.measured, finding.reference) == (Severity.WARNING, 100.02, 99.98)


def test_a_crossed_quote_is_only_suspected_until_a_thousand_quotes_are_known() -> None:
    tape = quoting(HABIT_QUOTES - 1)
    tape.quote(9.99, 100.02, 99.98)
    scored = score(tape.ticks())
    assert scored.verdict(9.99)["final_quality"] == SUSPECT
    (finding,) = scored.of("crossed")
    assert finding.severity == Severity.INFO


def test_locked_sides_are_not_crossed() -> None:
    tape = quoting(HABIT_QUOTES)
    tape.quote(10.0, 100.0, 100.0)
    scored = score(tape.ticks())
    assert qualities(scored) == {GOOD}
    (finding,) = scored.last()
    assert (finding.code, finding.class_, finding.severity) == ("locked", Class.INFORMATION, Severity.INFO)


@pytest.mark.parametrize(("bp", "code"), [(1.6, "crossed"), (0.0, "locked")])
def test_a_habit_is_told_of_once_and_of_the_venue(bp: float, code: str) -> None:
    """Every tenth quote crosses or locks: known at the thousandth, of which a hundred did."""
    scored = score(locking_or_crossing(3 * HABIT_QUOTES, bp).ticks())
    (finding,) = [one for one in scored.of(code) if one.symbol is None]
    assert (finding.venue, finding.severity, finding.current, finding.count) == ("XNAS", Severity.INFO, "good", 1)
    assert finding.corroboration == [f"100 of 1000 quotes of XNAS {code.removesuffix('ed')}: its habit, told of no more"]
    assert max(scored.rows_with(code)) < HABIT_QUOTES


def locking_or_crossing(count: int, bp: float) -> Tape:
    if bp:
        return quoting(count, crossed_every=10, width_bp=bp)
    tape = Tape()
    for k in range(count):
        half = 0.0 if k % 10 == 5 else 1e-4
        tape.quote(k * 0.01, 100 * (1 - half), 100 * (1 + half))
    return tape


def test_a_venue_that_crosses_by_habit_is_left_alone() -> None:
    """An aggregated feed: every tenth quote crossed by 1.6 bp. Known from the thousandth quote on."""
    scored = score(quoting(3 * HABIT_QUOTES, crossed_every=10, width_bp=1.6).ticks())
    assert max(scored.rows_with("crossed")) < HABIT_QUOTES
    assert qualities(scored) == {GOOD, SUSPECT}


def test_a_habit_may_break_its_own_record() -> None:
    """Widths that grow by half each time; twice the record is the limit."""
    tape = quoting(2 * HABIT_QUOTES, crossed_every=10, width_bp=0.4)
    for k, width_bp in enumerate((0.6, 0.9, 1.3, 1.6)):
        tape.quote(20 + k, 100 * (1 + width_bp / 2e4), 100 * (1 - width_bp / 2e4))
    scored = score(tape.ticks())
    assert max(scored.rows_with("crossed")) < HABIT_QUOTES
    tape.quote(30, 100 * (1 + 3.4 / 2e4), 100 * (1 - 3.4 / 2e4))
    assert score(tape.ticks()).verdict(30)["final_quality"] == CORRUPT


def test_a_habit_has_a_width() -> None:
    tape = quoting(2 * HABIT_QUOTES, crossed_every=10, width_bp=1.6)
    tape.quote(20.0, 100.05, 99.95)
    tape.quote(20.01)
    scored = score(tape.ticks())
    assert scored.verdict(20.0)["final_quality"] == CORRUPT


def test_one_crossed_quote_in_two_hundred_is_no_habit() -> None:
    scored = score(quoting(3 * HABIT_QUOTES, crossed_every=200, width_bp=1.6).ticks())
    late = [row for row in scored.rows_with("crossed") if row >= HABIT_QUOTES]
    assert len(late) == 10
    assert (scored.verdicts["final_quality"][late] == CORRUPT).all()


@pytest.mark.parametrize(("half", "found"), [(0.14, False), (0.16, True)])
def test_a_spread_of_fifteen_times_the_median(half: float, found: bool) -> None:
    """Median 2 bp: 28 bp are usual enough, 32 bp are not."""
    market = Market()
    market.first.quote(12.02, 100 - half, 100 + half)
    market.go_on(12.05, 14)
    scored = market.scored()
    assert qualities(scored) == ({GOOD, SUSPECT} if found else {GOOD})
    if found:
        (finding,) = scored.of("wide_spread")
        assert finding.measured == pytest.approx(16, rel=0.01)
        assert (finding.threshold, finding.reference, finding.unit) == (15.0, 1.0, "ratio")
        assert (finding.severity, finding.current) == (Severity.WARNING, "suspect")


def test_a_tight_market_needs_twenty_basis_points() -> None:
    tape = Tape()
    for k in range(100):
        tape.quote(k * 0.01, 99.9999, 100.0001)
    tape.quote(2, 99.91, 100.09)
    assert qualities(score(tape.ticks())) == {GOOD}


def test_a_spread_that_stays_wide_is_learnt() -> None:
    market = alone()
    for k in range(400):
        market.first.quote(12 + k * 0.05, 99.5, 100.5)
    scored = market.scored()
    wide = scored.rows_with("wide_spread")
    assert 20 < len(wide) < 200
    assert not scored.verdicts["final_quality"][wide[-1] + 1 :].any()


@pytest.mark.parametrize(
    ("bid", "ask"), [(99.0, None), (None, 101.0), (0.01, None), (None, 199_999.99), (50.0, None), (99.99, None), (None, 100.01)]
)
def test_one_side_alone_is_never_corrupt(bid: float | None, ask: float | None) -> None:
    market = Market()
    for k in range(5):
        market.first.quote(12.02 + k * 0.05, bid, ask)
    market.go_on(12.3, 14)
    assert qualities(market.scored()) == {GOOD}


def test_a_stub_is_wide_and_not_corrupt() -> None:
    market = Market()
    market.first.quote(12.02, 0.01, 199_999.99)
    market.first.quote(12.03, 0.01, 100.01)
    market.first.quote(12.04, 99.99, 199_999.99)
    market.go_on(12.05, 14)
    scored = market.scored()
    assert qualities(scored) == {GOOD, SUSPECT}
    assert len(scored.rows_with("wide_spread")) == 3


def test_empty_sides_are_not_judged() -> None:
    market = Market()
    market.first.quote(12.02, None, None, bid_sz=0, ask_sz=0)
    market.first.quote(12.03, None, 100.01, bid_sz=0)
    market.go_on(12.05, 14)
    assert qualities(market.scored()) == {GOOD}


# --- trades against quotes --------------------------------------------------------------------------------------------------


def test_a_trade_outside_fresh_quotes() -> None:
    """23 bp away: 22 bp outside the ask, within the 25 bp of its level."""
    market = Market()
    market.first.trade(12.02, 100.23)
    market.go_on(12.05, 14)
    scored = market.scored()
    verdict = scored.verdict(12.02)
    assert verdict["final_quality"] == CORRUPT
    assert scored.rows_with("outside_quotes") == scored.where(ts_recv=at(12.02)).tolist()
    assert not scored.rows_with("spike")
    (finding,) = scored.of("outside_quotes")
    assert finding.measured == pytest.approx(100.23)
    # 23 bp off the middle and 22 off the ask; 3 spreads of 2 bp are less than 20 bp.
    assert finding.reference == pytest.approx(100.01, abs=0.005)
    assert finding.threshold == pytest.approx(finding.reference * math.exp(20e-4))


@pytest.mark.parametrize("price", [100.2, 99.8, 100.01])
def test_a_trade_less_far_outside(price: float) -> None:
    market = Market()
    market.first.trade(12.02, price)
    market.go_on(12.05, 14)
    assert qualities(market.scored()) == {GOOD}


def test_a_quote_of_the_same_stamp_says_nothing_of_a_trade() -> None:
    market = Market()
    market.first.quote(12.02)
    market.first.trade(12.02, 100.23)
    market.go_on(12.05, 14)
    assert qualities(market.scored()) == {GOOD}


@pytest.mark.parametrize(("age", "found"), [(2.0, True), (2.0 + 1e-6, False)])
def test_quotes_are_fresh_for_two_seconds(age: float, found: bool) -> None:
    market = Market()
    market.go_on(12, 16, venues=("ARCX", "BATS"))
    last = market.first.messages[-1]["ts_recv"]
    market.first.trade(0, 100.23, ts_recv=last + round(age * NS_PER_SECOND), ts_event=last)
    market.go_on(16, 18)
    assert (CORRUPT in qualities(market.scored())) is found


def test_a_trade_that_later_quotes_surround_is_right() -> None:
    """The ask comes to within 20 bp of it, the level hardly moves."""
    market = Market()
    market.first.trade(12.02, 100.23)
    for k in range(30):
        market.first.quote(12.05 + k * 0.05, 99.99, 100.05)
    market.go_on(12.05, 14, venues=VENUES[1:])
    scored = market.scored()
    assert scored.verdict(12.02)["quality"] == CORRUPT
    assert scored.verdict(12.02)["final_quality"] == GOOD


def test_a_trade_to_which_the_quotes_move_is_right() -> None:
    market = Market()
    market.first.trade(12.02, 100.23)
    market.go_on(12.05, 14, 100.23)
    assert CORRUPT not in qualities(market.scored())


# --- explained prints -------------------------------------------------------------------------------------------------------

EXPLAINING = (
    Condition.AVERAGE_PRICE,
    Condition.DERIVATIVELY_PRICED,
    Condition.SOLD_LATE,
    Condition.OUT_OF_SEQUENCE,
    Condition.PRIOR_REFERENCE_PRICE,
    Condition.CONTINGENT,
    Condition.OFFICIAL_PRICE,
)


def print_off_market(conditions: int, price: float = 102.0) -> Scored:
    market = Market()
    market.first.trade(12.02, price, conditions=conditions)
    market.go_on(12.05, 14)
    return market.scored()


@pytest.mark.parametrize("condition", EXPLAINING, ids=lambda condition: condition.name)
def test_a_condition_that_explains_an_off_market_print(condition: Condition) -> None:
    scored = print_off_market(int(condition | Condition.ODD_LOT))
    assert qualities(scored) == {GOOD}
    verdict = scored.verdict(12.02)
    assert (verdict["score"], verdict["final_score"]) == (0.0, 0.0)
    (finding,) = scored.of("explained_print")
    assert (finding.class_, finding.severity) == (Class.INFORMATION, Severity.INFO)
    assert finding.reference == pytest.approx(100.0)


@pytest.mark.parametrize("condition", [Condition(0), Condition.ODD_LOT, Condition.INTERMARKET_SWEEP])
def test_a_condition_that_does_not(condition: Condition) -> None:
    scored = print_off_market(int(condition))
    assert scored.verdict(12.02)["final_quality"] == CORRUPT
    assert not scored.of("explained_print")


def test_a_condition_on_a_print_at_the_market_needs_no_finding() -> None:
    scored = print_off_market(int(Condition.AVERAGE_PRICE), 100.0)
    assert scored.findings == []


def test_an_explained_print_moves_no_level() -> None:
    market = alone()
    for k in range(50):
        market.first.trade(12.01 + k * 0.02, 102.0, conditions=int(Condition.SOLD_LATE))
    market.go_on(13.1, 15)
    assert qualities(market.scored()) == {GOOD}


# --- facts about a message alone --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "columns", "missing"),
    [
        (Kind.TRADE, {"price": 1, "size": 1}, False),
        (Kind.TRADE, {"price": 1}, True),
        (Kind.TRADE, {"size": 1}, True),
        (Kind.TRADE, {}, True),
        (Kind.TRADE, {"bid_px": 1, "ask_px": 2}, True),
        (Kind.QUOTE, {}, True),
        (Kind.QUOTE, {"price": 1, "size": 1}, True),
        (Kind.QUOTE, {"bid_px": 1}, False),
        (Kind.QUOTE, {"ask_px": 1}, False),
        (Kind.QUOTE, {"bid_sz": 0}, False),
        (Kind.QUOTE, {"ask_sz": 0}, False),
        (Kind.QUOTE, {"bid_sz": 1}, True),
        (Kind.QUOTE, {"ask_px": 1, "bid_sz": 1}, True),
        (Kind.QUOTE, {"bid_px": 1, "bid_sz": 1, "ask_sz": 0}, False),
        (Kind.QUOTE, {"bid_px": 1, "ask_px": 2, "symbol": None}, True),
        (Kind.TRADE, {"price": 1, "size": 1, "symbol": None}, True),
        (Kind.TRADE_CANCEL, {"symbol": None}, True),
        (Kind.TRADE_CORRECTION, {"symbol": None}, True),
        (Kind.TRADE_CANCEL, {}, False),
        (Kind.HEARTBEAT, {"symbol": None}, False),
        (Kind.SESSION, {"symbol": None}, False),
        (Kind.STATUS, {}, False),
    ],
)
def test_what_each_kind_must_carry(kind: Kind, columns: dict[str, Any], missing: bool) -> None:
    tape = Tape()
    tape.write(kind, 0, **columns)
    scored = score(tape.ticks())
    assert scored.verdicts["final_quality"].tolist() == [CORRUPT if missing else GOOD]
    reported = {Kind.TRADE_CANCEL: ["cancelled"], Kind.TRADE_CORRECTION: ["corrected"]}.get(kind, [])
    assert sorted(finding.code for finding in scored.last()) == sorted(
        reported * ("symbol" not in columns) + ["field_missing"] * missing
    )


@pytest.mark.parametrize("value", [0, -1, -(2**63)])
@pytest.mark.parametrize("column", ["price", "bid_px", "ask_px"])
def test_a_price_must_be_positive(column: str, value: int) -> None:
    tape = Tape()
    whole: dict[str, Any] = {"price": 5, "size": 5} if column == "price" else {"bid_px": 5, "ask_px": 6}
    tape.write(Kind.TRADE if column == "price" else Kind.QUOTE, 0, **(whole | {column: value}))
    scored = score(tape.ticks())
    assert scored.verdicts["final_quality"].tolist() == [CORRUPT]
    # A zero is no price; −1 and the smallest integer are placeholders, which is reason enough.
    name, other = ("sentinel_value", "price_not_positive") if value else ("price_not_positive", "sentinel_value")
    (finding,) = scored.of(name)
    assert (finding.severity, finding.measured) == (Severity.CRITICAL, value / 1e9)
    assert scored.of(other) == []


def test_a_placeholder_beside_another_price_below_zero_is_two_reasons() -> None:
    tape = Tape()
    tape.write(Kind.QUOTE, 0, bid_px=-1, ask_px=-5)
    assert {finding.code for finding in score(tape.ticks()).findings} == {"sentinel_value", "price_not_positive"}


@pytest.mark.parametrize("value", [1, 2**62])
def test_any_positive_price_is_positive(value: int) -> None:
    tape = Tape()
    tape.write(Kind.TRADE, 0, price=value, size=1)
    tape.write(Kind.QUOTE, 1, bid_px=value, ask_px=value + 1)
    assert qualities(score(tape.ticks())) == {GOOD}


def test_a_wrong_message_moves_nothing() -> None:
    """Ticks that are wrong by themselves leave the verdicts of the others as they were."""
    plain, mixed = Market(), Market()
    for k in range(60):
        mixed.first.trade(12 + 0.01 * k, -1)
        mixed.first.quote(12 + 0.01 * k, -5, 3)
        mixed.first.write(Kind.TRADE, 12 + 0.01 * k, size=units(1))
    for market in (plain, mixed):
        market.first.quote(13.02, 101, 101.02)
        market.go_on(13.05, 15)
    mine = mixed.scored()
    wrong = {row for code in ("price_not_positive", "sentinel_value", "field_missing") for row in mine.rows_with(code)}
    others = [row for row in range(len(mine.ticks)) if row not in wrong]
    assert len(wrong) == 3 * 60
    assert mine.verdicts[others].tolist() == plain.scored().verdicts.tolist()


# --- more than one thing wrong ----------------------------------------------------------------------------------------------


def test_news_does_not_mend_a_wrong_time() -> None:
    market = Market()
    market.go_on(12, 12.1, 101.0, venues=("ARCX", "BATS"))
    market.first.quote(12.2, 100.99, 101.01, ts_event=at(12.2) + 10 * NS_PER_SECOND)
    market.go_on(12.25, 14, 101.0)
    verdict = market.scored().verdict(12.2)
    assert (verdict["quality"], verdict["final_quality"]) == (CORRUPT, CORRUPT)


def test_a_level_that_holds_does_not_mend_crossed_sides() -> None:
    """The price moves for good, and its first quote is crossed."""
    market = Market(venues=VENUES[:1], step=0.01)
    market.first.quote(12.001, 101.02, 100.98)
    market.go_on(12.01, 14, 101.0)
    verdict = market.scored().verdict(12.001)
    assert verdict["final_quality"] == CORRUPT


def test_a_copy_moves_no_level() -> None:
    tape = alone().first
    spiked = tape.quote(12.0, 101, 101.02)
    for k in range(10):
        tape.messages.append(tape.messages[spiked] | {"ts_recv": at(12.001 + k * 0.001)})
    for k in range(20):
        tape.quote(12.1 + k * 0.05)
    scored = score(tape.ticks())
    assert not scored.verdicts["final_quality"][-20:].any()

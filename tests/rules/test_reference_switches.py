"""Grids, lots, placeholders, sizes, names of spikes, unchanged quotes, bursts, cancels, splits and switches of the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.pipeline.engine import Engine
from jobs.pipeline.settings import PipelineSettings
from tests.support.rule_streams import of_two_symbols, on_grid, outside_again, second, sized, stuffed, taken_back, traded
from tests.support.streams import Scored, Tape, at, quoting, score, ticks_of, units
from tickproof.findings.finding import Severity
from tickproof.instrument.flood_share import MINUTE, MINUTE_NS, flooded
from tickproof.reference.data import Reference, parse
from tickproof.reference.tables import SENTINELS
from tickproof.rules import tick_grid as grid
from tickproof.rules.venue_habits import HABIT_QUOTES, ZERO_SIZE_NEEDED
from tickproof.shard import step as scoring
from tickproof.shard.state import ShardState
from tickproof.shard.step import ShardSettings
from tickproof.ticks.schema import NS_PER_SECOND, ROW, Condition, Kind, Ticks

GOOD, SUSPECT, CORRUPT, MARKET = 0, 1, 2, 3


def known(reference: dict[str, Any], ticks: Ticks) -> Scored:
    """Return what the engine finds with some reference data."""
    engine = Engine(PipelineSettings(1, reference=parse(reference, "test")))
    outputs = [engine.feed(ticks), engine.finish()]
    results = [result for output in outputs for _, result in output.scored]
    findings = [finding for output in outputs for finding in output.findings] + engine.open_findings()
    empty: list[Any] = []
    verdicts = np.concatenate([result.verdicts for result in results])
    return Scored(results[0].final if len(results) == 1 else ticks, verdicts, findings, [], np.zeros((0, 0)), empty)


# --- grids and lots ---------------------------------------------------------------------------------------------------------


def test_each_grid_is_a_multiple_of_the_next() -> None:
    assert all(coarse % fine == 0 and coarse > fine for coarse, fine in zip(grid.STEPS[:-1], grid.STEPS[1:], strict=True))
    assert grid.STEPS[-1] == 1


def test_a_price_off_the_learnt_grid() -> None:
    scored = on_grid(99.993)
    assert scored.verdict(11.5)["final_quality"] == CORRUPT
    (finding,) = scored.of("off_tick_grid")
    # The grid is half a cent coarser than nothing: cents. The nearest is 99.99.
    assert (finding.measured, finding.threshold, finding.reference) == (99.993, 0.01, 99.99)


@pytest.mark.parametrize("changes", [900, 1_100])
def test_a_grid_is_known_after_two_thousand_prices(changes: int) -> None:
    assert bool(on_grid(99.993, changes).rows_with("off_tick_grid")) is (changes >= 1_000)


def test_the_third_price_off_a_learnt_grid_is_the_new_grid() -> None:
    tape = Tape()
    for k in range(1_100):
        tape.quote(k * 0.01, 99.99 + 0.01 * (k % 5), 100.01 + 0.01 * (k % 5))
    for k in range(50):
        tape.quote(11.5 + k * 0.01, 99.993 + 0.001 * (k % 3), 100.01)
    assert len(score(tape.ticks()).rows_with("off_tick_grid")) == grid.EXCEPTIONS - 1


@pytest.mark.parametrize(
    ("price", "conditions", "quality"),
    [(100.05, 0, GOOD), (100.03, 0, CORRUPT), (100.025, 0, GOOD), (100.03, int(Condition.AVERAGE_PRICE), GOOD), (0.997, 0, GOOD)],
)
def test_a_tick_table_of_the_reference(price: float, conditions: int, quality: int) -> None:
    """From 1.00 on 5 cents, below a tenth of a cent; half a tick is a midpoint."""
    tape = Tape()
    tape.trade(0, price, conditions=conditions)
    table = {"instruments": [{"symbol": "ABC", "tick": [[0, units(0.001)], [units(1), units(0.05)]]}]}
    assert known(table, tape.ticks()).verdicts["final_quality"].tolist() == [quality]


def test_sizes_that_are_no_lots_any_more_are_in_another_unit() -> None:
    """150 quotes of whole hundreds, then quotes of 3: the twentieth in a row is one."""
    tape = Tape()
    for k in range(150):
        tape.quote(k * 0.1)
    for k in range(30):
        tape.quote(15 + k * 0.1, bid_sz=units(3), ask_sz=units(3))
    scored = known({"instruments": [{"symbol": "ABC", "lot": units(100)}]}, tape.ticks())
    assert scored.rows_with("unit_change") == list(range(169, 180))
    assert not score(tape.ticks()).rows_with("unit_change")


# --- placeholders -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", SENTINELS)
def test_usual_placeholders(value: int) -> None:
    tape = Tape()
    tape.write(Kind.QUOTE, 0, bid_px=units(99.99), ask_px=value, bid_sz=units(1), ask_sz=units(1))
    scored = score(tape.ticks())
    assert scored.verdicts["final_quality"].tolist() == [CORRUPT]
    (finding,) = scored.of("sentinel_value")
    assert finding.severity == Severity.CRITICAL
    assert finding.measured == pytest.approx(value / 1e9)


def test_a_channel_may_have_its_own() -> None:
    tape = Tape()
    tape.quote(0, 5.0, 7.0)
    own = known({"channels": {"XNAS.A": {"sentinels": [units(7)]}}}, tape.ticks())
    assert own.verdicts["final_quality"].tolist() == [CORRUPT]
    assert score(tape.ticks()).verdicts["final_quality"].tolist() == [GOOD]


def test_a_symbol_that_trades_near_a_placeholder_has_that_price() -> None:
    tape = Tape()
    for k in range(50):
        tape.quote(k * 0.1, 999_990.0, 1_000_010.0)
    tape.quote(6, 999_990.0, 999_999.9999)
    assert not score(tape.ticks()).rows_with("sentinel_value")


def test_negative_prices_are_a_switch_for_overtaken_ticks_too() -> None:
    tape = Tape()
    tape.trade(0, -2)
    tape.trade(1, -1)
    reference = parse({"instruments": [{"symbol": "ABC", "may_be_negative": True}]}, "test")
    assert scoring.overtaken(tape.ticks(), reference)["final_quality"].tolist() == [GOOD, GOOD]
    assert scoring.overtaken(tape.ticks())["final_quality"].tolist() == [CORRUPT, CORRUPT]


# --- sizes ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, -5])
def test_a_trade_of_no_size(size: float) -> None:
    """A negative one is always wrong, an empty one where the venue's first thousand trades had none."""
    tape = Tape()
    for k in range(ZERO_SIZE_NEEDED):
        tape.trade(k * 0.01)
    tape.trade(20.02, size=size)
    scored = score(tape.ticks())
    assert scored.verdict(20.02)["final_quality"] == CORRUPT
    (finding,) = scored.of("size_outlier")
    assert (finding.severity, finding.measured) == (Severity.WARNING, size)


def test_an_official_price_has_no_size() -> None:
    tape = Tape()
    tape.trade(0, size=0, conditions=int(Condition.OFFICIAL_PRICE))
    assert score(tape.ticks()).verdicts["final_quality"].tolist() == [GOOD]


def test_a_venue_that_prints_without_size_does_so_by_habit() -> None:
    """One in a hundred: the first comes before a hundred trades are known, the others after one already was; announced once."""
    tape = Tape()
    for k in range(2_000):
        tape.trade(k * 0.01, size=0 if k % 100 == 50 else 100)
    scored = score(tape.ticks())
    rows = np.array(scored.rows_with("size_outlier"))
    assert rows.max() < HABIT_QUOTES
    assert len(rows) == 10
    assert (scored.verdicts["final_quality"][rows] == SUSPECT).all()
    (announced,) = [finding for finding in scored.of("size_outlier") if finding.symbol is None]
    assert announced.severity == Severity.INFO


@pytest.mark.parametrize(
    ("size", "kind", "found"),
    [
        # Of 100 all along, and a tail of exponent 1 / 0.67: 2 239 times that comes once in 1e5, 48 990 times once in 1e7.
        (100 * 2_000, Kind.QUOTE, False),
        (100 * 2_400, Kind.QUOTE, True),
        (100 * 46_000, Kind.TRADE, False),
        (100 * 52_000, Kind.TRADE, True),
    ],
)
def test_sizes_beyond_their_tail(size: float, kind: Kind, found: bool) -> None:
    scored = sized(size, kind=kind)
    assert (scored.verdict(20.02)["final_quality"] == CORRUPT) is found


def test_a_displayed_size_that_stays_is_an_order() -> None:
    assert not sized(100 * 2_400, stays=True).rows_with("size_outlier")


# --- names ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "size", "code"),
    [
        (units(121.34), 10, "digit_error"),  # level 112.34: the second and the third digit
        (units(112.34) ^ 1 << 34, 10, "bit_flip"),  # 17.18 away
        (units(250), 112.34, "field_swap"),
        (units(117.77), 10, "spike"),
    ],
)
def test_a_spike_is_named_by_what_made_it(price: int, size: float, code: str) -> None:
    scored = traded(price, units(size), level=112.34)
    assert scored.verdict(12.02)["final_quality"] == CORRUPT
    assert len(scored.rows_with(code)) == 1
    assert sum(len(scored.rows_with(name)) for name in ("digit_error", "bit_flip", "field_swap", "spike")) in (1, 2)


def test_exchanged_sides_are_a_swap_where_a_venue_never_crosses() -> None:
    tape = quoting(HABIT_QUOTES)
    tape.quote(10.0, 100.01, 99.99)
    assert len(score(tape.ticks()).rows_with("field_swap")) == 1
    early = quoting(HABIT_QUOTES - 1)
    early.quote(9.99, 100.01, 99.99)
    assert not score(early.ticks()).rows_with("field_swap")


@pytest.mark.parametrize(("price", "named"), [(37.0, True), (37.2, False)])
def test_a_price_of_another_symbol(price: float, named: bool) -> None:
    scored = of_two_symbols(price)
    assert scored.verdict(20.0)["final_quality"] == CORRUPT
    assert bool(scored.rows_with("symbol_swap")) is named


# --- unchanged quotes and bursts --------------------------------------------------------------------------------------------


def test_a_quote_outside_which_trades_print_again_and_again() -> None:
    """Of 60 trades none was outside, and each that is adds a hundredth to the share: 16 is passed by −6 ln(1 − 0.99⁶) = 17.0, and
    not by −5 ln(1 − 0.99⁵) = 15.1."""
    scored = outside_again(8, moves=False)
    rows = scored.rows_with("stale_book")
    assert [second(scored.ticks, row) for row in rows] == [pytest.approx(30.2 + 0.5 * k) for k in (5, 6, 7)]
    assert (scored.verdicts["final_quality"][rows] == SUSPECT).all()


def test_five_trades_outside_are_not_enough() -> None:
    assert not outside_again(5, moves=False).rows_with("stale_book")


@pytest.mark.slow
def test_a_burst_without_information() -> None:
    scored = stuffed(moving=False)
    rows = scored.rows_with("burst")
    # From the thousandth tick of that second on.
    assert len(rows) == pytest.approx(500, abs=2)
    assert not stuffed(moving=False, rate=900).rows_with("burst")


# --- read anew --------------------------------------------------------------------------------------------------------------


def level_after(scored: Scored) -> float:
    """How far the first trade after a cancel lay from its level, in scales."""
    (row,) = scored.where(ts_recv=at(20.5))
    return abs(float(scored.features[row, 1]))


def test_a_trade_that_was_taken_back_leaves_the_references() -> None:
    """A trade moves the level by four tenths of its distance; the cancel gives that back."""
    plain, cancelled = taken_back(None), taken_back(Kind.TRADE_CANCEL)
    assert level_after(plain) > 1.0
    assert level_after(cancelled) == pytest.approx(0.0, abs=1e-6)
    (finding,) = cancelled.of("cancelled")
    assert finding.severity == Severity.INFO
    assert set(cancelled.verdicts["final_quality"].tolist()) == {GOOD}


def test_a_corrected_trade_counts_as_it_should_have_been() -> None:
    scored = taken_back(Kind.TRADE_CORRECTION, price=units(100.0), size=units(100))
    assert level_after(scored) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("announced", [True, False])
def test_a_split_of_the_reference_is_no_shift(announced: bool) -> None:
    """2 for 1 at 20 s on two venues ; the second sends a price later."""
    tape = Tape()
    for k in range(400):
        price = 100.0 if k < 200 else 50.0
        for venue in ("XNAS", "ARCX"):
            tape.quote(k * 0.1 + (0.03 if venue == "ARCX" else 0), price * 0.9999, price * 1.0001, venue=venue)
    action = {"actions": [{"symbol": "ABC", "ts": at(20), "kind": "split", "ratio": 2.0}]} if announced else {}
    scored = known(action, tape.ticks())
    assert bool(scored.verdicts["final_quality"].any()) is not announced


# --- floods -----------------------------------------------------------------------------------------------------------------


def test_severity_rises_in_a_flood() -> None:
    """Trades of a negative size are a warning; from the tenth of a minute that holds at most 1 000 ticks on, critical."""
    tape = Tape()
    for k in range(600):
        tape.trade(k * 0.05, size=-5 if 300 <= k < 320 else 100)
    scored = score(tape.ticks())
    revisions = [finding.severity for finding in scored.findings if finding.code == "size_outlier"]
    assert revisions[0] == Severity.WARNING
    assert scored.of("size_outlier")[0].severity == Severity.CRITICAL


def test_a_share_is_one_of_a_minute() -> None:
    """2 000 ticks a minute: the twenty-first corrupt one is more than a hundredth, and a new minute begins anew."""
    rows = np.zeros(4_000, ROW)
    rows["event_time"] = np.arange(4_000) * (MINUTE_NS // 2_000)
    quality = np.zeros(4_000, np.uint8)
    quality[2_100:2_130] = CORRUPT
    minutes = np.zeros(1, MINUTE)
    passed = flooded(rows, np.zeros(4_000, np.int64), quality, minutes)
    assert np.flatnonzero(passed)[0] == 2_120
    assert not flooded(rows[:10], np.zeros(10, np.int64), quality[:10], minutes).any()


# --- anything at all --------------------------------------------------------------------------------------------------------

EDGES = st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63), units(100), units(1e6), 2**62])
VALUE = st.one_of(st.none(), EDGES, st.integers(-(2**63), 2**63 - 1))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "kind": st.integers(0, 6),
                "symbol": st.sampled_from(["ABC", "DEF", None]),
                "conditions": st.integers(0, 2**16 - 1).map(
                    lambda bits: bits & ~int(Condition.HALTED | Condition.SESSION_CLOSED)
                ),
                **dict.fromkeys(("bid_px", "bid_sz", "ask_px", "ask_sz", "price", "size", "trade_id"), VALUE),
            }
        ),
        max_size=40,
    )
)
def test_no_tick_breaks_the_state(wrong: list[dict[str, Any]]) -> None:
    """Clean, anything, clean again: no exception, nothing infinite in the state, and the last ticks are good."""
    tape = Tape()
    for k in range(60):
        tape.quote(k * 0.1)
    reference = Reference.model_validate({"instruments": [{"symbol": "ABC", "tick": units(0.01), "lot": units(100)}]})
    messages = list(tape.messages)
    for k, columns in enumerate(wrong):
        messages.append({"ts_recv": at(6 + k * 0.01), "channel": "XNAS.A", "venue": "XNAS", **columns})
    late = Tape()
    for k in range(400):
        late.quote(10 + k * 0.1)
    ticks = ticks_of(messages + late.messages)
    ticks.rows["event_time"] = ticks.rows["ts_recv"]
    result = scoring.step(ShardState.new(reference=reference), ticks, at(1_000), ShardSettings())
    for name in result.state.instruments.dtype.names or ():
        if result.state.instruments.dtype[name].base.kind == "f" and name != "run_others":
            assert np.isfinite(result.state.instruments[name]).all(), name
    assert not np.isinf(result.features).any()
    last = result.final.rows["event_time"] > at(35)
    assert last.sum() > 100
    assert not result.verdicts["final_quality"][last].any()
    assert (result.final.rows["event_time"].max() - at(0)) / NS_PER_SECOND > 49

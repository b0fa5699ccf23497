"""Relations between prices: a leg that leaves the others is reported, and what only looks so is not. Streams: `tied_streams`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from jobs.pipeline.journal import pack_shard, unpack_shard
from tests.support.rule_streams import second
from tests.support.streams import Scored, Tape, released_often
from tests.support.tied_streams import BP, KNOWN, LEARNT, SYMBOLS, Streets, left, market, scored, shown
from tickproof.findings.finding import Class, Severity
from tickproof.reference.data import Reference, parse
from tickproof.rules.relations.marks import MARK
from tickproof.rules.relations.members import MEMBER
from tickproof.shard import step as scoring
from tickproof.shard.state import ShardState
from tickproof.shard.step import ShardSettings
from tickproof.ticks.reorder_buffer import in_order
from tickproof.ticks.schema import Condition, Ticks, concat

GOOD, SUSPECT, CORRUPT, MARKET = 0, 1, 2, 3


def said_of(found: Scored) -> set[tuple[str | None, str | None]]:
    return {(finding.venue, finding.symbol) for finding in found.of("cross_break")}


# --- what is a break --------------------------------------------------------------------------------------------------------


def test_a_triangle_that_holds_says_nothing() -> None:
    found = shown()
    assert not found.findings
    assert set(found.verdicts["final_quality"].tolist()) == {GOOD}


@pytest.mark.slow
@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("away", [4.5 * BP, -4.5 * BP])
@pytest.mark.parametrize("reference", [KNOWN, LEARNT])
def test_a_venue_that_leaves_the_other_legs_is_told_of(symbol: str, away: float, reference: dict[str, Any]) -> None:
    found = shown(left(symbol, ("W",), away), reference=reference)
    (finding,) = found.of("cross_break")
    assert (finding.venue, finding.symbol, finding.class_, finding.severity) == (
        "W",
        symbol,
        Class.FEED_ANOMALY,
        Severity.WARNING,
    )
    rows = found.rows_with("cross_break")
    assert {found.ticks.name(int(found.ticks.rows["symbol"][row])) for row in rows} == {symbol}
    # Off from the first quote at 30 s; a second later it has held, and it is off until 36 s.
    moments = [second(found.ticks, row) for row in rows]
    assert 31.0 <= moments[0] < 31.3
    assert 35.8 < moments[-1] < 36.0
    # Every quote in between, ten a second.
    assert len(rows) == pytest.approx(50, abs=2)
    assert set(found.verdicts["final_quality"][rows].tolist()) == {SUSPECT}
    assert CORRUPT not in found.verdicts["final_quality"]


def test_a_finding_says_what_the_others_imply() -> None:
    (finding,) = shown(left("EURJPY", ("W",))).of("cross_break")
    when = 31.0
    fair = market(when, "EURJPY")
    assert finding.reference == pytest.approx(fair, rel=2 * BP)
    assert finding.measured == pytest.approx(fair * (1 + 4.5 * BP), rel=2 * BP)
    assert finding.measured is not None
    assert finding.reference is not None
    assert finding.threshold is not None
    # Three spreads of 1 bp, unless 10 times how far legs that are quoted 11 ms apart usually are from each other is more.
    assert 2.9 * BP < finding.threshold / finding.reference - 1 < 6 * BP
    assert finding.unit == "price"
    assert finding.corroboration == ["the other legs of euro in yen (EURUSD^1 USDJPY^1 EURJPY^-1) disagree"]


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_leg_that_leaves_on_all_venues_is_told_of_on_each(symbol: str) -> None:
    """With the spread that it had, and at the pace that it had."""
    found = shown(left(symbol, ("V", "W", "X")))
    assert said_of(found) == {(venue, symbol) for venue in ("V", "W", "X")}
    assert not found.of("genuine_move")


@pytest.mark.parametrize("venues", [("V",), ("V", "W")])
def test_few_venues_are_enough(venues: tuple[str, ...]) -> None:
    found = shown(left("USDJPY", ("V",)), venues=venues)
    assert said_of(found) == {("V", "USDJPY")}


def test_a_slide_is_reported_once_it_is_beyond_what_is_usual() -> None:
    """2 bp a second on one venue."""
    found = shown(lambda t, s, v: 2 * BP * (t - 30) if 30 <= t < 38 and (s, v) == ("EURUSD", "V") else 0.0, venues=("V", "W"))
    assert said_of(found) == {("V", "EURUSD")}
    # Beyond 3 bp after 1.5 s at the soonest, and a second of patience.
    assert 32.4 < second(found.ticks, found.rows_with("cross_break")[0]) < 34.5


def test_a_trade_at_the_broken_price_is_reported_too() -> None:
    streets = Streets()
    streets.go_on(0, 40, left("EURUSD", ("V",)))
    right, wrong = market(33.05, "EURUSD"), market(33.05, "EURUSD") * (1 + 10 * BP)
    streets.tapes["W"].trade(33.05, right, symbol="EURUSD")
    streets.tapes["V"].trade(33.05, wrong, symbol="EURUSD")
    streets.tapes["V"].trade(33.06, wrong, symbol="EURUSD", conditions=int(Condition.SOLD_LATE))
    for tape in streets.tapes.values():
        tape.messages.sort(key=lambda message: message["ts_recv"])
        for number, message in enumerate(tape.messages):
            message["sequence"] = number + 1
    found = scored(streets.ticks())
    trades = [row for row in found.rows_with("cross_break") if found.ticks.rows["kind"][row] == 1]
    assert [second(found.ticks, row) for row in trades] == [pytest.approx(33.05)]
    assert {found.ticks.name(int(found.ticks.rows["venue"][row])) for row in trades} == {"V"}


# --- what is no break -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("size", [30 * BP, -80 * BP])
@pytest.mark.parametrize("late_s", [0.2, 0.8, 3.0])
def test_a_leg_that_is_requoted_later_is_no_break(size: float, late_s: float) -> None:
    """The dollar jumps against the euro. The cross goes on quoting its old price for a while and then follows."""

    def move(t: float, symbol: str, _venue: str) -> float:
        since = {"EURUSD": 30.0, "EURJPY": 30.0 + late_s}.get(symbol, math.inf)
        return size if t >= since else 0.0

    streets = Streets()
    streets.go_on(0, 30)
    # Until it follows, the cross sends nothing at all: a market maker that waits.
    streets.go_on(30, 30 + late_s, move, symbols=("EURUSD", "USDJPY"))
    streets.go_on(30 + late_s, 40, move)
    assert not scored(streets.ticks()).of("cross_break")


def test_venues_that_follow_one_by_one_are_no_break() -> None:
    """News of the euro: each venue requotes the cross 0.6 s after the one before."""
    lags = {"V": 0.0, "W": 0.6, "X": 1.2}

    def move(t: float, symbol: str, venue: str) -> float:
        return 40 * BP if (symbol == "EURUSD" and t >= 30) or (symbol == "EURJPY" and t >= 30 + lags[venue]) else 0.0

    streets = Streets()
    streets.go_on(0, 30)
    for venue in streets.venues:
        one = Streets(venues=(venue,))
        one.go_on(30, 40, move)
        silent = [
            m for m in one.tapes[venue].messages if not (m["symbol"] == "EURJPY" and m["ts_recv"] < one_second(30 + lags[venue]))
        ]
        streets.tapes[venue].messages += silent
        for number, message in enumerate(streets.tapes[venue].messages):
            message["sequence"] = number + 1
    assert not scored(streets.ticks()).of("cross_break")


def one_second(moment: float) -> int:
    tape = Tape()
    tape.quote(moment)
    return int(tape.messages[0]["ts_recv"])


@pytest.mark.parametrize("pair", [("EURUSD", "EURJPY"), ("USDJPY", "EURJPY")])
def test_a_move_that_the_cross_shares_is_none(pair: tuple[str, str]) -> None:
    assert not shown(lambda t, s, _v: 60 * BP if t >= 30 and s in pair else 0.0).of("cross_break")


def test_what_comes_back_within_a_second_is_none() -> None:
    assert not shown(left("EURUSD", ("V", "W", "X"), end=30.9)).of("cross_break")


def test_what_the_spreads_allow_is_none() -> None:
    """2.5 bp are within three spreads of 1 bp."""
    assert not shown(left("EURUSD", ("V",), 2.5 * BP)).of("cross_break")


@pytest.mark.slow
def test_a_tolerance_is_kept_to() -> None:
    tolerant = {"relations": [KNOWN["relations"][0] | {"tolerance_bp": 12}]}
    assert not shown(left("EURUSD", ("V",)), reference=tolerant).of("cross_break")
    assert shown(left("EURUSD", ("V", "W", "X"), 15 * BP), reference=tolerant).of("cross_break")


def test_a_leg_that_says_nothing_any_more_cannot_refuse() -> None:
    streets = Streets()
    streets.go_on(0, 30)
    streets.go_on(30, 45, left("EURUSD", ("V",), end=45.0), symbols=("EURUSD", "USDJPY"))
    assert not scored(streets.ticks()).of("cross_break")


def test_a_leg_that_repeats_one_price_cannot_refuse() -> None:
    """No venue of the cross moves while the euro goes 20 bp up: it is not the euro that is wrong."""

    def move(t: float, symbol: str, _venue: str) -> float:
        if symbol == "EURJPY" and t >= 30:
            return market(30.0, symbol) / market(t, symbol) - 1
        return min(20 * BP, 4 * BP * (t - 30)) if symbol == "EURUSD" and t >= 30 else 0.0

    assert not shown(move).of("cross_break")


def test_a_leg_that_never_came_ties_nothing() -> None:
    streets = Streets()
    streets.go_on(0, 40, left("EURUSD", ("V",)), symbols=("EURUSD", "EURJPY"))
    assert not scored(streets.ticks()).of("cross_break")


def test_nothing_is_known_at_once() -> None:
    """A relation is known after ten seconds; a leg that left before is not reported."""
    assert not shown(left("EURUSD", ("V",), start=6.0, end=9.9), until=12.0).of("cross_break")
    assert shown(left("EURUSD", ("V",), start=13.0, end=17.0), until=18.0).of("cross_break")


def test_it_ends_when_the_leg_is_back() -> None:
    found = shown(left("EURUSD", ("V",), end=33.0), until=50.0)
    (finding,) = found.of("cross_break")
    assert finding.state == "closed"
    assert max(second(found.ticks, row) for row in found.rows_with("cross_break")) < 33.0


def test_without_reference_data_nothing_is_tied() -> None:
    assert not shown(left("EURUSD", ("V",)), reference={}).of("cross_break")


# --- constants --------------------------------------------------------------------------------------------------------------


def test_a_constant_that_is_not_given_is_learnt() -> None:
    found = shown(left("EURJPY", ("V",)), reference=LEARNT, factor=1.003)
    assert said_of(found) == {("V", "EURJPY")}
    (finding,) = found.of("cross_break")
    assert finding.reference == pytest.approx(market(31.0, "EURJPY") * 1.003, rel=2 * BP)


def test_legs_that_were_never_together_are_no_break_of_one_of_them() -> None:
    """A constant that is wrong from the beginning: nobody moved."""
    assert not shown(factor=1.003).of("cross_break")


def test_a_split_of_a_leg_is_no_break() -> None:
    streets = Streets()
    streets.go_on(0, 20)
    before, streets.factor = streets, 0.1
    before.go_on(20, 50, left("EURJPY", ("V",), start=40.0, end=45.0))
    split = {"symbol": "EURJPY", "ts": one_second(20), "kind": "split", "ratio": 10}
    found = scored(before.ticks(), KNOWN | {"actions": [split]})
    assert {int(second(found.ticks, row)) for row in found.rows_with("cross_break")} == {41, 42, 43, 44}
    assert said_of(found) == {("V", "EURJPY")}


@pytest.mark.slow
def test_an_inverse_pair_and_a_leg_of_one_venue() -> None:
    """One coin on two venues: V leaves W."""
    pair = [{"symbol": "EURUSD", "venue": "V"}, {"symbol": "EURUSD", "venue": "W", "power": -1}]
    found = shown(left("EURUSD", ("V",)), reference={"relations": [{"name": "V on W", "legs": pair}]})
    assert said_of(found) == {("V", "EURUSD")}
    assert not shown(left("EURUSD", ("X",)), reference={"relations": [{"name": "V on W", "legs": pair}]}).of("cross_break")


@pytest.mark.slow
def test_other_relations_acquit_a_leg() -> None:
    """The euro is in two relations. One of them breaks, and the other leg of the other stays with it: it is not the euro."""
    other = {"name": "other", "legs": [{"symbol": "EURUSD", "venue": "W"}, {"symbol": "EURUSD", "venue": "X", "power": -1}]}
    both = {"relations": [*KNOWN["relations"], other]}
    # On W alone it leaves both.
    assert said_of(shown(left("EURUSD", ("W",)), reference=both)) >= {("W", "EURUSD")}
    # On all venues it leaves the yen and keeps to X: as many confirm it as contradict it.
    assert ("W", "EURUSD") not in said_of(shown(left("EURUSD", ("V", "W", "X")), reference=both))


# --- the twin ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bp", "step", "code"), [(3.0, 0.02, "genuine_move"), (1.0, 0.02, "cross_break"), (3.0, 0.25, "cross_break")]
)
def test_a_dislocation_with_wide_spreads_and_a_high_pace_is_a_market_event(bp: float, step: float, code: str) -> None:
    move = left("EURUSD", ("V", "W", "X"), 25 * BP)
    streets = Streets()
    streets.go_on(0, 30)
    streets.step = step
    streets.go_on(30, 36, move, symbols=("EURUSD",), bp=bp)
    calm = Streets()
    calm.go_on(30, 36, symbols=("USDJPY", "EURJPY"))
    for venue, tape in streets.tapes.items():
        tape.messages += calm.tapes[venue].messages
        tape.messages.sort(key=lambda message: message["ts_recv"])
        for number, message in enumerate(tape.messages):
            message["sequence"] = number + 1
    found = scored(streets.ticks())
    rows = found.rows_with(code)
    assert rows
    assert bool(found.of("cross_break")) is (code == "cross_break")
    assert {found.ticks.name(int(found.ticks.rows["symbol"][row])) for row in rows} == {"EURUSD"}


def test_wide_and_busy_on_one_venue_alone_is_no_market_event() -> None:
    streets = Streets(("V", "W"))
    streets.go_on(0, 30)
    streets.step = 0.02
    streets.go_on(30, 36, left("EURUSD", ("V",), 20 * BP), bp=3.0)
    assert said_of(scored(streets.ticks())) == {("V", "EURUSD")}


# --- what holds of every stage ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def broken() -> Ticks:
    streets = Streets()
    streets.go_on(0, 24, left("EURUSD", ("V", "W", "X"), start=14.0, end=18.0))
    return streets.ticks()


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 97, 1000])
def test_cuts_do_not_matter(size: int, broken: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scored(broken)
    assert whole.of("cross_break")
    released_often(monkeypatch.setattr)
    cut = scored(broken, cuts=range(0, len(broken), size))
    assert cut.verdicts.tolist() == whole.verdicts.tolist()
    assert sorted(cut.last(), key=lambda one: one.id) == sorted(whole.last(), key=lambda one: one.id)


def test_legs_share_a_shard(broken: Ticks) -> None:
    expected = said_of(scored(broken))
    assert expected
    for shards in (2, 3, 7):
        assert said_of(scored(broken, shards=shards)) == expected


def test_a_state_that_was_packed_goes_on_as_if_nothing_had_been() -> None:
    streets = Streets()
    streets.go_on(0, 24, left("EURUSD", ("V",), start=14.0, end=18.0))
    reference = parse(KNOWN, "test")
    ticks = in_order(stamped(streets.ticks()))
    half = int(ticks.rows["event_time"][int(len(ticks) * 0.65)])
    first, rest = (ticks.take(mask) for mask in (ticks.rows["event_time"] < half, ticks.rows["event_time"] >= half))
    state = scoring.step(ShardState.new("none", reference), first, half, ShardSettings()).state
    again, _ = unpack_shard(pack_shard(state, concat([])), "none", reference)
    one, other = (scoring.step(each, rest, 2**62, ShardSettings()) for each in (state, again))
    assert one.verdicts.tolist() == other.verdicts.tolist()
    assert np.count_nonzero(one.verdicts["final_reasons"]) > 20


def stamped(ticks: Ticks) -> Ticks:
    rows = ticks.rows.copy()
    rows["event_time"] = rows["ts_recv"]
    return Ticks(rows, ticks.names)


def test_a_relation_takes_constant_memory() -> None:
    reference = parse(KNOWN, "test")
    states = []
    for until in (5.0, 15.0):
        streets = Streets()
        streets.go_on(0, until)
        states.append(scoring.step(ShardState.new("none", reference), stamped(streets.ticks()), 2**62, ShardSettings()).state)
    short, long = ((len(state.members), len(state.marks)) for state in states)
    # A record a leg and venue, and one a leg.
    assert short == long == (9, 3)
    assert MEMBER.itemsize % 8 == MARK.itemsize % 8 == 0


def test_members_are_only_those_of_relations() -> None:
    state = scoring.step(ShardState.new("none", Reference()), stamped(Streets().ticks()), 2**62, ShardSettings()).state
    assert (len(state.members), len(state.marks)) == (0, 0)


def test_a_twin_is_one_for_all_venues_that_share_it() -> None:
    """Two venues quote wide and at twice the pace, the third as ever: it goes along with the market."""
    streets = Streets()
    streets.go_on(0, 30)
    move = left("EURUSD", ("V", "W", "X"), 25 * BP)
    parts = {}
    for venue, step, bp in (("V", 0.02, 3.0), ("W", 0.02, 3.0), ("X", 0.1, 1.0)):
        busy, calm = Streets(venues=(venue,), step=step), Streets(venues=(venue,))
        busy.go_on(30, 36, move, symbols=("EURUSD",), bp=bp)
        calm.go_on(30, 36, symbols=("USDJPY", "EURJPY"))
        parts[venue] = busy.tapes[venue].messages + calm.tapes[venue].messages
    for venue, tape in streets.tapes.items():
        tape.messages += sorted(parts[venue], key=lambda message: message["ts_recv"])
        for number, message in enumerate(tape.messages):
            message["sequence"] = number + 1
    found = scored(streets.ticks())
    assert not found.of("cross_break")
    assert {finding.venue for finding in found.of("genuine_move")} == {"V", "W", "X"}

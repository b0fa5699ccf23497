"""Stubs, sessions' edges and lone prints: what stands far away, and what of it is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.rules.test_reference_switches import known
from tests.support.streams import VENUES, Market, Scored, Tape, at, merged, score
from tickproof.findings.finding import Severity
from tickproof.reference.sessions import is_regular
from tickproof.rules.quote_sides import OPENED
from tickproof.rules.repeats import REPEATS_NEEDED
from tickproof.rules.venue_habits import HABIT_QUOTES, WIDE_NEEDED
from tickproof.ticks.schema import Condition

GOOD, SUSPECT, CORRUPT = 0, 1, 2
HOUR_S = 3_600.0


def stubs(bid: float, ask: float, back: tuple[float, float] = (99.99, 100.01)) -> Scored:
    """Three venues quote 99.99 to 100.01; one shows five stubs in turn with as many regular quotes, then all go on."""
    market = Market()
    market.go_on(12, 16, venues=VENUES[1:])
    for k in range(5):
        market.first.quote(12.02 + k * 0.4, bid, ask)
        market.first.quote(12.22 + k * 0.4, *back)
    market.go_on(16, 18)
    return market.scored()


@pytest.mark.parametrize(("bid", "ask"), [(96.0, 100.02), (99.98, 104.0), (95.0, 105.0), (99.5, 101.0)])
def test_a_stub_is_no_price(bid: float, ask: float) -> None:
    """Its middle lies up to 2 % off, and neither it nor the quotes after it are wrong, nor other venues' ones."""
    scored = stubs(bid, ask)
    assert CORRUPT not in scored.verdicts["final_quality"]
    wide = scored.rows_with("wide_spread")
    assert np.flatnonzero(scored.verdicts["final_quality"]).tolist() == wide != []


@pytest.mark.parametrize(("bid", "ask"), [(101.5, 106.0), (95.5, 98.5)])
def test_a_stub_beyond_the_level_is_wrong(bid: float, ask: float) -> None:
    """Whoever quotes 101.50 to 106.00 would buy at a price that nobody pays: both sides lie off, and others contradict it."""
    scored = stubs(bid, ask)
    assert scored.verdict(12.02)["final_quality"] == CORRUPT


def test_trades_are_not_held_against_a_stub_nor_the_quote_before_it() -> None:
    """A book that had been left behind at 99.99 to 100.01 would be stale: 20 trades print at 100.05, the venue shows a stub."""
    tape = Tape()
    for k in range(100):
        tape.quote(k * 0.5)
        tape.trade(k * 0.5 + 0.2, 100.01)
    tape.quote(50.0, 96.0, 100.06)
    for k in range(20):
        tape.trade(50.2 + k * 0.3, 100.05)
    tape.quote(60.0, 100.04, 100.06)
    scored = score(tape.ticks())
    assert not scored.of("stale_book")
    assert not scored.of("outside_quotes")


def test_wide_spreads_that_are_a_habit_are_information() -> None:
    """A venue that is wide every twentieth time: the first ten are warnings, and at the thousandth quote it is announced once."""
    tape = Tape()
    for k in range(HABIT_QUOTES + 200):
        half = 0.4 if k % 20 == 19 and k > 100 else 0.01
        tape.quote(k * 10.0, 100 - half, 100 + half)
    scored = score(tape.ticks())
    found = [one for one in scored.of("wide_spread") if one.symbol]
    assert [one.severity for one in found][: WIDE_NEEDED - 1] == [Severity.WARNING] * (WIDE_NEEDED - 1)
    assert {one.severity for one in found[WIDE_NEEDED - 1 :]} == {Severity.INFO}
    (announced,) = [one for one in scored.of("wide_spread") if one.symbol is None]
    assert announced.severity == Severity.INFO
    assert announced.corroboration[0].endswith("quotes of XNAS are wide: its habit, told of no more")


def two_days(first: Any, seconds: float = 14 * HOUR_S) -> Scored:
    """A venue that never crosses quotes for 1 200 s; after a night it shows `first`, then what it showed the day before."""
    tape = Tape()
    for k in range(HABIT_QUOTES + 200):
        tape.quote(k * 1.0)
    for k in range(3):
        tape.quote(seconds + k, *first)
    for k in range(OPENED + 20):
        tape.quote(seconds + 10 + k)
    return score(tape.ticks())


def test_a_book_crosses_before_it_opens() -> None:
    scored = two_days((100.05, 99.95))
    assert {one.severity for one in scored.of("crossed")} == {Severity.INFO}
    assert set(scored.verdicts["final_quality"][scored.rows_with("crossed")].tolist()) == {SUSPECT}


def test_within_a_session_it_does_not() -> None:
    """Ten minutes of silence are no night."""
    scored = two_days((100.05, 99.95), 1_800.0)
    assert {one.severity for one in scored.of("crossed")} == {Severity.WARNING}
    assert set(scored.verdicts["final_quality"][scored.rows_with("crossed")].tolist()) == {CORRUPT}


@pytest.mark.parametrize(("seconds", "severity"), [(14 * HOUR_S, Severity.INFO), (1_800.0, Severity.WARNING)])
def test_spreads_are_wide_before_a_venue_opens(seconds: float, severity: Severity) -> None:
    assert {one.severity for one in two_days((99.7, 100.3), seconds).of("wide_spread")} == {severity}


@pytest.mark.parametrize(("regular", "severity"), [(OPENED - 1, Severity.INFO), (OPENED, Severity.WARNING)])
@pytest.mark.parametrize("condition", [Condition.AUCTION_CLOSE, Condition.AUCTION_OPEN, Condition.OFFICIAL_PRICE])
def test_spreads_are_wide_after_an_auction(condition: Condition, regular: int, severity: Severity) -> None:
    tape = Tape()
    for k in range(200):
        tape.quote(k * 0.1)
    tape.trade(20.0, conditions=int(condition))
    for k in range(regular):
        tape.quote(21 + k * 0.1)
    tape.quote(40.0, 99.7, 100.3)
    (finding,) = score(tape.ticks()).of("wide_spread")
    assert finding.severity == severity


@pytest.mark.parametrize(
    ("open_s", "close_s", "severity"),
    [(-400, 500, Severity.WARNING), (19, 21, Severity.WARNING), (-400, 19, Severity.INFO), (21, 500, Severity.INFO)],
)
def test_spreads_at_the_edges_of_known_sessions(open_s: float, close_s: float, severity: Severity) -> None:
    """open … 20 s: a wide quote … close, in ns: to the ns."""
    tape = Tape()
    for k in range(200):
        tape.quote(k * 0.1)
    tape.quote(20.0, 99.7, 100.3)
    scored = known({"sessions": {"XNAS": [[at(open_s), at(close_s)]]}}, tape.ticks())
    (finding,) = scored.of("wide_spread")
    assert finding.severity == severity


@pytest.mark.slow
@pytest.mark.parametrize(
    ("clock", "regular"),
    [("14:29:59", False), ("14:34:59", False), ("14:35:00", True), ("20:54:59", True), ("20:55:00", False), ("21:00:01", False)],
)
def test_the_first_and_the_last_five_minutes_of_a_calendar_are_edges(clock: str, regular: bool) -> None:
    time = int(np.datetime64(f"2024-03-05T{clock}", "ns").astype(np.int64))
    assert is_regular({"X": "XNYS"}, "X", time) is regular
    assert is_regular({"X": "XNYS"}, "Y", time)


def lone_print(price: float, sources: int, follows: float | None = None) -> Scored:
    """Trades of one venue among quotes of others, each second; one print at `price`, then no message for a second."""
    tapes = [Tape(channel=f"{venue}.A", venue=venue) for venue in VENUES[1 : 1 + sources]]
    prints = Tape()
    for k in range(60):
        for j, tape in enumerate(tapes):
            tape.quote(k + 0.01 * j)
        prints.trade(k + 0.1, 100.0)
    prints.trade(60.1, price)
    if follows is not None:
        prints.trade(60.2, follows)
    for k in range(62, 70):
        for j, tape in enumerate(tapes):
            tape.quote(k + 0.01 * j)
        prints.trade(k + 0.1, 100.0)
    return score(merged(prints, *tapes))


@pytest.mark.parametrize(
    ("price", "sources", "follows", "quality"),
    [(102.0, 2, None, CORRUPT), (102.0, 1, None, SUSPECT), (102.0, 2, 101.9, SUSPECT), (100.5, 2, None, SUSPECT)],
)
def test_a_lone_print_far_from_what_others_quote(price: float, sources: int, follows: float | None, quality: int) -> None:
    """No venue sends a message for a second after it.

    Two venues stand against it, one alone does not; nor where its own venue goes on, nor at twice the limit.
    """
    assert lone_print(price, sources, follows).verdict(60.1)["final_quality"] == quality


def flicker(bp: float, sources: int = 2, both: bool = True, kind: str = "quote") -> Scored:
    """Venues quote 99.99 to 100.01 each 50 ms; the first goes `bp` up for one message, both its sides or one, and is back."""
    market = Market(VENUES[: sources + 1])
    middle = 100 * (1 + bp * 1e-4)
    if kind == "trade":
        market.first.trade(12.02, middle)
    else:
        market.first.quote(12.02, middle - 0.01 if both else 99.99, middle + 0.01)
    market.go_on(12.05, 14)
    return market.scored()


@pytest.mark.parametrize(
    ("bp", "sources", "both", "kind", "corrupt"),
    [
        (15.0, 2, True, "quote", True),
        # Twelve scales of half a basis point, and what widens the spread.
        (5.5, 2, True, "quote", False),
        (15.0, 0, True, "quote", False),
        (15.0, 2, False, "quote", False),
        (15.0, 2, True, "trade", False),
    ],
)
def test_a_small_move_that_comes_back_and_that_nobody_shares(
    bp: float, sources: int, both: bool, kind: str, corrupt: bool
) -> None:
    """Below 25 bp a quote is a spike if it is back within the lookahead and other venues never moved; a trade walks a book."""
    scored = flicker(bp, sources, both, kind)
    assert (CORRUPT in scored.verdicts["final_quality"]) is corrupt
    if corrupt:
        (finding,) = scored.of("spike")
        assert finding.measured == pytest.approx(100 * (1 + bp * 1e-4), rel=1e-6)
        assert finding.threshold == pytest.approx(100 * (1 + 6e-4), rel=1e-5)


def repeating(count: int, every: float = 0.1, size: bool = False, habit: int = 1) -> Scored:
    """A venue alone whose every quote is another one, or the same `habit` times; then its last quote `count` times more."""
    tape = Tape()
    for k in range(400):
        shift = 0.01 * (k // habit % 7)
        tape.quote(k * 0.1, 99.99 + shift, 100.01 + shift)
    for k in range(count):
        tape.quote(40 + k * every, 99.99, 100.01, ask_sz=100_000_000_000 * (1 + k % 2 * size))
    for k in range(5):
        tape.quote(40 + count * every + k * 0.1, 99.99 + 0.01 * k, 100.01 + 0.01 * k)
    return score(tape.ticks())


@pytest.mark.parametrize(
    ("count", "every", "size", "habit", "found"),
    [
        (REPEATS_NEEDED, 0.1, False, 1, True),
        (REPEATS_NEEDED - 2, 0.1, False, 1, False),
        # A second is needed, the very message, and three times what is usual.
        (REPEATS_NEEDED + 1, 0.01, False, 1, False),
        (REPEATS_NEEDED + 1, 0.1, True, 1, False),
        (40, 0.1, False, 20, False),
        # Nineteen of twenty are repeats anyway.
        (700, 0.1, False, 20, False),
    ],
)
def test_a_feed_that_is_stuck_gives_itself_away(count: int, every: float, size: bool, habit: int, found: bool) -> None:
    scored = repeating(count, every, size, habit)
    assert bool(scored.of("frozen")) is found
    assert CORRUPT not in scored.verdicts["final_quality"]


@pytest.mark.parametrize(("inside", "found"), [(0, True), (2, True), (20, False)])
def test_trades_inside_a_quote_speak_for_it(inside: int, found: bool) -> None:
    """Sixty trades within quotes; then, against a quote that does not change, each trade above it comes with so many within."""
    tape = Tape()
    for k in range(60):
        tape.quote(k * 0.5)
        tape.trade(k * 0.5 + 0.2, 100.01)
    for k in range(200):
        tape.trade(30.2 + k * 0.25, 100.01 if k % (inside + 1) else 100.03)
    tape.quote(82)
    assert bool(score(tape.ticks()).of("stale_book")) is found

"""Evidence that adds up on sparse feeds: silent and frozen instruments by what their other venues did meanwhile, and their twins.

Three venues quote two symbols on average every second, each at moments of its own, on one channel a venue.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.streams import VENUES, Scored, Tape, at, merged, score
from tickproof.findings.finding import Class, Severity
from tickproof.instrument.evidence import TAIL, bound_of, end_run

SYMBOLS = ("ABC", "DEF")
WARM_S, END_S = 600.0, 700.0
STEP_S = 0.5


def sparse(
    silent: tuple[str, ...] = (), frozen: tuple[str, ...] = (), lasts_s: float = 60.0, rate: float = 1.0, moves: bool = True
) -> Scored:
    """Quotes of a price that walks a cent each half second; from WARM_S on ABC is silent, or frozen, on some venues."""
    rng = np.random.default_rng(5)
    walk = 100.0 + 0.01 * np.cumsum(rng.choice([-1, 1], round(END_S / STEP_S) + 1))
    stop = WARM_S + lasts_s
    tapes = []
    for venue in VENUES:
        tape = Tape(channel=f"{venue}.A", venue=venue)
        # In units of the other venues' noise: a venue sees the price a little late.
        for moment in np.cumsum(rng.exponential(0.5 / rate, round(2.2 * rate * END_S))):
            if moment >= END_S:
                break
            symbol = SYMBOLS[int(rng.integers(2))]
            is_faulty = symbol == "ABC" and WARM_S <= moment < stop
            if is_faulty and venue in silent:
                continue
            seen = WARM_S if (is_faulty and venue in frozen) or (not moves and moment > WARM_S) else moment
            middle = round(float(walk[int(seen / STEP_S)]), 2)
            tape.quote(
                round(float(moment), 6), middle - 0.01, middle + 0.01, symbol=symbol, bid_sz=int(rng.integers(1, 99)) * 10**9
            )
        for second in range(round(END_S)):
            tape.capture_heartbeat(second + 0.999999)
        tape.messages.sort(key=lambda message: int(message["ts_recv"]))
        for number, message in enumerate(tape.messages, 1):
            message["sequence"] = number if message["kind"] == 0 else None
        tapes.append(tape)
    return score(merged(*tapes), sequence="none")


def test_an_instrument_that_stops_for_a_minute_is_silent_while_its_other_venues_go_on() -> None:
    scored = sparse(silent=("XNAS",))
    (finding,) = scored.of("silent")
    assert (finding.venue, finding.symbol, finding.channel) == ("XNAS", "ABC", "XNAS.A")
    assert (finding.class_, finding.severity) == (Class.FEED_ANOMALY, Severity.CRITICAL)
    # Thirty mean gaps would be thirty seconds; the budget asks for fewer.
    assert at(WARM_S + 10) < finding.detected_at < at(WARM_S + 28)


def test_a_lull_of_all_venues_is_no_silence_of_one() -> None:
    assert not sparse(silent=VENUES).of("silent")


def test_a_sound_feed_has_neither() -> None:
    scored = sparse()
    assert not scored.of("silent")
    assert not scored.of("frozen")


def test_a_price_that_stays_while_the_others_leave_it_is_frozen() -> None:
    found = sparse(frozen=("XNAS",)).of("frozen")
    assert {(finding.venue, finding.symbol) for finding in found} == {("XNAS", "ABC")}
    assert at(WARM_S + 5) <= found[0].detected_at < at(WARM_S + 60)


def test_a_market_that_rests_is_not_frozen() -> None:
    assert not sparse(moves=False).of("frozen")


@pytest.mark.parametrize("mean", [0.9, 2.0, 5.0])
def test_a_budget_is_kept_whatever_the_mean_of_the_tail(mean: float) -> None:
    """Runs with an exponential tail pass the bound about as often as the budget says, and never much more often."""
    budget, count = 1.0e-3, 40_000
    rng = np.random.default_rng(3)
    (tail,) = np.zeros(1, TAIL)
    passed = 0
    for evidence in 1.0 + rng.exponential(mean, count):
        passed += float(evidence) >= bound_of(tail, budget)
        end_run(tail, float(evidence), budget)
    assert passed <= 2.0 * budget * count
    assert passed > 0


def test_a_heavier_tail_asks_for_more() -> None:
    light, heavy = np.zeros(1, TAIL)[0], np.zeros(1, TAIL)[0]
    rng = np.random.default_rng(4)
    for _ in range(300):
        end_run(light, 1.0 + float(rng.exponential(1.0)), 3e-5)
        end_run(heavy, 1.0 + float(rng.pareto(1.5)), 3e-5)
    assert bound_of(heavy, 3e-5) > 1.5 * bound_of(light, 3e-5)

"""Which other venues, and which later messages, corroborate a price that left its level."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.streams import Scripted, Tape, merged, score
from tickproof.shard.step import SUPPORTED_SCORE, ShardSettings

GOOD, SUSPECT, CORRUPT, MARKET = 0, 1, 2, 3
VENUES = ("XNAS", "ARCX", "BATS")
SURE = Scripted(lambda features: np.ones(len(features), bool))


def calm(until: float = 10.0) -> list[Tape]:
    """Three venues that quote 99.99 to 100.01."""
    tapes = [Tape(channel=f"{venue}.A", venue=venue) for venue in VENUES]
    for k in range(int(until * 10)):
        for j, tape in enumerate(tapes):
            tape.quote(k * 0.1 + j * 0.001)
    return tapes


@pytest.mark.parametrize("leader_moves", [True, False])
def test_a_venue_that_stays_behind_does_not_contradict_what_another_shows(leader_moves: bool) -> None:
    """One venue walks 1 % up in small steps, one goes on at its old price, and a third, silent meanwhile, quotes what the first
    does. Where the first stays as well, nobody corroborates the third."""
    first, second, third = calm()
    for k in range(40):
        price = 100.0 + (0.025 * k if leader_moves else 0.0)
        first.quote(10.0 + 0.05 * k, price - 0.01, price + 0.01)
        second.quote(10.01 + 0.05 * k)
    third.quote(11.955, 100.99, 101.01)
    second.quote(12.0)
    verdict = score(merged(first, second, third)).verdict(11.955, channel="BATS.A")
    assert (verdict["final_quality"] == CORRUPT) == (not leader_moves)


@pytest.mark.parametrize(("follows", "quality"), [(True, GOOD), (False, CORRUPT)])
def test_an_order_that_walks_through_the_book(follows: bool, quality: int) -> None:
    """A trade of 50 bp below the bid, whose venue's bid is there for a moment; or is not."""
    first, second, third = calm()
    first.trade(10.0, 99.5)
    if follows:
        first.quote(10.0, 99.5, 100.01)
    for k in range(5):
        for tape in (first, second, third):
            tape.quote(10.02 + 0.05 * k)
    assert score(merged(first, second, third)).verdict(10.0, kind=1)["final_quality"] == quality


def test_trades_alone_make_a_level_anew() -> None:
    """A venue that quoted long ago: three trades at a new price are its level, and the fourth is no spike."""
    tape = Tape()
    for k in range(100):
        tape.quote(k * 0.1)
    for k in range(6):
        tape.trade(60.0 + 0.02 * k, 101.0)
    assert [score(tape.ticks()).verdict(60.0 + 0.02 * k)["final_quality"] for k in (3, 5)] == [GOOD, GOOD]
    assert score(tape.ticks()).verdict(60.0)["final_quality"] != CORRUPT


@pytest.mark.parametrize(("price", "expected"), [(100.02, SUPPORTED_SCORE), (100.2, 6.0)])
def test_no_model_overrules_a_price_that_others_show(price: float, expected: float) -> None:
    """Within a spread of the consensus the score of a model that calls everything corrupt is capped; 20 bp away it is not."""
    tapes = calm()
    tapes[0].quote(10.0, price - 0.01, price + 0.01)
    for tape in tapes[1:]:
        tape.quote(10.05)
    assert score(merged(*tapes), shard=ShardSettings(detector=SURE)).verdict(10.0)["final_score"] == expected


@pytest.mark.parametrize(("shown", "quality"), [(True, GOOD), (False, CORRUPT)])
def test_a_small_spike_is_one_that_no_other_venue_showed(shown: bool, quality: int) -> None:
    """A quote 20 bp up, and back 90 ms later; another venue showed that price just before, or did not."""
    first, second, third = calm()
    if shown:
        first.quote(10.0, 100.19, 100.21)
    second.quote(10.01, 100.19, 100.21)
    for k in range(6):
        for tape in (first, second, third):
            tape.quote(10.1 + 0.05 * k)
    assert score(merged(first, second, third)).verdict(10.01, channel="ARCX.A")["final_quality"] == quality

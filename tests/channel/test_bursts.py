"""Bursts without information: stuffing is one, news is not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.channel_streams import VENUES, several
from tests.support.streams import Scored, Tape, at, check, merged, score
from tickproof.findings.finding import Severity
from tickproof.ticks.schema import Present, Ticks


def market(rate: int, moving: float, start: float = 20.0, length: float = 1.0, until: float = 25.0) -> Tape:
    """Return quotes of four symbols, 200 a second, one in five of which moves its price; for a while `rate` more a second, of
    which the share `moving` moves it."""
    rng = np.random.default_rng(7)
    usual = np.sort(rng.uniform(0, until, round(200 * until)))
    more = np.sort(rng.uniform(start, start + length, round(rate * length)))
    tape, steps = Tape(), dict.fromkeys("ABCD", 0)
    moments = [(moment, 0.2) for moment in usual.tolist()] + [(moment, moving) for moment in more.tolist()]
    for moment, share in sorted(moments):
        symbol = "ABCD"[int(rng.integers(4))]
        steps[symbol] += int(rng.random() < share)
        price = 100 + 0.01 * (steps[symbol] % 50)
        tape.quote(moment, price - 0.01, price + 0.01, symbol=symbol, bid_sz=int(rng.integers(1, 9)) * 10**11)
    return tape


@pytest.mark.slow
def test_stuffing_is_a_burst() -> None:
    checked = check(market(2000, 0.0).ticks())
    (burst,) = checked.of("burst")
    assert (burst.severity, burst.symbol, burst.unit) == (Severity.WARNING, None, "messages")
    assert at(20) < burst.detected_at <= at(20.5)
    assert burst.threshold is not None
    assert burst.measured is not None
    assert burst.measured > burst.threshold == pytest.approx(2.0 * (burst.reference or 0))
    moments = checked.ticks.rows["ts_recv"][checked.rows_with("burst")]
    assert len(moments) > 1000
    assert at(20) < moments.min()
    assert moments.max() <= at(21)


@pytest.mark.slow
def test_stuffing_of_one_symbol_is_no_burst_of_its_channel() -> None:
    tape = market(0, 0.0)
    for k in range(2000):
        tape.quote(20 + k / 2000, 99.99, 100.01, symbol="A")
    assert check(tape.ticks()).of("burst") == []


@pytest.mark.slow
@pytest.mark.parametrize("moving", [0.2, 0.5, 1.0])
def test_news_is_no_burst(moving: float) -> None:
    assert check(market(2000, moving).ticks()).of("burst") == []


def test_a_rate_that_was_seen_before_is_no_burst() -> None:
    assert check(market(60, 0.0).ticks()).of("burst") == []


@pytest.mark.slow
def test_a_rate_that_stays_is_the_new_usual() -> None:
    """It is accepted after 40 half seconds: twenty seconds."""
    checked = check(market(2000, 0.0, length=30.0, until=60).ticks())
    moments = checked.ticks.rows["ts_recv"][checked.rows_with("burst")]
    assert at(39) < moments.max() <= at(41)


@pytest.mark.slow
def test_cuts_do_not_matter() -> None:
    ticks = market(1500, 0.0).ticks()
    whole, parts = check(ticks), check(ticks, range(0, len(ticks), 217))
    assert len(whole.of("burst")) == 1
    assert whole.ticks.rows.tobytes() == parts.ticks.rows.tobytes()
    assert [finding.id for finding in whole.of("burst")] == [finding.id for finding in parts.of("burst")] != []


# --- of one symbol, against its other venues ----------------------------------------------------------------------------------


def stuffed_against(others_more: int, *, moving: bool = False, count: int = 300) -> Scored:
    """Score a symbol on two venues, ten quotes a second, a third of which move; then `count` more on one, some on the other."""
    rng = np.random.default_rng(9)
    tapes = []
    for venue, more in (("XNAS", count), ("ARCX", others_more)):
        tape, step = Tape(f"{venue}.A", venue), 0
        moments = [(t, False) for t in rng.uniform(0, 70, 700).tolist()]
        moments += [(t, True) for t in rng.uniform(60.05, 60.95, more).tolist()]
        for moment, is_more in sorted(moments):
            step += int(moving if is_more else rng.random() < 0.33)
            price = 100 + 0.01 * (step % 3)
            tape.quote(moment, price - 0.01, price + 0.01, bid_sz=int(rng.integers(1, 9)) * 10**11)
        tapes.append(tape)
    return score(merged(*tapes), shards=1)


def test_a_symbol_stuffed_on_one_venue_alone_is_a_burst() -> None:
    (found,) = [one for one in stuffed_against(0).of("burst") if one.symbol]
    assert (found.venue, found.symbol) == ("XNAS", "ABC")
    assert at(60) < found.detected_at < at(61)


def test_sizes_that_flicker_on_all_venues_are_no_burst() -> None:
    """As recorded: where one venue sends hundreds of quotes without a move, the others do."""
    assert [one for one in stuffed_against(280).of("burst") if one.symbol] == []


def test_prices_that_move_on_one_venue_are_no_burst() -> None:
    assert [one for one in stuffed_against(0, moving=True).of("burst") if one.symbol] == []


# --- of a channel, against its peers ------------------------------------------------------------------------------------------


def repeated(venues: tuple[str, ...], copies: int = 600) -> Scored:
    """Score channels of which some repeat all their last quotes, hundreds of times within a second and a half from 50.2 s on."""
    ticks = several(rate=60)
    rng = np.random.default_rng(2)
    rows = [ticks.rows]
    for venue in venues:
        mine = np.flatnonzero((ticks.rows["channel"] == ticks.names.index(f"{venue}.A")) & (ticks.rows["kind"] == 0))
        times = np.sort(at(50.2) + rng.integers(0, 1_500_000_000, copies))
        last = np.searchsorted(ticks.rows["ts_recv"][mine], times, side="right") - 1 - rng.integers(0, 16, copies)
        more = ticks.rows[mine[last]].copy()
        more["ts_event"] += times - more["ts_recv"]
        more["ts_recv"] = times
        rows.append(more)
    both = np.concatenate(rows)
    both["present"] &= np.uint16(0xFFFF ^ int(Present.SEQUENCE))
    return score(Ticks(both[np.argsort(both["ts_recv"], kind="stable")], ticks.names), shards=2)


@pytest.mark.slow
def test_a_channel_that_repeats_itself_is_a_burst() -> None:
    found = [one for one in repeated(("EDGX",)).of("burst") if one.symbol is None]
    assert {one.channel for one in found} == {"EDGX.A"}
    assert len(found) == 1
    assert at(50) < found[0].detected_at < at(52.7)
    assert found[0].unit == "messages"
    assert (found[0].measured or 0) > (found[0].threshold or 0) > (found[0].reference or 0)


@pytest.mark.slow
def test_what_all_channels_repeat_is_a_burst_of_none() -> None:
    assert [one for one in repeated(VENUES).of("burst") if one.symbol is None] == []

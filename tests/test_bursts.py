"""Bursts without information: stuffing, and news, which looks like it and is not."""

from __future__ import annotations

import numpy as np
import pytest
from streams import Tape, at, check

from tickproof.finding import Severity


def market(rate: int, moving: float, start: float = 20.0, length: float = 1.0, until: float = 25.0) -> Tape:
    """Quotes of four symbols, 200 a second, of which one in five moves its price; `rate` more a second for a while, of which the
    share `moving` moves it."""
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


def test_stuffing_of_one_symbol_is_not_its_channels() -> None:
    tape = market(0, 0.0)
    for k in range(2000):
        tape.quote(20 + k / 2000, 99.99, 100.01, symbol="A")
    assert check(tape.ticks()).of("burst") == []


@pytest.mark.parametrize("moving", [0.2, 0.5, 1.0])
def test_news_is_none(moving: float) -> None:
    assert check(market(2000, moving).ticks()).of("burst") == []


def test_what_is_no_faster_than_ever_is_none() -> None:
    assert check(market(60, 0.0).ticks()).of("burst") == []


def test_a_rate_that_stays_is_the_new_usual() -> None:
    """Twenty seconds of it, and then half the pause again."""
    checked = check(market(2000, 0.0, length=30.0, until=60).ticks())
    moments = checked.ticks.rows["ts_recv"][checked.rows_with("burst")]
    assert at(39) < moments.max() <= at(41)


def test_cuts_do_not_matter() -> None:
    ticks = market(1500, 0.0).ticks()
    whole, parts = check(ticks), check(ticks, range(0, len(ticks), 217))
    assert whole.ticks.rows.tobytes() == parts.ticks.rows.tobytes()
    assert [finding.id for finding in whole.of("burst")] == [finding.id for finding in parts.of("burst")]

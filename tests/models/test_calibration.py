"""Scores mean the share of clean traffic that scores as high, on traffic that the calibration has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.trees.calibration import HIGHEST_SCORE, MINIMUM_MARGINS, SUPERVISED_SHARE, Calibration, calibrate, calibrate_by_kind
from tickproof.errors import ModelError

CLEAN = {
    "normal": lambda random, n: random.normal(-6, 2, n),
    "logistic": lambda random, n: random.logistic(-6, 1, n),
    "exponential": lambda random, n: random.exponential(1.5, n) - 8,
    "two regimes": lambda random, n: np.where(random.random(n) < 0.01, random.normal(-2, 1, n), random.normal(-7, 0.5, n)),
    "atoms": lambda random, n: np.round(random.normal(-6, 2, n)),
    "one value": lambda random, n: np.full(n, -7.0),
    "bounded": lambda random, n: random.uniform(-9, -5, n),
}


@pytest.mark.parametrize("name", CLEAN)
def test_a_score_is_reached_by_at_most_its_share_of_other_clean_margins(name):
    random = np.random.default_rng(5)
    calibration = calibrate(CLEAN[name](random, 100_000))
    fresh = calibration.apply(CLEAN[name](random, 2_000_000))
    for score in (0.5, 1, 2, 3, 4, 5):
        allowed = 2_000_000 * 10.0**-score
        # Four standard deviations of the count itself; share 0.7 leaves room for the sample's own error.
        assert (fresh >= score).sum() <= allowed + 4 * np.sqrt(allowed), f"score {score}"


def test_a_score_is_minus_the_logarithm_of_the_empirical_share():
    # 100 000 margins 0 … 99 999: 1 000 of them are at least 99 000, p = 0.01, and −log10(0.01 / 0.7) = 1.8451.
    calibration = calibrate(np.arange(100_000.0))
    assert calibration.apply(np.array([99_000.0]))[0] == pytest.approx(1.8451, abs=0.01)
    # The highest 70 % have p / 0.7 <= 1; below, a score is 0 and not negative.
    assert calibration.apply(np.array([-5.0, 10_000.0])).tolist() == [0.0, 0.0]


def test_the_order_of_margins_does_not_matter():
    margins = np.random.default_rng(2).normal(size=5000)
    assert calibrate(margins) == calibrate(margins[::-1])


def test_the_tail_goes_on_beyond_the_sample_and_ends():
    calibration = calibrate(np.random.default_rng(2).logistic(size=20_000))
    top = calibration.apply(np.array([15.0, 25.0, 1e300]))
    assert 5 < top[0] < top[1] < top[2] == HIGHEST_SCORE


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, MINIMUM_MARGINS, elements=st.floats(-50, 50)))
def test_scores_never_fall_and_tables_stay_small(margins):
    calibration = calibrate(margins)
    assert len(calibration.margins) <= 256
    assert (np.diff(calibration.apply(np.linspace(-60, 60, 2000))) >= 0).all()


def test_lowered_margins_count_in_the_whole_and_not_in_the_tail():
    # 100 000 quiet margins below 0 and 1 000 of supported news at 50: alone, the news would be the whole tail.
    random = np.random.default_rng(3)
    quiet, news = -random.exponential(size=100_000), np.full(1000, 50.0)
    margins, lowered = np.concatenate([quiet, news]), np.arange(101_000) >= 100_000
    assert calibrate(margins).apply(np.array([10.0]))[0] < 2 < 4 < calibrate(margins, lowered=lowered).apply(np.array([10.0]))[0]
    # The share is of all rows: the highest of the quiet ones are 1 % rarer among all.
    deep = calibrate(margins, lowered=lowered).scores[-2] - calibrate(quiet).scores[-2]
    assert deep == pytest.approx(np.log10(1.01), abs=1e-6)


def test_too_few_margins_are_an_error():
    with pytest.raises(ModelError, match="found 999"):
        calibrate(np.zeros(MINIMUM_MARGINS - 1))


@pytest.mark.parametrize(
    ("margins", "scores"),
    [((), ()), ((1.0, 1.0), (0.0, 1.0)), ((1.0, 2.0), (1.0, 0.0)), ((1.0,), (np.nan,)), ((1.0, 2.0), (0.0,))],
)
def test_a_table_that_is_no_map_is_an_error(margins, scores):
    with pytest.raises(ModelError, match="ascending"):
        Calibration(margins, scores)


def test_quotes_and_trades_have_a_calibration_each() -> None:
    """Trades whose margins run two higher than those of nine times as many quotes: each kind keeps the promise by itself."""
    rng = np.random.default_rng(7)

    def sample(quotes: int, trades: int) -> tuple[Any, Any]:
        margins = np.concatenate([rng.logistic(size=quotes), 2.0 + rng.logistic(size=trades)])
        return margins, np.arange(quotes + trades) >= quotes

    calibration = calibrate_by_kind(*sample(90_000, 10_000))
    margins, trades = sample(1_000_000, 1_000_000)
    scores = calibration.apply(margins, trades)
    for kind in (trades, ~trades):
        assert 0.4e-2 * SUPERVISED_SHARE < float((scores[kind] >= 2).mean()) < 1.3e-2 * SUPERVISED_SHARE
    together = calibrate(sample(90_000, 10_000)[0]).apply(margins)
    assert float((together[trades] >= 2).mean()) > 2e-2


def test_a_kind_of_too_few_margins_takes_the_calibration_of_both() -> None:
    margins = np.random.default_rng(8).logistic(size=5_000)
    trades = np.arange(5_000) < MINIMUM_MARGINS - 1
    calibration = calibrate_by_kind(margins, trades)
    assert calibration.trades == calibrate(margins)
    assert calibration.quotes == calibrate(margins[~trades])

"""Intervals against tables and by hand."""

from __future__ import annotations

import pytest

from models.evaluation.intervals import garwood, of_mean, of_rate, of_share, wilson


@pytest.mark.parametrize(
    # Wilson's interval at 95 %: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n) with z² = 3.8415.
    ("found", "total", "low", "high"),
    # 0 of 10: 3.8415 / 13.8415. 5 of 10: 0.5 ± 1.96 √(0.025 + 0.0096037) / 1.38415 = 0.5 ± 0.26341.
    [(0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (5, 10, 0.23659, 0.76341), (0, 0, 0.0, 1.0)],
)
def test_wilson_interval(found, total, low, high):
    assert wilson(found, total) == pytest.approx((low, high), abs=1e-5)


@pytest.mark.parametrize(
    # Tables of the Poisson distribution: half of χ² at 2.5 % with 2 n degrees of freedom, and at 97.5 % with 2 n + 2.
    ("events", "low", "high"),
    [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (4, 1.0899, 10.2416), (10, 4.7954, 18.3904)],
)
def test_garwood_interval(events, low, high):
    assert garwood(events, 10) == pytest.approx((low / 10, high / 10), abs=1e-4)
    assert of_rate([(events, 10)]) == garwood(events, 10), "one cluster"


def test_one_cluster_has_wilsons_interval():
    assert of_share([(3, 5)]) == wilson(3, 5)


def test_clusters_that_agree_lose_nothing():
    assert of_share([(3, 5)] * 4) == wilson(12, 20)


def test_clusters_that_differ_are_worth_less():
    # 9 + 1 + 9 + 1 of 10 each: 20 of 40. Between: 4/3 × 4 × 4² = 85.333; by chance 0.25 × 40 = 10. Each is worth 1 / 8.5333.
    assert of_share([(9, 10), (1, 10), (9, 10), (1, 10)]) == pytest.approx(wilson(20 / 8.53333, 40 / 8.53333), abs=1e-5)


def test_all_or_none_found_is_wilsons_interval_of_all():
    assert of_share([(5, 5), (5, 5)]) == wilson(10, 10)
    assert of_share([(0, 5), (0, 5)]) == wilson(0, 10)


def test_rates_that_differ_by_day_are_worth_less():
    # 8 and 0 of a million each, where 4 are expected: between 2 × 2 × 4² = 64, by chance 8. Each is worth 1 / 8.
    assert of_rate([(8, 1_000_000), (0, 1_000_000)]) == pytest.approx(garwood(1, 250_000))


def test_the_mean_of_kinds_leaves_out_one_cluster_at_a_time():
    # 8, 9, 9, 10 of 10: without one of them 28, 27, 27, 26 of 30. Variance 3/4 × 2 × (1/30)² = 0.0016667, and Student's t of
    # 97.5 % with 3 degrees of freedom is 3.18245: more than 1.95996 × √(38/44 × 6/44 / 44) = 0.1014.
    kind = {place: (found, 10) for place, found in enumerate((8, 9, 9, 10))}
    assert of_mean([kind]) == pytest.approx((0.9 - 0.129923, 1.0), abs=1e-5)
    # With a kind that each cluster finds half of, clusters differ by half as much, less than by chance:
    # 1.95996 / 2 × √(0.00267656 + 1/4 / 44) = 0.089594.
    half = dict.fromkeys(range(4), (5, 10))
    assert of_mean([kind, half]) == pytest.approx((0.7 - 0.089594, 0.7 + 0.089594), abs=1e-5)


def test_the_mean_of_kinds_in_one_cluster_takes_them_as_independent():
    # 5 of 5, two found and two missed added: 7/9, variance 7/9 × 2/9 / 9 = 0.0192044; 1.95996 × √0.0192044 = 0.27161.
    assert of_mean([{0: (5, 5)}]) == pytest.approx((1 - 0.27161, 1.0), abs=1e-5)
    assert of_mean([]) == (0.0, 1.0)

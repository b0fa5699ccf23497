"""Stylised facts: the estimators on series whose answer is known, and the simulated market within each fact's range."""

from __future__ import annotations

import numpy as np
import pytest

from bench import stylised_facts
from producers.market.parameters import Market
from producers.realism.observed_ticks import Observation, observe
from producers.realism.stylised_facts import STYLISED, Fact, allan_factor, autocorrelation, correlation, hill, measure
from producers.simulation.day import simulate
from tests.support.streams import Tape


@pytest.fixture(scope="module")
def measured() -> dict[str, list[float]]:
    return stylised_facts.values(range(1, stylised_facts.DAYS + 1))


@pytest.mark.parametrize("name", STYLISED)
@pytest.mark.slow
def test_the_simulated_market_keeps_to_the_fact(name: str, measured: dict[str, list[float]]) -> None:
    assert STYLISED[name].holds(float(np.mean(measured[name]))), measured[name]


@pytest.mark.parametrize("fact", STYLISED.values(), ids=lambda fact: fact.name)
def test_a_fact_says_what_it_is_and_where_it_is_from(fact: Fact) -> None:
    assert fact.formula
    assert any(digit.isdigit() for digit in fact.source)
    assert fact.low < fact.high
    assert not fact.holds(float("nan"))


def test_too_little_tells_nothing() -> None:
    told = measure(observe(simulate(Market(minutes=0.1, symbols=5))))
    assert np.isnan(told["tail exponent at one minute"])
    assert np.isnan(told["activity after the open over midday"])


@pytest.mark.parametrize("exponent", [2.0, 3.0, 5.0])
def test_hill_finds_the_exponent_of_a_pareto_tail(exponent: float) -> None:
    drawn = np.random.default_rng(1).pareto(exponent, 100_000) + 1.0
    assert abs(hill(drawn) - exponent) < 0.05 * exponent


def test_autocorrelation_of_an_autoregression_is_its_coefficient_to_the_lag() -> None:
    rng, values = np.random.default_rng(1), [0.0]
    for kick in rng.standard_normal(50_000):
        values.append(0.8 * values[-1] + kick)
    assert abs(autocorrelation(np.array(values), 1) - 0.8) < 0.02
    assert abs(autocorrelation(np.array(values), 5) - 0.8**5) < 0.03


def test_allan_factor_is_one_for_chance_and_does_not_see_slow_changes() -> None:
    rng = np.random.default_rng(1)
    rate = 50.0 * (1.0 + 0.5 * np.sin(np.arange(100_000) / 5000.0))
    counts = rng.poisson(rate)
    assert abs(allan_factor(counts, 5) - 1.0) < 0.05
    # The plain variance does.
    whole = counts.reshape(-1, 5).sum(axis=1)
    assert whole.var() / whole.mean() > 10


@pytest.mark.parametrize("branching", [0.0, 0.5, 0.8])
def test_branching_is_found_in_clusters_of_known_size(branching: float) -> None:
    """Immigrants with Borel-distributed clusters at once: the count's variance over mean is 1 / (1 − n)²."""
    rng = np.random.default_rng(2)
    counts = np.zeros(200_000, np.int64)
    generation = rng.poisson(0.5, len(counts))
    while generation.any():
        counts += generation
        generation = rng.poisson(branching * generation)
    assert abs(1.0 - 1.0 / np.sqrt(allan_factor(counts, 10)) - branching) < 0.03


def test_correlation_of_two_names_that_share_half_their_variance() -> None:
    rng = np.random.default_rng(3)
    shared, own = rng.standard_normal((1, 20_000)), rng.standard_normal((2, 20_000))
    mids = 100.0 * np.exp(np.cumsum(1e-4 * (shared + own), axis=1))
    counts = np.full(mids.shape, 5)
    series, nothing = [("V", "A"), ("V", "B")], [np.zeros((0, 3))] * 2
    steps = np.full(2, 10_000_000)
    seen = Observation(series, np.arange(2), 0, mids, np.ones(mids.shape), steps, counts, nothing)
    assert abs(correlation(seen, 1) - 0.5) < 0.03
    assert abs(correlation(seen, 60) - 0.5) < 0.12


def test_what_is_seen_of_a_few_ticks() -> None:
    """
    ::

        second   0        1        2        3
                 q  q     .        t  q     t
    """
    tape = Tape()
    tape.quote(0.1, 99.98, 100.02)
    tape.quote(0.6, 99.99, 100.01)
    tape.trade(2.2, 100.01, 1)
    tape.quote(2.7, 100.00, 100.03)
    tape.trade(3.1, 100.00, 1)
    seen = observe([tape.ticks()])
    assert np.allclose(seen.mids, [[100.0, 100.0, 100.015, 100.015]])
    assert seen.ticks.tolist() == [10_000_000]
    assert np.allclose(seen.spreads, [[2, 2, 3, 3]])
    assert seen.counts.tolist() == [[2, 0, 2, 1]]
    assert seen.trades[0].tolist() == [[pytest.approx(100.01), 1, 2], [pytest.approx(100.0), -1, 3]]
    later = seen.within(seen.start_ns + 2_000_000_000, seen.start_ns + 3_000_000_000)
    assert later.counts.tolist() == [[2]]
    assert later.trades[0].tolist() == [[pytest.approx(100.01), 1, 0]]

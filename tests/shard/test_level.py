"""Rolling statistics against plain definitions at every prefix, and the gates around them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickproof.instrument import level
from tickproof.instrument.consensus import MOST_VENUES, Consensus, Instruments, consensus_since
from tickproof.instrument.record import END_OF_LIST, INSTRUMENT
from tickproof.ticks.schema import Array

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def instrument() -> Any:
    """A fresh instrument; a record that kernels write to."""
    return np.zeros(1, INSTRUMENT)[0]


def exponential(values: list[float], weight: float, start: float) -> list[float]:
    """Exponential mean by its definition as a weighted sum: start (1 − w)^n + Σ w (1 − w)^(n − k) v_k, at each prefix."""
    out = []
    for n in range(1, len(values) + 1):
        ages = np.arange(n - 1, -1, -1)
        out.append(start * (1 - weight) ** n + float(np.sum(weight * (1 - weight) ** ages * np.array(values[:n]))))
    return out


PRICES = st.lists(st.floats(-0.01, 0.01), min_size=1, max_size=60)


@settings(deadline=None, max_examples=40)
@given(PRICES)
def test_the_scale_is_an_exponential_mean_of_clipped_deviations(moves: list[float]) -> None:
    """s_n = s_(n−1) + 0.03 (min(|x_n − x_(n−1)|, 4 max(s_(n−1), floor)) − s_(n−1)), the first deviation being 0."""
    state, x = instrument(), 25.0
    level.accept(state, x, START, True)
    scale = level.FLOOR * (1 - level.SCALE_WEIGHT)
    assert state["scale"] == pytest.approx(scale)
    for k, move in enumerate(moves):
        x += move
        level.accept(state, x, START + k, True)
        clipped = min(abs(x - (x - move)), 4.0 * max(scale, level.FLOOR))
        scale = 0.97 * scale + 0.03 * clipped
        assert state["scale"] == pytest.approx(scale)
        assert state["level"] == x
        assert state["accepted"] == k + 2


def test_without_clipping_the_scale_is_the_weighted_sum() -> None:
    """Deviations that stay below four scales are averaged as they are."""
    rng = np.random.default_rng(3)
    state, x, steps = instrument(), 25.0, []
    level.accept(state, x, START, True)
    start = float(state["scale"])
    for k in range(200):
        step = float(rng.uniform(0.2, 0.9)) * level.FLOOR * (1 if k % 2 else -1)
        x += step
        steps.append(abs(step))
        level.accept(state, x, START + k, True)
    assert state["scale"] == pytest.approx(exponential(steps, 0.03, start)[-1], rel=1e-6)


def test_one_wild_step_moves_the_scale_by_at_most_nine_percent() -> None:
    """0.97 s + 0.03 · 4 s = 1.09 s."""
    state = instrument()
    level.accept(state, 25.0, START, True)
    state["scale"] = 1e-3
    level.accept(state, 30.0, START, True)
    assert state["scale"] == pytest.approx(1.09e-3)


def test_the_slow_level_follows_with_a_second_s_half_life_in_e() -> None:
    """After 1 s, e⁻¹ of the distance is left, in however many steps."""
    for steps in (1, 5, 50):
        state = instrument()
        level.accept(state, 0.0, START, True)
        for k in range(1, steps + 1):
            level.accept(state, 1.0, START + k * SECOND // steps, True)
        assert state["slow_level"] == pytest.approx(1 - math.exp(-1.0))


def test_trades_move_the_level_only_where_quotes_do_not() -> None:
    state = instrument()
    state["quotes"] = 1
    level.accept(state, 10.0, START, True)
    level.accept(state, 11.0, START + SECOND, False)
    assert state["level"] == 10.0
    level.accept(state, 11.0, START + level.FRESH_NS, False)  # a quote 30 s old is still fresh
    assert state["level"] == 10.0
    level.accept(state, 11.0, START + level.FRESH_NS + 1, False)
    assert state["level"] == pytest.approx(10.4)
    alone = instrument()
    level.accept(alone, 10.0, START, False)
    level.accept(alone, 11.0, START, False)
    assert alone["level"] == pytest.approx(10.4)


def test_the_effective_scale_has_three_floors() -> None:
    state = instrument()
    assert level.effective_scale(state, 0) == level.FLOOR
    state["steps"], state["step_log"] = level.WARM, math.log(20e-4)
    assert level.effective_scale(state, 0) == pytest.approx(5e-4)
    state["spreads"], state["spread_log"] = 1, math.log(40e-4)
    assert level.effective_scale(state, 0) == pytest.approx(10e-4)
    state["scale"] = 50e-4
    assert level.effective_scale(state, 0) == 50e-4


def test_the_scale_of_an_old_level_grows_with_the_root_of_time() -> None:
    """A quarter of a basis point per root of a second, from 30 s on: 12 scales are 3 bp √t, 180 bp in an hour."""
    state = instrument()
    level.accept(state, 25.0, START, True)
    fresh = level.effective_scale(state, START)
    assert level.effective_scale(state, START + 30 * SECOND) == fresh
    assert level.effective_scale(state, START + 34 * SECOND) - fresh == pytest.approx(0.5e-4)
    assert 12 * (level.effective_scale(state, START + 3630 * SECOND) - fresh) == pytest.approx(180e-4)
    assert level.effective_scale(state, START - SECOND) == fresh


def test_the_median_step_counts_only_prices_that_differ() -> None:
    """A price that mostly repeats, and moves by 0.5 % else: a repeat shows nothing of how wide a tick is."""
    state, x = instrument(), 1.0
    for k in range(600):
        x += 0.005 * ((k % 10 == 0) - (k % 10 == 5))
        level.accept(state, x, START + k, False)
    assert state["steps"] == 119
    assert math.exp(state["step_log"]) == pytest.approx(0.005, rel=0.03)


# --- arrivals ---------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 10 * SECOND), min_size=1, max_size=60))
def test_gaps_are_exponential_means_that_start_at_the_first(gaps: list[int]) -> None:
    state, now = instrument(), START
    assert level.observe_arrival(state, now) == 0.0
    fast = exponential([float(gap) for gap in gaps], 0.1, float(gaps[0]))
    slow = exponential([float(gap) for gap in gaps], 0.01, float(gaps[0]))
    for k, gap in enumerate(gaps):
        now += gap
        assert level.observe_arrival(state, now) == gap
        assert state["gap_fast_ns"] == pytest.approx(fast[k], abs=1e-3)
        assert state["gap_slow_ns"] == pytest.approx(slow[k], abs=1e-3)
        assert (state["ticks"], state["last_time"]) == (k + 2, now)


# --- spread -----------------------------------------------------------------------------------------------------------------


def test_the_first_spreads_start_at_their_geometric_mean() -> None:
    rng = np.random.default_rng(5)
    spreads = np.exp(rng.normal(-8, 1, 50))
    state = instrument()
    for k, spread in enumerate(spreads.tolist()):
        level.learn_spread(state, spread)
        assert state["spread_log"] == pytest.approx(np.log(spreads[: k + 1]).mean())


@pytest.mark.parametrize("seed", range(5))
def test_the_streaming_median_ends_near_the_median(seed: int) -> None:
    """Steps of 2 %: within a few steps of the median of what came lately, outliers or not."""
    rng = np.random.default_rng(seed)
    values = rng.normal(-8, 0.3, 3000)
    values[rng.random(3000) < 0.2] += 6.0  # a fifth of all spreads is blown out
    state = instrument()
    for value in np.exp(values).tolist():
        level.learn_spread(state, value)
    assert abs(state["spread_log"] - np.median(values)) < 0.25
    assert abs(state["spread_log"] - values.mean()) > 0.5


def test_a_median_step_has_a_fixed_size_and_direction() -> None:
    state = instrument()
    for _ in range(50):
        level.learn_spread(state, 1e-3)
    middle = float(state["spread_log"])
    for spread, step in ((1e-1, 1), (1e-9, -1), (2e-3, 1)):
        level.learn_spread(state, spread)
        middle += step * level.MEDIAN_STEP
        assert state["spread_log"] == pytest.approx(middle)


@pytest.mark.parametrize("spread", [0.0, -1.0, 1e300])
def test_no_spread_breaks_the_median(spread: float) -> None:
    state = instrument()
    for _ in range(100):
        level.learn_spread(state, spread)
    assert math.isfinite(state["spread_log"])


# --- sizes ------------------------------------------------------------------------------------------------------------------


def size_deviations(sizes: list[int]) -> list[float]:
    """Plain definition: running mean and mean absolute deviation over the first 20 log sizes, exponential (1 %) afterwards from
    sizes within 8 deviations; the deviation of a size is taken before it is learnt, in deviations of at least 0.67."""
    logs: list[float] = []
    usual = spread = 0.0
    out = []
    for n, size in enumerate(sizes):
        x = math.log(max(size, 1))
        if n < level.WARM:
            logs.append(x)
            before, usual = usual, float(np.mean(logs))
            spread += (abs(x - usual) - spread) / (n + 1)
            out.append(math.nan)
            assert n > 0 or before == 0.0
            continue
        deviation = (x - usual) / max(spread, 0.67)
        out.append(deviation)
        if abs(deviation) < 8.0:
            usual = 0.99 * usual + 0.01 * x
            spread = 0.99 * spread + 0.01 * abs(x - usual)
    return out


@pytest.mark.parametrize("which", [0, 1])
def test_size_deviations_at_every_prefix(which: int) -> None:
    rng = np.random.default_rng(7)
    sizes = [int(size) for size in np.exp(rng.normal(25, 1, 300))]
    sizes[100], sizes[150], sizes[200] = 1, 0, 2**62
    state = instrument()
    found = [level.learn_size(state, which, size) for size in sizes]
    np.testing.assert_allclose(found, size_deviations(sizes), rtol=1e-9)
    assert state["sizes"].tolist() == ([300, 0] if which == 0 else [0, 300])
    assert math.isnan(found[level.WARM - 1])
    assert not math.isnan(found[level.WARM])


# --- other venues -----------------------------------------------------------------------------------------------------------


def symbol_of(prices: list[float], ages: list[int], accepted: list[int], now: int) -> Array:
    """Instruments of one symbol, linked; the first one asks."""
    rows = np.zeros(len(prices) + 1, INSTRUMENT)
    rows["next"] = np.r_[np.arange(1, len(rows)), END_OF_LIST]
    rows["observed"][1:], rows["observed_time"][1:], rows["accepted"][1:] = prices, now - np.array(ages, np.int64), accepted
    rows["slow_level"][1:] = 1.0
    rows["observed"][0], rows["observed_time"][0], rows["accepted"][0] = 1e9, now, 1000
    return rows


def of_others(rows: Array, since: int, x: float) -> Consensus:
    """The consensus that the first of the instruments, all of one symbol, is held against."""
    instruments = Instruments(rows, np.zeros(1, np.int64), np.empty(MOST_VENUES))
    consensus: Consensus = consensus_since(instruments, 0, 0, since, x)
    return consensus


VENUES = st.lists(
    st.tuples(
        st.floats(0, 50),
        st.sampled_from([0, 1, level.FRESH_NS, level.FRESH_NS + 1, 10**12]),
        st.sampled_from([level.WARM, level.WARM - 1, 10**6]),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(VENUES, st.floats(0, 50))
def test_the_consensus_is_the_median_of_fresh_warm_venues(venues: list[tuple[float, int, int]], x: float) -> None:
    """A price of 30 s is fresh, one of 30 s + 1 ns is not; 20 accepted ticks are warm; the one that asks is not asked.

    Of an even number of prices it is the median that is nearest to the price in question.
    """
    now = START
    rows = symbol_of([v[0] for v in venues], [v[1] for v in venues], [v[2] for v in venues], now)
    middle, count, width, move = of_others(rows, now - level.FRESH_NS, x)
    chosen = [(price, age) for price, age, accepted in venues if age <= level.FRESH_NS and accepted >= level.WARM]
    prices = np.array([price for price, _ in chosen])
    assert count == len(chosen)
    if not chosen:
        assert math.isnan(middle)
        assert math.isnan(width)
        assert math.isnan(move)
        return
    low, high = (np.quantile(prices, 0.5, method=method) for method in ("lower", "higher"))
    assert middle == pytest.approx(np.clip(x, low, high))
    assert move == pytest.approx(np.mean(prices - 1.0))
    if len(chosen) > 1:
        assert width == pytest.approx(np.ptp(prices))
    else:
        assert math.isnan(width)


def test_more_venues_than_there_is_room_for() -> None:
    rows = symbol_of([float(k) for k in range(50)], [0] * 50, [100] * 50, START)
    assert of_others(rows, START, 0.0).venues == MOST_VENUES


def test_trades_are_observed_only_where_quotes_are_not() -> None:
    state = instrument()
    level.observe_price(state, 1.0, START, False, False)
    assert (state["observed"], state["observed_time"]) == (1.0, START)
    state["quotes"], state["quoted_time"] = 5, START
    level.observe_price(state, 2.0, START + level.FRESH_NS, False, False)
    assert state["observed"] == 1.0
    level.observe_price(state, 3.0, START + 1, False, True)
    assert state["observed"] == 3.0
    level.observe_price(state, 4.0, START + level.FRESH_NS + 1, False, False)
    assert state["observed"] == 4.0


# --- a new level ------------------------------------------------------------------------------------------------------------

PATIENCE = (3, 2 * SECOND)


def confirmed(*ticks: tuple[float, float], patience: tuple[int, int] = PATIENCE) -> list[bool]:
    state = instrument()
    return [bool(level.confirms_new_level(state, x, START + round(seconds * SECOND), 0.5, patience)) for seconds, x in ticks]


def test_a_level_is_confirmed_once_it_has_held_long_and_often_enough() -> None:
    """Three ticks and two seconds, both; the bounds belong to it."""
    assert confirmed((0, 9.0), (0.1, 9.1), (0.2, 9.0)) == [False, False, False]
    assert confirmed((0, 9.0), (1.0, 9.1), (2.0, 9.0)) == [False, False, True]
    assert confirmed((0, 9.0), (5.0, 9.0)) == [False, False]
    assert confirmed((0, 9.0), patience=(1, 0)) == [True]


def test_a_price_elsewhere_starts_anew() -> None:
    assert confirmed((0, 9.0), (1, 9.0), (2, 12.0), (3, 12.0), (4, 12.0)) == [False] * 4 + [True]


def test_the_width_is_around_the_mean_of_what_held() -> None:
    """Mean 9.2 after 9.0 and 9.4; 9.7 lies at its edge, 9.71 outside."""
    assert confirmed((0, 9.0), (1, 9.4), (2, 9.7 - 1e-9)) == [False, False, True]
    assert confirmed((0, 9.0), (1, 9.4), (2, 9.71)) == [False, False, False]


def test_an_accepted_price_forgets_what_held() -> None:
    state = instrument()
    level.confirms_new_level(state, 9.0, START, 0.5, PATIENCE)
    level.confirms_new_level(state, 9.0, START + SECOND, 0.5, PATIENCE)
    level.accept(state, 1.0, START + SECOND, True)
    assert not level.confirms_new_level(state, 9.0, START + 3 * SECOND, 0.5, PATIENCE)


def test_a_message_is_late_beyond_twice_its_usual_lag_and_five_milliseconds() -> None:
    state = instrument()
    assert not any(level.learn_lag(state, 1e6) for _ in range(200))
    assert not level.learn_lag(state, 6.9e6)
    assert level.learn_lag(state, 7.2e6)
    assert not level.learn_lag(state, -1e9)


def test_a_late_message_does_not_count_in_the_consensus() -> None:
    """Two venues; the other one's quote was captured after the moment that is asked about, and sent before."""
    instruments = np.zeros(2, INSTRUMENT)
    instruments["next"] = [1, -1]
    other = instruments[1]
    for k in range(level.WARM):
        level.accept(other, 25.0, START + k, True)
    level.observe_price(other, 25.0, START + SECOND, False, True)
    assert of_others(instruments, START + SECOND // 2, 0.0).venues == 1
    level.observe_price(other, 25.0, START + SECOND, True, True)
    assert of_others(instruments, START + SECOND // 2, 0.0).venues == 0

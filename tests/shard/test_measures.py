"""The statistics library: bounds of windows, gates, warm-up, seasons, size of the state; values are in test_features."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.streams import Market, Scored, Tape, score
from tickproof.features import market, prices, windows
from tickproof.features.measure import learn_tick, measure_tick
from tickproof.features.state import MEASURE, Factors, TickMoment
from tickproof.features.table import INDEX
from tickproof.findings import second_statistics as statistics
from tickproof.findings.emit import new_log
from tickproof.instrument import level as rolling
from tickproof.instrument import silence
from tickproof.instrument.consensus import MOST_VENUES, Instruments
from tickproof.instrument.flood_share import MINUTE
from tickproof.instrument.record import END_OF_LIST, INSTRUMENT
from tickproof.instrument.time_of_day import SEASON
from tickproof.shard import step as scoring
from tickproof.shard.state import SWEPT, ShardState
from tickproof.shard.step import ShardSettings
from tickproof.ticks.schema import NS_PER_SECOND, ROW, UNITS_PER_ONE, Kind, Present, Ticks

S = NS_PER_SECOND
START = 1_700_000_000 * S
PRICES = (
    "mean_9", "deviation_9", "median_9", "mad_9", "mean_64s", "deviation_64s", "ewma_8s", "ewma_64s", "ewma_512s",
    "volatility_ratio", "step_tail", "step_p95", "autocorrelation", "run_ratio", "spread_64s", "size_season",
)  # fmt: skip
"""Features of prices and sizes: an instrument's own references."""


# --- windows ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("time", "part"), [(0, 0), (1, 1), (16, 1), (17, 2), (-15, 0), (-16, -1)])
def test_a_part_holds_its_end_and_not_its_beginning(time: int, part: int) -> None:
    """
    part 0: (-16, 0]    part 1: (0, 16]    part 2: (16, 32]
    """
    assert windows.part_of(time, 16) == part


@settings(deadline=None)
@given(st.integers(-(10**12), 10**12))
def test_parts_of_parts(time: int) -> None:
    """A second is four fast parts and a slow part 64: the part of a part is the part of the time."""
    part = windows.part_of(time, windows.FAST_PART_NS)
    assert windows.coarser(part, windows.SECOND_BITS) == windows.part_of(time, S)
    assert windows.coarser(part, windows.SLOW_BITS) == windows.part_of(time, windows.SLOW_PART_NS)


@pytest.mark.parametrize(("lag_ns", "inside"), [(0, True), (1, False)])
def test_a_window_over_time_does_not_hold_its_beginning(lag_ns: int, inside: bool) -> None:
    """
    tick at T − 1 s + 1 ns ......... T: both in (T − 1 s, T]; the one at T − 1 s is not
    """
    counts = []
    for first in (START + 1, START + 1 - lag_ns):
        state = Feed()
        for _ in range(30):
            state.tick(first - 10 * S)
        state.tick(first)
        counts.append(state.tick(START + S)["rate_1s"])
    assert (counts[0] == pytest.approx(counts[1])) == inside
    assert counts[1] == pytest.approx(counts[0] * (1.0 if inside else 0.5))


@settings(deadline=None)
@given(st.lists(st.integers(-20, 20), min_size=windows.LAST, max_size=60))
def test_the_last_nine_their_median_and_its_deviation(values: list[int]) -> None:
    ordered = np.zeros(windows.LAST, np.float32)
    ring: list[float] = []
    for count, value in enumerate(map(float, values)):
        if count < windows.LAST:
            windows.insert(ordered, count, np.float32(value))
        else:
            windows.exchange(ordered, np.float32(ring[-windows.LAST]), np.float32(value))
        ring.append(value)
        if count >= windows.LAST - 1:
            last = np.array(ring[-windows.LAST :])
            np.testing.assert_array_equal(ordered, np.sort(last))
            expected = np.median(np.abs(last - np.median(last)))
            assert windows.absolute_deviation(ordered) == expected


@settings(deadline=None)
@given(st.floats(1e-12, 1e3))
def test_a_step_lies_in_its_bin(step: float) -> None:
    k = int(windows.step_bin(math.frexp(step)[1]))
    assert k == 0 or step >= 2.0 ** (k - 24)
    assert k == 23 or step < 2.0 ** (k - 23)
    assert 2.0**-0.5 <= 2.0 ** (k - 23.5) / prices.BIN_CENTRES[k] <= 2.0**0.5


def test_a_full_bin_halves_all() -> None:
    bins = np.array([5, 254, 1, *[0] * 21], np.uint8)
    windows.count_step(bins, 1)
    assert bins[:3].tolist() == [2, 127, 0]


# --- one instrument -----------------------------------------------------------------------------------------------------------


class Feed:
    """One instrument and the factors around it, as the kernel drives them; every price is accepted unless told otherwise."""

    def __init__(self) -> None:
        self.one: Any = np.zeros(1, INSTRUMENT)[0]
        self.mine: Any = np.zeros(1, MEASURE)[0]
        self.factors = Factors(*(np.zeros(1, kind)[0] for kind in (market.SYMBOL, market.GROUP, market.MARKET)))

    def tick(self, now: int, ones: float = 100.0, accepted: bool = True, **columns: int) -> dict[str, float]:
        row = np.zeros(1, ROW)[0]
        row["kind"], row["present"] = Kind.TRADE, Present.PRICE | Present.SIZE
        row["price"], row["size"] = round(ones * UNITS_PER_ONE), 100 * UNITS_PER_ONE
        for name, value in columns.items():
            row[name] = value
        x = math.log(row["price"])
        features = np.full((1, len(INDEX)), np.nan)
        moment = TickMoment(now, x, 0, rolling.effective_scale(self.one, now))
        before = measure_tick(row, moment, self.one, self.mine, self.factors, features)
        if accepted:
            rolling.accept(self.one, x, now, False)
        learn_tick(row, moment, self.one, self.mine, self.factors, before)
        return {name: float(features[0, k]) for name, k in INDEX.items()}


def test_warm_up_is_explicit() -> None:
    """Nothing is said of prices before 20 are accepted, or of steps before 20 changes."""
    feed = Feed()
    for k in range(60):
        changes = int(feed.mine["changes"])
        found = feed.tick(START + k * S // 10, 100 + 0.01 * (k % 3 == 0))
        assert math.isnan(found["mean_9"]) == (k < 20)
        assert math.isnan(found["rate_1s"]) == (k < 20)
        assert math.isnan(found["step_tail"]) == (changes < 20)
    assert feed.mine["changes"] > 20


def test_a_level_that_jumps_and_is_accepted_starts_prices_anew() -> None:
    feed = Feed()
    for k in range(60):
        feed.tick(START + k * S // 10, 100 + 0.01 * (k % 2))
    feed.tick(START + 7 * S, 200.0)
    for k in range(21):
        found = feed.tick(START + 8 * S + k * S // 10, 200 + 0.02 * (k % 2))
        assert math.isnan(found["ewma_512s"]) == (k < 19)
    assert abs(found["ewma_512s"]) < 30  # not 0.7 of a logarithm, which are 20 000 scales
    assert found["rate_1s"] > 0


def test_counts_beyond_their_types_change_nothing() -> None:
    """As after 4 · 10⁹ prices, and 65 535 of everything else."""
    plain, old = Feed(), Feed()
    for k in range(50):
        for feed in (plain, old):
            feed.tick(START + k * S // 10, 100 + 0.01 * (k % 3))
    old.mine["known"] = prices.KNOWN_MOST - 3 - (prices.KNOWN_MOST - 3 - 50) % windows.LAST
    for k in range(50, 90):
        found, expected = (feed.tick(START + k * S // 10, 100 + 0.01 * (k % 3)) for feed in (old, plain))
        np.testing.assert_equal(found, expected)
    for name in ("arrivals", "changes", "run", "lags", "sizes", "ticks", "prices", "fast"):
        old.mine[name] = windows.FULL
    for k in range(90, 200):
        found = old.tick(START + k * S // 10, 100 + 0.01 * (k % 3))
    assert all(math.isfinite(value) for value in found.values() if not math.isnan(value))
    assert found["rate_1s"] > 0


# --- gates, through the rules ---------------------------------------------------------------------------------------------------


def three_venues(wrong: bool) -> Scored:
    """Three venues; one of them sends 30 spikes in between if `wrong`."""
    quotes = Market(warm_s=20.0)
    for k in range(30 * wrong):
        quotes.first.quote(15.0 + 0.1 * k + 0.02, 103.0, 103.1)
    return quotes.scored()


def test_a_rejected_tick_moves_no_reference() -> None:
    """The same features of prices and sizes with and without wrong ticks in between; arrivals are arrivals."""
    clean, spoilt = three_venues(False), three_venues(True)
    wrong = spoilt.ticks.rows["bid_px"] == 103 * UNITS_PER_ONE
    assert wrong.sum() == 30
    assert (spoilt.verdicts["final_quality"][wrong] == 2).all()
    for name in PRICES:
        one, other = clean.features[:, INDEX[name]], spoilt.features[~wrong, INDEX[name]]
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5, err_msg=name)
    assert not np.allclose(clean.features[:, INDEX["rate_1s"]], spoilt.features[~wrong, INDEX["rate_1s"]], equal_nan=True)


def test_a_rejected_tick_is_seen_as_what_it_is() -> None:
    spoilt = three_venues(True)
    wrong = spoilt.ticks.rows["bid_px"] == 103 * UNITS_PER_ONE
    assert wrong.any()
    for name in ("mean_9", "median_9", "ewma_64s", "mean_64s"):
        assert (spoilt.features[wrong, INDEX[name]] > 12).all()


def test_a_burst_that_its_echo_does_not_explain() -> None:
    """Ten ticks a second with pauses, then a thousand: the rescaled gap falls by far, and the rate rises."""
    rng = np.random.default_rng(3)
    feed, now = Feed(), START
    usual = []
    for _ in range(600):
        now += int(rng.exponential(0.1) * S)
        usual.append(feed.tick(now)["rescaled_gap"])
    assert 0.7 < np.mean(usual[100:]) < 1.3
    for _ in range(60):
        now += S // 1000
        found = feed.tick(now)
    assert found["rescaled_gap"] < 0.1
    assert found["rate_1s"] > 4


def test_a_price_that_stands_still_while_the_market_moves() -> None:
    """Four symbols move each tenth of a second; one of them stops moving, and goes on quoting."""
    tape = Tape()
    for k in range(900):
        for j, symbol in enumerate(("ABC", "DEF", "GHI", "JKL")):
            step = k if symbol != "ABC" or k < 600 else 600
            mid = 100 + 0.01 * (step % 4)
            tape.quote(0.1 * k + 0.001 * j, mid - 0.01, mid + 0.01, symbol=symbol)
    scored = score(tape.ticks())
    mine = scored.where(symbol="ABC")
    expected = scored.features[mine, INDEX["expected_moves"]]
    assert np.nanmax(expected[:600]) < 3
    assert expected[-1] == pytest.approx(299, rel=0.02)
    assert scored.features[mine[-1], INDEX["run_ratio"]] > 100


@pytest.mark.parametrize("kind", [0, 1])
def test_seasons_lie_side_by_side(kind: int) -> None:
    """Half hours of a day: the last nanosecond of one, the first of the next, and the same a day later."""
    half, day = market.SLOT_NS, 86_400 * S
    places = [int(market.season_of(time, kind)) for time in (half - 1, half, day - 1, day, day + half)]
    assert places == [kind, 2 + kind, 94 + kind, kind, 2 + kind]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-20, 20), st.integers(0, 3)), max_size=60))
def test_the_market_is_the_median_of_what_the_others_did_lately(events: list[tuple[int, float, int]]) -> None:
    """(symbol, move, seconds since the last one): to the bin exactly, at every prefix."""
    symbols = np.zeros(6, market.SYMBOL)
    group, state = np.zeros(1, market.GROUP)[0], np.zeros(1, market.MARKET)[0]
    now, last = START, dict[int, tuple[int, float]]()
    for symbol, move, seconds in events:
        now += seconds * S
        lately = [round(min(max(m, -16.0), 16.0) * 4) / 4 for k, (when, m) in last.items() if k != symbol and when > now - 2 * S]
        found = market.market_move(symbols[symbol], now // S, state)
        if len(lately) < 3:
            assert math.isnan(found)
        else:
            assert found == np.median(lately)
        market.move_symbol(symbols[symbol], group, state, move, now // S)
        last[symbol] = now, move


# --- size ---------------------------------------------------------------------------------------------------------------------


def test_an_instrument_takes_less_than_a_kilobyte() -> None:
    kinds = (INSTRUMENT, MEASURE, statistics.ACCUMULATOR, MINUTE, market.SYMBOL)
    # Its channel and its symbol's first instrument are 8 bytes each.
    assert sum(kind.itemsize for kind in kinds) + 16 <= 1024
    # Apart, and looked at where it changes quarters of an hour or says nothing for seconds.
    assert SEASON.itemsize == 208


@pytest.mark.slow
def test_a_hundred_thousand_symbols() -> None:
    """Each is known, and a slice of few ticks copies few of their rows: what a step saves is not the whole."""
    state, names = ShardState.new(), ("XNAS", "XNAS.A", *(f"S{k:06d}" for k in range(100_000)))
    now = START
    for first in range(0, 100_000, 10_000):
        rows = np.zeros(10_000, ROW)
        rows["ts_recv"] = rows["event_time"] = now + 1_000 * np.arange(10_000)
        rows["present"], rows["kind"] = Present.BID_PX | Present.ASK_PX, Kind.QUOTE
        rows["venue"], rows["channel"], rows["symbol"] = 0, 1, 2 + first + np.arange(10_000)
        rows["bid_px"], rows["ask_px"] = 100 * UNITS_PER_ONE, 101 * UNITS_PER_ONE
        now += 5 * S
        state = scoring.step(state, Ticks(rows, names), now, ShardSettings()).state
    assert state.count == 100_000
    assert (state.measures["known"][:100_000] == 1).all()
    assert sum(len(table.rows) * table.rows.dtype.itemsize for table in state.tables.values()) < 2 * (1024 + 208) * 100_000
    before = state.instruments
    state = scoring.step(state, Ticks(rows[:5], names), now + S, ShardSettings()).state
    assert state.instruments is before


def test_a_sweep_writes_to_nothing_but_what_is_put_back() -> None:
    """`SWEPT` names the fields that a sweep over all instruments changes."""
    instruments = np.zeros(3, INSTRUMENT)
    instruments["ticks"], instruments["last_time"], instruments["next"] = 1_000, START, END_OF_LIST
    instruments["symbol"] = np.arange(3)
    before = instruments.copy()
    clocks = np.zeros(1, silence.CLOCK)
    clocks["alive_ns"] = 3_600 * S
    log = new_log(8)
    linked = Instruments(instruments, np.arange(3), np.empty(MOST_VENUES))
    silence.sweep(silence.Liveness(linked, np.zeros(3, SEASON), clocks, np.zeros(3, np.int64)), START + 3_600 * S, log)
    assert log.written[0] == 3
    changed = {name for name in before.dtype.names or () if (before[name] != instruments[name]).any()}
    assert changed == set(SWEPT)


# --- extremes -----------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_no_price_size_or_time_breaks_the_state() -> None:
    ends = (1, 2, 2**31, 2**62, 2**63 - 1)
    rng = np.random.default_rng(8)
    feed, now = Feed(), START
    for _ in range(3_000):
        now += int(rng.choice([0, 1, S, 10**6 * S]))
        now = min(now, 2**62)
        columns = {
            "size": int(rng.choice([0, -1, -(2**63), *ends])),
            "ts_event": int(rng.choice([0, -(2**63), *ends])),
            "ts_recv": now,
            "price": int(rng.choice(ends)),
        }
        columns["present"] = int(Present.PRICE | Present.SIZE | Present.TS_EVENT)
        found = feed.tick(now, accepted=bool(rng.random() < 0.7), **columns)
        assert not any(math.isinf(value) for value in found.values())
    for record in (feed.mine, *feed.factors):
        for name in record.dtype.names or ():
            assert np.isfinite(record[name]).all(), name

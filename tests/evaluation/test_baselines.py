"""Published cleaners: each on a case worked by hand, and all of them under one contract. Prices are dollars, times seconds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.baselines import BASELINES, HIGHEST, bands, bnhls, brownlees_gallo, ratios
from models.baselines.columns import Columns, instruments, is_wild, price_step
from tickproof.ticks.schema import NAMES, ROW, Condition, Kind, Present, Ticks

SECOND = 1_000_000_000
DAY_S = 86_400
UNIT = 1_000_000_000
EMPTY = "empty"
"""A side that a message says to be empty, and not only leaves out."""


def quote(at, bid=None, ask=None, symbol="A", venue="X"):
    return at, Kind.QUOTE, (bid, ask), 0, symbol, venue


def trade(at, price, conditions=0, kind=Kind.TRADE, symbol="A", venue="X"):
    return at, kind, price, conditions, symbol, venue


def ticks_of(messages):
    names: dict[str, int] = {}
    rows = np.zeros(len(messages), ROW)
    for index, (at, kind, content, conditions, symbol, venue) in enumerate(messages):
        row = rows[index]
        row["ts_recv"], row["kind"], row["conditions"] = round(at * SECOND), kind, conditions
        if kind == Kind.QUOTE:
            for side, value, px, sz in zip(
                ("bid", "ask"), content, (Present.BID_PX, Present.ASK_PX), (Present.BID_SZ, Present.ASK_SZ), strict=True
            ):
                if value is not None:
                    row["present"] |= sz if value == EMPTY else px | sz
                    row[f"{side}_px"] = 0 if value == EMPTY else round(value * UNIT)
                    row[f"{side}_sz"] = 0 if value == EMPTY else UNIT
        else:
            row["present"] |= Present.PRICE | Present.SIZE
            row["price"], row["size"] = round(content * UNIT), UNIT
        for column, name in zip(NAMES, (f"{venue}.1", venue, symbol), strict=True):
            row[column] = names.setdefault(name, len(names))
    return Ticks(rows, tuple(names))


def columns_of(messages) -> Columns:
    ((_, columns),) = instruments(ticks_of(messages))
    return columns


def said(name, messages):
    (baseline,) = [one for one in BASELINES if one.name == name]
    return ratios(ticks_of(messages), (baseline,))[name]


def flags(name, messages):
    return np.flatnonzero(said(name, messages) > 1.0).tolist()


# Brownlees and Gallo, with k = 4 and δ = 25 %, so that the two in the middle of four neighbours count.

PRICES = np.array([10.0, 11.0, 12.0, 13.0, 20.0, 14.0, 15.0])
BOUND = 3 * np.sqrt(0.5) + 0.02
"""3 s + γ for two neighbours one dollar apart, s² = (0.5² + 0.5²) / 1."""


def test_an_observation_is_compared_with_the_trimmed_mean_of_its_neighbours():
    ratio = brownlees_gallo.ratio(PRICES, np.zeros(7, np.int64), 0.02, count=4, trimmed=0.25)
    # 20 has 12 13 | 14 15 around it: 13 and 14 are left, and it is 6.5 from 13.5.
    assert ratio[4] == pytest.approx(6.5 / BOUND)
    # 10 has the first four others, 11 12 13 20: 12 and 13 are left. 15 has the last four, 12 13 20 14: 13 and 14.
    assert ratio[0] == pytest.approx(2.5 / BOUND)
    assert ratio[6] == pytest.approx(1.5 / BOUND)
    # 11 has the first four others as well, 10 12 13 20.
    assert ratio[1] == pytest.approx(1.5 / BOUND)


def test_the_causal_filter_looks_at_those_before_and_judges_once_it_has_all_of_them():
    ratio = brownlees_gallo.ratio(PRICES, np.zeros(7, np.int64), 0.02, count=4, trimmed=0.25, causal=True)
    assert ratio[:4].tolist() == [0.0] * 4
    # 10 11 12 13 before 20: 11 and 12. 12 13 20 14 before 15: 13 and 14.
    assert ratio[4] == pytest.approx(8.5 / BOUND)
    assert ratio[6] == pytest.approx(1.5 / BOUND)


def test_neighbours_are_of_the_same_day_and_a_short_day_is_not_judged():
    # Five of the first day are around 10, five of the second around 50, four of the third.
    prices = np.array([10.0, 10.0, 11.0, 11.0, 10.5, 50.0, 50.0, 51.0, 51.0, 50.5, 90.0, 70.0, 80.0, 60.0])
    day = np.repeat([1, 2, 3], [5, 5, 4])
    ratio = brownlees_gallo.ratio(prices, day, 0.02, count=4, trimmed=0.25)
    assert ratio[4] == ratio[9] == 0.0, "10 10 11 11 around 10.5, and the same at 50"
    assert (ratio[:10] < 1.0).all()
    assert ratio[10:].tolist() == [0.0] * 4


@pytest.mark.parametrize(("price", "expected"), [(10.02, 1.0), (10.03, 1.5), (10.0, 0.0)])
def test_granularity_keeps_a_price_that_stood_still_from_flagging_its_next_steps(price, expected):
    prices = np.array([10.0, 10.0, 10.0, 10.0, price])
    assert brownlees_gallo.ratio(prices, np.zeros(5, np.int64), 0.02, count=4)[4] == pytest.approx(expected)


def test_without_granularity_a_still_price_makes_any_other_infinitely_far():
    ratio = brownlees_gallo.ratio(np.array([10.0, 10.0, 10.0, 10.0, 10.01]), np.zeros(5, np.int64), 0.0, count=4, trimmed=0.25)
    assert ratio.tolist() == [0.0, 0.0, 0.0, 0.0, np.inf]


def test_blocks_of_windows_agree_with_the_plain_definition(monkeypatch):
    monkeypatch.setattr("models.baselines.neighbours.ROWS", 7)
    prices = np.random.default_rng(5).normal(50, 1, 200).round(2)
    day = np.repeat([1, 2], [90, 110])
    for causal in (False, True):
        expected = []
        for i in range(200):
            first, last = (0, 90) if i < 90 else (90, 200)
            left = i - 60 if causal else min(max(i - 30, first), last - 61)
            near = [j for j in range(left, left + (60 if causal else 61)) if j != i]
            if left < first:
                expected.append(0.0)
                continue
            kept = np.sort(prices[near])[6:54]
            expected.append(abs(prices[i] - kept.mean()) / (3 * kept.std(ddof=1) + 0.02))
        assert brownlees_gallo.ratio(prices, day, 0.02, causal=causal) == pytest.approx(np.array(expected))


# Barndorff-Nielsen, Hansen, Lunde and Shephard.


def test_p2_is_a_price_of_zero_or_below():
    prices = (np.array([0.0, 1.0, np.nan, 1.0]), np.array([1.0, 1.0, 1.0, -1.0]))
    assert bnhls.is_not_positive(*prices).tolist() == [True, False, False, True]


def test_q2_is_a_negative_spread_and_not_a_locked_quote():
    assert bnhls.is_crossed(np.array([10.01, 10.0, np.nan]), np.array([10.0, 10.0, 10.0])).tolist() == [True, False, False]


def test_q3_compares_with_fifty_times_the_days_median():
    # The first day's median spread is 0.02, so that more than 1.00 is too much; the second's is 0.10, and 5.00 is.
    spread = np.array([0.02, 0.02, 0.02, 0.99, 1.01, 0.10, 0.10, 1.01, np.nan])
    ratio = bnhls.spread_ratio(spread, np.repeat([1, 2], [5, 4]))
    assert ratio == pytest.approx([0.02, 0.02, 0.02, 0.99, 1.01, 0.02, 0.02, 0.202, 0.0])


@pytest.mark.parametrize(("middle", "expected"), [(10.20, 1.9), (10.10, 0.9), (10.01, 0.0), (9.90, 1.1)])
def test_q4_is_ten_mean_deviations_from_the_median_of_fifty_around(middle, expected):
    # Of the others 25 are 10.00 and 25 are 10.02: the median is 10.01, the mean deviation 0.01, and 0.10 the bound.
    others = [10.00, 10.02] * 25
    values = np.array([*others[:25], middle, *others[25:]])
    assert bnhls.deviation_ratio(values, np.zeros(51, np.int64))[25] == pytest.approx(expected)
    after = np.array([*others, middle])
    assert bnhls.deviation_ratio(after, np.zeros(51, np.int64), causal=True)[50] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("price", "expected"),
    # The quote is 10.00 to 10.02: above 10.04, and below 9.98.
    [(10.05, 4 / 3), (10.03, 2 / 3), (10.01, 0.0), (9.97, 4 / 3), (9.99, 2 / 3)],
)
def test_t4_allows_one_spread_beyond_the_quote(price, expected):
    assert bnhls.outside_ratio(np.array([price]), np.array([10.0]), np.array([10.02])) == pytest.approx([expected])


def test_t4_says_nothing_without_a_whole_quote():
    price, bid, ask = (
        np.array([10.0, 10.0, np.nan, 9.0]),
        np.array([np.nan, 10.1, 10.0, 10.0]),
        np.array([10.0, 10.0, 10.1, 10.0]),
    )
    assert bnhls.outside_ratio(price, bid, ask).tolist() == [0.0, 0.0, 0.0, np.inf], "the last quote is locked, and off it is out"


def test_t4_takes_the_last_usable_quote_of_the_day():
    messages = [
        quote(0, 10.00, 10.02),
        quote(1, 0.0, 10.02),  # P2 takes it away
        quote(2, 10.05, 10.02),  # and Q2 this one
        trade(3, 10.05),
        trade(4, 10.03),
        trade(5, 10.05, Condition.AVERAGE_PRICE),  # no current price
        trade(6, 10.05, Condition.ODD_LOT),
        trade(7, 10.05, kind=Kind.TRADE_CORRECTION),  # T1
        trade(DAY_S, 20.0),
    ]
    assert flags("bnhls_t4", messages) == [3, 6]


def test_bnhls_is_what_any_of_its_rules_says():
    messages = [
        *[quote(index / 10, 10.00 + 0.01 * (index % 2), 10.02 + 0.01 * (index % 2)) for index in range(60)],
        trade(6, 10.50),  # T4
        quote(7, 10.01, 12.01),  # Q3: a spread of 2.00, and more than 100 medians
        quote(8, 10.04, 10.03),  # Q2
        quote(9, 0.0, 10.03),  # P2, and Q4: 5.00 off, and 47 × 0.005, 0.995, 0.02 and 0.195 around are 0.029 in the mean
        quote(10, 10.20, 10.22),  # hidden: with the 5.00 among its neighbours their mean deviation is 0.125, and 1.25 the bound
        *[quote(11 + index / 10, 10.00 + 0.01 * (index % 2), 10.02 + 0.01 * (index % 2)) for index in range(60)],
    ]
    expected = {"bnhls_t4": [60], "bnhls_q3": [61, 63], "bnhls_q2": [62], "bnhls_p2": [63], "bnhls_q4": [63]}
    assert {name: flags(name, messages) for name in expected} == expected
    assert flags("bnhls", messages) == [60, 61, 62, 63]


def test_t2_is_a_condition_that_makes_a_trade_no_current_price():
    messages = [trade(0, 10.0), trade(1, 10.0, Condition.SOLD_LATE), trade(2, 10.0, Condition.ODD_LOT), quote(3, 9.9, 10.1)]
    assert flags("bnhls_t2", messages) == [1]


def test_q2_looks_at_both_sides_of_one_message():
    assert flags("bnhls_q2", [quote(0, bid=10.0, ask=10.1), quote(1, bid=10.2), quote(2, bid=10.2, ask=10.1)]) == [2]


def test_a_price_that_its_condition_explains_is_flagged_where_conditions_are_not_read():
    messages = [trade(index, 10.0 + 0.01 * (index % 2)) for index in range(80)]
    messages[40] = trade(40, 12.0, Condition.AVERAGE_PRICE)
    assert (flags("brownlees_gallo", messages), flags("brownlees_gallo_unread", messages)) == ([], [40])


# Bands.


def test_the_reference_is_the_mean_of_the_five_minutes_before():
    #  0 s: 100    100 s: 102    299 s: 104    300 s    301 s    700 s
    # (0, 300] leaves the first out, at 301 s the one of 300 s is in, and (400, 700] is empty: the mean of 301 s goes on.
    time = np.array([0, 100, 299, 300, 301, 700]) * SECOND
    prices = np.array([100.0, 102.0, 104.0, 109.0, 100.0, 100.0])
    mean = bands.mean_before(prices, time, np.zeros(6, np.int64))
    assert mean[1:] == pytest.approx([100.0, 101.0, 103.0, 105.0, 105.0])
    assert np.isnan(mean[0])


def test_a_day_begins_without_a_reference():
    mean = bands.mean_before(np.array([100.0, 102.0, 50.0, 50.0]), np.arange(4) * SECOND, np.array([1, 1, 2, 2]))
    assert mean[[1, 3]] == pytest.approx([100.0, 50.0])
    assert np.isnan(mean[[0, 2]]).all()


def test_limit_bands_depend_on_tier_and_price():
    reference = np.array([100.0, 3.0, 0.75, 0.5, 0.1])
    assert bands.limit_share(reference) == pytest.approx([0.05, 0.20, 0.20, 0.15 / 0.5, 0.75])
    assert bands.limit_share(reference, tier=2) == pytest.approx([0.10, 0.20, 0.20, 0.15 / 0.5, 0.75])


def test_a_trade_beyond_the_band_is_flagged():
    # 5 % of 100: 105.1 is beyond, 104.9 is not; the means before are 100, 102.55 and then (100 + 105.1 + 104.9) / 3.
    assert flags("luld", [trade(0, 100), trade(1, 105.1), trade(2, 104.9), trade(3, 98.0)]) == [1, 3]


@pytest.mark.parametrize(
    ("before", "price", "is_erroneous"),
    [(20, 22.1, True), (20, 21.9, False), (40, 42.1, True), (40, 41.9, False), (100, 103.1, True), (100, 97.1, False)],
)
def test_clearly_erroneous_is_a_share_of_the_price_before_by_its_level(before, price, is_erroneous):
    assert flags("clearly_erroneous", [trade(0, before), trade(1, price)]) == [1] * is_erroneous
    assert flags("clearly_erroneous", [trade(0, before), trade(DAY_S, price)]) == [], "another day"


# Ticks as columns.


def test_sides_that_come_one_by_one_are_merged():
    columns = columns_of(
        [quote(0, bid=10.0), quote(1, ask=10.1), trade(2, 10.05), quote(3, ask=10.2), quote(4, bid=EMPTY), quote(5, ask=10.3)]
    )
    nan = np.nan
    assert columns.best_bid == pytest.approx([10.0, 10.0, nan, 10.0, nan, nan], nan_ok=True)
    assert columns.best_ask == pytest.approx([nan, 10.1, nan, 10.2, 10.2, 10.3], nan_ok=True)
    assert columns.bid == pytest.approx([10.0, nan, nan, nan, nan, nan], nan_ok=True), "what the message itself carries"
    assert columns.price == pytest.approx([nan, nan, 10.05, nan, nan, nan], nan_ok=True)
    assert columns.mid == pytest.approx([nan, 10.05, nan, 10.1, nan, nan], nan_ok=True)


def test_the_price_step_is_the_change_seen_most_often():
    # Changes of 2, 2, 2 and 40 cents among trades, of 2 and 1 among bids.
    trades = np.array([1000, 1002, 1000, 1002, 1042]) * (UNIT // 100)
    bids = np.array([1000, 1002, 1003]) * (UNIT // 100)
    assert price_step(trades, bids) == pytest.approx(0.02)
    assert price_step(bids[:1]) == 0.0


def test_the_widest_minutes_are_wild_and_one_bad_price_makes_none():
    # Three minutes of twenty trades: a cent wide, a cent wide with one price of 50, and a dollar wide.
    messages = [trade(index * 3, 10.00 + 0.01 * (index % 2) + (index >= 40) * (index % 3)) for index in range(60)]
    messages[25] = trade(75, 50.0)
    assert np.flatnonzero(is_wild(columns_of(messages))).tolist() == list(range(40, 60))
    assert not is_wild(columns_of([quote(0, bid=10.0)])).any(), "no price, no minute"


# The contract of all.

MESSAGES = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.001, 1.0, 200.0]),
        st.sampled_from(["trade", "quote", "bid", "ask"]),
        st.sampled_from([10.0, 10.01, 10.02, 10.03, 11.0, 100.0, 0.0, -10.0, 9.2e9]),
        st.sampled_from([0.0, 0.01, 0.02, -0.01, 3.0]),
    ),
    min_size=0,
    max_size=90,
)


def stream(drawn, repeats=1):
    at, out = 0.0, []
    for wait, kind, price, spread in drawn * repeats:
        at += wait
        sides = {"quote": (price, price + spread), "bid": (price, None), "ask": (None, price + spread)}
        out.append(trade(at, price) if kind == "trade" else quote(at, *sides[kind]))
    return out


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda one: one.name)
@settings(deadline=None, max_examples=15)
@given(drawn=MESSAGES)
def test_a_ratio_is_never_negative_nor_nan_whatever_the_prices(baseline, drawn):
    messages = stream(drawn, 2)
    ratio = ratios(ticks_of(messages), (baseline,))[baseline.name]
    assert ratio.shape == (len(messages),)
    assert (ratio >= 0.0).all()
    assert (ratio <= np.float32(HIGHEST)).all()


@pytest.mark.slow
@pytest.mark.parametrize("baseline", [one for one in BASELINES if one.causal], ids=lambda one: one.name)
@settings(deadline=None, max_examples=15)
@given(drawn=MESSAGES, part=st.floats(0.0, 1.0))
def test_a_causal_filter_says_the_same_when_the_stream_goes_on(baseline, drawn, part):
    # The price step is taken from the whole stream; a cent apart at the beginning and often, it is known from there.
    messages = [trade(index / 1000, 10.0 + 0.01 * (index % 2)) for index in range(300)] + [
        (at + 1, *rest) for at, *rest in stream(drawn)
    ]
    cut = 300 + int(part * (len(messages) - 300))
    whole, beginning = (ratios(ticks_of(some), (baseline,))[baseline.name] for some in (messages, messages[:cut]))
    assert whole[:cut] == pytest.approx(beginning, rel=1e-5)


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda one: one.name)
def test_each_symbol_at_each_venue_is_judged_by_itself(baseline):
    rng = np.random.default_rng(1)
    one = [
        trade(index, 10 + rng.normal() / 10) if index % 3 else quote(index, 10 - rng.random(), 10 + rng.random())
        for index in range(300)
    ]
    # A zero price, a crossed quote and a print with a sale condition, so that every cleaner has something to say.
    one[100], one[102], one[103] = trade(100, 0.0), quote(102, 10.5, 10.0), trade(103, 10.0, int(Condition.SOLD_LATE))
    other = [(at + 0.5, kind, content, conditions, "B", "X") for at, kind, content, conditions, *_ in one[:200]]
    third = [(at + 0.7, kind, content, conditions, "A", "Y") for at, kind, content, conditions, *_ in one[:100]]
    mixed = sorted(one + other + third, key=lambda message: message[0])
    own = [index for index, message in enumerate(mixed) if message[4:] == ("A", "X")]
    alone = said(baseline.name, one)
    assert alone.any()
    assert ratios(ticks_of(mixed), (baseline,))[baseline.name][own].tolist() == alone.tolist()


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda one: one.name)
def test_each_baseline_flags_something_and_no_quiet_market(baseline):
    """Kept quotes a cent apart, trades inside: nothing. One message far away, as bad as can be: it, and not what came before."""
    calm = [
        trade(index / 10, 10.00 + 0.01 * (index % 2)) if index % 5 == 4 else quote(index / 10, 9.99 + 0.01 * (index % 2), 10.02)
        for index in range(500)
    ]
    assert flags(baseline.name, calm) == []
    trades, quotes = trade(50, 100.0), quote(50, 11.0, 10.5)
    late = trade(50, 10.0, Condition.SOLD_LATE)
    spoilt = [*calm, quote(50, 0.0, 100.0), quotes, trades, late, *((at + 60, *rest) for at, *rest in calm)]
    found = flags(baseline.name, spoilt)
    assert found
    assert min(found) >= 500


def test_names_are_distinct_and_meanings_are_given():
    assert len({baseline.name for baseline in BASELINES}) == len(BASELINES)
    assert all(baseline.meaning for baseline in BASELINES)


def test_ticks_without_symbol_or_price_are_said_nothing_about():
    ticks = ticks_of([quote(0, 0.0, 1.0), trade(1, 0.0, kind=Kind.HEARTBEAT), trade(2, 0.0, kind=Kind.TRADE_CANCEL)])
    ticks.rows["symbol"][0] = -1
    assert {name: ratio.tolist() for name, ratio in ratios(ticks).items()} == {one.name: [0.0] * 3 for one in BASELINES}

"""Simulated markets over a day and more: sessions and their crosses, splits, profiles, and events of channels."""

from __future__ import annotations

from datetime import date
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from producers.market import universe
from producers.market.hours import HOURS, us_half_days, us_holidays
from producers.market.parameters import BLOCK_S, Market
from producers.market.profiles import PROFILES
from producers.market.reference import reference
from producers.simulation.day import simulate, simulate_all
from tickproof.errors import SettingsError
from tickproof.findings.label import Label
from tickproof.reference.data import parse
from tickproof.ticks.schema import NS_PER_SECOND, UNITS_PER_ONE, Condition, Kind, Present, Ticks, concat

MINUTE_NS = 60 * NS_PER_SECOND
HOUR_NS = 60 * MINUTE_NS


def utc(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


# Wednesday, 3 July 2024 closes at 13:00 in New York (17:00 UTC); the 4th is a holiday. Two days and the night between them, at a
# low rate.
HALF_DAY = Market(seed=5, symbols=6, venues=2, peak_rate=2, start_ns=utc("2024-07-03T13:00"), minutes=8 * 60, eventfulness=0.05)
TWO_DAYS = Market(seed=6, symbols=8, venues=2, peak_rate=1, start_ns=utc("2024-03-06T00:50"), minutes=765, eventfulness=1.0)


@cache
def stream(market: Market) -> tuple[Ticks, list[Label]]:
    return simulate_all(market)


def of_kind(labels: list[Label], kind: str) -> list[Label]:
    return [found for found in labels if found.kind == kind]


@pytest.mark.parametrize(
    ("day", "is_open", "close"),
    [
        # From the exchange's published calendars.
        ("2024-03-28", True, "20:00"),
        ("2024-03-29", False, ""),
        ("2024-06-19", False, ""),
        ("2024-07-03", True, "17:00"),
        ("2024-11-29", True, "18:00"),
        ("2024-12-24", True, "18:00"),
        ("2023-01-02", False, ""),
        ("2022-01-03", True, "21:00"),
        ("2021-12-24", False, ""),
        ("2021-12-31", True, "21:00"),
        ("2025-04-18", False, ""),
        ("2026-07-03", False, ""),
        ("2024-03-09", False, ""),
    ],
)
def test_us_sessions_are_those_of_the_exchange(day: str, is_open: bool, close: str) -> None:
    begin = utc(day) + 4 * HOUR_NS
    sessions = HOURS["us-equity"].sessions(begin, begin + 24 * HOUR_NS)
    sessions = [one for one in sessions if begin < one.open < begin + 24 * HOUR_NS]
    assert bool(sessions) == is_open
    if is_open:
        assert sessions[0].close == utc(f"{day}T{close}")
        assert sessions[0].start == sessions[0].open - 11 * HOUR_NS // 2


def test_clocks_change_and_the_opening_bell_does_not() -> None:
    friday, monday = HOURS["us-equity"].sessions(utc("2024-03-08T05:00"), utc("2024-03-11T23:00"))
    assert (friday.open, monday.open) == (utc("2024-03-08T14:30"), utc("2024-03-11T13:30"))


def test_holidays_and_half_days_of_a_year() -> None:
    assert len(us_holidays(2024)) == 10
    assert us_half_days(2024) == {date(2024, 7, 3), date(2024, 11, 29), date(2024, 12, 24)}
    # Independence Day of 2021 is observed on Monday, and the day before a Saturday's Christmas is the holiday itself.
    assert us_half_days(2021) == {date(2021, 11, 26)}


def test_currencies_trade_from_sunday_to_friday_with_a_break_a_day() -> None:
    sessions = HOURS["currencies"].sessions(utc("2024-03-04T00:00"), utc("2024-03-11T00:00"))
    assert sessions[0].start == utc("2024-03-03T22:05")
    assert [later.start - one.end for one, later in pairwise(sessions)][:4] == [5 * MINUTE_NS] * 4
    assert sessions[4].end == utc("2024-03-08T22:00")
    # Summer time begins on the weekend.
    assert sessions[5].start == utc("2024-03-10T21:05")


def test_a_stream_while_nothing_is_open_is_refused() -> None:
    with pytest.raises(SettingsError, match="found no trading session from 2024-07-04T12:00:00Z"):
        Market(start_ns=utc("2024-07-04T12:00"), minutes=10)


@pytest.mark.slow
def test_nothing_is_said_while_the_market_is_closed() -> None:
    ticks, _ = stream(TWO_DAYS)
    # Extended hours end at 20:00 in New York, pre-market begins at 4:00.
    pause = (ticks.rows["ts_recv"] > utc("2024-03-06T01:00:01")) & (ticks.rows["ts_recv"] < utc("2024-03-06T09:00"))
    assert not pause.any()
    assert np.any(ticks.rows["ts_recv"] > utc("2024-03-06T09:00"))
    assert np.all(np.diff(ticks.rows["ts_recv"]) >= 0)


def test_no_batch_spans_a_pause() -> None:
    """What waits in the channels when a session ends is given out before the next one."""
    market = Market(seed=6, profile="fx", symbols=8, peak_rate=20, start_ns=utc("2024-03-05T21:59"), minutes=7, latency_us=50_000)
    last = 0
    for batch in simulate(market):
        times = batch.rows["ts_recv"]
        assert times[0] >= last
        assert times[-1] - times[0] < BLOCK_S * NS_PER_SECOND
        last = times[-1]
    assert last > utc("2024-03-05T22:05:30")


@pytest.mark.slow
def test_a_session_is_opened_closed_and_counted_from_one() -> None:
    ticks, _ = stream(TWO_DAYS)
    for channel in range(len(universe.build(TWO_DAYS).channels)):
        rows = ticks.rows[ticks.rows["channel"] == channel]
        begins = np.flatnonzero(rows["kind"] == Kind.SESSION)
        assert len(begins) >= 2
        assert np.all(rows["sequence"][begins] == 1)
        for first, last in zip(begins, [*begins[1:], len(rows)], strict=True):
            counted = rows[first:last][rows["kind"][first:last] != Kind.HEARTBEAT]
            assert counted["sequence"].tolist() == list(range(1, len(counted) + 1))
    status = ticks.rows[ticks.rows["kind"] == Kind.STATUS]
    for condition, count in ((Condition.SESSION_OPENED, 2), (Condition.SESSION_CLOSED, 1)):
        assert np.count_nonzero(status["conditions"] & condition) == count * 8 * 2


@pytest.mark.slow
def test_each_symbol_crosses_at_the_open_and_the_close_of_a_half_day() -> None:
    ticks, labels = stream(HALF_DAY)
    world = universe.build(HALF_DAY)
    trades = ticks.rows[ticks.rows["kind"] == Kind.TRADE]
    for condition, bell, kind in (
        (Condition.AUCTION_OPEN, "2024-07-03T13:30", "genuine_opening_cross"),
        (Condition.AUCTION_CLOSE, "2024-07-03T17:00", "genuine_closing_cross"),
    ):
        prints = trades[(trades["conditions"] & condition) != 0]
        prints = prints[np.abs(prints["ts_event"] - utc(bell)) < 4 * NS_PER_SECOND]
        official = prints[(prints["conditions"] & Condition.OFFICIAL_PRICE) != 0]
        assert len(official) == 6
        assert len(prints) == 12
        assert sorted(prints["symbol"].tolist()) == sorted(2 * official["symbol"].tolist())
        assert sorted(found.symbol for found in of_kind(labels, kind)) == sorted(world.names[-6:])
    # Volume: a cross is larger than nearly every trade of its symbol.
    crossed = trades["size"][(trades["conditions"] & Condition.AUCTION_CLOSE) != 0]
    assert np.median(crossed) > 20 * np.median(trades["size"])


@pytest.mark.slow
def test_trades_before_the_open_and_after_the_close_say_so() -> None:
    ticks, _ = stream(HALF_DAY)
    trades = ticks.rows[(ticks.rows["kind"] == Kind.TRADE)]
    auction = (trades["conditions"] & (Condition.AUCTION_OPEN | Condition.AUCTION_CLOSE)) != 0
    regular = (trades["ts_event"] >= utc("2024-07-03T13:30")) & (trades["ts_event"] < utc("2024-07-03T17:00"))
    near = np.abs(trades["ts_event"] - utc("2024-07-03T13:30")) < NS_PER_SECOND
    said = (trades["conditions"] & Condition.EXTENDED_HOURS) != 0
    assert np.any(said & ~auction)
    assert np.array_equal(said[~auction & ~near], ~regular[~auction & ~near])


@pytest.mark.slow
def test_stubs_stand_before_the_open_only() -> None:
    ticks, _ = stream(HALF_DAY)
    both = Present.BID_PX | Present.ASK_PX
    quotes = ticks.rows[(ticks.rows["kind"] == Kind.QUOTE) & ((ticks.rows["present"] & both) == both)]
    is_stub = quotes["ask_px"] > 1.2 * quotes["bid_px"]
    early = quotes["ts_event"] < utc("2024-07-03T13:30")
    assert 0.005 < is_stub[early].mean() < 0.2
    assert not np.any(is_stub[~early])


@pytest.mark.slow
def test_a_split_divides_the_price_overnight_and_is_in_the_reference() -> None:
    ticks, labels = stream(TWO_DAYS)
    splits = of_kind(labels, "genuine_split")
    assert splits
    for found in splits:
        rows = ticks.rows[ticks.rows["symbol"] == ticks.names.index(found.symbol)]
        prices = rows[(rows["kind"] == Kind.QUOTE) & (rows["bid_px"] > 0)]
        before = prices["bid_px"][prices["ts_recv"] < found.onset][-1]
        regular = prices["bid_px"][prices["ts_recv"] >= utc("2024-03-06T13:00")]
        assert abs(np.log(before / np.median(regular) / found.magnitude)) < 0.25
    said = reference(TWO_DAYS, labels)
    assert [(one["symbol"], one["ratio"]) for one in said["actions"]] == [(one.symbol, one.magnitude) for one in splits]
    assert len(parse(said, "simulated").actions) == len(splits)


@pytest.mark.parametrize("profile", list(PROFILES))
def test_every_profile_keeps_to_its_grid_and_to_its_reference(profile: str) -> None:
    market = Market(seed=3, profile=profile, minutes=0.3, symbols=30)
    ticks, _ = stream(market)
    data = parse(reference(market), "simulated")
    for code, name in enumerate(ticks.names[-30:], len(ticks.names) - 30):
        rows = ticks.rows[(ticks.rows["symbol"] == code) & (ticks.rows["kind"] <= Kind.TRADE)]
        entry = data.instrument("anywhere", name)
        assert entry is not None
        assert entry.tick is not None
        for column in ("bid_px", "ask_px"):
            assert not np.any(rows[column] % entry.tick)
        assert np.any(rows["bid_px"] > 0)
    assert {one.sequence for one in data.channels.values()} == {"contiguous" if market.character.has_sequence else "none"}


def test_currencies_are_quoted_without_sizes_numbers_and_trades() -> None:
    ticks, _ = stream(Market(seed=3, profile="fx", minutes=0.3, symbols=30))
    quotes = ticks.rows[ticks.rows["kind"] == Kind.QUOTE]
    assert np.all((quotes["present"] & (Present.BID_SZ | Present.ASK_SZ | Present.SEQUENCE)) == 0)
    assert not np.any(ticks.rows["sequence"])
    assert not np.any(ticks.rows["kind"] == Kind.TRADE)
    assert {"EURUSD", "USDJPY"} <= set(ticks.names)
    middle = np.median(quotes["bid_px"][quotes["symbol"] == ticks.names.index("EURUSD")]) / UNITS_PER_ONE
    assert 1.0 < middle < 1.2


def test_crypto_trades_heavily_on_a_fine_grid_at_any_hour() -> None:
    sunday = Market(seed=3, profile="crypto", minutes=0.3, symbols=30, start_ns=utc("2024-03-10T03:00"))
    ticks, _ = stream(sunday)
    kinds = np.bincount(ticks.rows["kind"], minlength=7)
    assert 0.3 < kinds[Kind.TRADE] / (kinds[Kind.TRADE] + kinds[Kind.QUOTE]) < 0.7
    table = universe.build(sunday).instruments
    assert np.median(table["price"]) > 1e5
    assert np.median(table["spread"]) > 10


@pytest.mark.parametrize("profile", list(PROFILES))
@pytest.mark.parametrize("family", ["train", "evaluate"])
def test_varied_markets_come_in_every_profile(profile: str, family: Any) -> None:
    market = Market.varied(4, family, profile=profile, minutes=0.1)
    assert (market.profile, market.minutes) == (profile, 0.1)
    assert len(concat(list(simulate(market)))) > 100


def test_a_flash_crash_falls_widens_and_comes_back() -> None:
    market = Market(seed=9, symbols=12, minutes=1.5, flash_crashes_per_minute=3, news_per_minute=0, market_news_per_minute=0)
    ticks, labels = stream(market)
    crashes = [found for found in of_kind(labels, "genuine_flash_crash") if found.end + 5 * NS_PER_SECOND < market.end_ns]
    assert crashes
    for found in crashes:
        venue = ticks.names.index("XSIM")
        rows = ticks.rows[(ticks.rows["symbol"] == ticks.names.index(found.symbol)) & (ticks.rows["venue"] == venue)]
        rows = rows[(rows["kind"] == Kind.QUOTE) & (rows["bid_px"] > 0) & (rows["ask_px"] > 0)]
        during = rows[(rows["ts_recv"] >= found.onset) & (rows["ts_recv"] <= found.end)]
        before, after = rows[rows["ts_recv"] < found.onset], rows[rows["ts_recv"] > found.end]
        lowest = np.log(during["bid_px"].min() / before["bid_px"][-1])
        assert 0.6 < lowest / found.magnitude < 2.0
        # Nine tenths of it are made good at once.
        assert abs(np.log(after["bid_px"][0] / before["bid_px"][-1])) < 0.5 * abs(lowest)
        spread = [np.mean((part["ask_px"] - part["bid_px"]) / part["bid_px"]) for part in (before[-200:], during)]
        assert spread[1] > 1.5 * spread[0]


def test_an_announced_reset_begins_again_at_one_and_says_so() -> None:
    market = Market(seed=9, symbols=12, minutes=1.2, resets_per_minute=3)
    ticks, labels = stream(market)
    resets = of_kind(labels, "genuine_sequence_reset")
    assert len(resets) >= 2
    for found in resets:
        rows = ticks.rows[ticks.rows["channel"] == ticks.names.index(found.channel)]
        begin = np.flatnonzero((rows["kind"] == Kind.SESSION) & (np.abs(rows["ts_event"] - found.onset) < NS_PER_SECOND // 1000))
        assert len(begin) == 1
        after = rows[begin[0] :][:50]
        counted = after[after["kind"] != Kind.HEARTBEAT]
        assert counted["sequence"].tolist() == list(range(1, len(counted) + 1))
        assert rows["sequence"][begin[0] - 1] > 1


def test_cancels_and_corrections_name_a_trade_of_their_venue() -> None:
    ticks, _ = stream(Market(seed=2, minutes=1.0, symbols=40))
    rows = ticks.rows
    amended = rows[(rows["kind"] == Kind.TRADE_CANCEL) | (rows["kind"] == Kind.TRADE_CORRECTION)]
    assert len(amended) >= 3
    for one in amended:
        trade = rows[(rows["kind"] == Kind.TRADE) & (rows["venue"] == one["venue"]) & (rows["trade_id"] == one["trade_id"])]
        assert len(trade) == 1
        assert trade["symbol"][0] == one["symbol"]
        assert trade["ts_event"][0] < one["ts_event"]
        if one["kind"] == Kind.TRADE_CANCEL:
            assert (trade["price"][0], trade["size"][0]) == (one["price"], one["size"])
        else:
            assert (trade["price"][0], trade["size"][0]) != (one["price"], one["size"])


def test_fills_of_one_order_look_like_copies_but_have_their_own_ids() -> None:
    """About 16 % of recorded US trades equal another of the same millisecond in price, size and venue."""
    ticks, _ = stream(Market(seed=2, minutes=1.0, symbols=40))
    trades = ticks.rows[ticks.rows["kind"] == Kind.TRADE]
    keys = np.stack([trades["ts_event"] // 1_000_000, trades["symbol"], trades["venue"], trades["price"], trades["size"]])
    _, counts = np.unique(keys, axis=1, return_counts=True)
    assert 0.08 < counts[counts > 1].sum() / len(trades) < 0.3
    ids = trades["venue"].astype(np.int64) << 40 | trades["trade_id"]
    assert len(np.unique(ids)) == len(trades)


def test_channels_are_merged_by_capture_and_not_by_the_venues_time() -> None:
    ticks, _ = stream(Market(seed=2, minutes=1.0, symbols=40))
    assert 0.05 < np.mean(np.diff(ticks.rows["ts_event"]) < 0) < 0.6


def test_clocks_of_venues_differ_and_stay_within_their_latency() -> None:
    world = universe.build(Market(seed=2))
    assert len(np.unique(world.channels["clock"])) == 4
    assert np.all(np.abs(world.channels["clock"]) + world.channels["wander"] < world.channels["base"])


def test_illiquid_names_are_quiet_for_minutes_and_labelled() -> None:
    market = Market(seed=4, symbols=10, venues=2, peak_rate=1, minutes=12, illiquid_share=0.5, market_news_per_minute=0)
    ticks, labels = stream(market)
    quiet = of_kind(labels, "genuine_quiet")
    assert quiet
    for found in quiet:
        assert found.end - found.onset >= 180 * NS_PER_SECOND
        mine = (ticks.rows["venue"] == ticks.names.index(found.venue)) & (ticks.rows["symbol"] == ticks.names.index(found.symbol))
        times = ticks.rows["ts_recv"][mine & (ticks.rows["kind"] <= Kind.TRADE)]
        assert not np.any((times > found.onset) & (times < found.end))
        assert {found.onset, found.end} <= set(times.tolist())

"""Faults: each entry of the table does what its label says, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from producers import universe
from producers.block import BOTH_SIDES, EXPLAINED
from producers.faults import FAULTS, STRENGTHS, Faults
from producers.market import Market
from producers.simulation import simulate, simulate_all
from tickproof import label
from tickproof.errors import SettingsError
from tickproof.finding import BY_NAME
from tickproof.label import Label
from tickproof.tick import NS_PER_SECOND, Kind, Present, Ticks

# Short and busy; few genuine events, so that there is room. Two blocks, one of them full.
MARKET = Market(seed=21, minutes=0.5, symbols=40, news_per_minute=2, market_news_per_minute=0, illiquid_share=0.05)
PER_KIND = 4
WORLD = universe.build(MARKET)
TICK = universe.TICK
# All that a tick says, apart from the numbers that later faults of a channel may shift.
CONTENT = [
    "ts_recv",
    "ts_event",
    "bid_px",
    "bid_sz",
    "ask_px",
    "ask_sz",
    "price",
    "size",
    "conditions",
    "present",
    "kind",
    "flags",
]
PLACE = ["channel", "venue", "symbol"]


@cache
def clean() -> Ticks:
    return simulate_all(MARKET)[0]


@cache
def faulted(name: str) -> tuple[Ticks, list[Label]]:
    ticks, labels = simulate_all(MARKET, Faults(seed=1, per_kind=PER_KIND, names=(name,)))
    return ticks, [found for found in labels if not found.is_genuine]


def scope_of(rows: Any, found: Label) -> Any:
    """Which rows are of an episode's scope."""
    mask = rows["channel"] == WORLD.names.index(found.channel)
    return mask & (rows["symbol"] == WORLD.names.index(found.symbol)) if found.symbol else mask


def inside(rows: Any, found: Label) -> Any:
    """The rows of an episode."""
    return rows[scope_of(rows, found) & (rows["ts_recv"] >= found.onset) & (rows["ts_recv"] <= found.end)]


def outside(rows: Any, labels: list[Label], *, whole_channel: bool) -> Any:
    """The rows of no episode."""
    keep = np.ones(len(rows), np.bool_)
    for found in labels:
        of = rows["channel"] == WORLD.names.index(found.channel) if whole_channel else scope_of(rows, found)
        keep &= ~(of & (rows["ts_recv"] >= found.onset) & (rows["ts_recv"] <= found.end))
    return rows[keep]


@pytest.mark.parametrize("name", list(FAULTS))
def test_as_many_episodes_as_wanted_are_placed_and_labelled(name: str) -> None:
    fault = FAULTS[name]
    _, labels = faulted(name)
    assert len(labels) >= PER_KIND
    assert len({found.fault_id for found in labels}) == len(labels)
    assert label.from_csv(label.to_csv(labels)) == labels
    for found in labels:
        assert found.kind == fault.kind in BY_NAME
        assert found.scope == fault.scope
        assert bool(found.symbol) == (fault.scope == "symbol")
        assert found.venue == found.channel.split(".")[0]
        assert MARKET.start_ns < found.onset <= found.end < found.effect_end
        assert found.end <= MARKET.end_ns


@pytest.mark.parametrize("name", list(FAULTS))
def test_nothing_changes_outside_the_episodes(name: str) -> None:
    ticks, labels = faulted(name)
    # A tick under another's name is missing where it belongs.
    is_wide = name == "symbol_swap"
    found, wanted = (outside(rows, labels, whole_channel=is_wide) for rows in (ticks.rows, clean().rows))
    assert len(found) == len(wanted)
    for column in CONTENT + PLACE:
        assert np.array_equal(found[column], wanted[column]), column


@pytest.mark.parametrize("name", list(FAULTS))
def test_a_channel_is_still_captured_in_order(name: str) -> None:
    ticks, _ = faulted(name)
    assert np.all(np.diff(ticks.rows["ts_recv"]) >= 0)


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.stage == "content"])
def test_numbers_tell_nothing_of_a_fault_of_content(name: str) -> None:
    ticks, _ = faulted(name)
    for channel in range(len(WORLD.channels)):
        rows = ticks.rows[ticks.rows["channel"] == channel]
        counted = rows[rows["kind"] != Kind.HEARTBEAT]
        assert np.array_equal(counted["sequence"], np.arange(1, len(counted) + 1))


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.scope == "symbol" and not fault.is_format])
def test_prices_stay_on_the_grid_and_sizes_whole(name: str) -> None:
    ticks, _ = faulted(name)
    for column in ("bid_px", "ask_px", "price"):
        assert not np.any(ticks.rows[column] % TICK)
    for column in ("bid_sz", "ask_sz", "size"):
        assert not np.any(ticks.rows[column] % 1_000_000_000)


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.scope == "symbol" and name != "symbol_swap"])
def test_conditions_kinds_and_latency_tell_nothing(name: str) -> None:
    """Even within episodes the edits leave alone what the kind is not about."""
    if name == "silent":
        pytest.skip("its ticks are gone")
    ticks, _ = faulted(name)
    kept = [
        column
        for column in ("ts_recv", "ts_event", "conditions", "kind", *PLACE)
        if name != "time_implausible" or column != "ts_event"
    ]
    for column in kept:
        assert np.array_equal(ticks.rows[column], clean().rows[column])


# What each fault does to the ticks of its episode: (rows with the fault, the same without, the label).
Check = Callable[[Any, Any, Label], None]


def _changed(rows: Any, before: Any) -> tuple[Any, Any]:
    """Rows whose content differs, with and without the fault."""
    assert len(rows) == len(before)
    differs = np.zeros(len(rows), np.bool_)
    for column in CONTENT:
        differs |= rows[column] != before[column]
    assert differs.any()
    return rows[differs], before[differs]


def _level(rows: Any) -> Any:
    """Price of a trade, middle of a quote."""
    return np.where(rows["kind"] == Kind.TRADE, rows["price"], (rows["bid_px"] + rows["ask_px"]) / 2)


def _moved(rows: Any, before: Any, found: Label, low: float, high: float) -> Any:
    """Check that levels moved by the label's fraction and spreads stayed; the rows."""
    now, then = _changed(rows, before)
    fraction = np.abs(_level(now) / _level(then) - 1)
    assert np.allclose(fraction, found.magnitude, rtol=0.1)
    assert low * 0.95 <= found.magnitude <= high * 1.05
    quotes = now["kind"] == Kind.QUOTE
    assert np.array_equal((now["ask_px"] - now["bid_px"])[quotes], (then["ask_px"] - then["bid_px"])[quotes])
    assert np.all(_level(now) > 0)
    return now


def spike(rows: Any, before: Any, found: Label) -> None:
    assert len(_moved(rows, before, found, 0.01, 0.20)) == 1


def small_spike(rows: Any, before: Any, found: Label) -> None:
    assert len(_moved(rows, before, found, 0.001, 0.006)) == 1


def bad_run(rows: Any, before: Any, found: Label) -> None:
    assert 5 <= len(_moved(rows, before, found, 0.003, 0.03)) <= 50


def decimal_shift(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert found.magnitude in (10.0, 100.0, 0.1, 0.01)
    assert len(now) <= 3
    # Cheap symbols are rounded to the grid.
    assert np.all(np.abs(_level(now) - _level(then) * found.magnitude) <= TICK)


def price_not_positive(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert len(now) == 1
    carried = [column for column in ("bid_px", "ask_px", "price") if now["present"][0] & Present[column.upper()]]
    assert sum(now[column][0] <= 0 for column in carried) == 1
    assert min(now[column][0] / then[column][0] for column in carried) == found.magnitude


def field_missing(rows: Any, before: Any, found: Label) -> None:
    now, _ = _changed(rows, before)
    assert len(now) == 1
    assert now["kind"][0] == Kind.TRADE
    lost = [column for column in ("price", "size") if not now["present"][0] & Present[column.upper()]]
    assert len(lost) == found.magnitude > 0
    assert all(now[column][0] == 0 for column in lost)


def crossed(rows: Any, before: Any, found: Label) -> None:
    now, _ = _changed(rows, before)
    assert 1 <= len(now) <= 3
    assert np.all(now["bid_px"] - now["ask_px"] == found.magnitude * TICK)
    assert np.all((now["bid_px"] > 0) & (now["ask_px"] > 0))


def wide_spread(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert 2 <= len(now) <= 6
    usual = np.median(then["ask_px"] - then["bid_px"])
    assert np.allclose((now["ask_px"] - now["bid_px"]) / usual, found.magnitude, rtol=0.1)
    assert 20 <= found.magnitude <= 100
    # One side only, and no price below zero.
    assert np.all((now["bid_px"] == then["bid_px"]) | (now["ask_px"] == then["ask_px"]))
    assert np.all(now["bid_px"] > 0)


def outside_quotes(rows: Any, before: Any, found: Label) -> None:
    now, _ = _changed(rows, before)
    assert len(now) == 1
    assert not now["conditions"][0] & EXPLAINED
    every = clean().rows
    mine = every[scope_of(every, found) & (every["ts_recv"] <= found.onset) & (every["ts_recv"] > found.onset - NS_PER_SECOND)]
    quotes = mine[(mine["kind"] == Kind.QUOTE) & ((mine["present"] & BOTH_SIDES) == BOTH_SIDES)]
    # Fresh, and outside all of the last second.
    assert len(quotes)
    price = now["price"][0]
    assert price > quotes["ask_px"].max() or price < quotes["bid_px"].min()


def time_implausible(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert 1 <= len(now) <= 5
    moved = now["ts_event"] - then["ts_event"]
    assert np.all(np.abs(moved) >= 3600 * NS_PER_SECOND)
    assert moved[0] / NS_PER_SECOND == pytest.approx(found.magnitude)


def digit_error(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert len(now) == 1
    column = "price" if now["kind"][0] == Kind.TRADE else "bid_px"
    new, old = (f"{int(one[column][0]) // TICK:09d}" for one in (now, then))
    places = [place for place in range(len(old)) if new[place] != old[place]]
    assert len(places) == 1 or (len(places) == 2 and sorted(new) == sorted(old))
    _moved(rows, before, found, 0.001, 10.0)


def bit_flip(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert len(now) == 1
    flips = [int(now[column][0] // TICK) ^ int(then[column][0] // TICK) for column in ("bid_px", "ask_px", "price")]
    assert sorted(bin(flip).count("1") for flip in flips) == [0, 0, 1]


def field_swap(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert len(now) == 1
    for one, other in (("price", "size"), ("bid_px", "bid_sz"), ("ask_px", "ask_sz")):
        assert now[one][0] == then[other][0]
        assert now[other][0] == then[one][0]


def symbol_swap(rows: Any, before: Any, found: Label) -> None:
    foreign = rows[~np.isin(rows["ts_event"], before["ts_event"])]
    assert len(foreign) == 1
    every = clean().rows
    origin = every[(every["ts_event"] == foreign["ts_event"][0]) & (every["channel"] == foreign["channel"][0])]
    assert np.any(_level(origin) == _level(foreign)[0])
    assert np.all(origin["symbol"] != foreign["symbol"][0])
    assert not 0.9 < found.magnitude < 1.1


def frozen(rows: Any, before: Any, found: Label) -> None:
    quotes = rows[(rows["kind"] == Kind.QUOTE) & ((rows["present"] & BOTH_SIDES) == BOTH_SIDES)]
    assert len(quotes) >= 16
    assert len(np.unique(quotes["bid_px"])) == len(np.unique(quotes["ask_px"])) == 1
    trades = rows[(rows["kind"] == Kind.TRADE) & ((rows["conditions"] & EXPLAINED) == 0)]
    assert np.all(np.isin(trades["price"], [quotes["bid_px"][0], quotes["ask_px"][0]]))
    moved = before[(before["kind"] == Kind.QUOTE) & ((before["present"] & BOTH_SIDES) == BOTH_SIDES)]
    assert np.abs(_level(moved) / _level(quotes)[0] - 1).max() == pytest.approx(found.magnitude, rel=1e-3)


def size_outlier(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert len(now) == 1
    column = next(name for name in ("size", "bid_sz", "ask_sz") if now[name][0] != then[name][0])
    assert now[column][0] == 0 if found.magnitude == 0 else now[column][0] >= 100 * then[column][0]


def silent(rows: Any, before: Any, found: Label) -> None:
    assert len(rows) == 2
    assert len(before) - 2 >= 60
    assert found.end - found.onset > 2 * NS_PER_SECOND


def channel_silent(rows: Any, before: Any, found: Label) -> None:
    assert len(rows) == 2
    # Heartbeats stop too.
    assert np.any(before["kind"] == Kind.HEARTBEAT)


def latency_spike(rows: Any, before: Any, found: Label) -> None:
    # Session stamps stay right: it is the capture that is late.
    late = np.max(rows["ts_recv"] - rows["ts_event"]) / NS_PER_SECOND
    assert late == pytest.approx(found.magnitude, rel=0.1)
    assert late >= 0.3
    assert np.all(np.isin(rows["ts_event"], before["ts_event"]))
    assert np.all(np.diff(rows["ts_event"]) >= 0)


def sequence_gap(rows: Any, before: Any, found: Label) -> None:
    numbers = rows["sequence"][rows["kind"] != Kind.HEARTBEAT].astype(np.int64)
    steps = np.diff(numbers)
    assert steps.max() - 1 == found.magnitude
    assert np.count_nonzero(steps != 1) == 1
    assert len(before) > len(rows)


def sequence_reset(rows: Any, before: Any, found: Label) -> None:
    assert found.magnitude > 0
    assert not np.any(rows["kind"] == Kind.SESSION)
    assert 1 in rows["sequence"]


def duplicate(rows: Any, before: Any, found: Label) -> None:
    counted = rows[rows["kind"] != Kind.HEARTBEAT]
    numbers, first, times = np.unique(counted["sequence"], return_index=True, return_counts=True)
    assert np.count_nonzero(times == 2) == found.magnitude
    for number in numbers[times == 2]:
        one, other = counted[counted["sequence"] == number]
        assert all(one[column] == other[column] for column in [*CONTENT[1:], *PLACE, "trade_id"])
        assert one["ts_recv"] <= other["ts_recv"]
    assert len(first) == len(before[before["kind"] != Kind.HEARTBEAT])


def duplicate_changed(rows: Any, before: Any, found: Label) -> None:
    counted = rows[rows["kind"] != Kind.HEARTBEAT]
    numbers, times = np.unique(counted["sequence"], return_counts=True)
    assert np.count_nonzero(times == 2) == found.magnitude
    for number in numbers[times == 2]:
        one, other = counted[counted["sequence"] == number]
        assert any(one[column] != other[column] for column in CONTENT[2:8])
        assert all(one[column] == other[column] for column in ["ts_event", "kind", "trade_id", *PLACE])


def out_of_order(rows: Any, before: Any, found: Label) -> None:
    numbers = rows["sequence"][rows["kind"] != Kind.HEARTBEAT].astype(np.int64)
    back = np.flatnonzero(np.diff(numbers) < 0)
    assert len(back) == 1
    # Nothing is lost, and the reordered ones come behind many.
    assert sorted(numbers) == list(range(numbers.min(), numbers.max() + 1))
    assert found.magnitude >= 40
    assert len(rows) > found.magnitude


CHECKS: dict[str, Check] = {name: globals()[name] for name in FAULTS}


@pytest.mark.parametrize("name", list(FAULTS))
def test_an_episode_is_what_its_label_says(name: str) -> None:
    ticks, labels = faulted(name)
    for found in labels:
        CHECKS[name](inside(ticks.rows, found), inside(clean().rows, found), found)


def test_heartbeats_follow_the_counter_through_a_reset() -> None:
    ticks, labels = faulted("sequence_reset")
    for channel in {found.channel for found in labels}:
        rows = ticks.rows[ticks.rows["channel"] == WORLD.names.index(channel)]
        counted = rows["kind"] != Kind.HEARTBEAT
        sequence = rows["sequence"].astype(np.int64)
        last = np.maximum.accumulate(np.where(counted, np.arange(len(rows)), 0))
        beats = np.flatnonzero(~counted)
        # A beat just before a reset still announces the old number.
        assert np.mean(sequence[beats] == sequence[last[beats]] + 1) > 0.9
        assert np.count_nonzero(np.diff(sequence[counted]) != 1) == sum(found.channel == channel for found in labels)


@pytest.fixture(scope="module")
def everything() -> tuple[Ticks, list[Label]]:
    return simulate_all(Market(seed=4, minutes=1.0, symbols=40), Faults(seed=2, per_kind=3))


def test_all_kinds_fit_into_one_stream(everything: tuple[Ticks, list[Label]]) -> None:
    for name in FAULTS:
        assert sum(found.fault_id.startswith(f"{name}-0") for found in everything[1]) >= 3


def test_episodes_of_one_series_keep_apart(everything: tuple[Ticks, list[Label]]) -> None:
    faults = [found for found in everything[1] if not found.is_genuine]
    for one in faults:
        for other in faults:
            if one is not other and one.channel == other.channel and one.onset <= other.onset:
                if one.symbol == other.symbol and one.symbol:
                    assert other.onset - one.end >= 2 * NS_PER_SECOND
                elif not one.symbol or not other.symbol:
                    assert other.onset > one.end


def test_no_symbol_fault_lies_in_a_genuine_event(everything: tuple[Ticks, list[Label]]) -> None:
    genuine = [found for found in everything[1] if found.kind in ("genuine_news", "genuine_halt")]
    assert genuine
    for event in genuine:
        for found in everything[1]:
            if not found.is_genuine and found.symbol == event.symbol:
                assert found.end < event.onset or event.effect_end < found.onset


def test_the_same_seed_gives_the_same_faults(everything: tuple[Ticks, list[Label]]) -> None:
    again, labels = simulate_all(Market(seed=4, minutes=1.0, symbols=40), Faults(seed=2, per_kind=3))
    assert again.rows.tobytes() == everything[0].rows.tobytes()
    assert labels == everything[1]


def test_another_fault_seed_leaves_the_market_alone() -> None:
    _, labels = simulate_all(MARKET, Faults(seed=5, per_kind=1))
    _, others = simulate_all(MARKET, Faults(seed=6, per_kind=1))
    assert [found for found in labels if found.is_genuine] == [found for found in others if found.is_genuine]
    assert labels != others


def test_a_rate_per_million_grows_with_the_stream() -> None:
    ticks, labels = simulate_all(MARKET, Faults(per_kind=0, per_million=50.0, names=("spike", "crossed")))
    faults = [found for found in labels if not found.is_genuine]
    expected = 50.0 * len(ticks) / 1e6
    for kind in ("spike", "crossed"):
        assert abs(sum(found.kind == kind for found in faults) - expected) <= 1


def test_what_found_no_place_is_told() -> None:
    simulation = simulate(Market(minutes=0.05, symbols=4), Faults(per_kind=3, names=("silent",)))
    for _ in simulation:
        pass
    assert simulation.missing == {"silent": 3}


@pytest.mark.parametrize("family", ["train", "evaluate"])
def test_varied_strength_stays_in_its_range(family: Any) -> None:
    low, high = STRENGTHS[family]
    strengths = [Faults.varied(seed, family).strength for seed in range(20)]
    assert low <= min(strengths) < max(strengths) <= high


def test_unknown_entries_and_odd_numbers_are_refused() -> None:
    with pytest.raises(SettingsError, match="nonsense is unknown, expected some of spike"):
        Faults(names=("nonsense",))
    with pytest.raises(SettingsError, match="per_kind is -1"):
        Faults(per_kind=-1)
    with pytest.raises(SettingsError, match="strength is 0"):
        Faults(strength=0.0)

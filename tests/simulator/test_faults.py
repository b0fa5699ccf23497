"""Faults: each entry of the table does what its label says, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from producers.faults.editing.block import BOTH_SIDES, EXPLAINED
from producers.faults.occupancy import SPARSE
from producers.faults.table import FAULTS, STRENGTHS, Faults
from producers.market import universe
from producers.market.parameters import Market
from producers.simulation.day import simulate, simulate_all
from tickproof.errors import SettingsError
from tickproof.findings import label
from tickproof.findings.finding import BY_NAME
from tickproof.findings.label import Label
from tickproof.ticks.schema import NS_PER_SECOND, Kind, Present, Ticks, concat

# Short and busy; few genuine events, so that there is room. Two blocks, one of them full.
MARKET = Market(seed=21, minutes=0.5, symbols=40, news_per_minute=2, market_news_per_minute=0, illiquid_share=0.05)
PER_KIND = 4
OPEN = [name for name, fault in FAULTS.items() if not fault.when_shut and "relation" not in fault.needs]
"""Entries for a market that is always open, and whose prices are not tied to each other, as this one's are."""
WORLD = universe.build(MARKET)
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
PRICED = ("bid_px", "ask_px", "price")
OFF_GRID = [name for name, fault in FAULTS.items() if fault.is_format or name == "genuine_average_price"]
UNDER_OTHER_NAMES = ("symbol_swap", "genuine_rename")
NOT_INJECTED: dict[str, str] = {
    "payload_unreadable": "producers.publish.transport_faults, when a stream is published",
    "schema_changed": "producers.publish.transport_faults, when a stream is published",
    "locked": "the market: information, not a fault",
    "explained_print": "the market and genuine_late_print: information, not a fault",
    "cancelled": "genuine_cancel: information, not a fault",
    "corrected": "genuine_correction: information, not a fault",
    "time_unit": "a recording as a whole: tests of the recordings write such files",
    "capture_clock": "a recording as a whole: tests of the recordings write such files",
    "late_tick": "information, not a fault: a stream in capture order has none",
    "genuine_move": "the market, genuine_excursion, genuine_jump and genuine_trend",
}
"""Codes of the taxonomy that no entry injects, and what makes them instead."""
MARKET_EVENTS = frozenset(
    {
        "genuine_news",
        "genuine_market_news",
        "genuine_halt",
        "genuine_latency_burst",
        "genuine_flash_crash",
        "genuine_split",
        "genuine_crossed",
    }
)
"""Genuine events that the simulated market has by itself and that are twins of faults."""
ADDS_OR_TAKES = ("out_of_session", "silent", "stale_book_mute", "burst", "unknown_symbol", "symbol_swap")


def instrument_of(found: Label) -> Any:
    """What is known of a label's symbol: its price step, its lot."""
    return WORLD.instruments[WORLD.names.index(found.symbol) - len(WORLD.channels) - WORLD.venues]


def tick_of(found: Label) -> int:
    return int(instrument_of(found)["tick"])


@cache
def clean() -> Ticks:
    return simulate_all(MARKET)[0]


@cache
def faulted(name: str) -> tuple[Ticks, list[Label]]:
    ticks, labels = simulate_all(MARKET, Faults(seed=1, per_kind=PER_KIND, names=(name,)))
    own = [found for found in labels if found.fault_id.startswith(f"{name}-0")]
    # So that no test of an episode passes because none was placed.
    assert own
    return ticks, own


def scope_of(ticks: Ticks, found: Label) -> Any:
    """Which rows are of an episode's scope; an empty channel or venue means all."""
    rows = ticks.rows
    mask = np.ones(len(rows), np.bool_)
    for column in PLACE:
        name = getattr(found, column)
        if name:
            mask &= rows[column] == (ticks.names.index(name) if name in ticks.names else -2)
    return mask


def within(rows: Any, found: Label) -> Any:
    return (rows["ts_recv"] >= found.onset) & (rows["ts_recv"] <= found.end)


def inside(ticks: Ticks, found: Label) -> Any:
    """The rows of an episode."""
    return ticks.rows[scope_of(ticks, found) & within(ticks.rows, found)]


def outside(ticks: Ticks, labels: list[Label], *, whole_channel: bool) -> Any:
    """The rows of no episode."""
    keep = np.ones(len(ticks), np.bool_)
    for found in labels:
        keep &= ~(scope_of(ticks, replace(found, symbol="") if whole_channel else found) & within(ticks.rows, found))
    return ticks.rows[keep]


@pytest.mark.slow
@pytest.mark.parametrize("name", OPEN)
def test_as_many_episodes_as_wanted_are_placed_and_labelled(name: str) -> None:
    fault = FAULTS[name]
    _, labels = faulted(name)
    # Those of the whole market keep six seconds apart, and the stream is of thirty.
    assert len(labels) >= (2 if fault.scope == "channel" and fault.reach == "all" else PER_KIND)
    assert len({found.fault_id for found in labels}) == len(labels)
    assert label.from_csv(label.to_csv(labels)) == labels
    for found in labels:
        assert found.kind == fault.kind
        assert fault.is_genuine or found.kind in BY_NAME
        assert found.scope == fault.scope
        assert bool(found.symbol) == (fault.scope == "symbol")
        assert bool(found.venue) == (fault.reach != "all")
        assert bool(found.channel) == (fault.reach == "one")
        if found.channel:
            assert found.venue == found.channel.split(".")[0]
        assert MARKET.start_ns < found.onset <= found.end < found.effect_end
        # What lasts to the last message lasts until that is captured.
        assert found.end <= MARKET.end_ns + (name == "genuine_rename") * NS_PER_SECOND


@pytest.mark.slow
@pytest.mark.parametrize("name", OPEN)
def test_every_change_lies_in_a_window_and_every_window_holds_one(name: str) -> None:
    ticks, labels = faulted(name)
    # A tick under another's name is missing where it belongs.
    is_wide = name in UNDER_OTHER_NAMES
    found, wanted = (outside(one, labels, whole_channel=is_wide) for one in (ticks, clean()))
    assert len(found) == len(wanted)
    for column in CONTENT + PLACE:
        assert np.array_equal(found[column], wanted[column]), column
    for one in labels:
        now, then = inside(ticks, one), inside(clean(), one)
        columns = [*CONTENT, *PLACE, "sequence"] if FAULTS[name].stage == "sequence" else CONTENT + PLACE
        assert len(now) != len(then) or any(np.any(now[column] != then[column]) for column in columns)


@pytest.mark.parametrize("name", OPEN)
def test_a_channel_is_still_captured_in_order(name: str) -> None:
    ticks, _ = faulted(name)
    assert np.all(np.diff(ticks.rows["ts_recv"]) >= 0)


@pytest.mark.parametrize("name", [name for name in OPEN if FAULTS[name].stage == "content"])
def test_numbers_tell_nothing_of_a_fault_of_content(name: str) -> None:
    ticks, _ = faulted(name)
    for channel in range(len(WORLD.channels)):
        rows = ticks.rows[ticks.rows["channel"] == channel]
        counted = rows[rows["kind"] != Kind.HEARTBEAT]
        assert np.array_equal(counted["sequence"], np.arange(1, len(counted) + 1))


@pytest.mark.parametrize("name", [name for name in OPEN if name not in OFF_GRID])
def test_prices_stay_on_the_grid_and_sizes_whole(name: str) -> None:
    """On the instrument's own grid, apart from prints whose condition says that they need not be."""
    ticks, _ = faulted(name)
    rows = ticks.rows[ticks.rows["symbol"] < len(WORLD.names)]
    steps = WORLD.ticks_of(rows)
    for column in ("bid_px", "ask_px"):
        assert not np.any(rows[column] % steps)
    assert not np.any(rows["price"] % steps * ((rows["conditions"] & EXPLAINED) == 0))
    for column in ("bid_sz", "ask_sz", "size"):
        assert not np.any(rows[column] % 1_000_000_000)


def is_tied(rows: Any) -> Any:
    """Which rows were captured in the very ns of their channel's row before."""
    tied = np.zeros(len(rows), np.bool_)
    for channel in np.unique(rows["channel"]):
        mine = np.flatnonzero(rows["channel"] == channel)
        tied[mine] = np.diff(rows["ts_recv"][mine], prepend=-1) == 0
    return tied


@pytest.mark.parametrize("name", ["burst", "channel_burst"])
def test_messages_of_a_burst_come_together_as_often_as_others(name: str) -> None:
    ticks, _ = simulate_all(MARKET, Faults(seed=1, per_kind=PER_KIND, names=(name,), marked=True))
    marked = ticks.rows["row"] > 0
    assert np.count_nonzero(marked) > 1000
    quotes = clean().rows[np.isin(clean().rows["channel"], np.unique(ticks.rows["channel"][marked]))]
    usual = is_tied(quotes)[quotes["kind"] == Kind.QUOTE].mean()
    assert usual > 0.01
    assert is_tied(ticks.rows)[marked].mean() == pytest.approx(usual, abs=0.6 * usual)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, fault in FAULTS.items()
        # What needs a relation is placed where there is one: see test_relation_faults.
        if fault.scope == "symbol" and not fault.is_genuine and name not in ADDS_OR_TAKES and "relation" not in fault.needs
    ],
)
def test_conditions_kinds_and_latency_tell_nothing(name: str) -> None:
    """Even within episodes the edits leave alone what the kind is not about."""
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
    assert np.all(np.abs(_level(now) - _level(then) * found.magnitude) <= tick_of(found))


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
    now, then = _changed(rows, before)
    assert 1 <= len(now) <= 3
    assert (now["bid_px"] - now["ask_px"])[0] == found.magnitude * tick_of(found)
    # By an odd multiple of what the spread was.
    assert np.all((now["bid_px"] - now["ask_px"]) // (then["ask_px"] - then["bid_px"]) % 2 == 1)
    assert np.all((now["bid_px"] > 0) & (now["ask_px"] > 0))


def wide_spread(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert 2 <= len(now) <= 6
    assert np.all(now["ask_px"] - now["bid_px"] == found.magnitude * (then["ask_px"] - then["bid_px"]))
    assert 20 <= found.magnitude <= 101
    # One side only, and no price below zero.
    assert np.all((now["bid_px"] == then["bid_px"]) | (now["ask_px"] == then["ask_px"]))
    assert np.all(now["bid_px"] > 0)


def outside_quotes(rows: Any, before: Any, found: Label) -> None:
    now, _ = _changed(rows, before)
    assert len(now) == 1
    assert not now["conditions"][0] & EXPLAINED
    every = clean().rows
    mine = every[scope_of(clean(), found) & (every["ts_recv"] <= found.onset) & (every["ts_recv"] > found.onset - NS_PER_SECOND)]
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
    new, old = (f"{int(one[column][0]) // tick_of(found):09d}" for one in (now, then))
    places = [place for place in range(len(old)) if new[place] != old[place]]
    assert len(places) == 1 or (len(places) == 2 and sorted(new) == sorted(old))
    _moved(rows, before, found, 0.001, 10.0)


def bit_flip(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert len(now) == 1
    tick = tick_of(found)
    flips = [int(now[column][0] // tick) ^ int(then[column][0] // tick) for column in ("bid_px", "ask_px", "price")]
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
    assert now[column][0] >= 100 * then[column][0]
    # Whole hundreds of lots more: lots and last digits stay.
    assert (now[column][0] - then[column][0]) % (100 * instrument_of(found)["lot"]) == 0


def size_zero(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert (len(now), now["size"][0], found.magnitude) == (1, 0, 0.0)
    assert then["size"][0] > 0


def sentinel_value(rows: Any, before: Any, found: Label) -> None:
    now, _ = _changed(rows, before)
    assert 1 <= len(now) <= 3
    assert found.magnitude in (0.0, -1.0, 999999.9999, 214748.3647, 429496.7295, pytest.approx(9223372036.854775807))
    assert all(any(row[name] == round(found.magnitude * 1e9) or row[name] == 2**63 - 1 for name in PRICED) for row in now)


def off_tick_grid(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert 1 <= len(now) == found.magnitude
    carried = [now[name] != 0 for name in PRICED]
    for name, mask in zip(PRICED, carried, strict=True):
        assert np.all(now[name][mask] % tick_of(found) != 0)
        assert np.all(np.abs(now[name] - then[name]) < tick_of(found) / 2)


precision_change = off_tick_grid


def side_swap(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert 1 <= len(now) <= 3
    for one, other in (("bid_px", "ask_px"), ("bid_sz", "ask_sz")):
        assert np.array_equal(now[one], then[other])
        assert np.array_equal(now[other], then[one])


def frozen_price(rows: Any, before: Any, found: Label) -> None:
    quotes = two_sided(rows)
    assert len(np.unique(quotes["bid_px"])) == len(np.unique(quotes["ask_px"])) == 1
    assert np.array_equal(rows["bid_sz"], before["bid_sz"])


def two_sided(rows: Any) -> Any:
    return rows[(rows["kind"] == Kind.QUOTE) & ((rows["present"] & BOTH_SIDES) == BOTH_SIDES)]


def stale_book(rows: Any, before: Any, found: Label) -> None:
    quotes = two_sided(rows)
    assert len(np.unique(quotes["bid_px"])) == len(np.unique(quotes["ask_px"])) == 1
    trades, then = (one[one["kind"] == Kind.TRADE] for one in (rows, before))
    assert np.array_equal(trades["price"], then["price"])
    assert np.count_nonzero((trades["price"] > quotes["ask_px"][0]) | (trades["price"] < quotes["bid_px"][0])) >= 3


def stale_book_mute(rows: Any, before: Any, found: Label) -> None:
    assert len(two_sided(rows)) == 1
    stale_book(rows, before, found)


def drift(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    fraction = _level(now) / _level(then) - 1
    assert 0.8 * found.magnitude < np.abs(fraction).max() <= 1.05 * found.magnitude
    # One way, and ever further, to within a step.
    assert np.all(fraction > 0) or np.all(fraction < 0)
    assert np.all(np.diff(np.abs(fraction)) > -2 * tick_of(found) / _level(then).min())


def unit_change(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert found.magnitude in (100.0, 0.01, 0.1)
    assert np.all(np.abs(_level(now) - _level(then) * found.magnitude) <= tick_of(found))


def lots_change(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    for name in ("bid_sz", "ask_sz", "size"):
        wanted = np.maximum(then[name] * found.magnitude // 1e9, 1) * (then[name] > 0)
        assert np.array_equal(now[name], wanted * 1e9)


def burst(rows: Any, before: Any, found: Label) -> None:
    assert len(rows) - found.magnitude in (len(before), len(before) + 0)
    assert found.end - found.onset < 2.1 * NS_PER_SECOND
    assert np.all(rows["kind"] <= Kind.STATUS)
    # No information: no price that was not there, and every one that was.
    assert set(rows["bid_px"]) >= set(before["bid_px"])
    # Nor a size that was never shown there.
    shown = clean().rows[scope_of(clean(), found)]
    assert set(rows["bid_sz"]) <= set(shown["bid_sz"])
    assert set(rows["ask_sz"]) <= set(shown["ask_sz"])


channel_burst = burst


def unknown_symbol(rows: Any, before: Any, found: Label) -> None:
    assert len(before) == 0
    assert len(rows) >= 10
    assert found.symbol not in WORLD.names


def feed_silent(rows: Any, before: Any, found: Label) -> None:
    assert len(before) > 100
    # At most the edges of each channel.
    assert 2 <= len(rows) <= 4
    assert found.end - found.onset >= 4.4 * NS_PER_SECOND


def clock_offset(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert np.all(now["ts_event"] - then["ts_event"] == round(found.magnitude * NS_PER_SECOND))
    assert len(now) == len(rows)


clock_zone = clock_offset


def clock_drift(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    passed = then["ts_event"] - then["ts_event"][0]
    moved = (now["ts_event"] - then["ts_event"]).astype(float)
    assert np.polyfit(passed, moved, 1)[0] == pytest.approx(found.magnitude, rel=1e-3)


def rate_shift(rows: Any, before: Any, found: Label) -> None:
    lost = np.bincount(before["kind"], minlength=7) - np.bincount(rows["kind"], minlength=7)
    assert lost[Kind.QUOTE] > 0
    assert lost[Kind.TRADE] > 0
    assert not lost[Kind.TRADE_CANCEL :].any()
    # Half of the window at the full share, and half on the way to it.
    assert lost[:2].sum() / np.count_nonzero(before["kind"] <= Kind.TRADE) == pytest.approx(0.75 * found.magnitude, rel=0.35)


def mix_shift(rows: Any, before: Any, found: Label) -> None:
    lost = np.bincount(before["kind"], minlength=7) - np.bincount(rows["kind"], minlength=7)
    assert lost[Kind.TRADE] == lost.sum() > 0


def replayed_block(rows: Any, before: Any, found: Label) -> None:
    ticks, _ = faulted("replayed_block")
    channel = ticks.rows[scope_of(ticks, found) & (ticks.rows["kind"] != Kind.HEARTBEAT)]
    numbers = channel["sequence"].astype(np.int64)
    (back,) = [row for row in np.flatnonzero(np.diff(numbers) < 0) + 1 if found.onset <= channel["ts_recv"][row] <= found.end]
    copies = channel[back : back + int(found.magnitude)]
    assert np.all(np.diff(copies["sequence"].astype(np.int64)) == 1)
    # The last messages before it, as they were; then the stream goes on.
    for column in [*CONTENT[1:], *PLACE, "sequence", "trade_id"]:
        originals = channel[back - 1 - len(copies) : back - 1]
        assert np.array_equal(copies[column], originals[column]), column
    assert numbers[back + len(copies)] == numbers[back - 1] + 1


def genuine_excursion(rows: Any, before: Any, found: Label) -> None:
    assert len(np.unique(rows["venue"])) == WORLD.venues
    kept = np.isin(rows["ts_event"], before["ts_event"])
    now, then = rows[kept & (rows["kind"] <= Kind.TRADE)], before[before["kind"] <= Kind.TRADE]
    then = then[np.isin(then["ts_event"], now["ts_event"])]
    quotes, held = two_sided(now), two_sided(then)
    moved = _level(quotes) / _level(held) - 1
    assert moved[np.abs(moved).argmax()] == pytest.approx(found.magnitude, rel=0.15)
    # Every venue shares it.
    for venue in np.unique(quotes["venue"]):
        assert np.abs(moved[quotes["venue"] == venue]).max() > 0


genuine_jump = genuine_trend = genuine_excursion


def genuine_pinned(rows: Any, before: Any, found: Label) -> None:
    for venue in np.unique(rows["venue"]):
        quotes = two_sided(rows[rows["venue"] == venue])
        assert len(np.unique(quotes["bid_px"])) == len(np.unique(quotes["ask_px"])) == 1


def genuine_one_sided(rows: Any, before: Any, found: Label) -> None:
    now, _ = _changed(rows, before)
    assert 2 <= len(now) == found.magnitude <= 8
    # An empty side: no price, and a size of 0.
    empty = [
        (now["present"] & (px | sz)) == sz for px, sz in ((Present.BID_PX, Present.BID_SZ), (Present.ASK_PX, Present.ASK_SZ))
    ]
    assert np.all(empty[0] ^ empty[1])


def genuine_average_price(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert now["price"][0] % tick_of(found) != 0
    assert 0 < now["price"][0] - then["price"][0] < tick_of(found)
    assert now["conditions"][0] & EXPLAINED


def genuine_late_print(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert abs(now["price"][0] / then["price"][0] - 1) == pytest.approx(found.magnitude, rel=1e-3)
    assert now["conditions"][0] & EXPLAINED


def genuine_block_trade(rows: Any, before: Any, found: Label) -> None:
    now, then = _changed(rows, before)
    assert now["size"][0] == found.magnitude * then["size"][0]
    assert 50 <= found.magnitude <= 200
    assert now["price"][0] == then["price"][0]


def genuine_fills(rows: Any, before: Any, found: Label) -> None:
    fills = rows[rows["kind"] == Kind.TRADE]
    assert len(fills) >= found.magnitude + 1
    assert len(np.unique(fills["trade_id"])) == len(np.unique(fills["sequence"])) == len(fills)


def genuine_correction(rows: Any, before: Any, found: Label) -> None:
    (said,) = rows[rows["kind"] == found.magnitude]
    (trade,) = rows[(rows["kind"] == Kind.TRADE) & (rows["trade_id"] == said["trade_id"])]
    assert said["size"] == trade["size"]
    assert (said["price"] == trade["price"]) == (found.magnitude == Kind.TRADE_CANCEL)
    assert trade["sequence"] < said["sequence"]


genuine_cancel = genuine_correction


def genuine_listing(rows: Any, before: Any, found: Label) -> None:
    assert len(before) == 0
    for venue in np.unique(rows["venue"]):
        mine = rows[rows["venue"] == venue]
        assert mine["kind"][0] == Kind.STATUS
        assert np.all(mine["kind"][1:] <= Kind.TRADE)


def genuine_rename(rows: Any, before: Any, found: Label) -> None:
    """More of it in `test_twins`."""
    assert len(before) == 0
    for venue in np.unique(rows["venue"]):
        assert rows["kind"][rows["venue"] == venue][0] == Kind.STATUS


def genuine_conflation(rows: Any, before: Any, found: Label) -> None:
    late = rows["ts_recv"] - before["ts_recv"]
    assert np.all((late >= 0) & (late <= found.magnitude * NS_PER_SECOND + 1))
    assert len(np.unique(rows["ts_recv"])) < len(np.unique(before["ts_recv"])) / 2


genuine_lull, genuine_quiet_tape = rate_shift, mix_shift


def genuine_sequence_reset(rows: Any, before: Any, found: Label) -> None:
    (said,) = rows[rows["kind"] == Kind.SESSION]
    assert said["sequence"] == 1
    ticks, _ = faulted("genuine_sequence_reset")
    after = ticks.rows[scope_of(ticks, found) & (ticks.rows["ts_recv"] >= found.onset) & (ticks.rows["kind"] != Kind.HEARTBEAT)]
    after = after[np.flatnonzero(after["kind"] == Kind.SESSION)[0] :]
    again = np.flatnonzero(after["kind"][1:] == Kind.SESSION)
    numbers = after["sequence"][: again[0] + 1 if len(again) else None]
    assert np.array_equal(numbers, np.arange(1, len(numbers) + 1))


def genuine_reorder(rows: Any, before: Any, found: Label) -> None:
    numbers = rows["sequence"][rows["kind"] != Kind.HEARTBEAT].astype(np.int64)
    assert np.count_nonzero(np.diff(numbers) < 0) == 1
    assert sorted(numbers) == list(range(numbers.min(), numbers.max() + 1))
    assert 1 <= found.magnitude <= 4
    late = int(np.flatnonzero(np.diff(numbers) < 0)[0]) + 1
    times = rows["ts_recv"][rows["kind"] != Kind.HEARTBEAT]
    assert times[late] - times[np.flatnonzero(numbers > numbers[late])[0]] <= 1_000_000


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


CHECKS: dict[str, Check] = {name: globals()[name] for name in OPEN}


@pytest.mark.parametrize("name", OPEN)
def test_an_episode_is_what_its_label_says(name: str) -> None:
    ticks, labels = faulted(name)
    for found in labels:
        CHECKS[name](inside(ticks, found), inside(clean(), found), found)


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
    return simulate_all(Market(seed=4, minutes=2.0, symbols=40), Faults(seed=2, per_kind=2))


@pytest.mark.slow
def test_all_kinds_fit_into_one_stream(everything: tuple[Ticks, list[Label]]) -> None:
    missing = [name for name in OPEN if not any(found.fault_id.startswith(f"{name}-0") for found in everything[1])]
    assert missing == []


def is_sparse(found: Label) -> bool:
    """Whether an episode is in no symbol's way: it changes numbers, or single messages here and there."""
    fault = FAULTS[found.fault_id.rsplit("-", 1)[0]]
    return fault.scope == "channel" and (fault.stage == "sequence" or fault.kind in SPARSE)


def test_episodes_of_one_series_keep_apart(everything: tuple[Ticks, list[Label]]) -> None:
    faults = [found for found in everything[1] if not found.is_genuine]
    assert len(faults) > len(OPEN)
    for one in faults:
        for other in faults:
            if one is not other and one.channel == other.channel and one.onset <= other.onset:
                if one.symbol == other.symbol and one.symbol:
                    assert other.onset - one.end >= 2 * NS_PER_SECOND
                elif (not one.symbol or not other.symbol) and not is_sparse(one) and not is_sparse(other):
                    assert other.onset > one.end


def test_no_symbol_fault_lies_in_a_genuine_event(everything: tuple[Ticks, list[Label]]) -> None:
    genuine = [found for found in everything[1] if found.kind in ("genuine_news", "genuine_halt")]
    assert genuine
    for event in genuine:
        for found in everything[1]:
            if not found.is_genuine and found.symbol == event.symbol:
                assert found.end < event.onset or event.effect_end < found.onset


@pytest.mark.slow
def test_the_same_seed_gives_the_same_faults(everything: tuple[Ticks, list[Label]]) -> None:
    again, labels = simulate_all(Market(seed=4, minutes=2.0, symbols=40), Faults(seed=2, per_kind=2))
    assert again.rows.tobytes() == everything[0].rows.tobytes()
    assert labels == everything[1]


def is_of_market(found: Label) -> bool:
    return found.is_genuine and found.kind not in FAULTS


def test_another_fault_seed_leaves_the_market_alone() -> None:
    _, labels = simulate_all(MARKET, Faults(seed=5, per_kind=1))
    _, others = simulate_all(MARKET, Faults(seed=6, per_kind=1))
    assert [found for found in labels if is_of_market(found)] == [found for found in others if is_of_market(found)]
    assert labels != others


def test_a_rate_per_million_grows_with_the_stream() -> None:
    ticks, labels = simulate_all(MARKET, Faults(per_kind=0, per_million=50.0, names=("spike", "crossed")))
    faults = [found for found in labels if not found.is_genuine]
    expected = 50.0 * len(ticks) / 1e6
    assert expected > 2
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


def test_every_code_of_the_taxonomy_is_injected_or_said_to_be_elsewhere() -> None:
    injected = {fault.kind for fault in FAULTS.values() if not fault.is_genuine}
    assert injected | set(NOT_INJECTED) == set(BY_NAME)
    assert not injected & set(NOT_INJECTED)
    assert sum(not fault.is_genuine for fault in FAULTS.values()) >= 28


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_an_entry_says_what_its_genuine_twin_is(name: str) -> None:
    fault = FAULTS[name]
    if fault.is_genuine:
        assert fault.twin == ""
    elif fault.twin and ":" not in fault.twin:
        assert fault.twin in MARKET_EVENTS or FAULTS[fault.twin].is_genuine
    # The taxonomy names none for these.
    elif not fault.twin:
        assert fault.kind in WITHOUT_TWIN


WITHOUT_TWIN = ("sentinel_value", "field_swap", "time_implausible", "stale_book", "replayed_block", "size_outlier")


@pytest.mark.slow
@pytest.mark.parametrize("share", [1e-6, 1e-4, 1e-3, 1e-2])
def test_a_prevalence_is_the_share_of_ticks_that_are_changed(share: float) -> None:
    market = Market(seed=22, minutes=1.0, symbols=40, news_per_minute=2, market_news_per_minute=0, illiquid_share=0.05)
    before, _ = simulate_all(market)
    names = ("spike", "bad_run", "silent", "drift", "burst", "unit_change", "crossed", "duplicate", "frozen", "size_outlier")
    ticks, labels = simulate_all(market, Faults(seed=3, per_kind=0, prevalence=share, names=names))
    told = [contents(one) for one in (ticks, before)]
    changed = max(len(told[0] - told[1]), len(told[1] - told[0]))
    wanted = share * len(before)
    # The last episode may be one too many.
    assert changed <= 1.4 * wanted + 25
    if wanted > 1:
        # A block is not finished with what found no place in it.
        assert changed >= 0.5 * wanted
        assert any(not found.is_genuine for found in labels)


def contents(ticks: Ticks) -> set[bytes]:
    """The ticks of a stream without their numbers, each as bytes, equal ones told apart by how many there were."""
    columns = np.column_stack([ticks.rows[column].astype(np.int64) for column in CONTENT + PLACE])
    rows, counts = np.unique(columns, axis=0, return_counts=True)
    return {row.tobytes() + bytes([nth]) for row, count in zip(rows, counts.tolist(), strict=True) for nth in range(count)}


@pytest.mark.slow
def test_composed_episodes_change_no_tick_twice() -> None:
    market = Market(seed=23, minutes=0.5, symbols=30, market_news_per_minute=0)
    ticks, labels = simulate_all(market, Faults(seed=3, per_kind=3, composed=True))
    _, fewer = simulate_all(market, Faults(seed=3, per_kind=3))
    assert len([found for found in labels if not found.is_genuine]) > len([found for found in fewer if not found.is_genuine])
    assert np.all(np.diff(ticks.rows["ts_recv"]) >= 0)
    assert len({found.fault_id for found in labels}) == len(labels)


@pytest.mark.slow
def test_marks_are_the_numbers_of_episodes() -> None:
    simulation = simulate(MARKET, Faults(seed=1, per_kind=2, marked=True, warm_up_s=2))
    ticks = concat(list(simulation))
    by_id = {found.fault_id: found for found in simulation.labels}
    plain, _ = simulate_all(MARKET, Faults(seed=1, per_kind=2, warm_up_s=2))
    assert not plain.rows["row"].any()
    assert ticks.rows["row"].max() <= len(simulation.episodes)
    marks = np.unique(ticks.rows["row"])[1:].tolist()
    assert len(marks) > len(simulation.episodes) / 2
    for number in marks:
        found = by_id[simulation.episodes[number - 1]]
        # A symbol's last message under its old name is told of by the label of the new one.
        is_farewell = (ticks.rows["kind"] == Kind.STATUS) & (found.kind == "genuine_rename")
        marked = (ticks.rows["row"] == number) & ~is_farewell
        assert np.all(scope_of(ticks, found)[marked] & within(ticks.rows, found)[marked])


def test_out_of_session_befalls_the_time_when_the_market_is_shut(monkeypatch: pytest.MonkeyPatch) -> None:
    start = MARKET.start_ns
    # Shut from the end of the second block to the end of the stream.
    open_ns = ((0, 20), (20, 40))
    blocks = tuple((start + first * NS_PER_SECOND, start + last * NS_PER_SECOND) for first, last in open_ns)
    monkeypatch.setattr(Market, "blocks", property(lambda self: blocks))
    market = replace(MARKET, minutes=7.0)
    simulation = simulate(market, Faults(seed=1, per_kind=3, names=("out_of_session",)))
    ticks = concat(list(simulation))
    before = concat(list(simulate(market)))
    labels = [found for found in simulation.labels if found.kind == "out_of_session"]
    assert len(labels) == 3
    assert simulation.missing == {}
    shut = start + 40 * NS_PER_SECOND, market.end_ns
    for found in labels:
        assert shut[0] < found.onset <= found.end < shut[1]
        assert len(inside(ticks, found)) >= 5
        assert np.all(inside(ticks, found)["kind"] <= Kind.TRADE)
    found, wanted = (outside(one, labels, whole_channel=False) for one in (ticks, before))
    assert all(np.array_equal(found[column], wanted[column]) for column in CONTENT + PLACE)
    assert np.all(np.diff(ticks.rows["ts_recv"]) >= 0)
    for channel in range(len(WORLD.channels)):
        rows = ticks.rows[(ticks.rows["channel"] == channel) & (ticks.rows["kind"] != Kind.HEARTBEAT)]
        assert np.all(np.diff(rows["sequence"].astype(np.int64)) == 1)

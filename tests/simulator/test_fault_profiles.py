"""Faults fit the feed: on every profile they do what their labels say, and what a feed cannot suffer finds no place there."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from producers.faults.editing.fault import Fault
from producers.faults.table import FAULTS, Faults
from producers.market import universe
from producers.market.parameters import Market
from producers.market.profiles import PROFILES
from producers.simulation.day import simulate, simulate_all
from tickproof.findings.label import Label
from tickproof.ticks.schema import NS_PER_SECOND, Kind, Present, Ticks, concat

MARKETS = {
    name: Market(
        seed=27,
        profile=name,
        minutes=0.5,
        symbols=16,
        peak_rate=150.0 / profile.rate,
        news_per_minute=1,
        market_news_per_minute=0,
        illiquid_share=0,
    )
    for name, profile in PROFILES.items()
}
"""Busy ones, and of few genuine events, so that there is room."""
# All that a tick says, apart from numbers and ids that what is inserted or lost before shifts.
CONTENT = [
    "ts_recv", "ts_event", "bid_px", "bid_sz", "ask_px", "ask_sz", "price", "size", "conditions", "present", "kind", "flags",
    "channel", "venue", "symbol",
]  # fmt: skip
CASES = [(profile, name) for profile in PROFILES for name, fault in FAULTS.items() if not fault.when_shut]


def lacks(profile: str) -> set[str]:
    """What the feeds of a profile have not."""
    market = PROFILES[profile]
    has = {"sequence": market.has_sequence, "sizes": market.has_sizes, "trades": market.trades > 0, "relation": profile == "fx"}
    return {need for need in has if not has[need]}


def fits(profile: str, fault: Fault) -> bool:
    return lacks(profile).isdisjoint(fault.needs)


@cache
def clean(profile: str) -> Ticks:
    return simulate_all(MARKETS[profile])[0]


def symbols(ticks: Ticks) -> Any:
    """The codes of the symbols that ticks are of."""
    return np.unique(ticks.rows["symbol"][ticks.rows["symbol"] >= 0])


def within(ticks: Ticks, found: Label) -> Any:
    """Which rows lie in an episode's scope and window."""
    rows = ticks.rows
    mask = (rows["ts_recv"] >= found.onset) & (rows["ts_recv"] <= found.end)
    for column in ("channel", "venue", "symbol"):
        name = getattr(found, column)
        if name:
            mask &= rows[column] == (ticks.names.index(name) if name in ticks.names else -2)
    return mask


def equal(one: Any, other: Any, columns: list[str]) -> bool:
    return len(one) == len(other) and all(np.array_equal(one[column], other[column]) for column in columns)


def test_what_a_profile_lacks_is_what_its_ticks_lack() -> None:
    """The needs of the table are held against ticks, not against what a profile says of itself."""
    for profile in PROFILES:
        present = np.bitwise_or.reduce(clean(profile).rows["present"])
        kinds = np.unique(clean(profile).rows["kind"])
        found = {"sequence": bool(present & Present.SEQUENCE), "sizes": bool(present & (Present.BID_SZ | Present.ASK_SZ))}
        found["trades"] = Kind.TRADE in kinds
        found["relation"] = {"EURUSD", "USDJPY", "EURJPY"} <= {clean(profile).names[code] for code in symbols(clean(profile))}
        assert {need for need in found if not found[need]} == lacks(profile)
    assert lacks("fx") == {"sequence", "sizes", "trades"}
    assert lacks("us-equity") == lacks("crypto") == {"relation"}


@pytest.mark.slow
@pytest.mark.parametrize(("profile", "name"), CASES)
def test_episodes_change_ticks_in_their_windows_and_nowhere_else(profile: str, name: str) -> None:
    fault = FAULTS[name]
    simulation = simulate(MARKETS[profile], Faults(seed=1, per_kind=2, names=(name,)))
    ticks = concat(list(simulation))
    labels = [found for found in simulation.labels if found.fault_id.startswith(f"{name}-0")]
    before = clean(profile)
    if not fits(profile, fault):
        assert labels == []
        assert simulation.missing == {name: 2}
        assert simulation.unfit == {name}
        assert equal(ticks.rows, before.rows, [*CONTENT, "sequence", "trade_id"])
        return
    assert not simulation.unfit
    assert len(labels) >= (1 if fault.reach == "all" else 2)
    columns = [*CONTENT, "sequence"] if fault.stage == "sequence" else CONTENT
    outside = [np.ones(len(one), np.bool_) for one in (ticks, before)]
    for found in labels:
        inside = within(ticks, found), within(before, found)
        assert not equal(ticks.rows[inside[0]], before.rows[inside[1]], columns)
        # A tick under another's name is missing where it belongs.
        wide = replace(found, symbol="") if name in ("symbol_swap", "genuine_rename") else found
        for mask, one in zip(outside, (ticks, before), strict=True):
            mask &= ~within(one, wide)
    assert equal(ticks.rows[outside[0]], before.rows[outside[1]], CONTENT)
    assert np.all(np.diff(ticks.rows["ts_recv"]) >= 0)


@pytest.mark.slow
@pytest.mark.parametrize(("profile", "name"), [case for case in CASES if fits(case[0], FAULTS[case[1]])])
def test_faults_leave_a_feed_what_it_is(profile: str, name: str) -> None:
    """No tick has a number, a size or a trade where the feed has none, and prices that format is not about stay on the grid."""
    ticks, labels = simulate_all(MARKETS[profile], Faults(seed=1, per_kind=2, names=(name,)))
    assert [found for found in labels if found.fault_id.startswith(f"{name}-0")]
    rows = ticks.rows
    present = np.bitwise_or.reduce(rows["present"])
    if "sequence" in lacks(profile):
        assert not present & Present.SEQUENCE
        assert not rows["sequence"].any()
    if "sizes" in lacks(profile):
        assert not any(rows[column].any() for column in ("bid_sz", "ask_sz"))
    if "trades" in lacks(profile):
        assert not np.any(rows["kind"] == Kind.TRADE)
    if not FAULTS[name].is_format:
        world = universe.build(MARKETS[profile])
        listed = rows[rows["symbol"] < len(world.names)]
        assert len(listed)
        for column in ("bid_px", "ask_px"):
            assert not np.any(listed[column] % world.ticks_of(listed))


CLOSES = {
    # The end of the extended session, 20:00 in New York, on 2024-03-05.
    "us-equity": 1_709_686_800,
    # The daily break, from 17:00 to 17:05 in New York.
    "fx": 1_709_676_000,
}


@pytest.mark.parametrize("profile", CLOSES)
def test_ticks_out_of_session_come_after_a_real_close(profile: str) -> None:
    close = CLOSES[profile] * NS_PER_SECOND
    market = Market(seed=5, profile=profile, start_ns=close - 60 * NS_PER_SECOND, minutes=4.0, symbols=24, venues=3)
    assert market.sessions[0].end == close
    assert market.blocks[-1][1] == close
    simulation = simulate(market, Faults(seed=1, per_kind=3, names=("out_of_session",)))
    ticks, (before, _) = concat(list(simulation)), simulate_all(market)
    labels = [found for found in simulation.labels if found.kind == "out_of_session"]
    assert len(labels) == 3
    assert simulation.missing == {}
    for found in labels:
        assert close < found.onset <= found.end < market.end_ns
        mine = ticks.rows[within(ticks, found)]
        assert 5 <= len(mine) < 40
        assert np.all(mine["kind"] <= Kind.TRADE)
        assert not within(before, found).any()
        # What was said before the close comes again.
        assert set(mine["bid_px"]) <= set(before.rows["bid_px"])
    night = np.zeros(len(ticks), np.bool_)
    for found in labels:
        night |= within(ticks, found)
    assert equal(ticks.rows[~night], before.rows, CONTENT)


def test_no_tick_is_out_of_session_where_nothing_shuts() -> None:
    ticks, labels = simulate_all(MARKETS["crypto"], Faults(seed=1, per_kind=3, names=("out_of_session",)))
    assert not any(found.kind == "out_of_session" for found in labels)
    assert equal(ticks.rows, clean("crypto").rows, CONTENT)

"""Genuine twins that are whole markets' or last to the end: a venue that aggregates, and a symbol that gets another name."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from producers.faults.table import FAULTS, Faults
from producers.market import universe
from producers.market.parameters import Market
from producers.market.reference import reference
from producers.simulation.aggregation import CROSSED, KIND, LOCKED, STAYS, WIDEST
from producers.simulation.day import simulate, simulate_all
from tickproof.errors import SettingsError
from tickproof.findings.label import Label
from tickproof.reference.data import Reference
from tickproof.ticks.schema import NS_PER_SECOND, Condition, Kind, Ticks, concat

FX = Market(seed=3, profile="fx", minutes=4.0, symbols=12, peak_rate=400.0, illiquid_share=0, aggregated_venues=1)
SHARES = Market(seed=21, minutes=0.5, symbols=40, news_per_minute=2, market_news_per_minute=0, illiquid_share=0.05)
EVERYTHING = [
    "ts_recv", "ts_event", "bid_px", "bid_sz", "ask_px", "ask_sz", "price", "size", "conditions", "present", "kind", "flags",
    "channel", "venue", "symbol",
]  # fmt: skip


@cache
def stream(market: Market) -> tuple[Ticks, list[Label]]:
    return simulate_all(market)


def venue_of(ticks: Ticks, name: str) -> Any:
    return ticks.rows["venue"] == ticks.names.index(name)


def test_a_venue_that_aggregates_crosses_and_locks_as_often_and_as_wide_as_a_real_one() -> None:
    ticks, labels = stream(FX)
    quotes = ticks.rows[venue_of(ticks, "WCUR") & (ticks.rows["kind"] == Kind.QUOTE)]
    quotes = quotes[np.argsort(quotes["symbol"], kind="stable")]
    width = (quotes["bid_px"] - quotes["ask_px"]) / quotes["ask_px"]
    assert len(quotes) > 20_000
    crossed = width > 0
    assert abs(np.mean(crossed) - CROSSED) < 0.01
    assert abs(np.mean(width == 0) - LOCKED) < 0.01
    assert abs(np.mean(crossed[1:][crossed[:-1]]) - STAYS) < 0.02
    assert WIDEST / 2 < width.max() <= WIDEST
    # By one step about half of them, and always some steps more as well.
    steps = np.rint(width[crossed] * quotes["ask_px"][crossed] / universe.build(FX).ticks_of(quotes[crossed]))
    assert 0.4 < np.mean(steps == 1) < 0.7
    assert set(range(1, 6)) <= set(steps.astype(int).tolist())
    told = [found for found in labels if found.kind == KIND]
    assert {(found.venue, found.symbol) for found in told} == {("WCUR", str(name)) for name in ticks.names[-12:]}
    assert max(found.magnitude for found in told) == pytest.approx(width.max(), abs=1e-9)


@pytest.mark.slow
def test_other_venues_do_not_see_that_one_aggregates() -> None:
    (with_it, _), (without, _) = stream(FX), stream(replace(FX, aggregated_venues=0))
    others = [one.rows[~venue_of(one, "WCUR")] for one in (with_it, without)]
    assert others[0].tobytes() == others[1].tobytes()
    # Sides meet where they were, give or take what they cross by, on the grid; nothing else moves.
    now, then = (one.rows[venue_of(one, "WCUR")] for one in (with_it, without))
    assert all(np.array_equal(now[column], then[column]) for column in EVERYTHING if not column.endswith("_px"))
    changed = now["kind"] == Kind.QUOTE
    changed &= (now["bid_px"] != then["bid_px"]) | (now["ask_px"] != then["ask_px"])
    assert changed.any()
    assert len(others[0])
    room = np.maximum(now["bid_px"] - now["ask_px"], 0)[changed]
    assert np.all(room >= 0)
    assert np.all(now["bid_px"][changed] <= then["ask_px"][changed] + room)
    assert np.all(now["ask_px"][changed] >= then["bid_px"][changed] - room)
    assert np.all(now["bid_px"][changed] >= now["ask_px"][changed])
    assert not np.any(now["bid_px"] % universe.build(FX).ticks_of(now))


def test_faults_of_crossed_sides_keep_away_from_a_venue_that_aggregates() -> None:
    names = ("crossed", "side_swap")
    _, labels = simulate_all(FX, Faults(seed=1, per_kind=6, names=names))
    found = [one for one in labels if one.kind in ("crossed", "field_swap")]
    assert len(found) == 12
    assert all(one.venue != "WCUR" for one in found)


def test_what_is_known_beforehand_says_which_venue_may_cross() -> None:
    known = Reference.model_validate(reference(FX))
    symbol = universe.build(FX).symbol(0)
    for venue, expected in (("XCUR", False), ("WCUR", True)):
        one = known.instrument(venue, symbol)
        assert one is not None
        assert one.may_cross is expected
        assert one.tick


def test_no_more_venues_can_aggregate_than_there_are() -> None:
    with pytest.raises(SettingsError, match="aggregated_venues is 3, expected at most venues, 2"):
        Market(venues=2, aggregated_venues=3)


@cache
def renamed(profile: str) -> tuple[Ticks, Ticks, list[Label]]:
    market = replace(SHARES, profile=profile)
    simulation = simulate(market, Faults(seed=1, per_kind=3, names=("genuine_rename",)))
    ticks = concat(list(simulation))
    return ticks, stream(market)[0], simulation.labels


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["us-equity", "crypto"])
def test_a_symbol_with_a_new_name_says_what_it_would_have_said(profile: str) -> None:
    """Told under its old name again and without the announcements, the stream is the one without renames."""
    ticks, before, labels = renamed(profile)
    found = [one for one in labels if one.kind == "genuine_rename"]
    assert len(found) == 3
    rows, is_new, old_of = ticks.rows.copy(), np.zeros(len(ticks), np.bool_), {}
    for one in found:
        assert (one.channel, one.venue) == ("", "")
        name = ticks.names.index(one.symbol)
        mine = rows["symbol"] == name
        assert rows["ts_recv"][mine].min() == one.onset
        assert rows["ts_recv"][mine].max() == one.end
        # Each venue says that the new name's session is open, and just before that the old one's is not.
        announced = np.flatnonzero(mine & (rows["ts_recv"] == one.onset) & (rows["kind"] == Kind.STATUS))
        assert rows["conditions"][announced].tolist() == [Condition.SESSION_OPENED] * 4
        closed = np.flatnonzero(
            (rows["ts_recv"] == one.onset) & (rows["conditions"] == Condition.SESSION_CLOSED) & (rows["kind"] == Kind.STATUS)
        )
        assert set(rows["venue"][closed].tolist()) == set(rows["venue"][announced].tolist())
        (old,) = set(rows["symbol"][closed].tolist())
        assert not np.any((rows["symbol"] == old) & (rows["ts_recv"] > one.onset))
        for venue in np.unique(rows["venue"][announced]):
            own = np.flatnonzero(mine & (rows["venue"] == venue))
            assert own[0] in announced
        is_new[announced] = is_new[closed] = True
        old_of[name] = old
    for name, old in old_of.items():
        rows["symbol"][rows["symbol"] == name] = old
    rows = rows[~is_new]
    assert len(rows) == len(before)
    for column in EVERYTHING:
        assert np.array_equal(rows[column], before.rows[column]), column


def test_numbers_of_a_channel_count_the_announcements() -> None:
    ticks, _, _ = renamed("us-equity")
    for channel in np.unique(ticks.rows["channel"]):
        mine = ticks.rows[(ticks.rows["channel"] == channel) & (ticks.rows["kind"] != Kind.HEARTBEAT)]
        assert set(np.diff(mine["sequence"].astype(np.int64)).tolist()) <= {1} or np.any(mine["kind"] == Kind.SESSION)


@pytest.mark.slow
def test_genuine_events_are_told_under_the_name_that_a_symbol_has_by_then() -> None:
    market = Market(seed=5, minutes=3.0, symbols=12, news_per_minute=10, halts_per_minute=4, illiquid_share=0)
    simulation = simulate(market, Faults(seed=1, per_kind=6, names=("genuine_rename",)))
    ticks = concat(list(simulation))
    renames = {one.symbol: one.onset for one in simulation.labels if one.kind == "genuine_rename"}
    told = [one for one in simulation.labels if one.kind in ("genuine_news", "genuine_halt")]
    assert any(one.symbol in renames for one in told)
    for one in told:
        # Whoever the label names was heard of at its onset.
        mine = ticks.rows["ts_recv"][ticks.rows["symbol"] == ticks.names.index(one.symbol)]
        assert mine.min() <= one.onset + NS_PER_SECOND
        assert mine.max() >= min(one.effect_end, market.end_ns) - 10 * NS_PER_SECOND


def test_the_twins_of_the_taxonomy_are_here() -> None:
    assert FAULTS["symbol_swap"].twin == "genuine_rename"
    assert FAULTS["crossed"].twin == KIND

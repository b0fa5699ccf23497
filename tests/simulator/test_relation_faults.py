"""Currencies whose crosses follow from their legs: the market keeps its relations, faults break them, and the engine tells which.

Seeds from 3 000 on: they are used nowhere else.
"""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from jobs.pipeline.engine import Engine
from jobs.pipeline.settings import PipelineSettings
from producers.faults.editing.block import BOTH_SIDES
from producers.faults.table import Faults
from producers.market.genuine_events import NEWS
from producers.market.listings import FIRST, pairs
from producers.market.parameters import Market
from producers.market.reference import reference
from producers.simulation.day import simulate_all
from tickproof.findings.finding import Finding
from tickproof.findings.label import Label
from tickproof.reference.data import parse
from tickproof.ticks.schema import NS_PER_SECOND, UNITS_PER_ONE, Kind, Ticks

CROSSES = ("EURJPY", "EURGBP", "EURCHF")
CALM = Market(seed=3100, profile="fx", minutes=0.5, symbols=8, peak_rate=500, illiquid_share=0, eventfulness=0)


def test_even_small_markets_have_a_triangle() -> None:
    rng = np.random.default_rng(1)
    assert pairs(2, rng).ties == ()
    listing = pairs(8, rng)
    assert listing.names == list(FIRST)
    (euro_yen, euro_pound, euro_franc) = listing.ties
    assert euro_yen == (2, ((0, 1.0), (1, 1.0)))
    # The pound is quoted in dollars, and so is what divides.
    assert euro_pound == (4, ((0, 1.0), (3, -1.0)))
    assert euro_franc == (7, ((0, 1.0), (6, 1.0)))


@pytest.mark.parametrize("count", [48, 153, 320])
def test_every_cross_follows_from_its_dollar_pairs_of_the_same_term(count: int) -> None:
    listing = pairs(count, np.random.default_rng(1))
    assert len(listing.ties) == sum("USD" not in name for name in listing.names) - (count > 306) * unlisted(listing.names)
    for tie in listing.ties:
        implied = np.prod([listing.price[place] ** power for place, power in tie.legs])
        assert listing.price[tie.place] == pytest.approx(implied)
        assert {listing.names[place].partition(".")[2] for place, _ in tie.legs} == {listing.names[tie.place].partition(".")[2]}


def unlisted(names: list[str]) -> int:
    """Crosses of the last term, whose dollar pairs come after them."""
    last = max(name.partition(".")[2] for name in names)
    mine = [name for name in names if name.partition(".")[2] == last]
    return sum("USD" not in name for name in mine if not {f"{name[:3]}USD", f"USD{name[:3]}"} & {one[:6] for one in mine})


def middles(ticks: Ticks, symbol: str, venue: str) -> tuple[Any, Any]:
    """Times and middles of the two-sided quotes."""
    rows = ticks.rows
    mine = rows[(rows["symbol"] == ticks.names.index(symbol)) & (rows["venue"] == ticks.names.index(venue))]
    mine = mine[(mine["kind"] == Kind.QUOTE) & ((mine["present"] & BOTH_SIDES) == BOTH_SIDES)]
    return mine["ts_recv"], (mine["bid_px"] + mine["ask_px"]) / 2 / UNITS_PER_ONE


def residuals(ticks: Ticks, cross: str, venue: str = "XCUR") -> Any:
    """How far a cross is from what the last quotes of its legs imply, in basis points."""
    legs = {"EURJPY": ("USDJPY", 1), "EURGBP": ("GBPUSD", -1), "EURCHF": ("USDCHF", 1)}[cross]
    times, price = middles(ticks, cross, venue)
    out = np.log(price)
    for symbol, power in (("EURUSD", 1), legs):
        when, middle = middles(ticks, symbol, venue)
        place = np.searchsorted(when, times, side="right") - 1
        out = np.where(place < 0, np.nan, out - power * np.log(middle[np.maximum(place, 0)]))
    return 1e4 * out[~np.isnan(out)]


@pytest.mark.parametrize("cross", CROSSES)
def test_crosses_cost_what_their_legs_say(cross: str) -> None:
    ticks, _ = simulate_all(CALM)
    away = np.concatenate([residuals(ticks, cross, venue) for venue in ("XCUR", "YCUR", "ZCUR", "WCUR")])
    assert len(away) > 50
    # Spreads of half a basis point and more a leg, each venue with its noise and lag, and quotes that stand for a while.
    assert abs(np.median(away)) < 0.5
    assert np.percentile(np.abs(away), 90) < 2.0


def test_news_of_one_currency_moves_its_crosses_too() -> None:
    market = Market(seed=3101, profile="fx", minutes=1.0, symbols=8, peak_rate=300, illiquid_share=0, news_per_minute=4)
    ticks, labels = simulate_all(market)
    news = [found for found in labels if found.kind == NEWS]
    by_stem: dict[str, list[Label]] = {}
    for found in news:
        by_stem.setdefault(found.fault_id.rpartition("-")[0], []).append(found)
    together = [{found.symbol for found in group} for group in by_stem.values()]
    assert any(len(symbols) > 1 for symbols in together)
    for symbols in together:
        # A dollar pair, and each cross that it is a leg of.
        assert sum("USD" in symbol for symbol in symbols) == 1
    for cross in CROSSES:
        assert np.percentile(np.abs(residuals(ticks, cross)), 75) < 3.0


def test_reference_data_state_the_relations() -> None:
    data = json.loads(json.dumps(reference(CALM)))
    relations = parse(data, "test").relations
    assert [relation.name for relation in relations] == [f"{cross} by its legs" for cross in CROSSES]
    pound = relations[1]
    assert pound.constant == 1.0
    assert [(leg.symbol, leg.power) for leg in pound.legs] == [("EURUSD", 1.0), ("GBPUSD", -1.0), ("EURGBP", -1.0)]
    assert parse(reference(Market(seed=1)), "test").relations == ()


# --- faults -----------------------------------------------------------------------------------------------------------------


def scope(ticks: Ticks, found: Label) -> Any:
    rows = ticks.rows
    mask = rows["symbol"] == ticks.names.index(found.symbol)
    return mask & (rows["venue"] == ticks.names.index(found.venue)) if found.venue else mask


def within(ticks: Ticks, found: Label) -> Any:
    return scope(ticks, found) & (ticks.rows["ts_recv"] >= found.onset) & (ticks.rows["ts_recv"] <= found.end)


@cache
def broken(name: str) -> tuple[Ticks, Ticks, list[Label]]:
    """A stream with some episodes, the same one without, and the labels."""
    market = Market(seed=3102, profile="fx", minutes=1.0, symbols=8, peak_rate=300, illiquid_share=0, eventfulness=0)
    ticks, labels = simulate_all(market, Faults(seed=1, per_kind=2, names=(name,)))
    return ticks, simulate_all(market)[0], [found for found in labels if found.fault_id.startswith(f"{name}-0")]


@pytest.mark.parametrize("name", ["cross_break", "cross_break_shared"])
def test_a_leg_leaves_with_its_spread_and_its_pace(name: str) -> None:
    ticks, before, labels = broken(name)
    assert len(labels) == 2
    for found in labels:
        assert bool(found.venue) == (name == "cross_break")
        now, then = ticks.rows[within(ticks, found)], before.rows[within(before, found)]
        assert len(now) == len(then) >= 16
        for column in ("ts_recv", "ts_event", "kind", "present"):
            assert np.array_equal(now[column], then[column])
        assert np.array_equal(now["ask_px"] - now["bid_px"], then["ask_px"] - then["bid_px"])
        moved = now["bid_px"] / np.maximum(then["bid_px"], 1) - 1
        late = now["ts_recv"] > found.onset + 2 * NS_PER_SECOND
        assert late.any()
        # On the grid: a step of the cheapest is 0.1 bp.
        assert np.allclose(moved[late & (then["bid_px"] > 0)], found.magnitude, atol=1e-5)
        assert 1e-5 < abs(found.magnitude) < 0.02
    assert np.array_equal(np.delete(ticks.rows, everything(ticks, labels)), np.delete(before.rows, everything(before, labels)))


def everything(ticks: Ticks, labels: list[Label]) -> Any:
    return np.flatnonzero(np.any([within(ticks, found) for found in labels], axis=0))


def test_a_dislocation_is_wide_and_busy_on_all_venues() -> None:
    ticks, before, labels = broken("genuine_dislocation")
    assert labels
    for found in labels:
        assert found.venue == ""
        now, then = ticks.rows[within(ticks, found)], before.rows[within(before, found)]
        assert len(now) > 2 * len(then)
        wide, usual = (np.median((rows["ask_px"] - rows["bid_px"])[rows["bid_px"] > 0]) for rows in (now, then))
        assert wide >= 3 * usual
        assert np.median(now["bid_px"] + now["ask_px"]) / np.median(then["bid_px"] + then["ask_px"]) - 1 == pytest.approx(
            found.magnitude, abs=2e-4
        )
        assert len(np.unique(now["venue"])) == 4


def test_two_legs_of_a_relation_do_not_break_at_once() -> None:
    market = Market(seed=3103, profile="fx", minutes=2.0, symbols=3, peak_rate=300, illiquid_share=0, eventfulness=0)
    _, labels = simulate_all(
        market, Faults(seed=1, per_kind=4, names=("cross_break", "cross_break_shared", "genuine_dislocation"))
    )
    assert len(labels) >= 6
    spans = sorted((found.onset, found.end) for found in labels)
    assert all(earlier[1] < later[0] for earlier, later in pairwise(spans))


# --- found ------------------------------------------------------------------------------------------------------------------

NAMES = ("cross_break", "cross_break_shared", "genuine_dislocation")


def told(market: Market, faults: Faults | None) -> tuple[list[Finding], list[Label]]:
    ticks, labels = simulate_all(market, faults)
    engine = Engine(PipelineSettings(4, reference=parse(reference(market, labels), "test")))
    outputs = [engine.feed(ticks), engine.finish()]
    last = {finding.id: finding for output in outputs for finding in output.findings} | {
        finding.id: finding for finding in engine.open_findings()
    }
    return list(last.values()), labels


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3200, 3201])
def test_breaks_are_found_and_their_twins_are_not_called_so(seed: int) -> None:
    market = Market(seed=seed, profile="fx", minutes=4.0, symbols=8, peak_rate=300, illiquid_share=0, eventfulness=0.2)
    findings, labels = told(market, Faults(seed=seed, per_kind=3, names=NAMES, warm_up_s=25.0))
    episodes = [found for found in labels if found.kind == "cross_break"]
    assert len(episodes) >= 4
    found = [one for one in episodes if any(is_of(finding, one) for finding in findings)]
    assert len(found) >= 0.7 * len(episodes)
    breaks = [finding for finding in findings if finding.code == "cross_break"]
    assert not [finding for finding in breaks if not any(is_of(finding, one, slack_s=4.0) for one in episodes)]


def is_of(finding: Finding, label: Label, slack_s: float = 1.0) -> bool:
    """Whether a break, or corrupt ticks, were told of in an episode's scope and time."""
    wanted = finding.code == "cross_break" or finding.current == "corrupt"
    here = finding.symbol == label.symbol and label.venue in ("", finding.venue)
    return wanted and here and label.onset <= finding.detected_at <= label.end + slack_s * NS_PER_SECOND


@pytest.mark.parametrize("seed", [3210, 3211, 3212])
def test_clean_currencies_break_nothing(seed: int) -> None:
    """News, crashes and latency bursts of two minutes, in a market of the evaluation family."""
    market = Market.varied(seed, "evaluate", profile="fx", minutes=2.0, symbols=16)
    findings, _ = told(market, None)
    assert findings
    assert not [finding for finding in findings if finding.code == "cross_break"]

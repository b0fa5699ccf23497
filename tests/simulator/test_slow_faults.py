"""Slow faults on sparse markets, and the axes that make a market sparse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from commands.simulate.simulate import command
from producers.faults.table import SLOW, Faults
from producers.market.parameters import Market
from producers.simulation.day import simulate_all
from tickproof.findings.label import Label
from tickproof.ticks.schema import NS_PER_SECOND, Kind, Ticks

AXES = {"least_rate": 0.4, "peak_rate": 3.0, "channel_symbols": 3, "block_s": 400.0, "eventfulness": 0.05}


def sparse(names: tuple[str, ...] = (), **axes: float) -> tuple[Ticks, list[Label]]:
    """Return a market of six symbols on three venues, ten minutes long, with two episodes of some faults."""
    given = AXES | {"minutes": 14.0, "symbols": 6, "venues": 3, "illiquid_share": 0.0, "trade_share": 0.2} | axes
    market = Market(seed=77, **given)  # type: ignore[arg-type]
    return simulate_all(market, Faults(seed=3, per_kind=2, names=names, least_rate=0.2) if names else None)


def of_scope(ticks: Ticks, label: Label) -> np.ndarray:
    """Return the rows of a label's scope within it, by time."""
    rows, names = ticks.rows, ticks.names
    inside = (rows["ts_recv"] >= label.onset) & (rows["ts_recv"] <= label.end)
    if label.symbol:
        inside &= rows["symbol"] == names.index(label.symbol)
    if label.venue:
        inside &= rows["venue"] == names.index(label.venue)
    if label.channel:
        inside &= rows["channel"] == names.index(label.channel)
    return rows[inside]


def episodes(ticks_and_labels: tuple[Ticks, list[Label]], name: str) -> list[tuple[Label, np.ndarray]]:
    """Return the episodes of an entry and their rows; there must be one at least."""
    ticks, labels = ticks_and_labels
    found = [(one, of_scope(ticks, one)) for one in labels if one.fault_id.startswith(name + "-")]
    assert found
    return found


def test_a_channel_carries_as_many_symbols_as_wanted() -> None:
    ticks, _ = sparse(channel_symbols=2, minutes=2.0)
    quotes = ticks.rows[ticks.rows["kind"] == Kind.QUOTE]
    pairs = np.unique(quotes[["channel", "symbol"]])
    assert len(np.unique(quotes["channel"])) == 9
    assert np.bincount(pairs["channel"]).max() == 2


def test_rates_lie_between_the_least_and_the_peak() -> None:
    ticks, _ = sparse(minutes=10.0)
    quotes = ticks.rows[ticks.rows["kind"] <= Kind.TRADE]
    counts = np.unique(quotes[["venue", "symbol"]], return_counts=True)[1] / 600.0
    # Shares of venues and the time of day scale all of them.
    assert 0.05 < counts.min() < counts.max() < 8.0


def test_a_coarse_grid_is_a_multiple_of_the_fine_one() -> None:
    ticks, _ = sparse(minutes=1.0, tick_factor=5)
    rows = ticks.rows[(ticks.rows["kind"] == Kind.QUOTE) & (ticks.rows["bid_px"] > 0)]
    assert (rows["bid_px"] % 50_000_000 == 0).all()


def test_the_usual_axes_change_no_market() -> None:
    usual = simulate_all(Market(seed=5, minutes=0.5, symbols=6))[0]
    same = Market(seed=5, minutes=0.5, symbols=6, least_rate=1.0, channel_symbols=0, tick_factor=1, block_s=20.0)
    assert simulate_all(same)[0].rows.tobytes() == usual.rows.tobytes()


@pytest.mark.parametrize("name", ["slow_frozen", "slow_stale_book"])
def test_a_price_stays_for_half_a_minute_and_more(name: str) -> None:
    for label, rows in episodes(sparse((name,)), name):
        quotes = rows[rows["kind"] == Kind.QUOTE]
        assert len(np.unique(quotes[["bid_px", "ask_px"]])) == 1
        assert len(quotes) >= 7
        trades = rows[(rows["kind"] == Kind.TRADE) & (rows["conditions"] == 0)]["price"]
        inside = (trades >= quotes["bid_px"][0]) & (trades <= quotes["ask_px"][0])
        assert inside.all() if name == "slow_frozen" else not inside.all()
        assert (label.kind, label.scope) == (name.removeprefix("slow_"), "symbol")


def test_a_symbol_is_silent_between_its_edges() -> None:
    for label, rows in episodes(sparse(("slow_silent",)), "slow_silent"):
        assert len(rows[rows["kind"] <= Kind.TRADE]) == 2
        assert label.end - label.onset > 15 * NS_PER_SECOND


def test_a_small_offset_is_of_about_a_millisecond_and_a_slow_drift_of_parts_in_a_million() -> None:
    faulty, clean = sparse(("small_clock_offset", "slow_clock_drift")), sparse()[0].rows
    for name, least, most in (("small_clock_offset", 1e6, 1.5e6), ("slow_clock_drift", 0.0, 300 * 40e3)):
        for label, rows in episodes(faulty, name):
            same = clean[np.isin(clean["ts_recv"], rows["ts_recv"]) & (clean["channel"] == rows["channel"][0])]
            assert len(same) == len(rows)
            moved = np.abs(rows["ts_event"] - same["ts_event"])
            assert least <= moved.min() <= moved.max() <= most
            assert label.end - label.onset > 45 * NS_PER_SECOND


def test_a_market_that_is_pinned_stands_still_on_all_venues() -> None:
    for _, rows in episodes(sparse(("slow_pinned",)), "slow_pinned"):
        quotes = rows[(rows["kind"] == Kind.QUOTE) & (rows["bid_px"] > 0) & (rows["ask_px"] > 0)]
        for venue in np.unique(quotes["venue"]):
            assert len(np.unique(quotes[quotes["venue"] == venue][["bid_px", "ask_px"]])) == 1


def test_a_lull_is_one_of_all_venues() -> None:
    for label, rows in episodes(sparse(("slow_lull",)), "slow_lull"):
        assert (label.venue, label.channel) == ("", "")
        assert len(rows) < 0.3 * (label.end - label.onset) / NS_PER_SECOND * 3


def test_every_slow_fault_has_a_place() -> None:
    labels = sparse(tuple(SLOW), minutes=40.0)[1]
    placed = {one.fault_id.rsplit("-", 1)[0] for one in labels}
    assert set(SLOW) <= placed


def test_any_parameter_of_the_market_is_an_axis_of_the_command(tmp_path: Path) -> None:
    axes = [f"--axis={name}={value:g}" for name, value in (AXES | {"venues": 2}).items()]
    given = [*axes, "--minutes=14", "--symbols=4", "--fault=slow_silent", "--seed=3", "--json", f"--out={tmp_path}"]
    done = CliRunner().invoke(command, given)
    assert done.exit_code == 0, done.output
    labels = (tmp_path / "labels.csv").read_text()
    assert "slow_silent-0001" in labels
    assert len(json.loads((tmp_path / "reference.json").read_text())["channels"]) == 4


@pytest.mark.parametrize("axis", ["spreads=1", "venues=two", "venues", "minutes=3"])
def test_an_axis_that_there_is_not_is_a_usage_error(axis: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--axis", axis, "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "expected" in done.output
    assert not (tmp_path / "out").exists()

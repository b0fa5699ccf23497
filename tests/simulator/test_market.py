"""The simulated market without faults: what a believable and honest feed must keep to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from commands.simulate.simulate import command
from producers.faults.editing.block import EXPLAINED
from producers.faults.table import Faults
from producers.market import universe
from producers.market.parameters import LIMITS, RANGES, Market
from producers.simulation.day import Simulation, simulate, simulate_all
from tickproof.errors import SettingsError
from tickproof.findings import label
from tickproof.findings.label import Label
from tickproof.ticks.arrow import from_arrow
from tickproof.ticks.schema import NS_PER_SECOND, UNITS_PER_ONE, Condition, Kind, Present, Ticks, concat

# Events come thick, so that a short stream has some of each kind; more than one block of 20 s.
MARKET = Market(seed=11, minutes=0.75, symbols=40, news_per_minute=6, market_news_per_minute=2, halts_per_minute=4)
BOTH = int(Present.BID_PX | Present.ASK_PX)


@pytest.fixture(scope="module")
def stream() -> tuple[Ticks, list[Label]]:
    return simulate_all(MARKET)


@pytest.fixture(scope="module")
def ticks(stream: tuple[Ticks, list[Label]]) -> Ticks:
    return stream[0]


@pytest.fixture(scope="module")
def labels(stream: tuple[Ticks, list[Label]]) -> list[Label]:
    return stream[1]


def rows_of(ticks: Ticks, **names: str) -> Any:
    """Rows whose name columns have these values."""
    mask = np.ones(len(ticks), np.bool_)
    for column, name in names.items():
        mask &= ticks.rows[column] == ticks.names.index(name)
    assert mask.any(), "there is nothing to look at"
    return ticks.rows[mask]


def channels_of(ticks: Ticks) -> list[str]:
    return [ticks.names[code] for code in np.unique(ticks.rows["channel"])]


def test_the_same_seed_gives_the_same_bytes(stream: tuple[Ticks, list[Label]]) -> None:
    again, labels = simulate_all(MARKET)
    assert again.rows.tobytes() == stream[0].rows.tobytes()
    assert again.names == stream[0].names
    assert labels == stream[1]


def test_another_seed_gives_another_market(ticks: Ticks) -> None:
    other, _ = simulate_all(Market(seed=12, minutes=0.1, symbols=40))
    assert other.names != ticks.names


def test_a_simulation_can_be_iterated_again() -> None:
    simulation = simulate(Market(minutes=0.1), Faults(per_kind=1))
    first, labels = concat(list(simulation)), simulation.labels
    assert concat(list(simulation)).rows.tobytes() == first.rows.tobytes()
    assert simulation.labels == labels


def test_batches_are_short_and_in_capture_order() -> None:
    last, batches = 0, list(Simulation(MARKET))
    assert len(batches) >= MARKET.minutes * 60 / 5
    for batch in batches:
        times = batch.rows["ts_recv"]
        assert times[0] >= last
        assert np.all(np.diff(times) >= 0)
        assert times[-1] - times[0] <= 5 * NS_PER_SECOND
        last = times[-1]


def test_there_are_enough_symbols_on_four_venues(ticks: Ticks) -> None:
    quotes = ticks.rows[ticks.rows["kind"] == Kind.QUOTE]
    assert len(np.unique(quotes["symbol"])) == 40
    assert len(np.unique(quotes["venue"])) == 4
    assert len(np.unique(quotes["channel"])) == 5


def test_numbers_are_contiguous_and_heartbeats_carry_the_next(ticks: Ticks) -> None:
    for channel in channels_of(ticks):
        rows = rows_of(ticks, channel=channel)
        counted = rows["kind"] != Kind.HEARTBEAT
        sequence = rows["sequence"].astype(np.int64)
        assert sequence[counted].tolist() == list(range(1, counted.sum() + 1)) != []
        assert sequence[~counted].tolist() == (1 + np.cumsum(counted)[~counted]).tolist()


def test_a_channel_is_captured_in_order_and_after_it_was_sent(ticks: Ticks) -> None:
    for channel in channels_of(ticks):
        rows = rows_of(ticks, channel=channel)
        assert np.all(np.diff(rows["ts_recv"]) >= 0)
        assert np.all(np.diff(rows["ts_event"]) >= 0)
        assert np.all(rows["ts_recv"] > rows["ts_event"])


def test_a_channel_begins_its_session_and_then_beats_each_second(ticks: Ticks) -> None:
    for channel in channels_of(ticks):
        rows = rows_of(ticks, channel=channel)
        assert rows["kind"][0] == Kind.SESSION
        assert np.count_nonzero(rows["kind"] == Kind.SESSION) == 1
        beats = rows["ts_event"][rows["kind"] == Kind.HEARTBEAT]
        # By the venue's own clock, which wanders by less than a part in a million.
        assert np.all(np.abs(np.diff(beats) - NS_PER_SECOND) < 1000)
        assert np.all(rows["symbol"][np.isin(rows["kind"], [Kind.HEARTBEAT, Kind.SESSION])] == -1)


def test_trade_ids_count_by_venue(ticks: Ticks) -> None:
    for venue in universe.VENUES[:4]:
        rows = rows_of(ticks, venue=venue)
        ids = rows[rows["kind"] == Kind.TRADE]
        assert sorted(ids["trade_id"].tolist()) == list(range(1, len(ids) + 1)) != []


def test_quotes_are_never_crossed(ticks: Ticks) -> None:
    whole = ticks.rows[(ticks.rows["kind"] == Kind.QUOTE) & ((ticks.rows["present"] & BOTH) == BOTH)]
    assert np.all(whole["bid_px"] <= whole["ask_px"])
    assert np.all(whole["bid_px"] > 0)
    # Locked ones are there, and rare.
    assert 0 < np.count_nonzero(whole["bid_px"] == whole["ask_px"]) < 0.01 * len(whole)


def test_an_empty_side_has_size_zero_and_no_price(ticks: Ticks) -> None:
    quotes = ticks.rows[ticks.rows["kind"] == Kind.QUOTE]
    for price, size, size_bit, price_bit in (
        ("bid_px", "bid_sz", Present.BID_SZ, Present.BID_PX),
        ("ask_px", "ask_sz", Present.ASK_SZ, Present.ASK_PX),
    ):
        empty = quotes[(quotes["present"] & price_bit) == 0]
        assert len(empty) > 0
        assert np.all(empty["present"] & size_bit)
        assert not empty[price].any()
        assert not empty[size].any()


def test_trades_print_within_their_venues_quotes_unless_a_condition_explains(ticks: Ticks) -> None:
    world = universe.build(MARKET)
    series = world.series_of(ticks.rows)
    trades = 0
    for number in range(len(world.series)):
        rows = ticks.rows[series == number]
        is_quote = rows["kind"] == Kind.QUOTE
        last = np.maximum.accumulate(np.where(is_quote, np.arange(len(rows)), -1))
        plain = np.flatnonzero((rows["kind"] == Kind.TRADE) & ((rows["conditions"] & EXPLAINED) == 0))
        assert np.all(last[plain] >= 0)
        quote = rows[last[plain]]
        assert np.all((quote["bid_px"] <= rows["price"][plain]) & (rows["price"][plain] <= quote["ask_px"]))
        trades += len(plain)
    assert trades > 1000


def test_explained_prints_are_few_and_near(ticks: Ticks) -> None:
    trades = ticks.rows[ticks.rows["kind"] == Kind.TRADE]
    # Midpoint prints have one of these conditions too.
    away = EXPLAINED & ~(Condition.AUCTION_OPEN | Condition.DERIVATIVELY_PRICED)
    odd = trades[(trades["conditions"] & away) != 0]
    assert 0.3 < len(odd) / len(trades) / MARKET.explained_share < 3
    for condition in (Condition.AVERAGE_PRICE, Condition.SOLD_LATE, Condition.CONTINGENT):
        assert np.any(odd["conditions"] & condition)


def test_prices_and_sizes_are_on_their_grids(ticks: Ticks) -> None:
    world = universe.build(MARKET)
    # Averages and midpoints have more decimals than the grid, as they do on real tapes.
    is_fine = (ticks.rows["conditions"] & (Condition.AVERAGE_PRICE | Condition.DERIVATIVELY_PRICED)) != 0
    for column in ("bid_px", "ask_px", "price"):
        assert not np.any((ticks.rows[column] % world.ticks_of(ticks.rows))[~is_fine])
        assert not np.any(ticks.rows[column][is_fine] % (UNITS_PER_ONE // 10_000))
    assert np.any(ticks.rows["price"][is_fine] % (UNITS_PER_ONE // 100))
    series = world.series_of(ticks.rows)
    lot = world.instruments["lot"][world.series["instrument"][series]]
    quotes, trades = ticks.rows["kind"] == Kind.QUOTE, ticks.rows["kind"] == Kind.TRADE
    for column in ("bid_sz", "ask_sz"):
        assert not np.any(ticks.rows[column][quotes] % lot[quotes])
    is_odd = (ticks.rows["conditions"] & Condition.ODD_LOT) != 0
    assert np.array_equal(is_odd[trades], ticks.rows["size"][trades] < lot[trades])
    assert np.all(ticks.rows["size"][trades] > 0)
    assert not np.any(ticks.rows["size"][trades & ~is_odd] % lot[trades & ~is_odd])


def test_symbols_differ_in_price_and_activity() -> None:
    table = universe.build(Market()).instruments
    dollars = table["price"] * table["tick"] / UNITS_PER_ONE
    assert 0.5 <= dollars.min() < 1 < 2500 < dollars.max() <= 5000
    assert np.array_equal(table["tick"], np.where(dollars < 1, UNITS_PER_ONE // 10_000, UNITS_PER_ONE // 100))
    assert table["rate"].min() < 1 / 20
    assert table["rate"].max() > 50
    # Large-tick names have their spread pressed into one step, small-tick ones have room.
    assert np.count_nonzero(table["spread"] < 1) >= 8
    assert np.count_nonzero(table["spread"] > 10) >= 8


def test_venues_agree(ticks: Ticks) -> None:
    """The middles of the first two venues differ by less than a spread, most of the time."""
    grid = np.arange(MARKET.start_ns + 5 * NS_PER_SECOND, MARKET.end_ns, NS_PER_SECOND)
    shares = []
    for symbol in ticks.names[-40:]:
        levels, spreads = [], []
        for venue in ("XSIM", "YSIM"):
            rows = rows_of(ticks, venue=venue, symbol=symbol)
            rows = rows[(rows["kind"] == Kind.QUOTE) & ((rows["present"] & BOTH) == BOTH)]
            if len(rows) > 200:
                quote = rows[np.searchsorted(rows["ts_recv"], grid, side="right") - 1]
                levels.append((quote["bid_px"] + quote["ask_px"]) / 2)
                spreads.append(quote["ask_px"] - quote["bid_px"])
        if len(levels) == 2:
            shares.append(np.mean(np.abs(levels[0] - levels[1]) <= np.maximum(*spreads)))
    assert len(shares) > 8
    assert np.mean(shares) > 0.9


def test_arrivals_excite_each_other(ticks: Ticks) -> None:
    """Counts in a second vary more than five times as much as those of a Poisson process (Fano factor)."""
    world = universe.build(MARKET)
    busiest = int(np.argmax(world.series["rate"]))
    times = ticks.rows["ts_event"][world.series_of(ticks.rows) == busiest]
    counts = np.histogram(times, np.arange(MARKET.start_ns, MARKET.end_ns + 1, NS_PER_SECOND))[0]
    assert counts.var() / counts.mean() > 5


def test_order_signs_have_memory(ticks: Ticks) -> None:
    """Buys follow buys: the sign of a trade, from the quote it took, repeats more often than not."""
    world = universe.build(MARKET)
    same = total = 0
    series = world.series_of(ticks.rows)
    for number in np.argsort(-world.series["rate"])[:20]:
        rows = ticks.rows[series == number]
        last = np.maximum.accumulate(np.where(rows["kind"] == Kind.QUOTE, np.arange(len(rows)), 0))
        trades = np.flatnonzero((rows["kind"] == Kind.TRADE) & ((rows["conditions"] & EXPLAINED) == 0))
        sign = np.sign(2 * rows["price"][trades] - rows["bid_px"][last[trades]] - rows["ask_px"][last[trades]])
        same += np.count_nonzero(sign[1:] == sign[:-1])
        total += len(sign) - 1
    assert same / total > 0.55


def test_every_kind_of_genuine_event_is_labelled(labels: list[Label]) -> None:
    kinds = {found.kind for found in labels}
    assert {"genuine_news", "genuine_market_news", "genuine_halt"} <= kinds
    assert all(found.is_genuine for found in labels)
    assert label.from_csv(label.to_csv(labels)) == labels


def test_news_moves_every_venue_at_once(ticks: Ticks, labels: list[Label]) -> None:
    news = [found for found in labels if found.kind == "genuine_news"]
    checked = 0
    for found in news:
        assert found.venue == ""
        for venue in universe.VENUES[:4]:
            rows = rows_of(ticks, venue=venue, symbol=found.symbol)
            rows = rows[(rows["kind"] == Kind.QUOTE) & ((rows["present"] & BOTH) == BOTH)]
            times, middle = rows["ts_recv"], (rows["bid_px"] + rows["ask_px"]) / 2
            before, after = middle[times < found.onset], middle[times < found.end + NS_PER_SECOND]
            if len(before) and found.end + NS_PER_SECOND < MARKET.end_ns:
                moved = np.log(after[-1] / before[-1])
                assert 0.5 < moved / found.magnitude < 1.6
                checked += 1
    assert checked >= 4


def test_a_halt_is_announced_silent_and_reopened_by_an_auction(ticks: Ticks, labels: list[Label]) -> None:
    halts = [found for found in labels if found.kind == "genuine_halt" and found.end + NS_PER_SECOND < MARKET.end_ns]
    assert halts
    for found in halts:
        rows = rows_of(ticks, symbol=found.symbol)
        status = rows[rows["kind"] == Kind.STATUS]
        for condition, time in ((Condition.HALTED, found.onset), (Condition.RESUMED, found.end)):
            said = status[(status["conditions"] & condition) != 0]
            said = said[np.abs(said["ts_event"] - time) < NS_PER_SECOND // 10]
            assert len(np.unique(said["venue"])) == 4
        traded = rows[rows["kind"] <= Kind.TRADE]
        assert not np.any((traded["ts_event"] > found.onset) & (traded["ts_event"] < found.end))
        after = traded[traded["ts_event"] >= found.end]
        assert after["conditions"][0] & Condition.AUCTION_OPEN


def test_faults_off_is_the_same_market() -> None:
    market = Market(minutes=0.1)
    clean, _ = simulate_all(market)
    unharmed, labels = simulate_all(market, Faults(per_kind=0))
    assert clean.rows.tobytes() == unharmed.rows.tobytes()
    assert all(found.is_genuine for found in labels)


@pytest.mark.parametrize("family", ["train", "evaluate"])
def test_varied_markets_stay_in_their_ranges(family: Any) -> None:
    column = 0 if family == "train" else 1
    drawn = [Market.varied(seed, family) for seed in range(30)]
    for name, ranges in RANGES.items():
        values = [getattr(market, name) for market in drawn]
        low, high = ranges[column]
        assert low <= min(values) < max(values) <= high
    assert Market.varied(3, family) == Market.varied(3, family)


def test_no_seed_is_shared_between_training_and_evaluation() -> None:
    train = {Market.varied(seed, "train").seed for seed in range(50)}
    assert not train & {Market.varied(seed, "evaluate").seed for seed in range(50)}


@pytest.mark.parametrize("name", list(LIMITS))
def test_a_parameter_out_of_its_limits_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"market: {name} is .* expected"):
        Market(**{name: LIMITS[name][1] * 2 + 1})


def test_the_command_writes_what_the_simulation_gives(tmp_path: Path) -> None:
    arguments = [
        "--seed",
        "5",
        "--minutes",
        "0.2",
        "--symbols",
        "40",
        "--faults-per-kind",
        "1",
        "--out",
        str(tmp_path / "new"),
        "--json",
    ]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    summary = json.loads(result.stdout)
    expected, labels = simulate_all(Market(seed=5, minutes=0.2, symbols=40), Faults(seed=5, per_kind=1))
    written = from_arrow(pq.read_table(summary["ticks_file"]))
    assert summary["ticks"] == len(written) == len(expected)
    for column in ("ts_recv", "sequence", "bid_px", "price", "present", "conditions"):
        assert np.array_equal(written.rows[column], expected.rows[column])
    assert label.from_csv(Path(summary["labels_file"]).read_text()) == labels
    assert sum(summary["episodes"].values()) == len(labels)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["labels.csv", "reference.json", "ticks.parquet"]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(command, ["--minutes", "0.05", "--out", str(tmp_path / "file" / "below")])
    assert isinstance(result.exception, SettingsError)
    assert "cannot write to" in str(result.exception)

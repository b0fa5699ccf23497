"""Faults in recorded ticks: what has no label stays as it was recorded, numbers betray nothing, a seed gives the same bytes.

The recordings are simulated clean streams, of which everything is known, and real ones where they are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from producers.faults.table import FAULTS, Faults
from producers.injection.feed import PAUSE_NS, RecordedFeed, learn
from producers.injection.injected_recording import InjectedRecording
from producers.market.parameters import Market
from producers.market.universe import build
from producers.recordings.registry import known, open_recordings
from producers.simulation.day import simulate
from tickproof.errors import InputError, SettingsError
from tickproof.reference.data import Channel, Reference
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import NS_PER_SECOND, SCHEMA, Kind, Present, Ticks, concat, empty

MARKET = Market(seed=31, minutes=1.2, symbols=10, illiquid_share=0.05)
FIELDS = [name for name in SCHEMA.names if name != "sequence"]
SEQUENCE_KINDS = {"sequence_gap", "sequence_reset", "genuine_sequence_reset", "out_of_order", "genuine_reorder", "duplicate",
                  "duplicate_changed", "replayed_block"}  # fmt: skip


@cache
def recorded() -> tuple[Ticks, ...]:
    return tuple(simulate(MARKET))


@cache
def feed_of(mode: str = "contiguous") -> RecordedFeed:
    channels = {name: Channel.model_validate({"sequence": mode}) for name in recorded()[0].names if name.endswith((".A", ".B"))}
    return learn(recorded(), Reference(channels=channels))


def injected(faults: Faults, mode: str = "contiguous") -> tuple[Ticks, InjectedRecording]:
    stream = InjectedRecording(feed_of(mode), recorded, faults)
    return concat(list(stream)), stream


def lines(ticks: Ticks, fields: list[str]) -> list[tuple[object, ...]]:
    table = to_arrow(ticks)
    return list(zip(*(table.column(name).to_pylist() for name in fields), strict=True))


def test_a_feed_is_learnt_from_its_ticks() -> None:
    feed = feed_of()
    universe, simulated = feed.universe, build(MARKET)
    assert feed.lacks == frozenset()
    assert set(universe.names) == set(simulated.names)
    assert (len(universe.channels), universe.venues) == (len(simulated.channels), simulated.venues)
    # Every quoted price is a multiple of the step, and the step is the largest that does it.
    whole = concat(list(recorded()))
    quotes = whole.rows[(whole.rows["kind"] == Kind.QUOTE) & (whole.rows["symbol"] >= 0)]
    for place in range(universe.symbols):
        name = universe.symbol(place)
        mine = quotes[quotes["symbol"] == whole.names.index(name)]
        prices = np.concatenate([mine["bid_px"], mine["ask_px"]])
        assert np.gcd.reduce(prices) == universe.instruments["tick"][place]
    assert feed.has_ascending_ids.all()


@pytest.mark.slow
def test_without_faults_the_recording_comes_out_as_it_is() -> None:
    ticks, stream = injected(Faults(per_kind=0))
    assert lines(ticks, list(SCHEMA.names)) == lines(concat(list(recorded())), list(SCHEMA.names))
    assert stream.labels == []


@pytest.mark.slow
def test_the_same_seed_gives_the_same_and_another_seed_another() -> None:
    first, stream = injected(Faults(seed=4, per_kind=1))
    again, other = injected(Faults(seed=4, per_kind=1))
    assert first.rows.tobytes() == again.rows.tobytes()
    assert stream.labels == other.labels != []
    assert injected(Faults(seed=5, per_kind=1))[0].rows.tobytes() != first.rows.tobytes()


@pytest.mark.slow
def test_what_no_label_covers_is_as_it_was_recorded() -> None:
    """Ticks outside all episodes of their channel and symbol: none is changed, lost or added, but for its numbers."""
    faults = Faults(seed=6, per_kind=1, warm_up_s=10, names=tuple(name for name, one in FAULTS.items() if one.reach == "one"))
    ticks, stream = injected(faults)
    spans = [(one.channel, one.venue, one.symbol, one.onset, one.effect_end + NS_PER_SECOND) for one in stream.labels]
    assert len({one.kind for one in stream.labels}) > 20

    def untouched(stream_ticks: Ticks) -> Iterator[tuple[object, ...]]:
        fields = [name for name in FIELDS if name != "trade_id"]
        places = {name: fields.index(name) for name in ("channel", "venue", "symbol", "ts_recv")}
        for line in lines(stream_ticks, fields):
            channel, venue, symbol, at = (line[places[name]] for name in ("channel", "venue", "symbol", "ts_recv"))
            assert isinstance(at, int)
            if not any(
                first <= at <= last and c in ("", channel) and v in ("", venue) and s in ("", symbol)
                for c, v, s, first, last in spans
            ):
                yield line

    before, after = list(untouched(concat(list(recorded())))), list(untouched(ticks))
    assert len(before) > 1_000
    assert sorted(map(repr, before)) == sorted(map(repr, after))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["contiguous", "increasing", "shared"])
def test_numbers_betray_no_fault_but_those_of_numbering(mode: str) -> None:
    """Messages are lost and added by silences, bursts and new names, and the counters have neither a hole nor a step back."""
    names = tuple(name for name, one in FAULTS.items() if one.stage != "sequence" and not one.is_open_ended)
    ticks, stream = injected(Faults(seed=7, per_kind=2, names=names), mode)
    assert {"silent", "burst", "rate_shift"} <= {one.kind for one in stream.labels}
    rows = ticks.rows[(ticks.rows["present"] & Present.SEQUENCE) != 0]
    lost = len(concat(list(recorded()))) != len(ticks)
    assert lost
    for channel in np.unique(rows["channel"]).tolist():
        mine = rows[rows["channel"] == channel]
        numbers = mine["sequence"].astype(np.int64)
        steps = np.diff(numbers)
        beats = mine["kind"] == Kind.HEARTBEAT
        resets = mine["kind"][1:] == Kind.SESSION
        if mode == "shared":
            assert np.isin(steps[~resets & ~beats[1:] & ~beats[:-1]], (0, 1)).all()
        else:
            # The next message of a heartbeat has the number that the heartbeat named.
            assert (steps[~resets] == np.where(beats[:-1], 0, 1)[~resets]).all()


def test_trade_ids_of_added_trades_count_on_and_amended_trades_keep_their_trade() -> None:
    ticks, stream = injected(Faults(seed=8, per_kind=3, names=("genuine_fills", "unknown_symbol")))
    assert stream.labels
    rows = ticks.rows
    trades = rows[(rows["kind"] == Kind.TRADE) & ((rows["present"] & Present.TRADE_ID) != 0)]
    for venue in np.unique(trades["venue"]).tolist():
        mine = trades[trades["venue"] == venue]["trade_id"]
        assert len(np.unique(mine)) == len(mine)
    original = concat(list(recorded()))
    amended = np.isin(rows["kind"], (Kind.TRADE_CANCEL, Kind.TRADE_CORRECTION))
    before = np.isin(original.rows["kind"], (Kind.TRADE_CANCEL, Kind.TRADE_CORRECTION))
    assert amended.sum() == before.sum() > 0

    def amends(stream_ticks: Ticks, chosen: np.ndarray) -> list[tuple[int, int, int]]:
        """The capture time, price and size of the trade that each cancel or correction is of."""
        known_trades = {
            (stream_ticks.names[row["venue"]], int(row["trade_id"])): (int(row["ts_recv"]), int(row["price"]), int(row["size"]))
            for row in stream_ticks.rows[stream_ticks.rows["kind"] == Kind.TRADE]
        }
        found = [(stream_ticks.names[row["venue"]], int(row["trade_id"])) for row in stream_ticks.rows[chosen]]
        return [known_trades.get(key, (0, 0, 0)) for key in found]

    assert amends(ticks, amended) == amends(original, before)


def test_what_the_feed_lacks_is_left_out_and_named() -> None:
    rows = concat(list(recorded())).rows.copy()
    names = recorded()[0].names
    rows = rows[rows["kind"] == Kind.QUOTE]
    rows["present"] &= ~np.uint16(Present.TS_EVENT | Present.SEQUENCE | Present.BID_SZ | Present.ASK_SZ)
    ticks = Ticks(rows, names)
    feed = learn([ticks], Reference(channels={names[code]: Channel(sequence="none") for code in np.unique(rows["channel"])}))
    assert feed.lacks == {"sequence", "sizes", "trades", "venue_time"}
    stream = InjectedRecording(feed, lambda: [ticks], Faults(per_kind=1))
    out = concat(list(stream))
    assert len(out)
    assert stream.labels
    for entry in ("sequence_gap", "size_outlier", "outside_quotes", "clock_offset", "out_of_session", "cross_break"):
        assert entry in stream.unfit
    assert not {one.kind for one in stream.labels} & {"sequence_gap", "size_outlier", "outside_quotes", "clock_offset"}
    assert not (out.rows["present"] & (Present.TS_EVENT | Present.SEQUENCE)).any()


def test_pauses_of_a_recording_have_no_block() -> None:
    rows = concat(list(recorded())).rows.copy()
    middle = int(rows["ts_recv"][len(rows) // 2])
    rows["ts_recv"][rows["ts_recv"] > middle] += 10 * PAUSE_NS
    feed = learn([Ticks(rows, recorded()[0].names)], Reference())
    assert any(later[0] - earlier[1] >= 9 * PAUSE_NS for earlier, later in zip(feed.blocks, feed.blocks[1:], strict=False))
    inside = np.zeros(len(rows), bool)
    for first, last in feed.blocks:
        inside |= (rows["ts_recv"] >= first) & (rows["ts_recv"] < last)
    assert inside.all()


def test_a_recording_without_instruments_is_refused() -> None:
    with pytest.raises(InputError, match="no quote or trade"):
        learn([empty()], Reference())


def test_unknown_faults_are_refused() -> None:
    with pytest.raises(SettingsError, match="no_such"):
        Faults(names=("no_such",))


@pytest.mark.parametrize("folder", ["cryptofeed", "go-iex", "lean/forex/oanda"])
def test_recorded_feeds_take_faults(data: Path, folder: str) -> None:
    path = data / folder
    feed = learn(open_recordings([path]), known([path]))
    stream = InjectedRecording(feed, lambda: open_recordings([path]), Faults(seed=2, per_kind=2))
    count = sum(map(len, stream))
    recorded_count = sum(map(len, open_recordings([path])))
    assert len({one.kind for one in stream.labels}) >= 8
    assert 0.5 * recorded_count < count < 2 * recorded_count
    first, last = feed.start_ns, feed.end_ns
    assert all(first <= one.onset <= one.end <= last for one in stream.labels)

"""The whole engine on a simulated market with faults: results depend on the ticks and on nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.pipeline.engine import Engine
from jobs.pipeline.settings import PipelineSettings
from producers.faults.table import Faults
from producers.market.parameters import Market
from producers.simulation.day import simulate_all
from tests.support.streams import Scored, Tape, at, check, last_revisions, merged, released_often, score
from tickproof.channel.routing import shard_of
from tickproof.channel.step import ChannelSettings
from tickproof.findings.finding import VERDICT, encode
from tickproof.findings.second_statistics import Row
from tickproof.shard import step as scoring
from tickproof.shard.score_slice import SECOND_NS
from tickproof.shard.state import ShardState
from tickproof.shard.step import ShardSettings
from tickproof.ticks.reorder_buffer import in_order
from tickproof.ticks.schema import NAMES, NS_PER_SECOND, Array, Condition, Flag, Kind, Ticks, concat, is_scored

END_NS = 2**62
DISORDER_NS = ChannelSettings().out_of_orderness_ns


@pytest.fixture(scope="module")
def stream() -> Ticks:
    """Half a minute: 12 symbols, 4 venues, news, halts, and one episode of each fault."""
    market = Market(
        seed=3, minutes=0.5, symbols=12, peak_rate=40.0, news_per_minute=6, market_news_per_minute=2, halts_per_minute=4
    )
    return simulate_all(market, Faults(seed=2, per_kind=1, warm_up_s=5))[0]


@pytest.fixture(scope="module")
def whole(stream: Ticks) -> Scored:
    """Fed at once, released at the end."""
    return score(stream, shards=4)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    released_often(monkeypatch.setattr)


def canonical(ticks: Ticks) -> Array:
    """The rows with names numbered by the alphabet, so that two tables of names compare."""
    rows = ticks.rows.copy()
    order = {name: k for k, name in enumerate(sorted(set(ticks.names)))}
    table = np.array([*(order[name] for name in ticks.names), -1])
    for column in NAMES:
        rows[column] = table[rows[column]]
    return rows


def key(row: Row) -> tuple[str, int]:
    return row.scope, row.ts


def assert_same(one: Scored, other: Scored) -> None:
    """Ticks, verdicts, features, every revision of every finding with its evidence, and statistics."""
    mine, theirs = canonical(one.ticks), canonical(other.ticks)
    assert set(one.ticks.names) == set(other.ticks.names)
    for name in mine.dtype.names or ():
        np.testing.assert_array_equal(mine[name], theirs[name], err_msg=name)
    for name in VERDICT.names or ():
        np.testing.assert_array_equal(one.verdicts[name], other.verdicts[name], err_msg=name)
    np.testing.assert_array_equal(one.features, other.features)
    assert last_revisions(one.findings) == last_revisions(other.findings)
    assert {encode(finding) for finding in one.findings} == {encode(finding) for finding in other.findings}
    assert sorted(one.statistics, key=key) == sorted(other.statistics, key=key)


def test_the_stream_has_something_to_find(whole: Scored) -> None:
    assert len(whole.ticks) > 20_000
    assert set(whole.verdicts["final_quality"].tolist()) == {0, 1, 2, 3}
    assert len({finding.code for finding in whole.findings}) > 12


# --- nothing but the ticks --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("size", [97, 1_000, 7_919])
def test_frames_and_slices_do_not_matter(size: int, stream: Ticks, whole: Scored) -> None:
    assert_same(score(stream, range(0, len(stream), size), shards=4), whole)


@pytest.mark.slow
@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("seed", [1, 2])
def test_random_pieces_do_not_matter(seed: int, stream: Ticks, whole: Scored) -> None:
    cuts = np.random.default_rng(seed).integers(0, len(stream), 60).tolist()
    assert_same(score(stream, cuts, shards=4), whole)


@pytest.mark.slow
@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("seed", [1, 2])
def test_channels_may_run_behind_each_other(seed: int, stream: Ticks, whole: Scored) -> None:
    """Each channel is delayed by its own part of the allowed disorder."""
    rng = np.random.default_rng(seed)
    delay = rng.integers(0, DISORDER_NS // 2, len(stream.names))
    order = np.argsort(np.maximum.accumulate(stream.rows["ts_recv"]) + delay[stream.rows["channel"]], kind="stable")
    delayed = stream.take(order)
    assert (np.diff(order) != 1).sum() > 1_000
    assert_same(score(delayed, range(0, len(stream), 500), shards=4), whole)


def test_where_ticks_came_from_does_not_matter(stream: Ticks, whole: Scored) -> None:
    rows = stream.rows.copy()
    rows["offset"], rows["partition"], rows["row"] = 7, 3, np.arange(len(rows))
    moved = score(Ticks(rows, stream.names), shards=4)
    assert moved.verdicts.tolist() == whole.verdicts.tolist()
    assert set(last_revisions(moved.findings)) == set(last_revisions(whole.findings))


def test_the_numbers_of_names_do_not_matter(stream: Ticks, whole: Scored) -> None:
    count = len(stream.names)
    rows = stream.rows.copy()
    for column in NAMES:
        rows[column] = np.where(rows[column] >= 0, count - 1 - rows[column], -1)
    assert_same(score(Ticks(rows, stream.names[::-1]), shards=4), whole)


def test_a_table_of_many_names_is_read_the_same(stream: Ticks, whole: Scored) -> None:
    """Names are found by a table of pairs, and by sorting where that would be too large."""
    many = Ticks(stream.rows, (*stream.names, *(f"unused {k}" for k in range(3_000))))
    found = score(many, shards=4)
    assert found.verdicts.tolist() == whole.verdicts.tolist()
    assert last_revisions(found.findings) == last_revisions(whole.findings)


def test_swapped_ticks_are_noticed(stream: Ticks, whole: Scored) -> None:
    """The comparison is no tautology: two ticks of one channel change places."""
    same = np.flatnonzero(stream.rows["channel"] == stream.rows["channel"][15_000])
    one, other = same[len(same) // 2], same[len(same) // 2 + 1]
    order = np.arange(len(stream))
    order[[one, other]] = other, one
    with pytest.raises(AssertionError):
        assert_same(score(stream.take(order), shards=4), whole)


@pytest.mark.usefixtures("often")
def test_capture_heartbeats_change_no_verdict(stream: Ticks, whole: Scored) -> None:
    """Live they come every 50 ms of pause, in a replay each second, at the end one seals the rest."""
    template = Tape()
    template.capture_heartbeat(0)
    beat = template.ticks()
    channels = [stream.names[code] for code in np.unique(stream.rows["channel"])]
    rng = np.random.default_rng(5)
    beats = []
    for channel in channels:
        rows = np.repeat(beat.rows, 200)
        low, high = int(stream.rows["ts_recv"].min()), int(stream.rows["ts_recv"].max())
        # On moments of ticks too: a heartbeat beside a tick must not take its place.
        rows["ts_recv"] = np.sort(rng.choice(stream.rows["ts_recv"], 200)).clip(low, high)
        rows["channel"], rows["venue"] = 0, 1
        beats.append(Ticks(rows, (channel, "tickproof")))
    both = concat([stream, *beats])
    first = np.maximum.accumulate(stream.rows["ts_recv"])
    moments = np.concatenate([first, *(part.rows["ts_recv"] for part in beats)])
    found = score(both.take(np.argsort(moments, kind="stable")), range(0, len(both), 3_000), shards=4)
    assert found.verdicts.tolist() == whole.verdicts.tolist()
    np.testing.assert_array_equal(found.ticks.rows["ordinal"], whole.ticks.rows["ordinal"])
    assert not ((found.ticks.rows["flags"] & Flag.CAPTURE_HEARTBEAT) != 0).any()

    def of_symbols(scored: Scored) -> dict[str, Any]:
        return {name: one for name, one in last_revisions(scored.findings).items() if one.symbol}

    assert of_symbols(found) == of_symbols(whole)


@pytest.mark.parametrize("shards", [1, 3])
def test_every_tick_comes_out_once_whatever_the_shards(shards: int, stream: Ticks) -> None:
    found = score(stream, shards=shards)
    mine = canonical(found.ticks)[["channel", "ts_recv", "ordinal"]]
    assert len(np.unique(mine)) == len(mine) == np.count_nonzero(is_scored(stream.rows))


def test_shards_are_in_their_order(whole: Scored) -> None:
    """By event time, then by the channel's name."""
    ticks = whole.ticks
    places = [ticks.name(row["symbol"]) or ticks.names[row["channel"]] for row in ticks.rows]
    for shard in range(4):
        mine = ticks.rows[[shard_of(place, 4) == shard for place in places]]
        keys = [(int(row["event_time"]), ticks.names[row["channel"]]) for row in mine]
        assert len(keys) > 50
        assert keys == sorted(keys)


def test_verdicts_are_never_null(whole: Scored) -> None:
    for name in ("score", "final_score"):
        assert np.isfinite(whole.verdicts[name]).all()
        assert (whole.verdicts[name] >= 0).all()
    for name in ("quality", "final_quality"):
        assert (whole.verdicts[name] <= 3).all()


def test_without_a_model_a_score_is_99_or_0(whole: Scored) -> None:
    for prefix in ("", "final_"):
        corrupt = whole.verdicts[prefix + "quality"] == 2
        assert 0 < np.count_nonzero(corrupt) < len(corrupt)
        assert (whole.verdicts[prefix + "score"][corrupt] == 99).all()
        assert (whole.verdicts[prefix + "score"][~corrupt] == 0).all()


def test_evidence_has_the_neighbours_in_time(whole: Scored) -> None:
    """Up to three ticks of the instrument within a second before, up to three within the lookahead after."""
    rows, names = whole.ticks.rows, whole.ticks.names
    checked = 0
    for finding in last_revisions(whole.findings).values():
        if finding.symbol is None or finding.code == "silent":
            continue
        mine = (
            (rows["venue"] == names.index(finding.venue)) & (rows["symbol"] == names.index(finding.symbol)) & (rows["kind"] <= 3)
        )
        index = np.flatnonzero(mine)
        tick = finding.evidence["tick"]
        (place,) = [k for k, row in enumerate(index) if rows["event_time"][row] == finding.first_ts and is_it(rows[row], tick)]
        times = rows["event_time"][index]
        before = [k for k in range(place) if times[k] >= finding.first_ts - SECOND_NS][-3:]
        after = [k for k in range(place + 1, len(index)) if times[k] <= finding.first_ts + 250_000_000][:3]
        assert [one["ts_recv"] for one in finding.evidence["before"]] == rows["ts_recv"][index[before]].tolist()
        assert [one["ts_recv"] for one in finding.evidence["after"]] == rows["ts_recv"][index[after]].tolist()
        checked += 1
    assert checked > 10


def is_it(row: Array, tick: dict[str, Any]) -> bool:
    return bool(row["ts_recv"] == tick["ts_recv"] and row["sequence"] == tick.get("sequence", 0))


# --- one shard's step -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small() -> Ticks:
    """A few thousand stamped ticks of one shard, in its order."""
    market = Market(seed=8, minutes=0.2, symbols=4, peak_rate=40.0, news_per_minute=20, halts_per_minute=5)
    ticks = simulate_all(market, Faults(seed=4, per_kind=1, warm_up_s=2))[0]
    parts = []
    for code in np.unique(ticks.rows["channel"]):
        name = ticks.names[code]
        parts.append(check(ticks.take(ticks.rows["channel"] == code), channel=name).ticks)
    stamped = in_order(concat(parts))
    return stamped.take(is_scored(stamped.rows))


def walked(ticks: Ticks, horizons: list[int]) -> tuple[Array, list[Any], list[Row], Any]:
    """Verdicts, findings and statistics of a shard that is released at these event times and at the end."""
    state, done = ShardState.new(), -END_NS
    verdicts, findings, seconds = [], [], []
    for horizon in [*sorted(horizons), END_NS]:
        times = ticks.rows["event_time"]
        result = scoring.step(state, ticks.take((times >= done) & (times < horizon)), horizon, ShardSettings())
        state, done = result.state, horizon
        verdicts.append(result.verdicts)
        findings += result.findings
        seconds += result.seconds
    return np.concatenate(verdicts), findings + state.tracker.open_findings(), seconds, state


def test_release_horizons_do_not_matter(small: Ticks) -> None:
    """Any slices, and any number of empty ones."""
    verdicts, findings, seconds, state = walked(small, [])
    assert len(verdicts) == len(small)
    low, high = int(small.rows["event_time"].min()), int(small.rows["event_time"].max())

    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.integers(low, high + NS_PER_SECOND), max_size=25))
    def same(horizons: list[int]) -> None:
        mine, found, rows, after = walked(small, horizons)
        assert mine.tolist() == verdicts.tolist()
        assert {encode(one) for one in found} == {encode(one) for one in findings}
        assert sorted(rows, key=key) == sorted(seconds, key=key)
        for array in ("instruments", "measures", "venues", "heads", "channel_of", "accumulators", "symbols", "market"):
            count = len(getattr(state, array))
            assert getattr(after, array)[:count].tobytes() == getattr(state, array).tobytes()

    same()


def test_a_step_writes_to_nothing_that_it_was_given(small: Ticks) -> None:
    half = int(np.median(small.rows["event_time"]))
    first = small.take(small.rows["event_time"] < half)
    second = small.take(small.rows["event_time"] >= half)
    state = scoring.step(ShardState.new(), first, half, ShardSettings()).state
    names = (
        "instruments", "measures", "heads", "venues", "clocks", "channel_of", "shard", "accumulators", "symbols", "groups",
        "market", "counted", "context", "features", "scores", "member_of", "marks", "members",
    )  # fmt: skip
    before = {name: getattr(state, name).tobytes() for name in names}
    packed, rows, block = state.tracker.pack(), second.rows.tobytes(), state.block.rows.tobytes()
    one = scoring.step(state, second, END_NS, ShardSettings())
    assert {name: getattr(state, name).tobytes() for name in names} == before
    assert (state.tracker.pack(), second.rows.tobytes(), state.block.rows.tobytes()) == (packed, rows, block)
    # And so it can be walked again, as after a failure.
    again = scoring.step(state, second, END_NS, ShardSettings())
    assert again.verdicts.tolist() == one.verdicts.tolist()
    assert again.findings == one.findings


def test_no_ticks_change_nothing(small: Ticks) -> None:
    empty = scoring.step(ShardState.new(), concat([]), 0, ShardSettings())
    assert (len(empty.final), empty.findings, empty.seconds) == (0, [], [])
    state = scoring.step(ShardState.new(), small, END_NS, ShardSettings()).state
    after = scoring.step(state, concat([]), END_NS, ShardSettings())
    assert (len(after.final), after.findings, after.seconds) == (0, [], [])


def test_a_verdict_is_final_only_past_its_lookahead() -> None:
    """
    tick 0 ......... 250 ms: not yet | 250 ms + 1 ns: final
    """
    tape = Tape()
    tape.quote(0)
    ticks = check(tape.ticks()).ticks
    for horizon, final in ((at(0.25), 0), (at(0.25) + 1, 1)):
        assert len(scoring.step(ShardState.new(), ticks, horizon, ShardSettings()).final) == final


@pytest.mark.parametrize(("after_ns", "quality"), [(250_000_000, 2), (250_000_001, 1)])
def test_what_comes_at_the_very_end_of_the_lookahead_still_counts(after_ns: int, quality: int) -> None:
    """
    100 100 [101] .......... 250 ms: 100 — it came back, and is corrupt
    100 100 [101] ................ 250 ms + 1 ns: 100 — too late to tell
    """
    tape = Tape()
    for k in range(100):
        tape.quote(k * 0.1)
    tape.quote(10, 100.99, 101.01)
    tape.quote(10, ts_recv=at(10) + after_ns)
    assert score(tape.ticks()).verdict(10.0)["final_quality"] == quality


def test_a_finding_stays_open_for_a_tick_that_is_not_final_yet() -> None:
    """
    wrong 4.01 ................ wrong 8.95 (4.94 s on: the same run)
    walked to 9.1, before 8.95 is final: the run must not be closed
    """
    tape = Tape()
    for k in range(96):
        tape.quote(k * 0.1)
        if k in (40, 89):
            tape.trade(k * 0.1 + (0.01 if k == 40 else 0.05), -2)
    ticks = check(tape.ticks()).ticks
    _, whole, _, _ = walked(ticks, [])
    _, parts, _, _ = walked(ticks, ticks.rows["event_time"].tolist())
    (finding,) = last_revisions(whole).values()
    assert (finding.code, finding.count) == ("price_not_positive", 2)
    assert last_revisions(parts) == last_revisions(whole)


def test_urgent_verdicts_are_the_causal_ones_at_once(small: Ticks) -> None:
    result = scoring.step(ShardState.new(), small, -END_NS, ShardSettings())
    everything = scoring.step(ShardState.new(), small, END_NS, ShardSettings())
    expected = everything.verdicts[everything.verdicts["quality"] > 0]
    assert len(expected) > 0
    for name in ("quality", "score", "reasons"):
        np.testing.assert_array_equal(result.urgent_verdicts[name], expected[name])
        assert not result.urgent_verdicts["final_" + name].any()
    np.testing.assert_array_equal(result.urgent.rows, everything.final.rows[everything.verdicts["quality"] > 0])


# --- hostile ticks ----------------------------------------------------------------------------------------------------------

EXTREMES = np.array([0, 1, -1, 2**31, -(2**63), 2**63 - 1, 999_999_999_999_900, 10**18, 12_345], np.int64)
NUMBERS = ("ts_event", "bid_px", "bid_sz", "ask_px", "ask_sz", "price", "size", "trade_id")


def venues(start: float, end: float, sequence: int = 1) -> list[Tape]:
    """Three venues that quote two symbols."""
    tapes = [Tape(channel=f"{venue}.A", venue=venue, sequence=sequence) for venue in ("XNAS", "ARCX", "BATS")]
    for k in range(round((end - start) * 20)):
        for j, tape in enumerate(tapes):
            symbol = ("ABC", "DEF")[k % 2]
            tape.quote(start + k * 0.05 + j * 0.001, 99.99, 100.01, symbol=symbol)
            if k % 7 == 0:
                tape.trade(start + k * 0.05 + j * 0.001 + 0.0005, 100.0, symbol=symbol)
    return tapes


def hostile(count: int, seed: int) -> Ticks:
    """Ticks of the same venues in which every number may be anything; the capture clock goes wrong now and then."""
    rng = np.random.default_rng(seed)
    base = merged(*venues(20, 21))
    rows = base.rows[rng.integers(0, len(base), count)].copy()
    rows["ts_recv"] = at(20) + np.sort(rng.integers(0, 20 * NS_PER_SECOND, count))
    rows["ts_event"] = rows["ts_recv"] - 1_000_000
    rows["sequence"] = np.arange(count)
    for name in NUMBERS:
        wrong = rng.random(count) < 0.15
        rows[name] = np.where(wrong, rng.choice(EXTREMES, count), rows[name])
        scaled = rng.random(count) < 0.1
        rows[name][scaled] = (rows[name][scaled].astype(float) * 10.0 ** rng.integers(-9, 9, count)[scaled]).clip(-9e18, 9e18)
    rows["sequence"] = np.where(rng.random(count) < 0.05, rng.integers(0, 2**64, count, np.uint64), rows["sequence"])
    rows["present"] ^= np.where(rng.random(count) < 0.3, rng.integers(0, 512, count), 0).astype(np.uint16)
    rows["kind"] = np.where(rng.random(count) < 0.2, rng.integers(0, 8, count), rows["kind"])
    rows["conditions"] = np.where(rng.random(count) < 0.1, rng.integers(0, 2**16, count), 0)
    rows["conditions"] &= ~np.uint32(Condition.HALTED | Condition.SESSION_CLOSED)
    rows["symbol"] = np.where(rng.random(count) < 0.02, -1, rows["symbol"])
    clock = rng.random(count) < 0.004
    rows["ts_recv"] = np.where(clock, rng.choice(EXTREMES, count), rows["ts_recv"])
    return Ticks(rows, base.names)


def assert_finite(state: ShardState) -> None:
    for table in (state.instruments, state.venues, state.accumulators, state.measures, state.symbols, state.market):
        for name in table.dtype.names or ():
            # What other venues said when a run began: NaN while there are none.
            if table.dtype[name].base.kind == "f" and name != "run_others":
                assert np.isfinite(table[name]).all(), name


def fields(records: Array) -> Iterator[tuple[str, Array]]:
    """The columns of records, those of records within them included."""
    for name in records.dtype.names or ():
        if records.dtype[name].names:
            yield from fields(records[name])
        else:
            yield name, records[name]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_breaks_the_state_for_long(seed: int) -> None:
    """20 s clean, 20 000 hostile ticks in 20 s, 60 s clean: no exception, no NaN, and the last ticks are good again."""
    clean, after = merged(*venues(0, 20)), merged(*venues(40, 100, sequence=100_000))
    everything = concat([clean, hostile(20_000, seed), after])
    parts = []
    for name in ("XNAS.A", "ARCX.A", "BATS.A"):
        checked = check(everything.take(everything.rows["channel"] == everything.names.index(name)), [100], channel=name)
        for finding in checked.findings:
            encode(finding)
        for name_of, values in fields(checked.state.arrays.header):
            assert np.isfinite(values).all(), name_of
        parts.append(checked.ticks)
    ticks = in_order(concat(parts))
    ticks = ticks.take(is_scored(ticks.rows))
    state, done, verdicts = ShardState.new(), -END_NS, []
    for horizon in [*range(at(10), at(101), 5 * NS_PER_SECOND), END_NS]:
        times = ticks.rows["event_time"]
        result = scoring.step(state, ticks.take((times >= done) & (times < horizon)), horizon, ShardSettings())
        state, done = result.state, horizon
        assert_finite(state)
        for name in ("score", "final_score"):
            assert np.isfinite(result.verdicts[name]).all()
        assert not np.isinf(result.features).any()
        for finding in result.findings:
            encode(finding)
        verdicts.append(result.verdicts)
    found = np.concatenate(verdicts)
    assert len(found) == len(ticks)
    last = ticks.rows["event_time"] > at(85)
    assert last.sum() > 500
    assert not found["final_quality"][last].any()
    assert not found["quality"][last].any()


@pytest.mark.slow
@pytest.mark.usefixtures("often")
def test_hostile_ticks_are_judged_the_same_however_they_are_cut() -> None:
    ticks = concat([merged(*venues(0, 20)), hostile(5_000, 3)])
    cuts = np.random.default_rng(3).integers(0, len(ticks), 40).tolist()
    assert_same(score(ticks, cuts, shards=2), score(ticks, shards=2))


def test_a_first_tick_may_be_anything() -> None:
    """A channel's very first ticks, every number at its ends."""
    for value in EXTREMES.tolist():
        tape = Tape()
        for kind in Kind:
            tape.write(kind, kind * 0.1, **dict.fromkeys(NUMBERS, value), sequence=value % 2**64, conditions=value % 2**16)
        scored = score(tape.ticks())
        assert len(scored.ticks) == len(Kind)
        assert np.isfinite(scored.verdicts["final_score"]).all()


# --- behind the watermark ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("often")
def test_an_overtaken_tick_gets_rules_alone_and_moves_nothing(stream: Ticks, whole: Scored) -> None:
    """It comes out, judged by its message alone; the ticks that were in time are judged as if it had not come."""
    late = Tape(channel="LATE.A", venue="LATE", symbol=stream.names[int(stream.rows["symbol"].max())])
    late.quote(0)
    late.trade(0, -1)
    late.write(Kind.TRADE, 0)
    ticks = late.ticks()
    ticks.rows["ts_recv"] = ticks.rows["ts_event"] = stream.rows["ts_recv"][0] + 5 * NS_PER_SECOND
    half = int(np.searchsorted(np.maximum.accumulate(stream.rows["ts_recv"]), stream.rows["ts_recv"][0] + 20 * NS_PER_SECOND))
    engine = Engine(PipelineSettings())
    outputs = [engine.feed(part) for part in (stream.take(slice(0, half)), ticks, stream.take(slice(half, None)))]
    outputs.append(engine.finish())
    ((behind, verdicts),) = [pair for output in outputs for pair in output.overtaken if len(pair[0])]
    assert len(behind) == 3
    assert verdicts["final_quality"].tolist() == verdicts["quality"].tolist() == [0, 2, 2]
    scored = sorted((pair for output in outputs for pair in output.scored), key=lambda pair: pair[0])
    found = np.concatenate([result.verdicts for _, result in scored])
    assert found.tolist() == whole.verdicts.tolist()


def test_a_capture_clock_that_jumps_overtakes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One tick two hours ahead, in every slice size: `score` refuses overtaken ticks."""
    released_often(monkeypatch.setattr)
    tape = Tape()
    for k in range(100):
        tape.quote(k * 0.1)
        if k == 50:
            tape.quote(7200)
    scored = score(tape.ticks(), range(0, 101, 5))
    assert len(scored.ticks) == 101

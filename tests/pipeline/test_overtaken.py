"""Which ticks the engine's watermark overtakes follows from the order of the input, and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from jobs.pipeline.engine import Engine, Output
from jobs.pipeline.settings import PipelineSettings
from tests.support.streams import Market, Tape, at, merged, pieces, released_often
from tickproof.channel.step import ChannelSettings
from tickproof.findings.finding import encode
from tickproof.shard.state import ShardState
from tickproof.ticks.schema import Array, Flag, Kind, Ticks, concat, is_scored

DISORDER_NS = ChannelSettings().out_of_orderness_ns
Place = tuple[str, int, int]


def disordered() -> Ticks:
    """Four channels for 20 s: one arrives 3 s late from 8 s to 11 s, one speaks again after a silence, 2 s behind.

    A third sends capture heartbeats and venue heartbeats, which have copies in every shard.
    """
    market = Market(warm_s=8.0)
    market.go_on(8.0, 20.0, lambda moment: 100.0 + 0.01 * int(moment))
    quiet = Tape(channel="QUIET.A", venue="QUIET", symbol="DEF")
    for moment in (*(0.1 * k for k in range(40)), *(12.0 + 0.1 * k for k in range(30))):
        quiet.quote(moment)
    beats = Tape(channel="BEATS.A", venue="BEATS", symbol="GHI")
    for k in range(20):
        beats.heartbeat(k + 0.3)
        beats.capture_heartbeat(k + 0.5)
        beats.quote(k + 0.5)
    ticks = merged(*market.tapes.values(), quiet, beats)
    rows, names = ticks.rows, ticks.names
    delay = np.zeros(len(ticks), np.int64)
    late = (rows["channel"] == names.index("BATS.A")) & (rows["ts_recv"] >= at(8)) & (rows["ts_recv"] < at(11))
    delay[late] = 3_000_000_000
    delay[(rows["channel"] == names.index("QUIET.A")) & (rows["ts_recv"] >= at(12))] = 2_000_000_000
    delay[(rows["channel"] == names.index("BEATS.A")) & (rows["ts_recv"] >= at(15))] = 2_500_000_000
    # A channel keeps its own order.
    arrival = rows["ts_recv"] + delay
    for code in np.unique(rows["channel"]):
        mine = rows["channel"] == code
        arrival[mine] = np.maximum.accumulate(arrival[mine])
    return ticks.take(np.argsort(arrival, kind="stable"))


def place(ticks: Ticks, row: int) -> Place:
    record = ticks.rows[row]
    return ticks.names[record["channel"]], int(record["ts_recv"]), int(record["sequence"])


def expected(ticks: Ticks) -> list[Place]:
    """Tick by tick: behind the latest event time of all ticks before it by more than the disorder that is allowed."""
    latest, of_channel, late = -(2**62), dict[int, int](), []
    for row, record in enumerate(ticks.rows):
        channel = int(record["channel"])
        event_time = of_channel[channel] = max(of_channel.get(channel, -(2**62)), int(record["ts_recv"]))
        if event_time < latest - DISORDER_NS and is_scored(ticks.rows[row : row + 1])[0]:
            late.append(place(ticks, row))
        latest = max(latest, event_time)
    return sorted(late)


@dataclass(frozen=True, slots=True)
class Came:
    """What came out, in a form that compares."""

    overtaken: dict[Place, Any]
    scored: dict[Place, Any]
    findings: set[bytes]
    statistics: list[Any]
    states: list[bytes]


def by_place(parts: Sequence[tuple[Ticks, Array]]) -> dict[Place, Any]:
    return {place(ticks, row): verdicts[row].item() for ticks, verdicts in parts for row in range(len(ticks))}


def clocks_of(state: ShardState) -> bytes:
    """What is known of the channels' lives, without the rows that are not in use yet."""
    return state.clocks[: len(state.registry.channels)].tobytes()


def run(ticks: Ticks, cuts: Sequence[int]) -> Came:
    engine = Engine(PipelineSettings(2))
    outputs: list[Output] = [engine.feed(part) for part in pieces(ticks, cuts)]
    outputs.append(engine.finish())
    findings = [finding for output in outputs for finding in output.findings] + engine.open_findings()
    return Came(
        by_place([part for output in outputs for part in output.overtaken]),
        by_place([(result.final, result.verdicts) for output in outputs for _, result in output.scored]),
        {encode(finding) for finding in findings},
        sorted((row.scope, row.ts, row) for output in outputs for row in output.statistics),
        [worker.state.watch.pack() for worker in engine._shards] + [clocks_of(worker.state) for worker in engine._shards],
    )


@pytest.fixture(scope="module")
def ticks() -> Ticks:
    return disordered()


@pytest.fixture(scope="module")
def whole(ticks: Ticks) -> Came:
    return run(ticks, ())


def test_they_are_those_of_the_plain_definition(ticks: Ticks, whole: Came) -> None:
    late = expected(ticks)
    assert sorted(whole.overtaken) == late
    assert {channel for channel, _, _ in late} == {"BATS.A", "QUIET.A", "BEATS.A"}
    assert len(late) > 50
    assert len(whole.scored) + len(late) == int(is_scored(ticks.rows).sum())
    assert whole.scored.keys().isdisjoint(late)


@pytest.mark.parametrize("often", [False, True])
@pytest.mark.parametrize("size", [13, 97, 400])
def test_cuts_do_not_matter(size: int, often: bool, ticks: Ticks, whole: Came, monkeypatch: pytest.MonkeyPatch) -> None:
    if often:
        released_often(monkeypatch.setattr)
    assert run(ticks, range(0, len(ticks), size)) == whole


@pytest.mark.parametrize("seed", range(5))
def test_random_cuts_do_not_matter(seed: int, ticks: Ticks, whole: Came, monkeypatch: pytest.MonkeyPatch) -> None:
    released_often(monkeypatch.setattr)
    cuts = np.random.default_rng(seed).integers(0, len(ticks), 40).tolist()
    assert run(ticks, cuts) == whole


def test_channels_one_after_the_other_are_not_in_capture_order() -> None:
    """As from files that were not merged: all but the first channel's end lies behind."""
    one, other = Tape(), Tape(channel="XNAS.B", symbol="DEF")
    for tape in (one, other):
        for k in range(50):
            tape.quote(0.1 * k)
    came = run(concat([one.ticks(), other.ticks()]), (7, 60))
    # 4.9 s is the latest before them: those below 3.9 s.
    assert sorted(came.overtaken) == [("XNAS.B", at(0.1 * k), k + 1) for k in range(39)]


def test_a_tick_at_the_very_end_of_what_is_allowed_is_in_time() -> None:
    """
    A: 10 s ............ | B: 9 s in time, 9 s − 1 ns overtaken
    """
    one, other, third = Tape(), Tape(channel="XNAS.B"), Tape(channel="XNAS.C")
    one.quote(10.0)
    other.quote(9.0)
    third.quote(9.0, ts_recv=at(9.0) - 1)
    came = run(concat([one.ticks(), other.ticks(), third.ticks()]), ())
    assert [channel for channel, _, _ in came.overtaken] == ["XNAS.C"]


def test_the_stream_has_heartbeats_of_both_kinds(ticks: Ticks) -> None:
    beats = ticks.rows["kind"] == Kind.HEARTBEAT
    ours = (ticks.rows["flags"] & Flag.CAPTURE_HEARTBEAT) != 0
    assert (beats & ours).sum() == (beats & ~ours).sum() == 20

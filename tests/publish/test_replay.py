"""What a replay sends, and when: heartbeats, frames, the seal, the pace."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.publish.framing import Frame, Framing
from producers.publish.pacing import Errors, Pace
from producers.publish.replay import FILLER_NS, LONGEST_SPAN_NS, Plan, frames, replay, shifted, span_ns
from producers.streams.event_time import EARLIEST, JUMP_NS, running
from producers.streams.heartbeats import DENSE_S, Heartbeats
from producers.streams.partitioning import capture_channel, murmur2, partition_of
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND, ROW, Flag, Kind, Present, Ticks, concat, is_scored

CHANNELS = ("A.1", "B.1", "C.1")
TIMES = st.lists(st.tuples(st.integers(0, 4_000), st.sampled_from(range(3))), max_size=60)
"""(ms, channel) of ticks."""
START_NS = 10**15


def ticks_of(events: list[tuple[int, int]]) -> Ticks:
    """Ticks at ms of a channel each; `size` is their number."""
    rows = np.zeros(len(events), ROW)
    rows["ts_recv"] = [ms * NS_PER_MS for ms, _ in events]
    rows["channel"] = [channel for _, channel in events]
    rows["venue"], rows["symbol"], rows["kind"] = 3, 4, Kind.TRADE
    rows["size"], rows["present"] = np.arange(len(events)), Present.SIZE
    return Ticks(rows, (*CHANNELS, "VENUE", "ABC"))


def beats(ticks: Ticks) -> list[tuple[str | None, float]]:
    """(channel, s) of the capture heartbeats."""
    return [(ticks.name(row["channel"]), row["ts_recv"] / NS_PER_SECOND) for row in ticks.rows[~is_scored(ticks.rows)]]


def story(ticks: Ticks) -> list[str]:
    """The stream in words: ms of a tick, channel@second of a heartbeat."""
    scored = is_scored(ticks.rows)
    return [
        str(row["ts_recv"] // NS_PER_MS) if tick else f"{ticks.name(row['channel'])}@{row['ts_recv'] // NS_PER_SECOND}"
        for row, tick in zip(ticks.rows, scored, strict=True)
    ]


# --- partitions


def test_murmur2_is_javas() -> None:
    # Vectors of Kafka's own UtilsTest.testMurmur2, as signed 32-bit numbers.
    vectors = {
        b"21": -973932308,
        b"foobar": -790332482,
        b"a-little-bit-long-string": -985981536,
        b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    }
    assert {key: murmur2(key) for key in vectors} == {key: value % 2**32 for key, value in vectors.items()}


def test_a_capture_channel_lives_where_its_name_says() -> None:
    assert [partition_of(capture_channel(partition), 5) for partition in range(5)] == list(range(5))


# --- heartbeats


def test_heartbeats_stand_before_the_first_tick_that_is_as_late() -> None:
    #      0.9   1.0   1.2       3.1        (s)
    #  A    t          .          t
    #  B          t    .
    # beats    ^1 A              ^2 ^3 A B
    ticks = Heartbeats(1).step(ticks_of([(900, 0), (1000, 1), (1200, 0), (3100, 0)]))
    assert story(ticks) == ["900", "A.1@1", "1000", "1200", "A.1@2", "B.1@2", "A.1@3", "B.1@3", "3100"]


def test_a_partition_gets_a_channel_of_its_own_until_one_speaks_there() -> None:
    partitions = 16
    home = {partition_of(channel, partitions) for channel in CHANNELS[:2]}
    assert len(home) == 2
    stage = Heartbeats(partitions)
    ticks = concat([stage.step(ticks_of([(0, 0), (1500, 0)])), stage.step(ticks_of([(1600, 1), (2500, 0)]))])
    spoken = defaultdict(set)
    for channel, second in beats(ticks):
        spoken[second].add(channel)
    first = partition_of(CHANNELS[0], partitions)
    assert spoken[1] == {CHANNELS[0]} | {capture_channel(p) for p in range(partitions) if p != first}
    assert spoken[2] == set(CHANNELS[:2]) | {capture_channel(p) for p in range(partitions) if p not in home}


def test_a_long_gap_is_beaten_through_at_its_beginning_and_end() -> None:
    ticks = Heartbeats(1).step(ticks_of([(0, 0), (36_000_500, 0)]))
    assert [second for _, second in beats(ticks)] == [*range(1, DENSE_S + 1), *range(36_001 - DENSE_S, 36_001)]
    shorter = Heartbeats(1).step(ticks_of([(0, 0), (2_000 * DENSE_S, 0)]))
    assert [second for _, second in beats(shorter)] == list(range(1, 2 * DENSE_S + 1))


@settings(deadline=None)
@given(TIMES, st.lists(st.integers(0, 60), max_size=4), st.integers(1, 4))
def test_heartbeats_leave_ticks_alone_and_do_not_depend_on_batches(
    events: list[tuple[int, int]], cuts: list[int], partitions: int
) -> None:
    events = sorted(events, key=lambda event: event[0])
    whole = ticks_of(events)
    once = Heartbeats(partitions).step(whole)
    edges = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    stage = Heartbeats(partitions)
    parts = concat([stage.step(whole.take(slice(first, last))) for first, last in itertools.pairwise(edges)])
    assert story(parts) == story(once)
    assert (once.rows[is_scored(once.rows)] == whole.rows).all()
    assert (np.diff(once.rows["ts_recv"]) >= 0).all()
    latest: dict[str | None, float] = {}
    for channel, second in beats(once):
        assert second == int(second)
        assert latest.get(channel, 0) < second
        latest[channel] = second


@settings(deadline=None)
@given(TIMES.filter(bool), st.integers(1, 6))
def test_the_seal_reaches_every_partition_past_the_lookahead(events: list[tuple[int, int]], partitions: int) -> None:
    stage = Heartbeats(partitions)
    ticks = stage.step(ticks_of(sorted(events)))
    seal = stage.seal(250 * NS_PER_MS, 1000 * NS_PER_MS)
    last = int(ticks.rows["ts_recv"].max())
    assert set(seal.rows["ts_recv"].tolist()) == {last + 1_251 * NS_PER_MS}
    assert ((seal.rows["kind"] == Kind.HEARTBEAT) & (seal.rows["flags"] == Flag.CAPTURE_HEARTBEAT)).all()
    assert (seal.rows["symbol"] == -1).all()
    channels = [seal.name(code) for code in seal.rows["channel"]]
    assert {channel for channel in CHANNELS if channel in channels} == {CHANNELS[channel] for _, channel in events}
    assert {partition_of(str(channel), partitions) for channel in channels} == set(range(partitions))
    assert len(set(channels)) == len(channels)


def test_one_wrong_stamp_moves_nothing() -> None:
    day_ms = 86_400_000
    ticks = ticks_of([(0, 0), (100, 1), (day_ms, 0), (200, 1), (1_100, 0)])
    beaten = Heartbeats(1)
    assert story(beaten.step(ticks)) == ["0", "100", str(day_ms), "200", "A.1@1", "B.1@1", "1100"]
    assert beaten.seal(0, 0).rows["ts_recv"].tolist() == [1_101 * NS_PER_MS] * 2
    sent = list(frames([ticks], 1, Plan(rows=1, sealed=False)))
    assert [frame.timestamp_ms for frame in sent] == [0, 100, 100, 200, 1_000, 1_000, 1_100]
    assert max(frame.due_ns for frame in sent) == 1_100 * NS_PER_MS


@pytest.mark.parametrize("followers", [0, 1, 2, 3])
def test_a_night_is_believed_when_ticks_follow_it_or_the_batch_ends(followers: int) -> None:
    morning = 43_200_000
    times = np.array([0, 1_000, *range(morning, morning + followers + 1)]) * NS_PER_MS
    assert running(times, EARLIEST).tolist() == times.tolist()
    assert running(np.append(times, 2_000 * NS_PER_MS), EARLIEST)[2] == (times[2] if followers >= 2 else times[1])


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**13), min_size=1, max_size=30), st.integers(0, 10**13))
def test_event_time_never_falls_and_is_the_maximum_without_jumps(times: list[int], latest: int) -> None:
    event_time = running(np.array(times), latest)
    assert (np.diff(event_time) >= 0).all()
    assert event_time[0] >= latest
    near = np.array(times) % JUMP_NS
    assert running(near, 0).tolist() == np.maximum.accumulate(near).tolist()


def test_nothing_is_not_sealed() -> None:
    assert list(frames([], 4, Plan())) == []


# --- frames


@settings(deadline=None)
@given(TIMES, st.integers(1, 7), st.sampled_from([1, 20, 1000, 5000]), st.integers(1, 3))
def test_frames_keep_each_channel_in_order_and_record_times_do_not_go_back(
    events: list[tuple[int, int]], limit: int, span_ms: int, partitions: int
) -> None:
    ticks = ticks_of(sorted(events, key=lambda event: event[0]))
    plan = Plan(rows=limit, span_ns=span_ms * NS_PER_MS)
    sent = list(frames([ticks.take(slice(0, 20)), ticks.take(slice(20, None))], partitions, plan))
    received: dict[str, list[int]] = defaultdict(list)
    stamps: dict[int, list[int]] = defaultdict(list)
    for frame in sent:
        rows = frame.ticks.rows
        assert frame.channel is not None
        assert {frame.ticks.name(code) for code in rows["channel"]} == {frame.channel}
        assert len(rows) <= limit
        assert rows["ts_recv"].max() // plan.span_ns == rows["ts_recv"].min() // plan.span_ns
        assert frame.first_ns == rows["ts_recv"][0]
        assert frame.due_ns == rows["ts_recv"][-1]
        received[frame.channel] += rows["size"][is_scored(rows)].tolist()
        stamps[partition_of(frame.channel, partitions)].append(frame.timestamp_ms)
    for code, channel in enumerate(CHANNELS):
        assert received[channel] == ticks.rows["size"][ticks.rows["channel"] == code].tolist()
    for times in stamps.values():
        assert times == sorted(times)
    if events:
        # The seal is a record of its own on each partition, else its time would be that of the tick before it.
        assert all(times[-1] == max(events)[0] + 1_251 for times in stamps.values())


def test_a_late_tick_stays_where_it_arrived() -> None:
    sent = list(Framing(1000, NS_PER_SECOND).step(ticks_of([(900, 0), (100, 0), (950, 0)])))
    assert [frame.ticks.rows["size"].tolist() for frame in sent] == [[0, 1, 2]]


@settings(deadline=None)
@given(TIMES, st.integers(1, 7))
def test_json_ticks_keep_the_order_of_the_stream(events: list[tuple[int, int]], limit: int) -> None:
    ticks = ticks_of(sorted(events, key=lambda event: event[0]))
    sent = list(Framing(limit, NS_PER_SECOND, by_channel=False).step(ticks))
    assert [number for frame in sent for number in frame.ticks.rows["size"].tolist()] == list(range(len(events)))
    assert all(frame.channel is None and len(frame.ticks) <= limit for frame in sent)


def test_a_shift_moves_all_times_by_whole_milliseconds() -> None:
    ticks = ticks_of([(5, 0), (9, 0)])
    ticks.rows["ts_event"], ticks.rows["present"] = [3, 0], [Present.TS_EVENT, 0]
    moved = next(iter(shifted([ticks], 1_000 * NS_PER_MS + 17))).rows
    assert moved["ts_recv"].tolist() == [1_000 * NS_PER_MS, 1_004 * NS_PER_MS]
    assert moved["ts_event"].tolist() == [3 + 995 * NS_PER_MS, 0]
    assert ticks.rows["ts_recv"][0] == 5 * NS_PER_MS


# --- pace


@dataclass
class FakeClock:
    """A clock that moves when somebody sleeps; each sleep takes `late_ns` longer than asked."""

    now: int = START_NS
    late_ns: int = 0
    slept: list[int] = field(default_factory=list)

    def now_ns(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        asked = round(seconds * NS_PER_SECOND)
        self.slept.append(asked)
        self.now += asked + self.late_ns


@dataclass
class Recorder:
    """A sink that remembers what came when."""

    clock: FakeClock
    partitions: int = 1
    slow_ns: int = 0
    sent: list[tuple[int, Frame]] = field(default_factory=list)

    def send(self, frame: Frame) -> None:
        self.sent.append((self.clock.now, frame))
        self.clock.now += self.slow_ns

    def poll(self, timeout_s: float = 0.0) -> None:
        pass

    def ticks(self) -> list[tuple[int, Frame]]:
        return [(now, frame) for now, frame in self.sent if is_scored(frame.ticks.rows).any()]


@pytest.mark.parametrize("speed", [0.5, 1, 60])
def test_frames_go_out_when_they_are_due(speed: float) -> None:
    clock = FakeClock()
    sink = Recorder(clock)
    events = [(0, 0), (40, 0), (1_000, 0), (61_000, 0)]
    source = frames([ticks_of(events)], 1, Plan(span_ns=span_ns(speed), sealed=False))
    schedule = replay(source, sink, speed, clock)
    start = START_NS
    due = {ms: start + round(ms * NS_PER_MS / speed) for ms, _ in events}
    assert sum(len(frame.ticks) for _, frame in sink.ticks()) >= len(events)
    for now, frame in sink.ticks():
        assert now == due[int(frame.due_ns // NS_PER_MS)]
    assert schedule.max_ns == 0


def test_fillers_come_every_50_ms_and_never_pass_a_tick_to_come() -> None:
    clock = FakeClock()
    sink = Recorder(clock, partitions=2)
    replay(frames([ticks_of([(0, 0), (320, 0)])], 2, Plan(span_ns=20 * NS_PER_MS, sealed=False)), sink, 1.0, clock)
    silent = 1 - partition_of(CHANNELS[0], 2)
    for partition in (0, 1):
        fillers = [(now, frame) for now, frame in sink.sent if frame.channel == capture_channel(partition)]
        assert len(fillers) >= 6, partition
        gaps = np.diff([sink.sent[0][0], *(now for now, _ in fillers)])
        assert (gaps <= FILLER_NS + NS_PER_MS).all()
        assert all(frame.first_ns == frame.ticks.rows["ts_recv"][0] <= 320 * NS_PER_MS for _, frame in fillers)
    times = [frame.first_ns for _, frame in sink.sent if frame.channel == capture_channel(silent)]
    assert times == sorted(times)


def test_without_fillers_a_silence_is_waited_through_and_polled() -> None:
    clock = FakeClock()
    sink = Recorder(clock, partitions=2)
    source = list(frames([ticks_of([(0, 0), (320, 0)])], 2, Plan(span_ns=20 * NS_PER_MS)))
    replay(iter(source), sink, 1.0, clock, fills=False)
    assert [frame for _, frame in sink.sent] == source
    assert [now - START_NS for now, _ in sink.ticks()] == [0, 320 * NS_PER_MS]
    # Whoever has to commit what was sent is asked often enough.
    assert max(clock.slept) <= FILLER_NS


def test_the_error_of_the_schedule_is_what_the_clock_and_the_sink_cost() -> None:
    clock = FakeClock(late_ns=3 * NS_PER_MS)
    sink = Recorder(clock)
    schedule = replay(frames([ticks_of([(0, 0), (40, 0)])], 1, Plan(span_ns=NS_PER_MS, sealed=False)), sink, 1.0, clock)
    assert schedule == type(schedule)(2, schedule.p50_ns, schedule.p99_ns, 3 * NS_PER_MS)
    clock = FakeClock()
    schedule = replay(
        frames([ticks_of([(0, 0), (40, 0), (41, 0)])], 1, Plan(span_ns=NS_PER_MS, sealed=False)),
        Recorder(clock, slow_ns=10 * NS_PER_MS),
        1.0,
        clock,
    )
    assert schedule.max_ns == 9 * NS_PER_MS


def test_as_fast_as_possible_neither_sleeps_nor_fills() -> None:
    clock = FakeClock()
    sink = Recorder(clock, partitions=3)
    schedule = replay(frames([ticks_of([(0, 0), (90_000, 0)])], 3, Plan(sealed=False)), sink, None, clock)
    assert clock.slept == []
    assert schedule.frames == 0
    assert span_ns(None) == LONGEST_SPAN_NS


def test_event_time_and_wall_time_are_two_views_of_one_pace() -> None:
    pace = Pace(4.0, 1_000, 50)
    assert pace.wait_ns(1_400, 50) == 100
    assert pace.wait_ns(1_400, 170) == -20
    assert pace.event_ns(150) == 1_400


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**11), min_size=1, max_size=50))
def test_quantiles_of_errors_are_within_a_bin(errors: list[int]) -> None:
    kept = Errors()
    for error in errors:
        kept.add(error)
    summary = kept.summary()
    ordered = sorted(errors)
    median = ordered[-(-len(ordered) // 2) - 1]
    assert summary.max_ns == ordered[-1]
    assert median <= summary.p50_ns <= median * 1.03 + 1

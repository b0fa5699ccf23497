"""Merging by capture time: exact, stable, streaming."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.streams.merge import BATCH_ROWS, merge
from tickproof.ticks.schema import ROW, Ticks, concat


def batch(times: list[int], stream: int, first_row: int = 0) -> Ticks:
    """Ticks of one stream; the stream's number is the channel's name, `row` counts them."""
    rows = np.zeros(len(times), ROW)
    rows["ts_recv"] = times
    rows["row"] = np.arange(first_row, first_row + len(times))
    rows["symbol"] = -1
    rows["venue"] = 1
    return Ticks(rows, (f"S{stream}", "VENUE"))


def batches(times: list[int], stream: int, cuts: list[int]) -> Iterator[Ticks]:
    edges = [0, *sorted(cut % (len(times) + 1) for cut in cuts), len(times)]
    for first, last in itertools.pairwise(edges):
        yield batch(times[first:last], stream, first)


def arrivals(ticks: list[Ticks]) -> list[tuple[int, str | None, int]]:
    whole = concat(ticks)
    return [(int(row["ts_recv"]), whole.name(row["channel"]), int(row["row"])) for row in whole.rows]


def plainly(streams: list[list[int]]) -> list[tuple[int, str, int]]:
    """The definition: sort by running maximum, stream, arrival."""
    keyed = []
    for stream, times in enumerate(streams):
        latest = -(2**62)
        for row, time in enumerate(times):
            latest = max(latest, time)
            keyed.append((latest, stream, row, time))
    return [(time, f"S{stream}", row) for _, stream, row, time in sorted(keyed)]


@given(
    st.lists(st.lists(st.integers(0, 12), max_size=30), max_size=5),
    st.lists(st.integers(0, 40), max_size=4),
    st.booleans(),
)
@settings(deadline=None)
def test_equals_the_definition_for_any_streams_and_any_cuts(streams: list[list[int]], cuts: list[int], sort: bool) -> None:
    streams = [sorted(times) for times in streams] if sort else streams
    merged = merge([batches(times, stream, cuts) for stream, times in enumerate(streams)])
    assert arrivals(list(merged)) == plainly(streams)


@given(st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=30), max_size=5), st.integers(0, 5))
@settings(deadline=None)
def test_lower_bounds_change_nothing(streams: list[list[int]], slack: int) -> None:
    starts = [None if stream == 1 else min(times) - slack for stream, times in enumerate(streams)]
    merged = merge([batches(times, stream, [3]) for stream, times in enumerate(streams)], starts)
    assert arrivals(list(merged)) == plainly(streams)


def test_a_stream_is_not_begun_before_its_time() -> None:
    begun: list[int] = []

    def stream(number: int, times: list[int]) -> Iterator[Ticks]:
        begun.append(number)
        yield batch(times, number)

    merged = merge([stream(0, [10, 19]), stream(1, [20, 29]), stream(2, [30, 39])], [10, 20, 30])
    assert len(next(merged)) == 2
    assert begun == [0]
    assert len(list(merged)) == 2


def test_no_more_than_a_batch_of_each_stream_is_read_ahead() -> None:
    read = [0, 0]

    def stream(number: int) -> Iterator[Ticks]:
        for first in range(0, 1000, 10):
            read[number] += 1
            yield batch(list(range(first, first + 10)), number, first)

    merged = merge([stream(0), stream(1)])
    for _ in range(10):
        next(merged)
    assert max(read) - min(read) <= 1
    assert max(read) <= 11


def test_nulls_stay_null_and_large_batches_are_cut() -> None:
    size = BATCH_ROWS + 10
    whole = list(merge([[batch([0] * size, 0)], [batch([0] * 5, 1)]]))
    assert max(map(len, whole)) <= BATCH_ROWS
    ticks = concat(whole)
    assert (ticks.rows["symbol"] == -1).all()
    assert [ticks.name(code) for code in ticks.rows["channel"][[0, -1]]] == ["S0", "S1"]


def test_one_wrong_stamp_does_not_hold_a_stream_back() -> None:
    day = 86_400 * 10**9
    merged = list(merge([[batch([10, day, 12, 30, 31], 0)], [batch([11, 20, 40], 1)]]))
    assert [time for time, _, _ in arrivals(merged)] == [10, day, 11, 12, 20, 30, 31, 40]


def test_nothing_gives_nothing() -> None:
    assert list(merge([])) == []
    assert list(merge([[], [batch([], 0)]])) == []

"""How a recording's ticks came, decided over its columns: what is put right, and the innocent twins that are left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from producers.recordings.arrival import clock, order, recorders, ties, units
from producers.recordings.arrival.mending import mended
from producers.recordings.reading.statements import Fault, Statement, Statements
from tests.support.streams import Tape
from tickproof.ticks.schema import NS_PER_SECOND, Ticks, concat

DAY = 1_710_756_000 * NS_PER_SECOND


def recorded(ticks: Ticks, batch: int = 10**9) -> tuple[Ticks, list[Statement]]:
    """Mend a recording in batches; return it with what is said of it."""
    found = Statements.none()
    parts = (ticks.take(slice(first, first + batch)) for first in range(0, len(ticks), batch))
    return concat(list(mended(parts, Path("f"), found))), found.all()


def plain(count: int = 200, step: float = 0.2) -> Ticks:
    tape = Tape()
    for k in range(count):
        tape.quote(k * step)
    return tape.ticks()


def test_a_recording_in_order_is_left_as_it_is() -> None:
    ticks = plain()
    same, said = recorded(ticks)
    assert said == []
    assert np.array_equal(same.rows, ticks.rows)


def test_a_file_longer_than_a_batch_that_is_newest_first_is_turned_round_whole() -> None:
    ticks = plain()
    turned, said = recorded(ticks.take(np.arange(len(ticks))[::-1].copy()), batch=30)
    assert np.array_equal(turned.rows["sequence"], ticks.rows["sequence"])
    assert [(one.fault, one.count, one.of) for one in said] == [(Fault.ORDER, 199, 200)]


def test_a_late_packet_now_and_then_is_the_feeds() -> None:
    times = DAY + np.arange(400) * NS_PER_SECOND
    times[::10] -= 3 * NS_PER_SECOND
    assert order.broken(times) == ""


def test_two_paths_that_differ_by_microseconds_are_no_broken_order() -> None:
    times = DAY + np.arange(400) * 1_000
    times[::2] += 2_000
    assert order.broken(times) == ""


def test_times_of_a_made_up_stream_are_of_no_unit() -> None:
    assert units.captures(np.arange(100) * NS_PER_SECOND) == []


def test_each_unit_has_its_factor() -> None:
    times = DAY + np.arange(10) * NS_PER_SECOND
    for factor in units.FACTORS:
        (wrong,) = units.captures(times // factor)
        assert (wrong.factor, len(wrong.rows)) == (factor, 10)


def test_a_pause_of_the_feed_is_no_step_of_the_clock() -> None:
    tape = Tape()
    for k in range(200):
        tape.quote(k / 5 + (30 if k >= 100 else 0), channel="A.Q" if k % 2 else "B.Q", sequence=None)
    assert clock.steps(tape.ticks().rows) == []


def test_a_venue_alone_that_begins_to_lag_is_no_step_of_the_recorder() -> None:
    ticks = plain()
    ticks.rows["ts_recv"][100:] += 2 * NS_PER_SECOND
    assert clock.steps(ticks.rows) == []


def test_numbers_that_are_missing_within_a_stamp_stay_to_be_found() -> None:
    ticks = plain(40)
    ticks.rows["ts_recv"] = DAY + np.arange(40) // 4 * NS_PER_SECOND
    ticks.rows["sequence"][::4], ticks.rows["sequence"][1::4] = 4 * np.arange(10) + 2, 4 * np.arange(10) + 1
    assert list(ticks.rows["sequence"][ties.shuffled(ticks.rows)][:4]) == [1, 2, 3, 4]
    ticks.rows["sequence"][2::4] += 1
    ticks.rows["sequence"][3::4] += 1
    assert np.array_equal(ties.shuffled(ticks.rows), np.arange(40))


def test_a_block_that_was_sent_again_is_no_second_recorder() -> None:
    ticks = plain(100, step=0.01)
    again = ticks.rows.copy()
    again["ts_recv"] += 2 * NS_PER_SECOND
    assert not recorders.of_second(np.concatenate([ticks.rows, again])).any()

"""A shard's order: (event time, channel's name, arrival), whatever order the channels come in."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.streams import Tape, at, ticks_of
from tickproof.ticks.reorder_buffer import ReorderBuffer, in_order
from tickproof.ticks.schema import NS_PER_SECOND, Ticks, concat

CHANNELS = ("XNAS.A", "ARCX.A", "BATS.B")


def stamped(channel: str, moments: list[int]) -> Ticks:
    """Ticks of one channel in arrival order, numbered; event times never go back."""
    ticks = ticks_of(
        [{"ts_recv": moment, "channel": channel, "venue": "V", "symbol": "S", "sequence": k} for k, moment in enumerate(moments)]
    )
    ticks.rows["event_time"] = np.maximum.accumulate(ticks.rows["ts_recv"]) if len(moments) else []
    return ticks


def keys(ticks: Ticks) -> list[tuple[int, str, int]]:
    """(event time, channel, arrival) of each tick."""
    return [(int(row["event_time"]), ticks.names[row["channel"]], int(row["sequence"])) for row in ticks.rows]


def test_by_event_time_then_name_then_arrival() -> None:
    ticks = concat([stamped("XNAS.A", [1, 1, 2]), stamped("ARCX.A", [2, 1, 3]), stamped("BATS.B", [1])])
    assert keys(in_order(ticks)) == [
        (1, "BATS.B", 0),
        (1, "XNAS.A", 0),
        (1, "XNAS.A", 1),
        (2, "ARCX.A", 0),
        (2, "ARCX.A", 1),  # came late: its event time is the channel's
        (2, "XNAS.A", 2),
        (3, "ARCX.A", 2),
    ]


def test_channels_go_by_name_and_not_by_code() -> None:
    ticks = concat([stamped("Z", [1]), stamped("A", [1]), stamped("a", [1]), stamped("É", [1])])
    assert [name for _, name, _ in keys(in_order(ticks))] == ["A", "Z", "a", "É"]


@pytest.mark.parametrize("ticks", [concat([]), stamped("A", [])])
def test_nothing_in_order_is_nothing(ticks: Ticks) -> None:
    assert len(in_order(ticks)) == 0


def test_a_release_takes_what_lies_below_its_bound() -> None:
    """
    before 2: [1 1] go, [2 3] stay
    """
    buffer = ReorderBuffer()
    buffer.add(stamped("A", [1, 1, 2, 3]))
    assert buffer.first_ns() == 1
    assert [time for time, _, _ in keys(buffer.release(2))] == [1, 1]
    assert len(buffer) == 2
    assert buffer.first_ns() == 2
    assert len(buffer.release(2)) == 0
    assert [time for time, _, _ in keys(buffer.release(4))] == [2, 3]
    assert (len(buffer), buffer.first_ns()) == (0, None)
    assert len(buffer.release(5)) == 0


MOMENTS = st.lists(st.integers(0, 6), max_size=12)


@settings(deadline=None)
@given(st.tuples(MOMENTS, MOMENTS, MOMENTS), st.randoms(use_true_random=False), st.lists(st.integers(0, 8), max_size=4))
def test_any_interleaving_of_channels_gives_the_same_order(
    moments: tuple[list[int], ...],
    random: Random,
    bounds: list[int],
) -> None:
    """Frames of single ticks, channels interleaved at will but each in its arrival order, released in between."""
    parts = {name: stamped(name, sorted(times)) for name, times in zip(CHANNELS, moments, strict=True)}
    expected = sorted(key for part in parts.values() for key in keys(part))

    turns = [name for name, part in parts.items() for _ in range(len(part))]
    random.shuffle(turns)
    at_row = dict.fromkeys(parts, 0)
    buffer, out = ReorderBuffer(), []
    for name in turns:
        buffer.add(parts[name].take(slice(at_row[name], at_row[name] + 1)))
        at_row[name] += 1
    for bound in [*sorted(bounds), 100]:
        released = keys(buffer.release(bound))
        assert all(time < bound for time, _, _ in released)
        out += released
    assert out == expected


def test_ticks_of_one_moment_keep_their_arrival_over_many_frames() -> None:
    tape = Tape()
    for _ in range(50):
        tape.quote(1)
    ticks = tape.ticks()
    ticks.rows["event_time"] = at(1)
    buffer = ReorderBuffer()
    for row in range(50):
        buffer.add(ticks.take(slice(row, row + 1)))
    assert buffer.release(at(1) + NS_PER_SECOND).rows["sequence"].tolist() == list(range(1, 51))

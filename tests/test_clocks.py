"""The venue's clock against ours: wrong stamps, offsets, drifts. Time lines are in seconds after `START_NS`."""

from __future__ import annotations

import pytest
from streams import Tape, at, check

from tickproof.tick import NS_PER_SECOND

HOUR = 3600.0
TOP = 2**64 - 1


@pytest.mark.parametrize(
    ("ahead_ns", "implausible"),
    [
        # ts_event − ts_recv:  −1 h − 1 ns | −1 h ........ 0 ........ +1 s | +1 s + 1 ns
        (-3600 * NS_PER_SECOND - 1, True),
        (-3600 * NS_PER_SECOND, False),
        (0, False),
        (NS_PER_SECOND, False),
        (NS_PER_SECOND + 1, True),
    ],
)
def test_the_bounds_of_a_plausible_venue_time_are_inclusive(ahead_ns: int, implausible: bool) -> None:
    tape = Tape()
    tape.quote(0)
    tape.quote(1, ts_event=at(1) + ahead_ns)
    assert check(tape.ticks()).rows_with("time_implausible") == ([1] if implausible else [])


@pytest.mark.parametrize("ts_event", [-1, -(2**63), 2**63 - 1, 0])
def test_venue_times_at_the_ends_of_the_integers(ts_event: int) -> None:
    tape = Tape()
    tape.quote(0)
    tape.quote(1, ts_event=ts_event)
    assert check(tape.ticks()).rows_with("time_implausible") == [1]


def test_a_null_venue_time_is_not_judged() -> None:
    tape = Tape(latency_ns=None)
    tape.quote(0)
    assert check(tape.ticks()).rows_with("time_implausible") == []


def test_the_venue_time_never_moves_event_time() -> None:
    tape = Tape()
    tape.quote(0, ts_event=at(0.9))
    assert check(tape.ticks()).ticks.rows["event_time"][0] == at(0)

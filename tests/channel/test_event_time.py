"""A channel's event time and order. Time lines are in seconds after `START_NS`."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.streams import START_NS, Tape, at, check
from tickproof.findings.finding import Class, Severity
from tickproof.ticks.schema import NS_PER_SECOND, Flag, Kind

HOUR = 3600.0
TOP = 2**64 - 1


def test_event_time_is_the_running_maximum() -> None:
    tape = Tape()
    moments = (0.0, 0.5, 0.3, 0.4, 0.6)
    for moment in moments:
        tape.quote(moment)
    checked = check(tape.ticks())
    assert ((checked.ticks.rows["event_time"] - START_NS) / NS_PER_SECOND).tolist() == [0.0, 0.5, 0.5, 0.5, 0.6]
    assert checked.rows_with("out_of_order") == [2]


def test_out_of_order_is_against_the_message_before() -> None:
    tape = Tape()
    for moment in (0.0, 0.5, 0.3, 0.3, 0.6):
        tape.quote(moment)
    checked = check(tape.ticks())
    assert checked.rows_with("out_of_order") == [2]  # 0.3 after 0.3 does not go back again
    (order,) = checked.of("out_of_order")
    assert (order.severity, order.measured, order.first_ts) == (Severity.WARNING, 0.2e9, at(0.3))


@pytest.mark.parametrize(("lag_ns", "late"), [(0, False), (NS_PER_SECOND, False), (NS_PER_SECOND + 1, True)])
def test_late_is_more_than_the_allowed_disorder_behind(lag_ns: int, late: bool) -> None:
    tape = Tape()
    tape.quote(0)
    tape.quote(10)
    tape.write(Kind.QUOTE, 10, ts_recv=at(10) - lag_ns, ts_event=at(8))
    checked = check(tape.ticks(), out_of_orderness_ns=NS_PER_SECOND)
    assert checked.rows_with("late_tick") == ([2] if late else [])
    if late:
        (finding,) = checked.of("late_tick")
        assert (finding.class_, finding.measured, finding.threshold) == (Class.INFORMATION, float(lag_ns), 1e9)


def test_ordinals_complete_the_position() -> None:
    tape = Tape()
    for moment in (0.0, 0.0, 0.1, 0.1, 0.1, 0.05, 0.05, 0.2):
        tape.quote(moment)
    rows = check(tape.ticks()).ticks.rows
    assert rows["ordinal"][[0, 1, 2, 3, 4, 7]].tolist() == [0, 1, 0, 1, 2, 0]
    assert len(np.unique(rows[["ts_recv", "ordinal"]])) == len(rows)


def test_capture_heartbeats_take_no_ordinal() -> None:
    """Live and in a replay they stand at other places; positions must not."""
    tape, bare = Tape(), Tape()
    for moment in (0.0, 0.0, 1.0, 1.0):
        tape.capture_heartbeat(moment)
        tape.quote(moment)
        bare.quote(moment)
    rows = check(tape.ticks()).ticks.rows
    expected = check(bare.ticks()).ticks.rows
    assert rows["ordinal"][rows["kind"] == Kind.QUOTE].tolist() == expected["ordinal"].tolist() == [0, 1, 0, 1]


def test_an_implausible_jump_is_kept_out_and_leaves_no_trace() -> None:
    """
    ts_recv      0.0  0.1  2 h  0.3  0.4
    event time   0.0  0.1  0.1  0.3  0.4
    """
    tape = Tape()
    for moment in (0.0, 0.1, 2 * HOUR, 0.3, 0.4):
        tape.quote(moment, ts_event=at(min(moment, 1.0)))
    checked = check(tape.ticks())
    assert checked.ticks.rows["event_time"].tolist() == [at(s) for s in (0.0, 0.1, 0.1, 0.3, 0.4)]
    assert checked.rows_with("out_of_order") == []
    assert checked.rows_with("time_implausible") == [2]  # its own clock says so


def test_a_jump_is_believed_when_three_in_a_row_say_so() -> None:
    """
    ts_recv      0.0  2 h  2 h + 1  2 h + 2  2 h + 3
    event time   0.0  0.0  0.0      2 h + 2  2 h + 3
    """
    tape = Tape()
    for moment in (0.0, *(2 * HOUR + k for k in range(4))):
        tape.quote(moment)
    assert check(tape.ticks()).ticks.rows["event_time"].tolist() == [at(s) for s in (0, 0, 0, 2 * HOUR + 2, 2 * HOUR + 3)]


def test_jumps_with_an_ordinary_tick_between_do_not_add_up() -> None:
    tape = Tape()
    for k in range(6):
        tape.quote(2 * HOUR if k % 2 else k * 0.1)
    assert check(tape.ticks()).state.arrays.header["arrival"]["event_time"][0] == at(0.4)


@pytest.mark.parametrize(("ahead", "kept_out"), [(HOUR, False), (HOUR + 1e-6, True)])
def test_a_jump_of_an_hour_is_still_plausible(ahead: float, kept_out: bool) -> None:
    tape = Tape()
    tape.quote(0)
    tape.quote(ahead)
    assert check(tape.ticks()).state.arrays.header["arrival"]["event_time"][0] == at(0 if kept_out else ahead)


def test_capture_heartbeats_move_event_time() -> None:
    tape = Tape()
    tape.quote(0)
    tape.capture_heartbeat(5)
    checked = check(tape.ticks())
    assert checked.state.arrays.header["arrival"]["event_time"][0] == at(5)
    assert checked.ticks.rows["event_time"].tolist() == [at(0), at(5)]


@pytest.mark.parametrize("ts_event", [None, 0])
def test_a_first_stamp_far_ahead_does_not_hold_the_channel_for_long(ts_event: float | None) -> None:
    """
    ts_recv     10 d   0.1   0.2   0.3   0.4
    event time  10 d   10 d  0.2   0.3   0.4       one said so, two say otherwise
    with the venue's time (of which the first is more than 26 h ahead): 0.0  0.1  0.2 …
    """
    tape = Tape(latency_ns=None)
    days = 10 * 24 * HOUR
    for moment in (days, 0.1, 0.2, 0.3, 0.4):
        sent = None if ts_event is None else at(0.0 if moment == days else moment)
        tape.quote(moment, ts_event=sent)
    checked = check(tape.ticks())
    expected = (days, days, 0.2, 0.3, 0.4) if ts_event is None else (0.0, 0.1, 0.2, 0.3, 0.4)
    assert checked.ticks.rows["event_time"].tolist() == [at(moment) for moment in expected]
    for moment in (0.5, 0.6):
        tape.quote(moment)
    late = check(tape.ticks()).of("late_tick")
    assert [finding.state for finding in late] == (["closed"] if ts_event is None else [])


def test_a_first_stamp_in_another_zone_is_believed() -> None:
    tape = Tape()
    for k in range(5):
        tape.quote(k * 0.1, ts_event=at(k * 0.1 - 5 * HOUR))
    assert check(tape.ticks()).ticks.rows["event_time"].tolist() == [at(k * 0.1) for k in range(5)]


def test_a_run_of_wrong_stamps_is_taken_back_when_more_say_otherwise() -> None:
    """
    ts_recv      0.0  0.1  2 h  2 h  2 h  2 h  0.2  0.3  0.4  0.5
    event time   0.0  0.1  0.1  0.1  2 h  2 h  2 h  2 h  0.4  0.5
    """
    tape = Tape()
    moments = (0.0, 0.1, *(2 * HOUR + k * 0.01 for k in range(4)), 0.2, 0.3, 0.4, 0.5)
    for moment in moments:
        tape.quote(moment)
    times = check(tape.ticks()).ticks.rows["event_time"].tolist()
    assert times[:4] == [at(0), at(0.1), at(0.1), at(0.1)]
    assert times[4:8] == [at(2 * HOUR + 0.02), *[at(2 * HOUR + 0.03)] * 3]
    assert times[8:] == [at(0.4), at(0.5)]


def test_old_messages_do_not_take_event_time_back() -> None:
    """A block of known numbers with its old capture times, from more than an hour before."""
    tape = Tape()
    for k in range(40):
        tape.quote(k * 0.1)
    for k in range(200):
        tape.quote(2 * HOUR + k * 0.1)
    tape.messages += [dict(message) for message in tape.messages[:40]]
    for k in range(80):
        tape.quote(2 * HOUR + 20 + k * 0.1)
    checked = check(tape.ticks())
    assert checked.state.arrays.header["arrival"]["event_time"][0] == at(2 * HOUR + 27.9)
    (block,) = checked.of("replayed_block")
    assert (block.count, block.severity) == (40, Severity.CRITICAL)
    assert checked.of("out_of_order") == []


def test_a_stamp_that_its_source_calls_wrong_does_not_move_event_time() -> None:
    tape = Tape()
    tape.quote(0.0)
    tape.quote(60.0, flags=int(Flag.BAD_TS_RECV), ts_event=at(0.1))
    tape.quote(0.2)
    assert check(tape.ticks()).ticks.rows["event_time"].tolist() == [at(0), at(0), at(0.2)]

"""One channel's integrity: sequence, copies, order, clocks, latency, silence. Time lines are in seconds after `START_NS`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import CHANNEL, MS, START_NS, Checked, Tape, at, check, last_revisions, pieces, units

from tickproof import channel as channels
from tickproof import channel_kernel as kernel
from tickproof.channel import ChannelSettings, ChannelState, pack, unpack
from tickproof.errors import WireError
from tickproof.finding import Class, Severity, encode
from tickproof.tick import NS_PER_SECOND, Flag, Kind, Ticks, concat

HOUR = 3600.0
TOP = 2**64 - 1


def codes(checked: Checked) -> list[str]:
    return sorted(finding.code for finding in last_revisions(checked.findings).values())


def numbers(*sequence: int | None, **columns: Any) -> Tape:
    """Quotes 10 ms apart with these sequence numbers; equal numbers have equal content."""
    tape = Tape(sequence=None)
    for row, number in enumerate(sequence):
        price = 100.0 + (number or 0) % 7
        tape.quote(row * 0.01, price - 0.01, price + 0.01, sequence=number, ts_event=at(0), **columns)
    return tape


# --- sequence ---------------------------------------------------------------------------------------------------------------


def test_numbers_one_after_the_other_are_nothing() -> None:
    assert check(numbers(5, 6, 7, 8).ticks()).findings == []


def test_a_gap_says_how_many_are_missing_and_which_was_expected() -> None:
    checked = check(numbers(5, 6, 10, 11).ticks())
    (gap,) = checked.findings
    assert (gap.code, gap.class_, gap.severity) == ("sequence_gap", Class.FEED_ANOMALY, Severity.CRITICAL)
    assert (gap.measured, gap.reference, gap.unit) == (3.0, 7.0, "messages")
    assert (gap.channel, gap.venue, gap.symbol, gap.feed) == (CHANNEL, None, None, "XNAS")
    assert gap.first_ts == gap.detected_at == at(0.02)
    assert checked.rows_with("sequence_gap") == [2]


def test_a_heartbeat_carries_the_next_number_and_consumes_none() -> None:
    tape = Tape()
    tape.quote(0)
    tape.heartbeat(1)
    tape.heartbeat(2)
    tape.quote(3)
    assert [message["sequence"] for message in tape.messages] == [1, 2, 2, 2]
    assert check(tape.ticks()).findings == []


def test_a_heartbeat_reveals_a_gap_before_the_next_message() -> None:
    tape = Tape()
    tape.quote(0)  # 1
    tape.sequence = 5
    tape.heartbeat(1)  # 2, 3, 4 never came
    tape.quote(2)  # 5
    (gap,) = check(tape.ticks()).findings
    assert (gap.code, gap.measured, gap.detected_at) == ("sequence_gap", 3.0, at(1))


def test_a_heartbeat_that_was_overtaken_is_nothing() -> None:
    tape = Tape()
    for row in range(4):
        tape.quote(row * 0.01)
    tape.heartbeat(0.05, sequence=3)
    tape.quote(0.06)
    assert check(tape.ticks()).findings == []


@pytest.mark.parametrize("kind", [Kind.STATUS, Kind.TRADE_CANCEL])
def test_other_kinds_consume_a_number(kind: Kind) -> None:
    tape = Tape()
    tape.quote(0)
    tape.write(kind, 1)
    tape.quote(2)
    assert check(tape.ticks()).findings == []


@pytest.mark.parametrize(("first", "restart"), [(10_000, 1), (10_000, 0), (500, 1), (100, 1)])
def test_an_unannounced_reset(first: int, restart: int) -> None:
    tape = numbers(*range(first, first + 5), *range(restart, restart + 5))
    checked = check(tape.ticks())
    (reset,) = last_revisions(checked.findings).values()
    assert (reset.code, reset.severity, reset.count, reset.measured) == ("sequence_reset", Severity.WARNING, 1, float(restart))
    assert checked.rows_with("sequence_reset") == [5]


def test_a_reset_of_a_counter_that_was_seen_from_its_start() -> None:
    tape = numbers(1, 2, 3)
    for row, number in enumerate((1, 2, 3)):
        tape.quote(1 + row * 0.01, 50, 51, sequence=number, ts_event=at(1))
    checked = check(tape.ticks())
    assert codes(checked) == ["sequence_reset"]
    assert checked.rows_with("sequence_reset") == [3]


def test_an_announced_reset_is_information() -> None:
    tape = Tape(sequence=700)
    tape.quote(0)
    tape.session(1, 1)
    tape.quote(2)
    assert tape.messages[-1]["sequence"] == 2
    (reset,) = check(tape.ticks()).findings
    assert (reset.code, reset.severity) == ("sequence_reset", Severity.INFO)


def test_a_session_start_in_order_is_nothing() -> None:
    tape = Tape(sequence=7)
    tape.quote(0)
    tape.session(1, 8)
    tape.quote(2)
    assert check(tape.ticks()).findings == []


def test_nothing_of_before_a_reset_is_a_copy_after_it() -> None:
    tape = Tape(sequence=1)
    for row in range(10):
        tape.quote(row * 0.01, ts_event=at(0))
    tape.session(1, 0)
    for row in range(10):
        tape.quote(2 + row * 0.01, ts_event=at(0))
    assert codes(check(tape.ticks())) == ["sequence_reset"]


def test_the_same_number_again() -> None:
    checked = check(numbers(5, 6, 6, 7).ticks())
    (copy,) = checked.findings
    assert (copy.code, copy.severity, copy.measured) == ("duplicate", Severity.WARNING, 6.0)
    assert checked.rows_with("duplicate") == [2]
    assert checked.state.header["duplicates"][0] == 1


def test_the_capture_time_and_flags_of_a_copy_may_differ() -> None:
    tape = numbers(5, 6, 7)
    tape.messages[2] |= {"sequence": 6, "bid_px": tape.messages[1]["bid_px"], "ask_px": tape.messages[1]["ask_px"]}
    tape.messages[2]["flags"] = int(Flag.VENDOR_SUSPICIOUS)
    assert codes(check(tape.ticks())) == ["duplicate"]


@pytest.mark.parametrize(
    "changed",
    [{"ts_event": at(-1)}, {"bid_px": units(90)}, {"ask_sz": None}, {"conditions": 1}, {"symbol": "DEF"}, {"venue": "X"}],
)
def test_the_same_number_with_other_content(changed: dict[str, Any]) -> None:
    tape = numbers(5, 6, 6, 7)
    tape.messages[2] |= changed
    checked = check(tape.ticks())
    (copy,) = checked.findings
    assert (copy.code, copy.severity) == ("duplicate_changed", Severity.CRITICAL)
    assert checked.rows_with("duplicate_changed") == [2]


def test_a_missing_number_that_comes_after_all_fills_its_place() -> None:
    checked = check(numbers(5, 6, 9, 7, 8, 10).ticks())
    assert codes(checked) == ["out_of_order", "sequence_gap"]
    assert checked.rows_with("out_of_order") == [3, 4]
    again = check(numbers(5, 6, 9, 7, 7, 10).ticks())
    assert again.rows_with("duplicate") == [4]


def test_a_number_and_a_time_that_go_back_together_are_one_message() -> None:
    tape = Tape(sequence=None)
    for seconds, number in ((0.0, 5), (0.1, 6), (0.3, 8), (0.2, 7), (0.4, 9)):
        tape.quote(seconds, sequence=number)
    (order,) = check(tape.ticks()).of("out_of_order")
    assert (order.count, order.measured, order.unit) == (1, 0.1e9, "ns")


def test_numbers_up_to_the_end_of_64_bits_and_round() -> None:
    assert check(numbers(TOP - 2, TOP - 1, TOP, 0, 1, 2).ticks()).findings == []
    (gap,) = check(numbers(TOP - 1, TOP, 2).ticks()).findings
    assert (gap.code, gap.measured) == ("sequence_gap", 2.0)


@pytest.mark.parametrize(
    ("bit", "found"), [(40, ["sequence_gap", "sequence_reset"]), (62, ["sequence_gap", "sequence_reset"]), (63, ["sequence_gap"])]
)
def test_a_flipped_bit_of_a_number_is_a_gap_and_back(bit: int, found: list[str]) -> None:
    """Half of the numbers lie ahead and half behind: the top bit goes just as far either way."""
    checked = check(numbers(5, 6, 7 ^ (1 << bit), 8, 9, 10).ticks())
    assert codes(checked) == found
    (gap,) = checked.of("sequence_gap")
    assert gap.measured is not None
    assert gap.measured > 0
    assert checked.state.header["lost"][0] > 0


def test_many_lost_numbers_are_counted_without_wrapping() -> None:
    far = 2**62
    checked = check(numbers(1, far, 2 * far, 3 * far, 7).ticks())
    assert checked.state.header["gaps"][0] >= 3
    assert checked.state.header["lost"][0] > 0


@pytest.mark.parametrize(
    ("mode", "sequence", "expected"),
    [
        ("contiguous", (1, 2, 5, 6), ["sequence_gap"]),
        ("increasing", (1, 2, 5, 6), []),
        ("shared", (1, 2, 5, 6), ["sequence_gap"]),
        ("none", (1, 2, 5, 6), []),
        ("contiguous", (1, 2, 2, 3), ["duplicate"]),
        ("increasing", (1, 2, 2, 3), ["duplicate"]),
        ("shared", (1, 2, 2, 2, 3), []),
        ("none", (1, 2, 2, 3), []),
        ("increasing", (10, 20, 15, 30), ["out_of_order"]),
        ("shared", (1, 2, 3, 2, 4), ["duplicate"]),
        ("none", (10_000, 1, 5), []),
        ("increasing", (10_000, 1, 5), ["sequence_reset"]),
    ],
)
def test_what_a_channel_counts(mode: str, sequence: tuple[int, ...], expected: list[str]) -> None:
    assert codes(check(numbers(*sequence).ticks(), sequence=mode)) == expected


def test_messages_without_a_number_do_not_break_a_count() -> None:
    assert check(numbers(5, None, 6, None, 7).ticks()).findings == []


# --- ids --------------------------------------------------------------------------------------------------------------------


def test_trade_ids_serve_where_there_is_no_number() -> None:
    tape = Tape(sequence=None)
    tape.trade(0.0, trade_id=7, ts_event=at(0))
    tape.trade(0.1, trade_id=8, ts_event=at(0))
    tape.trade(0.2, trade_id=7, ts_event=at(0))  # a copy
    tape.trade(0.3, price=101, trade_id=8, ts_event=at(0))  # changed
    checked = check(tape.ticks())
    assert checked.rows_with("duplicate") == [2]
    assert checked.rows_with("duplicate_changed") == [3]


@pytest.mark.parametrize("other", [{"symbol": "DEF"}, {"venue": "ARCX"}, {"trade_id": None}])
def test_an_id_is_of_one_venue_and_symbol(other: dict[str, Any]) -> None:
    tape = Tape(sequence=None)
    tape.trade(0.0, trade_id=7)
    tape.write(Kind.TRADE, 0.1, price=units(50), size=units(1), **({"trade_id": 7} | other))
    assert check(tape.ticks()).findings == []


def test_equal_trades_without_number_and_id_are_no_copies() -> None:
    tape = Tape(sequence=None, latency_ns=None)
    for _ in range(3):
        tape.trade(0.0)
    assert check(tape.ticks()).findings == []


# --- order and event time ---------------------------------------------------------------------------------------------------


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
    assert check(tape.ticks()).state.header["event_time"][0] == at(0.4)


@pytest.mark.parametrize(("ahead", "kept_out"), [(HOUR, False), (HOUR + 1e-6, True)])
def test_a_jump_of_an_hour_is_still_plausible(ahead: float, kept_out: bool) -> None:
    tape = Tape()
    tape.quote(0)
    tape.quote(ahead)
    assert check(tape.ticks()).state.header["event_time"][0] == at(0 if kept_out else ahead)


def test_capture_heartbeats_move_event_time() -> None:
    tape = Tape()
    tape.quote(0)
    tape.capture_heartbeat(5)
    checked = check(tape.ticks())
    assert checked.state.header["event_time"][0] == at(5)
    assert checked.ticks.rows["event_time"].tolist() == [at(0), at(5)]


# --- the venue's clock ------------------------------------------------------------------------------------------------------


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


# --- latency ----------------------------------------------------------------------------------------------------------------

WARM = kernel.LATENCY_WARMUP


def latencies(*late_ms: float, usual: int = WARM) -> Tape:
    """Quotes 10 ms apart: `usual` of 1 ms latency, then of these."""
    tape = Tape()
    for row, latency in enumerate((*(1.0 for _ in range(usual)), *late_ms)):
        tape.quote(row * 0.01, ts_event=at(row * 0.01) - round(latency * 1e6))
    return tape


def test_a_latency_spike_needs_three_in_a_row() -> None:
    """The threshold is max(8 × 1 ms, 1 ms + 50 ms) = 51 ms."""
    assert check(latencies(60, 60, 1, 60, 60).ticks()).findings == []
    checked = check(latencies(60, 60, 60, 60, 1).ticks())
    assert checked.rows_with("latency_spike") == [WARM + 2, WARM + 3]
    (spike,) = checked.of("latency_spike")
    assert spike.measured == 60e6
    assert spike.threshold == pytest.approx(51e6, rel=0.05)
    assert spike.reference == pytest.approx(1e6, rel=0.05)
    assert (spike.first_ts, spike.detected_at) == (at(WARM * 0.01), at((WARM + 2) * 0.01))


def test_a_latency_below_the_threshold_is_usual() -> None:
    assert check(latencies(*[50.0] * 5).ticks()).findings == []


def test_no_latency_spike_while_warming_up() -> None:
    assert check(latencies(60, 60, 60, usual=WARM - 3).ticks()).findings == []
    assert len(check(latencies(60, 60, 60, usual=WARM).ticks()).findings) == 1


def test_spikes_are_not_learnt() -> None:
    checked = check(latencies(*[60.0] * 500, *[1.0] * 5, 60, 60, 60).ticks())
    spikes = checked.of("latency_spike")
    assert [spike.count for spike in spikes] == [498 + 1]
    assert spikes[0].reference == pytest.approx(1e6, rel=0.05)


def test_a_latency_that_stays_is_accepted_after_a_minute() -> None:
    """
    0 s ........... 2 s ............................ 62 s ............. 75 s
    1 ms            2 000 ms, flagged                 learnt anew        nothing
    """
    tape = latencies()
    for row in range(1500):
        tape.quote(2 + row * 0.05, ts_event=at(2 + row * 0.05) - 2_000_000_000)
    flagged = check(tape.ticks()).rows_with("latency_spike")
    assert flagged[0] == WARM + 2
    seconds = [2 + (row - WARM) * 0.05 for row in flagged]
    assert max(seconds) == pytest.approx(62, abs=0.1)
    assert len(flagged) == flagged[-1] - flagged[0] + 1


def test_after_a_new_usual_latency_a_spike_needs_three_again() -> None:
    tape = latencies()
    usual = WARM + 1201 + WARM + 1  # late for a minute, accepted, warm again
    for row in range(usual - WARM):
        tape.quote(2 + row * 0.05, ts_event=at(2 + row * 0.05) - 2_000_000_000)
    accepted = len(tape)
    for row in range(2):
        tape.quote(80 + row * 0.05, ts_event=at(80 + row * 0.05) - 100_000_000_000)
    assert max(check(tape.ticks()).rows_with("latency_spike")) < accepted


def test_copies_and_implausible_times_are_no_latency() -> None:
    tape = latencies(1.0)
    for row in range(5):  # the last message again and again, ever later
        tape.messages.append(tape.messages[WARM] | {"ts_recv": at(3.0 + row * 0.1)})
    assert codes(check(tape.ticks())) == ["duplicate"]


# --- silence ----------------------------------------------------------------------------------------------------------------


def lively(count: int = kernel.SILENCE_WARMUP, step: float = 0.1) -> Tape:
    """Quotes at 0, step, 2 step …"""
    tape = Tape()
    for row in range(count):
        tape.quote(row * step)
    return tape


def test_a_silence_opens_at_last_plus_threshold_and_closes_with_the_next_tick() -> None:
    """
    … 4.8  4.9 ............ 7.9 ............... 12.0
           last             last + 3 s: opens   closes
    """
    tape = lively()
    for second in range(5, 12):
        tape.capture_heartbeat(second)
    tape.quote(12)
    opened, closed = check(tape.ticks()).findings
    assert (opened.code, opened.class_, opened.severity, opened.state) == (
        "silent",
        Class.FEED_ANOMALY,
        Severity.CRITICAL,
        "open",
    )
    assert (opened.first_ts, opened.detected_at) == (at(4.9), at(7.9))
    assert (opened.symbol, opened.venue, opened.channel) == (None, None, CHANNEL)
    assert opened.threshold == 3e9
    assert closed.id == opened.id
    assert (closed.state, closed.last_ts, closed.measured) == ("closed", at(12), 12e9 - 4.9e9)
    assert (closed.class_, closed.detected_at, closed.count) == (opened.class_, opened.detected_at, 1)


@pytest.mark.parametrize(("heartbeat_ns", "opens"), [(3 * NS_PER_SECOND - 1, False), (3 * NS_PER_SECOND, True)])
def test_a_silence_opens_to_the_nanosecond(heartbeat_ns: int, opens: bool) -> None:
    tape = lively()
    tape.capture_heartbeat(0, ts_recv=at(4.9) + heartbeat_ns)
    assert codes(check(tape.ticks())) == (["silent"] if opens else [])


def test_the_end_of_input_opens_nothing() -> None:
    assert check(lively().ticks()).findings == []


def test_a_silence_is_the_same_without_heartbeats_between() -> None:
    tape = lively()
    tape.quote(12)
    opened, _ = check(tape.ticks()).findings
    assert (opened.first_ts, opened.detected_at) == (at(4.9), at(7.9))


def test_capture_heartbeats_are_no_sign_of_life_and_venue_heartbeats_are() -> None:
    ours, theirs = lively(), lively()
    for second in range(5, 20):
        ours.capture_heartbeat(second)
        theirs.heartbeat(second)
    assert codes(check(ours.ticks())) == ["silent"]
    assert check(theirs.ticks()).findings == []


def test_no_silence_of_a_channel_that_never_spoke_much() -> None:
    tape = lively(kernel.SILENCE_WARMUP - 1)
    tape.capture_heartbeat(60)
    assert check(tape.ticks()).findings == []


def test_a_channel_that_pauses_by_habit_has_a_longer_threshold() -> None:
    """Pauses of 2 s: the threshold is about 4 × 2 s, not the floor of 3 s."""
    tape = lively(80, step=2.0)
    tape.capture_heartbeat(158 + 7.0)
    assert check(tape.ticks()).findings == []
    tape.capture_heartbeat(158 + 8.1)
    (opened,) = check(tape.ticks()).findings
    assert opened.threshold == pytest.approx(8e9, rel=0.01)
    assert opened.detected_at == at(158) + int(opened.threshold or 0)


def test_a_silence_does_not_raise_the_threshold_without_bound() -> None:
    tape = lively()
    tape.quote(600)
    for row in range(50):
        tape.quote(600 + row * 0.1)
    tape.capture_heartbeat(604.9 + 12.5)  # the long silence counted as its threshold of 3 s: 4 × 3 s
    assert [finding.first_ts for finding in check(tape.ticks()).of("silent")] == [at(4.9), at(604.9)]


# --- a row a second ---------------------------------------------------------------------------------------------------------


def test_a_second_is_open_at_its_start_and_closed_at_its_end() -> None:
    """
    (0, 1]: 0.1  1.0        (1, 2]: 1.000000001  2.0        (2, 3]: not over
    """
    tape = Tape()
    for moment in (0.1, 1.0, 1.0 + 1e-9, 2.0, 2.5):
        tape.quote(moment)
    tape.trade(2.6)
    tape.capture_heartbeat(3.5)
    seconds = check(tape.ticks()).seconds
    assert seconds["ts"].tolist() == [at(1), at(2), at(3)]
    assert seconds["ticks"].tolist() == [2, 2, 2]
    assert seconds["quotes"].tolist() == [2, 2, 1]
    assert seconds["trades"].tolist() == [0, 0, 1]
    assert seconds["age"].tolist() == [0, 0, at(3) - at(2.6)]


def test_a_second_counts_what_is_lost_and_copied() -> None:
    tape = numbers(1, 2, 6, 6, 9)  # 0 … 0.04 s
    tape.capture_heartbeat(1.5)
    (first, second) = check(tape.ticks()).seconds  # (−1, 0] holds the very first tick
    assert (first["ts"], first["ticks"]) == (at(0), 1)
    assert (second["gaps"], second["lost"], second["duplicates"]) == (2, 3 + 2, 1)


def test_latencies_of_a_second_are_quantiles_to_an_eighth_of_an_octave() -> None:
    rng = np.random.default_rng(1)
    values = np.exp(rng.normal(np.log(300e3), 0.8, 900)).astype(np.int64)
    tape = Tape()
    for row, value in enumerate(values.tolist()):
        tape.quote(0.001 + row * 0.001, ts_event=at(0.001 + row * 0.001) - value)
    tape.capture_heartbeat(1.5)
    (second,) = check(tape.ticks()).seconds
    for column, share in (("latency_p50", 0.5), ("latency_p99", 0.99), ("latency_p999", 0.999)):
        exact = float(np.quantile(values, share, method="inverted_cdf"))
        assert exact <= second[column] <= exact * 2 ** (1 / 8) * (1 + 1e-9)


def test_latencies_are_null_without_venue_times() -> None:
    tape = Tape(latency_ns=None)
    tape.quote(0.5)
    tape.capture_heartbeat(1.5)
    (second,) = check(tape.ticks()).seconds
    assert np.isnan([second["latency_p50"], second["latency_p99"], second["latency_p999"]]).all()


# --- state ------------------------------------------------------------------------------------------------------------------

EVENTS = st.tuples(
    st.sampled_from(
        ["quote", "quote", "quote", "trade", "heartbeat", "capture", "session", "gap", "copy", "old", "jump", "late"]
    ),
    st.sampled_from([0.0, 0.01, 0.3, 1.0, 4.0]),
)


def written(events: list[tuple[str, float]], start: int = 1) -> Ticks:
    """A stream by what happens, each so long after the one before."""
    tape = lively(60)
    tape.sequence = (start + 60) % 2**64
    for row, message in enumerate(tape.messages):
        message["sequence"] = (start + row) % 2**64
    now = 6.0
    for what, pause in events:
        now += pause
        if what == "quote":
            tape.quote(now, 99 + now % 3, 103)
        elif what == "trade":
            tape.trade(now, trade_id=round(now * 10) % 5)
        elif what == "heartbeat":
            tape.heartbeat(now)
        elif what == "capture":
            tape.capture_heartbeat(now)
        elif what == "session":
            tape.session(now, 1)
        elif what == "gap":
            tape.sequence = (tape.sequence + 3) % 2**64
            tape.trade(now)
        elif what == "copy":
            tape.messages.append(tape.messages[-1] | {"ts_recv": at(now)})
        elif what == "old":
            tape.quote(now - 0.5, sequence=(tape.sequence - 2) % 2**64)
        elif what == "jump":
            tape.quote(now + 2 * HOUR)
        else:
            tape.quote(now, ts_event=at(now) - 20 * NS_PER_SECOND)
        tape.sequence = (tape.sequence or 0) % 2**64
    return tape.ticks()


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS, max_size=40), st.lists(st.integers(0, 100), max_size=6), st.sampled_from([1, 5000, TOP - 70]))
def test_cutting_does_not_matter(events: list[tuple[str, float]], cuts: list[int], start: int) -> None:
    ticks = written(events, start)
    whole, parts = check(ticks), check(ticks, cuts)
    assert whole.ticks.rows.tobytes() == parts.ticks.rows.tobytes()
    assert whole.seconds.tobytes() == parts.seconds.tobytes()
    assert last_revisions(whole.findings) == last_revisions(parts.findings)
    # Not the last revisions alone: who follows the topic sees the same revisions, too.
    assert sorted(map(encode, whole.findings)) == sorted(map(encode, parts.findings))
    assert pack(whole.state) == pack(parts.state)


@settings(max_examples=20, deadline=None)
@given(st.lists(EVENTS, max_size=30), st.lists(st.integers(0, 90), min_size=1, max_size=5))
def test_dirty_pages_are_all_that_a_store_needs(events: list[tuple[str, float]], cuts: list[int]) -> None:
    state = ChannelState.new("1")
    stored = pack(state)
    ticks = written(events)
    findings = []
    for piece in pieces(ticks, cuts):
        before = unpack(stored, "1")
        result = channels.step(before, piece, CHANNEL, ChannelSettings())
        stored |= pack(result.state, before)
        findings += result.findings
    whole = check(ticks)
    restored = unpack(stored, "1")
    assert pack(restored) == pack(whole.state)
    assert restored.ring.tobytes() == whole.state.ring.tobytes()
    assert last_revisions(findings) == last_revisions(whole.findings)


def test_a_small_step_writes_few_pages() -> None:
    state = check(lively(3000, step=0.001).ticks()).state
    tape = Tape(sequence=3001)
    tape.quote(10)
    after = channels.step(state, tape.ticks(), CHANNEL, ChannelSettings()).state
    assert len(pack(state)) == 1 + -(-3000 // channels.PAGE_ROWS)
    assert len(pack(after, state)) == 2
    assert set(pack(state, state)) == {0}


def test_a_step_writes_to_nothing_that_it_was_given() -> None:
    first, second = written([("gap", 0.01), ("copy", 0.01)]), written([("session", 20.0), ("jump", 1.0), ("old", 0.0)])
    state = check(first).state
    before, rows = pack(state), second.rows.copy()
    channels.step(state, second, CHANNEL, ChannelSettings())
    assert pack(state) == before
    assert second.rows.tobytes() == rows.tobytes()


def test_no_ticks_change_nothing() -> None:
    state = check(lively().ticks()).state
    result = channels.step(state, concat([]), CHANNEL, ChannelSettings())
    assert (len(result.ticks), result.findings, len(result.seconds)) == (0, [], 0)
    assert pack(result.state) == pack(state)


def test_a_state_of_another_version_is_refused() -> None:
    pages = pack(ChannelState.new())
    pages[0] = bytes([pages[0][0] + 1]) + pages[0][1:]
    with pytest.raises(ValueError, match="state version"):
        unpack(pages)


def test_names_do_not_depend_on_a_batch_s_table() -> None:
    """A copy is a copy although the two batches number their names differently."""
    tape = numbers(5, 6)
    first, second = tape.ticks(), numbers(6).ticks()
    second = Ticks(second.rows.copy(), ("Z", *second.names))
    for column in ("channel", "venue", "symbol"):
        second.rows[column] += 1
    second.rows["ts_recv"] += 10 * 10**6
    state = check(first).state
    result = channels.step(state, second, CHANNEL, ChannelSettings())
    assert [finding.code for finding in result.findings] == ["duplicate"]


def test_a_payload_that_cannot_be_decoded_is_a_finding_and_nothing_else() -> None:
    state = check(lively().ticks()).state
    origin: dict[str, object] = {"topic": "ticks.raw", "partition": 3, "offset": 17, "timestamp_ns": at(5)}
    after, (finding,) = channels.reject(state, WireError("value: found 3 bytes, expected a frame"), CHANNEL, origin)
    assert (finding.code, finding.severity, finding.detected_at) == ("payload_unreadable", Severity.CRITICAL, at(5))
    assert finding.evidence["error"] == "value: found 3 bytes, expected a frame"
    assert finding.evidence["offset"] == 17
    assert after.header.tobytes() == state.header.tobytes()
    _, (changed,) = channels.reject(state, WireError("x", schema_changed=True), CHANNEL, origin)
    assert changed.code == "schema_changed"
    assert changed.id != finding.id


# --- extremes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ts_recv", [-(2**63), -1, 0, 2**63 - 1])
def test_capture_times_at_the_ends_of_the_integers_do_not_move_the_channel(ts_recv: int) -> None:
    tape = lively(70)
    tape.messages[60]["ts_recv"] = ts_recv
    checked = check(tape.ticks())
    assert checked.state.header["event_time"][0] == at(6.9)
    assert (np.diff(checked.ticks.rows["event_time"]) >= 0).all()
    for finding in checked.findings:
        assert finding.measured is None or finding.measured >= 0
    after = lively(70)
    assert check(after.ticks(), [60]).findings == []


def test_evidence_is_the_tick_verbatim_with_its_origin() -> None:
    tape = numbers(5, 6, 10)
    ticks = tape.ticks()
    ticks.rows["offset"], ticks.rows["partition"], ticks.rows["row"] = 40, 2, np.arange(3)
    (gap,) = check(ticks).findings
    assert gap.evidence["origin"] == {"partition": 2, "offset": 40, "row": 2}
    message = tape.messages[2]
    tick = {name: value for name, value in message.items() if value is not None} | {"conditions": 0, "flags": 0}
    assert gap.evidence["tick"] == tick


def test_milliseconds_are_milliseconds() -> None:
    assert at(MS) - START_NS == 1_000_000

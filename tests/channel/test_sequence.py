"""A channel's counter: gaps, copies, blocks, order, and counters that start again. Time lines are in seconds after `START_NS`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.streams import CHANNEL, Checked, Tape, at, check, codes, last_revisions, numbers, units
from tickproof.findings.finding import Class, Severity, mask, names_of
from tickproof.ticks.schema import Flag, Kind

HOUR = 3600.0
TOP = 2**64 - 1


def test_numbers_one_after_the_other_are_nothing() -> None:
    assert check(numbers(5, 6, 7, 8).ticks()).findings == []


def test_a_gap_says_how_many_are_missing() -> None:
    checked = check(numbers(5, 6, 10, 11).ticks())
    (gap,) = checked.findings
    assert (gap.code, gap.class_, gap.severity) == ("sequence_gap", Class.FEED_ANOMALY, Severity.CRITICAL)
    assert (gap.measured, gap.reference, gap.unit) == (3.0, 3.0, "messages")
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
    assert checked.state.arrays.header["counts"]["duplicates"][0] == 1


def test_the_capture_time_and_flags_of_a_copy_may_differ() -> None:
    tape = numbers(5, 6, 7)
    tape.messages[2] |= {"sequence": 6, "bid_px": tape.messages[1]["bid_px"], "ask_px": tape.messages[1]["ask_px"]}
    tape.messages[2]["flags"] = int(Flag.VENDOR_SUSPICIOUS)
    tape.capture_heartbeat(1)
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
    tape = numbers(TOP - 1, TOP, 2)
    tape.capture_heartbeat(1)
    (gap,) = check(tape.ticks()).findings
    assert (gap.code, gap.measured) == ("sequence_gap", 2.0)


@pytest.mark.parametrize("bit", [40, 62, 63])
def test_one_wrong_number_far_ahead_is_a_message_lost(bit: int) -> None:
    """
    5 6 [7 with a flipped bit] 8 9 10 ... 7 never comes: of all the numbers that seemed missing, one was
    """
    tape = numbers(5, 6, 7 ^ (1 << bit), 8, 9, 10, 11)
    tape.capture_heartbeat(2)
    tape.capture_heartbeat(3)
    checked = check(tape.ticks())
    assert codes(checked) == ["out_of_order", "sequence_gap"]
    assert checked.rows_with("out_of_order") == [3, 4, 5]
    assert checked.state.arrays.header["counter"]["expected"][0] == 12
    assert [(row["gaps"], row["lost"]) for row in checked.seconds[["gaps", "lost"]]] == [(0, 0), (1, 0), (0, 1)]


@pytest.mark.parametrize("bit", [20, 40])
def test_one_wrong_number_far_behind_is_out_of_order_and_a_gap(bit: int) -> None:
    """5 | 1 << 63 and so on, and one of them with that bit cleared."""
    tape = numbers(*(((1 << bit) + k) % 2**64 for k in (5, 6)), 7, *((1 << bit) + k for k in (8, 9)))
    tape.capture_heartbeat(2)
    tape.capture_heartbeat(3)
    checked = check(tape.ticks())
    assert codes(checked) == ["out_of_order", "sequence_gap"]
    assert checked.rows_with("out_of_order") == [2]
    assert checked.seconds["lost"].sum() == 1


def test_many_lost_numbers_are_counted_without_wrapping() -> None:
    far = 2**62
    checked = check(numbers(1, far, 2 * far, 3 * far, 7).ticks())
    assert checked.state.arrays.header["counts"]["gaps"][0] >= 3
    assert checked.state.arrays.header["counts"]["lost"][0] > 0


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


def test_a_gap_that_is_filled_in_is_information_and_order_is_what_was_wrong() -> None:
    """
    5 6 [10 .. 49] 7 8 9 50 ...   at arrival three are missing; none is lost
    """
    tape = numbers(5, 6, *range(10, 50), 7, 8, 9, 50, 51)
    tape.capture_heartbeat(2)
    tape.capture_heartbeat(10)
    checked = check(tape.ticks())
    opened = next(finding for finding in checked.findings if finding.code == "sequence_gap")
    assert (opened.severity, opened.measured, opened.reference) == (Severity.CRITICAL, 3.0, 3.0)
    (gap,) = checked.of("sequence_gap")
    assert (gap.severity, gap.state, gap.measured, gap.reference) == (Severity.INFO, "closed", 0.0, 3.0)
    (order,) = checked.of("out_of_order")
    assert (order.count, order.severity, order.measured) == (3, Severity.WARNING, 0.4e9)
    assert (checked.seconds["gaps"].sum(), checked.state.arrays.header["counts"]["lost"][0]) == (1, 0)


def test_a_gap_that_is_filled_in_partly_says_what_is_lost() -> None:
    """
    5 6 [10] 8 11      0.02 s: 7, 8, 9 are missing; 1.02 s: 7 and 9 are lost
    """
    tape = numbers(5, 6, 10, 8, 11)
    tape.capture_heartbeat(1.5)
    tape.capture_heartbeat(10)
    checked = check(tape.ticks())
    (gap,) = checked.of("sequence_gap")
    assert (gap.severity, gap.measured, gap.reference) == (Severity.CRITICAL, 2.0, 3.0)
    assert checked.seconds["lost"].sum() == 2


def test_a_number_that_comes_after_the_window_stays_lost() -> None:
    tape = numbers(5, 6, 8)
    tape.capture_heartbeat(1.5)
    tape.quote(1.6, sequence=7)
    tape.capture_heartbeat(3)
    tape.capture_heartbeat(4)
    checked = check(tape.ticks())
    assert checked.rows_with("out_of_order") == [4]
    assert (checked.of("sequence_gap")[0].measured, checked.seconds["lost"].sum()) == (1.0, 1)


def test_a_message_that_is_overtaken_by_its_neighbour_is_information() -> None:
    tape = Tape(sequence=None)
    for number, seconds in ((5, 0.0), (7, 0.0001), (6, 0.0002), (8, 0.0003)):
        tape.quote(seconds, sequence=number)
    checked = check(tape.ticks())
    assert [(finding.code, finding.severity) for finding in last_revisions(checked.findings).values()] == [
        ("sequence_gap", Severity.INFO),
        ("out_of_order", Severity.INFO),
    ]


# --- blocks -----------------------------------------------------------------------------------------------------------------


def stream(count: int = 300) -> Tape:
    """Messages 10 ms apart, each with a price of its own, and a heartbeat each hundred."""
    tape = Tape()
    for k in range(count):
        tape.quote(k * 0.01, 99.0 + 0.01 * (k % 50), 101)
        if k % 100 == 50:
            tape.heartbeat(k * 0.01 + 0.001)
    return tape


def resent(start: int, end: int, count: int = 300, keeps_times: bool = False) -> Checked:
    """A stream whose messages from `start` to `end` come again before it goes on."""
    tape = stream(count)
    now = (count - 1) * 0.01
    again = [dict(message) for message in tape.messages[start:end]]
    if not keeps_times:
        again = [message | {"ts_recv": at(now + 0.0001 * k)} for k, message in enumerate(again)]
    tape.messages += again
    for k in range(80):
        tape.quote(now + 0.1 + k * 0.1)
    return check(tape.ticks())


@pytest.mark.parametrize("keeps_times", [False, True])
@pytest.mark.parametrize(("start", "end"), [(200, 240), (0, 303), (40, 303)])
def test_a_block_that_comes_again_is_one_finding(start: int, end: int, keeps_times: bool) -> None:
    checked = resent(start, end, keeps_times=keeps_times)
    found = [finding for finding in last_revisions(checked.findings).values() if finding.code != "late_tick"]
    assert [finding.code for finding in found] == ["replayed_block"]
    # Heartbeats are no copies.
    numbered = sum(message.get("kind") == Kind.QUOTE for message in stream().messages[start:end])
    assert (found[0].count, found[0].severity) == (numbered, Severity.CRITICAL)
    rows = checked.ticks.rows
    names = {name for row in rows[303 : 303 + end - start] for name in names_of(int(row["reasons"]))}
    assert names - {"late_tick"} == {"duplicate", "replayed_block"}
    assert not (rows["reasons"][303 + end - start :] & ~np.uint64(mask(["late_tick"]))).any()


def test_few_that_come_again_are_duplicates() -> None:
    checked = resent(280, 290)
    (copies,) = last_revisions(checked.findings).values()
    assert (copies.code, copies.count) == ("duplicate", 10)


@pytest.mark.slow
def test_a_block_from_before_what_is_remembered_is_told_by_its_times() -> None:
    checked = resent(0, 500, count=6000)
    (block,) = last_revisions(checked.findings).values()
    assert block.code == "replayed_block"
    assert block.count == 500 - 5


def test_a_session_start_in_an_old_block_is_no_reset() -> None:
    tape = Tape()
    tape.session(0, 1)
    for k in range(100):
        tape.quote(0.01 + k * 0.01)
    tape.messages += [message | {"ts_recv": at(1.1)} for message in tape.messages[:60]]
    for k in range(30):
        tape.quote(1.2 + k * 0.01)
    assert codes(check(tape.ticks())) == ["replayed_block"]


def test_a_counter_that_goes_on_elsewhere_is_one_finding() -> None:
    """Back to 500: known numbers with other content and new times."""
    tape = stream(1000)
    tape.sequence = 500
    for k in range(50):
        tape.quote(10.1 + k * 0.01)
    (reset,) = last_revisions(check(tape.ticks()).findings).values()
    assert (reset.code, reset.severity, reset.count, reset.first_ts) == ("sequence_reset", Severity.WARNING, 1, at(10.1))


def test_heartbeats_announce_a_reset() -> None:
    tape = stream(1000)
    tape.sequence = 500
    tape.heartbeat(10.5)
    tape.heartbeat(11.5)
    for k in range(10):
        tape.quote(11.6 + k * 0.01)
    (reset,) = last_revisions(check(tape.ticks()).findings).values()
    assert (reset.code, reset.severity, reset.measured) == ("sequence_reset", Severity.INFO, 500.0)


# --- ids --------------------------------------------------------------------------------------------------------------


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

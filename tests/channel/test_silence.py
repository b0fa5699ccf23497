"""When a channel is silent. Time lines are in seconds after `START_NS`."""

from __future__ import annotations

import pytest

from tests.support.streams import CHANNEL, Tape, at, check, codes, lively
from tickproof.channel.silence import WARMUP
from tickproof.findings.finding import Class, Severity
from tickproof.ticks.schema import NS_PER_SECOND


def test_a_silence_opens_at_last_plus_threshold_and_closes_with_the_next_tick() -> None:
    """
    … 4.8  4.9 ............ 6.4 ................. 12.0
           last             last + 1.5 s: opens   closes
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
    assert (opened.first_ts, opened.detected_at) == (at(4.9), at(6.4))
    assert (opened.symbol, opened.venue, opened.channel) == (None, None, CHANNEL)
    assert opened.threshold == 1.5e9
    assert closed.id == opened.id
    assert (closed.state, closed.last_ts, closed.measured) == ("closed", at(12), 12e9 - 4.9e9)
    assert (closed.class_, closed.detected_at, closed.count) == (opened.class_, opened.detected_at, 1)


@pytest.mark.parametrize(("heartbeat_ns", "opens"), [(3 * NS_PER_SECOND // 2 - 1, False), (3 * NS_PER_SECOND // 2, True)])
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
    assert (opened.first_ts, opened.detected_at) == (at(4.9), at(6.4))


def test_capture_heartbeats_are_no_sign_of_life_and_venue_heartbeats_are() -> None:
    ours, theirs = lively(), lively()
    for second in range(5, 20):
        ours.capture_heartbeat(second)
        theirs.heartbeat(second)
    assert codes(check(ours.ticks())) == ["silent"]
    assert check(theirs.ticks()).findings == []


def test_no_silence_of_a_channel_with_few_messages() -> None:
    tape = lively(WARMUP - 1)
    tape.capture_heartbeat(60)
    assert check(tape.ticks()).findings == []


def test_a_channel_that_pauses_by_habit_has_a_longer_threshold() -> None:
    """Pauses of 2 s: the threshold is 4.5 × (1 + log10 2) × 2 s, not the floor of 1.5 s."""
    tape = lively(80, step=2.0)
    tape.capture_heartbeat(158 + 11.6)
    assert check(tape.ticks()).findings == []
    tape.capture_heartbeat(158 + 11.8)
    (opened,) = check(tape.ticks()).findings
    assert opened.threshold == pytest.approx(11.71e9, rel=0.01)
    assert opened.detected_at == at(158) + int(opened.threshold or 0)


def test_a_silence_does_not_raise_the_threshold_without_bound() -> None:
    tape = lively()
    tape.quote(600)
    for row in range(50):
        tape.quote(600 + row * 0.1)
    tape.capture_heartbeat(604.9 + 8.0)  # the long silence counted as its threshold of 1.5 s: 4.5 × 1.18 × 1.5 s
    assert [finding.first_ts for finding in check(tape.ticks()).of("silent")] == [at(4.9), at(604.9)]


# --- breaks of each day -------------------------------------------------------------------------------------------------------

DAY_S, BREAK_FROM_S, BREAK_S = 86_400, 36_000, 2_760


def daily(days: int, last_break_s: int = BREAK_S, shift_s: int = 0) -> Tape:
    """A quote each half minute, but none for 46 minutes at the same time of each day; the last day's break is another."""
    tape = Tape()
    for day in range(days):
        last = day == days - 1
        start = BREAK_FROM_S + (shift_s if last else 0)
        length = last_break_s if last else BREAK_S
        for second in range(0, DAY_S // 2, 30):
            if not start < second < start + length:
                tape.quote(day * DAY_S + second)
        for second in range(DAY_S // 2, DAY_S, 30):
            tape.quote(day * DAY_S + second)
    return tape


@pytest.mark.slow
def test_a_break_at_the_same_time_of_day_is_a_silence_once() -> None:
    (first,) = check(daily(4).ticks()).of("silent")
    assert first.first_ts == at(BREAK_FROM_S)


@pytest.mark.slow
def test_a_break_that_lasts_longer_than_ever_is_a_silence() -> None:
    first, last = check(daily(3, last_break_s=7_200).ticks()).of("silent")
    assert last.first_ts == at(2 * DAY_S + BREAK_FROM_S)
    assert at(2 * DAY_S + BREAK_FROM_S + BREAK_S) < last.detected_at < at(2 * DAY_S + BREAK_FROM_S + BREAK_S + 600)
    assert first.detected_at < at(BREAK_FROM_S + BREAK_S)


@pytest.mark.slow
def test_a_break_at_another_time_of_day_is_a_silence() -> None:
    assert len(check(daily(3, shift_s=3_600).ticks()).of("silent")) == 2


@pytest.mark.slow
def test_a_break_does_not_hide_what_comes_after_it() -> None:
    """Ten minutes without a word on the last day are as much a silence as before."""
    tape = daily(3)
    tape.messages = [message for message in tape.messages if not 0 < message["ts_recv"] - at(2 * DAY_S + 60_000) < 600 * 10**9]
    found = check(tape.ticks()).of("silent")
    assert [finding.first_ts for finding in found] == [at(BREAK_FROM_S), at(2 * DAY_S + 60_000)]


@pytest.mark.slow
def test_breaks_do_not_depend_on_cuts() -> None:
    ticks = daily(3).ticks()
    whole, parts = check(ticks), check(ticks, range(0, len(ticks), 501))
    assert whole.findings == parts.findings
    assert len(whole.of("silent")) == 1

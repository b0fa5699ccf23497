"""How late a channel's messages are. Time lines are in seconds after `START_NS`."""

from __future__ import annotations

import pytest

from tests.support.streams import Tape, at, check, codes
from tickproof.channel.latency import WARMUP

HOUR = 3600.0
TOP = 2**64 - 1


def latencies(*late_ms: float, usual: int = WARMUP) -> Tape:
    """Quotes sent 10 ms apart: `usual` of 1 ms latency, then of these. Order is kept, as a queue does."""
    tape = Tape()
    captured = 0.0
    for row, latency in enumerate((*(1.0 for _ in range(usual)), *late_ms)):
        captured = max(captured, row * 0.01 + latency / 1e3)
        tape.quote(captured, ts_event=round(at(captured) - latency * 1e6))
    return tape


def test_a_latency_spike_needs_three_in_a_row() -> None:
    """The threshold is max(8 × 1 ms, 1 ms + 50 ms) = 51 ms."""
    assert check(latencies(60, 60, 1, 60, 60).ticks()).findings == []
    checked = check(latencies(60, 60, 60, 60, 1).ticks())
    assert checked.rows_with("latency_spike") == [WARMUP + 2, WARMUP + 3]
    (spike,) = checked.of("latency_spike")
    assert spike.measured == 60e6
    assert spike.threshold == pytest.approx(51e6, rel=0.05)
    assert spike.reference == pytest.approx(1e6, rel=0.05)
    assert (spike.first_ts, spike.detected_at) == (at(WARMUP * 0.01 + 0.06), at((WARMUP + 2) * 0.01 + 0.06))


def test_a_latency_below_the_threshold_is_usual() -> None:
    assert check(latencies(*[50.0] * 5).ticks()).findings == []


def test_no_latency_spike_while_warming_up() -> None:
    assert check(latencies(60, 60, 60, usual=WARMUP - 3).ticks()).findings == []
    assert len(check(latencies(60, 60, 60, usual=WARMUP).ticks()).findings) == 1


def test_spikes_are_not_learnt() -> None:
    checked = check(latencies(*[60.0] * 500, *[1.0] * 5, 60, 60, 60).ticks())
    spikes = checked.of("latency_spike")
    # Of the finding as it stands: its last second is not published yet.
    assert [spike.count for spike in checked.state.tracker.open_findings()] == [498 + 1]
    assert spikes[0].reference == pytest.approx(1e6, rel=0.05)


def test_a_latency_that_stays_is_accepted_after_a_minute() -> None:
    """
    0 s ...... 2 s | 4 s ............................ 64 s ............. 77 s
    1 ms       pause 2 000 ms, flagged                learnt anew        nothing
    """
    tape = latencies()
    for row in range(1500):
        tape.quote(4 + row * 0.05, ts_event=at(2 + row * 0.05))
    flagged = check(tape.ticks()).rows_with("latency_spike")
    assert flagged[0] == WARMUP + 2
    seconds = [4 + (row - WARMUP) * 0.05 for row in flagged]
    assert max(seconds) == pytest.approx(64, abs=0.1)
    assert len(flagged) == flagged[-1] - flagged[0] + 1


def test_after_a_new_usual_latency_a_spike_needs_three_again() -> None:
    tape = latencies()
    usual = WARMUP + 1201 + WARMUP + 1  # late for a minute, accepted, warm again
    for row in range(usual - WARMUP):
        tape.quote(4 + row * 0.05, ts_event=at(2 + row * 0.05))
    accepted = len(tape)
    for row in range(2):
        tape.quote(200 + row * 0.05, ts_event=at(100 + row * 0.05))
    assert max(check(tape.ticks()).rows_with("latency_spike")) < accepted


def test_copies_and_implausible_times_are_no_latency() -> None:
    tape = latencies(1.0)
    for row in range(5):  # the last message again and again, ever later
        tape.messages.append(tape.messages[WARMUP] | {"ts_recv": at(3.0 + row * 0.1)})
    assert codes(check(tape.ticks())) == ["duplicate"]

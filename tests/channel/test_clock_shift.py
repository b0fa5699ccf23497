"""Small shifts of a venue's clock on a channel with few messages. Time lines are in seconds after `START_NS`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.support.streams import Checked, Tape, at, check, codes, of_code
from tickproof.channel import step as channels
from tickproof.findings.finding import Severity

MS_NS = 1_000_000
END_S = 1_000.0


def lagging(extra_ns: Callable[[float], float], latency_ns: int = 500_000, cuts: tuple[int, ...] = ()) -> Checked:
    """One message a second, at moments of its own, with a latency of half a millisecond and more, and `extra_ns` on top."""
    tape, rng = Tape(), np.random.default_rng(7)
    for moment in np.cumsum(rng.exponential(1.0, round(END_S))):
        late = latency_ns + int(0.2 * latency_ns * rng.lognormal(0.0, 0.9)) + int(extra_ns(float(moment)))
        tape.quote(float(moment), symbol=("ABC", "DEF", "GHI")[int(rng.integers(3))], ts_event=at(float(moment)) - late)
    return check(tape.ticks(), cuts=cuts)


@pytest.mark.parametrize("offset_ns", [MS_NS, -MS_NS])
def test_a_clock_that_is_off_by_a_millisecond_for_two_minutes(offset_ns: int) -> None:
    checked = lagging(lambda t: offset_ns if 500 <= t < 620 else 0)
    (finding,) = checked.of("clock_offset")
    assert (finding.severity, finding.state) == (Severity.CRITICAL, "closed")
    assert at(500) <= finding.first_ts < at(520)
    assert at(512) <= finding.detected_at < at(560)
    assert finding.measured == pytest.approx(offset_ns, abs=0.2 * MS_NS)
    assert at(620) <= finding.last_ts < at(650)
    assert set(codes(checked)) == {"clock_offset"}


@pytest.mark.parametrize("ppm", [20, -20])
def test_a_clock_that_drifts_by_twenty_parts_in_a_million(ppm: int) -> None:
    checked = lagging(lambda t: 1000.0 * ppm * (t - 500) if 500 <= t < 800 else 0)
    first = checked.of("clock_drift")[0]
    assert at(530) <= first.detected_at < at(640)
    assert first.first_ts >= at(490)
    assert {finding.code for finding in checked.findings} <= {"clock_drift", "clock_offset"}


@pytest.mark.parametrize(
    "extra_ns",
    [
        lambda _: 0,
        # A queue that builds up for 5 s and drains for 15.
        lambda t: max(min((t - 500) * 4e6, (520 - t) * 1.3e6), 0) if 500 <= t < 520 else 0,
        # A network whose way changes by a fifth of a millisecond every minute.
        lambda t: 2e5 * (int(t / 60) % 2),
    ],
)
def test_queues_and_ways_that_change_are_no_clocks(extra_ns: Callable[[float], float]) -> None:
    checked = lagging(extra_ns)
    assert not of_code(checked.findings, "clock_offset")
    assert not of_code(checked.findings, "clock_drift")


def test_what_is_found_does_not_depend_on_cuts_nor_on_a_state_that_was_stored() -> None:
    whole = lagging(lambda t: MS_NS if 500 <= t < 620 else 0)
    parts = lagging(lambda t: MS_NS if 500 <= t < 620 else 0, cuts=tuple(range(0, 1_000, 7)))
    assert whole.findings == parts.findings
    again = channels.unpack(channels.pack(parts.state), "1")
    assert again.arrays.shift.tobytes() == whole.state.arrays.shift.tobytes()
    assert int(again.arrays.shift["blocks"][0]) > 50

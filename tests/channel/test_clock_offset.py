"""The venue's clock against ours: wrong stamps, offsets, drifts. Time lines are in seconds after `START_NS`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.streams import CHANNEL, Checked, Tape, at, check, codes, last_revisions
from tickproof.findings.finding import Finding, Severity
from tickproof.ticks.schema import NS_PER_SECOND

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


def test_a_null_venue_time_is_not_checked() -> None:
    tape = Tape(latency_ns=None)
    tape.quote(0)
    assert check(tape.ticks()).rows_with("time_implausible") == []


def test_the_venue_time_never_moves_event_time() -> None:
    tape = Tape()
    tape.quote(0, ts_event=at(0.9))
    assert check(tape.ticks()).ticks.rows["event_time"][0] == at(0)


# --- offsets and drifts -----------------------------------------------------------------------------------------------------

MS_NS = 1_000_000


def skewed(ahead: Callable[[float], float], until: float = 40.0, symbols: tuple[str, ...] = ("ABC", "DEF")) -> Tape:
    """Return quotes each 20 ms with latencies of 0.3 to 0.68 ms, whose venue times are `ahead(moment)` seconds too late."""
    tape = Tape()
    for k in range(round(until * 50)):
        moment = k * 0.02
        latency_ns = 300_000 + 37_777 * (k * k % 11)
        stamp = at(moment) - latency_ns + round(ahead(moment) * NS_PER_SECOND)
        tape.quote(moment, symbol=symbols[k % len(symbols)], ts_event=stamp)
    return tape


def only(checked: Checked) -> Finding:
    (finding,) = last_revisions(checked.findings).values()
    return finding


@pytest.mark.slow
@pytest.mark.parametrize("offset", [HOUR, -HOUR, 5 * HOUR, -5 * HOUR, 0.2, -0.2, -30.0, 600.0])
def test_a_constant_offset_is_found_at_once_and_its_end_is_noticed(offset: float) -> None:
    """
    0 ........ 20 | stamps off by a constant | 30 ........ 40
    """
    checked = check(skewed(lambda t: offset if 20 <= t < 30 else 0.0).ticks())
    (finding,) = checked.of("clock_offset")
    assert (finding.severity, finding.state, finding.channel, finding.symbol) == (Severity.CRITICAL, "closed", CHANNEL, None)
    assert finding.measured == pytest.approx(-offset * NS_PER_SECOND, abs=MS_NS)
    assert finding.first_ts == at(20)
    assert at(20) < finding.detected_at <= at(20.2)
    assert at(30) <= finding.last_ts <= at(30.2)
    marked = checked.rows_with("clock_offset")
    assert (marked[0], marked[-1]) == (1007, 1499)
    # Until it is known to be the clock, a stamp of another hour is a wrong stamp; afterwards none is.
    assert max(checked.rows_with("time_implausible"), default=0) < 1007
    assert {one.code for one in checked.findings} <= {"clock_offset", "latency_spike"}
    assert not checked.rows_with("clock_drift")


@pytest.mark.parametrize("hours", [-5, 1, 9])
def test_a_recording_with_a_clock_of_another_zone_is_one_finding(hours: int) -> None:
    checked = check(skewed(lambda t: hours * HOUR).ticks())
    finding = only(checked)
    assert (finding.code, finding.first_ts, finding.state) == ("clock_offset", at(0), "open")
    assert finding.measured == -hours * HOUR * NS_PER_SECOND
    assert len(checked.rows_with("clock_offset")) == 2000
    # Latency is told net of it.
    second = checked.seconds[5]
    assert 0.3e6 < second["latency_p50"] < 0.8e6


def test_stamps_in_microseconds_are_one_finding() -> None:
    tape = skewed(lambda t: 0.0)
    for message in tape.messages[1000:1500]:
        message["ts_event"] //= 1000
    checked = check(tape.ticks())
    assert (only(checked).code, only(checked).measured) == ("time_unit", 1000)
    assert checked.rows_with("time_unit") == list(range(1000, 1500))


def test_a_queue_that_was_there_from_the_start_is_no_part_of_an_offset() -> None:
    """
    0 . 1.2 s a queue of 700 ms drains to 120 ms | the clock is 24 ms ahead
    """
    offset = only(check(skewed(lambda t: 0.58 * t / 1.2 - 0.7 if t < 1.2 else 0.024, until=10.0).ticks()))
    assert offset.code == "clock_offset"
    assert offset.measured == pytest.approx(-24e6, abs=1e6)


def test_a_way_that_is_known_to_be_long_is_no_queue() -> None:
    """For half a minute nothing was quicker than 113 ms: a clock that is off by 137 ms."""
    offset = only(check(skewed(lambda t: -0.113 if t < 30 else 0.024).ticks()))
    assert (offset.code, offset.measured) == ("clock_offset", pytest.approx(-137e6, abs=1e6))


def test_a_few_wrong_stamps_of_one_symbol_are_no_clock() -> None:
    tape = skewed(lambda t: 0.0, symbols=("ABC",))
    for message in tape.messages[1000:1005]:
        message["ts_event"] += int(HOUR) * NS_PER_SECOND
    checked = check(tape.ticks())
    assert checked.rows_with("time_implausible") == list(range(1000, 1005))
    assert checked.findings == []


@pytest.mark.parametrize("slope_us", [50, 200, 1000, -50, -200, -1000])
def test_a_drift_is_found_by_its_slope(slope_us: int) -> None:
    """
    0 ........ 20 | the clock runs slow or fast | 36 | right again
    """
    checked = check(skewed(lambda t: -slope_us * 1e-6 * (t - 20) if 20 <= t < 36 else 0.0, until=50).ticks())
    finding = only(checked)
    assert (finding.code, finding.severity, finding.unit, finding.state) == ("clock_drift", Severity.WARNING, "ns/s", "closed")
    assert finding.measured == pytest.approx(slope_us * 1000, rel=0.3)
    assert at(20) < finding.detected_at <= at(34)
    assert at(36) <= finding.last_ts <= at(40)


def queue(peak: float, rise: float, fall: float) -> Tape:
    """Return a queue that builds up from 20 s on and drains: messages come in order, the venue's stamps are right."""
    tape = Tape()
    captured = 0.0
    for k in range(2500):
        sent = k * 0.02
        passed = sent - 20
        late = peak * (passed / rise if passed < rise else 1 - (passed - rise) / fall) if 0 < passed < rise + fall else 0.0
        captured = max(captured, sent + 0.0003 + 37.777e-6 * (k * k % 11) + late)
        tape.quote(captured, symbol=("ABC", "DEF")[k % 2], ts_event=at(sent))
    return tape


@pytest.mark.parametrize(
    ("peak", "rise", "fall"), [(0.08, 0.2, 1.8), (0.6, 0.02, 2.0), (1.2, 0.02, 4.0), (2.0, 3.0, 9.0), (0.3, 2.0, 6.0)]
)
def test_a_queue_with_right_stamps_is_latency_and_no_clock(peak: float, rise: float, fall: float) -> None:
    found = codes(check(queue(peak, rise, fall).ticks()))
    assert found == ["latency_spike"]


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 2000), max_size=6), st.sampled_from([5 * HOUR, -0.2, -30.0]))
def test_cuts_do_not_matter_to_clocks(cuts: list[int], offset: float) -> None:
    ticks = skewed(lambda t: offset if 20 <= t < 30 else 0.0).ticks()
    whole, parts = check(ticks), check(ticks, cuts)
    assert whole.ticks.rows.tobytes() == parts.ticks.rows.tobytes()
    assert last_revisions(whole.findings) == last_revisions(parts.findings)
    assert [finding.state for finding in whole.of("clock_offset")] == ["closed"]

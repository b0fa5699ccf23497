"""Times as they come: units, clocks that are set, recordings that end, halts and hours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cases.commands_run import Scanned, ran, scanned
from tickproof.ticks.schema import NS_PER_SECOND

SUSPECT = 1


@pytest.fixture
def cases(shared: Path) -> Path:
    return shared / "cases"


def scan_of(cases: Path, case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Scanned:
    """Scan the inputs of a case in one run, with its reference data."""
    folder = cases / case
    inputs = sorted(path for path in folder.iterdir() if path.suffix in (".jsonl", ".csv"))
    reference = folder / "ref.toml"
    return scanned(capsys, tmp_path / "out", *inputs, *(("--reference", reference) if reference.exists() else ()))


def said_by_recordings(capsys: pytest.CaptureFixture[str], *paths: Path) -> list[str]:
    """Return what `recordings` says of files as a whole."""
    listed = json.loads(ran(capsys, "recordings", "--json", *paths).out)
    return [said for one in listed for said in one["statements"]]


@pytest.mark.parametrize(
    ("case", "factor", "unit", "count"),
    [("unit-switch-all-ms", 1_000_000, "milliseconds", 60), ("unit-switch-second-file", 1_000, "microseconds", 80)],
)
def test_a_unit_of_capture_times_is_told_once_and_moves_nothing_else(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str, factor: int, unit: str, count: int
) -> None:
    found = scan_of(cases, case, tmp_path, capsys)
    (one,) = found.findings
    assert (one["code"], one["measured"], one["count"]) == ("time_unit", factor, count)
    assert f"factor of {factor:,} too small ({unit}" in one["evidence"]["recording"]
    assert "from line 1 on" in one["evidence"]["recording"]
    assert one["evidence"]["recording"] in found.ran.out
    assert said_by_recordings(capsys, cases / case) == [one["evidence"]["recording"]]
    assert all(tick["final_quality"] == 0 for tick in found.ticks)
    # All of them are of March 2024, one after the other.
    times = [tick["ts_recv"] for tick in found.ticks]
    assert times == sorted(times)
    assert times[-1] - times[0] < 90 * NS_PER_SECOND


def test_event_times_of_another_unit_now_and_then_are_marked_and_no_others(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = scan_of(cases, "unit-switch-now-and-then", tmp_path, capsys)
    (unit,) = found.findings
    assert (unit["code"], unit["measured"], unit["count"]) == ("time_unit", 1_000_000, 120)
    assert "120 of 200 ticks" in unit["evidence"]["recording"]
    for tick in found.ticks:
        is_wrong = tick["ts_event"] < 10**17
        assert tick["final_quality"] == (SUSPECT if is_wrong else 0)


@pytest.mark.parametrize(("case", "step_s"), [("clock-step-back", -2), ("clock-step-forward", 2)])
def test_a_step_of_the_capture_clock_is_one_statement_for_all_channels(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str, step_s: int
) -> None:
    found = scan_of(cases, case, tmp_path, capsys)
    (one,) = found.findings
    assert (one["code"], one["channel"]) == ("capture_clock", None)
    assert one["measured"] == pytest.approx(step_s * NS_PER_SECOND, abs=NS_PER_SECOND / 100)
    assert "from line 131 on" in one["evidence"]["recording"]
    assert all(tick["final_quality"] == 0 for tick in found.ticks)
    assert said_by_recordings(capsys, cases / case) == [one["evidence"]["recording"]]


@pytest.mark.parametrize("case", ["recordings-of-two-days", "halted-channel", "lunch-calendar"])
def test_what_was_not_recorded_halted_or_shut_is_not_silent(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    found = scan_of(cases, case, tmp_path, capsys)
    assert found.findings == []
    assert all(tick["final_quality"] == 0 for tick in found.ticks)


def test_an_open_that_is_missed_is_told_although_few_ticks_came_at_night(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = scan_of(cases, "hours-off-late-open", tmp_path, capsys)
    (silent,) = [one for one in found.findings if one["code"] == "silent"]
    # 2024-07-03T13:30:00Z
    assert (silent["severity"], silent["first_ts"]) == ("critical", 1_720_013_400 * NS_PER_SECOND)


def test_an_hour_of_quotes_while_a_venue_is_shut_is_one_finding(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (one,) = scan_of(cases, "hours-off-out-of-session", tmp_path, capsys).findings
    assert (one["code"], one["count"]) == ("out_of_session", 60)


def test_a_queue_that_drains_is_no_part_of_a_clock_that_is_ahead(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (offset,) = scan_of(cases, "cryptofeed-queue-then-ahead", tmp_path, capsys).findings
    assert offset["code"] == "clock_offset"
    assert -25e6 <= offset["measured"] <= -20e6

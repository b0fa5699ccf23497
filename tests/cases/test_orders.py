"""Orders as files have them: each is told once as what it is, with the right count, and no loss or anomaly is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.commands_run import scanned


def case(shared: Path, name: str) -> Path:
    """Return the only stream of a case."""
    (file,) = (shared / "cases" / name).glob("*.jsonl")
    return file


def test_newest_first_is_told_once_with_the_count_of_its_ticks(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = scanned(capsys, tmp_path / "out", case(shared, "newest-first-whole"))
    (order,) = (finding for finding in done.findings if finding["code"] == "out_of_order")
    assert order["count"] == 119
    assert order["measured"] > 0
    assert done.codes() == {"out_of_order", "late_tick"}


def test_a_message_behind_in_number_and_time_is_counted_once(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = scanned(capsys, tmp_path / "out", case(shared, "interleaved-counted-twice"))
    assert [finding["count"] for finding in done.findings if finding["code"] == "out_of_order"] == [60]


def test_a_finding_that_is_open_at_the_end_has_the_count_of_its_ticks(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = scanned(capsys, tmp_path / "out", case(shared, "everything-twice-counts"))
    (copies,) = done.findings
    assert (copies["code"], copies["count"], copies["state"]) == ("duplicate", 60, "open")
    assert sum(tick["final_quality"] == 1 for tick in done.ticks) == 60


def test_order_within_one_time_stamp_is_information_and_no_loss(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = scanned(capsys, tmp_path / "out", case(shared, "ties-shuffled"))
    (order,) = done.findings
    assert (order["code"], order["severity"]) == ("out_of_order", "info")
    assert {tick["final_quality"] for tick in done.ticks} == {0}


def test_trades_of_one_number_and_several_ids_are_several_trades(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = scanned(capsys, tmp_path / "out", case(shared, "late-prints-same-number"))
    assert (done.findings, len(done.ticks)) == ([], 50)


def test_venue_times_in_another_unit_now_and_then_are_one_finding_that_names_it(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = scanned(capsys, tmp_path / "out", case(shared, "unit-switch-now-and-then"))
    (unit,) = done.findings
    assert (unit["code"], unit["count"]) == ("clock_offset", 120)
    assert "a factor of 1,000,000 too small: milliseconds" in unit["evidence"]["unit"]
    wrong = [tick["ts_event"] < 2e12 for tick in done.ticks]
    assert [tick["final_quality"] != 0 for tick in done.ticks] == wrong

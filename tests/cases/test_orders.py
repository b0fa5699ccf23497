"""Orders as they come: newest first, in pages, interleaved, twice, shuffled within a time stamp."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.commands_run import scanned
from tests.cases.test_times import said_by_recordings
from tickproof.codes.table import BY_NAME

OUT_OF_ORDER, DUPLICATE = (1 << BY_NAME[name].bit for name in ("out_of_order", "duplicate"))


@pytest.fixture
def cases(shared: Path) -> Path:
    return shared / "cases"


@pytest.mark.parametrize(
    ("case", "count", "says"),
    [
        ("newest-first-whole", 119, "the order is descending"),
        ("newest-first-pages", 196, "the order is descending"),
        ("interleaved-weeks", 99, "the order is broken"),
        ("interleaved-counted-twice", 60, "the order is broken"),
    ],
)
def test_an_order_that_is_broken_is_one_finding_with_advice_and_nothing_else(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str, count: int, says: str
) -> None:
    found = scanned(capsys, tmp_path / "out", cases / case)
    (one,) = found.findings
    assert (one["code"], one["severity"], one["count"]) == ("out_of_order", "critical", count)
    assert says in one["evidence"]["recording"]
    assert "sort the file" in one["evidence"]["recording"]
    assert said_by_recordings(capsys, cases / case) == [one["evidence"]["recording"]]
    assert sum(tick["final_reasons"] & OUT_OF_ORDER > 0 for tick in found.ticks) == count
    assert all(tick["final_quality"] <= 1 for tick in found.ticks)
    times = [tick["ts_recv"] for tick in found.ticks]
    assert times == sorted(times)


def test_two_recorders_of_one_channel_are_copies_and_neither_a_block_nor_a_loss(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = scanned(capsys, tmp_path / "out", cases / "everything-twice-two-recorders")
    (copies,) = [one for one in found.findings if one["code"] == "duplicate"]
    assert copies["count"] == sum(tick["final_reasons"] & DUPLICATE > 0 for tick in found.ticks)
    assert "two recorders" in copies["evidence"]["recording"]
    rest = [one for one in found.findings if one is not copies]
    assert {one["code"] for one in rest} <= {"out_of_order", "sequence_gap"}
    assert all(one["severity"] == "info" for one in rest)
    assert all(not one["measured"] for one in rest if one["code"] == "sequence_gap")


def test_the_count_of_copies_is_whole_at_the_end_of_the_input(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (one,) = scanned(capsys, tmp_path / "out", cases / "everything-twice-counts").findings
    assert (one["code"], one["count"]) == ("duplicate", 60)


def test_an_order_lost_within_a_time_stamp_is_information(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = scanned(capsys, tmp_path / "out", cases / "ties-shuffled")
    (one,) = found.findings
    assert one["severity"] == "info"
    assert all(tick["final_quality"] == 0 for tick in found.ticks)
    numbers = [tick["sequence"] for tick in found.ticks]
    assert numbers == sorted(numbers)


def test_trades_with_one_number_and_two_ids_are_two_trades(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = scanned(capsys, tmp_path / "out", cases / "late-prints-same-number")
    assert found.findings == []
    assert all(tick["final_quality"] == 0 for tick in found.ticks)

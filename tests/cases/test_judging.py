"""What is legitimate is judged good, and what is wrong on a venue that is alone is corrupt, as one incident."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cases.commands_run import ran, scanned


def case(shared: Path, name: str) -> Path:
    """Return the only stream of a case."""
    (file,) = (shared / "cases" / name).glob("*.jsonl")
    return file


@pytest.mark.parametrize("name", ["dust-at-the-top", "small-sizes", "small-sizes-b", "size-named-for-a-wide-spread"])
def test_no_small_size_is_an_error(name: str, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the shipped model, which these were called corrupt by."""
    stream = case(shared, name)
    reference = stream.with_name("ref.toml")
    given = ["--reference", reference] if reference.exists() else []
    assert ran(capsys, "scan", stream, *given, "--out", tmp_path / "out", "--no-report").status == 0
    assert '"size_outlier"' not in (tmp_path / "out" / "findings.jsonl").read_text()
    corrupt = sum(value == 2 for value in pq.read_table(tmp_path / "out" / "scored.parquet")["final_quality"].to_pylist())
    # The falling price has a digit too many once; it is no size.
    assert corrupt == (1 if name == "size-named-for-a-wide-spread" else 0)


def test_trades_far_below_quotes_that_stand_are_corrupt(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = scanned(capsys, tmp_path / "out", case(shared, "brk-a-glitch"))
    assert [row for row, tick in enumerate(done.ticks, 1) if tick["final_quality"] == 2] == list(range(111, 136))
    assert {tick["final_quality"] for tick in done.ticks} == {0, 2}
    assert "stale_book" not in done.codes()


def test_a_trade_outside_quotes_is_told_by_the_quote_and_the_bound_beyond_it(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = scanned(capsys, tmp_path / "out", case(shared, "bitstamp-log"))
    told = [finding for finding in done.findings if finding["code"] == "outside_quotes"]
    assert told
    for finding in told:
        measured, bound, quote = (finding[name] for name in ("measured", "threshold", "reference"))
        assert measured > bound > quote or measured < bound < quote


def test_an_outage_told_as_minus_one_has_one_reason(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = scanned(capsys, tmp_path / "out", case(shared, "zero-and-minus-one"))
    (outage,) = (finding for finding in done.findings if finding["class"] == "corrupt_tick")
    assert (outage["code"], outage["count"]) == ("sentinel_value", 30)
    assert sum(tick["final_quality"] == 2 for tick in done.ticks) == 30


def test_two_minutes_at_a_hundredth_are_one_finding(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stream = case(shared, "dukascopy-wrong-point")
    done = scanned(capsys, tmp_path / "out", stream, "--reference", stream.with_name("ref.toml"))
    assert [row for row, tick in enumerate(done.ticks, 1) if tick["final_quality"] == 2] == list(range(41, 161))
    (shift,) = done.findings
    assert (shift["code"], shift["count"], shift["state"]) == ("decimal_shift", 120, "closed")

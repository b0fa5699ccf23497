"""What is judged wrong is wrong, and a finding's values are those of the rule that spoke."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.cases.commands_run import Scanned, scanned


def scanned_case(capsys: pytest.CaptureFixture[str], out: Path, folder: Path, name: str) -> Scanned:
    """Scan one file of a case with the case's reference data, if it has any."""
    reference = ["--reference", folder / "ref.toml"] if (folder / "ref.toml").exists() else []
    return scanned(capsys, out, folder / name, *reference)


def test_a_trade_outside_quotes_is_measured_against_the_quote_that_stood(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Line 122 prints at 103.01 where the ask has been 102.72 for 10 ms: level and limit of the spike rule were given."""
    found = scanned_case(capsys, tmp_path / "out", shared / "cases/bitstamp-log", "trade_outside_quotes.jsonl")
    assert found.ran.status == 0
    outside = [one for one in found.findings if one["code"] == "outside_quotes"]
    assert outside
    quotes = {price for tick in found.ticks if tick["kind"] == 0 for price in (tick["bid_px"], tick["ask_px"])}
    for one in outside:
        # The reference is a price that was quoted, and what was measured lies beyond the bound, on the bound's side.
        assert any(math.isclose(one["reference"] * 1e9, quote, rel_tol=1e-12) for quote in quotes), one
        beyond = one["threshold"] - one["reference"]
        assert abs(beyond) >= 0.0019 * one["reference"]
        assert (one["measured"] - one["threshold"]) * beyond > 0, one


def test_a_split_in_reference_data_is_no_move_of_the_price(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A price of a quarter after a split of 4 is carried over: no finding of a price, and no tick is anything but good."""
    found = scanned_case(capsys, tmp_path / "out", shared / "cases/split", "one_symbol.jsonl")
    assert found.ran.status == 0
    assert len(found.ticks) == 120
    assert {tick["final_quality"] for tick in found.ticks} == {0}
    assert found.codes() <= {"silent"}
    unknown = scanned(capsys, tmp_path / "unknown", shared / "cases/split/one_symbol.jsonl")
    assert {tick["final_quality"] for tick in unknown.ticks} != {0}

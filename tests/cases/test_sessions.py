"""Closes, nights and calendars: what is shut is not silent."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cases.commands_run import scanned
from tickproof.reference.sessions import is_shut
from tickproof.ticks.schema import NS_PER_SECOND


def test_days_of_us_stocks_have_no_silence_of_the_night(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The format implies the exchanges' hours: nobody has to write a reference for them."""
    found = scanned(capsys, tmp_path / "out", data / "lean/equity/usa/tick/ibm")
    assert found.ran.status == 0
    silences = [one for one in found.findings if one["code"] == "silent"]
    # A regional exchange that says nothing for half an hour in mid-session is one.
    assert len(silences) <= 3
    for one in silences:
        assert not is_shut({"V": "XNYS"}, "V", one["first_ts"] + 60 * NS_PER_SECOND), datetime.fromtimestamp(
            one["first_ts"] / NS_PER_SECOND, UTC
        )
    assert "out_of_session" not in found.codes()


@pytest.mark.slow
def test_a_tick_of_the_year_after_a_calendars_last_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Shanghai's calendar ends with 2026: each tick of such a year was a traceback, and a dead letter in the job."""
    lines = [
        f'{{"ts_recv": {1_801_620_000_000_000_000 + k * NS_PER_SECOND}, "channel": "SH.A", "venue": "XSHG", "symbol": "600000", '
        f'"kind": "quote", "bid_px": "9.9{k % 5}", "ask_px": "10.0{k % 5}", "bid_sz": "100", "ask_sz": "100"}}'
        for k in range(50)
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    (tmp_path / "ref.toml").write_text('[sessions]\nXSHG = "XSHG"\n\n[channels]\n"SH.A" = {sequence = "none"}\n')
    found = scanned(capsys, tmp_path / "out", tmp_path / "t.jsonl", "--reference", tmp_path / "ref.toml")
    assert found.ran.status == 0
    assert len(found.ticks) == 50
    assert "out_of_session" not in found.codes()


def test_a_channel_whose_only_symbol_is_halted_is_not_silent(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = scanned(capsys, tmp_path / "out", *(shared / "cases" / "halted-channel").glob("*.jsonl"))
    assert (done.findings, len(done.ticks)) == ([], 142)


@pytest.mark.parametrize("name", ["lunch-calendar", "hours-off-out-of-session"])
def test_hours_of_a_calendar_cost_one_finding_at_most(
    name: str, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A break for lunch is no silence; what is sent at night is one finding, although it is sparse."""
    case = shared / "cases" / name
    done = scanned(capsys, tmp_path / "out", *case.glob("*.jsonl"), "--reference", case / "ref.toml")
    counts = [(finding["code"], finding["count"]) for finding in done.findings]
    assert counts == ([] if name == "lunch-calendar" else [("out_of_session", 60)])

"""The page about recordings: what is unexpected, how it is read, and a reading that no longer fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from commands.survey.page import UNREAD, Notes, Reading, Surveyed, Unexpected, page, survey, unread
from commands.survey.survey import command
from commands.survey.wildest import table, wildest
from producers.market.parameters import Market
from producers.simulation.day import simulate
from tests.support.hand_counted import LOCKED, SPIKE, finding, ns, table_of, tick
from tickproof.errors import SettingsError
from tickproof.findings.finding import Class, Severity
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import concat

FINDINGS = [
    finding(1, code="spike", class_=Class.CORRUPT_TICK, symbol="A"),
    finding(2, code="silent", severity=Severity.WARNING),
    finding(3, code="silent"),
    finding(4, code="latency_spike", severity=Severity.INFO),
    finding(5, code="locked", class_=Class.INFORMATION),
]
ROWS = [tick(0), tick(1, 2, 99, SPIKE | LOCKED), tick(2, 2, 5.0, SPIKE), tick(3, 1), tick(4, 3), tick(5, kind=4)]


@pytest.fixture
def surveyed() -> Surveyed:
    return survey("feed", 2, table_of(ROWS), FINDINGS, {"torn": 3})


def test_ticks_and_findings_are_counted(surveyed):
    assert surveyed.ticks == 5, "a heartbeat is no tick of kinds 0 to 3"
    assert surveyed.by_quality == {"good": 2, "suspect": 1, "corrupt": 2, "market_event": 1}
    assert surveyed.by_class == {
        "corrupt_tick": {"spike": 1},
        "feed_anomaly": {"latency_spike": 1, "silent": 2},
        "information": {"locked": 1},
    }


def test_unexpected_is_what_a_clean_feed_would_not_have(surveyed):
    # Information and anomalies of severity info are expected; a code that only names corrupt ticks has no severity of its own.
    assert surveyed.unexpected == (
        Unexpected("spike", "critical", 1, 2),
        Unexpected("locked", "", 0, 1),
        Unexpected("silent", "critical", 2, 0),
    )


def test_a_reading_stands_beside_what_it_was_written_for(surveyed):
    notes = Notes(
        readings=(
            Reading("feed", "spike", 1, 2, "a print\nthat | snapped back"),
            Reading("feed", "silent", 5, 0, "lunch"),
            Reading("feed", "crossed", 1, 1, "gone"),
        )
    )
    text = page([surveyed], notes, "make it", "model m")
    assert "| feed | `spike` | critical | 1 | 2 | a print that \\| snapped back |" in text
    assert f"| feed | `silent` | critical | 2 | 0 | {UNREAD}: written for 5 findings and 0 ticks: lunch |" in text
    assert f"| feed | `locked` | – | 0 | 1 | {UNREAD} |" in text
    assert "not found any more: feed `crossed`" in text
    assert unread([surveyed], notes) == 2


def test_the_page_shows_totals_cleaners_and_what_could_not_be_read(surveyed):
    broken = Surveyed("torn", 1, error="torn.zip: not a zip")
    text = page([surveyed, broken], Notes(left_out={"*.md": "no feed"}), "make it", "model m")
    assert "| feed | 2 | 5 | 2 | 1 | 1 |" in text
    assert "| torn | 1 | – | – | – | – | torn.zip: not a zip | |" in text
    assert "5 ticks in all, 2 of them called corrupt (400000.0 a million)" in text
    assert "| feed | 400,000.0 |" in text
    assert "| tickproof | 2 | 2 | 0 | 0 | 0 | 0 |" in text
    assert "Left out: `*.md`, no feed." in text


def test_files_are_one_recording_by_folder_or_as_the_notes_say():
    root = Path("root")
    files = [root / name for name in ("a/x.zip", "a/y.zip", "b/raw1.gz", "b/raw2.gz", "b/answer.gz")]
    notes = Notes(together={"b, raw": ["b/raw*"]}, left_out={"b/answer*": "derived"})
    assert notes.grouped(files, root) == {"a": files[:2], "b, raw": files[2:4]}
    assert Notes().grouped(files, root) == {"a": files[:2], "b": files[2:]}


def test_notes_are_read_from_toml(tmp_path):
    path = tmp_path / "notes.toml"
    assert Notes.read(path) == Notes()
    path.write_text(
        '[together]\n"b, raw" = ["b/raw*"]\n[left_out]\n"*.md" = "no feed"\n'
        '[[reading]]\nrecording = "feed"\ncode = "spike"\nfindings = 1\nticks = 2\ntext = "why"\n'
    )
    assert Notes.read(path) == Notes({"b, raw": ["b/raw*"]}, {"*.md": "no feed"}, (Reading("feed", "spike", 1, 2, "why"),))


@pytest.mark.parametrize("content", ["nonsense", "[readings]\n", '[[reading]]\nrecording = "feed"\n'])
def test_notes_that_are_none_are_an_error_that_names_the_file(tmp_path, content):
    path = tmp_path / "notes.toml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"notes\.toml"):
        Notes.read(path)


def test_the_command_scans_every_recording_and_goes_on_where_one_is_broken(tmp_path):
    market = simulate(Market(seed=3, minutes=0.05, symbols=4))
    table = pa.Table.from_batches([to_arrow(concat(list(market)))])
    for name in ("one", "two"):
        (tmp_path / "in" / name).mkdir(parents=True)
        pq.write_table(table, tmp_path / "in" / name / "ticks.parquet")
    torn = tmp_path / "in" / "torn"
    torn.mkdir()
    (torn / "ticks.parquet").write_bytes((tmp_path / "in" / "one" / "ticks.parquet").read_bytes()[:1000])
    out, scans = tmp_path / "page.md", tmp_path / "scans"
    result = CliRunner().invoke(
        command, [str(tmp_path / "in"), "--out", str(out), "--model", "none", "--scans", str(scans)], catch_exceptions=False
    )
    assert "3 recordings" in result.output
    text = out.read_text()
    counted = int(np.count_nonzero(table.column("kind").to_numpy() <= 3))
    assert text.count(f"| 1 | {counted:,} |") == 2
    assert "| torn | 1 | – |" in text
    assert (scans / "one" / "scored.parquet").exists()


def test_the_wildest_minute_is_found_and_what_was_said_of_it():
    """A quote a quarter of a second for two hours, 1 bp a minute; in one minute 1 %, of which one tick is called corrupt."""
    count = 28_800
    bid = np.full(count, 100 * 10**9) + np.where(np.arange(count) % 2, 10**7, 0)
    bid[12_000:12_240] += np.linspace(0, 10**9, 240).astype(np.int64)
    quality = np.zeros(count, np.uint8)
    quality[12_100] = 2
    columns = {
        "ts_recv": ns(0) + np.arange(count) * (10**9 // 4),
        "venue": ["X"] * count,
        "symbol": ["A"] * count,
        "kind": np.zeros(count, np.uint8),
        "bid_px": bid,
        "ask_px": bid + 10**7,
        "final_quality": quality,
    }
    told = [finding(3000 + k, symbol="A", venue="X", code="frozen") for k in range(2)]
    first = wildest(pa.table(columns), [*told, finding(9000, symbol="A", venue="X", code="frozen")])[0]
    assert (first.instrument, first.ticks, first.corrupt, first.critical) == ("X A", 240, 1, 2)
    assert first.minute == str(np.datetime64(ns(3000), "ns").astype("datetime64[m]"))
    assert 90 < first.range_bp < 101
    assert first.times > 50
    (line,) = table([("feed", [first])], {first.minute: "news"})[2:]
    assert line.endswith("| 240 | 1 | 2 | news |")

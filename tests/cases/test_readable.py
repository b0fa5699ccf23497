"""Files that could not be read, or only seemed to be: one line says what is wrong, and nothing looks fine that is not."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.offline.scan import scan
from tests.cases.commands_run import ran, scanned

CORRUPT = 2


@pytest.fixture
def cases(shared: Path) -> Path:
    return shared / "cases"


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("undecoded-all/no_line_decodes.jsonl", ["at most 9 decimals", "line 1"]),
        ("empty-files/header_only.csv", ["holds no ticks"]),
        ("other-captures/foreign_udp.pcap", ["no IEX in this capture", "6 packets"]),
        ("other-captures/tcp_only.pcap", ["no IEX in this capture", "1 packets"]),
        ("iex-other-feeds/other_protocol.pcap", ["DEEP (0x8004)", "3 segments", "only TOPS 1.6"]),
        ("cryptofeed-others/NOWHERE.ws.1.0", ["ws.nowhere.example", "9 messages", "binance, coinbase, kraken, bitmex"]),
        ("twelve-decimals/ticks.jsonl", ["price: expected at most 9 decimals (10)"]),
        ("twelve-decimals/BINANCE.ws.1.0", ["expected at most 9 decimals (10)", "0.000000000064"]),
        ("dbn-versions/legacy.dbz", ["DBZ", "`dbn`"]),
        ("id-holes-vendor-csv/vendor_trades.csv", ["7 columns", "recordings --describe"]),
        ("polygon-flat/decimals.csv", ["whole units of 1e-9", "276.16 is 276160000000", "docs/formats.md"]),
    ],
)
def test_what_holds_no_ticks_is_said_in_one_line(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str, said: list[str]
) -> None:
    found = scanned(capsys, tmp_path / "out", cases / case)
    assert found.ran.status == 3
    (line,) = found.ran.errors
    assert all(words in line for words in said), line
    assert "lean" not in line.lower()
    # No report that looks fine.
    assert not (tmp_path / "out").exists()
    assert ran(capsys, "recordings", cases / case).status == 3


def test_a_capture_without_iex_has_no_format_in_a_list(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = ran(capsys, "recordings", cases / "other-captures", cases / "empty-files", "--json")
    assert done.status == 3


@pytest.mark.parametrize("name", ["ts_recv_as_timestamp", "wide_integers", "optional_columns_missing"])
def test_parquet_as_other_tools_write_it_is_read_alike_by_command_and_notebook(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = cases / "own-parquet-timestamps" / f"{name}.parquet"
    found = scanned(capsys, tmp_path / "out", path)
    assert found.ran.status == 0
    assert len(found.ticks) == 50
    assert [tick["ts_recv"] for tick in found.ticks] == [1_710_756_000_000_000_000 + 10**9 * k for k in range(50)]
    table = scan(pq.read_table(path)).scored
    assert table.column("ts_recv").to_pylist() == [tick["ts_recv"] for tick in found.ticks]


def test_good_files_of_a_folder_are_judged_and_broken_ones_named(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = scanned(capsys, tmp_path / "out", cases / "cut-files-one-damaged")
    assert found.ran.status == 3
    assert len(found.ticks) == 40
    assert len(found.ran.errors) == 2
    assert "broken.parquet" in found.ran.errors[0]
    assert "20240318_trade.zip" in found.ran.errors[1]
    assert ran(capsys, "recordings", cases / "cut-files-one-damaged").status == 3


def test_times_of_another_unit_are_counted_by_column_and_unit(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = scanned(capsys, tmp_path / "out", cases / "tardis")
    assert found.ran.status == 0
    assert len(found.ticks) == 1
    undecoded = json.loads((tmp_path / "out" / "scan.json").read_text())["undecoded"]
    ((reason, count),) = undecoded.items()
    assert (count, "local_timestamp: out of range" in reason, "µs" in reason) == (2, True, True)
    found = scanned(capsys, tmp_path / "far", cases / "unit-switch-beyond-int64")
    ((reason, count),) = json.loads((tmp_path / "far" / "scan.json").read_text())["undecoded"].items()
    assert (count, reason.startswith("ts_recv: "), "2262-04-11" in reason) == (10, True, True)


def test_sizes_beyond_64_bits_are_counted_with_the_limit(cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = scanned(capsys, tmp_path / "out", cases / "large-sizes" / "four_sizes_beyond_int64.jsonl")
    assert len(found.ticks) == 36
    summary = json.loads((tmp_path / "out" / "scan.json").read_text())
    ((reason, count),) = summary["undecoded"].items()
    assert (count, "size" in reason, "at most" in reason, "9223372036.854775807" in reason) == (4, True, True, True)
    assert "four_sizes_beyond_int64.jsonl, line 11" in summary["first_undecoded"]


def test_a_finding_names_the_file_and_line_of_its_tick(cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = scanned(capsys, tmp_path / "out", cases / "which-file")
    (wrong,) = [one for one in found.findings if one["code"] == "sentinel_value"]
    origin = wrong["evidence"]["origin"]
    assert (Path(origin["file"]).name, origin["line"]) == ("b.jsonl", 41)


def test_a_split_that_is_announced_moves_levels_and_nothing_else(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = cases / "split"
    found = scanned(capsys, tmp_path / "out", folder / "one_symbol.jsonl", "--reference", folder / "ref.toml")
    assert found.ran.status == 0
    assert len(found.ticks) == 120
    assert all(tick["final_quality"] != CORRUPT for tick in found.ticks)
    # What is said is of the pause in the recording, and not of a price.
    assert found.codes() <= {"silent"}

"""What is done with recordings of every format: listed, described as reference data, scanned."""

from __future__ import annotations

import json
from pathlib import Path

import databento_dbn as dbn
import pytest
from click.testing import CliRunner

from commands.recordings.recordings import command as recordings
from commands.scan import command as scan
from jobs.pipeline.reference_file import load
from producers.recordings.registry import RECORDINGS, known
from tests.support.recording_samples import SAMPLES, dbn_file, dbn_trade, iex_quote, iex_segment, pcap, text, udp

FIELDS = {"path", "format", "ticks", "messages", "by_kind", "undecoded"}


def scanned(out: Path, *arguments: object) -> dict[str, object]:
    result = CliRunner().invoke(
        scan, [*map(str, arguments), "--out", str(out), "--model", "none", "--no-report", "--json"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    summary: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
    return summary


def test_a_folder_of_all_formats_is_listed_with_what_is_in_it(tmp_path: Path) -> None:
    for format_ in RECORDINGS:
        folder = tmp_path / format_.name
        folder.mkdir()
        SAMPLES[format_.name][0](folder)
    text(tmp_path, "README.md", "no ticks")
    result = CliRunner().invoke(recordings, [str(tmp_path), "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    listed = json.loads(result.stdout)
    assert all(set(one) >= FIELDS for one in listed)
    by_format: dict[str, int] = {}
    for one in listed:
        by_format[one["format"]] = by_format.get(one["format"], 0) + one["ticks"]
    assert by_format == {**{format_.name: 3 for format_ in RECORDINGS}, None: 0}
    for one in listed:
        assert sum(one["by_kind"].values()) == one["ticks"]
        assert one["undecoded"] == {}
    plain = CliRunner().invoke(recordings, [str(tmp_path)], catch_exceptions=False)
    assert plain.stdout.splitlines()[-1] == f"{3 * len(RECORDINGS)} ticks in {len(listed)} files, 0 undecoded"


def test_a_broken_file_of_a_folder_is_listed_and_alone_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.dbn").write_bytes(b"DBN\x01\x10\0\0\0short")
    result = CliRunner().invoke(recordings, [str(tmp_path), "--json"], catch_exceptions=False)
    (one,) = json.loads(result.stdout)
    assert (one["format"], one["ticks"]) == ("dbn", 0)
    assert any(reason.startswith("not read: ") for reason in one["undecoded"])
    assert CliRunner().invoke(recordings, [str(tmp_path / "a.dbn")]).exit_code != 0


def test_reference_out_is_what_a_job_reads(tmp_path: Path) -> None:
    path, out = SAMPLES["taq"][0](tmp_path), tmp_path / "reference.json"
    result = CliRunner().invoke(recordings, [str(path), "--reference-out", str(out)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "TAQ.TRADE none" in result.stdout
    assert load(out).channels == known([path]).channels


@pytest.mark.parametrize("name", SAMPLES)
def test_every_format_can_be_scanned(name: str, tmp_path: Path) -> None:
    path = SAMPLES[name][0](tmp_path)
    summary = scanned(tmp_path / "out", path)
    assert summary["ticks"] == 3
    # LEAN's sample is of midnight, that of IEX of a Sunday: both formats imply the hours of US exchanges.
    assert summary["by_code"] == ({"out_of_session": 1} if name in ("lean", "iex") else {})


def test_holes_are_gaps_only_where_the_format_counts_without_holes(tmp_path: Path) -> None:
    holes = [dbn_trade(index) for index in range(3)]
    part = dbn_file(tmp_path / "t.dbn", dbn.Schema.TRADES, holes)
    assert scanned(tmp_path / "out", part)["by_code"] == {}
    explicit = tmp_path / "reference.json"
    explicit.write_text('{"channels": {"XNAS.ITCH.TRADES": {"sequence": "contiguous"}}}')
    assert scanned(tmp_path / "out", part, "--reference", explicit)["by_code"] == {"sequence_gap": 1}
    capture = tmp_path / "t.pcap"
    capture.write_bytes(pcap([udp(iex_segment([iex_quote()], number)) for number in (1, 2, 5)]))
    assert scanned(tmp_path / "out", capture)["by_code"] == {"sequence_gap": 1, "out_of_session": 1}


@pytest.mark.parametrize(
    "folder", ["highfrequency/sampleTDataRaw.csv.gz", "go-iex", "cryptofeed", "databento-python", "lobster", "nautilus_trader"]
)
def test_shared_recordings_can_be_scanned_and_nothing_is_said_of_numbers(folder: str, data: Path, tmp_path: Path) -> None:
    """Real, and without a known loss: whatever else is found, numbers are whole."""
    summary = scanned(tmp_path / "out", data / folder)
    assert summary["ticks"]
    assert summary["undecoded"] == {}
    codes = summary["by_code"]
    assert isinstance(codes, dict)
    assert not set(codes) & {"sequence_gap", "sequence_reset", "duplicate", "duplicate_changed", "replayed_block"}

"""A scan goes on where a step fails or a message cannot be decoded, accounts for each, and its exit status says so."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import main
from jobs.offline.scan import scan
from jobs.pipeline.decoding import ORDINARY, RawRecord
from jobs.pipeline.engine import Engine
from jobs.pipeline.settings import PipelineSettings
from tests.support.flink_shells import FINAL_MS, Shells
from tests.support.kill_guarantees import blind_steps, failing_steps, is_of_payload
from tests.support.streams import Market, Tape, at
from tickproof.channel import step as channels
from tickproof.findings.finding import VERDICT, VERDICTS, Finding, decode
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import NS_PER_MS, Array, Ticks, is_scored
from tickproof.wire import encode_json

IN_CHANNEL, IN_SHARD = 150, 90


@pytest.fixture(scope="module")
def market() -> Ticks:
    """Three venues for 14 s, one price below zero."""
    market = Market()
    market.first.trade(12.03, -1.0)
    market.go_on(12.05, 14)
    return market.ticks()


def written(ticks: Ticks, folder: Path) -> Path:
    path = folder / "ticks.parquet"
    pq.write_table(pa.Table.from_batches([to_arrow(ticks)]), path)
    return path


def run(source: Path, out: Path, *options: str) -> int:
    """The exit status of the command line."""
    with pytest.raises(SystemExit) as ended:
        main(["scan", str(source), "--out", str(out), "--model", "none", "--no-report", *options])
    return int(ended.value.code or 0)


def letters(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "dead-letters.jsonl").read_text().splitlines()]


def test_a_tick_that_a_step_fails_on_is_left_out_and_the_others_go_on(
    market: Ticks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out, wanted = written(market, tmp_path), tmp_path / "out", tmp_path / "wanted"
    bad = np.flatnonzero(np.isin(market.rows["sequence"], (IN_CHANNEL, IN_SHARD)))
    with failing_steps(monkeypatch, IN_CHANNEL, IN_SHARD):
        assert run(source, out, "--json") == 1
    summary = json.loads(capsys.readouterr().out)
    assert (summary["ticks"], summary["dead_ticks"], summary["dead_messages"]) == (len(market) - len(bad), len(bad), 0)
    assert len(bad) == 6
    dead = letters(out)
    assert sorted(letter["row"] for letter in dead) == bad.tolist()
    for letter in dead:
        stage = "channel" if letter["tick"]["sequence"] == IN_CHANNEL else "shard"
        assert (letter["stage"], letter["exception"]) == ("TRANSFORMATION", "ArithmeticError")
        assert letter["reason"] == f"on purpose, in the {stage}'s stage"
        row = market.rows[letter["row"]]
        assert letter["tick"]["ts_recv"] == row["ts_recv"]
        assert letter["tick"]["channel"] == market.names[row["channel"]]
    # The rows that are there are the input's others, and are judged as if those had never come.
    scored = pq.read_table(out / "scored.parquet")
    kept = np.delete(np.arange(len(market)), bad)
    assert scored.column("ts_recv").to_pylist() == market.rows["ts_recv"][kept].tolist()
    assert list(zip(*(scored.column(name).to_pylist() for name in VERDICTS), strict=True)) == blind(market, kept, monkeypatch)
    assert 2 in scored.column("final_quality").to_pylist()
    # Nothing fails: nothing is there, and the status is 0.
    assert run(source, wanted) == 0
    assert letters(wanted) == []


def blind(market: Ticks, kept: Array, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The verdicts on the rows `kept`, of steps that never see the others."""
    rows = market.rows.copy()
    rows["offset"] = np.arange(len(rows))
    engine = Engine(PipelineSettings())
    with blind_steps(monkeypatch, IN_CHANNEL, IN_SHARD):
        outputs = [engine.feed(Ticks(rows, market.names)), engine.finish()]
    results = [result for output in outputs for _, result in output.scored]
    verdicts = np.zeros(len(market), VERDICT)
    for result in results:
        verdicts[result.final.rows["offset"]] = result.verdicts
    assert sum(len(result.final) for result in results) == len(kept)
    return list(zip(*(verdicts[name][kept].tolist() for name in VERDICTS), strict=True))


def test_people_are_told(
    market: Ticks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with failing_steps(monkeypatch, IN_CHANNEL, IN_SHARD):
        assert run(written(market, tmp_path), tmp_path / "out") == 1
    assert "6 ticks that a step failed on were left out" in capsys.readouterr().out


def test_a_frame_keeps_its_index_where_rows_are_left_out(market: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pa.Table.from_batches([to_arrow(market)]).to_pandas()
    frame.index = frame.index + 1_000
    with failing_steps(monkeypatch, IN_CHANNEL, IN_SHARD):
        result = scan(frame)
    bad = np.isin(market.rows["sequence"], (IN_CHANNEL, IN_SHARD))
    assert result.scored.index.tolist() == frame.index[~bad].tolist()
    assert sorted(letter.row for letter in result.dead_letters) == np.flatnonzero(bad).tolist()


def test_where_everything_fails_the_scan_stops_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = Tape()
    for k in range(1_500):
        tape.quote(0.01 * k)
    source = written(tape.ticks(), tmp_path)

    def fails(state: Any, ticks: Ticks, *rest: Any) -> Any:
        raise ArithmeticError("on purpose")

    with monkeypatch.context() as inner:
        inner.setattr(channels, "step", fails)
        assert run(source, tmp_path / "out") == 5
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith(
        "tickproof: channel XNAS.A: 1,000 ticks in a row failed alike, the last with ArithmeticError: on purpose"
    )
    assert not (tmp_path / "out").exists()


def test_help_names_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["scan", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "Exit status 1 means that there are such ticks; 5," in text
    assert "dead-letters.jsonl" in text


# --- messages that cannot be decoded ----------------------------------------------------------------------------------------

# Two that are not JSON, and two whose columns are not a tick's.
JUNK = {0: b"{", 40: b'{"ts_recv": 1}', 41: b"\xff\xfe", 90: b"[1, 2]"}
"""Line -> what stands there instead of a tick; the first line of all is a tick, or the format would not be known."""


def lines_of(market: Ticks) -> list[bytes]:
    lines = encode_json(market.take(slice(0, 100)))
    for place, junk in JUNK.items():
        lines.insert(place + 1, junk)
    return lines


def findings_of(out: Path) -> list[Finding]:
    return [decode(line) for line in (out / "findings.jsonl").read_bytes().splitlines()]


def as_the_job(lines: Sequence[bytes], market: Ticks, name: str) -> list[Finding]:
    """What the job says of a topic's partition that holds these lines as JSON ticks without keys."""
    records, before = [], at(0)
    ticks = iter(market.rows["ts_recv"].tolist())
    for row, line in enumerate(lines):
        before = before if line in JUNK.values() else next(ticks)
        records.append(RawRecord(name, 0, row, before // NS_PER_MS, None, line, ORDINARY))
    shells = Shells(PipelineSettings())
    shells.send(records)
    shells.advance(FINAL_MS)
    return shells.findings()


def test_lines_that_are_not_ticks_are_reported_as_the_job_reports_them(
    market: Ticks, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = lines_of(market)
    source = tmp_path / "ticks.jsonl"
    source.write_bytes(b"\n".join(lines) + b"\n")
    out = tmp_path / "out"
    # The input is wrong, and the scan is not.
    assert run(source, out, "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["ticks"], summary["dead_ticks"], summary["dead_messages"]) == (100, 0, len(JUNK))
    assert sum(summary["undecoded"].values()) == len(JUNK)
    mine = {one.id: one for one in findings_of(out) if is_of_payload(one)}
    theirs = {one.id: one for one in as_the_job(lines, market, source.name) if is_of_payload(one)}
    assert mine == theirs
    assert sorted(one.code for one in mine.values()) == ["payload_unreadable"] * 2 + ["schema_changed"] * 2
    places = sorted((one.evidence["topic"], one.evidence["partition"], one.evidence["offset"]) for one in mine.values())
    assert places == [(source.name, 0, place + 1) for place in JUNK]
    dead = letters(out)
    assert [(letter["file"], letter["row"]) for letter in dead] == [(source.name, place + 1) for place in JUNK]
    assert [letter["value"].encode("utf-8", "surrogateescape") for letter in dead[:2]] == [b"{", b'{"ts_recv": 1}']
    assert dead[2]["value"] == "\\xff\\xfe"
    assert {letter["stage"] for letter in dead} == {"VALUE_CONVERTER"}


def test_each_file_counts_its_own_lines(market: Ticks, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        (folder / name).write_bytes(b"\n".join(lines_of(market)) + b"\n")
    assert run(folder, tmp_path / "out") == 0
    places = {(one.evidence["topic"], one.evidence["partition"]) for one in findings_of(tmp_path / "out") if is_of_payload(one)}
    assert places == {("a.jsonl", 0), ("b.jsonl", 1)}
    assert len(letters(tmp_path / "out")) == 2 * len(JUNK)


def test_a_file_of_which_only_the_first_line_is_a_tick(market: Ticks, tmp_path: Path) -> None:
    source = tmp_path / "ticks.jsonl"
    source.write_bytes(encode_json(market.take(slice(0, 1)))[0] + b"\n" + b"junk\n" * 50)
    assert run(source, tmp_path / "out") == 0
    assert len(letters(tmp_path / "out")) == 50
    assert pq.read_metadata(tmp_path / "out" / "scored.parquet").num_rows == 1


def test_a_file_whose_name_is_not_text_is_named_by_escapes(market: Ticks, tmp_path: Path) -> None:
    source = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl"))
    source.write_bytes(encode_json(market.take(slice(0, 1)))[0] + b"\njunk\n")
    assert run(source, tmp_path / "out") == 0
    (letter,) = letters(tmp_path / "out")
    assert letter["file"] == "caf\\udce9.jsonl"
    assert [finding.code for finding in findings_of(tmp_path / "out")] == ["payload_unreadable"]


def test_where_every_tick_of_a_short_input_fails_the_status_is_that_of_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = Tape()
    for k in range(30):
        tape.quote(0.01 * k)
    good = channels.step

    def fails(state: Any, ticks: Ticks, *rest: Any) -> Any:
        if is_scored(ticks.rows).any():
            raise ArithmeticError("on purpose")
        return good(state, ticks, *rest)

    with monkeypatch.context() as inner:
        inner.setattr(channels, "step", fails)
        assert run(written(tape.ticks(), tmp_path), tmp_path / "out") == 5
    assert "a step failed on every tick: nothing was judged" in capsys.readouterr().out
    assert len(letters(tmp_path / "out")) == 30

"""The offline engine: rows come back in their order with their verdicts, in files, in notebooks and from the command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from commands.scan import command
from jobs.offline import scan_folder
from jobs.offline.input_order import InputOrder
from jobs.offline.result_tables import FINDINGS, STATISTICS, finding_table, statistics_table
from jobs.offline.scan import Slice, canonical, run, scan
from jobs.pipeline.engine import MINIMUM_SLICE
from producers.faults.table import Faults
from producers.market.parameters import Market
from producers.recordings.registry import RECORDINGS, contents
from producers.simulation.day import simulate_all
from producers.streams.heartbeats import Heartbeats
from tests.support.streams import Tape, at, merged, opened, pieces, score
from tickproof.errors import InputError, ModelError, SettingsError, TickError
from tickproof.findings.finding import VERDICT, VERDICTS, decode
from tickproof.ticks.arrow import from_arrow, to_arrow
from tickproof.ticks.schema import NS_PER_MS, NULLABLE, SCHEMA, Ticks, empty, is_scored

SETTINGS = opened()


@pytest.fixture(scope="module")
def market() -> Ticks:
    """Half a minute of a small market with faults of each kind."""
    ticks, _ = simulate_all(Market(seed=11, minutes=0.5, symbols=8), Faults(seed=11, per_kind=1))
    return ticks


def table_of(ticks: Ticks) -> pa.Table:
    return pa.Table.from_batches([to_arrow(ticks)])


def plain(table: pa.Table) -> pa.Table:
    """With strings as strings, so that dictionaries of another order do not differ."""
    kinds = [(field.name, field.type.value_type if pa.types.is_dictionary(field.type) else field.type) for field in table.schema]
    return table.cast(pa.schema(kinds))


def steady(count: int) -> Ticks:
    """So many quotes of one channel, one a millisecond."""
    tape = Tape()
    tape.quote(0.0)
    one = tape.ticks()
    rows = np.repeat(one.rows, count)
    for column, step in (("ts_recv", NS_PER_MS), ("ts_event", NS_PER_MS), ("sequence", 1)):
        rows[column] += (step * np.arange(count)).astype(rows.dtype[column])
    return Ticks(rows, one.names)


def test_rows_come_back_as_they_were_with_the_engines_verdicts(market: Ticks) -> None:
    table = table_of(market)
    result = scan(table, event_time=Heartbeats(1))
    assert plain(result.scored.select(SCHEMA.names)).equals(plain(table))
    assert [name for name in result.scored.column_names if name not in SCHEMA.names] == list(VERDICTS)
    assert all(result.scored.column(name).null_count == 0 for name in VERDICTS)
    # The engine gives them by shard, in the shard's order: each tick is found again by its number in the input.
    rows = market.rows.copy()
    rows["offset"] = np.arange(len(rows))
    direct = score(Ticks(rows, market.names), shards=SETTINGS.shards)
    expected = np.zeros(len(market), VERDICT)
    expected[direct.ticks.rows["offset"]] = direct.verdicts
    for name in VERDICTS:
        np.testing.assert_array_equal(result.scored.column(name).to_numpy(), expected[name], err_msg=name)
    assert np.unique(result.scored.column("final_quality").to_numpy()).tolist() == [0, 1, 2, 3]


def test_a_frame_in_is_a_frame_out(market: Ticks) -> None:
    part = market.take(slice(0, 5_000))
    frame = table_of(part).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}.get)
    frame.index = pd.Index(range(7, 7 + len(frame)), name="mine")
    result, table = scan(frame), scan(table_of(part))
    assert isinstance(result.scored, pd.DataFrame)
    assert result.scored.index.equals(frame.index)
    assert result.scored["bid_px"].dtype == "Int64"
    for name in VERDICTS:
        np.testing.assert_array_equal(result.scored[name].to_numpy(), table.scored.column(name).to_numpy())
    for name in NULLABLE:
        assert (
            result.scored[name].astype(object).where(result.scored[name].notna(), None).tolist()
            == table.scored.column(name).to_pylist()
        )
    assert len(result.findings) == len(table.findings)
    assert len(result.statistics) == len(table.statistics)


def test_nothing_in_is_nothing_out() -> None:
    result = scan(table_of(empty()), event_time=Heartbeats(1))
    assert [len(part) for part in (result.scored, result.findings, result.statistics)] == [0, 0, 0]
    assert result.findings.schema == FINDINGS
    assert result.statistics.schema == STATISTICS


def test_capture_heartbeats_of_the_input_stay_in_their_places() -> None:
    tape = Tape()
    for k in range(30):
        tape.quote(0.1 * k)
    places = [tape.capture_heartbeat(3.0), tape.capture_heartbeat(4.0)]
    tape.trade(4.5, price=-1.0)
    result = scan(table_of(tape.ticks()))
    quality = result.scored.column("final_quality").to_pylist()
    assert len(quality) == len(tape)
    assert [quality[place] for place in places] == [0, 0]
    assert quality[-1] == 2


def test_ticks_behind_the_watermark_are_counted_and_judged_by_themselves() -> None:
    slow = Tape(channel="XNAS.B", symbol="DEF")
    slow.trade(0.0, price=-1.0)
    slow.trade(0.5)
    slices = list(run([steady(MINIMUM_SLICE + 10), slow.ticks()], SETTINGS))
    assert sum(part.overtaken for part in slices) == 2
    ticks, verdicts = [block for part in slices for block in part.blocks][-1]
    assert ticks.rows["ts_recv"].tolist() == [at(0.0), at(0.5)]
    assert verdicts["final_quality"].tolist() == [2, 0]


def test_memory_holds_what_is_not_final_and_no_more() -> None:
    ticks = steady(6 * MINIMUM_SLICE)
    read, written, most = 0, 0, 0
    for part in run(pieces(ticks, range(0, len(ticks), 4_000)), SETTINGS, Heartbeats(1)):
        read += part.read
        written += sum(len(block) for block, _ in part.blocks)
        most = max(most, read - written)
    assert (read, written) == (len(ticks), len(ticks))
    # What waits for a slice, the second of out-of-orderness and the lookahead (a thousand ticks a second), two batches.
    assert most <= MINIMUM_SLICE + 1_250 + 2 * 4_000


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_input_order_gives_back_each_row_once_in_order(sizes: list[int], shuffle: object) -> None:
    order, stamped = InputOrder(), []
    for size in sizes:
        tape = Tape()
        for k in range(size):
            tape.trade(k)
        stamped += [order.add(tape.ticks())]
    rows = np.concatenate([ticks.rows for ticks in stamped])
    places = list(range(len(rows)))
    shuffle.shuffle(places)  # type: ignore[attr-defined]
    taken: list[tuple[Ticks, np.ndarray]] = order.take()  # type: ignore[type-arg]
    for place in places:
        verdict = np.zeros(1, VERDICT)
        verdict["final_score"] = rows["offset"][place]
        order.settle(Ticks(rows[place : place + 1], stamped[0].names), verdict)
        taken += order.take()
    assert len(order) == 0
    assert np.concatenate([verdicts["final_score"] for _, verdicts in taken]).tolist() == list(range(len(rows)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop_columns(["venue"]), "venue is missing"),
        (lambda table: table.append_column("px", table.column("price")), "px is unknown"),
        (lambda table: table.set_column(0, "ts_recv", pa.array(["now"] * len(table))), "ts_recv: found string"),
    ],
)
def test_what_is_no_table_of_ticks_is_said(market: Ticks, change: object, message: str) -> None:
    with pytest.raises(TickError, match=message):
        canonical(change(table_of(market.take(slice(0, 3)))))  # type: ignore[operator]


def test_absent_nullable_columns_are_null_and_integers_are_widened(market: Ticks) -> None:
    table = table_of(market.take(slice(0, 50))).drop_columns(["trade_id"])
    table = table.set_column(table.column_names.index("conditions"), "conditions", table.column("conditions").cast(pa.int64()))
    ticks = from_arrow(canonical(table))
    assert len(ticks) == 50
    assert not (ticks.rows["present"] & NULLABLE["trade_id"]).any()


# Files


def written(folder: Path, ticks: Ticks, cuts: range) -> scan_folder.Counts:
    return scan_folder.write(run(pieces(ticks, cuts), SETTINGS, Heartbeats(1)), folder)


def test_files_hold_what_the_notebook_gives_however_the_input_is_cut(market: Ticks, tmp_path: Path) -> None:
    result = scan(table_of(market), event_time=Heartbeats(1))
    counts = written(tmp_path / "out", market, range(0, len(market), 7_001))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(scan_folder.FILES)
    scored, findings, statistics, dead_letters = (tmp_path / "out" / name for name in scan_folder.FILES)
    assert dead_letters.read_bytes() == b""
    assert plain(pq.read_table(scored)).equals(plain(result.scored))
    found = [decode(text) for text in findings.read_bytes().splitlines()]
    assert finding_table(found).equals(result.findings)
    assert found == sorted(found, key=lambda finding: (finding.first_ts, finding.id))
    assert len({finding.id for finding in found}) == len(found)
    key = [("ts", "ascending"), ("scope", "ascending")]
    assert pq.read_table(statistics).sort_by(key).equals(result.statistics.sort_by(key))
    assert counts.ticks == int(is_scored(market.rows).sum()) == sum(counts.by_quality.values())
    assert sum(counts.by_code.values()) == sum(counts.by_severity.values()) == len(found)


def test_a_scan_that_fails_leaves_the_earlier_one_alone(market: Ticks, tmp_path: Path) -> None:
    part = market.take(slice(0, 2_000))
    written(tmp_path, part, range(0))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def broken() -> Iterator[Ticks]:
        yield part
        raise InputError("the file is broken from here on")

    with pytest.raises(InputError):
        scan_folder.write(run(broken(), SETTINGS), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot write to"):
        scan_folder.write(iter([Slice([], [], [], 0, 0)]), tmp_path / "file" / "out")


def test_statistics_keep_their_types_and_nulls(market: Ticks) -> None:
    rows = [row for part in run([market], SETTINGS, Heartbeats(1)) for row in part.statistics]
    table = statistics_table(rows)
    assert {row.mid is None for row in rows} == {True, False}
    assert table.column("scope").to_pylist() == [row.scope for row in rows]
    assert table.column("mid").to_pylist() == [row.mid for row in rows]
    assert table.column("volatility").to_pylist() == [row.volatility for row in rows]


# The command


@pytest.mark.slow
def test_the_command_writes_everything_and_says_what_it_did(market: Ticks, tmp_path: Path) -> None:
    source = tmp_path / "ticks.parquet"
    pq.write_table(table_of(market), source)
    out = tmp_path / "out"
    result = CliRunner().invoke(command, [str(source), "--out", str(out), "--model", "none", "--json"], catch_exceptions=False)
    said = json.loads(result.stdout)
    assert sorted(path.name for path in out.iterdir()) == sorted([*scan_folder.FILES, "scan.json", "report.html"])
    assert said["ticks"] == len(market)
    assert said["model"] == "none"
    assert said["overtaken"] == 0
    assert said["report"] == str(out / "report.html")
    stored = json.loads((out / "scan.json").read_text())
    assert {name: stored[name] for name in said if name in stored} == {name: said[name] for name in said if name != "report"}
    text = CliRunner().invoke(command, [str(source), "--out", str(out), "--model", "none", "--no-report"], catch_exceptions=False)
    assert f"{len(market):,} ticks" in text.stdout
    for code in said["by_code"]:
        assert code in text.stdout


def test_only_the_wanted_symbols(market: Ticks, tmp_path: Path) -> None:
    source = tmp_path / "ticks.parquet"
    table = plain(table_of(market))
    pq.write_table(table, source)
    symbol = next(name for name in table.column("symbol").to_pylist() if name)
    arguments = [str(source), "--out", str(tmp_path / "out"), "--model", "none", "--symbol", symbol, "--no-report"]
    CliRunner().invoke(command, arguments, catch_exceptions=False)
    found = pq.read_table(tmp_path / "out" / "scored.parquet", columns=["symbol"]).column("symbol").unique().to_pylist()
    assert symbol in found
    assert set(found) <= {symbol, None}


def test_a_model_that_is_not_there_is_an_error(tmp_path: Path, market: Ticks) -> None:
    source = tmp_path / "ticks.parquet"
    pq.write_table(table_of(market.take(slice(0, 10))), source)
    result = CliRunner().invoke(command, [str(source), "--out", str(tmp_path / "out"), "--model", "nowhere"])
    assert isinstance(result.exception, ModelError)
    assert not (tmp_path / "out").exists()


def test_a_scored_file_can_be_scanned_again(market: Ticks, tmp_path: Path) -> None:
    written(tmp_path / "first", market, range(0))
    arguments = [str(tmp_path / "first" / "scored.parquet"), "--out", str(tmp_path / "second"), "--model", "none", "--no-report"]
    assert CliRunner().invoke(command, arguments, catch_exceptions=False).exit_code == 0
    one, two = (plain(pq.read_table(tmp_path / name / "scored.parquet")) for name in ("first", "second"))
    assert one.equals(two)


def test_a_real_recording_is_scored_row_by_row(data: Path, tmp_path: Path) -> None:
    source = data / "lean" / "forex" / "oanda" / "tick" / "eurusd" / "20140501_quote.zip"
    if not source.is_file():
        pytest.skip("no EURUSD recording there")
    arguments = [str(source), "--out", str(tmp_path), "--model", "none", "--json"]
    said = json.loads(CliRunner().invoke(command, arguments, catch_exceptions=False).stdout)
    assert said["undecoded"] == {}
    lean = next(format_ for format_ in RECORDINGS if format_.name == "lean")
    # Counted by a reader that scores nothing.
    assert said["ticks"] == contents(source, lean).messages == pq.read_metadata(tmp_path / "scored.parquet").num_rows


def test_tapes_merge(tmp_path: Path) -> None:
    """Two channels of one instrument: quotes and trades, as real feeds send them."""
    quotes, trades = Tape(channel="X.Q"), Tape(channel="X.T")
    for k in range(100):
        quotes.quote(0.05 * k)
        trades.trade(0.05 * k + 0.01)
    counts = written(tmp_path, merged(quotes, trades), range(0, 200, 37))
    assert counts.by_quality["good"] == 200

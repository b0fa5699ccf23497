"""Recordings as tables: canonical CSV and JSON lines, TrueFX, tardis, Binance's depth, Parquet of nautilus_trader."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from producers.recordings.registry import BY_NAME, Tally, contents, find
from tests.support.recording_samples import SAMPLES, TIME_NS, plain_ticks, text
from tickproof.errors import InputError, TickError
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import Flag, Kind, Present, Ticks, concat
from tickproof.wire import encode_json


def read(path: Path, name: str, tally: Tally | None = None) -> Ticks:
    ((_, format_),) = find([path])
    assert format_.name == name
    return concat(list(format_.read(path, tally or Tally())))


def test_canonical_csv_comes_back_as_it_was(tmp_path: Path) -> None:
    rows = plain_ticks(4).rows.copy()
    rows["present"] |= np.uint16(Present.SEQUENCE | Present.TS_EVENT)
    rows["sequence"] = [0, 1, 2**63, 2**64 - 1]
    rows["ts_event"] = [-1, 0, 1, 2**62]
    rows["symbol"][1], rows["kind"][1] = -1, Kind.HEARTBEAT
    rows["conditions"][2], rows["flags"][2] = 2**31, 16
    ticks = Ticks(rows, plain_ticks().names)
    table = pa.Table.from_batches([to_arrow(ticks)])
    path = tmp_path / "ticks.csv"
    table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}.get).to_csv(path, index=False)
    back = read(path, "csv")
    assert pa.Table.from_batches([to_arrow(back)]).to_pylist() == table.to_pylist()


def test_csv_kinds_may_be_names_and_columns_may_be_left_out(tmp_path: Path) -> None:
    path = text(tmp_path, "t.csv", "kind,venue,channel,ts_recv", "quote,V,C,7", "6,V,C,8", "x,V,C,9", "1,V,,9")
    tally = Tally()
    rows = read(path, "csv", tally).rows
    assert rows["kind"].tolist() == [Kind.QUOTE, Kind.STATUS]
    assert dict(tally.undecoded) == {"kind: not a number or name of one": 1, "channel: none": 1}
    assert not rows["present"].any()


def test_a_csv_column_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    path = text(tmp_path, "t.csv", "ts_recv,channel,venue,kind,colour", "1,C,V,1,red")
    with pytest.raises(TickError, match="column colour is unknown"):
        read(path, "csv")


def test_json_lines_are_the_ticks_of_the_wire(tmp_path: Path) -> None:
    ticks = plain_ticks(5)
    lines = [line.decode() for line in encode_json(ticks)]
    broken = ['{"ts_recv":1}', "{", '{"ts_recv":1,"channel":"C","venue":"V","kind":1,"price":"x"}']
    path = text(tmp_path, "t.jsonl", *lines[:2], *broken, "", *lines[2:], end="")
    tally = Tally()
    back = read(path, "jsonl", tally)
    wanted = pa.Table.from_batches([to_arrow(ticks)]).to_pylist()
    assert pa.Table.from_batches([to_arrow(back)]).to_pylist() == wanted
    assert (tally.messages, tally.undecoded.total()) == (8, 3)
    assert [reason for reason in tally.undecoded if reason.startswith("price: expected a")]
    assert tally.undecoded["line: not JSON"] == 1


@pytest.mark.parametrize(
    ("lines", "pair"),
    [
        (["EUR/USD,20120101 21:00:00.123,1.29371,1.2940"], "EURUSD"),
        (["timestamp,bid,ask", "2012-01-01 21:00:00.123000+00:00,1.29371,1.2940"], "GBPUSD"),
    ],
)
def test_truefx(tmp_path: Path, lines: list[str], pair: str) -> None:
    ticks = read(text(tmp_path, "gbpusd-ticks.csv", *lines), "truefx")
    (row,) = ticks.rows
    assert row["ts_recv"] == int(datetime(2012, 1, 1, 21, tzinfo=UTC).timestamp()) * 10**9 + 123_000_000
    assert (row["bid_px"], row["ask_px"]) == (1_293_710_000, 1_294_000_000)
    assert row["present"] == Present.BID_PX | Present.ASK_PX
    assert [ticks.name(row[name]) for name in ("channel", "venue", "symbol")] == ["TRUEFX.QUOTE", "TRUEFX", pair]


def test_truefx_times_that_do_not_exist_are_counted(tmp_path: Path) -> None:
    lines = [f"EUR/USD,{time},1,2" for time in ("20120101 21:00:00.123", "20121301 21:00:00.123", "20120101 25:00:00.1", "now")]
    tally = Tally()
    assert len(read(text(tmp_path, "t.csv", *lines), "truefx", tally)) == 1
    assert dict(tally.undecoded) == {"time: none, or no time": 3}


TARDIS = "exchange,symbol,timestamp,local_timestamp"
TIME_US = TIME_NS // 1000
SOURCE = f"deribit,BTC-PERPETUAL,{TIME_US},{TIME_US + 9}"


def test_tardis_trades_quotes_and_books(tmp_path: Path) -> None:
    tally = Tally()
    trade = read(
        text(tmp_path, "t.csv", f"{TARDIS},id,side,price,amount", f"{SOURCE},abc,buy,1.5,2", f"{SOURCE},77,buy,1,2"),
        "tardis",
        tally,
    )
    assert trade.rows["price"].tolist() == [1_500_000_000, 10**9]
    assert trade.rows["trade_id"][1] == 77
    assert (trade.rows["ts_recv"][0], trade.rows["ts_event"][0]) == (TIME_NS + 9_000, TIME_NS)
    assert trade.name(trade.rows["channel"][0]) == "TARDIS.DERIBIT.TRADE"
    header = f"{TARDIS},asks[0].price,asks[0].amount,bids[0].price,bids[0].amount,asks[1].price,asks[1].amount"
    book = read(text(tmp_path, "t.csv", header, f"{SOURCE},101,5,100,6,102,7", f"{SOURCE},,,100,6,102,7"), "tardis").rows
    assert (book["bid_px"][0], book["ask_sz"][0]) == (100 * 10**9, 5 * 10**9)
    assert book["present"][1] & (Present.ASK_PX | Present.ASK_SZ) == Present.ASK_SZ


def test_tardis_changes_of_a_book_tell_its_top(tmp_path: Path) -> None:
    def rows(at: int, *changes: str, snapshot: str = "false") -> list[str]:
        return [f"deribit,BTC,{TIME_US},{TIME_US + at},{snapshot},{change}" for change in changes]

    path = text(
        tmp_path,
        "t.csv",
        f"{TARDIS},is_snapshot,side,price,amount",
        *rows(0, "bid,99,1"),
        *rows(1, "bid,100,1", "ask,101,2", "ask,102,3", snapshot="true"),
        *rows(2, "bid,99,4"),
        *rows(3, "ask,101,0", "bid,100,7"),
        *rows(4, "bid,,7"),
    )
    tally = Tally()
    ticks = read(path, "tardis", tally).rows
    assert ticks["ask_px"].tolist() == [101 * 10**9, 102 * 10**9]
    assert ticks["bid_sz"].tolist() == [10**9, 7 * 10**9]
    assert ticks["flags"].tolist() == [Flag.SNAPSHOT, 0]
    assert ticks["row"].tolist() == [3, 6]
    assert tally.undecoded.total() == 1
    assert tally.without_ticks == {
        "book change before the first snapshot": 1,
        "book change reported with others": 3,
        "book change below the top": 1,
    }
    assert len(ticks) + tally.undecoded.total() + tally.without_ticks.total() == tally.messages


def test_binance_depth_verifies_its_chain(tmp_path: Path) -> None:
    header = "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu"
    lines = ["A,1600000000001,1,5,b,set,100,1,0", "A,1600000000002,6,9,b,set,100,1,5", "A,1600000000003,11,12,b,set,100,1,10"]
    path = text(tmp_path, "t.csv", header, "A,1600000000000,1,1,b,snap,99,1,-1", "A,1600000000000,1,1,a,snap,101,1,-1", *lines)
    tally = Tally()
    rows = read(path, "binance-depth", tally).rows
    # The second break changes nothing that was not told: the book was in doubt already.
    assert rows["bid_px"].tolist() == [99 * 10**9, 100 * 10**9]
    assert rows["flags"].tolist() == [Flag.SNAPSHOT, Flag.MAYBE_BAD_BOOK]
    assert dict(tally.notes) == {"depth chain broken: A": 2, "depth chain verified": 1}


def test_nautilus_floats_become_the_nearest_unit(tmp_path: Path) -> None:
    ticks = read(SAMPLES["nautilus"][0](tmp_path), "nautilus")
    assert ticks.rows["price"].tolist() == [100_250_000_000, 100_500_000_000, 39_432_480_000_000]
    assert ticks.rows["size"].tolist() == [263_000, 4_376_000, 10**9]
    assert ticks.rows["trade_id"].tolist() == [7, 8, 9]
    assert [ticks.name(ticks.rows[0][name]) for name in ("channel", "venue", "symbol")] == [
        "NAUTILUS.BINANCE.TRADE",
        "BINANCE",
        "BTCUSDT",
    ]


@pytest.mark.parametrize("name", ["taq", "tardis", "binance-depth"])
def test_a_file_of_another_header_is_an_error_that_says_what_is_expected(name: str, tmp_path: Path) -> None:
    path = text(tmp_path, "t.csv", "a,b,c", "1,2,3")
    with pytest.raises(InputError, match=r"line 1: found no header"):
        list(BY_NAME[name].read(path, Tally()))


def test_shared_samples_are_what_csv_and_pandas_read(data: Path) -> None:
    path = data / "nautilus_trader" / "truefx" / "usdjpy-ticks.csv"
    rows = read(path, "truefx").rows
    frame = pd.read_csv(path, dtype=str)
    assert len(rows) == len(frame) == 1_000
    assert rows["ts_recv"].tolist() == pd.to_datetime(frame["timestamp"], format="ISO8601").astype("int64").tolist()
    assert rows["bid_px"].tolist() == [round(float(value) * 1e9) for value in frame["bid"]]
    folder = data / "nautilus_trader" / "binance"
    quotes = read(folder / "btcusdt-quotes.parquet", "nautilus").rows
    frame = pd.read_parquet(folder / "btcusdt-quotes.parquet")
    assert np.abs(quotes["ask_px"] - frame["ask"].to_numpy() * 1e9).max() < 1
    assert contents(folder / "btcusdt-trades.parquet", BY_NAME["nautilus"]).ticks == 2_001
    with (folder / "btcusdt-depth-snap.csv").open() as file:
        levels = list(csv.DictReader(file))
    (snapshot,) = read(folder / "btcusdt-depth-snap.csv", "binance-depth").rows
    best = max(float(level["price"]) for level in levels if level["side"] == "b")
    assert snapshot["bid_px"] == round(best * 1e9)
    for file in sorted((data / "nautilus_trader" / "tardis").iterdir()):
        assert contents(file, BY_NAME["tardis"]).undecoded == {}
    rows = read(data / "nautilus_trader" / "tardis" / "bitmex_trades_XBTUSD.csv", "tardis").rows
    assert rows["price"][0] == 8_531_500_000_000
    assert rows["ts_recv"][0] == 1_583_020_803_307_160_000

"""Tardis beside trades, catalogs of nautilus_trader, hours of Dukascopy, hftbacktest, ITCH: units, clocks, what is refused."""

from __future__ import annotations

import gzip
import json
import lzma
import shutil
import struct
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from commands.scan import command as scan
from producers.recordings.hftbacktest import BUY, LOCAL, SELL
from producers.recordings.registry import Tally, contents, find, known, open_recordings
from tests.support.recording_samples import (
    SAMPLES,
    TIME_NS,
    dukascopy_hour,
    hftbacktest_events,
    itch_file,
    itch_message,
    itch_order,
)
from tests.support.recording_samples import nautilus_catalog as catalog
from tickproof.errors import InputError
from tickproof.ticks.schema import Condition, Flag, Kind, Present, Ticks, concat

DEPTH, TRADE, CLEAR, SNAPSHOT = 1, 2, 3, 4


def read(path: Path, tally: Tally | None = None) -> Ticks:
    return concat(list(open_recordings([path], tally=tally)))


@pytest.mark.parametrize("width", [8, 16])
def test_both_precisions_of_a_catalog_are_one(tmp_path: Path, width: int) -> None:
    ticks = read(catalog(tmp_path, width))
    row = ticks.rows[0]
    assert row[["bid_px", "ask_px", "bid_sz", "ask_sz"]].tolist() == (1_121_200_000, 1_121_700_000, 10**15, 2 * 10**15)
    assert (row["ts_recv"], row["ts_event"], ticks.name(row["symbol"]), ticks.name(row["venue"])) == (
        TIME_NS,
        TIME_NS,
        "EUR/USD",
        "SIM",
    )


@pytest.mark.parametrize(
    ("raw", "value", "undecoded"),
    [
        (1_121_200_000 * 10**7, 1_121_200_000, None),
        (-37_630_000_000 * 10**7, -37_630_000_000, None),
        (9_221_000_000 * 10**16, 9_221_000_000 * 10**9, None),
        (-9_221_000_000 * 10**16, -9_221_000_000 * 10**9, None),
        (10**10 * 10**16, None, "bid_price: out of range"),
        (1, None, "bid_price: more than nine decimals"),
        (2**127 - 1, 0, None),
    ],
)
def test_wide_prices_are_exact_or_refused(tmp_path: Path, raw: int, value: int | None, undecoded: str | None) -> None:
    path = catalog(tmp_path)
    table = pq.read_table(path)
    column = pa_column([raw] * 3)
    pq.write_table(table.set_column(0, table.schema.field(0), column), path)
    tally = Tally()
    ticks = read(path, tally)
    assert ticks.rows["bid_px"].tolist() == ([] if value is None else [value] * 3)
    assert all(reason.startswith(undecoded or "?") for reason in tally.undecoded)
    assert len(ticks) + sum(tally.undecoded.values()) == 3
    if raw == 2**127 - 1:
        assert not (ticks.rows["present"] & Present.BID_PX).any()


def pa_column(values: list[int]) -> object:
    import pyarrow as pa

    return pa.array([value.to_bytes(16, "little", signed=True) for value in values], pa.binary(16))


def test_real_catalogs_are_the_same_in_both_precisions_and_bars_are_refused_by_name(data: Path) -> None:
    folder = data / "formats/nautilus_catalog"
    for name, count in (("quotes", 9_500), ("trades", 100)):
        narrow, wide = read(folder / f"64-bit/{name}.parquet"), read(folder / f"128-bit/{name}.parquet")
        assert len(narrow) == count
        assert (narrow.rows == wide.rows).all()
        raw = pq.read_table(folder / f"64-bit/{name}.parquet")
        column, field = ("bid_price", "bid_px") if name == "quotes" else ("price", "price")
        assert narrow.rows[field].tolist() == [
            int.from_bytes(cell, "little", signed=True) for cell in raw.column(column).to_pylist()
        ]
    with pytest.raises(InputError, match="found bars of nautilus_trader, expected quotes or trades"):
        read(folder / "64-bit/bars.parquet")


def test_a_real_hour_is_what_lzma_and_struct_say(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "GBPJPY/2018/00/02/00h_ticks.bi5"
    path.parent.mkdir(parents=True)
    shutil.copy(data / "formats/dukascopy/GBPJPY_hour_00h_ticks.bi5", path)
    plain = list(struct.iter_unpack(">IIIff", lzma.decompress(path.read_bytes())))
    ticks = read(path)
    begin = 1_514_851_200 * 10**9  # 2018-01-02T00:00:00Z
    assert ticks.rows["ts_recv"].tolist() == [begin + row[0] * 10**6 for row in plain]
    assert ticks.rows["ask_px"].tolist() == [row[1] * 10**6 for row in plain]
    assert ticks.rows["bid_px"].tolist() == [row[2] * 10**6 for row in plain]
    assert (ticks.rows["bid_px"] <= ticks.rows["ask_px"]).all()
    assert np.allclose(ticks.rows["bid_sz"] / 1e9, [row[4] for row in plain], rtol=1e-7)
    assert contents(path, find([path])[0][1]).undecoded == {}


def test_hours_whose_place_or_point_is_not_known_are_refused(tmp_path: Path) -> None:
    path = dukascopy_hour(tmp_path, (3_600_000, 1, 1, 1.0, 1.0), (5, 112_172, 112_120, 0.75, 1.12))
    tally = Tally()
    ticks = read(path, tally)
    assert ticks.rows[["bid_px", "ask_px", "bid_sz", "ask_sz"]].tolist() == [
        (1_121_200_000, 1_121_720_000, 1_120_000_000, 750_000_000)
    ]
    assert dict(tally.undecoded) == {"ms: beyond its hour, at most 3599999": 1}
    for place, said in (
        ("x/05h_ticks.bi5", "no hour in the path"),
        ("EURUSD/2020/12/01/05h_ticks.bi5", "months count from 00"),
        ("ABCXYZ/2020/00/01/05h_ticks.bi5", "the point of ABCXYZ is not known"),
    ):
        other = tmp_path / "other" / place
        other.parent.mkdir(parents=True)
        other.write_bytes(path.read_bytes())
        with pytest.raises(InputError, match=said):
            read(other)
    path.write_bytes(path.read_bytes()[:-6])
    tally = Tally()
    read(path, tally)
    assert any("truncated" in reason for reason in tally.undecoded)


def test_events_of_one_message_are_one_quote(tmp_path: Path) -> None:
    path = hftbacktest_events(
        tmp_path,
        (LOCAL | DEPTH | BUY, 9, 99.0, 1.0),
        (LOCAL | SNAPSHOT | BUY, 10, 100.5, 2.0),
        (LOCAL | SNAPSHOT | SELL, 10, 100.6, 3.0),
        (LOCAL | TRADE | BUY, 11, 100.6, 0.1 + 0.2),
        (LOCAL | DEPTH | SELL, 12, 100.6, 0.0),
        (LOCAL | DEPTH | SELL, 12, 100.7, 4.0),
        (1 << 31 | DEPTH | BUY, 13, 100.6, 1.0),
        (LOCAL | DEPTH | BUY, 14, float("nan"), 1.0),
        (LOCAL | CLEAR | BUY, 15, 100.0, 0.0),
        (LOCAL | 10 | BUY, 16, 100.0, 1.0),
    )
    tally = Tally()
    rows = read(path, tally).rows
    assert rows[["kind", "ts_recv", "ts_event", "bid_px", "bid_sz", "ask_px", "ask_sz", "price", "size"]].tolist() == [
        (Kind.QUOTE, 9, 4, 99 * 10**9, 10**9, 0, 0, 0, 0),
        (Kind.QUOTE, 10, 5, 100_500_000_000, 2 * 10**9, 100_600_000_000, 3 * 10**9, 0, 0),
        (Kind.TRADE, 11, 6, 0, 0, 0, 0, 100_600_000_000, 300_000_000),
        (Kind.QUOTE, 12, 7, 100_500_000_000, 2 * 10**9, 100_700_000_000, 4 * 10**9, 0, 0),
        (Kind.QUOTE, 15, 10, 99 * 10**9, 10**9, 100_700_000_000, 4 * 10**9, 0, 0),
    ]
    assert rows["flags"].tolist() == [Flag.MAYBE_BAD_BOOK, 0, 0, 0, 0]
    assert tally.messages == 10
    assert dict(tally.undecoded) == {"px or qty: not a number, or out of range, at most 9223372036.854775807": 1}
    assert dict(tally.without_ticks) == {
        "change of a book": 5,
        "event of the exchange's side alone": 1,
        "book cleared": 1,
        "orders added": 1,
    }
    assert {channel.sequence for channel in known([path]).channels.values()} == {"none"}


def test_another_array_is_no_events(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", data=np.zeros(3))
    with pytest.raises(InputError, match=r"found an array of float64, expected events of ev, exch_ts"):
        read(tmp_path / "x.npz")
    path = SAMPLES["hftbacktest"][0](tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="not a complete npz archive"):
        read(path)


def test_liquidations_of_tardis_are_counted_and_no_trades(data: Path) -> None:
    folder, tally = data / "formats/tardis/liq", Tally()
    rows = {path.name: len(path.read_bytes().splitlines()) - 1 for path in folder.iterdir()}
    ticks = read(folder, tally)
    liquidations = rows["bitmex_liquidations_2020-03-01_XBTUSD.csv"]
    assert len(ticks) == rows["bitmex_trades_2020-03-01_XBTUSD.csv"] > 0
    assert (tally.without_ticks["liquidation"], tally.messages) == (liquidations, len(ticks) + liquidations)
    assert liquidations > 0
    assert set(ticks.rows["kind"].tolist()) == {Kind.TRADE}


def test_a_chain_of_options_is_quotes_with_empty_sides(shared: Path, tmp_path: Path) -> None:
    path = shared / "cases/tardis-types/options_chain.csv"
    rows = read(path).rows
    assert len(rows) == len(path.read_bytes().splitlines()) - 1
    without = (rows["present"] & Present.ASK_PX) == 0
    assert without.any()
    assert (rows["ask_sz"][without] == 0).all()
    assert (rows["present"] & Present.ASK_SZ != 0).all()
    result = CliRunner().invoke(scan, [str(path), "--out", str(tmp_path / "out"), "--model", "none", "--no-report", "--json"])
    assert json.loads(result.stdout.splitlines()[-1])["by_quality"]["corrupt"] == 0


@pytest.mark.parametrize("length", [True, False])
def test_orders_of_itch_make_trades_and_the_top_of_a_book(tmp_path: Path, length: bool) -> None:
    path = itch_file(
        tmp_path,
        itch_order(1, b"B", 100, 100_0000, 10),
        itch_order(2, b"S", 70, 100_1000, 11),
        itch_order(3, b"B", 30, 100_0000, 12),
        itch_message("E", struct.pack(">QIQ", 1, 40, 77), 13),
        itch_message("C", struct.pack(">QIQcI", 2, 70, 78, b"N", 100_0500), 14),
        itch_message("U", struct.pack(">QQII", 3, 4, 10, 99_9900), 15),
        itch_message("X", struct.pack(">QI", 1, 20), 16),
        itch_message("D", struct.pack(">Q", 1), 17),
        itch_message("D", struct.pack(">Q", 99), 18),
        itch_message("P", struct.pack(">QcI8sIQ", 0, b"B", 5, b"ABC     ", 100_0500, 79), 19),
        itch_message("Q", struct.pack(">Q8sIQc", 500, b"ABC     ", 100_0700, 80, b"O"), 20),
        itch_message("B", struct.pack(">Q", 79), 21),
        itch_message("H", b"ABC     " + b"H" + bytes(5), 22),
        itch_message("Y", bytes(9), 23),
        length=length,
    )
    tally = Tally()
    ticks = read(path, tally)
    midnight = 1_548_824_400 * 10**9  # 2019-01-30T05:00:00Z
    quotes = ticks.rows[ticks.rows["kind"] == Kind.QUOTE]
    shares = 10**9
    assert [(row["ts_recv"] - midnight, *row[["bid_px", "bid_sz", "ask_px", "ask_sz"]].tolist()) for row in quotes] == [
        (10, 100 * 10**9, 100 * shares, 0, 0),
        (11, 100 * 10**9, 100 * shares, 100_100_000_000, 70 * shares),
        (12, 100 * 10**9, 130 * shares, 100_100_000_000, 70 * shares),
        (13, 100 * 10**9, 90 * shares, 100_100_000_000, 70 * shares),
        (14, 100 * 10**9, 90 * shares, 0, 0),
        (15, 100 * 10**9, 60 * shares, 0, 0),
        (16, 100 * 10**9, 40 * shares, 0, 0),
        (17, 99_990_000_000, 10 * shares, 0, 0),
    ]
    others = ticks.rows[ticks.rows["kind"] != Kind.QUOTE]
    assert others[["kind", "price", "size", "trade_id", "conditions"]].tolist() == [
        (Kind.TRADE, 100 * 10**9, 40 * shares, 77, 0),
        (Kind.TRADE, 100_050_000_000, 5 * shares, 79, 0),
        (Kind.TRADE, 100_070_000_000, 500 * shares, 80, Condition.AUCTION_OPEN),
        (Kind.TRADE_CANCEL, 0, 0, 79, 0),
        (Kind.STATUS, 0, 0, 0, Condition.HALTED),
    ]
    assert tally.notes == {"order from before the file": 1}
    assert tally.messages == 16
    assert {ticks.name(code) for code in ticks.rows["symbol"]} == {"ABC"}


def test_itch_is_counted_to_its_cut_end_and_needs_a_day(tmp_path: Path) -> None:
    path = itch_file(tmp_path, itch_order(1, b"B", 1, 1, 10), itch_message("?", b"", 11), itch_message("A", b"short", 12))
    path.write_bytes(path.read_bytes() + b"\0\x24A\0")
    tally = Tally()
    assert len(read(path, tally)) == 1
    assert dict(tally.undecoded) == {
        "message type b'?': not in ITCH 5.0": 1,
        "message type A: 16 bytes, expected 36": 1,
        "message truncated: the file ends in it": 1,
    }
    with pytest.raises(InputError, match="found no day in the name"):
        read(itch_file(tmp_path, name="today.itch"))
    (tmp_path / "x").mkdir()
    days = ("20190130.X_ITCH_50", "S013019-v50.txt")
    assert (
        len({int(read(itch_file(tmp_path / "x", itch_order(1, b"B", 1, 1, 10), name=name)).rows["ts_recv"][0]) for name in days})
        == 1
    )


def test_a_real_itch_file_gives_its_prints(data: Path) -> None:
    path = data / "formats/itch/ex20101224.TEST_ITCH_50.gz"
    raw = gzip.decompress(path.read_bytes())
    lengths, at, prints, count = (
        {"S": 12, "R": 39, "H": 25, "A": 36, "F": 40, "E": 31, "X": 23, "D": 19, "U": 35, "P": 44},
        0,
        [],
        0,
    )
    while at < len(raw):
        kind = chr(raw[at + 2])
        if kind == "P":
            prints.append(struct.unpack(">I8sIQ", raw[at + 22 : at + 46]))
        at, count = at + 2 + lengths[kind], count + 1
    tally = Tally()
    ticks = read(path, tally)
    trades = ticks.rows[ticks.rows["kind"] == Kind.TRADE]
    known_prints = {row["trade_id"]: (row["price"], row["size"]) for row in trades}
    assert len(prints) == 5_000
    assert all(known_prints[match] == (price * 10**5, shares * 10**9) for shares, _, price, match in prints)
    assert tally.messages == count
    assert not tally.undecoded
    midnight = 1_293_166_800 * 10**9  # 2010-12-24T05:00:00Z
    assert midnight < int(ticks.rows["ts_recv"].min()) < int(ticks.rows["ts_recv"].max()) < midnight + 86_400 * 10**9

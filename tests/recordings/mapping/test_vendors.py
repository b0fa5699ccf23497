"""Vendors' files that are mappings: venue and channel follow from the file, and no row is lost on real samples."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from producers.recordings.registry import Tally, find, known, open_recordings
from tests.support.recording_samples import SAMPLES, TIME_NS, text
from tickproof.errors import InputError
from tickproof.ticks.schema import Condition, Flag, Kind, Ticks, concat

MS = 1723161255342


def read(path: Path, tally: Tally | None = None) -> Ticks:
    return concat(list(open_recordings([path], tally=tally)))


@pytest.mark.parametrize(
    ("name", "lines", "venue", "channel", "sequence"),
    [
        (
            "BTCUSDT-trades-2024-08-08",
            [f"7,61837.63,0.02,1236.7526,{MS},True,True"],
            "BINANCE",
            "BINANCE.BTCUSDT.FILL",
            "contiguous",
        ),
        (
            "BTCUSDT-aggTrades-2025-01",
            [f"7,61837.63,0.02,7,8,{MS}000,True,True"],
            "BINANCE",
            "BINANCE.BTCUSDT.TRADE",
            "contiguous",
        ),
        (
            "BTCUSDT-trades-2024-08-08",
            ["id,price,qty,quote_qty,time,is_buyer_maker", f"7,61837.63,0.02,1236.7526,{MS},true"],
            "BINANCE_USDM",
            "BINANCE_USDM.BTCUSDT.FILL",
            "increasing",
        ),
        (
            "BTCUSDT-trades-2021-08-08",
            [f"7,61837.63,0.02,1236.7526,{MS},true"],
            "BINANCE_USDM",
            "BINANCE_USDM.BTCUSDT.FILL",
            "increasing",
        ),
        (
            "BTCUSDT_240927-aggTrades-2024-08-08",
            [
                "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
                f"7,61837.63,0.02,7,8,{MS},true",
            ],
            "BINANCE_USDM",
            "BINANCE_USDM.BTCUSDT_240927.TRADE",
            "contiguous",
        ),
        (
            "BTCUSD_PERP-aggTrades-2024-08-08",
            [
                "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
                f"7,61837.63,0.02,7,8,{MS},true",
            ],
            "BINANCE_COINM",
            "BINANCE_COINM.BTCUSD_PERP.TRADE",
            "contiguous",
        ),
        (
            "BTCUSD_240927-trades-2024-08-08",
            ["id,price,qty,base_qty,time,is_buyer_maker", f"7,61837.63,0.02,0.0001,{MS},true"],
            "BINANCE_COINM",
            "BINANCE_COINM.BTCUSD_240927.FILL",
            "increasing",
        ),
    ],
)
def test_binance_markets_are_told_apart(
    tmp_path: Path, name: str, lines: list[str], venue: str, channel: str, sequence: str
) -> None:
    path = text(tmp_path, f"{name}.csv", *lines)
    with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
        archive.write(path, f"{name}.csv")
    for file in (path, tmp_path / f"{name}.zip"):
        ticks, said = read(file), known([file])
        assert [format_.name for _, format_ in find([file])] == ["binance"]
        row = ticks.rows[0]
        assert (ticks.name(row["venue"]), ticks.name(row["channel"])) == (venue, channel)
        assert ticks.name(row["symbol"]) == name.partition("-")[0]
        assert {channel: one.sequence for channel, one in said.channels.items()} == {channel: sequence}
        assert (row["ts_recv"], row["price"], row["size"]) == (MS * 10**6, 61_837_630_000_000, 20_000_000)
        assert (row["sequence"], row["trade_id"]) == (7, 7)


def test_a_book_ticker_has_two_clocks(tmp_path: Path) -> None:
    header = "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time"
    ticks = read(text(tmp_path, "ETHUSDT-bookTicker-2024-03-01.csv", header, f"4,10.5,2,10.6,3,{MS},{MS + 4}"))
    row = ticks.rows[0]
    assert (row["kind"], row["ts_event"], row["ts_recv"]) == (Kind.QUOTE, MS * 10**6, (MS + 4) * 10**6)
    assert row[["bid_px", "bid_sz", "ask_px", "ask_sz"]].tolist() == (10_500_000_000, 2 * 10**9, 10_600_000_000, 3 * 10**9)


def test_polygon_names_venues_conditions_corrections_and_empty_sides(tmp_path: Path) -> None:
    header = "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,sip_timestamp,size,tape"
    rows = [
        f'X,"{conditions}",{correction},{venue},5,{TIME_NS},1.5,{9 + place},{TIME_NS + place},10,3'
        for place, (conditions, correction, venue) in enumerate([("12,37", "", 11), ("", "8", 4), ("14", "10", 99)])
    ]
    ticks = read(text(tmp_path, "trades.csv", header, *rows))
    assert [ticks.name(code) for code in ticks.rows["venue"]] == ["ARCX", "FINR", "99"]
    assert ticks.rows["conditions"].tolist() == [Condition.EXTENDED_HOURS | Condition.ODD_LOT, 0, Condition.INTERMARKET_SWEEP]
    assert ticks.rows["kind"].tolist() == [Kind.TRADE, Kind.TRADE, Kind.TRADE_CANCEL]
    assert ticks.rows["flags"].tolist() == [0, Flag.VENDOR_SUSPICIOUS, 0]
    header = "ticker,ask_exchange,ask_price,ask_size,bid_exchange,bid_price,bid_size,conditions,indicators,"
    header += "participant_timestamp,sequence_number,sip_timestamp,tape"
    quotes = read(text(tmp_path, "quotes.csv", header, f"X,11,0,0,12,1.5,2,1,,{TIME_NS},7,{TIME_NS + 5},3"))
    row = quotes.rows[0]
    assert pd.DataFrame(quotes.rows)["present"][0] & 0b111100 == 0b101100
    assert (row["bid_px"], row["ask_px"], row["ask_sz"]) == (1_500_000_000, 0, 0)


def test_histdata_archives_hold_a_report_beside_the_ticks(tmp_path: Path) -> None:
    path = SAMPLES["histdata"][0](tmp_path)
    with zipfile.ZipFile(tmp_path / "HISTDATA_COM_ASCII_EURUSD_T202001.zip", "w") as archive:
        archive.writestr("DAT_ASCII_EURUSD_T_202001.txt", "Generated Report")
        archive.write(path, path.name)
    tally = Tally()
    assert (read(tmp_path / "HISTDATA_COM_ASCII_EURUSD_T202001.zip", tally).rows == read(path).rows).all()
    assert not tally.undecoded


def test_an_archive_of_no_known_name_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("x.csv", "1,2,3,4,5,6,7\n")
    with pytest.raises(InputError, match="zip archives are known by their names"):
        find([tmp_path / "x.zip"])


def test_real_samples_are_what_pandas_reads(data: Path) -> None:
    path = data / "formats/histdata/DAT_ASCII_EURUSD_T_202001.csv"
    plain = pd.read_csv(path, names=["time", "bid", "ask", "volume"], dtype=str)
    ticks = read(path)
    assert len(ticks) == len(plain) == 9_500
    assert ticks.rows["bid_px"].tolist() == [round(float(word) * 1e6) * 1_000 for word in plain["bid"]]
    first = datetime(2020, 1, 1, 22, 0, 0, 65_000, UTC)
    assert int(ticks.rows["ts_recv"][0]) == int(first.timestamp()) * 10**9 + 65_000_000
    path = data / "formats/bybit/BTCUSDT2024-08-08.csv.gz"
    plain = pd.read_csv(path, dtype=str)
    ticks = read(path)
    assert len(ticks) == len(plain) == 5_000
    assert ticks.rows["ts_recv"].tolist() == [int(word.replace(".", "")) * 10**5 for word in plain["timestamp"]]
    assert ticks.rows["size"].tolist() == [int(word.replace(".", "")) * 10 for word in plain["size"]]
    assert len(set(ticks.rows["trade_id"].tolist())) == plain["trdMatchID"].nunique()

"""TAQ's trades and quotes: clock, sides, corrections, conditions; and the shared files against the csv module."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from producers.recordings.registry import BY_NAME, Tally, contents, open_recordings
from producers.recordings.us_equities.taq_codes import CORRECTIONS, SALE_CONDITIONS, conditions
from tests.support.recording_samples import text
from tickproof.ticks.schema import Condition, Flag, Kind, Present, Ticks, concat

TRADES = "DT,EX,SYMBOL,COND,SIZE,PRICE,CORR"
QUOTES = "DT,EX,BID,BIDSIZ,OFR,OFRSIZ,SYMBOL"


def read(folder: Path, header: str, *lines: str, tally: Tally | None = None) -> Ticks:
    return concat(list(open_recordings([text(folder, "taq.csv", header, *lines)], tally=tally)))


def test_a_trade_is_read_to_the_unit(tmp_path: Path) -> None:
    ticks = read(tmp_path, TRADES, "2018-01-02 14:30:00.125000123,P,XXX,FTI,2,157.8,0")
    (row,) = ticks.rows
    # DT is UTC: half past nine in New York, in winter.
    assert row["ts_recv"] == int(datetime(2018, 1, 2, 14, 30, tzinfo=UTC).timestamp()) * 10**9 + 125_000_123
    assert (row["price"], row["size"], row["kind"]) == (157_800_000_000, 2 * 10**9, Kind.TRADE)
    assert row["conditions"] == Condition.INTERMARKET_SWEEP | Condition.EXTENDED_HOURS | Condition.ODD_LOT
    assert row["present"] == Present.PRICE | Present.SIZE
    assert [ticks.name(row[name]) for name in ("channel", "venue", "symbol")] == ["TAQ.TRADE", "ARCX", "XXX"]


def test_corrections_are_what_the_tape_says(tmp_path: Path) -> None:
    codes = [0, 1, 7, 8, 10, 11, 12]
    lines = [f"2018-01-02 14:30:0{second},N,XXX,,1,1,{code}" for second, code in enumerate(codes)]
    tally = Tally()
    rows = read(tmp_path, TRADES, *lines, "2018-01-02 14:30:08,N,XXX,,1,1,9", tally=tally).rows
    cancel, correction = Kind.TRADE_CANCEL, Kind.TRADE_CORRECTION
    assert rows["kind"].tolist() == [Kind.TRADE] * 4 + [cancel, cancel, correction]
    assert rows["flags"].tolist() == [0, 0, Flag.VENDOR_SUSPICIOUS, Flag.VENDOR_SUSPICIOUS, 0, 0, 0]
    assert dict(tally.undecoded) == {"CORR: not a correction indicator": 1}
    assert set(CORRECTIONS) == set(codes)


def test_a_side_of_zeros_stays_one(tmp_path: Path) -> None:
    """The tape says so, and a rule is there to find it: what is taken out here, nobody would see."""
    rows = read(
        tmp_path,
        QUOTES,
        "2018-01-02 14:30:00,N,0,0,158.85,1,XXX",
        "2018-01-02 14:30:00,N,0,3,1,1,XXX",
        "2018-01-02 14:30:01,N,,,,,XXX",
    ).rows
    both = Present.BID_PX | Present.BID_SZ | Present.ASK_PX | Present.ASK_SZ
    assert rows["present"].tolist() == [both, both, 0]
    assert rows[["bid_px", "bid_sz"]].tolist() == [(0, 0), (0, 3_000_000_000), (0, 0)]
    assert rows["ask_px"][0] == 158_850_000_000


def test_floats_are_rounded_to_the_unit_and_columns_may_come_in_any_order(tmp_path: Path) -> None:
    rows = read(tmp_path, "SYMBOL,DT,PRICE,EX,SIZE", "XXX,2018-01-02 14:30:00,158.39499999999998,N,95").rows
    assert rows["price"].tolist() == [158_395_000_000]


def test_letters_by_their_table() -> None:
    assert conditions("@FTI") == Condition.INTERMARKET_SWEEP | Condition.EXTENDED_HOURS | Condition.ODD_LOT
    assert conditions(" 4 B") == Condition.DERIVATIVELY_PRICED | Condition.AVERAGE_PRICE
    assert conditions("EXK") == 0
    assert all(len(letter) == 1 for letter in SALE_CONDITIONS)


def test_a_bad_line_is_named_and_its_neighbours_stay(tmp_path: Path) -> None:
    tally = Tally()
    good = "2018-01-02 14:30:00,N,XXX,,1,1,0"
    bad = ["x,N,XXX,,1,1,0", ",N,XXX,,1,1,0", "2018-01-02 14:30:00,N,XXX,,1,1e,0", "2018-01-02 14:30:00,N,XXX", ""]
    rows = read(tmp_path, TRADES, good, *bad, good, tally=tally).rows
    assert rows["row"].tolist() == [0, 6]
    assert tally.undecoded.total() == 5
    assert tally.messages == 7


@pytest.mark.parametrize(
    ("name", "count", "kinds"),
    [
        ("sampleTDataRaw.csv.gz", 77_263, {"trade": 77_262, "trade_cancel": 1}),
        ("sampleQDataRaw.csv.gz", 131_401, {"quote": 131_401}),
        ("sampleTData.csv.gz", 7_168, {"trade": 7_168}),
        ("sampleQData.csv.gz", 46_564, {"quote": 46_564}),
    ],
)
def test_shared_files_are_read_whole(data: Path, name: str, count: int, kinds: dict[str, int]) -> None:
    counted = contents(data / "highfrequency" / name, BY_NAME["taq"])
    assert (counted.ticks, counted.messages, counted.undecoded, counted.out_of_order) == (count, count, {}, 0)
    assert counted.by_kind == kinds


def test_shared_files_are_what_the_csv_module_reads(data: Path) -> None:
    for name, columns in (
        ("sampleTDataRaw.csv.gz", {"price": "PRICE", "size": "SIZE"}),
        ("sampleQDataRaw.csv.gz", {"bid_px": "BID", "bid_sz": "BIDSIZ", "ask_px": "OFR", "ask_sz": "OFRSIZ"}),
    ):
        path = data / "highfrequency" / name
        rows = concat(list(open_recordings([path]))).rows
        with gzip.open(path, "rt") as file:
            lines = list(csv.DictReader(file))
        assert lines
        for field, column in columns.items():
            # Two decimals at most: the float is near enough to be rounded.
            assert rows[field].tolist() == [round(float(line[column]) * 10**9) for line in lines]
        times = np.array([line["DT"] for line in lines], "datetime64[ns]").astype(np.int64)
        assert (rows["ts_recv"] == times).all()

"""LOBSTER: messages and the order book beside them."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from producers.recordings.registry import BY_NAME, Tally, contents, find
from tests.support.recording_samples import text
from tickproof.ticks.schema import Condition, Kind, Present, concat

NAME = "AB_2012-06-21_34200000_57600000_{}_2.csv"
EMPTY = "9999999999,0,-9999999999,0"
LOBSTER = BY_NAME["lobster"]


def write(folder: Path, messages: list[str], books: list[str]) -> Path:
    text(folder, NAME.format("orderbook"), *books, end="")
    return text(folder, NAME.format("message"), *messages, end="")


def test_messages_and_books_become_trades_and_quotes(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        [
            "34200.004241176,1,1,18,5853300,1",
            "34200.1,1,2,18,5850000,1",
            "34200.2,4,1,10,5853300,1",
            "34200.3,5,0,3,5855000,-1",
            "34200.4,3,1,8,5853300,1",
            "34200.5,7,0,0,-1,-1",
            "34200.6,7,0,0,1,-1",
        ],
        [
            f"9999999999,0,5853300,18,{EMPTY}",
            f"9999999999,0,5853300,18,{EMPTY}",
            f"9999999999,0,5853300,8,{EMPTY}",
            f"9999999999,0,5853300,8,{EMPTY}",
            f"5859400,200,-9999999999,0,{EMPTY}",
            f"5859400,200,-9999999999,0,{EMPTY}",
            f"5859400,200,-9999999999,0,{EMPTY}",
        ],
    )
    tally = Tally()
    ticks = concat(list(LOBSTER.read(path, tally)))
    rows = ticks.rows
    quote, trade, status = Kind.QUOTE, Kind.TRADE, Kind.STATUS
    assert rows["kind"].tolist() == [quote, trade, quote, trade, quote, status, status]
    assert rows["row"].tolist() == [0, 2, 2, 3, 4, 5, 6]
    # EDT is UTC−4.
    assert rows["ts_recv"][0] == int(datetime(2012, 6, 21, 13, 30, tzinfo=UTC).timestamp()) * 10**9 + 4_241_176
    assert (rows["price"][1], rows["size"][1]) == (585_330_000_000, 10 * 10**9)
    assert rows["bid_px"][2] == 585_330_000_000
    assert rows["present"][0] == Present.BID_PX | Present.BID_SZ | Present.ASK_SZ
    assert rows["present"][4] == Present.ASK_PX | Present.BID_SZ | Present.ASK_SZ
    assert rows["conditions"].tolist()[-2:] == [Condition.HALTED, Condition.RESUMED]
    assert dict(tally.without_ticks) == {"submission": 1}
    assert [ticks.name(rows[0][name]) for name in ("channel", "venue", "symbol")] == ["LOBSTER.XNAS", "XNAS", "AB"]


def test_books_that_are_shorter_or_broken_leave_the_messages(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        [f"3420{second}.5,4,1,10,100,1" for second in range(4)],
        ["200,1,100,1,0,0,0,0", "x,1,100,1,0,0,0,0", "200,2,100,1,0,0,0,0"],
    )
    tally = Tally()
    rows = concat(list(LOBSTER.read(path, tally))).rows
    assert rows["kind"].tolist() == [Kind.TRADE, Kind.QUOTE, Kind.TRADE, Kind.TRADE, Kind.QUOTE, Kind.TRADE]
    assert tally.undecoded["message without its order book row"] == 2
    alone = path.with_name(NAME.format("orderbook"))
    path.unlink()
    assert contents(alone, LOBSTER).undecoded == {"order book row without its message file": 3}


def test_messages_without_a_book_are_trades_alone(tmp_path: Path) -> None:
    path = text(tmp_path, NAME.format("message"), "34200.5,4,1,10,100,1", "34201,1,1,10,100,1", "bad")
    counted = contents(path, LOBSTER)
    assert counted.by_kind == {"trade": 1}
    assert counted.notes == {"message file without its order book: trades only": 1}
    assert counted.undecoded == {"columns: found 1, expected 6": 1}


def test_the_shared_sample_is_what_the_csv_module_reads(data: Path) -> None:
    (path,) = (data / "lobster").glob("*_message_*")
    assert [found.name for found, _ in find([data / "lobster"])] == sorted(file.name for file in (data / "lobster").iterdir())
    rows = concat(list(LOBSTER.read(path, Tally()))).rows
    with path.open() as file, path.with_name(path.name.replace("message", "orderbook")).open() as beside:
        messages, books = list(csv.reader(file)), list(csv.reader(beside))
    trades = [row for row in messages if row[1] in ("4", "5")]
    mine = rows[rows["kind"] == Kind.TRADE]
    assert 0 < len(trades) < len(messages)
    assert mine["price"].tolist() == [int(row[4]) * 10**5 for row in trades]
    assert mine["size"].tolist() == [int(row[3]) * 10**9 for row in trades]
    tops = np.array([row[:4] for row in books], np.int64)
    changed = np.flatnonzero((np.diff(tops, axis=0, prepend=-1) != 0).any(axis=1))
    mine = rows[rows["kind"] == Kind.QUOTE]
    assert mine["row"].tolist() == changed.tolist()
    assert mine["ask_px"].tolist() == (tops[changed, 0] * 10**5).tolist()
    assert mine["bid_sz"].tolist() == (tops[changed, 3] * 10**9).tolist()
    midnight = int(datetime(2012, 6, 21, 4, tzinfo=UTC).timestamp())
    times = [messages[row][0].partition(".") for row in changed]
    assert mine["ts_recv"].tolist() == [
        (midnight + int(whole)) * 10**9 + int(part.ljust(9, "0") or 0) for whole, _, part in times
    ]

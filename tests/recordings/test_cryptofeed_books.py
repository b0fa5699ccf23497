"""Books that crypto exchanges tell by level: BitMEX's and Binance's. What is made of them agrees with their own best prices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.offline import scan
from producers.recordings.crypto.binance_depth import Depths
from producers.recordings.crypto.bitmex_book import Level2
from producers.recordings.reading.row_builder import ROUNDED, Builder
from producers.recordings.registry import BY_NAME, Tally, known, open_recordings
from producers.streams.heartbeats import Heartbeats
from tests.support.recording_samples import text
from tests.support.streams import opened
from tickproof.ticks.schema import Flag, Present, Ticks, concat

NS = 10**9
BITMEX = "wss://www.bitmex.com/realtime <-> 1600000000.0"
BINANCE = "wss://stream.binance.com:9443/stream?streams=abcusd@depth@100ms <-> 1600000000.0"


def session(folder: Path, first: str, *messages: object) -> tuple[Ticks, Tally]:
    lines = [f"{1600000001 + index}.25: {json.dumps(message)}" for index, message in enumerate(messages)]
    path = text(folder, "S.ws.1.0", first, *lines)
    tally = Tally()
    return concat(list(BY_NAME["cryptofeed"].read(path, tally))), tally


def level2(action: str, *levels: dict[str, object], **more: object) -> dict[str, object]:
    return {"table": "orderBookL2", "action": action, "data": [{"symbol": "X", **level} for level in levels], **more}


def test_a_book_of_bitmex(tmp_path: Path) -> None:
    ticks, tally = session(
        tmp_path,
        BITMEX,
        level2("insert", {"id": 9, "side": "Buy", "size": 1, "price": 9}),
        level2(
            "partial",
            {"id": 1, "side": "Sell", "size": 30, "price": 11.5},
            {"id": 2, "side": "Sell", "size": 20, "price": 11},
            {"id": 3, "side": "Buy", "size": 10, "price": 10},
        ),
        level2("update", {"id": 1, "side": "Sell", "size": 31}),
        level2("update", {"id": 2, "side": "Sell", "size": 21}),
        level2("delete", {"id": 2, "side": "Sell"}),
        level2("insert", {"id": 4, "side": "Buy", "size": 5, "price": 10.5}, {"id": 5, "side": "Buy", "size": 6, "price": 9}),
        level2("delete", {"id": 3, "side": "Buy"}, {"id": 4, "side": "Buy"}, {"id": 5, "side": "Buy"}),
    )
    rows = ticks.rows
    tops = [tuple((row[name] / NS).item() for name in ("bid_px", "bid_sz", "ask_px", "ask_sz")) for row in rows]
    assert tops == [(10, 10, 11, 20), (10, 10, 11, 21), (10, 10, 11.5, 31), (10.5, 5, 11.5, 31), (0, 0, 11.5, 31)]
    assert rows["flags"].tolist() == [Flag.SNAPSHOT, 0, 0, 0, 0]
    # An empty side has a size of 0 and no price.
    assert rows["present"][-1] == Present.BID_SZ | Present.ASK_PX | Present.ASK_SZ
    assert tally.without_ticks["orderBookL2 insert before its partial"] == 1
    assert tally.without_ticks["orderBookL2 update below the top of the book"] == 1
    assert known([tmp_path]).channels["BITMEX.L2"].sequence == "none"


@pytest.mark.parametrize(
    "wrong",
    [
        level2("update", {"id": 7, "side": "Buy", "size": 3}),
        level2("delete", {"id": 7, "side": "Buy"}),
        level2("insert", {"id": 7, "side": "Buy", "price": 9}),
        level2("update", {"id": 1, "side": "Sell", "size": 3}),
    ],
)
def test_a_book_of_bitmex_that_lacks_something_says_so(tmp_path: Path, wrong: dict[str, object]) -> None:
    whole = level2("partial", {"id": 1, "side": "Buy", "size": 1, "price": 8}, filter={"symbol": "X"})
    ticks, _ = session(tmp_path, BITMEX, whole, wrong, level2("update", {"id": 1, "side": "Buy", "size": 2}), whole)
    flags = ticks.rows["flags"].tolist()
    assert flags[0] == flags[-1] == Flag.SNAPSHOT
    assert len(flags) >= 3
    assert set(flags[1:-1]) == {Flag.MAYBE_BAD_BOOK}


def test_an_empty_book_of_bitmex_has_no_sides(tmp_path: Path) -> None:
    ticks, _ = session(tmp_path, BITMEX, level2("partial", filter={"symbol": "X"}))
    assert ticks.rows["present"].tolist() == [Present.BID_SZ | Present.ASK_SZ]


def test_levels_finer_than_a_unit_stay_apart(tmp_path: Path) -> None:
    """Rounded to 1e-9 both bids are at one price; the better one goes away and the other one is still there."""
    ticks, tally = session(
        tmp_path,
        BITMEX,
        level2(
            "partial",
            {"id": 1, "side": "Buy", "size": 1, "price": 1.8001e-06},
            {"id": 2, "side": "Buy", "size": 2, "price": 1.8002e-06},
        ),
        level2("delete", {"id": 2, "side": "Buy"}),
    )
    assert ticks.rows["bid_px"].tolist() == [1_800, 1_800]
    assert (ticks.rows["bid_sz"] // NS).tolist() == [2, 1]
    assert tally.notes[ROUNDED] == 2


def diff(first: int, last: int, bids: dict[str, str], **asks: str) -> dict[str, Any]:
    data = {"e": "depthUpdate", "E": 1_600_000_000_000 + last, "s": "ABCUSD", "U": first, "u": last}
    return {"stream": "abcusd@depth@100ms", "data": {**data, "b": list(bids.items()), "a": list(asks.items())}}


def answers(folder: Path, *snapshots: tuple[str, int, dict[str, str], dict[str, str]]) -> None:
    """(time, last update id, bids, asks) as they come over HTTP."""
    lines = []
    for time, last, bids, asks in snapshots:
        book = json.dumps({"lastUpdateId": last, "bids": list(bids.items()), "asks": list(asks.items())})
        lines.append(f"https://api.binance.com/api/v3/depth?symbol=ABCUSD&limit=1000 -> {time}: {book}")
    text(folder, "S.http.0.0", *lines)


WHOLE = ({"10": "1", "9": "2"}, {"11": "3", "12": "4"})


def test_a_book_of_binance_begins_with_what_came_over_http(tmp_path: Path) -> None:
    """Changes until 104 are in the snapshot, which comes after the change 105 was received and before 106."""
    answers(tmp_path, ("1600000002.5", 104, *WHOLE))
    ticks, tally = session(
        tmp_path,
        BINANCE,
        diff(100, 104, {"10": "77"}),
        diff(105, 105, {"10": "5"}),
        diff(106, 107, {"8": "1"}),
        diff(108, 108, {"9": "9"}),
        diff(109, 112, {"10": "0"}),
    )
    assert (ticks.rows["bid_px"] // NS).tolist() == [10, 9]
    assert (ticks.rows["bid_sz"] // NS).tolist() == [5, 9]
    assert ticks.rows["ask_px"].tolist() == [11 * NS] * 2
    assert ticks.rows["sequence"].tolist() == [107, 108]
    assert ticks.rows["ts_event"].tolist() == [1_600_000_000_107 * 10**6, 1_600_000_000_112 * 10**6]
    assert not ticks.rows["flags"].any()
    assert tally.notes == {"depth chain verified": 4}
    assert tally.without_ticks["depthUpdate before its snapshot"] == 2
    assert known([tmp_path]).channels["BINANCE.ABCUSD.DEPTH"].sequence == "contiguous"


@pytest.mark.parametrize("time", ["1599999999.9", "1600000099.0"])
def test_a_snapshot_of_another_time_is_none(tmp_path: Path, time: str) -> None:
    answers(tmp_path, (time, 99, *WHOLE))
    ticks, tally = session(tmp_path, BINANCE, diff(100, 104, {"10": "7"}))
    assert not len(ticks)
    assert tally.without_ticks["depthUpdate before its snapshot"] == 1


def broken(folder: Path) -> None:
    """Update ids 103 to 107 are missing. Then another snapshot comes, of the time before the last change that had come."""
    answers(folder, ("1600000000.5", 99, *WHOLE), ("1600000004.5", 109, {"10": "6"}, {"11": "3"}))
    lines = [
        diff(100, 100, {"10": "2"}),
        diff(101, 102, {"10": "3"}),
        diff(108, 109, {"8": "1"}),
        diff(110, 110, {"10": "5"}),
        diff(111, 111, {"8": "2"}),
        diff(112, 112, {"10": "8"}),
    ]
    text(folder, "S.ws.1.0", BINANCE, *(f"{1600000001 + index}.25: {json.dumps(line)}" for index, line in enumerate(lines)))


def test_a_broken_chain_shows_at_once_and_until_another_snapshot(tmp_path: Path) -> None:
    broken(tmp_path)
    tally = Tally()
    ticks = concat(list(BY_NAME["cryptofeed"].read(tmp_path / "S.ws.1.0", tally)))
    # The change that came after the gap moved nothing at the top, and has a tick nevertheless.
    assert (ticks.rows["bid_sz"] // NS).tolist() == [2, 3, 3, 5, 5, 8]
    bad = Flag.MAYBE_BAD_BOOK
    assert ticks.rows["flags"].tolist() == [0, 0, bad, bad, 0, 0]
    assert np.diff(ticks.rows["sequence"].astype(np.int64)).tolist() == [1, 1 + 5, 1, 1, 1]
    assert tally.notes == {"depth chain verified": 4, "depth chain broken: ABCUSD": 1}


def test_the_channel_reports_a_broken_chain(tmp_path: Path) -> None:
    broken(tmp_path)
    settings = opened().with_reference(known([tmp_path]))
    parts = scan.run(open_recordings([tmp_path / "S.ws.1.0"]), settings, Heartbeats(1))
    last = {one.id: one for part in parts for one in part.findings}
    gaps = [one for one in last.values() if one.code == "sequence_gap"]
    assert {(one.channel, one.measured) for one in gaps} == {("BINANCE.ABCUSD.DEPTH", 5.0)}


def test_changes_that_come_again_change_nothing(tmp_path: Path) -> None:
    answers(tmp_path, ("1600000000.5", 99, *WHOLE))
    again = diff(100, 100, {"10": "2"})
    ticks, tally = session(tmp_path, BINANCE, again, diff(101, 101, {"10": "3"}), again)
    assert (ticks.rows["bid_sz"] // NS).tolist() == [2, 3]
    assert tally.without_ticks["depthUpdate that came before"] == 1


def test_chains_of_futures_name_the_end_of_the_message_before(tmp_path: Path) -> None:
    answers(tmp_path, ("1600000000.5", 99, *WHOLE))
    second = diff(120, 130, {"10": "3"})
    second["data"]["pu"] = 110
    first = diff(95, 110, {"10": "2"})
    first["data"]["pu"] = 90
    ticks, tally = session(tmp_path, BINANCE, first, second)
    assert not ticks.rows["flags"].any()
    assert tally.notes == {"depth chain verified": 1}


CHANGE = st.tuples(st.booleans(), st.integers(1, 9), st.integers(0, 3))


@pytest.mark.slow
@given(st.lists(st.lists(CHANGE, max_size=3), max_size=20))
def test_both_books_are_a_dictionary_of_levels(messages: list[list[tuple[bool, int, int]]]) -> None:
    """After every message the top is the best of what the levels are, and there is a tick where it is another one than before."""
    depths_builder, level2_builder, tally = Builder("BINANCE"), Builder("BITMEX"), Tally()
    depths, books = Depths(depths_builder, tally), Level2(level2_builder, tally)
    depths.begin("ABCUSD", {"lastUpdateId": 0, "bids": [], "asks": []})
    books.received({"action": "partial", "table": "orderBookL2", "filter": {"symbol": "X"}, "data": []})
    level2_builder.take()
    plain: dict[tuple[bool, int], int] = {}
    before: tuple[list[tuple[int, int]], ...] | None = None
    for number, message in enumerate(messages, 1):
        sides: tuple[list[list[str]], list[list[str]]] = ([], [])
        for is_bid, price, size in message:
            sides[not is_bid].append([str(price), str(size)])
            action = "delete" if not size else "update" if (is_bid, price) in plain else "insert"
            if size or (is_bid, price) in plain:
                one = {
                    "symbol": "X",
                    "id": price + 10 * is_bid,
                    "side": "Buy" if is_bid else "Sell",
                    "price": price,
                    "size": size,
                }
                books.received({"action": action, "table": "orderBookL2", "data": [one]})
            plain[is_bid, price] = size
            plain = {place: left for place, left in plain.items() if left}
        depths.change({"s": "ABCUSD", "U": number, "u": number, "E": number, "b": sides[0], "a": sides[1]})
        best = tuple(
            sorted(((at, size) for (side, at), size in plain.items() if side == is_bid), reverse=is_bid)[:1]
            for is_bid in (True, False)
        )
        for builder in (depths_builder, level2_builder):
            rows = builder.take().rows
            if builder is depths_builder:
                assert len(rows) == (best != before)
            for row in rows[-1:]:
                found = [
                    [(int(row[f"{name}_px"]) // NS, int(row[f"{name}_sz"]) // NS)] if row[f"{name}_sz"] else []
                    for name in ("bid", "ask")
                ]
                assert found == list(best)
        before = best


def test_books_of_bitmex_agree_with_its_quotes(data: Path) -> None:
    """`quote` is made by the exchange itself: each top that it tells during the session, the book had, sizes included."""
    ticks = concat(list(BY_NAME["cryptofeed"].read(data / "cryptofeed" / "BITMEX.ws.1.0", Tally())))
    fields = ["symbol", "bid_px", "bid_sz", "ask_px", "ask_sz"]
    told, built = (
        [tuple(row[fields].tolist()) for row in ticks.rows[(ticks.rows["channel"] == ticks.names.index(name)) & wanted]]
        for name, wanted in (
            ("BITMEX.QUOTE", (ticks.rows["kind"] == 0) & (ticks.rows["flags"] == 0)),
            ("BITMEX.L2", np.ones(len(ticks), np.bool_)),
        )
    )
    assert len(told) == 426
    assert len(built) == 460
    assert set(told) <= set(built)


def test_books_of_binance_agree_with_its_book_tickers(data: Path) -> None:
    """`bookTicker` tells each new top with its update id: the book at an id has the top of the last ticker until there."""
    path = data / "cryptofeed" / "BINANCE.ws.1.0"
    ticks = concat(list(BY_NAME["cryptofeed"].read(path, Tally())))
    lines = path.read_text().split("\n")
    tickers: dict[str, dict[int, tuple[int, ...]]] = {}
    tops: dict[str, dict[int, tuple[int, ...]]] = {}
    for row in ticks.rows:
        top = tuple(int(row[name]) for name in ("bid_px", "bid_sz", "ask_px", "ask_sz"))
        channel, symbol = str(ticks.name(row["channel"])), str(ticks.name(row["symbol"]))
        if channel.endswith(".QUOTE"):
            tickers.setdefault(symbol, {})[int(row["sequence"])] = top
        elif channel.endswith(".DEPTH"):
            tops.setdefault(symbol, {})[json.loads(lines[row["row"]].partition(": ")[2])["data"]["u"]] = top
    compared = 0
    for symbol, found in tops.items():
        for identity, top in found.items():
            before = max((other for other in tickers.get(symbol, {}) if other <= identity), default=None)
            if before is not None:
                assert tickers[symbol][before] == top
                compared += 1
    # Few came before the first ticker of their symbol, or have none.
    assert sum(map(len, tops.values())) - compared <= 3
    assert compared > 40

"""Sessions of crypto exchanges: trades, tops of book, chains and checksums, and what has no tick."""

from __future__ import annotations

import json
import zlib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.recordings.reading.row_builder import ROUNDED, hashed, units
from producers.recordings.reading.timestamps import nanoseconds
from producers.recordings.reading.top_of_book import Levels
from producers.recordings.registry import BY_NAME, Tally, contents, find, known
from tests.support.recording_samples import text
from tickproof.errors import InputError
from tickproof.ticks.schema import Flag, Kind, Present, Ticks, concat

HOSTS = {
    "kraken": "wss://ws.kraken.com",
    "binance": "wss://stream.binance.com:9443/stream?streams=abcusd@bookTicker/abcusd@aggTrade",
    "coinbase": "wss://ws-feed.pro.coinbase.com",
    "bitmex": "wss://www.bitmex.com/realtime",
}


def session(folder: Path, exchange: str, *messages: object) -> tuple[Ticks, Tally]:
    lines = [f"160000000{index}.25: {json.dumps(message)}" for index, message in enumerate(messages)]
    path = text(folder, "S.ws.1.0", f"{HOSTS[exchange]} <-> 1600000000.0", *lines)
    ((_, format_),) = find([path])
    tally = Tally()
    return concat(list(format_.read(path, tally))), tally


def test_binance(tmp_path: Path) -> None:
    quote = {"u": 7, "s": "ABCUSD", "b": "0.00000637", "B": "10.5", "a": "0.00000638", "A": "0.00000000"}
    trade = {"e": "aggTrade", "E": 1, "s": "ABCUSD", "a": 12, "p": "1.5", "q": "2", "f": 1, "l": 1, "T": 1600000000123}
    depths = [
        {"e": "depthUpdate", "s": "ABCUSD", "U": first, "u": last, "b": [], "a": []} for first, last in ((1, 3), (4, 5), (7, 7))
    ]
    ticks, tally = session(
        tmp_path,
        "binance",
        {"stream": "abcusd@bookTicker", "data": quote},
        {"stream": "abcusd@aggTrade", "data": trade},
        *({"stream": "abcusd@depth@100ms", "data": depth} for depth in depths),
    )
    first, second = ticks.rows
    assert (first["bid_px"], first["ask_px"], first["bid_sz"], first["sequence"]) == (6_370, 6_380, 10_500_000_000, 7)
    assert not first["present"] & Present.TS_EVENT
    assert (second["price"], second["sequence"], second["trade_id"]) == (1_500_000_000, 12, 12)
    assert second["ts_event"] == 1_600_000_000_123 * 10**6
    assert second["ts_recv"] == 1_600_000_001_250_000_000
    assert dict(tally.notes) == {"depth chain verified": 1, "depth chain broken: ABCUSD": 1}
    assert tally.without_ticks["depthUpdate before its snapshot"] == 3
    channels = known([tmp_path]).channels
    assert {name: channel.sequence for name, channel in channels.items()} == {
        "BINANCE.ABCUSD.QUOTE": "increasing",
        "BINANCE.ABCUSD.TRADE": "contiguous",
    }


def test_binance_books_over_http_are_snapshots(tmp_path: Path) -> None:
    answer = '{"lastUpdateId":5,"bids":[["0.35","672"],["0.34","1"]],"asks":[]}'
    path = text(
        tmp_path,
        "B.http.0.0",
        f"https://api.binance.com/api/v3/depth?symbol=NKNUSDT&limit=1000 -> 1633998512.5: {answer}",
        'https://api.binance.com/api/v3/exchangeInfo -> 1633998512.6: {"symbols":[]}',
        "configuration: {}",
    )
    counted = contents(path, BY_NAME["cryptofeed"])
    assert (counted.ticks, counted.messages) == (1, 3)
    assert counted.without_ticks == {"HTTP exchangeInfo": 1, "configuration": 1}
    (row,) = concat(list(BY_NAME["cryptofeed"].read(path, Tally()))).rows
    assert row["flags"] == Flag.SNAPSHOT
    assert row["bid_px"] == 350_000_000
    assert row["present"] == Present.BID_PX | Present.BID_SZ | Present.ASK_SZ


def test_coinbase(tmp_path: Path) -> None:
    ticks, tally = session(
        tmp_path,
        "coinbase",
        {"type": "l2update", "product_id": "A-B", "changes": [], "time": "2020-09-13T12:26:40Z"},
        {"type": "snapshot", "product_id": "A-B", "bids": [["1.0", "5"]], "asks": [["1.2", "3"], ["1.1", "4"]]},
        {"type": "l2update", "product_id": "A-B", "changes": [["buy", "0.9", "1"]], "time": "2020-09-13T12:26:41Z"},
        {"type": "l2update", "product_id": "A-B", "changes": [["sell", "1.1", "0"]], "time": "2020-09-13T12:26:42.123456Z"},
        {
            "type": "last_match",
            "trade_id": 1,
            "product_id": "A-B",
            "size": "1",
            "price": "1",
            "sequence": 5,
            "time": "2020-09-13T00:00:00Z",
        },
        {
            "type": "match",
            "trade_id": 2,
            "product_id": "A-B",
            "size": "1",
            "price": "1.05",
            "sequence": 9,
            "time": "2020-09-13T12:26:44Z",
        },
        {"type": "match", "trade_id": 3, "product_id": "A-B"},
        *(
            {
                "type": "ticker",
                "sequence": number,
                "product_id": "A-B",
                "best_bid": "1.0",
                "best_ask": "1.2",
                "time": "2020-09-13T12:26:44Z",
            }
            for number in (5, 9)
        ),
    )
    whole, changed, before, match, first, ticker = ticks.rows
    assert (whole["bid_px"], whole["ask_px"], whole["flags"]) == (10**9, 1_100_000_000, Flag.SNAPSHOT)
    assert (changed["ask_px"], changed["ask_sz"]) == (1_200_000_000, 3 * 10**9)
    assert changed["ts_event"] == 1_600_000_002_123_456_000
    assert before["flags"] == Flag.SNAPSHOT
    assert before["present"] == Present.PRICE | Present.SIZE | Present.TRADE_ID
    assert (match["sequence"], match["trade_id"]) == (9, 2)
    prices = Present.BID_PX | Present.ASK_PX
    assert (first["flags"], first["present"]) == (Flag.SNAPSHOT, prices)
    assert (ticker["flags"], ticker["present"]) == (0, prices | Present.SEQUENCE | Present.TS_EVENT)
    assert (ticker["sequence"], ticker["bid_px"], ticker["ask_px"]) == (9, 10**9, 1_200_000_000)
    assert ticks.name(ticker["channel"]) == "COINBASE.A-B.TICKER"
    assert dict(tally.undecoded) == {"COINBASE message: fields missing or of another form": 1}
    assert tally.without_ticks["l2update before its snapshot"] == 1
    assert tally.without_ticks["l2update below the top of the book"] == 1


def kraken_book(change: dict[str, object]) -> list[object]:
    return [1, change, "book-10", "XBT/USD"]


def kraken_checksum(asks: list[tuple[str, str]], bids: list[tuple[str, str]]) -> str:
    """As Kraken describes it: digits of price and volume without the point and leading zeros."""
    text = "".join(part.replace(".", "").lstrip("0") for level in (*asks[:10], *bids[:10]) for part in level)
    return str(zlib.crc32(text.encode()))


def test_kraken_verifies_its_checksums(tmp_path: Path) -> None:
    asks = [(f"{101 + index}.10", f"{index + 1}.50000000") for index in range(12)]
    bids = [(f"{100 - index}.05", f"0.{index + 1}0000000") for index in range(12)]
    snapshot = {"as": [[*level, "1600000000.5"] for level in asks], "bs": [[*level, "1600000000.5"] for level in bids]}
    after = kraken_checksum(asks[1:10], [("100.50", "2.00000000"), *bids])
    removed = kraken_book(
        {"a": [["101.10", "0.00000000", "1600000001.0"]], "b": [["100.50", "2.00000000", "1600000001.5"]], "c": after}
    )
    wrong = kraken_book({"b": [["100.60", "1.00000000", "1600000002.5"]], "c": "17"})
    ticks, tally = session(
        tmp_path,
        "kraken",
        {"event": "systemStatus", "status": "online"},
        {"event": "heartbeat"},
        kraken_book(snapshot),
        removed,
        wrong,
        [1, [["100.1", "0.5", "1600000005.0001", "b", "l", ""]], "trade", "XBT/USD"],
        kraken_book(snapshot),
    )
    rows = ticks.rows
    assert rows["kind"].tolist() == [Kind.SESSION, Kind.HEARTBEAT, *[Kind.QUOTE] * 3, Kind.TRADE, Kind.QUOTE]
    assert rows["flags"].tolist() == [0, 0, Flag.SNAPSHOT, 0, Flag.MAYBE_BAD_BOOK, 0, Flag.SNAPSHOT]
    assert (rows["bid_px"][3], rows["ask_px"][3], rows["ts_event"][3]) == (
        100_500_000_000,
        102_100_000_000,
        1_600_000_001_500_000_000,
    )
    assert dict(tally.notes) == {"book checksum verified": 1, "book checksum failed: XBT/USD": 1}


def test_bitmex(tmp_path: Path) -> None:
    quote = {
        "timestamp": "2021-07-22T22:36:10.014Z",
        "symbol": "X",
        "bidSize": 7,
        "bidPrice": 0.00001814,
        "askPrice": None,
        "askSize": None,
    }
    trade = {"timestamp": "2021-07-22T22:36:10.014Z", "symbol": "X", "size": 5, "price": 2e-8, "trdMatchID": "abc"}
    ticks, tally = session(
        tmp_path,
        "bitmex",
        {"table": "quote", "action": "partial", "data": [quote]},
        {"table": "quote", "action": "insert", "data": [quote, quote]},
        {"table": "trade", "action": "insert", "data": [trade]},
        {"table": "orderBookL2", "action": "update", "data": []},
        {"table": "orderBook10", "action": "update", "data": []},
    )
    assert ticks.rows["flags"].tolist() == [Flag.SNAPSHOT, 0, 0, 0]
    assert ticks.rows["bid_px"][0] == 18_140
    assert ticks.rows["present"][0] == Present.BID_PX | Present.BID_SZ | Present.ASK_SZ
    assert (ticks.rows["price"][3], ticks.rows["trade_id"][3]) == (20, hashed("abc"))
    assert dict(tally.without_ticks) == {
        "connection opened": 1,
        "orderBookL2 update without rows": 1,
        "orderBook10 update": 1,
    }


@pytest.mark.parametrize(
    "line", ["1600000001.0: {", "1600000001.0: [1,2]", "x: {}", "1600000001.0: null", "1600000001.0", "\xff"]
)
def test_lines_that_are_none_are_counted(tmp_path: Path, line: str) -> None:
    path = text(tmp_path, "K.ws.1.0", f"{HOSTS['kraken']} <-> 1600000000.0", line, '1600000002.0: {"event":"heartbeat"}')
    tally = Tally()
    assert len(concat(list(BY_NAME["cryptofeed"].read(path, tally)))) == 1
    assert tally.undecoded.total() == 1


def test_an_unknown_exchange_is_named(tmp_path: Path) -> None:
    path = text(tmp_path, "X.ws.1.0", "wss://example.test/feed <-> 1600000000.0", "1600000001.0: {}")
    with pytest.raises(InputError, match=r"1 messages of example\.test, which is not read; expected one of binance"):
        contents(path, BY_NAME["cryptofeed"])


@given(st.decimals(min_value="-9000000000", max_value="9000000000", places=9))
def test_units_are_exact(value: Decimal) -> None:
    assert units(f"{value:f}") == units(value) == int(value.scaleb(9))


@pytest.mark.parametrize("value", ["x", "", "1.x", "nan", "inf", "1e99", None, [], True, 1.5])
def test_what_is_no_decimal_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected a decimal number"):
        units(value)  # type: ignore[arg-type]


def test_times_are_exact() -> None:
    assert nanoseconds("1970-01-01T00:00:01.000000001Z") == 1_000_000_001
    assert nanoseconds("1970-01-01T01:00:00+01:00") == 0
    for wrong in ("2021-02-30T00:00:00Z", "now", "2021-01-01"):
        with pytest.raises(ValueError, match=r"."):
            nanoseconds(wrong)


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 3))), st.booleans(), st.integers(0, 5))
def test_levels_are_a_sorted_dictionary(changes: list[tuple[int, int]], highest: bool, depth: int) -> None:
    levels: Levels[int] = Levels(highest)
    plain: dict[int, int] = {}
    for price, size in changes:
        if size:
            levels.put(price, size)
            plain[price] = size
        else:
            levels.drop(price)
            plain.pop(price, None)
    best = sorted(plain.items(), reverse=highest)
    assert levels.first(3) == best[:3]
    levels.keep(depth)
    assert levels.first(9) == best[: min(depth, 9)]
    assert len(levels) == min(depth, len(best))


@pytest.mark.parametrize(
    ("address", "answer", "expected"),
    [
        (
            "https://api.binance.com/api/v3/exchangeInfo",
            {
                "symbols": [
                    {
                        "symbol": "AB",
                        "filters": [
                            {"filterType": "PRICE_FILTER", "tickSize": "0.01000000"},
                            {"filterType": "LOT_SIZE", "stepSize": "0.1"},
                        ],
                    }
                ]
            },
            ("AB", "BINANCE", 10**7, 10**8),
        ),
        (
            "https://api.pro.coinbase.com/products",
            [{"id": "A-B", "quote_increment": "0.001", "base_increment": "1"}],
            ("A-B", "COINBASE", 10**6, 10**9),
        ),
        (
            "https://api.kraken.com/0/public/AssetPairs",
            {"result": {"AB": {"wsname": "A/B", "pair_decimals": 1, "lot_decimals": 8}, "dark": {}}},
            ("A/B", "KRAKEN", 10**8, 10),
        ),
        (
            "https://www.bitmex.com/api/v1/instrument/active",
            [{"symbol": "AB", "tickSize": 1e-8, "lotSize": 1}],
            ("AB", "BITMEX", 10, 10**9),
        ),
    ],
)
def test_lists_of_instruments_say_ticks_and_lots(
    tmp_path: Path, address: str, answer: object, expected: tuple[str, str, int, int]
) -> None:
    path = text(tmp_path, "X.0", f"{address} -> 1600000000.5: {json.dumps(answer)}", "configuration: {}")
    (one,) = known([path]).instruments
    assert (one.symbol, one.venue, one.tick, one.lot) == expected


def test_the_shared_lists_of_instruments(data: Path) -> None:
    found = known([data / "cryptofeed"])
    assert len(found.instruments) > 2_000
    assert found.instrument("BITMEX", "XBTUSD") is not None
    for path in (data / "cryptofeed").glob("*.ws.*"):
        ticks = concat(list(BY_NAME["cryptofeed"].read(path, Tally())))
        quotes = ticks.rows[ticks.rows["kind"] == Kind.QUOTE]
        for code in sorted(set(quotes["symbol"].tolist())):
            one = found.instrument(str(ticks.name(quotes["venue"][0])), str(ticks.name(code)))
            if ticks.name(code) == "TRXU21":
                # Its step is 1e-10, finer than a unit: the instrument has no tick, and its prices are rounded and counted.
                assert one is None
                continue
            assert one is not None
            prices = quotes["bid_px"][quotes["symbol"] == code]
            assert not (prices % one.tick).any()


def test_the_shared_sessions(data: Path) -> None:
    counted = {path.name: contents(path, BY_NAME["cryptofeed"]) for path in sorted((data / "cryptofeed").iterdir())}
    assert all(one.undecoded == {} and one.out_of_order == 0 for one in counted.values())
    # Every change of a book carries a checksum, and every one holds.
    assert counted["KRAKEN.ws.50.0"].notes == {"book checksum verified": 2_221 + 2_047 + 1}
    assert counted["BINANCE.ws.1.0"].notes == {"depth chain verified": 177 - 4}
    assert {name: one.messages for name, one in counted.items() if ".ws." in name} == {
        "BINANCE.ws.1.0": 266,
        "BITMEX.ws.1.0": 2_124,
        "COINBASE.ws.28.0": 9_950,
        "KRAKEN.ws.50.0": 4_323,
    }
    assert counted["COINBASE.ws.28.0"].by_kind["trade"] == 97 + 10
    # What holds a top of book has a tick wherever that top changed.
    for name, bare in (("BINANCE", {"kline"}), ("BITMEX", {"info"}), ("COINBASE", {"subscriptions"}), ("KRAKEN", set())):
        (one,) = (contents for path, contents in counted.items() if path.startswith(f"{name}.ws."))
        left = set(one.without_ticks) - {"connection opened", "message sent", "subscription confirmed", "subscriptionStatus"}
        assert {word for word in left if not word.endswith(("below the top", "below the top of the book"))} - {
            "depthUpdate before its snapshot",
            "depthUpdate that the snapshot covers",
        } == bare
    assert counted["BINANCE.ws.1.0"].without_ticks["depthUpdate before its snapshot"] == 4
    assert counted["BINANCE.http.0.0"].by_kind == {"quote": 4}
    assert set(counted["BITMEX.ws.1.0"].notes) == {ROUNDED}


def test_coinbase_books_agree_with_its_tickers(data: Path) -> None:
    """A ticker tells the best bid and ask at a trade: the book that was built has these prices around that moment."""
    path = data / "cryptofeed" / "COINBASE.ws.28.0"
    ticks = concat(list(BY_NAME["cryptofeed"].read(path, Tally())))
    quotes = ticks.rows[ticks.rows["channel"] == ticks.names.index("COINBASE.LEVEL2")]
    seen = {(ticks.name(row["symbol"]), int(row["bid_px"]), int(row["ask_px"])) for row in quotes}
    tickers = [json.loads(line.partition(": ")[2]) for line in path.read_text().splitlines() if '"type":"ticker"' in line]
    assert len(tickers) == 107
    agree = sum((one["product_id"], units(one["best_bid"]), units(one["best_ask"])) in seen for one in tickers)
    assert agree / len(tickers) > 0.9

"""Cells become exact integers, each row a tick or a count, at a price that is told."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.offline.scan import scan
from producers.recordings.mapping import files, times
from producers.recordings.mapping.json_tables import ticks_of
from producers.recordings.mapping.specification import ColumnMapping, parse
from producers.recordings.reading.cells import scaled
from producers.recordings.registry import Tally, contents, find, known, open_recordings, with_mapping
from tests.support.recording_samples import text
from tickproof.errors import InputError, SettingsError
from tickproof.ticks.schema import Condition, Kind, Present, Ticks, concat

HEADER = "time,px,qty"
TRADES = """
name = "mine"
[file]
{file}
[ticks]
ts_recv = {{from = "time", unit = "ms"}}
price = {{from = "px"{price}}}
size = {{from = "qty"{size}}}
venue = {{value = "V"}}
symbol = {{value = "ABC"}}
kind = {{value = "trade"}}
{more}
"""


def trades(*, file: str = "", price: str = "", size: str = "", more: str = "") -> ColumnMapping:
    return parse(TRADES.format(file=file, price=price, size=size, more=more), "mapping")


def read(path: Path, mapping: ColumnMapping, tally: Tally | None = None) -> Ticks:
    return concat(list(files.read(path, mapping, Tally() if tally is None else tally)))


numbers = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**9), max_value=10**9).map(lambda one: f"{one:f}"),
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=14, min_value=-9, max_value=9).map(lambda one: f"{one:f}"),
    st.sampled_from(
        [
            "",
            "nan",
            "1e-3",
            "1E5",
            "-.5",
            "+3.",
            "abc",
            " 7 ",
            "0x1f",
            "1_0",
            "9223372036.854775807",
            "9223372036.854775808",
            "100000000000.00000000000000000001",
        ]
    ),
)
EXACT = Context(prec=200)


@given(st.lists(numbers, min_size=1, max_size=12), st.booleans(), st.sampled_from([0, 5, 9, 12]))
def test_numbers_are_what_decimal_says_or_refused(words: list[str], rounds: bool, scale: int) -> None:
    cells = scaled(pa.array(words), scale, rounds=rounds)
    refused = np.zeros(len(words), bool)
    for where in cells.refused.values():
        assert not (refused & where).any()
        refused |= where
    for word, value, there, bad in zip(words, cells.values, cells.there, refused, strict=True):
        plain = word.strip().lower()
        if plain in ("", "nan"):
            assert (there, bad) == (False, False)
            continue
        number = None if plain in ("abc", "0x1f", "1_0") else Decimal(plain).scaleb(scale, EXACT)
        whole = None if number is None else number.quantize(Decimal(1), ROUND_HALF_EVEN, EXACT)
        fits = whole is not None and abs(whole) < 2**63 and (rounds or whole == number)
        assert bad != fits
        assert not fits or (there and int(value) == whole)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1))
def test_floats_are_the_shortest_decimal_that_gives_them(values: list[float]) -> None:
    cells = scaled(pa.array(values, pa.float64()), 9)
    assert cells.values.tolist() == [
        int(Decimal(repr(value)).scaleb(9).quantize(Decimal(1), ROUND_HALF_EVEN)) for value in values
    ]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "-05:00", "+05:30"])
def test_local_times_are_what_datetime_says(zone: str) -> None:
    words = [
        "20240310 015959000",
        "20240310 030000001",
        "20241103 005959999",
        "20240701 120000500",
        "20240230 000000000",
        "x",
        "",
    ]
    found = times.written(pa.array(words), "YYYYMMDD hhmmssf", zone)
    offsets = {"-05:00": "-0500", "+05:30": "+0530"}
    for word, value in zip(words[:4], found.cells.values, strict=False):
        moment = datetime.strptime(word[:-3], "%Y%m%d %H%M%S")
        if zone in offsets:
            moment = datetime.strptime(f"{word[:-3]} {offsets[zone]}", "%Y%m%d %H%M%S %z")
        else:
            moment = moment.replace(tzinfo=ZoneInfo(zone))
        assert int(value) == int(moment.timestamp()) * 10**9 + int(word[-3:]) * 10**6
    assert found.cells.there.tolist() == [True] * 4 + [False] * 3
    (refused,) = found.cells.refused.values()
    assert np.flatnonzero(refused).tolist() == [4, 5]


@given(
    st.lists(st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1)), min_size=1, max_size=5),
    st.sampled_from(
        [
            ("%Y%m%d %H%M%S%f", "YYYYMMDD hhmmssf"),
            ("%d/%m/%Y %H:%M", "DD/MM/YYYY hh:mm"),
            ("%m-%d-%YT%H:%M:%S.%f", "MM-DD-YYYYThh:mm:ss.f"),
        ]
    ),
)
def test_texts_of_one_width_are_read_as_those_among_others(moments: list[datetime], forms: tuple[str, str]) -> None:
    words = [moment.strftime(forms[0]) for moment in moments]
    utc = [datetime.strptime(word, forms[0]).replace(tzinfo=ZoneInfo("UTC")) for word in words]
    expected = [int(moment.replace(microsecond=0).timestamp()) * 10**9 + moment.microsecond * 1_000 for moment in utc]
    alone, among = (
        times.written(pa.array(texts), forms[1], "UTC").cells for texts in (words, [*words, "", None, "x" * len(words[0])])
    )
    assert alone.values.tolist() == among.values[: len(words)].tolist() == expected
    assert not alone.refused
    for wrong in (words[0][:-1] + "x", "99" + words[0][2:]):
        # No form reads a year from 9900 on, nor a month or day 99.
        assert not times.written(pa.array([wrong]), forms[1], "UTC").cells.there.any()


def test_hours_that_are_there_twice_or_not_at_all_are_told() -> None:
    found = times.written(pa.array(["2024-11-03 01:30:00", "2024-03-10 02:30:00"]), "iso", "America/New_York")
    assert found.ambiguous == 1
    assert int(found.cells.values[0]) == int(datetime(2024, 11, 3, 5, 30, tzinfo=ZoneInfo("UTC")).timestamp()) * 10**9
    assert found.cells.refused[times.SKIPPED].tolist() == [False, True]


def test_every_row_is_a_tick_or_is_counted_with_column_value_and_limit(tmp_path: Path) -> None:
    rows = ["1000,1.5,2", "x,1,2", ",1,2", "1001,1.0000000001,2", "1002,1,99999999999", "1003,1", "", "1004,-3,0", "1005,n.v.,1"]
    tally = Tally()
    ticks = read(text(tmp_path, "t.csv", HEADER, *rows), trades(), tally)
    assert ticks.rows["row"].tolist() == [0, 7]
    assert ticks.rows["price"].tolist() == [1_500_000_000, -3_000_000_000]
    assert tally.messages == len(ticks) + sum(tally.undecoded.values()) == len(rows)
    assert dict(tally.undecoded) == {
        "line: found 2 columns, expected 3": 1,
        "ts_recv: not a number, such as 'x' in row 2": 1,
        "ts_recv: none in row 3": 2,
        "price: more than 9 decimals, such as '1.0000000001' in row 4": 1,
        "price: not a number, such as 'n.v.' in row 9": 1,
        "size: out of range, at most 9223372036.854775807, such as '99999999999' in row 5": 1,
    }


def test_units_are_shifts_and_larger_coins_fit_in_larger_units(tmp_path: Path) -> None:
    path = text(tmp_path, "t.csv", HEADER, "1,15850000,99999999999")
    ticks = read(path, trades(price=', unit = "0.0001"', size=', unit = "0.001"'))
    assert ticks.rows[["price", "size"]].tolist() == [(1_585 * 10**9, 99_999_999_999 * 10**6)]
    ticks = read(text(tmp_path, "u.csv", HEADER, "1,0.000000000064,1"), trades(price=', unit = "1000000"'))
    assert ticks.rows["price"].tolist() == [64_000]


def test_broken_lines_in_the_middle_of_quotes_and_of_bytes_lose_only_themselves(tmp_path: Path) -> None:
    lines = [f"{index},1,2" for index in range(500)]
    for place, bad in ((100, '7,"1,2'), (200, b"\xff\xfe,1,2"), (300, '8,1,2",')):
        lines[place] = bad  # type: ignore[call-overload]  # bytes among text, on purpose
    path = tmp_path / "t.csv"
    path.write_bytes(b"\n".join([HEADER.encode(), *(one if isinstance(one, bytes) else one.encode() for one in lines)]) + b"\n")
    tally = Tally()
    ticks = read(path, trades(), tally)
    assert tally.messages == 500
    assert len(ticks) + sum(tally.undecoded.values()) == 500
    assert set(range(500)) - set(ticks.rows["row"].tolist()) == {100, 200, 300}


def test_one_text_is_read_the_same_in_any_wrapping(tmp_path: Path) -> None:
    body = "\r\n".join([f'"{HEADER.replace(",", ";")}"'.replace('"', ""), *(f"{index};1,5;2" for index in range(100))]).encode()
    mapping = trades(file='delimiter = ";"\ndecimal_comma = true')
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + body)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(body[:99]) + gzip.compress(body[99:]))
    (tmp_path / "c.csv.zst").write_bytes(pa.compress(body, "zstd", asbytes=True))
    with zipfile.ZipFile(tmp_path / "d.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("notes.txt", "no ticks")
        archive.writestr("d.csv", body)
    for path in sorted(tmp_path.iterdir()):
        assert files.misfit(path, mapping) is None
        ticks = read(path, mapping)
        assert (len(ticks), set(ticks.rows["price"].tolist())) == (100, {1_500_000_000})
    whole = (tmp_path / "d.zip").read_bytes()
    (tmp_path / "d.zip").write_bytes(whole[:-30])
    with pytest.raises(InputError, match=r"not a complete zip archive"):
        read(tmp_path / "d.zip", mapping)


def test_words_names_and_bits(tmp_path: Path) -> None:
    mapping = parse(
        """
        [file]
        path = 'XYZ'
        [ticks]
        ts_recv = {from = ["day", "clock"], form = "YYYY/MM/DD hh:mm:ss", zone = "+01:00"}
        venue = {from = "x", words = {P = "ARCX"}, upper = true}
        symbol = {path = '([A-Z]+)-t'}
        kind = {from = "type", words = {T = "trade", Q = "quote", I = "ignore"}}
        price = {from = "p"}
        bid_px = {from = "b", zero_is_none = true}
        ask_px = {from = "a"}
        trade_id = {from = "id"}
        conditions = {from = "c", split = "|", words = {o = "odd_lot", s = ["sold_late", "out_of_sequence"]}}
        """,
        "mapping",
    )
    path = text(
        tmp_path,
        "XYZ-t.csv",
        "day,clock,type,x,p,b,a,id,c",
        "1970/01/01,01:00:01,T,P,5,,,17,o|s",
        "1970/01/01,01:00:02,Q,edgx,,0,7,,",
        "1970/01/01,01:00:03,I,P,5,,,17,",
        "1970/01/01,01:00:04,Z,P,5,,,17,",
    )
    tally = Tally()
    ticks = read(path, mapping, tally)
    assert ticks.rows["ts_recv"].tolist() == [10**9, 2 * 10**9]
    assert ticks.rows["kind"].tolist() == [Kind.TRADE, Kind.QUOTE]
    assert [ticks.name(code) for code in ticks.rows["channel"]] == ["ARCX.TRADE", "EDGX.QUOTE"]
    assert {ticks.name(code) for code in ticks.rows["symbol"]} == {"XYZ"}
    assert ticks.rows["conditions"].tolist() == [Condition.ODD_LOT | Condition.SOLD_LATE | Condition.OUT_OF_SEQUENCE, 0]
    # A quote without a bid: the side is empty.
    assert ticks.rows["present"][1] == Present.ASK_PX | Present.ASK_SZ & 0 | Present.BID_SZ
    assert dict(tally.without_ticks) == {"type I": 1}
    assert dict(tally.undecoded) == {"kind: not one of T, Q, I, such as 'Z' in row 4": 1}


def test_parquet_and_frames_of_any_types_are_read_alike(tmp_path: Path) -> None:
    count = 50
    frame = pd.DataFrame(
        {
            "when": pd.date_range("2024-03-18 09:30", periods=count, freq="250ms", tz="America/New_York"),
            "px": 100 + np.arange(count) / 100,
            "qty": [Decimal("5.25")] * count,
        },
        index=np.arange(count) + 1_000,
    )
    frame.loc[1_007, "px"] = 0.1 + 0.2
    frame.loc[1_009, "px"] = float("inf")
    mapping = parse(
        TRADES.format(file='type = "parquet"', price="", size="", more="").replace('"time", unit = "ms"', '"when", form = "iso"'),
        "m",
    )
    frame.to_parquet(tmp_path / "t.parquet")
    ticks, result = read(tmp_path / "t.parquet", mapping), scan(frame, mapping=mapping)
    first = int(datetime(2024, 3, 18, 13, 30, tzinfo=ZoneInfo("UTC")).timestamp()) * 10**9
    assert ticks.rows["ts_recv"].tolist() == [first + index * 250_000_000 for index in range(count) if index != 9]
    assert ticks.rows["price"].tolist() == [
        300_000_000 if index == 7 else (10_000 + index) * 10**7 for index in range(count) if index != 9
    ]
    assert result.scored.index.tolist() == [1_000 + index for index in range(count) if index != 9]
    assert result.scored["price"].tolist() == ticks.rows["price"].tolist()
    assert result.undecoded == {"price: not a number, such as 'inf' in row 10": 1}
    assert result.notes == {"price: rounded to nine decimals": 1}
    table = scan(pa.Table.from_pandas(frame), mapping=mapping)
    assert table.scored["ts_recv"].to_pylist() == ticks.rows["ts_recv"].tolist()
    with pytest.raises(InputError, match=r"the mapping mine expects px, too"):
        scan(frame.drop(columns="px"), mapping=mapping)


def test_json_of_foreign_names_keeps_its_digits(tmp_path: Path) -> None:
    mapping = parse(
        TRADES.format(file='type = "jsonl"', price="", size="", more="")
        .replace('"time"', '"d.T"')
        .replace('"px"', '"d.p.0"')
        .replace('"qty"', '"d.q"'),
        "m",
    )
    lines = [
        b'{"d":{"T":5,"p":[61837.630000001,1],"q":"2"}}',
        b"[1]",
        b"{",
        b'{"d":{"T":6,"p":[],"q":1}}',
        b'{"d":{"T":"x","q":1}}',
    ]
    tally = Tally()
    ticks = ticks_of(lines, mapping, tally)
    assert ticks.rows[["ts_recv", "price", "size", "row"]].tolist() == [
        (5_000_000, 61_837_630_000_001, 2 * 10**9, 0),
        (6_000_000, 0, 10**9, 3),
    ]
    assert (tally.messages, sum(tally.undecoded.values())) == (5, 3)
    (tmp_path / "t.jsonl").write_bytes(b"\n".join(lines))
    assert (read(tmp_path / "t.jsonl", mapping).rows == ticks.rows).all()


def test_all_that_is_wrong_with_a_mapping_is_told_at_once() -> None:
    wrong = """
        nme = "x"
        [file]
        type = "xml"
        header = false
        delimiter = "::"
        [ticks]
        ts_recv = {from = "a", unit = "ms", form = "iso", zone = "Mars/Olympus"}
        ts_event = {from = 0, form = "YYYY"}
        price = {from = 2, unit = "3"}
        kind = {from = 3, words = {T = "trades"}}
        venue = {value = "X", path = '('}
        flags = {from = 1}
        bid = {from = 4}
        [channels]
        sequence = "some"
    """
    with pytest.raises(SettingsError) as error:
        parse(wrong, "mapping m.toml")
    lines = str(error.value).splitlines()
    assert all(line.startswith("mapping m.toml: ") for line in lines)
    told = "\n".join(lines)
    for part in (
        "nme: unknown",
        "file.type: found 'xml'",
        "file.columns: missing",
        "file.delimiter",
        "ts_recv.from: found 'a', expected a column's number",
        "ticks.ts_recv: found both",
        "ts_recv.zone: found 'Mars/Olympus'",
        "ts_event.from: found 0",
        "ts_event.form: found 'YYYY'",
        "price.unit: found '3'",
        "kind.words.T: found 'trades'",
        "ticks.venue: found value and path",
        "venue.path: found '('",
        "flags.words: missing",
        "ticks.bid: unknown",
        "ticks.symbol: missing",
        "channels.sequence: found 'some'",
    ):
        assert part in told


def test_a_mapping_is_tried_first_and_says_why_it_is_not_for_a_file(tmp_path: Path) -> None:
    mapping = trades(more='channel = {value = "{venue}.{symbol}"}\nsequence = {from = "n"}\n[channels]\nsequence = "increasing"')
    path = text(tmp_path / "in", "t.csv", f"{HEADER},n", "1,1,1,4", "2,1,1,9")
    other = text(tmp_path / "other", "o.csv", "a,b", "1,2")
    formats = with_mapping(mapping)
    assert known([path], formats).channels["V.ABC"].sequence == "increasing"
    ((found, format_),) = find([path], formats=formats)
    assert (contents(found, format_).ticks, format_.name) == (2, "mine")
    assert len(concat(list(open_recordings([path], formats=formats)))) == 2
    with pytest.raises(InputError, match=r"found the columns a,b, the mapping mine expects time, px, qty, n, too"):
        find([other], formats=formats)
    with pytest.raises(InputError, match=r"recordings --describe") as error:
        find([other])
    assert "LEAN" not in str(error.value).partition("expected one of")[0]


def blocks_of(mapping: ColumnMapping, path: Path) -> Iterable[Ticks]:
    return files.read(path, mapping, Tally())


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("w") as file:
        file.write(HEADER + "\n")
        for index in range(300_000):
            file.write(f"{index},100.25,3\n")
    before, most, count = pa.total_allocated_bytes(), 0, 0
    for ticks in blocks_of(trades(), path):
        count += len(ticks)
        most = max(most, pa.total_allocated_bytes() - before)
    assert count == 300_000
    assert most < 24 << 20


def test_parquet_that_is_cut_or_lacks_columns_is_told(tmp_path: Path) -> None:
    mapping = trades(file='type = "parquet"')
    pq.write_table(pa.table({"time": [1], "px": ["1.5"]}), tmp_path / "t.parquet")
    assert "expects qty, too" in (files.misfit(tmp_path / "t.parquet", mapping) or "")
    data = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(data[: len(data) // 2])
    assert "not a complete Parquet file" in (files.misfit(tmp_path / "t.parquet", mapping) or "")
    with pytest.raises(InputError, match=r"t\.parquet, row 0: the file is broken"):
        read(tmp_path / "t.parquet", mapping)

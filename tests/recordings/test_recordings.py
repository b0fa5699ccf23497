"""Readers of recorded feeds: a contract over every format, LEAN's columns and clocks, and the shared recordings."""

from __future__ import annotations

import gzip
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.recordings.registry import BY_NAME, RECORDINGS, Format, Tally, contents, find, known, merged, open_recordings, read
from producers.recordings.us_equities import lean
from producers.recordings.us_equities.lean_codes import conditions, exchange
from producers.streams.merge import BATCH_ROWS
from tests.support.recording_samples import SAMPLES, lean_zip, plain_ticks, write_parquet
from tickproof.errors import InputError, TickError
from tickproof.findings.finding import VERDICT, verdict_columns
from tickproof.reference.data import Channel, Reference
from tickproof.ticks.arrow import from_arrow, to_arrow
from tickproof.ticks.schema import Condition, Flag, Kind, Present, Ticks, concat

EQUITY_DAY = "equity/usa/tick/abc/20131007"
NEW_YORK_MIDNIGHT_NS = int(datetime(2013, 10, 7, 4, tzinfo=UTC).timestamp()) * 10**9  # EDT is UTC−4


def trades(folder: Path, text: str) -> Path:
    return lean_zip(folder, f"{EQUITY_DAY}_trade.zip", ("20131007_abc_Trade_Tick.csv", text))


def read_all(path: Path, tally: Tally | None = None) -> Ticks:
    return concat(list(open_recordings([path], tally=tally)))


@pytest.fixture(params=RECORDINGS, ids=lambda format_: format_.name)
def format_(request: pytest.FixtureRequest) -> Format:
    """Every format in turn."""
    found: Format = request.param
    return found


def read_or_error(path: Path, format_: Format) -> tuple[Ticks, str]:
    """What a format reads of a file, recognised or not, and the error that it ends with."""
    found = []
    try:
        format_.recognises(path.absolute(), path.read_bytes()[:1024])
        format_.starts(path)
        format_.reference(path)
        for ticks in format_.read(path, Tally()):
            found.append(ticks)
    except InputError as error:
        return concat(found), str(error)
    return concat(found), ""


def test_every_format_reads_counts_and_recognises_its_sample_alone(format_: Format, tmp_path: Path) -> None:
    write, messages = SAMPLES[format_.name]
    path = write(tmp_path)
    assert [(found, by.name) for found, by in find([path])] == [(path, format_.name)]
    counted = contents(path, format_)
    assert (counted.ticks, counted.messages, counted.undecoded) == (3, messages, {})
    assert sum(counted.by_kind.values()) == 3
    ticks = read_all(path)
    assert (np.diff(ticks.rows["row"].astype(np.int64)) == 1).all()
    starts = format_.starts(path)
    assert starts is None or starts <= ticks.rows["ts_recv"][0]
    table = pa.Table.from_batches([to_arrow(ticks)])
    assert (from_arrow(table).rows["ts_recv"] == ticks.rows["ts_recv"]).all()
    assert (ticks.rows["channel"] >= 0).all()
    assert (ticks.rows["venue"] >= 0).all()


def test_every_format_says_how_far_it_has_read(format_: Format, tmp_path: Path) -> None:
    path, tally = SAMPLES[format_.name][0](tmp_path), Tally()
    assert [0 <= tally.reached[path] <= path.stat().st_size for _ in read(path, format_, tally)] != []
    assert tally.reached[path] == path.stat().st_size


def test_what_every_format_implies_is_about_channels_of_its_own(format_: Format, tmp_path: Path) -> None:
    path = SAMPLES[format_.name][0](tmp_path)
    said = known([path]).channels
    channels = {ticks.names[code] for ticks in open_recordings([path]) for code in ticks.rows["channel"]}
    own_schema = ("parquet", "csv", "jsonl")
    assert channels <= set(said) if format_.name not in own_schema else not said
    rows = read_all(path).rows
    numbered = {bool(value) for value in rows["present"] & Present.SEQUENCE}
    if format_.name not in own_schema and numbered == {False}:
        assert {said[channel].sequence for channel in channels} <= {"none", "increasing"}


@pytest.mark.slow
def test_every_format_keeps_what_came_before_a_cut_or_says_that_nothing_can_be_read(format_: Format, tmp_path: Path) -> None:
    path = SAMPLES[format_.name][0](tmp_path)
    whole, content = read_all(path), path.read_bytes()
    packed = path.with_name(path.name)
    for size in range(0, len(content), max(1, len(content) // 60)):
        packed.write_bytes(content[:size])
        ticks, error = read_or_error(path, format_)
        if error:
            assert str(path) in error
            assert "\n" not in error
            continue
        assert len(ticks) <= len(whole)
        kept = whole.rows[: max(len(ticks) - 1, 0)]
        # The last line of a text may be cut in its last number, which still is one.
        assert (ticks.rows[: len(kept)]["ts_recv"] == kept["ts_recv"]).all()


@pytest.mark.slow
def test_no_format_breaks_on_damaged_bytes(format_: Format, tmp_path: Path) -> None:
    path = SAMPLES[format_.name][0](tmp_path)
    content = path.read_bytes()
    for place in range(0, len(content), max(1, len(content) // 150)):
        for value in (0, 0xFF, content[place] ^ 1):
            path.write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
            ticks, error = read_or_error(path, format_)
            to_arrow(ticks)
            assert "\n" not in error


@pytest.mark.parametrize("name", ["lean", "parquet"])
def test_files_with_a_directory_at_their_end_say_that_they_are_cut(name: str, tmp_path: Path) -> None:
    path = SAMPLES[name][0](tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="not a complete"):
        read_all(path)


@pytest.mark.parametrize("name", ["csv", "jsonl", "taq", "cryptofeed", "dbn", "tardis", "truefx", "binance-depth"])
def test_packed_files_are_read_as_they_are_and_keep_what_came_before_a_cut(name: str, tmp_path: Path) -> None:
    path = SAMPLES[name][0](tmp_path)
    plain, content = read_all(path), path.read_bytes()
    packed = gzip.compress(content[: len(content) // 2]) + gzip.compress(content[len(content) // 2 :])
    for data in (packed, pa.compress(content, "zstd", asbytes=True)):
        path.write_bytes(data)
        assert (read_all(path).rows == plain.rows).all()
        path.write_bytes(data[: len(data) - 8])
        ticks, _ = read_or_error(path, BY_NAME[name])
        assert len(ticks) <= len(plain)


def test_an_explicit_entry_wins_over_what_a_format_implies(tmp_path: Path) -> None:
    path = SAMPLES["taq"][0](tmp_path)
    said = Reference(channels={"TAQ.TRADE": Channel(sequence="shared", line="A")})
    both = merged(said, known([path]))
    assert both.channels["TAQ.TRADE"] == said.channels["TAQ.TRADE"]
    assert both.channels["TAQ.QUOTE"].sequence == "none"


def test_an_equity_trade_is_read_to_the_unit(tmp_path: Path) -> None:
    ticks = read_all(trades(tmp_path, "14400688,491800,300,P,20002020,0\n14400689,1,7,Q,80100000,1"))
    first, second = ticks.rows
    assert first["ts_recv"] == NEW_YORK_MIDNIGHT_NS + 14_400_688 * 10**6
    assert first["price"] == 49_180_000_000
    assert first["size"] == 300 * 10**9
    assert first["present"] == Present.PRICE | Present.SIZE
    assert first["conditions"] == Condition.EXTENDED_HOURS | Condition.INTERMARKET_SWEEP
    assert first["flags"] == 0
    assert [ticks.name(first[field]) for field in ("channel", "venue", "symbol")] == ["LEAN.EQUITY.USA.TRADE", "ARCX", "ABC"]
    assert second["price"] == 100_000
    assert second["conditions"] == Condition.ODD_LOT | Condition.AVERAGE_PRICE
    assert second["flags"] == Flag.VENDOR_SUSPICIOUS
    assert ticks.name(second["venue"]) == "XNAS"


def test_an_equity_quote_carries_one_side(tmp_path: Path) -> None:
    path = lean_zip(
        tmp_path, f"{EQUITY_DAY}_quote.zip", ("q.csv", "1,138000,1000,0,0,P,1,0\n2,0,0,139200,500,Z,1,1\n3,5,0,0,0,N,1,0\n")
    )
    rows = read_all(path).rows
    bid, ask = Present.BID_PX | Present.BID_SZ, Present.ASK_PX | Present.ASK_SZ
    assert rows["present"].tolist() == [bid, ask, bid]
    assert rows["bid_px"].tolist() == [13_800_000_000, 0, 500_000]
    assert rows["ask_sz"].tolist() == [0, 500 * 10**9, 0]
    assert rows["flags"].tolist() == [0, Flag.VENDOR_SUSPICIOUS, 0]
    assert (rows["kind"] == Kind.QUOTE).all()


@pytest.mark.parametrize(("market", "midnight_utc_h"), [("oanda", 0), ("fxcm", 5)])
@pytest.mark.parametrize("day", ["20140108", "20140708"])
def test_forex_clocks_know_no_summer_time(tmp_path: Path, market: str, midnight_utc_h: int, day: str) -> None:
    path = lean_zip(tmp_path, f"forex/{market}/tick/eurusd/{day}_quote.zip", ("q.csv", "0,1.38727,1.3873\r\n"))
    ticks = read_all(path)
    midnight = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC, hour=midnight_utc_h)
    row = ticks.rows[0]
    assert row["ts_recv"] == int(midnight.timestamp()) * 10**9
    assert (row["bid_px"], row["ask_px"]) == (1_387_270_000, 1_387_300_000)
    assert row["present"] == Present.BID_PX | Present.ASK_PX
    assert ticks.name(row["channel"]) == f"LEAN.FOREX.{market.upper()}.QUOTE"
    assert ticks.name(row["venue"]) == market.upper()


def test_new_york_keeps_summer_time(tmp_path: Path) -> None:
    winter = lean_zip(tmp_path, "equity/usa/tick/abc/20140108_trade.zip", ("t.csv", "0,1,1,Q,0,0"))
    assert read_all(winter).rows["ts_recv"][0] == int(datetime(2014, 1, 8, 5, tzinfo=UTC).timestamp()) * 10**9


def test_times_may_have_decimals_and_futures_expiries(tmp_path: Path) -> None:
    gold = lean_zip(tmp_path, "cfd/oanda/tick/xauusd/20140501_quote.zip", ("q.csv", "62.2662,1291.619,1292.007\n"))
    assert read_all(gold).rows["ts_recv"][0] % 10**9 == 62_266_200
    futures = lean_zip(
        tmp_path,
        "future/comex/tick/gc/20131007_trade.zip",
        ("20131007_gc_tick_trade_201402.csv", "5,1313.8,1,usa,,0\n9,1313.9,0,usa,,0\n"),
        ("20131007_gc_tick_trade_201312.csv", "4,1313,1,usa,,0\n7,1313.7,2,usa,,0\n"),
    )
    ticks = read_all(futures)
    assert [ticks.name(code) for code in ticks.rows["symbol"]] == ["GC201312", "GC201402", "GC201312", "GC201402"]
    assert ticks.rows["price"].tolist() == [1313 * 10**9, 1_313_800_000_000, 1_313_700_000_000, 1_313_900_000_000]
    assert ticks.name(ticks.rows["venue"][0]) == "XCEC"


DIRTY = {
    "x,10000,5,Q,0,0": "time: not what the column holds",
    ",10000,5,Q,0,0": "time: none, or none of a day",
    "99999999999,10000,5,Q,0,0": "time: none, or none of a day",
    "3,1e,5,Q,0,0": "price: not what the column holds",
    "3,nan,5,Q,0,0": "price: not what the column holds",
    "3,99999999999999999999,5,Q,0,0": "price: beyond 64 bits",
    "3,10000,5,Q,zz,0": "condition: not hexadecimal",
    "3,10000,5,Q,0,2000": "suspicious: expected at most 8 bits",
    "3,10000,5": "columns: found 3, expected 6",
    "3,10000,5,Q,0,0,9": "columns: found 7, expected 6",
    "": "time: none, or none of a day",
    "3,10000,5,\xff\xfe,0,0": "exchange: not what the column holds",
}
"""Lines that are no rows, each with its reason."""


@pytest.mark.parametrize(("line", "reason"), DIRTY.items(), ids=[line or "empty" for line in DIRTY])
def test_a_bad_line_is_named_and_its_neighbours_stay(tmp_path: Path, line: str, reason: str) -> None:
    tally = Tally()
    path = trades(tmp_path, "")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("t.csv", b"1,10000,5,Q,0,0\n" + line.encode("latin-1") + b"\n4,10000,5,Q,0,0\n")
    ticks = read_all(path, tally)
    assert ticks.rows["row"].tolist() == [0, 2]
    assert dict(tally.undecoded) == {reason: 1}
    assert tally.messages == 3


@pytest.mark.slow
@given(st.lists(st.sampled_from(["1,10000,5,Q,0,0", *DIRTY]), max_size=40), st.booleans())
def test_rows_and_undecoded_lines_add_up(tmp_path_factory: pytest.TempPathFactory, lines: list[str], ended: bool) -> None:
    folder = tmp_path_factory.mktemp("lean")
    path = trades(folder, "")
    text = b"\n".join(line.encode("latin-1") for line in lines) + (b"\n" if ended and lines else b"")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("t.csv", text)
    tally = Tally()
    ticks = read_all(path, tally)
    # A last empty line without a line end is not there at all.
    count = len(lines) - (not ended and lines[-1:] == [""])
    assert tally.messages == count
    assert len(ticks) + tally.undecoded.total() == count
    assert ticks.rows["row"].tolist() == [row for row, line in enumerate(lines) if line not in DIRTY]


def test_null_values_stay_null(tmp_path: Path) -> None:
    row = read_all(trades(tmp_path, "1,,5,,,\n")).rows[0]
    assert row["present"] == Present.SIZE
    assert (row["price"], row["conditions"], row["flags"]) == (0, 0, 0)


def test_rows_that_go_back_stay_where_they_are_and_are_counted(tmp_path: Path) -> None:
    tally = Tally()
    ticks = read_all(trades(tmp_path, "5,1,1,Q,0,0\n3,1,1,Q,0,0\n4,1,1,Q,0,0\n6,1,1,Q,0,0\n"), tally)
    assert ticks.rows["row"].tolist() == [0, 1, 2, 3]
    assert tally.out_of_order == 2


@pytest.mark.slow
def test_a_damaged_member_keeps_what_came_before(tmp_path: Path) -> None:
    lines = [f"{time},{10000 + time * 7919 % 4093},5,Q,0,0" for time in range(50_000)]
    path = trades(tmp_path, "\n".join(lines))
    damaged = bytearray(path.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 64] = bytes(64)
    path.write_bytes(bytes(damaged))
    tally = Tally()
    ticks = read_all(path, tally)
    assert 0 < len(ticks) < 50_000
    assert tally.undecoded["zip member damaged: the rest was not read"] == 1


def test_conditions_and_exchanges_by_their_tables() -> None:
    assert conditions(1 << 6 | 1 << 8) == Condition.AUCTION_OPEN
    assert conditions(1 << 24) == conditions(1 << 26) == Condition.OFFICIAL_PRICE
    assert conditions(1 | 1 << 29) == 0
    assert exchange("Z") == "BATS"
    assert exchange("?") == "US.?"


def test_what_is_no_recording_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing there"):
        find([tmp_path / "absent"])
    with pytest.raises(InputError, match="no recording among 0 files"):
        find([tmp_path])
    readme = tmp_path / "README.md"
    readme.write_text("no ticks")
    with pytest.raises(InputError, match="not a known format"):
        find([readme])
    write_parquet(tmp_path / "a.parquet")
    unknown: list[Path] = []
    assert [path.name for path, _ in find([tmp_path], unknown)] == ["a.parquet"]
    assert unknown == [readme]


def test_symbols_and_times_select(tmp_path: Path) -> None:
    lean_zip(tmp_path, "equity/usa/tick/abc/20131007_trade.zip", ("t.csv", "1,1,1,Q,0,0\n2,1,1,Q,0,0\n3,1,1,Q,0,0\n"))
    lean_zip(tmp_path, "equity/usa/tick/def/20131007_trade.zip", ("t.csv", "1,1,1,Q,0,0\n2,1,1,Q,0,0\n"))
    start, end = (NEW_YORK_MIDNIGHT_NS + ms * 10**6 for ms in (2, 3))
    ticks = concat(list(open_recordings([tmp_path], start_ns=start, end_ns=end)))
    assert [ticks.name(code) for code in ticks.rows["symbol"]] == ["ABC", "DEF"]
    ticks = concat(list(open_recordings([tmp_path], symbols=["DEF"])))
    assert [ticks.name(code) for code in ticks.rows["symbol"]] == ["DEF", "DEF"]


def test_parquet_of_a_scored_run_is_read_without_its_verdicts(tmp_path: Path) -> None:
    verdicts = np.zeros(3, VERDICT)
    scored = pa.Table.from_batches([to_arrow(plain_ticks(), verdict_columns(verdicts))])
    assert len(read_all(write_parquet(tmp_path / "scored.parquet", scored))) == 3
    with pytest.raises(TickError, match="without score"):
        read_all(write_parquet(tmp_path / "some.parquet", scored.drop_columns(["score"])))


def test_parquet_with_other_columns_is_refused(tmp_path: Path) -> None:
    table = pa.Table.from_batches([to_arrow(plain_ticks())])
    with pytest.raises(TickError, match=r"more\.parquet: column colour is unknown"):
        read_all(write_parquet(tmp_path / "more.parquet", table.append_column("colour", pa.array(["red"] * 3))))
    with pytest.raises(TickError, match="column ts_recv is missing"):
        read_all(write_parquet(tmp_path / "foreign.parquet", pa.table({"bid": [1.5]})))
    with pytest.raises(TickError, match="column venue is missing"):
        read_all(write_parquet(tmp_path / "less.parquet", table.drop_columns(["venue"])))
    # What may be null may be absent, as in CSV.
    less = read_all(write_parquet(tmp_path / "less.parquet", table.drop_columns(["price", "flags"])))
    assert not (less.rows["present"] & Present.PRICE).any()
    with pytest.raises(TickError, match="found schema 9"):
        read_all(write_parquet(tmp_path / "later.parquet", table.replace_schema_metadata({"tickproof.schema": "9"})))


def test_parquet_strings_may_be_plain_and_batches_stay_small(tmp_path: Path) -> None:
    table = pa.Table.from_batches([to_arrow(plain_ticks(BATCH_ROWS + 7))])
    plain = pa.table(
        {
            name: table[name].cast(pa.string()) if pa.types.is_dictionary(table[name].type) else table[name]
            for name in table.column_names
        }
    )
    batches = list(open_recordings([write_parquet(tmp_path / "plain.parquet", plain)]))
    assert max(map(len, batches)) <= BATCH_ROWS
    assert concat(batches).rows["row"].tolist() == list(range(BATCH_ROWS + 7))


class TestSharedRecordings:
    """Row counts by what the files hold. Most have no line end after the last row: `wc -l` counts one less a file."""

    @pytest.mark.parametrize(
        ("folder", "kind", "files", "rows"),
        [
            ("equity/usa/tick", "trade", 8, 1_042_549 + 8),
            ("equity/usa/tick", "quote", 3, 810_910 + 3),
            ("forex", "quote", 8, 544_714 + 8),
            ("cfd", "quote", 1, 129_743 + 1),
            ("future", "trade", 1, 40_192),
        ],
    )
    def test_counts(self, folder: str, kind: str, files: int, rows: int, data: Path) -> None:
        found = [(path, format_) for path, format_ in find([data / "lean" / folder]) if path.stem.endswith(kind)]
        counted = [contents(path, format_) for path, format_ in found]
        assert len(counted) == files
        assert sum(one.ticks for one in counted) == rows
        assert [one.undecoded for one in counted] == [{}] * files
        assert [one.out_of_order for one in counted] == [0] * files
        assert sum(one.by_kind[kind] for one in counted) == rows

    def test_two_vendors_agree_once_their_clocks_do(self, data: Path) -> None:
        """The median difference of two sources at the same time is tiny; with a clock an hour off it is not."""
        mids = {}
        for vendor in ("oanda", "fxcm"):
            rows = concat(list(open_recordings([data / f"lean/forex/{vendor}/tick/eurusd/20140508_quote.zip"]))).rows
            mids[vendor] = rows["ts_recv"], (rows["bid_px"] + rows["ask_px"]) / 2
        times, prices = mids["oanda"]
        inside = times[(times > mids["fxcm"][0][0]) & (times < mids["fxcm"][0][-1] - 3600 * 10**9)]

        def median_difference_bp(shift_h: int) -> float:
            other = mids["fxcm"][1][np.searchsorted(mids["fxcm"][0], inside + shift_h * 3600 * 10**9, "right") - 1]
            own = prices[np.searchsorted(times, inside, "right") - 1]
            return float(np.median(np.abs(other / own - 1)) * 1e4)

        assert median_difference_bp(0) < 0.5
        assert median_difference_bp(1) > 2

    def test_trades_and_quotes_of_a_symbol_merge_by_time(self, data: Path) -> None:
        folder = data / "lean/equity/usa/tick/ibm"
        ticks = list(open_recordings([folder / "20131007_trade.zip", folder / "20131007_quote.zip"]))
        times = np.concatenate([batch.rows["ts_recv"] for batch in ticks])
        assert len(times) == 24_293 + 109_067
        assert (np.diff(times) >= 0).all()

    def test_the_futures_clock_shows_the_break_of_the_exchange(self, data: Path) -> None:
        times = concat(list(open_recordings([data / "lean/future/comex/tick/gc/20131007_trade.zip"]))).rows["ts_recv"]
        widest = int(np.argmax(np.diff(times)))
        # 17:15 to 18:00 in New York, on daylight time.
        assert datetime.fromtimestamp(times[widest] / 1e9, UTC).strftime("%H:%M") == "21:14"
        assert datetime.fromtimestamp(times[widest + 1] / 1e9, UTC).strftime("%H:%M") == "22:00"


def test_the_table_has_no_two_formats_of_a_name() -> None:
    assert len(BY_NAME) == len(RECORDINGS)
    assert set(SAMPLES) == set(BY_NAME)
    assert {security for security, _ in lean.MARKETS} == {security for security, _ in lean.LAYOUTS}

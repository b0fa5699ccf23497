"""Catalogs of nautilus_trader, Dukascopy's hours, events of hftbacktest: units, clocks, what is refused, and real samples."""

from __future__ import annotations

import lzma
import shutil
import struct
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from producers.recordings.hftbacktest import BUY, LOCAL, SELL
from producers.recordings.registry import Tally, contents, find, known, open_recordings
from tests.support.recording_samples import SAMPLES, TIME_NS, dukascopy_hour, hftbacktest_events
from tests.support.recording_samples import nautilus_catalog as catalog
from tickproof.errors import InputError
from tickproof.ticks.schema import Flag, Kind, Present, Ticks, concat

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

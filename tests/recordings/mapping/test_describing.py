"""Guesses about files of many kinds, the page's worked example, and the cases that people met."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from commands import program
from commands.recordings.recordings import command as recordings
from commands.scan import command as scan
from producers.publish.input_identity import digest_of
from producers.publish.replay_extent import end_of
from producers.recordings.mapping.specification import parse
from producers.recordings.registry import with_mapping
from tests.support.recording_samples import text
from tickproof.errors import InputError, SettingsError

PAGE = (Path(__file__).parents[3] / "docs/your-own-files.md").read_text(encoding="utf-8")


def described(path: Path) -> dict[str, object]:
    result = CliRunner().invoke(recordings, ["--describe", str(path), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def first_tick(found: dict[str, object], *names: str) -> tuple[object, ...]:
    ticks = found["ticks"]
    assert isinstance(ticks, list)
    return tuple(ticks[0][name] for name in names)


def fenced(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_worked_example_gives_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("prices.csv").write_text(fenced("csv")[0], encoding="utf-8")
    describe, use = fenced("console")[:2]
    program.main(describe.split()[1:], standalone_mode=False)
    guessed = tomllib.loads(Path("mapping.toml").read_text(encoding="utf-8"))
    (shown,) = fenced("toml")
    meant = tomllib.loads(shown)
    guessed["ticks"]["ts_recv"]["zone"], guessed["ticks"]["venue"] = "America/New_York", {"value": "XNYS"}
    assert guessed == meant
    Path("mapping.toml").write_text(shown, encoding="utf-8")
    result = CliRunner().invoke(recordings, [*use.splitlines()[0].split()[2:], "--json"], catch_exceptions=False)
    (listed,) = json.loads(result.stdout)
    reason = "price: not a number, such as 'n.v.' in row 5"
    assert (listed["ticks"], listed["undecoded"], listed["first_ns"]) == (4, {reason: 1}, 1_710_768_600_125_000_000)
    assert f"`{reason}`" in PAGE
    result = CliRunner().invoke(scan, [*use.splitlines()[1].split()[2:], "--model", "none", "--json"], catch_exceptions=False)
    summary = json.loads(result.stdout.splitlines()[-1])
    assert (summary["ticks"], summary["undecoded"]) == (4, {reason: 1})


def test_a_file_without_a_header_is_told_by_its_values(tmp_path: Path) -> None:
    rows = []
    for index in range(30):
        price, size = 61837.5 + index % 3, 0.5 * (1 + index % 4)
        rows.append(f"{100 + index},{price},{size},{price * size},{1723161255342 + index},True")
    found = described(text(tmp_path, "BTCUSDT-x.csv", *rows))
    assert first_tick(found, "ts_recv", "price", "size", "trade_id", "symbol") == (
        1723161255342 * 10**6,
        61_837_500_000_000,
        500_000_000,
        100,
        "BTCUSDT",
    )
    assert found["left_out"] == ["4", "6"]


@pytest.mark.parametrize(
    ("lines", "names", "expected"),
    [
        (
            ["Date,Time,Bid,Ask", *(f"2020.01.02,10:00:0{index}.5,1.1{index},1.1{index + 1}" for index in range(5))],
            ("ts_recv", "bid_px", "ask_px", "kind"),
            (1_577_959_200_500_000_000, 1_100_000_000, 1_110_000_000, 0),
        ),
        (
            ["Zeit;Kurs;Stück;symbol", *(f"13.01.2020 10:00:00;1,2{index};{index};X" for index in range(5))],
            ("ts_recv", "price", "symbol"),
            (1_578_909_600_000_000_000, 1_200_000_000, "X"),
        ),
        (
            [
                "exchange_timestamp\tlocal_timestamp\tsym\tprice\tamount",
                *(f"1600000000.{index}\t1600000000.{index}5\tX\t5\t7" for index in range(5)),
            ],
            ("ts_recv", "ts_event", "size"),
            (1_600_000_000_050_000_000, 1_600_000_000_000_000_000, 7_000_000_000),
        ),
        (
            ["ts,symbol,price,size", *(f"{1600000000000000000 + index},X,{1585000 + 100 * index},5" for index in range(5))],
            ("ts_recv", "price"),
            (1_600_000_000_000_000_000, 158_500_000_000),
        ),
        (
            ["ts,symbol,price,size", *(f"{1600000000000 + index},X,0.000000000064,{10**11}" for index in range(5))],
            ("price", "size"),
            (64, 10**17),
        ),
    ],
)
def test_units_forms_and_scales_are_guessed(
    tmp_path: Path, lines: list[str], names: tuple[str, ...], expected: tuple[object, ...]
) -> None:
    assert first_tick(described(text(tmp_path, "t.csv", *lines)), *names) == expected


def test_json_lines_and_parquet_are_described(tmp_path: Path) -> None:
    found = described(text(tmp_path, "t.jsonl", *('{"data":{"s":"BTC","p":"1.5","q":2,"T":1600000000123}}' for _ in range(3))))
    assert first_tick(found, "ts_recv", "symbol", "price", "size") == (
        1_600_000_000_123_000_000,
        "BTC",
        1_500_000_000,
        2_000_000_000,
    )
    pq.write_table(
        pa.table({"t": pa.array([5, 6], pa.timestamp("us", "UTC")), "px": [1.5, 2.5], "list": [[1], [2]]}), tmp_path / "t.parquet"
    )
    assert first_tick(described(tmp_path / "t.parquet"), "ts_recv", "price") == (5_000, 1_500_000_000)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\0\1\2", b"a,b\nx,y\n", b"PAR1 cut", b"{}\n", b"\xff\xfe\n\x81"])
def test_what_cannot_be_described_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    result = CliRunner().invoke(recordings, ["--describe", str(tmp_path / "t.csv")])
    assert isinstance(result.exception, InputError)
    assert "\n" not in str(result.exception)


def test_the_vendors_file_names_the_next_step_which_reads_it(shared: Path, tmp_path: Path) -> None:
    path = shared / "cases/id-holes-vendor-csv/vendor_trades.csv"
    result = CliRunner().invoke(scan, [str(path), "--out", str(tmp_path / "out")])
    assert f"tickproof recordings --describe {path}" in str(result.exception)
    assert "LEAN's folders" not in str(result.exception)
    assert first_tick(described(path), "ts_recv", "price", "size", "trade_id") == (
        1_619_247_104_155_000_000,
        11_440,
        87_000_000_000,
        1_684_950,
    )


@pytest.mark.parametrize("name", ["ts_recv_as_timestamp", "wide_integers", "optional_columns_missing"])
def test_canonical_columns_of_other_types_are_read_with_the_mapping_that_is_guessed(
    shared: Path, tmp_path: Path, name: str
) -> None:
    path, mapping = shared / f"cases/own-parquet-timestamps/{name}.parquet", tmp_path / "m.toml"
    assert CliRunner().invoke(recordings, ["--describe", str(path), "--out", str(mapping)], catch_exceptions=False).exit_code == 0
    (listed,) = json.loads(CliRunner().invoke(recordings, [str(path), "--mapping", str(mapping), "--json"]).stdout)
    assert (listed["by_kind"], listed["undecoded"]) == ({"quote": 50}, {})


def test_prices_in_ones_under_canonical_names_are_read_by_a_mapping(shared: Path) -> None:
    found = described(shared / "cases/polygon-flat/decimals.csv")
    assert first_tick(found, "price", "kind") == (276_160_000_000, 1)


def test_a_wrong_mapping_ends_every_command_before_anything_is_read(tmp_path: Path) -> None:
    mapping = text(tmp_path, "m.toml", "[ticks]", 'price = {from = "px", unit = "7"}')
    for verb, rest in (("recordings", []), ("scan", ["--out", str(tmp_path / "out")]), ("replay", ["--brokers", "127.0.0.1:1"])):
        command = program.get_command(click.Context(program), verb)
        assert command is not None
        result = CliRunner().invoke(command, [str(tmp_path), "--mapping", str(mapping), *rest])
        assert isinstance(result.exception, SettingsError)
        assert result.exception.exit_status == 2
        assert len(str(result.exception).splitlines()) == 5
    assert not (tmp_path / "out").exists()


def test_a_replay_with_another_mapping_is_another_replay(tmp_path: Path) -> None:
    path = text(tmp_path, "t.csv", "time,px", "1,2")
    form = '[ticks]\nts_recv = {{from = "time", unit = "{}"}}\nprice = {{from = "px"}}\nvenue = {{value = "V"}}\n'
    form += 'symbol = {{value = "S"}}\nkind = {{value = "trade"}}\n'
    digests = {digest_of([path], None, with_mapping(parse(form.format(unit), "m"))) for unit in ("s", "s", "ms")}
    assert len(digests) == 2
    assert end_of([path], None, with_mapping(parse(form.format("s"), "m"))) is None

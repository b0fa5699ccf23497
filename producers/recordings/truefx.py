"""TrueFX quotes: the site's own CSV (`EUR/USD,20120101 21:00:00.123,1.29,1.30`), and `timestamp,bid,ask` under a header.

Times are UTC, one clock: `ts_recv`. Quotes carry both prices and no sizes. Channel `TRUEFX.QUOTE`, no numbers. A file with a
header does not name its pair: it is the letters that the file's name begins with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from producers.recordings.reading import csv_blocks as sheets
from producers.recordings.reading.compressed import head, pieces
from producers.recordings.reading.delimited import PRICE, TEXT, blocks, lines_of, one_array, tables
from producers.recordings.reading.implied_reference import channels
from producers.recordings.reading.names import Names
from producers.recordings.reading.tally import Tally
from tickproof.reference.data import Reference
from tickproof.ticks.schema import Kind, Ticks

CHANNEL, VENUE = "TRUEFX.QUOTE", "TRUEFX"
_HEAD_BYTES = 256
_PLAIN = re.compile(rb"[A-Z]{3}/[A-Z]{3},\d{8} \d\d:\d\d:\d\d\.\d{3},")
_PLAIN_COLUMNS = {"pair": TEXT, "time": pa.string(), "bid": PRICE, "ask": PRICE}
_HEADER = ["timestamp", "bid", "ask"]


def _fill(block: sheets.Block) -> None:
    block.rows["kind"] = Kind.QUOTE
    block.same("channel", CHANNEL)
    block.same("venue", VENUE)
    block.units("bid", "bid_px")
    block.units("ask", "ask_px")


def recognises(path: Path, first: bytes) -> bool:
    """A pair and a time, or the header; as files of bids and asks are many, only these columns and no other."""
    return _PLAIN.match(first) is not None or sheets.header_of(first) == _HEADER


def reference(path: Path) -> Reference:
    """Nothing has a number."""
    return channels((CHANNEL,), "none")


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """The quotes of one file."""
    if _PLAIN.match(head(path, _HEAD_BYTES)) is None:
        return sheets.read(path, _sheet(path), tally)
    return _read_plain(path, tally)


def _sheet(path: Path) -> sheets.Sheet:
    letters = re.match(r"[A-Za-z]{6}", path.name)
    symbol = letters[0].upper() if letters else path.name.partition(".")[0].upper()

    def fill(block: sheets.Block) -> None:
        _fill(block)
        block.time("timestamp")
        block.same("symbol", symbol)

    return sheets.Sheet({"timestamp": pa.timestamp("ns", "UTC"), "bid": PRICE, "ask": PRICE}, fill)


def _read_plain(path: Path, tally: Tally) -> Iterator[Ticks]:
    names = Names()
    row = 0
    for block in blocks(pieces(path, tally)):
        for numbers, table in tables(block, _PLAIN_COLUMNS, tally.undecoded):
            times = pc.replace_substring_regex(
                one_array(table, "time"), r"^(\d{4})(\d\d)(\d\d) (\d\d:\d\d:\d\d\.\d{1,9})$", r"\1-\2-\3 \4"
            )
            whole = pc.match_substring_regex(
                times, r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]) ([01]\d|2[0-3]):[0-5]\d:[0-5]\d\."
            )
            parsed = pc.if_else(whole, times, pa.scalar(None, pa.string())).cast(pa.timestamp("ns"))
            part = sheets.Block(table.set_column(1, "time", parsed), numbers + row, names, tally.undecoded)
            part.time("time")
            part.name("symbol", "pair", lambda pair: pair.replace("/", ""))
            _fill(part)
            yield part.ticks()
        lines = lines_of(block)
        row += lines
        tally.messages += lines

"""NYSE TAQ trades and quotes as the R package highfrequency keeps them: CSV with a header, plain or packed.

What the files do not say themselves, and how it is filled in:

- **Clock.** `DT` is UTC: the exchange's time is five hours less in winter. It is one clock, the tape's: it is `ts_recv`, to the
  nanosecond as it stands there, and `ts_event` is null.
- **Channel.** `TAQ.TRADE` and `TAQ.QUOTE`: the consolidated tape has a line for each. No numbers, no trade ids.
- **Quotes** carry both sides. A side with a price of 0 stays what the tape says, a price of 0: cleaners throw such rows out (P2),
  and rules find them. Sizes are round lots, and stay as they are.
- **Corrections** are by the Daily TAQ specification: a trade that was later corrected or cancelled (1, 7, 8) stands where it
  was first reported and is a trade, flagged as suspicious by its source where it was cancelled or wrong; 10 and 11 are the
  venue's cancel, 12 its correction.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from producers.recordings.reading import csv_blocks
from producers.recordings.reading.compressed import head
from producers.recordings.reading.delimited import FLOATED, SIZE, TEXT, filled, one_array
from producers.recordings.reading.facts import Facts
from producers.recordings.reading.implied_reference import channels
from producers.recordings.reading.tally import Tally
from producers.recordings.us_equities.lean_codes import SESSIONS, exchange
from producers.recordings.us_equities.taq_codes import CORRECTIONS, conditions
from tickproof.errors import InputError
from tickproof.reference.data import Reference
from tickproof.ticks.schema import Flag, Kind, Ticks

TRADES, QUOTES = "TAQ.TRADE", "TAQ.QUOTE"
_TIME = pa.timestamp("ns")
_HEAD_BYTES = 1024


def _trades(block: csv_blocks.Block) -> None:
    block.same("channel", TRADES)
    _source(block)
    block.units("PRICE", "price")
    block.units("SIZE", "size")
    block.rows["kind"] = Kind.TRADE
    if "COND" in block:
        block.rows["conditions"] = block.by_word("COND", conditions)
    if "CORR" in block:
        codes, there = filled(one_array(block.table, "CORR"))
        block.require(~there | np.isin(codes, list(CORRECTIONS)), "CORR: not a correction indicator")
        for code, (kind, suspicious) in CORRECTIONS.items():
            block.rows["kind"][codes == code] = kind
            block.rows["flags"][codes == code] = Flag.VENDOR_SUSPICIOUS if suspicious else 0


def _quotes(block: csv_blocks.Block) -> None:
    block.same("channel", QUOTES)
    _source(block)
    block.rows["kind"] = Kind.QUOTE
    for price, size, column, lots in (("bid_px", "bid_sz", "BID", "BIDSIZ"), ("ask_px", "ask_sz", "OFR", "OFRSIZ")):
        block.units(column, price)
        block.units(lots, size)


def _source(block: csv_blocks.Block) -> None:
    block.time("DT")
    block.name("symbol", "SYMBOL")
    block.name("venue", "EX", exchange)


TRADE_SHEET = csv_blocks.Sheet(
    {"DT": _TIME, "EX": TEXT, "SYMBOL": TEXT, "PRICE": FLOATED, "SIZE": SIZE}, _trades, {"COND": TEXT, "CORR": pa.uint8()}
)
QUOTE_SHEET = csv_blocks.Sheet(
    {"DT": _TIME, "EX": TEXT, "SYMBOL": TEXT, "BID": FLOATED, "BIDSIZ": SIZE, "OFR": FLOATED, "OFRSIZ": SIZE}, _quotes
)


def _sheet(first: bytes) -> csv_blocks.Sheet | None:
    header = csv_blocks.header_of(first)
    return None if header is None else next((sheet for sheet in (TRADE_SHEET, QUOTE_SHEET) if sheet.fits(header)), None)


FACTS = Facts(
    recognised_by="a CSV header with `DT`, `EX`, `SYMBOL` and the columns of trades or of quotes",
    clock="one, the tape's, in UTC; `ts_recv`",
    sequence="`none`: rows have no number",
    cannot_tell="the venue's own time and latency; gaps and duplicates; trade ids",
    calendar="`XNYS`",
    sample="`sampleTDataRaw.csv.gz`, rows such as `2018-01-02 14:30:00.125,N,XXX,F,100,158.5,0`",
)


def recognises(path: Path, first: bytes) -> bool:
    """Return whether the first line is a header with TAQ's columns."""
    return _sheet(first) is not None


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """Yield the ticks of one file.

    Raises
    ------
    InputError
        The header is missing or another one.
    """
    sheet = _sheet(head(path, _HEAD_BYTES))
    if sheet is None:
        raise InputError(f"{path}, line 1: found no header of TAQ trades or quotes, expected DT,EX,SYMBOL and prices")
    return csv_blocks.read(path, sheet, tally)


def reference(path: Path) -> Reference:
    """Return channels without sequence numbers, and the hours of US stock exchanges."""
    return channels((TRADES, QUOTES), "none", sessions=SESSIONS)

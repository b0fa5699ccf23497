"""Hours of ticks as Dukascopy serves them: `bi5`, LZMA over rows of 20 bytes.

A row is big-endian: ms since the hour's begin, ask, bid, the volume of the ask and of the bid as floats. The path says the rest:
`EURUSD/2020/00/01/05h_ticks.bi5` is the hour from 05:00 UTC on the first of January, whose number is 00.

- **Clock.** One, UTC: `ts_recv`.
- **Prices** are whole numbers of the instrument's point, which the file does not hold: see POINTS. An instrument that it lacks
  is refused, not guessed: a point that is wrong moves all prices by a power of ten.
- **Sizes** are in millions of the base currency, as the feed gives them.
- Channel `DUKASCOPY.QUOTE`, no numbers.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from producers.recordings.reading.cells import scaled
from producers.recordings.reading.delimited import counted
from producers.recordings.reading.facts import Facts
from producers.recordings.reading.implied_reference import channels
from producers.recordings.reading.names import Names
from producers.recordings.reading.tally import Tally
from producers.streams.merge import BATCH_ROWS
from producers.streams.word_copy import gathered
from tickproof.errors import InputError
from tickproof.reference.data import Reference
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND, ROW, Kind, Present, Ticks

CHANNEL, VENUE = "DUKASCOPY.QUOTE", "DUKASCOPY"
ROWS = np.dtype([("ms", ">u4"), ("ask_px", ">u4"), ("bid_px", ">u4"), ("ask_sz", ">f4"), ("bid_sz", ">f4")])
MOST_BYTES = ROWS.itemsize * 3_600_000
"""A tick a millisecond: what unpacks to more is no hour of ticks."""
_EUROPEAN = ("CHF", "DKK", "EUR", "GBP", "NOK", "PLN", "SEK", "TRY")
_CURRENCIES = (*_EUROPEAN, "AUD", "CAD", "CNH", "HKD", "JPY", "MXN", "NZD", "SGD", "USD", "ZAR")
POINTS: dict[str, int] = {
    **{base + quote: 3 if quote == "JPY" else 5 for base in _CURRENCIES for quote in _CURRENCIES if base != quote},
    **{metal + quote: 3 for metal in ("XAU", "XAG") for quote in ("USD", "EUR")},
    "BTCUSD": 1,
}
"""Symbol -> decimals of its prices."""
_PATH = re.compile(r"(?:^|/)([A-Z]{6})/(\d{4})/(\d\d)/(\d\d)/(\d\d)h_ticks\.bi5$", re.ASCII)
_NAME = re.compile(r"(?:^|/)[^/]*\.bi5$", re.IGNORECASE)

FACTS = Facts(
    recognised_by="a name that ends with `.bi5`",
    clock="one, UTC, ms of the hour that the path names, whose months count from 00; `ts_recv`",
    sequence="`none`: rows have no number",
    cannot_tell="trades, latency, gaps, the venue behind a quote; the point of an instrument, which a list gives",
    sample="`EURUSD/2020/00/01/05h_ticks.bi5`",
)


def recognises(path: Path, first: bytes) -> bool:
    """Return whether the name is that of an hour of ticks; the bytes have no mark of their own."""
    return _NAME.search(path.as_posix()) is not None


def reference(path: Path) -> Reference:
    """Return the channel, which has no sequence numbers."""
    return channels((CHANNEL,), "none")


def starts(path: Path) -> int | None:
    """Return the begin of the hour in ns; None where the path does not say it."""
    try:
        return _hour(path)[1]
    except InputError:
        return None


def _hour(path: Path) -> tuple[str, int]:
    """Return the symbol and the begin of the hour in ns."""
    found = _PATH.search(path.absolute().as_posix())
    if found is None:
        raise InputError(f"{path}: found no hour in the path, expected SYMBOL/YEAR/MONTH/DAY/HHh_ticks.bi5, January being 00")
    symbol, year, month, day, hour = found.groups()
    try:
        begin = datetime(int(year), int(month) + 1, int(day), int(hour), tzinfo=UTC)
    except ValueError as error:
        raise InputError(f"{path}: found no hour of a calendar in the path ({error}); months count from 00") from error
    if symbol not in POINTS:
        raise InputError(
            f"{path}: the point of {symbol} is not known, so its prices are not; known are {', '.join(sorted(POINTS)[:5])}, …"
        )
    return symbol, int(begin.timestamp()) * NS_PER_SECOND


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """Yield the quotes of one hour; an empty file is an hour without any.

    Raises
    ------
    InputError
        The path does not say the hour or an instrument whose point is known, or the file cannot be read.
    """
    symbol, begin = _hour(path)
    data = _unpacked(path, tally)
    rest = len(data) % ROWS.itemsize
    if rest:
        tally.undecoded[f"row truncated: {rest} bytes of {ROWS.itemsize}"] += 1
    whole = np.frombuffer(data[: len(data) - rest], ROWS)
    names = Names()
    codes = {"symbol": names.code(symbol), "venue": names.code(VENUE), "channel": names.code(CHANNEL)}
    for first in range(0, len(whole), BATCH_ROWS):
        part = whole[first : first + BATCH_ROWS]
        rows = np.zeros(len(part), ROW)
        rows["kind"], rows["row"] = Kind.QUOTE, first + np.arange(len(part))
        rows["ts_recv"] = begin + part["ms"].astype(np.int64) * NS_PER_MS
        good = counted(part["ms"] < 3_600_000, "ms: beyond its hour, at most 3599999", tally.undecoded)
        for side in ("bid", "ask"):
            rows[f"{side}_px"] = part[f"{side}_px"].astype(np.int64) * 10 ** (9 - POINTS[symbol])
            sizes = scaled(pa.array(part[f"{side}_sz"].astype("<f4")), 9)
            fits = sizes.there & (sizes.values >= 0)
            good &= counted(
                ~good | fits, f"{side} volume: no size, or out of range, at most 9223372036.854775807", tally.undecoded
            )
            rows[f"{side}_sz"] = np.where(fits, sizes.values, 0)
        rows["present"] = Present.BID_PX | Present.BID_SZ | Present.ASK_PX | Present.ASK_SZ
        for column, code in codes.items():
            rows[column] = code
        tally.messages += len(part)
        yield Ticks(gathered(rows, np.flatnonzero(good)), names.table)


def _unpacked(path: Path, tally: Tally) -> bytes:
    """Return what an LZMA file holds, as far as it goes."""
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); check that it is a readable file") from error
    if not packed:
        return b""
    unpacker, out = lzma.LZMADecompressor(format=lzma.FORMAT_ALONE, memlimit=1 << 28), bytearray()
    try:
        for first in range(0, len(packed), 4096):
            out += unpacker.decompress(packed[first : first + 4096], MOST_BYTES - len(out))
            if unpacker.eof or len(out) >= MOST_BYTES:
                break
    except (lzma.LZMAError, EOFError):
        tally.undecoded["LZMA stream damaged: the rest was not read"] += 1
        return bytes(out)
    if not unpacker.eof:
        tally.undecoded["LZMA stream truncated: the rest was not read"] += 1
    return bytes(out)

"""QuantConnect LEAN tick zips: `<security>/<market>/tick/<symbol>/<day>_<trade|quote>.zip`, headerless CSV inside.

What the files do not say themselves, and how it is filled in:

- **Clock.** Milliseconds since midnight where the market's data is kept (MARKETS), with up to six decimals. It is one clock,
  stamped where the data was collected: it is `ts_recv`, and `ts_event` is null. FXCM's is UTC−5 all year. COMEX's is UTC: the
  daily break of 17:15 to 18:00 in New York stands at 21:15 to 22:00 in October.
- **Channel.** `LEAN.<SECURITY>.<MARKET>.<TRADE|QUOTE>`, `sequence` null. The files are cut by symbol and day out of one
  consolidated line each for trades and quotes (in the US these are two lines indeed), so the symbols of a market share a channel
  and have to be replayed together, merged by time: then `ts_recv` never goes back in it, and what a channel says of silence is
  true of the line and not of one illiquid symbol. Trades and quotes are two channels, because nothing says which of a trade and
  a quote of the same millisecond came first. Up to the last dot it is the feed.
- **Quotes.** An equity quote row carries one side, price and size of the other are 0: that side is not in the message, null.
  Forex and CFD quotes carry both prices and no sizes.
- **Prices.** Equities × 10 000; the others plain decimals. Parsed as decimals, never as floats.
- **The last row** has no line end in most files, and is whole: it counts, though `wc -l` does not count it.

A row that cannot be parsed is counted by column, and the others of its block are read as if it were not there.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

import numpy as np

from producers.recordings.reading.delimited import BLOCK_BYTES, blocks
from producers.recordings.reading.facts import Facts
from producers.recordings.reading.implied_reference import channels
from producers.recordings.reading.tally import Tally
from producers.recordings.us_equities.lean_codes import SESSIONS
from producers.recordings.us_equities.lean_rows import (
    EQUITY_QUOTE,
    EQUITY_TRADE,
    FUTURE_TRADE,
    TWO_SIDED_QUOTE,
    Layout,
    Names,
    parse,
)
from producers.streams.merge import merge
from tickproof.errors import InputError
from tickproof.reference.data import Reference
from tickproof.ticks.schema import NS_PER_SECOND, Ticks

MAGIC = b"PK\x03\x04"
INFLATE_BYTES = 32 * 1024


@dataclass(frozen=True, slots=True)
class Market:
    """Where a market's data was kept: the time zone of its clock, and its venue (None: each row names an exchange)."""

    zone: str
    venue: str | None


MARKETS: dict[tuple[str, str], Market] = {
    ("equity", "usa"): Market("America/New_York", None),
    ("forex", "oanda"): Market("UTC", "OANDA"),
    ("forex", "fxcm"): Market("Etc/GMT+5", "FXCM"),  # POSIX sign: this is UTC−5
    ("cfd", "oanda"): Market("UTC", "OANDA"),
    ("future", "comex"): Market("UTC", "XCEC"),
}
"""(security, market) -> its clock and venue."""

US_STOCKS = ("equity", "usa")
LAYOUTS: dict[tuple[str, str], Layout] = {
    ("equity", "trade"): EQUITY_TRADE,
    ("equity", "quote"): EQUITY_QUOTE,
    ("forex", "quote"): TWO_SIDED_QUOTE,
    ("cfd", "quote"): TWO_SIDED_QUOTE,
    ("future", "trade"): FUTURE_TRADE,
}
"""(security, what) -> the columns of its rows."""


@dataclass(frozen=True, slots=True)
class Address:
    """What a file's path says."""

    security: str
    market: str
    symbol: str
    day: date
    what: str

    @property
    def midnight_ns(self) -> int:
        """Return the file's time zero in ns since the epoch."""
        midnight = datetime.combine(self.day, time(), ZoneInfo(MARKETS[self.security, self.market].zone))
        return int(midnight.astimezone(UTC).timestamp()) * NS_PER_SECOND

    @property
    def channel(self) -> str:
        """Return the channel of its ticks."""
        return f"LEAN.{self.security}.{self.market}.{self.what}".upper()


def address(path: Path) -> Address | None:
    """Return what the path of a LEAN tick file says; None if its market or columns are not known."""
    if path.suffix != ".zip" or len(path.parts) < 5:
        return None
    security, market, resolution, symbol = path.parts[-5:-1]
    day, _, what = path.stem.partition("_")
    if resolution != "tick" or (security, market) not in MARKETS or (security, what) not in LAYOUTS:
        return None
    try:
        return Address(security, market, symbol.upper(), datetime.strptime(day, "%Y%m%d").date(), what)
    except ValueError:
        return None


FACTS = Facts(
    recognised_by="a zip in LEAN's folders, `<security>/<market>/tick/<symbol>/<day>_<trade or quote>.zip`",
    clock="one, the collector's: ms since midnight in the market's zone; `ts_recv`",
    sequence="`none`: rows have no number",
    sides="`message`: an equity quote row carries one side, which is never merged with the last other side",
    cannot_tell="the venue's time; gaps and duplicates; the order of trades and quotes within a millisecond; currencies' sizes",
    calendar="`XNYS` for US stocks",
    sample="`equity/usa/tick/ibm/20131007_trade.zip`, rows such as `34200123,1840300,100,P,1,0`",
)


def recognises(path: Path, head: bytes) -> bool:
    """Return whether a zip is in LEAN's folders, of a market and kind that MARKETS and LAYOUTS know."""
    return head.startswith(MAGIC) and address(path) is not None


def reference(path: Path) -> Reference:
    """Return the channel, which has no sequence numbers; of US stocks the hours of their exchanges, too."""
    found = address(path.absolute())
    if found is None:
        return channels((), "none")
    return channels((found.channel,), "none", sessions=SESSIONS if (found.security, found.market) == US_STOCKS else {})


def starts(path: Path) -> int | None:
    """Return midnight of the file's day, in ns."""
    found = address(path.absolute())
    return None if found is None else found.midnight_ns


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """Yield the ticks of one zip, its members (one an expiry in futures) merged by time.

    Raises
    ------
    InputError
        It is not a zip, is cut so that its directory is gone, or not in LEAN's folders.
    """
    found = address(path.absolute())
    if found is None:
        raise InputError(f"{path}: not in LEAN's folders, expected <security>/<market>/tick/<symbol>/<day>_<trade|quote>.zip")
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(name for name in archive.namelist() if not name.endswith("/"))
            yield from merge([_member(archive, name, found, tally) for name in members])
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        # Damage may look like an encrypted member, or one of a version to come.
        raise InputError(f"{path}: not a complete zip file ({error}); fetch it again") from error


def _member(archive: zipfile.ZipFile, name: str, file: Address, tally: Tally) -> Iterator[Ticks]:
    """Yield the ticks of one CSV, in its order."""
    layout = LAYOUTS[file.security, file.what]
    names = Names(file.channel, _symbol(name, file), MARKETS[file.security, file.market].venue)
    row = 0
    member, path = archive.getinfo(name), Path(str(archive.filename))
    packed = member.compress_size / max(1, member.file_size)
    with archive.open(name) as stream:
        for block in blocks(_pieces(stream, tally)):
            tally.reached[path] += int(len(block) * packed)
            rows, lines = parse(block, layout, names, tally.undecoded)
            rows["ts_recv"] += file.midnight_ns
            rows["row"] += np.uint32(row)
            row += lines
            tally.messages += lines
            yield Ticks(rows, names.table)


def _symbol(member: str, file: Address) -> str:
    """Return the folder's symbol; in futures with the expiry, which ends the member's name: GC201312."""
    expiry = Path(member).stem.rpartition("_")[2]
    return file.symbol + expiry if file.security == "future" and expiry.isdigit() else file.symbol


def _pieces(stream: IO[bytes], tally: Tally) -> Iterator[bytes]:
    """Yield the stream in pieces of about BLOCK_BYTES: 45 000 rows of the equity files, 60 000 of forex.

    A damaged one ends with its last line before the damage, and that is counted.
    """
    gathered: list[bytes] = []
    size = 0
    while True:
        try:
            # Small steps: what one step has inflated is lost when it meets the damage.
            step = stream.read(INFLATE_BYTES)
        except (zlib.error, zipfile.BadZipFile, EOFError, OSError):
            tally.undecoded["zip member damaged: the rest was not read"] += 1
            whole, newline, _ = b"".join(gathered).rpartition(b"\n")
            yield whole + newline
            return
        gathered.append(step)
        size += len(step)
        if not step or size >= BLOCK_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
        if not step:
            return

"""The table of recording formats: one reader a format, one row a reader in RECORDINGS.

A reader yields ticks in the file's order, a batch at a time, and writes down in a `Tally` what it read and what it could not
decode, by reason: nothing is skipped in silence. Values are not judged here; a negative price is a tick. What a format implies of
its channels (does `sequence` count without holes, do sides merge) is given as reference data, which nobody then has to write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from producers.recordings import dukascopy, hftbacktest, nautilus, nautilus_catalog, parquet, ticks_csv, truefx
from producers.recordings.crypto import binance_files, cryptofeed, tardis
from producers.recordings.databento import dbn
from producers.recordings.mapping.mapped import Mapped, own
from producers.recordings.mapping.specification import ColumnMapping
from producers.recordings.mapping.vendor_mappings import VENDORS
from producers.recordings.reading.facts import Facts
from producers.recordings.reading.tally import Tally
from producers.recordings.us_equities import iex, itch, lean, lobster, taq
from tickproof.reference.data import NOTHING, Reference
from tickproof.ticks.schema import Ticks

HEAD_BYTES = 1024
"""Decompressed bytes at the beginning of a file by which its format is recognised."""


def _unknown(path: Path) -> int | None:
    return None


def _nothing(path: Path) -> Reference:
    return NOTHING


def _silent(path: Path) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of recording.

    Parameters
    ----------
    name : str
        What `tickproof recordings` calls it.
    meaning : str
        One line for people.
    facts : Facts
        What it implies and what it cannot tell, for `docs/formats.md`.
    recognises : callable
        `(path, first HEAD_BYTES bytes, unpacked) -> bool`; the path is absolute.
    read : callable
        `(path, tally) -> batches` of at most `producers.streams.merge.BATCH_ROWS` ticks in the file's order. Raises InputError
        where nothing of the file can be read.
    starts : callable
        `path -> ns`, a lower bound of the file's `ts_recv` that is found without reading its rows; None: not known.
    first_line : int, optional
        The line of a file's first row, from 1, of a format that is text with a row a line.
    reference : callable, optional
        `path -> Reference`, what the format implies of the channels in the file; by default nothing.
    misfit : callable, optional
        `path -> str`, why a file that is of no known format is not of this one; by default nothing is said.
    identity : str
        What tells it from another format of this name: the text of a mapping.
    """

    name: str
    meaning: str
    facts: Facts
    recognises: Callable[[Path, bytes], bool]
    read: Callable[[Path, Tally], Iterator[Ticks]]
    starts: Callable[[Path], int | None] = _unknown
    reference: Callable[[Path], Reference] = _nothing
    first_line: int | None = None
    misfit: Callable[[Path], str] = _silent
    identity: str = ""


def _mapped(one: Mapped) -> Format:
    return Format(one.name, one.meaning, one.facts, one.recognises, one.read, reference=one.reference)


RECORDINGS: tuple[Format, ...] = (
    Format(
        "lean",
        "QuantConnect LEAN tick zips: trades and quotes",
        lean.FACTS,
        lean.recognises,
        lean.read,
        lean.starts,
        lean.reference,
    ),
    Format(
        "nautilus",
        "Parquet samples of nautilus_trader",
        nautilus.FACTS,
        nautilus.recognises,
        nautilus.read,
        reference=nautilus.reference,
    ),
    Format(
        "nautilus-catalog",
        "Parquet of nautilus_trader's catalogs: quotes and trades",
        nautilus_catalog.FACTS,
        nautilus_catalog.recognises,
        nautilus_catalog.read,
        reference=nautilus_catalog.reference,
    ),
    Format("parquet", "Parquet in the canonical schema", parquet.FACTS, parquet.recognises, parquet.read, parquet.starts),
    Format("csv", "CSV in the canonical schema", ticks_csv.CSV_FACTS, ticks_csv.recognises_csv, ticks_csv.read_csv, first_line=2),
    Format(
        "jsonl", "JSON ticks, one a line", ticks_csv.LINES_FACTS, ticks_csv.recognises_lines, ticks_csv.read_lines, first_line=1
    ),
    Format(
        "taq",
        "NYSE TAQ trades or quotes, CSV of R's highfrequency",
        taq.FACTS,
        taq.recognises,
        taq.read,
        reference=taq.reference,
        first_line=2,
    ),
    Format("iex", "IEX TOPS 1.6 in packet captures", iex.FACTS, iex.recognises, iex.read, reference=iex.reference),
    Format(
        "cryptofeed",
        "sessions as cryptofeed records them",
        cryptofeed.FACTS,
        cryptofeed.recognises,
        cryptofeed.read,
        reference=cryptofeed.reference,
        first_line=1,
    ),
    Format(
        "dbn",
        "Databento's DBN: trades, tops of book, books by order",
        dbn.FACTS,
        dbn.recognises,
        dbn.read,
        reference=dbn.reference,
    ),
    Format(
        "lobster",
        "LOBSTER messages and order books",
        lobster.FACTS,
        lobster.recognises,
        lobster.read,
        lobster.starts,
        lobster.reference,
    ),
    Format(
        "truefx", "TrueFX quotes, CSV", truefx.FACTS, truefx.recognises, truefx.read, reference=truefx.reference, first_line=1
    ),
    Format(
        "tardis",
        "CSV of tardis.dev: trades, quotes, books",
        tardis.FACTS,
        tardis.recognises,
        tardis.read,
        reference=tardis.reference,
        first_line=2,
    ),
    Format(
        "binance-depth",
        "Binance's depth CSV",
        binance_files.FACTS,
        binance_files.recognises,
        binance_files.read,
        reference=binance_files.reference,
        first_line=2,
    ),
    Format(
        "dukascopy",
        "hours of Dukascopy's ticks, bi5",
        dukascopy.FACTS,
        dukascopy.recognises,
        dukascopy.read,
        dukascopy.starts,
        dukascopy.reference,
    ),
    Format(
        "hftbacktest",
        "events of hftbacktest, npz: trades and books by level",
        hftbacktest.FACTS,
        hftbacktest.recognises,
        hftbacktest.read,
        reference=hftbacktest.reference,
    ),
    Format("itch", "NASDAQ TotalView-ITCH 5.0 files", itch.FACTS, itch.recognises, itch.read, reference=itch.reference),
    *map(_mapped, VENDORS),
)
"""The formats, in the order in which they are tried."""

BY_NAME: dict[str, Format] = {format_.name: format_ for format_ in RECORDINGS}


def with_mapping(mapping: ColumnMapping | None) -> tuple[Format, ...]:
    """Return the formats with a person's own mapping tried first; None: there is none."""
    if mapping is None:
        return RECORDINGS
    one = own(mapping)
    return (replace(_mapped(one), misfit=one.misfit, identity=mapping.text), *RECORDINGS)

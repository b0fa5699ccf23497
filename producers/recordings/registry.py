"""The table of recording formats: one reader a format, one row a reader in RECORDINGS.

A reader yields ticks in the file's order, a batch at a time, and writes down in a `Tally` what it read and what it could not
decode, by reason: nothing is skipped in silence. Values are not judged here; a negative price is a tick. What a format implies of
its channels (does `sequence` count without holes, do sides merge) is given as reference data, which nobody then has to write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from producers.recordings import dukascopy, hftbacktest, nautilus, nautilus_catalog, parquet, ticks_csv, truefx
from producers.recordings.crypto import binance_files, cryptofeed, tardis
from producers.recordings.databento import dbn
from producers.recordings.mapping.mapped import Mapped, own
from producers.recordings.mapping.specification import ColumnMapping
from producers.recordings.mapping.vendor_mappings import VENDORS
from producers.recordings.reading import compressed
from producers.recordings.reading.facts import Facts
from producers.recordings.reading.implied_reference import merged
from producers.recordings.reading.tally import Tally
from producers.recordings.us_equities import iex, itch, lean, lobster, taq
from producers.streams.event_time import EARLIEST, running
from producers.streams.merge import merge
from producers.streams.word_copy import gathered
from tickproof.errors import InputError
from tickproof.reference.data import NOTHING, Reference
from tickproof.ticks.schema import Kind, Ticks

__all__ = [
    "BY_NAME",
    "RECORDINGS",
    "Contents",
    "Format",
    "Tally",
    "contents",
    "find",
    "known",
    "merged",
    "open_recordings",
    "read",
    "with_mapping",
]

HEAD_BYTES = 1024
"""Decompressed bytes at the beginning of a file by which its format is recognised."""
_LATEST = int(np.iinfo(np.int64).max)


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
    Format("csv", "CSV in the canonical schema", ticks_csv.CSV_FACTS, ticks_csv.recognises_csv, ticks_csv.read_csv),
    Format("jsonl", "JSON ticks, one a line", ticks_csv.LINES_FACTS, ticks_csv.recognises_lines, ticks_csv.read_lines),
    Format(
        "taq", "NYSE TAQ trades or quotes, CSV of R's highfrequency", taq.FACTS, taq.recognises, taq.read, reference=taq.reference
    ),
    Format("iex", "IEX TOPS 1.6 in packet captures", iex.FACTS, iex.recognises, iex.read, reference=iex.reference),
    Format(
        "cryptofeed",
        "sessions as cryptofeed records them",
        cryptofeed.FACTS,
        cryptofeed.recognises,
        cryptofeed.read,
        reference=cryptofeed.reference,
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
    Format("truefx", "TrueFX quotes, CSV", truefx.FACTS, truefx.recognises, truefx.read, reference=truefx.reference),
    Format(
        "tardis",
        "CSV of tardis.dev: trades, quotes, books",
        tardis.FACTS,
        tardis.recognises,
        tardis.read,
        reference=tardis.reference,
    ),
    Format(
        "binance-depth",
        "Binance's depth CSV",
        binance_files.FACTS,
        binance_files.recognises,
        binance_files.read,
        reference=binance_files.reference,
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


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in one recording. `by_kind` counts ticks by the name of their kind; `undecoded` (by reason) and `without_ticks` (by
    type) count messages, `notes` what was verified."""

    path: str
    format: str | None
    ticks: int = 0
    messages: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    undecoded: dict[str, int] = field(default_factory=dict)
    without_ticks: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    out_of_order: int = 0
    first_ns: int | None = None
    last_ns: int | None = None


def find(
    paths: Iterable[str | Path], unknown: list[Path] | None = None, formats: Sequence[Format] = RECORDINGS
) -> list[tuple[Path, Format]]:
    """Yield the recordings among some files and folders, in the order given, each folder's by path.

    Parameters
    ----------
    paths : iterable of str or Path
        A folder means all recordings below it.
    unknown : list of Path, optional
        Gets the files in folders that are of no known format (a README, labels beside the ticks).
    formats : sequence of Format
        In the order in which they are tried.

    Raises
    ------
    InputError
        A path is not there, is of no known format, or a folder holds no recording.
    """
    found: list[tuple[Path, Format]] = []
    for path in map(Path, paths):
        if not path.exists():
            raise InputError(f"{path}: found nothing there, expected a recording or a folder of recordings")
        if not path.is_dir():
            format_ = _format_of(path, formats)
            if format_ is None:
                raise InputError(f"{path}: not a known format{_why(path, formats)}")
            found.append((path, format_))
            continue
        below = [(file, _format_of(file, formats)) for file in sorted(path.rglob("*")) if file.is_file()]
        recordings = [(file, format_) for file, format_ in below if format_ is not None]
        if not recordings:
            raise InputError(f"{path}: found no recording among {len(below)} files, expected one of: {_known()}")
        found += recordings
        if unknown is not None:
            unknown += [file for file, format_ in below if format_ is None]
    return found


def _known() -> str:
    return "; ".join(f"{format_.name} ({format_.meaning})" for format_ in RECORDINGS)


def _why(path: Path, formats: Sequence[Format]) -> str:
    """Return why a file is of no known format, and what to do."""
    misfits = [f"; {format_.meaning}: {why}" for format_ in formats if (why := format_.misfit(path))]
    if compressed.head(path, 2) == b"PK":
        return f"{''.join(misfits)}, expected one of: {_known()}; zip archives are known by their names, LEAN's by their folders"
    return f"{''.join(misfits)}, expected one of: {_known()}; for columns of your own: `tickproof recordings --describe {path}`"


def _format_of(path: Path, formats: Sequence[Format]) -> Format | None:
    head = compressed.head(path, HEAD_BYTES)
    absolute = path.absolute()
    return next((format_ for format_ in formats if format_.recognises(absolute, head)), None)


def read(path: Path, format_: Format, tally: Tally | None = None) -> Iterator[Ticks]:
    """Yield the ticks of one file, in its order.

    Counts in `tally` those whose `ts_recv` is below an earlier one's of the file, and says there when all of it has been read.
    """
    tally = Tally() if tally is None else tally
    latest = EARLIEST
    for batch in format_.read(path, tally):
        if len(batch):
            times = batch.rows["ts_recv"]
            event_time = running(times, latest)
            tally.out_of_order += int(np.count_nonzero(times < event_time))
            latest = int(event_time[-1])
            yield batch
    tally.reached[path] = path.stat().st_size


def open_recordings(
    paths: Iterable[str | Path],
    *,
    symbols: Sequence[str] | None = None,
    start_ns: int | None = None,
    end_ns: int | None = None,
    tally: Tally | None = None,
    formats: Sequence[Format] = RECORDINGS,
) -> Iterator[Ticks]:
    """Yield the ticks of several files and folders, merged by capture time; memory does not grow with their size.

    Parameters
    ----------
    paths : iterable of str or Path
        Files and folders. Ticks of equal time come in this order, then in that of the file.
    symbols : sequence of str, optional
        Only these; ticks without a symbol stay.
    start_ns, end_ns : int, optional
        Only ticks with `start_ns <= ts_recv < end_ns`.
    tally : Tally, optional
        Gets the counts of all files.
    formats : sequence of Format
        As of `find`.

    Raises
    ------
    InputError
        As `find`, or when a file cannot be read at all.
    """
    tally = Tally() if tally is None else tally
    first = EARLIEST if start_ns is None else start_ns
    last = _LATEST if end_ns is None else end_ns
    wanted = None if symbols is None else frozenset(symbols)
    recordings = [(path, format_, format_.starts(path)) for path, format_ in find(paths, tally.unknown, formats)]
    tally.files |= {path: number for number, (path, _, _) in enumerate(recordings)}
    recordings = [recording for recording in recordings if recording[2] is None or recording[2] < last]
    streams = [_selected(read(path, format_, tally), wanted, first, last) for path, format_, _ in recordings]
    return merge(streams, [start for _, _, start in recordings])


def _selected(batches: Iterator[Ticks], symbols: frozenset[str] | None, first: int, last: int) -> Iterator[Ticks]:
    for batch in batches:
        times = batch.rows["ts_recv"]
        keep = (times >= first) & (times < last)
        if symbols is not None:
            # One slot more than there are names, so that -1 (null) maps to itself: kept.
            keep &= np.array([*(name in symbols for name in batch.names), True])[batch.rows["symbol"]]
        if keep.all():
            yield batch
        elif keep.any():
            yield Ticks(gathered(batch.rows, np.flatnonzero(keep)), batch.names)


def known(paths: Iterable[str | Path], formats: Sequence[Format] = RECORDINGS) -> Reference:
    """Return what formats imply of the recordings' channels; where two files describe one channel, the first wins.

    Raises
    ------
    InputError
        As `find`, or when a file cannot be read at all.
    """
    whole = NOTHING
    for path, format_ in find(paths, formats=formats):
        whole = merged(whole, format_.reference(path))
    return whole


def contents(path: Path, format_: Format) -> Contents:
    """Read one recording and count what is in it.

    Raises
    ------
    InputError
        Nothing of the file can be read.
    """
    tally = Tally()
    kinds = np.zeros(256, np.int64)
    times = []
    for batch in read(path, format_, tally):
        kinds += np.bincount(batch.rows["kind"], minlength=256)
        times += [int(batch.rows["ts_recv"].min()), int(batch.rows["ts_recv"].max())]
        times = [min(times), max(times)]
    return Contents(
        path=str(path),
        format=format_.name,
        ticks=int(kinds.sum()),
        messages=tally.messages,
        by_kind={_kind_name(int(kind)): int(kinds[kind]) for kind in np.flatnonzero(kinds)},
        undecoded=dict(sorted(tally.undecoded.items())),
        without_ticks=dict(sorted((+tally.without_ticks).items())),
        notes=dict(sorted(tally.notes.items())),
        out_of_order=tally.out_of_order,
        first_ns=times[0] if times else None,
        last_ns=times[-1] if times else None,
    )


def _kind_name(kind: int) -> str:
    return Kind(kind).name.lower() if kind <= max(Kind) else f"kind_{kind}"

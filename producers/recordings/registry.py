"""Recordings by path: which format each file is of, and the ticks of several, merged by capture time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from producers.recordings.arrival.mending import mended
from producers.recordings.formats import BY_NAME, HEAD_BYTES, RECORDINGS, Format, with_mapping
from producers.recordings.reading import compressed
from producers.recordings.reading.implied_reference import merged
from producers.recordings.reading.tally import Tally
from producers.recordings.refusals import refusal
from producers.streams.event_time import EARLIEST, running
from producers.streams.merge import merge
from producers.streams.word_copy import gathered
from tickproof.errors import InputError, TickproofError
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
    "places",
    "read",
    "with_mapping",
]

_LATEST = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in one recording. `by_kind` counts ticks by the name of their kind; `undecoded` (by reason) and `without_ticks` (by
    type) count messages, `notes` what was verified; `broken`: it could not be read to its end;
    `statements`: what is wrong with its units, order or clock."""

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
    broken: bool = False
    statements: list[str] = field(default_factory=list)


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
                raise InputError(f"{path}: {_refused(path, formats)}")
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


def _refused(path: Path, formats: Sequence[Format]) -> str:
    """Return why no reader takes a file, and what to do."""
    misfits = [f"{format_.meaning}: {why}" for format_ in formats if (why := format_.misfit(path))]
    said = refusal(path, compressed.head(path, HEAD_BYTES))
    if said is None:
        names = ", ".join(BY_NAME)
        said = f"not a known format, expected one of: {names}; for columns of your own: `tickproof recordings --describe {path}`"
    return "; ".join([*misfits, said])


def _known() -> str:
    return "; ".join(f"{format_.name} ({format_.meaning})" for format_ in RECORDINGS)


def _format_of(path: Path, formats: Sequence[Format]) -> Format | None:
    head = compressed.head(path, HEAD_BYTES)
    absolute = path.absolute()
    return next((format_ for format_ in formats if format_.recognises(absolute, head)), None)


def read(path: Path, format_: Format, tally: Tally | None = None) -> Iterator[Ticks]:
    """Yield the ticks of one file, in its order, but for what `arrival` puts right and says.

    Counts in `tally` those whose `ts_recv` is below an earlier one's of the file, and says there when all of it has been read.
    """
    tally = Tally() if tally is None else tally
    yield from mended(_counted(path, format_, tally), path, tally.statements, format_.first_line)
    tally.reached[path] = path.stat().st_size


def _counted(path: Path, format_: Format, tally: Tally) -> Iterator[Ticks]:
    """Yield the ticks of one file as they stand there, numbered by file, and count those that go back."""
    latest = EARLIEST
    for batch in _guarded(path, format_, tally):
        if len(batch):
            batch.rows["partition"] = tally.files.get(path, 0)
            times = batch.rows["ts_recv"]
            event_time = running(times, latest)
            tally.out_of_order += int(np.count_nonzero(times < event_time))
            latest = int(event_time[-1])
            yield batch


def _guarded(path: Path, format_: Format, tally: Tally) -> Iterator[Ticks]:
    """Yield what a reader yields; whatever it fails on is an error of the file, so that no other file is lost with it."""
    count = 0
    try:
        for batch in format_.read(path, tally):
            count += len(batch)
            yield batch
    except TickproofError:
        raise
    except Exception as error:
        raise InputError(
            f"{path}: the reader of {format_.name} fails after {count:,} ticks ({type(error).__name__}: {error}); this is a bug"
        ) from error


def _unbroken(batches: Iterator[Ticks], path: Path, tally: Tally) -> Iterator[Ticks]:
    """Yield the batches up to where the file is broken, and note that in the tally, if anybody looks there."""
    try:
        yield from batches
    except InputError as error:
        if tally.broken is None:
            raise
        tally.broken[path] = str(error)


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
    recordings = [(path, format_, _starts(path, format_)) for path, format_ in find(paths, tally.unknown, formats)]
    tally.files |= {path: number for number, (path, _, _) in enumerate(recordings)}
    recordings = [recording for recording in recordings if recording[2] is None or recording[2] < last]
    streams = [
        _selected(_unbroken(read(path, format_, tally), path, tally), wanted, first, last) for path, format_, _ in recordings
    ]
    return merge(streams, [start for _, _, start in recordings])


def places(paths: Iterable[str | Path], formats: Sequence[Format] = RECORDINGS) -> Callable[[int, int], dict[str, object]]:
    """Return what says where a tick stands: by the number of its file among `paths` (its partition) and its row there.

    Of a file of text with a row a line, the line is told, from 1; of others the row, from 0.
    """
    files = [(str(path), format_.first_line) for path, format_ in find(paths, formats=formats)]

    def place(file: int, row: int) -> dict[str, object]:
        name, first_line = files[file]
        return {"file": name, "row": row} if first_line is None else {"file": name, "line": row + first_line}

    return place


def _starts(path: Path, format_: Format) -> int | None:
    """Return a lower bound of a file's `ts_recv`; None where it has none, or is broken, which reading it will tell."""
    try:
        return format_.starts(path)
    except Exception:
        return None


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
        try:
            whole = merged(whole, format_.reference(path))
        except Exception:
            # A broken file, as reading it will tell.
            continue
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
        statements=[one.text() for one in tally.statements.all()],
    )


def _kind_name(kind: int) -> str:
    return Kind(kind).name.lower() if kind <= max(Kind) else f"kind_{kind}"

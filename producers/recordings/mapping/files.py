"""Files of a mapping: which ones it is for, and their ticks in the file's order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from producers.recordings.mapping import csv_tables, members
from producers.recordings.mapping.json_tables import table_of
from producers.recordings.mapping.rows import CHANNEL, Rows, filled, named_by_path
from producers.recordings.mapping.specification import ColumnMapping, Source
from producers.recordings.reading.delimited import Numbers, blocks
from producers.recordings.reading.tally import Tally
from producers.streams.merge import BATCH_ROWS
from tickproof.errors import InputError
from tickproof.reference.data import Channel, Reference
from tickproof.ticks.schema import NAMES, Ticks

PARQUET = b"PAR1"
_HEAD_BYTES = 65_536


def misfit(path: Path, mapping: ColumnMapping) -> str | None:
    """Return why a mapping is not for a file; None: it is.

    Raises
    ------
    InputError
        The file cannot be opened.
    """
    place = path.absolute().as_posix()
    if mapping.path is not None and not re.search(mapping.path, place):
        return f"the path does not match {mapping.path}"
    for column in NAMES:
        source = mapping.ticks.get(column)
        if source is not None and source.path is not None and named_by_path(source.path, path) is None:
            return f"the path does not show the {column}, expected one that matches {source.path}"
    first = members.head(path, _HEAD_BYTES)
    if mapping.type == "parquet":
        return _parquet_misfit(path, mapping) if first.startswith(PARQUET) else "not a Parquet file"
    if first.startswith(PARQUET) or b"\0" in first:
        return "not text"
    lines = first.split(b"\n")
    line = lines[mapping.skip_lines] if len(lines) > mapping.skip_lines else b""
    if mapping.type == "jsonl":
        return None if line.lstrip().startswith(b"{") else "the first line is no JSON object"
    found = csv_tables.columns_of(line, mapping)
    return found if isinstance(found, str) else None


def read(path: Path, mapping: ColumnMapping, tally: Tally) -> Iterator[Ticks]:
    """Yield the ticks of one file, in its order.

    Raises
    ------
    InputError
        Nothing of the file can be read: its columns are not those of the mapping, or it is broken.
    """
    rows = Rows(mapping, path, tally)
    for numbers, table in _tables(path, mapping, tally):
        for first in range(0, len(table), BATCH_ROWS):
            yield rows.ticks(table.slice(first, BATCH_ROWS), numbers[first : first + BATCH_ROWS])


def _tables(path: Path, mapping: ColumnMapping, tally: Tally) -> Iterator[tuple[Numbers, pa.Table]]:
    if mapping.type == "parquet":
        yield from _parquet(path, mapping, tally)
        return
    for pieces in members.members(path, tally):
        if mapping.type == "csv":
            yield from csv_tables.tables(pieces, mapping, path, tally)
            continue
        row = 0
        for block in blocks(pieces):
            lines = block.removesuffix(b"\n").split(b"\n")
            numbers, table = table_of(lines, mapping, tally.undecoded)
            tally.messages += len(lines)
            yield numbers + row, table
            row += len(lines)


def _parquet(path: Path, mapping: ColumnMapping, tally: Tally) -> Iterator[tuple[Numbers, pa.Table]]:
    row = 0
    try:
        with pq.ParquetFile(path) as file:
            width = path.stat().st_size / max(1, file.metadata.num_rows)
            for batch in file.iter_batches(BATCH_ROWS, columns=[str(column) for column in mapping.wanted], use_threads=False):
                yield np.arange(row, row + len(batch)), pa.Table.from_batches([batch])
                row += len(batch)
                tally.messages += len(batch)
                tally.reached[path] = int(row * width)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"{path}, row {row}: the file is broken from here on ({said}); write it again") from error


def _parquet_misfit(path: Path, mapping: ColumnMapping) -> str | None:
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
    except (pa.ArrowException, OSError, ValueError) as error:
        return f"not a complete Parquet file ({' '.join(str(error).split())})"
    missing = [str(column) for column in mapping.wanted if column not in names]
    found = ",".join(names)[:200]
    return f"found the columns {found}, the mapping {mapping.name} expects {', '.join(missing)}, too" if missing else None


def reference(path: Path, mapping: ColumnMapping) -> Reference:
    """Return what a mapping implies of the channels of a file.

    A channel that only the rows name is found by reading them: all where it matters for a verdict, else the first block.

    Raises
    ------
    InputError
        As `read`.
    """
    said = Channel.model_validate({"sequence": mapping.sequence, "sides": mapping.sides})
    matters = "sequence" in mapping.ticks or mapping.sides == "merge"
    fixed = _fixed(path, mapping)
    channels: set[str] = set() if fixed is None else {fixed}
    venues: set[str] = set()
    if fixed is None or mapping.calendar is not None:
        for ticks in read(path, mapping, Tally()):
            channels |= {ticks.names[code] for code in np.unique(ticks.rows["channel"]).tolist()}
            venues |= {ticks.names[code] for code in np.unique(ticks.rows["venue"]).tolist()}
            if not matters and mapping.calendar is None:
                break
    sessions = _sessions(venues, mapping)
    return Reference(channels=dict.fromkeys(sorted(channels), said), sessions=sessions)


def _sessions(venues: set[str], mapping: ColumnMapping) -> dict[str, str | tuple[tuple[int, int], ...]]:
    return {} if mapping.calendar is None else dict.fromkeys(sorted(venues), mapping.calendar)


def reference_of(ticks: Ticks, mapping: ColumnMapping) -> Reference:
    """Return what a mapping implies of the channels of ticks that it gave."""
    said = Channel.model_validate({"sequence": mapping.sequence, "sides": mapping.sides})
    channels, venues = ({ticks.names[code] for code in np.unique(ticks.rows[name]).tolist()} for name in ("channel", "venue"))
    sessions = _sessions(venues, mapping)
    return Reference(channels=dict.fromkeys(sorted(channels), said), sessions=sessions)


def _fixed(path: Path, mapping: ColumnMapping) -> str | None:
    """Return the one channel of a file; None where its rows name it."""
    form = mapping.ticks.get("channel", Source(value=CHANNEL))
    if form.columns:
        return None
    names = {}
    for part in ("venue", "symbol", "kind"):
        source = mapping.ticks[part]
        word = named_by_path(source.path, path) if source.path else source.value
        if word is not None and source.words is not None:
            word = source.words.get(word, (word,))[0]
        if word is None and f"{{{part}}}" in (form.value or CHANNEL):
            return None
        names[part] = (word or "").upper() if source.upper or part == "kind" else word or ""
    if form.path is not None:
        return named_by_path(form.path, path)
    return filled(form.value or CHANNEL, names)

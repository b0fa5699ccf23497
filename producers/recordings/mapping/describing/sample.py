"""The first rows of a file as text, with what can be seen of how it is written."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from producers.recordings.mapping import members
from producers.recordings.mapping.csv_tables import BOM
from producers.recordings.mapping.files import PARQUET
from producers.recordings.reading.cells import text_of
from tickproof.errors import InputError

ROWS = 2_000
HEAD_BYTES = 1 << 20
_DELIMITERS = (",", ";", "\t", "|")
_MOST_COLUMNS = 2_000


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen of a file. `cells` are text, a list a column; `stamps` the columns whose times are typed, with their zone."""

    path: Path
    type: str
    names: list[str]
    cells: list[list[str]]
    header: bool = True
    delimiter: str = ","
    skip_lines: int = 0
    stamps: dict[str, str | None] | None = None

    @property
    def rows(self) -> int:
        """Return how many rows were looked at."""
        return len(self.cells[0]) if self.cells else 0


def sample_of(path: Path) -> Sample:
    """Return the first rows of a CSV, JSON lines or Parquet file.

    Raises
    ------
    InputError
        It cannot be opened, or is none of these.
    """
    head = members.head(path, HEAD_BYTES)
    if head.startswith(PARQUET):
        return _parquet(path)
    if not head.strip():
        raise InputError(f"{path}: found no line, expected CSV, JSON lines or Parquet")
    if b"\0" in head:
        raise InputError(f"{path}: found bytes that are no text, expected CSV, JSON lines or Parquet")
    whole = head if len(head) < HEAD_BYTES else head.rpartition(b"\n")[0]
    lines = whole.removeprefix(BOM).decode("utf-8", "replace").splitlines()[: ROWS + 50]
    return _jsonl(path, lines) if lines[0].lstrip().startswith("{") else _csv(path, lines)


def _parquet(path: Path) -> Sample:
    try:
        with pq.ParquetFile(path) as file:
            batch = next(file.iter_batches(ROWS), None)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path}: not a complete Parquet file ({' '.join(str(error).split())}); write it again") from error
    if batch is None or not len(batch):
        raise InputError(f"{path}: found no row, expected some")
    return of_table(path, pa.Table.from_batches([batch]))


def of_table(path: Path, table: pa.Table) -> Sample:
    """Return a table's first rows; columns that hold more than one value a cell are left out."""
    names, cells, stamps = [], [], {}
    for name in table.column_names:
        column = table.column(name).slice(0, ROWS).combine_chunks()
        column = column if isinstance(column, pa.Array) else pa.array([], column.type)
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type) or pa.types.is_fixed_size_binary(column.type):
            continue
        if pa.types.is_timestamp(column.type):
            stamps[name] = column.type.tz
        names.append(name)
        cells.append([word or "" for word in text_of(column).to_pylist()])
    return Sample(path, "parquet", names, cells, stamps=stamps)


def _jsonl(path: Path, lines: list[str]) -> Sample:
    rows: list[dict[str, str]] = []
    for line in lines[:ROWS]:
        try:
            data = json.loads(line, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            continue
        if isinstance(data, dict):
            rows.append(dict(_leaves(data, "")))
    names = list(dict.fromkeys(name for row in rows for name in row))[:_MOST_COLUMNS]
    if not names:
        raise InputError(f"{path}: found no JSON object with fields, expected one a line")
    return Sample(path, "jsonl", names, [[row.get(name, "") for row in rows] for name in names])


def _leaves(data: Any, name: str) -> list[tuple[str, str]]:
    """Return the values of a JSON object by the names that lead to them, joined by dots; of lists only the first item."""
    if isinstance(data, dict):
        return [leaf for key, value in data.items() for leaf in _leaves(value, f"{name}.{key}" if name else key)]
    if isinstance(data, list):
        return _leaves(data[0], f"{name}.0") if data else []
    return [] if data is None or not name else [(name, str(data))]


def _csv(path: Path, lines: list[str]) -> Sample:
    skip = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("#")), 0)
    body = [line for line in lines[skip:] if line.strip()]
    delimiter = _delimiter(body[:50])
    rows = [[cell.strip() for cell in row] for row in csv.reader(body, delimiter=delimiter)]
    width = max(len(row) for row in rows[:2])
    if width > _MOST_COLUMNS:
        raise InputError(f"{path}: found {width} columns, expected at most {_MOST_COLUMNS}")
    header = len(rows[0]) == width and is_header(rows[0], rows[1] if len(rows) > 1 else [])
    names = rows[0] if header else [str(number) for number in range(1, width + 1)]
    data = [row for row in rows[header:] if len(row) == width][:ROWS]
    return Sample(path, "csv", names, [[row[column] for row in data] for column in range(width)], header, delimiter, skip)


def _delimiter(lines: list[str]) -> str:
    """Return the character that stands equally often, and most often, in the lines."""
    counts = {one: [line.count(one) for line in lines] for one in _DELIMITERS}
    even = {one: found for one, found in counts.items() if found[0] and found.count(found[0]) >= len(found) * 0.9}
    return max(even or counts, key=lambda one: (counts[one][0], -_DELIMITERS.index(one)))


def is_header(first: list[str], second: list[str]) -> bool:
    """Return whether a row holds names: no cell is a number, and each is there; or each differs in kind from the row below."""
    return all(cell and not any(letter.isdigit() for letter in cell[:1]) and cell[0] not in "+-." for cell in first) and (
        any(cell[:1].isdigit() or cell[:1] in ("-", "") for cell in second) or not second
    )

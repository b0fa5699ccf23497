"""Lines of separated cells as tables of text, a block at a time; lines with more or fewer cells are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from producers.recordings.mapping.specification import ColumnMapping
from producers.recordings.reading.delimited import Numbers, blocks, lines_of
from producers.recordings.reading.tally import Tally
from tickproof.errors import InputError

BOM = b"\xef\xbb\xbf"


def header_of(line: bytes, delimiter: str) -> list[str]:
    """Return the cells of a line, without blanks and quotes around them; nothing if it is not text."""
    try:
        text = line.removeprefix(BOM).decode("utf-8").strip("\r\n")
    except UnicodeDecodeError:
        return []
    return [cell.strip().strip('"') for cell in text.split(delimiter)]


def columns_of(line: bytes, mapping: ColumnMapping) -> list[str] | str:
    """Return the columns of a file by its first line, or what keeps a mapping from reading it."""
    cells = header_of(line, mapping.delimiter)
    if not mapping.header:
        if len(cells) != mapping.columns:
            return f"found {len(cells)} columns, the mapping {mapping.name} expects {mapping.columns}"
        return [str(number) for number in range(1, len(cells) + 1)]
    missing = [str(column) for column in mapping.wanted if column not in cells]
    if missing:
        shown = ",".join(cells)[:200]
        return f"found the columns {shown}, the mapping {mapping.name} expects {', '.join(missing)}, too"
    if len(set(cells)) < len(cells):
        # The first of two columns with one name is meant.
        cells = [cell if cells.index(cell) == number else f"{cell} ({number + 1})" for number, cell in enumerate(cells)]
    return cells


def tables(pieces: Iterable[bytes], mapping: ColumnMapping, path: Path, tally: Tally) -> Iterator[tuple[Numbers, pa.Table]]:
    """Yield a text as tables of the wanted columns, with the numbers of their lines, from 0, after the header.

    Raises
    ------
    InputError
        The columns are not those of the mapping.
    """
    columns: list[str] | None = None
    row, skip = 0, mapping.skip_lines
    for block in blocks(pieces):
        while skip and block:
            block = block.partition(b"\n")[2]
            skip -= 1
        if columns is None and block:
            first, _, rest = block.partition(b"\n")
            found = columns_of(first, mapping)
            if isinstance(found, str):
                raise InputError(f"{path}, line {mapping.skip_lines + 1}: {found}")
            columns = found
            block = rest if mapping.header else block.removeprefix(BOM)
        if not block or columns is None:
            continue
        lines = lines_of(block)
        for numbers, table in _tables(block, columns, mapping, tally.undecoded):
            yield numbers + row, table
        row += lines
        tally.messages += lines


def _tables(
    block: bytes, columns: list[str], mapping: ColumnMapping, undecoded: Counter[str]
) -> Iterator[tuple[Numbers, pa.Table]]:
    """Yield whole lines as tables; lines that are not text or break a quote are halved until they are isolated."""
    spans = [(0, block)]
    while spans:
        first, part = spans.pop()
        skipped: list[tuple[int, int]] = []
        count = lines_of(part)
        try:
            # Arrow cannot hand over a line that is not UTF-8.
            table = _parsed(part, columns, mapping, skipped) if part.isascii() or part.decode() else None
        except (pa.ArrowInvalid, UnicodeDecodeError):
            table = None
        if table is not None and len(table) + len(skipped) == count:
            for _, cells in skipped:
                undecoded[f"line: found {cells} columns, expected {len(columns)}"] += 1
            numbers = np.delete(np.arange(count), [number for number, _ in skipped]) + first
            yield numbers, table
        elif count == 1:
            undecoded["line: neither text nor separated cells"] += 1
        else:
            half = _middle(part)
            spans += [(first + lines_of(part[:half]), part[half:]), (first, part[:half])]


def _middle(part: bytes) -> int:
    """Return where a line begins near the middle, or else the last one."""
    at = part.find(b"\n", len(part) // 2, len(part) - 1)
    return (at if at >= 0 else part.rfind(b"\n", 0, len(part) - 1)) + 1


def _parsed(part: bytes, columns: list[str], mapping: ColumnMapping, skipped: list[tuple[int, int]]) -> pa.Table:
    def skip(row: pa.csv.InvalidRow) -> str:
        # Rows are numbered from 1.
        skipped.append((row.number - 1, row.actual_columns))
        return "skip"

    wanted = [str(column) for column in mapping.wanted]
    return pa.csv.read_csv(
        pa.BufferReader(part),
        read_options=pa.csv.ReadOptions(column_names=columns, use_threads=False, block_size=len(part) + 1),
        parse_options=pa.csv.ParseOptions(
            delimiter=mapping.delimiter,
            quote_char='"' if b'"' in part else False,
            ignore_empty_lines=False,
            invalid_row_handler=skip,
        ),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.string()), include_columns=wanted, null_values=[], strings_can_be_null=False
        ),
    )

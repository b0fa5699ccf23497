"""Ticks as text in the canonical schema: CSV with a header, and JSON lines.

In CSV the columns are those of the schema, in any order, with its units: times in ns, prices and sizes as whole units of 1e-9, an
empty cell for null; `kind` is a number or a name. Columns that may be null may be left out, verdict columns are; another column
is an error. JSON lines hold one JSON tick each, as on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from producers.recordings.reading import csv_blocks
from producers.recordings.reading.compressed import head, pieces
from producers.recordings.reading.delimited import TEXT, WHOLE, blocks, filled, one_array
from producers.recordings.reading.facts import Facts
from producers.recordings.reading.tally import Rejected, Tally
from producers.streams.merge import BATCH_ROWS
from tickproof.errors import InputError, TickError
from tickproof.findings.finding import VERDICTS
from tickproof.ticks.schema import NAMES, NULLABLE, SCHEMA, Kind, Ticks
from tickproof.wire import decode_json

_HEAD_BYTES = 1024
_REQUIRED = ("ts_recv", "channel", "venue", "kind")
_TYPES = {field.name: TEXT if field.name in (*NAMES, "kind") else field.type for field in SCHEMA}


def _kind(word: str) -> int:
    """Return the code of a kind given by number or name; −1 for anything else."""
    if word.upper() in Kind.__members__:
        return Kind[word.upper()]
    return int(word) if word.isdecimal() and word.isascii() and int(word) <= max(Kind) else -1


def _fill(block: csv_blocks.Block) -> None:
    for name in NAMES:
        if name in block:
            block.name(name, name)
            block.require((block.rows[name] >= 0) | (name == "symbol"), f"{name}: none")
        else:
            block.rows[name] = -1
    block.time("ts_recv")
    kinds = block.by_word("kind", _kind)
    block.require(kinds >= 0, "kind: not a number or name of one")
    block.rows["kind"] = np.maximum(kinds, 0)
    for name in (*NULLABLE, "conditions", "flags"):
        if name in block:
            values, there = filled(one_array(block.table, name))
            if name in NULLABLE:
                block.put(name, values, there)
            else:
                block.require(there, f"{name}: none")
                block.rows[name] = values


SHEET = csv_blocks.Sheet(
    {name: _TYPES[name] for name in _REQUIRED}, _fill, {name: type_ for name, type_ in _TYPES.items() if name not in _REQUIRED}
)


CSV_FACTS = Facts(
    recognised_by="a CSV header with `ts_recv`, `channel`, `venue` and `kind`",
    clock="as in the file, in ns; prices and sizes are whole units of 1e-9 (JSON lines take decimals and RFC 3339, too)",
    sequence="none implied; a channel that carries numbers counts as `contiguous` unless reference data say otherwise",
    cannot_tell="anything about its channels: pass `--reference` where numbers have holes",
    sample="`ticks.csv`: the header `ts_recv,channel,venue,symbol,kind,price,size`, rows such as "
    "`1600000000000000000,X.A,XNAS,ABC,trade,1000000000,5000000000`",
)


def recognises_csv(path: Path, first: bytes) -> bool:
    """Return whether the first line is a header with the required columns."""
    header = csv_blocks.header_of(first)
    return header is not None and SHEET.fits(header)


def read_csv(path: Path, tally: Tally) -> Iterator[Ticks]:
    """Yield the ticks of a CSV file.

    Raises
    ------
    TickError
        A column is unknown.
    """
    header = csv_blocks.header_of(head(path, _HEAD_BYTES)) or []
    unknown = [name for name in header if name not in SCHEMA.names and name not in VERDICTS]
    if unknown:
        raise TickError(f"{path}: column {', '.join(unknown)} is unknown; expected {','.join(SCHEMA.names)}, or a mapping")
    return _in_units(path, csv_blocks.read(path, SHEET, tally), tally)


def _in_units(path: Path, batches: Iterator[Ticks], tally: Tally) -> Iterator[Ticks]:
    """Yield the batches of a file; where none holds a tick because its numbers have decimals, say what units they should have."""
    before, count = tally.undecoded.copy(), 0
    for batch in batches:
        count += len(batch)
        yield batch
    decimals = [reason for reason in tally.undecoded - before if reason.endswith(WHOLE)]
    if not count and decimals:
        raise InputError(
            f"{path}: {decimals[0]}; prices and sizes are whole units of 1e-9 here (276.16 is 276160000000), times ns; "
            "docs/formats.md describes the columns, and `tickproof recordings --describe` reads others"
        )


LINES_FACTS = Facts(
    recognised_by="a JSON object on the first line that names `ts_recv`",
    clock="as in the file, in ns or RFC 3339",
    sequence="none implied; a channel that carries numbers counts as `contiguous` unless reference data say otherwise",
    cannot_tell="anything about its channels: pass `--reference` where numbers have holes",
    sample='`ticks.jsonl`: lines such as `{"ts_recv": 1600000000000000000, '
    '"channel": "X.A", "venue": "XNAS", "symbol": "ABC", "kind": "trade", "price": "1", "size": "5"}`',
)


def recognises_lines(path: Path, first: bytes) -> bool:
    """Return whether the first line is a JSON object with the time of a tick."""
    line = first.lstrip().partition(b"\n")[0]
    return line.startswith(b"{") and b'"ts_recv"' in line


def read_lines(path: Path, tally: Tally) -> Iterator[Ticks]:
    """Yield the ticks of JSON lines; lines that are not ticks are counted by reason and kept in the tally."""
    row, latest_ns = 0, 0
    for block in blocks(pieces(path, tally)):
        whole = block.removesuffix(b"\n").split(b"\n")
        numbered = [(number, line) for number, line in enumerate(whole, row) if line.strip()]
        row += len(whole)
        for first in range(0, len(numbered), BATCH_ROWS):
            numbers, part = (list(column) for column in zip(*numbered[first : first + BATCH_ROWS], strict=True))
            batch = decode_json(part)
            tally.messages += len(part)
            times = batch.ticks.rows["ts_recv"]
            for line, error in batch.errors:
                tally.undecoded[_reason(str(error))] += 1
                tally.first_undecoded = tally.first_undecoded or f"{path.name}, line {numbers[line] + 1}: {error}"
                if tally.rejected is None:
                    continue
                before = int(np.searchsorted(batch.row_of, line))
                after_ns = int(times[before - 1]) if before else latest_ns
                tally.rejected.append(Rejected(path, tally.files.get(path, 0), numbers[line], part[line], after_ns, error))
            if len(batch.ticks):
                latest_ns = int(times[-1])
                batch.ticks.rows["row"] = np.array(numbers)[batch.row_of]
                yield batch.ticks


def _reason(text: str) -> str:
    """Return an error's text without what differs from line to line."""
    field = re.match(r"\$\.(\w+): (?:.*?, (expected [^']*)$)?", text, re.S)
    if field:
        return f"{field[1]}: {field[2] or 'not what the field holds'}"
    if text.startswith(("byte ", "truncated", "found bytes that are not UTF-8")):
        return "line: not JSON"
    return "line: not a JSON tick"

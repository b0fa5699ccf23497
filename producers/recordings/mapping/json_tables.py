"""JSON records of foreign field names as tables of text: numbers keep the digits that they were written with."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from producers.recordings.mapping.rows import Rows
from producers.recordings.mapping.specification import ColumnMapping
from producers.recordings.reading.delimited import Numbers
from producers.recordings.reading.tally import Tally
from tickproof.ticks.schema import Ticks

NOT_AN_OBJECT = "line: not a JSON object"


def ticks_of(records: Sequence[bytes], mapping: ColumnMapping, tally: Tally) -> Ticks:
    """Return JSON records, each an object, as ticks; those that are none are counted in the tally by reason.

    Parameters
    ----------
    records : sequence of bytes
        One object each. `row` of a tick is the place of its record.
    mapping : ColumnMapping
        Its columns are names joined by dots, from the outside in; a number between dots is a place in a list, from 0.
    tally : Tally
    """
    numbers, table = table_of(records, mapping, tally.undecoded)
    tally.messages += len(records)
    return Rows(mapping, Path(mapping.name), tally).ticks(table, numbers)


def table_of(records: Sequence[bytes], mapping: ColumnMapping, undecoded: Counter[str]) -> tuple[Numbers, pa.Table]:
    """Return the wanted fields of JSON records as columns of text, and the places of those that are objects."""
    wanted = [(str(column), str(column).split(".")) for column in mapping.wanted]
    columns: dict[str, list[str | None]] = {name: [] for name, _ in wanted}
    numbers = []
    for number, record in enumerate(records):
        try:
            data = json.loads(record, parse_float=str, parse_int=str, parse_constant=str) if record.strip() else None
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            undecoded[NOT_AN_OBJECT] += 1
            continue
        numbers.append(number)
        for name, path in wanted:
            columns[name].append(_text(_at(data, name, path)))
    return np.array(numbers, np.int64), pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})


def _at(data: dict[str, Any], name: str, path: list[str]) -> Any:
    if name in data:
        return data[name]
    found: Any = data
    for step in path:
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, dict | list):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    # A lone surrogate is no text that Arrow could hold.
    return str(value).encode("utf-8", "replace").decode()

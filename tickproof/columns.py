"""Ticks as Arrow columns, which is what programs hand on to each other, and ticks from them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tickproof.errors import TickError
from tickproof.records import words
from tickproof.tick import NAMES, NULLABLE, ROW, SCHEMA, Array, Ticks


def from_arrow(table: pa.Table | pa.RecordBatch) -> Ticks:
    """Ticks of an Arrow table or batch in the canonical schema; columns may come in any order.

    Raises
    ------
    TickError
        A column is missing, of another type, unknown, or holds a null that it may not hold.
    """
    check_schema(table.schema)
    return from_batches(table.to_batches() if isinstance(table, pa.Table) else [table])


def from_batches(batches: Sequence[pa.RecordBatch]) -> Ticks:
    """Ticks of Arrow batches, one after the other, whose schema `check_schema` has let pass; other columns are left out.

    Values are read from Arrow's buffers directly: a call to a compute function per column costs more than a frame's rows.

    Raises
    ------
    TickError
        A column holds a null that it may not hold.
    """
    rows = np.zeros(sum(batch.num_rows for batch in batches), ROW)
    names: dict[str, int] = {}
    start = 0
    for batch in batches:
        part = rows[start : start + batch.num_rows]
        present = np.zeros(len(part), np.uint16)
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        for name, _, nullable, bit in _COLUMNS:
            column = columns[name]
            valid = _valid(column)
            if name in NAMES:
                codes = _encode(column, valid, names)
                if not nullable:
                    _refuse_nulls(name, codes >= 0, start)
                part[name] = codes
                continue
            values = _values(column, ROW[name])
            if valid is None:
                part[name] = values
                present |= bit
            elif nullable:
                np.copyto(part[name], values, where=valid)
                np.bitwise_or(present, bit, out=present, where=valid)
            else:
                _refuse_nulls(name, valid, start)
        part["present"] = present
        start += batch.num_rows
    return Ticks(rows, tuple(names))


def check_schema(schema: pa.Schema) -> None:
    """Raise TickError unless `schema` has exactly the canonical columns; strings may be dictionary encoded."""
    wrong = []
    for field in SCHEMA:
        indices = schema.get_all_field_indices(field.name)
        if len(indices) != 1:
            wrong.append(f"column {field.name} is {'missing' if not indices else 'there twice'}, expected {field.type}")
            continue
        found = schema.field(indices[0]).type
        plain = found.value_type if pa.types.is_dictionary(found) else found
        if pa.types.is_dictionary(found) and field.name not in NAMES:
            plain = found
        if plain != field.type:
            wrong.append(f"column {field.name}: found {found}, expected {field.type}")
    known = set(SCHEMA.names)
    wrong += [f"column {name if name.isidentifier() else repr(name)} is unknown" for name in schema.names if name not in known]
    if wrong:
        raise TickError("; ".join(wrong))


def to_arrow(ticks: Ticks, extra: dict[str, Array] | None = None) -> pa.RecordBatch:
    """The ticks as one Arrow batch in the canonical schema, strings dictionary encoded, `extra` columns appended.

    A dictionary holds the names that its column uses and no other, in the order of `ticks.names`.
    """
    arrays = _arrays(ticks)
    if not extra:
        return pa.RecordBatch.from_arrays(arrays, schema=_ENCODED)
    added = [_array(values, pa.from_numpy_dtype(values.dtype), None) for values in extra.values()]
    fields = [pa.field(name, array.type, nullable=False) for name, array in zip(extra, added, strict=True)]
    return pa.RecordBatch.from_arrays([*arrays, *added], schema=pa.schema([*_ENCODED, *fields], metadata=SCHEMA.metadata))


_BY_WIDTH = {
    8: [name for name in ROW.names or () if ROW[name].itemsize == 8][:10],
    4: ["conditions"],
    1: ["kind", "flags"],
}
"""Columns of fixed width that stand side by side in `ROW`, by their bytes."""
_BITS = np.array(list(NULLABLE.values()), np.uint16)
_NULLABLE = {name: position for position, name in enumerate(NULLABLE)}
_COLUMNS = [(field.name, field.type, field.nullable, np.uint16(NULLABLE.get(field.name, 0))) for field in SCHEMA]
_ENCODED = pa.schema(
    [field.with_type(pa.dictionary(pa.int32(), pa.string())) if field.name in NAMES else field for field in SCHEMA],
    metadata=SCHEMA.metadata,
)


def _array(values: Array, kind: pa.DataType, valid: npt.NDArray[np.bool_] | None) -> pa.Array:
    """An Arrow array over a copy of `values`."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(values))]
    if valid is None or valid.all():
        return pa.Array.from_buffers(kind, len(values), buffers, 0)
    buffers[0] = pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), buffers)


def _arrays(ticks: Ticks) -> list[pa.Array]:
    """All columns in the order of the schema. Frames are small, so it is the number of calls that costs: columns of a width are
    copied at once."""
    rows, count = ticks.rows, len(ticks)
    records = words(rows)
    columns: dict[str, tuple[pa.Buffer, int]] = {}
    for width, names in _BY_WIDTH.items():
        matrix = records.view(f"u{width}").reshape(count, ROW.itemsize // width)
        first = ROW.fields[names[0]][1] // width  # type: ignore[index]  # a structured type has fields
        buffer = pa.py_buffer(np.ascontiguousarray(matrix[:, first : first + len(names)].T))
        columns |= {name: (buffer, position * count * width) for position, name in enumerate(names)}
    valid = (rows["present"] & _BITS[:, None]) != 0
    present = valid.sum(axis=1).tolist()
    bitmaps = np.packbits(valid, axis=1, bitorder="little")
    masks = pa.py_buffer(bitmaps)
    codes = np.stack([rows[name] for name in NAMES])
    strings = dict(zip(NAMES, _encoded(codes, ticks.names), strict=True))
    arrays = []
    for name, kind, nullable, _ in _COLUMNS:
        if name in strings:
            arrays.append(strings[name])
            continue
        buffer, start = columns[name]
        data = buffer.slice(start, count * ROW[name].itemsize)
        nulls = count - present[_NULLABLE[name]] if nullable else 0
        mask = masks.slice(_NULLABLE[name] * bitmaps.shape[1], bitmaps.shape[1]) if nulls else None
        arrays.append(pa.Array.from_buffers(kind, count, [mask, data], nulls))
    return arrays


def _encoded(codes: npt.NDArray[np.int32], names: tuple[str, ...]) -> list[pa.DictionaryArray]:
    """The string columns, a row of codes each, dictionary encoded."""
    # A table for each column, with a slot in front for -1 (null); all columns are looked up at once.
    width = len(names) + 1
    places = codes + (np.arange(len(codes)) * width + 1)[:, None]
    used = np.zeros((len(codes), width), np.bool_)
    used.reshape(-1)[places] = True
    moved = np.zeros(used.shape, np.int32)
    np.cumsum(used[:, 1:], axis=1, out=moved[:, 1:])
    moved[:, 1:] -= 1
    indices = moved.reshape(-1).take(places)
    arrays = []
    for row in range(len(codes)):
        valid = codes[row] >= 0 if used[row, 0] else None
        dictionary = _dictionary(tuple([names[code] for code in used[row, 1:].nonzero()[0].tolist()]))
        arrays.append(pa.DictionaryArray.from_arrays(_array(indices[row], pa.int32(), valid), dictionary))
    return arrays


@lru_cache(maxsize=1_000)
def _dictionary(found: tuple[str, ...]) -> pa.StringArray:
    # Not pa.array: given a list it imports pandas, to ask whether the list is one of its series.
    encoded = [word.encode() for word in found]
    offsets = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum([len(word) for word in encoded], out=offsets[1:])
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


def _refuse_nulls(name: str, valid: npt.NDArray[np.bool_], start: int) -> None:
    if not valid.all():
        first = start + int(np.argmin(valid))
        raise TickError(f"column {name}, row {first}: found null, expected a value (nulls in all: {np.count_nonzero(~valid)})")


def _valid(column: pa.Array) -> npt.NDArray[np.bool_] | None:
    """Which values of a column are not null; None where all are."""
    if column.null_count == 0:
        return None
    bits = np.frombuffer(column.buffers()[0], np.uint8)
    return np.unpackbits(bits, bitorder="little", count=column.offset + len(column))[column.offset :].view(np.bool_)


def _values(column: pa.Array, kind: np.dtype[np.generic]) -> Array:
    """The values of a column of fixed width, whatever stands under nulls included."""
    if len(column) == 0:
        return np.zeros(0, kind)
    return np.frombuffer(column.buffers()[1], kind, len(column), column.offset * kind.itemsize)


def _read_words(words: pa.StringArray) -> list[str | None]:
    """The strings of an array; Arrow's own conversions make an object of each first, or import pandas."""
    if len(words) == 0:
        return []
    _, offsets, data = words.buffers()
    ends = np.frombuffer(offsets, np.int32, len(words) + 1, words.offset * 4).tolist()
    text = b"" if data is None else data.to_pybytes()
    valid = _valid(words)
    if valid is None:
        return [text[start:stop].decode() for start, stop in pairwise(ends)]
    # What stands under a null need not be UTF-8.
    return [text[start:stop].decode() if has else None for (start, stop), has in zip(pairwise(ends), valid.tolist(), strict=True)]


def _encode(column: pa.Array, valid: npt.NDArray[np.bool_] | None, names: dict[str, int]) -> Array:
    """Codes of a string column, new names added to the table."""
    encoded = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
    words = _read_words(encoded.dictionary)
    # A dictionary may hold a null value, and an index may be null: both are -1.
    mapping = np.array([*(-1 if word is None else names.setdefault(word, len(names)) for word in words), -1], np.int32)
    # What stands under a null index is not promised to be in range.
    indices = _values(encoded.indices, np.dtype(str(encoded.indices.type)))
    codes: Array = mapping[indices if valid is None else np.where(valid, indices, len(words))]
    return codes

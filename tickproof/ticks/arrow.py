"""Ticks as Arrow columns, which is what programs hand on to each other, and ticks from them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tickproof.errors import TickError
from tickproof.ticks.arrow_kernel import BITS, CODES, NARROW, WIDE, lay_out
from tickproof.ticks.schema import NAMES, NULLABLE, ROW, SCHEMA, Array, Ticks
from tickproof.ticks.word_copy import words


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
    added = [_array(values) for values in extra.values()]
    fields = [pa.field(name, array.type, nullable=False) for name, array in zip(extra, added, strict=True)]
    return pa.RecordBatch.from_arrays([*arrays, *added], schema=pa.schema([*_ENCODED, *fields], metadata=SCHEMA.metadata))


_COLUMNS = [(field.name, field.type, field.nullable, np.uint16(NULLABLE.get(field.name, 0))) for field in SCHEMA]
_ENCODED = pa.schema(
    [field.with_type(pa.dictionary(pa.int32(), pa.string())) if field.name in NAMES else field for field in SCHEMA],
    metadata=SCHEMA.metadata,
)


def _layout(field: pa.Field) -> tuple[str, pa.DataType, int, int, int, int]:
    """A column's name, type and width in bytes, and where `lay_out` has its values, its bits and its nulls (-1: it has none)."""
    if field.name in NAMES:
        place = NAMES.index(field.name)
        null = len(NULLABLE) + place if field.nullable else -1
        return field.name, pa.int32(), 4, CODES + place, CODES + len(NAMES) + place, null
    place = list(NULLABLE).index(field.name) if field.nullable else -1
    return field.name, field.type, ROW[field.name].itemsize, [*WIDE, *NARROW].index(field.name), BITS + place, place


_LAYOUT = [_layout(field) for field in SCHEMA]


def _array(values: Array) -> pa.Array:
    """An Arrow array over a copy of `values`."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), buffers, 0)


def _arrays(ticks: Ticks) -> list[pa.Array]:
    """All columns in the order of the schema. Frames are small, so it is the number of calls that costs."""
    count = len(ticks)
    memory, starts, missing, used, counts = lay_out(words(ticks.rows), len(ticks.names))
    buffer, places, nulls = pa.py_buffer(memory), starts.tolist(), missing.tolist()
    arrays = []
    for name, kind, width, data, bits, null in _LAYOUT:
        found = buffer.slice(places[data], width * count)
        mask = buffer.slice(places[bits], (count + 7) // 8) if null >= 0 and nulls[null] else None
        array = pa.Array.from_buffers(kind, count, [mask, found], nulls[null] if mask is not None else 0)
        if name in NAMES:
            column = NAMES.index(name)
            dictionary = _dictionary(tuple([ticks.names[code] for code in used[column, : counts[column]].tolist()]))
            array = pa.DictionaryArray.from_arrays(array, dictionary, safe=False)
        arrays.append(array)
    return arrays


@lru_cache(maxsize=1_000)
def _dictionary(found: tuple[str, ...]) -> pa.StringArray:
    # Not pa.array: given a list it imports pandas, to ask whether the list is one of its series.
    text = "".join(found)
    lengths = map(len, found) if text.isascii() else [len(word.encode()) for word in found]
    offsets = np.fromiter(accumulate(lengths, initial=0), np.int32, len(found) + 1)
    return pa.StringArray.from_buffers(len(found), pa.py_buffer(offsets), pa.py_buffer(text.encode()))


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

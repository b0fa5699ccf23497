"""Ticks <-> Arrow columns, in which programs pass them to each other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tickproof.errors import TickError
from tickproof.ticks.arrow_kernel import BITS, CODES, NARROW, WIDE, lay_out
from tickproof.ticks.schema import NAMES, NULLABLE, ROW, SCHEMA, Array, Ticks
from tickproof.ticks.word_copy import words


def from_arrow(table: pa.Table | pa.RecordBatch) -> Ticks:
    """Return the ticks of an Arrow table or batch in the canonical schema; columns may come in any order.

    Raises
    ------
    TickError
        A column is missing, of another type, unknown, or holds a null that it may not hold.
    """
    check_schema(table.schema)
    return from_batches(table.to_batches() if isinstance(table, pa.Table) else [table])


def from_batches(batches: Sequence[pa.RecordBatch]) -> Ticks:
    """Return the ticks of Arrow batches, one after the other, whose schema has passed `check_schema`; other columns are left out.

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
        for name, bit in _PRESENT.items():
            column = columns[name]
            valid = _valid(column)
            if name in NAMES:
                codes = _encode(column, valid, names)
                if not SCHEMA.field(name).nullable:
                    _refuse_nulls(name, codes >= 0, start)
                part[name] = codes
                continue
            values = _values(column, ROW[name])
            if valid is None:
                part[name] = values
                present |= bit
            elif bit:
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
    """Return the ticks as one Arrow batch in the canonical schema, strings dictionary encoded, `extra` columns appended.

    A dictionary holds the names that its column uses and no other, in the order of `ticks.names`.
    """
    arrays = _arrays(ticks)
    if not extra:
        return pa.RecordBatch.from_arrays(arrays, schema=_ENCODED)
    added = [_array(values) for values in extra.values()]
    fields = [pa.field(name, array.type, nullable=False) for name, array in zip(extra, added, strict=True)]
    return pa.RecordBatch.from_arrays([*arrays, *added], schema=pa.schema([*_ENCODED, *fields], metadata=SCHEMA.metadata))


_PRESENT = {field.name: np.uint16(NULLABLE.get(field.name, 0)) for field in SCHEMA}
"""Column -> its bit in `present`; 0 where it has none."""
_ENCODED = pa.schema(
    [field.with_type(pa.dictionary(pa.int32(), pa.string())) if field.name in NAMES else field for field in SCHEMA],
    metadata=SCHEMA.metadata,
)


class _Column(NamedTuple):
    """A column, and where `lay_out` has it.

    Attributes
    ----------
    name : str
    kind : pa.DataType
        Of its values; of a column of names, that of their codes.
    width : int
        Bytes of a value.
    data : int
        The place of its values among the columns.
    validity : int
        The place of its validity bits among the columns.
    nulls : int or None
        The place of its number of nulls; None where it may hold none.
    """

    name: str
    kind: pa.DataType
    width: int
    data: int
    validity: int
    nulls: int | None


def _column(field: pa.Field) -> _Column:
    """Return where `lay_out` has a field of the schema."""
    if field.name in NAMES:
        place = NAMES.index(field.name)
        nulls = len(NULLABLE) + place if field.nullable else None
        return _Column(field.name, pa.int32(), 4, CODES + place, CODES + len(NAMES) + place, nulls)
    data, width = [*WIDE, *NARROW].index(field.name), ROW[field.name].itemsize
    if not field.nullable:
        return _Column(field.name, field.type, width, data, data, None)
    place = list(NULLABLE).index(field.name)
    return _Column(field.name, field.type, width, data, BITS + place, place)


_COLUMNS = [_column(field) for field in SCHEMA]


def _array(values: Array) -> pa.Array:
    """Return an Arrow array over a contiguous copy of `values`."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), buffers, 0)


def _arrays(ticks: Ticks) -> list[pa.Array]:
    """Return all columns in the order of the schema. Frames are small, so it is the number of calls that costs."""
    count = len(ticks)
    laid_out = lay_out(words(ticks.rows), len(ticks.names))
    buffer, places, nulls = pa.py_buffer(laid_out.memory), laid_out.places.tolist(), laid_out.nulls.tolist()
    arrays = []
    for column in _COLUMNS:
        found = buffer.slice(places[column.data], column.width * count)
        missing = 0 if column.nulls is None else nulls[column.nulls]
        mask = buffer.slice(places[column.validity], (count + 7) // 8) if missing else None
        array = pa.Array.from_buffers(column.kind, count, [mask, found], missing)
        if column.name in NAMES:
            name = NAMES.index(column.name)
            used = laid_out.used[name, : laid_out.counts[name]].tolist()
            dictionary = _dictionary(tuple([ticks.names[code] for code in used]))
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
    """Return which values of a column are not null; None where none is null."""
    if column.null_count == 0:
        return None
    bits = np.frombuffer(column.buffers()[0], np.uint8)
    return np.unpackbits(bits, bitorder="little", count=column.offset + len(column))[column.offset :].view(np.bool_)


def _values(column: pa.Array, kind: np.dtype[np.generic]) -> Array:
    """Return the values of a column of fixed width; what lies under a null may be anything."""
    if len(column) == 0:
        return np.zeros(0, kind)
    return np.frombuffer(column.buffers()[1], kind, len(column), column.offset * kind.itemsize)


def _read_words(words: pa.StringArray) -> list[str | None]:
    """Return the strings of an array; Arrow's own conversions make an object of each first, or import pandas."""
    if len(words) == 0:
        return []
    _, offsets, data = words.buffers()
    ends = np.frombuffer(offsets, np.int32, len(words) + 1, words.offset * 4).tolist()
    text = b"" if data is None else data.to_pybytes()
    valid = _valid(words)
    if valid is None:
        return [text[start:stop].decode() for start, stop in pairwise(ends)]
    # What lies under a null need not be UTF-8.
    return [text[start:stop].decode() if has else None for (start, stop), has in zip(pairwise(ends), valid.tolist(), strict=True)]


def _encode(column: pa.Array, valid: npt.NDArray[np.bool_] | None, names: dict[str, int]) -> Array:
    """Return the codes of a string column; new names are added to the table."""
    encoded = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
    words = _read_words(encoded.dictionary)
    # A dictionary may hold a null value, and an index may be null: both are -1.
    mapping = np.array([*(-1 if word is None else names.setdefault(word, len(names)) for word in words), -1], np.int32)
    # What lies under a null index need not be in range.
    indices = _values(encoded.indices, np.dtype(str(encoded.indices.type)))
    codes: Array = mapping[indices if valid is None else np.where(valid, indices, len(words))]
    return codes

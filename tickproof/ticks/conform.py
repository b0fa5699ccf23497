"""Tables that people have made, in the canonical schema: absent columns, wider integers, times that are typed as times."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from tickproof.errors import TickError
from tickproof.ticks.schema import NAMES, SCHEMA

ZERO_IF_ABSENT = ("conditions", "flags")
"""Columns that hold no null, and need not be there: 0 says that nothing is known."""


def problems(schema: pa.Schema, ignored: Collection[str] = ()) -> list[str]:
    """Return what keeps columns from being ticks, all of it; their values are seen by `conform`.

    Parameters
    ----------
    schema : pyarrow.Schema
    ignored : collection of str
        Columns besides the canonical ones that may be there.
    """
    found = []
    for wanted in SCHEMA:
        count = len(schema.get_all_field_indices(wanted.name))
        if count > 1:
            found.append(f"column {wanted.name} is there twice, expected {wanted.type}")
        elif not count and not wanted.nullable and wanted.name not in ZERO_IF_ABSENT:
            found.append(f"column {wanted.name} is missing, expected {wanted.type}")
    unknown = [name for name in schema.names if name not in SCHEMA.names and name not in ignored]
    found += [f"column {name if name.isidentifier() else repr(name)} is unknown" for name in unknown]
    return found


def conform(table: pa.Table, ignored: Collection[str] = ()) -> pa.Table:
    """Return the canonical columns of a table.

    A column that may be null and is absent is null; one that is typed as a time becomes ns since the epoch, UTC where it names no
    zone; other types are cast where no value is lost. Columns that are `ignored` are left out.

    Raises
    ------
    TickError
        A column is missing or unknown, or holds a value that its type does not.
    """
    wrong = problems(table.schema, ignored)
    if wrong:
        raise TickError(f"{'; '.join(wrong)}; expected {', '.join(SCHEMA.names)}")
    columns = []
    for wanted in SCHEMA:
        if wanted.name in table.column_names:
            columns.append(_cast(table.column(wanted.name), wanted))
        elif wanted.nullable:
            columns.append(pa.nulls(len(table), wanted.type))
        else:
            columns.append(pa.repeat(pa.scalar(0, wanted.type), len(table)))
    return pa.table(dict(zip(SCHEMA.names, columns, strict=True)))


def _cast(column: pa.ChunkedArray, wanted: pa.Field) -> pa.ChunkedArray:
    found = column.type
    if found == wanted.type or (wanted.name in NAMES and pa.types.is_dictionary(found) and pa.types.is_string(found.value_type)):
        return column
    try:
        if pa.types.is_timestamp(found) or pa.types.is_date(found):
            column = column.cast(pa.timestamp("ns", getattr(found, "tz", None)))
        return column.cast(wanted.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        reason = str(error).splitlines()[0]
        hint = "; prices and sizes are whole units of 1e-9, times ns" if pa.types.is_integer(wanted.type) else ""
        raise TickError(f"column {wanted.name}: found {found}, expected {wanted.type} ({reason}){hint}") from error

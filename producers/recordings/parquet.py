"""Parquet in the canonical schema, as `tickproof simulate` and `tickproof scan` write it.

Columns may come in any order; those that may be null, `conditions` and `flags` may be left out, as in CSV; times may be typed as
times, and integers be wider than they need. The six verdict columns of a scored file are left out; any other column is an error,
as on the wire: a column nobody knows is a schema that nobody checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from producers.recordings.reading.facts import Facts
from producers.recordings.reading.tally import Tally
from producers.streams.merge import BATCH_ROWS
from tickproof.errors import InputError, TickError
from tickproof.findings.finding import VERDICTS
from tickproof.ticks.arrow import from_arrow
from tickproof.ticks.conform import conform, problems
from tickproof.ticks.schema import NAMES, SCHEMA, SCHEMA_VERSION, Ticks

MAGIC = b"PAR1"


FACTS = Facts(
    recognised_by="a Parquet file that is not one of nautilus_trader's",
    clock="as in the file: `ts_recv` and, where there is one, `ts_event`, in ns",
    sequence="none implied; a channel that carries numbers counts as `contiguous` unless reference data say otherwise",
    cannot_tell="anything about its channels: pass `--reference` where numbers have holes",
    sample="`ticks.parquet` of `tickproof simulate`, `scored.parquet` of `tickproof scan`",
)


def recognises(path: Path, head: bytes) -> bool:
    """Return whether the first bytes are those of a Parquet file; its columns are checked on reading."""
    return head.startswith(MAGIC)


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """Yield the ticks of a Parquet file in its order.

    Raises
    ------
    InputError
        The file is cut or broken; what was read before the break has been yielded.
    TickError
        Its columns are not the canonical ones, or hold nulls where none may be.
    """
    with _open(path) as file:
        _check(path, file.schema_arrow)
        there = [name for name in SCHEMA.names if name in file.schema_arrow.names]
    with _open(path, read_dictionary=[name for name in NAMES if name in there]) as file:
        row, width = 0, path.stat().st_size / max(1, file.metadata.num_rows)
        batches = file.iter_batches(batch_size=BATCH_ROWS, columns=there, use_threads=False)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError, ValueError) as error:
                raise InputError(
                    f"{path}, row {row}: the file is broken from here on ({_line(error)}); write it again"
                ) from error
            if batch is None:
                return
            try:
                ticks = from_arrow(conform(pa.Table.from_batches([batch])))
            except (TickError, ValueError) as error:
                raise TickError(f"{path}, rows {row} to {row + len(batch) - 1}: {error}") from error
            ticks.rows["row"] = np.arange(row, row + len(ticks))
            row += len(ticks)
            tally.messages += len(ticks)
            tally.reached[path] = int(row * width)
            yield ticks


def starts(path: Path) -> int | None:
    """Return the smallest `ts_recv` by the file's statistics, in ns; None where there are none, or they cannot be read."""
    try:
        with _open(path) as file:
            metadata = file.metadata
            column = file.schema_arrow.get_field_index("ts_recv")
            if column >= 0 and file.schema_arrow.field(column).type != SCHEMA.field("ts_recv").type:
                return None
            groups = [metadata.row_group(index).column(column).statistics for index in range(metadata.num_row_groups)]
            known = column >= 0 and all(group is not None and group.has_min_max for group in groups)
            return min((int(group.min) for group in groups), default=None) if known else None
    except (InputError, IndexError, ValueError):
        return None


def _open(path: Path, read_dictionary: list[str] | None = None) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, read_dictionary=read_dictionary)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path}: not a complete Parquet file ({_line(error)}); write it again") from error


def _check(path: Path, schema: pa.Schema) -> None:
    version = (schema.metadata or {}).get(b"tickproof.schema", SCHEMA_VERSION.encode())
    if version != SCHEMA_VERSION.encode():
        found = version.decode(errors="replace")
        raise TickError(f"{path}: found schema {found}, expected {SCHEMA_VERSION}; read it with the version that wrote it")
    verdicts = [name for name in schema.names if name in VERDICTS]
    missing = [name for name in VERDICTS if name not in verdicts]
    if verdicts and missing:
        raise TickError(
            f"{path}: found the verdict columns {', '.join(verdicts)} without {', '.join(missing)}, expected all or none"
        )
    wrong = problems(schema, VERDICTS)
    if wrong:
        expected = f"expected {', '.join(SCHEMA.names)}"
        raise TickError(f"{path}: {'; '.join(wrong)}; {expected}; columns of your own: `tickproof recordings --describe {path}`")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())

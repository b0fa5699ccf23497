"""Until when recordings reach, as far as that is known without reading their rows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from producers.recordings import find


def end_of(paths: Iterable[Path], end_ns: int | None = None) -> int | None:
    """The largest `ts_recv` of recordings, by the statistics of their files; None where one has none.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders.
    end_ns : int, optional
        Nothing after it is asked for.

    Raises
    ------
    InputError
        As `recordings.find`.
    """
    ends = [_largest(path) if format_.name == "parquet" else None for path, format_ in find(paths)]
    known = [end for end in ends if end is not None]
    if len(known) < len(ends):
        return end_ns
    return min([max(known), *([] if end_ns is None else [end_ns])])


def _largest(path: Path) -> int | None:
    try:
        with pq.ParquetFile(path) as file:
            column = file.schema_arrow.get_field_index("ts_recv")
            groups = [file.metadata.row_group(group).column(column).statistics for group in range(file.metadata.num_row_groups)]
            known = column >= 0 and all(group is not None and group.has_min_max for group in groups)
            return max((int(group.max) for group in groups), default=None) if known else None
    except (pa.ArrowException, OSError, IndexError, ValueError):
        # Whoever reads the file says what is wrong with it.
        return None

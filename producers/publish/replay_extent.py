"""The extent of recordings, as far as it is known without reading their rows, and how much of them has been handed on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from producers.recordings.registry import RECORDINGS, Format, Tally, find
from tickproof.ticks.schema import Ticks


def end_of(paths: Iterable[Path], end_ns: int | None = None, formats: Sequence[Format] = RECORDINGS) -> int | None:
    """Return the largest `ts_recv` of recordings in ns, by the statistics of their files; None where one has none.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders.
    end_ns : int, optional
        End of the wanted window.
    formats : sequence of Format
        As of `registry.find`.

    Raises
    ------
    InputError
        As `registry.find`.
    """
    ends = [_largest(path) if format_.name == "parquet" else None for path, format_ in find(paths, formats=formats)]
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
    except (pa.ArrowException, OSError, IndexError, TypeError, ValueError):
        # The reader of the file reports what is wrong with it.
        return None


class Reach:
    """The share of some recordings that has been handed on: by time where their end is known, else by bytes of their files.

    A batch of ticks is read at once and may take hours to be sent, so within its time its bytes count little by little.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders.
    tally : Tally
        Tally of the reading, which says how far each file has been read.
    end_ns : int or None
        Event time at which the ticks end, if that is known.
    formats : sequence of Format
        As of `registry.find`.

    Raises
    ------
    InputError
        As `registry.find`.
    """

    __slots__ = ("_before", "_bytes", "_end_ns", "_latest", "_start_ns", "_tally", "_to")

    def __init__(self, paths: Iterable[Path], tally: Tally, end_ns: int | None, formats: Sequence[Format] = RECORDINGS) -> None:
        self._bytes = {path: path.stat().st_size for path, _ in find(paths, formats=formats)}
        self._tally = tally
        self._end_ns = end_ns
        self._start_ns: int | None = None
        # Time and share, at the beginning of the batch that is being sent and at its end.
        self._before = self._to = (0, 0.0)
        self._latest = 0.0

    def follow(self, ticks: Iterable[Ticks]) -> Iterator[Ticks]:
        """Yield the batches unchanged and count them on the way."""
        for batch in ticks:
            if len(batch):
                first_ns, last_ns = int(batch.rows["ts_recv"][0]), int(batch.rows["ts_recv"][-1])
                if self._start_ns is None:
                    self._start_ns, self._to = first_ns, (first_ns, 0.0)
                self._before, self._to = self._to, (last_ns, self._read())
            yield batch

    def share(self, event_ns: int) -> float:
        """Return the share handed on when event time is `event_ns`: 0 to 1, never less than before."""
        if self._start_ns is None:
            return 0.0
        if self._end_ns is not None:
            (from_ns, begun), (to_ns, done) = (self._start_ns, 0.0), (self._end_ns, 1.0)
        else:
            (from_ns, begun), (to_ns, done) = self._before, self._to
        passed = min(1.0, max(0.0, (event_ns - from_ns) / max(1, to_ns - from_ns)))
        self._latest = max(self._latest, begun + (done - begun) * passed)
        return self._latest

    def _read(self) -> float:
        reached = sum(min(size, self._tally.reached[path]) for path, size in self._bytes.items())
        return reached / max(1, sum(self._bytes.values()))

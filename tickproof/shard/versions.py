"""A large table of which each step needs a copy, and changes a few rows: the rows are shared, and what changed is put back.

A step works on a copy of its state, so that an exception leaves the old one whole. Copying the records of 100 000 symbols for
each slice of a few thousand ticks would cost more than the ticks. So the newest version of a table holds the rows, and an older
one what the newer has overwritten; whoever asks an older version for its rows gets them back, and the newer becomes the one that
remembers differences (H. G. Baker, "Shallow binding makes functional arrays fast", ACM SIGPLAN Notices 26 (1991) 145).
"""

from __future__ import annotations

import numpy as np

from tickproof.ticks.schema import Array
from tickproof.ticks.word_copy import words

Change = tuple[Array, str | None, Array]
"""Rows, a field of theirs or None for all, and what was there."""


class Table:
    """One version of a table.

    Parameters
    ----------
    rows : array
        Records, or integers of 8 bytes. Belongs to the table from now on.
    empty : int
        What integers hold that nobody has written to; records hold zeros.
    """

    __slots__ = ("_changes", "_empty", "_newer", "_rows")

    def __init__(self, rows: Array, empty: int = 0) -> None:
        self._empty = empty
        self._rows: Array | None = rows
        self._newer: Table | None = None
        self._changes: list[Change] = []

    @property
    def rows(self) -> Array:
        """This version's rows. Another version's are not to be looked at until it is asked for them again."""
        if self._rows is None:
            self._take_back()
        assert self._rows is not None
        return self._rows

    def branch(self, touched: Array, size: int, fields: tuple[str, ...] = ()) -> Table:
        """A version that goes on from here.

        Parameters
        ----------
        touched : int array
            Different rows that may be written to; others must not be.
        size : int
            Rows that it must have room for; where it has not, all are copied into a table twice as long.
        fields : tuple of str
            Fields that may be written to in any row.
        """
        rows = self.rows
        if size > len(rows):
            larger = np.zeros(max(size, 2 * len(rows)), rows.dtype)
            _wide(larger)[: len(rows)] = _wide(rows)
            if self._empty:
                larger[len(rows) :] = self._empty
            return Table(larger, self._empty)
        touched = touched[touched < len(rows)]
        changes: list[Change] = [(touched, None, _wide(rows)[touched])]
        changes += [(np.zeros(0, np.int64), field, rows[field].copy()) for field in fields]
        newer = Table(rows, self._empty)
        self._rows, self._newer, self._changes = None, newer, changes
        return newer

    def _take_back(self) -> None:
        """Become the version that holds the rows, step by step from the one that does."""
        path = [self]
        while path[-1]._newer is not None:
            path.append(path[-1]._newer)
        for newer, older in zip(path[:0:-1], path[-2::-1], strict=True):
            rows = newer.rows
            differences: list[Change] = []
            for touched, field, _ in older._changes:
                if field is None:
                    differences.append((touched, None, _wide(rows)[touched]))
                else:
                    differences.append((touched, field, rows[field].copy()))
            # What a field and a whole row both hold is the same, so their order does not matter.
            for touched, field, values in older._changes:
                if field is None:
                    _wide(rows)[touched] = values
                else:
                    rows[field] = values
            newer._rows, newer._newer, newer._changes = None, older, differences
            older._rows, older._newer, older._changes = rows, None, []


def _wide(rows: Array) -> Array:
    """The same memory in words: rows are moved many times faster than field by field."""
    return words(rows) if rows.dtype.names else rows

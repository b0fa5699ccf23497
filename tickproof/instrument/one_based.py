"""Indices that are stored plus one, so that a record of zeros refers to nothing."""

from __future__ import annotations

from tickproof.kernel import kernel

ABSENT = 0
"""A stored index that refers to nothing."""


@kernel()
def to_stored(index: int) -> int:
    """Return an index as it is stored."""
    return index + 1


@kernel()
def to_index(stored: int) -> int:
    """Return the index that is stored; -1 for `ABSENT`."""
    return stored - 1

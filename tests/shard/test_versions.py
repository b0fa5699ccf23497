"""Versions of a table share their rows, and each still has its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickproof.shard.versions import Table

RECORD = np.dtype([("a", "<i8"), ("b", "<f8"), ("c", "<i8")])


@pytest.mark.parametrize("structured", [True, False])
@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.lists(st.integers(0, 11), max_size=4), st.integers(1, 14)), max_size=12))
def test_every_version_keeps_its_rows(structured: bool, steps: list[tuple[int, list[int], int]]) -> None:
    """A tree of versions, branched off from any of them in any order; each is compared with a copy made the slow way."""
    start = np.zeros(6, RECORD if structured else np.int64)
    versions, copies = [Table(start.copy(), 0 if structured else -1)], [start]
    for number, (parent, touched, size) in enumerate(steps, start=1):
        base = versions[parent % len(versions)]
        rows = np.array(sorted(set(touched)), np.int64)
        new = base.branch(rows, size, ("c",) if structured else ())
        copy = copies[parent % len(versions)].copy()
        if size > len(copy):
            grown = np.zeros(max(size, 2 * len(copy)), copy.dtype)
            if not structured:
                grown[:] = -1
            grown[: len(copy)] = copy
            copy = grown
        for array in (new.rows, copy):
            mine = rows[rows < len(array)]
            if structured:
                array["a"][mine] = number
                array["b"][mine] += 0.5
                array["c"] += 1
            else:
                array[mine] = number
        versions.append(new)
        copies.append(copy)
    for table, copy in [*zip(versions, copies, strict=True), *zip(versions[::-1], copies[::-1], strict=True)]:
        assert table.rows.tobytes() == copy.tobytes()


def test_a_branch_copies_nothing_but_what_it_touches() -> None:
    rows = np.zeros(1_000, RECORD)
    old = Table(rows)
    new = old.branch(np.array([3]), 1_000)
    assert new.rows is rows
    assert old.rows is rows  # it took them back

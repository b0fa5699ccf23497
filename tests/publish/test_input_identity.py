"""Which replay is which: the name of a selection, and the digest of what it reads."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from producers.publish.input_identity import digest_of, name_of
from tests.publish.test_replay import ticks_of
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import NS_PER_MS


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.parquet" for name in "ab"]
    for path, first in zip(paths, (10, 500), strict=True):
        pq.write_table(pa.Table.from_batches([to_arrow(ticks_of([(first, 0), (first + 5, 1)]))]), path)
    return paths


def test_a_selection_has_one_name_wherever_it_is_started(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    name = name_of(files, 1, 2, ["X", "Y"])
    monkeypatch.chdir(files[0].parent)
    assert name_of([Path("a.parquet"), Path("./b.parquet")], 1, 2, ["Y", "X", "Y"]) == name
    others = [
        name_of(files[::-1], 1, 2, ["X", "Y"]),
        name_of(files[:1], 1, 2, ["X", "Y"]),
        name_of(files, None, 2, ["X", "Y"]),
        name_of(files, 1, 3, ["X", "Y"]),
        name_of(files, 1, 2, ["X"]),
        name_of(files, 1, 2, None),
    ]
    assert len({name, *others}) == 7


def test_a_digest_is_of_bytes_places_and_order(files: list[Path]) -> None:
    folder = files[0].parent
    digest = digest_of(files)
    assert digest_of([folder]) == digest
    os.utime(files[0], (1, 1))
    assert digest_of(files) == digest
    assert digest_of(files[::-1]) != digest
    (folder / "notes.txt").write_text("no ticks")
    assert digest_of([folder]) == digest
    # One byte that is no part of any value.
    whole = files[1].read_bytes()
    files[1].write_bytes(whole.replace(b"parquet-cpp", b"parquet-cpq", 1))
    assert files[1].read_bytes() != whole
    assert digest_of(files) != digest
    files[1].write_bytes(whole)
    files[1].rename(folder / "c.parquet")
    assert digest_of([folder]) != digest


def test_what_begins_behind_the_window_does_not_count(files: list[Path]) -> None:
    assert digest_of(files, 500 * NS_PER_MS) == digest_of(files[:1])
    assert digest_of(files, 500 * NS_PER_MS + 1) == digest_of(files)

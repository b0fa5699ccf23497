"""A labelled stream as a folder: `ticks.parquet`, `labels.csv`, `reference.json`. Files get their names once all are whole."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tickproof.errors import SettingsError
from tickproof.findings import label
from tickproof.findings.label import Label
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import NAMES, Kind, Ticks, concat

FILES = ("ticks.parquet", "labels.csv", "reference.json")
ROW_GROUP = 100_000
"""Least rows of a row group, except the last."""


def write(
    batches: Iterable[Ticks], names: tuple[str, ...], described: Callable[[], tuple[list[Label], str]], out: Path
) -> Counter[int]:
    """Write ticks, labels and reference data; return the number of ticks by kind.

    Parameters
    ----------
    batches : iterable of Ticks
    names : tuple of str
        The names that every batch has.
    described : callable
        Gives the labels and the reference data, as JSON, once all batches have been taken.
    out : Path
        Made if needed.

    Raises
    ------
    SettingsError
        The folder cannot be written to.
    """
    kinds: Counter[int] = Counter()
    parts = {name: out / f".{name}.part" for name in FILES}
    try:
        out.mkdir(parents=True, exist_ok=True)
        # Every batch has the same columns; those of no ticks are the file's.
        schema = to_arrow(Ticks(concat([]).rows, names)).schema
        with pq.ParquetWriter(parts["ticks.parquet"], schema, compression="zstd", use_dictionary=list(NAMES)) as writer:
            for group in _groups(batches):
                kinds.update(dict(enumerate(np.bincount(group.rows["kind"], minlength=len(Kind)).tolist())))
                writer.write_batch(to_arrow(group), row_group_size=2 * ROW_GROUP)
        labels, known = described()
        parts["labels.csv"].write_text(label.to_csv(labels), encoding="utf-8")
        parts["reference.json"].write_text(known + "\n", encoding="utf-8")
        for name, part in parts.items():
            os.replace(part, out / name)
    except OSError as error:
        reason = error.strerror or error
        raise SettingsError(f"cannot write to {out} ({reason}); choose another --out or make room") from error
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)
    return kinds


def _groups(batches: Iterable[Ticks]) -> Iterator[Ticks]:
    """Yield batches joined into row groups of a worthwhile size."""
    waiting: list[Ticks] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= ROW_GROUP:
            yield concat(waiting)
            waiting = []
    if waiting:
        yield concat(waiting)

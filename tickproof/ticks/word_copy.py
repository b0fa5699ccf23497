"""Records of any structured type as plain words: numpy copies those many times faster than field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def words(records: Array) -> npt.NDArray[np.int64]:
    """Records as rows of 8-byte words, the same memory: numpy copies those many times faster than field by field.

    Parameters
    ----------
    records : structured array, shape (n,)
        Of a type whose size is a multiple of 8 bytes.

    Returns
    -------
    array of int64, shape (n, words of a record)
    """
    return np.ascontiguousarray(records).view(np.int64).reshape(len(records), records.dtype.itemsize // 8)


def copied(records: Array) -> Array:
    """A copy of records that may be written to."""
    copy: Array = words(records).copy().reshape(-1).view(records.dtype)
    return copy


def joined(parts: Sequence[Array]) -> Array:
    """The records of all parts, which are of one type, one after the other."""
    whole: Array = np.concatenate([words(part) for part in parts]).reshape(-1).view(parts[0].dtype)
    return whole

"""The table of names of one recording, which only grows: `channel`, `venue` and `symbol` of its rows index it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa


class Names:
    """Names in order of appearance."""

    __slots__ = ("_codes", "_table")

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._table: tuple[str, ...] = ()

    def code(self, name: str) -> int:
        """Return the code of a name, a new one if necessary."""
        return self._codes.setdefault(name, len(self._codes))

    def codes(self, column: pa.DictionaryArray, spell: Callable[[str], str] = str) -> npt.NDArray[np.int32]:
        """Return the codes of a dictionary-encoded column, its words respelled if asked for; −1 for null or empty."""
        words = column.dictionary.to_pylist()
        spelled = [spell(word or "") for word in words]
        table = np.array([*(self.code(word) if word else -1 for word in spelled), -1], np.int32)
        indices = column.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
        found: npt.NDArray[np.int32] = table[indices]
        return found

    @property
    def table(self) -> tuple[str, ...]:
        """Return all names so far; the same object as long as none is added."""
        if len(self._table) != len(self._codes):
            self._table = tuple(self._codes)
        return self._table

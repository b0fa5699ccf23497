"""The table of names of one recording, which only grows: what `channel`, `venue` and `symbol` of its rows index."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa


class Names:
    """Names in the order in which they turned up."""

    __slots__ = ("_codes", "_table")

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._table: tuple[str, ...] = ()

    def code(self, name: str) -> int:
        """The code of a name, a new one if need be."""
        return self._codes.setdefault(name, len(self._codes))

    def codes(self, column: pa.DictionaryArray, spell: Callable[[str], str] = str) -> npt.NDArray[np.int32]:
        """The codes of a dictionary encoded column, its words spelled another way if asked for; -1 for null or empty."""
        words = column.dictionary.to_pylist()
        spelled = [spell(word or "") for word in words]
        table = np.array([*(self.code(word) if word else -1 for word in spelled), -1], np.int32)
        indices = column.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
        found: npt.NDArray[np.int32] = table[indices]
        return found

    @property
    def table(self) -> tuple[str, ...]:
        """All names so far; the same object as long as none is added."""
        if len(self._table) != len(self._codes):
            self._table = tuple(self._codes)
        return self._table

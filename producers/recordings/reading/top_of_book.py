"""A book by price level, for sources that report changes of levels; only its top is used."""

from __future__ import annotations

from bisect import bisect_left
from typing import Generic, TypeVar

Level = TypeVar("Level")


class Levels(Generic[Level]):
    """One side of a book: sizes by price, with the best level always known.

    Parameters
    ----------
    highest_first : bool
        Whether the highest price is the best: of bids it is.
    """

    __slots__ = ("_at", "_keys", "_sign")

    def __init__(self, highest_first: bool) -> None:
        self._sign = -1 if highest_first else 1
        self._keys: list[int] = []
        self._at: dict[int, Level] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, price: int, level: Level) -> None:
        """Set the level at a price."""
        key = self._sign * price
        if key not in self._at:
            self._keys.insert(bisect_left(self._keys, key), key)
        self._at[key] = level

    def size_at(self, price: int) -> int:
        """Return the size at a price; 0 where there is no level."""
        level = self._at.get(self._sign * price)
        return 0 if level is None else _size(level)

    def drop(self, price: int) -> None:
        """Remove the level at a price."""
        key = self._sign * price
        if self._at.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def keep(self, depth: int) -> None:
        """Remove all but the best `count` levels."""
        for key in self._keys[depth:]:
            del self._at[key]
        del self._keys[depth:]

    def first(self, count: int) -> list[tuple[int, Level]]:
        """Return the best levels with their prices, the best first."""
        return [(self._sign * key, self._at[key]) for key in self._keys[:count]]


class Book(Generic[Level]):
    """Both sides of one instrument."""

    __slots__ = ("asks", "bids", "reported", "suspicious")

    def __init__(self) -> None:
        self.bids: Levels[Level] = Levels(highest_first=True)
        self.asks: Levels[Level] = Levels(highest_first=False)
        self.suspicious = False
        """Whether something about it was found wrong since its last snapshot."""
        self.reported: tuple[dict[str, int | None], bool] | None = None
        """The top as it was last reported, and whether it was in doubt then; None: never."""

    def best(self) -> dict[str, int | None]:
        """Return the best prices as fields of a quote; an empty side has size 0 and no price."""
        values: dict[str, int | None] = {}
        for side, levels in (("bid", self.bids), ("ask", self.asks)):
            found = levels.first(1)
            values[f"{side}_px"] = found[0][0] if found else None
            values[f"{side}_sz"] = _size(found[0][1]) if found else 0
        return values

    def changed(self) -> dict[str, int | None] | None:
        """Return the top if it, or whether it is in doubt, differs from what was last reported; remember it as reported."""
        top = self.best()
        if self.reported == (top, self.suspicious):
            return None
        self.reported = top, self.suspicious
        return top


def _size(level: object) -> int:
    """Return the size of a level, which is a number or a tuple that begins with it."""
    size = level[0] if isinstance(level, tuple) else level
    assert isinstance(size, int)
    return size

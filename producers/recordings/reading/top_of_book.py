"""A book by price level, for sources that tell changes of levels: what is asked of it is its top."""

from __future__ import annotations

from bisect import bisect_left
from typing import Generic, TypeVar

Level = TypeVar("Level")


class Levels(Generic[Level]):
    """One side: levels by price, the best one known at any time.

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
        """Set what is at a price."""
        key = self._sign * price
        if key not in self._at:
            self._keys.insert(bisect_left(self._keys, key), key)
        self._at[key] = level

    def drop(self, price: int) -> None:
        """Nothing is at a price any more."""
        key = self._sign * price
        if self._at.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def keep(self, depth: int) -> None:
        """Forget what is deeper than this."""
        for key in self._keys[depth:]:
            del self._at[key]
        del self._keys[depth:]

    def first(self, count: int) -> list[tuple[int, Level]]:
        """The best levels with their prices, the best first."""
        return [(self._sign * key, self._at[key]) for key in self._keys[:count]]


class Book(Generic[Level]):
    """Both sides of one instrument."""

    __slots__ = ("asks", "bids", "suspicious", "told")

    def __init__(self) -> None:
        self.bids: Levels[Level] = Levels(highest_first=True)
        self.asks: Levels[Level] = Levels(highest_first=False)
        self.suspicious = False
        """Something about it was found wrong since it was last told whole."""
        self.told: tuple[dict[str, int | None], bool] | None = None
        """The top as it was last told on, and whether it was in doubt then; None: never."""

    def best(self) -> dict[str, int | None]:
        """The best prices as fields of a quote; an empty side has a size of 0 and no price."""
        values: dict[str, int | None] = {}
        for side, levels in (("bid", self.bids), ("ask", self.asks)):
            found = levels.first(1)
            values[f"{side}_px"] = found[0][0] if found else None
            values[f"{side}_sz"] = _size(found[0][1]) if found else 0
        return values

    def changed(self) -> dict[str, int | None] | None:
        """The top, if it is another one than was last told on, or newly in doubt or beyond it; and remember it as told."""
        top = self.best()
        if self.told == (top, self.suspicious):
            return None
        self.told = top, self.suspicious
        return top


def _size(level: object) -> int:
    """A level is its size, or a tuple that begins with it."""
    size = level[0] if isinstance(level, tuple) else level
    assert isinstance(size, int)
    return size

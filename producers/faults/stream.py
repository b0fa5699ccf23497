"""What placement and injection need to know of a stream, whether it is simulated or recorded."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Stream(Protocol):
    """A stream as blocks of time, `[start, end)` in ns each and in order; where blocks do not touch, nothing came in between.

    `lacks` are needs of faults that the feed cannot meet.
    """

    @property
    def seed(self) -> int: ...

    @property
    def start_ns(self) -> int: ...

    @property
    def end_ns(self) -> int: ...

    @property
    def blocks(self) -> tuple[tuple[int, int], ...]: ...

    @property
    def attempts(self) -> int:
        """Return how many windows are tried for one episode in one block."""
        ...

    @property
    def lacks(self) -> frozenset[str]: ...

    def lively_rows(self, length_ns: int) -> float:
        """Return how many ticks a series has in a block of this length at least, for a symbol's fault."""
        ...

    def new_names(self, count: int, rng: np.random.Generator) -> tuple[str, ...]:
        """Return symbols' names as the stream's own are, at least `count` of which are not among those."""
        ...

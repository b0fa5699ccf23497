"""Verdicts come by shard and when they are final; files and notebooks want them beside the rows of the input."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from tickproof.findings.finding import VERDICT
from tickproof.ticks.schema import Array, Ticks, is_scored


@dataclass(slots=True)
class _Block:
    ticks: Ticks
    verdicts: Array
    missing: int


class InputOrder:
    """Batches of the input that wait for verdicts. Memory is what is not final yet, by whole batches.

    `ROW.offset` of a tick is its place in the whole input: it is no input of any decision, and comes back with the verdict.
    """

    __slots__ = ("_blocks", "_next")

    def __init__(self) -> None:
        self._blocks: deque[_Block] = deque()
        self._next = 0

    def __len__(self) -> int:
        """How many ticks wait for their verdicts."""
        return sum(block.missing for block in self._blocks)

    def add(self, ticks: Ticks) -> Ticks:
        """The next batch, stamped with its places.

        Capture heartbeats of the input are not scored: they keep the verdict of zeros, and stay in their places.
        """
        rows = ticks.rows.copy()
        rows["offset"] = np.arange(self._next, self._next + len(rows))
        self._next += len(rows)
        stamped = Ticks(rows, ticks.names)
        self._blocks.append(_Block(stamped, np.zeros(len(rows), VERDICT), int(is_scored(rows).sum())))
        return stamped

    def settle(self, scored: Ticks, verdicts: Array) -> None:
        """Take verdicts, in any order."""
        offsets = scored.rows["offset"]
        for block in self._blocks:
            if not len(block.ticks):
                continue
            first = int(block.ticks.rows["offset"][0])
            mine = (offsets >= first) & (offsets < first + len(block.ticks))
            block.verdicts[offsets[mine] - first] = verdicts[mine]
            block.missing -= int(mine.sum())

    def take(self) -> list[tuple[Ticks, Array]]:
        """The batches at the head that lack no verdict any more, in the order of the input."""
        out = []
        while self._blocks and self._blocks[0].missing == 0:
            block = self._blocks.popleft()
            out.append((block.ticks, block.verdicts))
        return out

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
    failed: Array
    missing: int

    def rows_of(self, ticks: Ticks) -> tuple[Array, Array]:
        """Which of some ticks are of this block, and their rows in it."""
        offsets = ticks.rows["offset"]
        first = int(self.ticks.rows["offset"][0])
        mine = (offsets >= first) & (offsets < first + len(self.ticks))
        return mine, offsets[mine] - first


class InputOrder:
    """Batches of the input that wait for verdicts, or for word that there is none. Memory is what is not final, by whole batches.

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
        verdicts, failed = np.zeros(len(rows), VERDICT), np.zeros(len(rows), np.bool_)
        self._blocks.append(_Block(stamped, verdicts, failed, int(is_scored(rows).sum())))
        return stamped

    def settle(self, scored: Ticks, verdicts: Array) -> None:
        """Take verdicts, in any order."""
        for block in self._blocks:
            if len(block.ticks):
                mine, rows = block.rows_of(scored)
                block.verdicts[rows] = verdicts[mine]
                block.missing -= len(rows)

    def leave_out(self, failed: Ticks) -> None:
        """Take ticks that get no verdict, because a step failed on them."""
        for block in self._blocks:
            if len(block.ticks):
                _, rows = block.rows_of(failed)
                block.failed[rows] = True
                block.missing -= len(rows)

    def take(self) -> list[tuple[Ticks, Array]]:
        """The batches at the head that lack no verdict any more, in the order of the input, without the ticks left out."""
        out = []
        while self._blocks and self._blocks[0].missing == 0:
            block = self._blocks.popleft()
            kept = ~block.failed
            out.append((block.ticks, block.verdicts) if kept.all() else (block.ticks.take(kept), block.verdicts[kept]))
        return out

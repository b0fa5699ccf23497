"""One episode of a fault: what, where and when. It continues from block to block with the same random numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from producers.faults.editing.block import Block, Span, Target
from producers.faults.editing.fault import Fault


@dataclass(slots=True)
class Episode:
    """One placed episode: what, where, when, and the seed of its random numbers.

    `name` is the code of a symbol's name that is free to be used, `span` what it has done so far.
    """

    fault: Fault
    number: int
    channels: tuple[int, ...]
    series: tuple[int, ...]
    start: int
    stop: int
    size: float
    seed: int
    name: int
    span: Span | None = None

    def inject(self, block: Block) -> Span | None:
        """Edit a block; return what was done, or None."""
        if not len(block.rows):
            return None
        window = self.start, self.stop
        where = block.of_series(self.series, *window) if self.series else block.of_channels(self.channels, *window)
        block.episode, block.spare = self.number, [self.name] if self.name >= 0 else []
        block.is_open = self.fault.is_genuine and self.fault.lasts_s is not None
        rng = np.random.Generator(np.random.PCG64(self.seed))
        span = self.fault.inject(block, Target(self.channels, self.series, self.start, self.stop, where), self.size, rng)
        if span is not None:
            before = self.span or span
            self.span = span._replace(onset=min(before.onset, span.onset), end=max(before.end, span.end))
        return span

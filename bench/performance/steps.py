"""Processor time by step: each step's own, without that of steps it calls."""

from __future__ import annotations

import importlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

STEPS: tuple[tuple[str, str], ...] = (
    ("decode", "bench.performance.runs:decode_frame"),
    ("channel", "jobs.pipeline.workers:ChannelWorker.process"),
    ("route", "jobs.pipeline.workers:route"),
    ("pack", "jobs.pipeline.tick_bytes:pack"),
    ("pack", "bench.performance.runs:unpack"),
    ("order", "tickproof.ticks.reorder_buffer:ReorderBuffer.add"),
    ("order", "tickproof.ticks.reorder_buffer:ReorderBuffer.release"),
    ("shard: names and a copy of the state", "tickproof.shard.step:admit"),
    ("features and rules", "tickproof.shard.score_slice:score_slice"),
    ("model", "tickproof.shard.step:model_scores"),
    ("verdicts", "tickproof.shard.step:_causal_verdicts"),
    ("verdicts", "tickproof.shard.step:_final_verdicts"),
    ("findings", "tickproof.shard.step:_observe"),
    ("statistics", "tickproof.shard.step:_statistics"),
    ("shard: the rest", "tickproof.shard.step:step"),
    ("encode", "jobs.pipeline.outputs:of_channel"),
    ("encode", "jobs.pipeline.outputs:of_shard"),
)
"""Step -> a function that belongs to it, where it is called from; in the order of a tick's way."""
REST = "between the steps"


class Clock:
    """Seconds of processor time by step, since `start`."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._open = [REST]
        self._since = time.process_time()

    def start(self) -> None:
        """Forget what was measured."""
        self.seconds.clear()
        self._since = time.process_time()

    def turn(self, step: str | None) -> None:
        """Go into a step, or with None back to the one that called it."""
        now = time.process_time()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now
        if step is None:
            self._open.pop()
        else:
            self._open.append(step)


@contextmanager
def clocked() -> Iterator[Clock]:
    """Yield a clock that all steps turn while they run."""
    clock, before = Clock(), []
    try:
        for step, place in STEPS:
            module, _, path = place.partition(":")
            owner: Any = importlib.import_module(module)
            *outer, name = path.split(".")
            for one in outer:
                owner = getattr(owner, one)
            before.append((owner, name, getattr(owner, name)))
            setattr(owner, name, _timed(step, getattr(owner, name), clock))
        yield clock
    finally:
        for owner, name, function in reversed(before):
            setattr(owner, name, function)


def _timed(step: str, function: Callable[..., Any], clock: Clock) -> Callable[..., Any]:
    def run(*arguments: Any, **named: Any) -> Any:
        clock.turn(step)
        try:
            return function(*arguments, **named)
        finally:
            clock.turn(None)

    return run

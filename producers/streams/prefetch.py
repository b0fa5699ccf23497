"""Prefetching: an iterator computed ahead of its consumer in a thread of its own, with the same items in the same order.

It pays where most of the work lets go of Python's lock, as compiled kernels, numpy on large arrays and Arrow's writer do.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
AHEAD = 3
"""Most items in the queue; with two seconds of market each, this is what memory grows by."""
LOOK_S = 0.1
"""How often a blocked thread checks whether its consumer has left."""


@dataclass(frozen=True, slots=True)
class _End:
    """The end of the source, or its failure."""

    error: BaseException | None


@contextmanager
def ahead(source: Iterable[T], count: int = AHEAD) -> Generator[Iterable[T]]:
    """Yield the items of `source` in order, up to `count` of them computed before they are asked for.

    Leaving the context ends the thread, whatever is left of the source; an error of the source is raised to who takes from it.
    """
    waiting: queue.Queue[T | _End] = queue.Queue(count)
    left = threading.Event()

    def put(item: T | _End) -> bool:
        """Return whether the item was queued before the consumer left."""
        while not left.is_set():
            try:
                waiting.put(item, timeout=LOOK_S)
            except queue.Full:
                continue
            return True
        return False

    def run() -> None:
        error = None
        try:
            for item in source:
                if not put(item):
                    return
        except BaseException as found:
            error = found
        put(_End(error))

    def items() -> Generator[T]:
        while not isinstance(item := waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error

    thread = threading.Thread(target=run, name="ahead", daemon=True)
    thread.start()
    try:
        yield items()
    finally:
        left.set()
        thread.join()

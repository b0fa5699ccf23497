"""A recording with labelled faults in it, as batches in capture order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from producers.faults.editing.block import Block
from producers.faults.injection import Injection
from producers.faults.table import FAULTS, Faults
from producers.injection.feed import RecordedFeed
from producers.injection.numbering import Numbering
from producers.market.universe import Array
from producers.streams.word_copy import gathered, joined
from tickproof.findings.label import Label
from tickproof.ticks.schema import ROW, Ticks

Open = Callable[[], Iterable[Ticks]]
"""Open the recording anew, merged by capture time."""
SYMBOLS_AN_OPEN_END = 4
"""Least symbols for each episode that lasts to the end of the stream."""


@dataclass(slots=True)
class InjectedRecording:
    """A stream to iterate over; labels are complete when it has been iterated to the end.

    Parameters
    ----------
    feed : RecordedFeed
        What `feed.learn` found in the recording.
    batches : callable
        Opens the recording, as it was learnt.
    faults : Faults
        What is wanted. Entries that need a closed market are left out, because a pause in a recording need not be one, and in a
        feed of few symbols those that last to its end, because they would leave no room for others.
    """

    feed: RecordedFeed
    batches: Open
    faults: Faults
    names: tuple[str, ...] = field(init=False)
    unfit: frozenset[str] = field(init=False)
    """Wanted entries that this feed cannot have."""
    labels: list[Label] = field(init=False, default_factory=list)
    missing: dict[str, int] = field(init=False, default_factory=dict)
    """Entries that got fewer episodes than wanted, and how many fewer."""

    def __post_init__(self) -> None:
        few = self.feed.universe.symbols < SYMBOLS_AN_OPEN_END * max(self.faults.per_kind, 1)
        left_out = {name for name, fault in FAULTS.items() if fault.when_shut or (fault.is_open_ended and few)}
        wanted = self.faults.names or tuple(FAULTS)
        self.faults = replace(self.faults, names=tuple(name for name in wanted if name not in left_out))
        injection = self._injection()
        self.names, self.unfit = injection.names, injection.unfit | (left_out & set(wanted))

    def __iter__(self) -> Iterator[Ticks]:
        """Yield batches of ticks in capture order, a block each. Memory does not depend on the length."""
        feed, injection, numbering = self.feed, self._injection(), Numbering(self.feed)
        self.labels, self.missing = [], {}
        held = _Held(len(feed.universe.channels))
        for number, rows in enumerate(_by_block(feed, self.batches())):
            rows["row"] = np.arange(1, len(rows) + 1)
            deltas = numbering.deltas(rows)
            block = Block(rows, feed.universe)
            injection.edit_content(block, number, [])
            numbering.number(block.rows, block.keep, deltas)
            numbering.name_trades(block.rows, block.keep, np.random.default_rng([self.faults.seed, 10, number]))
            injection.edit_sequence(block, number, numbering.counters)
            index, extra = block.outcome()
            edited = gathered(joined([block.rows, extra]), index)
            edited["row"] = 0
            self.labels += injection.labels
            injection.labels.clear()
            is_last = number == len(feed.blocks) - 1
            part = held.merge(edited, feed.blocks[number][1], is_last=is_last)
            if len(part):
                yield Ticks(part, self.names)
        self.labels.sort(key=lambda label: (label.onset, label.fault_id))
        self.missing = {name: count for name, count in injection.missing().items() if name not in self.unfit}

    def _injection(self) -> Injection:
        return Injection(self.feed, self.feed.universe, self.faults)


class _Held:
    """Rows that faults have delayed beyond their block wait here for the blocks that follow."""

    def __init__(self, channels: int) -> None:
        self._rows = np.zeros(0, ROW)
        self._latest = np.full(channels, np.iinfo(np.int64).min)

    def merge(self, rows: Array, end_ns: int, *, is_last: bool) -> Array:
        """Return the rows below `end_ns` in capture order, each channel's in its own; all of them with the last block."""
        rows = joined([self._rows, rows])
        times = rows["ts_recv"].copy()
        for channel in range(len(self._latest)):
            mine = np.flatnonzero(rows["channel"] == channel)
            if len(mine):
                times[mine] = np.maximum.accumulate(np.maximum(times[mine], self._latest[channel]))
        order = np.argsort(times, kind="stable")
        due = len(order) if is_last else int(np.searchsorted(times[order], end_ns))
        self._rows = gathered(rows, np.sort(order[due:]))
        part = gathered(rows, order[:due])
        np.maximum.at(self._latest, part["channel"], times[order[:due]])
        return part


def _by_block(feed: RecordedFeed, batches: Iterable[Ticks]) -> Iterator[Array]:
    """Yield the rows of each block, by the running maximum of their capture time."""
    ends = np.array([end for _, end in feed.blocks])
    number, latest, waiting = 0, np.iinfo(np.int64).min, [np.zeros(0, ROW)]
    for batch in batches:
        if not len(batch):
            continue
        rows = feed.rows_of(batch)
        times = np.maximum.accumulate(np.maximum(rows["ts_recv"], latest))
        latest = int(times[-1])
        of = np.minimum(np.searchsorted(ends, times, side="right"), len(ends) - 1)
        cuts = np.searchsorted(of, np.arange(number, int(of[-1]) + 1), side="right")
        begin = 0
        for cut in cuts.tolist():
            waiting.append(rows[begin:cut])
            begin = cut
            if number < of[-1]:
                yield joined(waiting)
                number, waiting = number + 1, [np.zeros(0, ROW)]
    for _ in range(number, len(ends)):
        yield joined(waiting)
        waiting = [np.zeros(0, ROW)]

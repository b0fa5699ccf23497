"""A recording's batches with what is certain put right, and a statement about each fault.

Units and clocks are put right batch by batch. From the first batch whose order is broken, up to SORTED_AT_ONCE ticks are held and
sorted together: a file that is newest first has its first tick last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from producers.recordings.arrival import clock, order, recorders, ties, units
from producers.recordings.reading.statements import Fault, Statement, Statements
from producers.streams.merge import BATCH_ROWS
from producers.streams.word_copy import copied, gathered
from tickproof.ticks.schema import NS_PER_SECOND, Array, Flag, Present, Ticks, concat

SORTED_AT_ONCE = 4_000_000
"""Ticks that are held to be sorted, half a gigabyte; a longer file is sorted in parts, and says so by what stays behind."""
SORTED = "sorted by capture time here; sort the file before others use it"
IN_NS = "read as such here; correct the writer or multiply the column"


def mended(batches: Iterator[Ticks], path: Path, found: Statements, first_line: int | None = None) -> Iterator[Ticks]:
    """Yield a file's ticks with what is certain put right.

    Parameters
    ----------
    batches : iterator of Ticks
        In the file's order.
    path : Path
        The file, for the statements.
    found : Statements
        Gets what is said of the file.
    first_line : int, optional
        The line of its first row, of a file that is text.
    """
    recording = _Recording(str(path), first_line, found)
    held: list[Ticks] = []
    for batch in batches:
        for name, places in _channels(batch):
            found.count_ticks(path, name, len(places))
        batch = recording.with_clock(recording.in_ns(batch))
        if held or recording.is_broken(batch):
            held.append(batch)
            if sum(map(len, held)) >= SORTED_AT_ONCE:
                yield from recording.put_in_order(concat(held))
                held = []
        else:
            yield recording.with_second(recording.with_ties(batch))
    if held:
        yield from recording.put_in_order(concat(held))


@dataclass(slots=True)
class _Recording:
    """One file: its first row's line, what is said of it, and by how much its clock is ahead of the one it began with, ns."""

    path: str
    first_line: int | None
    found: Statements
    ahead_ns: int = 0

    def in_ns(self, batch: Ticks) -> Ticks:
        """Return a batch with its times in ns."""
        wrong = units.captures(batch.rows["ts_recv"])
        has_event = (batch.rows["present"] & Present.TS_EVENT) != 0
        if wrong:
            rows = copied(batch.rows)
            for factor, places in wrong:
                rows["ts_recv"][places] *= factor
                both = places[has_event[places]]
                both = both[_is_unit(rows["ts_event"][both], factor)]
                rows["ts_event"][both] *= factor
            batch = Ticks(rows, batch.names)
            for factor, places in wrong:
                says = f"capture times are a factor of {factor:,} too small ({units.FACTORS[factor]} read as nanoseconds)"
                self._say(batch, places, Fault.UNIT, says, IN_NS, float(factor))
        known = np.flatnonzero(has_event)
        for factor, places in units.events(batch.rows["ts_event"][known], batch.rows["ts_recv"][known]):
            says = f"event times are a factor of {factor:,} too small ({units.FACTORS[factor]} read as nanoseconds)"
            self._say(
                batch,
                known[places],
                Fault.EVENT_UNIT,
                says,
                "multiply those by it; the ticks are judged by their capture times",
                float(factor),
            )
        return batch

    def with_clock(self, batch: Ticks) -> Ticks:
        """Return a batch with the captures after a step of the clock by the clock before it."""
        found = clock.steps(batch.rows)
        if not found and not self.ahead_ns:
            return batch
        rows = copied(batch.rows)
        rows["ts_recv"] -= self.ahead_ns
        for place, ahead_ns in found:
            rows["ts_recv"][place:] -= ahead_ns
            self.ahead_ns += ahead_ns
        mended_batch = Ticks(rows, batch.names)
        for place, ahead_ns in found:
            way = "forward" if ahead_ns > 0 else "back"
            says = f"the capture clock goes {way} by {abs(ahead_ns) / NS_PER_SECOND:.3f} s, for all channels at once"
            advice = "captures after it are judged by the clock before it; look at the recorder's time synchronisation"
            self._say_whole(mended_batch, np.arange(place, len(rows)), Fault.CLOCK, says, advice, float(ahead_ns))
        return mended_batch

    def is_broken(self, batch: Ticks) -> bool:
        """Return whether a batch is not in the order in which it came."""
        return any(order.broken(batch.rows["ts_recv"][places]) for _, places in _channels(batch))

    def put_in_order(self, ticks: Ticks) -> Iterator[Ticks]:
        """Yield ticks in the order of their capture times, those that were behind marked."""
        rows = copied(ticks.rows)
        is_moved = np.zeros(len(rows), bool)
        is_descending = False
        for _, places in _channels(ticks):
            kind = order.broken(rows["ts_recv"][places])
            if not kind:
                continue
            late = places[order.behind(rows["ts_recv"][places])]
            is_moved[late] = True
            is_descending |= kind != order.Order.INTERLEAVED
            self._say(ticks, late, Fault.ORDER, kind, SORTED)
        placed = order.marked(rows, is_moved, is_descending)
        whole = Ticks(gathered(rows, placed), ticks.names)
        for first in range(0, len(whole), BATCH_ROWS):
            yield self.with_second(self.with_ties(whole.take(slice(first, first + BATCH_ROWS))))

    def with_second(self, batch: Ticks) -> Ticks:
        """Return a batch with the ticks of a second recorder marked."""
        is_second = np.zeros(len(batch), bool)
        for _, places in _channels(batch):
            is_second[places] = recorders.of_second(batch.rows[places])
        if not is_second.any():
            return batch
        self._say(
            batch, np.flatnonzero(is_second), Fault.TWICE, recorders.SAYS, "copies are marked; keep the first of each number"
        )
        rows = copied(batch.rows)
        rows["flags"][is_second] |= np.uint8(Flag.SECOND_RECORDER)
        return Ticks(rows, batch.names)

    def with_ties(self, batch: Ticks) -> Ticks:
        """Return a batch with the ticks of a time stamp by their numbers, where the file has lost their order."""
        times = batch.rows["ts_recv"]
        if not (times[1:] == times[:-1]).any():
            return batch
        placed = np.arange(len(batch))
        for _, places in _channels(batch):
            mine = ties.shuffled(batch.rows[places])
            moved = np.flatnonzero(mine != np.arange(len(mine)))
            if len(moved):
                placed[places] = places[mine]
                self._say(
                    batch, places[moved], Fault.TIES, ties.SAYS, "put in order by their numbers here, where none is missing"
                )
        return Ticks(gathered(batch.rows, placed), batch.names)

    def _say(
        self, batch: Ticks, places: npt.NDArray[np.int64], fault: Fault, says: str, advice: str, measured: float = 0.0
    ) -> None:
        """Say something of each channel that some rows are of."""
        rows = batch.rows
        for code in np.unique(rows["channel"][places]).tolist():
            mine = places[rows["channel"][places] == code]
            self._add(batch, mine, batch.names[code], Statement(fault, self.path, "", says, advice, 0, 0, 0, 0, 0, measured))

    def _say_whole(
        self, batch: Ticks, places: npt.NDArray[np.int64], fault: Fault, says: str, advice: str, measured: float
    ) -> None:
        """Say something of all channels at once."""
        self._add(batch, places, "", Statement(fault, self.path, "", says, advice, 0, 0, 0, 0, 0, measured))

    def _add(self, batch: Ticks, places: npt.NDArray[np.int64], channel: str, one: Statement) -> None:
        rows: Array = batch.rows[places]
        one.channel, one.count, one.row = channel, len(rows), int(rows["row"][0])
        one.first_ns, one.last_ns = int(rows["ts_recv"].min()), int(rows["ts_recv"].max())
        one.first_line = self.first_line
        self.found.add(one)


def _channels(batch: Ticks) -> list[tuple[str, npt.NDArray[np.int64]]]:
    """Return each channel's name and the places of its rows."""
    if not len(batch):
        return []
    return [(batch.names[int(batch.rows["channel"][places[0]])], places) for places in order.by_channel(batch.rows)]


def _is_unit(times: npt.NDArray[np.int64], factor: int) -> npt.NDArray[np.bool_]:
    within: npt.NDArray[np.bool_] = (times >= units.EARLIEST_NS // factor) & (times < units.LATEST_NS // factor)
    return within

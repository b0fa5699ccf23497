"""The way from the venue to our side: latency, sequence numbers and trade ids, and the merge of all channels by capture time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from producers.market import genuine_events
from producers.market.genuine_events import Event
from producers.market.parameters import Market
from producers.market.universe import Array, Universe
from tickproof.ticks.schema import NS_PER_SECOND, ROW, Kind

WANDER_NS = 1800 * NS_PER_SECOND
"""Period of a clock's wander."""


@dataclass(slots=True)
class Capture:
    """The state of the channels between blocks.

    Parameters
    ----------
    received : array, shape (channels,)
        Capture time of each channel's last message.
    sequence : array, shape (channels,)
        The next sequence number of each channel.
    trade_id : array, shape (venues,)
        The next trade id of each venue.
    held : array of ROW
        Rows captured later than the last block's end, in each channel's order.
    """

    market: Market
    universe: Universe
    received: Array = field(init=False)
    sequence: Array = field(init=False)
    trade_id: Array = field(init=False)
    held: Array = field(init=False)

    def __post_init__(self) -> None:
        self.received = np.zeros(len(self.universe.channels), np.int64)
        self.sequence = np.ones(len(self.universe.channels), np.int64)
        self.trade_id = np.ones(self.universe.venues, np.int64)
        self.held = np.zeros(0, ROW)

    def receive(self, rows: Array, number: int, events: list[Event]) -> None:
        """Set `ts_recv`: the true time plus a right-skewed latency, never before the channel's last message.

        On entry `ts_event` is the true time; on return it is the venue's stamp.
        """
        rng = self.market.random(8, number)
        # One draw a row, whatever its channel, so that a channel's latencies do not depend on how others are numbered.
        normal = rng.standard_normal(len(rows), dtype=np.float32)
        of = rows["channel"]
        for channel, line in enumerate(self.universe.channels):
            mine = np.flatnonzero(of == channel)
            if not len(mine):
                continue
            sent = rows["ts_event"][mine]
            late = line["base"] + line["jitter"] * np.exp(line["skew"] * normal[mine].astype(np.float64))
            for event in events:
                if event.kind == genuine_events.LATENCY_BURST and event.place == channel:
                    late += genuine_events.delay(event, sent)
            rows["ts_recv"][mine] = np.maximum.accumulate(np.maximum(sent + late.astype(np.int64), self.received[channel]))
            self.received[channel] = rows["ts_recv"][mine[-1]]
            rows["ts_event"][mine] = sent + _clock_error(line, sent)

    def number(self, rows: Array, keep: Array | None = None) -> None:
        """Assign a sequence number to each message of a channel, the next one to heartbeats, and ids to trades.

        A session begins with 1. Rows that are not kept are as if never sent. Cancels and corrections come with the negative
        mark that their trade has as its id, and get the id that the trade gets; 0 if it was not sent.
        """
        if self.market.character.has_sequence:
            self._count(rows, keep)
        trades = _where(rows["kind"] == Kind.TRADE, keep)
        amended = np.flatnonzero((rows["kind"] == Kind.TRADE_CANCEL) | (rows["kind"] == Kind.TRADE_CORRECTION))
        marks, marked = np.unique(rows["trade_id"][trades], return_index=True)
        venue = rows["venue"][trades] - len(self.sequence)
        for place in range(len(self.trade_id)):
            mine = trades[venue == place]
            rows["trade_id"][mine] = self.trade_id[place] + np.arange(len(mine))
            self.trade_id[place] += len(mine)
        for row in amended.tolist():
            place = int(np.searchsorted(marks, rows["trade_id"][row]))
            is_sent = place < len(marks) and marks[place] == rows["trade_id"][row]
            rows["trade_id"][row] = rows["trade_id"][trades[marked[place]]] if is_sent else 0

    def _count(self, rows: Array, keep: Array | None) -> None:
        counts = rows["kind"] != Kind.HEARTBEAT
        begins = rows["kind"] == Kind.SESSION
        for channel in range(len(self.sequence)):
            mine = _where(rows["channel"] == channel, keep)
            if not len(mine):
                continue
            used = np.cumsum(counts[mine])
            # A heartbeat has the number that the message after it will have.
            numbers = self.sequence[channel] + used - counts[mine]
            for first in np.flatnonzero(begins[mine]):
                numbers[first:] += 1 - numbers[first]
            rows["sequence"][mine] = numbers
            self.sequence[channel] = numbers[-1] + counts[mine[-1]]

    def merge(self, rows: Array, outcome: tuple[Array, Array], edges: Array, *, last: bool) -> Iterator[Array]:
        """Yield rows in capture order, one array up to each edge (ns of `ts_recv`, exclusive).

        Later rows are held back for the next call; with `last` they are the final array. `outcome` says which rows there are:
        indices of `rows` and, from `len(rows)` on, of the inserted rows.
        """
        index, extra = outcome
        others = np.concatenate([self.held, extra])
        # Held rows are older than anything here in their channels.
        moved = np.where(index >= len(rows), index + len(self.held), index)
        index = np.concatenate([len(rows) + np.arange(len(self.held)), moved])
        times = np.concatenate([rows["ts_recv"], others["ts_recv"]])[index]
        # Stable: within a channel `ts_recv` never goes back, so its own order stands.
        order = np.argsort(times, kind="stable")
        index, times = index[order], times[order]
        parts = np.split(index, np.searchsorted(times, edges))
        self.held = np.zeros(0, ROW) if last else _take(rows, others, parts.pop())
        for part in parts:
            if len(part):
                yield _take(rows, others, part)


def _clock_error(line: Array, times: Array) -> Array:
    """Return how far a venue's clock is ahead, in ns: a constant and a slow wander, as of a disciplined oscillator."""
    error: Array = line["clock"] + line["wander"] * np.sin(times * (2.0 * np.pi / WANDER_NS) + line["venue"])
    return error.astype(np.int64)


def _where(mask: Array, keep: Array | None) -> Array:
    return np.flatnonzero(mask if keep is None else mask & keep)


def _take(rows: Array, others: Array, index: Array) -> Array:
    """Return rows of two arrays, the second counted on from the first. np.take copies whole records, indexing field by field."""
    taken: Array = np.take(rows, np.minimum(index, len(rows) - 1)) if len(rows) else np.zeros(len(index), ROW)
    from_others = np.flatnonzero(index >= len(rows))
    taken[from_others] = others[index[from_others] - len(rows)]
    return taken

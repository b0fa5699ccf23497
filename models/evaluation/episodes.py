"""Episodes in a stream: labels matched with ticks by scope and `ts_recv`. Windows include both ends."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tickproof.findings.label import Label
from tickproof.ticks.schema import NS_PER_SECOND, Ticks

GRACE_NS = NS_PER_SECOND
"""How long after its end an episode may still be found, and after its effect's end a tick may still be called wrong."""

Mask = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Ticks grouped by a key, in order of time within each group.

    Attributes
    ----------
    order : int64 array, shape (n,)
        Indices of the ticks, group after group.
    times : int64 array, shape (n,)
        `ts_recv` in that order.
    groups : dict of int to (int, int)
        Key -> its half-open range of `order`.
    """

    order: Integers
    times: Integers
    groups: dict[int, tuple[int, int]]

    @classmethod
    def of(cls, keys: Integers, times: Integers) -> Timeline:
        """Return the timeline of ticks with these keys; negative keys are left out."""
        order = np.lexsort((times, keys))
        order = order[np.searchsorted(keys[order], 0) :]
        found, starts = np.unique(keys[order], return_index=True)
        ranges = zip(starts.tolist(), [*starts[1:].tolist(), len(order)], strict=False)
        return cls(order, times[order], dict(zip(found.tolist(), ranges, strict=False)))

    def window(self, key: int, first: int, last: int) -> tuple[int, int]:
        """Return the half-open range of `order` with this key and a time in [first, last]."""
        start, end = self.groups.get(key, (0, 0))
        times = self.times[start:end]
        return start + int(np.searchsorted(times, first)), start + int(np.searchsorted(times, last, side="right"))


@dataclass(frozen=True, slots=True)
class Places:
    """A stream's ticks by channel and by (venue, symbol), and the codes of the names that labels use."""

    count: int
    channels: Timeline
    instruments: Timeline
    channel_codes: dict[str, dict[str, int]]
    instrument_codes: dict[str, dict[str, int]]

    @classmethod
    def of(cls, ticks: Ticks) -> Places:
        """Index some ticks; a tick without a symbol is in its channel only."""
        rows, names = ticks.rows, ticks.names
        channel, venue, symbol = (rows[column].astype(np.int64) for column in ("channel", "venue", "symbol"))
        times = rows["ts_recv"].astype(np.int64)
        instrument = np.where(symbol < 0, -1, symbol * len(names) + venue)
        channel_codes: dict[str, dict[str, int]] = {}
        for key in np.unique(channel * len(names) + venue).tolist():
            code, venue_code = divmod(key, len(names))
            channel_codes.setdefault(names[venue_code], {})[names[code]] = code
        instrument_codes: dict[str, dict[str, int]] = {}
        for key in np.unique(instrument[instrument >= 0]).tolist():
            code, venue_code = divmod(key, len(names))
            instrument_codes.setdefault(names[code], {})[names[venue_code]] = key
        timelines = Timeline.of(channel, times), Timeline.of(instrument, times)
        return cls(len(rows), *timelines, channel_codes, instrument_codes)

    def ranges(self, label: Label, first: int, last: int) -> Iterator[tuple[Timeline, int, int]]:
        """Return the ticks of a label's scope in [first, last], as ranges of timelines.

        Symbol scope: its symbol at its venue, or at all venues where the label names none. Channel scope: its channel, or all
        channels of its venue, or all.
        """
        if label.scope == "symbol":
            venues = self.instrument_codes.get(label.symbol, {})
            timeline, keys = self.instruments, [key for venue, key in venues.items() if label.venue in ("", venue)]
        else:
            by_name = {
                name: code
                for venue, channels in self.channel_codes.items()
                if label.channel or label.venue in ("", venue)
                for name, code in channels.items()
                if label.channel in ("", name)
            }
            timeline, keys = self.channels, list(by_name.values())
        for key in keys:
            start, end = timeline.window(key, first, last)
            if start < end:
                yield timeline, start, end

    def indices(self, label: Label, first: int, last: int) -> Integers:
        """Return the indices of the ticks of a label's scope in [first, last]; by time within each venue or channel."""
        return np.concatenate([np.zeros(0, np.int64), *(t.order[start:end] for t, start, end in self.ranges(label, first, last))])

    def covered(self, labels: Iterable[Label], grace_ns: int = GRACE_NS) -> Mask:
        """Return which ticks lie in the scope and [onset, effect_end + grace] of any of the labels, shape (count,)."""
        out = np.zeros(self.count, bool)
        for label in labels:
            for timeline, start, end in self.ranges(label, label.onset, label.effect_end + grace_ns):
                out[timeline.order[start:end]] = True
        return out


def row_kinds(ticks: Ticks, labels: Sequence[Label], learnt: Container[str]) -> tuple[npt.NDArray[np.str_], Mask]:
    """Return the kind of each tick for training.

    Parameters
    ----------
    learnt : container of str
        Kinds to mark, such as `train.LEARNT`; the ticks of other faults are neither clean nor of a kind.

    Returns
    -------
    kinds : str array, shape (n,)
        The kind of the fault of symbol scope whose [onset, end] the tick is in; "" for none. Of two, the later label's.
    clean : bool array, shape (n,)
        Whether the tick is outside [onset, effect_end + 1 s] of every fault of its channel and instrument. Genuine events are
        clean.
    """
    places = Places.of(ticks)
    faults = [label for label in labels if not label.is_genuine]
    width = max((len(label.kind) for label in faults), default=1)
    kinds = np.full(len(ticks), "", dtype=f"U{width}")
    for label in faults:
        if label.scope == "symbol" and label.kind in learnt:
            kinds[places.indices(label, label.onset, label.end)] = label.kind
    return kinds, ~places.covered(faults)

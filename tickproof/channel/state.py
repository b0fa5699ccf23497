"""What one channel remembers: a record of the records of each idea, and the arrays that it needs besides."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.channel import bursts, latency, second_counts, silence
from tickproof.channel.clocks.drift import LOWEST, LOWEST_KEPT
from tickproof.channel.clocks.offset import CLOCK
from tickproof.channel.clocks.shift import SHIFT
from tickproof.channel.event_time import EVENT_TIME
from tickproof.channel.sequence.gaps import GAP, GAPS
from tickproof.channel.sequence.history import COUNTER, RING, RING_SIZE
from tickproof.ticks.records import Records

COUNTS = np.dtype(
    [
        ("second", "<i8"),
        ("ticks", "<i8"),
        ("quotes", "<i8"),
        ("trades", "<i8"),
        ("gaps", "<i8"),
        ("lost", "<i8"),
        ("duplicates", "<i8"),
        ("listed", "<i8"),
        ("unlisted", "<i8"),
    ]
)
"""What is counted of the second that is not over; `listed` and `unlisted` of all ticks whose symbol is listed, and is not."""
CHANNEL = np.dtype(
    [
        ("arrival", EVENT_TIME),
        ("counter", COUNTER),
        ("clock", CLOCK),
        ("latency", latency.LATENCY),
        ("quiet", silence.QUIET),
        ("burst", bursts.BURST),
        ("counts", COUNTS),
        ("activity", second_counts.ACTIVITY),
    ]
)
"""All that a channel remembers, but the arrays of ChannelArrays."""


class ChannelArrays(NamedTuple):
    """The state of one channel, written to.

    Attributes
    ----------
    header : array of CHANNEL, shape (1,)
    ring : array of RING, shape (RING_SIZE,)
        The last messages, by number, or by trade where a feed has no numbers.
    gaps : array of GAP, shape (GAPS,)
        Numbers that are missing.
    lowest : array of LOWEST, shape (LOWEST_KEPT,)
        The lowest lags of the last seconds.
    histogram : int64 array, shape (BINS,)
        Latencies of the second that is not over.
    standing : uint64 array, shape (STANDING,)
        Prices that stand.
    slots : uint64 array, shape (SLOTS,)
        Ticks by symbol of the second that is not over.
    shift : array of SHIFT, shape (1,)
        Lowest lags of blocks of messages. The last one: states of before it was there are read without.
    """

    header: Records
    ring: Records
    gaps: Records
    lowest: Records
    histogram: npt.NDArray[np.int64]
    standing: npt.NDArray[np.uint64]
    slots: npt.NDArray[np.uint64]
    shift: Records


def new_arrays() -> ChannelArrays:
    """Return the state of a channel before its first tick."""
    return ChannelArrays(
        np.zeros(1, CHANNEL),
        np.zeros(RING_SIZE, RING),
        np.zeros(GAPS, GAP),
        np.zeros(LOWEST_KEPT, LOWEST),
        np.zeros(latency.BINS, np.int64),
        np.zeros(bursts.STANDING, np.uint64),
        np.zeros(second_counts.SLOTS, np.uint64),
        np.zeros(1, SHIFT),
    )

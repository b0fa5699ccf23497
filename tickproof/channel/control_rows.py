"""What the channels' stage tells of its channels to where they meet: a second that is over, a silence that begins or ends.

A sign travels to one shard as a row among ticks, with the event time at which it was known, so that it is put into the
shard's order as they are: results do not depend on how channels run beside each other. It is taken out there before anything
looks at ticks.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import numpy as np

from tickproof.channel.second_counts import ACTIVITY, SKETCH
from tickproof.ticks.schema import NAMES, ROW, Array, Ticks

LIFE = np.uint64(1 << 63)
"""Bit of `ROW.reasons`, inside only: this row is a copy that shows that its channel lives."""
SIGN = np.uint64(1 << 61)
"""Bit of `ROW.reasons`, inside only: this row is a sign."""
SECOND, OPENED, CLOSED = 1, 2, 3
"""What a sign says, in `said`."""
_ROOM = int(ROW.fields["channel"][1]) - int(ROW.fields["ts_event"][1])  # type: ignore[index]
_START = int(ROW.fields["ts_event"][1])  # type: ignore[index]


def _laid_over(fields: list[Any]) -> np.dtype[Any]:
    """A record of the size of a tick: the names, times and reasons of a tick where that has them, and `fields` for its values."""
    kept = ("ts_recv", *NAMES, "kind", "flags", "ordinal", "event_time", "reasons")
    inner = np.dtype(fields)
    assert inner.itemsize <= _ROOM
    places = [(int(ROW.fields[name][1]), name, ROW[name]) for name in kept]  # type: ignore[index]
    places += [(_START + int(inner.fields[name][1]), name, inner[name]) for name in inner.names or ()]  # type: ignore[index]
    # In the order of the memory, or compiled code does not take it.
    offsets, names, formats = zip(*sorted(places, key=itemgetter(0)), strict=True)
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": ROW.itemsize})


SECOND_SIGN = _laid_over(
    [
        ("second", "<i8"),
        ("roots", "<f4"),
        ("log_size", "<f4"),
        *((name, "<u2") for name in ("symbols", "sized")),
        *((name, "<u4") for name in ("trades", "ticks", "explained", "heard", "moved", "top")),
        ("sketch", "<u4", (SKETCH,)),
    ]
)
"""A second (second − 1 s, second] of a channel; values as of ACTIVITY."""
SILENCE_SIGN = _laid_over([("time", "<i8"), ("since", "<i8"), ("measured", "<f8"), ("threshold", "<f8"), ("reference", "<f8")])
"""A silence of a channel: when it was due, or ended; since when it lasts; the finding's numbers."""


def is_sign(rows: Array) -> Array:
    """Which rows are signs."""
    found: Array = (rows["reasons"] & SIGN) != 0
    return found


def seconds_as_signs(seconds: Array, channel: str) -> Ticks:
    """Signs of the records of `channel_kernel.SECOND_ROW` in which a channel said something."""
    spoken = seconds[seconds["activity"]["ticks"] > 0]
    rows = np.zeros(len(spoken), ROW)
    signs, activity = rows.view(SECOND_SIGN), spoken["activity"]
    signs["second"] = spoken["ts"] // 1_000_000_000
    for name in ACTIVITY.names or ():
        signs[name] = activity[name]
    _stamp(rows, spoken["known_at"], SECOND)
    return Ticks(rows, (channel,))


def silence_as_sign(event: tuple[Any, ...], opened: bool, known_at: int, channel: str) -> Ticks:
    """The sign of an event (time, since, measured, threshold, reference) of a channel's silence."""
    rows = np.zeros(1, ROW)
    sign = rows.view(SILENCE_SIGN)
    for name, value in zip(("time", "since", "measured", "threshold", "reference"), event, strict=True):
        sign[name] = value
    _stamp(rows, np.array([known_at]), OPENED if opened else CLOSED)
    return Ticks(rows, (channel,))


def _stamp(rows: Array, known_at: Array, said: int) -> None:
    rows["ts_recv"] = rows["event_time"] = known_at
    rows["channel"], rows["venue"], rows["symbol"] = 0, -1, -1
    rows["flags"] = said
    # A sign of life, too: what drops those drops it.
    rows["reasons"] = SIGN | LIFE

"""Control rows: what a channel's stage reports to where the channels meet. A second that is over, a silence that begins or ends.

A control row travels to one shard as a row among ticks, with the event time at which it was known, so that it is put into the
shard's order as they are: results do not depend on how channels run beside each other. It is taken out there before anything
looks at ticks. What it reports (a *sign*) lies over the fields that hold a tick's values.
"""

from __future__ import annotations

from enum import IntEnum
from operator import itemgetter
from typing import Any

import numpy as np

from tickproof.channel.second_counts import ACTIVITY, SKETCH
from tickproof.findings.event import Event, Mode
from tickproof.ticks.schema import NAMES, NS_PER_SECOND, ROW, Array, Ticks

LIFE = np.uint64(1 << 63)
"""Bit of `ROW.reasons`, inside only: this row is a copy that shows that its channel lives."""
SIGN = np.uint64(1 << 61)
"""Bit of `ROW.reasons`, inside only: this row is a control row."""


class Sign(IntEnum):
    """What a control row reports; it stands in the row's `flags`."""

    SECOND = 1
    """A second that is over: the row is a SECOND_SIGN."""
    SILENCE_OPENED = 2
    """The row is a SILENCE_SIGN, and so with the next."""
    SILENCE_CLOSED = 3


_OFFSETS = {name: place[1] for name, place in (ROW.fields or {}).items()}
_START = _OFFSETS["ts_event"]
_ROOM = _OFFSETS["channel"] - _START
_KEPT = ("ts_recv", *NAMES, "kind", "flags", "ordinal", "event_time", "reasons")
"""Fields of a tick that a control row has, too."""


def _laid_over(fields: list[Any]) -> np.dtype[Any]:
    """Return a record of the size of a tick: the fields _KEPT where a tick has them, and `fields` in place of its values."""
    inner = np.dtype(fields)
    assert inner.itemsize <= _ROOM
    places = [(_OFFSETS[name], name, ROW[name]) for name in _KEPT]
    places += [(_START + place[1], name, inner[name]) for name, place in (inner.fields or {}).items()]
    # In the order of the memory, or compiled code does not take it.
    offsets, names, formats = zip(*sorted(places, key=itemgetter(0)), strict=True)
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": ROW.itemsize})


SECOND_SIGN = _laid_over(
    [
        ("second", "<i8"),
        ("roots", "<f4"),
        ("log_size", "<f4"),
        *((name, "<u2") for name in ("symbols", "sized")),
        *((name, "<u4") for name in ("trades", "ticks", "explained", "messages", "moved", "top")),
        ("sketch", "<u4", (SKETCH,)),
    ]
)
"""A second (second − 1 s, second] of a channel; values as of ACTIVITY."""
SILENCE_SIGN = _laid_over([("time", "<i8"), ("since", "<i8"), ("measured", "<f8"), ("threshold", "<f8"), ("reference", "<f8")])
"""A silence of a channel: when it was due, or ended; since when it lasts; the finding's numbers."""


def is_sign(rows: Array) -> Array:
    """Return which rows are control rows."""
    found: Array = (rows["reasons"] & SIGN) != 0
    return found


def seconds_as_signs(seconds: Array, channel: str) -> Ticks:
    """Return control rows of the records of SECOND_ROW in which a channel sent a quote or trade."""
    active = seconds[seconds["activity"]["ticks"] > 0]
    rows = np.zeros(len(active), ROW)
    signs, activity = rows.view(SECOND_SIGN), active["activity"]
    signs["second"] = active["ts"] // NS_PER_SECOND
    for name in ACTIVITY.names or ():
        signs[name] = activity[name]
    _stamp(rows, active["known_at"], Sign.SECOND)
    return Ticks(rows, (channel,))


def silence_as_sign(event: Event, known_at: int, channel: str) -> Ticks:
    """Return the control row of an event that opens or closes a channel's silence."""
    rows = np.zeros(1, ROW)
    sign = rows.view(SILENCE_SIGN)
    sign["time"] = event.time
    sign["since"] = event.first_ts
    sign["measured"] = event.measured
    sign["threshold"] = event.threshold
    sign["reference"] = event.reference
    reports = Sign.SILENCE_OPENED if event.mode == Mode.OPENS else Sign.SILENCE_CLOSED
    _stamp(rows, np.array([known_at]), reports)
    return Ticks(rows, (channel,))


def _stamp(rows: Array, known_at: Array, sign: Sign) -> None:
    rows["ts_recv"] = rows["event_time"] = known_at
    rows["channel"], rows["venue"], rows["symbol"] = 0, -1, -1
    rows["flags"] = sign
    # A sign of life, too: what drops those drops it.
    rows["reasons"] = SIGN | LIFE

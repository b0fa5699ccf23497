"""Reference data that formats imply of their channels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from tickproof.reference.data import Channel, Reference

Sequence = Literal["contiguous", "increasing", "shared", "none"]


def channels(
    names: Iterable[str],
    sequence: Sequence,
    *,
    sides: Literal["message", "merge"] = "message",
    sessions: Mapping[str, str] | None = None,
) -> Reference:
    """Return reference data with the same entry for some channels, and the calendars of some venues."""
    known = {name: Channel(sequence=sequence, sides=sides) for name in names}
    return Reference(channels=known, sessions=dict(sessions or {}))


def merged(first: Reference, second: Reference) -> Reference:
    """Return both together; where both describe a channel, an instrument, a venue or a relation, the first wins."""
    said = {(one.symbol, one.venue) for one in first.instruments}
    named = {one.name for one in first.relations}
    return Reference(
        channels={**second.channels, **first.channels},
        instruments=(*first.instruments, *(one for one in second.instruments if (one.symbol, one.venue) not in said)),
        sessions={**second.sessions, **first.sessions},
        actions=(*first.actions, *(one for one in second.actions if one not in first.actions)),
        relations=(*first.relations, *(one for one in second.relations if one.name not in named)),
    )

"""What formats imply of their channels, as reference data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from tickproof.reference.data import Channel, Reference

Sequence = Literal["contiguous", "increasing", "shared", "none"]


def channels(names: Iterable[str], sequence: Sequence, *, sides: Literal["message", "merge"] = "message") -> Reference:
    """Reference data that say the same of some channels."""
    return Reference(channels={name: Channel(sequence=sequence, sides=sides) for name in names})


def merged(first: Reference, second: Reference) -> Reference:
    """Both together; where both speak of a channel, an instrument, a venue or a relation, the first wins."""
    said = {(one.symbol, one.venue) for one in first.instruments}
    named = {one.name for one in first.relations}
    return Reference(
        channels={**second.channels, **first.channels},
        instruments=(*first.instruments, *(one for one in second.instruments if (one.symbol, one.venue) not in said)),
        sessions={**second.sessions, **first.sessions},
        actions=(*first.actions, *(one for one in second.actions if one not in first.actions)),
        relations=(*first.relations, *(one for one in second.relations if one.name not in named)),
    )

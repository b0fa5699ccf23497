"""The result of an audit: a line a channel, ranges of offsets, and what is missing or duplicated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

SHOWN = 5
"""Most examples of each problem."""


@dataclass(frozen=True, slots=True)
class ChannelAudit:
    """One channel: its raw messages, and where its ticks are now. `missing` and `duplicated` count ticks."""

    channel: str
    messages: int = 0
    decoded: int = 0
    scored: int = 0
    dead_ticks: int = 0
    dead_messages: int = 0
    missing: int = 0
    duplicated: int = 0


@dataclass(frozen=True, slots=True)
class PartitionRange:
    """The part of one partition of ticks.raw that was read: offsets [first, end)."""

    partition: int
    first: int
    end: int
    messages: int


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit.

    Parameters
    ----------
    topic : str
        Full name of the raw topic.
    partitions : list of PartitionRange
    channels : list of ChannelAudit
        By name; payloads of an unknown channel are under the empty name.
    heartbeats : int
        Capture heartbeats among the raw ticks, counted nowhere else.
    overtaken : int
        Scored ticks that came behind the watermark.
    missing_messages, duplicated_messages : list of (partition, offset)
        Payloads that are not ticks and not in the dead letters, and dead letters that are not exactly one unreadable payload's.
    changed_messages : list of (partition, offset)
        Dead letters whose bytes are not the original ones.
    examples : list of (partition, offset)
        Raw messages of ticks that are missing, a few.
    """

    topic: str
    partitions: list[PartitionRange]
    channels: list[ChannelAudit]
    heartbeats: int
    overtaken: int
    missing_messages: list[tuple[int, int]]
    duplicated_messages: list[tuple[int, int]]
    changed_messages: list[tuple[int, int]]
    examples: list[tuple[int, int]] = field(default_factory=list)

    def total(self, column: str) -> int:
        """Return the sum of a column of `ChannelAudit` over all channels."""
        return sum(getattr(channel, column) for channel in self.channels)

    @property
    def complete(self) -> bool:
        """Return whether each tick is scored or dead-lettered once, and each other payload dead-lettered once, unchanged."""
        return not (
            self.total("missing")
            or self.total("duplicated")
            or self.missing_messages
            or self.duplicated_messages
            or self.changed_messages
        )

    def problems(self) -> list[str]:
        """Return what is wrong, a line each."""
        out = []
        for word in ("missing", "duplicated"):
            count = self.total(word)
            if count:
                channels = ", ".join(f"{one.channel} ({getattr(one, word)})" for one in self.channels if getattr(one, word))
                out.append(f"{word}: {count} ticks, in {channels}")
        if self.examples:
            out.append(f"missing ticks are in {_places(self.topic, self.examples)}")
        for word, places in (
            ("missing: unreadable messages that are not in the dead letters", self.missing_messages),
            ("duplicated: dead letters that are not one unreadable message each", self.duplicated_messages),
            ("changed: dead letters that do not hold the original bytes", self.changed_messages),
        ):
            if places:
                out.append(f"{word}: {len(places)}, {_places(self.topic, places)}")
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        totals = {name: self.total(name) for name in ("messages", "decoded", "scored", "dead_ticks", "dead_messages")}
        wrong = {name: self.total(name) for name in ("missing", "duplicated")}
        return {"complete": self.complete, **totals, **wrong, **asdict(self)}


def _places(topic: str, places: Sequence[tuple[int, int]]) -> str:
    shown = ", ".join(f"partition {partition} offset {offset}" for partition, offset in places[:SHOWN])
    return f"{topic} {shown}" + (", …" if len(places) > SHOWN else "")

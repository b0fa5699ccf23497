"""Names of a shard by number, in order of first sight."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Registry:
    """Names by index, in order of first sight. Only grows."""

    instruments: list[tuple[str, str]] = field(default_factory=list)
    symbols: list[str] = field(default_factory=list)
    venues: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    _index: dict[tuple[str, ...], int] = field(default_factory=dict)

    def find(self, kind: str, table: list[str], name: str) -> int:
        """Return the index of a name in one of the tables, added if new."""
        key = (kind, name)
        if key not in self._index:
            self._index[key] = len(table)
            table.append(name)
        return self._index[key]

    def instrument(self, venue: str, symbol: str) -> int:
        """Return the index of a (venue, symbol), added if new."""
        key = ("instrument", venue, symbol)
        if key not in self._index:
            self._index[key] = len(self.instruments)
            self.instruments.append((venue, symbol))
        return self._index[key]

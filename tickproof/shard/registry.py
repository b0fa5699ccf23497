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
    _names: tuple[str, ...] = ()
    _instrument_of: dict[int, int] = field(default_factory=dict)
    _symbol_of: dict[int, int] = field(default_factory=dict)

    def find(self, kind: str, table: list[str], name: str) -> int:
        """Return the index of a name in one of the tables, added if new."""
        key = (kind, name)
        if key not in self._index:
            self._index[key] = len(table)
            table.append(name)
        return self._index[key]

    def pairs(self, pairs: list[int], names: tuple[str, ...]) -> tuple[list[int], list[int]]:
        """Return the instruments and symbols of pairs of names, added in their order if new; -1 where a name is null.

        Parameters
        ----------
        pairs : list of int
            (venue + 1) * (len(names) + 1) + symbol + 1, venue and symbol being places in `names`, or -1.
        """
        if names is not self._names and names != self._names:
            self._instrument_of.clear()
            self._symbol_of.clear()
        self._names = names
        width = len(names) + 1
        for pair in pairs:
            if pair not in self._instrument_of:
                venue, symbol = pair // width - 1, pair % width - 1
                is_whole = venue >= 0 and symbol >= 0
                self._instrument_of[pair] = self.instrument(names[venue], names[symbol]) if is_whole else -1
                self._symbol_of[pair] = self.find("symbol", self.symbols, names[symbol]) if is_whole else -1
        return list(map(self._instrument_of.__getitem__, pairs)), list(map(self._symbol_of.__getitem__, pairs))

    def instrument(self, venue: str, symbol: str) -> int:
        """Return the index of a (venue, symbol), added if new."""
        key = ("instrument", venue, symbol)
        if key not in self._index:
            self._index[key] = len(self.instruments)
            self.instruments.append((venue, symbol))
        return self._index[key]

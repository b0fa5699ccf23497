"""A format that is no more than mappings: the first that is for a file reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from producers.recordings.mapping import files
from producers.recordings.mapping.members import ZIP
from producers.recordings.mapping.specification import ColumnMapping
from producers.recordings.reading.facts import Facts
from producers.recordings.reading.tally import Tally
from tickproof.errors import InputError
from tickproof.reference.data import Reference
from tickproof.ticks.schema import Ticks


@dataclass(frozen=True, slots=True)
class Mapped:
    """One format of one or more mappings, with the functions that a row of the registry has."""

    name: str
    meaning: str
    facts: Facts
    mappings: tuple[ColumnMapping, ...]

    def recognises(self, path: Path, first: bytes) -> bool:
        """Return whether one of the mappings is for a file."""
        return self._fitting(path) is not None

    def read(self, path: Path, tally: Tally) -> Iterator[Ticks]:
        """Yield the ticks of one file.

        Raises
        ------
        InputError
            No mapping is for it, or nothing of it can be read.
        """
        yield from files.read(path, self._mapping(path), tally)

    def reference(self, path: Path) -> Reference:
        """Return what the mapping implies of the file's channels."""
        return files.reference(path, self._mapping(path))

    def misfit(self, path: Path) -> str:
        """Return why the mappings are not for a file; the first one's reason if there are several."""
        return files.misfit(path, self.mappings[0]) or ""

    def _fitting(self, path: Path) -> ColumnMapping | None:
        return next((mapping for mapping in self.mappings if files.misfit(path, mapping) is None), None)

    def _mapping(self, path: Path) -> ColumnMapping:
        found = self._fitting(path)
        if found is None and len(self.mappings) == 1:
            # Reading says what is wrong with it.
            return self.mappings[0]
        if found is None:
            what = "archive" if path.read_bytes()[: len(ZIP)] == ZIP else "file"
            raise InputError(f"{path}: found no complete {what} of {self.name}, expected {self.facts.recognised_by}")
        return found


OWN_FACTS = Facts(
    recognised_by="the columns that a mapping names",
    clock="as the mapping says",
    sequence="as the mapping says, `none` by default",
    cannot_tell="what the mapping does not name",
    sample="any CSV, JSON lines or Parquet file",
)


def own(mapping: ColumnMapping) -> Mapped:
    """Return a person's own mapping as a format."""
    return Mapped(mapping.name, f"columns of the mapping {mapping.name}", OWN_FACTS, (mapping,))

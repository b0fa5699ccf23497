"""What is said of a recording as a whole: one statement a fault, which grows while the file is read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Fault(StrEnum):
    """What is wrong with how a recording's ticks came; mostly the code of its findings."""

    UNIT = "time_unit"
    EVENT_UNIT = "time_unit of event times"
    ORDER = "out_of_order"
    TIES = "order within a time stamp"
    CLOCK = "capture_clock"
    TWICE = "duplicate"


@dataclass(slots=True)
class Statement:
    """One fault of one file.

    Parameters
    ----------
    fault : Fault
    path : str
        The file.
    channel : str
        Empty: all of the file's.
    says : str
        What is wrong, in a few words, with the factor or the amount.
    advice : str
        What was done about it, and what to do.
    row : int
        The first tick that it concerns, as the reader numbers the file's rows.
    first_ns, last_ns : int
        Capture times of the first and last such tick, as they are judged.
    count, of : int
        So many ticks of so many.
    measured : float
        The factor of a unit, the step of a clock in ns; 0: nothing is measured.
    first_line : int, optional
        The line of the file's first row, of a file that is text.
    """

    fault: Fault
    path: str
    channel: str
    says: str
    advice: str
    row: int
    first_ns: int
    last_ns: int
    count: int
    of: int = 0
    measured: float = 0.0
    first_line: int | None = None

    def text(self) -> str:
        """Return the statement for people."""
        where = f"row {self.row}" if self.first_line is None else f"line {self.row + self.first_line}"
        whose = f"{self.channel}: " if self.channel else ""
        share = f"{self.count:,} of {self.of:,} ticks" if self.of else f"{self.count:,} ticks"
        return f"{whose}{self.says}, {share}, from {where} on; {self.advice}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {**asdict(self), "fault": self.fault.value}


@dataclass(slots=True)
class Statements:
    """The statements about the recordings that are read, in the order in which they came up."""

    by_key: dict[tuple[str, str, str, str], Statement]
    ticks: dict[tuple[str, str], int]

    @classmethod
    def none(cls) -> Statements:
        """Return no statement."""
        return cls({}, {})

    def add(self, new: Statement) -> None:
        """Take a statement; one that says the same of the same channel of a file grows."""
        key = (new.path, new.channel, new.fault.value, new.says)
        old = self.by_key.get(key)
        if old is None:
            self.by_key[key] = new
            return
        old.count += new.count
        old.last_ns = max(old.last_ns, new.last_ns)

    def count_ticks(self, path: Path, channel: str, count: int) -> None:
        """Count ticks of a channel of a file."""
        place = (str(path), channel)
        self.ticks[place] = self.ticks.get(place, 0) + count

    def all(self) -> list[Statement]:
        """Return the statements, each with the number of ticks that it is one of."""
        for one in self.by_key.values():
            mine = [count for (path, channel), count in self.ticks.items() if path == one.path and one.channel in ("", channel)]
            one.of = sum(mine)
        return list(self.by_key.values())

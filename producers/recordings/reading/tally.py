"""Counts of what was read of recordings besides the ticks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from producers.recordings.reading.statements import Statements
from tickproof.errors import WireError


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message of a recording that holds payloads of the wire, which could not be decoded.

    Parameters
    ----------
    path : Path
    file : int
        The file's number among those that are read, from 0.
    row : int
        Its line in the file, from 0.
    value : bytes
    after_ns : int
        `ts_recv` of the last tick before it in the file; 0 where there is none.
    error : WireError
    """

    path: Path
    file: int
    row: int
    value: bytes
    after_ns: int
    error: WireError


@dataclass(slots=True)
class Tally:
    """Counts that grow while recordings are read.

    Parameters
    ----------
    messages : int
        Messages of the source: rows, packets, lines. One message may hold several ticks, or none.
    undecoded : Counter of str
        Messages, or parts of a file, that are not ticks, by reason.
    without_ticks : Counter of str
        Messages that were decoded and are not ticks (administration, depth below the top), by type.
    notes : Counter of str
        What else was seen on the way, by name: a checksum that was verified, one that failed.
    reached : Counter of Path
        Bytes of each file that have been read so far, as stored; for a reader without progress, all of them at its end.
    out_of_order : int
        Ticks whose `ts_recv` is below that of an earlier one of the same file. They stay where they arrived.
    unknown : list of Path
        Files of no known format in the folders that were read.
    files : dict of Path to int
        The number of each file that is read; of a file that is not in it: 0.
    broken : dict of Path to str, optional
        Files of several of which nothing more could be read, and why; whoever gives it tells of them, and the others go on. None:
        the first such file ends the reading.
    first_undecoded : str
        Where the first message is that could not be decoded, and what is wrong with it, where the reader tells.
    rejected : list of Rejected, optional
        Messages that could not be decoded, of the recordings that hold payloads of the wire; whoever gives the list takes them
        out as they come. None: they are only counted.
    statements : Statements
        What is said of a recording as a whole: units, order, clocks.
    """

    messages: int = 0
    undecoded: Counter[str] = field(default_factory=Counter)
    without_ticks: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    reached: Counter[Path] = field(default_factory=Counter)
    out_of_order: int = 0
    unknown: list[Path] = field(default_factory=list)
    files: dict[Path, int] = field(default_factory=dict)
    broken: dict[Path, str] | None = None
    first_undecoded: str = ""
    rejected: list[Rejected] | None = None
    statements: Statements = field(default_factory=Statements.none)


def nothing_read(recordings: Sequence[Path], tally: Tally) -> str:
    """Return one line that says why recordings gave no tick."""
    names = ", ".join(map(str, recordings[:3])) + (", …" if len(recordings) > 3 else "")
    reasons = [f"{reason} ({count:,})" for reason, count in tally.undecoded.most_common(3)]
    reasons += [f"{kind} without ticks ({count:,})" for kind, count in tally.without_ticks.most_common(3)]
    if tally.broken:
        reasons.append(f"{len(tally.broken)} {'file' if len(tally.broken) == 1 else 'files'} broken")
    first = f", the first at {tally.first_undecoded}" if tally.first_undecoded else ""
    return f"{names}: holds no ticks" + (f"; not decoded: {', '.join(reasons)}{first}" if reasons else "")

"""Labels: the known faults and genuine events of a feed, a row an episode, as CSV text.

Nothing here reads a file: labels are parsed from text and written as text.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

from tickproof.errors import InputError
from tickproof.findings.finding import BY_NAME

GENUINE_PREFIX = "genuine_"
"""Prefix of kinds of clean events: unusual, and genuine."""
SCOPES = ("channel", "symbol")


@dataclass(frozen=True, slots=True)
class Label:
    """One episode.

    Parameters
    ----------
    fault_id : str
        Unique within a stream.
    kind : str
        A code of the taxonomy, or `genuine_…` for a clean event.
    scope : {"channel", "symbol"}
        What the episode concerns; a channel's episode has no symbol.
    channel, venue, symbol : str
        Where. An empty channel or venue means all of them; `symbol` is empty only in channel scope.
    onset, end : int
        `ts_recv` in ns, both inclusive.
    effect_end : int
        Until when (ns of `ts_recv`, inclusive) the statistics may still be upset; at least `end`.
    magnitude : float
        How strong; its unit depends on the kind (for faults `producers.faults.table.FAULTS` says which).
    """

    fault_id: str
    kind: str
    scope: str
    channel: str
    venue: str
    symbol: str
    onset: int
    end: int
    effect_end: int
    magnitude: float

    @property
    def is_genuine(self) -> bool:
        """Whether this is a clean event and not a fault."""
        return self.kind.startswith(GENUINE_PREFIX)


COLUMNS = tuple(field.name for field in fields(Label))
_TIMES = ("onset", "end", "effect_end")


def to_csv(labels: Iterable[Label]) -> str:
    """Return labels as CSV text: a header of COLUMNS, then a row each; lines end in a line feed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(label, name) for name in COLUMNS] for label in labels)
    return out.getvalue()


def from_csv(text: str, source: str = "labels") -> list[Label]:
    """Parse labels from CSV text, in its order.

    Parameters
    ----------
    text : str
        What `to_csv` writes.
    source : str
        Where the text came from; error messages begin with it.

    Raises
    ------
    InputError
        The header is wrong, or a row is not a label; the message names the line.
    """
    reader = csv.reader(io.StringIO(text), strict=True)
    labels: list[Label] = []
    seen: set[str] = set()
    try:
        header = next(reader, None)
        if header != list(COLUMNS):
            raise InputError(f"{source}, line 1: found {','.join(header or []) or 'nothing'}, expected {','.join(COLUMNS)}")
        for row in reader:
            if row:
                where = f"{source}, line {reader.line_num}"
                label = _parse(row, where)
                if label.fault_id in seen:
                    raise InputError(f"{where}: fault_id {label.fault_id} appears twice, give each episode its own")
                seen.add(label.fault_id)
                labels.append(label)
    except csv.Error as error:
        raise InputError(f"{source}, line {reader.line_num}: not CSV ({error})") from error
    return labels


def _parse(row: list[str], where: str) -> Label:
    if len(row) != len(COLUMNS):
        raise InputError(f"{where}: found {len(row)} values, expected {len(COLUMNS)} ({','.join(COLUMNS)})")
    text = dict(zip(COLUMNS, row, strict=True))
    times = []
    for name in _TIMES:
        try:
            times.append(int(text[name]))
        except ValueError:
            raise InputError(f"{where}: {name} is {text[name]!r}, expected whole nanoseconds") from None
    try:
        magnitude = float(text["magnitude"])
    except ValueError:
        magnitude = math.nan
    onset, end, effect_end = times
    label = Label(
        fault_id=text["fault_id"],
        kind=text["kind"],
        scope=text["scope"],
        channel=text["channel"],
        venue=text["venue"],
        symbol=text["symbol"],
        onset=onset,
        end=end,
        effect_end=effect_end,
        magnitude=magnitude,
    )
    if problem := _problem(label):
        raise InputError(f"{where}: {problem}")
    return label


def _problem(label: Label) -> str:
    """Return what is wrong with a label, or an empty string."""
    if not label.fault_id:
        return "fault_id is empty, expected a name"
    if not label.is_genuine and label.kind not in BY_NAME:
        return f"kind is {label.kind!r}, expected a code of the taxonomy or {GENUINE_PREFIX}…"
    if label.scope not in SCOPES:
        return f"scope is {label.scope!r}, expected one of {', '.join(SCOPES)}"
    if label.scope == "symbol" and not label.symbol:
        return "symbol is empty, expected one in symbol scope"
    if label.scope == "channel" and label.symbol:
        return f"symbol is {label.symbol!r}, expected none in channel scope"
    if not label.onset <= label.end <= label.effect_end:
        return f"found onset {label.onset}, end {label.end}, effect_end {label.effect_end}, expected onset <= end <= effect_end"
    if not math.isfinite(label.magnitude):
        return "magnitude is not a number"
    return ""

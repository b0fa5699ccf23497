"""Rows of a report's first table: what is wrong, since when, whom it concerns, what follows from it, what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from reports.codes import entry
from reports.wording import WHOLE
from tickproof.findings.cause import Cause
from tickproof.findings.incident import rank
from tickproof.ticks.rfc3339 import iso, span


class CauseRow(NamedTuple):
    """One cause: its severity, root, place, time, the codes that follow from it, and what to do."""

    id: str
    severity: str
    code: str
    place: str
    when: str
    follows: str
    action: str


def cause_rows(causes: Sequence[Cause], limit: int) -> list[CauseRow]:
    """Return a row for each of at most `limit` causes: the most severe first, then those that concern the most symbols."""
    ordered = sorted(causes, key=lambda one: (-rank(one.severity), -len(one.symbols), -len(one.findings), one.first_ts, one.id))
    return [_row(cause) for cause in ordered[:limit]]


def _row(cause: Cause) -> CauseRow:
    root = cause.root
    codes = Counter(finding.code for finding in cause.findings if finding is not root)
    length = cause.last_ts - cause.first_ts
    return CauseRow(
        cause.id,
        cause.severity.value,
        root.code,
        _place(cause),
        f"since {iso(cause.first_ts, 3)}"
        if cause.ongoing
        else iso(cause.first_ts, 3) + (f" for {span(length)}" if length else ""),
        ", ".join(f"{code} {count:,}" for code, count in sorted(codes.items(), key=lambda item: (-item[1], item[0]))),
        # What is wrong with a whole recording is told with its own advice.
        str(root.evidence.get("recording") or entry(root.code).advice.action),
    )


def _place(cause: Cause) -> str:
    root = cause.root
    if root.symbol is None:
        place = f"channel {root.channel}" if root.channel else f"feed {root.feed}" if root.feed else WHOLE
        return place + (f", {len(cause.symbols):,} of its symbols" if cause.symbols else "")
    if len(cause.symbols) == 1:
        return f"{root.symbol} on {root.venue}"
    return f"{len(cause.symbols):,} symbols on {', '.join(cause.venues)}, {root.symbol} first"

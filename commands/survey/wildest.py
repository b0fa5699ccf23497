"""The minutes in which an instrument moved most, with the verdicts on them: news must not be called corrupt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from tickproof.findings.finding import Finding, Quality, Severity
from tickproof.ticks.schema import Kind

MOST = 3
NEEDED = 20_000
"""Least quotes of an instrument from which its usual minute is known."""
LEAST = 20
"""Least quotes of a minute from which its range is measured."""
ENDS = (0.01, 0.99)
"""The quantiles between which a range is measured: a stub quote is not a move."""


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute of one instrument.

    Attributes
    ----------
    instrument : str
        Venue and symbol.
    minute : str
        When it begins, UTC, ISO 8601.
    range_bp, times : float
        How wide the middle of its quotes moved, and as a multiple of the instrument's median minute.
    ticks, corrupt, critical : int
        Ticks of the recording's instrument; those of `final_quality` 2; critical findings about it detected in that minute.
    """

    instrument: str
    minute: str
    range_bp: float
    times: float
    ticks: int
    corrupt: int
    critical: int


def wildest(scored: pa.Table, findings: Sequence[Finding]) -> tuple[Minute, ...]:
    """Return the widest minutes of a recording, at most `MOST`; none without an instrument with `NEEDED` two-sided quotes."""
    names = ["ts_recv", "venue", "symbol", "kind", "bid_px", "ask_px", "final_quality"]
    ticks = scored.select(names).to_pandas()
    ticks["minute"] = ticks["ts_recv"] // (60 * 10**9)
    quotes = ticks[(ticks["kind"] == Kind.QUOTE) & (ticks["bid_px"] > 0) & (ticks["ask_px"] > 0)]
    found: list[Minute] = []
    for (venue, symbol), mine in quotes.groupby(["venue", "symbol"], observed=True, sort=True):
        if len(mine) < NEEDED:
            continue
        middle = 0.5 * (np.log(mine["bid_px"]) + np.log(mine["ask_px"]))
        by_minute = middle.groupby(mine["minute"])
        ranges = (1e4 * (by_minute.quantile(ENDS[1]) - by_minute.quantile(ENDS[0])))[by_minute.size() >= LEAST]
        usual = float(ranges.median())
        for minute, width in ranges.sort_values(ascending=False, kind="stable").head(MOST).items():
            rows = ticks[(ticks["minute"] == minute) & (ticks["venue"] == venue) & (ticks["symbol"] == symbol)]
            found.append(
                Minute(
                    f"{venue} {symbol}",
                    pd.Timestamp(int(minute) * 60, unit="s").isoformat()[:16],
                    float(width),
                    float(width) / usual if usual > 0.0 else float("inf"),
                    len(rows),
                    int((rows["final_quality"] == Quality.CORRUPT).sum()),
                    sum(_is_about(one, str(venue), str(symbol), int(minute)) for one in findings),
                )
            )
    return tuple(sorted(found, key=lambda one: (-one.times, one.instrument, one.minute))[:MOST])


def _is_about(finding: Finding, venue: str, symbol: str, minute: int) -> bool:
    mine = finding.venue in (None, venue) and finding.symbol in (None, symbol)
    return mine and finding.severity == Severity.CRITICAL and finding.detected_at // (60 * 10**9) == minute


def table(recordings: Iterable[tuple[str, Sequence[Minute]]], events: dict[str, str]) -> list[str]:
    """Return the minutes as lines of Markdown; `events` says what happened, by minute."""
    lines = [
        "| recording | instrument | minute, UTC | range, bp | times the usual | ticks | corrupt | critical | what it was |",
        "|---|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for name, minutes in recordings:
        for one in minutes:
            counts = f"{one.range_bp:.1f} | {one.times:,.0f} | {one.ticks:,} | {one.corrupt} | {one.critical}"
            lines.append(f"| {name} | {one.instrument} | {one.minute} | {counts} | {events.get(one.minute, '–')} |")
    return lines

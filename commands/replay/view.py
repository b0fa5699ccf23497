"""The progress of a replay on standard error, and the summary of what it did."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from producers.publish.committed_progress import Progress as Committed
from producers.publish.framing import Frame
from producers.publish.kafka import Published, Publisher
from producers.publish.pacing import Schedule
from producers.publish.replay_extent import Reach
from producers.recordings.registry import Tally
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND

PLAIN_EVERY_S = 5.0
"""Seconds between lines of progress where there is no terminal."""
SHOWN_EVERY_S = 0.2


@contextmanager
def watched(publisher: Publisher, reach: Reach) -> Iterator[Callable[[Frame, int], None]]:
    """Return a progress callback: a bar on a terminal, a line now and then elsewhere; all on standard error.

    Parameters
    ----------
    publisher : Publisher
        Says what is confirmed.
    reach : Reach
        Says how much of the recordings that is.
    """
    begun = last = time.monotonic()
    on_terminal = sys.stderr.isatty()
    columns = BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not on_terminal) as progress:
        task = progress.add_task("replaying", total=1.0)

        def watch(frame: Frame, late_ns: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last < (SHOWN_EVERY_S if on_terminal else PLAIN_EVERY_S):
                return
            last = now
            share = reach.share(frame.first_ns)
            text = _line(frame.first_ns, publisher.published.ticks, now - begun, late_ns)
            progress.update(task, description=text, completed=share)
            if not on_terminal:
                click.echo(f"{share:4.0%}  {text}", err=True)

        yield watch


def _line(event_ns: int, ticks: int, seconds: float, late_ns: int) -> str:
    at = datetime.fromtimestamp(event_ns // NS_PER_SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{at}  {ticks:,} ticks  {ticks / seconds:,.0f} ticks/s  lag {late_ns / NS_PER_MS:.0f} ms"


def summary_of(published: Published, schedule: Schedule, tally: Tally, seconds: float) -> dict[str, Any]:
    """Return what a replay did, for JSON."""
    return {
        **asdict(published),
        "seconds": round(seconds, 3),
        "ticks_per_s": round(published.ticks / seconds),
        "messages_read": tally.messages,
        "schedule": asdict(schedule),
        "out_of_order": tally.out_of_order,
        "undecoded": dict(sorted(tally.undecoded.items())),
        "without_ticks": dict(sorted((+tally.without_ticks).items())),
        "unknown_files": list(map(str, tally.unknown)),
        "files_broken": {str(path): reason for path, reason in sorted((tally.broken or {}).items())},
    }


def resumed_of(name: str, start: Committed) -> dict[str, Any]:
    """Return what earlier starts of a resumable replay had done, for JSON."""
    return {
        "name": name,
        "frames": start.frames,
        "messages": start.messages,
        "ticks": start.ticks,
        "heartbeats": start.heartbeats,
        "was_complete": start.is_complete,
    }


def text_of(summary: dict[str, Any], where: str) -> str:
    """Return what a replay did, for people."""
    lines = [
        f"{summary['ticks']:,} ticks and {summary['heartbeats']:,} heartbeats in {summary['messages']:,} records, "
        f"{summary['bytes']:,} bytes, confirmed by {where} "
        f"in {summary['seconds']} s: {summary['ticks_per_s']:,} ticks/s"
    ]
    lines += [f"  {channel}: {ticks:,}" for channel, ticks in summary["by_channel"].items()]
    resumed = summary.get("resumed")
    if resumed:
        lines.append(f"replay {resumed['name']}: {resumed_line(resumed)}")
    schedule = summary["schedule"]
    if schedule["frames"]:
        late = {name: schedule[f"{name}_ns"] / NS_PER_MS for name in ("p50", "p99", "max")}
        lines.append("late by " + ", ".join(f"{name} {value:.2f} ms" for name, value in late.items()))
    if summary["out_of_order"]:
        lines.append(f"out of order in their files: {summary['out_of_order']}")
    lines += [f"{type_} without ticks: {count}" for type_, count in summary["without_ticks"].items()]
    lines += [f"undecoded: {reason} ({count})" for reason, count in summary["undecoded"].items()]
    lines += [f"left out, no known format: {path}" for path in summary["unknown_files"]]
    return "\n".join(lines)


def resumed_line(resumed: dict[str, Any]) -> str:
    """Describe how far earlier starts had come."""
    if not resumed["messages"]:
        return "begun"
    done = "had sent everything" if resumed["was_complete"] else "had come so far"
    return f"earlier starts {done}: {resumed['ticks']:,} ticks in {resumed['messages']:,} records"

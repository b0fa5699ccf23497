"""`tickproof replay --diff`: the findings of a job on a replay, compared with those of another run on the same recordings."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from commands.replay.runs import difference_text, findings_of_run
from commands.replay.view import PLAIN_EVERY_S
from jobs.kafka import topics
from jobs.kafka.audit import RAW
from jobs.kafka.scored_run import ScoredRun
from tickproof.errors import SettingsError
from tickproof.findings.compare_runs import Difference, compare
from tickproof.settings import Settings


@dataclass(frozen=True, slots=True)
class Target:
    """The destination of the replay.

    Parameters
    ----------
    topic : str
        The raw topic of a job.
    patience_s : float
        Longest time without progress while it is scored.
    is_resumed : bool
        Whether the topic already holds a part of this replay.
    """

    topic: str
    patience_s: float
    is_resumed: bool


def topic_of_job(brokers: str, named: str) -> str:
    """Return the raw topic given by its own name, or by the prefix of a run, with its dot or without.

    Raises
    ------
    SettingsError
        There is no such topic.
    ServiceError
        No broker answers.
    """
    prefixes = [named.removesuffix(RAW)] if named.endswith(RAW) else [named, f"{named}."]
    for prefix in prefixes:
        if topics.partitions(brokers, prefix, [RAW]):
            return prefix + RAW
    expected = " or ".join(prefix + RAW for prefix in prefixes)
    raise SettingsError(f"--to-topic {named}: found no topic {expected} on {brokers}; create it with `tickproof topics create`")


def compared(
    run: str, target: Target, settings: Settings, send: Callable[[], dict[str, Any]]
) -> tuple[dict[str, Any], Difference]:
    """Publish, wait until a job has scored everything, and compare its findings with a run's.

    Parameters
    ----------
    run : str
        See `runs.findings_of_run`.
    target : Target
    settings : Settings
        Broker and consumer group of the job.
    send : callable
        Publishes the replay; returns its summary for JSON.

    Returns
    -------
    summary : dict
        The summary of `send`, with `run`: the topics of the new run and its ranges of offsets, and `diff`.
    difference : Difference

    Raises
    ------
    SettingsError, InputError, ServiceError
        The run cannot be read, or no job scores the topic.
    """
    prefix = target.topic.removesuffix(RAW)
    before = findings_of_run(run)
    with ScoredRun(settings.brokers, prefix, settings.group, from_now=not target.is_resumed) as after:
        if after.before and not target.is_resumed:
            click.echo(
                f"topic {target.topic} holds {after.before:,} ticks already: a job treats all of them as one feed", err=True
            )
        summary = send()
        with _waiting() as look:
            after.wait(target.patience_s, look)
        difference = compare(before, after.findings())
        made = {"brokers": settings.brokers, "prefix": prefix, "input": [asdict(part) for part in after.input()]}
    return {**summary, "run": made, "diff": difference.to_dict()}, difference


@contextmanager
def _waiting() -> Iterator[Callable[[int, int], None]]:
    """Return a callback that shows how far a job is: a bar on a terminal, a line now and then elsewhere."""
    last = time.monotonic()
    on_terminal = sys.stderr.isatty()
    columns = BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not on_terminal) as progress:
        task = progress.add_task("waiting for a job", total=None)

        def look(decoded: int, settled: int) -> None:
            nonlocal last
            text = f"{settled:,} of {decoded:,} ticks are scored or in the dead letters"
            progress.update(task, description=text, total=decoded, completed=settled)
            if not on_terminal and time.monotonic() - last >= PLAIN_EVERY_S:
                last = time.monotonic()
                click.echo(text, err=True)

        yield look


__all__ = ["Target", "compared", "difference_text", "topic_of_job"]

"""Runs by the names that people give them, and the differences between two: for every command with --diff."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from commands.watch import line
from jobs.kafka.scored_run import findings_of
from reports.folder import ScanFolder
from tickproof.errors import SettingsError
from tickproof.findings.compare_runs import Change, Difference
from tickproof.findings.finding import Finding

SHOWN = 20
"""Most findings of a kind on a terminal; JSON has all."""
_TOPICS = re.compile(r"(?P<brokers>[^/,]+:\d+(,[^/,]+:\d+)*)/(?P<prefix>[^/]*)")


def findings_of_run(run: str) -> list[Finding]:
    """Return the findings of a run.

    Parameters
    ----------
    run : str
        A folder that `tickproof scan` wrote, or HOST:PORT/PREFIX: the topics of a job. The prefix may be empty.

    Raises
    ------
    SettingsError
        It is neither.
    InputError, ServiceError
        It cannot be read.
    """
    if Path(run).is_dir():
        return ScanFolder.open(Path(run)).findings
    topics = _TOPICS.fullmatch(run)
    if topics is None:
        raise SettingsError(
            f"--diff {run}: found no such folder, expected one that `tickproof scan` wrote, or HOST:PORT/PREFIX of a job"
        )
    return findings_of(topics["brokers"], topics["prefix"])


def difference_text(difference: Difference) -> str:
    """Describe how two runs differ, for people."""
    counts = {"new": difference.new, "gone": difference.gone, "changed": difference.changed}
    sizes = ", ".join([f"{difference.same:,} same", *(f"{len(found):,} {word}" for word, found in counts.items())])
    lines = [f"findings: {sizes}"]
    lines += _shown([f"  new      {line(finding)}" for finding in difference.new])
    lines += _shown([f"  gone     {line(finding)}" for finding in difference.gone])
    lines += _shown([f"  changed  {line(change.before)}: {_changes(change)}" for change in difference.changed])
    return "\n".join(lines)


def _changes(change: Change) -> str:
    before, after = (msgspec.to_builtins(finding) for finding in (change.before, change.after))
    nested = (dict, list)
    return ", ".join(
        name if isinstance(before[name], nested) else f"{name} {before[name]} → {after[name]}" for name in change.fields
    )


def _shown(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - SHOWN
    return [*lines[:SHOWN], *([f"  … and {rest:,} more; --json has all"] if rest > 0 else [])]

"""A job's run, observed through its topics alone: whether everything published is scored, and what was found."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from time import monotonic, sleep
from types import TracebackType
from typing import Self

import msgspec

from jobs.kafka.audit import RAW, Auditor
from jobs.kafka.audit_account import PartitionRange
from jobs.kafka.reader import Reader
from tickproof.errors import InputError, ServiceError
from tickproof.findings.finding import Finding, decode

FINDINGS = "feed.findings"
LOOK_EVERY_S = 0.5
QUIET_S = 15.0
"""A job with an unknown consumer group shows no committed offsets: it counts as done after this time without output."""


def findings_of(brokers: str, prefix: str) -> list[Finding]:
    """Return all revisions of findings that a run has published, in their order.

    Raises
    ------
    ServiceError
        No broker answers, or the topic is not there.
    InputError
        A record is not a finding.
    """
    with Reader(brokers, [prefix + FINDINGS]) as reader:
        return _read(reader)


class ScoredRun:
    """A run that is being published to: its findings, and whether its input is scored. A context manager.

    Parameters
    ----------
    brokers, prefix : str
        The run.
    group : str
        The job's consumer group.
    from_now : bool
        Whether earlier findings are left out.

    Raises
    ------
    ServiceError
        No broker answers, or a topic is not there.
    """

    def __init__(self, brokers: str, prefix: str, group: str, *, from_now: bool = True) -> None:
        self._brokers, self._prefix, self._group = brokers, prefix, group
        with ExitStack() as stack:
            self._reader = stack.enter_context(Reader(brokers, [prefix + FINDINGS]))
            self._raw = stack.enter_context(Reader(brokers, [prefix + RAW]))
            self._auditor = stack.enter_context(Auditor(brokers, prefix))
            self._auditor.look()
            if from_now:
                _read(self._reader)
            self._open = stack.pop_all()
        self.before = self._auditor.decoded
        """Ticks that were published before: a job takes them and what follows as one feed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()

    def findings(self) -> list[Finding]:
        """Return the revisions published since the last call."""
        return _read(self._reader)

    def input(self) -> list[PartitionRange]:
        """Return the range of offsets read of the raw topic."""
        return self._auditor.result().partitions

    def wait(self, patience_s: float, progress: Callable[[int, int], None] = lambda decoded, settled: None) -> None:
        """Wait until a job has scored or dead-lettered every published tick, and has read the seal behind them.

        Parameters
        ----------
        patience_s : float
            Longest time without progress.
        progress : callable, optional
            Called with `(decoded, scored or dead-lettered)` ticks after each look.

        Raises
        ------
        ServiceError
            There was no progress for that time.
        """
        moved_s, seen = monotonic(), (-1, -1)
        while True:
            # Before the outputs: a checkpoint that has read all input has written all that follows from it.
            read = self._raw.committed(self._group, self._prefix + RAW)
            self._auditor.look()
            now = self._auditor.settled, read
            if now != seen:
                moved_s, seen = monotonic(), now
            progress(self._auditor.decoded, self._auditor.settled)
            still_s = monotonic() - moved_s
            if self._auditor.complete:
                end = sum(partition.end for partition in self.input())
                if read >= end or (read == 0 and still_s >= QUIET_S):
                    return
            if still_s > patience_s:
                scored = f"{self._auditor.settled:,} of {self._auditor.decoded:,} ticks"
                raise ServiceError(
                    f"topic {self._prefix + RAW} on {self._brokers}: found {scored} scored, "
                    f"and nothing new for {patience_s:.0f} s; see that a job runs there (`tickproof submit`)"
                )
            sleep(LOOK_EVERY_S)


def _read(reader: Reader) -> list[Finding]:
    found = []
    for batch in reader.read():
        for message in batch:
            value = message.value()
            if value is None:
                continue
            try:
                found.append(decode(value))
            except msgspec.MsgspecError as error:
                where = f"topic {message.topic()}, partition {message.partition()}, offset {message.offset()}"
                raise InputError(
                    f"{where}: found a record that is not a finding ({error}); see what else writes there"
                ) from error
    return found

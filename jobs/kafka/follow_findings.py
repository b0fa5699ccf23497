"""Following of a run's output topics while the job writes; all records are kept for use at the end."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Self

import msgspec
import numpy as np
from confluent_kafka import Message

from jobs.kafka.reader import Reader, headers_of
from tickproof.findings.finding import VERDICT, Finding, decode
from tickproof.findings.second_statistics import Row
from tickproof.ticks.schema import Array, Ticks, concat
from tickproof.wire import decode_scored

SCORED, DEAD, FINDINGS, STATISTICS = "ticks.scored", "ticks.dead-letters", "feed.findings", "feed.statistics"


class Follower:
    """Follows a run's outputs from their beginning. Keeps all of them, so the run must fit in memory. A context manager.

    Parameters
    ----------
    brokers, prefix : str
        The run.

    Raises
    ------
    ServiceError
        No broker answers, a topic is not there, or (later) the broker stops answering.
    """

    def __init__(self, brokers: str, prefix: str = "") -> None:
        self._names = {prefix + name: name for name in (SCORED, DEAD, FINDINGS, STATISTICS)}
        self._reader = Reader(brokers, list(self._names))
        self._scored: list[tuple[Ticks, Array]] = []
        self._statistics: dict[tuple[str, int], Row] = {}
        self._codes: dict[str, str] = {}
        self.findings: dict[tuple[str, int], Finding] = {}
        """(id, revision) -> finding."""
        self.dead = 0
        """Dead letters."""
        self.dead_by_reason: Counter[str] = Counter()
        """Dead letters by short reason."""
        self.ticks = 0
        """Ticks scored and committed."""
        self.has_scored = False
        """Whether any tick is known to be scored: statistics of a symbol count verdicts, and need no commit."""
        self.model_version = ""
        """The model that scored the latest of them."""
        self.overtaken = 0
        """Scored ticks that came behind the watermark."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._reader.close()

    def look(self) -> list[Ticks]:
        """Read what is new; return the ticks scored since the last call."""
        new: list[Ticks] = []
        for batch in self._reader.read():
            for message in batch:
                self._take(message, new)
        return new

    @property
    def by_code(self) -> Counter[str]:
        """Return the number of findings by code, each finding counted once."""
        return Counter(self._codes.values())

    def scored(self) -> tuple[Ticks, Array]:
        """Return all scored ticks and their verdicts, by capture time."""
        ticks = concat([part for part, _ in self._scored])
        verdicts = np.concatenate([np.zeros(0, VERDICT), *(part for _, part in self._scored)])
        order = np.argsort(ticks.rows["ts_recv"], kind="stable")
        return ticks.take(order), verdicts[order]

    def statistics(self) -> list[Row]:
        """Return all rows of statistics, by time and scope."""
        return [self._statistics[key] for key in sorted(self._statistics, key=lambda key: (key[1], key[0]))]

    def _take(self, message: Message, new: list[Ticks]) -> None:
        value, headers = message.value() or b"", headers_of(message)
        topic = self._names[str(message.topic())]
        if topic == SCORED:
            ticks, verdicts = decode_scored(value, headers)
            self.ticks += len(ticks)
            self.has_scored = True
            self.overtaken += int(headers.get("tickproof.overtaken", b"0"))
            self.model_version = headers.get("tickproof.model.version", b"").decode()
            self._scored.append((ticks, verdicts))
            new.append(ticks)
        elif topic == DEAD:
            self.dead += 1
            self.dead_by_reason[headers["__connect.errors.exception.message"].decode().partition(":")[0]] += 1
        elif topic == FINDINGS:
            finding = decode(value)
            self.findings[finding.id, finding.revision] = finding
            self._codes[finding.id] = finding.code
        else:
            row = msgspec.json.decode(value, type=Row)
            self._statistics[row.scope, row.ts] = row
            self.has_scored |= row.symbol is not None

"""The status of the demonstration while it runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

LINE_EVERY_S = 3.0
"""Seconds between lines where there is no terminal; each new stage has a line as well."""
CODES_SHOWN = 14
RATE_OVER_S = 3.0


@dataclass(slots=True)
class Status:
    """The status of the demonstration.

    Parameters
    ----------
    stage : str
        What the demonstration is doing.
    published, scored : int
        Ticks.
    broken, dead : int
        Broken payloads sent, dead letters received.
    by_code : Counter
        Findings.
    first_scored_s : float or None
        When the first tick was seen scored.
    delays_ns : list of int64 arrays
        From publishing to scored and committed, of ticks published at the market's own pace.
    """

    stage: str = "starting"
    begun_s: float = field(default_factory=time.monotonic)
    published: int = 0
    scored: int = 0
    broken: int = 0
    dead: int = 0
    by_code: Counter[str] = field(default_factory=Counter)
    delays_ns: list[npt.NDArray[np.int64]] = field(default_factory=list)
    first_scored_s: float | None = None
    _first: tuple[float, int] | None = None
    _caught_up: tuple[float, int] | None = None
    _history: list[tuple[float, int]] = field(default_factory=list)

    @property
    def elapsed_s(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self.begun_s

    @property
    def first_committed_s(self) -> float | None:
        """Return when the first scored tick was seen committed, in s since the start."""
        return None if self._first is None else self._first[0]

    def count(self, committed: int, *, has_scored: bool = False) -> None:
        """Record the ticks scored and committed so far, and the time of a first one that is scored but not committed yet."""
        now_s = self.elapsed_s
        if self.first_scored_s is None and (committed or has_scored):
            self.first_scored_s = now_s
        if committed and self._first is None:
            self._first = now_s, committed
        self.scored = committed
        self._history = [(at_s, ticks) for at_s, ticks in self._history if at_s > now_s - RATE_OVER_S] + [(now_s, committed)]

    @property
    def rate(self) -> float:
        """Return the ticks scored a second, over the last seconds."""
        (first_s, before), (last_s, after) = (self._history or [(0.0, 0)])[0], (self._history or [(0.0, 0)])[-1]
        return (after - before) / (last_s - first_s) if last_s > first_s else 0.0

    def caught_up(self) -> None:
        """Record that the job has scored everything that waited for it."""
        self._caught_up = self._caught_up or (self.elapsed_s, self.scored)

    @property
    def speed(self) -> float:
        """Return ticks a second from the first seen scored until the job had caught up.

        On a small machine the simulator takes as much of it as the job: `make bench` measures the job.
        """
        if self._caught_up is None or self._first is None or self._caught_up[0] <= self._first[0]:
            return 0.0
        return (self._caught_up[1] - self._first[1]) / (self._caught_up[0] - self._first[0])

    def delay_ms(self, share: float) -> float | None:
        """Return a quantile of the time from publishing to scored, in ms; None while there is none."""
        found = np.concatenate([np.zeros(0, np.int64), *self.delays_ns])
        return float(np.quantile(found, share)) / 1e6 if len(found) else None


class View:
    """Displays a status; a context manager.

    Parameters
    ----------
    status : Status
    to_stderr : bool
        Whether to write to standard error.
    """

    def __init__(self, status: Status, *, to_stderr: bool) -> None:
        self.status = status
        self.console = Console(stderr=to_stderr, highlight=False)
        self._live = Live(console=self.console, auto_refresh=False, transient=True) if self.console.is_terminal else None
        self._shown_s = -LINE_EVERY_S
        self._shown = ""

    def __enter__(self) -> Self:
        if self._live:
            self._live.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live:
            self._live.__exit__(kind, error, trace)

    def show(self, stage: str | None = None) -> None:
        """Draw the status; `stage` is a new stage."""
        if stage is not None:
            self.status.stage = stage
        if self._live:
            self._live.update(table(self.status), refresh=True)
            return
        now_s = self.status.elapsed_s
        if self.status.stage != self._shown or now_s - self._shown_s >= LINE_EVERY_S:
            self._shown, self._shown_s = self.status.stage, now_s
            self.console.print(line(self.status), soft_wrap=True)


def line(status: Status) -> str:
    """Return the status as one line."""
    said = f"{status.elapsed_s:5.1f} s  {status.stage}"
    if status.published:
        said += f": {status.published:,} ticks in, {status.scored:,} scored"
    if status.scored:
        said += f", {status.rate:,.0f} a second, {status.by_code.total():,} findings, {status.dead} dead letters"
    return said


def table(status: Status) -> Group:
    """Return the status as tables."""
    figures = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(3):
        figures.add_column(style="dim", no_wrap=True)
        figures.add_column(justify="right", no_wrap=True)
    p50, p99 = status.delay_ms(0.5), status.delay_ms(0.99)
    figures.add_row(
        "ticks in",
        f"{status.published:,}",
        "  ticks a second",
        f"{status.rate:,.0f}",
        "  findings",
        f"{status.by_code.total():,}",
    )
    figures.add_row(
        "ticks scored", f"{status.scored:,}", "  latency p50", _ms(p50), "  dead letters", f"{status.dead} of {status.broken}"
    )
    first = "–" if status.first_scored_s is None else f"{status.first_scored_s:.1f} s"
    figures.add_row("first scored after", first, "  latency p99", _ms(p99), "", "")
    codes = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for _ in range(2):
        codes.add_column("findings of", no_wrap=True)
        codes.add_column("", justify="right")
    often = sorted(status.by_code.items(), key=lambda item: (-item[1], item[0]))[:CODES_SHOWN]
    for (left, count), right in zip(often[::2], [*often[1::2], ("", 0)], strict=False):
        codes.add_row(left, f"{count:,}", right[0], f"{right[1]:,}" if right[0] else "")
    head = Text(f"tickproof demo  {status.elapsed_s:5.1f} s  {status.stage}", style="bold")
    return Group(head, figures, *([codes] if often else []))


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f} ms"

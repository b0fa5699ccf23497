"""The two stages as plain objects, a worker for each channel and each shard, without Kafka, Flink or files.

The local engine and the Flink functions run these workers and nothing else: what is late, what is released, what is set aside
when a step fails, which versions verdicts carry and where control rows go is decided here, once. Workers give structured
results; `jobs.pipeline.outputs` makes records of them for the topics, `jobs.offline.result_tables` lines and tables for files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jobs.pipeline.decoding import RawRecord
from jobs.pipeline.guard import NO_STREAK, Guard, Streak
from jobs.pipeline.settings import PipelineSettings
from tickproof.channel import step as channels
from tickproof.channel.control_rows import LIFE
from tickproof.channel.routing import route, route_signs
from tickproof.channel.step import ChannelResult, ChannelState
from tickproof.errors import WireError
from tickproof.findings.finding import Finding
from tickproof.findings.second_statistics import SECOND_NS, Row, channel_rows
from tickproof.rules import VERSION
from tickproof.shard import step as scoring
from tickproof.shard.state import ShardState
from tickproof.shard.step import ShardResult
from tickproof.ticks.reorder_buffer import ReorderBuffer
from tickproof.ticks.schema import NS_PER_MS, Array, Ticks, concat

END_NS = 2**62
"""Event time when nothing can come any more."""


class Undecoded(NamedTuple):
    """A record that is not ticks, and why."""

    record: RawRecord
    error: WireError


class FailedTick(NamedTuple):
    """A decoded tick, alone, that a step failed on, and what was raised."""

    tick: Ticks
    error: Exception


class Overtaken(NamedTuple):
    """Ticks that came behind the watermark, and their verdicts (VERDICT), by the rules about a message alone."""

    ticks: Ticks
    verdicts: Array


class Split(NamedTuple):
    """Ticks that are in time, and those that the watermark has overtaken."""

    in_time: Ticks
    late: Ticks


@dataclass(frozen=True, slots=True)
class ChannelOutput:
    """What a channel's worker gives.

    Parameters
    ----------
    ticks : Ticks
        Stamped, in arrival order, without those that failed.
    rows : array of int64, shape (len(ticks),)
        Which row of the input each is.
    control_rows : Ticks
        Seconds and silences of the channel, for the shard where all channels meet.
    findings : list of Finding
    statistics : list of Row
    failed : list of FailedTick
    """

    ticks: Ticks
    rows: npt.NDArray[np.int64]
    control_rows: Ticks
    findings: list[Finding]
    statistics: list[Row]
    failed: list[FailedTick]


class ChannelWorker:
    """The first stage for one channel: its integrity, and what became of its records.

    Parameters
    ----------
    channel : str
    settings : PipelineSettings
    state : ChannelState, optional
        What is remembered of the channel; None: no tick of it was seen yet. Payloads that are not ticks do not change that.
    streak : Streak
        How many of its last ticks failed alike.
    """

    __slots__ = ("_guard", "_own", "_settings", "channel", "state")

    def __init__(
        self, channel: str, settings: PipelineSettings, state: ChannelState | None = None, streak: Streak = NO_STREAK
    ) -> None:
        self.channel = channel
        self.state = state
        self._settings = settings
        self._own = settings.channel.of(channel, settings.reference)
        self._guard = Guard[ChannelState, ChannelResult](f"channel {channel or '(unknown)'}", lambda result: result.state, streak)

    @property
    def streak(self) -> Streak:
        """How many of the last ticks failed alike."""
        return self._guard.streak

    def process(self, ticks: Ticks) -> ChannelOutput:
        """Check the channel's next ticks.

        Raises
        ------
        StepError
            Nothing succeeds any more; see `jobs.pipeline.guard`.
        """

        def step(state: ChannelState, part: Ticks, _last: bool) -> ChannelResult:
            return channels.step(state, part, self.channel, self._own)

        self.state, results, failures = self._guard.run(step, self.state or self._new_state(), ticks)
        rows = np.delete(np.arange(len(ticks)), [failure.row for failure in failures])
        return ChannelOutput(
            concat([result.ticks for result in results]),
            rows,
            concat([result.signs for result in results]),
            [finding for result in results for finding in result.findings],
            [row for result in results for row in channel_rows(result.seconds, self.channel)],
            [FailedTick(ticks.take(slice(row, row + 1)), error) for row, error in failures],
        )

    def reject(self, undecoded: Undecoded) -> list[Finding]:
        """Report a record of the channel that could not be decoded. On a channel without ticks each is a finding by itself.

        Raises
        ------
        StepError
            Nothing succeeds any more; see `jobs.pipeline.guard`. The record is a dead letter whatever comes of its finding.
        """
        record, error = undecoded
        where: dict[str, object] = {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp_ns": record.timestamp_ms * NS_PER_MS,
        }
        try:
            state, findings = channels.reject(self.state or self._new_state(), error, self.channel, where)
        except Exception as failure:
            # A bug, as where a step fails on a tick.
            self._guard.count(failure)
            return []
        if self.state is not None:
            self.state = state
        return findings

    def open_findings(self) -> list[Finding]:
        """Return the findings that no event closed."""
        return self.state.tracker.open_findings() if self.state else []

    def _new_state(self) -> ChannelState:
        return ChannelState.new(VERSION, self._settings.reference.feeds())


def routed(ticks: Ticks, control_rows: Ticks, settings: PipelineSettings) -> list[tuple[int, Ticks]]:
    """Return one channel's stamped ticks and its control rows by the shard that they go to, in arrival order."""
    to_shards = route(ticks, settings.shards, settings.reference.shard_groups) if len(ticks) else []
    return to_shards + route_signs(control_rows, settings.shards)


def split(ticks: Ticks, watermark_ns: int | npt.NDArray[np.int64]) -> Split:
    """Part ticks that are late, those with an event time below the watermark, from the others.

    Parameters
    ----------
    ticks : Ticks
        Stamped.
    watermark_ns : int or array of int64, shape (len(ticks),)
        The watermark that each tick met.
    """
    late = ticks.rows["event_time"] < watermark_ns
    if not late.any():
        return Split(ticks, ticks.take(slice(0, 0)))
    return Split(ticks.take(~late), ticks.take(late))


@dataclass(frozen=True, slots=True)
class ShardOutput:
    """What a shard's worker releases: the results of its steps in order, and the ticks that a step failed on.

    `failed_control_rows` counts rows of other kinds that it failed on: what channels report, which is no tick and no dead letter.
    """

    results: list[ShardResult]
    failed: list[FailedTick]
    failed_control_rows: int = 0


class ShardWorker:
    """The second stage for one shard: ticks wait for the watermark, and are scored in the order of event time.

    Parameters
    ----------
    shard : int
    settings : PipelineSettings
        With the model loaded.
    state : ShardState, optional
        What is remembered of the shard; a new shard by default.
    waiting : ReorderBuffer, optional
        Ticks that arrived and were not released yet.
    streak : Streak
        How many of its last ticks failed alike.
    """

    __slots__ = ("_guard", "_late_guard", "_settings", "released_ns", "shard", "state", "waiting")

    def __init__(
        self,
        shard: int,
        settings: PipelineSettings,
        state: ShardState | None = None,
        waiting: ReorderBuffer | None = None,
        streak: Streak = NO_STREAK,
    ) -> None:
        self.shard = shard
        self.state = ShardState.new(settings.versions.model, settings.reference) if state is None else state
        self.waiting = ReorderBuffer() if waiting is None else waiting
        self.released_ns = -END_NS
        self._settings = settings
        self._guard = Guard[ShardState, ShardResult](f"shard {shard}", lambda result: result.state, streak)
        # Late ticks come when they come: their failures are not in the row of the others.
        self._late_guard = Guard[None, Array](f"shard {shard}, late ticks", lambda _result: None)

    @property
    def streak(self) -> Streak:
        """How many of the last ticks failed alike."""
        return self._guard.streak

    def add(self, ticks: Ticks) -> None:
        """Take ticks that are in time: none lies below `released_ns`."""
        self.waiting.add(ticks)

    def overtake(self, ticks: Ticks) -> tuple[Overtaken, list[FailedTick]]:
        """Judge late ticks by their message alone, and return those apart on which that fails.

        They move no state; late control rows are dropped.

        Raises
        ------
        StepError
            Nothing succeeds any more; see `jobs.pipeline.guard`.
        """
        own = ticks.take(_is_own(ticks))

        def step(_state: None, part: Ticks, _last: bool) -> Array:
            return scoring.overtaken(part, self._settings.reference)

        _, results, failures = self._late_guard.run(step, None, own)
        failed = [FailedTick(own.take(slice(row, row + 1)), error) for row, error in failures]
        judged = own.take(np.delete(np.arange(len(own)), [row for row, _ in failures])) if failures else own
        return Overtaken(judged, np.concatenate(results)), failed

    def release(self, before_ns: int) -> ShardOutput:
        """Score the ticks below `before_ns`, the watermark; nothing where it has not moved on.

        Raises
        ------
        StepError
            Nothing succeeds any more; see `jobs.pipeline.guard`.
        """
        if before_ns <= self.released_ns:
            return ShardOutput([], [])
        due = self.waiting.release(before_ns)

        def step(state: ShardState, part: Ticks, last: bool) -> ShardResult:
            return scoring.step(state, part, before_ns if last else -END_NS, self._settings.shard)

        self.state, results, failures = self._guard.run(step, self.state, due)
        self.released_ns = before_ns
        own = _is_own(due)
        failed = [FailedTick(due.take(slice(row, row + 1)), error) for row, error in failures if own[row]]
        return ShardOutput(results, failed, len(failures) - len(failed))

    def next_due_ns(self) -> int | None:
        """Return the event time from which on a release has something to score, to make final or to count; None: nothing."""
        lookahead_ns = self._settings.shard.lookahead_ns
        due = []
        first = self.waiting.first_ns()
        if first is not None:
            due.append(first)
        if self.state.final < len(self.state.block):
            due.append(int(self.state.block.rows["event_time"][self.state.final]) + lookahead_ns)
        if due:
            return min(due)
        # Nothing that waits would end the seconds that are counted at present.
        counted = self.state.accumulators["second"][self.state.counted]
        return int(counted.min()) * SECOND_NS + lookahead_ns if len(counted) else None

    def open_findings(self) -> list[Finding]:
        """Return the findings that no event closed."""
        return self.state.tracker.open_findings()


def _is_own(ticks: Ticks) -> npt.NDArray[np.bool_]:
    """Which rows are the shard's own ticks: others are copies of heartbeats that another shard scores, and control rows."""
    return np.asarray((ticks.rows["reasons"] & LIFE) == 0)

"""The engine without Kafka and Flink: the same steps over the same ticks, in one process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tickproof.channel import step as channels
from tickproof.channel.routing import route, route_signs
from tickproof.channel.step import ChannelSettings, ChannelState
from tickproof.findings.finding import Finding
from tickproof.findings.second_statistics import Row, channel_rows
from tickproof.reference.data import NOTHING, Reference
from tickproof.rules import table as rules
from tickproof.shard import step as scoring
from tickproof.shard.state import ShardState
from tickproof.shard.step import ShardResult, ShardSettings
from tickproof.ticks.schema import Array, Ticks
from tickproof.ticks.waiting import Waiting

END_NS = 2**62
"""Event time when nothing can come any more."""
MINIMUM_SLICE = 20_000
"""Ticks that wait before a slice is released: the results do not depend on it."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the results depend on."""

    shards: int = 4
    channel: ChannelSettings = field(default_factory=ChannelSettings)
    shard: ShardSettings = field(default_factory=ShardSettings)
    reference: Reference = NOTHING


@dataclass(frozen=True, slots=True)
class Output:
    """What came out of one call: scored ticks by shard in its order, findings (every revision), rows of statistics."""

    scored: list[tuple[int, ShardResult]]
    findings: list[Finding]
    statistics: list[Row]
    overtaken: list[tuple[Ticks, Array]]


class Engine:
    """Ticks in arrival order in, verdicts and findings out.

    Parameters
    ----------
    settings : EngineSettings
    """

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._channels: dict[str, ChannelState] = {}
        version = settings.shard.detector.version if settings.shard.detector else "none"
        self._shards = [ShardState.new(version, settings.reference) for _ in range(settings.shards)]
        self._feeds, self._groups = settings.reference.feeds(), settings.reference.groups()
        self._waiting = [Waiting() for _ in range(settings.shards)]
        self._released_ns = -END_NS
        self._seen_ns = -END_NS

    def feed(self, ticks: Ticks) -> Output:
        """Take the next ticks, of any channels, in capture order."""
        findings: list[Finding] = []
        statistics: list[Row] = []
        overtaken: list[tuple[Ticks, Array]] = []
        for name, part in by_channel(ticks):
            state = self._channels.get(name) or ChannelState.new(rules.VERSION, self._feeds)
            result = channels.step(state, part, name, self._settings.channel.of(name, self._settings.reference))
            self._channels[name] = result.state
            # Event time, not the capture clock itself: one implausible jump of the clock would overtake all that follows.
            self._seen_ns = max(self._seen_ns, int(result.ticks.rows["event_time"].max()))
            findings += result.findings
            statistics += channel_rows(result.seconds, name)
            routed = route(result.ticks, self._settings.shards, self._groups)
            for shard, mine in routed + route_signs(result.signs, self._settings.shards):
                late = mine.rows["event_time"] < self._released_ns
                if late.any():
                    behind = mine.take(late & ((mine.rows["reasons"] & scoring.LIFE) == 0))
                    overtaken.append((behind, scoring.overtaken(behind, self._settings.reference)))
                    mine = mine.take(~late)
                self._waiting[shard].add(mine)
        if sum(len(waiting) for waiting in self._waiting) < MINIMUM_SLICE:
            return Output([], findings, statistics, overtaken)
        return self._release(self._seen_ns - self._settings.channel.out_of_orderness_ns, findings, statistics, overtaken)

    def finish(self) -> Output:
        """No more ticks: everything becomes final."""
        return self._release(END_NS, [], [], [])

    def open_findings(self) -> list[Finding]:
        """Findings that no event closed."""
        trackers = [state.tracker for state in self._channels.values()] + [state.tracker for state in self._shards]
        return [finding for tracker in trackers for finding in tracker.open_findings()]

    def _release(
        self, before_ns: int, findings: list[Finding], statistics: list[Row], overtaken: list[tuple[Ticks, Array]]
    ) -> Output:
        scored: list[tuple[int, ShardResult]] = []
        if before_ns > self._released_ns:
            self._released_ns = before_ns
            for shard, waiting in enumerate(self._waiting):
                result = scoring.step(self._shards[shard], waiting.release(before_ns), before_ns, self._settings.shard)
                self._shards[shard] = result.state
                findings += result.findings
                statistics += result.seconds
                scored.append((shard, result))
        return Output(scored, findings, statistics, overtaken)


def by_channel(ticks: Ticks) -> Iterator[tuple[str, Ticks]]:
    """The ticks of each channel, in arrival order, by the channel's first tick."""
    codes = ticks.rows["channel"]
    seen, first = np.unique(codes, return_index=True)
    for code in seen[np.argsort(first)].tolist():
        yield ticks.names[code], ticks if len(seen) == 1 else ticks.take(codes == code)

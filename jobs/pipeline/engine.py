"""The local engine: the workers of both stages in a loop, over ticks in capture order, without Kafka and Flink.

Its watermark is a function of the order of the input alone: a tick meets the latest event time of all ticks before it, less the
out-of-orderness. A tick whose event time lies below that is overtaken, however the input is cut into calls and whenever slices
are released.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from jobs.pipeline.channel_key import channel_of
from jobs.pipeline.settings import PipelineSettings
from jobs.pipeline.workers import (
    END_NS,
    ChannelOutput,
    ChannelWorker,
    FailedTick,
    Overtaken,
    ShardOutput,
    ShardWorker,
    Undecoded,
    routed,
    split,
)
from tickproof.findings.finding import Finding
from tickproof.findings.second_statistics import Row
from tickproof.shard.step import ShardResult
from tickproof.ticks.schema import Ticks

MINIMUM_SLICE = 20_000
"""Ticks that wait before a slice is released: for speed, no result depends on it."""


@dataclass(slots=True)
class Output:
    """What came out of one call.

    Parameters
    ----------
    scored : list of (shard, ShardResult)
        Ticks that became final, by shard and in its order.
    findings : list of Finding
        Every revision.
    statistics : list of Row
    overtaken : list of Overtaken
        Ticks that came behind the watermark.
    failed : list of FailedTick
        Ticks that a step failed on.
    failed_control_rows : int
        What channels reported and a shard's step failed on.
    """

    scored: list[tuple[int, ShardResult]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    statistics: list[Row] = field(default_factory=list)
    overtaken: list[Overtaken] = field(default_factory=list)
    failed: list[FailedTick] = field(default_factory=list)
    failed_control_rows: int = 0

    def add_channel(self, output: ChannelOutput) -> None:
        """Take what a channel's worker gave."""
        self.findings.extend(output.findings)
        self.statistics.extend(output.statistics)
        self.failed.extend(output.failed)

    def add_shard(self, shard: int, output: ShardOutput) -> None:
        """Take what a shard's worker released."""
        for result in output.results:
            self.scored.append((shard, result))
            self.findings.extend(result.findings)
            self.statistics.extend(result.seconds)
        self.failed.extend(output.failed)
        self.failed_control_rows += output.failed_control_rows


class Engine:
    """Ticks in capture order in, verdicts and findings out.

    Parameters
    ----------
    settings : PipelineSettings
        With the model loaded.
    """

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings
        self._channels: dict[str, ChannelWorker] = {}
        self._shards = [ShardWorker(shard, settings) for shard in range(settings.shards)]
        self._latest_ns = -END_NS

    def feed(self, ticks: Ticks) -> Output:
        """Take the next ticks, of any channels, in capture order.

        Raises
        ------
        StepError
            Nothing succeeds any more; see `jobs.pipeline.guard`.
        """
        out = Output()
        parts: list[tuple[ChannelOutput, npt.NDArray[np.int64]]] = []
        # A tick that a step failed on has no event time and moves no watermark.
        event_times = np.full(len(ticks), -END_NS)
        for name, places in by_channel(ticks):
            if name not in self._channels:
                self._channels[name] = ChannelWorker(name, self._settings)
            output = self._channels[name].process(ticks.take(places) if len(places) < len(ticks) else ticks)
            out.add_channel(output)
            parts.append((output, places[output.rows]))
            event_times[parts[-1][1]] = output.ticks.rows["event_time"]
        watermarks = self._watermarks(event_times)
        for output, places in parts:
            self._hand_over(output, watermarks[places], out)
        if sum(len(worker.waiting) for worker in self._shards) >= MINIMUM_SLICE:
            self._release(self._watermark(self._latest_ns), out)
        return out

    def reject(self, undecoded: Undecoded) -> list[Finding]:
        """Report a record that could not be decoded, as the job does."""
        record = undecoded.record
        name = channel_of(record.key, record.value, record.headers)
        return (self._channels.get(name) or ChannelWorker(name, self._settings)).reject(undecoded)

    def finish(self) -> Output:
        """Make everything final: there are no more ticks."""
        out = Output()
        self._release(END_NS, out)
        return out

    def open_findings(self) -> list[Finding]:
        """Return the findings that no event closed."""
        workers: list[ChannelWorker | ShardWorker] = [*self._channels.values(), *self._shards]
        return [finding for worker in workers for finding in worker.open_findings()]

    def _watermark(self, latest_ns: int) -> int:
        return latest_ns - self._settings.channel.out_of_orderness_ns

    def _watermarks(self, event_times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the watermark that each tick meets, and move the latest event time on.

        By event time, not by the capture clock: one implausible jump of a clock would overtake all that follows.
        """
        latest = np.maximum.accumulate(np.concatenate([[self._latest_ns], event_times]))
        self._latest_ns = int(latest[-1])
        return latest[:-1] - self._settings.channel.out_of_orderness_ns

    def _hand_over(self, output: ChannelOutput, watermarks: npt.NDArray[np.int64], out: Output) -> None:
        """Give a channel's ticks and control rows to the shards; late ticks get their verdicts at once."""
        in_time, late = split(output.ticks, watermarks)
        control_rows = output.control_rows
        if len(late):
            # A control row is late as is the tick that made it known: the last one of its event time.
            known_by = np.searchsorted(output.ticks.rows["event_time"], control_rows.rows["event_time"], "right") - 1
            control_rows = split(control_rows, watermarks[known_by]).in_time
            for shard, mine in routed(late, late.take(slice(0, 0)), self._settings):
                overtaken, failed = self._shards[shard].overtake(mine)
                out.overtaken.append(overtaken)
                out.failed.extend(failed)
        for shard, mine in routed(in_time, control_rows, self._settings):
            self._shards[shard].add(mine)

    def _release(self, before_ns: int, out: Output) -> None:
        for worker in self._shards:
            out.add_shard(worker.shard, worker.release(before_ns))


def by_channel(ticks: Ticks) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """Yield each channel and the rows of its ticks, in arrival order, by the channel's first tick."""
    codes = ticks.rows["channel"]
    seen, first = np.unique(codes, return_index=True)
    for code in seen[np.argsort(first)].tolist():
        yield ticks.names[code], np.flatnonzero(codes == code) if len(seen) > 1 else np.arange(len(ticks))

"""The job's Flink functions without Flink: state, timers and keys are plain dictionaries, and outputs are lists.

Bytes take the way that they take in the job: gathered, decoded and packed, stage 1, packed, stage 2, records for topics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pyflink.datastream import OutputTag

from jobs.flink.batching import gathered
from jobs.flink.functions import BATCHED, ChannelStage, ShardStage
from jobs.pipeline.decoding import RawRecord
from jobs.pipeline.settings import PipelineSettings
from tickproof.findings.finding import Finding, decode
from tickproof.ticks.schema import NS_PER_MS, Array, Ticks
from tickproof.wire import decode_scored, encode_frame

TOPIC = "ticks.raw"
FINAL_MS = 2**63 // NS_PER_MS
"""The watermark at the end of the input."""


class KeyedPages:
    """Flink's MapState: a dictionary for each key, of which the current one is seen."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._by_key: dict[str, dict[int, bytes]] = {}

    @property
    def _pages(self) -> dict[int, bytes]:
        return self._by_key.setdefault(self._context.key, {})

    def get(self, key: int) -> bytes | None:
        """Return one value."""
        return self._pages.get(key)

    def put(self, key: int, value: bytes) -> None:
        """Set one value."""
        self._pages[key] = value

    def items(self) -> Iterable[tuple[int, bytes]]:
        """Return all of the current key."""
        return self._pages.items()

    def clear(self) -> None:
        """Forget all of the current key."""
        self._pages.clear()


@dataclass(frozen=True, slots=True)
class MetricCounter:
    """A counter among the metrics."""

    name: str
    counts: dict[str, int]

    def inc(self, count: int) -> None:
        """Count."""
        self.counts[self.name] = self.counts.get(self.name, 0) + count


@dataclass(slots=True)
class Context:
    """The runtime context of one stage, and the context of its calls."""

    key: str = ""
    watermark_ms: int = -(2**63) // NS_PER_MS
    timers: set[tuple[int, str]] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)
    states: dict[str, KeyedPages] = field(default_factory=dict)

    def get_map_state(self, descriptor: Any) -> KeyedPages:
        """Return a state by its name: a stage that is made anew finds what the one before it wrote."""
        return self.states.setdefault(descriptor.name, KeyedPages(self))

    def get_metrics_group(self) -> Context:
        """Return the metrics, which are this object."""
        return self

    def counter(self, name: str) -> MetricCounter:
        """Return a counter by its name."""
        return MetricCounter(name, self.counts)

    def get_current_key(self) -> str:
        """Return the key of the call."""
        return self.key

    def timer_service(self) -> Context:
        """Return the timers, which are this object."""
        return self

    def current_watermark(self) -> int:
        """Return the watermark in ms."""
        return self.watermark_ms

    def register_event_time_timer(self, time_ms: int) -> None:
        """Set a timer."""
        self.timers.add((time_ms, self.key))


class Shells:
    """Both stages of a job.

    Parameters
    ----------
    settings : PipelineSettings
        Without the model.
    """

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings
        self._keys = [f"{shard}.0" for shard in range(settings.shards)]
        self._channel, self._shard = Context(), Context()
        self.out: dict[str, list[Any]] = {}
        self.restart()

    def restart(self) -> None:
        """Make both stages anew, from what the state store holds."""
        self._stages = ChannelStage(self._settings, TOPIC, self._keys), ShardStage(self._settings, TOPIC)
        self._stages[0].open(self._channel)
        self._stages[1].open(self._shard)

    def send(self, records: Sequence[RawRecord]) -> None:
        """Send records of the topic through both stages."""
        for _, channel, data in gathered(records):
            self._channel.key = channel
            for shard_key, packed in self._collected(self._stages[0].process_element(data, self._channel)):
                self._shard.key = shard_key
                list(self._collected(self._stages[1].process_element(packed, self._shard)))

    def advance(self, watermark_ms: int) -> None:
        """Move the watermark, and fire the timers that it passes."""
        self._shard.watermark_ms = watermark_ms
        while due := sorted(timer for timer in self._shard.timers if timer[0] <= watermark_ms):
            self._shard.timers.discard(due[0])
            time_ms, self._shard.key = due[0]
            list(self._collected(self._stages[1].on_timer(time_ms, self._shard)))

    def _collected(self, given: Iterator[Any]) -> Iterator[Any]:
        """Keep what goes to a sink, and yield the rest."""
        for item in given:
            if isinstance(item, tuple) and isinstance(item[0], OutputTag):
                tag, row = item
                rows = row[0] if tag.tag_id in BATCHED else [row]
                self.out.setdefault(tag.tag_id, []).extend(rows)
            else:
                yield item

    def count(self, name: str) -> int:
        """Return a counter of the shards' stage."""
        return self._shard.counts.get(name, 0)

    def findings(self) -> list[Finding]:
        """Return every revision that was written."""
        return [decode(row[1]) for row in self.out.get("findings", [])]

    def scored(self, overtaken: bool = False) -> list[tuple[Ticks, Array]]:
        """Return the ticks that were written with their verdicts, or those of them that came behind the watermark."""
        rows = [row for row in self.out.get("scored", []) if ("tickproof.overtaken" in row[3]) == overtaken]
        return [decode_scored(row[1], row[3]) for row in rows]


def as_records(ticks: Ticks, rows: int = 100) -> list[RawRecord]:
    """Return ticks of several channels as frames of so many ticks, in the order in which the frames are full."""
    records: list[RawRecord] = []
    for start in range(0, len(ticks), rows):
        part = ticks.take(slice(start, start + rows))
        for code in np.unique(part.rows["channel"]).tolist():
            payload = encode_frame(part.take(part.rows["channel"] == code))
            at = int(part.rows["ts_recv"][0]) // NS_PER_MS
            key = part.names[code].encode()
            records.append(RawRecord(TOPIC, 0, len(records), at, key, payload.value, dict(payload.headers)))
    return records

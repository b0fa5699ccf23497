"""The two stages of the job as plain objects: what a Flink function feeds and asks, without Flink.

`ChannelWorker` and `ShardWorker` hold one key's memory, decide what goes out, and say what the state store must remember.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.pipeline import outputs
from jobs.pipeline.decoding import RawRecord
from jobs.pipeline.guard import guarded
from jobs.pipeline.journal import SNAPSHOT_BYTES
from jobs.pipeline.outputs import Origin, Record
from jobs.pipeline.tick_bytes import pack
from tickproof.channel import step as channels
from tickproof.channel.control_rows import LIFE
from tickproof.channel.routing import route, route_signs
from tickproof.channel.step import ChannelResult, ChannelSettings, ChannelState
from tickproof.errors import WireError
from tickproof.findings.event import MOMENT
from tickproof.findings.finding import BY_NAME, Finding
from tickproof.findings.second_statistics import SECOND_NS, channel_rows
from tickproof.findings.tracker import Member, Scope, Tracker
from tickproof.reference.data import NOTHING, Reference
from tickproof.rules import table as rules
from tickproof.shard import step as scoring
from tickproof.shard.state import ShardState
from tickproof.shard.step import ShardResult, ShardSettings
from tickproof.ticks.reorder_buffer import ReorderBuffer
from tickproof.ticks.schema import NS_PER_MS, Ticks, concat

END_NS = 2**62


@dataclass(frozen=True, slots=True)
class StageSettings:
    """What both stages need; it travels to the workers."""

    topic: str
    shards: int
    channel: ChannelSettings
    lookahead_ns: int
    threshold: float
    model: str | None
    """Folder of the model, or None for rules only."""
    reference: Reference = NOTHING
    slice_ms: int = 20
    """Event time that one release covers at least: no input of any verdict."""


Decoded = tuple[Ticks, list[tuple[RawRecord, WireError]]]
"""Ticks of some records, and the records that are none with the reason."""


@dataclass(frozen=True, slots=True)
class ChannelOutput:
    """What a channel's stage gives: ticks by shard, and records for topics."""

    routed: list[tuple[int, Ticks]]
    records: list[Record]


def process_channel(
    state: ChannelState | None, channel: str, parts: Sequence[Decoded], settings: StageSettings
) -> tuple[ChannelState | None, ChannelOutput]:
    """Check the integrity of what the next records of one channel gave, and route its ticks.

    A state of None is a channel of which no tick was seen yet; payloads that cannot be decoded do not make one.
    """
    routed: list[tuple[int, Ticks]] = []
    out: list[Record] = []
    for ticks, rejected in parts:
        for record, error in rejected:
            out.append(outputs.dead_letter(record.origin, record.value, "VALUE_CONVERTER", error))
            state, findings = _reject(state, error, channel, record.origin)
            out += outputs.findings(findings)
        if not len(ticks):
            continue
        before = state or ChannelState.new(rules.VERSION, settings.reference.feeds())

        def step(old: ChannelState, part: Ticks, _last: bool) -> ChannelResult:
            return channels.step(old, part, channel, settings.channel.of(channel, settings.reference))

        moved, results, failures = guarded(step, before, ticks, lambda result: result.state)
        state = moved
        out += [outputs.dead_tick(ticks, row, settings.topic, error) for row, error in failures]
        for result in results:
            routed += route(result.ticks, settings.shards, settings.reference.shard_groups)
            routed += route_signs(result.signs, settings.shards)
            out += outputs.findings(result.findings)
            out += outputs.statistics(channel_rows(result.seconds, channel))
    return state, ChannelOutput(routed, out)


def _reject(
    state: ChannelState | None, error: WireError, channel: str, origin: Origin
) -> tuple[ChannelState | None, list[Finding]]:
    """The finding of one dead letter. Of a channel that has no ticks it is one by itself, and leaves no state behind."""
    where: dict[str, object] = {
        "topic": origin.topic,
        "partition": origin.partition,
        "offset": origin.offset,
        "timestamp_ns": origin.timestamp_ms * NS_PER_MS,
    }
    if state is not None:
        return channels.reject(state, error, channel, where)
    code = BY_NAME["schema_changed" if error.schema_changed else "payload_unreadable"].bit
    at = origin.timestamp_ms * NS_PER_MS
    nothing = float("nan")
    member = Member(code, MOMENT, Scope(channel), (origin.partition, origin.offset), at, at, (nothing, nothing, nothing))
    return None, Tracker(rules.VERSION).observe(member, lambda: where | {"error": str(error)})


@dataclass(slots=True)
class ShardMemory:
    """One shard between calls. `journal_bytes` and `frames` say how much the state store holds since the last snapshot.

    `snapshot_at` is the length of the journal at which a snapshot may be worth its bytes: how many those are is only known by
    packing one, which must not happen at each release.
    """

    state: ShardState
    waiting: ReorderBuffer
    released_ns: int = -END_NS
    frames: int = 0
    journal_bytes: int = 0
    snapshot_at: int = SNAPSHOT_BYTES
    timer_ms: int | None = None

    def next_timer_ms(self, settings: StageSettings) -> int | None:
        """When, in event time, there is something to release, to make final, or to count."""
        due = []
        first = self.waiting.first_ns()
        if first is not None:
            due.append(first)
        if self.state.final < len(self.state.block):
            due.append(int(self.state.block.rows["event_time"][self.state.final]) + settings.lookahead_ns)
        if not due:
            # Nothing that waits would end the seconds that are counted at present.
            counted = self.state.accumulators["second"][self.state.counted]
            if not len(counted):
                return None
            due.append(int(counted.min()) * SECOND_NS + settings.lookahead_ns)
        slice_ms = settings.slice_ms
        # A tick of T is released by a watermark above T.
        return (min(due) // NS_PER_MS + slice_ms) // slice_ms * slice_ms


def arrive(memory: ShardMemory, shard: int, ticks: Ticks, versions: tuple[str, str]) -> tuple[Ticks, list[Record]]:
    """Let ticks wait. Those that the watermark overtook are judged by themselves; the others are returned, for the journal."""
    late = ticks.rows["event_time"] < memory.released_ns
    if not late.any():
        memory.waiting.add(ticks)
        return ticks, []
    behind = ticks.take(late & ((ticks.rows["reasons"] & LIFE) == 0))
    kept = ticks.take(~late)
    memory.waiting.add(kept)
    records = []
    for record in outputs.scored(shard, behind, scoring.overtaken(behind, memory.state.reference), versions):
        records.append(record._replace(headers=record.headers | {"tickproof.overtaken": str(len(behind)).encode()}))
    return kept, records


def release(
    memory: ShardMemory, shard: int, before_ns: int, scoring_settings: ShardSettings, settings: StageSettings
) -> list[Record]:
    """Walk what the watermark has passed; the records to write. Moves `memory`."""
    if before_ns <= memory.released_ns:
        return []
    due = memory.waiting.release(before_ns)

    def step(old: ShardState, part: Ticks, last: bool) -> ShardResult:
        return scoring.step(old, part, before_ns if last else -END_NS, scoring_settings)

    memory.state, results, failures = guarded(step, memory.state, due, lambda result: result.state)
    memory.released_ns = before_ns
    version = scoring_settings.detector.version if scoring_settings.detector else "none"
    # A sign of life is the copy of a heartbeat that another shard scores.
    own = (due.rows["reasons"] & LIFE) == 0
    records = [outputs.dead_tick(due, row, settings.topic, error) for row, error in failures if own[row]]
    for result in results:
        records += outputs.scored(shard, result.final, result.verdicts, (rules.VERSION, version))
        records += outputs.urgent(shard, result.urgent, result.urgent_verdicts)
        records += outputs.findings(result.findings)
        records += outputs.statistics(result.seconds)
    return records


def packed(routed: list[tuple[int, Ticks]]) -> list[tuple[int, bytes]]:
    """Routed ticks for the way to the shards: one message a shard."""
    by_shard: dict[int, list[Ticks]] = {}
    for shard, ticks in routed:
        by_shard.setdefault(shard, []).append(ticks)
    return [(shard, pack(concat(parts))) for shard, parts in sorted(by_shard.items())]

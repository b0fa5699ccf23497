"""One channel's integrity: ticks in arrival order in, the same ticks stamped out, with findings and a row a second."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tickproof import channel_kernel as kernel
from tickproof.errors import WireError
from tickproof.event import EVENT, MOMENT
from tickproof.evidence import of_tick
from tickproof.finding import BY_NAME, CODES, Finding, fact_score
from tickproof.reference import Reference
from tickproof.tick import Array, Ticks, copied
from tickproof.tracking import Member, Scope, Tracker

STATE_VERSION = 1
PAGE_ROWS = 64
"""The ring goes to the state store in pages of 1 KiB, so that a frame of one tick writes one."""
SEQUENCE_MODES = {"contiguous": kernel.CONTIGUOUS, "increasing": kernel.INCREASING, "shared": kernel.SHARED, "none": kernel.NONE}


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """What a channel's stage must know: `sequence` as in the reference data, and how late a tick may be, in ns."""

    sequence: str = "contiguous"
    out_of_orderness_ns: int = 1_000_000_000

    def of(self, channel: str, reference: Reference) -> ChannelSettings:
        """These settings with what reference data say of a channel."""
        known = reference.channels.get(channel)
        return self if known is None else ChannelSettings(known.sequence, self.out_of_orderness_ns)

    def array(self) -> Array:
        """The settings as the kernel takes them."""
        return np.array([(self.out_of_orderness_ns, SEQUENCE_MODES[self.sequence])], kernel.SETTINGS)


@dataclass(frozen=True, slots=True)
class ChannelState:
    """Everything that a channel remembers: about 70 KB. Not written to; a step returns a new one."""

    header: Array
    ring: Array
    histogram: Array
    tracker: Tracker

    @classmethod
    def new(cls, rules_version: str = "", feeds: Mapping[str, str] | None = None) -> ChannelState:
        """A channel of which nothing was seen yet."""
        return cls(
            np.zeros(1, kernel.CHANNEL),
            np.zeros(kernel.RING_SIZE, kernel.RING),
            np.zeros(kernel.LATENCY_BINS, np.int64),
            Tracker(rules_version, feeds=feeds),
        )


@dataclass(frozen=True, slots=True)
class ChannelResult:
    """What one step gives: `seconds` are records of SECOND_ROW."""

    state: ChannelState
    ticks: Ticks
    findings: list[Finding]
    seconds: Array


def step(state: ChannelState, ticks: Ticks, channel: str, settings: ChannelSettings) -> ChannelResult:
    """Check the next ticks of `channel`; how they are cut into steps does not matter."""
    rows = copied(ticks.rows)
    header, ring, histogram, tracker = copied(state.header), copied(state.ring), state.histogram.copy(), state.tracker.copy()
    events = np.zeros(5 * len(rows) + 5, EVENT)
    seconds = np.zeros(len(rows) + 1, kernel.SECOND_ROW)
    hashes = np.array([*(_name_hash(name) for name in ticks.names), 0], np.uint64)
    n, m = kernel.walk(rows, hashes, (header, ring, histogram), settings.array(), (events, seconds))
    stamped = Ticks(rows, ticks.names)
    findings: list[Finding] = []
    for event in events[:n].tolist():
        row, _, time, first_ts, measured, threshold, reference, code, mode, *_ = event
        position = (int(rows["ts_recv"][row]), int(rows["ordinal"][row])) if row >= 0 else (first_ts, -1)
        values, score = (measured, threshold, reference), fact_score(CODES[code])
        member = Member(code, mode, Scope(channel), position, time, first_ts, values, score=score)
        findings += tracker.observe(member, lambda row=row: of_tick(stamped, row) if row >= 0 else {})  # type: ignore[misc]
    findings += tracker.expire(int(header["event_time"][0]))
    return ChannelResult(ChannelState(header, ring, histogram, tracker), stamped, findings, seconds[:m])


def reject(state: ChannelState, error: WireError, channel: str, origin: dict[str, object]) -> tuple[ChannelState, list[Finding]]:
    """A payload of `channel` that could not be decoded: a finding, and nothing else changes.

    `origin` holds topic, partition, offset and `timestamp_ns`, the record's own.
    """
    tracker = state.tracker.copy()
    code = BY_NAME["schema_changed" if error.schema_changed else "payload_unreadable"].bit
    time = max(int(str(origin["timestamp_ns"])), int(state.header["event_time"][0]))
    position = (int(str(origin["partition"])), int(str(origin["offset"])))
    member = Member(code, MOMENT, Scope(channel), position, time, time, (float("nan"),) * 3, score=fact_score(CODES[code]))
    findings = tracker.observe(member, lambda: {**origin, "error": str(error)})
    return ChannelState(state.header, state.ring, state.histogram, tracker), findings


def pack(state: ChannelState, before: ChannelState | None = None) -> dict[int, bytes]:
    """The state as pages of bytes; with `before`, only the pages that differ from it. Page 0 is always there."""
    head = bytes([STATE_VERSION]) + state.header.tobytes() + state.histogram.tobytes() + state.tracker.pack()
    pages = state.ring.view(np.uint64).reshape(-1, 2 * PAGE_ROWS)
    if before is None:
        dirty = np.flatnonzero(pages.any(axis=1))
    elif before.ring is state.ring:
        dirty = np.zeros(0, np.int64)
    else:
        dirty = np.flatnonzero((pages != before.ring.view(np.uint64).reshape(-1, 2 * PAGE_ROWS)).any(axis=1))
    return {0: head} | {int(page) + 1: pages[page].tobytes() for page in dirty}


def unpack(pages: dict[int, bytes], rules_version: str = "", feeds: Mapping[str, str] | None = None) -> ChannelState:
    """The state that `pack` gave as pages."""
    state = ChannelState.new(rules_version, feeds)
    head = pages[0]
    if head[0] != STATE_VERSION:
        raise ValueError(f"channel state version {head[0]}, expected {STATE_VERSION}: start the job without this savepoint")
    end = 1 + state.header.nbytes
    state.header[:] = np.frombuffer(head[1:end], kernel.CHANNEL)
    state.histogram[:] = np.frombuffer(head[end : end + state.histogram.nbytes], np.int64)
    state.tracker.unpack(head[end + state.histogram.nbytes :])
    ring = state.ring.view(np.uint64).reshape(-1, 2 * PAGE_ROWS)
    for page, data in pages.items():
        if page:
            ring[page - 1] = np.frombuffer(data, np.uint64)
    return state


@lru_cache(maxsize=1 << 17)
def _name_hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")

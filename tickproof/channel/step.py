"""One channel's integrity: ticks in arrival order in, the same ticks stamped out, with findings and a row a second."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from tickproof.channel import control_rows as signs
from tickproof.channel import number_ring as counter
from tickproof.channel import walk as kernel
from tickproof.channel.bursts import STANDING
from tickproof.channel.clock_offset import FLOOR, FLOORS
from tickproof.channel.gaps import GAP, GAPS
from tickproof.channel.latency import BINS
from tickproof.channel.number_ring import RING, RING_SIZE
from tickproof.channel.second_counts import SLOTS
from tickproof.errors import WireError
from tickproof.findings.emit import HELD
from tickproof.findings.event import CLOSES, EVENT, HOLDS, MOMENT, OPENS, REBASES
from tickproof.findings.evidence import of_tick
from tickproof.findings.finding import BY_NAME, CODES, Finding, fact_score
from tickproof.findings.tracker import Member, Scope, Tracker
from tickproof.reference.data import Reference
from tickproof.reference.sessions import Sessions, tables
from tickproof.ticks.schema import Array, Ticks, concat
from tickproof.ticks.word_copy import copied

STATE_VERSION = 3
PAGE_ROWS = 64
"""The ring goes to the state store in pages of 1 KiB, so that a frame of one tick writes one."""
SEQUENCE_MODES = {
    "contiguous": counter.CONTIGUOUS,
    "increasing": counter.INCREASING,
    "shared": counter.SHARED,
    "none": counter.UNCOUNTED,
}
_SILENT = BY_NAME["silent"].bit
_NO_TIMES = np.zeros(0, np.int64)
Held = tuple[int, int, dict[str, Any]]
"""Position and evidence of a tick that is held in mind."""


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """What a channel's stage must know.

    Parameters
    ----------
    sequence : str
        As in the reference data.
    out_of_orderness_ns : int
        How late a tick may be.
    sessions : mapping
        Venue -> a calendar's code, or pairs (open, close) in ns.
    symbols : frozenset of str, optional
        The symbols that are listed on the channel, if that is known.
    """

    sequence: str = "contiguous"
    out_of_orderness_ns: int = 1_000_000_000
    sessions: Sessions = field(default_factory=dict)
    symbols: frozenset[str] | None = None

    def of(self, channel: str, reference: Reference) -> ChannelSettings:
        """These settings with what reference data say of a channel."""
        known, symbols = reference.channels.get(channel), reference.listings.get(channel, reference.anywhere) or None
        if known is None and symbols is None and not reference.sessions:
            return self
        return ChannelSettings(
            self.sequence if known is None else known.sequence, self.out_of_orderness_ns, reference.sessions, symbols
        )

    def array(self) -> Array:
        """The settings as the kernel takes them."""
        places = int(self.symbols is not None or bool(self.sessions))
        return np.array([(self.out_of_orderness_ns, SEQUENCE_MODES[self.sequence], places)], kernel.SETTINGS)


@dataclass(frozen=True, slots=True)
class ChannelState:
    """Everything that a channel remembers: about 70 KB. Not written to; a step returns a new one.

    `held` has the evidence and position of ticks of which a finding may still be told, by their place.
    """

    header: Array
    ring: Array
    gaps: Array
    floors: Array
    histogram: Array
    standing: Array
    slots: Array
    tracker: Tracker
    held: dict[int, Held]

    @classmethod
    def new(cls, rules_version: str = "", feeds: Mapping[str, str] | None = None) -> ChannelState:
        """A channel of which nothing was seen yet."""
        return cls(
            np.zeros(1, kernel.CHANNEL),
            np.zeros(RING_SIZE, RING),
            np.zeros(GAPS, GAP),
            np.zeros(FLOORS, FLOOR),
            np.zeros(BINS, np.int64),
            np.zeros(STANDING, np.uint64),
            np.zeros(SLOTS, np.uint64),
            Tracker(rules_version, feeds=feeds),
            {},
        )


@dataclass(frozen=True, slots=True)
class ChannelResult:
    """What one step gives: `seconds` are records of SECOND_ROW, `signs` are told where the channels of a job meet."""

    state: ChannelState
    ticks: Ticks
    findings: list[Finding]
    seconds: Array
    signs: Ticks


def step(state: ChannelState, ticks: Ticks, channel: str, settings: ChannelSettings) -> ChannelResult:
    """Check the next ticks of `channel`; how they are cut into steps does not matter."""
    rows = copied(ticks.rows)
    header, ring, gaps, floors = (copied(array) for array in (state.header, state.ring, state.gaps, state.floors))
    histogram, standing, slots = state.histogram.copy(), state.standing.copy(), state.slots.copy()
    tracker, held = state.tracker.copy(), dict(state.held)
    events = np.empty(kernel.EVENTS_A_TICK * len(rows) + kernel.EVENTS_BESIDE, EVENT)
    seconds = np.zeros(len(rows) + 1, kernel.SECOND_ROW)
    hashes = np.array([*(_name_hash(name) for name in ticks.names), 0], np.uint64)
    arrays = (header, ring, gaps, floors, histogram, standing, slots)
    n, m = kernel.walk(rows, hashes, arrays, settings.array(), _listing(state, ticks, settings), (events, seconds))
    stamped = Ticks(rows, ticks.names)
    findings: list[Finding] = []
    told_of = [signs.seconds_as_signs(seconds[:m], channel)]
    for event in events[:n].tolist():
        row, subject, time, first_ts, measured, threshold, reference, code, mode, *_ = event
        if code == _SILENT and mode in (OPENS, CLOSES):
            known_at = int(rows["event_time"][max(row, subject)])
            told_of.append(signs.silence_as_sign(event[2:7], mode == OPENS, known_at, channel))
        if mode == REBASES:
            findings += tracker.close_all()
            held.clear()
            continue
        if mode == HOLDS:
            held[subject + 1] = (int(rows["ts_recv"][row]), int(rows["ordinal"][row]), of_tick(stamped, row))
            continue
        told: Held = (first_ts, -1, {})
        if row >= 0:
            told = (int(rows["ts_recv"][row]), int(rows["ordinal"][row]), {})
        elif row <= HELD:
            told = held.get(HELD - row, told)
        values, score = (measured, threshold, reference), fact_score(CODES[code])
        member = Member(code, mode, Scope(channel), told[:2], time, first_ts, values, score=score)
        evidence = (lambda row=row: of_tick(stamped, row)) if row >= 0 else (lambda told=told: told[2])
        findings += tracker.observe(member, evidence)
    findings += tracker.expire(int(header["arrival"]["event_time"][0]))
    after = ChannelState(header, ring, gaps, floors, histogram, standing, slots, tracker, held)
    return ChannelResult(after, stamped, findings, seconds[:m], concat(told_of))


def reject(state: ChannelState, error: WireError, channel: str, origin: dict[str, object]) -> tuple[ChannelState, list[Finding]]:
    """A payload of `channel` that could not be decoded: a finding, and nothing else changes.

    `origin` holds topic, partition, offset and `timestamp_ns`, the record's own.
    """
    tracker = state.tracker.copy()
    code = BY_NAME["schema_changed" if error.schema_changed else "payload_unreadable"].bit
    time = max(int(str(origin["timestamp_ns"])), int(state.header["arrival"]["event_time"][0]))
    position = (int(str(origin["partition"])), int(str(origin["offset"])))
    member = Member(code, MOMENT, Scope(channel), position, time, time, (float("nan"),) * 3, score=fact_score(CODES[code]))
    findings = tracker.observe(member, lambda: {**origin, "error": str(error)})
    return replace(state, tracker=tracker), findings


def pack(state: ChannelState, before: ChannelState | None = None) -> dict[int, bytes]:
    """The state as pages of bytes; with `before`, only the pages that differ from it. Page 0 is always there."""
    rest = msgspec.msgpack.encode((state.tracker.pack(), sorted(state.held.items())))
    head = bytes([STATE_VERSION]) + b"".join(array.tobytes() for array in _arrays(state)) + rest
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
    start = 1
    for array in _arrays(state):
        array[:] = np.frombuffer(head, array.dtype, len(array), start)
        start += array.nbytes
    tracker, held = msgspec.msgpack.decode(head[start:], type=tuple[bytes, list[tuple[int, Held]]])
    state.tracker.unpack(tracker)
    state.held.update(held)
    ring = state.ring.view(np.uint64).reshape(-1, 2 * PAGE_ROWS)
    for page, data in pages.items():
        if page:
            ring[page - 1] = np.frombuffer(data, np.uint64)
    return state


def _listing(state: ChannelState, ticks: Ticks, settings: ChannelSettings) -> tuple[Array, ...]:
    """What is known of the names of a batch: is a symbol listed, and when is a venue open."""
    listed = np.ones(len(ticks.names) + 1, np.uint8)
    if settings.symbols is not None:
        listed[:-1] = [name in settings.symbols for name in ticks.names]
    times = np.append(ticks.rows["ts_recv"], state.header["arrival"]["event_time"]) if settings.sessions else _NO_TIMES
    return listed, *tables(ticks.names, settings.sessions, times)


def _arrays(state: ChannelState) -> tuple[Array, ...]:
    """What is written whole, in page 0."""
    return state.header, state.gaps, state.floors, state.histogram, state.standing, state.slots


@lru_cache(maxsize=1 << 17)
def _name_hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")

"""One channel's integrity: ticks in arrival order in, the same ticks stamped out, with findings and a row a second."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import numpy as np

from tickproof.channel.check_frame import EVENTS_A_TICK, EVENTS_BEFORE, FrameSettings, Listing, Outputs, check_frame
from tickproof.channel.clocks.drift import SCRATCH
from tickproof.channel.control_rows import seconds_as_signs, silence_as_sign
from tickproof.channel.second_rows import SECOND_ROW
from tickproof.channel.sequence.history import SequenceMode
from tickproof.channel.state import ChannelArrays, new_arrays
from tickproof.errors import WireError
from tickproof.findings.emit import events_of, new_log
from tickproof.findings.event import Event, Mode, NoRow
from tickproof.findings.evidence import of_tick
from tickproof.findings.finding import BY_NAME, CODES, Finding, fact_score
from tickproof.findings.tracker import Member, Scope, Tracker
from tickproof.reference.data import Reference
from tickproof.reference.sessions import Sessions, tables
from tickproof.ticks.schema import Array, Ticks, concat
from tickproof.ticks.word_copy import copied

STATE_VERSION = 4
_WITHOUT_SHIFT = 3
"""The version before this one, whose states lack the last array."""
PAGE_ROWS = 64
"""The ring goes to the state store in pages of 1 KiB, so that a frame of one tick writes one."""
_KEPT_PLACE = 0
"""Key of the tick that is kept, in page 0."""
_SILENT, _ORDER = BY_NAME["silent"].bit, BY_NAME["out_of_order"].bit
_NO_TIMES = np.zeros(0, np.int64)


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
        """Return these settings with what reference data say about a channel."""
        known, symbols = reference.channels.get(channel), reference.listings.get(channel, reference.anywhere) or None
        if known is None and symbols is None and not reference.sessions:
            return self
        return ChannelSettings(
            self.sequence if known is None else known.sequence, self.out_of_orderness_ns, reference.sessions, symbols
        )

    def for_frame(self) -> FrameSettings:
        """Return the settings as the compiled pass takes them."""
        has_listing = self.symbols is not None or bool(self.sessions)
        return FrameSettings(int(SequenceMode[self.sequence.upper()]), self.out_of_orderness_ns, has_listing)


class ShownTick(NamedTuple):
    """The tick that a finding shows: its position, and its evidence once that is needed."""

    ts_recv: int
    ordinal: int
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChannelState:
    """Everything that a channel remembers: about 70 KB. Not written to; a step returns a new one.

    `kept` is the first tick of the out-of-order run, of which a finding may still be reported.
    """

    arrays: ChannelArrays
    tracker: Tracker
    kept: ShownTick | None = None

    @classmethod
    def new(cls, rules_version: str = "", feeds: Mapping[str, str] | None = None) -> ChannelState:
        """Return the state of a channel before its first tick."""
        return cls(new_arrays(), Tracker(rules_version, feeds=feeds))


@dataclass(frozen=True, slots=True)
class ChannelResult:
    """What one step gives: `seconds` are records of SECOND_ROW, `signs` are control rows for where the channels of a job meet."""

    state: ChannelState
    ticks: Ticks
    findings: list[Finding]
    seconds: Array
    signs: Ticks


def step(state: ChannelState, ticks: Ticks, channel: str, settings: ChannelSettings) -> ChannelResult:
    """Check the next ticks of `channel`; how they are cut into steps does not matter."""
    rows, arrays = copied(ticks.rows), ChannelArrays(*(copied(array) for array in state.arrays))
    log = new_log(EVENTS_A_TICK * len(rows) + EVENTS_BEFORE)
    out = Outputs(log, np.zeros(len(rows) + 1, SECOND_ROW), np.zeros(1, np.int64), np.empty(SCRATCH))
    check_frame(rows, _hashes(ticks.names), arrays, settings.for_frame(), _listing(state, ticks, settings), out)
    stamped, events, seconds = Ticks(rows, ticks.names), events_of(log), out.seconds[: out.seconds_written[0]]
    report = _Report(state.tracker.copy(), state.kept, [])
    for event in events:
        report = _take(event, report, stamped, channel)
    findings = report.findings + report.tracker.expire(int(arrays.header["arrival"]["event_time"][0]))
    signs = [seconds_as_signs(seconds, channel), *_silence_signs(events, rows, channel)]
    return ChannelResult(ChannelState(arrays, report.tracker, report.kept), stamped, findings, seconds, concat(signs))


class _Report(NamedTuple):
    """What came of the events so far: the tracker and `findings`, which are written to, and the tick that is kept."""

    tracker: Tracker
    kept: ShownTick | None
    findings: list[Finding]


def _take(event: Event, report: _Report, stamped: Ticks, channel: str) -> _Report:
    """Return the report after one more event."""
    if event.mode == Mode.REBASES:
        report.findings.extend(report.tracker.close_all())
        return report._replace(kept=None)
    if event.mode == Mode.KEEPS:
        return report._replace(kept=_position(stamped, event.row)._replace(evidence=of_tick(stamped, event.row)))
    shown = ShownTick(event.first_ts, -1, {})
    if event.row >= 0:
        shown = _position(stamped, event.row)
    elif event.row == NoRow.KEPT_TICK:
        shown = report.kept or shown
    measured = event.measured
    if event.code == _ORDER and np.isnan(measured) and shown.ordinal >= 0:
        # Known by its number only: told by how far its capture is behind, too, if it is.
        since = event.first_ts if event.row == NoRow.KEPT_TICK else event.time
        measured = float(since - shown.ts_recv) if since > shown.ts_recv else measured
    member = Member(
        event.code,
        event.mode,
        Scope(channel),
        (shown.ts_recv, shown.ordinal),
        event.time,
        event.first_ts,
        (measured, event.threshold, event.reference),
        score=fact_score(CODES[event.code]),
        # A recording that had to be put in order: at least a quarter of its ticks.
        is_flood=event.code == _ORDER and event.mode == Mode.OPENS,
    )
    evidence = (lambda: of_tick(stamped, event.row)) if event.row >= 0 else (lambda: shown.evidence)
    report.findings.extend(report.tracker.observe(member, evidence))
    return report


def _position(stamped: Ticks, row: int) -> ShownTick:
    return ShownTick(int(stamped.rows["ts_recv"][row]), int(stamped.rows["ordinal"][row]), {})


def _silence_signs(events: list[Event], rows: Array, channel: str) -> list[Ticks]:
    """Return the control rows of the channel's silences that began or ended."""
    signs = []
    for event in events:
        if event.code == _SILENT and event.mode in (Mode.OPENS, Mode.CLOSES):
            known_at = int(rows["event_time"][max(event.row, event.subject)])
            signs.append(silence_as_sign(event, known_at, channel))
    return signs


def reject(state: ChannelState, error: WireError, channel: str, origin: dict[str, object]) -> tuple[ChannelState, list[Finding]]:
    """Report a payload of `channel` that could not be decoded; nothing else changes.

    `origin` holds topic, partition, offset and `timestamp_ns`, the record's own.
    """
    tracker = state.tracker.copy()
    code = BY_NAME["schema_changed" if error.schema_changed else "payload_unreadable"].bit
    time = max(int(str(origin["timestamp_ns"])), int(state.arrays.header["arrival"]["event_time"][0]))
    position = (int(str(origin["partition"])), int(str(origin["offset"])))
    member = Member(code, Mode.MOMENT, Scope(channel), position, time, time, (float("nan"),) * 3, score=fact_score(CODES[code]))
    findings = tracker.observe(member, lambda: {**origin, "error": str(error)})
    return replace(state, tracker=tracker), findings


def pack(state: ChannelState, before: ChannelState | None = None) -> dict[int, bytes]:
    """Return the state as pages of bytes; with `before`, only the pages that differ from it. Page 0 is always there."""
    kept = [(_KEPT_PLACE, state.kept)] if state.kept else []
    rest = msgspec.msgpack.encode((state.tracker.pack(), kept))
    head = bytes([STATE_VERSION]) + b"".join(array.tobytes() for array in _in_page_0(state)) + rest
    pages = _ring_pages(state)
    if before is None:
        dirty = np.flatnonzero(pages.any(axis=1))
    elif before.arrays.ring is state.arrays.ring:
        dirty = np.zeros(0, np.int64)
    else:
        dirty = np.flatnonzero((pages != _ring_pages(before)).any(axis=1))
    return {0: head} | {int(page) + 1: pages[page].tobytes() for page in dirty}


def unpack(pages: dict[int, bytes], rules_version: str = "", feeds: Mapping[str, str] | None = None) -> ChannelState:
    """Return the state that `pack` gave as pages.

    Raises
    ------
    ValueError
        The pages are of another version.
    """
    state = ChannelState.new(rules_version, feeds)
    head = pages[0]
    if head[0] not in (STATE_VERSION, _WITHOUT_SHIFT):
        raise ValueError(f"channel state version {head[0]}, expected {STATE_VERSION}: start the job without this savepoint")
    start = 1
    written = _in_page_0(state)
    for array in written if head[0] == STATE_VERSION else written[:-1]:
        array[:] = np.frombuffer(head, array.dtype, len(array), start)
        start += array.nbytes
    tracker, kept = msgspec.msgpack.decode(head[start:], type=tuple[bytes, list[tuple[int, ShownTick]]])
    state.tracker.unpack(tracker)
    ring = _ring_pages(state)
    for page, data in pages.items():
        if page:
            ring[page - 1] = np.frombuffer(data, np.uint64)
    return replace(state, kept=dict(kept).get(_KEPT_PLACE))


def _ring_pages(state: ChannelState) -> Array:
    """Return the ring as words, a row a page."""
    return state.arrays.ring.view(np.uint64).reshape(-1, 2 * PAGE_ROWS)


def _in_page_0(state: ChannelState) -> tuple[Array, ...]:
    """Return the arrays that are written whole: all but the ring."""
    return tuple(array for name, array in state.arrays._asdict().items() if name != "ring")


def _listing(state: ChannelState, ticks: Ticks, settings: ChannelSettings) -> Listing:
    """Return what is known about the names of a step: is a symbol listed, and when is a venue open."""
    listed = np.ones(len(ticks.names) + 1, np.uint8)
    if settings.symbols is not None:
        listed[:-1] = [name in settings.symbols for name in ticks.names]
    times = _NO_TIMES
    if settings.sessions:
        times = np.append(ticks.rows["ts_recv"], state.arrays.header["arrival"]["event_time"])
    return Listing(listed, *tables(ticks.names, settings.sessions, times))


@lru_cache(maxsize=8)
def _hashes(names: tuple[str, ...]) -> Array:
    """Return the hash of each name, and 0 for the null name at the end; frames of a feed mostly share one tuple of names."""
    return np.array([*(_name_hash(name) for name in names), 0], np.uint64)


@lru_cache(maxsize=1 << 17)
def _name_hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")

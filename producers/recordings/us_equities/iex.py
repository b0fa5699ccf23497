"""IEX TOPS 1.6 as it was on the wire: captures (pcap, pcapng, plain or packed) of UDP packets in IEX-TP framing.

Source: IEX Transport Specification (segment header) and IEX TOPS Specification 1.6.

- **Clock.** `ts_recv` is the capture's, `ts_event` the message's own.
- **Channel.** `IEX.TOPS.<channel id>`. A segment's header says the number of its first message, the others count on from there:
  `contiguous`. A segment without messages is a heartbeat with the next number. Another session id is a reset: a tick of kind 5 in
  front of the first message, with the number before it, announces it.
- **Every message takes a number**, so every message that can be decoded is a tick, or there would be holes: security directory,
  short sale price test, auction information and other messages are of kind 6 without a condition, and are counted by type. System
  events (start and end of messages, of system hours, of the regular session) are of kind 5, with the number they have.
- **An empty side** is one whose price and size are 0.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from producers.recordings.reading.compressed import pieces
from producers.recordings.reading.facts import Facts
from producers.recordings.reading.implied_reference import channels
from producers.recordings.reading.names import Names
from producers.recordings.reading.tally import Tally
from producers.recordings.us_equities.iex_messages import LAYOUTS, rows_of
from producers.recordings.us_equities.lean_codes import CALENDAR
from producers.recordings.us_equities.packets import PCAP, PCAPNG, packets, payload
from producers.streams.word_copy import gathered, joined
from tickproof.errors import InputError
from tickproof.reference.data import Reference
from tickproof.ticks.schema import ROW, Array, Kind, Present, Ticks

PROTOCOLS = {0x8001: "TOPS 1.5", 0x8002: "TOPS 1.5", 0x8003: "TOPS 1.6", 0x8004: "DEEP", 0x8005: "DEEP+"}
"""IEX-TP's message protocols by number."""
SEGMENT = struct.Struct("<BxHIIHHqqq")
"""Version, message protocol, channel, session, bytes of payload, messages, offset in the stream, first number, time sent."""
TOPS = 0x8003
BATCH_MESSAGES = 20_000
PACKETS_LOOKED_AT = 1_000
MOST_NUMBER = 1 << 62
VENUE = "IEXG"
_TICKLESS = {b"D": "security directory", b"P": "short sale price test", b"A": "auction information", b"X": "official price"}
_TICKLESS |= {b"I": "retail liquidity indicator", b"O": "operational halt", b"S": "system event", b"H": "trading status"}


class _Message(NamedTuple):
    """One message: where its bytes are in the batch, its type, capture time in ns, channel and number."""

    offset: int
    length: int
    type: int
    time: int
    channel: int
    number: int


class _Event(NamedTuple):
    """A tick without a message (heartbeat, reset): the message that it precedes, its kind, times in ns, channel and number."""

    before: int
    kind: Kind
    time: int
    sent: int
    channel: int
    number: int


@dataclass(slots=True)
class _Batch:
    """Messages that wait to be made rows, their bytes, and the ticks without a message among them."""

    data: bytearray = field(default_factory=bytearray)
    messages: list[_Message] = field(default_factory=list)
    events: list[_Event] = field(default_factory=list)


FACTS = Facts(
    recognised_by="a pcap or pcapng capture with IEX-TP's header in one of its first 1 000 packets",
    clock="two: the capture's, `ts_recv`, and the message's own, `ts_event`",
    sequence="`contiguous`: every message takes a number",
    cannot_tell="books below the best price; whether the network or the capture lost a missing message",
    calendar="`XNYS`",
    sample="`tops.pcap.gz`",
)


def is_capture(first: bytes) -> bool:
    """Return whether the first bytes are those of a capture."""
    return first[:4] in PCAP or first[:4] == PCAPNG


def recognises(path: Path, first: bytes) -> bool:
    """Return whether a file is a capture and one of its first packets has IEX-TP's header."""
    if not is_capture(first):
        return False
    found = packets(pieces(path, Tally()), Tally())
    segments = (payload(link, packet) for _, link, packet in islice(found, PACKETS_LOOKED_AT))
    return any(segment is not None and _protocol(segment) is not None for segment in segments)


def _protocol(segment: bytes) -> int | None:
    """Return the message protocol of a segment; None where the bytes are no IEX-TP."""
    if len(segment) < SEGMENT.size:
        return None
    version, protocol, *_ = SEGMENT.unpack_from(segment)
    return protocol if version == 1 and protocol in PROTOCOLS else None


def reference(path: Path) -> Reference:
    """Return channels whose numbers are contiguous, and the hours of US stock exchanges."""
    return channels(("IEX.TOPS.1",), "contiguous", sessions={VENUE: CALENDAR})


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """Yield the ticks of one capture; packets that are not IEX-TP are counted.

    Raises
    ------
    InputError
        All of its segments are of another feed than TOPS 1.6.
    """
    names, batch, row = Names(), _Batch(), 0
    sessions: dict[int, int] = {}
    others: Counter[int] = Counter()
    for time, link, packet in packets(pieces(path, tally), tally):
        segment = payload(link, packet)
        if segment is None:
            tally.undecoded["packet: not UDP, or broken"] += 1
            continue
        protocol = _protocol(segment)
        if protocol is None:
            tally.undecoded["segment: not IEX-TP"] += 1
            continue
        if protocol != TOPS:
            others[protocol] += 1
            continue
        _take(segment, time, batch, sessions, tally)
        if len(batch.messages) >= BATCH_MESSAGES:
            yield _ticks(batch, names, row, tally)
            row += len(batch.messages)
            batch = _Batch()
    if batch.messages or batch.events:
        yield _ticks(batch, names, row, tally)
    if others and not sessions:
        feeds = ", ".join(f"{PROTOCOLS[protocol]} ({protocol:#06x})" for protocol in sorted(others))
        raise InputError(f"{path}: IEX-TP with {feeds}, {others.total():,} segments, and only TOPS 1.6 ({TOPS:#06x}) is read")
    for protocol, count in sorted(others.items()):
        tally.undecoded[f"segment of {PROTOCOLS[protocol]} ({protocol:#06x}), not TOPS 1.6"] += count


def _take(segment: bytes, time: int, batch: _Batch, sessions: dict[int, int], tally: Tally) -> None:
    """Collect the messages of one segment."""
    _, _, channel, session, size, count, _, number, sent = SEGMENT.unpack_from(segment)
    if not 0 <= number <= MOST_NUMBER:
        tally.undecoded["segment: its number is out of range"] += 1
        return
    if sessions.setdefault(channel, session) != session:
        sessions[channel] = session
        batch.events.append(_Event(len(batch.messages), Kind.SESSION, time, sent, channel, max(number - 1, 0)))
    if count == 0:
        batch.events.append(_Event(len(batch.messages), Kind.HEARTBEAT, time, sent, channel, number))
        return
    base = len(batch.data)
    batch.data += segment
    at, end = SEGMENT.size, min(len(segment), SEGMENT.size + size)
    for index in range(count):
        length = int.from_bytes(segment[at : at + 2], "little")
        if length == 0 or at + 2 + length > end:
            tally.messages += count - index
            tally.undecoded["message truncated: beyond the end of its segment"] += count - index
            return
        batch.messages.append(_Message(base + at + 2, length, segment[at + 2], time, channel, number + index))
        at += 2 + length


def _ticks(batch: _Batch, names: Names, row: int, tally: Tally) -> Ticks:
    """Return the rows of a batch in their order."""
    data = np.frombuffer(bytes(batch.data), np.uint8)
    offset, length, type_, time, channel, number = np.array(batch.messages, np.int64).reshape(-1, len(_Message._fields)).T
    tally.messages += len(offset)
    parts, places = [_events(batch, names)], [np.array([event.before - 0.5 for event in batch.events])]
    for code in np.unique(type_).tolist():
        kind = bytes([code])
        layout = LAYOUTS.get(kind)
        mine = np.flatnonzero(type_ == code)
        if layout is None:
            tally.undecoded[f"message type {kind!r}: not in TOPS 1.6"] += len(mine)
            continue
        whole = length[mine] >= layout.itemsize
        if not whole.all():
            tally.undecoded[f"message type {kind.decode()}: too short"] += int((~whole).sum())
            mine = mine[whole]
        messages = data[offset[mine][:, None] + np.arange(layout.itemsize)].reshape(-1).view(layout)
        rows = rows_of(kind, messages)
        rows["ts_recv"], rows["sequence"] = time[mine], number[mine]
        rows["present"] |= np.uint16(Present.SEQUENCE)
        rows["row"] = row + mine
        rows["channel"] = _channels(channel[mine], names)
        rows["symbol"] = -1 if kind == b"S" else _symbols(messages["symbol"], names)
        if kind in _TICKLESS:
            tally.notes[f"{_TICKLESS[kind]} messages"] += len(mine)
        parts.append(rows)
        places.append(mine.astype(np.float64))
    order = np.argsort(np.concatenate(places), kind="stable")
    rows = gathered(joined(parts), order)
    rows["venue"] = names.code(VENUE)
    return Ticks(rows, names.table)


def _events(batch: _Batch, names: Names) -> Array:
    """Return rows of heartbeats and session resets."""
    rows = np.zeros(len(batch.events), ROW)
    for row, event in zip(rows, batch.events, strict=True):
        row["kind"], row["sequence"] = event.kind, event.number
        row["ts_recv"], row["ts_event"] = event.time, event.sent
        row["channel"] = names.code(f"IEX.TOPS.{event.channel}")
    rows["present"] = Present.TS_EVENT | Present.SEQUENCE
    rows["symbol"] = -1
    return rows


def _channels(ids: Array, names: Names) -> Array:
    distinct, inverse = np.unique(ids, return_inverse=True)
    return np.array([names.code(f"IEX.TOPS.{channel}") for channel in distinct.tolist()], np.int32)[inverse]


def _symbols(symbols: Array, names: Names) -> Array:
    distinct, inverse = np.unique(symbols, return_inverse=True)
    words = [symbol.decode("ascii", "replace").rstrip() for symbol in distinct.tolist()]
    return np.array([names.code(word) for word in words], np.int32)[inverse]

"""IEX TOPS 1.6 as it was on the wire: captures (pcap, pcapng, plain or packed) of UDP packets in IEX-TP framing.

Source: IEX Transport Specification (segment header) and IEX TOPS Specification 1.6.

- **Clock.** `ts_recv` is the capture's, `ts_event` the message's own.
- **Channel.** `IEX.TOPS.<channel id>`. A segment's header says the number of its first message, the others count on from there:
  `contiguous`. A segment without messages is a heartbeat with the next number. Another session id is a reset: a tick of kind 5 in
  front of the first message, with the number before it, announces it.
- **Every message takes a number**, so every message that can be decoded is a tick, or there would be holes: security directory,
  short sale price test, auction information and the like are of kind 6 without a condition, and are counted by type. System
  events (start and end of messages, of system hours, of the regular session) are of kind 5, with the number they have.
- **An empty side** is one whose price and size are 0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from producers.recordings.reading.compressed import pieces
from producers.recordings.reading.implied_reference import channels
from producers.recordings.reading.names import Names
from producers.recordings.reading.tally import Tally
from producers.recordings.us_equities.iex_messages import LAYOUTS, rows_of
from producers.recordings.us_equities.packets import PCAP, PCAPNG, packets, payload
from producers.streams.word_copy import gathered, joined
from tickproof.reference.data import Reference
from tickproof.ticks.schema import ROW, Array, Kind, Present, Ticks

SEGMENT = struct.Struct("<BxHIIHHqqq")
"""Version, message protocol, channel, session, bytes of payload, messages, offset in the stream, first number, time sent."""
TOPS = 0x8003
BATCH_MESSAGES = 20_000
VENUE = "IEXG"
_TICKLESS = {b"D": "security directory", b"P": "short sale price test", b"A": "auction information", b"X": "official price"}
_TICKLESS |= {b"I": "retail liquidity indicator", b"O": "operational halt", b"S": "system event", b"H": "trading status"}


@dataclass(slots=True)
class _Batch:
    """Messages that wait to be made rows: bytes, and columns (offset, length, type, time, channel, number)."""

    data: bytearray = field(default_factory=bytearray)
    messages: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    others: list[tuple[int, Kind, int, int, int, int]] = field(default_factory=list)
    """Ticks that no message stands for: place, kind, time, time sent, channel, number."""


def recognises(path: Path, first: bytes) -> bool:
    """A capture, by its first bytes; whether IEX is in it is seen on reading."""
    return first[:4] in PCAP or first[:4] == PCAPNG


def reference(path: Path) -> Reference:
    """Numbers without holes."""
    return channels(("IEX.TOPS.1",), "contiguous")


def read(path: Path, tally: Tally) -> Iterator[Ticks]:
    """The ticks of one capture; packets that are not IEX-TP are counted."""
    names, batch, row = Names(), _Batch(), 0
    sessions: dict[int, int] = {}
    for time, link, packet in packets(pieces(path, tally), tally):
        segment = payload(link, packet)
        if segment is None:
            tally.undecoded["packet: not UDP, or broken"] += 1
            continue
        _take(segment, time, batch, sessions, tally)
        if len(batch.messages) >= BATCH_MESSAGES:
            yield _ticks(batch, names, row, tally)
            row += len(batch.messages)
            batch = _Batch()
    if batch.messages or batch.others:
        yield _ticks(batch, names, row, tally)


def _take(segment: bytes, time: int, batch: _Batch, sessions: dict[int, int], tally: Tally) -> None:
    """Find the messages of one segment."""
    if len(segment) < SEGMENT.size:
        tally.undecoded["segment: shorter than its header"] += 1
        return
    version, protocol, channel, session, size, count, _, number, sent = SEGMENT.unpack_from(segment)
    if version != 1 or protocol != TOPS:
        tally.undecoded[f"segment: protocol {protocol:#06x} version {version}, not TOPS 1.6"] += 1
        return
    if sessions.setdefault(channel, session) != session:
        sessions[channel] = session
        batch.others.append((len(batch.messages), Kind.SESSION, time, sent, channel, max(number - 1, 0)))
    if count == 0:
        batch.others.append((len(batch.messages), Kind.HEARTBEAT, time, sent, channel, number))
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
        batch.messages.append((base + at + 2, length, segment[at + 2], time, channel, number + index))
        at += 2 + length


def _ticks(batch: _Batch, names: Names, row: int, tally: Tally) -> Ticks:
    """The rows of a batch in their order."""
    data = np.frombuffer(bytes(batch.data), np.uint8)
    offset, length, type_, time, channel, number = np.array(batch.messages, np.int64).reshape(-1, 6).T
    tally.messages += len(offset)
    parts, places = [_others(batch, names)], [np.array([place - 0.5 for place, *_ in batch.others])]
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


def _others(batch: _Batch, names: Names) -> Array:
    """Heartbeats and resets of sessions."""
    rows = np.zeros(len(batch.others), ROW)
    for row, (_, kind, time, sent, channel, number) in zip(rows, batch.others, strict=True):
        row["kind"], row["ts_recv"], row["ts_event"], row["sequence"] = kind, time, sent, number
        row["channel"] = names.code(f"IEX.TOPS.{channel}")
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

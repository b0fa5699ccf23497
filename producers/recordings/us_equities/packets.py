"""Packets of captures, pcap and pcapng, with the time of their capture in whole ns; read with dpkt.

dpkt's own reader of pcapng gives times as floats, which do not hold nanoseconds: its blocks are walked here instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dpkt

from producers.recordings.reading.tally import Tally
from tickproof.ticks.schema import NS_PER_SECOND

PCAP = (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
PCAPNG = b"\x0a\x0d\x0d\x0a"
MOST_BYTES = 1 << 24
"""A packet or block that claims more than this is none."""
TRUNCATED = "packet truncated: cut off there"
DAMAGED = "capture damaged: cut off there"
_ENHANCED, _SIMPLE, _OBSOLETE = dpkt.pcapng.PCAPNG_BT_EPB, dpkt.pcapng.PCAPNG_BT_SPB, dpkt.pcapng.PCAPNG_BT_PB
_LINKS: dict[int, Callable[[bytes], Any]] = {
    dpkt.pcap.DLT_EN10MB: lambda packet: dpkt.ethernet.Ethernet(packet).data,
    dpkt.pcap.DLT_LINUX_SLL: lambda packet: dpkt.sll.SLL(packet).data,
    101: dpkt.ip.IP,
    228: dpkt.ip.IP,
}
"""Link type -> what is inside its frame."""


class Stream:
    """What dpkt reads from: pieces of bytes, with a note whether a read found less than it asked for."""

    __slots__ = ("_pieces", "_rest", "short")

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""
        self.short = False

    def read(self, count: int) -> bytes:
        """The next bytes; fewer at the end.

        Raises
        ------
        ValueError
            More is asked for than a packet can hold.
        """
        if count > MOST_BYTES or count < 0:
            raise ValueError("a length that is none")
        parts, size = [self._rest], len(self._rest)
        while size < count and (piece := next(self._pieces, b"")):
            parts.append(piece)
            size += len(piece)
        whole = b"".join(parts)
        found, self._rest = whole[:count], whole[count:]
        self.short = len(found) < count
        return found


def packets(pieces: Iterator[bytes], tally: Tally) -> Iterator[tuple[int, int, bytes]]:
    """Capture time in ns, link type and bytes of each packet; what is cut or damaged ends there and is counted."""
    stream = Stream(pieces)
    magic = stream.read(4)
    stream = Stream(_again(magic, stream))
    try:
        yield from _pcapng(stream, tally) if magic == PCAPNG else _pcap(stream, tally)
    except dpkt.NeedData:
        tally.undecoded[TRUNCATED] += 1
    except (ValueError, dpkt.Error):
        tally.undecoded[TRUNCATED if stream.short else DAMAGED] += 1


def _again(first: bytes, rest: Stream) -> Iterator[bytes]:
    yield first
    while piece := rest.read(1 << 16):
        yield piece


def _pcap(stream: Stream, tally: Tally) -> Iterator[tuple[int, int, bytes]]:
    reader = dpkt.pcap.Reader(stream)
    link = reader.datalink()
    for time, packet in reader:
        if stream.short:
            tally.undecoded[TRUNCATED] += 1
            return
        # A Decimal: exact.
        yield int(time * NS_PER_SECOND), link, packet


def _pcapng(stream: Stream, tally: Tally) -> Iterator[tuple[int, int, bytes]]:
    """Blocks of a pcapng file: interfaces are numbered anew in each section, and each has a clock of its own."""
    interfaces: list[tuple[int, int, int, int]] = []
    little = True
    while (head := stream.read(8)) and not stream.short:
        if head[:4] == PCAPNG:
            order = stream.read(4)
            little = order == b"\x4d\x3c\x2b\x1a"
            interfaces = []
            head += order
        kind, length = (int.from_bytes(head[at : at + 4], "little" if little else "big") for at in (0, 4))
        if length < 12 or length % 4:
            tally.undecoded[DAMAGED] += 1
            return
        block = head + stream.read(length - len(head))
        if stream.short:
            break
        if kind == dpkt.pcapng.PCAPNG_BT_IDB:
            interfaces.append(_interface(block, little))
        elif kind == _ENHANCED:
            found = (dpkt.pcapng.EnhancedPacketBlockLE if little else dpkt.pcapng.EnhancedPacketBlock)(block)
            if found.iface_id >= len(interfaces):
                raise ValueError("a packet of no interface")
            link, units, per_second, offset_s = interfaces[found.iface_id]
            time = (found.ts_high << 32 | found.ts_low) * units * NS_PER_SECOND // per_second
            yield time + offset_s * NS_PER_SECOND, link, bytes(found.pkt_data)
        elif kind in (_SIMPLE, _OBSOLETE):
            tally.undecoded["packet without the time of its capture"] += 1
    if stream.short and head:
        tally.undecoded[TRUNCATED] += 1


def _interface(block: bytes, little: bool) -> tuple[int, int, int, int]:
    """Link type, and the clock: how many of how many parts of a second a unit is, and seconds to add."""
    found = (dpkt.pcapng.InterfaceDescriptionBlockLE if little else dpkt.pcapng.InterfaceDescriptionBlock)(block)
    per_second, offset_s = 10**6, 0
    for option in found.opts:
        if option.code == dpkt.pcapng.PCAPNG_OPT_IF_TSRESOL:
            power = option.data[0]
            per_second = 2 ** (power & 127) if power & 128 else 10**power
        elif option.code == dpkt.pcapng.PCAPNG_OPT_IF_TSOFFSET:
            offset_s = int.from_bytes(option.data[:8], "little" if little else "big", signed=True)
    return found.linktype, 1, per_second, offset_s


def payload(link: int, packet: bytes) -> bytes | None:
    """What a UDP packet carries; None for another one, or one that is broken."""
    try:
        inner = _LINKS[link](packet)
        udp = inner.data
        return bytes(udp.data) if isinstance(udp, dpkt.udp.UDP) else None
    except (dpkt.Error, KeyError, AttributeError, IndexError, ValueError):
        return None

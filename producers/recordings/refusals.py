"""What files are that no reader takes, and what to do with them: the message of a file that is of no known format."""

from __future__ import annotations

from pathlib import Path

from producers.recordings.reading.compressed import pieces
from producers.recordings.reading.tally import Tally
from producers.recordings.us_equities.iex import is_capture
from producers.recordings.us_equities.packets import packets, payload

_DBZ = b"\x50\x2a\x4d\x18"
_MAGICS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip; zip archives are known by their names, LEAN's by their folders: unpack others"),
    (b"\x28\xb5\x2f\xfd", "zstd with nothing inside that is known"),
    (b"BZh", "bzip2; unpack it"),
    (b"\xfd7zXZ\x00", "xz; unpack it"),
    (b"SQLite format 3\0", "an SQLite database; write its ticks to Parquet or CSV"),
    (b"\x89HDF", "HDF5; write its ticks to Parquet or CSV"),
    (b"ARROW1", "an Arrow file; write it as Parquet"),
    (b"ORC", "ORC; write it as Parquet"),
    (b"Obj\x01", "Avro; write it as Parquet"),
)
"""First bytes -> what a file is."""


def refusal(path: Path, head: bytes) -> str | None:
    """Return what a file is that no reader takes, and what to do, in one phrase; None where its first bytes do not tell.

    Parameters
    ----------
    path : Path
    head : bytes
        Its first bytes, unpacked.
    """
    with path.open("rb") as file:
        stored = file.read(16)
    for tell in (_empty, _dbz, _capture, _columns):
        found = tell(path, stored, head)
        if found is not None:
            return found
    return next((text for magic, text in _MAGICS if stored.startswith(magic)), None)


def _empty(path: Path, stored: bytes, head: bytes) -> str | None:
    return None if stored else "an empty file: it holds no ticks"


def _dbz(path: Path, stored: bytes, head: bytes) -> str | None:
    if stored[:4] == _DBZ and b"DBZ" in stored:
        return "DBZ, the form that DBN had before; convert it with the `dbn` command line of Databento"
    return None


def _capture(path: Path, stored: bytes, head: bytes) -> str | None:
    if not is_capture(head):
        return None
    total, datagrams = 0, 0
    for _, link, packet in packets(pieces(path, Tally()), Tally()):
        total += 1
        datagrams += payload(link, packet) is not None
    return f"no IEX in this capture: {total:,} packets, {datagrams:,} of them UDP, and none has IEX-TP's header"


def _columns(path: Path, stored: bytes, head: bytes) -> str | None:
    first = head.split(b"\n", 1)[0].removesuffix(b"\r")
    for mark, name in ((b",", "commas"), (b";", "semicolons"), (b"\t", "tabs"), (b"|", "bars")):
        if first.count(mark) >= 2 and b"\0" not in head:
            count = first.count(mark) + 1
            return f"{count} columns between {name}, of no known format; `tickproof recordings --describe {path}` reads them"
    return None

"""Files as streams of bytes, plain, gzip or zstd by their first bytes, a piece at a time.

What is cut or damaged ends there: what came before it is kept, and the break is counted by name.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from producers.recordings.reading.tally import Tally
from tickproof.errors import InputError

PIECE_BYTES = 1 << 20
"""About this much comes at once."""
STEP_BYTES = 1 << 16
"""Unpacked at once where a stream is packed: so much at most is lost before a break."""
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def head(path: Path, count: int) -> bytes:
    """The first bytes of a file, unpacked if it is packed; fewer where there are no more.

    Raises
    ------
    InputError
        The file cannot be opened.
    """
    found = b""
    for piece in _steps(path, Tally(), count):
        found += piece
        if len(found) >= count:
            break
    return found[:count]


def pieces(path: Path, tally: Tally) -> Iterator[bytes]:
    """A file's bytes, unpacked, in pieces of about PIECE_BYTES.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    gathered: list[bytes] = []
    size = 0
    for step in _steps(path, tally, STEP_BYTES):
        gathered.append(step)
        size += len(step)
        if size >= PIECE_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    if size:
        yield b"".join(gathered)


def _steps(path: Path, tally: Tally, size: int) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        if magic[:2] == GZIP:
            yield from _gzip(path, tally, size)
        elif magic == ZSTD:
            yield from _zstd(path, tally, size)
        else:
            with path.open("rb") as file:
                while step := file.read(max(size, STEP_BYTES)):
                    tally.reached[path] = file.tell()
                    yield step
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); check that it is a readable file") from error


def _gzip(path: Path, tally: Tally, size: int) -> Iterator[bytes]:
    """The members of a gzip file, one after the other."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    rest = b""
    with path.open("rb") as file:
        while True:
            packed = rest or file.read(STEP_BYTES)
            tally.reached[path] = file.tell() - len(rest)
            if not packed:
                break
            try:
                step = unpacker.decompress(packed, size)
            except zlib.error:
                tally.undecoded["gzip stream damaged: cut off there"] += 1
                return
            if step:
                yield step
            rest = unpacker.unconsumed_tail
            if unpacker.eof:
                rest = unpacker.unused_data.lstrip(b"\0")
                if rest or (rest := file.read(STEP_BYTES).lstrip(b"\0")):
                    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
                else:
                    return
    tail = unpacker.flush()
    if tail:
        yield tail
    tally.undecoded["gzip stream truncated: cut off there"] += 1


def _zstd(path: Path, tally: Tally, size: int) -> Iterator[bytes]:
    # Opened here and not by Arrow, whose errors about a missing file are no OSError with a reason.
    with path.open("rb") as file, pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd") as stream:
        while True:
            try:
                step = stream.read(size)
            except (pa.ArrowException, OSError) as error:
                what = "truncated" if "runcated" in str(error) else "damaged"
                tally.undecoded[f"zstd stream {what}: cut off there"] += 1
                return
            if not step:
                return
            tally.reached[path] = file.tell()
            yield step

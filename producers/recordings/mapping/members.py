"""A file's text in pieces: plain, gzip or zstd, or the members of a zip archive, one after the other."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from producers.recordings.reading import compressed
from producers.recordings.reading.compressed import PIECE_BYTES
from producers.recordings.reading.tally import Tally
from tickproof.errors import InputError

ZIP = b"PK\x03\x04"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError, OSError, ValueError)


def members(path: Path, tally: Tally) -> Iterator[Iterable[bytes]]:
    """Yield the pieces of each text in a file.

    Raises
    ------
    InputError
        The file cannot be read, or is an archive that is not complete.
    """
    with _opened(path) as file:
        is_archive = file.read(4) == ZIP
    if not is_archive:
        yield compressed.pieces(path, tally)
        return
    with _archive(path) as archive:
        for member in _texts(archive):
            yield _pieces(path, archive, member, tally)


def head(path: Path, count: int) -> bytes:
    """Return the first bytes of a file's first text; nothing if it cannot be read.

    Raises
    ------
    InputError
        The file cannot be opened.
    """
    with _opened(path) as file:
        if file.read(4) != ZIP:
            return compressed.head(path, count)
    try:
        with zipfile.ZipFile(path) as archive:
            for member in _texts(archive):
                with archive.open(member) as text:
                    return text.read(count)
            return b""
    except _BROKEN:
        return b""


def _opened(path: Path):  # type: ignore[no-untyped-def]  # a binary file, whose type has no public name
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); check that it is a readable file") from error


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except _BROKEN as error:
        raise InputError(f"{path}: not a complete zip archive ({error}); fetch it again") from error


def _texts(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return an archive's files; where there is data by its name, without notes about it."""
    files = [member for member in archive.infolist() if not member.is_dir()]
    named = [member for member in files if member.filename.lower().endswith((".csv", ".jsonl", ".json", ".data"))]
    return named or files


def _pieces(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, tally: Tally) -> Iterator[bytes]:
    try:
        with archive.open(member) as text:
            while piece := text.read(PIECE_BYTES):
                tally.reached[path] = min(member.header_offset + member.compress_size, path.stat().st_size)
                yield piece
    except _BROKEN:
        tally.undecoded[f"zip member {member.filename} damaged: the rest was not read"] += 1

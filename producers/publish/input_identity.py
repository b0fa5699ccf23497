"""Which replay is which: a name of what is asked for, and a digest of what that is. A killed replay is found again by the name,
and goes on only if the digest is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from producers.recordings.registry import RECORDINGS, Format, find
from tickproof.errors import InputError


def name_of(paths: Iterable[Path], start_ns: int | None, end_ns: int | None, symbols: Sequence[str] | None) -> str:
    """Return a name for the replay of a selection: the same for the same paths, window and symbols, wherever it is started.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders, in order: ties of capture time follow it.
    start_ns, end_ns : int or None
        The window.
    symbols : sequence of str or None
        In any order.
    """
    asked = [[str(path.resolve()) for path in paths], start_ns, end_ns, None if symbols is None else sorted(set(symbols))]
    return hashlib.blake2b(json.dumps(asked).encode(), digest_size=8).hexdigest()


def digest_of(paths: Iterable[Path], end_ns: int | None = None, formats: Sequence[Format] = RECORDINGS) -> str:
    """Return a digest of the recordings: places, order and bytes. It costs a few per cent of the time of decoding.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders.
    end_ns : int, optional
        Recordings that begin at or after it are left out.
    formats : sequence of Format
        As of `registry.find`; what a mapping says counts.

    Raises
    ------
    InputError
        As `registry.find`, or a file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path, format_ in find(paths, formats=formats):
        starts = format_.starts(path)
        if end_ns is not None and starts is not None and starts >= end_ns:
            continue
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "blake2b").digest()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); check that it is a readable file") from error
        # The place counts: a LEAN file says by it what it holds.
        said = [format_.identity] if format_.identity else []
        digest.update(json.dumps([str(path.resolve()), format_.name, *said]).encode() + content)
    return digest.hexdigest()

"""Files that were damaged on the way: a reader yields ticks, counts what is none, or says in one line why it reads nothing.

Each format's sample with bytes flipped, cut, repeated and removed, numbers and words exchanged; of packed files also within. The
full run is in `tests/acceptance/test_fuzz_readers.py`.
"""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from producers.recordings.registry import BY_NAME, RECORDINGS, Tally, find, known, places, read
from tests.support.recording_samples import SAMPLES
from tickproof.errors import InputError

ROUNDS = 40
WORDS = (b"", b"nan", b"-1", b"0", b"1e308", b"9" * 25, b"-0.0000000000000001", b"true", b"null", b"\xff\xfe", b"\0", b'"', b"{")
"""What takes the place of a number or a word."""


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """One to three kinds of damage."""
    for _ in range(int(rng.integers(1, 4))):
        data = _damage(data, rng)
    return data


def _damage(data: bytes, rng: np.random.Generator) -> bytes:
    if not data:
        return data
    kind, at = int(rng.integers(7)), int(rng.integers(len(data)))
    length = int(rng.integers(1, 40))
    if kind == 0:
        return data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]
    if kind == 1:
        return data[:at]
    if kind == 2:
        return data[:at] + data[at : at + length] + data[at:]
    if kind == 3:
        return data[:at] + data[at + length :]
    if kind == 4:
        return data[:at] + rng.bytes(length) + data[at + length :]
    found = list(re.finditer(rb"[0-9.]+" if kind == 5 else rb"[A-Za-z_]+", data))
    if not found:
        return data
    one = found[int(rng.integers(len(found)))]
    return data[: one.start()] + WORDS[int(rng.integers(len(WORDS)))] + data[one.end() :]


def damaged_within(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage to what is packed in a file, or to the file itself, by turns."""
    if rng.random() < 0.5:
        return damaged(data, rng)
    if data.startswith(b"\x1f\x8b"):
        return gzip.compress(damaged(gzip.decompress(data), rng))
    if not data.startswith(b"PK"):
        return damaged(data, rng)
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as whole, zipfile.ZipFile(packed, "w") as again:
        for member in whole.namelist():
            again.writestr(member, damaged(whole.read(member), rng))
    return packed.getvalue()


def outcomes_of(name: str, folder: Path, rounds: int) -> list[str]:
    """What came of a format's sample, damaged so many times."""
    made = SAMPLES[name][0](folder)
    data = made.read_bytes()
    rng = np.random.default_rng([7, len(name), len(data)])
    found = []
    for _ in range(rounds):
        made.write_bytes(damaged_within(data, rng))
        found.append(outcome(made, name))
    return found


def outcome(path: Path, format_name: str) -> str:
    """Read a file by the reader of its former format, as far as it is still taken for one; return what came of it."""
    try:
        known([path])
        ((_, format_),) = find([path])
        if format_.name != format_name:
            format_ = BY_NAME[format_name]
        tally, ticks, place = Tally(rejected=[]), 0, places([path])
        for batch in read(path, format_, tally):
            ticks += len(batch)
            assert batch.rows["kind"].max(initial=0) <= 6
            place(int(batch.rows["partition"][-1]), int(batch.rows["row"][-1]))
    except InputError as error:
        said = str(error)
        assert "\n" not in said
        assert "this is a bug" not in said, said
        return "refused"
    return "ticks" if ticks else "none"


@pytest.mark.parametrize("name", SAMPLES)
def test_a_damaged_file_is_read_counted_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    outcomes = outcomes_of(name, tmp_path, ROUNDS)
    # Damage that is always or never noticed would be no test.
    assert "refused" in outcomes or "none" in outcomes
    assert "ticks" in outcomes


def test_every_format_is_damaged() -> None:
    assert set(SAMPLES) == {format_.name for format_ in RECORDINGS}

"""Multisets of ticks, compared by content: hashes of ticks, their sums by channel, and the difference of two."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tickproof.ticks.schema import NAMES, NULLABLE, Ticks

Hashes = npt.NDArray[np.uint64]
_COLUMNS = ("ts_recv", *NULLABLE, "conditions", "present", "kind", "flags")
_ODD, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


class Sums:
    """A fingerprint of a multiset of hashes: by channel, their number, sum and a second sum, all modulo 2^64."""

    def __init__(self) -> None:
        self.of: dict[str, tuple[int, int, int]] = {}

    def add(self, ticks: Ticks) -> None:
        for channel, hashes in by_channel(ticks):
            before = self.of.get(channel, (0, 0, 0))
            # A second sum, of squares: what leaves the first one alone by chance or design does not leave this one.
            both = int(hashes.sum(dtype=np.uint64)), int((hashes * hashes).sum(dtype=np.uint64))
            self.of[channel] = before[0] + len(hashes), (before[1] + both[0]) % 2**64, (before[2] + both[1]) % 2**64

    def count(self, channel: str) -> int:
        return self.of.get(channel, (0, 0, 0))[0]

    @property
    def total(self) -> int:
        return sum(count for count, _, _ in self.of.values())


def difference(
    expected: Sequence[Hashes], found: Sequence[Hashes]
) -> tuple[tuple[Hashes, npt.NDArray[Any]], tuple[Hashes, npt.NDArray[Any]]]:
    """Return the hashes that `found` lacks of `expected`, and those it has in excess, each with its count."""
    whole, other = (np.concatenate([np.zeros(0, np.uint64), *parts]) for parts in (expected, found))
    values, which = np.unique(np.concatenate([whole, other]), return_inverse=True)
    balance = np.bincount(which[: len(whole)], minlength=len(values)) - np.bincount(which[len(whole) :], minlength=len(values))
    return (values[balance > 0], balance[balance > 0]), (values[balance < 0], -balance[balance < 0])


def content_hashes(ticks: Ticks) -> Hashes:
    """Return a 64-bit hash of each tick over all canonical columns, shape (n,)."""
    hashes = np.full(len(ticks), _ODD, np.uint64)
    names = np.array([*map(_name_hash, ticks.names), 0], np.uint64)
    for column in (*_COLUMNS, *NAMES):
        values = ticks.rows[column]
        words = names[values] if column in NAMES else values.astype(np.uint64)
        # A multiplication carries upwards only, the shift brings the high bits back down.
        hashes = (hashes ^ words) * _MIX
        hashes ^= hashes >> np.uint64(29)
    return hashes * _ODD


def by_channel(ticks: Ticks) -> list[tuple[str, Hashes]]:
    """Return the hashes of each channel's ticks, in arrival order."""
    if not len(ticks):
        return []
    hashes, channels = content_hashes(ticks), ticks.rows["channel"]
    if (channels == channels[0]).all():
        return [(ticks.names[channels[0]], hashes)]
    order = np.argsort(channels, kind="stable")
    edges = [0, *(np.flatnonzero(np.diff(channels[order])) + 1).tolist(), len(order)]
    return [(ticks.names[channels[order[start]]], hashes[order[start:end]]) for start, end in pairwise(edges)]


@lru_cache(maxsize=1 << 17)
def _name_hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")

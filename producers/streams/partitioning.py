"""Partitioning of keys: murmur2 of their bytes, as Java's clients and librdkafka's `murmur2_random` do it."""

from __future__ import annotations

from functools import lru_cache

PARTITIONER = "murmur2_random"
"""librdkafka's name for Java's partitioner: murmur2 for keyed records (plain `murmur2` sends all keyless ones to one
partition)."""
CAPTURE_CHANNEL = "capture."
"""Prefix of our own channels; the number of the one partition that they are written to follows."""

_SEED = 0x9747B28C
_M = 0x5BD1E995
_WORD = 0xFFFFFFFF


@lru_cache(maxsize=100_000)
def partition_of(channel: str, partitions: int) -> int:
    """Return the partition of a channel's records; the name of a capture channel contains it."""
    if channel.startswith(CAPTURE_CHANNEL) and channel[len(CAPTURE_CHANNEL) :].isdigit():
        return int(channel[len(CAPTURE_CHANNEL) :])
    return (murmur2(channel.encode()) & 0x7FFFFFFF) % partitions


def capture_channel(partition: int) -> str:
    """Return the name of the channel that carries our heartbeats on a partition."""
    return f"{CAPTURE_CHANNEL}{partition}"


def murmur2(key: bytes) -> int:
    """Return MurmurHash2 (Austin Appleby, public domain), 32 bits, seeded as Kafka's `Utils.murmur2`."""
    hashed = _SEED ^ len(key)
    whole = len(key) & ~3
    for first in range(0, whole, 4):
        word = int.from_bytes(key[first : first + 4], "little") * _M & _WORD
        word = (word ^ word >> 24) * _M & _WORD
        hashed = hashed * _M & _WORD ^ word
    if whole < len(key):
        hashed = (hashed ^ int.from_bytes(key[whole:], "little")) * _M & _WORD
    hashed = (hashed ^ hashed >> 13) * _M & _WORD
    return hashed ^ hashed >> 15

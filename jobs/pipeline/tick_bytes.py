"""Stamped ticks between the two stages, and in the state store: names, then the records, lz4."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pyarrow as pa

from tickproof.ticks.schema import ROW, Ticks, concat

VERSION = 1


class _Packed(msgspec.Struct, array_like=True):
    version: int
    count: int
    names: tuple[str, ...]
    rows: bytes


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Packed)


def pack(ticks: Ticks) -> bytes:
    """Ticks as bytes."""
    words = np.ascontiguousarray(ticks.rows).view(np.int64).reshape(len(ticks), ROW.itemsize // 8)
    # By column: neighbouring values of one column are alike, which lz4 likes three times as much.
    columns = np.ascontiguousarray(words.T)
    return _ENCODER.encode(_Packed(VERSION, len(ticks), ticks.names, pa.compress(columns, codec="lz4", asbytes=True)))


def unpack(data: bytes) -> Ticks:
    """Ticks of what `pack` gave."""
    packed = _DECODER.decode(data)
    if packed.version != VERSION:
        raise ValueError(f"packed ticks of version {packed.version}, expected {VERSION}: start the job without this savepoint")
    size = packed.count * ROW.itemsize
    plain = pa.decompress(packed.rows, decompressed_size=size, codec="lz4", asbytes=True)
    columns = np.frombuffer(plain, np.int64).reshape(ROW.itemsize // 8, packed.count)
    return Ticks(np.ascontiguousarray(columns.T).reshape(-1).view(ROW), packed.names)


def packed_by_shard(routed: Sequence[tuple[int, Ticks]]) -> list[tuple[int, bytes]]:
    """Return routed ticks as bytes, one message a shard."""
    by_shard: dict[int, list[Ticks]] = {}
    for shard, ticks in routed:
        by_shard.setdefault(shard, []).append(ticks)
    return [(shard, pack(concat(parts))) for shard, parts in sorted(by_shard.items())]

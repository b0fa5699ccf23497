"""Gathering: many small records become one, before the stages see them.

A record costs PyFlink tens of microseconds whatever its size, and a stage a thousand, so that JSON ticks, one a record, and live
frames of a few ticks are gathered first. A vectorised function is given as many records as wait; it decodes them, and returns
what there is of one channel as one row, at the place of the first of its records, and nothing for the others. It holds nothing
back: neither the end of the input nor a watermark can overtake a record. Ticks go on as records of `tick.ROW`, packed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd
from pyflink.table import DataTypes
from pyflink.table.udf import ScalarFunction, udf

from jobs.pipeline.channel_key import channel_of
from jobs.pipeline.decoding import ORDINARY, Batch, RawRecord, decode
from jobs.pipeline.tick_bytes import pack, unpack
from jobs.pipeline.workers import Undecoded
from tickproof.errors import WireError
from tickproof.ticks.schema import Array, Ticks, empty, pruned


class Part(NamedTuple):
    """Records that could not be decoded, and the ticks of the records after them."""

    undecoded: list[Undecoded]
    ticks: Ticks


class _Refused(msgspec.Struct, array_like=True):
    record: RawRecord
    reason: str
    schema_changed: bool


class _Part(msgspec.Struct, array_like=True):
    """A Part as it is packed."""

    refused: list[_Refused]
    ticks: bytes | None


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[_Part])


class Gather(ScalarFunction):  # type: ignore[misc]
    """(key, value, partition, offset, timestamp, are the headers ordinary, their names, their values) -> a channel's, packed.

    Headers come as two arrays, because Flink 2.3 writes maps to Arrow in a way that pyarrow refuses.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def is_deterministic(self) -> bool:
        """No: what a row holds depends on how many records waited. The planner must not evaluate it twice."""
        return False

    def eval(self, *columns: pd.Series[Any]) -> pd.Series[Any]:
        """One (channel, packed records) a channel, None elsewhere."""
        keys, values, partitions, offsets = (column.tolist() for column in columns[:4])
        times = columns[4].dt.as_unit("ms").astype("int64").tolist()
        headers = [
            ORDINARY if ordinary else _headers(names, contents)
            for ordinary, names, contents in zip(*(column.tolist() for column in columns[5:]), strict=True)
        ]
        records = [
            RawRecord(self._topic, *fields) for fields in zip(partitions, offsets, times, keys, values, headers, strict=True)
        ]
        out: list[list[bytes] | None] = [None] * len(records)
        for place, channel, data in gathered(records):
            out[place] = [channel.encode(), data]
        return pd.Series(out, dtype=object)


def gathered(records: Sequence[RawRecord]) -> list[tuple[int, str, bytes]]:
    """(place of the first record, channel, what its records hold, packed) of each channel."""
    batch = decode(records)
    # A tick's own channel is that of its record: key and header were held against it.
    found = {batch.ticks.names[code]: which for code, which in _by_value(batch.ticks.rows["channel"])}
    refused: dict[str, list[int]] = {}
    for place in batch.errors:
        record = records[place]
        refused.setdefault(channel_of(record.key, record.value, record.headers), []).append(place)
    out = []
    for channel in dict.fromkeys([*found, *refused]):
        which, apart = found.get(channel, np.zeros(0, np.int64)), refused.get(channel, [])
        first = min([*batch.places[which[:1]].tolist(), *apart[:1]])
        out.append((first, channel, _ENCODER.encode(_parts(records, batch, which, apart))))
    return out


def _by_value(codes: Array) -> list[tuple[int, npt.NDArray[np.int64]]]:
    """Each value and where it stands, in order."""
    order = np.argsort(codes, kind="stable")
    ends = [0, *(np.flatnonzero(np.diff(codes[order])) + 1).tolist(), len(codes)] if len(codes) else [0]
    return [(int(codes[order[start]]), order[start:end]) for start, end in pairwise(ends)]


def _parts(records: Sequence[RawRecord], batch: Batch, which: npt.NDArray[np.int64], apart: Sequence[int]) -> list[_Part]:
    """What one channel's records hold, in order: its ticks `which` of the batch, and the places `apart` of what is none."""
    places = batch.places[which]
    starts = np.searchsorted(places, apart).tolist()
    parts: list[_Part] = []
    refused: list[_Refused] = []
    for start, end, place in zip([0, *starts], [*starts, len(which)], [*apart, None], strict=True):
        if start < end:
            parts.append(_Part(refused, pack(pruned(batch.ticks.take(which[start:end])))))
            refused = []
        if place is not None:
            error = batch.errors[place]
            refused.append(_Refused(records[place], str(error), error.schema_changed))
    return [*parts, _Part(refused, None)] if refused else parts


def _headers(names: Any, contents: Any) -> dict[str, bytes]:
    if names is None:
        return {}
    return {name: data for name, data in zip(names, contents, strict=True) if data is not None}


def gather(topic: str) -> Any:
    """The function, for SQL."""
    return udf(Gather(topic), result_type=DataTypes.ARRAY(DataTypes.BYTES()), func_type="pandas")


def gathered_parts(packed: bytes) -> list[Part]:
    """Return what a gathered row holds, in the order of the records."""
    return [
        Part(
            [Undecoded(one.record, WireError(one.reason, schema_changed=one.schema_changed)) for one in part.refused],
            empty() if part.ticks is None else unpack(part.ticks),
        )
        for part in _DECODER.decode(packed)
    ]

"""Gathering: many small records become one, before the stages see them.

A record costs PyFlink tens of microseconds whatever its size, so that JSON ticks, one a record, are gathered first. A vectorised
function is given as many records as wait; it returns those of one channel as one row, at the place of the first of them, and
nothing for the others. It holds nothing back: neither the end of the input nor a watermark can overtake a record.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pandas as pd
from pyflink.table import DataTypes
from pyflink.table.udf import ScalarFunction, udf

from jobs.channel_of import channel_of
from jobs.outputs import Origin
from jobs.stages import RawRecord


class _Raw(msgspec.Struct, array_like=True):
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[_Raw])


class Gather(ScalarFunction):  # type: ignore[misc]
    """(key, value, partition, offset, timestamp, names and values of headers) of records -> those of a channel, packed.

    Headers come as two arrays, because Flink 2.3 writes maps to Arrow in a way that pyarrow refuses.
    """

    def is_deterministic(self) -> bool:
        """No: what a row holds depends on how many records waited. The planner must not evaluate it twice."""
        return False

    def eval(self, *columns: pd.Series[Any]) -> pd.Series[Any]:
        """One (channel, packed records) a channel, None elsewhere."""
        keys, values, partitions, offsets, _, names, contents = (column.tolist() for column in columns)
        times = columns[4].dt.as_unit("ms").astype("int64").tolist()
        gathered: dict[str, tuple[int, list[_Raw]]] = {}
        for place, (key, value) in enumerate(zip(keys, values, strict=True)):
            known = _headers(names[place], contents[place])
            channel = channel_of(key, value, known)
            raw = _Raw(partitions[place], offsets[place], times[place], key, value, known)
            gathered.setdefault(channel, (place, []))[1].append(raw)
        out: list[list[bytes] | None] = [None] * len(values)
        for channel, (place, records) in gathered.items():
            out[place] = [channel.encode(), _ENCODER.encode(records)]
        return pd.Series(out, dtype=object)


def _headers(names: Any, contents: Any) -> dict[str, bytes]:
    if names is None:
        return {}
    return {name: data for name, data in zip(names, contents, strict=True) if data is not None}


def gather() -> Any:
    """The function, for SQL."""
    return udf(Gather(), result_type=DataTypes.ARRAY(DataTypes.BYTES()), func_type="pandas")


def gathered_records(packed: bytes, topic: str) -> list[RawRecord]:
    """The records of a gathered row, in order."""
    return [
        RawRecord(Origin(topic, raw.partition, raw.offset, raw.timestamp_ms, raw.key, raw.headers), raw.value)
        for raw in _DECODER.decode(packed)
    ]

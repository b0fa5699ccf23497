"""Gathering: many small records become one, before the stages see them.

A record costs PyFlink tens of microseconds whatever its size, so that JSON ticks, one a record, are gathered first. A vectorised
function is given as many records as wait; it decodes those that are JSON ticks, and returns what there is of one channel as one
row, at the place of the first of its records, and nothing for the others. It holds nothing back: neither the end of the input nor
a watermark can overtake a record. Ticks go on as records of `tick.ROW`, a fifth of their text.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from pyflink.table import DataTypes
from pyflink.table.udf import ScalarFunction, udf

from jobs.channel_of import channel_of
from jobs.hop import pack, unpack
from jobs.outputs import Origin
from jobs.stages import Decoded, RawRecord, decoded
from tickproof.errors import WireError
from tickproof.tick import Array, Ticks, empty, pruned
from tickproof.wire import JSON_CONTENT_TYPE, decode_json, detect
from tickproof.wire.headers import CONTENT_TYPE

ORDINARY = {CONTENT_TYPE: JSON_CONTENT_TYPE.encode()}
"""The headers of nearly every JSON tick; the function is told of them by a flag."""


class _Raw(msgspec.Struct, array_like=True):
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


class _Refused(msgspec.Struct, array_like=True):
    raw: _Raw
    reason: str
    schema_changed: bool


class _Part(msgspec.Struct, array_like=True):
    """A run of JSON payloads: its ticks, packed, and those that are none. Or one other record, as it came."""

    ticks: bytes | None = None
    refused: list[_Refused] = []
    raw: _Raw | None = None


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[_Part])


class Gather(ScalarFunction):  # type: ignore[misc]
    """(key, value, partition, offset, timestamp, are the headers ordinary, their names, their values) -> a channel's, packed.

    Headers come as two arrays, because Flink 2.3 writes maps to Arrow in a way that pyarrow refuses.
    """

    def is_deterministic(self) -> bool:
        """No: what a row holds depends on how many records waited. The planner must not evaluate it twice."""
        return False

    def eval(self, *columns: pd.Series[Any]) -> pd.Series[Any]:
        """One (channel, packed records) a channel, None elsewhere."""
        keys, values, partitions, offsets = (column.tolist() for column in columns[:4])
        times = columns[4].dt.as_unit("ms").astype("int64").tolist()
        headers = [
            ORDINARY if ordinary else dict(_headers(names, contents))
            for ordinary, names, contents in zip(*(column.tolist() for column in columns[5:]), strict=True)
        ]
        raws = [_Raw(*fields) for fields in zip(partitions, offsets, times, keys, values, headers, strict=True)]
        out: list[list[bytes] | None] = [None] * len(raws)
        for place, channel, parts in gathered(raws):
            out[place] = [channel.encode(), _ENCODER.encode(parts)]
        return pd.Series(out, dtype=object)


def gathered(raws: Sequence[_Raw]) -> list[tuple[int, str, list[_Part]]]:
    """(place of the first record, channel, its records in order) of each channel."""
    is_json = [raw.headers is ORDINARY or detect(raw.value, raw.headers) == "json" for raw in raws]
    texts = [place for place, yes in enumerate(is_json) if yes]
    batch = decode_json(
        [raws[place].value for place in texts],
        headers=[raws[place].headers for place in texts],
        keys=[raws[place].key for place in texts],
    )
    places = np.array(texts, np.int64)[batch.row_of]
    rows = batch.ticks.rows
    rows["offset"] = np.fromiter((raw.offset for raw in raws), np.int64, len(raws))[places]
    rows["partition"] = np.fromiter((raw.partition for raw in raws), np.int32, len(raws))[places]
    # A tick's own channel is that of its record: key and header were held against it.
    found = {batch.ticks.names[code]: which for code, which in _by_value(rows["channel"])}
    errors = {texts[index]: error for index, error in batch.errors}
    others: dict[str, list[int]] = {}
    for place, raw in enumerate(raws):
        if place in errors or not is_json[place]:
            others.setdefault(channel_of(raw.key, raw.value, raw.headers), []).append(place)
    out = []
    for channel in dict.fromkeys([*found, *others]):
        which, apart = found.get(channel, np.zeros(0, np.int64)), others.get(channel, [])
        first = min(int(places[which[0]]) if len(which) else len(raws), *apart[:1], len(raws))
        out.append((first, channel, _parts(raws, (batch.ticks.take(which), places[which]), apart, errors)))
    return out


def _by_value(codes: Array) -> list[tuple[int, Array]]:
    """Each value and where it stands, in order."""
    order = np.argsort(codes, kind="stable")
    ends = [0, *(np.flatnonzero(np.diff(codes[order])) + 1).tolist(), len(codes)] if len(codes) else [0]
    return [(int(codes[order[start]]), order[start:end]) for start, end in pairwise(ends)]


def _parts(raws: Sequence[_Raw], good: tuple[Ticks, Array], apart: Sequence[int], errors: dict[int, WireError]) -> list[_Part]:
    """The records of one channel: its ticks with their places, and the places `apart` of what is none or no JSON."""
    ticks, places = good
    if not apart:
        return [_Part(pack(pruned(ticks)))]
    parts, refused, start = [], [], 0
    for place in [*apart, len(raws)]:
        if place in errors:
            error = errors[place]
            refused.append(_Refused(raws[place], str(error), error.schema_changed))
            continue
        # Something else than JSON, or the end: the run before it is over.
        end = int(np.searchsorted(places, place))
        if start < end or refused:
            parts.append(_Part(pack(pruned(ticks.take(slice(start, end)))), refused))
            refused, start = [], end
        if place < len(raws):
            parts.append(_Part(raw=raws[place]))
    return parts


def _headers(names: Any, contents: Any) -> list[tuple[str, bytes]]:
    if names is None:
        return []
    return [(name, data) for name, data in zip(names, contents, strict=True) if data is not None]


def gather() -> Any:
    """The function, for SQL."""
    return udf(Gather(), result_type=DataTypes.ARRAY(DataTypes.BYTES()), func_type="pandas")


def gathered_parts(packed: bytes, topic: str) -> list[Decoded]:
    """The ticks of a gathered row and what is none, in order, as `stages.decoded` gives them."""
    out: list[Decoded] = []
    for part in _DECODER.decode(packed):
        if part.raw is not None:
            out += decoded([_record(part.raw, topic)])
            continue
        refused = [(_record(one.raw, topic), WireError(one.reason, schema_changed=one.schema_changed)) for one in part.refused]
        out.append((empty() if part.ticks is None else unpack(part.ticks), refused))
    return out


def _record(raw: _Raw, topic: str) -> RawRecord:
    return RawRecord(Origin(topic, raw.partition, raw.offset, raw.timestamp_ms, raw.key, raw.headers), raw.value)

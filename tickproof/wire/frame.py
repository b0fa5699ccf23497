"""Frames: the ticks of one Kafka message as an Arrow IPC stream.

Decisions beyond the contract:

* A frame without rows is refused: it has no channel and no time, and nothing could account for it.
* The end-of-stream marker is required, or a frame cut between two batches would pass.
* A stream without `tickproof.schema` is taken as version 1, since its columns are checked one by one anyway; another version is
  refused as a changed schema.
* A `kind` that the contract does not know is refused: no later stage could say what the tick means. Any other value is a tick,
  and left to the rules.
* Header `channel` is left out where the channel is not ASCII, headers being ASCII; the key carries it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from tickproof.errors import TickError, WireError
from tickproof.findings.finding import VERDICT, VERDICTS
from tickproof.ticks.arrow import check_schema, from_batches, to_arrow
from tickproof.ticks.schema import SCHEMA_VERSION, Array, Kind, Present, Ticks
from tickproof.wire.arrow_message import CONTINUATION, measure_stream
from tickproof.wire.limits import MAX_ROWS, MAX_VALUE_BYTES
from tickproof.wire.record_headers import (
    CHANNEL,
    CONTENT_TYPE,
    CRC32C,
    FIRST_SEQUENCE,
    FRAME_CONTENT_TYPE,
    ROWS,
    Headers,
    check_content_type,
    check_crc32c,
    check_header,
    check_key,
    crc32c,
    excerpt,
)

_LAST_KIND = int(max(Kind))
_SEQUENCE = int(Present.SEQUENCE)
_VERSION_KEY = b"tickproof.schema"
_REASON = 2_000
"""A reason is cut to so many characters."""
_ORDINARY_SCHEMA_BYTES = 8_192
_LZ4_FROM_ROWS = 64
"""Below this many rows lz4's own framing is larger than what it saves."""

# Handing each buffer to Arrow's thread pool costs ten times the decompression of a frame.
_PLAIN = pa.ipc.IpcWriteOptions(use_threads=False)
_LZ4 = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
_READ = pa.ipc.IpcReadOptions(use_threads=False)


@dataclass(frozen=True, slots=True)
class Payload:
    """Value and headers of one Kafka record."""

    value: bytes
    headers: dict[str, bytes]


def encode_frame(ticks: Ticks, *, extra: Mapping[str, Array] | None = None, compress: bool = True) -> Payload:
    """Encode ticks as one frame.

    Parameters
    ----------
    ticks : Ticks
        One channel for `ticks.raw`; several for `ticks.scored`, whose frames carry neither `channel` nor `first-sequence`.
    extra : mapping of str to array of shape (n,), optional
        Columns that follow those of the ticks: the verdicts.
    compress : bool
        Body in lz4 where that pays, which it does from 64 rows on.

    Raises
    ------
    WireError
        No ticks, or more than a frame may hold.
    """
    if not 1 <= len(ticks) <= MAX_ROWS:
        raise WireError(f"found {len(ticks)} ticks to put into a frame, expected 1 to {MAX_ROWS}; split them")
    batch = to_arrow(ticks, None if extra is None else dict(extra))
    sink = pa.BufferOutputStream()
    options = _LZ4 if compress and len(ticks) >= _LZ4_FROM_ROWS else _PLAIN
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    value: bytes = sink.getvalue().to_pybytes()
    headers = {CONTENT_TYPE: FRAME_CONTENT_TYPE.encode(), ROWS: b"%d" % len(ticks), CRC32C: crc32c(value)}
    channels = ticks.rows["channel"]
    if (channels == channels[0]).all():
        channel = ticks.name(int(channels[0])) or ""
        if channel.isascii():
            headers[CHANNEL] = channel.encode()
        first = _first_sequence(ticks)
        if first is not None:
            headers[FIRST_SEQUENCE] = first
    return Payload(value, headers)


def decode_frame(value: bytes | None, headers: Headers, key: bytes | None = None) -> Ticks:
    """Decode the ticks of one frame.

    Parameters
    ----------
    value : bytes or None
        The record's value; None is a tombstone.
    headers : mapping of str to bytes
        Each of the contract's headers that is there must agree with the value.
    key : bytes, optional
        The record's key; if given, it must be the channel.

    Raises
    ------
    WireError
        The value is not a frame of one channel, or a header or the key says something else; `schema_changed` is set where the
        columns are not the canonical ones.
    """
    batches = _read(value, headers, scored=False)
    ticks = _ticks(batches)
    channels = ticks.rows["channel"]
    other = channels != channels[0]
    first = ticks.names[channels[0]]
    if other.any():
        row = int(np.argmax(other))
        raise WireError(
            f"column channel, row {row}: found {excerpt(ticks.names[channels[row]])}, "
            f"expected {excerpt(first)} as in row 0: a frame has one channel"
        )
    check_header(headers, CHANNEL, first.encode())
    check_header(headers, FIRST_SEQUENCE, _first_sequence(ticks))
    check_key(key, first)
    return ticks


def decode_scored(value: bytes | None, headers: Headers) -> tuple[Ticks, Array]:
    """Decode the ticks and the verdicts of one frame of `ticks.scored`, which may hold several channels of its shard.

    Returns
    -------
    ticks : Ticks
    verdicts : array of finding.VERDICT, shape (n,)

    Raises
    ------
    WireError
        As `decode_frame` does, verdict columns that are missing or retyped included.
    """
    batches = _read(value, headers, scored=True)
    ticks = _ticks(batches)
    verdicts = np.zeros(len(ticks), VERDICT)
    for name in VERDICTS:
        column = pa.chunked_array([batch.column(name) for batch in batches])
        if column.null_count:
            raise WireError(f"column {name}: found {column.null_count} nulls, expected none")
        verdicts[name] = column.to_numpy()
    return ticks, verdicts


def _read(value: bytes | None, headers: Headers, *, scored: bool) -> list[pa.RecordBatch]:
    """Return the record batches of a value, after every check that needs no decoded column."""
    if value is None:
        raise WireError("found a tombstone (a null value), expected a frame")
    if not value:
        raise WireError("found an empty value, expected a frame")
    if len(value) > MAX_VALUE_BYTES:
        raise WireError(f"found a value of {len(value)} bytes, expected at most {MAX_VALUE_BYTES} in a frame")
    check_content_type(headers, FRAME_CONTENT_TYPE)
    check_crc32c(value, headers)
    if not value.startswith(CONTINUATION):
        raise WireError(f"byte 0: found {excerpt(value, 16)}, expected ffffffff, the start of an Arrow IPC stream")
    layout = measure_stream(value)
    # The cache keeps its keys in memory, so a padded schema must not go into it.
    (_check_columns if len(layout.schema) <= _ORDINARY_SCHEMA_BYTES else _check_columns.__wrapped__)(layout.schema, scored=scored)
    if layout.rows == 0:
        raise WireError("found a frame without rows, expected at least one tick")
    check_header(headers, ROWS, b"%d" % layout.rows)
    try:
        with pa.ipc.open_stream(pa.py_buffer(value), options=_READ) as reader:
            batches = list(reader)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise WireError(f"found an Arrow stream that cannot be read ({_one_line(error)}), expected a whole frame") from None
    for batch in batches:
        try:
            batch.validate(full=True)
        except (pa.ArrowException, ValueError) as error:
            raise WireError(_invalid_column(batch) or f"found columns that do not hold together ({_one_line(error)})") from None
    return batches


def _ticks(batches: list[pa.RecordBatch]) -> Ticks:
    try:
        ticks = from_batches(batches)
    except TickError as error:
        raise WireError(str(error)) from None
    unknown = ticks.rows["kind"] > _LAST_KIND
    if unknown.any():
        row = int(np.argmax(unknown))
        raise WireError(f"column kind, row {row}: found {ticks.rows['kind'][row]}, expected 0 to {_LAST_KIND}")
    return ticks


@lru_cache(maxsize=64)
def _check_columns(message: bytes, *, scored: bool) -> None:
    """Raise WireError unless a schema message has exactly the columns of a tick; a producer sends the same bytes each time."""
    try:
        schema = pa.ipc.read_schema(pa.py_buffer(message))
        _ = schema.names
    except (pa.ArrowException, OSError, ValueError) as error:
        raise WireError(f"found an Arrow schema that cannot be read ({_one_line(error)})") from None
    version = (schema.metadata or {}).get(_VERSION_KEY, SCHEMA_VERSION.encode())
    if version != SCHEMA_VERSION.encode():
        raise WireError(
            f"schema metadata tickproof.schema: found {excerpt(version)}, expected {SCHEMA_VERSION}", schema_changed=True
        )
    wrong = []
    if scored:
        for name, kind in VERDICTS.items():
            expected = pa.from_numpy_dtype(kind)
            found = [schema.field(index).type for index in schema.get_all_field_indices(name)]
            if found != [expected]:
                wrong.append(f"column {name}: found {', '.join(map(str, found)) or 'none'}, expected {expected}")
        schema = pa.schema([field for field in schema if field.name not in VERDICTS])
    try:
        check_schema(schema)
    except TickError as error:
        wrong.append(str(error))
    if wrong:
        raise WireError(_one_line("; ".join(wrong)), schema_changed=True)


def _first_sequence(ticks: Ticks) -> bytes | None:
    rows = ticks.rows
    return b"%d" % int(rows["sequence"][0]) if int(rows["present"][0]) & _SEQUENCE else None


def _invalid_column(batch: pa.RecordBatch) -> str | None:
    """Return which column is invalid, and where; None where each by itself is valid."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except (pa.ArrowException, ValueError) as error:
            return f"column {name}: {_one_line(error)}"
    return None


def _one_line(text: object) -> str:
    """Return a text as one printable line of limited length: column names may be anything, and a reason travels in a header."""
    shown = " ".join("".join(character if character.isprintable() else " " for character in str(text)[: _REASON + 1]).split())
    return shown if len(shown) <= _REASON else f"{shown[:_REASON]}…"

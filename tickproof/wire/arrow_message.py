"""The messages of an Arrow IPC stream, read without decoding them: what they claim is measured before anything is allocated.

Arrow's own reader allocates whatever a compressed buffer claims to hold. So the fields of the metadata that say how much data
there will be are read here first. Nothing is trusted because it was read here: Arrow verifies the same metadata again.
Framing: https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format; fields: Message.fbs and Schema.fbs of Arrow.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from tickproof.errors import WireError
from tickproof.wire.flatbuffer import I16, I32, I64, U8, Table, root
from tickproof.wire.limits import MAX_DECODED_BYTES, MAX_MESSAGES, MAX_NAMES, MAX_ROWS

CONTINUATION = b"\xff\xff\xff\xff"
"""The first four bytes of each message."""


class _Kind(IntEnum):
    """What a message holds."""

    SCHEMA = 1
    DICTIONARY = 2
    BATCH = 3
    TENSOR = 4
    SPARSE_TENSOR = 5


class _Version(IntEnum):
    """Version of the metadata."""

    V5 = 4


class _Codec(IntEnum):
    """Compression of a body's buffers."""

    LZ4 = 0
    ZSTD = 1


# Numbers of fields, in the order of Message.fbs and Schema.fbs.


class _MessageField(IntEnum):
    VERSION = 0
    KIND = 1
    HEADER = 2
    BODY_LENGTH = 3


class _SchemaField(IntEnum):
    ENDIANNESS = 0


class _BatchField(IntEnum):
    LENGTH = 0
    NODES = 1
    BUFFERS = 2
    COMPRESSION = 3


class _CompressionField(IntEnum):
    CODEC = 0


class _DictionaryField(IntEnum):
    ID = 0
    DATA = 1
    IS_DELTA = 2


_STORED = -1
"""Stands in front of a buffer that a compressed body holds uncompressed."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a stream that keeps to the limits claims to hold."""

    schema: bytes
    """The schema message as it stands in the stream."""
    rows: int


@dataclass(frozen=True, slots=True)
class _Message:
    number: int
    kind: int
    header: Table
    start: int
    body: int
    stop: int

    def __str__(self) -> str:
        names = {kind.value: kind.name.lower().replace("_", " ") for kind in _Kind}
        return f"Arrow message {self.number} ({names.get(self.kind, f'unknown kind {self.kind}')}) at byte {self.start}"


@dataclass(slots=True)
class _Claims:
    """Sums over the messages so far."""

    rows: int = 0
    names: int = 0
    decoded_bytes: int = 0
    dictionaries: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Dictionary id -> its entries and bytes at present."""


def measure_stream(value: bytes) -> Layout:
    """Measure an Arrow IPC stream against the limits.

    Raises
    ------
    WireError
        The stream is cut, continues after its end, holds what no frame may (big-endian data, zstd, tensors), or claims more
        rows, names, messages or decoded bytes than a frame may.
    """
    schema = b""
    claims = _Claims()
    for message in _messages(value):
        if (message.kind == _Kind.SCHEMA) != (message.number == 0) or not _Kind.SCHEMA <= message.kind <= _Kind.BATCH:
            raise WireError(f"{message}: expected {'a dictionary or record batch' if message.number else 'the schema'} here")
        if message.number >= MAX_MESSAGES:
            raise WireError(f"{message}: expected at most {MAX_MESSAGES} messages in a frame")
        try:
            if message.kind == _Kind.SCHEMA:
                if message.header.scalar(_SchemaField.ENDIANNESS, I16):
                    raise WireError(f"{message}: found big-endian data, expected little-endian")
                schema = value[message.start : message.body]
            elif message.kind == _Kind.BATCH:
                rows, decoded_bytes = _measure_batch(value, message, message.header)
                claims.rows += rows
                claims.decoded_bytes += decoded_bytes
            else:
                _claim_dictionary(value, message, claims)
        except struct.error:
            raise WireError(f"{message}: found metadata that points outside itself") from None
        for what, found, limit in (
            ("rows", claims.rows, MAX_ROWS),
            ("dictionary entries", claims.names, MAX_NAMES),
            ("bytes decoded", claims.decoded_bytes, MAX_DECODED_BYTES),
        ):
            if found > limit:
                raise WireError(f"{message}: found a claim of {found} {what}, expected at most {limit} in a frame")
    if not schema:
        raise WireError("found the end of the Arrow stream at byte 0, expected a schema")
    return Layout(schema, claims.rows)


def _messages(value: bytes) -> Iterator[_Message]:
    """Yield the messages up to the end-of-stream marker, which must be there and come last."""
    start, number, size = 0, 0, len(value)
    while True:
        if start + 8 > size:
            raise WireError(
                f"truncated: found the end of the value at byte {size}, expected an Arrow message or the end-of-stream marker"
            )
        if value[start : start + 4] != CONTINUATION:
            raise WireError(
                f"byte {start}: found {value[start : start + 4].hex()}, expected ffffffff, the start of an Arrow message"
            )
        length = I32.unpack_from(value, start + 4)[0]
        if length == 0:
            if start + 8 != size:
                raise WireError(
                    f"byte {start + 8}: found {size - start - 8} trailing bytes, expected none after the end of the stream"
                )
            return
        where = f"message {number} at byte {start}"
        body = start + 8 + length
        if length < 0 or body > size:
            raise WireError(f"truncated: {where} claims {length} bytes of metadata, found {size - start - 8}")
        try:
            metadata = root(value[start + 8 : body])
            version, kind = metadata.scalar(_MessageField.VERSION, I16), metadata.scalar(_MessageField.KIND, U8)
            body_bytes, header = metadata.scalar(_MessageField.BODY_LENGTH, I64), metadata.table(_MessageField.HEADER)
        except struct.error:
            header = None
        if header is None:
            raise WireError(f"{where}: found metadata that is not Arrow's")
        if version != _Version.V5:
            # Older versions announce compression elsewhere, where it would escape the limits.
            raise WireError(f"{where}: found metadata version V{version + 1}, expected V5")
        if body_bytes < 0 or body + body_bytes > size:
            raise WireError(f"truncated: {where} claims a body of {body_bytes} bytes, found {size - body}")
        yield _Message(number, kind, header, start, body, body + body_bytes)
        start, number = body + body_bytes, number + 1


def _claim_dictionary(value: bytes, message: _Message, claims: _Claims) -> None:
    """Add a dictionary to the claims; a delta makes Arrow build the whole dictionary anew, so all of it counts."""
    batch = message.header.table(_DictionaryField.DATA)
    if batch is None:
        raise WireError(f"{message}: found no data, expected a dictionary")
    names, decoded_bytes = _measure_batch(value, message, batch)
    identity = message.header.scalar(_DictionaryField.ID, I64)
    if message.header.scalar(_DictionaryField.IS_DELTA, U8):
        names_before, bytes_before = claims.dictionaries.get(identity, (0, 0))
        names, decoded_bytes = names + names_before, decoded_bytes + bytes_before
    claims.dictionaries[identity] = (names, decoded_bytes)
    claims.names += names
    claims.decoded_bytes += decoded_bytes


def _measure_batch(value: bytes, message: _Message, batch: Table) -> tuple[int, int]:
    """Return the rows and the decoded bytes that a batch claims."""
    rows = batch.scalar(_BatchField.LENGTH, I64)
    nodes, buffers = batch.pairs(_BatchField.NODES), batch.pairs(_BatchField.BUFFERS)
    compression = batch.table(_BatchField.COMPRESSION)
    if rows < 0 or any(length != rows for length in nodes[::2]):
        lengths = sorted({rows, *nodes[::2]})
        raise WireError(f"{message}: found columns of {' and '.join(map(str, lengths[:3]))} rows, expected one length")
    if compression is not None and (codec := compression.scalar(_CompressionField.CODEC, U8)) != _Codec.LZ4:
        name = "zstd" if codec == _Codec.ZSTD else f"unknown ({codec})"
        raise WireError(f"{message}: found compression {name}, expected lz4 or none")
    decoded_bytes = 0
    body_bytes = message.stop - message.body
    for offset, length in zip(buffers[::2], buffers[1::2], strict=True):
        if offset < 0 or length < 0 or offset + length > body_bytes:
            raise WireError(
                f"{message}: found a buffer of {length} bytes at {offset}, expected it in the body of {body_bytes} bytes"
            )
        if compression is None or length == 0:
            decoded_bytes += length
            continue
        if length < 8:
            raise WireError(f"{message}: found a compressed buffer of {length} bytes, expected at least the 8 of its length")
        claimed = I64.unpack_from(value, message.body + offset)[0]
        if claimed < _STORED:
            raise WireError(f"{message}: found a buffer that claims {claimed} bytes decoded, expected 0 or more")
        decoded_bytes += length - 8 if claimed == _STORED else claimed
    return rows, decoded_bytes

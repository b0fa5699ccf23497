"""Hostile payloads: what a broken or malicious producer may put between good frames, each with the reason it must be refused for.

`HOSTILE` is the table: a kind and a maker. `hostile_payloads` goes round it. A maker gets a random source and a good record, and
says what a WireError must contain, so that a decoder which refuses for a wrong reason fails as one does that accepts.

About flipped bits. With the original checksum every flip must be refused, whatever it hits. With a checksum computed anew a flip
may give other valid ticks, which no decoder can tell from what the producer meant (judging them is the rules' work). To ask the
decoder which flips those are would hide its faults, so such flips are made only where a reader of the format can say that no
valid frame results: in the markers and lengths of messages (high bits only: a length that is a little off may by chance fit), in
the magic number of an lz4 buffer, and in the text of a dictionary (a byte of ASCII with its highest bit set is not UTF-8). Names
and types of columns are rebuilt rather than flipped. Flips in values are left out.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from tickproof.errors import WireError
from tickproof.ticks.arrow import to_arrow
from tickproof.ticks.schema import Ticks, concat
from tickproof.wire import (
    FRAME_CONTENT_TYPE,
    JSON_CONTENT_TYPE,
    Payload,
    decode_frame,
    decode_json,
    detect,
    encode_frame,
    encode_json,
    undetected,
)
from tickproof.wire.flatbuffer import Table, root
from tickproof.wire.limits import MAX_DECODED_BYTES, MAX_ROWS
from tickproof.wire.record_headers import crc32c

LARGE_EVERY = 400
"""The kinds of several megabytes come once in so many payloads, or ten thousand would be gigabytes."""


@dataclass(frozen=True, slots=True)
class Hostile:
    """A record that is no tick.

    Parameters
    ----------
    kind : str
        Its row in the table.
    key, value, headers
        As Kafka carries them.
    reason : str
        What the WireError's text contains.
    schema_changed : bool
        What the WireError's `schema_changed` is.
    """

    kind: str
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]
    reason: str
    schema_changed: bool = False


@dataclass(slots=True)
class _Made:
    """What a maker makes; headers that are not given are those that fit, and so is the key."""

    value: bytes | None
    reason: str
    schema_changed: bool = False
    headers: dict[str, bytes] = field(default_factory=dict)
    key: bytes | None = None
    has_key: bool = False


@dataclass(frozen=True, slots=True)
class _Good:
    """A good record in the forms that makers start from."""

    channel: bytes
    payload: Payload
    ticks: Ticks

    @property
    def batch(self) -> pa.RecordBatch:
        return to_arrow(self.ticks)


Maker = Callable[[random.Random, _Good], _Made]


def hostile_payloads(good: Sequence[tuple[bytes, Payload]], seed: int, count: int) -> Iterator[Hostile]:
    """`count` hostile records around good ones, each kind in turn; the same for the same arguments.

    Parameters
    ----------
    good : sequence of (key, Payload)
        Frames that `encode_frame` made: their channels are the hostile records' channels.
    """
    source = random.Random(seed)
    prepared = [_Good(key, payload, decode_frame(payload.value, payload.headers, key)) for key, payload in good]
    small = [name for name in HOSTILE if name not in LARGE]
    for number in range(count):
        turn, place = divmod(number, LARGE_EVERY)
        name = list(LARGE)[turn % len(LARGE)] if place == LARGE_EVERY - 1 else small[number % len(small)]
        chosen = source.choice(prepared)
        made = HOSTILE[name](source, chosen)
        key = made.key if made.has_key else source.choice([None, chosen.channel, b"WRONG." + chosen.channel])
        yield Hostile(name, key, made.value, made.headers, made.reason, made.schema_changed)


def refusal(hostile: Hostile) -> WireError | None:
    """What the decoders say to a record: the way a job goes about it, by content type and first bytes."""
    encoding = detect(hostile.value, hostile.headers)
    if encoding is None:
        return undetected(hostile.value, hostile.headers)
    if encoding == "json":
        errors = decode_json([hostile.value]).errors
        return errors[0][1] if errors else None
    try:
        decode_frame(hostile.value, hostile.headers, hostile.key)
    except WireError as error:
        return error
    return None


# ── Frames ──


def _frame(value: bytes, reason: str, source: random.Random, *, schema_changed: bool = False) -> _Made:
    """A value with the headers that a frame of it has, or some of them: its checksum is right."""
    headers = {"content-type": FRAME_CONTENT_TYPE.encode(), "crc32c": crc32c(value)}
    if value[:4] == b"\xff\xff\xff\xff" and source.random() < 0.3:
        headers.pop(source.choice(list(headers)))
    return _Made(value, reason, schema_changed, headers)


def _stream(*batches: pa.RecordBatch, compression: str | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression, use_threads=False)
    with pa.ipc.new_stream(sink, batches[0].schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)
    value: bytes = sink.getvalue().to_pybytes()
    return value


def _with(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    index = batch.schema.get_field_index(name)
    fields = list(batch.schema)
    fields[index] = pa.field(name, column.type)
    return pa.RecordBatch.from_arrays(
        [*batch.columns[:index], column, *batch.columns[index + 1 :]], schema=pa.schema(fields, metadata=batch.schema.metadata)
    )


def _messages(value: bytes) -> list[tuple[int, int, int]]:
    """Start, body and end of each message."""
    places, start = [], 0
    for message in pa.ipc.MessageReader.open_stream(value):
        body = start + 8 + struct.unpack_from("<i", value, start + 4)[0]
        stop = body + (message.body.size if message.body else 0)
        places.append((start, body, stop))
        start = stop
    return places


def _patched(value: bytes, place: int, change: bytes) -> bytes:
    return value[:place] + change + value[place + len(change) :]


def _flipped(value: bytes, place: int, mask: int) -> bytes:
    return _patched(value, place, bytes([value[place] ^ mask]))


def _random_bytes(source: random.Random, good: _Good) -> _Made:
    # Neither a frame nor JSON begins like this.
    value = bytes([source.randrange(0x80, 0xFF)]) + source.randbytes(source.randrange(2000))
    headers = source.choice([{}, {"content-type": FRAME_CONTENT_TYPE.encode()}, {"content-type": JSON_CONTENT_TYPE.encode()}])
    return _Made(value, "byte 0: found", headers=headers)


def _truncated(source: random.Random, good: _Good) -> _Made:
    value = good.payload.value[: source.randrange(8, len(good.payload.value))]
    return _frame(value, "truncated", source)


def _truncated_wrong_checksum(source: random.Random, good: _Good) -> _Made:
    value = good.payload.value[: source.randrange(1, len(good.payload.value))]
    return _Made(value, "header crc32c: found", headers=dict(good.payload.headers))


def _flipped_wrong_checksum(source: random.Random, good: _Good) -> _Made:
    value = _flipped(good.payload.value, source.randrange(len(good.payload.value)), 1 << source.randrange(8))
    return _Made(value, "header crc32c: found", headers=dict(good.payload.headers))


def _flipped_marker(source: random.Random, good: _Good) -> _Made:
    value = good.payload.value
    starts = [*[start for start, _, _ in _messages(value)][1:], len(value) - 8]
    return _frame(
        _flipped(value, source.choice(starts) + source.randrange(4), 1 << source.randrange(8)), "expected ffffffff", source
    )


def _flipped_length(source: random.Random, good: _Good) -> _Made:
    value = good.payload.value
    start = source.choice([start for start, _, _ in _messages(value)])
    return _frame(_flipped(value, start + 7, 1 << source.randrange(8)), "truncated", source)


def _flipped_body_length(source: random.Random, good: _Good) -> _Made:
    value = good.payload.value
    start, body, _ = source.choice(_messages(value)[1:])
    place = start + 8 + _place(root(value[start + 8 : body]), 3)
    return _frame(_flipped(value, place + source.randrange(4, 8), 1 << source.randrange(8)), "claims a body of", source)


def _flipped_name(source: random.Random, good: _Good) -> _Made:
    batch = _with(good.batch, "symbol", pa.array(["SYMBOL"] * len(good.ticks)))
    value = _stream(batch)
    _, body, _ = _messages(value)[-1]
    place = value.index(b"SYMBOL", body) + source.randrange(6)
    return _frame(_flipped(value, place, 0x80), "column symbol: Invalid UTF8", source)


def _flipped_lz4(source: random.Random, good: _Good) -> _Made:
    value = _stream(_many(good, 100), compression="lz4")
    _, body, _ = _messages(value)[-1]
    # The first buffer is that of ts_recv: its length, then the magic number of an lz4 frame.
    assert value[body + 8 : body + 12] == b"\x04\x22\x4d\x18"
    return _frame(_flipped(value, body + 8 + source.randrange(4), 1 << source.randrange(8)), "cannot be read", source)


def _place(table: Table, number: int) -> int:
    return table.position + table.offsets[number]


def _many(good: _Good, count: int) -> pa.RecordBatch:
    return to_arrow(good.ticks.take(np.arange(count) % len(good.ticks)))


def _column_missing(source: random.Random, good: _Good) -> _Made:
    name = source.choice(good.batch.schema.names)
    return _frame(_stream(good.batch.drop_columns([name])), f"column {name} is missing", source, schema_changed=True)


def _column_retyped(source: random.Random, good: _Good) -> _Made:
    batch = good.batch
    name, kind = source.choice(
        [
            ("price", pa.float64()),
            ("ts_recv", pa.timestamp("ns")),
            ("kind", pa.int32()),
            ("flags", pa.string()),
            ("size", pa.int32()),
            ("symbol", pa.large_string()),
            ("symbol", pa.binary()),
            ("conditions", pa.uint64()),
            ("bid_px", pa.decimal128(38, 9)),
        ]
    )
    column = pa.nulls(len(batch), kind)
    return _frame(_stream(_with(batch, name, column)), f"column {name}: found {kind}, expected", source, schema_changed=True)


def _column_added(source: random.Random, good: _Good) -> _Made:
    name = source.choice(["venue_id", "quality", "", "Price", "price "])
    batch = good.batch.append_column(name, good.batch.column("flags"))
    return _frame(_stream(batch), f"column {name if name.isidentifier() else repr(name)} is unknown", source, schema_changed=True)


def _column_twice(source: random.Random, good: _Good) -> _Made:
    name = source.choice(good.batch.schema.names)
    batch = good.batch.append_column(name, good.batch.column(name))
    return _frame(_stream(batch), f"column {name} is there twice", source, schema_changed=True)


def _version(source: random.Random, good: _Good) -> _Made:
    value = _stream(good.batch.replace_schema_metadata({"tickproof.schema": "2"}))
    return _frame(value, "tickproof.schema: found '2', expected 1", source, schema_changed=True)


def _claimed_length(source: random.Random, good: _Good) -> _Made:
    value = _stream(_many(good, 100), compression="lz4")
    _, body, _ = _messages(value)[-1]
    claim = source.choice([MAX_DECODED_BYTES, 1 << 31, 1 << 33, 1 << 40, (1 << 63) - 1])
    return _frame(_patched(value, body, struct.pack("<q", claim)), "bytes decoded, expected at most", source)


def _claimed_rows(source: random.Random, good: _Good) -> _Made:
    value = _stream(good.batch)
    start, body, _ = _messages(value)[-1]
    header = root(value[start + 8 : body]).table(2)
    assert header is not None
    claim = struct.pack("<q", source.choice([MAX_ROWS + 1, 1 << 31, 1 << 33, 1 << 62]))
    places = [_place(header, 0)]
    nodes = _place(header, 1)
    nodes += struct.unpack_from("<I", header.buffer, nodes)[0]
    places += [nodes + 4 + 16 * index for index in range(struct.unpack_from("<I", header.buffer, nodes)[0])]
    for place in places:
        value = _patched(value, start + 8 + place, claim)
    return _frame(value, f"rows, expected at most {MAX_ROWS}", source)


def _zip_bomb(source: random.Random, good: _Good) -> _Made:
    batch = _many(good, 2)
    value = _stream(_with(batch, "symbol", pa.array(["A" * MAX_DECODED_BYTES, "A"])), compression="lz4")
    return _frame(value, "bytes decoded, expected at most", source)


def _too_many_rows(source: random.Random, good: _Good) -> _Made:
    half = _many(good, MAX_ROWS // 2 + 1)
    return _frame(_stream(half, half, compression="lz4"), f"rows, expected at most {MAX_ROWS}", source)


def _zstd(source: random.Random, good: _Good) -> _Made:
    return _frame(_stream(_many(good, 100), compression="zstd"), "found compression zstd", source)


def _trailing(source: random.Random, good: _Good) -> _Made:
    return _frame(good.payload.value + source.randbytes(source.randrange(1, 100)), "trailing bytes", source)


def _no_rows(source: random.Random, good: _Good) -> _Made:
    return _frame(_stream(good.batch.slice(0, 0)), "without rows", source)


def _two_channels(source: random.Random, good: _Good) -> _Made:
    other = Ticks(good.ticks.rows, tuple(f"{name}.other" for name in good.ticks.names))
    return _frame(encode_frame(concat([good.ticks, other])).value, "a frame has one channel", source)


def _null(source: random.Random, good: _Good) -> _Made:
    name = source.choice(["ts_recv", "channel", "venue", "kind", "conditions", "flags"])
    batch = good.batch
    value = _stream(_with(batch, name, pa.nulls(len(batch), batch.schema.field(name).type)))
    return _frame(value, f"column {name}, row 0: found null", source)


def _unknown_kind(source: random.Random, good: _Good) -> _Made:
    kind = source.randrange(7, 256)
    value = _stream(_with(good.batch, "kind", pa.array([kind] * len(good.ticks), pa.uint8())))
    return _frame(value, f"column kind, row 0: found {kind}, expected 0 to 6", source)


def _index_out_of_range(source: random.Random, good: _Good) -> _Made:
    name = source.choice(["channel", "venue", "symbol"])
    index = pa.array([source.choice([-1, 1, 100])] * len(good.ticks), pa.int8())
    column = pa.DictionaryArray.from_arrays(index, pa.array(["A"]), safe=False)
    return _frame(_stream(_with(good.batch, name, column)), f"column {name}: Dictionary indices invalid", source)


def _wrong_header(source: random.Random, good: _Good) -> _Made:
    name, found = source.choice(
        [
            ("rows", b"0"),
            ("rows", b"x"),
            ("channel", b"other"),
            ("first-sequence", b"-1"),
            ("crc32c", b"XXXXXXXX"),
            ("crc32c", good.payload.headers["crc32c"] + b" "),
            ("content-type", b"application/octet-stream"),
        ]
    )
    return _Made(good.payload.value, f"header {name}: found", headers={**good.payload.headers, name: found})


def _wrong_key(source: random.Random, good: _Good) -> _Made:
    key = source.choice([b"", b"wrong", good.channel + b" ", good.channel[:-1] + b"\xff", source.randbytes(8)])
    return _Made(good.payload.value, "key: found", headers=dict(good.payload.headers), key=key, has_key=True)


# ── JSON ──

_TEXTS: dict[str, tuple[tuple[dict[str, str], str, bool], ...]] = {
    "json_nan": (({"price": "NaN"}, "NaN", False), ({"price": '"NaN"'}, "$.price: found '\"NaN\"'", False)),
    "json_infinity": (
        ({"ask_px": "Infinity"}, "Infinity", False),
        ({"ask_px": "-Infinity"}, "Infinity", False),
        ({"ask_px": '"-Infinity"'}, "$.ask_px: found", False),
    ),
    "json_huge_number": (
        ({"price": "1" + "0" * 40}, "int64 holds", False),
        ({"price": "1e999999999"}, "int64 holds", False),
        ({"price": '"9223372036.854775808"'}, "int64 holds", False),
        ({"size": "9" * 10_000}, "int64 holds", False),
        ({"ts_recv": "9223372036854775808"}, "int64 holds", False),
        ({"sequence": "18446744073709551616"}, "fits uint64", False),
        ({"trade_id": "-9223372036854775809"}, "fits int64", False),
        ({"sequence": "-1"}, "fits uint64", False),
        ({"flags": "256"}, "fits uint8", False),
    ),
    "json_too_fine": (
        ({"price": "0.0000000001"}, "at most 9 decimals", False),
        ({"bid_px": '"1e-999999999"'}, "9 decimals", False),
    ),
    "json_wrong_type": (
        ({"price": "true"}, "$.price: found 'true' (bool)", True),
        ({"price": "[1]"}, "$.price: found '[1]' (array)", True),
        ({"price": '{"value":\n1}'}, "(object)", True),
        ({"channel": "7"}, "$.channel: found int, expected string", True),
        ({"sequence": '"7"'}, "$.sequence: found", True),
        ({"sequence": "7.5"}, "$.sequence: found '7.5' (number)", False),
        ({"ts_recv": "null"}, "$.ts_recv: found 'null'", False),
        ({"kind": '"QUOTA"'}, "one of QUOTE, TRADE", False),
        ({"price": '"12,5"'}, "$.price: found '\"12,5\"'", False),
    ),
    "json_wrong_time": (
        ({"ts_recv": '"2016-12-31T23:59:60Z"'}, "leap second", False),
        ({"ts_event": '"2023-02-29T00:00:00Z"'}, "date and time that exist", False),
        ({"ts_recv": '"yesterday"'}, "RFC 3339", False),
    ),
    "json_deep": (
        ({"price": "[" * 20_000 + "]" * 20_000}, "nested too deeply", False),
        ({"size": '{"a":' * 10_000 + "1" + "}" * 10_000}, "nested too deeply", False),
    ),
    "json_unknown_field": (({"px": "1"}, "unknown field 'px'", True), ({"Price": "1"}, "unknown field 'Price'", True)),
}


def _json(kind: str) -> Maker:
    def make(source: random.Random, good: _Good) -> _Made:
        texts, reason, schema_changed = source.choice(_TEXTS[kind])
        needed = {"ts_recv": "1", "channel": f'"{good.channel.decode()}"', "venue": '"V"', "kind": "0"}
        members = [f'"{name}":{text}' for name, text in {**needed, **texts}.items()]
        source.shuffle(members)
        return _as_json(("{" + ",".join(members) + "}").encode(), reason, source, schema_changed=schema_changed)

    return make


def _as_json(value: bytes, reason: str, source: random.Random, *, schema_changed: bool = False) -> _Made:
    return _Made(value, reason, schema_changed, source.choice([{}, {"content-type": JSON_CONTENT_TYPE.encode()}]))


def _tick(good: _Good) -> bytes:
    return encode_json(good.ticks.take(slice(0, 1)))[0]


def _json_twice(source: random.Random, good: _Good) -> _Made:
    name = source.choice(["ts_recv", "venue", "kind"])
    return _as_json(
        _tick(good).replace(b"{", b'{"%s":1,' % name.encode(), 1), f"$.{name}: found", source, schema_changed=name == "venue"
    )


def _json_field_missing(source: random.Random, good: _Good) -> _Made:
    return _as_json(b'{"ts_recv":1,"channel":"C","kind":0}', "$.venue: found nothing", source, schema_changed=True)


def _json_truncated(source: random.Random, good: _Good) -> _Made:
    value = _tick(good)
    return _as_json(value[: source.randrange(1, len(value))], "truncated", source)


def _json_and_more(source: random.Random, good: _Good) -> _Made:
    return _as_json(_tick(good) + _tick(good), "trailing characters", source)


def _json_not_utf8(source: random.Random, good: _Good) -> _Made:
    return _as_json(_tick(good).replace(b'"venue":"', b'"venue":"\xff'), "not UTF-8", source)


def _empty(source: random.Random, good: _Good) -> _Made:
    return _Made(
        b"", "empty value", headers=source.choice([{}, {"content-type": JSON_CONTENT_TYPE.encode()}, good.payload.headers])
    )


def _tombstone(source: random.Random, good: _Good) -> _Made:
    return _Made(
        None, "tombstone", headers=source.choice([{}, {"content-type": JSON_CONTENT_TYPE.encode()}, good.payload.headers])
    )


def _junk(source: random.Random, good: _Good) -> _Made:
    junk = source.randbytes(5_000_000)
    begin, reason = source.choice(
        [(b"\x80", "byte 0: found"), (b'{"ts_recv":', "in a JSON tick"), (b"\xff\xff\xff\xff" * 2, "truncated")]
    )
    return _Made(begin + junk, reason)


LARGE: dict[str, Maker] = {"junk_5mb": _junk, "zip_bomb": _zip_bomb, "too_many_rows": _too_many_rows}
"""Kinds that take long to make or to carry."""

HOSTILE: dict[str, Maker] = {
    "random_bytes": _random_bytes,
    "truncated": _truncated,
    "truncated_wrong_checksum": _truncated_wrong_checksum,
    "flipped_wrong_checksum": _flipped_wrong_checksum,
    "flipped_marker": _flipped_marker,
    "flipped_length": _flipped_length,
    "flipped_body_length": _flipped_body_length,
    "flipped_name": _flipped_name,
    "flipped_lz4": _flipped_lz4,
    "column_missing": _column_missing,
    "column_retyped": _column_retyped,
    "column_added": _column_added,
    "column_twice": _column_twice,
    "schema_version": _version,
    "claimed_length": _claimed_length,
    "claimed_rows": _claimed_rows,
    "zstd": _zstd,
    "trailing_bytes": _trailing,
    "no_rows": _no_rows,
    "two_channels": _two_channels,
    "null": _null,
    "unknown_kind": _unknown_kind,
    "index_out_of_range": _index_out_of_range,
    "wrong_header": _wrong_header,
    "wrong_key": _wrong_key,
    **{kind: _json(kind) for kind in _TEXTS},
    "json_field_twice": _json_twice,
    "json_field_missing": _json_field_missing,
    "json_truncated": _json_truncated,
    "json_and_more": _json_and_more,
    "json_not_utf8": _json_not_utf8,
    "empty": _empty,
    "tombstone": _tombstone,
    **LARGE,
}

"""Frames: what goes in comes out, and whatever is not a frame is refused by name."""

from __future__ import annotations

import random
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.wire_ticks import example, plain, ticks
from tickproof.errors import WireError
from tickproof.findings.finding import VERDICT, VERDICTS, verdict_columns
from tickproof.ticks.arrow import from_arrow, to_arrow
from tickproof.ticks.schema import NAMES, SCHEMA, Ticks, concat, empty
from tickproof.wire import FRAME_CONTENT_TYPE, decode_frame, decode_scored, detect, encode_frame, undetected
from tickproof.wire.arrow_message import measure_stream
from tickproof.wire.limits import MAX_DECODED_BYTES, MAX_MESSAGES, MAX_ROWS
from tickproof.wire.record_headers import crc32c

INDICES = [pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64()]


def stream(*batches: pa.RecordBatch, **options: object) -> bytes:
    """Batches as one Arrow IPC stream, as any other program may write it."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def replaced(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    """The batch with one column changed."""
    index = batch.schema.get_field_index(name)
    fields = list(batch.schema)
    fields[index] = pa.field(name, column.type)
    columns = [*batch.columns[:index], column, *batch.columns[index + 1 :]]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields, metadata=batch.schema.metadata))


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(ticks(), st.booleans())
def test_a_frame_gives_back_its_ticks(batch, compress):
    payload = encode_frame(batch, compress=compress)
    channel = batch.names[0]
    assert plain(decode_frame(payload.value, payload.headers, channel.encode())) == plain(batch)
    assert payload.headers["rows"] == str(len(batch)).encode()
    assert detect(payload.value, payload.headers) == detect(payload.value, {}) == "frame"


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(ticks(), st.sampled_from([None, *INDICES]), st.sampled_from([None, "lz4"]), st.integers(0, 12))
def test_strings_may_be_plain_or_dictionaries_of_any_width_in_any_number_of_batches(batch, index, compression, cut):
    arrow = to_arrow(batch)
    for name in NAMES:
        column = arrow.column(name)
        column = column.cast(pa.string()) if index is None else column.cast(pa.dictionary(index, pa.string()))
        arrow = replaced(arrow, name, column)
    value = stream(arrow.slice(0, cut), arrow.slice(cut), compression=compression)
    assert plain(decode_frame(value, {})) == plain(batch)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(ticks(most=4), ticks(most=4), st.booleans())
def test_a_dictionary_may_be_replaced_or_grow_between_batches(first, second, deltas):
    second = Ticks(second.rows, (first.names[0], *second.names[1:]))
    parts = [to_arrow(first), to_arrow(second)]
    value = stream(*parts, emit_dictionary_deltas=deltas)
    assert plain(decode_frame(value, {})) == plain(concat([first, second]))


def test_columns_may_come_in_any_order_and_headers_may_be_absent_or_null():
    arrow = to_arrow(example())
    order = list(reversed(arrow.schema.names))
    shuffled = arrow.select(order).replace_schema_metadata(None)
    assert plain(decode_frame(stream(shuffled), {"rows": None, "crc32c": None})) == plain(example())


def test_a_frame_holds_only_the_names_that_it_uses():
    few = Ticks(example().rows, (*example().names, *(f"UNUSED{number}" for number in range(1000))))
    assert encode_frame(few) == encode_frame(example())


def test_headers_say_what_the_contract_says():
    payload = encode_frame(example())
    assert payload.headers == {
        "content-type": FRAME_CONTENT_TYPE.encode(),
        "channel": b"XNAS.A",
        "first-sequence": b"1000",
        "rows": b"8",
        "crc32c": crc32c(payload.value),
    }
    # The check value of CRC-32C, RFC 3720 and every catalogue of checksums.
    assert crc32c(b"123456789") == b"e3069283"


def test_headers_that_cannot_be_said_are_left_out():
    assert "channel" not in encode_frame(example(channel="Börse.A")).headers
    without = example()
    without.rows["present"][0] &= ~np.uint16(2)
    without.rows["sequence"][0] = 0
    assert "first-sequence" not in encode_frame(without).headers
    two = concat([example(), example(channel="XNAS.B")])
    assert {"channel", "first-sequence"}.isdisjoint(encode_frame(two).headers)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(ticks(channels=3), st.integers(0, 2**32 - 1))
def test_a_scored_frame_gives_back_ticks_and_verdicts(batch, seed):
    verdicts = np.zeros(len(batch), VERDICT)
    random_ = np.random.default_rng(seed)
    for name, kind in VERDICTS.items():
        verdicts[name] = random_.integers(0, 4, len(batch)).astype(kind)
    payload = encode_frame(batch, extra=verdict_columns(verdicts))
    back, found = decode_scored(payload.value, payload.headers)
    assert plain(back) == plain(batch)
    assert all((found[name] == verdicts[name]).all() for name in VERDICTS)
    with pytest.raises(WireError, match="column quality is unknown") as raised:
        decode_frame(payload.value, {})
    assert raised.value.schema_changed


def test_a_scored_frame_without_a_verdict_column_is_a_changed_schema():
    columns = verdict_columns(np.zeros(8, VERDICT))
    columns["score"] = columns["score"].astype(np.float64)
    del columns["reasons"]
    with pytest.raises(WireError, match="column score: found double, expected float; column reasons: found none") as raised:
        decode_scored(encode_frame(example(), extra=columns).value, {})
    assert raised.value.schema_changed


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("rows", b"7"),
        ("rows", b"08"),
        ("channel", b"XNAS.B"),
        ("first-sequence", b"1001"),
        ("crc32c", b"00000000"),
        ("content-type", b"text/plain"),
    ],
)
def test_a_header_that_does_not_agree_is_named(header, found):
    payload = encode_frame(example())
    with pytest.raises(WireError, match=f"header {header}: found '{found.decode()}', expected"):
        decode_frame(payload.value, {**payload.headers, header: found})


def test_the_checksum_is_looked_at_before_anything_that_it_vouches_for():
    payload = encode_frame(example())
    with pytest.raises(WireError, match="header crc32c"):
        decode_frame(payload.value[:-9], payload.headers)


def test_the_key_is_the_channel_or_absent():
    payload = encode_frame(example())
    assert len(decode_frame(payload.value, payload.headers, None)) == 8
    with pytest.raises(WireError, match=r"key: found 'XNAS\.B', expected the channel, 'XNAS\.A'"):
        decode_frame(payload.value, payload.headers, b"XNAS.B")


def test_what_is_no_frame_at_all():
    for value, reason in ((None, "tombstone"), (b"", "empty value"), (b"junk and more", "byte 0: found 'junk and more'")):
        with pytest.raises(WireError, match=reason):
            decode_frame(value, {})
        assert detect(value, {}) is None
        assert reason in str(undetected(value, {}))
    assert "text/plain" in str(undetected(b"x", {"content-type": b"text/plain"}))


def test_a_frame_without_rows_or_with_several_channels_is_refused():
    with pytest.raises(WireError, match="without rows"):
        decode_frame(stream(to_arrow(example()).slice(0, 0)), {})
    with pytest.raises(WireError, match="found 0 ticks"):
        encode_frame(example().take(slice(0, 0)))
    two = concat([example(), example(channel="XNAS.B")])
    with pytest.raises(WireError, match=r"column channel, row 8: found 'XNAS\.B', expected 'XNAS\.A' as in row 0"):
        decode_frame(encode_frame(two).value, {})


def test_a_changed_schema_is_told_from_broken_bytes():
    arrow = to_arrow(example())
    floats = replaced(arrow, "price", arrow.column("price").cast(pa.float64(), safe=False))
    large = replaced(arrow, "symbol", arrow.column("symbol").cast(pa.large_string()))
    for changed, reason in (
        (arrow.drop_columns(["bid_px"]), "column bid_px is missing, expected int64"),
        (arrow.append_column("venue_id", arrow.column("flags")), "column venue_id is unknown"),
        (arrow.append_column("a\nb", arrow.column("flags")), r"column 'a\nb' is unknown"),
        (arrow.append_column("price", arrow.column("price")), "column price is there twice"),
        (floats, "column price: found double, expected int64"),
        (large, "column symbol: found large_string, expected string"),
        (arrow.replace_schema_metadata({"tickproof.schema": "2"}), "tickproof.schema: found '2', expected 1"),
    ):
        with pytest.raises(WireError) as raised:
            decode_frame(stream(changed), {})
        assert reason in str(raised.value)
        assert raised.value.schema_changed


def test_a_null_or_a_value_out_of_place_is_named_by_column_and_row():
    arrow = to_arrow(example())
    nulls = pa.array([1, 2, None, 4, 5, 6, 7, None], pa.int64())
    null_word = pa.DictionaryArray.from_arrays(pa.array([0, 0, 0, 1, 0, 0, 0, 0], pa.int8()), pa.array(["XNAS", None]))
    kinds = pa.array([0, 1, 2, 3, 4, 5, 6, 7], pa.uint8())
    out_of_range = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0, 0, 0, 9, 0, 0], pa.int8()), pa.array(["A", "B"]), safe=False)
    not_utf8 = pa.StringArray.from_buffers(8, pa.py_buffer(np.arange(9, dtype=np.int32)), pa.py_buffer(b"ABC\xffEFGH"))
    for changed, reason in (
        (replaced(arrow, "ts_recv", nulls), "column ts_recv, row 2: found null, expected a value"),
        (replaced(arrow, "venue", null_word), "column venue, row 3: found null"),
        (replaced(arrow, "kind", kinds), "column kind, row 7: found 7, expected 0 to 6"),
        (replaced(arrow, "symbol", out_of_range), "column symbol: Dictionary indices invalid"),
        (replaced(arrow, "symbol", not_utf8), "column symbol: Invalid UTF8 sequence at string index 3"),
    ):
        with pytest.raises(WireError) as raised:
            decode_frame(stream(changed), {})
        assert reason in str(raised.value)
        assert not raised.value.schema_changed


def test_every_cut_of_a_frame_is_refused():
    value = encode_frame(example()).value
    for size in range(1, len(value)):
        with pytest.raises(WireError, match="truncated" if size >= 4 else "byte 0|truncated"):
            decode_frame(value[:size], {})
    with pytest.raises(WireError, match="found 3 trailing bytes"):
        decode_frame(value + b"\0\0\0", {})


def test_only_lz4_is_read():
    with pytest.raises(WireError, match="found compression zstd, expected lz4 or none"):
        decode_frame(stream(to_arrow(example(100)), compression="zstd"), {})


def test_the_limits_are_met_exactly():
    whole = to_arrow(example(MAX_ROWS))
    assert len(decode_frame(stream(whole, compression="lz4"), {})) == MAX_ROWS
    with pytest.raises(WireError, match=f"found a claim of {MAX_ROWS + 1} rows, expected at most {MAX_ROWS}"):
        decode_frame(stream(whole, whole.slice(0, 1), compression="lz4"), {})
    with pytest.raises(WireError, match=f"found {MAX_ROWS + 1} ticks"):
        encode_frame(example(MAX_ROWS + 1))
    one = to_arrow(example(1)).cast(SCHEMA)
    with pytest.raises(WireError, match=f"expected at most {MAX_MESSAGES} messages"):
        decode_frame(stream(*[one] * MAX_MESSAGES), {})


def test_a_small_frame_that_claims_much_allocates_nothing():
    arrow = to_arrow(example())
    bomb = stream(replaced(arrow, "symbol", pa.array(["A" * MAX_DECODED_BYTES] * 1 + ["A"] * 7)), compression="lz4")
    assert len(bomb) < 1 << 20
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        with pytest.raises(WireError, match=f"bytes decoded, expected at most {MAX_DECODED_BYTES} in a frame"):
            decode_frame(bomb, {})
        assert tracemalloc.get_traced_memory()[1] < 4 * len(bomb)
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)
    assert pool.max_memory() < len(bomb)


def test_a_dictionary_that_grows_by_deltas_counts_at_each_of_its_sizes():
    """Arrow builds the whole dictionary anew for each delta: a thousand small ones cost a thousand large ones."""
    words = [f"{number:05}" for number in range(2000)]
    arrow = to_arrow(example(1))
    parts = []
    for size in range(1000, 1330):
        column = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), pa.array(words[:size]))
        parts.append(replaced(arrow, "symbol", column))
    with pytest.raises(WireError, match="dictionary entries, expected at most 300000"):
        decode_frame(stream(*parts, emit_dictionary_deltas=True), {})


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_bytes_changed_anywhere_give_ticks_or_a_reason(seed):
    """A change with a right checksum may still be ticks; it never crashes, hangs, or raises anything but WireError."""
    random_ = random.Random(seed)
    value = bytearray(encode_frame(example(random_.choice([1, 9, 70])), compress=random_.random() < 0.5).value)
    for _ in range(random_.choice([1, 1, 2, 4])):
        place = random_.randrange(len(value))
        width = random_.choice([1, 2, 4, 8])
        flipped = value[place] ^ 1 << random_.randrange(8)
        number = random_.choice([0, 1, -1, 1 << 31, 1 << 40, 100_001, random_.getrandbits(64), flipped])
        value[place : place + width] = (number % (1 << 8 * width)).to_bytes(width, "little")
    try:
        batch = decode_frame(bytes(value), {})
    except WireError as error:
        reason = str(error)
    else:
        reason = f"{len(plain(batch))} ticks"
    assert reason.isprintable()


def test_the_claims_of_a_stream_are_what_arrow_writes():
    value = encode_frame(example(100)).value
    layout = measure_stream(value)
    assert layout.rows == 100
    assert pa.ipc.read_schema(pa.py_buffer(layout.schema)).names == SCHEMA.names


def test_no_ticks_and_no_names_are_a_batch_without_rows() -> None:
    batch = to_arrow(empty())
    assert (batch.num_rows, batch.schema.names) == (0, SCHEMA.names)
    assert len(from_arrow(batch)) == 0

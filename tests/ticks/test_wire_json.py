"""JSON ticks: exact numbers, and a reason for each payload that is none, whatever stands beside it."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.wire_ticks import example, plain, ticks
from tickproof.ticks.schema import NULLABLE, Kind
from tickproof.wire import JSON_CONTENT_TYPE, decode_json, detect, encode_json
from tickproof.wire.limits import MAX_JSON_BYTES
from tickproof.wire.record_headers import crc32c

PRICES = ("bid_px", "bid_sz", "ask_px", "ask_sz", "price", "size")
LEAST, MOST = -(2**63), 2**63 - 1


def payload(**fields: str) -> bytes:
    """A tick of texts: what is given, and what has to be there."""
    texts = {"ts_recv": "1", "channel": '"C"', "venue": '"V"', "kind": "0", **fields}
    return ("{" + ",".join(f'"{name}":{text}' for name, text in texts.items()) + "}").encode()


def value(name: str, text: str) -> int:
    """The value of a field with a text that is one."""
    batch = decode_json([payload(**{name: text})])
    assert not batch.errors, batch.errors
    return int(batch.ticks.rows[name][0])


def refusal(data: bytes | None) -> str:
    """Why a payload is no tick."""
    batch = decode_json([data])
    assert len(batch.ticks) == 0
    assert len(batch.row_of) == 0
    ((place, error),) = batch.errors
    assert place == 0
    assert str(error).isprintable()
    return str(error)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(ticks(channels=3))
def test_json_gives_back_its_ticks(batch):
    payloads = encode_json(batch)
    back = decode_json(payloads)
    assert plain(back.ticks) == plain(batch)
    assert back.errors == []
    assert back.row_of.tolist() == list(range(len(batch)))
    assert {detect(line, {}) for line in payloads} == {"json"}


@settings(deadline=None, max_examples=40)
@given(ticks(channels=2, most=5), st.booleans(), st.randoms(use_true_random=False))
def test_other_peoples_json_is_the_same_ticks(batch, as_numbers, source):
    """Nulls and zeros written out, fields in any order, spaces and lines, escapes, prices as numbers, kinds by name."""
    lines = []
    for tick in plain(batch):
        texts = {name: json.dumps(found) for name, found in tick.items()}
        for name in PRICES:
            if tick[name] is not None:
                number = f"{Decimal(tick[name]).scaleb(-9):f}"
                texts[name] = number if as_numbers else f'"{number}"'
        texts["kind"] = json.dumps(source.choice([Kind(tick["kind"]).name, Kind(tick["kind"]).name.lower()]))
        members = [
            f'"{name}"{source.choice(["", " "])}:{source.choice(["", "  ", chr(10)])}{text}' for name, text in texts.items()
        ]
        source.shuffle(members)
        lines.append(("{ " + source.choice([",", " ,\r\n\t"]).join(members) + "\n}\n").encode())
    back = decode_json(lines)
    assert back.errors == []
    assert plain(back.ticks) == plain(batch)


@settings(deadline=None)
@given(st.integers(LEAST, MOST), st.sampled_from(PRICES), st.booleans())
def test_decimals_are_exact(units, name, quoted):
    number = Decimal(units).scaleb(-9)
    for text in (f"{number:f}", f"{number:e}", f"{number:f}" + "000" * ("." in f"{number:f}")):
        assert value(name, f'"{text}"' if quoted else text) == units


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(-(10**10), 10**10, places=9))
def test_a_decimal_is_taken_exactly_or_refused(number):
    """Python's decimal arithmetic, at a precision that rounds nothing here, is the definition."""
    units = number.scaleb(9) if abs(number.adjusted()) < 10**6 else Decimal("NaN")
    batch = decode_json([payload(price=f'"{number}"')])
    fits = units.is_finite() and units == units.to_integral_value() and LEAST <= units <= MOST
    assert [int(units)] * fits == batch.ticks.rows["price"].tolist()
    assert len(batch.errors) == (not fits)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "found 'NaN"),
        ("Infinity", "found 'Infinity"),
        ("-Infinity", "Infinity"),
        ('"NaN"', "$.price: found '\"NaN\"' (string), expected a decimal number"),
        ('"Infinity"', "$.price: found '\"Infinity\"'"),
        ('""', "$.price: found '\"\"'"),
        ('"1_0"', "expected a decimal number"),
        ('" 1"', "expected a decimal number"),
        ('"+1"', "expected a decimal number"),
        ('"1."', "expected a decimal number"),
        ('".1"', "expected a decimal number"),
        ('"1e"', "expected a decimal number"),
        ('"0x1"', "expected a decimal number"),
        ('"\\u0661"', "expected a decimal number"),
        ("01", "invalid number"),
        ("true", "found 'true' (bool)"),
        ("[1]", "found '[1]' (array)"),
        ("[1,\n2]", "(array)"),
        ('{"a":\n1}', "(object)"),
        ("1.0000000001", "expected at most 9 decimals"),
        ("1e-10", "expected at most 9 decimals"),
        ("1e-999999999999", "expected at most 9 decimals"),
        ("9223372036.854775808", "at most, as int64 holds"),
        ("-9223372036.854775809", "at most, as int64 holds"),
        ("1e10", "at most, as int64 holds"),
        ("1e999999999", "at most, as int64 holds"),
        ('"1e99999999999999999999999999"', "at most, as int64 holds"),
        ("9" * 5000, "of 5000 bytes, expected ±9223372036.854775807"),
    ],
)
def test_a_price_that_is_none_is_named(text, reason):
    assert reason in refusal(payload(price=text))


def test_decimals_of_any_spelling():
    for text, units in (
        ("0e999999999", 0),
        ("-0", 0),
        ("-0.0", 0),
        ('"007.5"', 7_500_000_000),
        ("1E+0", 10**9),
        ("1e-9", 1),
        ("15e-1", 15 * 10**8),
    ):
        assert value("price", text) == units
    assert value("price", "1" + "0" * 3000 + "e-3000") == 10**9
    assert value("price", "0." + "0" * 3000 + "1e3001") == 10**9


@settings(deadline=None)
@given(st.integers(LEAST, MOST), st.integers(-23 * 60 - 59, 23 * 60 + 59))
def test_times_with_an_offset_are_exact(time_ns, offset_minutes):
    """Python's datetime is the definition; it stops at microseconds."""
    microseconds, ns = divmod(time_ns, 1000)
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds) + timedelta(minutes=offset_minutes)
    sign = "-" if offset_minutes < 0 else "+"
    hours, minutes = divmod(abs(offset_minutes), 60)
    text = f'"{local:%Y-%m-%dT%H:%M:%S.%f}{ns:03}{sign}{hours:02}:{minutes:02}"'
    assert value("ts_recv", text) == time_ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ('"1970-01-01T00:00:00Z"', 0),
        ('"1969-12-31T23:59:59.999999999Z"', -1),
        ('"2262-04-11T23:47:16.854775807Z"', MOST),
        ('"1677-09-21T00:12:43.145224192Z"', LEAST),
        ('"2024-02-29t12:00:00.5+05:30"', 1_709_188_200_500_000_000),
        ('"2000-02-29 00:00:00-00:00"', 951_782_400_000_000_000),
        ('"2024-01-01T00:00:00\\u002b00:00"', 1_704_067_200_000_000_000),
        ('"2024-01-01T00:00:00.1234567890Z"', 1_704_067_200_123_456_789),
        (str(MOST), MOST),
        (str(LEAST), LEAST),
    ],
)
def test_times(text, ns):
    assert value("ts_recv", text) == value("ts_event", text) == ns


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('"2016-12-31T23:59:60Z"', "a leap second"),
        ('"2023-02-29T00:00:00Z"', "expected a date and time that exist"),
        ('"1900-02-29T00:00:00Z"', "expected a date and time that exist"),
        ('"2024-13-01T00:00:00Z"', "expected a date and time that exist"),
        ('"2024-01-00T00:00:00Z"', "expected a date and time that exist"),
        ('"2024-01-01T24:00:00Z"', "expected a date and time that exist"),
        ('"2024-01-01T00:00:00+24:00"', "expected a date and time that exist"),
        ('"2024-01-01T00:00:00.1234567891Z"', "expected at most 9 decimals"),
        ('"2262-04-11T23:47:16.854775808Z"', "as int64 holds"),
        ('"1677-09-21T00:12:43.145224191Z"', "as int64 holds"),
        ('"9999-12-31T23:59:59Z"', "as int64 holds"),
        ('"0000-01-01T00:00:00Z"', "as int64 holds"),
        ('"2024-01-01T00:00:00"', "with an offset"),
        ('"2024-01-01"', "with an offset"),
        ('"2024-01-01T00:00:00.Z"', "with an offset"),
        ('"2024-01-01T00:00:00Z "', "with an offset"),
        ('"1700000000000000000"', "with an offset"),
        ('"\\n"', "with an offset"),
        ("1.5", "found '1.5' (number)"),
        ("1e18", "with an offset"),
        (str(MOST + 1), "as int64 holds"),
        ("null", "found 'null', expected"),
    ],
)
def test_a_time_that_is_none_is_named(text, reason):
    found = refusal(payload(ts_recv=text))
    assert reason in found
    assert "$.ts_recv: found" in found


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("sequence", 0, 2**64 - 1), ("trade_id", LEAST, MOST), ("conditions", 0, 2**32 - 1), ("flags", 0, 255), ("kind", 0, 6)],
)
def test_integers_fill_their_column_and_no_more(name, least, most):
    assert value(name, str(least)) == least
    assert value(name, str(most)) == most
    for outside in (least - 1, most + 1, 10**40, -(10**40)):
        assert f"$.{name}: found '{outside}', expected" in refusal(payload(**{name: str(outside)}))
    for text in ("1.0", "1e0", "true", "[]", '"x"'):
        assert f"$.{name}: found" in refusal(payload(**{name: text}))


def test_kinds_go_by_number_or_name():
    for kind in Kind:
        for text in (str(int(kind)), f'"{kind.name}"', f'"{kind.name.title()}"', f'"{kind.name.lower()}"'):
            assert value("kind", text) == kind
    assert "expected 0 to 6 or one of QUOTE, TRADE, TRADE_CANCEL" in refusal(payload(kind='"QUOTES"'))


def test_what_is_missing_is_null_or_zero():
    bare = decode_json([payload()]).ticks
    (tick,) = plain(bare)
    assert tick == {
        **dict.fromkeys(NULLABLE),
        "ts_recv": 1,
        "channel": "C",
        "venue": "V",
        "symbol": None,
        "kind": 0,
        "conditions": 0,
        "flags": 0,
    }
    nulls = payload(symbol="null", **dict.fromkeys(NULLABLE, "null"))
    assert plain(decode_json([nulls]).ticks) == [tick]


@pytest.mark.parametrize(
    ("data", "reason", "schema_changed"),
    [
        (b'{"channel":"C","venue":"V","kind":0}', "$.ts_recv: found nothing, expected the field", True),
        (payload(px="1"), "found the unknown field 'px'", True),
        (payload(venue="1"), "$.venue: found int, expected string", True),
        (payload(venue="null"), "$.venue: found null, expected string", True),
        (payload(sequence='"1"'), "$.sequence: found '\"1\"' (string), expected an integer", True),
        (payload(price="true"), "(bool)", True),
        (payload(price='"x"'), "(string)", False),
        (payload(conditions="null"), "$.conditions: found 'null'", False),
        (payload(flags="256"), "fits uint8", False),
        (b"[]", "$: found array, expected object", True),
    ],
)
def test_a_changed_schema_is_told_from_a_wrong_value(data, reason, schema_changed):
    assert reason in refusal(data)
    assert decode_json([data]).errors[0][1].schema_changed == schema_changed


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "tombstone"),
        (b"", "empty value"),
        (b" \n", "empty value"),
        (payload()[:-1], "truncated"),
        (payload() + payload(), "trailing characters"),
        (payload(channel='"\xff"').replace("ÿ".encode(), b"\xff"), "not UTF-8"),
        (payload(channel='"\\ud800"'), "surrogate"),
        (payload(price="[" * 30_000), "nested too deeply"),
        (payload(price='{"a":' * 9_000), "nested too deeply"),
        (b"[" * 30_000, "expected object"),
        (b'{"a":' * 9_000, "unknown field 'a'"),
        (payload(venue='"' + "V" * MAX_JSON_BYTES + '"'), f"expected at most {MAX_JSON_BYTES} in a JSON tick"),
        (b"{" + b"\0" * 5_000_000, "found a value of 5000001 bytes"),
        (b"\xef\xbb\xbf" + payload(), "byte 0"),
        (payload(channel='"a\tb"'), "invalid character"),
    ],
)
def test_broken_json_is_named(data, reason):
    assert reason in refusal(data)


@pytest.mark.parametrize("first", ["1", "null", '"2"'])
@pytest.mark.parametrize("second", ["1", "null"])
def test_a_field_that_is_there_twice_is_refused(first, second):
    for name, again in (("price", "price"), ("price", "\\u0070rice")):
        data = payload(**{name: first}).replace(b"}", f',"{again}":{second}}}'.encode())
        assert refusal(data) == "$.price: found the field twice, expected it once"
    twice = payload().replace(b'"channel"', b'"channel":"A,B","channel"')
    assert refusal(twice) == "$.channel: found the field twice, expected it once"
    assert not decode_json([payload(symbol='"A,B,C"')]).errors


def test_texts_that_are_never_looked_into_break_nothing():
    """The JSON decoder skips a number's text: broken UTF-8 and escapes in it, or in one that is overwritten, are found later."""
    broken = payload(price='"\\n#"').replace(b"#", b"\xff")
    assert "$.price: found" in refusal(broken)
    assert "found a field twice" in refusal(broken.replace(b"}", b',"price":1}'))
    assert "$.price: found" in refusal(payload(price='{"\\n":' * 400 + "1" + "}" * 400))
    assert "twice" in refusal(payload(price="[" * 900 + "]" * 900).replace(b"}", b',"price":1}'))
    assert "$.price: found" in refusal(payload(price='["\\n"]'))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.sampled_from(
            [
                payload(),
                payload(price='"1.5"'),
                None,
                b"",
                b"{",
                payload(price="[\n\n]"),
                payload(price='"x"'),
                payload(px="1"),
                payload(kind="9"),
            ]
        )
    )
)
def test_a_payload_is_decoded_by_itself(payloads):
    """A batch gives what its payloads give one by one."""
    batch = decode_json(payloads)
    alone = [decode_json([data]) for data in payloads]
    assert batch.row_of.tolist() == [place for place, one in enumerate(alone) if not one.errors]
    assert plain(batch.ticks) == [tick for one in alone for tick in plain(one.ticks)]
    expected = [(place, str(one.errors[0][1])) for place, one in enumerate(alone) if one.errors]
    assert [(place, str(error)) for place, error in batch.errors] == expected


def test_headers_and_keys_have_to_agree_where_they_are_there():
    payloads = encode_json(example(3))
    right = {"content-type": JSON_CONTENT_TYPE.encode() + b"; charset=utf-8", "channel": b"XNAS.A", "rows": b"1"}
    wrong = [{"crc32c": crc32c(b"x")}, {"rows": b"2"}, {"first-sequence": b"1"}]
    assert not decode_json(payloads, headers=[right, {}, {"first-sequence": b"1002"}], keys=[b"XNAS.A", None, None]).errors
    found = decode_json(payloads, headers=wrong)
    assert [str(error).split(":")[0] for _, error in found.errors] == ["header crc32c", "header rows", "header first-sequence"]
    found = decode_json(payloads, keys=[None, b"XNAS.B", b"XNAS.A"])
    assert [(place, str(error)) for place, error in found.errors] == [(1, "key: found 'XNAS.B', expected the channel, 'XNAS.A'")]
    assert found.row_of.tolist() == [0, 2]
    assert found.ticks.rows["sequence"].tolist() == [1000, 1002]


def test_prices_are_written_without_needless_zeros():
    tick = example(1)
    tick.rows["bid_px"], tick.rows["ask_px"], tick.rows["bid_sz"] = -1, 1_500_000_000, np.int64(LEAST)
    assert json.loads(encode_json(tick)[0]) == {
        "ts_recv": 1_700_000_000_000_000_000,
        "ts_event": 1_699_999_999_999_950_000,
        "channel": "XNAS.A",
        "venue": "XNAS",
        "symbol": "AAPL",
        "sequence": 1000,
        "kind": 0,
        "bid_px": "-0.000000001",
        "bid_sz": "-9223372036.854775808",
        "ask_px": "1.5",
        "ask_sz": "100",
    }


@pytest.mark.parametrize("seed", range(3))
def test_bytes_changed_anywhere_give_a_tick_or_a_reason(seed):
    source = random.Random(seed)
    good = [*encode_json(example(4)), payload(ts_event='"2024-02-29T12:00:00.5+05:30"', symbol='"A,B"', price="1.5e-3")]
    pieces = [b'"', b",", b":", b"{", b"}", b"[", b"\n", b"\\", b"\\u0031", b"null", b"-", b".", b"e9", b"\xff", b'"price":1,']
    payloads = []
    for _ in range(1000):
        changed = bytearray(source.choice(good))
        for _ in range(source.choice([1, 1, 2, 4])):
            place = source.randrange(len(changed))
            changed[place : place + source.choice([0, 0, 1, 5])] = source.choice(
                [*pieces, bytes([changed[place] ^ 1 << source.randrange(8)])]
            )
        payloads.append(bytes(changed))
    batch = decode_json(payloads)
    assert sorted([*batch.row_of.tolist(), *(place for place, _ in batch.errors)]) == list(range(1000))
    assert all(str(error).isprintable() for _, error in batch.errors)
    for tick, place in zip(plain(batch.ticks), batch.row_of.tolist(), strict=True):
        members = json.loads(payloads[place], object_pairs_hook=list, parse_float=Decimal)
        assert len(dict(members)) == len(members)
        for name, found in members:
            if name in PRICES and found is not None:
                assert Decimal(found).scaleb(9) == tick[name]

"""JSON ticks: one object a message, with the names of the columns. Decisions beyond the contract:

* A field that is missing is null; `conditions` and `flags` are 0 when missing, and may not be null. The other columns that may
  not be null must be there.
* `kind` is a number or a name of `Kind` in any case: "QUOTE", "trade_cancel".
* Prices and sizes are JSON numbers or strings of one (leading zeros allowed). Decimals after the ninth must be zeros.
* Integers are JSON numbers without point or exponent.
* Times in RFC 3339 have an offset; a leap second has no value in nanoseconds since the epoch, and is refused.
* A field that occurs twice is refused, and so is a field that is not a column.
* `schema_changed` is set for a field that is unknown, missing or of another JSON type, not for a value that is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from tickproof.errors import WireError
from tickproof.ticks.schema import NAMES, NULLABLE, ROW, SCHEMA, UNITS_PER_ONE, Present, Ticks
from tickproof.wire.json_batch import FORMS, Fields, read
from tickproof.wire.json_numbers import Form
from tickproof.wire.record_headers import (
    CHANNEL,
    CONTENT_TYPE,
    FIRST_SEQUENCE,
    JSON_CONTENT_TYPE,
    ROWS,
    Headers,
    check_content_type,
    check_crc32c,
    check_header,
    check_key,
)

_ORDINARY = {CONTENT_TYPE: JSON_CONTENT_TYPE.encode()}


@dataclass(frozen=True, slots=True)
class JsonBatch:
    """The result of decoding a batch of payloads: each is a tick or an error.

    Parameters
    ----------
    ticks : Ticks
        In the order of their payloads.
    row_of : array of int64, shape (len(ticks),)
        The place of each tick's payload in the batch.
    errors : list of (int, WireError)
        The places of the payloads that are not ticks, in order, and why they are not.
    """

    ticks: Ticks
    row_of: npt.NDArray[np.int64]
    errors: list[tuple[int, WireError]]


def decode_json(
    payloads: Sequence[bytes | None],
    *,
    headers: Sequence[Headers] | None = None,
    keys: Sequence[bytes | None] | None = None,
) -> JsonBatch:
    """Decode many JSON payloads. Nothing is raised: a payload that is not a tick has a WireError in `errors`.

    Parameters
    ----------
    payloads : sequence of bytes or None
        One JSON object each; None is a tombstone.
    headers, keys : sequence as long as `payloads`, optional
        Each header of the contract that is there must agree with its payload, and each key that is there must be the channel.
    """
    errors: dict[int, WireError] = {}
    fields, places = read(payloads, errors)
    ticks = _ticks(fields)
    if headers is not None or keys is not None:
        for row in _to_check(ticks, places, headers, keys):
            place = places[row]
            key = None if keys is None else keys[place]
            try:
                _check_outside(
                    ticks.take(slice(row, row + 1)), fields.payloads[row], {} if headers is None else headers[place], key
                )
            except WireError as error:
                errors[place] = error
        if errors:
            good = np.array([place not in errors for place in places], np.bool_)
            ticks, places = ticks.take(good), [place for place in places if place not in errors]
    return JsonBatch(ticks, np.array(places, np.int64), sorted(errors.items()))


def _to_check(
    ticks: Ticks, places: list[int], headers: Sequence[Headers] | None, keys: Sequence[bytes | None] | None
) -> list[int]:
    """Return the rows whose key or headers must be checked: nearly all have the channel as key and no other header."""
    odd = np.zeros(len(places), np.bool_)
    if keys is not None:
        codes: dict[bytes | None, int] = {name.encode(): code for code, name in enumerate(ticks.names)}
        said = np.fromiter((codes.get(keys[place], -1) for place in places), np.int32, len(places))
        odd |= said != ticks.rows["channel"]
    if headers is not None:
        odd |= np.fromiter((headers[place] != _ORDINARY for place in places), np.bool_, len(places))
    return [int(row) for row in np.flatnonzero(odd)]


def _ticks(fields: Fields) -> Ticks:
    rows = np.zeros(len(fields.payloads), ROW)
    for index, (name, form) in enumerate(FORMS.items()):
        values = fields.values[index]
        rows[name] = values.view(np.uint64) if form == Form.UINT64 else values
        if name in NULLABLE:
            rows["present"] |= np.uint16(NULLABLE[name]) * fields.present[index]
    codes: dict[str | None, int] = {}
    for name in NAMES:
        words = fields.names[name]
        for word in dict.fromkeys(words):
            if word is not None:
                codes.setdefault(word, len(codes))
        rows[name] = np.fromiter(map({**codes, None: -1}.__getitem__, words), np.int32, len(words))
    return Ticks(rows, tuple(word for word in codes if word is not None))


def _check_outside(tick: Ticks, payload: bytes, headers: Headers, key: bytes | None) -> None:
    """Raise WireError unless key and headers agree with the one tick of a payload."""
    row = tick.rows[0]
    channel = tick.names[row["channel"]]
    check_content_type(headers, JSON_CONTENT_TYPE)
    check_crc32c(payload, headers)
    check_header(headers, ROWS, b"1")
    check_header(headers, CHANNEL, channel.encode())
    check_header(headers, FIRST_SEQUENCE, b"%d" % row["sequence"] if row["present"] & Present.SEQUENCE else None)
    check_key(key, channel)


_Tick = msgspec.defstruct(
    "_Tick",
    [
        *((field.name, object) for field in SCHEMA if not field.nullable and field.name not in ("conditions", "flags")),
        *((field.name, object, None) for field in SCHEMA if field.nullable),
        *((name, object, 0) for name in ("conditions", "flags")),
    ],
    omit_defaults=True,
    gc=False,
)
_encode = msgspec.json.Encoder().encode


def encode_json(ticks: Ticks) -> list[bytes]:
    """Encode ticks as JSON objects: prices and sizes as decimal strings, times as integers, nulls and zero flags left out."""
    rows = ticks.rows
    columns: list[list[object]] = []
    for name in _Tick.__struct_fields__:
        values = rows[name].tolist()
        if name in NAMES:
            columns.append([None if code < 0 else ticks.names[code] for code in values])
        elif name in NULLABLE:
            present = ((rows["present"] & NULLABLE[name]) != 0).tolist()
            if FORMS[name] == Form.DECIMAL:
                columns.append([_decimal(value) if has else None for value, has in zip(values, present, strict=True)])
            else:
                columns.append([value if has else None for value, has in zip(values, present, strict=True)])
        else:
            columns.append(values)
    return [_encode(_Tick(*fields)) for fields in zip(*columns, strict=True)]


def _decimal(units: int) -> str:
    """Return units of 1e-9 as a decimal without trailing zeros."""
    whole, rest = divmod(abs(units), UNITS_PER_ONE)
    sign = "-" if units < 0 else ""
    return f"{sign}{whole}.{rest:09d}".rstrip("0") if rest else f"{sign}{whole}"

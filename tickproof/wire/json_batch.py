"""A batch of JSON payloads to columns of numbers and names, and the reason for each payload that is not a tick.

`msgspec` reads the syntax, the field names and the strings, and leaves each number as its text; `json_numbers.parse` parses the
texts of all payloads in one compiled pass.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from tickproof.errors import WireError
from tickproof.ticks.schema import NULLABLE, Kind
from tickproof.wire.json_digits import Status
from tickproof.wire.json_numbers import Form, parse
from tickproof.wire.limits import MAX_JSON_BYTES
from tickproof.wire.record_headers import excerpt

FORMS: dict[str, Form] = {
    "ts_recv": Form.TIME,
    "kind": Form.KIND,
    "ts_event": Form.TIME,
    "sequence": Form.UINT64,
    "bid_px": Form.DECIMAL,
    "bid_sz": Form.DECIMAL,
    "ask_px": Form.DECIMAL,
    "ask_sz": Form.DECIMAL,
    "price": Form.DECIMAL,
    "size": Form.DECIMAL,
    "trade_id": Form.INT64,
    "conditions": Form.UINT32,
    "flags": Form.UINT8,
}
"""The columns that are numbers, in the order of the rows of `Fields.values`; the first two must be there."""

_FORM_CODES = np.array(list(FORMS.values()), np.int64)
_HOLDS_NULL = np.array([[name in NULLABLE] for name in FORMS])

_KINDS = f"0 to {max(Kind)} or one of {', '.join(kind.name for kind in Kind)}"
_EXPECTED = {
    Form.TIME: "an integer of nanoseconds or an RFC 3339 time with an offset",
    Form.DECIMAL: "a decimal number, or a string of one",
    Form.KIND: _KINDS,
}
_RANGES = {
    Form.TIME: "a time from 1677-09-21 to 2262-04-11, as int64 holds in nanoseconds",
    Form.DECIMAL: "±9223372036.854775807 at most, as int64 holds in units of 1e-9",
    Form.INT64: "an integer that fits int64",
    Form.UINT64: "an integer that fits uint64",
    Form.UINT32: "an integer that fits uint32",
    Form.UINT8: "an integer that fits uint8",
    Form.KIND: _KINDS,
}
_JSON_TYPES = {b'"': "string", b"[": "array", b"{": "object", b"t": "bool", b"f": "bool"}

_Record = msgspec.defstruct(
    "_Record",
    [
        ("channel", str),
        ("venue", str),
        ("ts_recv", msgspec.Raw),
        ("kind", msgspec.Raw),
        # A null that is written differs from a field that is missing, or fields could not be counted.
        ("symbol", str | None | msgspec.UnsetType, msgspec.UNSET),
        *((name, msgspec.Raw, msgspec.Raw()) for name in list(FORMS)[2:]),
    ],
    forbid_unknown_fields=True,
    gc=False,
)
_decode = msgspec.json.Decoder(_Record).decode


_TEXTS = attrgetter(*FORMS)
_Item = TypeVar("_Item")
Values = npt.NDArray[np.int64]
Statuses = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of n payloads, column by column.

    Parameters
    ----------
    payloads : list of bytes
    names : dict of str to list of str or None
        The string columns.
    values : array of int64, shape (len(FORMS), n)
        The numbers, in the order of `FORMS`: 0 where there is none, and of an unsigned column its bits.
    present : array of bool, shape (len(FORMS), n)
        Where there is a number.
    """

    payloads: list[bytes]
    names: dict[str, list[str | None]]
    values: Values
    present: npt.NDArray[np.bool_]


def read(payloads: Sequence[bytes | None], errors: dict[int, WireError]) -> tuple[Fields, list[int]]:
    """Return the fields of the payloads that are ticks, and their places; `errors` gets a reason for each other, by place."""
    records, places = _records(payloads, errors)
    texts, numbers = _parse(records)
    if numbers is None:
        # A newline within a number's text: it is an array or an object, and has shifted the lines of all that follow.
        broken = {row: line for row, record in enumerate(records) for line in [_container(record)] if line is not None}
        errors.update((places[row], error) for row, error in broken.items())
        records, places = _without(broken, records), _without(broken, places)
        texts, numbers = _parse(records)
        assert numbers is not None
    values, statuses = numbers
    reasons = _bad_values(texts, values, statuses)
    kept = [payload for place in places if (payload := payloads[place]) is not None]
    for row in _crowded(records, kept, statuses):
        if row not in reasons and (twice := _repeated(kept[row])) is not None:
            reasons[row] = twice
    if reasons:
        errors.update((places[row], error) for row, error in reasons.items())
        records, places, kept = _without(reasons, records), _without(reasons, places), _without(reasons, kept)
        good = np.ones(values.shape[1], np.bool_)
        good[list(reasons)] = False
        values, statuses = values[:, good], statuses[:, good]
    names: dict[str, list[str | None]] = {name: [getattr(record, name) for record in records] for name in ("channel", "venue")}
    names["symbol"] = [None if record.symbol is msgspec.UNSET else record.symbol for record in records]
    return Fields(kept, names, values, statuses == Status.OK), places


def _records(payloads: Sequence[bytes | None], errors: dict[int, WireError]) -> tuple[list[Any], list[int]]:
    """Return the payloads that are JSON objects with the right names, and their places."""
    try:
        whole = [payload for payload in payloads if payload is not None]
        if len(whole) == len(payloads) and max(map(len, whole), default=0) <= MAX_JSON_BYTES:
            return [_decode(payload) for payload in whole], list(range(len(whole)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # One of them is broken: find out which, and why.
        pass
    records, places = [], []
    for place, payload in enumerate(payloads):
        try:
            records.append(_record(payload))
            places.append(place)
        except WireError as error:
            errors[place] = error
    return records, places


def _record(payload: bytes | None) -> Any:
    if payload is None:
        raise WireError("found a tombstone (a null value), expected a JSON tick")
    if not payload.strip():
        raise WireError("found an empty value, expected a JSON tick")
    if len(payload) > MAX_JSON_BYTES:
        raise WireError(f"found a value of {len(payload)} bytes, expected at most {MAX_JSON_BYTES} in a JSON tick")
    try:
        return _decode(payload)
    except msgspec.ValidationError as error:
        raise WireError(_of_schema(str(error)), schema_changed=True) from None
    except msgspec.DecodeError as error:
        place = re.search(r"\(byte (\d+)\)$", str(error))
        if place is None:
            raise WireError(
                f"truncated: found the end of the value at byte {len(payload)}, expected the rest of the JSON"
            ) from None
        at = int(place[1])
        what = str(error).removeprefix("JSON is malformed: ").removesuffix(f" {place[0]}")
        raise WireError(f"byte {at}: found {excerpt(payload[at : at + 16])}, expected JSON ({what})") from None
    except UnicodeDecodeError as error:
        raise WireError(f"found bytes that are not UTF-8 ({error.reason}), expected JSON") from None
    except RecursionError:
        raise WireError("found arrays or objects nested too deeply, expected one flat object") from None


def _of_schema(text: str) -> str:
    """Return what msgspec says of names and types in the form of the other reasons."""
    if match := re.fullmatch(r"Expected `(.+)`, got `(.+?)`(?: - at `(.+)`)?", text):
        return f"{match[3] or '$'}: found {match[2]}, expected {match[1]}".replace("str", "string")
    if match := re.fullmatch(r"Object missing required field `(.+)`", text):
        return f"$.{match[1]}: found nothing, expected the field"
    if match := re.fullmatch(r"Object contains unknown field `(.*)`", text, re.DOTALL):
        return f"$: found the unknown field {excerpt(match[1])}, expected only those of a tick"
    return excerpt(text, 200)


def _parse(records: list[Any]) -> tuple[list[tuple[Any, ...]], tuple[Values, Statuses] | None]:
    """Return the texts of the numbers by column, and their values and statuses; None where a text holds a newline."""
    shape = (len(FORMS), len(records))
    values, statuses = np.zeros(shape, np.int64), np.zeros(shape, np.uint8)
    if not records:
        return [], (values, statuses)
    texts = list(zip(*map(_TEXTS, records), strict=True))
    lines = np.frombuffer(b"\n".join(chain.from_iterable(texts)), np.uint8)
    return texts, (values, statuses) if parse(lines, _FORM_CODES, values, statuses) else None


def _container(record: Any) -> WireError | None:
    for name, text in zip(FORMS, _TEXTS(record), strict=True):
        if b"\n" in (line := bytes(text)):
            return _reason(name, line, Status.MALFORMED)
    return None


def _bad_values(texts: list[tuple[Any, ...]], values: Values, statuses: Statuses) -> dict[int, WireError]:
    """Return the reason for each row with a text that is no value of its column; texts with escapes are parsed here."""
    for column, row in np.argwhere(statuses == Status.ESCAPED).tolist():
        # Some encoders write the + of an offset as an escape. A text that is not plain once decoded stays malformed.
        try:
            plain = msgspec.json.decode(texts[column][row], type=str)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            # The first decoder skipped this text without reading it.
            plain = ""
        line = f'"{plain}"' if plain.isprintable() and '"' not in plain and "\\" not in plain else "?"
        value, status = np.zeros((1, 1), np.int64), np.zeros((1, 1), np.uint8)
        parse(np.frombuffer(line.encode(), np.uint8), _FORM_CODES[column : column + 1], value, status)
        values[column, row], statuses[column, row] = value[0, 0], status[0, 0]
    bad = (statuses > Status.MISSING) | ((statuses == Status.NULL) & ~_HOLDS_NULL)
    names = list(FORMS)
    return {
        row: _reason(names[column], bytes(texts[column][row]), Status(int(statuses[column, row])))
        for row in np.flatnonzero(bad.any(axis=0)).tolist()
        for column in [int(np.argmax(bad[:, row]))]
    }


def _reason(name: str, text: bytes, status: Status) -> WireError:
    form = FORMS[name]
    found = f"$.{name}: found {excerpt(text)}"
    expected = _EXPECTED.get(form, "an integer")
    if status == Status.TOO_LARGE:
        return WireError(f"{found}, expected {_RANGES[form]}")
    if status == Status.TOO_FINE:
        return WireError(f"{found}, expected at most 9 decimals")
    if status == Status.LEAP_SECOND:
        return WireError(f"{found}, a leap second, expected a second up to 59: nanoseconds since the epoch have no place for it")
    if status == Status.NO_SUCH_TIME:
        return WireError(f"{found}, expected a date and time that exist")
    if status == Status.NULL:
        return WireError(f"{found}, expected {expected}")
    kind = _JSON_TYPES.get(text[:1], "number")
    is_other_type = kind in ("array", "object", "bool") or (kind == "string" and form not in _EXPECTED)
    return WireError(f"{found} ({kind}), expected {expected}", schema_changed=is_other_type)


def _crowded(records: list[Any], payloads: list[bytes], statuses: Statuses) -> list[int]:
    """Return the rows whose payloads may hold a field twice.

    A flat object of n members has n − 1 commas, or more where a string holds one. msgspec keeps the last of two members of one
    name, so that fewer fields than that are left.
    """
    members = np.fromiter((payload.count(b",") for payload in payloads), np.int64, len(payloads)) + 1
    # Channel and venue are always there.
    fields = np.fromiter((record.symbol is not msgspec.UNSET for record in records), np.int64, len(records)) + 2
    fields += np.count_nonzero(statuses != Status.MISSING, axis=0)
    return [int(row) for row in np.flatnonzero(members != fields)]


def _repeated(payload: bytes) -> WireError | None:
    """Return the reason if a name occurs twice, else None."""
    try:
        members: list[tuple[str, object]] = json.loads(payload, object_pairs_hook=list, parse_int=str, parse_float=str)
    except (ValueError, RecursionError) as error:
        # The value that is kept is plain, so the one that is dropped is not.
        return WireError(f"found a field twice, expected it once; the first of them cannot be read ({type(error).__name__})")
    seen: set[str] = set()
    for name, _ in members:
        if name in seen:
            return WireError(f"$.{name}: found the field twice, expected it once")
        seen.add(name)
    return None


def _without(rows: Container[int], items: list[_Item]) -> list[_Item]:
    return [item for row, item in enumerate(items) if row not in rows]

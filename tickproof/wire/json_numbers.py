"""The texts of JSON numbers and times to integers, compiled and exact: no float in between.

`parse` reads many small JSON texts, one a line, and gives each a value and a status. Every text ends up with one status: what is
not accepted is named, and never raises.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from tickproof.kernel import array_kernel
from tickproof.ticks.schema import Array, Kind


class Form(IntEnum):
    """What a text may be."""

    TIME = 0
    DECIMAL = 1
    INT64 = 2
    UINT64 = 3
    UINT32 = 4
    UINT8 = 5
    KIND = 6


class Status(IntEnum):
    """What a text was; the value is 0 unless the status is OK."""

    OK = 0
    NULL = 1
    MISSING = 2
    MALFORMED = 3
    TOO_FINE = 4
    TOO_LARGE = 5
    LEAP_SECOND = 6
    NO_SUCH_TIME = 7
    ESCAPED = 8


_OK, _NULL, _MISSING, _MALFORMED, _TOO_FINE, _TOO_LARGE, _LEAP_SECOND, _NO_SUCH_TIME, _ESCAPED = (
    int(status) for status in Status
)
_TIME, _DECIMAL, _INT64, _UINT64, _UINT32, _UINT8, _KIND = (int(form) for form in Form)

_DECIMALS = 9
_LEAST, _LEAST_TENTH = -(2**63), -(2**63 // 10)
_MOST_UNSIGNED = np.uint64(2**64 - 1)
_TEN = np.uint64(10)
_EXPONENT_CAP = 1_000_000
"""Larger exponents than this behave as this one: no text is long enough to bring the value back into range."""
_LAST_SECOND, _LAST_NS, _FIRST_NS = 2**63 // 10**9, 2**63 % 10**9 - 1, -(2**63 % 10**9)
_NS = 10**9

_KIND_NAMES = np.zeros((len(Kind), max(len(kind.name) for kind in Kind)), np.uint8)
for _kind in Kind:
    _KIND_NAMES[_kind, : len(_kind.name)] = np.frombuffer(_kind.name.encode(), np.uint8)
_KIND_LENGTHS = np.array([len(kind.name) for kind in Kind])

_QUOTE, _BACKSLASH, _NEWLINE, _MINUS, _PLUS, _POINT, _ZERO, _NINE, _COLON = (ord(character) for character in '"\\\n-+.09:')


@array_kernel()
def parse(text: Array, forms: Array, values: Array, statuses: Array) -> bool:
    """Parse the lines of `text`, column after column.

    Parameters
    ----------
    text : array of uint8
        Lines without a newline at the end, one for each cell of `values`; an empty one is a value that is missing.
    forms : array of int64, shape (columns,)
        A `Form` for each column.
    values : array of int64, shape (columns, rows)
        Written: the integers; of an unsigned column, its bits.
    statuses : array of uint8, shape (columns, rows)
        Written: a `Status` each.

    Returns
    -------
    bool
        False if there are more or fewer lines than cells: nothing that was written means anything then.
    """
    columns, rows = values.shape
    start = 0
    for column in range(columns):
        for row in range(rows):
            if start > text.size:
                return False
            stop = start
            escaped = False
            while stop < text.size and text[stop] != _NEWLINE:
                escaped = escaped or text[stop] == _BACKSLASH
                stop += 1
            if escaped:
                value, status = 0, _ESCAPED
            else:
                value, status = _one(text[start:stop], forms[column])
            values[column, row] = value if status == _OK else 0
            statuses[column, row] = status
            start = stop + 1
    return bool(start == text.size + 1)


@array_kernel()
def _one(text, form):  # type: ignore[no-untyped-def]
    if text.size == 0:
        return 0, _MISSING
    if text.size == 4 and text[0] == ord("n") and text[1] == ord("u"):
        return 0, _NULL
    quoted = text.size >= 2 and text[0] == _QUOTE and text[-1] == _QUOTE
    if form == _DECIMAL:
        return _decimal(text[1:-1]) if quoted else _decimal(text)
    if quoted:
        if form == _TIME:
            return _time(text[1:-1])
        return _kind_of(text[1:-1]) if form == _KIND else (0, _MALFORMED)
    if form == _UINT64:
        return _unsigned(text)
    value, status = _integer(text)
    if form == _UINT32 and not 0 <= value < 2**32:
        return 0, _TOO_LARGE
    if form == _UINT8 and not 0 <= value < 2**8:
        return 0, _TOO_LARGE
    if form == _KIND and not 0 <= value < _KIND_LENGTHS.size:
        return 0, _TOO_LARGE
    return value, status


@array_kernel()
def _digit(character):  # type: ignore[no-untyped-def]
    return np.int64(character) - _ZERO


@array_kernel()
def _append(value, digit):  # type: ignore[no-untyped-def]
    """Ten times a value of zero or less, less a digit; positive when that leaves int64. Below zero there is room for one more."""
    if value < _LEAST_TENTH:
        return 1
    value *= 10
    return 1 if value < _LEAST + digit else value - digit


@array_kernel()
def _signed(value, is_negative):  # type: ignore[no-untyped-def]
    if is_negative:
        return value, _OK
    return (0, _TOO_LARGE) if value == _LEAST else (-value, _OK)


@array_kernel()
def _integer(text):  # type: ignore[no-untyped-def]
    is_negative = text[0] == _MINUS
    first = 1 if is_negative else 0
    if first == text.size:
        return 0, _MALFORMED
    value = 0
    large = False
    for character in text[first:]:
        if not _ZERO <= character <= _NINE:
            return 0, _MALFORMED
        if not large:
            value = _append(value, _digit(character))
            large = value > 0
    return (0, _TOO_LARGE) if large else _signed(value, is_negative)


@array_kernel()
def _unsigned(text):  # type: ignore[no-untyped-def]
    value = np.uint64(0)
    large = False
    is_negative = text[0] == _MINUS
    if is_negative and text.size == 1:
        return 0, _MALFORMED
    for character in text[1:] if is_negative else text:
        if not _ZERO <= character <= _NINE:
            return 0, _MALFORMED
        digit = np.uint64(_digit(character))
        if value > (_MOST_UNSIGNED - digit) // _TEN:
            large = True
        if not large:
            value = value * _TEN + digit
    if large or (is_negative and value != np.uint64(0)):
        return 0, _TOO_LARGE
    return np.int64(value), _OK


@array_kernel()
def _decimal(text):  # type: ignore[no-untyped-def]
    """[-]digits[.digits][e[+-]digits] in units of 1e-9."""
    is_negative = text.size > 0 and text[0] == _MINUS
    place = 1 if is_negative else 0
    begin = place
    digits, decimals, point = 0, 0, -1
    while place < text.size:
        character = text[place]
        if _ZERO <= character <= _NINE:
            digits += 1
            decimals += 1 if point >= 0 else 0
        elif character == _POINT and point < 0 and digits > 0:
            point = place
        else:
            break
        place += 1
    if digits == 0 or (point >= 0 and decimals == 0):
        return 0, _MALFORMED
    end = place
    exponent = 0
    if place < text.size:
        if text[place] != ord("e") and text[place] != ord("E"):
            return 0, _MALFORMED
        place += 1
        sign = 1
        if place < text.size and (text[place] == _PLUS or text[place] == _MINUS):
            sign = -1 if text[place] == _MINUS else 1
            place += 1
        if place == text.size:
            return 0, _MALFORMED
        while place < text.size:
            if not _ZERO <= text[place] <= _NINE:
                return 0, _MALFORMED
            if exponent < _EXPONENT_CAP:
                exponent = exponent * 10 + _digit(text[place])
            place += 1
        exponent *= sign
    # So many zeros are to be appended to the digits, or so many digits cut off, which then have to be zeros.
    shift = _DECIMALS + exponent - decimals
    value = 0
    seen = 0
    for place in range(begin, end):
        if place == point:
            continue
        digit = _digit(text[place])
        seen += 1
        if seen > digits + shift:
            if digit != 0:
                return 0, _TOO_FINE
        elif value <= 0:
            value = _append(value, digit)
    for _ in range(shift):
        if value >= 0:
            break
        value = _append(value, 0)
    return (0, _TOO_LARGE) if value > 0 else _signed(value, is_negative)


@array_kernel()
def _digits(text, start, count):  # type: ignore[no-untyped-def]
    """The number that `count` characters spell, or -1."""
    value = 0
    for place in range(start, start + count):
        if place >= text.size or not _ZERO <= text[place] <= _NINE:
            return -1
        value = value * 10 + _digit(text[place])
    return value


@array_kernel()
def _time(text):  # type: ignore[no-untyped-def]
    """RFC 3339 (https://www.rfc-editor.org/rfc/rfc3339#section-5.6) in ns since the epoch."""
    year, month, day = _digits(text, 0, 4), _digits(text, 5, 2), _digits(text, 8, 2)
    hour, minute, second = _digits(text, 11, 2), _digits(text, 14, 2), _digits(text, 17, 2)
    if min(year, month, day, hour, minute, second) < 0:
        return 0, _MALFORMED
    between = text[10] == ord("T") or text[10] == ord("t") or text[10] == ord(" ")
    if not (text[4] == _MINUS and text[7] == _MINUS and between and text[13] == _COLON and text[16] == _COLON):
        return 0, _MALFORMED
    place = 19
    fraction = 0
    too_fine = False
    if place < text.size and text[place] == _POINT:
        place += 1
        begin = place
        while place < text.size and _ZERO <= text[place] <= _NINE:
            digit = _digit(text[place])
            if place - begin < _DECIMALS:
                fraction = fraction * 10 + digit
            too_fine = too_fine or (place - begin >= _DECIMALS and digit != 0)
            place += 1
        if place == begin:
            return 0, _MALFORMED
        for _ in range(_DECIMALS - (place - begin)):
            fraction *= 10
    offset_s = 0
    if place + 1 == text.size and (text[place] == ord("Z") or text[place] == ord("z")):
        pass
    elif place + 6 == text.size and (text[place] == _PLUS or text[place] == _MINUS) and text[place + 3] == _COLON:
        hours, minutes = _digits(text, place + 1, 2), _digits(text, place + 4, 2)
        if min(hours, minutes) < 0:
            return 0, _MALFORMED
        if hours > 23 or minutes > 59:
            return 0, _NO_SUCH_TIME
        offset_s = (hours * 60 + minutes) * 60 * (-1 if text[place] == _MINUS else 1)
    else:
        return 0, _MALFORMED
    if too_fine:
        return 0, _TOO_FINE
    if second == 60:
        return 0, _LEAP_SECOND
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    length = 29 if month == 2 and is_leap else 28 if month == 2 else 30 if month in (4, 6, 9, 11) else 31
    if not (1 <= month <= 12 and 1 <= day <= length and hour <= 23 and minute <= 59 and second <= 59):
        return 0, _NO_SUCH_TIME
    total_s = ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second - offset_s
    if total_s < 0 and fraction > 0:
        # Seconds and fraction with one sign, so that neither end of int64 overflows on the way.
        total_s, fraction = total_s + 1, fraction - _NS
    if abs(total_s) > _LAST_SECOND or (abs(total_s) == _LAST_SECOND and not _FIRST_NS <= fraction <= _LAST_NS):
        return 0, _TOO_LARGE
    return total_s * _NS + fraction, _OK


@array_kernel()
def _days(year, month, day):  # type: ignore[no-untyped-def]
    """Days from 1970-01-01 to a date of the Gregorian calendar; years are counted from March, so a leap day is their last."""
    if month <= 2:
        year -= 1
    era, of_era = year // 400, year % 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@array_kernel()
def _kind_of(text):  # type: ignore[no-untyped-def]
    """The number of a kind's name in any case."""
    for kind in range(_KIND_LENGTHS.size):
        if text.size != _KIND_LENGTHS[kind]:
            continue
        same = True
        for place in range(text.size):
            character = text[place]
            upper = character - 32 if ord("a") <= character <= ord("z") else character
            same = same and upper == _KIND_NAMES[kind, place]
        if same:
            return kind, _OK
    return 0, _MALFORMED

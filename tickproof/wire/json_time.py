"""RFC 3339 times to ns since the epoch, compiled (https://www.rfc-editor.org/rfc/rfc3339#section-5.6).

A time is read in four phases, a function each; the first that fails gives the status.

    phase      reads                              fails as
    civil      YYYY-MM-DD, T, t or a blank,       MALFORMED
               hh:mm:ss
    fraction   nothing, or "." and digits         MALFORMED without a digit; TOO_FINE where the tenth or a later one is not 0
    offset     Z, z, +hh:mm or -hh:mm, the end    MALFORMED; NO_SUCH_TIME from +24:00 or +00:60 on
    instant    the calendar                       LEAP_SECOND, NO_SUCH_TIME, TOO_LARGE where int64 does not hold the ns
"""

from __future__ import annotations

from typing import NamedTuple

from tickproof.kernel import kernel
from tickproof.ticks.schema import NS_PER_SECOND, Array
from tickproof.wire.json_decimal import DECIMALS
from tickproof.wire.json_digits import COLON, MALFORMED, MINUS, OK, PLUS, POINT, TOO_LARGE, Status, digit_of, is_digit, read_fixed

_TOO_FINE, _LEAP_SECOND, _NO_SUCH_TIME = int(Status.TOO_FINE), int(Status.LEAP_SECOND), int(Status.NO_SUCH_TIME)
_LAST_SECOND, _LAST_NS, _FIRST_NS = 2**63 // 10**9, 2**63 % 10**9 - 1, -(2**63 % 10**9)
_CIVIL_LENGTH = 19


class Civil(NamedTuple):
    """A date and a time of day as they are written; `status` is OK or MALFORMED."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    status: int


@kernel()
def read_time(text: Array) -> tuple[int, int]:
    """Return the ns since the epoch, and the status, of an RFC 3339 time."""
    civil = _read_civil(text)
    if civil.status != OK:
        return 0, civil.status
    place, fraction_ns, fineness = _read_fraction(text, _CIVIL_LENGTH)
    if fineness == MALFORMED:
        return 0, MALFORMED
    offset_s, status = _read_offset(text, place)
    if status != OK:
        return 0, status
    if fineness != OK:
        return 0, fineness
    return _instant(civil, fraction_ns, offset_s)


@kernel()
def _read_civil(text: Array) -> Civil:
    """Read the date and the time of day, as long as they are digits and separators in their places."""
    year, month, day = read_fixed(text, 0, 4), read_fixed(text, 5, 2), read_fixed(text, 8, 2)
    hour, minute, second = read_fixed(text, 11, 2), read_fixed(text, 14, 2), read_fixed(text, 17, 2)
    if min(year, month, day, hour, minute, second) < 0:
        return Civil(0, 0, 0, 0, 0, 0, MALFORMED)
    between = text[10] == ord("T") or text[10] == ord("t") or text[10] == ord(" ")
    if not (text[4] == MINUS and text[7] == MINUS and between and text[13] == COLON and text[16] == COLON):
        return Civil(0, 0, 0, 0, 0, 0, MALFORMED)
    return Civil(year, month, day, hour, minute, second, OK)


@kernel()
def _read_fraction(text: Array, place: int) -> tuple[int, int, int]:
    """Return the place behind the fraction of a second that begins at `place`, its ns, and the status."""
    if place == text.size or text[place] != POINT:
        return place, 0, OK
    place += 1
    start = place
    fraction_ns = 0
    status = OK
    while place < text.size and is_digit(text[place]):
        digit = digit_of(text[place])
        if place - start < DECIMALS:
            fraction_ns = fraction_ns * 10 + digit
        elif digit != 0:
            status = _TOO_FINE
        place += 1
    if place == start:
        return place, 0, MALFORMED
    for _ in range(DECIMALS - (place - start)):
        fraction_ns *= 10
    return place, fraction_ns, status


@kernel()
def _read_offset(text: Array, place: int) -> tuple[int, int]:
    """Return the offset from UTC that begins at `place` and ends the text, in s, and the status."""
    if place + 1 == text.size and (text[place] == ord("Z") or text[place] == ord("z")):
        return 0, OK
    if not (place + 6 == text.size and (text[place] == PLUS or text[place] == MINUS) and text[place + 3] == COLON):
        return 0, MALFORMED
    hours, minutes = read_fixed(text, place + 1, 2), read_fixed(text, place + 4, 2)
    if min(hours, minutes) < 0:
        return 0, MALFORMED
    if hours > 23 or minutes > 59:
        return 0, _NO_SUCH_TIME
    return (hours * 60 + minutes) * 60 * (-1 if text[place] == MINUS else 1), OK


@kernel()
def _instant(civil: Civil, fraction_ns: int, offset_s: int) -> tuple[int, int]:
    """Return the ns since the epoch, and the status, of a date and time that is so many s ahead of UTC."""
    if civil.second == 60:
        return 0, _LEAP_SECOND
    exists = 1 <= civil.month <= 12 and 1 <= civil.day <= _days_in_month(civil.year, civil.month)
    if not (exists and civil.hour <= 23 and civil.minute <= 59 and civil.second <= 59):
        return 0, _NO_SUCH_TIME
    days = _days_since_epoch(civil.year, civil.month, civil.day)
    total_s = ((days * 24 + civil.hour) * 60 + civil.minute) * 60 + civil.second - offset_s
    if total_s < 0 and fraction_ns > 0:
        # Seconds and fraction with one sign, so that neither end of int64 overflows on the way.
        total_s, fraction_ns = total_s + 1, fraction_ns - NS_PER_SECOND
    if abs(total_s) > _LAST_SECOND or (abs(total_s) == _LAST_SECOND and not _FIRST_NS <= fraction_ns <= _LAST_NS):
        return 0, TOO_LARGE
    return total_s * NS_PER_SECOND + fraction_ns, OK


@kernel()
def _days_in_month(year: int, month: int) -> int:
    """Return how many days a month of the Gregorian calendar has."""
    if month == 2:
        is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return 29 if is_leap else 28
    return 30 if month in (4, 6, 9, 11) else 31


@kernel()
def _days_since_epoch(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a date of the Gregorian calendar; years begin in March, so a leap day is their last."""
    if month <= 2:
        year -= 1
    era, of_era = year // 400, year % 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468

"""Decimal numbers to integers of 1e-9, compiled and exact: no float in between.

A number is read in three phases, a function each. A text that ends in a state that is not final, or holds a character that its
state does not take, is MALFORMED.

    phase      state           final   takes
    mantissa   START           no      "-" to SIGN, a digit to WHOLE
               SIGN            no      a digit to WHOLE
               WHOLE           yes     a digit to WHOLE, "." to POINT, "e" or "E" to MARK
               POINT           no      a digit to FRACTION
               FRACTION        yes     a digit to FRACTION, "e" or "E" to MARK
    exponent   MARK            no      "+" or "-" to EXPONENT_SIGN, a digit to EXPONENT
               EXPONENT_SIGN   no      a digit to EXPONENT
               EXPONENT        yes     a digit to EXPONENT
    scale      the digits times 10^(9 + exponent − decimals): TOO_FINE where a digit other than 0 would be cut off, TOO_LARGE
               where the number leaves int64
"""

from __future__ import annotations

from typing import NamedTuple

from tickproof.kernel import kernel
from tickproof.ticks.schema import Array
from tickproof.wire.json_digits import (
    MALFORMED,
    MINUS,
    OK,
    PLUS,
    POINT,
    TOO_LARGE,
    Status,
    append_digit,
    digit_of,
    is_digit,
    signed,
)

DECIMALS = 9
"""Decimals of a unit."""
_TOO_FINE = int(Status.TOO_FINE)
_EXPONENT_CAP = 1_000_000
"""Larger exponents than this behave as this one: no text is long enough to bring the value back into range."""


class Mantissa(NamedTuple):
    """The digits of a number, up to its exponent.

    Attributes
    ----------
    is_negative : bool
    start, stop : int
        Places of the first digit and behind the last.
    point : int
        Place of the point, or -1.
    digits, decimals : int
        How many digits there are, and how many of them behind the point.
    """

    is_negative: bool
    start: int
    stop: int
    point: int
    digits: int
    decimals: int


@kernel()
def read_decimal(text: Array) -> tuple[int, int]:
    """Return the value in units of 1e-9, and its status, of [-]digits[.digits][e[+-]digits]."""
    mantissa = _read_mantissa(text)
    if mantissa.digits == 0 or (mantissa.point >= 0 and mantissa.decimals == 0):
        return 0, MALFORMED
    exponent, status = _read_exponent(text, mantissa.stop)
    if status != OK:
        return 0, status
    return _scale(text, mantissa, DECIMALS + exponent - mantissa.decimals)


@kernel()
def _read_mantissa(text: Array) -> Mantissa:
    """Read the sign, the digits and the point, up to the first character that is none of them."""
    is_negative = text.size > 0 and text[0] == MINUS
    start = 1 if is_negative else 0
    place = start
    digits, decimals, point = 0, 0, -1
    while place < text.size:
        if is_digit(text[place]):
            digits += 1
            decimals += 1 if point >= 0 else 0
        elif text[place] == POINT and point < 0 and digits > 0:
            point = place
        else:
            break
        place += 1
    return Mantissa(is_negative, start, place, point, digits, decimals)


@kernel()
def _read_exponent(text: Array, place: int) -> tuple[int, int]:
    """Return the exponent that begins at `place`, and the status; 0 where the text ends there."""
    if place == text.size:
        return 0, OK
    if text[place] != ord("e") and text[place] != ord("E"):
        return 0, MALFORMED
    place += 1
    is_negative = place < text.size and text[place] == MINUS
    if is_negative or (place < text.size and text[place] == PLUS):
        place += 1
    if place == text.size:
        return 0, MALFORMED
    exponent = 0
    while place < text.size:
        if not is_digit(text[place]):
            return 0, MALFORMED
        if exponent < _EXPONENT_CAP:
            exponent = exponent * 10 + digit_of(text[place])
        place += 1
    return (-exponent if is_negative else exponent), OK


@kernel()
def _scale(text: Array, mantissa: Mantissa, shift: int) -> tuple[int, int]:
    """Return the digits with `shift` zeros appended, and the status; below 0, so many digits are cut off, which must be zeros."""
    value = 0
    taken = 0
    for place in range(mantissa.start, mantissa.stop):
        if place == mantissa.point:
            continue
        digit = digit_of(text[place])
        taken += 1
        if taken > mantissa.digits + shift:
            if digit != 0:
                return 0, _TOO_FINE
        elif value <= 0:
            value = append_digit(value, digit)
    for _ in range(shift):
        if value >= 0:
            break
        value = append_digit(value, 0)
    return (0, TOO_LARGE) if value > 0 else signed(value, mantissa.is_negative)

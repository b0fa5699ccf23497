"""Digits of JSON numbers and times to integers, compiled: what a text was, and exact arithmetic at the ends of int64."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from tickproof.kernel import kernel
from tickproof.ticks.schema import Array


class Status(IntEnum):
    """What a text was; its value is 0 unless the status is OK."""

    OK = 0
    NULL = 1
    MISSING = 2
    MALFORMED = 3
    TOO_FINE = 4
    TOO_LARGE = 5
    LEAP_SECOND = 6
    NO_SUCH_TIME = 7
    ESCAPED = 8


OK, MALFORMED, TOO_LARGE = int(Status.OK), int(Status.MALFORMED), int(Status.TOO_LARGE)

MINUS, PLUS, POINT, COLON = ord("-"), ord("+"), ord("."), ord(":")
ZERO, NINE = ord("0"), ord("9")

_LEAST, _LEAST_TENTH = -(2**63), -(2**63 // 10)
_MOST_UNSIGNED = np.uint64(2**64 - 1)
_TEN = np.uint64(10)


@kernel()
def is_digit(character: int) -> bool:
    """Return whether a character is 0 to 9."""
    return ZERO <= character <= NINE


@kernel()
def digit_of(character: int) -> int:
    """Return the number that a digit stands for."""
    return int(np.int64(character) - ZERO)


@kernel()
def append_digit(value: int, digit: int) -> int:
    """Return ten times `value`, which is 0 or less, less `digit`; 1 where that leaves int64.

    Numbers are gathered below zero, where int64 has room for one more.
    """
    if value < _LEAST_TENTH:
        return 1
    value *= 10
    return 1 if value < _LEAST + digit else value - digit


@kernel()
def signed(value: int, is_negative: bool) -> tuple[int, int]:
    """Return the number, and its status, of digits gathered below zero."""
    if is_negative:
        return value, OK
    return (0, TOO_LARGE) if value == _LEAST else (-value, OK)


@kernel()
def read_integer(text: Array) -> tuple[int, int]:
    """Return the value, and its status, of [-]digits."""
    is_negative = text[0] == MINUS
    first = 1 if is_negative else 0
    if first == text.size:
        return 0, MALFORMED
    value = 0
    large = False
    for character in text[first:]:
        if not is_digit(character):
            return 0, MALFORMED
        if not large:
            value = append_digit(value, digit_of(character))
            large = value > 0
    return (0, TOO_LARGE) if large else signed(value, is_negative)


@kernel()
def read_unsigned(text: Array) -> tuple[int, int]:
    """Return the bits as int64, and the status, of [-]digits from 0 to 2^64 − 1."""
    value = np.uint64(0)
    large = False
    is_negative = text[0] == MINUS
    if is_negative and text.size == 1:
        return 0, MALFORMED
    for character in text[1:] if is_negative else text:
        if not is_digit(character):
            return 0, MALFORMED
        digit = np.uint64(digit_of(character))
        if value > (_MOST_UNSIGNED - digit) // _TEN:
            large = True
        if not large:
            value = value * _TEN + digit
    if large or (is_negative and value != np.uint64(0)):
        return 0, TOO_LARGE
    return int(np.int64(value)), OK


@kernel()
def read_fixed(text: Array, start: int, count: int) -> int:
    """Return the number that `count` digits from `start` on spell, or -1 where they are not digits."""
    value = 0
    for place in range(start, start + count):
        if place >= text.size or not is_digit(text[place]):
            return -1
        value = value * 10 + digit_of(text[place])
    return value

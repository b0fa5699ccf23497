"""Cells of any type as 64-bit integers, exact: decimals as text or typed, integers, floats by their shortest decimal.

A cell that is no such number is refused with the limit that it breaks; an empty one, or NaN, is null.
"""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from producers.recordings.reading.delimited import Fits, Numbers, integers
from tickproof.ticks.schema import Array

NULL_WORDS = ("", "nan", "null", "none", "n/a", "na", "-", "\\n")
"""Cells of numbers and times that stand for no value, in small letters."""
LEAST, MOST = int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max)
_EXACT = Context(prec=200)
"""More digits than a cell that is not refused may have times 10**18."""
_DIGITS = 38
_FINEST = 20
"""Decimals of a value that is rounded at the speed of the others."""


class Cells(NamedTuple):
    """Values, where there are any, what is refused (reason -> where), and how many were rounded."""

    values: Numbers
    there: Fits
    refused: dict[str, Fits]
    rounded: int = 0


def scaled(array: pa.Array, scale: int, *, rounds: bool = False) -> Cells:
    """Return each cell times 10**scale.

    Parameters
    ----------
    array : pyarrow.Array
        Text, decimals, integers or floats. A float is read as the shortest decimal that gives it, and rounded if that is finer.
    scale : int
        From 0 to 18: as many decimals are kept.
    rounds : bool
        Whether text and decimals that are finer are rounded, half to even, or refused.
    """
    type_ = array.type
    if pa.types.is_integer(type_):
        return _whole(array, scale)
    if pa.types.is_floating(type_):
        floats = array.cast(pa.float32()) if type_ == pa.float16() else array
        return _text(floats.cast(pa.string()), scale, rounds=True)
    return _text(text_of(array), scale, rounds=rounds)


def text_of(array: pa.Array) -> pa.StringArray:
    """Return cells of any type as text."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array if array.type == pa.string() else array.cast(pa.string())


def limit_of(scale: int) -> str:
    """Return the range of values times 10**scale, for people."""
    return f"at most {Decimal(MOST).scaleb(-scale).normalize():f}"


def _whole(array: pa.Array, scale: int) -> Cells:
    there = array.is_valid().to_numpy(zero_copy_only=False)
    values: Array = pc.fill_null(array, 0).to_numpy(zero_copy_only=False)
    most = MOST // 10**scale
    fits = (values <= most) & (values >= -most) if values.dtype.kind == "i" else values <= most
    found = np.where(fits, values, 0).astype(np.int64) * np.int64(10**scale)
    return Cells(found, there, {} if fits.all() else {f"out of range, {limit_of(scale)}": ~fits})


def _text(array: pa.StringArray, scale: int, *, rounds: bool) -> Cells:
    """Return text times 10**scale, at the speed of Arrow where all of it is plain."""
    try:
        if pc.all(pc.utf8_is_digit(array)).as_py():
            return _whole(array.cast(pa.int64()), scale)
        values, fits = integers(array.cast(pa.decimal128(_DIGITS, scale)))
        refused = {} if fits.all() else {f"out of range, {limit_of(scale)}": ~fits}
        return Cells(values, array.is_valid().to_numpy(zero_copy_only=False), refused)
    except pa.ArrowInvalid:
        # Arrow does not say which cell it cannot read.
        return _mixed(array, scale, rounds=rounds)


def _mixed(array: pa.StringArray, scale: int, *, rounds: bool) -> Cells:
    fraction = r"(\.\d{0," + str(scale) + r"})?" if scale else r"(\.0*)?"
    plain = pc.fill_null(pc.match_substring_regex(array, r"^[+-]?\d{1,18}" + fraction + "$"), False)
    is_plain = plain.to_numpy(zero_copy_only=False)
    type_ = pa.decimal128(_DIGITS, scale)
    values = np.zeros(len(array), np.int64)
    there = is_plain.copy()
    fits = np.ones(len(array), bool)
    if is_plain.any():
        values[is_plain], fits[is_plain] = integers(array.filter(plain).cast(type_))
    refused: dict[str, Fits] = {} if fits.all() else {f"out of range, {limit_of(scale)}": ~fits}
    places = np.flatnonzero(~is_plain)
    rest = array.filter(pc.invert(plain))
    rounded = 0
    if rounds and scale < _FINEST:
        fine = pc.fill_null(pc.match_substring_regex(rest, r"^[+-]?\d{1,17}\.\d{1," + str(_FINEST) + "}$"), False)
        if pc.any(fine).as_py():
            is_fine = fine.to_numpy(zero_copy_only=False)
            short = pc.round(rest.filter(fine).cast(pa.decimal128(_DIGITS, _FINEST)), scale, "half_to_even").cast(type_)
            found, fit = integers(short)
            values[places[is_fine]], there[places[is_fine]] = found, True
            rounded = int(is_fine.sum())
            if not fit.all():
                _mark(refused, f"out of range, {limit_of(scale)}", places[is_fine][~fit], len(array))
            places, rest = places[~is_fine], rest.filter(pc.invert(fine))
    return _one_by_one(Cells(values, there, refused, rounded), rest, places, scale, rounds=rounds)


def _one_by_one(cells: Cells, rest: pa.StringArray, places: Numbers, scale: int, *, rounds: bool) -> Cells:
    """Fill in the cells that are not plainly a number, each different one once."""
    encoded = rest.dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    table = [_one(word, scale, rounds=rounds) for word in encoded.dictionary.to_pylist()]
    rounded = cells.rounded
    # The last entry is that of -1, a null.
    values = np.array([*(one if isinstance(one, int) else 0 for one, _ in table), 0], np.int64)
    is_there = np.array([*(isinstance(one, int) for one, _ in table), False])
    cells.values[places], cells.there[places] = values[codes], is_there[codes]
    rounded += int(np.array([*(is_rounded for _, is_rounded in table), False])[codes].sum())
    for reason in {one for one, _ in table if isinstance(one, str)}:
        refused = np.array([*(one == reason for one, _ in table), False])[codes]
        _mark(cells.refused, reason, places[refused], len(cells.values))
    return cells._replace(rounded=rounded)


def _mark(refused: dict[str, Fits], reason: str, places: Numbers, count: int) -> None:
    refused.setdefault(reason, np.zeros(count, bool))[places] = True


def _one(word: str, scale: int, *, rounds: bool) -> tuple[int | str | None, bool]:
    """Return a cell's value, why it has none, or None for null; and whether it was rounded."""
    text = word.strip()
    if text.lower() in NULL_WORDS:
        return None, False
    try:
        number = Decimal(text)
    except InvalidOperation:
        return "not a number", False
    if "_" in text or not number.is_finite():
        return "not a number", False
    if len(text) > 100:
        return "a number of more than 100 characters", False
    if number and number.adjusted() > 20:
        return f"out of range, {limit_of(scale)}", False
    if number and number.adjusted() < -60:
        value, is_exact = 0, False
    else:
        exact = number.scaleb(scale, _EXACT)
        value = int(exact.to_integral_value(context=_EXACT))
        is_exact = exact == value
    if not is_exact and not rounds:
        return f"more than {scale} decimals" if scale else "not a whole number", False
    if not LEAST <= value <= MOST:
        return f"out of range, {limit_of(scale)}", False
    return value, not is_exact

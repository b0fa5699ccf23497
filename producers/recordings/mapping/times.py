"""Times of any type as ns since the epoch: numbers of a unit, typed time stamps, text of a form, with and without a zone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from producers.recordings.mapping.specification import OFFSET, TIME_UNITS
from producers.recordings.mapping.time_forms import ISO, compiled, spans
from producers.recordings.reading.cells import LEAST, MOST, NULL_WORDS, Cells, scaled, text_of
from producers.recordings.reading.delimited import Fits, Numbers
from tickproof.ticks.schema import NS_PER_SECOND

NOT_A_TIME = "not a time of this form, within the years 1700 to 2259"
OUT_OF_RANGE = "out of range, expected a time within the years 1678 to 2262"
SKIPPED = "a time that this zone's clocks skip"
_YEARS = r"^(1[789]|2[01]|22[0-5])"
_ISO = _YEARS[:-1] + r")\d\d-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$"
_OFFSET_AT_END = r"(Z|[+-]\d\d:?\d\d)$"
_UNIT_NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_SIZES = ((11, "s"), (14, "ms"), (17, "us"))
"""Below so many digits, a number of a time in our age has this unit."""


class Times(NamedTuple):
    """Cells, and how many local times stood for two moments; the earlier is taken."""

    cells: Cells
    ambiguous: int = 0


def unit_of(first: int) -> str:
    """Return the unit of a time by its size."""
    return next((unit for digits, unit in _SIZES if abs(first) < 10**digits), "ns")


def counted(array: pa.Array, unit: str) -> Cells:
    """Return times that are numbers of a unit."""
    if pa.types.is_timestamp(array.type):
        return stamped(array, "UTC").cells
    return scaled(array, TIME_UNITS[unit])


def written(array: pa.Array, form: str, zone: str) -> Times:
    """Return times that are text of a form; one without an offset is of the zone."""
    if pa.types.is_timestamp(array.type):
        return stamped(array, zone)
    text = text_of(array)
    quick = None if form == ISO else _fixed_width(text, form)
    if quick is not None:
        local, ambiguous, skipped = _of_zone(pa.array(quick, pa.timestamp("ns")), zone)
        values: Numbers = local.cast(pa.int64()).to_numpy(zero_copy_only=False)
        return Times(Cells(values, np.ones(len(values), bool), {SKIPPED: skipped} if skipped.any() else {}), ambiguous)
    if form == ISO:
        matched = pc.match_substring_regex(text, _ISO)
    else:
        meant = compiled(form)
        assert meant is not None
        matched = pc.match_substring_regex(text, meant.expression)
        text = pc.replace_substring_regex(text, meant.expression, meant.replacement)
        matched = pc.and_(matched, pc.match_substring_regex(text, _YEARS))
    fits = pc.fill_null(matched, False)
    none = pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(pc.fill_null(text, ""))), pa.array(NULL_WORDS))
    text = pc.if_else(fits, text, pa.scalar(None, pa.string()))
    with_offset = pc.fill_null(pc.match_substring_regex(text, _OFFSET_AT_END), False) if form == ISO else pa.scalar(False)
    if form != ISO or not pc.any(with_offset).as_py():
        local, ambiguous, skipped = _of_zone(_cast(text, pa.timestamp("ns")), zone)
    else:
        none_ = pa.scalar(None, pa.string())
        local, ambiguous, skipped = _of_zone(_cast(pc.if_else(with_offset, none_, text), pa.timestamp("ns")), zone)
        told = _cast(pc.if_else(with_offset, text, none_), pa.timestamp("ns", "UTC")).cast(pa.timestamp("ns"))
        local = pc.coalesce(local, told)
    there = local.is_valid().to_numpy(zero_copy_only=False)
    refused = ~there & ~none.to_numpy(zero_copy_only=False)
    reasons = {NOT_A_TIME: refused} if refused.any() else {}
    if skipped.any():
        reasons[SKIPPED] = skipped
    return Times(Cells(pc.fill_null(local.cast(pa.int64()), 0).to_numpy(zero_copy_only=False), there, reasons), ambiguous)


def _fixed_width(text: pa.StringArray, form: str) -> Numbers | None:
    """Return texts of one width and one form as ns; None where one of them is not, or is no time."""
    if not len(text) or text.null_count:
        return None
    offsets = np.frombuffer(text.buffers()[1], "<i4")[text.offset : text.offset + len(text) + 1]
    width = int(offsets[1] - offsets[0])
    parts = spans(form, width) if width and (np.diff(offsets) == width).all() else None
    if parts is None:
        return None
    letters = np.frombuffer(text.buffers()[2], np.uint8)[offsets[0] : offsets[-1]].reshape(-1, width)
    values: dict[str, Numbers] = {}
    for part, first, last, literal in parts:
        if not part:
            if (letters[:, first:last] != np.frombuffer(literal.encode(), np.uint8)).any():
                return None
            continue
        digits = letters[:, first:last].astype(np.int64) - ord("0")
        if ((digits < 0) | (digits > 9)).any():
            return None
        values[part] = digits @ 10 ** np.arange(last - first - 1, -1, -1)
        if part == "f":
            values[part] *= 10 ** (9 - (last - first))
    months = (values["YYYY"] - 1970) * 12 + values["MM"] - 1
    lengths = _days(months + 1) - _days(months)
    day = values["DD"]
    none = np.zeros(1, np.int64)
    hour, minute, second = (values.get(part, none) for part in ("hh", "mm", "ss"))
    is_time = (
        (values["MM"] >= 1) & (values["MM"] <= 12) & (day >= 1) & (day <= lengths) & (hour < 24) & (minute < 60) & (second < 60)
    )
    if not (is_time & (values["YYYY"] >= 1700) & (values["YYYY"] < 2260)).all():
        return None
    seconds = (_days(months) + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second
    found: Numbers = seconds * NS_PER_SECOND + values.get("f", none)
    return found


def _days(months: Numbers) -> Numbers:
    """Return the days from 1970 to the beginning of months that are counted from there."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def stamped(array: pa.TimestampArray, zone: str) -> Times:
    """Return typed time stamps; those without a zone are of the given one."""
    factor = _UNIT_NS[array.type.unit]
    there = array.is_valid().to_numpy(zero_copy_only=False)
    values = pc.fill_null(array.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    fits = (values >= LEAST // factor + 1) & (values <= MOST // factor)
    nanoseconds = np.where(fits, values, 0) * np.int64(factor)
    reasons: dict[str, Fits] = {} if fits.all() else {OUT_OF_RANGE: ~fits}
    ambiguous = 0
    if array.type.tz is None and zone != "UTC":
        local, ambiguous, skipped = _of_zone(pa.array(nanoseconds, pa.timestamp("ns")), zone)
        nanoseconds = local.cast(pa.int64()).to_numpy(zero_copy_only=False)
        if skipped.any():
            reasons[SKIPPED] = skipped
    return Times(Cells(nanoseconds, there, reasons), ambiguous)


def _of_zone(local: pa.TimestampArray, zone: str) -> tuple[pa.TimestampArray, int, Fits]:
    """Return local times in UTC, how many of them stood for two moments, and which ones do not exist."""
    none = np.zeros(len(local), bool)
    if zone == "UTC":
        return local, 0, none
    if OFFSET.fullmatch(zone):
        minutes = int(zone[1:3]) * 60 + int(zone[4:])
        offset_ns = (-1 if zone[0] == "-" else 1) * minutes * 60 * NS_PER_SECOND
        return pc.subtract(local.cast(pa.int64()), offset_ns).cast(pa.timestamp("ns")), 0, none
    earliest = pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="earliest")
    latest = pc.assume_timezone(local, zone, ambiguous="latest", nonexistent="latest")
    apart: Numbers = pc.fill_null(pc.subtract(latest.cast(pa.int64()), earliest.cast(pa.int64())), 0).to_numpy(
        zero_copy_only=False
    )
    # Where clocks are put forward, Arrow gives the last nanosecond before and the first after.
    return earliest.cast(pa.timestamp("ns")), int((apart > 1).sum()), apart == 1


def _cast(text: pa.StringArray, type_: pa.DataType) -> pa.Array:
    """Return text as time stamps, null where there is no such day; halved until those are isolated."""
    try:
        return text.cast(type_)
    except pa.ArrowInvalid:
        if len(text) == 1:
            return pa.nulls(1, type_)
        middle = len(text) // 2
        return pa.concat_arrays([_cast(text[:middle], type_), _cast(text[middle:], type_)])

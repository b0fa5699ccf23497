"""What the cells of one column look like: numbers, times of a unit or form, words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

import pyarrow as pa

from producers.recordings.mapping import times
from producers.recordings.mapping.time_forms import ISO
from producers.recordings.reading.cells import NULL_WORDS

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_EARLIEST_S, _LATEST_S = 315_532_800, 4_102_444_800
"""The years 1980 to 2100."""
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAYS = ("YYYY-MM-DD", "YYYYMMDD", "YYYY.MM.DD", "YYYY/MM/DD", "DD.MM.YYYY", "MM/DD/YYYY", "DD/MM/YYYY", "DD-MM-YYYY")
CLOCKS = ("hh:mm:ss.f", "hh:mm:ss", "hhmmssf", "hhmmss", "hh:mm:ss,f", "hh:mm:ss:f", "hh:mm")
DAYS = _DAYS
FORMS = (ISO, *(f"{day} {clock}" for day in _DAYS for clock in CLOCKS))
_SEEN = 500


@dataclass(frozen=True, slots=True)
class Profile:
    """One column. `unit` is that of numbers that may be times, `forms` are those that all its text has, `zoned` whether the text
    names offsets."""

    name: str
    cells: list[str]
    filled: list[str]
    numbers: list[Decimal] = field(default_factory=list)
    unit: str | None = None
    forms: tuple[str, ...] = ()
    zoned: bool = False
    stamp: bool = False

    @property
    def is_number(self) -> bool:
        """Return whether all but a few filled cells are numbers."""
        return bool(self.filled) and len(self.numbers) >= 0.95 * len(self.filled)

    @property
    def is_whole(self) -> bool:
        """Return whether it holds whole numbers."""
        return self.is_number and all(number == number.to_integral_value() for number in self.numbers)

    @property
    def is_time(self) -> bool:
        """Return whether it may be a time."""
        return self.stamp or self.unit is not None or bool(self.forms)

    @property
    def grows(self) -> bool:
        """Return whether it holds whole numbers that grow from row to row."""
        pairs = list(zip(self.numbers, self.numbers[1:], strict=False))
        is_plain = not any("." in cell for cell in self.filled)
        return self.is_whole and is_plain and len(pairs) > 0 and all(one < two for one, two in pairs)

    @property
    def decimals(self) -> int:
        """Return the most decimals of a number."""
        return max(
            (max(0, -exponent) for n in self.numbers if isinstance(exponent := n.normalize().as_tuple().exponent, int)), default=0
        )

    @property
    def is_floated(self) -> bool:
        """Return whether numbers have the 15 and more digits that a sum of floats leaves."""
        return self.decimals > 9 and max(len(number.normalize().as_tuple().digits) for number in self.numbers) >= 15

    @property
    def variation(self) -> float:
        """Return the spread of its values around their mean: of prices it is small."""
        values = [float(number) for number in self.numbers]
        mean = sum(values) / len(values) if values else 0.0
        if not mean:
            return float("inf")
        return float((sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5 / abs(mean))

    @property
    def words(self) -> list[str]:
        """Return the different words, in order of appearance."""
        return list(dict.fromkeys(self.filled))


def profile_of(name: str, cells: list[str], *, stamp: bool = False) -> Profile:
    """Look at a column's cells."""
    filled = [cell for cell in cells if cell.strip().lower() not in NULL_WORDS]
    numbers = [Decimal(cell) for cell in filled if NUMBER.fullmatch(cell)]
    if stamp:
        return Profile(name, cells, filled, stamp=True)
    unit = _unit(numbers) if filled and len(numbers) == len(filled) else None
    forms, zoned = _forms(filled[:_SEEN], FORMS) if filled and unit is None else ((), False)
    return Profile(name, cells, filled, numbers, unit, forms, zoned)


def joined_forms(day: Profile, clock: Profile) -> tuple[str, ...]:
    """Return the forms of a day and a time in two columns."""
    both = [f"{one} {two}" for one, two in zip(day.cells, clock.cells, strict=True) if one and two][:_SEEN]
    return _forms(both, FORMS)[0] if both else ()


def is_day(profile: Profile) -> bool:
    """Return whether a column holds days alone."""
    return bool(profile.filled) and bool(_forms(profile.filled[:_SEEN], _DAYS)[0])


def _unit(numbers: list[Decimal]) -> str | None:
    seconds = {unit: (_EARLIEST_S * factor, _LATEST_S * factor) for unit, factor in _UNITS.items()}
    some = [number for number in numbers if number]
    return next((unit for unit, (low, high) in seconds.items() if some and all(low <= one < high for one in some)), None)


def _forms(cells: list[str], forms: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    array = pa.array(cells, pa.string())
    found = tuple(form for form in forms if times.written(array, form, "UTC").cells.there.all())
    return found, any(re.search(r"(Z|[+-]\d\d:?\d\d)$", cell) and len(cell) > 10 for cell in cells)

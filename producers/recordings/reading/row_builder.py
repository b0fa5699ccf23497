"""Ticks of sources that come message by message, such as JSON, where no column can be read at once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import numpy as np

from producers.recordings.reading.names import Names
from tickproof.ticks.schema import NULLABLE, ROW, UNITS_PER_ONE, Kind, Ticks

ROUNDED = "value finer than 1e-9: rounded"
TOO_FINE = "a price or size: expected at most 9 decimals"
ROUNDED_BY = Decimal("1e-3")
"""A value may be rounded by this share of it: floats have digits too many, and some steps are 1e-10; 6.4e-11 would become 0."""
_DECIMALS = 9
_DIGITS = 28
"""Digits that a decimal holds exactly."""
_LEAST, _MOST = int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max)
_ZEROS: dict[str, object] = dict.fromkeys(ROW.names or (), 0)


class TooFineError(ValueError):
    """A price or size has digits beyond 1e-9 that matter."""


def units(value: str | int | Decimal) -> int:
    """Return a price or size in units of 1e-9, exact; finer values are rounded half to even.

    It may be beyond 64 bits: order books hold absurd prices. `Builder.add` refuses those.

    Raises
    ------
    ValueError
        It is not a finite number, or absurdly large.
    """
    if isinstance(value, str):
        whole, _, fraction = value.partition(".")
        if whole.isdecimal() and whole.isascii() and len(whole) < 10 and len(fraction) <= _DECIMALS:
            if not fraction:
                return int(whole) * UNITS_PER_ONE
            if fraction.isdecimal() and fraction.isascii():
                return int(whole + fraction.ljust(_DECIMALS, "0"))
    if isinstance(value, bool | float):
        raise ValueError(f"found {value!r}, expected a decimal number")
    try:
        number = Decimal(value).scaleb(_DECIMALS)
        if number.is_finite() and number.adjusted() < _DIGITS:
            return int(number.to_integral_value())
    except (InvalidOperation, TypeError, ValueError):
        pass
    raise ValueError(f"found {value!r}, expected a decimal number")


def hashed(identity: str) -> int:
    """Return a stable 64-bit number for an id that is not a number."""
    return int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=8).digest(), "little", signed=True)


class Builder:
    """Gathers ticks. `ts_recv` and `row` are those of the message that is being read.

    Parameters
    ----------
    venue : str
        Of all ticks.
    notes : Counter, optional
        Gets how many values were rounded.
    """

    __slots__ = ("_names", "_notes", "_rows", "_venue", "row", "ts_recv")

    def __init__(self, venue: str, notes: Counter[str] | None = None) -> None:
        self._names = Names()
        self._notes = Counter() if notes is None else notes
        self._venue = self._names.code(venue)
        self._rows: list[tuple[object, ...]] = []
        self.ts_recv = 0
        self.row = 0

    def __len__(self) -> int:
        return len(self._rows)

    def units(self, value: str | int | Decimal) -> int:
        """Return `units` of a value of a tick, and count the values that have to be rounded.

        Raises
        ------
        TooFineError
            Rounding would make another number of it.
        """
        found = units(value)
        if not isinstance(value, int):
            exact = Decimal(value).scaleb(_DECIMALS)
            if exact != found:
                if abs(exact - found) > abs(exact) * ROUNDED_BY:
                    raise TooFineError(f"found {value}, expected at most {_DECIMALS} decimals")
                self._notes[ROUNDED] += 1
        return found

    def add(
        self,
        kind: Kind,
        channel: str,
        symbol: str | None,
        values: Mapping[str, int | None],
        flags: int = 0,
        conditions: int = 0,
    ) -> None:
        """Append one tick; `values` are nullable fields, None or absent for null.

        Raises
        ------
        ValueError
            A value is beyond its 64 bits.
        """
        record = dict(_ZEROS)
        present = 0
        for name, value in values.items():
            if value is not None:
                least, most = (0, 2**64 - 1) if name == "sequence" else (_LEAST, _MOST)
                if not least <= value <= most:
                    raise ValueError(f"{name}: found {value}, expected a number within 64 bits")
                record[name] = value
                present |= NULLABLE[name]
        record |= {"ts_recv": self.ts_recv, "row": self.row & 0xFFFFFFFF, "kind": kind, "flags": flags, "present": present}
        record |= {"conditions": conditions, "channel": self._names.code(channel), "venue": self._venue}
        record["symbol"] = -1 if symbol is None else self._names.code(symbol)
        self._rows.append(tuple(record.values()))

    def take(self) -> Ticks:
        """Return the gathered ticks, and start again."""
        rows = np.array(self._rows, ROW)
        self._rows = []
        return Ticks(rows, self._names.table)

"""All codes by bit, and what follows from them for the `reasons` of a tick."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from tickproof.codes import activity, clock, message, payload, price, quote, reference_data, sequence, trade
from tickproof.codes.code import Code, Quality

FAMILIES: dict[str, tuple[Code, ...]] = {
    "Payloads": payload.CODES,
    "Messages": message.CODES,
    "Prices": price.CODES,
    "Quotes": quote.CODES,
    "Trades": trade.CODES,
    "Sequence numbers": sequence.CODES,
    "Clocks and latency": clock.CODES,
    "Activity": activity.CODES,
    "Reference data": reference_data.CODES,
}
"""Title -> entries, in the order in which documents show them."""

CODES: tuple[Code, ...] = tuple(sorted((code for family in FAMILIES.values() for code in family), key=attrgetter("bit")))
BY_NAME: dict[str, Code] = {code.name: code for code in CODES}


def mask(names: Iterable[str]) -> int:
    """Return the `reasons` bits of some codes."""
    return sum(1 << BY_NAME[name].bit for name in names)


def names_of(reasons: int) -> list[str]:
    """Return the names of the codes in a `reasons` value, by bit."""
    return [code.name for code in CODES if reasons >> code.bit & 1]


CORRUPT_BITS = mask(code.name for code in CODES if code.quality == Quality.CORRUPT)
SUSPECT_BITS = mask(code.name for code in CODES if code.quality == Quality.SUSPECT)

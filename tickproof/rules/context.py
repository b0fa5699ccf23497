"""CONTEXT: what is kept of a tick from its causal to its final verdict, how rules write to it, what came after it; compiled."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.findings.finding import Quality
from tickproof.instrument.one_based import to_stored
from tickproof.kernel import kernel
from tickproof.ticks.records import Record, Records


class Support(IntEnum):
    """Field `support`: what has spoken for a watched tick's price by the end of the lookahead.

    NONE where it was contradicted, or came back; CORROBORATED by other venues; CONFIRMED by the venue's own later prices;
    UNCONTRADICTED where no other venue has sent a price since, and this one did not snap back.
    """

    NONE = 0
    CORROBORATED = 1
    CONFIRMED = 2
    UNCONTRADICTED = 3


class SessionEdge(IntEnum):
    """Field `edge`: is a tick at the edge of its venue's session?

    NEAR: a quote of a venue that has not opened yet, or has closed, and a trade out of regular hours; FIRST_QUOTE: the first
    quote after a long pause.
    """

    REGULAR = 0
    NEAR = 1
    FIRST_QUOTE = 2


GOOD, SUSPECT, CORRUPT, MARKET_EVENT = (int(quality) for quality in Quality)

MEASURED_CODES = 2
"""Codes of one tick whose measured values are kept beside it."""

CONTEXT = np.dtype(
    [
        ("x", "<f8"),
        ("level", "<f8"),
        ("limit", "<f8"),
        ("consensus", "<f8"),
        ("nearest", "<f8"),
        ("spread_ratio", "<f8"),
        ("accepted", "<i8"),
        ("bits", "<u8"),
        ("final_bits", "<u8"),
        ("instrument", "<i4"),
        ("run", "<i4"),
        ("relation", "<i4"),
        ("quality", "u1"),
        ("fact_quality", "u1"),
        ("final_quality", "u1"),
        ("support", "u1"),
        ("is_watched", "?"),
        ("doubtful_sizes", "u1"),
        ("is_expected", "?"),
        ("edge", "u1"),
        ("is_stub", "?"),
        ("measured_codes", "u1", (MEASURED_CODES,)),
        ("values", "<f8", (3 * MEASURED_CODES,)),
    ],
    align=True,
)
"""What is remembered of a tick until it is final: its log price `x`, the `level` and `limit` it was held against, the `consensus`
of other venues and how far the `nearest` of their prices was, its spread over the usual one (`spread_ratio`), how many ticks its
instrument had `accepted`, and the quality that rules give (`findings.Quality`): `fact_quality` by those that need no level,
`quality` and `final_quality` by all.

`is_watched`: its price is decided again when it is final; `doubtful_sizes`: so are the sizes of these sides (`sizes.Side`).
`is_stub`: a quote whose middle is no price; `is_expected`: a wide spread at a session's edge, or that is its venue's habit.
`measured_codes` are codes' bits, as `one_based` stores them, whose `values` (measured, threshold, reference) are not those of the
price; `relation` is the broken relation, stored likewise. `edge` is a `SessionEdge`, `support` a `Support`."""

NEXT_ROWS = 400
"""So many rows are looked through for the next messages of an instrument."""


class TicksAfter(NamedTuple):
    """A tick and those after it, which its final verdict may look at.

    Attributes
    ----------
    rows : array of ROW
    instrument_of : int64 array
        Instrument of each row; -1 where it is not known.
    row : int
        The tick's row.
    end : int
        The first row past its lookahead.
    """

    rows: Records
    instrument_of: npt.NDArray[np.int64]
    row: int
    end: int


@kernel()
def worse(quality: int, other: int) -> int:
    """Return the worse of two qualities: corrupt is the worst, and a market event explains what is only suspect."""
    if quality == CORRUPT or other == CORRUPT:
        return CORRUPT
    return max(quality, other)


@kernel()
def add_fact(context: Record, code: int, quality: int, values: tuple[float, float, float]) -> None:
    """Add a code (its bit's number) by a fact that no price can explain; `values`: measured, threshold, reference."""
    context.bits |= np.uint64(1) << np.uint64(code)
    context.fact_quality = worse(context.fact_quality, quality)
    context.quality = worse(context.quality, quality)
    keep_values(context, code, values)


@kernel()
def add_watched(context: Record, code: int, values: tuple[float, float, float]) -> None:
    """Add a code (its bit's number) that makes a price corrupt for now, to be decided again when it is final."""
    context.bits |= np.uint64(1) << np.uint64(code)
    context.quality = CORRUPT
    context.is_watched = True
    keep_values(context, code, values)


@kernel()
def keep_values(context: Record, code: int, values: tuple[float, float, float]) -> None:
    """Keep what `code` measured beside the tick, while there is room."""
    stored = to_stored(code)
    for k in range(MEASURED_CODES):
        if context.measured_codes[k] == 0 or context.measured_codes[k] == stored:
            context.measured_codes[k] = stored
            for j in range(3):
                context.values[3 * k + j] = values[j]
            return


def values_of(context: npt.NDArray[np.void], code: int) -> tuple[float, float, float] | None:
    """Return what `code` measured, (measured, threshold, reference); None where it kept no values of its own."""
    for k, stored in enumerate(context["measured_codes"].tolist()):
        if stored == to_stored(code):
            measured, threshold, reference = context["values"][3 * k : 3 * k + 3].tolist()
            return measured, threshold, reference
    return None


@kernel()
def price_of(x: float) -> float:
    """Return the price in ones of a log price in units of 1e-9."""
    return math.exp(x) * 1e-9


@kernel()
def prices_of(x: float, bound: float, reference: float) -> tuple[float, float, float]:
    """Return (measured, threshold, reference) in ones of log prices in units of 1e-9."""
    return price_of(x), price_of(bound), price_of(reference)

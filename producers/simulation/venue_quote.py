"""One symbol's quote on one venue, compiled: quoted anew, refreshed, traded with. Prices in price steps, sizes in lots."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from tickproof.kernel import kernel
from tickproof.ticks.records import Record
from tickproof.ticks.schema import Array, Condition, Kind, Present

VENUE_QUOTE = np.dtype(
    [
        ("bid", "i8"),  # price steps
        ("ask", "i8"),
        ("bid_lots", "i8"),
        ("ask_lots", "i8"),
        ("noise", "f8"),  # half spreads
        ("unusual", "i8"),  # 1: no usual quote (none yet, locked, one-sided, just resumed): to be quoted anew
        ("last", "i8"),  # its last ordinary trade of this block: the row, counted from 1; or NO_TRADE
    ]
)
"""A symbol's quote on one venue."""
NO_TRADE = 0
TAPE = np.dtype([("sign", "i8"), ("run", "i8")])
"""A symbol's current run of orders of one sign."""


class Missing(IntEnum):
    """What a quote message leaves out."""

    NOTHING = 0
    BID = 1
    ASK = 2
    SIZES = 4


class Outcome(IntEnum):
    """What a trade did to the quote that it met."""

    OFF_QUOTE = 0
    """A print away from the quote, or halfway between its sides: it takes nothing."""
    UNCHANGED = 1
    CHANGED = 2


class Habits(NamedTuple):
    """Probabilities of what venues do now and then, and the noise of their quotes in half spreads.

    `fills`: an order that meets several others, each a print. `midpoint`: a print halfway between the quotes. `stub`: a quote
    before the open that nobody is meant to trade with.
    """

    noise: float
    explained: float
    locked: float
    one_sided: float
    sweep: float
    inside: float
    midpoint: float
    fills: float
    stub: float
    has_sizes: bool


class Occasion(NamedTuple):
    """An arrival at a symbol's quote on a venue.

    Attributes
    ----------
    time : int
        Of the venue's clock, ns.
    line : record of universe.SERIES
    instrument : record of universe.INSTRUMENT
    habits : Habits
    stamped : int
        Bits of `Present` that every message has.
    target : float
        Where the venue sees the price, in price steps.
    away : float
        The target less the quote's mid.
    spread : float
        The usual one now, in price steps.
    depth : float
        Lots usually displayed.
    is_stale : bool
        The price has left the quote by more than its width.
    is_early : bool
        Before the open.
    is_extended : bool
        Before the open or after the close.
    """

    time: int
    line: Record
    instrument: Record
    habits: Habits
    stamped: int
    target: float
    away: float
    spread: float
    depth: float
    is_stale: bool
    is_early: bool
    is_extended: bool


_PRINT = int(Present.PRICE | Present.SIZE | Present.TRADE_ID)
_BID, _ASK = int(Present.BID_PX | Present.BID_SZ), int(Present.ASK_PX | Present.ASK_SZ)
_BID_PX, _ASK_PX = int(Present.BID_PX), int(Present.ASK_PX)
_BID_SZ, _ASK_SZ = int(Present.BID_SZ), int(Present.ASK_SZ)
_ODD_LOT, _SWEEP = int(Condition.ODD_LOT), int(Condition.INTERMARKET_SWEEP)
_AVERAGE, _DERIVED = int(Condition.AVERAGE_PRICE), int(Condition.DERIVATIVELY_PRICED)
EXPLAINING = np.array(
    [
        Condition.AVERAGE_PRICE,
        Condition.DERIVATIVELY_PRICED,
        Condition.SOLD_LATE,
        Condition.OUT_OF_SEQUENCE,
        Condition.PRIOR_REFERENCE_PRICE,
        Condition.CONTINGENT,
    ],
    np.int64,
)
"""Conditions of prints that may lie away from the market."""
_KIND_TRADE = int(Kind.TRADE)
_NO_BID, _NO_ASK, _NO_SIZES = int(Missing.BID), int(Missing.ASK), int(Missing.SIZES)
_OFF_QUOTE, _UNCHANGED, _CHANGED = int(Outcome.OFF_QUOTE), int(Outcome.UNCHANGED), int(Outcome.CHANGED)
UNIT = 1_000_000_000
"""One share."""


@kernel()
def lots(depth: float, draw: float) -> int:
    """Draw displayed lots: Pareto-like of scale `depth`, at least 1."""
    return 1 + int(0.6 * depth * ((1.0 - 0.999 * draw) ** -0.6 - 0.4))


@kernel()
def requote(quote: Record, target: float, spread: float, depth: float, draw: Array) -> None:
    """Quote both sides anew around `target`, in price steps."""
    width = max(1, int(spread * (0.7 + 0.6 * draw[3]) + 0.5))
    bid = max(1, int(np.rint(target - 0.5 * width)))
    if bid != quote.bid or quote.bid_lots == 0:
        quote.bid_lots = lots(depth, draw[4])
    if bid + width != quote.ask or quote.ask_lots == 0:
        quote.ask_lots = lots(depth, draw[5])
    quote.bid = bid
    quote.ask = bid + width
    quote.unusual = 0


@kernel()
def refresh(quote: Record, away: float, spread: float, depth: float, draw: Array) -> None:
    """Change the quote a little: one side moves a step towards the usual spread, or only displayed lots change."""
    width = quote.ask - quote.bid
    if draw[6] < 0.3:
        # On a fine grid a step is nothing: a side moves by up to a quarter of the spread.
        step = 1 + int(0.25 * spread * draw[5])
        if width > step and width > spread:
            if away > 0.0:
                quote.bid += step
                quote.bid_lots = lots(depth, draw[4])
            else:
                quote.ask -= step
                quote.ask_lots = lots(depth, draw[4])
            return
        if width + step <= 1.3 * spread:
            if away > 0.0:
                quote.ask += step
                quote.ask_lots = lots(depth, draw[4])
                return
            if quote.bid > step:
                quote.bid -= step
                quote.bid_lots = lots(depth, draw[4])
                return
    change = 1 + int(draw[4] * 0.5 * depth)
    if draw[7] < 0.5:
        quote.bid_lots = quote.bid_lots + change if draw[5] < 0.5 or quote.bid_lots <= change else quote.bid_lots - change
    else:
        quote.ask_lots = quote.ask_lots + change if draw[5] < 0.5 or quote.ask_lots <= change else quote.ask_lots - change


@kernel()
def write_quote(row: Record, quote: Record, instrument: Record, stamped: int, missing: int) -> None:
    """Write the quote as a message; `missing` is a `Missing`."""
    present = stamped
    if missing == _NO_BID:
        present |= _BID_SZ
    else:
        present |= _BID if missing != _NO_SIZES else _BID_PX
        row.bid_px = quote.bid * instrument.tick
        row.bid_sz = quote.bid_lots * instrument.lot if missing != _NO_SIZES else 0
    if missing == _NO_ASK:
        present |= _ASK_SZ
    else:
        present |= _ASK if missing != _NO_SIZES else _ASK_PX
        row.ask_px = quote.ask * instrument.tick
        row.ask_sz = quote.ask_lots * instrument.lot if missing != _NO_SIZES else 0
    row.present = present


@kernel()
def _sign(tape: Record, lean: float, draw: Array) -> int:
    """Return buy (1) or sell (−1): the sign of the symbol's current run, or towards the efficient price where that is far off.

    Orders are split into runs whose length has a tail of exponent 1.5, so that signs have a long memory (Lillo, Mike and Farmer,
    Physical Review E 71 (2005) 066122).
    """
    if tape.run <= 0:
        tape.sign = 1 if draw[4] < 0.5 + max(-0.35, min(0.35, 0.3 * lean)) else -1
        tape.run = int((1.0 - 0.9999 * draw[5]) ** -0.66)
    tape.run -= 1
    if draw[6] < 0.15:
        return 1 if draw[7] < 0.5 + max(-0.45, min(0.45, 0.4 * lean)) else -1
    return int(tape.sign)


@kernel()
def traded_lots(draw: float) -> int:
    """Draw the lots of a trade: two in three are of one lot, and the tail is a power law of exponent 1.5.

    Gopikrishnan, Plerou, Gabaix, Stanley: "Statistical properties of share volume traded in financial markets", Physical Review
    E 62 (2000) R4493.
    """
    return int((1.0 - 0.999999 * draw) ** (-1.0 / 1.5))


@kernel()
def _write_off_quote(row: Record, quote: Record, instrument: Record, habits: Habits, draw: Array) -> None:
    """Write a print away from the market, or halfway between the sides, with the condition that explains it."""
    mid = 0.5 * (quote.bid + quote.ask)
    row.size = traded_lots(draw[9]) * instrument.lot
    if draw[1] >= habits.explained:
        # A midpoint print may lie half a step off the grid.
        row.price = (quote.bid + quote.ask) * instrument.tick // 2 // instrument.fine * instrument.fine
        row.conditions = _DERIVED
        return
    # Up to 2 % away, mostly little.
    share = draw[1] / habits.explained
    price = mid * (1.0 + 0.02 * draw[3] * draw[3] * (1.0 if draw[8] < 0.5 else -1.0))
    row.conditions = EXPLAINING[min(int(share * len(EXPLAINING)), len(EXPLAINING) - 1)]
    # Averages have more decimals than the grid.
    step = instrument.fine if row.conditions == _AVERAGE else instrument.tick
    row.price = max(1, int(np.rint(price * instrument.tick / step))) * step


@kernel()
def write_trade(row: Record, quote: Record, tape: Record, occasion: Occasion, draw: Array) -> int:
    """Write one trade into `row` and take its lots from the quote; return an `Outcome`."""
    instrument, habits = occasion.instrument, occasion.habits
    sign = _sign(tape, occasion.away / (0.5 * (quote.ask - quote.bid) + 0.5), draw)
    row.kind = _KIND_TRADE
    row.present = occasion.stamped | _PRINT
    if draw[1] < habits.explained + habits.midpoint:
        _write_off_quote(row, quote, instrument, habits, draw)
        return _OFF_QUOTE
    price = quote.ask if sign > 0 else quote.bid
    width = quote.ask - quote.bid
    shown = quote.ask_lots if sign > 0 else quote.bid_lots
    if width > 1 and draw[8] < habits.inside:
        price = quote.bid + 1 + int(draw[3] * (width - 1))
    row.price = price * instrument.tick
    if draw[9] < instrument.odd:
        row.size = (1 + int(draw[9] / instrument.odd * draw[2] * (instrument.lot // UNIT - 1))) * UNIT
        row.conditions = _ODD_LOT
        return _UNCHANGED
    # What is traded beyond the displayed lots comes from hidden orders.
    taken = traded_lots(draw[2])
    row.size = taken * instrument.lot
    if draw[1] > 1.0 - habits.sweep:
        row.conditions = _SWEEP
    left = shown - taken
    if left > 0 and sign > 0:
        quote.ask_lots = left
    elif left > 0:
        quote.bid_lots = left
    elif sign > 0:
        # The level is gone: the next one is a step away.
        quote.ask += 1
        quote.ask_lots = lots(2.0, draw[3])
    elif quote.bid > 1:
        quote.bid -= 1
        quote.bid_lots = lots(2.0, draw[3])
    else:
        quote.bid_lots = 1
    return _CHANGED

"""One symbol's book on one venue: how it is quoted anew, refreshed and traded with. Compiled; prices in steps, sizes in lots."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tickproof.kernel import array_kernel
from tickproof.ticks.schema import Condition, Kind, Present

BOOK = np.dtype(
    [
        ("bid", "i8"),  # price steps
        ("ask", "i8"),
        ("bid_lots", "i8"),
        ("ask_lots", "i8"),
        ("noise", "f8"),  # half spreads
        ("unusual", "i8"),  # 1: not a usual quote (none yet, locked, one-sided, just resumed), to be set right at the next chance
        ("last", "i8"),  # its last ordinary trade of this block: the row, counted from 1; 0: none
    ]
)
"""A symbol's quotes on one venue."""
TAPE = np.dtype([("sign", "i8"), ("run", "i8")])
"""A symbol's current run of orders of one sign."""


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
UNIT = 1_000_000_000
"""One share."""


@array_kernel()
def lots(depth: float, draw: float) -> int:
    """Displayed lots: Pareto-like with the given scale, at least 1."""
    return 1 + int(0.6 * depth * ((1.0 - 0.999 * draw) ** -0.6 - 0.4))


@array_kernel()
def requote(book: Any, target: float, spread: float, depth: float, draw: Any) -> None:
    """Put both sides around `target`."""
    width = max(1, int(spread * (0.7 + 0.6 * draw[3]) + 0.5))
    bid = max(1, int(np.rint(target - 0.5 * width)))
    if bid != book.bid or book.bid_lots == 0:
        book.bid_lots = lots(depth, draw[4])
    if bid + width != book.ask or book.ask_lots == 0:
        book.ask_lots = lots(depth, draw[5])
    book.bid = bid
    book.ask = bid + width
    book.unusual = 0


@array_kernel()
def refresh(book: Any, away: float, spread: float, depth: float, draw: Any) -> None:
    """A small change: one side moves a step towards the usual spread, or only displayed lots change."""
    width = book.ask - book.bid
    if draw[6] < 0.3:
        # On a fine grid a step is nothing: a side moves by up to a quarter of the spread.
        step = 1 + int(0.25 * spread * draw[5])
        if width > step and width > spread:
            if away > 0.0:
                book.bid += step
                book.bid_lots = lots(depth, draw[4])
            else:
                book.ask -= step
                book.ask_lots = lots(depth, draw[4])
            return
        if width + step <= 1.3 * spread:
            if away > 0.0:
                book.ask += step
                book.ask_lots = lots(depth, draw[4])
                return
            if book.bid > step:
                book.bid -= step
                book.bid_lots = lots(depth, draw[4])
                return
    change = 1 + int(draw[4] * 0.5 * depth)
    if draw[7] < 0.5:
        book.bid_lots = book.bid_lots + change if draw[5] < 0.5 or book.bid_lots <= change else book.bid_lots - change
    else:
        book.ask_lots = book.ask_lots + change if draw[5] < 0.5 or book.ask_lots <= change else book.ask_lots - change


@array_kernel()
def write_quote(row: Any, book: Any, instrument: Any, stamped: int, missing: int) -> None:
    """The book as a quote message; `missing` 1: no bid, 2: no ask, 4: prices without sizes."""
    present = stamped
    if missing == 1:
        present |= _BID_SZ
    else:
        present |= _BID if missing != 4 else _BID_PX
        row.bid_px = book.bid * instrument.tick
        row.bid_sz = book.bid_lots * instrument.lot if missing != 4 else 0
    if missing == 2:
        present |= _ASK_SZ
    else:
        present |= _ASK if missing != 4 else _ASK_PX
        row.ask_px = book.ask * instrument.tick
        row.ask_sz = book.ask_lots * instrument.lot if missing != 4 else 0
    row.present = present


@array_kernel()
def _sign(tape: Any, lean: float, draw: Any) -> int:
    """Buy (1) or sell (−1): the symbol's current run, or towards the efficient price where that is far off.

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


@array_kernel()
def traded_lots(draw: float) -> int:
    """Lots of a trade: two in three are of one lot, and the tail is a power law of exponent 1.5.

    Gopikrishnan, Plerou, Gabaix, Stanley: "Statistical properties of share volume traded in financial markets", Physical Review
    E 62 (2000) R4493.
    """
    return int((1.0 - 0.999999 * draw) ** (-1.0 / 1.5))


@array_kernel()
def _write_odd_price(row: Any, book: Any, instrument: Any, habits: Any, draw: Any) -> None:
    """A print away from the market, or halfway between the quotes, with the condition that says so."""
    middle = 0.5 * (book.bid + book.ask)
    row.size = traded_lots(draw[9]) * instrument.lot
    if draw[1] >= habits.explained:
        # A midpoint print may lie half a step off the grid.
        row.price = (book.bid + book.ask) * instrument.tick // 2 // instrument.fine * instrument.fine
        row.conditions = _DERIVED
        return
    # Up to 2 % away, mostly little.
    share = draw[1] / habits.explained
    price = middle * (1.0 + 0.02 * draw[3] * draw[3] * (1.0 if draw[8] < 0.5 else -1.0))
    row.conditions = EXPLAINING[min(int(share * len(EXPLAINING)), len(EXPLAINING) - 1)]
    # Averages have more decimals than the grid.
    step = instrument.fine if row.conditions == _AVERAGE else instrument.tick
    row.price = max(1, int(np.rint(price * instrument.tick / step))) * step


@array_kernel()
def write_trade(row: Any, book: Any, tape: Any, about: Any, draw: Any) -> int:
    """Write one trade into `row` and take it from the book. 0: an odd print, 1: the book stands, 2: the book changed."""
    away, instrument, habits, stamped = about
    sign = _sign(tape, away / (0.5 * (book.ask - book.bid) + 0.5), draw)
    row.kind = _KIND_TRADE
    row.present = stamped | _PRINT
    if draw[1] < habits.explained + habits.midpoint:
        # Such a print takes nothing from the book.
        _write_odd_price(row, book, instrument, habits, draw)
        return 0
    price = book.ask if sign > 0 else book.bid
    width = book.ask - book.bid
    shown = book.ask_lots if sign > 0 else book.bid_lots
    if width > 1 and draw[8] < habits.inside:
        price = book.bid + 1 + int(draw[3] * (width - 1))
    row.price = price * instrument.tick
    if draw[9] < instrument.odd:
        row.size = (1 + int(draw[9] / instrument.odd * draw[2] * (instrument.lot // UNIT - 1))) * UNIT
        row.conditions = _ODD_LOT
        return 1
    # More than the book shows comes from orders that hide.
    taken = traded_lots(draw[2])
    row.size = taken * instrument.lot
    if draw[1] > 1.0 - habits.sweep:
        row.conditions = _SWEEP
    left = shown - taken
    if left > 0 and sign > 0:
        book.ask_lots = left
    elif left > 0:
        book.bid_lots = left
    elif sign > 0:
        # The level is gone: the next one is a step away.
        book.ask += 1
        book.ask_lots = lots(2.0, draw[3])
    elif book.bid > 1:
        book.bid -= 1
        book.bid_lots = lots(2.0, draw[3])
    else:
        book.bid_lots = 1
    return 2

"""Letters of the US consolidated tapes: sale conditions as canonical bits, corrections as kinds.

Sources: Daily TAQ Client Specification (NYSE), CTS and UTP participant specifications, sale condition tables.
"""

from __future__ import annotations

from tickproof.ticks.schema import Condition, Kind

SALE_CONDITIONS: dict[str, Condition] = {
    "B": Condition.AVERAGE_PRICE,
    "C": Condition.CONTINGENT,
    "F": Condition.INTERMARKET_SWEEP,
    "G": Condition.SOLD_LATE,
    "H": Condition.CONTINGENT,
    "I": Condition.ODD_LOT,
    "L": Condition.SOLD_LATE,
    "M": Condition.OFFICIAL_PRICE,
    "N": Condition.CONTINGENT,
    "O": Condition.AUCTION_OPEN,
    "P": Condition.PRIOR_REFERENCE_PRICE,
    "Q": Condition.OFFICIAL_PRICE,
    "R": Condition.CONTINGENT,
    "T": Condition.EXTENDED_HOURS,
    "U": Condition.EXTENDED_HOURS | Condition.OUT_OF_SEQUENCE,
    "V": Condition.CONTINGENT,
    "W": Condition.AVERAGE_PRICE,
    "Z": Condition.OUT_OF_SEQUENCE,
    "4": Condition.DERIVATIVELY_PRICED,
    "5": Condition.AUCTION_OPEN,
    "6": Condition.AUCTION_CLOSE,
    "7": Condition.CONTINGENT,
    "9": Condition.OFFICIAL_PRICE,
}
"""Letter -> canonical bits; a trade has up to four letters. B average price (on the UTP tape B is bunched and W the average
price), C cash, F intermarket sweep, G bunched and sold late, H price variation, I odd lot, L sold late, M official close, N next
day, O opening, P prior reference price, Q official open, R seller, T extended hours, U extended hours out of sequence, V and 7
contingent, Z out of sequence, 4 derivatively priced, 5 reopening, 6 closing, 9 corrected consolidated close. No canonical bit:
@ regular, A acquisition, D distribution, E automatic execution, K rule 127 or 155, S split, X cross, Y yellow flag, 1 stopped,
8 and any other: they say how a trade came about, not that its price is another one."""

CORRECTIONS: dict[int, tuple[Kind, bool]] = {
    0: (Kind.TRADE, False),
    1: (Kind.TRADE, False),
    7: (Kind.TRADE, True),
    8: (Kind.TRADE, True),
    10: (Kind.TRADE_CANCEL, False),
    11: (Kind.TRADE_CANCEL, False),
    12: (Kind.TRADE_CORRECTION, False),
}
"""Correction indicator -> kind, and whether the source itself says that the price is wrong. 0 regular; 1 first report of a trade
that was corrected later, with the corrected data; 7 and 8 first report of one that was later marked as wrong or cancelled; 10 the
cancel that follows an 8, 11 the one that follows a 7, 12 the correction that follows a 1."""


def conditions(letters: str) -> int:
    """Return the canonical bits of a trade's sale condition letters."""
    bits = 0
    for letter in letters:
        bits |= int(SALE_CONDITIONS.get(letter, 0))
    return bits

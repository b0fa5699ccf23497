"""LEAN's codes: exchange letters as MICs, sale conditions as canonical bits."""

from __future__ import annotations

from string import ascii_uppercase

from tickproof.ticks.schema import Condition

EXCHANGES: dict[str, str] = {
    "A": "XASE",
    "B": "XBOS",
    "C": "XCIS",
    "D": "FINR",
    "I": "XISE",
    "J": "EDGA",
    "K": "EDGX",
    "M": "XCHI",
    "N": "XNYS",
    "P": "ARCX",
    "Q": "XNAS",
    "T": "XNAS",
    "V": "IEXG",
    "W": "CBSX",
    "X": "XPSX",
    "Y": "BATY",
    "Z": "BATS",
}
"""Participant letter of the US consolidated tapes (CTA and UTP plans, and LEAN's files) -> MIC (ISO 10383), as of 2013. D stands
for all of FINRA's trade reporting facilities. Q and T are Nasdaq on the two tapes. Another letter x is the venue `US.x`."""

SALE_CONDITIONS: dict[int, Condition] = {
    1: Condition.CONTINGENT,  # cash: settles today
    2: Condition.CONTINGENT,  # next day: settles tomorrow
    3: Condition.CONTINGENT,  # seller: settles when the seller says
    5: Condition.INTERMARKET_SWEEP,
    6: Condition.AUCTION_OPEN,
    7: Condition.AUCTION_CLOSE,
    8: Condition.AUCTION_OPEN,  # reopening auction
    9: Condition.DERIVATIVELY_PRICED,
    10: Condition.EXTENDED_HOURS,  # form T
    11: Condition.SOLD_LATE,
    13: Condition.EXTENDED_HOURS,
    14: Condition.OUT_OF_SEQUENCE,
    18: Condition.CONTINGENT,  # the stock leg of a trade with options
    20: Condition.AVERAGE_PRICE,
    22: Condition.CONTINGENT,  # price variation: agreed away from the market
    24: Condition.OFFICIAL_PRICE,  # official close
    25: Condition.PRIOR_REFERENCE_PRICE,
    26: Condition.OFFICIAL_PRICE,  # official open
    31: Condition.ODD_LOT,
}
"""Bit of LEAN's sale condition -> canonical bit. Source of the numbering: the README of the shared recordings, after LEAN's
`TradeConditionFlags`. Terms of settlement and price variations become `CONTINGENT`: their price is agreed on other terms than
the market's, and the tapes do not let them update the last price either. No canonical bit: 0 regular, 4 yellow flag, 12 stopped,
15 split, 16 acquisition, 17 bunched, 19 distribution, 21 cross, 23 rule 155, 27 cap election, 28 automatic execution, 29 trade-
through exempt: they say how a trade came about, not that its price is another one. The condition of equity *quotes* has a
numbering of its own and is not mapped."""


CALENDAR = "XNYS"
"""All US stock exchanges have the hours and holidays of the New York Stock Exchange."""
SESSIONS: dict[str, str] = dict.fromkeys(
    ("US", *EXCHANGES.values(), *(f"US.{letter}" for letter in ascii_uppercase if letter not in EXCHANGES)), CALENDAR
)
"""Venue of a US stock -> its calendar."""


def exchange(letter: str) -> str:
    """Return the venue of an exchange letter."""
    return EXCHANGES.get(letter, f"US.{letter}" if letter else "US")


def conditions(bits: int) -> int:
    """Return the canonical bits of a LEAN sale condition."""
    return sum({int(condition) for bit, condition in SALE_CONDITIONS.items() if bits >> bit & 1})

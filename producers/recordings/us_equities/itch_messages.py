"""Messages of NASDAQ TotalView-ITCH 5.0 that matter to ticks: their layouts and codes.

Source: NASDAQ TotalView-ITCH 5.0 specification. Big-endian; prices are in 1/10 000 of a dollar, times are ns since midnight in
New York. Every message begins with its type, the stock's locate code, a tracking number and its time.
"""

from __future__ import annotations

import struct

from tickproof.ticks.schema import Condition

_LENGTHS = {"S": 12, "R": 39, "H": 25, "Y": 20, "L": 26, "V": 35, "W": 12, "K": 28, "J": 35, "h": 21, "A": 36, "F": 40, "E": 31}
_LENGTHS |= {"C": 36, "X": 23, "D": 19, "U": 35, "P": 44, "Q": 40, "B": 19, "I": 50, "N": 20, "O": 48}
LENGTHS: dict[int, int] = {ord(type_): length for type_, length in _LENGTHS.items()}
"""Type -> bytes of the message, its type included."""
NAMES: dict[str, str] = {
    "S": "system event",
    "Y": "short sale price test",
    "L": "market participant position",
    "V": "levels of the market-wide circuit breaker",
    "W": "market-wide circuit breaker",
    "K": "quoting period of an offering",
    "J": "collar of an auction",
    "h": "operational halt",
    "I": "imbalance of an auction",
    "N": "retail price improvement",
    "O": "direct listing",
    "R": "stock directory",
}
"""Type -> what it is, of the messages that give no tick."""
LOCATE_AND_TIME = struct.Struct(">xH2xHI")
"""Locate code, and the upper and lower part of the time."""
DIRECTORY = struct.Struct(">11x8s")
ACTION = struct.Struct(">11x8sc")
ADD = struct.Struct(">11xQcI8sI")
EXECUTED = struct.Struct(">11xQIQ")
EXECUTED_AT = struct.Struct(">11xQIQcI")
CANCEL = struct.Struct(">11xQI")
DELETE = struct.Struct(">11xQ")
REPLACE = struct.Struct(">11xQQII")
TRADE = struct.Struct(">11xQcI8sIQ")
CROSS = struct.Struct(">11xQ8sIQc")
BROKEN = struct.Struct(">11xQ")
PRICE_UNITS = 10**5
"""Units of 1e-9 in 1/10 000."""
CROSSES: dict[bytes, Condition] = {
    b"O": Condition.AUCTION_OPEN,
    b"C": Condition.AUCTION_CLOSE,
    b"H": Condition.AUCTION_OPEN,
}
"""Type of a cross -> canonical bit: opening, closing, reopening after a halt or an offering."""
ACTIONS: dict[bytes, Condition] = {
    b"H": Condition.HALTED,
    b"P": Condition.HALTED,
    b"Q": Condition.HALTED,
    b"T": Condition.RESUMED,
}
"""Trading state -> canonical bit: halted, paused, quotation only, trading."""

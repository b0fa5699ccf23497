"""Messages of IEX TOPS 1.6 as rows of ticks, all of one type in a batch at a time.

Source: IEX TOPS Specification, version 1.6 (message layouts, sale condition and quote flags, trading and operational status).
Little-endian; prices are in 1/10 000 of a dollar.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tickproof.ticks.schema import ROW, UNITS_PER_ONE, Array, Condition, Kind, Present

PRICE_UNITS = UNITS_PER_ONE // 10_000
_HEAD = [("type", "S1"), ("mark", "u1"), ("time", "<i8")]
_OF_SYMBOL = [*_HEAD, ("symbol", "S8")]
_TRADE = [*_OF_SYMBOL, ("size", "<u4"), ("price", "<i8"), ("trade_id", "<i8")]
LAYOUTS: dict[bytes, np.dtype[Any]] = {
    b"Q": np.dtype([*_OF_SYMBOL, ("bid_sz", "<u4"), ("bid_px", "<i8"), ("ask_px", "<i8"), ("ask_sz", "<u4")]),
    b"T": np.dtype(_TRADE),
    b"B": np.dtype(_TRADE),
    b"H": np.dtype([*_OF_SYMBOL, ("reason", "S4")]),
    b"O": np.dtype(_OF_SYMBOL),
    b"P": np.dtype([*_OF_SYMBOL, ("detail", "S1")]),
    b"D": np.dtype([*_OF_SYMBOL, ("lot", "<u4"), ("closing", "<i8"), ("tier", "u1")]),
    b"X": np.dtype([*_OF_SYMBOL, ("price", "<i8")]),
    b"I": np.dtype(_OF_SYMBOL),
    b"A": np.dtype([*_OF_SYMBOL, ("rest", "S62")]),
    b"S": np.dtype(_HEAD),
}
"""Message type -> its layout. Quote update, trade report, trade break, trading status, operational halt, short sale price test,
security directory, official price, retail liquidity indicator, auction information, system event."""

SALE_CONDITIONS: dict[int, Condition] = {
    0x80: Condition.INTERMARKET_SWEEP,
    0x40: Condition.EXTENDED_HOURS,
    0x20: Condition.ODD_LOT,
}
"""Bit of the sale condition flags -> canonical bit. No canonical bit: 0x10 trade-through exempt, 0x08 single-price cross (the
message does not say which)."""
STATUSES: dict[bytes, dict[bytes, Condition]] = {
    b"H": {
        b"H": Condition.HALTED,
        b"P": Condition.HALTED,
        b"O": Condition.HALTED,
        b"T": Condition.RESUMED,
    },
    b"O": {b"O": Condition.HALTED},
}
"""Type -> status -> canonical bit. H: halted, paused, order acceptance period before a reopening, trading. O: operational halt of
the venue itself; its end (N) does not say that the security trades."""
_CONDITIONS = np.array(
    [sum({int(condition) for bit, condition in SALE_CONDITIONS.items() if byte & bit}) for byte in range(256)], np.uint32
)
_KINDS = {b"Q": Kind.QUOTE, b"T": Kind.TRADE, b"B": Kind.TRADE_CANCEL, b"S": Kind.SESSION}


def rows_of(type_: bytes, messages: Array) -> Array:
    """Return rows of messages of one type: everything but the capture time, the number, and names."""
    rows = np.zeros(len(messages), ROW)
    rows["kind"] = _KINDS.get(type_, Kind.STATUS)
    rows["ts_event"] = messages["time"]
    present = Present.TS_EVENT
    if type_ == b"Q":
        for side in ("bid", "ask"):
            price, size = messages[f"{side}_px"], messages[f"{side}_sz"].astype(np.int64)
            there = (price != 0) | (size != 0)
            rows[f"{side}_px"] = price * PRICE_UNITS
            rows[f"{side}_sz"] = size * UNITS_PER_ONE
            rows["present"] |= np.where(there, np.uint16(Present[f"{side}_px".upper()]), np.uint16(0))
            present |= Present[f"{side}_sz".upper()]
    elif type_ in (b"T", b"B"):
        rows["price"] = messages["price"] * PRICE_UNITS
        rows["size"] = messages["size"].astype(np.int64) * UNITS_PER_ONE
        rows["trade_id"] = messages["trade_id"]
        rows["conditions"] = _CONDITIONS[messages["mark"]]
        present |= Present.PRICE | Present.SIZE | Present.TRADE_ID
    for status, condition in STATUSES.get(type_, {}).items():
        rows["conditions"][messages["mark"] == status[0]] = condition
    rows["present"] |= np.uint16(present)
    return rows

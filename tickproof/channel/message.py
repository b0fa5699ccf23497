"""One message as the checks of a channel take it, and hashes of what it says.

Names are compared by hashes: two batches number their names differently, and what a channel remembers outlives a batch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.kernel import kernel
from tickproof.ticks.records import Record
from tickproof.ticks.schema import Kind, Present

Hashes = npt.NDArray[np.uint64]
_TRADE_ID = int(Present.TRADE_ID)
_ID_BITS = np.uint64(0x1FFFF)
"""The bits of a content hash that depend on a trade's id alone, with the lowest, which is always set."""
LAST_TICK_KIND = int(Kind.TRADE_CORRECTION)
"""Kinds up to this one are ticks of a symbol; those above say something about the channel."""


class Message(NamedTuple):
    """One message of a step.

    Attributes
    ----------
    row : record of ROW
    row_index : int
        Its place in the step's ticks.
    now : int
        The channel's event time with it, ns.
    symbol : uint64
        Hash of its symbol's name.
    """

    row: Record
    row_index: int
    now: int
    symbol: np.uint64


@kernel()
def mix(h: np.uint64, value: int) -> np.uint64:
    """Return a hash after one round of SplitMix64 (Steele, Lea and Flood, 2014)."""
    h = (h ^ np.uint64(value)) + np.uint64(0x9E3779B97F4A7C15)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@kernel()
def content_hash(row: Record, name_hashes: Hashes) -> np.uint64:
    """Return the hash of everything that two copies of one message share; never 0. Its low bits are the trade id's."""
    h = mix(np.uint64(row.kind), row.present)
    h = mix(h, row.ts_event)
    h = mix(h, row.bid_px)
    h = mix(h, row.bid_sz)
    h = mix(h, row.ask_px)
    h = mix(h, row.ask_sz)
    h = mix(h, row.price)
    h = mix(h, row.size)
    h = mix(h, row.trade_id)
    h = mix(h, row.conditions)
    h = mix(h, name_hashes[row.venue])
    h = mix(h, name_hashes[row.symbol])
    return (h & ~_ID_BITS) | (_id_hash(row) << np.uint64(1)) | np.uint64(1)


@kernel()
def _id_hash(row: Record) -> np.uint64:
    """Return 16 bits of a trade's id, 0 where it has none."""
    if (row.present & _TRADE_ID) == 0:
        return np.uint64(0)
    return (mix(np.uint64(0), row.trade_id) >> np.uint64(48)) | np.uint64(1)


@kernel()
def has_other_id(content: np.uint64, other: np.uint64) -> bool:
    """Return whether two messages, by their content hashes, have trade ids that differ."""
    one, two = content & _ID_BITS, other & _ID_BITS
    return bool(one > np.uint64(1) and two > np.uint64(1) and one != two)


@kernel()
def trade_key(row: Record, name_hashes: Hashes) -> np.uint64:
    """Return the hash of a trade's venue, symbol and id: two venues of one channel may use the same id."""
    return mix(mix(name_hashes[row.venue], name_hashes[row.symbol]), row.trade_id)


@kernel()
def price_key(row: Record, name_hashes: Hashes) -> np.uint64:
    """Return the hash of a quote's venue, symbol and prices; its lowest byte depends on venue and symbol alone."""
    instrument = name_hashes[row.venue] ^ (name_hashes[row.symbol] * np.uint64(3))
    prices = mix(mix(instrument, row.bid_px), row.ask_px)
    return (prices & ~np.uint64(255)) | (instrument & np.uint64(255))

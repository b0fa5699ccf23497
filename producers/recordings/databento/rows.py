"""Records of DBN files as rows of ticks: all records of one type in a block at a time, by columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from producers.recordings.databento.codes import ORDERS, QUOTED, SAMPLED, STATUS, STATUSES, TRADES
from producers.recordings.reading.tally import Tally
from producers.streams.word_copy import gathered, joined
from tickproof.ticks.schema import ROW, UNITS_PER_ONE, Array, Flag, Kind, Present

if TYPE_CHECKING:
    from producers.recordings.databento.book import Books

UNDEFINED = np.iinfo(np.int64).max
NO_TIME = np.iinfo(np.uint64).max
_FLAGS = {32: Flag.SNAPSHOT, 8: Flag.BAD_TS_RECV, 4: Flag.MAYBE_BAD_BOOK}
_TRADE, _QUOTE = np.uint16(Present.PRICE | Present.SIZE), ("bid_px", "bid_sz", "ask_px", "ask_sz")
_TOPS = ("bid_px_00", "bid_sz_00", "ask_px_00", "ask_sz_00")
_FLAG_TABLE = np.array([sum({int(flag) for bit, flag in _FLAGS.items() if byte & bit}) for byte in range(256)], np.uint8)


def trades(records: Array) -> tuple[Array, Array]:
    """All records as trades: rows, and the record of each."""
    rows = _rows(records, Kind.TRADE)
    rows["price"], rows["size"] = records["price"], records["size"].astype(np.int64) * UNITS_PER_ONE
    rows["present"] |= _TRADE
    priceless = rows["price"] == UNDEFINED
    rows["price"][priceless] = 0
    rows["present"][priceless] &= ~np.uint16(Present.PRICE)
    return rows, np.arange(len(records))


def quotes(records: Array) -> Array:
    """All records as quotes of their first level."""
    rows = _rows(records, Kind.QUOTE)
    _fill_quote(rows, [records[name].astype(np.int64) for name in _TOPS])
    return rows


def of_type(
    rtype: int, records: Array, before_trade: bool, books: tuple[Books, Array] | None, tally: Tally
) -> tuple[Array, Array]:
    """Rows of all records of one type, and the record of each, in the order in which they follow each other.

    Parameters
    ----------
    rtype : int
        One of `dbn_codes.DECODED`.
    records : array, shape (n,)
        Of that type's layout.
    before_trade : bool
        Each record is a trade with the quote that stood before it (the schemas tbbo and tcbbo).
    books : (Books, array of int32), optional
        For market by order: the books, and that of each record.
    tally : Tally
        Gets what has no tick.
    """
    if rtype == TRADES:
        return trades(records)
    if rtype == STATUS:
        rows = _rows(records, Kind.STATUS)
        for action, condition in STATUSES.items():
            rows["conditions"][records["action"] == action] = condition
        return rows, np.arange(len(records))
    every = np.arange(len(records))
    is_trade = records["action"] == b"T" if "action" in (records.dtype.names or ()) else np.zeros(len(records), bool)
    traded, _ = trades(records[is_trade])
    if rtype == ORDERS:
        assert books is not None
        at, tops, unknown = books[0].step(records, books[1])
        quoted = _rows(records[at], Kind.QUOTE)
        _fill_quote(quoted, list(tops.T))
        silent = len(records) - len(np.union1d(at, every[is_trade]))
        tally.without_ticks["mbo below the top of the book"] += silent
        if unknown:
            tally.notes["mbo about an order that was not added"] += unknown
        return _after_each_other((traded, every[is_trade]), (quoted, at))
    with_quote = every if before_trade or rtype not in QUOTED else every[~is_trade]
    return _after_each_other((quotes(records[with_quote]), with_quote), (traded, every[is_trade]))


def _after_each_other(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[Array, Array]:
    """Rows of both by record; of one record the first one's row comes first."""
    at = np.concatenate([first[1], second[1]])
    order = np.argsort(at, kind="stable")
    return gathered(joined([first[0], second[0]]), order), at[order]


def _rows(records: Array, kind: Kind) -> Array:
    """What all types have: times, flags, number."""
    names = records.dtype.names or ()
    rows = np.zeros(len(records), ROW)
    rows["kind"] = kind
    rows["ts_recv"] = records["ts_recv"].view(np.int64)
    if "flags" in names:
        rows["flags"] = _FLAG_TABLE[records["flags"]]
    # What stands in a snapshot happened long before: its venue time says nothing of how late this message is, its number nothing
    # of the channel's counter. A sampled quote's venue time is that of its last change.
    fresh = (rows["flags"] & Flag.SNAPSHOT) == 0
    stamped = fresh & (records["ts_event"] != NO_TIME) & ~np.isin(records["rtype"], list(SAMPLED))
    rows["ts_event"] = np.where(stamped, records["ts_event"], 0)
    rows["present"] = np.where(stamped, np.uint16(Present.TS_EVENT), np.uint16(0))
    if "sequence" in names:
        counted = fresh & (records["sequence"] > 0)
        rows["sequence"] = np.where(counted, records["sequence"], 0)
        rows["present"] |= np.where(counted, np.uint16(Present.SEQUENCE), np.uint16(0))
    return rows


def _fill_quote(rows: Array, tops: list[Array]) -> None:
    bid, bid_size, ask, ask_size = tops
    for price, size, values, amounts in (("bid_px", "bid_sz", bid, bid_size), ("ask_px", "ask_sz", ask, ask_size)):
        there = values != UNDEFINED
        rows[price] = np.where(there, values, 0)
        rows[size] = np.where(there, amounts, 0) * UNITS_PER_ONE
        rows["present"] |= np.where(there, np.uint16(Present[price.upper()]), np.uint16(0)) | np.uint16(Present[size.upper()])

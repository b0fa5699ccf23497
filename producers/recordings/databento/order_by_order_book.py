"""Order-by-order books, compiled: market-by-order records in, the top of the book out where an event ends that changed it.

Orders lie in one open-addressing table, keyed by book and order id. Each side of a book is an array of price levels with the
best at its end: most changes are near the top, and move little. The bids of book k are line 2 k, its asks line 2 k + 1.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Any, NamedTuple

import numba as nb
import numpy as np
from numba.typed import List

from tickproof.kernel import array_kernel, kernel
from tickproof.ticks.records import Record, Records
from tickproof.ticks.schema import Array

ORDER = np.dtype([("id", "<u8"), ("price", "<i8"), ("size", "<i8"), ("book", "<i4"), ("side", "<i4"), ("state", "<i8")])


class Slot(IntEnum):
    """What a place of the table of orders holds."""

    FREE = 0
    USED = 1
    GONE = 2


class Side(IntEnum):
    """The side of a record or an order; NEITHER means both where a book is cleared."""

    NEITHER = -1
    BID = 0
    ASK = 1


class Mark(IntFlag):
    """Flags of a record that matter here."""

    SNAPSHOT = 32
    TOP_OF_BOOK = 64
    LAST = 128


_FREE, _USED, _GONE = int(Slot.FREE), int(Slot.USED), int(Slot.GONE)
_NEITHER, _BID, _ASK = int(Side.NEITHER), int(Side.BID), int(Side.ASK)
_SNAPSHOT, _TOP_OF_BOOK, _LAST = int(Mark.SNAPSHOT), int(Mark.TOP_OF_BOOK), int(Mark.LAST)
_ADD, _CANCEL, _MODIFY, _CLEAR = ord("A"), ord("C"), ord("M"), ord("R")
_BID_LETTER, _ASK_LETTER = ord("B"), ord("A")
UNDEFINED = np.iinfo(np.int64).max
"""The price of no price."""
_LEVELS = 64
_NO_RECORD = -1


class OrderColumns(NamedTuple):
    """The fields of records, an array each, and the book of each record."""

    ids: Array
    prices: Array
    sizes: Array
    flags: Array
    actions: Array
    sides: Array
    books: Array


class State(NamedTuple):
    """The state of all books.

    Attributes
    ----------
    orders : array of ORDER
    used : int64 array, shape (2,)
        How many places are USED, and how many GONE.
    levels : typed list of int64 arrays, shape (room, 2)
        By line, price and size of each level, the best at the end.
    counts : int64 array
        How many levels each line has.
    tops : int64 array, shape (books, 4)
        Bid, its size, ask and its size as last written.
    partial : bool array, shape (books,)
        A snapshot is being read.
    last : int64 array, shape (books,)
        Its last record in this block so far, or `_NO_RECORD`.
    """

    orders: Records
    used: Array
    levels: Any
    counts: Array
    tops: Array
    partial: Array
    last: Array


class OrderBooks:
    """All books of a recording; memory grows with the books, not with the length of the recording."""

    __slots__ = ("counts", "levels", "orders", "partial", "tops", "used")

    def __init__(self) -> None:
        self.orders: Array = np.zeros(1 << 12, ORDER)
        self.used: Array = np.zeros(2, np.int64)
        self.levels = List.empty_list(nb.int64[:, ::1])
        self.counts = np.zeros(0, np.int64)
        self.tops = np.zeros((0, 4), np.int64)
        self.partial = np.zeros(0, np.bool_)

    def step(self, records: Array, books: Array) -> tuple[Array, Array, int]:
        """Apply records in their order.

        Parameters
        ----------
        records : array of MBOMsg, shape (n,)
        books : array of int32, shape (n,)
            The number of each one's book, from 0 without holes.

        Returns
        -------
        rows : array of int64
            The records that ended an event and left another top of book.
        tops : array of int64, shape (len(rows), 4)
            Bid, its size, ask, its size as they are then; price UNDEFINED where a side is empty.
        unknown : int
            Records about orders that nobody has added.
        """
        number = int(books.max(initial=-1)) + 1
        while len(self.levels) < 2 * number:
            self.levels.append(np.zeros((_LEVELS, 2), np.int64))
        if 2 * number > len(self.counts):
            self.counts = np.append(self.counts, np.zeros(2 * number - len(self.counts), np.int64))
            fresh = np.tile([UNDEFINED, 0, UNDEFINED, 0], (number - len(self.tops), 1))
            self.tops = np.concatenate([self.tops, fresh])
            self.partial = np.append(self.partial, np.zeros(number - len(self.partial), np.bool_))
        # Half empty at the end, whatever the records are; places of orders that are gone count until they are cleared away.
        size = len(self.orders)
        if 2 * (int(self.used.sum()) + len(records)) > size:
            while size < 4 * (int(self.used[0]) + len(records)):
                size = 2 * size
            self.orders = _rehashed(self.orders, size)
            self.used[1] = 0
        changed, tops = np.zeros(len(records), np.bool_), np.zeros((len(records), 4), np.int64)
        marks = records["action"].view(np.uint8), records["side"].view(np.uint8)
        actions, sides = (np.ascontiguousarray(mark.reshape(len(records), -1)[:, 0]) for mark in marks)
        columns = OrderColumns(
            ids=np.ascontiguousarray(records["order_id"]),
            prices=np.ascontiguousarray(records["price"]),
            sizes=np.ascontiguousarray(records["size"]),
            flags=np.ascontiguousarray(records["flags"]),
            actions=actions,
            sides=sides,
            books=books.astype(np.int32),
        )
        last = np.full(number, _NO_RECORD, np.int64)
        state = State(self.orders, self.used, self.levels, self.counts, self.tops, self.partial, last)
        unknown = _apply(columns, state, changed, tops)
        rows = np.flatnonzero(changed)
        return rows, tops[rows], int(unknown)


@kernel()
def _place(orders: Records, book: int, order_id: int) -> int:
    """Return the place of an order, or else where it may be put."""
    mask = len(orders) - 1
    at = np.int64((order_id * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)) & mask
    free = np.int64(-1)
    while orders[at].state != _FREE:
        if orders[at].state == _GONE:
            free = at if free < 0 else free
        elif orders[at].id == order_id and orders[at].book == book:
            return int(at)
        at = np.int64((at + 1) & mask)
    return int(at if free < 0 else free)


@array_kernel()
def _rehashed(orders: Records, size: int) -> Records:
    """Return the orders that are there in a new table."""
    fresh = np.zeros(size, orders.dtype)
    for order in orders:
        if order.state == _USED:
            fresh[_place(fresh, order.book, order.id)] = order
    return fresh


@array_kernel()
def _change(levels: Any, counts: Array, line: int, price: int, size: int) -> None:
    """Add a size, which may be negative, to a price of a line; a level without size is removed."""
    side, count = levels[line], counts[line]
    # The best at the end: bids rise, asks fall.
    sign = 1 if line % 2 == _BID else -1
    at = count
    while at > 0 and sign * side[at - 1, 0] > sign * price:
        at -= 1
    if at > 0 and side[at - 1, 0] == price:
        side[at - 1, 1] += size
        if side[at - 1, 1] <= 0:
            for k in range(at, count):
                side[k - 1, 0], side[k - 1, 1] = side[k, 0], side[k, 1]
            counts[line] = count - 1
        return
    if size <= 0:
        return
    if count == len(side):
        larger = np.zeros((2 * count, 2), np.int64)
        larger[:count] = side
        levels[line] = larger
        side = larger
    for k in range(count, at, -1):
        side[k, 0], side[k, 1] = side[k - 1, 0], side[k - 1, 1]
    side[at, 0], side[at, 1] = price, size
    counts[line] = count + 1


@kernel()
def _forget(order: Record, used: Array) -> None:
    """Take an order off the table."""
    order.state = _GONE
    used[0] -= 1
    used[1] += 1


@kernel()
def _clear(orders: Records, used: Array, counts: Array, book: int, side: int) -> None:
    """Forget a book's orders of one side, or of both for NEITHER."""
    for at in range(len(orders)):
        if orders[at].state == _USED and orders[at].book == book and (side == _NEITHER or orders[at].side == side):
            _forget(orders[at], used)
    for line in range(2):
        if side in (_NEITHER, line):
            counts[2 * book + line] = 0


@array_kernel()
def _write_top(book: int, state: State, top: Array) -> bool:
    """Write the top of a book, and remember it; return whether it differs from the last one."""
    same = True
    for line in range(2):
        count = state.counts[2 * book + line]
        top[2 * line] = state.levels[2 * book + line][count - 1, 0] if count > 0 else UNDEFINED
        top[2 * line + 1] = state.levels[2 * book + line][count - 1, 1] if count > 0 else 0
    for k in range(4):
        same = same and top[k] == state.tops[book, k]
        state.tops[book, k] = top[k]
    return not same


@kernel()
def _side_of(letter: int) -> int:
    """Return the `Side` of a record's letter."""
    return _BID if letter == _BID_LETTER else (_ASK if letter == _ASK_LETTER else _NEITHER)


@array_kernel()
def _cancel(order: Record, size: int, state: State) -> None:
    """Take a size off an order and its level; an order without size is removed."""
    gone = min(np.int64(size), order.size)
    _change(state.levels, state.counts, 2 * order.book + order.side, order.price, -gone)
    order.size -= gone
    if order.size <= 0:
        _forget(order, state.used)


@array_kernel()
def _put(order: Record, columns: OrderColumns, i: int, side: int, state: State) -> None:
    """Put a record's order into its place of the table and its size into its level, in place of what the order had."""
    if order.state == _USED:
        _change(state.levels, state.counts, 2 * order.book + order.side, order.price, -order.size)
    else:
        if order.state == _GONE:
            state.used[1] -= 1
        state.used[0] += 1
    book, price, size = columns.books[i], columns.prices[i], int(columns.sizes[i])
    order.id, order.book, order.side, order.state = columns.ids[i], book, side, _USED
    order.price, order.size = price, size
    _change(state.levels, state.counts, 2 * book + side, price, size)


@array_kernel()
def _apply(columns: OrderColumns, state: State, changed: Array, tops: Array) -> int:
    """Apply records in order, and write the tops that changed; return how many concerned an order that nobody has added."""
    unknown = 0
    for i in range(len(columns.ids)):
        book, action, flags = columns.books[i], columns.actions[i], columns.flags[i]
        if state.partial[book] and (flags & _SNAPSHOT) == 0:
            # Not every snapshot ends with the flag LAST: it ends where something else follows.
            state.partial[book] = False
            end = state.last[book]
            if end != _NO_RECORD:
                changed[end] = _write_top(book, state, tops[end])
        side = _side_of(columns.sides[i])
        if action == _CLEAR:
            _clear(state.orders, state.used, state.counts, book, _NEITHER)
        elif action in (_ADD, _CANCEL, _MODIFY):
            if (flags & _TOP_OF_BOOK) != 0 and side != _NEITHER:
                # A venue that publishes its top only: this is the whole side now.
                _clear(state.orders, state.used, state.counts, book, side)
            order = state.orders[_place(state.orders, book, columns.ids[i])]
            is_known = order.state == _USED
            if action != _ADD and not is_known:
                unknown += 1
            if action == _CANCEL:
                if is_known:
                    _cancel(order, columns.sizes[i], state)
            elif side != _NEITHER and columns.prices[i] != UNDEFINED:
                _put(order, columns, i, side, state)
        if (flags & _SNAPSHOT) != 0:
            state.partial[book] = True
            state.last[book] = i
        if (flags & _LAST) != 0:
            state.partial[book] = False
            changed[i] = _write_top(book, state, tops[i])
    return unknown

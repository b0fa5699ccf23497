"""Books by order, compiled: market-by-order records in, the top of the book out wherever an event ended and changed it.

Orders lie in one open-addressing table, keyed by book and order id. Each side of a book is an array of price levels with the
best at its end: most changes are near the top, and move little.
"""

from __future__ import annotations

import numba as nb
import numpy as np
from numba.typed import List

from tickproof.kernel import array_kernel
from tickproof.ticks.schema import Array

ORDER = np.dtype([("id", "<u8"), ("price", "<i8"), ("size", "<i8"), ("book", "<i4"), ("side", "<i4"), ("state", "<i8")])
_FREE, _USED, _GONE = 0, 1, 2
_LAST, _TOB, _SNAPSHOT = 128, 64, 32
_ADD, _CANCEL, _MODIFY, _CLEAR = ord("A"), ord("C"), ord("M"), ord("R")
_BID, _ASK = ord("B"), ord("A")
UNDEFINED = np.iinfo(np.int64).max
"""A price that is none."""
_LEVELS = 64


class Books:
    """The state of all books of a recording; grows with the books, and not with the length of the recording."""

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
            The book of each, from 0 without holes.

        Returns
        -------
        rows : array of int64
            The records at which a top of book changed with the end of an event.
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
        plain = tuple(np.ascontiguousarray(records[name]) for name in ("order_id", "price", "size", "flags"))
        marks = records["action"].view(np.uint8), records["side"].view(np.uint8)
        actions, sides = (np.ascontiguousarray(mark.reshape(len(records), -1)[:, 0]) for mark in marks)
        unknown = _walk(
            (*plain, actions, sides, books.astype(np.int32)),
            (self.orders, self.used, self.levels, self.counts, self.tops, self.partial, np.full(number, -1, np.int64)),
            (changed, tops),
        )
        rows = np.flatnonzero(changed)
        return rows, tops[rows], int(unknown)


@array_kernel()
def _place(orders, book, order_id):  # type: ignore[no-untyped-def]
    """Where an order is, or else where it may be put."""
    mask = len(orders) - 1
    at = np.int64((order_id * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)) & mask
    free = np.int64(-1)
    while orders[at].state != _FREE:
        if orders[at].state == _GONE:
            free = at if free < 0 else free
        elif orders[at].id == order_id and orders[at].book == book:
            return at
        at = np.int64((at + 1) & mask)
    return at if free < 0 else free


@array_kernel()
def _rehashed(orders, size):  # type: ignore[no-untyped-def]
    """The orders that are there in a new table."""
    fresh = np.zeros(size, orders.dtype)
    for order in orders:
        if order.state == _USED:
            fresh[_place(fresh, order.book, order.id)] = order
    return fresh


@array_kernel()
def _change(levels, counts, line, price, size):  # type: ignore[no-untyped-def]
    """Add a size, which may be negative, to a price of one side; a level of nothing goes."""
    side, count = levels[line], counts[line]
    # The best at the end: bids rise, asks fall.
    sign = 1 if line % 2 == 0 else -1
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


@array_kernel()
def _clear(state, book, side):  # type: ignore[no-untyped-def]
    """Forget a book's orders: of one side, or of both (−1)."""
    orders, used, counts = state[0], state[1], state[3]
    for at in range(len(orders)):
        if orders[at].state == _USED and orders[at].book == book and (side < 0 or orders[at].side == side):
            orders[at].state = _GONE
            used[0] -= 1
            used[1] += 1
    for line in range(2):
        if side < 0 or side == line:
            counts[2 * book + line] = 0


@array_kernel()
def _tell(book, state, top):  # type: ignore[no-untyped-def]
    """Write down the top of a book, and remember it; whether it is another one than before."""
    levels, counts, tops = state[2], state[3], state[4]
    same = True
    for line in range(2):
        count = counts[2 * book + line]
        top[2 * line] = levels[2 * book + line][count - 1, 0] if count > 0 else UNDEFINED
        top[2 * line + 1] = levels[2 * book + line][count - 1, 1] if count > 0 else 0
    for k in range(4):
        same = same and top[k] == tops[book, k]
        tops[book, k] = top[k]
    return not same


@array_kernel()
def _walk(columns, state, out):  # type: ignore[no-untyped-def]
    """Apply the records, and write down the tops that changed. Returns how many orders were not known."""
    ids, prices, sizes, flags, actions, sides, books = columns
    orders, used, levels, counts, _, partial, last = state
    changed, found = out
    unknown = 0
    for i in range(len(ids)):
        book, action = books[i], actions[i]
        if partial[book] and (flags[i] & _SNAPSHOT) == 0:
            # Not every snapshot ends with the flag LAST: it ends where something else follows.
            partial[book] = False
            if last[book] >= 0:
                changed[last[book]] = _tell(book, state, found[last[book]])
        side = 0 if sides[i] == _BID else (1 if sides[i] == _ASK else -1)
        if action == _CLEAR:
            _clear(state, book, -1)
        elif action in (_ADD, _CANCEL, _MODIFY):
            if (flags[i] & _TOB) != 0 and side >= 0:
                # A venue that tells its top only: this is the whole side now.
                _clear(state, book, side)
            at = _place(orders, book, ids[i])
            there = orders[at].state == _USED
            if action != _ADD and not there:
                unknown += 1
            if action == _CANCEL:
                if there:
                    order = orders[at]
                    gone = min(np.int64(sizes[i]), order.size)
                    _change(levels, counts, 2 * book + order.side, order.price, -gone)
                    order.size -= gone
                    if order.size <= 0:
                        order.state = _GONE
                        used[0] -= 1
                        used[1] += 1
            elif side >= 0 and prices[i] != UNDEFINED:
                order = orders[at]
                if there:
                    _change(levels, counts, 2 * book + order.side, order.price, -order.size)
                else:
                    if order.state == _GONE:
                        used[1] -= 1
                    used[0] += 1
                order.id, order.book, order.side, order.state = ids[i], book, side, _USED
                order.price, order.size = prices[i], np.int64(sizes[i])
                _change(levels, counts, 2 * book + side, prices[i], np.int64(sizes[i]))
        if (flags[i] & _SNAPSHOT) != 0:
            partial[book] = True
            last[book] = i
        if (flags[i] & _LAST) != 0:
            partial[book] = False
            changed[i] = _tell(book, state, found[i])
    return unknown

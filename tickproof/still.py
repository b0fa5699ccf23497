"""What stands still while it should not, compiled: a quote outside which trade after trade prints, messages without information.

Both are held against the instrument's own habit: on some feeds trades and quotes come by different lines, and one is always late.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from tickproof import rules
from tickproof.finding import BY_NAME
from tickproof.tick import Condition

TRADES_NEEDED = 50
OUTS_NEEDED, OUTS_NS = 5, 1_000_000_000
OUTS_EVIDENCE = 16.0
"""−ln of the chance that so many trades in a row print outside, by the share that usually do."""
OUT_SHARE_FLOOR = 0.02
OUTS_LEARNT = 10
"""Trades of one run that teach the share."""
QUOTE_AGE_NS = 60_000_000_000
HALF_SPREAD = 0.5

BURST_TICKS = 1_000
BURST_TIMES = 10.0
"""Times the busiest second so far, where a symbol has no other venue."""
BURST_MOVES = 0.02
LONE_TICKS, LONE_TIMES, LONE_MOVES = 100, 4.0, 0.2
"""Where it has: so many ticks, times the busiest second, and times the usual share that moves a price."""
LONE_OTHERS = 0.25
"""All other venues sent at most so many ticks for each of the burst's. In 26 recorded seconds of BAC and IBM with 4 to 16 times
the busiest second so far and no move, whose sizes flicker as the market trades, the others sent 0.9 times as many or more."""
LONE_HISTORY = 300
BURST_HISTORY = 2_000
"""Ticks before a second means anything."""
BUSIEST_HALF_LIFE_S = 600.0
SECOND_NS = 1_000_000_000

_STALE, _BURST = BY_NAME["stale_book"].bit, BY_NAME["burst"].bit
_SPECIAL = rules.EXPLAINING | rules.EXTENDED | int(Condition.AUCTION_OPEN | Condition.AUCTION_CLOSE)


@nb.njit(cache=True, nogil=True)
def new_sides(state, bid, ask):  # type: ignore[no-untyped-def]
    """Before an instrument's quote becomes (bid, ask)."""
    if bid != state.bid or ask != state.ask:
        state.outs = 0
        state.burst_moves += 1


@nb.njit(cache=True, nogil=True)
def check_trade(row, now, context, state):  # type: ignore[no-untyped-def]
    """Count trades outside a quote that stands still."""
    if not 0 < state.bid < state.ask or (row.conditions & _SPECIAL) != 0:
        return
    last = max(state.bid_time, state.ask_time)
    # Where a message carries one side, a side that is not the best any more may never be told of again.
    whole = state.bid_time == state.ask_time or state.merges
    if last >= now or now - last > QUOTE_AGE_NS or not whole:
        return
    side = 1 if row.price > state.ask else (2 if row.price < state.bid else 0)
    if side == 0:
        state.outs = 0
        state.out_share -= 0.01 * state.out_share
        return
    if state.outs == 0 or state.out_side != side:
        state.outs, state.out_side, state.outs_since = 0, side, now
    state.outs += 1
    if state.outs <= OUTS_LEARNT:
        state.out_share += 0.01 * (1.0 - state.out_share)
    if state.outs < OUTS_NEEDED or now - state.outs_since < OUTS_NS or state.trades < TRADES_NEEDED:
        return
    evidence = -float(state.outs) * math.log(max(state.out_share, OUT_SHARE_FLOOR))
    edge = state.ask if side == 1 else state.bid
    if evidence >= OUTS_EVIDENCE and abs(float(row.price - edge)) >= HALF_SPREAD * float(state.ask - state.bid):
        middle = 0.5 * (float(state.bid) + float(state.ask))
        rules.note(context, _STALE, 1, (float(row.price) * 1e-9, float(edge) * 1e-9, middle * 1e-9))


@nb.njit(cache=True, nogil=True)
def _is_alone(context, state, instruments, head):  # type: ignore[no-untyped-def]
    """Is one venue busier than ever without a move, while the symbol's others, of which there are some, are not excited?"""
    if state.ticks - state.burst_ticks < LONE_HISTORY:
        return False
    ticks = float(state.burst_ticks)
    if float(state.burst_moves) > LONE_MOVES * float(state.moved_share) * ticks:
        return False
    theirs, known, j = 0, 0, head
    while j >= 0:
        other = instruments[j]
        if j != context.instrument:
            known += other.ticks
            # Of the second before, too: who leads and who follows is not known.
            if other.burst_second >= state.burst_second - 1:
                theirs += other.burst_ticks
        j = other.next
    return known >= LONE_HISTORY and float(theirs) <= LONE_OTHERS * ticks


@nb.njit(cache=True, nogil=True)
def check_rate(now, context, state, instruments, head):  # type: ignore[no-untyped-def]
    """Count the ticks of a second, and how many of them moved a price."""
    second = now // SECOND_NS
    if second != state.burst_second:
        passed = float(max(second - state.burst_second, 0))
        # A burst does not make the next one usual at once.
        learnt = min(float(state.burst_ticks), max(2.0 * state.busiest, float(LONE_TICKS)))
        if state.burst_ticks > 0:
            share = float(state.burst_moves) / float(state.burst_ticks)
            state.moved_share += (share - state.moved_share) * max(0.02, 1.0 / (1.0 + 0.05 * state.ticks))
        state.busiest = max(state.busiest * 2.0 ** (-min(passed, 1e5) / BUSIEST_HALF_LIFE_S), learnt)
        state.burst_second = second
        state.burst_ticks = 0
        state.burst_moves = 0
    state.burst_ticks += 1
    if state.burst_ticks < LONE_TICKS or float(state.burst_ticks) < LONE_TIMES * state.busiest:
        return
    if _is_alone(context, state, instruments, head):
        busiest = np.float64(state.busiest)
        rules.note(context, _BURST, 1, (float(state.burst_ticks), LONE_TIMES * busiest, busiest))
        return
    if state.burst_ticks < BURST_TICKS or float(state.burst_ticks) < BURST_TIMES * state.busiest:
        return
    if float(state.burst_moves) > BURST_MOVES * float(state.burst_ticks) or state.ticks < BURST_HISTORY:
        return
    j = head
    while j >= 0:
        other = instruments[j]
        if j != context.instrument and other.burst_second == second and float(other.burst_ticks) > 2.0 * other.busiest:
            return
        j = other.next
    busiest = np.float64(state.busiest)
    rules.note(context, _BURST, 1, (float(state.burst_ticks), BURST_TIMES * busiest, busiest))

"""What stands still while it should not, compiled: quotes that repeat themselves, a quote outside which trade after trade prints,
messages without information.

All are held against the instrument's own habit: on some feeds trades and quotes come by different lines, and one is always late.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.findings.finding import BY_NAME
from tickproof.kernel import array_kernel, kernel
from tickproof.rules import table as rules
from tickproof.ticks.schema import Condition

TRADES_NEEDED = 50
OUTS_NS = 1_000_000_000
OUT_STALE = 0.5
"""Of the trades beside a quote that was left behind, so many print outside it, on one side: the others stand at the market's near
side."""
OUTS_EVIDENCE = 16.0
"""ln of how much more likely what was traded is beside such a quote than usually; five trades in a row where none is usual."""
OUT_SHARE_FLOOR = 0.02
REPEATS_NEEDED, REPEATS_GROWTH, REPEATS_EVIDENCE = 16, 3, 24.0
"""Quotes in a row that are the very message before, as a multiple of the most so far, and −ln of the chance of so many by the
share that usually are: recorded currencies had 5 in 178 556 quotes, a stock's venues up to 26."""
REPEATS_FLOOR, REPEATS_MOST, REPEATS_WEIGHT, REPEATS_LEARNT, REPEATS_HISTORY = 0.05, 0.5, 0.005, 50, 200
"""A feed most of whose quotes repeat the one before cannot be told from one that is stuck."""
REPEATS_NS = 30_000_000_000
"""After so long it has been told of: from then on it may be how the feed is."""
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

_STALE, _BURST, _FROZEN = BY_NAME["stale_book"].bit, BY_NAME["burst"].bit, BY_NAME["frozen"].bit
_SPECIAL = rules.EXPLAINING | rules.EXTENDED | int(Condition.AUCTION_OPEN | Condition.AUCTION_CLOSE)


@array_kernel()
def new_sides(state, bid, ask):  # type: ignore[no-untyped-def]
    """Before an instrument's quote becomes (bid, ask)."""
    if bid != state.bid or ask != state.ask:
        state.outs = 0.0
        state.burst_moves += 1


@array_kernel()
def check_repeat(row, now, context, state):  # type: ignore[no-untyped-def]
    """Count quotes that are the very message before, accepted or not: a feed that is stuck needs no other to give it away."""
    # The mean so far, then one that forgets: a feed that has always repeated itself is not stuck.
    weight = max(REPEATS_WEIGHT, 1.0 / (state.quotes + 2.0))
    whole = ((row.bid_px * 31 + row.ask_px) * 31 + row.bid_sz) * 31 + row.ask_sz
    message = np.uint32((whole ^ (whole >> 32)) & 0xFFFFFFFF)
    if message != state.message:
        # What was told of as frozen does not become usual at once.
        state.same_longest = max(state.same_longest, min(state.same, max(REPEATS_GROWTH * state.same_longest, REPEATS_NEEDED)))
        state.same_share -= weight * state.same_share
        state.message, state.same, state.same_since = message, 0, now
        return
    state.same += 1
    evidence = -float(state.same) * math.log(max(state.same_share, REPEATS_FLOOR))
    if state.same <= REPEATS_LEARNT:
        state.same_share += weight * (1.0 - state.same_share)
    enough = state.same >= REPEATS_NEEDED and state.same >= REPEATS_GROWTH * state.same_longest and evidence >= REPEATS_EVIDENCE
    enough = enough and state.same_share <= REPEATS_MOST
    lasts = now - state.same_since
    if enough and SECOND_NS <= lasts <= REPEATS_NS and state.quotes >= REPEATS_HISTORY and state.halted == 0:
        price = rules.price_of(context.x)
        rules.note(context, _FROZEN, 1, (price, np.nan, price))


@array_kernel()
def check_trade(row, now, context, state):  # type: ignore[no-untyped-def]
    """Gather evidence that a quote stands still while the market does not: trades outside it, less what those inside say.

    Its sum never falls below 0 (Page, Biometrika 41 (1954) 100).
    """
    if not 0 < state.bid < state.ask or (row.conditions & _SPECIAL) != 0:
        return
    last = max(state.bid_time, state.ask_time)
    # Where a message carries one side, a side that is not the best any more may never be told of again.
    whole = state.bid_time == state.ask_time or state.merges
    if last >= now or now - last > QUOTE_AGE_NS or not whole:
        return
    side = 1 if row.price > state.ask else (2 if row.price < state.bid else 0)
    share = max(state.out_share, OUT_SHARE_FLOOR)
    if side == 0:
        state.out_share -= 0.01 * state.out_share
    elif state.outs < OUTS_EVIDENCE:
        # A run that is told of must not become the habit.
        state.out_share += 0.01 * (1.0 - state.out_share)
    if side == 0 or (state.outs > 0.0 and state.out_side != side):
        state.outs = max(state.outs + math.log((1.0 - OUT_STALE) / (1.0 - share)), 0.0) if share < OUT_STALE else 0.0
        return
    if state.outs <= 0.0:
        state.out_side, state.outs_since = side, now
    state.outs += max(math.log(OUT_STALE / share), 0.0)
    if state.outs < OUTS_EVIDENCE or now - state.outs_since < OUTS_NS or state.trades < TRADES_NEEDED:
        return
    edge = state.ask if side == 1 else state.bid
    if abs(float(row.price - edge)) >= HALF_SPREAD * float(state.ask - state.bid):
        middle = 0.5 * (float(state.bid) + float(state.ask))
        rules.note(context, _STALE, 1, (float(row.price) * 1e-9, float(edge) * 1e-9, middle * 1e-9))


@kernel()
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


@kernel()
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

"""What makes earlier prices be read anew, compiled: trades that the venue takes back or corrects, and splits.

A trade that was taken back must not stay in the references. Only the last one is still in them to the full.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.findings.finding import BY_NAME
from tickproof.instrument import level as rolling
from tickproof.kernel import kernel
from tickproof.rules import table as rules
from tickproof.ticks.schema import Kind, Present

_CANCELLED, _CORRECTED = BY_NAME["cancelled"].bit, BY_NAME["corrected"].bit
_CANCEL = int(Kind.TRADE_CANCEL)
_PRICE, _TRADE_ID = int(Present.PRICE), int(Present.TRADE_ID)
NO_TRADE, BY_ID, BY_PRICE = 0, 1, 2
"""Values of `trade_known`: how the last trade can be told."""
LAST_NS = 2**63 - 2
"""The row behind the last action is later than this."""


@kernel()
def remember(row, state):  # type: ignore[no-untyped-def]
    """Before a trade moves the level."""
    state.level_before = state.level
    if (row.present & _TRADE_ID) != 0:
        state.trade_id, state.trade_known = row.trade_id, BY_ID
    else:
        state.trade_id, state.trade_known = row.price, BY_PRICE


@kernel()
def take_back(row, now, context, state):  # type: ignore[no-untyped-def]
    """A cancel or correction: says so of the tick, and undoes what the last trade moved if it is that one."""
    has_price = (row.present & _PRICE) != 0 and row.price > 0
    price = float(row.price) * 1e-9 if has_price else np.nan
    level = rules.price_of(state.level) if state.accepted > 0 else np.nan
    cancel = row.kind == _CANCEL
    rules.note(context, _CANCELLED if cancel else _CORRECTED, 0, (price, np.nan, level))
    by_id = state.trade_known == BY_ID and (row.present & _TRADE_ID) != 0 and row.trade_id == state.trade_id
    by_price = cancel and state.trade_known == BY_PRICE and has_price and row.price == state.trade_id
    if not (by_id or by_price) or state.level_before == 0.0:
        return
    state.trade_known = NO_TRADE
    state.last_price = state.level_before
    state.held_count = 0
    if state.level_time > state.quoted_time:
        state.level = state.level_before
        state.seen = state.level_before
    if not cancel and has_price:
        x = math.log(float(row.price))
        if abs(x - state.level) <= max(rules.DEVIATION_SCALES * rolling.effective_scale(state, now), rules.DEVIATION_FLOOR):
            rolling.accept(state, x, now, False)
            rolling.see(state, x, now, False, False)


@kernel()
def act(instruments, heads, k, now, actions):  # type: ignore[no-untyped-def]
    """Apply the actions of a symbol that are due, to all its venues at once: who speaks first finds the others there."""
    while actions[instruments[k].action].ts <= min(now, LAST_NS):
        ts = actions[instruments[k].action].ts
        j = np.int64(heads[instruments[k].symbol])
        while j >= 0:
            one = instruments[j]
            if actions[one.action].ts == ts:
                if one.ticks > 0:
                    _shift(one, actions[one.action].shift)
                one.action += 1
            j = np.int64(one.next)


@kernel()
def _shift(one, shift):  # type: ignore[no-untyped-def]
    factor = math.exp(shift)
    if one.accepted > 0:
        one.level += shift
        one.slow_level += shift
        one.last_accepted += shift
        one.seen += shift
        one.held += shift
        one.anchor += shift
        one.anchor_others += shift
        one.run_others += shift
    if one.level_before != 0.0:
        one.level_before += shift
    if one.last_price != 0.0:
        one.last_price += shift
    one.bid, one.ask, one.run_price = _scaled(one.bid, factor), _scaled(one.ask, factor), _scaled(one.run_price, factor)


@kernel()
def _scaled(price, factor):  # type: ignore[no-untyped-def]
    """A price times a factor, within what 64 bits hold."""
    return np.int64(min(max(float(price) * factor, -9.0e18), 9.0e18))

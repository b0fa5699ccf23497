"""What changes earlier prices, compiled: trades that the venue cancels or corrects, and splits.

A trade that was taken back must not stay in the references. Only the last one can be taken out, as
later prices build on the earlier ones.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.instrument import level
from tickproof.instrument.consensus import Instruments
from tickproof.instrument.record import TradeKey
from tickproof.kernel import kernel
from tickproof.rules.context import GOOD, add_fact, price_of
from tickproof.rules.price_deviation import DEVIATION_FLOOR, DEVIATION_SCALES
from tickproof.rules.reasons import PRICE, bit_of
from tickproof.ticks.records import Record, Records
from tickproof.ticks.schema import Kind, Present

_CANCELLED, _CORRECTED = bit_of("cancelled"), bit_of("corrected")
_CANCEL = int(Kind.TRADE_CANCEL)
_TRADE_ID = int(Present.TRADE_ID)
_NONE, _BY_ID, _BY_PRICE = int(TradeKey.NONE), int(TradeKey.BY_ID), int(TradeKey.BY_PRICE)
LAST_NS = 2**63 - 2
"""The row behind the last action is later than this."""
LARGEST = 9.0e18
"""Prices beyond this do not fit into 64 bits."""


@kernel()
def remember_trade(row: Record, instrument: Record) -> None:
    """Remember a trade, and the level before it moves it."""
    instrument.level_before = instrument.level
    if (row.present & _TRADE_ID) != 0:
        instrument.trade_id, instrument.trade_key = row.trade_id, _BY_ID
    else:
        instrument.trade_id, instrument.trade_key = row.price, _BY_PRICE


@kernel()
def apply_correction(row: Record, now: int, context: Record, instrument: Record) -> None:
    """Add a cancel or correction to its tick, and undo what the last trade moved if it is that one."""
    has_price = (row.present & PRICE) != 0 and row.price > 0
    price = float(row.price) * 1e-9 if has_price else np.nan
    usual = price_of(instrument.level) if instrument.accepted > 0 else np.nan
    is_cancel = row.kind == _CANCEL
    add_fact(context, _CANCELLED if is_cancel else _CORRECTED, GOOD, (price, np.nan, usual))
    has_id = (row.present & _TRADE_ID) != 0
    by_id = instrument.trade_key == _BY_ID and has_id and row.trade_id == instrument.trade_id
    by_price = is_cancel and instrument.trade_key == _BY_PRICE and has_price and row.price == instrument.trade_id
    if not (by_id or by_price) or instrument.level_before == 0.0:
        return
    _undo_last_trade(instrument)
    if not is_cancel and has_price:
        x = math.log(float(row.price))
        limit = max(DEVIATION_SCALES * level.effective_scale(instrument, now), DEVIATION_FLOOR)
        if abs(x - instrument.level) <= limit:
            level.accept(instrument, x, now, False)
            level.observe_price(instrument, x, now, False, False)


@kernel()
def _undo_last_trade(instrument: Record) -> None:
    """Take the last trade out of the references."""
    instrument.trade_key = _NONE
    instrument.last_price = instrument.level_before
    instrument.candidate_count = 0
    if instrument.level_time > instrument.quoted_time:
        instrument.level = instrument.level_before
        instrument.observed = instrument.level_before


@kernel()
def apply_splits(instruments: Instruments, number: int, now: int, actions: Records) -> None:
    """Apply the splits of an instrument's symbol that are due, to all its venues at once, whoever sends the first price after."""
    rows = instruments.rows
    while actions[rows[number].action].ts <= min(now, LAST_NS):
        ts = actions[rows[number].action].ts
        j = np.int64(instruments.heads[rows[number].symbol])
        while j >= 0:
            instrument = rows[j]
            if actions[instrument.action].ts == ts:
                if instrument.ticks > 0:
                    _shift(instrument, actions[instrument.action].shift)
                instrument.action += 1
            j = np.int64(instrument.next)


@kernel()
def _shift(instrument: Record, shift: float) -> None:
    """Shift all prices of an instrument, logarithms by addition."""
    factor = math.exp(shift)
    if instrument.accepted > 0:
        instrument.level += shift
        instrument.slow_level += shift
        instrument.last_accepted += shift
        instrument.observed += shift
        instrument.candidate += shift
        instrument.anchor += shift
        instrument.anchor_consensus += shift
        instrument.run_others += shift
    if instrument.level_before != 0.0:
        instrument.level_before += shift
    if instrument.last_price != 0.0:
        instrument.last_price += shift
    instrument.bid, instrument.ask = _scaled(instrument.bid, factor), _scaled(instrument.ask, factor)
    instrument.run_price = _scaled(instrument.run_price, factor)


@kernel()
def _scaled(price: int, factor: float) -> np.int64:
    """Return a price times a factor, within what 64 bits hold."""
    return np.int64(min(max(float(price) * factor, -LARGEST), LARGEST))

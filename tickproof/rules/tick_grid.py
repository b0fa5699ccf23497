"""The grid of prices and the lots of sizes, compiled: known from the reference, or the coarsest that 1 000 quotes kept.

Without a reference trades are not judged: they print at midpoints and averages without a word. A learnt grid gives way at the
third price in a thousand that does not keep it: prices below a threshold may have a finer one.
"""

from __future__ import annotations

import numpy as np

from tickproof.findings.finding import BY_NAME
from tickproof.kernel import kernel
from tickproof.rules import table as rules
from tickproof.ticks.schema import Present

NEEDED = 2_000
"""Prices, two a quote."""
EXCEPTIONS = 3
STEPS = np.array([5 * 10**9, *(step * 10**place for place in range(8, -1, -1) for step in (10, 5)), 1], np.int64)
"""Grids from 5 down to 1e-9, each a multiple of the next; in units of 1e-9."""
LOTS_NEEDED, LOTS_CHANGED, LOTS_LEARNT = 100, 20, 1_000
"""Quotes in whole lots before; odd ones in a row that are a change of unit, and after which that is how the feed counts."""

_GRID, _UNIT = BY_NAME["off_tick_grid"].bit, BY_NAME["unit_change"].bit
_PRICE, _BID_SZ, _ASK_SZ = int(Present.PRICE), int(Present.BID_SZ), int(Present.ASK_SZ)


@kernel()
def check(row, context, state, bands):  # type: ignore[no-untyped-def]
    """Hold the prices of a quote or trade against their grid, and a quote's sizes against the lot."""
    if row.kind == rules.TRADE:
        if state.band_count > 0 and (row.conditions & rules.EXPLAINING) == 0 and row.price > 0:
            step = _tick_at(row.price, state, bands)
            rest = row.price % step
            # Half a tick is a midpoint.
            if rest != 0 and rest != step - rest:
                _off(context, row.price, step)
        return
    if (row.present & rules.BID) != 0 and row.bid_px != state.bid:
        _check_side(row.bid_px, context, state, bands)
    if (row.present & rules.ASK) != 0 and row.ask_px != state.ask:
        _check_side(row.ask_px, context, state, bands)
    if state.lot > 0:
        _check_lots(row, context, state)


@kernel()
def _check_side(price, context, state, bands):  # type: ignore[no-untyped-def]
    if price <= 0:
        return
    if state.band_count > 0:
        step = _tick_at(price, state, bands)
        if price % step != 0:
            _off(context, price, step)
            return
    # Learnt even where it is known: what is asked for elsewhere is one step, and not a table.
    step = STEPS[state.grid]
    if price % step == 0:
        state.on_grid += 1
        if state.on_grid == 2 * NEEDED:
            state.on_grid = NEEDED
            state.off_grid = 0
        return
    state.off_grid += 1
    if state.on_grid >= NEEDED and state.off_grid < EXCEPTIONS and state.band_count == 0:
        _off(context, price, step)
        return
    while price % STEPS[state.grid] != 0:
        state.grid += 1
    state.on_grid = 0
    state.off_grid = 0


@kernel()
def _tick_at(price, state, bands):  # type: ignore[no-untyped-def]
    for k in range(state.bands, state.bands + state.band_count):
        if price >= bands[k].above:
            return bands[k].tick
    return np.int64(1)


@kernel()
def step_of(state):  # type: ignore[no-untyped-def]
    """The grid of an instrument's prices that was learnt, 0 where none was."""
    return STEPS[state.grid] if state.on_grid >= NEEDED else np.int64(0)


@kernel()
def _off(context, price, step):  # type: ignore[no-untyped-def]
    nearest = float(price - price % step)
    if price % step > step - price % step:
        nearest += float(step)
    rules.note(context, _GRID, 2, (float(price) * 1e-9, float(step) * 1e-9, nearest * 1e-9))


@kernel()
def _check_lots(row, context, state):  # type: ignore[no-untyped-def]
    """Sizes that were whole lots and are none any more, quote after quote, are told in another unit."""
    both = (row.present & _BID_SZ) != 0 and (row.present & _ASK_SZ) != 0
    if not both or row.bid_sz <= 0 or row.ask_sz <= 0:
        return
    if row.bid_sz % state.lot == 0 and row.ask_sz % state.lot == 0:
        state.on_lot = min(state.on_lot + 1, LOTS_LEARNT)
        state.off_lot = 0
        return
    state.off_lot = min(state.off_lot + 1, LOTS_LEARNT)
    if state.off_lot >= LOTS_LEARNT:
        state.on_lot = 0
    if state.on_lot >= LOTS_NEEDED and state.off_lot >= LOTS_CHANGED:
        rules.note(
            context, _UNIT, 2, (float(max(row.bid_sz, row.ask_sz)) * 1e-9, float(state.lot) * 1e-9, float(state.lot) * 1e-9)
        )

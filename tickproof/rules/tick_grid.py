"""The grid of prices and the lots of sizes, compiled: known from the reference, or the coarsest that 1 000 quotes kept.

Without a reference trades are not checked: midpoints and average prices print without a mark. A learnt grid gives way at the
third price in a thousand that does not keep it: prices below a threshold may have a finer one.
"""

from __future__ import annotations

import numpy as np

from tickproof.kernel import kernel
from tickproof.rules import reasons
from tickproof.rules.context import CORRUPT, add_fact
from tickproof.rules.reasons import TRADE, bit_of
from tickproof.ticks.records import Record, Records

NEEDED = 2_000
"""Prices, two a quote, from which a grid is known."""
EXCEPTIONS = 3
STEPS = np.array([5 * 10**9, *(step * 10**place for place in range(8, -1, -1) for step in (10, 5)), 1], np.int64)
"""Grids from 5 down to 1e-9, each a multiple of the next; in units of 1e-9."""
UNKNOWN_STEP = 0
LOTS_NEEDED, LOTS_CHANGED, LOTS_LEARNT = 100, 20, 1_000
"""Quotes in whole lots before; odd ones in a row that are a change of unit, and after which that is how the feed counts."""

_GRID, _UNIT = bit_of("off_tick_grid"), bit_of("unit_change")


@kernel()
def check_grid(row: Record, context: Record, instrument: Record, bands: Records) -> None:
    """Check the prices of a quote or trade against their grid, and a quote's sizes against the lot."""
    if row.kind == TRADE:
        if instrument.band_count > 0 and (row.conditions & reasons.EXPLAINING) == 0 and row.price > 0:
            step = _tick_at(row.price, instrument, bands)
            rest = row.price % step
            # Half a tick is a midpoint.
            if rest != 0 and rest != step - rest:
                _add_off_grid(context, row.price, step)
        return
    if (row.present & reasons.BID) != 0 and row.bid_px != instrument.bid:
        _check_price(row.bid_px, context, instrument, bands)
    if (row.present & reasons.ASK) != 0 and row.ask_px != instrument.ask:
        _check_price(row.ask_px, context, instrument, bands)
    if instrument.lot > 0:
        _check_lots(row, context, instrument)


@kernel()
def _check_price(price: int, context: Record, instrument: Record, bands: Records) -> None:
    """Check one side's price against the known grid, or learn the grid from it."""
    if price <= 0:
        return
    if instrument.band_count > 0:
        step = _tick_at(price, instrument, bands)
        if price % step != 0:
            _add_off_grid(context, price, step)
            return
    # Learnt even where it is known: other rules ask for one step, and not for a table.
    step = STEPS[instrument.grid]
    if price % step == 0:
        instrument.on_grid += 1
        if instrument.on_grid == 2 * NEEDED:
            instrument.on_grid = NEEDED
            instrument.off_grid = 0
        return
    instrument.off_grid += 1
    if instrument.on_grid >= NEEDED and instrument.off_grid < EXCEPTIONS and instrument.band_count == 0:
        _add_off_grid(context, price, step)
        return
    while price % STEPS[instrument.grid] != 0:
        instrument.grid += 1
    instrument.on_grid = 0
    instrument.off_grid = 0


@kernel()
def _tick_at(price: int, instrument: Record, bands: Records) -> int:
    """Return the reference's tick at a price, in 1e-9."""
    for k in range(instrument.bands, instrument.bands + instrument.band_count):
        if price >= bands[k].above:
            return bands[k].tick
    return 1


@kernel()
def step_of(instrument: Record) -> int:
    """Return the grid of an instrument's prices that was learnt, in 1e-9; `UNKNOWN_STEP` where none was."""
    return STEPS[instrument.grid] if instrument.on_grid >= NEEDED else UNKNOWN_STEP


@kernel()
def _add_off_grid(context: Record, price: int, step: int) -> None:
    nearest = float(price - price % step)
    if price % step > step - price % step:
        nearest += float(step)
    add_fact(context, _GRID, CORRUPT, (float(price) * 1e-9, float(step) * 1e-9, nearest * 1e-9))


@kernel()
def _check_lots(row: Record, context: Record, instrument: Record) -> None:
    """Add a change of unit where sizes that were whole lots no longer are, quote after quote."""
    if (row.present & reasons.BOTH_SIZES) != reasons.BOTH_SIZES or row.bid_sz <= 0 or row.ask_sz <= 0:
        return
    if row.bid_sz % instrument.lot == 0 and row.ask_sz % instrument.lot == 0:
        instrument.on_lot = min(instrument.on_lot + 1, LOTS_LEARNT)
        instrument.off_lot = 0
        return
    instrument.off_lot = min(instrument.off_lot + 1, LOTS_LEARNT)
    if instrument.off_lot >= LOTS_LEARNT:
        instrument.on_lot = 0
    if instrument.on_lot >= LOTS_NEEDED and instrument.off_lot >= LOTS_CHANGED:
        size, lot = float(max(row.bid_sz, row.ask_sz)) * 1e-9, float(instrument.lot) * 1e-9
        add_fact(context, _UNIT, CORRUPT, (size, lot, lot))

"""What the venues of a leg agree on, compiled: its mark, against which the other legs of its relations are held (`crosses`)."""

from __future__ import annotations

import math

import numpy as np

from tickproof.instrument import level as rolling
from tickproof.kernel import kernel

MARK = np.dtype(
    [
        ("price", "<f8"),
        ("width", "<f8"),
        ("shift", "<f8"),
        ("gap_ns", "<f8"),
        ("time", "<i8"),
        ("changed", "<i8"),
        ("updates", "<i8"),
        ("dislocated", "<i8"),
        ("symbol", "<i4"),
        ("alone", "<i4"),
        ("action", "<i4"),
        ("spare", "<i4"),
    ]
)
"""The median of the venues' log prices, in units of 1e-9 and as before any split; their mean spread, relative; what splits have
moved; the mean time between updates, when the last was, and when the price last was another one; when a venue last proved to have
left the other legs with the market. `symbol` is counted from 1, 0 is nobody yet; `alone` is the instrument, counted from 1, where
the leg is of one venue; `action` is the symbol's next split."""

FRESH_GAPS, FRESH_FLOOR_NS = 5.0, 1.0e9
"""A source's last word is fresh for so many of its usual gaps, at least for a second and at most for `rolling.FRESH_NS`."""
GAP_WEIGHT = 0.05


@kernel()
def width_of(state):  # type: ignore[no-untyped-def]
    """The relative spread of an instrument: the usual one, or the last if wider; a price step where only trades are known."""
    usual = rolling.FLOOR
    if state.spreads > 0:
        usual = max(usual, math.exp(state.spread_log))
    elif state.steps >= rolling.WARM:
        usual = max(usual, math.exp(state.step_log))
    if 0 < state.bid < state.ask:
        usual = max(usual, float(state.ask - state.bid) / float(state.bid))
    return usual


@kernel()
def fresh_ns(gap_ns):  # type: ignore[no-untyped-def]
    """How old the last word of a source with this usual gap may be."""
    return min(max(FRESH_GAPS * gap_ns, FRESH_FLOOR_NS), float(rolling.FRESH_NS))


@kernel()
def adjust(mark, now, actions):  # type: ignore[no-untyped-def]
    """Remember the splits of a mark's symbol that are due."""
    while actions[mark.action].ts <= now:
        mark.shift += actions[mark.action].shift
        mark.action += 1


@kernel()
def agreed(mark, since, now, shared_state):  # type: ignore[no-untyped-def]
    """Of a mark's venues that spoke after `since` and lately by their own gaps: (median log price, mean spread, how far they
    disagree); NaN: nobody did."""
    instruments, heads, _, scratch = shared_state
    count, width = 0, 0.0
    j = np.int64(mark.alone - 1) if mark.alone > 0 else np.int64(heads[mark.symbol - 1])
    while j >= 0 and count < rolling.MAX_OTHERS:
        one = instruments[j]
        spoke = one.seen_time > since and float(now - one.seen_time) <= fresh_ns(one.gap_slow_ns)
        if spoke and one.accepted >= rolling.WARM and not one.seen_late and one.halted == 0:
            k = count
            while k > 0 and scratch[k - 1] > one.seen:
                scratch[k] = scratch[k - 1]
                k -= 1
            scratch[k] = one.seen
            count += 1
            width += width_of(one)
        j = np.int64(-1) if mark.alone > 0 else np.int64(one.next)
    if count == 0:
        return np.nan, np.nan, np.nan
    middle = scratch[count // 2] if count % 2 else 0.5 * (scratch[count // 2 - 1] + scratch[count // 2])
    return middle - mark.shift, width / count, scratch[count - 1] - scratch[0]


@kernel()
def renew(mark, now, shared_state, actions):  # type: ignore[no-untyped-def]
    """One of a mark's venues spoke."""
    adjust(mark, now, actions)
    price, width, _ = agreed(mark, np.int64(-1), now, shared_state)
    if math.isnan(price):
        return
    if price != mark.price:
        mark.changed = now
    if mark.updates > 0:
        gap = float(min(max(now - mark.time, 0), rolling.FRESH_NS))
        mark.gap_ns += max(GAP_WEIGHT, 1.0 / mark.updates) * (gap - mark.gap_ns)
    mark.price, mark.width, mark.time = price, width, now
    mark.updates += 1

"""Rolling state of one (venue, symbol), compiled: gated robust level and scale, spread, sizes, rates, runs.

Level and scale are *gated*: a price that is rejected moves neither, and a new level is accepted once it holds (`settle`).
All averages are exponential, so that the state has a fixed size: 592 bytes an instrument.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.kernel import kernel

INSTRUMENT = np.dtype(
    [
        ("ticks", "<i8"),
        ("accepted", "<i8"),
        ("last_time", "<i8"),
        ("last_clock", "<i8"),
        ("first_clock", "<i8"),
        ("longest_gap_ns", "<f8"),
        ("spoke", "<i8"),
        ("others_ticks", "<i8"),
        ("gap_fast_ns", "<f8"),
        ("gap_slow_ns", "<f8"),
        ("bid", "<i8"),
        ("ask", "<i8"),
        ("bid_time", "<i8"),
        ("ask_time", "<i8"),
        ("level", "<f8"),
        ("level_time", "<i8"),
        ("quoted_time", "<i8"),
        ("scale", "<f8"),
        ("slow_level", "<f8"),
        ("seen", "<f8"),
        ("seen_time", "<i8"),
        ("lag_log", "<f4"),
        ("held", "<f8"),
        ("held_since", "<i8"),
        ("shifted", "<f8"),
        ("shifted_time", "<i8"),
        ("spread_log", "<f8"),
        ("step_log", "<f8"),
        ("size_level", "<f8", (2,)),
        ("size_scale", "<f8", (2,)),
        ("sizes", "<i4", (2,)),
        # Counts that end at `MOST`.
        ("quotes", "<i4"),
        ("trades", "<i4"),
        ("lags", "<i4"),
        ("held_count", "<i4"),
        ("spreads", "<i4"),
        ("steps", "<i4"),
        ("run", "<i4"),
        ("flagged_run", "<i4"),
        ("run_price", "<i8"),
        ("run_others", "<f8"),
        ("last_deviation", "<f4"),
        ("last_price", "<f8"),
        ("last_price_time", "<i8"),
        ("last_accepted", "<f8"),
        ("residual_scale", "<f4"),
        ("volume_fast", "<f4"),
        ("volume_slow", "<f4"),
        # What `apart` remembers: the usual distance to the other venues, and when they were last together.
        ("basis", "<f8"),
        ("basis_scale", "<f4"),
        ("anchor", "<f8"),
        ("anchor_others", "<f8"),
        ("anchor_time", "<i8"),
        ("ratio", "<f4"),
        ("ratio_since", "<i8"),
        ("leap", "<f4"),
        ("evidence", "<f4"),
        ("longest", "<f4"),
        ("stood", "<f4", (3,)),
        ("followed", "<f4", (3,)),
        ("run_since", "<i8"),
        ("bases", "<i4"),
        ("apart", "<i4"),
        ("ratio_count", "<i4"),
        # `grid`: prices' grid, and how many kept it; lots.
        ("on_grid", "<i2"),
        ("off_grid", "<i2"),
        ("on_lot", "<i2"),
        ("off_lot", "<i2"),
        # `still`: quotes that repeat the one before, trades outside a still quote, and the busiest second.
        ("same_since", "<i8"),
        ("same", "<i4"),
        ("same_longest", "<i4"),
        ("same_share", "<f4"),
        ("message", "<u4"),
        ("outs", "<f4"),
        ("out_share", "<f4"),
        ("outs_since", "<i8"),
        ("burst_second", "<i8"),
        ("burst_ticks", "<i4"),
        ("burst_moves", "<i4"),
        ("busiest", "<f4"),
        ("moved_share", "<f4"),
        # `silence`: ticks that were to be expected in the longest usual gap, by what other venues said in it.
        ("longest_unheard", "<f4"),
        # `corrections`: the last trade, and the level before it.
        ("trade_id", "<i8"),
        ("level_before", "<f8"),
        # Where its rows are in `reference_tables`, and its lot.
        ("lot", "<i8"),
        ("bands", "<i4"),
        ("sentinels", "<i4"),
        ("action", "<i4"),
        ("symbol", "<i4"),
        ("venue", "<i4"),
        ("next", "<i4"),
        ("halted", "u1"),
        ("silent", "u1"),
        ("known", "u1"),
        ("crosses", "u1"),
        ("may_be_negative", "u1"),
        ("merges", "u1"),
        ("seen_late", "u1"),
        ("ratio_kind", "u1"),
        ("out_side", "u1"),
        ("trade_known", "u1"),
        ("grid", "u1"),
        ("band_count", "u1"),
        # `sides`: regular quotes since the venue opened.
        ("opened", "u1"),
        # Copied in words of 8 bytes.
        ("spare", "u1", (3,)),
    ]
)
"""Prices `bid`, `ask`, `run_price` in 1e-9; `level`, `held`, `slow_level` natural logarithms of a price; `scale` of a log price;
`shifted` the last price refused because it lay a power of ten away; `next` links the instruments of one
symbol. What comes from reference data is filled in when an instrument is first seen."""

MOST = 2**31 - 1
"""Where counts of an instrument stand still: what they are asked for is whether there were enough."""
CROSSING_LEARNT, NEVER_CROSSES, MAY_CROSS = 0, 1, 2
"""What is known of a venue's quotes."""

SCALE_WEIGHT = 0.03
SCALE_CLIP = 4.0
FAST_WEIGHT, SLOW_WEIGHT = 0.1, 0.01
MEDIAN_STEP, MEDIAN_START = 0.02, 50
SLOW_LEVEL_NS = 1.0e9
MAX_OTHERS = 32
FRESH_NS = 30_000_000_000
LAG_FLOOR_NS = 5e6
FARTHEST_NS = 9.0e18
"""Times that are farther apart have a difference that 64 bits do not hold."""
WARM = 20
"""Accepted ticks before a level means anything."""
FLOOR = 0.3e-4
"""No scale is below 0.3 bp."""
WANDER = 0.25e-4
"""A level older than `FRESH_NS` says less: the scale grows by so much per root of a second, which makes the 12 scales of a spike
three times what a price goes that goes 2 % in a day of 6.5 hours."""
SIZE_FLOOR = 0.67
"""No scale of log sizes is below this: their tail is a power law of exponent 1.5, however many trades are of one lot
(Gopikrishnan et al., Physical Review E 62 (2000) R4493)."""
STEP_SHARE = 0.25
"""Nor below so much of the median spread or of the median step between different prices: a price that stood still must not make
its next step of one tick an outlier, and where only trades are known nothing else tells how wide a tick is."""


@kernel(inline="always")
def effective_scale(state, now):  # type: ignore[no-untyped-def]
    """The scale that deviations are measured in at `now`: never below `FLOOR` and `STEP_SHARE`, and wider for an old level."""
    wider = state.spread_log if state.spreads > 0 else -np.inf
    if state.steps >= WARM:
        wider = max(wider, state.step_log)
    floor = max(FLOOR, STEP_SHARE * math.exp(wider))
    unseen = float(max(now - state.level_time - FRESH_NS, 0))
    return max(state.scale, floor) + WANDER * math.sqrt(1e-9 * unseen)


@kernel()
def others(instruments, head, index, since, x, scratch):  # type: ignore[no-untyped-def]
    """What the symbol's other venues have said from the event time `since` on, accepted or not.

    Were only accepted prices asked, then in fast news each venue would wait for the others to be accepted first.
    A venue whose last message was captured later than usual is no witness: it knows of no more than when that was sent.
    Returns the median of their prices (NaN: none), how many they are, how far they disagree (NaN: fewer than two), and their mean
    move over about a second. Of an even number every price between the two in the middle is a median: the one nearest to `x`, the
    log price in question, is taken. Where two disagree, one of them is stale or wrong, and their mean is nobody's price.
    """
    count, move = 0, 0.0
    j = head
    while j >= 0 and count < MAX_OTHERS:
        other = instruments[j]
        if j != index and other.accepted >= WARM and other.seen_time >= since and not other.seen_late:
            k = count
            while k > 0 and scratch[k - 1] > other.seen:
                scratch[k] = scratch[k - 1]
                k -= 1
            scratch[k] = other.seen
            count += 1
            move += other.seen - other.slow_level
        j = other.next
    if count == 0:
        return np.nan, 0, np.nan, np.nan
    middle = min(max(x, scratch[(count - 1) // 2]), scratch[count // 2])
    width = scratch[count - 1] - scratch[0] if count > 1 else np.nan
    return middle, count, width, move / count


@kernel()
def nearest(prices, count, x):  # type: ignore[no-untyped-def]
    """How far the nearest of `count` log prices, as `others` leaves them in its scratch, is from `x`; infinite for none."""
    away = np.inf
    for k in range(count):
        away = min(away, abs(prices[k] - x))
    return away


@kernel()
def ticks_of_others(instruments, head, index):  # type: ignore[no-untyped-def]
    """How many ticks the symbol's other venues have sent so far."""
    count, j = 0, head
    while j >= 0:
        if j != index:
            count += instruments[j].ticks
        j = instruments[j].next
    return count


@kernel()
def share_shift(instruments, head, index, now, x, width):  # type: ignore[no-untyped-def]
    """Whether at least half of the symbol's other venues, as fresh as in `others`, went to log price `x` too.

    A price a power of ten away is not remembered as seen: one venue's mistake would stand in every other venue's way. So a split,
    which all venues make, is recognised here.
    """
    count, near = 0, 0
    j = head
    while j >= 0:
        other = instruments[j]
        if j != index and other.accepted >= WARM and now - max(other.seen_time, other.shifted_time) <= FRESH_NS:
            count += 1
            price = other.shifted if other.shifted_time > other.seen_time else other.seen
            if abs(price - x) <= width:
                near += 1
        j = other.next
    return count > 0 and 2 * near >= count


@kernel()
def see(state, x, now, late, quote):  # type: ignore[no-untyped-def]
    """Remember a price for the other venues, and whether it came late. Trades bounce between the sides: they count only where
    quotes do not."""
    if quote or state.quotes == 0 or now - state.quoted_time > FRESH_NS:
        state.seen = x
        state.seen_time = now
        state.seen_late = late


@kernel()
def lag_ns(row):  # type: ignore[no-untyped-def]
    """How long after its venue's stamp a message was captured, ns; at most `FARTHEST_NS`, for a stamp may be anything."""
    apart = float(row.ts_recv) - float(row.ts_event)
    if abs(apart) >= FARTHEST_NS:
        return math.copysign(FARTHEST_NS, apart)
    return float(row.ts_recv - row.ts_event)


@kernel()
def learn_lag(state, lag):  # type: ignore[no-untyped-def]
    """Whether a message was captured later than usual, by its `lag` in ns behind the venue's clock; learns what is usual.

    Twice the usual lag and 5 ms are no lateness. A clock that is off is usual.
    """
    late = state.lags >= WARM and lag > LAG_FLOOR_NS and lag > 2.0 * math.exp(state.lag_log) + LAG_FLOOR_NS
    state.lags = min(state.lags + 1, MOST)
    state.lag_log = _median(state.lag_log, math.log(max(lag, 1e3)), state.lags)
    return late


@kernel()
def accept(state, x, now, quote):  # type: ignore[no-untyped-def]
    """Move level and scale by an accepted log price. Trades move the level only where quotes do not."""
    if state.accepted == 0:
        state.level = x
        state.slow_level = x
        state.scale = FLOOR
    elif x != state.last_accepted:
        learn_step(state, abs(x - state.last_accepted))
    state.last_accepted = x
    deviation = abs(x - state.level)
    state.scale += SCALE_WEIGHT * (min(deviation, SCALE_CLIP * max(state.scale, FLOOR)) - state.scale)
    decay = math.exp(-float(max(now - state.level_time, 0)) / SLOW_LEVEL_NS)
    state.slow_level = x + (state.slow_level - x) * decay
    if quote:
        state.level = x
        state.quoted_time = now
    elif now - state.quoted_time > FRESH_NS or state.quotes == 0:
        state.level += 0.4 * (x - state.level)
    state.level_time = now
    state.accepted += 1
    state.held_count = 0


@kernel()
def settle(state, x, now, width, patience):  # type: ignore[no-untyped-def]
    """Count a rejected price towards a new level; True once (ticks, ns) = `patience` of them in a row lay within `width`."""
    if state.held_count > 0 and abs(x - state.held) <= width:
        state.held_count = min(state.held_count + 1, MOST)
        state.held += (x - state.held) / state.held_count
    else:
        state.held = x
        state.held_count = 1
        state.held_since = now
    return state.held_count >= patience[0] and now - state.held_since >= patience[1]


@kernel()
def arrive(state, now):  # type: ignore[no-untyped-def]
    """Inter-arrival statistics: the gap in ns that ends with this tick."""
    gap = float(max(now - state.last_time, 0)) if state.ticks > 0 else 0.0
    if state.ticks == 1:
        state.gap_fast_ns = gap
        state.gap_slow_ns = gap
    state.gap_fast_ns += FAST_WEIGHT * (gap - state.gap_fast_ns)
    state.gap_slow_ns += SLOW_WEIGHT * (gap - state.gap_slow_ns)
    state.ticks += 1
    state.last_time = now
    return gap


@kernel()
def learn_spread(state, spread):  # type: ignore[no-untyped-def]
    """Streaming median of the relative spread."""
    state.spreads = min(state.spreads + 1, MOST)
    state.spread_log = _median(state.spread_log, math.log(max(spread, 1e-7)), state.spreads)


@kernel()
def learn_step(state, step):  # type: ignore[no-untyped-def]
    """Streaming median of the steps between different accepted prices."""
    state.steps = min(state.steps + 1, MOST)
    state.step_log = _median(state.step_log, math.log(max(step, 1e-7)), state.steps)


@kernel()
def _median(middle, x, count):  # type: ignore[no-untyped-def]
    """The streaming median `middle` after its `count`-th value x: steps of fixed size towards the new value."""
    if count <= MEDIAN_START:
        # The mean of the first values is a start near the median.
        return middle + (x - middle) / count
    if x > middle:
        return middle + MEDIAN_STEP
    if x < middle:
        return middle - MEDIAN_STEP
    return middle


@kernel()
def learn_size(state, which, size):  # type: ignore[no-untyped-def]
    """Deviation of the log size from its usual, in mean absolute deviations, before it is learnt; `which` 0 quotes, 1 trades."""
    x = math.log(max(float(size), 1.0))
    n = state.sizes[which]
    deviation = np.nan
    if n >= WARM:
        deviation = (x - state.size_level[which]) / max(state.size_scale[which], SIZE_FLOOR)
    if n < WARM:
        weight = 1.0 / (n + 1)
        state.size_level[which] += weight * (x - state.size_level[which])
        state.size_scale[which] += weight * (abs(x - state.size_level[which]) - state.size_scale[which])
    elif abs(deviation) < 8.0:
        state.size_level[which] += SLOW_WEIGHT * (x - state.size_level[which])
        state.size_scale[which] += SLOW_WEIGHT * (abs(x - state.size_level[which]) - state.size_scale[which])
    state.sizes[which] = min(n + 1, MOST)
    return deviation

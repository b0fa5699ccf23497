"""How long a channel or an instrument may say nothing, compiled: learnt from its own longest gap.

Earlier days say what is usual at a time of day (see `season`). A gap that ended a silence is not learnt, or one silence would
hide the next, unless silences follow so fast that this is how the source speaks now; nor is one in which the whole channel said
nothing.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.findings.event import CLOSES, OPENS
from tickproof.findings.finding import BY_NAME
from tickproof.instrument.level import ticks_of_others
from tickproof.instrument.time_of_day import QUARTER_NS, is_pause, turn, usual_gap_ns
from tickproof.kernel import kernel

MUTE = 1 << 62
"""Bit of `ROW.reasons`, inside only: this heartbeat shows that its channel lives, and not its symbols, which all say nothing."""
CLOCK = np.dtype([("last_time", "<i8"), ("alive_ns", "<i8")])
"""A channel's clock within the shard: event time during which it was alive. A silence of the channel itself stops it."""
ALIVE_STEP_NS = 1_000_000_000

FLOOR_NS = 2.0e9
PATIENCE = 16.0
LEAST_GAPS, MOST_GAPS = 2.5, 4.5
"""A silence is between so many times as long as the longest usual gap, see `gaps_of`."""
CHANCE_NS = 1.0e9
MEAN_GAPS = 30.0
"""An instrument's is also as long as so many of its mean gaps."""
EXPECTED = 20.0
"""So many ticks of an instrument are missing, by what the symbol's other venues said meanwhile: if they are quiet too, it is the
market that is."""
FEW = 50
"""Messages of an instrument, and of its symbol's other venues, before these tell what was to be expected."""
LIQUID_NS = 5.0e9
"""Longer gaps are lulls, and those of small venues are their own: on two recorded days of IBM nine silences were told of
venues that usually say nothing for 19 to 730 s."""
SHORT_NS = 0.25e9
"""Gaps shorter than an eighth of the floor teach nothing of what is expected in long ones, and need not be looked at."""
WARM_UP = 100
"""Messages of an instrument before its gaps mean anything, and between two silences that are not learnt from."""
HALF_LIFE_NS = 600.0e9
_LN2 = math.log(2.0)

_SILENT = BY_NAME["silent"].bit


@kernel()
def gaps_of(count):  # type: ignore[no-untyped-def]
    """How many of its longest usual gaps a source may say nothing, when `count` gaps were seen.

    Long gaps are those between bursts, and these fall off exponentially, at a rate λ below the mean one. The longest of N is
    about ln N / λ, so P(gap > g) = exp(−λ g) < exp(−PATIENCE) / N from (1 + PATIENCE / ln N) times the longest on.
    """
    return min(max(1.0 + PATIENCE / math.log(float(max(count, 3))), LEAST_GAPS), MOST_GAPS)


@kernel()
def lull(longest_gap_ns):  # type: ignore[no-untyped-def]
    """How much more patience a source with long gaps is owed.

    Gaps below a second are chance, and fall off as `gaps_of` says. Longer ones are lulls of the market, whose lengths vary over
    decades: once more for each decade.
    """
    return 1.0 + math.log10(max(longest_gap_ns / CHANCE_NS, 1.0))


@kernel()
def threshold_ns(longest_gap_ns, mean_gap_ns, count, floor_ns):  # type: ignore[no-untyped-def]
    """The silence from which a source counts as silent."""
    return max(floor_ns, gaps_of(count) * lull(longest_gap_ns) * longest_gap_ns, MEAN_GAPS * mean_gap_ns)


@kernel()
def longest_after(longest_gap_ns, gap_ns):  # type: ignore[no-untyped-def]
    """The longest usual gap after one more; it fades, so that a lively hour is judged as such."""
    passed = gap_ns / HALF_LIFE_NS
    # Near nought a line is the power to a millionth, and costs a tenth.
    fade = 1.0 - _LN2 * passed if passed < 1e-3 else 2.0**-passed
    return max(gap_ns, longest_gap_ns * fade)


@kernel()
def tell_time(clock, now):  # type: ignore[no-untyped-def]
    """Move a channel's clock: it stands still where the channel says nothing for longer than a step."""
    if clock.last_time > 0:
        clock.alive_ns += min(max(now - clock.last_time, 0), ALIVE_STEP_NS)
    clock.last_time = now


@kernel()
def _mean_gap_ns(state, season, now):  # type: ignore[no-untyped-def]
    """An instrument's mean gap: of earlier days at this time, or of all its time."""
    usual = usual_gap_ns(season, state.last_time, now)
    return usual if usual > 0.0 else float(state.last_clock - state.first_clock) / max(state.ticks, 1)


@kernel()
def _threshold(state, season, now):  # type: ignore[no-untyped-def]
    return threshold_ns(state.longest_gap_ns, _mean_gap_ns(state, season, now), state.ticks, FLOOR_NS)


@kernel()
def _event(events, n, at, mode, state, threshold):  # type: ignore[no-untyped-def]
    """`at` is (row, instrument, time, measured)."""
    event = events[n]
    event.row, event.subject, event.time = at[0], at[1], at[2]
    event.first_ts = state.last_time
    event.measured = at[3]
    event.threshold = threshold
    event.reference = state.longest_gap_ns
    event.code = _SILENT
    event.mode = mode
    return n + 1


@kernel()
def _is_missed(instruments, seasons, heads, k, quiet_ns, now):  # type: ignore[no-untyped-def]
    """Has instrument `k` been quiet for its threshold, while other venues went on as usual?"""
    state = instruments[k]
    if state.silent == 1 or state.halted == 1 or state.ticks < WARM_UP:
        return False
    # Asked of every tick: what is below the floor need not be held against two logarithms, nor what its longest gap excuses
    # against the time of day, which lies elsewhere.
    if quiet_ns < FLOOR_NS or quiet_ns < threshold_ns(state.longest_gap_ns, 0.0, state.ticks, FLOOR_NS):
        return False
    if quiet_ns < _threshold(state, seasons[k], now):
        return False
    theirs = ticks_of_others(instruments, heads[state.symbol], k)
    return theirs == 0 or (theirs - state.others_ticks) * float(state.ticks) >= EXPECTED * theirs


@kernel()
def _unheard(state, theirs, alive_ns, gap_ns):  # type: ignore[no-untyped-def]
    """Ticks that were to be expected since the last one, by those that the symbol's other venues sent meanwhile.

    That time runs fast in lively moments and hardly at all in lulls, so that its gaps have no long tail. Where the channel itself
    said nothing, only the part of it counts in which the channel lived.
    """
    expected = float(theirs - state.others_ticks) * float(state.ticks) / float(max(theirs, 1))
    return expected * min(alive_ns / max(gap_ns, 1.0), 1.0)


@kernel()
def _others_go_on(instruments, head, k, since):  # type: ignore[no-untyped-def]
    """Have most of the symbol's other venues, and one at least, said something since a time?"""
    known, spoke, j = 0, 0, head
    while j >= 0:
        if j != k and instruments[j].ticks >= FEW:
            known += 1
            spoke += instruments[j].last_time >= since
        j = instruments[j].next
    return spoke > 0 and 2 * spoke >= known


@kernel()
def _is_left_behind(instruments, seasons, heads, k, quiet_ns, now):  # type: ignore[no-untyped-def]
    """Do the symbol's other venues say so much that instrument `k` would have spoken long since, threshold or not?"""
    state = instruments[k]
    if state.silent == 1 or state.halted == 1 or state.ticks < FEW or quiet_ns < FLOOR_NS:
        return False
    if state.longest_gap_ns > LIQUID_NS:
        return False
    # By its own time, too: one that hardly speaks owes nothing to a cluster of others' ticks, and it never said nothing for so
    # long. And it is not one venue alone that says so much.
    if quiet_ns < state.longest_gap_ns or quiet_ns < MEAN_GAPS * _mean_gap_ns(state, seasons[k], now):
        return False
    if not _others_go_on(instruments, heads[state.symbol], k, now - np.int64(0.5 * quiet_ns)):
        return False
    theirs = ticks_of_others(instruments, heads[state.symbol], k)
    usual = gaps_of(state.ticks) * float(state.longest_unheard)
    return _unheard(state, theirs, quiet_ns, float(now - state.last_time)) >= max(EXPECTED, usual)


@kernel()
def sweep(instruments, seasons, heads, clocks, now, at):  # type: ignore[no-untyped-def]
    """Open a silence for each instrument whose channel lived on for its threshold without it.

    `at` is (channel by instrument, events, their number); returns the number.
    """
    channel_of, events, n = at
    for k in range(len(instruments)):
        state = instruments[k]
        quiet_ns = clocks[channel_of[k]].alive_ns - state.last_clock
        if _is_missed(instruments, seasons, heads, k, quiet_ns, now):
            state.silent = 1
            threshold = _threshold(state, seasons[k], now)
            due = now - np.int64(quiet_ns - threshold)
            n = _event(events, n, (-1, k, due, float(due - state.last_time)), OPENS, state, threshold)
        elif _is_left_behind(instruments, seasons, heads, k, quiet_ns, now):
            state.silent = 1
            threshold = _threshold(state, seasons[k], now)
            n = _event(events, n, (-1, k, now, float(now - state.last_time)), OPENS, state, threshold)
    return n


@kernel()
def hear(instruments, seasons, heads, gap, clock, at):  # type: ignore[no-untyped-def]
    """An instrument speaks after `gap` ns: learn it, close its silence, one that no sweep saw included.

    `at` is (row, instrument, events, their number); returns the number.
    """
    i, k, events, n = at
    state = instruments[k]
    if state.ticks == 0:
        state.first_clock = seasons[k].clock = clock
        return n
    alive = min(gap, float(clock - state.last_clock))
    now = state.last_time + np.int64(gap)
    if _is_missed(instruments, seasons, heads, k, alive, now):
        state.silent = 1
        threshold = _threshold(state, seasons[k], now)
        due = now - np.int64(alive - threshold)
        n = _event(events, n, (-1, k, due, float(due - state.last_time)), OPENS, state, threshold)
    learnt = alive > 0.5 * gap
    if gap >= QUARTER_NS:
        learnt = learnt and not is_pause(seasons[k], state.last_time, now)
    if state.silent == 1:
        state.silent = 0
        threshold = _threshold(state, seasons[k], now)
        n = _event(events, n, (i, k, now, gap), CLOSES, state, threshold)
        learnt = state.ticks - state.spoke < WARM_UP
        state.spoke = state.ticks
        alive = min(alive, threshold)
    if learnt:
        state.longest_gap_ns = longest_after(state.longest_gap_ns, alive)
        if gap >= SHORT_NS:
            theirs = ticks_of_others(instruments, heads[state.symbol], k)
            faded = float(state.longest_unheard) * 2.0 ** (-gap / HALF_LIFE_NS)
            state.longest_unheard = max(_unheard(state, theirs, alive, gap), faded)
    return n


@kernel()
def tell_quarter(state, season, now, clock, was_halted):  # type: ignore[no-untyped-def]
    """Learn what is usual at a time of day, by any message of an instrument that spoke before, once `hear` has heard it."""
    if state.ticks == 0 or state.last_time // QUARTER_NS >= now // QUARTER_NS:
        return
    # A silence since the quarter began, one that goes on, or one that this message ended.
    was_silent = state.silent == 1 or state.spoke > season.ticks or state.spoke == state.ticks
    turn(season, state.last_time, now, (state.ticks, was_silent or was_halted), (state.last_clock, clock))

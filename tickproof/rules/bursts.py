"""Messages without information, compiled: many times the busiest second so far, while prices hardly move."""

from __future__ import annotations

from tickproof.instrument.consensus import Instruments
from tickproof.kernel import kernel
from tickproof.rules.context import SUSPECT, add_fact
from tickproof.rules.reasons import bit_of
from tickproof.ticks.records import Record

BURST_TICKS = 1_000
BURST_TIMES = 10.0
"""Times the busiest second so far, where a symbol has no other venue."""
BURST_MOVES = 0.02
BURST_HISTORY = 2_000
"""Ticks before a second means anything."""
LONE_TICKS, LONE_TIMES, LONE_MOVES = 100, 4.0, 0.2
"""Where it has other venues: so many ticks, times the busiest second, and times the usual share that moves a price."""
LONE_OTHERS = 0.25
"""All other venues sent at most so many ticks for each of the burst's. In 26 recorded seconds of BAC and IBM with 4 to 16 times
the busiest second so far and no move, whose sizes flicker as the market trades, the others sent 0.9 times as many or more."""
LONE_HISTORY = 300
OTHERS_TIMES = 2.0
"""Another venue that is so many times as busy as ever shares the burst."""
BUSIEST_HALF_LIFE_S = 600.0
SECOND_NS = 1_000_000_000

_BURST = bit_of("burst")


@kernel(forceinline=True)
def check_burst(now: int, context: Record, instrument: Record, instruments: Instruments) -> None:
    """Count a tick into its second, and add a burst where that second is far busier than any before without price moves."""
    second = now // SECOND_NS
    if second != instrument.burst_second:
        _begin_second(instrument, second)
    instrument.burst_ticks += 1
    if instrument.burst_ticks < LONE_TICKS or float(instrument.burst_ticks) < LONE_TIMES * instrument.busiest:
        return
    if _is_lone_burst(context, instrument, instruments):
        _add_burst(context, instrument, LONE_TIMES)
    elif _is_gross_burst(context, instrument, instruments):
        _add_burst(context, instrument, BURST_TIMES)


@kernel()
def _begin_second(instrument: Record, second: int) -> None:
    """Learn the second that is over, and begin another one."""
    passed = float(max(second - instrument.burst_second, 0))
    # A burst does not make the next one usual at once.
    learnt = min(float(instrument.burst_ticks), max(2.0 * instrument.busiest, float(LONE_TICKS)))
    if instrument.burst_ticks > 0:
        share = float(instrument.burst_moves) / float(instrument.burst_ticks)
        instrument.moved_share += (share - instrument.moved_share) * max(0.02, 1.0 / (1.0 + 0.05 * instrument.ticks))
    instrument.busiest = max(instrument.busiest * 2.0 ** (-min(passed, 1e5) / BUSIEST_HALF_LIFE_S), learnt)
    instrument.burst_second = second
    instrument.burst_ticks = 0
    instrument.burst_moves = 0


@kernel()
def _is_lone_burst(context: Record, instrument: Record, instruments: Instruments) -> bool:
    """Return whether one venue is busier than ever without a move, while the symbol's other venues, if it has some, are not."""
    if instrument.ticks - instrument.burst_ticks < LONE_HISTORY:
        return False
    ticks = float(instrument.burst_ticks)
    if float(instrument.burst_moves) > LONE_MOVES * float(instrument.moved_share) * ticks:
        return False
    others, known, j = 0, 0, instruments.heads[instrument.symbol]
    while j >= 0:
        other = instruments.rows[j]
        if j != context.instrument:
            known += other.ticks
            # The second before counts, too: who leads and who follows is not known.
            if other.burst_second >= instrument.burst_second - 1:
                others += other.burst_ticks
        j = other.next
    return known >= LONE_HISTORY and float(others) <= LONE_OTHERS * ticks


@kernel()
def _is_gross_burst(context: Record, instrument: Record, instruments: Instruments) -> bool:
    """Return whether a second is so busy, without moves, that no other venue need be asked but for a burst of its own."""
    ticks = float(instrument.burst_ticks)
    if instrument.burst_ticks < BURST_TICKS or ticks < BURST_TIMES * instrument.busiest:
        return False
    if float(instrument.burst_moves) > BURST_MOVES * ticks or instrument.ticks < BURST_HISTORY:
        return False
    j = instruments.heads[instrument.symbol]
    while j >= 0:
        other = instruments.rows[j]
        is_same_second = j != context.instrument and other.burst_second == instrument.burst_second
        if is_same_second and float(other.burst_ticks) > OTHERS_TIMES * other.busiest:
            return False
        j = other.next
    return True


@kernel()
def _add_burst(context: Record, instrument: Record, times: float) -> None:
    busiest = 1.0 * instrument.busiest  # in double precision
    add_fact(context, _BURST, SUSPECT, (float(instrument.burst_ticks), times * busiest, busiest))

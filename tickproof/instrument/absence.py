"""Evidence that an instrument is silent, compiled: messages missing by its own rate and by what its other venues did meanwhile.

Seconds with a message are counted, and not messages, so that a cluster counts once. What the market does is a factor on all its
venues' rates, of which the other venues' seconds since the last message tell as much as there are: with `seen` of `expected`
seconds the factor has a gamma distribution, and the chance of no second where `missing` were to be expected is
(1 + missing / (1 + expected))^−(1 + seen). With many seconds seen it is e^−missing; where the others rest, too, it stays near 1,
and a lull, a halt or a lunch break of all venues is no silence of one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from tickproof.findings.emit import EventLog
from tickproof.instrument.evidence import BUDGET, bound_of, end_run
from tickproof.instrument.silence import FLOOR_NS, Liveness, open_silence
from tickproof.kernel import kernel
from tickproof.ticks.records import Record, Records

SECOND_NS = 1_000_000_000
KNOWN = 60
"""Seconds with a message from which an instrument's rate is known."""
SECONDS_KEPT = 200.0
LONGEST = 20.0
"""A gap of more mean gaps teaches no more than one of so many."""
START = 1.0
"""What is missing by less is no evidence to speak of."""
MOST_SHARE = 0.95
"""Share of seconds with a message that is taken for a certainty."""
SPARSEST_S = 8.0
"""Of an instrument with less than a message in so many seconds too few gaps are seen to know their tail; and venues that hardly
trade a name rest on their own."""
CROWDED = 6
"""Messages of a second with any, on average, from which an instrument is not sparse: it comes and goes with the best price, as
BAC's quotes on EDGX, with 9 to 18, which rested for minutes on a recorded day."""
LEAST_NS = 2_000_000_000
"""Gaps from which a run teaches."""
SILENT_NS, TIMES_LONGEST = 20.0e9, 2.0
"""A silence is so long, and so many times the longest usual gap: rates fall fast after an open, and each venue's in its own way.
On a recorded day IBM's quotes on one venue paused for 15 and 25 s in the first three minutes. Feeds with many messages have their
silences found by `silence` before."""
LEAST = 8.0
"""Evidence below is never enough, and need not be held against the others."""


class Others(NamedTuple):
    """The symbol's other venues: how many are known, their seconds with a message so far, and these a second, usually."""

    venues: int
    seconds: int
    rate: float


@kernel()
def _others(liveness: Liveness, evidence: Records, number: int) -> Others:
    """Return what the symbol's other venues do."""
    instruments = liveness.instruments
    venues, seconds, rate = 0, 0, 0.0
    j = instruments.heads[instruments.rows[number].symbol]
    while j >= 0:
        other = evidence[j]
        if j != number and other.seconds >= KNOWN:
            venues += 1
            # From there on: a venue that becomes known is no activity.
            seconds += other.seconds - KNOWN
            rate += 1.0 / max(other.gap_s, 1.0)
        j = instruments.rows[j].next
    return Others(venues, seconds, rate)


@kernel()
def _rate(mine: Record) -> float:
    """Return how often a second it would be heard, were arrivals chance: −ln of the share of seconds without a message."""
    return _rate_of(1.0 / max(mine.gap_s, 1.0))


@kernel()
def _rate_of(share: float) -> float:
    """Return −ln of the share of seconds without a message."""
    return -math.log(1.0 - min(share, MOST_SHARE))


@kernel()
def _evidence(liveness: Liveness, evidence: Records, number: int, alive_ns: float, gap_ns: float) -> float:
    """Return −ln of how likely a gap is if the instrument is sound; 0 where no other venue tells."""
    mine = evidence[number]
    gap_s = 1e-9 * gap_ns
    # Where the channel sent nothing itself, only the part of the gap counts in which it was alive.
    missing = gap_s * _rate(mine) * min(alive_ns / max(gap_ns, 1.0), 1.0)
    if missing < START:
        return 0.0
    others = _others(liveness, evidence, number)
    if others.venues == 0:
        return 0.0
    expected = gap_s * others.rate
    # A second has a message or none, however many there are: from the shares of seconds to the factor on rates. A venue that is
    # busier than usual says nothing about this one.
    share = float(others.seconds - mine.others_seconds) / (gap_s * others.venues)
    seen = expected * min(_rate_of(share) / _rate_of(others.rate / others.venues), 1.0)
    return (1.0 + seen) * math.log(1.0 + missing / (1.0 + expected))


@kernel(forceinline=True)
def observe_activity(liveness: Liveness, evidence: Records, number: int, now: int) -> None:
    """Learn from a message how long an instrument's gaps are; before the instrument itself learns from it."""
    second = now // SECOND_NS
    if second != evidence[number].second:
        _observe_second(liveness, evidence, number, now)


@kernel()
def _observe_second(liveness: Liveness, evidence: Records, number: int, now: int) -> None:
    mine, instrument = evidence[number], liveness.instruments.rows[number]
    gap_s = float(now // SECOND_NS - mine.second)
    if mine.seconds > 0:
        gap_ns = float(max(now - instrument.last_time, 0))
        alive = float(liveness.clocks[liveness.channel_of[number]].alive_ns - instrument.last_clock)
        is_usual = alive > 0.5 * gap_ns and not instrument.halted
        if is_usual and mine.seconds >= KNOWN and gap_ns >= LEAST_NS:
            end_run(mine.silent, _evidence(liveness, evidence, number, alive, gap_ns), BUDGET.SILENT)
        if is_usual and not instrument.silent:
            clipped = min(gap_s, LONGEST * max(mine.gap_s, 1.0)) if mine.seconds >= KNOWN else gap_s
            mine.gap_s += (clipped - mine.gap_s) / min(float(mine.seconds), SECONDS_KEPT)
    mine.second = now // SECOND_NS
    mine.seconds += 1
    mine.others_seconds = _others(liveness, evidence, number).seconds


@kernel()
def sweep_absences(liveness: Liveness, evidence: Records, now: int, log: EventLog) -> None:
    """Open a silence for each instrument whose other venues go on as usual, from so much evidence on as its budget asks for."""
    rows = liveness.instruments.rows
    for number in range(len(rows)):
        alive = float(liveness.clocks[liveness.channel_of[number]].alive_ns - rows[number].last_clock)
        if alive >= FLOOR_NS and not rows[number].silent:
            _check_absence(liveness, evidence, number, now, log)


@kernel()
def _check_absence(liveness: Liveness, evidence: Records, number: int, now: int, log: EventLog) -> None:
    instrument, mine = liveness.instruments.rows[number], evidence[number]
    if instrument.halted or mine.seconds < KNOWN or mine.gap_s > SPARSEST_S:
        return
    if instrument.ticks > CROWDED * mine.seconds:
        return
    if instrument.quotes < KNOWN:
        # Nobody has to trade: venues of which there are only trades rest for minutes while others go on.
        return
    alive = float(liveness.clocks[liveness.channel_of[number]].alive_ns - instrument.last_clock)
    gap_ns = float(now - instrument.last_time)
    if gap_ns < max(SILENT_NS, TIMES_LONGEST * instrument.longest_gap_ns) or 1e-9 * alive * _rate(mine) < LEAST:
        return
    found = _evidence(liveness, evidence, number, alive, gap_ns)
    if found >= LEAST and found >= bound_of(mine.silent, BUDGET.SILENT):
        open_silence(liveness, number, now, gap_ns, log)

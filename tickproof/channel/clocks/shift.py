"""Small shifts of a venue's clock, by evidence that adds up: a constant of a millisecond, a drift of parts in a million.

`offset` and `drift` find what a few messages or seconds show, on channels with many messages. Here the lowest lag of
each block of messages is held against the usual one: a cumulative sum of its deviations, in usual steps from one block to the
next (Page, Biometrika 41 (1954) 100), with a bound by the tail of the channel's own sums (`instrument.evidence`), so that a
network whose ways change all the time needs more. What the blocks since the sum left zero look like decides which it is:

============  ==========================================  ====================================================
alternative   blocks since the sum left zero              not a queue, because
============  ==========================================  ====================================================
offset        lie within a band about one level           it came at once and stays as it is, and messages are
                                                          no more apart within a block than before
drift         lie on a straight line                      it rises evenly for long
============  ==========================================  ====================================================

It ends when blocks lie off what was found, for LEAVES of them, or after ACCEPTED_NS, when it is the new usual.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np

from tickproof.channel.event_time import ns_between
from tickproof.channel.message import Message
from tickproof.findings.emit import EventLog, Occurrence, code_bit, emit
from tickproof.findings.event import Mode
from tickproof.instrument.evidence import BUDGET, TAIL, bound_of, end_run
from tickproof.kernel import kernel
from tickproof.ticks.records import Record

SHIFT = np.dtype(
    [
        # The block that is not over.
        ("began", "<i8"),
        ("count", "<i8"),
        ("lowest", "<f8"),
        ("sum", "<f8"),
        # What is usual: the lowest lag of a block, its step from one to the next, how far above it messages are; blocks so far.
        ("level", "<f8"),
        ("noise", "<f8"),
        ("spread", "<f8"),
        ("last", "<f8"),
        ("blocks", "<i8"),
        # The sums, upwards and downwards, their tail, and the blocks since the larger one left zero: moments of time (s) and lag.
        ("sums", "<f8", (2,)),
        ("tail", TAIL),
        ("side", "<i8"),
        ("since", "<i8"),
        ("n", "<f8"),
        ("t", "<f8"),
        ("tt", "<f8"),
        ("x", "<f8"),
        ("tx", "<f8"),
        ("xx", "<f8"),
        ("above", "<f8"),
        # What was found: a State, since when, its line, and blocks in a row that lie off it.
        ("state", "<i8"),
        ("found_at", "<i8"),
        ("offset", "<f8"),
        ("slope", "<f8"),
        ("leaves", "<i8"),
        # The usual level before what was found, until lags are back there; 0 for none.
        ("home", "<f8"),
    ]
)
"""What this module remembers of a channel; times in ns, lags in ns."""


class State(IntEnum):
    """What was found."""

    USUAL = 0
    OFFSET = 1
    DRIFT = 2


MESSAGES, BLOCK_NS = 6, 2_000_000_000
"""A block has so many messages at least, and takes so long."""
FARTHEST_NS = 60.0e9
"""Lags beyond are for `clock_offset`."""
KNOWN = 20
"""Blocks from which it is known what is usual."""
WEIGHT = 0.02
LEAST_NOISE_NS = 20.0e3
CLIP, ALLOWANCE = 6.0, 1.5
"""A block counts at most so many steps, less the allowance."""
LEAST_NS, LEAST_STEPS = 300.0e3, 4.0
"""A shift is so far, and so many usual steps."""
OFFSET_BLOCKS, OFFSET_NS = 5, 12_000_000_000
DRIFT_BLOCKS, DRIFT_NS = 10, 30_000_000_000
BAND, USUAL_SCATTER = 0.15, 1.5
"""Deviation of blocks from their level or line, as a share of the shift; or in usual steps, as a fault of the clock leaves the
scatter as it is."""
FLAT = 0.4
"""An offset's blocks have a trend that goes at most this share of the shift."""
APART = 2.0
"""Messages of a block are at most so many times as far above the lowest as usual."""
STEEPEST = 1.0e6
"""A drift of more ns a second is for `clock_drift`."""
NEAR = 3.0
"""Usual steps from a level at which a block is there."""
LEAVES = 2
ACCEPTED_NS = 300_000_000_000
_OFFSET, _DRIFT = code_bit("clock_offset"), code_bit("clock_drift")


@kernel(forceinline=True)
def follow_shift(message: Message, clock: Record, shift: Record, log: EventLog) -> None:
    """Take the lag of one message of the main sequence that has a venue time; `clock` is what `clock_offset` knows."""
    lag = ns_between(message.row.ts_event, message.row.ts_recv)
    if clock.has_offset == 1 or clock.is_drifting == 1 or abs(lag) > FARTHEST_NS:
        # What is found there is not found here, too, and says nothing about the tail of the sums.
        shift.count = 0
        if shift.state == State.USUAL:
            _forget(shift)
        return
    if shift.count == 0:
        shift.began, shift.lowest, shift.sum = message.now, lag, 0.0
    shift.count += 1
    shift.lowest = min(shift.lowest, lag)
    shift.sum += lag
    if shift.count >= MESSAGES and message.now - shift.began >= BLOCK_NS:
        _close_block(message, shift, log)
        shift.count = 0


@kernel()
def _close_block(message: Message, shift: Record, log: EventLog) -> None:
    """Take a block that is over."""
    lowest, above = shift.lowest, shift.sum / float(shift.count) - shift.lowest
    if shift.blocks < KNOWN:
        _learn(shift, lowest, above, 1.0 / float(shift.blocks + 1))
        return
    if shift.state != State.USUAL:
        _follow_found(message, shift, lowest, above, log)
        return
    unit = max(shift.noise, LEAST_NOISE_NS)
    if shift.home != 0.0 and abs(lowest - shift.home) <= NEAR * unit and abs(lowest - shift.level) > NEAR * unit:
        # The clock was set right.
        _accept(shift, shift.home)
    steps = (lowest - shift.level) / unit
    _add_up(message.now, shift, steps, lowest, above)
    if shift.n == 0.0:
        _learn(shift, lowest, above, WEIGHT)
        return
    if max(shift.sums[0], shift.sums[1]) >= bound_of(shift.tail, BUDGET.CLOCK):
        _decide(message, shift, log)
    elif message.now - shift.since > ACCEPTED_NS:
        _accept(shift, lowest)


@kernel()
def _learn(shift: Record, lowest: float, above: float, weight: float) -> None:
    """Learn from a block what is usual."""
    if shift.blocks > 0:
        step = abs(lowest - shift.last)
        clipped = step if shift.blocks < KNOWN else min(step, 4.0 * max(shift.noise, LEAST_NOISE_NS))
        shift.noise += (clipped - shift.noise) * max(weight, WEIGHT)
    shift.level += (lowest - shift.level) * weight
    shift.spread += (above - shift.spread) * weight
    shift.last = lowest
    shift.blocks += 1


@kernel()
def _add_up(now: int, shift: Record, steps: float, lowest: float, above: float) -> None:
    """Add a block's deviation to both sums; keep moments of the blocks since the larger one left zero."""
    clipped = min(max(steps, -CLIP), CLIP)
    before = max(shift.sums[0], shift.sums[1])
    shift.sums[0] = max(shift.sums[0] + clipped - ALLOWANCE, 0.0)
    shift.sums[1] = max(shift.sums[1] - clipped - ALLOWANCE, 0.0)
    side = 0 if shift.sums[0] >= shift.sums[1] else 1
    if before > 0.0 and (shift.sums[side] == 0.0 or side != shift.side):
        end_run(shift.tail, before, BUDGET.CLOCK)
        shift.n = 0.0
    if shift.sums[side] == 0.0:
        return
    deviation = abs(lowest - shift.level)
    if 0.0 < shift.n <= 2.0 and deviation > 3.0 * abs(shift.x) / shift.n + max(shift.noise, LEAST_NOISE_NS):
        # The block in which it began, or chance before it: the lowest lag there is one from before.
        shift.n = 0.0
    if shift.n == 0.0:
        shift.since, shift.side = now, side
        shift.t = shift.tt = shift.x = shift.tx = shift.xx = shift.above = 0.0
    # Lags are taken from the level: their squares would lose the small difference.
    t, x = 1e-9 * float(now - shift.since), lowest - shift.level
    shift.n += 1.0
    shift.t += t
    shift.tt += t * t
    shift.x += x
    shift.tx += t * x
    shift.xx += x * x
    shift.above += above


@kernel()
def _decide(message: Message, shift: Record, log: EventLog) -> None:
    """Decide whether the blocks since the sum left zero are an offset, a drift, or neither yet."""
    n, now = shift.n, message.now
    mean, variance_t = shift.x / n, shift.tt - shift.t * shift.t / n
    if n < OFFSET_BLOCKS or now - shift.since < OFFSET_NS or variance_t <= 0.0:
        return
    slope = (shift.tx - shift.t * shift.x / n) / variance_t
    seconds = 1e-9 * float(now - shift.since)
    about_mean = max(shift.xx / n - mean * mean, 0.0)
    about_line = max(about_mean - slope * slope * variance_t / n, 0.0)
    least = max(LEAST_NS, LEAST_STEPS * shift.noise)
    is_together = shift.above / n <= APART * max(shift.spread, LEAST_NOISE_NS)
    scatter = USUAL_SCATTER * max(shift.noise, LEAST_NOISE_NS)
    if (
        abs(mean) >= least
        and math.sqrt(about_mean) <= max(BAND * abs(mean), scatter)
        and abs(slope) * seconds <= FLAT * abs(mean)
    ):
        if is_together:
            _open(message, shift, State.OFFSET, mean, 0.0, log)
        return
    moved = abs(slope) * seconds
    is_long = n >= DRIFT_BLOCKS and now - shift.since >= DRIFT_NS
    if (
        is_long
        and is_together
        and moved >= least
        and abs(slope) <= STEEPEST
        and math.sqrt(about_line) <= max(BAND * moved, scatter)
    ):
        _open(message, shift, State.DRIFT, mean - slope * shift.t / n, slope, log)


@kernel()
def _open(message: Message, shift: Record, state: int, offset: float, slope: float, log: EventLog) -> None:
    shift.state, shift.found_at, shift.offset, shift.slope, shift.leaves = state, message.now, offset, slope, 0
    code, measured = (_OFFSET, offset) if state == State.OFFSET else (_DRIFT, slope)
    if shift.home == 0.0:
        shift.home = shift.level
    what = Occurrence(message.row_index, message.now, shift.since, measured, shift.noise, shift.level)
    emit(log, code, Mode.OPENS, what)


@kernel()
def _follow_found(message: Message, shift: Record, lowest: float, above: float, log: EventLog) -> None:
    """Count blocks that lie off what was found; close it after enough of them, or when it is the new usual."""
    expected = shift.level + shift.offset + shift.slope * 1e-9 * float(message.now - shift.since)
    room = max(0.5 * abs(expected - shift.level), LEAST_STEPS * max(shift.noise, LEAST_NOISE_NS))
    shift.leaves = shift.leaves + 1 if abs(lowest - expected) > room else 0
    is_accepted = message.now - shift.found_at > ACCEPTED_NS
    if shift.leaves < LEAVES and not is_accepted:
        return
    code, measured = (_OFFSET, shift.offset) if shift.state == State.OFFSET else (_DRIFT, shift.slope)
    what = Occurrence(message.row_index, message.now, message.now, measured, shift.noise, shift.level)
    emit(log, code, Mode.CLOSES, what)
    end_run(shift.tail, max(shift.sums[0], shift.sums[1]), BUDGET.CLOCK)
    shift.state = State.USUAL
    is_back = abs(lowest - shift.level) <= LEAST_STEPS * max(shift.noise, LEAST_NOISE_NS)
    if is_back:
        shift.home = 0.0
        _forget(shift)
    else:
        _accept(shift, lowest)


@kernel()
def _forget(shift: Record) -> None:
    """Begin the sums anew."""
    shift.sums[0] = shift.sums[1] = 0.0
    shift.n = 0.0


@kernel()
def _accept(shift: Record, lowest: float) -> None:
    """Take a new level as the usual one."""
    _forget(shift)
    shift.level = shift.last = lowest
    if abs(lowest - shift.home) <= NEAR * max(shift.noise, LEAST_NOISE_NS):
        shift.home = 0.0

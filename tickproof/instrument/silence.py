"""How long a channel or an instrument may send nothing, compiled: learnt from its own longest gap.

An instrument is `silent` from the moment its channel has lived on for the instrument's threshold without it until its next
message. Earlier days show what is usual at a time of day (`time_of_day`). A gap that ended a silence is not learnt, or one
silence would hide the next, unless silences follow so fast that this is how the source behaves now; nor is a gap in which the
whole channel sent nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.findings.emit import EventLog, Occurrence, emit
from tickproof.findings.event import Mode, NoRow
from tickproof.findings.finding import BY_NAME
from tickproof.instrument.consensus import Instruments, others_ticks
from tickproof.instrument.time_of_day import QUARTER_NS, Activity, end_quarter, is_pause, usual_gap_ns
from tickproof.kernel import kernel
from tickproof.ticks.records import Record, Records

CHANNEL_ONLY = 1 << 62
"""Bit of `ROW.reasons`, inside only: this heartbeat shows that its channel lives, and not its symbols, which all send nothing."""
CLOCK = np.dtype([("last_time", "<i8"), ("alive_ns", "<i8")])
"""A channel's clock within the shard: event time during which it was alive. A silence of the channel itself stops it."""
ALIVE_STEP_NS = 1_000_000_000
_NO_ROW = int(NoRow.CHANNEL)

FLOOR_NS = 2.0e9
PATIENCE = 16.0
LEAST_GAPS, MOST_GAPS = 2.5, 4.5
"""A silence is between so many times as long as the longest usual gap, see `gaps_of`."""
CHANCE_NS = 1.0e9
MEAN_GAPS = 30.0
"""An instrument's silence is also as long as so many of its mean gaps."""
EXPECTED = 20.0
"""Ticks of an instrument that must be missing, by what the symbol's other venues sent meanwhile: if they are quiet too, it is the
market that is."""
FEW = 50
"""Messages of an instrument, and of its symbol's other venues, from which these show what was to be expected."""
LIQUID_NS = 5.0e9
"""Longer gaps are lulls, and those of small venues are their own: on two recorded days of IBM nine silences were reported of
venues that usually send nothing for 19 to 730 s."""
SHORT_NS = 0.25e9
"""Gaps shorter than an eighth of the floor teach nothing about what is expected in long ones, and need not be looked at."""
WARM_UP = 100
"""Messages of an instrument before its gaps mean anything, and between two silences that are not learnt from."""
HALF_LIFE_NS = 600.0e9
_LN2 = math.log(2.0)

_SILENT = BY_NAME["silent"].bit


class Liveness(NamedTuple):
    """What shows whether instruments live.

    Attributes
    ----------
    instruments : Instruments
    seasons : array of SEASON
        By instrument.
    clocks : array of CLOCK
        By channel.
    channel_of : int64 array
        By instrument, its primary channel: the one that its first message came by, whose clock it goes by.
    """

    instruments: Instruments
    seasons: Records
    clocks: Records
    channel_of: npt.NDArray[np.int64]


@kernel()
def gaps_of(count: int) -> float:
    """Return how many of its longest usual gaps a source may send nothing, when `count` gaps were seen.

    Long gaps are those between bursts, and these fall off exponentially, at a rate λ below the mean one. The longest of N is
    about ln N / λ, so P(gap > g) = exp(−λ g) < exp(−PATIENCE) / N from (1 + PATIENCE / ln N) times the longest on.
    """
    return min(max(1.0 + PATIENCE / math.log(float(max(count, 3))), LEAST_GAPS), MOST_GAPS)


@kernel()
def lull(longest_gap_ns: float) -> float:
    """Return how much more patience a source with long gaps is given, as a factor.

    Gaps below a second are chance, and fall off as in `gaps_of`. Longer ones are lulls of the market, whose lengths vary over
    decades: once more for each decade.
    """
    return 1.0 + math.log10(max(longest_gap_ns / CHANCE_NS, 1.0))


@kernel()
def threshold_ns(longest_gap_ns: float, mean_gap_ns: float, count: int, floor_ns: float) -> float:
    """Return the gap from which a source counts as silent, ns."""
    return max(floor_ns, gaps_of(count) * lull(longest_gap_ns) * longest_gap_ns, MEAN_GAPS * mean_gap_ns)


@kernel()
def longest_after(longest_gap_ns: float, gap_ns: float) -> float:
    """Return the longest usual gap after one more, ns; it fades, so that a lively hour is measured by itself."""
    passed = gap_ns / HALF_LIFE_NS
    # Near zero a line is the power to a millionth, and costs a tenth.
    fade = 1.0 - _LN2 * passed if passed < 1e-3 else 2.0**-passed
    return max(gap_ns, longest_gap_ns * fade)


@kernel()
def advance_clock(clock: Record, now: int) -> None:
    """Move a channel's clock to `now`; it stops while the channel sends nothing for longer than a step."""
    if clock.last_time > 0:
        clock.alive_ns += min(max(now - clock.last_time, 0), ALIVE_STEP_NS)
    clock.last_time = now


@kernel()
def _mean_gap_ns(instrument: Record, season: Record, now: int) -> float:
    """Return an instrument's mean gap, ns: of earlier days at this time, or of all its time."""
    usual = usual_gap_ns(season, instrument.last_time, now)
    return usual if usual > 0.0 else float(instrument.last_clock - instrument.first_clock) / max(instrument.ticks, 1)


@kernel()
def _threshold_now(instrument: Record, season: Record, now: int) -> float:
    """Return the gap from which an instrument counts as silent at this time of day, ns."""
    return threshold_ns(instrument.longest_gap_ns, _mean_gap_ns(instrument, season, now), instrument.ticks, FLOOR_NS)


@kernel(forceinline=True)
def _is_overdue(liveness: Liveness, number: int, quiet_ns: float, now: int) -> bool:
    """Return whether an instrument has sent nothing for its threshold, while other venues went on as usual."""
    instruments = liveness.instruments
    instrument = instruments.rows[number]
    if instrument.silent or instrument.halted or instrument.ticks < WARM_UP:
        return False
    # Asked at every tick: what is below the floor need not be held against two logarithms, nor what its longest gap excuses
    # against the time of day, which lies elsewhere in memory.
    if quiet_ns < FLOOR_NS or quiet_ns < threshold_ns(instrument.longest_gap_ns, 0.0, instrument.ticks, FLOOR_NS):
        return False
    if quiet_ns < _threshold_now(instrument, liveness.seasons[number], now):
        return False
    others = others_ticks(instruments.rows, instruments.heads[instrument.symbol], number)
    return others == 0 or (others - instrument.others_ticks) * float(instrument.ticks) >= EXPECTED * others


@kernel()
def _missed_ticks(instrument: Record, others: int, alive_ns: float, gap_ns: float) -> float:
    """Return how many ticks were to be expected since the last one, by what the symbol's other venues sent meanwhile.

    That clock runs fast in lively moments and hardly at all in lulls, so that its gaps have no long tail. Where the channel
    itself sent nothing, only the part of the gap counts in which the channel was alive.
    """
    expected = float(others - instrument.others_ticks) * float(instrument.ticks) / float(max(others, 1))
    return expected * min(alive_ns / max(gap_ns, 1.0), 1.0)


@kernel()
def _others_continue(rows: Records, head: int, asking: int, since: int) -> bool:
    """Return whether most of the symbol's other venues, and at least one, have sent a message since a time."""
    known, active, j = 0, 0, head
    while j >= 0:
        if j != asking and rows[j].ticks >= FEW:
            known += 1
            active += rows[j].last_time >= since
        j = rows[j].next
    return active > 0 and 2 * active >= known


@kernel()
def _is_left_behind(liveness: Liveness, number: int, quiet_ns: float, now: int) -> bool:
    """Return whether the symbol's other venues sent so much that an instrument is silent before its threshold."""
    instruments = liveness.instruments
    instrument = instruments.rows[number]
    if instrument.silent or instrument.halted or instrument.ticks < FEW or quiet_ns < FLOOR_NS:
        return False
    if instrument.longest_gap_ns > LIQUID_NS:
        return False
    # Its own time counts, too: an instrument that sends little is not silent because of a cluster of others' ticks, nor within
    # its longest usual gap. And it must not be one venue alone that sends so much.
    if quiet_ns < instrument.longest_gap_ns:
        return False
    if quiet_ns < MEAN_GAPS * _mean_gap_ns(instrument, liveness.seasons[number], now):
        return False
    head = instruments.heads[instrument.symbol]
    if not _others_continue(instruments.rows, head, number, now - int(0.5 * quiet_ns)):
        return False
    others = others_ticks(instruments.rows, head, number)
    usual = gaps_of(instrument.ticks) * float(instrument.longest_missed)
    return _missed_ticks(instrument, others, quiet_ns, float(now - instrument.last_time)) >= max(EXPECTED, usual)


@kernel()
def open_silence(liveness: Liveness, number: int, due: int, threshold: float, log: EventLog) -> None:
    """Mark an instrument as silent since its last message, known at `due`."""
    instrument = liveness.instruments.rows[number]
    instrument.silent = True
    began = instrument.last_time
    what = Occurrence(_NO_ROW, due, began, float(due - began), threshold, instrument.longest_gap_ns)
    emit(log, _SILENT, Mode.OPENS, what).subject = number


@kernel()
def _open_overdue(liveness: Liveness, number: int, quiet_ns: float, now: int, log: EventLog) -> None:
    """Open the silence of an overdue instrument at the time when its threshold was reached."""
    threshold = _threshold_now(liveness.instruments.rows[number], liveness.seasons[number], now)
    open_silence(liveness, number, now - int(quiet_ns - threshold), threshold, log)


@kernel()
def sweep(liveness: Liveness, now: int, log: EventLog) -> None:
    """Open a silence for each instrument whose channel lived on for its threshold without it."""
    rows = liveness.instruments.rows
    for number in range(len(rows)):
        quiet_ns = liveness.clocks[liveness.channel_of[number]].alive_ns - rows[number].last_clock
        if _is_overdue(liveness, number, quiet_ns, now):
            _open_overdue(liveness, number, quiet_ns, now, log)
        elif _is_left_behind(liveness, number, quiet_ns, now):
            open_silence(liveness, number, now, _threshold_now(rows[number], liveness.seasons[number], now), log)


@kernel(forceinline=True)
def observe_message(liveness: Liveness, number: int, row: int, gap: float, log: EventLog) -> None:
    """Learn the gap of `gap` ns that ends with a message, and close the silence that it ends, one that no sweep saw included."""
    rows = liveness.instruments.rows
    instrument, season = rows[number], liveness.seasons[number]
    clock = liveness.clocks[liveness.channel_of[number]].alive_ns
    if instrument.ticks == 0:
        instrument.first_clock = season.clock = clock
        return
    alive = min(gap, float(clock - instrument.last_clock))
    now = instrument.last_time + int(gap)
    if _is_overdue(liveness, number, alive, now):
        _open_overdue(liveness, number, alive, now, log)
    is_usual = alive > 0.5 * gap
    if gap >= QUARTER_NS:
        is_usual = is_usual and not is_pause(season, instrument.last_time, now)
    if instrument.silent:
        instrument.silent = False
        threshold = _threshold_now(instrument, season, now)
        what = Occurrence(row, now, instrument.last_time, gap, threshold, instrument.longest_gap_ns)
        emit(log, _SILENT, Mode.CLOSES, what).subject = number
        is_usual = instrument.ticks - instrument.ticks_at_reply < WARM_UP
        instrument.ticks_at_reply = instrument.ticks
        alive = min(alive, threshold)
    if is_usual:
        _learn_gap(liveness, number, alive, gap)


@kernel()
def _learn_gap(liveness: Liveness, number: int, alive_ns: float, gap_ns: float) -> None:
    """Learn a usual gap: its length while the channel was alive, and the ticks that were to be expected in it."""
    instruments = liveness.instruments
    instrument = instruments.rows[number]
    instrument.longest_gap_ns = longest_after(instrument.longest_gap_ns, alive_ns)
    if gap_ns >= SHORT_NS:
        others = others_ticks(instruments.rows, instruments.heads[instrument.symbol], number)
        faded = float(instrument.longest_missed) * 2.0 ** (-gap_ns / HALF_LIFE_NS)
        instrument.longest_missed = max(_missed_ticks(instrument, others, alive_ns, gap_ns), faded)


@kernel(forceinline=True)
def observe_quarter(instrument: Record, season: Record, now: int, clock_ns: int, was_halted: bool) -> None:
    """Learn what is usual at a time of day, by any message of an instrument that was seen before, after `observe_message`."""
    if instrument.ticks == 0 or instrument.last_time // QUARTER_NS >= now // QUARTER_NS:
        return
    # A silence since the quarter began, one that goes on, or one that this message ended.
    replied = instrument.ticks_at_reply > season.ticks or instrument.ticks_at_reply == instrument.ticks
    is_unusual = instrument.silent or replied or was_halted
    activity = Activity(instrument.ticks, is_unusual, instrument.last_clock, clock_ns)
    end_quarter(season, instrument.last_time, now, activity)

"""What is usual at a time of day: learnt of earlier days, against a plain definition, and what it does to silence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.support.streams import Tape, at, score
from tickproof.findings.emit import new_log
from tickproof.instrument import silence, time_of_day
from tickproof.instrument.consensus import MOST_VENUES, Instruments
from tickproof.instrument.record import END_OF_LIST, INSTRUMENT
from tickproof.instrument.time_of_day import QUARTER_NS, QUARTERS, SEASON, Activity
from tickproof.shard import step as scoring
from tickproof.shard.state import ShardState
from tickproof.shard.step import ShardSettings
from tickproof.ticks.schema import Condition

S = 1_000_000_000
HOUR, DAY = 3_600, 86_400
WHOLE = 1_000
"""The tape's time at which a quarter of an hour begins."""


def learnt(times_ns: list[int], unusual: frozenset[int] = frozenset()) -> np.void:
    """A season after messages at these times, of a channel that never rests; `unusual` are numbers of messages."""
    seasons = np.zeros(1, SEASON)
    mine = seasons[0]
    mine["clock"] = times_ns[0]
    for k in range(1, len(times_ns)):
        last, now = times_ns[k - 1], times_ns[k]
        if last // QUARTER_NS < now // QUARTER_NS:
            time_of_day.end_quarter(mine, last, now, Activity(k, k in unusual, last, now))
    return mine


def plainly(times_ns: list[int]) -> dict[int, list[float]]:
    """Mean gaps by quarter of an hour, day by day: the quarter over its messages, or the gap that passed over it."""
    quarters = [time // QUARTER_NS for time in times_ns]
    counts = {quarter: quarters.count(quarter) for quarter in set(quarters)}
    means: dict[int, list[float]] = {}
    for quarter in range(quarters[0], quarters[-1]):
        if quarter in counts:
            first = next(time for time in times_ns if time // QUARTER_NS == quarter)
            following = next(time for time in times_ns if time // QUARTER_NS > quarter)
            means.setdefault(quarter % QUARTERS, []).append(min(following - first, QUARTER_NS) / counts[quarter])
        else:
            before = max(time for time in times_ns if time // QUARTER_NS < quarter)
            following = min(time for time in times_ns if time // QUARTER_NS > quarter)
            means.setdefault(quarter % QUARTERS, []).append(following - before)
    return means


@pytest.mark.parametrize("seed", range(5))
def test_a_mean_gap_is_the_shorter_one_of_the_last_two_days(seed: int) -> None:
    random = np.random.default_rng(seed)
    busy = random.random(QUARTERS) < 0.7
    times = [
        (day * QUARTERS + quarter) * QUARTER_NS + int(offset)
        for day in range(4)
        for quarter in range(QUARTERS)
        if busy[quarter]
        for offset in sorted(random.integers(0, QUARTER_NS, random.integers(1, 9)).tolist())
    ]
    mine, means = learnt(times), plainly(times)
    assert len(means) == QUARTERS
    for quarter, days in means.items():
        wanted = min(days[-2:]) if len(days) > 1 else days[-1]
        assert time_of_day.usual_gap_ns(mine, quarter * QUARTER_NS, quarter * QUARTER_NS) == pytest.approx(wanted, rel=0.1)


def test_a_day_with_a_silence_teaches_nothing_by_itself() -> None:
    """One message a minute; on the second day two quarters have only one, and a silence ends with what follows."""
    minutes = [*range(4 * 30), *(1_440 + m for m in range(4 * 30) if not 60 < m < 90), *(2_880 + m for m in range(4 * 30))]
    times = [60 * S * minute for minute in minutes]
    mine = learnt(times, frozenset({minutes.index(1_440 + 90)}))
    assert time_of_day.usual_gap_ns(mine, 4 * QUARTER_NS, 4 * QUARTER_NS) == pytest.approx(60 * S, rel=0.1)


def test_a_first_day_with_a_silence_teaches_nothing_yet() -> None:
    minutes = [*range(60), *range(90, 150)]
    times = [60 * S * minute for minute in minutes]
    silent, usual = learnt(times, frozenset({minutes.index(90)})), learnt(times)
    for quarter in (4, 5):
        assert time_of_day.usual_gap_ns(silent, quarter * QUARTER_NS, quarter * QUARTER_NS) == 0
        assert time_of_day.usual_gap_ns(usual, quarter * QUARTER_NS, quarter * QUARTER_NS) == pytest.approx(31 * 60 * S, rel=0.1)


def test_quarters_in_which_the_channel_rested_teach_nothing() -> None:
    mine = np.zeros(1, SEASON)[0]
    time_of_day.end_quarter(mine, 0, 10 * QUARTER_NS, Activity(100, False, S, 2 * S))
    assert not np.asarray(mine["gaps"]).any()


@pytest.mark.parametrize("gap_ns", [1, 17, 1_000, 123_456_789, QUARTER_NS, 10 * DAY * S])
def test_a_gap_is_kept_within_a_tenth(gap_ns: int) -> None:
    mine = np.zeros(1, SEASON)[0]
    mine["gaps"][:, 0] = time_of_day.encode_gap(float(gap_ns))
    assert abs(math.log2(time_of_day.usual_gap_ns(mine, 0, 0) / gap_ns)) <= 0.126 or gap_ns == 1


def after(tape: Tape) -> np.void:
    """The season of the tape's first instrument, once a shard has seen it."""
    ticks = tape.ticks()
    ticks.rows["event_time"] = ticks.rows["ts_recv"]
    state = scoring.step(ShardState.new(), ticks, int(ticks.rows["ts_recv"][-1]) + S, ShardSettings()).state
    return state.seasons[0]


def usual_s(mine: np.void, seconds: float) -> float:
    """The mean gap at a time of the tape, in seconds; 0 if nobody knows."""
    return time_of_day.usual_gap_ns(mine, at(seconds), at(seconds)) / S


def quotes(tape: Tape, since: float, until: float) -> None:
    """Two a second."""
    for half in range(round(2 * (until - since))):
        tape.quote(since + half / 2)


def test_a_status_is_no_message_and_ends_a_quarter_as_one_does() -> None:
    """
    quarter                     |<- 900 s ->|
    quotes, two a second  300 s   900 s      1
    resumed                     x
    """
    tape = Tape()
    quotes(tape, WHOLE - 300, WHOLE)
    tape.status(WHOLE + 0.1, Condition.RESUMED, symbol="ABC")
    quotes(tape, WHOLE + 0.5, WHOLE + 901)
    mine = after(tape)
    assert usual_s(mine, WHOLE - 300) == pytest.approx(0.5, rel=0.1)
    assert usual_s(mine, WHOLE) == pytest.approx(0.5, rel=0.1)


def test_quarters_of_a_halt_are_unusual() -> None:
    """Three of them pass while another symbol goes on; one such day is not enough to know them."""
    tape = Tape()
    quotes(tape, WHOLE - 300, WHOLE)
    tape.status(WHOLE, Condition.HALTED, symbol="ABC")
    for second in range(3_600):
        tape.quote(WHOLE + second + 0.5, symbol="DEF")
    tape.status(WHOLE + 3_600, Condition.RESUMED, symbol="ABC")
    quotes(tape, WHOLE + 3_601, WHOLE + 4_600)
    mine = after(tape)
    assert [usual_s(mine, WHOLE + 900 * k) for k in (1, 2, 3)] == [0, 0, 0]
    assert usual_s(mine, WHOLE + 3_601) == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize(("gap_s", "is_silent"), [(0.5, True), (60.0, False)])
def test_who_is_left_behind_depends_on_the_time_of_day(gap_s: float, is_silent: bool) -> None:
    """Two other venues sent 4 000 messages in the 100 s in which this one sent none; all its life it sent two a second."""
    now = at(WHOLE + 600)
    instruments = np.zeros(3, INSTRUMENT)
    instruments["ticks"], instruments["next"] = (2_000, 6_000, 6_000), (1, 2, END_OF_LIST)
    instruments["last_time"] = now - 100 * S, now, now
    instruments["last_clock"] = 1_000 * S, 1_100 * S, 1_100 * S
    instruments["others_ticks"] = 8_000, 8_000, 8_000
    instruments["longest_gap_ns"], instruments["longest_missed"] = 4 * S, 1
    seasons = np.zeros(3, SEASON)
    seasons["gaps"][0] = time_of_day.encode_gap(gap_s * S)
    clocks = np.zeros(1, silence.CLOCK)
    clocks["alive_ns"] = 1_100 * S
    log = new_log(8)
    linked = Instruments(instruments, np.zeros(1, np.int64), np.empty(MOST_VENUES))
    silence.sweep(silence.Liveness(linked, seasons, clocks, np.zeros(3, np.int64)), now, log)
    assert log.written[0] == is_silent


def day_of(tape: Tape, day: int, pause_s: tuple[float, float]) -> None:
    """A part of a day: DEF each second, ABC twice a second but for a pause."""
    for second in range(600, HOUR + 2_700):
        tape.quote(WHOLE + day * DAY + second, symbol="DEF")
        for part in (0.2, 0.7):
            if not pause_s[0] <= second < pause_s[1]:
                tape.quote(WHOLE + day * DAY + second + part, symbol="ABC")


@pytest.mark.slow
def test_a_pause_at_the_same_time_each_day_is_no_silence_from_the_third_day_on() -> None:
    """And one at another time is, as soon as on the first day."""
    tape = Tape()
    pause = (HOUR, HOUR + 2_100)
    for day, gap in enumerate((pause, pause, pause, (1_600, 1_660))):
        day_of(tape, day, gap)
    found = [finding for finding in score(tape.ticks()).of("silent") if finding.symbol == "ABC"]
    starts = sorted(finding.first_ts for finding in found)
    assert starts == [at(WHOLE + HOUR - 0.3), at(WHOLE + DAY + HOUR - 0.3), at(WHOLE + 3 * DAY + 1_599.7)]
    assert max(finding.detected_at for finding in found) - starts[-1] < 30 * S

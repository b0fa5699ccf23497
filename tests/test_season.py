"""What is usual at a time of day: learnt of earlier days, against a plain definition, and what it does to silence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from streams import Tape, at, score

from tickproof import season
from tickproof.season import SEASON, SLOT_NS, SLOTS

S = 1_000_000_000
HOUR, DAY = 3_600, 86_400
WHOLE = 1_000
"""The tape's time at which a quarter of an hour begins."""


def walked(times_ns: list[int], unusual: frozenset[int] = frozenset()) -> np.void:
    """A season after messages at these times, of a channel that never rests; `unusual` are numbers of messages."""
    seasons = np.zeros(1, SEASON)
    mine = seasons[0]
    mine["clock"] = times_ns[0]
    for k in range(1, len(times_ns)):
        last, now = times_ns[k - 1], times_ns[k]
        if last // SLOT_NS < now // SLOT_NS:
            season.turn(mine, last, now, (k, k in unusual), (last, now))
    return mine


def plainly(times_ns: list[int]) -> dict[int, list[float]]:
    """Mean gaps by quarter of an hour, day by day: the quarter over its messages, or the gap that passed over it."""
    slots = [time // SLOT_NS for time in times_ns]
    counts = {slot: slots.count(slot) for slot in set(slots)}
    means: dict[int, list[float]] = {}
    for slot in range(slots[0], slots[-1]):
        if slot in counts:
            first = next(time for time in times_ns if time // SLOT_NS == slot)
            following = next(time for time in times_ns if time // SLOT_NS > slot)
            means.setdefault(slot % SLOTS, []).append(min(following - first, SLOT_NS) / counts[slot])
        else:
            before = max(time for time in times_ns if time // SLOT_NS < slot)
            means.setdefault(slot % SLOTS, []).append(min(time for time in times_ns if time // SLOT_NS > slot) - before)
    return means


@pytest.mark.parametrize("seed", range(5))
def test_a_mean_gap_is_the_shorter_one_of_the_last_two_days(seed: int) -> None:
    random = np.random.default_rng(seed)
    busy = random.random(SLOTS) < 0.7
    times = [
        (day * SLOTS + slot) * SLOT_NS + int(offset)
        for day in range(4)
        for slot in range(SLOTS)
        if busy[slot]
        for offset in sorted(random.integers(0, SLOT_NS, random.integers(1, 9)).tolist())
    ]
    mine, means = walked(times), plainly(times)
    assert len(means) == SLOTS
    for slot, days in means.items():
        wanted = min(days[-2:]) if len(days) > 1 else days[-1]
        assert season.usual_gap_ns(mine, slot * SLOT_NS, slot * SLOT_NS) == pytest.approx(wanted, rel=0.1)


def test_a_day_with_a_silence_teaches_nothing_by_itself() -> None:
    """One message a minute; on the second day two quarters have only one, and a silence ends with what follows."""
    minutes = [*range(4 * 30), *(1_440 + m for m in range(4 * 30) if not 60 < m < 90), *(2_880 + m for m in range(4 * 30))]
    times = [60 * S * minute for minute in minutes]
    mine = walked(times, frozenset({minutes.index(1_440 + 90)}))
    assert season.usual_gap_ns(mine, 4 * SLOT_NS, 4 * SLOT_NS) == pytest.approx(60 * S, rel=0.1)


def test_quarters_in_which_the_channel_rested_teach_nothing() -> None:
    mine = np.zeros(1, SEASON)[0]
    season.turn(mine, 0, 10 * SLOT_NS, (100, False), (S, 2 * S))
    assert not np.asarray(mine["gaps"]).any()


@pytest.mark.parametrize("gap_ns", [1, 17, 1_000, 123_456_789, SLOT_NS, 10 * DAY * S])
def test_a_gap_is_kept_within_a_tenth(gap_ns: int) -> None:
    mine = np.zeros(1, SEASON)[0]
    mine["gaps"][:, 0] = season.octaves_of(float(gap_ns))
    assert abs(math.log2(season.usual_gap_ns(mine, 0, 0) / gap_ns)) <= 0.126 or gap_ns == 1


def day_of(tape: Tape, day: int, pause_s: tuple[float, float]) -> None:
    """A part of a day: DEF each second, ABC twice a second but for a pause."""
    for second in range(600, HOUR + 2_700):
        tape.quote(WHOLE + day * DAY + second, symbol="DEF")
        for part in (0.2, 0.7):
            if not pause_s[0] <= second < pause_s[1]:
                tape.quote(WHOLE + day * DAY + second + part, symbol="ABC")


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

"""VENUE: what a venue does as a matter of course, compiled: crossing, locking, wide spreads, trades without a size.

A habit is known from `HABIT_QUOTES` quotes or trades on. It is announced once, and what follows it is no error of a tick.
"""

from __future__ import annotations

from enum import IntFlag
from typing import NamedTuple

import numpy as np

from tickproof.findings.emit import EventLog, Occurrence, emit
from tickproof.findings.event import Mode
from tickproof.instrument.record import Crossing
from tickproof.kernel import kernel
from tickproof.rules.context import CORRUPT, SUSPECT, price_of
from tickproof.rules.reasons import bit_of
from tickproof.ticks.records import Record


class Habit(IntFlag):
    """Field `announced` of VENUE: habits that were reported, once each."""

    CROSSES = 1
    LOCKS = 2
    PRINTS_ZERO_SIZE = 4
    QUOTES_WIDE = 8


VENUE = np.dtype(
    [
        ("quotes", "<i8"),
        ("crossed", "<i8"),
        ("width", "<f8"),
        ("locked", "<i8"),
        ("wide", "<i8"),
        ("trades", "<i8"),
        ("zero_sizes", "<i8"),
        ("announced", "<i8"),
    ]
)
"""A venue's counts within the shard: quotes, those crossed (and the widest crossing, relative), locked and wide; trades, and
those without a size. `announced` are bits of `Habit`."""

HABIT_QUOTES = 1_000
"""Quotes, or trades, from which a habit is known."""
HABIT_SHARE = 0.01
"""A venue does by habit what more than this share of its quotes do."""
HABIT_ROOM = 2.0
"""A crossing by habit may be so many times as wide as the widest yet: a day of FXCM breaks its own record 7 to 22 times, each
time by less."""
WIDE_NEEDED = 10
"""So many wide quotes, and more than `HABIT_SHARE` of all, are a venue's habit: it keeps stubs where it has no interest."""
ZERO_SIZE_SHARE = 0.001
ZERO_SIZE_NEEDED = 1_000
"""A trade of zero size is only suspect until so many trades are known, and on a venue where more than one in a thousand has none:
a recorded day of gold futures has 147 of 40 192, and may well have none in its first few hundred."""
CROSSING_MOST = 0.005
"""A crossing of half a percent is past any aggregate's habit."""

_CROSSES, _LOCKS = int(Habit.CROSSES), int(Habit.LOCKS)
_PRINTS_ZERO_SIZE, _QUOTES_WIDE = int(Habit.PRINTS_ZERO_SIZE), int(Habit.QUOTES_WIDE)
_ALL = _CROSSES | _LOCKS | _PRINTS_ZERO_SIZE | _QUOTES_WIDE
_LEARNT, _NEVER = int(Crossing.LEARNT), int(Crossing.NEVER)
_CROSSED, _LOCKED = bit_of("crossed"), bit_of("locked")
_SIZE, _WIDE = bit_of("size_outlier"), bit_of("wide_spread")


@kernel()
def crosses_by_habit(venue: Record) -> bool:
    """Return whether a venue's quotes cross as a matter of course."""
    return venue.quotes >= HABIT_QUOTES and venue.crossed > HABIT_SHARE * venue.quotes


@kernel()
def locks_by_habit(venue: Record) -> bool:
    """Return whether a venue's quotes lock as a matter of course."""
    return venue.quotes >= HABIT_QUOTES and venue.locked > HABIT_SHARE * venue.quotes


@kernel()
def prints_zero_sizes(venue: Record) -> bool:
    """Return whether a venue's trades have no size now and then, by all that is known of it."""
    return venue.zero_sizes > ZERO_SIZE_SHARE * venue.trades


@kernel()
def is_wide_by_habit(venue: Record) -> bool:
    """Return whether a venue's quotes are wide as a matter of course."""
    return venue.wide >= WIDE_NEEDED and venue.wide > HABIT_SHARE * venue.quotes


@kernel()
def check_crossed(bid: int, ask: int, venue: Record, crosses: int) -> tuple[bool, int]:
    """Return (is this crossed beyond the venue's habit, the quality that deserves); learn the habit where `crosses` is LEARNT."""
    if crosses != _LEARNT:
        venue.quotes += 1
        return crosses == _NEVER and bid > ask, CORRUPT
    width = float(bid - ask) / float(ask)
    is_habit = crosses_by_habit(venue)
    is_beyond = width > 0.0 and not (is_habit and width <= HABIT_ROOM * venue.width)
    quality = CORRUPT if venue.quotes >= HABIT_QUOTES else SUSPECT
    venue.quotes += 1
    if width > 0.0:
        venue.crossed += 1
        if width < CROSSING_MOST:
            venue.width = max(venue.width, width)
    return is_beyond, quality


class Announcement(NamedTuple):
    """One habit to report: which, the code of a tick that shows it, what was measured, and that `done` of `total` ticks do so."""

    habit: int
    code: int
    measured: float
    done: int
    total: int


class Origin(NamedTuple):
    """The tick that made a habit known: its row, instrument and event time."""

    row: int
    instrument: int
    now: int


@kernel(forceinline=True)
def announce_habits(venue: Record, level: float, origin: Origin, log: EventLog) -> None:
    """Emit an event for each habit of a venue that is known and was not announced; `level` is its instrument's log price."""
    if venue.announced == _ALL:
        return
    price = price_of(level)
    if (venue.announced & _CROSSES) == 0 and crosses_by_habit(venue):
        _announce(venue, Announcement(_CROSSES, _CROSSED, price * venue.width, venue.crossed, venue.quotes), origin, log)
    if (venue.announced & _LOCKS) == 0 and locks_by_habit(venue):
        _announce(venue, Announcement(_LOCKS, _LOCKED, price, venue.locked, venue.quotes), origin, log)
    if (venue.announced & _PRINTS_ZERO_SIZE) == 0 and venue.trades >= HABIT_QUOTES and prints_zero_sizes(venue):
        _announce(venue, Announcement(_PRINTS_ZERO_SIZE, _SIZE, 0.0, venue.zero_sizes, venue.trades), origin, log)
    if (venue.announced & _QUOTES_WIDE) == 0 and venue.quotes >= HABIT_QUOTES and is_wide_by_habit(venue):
        _announce(venue, Announcement(_QUOTES_WIDE, _WIDE, np.nan, venue.wide, venue.quotes), origin, log)


@kernel()
def _announce(venue: Record, announcement: Announcement, origin: Origin, log: EventLog) -> None:
    """Emit the event of one habit; `threshold` and `reference` of it are counts."""
    venue.announced |= announcement.habit
    row, now = origin.row, origin.now
    what = Occurrence(row, now, now, announcement.measured, announcement.done, announcement.total)
    emit(log, announcement.code, Mode.ANNOUNCED, what).subject = origin.instrument

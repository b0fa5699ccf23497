"""Opening hours of venues: the sessions of each calendar, and the profile of a day's activity and spreads within them.

A table is enough for a simulator: US equities by the New York Stock Exchange's rule of holidays and early closes (NYSE Rule 7.2),
currencies by their week from Sunday to Friday, 17:00 in New York, with a break of five minutes a day, and crypto always. Days on
which an exchange closed for mourning or a storm are open here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from tickproof.ticks.schema import NS_PER_SECOND

Array = npt.NDArray[Any]

NEW_YORK = ZoneInfo("America/New_York")
DAY_NS = 86_400 * NS_PER_SECOND
HOUR_NS = 3600 * NS_PER_SECOND
MINUTE_NS = 60 * NS_PER_SECOND
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Session:
    """One session, in ns since the epoch: messages are sent in [start, end), trading is regular in [open, close)."""

    start: int
    open: int
    close: int
    end: int


@dataclass(frozen=True, slots=True)
class Hours:
    """A calendar.

    Parameters
    ----------
    sessions : callable
        (from, to) -> the sessions that touch [from, to) in ns, in order.
    activity, width : callables
        (times in ns, session) -> factors on the usual rate of ticks and on the usual spread.
    has_crosses : bool
        Whether a session opens and closes with an auction.
    """

    sessions: Callable[[int, int], list[Session]]
    activity: Callable[[Array, Session], Array]
    width: Callable[[Array, Session], Array]
    has_crosses: bool


def _nth(year: int, month: int, weekday: int, number: int) -> date:
    """Return the n-th weekday (0: Monday) of a month; −1: its last."""
    if number < 0:
        last = date(year, month, 31)
        return last - timedelta(days=(last.weekday() - weekday) % 7)
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))


def _good_friday(year: int) -> date:
    """Return Good Friday, two days before Easter (Anonymous Gregorian algorithm: Nature 13 (1876) 487)."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return date(year, f // 31, f % 31 + 1) - 2 * _DAY


def us_holidays(year: int) -> set[date]:
    """Return the days of a year on which US equities do not trade.

    Fixed days on a Sunday move to Monday, on a Saturday to Friday; New Year's Day does not move back into the old year.
    Juneteenth since 2022, the day of Martin Luther King since 1998.
    """
    days = {_nth(year, 2, 0, 3), _good_friday(year), _nth(year, 5, 0, -1), _nth(year, 9, 0, 1), _nth(year, 11, 3, 4)}
    if year >= 1998:
        days.add(_nth(year, 1, 0, 3))
    fixed = [date(year, 1, 1), date(year, 7, 4), date(year, 12, 25)] + [date(year, 6, 19)] * (year >= 2022)
    for day in fixed:
        if day.weekday() == 6:
            days.add(day + _DAY)
        elif day.weekday() == 5:
            if day.month != 1:
                days.add(day - _DAY)
        else:
            days.add(day)
    return days


def us_half_days(year: int) -> set[date]:
    """Return the trading days that close at 13:00: before Independence Day and Christmas, and after Thanksgiving."""
    days = {date(year, 7, 3), date(year, 12, 24), _nth(year, 11, 3, 4) + _DAY}
    return {day for day in days if day.weekday() < 5} - us_holidays(year)


def _at(day: date, hour: int, minute: int = 0) -> int:
    """Return a local time in New York as ns since the epoch."""
    return round(datetime.combine(day, time(hour, minute), NEW_YORK).timestamp()) * NS_PER_SECOND


def _days(start: int, end: int) -> Iterator[date]:
    """Return the days in New York around [start, end)."""
    day = datetime.fromtimestamp(start / NS_PER_SECOND, NEW_YORK).date() - _DAY
    last = datetime.fromtimestamp(end / NS_PER_SECOND, NEW_YORK).date() + _DAY
    while day <= last:
        yield day
        day += _DAY


def _us_sessions(start: int, end: int) -> list[Session]:
    """Return sessions with pre-market from 4:00, regular 9:30 to 16:00 (13:00 on half days), then four extended hours."""
    found = []
    for day in _days(start, end):
        if day.weekday() < 5 and day not in us_holidays(day.year):
            close = 13 if day in us_half_days(day.year) else 16
            found.append(Session(_at(day, 4), _at(day, 9, 30), _at(day, close), _at(day, close + 4)))
    return _touching(found, start, end)


def _currency_sessions(start: int, end: int) -> list[Session]:
    """Return sessions from 17:05 of one evening to 17:00 of the next in New York, Sunday to Friday."""
    found = []
    for day in _days(start, end):
        if day.weekday() in (6, 0, 1, 2, 3):
            opening, closing = _at(day, 17, 5), _at(day + _DAY, 17)
            found.append(Session(opening, opening, closing, closing))
    return _touching(found, start, end)


def _no_pause(_start: int, _end: int) -> list[Session]:
    return [Session(0, 0, 1 << 62, 1 << 62)]


def _touching(sessions: list[Session], start: int, end: int) -> list[Session]:
    return [session for session in sessions if session.start < end and session.end > start]


def _passed(times: Array, session: Session) -> Array:
    """Return the share of the regular session that has passed, 0 to 1."""
    share: Array = np.clip((times - session.open) / (session.close - session.open), 0.0, 1.0)
    return share


def _us_activity(times: Array, session: Session) -> Array:
    """Return a U shape (Admati and Pfleiderer, 1988): high after the open, low at midday, 1 half an hour after the open."""
    passed = _passed(times, session)
    regular = 0.7 + 1.4 * np.exp(-passed / 0.05) + 0.9 * np.exp(-(1.0 - passed) / 0.08)
    before = 0.03 + 0.3 * np.exp(-(session.open - times) / (30 * MINUTE_NS))
    after = 0.02 + 0.4 * np.exp(-(times - session.close) / (20 * MINUTE_NS))
    shape: Array = np.where(times < session.open, before, np.where(times < session.close, regular, after))
    return shape


def _us_width(times: Array, session: Session) -> Array:
    """Return the spread factor: widest at the open (McInish and Wood, 1992), several times as wide out of regular hours."""
    regular = 0.85 + 1.2 * np.exp(-_passed(times, session) / 0.05)
    shape: Array = np.where(times < session.open, 4.0, np.where(times < session.close, regular, 4.0))
    return shape


def _bump(hours: Array, middle: float, width: float) -> Array:
    away = np.abs(hours - middle)
    bump: Array = np.exp(-0.5 * (np.minimum(away, 24.0 - away) / width) ** 2)
    return bump


def _currency_activity(times: Array, _session: Session) -> Array:
    """Return peaks of Tokyo, London and New York in UTC (Dacorogna et al., 1993); 1 when the last two overlap."""
    hours = times % DAY_NS / HOUR_NS
    shape: Array = 0.08 + 0.25 * _bump(hours, 2.0, 2.0) + 0.6 * _bump(hours, 9.0, 2.0) + 0.75 * _bump(hours, 14.5, 2.0)
    return shape


def _currency_width(times: Array, session: Session) -> Array:
    shape: Array = 0.8 + 0.3 / np.sqrt(_currency_activity(times, session) + 0.02)
    return shape


def _even_activity(times: Array, _session: Session) -> Array:
    """Return a nearly flat profile: a fifth above average in the afternoon of UTC."""
    shape: Array = 0.8 + 0.4 * _bump(times % DAY_NS / HOUR_NS, 15.0, 4.0)
    return shape


def _even_width(times: Array, session: Session) -> Array:
    shape: Array = 1.1 - 0.1 * _even_activity(times, session)
    return shape


HOURS: dict[str, Hours] = {
    "us-equity": Hours(_us_sessions, _us_activity, _us_width, has_crosses=True),
    "currencies": Hours(_currency_sessions, _currency_activity, _currency_width, has_crosses=False),
    "always": Hours(_no_pause, _even_activity, _even_width, has_crosses=False),
}
"""Calendar -> its hours."""

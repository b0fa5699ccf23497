"""When venues are open: calendars by their code, or sessions as the reference data give them, as arrays that a kernel searches.

A calendar's code stands for its regular hours. A tick is out of session only earlier than EARLY_NS before them or later than
LATE_NS after them, since many venues trade extended hours; sessions given in ns are taken to the ns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from tickproof.kernel import kernel
from tickproof.ticks.schema import NS_PER_SECOND, Array

Sessions = Mapping[str, str | tuple[tuple[int, int], ...]]
"""Venue -> a calendar's code, or pairs (open, close) in ns."""

EARLY_NS = 19_800 * NS_PER_SECOND
LATE_NS = 14_460 * NS_PER_SECOND
"""Five and a half hours before the open and four after the close: US equities trade from 04:00 to 20:00, and the last messages of
a day take some seconds."""
EDGE_NS = 300 * NS_PER_SECOND
"""For so long after the open and before the close of a calendar's session, spreads are as wide as out of hours; sessions given in
ns have no such edges."""
FIRST_YEAR, LAST_YEAR = 1990, 2100
"""Times of other years are wrong, and no calendar is consulted about them."""
NEVER = 2**62
"""When a venue reopens that has no later session."""


def unknown_codes(sessions: Sessions) -> list[str]:
    """Return the codes that name no calendar."""
    codes = sorted({code for code in sessions.values() if isinstance(code, str)})
    if not codes:
        return []
    import exchange_calendars

    known = set(exchange_calendars.get_calendar_names())
    return [code for code in codes if code not in known]


def spans(hours: str | Sequence[tuple[int, int]], years: Iterable[int]) -> Array:
    """Return sessions [open, close) in ns, in order, shape (n, 2); of a calendar, those of some years and a few days around."""
    if not isinstance(hours, str):
        return np.array(sorted(hours), np.int64).reshape(-1, 2)
    parts = [_of_year(hours, year) for year in sorted({*years}) if FIRST_YEAR <= year <= LAST_YEAR]
    return np.unique(np.concatenate(parts), axis=0) if parts else np.zeros((0, 2), np.int64)


@lru_cache(maxsize=256)
def _of_year(code: str, year: int) -> Array:
    # Half a second to import, and most runs name no calendar.
    import exchange_calendars

    first, last = np.datetime64(f"{year - 1}-12-15"), np.datetime64(f"{year + 1}-01-15")
    earliest, latest = bounds(code)
    known_first, known_last = max(first, earliest), min(last, latest)
    parts = [np.zeros((0, 2), np.int64)]
    if known_first <= known_last:
        calendar = exchange_calendars.get_calendar(code, start=str(known_first), end=str(known_last))
        parts.append(_without_breaks(calendar))
    # Where the package knows no holidays, a venue is taken to be open: nothing is held against it, as without a calendar.
    new_year, last_day = np.datetime64(f"{year}-01-01"), np.datetime64(f"{year}-12-31")
    parts += [_whole_days(new_year, min(last_day, earliest - 1)), _whole_days(max(new_year, latest + 1), last_day)]
    both = np.concatenate(parts)
    both.setflags(write=False)
    return both


def _without_breaks(calendar: Any) -> Array:
    """Return a calendar's sessions, each in two where it breaks for lunch, shape (n, 2), ns."""
    opens, closes = calendar.opens_nanos.astype(np.int64), calendar.closes_nanos.astype(np.int64)
    schedule = calendar.schedule
    has_break = schedule["break_start"].notna().to_numpy() & schedule["break_end"].notna().to_numpy()
    if not has_break.any():
        return np.stack([opens, closes], axis=1)
    breaks = [
        schedule[name].dt.tz_localize(None).to_numpy().astype("datetime64[ns]").view(np.int64)[has_break]
        for name in ("break_start", "break_end")
    ]
    morning, afternoon = closes.copy(), opens[has_break]
    morning[has_break], afternoon = breaks
    sessions = np.concatenate([np.stack([opens, morning], 1), np.stack([afternoon, closes[has_break]], 1)])
    return sessions[np.argsort(sessions[:, 0])]


@lru_cache(maxsize=256)
def bounds(code: str) -> tuple[np.datetime64, np.datetime64]:
    """Return the first and last day for which the package knows a calendar's holidays: of some it ends with next year."""
    import exchange_calendars

    calendar = exchange_calendars.get_calendar(code, start="2015-01-05", end="2015-01-30")
    earliest, latest = calendar.bound_min(), calendar.bound_max()
    return (
        np.datetime64(f"{FIRST_YEAR - 1}-01-01") if earliest is None else np.datetime64(earliest, "D"),
        np.datetime64(f"{LAST_YEAR + 1}-12-31") if latest is None else np.datetime64(latest, "D"),
    )


def _whole_days(first: np.datetime64, last: np.datetime64) -> Array:
    """Return one session from the beginning of a day to the end of another; none where they are the wrong way round."""
    if last < first:
        return np.zeros((0, 2), np.int64)
    return np.array([[first, last + 1]]).astype("datetime64[ns]").view(np.int64)


def years_of(times: Array) -> list[int]:
    """Return the years of some times in ns."""
    years: Array = np.unique(times.astype("datetime64[ns]").astype("datetime64[Y]").view(np.int64))
    return [int(year) + 1970 for year in years]


def is_shut(sessions: Sessions, venue: str, time: int) -> bool:
    """Return whether a venue is known to be shut at a time in ns."""
    hours = sessions.get(venue)
    if hours is None:
        return False
    known = spans(hours, years_of(np.array([time])))
    return len(known) > 0 and not search(known, time)[0]


def is_regular(sessions: Sessions, venue: str, time: int) -> bool:
    """Return whether a venue may be within its hours, and not at their edges, at a time in ns; True where nothing is known."""
    hours = sessions.get(venue)
    if hours is None:
        return True
    known = spans(hours, years_of(np.array([time])))
    if not len(known):
        return True
    edge = EDGE_NS if isinstance(hours, str) else 0
    # Both edges belong to one session.
    is_open, close, _ = search(known, time - edge)
    return bool(is_open and time + edge < close)


class Calendars(NamedTuple):
    """Sessions of venues, as a kernel searches them.

    Attributes
    ----------
    calendar_of : int64 array
        Calendar by a name's code; -1 where it has none, and in the last place, which is that of a null name.
    edges, regular : int64 arrays, shapes (calendars + 1,) and (n, 2)
        Where each calendar's rows begin in `regular`, and its sessions [open, close) in ns.
    extended_edges, extended : int64 arrays
        The same with the time around the sessions of calendars, see EARLY_NS and LATE_NS.
    """

    calendar_of: Array
    edges: Array
    regular: Array
    extended_edges: Array
    extended: Array


def tables(names: Sequence[str], sessions: Sessions, times: Array) -> Calendars:
    """Return the sessions of the venues among some names, in the years of some times."""
    calendar_of = np.full(len(names) + 1, -1, np.int64)
    regular: list[Array] = []
    extended: list[Array] = []
    years = years_of(times) if sessions else []
    for code, name in enumerate(names):
        hours = sessions.get(name)
        if hours is None:
            continue
        known = spans(hours, years)
        if len(known):
            calendar_of[code] = len(regular)
            regular.append(known)
            extended.append(_merged(known + np.array([[-EARLY_NS, LATE_NS]])) if isinstance(hours, str) else known)
    return Calendars(calendar_of, *_joined(regular), *_joined(extended))


def _merged(known: Array) -> Array:
    """Merge sessions that touch."""
    first = np.r_[True, known[1:, 0] > np.maximum.accumulate(known[:, 1])[:-1]]
    starts = np.flatnonzero(first)
    return np.stack([known[starts, 0], np.maximum.reduceat(known[:, 1], starts)], axis=1)


def _joined(parts: list[Array]) -> tuple[Array, Array]:
    edges = np.cumsum([0, *map(len, parts)])
    return edges, np.concatenate(parts) if parts else np.zeros((0, 2), np.int64)


@kernel()
def search(known: Array, time: int) -> tuple[bool, int, int]:
    """Search sessions for a time in ns.

    Parameters
    ----------
    known : int64 array, shape (n, 2)
        Sessions [open, close) in ns, in order.

    Returns
    -------
    is_open : bool
    close : int
        When the session closes, or the last one closed; `time` before the first.
    reopen : int
        When the next session opens; NEVER after the last.
    """
    low, high = 0, len(known)
    while low < high:
        middle = (low + high) // 2
        if known[middle, 0] <= time:
            low = middle + 1
        else:
            high = middle
    reopen = known[low, 0] if low < len(known) else NEVER
    if low == 0:
        return False, time, reopen
    close = known[low - 1, 1]
    return bool(time < close), close, reopen

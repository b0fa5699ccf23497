"""Occupied time: the spans that episodes have taken on series and channels, and whether another one still fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from producers.faults.editing.fault import Fault
from producers.faults.table import Faults
from producers.market.universe import Universe
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND

APART_NS = 2 * NS_PER_SECOND
"""Least time between the effect of one episode of a (venue, symbol) and the onset of the next."""
CHANNEL_APART_NS = 700 * NS_PER_MS
SAME_APART_NS = 6 * NS_PER_SECOND
"""Least time between two channel episodes that look alike: within five seconds they become one finding, and nothing shows whether
the second was found."""
SHOWS_AS = {
    "out_of_order": "sequence_gap",
    "genuine_sequence_reset": "sequence_reset",
    "genuine_reorder": "sequence_gap",
    "genuine_lull": "rate_shift",
    "genuine_quiet_tape": "mix_shift",
}
"""Kind -> the kind that it resembles at first."""
SPARSE = ("rate_shift", "mix_shift")
BEGINNING_NS = 3 * NS_PER_SECOND
LASTING_SHARE = 0.25
"""Lasting episodes take at most this share of a channel's time in all; the rest is for short ones."""
TAKEN_SHARE = 0.45
"""Episodes of a channel's content take at most this share of its time so far; the rest is for its symbols."""
KEPT_NS = 120 * NS_PER_SECOND
"""How long spans are kept after their end: longer than any of the distances, and than the longest effect."""

Window = tuple[int, int]


class Taken(NamedTuple):
    """A span that an episode has taken, effect included, and how it shows."""

    start: int
    end: int
    shows_as: str
    gentle: bool
    """Whether symbols may have episodes at the same time where episodes are composed, as with faults of stamps."""
    sparse: bool
    """Whether it changes few messages, or numbers alone, and leaves room for symbols."""
    shared: bool
    """Whether it is a twin that affects all channels or venues at once, and leaves room for others."""


@dataclass(slots=True)
class Room:
    """The spans taken so far, by series and by channel.

    Parameters
    ----------
    series, channels : list of list of Taken
    lasting_ns, taken_ns : list of int
        By channel, the time taken by lasting episodes, and by episodes that exclude symbols' own.
    composed : bool
        See `Faults`.
    length_ns : int
        Length of the stream.
    """

    series: list[list[Taken]]
    channels: list[list[Taken]]
    lasting_ns: list[int]
    taken_ns: list[int]
    composed: bool
    length_ns: int
    passed_ns: int = 0
    """How much of the stream has been made so far."""

    @classmethod
    def of(cls, universe: Universe, faults: Faults, length_ns: int) -> Room:
        """Return an empty record for a stream of the given length."""
        channels = len(universe.channels)
        return cls(
            [[] for _ in universe.series],
            [[] for _ in range(channels)],
            [0] * channels,
            [0] * channels,
            faults.composed,
            length_ns,
        )

    def forget(self, now_ns: int) -> None:
        """Drop the spans that ended long ago."""
        for taken in (*self.series, *self.channels):
            if taken and taken[0].end < now_ns - KEPT_NS:
                taken[:] = [one for one in taken if one.end >= now_ns - KEPT_NS]

    def is_free(self, fault: Fault, channels: tuple[int, ...], series: tuple[int, ...], window: Window) -> bool:
        """Return whether an episode may have a window there."""
        reach = window[0], window[1] + int(fault.effect_s * NS_PER_SECOND)
        shows = SHOWS_AS.get(fault.kind, fault.kind)
        if series:
            # A move of all venues is seen on the first of them; a later fault of one venue's channel does not hide it.
            shared = fault.reach == "all"
            begins = (window[0], min(window[1], window[0] + BEGINNING_NS)) if shared else window
            return self._are_series_free(series, reach, shows) and self._are_calm(
                channels, begins, relaxed=self.composed or shared
            )
        if _is_shared(fault):
            return all(self._is_distinct(one, reach, shows) for one in channels)
        return all(self._is_channel_free(fault, one, window, reach, shows) for one in channels)

    def _are_series_free(self, series: tuple[int, ...], reach: Window, shows: str) -> bool:
        first, last = reach[0] - APART_NS, reach[1] + APART_NS
        for one in series:
            for taken in self.series[one]:
                if taken.start <= last and first <= taken.end and (taken.shows_as == shows or not self.composed):
                    return False
        return True

    def _are_calm(self, channels: tuple[int, ...], window: Window, *, relaxed: bool) -> bool:
        """Return whether the channels have no episode that symbols must keep clear of."""
        for one in channels:
            for taken in self.channels[one]:
                is_soft = taken.shared or taken.sparse or (taken.gentle and relaxed)
                if taken.start <= window[1] and window[0] <= taken.end and not is_soft:
                    return False
        return True

    def _is_channel_free(self, fault: Fault, channel: int, window: Window, reach: Window, shows: str) -> bool:
        if fault.lasts_s is not None and self.lasting_ns[channel] + window[1] - window[0] > LASTING_SHARE * self.length_ns:
            return False
        if fault.stage == "content" and self.taken_ns[channel] > TAKEN_SHARE * self.passed_ns:
            return False
        first, last = reach[0] - CHANNEL_APART_NS, reach[1] + CHANNEL_APART_NS
        for taken in self.channels[channel]:
            if taken.start <= last and first <= taken.end and not (self.composed or taken.shared):
                return False
        return self._is_distinct(channel, reach, shows)

    def _is_distinct(self, channel: int, reach: Window, shows: str) -> bool:
        """Return whether episodes that show in the same way on a channel are far enough apart."""
        first, last = reach[0] - SAME_APART_NS, reach[1] + SAME_APART_NS
        for taken in self.channels[channel]:
            if taken.start <= last and first <= taken.end and taken.shows_as == shows:
                return False
        return True

    def take(self, fault: Fault, channels: tuple[int, ...], series: tuple[int, ...], span: Window) -> None:
        """Record that an episode has taken a span there."""
        shows = SHOWS_AS.get(fault.kind, fault.kind)
        gentle = fault.lasts_s is not None
        taken = Taken(
            span[0],
            span[1] + int(fault.effect_s * NS_PER_SECOND),
            shows,
            gentle,
            fault.kind in SPARSE or fault.stage == "sequence",
            _is_shared(fault),
        )
        for one in series:
            self.series[one].append(taken)
        if not series:
            for one in channels:
                self.channels[one].append(taken)
                self.lasting_ns[one] += span[1] - span[0] if fault.lasts_s is not None and not taken.shared else 0
                self.taken_ns[one] += 0 if taken.sparse or taken.shared else taken.end - taken.start


def _is_shared(fault: Fault) -> bool:
    return fault.is_genuine and fault.scope == "channel" and fault.reach == "all"

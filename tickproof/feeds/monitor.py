"""Where the channels of a job meet: which of them shift against their peers, and whether a whole feed is silent.

One shard has it. It takes control rows, in the shard's order, so that nothing depends on which channel runs ahead of which.
Second S is checked as soon as as many channels have reported it as had reported the one before, or with the first control row
that was known after S + 1 s: channels that live have reported S by then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from tickproof.channel.control_rows import SECOND_SIGN, SILENCE_SIGN, Sign
from tickproof.feeds import rate_and_mix
from tickproof.feeds import silence as feed_silence
from tickproof.feeds.bursts import find_bursts
from tickproof.feeds.peers import RING_S, find_peers
from tickproof.feeds.silence import FeedSilences, Silence
from tickproof.findings.event import Mode
from tickproof.findings.finding import BY_NAME, CODES, Finding, fact_score, feed_of
from tickproof.findings.second_statistics import SECOND_NS
from tickproof.findings.tracker import Member, Scope, Tracker, Why
from tickproof.ticks.records import Record
from tickproof.ticks.schema import Ticks
from tickproof.ticks.word_copy import copied

_CODES = ("rate_shift", *["mix_shift"] * (len(rate_and_mix.MEASURES) - 1))
_OF_SECOND = -2
"""Ordinal of a position that is a second and no tick."""


class Place(NamedTuple):
    """A channel and its feed."""

    channel: str
    feed: str


class Reported(NamedTuple):
    """The latest second that channels reported, by how many, and by how many the one before it was."""

    second: int = 0
    channels: int = 0
    channels_before: int = 0


class Moment(NamedTuple):
    """A second that was checked, and the event time at which it could be, ns."""

    second: int
    known_at: int


class _Packed(msgspec.Struct):
    places: list[Place]
    lines: bytes
    checked: int = msgspec.field(name="judged")
    reported: Reported = msgspec.field(name="told")
    silences: list[Silence]
    open_feeds: dict[str, Finding] = msgspec.field(name="feeds")


class Watch:
    """All channels of a job, as far as their control rows tell.

    Parameters
    ----------
    rules_version : str
        Stands in findings.
    feeds : mapping, optional
        Feed by channel, where it is not the channel's name up to the last dot.
    """

    __slots__ = ("_feeds", "_index", "_lines", "_open_feeds", "checked", "places", "reported", "silences", "version")

    def __init__(self, rules_version: str = "", feeds: Mapping[str, str] | None = None) -> None:
        self.version = rules_version
        self._feeds = feeds or {}
        self.places: list[Place] = []
        self._index: dict[str, int] = {}
        self._lines = np.zeros(0, rate_and_mix.LINE)
        self.checked = 0
        self.reported = Reported()
        self.silences: list[Silence] = []
        self._open_feeds: dict[str, Finding] = {}

    def copy(self) -> Watch:
        """Return one that continues from here alone."""
        twin = Watch(self.version, self._feeds)
        twin.places, twin._index, twin._lines = list(self.places), dict(self._index), copied(self._lines)
        twin.checked, twin.reported = self.checked, self.reported
        twin.silences, twin._open_feeds = list(self.silences), dict(self._open_feeds)
        return twin

    def observe(self, signs: Ticks, tracker: Tracker) -> list[Finding]:
        """Take control rows, in the shard's order; return the revisions to publish."""
        findings: list[Finding] = []
        seconds, silences = signs.rows.view(SECOND_SIGN), signs.rows.view(SILENCE_SIGN)
        for i, (known_at, sign, code) in enumerate(signs.rows[["event_time", "flags", "channel"]].tolist()):
            findings += self._check_up_to((known_at + SECOND_NS - 1) // SECOND_NS - 2, known_at, tracker)
            place = self._find(signs.names[code])
            if sign == Sign.SECOND:
                self._take_second(place, seconds[i])
                second = int(seconds[i]["second"])
                # No channel that reported the second before is missing: there is no need to wait.
                if self._is_complete(second):
                    findings += self._check_up_to(second, known_at, tracker)
            else:
                findings += self._take_silence(place, silences[i], sign == Sign.SILENCE_OPENED)
        return findings

    def pack(self) -> bytes:
        """Return everything as bytes."""
        return msgspec.msgpack.encode(
            _Packed(self.places, self._lines.tobytes(), self.checked, self.reported, self.silences, self._open_feeds)
        )

    def unpack(self, data: bytes) -> None:
        """Take over what `pack` gave."""
        packed = msgspec.msgpack.decode(data, type=_Packed)
        self.places, self.checked, self.reported = packed.places, packed.checked, packed.reported
        self.silences, self._open_feeds = packed.silences, packed.open_feeds
        self._lines = np.frombuffer(packed.lines, rate_and_mix.LINE).copy()
        self._index = {place.channel: k for k, place in enumerate(self.places)}

    def _find(self, channel: str) -> int:
        """Return the place of a channel; a new one gets a place."""
        if channel not in self._index:
            feed = self._feeds.get(channel) or feed_of(channel)
            feeds = [place.feed for place in self.places]
            self._index[channel] = len(self.places)
            self.places.append(Place(channel, feed))
            self.silences.append(Silence())
            line = np.zeros(1, rate_and_mix.LINE)
            line["feed"] = feeds.index(feed) if feed in feeds else len(feeds)
            self._lines = np.concatenate([self._lines, line])
            find_peers(self._lines)
        return self._index[channel]

    def _is_complete(self, second: int) -> bool:
        """Count one more channel that reported a second; return whether as many have as had the one before."""
        latest = self.reported
        if second > latest.second:
            self.reported = Reported(second, 1, latest.channels if second == latest.second + 1 else 0)
        elif second == latest.second:
            self.reported = latest._replace(channels=latest.channels + 1)
        return second == self.reported.second and self.reported.channels >= self.reported.channels_before > 0

    def _take_second(self, place: int, sign: Record) -> None:
        line = self._lines[place]
        rate_and_mix.take_second(line, sign)
        if not np.array_equal(line["sketch"], sign["sketch"]):
            line["sketch"] = sign["sketch"]
            find_peers(self._lines)

    def _check_up_to(self, last: int, known_at: int, tracker: Tracker) -> list[Finding]:
        """Check the seconds up to `last` that were not checked yet."""
        findings: list[Finding] = []
        if not len(self._lines) or last <= self.checked:
            return findings
        out = np.zeros(len(self._lines) * len(rate_and_mix.MEASURES), rate_and_mix.DEVIATION)
        # Seconds further back are no longer kept.
        for second in range(max(self.checked + 1, last - RING_S + 1), last + 1):
            for found in out[: rate_and_mix.check_second(self._lines, second, out)]:
                findings += self._report_shift(found, Moment(second, known_at), tracker)
            for found in out[: find_bursts(self._lines, second, out)]:
                findings += self._report_burst(found, Moment(second, known_at), tracker)
        self.checked = last
        return findings

    def _report_shift(self, found: Record, moment: Moment, tracker: Tracker) -> list[Finding]:
        measure, window, peers = int(found["measure"]), int(found["window"]), int(found["peers"])
        ratios = _ratios(found)
        first_ts, values = (moment.second - window) * SECOND_NS, (ratios.measured, ratios.bound, 1.0)
        member = self._member(_CODES[measure], found, moment, first_ts, values)
        why = Why((), (f"{rate_and_mix.MEASURES[measure]} over {window} s, against {peers} other channels",))
        evidence: dict[str, object] = {
            "measure": rate_and_mix.MEASURES[measure],
            "window_s": window,
            "peers": peers,
            "second": moment.second,
        }
        return tracker.observe(member, lambda: evidence, lambda: why)

    def _report_burst(self, found: Record, moment: Moment, tracker: Tracker) -> list[Finding]:
        peers, ratios = int(found["peers"]), _ratios(found)
        # Messages that were to be expected: the second's activity is `measured` times what was.
        usual = float(self._lines[int(found["line"])]["ring"][moment.second % RING_S]["ticks"]) / ratios.measured
        values = (round(usual * ratios.measured, 6), round(usual * ratios.bound, 6), round(usual, 6))
        member = self._member("burst", found, moment, (moment.second - 1) * SECOND_NS, values)
        why = Why((), (f"{peers} other channels are not so busy, and few of its quotes move a price",))
        evidence: dict[str, object] = {"peers": peers, "second": moment.second}
        return tracker.observe(member, lambda: evidence, lambda: why)

    def _member(self, code: str, found: Record, moment: Moment, first_ts: int, values: tuple[float, float, float]) -> Member:
        bit, scope = BY_NAME[code].bit, Scope(self.places[int(found["line"])].channel)
        position = (moment.second * SECOND_NS, _OF_SECOND)
        return Member(bit, Mode.MOMENT, scope, position, moment.known_at, first_ts, values, score=fact_score(CODES[bit]))

    def _take_silence(self, place: int, sign: Record, is_opened: bool) -> list[Finding]:
        self.silences[place] = feed_silence.after(self.silences[place], sign, is_opened)
        here = self.places[place]
        of_feed = [k for k, other in enumerate(self.places) if other.feed == here.feed]
        by_channel = {
            self.places[k].channel: self.silences[k] for k in of_feed if feed_silence.may_be_silent(int(self._lines[k]["heard"]))
        }
        by_channel[here.channel] = self.silences[place]
        findings = feed_silence.observe(FeedSilences(here.feed, by_channel, self._open_feeds, self.version), here.channel)
        for k in of_feed:
            self.silences[k] = by_channel.get(self.places[k].channel, self.silences[k])
        return findings


class _Ratios(NamedTuple):
    """What was measured, and the bound that it passed, as ratios to what was to be expected."""

    measured: float
    bound: float


def _ratios(found: Record) -> _Ratios:
    usual = float(found["usual"])
    measured, bound = (round(math.exp(float(found[name]) - usual), 6) for name in ("value", "bound"))
    return _Ratios(measured, bound)

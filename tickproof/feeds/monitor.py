"""Where the channels of a job meet: which of them shift against their peers, and whether a whole feed is silent.

One shard has it. What it is told are signs (`signs`), in the shard's order, so that nothing depends on how channels run
beside each other. Second S is judged as soon as as many channels have told of it as had of the one before, or with the first
sign that was known after S + 1 s: channels that live have told of S by then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np

from tickproof.channel.control_rows import OPENED, SECOND, SECOND_SIGN, SILENCE_SIGN
from tickproof.feeds import rate_and_mix as shifts
from tickproof.feeds import silence as feed_silence
from tickproof.feeds.silence import Silence
from tickproof.findings.event import MOMENT
from tickproof.findings.finding import BY_NAME, CODES, Finding, fact_score, feed_of
from tickproof.findings.second_statistics import SECOND_NS
from tickproof.findings.tracker import Member, Scope, Tracker, Why
from tickproof.ticks.schema import Array, Ticks
from tickproof.ticks.word_copy import copied

_CODES = ("rate_shift", *["mix_shift"] * (len(shifts.MEASURES) - 1))
_SHIFTED = -2
"""Ordinal of a position that is a second and no tick."""


class Place(NamedTuple):
    """A channel and its feed."""

    channel: str
    feed: str


class _Packed(msgspec.Struct):
    places: list[Place]
    lines: bytes
    judged: int
    told: tuple[int, int, int]
    silences: list[Silence]
    feeds: dict[str, Finding]


class Watch:
    """All channels of a job, as far as their signs tell.

    Parameters
    ----------
    rules_version : str
        Stands in findings.
    feeds : mapping, optional
        Feed by channel, where it is not the channel's name up to the last dot.
    """

    __slots__ = ("_feeds", "_index", "_lines", "_silent", "judged", "places", "silences", "told", "version")

    def __init__(self, rules_version: str = "", feeds: Mapping[str, str] | None = None) -> None:
        self.version = rules_version
        self._feeds = feeds or {}
        self.places: list[Place] = []
        self._index: dict[str, int] = {}
        self._lines = np.zeros(0, shifts.LINE)
        self.judged = 0
        self.told = (0, 0, 0)
        self.silences: list[Silence] = []
        self._silent: dict[str, Finding] = {}

    def copy(self) -> Watch:
        """One that goes on from here alone."""
        twin = Watch(self.version, self._feeds)
        twin.places, twin._index, twin._lines = list(self.places), dict(self._index), copied(self._lines)
        twin.judged, twin.told = self.judged, self.told
        twin.silences, twin._silent = list(self.silences), dict(self._silent)
        return twin

    def observe(self, told: Ticks, tracker: Tracker) -> list[Finding]:
        """Take signs, in the shard's order; the revisions to publish."""
        findings: list[Finding] = []
        seconds, silences = told.rows.view(SECOND_SIGN), told.rows.view(SILENCE_SIGN)
        for i, (known_at, said, code) in enumerate(told.rows[["event_time", "flags", "channel"]].tolist()):
            findings += self._judge((known_at + SECOND_NS - 1) // SECOND_NS - 2, known_at, tracker)
            line = self._find(told.names[code])
            if said == SECOND:
                self._tell(line, seconds[i])
                second = int(seconds[i]["second"])
                # Nobody who told of the second before is missing: there is no need to wait.
                if self._count(second):
                    findings += self._judge(second, known_at, tracker)
            else:
                findings += self._hear(line, silences[i], said)
        return findings

    def pack(self) -> bytes:
        """Everything as bytes."""
        return msgspec.msgpack.encode(
            _Packed(self.places, self._lines.tobytes(), self.judged, self.told, self.silences, self._silent)
        )

    def unpack(self, data: bytes) -> None:
        """Take over what `pack` gave."""
        packed = msgspec.msgpack.decode(data, type=_Packed)
        self.places, self.judged, self.told = packed.places, packed.judged, packed.told
        self.silences, self._silent = packed.silences, packed.feeds
        self._lines = np.frombuffer(packed.lines, shifts.LINE).copy()
        self._index = {place.channel: k for k, place in enumerate(self.places)}

    def _find(self, channel: str) -> int:
        if channel not in self._index:
            feed = self._feeds.get(channel) or feed_of(channel)
            feeds = [place.feed for place in self.places]
            self._index[channel] = len(self.places)
            self.places.append(Place(channel, feed))
            self.silences.append(Silence())
            line = np.zeros(1, shifts.LINE)
            line["feed"] = feeds.index(feed) if feed in feeds else len(feeds)
            self._lines = np.concatenate([self._lines, line])
            shifts.introduce(self._lines)
        return self._index[channel]

    def _count(self, second: int) -> bool:
        """One channel more has told of a second; are they all?"""
        latest, count, before = self.told
        if second > latest:
            self.told = (second, 1, count if second == latest + 1 else 0)
        elif second == latest:
            self.told = (second, count + 1, before)
        latest, count, before = self.told
        return second == latest and count >= before > 0

    def _tell(self, line: int, sign: Any) -> None:
        shifts.tell(self._lines[line], sign)
        if not np.array_equal(self._lines[line]["sketch"], sign["sketch"]):
            self._lines[line]["sketch"] = sign["sketch"]
            shifts.introduce(self._lines)

    def _judge(self, last: int, known_at: int, tracker: Tracker) -> list[Finding]:
        """Judge the seconds up to `last`."""
        findings: list[Finding] = []
        if not len(self._lines) or last <= self.judged:
            return findings
        out = np.zeros(len(self._lines) * len(shifts.MEASURES), shifts.VERDICT)
        # Of what lies further back no second is held.
        for second in range(max(self.judged + 1, last - shifts.RING_S + 1), last + 1):
            for verdict in out[: shifts.judge(self._lines, second, out)]:
                findings += self._shift(verdict, second, known_at, tracker)
            for verdict in out[: shifts.bursts(self._lines, second, out)]:
                findings += self._burst(verdict, second, known_at, tracker)
        self.judged = last
        return findings

    def _shift(self, verdict: Array, second: int, known_at: int, tracker: Tracker) -> list[Finding]:
        line, measure = int(verdict["line"]), int(verdict["measure"])
        code = BY_NAME[_CODES[measure]].bit
        since = (second - int(verdict["window"])) * SECOND_NS
        measured, bound = _ratios(verdict)
        scope = Scope(self.places[line].channel)
        position, values = (second * SECOND_NS, _SHIFTED), (measured, bound, 1.0)
        member = Member(code, MOMENT, scope, position, known_at, since, values, score=fact_score(CODES[code]))
        window, peers = int(verdict["window"]), int(verdict["peers"])
        said = f"{shifts.MEASURES[measure]} over {window} s, against {peers} other channels"
        evidence: dict[str, object] = {"measure": shifts.MEASURES[measure], "window_s": window, "peers": peers, "second": second}
        return tracker.observe(member, lambda: evidence, lambda: Why((), (said,)))

    def _burst(self, verdict: Array, second: int, known_at: int, tracker: Tracker) -> list[Finding]:
        code = BY_NAME["burst"].bit
        scope, since = Scope(self.places[int(verdict["line"])].channel), (second - 1) * SECOND_NS
        measured, bound = _ratios(verdict)
        usual = float(self._ticks_expected(verdict, second, measured))
        values = (round(usual * measured, 6), round(usual * bound, 6), round(usual, 6))
        member = Member(
            code, MOMENT, scope, (second * SECOND_NS, _SHIFTED), known_at, since, values, score=fact_score(CODES[code])
        )
        evidence: dict[str, object] = {"peers": int(verdict["peers"]), "second": second}
        said = f"{int(verdict['peers'])} other channels are not so busy, and few of its quotes move a price"
        return tracker.observe(member, lambda: evidence, lambda: Why((), (said,)))

    def _ticks_expected(self, verdict: Array, second: int, measured: float) -> float:
        """Messages that were to be expected of a channel's second, whose activity is `measured` times what was."""
        return float(self._lines[int(verdict["line"])]["ring"][second % shifts.RING_S]["ticks"]) / measured

    def _hear(self, line: int, sign: Any, said: int) -> list[Finding]:
        self.silences[line] = feed_silence.after(self.silences[line], sign, said == OPENED)
        place = self.places[line]
        mine = [k for k, other in enumerate(self.places) if other.feed == place.feed]
        heard = {self.places[k].channel: self.silences[k] for k in mine if feed_silence.is_judged(int(self._lines[k]["heard"]))}
        heard[place.channel] = self.silences[line]
        findings = feed_silence.observe(place.feed, place.channel, heard, self._silent, self.version)
        for k in mine:
            self.silences[k] = heard.get(self.places[k].channel, self.silences[k])
        return findings


def _ratios(verdict: Array) -> tuple[float, float]:
    """What was measured, and the bound that it passed, as ratios to what was to be expected."""
    usual = float(verdict["usual"])
    measured, bound = (round(math.exp(float(verdict[name]) - usual), 6) for name in ("value", "bound"))
    return measured, bound

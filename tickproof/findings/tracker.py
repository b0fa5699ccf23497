"""Members become findings: one finding for a run of one code in one scope, with a revision when something changes.

A run ends after `CLOSE_AFTER_NS` of event time without a member. Nothing depends on how the input was cut into steps: members
come in order, and a finding closes at a point of event time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from tickproof.findings.event import Mode
from tickproof.findings.finding import CODES, Contribution, Finding, Quality, Severity, feed_of, finding_id

CLOSE_AFTER_NS = 5_000_000_000
REVISE_EVERY_NS = 1_000_000_000
LONG_RUNS = {"out_of_session": 3_600_000_000_000}
"""Codes whose runs end later: whatever comes while a venue is shut is one finding, however seldom it comes."""
_LONG_BITS = {code.bit: LONG_RUNS[code.name] for code in CODES if code.name in LONG_RUNS}


class Scope(NamedTuple):
    """Where a finding holds; an empty string is null."""

    channel: str
    venue: str = ""
    symbol: str = ""


class Key(NamedTuple):
    """What tells open findings apart: a code, and a scope."""

    code: int
    channel: str
    venue: str
    symbol: str


ANNOUNCED_CODES = 64
"""Added to the code of a key where a member was announced or is tolerated: a finding of its own, or it would hide what is not."""


class Member(NamedTuple):
    """One tick, or one moment, that belongs to a finding.

    Attributes
    ----------
    code : int
        Its bit in `reasons`.
    mode : int
        A Mode.
    scope : Scope
    position : tuple of int
        `ts_recv` and ordinal of the tick.
    time, first_ts : int
        Event time at which it was noticed, and since when it lasts, ns.
    values : tuple of float
        Measured, threshold and reference; NaN is null.
    quality, causal : int
        The final and the causal Quality of the tick.
    score : float
    detected_at : int
        Event time at which it was known; 0: at `time`.
    is_flood : bool
        Whether more than a hundredth of the scope's ticks of the minute are corrupt.
    """

    code: int
    mode: int
    scope: Scope
    position: tuple[int, int]
    time: int
    first_ts: int
    values: tuple[float, float, float]
    quality: int = 0
    causal: int = 0
    score: float = 0.0
    detected_at: int = 0
    is_flood: bool = False


class Why(NamedTuple):
    """What explains a finding besides its evidence: what the model's score is made of, and which venues agree or disagree."""

    contributions: tuple[Contribution, ...] = ()
    corroboration: tuple[str, ...] = ()


class _Open(msgspec.Struct):
    finding: Finding
    emitted_at: int
    lasting: bool
    published: int = 1
    """Members in its last published revision."""


class Tracker:
    """The open findings of one channel or shard.

    Parameters
    ----------
    rules_version, model_version : str
        Stand in every finding.
    feeds : mapping, optional
        Feed by channel, where it is not the channel's name up to the last dot.
    """

    __slots__ = ("_feeds", "_model_version", "_open", "_rules_version")

    def __init__(self, rules_version: str = "", model_version: str = "", feeds: Mapping[str, str] | None = None) -> None:
        self._open: dict[Key, _Open] = {}
        self._rules_version, self._model_version = rules_version, model_version
        self._feeds = feeds or {}

    def copy(self) -> Tracker:
        """Return a tracker that continues from here alone."""
        twin = Tracker(self._rules_version, self._model_version, self._feeds)
        twin._open = {key: _Open(item.finding, item.emitted_at, item.lasting, item.published) for key, item in self._open.items()}
        return twin

    def observe(self, member: Member, evidence: Callable[[], dict[str, object]], why: Callable[[], Why] = Why) -> list[Finding]:
        """Take one member; return the revisions to publish.

        Parameters
        ----------
        member : Member
            In the order of its channel or shard.
        evidence, why : callable
            Asked only when a finding opens.
        """
        key = _key(member)
        if member.mode == Mode.AMENDS:
            return self._amend(key, member)
        out: list[Finding] = []
        item = self._open.get(key)
        if item and _is_over(key, item, member.time):
            out += self._end(key)
            item = None
        if item is not None:
            return self._overdue(item, member.time) + self._add(key, item, member)
        if member.mode == Mode.CLOSES:
            return out
        finding = self._new(member, evidence(), why())
        self._open[key] = _Open(finding, member.time, member.mode == Mode.OPENS)
        return [*out, finding]

    def _add(self, key: Key, item: _Open, member: Member) -> list[Finding]:
        """Add a member to an open finding; return a revision if it closes or got worse, or none was published for a second."""
        old = item.finding
        item.finding = _with_member(old, member)
        if member.mode == Mode.CLOSES:
            item.lasting = False
            return self._close(key)
        got_worse = (item.finding.current, item.finding.severity) != (old.current, old.severity)
        if not got_worse and member.time < item.emitted_at + REVISE_EVERY_NS:
            return []
        return [self._publish(item, member.time)]

    def _overdue(self, item: _Open, now: int) -> list[Finding]:
        """Return the revision that was due before `now` with the members that no revision has yet, if there are any."""
        due = item.emitted_at + REVISE_EVERY_NS
        return [self._publish(item, due)] if item.finding.count > item.published and now > due else []

    def _publish(self, item: _Open, time: int) -> Finding:
        """Return the next revision, as of a time."""
        item.finding = msgspec.structs.replace(item.finding, revision=item.finding.revision + 1)
        item.emitted_at = time
        item.published = item.finding.count
        return item.finding

    def expire(self, now: int) -> list[Finding]:
        """Close the findings that are over at the event time `now`; return them, and what is due of those that stay open."""
        out = []
        for key, item in sorted(self._open.items()):
            out += self._end(key) if _is_over(key, item, now) else self._overdue(item, now)
        return out

    def close_all(self) -> list[Finding]:
        """Close all findings, and return them: event time went back, so that what is open says nothing about what comes."""
        return [finding for key in sorted(self._open) for finding in self._end(key)]

    def open_findings(self) -> list[Finding]:
        """Return the last state of each open finding."""
        return [item.finding for _, item in sorted(self._open.items())]

    def pack(self) -> bytes:
        """Return the open findings as bytes."""
        return msgspec.msgpack.encode(sorted(self._open.items(), key=lambda pair: pair[0]))

    def unpack(self, data: bytes) -> None:
        """Take over what `pack` gave."""
        self._open = dict(msgspec.msgpack.decode(data, type=list[tuple[Key, _Open]]))

    def _amend(self, key: Key, member: Member) -> list[Finding]:
        """Add to what an open finding measured; it ends, as information, when nothing is left of it."""
        item = self._open.get(key)
        if item is None:
            return []
        due, changed = self._overdue(item, member.time), _summed(item.finding, member)
        if not changed["measured"]:
            item.finding = msgspec.structs.replace(item.finding, severity=Severity.INFO, **changed)
            return due + self._close(key)
        item.finding = msgspec.structs.replace(item.finding, **changed)
        return [*due, self._publish(item, member.time)]

    def _end(self, key: Key) -> list[Finding]:
        """Close a run that is over; what was due before is a revision of its own, wherever the input was cut."""
        item = self._open[key]
        due = [self._publish(item, item.finding.last_ts)] if item.finding.count > item.published else []
        return due + self._close(key)

    def _close(self, key: Key) -> list[Finding]:
        """Return the last revision."""
        finding = self._open.pop(key).finding
        return [msgspec.structs.replace(finding, state="closed", revision=finding.revision + 1)]

    def _new(self, member: Member, evidence: dict[str, object], why: Why) -> Finding:
        code = CODES[member.code]
        channel, venue, symbol = member.scope
        measured, threshold, reference = member.values
        return Finding(
            id=finding_id(code.name, channel, venue, symbol, *member.position),
            class_=code.class_,
            code=code.name,
            severity=_severity(member),
            feed=self._feeds.get(channel) or feed_of(channel),
            channel=channel,
            venue=venue or None,
            symbol=symbol or None,
            first_ts=member.first_ts,
            last_ts=member.time,
            detected_at=member.detected_at or member.time,
            causal=Quality(member.causal).name.lower(),
            current=Quality(member.quality).name.lower(),
            measured=_number(measured),
            threshold=_number(threshold),
            reference=_number(reference),
            unit=code.unit,
            score=member.score,
            contributions=list(why.contributions),
            corroboration=list(why.corroboration),
            rules_version=self._rules_version,
            model_version=self._model_version,
            evidence=evidence,
        )


_STEPS = tuple(Severity)


def _is_over(key: Key, item: _Open, now: int) -> bool:
    """Return whether a run has had no member for so long that it is over."""
    return not item.lasting and now > item.finding.last_ts + _LONG_BITS.get(key.code, CLOSE_AFTER_NS)


def _key(member: Member) -> Key:
    code = member.code + (ANNOUNCED_CODES if member.mode == Mode.ANNOUNCED else 0)
    return Key(code, member.scope.channel, member.scope.venue, member.scope.symbol)


def _with_member(old: Finding, member: Member) -> Finding:
    """Return a finding with one member more."""
    changed: dict[str, object] = {"last_ts": max(old.last_ts, member.time), "count": old.count + 1}
    if member.mode == Mode.CLOSES:
        changed |= {"count": old.count, "measured": _number(member.values[0])}
    if CODES[member.code].is_summed:
        changed |= _summed(old, member)
    if member.score > old.score:
        changed["score"] = member.score
    if _rank(member.quality) > _rank(Quality[old.current.upper()]):
        changed["current"] = Quality(member.quality).name.lower()
    changed["severity"] = max(_severity(member), old.severity, key=_STEPS.index)
    return msgspec.structs.replace(old, **changed)


def _severity(member: Member) -> Severity:
    """Return the code's severity, one step more in a flood; info where it was announced, or a tick is only suspected."""
    code = CODES[member.code]
    suspected = code.quality == Quality.CORRUPT and member.quality != Quality.CORRUPT
    if member.mode == Mode.ANNOUNCED or suspected or code.severity == Severity.INFO:
        return Severity.INFO
    return _STEPS[min(_STEPS.index(code.severity) + member.is_flood, len(_STEPS) - 1)]


def _summed(old: Finding, member: Member) -> dict[str, Any]:
    """Return what a finding measured in all, with one member more."""
    measured, _, reference = member.values
    return {"measured": (old.measured or 0.0) + measured, "reference": (old.reference or 0.0) + reference}


def _rank(quality: int) -> int:
    """Return how bad a quality is: nothing worse than corrupt can be said of a tick."""
    return 3 if quality == Quality.CORRUPT else min(quality, 2)


def _number(value: float) -> float | None:
    # JSON has no NaN and no infinity.
    return value if abs(value) < float("inf") else None

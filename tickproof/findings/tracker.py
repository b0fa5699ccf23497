"""Members become findings: one finding for a run of one code in one scope, with a revision when something changes.

A run ends after so many seconds of event time without a member as its code says. Nothing depends on how the input was cut into
steps: members come in order, and a finding closes at a point of event time. While it is open, what its last revision lacks is
published `REVISE_EVERY_NS` after that one, whether or not a member comes then: a finding's count is no older than that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from tickproof.findings.event import Mode
from tickproof.findings.finding import CODES, Contribution, Finding, Quality, Severity, feed_of, finding_id

CLOSES_AFTER_NS = {code.bit: code.closes_after_s * 1_000_000_000 for code in CODES}
REVISE_EVERY_NS = 1_000_000_000


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
    unsaid: bool = False
    """Members have come since the last revision."""


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
        twin._open = {key: _Open(item.finding, item.emitted_at, item.lasting, item.unsaid) for key, item in self._open.items()}
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
        out: list[Finding] = []
        item = self._open.get(key)
        if item is not None and _is_due(item, member.time):
            out.append(_revise(item, item.emitted_at + REVISE_EVERY_NS))
        if member.mode == Mode.AMENDS:
            return out + self._amend(key, member)
        if item and _is_over(key, item, member.time):
            out.append(self._close(key))
            item = None
        if item is not None:
            return out + self._add(key, item, member)
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
            return [self._close(key)]
        got_worse = (item.finding.current, item.finding.severity) != (old.current, old.severity)
        if not got_worse and member.time < item.emitted_at + REVISE_EVERY_NS:
            item.unsaid = True
            return []
        return [_revise(item, member.time)]

    def expire(self, now: int) -> list[Finding]:
        """Publish what event time `now` makes due: revisions, and the ends of findings without a member for too long."""
        due = [key for key, item in self._open.items() if _is_due(item, now)]
        revised = [_revise(self._open[key], self._open[key].emitted_at + REVISE_EVERY_NS) for key in sorted(due)]
        over = [key for key, item in self._open.items() if _is_over(key, item, now)]
        return revised + [self._close(key) for key in sorted(over)]

    def close_all(self) -> list[Finding]:
        """Close all findings, and return them: event time went back, so that what is open says nothing about what comes."""
        return [self._close(key) for key in sorted(self._open)]

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
        changed = _summed(item.finding, member)
        if not changed["measured"]:
            item.finding = msgspec.structs.replace(item.finding, severity=Severity.INFO, **changed)
            return [self._close(key)]
        item.finding = msgspec.structs.replace(item.finding, **changed)
        return [_revise(item, member.time)]

    def _close(self, key: Key) -> Finding:
        finding = self._open.pop(key).finding
        return msgspec.structs.replace(finding, state="closed", revision=finding.revision + 1)

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


def _is_over(key: Key, item: _Open, now: int) -> bool:
    """Return whether a finding had ended before an event time."""
    return not item.lasting and now > item.finding.last_ts + CLOSES_AFTER_NS[key.code % ANNOUNCED_CODES]


def _is_due(item: _Open, now: int) -> bool:
    """Return whether a revision with the members since the last one was due before an event time."""
    return item.unsaid and now > item.emitted_at + REVISE_EVERY_NS


def _revise(item: _Open, time: int) -> Finding:
    """Make one more revision of an open finding at an event time; return it."""
    item.finding = msgspec.structs.replace(item.finding, revision=item.finding.revision + 1)
    item.emitted_at = time
    item.unsaid = False
    return item.finding


_STEPS = tuple(Severity)


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

"""When a whole feed is silent: all its channels are silent at once, which is one finding and not one a channel.

Each channel's own stage reports its silence at once, since the others' are not known there. Where they meet, the findings of the
channels are withdrawn as soon as all of the feed are silent: their last revisions are information that names the feed's finding.
A silence is an interval that begins when it was due, so that it does not matter when the others were observed.

========================  ==========================  =================================================================
a channel's finding       becomes                     when
========================  ==========================  =================================================================
open, its own             withdrawn (information)     the last channel of the feed falls silent
withdrawn                 closed, withdrawn           the channel speaks again
withdrawn                 closed, its own             it speaks again, long after the feed's silence ended
========================  ==========================  =================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from tickproof.channel.silence import WARMUP
from tickproof.findings.finding import BY_NAME, Class, Finding, Severity, fact_score, finding_id
from tickproof.ticks.records import Record

_CODE = BY_NAME["silent"]
NOT_ENDED = 1 << 62
"""The end of a silence that lasts: later than every event time."""
OPEN_REVISION, CLOSED_REVISION = 2, 3
"""Of a channel's withdrawn finding: its own stage gives it the revisions 0, when it opens, and 1, when it closes."""


class Silence(msgspec.Struct, frozen=True):
    """A channel's last silence; times in ns of event time.

    Attributes
    ----------
    since, due, until : int
        When its last message came, when the silence was due, and when it ended; `due` is 0 if there was none.
    threshold, reference : float
        Of its finding.
    part_of : str
        Id of the feed's finding that it belongs to, or empty.
    feed_until : int
        When that ended.
    """

    since: int = 0
    due: int = 0
    until: int = NOT_ENDED
    threshold: float = 0.0
    reference: float = 0.0
    part_of: str = ""
    feed_until: int = NOT_ENDED


def after(silence: Silence, sign: Record, opened: bool) -> Silence:
    """Return a channel's silence after a SILENCE_SIGN."""
    if opened:
        return Silence(int(sign["since"]), int(sign["time"]), NOT_ENDED, float(sign["threshold"]), float(sign["reference"]))
    return msgspec.structs.replace(silence, until=int(sign["time"]))


def may_be_silent(messages: int) -> bool:
    """Return whether a channel with so many messages may be called silent; those with fewer do not keep their feed from it."""
    return messages >= WARMUP


class FeedSilences(NamedTuple):
    """The silences of one feed's channels.

    Attributes
    ----------
    feed : str
    by_channel : dict
        Channel -> Silence, of all channels that may be silent; written to.
    open_feeds : dict
        Feed -> its open finding; written to.
    version : str
        Version of the rules, for findings.
    """

    feed: str
    by_channel: dict[str, Silence]
    open_feeds: dict[str, Finding]
    version: str


def observe(silences: FeedSilences, channel: str) -> list[Finding]:
    """Return what follows from a change of one channel's silence: revisions of its feed's finding and of its channels' own."""
    out: list[Finding] = []
    mine = silences.by_channel[channel]
    end = min(one.until for one in silences.by_channel.values())
    if _are_all_silent(silences.by_channel, end) and silences.feed not in silences.open_feeds and not mine.part_of:
        out += _open_feed(silences)
    elif mine.part_of and mine.until < NOT_ENDED:
        out.append(_withdrawn(silences.feed, channel, mine, silences.version))
    if silences.feed in silences.open_feeds and end < NOT_ENDED:
        out.append(_close_feed(silences, end))
    return out


def _are_all_silent(by_channel: Mapping[str, Silence], end: int) -> bool:
    """Return whether all of several channels are silent at once; the first of them speaks again at `end`."""
    begin = max(one.due for one in by_channel.values())
    return len(by_channel) > 1 and all(one.due for one in by_channel.values()) and begin < end


def _open_feed(silences: FeedSilences) -> list[Finding]:
    """Open the feed's finding, and withdraw those of its channels."""
    by_channel = silences.by_channel
    last = max(by_channel.values(), key=lambda one: (one.due, one.since))
    finding = _of_feed(silences.feed, by_channel, last, silences.version)
    silences.open_feeds[silences.feed] = finding
    out = [finding]
    for name, one in sorted(by_channel.items()):
        by_channel[name] = msgspec.structs.replace(one, part_of=finding.id)
        out.append(_withdrawn(silences.feed, name, by_channel[name], silences.version))
    return out


def _close_feed(silences: FeedSilences, end: int) -> Finding:
    """Close the feed's finding: one of its channels spoke at `end`."""
    finding = silences.open_feeds.pop(silences.feed)
    for name, one in silences.by_channel.items():
        if one.part_of == finding.id:
            silences.by_channel[name] = msgspec.structs.replace(one, feed_until=end)
    return msgspec.structs.replace(
        finding, revision=finding.revision + 1, state="closed", last_ts=end, measured=float(end - finding.first_ts)
    )


def _of_feed(feed: str, silences: Mapping[str, Silence], last: Silence, version: str) -> Finding:
    """Return the finding of a feed whose channels are all silent since the `last` one is."""
    since = max(one.since for one in silences.values())
    return Finding(
        id=finding_id(_CODE.name, feed, "", "", since, len(silences)),
        class_=_CODE.class_,
        code=_CODE.name,
        severity=Severity.CRITICAL,
        feed=feed,
        first_ts=since,
        last_ts=last.due,
        detected_at=last.due,
        measured=float(last.due - since),
        threshold=last.threshold,
        reference=last.reference,
        unit=_CODE.unit,
        score=fact_score(_CODE),
        corroboration=[f"all {len(silences)} channels are silent: {', '.join(sorted(silences))}"],
        rules_version=version,
    )


def _withdrawn(feed: str, channel: str, silence: Silence, version: str) -> Finding:
    """Return a channel's own finding as what it turned out to be; it is an anomaly again if the channel was silent long without
    the feed."""
    over = silence.until < NOT_ENDED
    alone = over and silence.until - silence.feed_until >= silence.threshold
    ended = silence.until if over else silence.due
    return Finding(
        id=finding_id(_CODE.name, channel, "", "", silence.since, -1),
        revision=CLOSED_REVISION if over else OPEN_REVISION,
        class_=_CODE.class_ if alone else Class.INFORMATION,
        code=_CODE.name,
        severity=_CODE.severity if alone else Severity.INFO,
        state="closed" if over else "open",
        feed=feed,
        channel=channel,
        first_ts=silence.since,
        last_ts=ended,
        detected_at=silence.due,
        measured=float(silence.until - silence.since) if over else silence.threshold,
        threshold=silence.threshold,
        reference=silence.reference,
        unit=_CODE.unit,
        score=fact_score(_CODE),
        corroboration=[f"{'began as' if alone else 'is'} part of the silence of the whole feed, finding {silence.part_of}"],
        rules_version=version,
    )

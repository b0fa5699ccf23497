"""When a whole feed says nothing: all its channels are silent at once, which is one finding and not one a channel.

Each channel's own stage tells of its silence at once, since the others' are not known there. Where they meet, the findings of the
channels are withdrawn as soon as all of the feed are silent: their last revisions are information that names the feed's finding.
A silence is an interval that begins when it was due, so that it does not matter when the others heard of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tickproof.channel.silence import WARMUP
from tickproof.findings.finding import BY_NAME, Class, Finding, Severity, fact_score, finding_id

_CODE = BY_NAME["silent"]
_STILL = 1 << 62
OPEN_REVISION, CLOSED_REVISION = 2, 3
"""Of a channel's withdrawn finding: its own stage gives it the revisions 0, when it opens, and 1, when it closes."""


class Silence(msgspec.Struct, frozen=True):
    """A channel's last silence: since when, when it was due and when it ended, ns of event time; `due` 0: there was none.

    `part_of` is the id of the feed's finding that it belongs to, `feed_until` when that ended, or a time beyond all.
    """

    since: int = 0
    due: int = 0
    until: int = _STILL
    threshold: float = 0.0
    reference: float = 0.0
    part_of: str = ""
    feed_until: int = _STILL


def after(silence: Silence, sign: Any, opened: bool) -> Silence:
    """A channel's silence after a sign (SILENCE_SIGN) of it."""
    if opened:
        return Silence(int(sign["since"]), int(sign["time"]), _STILL, float(sign["threshold"]), float(sign["reference"]))
    return msgspec.structs.replace(silence, until=int(sign["time"]))


def is_judged(heard: int) -> bool:
    """May a channel with so many messages be called silent? Those with fewer do not keep their feed from being so."""
    return heard >= WARMUP


def observe(feed: str, channel: str, silences: dict[str, Silence], open_feeds: dict[str, Finding], version: str) -> list[Finding]:
    """What follows of a change of one channel's silence.

    Parameters
    ----------
    silences : dict
        By channel, of all channels of the feed that are judged; what is part of the feed's silence is noted in it.
    open_feeds : dict
        The open findings of feeds, written to.

    Returns
    -------
    list of Finding
        Revisions of the feed's finding and of its channels' own.
    """
    out: list[Finding] = []
    begin, end = max(one.due for one in silences.values()), min(one.until for one in silences.values())
    all_silent = len(silences) > 1 and all(one.due for one in silences.values()) and begin < end
    if all_silent and feed not in open_feeds and not silences[channel].part_of:
        last = max(silences.values(), key=lambda one: (one.due, one.since))
        open_feeds[feed] = _of_feed(feed, silences, last, version)
        out.append(open_feeds[feed])
        for name, one in sorted(silences.items()):
            silences[name] = msgspec.structs.replace(one, part_of=open_feeds[feed].id)
            out.append(_withdrawn(feed, name, silences[name], version))
    elif silences[channel].part_of and silences[channel].until < _STILL:
        out.append(_withdrawn(feed, channel, silences[channel], version))
    if feed in open_feeds and end < _STILL:
        finding = open_feeds.pop(feed)
        out.append(
            msgspec.structs.replace(
                finding, revision=finding.revision + 1, state="closed", last_ts=end, measured=float(end - finding.first_ts)
            )
        )
        for name, one in silences.items():
            if one.part_of == finding.id:
                silences[name] = msgspec.structs.replace(one, feed_until=end)
    return out


def _of_feed(feed: str, silences: Mapping[str, Silence], last: Silence, version: str) -> Finding:
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
    """A channel's own finding as what it turned out to be; it stands again if the channel was silent long without the feed."""
    over = silence.until < _STILL
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

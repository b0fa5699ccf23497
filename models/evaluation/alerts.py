"""The feed anomalies of a run as columns, matched against the scopes and windows of labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from models.evaluation.episodes import GRACE_NS, Integers, Mask
from tickproof.findings.finding import Class, Finding, Severity, feed_of
from tickproof.findings.label import Label

RIGHT: dict[str, frozenset[str]] = {
    "genuine_latency_burst": frozenset({"latency_spike"}),
    "genuine_sequence_reset": frozenset({"sequence_reset"}),
}
"""Findings that are true of a genuine episode: messages did queue, the counter did restart."""


def settled(findings: Iterable[Finding]) -> list[Finding]:
    """Return one finding an id: its last revision, with `detected_at` of the earliest revision of the same class."""
    revisions: dict[str, list[Finding]] = {}
    for finding in findings:
        revisions.setdefault(finding.id, []).append(finding)
    out = []
    for history in revisions.values():
        history.sort(key=lambda finding: finding.revision)
        last = history[-1]
        first = next(finding for finding in history if finding.class_ == last.class_)
        out.append(msgspec.structs.replace(last, detected_at=first.detected_at))
    return out


@dataclass(frozen=True, slots=True)
class Alerts:
    """Findings of class `feed_anomaly`, a row each; an empty name is a null.

    Attributes
    ----------
    detected_at, first_ts : int64 arrays, shape (n,)
    score : float32 array
    loud : bool array
        Severity warning or more: what can be a false alarm.
    code, channel, venue, symbol : str arrays
    feed : str array
        Of findings that name no channel; otherwise it follows from the channel.
    feeds : dict
        Feed by channel, as the run's findings name them.
    """

    detected_at: Integers
    first_ts: Integers
    score: npt.NDArray[np.float32]
    loud: Mask
    code: npt.NDArray[np.str_]
    channel: npt.NDArray[np.str_]
    venue: npt.NDArray[np.str_]
    symbol: npt.NDArray[np.str_]
    feed: npt.NDArray[np.str_]
    feeds: dict[str, str]

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> Alerts:
        """Return the feed anomalies among findings, given with all revisions or only the last."""
        last = settled(findings)
        rows = [finding for finding in last if finding.class_ == Class.FEED_ANOMALY]
        texts = [np.array([getattr(row, name) or "" for row in rows], np.str_) for name in ("code", "channel", "venue", "symbol")]
        return cls(
            np.array([row.detected_at for row in rows], np.int64),
            np.array([row.first_ts for row in rows], np.int64),
            np.array([row.score for row in rows], np.float32),
            np.array([row.severity != Severity.INFO for row in rows], bool),
            texts[0],
            texts[1],
            texts[2],
            texts[3],
            np.array(["" if row.channel else row.feed for row in rows], np.str_),
            {row.channel: row.feed for row in last if row.channel},
        )

    def of_scope(self, label: Label) -> Mask:
        """Return which alerts have exactly a label's scope; a channel or venue that either leaves open matches any."""
        symbol: Mask = self.symbol == label.symbol
        return symbol & self._around(label)

    def _around(self, label: Label) -> Mask:
        mine = self.feeds.get(label.channel) or feed_of(label.channel)
        is_feed: Mask = (self.feed == "") | (self.feed == mine) | (label.channel == "")
        return is_feed & _matches(self.channel, label.channel) & _matches(self.venue, label.venue)

    def detected_in(self, first: int, last: int) -> Mask:
        """Return which alerts were detected in [first, last]."""
        return (self.detected_at >= first) & (self.detected_at <= last)

    def touching(self, label: Label) -> Mask:
        """Return which touch an episode: of its scope, or of a symbol in a channel's episode; detected or begun in its effect.

        A finding that was open before the onset does not touch it, for it was raised without it.
        """
        scope = self._around(label) if label.scope == "channel" else self.of_scope(label)
        first, last = label.onset, label.effect_end + GRACE_NS
        return scope & (self.detected_in(first, last) | ((self.first_ts >= first) & (self.first_ts <= last)))

    def right(self, label: Label) -> Mask:
        """Return which alerts say what is true of a genuine label."""
        return np.isin(self.code, list(RIGHT.get(label.kind, ())))


def _matches(names: npt.NDArray[np.str_], wanted: str) -> Mask:
    matches: Mask = (names == "") | (names == wanted) | (wanted == "")
    return matches

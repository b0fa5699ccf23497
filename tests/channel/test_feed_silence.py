"""A whole feed that stops is one finding; one channel that stops is its own. Time lines are in seconds after `START_NS`."""

from __future__ import annotations

import pytest

from tests.support.streams import Scored, Tape, at, merged, score
from tickproof.findings.finding import Class, Finding, Severity

LINES = ("A", "B", "C")


def feed(silent: dict[str, tuple[float, float]], *, beats: bool = True, until: float = 30.0) -> Scored:
    """Score channels of XNAS and of ARCX, ten messages a second each; `silent` says from when to when a channel sends none."""
    tapes = []
    for name in (*(f"XNAS.{line}" for line in LINES), "ARCX.A"):
        tape = Tape(name, name[:4])
        low, high = silent.get(name, (1e9, 1e9))
        for k in range(round(until * 10)):
            moment = k * 0.1
            if not low < moment < high:
                tape.quote(moment, symbol=f"{name}{k % 3}")
            elif beats and k % 10 == 0:
                tape.capture_heartbeat(moment)
        tape.capture_heartbeat(until + 1)
        tapes.append(tape)
    return score(merged(*tapes), shards=3)


def anomalies(found: Scored) -> list[Finding]:
    return [finding for finding in found.of("silent") if finding.class_ == Class.FEED_ANOMALY]


@pytest.mark.parametrize("beats", [True, False])
def test_all_channels_of_a_feed_are_one_finding(beats: bool) -> None:
    """
    A  ──── 15.0 ······ 16.5 ·························· 20.0 ────
    B  ──── 15.2 ········· 16.7 ······················· 20.1 ────
    C  ──── 15.4 ············ 16.9: the whole feed ···· 20.2 ────
    """
    silent = {"XNAS.A": (15.0, 20.0), "XNAS.B": (15.2, 20.1), "XNAS.C": (15.4, 20.2)}
    found = feed(silent, beats=beats)
    (finding,) = anomalies(found)
    assert (finding.feed, finding.channel, finding.venue, finding.symbol) == ("XNAS", None, None, None)
    assert (finding.severity, finding.state, finding.unit) == (Severity.CRITICAL, "closed", "ns")
    assert (finding.first_ts, finding.detected_at, finding.last_ts) == (at(15.4), at(16.9), at(20.0))
    assert finding.measured == 4.6e9
    withdrawn = [one for one in found.of("silent") if one.class_ == Class.INFORMATION]
    assert [one.channel for one in withdrawn] == ["XNAS.A", "XNAS.B", "XNAS.C"]
    assert all(one.severity == Severity.INFO and finding.id in one.corroboration[0] for one in withdrawn)
    assert [one.last_ts for one in withdrawn] == [at(20.0), at(20.1), at(20.2)]


def test_a_channel_that_stops_alone_is_a_finding_of_its_own() -> None:
    (finding,) = anomalies(feed({"XNAS.B": (15.0, 20.0)}))
    assert (finding.feed, finding.channel) == ("XNAS", "XNAS.B")


def test_some_channels_are_not_the_feed() -> None:
    found = anomalies(feed({"XNAS.A": (15.0, 20.0), "XNAS.B": (15.0, 20.0)}))
    assert [finding.channel for finding in found] == ["XNAS.A", "XNAS.B"]


def test_silences_one_after_the_other_are_not_the_feed() -> None:
    """The last is due when the first has ended."""
    silent = {"XNAS.A": (14.0, 17.0), "XNAS.B": (15.0, 20.0), "XNAS.C": (15.6, 20.0)}
    assert [finding.channel for finding in anomalies(feed(silent))] == ["XNAS.A", "XNAS.B", "XNAS.C"]


def test_a_feed_of_one_channel_keeps_its_channel() -> None:
    (finding,) = anomalies(feed({"ARCX.A": (15.0, 20.0)}))
    assert (finding.feed, finding.channel) == ("ARCX", "ARCX.A")


def test_a_channel_that_stays_silent_when_its_feed_is_back_is_an_anomaly_again() -> None:
    silent = {"XNAS.A": (15.0, 20.0), "XNAS.B": (15.0, 20.0), "XNAS.C": (15.0, 27.0)}
    found = anomalies(feed(silent))
    assert {finding.channel for finding in found} == {None, "XNAS.C"}


def test_a_feed_that_stops_twice_is_two_findings() -> None:
    first = dict.fromkeys(("XNAS.A", "XNAS.B"), (12.0, 16.0))
    tapes = []
    for name in first:
        tape = Tape(name, "XNAS")
        for k in range(400):
            if not 120 < k < 160 and not 250 < k < 300:
                tape.quote(k * 0.1, symbol=f"{name}{k % 3}")
        tapes.append(tape)
    found = anomalies(score(merged(*tapes), shards=2))
    assert [(finding.channel, finding.first_ts, finding.last_ts) for finding in found] == [
        (None, at(12.0), at(16.0)),
        (None, at(25.0), at(30.0)),
    ]

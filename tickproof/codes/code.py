"""What an entry says about its code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple


class Scope(StrEnum):
    """What a finding is about, as a rule: some codes are found of a venue or a feed, too."""

    CHANNEL = "channel"
    SYMBOL = "symbol"


class Class(StrEnum):
    """What kind of statement a finding is."""

    CORRUPT_TICK = "corrupt_tick"
    FEED_ANOMALY = "feed_anomaly"
    MARKET_EVENT = "market_event"
    INFORMATION = "information"


class Severity(StrEnum):
    """How urgent a finding is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Quality(IntEnum):
    """The verdict on one tick."""

    GOOD = 0
    SUSPECT = 1
    CORRUPT = 2
    MARKET_EVENT = 3


class Stage(StrEnum):
    """Where in the pipeline a code is decided."""

    READING = "reading"
    """Of a recording as a whole, before its ticks are judged."""
    DECODING = "decoding"
    CHANNEL = "channel"
    SHARD = "shard"
    FEED = "feed"


class Plot(StrEnum):
    """What a report draws beside a finding."""

    PRICES = "prices"
    """The symbol's ticks; the rate where the finding is about a channel."""
    RATE = "rate"
    LATENCY = "latency"
    """The symbol's ticks; the latency where the finding is about a channel."""


class Check(NamedTuple):
    """One function that decides a code, as `module:function`; those of channels and shards are compiled."""

    stage: Stage
    function: str


class Labels(NamedTuple):
    """What a finding's values are called. An empty label means that the value is not shown to people."""

    measured: str
    threshold: str
    reference: str


NO_VALUES = Labels("", "", "")
"""Of a code of which nothing is measured, or nothing that a person would want to know."""


class Advice(NamedTuple):
    """What a person should know: why the code was reported, what to do, and when nothing is wrong after all (may be empty)."""

    why: str
    action: str
    innocent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One code.

    Parameters
    ----------
    bit : int
        Its bit in `reasons`.
    name : str
        What findings, labels and reports call it.
    scope : Scope
    class_ : Class
    severity : Severity
        Of its findings; DESIGN says when it is raised or lowered.
    quality : Quality
        What a tick gets from this code alone.
    unit : str
        Unit of a finding's values; empty where nothing is measured.
    labels : Labels
        What those values are.
    meaning : str
        What it is, in a few words.
    how : str
        How it is decided, with the thresholds.
    checks : tuple of Check
        The functions that decide it. Empty: this version does not find it.
    finalize : str
        The function, as `module:function`, that confirms or withdraws the causal decision once the lookahead is over; empty: it
        is final at once.
    advice : Advice
    plot : Plot
    is_summed : bool
        Whether `measured` and `reference` are sums over the members of a finding; if nothing is left, it becomes information.
    closes_after_s : int
        A finding ends after so many seconds of event time without a member.
    """

    bit: int
    name: str
    scope: Scope
    class_: Class
    severity: Severity
    quality: Quality
    unit: str
    labels: Labels
    meaning: str
    how: str
    checks: tuple[Check, ...]
    finalize: str = ""
    advice: Advice
    plot: Plot = Plot.PRICES
    is_summed: bool = False
    closes_after_s: int = 5

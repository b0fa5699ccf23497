"""Small streams of ticks for tests: a tape on which the messages of a feed are written one after the other.

Times are in seconds after `START_NS`, prices and sizes in ones, as a person reads them; the tape turns them into units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.pipeline import engine as local
from jobs.pipeline.engine import Engine
from jobs.pipeline.settings import PipelineSettings, pipeline_settings
from tickproof.channel import step as channels
from tickproof.channel.step import ChannelSettings, ChannelState
from tickproof.features.table import NAMES as FEATURE_NAMES
from tickproof.findings.finding import BY_NAME, VERDICT, Finding, mask
from tickproof.findings.second_statistics import Row
from tickproof.settings import Settings
from tickproof.shard.step import ShardSettings
from tickproof.ticks.schema import (
    NAMES,
    NS_PER_SECOND,
    NULLABLE,
    ROW,
    UNITS_PER_ONE,
    Array,
    Condition,
    Flag,
    Kind,
    Ticks,
    concat,
    is_scored,
)

START_NS = 1_700_000_000 * NS_PER_SECOND
"""A whole second, so that windows are easy to draw."""
CHANNEL, VENUE, SYMBOL = "XNAS.A", "XNAS", "ABC"
MS = 1e-3


def at(seconds: float) -> int:
    """ns since the epoch of a moment `seconds` after the start."""
    return START_NS + round(seconds * NS_PER_SECOND)


def units(value: float) -> int:
    """A price or size in units of 1e-9."""
    return round(value * UNITS_PER_ONE)


@dataclass(slots=True)
class Tape:
    """The messages of one channel, in arrival order.

    Parameters
    ----------
    channel, venue, symbol : str
        What a message says if it does not say otherwise.
    sequence : int or None
        The next number; None: the feed has none.
    latency_ns : int or None
        `ts_recv` − `ts_event`; None: the feed has no venue time.
    """

    channel: str = CHANNEL
    venue: str = VENUE
    symbol: str | None = SYMBOL
    sequence: int | None = 1
    latency_ns: int | None = 1_000_000
    messages: list[dict[str, Any]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.messages)

    def write(self, kind: Kind, seconds: float, **columns: Any) -> int:
        """Write one message; `columns` are raw values of the schema and win. Returns its row."""
        moment = at(seconds)
        message: dict[str, Any] = {"ts_recv": moment, "kind": int(kind), "channel": self.channel, "venue": self.venue}
        message["symbol"] = self.symbol
        if self.latency_ns is not None:
            message["ts_event"] = moment - self.latency_ns
        if self.sequence is not None and "sequence" not in columns:
            message["sequence"] = self.sequence
            if kind != Kind.HEARTBEAT:
                self.sequence += 1
        self.messages.append(message | columns)
        return len(self.messages) - 1

    def quote(self, seconds: float, bid: float | None = 99.99, ask: float | None = 100.01, **columns: Any) -> int:
        """A quote of 100 a side; a side of None is not carried."""
        sides: dict[str, Any] = {}
        if bid is not None:
            sides |= {"bid_px": units(bid), "bid_sz": units(100)}
        if ask is not None:
            sides |= {"ask_px": units(ask), "ask_sz": units(100)}
        return self.write(Kind.QUOTE, seconds, **(sides | columns))

    def trade(self, seconds: float, price: float = 100.0, size: float = 100, **columns: Any) -> int:
        """A trade."""
        return self.write(Kind.TRADE, seconds, **({"price": units(price), "size": units(size)} | columns))

    def heartbeat(self, seconds: float, **columns: Any) -> int:
        """A heartbeat of the venue: it carries the next number and consumes none."""
        return self.write(Kind.HEARTBEAT, seconds, **({"symbol": None} | columns))

    def capture_heartbeat(self, seconds: float, **columns: Any) -> int:
        """A heartbeat of our own: no number, no venue time."""
        ours = {"symbol": None, "sequence": None, "ts_event": None, "flags": int(Flag.CAPTURE_HEARTBEAT)}
        return self.write(Kind.HEARTBEAT, seconds, **(ours | columns))

    def session(self, seconds: float, sequence: int, **columns: Any) -> int:
        """A session start that carries `sequence`; the next message is one on."""
        self.sequence = sequence
        return self.write(Kind.SESSION, seconds, **({"symbol": None} | columns))

    def status(self, seconds: float, conditions: Condition, **columns: Any) -> int:
        """A trading status."""
        return self.write(Kind.STATUS, seconds, **({"conditions": int(conditions)} | columns))

    def ticks(self) -> Ticks:
        """What is on the tape."""
        return ticks_of(self.messages)


def ticks_of(messages: Sequence[dict[str, Any]]) -> Ticks:
    """Ticks from values by column; what is absent or None is null, `conditions` and `flags` are 0."""
    names: dict[str, int] = {}
    rows = np.zeros(len(messages), ROW)
    for row, message in zip(rows, messages, strict=True):
        for column in NAMES:
            name = message.get(column)
            row[column] = -1 if name is None else names.setdefault(name, len(names))
        for column, bit in NULLABLE.items():
            if message.get(column) is not None:
                row[column] = message[column]
                row["present"] |= bit
        for column in ("ts_recv", "kind", "conditions", "flags"):
            row[column] = message.get(column, 0)
    return Ticks(rows, tuple(names))


def merged(*tapes: Tape) -> Ticks:
    """The messages of several channels by capture time."""
    both = concat([tape.ticks() for tape in tapes])
    return both.take(np.argsort(both.rows["ts_recv"], kind="stable"))


def pieces(ticks: Ticks, cuts: Sequence[int]) -> Iterator[Ticks]:
    """The ticks cut at the rows `cuts`, which may stand in any order and more than once."""
    edges = sorted({0, len(ticks), *(min(cut, len(ticks)) for cut in cuts)})
    for start, end in pairwise(edges):
        yield ticks.take(slice(start, end))


def last_revisions(findings: Sequence[Finding]) -> dict[str, Finding]:
    """The last revision of each finding."""
    out: dict[str, Finding] = {}
    for finding in findings:
        if finding.id not in out or finding.revision >= out[finding.id].revision:
            out[finding.id] = finding
    return out


def of_code(findings: Sequence[Finding], code: str) -> list[Finding]:
    """Return the last revisions of one code, by time. A code that does not exist is an error: nothing is ever found of it."""
    name = BY_NAME[code].name
    last = last_revisions(findings).values()
    return sorted((finding for finding in last if finding.code == name), key=lambda finding: finding.first_ts)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a channel's stage said of a tape: stamped rows, every revision, a record a second, and the state after it."""

    ticks: Ticks
    findings: list[Finding]
    seconds: Array
    state: ChannelState

    def of(self, code: str) -> list[Finding]:
        """Return the last revisions of one code, by time."""
        return of_code(self.findings, code)

    def rows_with(self, code: str) -> list[int]:
        """Rows whose reasons hold `code`."""
        return [int(row) for row in np.flatnonzero(self.ticks.rows["reasons"] & np.uint64(mask([code])))]


def check(ticks: Ticks, cuts: Sequence[int] = (), channel: str = CHANNEL, **settings: Any) -> Checked:
    """Run a channel's stage over ticks, in steps."""
    state = ChannelState.new("1")
    parts: list[Ticks] = []
    findings: list[Finding] = []
    seconds: list[Array] = []
    for piece in pieces(ticks, cuts):
        result = channels.step(state, piece, channel, ChannelSettings(**settings))
        state = result.state
        parts.append(result.ticks)
        findings += result.findings
        seconds.append(result.seconds)
    out = concat(parts)
    # So that no test passes because nothing was checked.
    assert len(out) == len(ticks)
    return Checked(out, findings, np.concatenate(seconds), state)


@dataclass(frozen=True, slots=True)
class Scored:
    """What the engine said: scored ticks with their verdicts, every revision, statistics, features and urgent verdicts."""

    ticks: Ticks
    verdicts: Array
    findings: list[Finding]
    statistics: list[Row]
    features: npt.NDArray[np.float64]
    urgent: list[tuple[Ticks, Array]]

    def where(self, **columns: Any) -> npt.NDArray[np.intp]:
        """Positions of ticks by the raw values of their columns."""
        chosen = np.ones(len(self.ticks), np.bool_)
        for column, value in columns.items():
            if column in NAMES:
                value = self.ticks.names.index(value) if value is not None else -1
            chosen &= self.ticks.rows[column] == value
        return np.flatnonzero(chosen)

    def verdict(self, seconds: float, **columns: Any) -> dict[str, Any]:
        """The verdict on the one tick captured at a moment."""
        (index,) = self.where(ts_recv=at(seconds), **columns)
        return {name: self.verdicts[name][index].item() for name in VERDICT.names or ()}

    def of(self, code: str) -> list[Finding]:
        """Return the last revisions of one code, by time."""
        return of_code(self.findings, code)

    def last(self) -> list[Finding]:
        """The last revisions of all findings."""
        return list(last_revisions(self.findings).values())

    def rows_with(self, code: str, column: str = "final_reasons") -> list[int]:
        """Positions of ticks whose reasons hold `code`."""
        return [int(row) for row in np.flatnonzero(self.verdicts[column] & np.uint64(mask([code])))]


def score(
    ticks: Ticks, cuts: Sequence[int] = (), *, shards: int = 1, shard: ShardSettings | None = None, **channel: Any
) -> Scored:
    """Run the local engine over ticks in capture order, fed in pieces, to the end."""
    engine = Engine(PipelineSettings(shards, ChannelSettings(**channel), shard or ShardSettings()))
    outputs = [engine.feed(piece) for piece in pieces(ticks, cuts)] + [engine.finish()]
    assert not any(len(behind) for output in outputs for behind, _ in output.overtaken), "a tick was overtaken"
    # By shard, and in each shard in its order.
    scored = [result for _, result in sorted((pair for output in outputs for pair in output.scored), key=lambda pair: pair[0])]
    final = concat([result.final for result in scored])
    # So that no test passes because nothing was scored.
    assert len(final) == np.count_nonzero(is_scored(ticks.rows))
    return Scored(
        final,
        np.concatenate([result.verdicts for result in scored]),
        [finding for output in outputs for finding in output.findings] + engine.open_findings(),
        [row for output in outputs for row in output.statistics],
        np.concatenate([result.features for result in scored]),
        [(result.urgent, result.urgent_verdicts) for result in scored],
    )


def opened(model: str = "none") -> PipelineSettings:
    """The pipeline's settings where nothing else is set, with a model that is loaded."""
    return pipeline_settings(Settings(model=model)).opened()


def released_often(patch: Callable[..., None]) -> None:
    """Make the engine release at every call; `patch` is monkeypatch.setattr."""
    patch(local, "MINIMUM_SLICE", 0)


VENUES = ("XNAS", "ARCX", "BATS")
WARM_S = 12.0


@dataclass(slots=True)
class Market:
    """Venues that quote one symbol; all times in seconds."""

    venues: tuple[str, ...] = VENUES
    step: float = 0.05
    warm_s: float = WARM_S
    tapes: dict[str, Tape] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tapes = {venue: Tape(channel=f"{venue}.A", venue=venue) for venue in self.venues}
        self.go_on(0.0, self.warm_s)

    def go_on(
        self, start: float, end: float, mid: Callable[[float], float] | float = 100.0, venues: tuple[str, ...] = ()
    ) -> None:
        """Quote every `step`, one venue 1 ms after the other."""
        for k in range(round((end - start) / self.step)):
            for j, venue in enumerate(self.venues):
                if venues and venue not in venues:
                    continue
                moment = start + k * self.step + 0.001 * j
                middle = mid(moment) if callable(mid) else mid
                self.tapes[venue].quote(moment, middle * 0.9999, middle * 1.0001)

    @property
    def first(self) -> Tape:
        """The first venue's channel."""
        return self.tapes[self.venues[0]]

    def ticks(self) -> Ticks:
        """What all venues say, by capture time."""
        return merged(*self.tapes.values())

    def scored(self, **arguments: Any) -> Scored:
        """What the engine says of it."""
        return score(self.ticks(), **arguments)


def quoting(count: int, crossed_every: int = 0, width_bp: float = 0.0) -> Tape:
    """Quotes 10 ms apart; every so many is crossed by `width_bp`."""
    tape = Tape()
    for k in range(count):
        half = -width_bp / 2e4 if crossed_every and k % crossed_every == 5 else 1e-4
        tape.quote(k * 0.01, 100 * (1 - half), 100 * (1 + half))
    return tape


def trading(until: float, symbols: tuple[str, ...] = ("ABC", "DEF"), start: float = 0.0, tape: Tape | None = None) -> Tape:
    """Quotes of each symbol every 100 ms."""
    tape = Tape() if tape is None else tape
    for k in range(round((until - start) * 10)):
        for j, symbol in enumerate(symbols):
            tape.quote(start + k * 0.1 + j * 0.001, symbol=symbol)
    return tape


def spike(price: float = 101.0, market: Market | None = None) -> Scored:
    """One quote away and back: 100 100 [101] 100 100."""
    market = market or Market()
    market.first.quote(12.02, price * 0.9999, price * 1.0001)
    market.go_on(12.05, 14)
    return market.scored()


def level_that_holds(venues: tuple[str, ...] = VENUES[:1], mid: float = 101.0) -> Scored:
    """100 100 | 101 101 101 … on all of the venues there are."""
    market = Market(venues=venues)
    market.go_on(12, 40, mid)
    return market.scored()


Features = npt.NDArray[np.float64]


@dataclass(slots=True)
class Scripted:
    """A model that gives `sure` to the ticks that its script picks and `usual` to the others, and notes what it is asked."""

    pick: Callable[[Features], npt.NDArray[np.bool_]]
    sure: float = 6.0
    usual: float = 0.25
    version: str = "scripted-1"
    feature_names: tuple[str, ...] = FEATURE_NAMES
    threshold: float = 4.0
    asked: list[Features] = field(default_factory=list)

    def score(self, features: Features) -> npt.NDArray[np.float32]:
        """As the script says."""
        self.asked.append(features)
        return np.where(self.pick(features), self.sure, self.usual).astype(np.float32)

    def contributions(self, row: Features) -> Features:
        """None."""
        return np.zeros(len(row))


def codes(checked: Checked) -> list[str]:
    """The codes of all findings, sorted."""
    return sorted(finding.code for finding in last_revisions(checked.findings).values())


def numbers(*sequence: int | None, **columns: Any) -> Tape:
    """Quotes 10 ms apart with these sequence numbers; equal numbers have equal content."""
    tape = Tape(sequence=None)
    for row, number in enumerate(sequence):
        price = 100.0 + (number or 0) % 7
        tape.quote(row * 0.01, price - 0.01, price + 0.01, sequence=number, ts_event=at(0), **columns)
    return tape


def lively(count: int = 50, step: float = 0.1) -> Tape:
    """Quotes at 0, step, 2 step …"""
    tape = Tape()
    for row in range(count):
        tape.quote(row * step)
    return tape

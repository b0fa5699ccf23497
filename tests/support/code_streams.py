"""Short streams for single codes: one message, one number or one stamp that is wrong, or only looks so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jobs.offline.recording_findings import finding_of
from jobs.pipeline.engine import Engine
from jobs.pipeline.settings import PipelineSettings
from producers.recordings.arrival.mending import mended
from producers.recordings.reading.statements import Statements
from tests.support.streams import CHANNEL, Market, Scored, Tape, at, quoting, score, trading, units
from tickproof.channel import step as channels
from tickproof.channel.step import ChannelState
from tickproof.errors import WireError
from tickproof.reference.data import parse
from tickproof.rules.venue_habits import HABIT_QUOTES
from tickproof.ticks.schema import NS_PER_SECOND, Condition, Kind, Ticks, concat
from tickproof.wire import Payload, decode_frame, encode_frame

WHERE: dict[str, object] = {"topic": "ticks.raw", "partition": 0, "offset": 7, "timestamp_ns": at(1)}
"""Where a payload that cannot be decoded was read."""


def judged(ticks: Ticks, reference: dict[str, Any] | None = None) -> Scored:
    """Run the engine over one shard with some reference data; ticks that the watermark overtook are left out."""
    engine = Engine(PipelineSettings(1, reference=parse(reference or {}, "test")))
    outputs = [engine.feed(ticks), engine.finish()]
    results = [result for output in outputs for _, result in output.scored]
    return Scored(
        concat([result.final for result in results]),
        np.concatenate([result.verdicts for result in results]),
        [finding for output in outputs for finding in output.findings] + engine.open_findings(),
        [],
        np.concatenate([result.features for result in results]),
        [],
    )


def recorded(change: Callable[[Any], None]) -> Scored:
    """A recording of two channels, changed as a whole: what is said of it."""
    tape = Tape(sequence=None)
    for k in range(200):
        channel, symbol = (CHANNEL, "ABC") if k % 2 else ("OTHER.Q", "XYZ")
        tape.quote(k / 5, channel=channel, symbol=symbol)
    ticks = tape.ticks()
    change(ticks.rows)
    found = Statements.none()
    (ticks,) = mended(iter([ticks]), Path("recording"), found)
    return replace(score(ticks), findings=[finding_of(one) for one in found.all()])


def in_milliseconds(rows: Any) -> None:
    """Write all times in milliseconds."""
    for name in ("ts_recv", "ts_event"):
        rows[name] //= 1_000_000


def set_back(rows: Any) -> None:
    """Set the capture clock back by two seconds half-way."""
    rows["ts_recv"][100:] -= 2 * NS_PER_SECOND


def as_it_was(rows: Any) -> None:
    """Change nothing."""


def decoded(change: Callable[[Payload], Payload]) -> Scored:
    """A frame of a second of quotes, changed on its way: what is made of it, or of its refusal."""
    payload = change(encode_frame(trading(1, ("ABC",)).ticks()))
    try:
        return score(decode_frame(payload.value, payload.headers))
    except WireError as error:
        _, findings = channels.reject(ChannelState.new("1"), error, CHANNEL, WHERE)
        nothing = score(Tape().ticks())
        return Scored(nothing.ticks, nothing.verdicts, findings, [], nothing.features, [])


def payload_of_one(price: int | None) -> Scored:
    """A second of quotes, then one trade at a raw price."""
    tape = trading(1, ("ABC",))
    tape.write(Kind.TRADE, 1, price=price, size=1)
    return score(tape.ticks())


def one_quote(bid: float, ask: float) -> Scored:
    """A thousand quotes of 99.99 to 100.01, then one more."""
    tape = quoting(HABIT_QUOTES)
    tape.quote(10.0, bid, ask)
    return score(tape.ticks())


def one_trade(price: float, conditions: int = 0) -> Scored:
    """Three venues quote 99.99 to 100.01, and one prints a trade."""
    market = Market()
    market.first.trade(12.02, price, conditions=conditions)
    market.go_on(12.05, 14)
    return market.scored()


def left_behind(others: float) -> Scored:
    """100 | 101 on one venue, `others` on the other two; then all of them at `others`."""
    market = Market()
    market.go_on(12, 13, 101.0, venues=("XNAS",))
    market.go_on(12, 13, others, venues=("ARCX", "BATS"))
    market.go_on(13, 15, others)
    return market.scored()


def numbered(*numbers: int) -> Scored:
    """One quote after the other with these sequence numbers; those of one number are copies."""
    tape = Tape(sequence=None)
    for row, number in enumerate(numbers):
        tape.quote(row * 0.01, sequence=number, ts_event=at(number * 0.001))
    return score(tape.ticks())


def changed_copy(sequence: int) -> Scored:
    """A trade of number 2, and a correction of it that has the number `sequence`."""
    tape = Tape(sequence=None)
    for number in (1, 2):
        tape.trade(number * 0.01, sequence=number, trade_id=number, ts_event=at(0))
    tape.write(Kind.TRADE_CORRECTION, 0.03, sequence=sequence, trade_id=2, price=units(100.01), size=units(100), ts_event=at(0))
    tape.trade(0.04, sequence=sequence + 1, trade_id=4, ts_event=at(0))
    return score(tape.ticks())


def restarted(number: int) -> Scored:
    """9000, 9001, and then on from another number, with new times."""
    tape = Tape(sequence=9000)
    for k in range(4):
        tape.sequence = number + k - 2 if k >= 2 else tape.sequence
        tape.quote(k * 0.01)
    return score(tape.ticks())


def sent_again(count: int, renumbered: bool = False) -> Scored:
    """A hundred messages, and the last `count` of them again: copies, or new messages that say the same."""
    tape = Tape()
    for k in range(100):
        tape.quote(k * 0.01)
    for k, message in enumerate(tape.messages[-count:]):
        new = {"sequence": 101 + k, "ts_event": at(1.1)} if renumbered else {}
        tape.messages.append(message | {"ts_recv": at(1.1)} | new)
    tape.sequence = 101 + count if renumbered else 101
    for k in range(10):
        tape.quote(1.2 + k * 0.01)
    return score(tape.ticks())


def captured(*moments: float) -> Scored:
    """Quotes that arrive with these capture times."""
    tape = Tape()
    for moment in moments:
        tape.quote(moment)
    return judged(tape.ticks())


def stamped(ahead: float) -> Scored:
    """A second of quotes, and one whose venue time is so many seconds ahead."""
    tape = trading(1, ("ABC",))
    tape.quote(1, ts_event=at(1 + ahead))
    return score(tape.ticks())


def lagging(latency_ms: float) -> Scored:
    """Thirty seconds of quotes with a latency of 1 ms, then five with another."""
    tape = trading(30, ("ABC",))
    for k in range(5):
        tape.quote(30 + k * 0.1, ts_event=at(30 + k * 0.1) - round(latency_ms * 1e6))
    return score(tape.ticks())


def skewed(behind: Callable[[float], float]) -> Scored:
    """Two symbols for 30 s; the venue's clock is so many seconds behind."""
    tape = Tape()
    for k in range(1500):
        moment = k * 0.02
        latency_ns = 300_000 + 37_777 * (k * k % 11)
        stamp = at(moment) - latency_ns - round(behind(moment) * NS_PER_SECOND)
        tape.quote(moment, symbol=("ABC", "DEF")[k % 2], ts_event=stamp)
    return score(tape.ticks())


def paused(announced: bool) -> Scored:
    """Twenty seconds of quotes, ten of nothing but our own heartbeats; the venue says that the session closed, or it does not."""
    tape = trading(20, ("ABC",))
    if announced:
        tape.status(20, Condition.SESSION_CLOSED)
    for second in range(21, 30):
        tape.capture_heartbeat(second)
    if announced:
        tape.status(30, Condition.SESSION_OPENED)
    tape.quote(30)
    return score(tape.ticks(), shards=1)


def out_of_hours(moment: float) -> Scored:
    """One trade at a venue that is open from 10 to 20."""
    tape = Tape()
    tape.trade(moment)
    return judged(tape.ticks(), {"sessions": {"XNAS": [[at(10), at(20)]]}})


def listed(symbol: str) -> Scored:
    """Quotes of the one symbol that is listed, and then of another."""
    tape = trading(5, ("ABC",))
    tape.quote(5, symbol=symbol)
    return judged(tape.ticks(), {"instruments": [{"symbol": "ABC", "channel": "XNAS.A"}]})

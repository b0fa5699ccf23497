"""The contract of all codes: each has a stream in which it is found, and a twin that looks like it in which it must not be."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from jobs.pipeline.engine import Engine, EngineSettings
from tests.support.channel_streams import VENUES as CARRIERS
from tests.support.channel_streams import shifted
from tests.support.rule_streams import of_two_symbols, on_grid, outside_again, rescaled, sliding, stuffed, taken_back, traded
from tests.support.streams import (
    VENUES,
    Market,
    Scored,
    Scripted,
    Tape,
    at,
    check,
    level_that_holds,
    quoting,
    score,
    spike,
    trading,
    units,
)
from tests.support.tied_streams import left, shown
from tickproof.features.table import INDEX
from tickproof.findings.event import UNITS
from tickproof.findings.finding import BY_NAME, CODES
from tickproof.reference.data import parse
from tickproof.rules.price_deviation import DEVIATION_FLOOR, OUTSIDE_FLOOR, TEN_WIDTH
from tickproof.rules.quote_sides import WIDE_RATIO
from tickproof.rules.table import RULES
from tickproof.rules.venue_habits import HABIT_QUOTES
from tickproof.shard.step import ShardSettings
from tickproof.ticks.schema import NS_PER_SECOND, Condition, Kind, Ticks


def column(features: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = np.nan_to_num(np.abs(features[:, INDEX[name]]))
    return values


def with_model(market: Market, pick: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.bool_]]) -> Scored:
    return market.scored(shard=ShardSettings(detector=Scripted(pick)))


def small_spike(price: float) -> Scored:
    market = Market()
    market.first.quote(12.02, price - 0.01, price + 0.01)
    market.go_on(12.05, 14)
    return with_model(market, lambda features: column(features, "deviation") > 20)


def odd_size(size: float) -> Scored:
    market = Market()
    market.first.quote(12.02, bid_sz=units(size))
    market.go_on(12.05, 14)
    return with_model(market, lambda features: column(features, "size") > 10)


def frozen(moving: tuple[str, ...]) -> Scored:
    """Venues follow a price for a minute and a half; then the first goes on to quote its last one, and `moving` follow on."""

    def price(seconds: float) -> float:
        return round(100.0 + 0.2 * math.sin(0.7 * seconds), 2)

    market = Market()
    resting = tuple(venue for venue in VENUES if venue not in moving)
    market.go_on(12, 102, price)
    market.go_on(102, 112, price, venues=moving)
    market.go_on(102, 112, price(102), venues=resting)
    return market.scored()


def numbered(*numbers: int) -> Scored:
    tape = Tape(sequence=None)
    for row, number in enumerate(numbers):
        tape.quote(row * 0.01, sequence=number, ts_event=at(number * 0.001))
    return score(tape.ticks())


def timed(*moments: float, allowed_ns: int = NS_PER_SECOND) -> Scored:
    tape = Tape()
    for moment in moments:
        tape.quote(moment)
    checked = check(tape.ticks(), out_of_orderness_ns=allowed_ns)
    nothing = score(Tape().ticks())
    return Scored(nothing.ticks, nothing.verdicts, checked.findings, [], nothing.features, [])


def lagging(latency_ms: float) -> Scored:
    tape = trading(30, ("ABC",))
    for k in range(5):
        tape.quote(30 + k * 0.1, ts_event=at(30 + k * 0.1) - round(latency_ms * 1e6))
    return score(tape.ticks())


def stamped(ahead: float) -> Scored:
    tape = trading(1, ("ABC",))
    tape.quote(1, ts_event=at(1 + ahead))
    return score(tape.ticks())


def one_quote(bid: float, ask: float) -> Scored:
    tape = quoting(HABIT_QUOTES)
    tape.quote(10.0, bid, ask)
    return score(tape.ticks())


def one_trade(price: float, conditions: int = 0) -> Scored:
    market = Market()
    market.first.trade(12.02, price, conditions=conditions)
    market.go_on(12.05, 14)
    return market.scored()


def left_behind(others: float) -> Scored:
    market = Market()
    market.go_on(12, 13, 101.0, venues=("XNAS",))
    market.go_on(12, 13, others, venues=("ARCX", "BATS"))
    market.go_on(13, 15, others)
    return market.scored()


def paused(beats: bool) -> Scored:
    tape = trading(20, ("ABC",))
    for second in range(20, 30):
        _ = tape.heartbeat(second) if beats else tape.capture_heartbeat(second)
    tape.quote(30)
    return score(tape.ticks(), shards=1)


def payload(price: int | None) -> Scored:
    tape = trading(1, ("ABC",))
    tape.write(Kind.TRADE, 1, price=price, size=1)
    return score(tape.ticks())


SHOWN: dict[str, tuple[Callable[[], Scored], Callable[[], Scored]]] = {
    "field_missing": (lambda: payload(None), lambda: payload(units(100))),
    "price_not_positive": (lambda: payload(0), lambda: payload(units(100))),
    "decimal_shift": (lambda: spike(1000.0), lambda: level_that_holds(VENUES, 10.0)),
    "spike": (spike, level_that_holds),
    "bad_run": (lambda: left_behind(100.0), lambda: left_behind(101.0)),
    "crossed": (lambda: one_quote(100.02, 99.98), lambda: one_quote(100.0, 100.0)),
    "wide_spread": (lambda: one_quote(99, 101), lambda: one_quote(99.9, 100.1)),
    "outside_quotes": (lambda: one_trade(100.23), lambda: one_trade(100.01)),
    "explained_print": (lambda: one_trade(102.0, int(Condition.SOLD_LATE)), lambda: one_trade(100.0, int(Condition.SOLD_LATE))),
    "genuine_move": (lambda: level_that_holds(VENUES), lambda: spike()),
    "digit_error": (lambda: traded(units(121.34), units(10), 112.34), lambda: small_spike(100.02)),
    "size_outlier": (lambda: odd_size(100 * 1e6), lambda: odd_size(100)),
    "frozen": (lambda: frozen(VENUES[1:]), lambda: frozen(())),
    "sentinel_value": (lambda: payload(2**63 - 1), lambda: payload(units(100))),
    "off_tick_grid": (lambda: on_grid(99.993), lambda: on_grid(99.98)),
    "unit_change": (lambda: rescaled(VENUES[:1], 1.35), lambda: rescaled(VENUES, 1.35)),
    "drift": (lambda: sliding(VENUES[:1]), lambda: sliding(VENUES)),
    "bit_flip": (lambda: traded(units(100) ^ 1 << 33, units(10)), lambda: traded(units(101), units(10))),
    "field_swap": (lambda: traded(units(300), units(100)), lambda: traded(units(100), units(300))),
    "symbol_swap": (lambda: of_two_symbols(37.0), lambda: of_two_symbols(39.0)),
    "locked": (lambda: one_quote(100.0, 100.0), lambda: one_quote(99.99, 100.01)),
    "cancelled": (lambda: taken_back(Kind.TRADE_CANCEL), lambda: taken_back(None)),
    "corrected": (lambda: taken_back(Kind.TRADE_CORRECTION, price=units(100.0), size=units(100)), lambda: taken_back(None)),
    "stale_book": (lambda: outside_again(12, moves=False), lambda: outside_again(12, moves=True)),
    "burst": (lambda: stuffed(moving=False), lambda: stuffed(moving=True)),
    "sequence_gap": (lambda: numbered(1, 2, 5, 6), lambda: numbered(1, 2, 3, 4)),
    "sequence_reset": (lambda: restarted(1), lambda: restarted(9002)),
    "duplicate": (lambda: numbered(1, 2, 2, 3), lambda: numbered(1, 2, 3)),
    "duplicate_changed": (
        lambda: score(changed_copy(at(0.5))),
        lambda: numbered(1, 2, 2, 3),
    ),
    "replayed_block": (lambda: sent_again(60), lambda: sent_again(3)),
    "out_of_order": (lambda: timed(0, 1, 0.5), lambda: timed(0, 1, 1)),
    "late_tick": (lambda: timed(0, 5, 3), lambda: timed(0, 5, 4)),
    "time_implausible": (lambda: stamped(1.5), lambda: stamped(0.5)),
    "clock_offset": (lambda: skewed(lambda t: 3600.0 if t > 10 else 0.0), lambda: skewed(lambda t: 0.0)),
    "clock_drift": (lambda: skewed(lambda t: 1e-3 * max(t - 12, 0.0)), lambda: skewed(lambda t: 0.0)),
    "latency_spike": (lambda: lagging(200), lambda: lagging(20)),
    "out_of_session": (lambda: out_of_hours(25), lambda: out_of_hours(15)),
    "unknown_symbol": (lambda: listed("QQQ"), lambda: listed("ABC")),
    "cross_break": (lambda: shown(left("EURUSD", ("V",))), lambda: shown(left("EURUSD", ("V",), end=30.5))),
    "rate_shift": (lambda: shifted(("BATS",), 0.7), lambda: shifted(CARRIERS, 0.7)),
    "mix_shift": (lambda: shifted(("BATS",), 0.9, trades_only=True), lambda: shifted(CARRIERS, 0.9, trades_only=True)),
    "silent": (lambda: paused(beats=False), lambda: trading_all_along()),
}
"""Code -> a stream in which it stands, and a twin in which it must not."""


def changed_copy(ts_event: int) -> Ticks:
    tape = Tape(sequence=None)
    for row, number in enumerate((1, 2, 2, 3)):
        tape.quote(row * 0.01, sequence=number, ts_event=ts_event if row == 2 else at(0))
    return tape.ticks()


def known(tape: Tape, reference: dict[str, object]) -> Scored:
    engine = Engine(EngineSettings(1, reference=parse(reference, "r")))
    findings = engine.feed(tape.ticks()).findings + engine.finish().findings + engine.open_findings()
    nothing = score(Tape().ticks())
    return Scored(nothing.ticks, nothing.verdicts, findings, [], nothing.features, [])


def out_of_hours(moment: float) -> Scored:
    """One trade at a venue that is open from 10 to 20."""
    tape = Tape()
    tape.trade(moment)
    return known(tape, {"sessions": {"XNAS": [[at(10), at(20)]]}})


def listed(symbol: str) -> Scored:
    """Quotes of the one symbol that is listed, and then of another."""
    tape = trading(5, ("ABC",))
    tape.quote(5, symbol=symbol)
    return known(tape, {"instruments": [{"symbol": "ABC", "channel": "XNAS.A"}]})


def restarted(number: int) -> Scored:
    """9000, 9001, and then on from another number, with new times."""
    tape = Tape(sequence=9000)
    for k in range(4):
        tape.sequence = number + k - 2 if k >= 2 else tape.sequence
        tape.quote(k * 0.01)
    return score(tape.ticks())


def sent_again(count: int) -> Scored:
    """A hundred messages, and the last `count` of them again."""
    tape = Tape()
    for k in range(100):
        tape.quote(k * 0.01)
    tape.messages += [message | {"ts_recv": at(1.1)} for message in tape.messages[-count:]]
    for k in range(10):
        tape.quote(1.2 + k * 0.01)
    return score(tape.ticks())


def skewed(ahead: Callable[[float], float]) -> Scored:
    """Two symbols for 30 s; the venue's clock is so many seconds behind."""
    tape = Tape()
    for k in range(1500):
        moment = k * 0.02
        latency_ns = 300_000 + 37_777 * (k * k % 11)
        stamp = at(moment) - latency_ns - round(ahead(moment) * NS_PER_SECOND)
        tape.quote(moment, symbol=("ABC", "DEF")[k % 2], ts_event=stamp)
    return score(tape.ticks())


def trading_all_along() -> Scored:
    return score(trading(30, ("ABC",)).ticks())


def test_every_code_of_this_version_is_shown() -> None:
    """Those of payloads need no stream: test_channel shows them."""
    assert set(SHOWN) | {"payload_unreadable", "schema_changed"} == {CODES[bit].name for bit in UNITS}
    assert {rule.code for rule in RULES} <= set(SHOWN)


@pytest.mark.parametrize("code", SHOWN)
def test_a_stream_that_shows_it_and_a_twin_that_does_not(code: str) -> None:
    shown, twin = SHOWN[code]
    findings = shown().of(code)
    assert findings
    for finding in findings:
        assert finding.class_ == BY_NAME[code].class_
        assert finding.unit == UNITS[BY_NAME[code].bit]
        for value in (finding.measured, finding.threshold, finding.reference):
            assert value is None or math.isfinite(value)
        assert finding.evidence or finding.code == "silent"
        assert (finding.symbol is None) == (
            BY_NAME[code].scope == "channel" or (code in ("silent", "burst") and finding.venue is None)
        )
        assert finding.first_ts <= finding.last_ts
    assert not twin().of(code)


def test_limits_are_what_these_streams_assume() -> None:
    assert (DEVIATION_FLOOR, OUTSIDE_FLOOR, WIDE_RATIO, TEN_WIDTH) == (25e-4, 20e-4, 15.0, 0.02)

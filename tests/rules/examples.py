"""EXAMPLES: for each code, a stream that shows it and its innocent twin, which looks like it and in which nothing is wrong.

A twin may be a market event, or information: whatever its stream is, no tick of it is suspect or corrupt, and no finding of it
has the code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from tests.support import channel_streams
from tests.support.channel_streams import shifted
from tests.support.code_streams import (
    as_it_was,
    captured,
    changed_copy,
    decoded,
    in_milliseconds,
    lagging,
    left_behind,
    listed,
    numbered,
    one_quote,
    one_trade,
    out_of_hours,
    paused,
    payload_of_one,
    recorded,
    restarted,
    sent_again,
    set_back,
    skewed,
    stamped,
)
from tests.support.rule_streams import (
    following,
    of_two_symbols,
    on_grid,
    outside_again,
    rescaled,
    sized,
    sliding,
    stuffed,
    taken_back,
    traded,
)
from tests.support.streams import VENUES, Scored, level_that_holds, spike, units
from tests.support.tied_streams import left, shown
from tickproof.ticks.schema import Condition, Kind
from tickproof.wire import Payload


class Example(NamedTuple):
    """Two streams, scored when they are called."""

    shows: Callable[[], Scored]
    twin: Callable[[], Scored]


LONE = VENUES[:1]
CARRIERS = channel_streams.VENUES
FLIPPED = units(100) ^ 1 << 33
"""100 with one bit on: 108.59."""


def cut(payload: Payload) -> Payload:
    """Lose the end of a payload."""
    return replace(payload, value=payload.value[:-100])


def renamed(payload: Payload) -> Payload:
    """Rename a column, as a new version of a producer may."""
    headers = {name: value for name, value in payload.headers.items() if name != "crc32c"}
    return Payload(payload.value.replace(b"ask_px", b"ask_py"), headers)


def untouched(payload: Payload) -> Payload:
    """Change nothing."""
    return payload


EXAMPLES: dict[str, Example] = {
    "payload_unreadable": Example(lambda: decoded(cut), lambda: decoded(untouched)),
    "schema_changed": Example(lambda: decoded(renamed), lambda: decoded(untouched)),
    "field_missing": Example(lambda: payload_of_one(None), lambda: payload_of_one(units(100))),
    "price_not_positive": Example(lambda: payload_of_one(0), lambda: payload_of_one(units(100))),
    "sentinel_value": Example(lambda: payload_of_one(2**63 - 1), lambda: payload_of_one(units(100))),
    "off_tick_grid": Example(lambda: on_grid(99.993), lambda: on_grid(99.98)),
    "decimal_shift": Example(lambda: spike(1000.0), lambda: level_that_holds(VENUES, 10.0)),
    "unit_change": Example(lambda: rescaled(LONE, 1.35), lambda: level_that_holds(VENUES, 135.0)),
    "digit_error": Example(lambda: traded(units(121.34), units(10), 112.34), lambda: traded(units(112.43), units(10), 112.34)),
    "spike": Example(spike, level_that_holds),
    "bad_run": Example(lambda: left_behind(100.0), lambda: left_behind(101.0)),
    "drift": Example(lambda: sliding(LONE), lambda: sliding(VENUES)),
    "bit_flip": Example(lambda: traded(FLIPPED, units(10)), lambda: level_that_holds(VENUES, FLIPPED / 1e9)),
    "field_swap": Example(lambda: traded(units(300), units(100)), lambda: traded(units(100), units(300))),
    "symbol_swap": Example(lambda: of_two_symbols(37.0), lambda: of_two_symbols(37.0, level=37.0)),
    "crossed": Example(lambda: one_quote(100.02, 99.98), lambda: one_quote(100.0, 100.0)),
    "locked": Example(lambda: one_quote(100.0, 100.0), lambda: one_quote(99.99, 100.01)),
    "wide_spread": Example(lambda: one_quote(99, 101), lambda: one_quote(99.9, 100.1)),
    "size_outlier": Example(lambda: sized(5.2e6, kind=Kind.TRADE), lambda: sized(4.6e6, kind=Kind.TRADE)),
    "outside_quotes": Example(lambda: one_trade(100.23), lambda: one_trade(100.01)),
    "explained_print": Example(lambda: one_trade(102.0, Condition.SOLD_LATE), lambda: one_trade(100.0, Condition.SOLD_LATE)),
    "cancelled": Example(lambda: taken_back(Kind.TRADE_CANCEL), lambda: taken_back(None)),
    "corrected": Example(
        lambda: taken_back(Kind.TRADE_CORRECTION, price=units(100.0), size=units(100)), lambda: taken_back(None)
    ),
    "sequence_gap": Example(lambda: numbered(1, 2, 5, 6), lambda: numbered(1, 2, 3, 4)),
    "sequence_reset": Example(lambda: restarted(1), lambda: restarted(9002)),
    "duplicate": Example(lambda: numbered(1, 2, 2, 3), lambda: numbered(1, 2, 3)),
    "duplicate_changed": Example(lambda: changed_copy(2), lambda: changed_copy(3)),
    "replayed_block": Example(lambda: sent_again(60), lambda: sent_again(60, renumbered=True)),
    "out_of_order": Example(lambda: captured(0, 1, 0.5), lambda: captured(0, 1, 1)),
    "time_implausible": Example(lambda: stamped(1.5), lambda: stamped(0.5)),
    "clock_offset": Example(lambda: skewed(lambda t: 3600.0 if t > 10 else 0.0), lambda: skewed(lambda t: 0.0)),
    "clock_drift": Example(lambda: skewed(lambda t: 1e-3 * max(t - 12, 0.0)), lambda: skewed(lambda t: 0.0)),
    "latency_spike": Example(lambda: lagging(200), lambda: lagging(20)),
    "frozen": Example(lambda: following(602), lambda: following(602, moves=False)),
    "silent": Example(lambda: paused(announced=False), lambda: paused(announced=True)),
    "stale_book": Example(lambda: outside_again(12, moves=False), lambda: outside_again(12, moves=True)),
    "burst": Example(lambda: stuffed(moving=False), lambda: stuffed(moving=True)),
    "out_of_session": Example(lambda: out_of_hours(25), lambda: out_of_hours(15)),
    "unknown_symbol": Example(lambda: listed("QQQ"), lambda: listed("ABC")),
    "rate_shift": Example(lambda: shifted(CARRIERS[1:2], 0.7), lambda: shifted(CARRIERS, 0.7)),
    "mix_shift": Example(lambda: shifted(CARRIERS[1:2], 0.9, trades_only=True), lambda: shifted(CARRIERS, 0.9, trades_only=True)),
    "cross_break": Example(lambda: shown(left("EURUSD", ("V",))), lambda: shown(left("EURUSD", ("V",), end=30.5))),
    "late_tick": Example(lambda: captured(0, 5, 3), lambda: captured(0, 5, 5)),
    "time_unit": Example(lambda: recorded(in_milliseconds), lambda: recorded(as_it_was)),
    "capture_clock": Example(lambda: recorded(set_back), lambda: recorded(as_it_was)),
    "genuine_move": Example(lambda: level_that_holds(VENUES), lambda: level_that_holds(VENUES, 100.4)),
}
"""Code -> its example. Every code that this version finds has one."""

"""Silence of symbols: against the clock of their channel, not against silence of the channel itself; halts are no silence."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.streams import Scored, Tape, at, merged, score, trading
from tickproof.findings.finding import Class, Severity
from tickproof.ticks.schema import NS_PER_SECOND, Condition


def test_a_symbol_that_stops_while_its_channel_lives_is_silent() -> None:
    """
    ABC  0 ............ 20                    40 ...
    DEF  0 ............ 20 ...................40 ...
    """
    tape = trading(20)
    trading(40, ("DEF",), 20, tape)
    trading(45, ("ABC", "DEF"), 40, tape)
    (finding,) = score(tape.ticks()).of("silent")
    assert (finding.symbol, finding.venue, finding.class_, finding.severity) == (
        "ABC",
        "XNAS",
        Class.FEED_ANOMALY,
        Severity.CRITICAL,
    )
    assert finding.first_ts == at(19.9)
    assert at(19.9 + 2) <= finding.detected_at <= at(19.9 + 2) + NS_PER_SECOND
    assert (finding.state, finding.last_ts) == ("closed", at(40))


def test_a_channel_that_stops_is_one_finding_and_not_one_a_symbol() -> None:
    """Another venue of the same symbols goes on, so event time does."""
    mine = trading(20)
    trading(45, start=40, tape=mine)
    other = trading(45, tape=Tape(channel="ARCX.A", venue="ARCX"))
    for second in range(21, 40):
        mine.capture_heartbeat(second)
    (finding,) = score(merged(mine, other)).of("silent")
    assert (finding.channel, finding.venue, finding.symbol) == ("XNAS.A", None, None)


@pytest.mark.parametrize("shards", [1, 2, 3, 8])
def test_a_channel_that_only_beats_is_one_finding_and_not_one_a_symbol(shards: int) -> None:
    """
    ABC, DEF  0 ............ 19.9         20, 21 ... 39: heartbeats         40 ...
    channel                  19.901 + 1.5 s: its symbols say nothing, all of them
    """
    tape = trading(20)
    for second in range(20, 40):
        tape.heartbeat(second)
    trading(45, start=40, tape=tape)
    (finding,) = score(tape.ticks(), shards=shards).of("silent")
    assert (finding.channel, finding.venue, finding.symbol) == ("XNAS.A", None, None)
    assert (finding.first_ts, finding.detected_at, finding.state) == (at(19.901), at(19.901) + 1_500_000_000, "closed")


@pytest.mark.parametrize("shards", [1, 2, 3, 8])
def test_heartbeats_and_other_symbols_show_life_in_every_shard(shards: int) -> None:
    """DEF goes on and ABC does not, whether or not they share a shard."""
    tape = trading(20)
    for second in range(20, 40):
        tape.heartbeat(second)
        trading(second + 1, ("DEF",), second + 0.002, tape)
    trading(45, start=40, tape=tape)
    (finding,) = score(tape.ticks(), shards=shards).of("silent")
    assert (finding.symbol, finding.first_ts) == ("ABC", at(19.9))


def test_a_channel_of_one_symbol_that_only_beats_has_a_silent_symbol() -> None:
    tape = trading(20, ("ABC",))
    for second in range(20, 40):
        tape.heartbeat(second)
    trading(45, ("ABC",), 40, tape)
    (finding,) = score(tape.ticks()).of("silent")
    assert finding.symbol == "ABC"


@pytest.mark.parametrize("condition", [Condition.HALTED, Condition.SESSION_CLOSED])
def test_a_halt_is_no_silence(condition: Condition) -> None:
    tape = trading(20)
    tape.status(20, condition, symbol="ABC")
    trading(40, ("DEF",), 20.1, tape)
    tape.status(40, Condition.RESUMED, symbol="ABC")
    trading(45, ("ABC", "DEF"), 40.1, tape)
    assert score(tape.ticks()).of("silent") == []


def test_silence_after_a_halt_counts_from_the_resumption() -> None:
    tape = trading(20)
    tape.status(20, Condition.HALTED, symbol="ABC")
    trading(40, ("DEF",), 20.1, tape)
    tape.status(40, Condition.RESUMED, symbol="ABC")
    trading(60, ("DEF",), 40.1, tape)
    (finding,) = score(tape.ticks()).of("silent")
    assert finding.first_ts == at(40)


def test_a_symbol_that_rarely_speaks_is_not_silent() -> None:
    """Every 3 s: its threshold is 30 mean gaps."""
    tape = trading(310, ("DEF",))
    for k in range(101):
        tape.quote(3 * k + 0.05, symbol="ABC")
    tape.messages.sort(key=lambda message: message["ts_recv"])
    for number, message in enumerate(tape.messages):
        message["sequence"] = number
    assert score(tape.ticks()).of("silent") == []


def test_quotes_and_trades_by_two_channels_are_no_silence() -> None:
    """The channels' clocks differ: one began long before the other."""
    quotes, trades = Tape(channel="XNAS.Q"), Tape(channel="XNAS.T")
    for k in range(600):
        quotes.quote(k * 0.1, symbol=("ABC", "DEF")[k % 2])
        if k > 300 and k % 10 == 9:
            # The last words of each second.
            trades.trade(k * 0.1 + 0.05, symbol="ABC")
            trades.trade(k * 0.1 + 0.05, symbol="DEF")
    assert score(merged(quotes, trades)).of("silent") == []


# --- by what other venues say -------------------------------------------------------------------------------------------------


def of_two_venues(stops: tuple[str, ...]) -> Scored:
    """ABC on two venues that pause together, up to 1.5 s; some stop from 60 to 64 s, and their channels go on with DEF."""
    rng = np.random.default_rng(11)
    lively = []
    moment = 0.0
    while moment < 70:
        lively.append((moment, moment + float(rng.uniform(0.5, 1.0))))
        moment = lively[-1][1] + float(rng.uniform(0.5, 1.5))
    tapes = []
    for venue in ("XNAS", "ARCX"):
        tape = Tape(f"{venue}.A", venue)
        moments = [(0.1 * k, "DEF") for k in range(700)]
        for low, high in [*lively, (59.5, 64.5)]:
            moments += [(t, "ABC") for t in (low + rng.random(round(40 * (high - low))) * (high - low)).tolist()]
        for moment, symbol in sorted(moments):
            if symbol == "DEF" or venue not in stops or not 60 < moment < 64:
                tape.quote(moment, symbol=symbol)
        tapes.append(tape)
    return score(merged(*tapes), shards=1)


def test_others_that_go_on_tell_sooner_than_the_longest_gap() -> None:
    """
    XNAS  ─ ── ─  ── 60 ···················· 64 ──      its longest gap lets it say nothing for more than 4 s
    ARCX  ─ ── ─  ────────────────────────────────      but forty quotes a second were to be expected
    """
    (found,) = of_two_venues(("XNAS",)).of("silent")
    assert (found.venue, found.symbol) == ("XNAS", "ABC")
    assert at(62) <= found.detected_at <= at(63)
    assert found.threshold is not None
    assert found.threshold > 4e9


def test_a_lull_of_all_venues_is_none() -> None:
    assert of_two_venues(("XNAS", "ARCX")).of("silent") == []

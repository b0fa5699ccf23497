"""Rows a second against pandas: windows (t − 1 s, t], closed at their end."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jobs.offline.result_tables import statistics_table
from tests.support.streams import Scored, Tape, at, check, merged, score, units
from tickproof.findings import second_statistics as statistics
from tickproof.findings.second_statistics import ACCUMULATOR, SYMBOL_SECOND, VARIANCE_WEIGHT, channel_rows
from tickproof.ticks.schema import NS_PER_SECOND, Ticks

SECONDS = 30


def feed(seed: int = 4) -> Ticks:
    """Two venues and two symbols; some ticks wrong, some on the boundaries of seconds, some seconds empty."""
    rng = np.random.default_rng(seed)
    tapes = []
    for venue in ("XNAS", "ARCX"):
        tape = Tape(channel=f"{venue}.A", venue=venue)
        moments = np.sort(np.r_[rng.uniform(0, SECONDS, 400), np.arange(0, SECONDS, 1.0), np.arange(0, SECONDS, 1.0) + 1e-9])
        for moment in moments[(moments < 12) | (moments > 15)].tolist():
            symbol, mid = ("ABC", 100.0) if rng.random() < 0.7 else ("DEF", 20.0)
            mid += round(rng.normal(0, 0.02), 2)
            draw = rng.random()
            if draw < 0.6:
                tape.quote(moment, mid - 0.01, mid + 0.01, symbol=symbol)
            elif draw < 0.7:
                tape.quote(moment, mid - 0.01, None, symbol=symbol)
            elif draw < 0.73:
                tape.quote(moment, mid + 0.01, mid - 0.01, symbol=symbol)  # crossed
            elif draw < 0.75:
                tape.trade(moment, -mid, symbol=symbol)
            else:
                tape.trade(moment, mid, symbol=symbol)
        tapes.append(tape)
    return merged(*tapes)


@pytest.fixture(scope="module")
def scored() -> Scored:
    return score(feed(), shards=2)


@pytest.fixture(scope="module")
def frame(scored: Scored) -> pd.DataFrame:
    """Scored ticks as a table; `ts` is the end of the second that a tick belongs to."""
    rows = scored.ticks.rows
    frame = pd.DataFrame({name: rows[name] for name in ("event_time", "kind", "bid_px", "ask_px")})
    for name in ("venue", "symbol"):
        frame[name] = [scored.ticks.names[code] for code in rows[name]]
    frame["quality"] = scored.verdicts["final_quality"]
    frame["ts"] = -(-frame["event_time"] // NS_PER_SECOND) * NS_PER_SECOND
    return frame


def table(scored: Scored) -> pd.DataFrame:
    rows = [row for row in scored.statistics if row.symbol is not None]
    columns = ("ts", "venue", "symbol", "ticks", "quotes", "trades", "suspect", "corrupt", "market_event")
    columns += ("mid", "spread", "volatility", "age")
    frame = pd.DataFrame([{name: getattr(row, name) for name in columns} for row in rows])
    assert frame["mid"].notna().sum() > len(frame) / 2 > 0
    return frame.set_index(["venue", "symbol", "ts"]).sort_index()


def test_columns_are_those_of_the_contract() -> None:
    assert " ".join(statistics.Row.__struct_fields__) == (
        "ts scope channel venue symbol ticks quotes trades suspect corrupt market_event mid spread volatility"
        " latency_p50 latency_p99 latency_p999 gaps lost duplicates age"
    )


def test_counts_are_those_of_a_groupby(scored: Scored, frame: pd.DataFrame) -> None:
    groups = frame.groupby(["venue", "symbol", "ts"])
    expected = pd.DataFrame(
        {
            "ticks": groups.size(),
            "quotes": groups["kind"].agg(lambda kinds: int((kinds == 0).sum())),
            "trades": groups["kind"].agg(lambda kinds: int((kinds == 1).sum())),
            "suspect": groups["quality"].agg(lambda quality: int((quality == 1).sum())),
            "corrupt": groups["quality"].agg(lambda quality: int((quality == 2).sum())),
            "market_event": groups["quality"].agg(lambda quality: int((quality == 3).sum())),
        }
    )
    found = table(scored)
    assert found["corrupt"].sum() > 0
    assert found["suspect"].sum() > 0
    pd.testing.assert_frame_equal(found[list(expected)], expected, check_dtype=False)


def test_age_is_since_the_last_tick_of_the_second(scored: Scored, frame: pd.DataFrame) -> None:
    last = frame.groupby(["venue", "symbol", "ts"])["event_time"].max()
    expected = last.index.get_level_values("ts") - last
    assert (table(scored)["age"] == expected).all()
    assert (expected == 0).any()  # a tick on the boundary belongs to the second that ends there


def test_mid_and_spread_are_of_the_last_good_two_sided_quote_so_far(scored: Scored, frame: pd.DataFrame) -> None:
    good = frame[(frame["kind"] == 0) & (frame["quality"] == 0) & (frame["bid_px"] > 0) & (frame["ask_px"] > frame["bid_px"])]
    for (venue, symbol, ts), row in table(scored).iterrows():
        before = good[(good["venue"] == venue) & (good["symbol"] == symbol) & (good["ts"] <= ts)]
        if before.empty:
            assert pd.isna(row["mid"])
            continue
        bid, ask = int(before["bid_px"].iloc[-1]), int(before["ask_px"].iloc[-1])
        assert (row["mid"], row["spread"]) == ((bid + ask) / 2, ask - bid)


def test_volatility_is_exponential_over_returns_between_rows(scored: Scored) -> None:
    """v ← v + 0.06 (r² / Δt − v), r the log return of the mid between two rows, Δt their distance in seconds."""
    for _, rows in table(scored).groupby(["venue", "symbol"]):
        variance, base = 0.0, None
        for (_, _, ts), row in rows.iterrows():
            if not pd.isna(row["mid"]):
                if base is not None:
                    moved = math.log(row["mid"] / base[1])
                    variance += VARIANCE_WEIGHT * (moved**2 / ((ts - base[0]) / NS_PER_SECOND) - variance)
                base = ts, row["mid"]
            assert row["volatility"] == pytest.approx(math.sqrt(variance), rel=1e-6)
        assert variance > 0


def test_scopes_and_keys(scored: Scored) -> None:
    keys = [(row.scope, row.ts) for row in scored.statistics]
    assert {row.symbol is None for row in scored.statistics} == {True, False}
    assert len(set(keys)) == len(keys)
    for row in scored.statistics:
        if row.symbol is None:
            assert row.scope == row.channel
            assert row.mid is None
        else:
            assert row.scope == f"{row.venue}|{row.symbol}"
            assert row.channel is None
            assert row.latency_p50 is None
        assert row.ts % NS_PER_SECOND == 0


def test_counts_of_a_channel_are_those_of_a_groupby(scored: Scored, frame: pd.DataFrame) -> None:
    """A channel's last second is still open: only a later tick, or the seal, ends it."""
    expected = frame.groupby(["venue", "ts"]).size()
    for venue in ("XNAS", "ARCX"):
        found = {row.ts: row.ticks for row in scored.statistics if row.channel == f"{venue}.A"}
        last = max(expected[venue].index)
        assert found == {ts: n for ts, n in expected[venue].items() if ts != last}


# --- the boundary -----------------------------------------------------------------------------------------------------------


def accumulate(*moments: float) -> Any:
    tape = Tape()
    for moment in moments:
        tape.quote(moment)
    rows = tape.ticks().rows
    rows["event_time"] = rows["ts_recv"]
    accumulators, out = np.zeros(1, ACCUMULATOR), np.zeros(len(moments) + 1, SYMBOL_SECOND)
    n = statistics.count(rows, np.zeros(len(rows), np.int64), np.zeros(len(rows), np.uint8), accumulators, out)
    return accumulators, out[:n]


def test_a_second_holds_its_end_and_not_its_start() -> None:
    """
    (0, 1]: 1e-9  1.0      (1, 2]: 1.000000001
    """
    accumulators, out = accumulate(1e-9, 1.0, 1.0 + 1e-9)
    assert out[["ts", "ticks"]].tolist() == [(at(1), 2)]
    assert accumulators["ticks"].tolist() == [1]


@pytest.mark.parametrize(("before_ns", "closed"), [(at(1), 0), (at(1) + 1, 1)])
def test_a_second_is_over_only_past_its_end(before_ns: int, closed: int) -> None:
    """A tick on the end itself may still come while the bound is the end."""
    accumulators, _ = accumulate(0.5)
    out = np.zeros(1, SYMBOL_SECOND)
    assert statistics.flush(accumulators, np.zeros(1, np.int64), before_ns, out) == closed
    assert statistics.flush(accumulators, np.zeros(1, np.int64), before_ns, out) == 0


def test_one_sided_and_crossed_quotes_are_no_mid() -> None:
    tape = Tape()
    tape.quote(0.1, 10, 12)
    tape.quote(0.2, 10, None)
    tape.quote(0.3, 13, 12)
    tape.quote(0.4, 12, 12)
    (row,) = (row for row in score(tape.ticks()).statistics if row.symbol)
    assert (row.mid, row.spread, row.quotes) == (units(11), units(2), 4)


def test_a_price_at_the_end_of_its_type_has_a_middle_within_it() -> None:
    """The middle of 2^63 − 3 and 2^63 − 2 is 2^63 in floating point."""
    tape = Tape()
    tape.quote(0.5, 1.0, 2.0, bid_px=2**63 - 3, ask_px=2**63 - 2)
    (row,) = [row for row in score(tape.ticks()).statistics if row.symbol]
    assert row.mid == 2**63 - 1
    assert statistics_table([row]).column("mid").to_pylist() == [2**63 - 1]


def test_rows_of_a_channel_have_nulls_where_nothing_is_known() -> None:
    tape = Tape(latency_ns=None)
    tape.capture_heartbeat(0.5)
    tape.capture_heartbeat(1.5)
    (row,) = channel_rows(check(tape.ticks()).seconds, "XNAS.A")
    assert (row.ticks, row.age, row.latency_p50, row.latency_p999) == (0, None, None, None)

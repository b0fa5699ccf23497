"""Rows of `feed.statistics`: one a second and scope, over (t − 1 s, t]."""

from __future__ import annotations

import msgspec
import numpy as np

from tickproof.kernel import kernel
from tickproof.ticks.schema import Array

SECOND_NS = 1_000_000_000
MOST = 2**63 - 1
"""The largest price there is; the middle of two that are nearly so is rounded up in floating point."""
VARIANCE_WEIGHT = 0.06

ACCUMULATOR = np.dtype(
    [
        ("second", "<i8"),
        ("ticks", "<i4"),
        ("quotes", "<i4"),
        ("trades", "<i4"),
        ("suspect", "<i4"),
        ("corrupt", "<i4"),
        ("market_event", "<i4"),
        ("mid", "<f8"),
        ("spread", "<f8"),
        ("last_time", "<i8"),
        ("variance", "<f8"),
        ("base_mid", "<f8"),
        ("base_second", "<i8"),
    ]
)
"""What is counted of one instrument in the second that is not over; `mid` and `spread` of its last good two-sided quote."""

SYMBOL_SECOND = np.dtype(
    [
        ("ts", "<i8"),
        ("instrument", "<i8"),
        ("ticks", "<i8"),
        ("quotes", "<i8"),
        ("trades", "<i8"),
        ("suspect", "<i8"),
        ("corrupt", "<i8"),
        ("market_event", "<i8"),
        ("mid", "<f8"),
        ("spread", "<f8"),
        ("volatility", "<f8"),
        ("age", "<i8"),
    ]
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `feed.statistics`. Times and latencies in ns, `mid` and `spread` in units of 1e-9, `volatility` of log returns
    per square root of a second; null where a scope has no such thing."""

    ts: int
    scope: str
    channel: str | None = None
    venue: str | None = None
    symbol: str | None = None
    ticks: int
    quotes: int
    trades: int
    suspect: int | None = None
    corrupt: int | None = None
    market_event: int | None = None
    mid: int | None = None
    spread: int | None = None
    volatility: float | None = None
    latency_p50: int | None = None
    latency_p99: int | None = None
    latency_p999: int | None = None
    gaps: int | None = None
    lost: int | None = None
    duplicates: int | None = None
    age: int | None = None


@kernel()
def _close(a, k, out, n):  # type: ignore[no-untyped-def]
    row = out[n]
    row.ts = a.second * SECOND_NS
    row.instrument = k
    row.ticks, row.quotes, row.trades = a.ticks, a.quotes, a.trades
    row.suspect, row.corrupt, row.market_event = a.suspect, a.corrupt, a.market_event
    row.mid, row.spread = a.mid, a.spread
    row.age = row.ts - a.last_time
    if a.mid > 0.0:
        if a.base_mid > 0.0 and a.second > a.base_second:
            moved = np.log(a.mid / a.base_mid)
            a.variance += VARIANCE_WEIGHT * (moved * moved / (a.second - a.base_second) - a.variance)
        a.base_mid = a.mid
        a.base_second = a.second
    row.volatility = np.sqrt(a.variance)
    a.ticks = a.quotes = a.trades = a.suspect = a.corrupt = a.market_event = 0
    return n + 1


@kernel()
def count(rows, instrument_of, quality, accumulators, out):  # type: ignore[no-untyped-def]
    """Count final ticks in the shard's order; returns how many SYMBOL_SECOND records were written to `out`."""
    n = 0
    for i in range(len(rows)):
        k = instrument_of[i]
        if k < 0:
            continue
        row = rows[i]
        a = accumulators[k]
        second = (row.event_time + SECOND_NS - 1) // SECOND_NS
        if a.ticks > 0 and second > a.second:
            n = _close(a, k, out, n)
        a.second = second
        a.ticks += 1
        a.last_time = row.event_time
        if row.kind == 0:
            a.quotes += 1
            if quality[i] == 0 and row.bid_px > 0 and row.ask_px > row.bid_px:
                a.mid = 0.5 * (float(row.bid_px) + float(row.ask_px))
                a.spread = float(row.ask_px - row.bid_px)
        elif row.kind == 1:
            a.trades += 1
        if quality[i] == 1:
            a.suspect += 1
        elif quality[i] == 2:
            a.corrupt += 1
        elif quality[i] == 3:
            a.market_event += 1
    return n


@kernel()
def flush(accumulators, which, before_ns, out):  # type: ignore[no-untyped-def]
    """Close the seconds of the instruments `which` that ended before `before_ns`; returns how many records went to `out`."""
    n = 0
    for k in which:
        if accumulators[k].ticks > 0 and accumulators[k].second * SECOND_NS < before_ns:
            n = _close(accumulators[k], k, out, n)
    return n


def symbol_rows(seconds: Array, instruments: list[tuple[str, str]]) -> list[Row]:
    """Rows of instruments, by time and instrument."""
    out = []
    for record in np.sort(seconds, order=["ts", "instrument"]).tolist():
        ts, instrument, ticks, quotes, trades, suspect, corrupt, market_event, mid, spread, volatility, age = record
        venue, symbol = instruments[instrument]
        out.append(
            Row(
                ts=ts, scope=f"{venue}|{symbol}", venue=venue, symbol=symbol, ticks=ticks, quotes=quotes, trades=trades,
                suspect=suspect, corrupt=corrupt, market_event=market_event, mid=min(round(mid), MOST) if mid > 0 else None,
                spread=round(spread) if mid > 0 else None, volatility=volatility, age=age,
            )
        )  # fmt: skip
    return out


def channel_rows(seconds: Array, channel: str) -> list[Row]:
    """Rows of one channel, from the records of `channel_kernel.SECOND_ROW`."""
    out = []
    for ts, ticks, quotes, trades, gaps, lost, duplicates, p50, p99, p999, age, *_ in seconds.tolist():
        out.append(
            Row(
                ts=ts, scope=channel, channel=channel, ticks=ticks, quotes=quotes, trades=trades, gaps=gaps, lost=lost,
                duplicates=duplicates, latency_p50=_whole(p50), latency_p99=_whole(p99), latency_p999=_whole(p999),
                age=age if age >= 0 else None,
            )
        )  # fmt: skip
    return out


def _whole(value: float) -> int | None:
    return round(value) if abs(value) < float("inf") else None

"""Rows of `feed.statistics`: one a second and scope, over (t − 1 s, t]."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from tickproof.findings.finding import Quality
from tickproof.kernel import kernel
from tickproof.ticks.records import Record, Records
from tickproof.ticks.schema import Array, Kind

SECOND_NS = 1_000_000_000
MOST = 2**63 - 1
"""The largest price there is; the middle of two that are nearly so is rounded up in floating point."""
VARIANCE_WEIGHT = 0.06
_QUOTE, _TRADE = int(Kind.QUOTE), int(Kind.TRADE)
_GOOD, _SUSPECT, _CORRUPT, _MARKET_EVENT = (int(quality) for quality in Quality)
Ints = npt.NDArray[np.int64]

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
"""What is counted of one instrument in the second that is not over. `mid` and `spread` of its last good two-sided quote in units
of 1e-9; `last_time` of its last tick, ns; `variance` of log returns a second, from `base_mid` at the end of `base_second` on."""

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
"""One second (ts − 1 s, ts] of an instrument, see `Row`."""


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
def count(rows: Records, instrument_of: Ints, quality: Array, accumulators: Records, out: Records) -> int:
    """Count final ticks for the statistics of their instruments' seconds.

    Parameters
    ----------
    rows : array of ROW, shape (n,)
        In the shard's order.
    instrument_of : int array, shape (n,)
        The instrument of each; negative where it has none.
    quality : uint8 array, shape (n,)
        The final Quality of each.
    accumulators : array of ACCUMULATOR
        By instrument; written to.
    out : array of SYMBOL_SECOND
        With room for n records.

    Returns
    -------
    int
        How many records were written.
    """
    written = 0
    for i in range(len(rows)):
        instrument = instrument_of[i]
        if instrument < 0:
            continue
        state = accumulators[instrument]
        second = (rows[i].event_time + SECOND_NS - 1) // SECOND_NS
        if state.ticks > 0 and second > state.second:
            _close_second(state, instrument, out[written])
            written += 1
        state.second = second
        _count_tick(rows[i], state, quality[i])
    return written


@kernel()
def _count_tick(row: Record, state: Record, quality: int) -> None:
    """Count one tick by its kind and quality."""
    state.ticks += 1
    state.last_time = row.event_time
    if row.kind == _QUOTE:
        state.quotes += 1
        if quality == _GOOD and row.bid_px > 0 and row.ask_px > row.bid_px:
            state.mid = 0.5 * (float(row.bid_px) + float(row.ask_px))
            state.spread = float(row.ask_px - row.bid_px)
    elif row.kind == _TRADE:
        state.trades += 1
    if quality == _SUSPECT:
        state.suspect += 1
    elif quality == _CORRUPT:
        state.corrupt += 1
    elif quality == _MARKET_EVENT:
        state.market_event += 1


@kernel()
def flush(accumulators: Records, which: Ints, before_ns: int, out: Records) -> int:
    """Close the seconds of the instruments `which` that ended before `before_ns`; return how many records went to `out`."""
    written = 0
    for instrument in which:
        state = accumulators[instrument]
        if state.ticks > 0 and state.second * SECOND_NS < before_ns:
            _close_second(state, instrument, out[written])
            written += 1
    return written


@kernel()
def _close_second(state: Record, instrument: int, row: Record) -> None:
    """Write the record of an instrument's second, learn its volatility, and start to count anew."""
    row.ts = state.second * SECOND_NS
    row.instrument = instrument
    row.ticks = state.ticks
    row.quotes = state.quotes
    row.trades = state.trades
    row.suspect = state.suspect
    row.corrupt = state.corrupt
    row.market_event = state.market_event
    row.mid = state.mid
    row.spread = state.spread
    row.age = row.ts - state.last_time
    _learn_variance(state)
    row.volatility = np.sqrt(state.variance)
    state.ticks = state.quotes = state.trades = state.suspect = state.corrupt = state.market_event = 0


@kernel()
def _learn_variance(state: Record) -> None:
    """Learn the variance of log returns a second from the mid of the second that ended."""
    if state.mid <= 0.0:
        return
    if state.base_mid > 0.0 and state.second > state.base_second:
        moved = np.log(state.mid / state.base_mid)
        state.variance += VARIANCE_WEIGHT * (moved * moved / (state.second - state.base_second) - state.variance)
    state.base_mid = state.mid
    state.base_second = state.second


_COUNTED = ("ts", "ticks", "quotes", "trades", "suspect", "corrupt", "market_event", "volatility", "age")
"""Columns of SYMBOL_SECOND that a row has as they are."""


class ChannelSecond(NamedTuple):
    """What statistics say about a `channel.second_rows.SECOND_ROW` record; fields by name."""

    ts: int
    ticks: int
    quotes: int
    trades: int
    gaps: int
    lost: int
    duplicates: int
    latency_p50: float
    latency_p99: float
    latency_p999: float
    age: int


def symbol_rows(seconds: Array, instruments: list[tuple[str, str]]) -> list[Row]:
    """Return rows of `feed.statistics` from records of SYMBOL_SECOND, by time and instrument."""
    ordered = seconds[np.lexsort((seconds["instrument"], seconds["ts"]))]
    is_known = ordered["mid"] > 0
    mids, spreads = (_rounded(np.where(is_known, ordered[name], 0.0)) for name in ("mid", "spread"))
    names = map(instruments.__getitem__, ordered["instrument"].tolist())
    counted = zip(*(ordered[name].tolist() for name in _COUNTED), strict=True)
    out = []
    for (venue, symbol), known, mid, spread, others in zip(names, is_known.tolist(), mids, spreads, counted, strict=True):
        ts, ticks, quotes, trades, suspect, corrupt, market_event, volatility, age = others
        out.append(
            Row(
                ts=ts,
                scope=f"{venue}|{symbol}",
                venue=venue,
                symbol=symbol,
                ticks=ticks,
                quotes=quotes,
                trades=trades,
                suspect=suspect,
                corrupt=corrupt,
                market_event=market_event,
                mid=min(mid, MOST) if known else None,
                spread=spread if known else None,
                volatility=volatility,
                age=age,
            )
        )
    return out


def _rounded(values: Array) -> list[int]:
    """Return whole numbers, halves to the even one; prices that 63 bits do not hold are rare, and Python's."""
    if (np.abs(values) < 2.0**63).all():
        whole: list[int] = np.rint(values).astype(np.int64).tolist()
        return whole
    return [round(value) for value in values.tolist()]


def channel_rows(seconds: Array, channel: str) -> list[Row]:
    """Return rows of `feed.statistics` from records of `channel.second_rows.SECOND_ROW` of one channel."""
    out = []
    for one in map(ChannelSecond._make, seconds[list(ChannelSecond._fields)].tolist()):
        out.append(
            Row(
                ts=one.ts,
                scope=channel,
                channel=channel,
                ticks=one.ticks,
                quotes=one.quotes,
                trades=one.trades,
                gaps=one.gaps,
                lost=one.lost,
                duplicates=one.duplicates,
                latency_p50=_whole(one.latency_p50),
                latency_p99=_whole(one.latency_p99),
                latency_p999=_whole(one.latency_p999),
                age=one.age if one.age >= 0 else None,
            )
        )
    return out


def _whole(value: float) -> int | None:
    return round(value) if abs(value) < float("inf") else None

"""What symbols cost: bytes in memory and in the state store, time of the feature pass and of a step, from 10^2 to 10^5."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np

from bench.context import Context
from bench.parts import clocked_walk
from jobs.pipeline.journal import pack_shard
from tickproof.shard import step as scoring
from tickproof.shard.state import ShardState
from tickproof.shard.step import ShardSettings
from tickproof.ticks.schema import NS_PER_MS, ROW, UNITS_PER_ONE, Kind, Present, Ticks, empty

SYMBOLS = (100, 1_000, 10_000, 100_000)
TIMED = 200_000
"""Ticks that are timed, after one of each symbol."""
SLICE = 2_000
ROUNDS = 3
BATCH = 5_000
START_NS = 1_700_000_000 * 1_000_000_000


def state_memory(context: Context) -> list[dict[str, object]]:
    """A shard that has seen three quotes of each symbol, and what it holds once they are final."""
    return [_measure(symbols) for symbols in SYMBOLS]


def symbols(context: Context) -> list[dict[str, object]]:
    """Random symbols of one shard, 10 µs apart: processor time of the compiled pass, and of the whole step by slice."""
    _time_symbols(SLICE, SLICE)
    return [_time_symbols(count, TIMED) for count in SYMBOLS]


def _time_symbols(symbols: int, ticks: int) -> dict[str, object]:
    names = ("XNAS", "XNAS.A", *(f"S{number:06d}" for number in range(symbols)))
    order = np.concatenate([np.arange(symbols), np.random.default_rng(1).integers(0, symbols, ticks)])
    state, now, slices = ShardState.new(), START_NS, []
    with clocked_walk() as walked:
        for first in range(0, len(order), SLICE):
            if first >= symbols and not slices:
                walked.clear()
            part = _quotes(names, order[first : first + SLICE], now)
            now = int(part.rows["event_time"][-1])
            begun = time.process_time()
            state = scoring.step(state, part, now, ShardSettings()).state
            if first >= symbols:
                slices.append(time.process_time() - begun)
    return {
        "name": f"symbols {symbols}",
        "step_ticks_per_s": round(ticks / sum(slices)),
        "walk_ns_per_tick": round(1e9 * sum(walked) / ticks),
        "slice_ms_median": round(1e3 * float(np.median(slices)), 2),
        "slice_ticks": SLICE,
    }


def _measure(symbols: int) -> dict[str, object]:
    tracemalloc.start()
    state, now = ShardState.new(), START_NS
    names = ("XNAS", "XNAS.A", *(f"S{number:06d}" for number in range(symbols)))
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(ROUNDS):
        for first in range(0, symbols, BATCH):
            ticks = _quotes(names, np.arange(first, min(first + BATCH, symbols)), now)
            now = int(ticks.rows["event_time"][-1])
            state = scoring.step(state, ticks, now, ShardSettings()).state
    # A minute later everything is final and out of reach of any evidence: what is left is the state itself.
    last = _quotes(names, np.array([0]), now + 60_000 * NS_PER_MS)
    state = scoring.step(state, last, now + 120_000 * NS_PER_MS, ShardSettings()).state
    del ticks
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {
        "name": f"state_memory {symbols} symbols",
        "symbols": symbols,
        "python_bytes_per_symbol": round((after - before) / symbols),
        "snapshot_bytes_per_symbol": round(len(pack_shard(state, empty())) / symbols),
    }


def _quotes(names: tuple[str, ...], symbols: np.ndarray[tuple[int], np.dtype[np.int64]], start_ns: int) -> Ticks:
    """A quote of each symbol, 10 microseconds apart."""
    rows = np.zeros(len(symbols), ROW)
    times = start_ns + 10_000 * (1 + np.arange(len(symbols)))
    for name in ("ts_recv", "ts_event", "event_time"):
        rows[name] = times
    rows["present"] = Present.TS_EVENT | Present.BID_PX | Present.BID_SZ | Present.ASK_PX | Present.ASK_SZ
    rows["kind"] = Kind.QUOTE
    rows["venue"], rows["channel"], rows["symbol"] = 0, 1, 2 + symbols
    price = (20 + symbols % 500) * UNITS_PER_ONE
    rows["bid_px"], rows["ask_px"] = price, price + UNITS_PER_ONE // 100
    rows["bid_sz"] = rows["ask_sz"] = 100 * UNITS_PER_ONE
    return Ticks(rows, names)

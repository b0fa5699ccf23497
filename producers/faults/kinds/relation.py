"""Faults of a price that is tied to others: one leg of a relation leaves the others, and the market's own dislocation.

Each returns what it did, or None when the window does not suit it; nothing is changed then.
"""

from __future__ import annotations

import numpy as np

from producers.faults.editing.block import Block, Random, Span, Target
from producers.faults.kinds.burst import insert_at_their_times
from producers.faults.kinds.level import priced, slide
from producers.market.universe import Array
from producers.streams.word_copy import gathered
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND

SLIDES_NS = NS_PER_SECOND
"""Longest time in which a leg that does not step off slides off."""
LEAST_ROWS = 16
"""Least rows of each venue that leaves."""
LEAST_QUOTES = 8
"""Least quotes of each other leg in the window, on all its venues."""
MOST = 0.02
"""Largest fraction of the price by which a leg leaves."""
PACE = 3
"""Rate of messages in a dislocation, as a multiple of the calm market's."""
AT_ONCE, AT_ONCE_NS = 8, 200 * NS_PER_MS
"""Additional quotes of each venue within the first fifth of a second."""


def cross_break(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Let a leg's quotes and trades step or slide off by `size` times the spreads of all legs together, and stay there.

    The target's first series alone, or all venues of the leg, with the spreads and the pace that they had.
    """
    away = _away(block, target, size)
    rows = [priced(block, block.of_series((one,), target.start, target.stop)) for one in target.series]
    if not away or any(len(mine) < LEAST_ROWS for mine in rows):
        return None
    where = np.sort(np.concatenate(rows))
    signed = away if rng.random() < 0.5 else -away
    first = int(block.rows["ts_recv"][where[0]])
    slides = rng.uniform(0.0, SLIDES_NS) if rng.random() < 0.5 else 0.0
    passed = (block.rows["ts_recv"][where] - first + 1) / max(slides, 1.0)
    return slide(block, where, signed * np.minimum(passed, 1.0), block.tick(target), signed)


def genuine_dislocation(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Move all venues of a leg away as in `cross_break`, quoting wider and several times as often: its twin."""
    away = _away(block, target, size)
    venues = [block.of_series((one,), target.start, target.stop) for one in target.series]
    if not away or any(len(mine) < LEAST_ROWS or not block.is_free(mine).all() for mine in venues):
        return None
    tick, signed = block.tick(target), away if rng.random() < 0.5 else -away
    spans = []
    for series, mine in zip(target.series, venues, strict=True):
        quotes = block.quotes(mine)
        if len(quotes) < 2:
            continue
        # Every venue is requoted at once: a move on some venues only would not be genuine.
        at_once = target.start + rng.integers(NS_PER_MS, AT_ONCE_NS, AT_ONCE)
        times = np.sort(np.append(at_once, rng.integers(target.start + 1, target.stop, (PACE - 1) * len(mine))))
        # Before its first quote in the window, a venue uses that quote's sides.
        base = np.maximum(np.searchsorted(block.rows["ts_recv"][quotes], times, side="right") - 1, 0)
        copies = gathered(block.rows, quotes[base])
        latency = copies["ts_recv"] - copies["ts_event"]
        copies["ts_recv"], copies["ts_event"] = times, times - latency
        copied = Block(copies, block.universe)
        _leave(copied, np.arange(len(copies)), signed, tick, rng)
        moved = _leave(block, priced(block, mine), signed, tick, rng)
        insert_at_their_times(block, int(block.universe.series["channel"][series]), copies)
        spans += [moved] if moved else []
        spans.append(Span(int(copies["ts_recv"][0]), int(copies["ts_recv"][-1]), signed))
    if not spans:
        return None
    return Span(min(span.onset for span in spans), max(span.end for span in spans), signed)


def _leave(block: Block, where: Array, signed: float, tick: int, rng: Random) -> Span | None:
    """Move rows away, and widen two-sided quotes among them to 3 or 5 times, evenly on both sides."""
    quotes = block.quotes(where)
    span = slide(block, where, np.full(len(where), signed), tick, signed)
    rows = block.rows
    more = (rows["ask_px"][quotes] - rows["bid_px"][quotes]) * rng.integers(1, 3, len(quotes))
    more = np.where(rows["bid_px"][quotes] > more, more, 0)
    rows["bid_px"][quotes] -= more
    rows["ask_px"][quotes] += more
    return span


def _away(block: Block, target: Target, size: float) -> float:
    """Return `size` times the relative spreads of all legs of the relation; 0 if a leg has too few ticks or it is too far."""
    world = block.universe
    relation = world.relation(int(world.series["instrument"][target.series[0]]))
    whole = 0.0
    for place, power in relation:
        series = tuple(np.flatnonzero(world.series["instrument"] == place).tolist())
        quotes = block.quotes(block.of_series(series, target.start, target.stop))
        if len(quotes) < LEAST_QUOTES:
            return 0.0
        bid, ask = block.rows["bid_px"][quotes], block.rows["ask_px"][quotes]
        whole += abs(power) * float(np.median((ask - bid) / bid))
    first = target.where[:1]
    level = int(max(block.rows["bid_px"][first].max(initial=0), block.rows["price"][first].max(initial=0)))
    away = size * whole
    return away if 3 * block.tick(target) <= away * level and away <= MOST else 0.0

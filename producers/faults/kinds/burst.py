"""Messages that should not be there: bursts of quotes without information, replayed ticks after the close, unlisted symbols."""

from __future__ import annotations

import numpy as np

from producers.faults.editing.block import BOTH_SIDES, Block, Random, Span, Target
from producers.market.universe import Array
from producers.streams.word_copy import gathered
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND, UNITS_PER_ONE, Condition, Kind, Present

STAMPED = int(Present.TS_EVENT | Present.SEQUENCE)
"""Fields of a status message on a channel with sequence numbers."""


def burst(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Repeat a symbol's quotes within a second, one side with the size of another moment (quote stuffing).

    `size` is how many messages come.
    """
    quotes = block.quotes(target.where)
    if len(quotes) < 2:
        return None
    onset = int(block.rows["ts_recv"][quotes[0]])
    length = int(rng.uniform(0.2, 1.0) * NS_PER_SECOND)
    return _stuff(block, target, quotes, (onset, onset + length), round(size), rng)


def channel_burst(block: Block, target: Target, size: float, rng: Random) -> Span | None:
    """Repeat the quotes of all symbols of a channel for a second or two, `size` messages in all."""
    quotes = block.quotes(target.where)
    quotes = quotes[block.rows["symbol"][quotes] < len(block.universe.names)]
    if len(quotes) < 100:
        return None
    onset = int(block.rows["ts_recv"][quotes[0]])
    length = int(rng.uniform(0.5, 2.0) * NS_PER_SECOND)
    return _stuff(block, target, quotes, (onset, onset + length), round(size), rng)


def _stuff(block: Block, target: Target, quotes: Array, window: tuple[int, int], count: int, rng: Random) -> Span | None:
    """Insert copies of the current quotes at times spread evenly over the window."""
    rows = block.rows
    times = np.sort(rng.integers(window[0] + 1, window[1], count))
    if times[-1] >= target.stop:
        return None
    # The last quote of each moment; of a channel, one of its last few current ones, so that symbols take turns.
    base = np.searchsorted(rows["ts_recv"][quotes], times, side="right") - 1
    if not target.series:
        earlier = np.maximum(base - rng.integers(0, 20, count), 0)
        base = np.where(_next_of_same(rows["symbol"][quotes])[earlier] > base, earlier, base)
    copies = gathered(rows, quotes[base])
    latency = copies["ts_recv"] - copies["ts_event"]
    # Sizes that the symbol has shown, so that copies cannot be told from quotes by them.
    if target.series:
        other = rng.integers(len(quotes), size=count)
    else:
        follows = _next_of_same(rows["symbol"][quotes])[base]
        other = np.where(follows < len(quotes), follows, base)
    side = rng.random(count) < 0.5
    for name, mine in (("bid_sz", side), ("ask_sz", ~side)):
        copies[name] = np.where(mine, rows[name][quotes[other]], copies[name])
    times = _with_ties(block, target, quotes, times, rng)
    copies["ts_recv"], copies["ts_event"] = times, times - latency
    insert_at_their_times(block, target.channels[0], copies)
    return Span(int(times[0]), int(times[-1]), float(count))


def _with_ties(block: Block, target: Target, quotes: Array, times: Array, rng: Random) -> Array:
    """Return ascending times, with as many ties with the channel's previous message as the given quotes have."""
    mine = block.of_channels(target.channels, target.start, target.stop)
    recorded = block.rows["ts_recv"][mine]
    if not len(recorded):
        return times
    is_tied = np.diff(recorded, prepend=-1) == 0
    share = float(is_tied[np.isin(mine, quotes)].mean())
    before = recorded[np.maximum(np.searchsorted(recorded, times, side="right") - 1, 0)]
    tied = (rng.random(len(times)) < share) & (before >= times[0]) & (before <= times)
    found: Array = np.sort(np.where(tied, before, times))
    return found


def _next_of_same(codes: Array) -> Array:
    """Return for each place the next one with the same code; a place beyond the end where there is none."""
    order = np.argsort(codes, kind="stable")
    follows = codes[order[1:]] == codes[order[:-1]]
    found = np.full(len(codes), len(codes))
    found[order[:-1][follows]] = order[1:][follows]
    return found


def insert_at_their_times(block: Block, channel: int, rows: Array) -> None:
    """Insert rows, sorted by `ts_recv`, into a channel at their times."""
    mine = block.of_channels((channel,), 0, 1 << 62)
    if not len(mine):
        # A recorded series may be on several channels, and silent on this one.
        mine = np.flatnonzero(block.keep)
        mine = mine[np.argsort(block.rows["ts_recv"][mine], kind="stable")]
    # What was captured after the block's last message is in the next block.
    rows["ts_recv"] = np.minimum(rows["ts_recv"], block.rows["ts_recv"][mine[-1]])
    place = np.searchsorted(block.rows["ts_recv"][mine], rows["ts_recv"], side="right") - 1
    block.insert(mine[np.maximum(place, 0)], rows)


def out_of_session(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Repeat a symbol's last ticks of the session with new times, long after its venue has closed."""
    series, channel = target.series[0], target.channels[0]
    last = block.plain(block.of_series((series,), 0, 1 << 62))[-int(rng.integers(5, 40)) :]
    if len(last) < 5:
        return None
    copies = gathered(block.rows, last)
    latency = copies["ts_recv"] - copies["ts_event"]
    times = np.sort(rng.integers(target.start, target.stop, len(last)))
    copies["ts_recv"], copies["ts_event"] = times, times - latency
    mine = block.of_channels((channel,), 0, 1 << 62)
    block.insert(np.full(len(copies), mine[-1]), copies)
    return Span(int(times[0]), int(times[-1]), (int(times[0]) - int(block.rows["ts_recv"][mine[-1]])) / NS_PER_SECOND)


def unknown_symbol(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Insert quotes and trades of a symbol that was never listed: copies of another's, some price steps away."""
    if not block.spare:
        return None
    return _adopt(block, target, block.spare[0], rng, listed=False)


def genuine_listing(block: Block, target: Target, _size: float, rng: Random) -> Span | None:
    """Open a new symbol on all venues with its status message; it trades to the end of the stream."""
    if not block.spare:
        return None
    return _adopt(block, target, block.spare[0], rng, listed=True)


def _adopt(block: Block, target: Target, name: int, rng: Random, *, listed: bool) -> Span | None:
    """Insert copies of a symbol's ticks under another name, a little later than the originals."""
    rows = block.rows
    where = target.where
    where = where[block.keep[where] & (rows["kind"][where] <= Kind.TRADE)]
    where = where[((rows["present"][where] & BOTH_SIDES) == BOTH_SIDES) | (rows["kind"][where] == Kind.TRADE)]
    if len(where) < 10 * len(target.series):
        return None
    tick = block.tick(target)
    # So that the price differs from the original's: up to half as much again, and the same in all blocks of an episode.
    first = float(block.universe.instruments["price"][block.universe.series["instrument"][target.series[0]]])
    steps = max(3, round(rng.uniform(0.05, 0.5) * first))
    later = int(rng.uniform(0.1, 2.0) * NS_PER_MS)
    copies = gathered(rows, where)
    for column in ("bid_px", "ask_px", "price"):
        copies[column] += np.where(copies[column] != 0, steps * tick, 0)
    copies["symbol"] = name
    copies["ts_event"] += later
    copies["ts_recv"] += later
    for series in target.series:
        line = block.universe.series[series]
        mine = gathered(copies, np.flatnonzero(copies["venue"] == line["venue_code"]))
        if listed and target.start <= rows["ts_recv"][where[0]] < target.start + NS_PER_SECOND and len(mine):
            opened = gathered(mine, np.zeros(1, np.int64))
            for column in ("bid_px", "bid_sz", "ask_px", "ask_sz", "price", "size", "trade_id"):
                opened[column] = 0
            opened["kind"], opened["conditions"] = Kind.STATUS, Condition.SESSION_OPENED
            opened["present"] &= np.uint16(STAMPED)
            mine = np.concatenate([opened, mine])
        if len(mine):
            insert_at_their_times(block, int(line["channel"]), mine)
    return Span(int(copies["ts_recv"].min()), int(copies["ts_recv"].max()), steps * tick / UNITS_PER_ONE, name)

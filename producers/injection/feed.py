"""What a recording's feed is like, as faults need to know it: one pass over its ticks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from producers.market.universe import CHANNEL, INSTRUMENT, SERIES, Array, Universe
from producers.streams.word_copy import gathered
from tickproof.errors import InputError
from tickproof.reference.data import Channel, Reference
from tickproof.ticks.schema import NS_PER_SECOND, UNITS_PER_ONE, Kind, Present, Ticks

BLOCK_NS = 20 * NS_PER_SECOND
LONGEST_BLOCK_NS = 600 * NS_PER_SECOND
BLOCK_ROWS = 40
"""A block is so long that the livelier quarter of the series have as many ticks in it, within the two bounds."""
LIVELY_ROWS = 20
"""A series with as many ticks in a block may have a symbol's fault there."""
PAUSE_NS = 60 * NS_PER_SECOND
"""Where nothing comes for as long, on any channel, a block ends: nothing is known of what is between."""
CROSSED_SHARE = 0.01
"""A venue with a larger share of crossed quotes crosses by habit."""
ASCENDING_SHARE = 0.99
"""Trade ids of a venue count if as many of them are above the one before."""
TWO_SIDED = int(Present.BID_PX | Present.ASK_PX)
LETTERS = 26
ATTEMPTS = 20_000


@dataclass(frozen=True, slots=True)
class RecordedFeed:
    """A recorded feed, as `producers.faults.stream.Stream` describes streams.

    Parameters
    ----------
    seed : int
        Seed of names; faults have a seed of their own.
    universe : Universe
        Names, price steps and round lots, as far as ticks show them; venues that cross by habit come last.
    blocks : tuple of (int, int)
        Spans `[start, end)` of capture time, ns.
    lacks : frozenset of str
        Needs of faults that the feed cannot meet.
    modes : tuple of str
        By channel, what its sequence numbers mean, see `tickproof.reference.data.Channel`.
    has_ascending_ids : array of bool, shape (venues,)
        Whether trade ids of a venue count.
    """

    seed: int
    universe: Universe
    blocks: tuple[tuple[int, int], ...]
    lacks: frozenset[str]
    modes: tuple[str, ...]
    has_ascending_ids: Array

    @property
    def start_ns(self) -> int:
        """Return the capture time of the first tick, ns."""
        return self.blocks[0][0]

    @property
    def end_ns(self) -> int:
        """Return the first ns after the last tick."""
        return self.blocks[-1][1]

    @property
    def attempts(self) -> int:
        """Return how many windows are tried for one episode in one block: fewer where there are many blocks to try."""
        return int(np.clip(ATTEMPTS // len(self.blocks), 10, 200))

    def lively_rows(self, length_ns: int) -> float:
        """Return how many ticks a series has in a block of this length at least, for a symbol's fault."""
        return min(float(LIVELY_ROWS), length_ns / NS_PER_SECOND)

    def new_names(self, count: int, rng: np.random.Generator) -> tuple[str, ...]:
        """Return names made of the feed's own symbols with other letters in the place of their first ones."""
        universe = self.universe
        own = [universe.symbol(place) for place in range(universe.symbols)]
        found: dict[str, None] = {}
        for place in rng.integers(len(own), size=40 * count).tolist():
            letters = [chr(ord("A") + int(code)) for code in rng.integers(LETTERS, size=3)]
            name = "".join(letters) + own[place][3:]
            if name not in own:
                found[name] = None
            if len(found) == count:
                break
        return tuple(found)

    def rows_of(self, ticks: Ticks) -> Array:
        """Return the rows of a batch with the universe's codes."""
        rows = gathered(ticks.rows, np.arange(len(ticks)))
        channels, venues = len(self.universe.channels), self.universe.venues
        tables = (
            ("channel", self.universe.names[:channels], 0),
            ("venue", self.universe.names[channels : channels + venues], channels),
            ("symbol", self.universe.names[channels + venues :], channels + venues),
        )
        for name, table, first in tables:
            codes = {text: first + place for place, text in enumerate(table)}
            # One slot more than there are names, so that -1 (null) stays.
            mapped = np.array([*(codes.get(text, -1) for text in ticks.names), -1], np.int32)
            rows[name] = mapped[rows[name]]
        return rows


@dataclass(slots=True)
class _Seen:
    """What the first pass has counted so far; series are (venue, symbol) by name."""

    channels: dict[str, int] = field(default_factory=dict)
    series: Counter[tuple[str, str]] = field(default_factory=Counter)
    places: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    venue_of: Counter[tuple[str, str]] = field(default_factory=Counter)
    steps: dict[str, int] = field(default_factory=dict)
    print_steps: dict[str, int] = field(default_factory=dict)
    lots: dict[str, int] = field(default_factory=dict)
    first_prices: dict[str, int] = field(default_factory=dict)
    traded: set[str] = field(default_factory=set)
    quotes: Counter[str] = field(default_factory=Counter)
    crossed: Counter[str] = field(default_factory=Counter)
    ids: Counter[str] = field(default_factory=Counter)
    rising_ids: Counter[str] = field(default_factory=Counter)
    last_id: dict[str, int] = field(default_factory=dict)
    has: set[str] = field(default_factory=set)
    spans: list[list[int]] = field(default_factory=list)
    rows: int = 0

    def take(self, ticks: Ticks) -> None:
        rows, names = ticks.rows, ticks.names
        self.rows += len(rows)
        times = np.maximum.accumulate(rows["ts_recv"])
        self._cover(times)
        has_symbol = rows["symbol"] >= 0
        keys, first, counts = np.unique(rows[["channel", "venue", "symbol"]][has_symbol], return_index=True, return_counts=True)
        for place in np.argsort(first).tolist():
            channel, venue, symbol = (names[int(code)] for code in keys[place].tolist())
            self.series[venue, symbol] += int(counts[place])
            self.places[channel, venue, symbol] += int(counts[place])
        for channel, venue in dict.fromkeys(zip(rows["channel"].tolist(), rows["venue"].tolist(), strict=True)):
            self.channels.setdefault(names[channel], len(self.channels))
            self.venue_of[names[channel], names[venue]] += 1
        present = rows["present"]
        if np.any(present & Present.TS_EVENT):
            self.has.add("venue_time")
        is_quote = (rows["kind"] == Kind.QUOTE) & has_symbol
        is_trade = (rows["kind"] == Kind.TRADE) & has_symbol
        if is_trade.any():
            self.has.add("trades")
        if np.any(present[is_quote | is_trade] & (Present.BID_SZ | Present.ASK_SZ | Present.SIZE)):
            self.has.add("sizes")
        self._learn_prices(rows, names, is_quote, is_trade)
        self._learn_crossing(rows[is_quote], names)
        self._learn_ids(rows[is_trade & ((present & Present.TRADE_ID) != 0)], names)

    def _cover(self, times: Array) -> None:
        """Add to the spans in which something was recorded."""
        first, last = int(times[0]), int(times[-1])
        cuts = np.flatnonzero(np.diff(times) >= PAUSE_NS)
        edges = [first, *(int(times[cut]) for cut in cuts), last]
        begins = [first, *(int(times[cut + 1]) for cut in cuts)]
        for begin, end in zip(begins, edges[1:], strict=True):
            if self.spans and begin - self.spans[-1][1] < PAUSE_NS:
                self.spans[-1][1] = max(self.spans[-1][1], end)
            else:
                self.spans.append([begin, end])

    def _learn_prices(self, rows: Array, names: tuple[str, ...], is_quote: Array, is_trade: Array) -> None:
        for code in np.unique(rows["symbol"][is_quote | is_trade]).tolist():
            name, mine = names[code], rows["symbol"] == code
            quoted = np.concatenate([rows[side][mine & is_quote] for side in ("bid_px", "ask_px")])
            printed = rows["price"][mine & is_trade]
            sizes = np.concatenate([rows[side][mine & is_quote] for side in ("bid_sz", "ask_sz")])
            sizes = sizes if len(sizes) and sizes.any() else rows["size"][mine & is_trade]
            for table, values in ((self.steps, quoted), (self.print_steps, printed), (self.lots, sizes)):
                found = int(np.gcd.reduce(np.abs(values), initial=table.get(name, 0)))
                if found:
                    table[name] = found
            prices = np.concatenate([quoted, printed])
            prices = prices[prices > 0]
            if len(prices):
                self.first_prices.setdefault(name, int(prices[0]))
            if len(printed):
                self.traded.add(name)

    def _learn_crossing(self, quotes: Array, names: tuple[str, ...]) -> None:
        both = quotes[(quotes["present"] & TWO_SIDED) == TWO_SIDED]
        for code, count in zip(*np.unique(both["venue"], return_counts=True), strict=True):
            self.quotes[names[code]] += int(count)
        for code, count in zip(*np.unique(both["venue"][both["bid_px"] > both["ask_px"]], return_counts=True), strict=True):
            self.crossed[names[code]] += int(count)

    def _learn_ids(self, trades: Array, names: tuple[str, ...]) -> None:
        for code in np.unique(trades["venue"]).tolist():
            name = names[code]
            ids = trades["trade_id"][trades["venue"] == code]
            before = np.concatenate([[self.last_id.get(name, int(ids[0]) - 1)], ids[:-1]])
            self.ids[name] += len(ids)
            self.rising_ids[name] += int(np.count_nonzero(ids > before))
            self.last_id[name] = int(ids[-1])


def learn(batches: Iterable[Ticks], reference: Reference, seed: int = 0, block_ns: int = BLOCK_NS) -> RecordedFeed:
    """Return what a recording's feed is like.

    Parameters
    ----------
    batches : iterable of Ticks
        The recording, merged by capture time.
    reference : Reference
        What is known of its channels and instruments; price steps and lots that it names are not learnt.
    seed : int
        Seed of the names of new symbols.
    block_ns : int
        Least length of a block: no episode that does not last over blocks is longer.

    Raises
    ------
    InputError
        It holds no tick with a symbol.
    """
    seen = _Seen()
    for batch in batches:
        if len(batch):
            seen.take(batch)
    if not seen.series:
        raise InputError(f"found {seen.rows:,} ticks and no quote or trade among them, expected a recording to put faults into")
    universe = _universe(seen, reference)
    modes = tuple(reference.channels.get(name, Channel()).sequence for name in universe.names[: len(universe.channels)])
    has = seen.has | ({"sequence"} if all(mode == "contiguous" for mode in modes) else set())
    lacks = frozenset({"sequence", "sizes", "trades", "venue_time"} - has)
    first = len(universe.channels)
    ascending = [
        seen.ids[name] > 0 and seen.rising_ids[name] >= ASCENDING_SHARE * seen.ids[name]
        for name in universe.names[first : first + universe.venues]
    ]
    return RecordedFeed(seed, universe, _blocks(seen, block_ns), lacks, modes, np.array(ascending, bool))


def _universe(seen: _Seen, reference: Reference) -> Universe:
    crosses = {name for name, count in seen.crossed.items() if count > CROSSED_SHARE * seen.quotes[name]}
    venues = dict.fromkeys([*(venue for _, venue in seen.venue_of), *(venue for venue, _ in seen.series)])
    ordered = sorted(venues, key=lambda name: name in crosses)
    symbols = list(dict.fromkeys(symbol for _, symbol in seen.series))
    channels = list(seen.channels)
    names = (*channels, *ordered, *symbols)
    first = len(channels)
    lines = np.zeros(len(channels), CHANNEL)
    for place, channel in enumerate(channels):
        counts = {venue: count for (name, venue), count in seen.venue_of.items() if name == channel}
        lines["venue"][place] = ordered.index(max(counts, key=lambda venue: counts[venue]))
    lines["venue_code"] = first + lines["venue"]
    table = np.zeros(len(symbols), INSTRUMENT)
    said = {one.symbol: one for one in reference.instruments}
    for place, name in enumerate(symbols):
        one = said.get(name)
        step = (
            one.tick if one is not None and isinstance(one.tick, int) else seen.steps.get(name) or seen.print_steps.get(name, 1)
        )
        table["tick"][place] = table["fine"][place] = step
        table["lot"][place] = (one.lot if one is not None else None) or seen.lots.get(name, UNITS_PER_ONE)
        table["price"][place] = seen.first_prices.get(name, step) / step
        table["trades"][place] = float(name in seen.traded)
    series = np.zeros(len(ordered) * len(symbols), SERIES)
    venue, symbol = np.divmod(np.arange(len(series)), len(symbols))
    series["instrument"] = symbol
    series["venue_code"] = first + venue
    series["symbol_code"] = first + len(ordered) + symbol
    # The channel of most of its ticks; of a series that has none, the first of its venue.
    by_venue = {int(code): place for place, code in reversed(list(enumerate(lines["venue"])))}
    series["channel"] = [by_venue.get(int(one), 0) for one in venue]
    most: dict[tuple[str, str], int] = {}
    place_of = {name: place for place, name in enumerate(channels)}
    venue_at = {name: place for place, name in enumerate(ordered)}
    symbol_at = {name: place for place, name in enumerate(symbols)}
    for (channel, venue_name, name), count in seen.places.items():
        if count > most.get((venue_name, name), 0):
            most[venue_name, name] = count
            series["channel"][venue_at[venue_name] * len(symbols) + symbol_at[name]] = place_of[channel]
    return Universe(names, table, series, lines, np.ones(len(ordered)), len(crosses & set(ordered)))


def _blocks(seen: _Seen, block_ns: int) -> tuple[tuple[int, int], ...]:
    covered_s = sum(last - first for first, last in seen.spans) / NS_PER_SECOND
    lively = float(np.quantile(list(seen.series.values()), 0.75)) / max(covered_s, 1.0)
    length = int(np.clip(BLOCK_ROWS / lively * NS_PER_SECOND, block_ns, max(block_ns, LONGEST_BLOCK_NS)))
    blocks: list[tuple[int, int]] = []
    for first, last in seen.spans:
        blocks += pairwise([*range(first, last, length), last + 1])
    return tuple(blocks)

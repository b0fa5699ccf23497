"""The parameters of a simulated market, and the ranges from which training and evaluation draw them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from producers.market.hours import Session
from producers.market.profiles import DEFAULT, PROFILES, Profile
from tickproof.errors import SettingsError
from tickproof.ticks.rfc3339 import iso
from tickproof.ticks.schema import NS_PER_MS, NS_PER_SECOND

Family = Literal["train", "evaluate"]

START_NS = 1_709_650_800 * NS_PER_SECOND
"""2024-03-05T15:00:00Z: half an hour into a New York session."""
BLOCK_S = 20
"""Seconds of market made at a time, as a rule; memory depends on this and not on the length of the stream."""
USUAL = 2 / 390
"""`eventfulness` of a usual day of at least MANY names: two minutes' events are spread over a regular session."""
MANY = 48


def usual(symbols: int) -> float:
    """Return the `eventfulness` of a usual day of so many names: events are as rare for each of a few names as among many."""
    return USUAL * min(1.0, symbols / MANY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Parameters of a simulated market. The same parameters give the same bytes.

    Parameters
    ----------
    seed : int
        Seed of everything random in the market; faults have a seed of their own.
    profile : str
        An entry of PROFILES: the kind of market.
    minutes : float
        Length of the stream, pauses between sessions included.
    start_ns : int
        Start of the stream, ns since the epoch; the time of day sets the intraday profile and the open sessions.
    symbols, venues : int
        Numbers of symbols and venues; the first venue spreads its symbols over two channels.
    volatility : float
        Median annual volatility of a symbol (1 = 100 %).
    spread_bp : float
        Median spread of a liquid symbol, basis points.
    peak_rate : float
        Ticks a second of the busiest symbol on one venue, before self-excitation bursts.
    branching : float
        Share of arrivals that an earlier arrival excited, 0 to below 1.
    trade_share : float
        Mean share of arrivals that are trades.
    illiquid_share : float
        Share of symbols with one tick a minute to a few in ten seconds.
    venue_noise : float
        How far a venue's quotes stray from the common price, in half spreads.
    latency_us : float
        Median of the channels' base latencies, microseconds.
    explained_share : float
        Share of trades that print away from the market with the condition that explains it.
    eventfulness : float
        Factor on the rates of genuine events, whose defaults put some of most kinds into two minutes; see `usual`.
    news_per_minute, market_news_per_minute, halts_per_minute, flash_crashes_per_minute : float
        Rates of genuine price events.
    latency_bursts_per_minute, resets_per_minute : float
        Rates of genuine channel events.
    news_move : float
        Typical size of single-name news, as a fraction of the price.
    aggregated_venues : int
        Number of venues, the last ones, that are feeds of several sources whose quotes cross and lock:
        `producers.simulation.aggregation`. The others are the same without them.
    least_rate : float
        Ticks a second of the quietest symbol that is not illiquid, on one venue; rates are even in logarithm from here to
        `peak_rate`.
    channel_symbols : int
        Symbols that share a channel. 0: one channel a venue, two at the first.
    latency_spread : float
        How far the channels' base latencies differ, as the deviation of their logarithm.
    clock_us : float
        Farthest that a venue's clock is wrong by itself, microseconds; never more than a share of the latency.
    tick_factor : int
        Factor on the price step: many make a grid as coarse as the spread.
    block_s : float
        Seconds of market made at a time. A fault lies within one block, unless it lasts.
    """

    seed: int = 1
    profile: str = DEFAULT
    minutes: float = 2.0
    start_ns: int = START_NS
    symbols: int = 48
    venues: int = 4
    volatility: float = 0.30
    spread_bp: float = 4.0
    peak_rate: float = 150.0
    branching: float = 0.75
    trade_share: float = 0.10
    illiquid_share: float = 0.15
    venue_noise: float = 0.20
    latency_us: float = 300.0
    explained_share: float = 0.006
    eventfulness: float = 1.0
    news_per_minute: float = 3.0
    market_news_per_minute: float = 0.5
    halts_per_minute: float = 1.0
    flash_crashes_per_minute: float = 0.25
    latency_bursts_per_minute: float = 0.5
    resets_per_minute: float = 0.25
    news_move: float = 0.025
    aggregated_venues: int = 0
    least_rate: float = 1.0
    channel_symbols: int = 0
    latency_spread: float = 0.6
    clock_us: float = 100.0
    tick_factor: int = 1
    block_s: float = BLOCK_S

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingsError(f"market: {name} is {value}, expected {low:g} to {high:g}")
        if self.aggregated_venues > self.venues:
            raise SettingsError(f"market: aggregated_venues is {self.aggregated_venues}, expected at most venues, {self.venues}")
        if self.profile not in PROFILES:
            raise SettingsError(f"market: profile is {self.profile!r}, expected one of {', '.join(PROFILES)}")
        if not self.sessions:
            raise SettingsError(
                f"market: found no trading session from {iso(self.start_ns, 0)} to {iso(self.end_ns, 0)}; "
                "choose another start, or a longer stream"
            )

    @classmethod
    def varied(cls, seed: int, family: Family, **given: Any) -> Market:
        """Draw the parameters of a market from RANGES by its seed.

        Training and evaluation overlap but are shifted against each other, so that a model which only knows the ranges of its
        own family is found out. Draws of the two families differ for one seed as well. `given` are parameters that are not drawn,
        such as `minutes`, `symbols` and `profile`; a currency or crypto market has the same ranges times its profile's factors.

        Raises
        ------
        SettingsError
            `family` is neither "train" nor "evaluate".
        """
        if family not in ("train", "evaluate"):
            raise SettingsError(f"market: family is {family!r}, expected train or evaluate")
        column = 0 if family == "train" else 1
        rng = np.random.default_rng([seed, 7001 + column])
        drawn: dict[str, Any] = {}
        for name, ranges in RANGES.items():
            low, high = ranges[column]
            drawn[name] = float(low * (high / low) ** rng.random())
        # Any minute of the five hours from the default beginning.
        start_ns = START_NS + int(rng.integers(0, 300)) * 60 * NS_PER_SECOND
        return cls(seed=seed * 2 + column, **{"start_ns": start_ns, **drawn, **given})

    @property
    def end_ns(self) -> int:
        """Return the first ns after the stream, venue time."""
        return self.start_ns + round(self.minutes * 60_000) * NS_PER_MS

    @property
    def character(self) -> Profile:
        """Return the profile."""
        return PROFILES[self.profile]

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Return the sessions that the stream touches, in order; the first may begin before it, the last may end after it."""
        return _sessions(self.profile, self.start_ns, self.end_ns)

    @property
    def blocks(self) -> tuple[tuple[int, int], ...]:
        """Return [start, end) in ns of each block, in order; a block lies in one session, and closed hours have none."""
        return _blocks(self.profile, self.start_ns, self.end_ns, round(self.block_s * NS_PER_SECOND))

    @property
    def attempts(self) -> int:
        """Return how many windows are tried for one fault in one block."""
        return 200

    @property
    def lacks(self) -> frozenset[str]:
        """Return what the feed does not have and some faults need: numbers, sizes or trades."""
        character = self.character
        has = {
            "sequence": character.has_sequence,
            "sizes": character.has_sizes,
            "trades": character.trades * self.trade_share > 0,
        }
        return frozenset(need for need, is_there in has.items() if not is_there)

    def lively_rows(self, length_ns: int) -> float:
        """Return how many ticks a series has in a block of this length at least, for a symbol's fault."""
        return length_ns / NS_PER_SECOND

    def new_names(self, count: int, rng: np.random.Generator) -> tuple[str, ...]:
        """Return symbols' names as the market's own are, at least `count` of which are not among those."""
        return tuple(self.character.listing(count + self.symbols, rng).names)

    def random(self, purpose: int, number: int = 0) -> np.random.Generator:
        """Return a random source for one purpose and block, so that draws of one part never shift another's."""
        return np.random.default_rng([self.seed, purpose, number])


@lru_cache(maxsize=16)
def _sessions(profile: str, start_ns: int, end_ns: int) -> tuple[Session, ...]:
    return tuple(PROFILES[profile].hours.sessions(start_ns, end_ns))


@lru_cache(maxsize=16)
def _blocks(profile: str, start_ns: int, end_ns: int, block_ns: int) -> tuple[tuple[int, int], ...]:
    blocks: list[tuple[int, int]] = []
    for session in _sessions(profile, start_ns, end_ns):
        first, last = max(start_ns, session.start), min(end_ns, session.end)
        blocks += pairwise([*range(first, last, block_ns), last])
    return tuple(blocks)


LIMITS: dict[str, tuple[float, float]] = {
    "seed": (0, 2**62),
    "minutes": (0.05, 43_200.0),
    "start_ns": (NS_PER_SECOND * 86_400 * 365, NS_PER_SECOND * 4_100_000_000),
    "symbols": (1, 5000),
    "venues": (1, 8),
    "volatility": (0.01, 3.0),
    "spread_bp": (0.2, 100.0),
    "peak_rate": (0.05, 2000.0),
    "branching": (0.0, 0.95),
    "trade_share": (0.0, 0.9),
    "illiquid_share": (0.0, 1.0),
    "venue_noise": (0.0, 2.0),
    "latency_us": (1.0, 100_000.0),
    "explained_share": (0.0, 0.5),
    "eventfulness": (0.0, 20.0),
    "news_per_minute": (0.0, 60.0),
    "market_news_per_minute": (0.0, 10.0),
    "halts_per_minute": (0.0, 20.0),
    "flash_crashes_per_minute": (0.0, 10.0),
    "latency_bursts_per_minute": (0.0, 20.0),
    "resets_per_minute": (0.0, 10.0),
    "news_move": (0.001, 0.2),
    "aggregated_venues": (0, 8),
    "least_rate": (0.01, 2000.0),
    "channel_symbols": (0, 5000),
    "latency_spread": (0.0, 2.0),
    "clock_us": (0.0, 10_000.0),
    "tick_factor": (1, 1000),
    "block_s": (5.0, 3600.0),
}
"""Allowed range of each parameter."""

RANGES: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "volatility": ((0.08, 0.50), (0.06, 0.65)),
    "spread_bp": ((0.8, 6.0), (0.6, 8.0)),
    "peak_rate": ((40.0, 180.0), (30.0, 220.0)),
    "branching": ((0.65, 0.80), (0.70, 0.85)),
    "trade_share": ((0.06, 0.14), (0.08, 0.18)),
    "illiquid_share": ((0.08, 0.25), (0.10, 0.30)),
    "venue_noise": ((0.10, 0.35), (0.12, 0.45)),
    "latency_us": ((100.0, 800.0), (200.0, 1500.0)),
    "explained_share": ((0.003, 0.010), (0.004, 0.014)),
    "news_per_minute": ((2.0, 4.0), (2.0, 4.0)),
    "news_move": ((0.012, 0.035), (0.010, 0.040)),
}
"""Parameter -> its range in training and in evaluation; drawn log-uniformly."""

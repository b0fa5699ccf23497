"""The universe of a simulated market: its symbols, venues, channels and series (a symbol on a venue)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from producers.market.listings import Listing, Tie
from producers.market.parameters import Market
from producers.market.profiles import DEFAULT, PROFILES
from tickproof.ticks.schema import UNITS_PER_ONE

Array = npt.NDArray[Any]

VENUES = PROFILES[DEFAULT].venues
SECTORS = 6

INSTRUMENT = np.dtype(
    [
        ("price", "f8"),  # first price, in the instrument's price steps
        ("tick", "i8"),  # price step, units of 1e-9
        ("fine", "i8"),  # what averaged and midpoint prints are rounded to, units of 1e-9
        ("spread", "f8"),  # usual spread, price steps; below 1 for large-tick names
        ("lot", "i8"),  # round lot, units of 1e-9
        ("depth", "f8"),  # usual displayed lots
        ("odd", "f8"),  # share of trades below a lot
        ("rate", "f8"),  # ticks a second on a venue of share 1
        ("trades", "f8"),  # share of arrivals that are trades
        ("volatility", "f8"),  # of log price, per square root of a second
        ("beta", "f8"),
        ("sector", "i8"),
    ]
)
"""One symbol."""

SERIES = np.dtype(
    [
        ("instrument", "i4"),
        ("channel", "i4"),  # index of the channel, which is also its name's code
        ("venue_code", "i4"),
        ("symbol_code", "i4"),
        ("lag", "i8"),  # how long after the fact the venue's quotes know the price, ns
        ("width", "f8"),  # its spread against the symbol's usual one
        ("depth", "f8"),  # its displayed lots against the symbol's usual ones
        ("noise", "f8"),  # how far its quotes stray against the market's usual noise
        ("rate", "f8"),  # ticks a second
    ]
)
"""One symbol on one venue; series `venue × symbols + symbol`."""

CHANNEL = np.dtype(
    [
        ("venue", "i4"),
        ("venue_code", "i4"),
        ("base", "f8"),  # least latency, ns
        ("jitter", "f8"),  # median of what comes on top, ns
        ("skew", "f8"),  # sigma of its logarithm
        ("phase", "i8"),  # of its heartbeats, ns
        ("clock", "f8"),  # how far the venue's clock is ahead, on average, ns
        ("wander", "f8"),  # how far it wanders about that in half an hour, ns
    ]
)
"""One channel; its index is the code of its name."""


@dataclass(frozen=True, slots=True)
class Universe:
    """Names and constants of a market.

    Parameters
    ----------
    names : tuple of str
        Channels, then venues, then symbols: what the codes of `ROW` index.
    instruments, series, channels : arrays of INSTRUMENT, SERIES and CHANNEL
    shares : array, shape (venues,)
        Share of each venue in a symbol's trading.
    aggregated : int
        Number of venues, the last ones, that combine the prices of several sources, so that their quotes cross.
    ties : tuple of Tie
        Instruments whose price follows from others'.
    """

    names: tuple[str, ...]
    instruments: Array
    series: Array
    channels: Array
    shares: Array
    aggregated: int = 0
    ties: tuple[Tie, ...] = ()

    @property
    def symbols(self) -> int:
        """Return the number of symbols."""
        return len(self.instruments)

    @property
    def venues(self) -> int:
        """Return the number of venues."""
        return len(self.shares)

    def symbol(self, place: int) -> str:
        """Return the name of an instrument."""
        return self.names[len(self.channels) + self.venues + place]

    def relation(self, place: int) -> tuple[tuple[int, float], ...]:
        """Return the legs and powers of the first relation of an instrument, itself and the cross included; empty if none."""
        for tie in self.ties:
            legs = (*tie.legs, (tie.place, -1.0))
            if any(leg == place for leg, _ in legs):
                return legs
        return ()

    def moved_by(self, place: int) -> tuple[tuple[int, float], ...]:
        """Return what moves with an instrument and how many times as far: a leg's crosses, and with a cross its first leg."""
        base, factor = place, 1.0
        for tie in self.ties:
            if tie.place == place:
                base, power = tie.legs[0]
                factor = 1.0 / power
        crosses = ((tie.place, power * factor) for tie in self.ties for leg, power in tie.legs if leg == base)
        return ((base, factor), *crosses)

    def series_of(self, rows: Array) -> Array:
        """Return the series of each row, −1 for rows without a symbol."""
        channels, venues = len(self.channels), self.venues
        series = (rows["venue"] - channels) * self.symbols + rows["symbol"] - channels - venues
        return np.where(rows["symbol"] < 0, -1, series)

    def is_aggregated(self, series: Array | int) -> Array:
        """Return whether the venue of each series combines the prices of several sources."""
        found: Array = np.asarray(series) >= (self.venues - self.aggregated) * self.symbols
        return found

    def ticks_of(self, rows: Array) -> Array:
        """Return the price step of each row's instrument in units of 1e-9; 1 for rows without a symbol."""
        place = rows["symbol"] - len(self.channels) - self.venues
        return np.where(rows["symbol"] < 0, 1, self.instruments["tick"][np.maximum(place, 0)])


def build(market: Market) -> Universe:
    """Build the universe of a market from its seed."""
    rng = market.random(1)
    listing = market.character.listing(market.symbols, rng)
    instruments = _instruments(market, listing, rng)
    venues = market.character.venues[: market.venues]
    lines = _lines(market)
    channels = np.zeros(len(lines), CHANNEL)
    channels["venue"] = [venue for venue, _ in lines]
    channels["venue_code"] = len(lines) + channels["venue"]
    channels["base"] = market.latency_us * 1000 * np.exp(market.latency_spread * rng.standard_normal(len(lines)))
    channels["jitter"] = channels["base"] * rng.uniform(0.1, 0.3, len(lines))
    channels["skew"] = rng.uniform(0.7, 1.1, len(lines))
    channels["phase"] = rng.integers(0, 1_000_000_000, len(lines))
    # Clocks are kept within 100 microseconds (CAT NMS Plan, section 6.8: exchanges), and always well within the latency.
    bound = min(0.3 * channels["base"].min(), 1000 * market.clock_us)
    channels["clock"] = bound * rng.uniform(-1.0, 1.0, market.venues)[channels["venue"]]
    channels["wander"] = 0.2 * bound
    shares = np.array([1.0, 0.8, 0.6, 0.45, 0.35, 0.3, 0.25, 0.2])[: market.venues]
    names = (*(f"{market.character.venues[venue]}.{line}" for venue, line in lines), *venues, *listing.names)
    series = _series(market, instruments, shares, rng)
    return Universe(names, instruments, series, channels, shares, market.aggregated_venues, listing.ties)


def _lines(market: Market) -> list[tuple[int, str]]:
    """Return the venue of each channel, and its name there."""
    if market.channel_symbols:
        count = -(-market.symbols // market.channel_symbols)
        return [(venue, str(line + 1)) for venue in range(market.venues) for line in range(count)]
    return [(0, "A"), (0, "B"), *((venue, "A") for venue in range(1, market.venues))]


def _instruments(market: Market, listing: Listing, rng: np.random.Generator) -> Array:
    count, profile = market.symbols, market.character
    table = np.zeros(count, INSTRUMENT)
    table["tick"], table["lot"], table["odd"] = listing.tick * market.tick_factor, listing.lot, listing.odd
    table["fine"] = listing.tick.min()
    table["price"] = np.maximum(np.round(listing.price * UNITS_PER_ONE / table["tick"]), 1)
    # Activity is even in logarithm, apart from a share of names that hardly trade.
    rank = (rng.permutation(count) + rng.random(count)) / count
    quiet = rank < market.illiquid_share
    above = (rank - market.illiquid_share) / max(1.0 - market.illiquid_share, 1e-9)
    silent_rate = (1 / 60) * 18.0 ** np.minimum(rank / max(market.illiquid_share, 1e-9), 1.0)
    least = market.least_rate
    lively_rate = least * (max(market.peak_rate * profile.rate, least) / least) ** np.clip(above, 0, 1)
    table["rate"] = np.where(quiet, np.minimum(silent_rate, least), lively_rate)
    table["trades"] = np.minimum(market.trade_share * profile.trades, 0.9) * rng.uniform(0.5, 1.5, count)
    scarcity = np.clip(10.0 / (table["rate"] + 1.0), 1.0, 5.0) ** 0.7
    usual = market.spread_bp * profile.spread * 1e-4
    table["spread"] = usual * scarcity * np.exp(0.3 * rng.standard_normal(count)) * table["price"]
    large_tick = np.clip(1.0 / np.maximum(table["spread"], 0.05), 1.0, 12.0)
    table["depth"] = 2.0 * large_tick * np.exp(0.4 * rng.standard_normal(count))
    annual = market.volatility * profile.volatility * np.exp(0.15 * rng.standard_normal(count))
    table["volatility"] = annual / np.sqrt(profile.year_s)
    table["beta"] = np.clip(1.0 + 0.3 * rng.standard_normal(count), 0.2, 2.0)
    table["sector"] = rng.integers(0, SECTORS, count)
    return table


def _series(market: Market, instruments: Array, shares: Array, rng: np.random.Generator) -> Array:
    count = market.symbols
    table = np.zeros(count * market.venues, SERIES)
    venue, symbol = np.divmod(np.arange(len(table)), count)
    lines = len(_lines(market))
    table["instrument"] = symbol
    if market.channel_symbols:
        table["channel"] = venue * (lines // market.venues) + symbol // market.channel_symbols
    else:
        # The first venue has the two first channels, by turns; every other venue has one.
        table["channel"] = np.where(venue == 0, symbol % 2, venue + 1)
    table["venue_code"] = lines + venue
    table["symbol_code"] = lines + market.venues + symbol
    table["lag"] = np.round(1e6 * np.exp(rng.uniform(np.log(0.5), np.log(12.0), len(table))))
    # A venue has its ways, and each symbol there strays a little from them.
    table["width"] = rng.uniform(0.95, 1.15, market.venues)[venue] * rng.uniform(0.95, 1.1, len(table))
    table["depth"] = np.exp(0.35 * rng.standard_normal(market.venues))[venue]
    table["noise"] = rng.uniform(0.75, 1.25, market.venues)[venue]
    table["rate"] = instruments["rate"][symbol] * shares[venue] * np.exp(0.25 * rng.standard_normal(len(table)))
    return table

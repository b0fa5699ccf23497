"""Plain definitions of all features, from everything that happened before a tick.

`read` passes over clean ticks in the shard's order and notes what was known before each; DEFINITIONS compute each feature from
these notes, by sums over the whole past wherever there is such a sum. Nothing here is compiled, and nothing but constants is
shared with the kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from tickproof.features.market import BINS_PER_SCALE
from tickproof.instrument import level as rolling
from tickproof.rules.reasons import EXPLAINING
from tickproof.ticks.schema import NS_PER_SECOND, Kind, Present, Ticks

NAN = math.nan
WARM = 20
S = NS_PER_SECOND


def streaming_median(values: list[float]) -> float:
    """The mean of the first 50, then steps of 0.02 towards each."""
    middle = 0.0
    for n, value in enumerate(values, start=1):
        middle += (value - middle) / n if n <= 50 else 0.02 * float(np.sign(value - middle))
    return middle


def consensus_near(prices: Sequence[float], x: float) -> float:
    """Of the medians of an even number of prices the one nearest to `x`; NaN of none."""
    ordered = sorted(prices)
    return min(max(x, ordered[(len(ordered) - 1) // 2]), ordered[len(ordered) // 2]) if ordered else NAN


def by_power(steps: list[float]) -> dict[int, int]:
    """How many steps lie in [2^k, 2^(k + 1)); all counts are halved, rounding down, when one of them reaches 255."""
    counts: dict[int, int] = {}
    for step in steps:
        power = math.floor(math.log2(abs(step)))
        counts[power] = counts.get(power, 0) + 1
        if counts[power] == 255:
            counts = {key: count // 2 for key, count in counts.items()}
    return counts


def running_mean(values: list[float]) -> float:
    """The mean of the first thousand, then exponential of weight 1/1000."""
    rest = values[1000:]
    return exponential(rest, 1e-3, float(np.mean(values[:1000]))) if rest else float(np.mean(values))


def exponential(values: list[float], weight: float, start: float) -> float:
    """start (1 − w)^n + Σ w (1 − w)^(n − k) v_k."""
    ages = np.arange(len(values) - 1, -1, -1)
    return start * (1 - weight) ** len(values) + float(np.sum(weight * (1 - weight) ** ages * np.array(values)))


def decaying(times: list[int], values: list[float], now: int, tau_s: float) -> float:
    """Σ v_i e^(−(now − t_i) / τ)."""
    return float(np.sum(np.array(values) * np.exp(-(now - np.array(times, np.int64)) / S / tau_s)))


def decaying_mean(times: list[int], values: list[float], tau_s: float) -> float:
    """m ← v + (m − v) e^(−Δ / τ), from the first on, as a weighted sum: v_i counts from t_(i−1) to t_i."""
    edges = np.exp(-(times[-1] - np.array(times, np.int64)) / S / tau_s)
    weights = np.diff(edges, prepend=0.0)
    return float(np.sum(weights * np.array(values)))


def window(times: list[int], now: int, length_s: float, part_s: float) -> list[int]:
    """Places of times in (T − length, now], T being `now` rounded up to a part."""
    part = round(part_s * S)
    end = -(-now // part) * part
    return [k for k, time in enumerate(times) if end - round(length_s * S) < time <= now]


@dataclass
class Venue:
    """One (venue, symbol): everything that was noted, in order."""

    times: list[int] = field(default_factory=list)
    quotes: int = 0
    accepted: list[float] = field(default_factory=list)
    accepted_times: list[int] = field(default_factory=list)
    level: float = NAN
    level_time: int = 0
    quoted: int = 0
    slow_level: float = NAN
    scale: float = 0.0
    steps: list[float] = field(default_factory=list)
    spreads: list[float] = field(default_factory=list)
    wide: list[float] = field(default_factory=list)
    wide_times: list[int] = field(default_factory=list)
    seen: float = NAN
    seen_time: int = 0
    residual_scale: float = 0.0
    sides: tuple[int, int] = (0, 0)
    sides_time: int = 0
    run: int = 0
    run_key: int = 0
    run_others: float = NAN
    last_x: float = NAN
    last_deviation: float = 0.0
    size_level: list[float] = field(default_factory=lambda: [0.0, 0.0])
    size_spread: list[float] = field(default_factory=lambda: [0.0, 0.0])
    sizes: list[list[float]] = field(default_factory=lambda: [[], []])
    usual_size: list[float] = field(default_factory=lambda: [0.0, 0.0])
    volumes: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    lag: float = 0.0
    lag_scale: float = 0.0
    returns: list[float] = field(default_factory=list)
    return_times: list[int] = field(default_factory=list)
    unchanged: int = 0
    run_mean: float = 0.0
    mark: int = 0
    gap_mean: float = 0.0
    rescaled: float = 1.0

    def effective_scale(self, now: int) -> float:
        """The scale, not below its floors, wider for an old level."""
        floor = rolling.FLOOR
        if self.spreads:
            floor = max(floor, 0.25 * math.exp(streaming_median(self.spreads)))
        if len(self.steps) >= WARM:
            floor = max(floor, 0.25 * math.exp(streaming_median(self.steps)))
        return max(self.scale, floor) + 0.25e-4 * math.sqrt(max(now - self.level_time - 30 * S, 0) / S)

    def accept(self, x: float, now: int, quote: bool) -> None:
        """A price moves level and scale."""
        if not self.accepted:
            self.level = self.slow_level = x
            self.scale = rolling.FLOOR
        elif x != self.accepted[-1]:
            self.steps.append(math.log(max(abs(x - self.accepted[-1]), 1e-7)))
        self.scale += 0.03 * (min(abs(x - self.level), 4 * max(self.scale, rolling.FLOOR)) - self.scale)
        self.slow_level = x + (self.slow_level - x) * math.exp(-max(now - self.level_time, 0) / S)
        if quote:
            self.level, self.quoted = x, now
        elif self.quotes == 0 or now - self.quoted > 30 * S:
            self.level += 0.4 * (x - self.level)
        self.level_time = now
        self.accepted.append(x)
        self.accepted_times.append(now)

    def intensity(self, n: int) -> tuple[float, float]:
        """(ticks a second by the kernel of 512 s, sum of the kernel of 1 s), right after the n-th tick."""
        now, past = self.times[n - 1], self.times[:n]
        weight = 512.0 * (1.0 - math.exp(-(now - past[0]) / S / 512.0))
        slow = decaying(past, [1.0] * n, now, 512.0)
        return slow / weight if weight > 0 else 0.0, decaying(past, [1.0] * n, now, 1.0)


class Seen(NamedTuple):
    """One tick, and what was known before it."""

    now: int
    x: float
    quote: bool
    explained: bool
    bid: int
    ask: int
    bid_sz: int
    ask_sz: int
    price: int
    size: float
    lag_ms: float
    one: Venue
    others: list[float]
    others_moves: list[float]
    run: int
    run_others: float
    scale: float
    moves: list[float]
    peer_moves: list[float]
    market_changes: int
    season: list[float]
    volume_ratio: float
    size_deviation: float
    rescaled: float


def read(ticks: Ticks, peers: Mapping[str, str]) -> list[Seen]:
    """Notes on clean quotes of two sides and trades, in the shard's order; `peers` gives the group of a symbol."""
    out: list[Seen] = []
    venues: dict[tuple[int, int], Venue] = {}
    symbols: dict[int, tuple[int, float]] = {}
    seasons: dict[tuple[int, int], list[float]] = {}
    changes = 0
    for row in ticks.rows:
        symbol = int(row["symbol"])
        one = venues.setdefault((symbol, int(row["venue"])), Venue())
        now, quote = int(row["event_time"]), row["kind"] == Kind.QUOTE
        x = 0.5 * (math.log(row["bid_px"]) + math.log(row["ask_px"])) if quote else math.log(row["price"])
        others = [
            venue
            for (other, _), venue in venues.items()
            if other == symbol and venue is not one and len(venue.accepted) >= WARM and now - venue.seen_time <= 30 * S
        ]
        middle = consensus_near([venue.seen for venue in others], x)
        scale = one.effective_scale(now)
        key = int(row["bid_px"]) + int(row["ask_px"]) if quote else int(row["price"])
        if quote or one.quotes == 0:
            if one.run_key != key:
                one.run, one.run_key, one.run_others = 0, key, middle
            one.run += 1
        if math.isnan(one.run_others):
            one.run_others = middle
        second = -(-now // S)
        group = peers.get(ticks.names[symbol])
        lately = {code: move for code, (when, move) in symbols.items() if when >= second - 1 and code != symbol}
        kind = 0 if quote else 1
        size = math.log(max(row["bid_sz"], row["ask_sz"]) if quote else row["size"])
        season = seasons.setdefault((now // (1800 * S) % 48, kind), [])
        rescaled = _rescaled(one, now)
        seen = Seen(
            now=now, x=x, quote=bool(quote), explained=bool(row["conditions"] & EXPLAINING), bid=int(row["bid_px"]),
            ask=int(row["ask_px"]), bid_sz=int(row["bid_sz"]), ask_sz=int(row["ask_sz"]), price=int(row["price"]), size=size,
            lag_ms=(int(row["ts_recv"]) - int(row["ts_event"])) / 1e6 if row["present"] & Present.TS_EVENT else NAN,
            one=_copy(one), others=[venue.seen for venue in others],
            others_moves=[venue.seen - venue.slow_level for venue in others], run=max(one.run, 1), run_others=one.run_others,
            scale=scale, moves=list(lately.values()),
            peer_moves=[move for code, move in lately.items() if group and peers.get(ticks.names[code]) == group],
            market_changes=changes, season=list(season), volume_ratio=_volume(one, quote, int(row["size"])),
            size_deviation=_size(one, kind, size), rescaled=rescaled,
        )  # fmt: skip
        out.append(seen)
        # What is learnt of it.
        one.times.append(now)
        one.quotes += bool(quote)
        one.rescaled = rescaled
        one.last_deviation = (x - one.level) / scale if len(one.accepted) >= WARM else 0.0
        one.last_x = x
        if quote or now - one.quoted > 30 * S:
            one.seen, one.seen_time = x, now
        move = (x - one.slow_level) / scale if one.accepted else 0.0
        symbols[symbol] = second, min(max(move, -16.0), 16.0)
        changes += _learn_return(one, x, now, changes)
        one.accept(x, now, bool(quote))
        if others:
            most = 4 * max(one.residual_scale, scale)
            one.residual_scale += 0.03 * (min(abs(x - middle), most) - one.residual_scale)
        if quote:
            one.sides, one.sides_time = (int(row["bid_px"]), int(row["ask_px"])), now
            one.spreads.append(math.log(max((seen.ask - seen.bid) / math.exp(x), 1e-7)))
            one.wide.append(2 * (seen.ask - seen.bid) / (seen.ask + seen.bid))
            one.wide_times.append(now)
        if len(one.sizes[kind]) >= WARM:
            season.append(min(max(size - one.usual_size[kind], -3.0), 3.0))
        one.sizes[kind].append(size)
        one.usual_size[kind] = float(np.mean(one.sizes[kind]))  # up to 1024 of them
        if not math.isnan(seen.lag_ms):
            _learn_lag(one, seen.lag_ms)
    return out


def _copy(one: Venue) -> Venue:
    lists = {name: list(value) for name, value in vars(one).items() if isinstance(value, list)}
    return replace(one, **lists)


def _learn_return(one: Venue, x: float, now: int, changes: int) -> int:
    """Note a return; 1 where the price changed."""
    if not one.accepted:
        one.unchanged = 0
        return 0
    if _step(one, x) == 0:
        one.unchanged += 1
        return 0
    n, gap, run = len(one.returns), float(changes - one.mark), float(one.unchanged)
    if n >= WARM:
        gap, run = min(gap, 8 * max(one.gap_mean, 1.0)), min(run, 8 * max(one.run_mean, 1.0))
    weight = max(1 / (n + 1), 0.05)
    one.gap_mean += weight * (gap - one.gap_mean)
    one.run_mean += weight * (run - one.run_mean)
    one.returns.append(x - one.accepted[-1])
    one.return_times.append(now)
    one.mark, one.unchanged = changes + 1, 1
    return 1


def _step(one: Venue, x: float) -> float:
    """|Δx|; below 1e-7 it is one price seen through another spread."""
    step = abs(x - one.accepted[-1])
    return step if step >= 1e-7 else 0.0


def _learn_lag(one: Venue, lag_ms: float) -> None:
    away = lag_ms - one.lag
    if len(one.lags) >= WARM:
        most = 4 * max(one.lag_scale, 0.1)
        away = min(max(away, -most), most)
    one.lags.append(lag_ms)
    weight = max(1 / len(one.lags), 0.05)
    one.lag += weight * away
    one.lag_scale += weight * (abs(away) - one.lag_scale)


def _rescaled(one: Venue, now: int) -> float:
    """Mean of what a self-exciting process expected between ticks: 0.7 of them echo earlier ones within a second or so."""
    n = len(one.times)
    if n < WARM:
        return 1.0
    rate, excited = one.intensity(n)
    gap_s = (now - one.times[-1]) / S
    expected = 0.7 * excited * (1 - math.exp(-gap_s)) + 0.3 * rate * gap_s
    return one.rescaled + 0.05 * (min(expected, 20.0) - one.rescaled)


def _size(one: Venue, kind: int, x: float) -> float:
    n, level, spread = len(one.sizes[kind]), one.size_level[kind], one.size_spread[kind]
    deviation = (x - level) / max(spread, 0.67) if n >= WARM else NAN
    if n < WARM or abs(deviation) < 8:
        weight = 1 / (n + 1) if n < WARM else 0.01
        level += weight * (x - level)
        spread += weight * (abs(x - level) - spread)
    one.size_level[kind], one.size_spread[kind] = level, spread
    return deviation


def _volume(one: Venue, quote: bool, size: int) -> float:
    if quote:
        return NAN
    one.volumes.append(float(size))
    return math.log(exponential(one.volumes, 0.2, one.volumes[0]) / exponential(one.volumes, 0.01, one.volumes[0]))


# --- what each feature is -----------------------------------------------------------------------------------------------------


class Definition(NamedTuple):
    """A feature's value on a tick, NaN where it is undefined, and how far the kernel's may be from it."""

    value: Callable[[Seen], float]
    absolute: float = 1e-6
    factor: float = 1.0


SINGLE = 3e-4
"""Absolute error, in scales, of what is kept in single precision."""


def _gaps(s: Seen) -> tuple[float, float]:
    gaps = np.diff(s.one.times).astype(float).tolist()
    return exponential(gaps, 0.1, gaps[0]), exponential(gaps, 0.01, gaps[0])


def _priced(s: Seen) -> bool:
    return len(s.one.accepted) >= WARM


def _changed(s: Seen) -> bool:
    return _priced(s) and len(s.one.returns) >= WARM


def _outside(s: Seen) -> float:
    bid, ask = s.one.sides
    if s.quote or not bid or s.now - s.one.sides_time > 2 * S or s.one.sides_time == s.now:
        return NAN
    return max(math.log(bid) - s.x, s.x - math.log(ask), 0.0) / math.exp(streaming_median(s.one.spreads))


def _position(s: Seen) -> float:
    bid, ask = s.one.sides
    if s.quote or not bid or s.now - s.one.sides_time > 2 * S or s.one.sides_time == s.now:
        return NAN
    return (s.price - bid) / (ask - bid)


def _last(s: Seen, statistic: Callable[[Any], float]) -> float:
    return statistic(np.array(s.one.accepted[-9:])) if _priced(s) else NAN


def _minute(s: Seen, statistic: Callable[[Any], float]) -> float:
    """A statistic of prices accepted in (T − 64 s, t], T being t rounded up to 16 s."""
    places = window(s.one.accepted_times, s.now, 64, 16)
    return statistic(np.array(s.one.accepted)[places]) if _priced(s) and len(places) > 1 else NAN


def _ewma(s: Seen, tau_s: float) -> float:
    return (s.x - decaying_mean(s.one.accepted_times, s.one.accepted, tau_s)) / s.scale if _priced(s) else NAN


def _rate(s: Seen, length_s: float, part_s: float) -> float:
    if len(s.one.times) < WARM:
        return NAN
    past = s.one.times
    weight = 512.0 * (1.0 - math.exp(-(s.now - past[0]) / S / 512.0))
    usual = decaying(past, [1.0] * len(past), s.now, 512.0) / weight
    return len(window([*past, s.now], s.now, length_s, part_s)) / (1.0 + usual * (min(length_s, weight) if length_s > 1 else 1.0))


def _volatility(s: Seen) -> float:
    if not _priced(s) or not s.one.returns:
        return NAN
    squares = [r * r for r in s.one.returns]
    weight = 512.0 * (1.0 - math.exp(-(s.now - s.one.times[0]) / S / 512.0))
    fast = decaying(s.one.return_times, squares, s.now, 8.0) / 8.0
    return math.sqrt(fast / (decaying(s.one.return_times, squares, s.now, 512.0) / weight))


def _tail(s: Seen) -> float:
    if not _changed(s):
        return NAN
    step = _step(s.one, s.x)
    if step == 0:
        return 1.0
    counts = by_power(s.one.returns)
    above = sum(count for power, count in counts.items() if power >= math.floor(math.log2(step)))
    return above / sum(counts.values())


def _over_quantile(s: Seen) -> float:
    """Step over the step that one in twenty exceeds."""
    if not _changed(s):
        return NAN
    steps = np.sort(np.abs(s.one.returns))[::-1]
    return _step(s.one, s.x) / float(steps[math.floor(0.05 * len(steps))])


def _autocorrelation(s: Seen) -> float:
    if not _changed(s):
        return NAN
    returns = np.array(s.one.returns)
    weights = 0.95 ** np.arange(len(returns) - 1, -1, -1)
    before = np.concatenate([[0.0], returns[:-1]])
    return float(np.clip(np.sum(weights * returns * before) / np.sum(weights * returns**2), -1, 1))


def _market(s: Seen) -> float:
    return float(np.median(s.moves)) if len(s.moves) >= 3 else NAN


def _peers(s: Seen) -> float:
    return float(np.mean(s.peer_moves)) if s.peer_moves else NAN


def _own_move(s: Seen) -> float:
    return (s.x - s.one.slow_level) / s.scale if _priced(s) else NAN


def _season(s: Seen) -> float:
    kind = 0 if s.quote else 1
    if len(s.one.sizes[kind]) < WARM or len(s.season) < 100:
        return NAN
    return (s.size - s.one.usual_size[kind] - running_mean(s.season)) / 0.67


def _spread(s: Seen) -> float:
    return (s.ask - s.bid) / math.exp(s.x)


DEFINITIONS: dict[str, Definition] = {
    "is_trade": Definition(lambda s: 0.0 if s.quote else 1.0),
    "deviation": Definition(lambda s: (s.x - s.one.level) / s.scale if _priced(s) else NAN),
    "residual": Definition(
        lambda s: (s.x - consensus_near(s.others, s.x)) / max(s.scale, s.one.residual_scale) if s.others else NAN
    ),
    "sources": Definition(lambda s: float(len(s.others))),
    "outside": Definition(_outside),
    "quote_age": Definition(
        lambda s: NAN if s.quote or not s.one.sides[0] else math.log10((s.now - s.one.sides_time) / S + 1e-6)
    ),
    "spread_bp": Definition(lambda s: 1e4 * _spread(s) if s.quote else NAN),
    "spread_ratio": Definition(
        lambda s: math.log(_spread(s)) - streaming_median(s.one.spreads) if s.quote and len(s.one.spreads) >= 50 else NAN
    ),
    "bid_move": Definition(
        lambda s: NAN if not s.quote else (math.log(s.bid / s.one.sides[0]) / s.scale if s.one.sides[0] else 0.0)
    ),
    "ask_move": Definition(
        lambda s: NAN if not s.quote else (math.log(s.ask / s.one.sides[1]) / s.scale if s.one.sides[1] else 0.0)
    ),
    "size": Definition(lambda s: s.size_deviation),
    "size_balance": Definition(lambda s: math.log(s.bid_sz / s.ask_sz) if s.quote else NAN),
    "interval": Definition(
        lambda s: math.log((s.now - s.one.times[-1] + 1e3) / (_gaps(s)[1] + 1e3)) if len(s.one.times) >= WARM else NAN
    ),
    "rate_ratio": Definition(lambda s: math.log((_gaps(s)[1] + 1e3) / (_gaps(s)[0] + 1e3)) if len(s.one.times) >= WARM else NAN),
    "equal_run": Definition(lambda s: math.log(s.run)),
    "missed_move": Definition(lambda s: (consensus_near(s.others, s.x) - s.run_others) / s.scale if s.others else NAN),
    "ten_distance": Definition(lambda s: 1.0 if _priced(s) else NAN),
    "last_deviation": Definition(lambda s: s.one.last_deviation),
    "step": Definition(lambda s: 0.0 if math.isnan(s.one.last_x) else (s.x - s.one.last_x) / s.scale),
    "others_move": Definition(lambda s: float(np.mean(s.others_moves)) / s.scale if s.others else NAN),
    "others_width": Definition(lambda s: float(np.ptp(s.others)) / s.scale if len(s.others) > 1 else NAN),
    "flagged_run": Definition(lambda s: 0.0),
    "volume_ratio": Definition(lambda s: s.volume_ratio),
    "conditions": Definition(lambda s: 1.0 if s.explained else 0.0),
    "rate_1s": Definition(lambda s: _rate(s, 1, 0.25)),
    "rate_64s": Definition(lambda s: _rate(s, 64, 16)),
    "rescaled_gap": Definition(lambda s: s.rescaled if len(s.one.times) >= WARM else NAN, 1e-5),
    "latency": Definition(lambda s: (s.lag_ms - s.one.lag) / max(s.one.lag_scale, 0.1) if len(s.one.lags) >= WARM else NAN, 1e-4),
    "mean_9": Definition(lambda s: _last(s, lambda v: (s.x - v.mean()) / s.scale), SINGLE),
    "deviation_9": Definition(lambda s: _last(s, lambda v: v.std() / s.scale), SINGLE),
    "median_9": Definition(lambda s: _last(s, lambda v: (s.x - np.median(v)) / s.scale), SINGLE),
    "mad_9": Definition(lambda s: _last(s, lambda v: np.median(np.abs(v - np.median(v))) / s.scale), SINGLE),
    "mean_64s": Definition(lambda s: _minute(s, lambda v: (s.x - v.mean()) / s.scale), SINGLE),
    "deviation_64s": Definition(lambda s: _minute(s, lambda v: v.std() / s.scale), 3 * SINGLE),
    "ewma_8s": Definition(lambda s: _ewma(s, 8.0), SINGLE),
    "ewma_64s": Definition(lambda s: _ewma(s, 64.0), SINGLE),
    "ewma_512s": Definition(lambda s: _ewma(s, 512.0), SINGLE),
    "volatility_ratio": Definition(_volatility, 1e-4),
    "step_tail": Definition(_tail),
    "step_p95": Definition(_over_quantile, 1e-6, math.sqrt(2.0)),
    "autocorrelation": Definition(_autocorrelation, 1e-4),
    "run_ratio": Definition(lambda s: s.one.unchanged / max(s.one.run_mean, 1.0) if _changed(s) else NAN, 1e-4),
    "expected_moves": Definition(
        lambda s: (s.market_changes - s.one.mark) / max(s.one.gap_mean, 1.0) if _changed(s) else NAN, 1e-4
    ),
    "spread_64s": Definition(
        lambda s: (
            2 * (s.ask - s.bid) / (s.ask + s.bid) / decaying_mean(s.one.wide_times, s.one.wide, 64.0)
            if s.quote and s.one.wide
            else NAN
        ),
        1e-5,
    ),
    "size_season": Definition(_season, 1e-4),
    "quote_position": Definition(_position),
    "market_move": Definition(_market, 0.5 / BINS_PER_SCALE),
    "market_residual": Definition(lambda s: _own_move(s) - _market(s), 0.5 / BINS_PER_SCALE),
    "peer_move": Definition(_peers),
    "peer_residual": Definition(lambda s: _own_move(s) - _peers(s)),
}
"""Feature -> its definition; the contract test requires one of each."""

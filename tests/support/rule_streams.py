"""Streams that show the rules of the shard which need a history: a venue among others, its grid, its habits."""

from __future__ import annotations

from tests.support.streams import VENUES, Market, Scored, Tape, at, merged, score, units
from tickproof.ticks.schema import Kind, Ticks

WAVE_BP = 20.0
"""Prices of the following market walk up and down by so much."""


def walked(k: int) -> float:
    """The common price at its k-th step: 1 bp a step, up 20 and down 20."""
    phase = k % 40
    return 100.0 * (1 + 1e-4 * (phase if phase <= 20 else 40 - phase))


def following(frozen_from: int, steps: int = 1_000, moves: bool = True) -> Scored:
    """Three venues requote a price that moves by 1 bp every 100 ms, XNAS not any more from step `frozen_from` on.

    Each venue sends two quotes a step, so half of all quotes repeat the price before, as venues do that change sizes only.
    """
    tapes = {venue: Tape(channel=f"{venue}.A", venue=venue) for venue in VENUES}
    for k in range(steps):
        for j, venue in enumerate(VENUES):
            still = min(k, frozen_from) if venue == "XNAS" or not moves else k
            # A frozen price is one in the middle of its walk, which the others then leave on both sides.
            middle = walked(still)
            for half in (0.0, 0.05):
                tapes[venue].quote(k * 0.1 + half + 0.001 * j, middle * 0.9999, middle * 1.0001)
    return score(merged(*tapes.values()))


def sliding(venues: tuple[str, ...], seconds: float = 8.0) -> Scored:
    """100 | prices of some venues slide by 1 bp a quote, 20 bp a second; the others stay."""
    market = Market(warm_s=20.0)
    market.go_on(20, 20 + seconds, lambda t: 100.0 + 0.2 * (t - 20), venues=venues)
    if len(venues) < len(VENUES):
        market.go_on(20, 20 + seconds, 100.0, venues=tuple(venue for venue in VENUES if venue not in venues))
    market.go_on(20 + seconds, 24 + seconds)
    return market.scored()


def rescaled(venues: tuple[str, ...], factor: float, seconds: float = 5.0) -> Scored:
    """100 | 100 × factor on some venues for a while."""
    market = Market()
    market.go_on(12, 12 + seconds, 100.0 * factor, venues=venues)
    rest = tuple(venue for venue in VENUES if venue not in venues)
    if rest:
        market.go_on(12, 12 + seconds, 100.0, venues=rest)
    return market.scored()


def outside_again(count: int, moves: bool) -> Scored:
    """60 trades within quotes, then `count` trades a cent above an ask of 100.01 that stands still, or moves along."""
    tape = Tape()
    for k in range(60):
        tape.quote(k * 0.5)
        tape.trade(k * 0.5 + 0.2, 100.01)
    for k in range(count):
        tape.trade(30.2 + k * 0.5, 100.03)
        if moves:
            tape.quote(30.3 + k * 0.5, 100.01, 100.03)
    tape.quote(31 + count)
    return score(tape.ticks())


def stuffed(moving: bool, rate: int = 1_500) -> Scored:
    """50 quotes a second for a minute, then `rate` in one second, whose prices stand still or do not."""
    tape = Tape()
    for k in range(3_000):
        tape.quote(k * 0.02)
    for k in range(rate):
        shift = 0.01 * (k % 2) if moving else 0.0
        tape.quote(60 + k / rate, 99.99 + shift, 100.01 + shift, bid_sz=units(100 + 100 * (k % 2)))
    tape.quote(61.5)
    return score(tape.ticks())


def taken_back(kind: Kind | None, **columns: object) -> Scored:
    """Trades at 100 twice a second, one at 100.2, which is taken back, corrected or left; then trades at 100 again."""
    tape = Tape()
    for k in range(40):
        tape.trade(k * 0.5, 100.0, trade_id=k)
    tape.trade(20.0, 100.2, trade_id=777)
    if kind is not None:
        tape.write(kind, 20.1, trade_id=777, **columns)
    for k in range(10):
        tape.trade(20.5 + k * 0.5, 100.0, trade_id=1_000 + k)
    return score(tape.ticks())


def of_two_symbols(price: float, level: float = 100.0) -> Scored:
    """ABC at a level and DEF at 37 on one venue; then one quote of ABC around `price`."""
    tape = Tape()
    for k in range(200):
        tape.quote(k * 0.1, level - 0.01, level + 0.01)
        tape.quote(k * 0.1 + 0.05, 36.99, 37.01, symbol="DEF")
    tape.quote(20.0, price - 0.01, price + 0.01)
    for k in range(20):
        tape.quote(20.05 + k * 0.05, level - 0.01, level + 0.01)
        tape.quote(20.06 + k * 0.05, 36.99, 37.01, symbol="DEF")
    return score(tape.ticks())


def traded(price: int, size: int, level: float = 100.0) -> Scored:
    """Quotes around a level, then one trade in units of 1e-9."""
    tape = Tape()
    for k in range(240):
        tape.quote(k * 0.05, level * 0.9999, level * 1.0001)
    tape.write(Kind.TRADE, 12.02, price=price, size=size)
    for k in range(40):
        tape.quote(12.05 + k * 0.05, level * 0.9999, level * 1.0001)
    return score(tape.ticks())


def sized(size: float, stays: bool = False, kind: Kind = Kind.QUOTE) -> Scored:
    """200 quotes and trades of 100, then one of `size` on the bid, or traded, and 40 more of 100 (or of `size`: it stays)."""
    tape = Tape()
    for k in range(200):
        tape.quote(k * 0.1)
        tape.trade(k * 0.1 + 0.05)
    if kind == Kind.TRADE:
        tape.trade(20.02, size=size)
    else:
        tape.quote(20.02, bid_sz=units(size))
    for k in range(40):
        tape.quote(20.05 + k * 0.02, bid_sz=units(size if stays else 100))
    return score(tape.ticks())


def second(ticks: Ticks, row: int) -> float:
    """Seconds after the start of a tick."""
    return float((int(ticks.rows["ts_recv"][row]) - at(0)) / 1e9)


def on_grid(bid: float, changes: int = 1_100) -> Scored:
    """Quotes that move by a cent each, two prices a quote; then one of `bid`."""
    tape = Tape()
    for k in range(changes):
        tape.quote(k * 0.01, 99.99 + 0.01 * (k % 5), 100.01 + 0.01 * (k % 5))
    tape.quote(11.5, bid, 100.01)
    tape.quote(11.6)
    return score(tape.ticks())

"""Streams of several channels that carry the same symbols, for what shows only where channels meet."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.support.streams import Scored, Tape, merged, score, units
from tickproof.ticks.schema import Ticks

VENUES = ("ARCX", "BATS", "EDGX", "XNAS")
SYMBOLS = tuple(f"S{k:02d}" for k in range(16))
Kept = Callable[[str, float, bool], float]
"""(venue, seconds, is it a trade) -> share of its messages that are sent."""


def everything(_venue: str, _moment: float, _trade: bool) -> float:
    return 1.0


def several(kept: Kept = everything, *, until: float = 70.0, rate: float = 80.0, seed: int = 5, size: float = 100) -> Ticks:
    """A channel a venue, 16 symbols, trades and quotes by chance; from 20 to 30 s all are three times as lively."""
    rng = np.random.default_rng(seed)
    tapes = []
    for venue in VENUES:
        tape = Tape(f"{venue}.A", venue)
        for second in range(round(until)):
            lively = 3.0 if 20 <= second < 30 else 1.0
            for moment in np.sort(second + rng.random(rng.poisson(rate * lively))).tolist():
                trade, symbol = bool(rng.random() < 0.15), SYMBOLS[int(rng.integers(16))]
                if rng.random() >= kept(venue, moment, trade):
                    continue
                if trade:
                    tape.trade(moment, symbol=symbol, trade_id=len(tape), size=size)
                else:
                    tape.quote(moment, symbol=symbol, bid_sz=units(100 * int(rng.integers(1, 9))))
        tape.capture_heartbeat(until + 1)
        tapes.append(tape)
    return merged(*tapes)


def fading(venues: tuple[str, ...], lost: float, *, trades_only: bool = False) -> Kept:
    """From 40 s on some venues send less and less: `lost` of it is missing from 48 s on, until 60 s."""

    def kept(venue: str, moment: float, trade: bool) -> float:
        if venue not in venues or (trades_only and not trade) or not 40 <= moment < 60:
            return 1.0
        return 1.0 - lost * min((moment - 40) / 8, 1.0)

    return kept


def shifted(venues: tuple[str, ...], lost: float, *, trades_only: bool = False) -> Scored:
    """`several` with some venues `fading`, scored."""
    return score(several(fading(venues, lost, trades_only=trades_only)), shards=2)

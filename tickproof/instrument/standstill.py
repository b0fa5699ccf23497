"""Evidence that a venue's price is frozen, compiled: quotes that do not follow, by the venue's own habit of following.

Each two-sided quote falls into a class: did the other venues move since this venue's last quote, and how far did they leave its
price behind, which is the smaller one of their move since it was set and of its distance from them? How often a quote of each
class has another price than the one before is the venue's habit. A price that stays adds −ln of how likely that is. A market that
rests, whose venues all stand still, adds nothing, however far from each other they came to stand.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.instrument.consensus import Instruments
from tickproof.instrument.evidence import BUDGET, CLASSES, bound_of, end_run
from tickproof.instrument.level import WARM
from tickproof.kernel import kernel
from tickproof.ticks.records import Record

AWAY = (0.25, 0.75, 1.5)
"""Units that the others moved since the price was set, from which they are a little, somewhat and far away."""
KNOWN = 60
"""Quotes from which a habit is known."""
KEPT = 400.0
LEARNT = 50
"""Quotes of one run that teach: a frozen price must not become the habit."""
MOST_CHANCE = 0.9
MOST_STILL = 3.0
"""Evidence from one move of the others to the next is at most so much: what all venues do is rest."""
LEAST_QUOTES = 5
FROZEN_NS = 5_000_000_000
"""How long a price stays at least that is frozen: quotes come in clusters."""
FINE_SPREAD = 0.3
"""Share of the usual spread that a unit is at least: trades go from one side to the other while nothing moves."""
LEFT_BEHIND = 1.0
"""Units that the others moved at least since a frozen price was set."""


@kernel()
def others_price(instruments: Instruments, number: int) -> float:
    """Return the mean of the last log prices of an instrument's other venues, however old; NaN for none."""
    rows = instruments.rows
    total, count = 0.0, 0
    j = instruments.heads[rows[number].symbol]
    while j >= 0:
        if j != number and rows[j].accepted >= WARM:
            total += rows[j].observed
            count += 1
        j = rows[j].next
    return total / count if count > 0 else np.nan


@kernel()
def is_frozen(mine: Record, others: float, off: float, unit: float, run: int) -> bool:
    """Take one quote's price; return whether it is frozen by now.

    Parameters
    ----------
    mine : record of EVIDENCE
    others : float
        Mean price of the other venues, log; of all of them, or one that falls silent would look like a move.
    off : float
        How far the price before this quote, the same or another, lies from where the others say that it should, log.
    unit : float
        Usual distance between this venue and the others, log.
    run : int
        Quotes in a row with this price.
    """
    if math.isnan(others):
        return False
    if mine.quotes > 0:
        _count(mine, _class_of(others != mine.others, min(off, abs(others - mine.run_others)) / unit), run)
    if run <= 1:
        end_run(mine.frozen, mine.standing, BUDGET.FROZEN)
        mine.standing, mine.run_others = 0.0, others
    mine.quotes += 1
    mine.others = others
    if run < LEAST_QUOTES or mine.quotes < KNOWN or min(off, abs(others - mine.run_others)) < LEFT_BEHIND * unit:
        return False
    return mine.standing >= bound_of(mine.frozen, BUDGET.FROZEN)


@kernel()
def _class_of(has_moved: bool, away: float) -> int:
    """Return the class of a moment: the others' move, and how far away they are, in units."""
    place = 0
    while place < len(AWAY) and away >= AWAY[place]:
        place += 1
    return place + CLASSES // 2 if has_moved else place


@kernel()
def _count(mine: Record, place: int, run: int) -> None:
    """Learn whether a price followed; add to the evidence where it did not, and the others gave reason to."""
    has_moved = place >= CLASSES // 2
    if has_moved:
        mine.still = 0.0
    if run > 1 and place > 0:
        chance = min((mine.followed[place] + 0.5) / (mine.seen[place] + 4.0), MOST_CHANCE)
        more = -math.log(1.0 - chance)
        if not has_moved:
            more = min(more, MOST_STILL - mine.still)
            mine.still += more
        mine.standing += more
    if run > LEARNT:
        return
    mine.seen[place] += np.float32(1.0)
    if run <= 1:
        mine.followed[place] += np.float32(1.0)
    if mine.seen[place] > KEPT:
        mine.seen[place] *= np.float32(0.5)
        mine.followed[place] *= np.float32(0.5)

"""One venue's price of one leg, compiled: measured against the marks of the other legs, then learnt from."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.instrument import level
from tickproof.instrument.one_based import ABSENT, to_index, to_stored
from tickproof.instrument.record import END_OF_LIST, Direction
from tickproof.kernel import kernel
from tickproof.rules.relations.marks import Relations, fresh_ns, spread_of
from tickproof.ticks.records import Record, Records

MEMBER = np.dtype(
    [
        ("level", "<f8"),
        ("scale", "<f8"),
        ("away", "<f8"),
        ("limit", "<f8"),
        ("power", "<f8"),
        ("anchor_own", "<f8"),
        ("anchor_rest", "<f8"),
        ("anchor_spread", "<f8"),
        ("anchor_gap_ns", "<f8"),
        ("anchor_volume", "<f8"),
        ("asked", "<f8"),
        ("spreads", "<f8"),
        ("anchor_time", "<i8"),
        ("first_time", "<i8"),
        ("last_time", "<i8"),
        ("since", "<i8"),
        ("residuals", "<i4"),
        ("count", "<i4"),
        ("instrument", "<i4"),
        ("relation", "<i4"),
        ("leg", "<i4"),
        ("mark", "<i4"),
        ("next", "<i4"),
        ("broken", "u1"),
        ("leads", "?"),
        ("side", "u1"),
        ("left", "?"),
    ]
)
"""One venue's price of one leg: the usual level and deviation of the relation's residual as this venue sees it; how far that was
`away` at the last tick (NaN: not known) and may be; the leg's own part, the others' part, spread, gap and volume when all were
last together (anchor); since when it is off, on which `side` (a `Direction`), for how many quotes, with which sum of log
`spreads`, and whether it was this leg that had `left`, `asked` when the residual was so far off. `next` is the instrument's next
member, `END_OF_LIST` after the last; `leads` is set in the first of a mark; `broken` is a `Break`."""


class Break(IntEnum):
    """Field `broken` of MEMBER.

    NONE -> BREAK or DISLOCATION by `breaks.decide_break`, once the member is off for long; back to NONE when it is together with
    the other legs again, or these have no fresh price for `KEPT_NS`.
    """

    NONE = 0
    BREAK = 1
    DISLOCATION = 2


SCALES = 10.0
SPREADS = 1.0
"""A residual may be so many median absolute deviations off (7 standard ones of a normal variable), and so many times the spreads
of all legs together; half of the spreads is what nobody can make money from."""
TOGETHER = 0.5
"""Within this share of what is allowed the legs are together."""
KEPT_NS = 10_000_000_000
"""What was off is forgotten when the other legs have no fresh price for so long."""
MOVED = 2.0
"""The leg that left moved so many times as far as the others together."""
ASKED_AGAIN = 1.5
"""Who left is asked again when a residual that nobody caused alone is so many times as far off."""
NEEDED, NEEDED_NS = 50, 10_000_000_000
"""Residuals, and time, before a relation is known."""
LEVEL_NS, LONGEST_NS = 30.0e9, 1_000_000_000
"""Level and scale go towards their medians by one scale, and by a factor of e, in so long, at first by 1/n with the n-th
residual; a gap counts for a second at most. What is off for seconds does not become usual, however far it is."""
FIRST_SCALE = 0.25
"""The first scale, in spreads of all legs."""
LEAST = 1.0e-8

_NONE = int(Break.NONE)
_ABOVE, _BELOW = int(Direction.ABOVE), int(Direction.BELOW)


class Residual(NamedTuple):
    """A relation's residual as one member sees it.

    Attributes
    ----------
    own : float
        The member's own part: power × log price.
    rest : float
        The part of the other legs' marks.
    spread : float
        The spreads of all legs together.
    is_known : bool
        Do all other legs have a fresh mark?
    """

    own: float
    rest: float
    spread: float
    is_known: bool


def enlisted(members: Records, first_member: Records, legs: Records, newcomers: list[tuple[int, int]]) -> Records:
    """Return the members with those of new instruments behind them.

    Parameters
    ----------
    members : array of MEMBER
    first_member : int64 array
        By instrument, stored `one_based`. Written to.
    legs : array of `reference.tables.LEG`
    newcomers : list of (int, int)
        Instruments, and the marks that they have a part in; those of one instrument together.
    """
    rows: list[npt.NDArray[np.void]] = []
    for instrument, mark in newcomers:
        for place, leg in enumerate(np.flatnonzero(legs["mark"] == mark).tolist()):
            row = np.zeros(1, MEMBER)
            row["instrument"], row["leg"], row["mark"], row["leads"] = instrument, leg, mark, place == 0
            row["relation"], row["power"], row["away"] = legs["relation"][leg], legs["power"][leg], np.nan
            known = int(first_member[instrument])
            row["next"] = END_OF_LIST if known == ABSENT else to_index(known)
            first_member[instrument] = to_stored(len(members) + len(rows))
            rows.append(row)
    return np.concatenate([members, *rows]) if rows else members


@kernel()
def follow_member(member: Record, now: int, x: float, is_evidence: bool, instrument: Record, relations: Relations) -> None:
    """Measure a member's log price against the other legs; learn from it where it `is_evidence`."""
    residual = _measure(member, now, x, instrument, relations)
    if not residual.is_known or instrument.halted:
        member.away = np.nan
        if now - member.last_time > KEPT_NS:
            member.count = 0
            member.broken = _NONE
        return
    relation = relations.relations[member.relation]
    is_learnt = math.isnan(relation.constant)
    if member.residuals == 0:
        if not is_evidence:
            return
        member.level = residual.own + residual.rest if is_learnt else relation.constant
        member.scale, member.first_time, member.last_time = FIRST_SCALE * residual.spread, now, now
    deviation = residual.own + residual.rest - member.level
    member.limit = max(SCALES * member.scale, SPREADS * residual.spread, relation.tolerance)
    is_known = member.residuals >= NEEDED and now - member.first_time >= NEEDED_NS
    member.away = deviation if is_known else np.nan
    if is_evidence:
        _learn(member, now, deviation, is_learnt)
        if is_known:
            _count(member, now, residual, instrument)


@kernel()
def _measure(member: Record, now: int, x: float, instrument: Record, relations: Relations) -> Residual:
    """Return the residual of a member's relation, with the member's log price and the other legs' marks."""
    relation = relations.relations[member.relation]
    rest, spread, is_known = 0.0, abs(member.power) * spread_of(instrument), True
    for j in range(relation.first, relation.first + relation.count):
        if j != member.leg:
            leg = relations.legs[j]
            mark = relations.marks[leg.mark]
            is_known = is_known and mark.updates >= level.WARM and float(now - mark.time) <= fresh_ns(mark.gap_ns)
            rest += leg.power * mark.price
            spread += abs(leg.power) * mark.width
    own = member.power * (x - relations.marks[member.mark].shift)
    return Residual(own, rest, spread, is_known)


@kernel()
def _learn(member: Record, now: int, deviation: float, is_learnt: bool) -> None:
    """Move the usual level, where it `is_learnt`, and the usual deviation from it."""
    member.residuals = min(member.residuals + 1, level.MOST)
    passed = float(min(max(now - member.last_time, 0), LONGEST_NS)) / LEVEL_NS
    member.last_time = now
    step = max(passed, 1.0 / member.residuals)
    wider = passed
    if is_learnt:
        member.level += math.copysign(step * member.scale, deviation)
        # The first residuals may be far from the level.
        wider = step
    elif member.broken != _NONE:
        # Where the constant is known, what breaks it never becomes usual.
        return
    member.scale = max(member.scale * math.exp(wider if abs(deviation) > member.scale else -step), LEAST)


@kernel()
def _count(member: Record, now: int, residual: Residual, instrument: Record) -> None:
    """Count how long a member is off, or remember where all were while they are together."""
    distance = abs(member.away)
    if distance <= TOGETHER * member.limit:
        member.broken = _NONE
        _anchor(member, now, residual, instrument)
    if distance <= member.limit:
        member.count = 0
        return
    side = _ABOVE if member.away > 0.0 else _BELOW
    if member.count == 0 or member.side != side:
        member.since, member.count, member.side = now, 0, side
        member.left, member.asked, member.spreads = False, 0.0, 0.0
    if not member.left and distance >= ASKED_AGAIN * member.asked:
        # Asked at once: later the market has moved the legs, too, and an innocent one may have gone as far as the guilty one.
        moved, others = residual.own - member.anchor_own, residual.rest - member.anchor_rest
        member.left = member.anchor_time > 0 and moved * member.away > 0.0 and abs(moved) >= MOVED * abs(others)
        member.asked = distance
    member.count = min(member.count + 1, level.MOST)
    if 0 < instrument.bid < instrument.ask:
        member.spreads += math.log(float(instrument.ask - instrument.bid) / float(instrument.bid))


@kernel()
def _anchor(member: Record, now: int, residual: Residual, instrument: Record) -> None:
    """Remember where all legs are while they are together, and how the member's market is then."""
    member.anchor_own, member.anchor_rest = residual.own, residual.rest
    member.anchor_time = now
    member.anchor_spread = level.usual_spread(instrument)
    # Of the pace lately and the pace so far, the slower: a lull and a burst are both usual.
    usual = float(instrument.last_clock - instrument.first_clock) / max(instrument.ticks, 1)
    member.anchor_gap_ns, member.anchor_volume = max(instrument.gap_slow_ns, usual), instrument.volume_slow

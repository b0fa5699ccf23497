"""A tick of a leg against its relations, compiled: measure, decide a break or a dislocation, add it to the tick."""

from __future__ import annotations

import math

import numpy as np

from tickproof.instrument import level
from tickproof.instrument.consensus import Instruments, consensus_since
from tickproof.instrument.one_based import to_stored
from tickproof.instrument.record import END_OF_LIST
from tickproof.kernel import kernel
from tickproof.rules.context import MARKET_EVENT, SUSPECT, add_fact, prices_of
from tickproof.rules.reasons import EXPLAINING, TRADE, bit_of
from tickproof.rules.relations.marks import Relations, apply_splits, leg_price, renew
from tickproof.rules.relations.members import TOGETHER, Break, follow_member
from tickproof.ticks.records import Record, Records

HOLD_TICKS, HOLD_NS = 5, 1_000_000_000
"""A member is off for long after so many quotes and so much time."""
AGREES = 0.5
"""Prices agree within this share of how far the member is off."""
WIDE, FASTER, MORE = 1.5, 1.0, 0.5
"""A dislocation's spread in those before; its mean gap, at most, in those before; the share of its volume that was usual."""

_BREAK, _GENUINE = bit_of("cross_break"), bit_of("genuine_move")
_NONE, _BROKEN, _DISLOCATED = int(Break.NONE), int(Break.BREAK), int(Break.DISLOCATION)


@kernel()
def check_relations(
    row: Record, context: Record, first: int, is_late: bool, instruments: Instruments, relations: Relations
) -> None:
    """Check a tick of a leg against the other legs of its relations, then learn from it; `first`: its instrument's member."""
    now = row.event_time
    instrument = instruments.rows[context.instrument]
    has_price = not math.isnan(context.x)
    # Trades bounce, and count only where there are no quotes, as for other venues.
    is_evidence = instrument.observed_time == now and not is_late and (not has_price or instrument.observed == context.x)
    if instrument.accepted < level.WARM or not (is_evidence or has_price):
        return
    if row.kind == TRADE and (row.conditions & EXPLAINING) != 0:
        return
    if is_evidence:
        _renew_marks(first, now, instruments, relations)
    x = instrument.observed if is_evidence else context.x
    m = first
    while m >= 0:
        follow_member(relations.members[m], now, x, is_evidence, instrument, relations)
        m = relations.members[m].next
    if is_evidence:
        _decide_members(first, x, instrument, instruments, relations)
    found = _worst_break(first, relations.members)
    if found >= 0:
        _add_break(relations.members[found], x, context)


@kernel()
def _renew_marks(first: int, now: int, instruments: Instruments, relations: Relations) -> None:
    """Move the marks that an instrument has a part in."""
    m = first
    while m >= 0:
        member = relations.members[m]
        if member.leads:
            renew(relations.marks[member.mark], now, instruments, relations.actions)
        m = member.next


@kernel()
def _decide_members(first: int, x: float, instrument: Record, instruments: Instruments, relations: Relations) -> None:
    """Decide about those members of an instrument that have left the other legs for long, and were not decided yet."""
    now, m = instrument.observed_time, first
    while m >= 0:
        member = relations.members[m]
        is_long = member.count >= HOLD_TICKS and now - member.since >= HOLD_NS
        if member.left and member.broken == _NONE and is_long:
            _decide_break(member, x, first, instrument, instruments, relations)
        m = member.next


@kernel()
def _worst_break(first: int, members: Records) -> int:
    """Return the broken member of an instrument that is farthest off in its own limits; `END_OF_LIST` if none is."""
    found, m = END_OF_LIST, first
    while m >= 0:
        member = members[m]
        is_off = member.broken != _NONE and abs(member.away) > TOGETHER * member.limit
        if is_off and (found < 0 or abs(member.away) * members[found].limit > abs(members[found].away) * member.limit):
            found = m
        m = member.next
    return found


@kernel()
def _add_break(member: Record, x: float, context: Record) -> None:
    """Add the break to a tick: its price, what the other legs and the limit allow, and what they imply."""
    expected = x - member.away / member.power
    bound = expected + math.copysign(member.limit / member.power, member.away / member.power)
    if member.broken == _BROKEN:
        add_fact(context, _BREAK, SUSPECT, prices_of(x, bound, expected))
    else:
        add_fact(context, _GENUINE, MARKET_EVENT, prices_of(x, bound, expected))
    context.relation = to_stored(member.relation)


@kernel()
def _decide_break(
    member: Record, x: float, first: int, instrument: Record, instruments: Instruments, relations: Relations
) -> None:
    """Decide whether a member that is off for long is broken, dislocated with the market, or neither."""
    away = _away_from_newer(member, x, instrument.observed_time, instruments, relations)
    if math.isnan(away) or away * member.away <= 0.0 or abs(away) <= member.limit:
        return
    if _is_contradicted(member, first, relations.members):
        return
    since = member.since + 1
    consensus = consensus_since(instruments, instrument.symbol, member.instrument, since, x)
    is_shared = consensus.venues == 0 or abs(x - consensus.price) <= AGREES * abs(away / member.power)
    # What one venue has shown to be the market's is so on those that share it, too.
    mark, now = relations.marks[member.mark], instrument.observed_time
    if is_shared and (_is_lively(member, now, instrument) or mark.dislocated >= member.since):
        member.broken = _DISLOCATED
        mark.dislocated = now
    else:
        member.broken = _BROKEN


@kernel()
def _away_from_newer(member: Record, x: float, now: int, instruments: Instruments, relations: Relations) -> float:
    """Return how far a member is off by prices of the other legs since it left; NaN where these are missing or disagree."""
    relation, marks = relations.relations[member.relation], relations.marks
    rest = 0.0
    for j in range(relation.first, relation.first + relation.count):
        if j != member.leg:
            leg = relations.legs[j]
            mark = marks[leg.mark]
            apply_splits(mark, now, relations.actions)
            found = leg_price(mark, member.since, now, instruments)
            if math.isnan(found.price) or mark.changed <= member.since:
                return np.nan
            if abs(leg.power) * found.width >= AGREES * abs(member.away):
                return np.nan
            rest += leg.power * found.price
    return member.power * (x - marks[member.mark].shift) + rest - member.level


@kernel()
def _is_contradicted(member: Record, first: int, members: Records) -> bool:
    """Return whether, of the symbol's relations that are exact enough, more contradict that it is off than confirm it."""
    off = member.away / member.power
    confirmed, contradicted, m = 0, 0, first
    while m >= 0:
        other = members[m]
        if not math.isnan(other.away) and other.limit / abs(other.power) < abs(off):
            if abs(other.away / other.power - off) <= AGREES * abs(off):
                confirmed += 1
            else:
                contradicted += 1
        m = other.next
    return contradicted >= confirmed


@kernel()
def _is_lively(member: Record, now: int, instrument: Record) -> bool:
    """Return whether, since the leg left, spreads were wider than when all were last together, at no lower pace or twice the
    volume."""
    is_wide = member.anchor_spread > 0.0 and math.exp(member.spreads / member.count) >= WIDE * member.anchor_spread
    is_faster = float(now - member.since) <= FASTER * member.anchor_gap_ns * float(member.count)
    return is_wide and (is_faster or MORE * instrument.volume_fast > member.anchor_volume)

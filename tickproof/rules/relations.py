"""Prices that are tied to each other, compiled: triangles, inverse pairs, a fund and its basket; which leg left the others.

A relation says that the sum of power × log price over its legs is constant (`reference.Relation`). Each venue's price of a leg is
held against the marks of the other legs (`marking`). The residual has a usual level (the constant, or learnt) and a usual
deviation, both learnt in event time, and is known only while every other leg has spoken lately, by its own usual gap.

A residual is off beyond 10 usual deviations, the legs' spreads together, and the tolerance. What is off for a
moment says nothing: in fast news one leg is quoted before the other. So it is a break only after five quotes and a second, with
every other leg requoted since at another price; held against venues that spoke since it must still be off. The leg that left is
the one that had moved when it began, since all were last together, twice as far as the others together; unless the venues of
another leg disagree as far, or more of the symbol's other relations deny it. A leg that repeats one price is no witness while its
market goes on: who moved away from it may be right.

A break that all venues of the leg share is a genuine dislocation, a market event, if the spread is wide against what it was
before, and the pace no lower or the volume high. Where all share it and the spread is as before, it is told as a break: nobody
quotes one leg far from the others without a risk that shows in the spread.
"""

from __future__ import annotations

import math

import numpy as np

from tickproof.findings.finding import BY_NAME
from tickproof.instrument import level as rolling
from tickproof.kernel import kernel
from tickproof.rules import relation_marks as marking
from tickproof.rules import table as rules
from tickproof.ticks.schema import Array

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
        ("leads", "u1"),
        ("side", "u1"),
        ("left", "u1"),
    ]
)
"""One venue's price of one leg: the usual level and deviation of the relation's residual as this venue sees it; how far that was
`away` at the last tick (NaN: not known) and may be; the leg's own part, the others' part, spread, gap and volume when all were
last together; since when it is off, on which `side`, for how many quotes, with which sum of log `spreads`, and whether it was
this leg that had `left`, `asked` when the residual was so far off. `next` is the instrument's next member, −1 none; `leads` is 1
in the first of a mark."""

SCALES = 10.0
SPREADS = 1.0
"""A residual may be so many median absolute deviations off (7 standard ones of a normal variable), and so many times the spreads
of all legs together; what nobody can make money of is half of them."""
TOGETHER = 0.5
"""Within this share of what is allowed the legs are together."""
HOLD_TICKS, HOLD_NS = 5, 1_000_000_000
KEPT_NS = 10_000_000_000
"""What was off is forgotten when the other legs have said nothing for so long."""
MOVED = 2.0
"""The leg that left moved so many times as far as the others together."""
ASKED_AGAIN = 1.5
"""Who left is asked again when a residual that nobody caused alone is so many times as far off."""
AGREES = 0.5
NEEDED, NEEDED_NS = 50, 10_000_000_000
"""Residuals, and time, before a relation is known."""
LEVEL_NS, LONGEST_NS = 30.0e9, 1_000_000_000
"""Level and scale go towards their medians by one scale, and by a factor of e, in so long, at first by 1/n with the n-th
residual; a gap counts for a second at most. What is off for seconds does not become usual, however far it is."""
WIDE, FASTER, MORE = 1.5, 1.0, 0.5
"""A dislocation's spread in those before; its mean gap, at most, in those before; the share of its volume that was usual."""
LEAST = 1.0e-8
NOTHING, BREAK, DISLOCATION = 0, 1, 2

_BREAK, _GENUINE = BY_NAME["cross_break"].bit, BY_NAME["genuine_move"].bit


def enlisted(members: Array, member_of: Array, legs: Array, newcomers: list[tuple[int, int]]) -> Array:
    """Members with those of new instruments behind them.

    Parameters
    ----------
    members : array of MEMBER
    member_of : int array
        By instrument, its first member, counted from 1; 0: none. Written to.
    legs : array of `reference_tables.LEG`
    newcomers : list of (int, int)
        Instruments, and the marks that they have a part in; those of one instrument together.
    """
    rows = []
    for instrument, mark in newcomers:
        for place, leg in enumerate(np.flatnonzero(legs["mark"] == mark).tolist()):
            row = np.zeros(1, MEMBER)
            row["instrument"], row["leg"], row["mark"], row["leads"] = instrument, leg, mark, place == 0
            row["relation"], row["power"], row["next"] = legs["relation"][leg], legs["power"][leg], member_of[instrument] - 1
            row["away"] = np.nan
            rows.append(row)
            member_of[instrument] = len(members) + len(rows)
    return np.concatenate([members, *rows]) if rows else members


@kernel()
def follow(row, now, context, state, at, world):  # type: ignore[no-untyped-def]
    """Hold a tick of a leg against the other legs of its relations, then learn from it.

    `at` is (the instrument's first member, was the message late), `world` ((INSTRUMENT, first instrument by symbol, VENUE,
    scratch), (MEMBER, MARK, LEG, RELATION, ACTION)).
    """
    first, late = at
    shared_state, crossing = world
    members, marks, _, _, actions = crossing
    priced = not math.isnan(context.x)
    # Trades bounce, and count where there are no quotes only, as for other venues.
    speaks = state.seen_time == now and not late and (not priced or state.seen == context.x)
    if state.accepted < rolling.WARM or not (speaks or priced):
        return
    if row.kind == rules.TRADE and (row.conditions & rules.EXPLAINING) != 0:
        return
    if speaks:
        m = first
        while m >= 0:
            if members[m].leads:
                marking.renew(marks[members[m].mark], now, shared_state, actions)
            m = members[m].next
    x = state.seen if speaks else context.x
    m = first
    while m >= 0:
        _hold(members[m], now, (x, speaks), state, crossing)
        m = members[m].next
    found = np.int64(-1)
    m = first
    while m >= 0:
        member = members[m]
        if speaks and member.left and member.broken == NOTHING and member.count >= HOLD_TICKS and now - member.since >= HOLD_NS:
            _judge(member, (x, first), state, shared_state, crossing)
        is_off = member.broken != NOTHING and abs(member.away) > TOGETHER * member.limit
        if is_off and (found < 0 or abs(member.away) * members[found].limit > abs(members[found].away) * member.limit):
            found = m
        m = members[m].next
    if found >= 0:
        _tell(members[found], x, context)


@kernel()
def _tell(member, x, context):  # type: ignore[no-untyped-def]
    """Note the break of a tick: its price, what the other legs and the limit allow, and what they imply."""
    expected = x - member.away / member.power
    bound = expected + math.copysign(member.limit / member.power, member.away / member.power)
    code, quality = (_BREAK, 1) if member.broken == BREAK else (_GENUINE, 3)
    rules.note(context, code, quality, (rules.price_of(x), rules.price_of(bound), rules.price_of(expected)))
    context.relation = member.relation + 1


@kernel()
def _hold(member, now, said, state, crossing):  # type: ignore[no-untyped-def]
    """Hold a price against the marks of the other legs; `said` is (log price, does the venue speak or does it only trade)."""
    x, speaks = said
    _, marks, legs, relations, _ = crossing
    relation = relations[member.relation]
    rest, width, known = 0.0, abs(member.power) * marking.width_of(state), True
    for j in range(relation.first, relation.first + relation.count):
        if j != member.leg:
            mark = marks[legs[j].mark]
            known = known and mark.updates >= rolling.WARM and float(now - mark.time) <= marking.fresh_ns(mark.gap_ns)
            rest += legs[j].power * mark.price
            width += abs(legs[j].power) * mark.width
    if not known or state.halted == 1:
        member.away = np.nan
        if now - member.last_time > KEPT_NS:
            member.count = 0
            member.broken = NOTHING
        return
    own = member.power * (x - marks[member.mark].shift)
    if member.residuals == 0:
        if not speaks:
            return
        member.level = own + rest if math.isnan(relation.constant) else relation.constant
        member.scale, member.first_time, member.last_time = 0.25 * width, now, now
    deviation = own + rest - member.level
    member.limit = max(SCALES * member.scale, SPREADS * width, relation.tolerance)
    is_known = member.residuals >= NEEDED and now - member.first_time >= NEEDED_NS
    member.away = deviation if is_known else np.nan
    if speaks:
        _learn(member, now, deviation, math.isnan(relation.constant))
        if is_known:
            _count(member, now, (own, rest), state)


@kernel()
def _learn(member, now, deviation, is_learnt):  # type: ignore[no-untyped-def]
    """Move the usual level, where it `is_learnt`, and the usual deviation from it."""
    member.residuals = min(member.residuals + 1, rolling.MOST)
    passed = float(min(max(now - member.last_time, 0), LONGEST_NS)) / LEVEL_NS
    member.last_time = now
    step = max(passed, 1.0 / member.residuals)
    wider = passed
    if is_learnt:
        member.level += math.copysign(step * member.scale, deviation)
        # The first residuals may be far from the level.
        wider = step
    elif member.broken != NOTHING:
        # Where the constant is known, what breaks it never becomes usual.
        return
    member.scale = max(member.scale * math.exp(wider if abs(deviation) > member.scale else -step), LEAST)


@kernel()
def _count(member, now, parts, state):  # type: ignore[no-untyped-def]
    """Count how long a member is off, or remember where all were while they are together."""
    distance = abs(member.away)
    if distance <= TOGETHER * member.limit:
        member.broken = NOTHING
        member.anchor_own, member.anchor_rest = parts
        member.anchor_time = now
        member.anchor_spread = math.exp(state.spread_log) if state.spreads > 0 else 0.0
        # Of the pace lately and the pace so far, the slower: a lull and a burst are both usual.
        usual = float(state.last_clock - state.first_clock) / max(state.ticks, 1)
        member.anchor_gap_ns, member.anchor_volume = max(state.gap_slow_ns, usual), state.volume_slow
    if distance <= member.limit:
        member.count = 0
        return
    side = 1 if member.away > 0.0 else 2
    if member.count == 0 or member.side != side:
        member.since, member.count, member.side = now, 0, side
        member.left, member.asked, member.spreads = 0, 0.0, 0.0
    if member.left == 0 and distance >= ASKED_AGAIN * member.asked:
        # Asked at once: later the market has moved the legs, too, and an innocent one may have gone as far as the guilty one.
        moved, others = parts[0] - member.anchor_own, parts[1] - member.anchor_rest
        member.left = member.anchor_time > 0 and moved * member.away > 0.0 and abs(moved) >= MOVED * abs(others)
        member.asked = distance
    member.count = min(member.count + 1, rolling.MOST)
    if 0 < state.bid < state.ask:
        member.spreads += math.log(float(state.ask - state.bid) / float(state.bid))


@kernel()
def _judge(member, at, state, shared_state, crossing):  # type: ignore[no-untyped-def]
    """Break, dislocation or nothing, of a member that is off for long; `at` is (log price, the instrument's first member)."""
    x, first = at
    members, marks, legs, relations, actions = crossing
    relation, now = relations[member.relation], state.seen_time
    rest = 0.0
    for j in range(relation.first, relation.first + relation.count):
        if j != member.leg:
            mark = marks[legs[j].mark]
            marking.adjust(mark, now, actions)
            price, _, apart = marking.agreed(mark, member.since, now, shared_state)
            if math.isnan(price) or mark.changed <= member.since or abs(legs[j].power) * apart >= AGREES * abs(member.away):
                return
            rest += legs[j].power * price
    own = member.power * (x - marks[member.mark].shift)
    away = own + rest - member.level
    if away * member.away <= 0.0 or abs(away) <= member.limit or _is_denied(member, first, members):
        return
    instruments, heads, _, scratch = shared_state
    middle, sources, _, _ = rolling.others(instruments, heads[state.symbol], member.instrument, member.since + 1, x, scratch)
    shared = sources == 0 or abs(x - middle) <= AGREES * abs(away / member.power)
    # What one venue has shown to be the market's is so on those that share it, too.
    mine = marks[member.mark]
    if shared and (_is_lively(member, now, state) or mine.dislocated >= member.since):
        member.broken = DISLOCATION
        mine.dislocated = now
    else:
        member.broken = BREAK


@kernel()
def _is_denied(member, first, members):  # type: ignore[no-untyped-def]
    """Do more of the symbol's relations, as far as they could tell, contradict that it is off than confirm it?"""
    off = member.away / member.power
    confirmed, denied, m = 0, 0, first
    while m >= 0:
        other = members[m]
        if not math.isnan(other.away) and other.limit / abs(other.power) < abs(off):
            if abs(other.away / other.power - off) <= AGREES * abs(off):
                confirmed += 1
            else:
                denied += 1
        m = other.next
    return denied >= confirmed


@kernel()
def _is_lively(member, now, state):  # type: ignore[no-untyped-def]
    """Since the leg left, were spreads wider than when all were last together, at no lower pace or at twice the volume?"""
    wide = member.anchor_spread > 0.0 and math.exp(member.spreads / member.count) >= WIDE * member.anchor_spread
    faster = float(now - member.since) <= FASTER * member.anchor_gap_ns * float(member.count)
    return wide and (faster or MORE * state.volume_fast > member.anchor_volume)

"""What a shard's step noticed, as members of findings: which tick, which code, measured against what."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tickproof.features.table import INDEX, NAMES
from tickproof.findings.event import ANNOUNCED, MOMENT, OPENS
from tickproof.findings.evidence import of_tick, verbatim
from tickproof.findings.finding import CODES, RULE_SCORE, Contribution, Finding, Quality, fact_score
from tickproof.findings.tracker import Member, Scope, Why
from tickproof.reference.data import Relation
from tickproof.reference.sessions import is_regular, is_shut
from tickproof.rules import table as rules
from tickproof.shard.state import ShardState
from tickproof.ticks.schema import UNITS_PER_ONE, Array, Ticks

if TYPE_CHECKING:
    from tickproof.shard.step import ShardSettings

NEIGHBOURS = 3
CONTRIBUTIONS = 6
"""Features shown of a score."""
_SHARED, _HELD = 1, 2
"""Values of `supported` in `rules.CONTEXT`."""
REACH_NS = 1_000_000_000
"""Evidence shows the ticks of the instrument within this long before a tick, and within the lookahead after it."""
FUTURE_NS = 1_000_000_000

HABITS = {
    "crossed": "quotes of {} cross",
    "locked": "quotes of {} lock",
    "size_outlier": "trades of {} have no size",
    "wide_spread": "quotes of {} are wide",
}
"""Codes that are told once of a venue which does so as a matter of course."""

SYMBOL_BITS = np.uint64(sum(1 << code.bit for code in CODES if code.scope == "symbol"))
_BITS = [(code.bit, code.name) for code in CODES if code.scope == "symbol"]
NAN = float("nan")


def observe_silences(state: ShardState, events: Array, block: Ticks) -> list[Finding]:
    """Findings of instruments that fell silent or speak again, and of what venues do by habit."""
    findings: list[Finding] = []
    for event in events:
        instrument = int(event["subject"])
        venue, symbol = state.registry.instruments[instrument]
        channel = state.registry.channels[int(state.channel_of[instrument])]
        first, time, row = int(event["first_ts"]), int(event["time"]), int(event["row"])
        values = (float(event["measured"]), float(event["threshold"]), float(event["reference"]))
        code = int(event["code"])
        if CODES[code].name in HABITS:
            findings += _observe_habit(state, event, Scope(channel, venue), block)
            continue
        if event["mode"] == OPENS and is_shut(state.reference.sessions, venue, time):
            continue
        scope = Scope(channel, venue, symbol)
        member = Member(code, int(event["mode"]), scope, (first, -1), time, first, values, score=fact_score(CODES[code]))
        findings += state.tracker.observe(member, lambda row=row: of_tick(block, row) if row >= 0 else {})  # type: ignore[misc]
    return findings


def _observe_habit(state: ShardState, event: Array, scope: Scope, block: Ticks) -> list[Finding]:
    """What a venue does as a matter of course, told once and of the venue."""
    code, time, row = int(event["code"]), int(event["time"]), int(event["row"])
    done, whole = int(event["threshold"]), int(event["reference"])
    position = (int(block.rows["ts_recv"][row]), int(block.rows["ordinal"][row]))
    member = Member(code, ANNOUNCED, scope, position, time, time, (float(event["measured"]), NAN, NAN))
    said = f"{done} of {whole} {HABITS[CODES[code].name].format(scope.venue)}: its habit, told of no more"
    return state.tracker.observe(member, lambda: of_tick(block, row), lambda: Why((), (said,)))


def observe_verdicts(
    state: ShardState, block: Ticks, seen: tuple[Array, Array, Array], verdicts: Array, where: tuple[int, ShardSettings]
) -> list[Finding]:
    """Findings of ticks that became final.

    Parameters
    ----------
    seen : (array of CONTEXT, float64 array, array of bool)
        What was held against each tick of `block`, and its features; of each verdict, whether the instrument is flooded.
    verdicts : array of VERDICT
    where : (int, ShardSettings)
        The row in `block` of the first verdict.
    """
    (context, features, flooded), (offset, settings) = seen, where
    findings: list[Finding] = []
    names, rows = block.names, block.rows
    for k in np.flatnonzero(verdicts["final_reasons"] & SYMBOL_BITS).tolist():
        row = offset + k
        record, verdict = rows[row], verdicts[k]
        if record["venue"] < 0:
            continue
        symbol = names[record["symbol"]] if record["symbol"] >= 0 else ""
        scope = Scope(names[record["channel"]], names[record["venue"]], symbol)
        time = int(record["event_time"])
        quality = int(verdict["final_quality"])
        changed = quality != int(verdict["quality"]) or verdict["final_reasons"] != verdict["reasons"]
        reasons = int(verdict["final_reasons"])
        for bit, name in _BITS:
            if not reasons >> bit & 1 or (name == "burst" and bit + 1 not in context[row]["noted"]):
                # A burst that is not noted is the channel's, and told of there.
                continue
            member = Member(
                code=bit,
                mode=ANNOUNCED if name == "wide_spread" and _is_expected(state, context[row], scope.venue, time) else MOMENT,
                scope=scope,
                position=(int(record["ts_recv"]), int(record["ordinal"])),
                time=time,
                first_ts=time,
                values=_measured(name, bit, record, context[row]),
                quality=quality if CODES[bit].quality == Quality.CORRUPT else CODES[bit].quality,
                causal=int(verdict["quality"]),
                score=max(float(verdict["final_score"]), fact_score(CODES[bit])),
                detected_at=time + settings.lookahead_ns if changed else time,
                is_flood=bool(flooded[k]),
            )
            findings += state.tracker.observe(
                member,
                lambda row=row: _evidence(block, row, settings.lookahead_ns),  # type: ignore[misc]
                lambda row=row, score=float(verdict["final_score"]): Why(  # type: ignore[misc]
                    _contributions(settings, score, features[row]),
                    _corroboration(context[row], features[row], state.reference.relations),
                ),
            )
    return findings


def _is_expected(state: ShardState, context: Array, venue: str | None, time: int) -> bool:
    """Is a wide spread to be expected: a stub, or out of regular hours or at their edges?"""
    return bool(context["expected"]) or not is_regular(state.reference.sessions, venue or "", time)


def _measured(name: str, bit: int, record: Array, context: Array) -> tuple[float, float, float]:
    """(measured, threshold, reference) of one code, in the unit that `event.UNITS` gives for it."""
    for k, noted in enumerate(context["noted"].tolist()):
        if noted == bit + 1:
            return tuple(round(value, 9) for value in context["values"][3 * k : 3 * k + 3].tolist())
    if name == "time_implausible":
        return float(int(record["ts_event"]) - int(record["ts_recv"])), float(FUTURE_NS), 0.0
    if name == "size_outlier":
        size = record["size"] if record["kind"] == rules.TRADE else max(record["bid_sz"], record["ask_sz"])
        return int(size) / UNITS_PER_ONE, NAN, NAN
    if name == "price_not_positive":
        prices = [int(record[column]) for column in ("price", "bid_px", "ask_px")]
        return min(prices) / UNITS_PER_ONE, 0.0, 0.0
    if name in ("field_missing", "frozen", "silent", "out_of_session", "unknown_symbol"):
        return NAN, NAN, NAN
    x, level, limit = float(context["x"]), float(context["level"]), float(context["limit"])
    if not math.isfinite(x):
        return NAN, NAN, NAN
    bound = level + math.copysign(limit, x - level)
    return tuple(round(math.exp(v) / UNITS_PER_ONE, 9) for v in (x, bound, level))  # type: ignore[return-value]


def _contributions(settings: ShardSettings, score: float, features: Array) -> tuple[Contribution, ...]:
    """What speaks most for or against the tick, as shares of all that does; nothing where no model gave the score."""
    if settings.detector is None or not 0.0 < score < RULE_SCORE:
        return ()
    parts = settings.detector.contributions(features)
    whole = float(np.abs(parts).sum())
    # What is missing has no value to show.
    known = np.flatnonzero((parts != 0.0) & np.isfinite(features))
    first = sorted(known.tolist(), key=lambda k: (-abs(parts[k]), k))[:CONTRIBUTIONS]
    return tuple(Contribution(NAMES[k], round(float(features[k]), 6), round(float(parts[k]) / whole, 4)) for k in first)


def _corroboration(context: Array, features: Array, relations: tuple[Relation, ...]) -> tuple[str, ...]:
    """What other sources, the venue's own later ticks, or the other legs of a relation, say of a price."""
    said = []
    if context["relation"]:
        relation = relations[context["relation"] - 1]
        legs = " ".join(f"{leg.symbol}{f'@{leg.venue}' if leg.venue else ''}^{leg.power:g}" for leg in relation.legs)
        said.append(f"the other legs of {relation.name} ({legs}) disagree")
    others, count = float(context["others"]), features[INDEX["sources"]]
    if context["watch"] and math.isfinite(others) and count > 0:
        stand = "agrees" if context["supported"] == _SHARED else "disagrees"
        which = "1 other venue" if count == 1 else f"the median of {count:.0f} other venues"
        said.append(f"{which}, {math.exp(others) / UNITS_PER_ONE:.7g} before the tick, {stand}")
    if context["supported"] == _HELD:
        said.append("the venue's later prices hold the level")
    return tuple(said)


def _evidence(block: Ticks, row: int, lookahead_ns: int) -> dict[str, object]:
    """The tick, and its instrument's neighbours: a function of event time alone, not of how the input was cut."""
    rows = block.rows
    record = rows[row]
    time = int(record["event_time"])
    same = (rows["venue"] == record["venue"]) & (rows["symbol"] == record["symbol"]) & (rows["kind"] <= 3)
    times = rows["event_time"]
    index = np.arange(len(rows))
    before = np.flatnonzero(same & (index < row) & (times >= time - REACH_NS))[-NEIGHBOURS:]
    after = np.flatnonzero(same & (index > row) & (times <= time + lookahead_ns))[:NEIGHBOURS]
    return of_tick(block, row) | {
        "before": [verbatim(block, int(k)) for k in before],
        "after": [verbatim(block, int(k)) for k in after],
    }

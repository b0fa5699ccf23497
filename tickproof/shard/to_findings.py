"""What a shard's step found, as members of findings: which tick, which code, measured against what."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.features.table import INDEX, NAMES
from tickproof.findings.event import Mode
from tickproof.findings.evidence import of_tick, verbatim
from tickproof.findings.finding import CODES, RULE_SCORE, Contribution, Finding, Quality, fact_score
from tickproof.findings.tracker import Member, Scope, Why
from tickproof.instrument.one_based import ABSENT, to_index
from tickproof.reference.data import Relation
from tickproof.reference.sessions import is_regular, is_shut
from tickproof.rules import reasons
from tickproof.rules.context import Support, values_of
from tickproof.shard.model_score import Detector
from tickproof.shard.state import ShardState
from tickproof.ticks.records import Record
from tickproof.ticks.schema import UNITS_PER_ONE, Array, Ticks

NEIGHBOURS = 3
CONTRIBUTIONS = 6
"""Features shown of a score."""
REACH_NS = 1_000_000_000
"""Evidence shows the ticks of the instrument within this long before a tick, and within the lookahead after it."""
FUTURE_NS = 1_000_000_000

HABITS = {
    "crossed": "quotes of {} cross",
    "locked": "quotes of {} lock",
    "size_outlier": "trades of {} have no size",
    "wide_spread": "quotes of {} are wide",
}
"""Codes that are announced once of a venue which does so as a matter of course."""

SYMBOL_BITS = np.uint64(sum(1 << code.bit for code in CODES if code.scope == "symbol"))
_BITS = [(code.bit, code.name) for code in CODES if code.scope == "symbol"]
_WITHOUT_VALUES = ("field_missing", "frozen", "outside_quotes", "silent", "out_of_session", "unknown_symbol")
NAN = float("nan")
Values = tuple[float, float, float]
"""(measured, threshold, reference) in the unit that `event.UNITS` gives for a code; NaN is null."""


class FinalTicks(NamedTuple):
    """Ticks that became final.

    Attributes
    ----------
    block : Ticks
    offset : int
        The row in `block` of the first one.
    contexts : array of CONTEXT
        By row of `block`.
    features : float64 array
        By row of `block`.
    verdicts : array of VERDICT
        From `offset` on.
    flooded : bool array
        From `offset` on: is the instrument's share of corrupt ticks past its limit?
    """

    block: Ticks
    offset: int
    contexts: Array
    features: npt.NDArray[np.float64]
    verdicts: Array
    flooded: npt.NDArray[np.bool_]


def observe_events(state: ShardState, events: Array, block: Ticks) -> list[Finding]:
    """Return findings of instruments that fall silent or send again, and of what venues do by habit."""
    findings: list[Finding] = []
    for event in events:
        venue, symbol = state.registry.instruments[int(event["subject"])]
        channel = state.registry.channels[int(state.channel_of[int(event["subject"])])]
        if CODES[int(event["code"])].name in HABITS:
            findings += _observe_habit(state, event, Scope(channel, venue), block)
        elif event["mode"] != Mode.OPENS or not is_shut(state.reference.sessions, venue, int(event["time"])):
            findings += _observe_silence(state, event, Scope(channel, venue, symbol), block)
    return findings


def _observe_silence(state: ShardState, event: Record, scope: Scope, block: Ticks) -> list[Finding]:
    """Open or close the finding of a silent instrument."""
    code, row, first = int(event["code"]), int(event["row"]), int(event["first_ts"])
    values = (float(event["measured"]), float(event["threshold"]), float(event["reference"]))
    score, time = fact_score(CODES[code]), int(event["time"])
    member = Member(code, int(event["mode"]), scope, (first, -1), time, first, values, score=score)
    return state.tracker.observe(member, lambda: of_tick(block, row) if row >= 0 else {})


def _observe_habit(state: ShardState, event: Record, scope: Scope, block: Ticks) -> list[Finding]:
    """Announce once what a venue does as a matter of course, as a finding of the venue."""
    code, time, row = int(event["code"]), int(event["time"]), int(event["row"])
    done, whole = int(event["threshold"]), int(event["reference"])
    position = (int(block.rows["ts_recv"][row]), int(block.rows["ordinal"][row]))
    member = Member(code, Mode.ANNOUNCED, scope, position, time, time, (float(event["measured"]), NAN, NAN))
    said = f"{done} of {whole} {HABITS[CODES[code].name].format(scope.venue)}: its habit, told of no more"
    return state.tracker.observe(member, lambda: of_tick(block, row), lambda: Why((), (said,)))


def observe_verdicts(state: ShardState, ticks: FinalTicks, lookahead_ns: int, detector: Detector | None) -> list[Finding]:
    """Return findings of ticks that became final."""
    findings: list[Finding] = []
    for k in np.flatnonzero(ticks.verdicts["final_reasons"] & SYMBOL_BITS).tolist():
        row = ticks.offset + k
        if ticks.block.rows["venue"][row] < 0:
            continue
        evidence, why = _evidence_of(ticks, k, lookahead_ns), _why_of(state, ticks, k, detector)
        for bit, name in _BITS:
            if _is_reported(bit, name, int(ticks.verdicts["final_reasons"][k]), ticks.contexts[row]):
                findings += state.tracker.observe(_member(state, ticks, k, bit, lookahead_ns), evidence, why)
    return findings


def _is_reported(bit: int, name: str, final_reasons: int, context: Record) -> bool:
    """Return whether a tick has a code that is reported here: a burst without values of its own is its channel's, and is
    reported there."""
    if not final_reasons >> bit & 1:
        return False
    return name != "burst" or values_of(context, bit) is not None


def _member(state: ShardState, ticks: FinalTicks, k: int, bit: int, lookahead_ns: int) -> Member:
    """Return the member of a finding that one code of a tick is."""
    row, names = ticks.offset + k, ticks.block.names
    record, verdict, context, code = ticks.block.rows[row], ticks.verdicts[k], ticks.contexts[row], CODES[bit]
    symbol = names[record["symbol"]] if record["symbol"] >= 0 else ""
    scope = Scope(names[record["channel"]], names[record["venue"]], symbol)
    time, quality = int(record["event_time"]), int(verdict["final_quality"])
    changed = quality != int(verdict["quality"]) or verdict["final_reasons"] != verdict["reasons"]
    is_announced = code.name == "wide_spread" and _is_expected(state, context, scope.venue, time)
    return Member(
        code=bit,
        mode=Mode.ANNOUNCED if is_announced else Mode.MOMENT,
        scope=scope,
        position=(int(record["ts_recv"]), int(record["ordinal"])),
        time=time,
        first_ts=time,
        values=_values(code.name, bit, record, context),
        quality=quality if code.quality == Quality.CORRUPT else code.quality,
        causal=int(verdict["quality"]),
        score=max(float(verdict["final_score"]), fact_score(code)),
        detected_at=time + lookahead_ns if changed else time,
        is_flood=bool(ticks.flooded[k]),
    )


def _evidence_of(ticks: FinalTicks, k: int, lookahead_ns: int) -> Callable[[], dict[str, object]]:
    """Return what gives a tick's evidence, which only new findings ask for."""
    return lambda: _evidence(ticks.block, ticks.offset + k, lookahead_ns)


def _why_of(state: ShardState, ticks: FinalTicks, k: int, detector: Detector | None) -> Callable[[], Why]:
    """Return what gives the reasons for a tick's score, which only new findings ask for."""
    row, score = ticks.offset + k, float(ticks.verdicts["final_score"][k])
    return lambda: Why(
        _contributions(detector, score, ticks.features[row]),
        _corroboration(ticks.contexts[row], ticks.features[row], state.reference.relations),
    )


def _is_expected(state: ShardState, context: Record, venue: str, time: int) -> bool:
    """Return whether a wide spread is to be expected: a stub, or out of regular hours or at their edges."""
    return bool(context["is_expected"]) or not is_regular(state.reference.sessions, venue, time)


def _values(name: str, bit: int, record: Record, context: Record) -> Values:
    """Return what one code of a tick measured: the values it kept, or those that follow from the tick."""
    kept = values_of(context, bit)
    if kept is not None:
        return round(kept[0], 9), round(kept[1], 9), round(kept[2], 9)
    if name == "time_implausible":
        return float(int(record["ts_event"]) - int(record["ts_recv"])), float(FUTURE_NS), 0.0
    if name == "size_outlier":
        size = record["size"] if record["kind"] == reasons.TRADE else max(record["bid_sz"], record["ask_sz"])
        return int(size) / UNITS_PER_ONE, NAN, NAN
    if name == "price_not_positive":
        prices = [int(record[column]) for column in ("price", "bid_px", "ask_px")]
        return min(prices) / UNITS_PER_ONE, 0.0, 0.0
    if name in _WITHOUT_VALUES or not math.isfinite(context["x"]):
        return NAN, NAN, NAN
    x, level, limit = float(context["x"]), float(context["level"]), float(context["limit"])
    return _ones(x), _ones(level + math.copysign(limit, x - level)), _ones(level)


def _ones(x: float) -> float:
    """Return the price in ones of a log price in units of 1e-9."""
    return round(math.exp(x) / UNITS_PER_ONE, 9)


def _contributions(detector: Detector | None, score: float, features: Array) -> tuple[Contribution, ...]:
    """Return what counts most for or against the tick, as shares of all that does; nothing where no model gave the score."""
    if detector is None or not 0.0 < score < RULE_SCORE:
        return ()
    parts = detector.contributions(features)
    whole = float(np.abs(parts).sum())
    # What is missing has no value to show.
    known = np.flatnonzero((parts != 0.0) & np.isfinite(features))
    first = sorted(known.tolist(), key=lambda k: (-abs(parts[k]), k))[:CONTRIBUTIONS]
    return tuple(Contribution(NAMES[k], round(float(features[k]), 6), round(float(parts[k]) / whole, 4)) for k in first)


def _corroboration(context: Record, features: Array, relations: tuple[Relation, ...]) -> tuple[str, ...]:
    """Return what other venues, the venue's own later ticks, or the other legs of a relation, show about a price."""
    said = []
    if context["relation"] != ABSENT:
        relation = relations[to_index(int(context["relation"]))]
        legs = " ".join(f"{leg.symbol}{f'@{leg.venue}' if leg.venue else ''}^{leg.power:g}" for leg in relation.legs)
        said.append(f"the other legs of {relation.name} ({legs}) disagree")
    consensus, venues = float(context["consensus"]), features[INDEX["sources"]]
    if context["is_watched"] and math.isfinite(consensus) and venues > 0:
        stand = "agrees" if context["support"] == Support.CORROBORATED else "disagrees"
        which = "1 other venue" if venues == 1 else f"the median of {venues:.0f} other venues"
        said.append(f"{which}, {math.exp(consensus) / UNITS_PER_ONE:.7g} before the tick, {stand}")
    if context["support"] == Support.CONFIRMED:
        said.append("the venue's later prices hold the level")
    return tuple(said)


def _evidence(block: Ticks, row: int, lookahead_ns: int) -> dict[str, object]:
    """Return the tick and its instrument's neighbours: a function of event time alone, not of how the input was cut."""
    rows = block.rows
    record = rows[row]
    time = int(record["event_time"])
    times = rows["event_time"]
    # Rows are in the order of event time.
    first, end = bisect_left(times, time - REACH_NS, 0, row), bisect_right(times, time + lookahead_ns, row)
    near = rows[first:end]
    is_same = (near["venue"] == record["venue"]) & (near["symbol"] == record["symbol"])
    same = np.flatnonzero(is_same & (near["kind"] <= reasons.LAST_INSTRUMENT_KIND)) + first
    before, after = same[same < row][-NEIGHBOURS:], same[same > row][:NEIGHBOURS]
    return of_tick(block, row) | {
        "before": [verbatim(block, int(k)) for k in before],
        "after": [verbatim(block, int(k)) for k in after],
    }

"""One shard of symbols: features, rules and model, tick by tick in the shard's order; verdicts at once and when final."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tickproof.channel.control_rows import LIFE, is_sign
from tickproof.features.table import INDEX, NAMES
from tickproof.findings import second_statistics as statistics
from tickproof.findings.event import EVENT
from tickproof.findings.finding import BY_NAME, CORRUPT_BITS, RULE_SCORE, VERDICT, Finding, Quality
from tickproof.instrument import flood_share as share
from tickproof.instrument.level import STEP_SHARE
from tickproof.reference import tables as reference_tables
from tickproof.reference.data import NOTHING, Reference
from tickproof.rules import message as message_rules
from tickproof.rules import sizes
from tickproof.rules import table as rules
from tickproof.shard import walk as shard_kernel
from tickproof.shard.state import NO_SECOND, ShardState, begin
from tickproof.shard.to_findings import observe_silences, observe_verdicts
from tickproof.ticks.schema import Array, Ticks, concat

STUB_BP = 100.0
"""From this spread on a quote around the level is a stub, whatever its venue's usual spread: no error of its content."""
AGREES_SCALES = 1.0, 2.0
"""The price of a quote, and of a trade, that is so near both to its own level and to the other venues has nothing wrong with it.
Trades stand at either side of a spread."""
ODD_SIZE = 4.0, sizes.DOUBTFUL
"""From so many deviations on the size of a quote, and of a trade, may be wrong all the same. Blocks of a thousand times the usual
are traded every day, and one share is the commonest size of all."""
SUPPORTED_SCORE = 2.0
"""What a model may still say of a tick that other sources support."""
NEAR_SCALES = 1.0 / STEP_SHARE
"""A price within so many scales of what other venues say is theirs, too: no scale is below `STEP_SHARE` of the spread, so this
is a spread at least."""
DEFAULT_THRESHOLD = 4.0


class Detector(Protocol):
    """A trained model."""

    @property
    def version(self) -> str:
        """Stands in findings and headers."""
        ...

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns of the features, in order."""
        ...

    @property
    def threshold(self) -> float:
        """The score from which a tick is corrupt."""
        ...

    def score(self, features: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Scores (n,) of features (n, f), on the scale of DESIGN: P(score >= s | clean) <= 10^-s."""
        ...

    def contributions(self, row: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """How much of one tick's score (f,) each feature explains."""
        ...


@dataclass(frozen=True, slots=True)
class ShardSettings:
    """`lookahead_ns` is part of the results; without a detector only rules judge, at `threshold`."""

    lookahead_ns: int = 250_000_000
    threshold: float = DEFAULT_THRESHOLD
    detector: Detector | None = None


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What one step gives.

    Parameters
    ----------
    final : Ticks
        Ticks that became final, in the shard's order; `verdicts` are records of VERDICT beside them.
    urgent : Ticks
        New ticks judged 1 or more at once; `urgent_verdicts` hold their causal part.
    seconds : list of statistics.Row
    features : array, shape (len(final), n_features)
        What the model saw of `final`.
    """

    state: ShardState
    final: Ticks
    verdicts: Array
    urgent: Ticks
    urgent_verdicts: Array
    findings: list[Finding]
    seconds: list[statistics.Row]
    features: npt.NDArray[np.float64]


def step(state: ShardState, ticks: Ticks, horizon_ns: int, settings: ShardSettings) -> ShardResult:
    """Walk the next ticks of the shard, which are in its order, and make final what no tick below `horizon_ns` can change.

    Rows with the bit `LIFE` show that their channel lives and nothing else; those with `SIGN` are no ticks. How the input is
    cut does not matter.
    """
    signs = is_sign(ticks.rows)
    told = ticks.take(signs) if signs.any() else None
    if told is not None:
        ticks = ticks.take(~signs)
    block = concat([state.block, ticks])
    start, size = len(state.block), len(block)
    # Of what was final before, nothing is looked at but the ticks, as evidence.
    context, features, scores = np.zeros(size, rules.CONTEXT), np.empty((size, len(NAMES))), np.zeros(size, np.float32)
    context[state.final : start], features[state.final : start] = state.context, state.features
    work, tags = begin(state, block, horizon_ns - settings.lookahead_ns)
    times = np.array([(settings.lookahead_ns, horizon_ns, start, state.final)], shard_kernel.TIMES)
    events = np.zeros(4 * len(ticks) + 4 * work.count + 2 * len(work.venues) + 4, EVENT)
    final, n = shard_kernel.walk(block.rows, tags, context, features, work.arrays(), times, events)
    scores[state.final : start] = state.scores
    scores[start:] = _model_scores(settings.detector, context[start:], features[start:])

    done, count = slice(state.final, final), final - state.final
    fresh = slice(state.final, None)
    causal = _verdicts(context["bits"][fresh], context["rule"][fresh], scores[fresh], features[fresh], settings.threshold)
    lowered = _lowered(context["supported"][done], scores[done], features[done], settings.threshold)
    last = _verdicts(context["final_bits"][done], context["final_rule"][done], lowered, features[done], settings.threshold)
    verdicts = np.zeros(count, VERDICT)
    for name, before, after in zip(("quality", "score", "reasons"), causal, last, strict=True):
        verdicts[name], verdicts["final_" + name] = before[:count], after

    flooded = share.passed(block.rows[done], np.where(tags[2][done], -1, tags[0][done]), verdicts["final_quality"], work.minutes)
    findings = observe_silences(work, events[:n], block)
    findings += observe_verdicts(work, block, (context, features, flooded), verdicts, (state.final, settings))
    if told is not None:
        work.watch = work.watch.copy()
        findings += work.watch.observe(told, work.tracker)
    # Not the time of the last tick walked: a tick that is not final yet may still join a finding.
    findings += work.tracker.expire(int(block.rows["event_time"][final] if final < size else work.shard["time"][0]))
    counted = ~tags[2][done].astype(bool)
    seconds = _statistics(
        work,
        block.rows[done],
        np.where(counted, tags[0][done], -1),
        verdicts["final_quality"],
        horizon_ns - settings.lookahead_ns,
    )

    urgent = np.flatnonzero((causal[0][start - state.final :] > 0) & ~tags[2][start:].astype(bool)) + start
    urgent_verdicts = np.zeros(len(urgent), VERDICT)
    for name, column in zip(("quality", "score", "reasons"), causal, strict=True):
        urgent_verdicts[name] = column[urgent - state.final]
    out = np.flatnonzero(counted) + state.final
    # Evidence shows the second before a tick: so much is kept of what is final.
    reach = int(block.rows["event_time"][min(final, size - 1)]) - shard_kernel.SECOND_NS if size else 0
    keep = min(int(np.searchsorted(block.rows["event_time"], reach)), final)
    work.block, work.context, work.features = block.take(slice(keep, None)), context[final:], features[final:].copy()
    work.scores, work.final = scores[final:], final - keep
    return ShardResult(
        work, block.take(out), verdicts[counted], block.take(urgent), urgent_verdicts, findings, seconds, features[out]
    )


def _lowered(supported: Array, scores: Array, features: npt.NDArray[np.float64], threshold: float) -> Array:
    """Scores of a model once other sources, and the venue's own later prices, have spoken.

    Where nobody is there to refuse a price that did not snap back, it is suspect at most: fast news on a feed of one venue looks
    like nothing else that a model has seen. Sizes need no witness.
    """
    size, deviation = (np.nan_to_num(np.abs(features[:, INDEX[name]])) for name in ("size", "deviation"))
    alone = (supported == rules.UNREFUTED) & (size <= deviation)
    most = np.where(alone, np.float32(np.nextafter(np.float32(threshold), np.float32(0))), np.float32(RULE_SCORE))
    most = np.where((supported > 0) & (supported < rules.UNREFUTED), np.float32(SUPPORTED_SCORE), most)
    return np.minimum(scores, most)


def _model_scores(detector: Detector | None, context: Array, features: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The model's scores; 0 for what is no priced tick, for copies, and for what a condition explains."""
    scores = np.zeros(len(context), np.float32)
    excluded = np.uint64(rules.COPY | rules.EXPLAINED | rules.GENUINE | rules.WIDE)
    # Crossed, locked and wide quotes are the rules' to judge: where they are a venue's habit, no training stream has shown it.
    spread_bp = features[:, INDEX["spread_bp"]]
    # A stub: one side stands far away, and the middle is off by no more than that.
    stub = (spread_bp >= STUB_BP) & ~(np.abs(context["x"] - context["level"]) > 0.55e-4 * spread_bp)
    # Before a venue opens, and once it has closed, what it says has nothing to be held against.
    stub |= (context["stub"] > 0) | (context["edge"] > 0)
    # Nor is what its condition explains, price and size, an error.
    stub |= features[:, INDEX["conditions"]] > 0
    judged = np.flatnonzero(~np.isnan(context["x"]) & ((context["bits"] & excluded) == 0) & ~(spread_bp <= 0.0) & ~stub)
    if detector is not None and len(judged):
        asked = np.ascontiguousarray(features[judged])
        most = np.where(is_corroborated(asked), np.float32(SUPPORTED_SCORE), np.float32(RULE_SCORE))
        scores[judged] = np.clip(detector.score(asked), 0.0, most)
    return scores


def is_corroborated(features: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which rows of features have a price that other venues show, or that is where it was, and a size that is no outlier.

    Whatever a model thinks of these, they are not wrong.
    """
    deviation, residual, size = (features[:, INDEX[name]] for name in ("deviation", "residual", "size"))
    trade = features[:, INDEX["is_trade"]] > 0
    scales = np.where(trade, AGREES_SCALES[1], AGREES_SCALES[0])
    # What is not known does not agree; an instrument may be alone, though.
    unmoved = (np.abs(deviation) <= scales) & ~(np.abs(residual) > scales)
    shown = (np.abs(residual) <= NEAR_SCALES) & (features[:, INDEX["sources"]] > 0)
    odd = np.where(trade, size >= ODD_SIZE[1], np.abs(size) >= ODD_SIZE[0])
    return np.asarray((unmoved | shown) & ~odd)


def _verdicts(bits: Array, rule: Array, scores: Array, features: Array, threshold: float) -> tuple[Array, Array, Array]:
    """(quality, score, reasons) of ticks from what rules and model say."""
    score = np.where(rule == Quality.CORRUPT, np.float32(RULE_SCORE), scores).astype(np.float32)
    corrupt = score >= threshold
    suspect = (rule == Quality.SUSPECT) | (score >= threshold - 1.0)
    quality = np.select(
        [corrupt, rule == Quality.MARKET_EVENT, suspect], [Quality.CORRUPT, Quality.MARKET_EVENT, Quality.SUSPECT], Quality.GOOD
    ).astype(np.uint8)
    reasons = bits.copy()
    alone = np.flatnonzero(corrupt & ((bits & np.uint64(CORRUPT_BITS)) == 0))
    reasons[alone] |= _name_by_context(features[alone])
    return quality, score, reasons


def _name_by_context(features: Array) -> Array:
    """The code of a verdict that the model gave alone: by what of the tick is odd."""
    size = np.abs(features[:, INDEX["size"]])
    deviation = np.fmax(np.abs(features[:, INDEX["deviation"]]), np.abs(features[:, INDEX["residual"]]))
    run = features[:, INDEX["flagged_run"]] > np.log(3.0)
    names = np.select([np.nan_to_num(size) > np.nan_to_num(deviation), run], ["size_outlier", "bad_run"], "digit_error")
    bits = {name: np.uint64(1 << BY_NAME[name].bit) for name in ("size_outlier", "bad_run", "digit_error")}
    return np.array([bits[str(name)] for name in names], np.uint64)


def _statistics(state: ShardState, rows: Array, instruments: Array, quality: Array, before_ns: int) -> list[statistics.Row]:
    accumulators = state.accumulators
    mine = np.unique(instruments[instruments >= 0])
    opened = mine[accumulators["ticks"][mine] == 0]
    which = np.concatenate([state.counted, opened])
    out = np.zeros(len(rows) + len(which), statistics.SYMBOL_SECOND)
    n = statistics.count(rows, instruments, quality, accumulators, out)
    first = min(state.first_second, int(accumulators["second"][opened].min(initial=NO_SECOND)))
    if first * statistics.SECOND_NS < before_ns:
        n += statistics.flush(accumulators, which, before_ns, out[n:])
        which = which[accumulators["ticks"][which] > 0]
        first = int(accumulators["second"][which].min(initial=NO_SECOND))
    state.counted, state.first_second = which, first
    return statistics.symbol_rows(out[:n], state.registry.instruments)


def overtaken(ticks: Ticks, reference: Reference = NOTHING) -> Array:
    """Verdicts (VERDICT) on ticks that came behind the watermark: rules about the message alone, and no state is moved."""
    verdicts = np.zeros(len(ticks), VERDICT)
    bits = message_rules.stateless_all(ticks.rows, *reference_tables.usual_placeholders())
    negative = [rules.POSITIVE | rules.SENTINEL if _may_be_negative(ticks, row, reference) else 0 for row in np.flatnonzero(bits)]
    bits[bits != 0] &= ~np.array(negative, np.uint64)
    corrupt = (bits & np.uint64(rules.ALWAYS_CORRUPT)) != 0
    suspect = (bits & np.uint64(rules.SUSPECT)) != 0
    for prefix in ("", "final_"):
        verdicts[prefix + "reasons"] = bits
        verdicts[prefix + "quality"] = np.select([corrupt, suspect], [Quality.CORRUPT, Quality.SUSPECT], Quality.GOOD)
        verdicts[prefix + "score"] = np.where(corrupt, RULE_SCORE, 0.0)
    return verdicts


def _may_be_negative(ticks: Ticks, row: int, reference: Reference) -> bool:
    venue, symbol = ticks.name(ticks.rows["venue"][row]), ticks.name(ticks.rows["symbol"][row])
    known = reference.instrument(venue or "", symbol or "")
    return known is not None and known.may_be_negative


__all__ = ["LIFE", "Detector", "ShardResult", "ShardSettings", "overtaken", "rules", "step"]

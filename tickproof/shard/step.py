"""One shard of symbols: features, rules and model, tick by tick in the shard's order; verdicts at once and when final."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tickproof.channel.control_rows import LIFE, is_sign
from tickproof.features.table import NAMES
from tickproof.findings import second_statistics as statistics
from tickproof.findings.emit import new_log
from tickproof.findings.finding import VERDICT, Finding
from tickproof.instrument.flood_share import flooded
from tickproof.rules.context import CONTEXT
from tickproof.shard import score_slice
from tickproof.shard.admit import admit
from tickproof.shard.arrays import Slice, SliceTimes, Tags
from tickproof.shard.model_score import SUPPORTED_SCORE, Detector, final_scores, is_corroborated, model_scores
from tickproof.shard.state import NO_SECOND, ShardState
from tickproof.shard.to_findings import FinalTicks, observe_events, observe_verdicts
from tickproof.shard.verdicts import Verdicts, overtaken, verdicts_of
from tickproof.ticks.schema import Array, Ticks, concat
from tickproof.ticks.word_copy import words

DEFAULT_THRESHOLD = 4.0
EVIDENCE_NS = score_slice.SECOND_NS
"""Evidence shows so much before a tick: so long final ticks are kept."""


@dataclass(frozen=True, slots=True)
class ShardSettings:
    """`lookahead_ns` is part of the results; without a detector only rules decide, at `threshold`."""

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
        New ticks of quality 1 or more at once; `urgent_verdicts` hold their causal part.
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


class _Scored(NamedTuple):
    """A block after the pass over it: rows before `pending` were final before, those before `final` are now.

    `start` is the first new row, `events` what the pass emitted.
    """

    block: Ticks
    tags: Tags
    contexts: Array
    features: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float32]
    events: Array
    pending: int
    start: int
    final: int

    @property
    def done(self) -> slice:
        """Rows that became final."""
        return slice(self.pending, self.final)

    @property
    def is_tick(self) -> npt.NDArray[np.bool_]:
        """Which of the rows that became final are ticks, and not rows that only show that a channel lives."""
        return ~self.tags.is_liveness[self.done]


def step(state: ShardState, ticks: Ticks, horizon_ns: int, settings: ShardSettings) -> ShardResult:
    """Score the next ticks of the shard, which are in its order, and make final what no tick below `horizon_ns` can change.

    Rows with the bit `LIFE` show that their channel lives and nothing else; those with `SIGN` are no ticks. How the input is
    cut does not matter.
    """
    signs = is_sign(ticks.rows)
    control = ticks.take(signs) if signs.any() else None
    if control is not None:
        ticks = ticks.take(~signs)
    work, scored = _score(state, ticks, horizon_ns, settings)
    causal = _causal_verdicts(scored, settings)
    verdicts = _final_verdicts(scored, causal, settings)
    findings = _observe(work, scored, verdicts, settings)
    if control is not None:
        work.watch = work.watch.copy()
        findings += work.watch.observe(control, work.tracker)
    # Not the time of the last tick scored: a tick that is not final yet may still join a finding.
    is_pending = scored.final < len(scored.block)
    now = scored.block.rows["event_time"][scored.final] if is_pending else work.shard["time"][0]
    findings += work.tracker.expire(int(now))
    seconds = _statistics(work, scored, verdicts["final_quality"], horizon_ns - settings.lookahead_ns)
    urgent, urgent_verdicts = _urgent(scored, causal)
    _keep(work, scored)
    is_tick = scored.is_tick
    out = np.flatnonzero(is_tick) + scored.pending
    final = scored.block.take(out)
    return ShardResult(work, final, verdicts[is_tick], urgent, urgent_verdicts, findings, seconds, scored.features[out])


def _score(state: ShardState, ticks: Ticks, horizon_ns: int, settings: ShardSettings) -> tuple[ShardState, _Scored]:
    """Return a new state that has seen the ticks, and what the pass over them wrote."""
    block = concat([state.block, ticks])
    pending, start, size = state.final, len(state.block), len(block)
    # Of what was final before, only the ticks are looked at, as evidence.
    contexts, features, scores = np.zeros(size, CONTEXT), np.empty((size, len(NAMES))), np.zeros(size, np.float32)
    words(contexts)[pending:start] = words(state.context)
    features[pending:start], scores[pending:start] = state.features, state.scores
    work, tags = admit(state, block, horizon_ns - settings.lookahead_ns)
    # A tick gives four events at most: a silence that opens and closes, and habits of its venue; a sweep opens silences.
    log = new_log(4 * len(ticks) + 4 * work.count + 2 * len(work.venues) + 4)
    times = SliceTimes(settings.lookahead_ns, horizon_ns, start, pending)
    final = score_slice.score_slice(Slice(block.rows, tags, contexts, features), work.arrays(), times, log)
    scores[start:] = model_scores(settings.detector, contexts[start:], features[start:])
    events = log.records[: log.written[0]]
    return work, _Scored(block, tags, contexts, features, scores, events, pending, start, int(final))


def _causal_verdicts(scored: _Scored, settings: ShardSettings) -> Verdicts:
    """Return the causal verdicts from the first row that was not final before."""
    rows = slice(scored.pending, None)
    contexts = scored.contexts[rows]
    scores, features = scored.scores[rows], scored.features[rows]
    return verdicts_of(contexts["bits"], contexts["quality"], scores, features, settings.threshold)


def _final_verdicts(scored: _Scored, causal: Verdicts, settings: ShardSettings) -> Array:
    """Return the verdicts (VERDICT) of the rows that became final."""
    contexts, features = scored.contexts[scored.done], scored.features[scored.done]
    scores = final_scores(contexts["support"], scored.scores[scored.done], features, settings.threshold)
    final = verdicts_of(contexts["final_bits"], contexts["final_quality"], scores, features, settings.threshold)
    count = len(contexts)
    verdicts = np.zeros(count, VERDICT)
    for name in Verdicts._fields:
        verdicts[name] = getattr(causal, name)[:count]
        verdicts["final_" + name] = getattr(final, name)
    return verdicts


def _observe(work: ShardState, scored: _Scored, verdicts: Array, settings: ShardSettings) -> list[Finding]:
    """Return the findings of the pass, and of the rows that became final."""
    instrument_of = np.where(scored.is_tick, scored.tags.instrument_of[scored.done], score_slice.NO_INSTRUMENT)
    flood = flooded(scored.block.rows[scored.done], instrument_of, verdicts["final_quality"], work.minutes)
    findings = observe_events(work, scored.events, scored.block)
    ticks = FinalTicks(scored.block, scored.pending, scored.contexts, scored.features, verdicts, flood)
    return findings + observe_verdicts(work, ticks, settings.lookahead_ns, settings.detector)


def _urgent(scored: _Scored, causal: Verdicts) -> tuple[Ticks, Array]:
    """Return the new ticks of quality 1 or more, and their causal verdicts (VERDICT)."""
    is_tick = ~scored.tags.is_liveness[scored.start :]
    rows = np.flatnonzero((causal.quality[scored.start - scored.pending :] > 0) & is_tick) + scored.start
    verdicts = np.zeros(len(rows), VERDICT)
    for name in Verdicts._fields:
        verdicts[name] = getattr(causal, name)[rows - scored.pending]
    return scored.block.take(rows), verdicts


def _keep(work: ShardState, scored: _Scored) -> None:
    """Keep what is not final, and the final ticks that evidence may still show."""
    block, final = scored.block, scored.final
    size = len(block)
    reach = int(block.rows["event_time"][min(final, size - 1)]) - EVIDENCE_NS if size else 0
    keep = min(int(np.searchsorted(block.rows["event_time"], reach)), final)
    work.block, work.context = block.take(slice(keep, None)), scored.contexts[final:]
    # Views: of rows before `pending` nothing was written, and so no memory is used.
    work.features, work.scores, work.final = scored.features[final:], scored.scores[final:], final - keep


def _statistics(state: ShardState, scored: _Scored, quality: Array, before_ns: int) -> list[statistics.Row]:
    """Count the rows that became final, and return the seconds that end before `before_ns`."""
    accumulators, rows = state.accumulators, scored.block.rows[scored.done]
    instruments = np.where(scored.is_tick, scored.tags.instrument_of[scored.done], score_slice.NO_INSTRUMENT)
    seen = np.unique(instruments[instruments >= 0])
    opened = seen[accumulators["ticks"][seen] == 0]
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


__all__ = [
    "DEFAULT_THRESHOLD",
    "LIFE",
    "SUPPORTED_SCORE",
    "Detector",
    "ShardResult",
    "ShardSettings",
    "is_corroborated",
    "overtaken",
    "step",
]

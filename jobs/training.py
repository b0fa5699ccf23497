"""Training data: streams of ticks through the very steps that will judge, and what they saw, by row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from jobs.local import Engine, EngineSettings
from models.detector import Detector as Model
from models.episodes import row_kinds
from models.train import LEARNT, Dataset
from tickproof.features import NAMES
from tickproof.label import Label
from tickproof.scoring import Detector, ShardSettings
from tickproof.tick import Array, Kind, Ticks, concat


@dataclass(frozen=True, slots=True)
class Judged:
    """A stream's priced ticks, in the shards' order: features (n, f) and verdicts (VERDICT) beside them."""

    ticks: Ticks
    features: npt.NDArray[np.float64]
    verdicts: Array


def judge(batches: Iterable[Ticks], detector: Model | None = None) -> Judged:
    """Run a stream through the engine, with rules alone or with a model."""
    engine = Engine(EngineSettings(shard=ShardSettings(detector=cast("Detector | None", detector))))
    outputs = [engine.feed(batch) for batch in batches]
    results = [result for output in (*outputs, engine.finish()) for _, result in output.scored]
    ticks = concat([result.final for result in results])
    wanted = ticks.rows["kind"] <= Kind.TRADE_CORRECTION
    return Judged(
        ticks.take(wanted),
        np.concatenate([result.features for result in results])[wanted],
        np.concatenate([result.verdicts for result in results])[wanted],
    )


def dataset(judged: Judged, labels: Sequence[Label], *, held_out: bool) -> Dataset:
    """Rows to learn from, marked by the labels of their stream."""
    kinds, clean = row_kinds(judged.ticks, labels, LEARNT)
    return Dataset(NAMES, judged.features, kinds, clean, np.full(len(judged.ticks), held_out))


def lowered(judged: Judged) -> npt.NDArray[np.bool_]:
    """Rows whose score other sources lowered before it was final: they raise no alarm, and are no tail of clean traffic."""
    return np.asarray(judged.verdicts["final_score"] < judged.verdicts["score"])

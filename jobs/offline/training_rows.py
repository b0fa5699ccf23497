"""Training data: streams of ticks through the very steps that will judge, and what they saw, by row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from jobs.pipeline.engine import Engine
from jobs.pipeline.settings import pipeline_settings
from models.evaluation.episodes import row_kinds
from models.store.registry import NONE
from models.training.train import CLEAN, LEARNT, Dataset
from models.trees.detector import Detector as Model
from tickproof.features.table import INDEX, NAMES
from tickproof.findings.label import Label
from tickproof.settings import Settings
from tickproof.shard.step import Detector, is_corroborated
from tickproof.ticks.schema import Array, Kind, Present, Ticks, concat

SIZELESS = 0.25
"""Share of rows learnt from that lose their sizes, whatever their kind."""
WRONG_SIZES = ("size_outlier", "size_zero", "lots_change")
"""Faults of sizes and of nothing else, by the stem of their labels' ids."""
OF_SIZES = ("size", "size_balance", "volume_ratio")


@dataclass(frozen=True, slots=True)
class Judged:
    """A stream's priced ticks, in the shards' order: features (n, f) and verdicts (VERDICT) beside them."""

    ticks: Ticks
    features: npt.NDArray[np.float64]
    verdicts: Array


def judge(batches: Iterable[Ticks], detector: Model | None = None) -> Judged:
    """Run a stream through the engine, with rules alone or with a model."""
    engine = Engine(pipeline_settings(Settings(model=NONE)).with_detector(cast("Detector | None", detector)))
    outputs = [engine.feed(batch) for batch in batches]
    results = [result for output in (*outputs, engine.finish()) for _, result in output.scored]
    ticks = concat([result.final for result in results])
    features = np.concatenate([result.features for result in results])
    # Others have no price that could be held against anything, and no model is asked about them.
    wanted = ~np.isnan(features[:, INDEX["sources"]])
    return Judged(
        ticks.take(wanted),
        features[wanted],
        np.concatenate([result.verdicts for result in results])[wanted],
    )


def poorer(batches: Sequence[Ticks]) -> list[list[Ticks]]:
    """The same stream as poorer feeds carry it: trades alone, quotes by one side a message, and one venue alone.

    A model that has only seen whole markets takes what is missing for a sign of corruption. A feed without trades gives one
    venue alone and no more: a quote of one side has no level, and only trades among such quotes can be judged.
    """
    venue = int(batches[0].rows["venue"][0]) if batches else 0
    parts: list[list[Ticks]] = [[], [], []]
    for batch in batches:
        rows = batch.rows
        parts[0].append(batch.take(rows["kind"] != Kind.QUOTE))
        sided = rows.copy()
        quotes = np.flatnonzero(rows["kind"] == Kind.QUOTE)
        for start, sides in ((0, Present.BID_PX | Present.BID_SZ), (1, Present.ASK_PX | Present.ASK_SZ)):
            sided["present"][quotes[start::2]] &= np.uint16(0xFFFF ^ int(sides))
        parts[1].append(Ticks(sided, batch.names))
        parts[2].append(batch.take(rows["venue"] == venue))
    return parts if any((batch.rows["kind"] == Kind.TRADE).any() for batch in batches) else parts[2:]


def dataset(judged: Judged, labels: Sequence[Label], *, held_out: bool, seed: int) -> Dataset:
    """Rows to learn from, marked by the labels of their stream; some without sizes, of which none shows a wrong size.

    Genuine events and twins are clean.
    """
    kinds, clean = row_kinds(judged.ticks, labels, LEARNT)
    features = partly_sizeless(judged.features, seed)
    sizes = [label for label in labels if label.fault_id.rpartition("-")[0] in WRONG_SIZES]
    of_size = row_kinds(judged.ticks, sizes, LEARNT)[0] != CLEAN
    # Neither of a kind nor clean: nothing about them is wrong that is still there.
    kinds[of_size & np.isnan(features[:, INDEX["size"]])] = CLEAN
    return Dataset(NAMES, features, kinds, clean, np.full(len(judged.ticks), held_out))


def partly_sizeless(features: npt.NDArray[np.float64], seed: int) -> npt.NDArray[np.float64]:
    """The features with those of sizes missing from `SIZELESS` of the rows.

    Currencies are quoted without sizes. Where all that is learnt from has them, each tick without looks odd: a third of a
    recorded day of EURUSD was called suspect.
    """
    features = features.copy()
    rows = np.random.default_rng(seed).random(len(features)) < SIZELESS
    for name in OF_SIZES:
        features[rows, INDEX[name]] = np.nan
    return features


def lowered(judged: Judged) -> npt.NDArray[np.bool_]:
    """Rows whose score other sources lowered before it was final: they raise no alarm, and are no tail of clean traffic."""
    return np.asarray(judged.verdicts["final_score"] < judged.verdicts["score"]) | is_corroborated(judged.features)

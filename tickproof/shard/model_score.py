"""What a model's score counts for: which ticks it is asked about, and what other sources' support leaves of it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from tickproof.features.table import INDEX
from tickproof.findings.finding import RULE_SCORE
from tickproof.instrument.level import STEP_SHARE
from tickproof.rules import reasons, sizes
from tickproof.rules.context import SessionEdge, Support
from tickproof.ticks.schema import Array

STUB_BP = 100.0
"""From this spread on a quote around the level is a stub, whatever its venue's usual spread: no error of its content."""
STUB_OFF = 0.55e-4
"""A stub's middle is off its level by at most so much, log, per basis point of its spread."""
AGREES_SCALES = 1.0, 2.0
"""The price of a quote, and of a trade, that is so near both to its own level and to the other venues has nothing wrong with it.
Trades stand at either side of a spread."""
ODD_SIZE = 4.0, sizes.DOUBTFUL
"""From so many deviations above the usual on the size of a quote, and of a trade, may be wrong all the same. Blocks of a thousand
times the usual are traded every day, and one share is the commonest size of all. No small size is an error: orders that walk
through a book leave rests of any size at its top."""
SUPPORTED_SCORE = 2.0
"""The most that a model's score counts for where other sources support a tick."""
NEAR_SCALES = 1.0 / STEP_SHARE
"""A price within so many scales of the consensus is the other venues', too: no scale is below `STEP_SHARE` of the spread, so this
is a spread at least."""

_EXCLUDED = reasons.COPY | reasons.EXPLAINED | reasons.GENUINE | reasons.WIDE


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


def model_scores(detector: Detector | None, context: Array, features: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the model's causal scores; 0 for what has no price, for copies, and for what a condition explains."""
    scores = np.zeros(len(context), np.float32)
    asked = np.flatnonzero(_is_asked(context, features))
    if detector is not None and len(asked):
        rows = np.ascontiguousarray(features[asked])
        most = np.where(is_corroborated(rows), np.float32(SUPPORTED_SCORE), np.float32(RULE_SCORE))
        scores[asked] = np.clip(detector.score(rows), 0.0, most)
    return scores


def _is_asked(context: Array, features: npt.NDArray[np.float64]) -> Array:
    """Return which ticks a model is asked about.

    Crossed, locked and wide quotes are left to the rules: where they are a venue's habit, no training stream has shown it.
    """
    spread_bp = features[:, INDEX["spread_bp"]]
    # A stub: one side stands far away, and the middle is off by no more than that explains.
    is_stub = (spread_bp >= STUB_BP) & ~(np.abs(context["x"] - context["level"]) > STUB_OFF * spread_bp)
    # Before a venue opens, and once it has closed, there is nothing to hold its prices against.
    is_exempt = is_stub | context["is_stub"] | (context["edge"] != SessionEdge.REGULAR)
    # Nor is what its condition explains, price and size, an error.
    is_exempt |= features[:, INDEX["conditions"]] > 0
    has_price = ~np.isnan(context["x"]) & ~(spread_bp <= 0.0)
    return np.asarray(has_price & ((context["bits"] & _EXCLUDED) == 0) & ~is_exempt)


def is_corroborated(features: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which rows of features have a price that other venues show, or that is where it was, and a size that is no outlier.

    Whatever a model scores, these are not wrong.
    """
    deviation, residual, size = (features[:, INDEX[name]] for name in ("deviation", "residual", "size"))
    is_trade = features[:, INDEX["is_trade"]] > 0
    scales = np.where(is_trade, AGREES_SCALES[1], AGREES_SCALES[0])
    # What is not known does not agree; an instrument may be the only one of its symbol, though.
    is_unmoved = (np.abs(deviation) <= scales) & ~(np.abs(residual) > scales)
    is_shown = (np.abs(residual) <= NEAR_SCALES) & (features[:, INDEX["sources"]] > 0)
    is_odd = size >= np.where(is_trade, ODD_SIZE[1], ODD_SIZE[0])
    return np.asarray((is_unmoved | is_shown) & ~is_odd)


def final_scores(support: Array, scores: Array, features: npt.NDArray[np.float64], threshold: float) -> Array:
    """Return a model's scores after the lookahead, by what supported each price by then (`Support`).

    A price that did not snap back, where no other venue is there to contradict it, is suspect at most: fast news on a feed of one
    venue looks like nothing else that a model has seen. Sizes need no support.
    """
    most = np.full(len(scores), RULE_SCORE, np.float32)
    alone = np.flatnonzero(support == Support.UNCONTRADICTED)
    size, deviation = (np.nan_to_num(features[alone, INDEX[name]]) for name in ("size", "deviation"))
    most[alone[size <= np.abs(deviation)]] = np.nextafter(np.float32(threshold), np.float32(0))
    most[(support == Support.CORROBORATED) | (support == Support.CONFIRMED)] = SUPPORTED_SCORE
    return np.minimum(scores, most)

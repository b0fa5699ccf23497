"""What a model is not asked about, and what its score counts for where nobody is there to contradict a price."""

from __future__ import annotations

import numpy as np
import pytest

from tickproof.features.table import INDEX, NAMES
from tickproof.reference.data import LISTED_FROM, parse
from tickproof.rules import reasons
from tickproof.rules.context import CONTEXT, Support
from tickproof.shard.model_score import SUPPORTED_SCORE, final_scores, model_scores


class Sure:
    """A model that calls everything corrupt."""

    version, feature_names, threshold = "sure", NAMES, 4.0

    def score(self, features):  # type: ignore[no-untyped-def]
        return np.full(len(features), 9.0, np.float32)

    def contributions(self, row):  # type: ignore[no-untyped-def]
        return row


@pytest.mark.parametrize(
    ("spread_bp", "off", "bits", "is_judged"),
    [
        (5.0, 0.01, 0, True),
        (0.0, 0.01, 0, False),
        (-5.0, 0.01, 0, False),
        (5.0, 0.01, reasons.WIDE, False),
        # Five per cent wide: the middle may be off by two and a half, and not by four.
        (500.0, 0.025, 0, False),
        (500.0, 0.04, 0, True),
        (500.0, np.nan, 0, False),
        # A trade has no spread.
        (np.nan, 0.04, 0, True),
    ],
)
def test_locked_crossed_and_wide_quotes_and_stubs_are_left_to_the_rules(
    spread_bp: float, off: float, bits: int, is_judged: bool
) -> None:
    context, features = np.zeros(1, CONTEXT), np.zeros((1, len(NAMES)))
    context["x"], context["level"], context["bits"] = 0.0, off, bits
    features[0, INDEX["spread_bp"]], features[0, INDEX["deviation"]] = spread_bp, 5.0
    assert model_scores(Sure(), context, features).tolist() == [9.0 if is_judged else 0.0]


def test_a_price_that_nobody_was_there_to_contradict_is_suspect_at_most() -> None:
    """Each kind of support; and an uncontradicted tick that is odd for its size, which needs none."""
    support = np.array([*Support, Support.UNCONTRADICTED], np.uint8)
    features = np.zeros((5, len(NAMES)))
    features[:, INDEX["deviation"]] = 5.0
    features[4, INDEX["size"]] = 20.0
    lowered = final_scores(support, np.full(5, 9.0, np.float32), features, 4.0)
    assert lowered[[0, 1, 2, 4]].tolist() == [9.0, SUPPORTED_SCORE, SUPPORTED_SCORE, 9.0]
    assert 3.99 < lowered[3] < 4.0


def test_few_instruments_without_a_channel_are_no_listing() -> None:
    names = [f"S{k}" for k in range(LISTED_FROM)]
    few = parse({"instruments": [{"symbol": name} for name in names[1:]] + [{"symbol": "A", "channel": "X.1"}]}, "few")
    assert (few.anywhere, few.listings) == (frozenset(), {"X.1": frozenset("A")})
    many = parse({"instruments": [{"symbol": name} for name in names] + [{"symbol": "A", "channel": "X.1"}]}, "many")
    assert many.anywhere == frozenset(names)
    assert many.listings == {"X.1": frozenset([*names, "A"])}

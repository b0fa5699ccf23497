"""The default model on recorded days of other markets than it was trained on: real ticks are not called corrupt.

Nobody has labelled these days. What is known is how rare a wrong tick in them is: published cleaners and the eye find a few in a
million. A model that knows only its simulator calls thousands of them corrupt.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jobs.pipeline.engine import Engine
from jobs.pipeline.settings import PipelineSettings
from models.store.registry import DEFAULT, open_model
from producers.recordings.registry import open_recordings
from tickproof.features.table import NAMES
from tickproof.findings.finding import Quality
from tickproof.shard.step import ShardSettings

RECORDINGS = {
    "FXCM's EURUSD: quotes without sizes, crossed and locked by habit": "lean/forex/fxcm/tick/eurusd/20140508_quote.zip",
    "Oanda's EURUSD: quotes without sizes, one feed": "lean/forex/oanda/tick/eurusd/20140508_quote.zip",
    "gold: a scheduled break": "lean/cfd/oanda/tick/xauusd/20140501_quote.zip",
    "a liquid fund: trades alone, of 12 venues": "lean/equity/usa/tick/spy",
    "a stock of $14: trades and quotes": "lean/equity/usa/tick/bac",
    "futures of many expiries: trades far apart": "lean/future/comex/tick/gc",
}
PER_MILLION = 100
"""What the threshold promises: a score of 4 is one clean tick in 10 000."""


@pytest.mark.parametrize("name", RECORDINGS)
def test_recorded_ticks_are_not_called_corrupt(name: str, data: Path) -> None:
    detector = open_model(DEFAULT, NAMES)
    engine = Engine(PipelineSettings(shard=ShardSettings(detector=detector)))
    outputs = [engine.feed(batch) for batch in open_recordings([data / RECORDINGS[name]])]
    quality = np.concatenate(
        [result.verdicts["final_quality"] for one in (*outputs, engine.finish()) for _, result in one.scored]
    )
    assert len(quality) > 40_000
    corrupt, suspect = (int((quality == value).sum()) for value in (Quality.CORRUPT, Quality.SUSPECT))
    assert corrupt <= PER_MILLION * len(quality) / 1e6
    assert suspect <= 10 * PER_MILLION * len(quality) / 1e6

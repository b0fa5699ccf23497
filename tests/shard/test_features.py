"""FEATURES: documented, in order, and each value where it says and NaN where it says, against a slow plain definition."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from jobs.pipeline.engine import Engine
from jobs.pipeline.settings import PipelineSettings
from tests.support import plain_features as plain
from tests.support.plain_features import DEFINITIONS, Seen
from tests.support.streams import Tape, at, merged, score
from tickproof.features.table import FEATURES, INDEX, NAMES
from tickproof.reference.data import parse
from tickproof.ticks.schema import UNITS_PER_ONE, Condition, Ticks, concat

VENUES = ("XNAS", "ARCX", "BATS")
PEERS = {"ABC": "ABC", "DEF": "ABC", "GHI": "ABC"}


def feed() -> Ticks:
    """Three venues whose quotes of one symbol wander by less than any limit, with a pause of 40 s; trades inside the quotes.

    Five other symbols on the first venue, two of them peers; the others fall silent for some seconds. Latency varies, and some
    messages have no venue time.
    """
    rng = np.random.default_rng(9)
    tapes = [Tape(channel=f"{venue}.A", venue=venue) for venue in VENUES]
    level = 0.0
    for k in range(700):
        moment = 0.05 * k + (40.0 if k > 500 else 0.0)
        level += 0.01 * int(rng.integers(-1, 2)) * (rng.random() < 0.3)
        mid = 100 + 0.01 * round(4 * math.sin(k / 30)) + round(level, 2)
        for j, tape in enumerate(tapes):
            if j == 2 and k > 300:
                break
            bid, ask = mid - 0.01 * int(rng.integers(1, 3)), mid + 0.01 * int(rng.integers(1, 3))
            sizes = {"bid_sz": int(rng.integers(1, 9)) * UNITS_PER_ONE, "ask_sz": int(rng.integers(1, 9)) * UNITS_PER_ONE}
            when = moment + 0.01 * j + round(rng.uniform(0, 0.005), 6)
            sent = {"ts_event": None if rng.random() < 0.02 else at(when) - int(rng.integers(500_000, 3_000_000))}
            if rng.random() < 0.15:
                tape.trade(when, mid, int(rng.integers(1, 9)), conditions=int(Condition.ODD_LOT), **sent)
            else:
                tape.quote(when, bid, ask, **sizes, **sent)
                if rng.random() < 0.1:
                    tape.trade(when, mid, **sent)  # the same stamp
        if k % 2 and not 400 < k <= 520:
            for j, symbol in enumerate(("DEF", "GHI", "JKL", "MNO", "PQR")):
                middle = 50 + 0.01 * round(3 * math.sin(k / 20 + j)) + 0.01 * int(rng.integers(-1, 2))
                if symbol != "GHI" or k < 250:
                    tapes[0].quote(moment + 0.03 + 0.001 * j, middle - 0.01, middle + 0.01, symbol=symbol)
    return merged(*tapes)


@dataclass(frozen=True)
class Stream:
    """Scored ticks with their verdicts and features, and the plain reader's notes on each."""

    ticks: Ticks
    verdicts: Any
    features: Any
    seen: list[Seen]


def scored_stream(ticks: Ticks) -> Stream:
    """The engine and the plain reader over the same ticks, in one shard."""
    instruments = [{"symbol": symbol, "peers": [name for name in PEERS if name != symbol]} for symbol in PEERS]
    engine = Engine(PipelineSettings(1, reference=parse({"instruments": instruments}, "peers")))
    results = [result for output in (engine.feed(ticks), engine.finish()) for _, result in output.scored]
    final = concat([result.final for result in results])
    features = np.concatenate([result.features for result in results])
    return Stream(final, np.concatenate([result.verdicts for result in results]), features, plain.read(final, PEERS))


@pytest.fixture(scope="module")
def stream() -> Stream:
    return scored_stream(feed())


@pytest.mark.slow
def test_the_stream_is_clean(stream: Stream) -> None:
    assert len(stream.verdicts) > 1_000
    assert not stream.verdicts["final_quality"].any()


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_every_feature_is_documented(feature: Any) -> None:
    assert feature.name == feature.name.lower()
    assert feature.unit
    assert len(feature.meaning) > 10
    assert feature.meaning[0] != " "


def test_columns_are_in_the_order_of_the_table(stream: Stream) -> None:
    assert tuple(feature.name for feature in FEATURES) == NAMES
    assert [INDEX[name] for name in NAMES] == list(range(len(FEATURES)))
    assert stream.features.shape == (len(stream.ticks), len(FEATURES))
    assert stream.features.dtype == np.float64


def test_every_feature_has_a_plain_definition() -> None:
    assert set(DEFINITIONS) == set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_feature_is_what_it_says_at_every_tick(feature: Any, stream: Stream) -> None:
    """The same value, and NaN where it says so, at every prefix of the stream."""
    definition = DEFINITIONS[feature.name]
    found = stream.features[:, INDEX[feature.name]]
    expected = np.array([definition.value(one) for one in stream.seen])
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    assert bool(np.isnan(expected).any()) == bool(feature.fails), "`fails` says when a feature is null"
    known = ~np.isnan(expected)
    assert known.sum() > 100
    found, expected = found[known], expected[known]
    if definition.factor > 1.0:
        np.testing.assert_array_equal(found == 0, expected == 0)
        ratio = found[expected > 0] / expected[expected > 0]
        assert ratio.max() <= definition.factor * (1 + 1e-9)
        assert ratio.min() >= (1 - 1e-9) / definition.factor
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=definition.absolute * (1 + 1e-9))


CONSTANT = {"ten_distance", "flagged_run", "conditions"}
"""What a clean stream has one value of; tests of their own are below and in test_rules."""


@pytest.mark.parametrize("name", sorted(set(NAMES) - CONSTANT))
def test_the_stream_moves_every_feature(name: str, stream: Stream) -> None:
    assert len(np.unique(stream.features[:, INDEX[name]][~np.isnan(stream.features[:, INDEX[name]])])) > 1


def test_the_first_step_is_no_step() -> None:
    """Whatever came before the first price: one side, or an explained print."""
    tape = Tape()
    tape.quote(0.0, 99.99, None)
    tape.trade(0.1, conditions=int(Condition.AVERAGE_PRICE))
    tape.quote(0.2)
    tape.quote(0.3)
    assert score(tape.ticks()).features[2:, INDEX["step"]].tolist() == [0.0, 0.0]


def test_what_has_no_price_has_no_features_of_one() -> None:
    tape = Tape()
    for k in range(60):
        tape.quote(k * 0.1)
    tape.quote(7, 99.99, None)
    tape.status(8, Condition.HALTED)
    tape.trade(9, price=-5)
    features = score(tape.ticks()).features[60:]
    known = {NAMES[k] for k in np.flatnonzero(~np.isnan(features).all(axis=0))}
    assert known == {"is_trade", "interval", "rate_ratio", "rate_1s", "rate_64s", "rescaled_gap", "latency"}
    assert np.isnan(features[1]).all()


def test_a_condition_that_explains_is_seen() -> None:
    tape = Tape()
    for k in range(60):
        tape.quote(k * 0.1)
    tape.trade(7, conditions=int(Condition.AVERAGE_PRICE))
    tape.trade(8, conditions=int(Condition.ODD_LOT))
    assert score(tape.ticks()).features[60:, INDEX["conditions"]].tolist() == [1.0, 0.0]

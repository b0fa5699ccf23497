"""FEATURES: documented, in order, and each value where it says and NaN where it says, against a slow plain definition."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from streams import Scored, Tape, merged, score

from tickproof.features import FEATURES, INDEX, NAMES
from tickproof.rolling import FRESH_NS, WARM
from tickproof.rules import QUOTE_FRESH_NS, SPREADS_NEEDED
from tickproof.tick import NS_PER_SECOND, UNITS_PER_ONE, Condition, Kind

VENUES = ("XNAS", "ARCX", "BATS")


def feed() -> Any:
    """Three venues whose quotes wander by less than any limit, one of them with a pause of 40 s; trades inside the quotes."""
    rng = np.random.default_rng(9)
    tapes = [Tape(channel=f"{venue}.A", venue=venue) for venue in VENUES]
    for k in range(700):
        moment = 0.05 * k + (40.0 if k > 500 else 0.0)
        mid = 100 + 0.01 * round(4 * math.sin(k / 30))
        for j, tape in enumerate(tapes):
            if j == 2 and k > 300:
                break
            bid, ask = mid - 0.01 * int(rng.integers(1, 3)), mid + 0.01 * int(rng.integers(1, 3))
            sizes = {"bid_sz": int(rng.integers(1, 9)) * UNITS_PER_ONE, "ask_sz": int(rng.integers(1, 9)) * UNITS_PER_ONE}
            when = moment + 0.01 * j + round(rng.uniform(0, 0.005), 6)
            if rng.random() < 0.15:
                tape.trade(when, mid, int(rng.integers(1, 9)), conditions=int(Condition.ODD_LOT))
            else:
                tape.quote(when, bid, ask, **sizes)
                if rng.random() < 0.1:
                    tape.trade(when, mid)  # the same stamp
    return merged(*tapes)


class Seen(NamedTuple):
    """What a plain reader would have noted of one tick."""

    x: float
    level: float
    quote: bool
    priced: int
    ticks: int
    others: list[float]
    quote_ages: int | None
    spreads: int
    sizes: int
    trades: int
    last_x: float | None
    run: int
    bid: int
    ask: int
    bid_sz: int
    ask_sz: int


@pytest.fixture(scope="module")
def scored() -> Scored:
    return score(feed())


@pytest.fixture(scope="module")
def seen(scored: Scored) -> list[Seen]:
    """The same stream, tick by tick, in plain Python."""
    out = []
    notes: dict[int, dict[str, Any]] = {}
    for row in scored.ticks.rows:
        here = notes.setdefault(int(row["venue"]), dict.fromkeys(("ticks", "priced", "quotes", "trades", "run"), 0))
        now, quote = int(row["event_time"]), row["kind"] == Kind.QUOTE
        x = 0.5 * math.log(int(row["bid_px"]) * int(row["ask_px"])) if quote else math.log(int(row["price"]))
        others = [
            note["mid"]
            for venue, note in notes.items()
            if venue != row["venue"] and note["priced"] >= WARM and now - note["quoted"] <= FRESH_NS
        ]
        key = int(row["bid_px"]) + int(row["ask_px"])
        if quote:
            if here.get("key") == key:
                here["run"] += 1
            else:
                here |= {"key": key, "run": 1}
        out.append(
            Seen(
                x=x,
                level=here.get("mid", math.nan),
                quote=bool(quote),
                priced=here["priced"],
                ticks=here["ticks"],
                others=others,
                quote_ages=now - here["quoted"] if "quoted" in here else None,
                spreads=here["quotes"],
                sizes=here["quotes"] if quote else here["trades"],
                trades=here["trades"],
                last_x=here.get("last"),
                run=max(here["run"], 1),
                bid=int(row["bid_px"]),
                ask=int(row["ask_px"]),
                bid_sz=int(row["bid_sz"]),
                ask_sz=int(row["ask_sz"]),
            )
        )
        here["ticks"] += 1
        here["priced"] += 1
        here["last"] = x
        if quote:
            here |= {"mid": x, "quoted": now}
            here["quotes"] += 1
        else:
            here["trades"] += 1
    return out


def test_the_stream_is_clean(scored: Scored) -> None:
    assert not scored.verdicts["final_quality"].any()


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_every_feature_is_documented(feature: Any) -> None:
    assert feature.name == feature.name.lower()
    assert feature.unit
    assert len(feature.meaning) > 10
    assert feature.meaning[0] != " "


def test_columns_are_in_the_order_of_the_table(scored: Scored) -> None:
    assert tuple(feature.name for feature in FEATURES) == NAMES
    assert [INDEX[name] for name in NAMES] == list(range(len(FEATURES)))
    assert scored.features.shape == (len(scored.ticks), len(FEATURES))
    assert scored.features.dtype == np.float64


MISSING: dict[str, Callable[[Seen], bool]] = {
    "is_trade": lambda s: False,
    "deviation": lambda s: s.priced < WARM,
    "residual": lambda s: not s.others,
    "sources": lambda s: False,
    "outside": lambda s: s.quote or s.quote_ages is None or s.quote_ages == 0 or s.quote_ages > QUOTE_FRESH_NS,
    "quote_age": lambda s: s.quote or s.quote_ages is None,
    "spread_bp": lambda s: not s.quote,
    "spread_ratio": lambda s: not s.quote or s.spreads < SPREADS_NEEDED,
    "bid_move": lambda s: not s.quote,
    "ask_move": lambda s: not s.quote,
    "size": lambda s: s.sizes < WARM,
    "size_balance": lambda s: not s.quote,
    "interval": lambda s: s.ticks < WARM,
    "rate_ratio": lambda s: s.ticks < WARM,
    "equal_run": lambda s: False,
    "missed_move": lambda s: not s.others,
    "ten_distance": lambda s: s.priced < WARM,
    "last_deviation": lambda s: False,
    "step": lambda s: False,
    "others_move": lambda s: not s.others,
    "others_width": lambda s: len(s.others) < 2,
    "flagged_run": lambda s: False,
    "volume_ratio": lambda s: s.quote,
    "conditions": lambda s: False,
}
"""When a feature of a priced tick says nothing, in the words of its `fails`."""


def test_every_feature_has_a_definition_here() -> None:
    assert set(MISSING) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_feature_is_null_exactly_where_it_says(name: str, scored: Scored, seen: list[Seen]) -> None:
    found = np.isnan(scored.features[:, INDEX[name]])
    expected = np.array([MISSING[name](one) for one in seen])
    np.testing.assert_array_equal(found, expected)
    feature = FEATURES[INDEX[name]]
    assert bool(expected.any()) == bool(feature.fails), "`fails` says when a feature is null"
    assert not expected.all()


VALUES: dict[str, Callable[[Seen], float]] = {
    "is_trade": lambda s: 0.0 if s.quote else 1.0,
    "sources": lambda s: float(len(s.others)),
    "quote_age": lambda s: math.log10((s.quote_ages or 0) / NS_PER_SECOND + 1e-6),
    "spread_bp": lambda s: 1e4 * (s.ask - s.bid) / math.sqrt(s.bid * s.ask),
    "size_balance": lambda s: math.log(s.bid_sz / s.ask_sz),
    "equal_run": lambda s: math.log(s.run),
    "flagged_run": lambda s: 0.0,
    "conditions": lambda s: 0.0,
    "ten_distance": lambda s: 1.0,
}


@pytest.mark.parametrize("name", VALUES)
def test_a_feature_is_what_it_says(name: str, scored: Scored, seen: list[Seen]) -> None:
    column = scored.features[:, INDEX[name]]
    expected = [math.nan if MISSING[name](one) else VALUES[name](one) for one in seen]
    np.testing.assert_allclose(column, expected, rtol=1e-6, atol=1e-7)


def test_scaled_features_share_one_scale(scored: Scored, seen: list[Seen]) -> None:
    """deviation · scale = x − level, and so step and width: the scale is what they have in common."""
    column = {name: scored.features[:, INDEX[name]] for name in NAMES}
    away = np.array([one.x - one.level for one in seen])
    scale = away / np.where(column["deviation"] == 0, np.nan, column["deviation"])
    usable = np.isfinite(scale)
    assert usable.sum() > 100
    assert (scale[usable] >= 0.3e-4 * (1 - 1e-9)).all()
    steps = np.array([math.nan if one.last_x is None else one.x - one.last_x for one in seen])
    np.testing.assert_allclose((column["step"] * scale)[usable], steps[usable], rtol=1e-6, atol=1e-9)
    widths = np.array([np.ptp(one.others) if len(one.others) > 1 else math.nan for one in seen])
    np.testing.assert_allclose((column["others_width"] * scale)[usable], widths[usable], rtol=1e-6, atol=1e-9)


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
    assert known == {"is_trade", "interval", "rate_ratio"}
    assert np.isnan(features[1]).all()


def test_a_condition_that_explains_is_seen() -> None:
    tape = Tape()
    for k in range(60):
        tape.quote(k * 0.1)
    tape.trade(7, conditions=int(Condition.AVERAGE_PRICE))
    tape.trade(8, conditions=int(Condition.ODD_LOT))
    assert score(tape.ticks()).features[60:, INDEX["conditions"]].tolist() == [1.0, 0.0]

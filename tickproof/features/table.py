"""FEATURES: the columns that the model is given of a tick, in their order; the kernels fill them by index."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Feature(NamedTuple):
    """One column of the feature matrix: its unit, its meaning, when it is NaN, and the source of its formula.

    Without ``source`` it is a plain ratio, count or difference. "The market" is the shard's other symbols.
    """

    name: str
    unit: str
    meaning: str
    fails: str = ""
    source: str = ""


_PRICES = "before 20 accepted prices of this level"
_CHANGES = _PRICES + " or 20 changes of price"
_MARKET = "fewer than 3 other symbols in about a second"
_PEERS = "no peers, or no move of one in about a second"
_EWMA = "Eckner 2012, next-point interpolation"

FEATURES: tuple[Feature, ...] = (
    Feature("is_trade", "0 or 1", "the tick is a trade"),
    Feature("deviation", "scales", "log price against the venue's own accepted level", "before 20 accepted ticks"),
    Feature("residual", "scales", "log price against the consensus price of the other venues", "no other venue within 30 s"),
    Feature("sources", "venues", "other venues with a price within 30 s"),
    Feature("outside", "spreads", "how far a trade lies outside its venue's quotes", "quotes, or no fresh quotes"),
    Feature("quote_age", "log10 s", "age of the venue's quotes at a trade", "quotes"),
    Feature("spread_bp", "bp", "ask over bid", "one side only, trades"),
    Feature("spread_ratio", "ln", "the spread over the instrument's median spread", "one side only, before 50 quotes"),
    Feature("bid_move", "scales", "log bid against the last bid", "no bid"),
    Feature("ask_move", "scales", "log ask against the last ask", "no ask"),
    Feature("size", "deviations", "log size against the instrument's usual, of quotes or of trades", "no size, before 20 sizes"),
    Feature("size_balance", "ln", "bid size over ask size", "one side only, trades"),
    Feature("interval", "ln", "time since the last tick over the usual one", "before 20 ticks"),
    Feature("rate_ratio", "ln", "fast over slow rate of ticks", "before 20 ticks"),
    Feature("equal_run", "ln ticks", "run of ticks of equal price, 1 and more"),
    Feature(
        "missed_move",
        "scales",
        "move of the other venues' consensus while this price did not change",
        "no other venue within 30 s",
    ),
    Feature(
        "ten_distance", "ln", "distance of price over level to the nearest power of ten but the first", "before 20 accepted ticks"
    ),
    Feature("last_deviation", "scales", "deviation of the tick before"),
    Feature("step", "scales", "log price against the tick before, accepted or not"),
    Feature("others_move", "scales", "mean move of the other venues over about a second", "no other venue within 30 s"),
    Feature("others_width", "scales", "highest less lowest price of the other venues", "fewer than two other venues"),
    Feature("flagged_run", "ln ticks", "consecutive ticks away from the level, this one included"),
    Feature("volume_ratio", "ln", "fast over slow traded size", "quotes"),
    Feature("conditions", "0 or 1", "a sale condition explains an off-market price"),
    Feature("rate_1s", "ratio", "ticks of the last second, this one included, over one more than usual", "before 20 ticks"),
    Feature("rate_64s", "ratio", "ticks of the last 64 s, this one included, over one more than usual", "before 20 ticks"),
    Feature(
        "rescaled_gap",
        "ratio",
        "mean time between the last 20 ticks or so over what a self-exciting process expects: near 0 in a"
        " burst that its own echo does not explain",
        "before 20 ticks",
        "Hawkes 1971; Ogata 1988",
    ),
    Feature("latency", "deviations", "capture time less venue time against its usual", "no venue time, before 20 of them"),
    Feature("mean_9", "scales", "log price against the mean of the last 9 accepted", _PRICES),
    Feature("deviation_9", "scales", "standard deviation of the last 9 accepted prices", _PRICES),
    Feature("median_9", "scales", "log price against the median of the last 9 accepted", _PRICES),
    Feature("mad_9", "scales", "median absolute deviation of the last 9 accepted prices", _PRICES, "Hampel 1974"),
    Feature("mean_64s", "scales", "log price against the mean of those accepted in 64 s", _PRICES + ", fewer than 2 in 64 s"),
    Feature("deviation_64s", "scales", "standard deviation of prices accepted in 64 s", _PRICES + ", fewer than 2 in 64 s"),
    Feature("ewma_8s", "scales", "log price against its mean that decays over 8 s", _PRICES, _EWMA),
    Feature("ewma_64s", "scales", "log price against its mean that decays over 64 s", _PRICES, _EWMA),
    Feature("ewma_512s", "scales", "log price against its mean that decays over 512 s", _PRICES, _EWMA),
    Feature("volatility_ratio", "ratio", "realised volatility over 8 s to that over 512 s", _PRICES + ", no price change lately"),
    Feature("step_tail", "share", "of the instrument's own steps, at least as large as this one, by powers of two", _CHANGES),
    Feature("step_p95", "ratio", "step over the 95 % quantile of steps, which is known to a factor of 1.42", _CHANGES),
    Feature("autocorrelation", "−1 to 1", "of the last 20 price changes or so with those before them", _CHANGES, "Roll 1984"),
    Feature("run_ratio", "ratio", "prices since the last change over the usual run of equal prices", _CHANGES),
    Feature("expected_moves", "moves", "of this price by what the market has moved since it last did", _CHANGES),
    Feature("spread_64s", "ratio", "spread over its mean that decays over 64 s", "trades, before a first accepted quote", _EWMA),
    Feature(
        "size_season",
        "deviations",
        "log size against the instrument's usual at this time of day",
        "no size, before 20 accepted sizes of the instrument and 100 of the half hour",
    ),
    Feature("quote_position", "spreads", "where a trade lies between bid (0) and ask (1)", "quotes, or no fresh quotes"),
    Feature("market_move", "scales", "median move of the market over about a second, to an eighth", _MARKET),
    Feature(
        "market_residual", "scales", "own move over about a second less the market's", _MARKET + ", before 20 accepted ticks"
    ),
    Feature("peer_move", "scales", "mean move of the peers that reference data names, over about a second", _PEERS),
    Feature("peer_residual", "scales", "own move over about a second less the peers'", _PEERS + ", before 20 accepted ticks"),
)
NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
INDEX: dict[str, int] = {name: k for k, name in enumerate(NAMES)}

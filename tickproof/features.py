"""FEATURES: what the model sees of a tick. The order here is the order of the columns; the compiled pass fills them by index."""

from __future__ import annotations

from typing import NamedTuple


class Feature(NamedTuple):
    """One column of the feature matrix: its unit, what it means, and when it says nothing (NaN)."""

    name: str
    unit: str
    meaning: str
    fails: str = ""


FEATURES: tuple[Feature, ...] = (
    Feature("is_trade", "0 or 1", "the tick is a trade"),
    Feature("deviation", "scales", "log price against the venue's own accepted level", "before 20 accepted ticks"),
    Feature("residual", "scales", "log price against the median of the other venues' levels", "no other venue within 30 s"),
    Feature("sources", "venues", "how many other venues gave a level within 30 s"),
    Feature("outside", "spreads", "how far a trade lies outside its venue's quotes", "quotes, or no fresh quotes"),
    Feature("quote_age", "log10 s", "age of the venue's quotes at a trade", "quotes"),
    Feature("spread_bp", "bp", "ask over bid", "one side only, trades"),
    Feature("spread_ratio", "ln", "the spread over the instrument's median spread", "one side only, before 50 quotes"),
    Feature("bid_move", "scales", "log bid against the last bid", "no bid"),
    Feature("ask_move", "scales", "log ask against the last ask", "no ask"),
    Feature("size", "deviations", "log size against the instrument's usual, trades and quotes apart", "no size, before 20 sizes"),
    Feature("size_balance", "ln", "bid size over ask size", "one side only, trades"),
    Feature("interval", "ln", "time since the last tick over the usual one", "before 20 ticks"),
    Feature("rate_ratio", "ln", "fast over slow rate of ticks", "before 20 ticks"),
    Feature("equal_run", "ln ticks", "run of ticks of equal price, 1 and more"),
    Feature("missed_move", "scales", "move of the other venues while this price stood still", "no other venue within 30 s"),
    Feature(
        "ten_distance", "ln", "distance of price over level to the nearest power of ten but the first", "before 20 accepted ticks"
    ),
    Feature("last_deviation", "scales", "deviation of the tick before"),
    Feature("step", "scales", "log price against the tick before, accepted or not"),
    Feature("others_move", "scales", "move of the other venues' median over about a second", "no other venue within 30 s"),
    Feature("others_width", "scales", "how far the other venues disagree", "fewer than two other venues"),
    Feature("flagged_run", "ln ticks", "ticks in a row that lie off, this one included"),
    Feature("volume_ratio", "ln", "fast over slow traded size", "quotes"),
    Feature("conditions", "0 or 1", "a sale condition explains an off-market price"),
)
NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
INDEX: dict[str, int] = {name: k for k, name in enumerate(NAMES)}

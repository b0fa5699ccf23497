"""RULES: the codes that a shard decides without a model, and what each asks."""

from __future__ import annotations

from typing import NamedTuple

from tickproof.rules.price_deviation import DEVIATION_FLOOR, QUOTE_FRESH_NS
from tickproof.rules.quote_sides import SPREADS_NEEDED
from tickproof.rules.reasons import EXPLAINING, QUOTE, TRADE

VERSION = "3"


class Rule(NamedTuple):
    """One code that is decided here, and how."""

    code: str
    how: str


RULES: tuple[Rule, ...] = (
    Rule(
        "field_missing",
        "a trade without price or size, a quote without any side or with a size at no price, a tick without a symbol",
    ),
    Rule("price_not_positive", "any price of the message is zero or less"),
    Rule("sentinel_value", "a price or size that is a placeholder: the channel's list, else the usual ones"),
    Rule("off_tick_grid", "a price off the reference's tick, or off the grid that 1 000 quotes of its instrument kept"),
    Rule("crossed", "bid above ask in one message; a venue that does so in more than 1 % of 1 000 quotes does it by habit"),
    Rule("locked", "bid equals ask in one message, of a venue that does not do so by habit"),
    Rule("decimal_shift", "price over level within 2 % of a power of ten, and other venues do not share it"),
    Rule("unit_change", "one steady ratio of more than 20 % for 20 ticks and 2 s; or sizes that are no lots any more"),
    Rule(
        "spike", "12 scales and 25 bp from the level, and it comes back, or other venues move on without it; less if both are so"
    ),
    Rule("bad_run", "the same, three ticks and more in a row; or a step away from the others that stays for a second"),
    Rule("drift", "prices that slide away from at least two other venues, which stay where they were"),
    Rule("digit_error", "a spike whose price is the level with two neighbouring digits exchanged"),
    Rule("bit_flip", "a spike whose price is the level with one bit flipped"),
    Rule("field_swap", "price and size exchanged, or the sides of the quote before exchanged"),
    Rule("symbol_swap", "a spike whose price is the level of another symbol of the venue"),
    Rule("wide_spread", "a spread over 15 times its median and 20 bp"),
    Rule("size_outlier", "a trade of no size, or a size that a power-law tail gives once in ten million"),
    Rule("outside_quotes", "a trade 3 spreads and 20 bp outside fresh quotes of earlier stamps, to which no quote moves"),
    Rule("explained_print", "an off-market trade whose sale condition explains it"),
    Rule("cancelled", "the venue takes a trade back"),
    Rule("corrected", "the venue corrects a trade"),
    Rule(
        "frozen", "quotes repeat a price that the other venues have left, or the very message before, against the venue's habit"
    ),
    Rule("stale_book", "trade after trade prints outside a quote that stands still, against the venue's habit"),
    Rule("burst", "many times the busiest second so far on one venue alone, and prices stand still"),
    Rule(
        "cross_break",
        "a leg of a relation leaves the others, beyond spreads and 10 scales of the residual, and does not come back",
    ),
    Rule("genuine_move", "12 scales and 25 bp from the level, shared by other venues"),
)

__all__ = ["DEVIATION_FLOOR", "EXPLAINING", "QUOTE", "QUOTE_FRESH_NS", "RULES", "SPREADS_NEEDED", "TRADE", "VERSION", "Rule"]

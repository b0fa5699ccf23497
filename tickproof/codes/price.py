"""Codes of a price against its venue's own level and against other venues."""

from __future__ import annotations

from tickproof.codes.code import Advice, Check, Class, Code, Labels, Quality, Scope, Severity, Stage

_FINALIZE = "tickproof.rules.finalize_price:finalize_price"
_AGAINST_LEVEL = Labels("price", "limit", "usual level")

CODES = (
    Code(
        bit=6,
        name="decimal_shift",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.CRITICAL,
        quality=Quality.CORRUPT,
        unit="price",
        labels=_AGAINST_LEVEL,
        meaning="a price off by a power of ten",
        how="the price divided by the level is within 2 % of a power of ten, and other venues do not share the move",
        checks=(Check(Stage.SHARD, "tickproof.shard.check_price:check_price"),),
        finalize=_FINALIZE,
        advice=Advice(
            why="The price is off the venue's own level by almost exactly a power of ten, and no other venue moved there.",
            action="Leave the tick out, and check the price scale in the feed handler, especially after a release.",
            innocent="A split or a redenomination: put it into the reference data.",
        ),
    ),
    Code(
        bit=7,
        name="unit_change",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.CRITICAL,
        quality=Quality.CORRUPT,
        unit="price",
        labels=Labels("price or size", "limit", "usual"),
        meaning="a change of unit that lasts",
        how="prices stay off their level by one ratio of more than 20 %, steady to 2 %, for 20 ticks and 2 s; or the sizes of "
        "20 quotes in a row are no whole lots, after 100 that were",
        checks=(
            Check(Stage.SHARD, "tickproof.rules.venue_divergence:follow_ratio"),
            Check(Stage.SHARD, "tickproof.rules.tick_grid:check_grid"),
        ),
        finalize=_FINALIZE,
        advice=Advice(
            why="Prices or sizes are off by a constant factor, and it lasts: cents for pounds, lots for shares.",
            action="Stop using this source for the instrument, and check the unit that it is configured with.",
            innocent="A split: put it into the reference data.",
        ),
    ),
    Code(
        bit=8,
        name="digit_error",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.CRITICAL,
        quality=Quality.CORRUPT,
        unit="price",
        labels=_AGAINST_LEVEL,
        meaning="mistyped digits, or a small fat-finger error",
        how="a spike whose price is the expected one with two neighbouring digits transposed; also the name of a small outlier "
        "that the model alone finds",
        checks=(Check(Stage.SHARD, "tickproof.rules.error_cause:error_cause"),),
        finalize=_FINALIZE,
        advice=Advice(
            why="The price does not fit what this venue and the other venues showed just before and after; it looks mistyped.",
            action="Leave the tick out, and compare it with the venue's own record of the trade.",
            innocent="A real move that nobody else has followed yet.",
        ),
    ),
    Code(
        bit=9,
        name="spike",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.CRITICAL,
        quality=Quality.CORRUPT,
        unit="price",
        labels=_AGAINST_LEVEL,
        meaning="one outlier: the price jumps away and comes back",
        how="the price is more than 12 scales and 25 bp off its level, and within the lookahead it comes back or other venues "
        "quote on without it; a quote below 25 bp needs both",
        checks=(Check(Stage.SHARD, "tickproof.shard.check_price:check_price"),),
        finalize=_FINALIZE,
        advice=Advice(
            why="The price left the venue's level by far more than it usually moves, and came back, or others went on without "
            "it.",
            action="Leave the tick out; if the venue does not cancel the trade, report it to them.",
            innocent="A flash crash: then sizes, spreads and other venues move too.",
        ),
    ),
    Code(
        bit=10,
        name="bad_run",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.CRITICAL,
        quality=Quality.CORRUPT,
        unit="price",
        labels=_AGAINST_LEVEL,
        meaning="a run of outliers at a level that no other venue shows",
        how="a spike that goes on for three ticks or more; or one step away from at least two other venues that agree, by 9 "
        "usual differences and 5 bp, held for ten ticks and a second",
        checks=(Check(Stage.SHARD, "tickproof.rules.venue_divergence:follow_divergence"),),
        finalize=_FINALIZE,
        advice=Advice(
            why="Several ticks in a row are off the accepted level, and no other venue is there.",
            action="Use another source for this instrument until the run ends; look for a wrong book or a stuck component.",
            innocent="News that only this venue has traded on so far.",
        ),
    ),
    Code(
        bit=11,
        name="drift",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.CRITICAL,
        quality=Quality.CORRUPT,
        unit="price",
        labels=Labels("price", "limit", "expected from other venues"),
        meaning="prices that slide away from every other source",
        how="prices slide away, in many small steps, from at least two other venues that agree and stay where they were, by 9 "
        "usual differences and 5 bp, for ten ticks and a second",
        checks=(Check(Stage.SHARD, "tickproof.rules.venue_divergence:follow_divergence"),),
        finalize=_FINALIZE,
        advice=Advice(
            why="The price moved away from those of the other venues in many small steps, and they did not follow.",
            action="Use another source, and look for a stale input in the calculation of the price.",
            innocent="A trend that all venues share.",
        ),
    ),
    Code(
        bit=12,
        name="bit_flip",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.CRITICAL,
        quality=Quality.CORRUPT,
        unit="price",
        labels=_AGAINST_LEVEL,
        meaning="a flipped bit that still parses",
        how="a spike whose price, in units of 1e-9 or in ticks, is the expected one with one bit flipped",
        checks=(Check(Stage.SHARD, "tickproof.rules.error_cause:error_cause"),),
        finalize=_FINALIZE,
        advice=Advice(
            why="The value differs from the expected one by a single bit, and still parses.",
            action="Leave the tick out, check memory and network on the path, and switch checksums on.",
            innocent="A large real move.",
        ),
    ),
    Code(
        bit=13,
        name="field_swap",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.CRITICAL,
        quality=Quality.CORRUPT,
        unit="price",
        labels=Labels("price or bid", "usual level or ask", ""),
        meaning="two fields exchanged: price and size, or bid and ask",
        how="the price is a whole number more than 10 % off its level, and the size is what the price should be; or a quote has "
        "the bid and ask of the quote before exchanged, on a venue that never crosses",
        checks=(
            Check(Stage.SHARD, "tickproof.rules.error_cause:fields_swapped"),
            Check(Stage.SHARD, "tickproof.rules.quote_sides:check_sides"),
        ),
        advice=Advice(
            why="The message makes sense with two of its fields exchanged: bid and ask, or price and size.",
            action="Leave the tick out, and check the field order in the feed handler.",
            innocent="",
        ),
    ),
    Code(
        bit=14,
        name="symbol_swap",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.CRITICAL,
        quality=Quality.CORRUPT,
        unit="price",
        labels=_AGAINST_LEVEL,
        meaning="a tick of another symbol",
        how="a spike whose price is the level of another symbol that the venue quoted lately; not where the levels of 128 "
        "symbols cover so much that any price would be one",
        checks=(Check(Stage.SHARD, "tickproof.rules.error_cause:error_cause"),),
        finalize=_FINALIZE,
        advice=Advice(
            why="The price fits another symbol of this venue and not this one.",
            action="Leave the tick out, and check the symbol table, especially after a reload.",
            innocent="A renamed instrument.",
        ),
    ),
    Code(
        bit=43,
        name="genuine_move",
        scope=Scope.SYMBOL,
        class_=Class.MARKET_EVENT,
        severity=Severity.INFO,
        quality=Quality.MARKET_EVENT,
        unit="price",
        labels=_AGAINST_LEVEL,
        meaning="a large move that other sources confirm",
        how="the price is more than 12 scales and 50 bp off its level, and other venues share the move; on a venue without "
        "others, it goes on there at a higher pace or volume; or a whole leg leaves its relation with wide spreads",
        checks=(
            Check(Stage.SHARD, "tickproof.shard.check_price:check_price"),
            Check(Stage.SHARD, "tickproof.rules.relations.breaks:check_relations"),
        ),
        finalize=_FINALIZE,
        advice=Advice(
            why="Other venues, volume or spreads moved along: it is the market, not the feed.",
            action="Keep the tick; widen your limits rather than drop data.",
            innocent="",
        ),
    ),
)

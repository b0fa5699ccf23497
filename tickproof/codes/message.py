"""Codes of one message: what is missing in it, and what no price or size can be."""

from __future__ import annotations

from tickproof.codes.code import NO_VALUES, Advice, Check, Class, Code, Labels, Quality, Scope, Severity, Stage

CODES = (
    Code(
        bit=2,
        name="field_missing",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.WARNING,
        quality=Quality.CORRUPT,
        unit="fields",
        labels=NO_VALUES,
        meaning="a null where this kind of message needs a value",
        how="a trade lacks its price or size, a quote has neither side or a size without a price, or the symbol is missing",
        checks=(Check(Stage.SHARD, "tickproof.rules.message:check_message"),),
        advice=Advice(
            why="A value that this kind of message needs is null: the price or size of a trade, both sides of a quote, the "
            "symbol.",
            action="Leave the tick out, and check how the feed handler maps the field.",
            innocent="",
        ),
    ),
    Code(
        bit=3,
        name="price_not_positive",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.CRITICAL,
        quality=Quality.CORRUPT,
        unit="price",
        labels=Labels("price", "", ""),
        meaning="a price that is zero or negative",
        how="any price of the message is zero or less, and the reference data does not allow that for the instrument",
        checks=(Check(Stage.SHARD, "tickproof.rules.message:check_message"),),
        advice=Advice(
            why="A price of the message is zero or less, which this instrument cannot have.",
            action="Leave the tick out, and check the decoder for lost signs and for empty sides that are sent as zero.",
            innocent="Spreads, and power or oil in a glut: allow it for the instrument in the reference data.",
        ),
    ),
    Code(
        bit=4,
        name="sentinel_value",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.CRITICAL,
        quality=Quality.CORRUPT,
        unit="price",
        labels=Labels("value", "", ""),
        meaning="a placeholder read as a value",
        how="a price or size is one of the channel's placeholders, or of the usual ones where it lists none (−1, 999 999.9999, "
        "the largest and smallest integers), and the symbol does not trade near it",
        checks=(Check(Stage.SHARD, "tickproof.rules.message:placeholder"),),
        advice=Advice(
            why="The value is a placeholder of the feed, such as −1 or the largest integer, that was read as a number.",
            action="Leave the tick out, and add the placeholder to the feed handler's list.",
            innocent="",
        ),
    ),
    Code(
        bit=5,
        name="off_tick_grid",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.WARNING,
        quality=Quality.CORRUPT,
        unit="price",
        labels=Labels("price", "tick size", "nearest price on the grid"),
        meaning="a price off its tick size",
        how="a price is no multiple of the tick size in the reference data (half a tick is allowed for a trade); without one, "
        "of the grid that 2 000 quoted prices of the instrument kept to",
        checks=(Check(Stage.SHARD, "tickproof.rules.tick_grid:check_grid"),),
        advice=Advice(
            why="The price is no multiple of the instrument's tick size.",
            action="Check the tick table and the decimals of the feed handler.",
            innocent="Average prices, which may lie between ticks.",
        ),
    ),
    Code(
        bit=18,
        name="size_outlier",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.WARNING,
        quality=Quality.CORRUPT,
        unit="size",
        labels=Labels("size", "", ""),
        meaning="an absurd or zero size",
        how="a size is negative; a trade has size zero on a venue where that is not a habit; a size is larger than a power-law "
        "tail of the instrument's sizes gives once in ten million; or a displayed size is larger than once in 100 000 and gone "
        "with the next message while its price stays",
        checks=(
            Check(Stage.SHARD, "tickproof.rules.message:check_message"),
            Check(Stage.SHARD, "tickproof.rules.sizes:check_sizes"),
        ),
        finalize="tickproof.rules.sizes:finalize_sizes",
        advice=Advice(
            why="The size is far beyond anything that this instrument has shown, or it is zero or negative.",
            action="Leave the size out of volumes, and check whether lots and shares were mixed up.",
            innocent="Auctions and block trades.",
        ),
    ),
)

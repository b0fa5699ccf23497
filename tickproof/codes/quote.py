"""Codes of the two sides of a quote."""

from __future__ import annotations

from tickproof.codes.code import Advice, Check, Class, Code, Labels, Quality, Scope, Severity, Stage

CODES = (
    Code(
        bit=15,
        name="crossed",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.WARNING,
        quality=Quality.CORRUPT,
        unit="price",
        labels=Labels("bid", "ask", ""),
        meaning="bid above ask on one venue",
        how="bid above ask in one message, beyond twice the widest crossing of a venue that crosses by habit (more than 1 % of "
        "at least 1 000 quotes); only suspect until 1 000 quotes of the venue are known",
        checks=(Check(Stage.SHARD, "tickproof.rules.quote_sides:check_sides"),),
        advice=Advice(
            why="One message of one venue bids more than it asks, and this venue does not do so by habit.",
            action="Do not price from this quote; if it lasts, ask the venue or the aggregator.",
            innocent="Feeds that aggregate several sources cross by habit; the habit is learnt.",
        ),
    ),
    Code(
        bit=16,
        name="locked",
        scope=Scope.SYMBOL,
        class_=Class.INFORMATION,
        severity=Severity.INFO,
        quality=Quality.GOOD,
        unit="price",
        labels=Labels("bid", "ask", ""),
        meaning="bid equals ask",
        how="bid equals ask in one message, on a venue that does not lock by habit (more than 1 % of at least 1 000 quotes)",
        checks=(Check(Stage.SHARD, "tickproof.rules.quote_sides:check_sides"),),
        advice=Advice(
            why="Bid and ask of one message are equal, which is common and legal.",
            action="Nothing.",
            innocent="",
        ),
    ),
    Code(
        bit=17,
        name="wide_spread",
        scope=Scope.SYMBOL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.WARNING,
        quality=Quality.SUSPECT,
        unit="ratio",
        labels=Labels("times the median", "limit", ""),
        meaning="a spread far wider than usual",
        how="the spread is more than 15 times the instrument's median spread and more than 20 bp, after 20 quotes; information "
        "outside the session, at its edges, and where it is the venue's habit (more than 1 % of its quotes)",
        checks=(Check(Stage.SHARD, "tickproof.rules.quote_sides:check_sides"),),
        advice=Advice(
            why="The spread is many times the instrument's usual one.",
            action="Do not price from the mid of this quote, and see whether the venue lost its market makers.",
            innocent="The open, the close, and venues where little is traded.",
        ),
    ),
    Code(
        bit=35,
        name="stale_book",
        scope=Scope.SYMBOL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.CRITICAL,
        quality=Quality.SUSPECT,
        unit="price",
        labels=Labels("trade", "quote", "mid"),
        meaning="quotes that no longer match the trades",
        how="trade after trade prints on one side of an unchanged quote for at least a second, until a stale quote is e^16 "
        "times as likely as the venue's habit",
        checks=(Check(Stage.SHARD, "tickproof.rules.repeats:check_trade_outside"),),
        advice=Advice(
            why="Trades print outside a quote that does not change: messages of the book were probably lost.",
            action="Take a new snapshot of the book.",
            innocent="",
        ),
    ),
)

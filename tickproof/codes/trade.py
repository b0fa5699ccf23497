"""Codes of trades: against the quotes of their venue, and what the venue itself says of them."""

from __future__ import annotations

from tickproof.codes.code import Advice, Check, Class, Code, Labels, Quality, Scope, Severity, Stage

CODES = (
    Code(
        bit=19,
        name="outside_quotes",
        scope=Scope.SYMBOL,
        class_=Class.CORRUPT_TICK,
        severity=Severity.WARNING,
        quality=Quality.CORRUPT,
        unit="price",
        labels=Labels("price", "limit", "quote"),
        meaning="a trade far outside fresh quotes of its venue",
        how="a trade is 3 spreads and 20 bp outside quotes of its venue that have earlier time stamps and are at most 2 s old, "
        "no condition explains it, and within the lookahead no quote follows it",
        checks=(Check(Stage.SHARD, "tickproof.shard.check_price:check_price"),),
        finalize="tickproof.rules.finalize_price:finalize_price",
        advice=Advice(
            why="A trade is far outside fresh quotes of its own venue, no condition explains it, and no quote followed it.",
            action="Leave the print out, and see whether its condition code was lost on the way.",
            innocent="Late and averaged prints that lost their condition on the way.",
        ),
    ),
    Code(
        bit=20,
        name="explained_print",
        scope=Scope.SYMBOL,
        class_=Class.INFORMATION,
        severity=Severity.INFO,
        quality=Quality.GOOD,
        unit="price",
        labels=Labels("price", "limit", "usual level"),
        meaning="an off-market print that its sale condition explains",
        how="a trade outside the quotes, or 5 scales and 10 bp off its level, that has a condition such as average price, "
        "derivatively priced, sold late, out of sequence, prior reference price, contingent or official price",
        checks=(Check(Stage.SHARD, "tickproof.shard.check_price:check_price"),),
        advice=Advice(
            why="A trade away from the market carries a sale condition that explains it: averaged, late, derived, out of "
            "sequence.",
            action="Nothing: do not take it for the current price.",
            innocent="",
        ),
    ),
    Code(
        bit=21,
        name="cancelled",
        scope=Scope.SYMBOL,
        class_=Class.INFORMATION,
        severity=Severity.INFO,
        quality=Quality.GOOD,
        unit="price",
        labels=Labels("price", "", "usual level"),
        meaning="a trade that the venue cancelled",
        how="the message is a trade cancel",
        checks=(Check(Stage.SHARD, "tickproof.rules.corrections:apply_correction"),),
        advice=Advice(why="The venue cancelled a trade.", action="Take it out of volumes and bars.", innocent=""),
    ),
    Code(
        bit=22,
        name="corrected",
        scope=Scope.SYMBOL,
        class_=Class.INFORMATION,
        severity=Severity.INFO,
        quality=Quality.GOOD,
        unit="price",
        labels=Labels("price", "", "usual level"),
        meaning="a trade that the venue corrected",
        how="the message is a trade correction",
        checks=(Check(Stage.SHARD, "tickproof.rules.corrections:apply_correction"),),
        advice=Advice(why="The venue corrected a trade.", action="Replace the old one in volumes and bars.", innocent=""),
    ),
)

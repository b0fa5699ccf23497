"""Codes that need reference data: listings, sessions, and relations between instruments."""

from __future__ import annotations

from tickproof.codes.code import NO_VALUES, Advice, Check, Class, Code, Labels, Quality, Scope, Severity, Stage

CODES = (
    Code(
        bit=37,
        name="out_of_session",
        scope=Scope.SYMBOL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.WARNING,
        quality=Quality.SUSPECT,
        unit="",
        labels=NO_VALUES,
        meaning="ticks while the venue is shut",
        how="capture time and venue time of a quote or trade both lie outside the venue's sessions in the reference data, and "
        "it has no extended-hours condition",
        checks=(Check(Stage.CHANNEL, "tickproof.channel.check_frame:_check_listing"),),
        advice=Advice(
            why="Ticks arrived while the venue is shut.",
            action="Leave them out of session figures, and check calendar and time zone.",
            innocent="Extended hours.",
        ),
        closes_after_s=3_600,
    ),
    Code(
        bit=38,
        name="unknown_symbol",
        scope=Scope.SYMBOL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.WARNING,
        quality=Quality.SUSPECT,
        unit="",
        labels=NO_VALUES,
        meaning="a symbol that the reference data does not list",
        how="the symbol is not among the channel's instruments in the reference data, which is believed after 20 ticks of "
        "listed symbols and while at most one tick in five is unlisted",
        checks=(Check(Stage.CHANNEL, "tickproof.channel.check_frame:_check_listing"),),
        advice=Advice(
            why="The symbol is in no reference data.",
            action="Add it, or find out who sends it.",
            innocent="A new listing.",
        ),
    ),
    Code(
        bit=41,
        name="cross_break",
        scope=Scope.SYMBOL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.WARNING,
        quality=Quality.SUSPECT,
        unit="price",
        labels=Labels("price", "limit", "implied by the other legs"),
        meaning="a triangle or a pair breaks",
        how="a leg leaves the others of its relation by more than 10 times the usual residual, the spreads of all legs together "
        "and the tolerance, and stays there for five quotes and a second while the other legs are quoted again",
        checks=(Check(Stage.SHARD, "tickproof.rules.relations.breaks:check_relations"),),
        advice=Advice(
            why="A relation between instruments that always holds does not hold.",
            action="Find the leg that is wrong before any of them is used.",
            innocent="A dislocation of the market.",
        ),
    ),
)

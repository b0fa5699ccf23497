"""Codes of how much arrives: too little, too much, or the same again and again."""

from __future__ import annotations

from tickproof.codes.code import Advice, Check, Class, Code, Labels, Plot, Quality, Scope, Severity, Stage

_REGIME = (Check(Stage.FEED, "tickproof.feeds.rate_and_mix:check_second"),)
_AGAINST_PEERS = Labels("times what is expected", "limit", "")

CODES = (
    Code(
        bit=33,
        name="frozen",
        scope=Scope.SYMBOL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.CRITICAL,
        quality=Quality.SUSPECT,
        unit="price",
        labels=Labels("price", "limit", "expected"),
        meaning="messages flow, and the price does not move",
        how="at least 8 quotes and a second at one price that the other venues have left, with a chance of e^-16 by the venue's "
        "habit, or 5 quotes and 5 s with a chance of e^-11 and less; or 16 quotes and a second of the very same message, three "
        "times its longest run so far, with a chance of e^-24",
        checks=(
            Check(Stage.SHARD, "tickproof.rules.venue_divergence:follow_divergence"),
            Check(Stage.SHARD, "tickproof.instrument.standstill:is_frozen"),
            Check(Stage.SHARD, "tickproof.rules.repeats:check_repeat"),
        ),
        advice=Advice(
            why="Messages keep coming while the price does not move, though other venues do, or against this venue's habit.",
            action="Use another source, and see whether a cache answers instead of the market.",
            innocent="An instrument that is hardly traded, or a halt.",
        ),
    ),
    Code(
        bit=34,
        name="silent",
        scope=Scope.SYMBOL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.CRITICAL,
        quality=Quality.GOOD,
        unit="ns",
        labels=Labels("silence", "limit", "longest usual pause"),
        meaning="a symbol, a channel or a feed stops",
        how="nothing for 2.5 to 4.5 times the longest usual pause, more where pauses are long, and at least 2 s (a channel: 1.5 "
        "s); of a symbol also 30 mean gaps in which its channel lived, and 20 ticks by the pace of its other venues, or 20 s and "
        "twice its longest pause, with a chance of e^-11 and less by its rate and what its other venues did meanwhile; not while "
        "halted or shut, nor in a break that comes each day",
        checks=(
            Check(Stage.CHANNEL, "tickproof.channel.silence:open_silence"),
            Check(Stage.SHARD, "tickproof.instrument.silence:sweep"),
            Check(Stage.SHARD, "tickproof.instrument.absence:sweep_absences"),
            Check(Stage.FEED, "tickproof.feeds.silence:observe"),
        ),
        advice=Advice(
            why="Nothing came for several times the longest usual pause: of a symbol while its channel lived, or of a whole "
            "channel.",
            action="Check the subscription and the line, and treat the last price as old.",
            innocent="Lunch, a halt, a holiday, a scheduled break, or an instrument that is hardly traded.",
        ),
        plot=Plot.RATE,
    ),
    Code(
        bit=36,
        name="burst",
        scope=Scope.SYMBOL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.WARNING,
        quality=Quality.SUSPECT,
        unit="messages",
        labels=Labels("counted", "limit", "usual"),
        meaning="many messages without information",
        how="few quotes move a price, and a symbol has 4 times its busiest second so far (10 times, if it has no other venue) "
        "while its other venues are calm; or a channel has 400 quotes and twice its busiest half second so far, or far more "
        "than its peers suggest",
        checks=(
            Check(Stage.SHARD, "tickproof.rules.bursts:check_burst"),
            Check(Stage.CHANNEL, "tickproof.channel.bursts:is_burst"),
            Check(Stage.FEED, "tickproof.feeds.bursts:find_bursts"),
        ),
        advice=Advice(
            why="Many more messages than usual, and nothing new in them.",
            action="Conflate or throttle; look for a replayed block or a component in a loop.",
            innocent="News, where activity feeds on itself.",
        ),
        plot=Plot.RATE,
    ),
    Code(
        bit=39,
        name="rate_shift",
        scope=Scope.CHANNEL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.WARNING,
        quality=Quality.GOOD,
        unit="ratio",
        labels=_AGAINST_PEERS,
        meaning="the message rate shifts away from that of its peers",
        how="over 5, 10, 20 or 60 s, and for 2 s in a row, the rate differs from what its peers suggest by 6 usual residuals (8 "
        "with fewer than three peers) and by a quarter to a third",
        checks=_REGIME,
        advice=Advice(
            why="The rate of messages has moved away from what is usual in such a market.",
            action="Check subscriptions and filters that changed lately.",
            innocent="Another market regime.",
        ),
        plot=Plot.RATE,
    ),
    Code(
        bit=40,
        name="mix_shift",
        scope=Scope.CHANNEL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.WARNING,
        quality=Quality.GOOD,
        unit="ratio",
        labels=_AGAINST_PEERS,
        meaning="the mix of messages shifts away from that of its peers",
        how="the same for the share of trades, the share of trades with a condition, or the mean size, by at least a factor of "
        "1.4 to 2.7, by measure and window",
        checks=_REGIME,
        advice=Advice(
            why="The mix of messages has moved away from what is usual in such a market.",
            action="Check subscriptions and filters that changed lately.",
            innocent="Another market regime.",
        ),
        plot=Plot.RATE,
    ),
)

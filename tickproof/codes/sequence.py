"""Codes of a channel's sequence numbers and message ids."""

from __future__ import annotations

from tickproof.codes.code import Advice, Check, Class, Code, Labels, Plot, Quality, Scope, Severity, Stage

_COUNT = Check(Stage.CHANNEL, "tickproof.channel.sequence.numbers:check_number")
_COUNT_ID = Check(Stage.CHANNEL, "tickproof.channel.sequence.trade_ids:check_trade_id")
_NUMBER = Labels("number or id", "", "expected number")

CODES = (
    Code(
        bit=23,
        name="sequence_gap",
        scope=Scope.CHANNEL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.CRITICAL,
        quality=Quality.GOOD,
        unit="messages",
        labels=Labels("lost", "", "missing at arrival"),
        meaning="sequence numbers are missing",
        how="a number is higher than expected, and none of the same time stamp fills in; what does not arrive within 1 s and "
        "4 096 later numbers counts as lost, and if nothing is lost the finding becomes information",
        checks=(_COUNT,),
        finalize="tickproof.channel.sequence.gaps:expire_gaps",
        advice=Advice(
            why="Numbers of the channel's own counter are missing: messages were lost.",
            action="Ask for a retransmission or a snapshot; until then the books of this channel cannot be trusted.",
            innocent="A recording that holds only a part of its channel: say so in the reference data.",
        ),
        is_summed=True,
    ),
    Code(
        bit=24,
        name="sequence_reset",
        scope=Scope.CHANNEL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.WARNING,
        quality=Quality.GOOD,
        unit="sequence",
        labels=Labels("number", "", "expected number"),
        meaning="the counter starts again",
        how="a session start carries another number than expected (information); a number falls to 0 or 1; or three messages in "
        "a row go on from an earlier number with new content and new times",
        checks=(_COUNT,),
        advice=Advice(
            why="The channel's counter started again.",
            action="Take a new snapshot; if no session start announced it, ask the venue.",
            innocent="The weekly reset.",
        ),
    ),
    Code(
        bit=25,
        name="duplicate",
        scope=Scope.CHANNEL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.WARNING,
        quality=Quality.SUSPECT,
        unit="sequence",
        labels=_NUMBER,
        meaning="the same sequence number or id again",
        how="a number, or where a feed has none the id of a trade, comes again with the same content",
        checks=(_COUNT, _COUNT_ID),
        advice=Advice(
            why="A message came again with the same number or id, and the same content.",
            action="Count it once, and look for a producer that repeats after a reconnect.",
            innocent="Fills of one order in one millisecond, where the feed has no ids.",
        ),
    ),
    Code(
        bit=26,
        name="duplicate_changed",
        scope=Scope.CHANNEL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.CRITICAL,
        quality=Quality.SUSPECT,
        unit="sequence",
        labels=_NUMBER,
        meaning="the same sequence number or id with other content",
        how="a number or id comes again, and prices, sizes, symbol or venue time are others",
        checks=(_COUNT, _COUNT_ID),
        advice=Advice(
            why="A number or id came again with other content: one of the two messages is wrong.",
            action="Find out which one is right before either is used; ask the producer.",
            innocent="A correction that was not marked as one.",
        ),
    ),
    Code(
        bit=27,
        name="replayed_block",
        scope=Scope.CHANNEL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.CRITICAL,
        quality=Quality.SUSPECT,
        unit="messages",
        labels=Labels("numbers back", "", ""),
        meaning="a block of old messages, sent again",
        how="24 messages in a row whose numbers and content are known already; or messages with earlier numbers and earlier "
        "venue times, in a row",
        checks=(_COUNT, _COUNT_ID),
        advice=Advice(
            why="A block of old messages was sent again: numbers and times go back.",
            action="Drop what was seen before, and look at the reconnect just before it.",
            innocent="",
        ),
    ),
    Code(
        bit=28,
        name="out_of_order",
        scope=Scope.CHANNEL,
        class_=Class.FEED_ANOMALY,
        severity=Severity.WARNING,
        quality=Quality.SUSPECT,
        unit="ns",
        labels=Labels("behind", "", ""),
        meaning="sequence or capture time goes back",
        how="a message fills a gap of numbers, or its capture time is before that of the message before; by up to 5 numbers and "
        "5 ms it is information, and so is any order within one time stamp, which marks no tick",
        checks=(_COUNT, Check(Stage.CHANNEL, "tickproof.channel.check_frame:_check_order")),
        advice=Advice(
            why="A message arrived after a later one of its channel.",
            action="If order matters to you, sort within the reorder window, and see which path was slow.",
            innocent="Two paths of different length.",
        ),
        plot=Plot.LATENCY,
    ),
)
